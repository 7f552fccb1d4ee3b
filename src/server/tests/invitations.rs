//! Invitations and refusals from a hub: what a follower takes of them.

use super::{
    device::Dev,
    links::{frame_of, push, server_key},
    world::World,
};
use crate::{
    code::Code,
    crypto::{self, SigningKey},
    ids::{Device, RoomId},
    server::{
        keys::{LinkKeys, RoomKeys},
        rows,
    },
    store::Store,
    wire::{
        device::{GetMaterial, InboxBody, ReplyBody, RequestBody},
        link::{LinkItem, RoomWelcome},
        log::Head,
    },
};

struct Stage {
    world: World,
    anna: Dev,
    bert: Dev,
    room: RoomId,
    /// What A's server has for B's.
    welcome: RoomWelcome,
}

/// An invitation of Bert that B's server has not seen yet.
fn stage() -> Stage {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let bert = world.person("bert@b.example");
    let room = world.room(&mut [&mut anna]);
    anna.claim(world.site("a.example"), &[&bert.id.user]);
    world.settle();
    world.sync(&mut anna);
    let claimed = anna.claimed();
    let commit = anna.commit(&room, &claimed, &[]);
    assert_eq!(anna.submit(world.site("a.example"), &commit), ReplyBody::Done);
    let frame = world.site("a.example").pump(&bert.id.user.agency().clone()).unwrap();
    let items = frame_of(&frame).claimed().items.clone();
    let [LinkItem::Welcome(welcome)] = items.as_slice() else { panic!() };
    let welcome = welcome.as_ref().clone();
    Stage { world, anna, bert, room, welcome }
}

impl Stage {
    /// Whether B's server takes it from that agency. What it does with it is undone.
    fn takes(&mut self, from: &str, change: impl FnOnce(&mut RoomWelcome)) -> bool {
        let mut welcome = self.welcome.clone();
        change(&mut welcome);
        let before = self.world.site("b.example").store.clone();
        push(&mut self.world, from, "b.example", vec![LinkItem::Welcome(Box::new(welcome))]);
        let site = self.world.site("b.example");
        let row = site.store.get(&LinkKeys::with(&crate::identity::fixture::agency(from)).incoming());
        let refused = rows::read::<rows::InRow>(row.unwrap().unwrap()).unwrap().refused;
        site.store = before;
        refused == 0
    }
}

fn head(of: &RoomWelcome, key: &SigningKey, change: impl FnOnce(&mut Head)) -> crate::wire::Signed<Head> {
    let mut head = of.invitation.head.claimed().clone();
    change(&mut head);
    crypto::sign(head, &[key]).into_signed()
}

#[test]
fn invitations_have_their_rules() {
    let mut stage = stage();
    let (key, other) = (server_key(&stage.world, "a.example"), server_key(&stage.world, "c.example"));
    let anna = stage.anna.id.clone();
    assert!(stage.takes("a.example", |_| {}));
    // V-521, V-525
    assert!(!stage.takes("c.example", |_| {}));
    assert!(!stage.takes("c.example", |w| w.invitation.hub = crate::identity::fixture::agency("c.example")));
    assert!(!stage.takes("a.example", |w| w.invitation.welcome = Some(vec![1].into())));
    assert!(!stage.takes("a.example", |w| w.invitation.head = head(w, &other, |_| {})));
    assert!(!stage.takes("a.example", |w| w.invitation.head = head(w, &key, |h| h.seq += 1)));
    assert!(!stage.takes("a.example", |w| w.recipients = vec![anna]));
    // Somebody who is not enrolled is passed over; for such alone nothing is kept.
    let nobody = Device { id: crate::ids::DeviceId::from_bytes([9; 16]), ..stage.bert.id.clone() };
    assert!(!stage.takes("a.example", |w| w.recipients = vec![nobody.clone()]));
    assert!(stage.takes("a.example", |w| {
        w.recipients.push(nobody);
        w.recipients.sort();
    }));
}

