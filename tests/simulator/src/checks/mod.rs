//! What has to hold when a run is over. Each check looks at everything and says all that it finds:
//! without a restored server the first finding is a failure, and with one each has to be answered
//! for (`disaster`).

mod delivery;
mod fates;
mod history;
mod membership;
mod rest;

pub use rest::grown;

use verbund::ids::RoomId;

use crate::world::World;

/// Something that does not hold.
#[derive(Clone, Debug)]
pub struct Finding {
    pub check: &'static str,
    /// Whose view it is in.
    pub phone: Option<usize>,
    pub room: Option<RoomId>,
    /// Between which sites, if it is no phone's.
    pub link: Option<(usize, usize)>,
    /// Others who have what this phone lacks, or another view: it may be they who stand aside.
    pub others: Vec<usize>,
    pub text: String,
}

impl World {
    /// Every check, in an order in which the first that fails says most.
    pub fn check(&mut self) {
        let checks = [
            World::check_order,
            World::check_places,
            World::check_words,
            World::check_agreement,
            World::check_members,
            World::check_ghosts,
            World::check_brought,
            World::check_failed,
            World::check_delivery,
            World::check_fates,
            World::check_restored,
            World::check_rest,
        ];
        let findings: Vec<Finding> = checks.into_iter().flat_map(|check| check(self)).collect();
        self.count_history();
        self.judge(findings);
    }

    /// Something that is wrong at a phone.
    fn finding(
        &self,
        check: &'static str,
        (phone, room): (usize, Option<RoomId>),
        text: impl AsRef<str>,
    ) -> Finding {
        let text = format!("{}: {}", self.phones[phone].machine.name, text.as_ref());
        Finding { check, phone: Some(phone), room, link: None, others: Vec::new(), text }
    }

    /// Phones beside this one that have a room.
    fn others_in(&self, room: RoomId, phone: usize) -> Vec<usize> {
        let has = |other: &usize| *other != phone && self.rooms_of(*other).iter().any(|here| here.id == room);
        self.sound().into_iter().filter(has).collect()
    }

    /// Phones of which everything is promised.
    fn sound(&self) -> Vec<usize> {
        let sound = |phone: &usize| !self.phones[*phone].gone && !self.phones[*phone].restored;
        (0..self.phones.len()).filter(sound).collect()
    }
}
