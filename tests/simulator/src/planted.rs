//! Faults that are planted, so that the checks can be seen to fail.

use verbund::{
    client::Event,
    code::Code,
    content::Text,
    store::{Apply as _, Batch, MemoryStore},
};

use crate::{phone::Shown, world::World};

/// Something that is planted in what an app was told.
type Change = fn(&mut Vec<Shown>);

impl World {
    /// Servers lose their rooms.
    pub fn plant_truncation(&mut self) {
        if self.planted.truncates {
            for site in &mut self.sites {
                let rows = site.machine.store.rows().map(|(key, value)| (key.to_vec(), value.to_vec()));
                let kept: MemoryStore = rows.filter(|(key, _)| !key.starts_with(b"room/")).collect();
                site.machine.store = kept;
            }
        }
    }

    /// What apps were told is changed before it is looked at.
    pub fn plant_history(&mut self) {
        let planted = self.planted;
        let changes: [(bool, Change); 4] = [
            (planted.twists_words, |shown| {
                for told in shown {
                    if let Event::Message { content, .. } = &mut told.event {
                        *content = Text::plain("something else").expect("a text").into();
                    }
                }
            }),
            (planted.swaps_messages, |shown| {
                let said = |told: &Shown| matches!(told.event, Event::Message { .. } | Event::Sent { .. });
                let places: Vec<usize> = (0..shown.len()).filter(|place| said(&shown[*place])).collect();
                if let [.., one, other] = places[..] {
                    shown.swap(one, other);
                }
            }),
            (planted.denies_messages, |shown| {
                for told in shown {
                    if let Event::Sent { request, .. } = told.event {
                        told.event = Event::Failed { request, code: Code::NotMember, retry_at: None };
                    }
                }
            }),
            (planted.hides_answers, |shown| shown.retain(|told| !matches!(told.event, Event::Done { .. }))),
        ];
        for (_, change) in changes.iter().filter(|(wanted, _)| *wanted) {
            self.phones.iter_mut().for_each(|phone| change(&mut phone.shown));
        }
        if planted.leaks {
            // A device that was in no room when they were said.
            self.enrol_further(0);
            let all = self.phones[0].shown.clone();
            let said = all.into_iter().filter(|told| matches!(told.event, Event::Message { .. }));
            self.phones.last_mut().expect("just enrolled").shown.extend(said);
        }
    }

    /// A row that nobody has written.
    pub fn plant_row(&mut self) {
        if self.planted.grows {
            let mut batch = Batch::default();
            batch.put(b"e/planted".to_vec(), Vec::new());
            self.phones[0].machine.store.apply(&batch).expect("a store in memory");
        }
    }
}
