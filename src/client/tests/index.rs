//! What applies to what: each rule, what a row costs, and several readers of one log.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};

use super::Phone;
use crate::{
    attachment::seal_all,
    client::{
        Applied, By, Client, Marking,
        index::{Noted, Placed},
        keys,
    },
    code::Code,
    content::{Attachment, Content, Delete, Edit, Location, Reaction, ReceiptKind, Receipts, Text, kind},
    error::Error,
    ids::{AgencyId, BlobId, Hash, MessageId, RoomId, UserId},
    limits,
    room::{Policy, Role, RoomKind, RoomState},
    time::Timestamp,
};

pub(super) const ROOM: RoomId = RoomId::from_bytes([4; 16]);
pub(super) const BEGIN: u64 = 1_800_000_000_000;

const ANNA: &str = "anna@police.nord.example";
const ARNE: &str = "arne@police.nord.example";
const BEN: &str = "ben@police.sued.example";
const CLARA: &str = "clara@police.west.example";

pub(super) fn id(n: u64) -> MessageId {
    let mut id = [7; 32];
    id[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    MessageId::from_bytes(id)
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

/// Anna and Arne are admins.
pub(super) fn state(retention: u64) -> RoomState {
    let kind = (ROOM, RoomKind::Group);
    let hash = Hash::from_bytes([1; 32]);
    let roles = BTreeMap::from([(user(ANNA), Role::Admin), (user(ARNE), Role::Admin)]);
    RoomState { retention, roles, ..RoomState::begin(kind, &user(ANNA), Policy::default(), hash) }
}

pub(super) fn text(body: &str) -> Content {
    Text::plain(body).unwrap().into()
}

fn edit(target: u64) -> Content {
    Edit::text(id(target), Text::plain("other words").unwrap()).unwrap().into()
}

fn caption(target: u64) -> Content {
    Edit::caption(id(target), "other words").unwrap().into()
}

fn delete(target: u64) -> Content {
    Delete::of(id(target)).into()
}

fn reaction(target: u64) -> Content {
    Reaction::to(id(target), "+1").unwrap().into()
}

fn receipts(targets: impl IntoIterator<Item = u64>) -> Content {
    Receipts::new(ReceiptKind::Read, targets.into_iter().map(id)).unwrap().into()
}

fn photo() -> Content {
    let mut rng = <chacha20::ChaCha20Rng as rand_core::SeedableRng>::from_seed([1; 32]);
    let (sealed, _) = seal_all(b"a photo", &mut rng).unwrap();
    let origin = AgencyId::parse("police.nord.example").unwrap();
    let file = sealed.file_ref(BlobId::from_bytes([1; 16]), origin, Timestamp::from_millis(BEGIN));
    Attachment::new(file, "image/jpeg").unwrap().into()
}

/// A reader of a log: an engine's index and nothing else.
pub(super) struct Reader {
    pub(super) phone: Phone,
    pub(super) retention: u64,
    pub(super) seq: u64,
}

impl Reader {
    pub(super) fn new(seed: u8) -> Self {
        Reader { phone: Phone::new(seed), retention: 0, seq: 0 }
    }

    /// Reads an entry: message `n`, of somebody, so many milliseconds after the beginning.
    pub(super) fn read(&mut self, n: u64, author: &str, after: u64, content: &Content) -> Option<Noted> {
        self.read_for(n, author, after, content, None)
    }

    pub(super) fn read_for(
        &mut self,
        n: u64,
        author: &str,
        after: u64,
        content: &Content,
        lifetime: Option<Duration>,
    ) -> Option<Noted> {
        self.seq += 1;
        let (seq, at) = (self.seq, Timestamp::from_millis(BEGIN + after));
        let author = &user(author);
        let state = state(self.retention);
        let mut noted = None;
        self.phone.call(|call| {
            let said = Placed { room: ROOM, seq, at, id: id(n), author, content, lifetime };
            noted = call.note(&state, &said)?;
            Ok::<(), Error>(())
        });
        noted
    }

    /// What came of a message with one target.
    fn outcome(&mut self, n: u64, author: &str, content: &Content) -> Result<By, Code> {
        let after = self.seq;
        let noted = self.read(n, author, after, content).unwrap();
        let [applied] = noted.applies[..] else { panic!("one target") };
        assert_eq!([applied.target], content.targets());
        applied.outcome
    }
}

#[test]
fn targets_that_are_not_known() {
    // V-720
    let mut reader = Reader::new(40);
    assert_eq!(reader.outcome(1, BEN, &reaction(9)), Err(Code::UnknownTarget));
    assert!(reader.read(9, BEN, 0, &text("later")).unwrap().applies.is_empty());
    assert_eq!(reader.outcome(2, BEN, &reaction(9)), Ok(By::Anybody));
    // What is about others is no target, and neither is what was about an unknown one.
    for (n, target) in [(3, 1), (4, 2)] {
        assert_eq!(reader.outcome(n, BEN, &reaction(target)), Err(Code::UnknownTarget));
    }
    let far = reader.seq + limits::MESSAGES_INDEXED;
    reader.read(10, BEN, 0, &text("near"));
    reader.seq = far;
    assert_eq!(reader.outcome(5, BEN, &reaction(10)), Ok(By::Anybody));
    assert_eq!(reader.outcome(6, BEN, &reaction(10)), Err(Code::UnknownTarget));
}

#[test]
fn what_had_expired_by_its_stamp_is_not_known() {
    // V-720, V-726
    let (hour, lifetime) = (3_600_000, Duration::from_secs(60));
    let mut reader = Reader::new(41);
    reader.read(1, BEN, 0, &text("kept"));
    assert_eq!(reader.read_for(2, BEN, 0, &text("short"), Some(lifetime)).unwrap().expires_at, {
        Some(Timestamp::from_millis(BEGIN + 60_000))
    });
    let outcome = |reader: &mut Reader, n, target, after| {
        reader.read(n, BEN, after, &reaction(target)).unwrap().applies[0].outcome
    };
    assert_eq!(outcome(&mut reader, 3, 2, 59_999), Ok(By::Anybody));
    assert_eq!(outcome(&mut reader, 4, 2, 60_000), Err(Code::UnknownTarget));
    assert_eq!(outcome(&mut reader, 5, 1, 10 * hour), Ok(By::Anybody));
    // The room keeps for an hour from now on; and then for longer again.
    reader.retention = hour;
    assert_eq!(outcome(&mut reader, 6, 1, 10 * hour), Err(Code::UnknownTarget));
    reader.retention = 20 * hour;
    assert_eq!(outcome(&mut reader, 7, 1, 10 * hour), Ok(By::Anybody));
}

#[test]
fn edits_are_of_what_they_change() {
    // V-721
    let mut reader = Reader::new(42);
    let place = Location::at(1, 2).unwrap().into();
    for (n, said) in [(1, text("a")), (2, photo()), (3, place), (4, Content::decode(99, vec![1]).unwrap())] {
        reader.read(n, BEN, 0, &said);
    }
    assert_eq!(reader.outcome(11, BEN, &edit(1)), Ok(By::Author));
    assert_eq!(reader.outcome(12, BEN, &caption(2)), Ok(By::Author));
    for (n, wrong) in [(13, edit(2)), (14, caption(1)), (15, edit(3)), (16, caption(3)), (17, edit(4))] {
        assert_eq!(reader.outcome(n, BEN, &wrong), Err(Code::WrongTarget), "{n}");
    }
    // Everything that stands for itself can be reacted to, receipted and deleted.
    for n in 1..=4 {
        assert_eq!(reader.outcome(20 + n, CLARA, &reaction(n)), Ok(By::Anybody));
        assert_eq!(reader.outcome(30 + n, CLARA, &receipts([n])), Ok(By::Anybody));
        assert_eq!(reader.outcome(40 + n, BEN, &delete(n)), Ok(By::Author));
    }
}

#[test]
fn nothing_applies_to_what_is_deleted() {
    // V-722
    let mut reader = Reader::new(43);
    reader.read(1, BEN, 0, &text("a"));
    assert_eq!(reader.outcome(2, BEN, &delete(1)), Ok(By::Author));
    for (n, late) in [(3, edit(1)), (4, reaction(1)), (5, receipts([1])), (6, delete(1))] {
        assert_eq!(reader.outcome(n, BEN, &late), Err(Code::TargetDeleted), "{n}");
    }
    // The order of the rules.
    assert_eq!(reader.outcome(7, BEN, &caption(1)), Err(Code::WrongTarget));
    assert_eq!(reader.outcome(8, CLARA, &edit(1)), Err(Code::TargetDeleted));
}

#[test]
fn who_may_edit_and_delete() {
    // V-723
    let mut reader = Reader::new(44);
    for (n, author) in [(1, BEN), (2, ANNA), (3, ARNE)] {
        reader.read(n, author, 0, &text("a"));
    }
    for (n, foreign) in [(11, edit(1)), (12, delete(1)), (13, delete(2))] {
        assert_eq!(reader.outcome(n, CLARA, &foreign), Err(Code::NotPermitted), "{n}");
    }
    assert_eq!(reader.outcome(14, ANNA, &edit(1)), Err(Code::NotPermitted));
    assert_eq!(reader.outcome(15, ANNA, &delete(1)), Ok(By::Moderator));
    assert_eq!(reader.outcome(16, ANNA, &delete(3)), Ok(By::Moderator));
    assert_eq!(reader.outcome(17, ANNA, &delete(2)), Ok(By::Author));
}

#[test]
fn each_receipt_is_judged_alone() {
    // V-724
    let mut reader = Reader::new(45);
    for n in 1..=3 {
        reader.read(n, BEN, 0, &text("a"));
    }
    reader.read(4, BEN, 0, &delete(2));
    let noted = reader.read(5, CLARA, 0, &receipts([1, 2, 3, 9])).unwrap();
    let outcomes: BTreeMap<MessageId, _> = noted.applies.iter().map(|a| (a.target, a.outcome)).collect();
    let said = |n| outcomes[&id(n)];
    assert_eq!([said(1), said(3)], [Ok(By::Anybody); 2]);
    assert_eq!([said(2), said(9)], [Err(Code::TargetDeleted), Err(Code::UnknownTarget)]);
    assert!(reader.read(5, CLARA, 0, &receipts([1])).is_none(), "a message is taken once");
}

#[test]
fn a_label_is_compared_with_the_rooms() {
    // V-729
    let fits = |label: &str, room| Marking::beside(label.into(), room).fits;
    assert_eq!(fits("internal", Some("internal")), Some(true));
    assert_eq!(fits("", Some("")), Some(true));
    for (label, room) in [("internal", "Internal"), ("", "internal"), ("internal", "")] {
        assert_eq!(fits(label, Some(room)), Some(false));
    }
    assert_eq!(fits("internal", None), None);
}

/// What one message costs at rest, beside the 58 bytes of a row that only told copies apart.
#[test]
fn a_message_costs_one_small_row() {
    let cost = |content: &Content, retention| {
        let mut reader = Reader::new(46);
        reader.retention = retention;
        reader.read(1, BEN, 0, &text("target"));
        let rows = |reader: &Reader| {
            let rows =
                [keys::messages(&ROOM), keys::expiring_messages()].map(|prefix| reader.phone.rows(&prefix));
            let rows = rows.concat();
            (rows.len(), rows.iter().map(|(key, row)| key.len() + row.len()).sum::<usize>())
        };
        let before = rows(&reader);
        reader.seq = 10_000;
        reader.read(2, BEN, 5, content);
        let after = rows(&reader);
        (after.0 - before.0, after.1 - before.1)
    };
    assert_eq!(cost(&text("hello"), 0), (1, 87));
    assert_eq!(cost(&reaction(1), 0), (1, 53));
    assert_eq!(cost(&receipts([1]), 0), (1, 53));
    // One more where it expires, to be found when it does.
    assert_eq!(cost(&text("hello"), 86_400_000), (2, 152));
    assert_eq!(cost(&reaction(1), 86_400_000), (1, 53));
}

/// What somebody says in a random log.
#[derive(Clone, Debug)]
struct Said {
    author: usize,
    what: usize,
    target: u64,
    /// Since the entry before, in seconds.
    later: u64,
    lifetime: Option<u64>,
}

const AUTHORS: [&str; 4] = [ANNA, ARNE, BEN, CLARA];

impl Said {
    fn content(&self) -> Content {
        match self.what {
            0 | 1 => text("a"),
            2 => photo(),
            3 => edit(self.target),
            4 => caption(self.target),
            5 => delete(self.target),
            6 => reaction(self.target),
            7 => receipts([self.target, self.target + 1, self.target + 2]),
            _ => Content::decode(99, vec![1]).unwrap(),
        }
    }
}

fn said() -> impl Strategy<Value = Said> {
    let lifetime = prop_oneof![3 => Just(None), 1 => (1..200u64).prop_map(Some)];
    (0..4usize, 0..9usize, 0..40u64, 0..30u64, lifetime)
        .prop_map(|(author, what, target, later, lifetime)| Said { author, what, target, later, lifetime })
}

/// The rules once more, as plainly as they stand in SPEC: messages by number.
#[derive(Default)]
struct Model {
    standing: BTreeMap<u64, (usize, u32, u64, Option<u64>)>,
    deleted: BTreeSet<u64>,
}

impl Model {
    fn outcome(&mut self, said: &Said, content: &Content, at: u64, target: u64) -> Result<By, Code> {
        let (author, kind, since, lifetime) = *self.standing.get(&target).ok_or(Code::UnknownTarget)?;
        if lifetime.is_some_and(|lifetime| since + lifetime <= at) {
            return Err(Code::UnknownTarget);
        }
        let wanted =
            [(3, kind::TEXT), (4, kind::ATTACHMENT)].into_iter().find(|(what, _)| *what == said.what);
        if wanted.is_some_and(|(_, wanted)| wanted != kind) {
            return Err(Code::WrongTarget);
        }
        if self.deleted.contains(&target) {
            return Err(Code::TargetDeleted);
        }
        let by = match content {
            Content::Edit(_) | Content::Delete(_) if author == said.author => By::Author,
            Content::Delete(_) if said.author < 2 => By::Moderator,
            Content::Edit(_) | Content::Delete(_) => return Err(Code::NotPermitted),
            _ => By::Anybody,
        };
        if matches!(content, Content::Delete(_)) {
            self.deleted.insert(target);
        }
        Ok(by)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Readers whose clocks differ, who restart, expire what is due sooner or later and are
    /// told of it, come to one result; who came later misses what was before.
    #[test]
    fn all_readers_come_to_one_result(
        log in vec(said(), 1..40),
        moods in vec(any::<u8>(), 40),
        joins in 0..40usize,
    ) {
        // V-720 to V-724, V-727
        let mut readers = [Reader::new(47), Reader::new(48), Reader::new(49)];
        let skews: [i64; 3] = [0, -3_600_000, 3_600_000];
        let number: BTreeMap<MessageId, u64> = (0..50).map(|n| (id(n), n)).collect();
        let mut model = Model::default();
        let mut told: [Vec<MessageId>; 3] = Default::default();
        let mut at = 0;
        for (n, one) in (0..).zip(&log) {
            at += one.later * 1_000;
            let content = one.content();
            let mut expected = Vec::new();
            for target in content.targets() {
                let outcome = model.outcome(one, &content, at, number[target]);
                expected.push(Applied { target: *target, outcome });
            }
            let stands = content.targets().is_empty();
            let lifetime = one.lifetime.map(|seconds| seconds * 1_000);
            if stands {
                model.standing.insert(n, (one.author, content.kind(), at, lifetime));
            }
            for (r, reader) in readers.iter_mut().enumerate() {
                let joined = if r == 1 { joins as u64 } else { 0 };
                reader.seq = n;
                let mood = moods[usize::try_from(n).unwrap()] >> (2 * r);
                if n < joined {
                    continue;
                }
                let now = BEGIN.saturating_add(at).saturating_add_signed(skews[r]);
                reader.phone.now = Timestamp::from_millis(now);
                if mood & 1 == 1 {
                    super::expiring::note_place(reader, at);
                    told[r].extend(super::expiring::expire(reader));
                }
                if mood & 2 == 2 {
                    reader.phone.client = Client::new();
                }
                let lifetime = lifetime.map(Duration::from_millis);
                let noted = reader.read_for(n, AUTHORS[one.author], at, &content, lifetime).unwrap();
                let missed = |applied: &Applied| number[&applied.target] < joined;
                let expected = expected.iter().map(|applied| match missed(applied) {
                    true => Applied { outcome: Err(Code::UnknownTarget), ..*applied },
                    false => *applied,
                });
                prop_assert_eq!(noted.applies, expected.collect::<Vec<_>>(), "message {} at reader {}", n, r);
            }
        }
        for told in told {
            prop_assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), told.len(), "told twice");
        }
    }
}
