//! Who comes and goes, and what they see of a room.

use super::{
    device::{Dev, wrap},
    entrance::{asks, get},
    hub::{Four, four, refusal, refused_by_hub},
    world::World,
};
use crate::{
    code::Code,
    ids::RoomId,
    server::{Output, keys::RoomKeys},
    wire::device::{ReplyBody, RequestBody},
};

#[test]
fn who_leaves_sees_the_entry_that_removes_them_and_nothing_after() {
    let Four { mut world, mut anna, mut tablet, mut bert, mut cleo, room } = four();
    let remove = [tablet.id.clone(), bert.id.clone()];
    let commit = anna.commit(&room, &[], &remove);
    world.submit(&mut anna, &commit);
    world.sync(&mut anna);
    let after = anna.say(&room, "after");
    world.submit(&mut anna, &after);
    for dev in [&mut tablet, &mut bert] {
        let mut sync = dev.sync_request();
        let request = dev.request(RequestBody::Sync(sync.clone()));
        let home = dev.id.user.agency().to_string();
        let ReplyBody::Delivery(delivery) = world.site(&home).device(&request).body else { panic!() };
        assert_eq!(delivery.rooms.len(), 1);
        assert_eq!(delivery.rooms[0].items.len(), 1);
        assert_eq!(delivery.rooms[0].head.claimed().seq, 3);
        sync.cursors[0].seq = 3;
        let request = dev.request(RequestBody::Sync(sync));
        let ReplyBody::Delivery(delivery) = world.site(&home).device(&request).body else { panic!() };
        assert!(delivery.rooms.is_empty() && !delivery.more);
        world.sync(dev);
        assert!(dev.rooms.is_empty() && dev.read.is_empty());
    }
    world.sync(&mut cleo);
    assert_eq!(cleo.texts(), ["after"]);
    // Bert's was the last device of his agency: it has heard nothing since.
    let rows: Vec<_> = world.site("b.example").store.rows().map(|(key, _)| key.to_vec()).collect();
    assert!(!rows.contains(&RoomKeys::of(&room).entry(4)));
    assert!(!world.site("a.example").outputs.contains(&Output::LinkReady(bert.id.user.agency().clone())));

    // And they can say nothing any more.
    assert_eq!(anna.rooms[&room].member.roster().unwrap().len(), 2);
}

/// SPEC V-511
#[test]
fn who_is_gone_can_submit_nothing() {
    let Four { mut world, mut anna, mut tablet, mut bert, room, .. } = four();
    let (mut late, mut later) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        late.push(tablet.say(&room, "late"));
        later.push(bert.say(&room, "later"));
    }
    // One is on its way when the commit comes.
    assert_eq!(bert.submit(world.site("b.example"), &later[0]), ReplyBody::Queued);
    let commit = anna.commit(&room, &[], &[tablet.id.clone(), bert.id.clone()]);
    assert_eq!(anna.submit(world.site("a.example"), &commit), ReplyBody::Done);
    world.settle();
    assert_eq!(refusal(tablet.submit(world.site("a.example"), &late[0])), (Code::NotMember, 3));
    assert_eq!(world.site("b.example").refused(&wrap(&later[1])), Code::NotMember);
    world.sync(&mut bert);
    assert_eq!(refused_by_hub(&mut bert), (Code::NotMember, 3));
}

#[test]
fn an_agency_goes_and_comes_back() {
    let Four { mut world, mut anna, mut bert, mut cleo, room, .. } = four();
    let commit = anna.commit(&room, &[], &[bert.id.clone()]);
    world.submit(&mut anna, &commit);
    world.sync(&mut anna);
    world.sync(&mut bert);
    assert!(bert.rooms.is_empty());
    for text in ["they", "do", "not", "know"] {
        let said = anna.say(&room, text);
        world.submit(&mut anna, &said);
    }
    world.sync(&mut cleo);
    // V-526: the log begins anew where nobody has a gap.
    world.invite(&room, &mut anna, &mut [&mut bert]);
    let hello = cleo_says(&mut world, &mut cleo, &room);
    world.sync(&mut bert);
    assert_eq!(bert.texts(), [hello]);
    assert_eq!(cleo.texts(), ["they", "do", "not", "know"]);
    world.sync(&mut cleo);
    assert_eq!(bert.tail_hash(&room), cleo.tail_hash(&room));
}