#[test]
fn an_invitation_does_not_pull_a_log_from_under_its_readers() {
    let mut stage = stage();
    push(
        &mut stage.world,
        "a.example",
        "b.example",
        vec![LinkItem::Welcome(Box::new(stage.welcome.clone()))],
    );
    let Stage { ref mut world, ref mut bert, room, .. } = stage;
    world.sync(bert);
    let tail = |world: &mut World| world.site("b.example").store.get(&RoomKeys::of(&room).tail()).unwrap();
    let before = tail(world);
    // The same entry again changes nothing; nor does a later one, past what B has, before that is here; V-526.
    assert!(stage.takes("a.example", |_| {}));
    let Stage { ref mut world, ref mut anna, ref mut bert, .. } = stage;
    world.sync(anna);
    let said = anna.say(&room, "hello");
    assert_eq!(anna.submit(world.site("a.example"), &said), ReplyBody::Done);
    let mut tablet = world.further(bert);
    anna.claim(world.site("a.example"), &[&bert.id.user]);
    let claim = world.site("a.example").pump(&bert.id.user.agency().clone()).unwrap();
    let (claim, hello): (Vec<_>, Vec<_>) =
        frame_of(&claim).claimed().items.clone().into_iter().partition(|i| matches!(i, LinkItem::Claim(_)));
    push(world, "a.example", "b.example", claim);
    let answer = world.site("b.example").pump(&anna.id.user.agency().clone()).unwrap();
    world.site("a.example").peer(&answer).unwrap();
    world.sync(anna);
    let mut claimed = anna.claimed();
    let own = tablet.package_of(&claimed[0]);
    claimed[0].keys.as_mut().unwrap().packages = vec![own];
    let commit = anna.commit(&room, &claimed, &[]);
    assert_eq!(anna.submit(world.site("a.example"), &commit), ReplyBody::Done);
    let frame = world.site("a.example").pump(&bert.id.user.agency().clone()).unwrap();
    let items = frame_of(&frame).claimed().items.clone();
    let Some(LinkItem::Welcome(late)) = items.iter().find(|i| matches!(i, LinkItem::Welcome(_))) else {
        panic!()
    };
    let late = late.as_ref().clone();
    push(&mut stage.world, "a.example", "b.example", vec![LinkItem::Welcome(Box::new(late))]);
    assert_eq!(tail(&mut stage.world), before);
    let wanted = RoomKeys::of(&stage.room).wanted();
    assert!(stage.world.site("b.example").store.get(&wanted).unwrap().is_some());
    // When that has come, both are there.
    let Stage { ref mut world, ref mut bert, .. } = stage;
    push(world, "a.example", "b.example", hello.into_iter().chain(items).collect());
    world.sync(bert);
    world.sync(&mut tablet);
    assert_eq!(bert.texts(), ["hello"]);
    assert_eq!(tablet.tail_hash(&room), bert.tail_hash(&room));
}

#[test]
fn material_is_for_those_who_are_invited() {
    let mut stage = stage();
    let welcome = vec![LinkItem::Welcome(Box::new(stage.welcome.clone()))];
    push(&mut stage.world, "a.example", "b.example", welcome);
    let mut other = stage.world.person("other@b.example");
    let Stage { mut world, mut bert, room, .. } = stage;
    let wanted = |seq| RequestBody::GetMaterial(GetMaterial { room, seq });
    let site = world.site("b.example");
    let request = other.request(wanted(2));
    assert_eq!(site.refused(&request), Code::UnknownRoom);
    let request = bert.request(wanted(3));
    assert_eq!(site.refused(&request), Code::UnknownRoom);
    for _ in 0..2 {
        let request = bert.request(wanted(2));
        assert!(matches!(site.device(&request).body, ReplyBody::Material(_)));
    }
    world.sync(&mut bert);
    // It goes once the device has shown that it has joined.
    world.sync(&mut bert);
    let request = bert.request(wanted(2));
    assert_eq!(world.site("b.example").refused(&request), Code::Expired);
    let prefix = RoomKeys::of(&room).joining(2);
    assert!(world.site("b.example").store.rows().all(|(key, _)| !key.starts_with(&prefix)));
    assert!(world.site("a.example").store.rows().all(|(key, _)| !key.starts_with(&prefix)));
}

#[test]
fn refusals_are_the_hubs_own_word() {
    let mut stage = stage();
    let welcome = vec![LinkItem::Welcome(Box::new(stage.welcome.clone()))];
    push(&mut stage.world, "a.example", "b.example", welcome);
    let Stage { mut world, mut bert, room, .. } = stage;
    world.sync(&mut bert);
    let (key, other) = (server_key(&world, "a.example"), server_key(&world, "c.example"));
    let refusal = crate::wire::log::Refusal {
        room,
        submission_id: crate::ids::SubmissionId::from_bytes([1; 16]),
        sender: bert.id.clone(),
        reason: Code::WrongEpoch.into(),
        seq: 2,
        retry_at: crate::time::Timestamp::ZERO,
    };
    let item = |key: &SigningKey, change: &dyn Fn(&mut crate::wire::log::Refusal)| {
        let mut refusal = refusal.clone();
        change(&mut refusal);
        vec![LinkItem::Refusal(Box::new(crypto::sign(refusal, &[key]).into_signed()))]
    };
    // V-521, V-527
    push(&mut world, "c.example", "b.example", item(&other, &|_| {}));
    push(&mut world, "a.example", "b.example", item(&other, &|_| {}));
    push(&mut world, "a.example", "b.example", item(&key, &|r| r.room = RoomId::from_bytes([1; 16])));
    push(&mut world, "a.example", "b.example", item(&key, &|r| r.sender.user = stage.anna.id.user.clone()));
    world.sync(&mut bert);
    assert!(bert.inbox.is_empty());
    push(&mut world, "a.example", "b.example", item(&key, &|_| {}));
    world.sync(&mut bert);
    assert!(matches!(bert.inbox.as_slice(), [InboxBody::Refusal(_)]));
}