fn cleo_says(world: &mut World, cleo: &mut Dev, room: &RoomId) -> &'static str {
    world.sync(cleo);
    let said = cleo.say(room, "welcome back");
    world.submit(cleo, &said);
    "welcome back"
}

#[test]
fn removed_and_invited_again_before_looking() {
    let Four { mut world, mut anna, mut tablet, mut bert, room, .. } = four();
    let before = anna.say(&room, "before");
    world.submit(&mut anna, &before);
    let commit = anna.commit(&room, &[], &[tablet.id.clone(), bert.id.clone()]);
    world.submit(&mut anna, &commit);
    world.sync(&mut anna);
    let between = anna.say(&room, "between");
    world.submit(&mut anna, &between);
    anna.claim(world.site("a.example"), &[&tablet.id.user, &bert.id.user]);
    world.settle();
    world.sync(&mut anna);
    let claimed = anna.claimed();
    let commit = anna.commit(&room, &claimed, &[]);
    world.submit(&mut anna, &commit);
    world.sync(&mut anna);
    let after = anna.say(&room, "after");
    world.submit(&mut anna, &after);
    for dev in [&mut tablet, &mut bert] {
        world.sync(dev);
        world.sync(dev);
        assert_eq!(dev.texts(), ["before", "after"]);
        world.sync(&mut anna);
        assert_eq!(dev.tail_hash(&room), anna.tail_hash(&room));
    }
}

#[test]
fn leaving_is_proposed_and_committed_by_somebody_else() {
    let Four { mut world, mut anna, mut tablet, mut bert, mut cleo, room } = four();
    let leave = bert.leave(&room);
    world.submit(&mut bert, &leave);
    // V-443: once for each leaf and epoch.
    let again = bert.leave(&room);
    world.submit(&mut bert, &again);
    world.sync(&mut bert);
    assert_eq!(refused_by_hub(&mut bert).0, Code::PendingProposal);
    world.site("a.example").restart();
    world.sync(&mut anna);
    let commit = anna.commit(&room, &[], &[]);
    world.submit(&mut anna, &commit);
    for dev in [&mut anna, &mut tablet, &mut bert, &mut cleo] {
        world.sync(dev);
    }
    assert!(bert.rooms.is_empty());
    assert_eq!(anna.rooms[&room].member.roster().unwrap().len(), 3);
}

/// SPEC V-599
#[test]
fn a_room_that_everybody_leaves_is_over() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let room = world.room(&mut [&mut anna, &mut bert]);
    let (leave, too_late) = (anna.leave(&room), anna.say(&room, "too late"));
    world.submit(&mut anna, &leave);
    world.sync(&mut bert);
    let (last, late) = (bert.leave(&room), bert.commit(&room, &[], &[]));
    world.submit(&mut bert, &last);
    // Nobody is there who could submit anything, whatever was on its way.
    assert_eq!(refusal(anna.submit(world.site("a.example"), &too_late)).0, Code::NotMember);
    assert_eq!(world.site("b.example").refused(&wrap(&late)), Code::NotMember);
    // Nor is there a way in, and what only members need is gone.
    let keys = RoomKeys::of(&room);
    let kept = |world: &mut World, part: &[u8]| {
        world.site("a.example").store.rows().filter(|(key, _)| key.starts_with(part)).count()
    };
    for part in [keys.group(), keys.group_info(), keys.turns(), keys.member(&anna.id), keys.member(&bert.id)]
    {
        assert_eq!(kept(&mut world, &part), 0);
    }
    world.site("a.example").restart();
    let way_in = asks(&mut world, &mut bert, get(&room, 1, "a.example"));
    assert_eq!(way_in.outcome.unwrap_err().reason.code(), Some(Code::UnknownRoom));
    // Everybody reads the end, and then nothing.
    for dev in [&mut anna, &mut bert] {
        world.sync(dev);
        assert!(dev.rooms.is_empty());
    }
    for site in ["a.example", "b.example"] {
        let store = &world.site(site).store;
        assert!(crate::server::Server::readers(store, &room, None, 10).unwrap().is_empty());
    }
}
