//! What changes in a federation, as everybody comes to see it: agencies that are suspended and
//! come back, root keys that are replaced, operational keys that are rotated.

use std::time::Duration;

use crate::federation::Authority;
use crate::support::*;
use verbund::{
    client::{Command, Event},
    code::Code,
    identity::{AgencyChange, AgencyDescriptor, AgencyStatus, KeyPurpose, SigningKey, TrustList},
    ids::RoomId,
    server::Output,
    store::Ctx,
};

const ANNA: usize = 0;
const BEN: usize = 1;
const CLEO: usize = 2;

const ANNA_ID: &str = "anna@police.nord.example";
const BEN_ID: &str = "ben@police.sued.example";
const CLEO_ID: &str = "cleo@police.west.example";

fn officers(seed: u8) -> (Net, RoomId) {
    let mut net = Net::new(seed);
    for name in [ANNA_ID, BEN_ID, CLEO_ID] {
        net.enrol(name);
    }
    let room = net.room(ANNA, &[BEN_ID, CLEO_ID]);
    (net, room)
}

fn changed(net: &Net, phone: usize, of: &str, list: u64, change: AgencyChange) -> bool {
    net.has(phone, &Event::AgencyChanged { agency: agency(of), list, change })
}

pub fn set_status(net: &mut Net, of: &str, status: AgencyStatus) -> Vec<u8> {
    net.now = net.now.plus(std::time::Duration::from_secs(1));
    let now = net.now;
    net.office
        .amend(now, |roster| {
            for listed in roster.agencies.iter_mut().filter(|listed| *listed.id() == agency(of)) {
                *listed = listed.clone().with_status(status);
            }
        })
        .unwrap()
}

/// SPEC V-212, V-214, V-299
#[test]
fn a_suspended_agency_is_out_until_it_is_reinstated() {
    let (mut net, room) = officers(190);
    let list = set_status(&mut net, SUED, AgencyStatus::Suspended);
    net.trust_list(NORD, &list);
    net.settle();
    // The list goes from server to server, and says who made it.
    let by = vec!["Bund".to_owned(), "Nord".to_owned()];
    for phone in [ANNA, CLEO] {
        assert!(net.has(phone, &Event::TrustListChanged { version: 2, by: by.clone() }));
        assert!(changed(&net, phone, SUED, 2, AgencyChange::Suspended));
    }
    // Whatever Ben says is refused, and nothing is said to him.
    net.say(BEN, room, "from a suspended agency");
    net.say(ANNA, room, "without Ben");
    net.wait();
    assert_eq!(net.texts(CLEO), ["without Ben"]);
    assert_eq!(net.texts(ANNA), [""; 0]);
    assert_eq!(net.texts(BEN), [""; 0]);
    let gone =
        |event: &Event| matches!(event, Event::MembersChanged { removed, .. } if *removed == [user(BEN_ID)]);
    assert_eq!((net.count(ANNA, gone), net.count(CLEO, gone)), (1, 1));
    let due = |event: &Event| matches!(event, Event::DeviceDue { code: Code::SuspendedAgency, list: 2, .. });
    assert_eq!(net.count(ANNA, due), 1);
    // It can be invited by nobody, nor invite.
    let users = vec![user(BEN_ID)];
    let (request, _) = net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap();
    net.wait();
    assert!(!net.is_done(ANNA, request) || net.count(ANNA, |e| matches!(e, Event::NotInvited { .. })) == 1);
    let list = set_status(&mut net, SUED, AgencyStatus::Active);
    for at in [NORD, SUED, WEST] {
        net.bring_trust_lists(at, &list);
    }
    net.wait();
    assert!(changed(&net, CLEO, SUED, 3, AgencyChange::Reinstated));
    let users = vec![user(BEN_ID)];
    net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap();
    net.wait();
    net.say(ANNA, room, "with Ben again");
    net.wait();
    assert!(net.texts(BEN).contains(&"with Ben again".to_owned()));
    net.agree(room, &[ANNA, BEN, CLEO]);
}

/// SPEC V-213, V-214, V-570
#[test]
fn a_root_key_is_replaced_with_and_without_the_word_of_the_old_one() {
    for handed_over in [true, false] {
        let (mut net, room) = officers(191);
        let root = SigningKey::generate(&mut net.rng);
        let (now, public) = (net.now, root.verify_key());
        let host = net.hosts.get_mut(&agency(SUED)).unwrap();
        let old = host.authority.replace_root(root);
        let list = net.office.amend(now, |roster| {
            let name = roster.federation.clone();
            for listed in roster.agencies.iter_mut().filter(|listed| *listed.id() == agency(SUED)) {
                let same = listed.clone();
                *listed = match handed_over {
                    true => same.handed_over(&name, &old, &public).unwrap(),
                    false => same.with_root(&public),
                };
            }
        });
        let descriptor = host.authority.describe(now, |_| {}).unwrap();
        let list = list.unwrap();
        net.trust_list(SUED, &list);
        net.operate(SUED, |server, ctx| server.descriptor(ctx, &descriptor)).unwrap();
        net.settle();
        net.say(BEN, room, "under the new root key");
        net.wait();
        for phone in [ANNA, CLEO] {
            assert!(changed(&net, phone, SUED, 2, AgencyChange::RootReplaced { handed_over }));
            assert_eq!(net.texts(phone), ["under the new root key"]);
        }
    }
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

/// A descriptor of an agency, brought to its own server.
fn describe(net: &mut Net, of: &str, change: impl FnOnce(&mut AgencyDescriptor)) {
    let now = net.now;
    let descriptor = net.hosts.get_mut(&agency(of)).unwrap().authority.describe(now, change).unwrap();
    net.operate(of, |server, ctx| server.descriptor(ctx, &descriptor)).unwrap();
}

/// SPEC V-321
#[test]
fn a_room_whose_hub_is_suspended_stands_still() {
    let mut net = Net::new(193);
    for name in [ANNA_ID, BEN_ID, CLEO_ID] {
        net.enrol(name);
    }
    let room = net.room(BEN, &[ANNA_ID, CLEO_ID]);
    let other = net.room(ANNA, &[CLEO_ID]);
    let leaving = net.room(BEN, &[ANNA_ID, CLEO_ID]);
    let list = set_status(&mut net, SUED, AgencyStatus::Suspended);
    net.trust_list(NORD, &list);
    net.settle();
    for room in [room, leaving] {
        let out = Event::HubSuspended { room, hub: agency(SUED), list: 2, code: Code::SuspendedAgency };
        for phone in [ANNA, CLEO] {
            assert_eq!(net.count(phone, |event| *event == out), 1, "{phone}");
            assert_eq!(net.count(phone, |event| matches!(event, Event::HubSuspended { .. })), 2);
        }
    }
    // Nothing is sent to it, and the app is told at once; other rooms go on.
    let content = text("into the void");
    let send = |request| Command::Send { request, room, content, lifetime: None };
    assert_eq!(net.command(ANNA, send).unwrap_err().code(), Code::SuspendedAgency);
    net.say(ANNA, other, "elsewhere");
    net.wait();
    assert_eq!(net.texts(CLEO), ["elsewhere"]);
    // What the hub orders meanwhile comes when it is back, and is judged by its stamps.
    net.say(BEN, room, "among ourselves");
    net.wait();
    // Who wants to leave asks for it then, so that it is left for everybody.
    let (left, _) = net.command(CLEO, |request| Command::Leave { request, room: leaving }).unwrap();
    net.wait();
    assert!(!net.is_done(CLEO, left));
    let list = set_status(&mut net, SUED, AgencyStatus::Active);
    for at in [NORD, SUED, WEST] {
        net.bring_trust_lists(at, &list);
    }
    net.wait();
    let back = Event::HubReinstated { room, hub: agency(SUED), list: 3 };
    for phone in [ANNA, CLEO] {
        assert_eq!(net.count(phone, |event| *event == back), 1, "{phone}");
    }
    net.say(ANNA, room, "there you are");
    // Links try again ever later.
    net.wait();
    net.wait();
    assert!(net.texts(BEN).contains(&"there you are".to_owned()));
    assert!(net.texts(CLEO).contains(&"there you are".to_owned()));
    net.agree(room, &[ANNA, BEN, CLEO]);
    assert!(net.is_done(CLEO, left));
    assert_eq!(net.view(CLEO, leaving), None);
    net.agree(leaving, &[ANNA, BEN]);
}

/// SPEC V-208: the federation itself is at odds, and no agency is blamed for it.
#[test]
fn two_trust_lists_with_one_number() {
    let (mut net, _) = officers(194);
    let rival = net.office.fork(net.now, |roster| drop(roster.agencies.pop())).unwrap();
    let list = set_status(&mut net, SUED, AgencyStatus::Suspended);
    net.trust_list(NORD, &list);
    net.settle();
    // Anna's server takes her for somebody who can be shown another federation: twice.
    net.tamper = Box::new(move |leg, bytes| {
        if *leg == Leg::Down(ANNA) && !forge::dig(bytes, &[2, 5]).is_empty() {
            *bytes = forge::edit(bytes, &[2, 5], &mut |delivery| delivery.put(3, &rival));
        }
    });
    for _ in 0..2 {
        net.resume(ANNA);
        net.settle();
    }
    let forked = |event: &Event| match event {
        Event::TrustListForked { version, lists } => Some((*version, lists.clone())),
        _ => None,
    };
    let told: Vec<_> = net.phones[ANNA].events.iter().filter_map(forked).collect();
    let [(2, lists)] = told.as_slice() else { panic!("{told:?}") };
    // Whoever has neither list can see it.
    let first = TrustList::first(&lists[0], &net.office.federation).unwrap();
    assert_eq!(first.next(&lists[1]).unwrap_err().code(), Code::Equivocation);
    assert_eq!(lists[0], list);
    assert_eq!(net.count(ANNA, |event| matches!(event, Event::AgencyMisbehaved { .. })), 0);
    // The one that came first stays.
    assert!(changed(&net, ANNA, SUED, 2, AgencyChange::Suspended));
    assert_eq!(net.count(ANNA, |event| matches!(event, Event::TrustListChanged { .. })), 1);
}

/// SPEC V-322
#[test]
fn a_trust_list_that_has_ended_is_told_before_its_grace_is_over() {
    let (mut net, room) = officers(195);
    let ends = BEGIN.plus(days(365));
    let told = Event::TrustListEnds { version: 1, until: ends.plus(days(7)) };
    net.now = ends.minus(Duration::from_secs(1));
    net.resume(ANNA);
    net.show(ANNA);
    assert_eq!(net.count(ANNA, |event| matches!(event, Event::TrustListEnds { .. })), 0);
    net.now = ends;
    for _ in 0..2 {
        net.resume(ANNA);
        net.show(ANNA);
    }
    assert_eq!(net.count(ANNA, |event| *event == told), 1);
    net.now = ends.plus(days(7));
    let content = text("too late");
    let send = |request| Command::Send { request, room, content, lifetime: None };
    assert_eq!(net.command(ANNA, send).unwrap_err().code(), Code::TrustExpired);
}

/// SPEC V-323
#[test]
fn an_agency_that_gives_out_no_more_revocation_lists_is_told_of() {
    let (mut net, room) = officers(196);
    net.revocable(SUED);
    let next_update = net.hosts[&agency(SUED)].revocations.as_ref().unwrap().next_update();
    let since = next_update.plus(days(2));
    let host = net.hosts.get_mut(&agency(SUED)).unwrap();
    let ctx = Ctx { now: net.now, store: &host.store, rng: &mut net.rng };
    assert_eq!(host.engine.papers(ctx).unwrap().revocations, Some(next_update));
    net.say(CLEO, room, "in time");
    net.wait();
    net.now = since;
    net.say(CLEO, room, "late");
    net.say(CLEO, room, "later");
    net.wait();
    let told = Event::RevocationsStale { agency: agency(SUED), version: 1, since };
    for phone in [ANNA, BEN, CLEO] {
        assert_eq!(net.count(phone, |event| *event == told), 1, "{phone}");
    }
    assert_eq!(net.texts(ANNA), ["in time", "late", "later"]);
    // The next list ends it; the one after that is awaited anew.
    net.revoke(SUED, None);
    net.say(CLEO, room, "in time again");
    net.wait();
    assert_eq!(net.count(ANNA, |event| matches!(event, Event::RevocationsStale { .. })), 1);
}

/// SPEC V-324: heads are as old as the log, and so are the descriptors that they need.
#[test]
fn a_device_that_was_away_for_longer_than_descriptors_last() {
    let (mut net, room) = officers(197);
    let late = net.enrol("carl@police.west.example");
    net.phones[CLEO].online = false;
    for round in 1..=4 {
        net.now = BEGIN.plus(days(20 * round));
        for of in [NORD, SUED, WEST] {
            describe(&mut net, of, |_| {});
        }
        net.wait();
        if round == 2 {
            // The last word for long; and an invitation that nobody takes up for long.
            net.phones[late].online = false;
            net.now = BEGIN.plus(days(45));
            net.say(ANNA, room, "in between");
            net.wait();
        }
    }
    net.phones[CLEO].online = true;
    net.resume(CLEO);
    net.wait();
    assert_eq!(net.texts(CLEO), ["in between"]);
    assert_eq!(net.count(CLEO, |event| matches!(event, Event::RoomStalled { .. })), 0);
    net.say(CLEO, room, "back");
    net.wait();
    net.agree(room, &[ANNA, BEN, CLEO]);
}

/// SPEC V-579: a hub whose agency is suspended while an entry waits, and passes the list on.
#[test]
fn a_suspended_hub_keeps_what_it_has_until_it_is_reinstated() {
    // Also by a list that is not in force yet by the clocks of servers, which are behind.
    for ahead in [0, 300] {
        let (mut net, room) = officers(199);
        net.say(ANNA, room, "on the eve");
        while net.carry(ANNA) {}
        let now = net.now;
        net.now = now.plus(Duration::from_secs(ahead));
        let list = set_status(&mut net, NORD, AgencyStatus::Suspended);
        net.now = now;
        net.trust_list(NORD, &list);
        a_suspended_hub_keeps_what_it_has(net, room);
    }
}

fn a_suspended_hub_keeps_what_it_has(mut net: Net, room: RoomId) {
    net.wait();
    assert_eq!((net.texts(BEN), net.texts(CLEO)), (Vec::new(), Vec::new()));
    let list = set_status(&mut net, NORD, AgencyStatus::Active);
    for at in [NORD, SUED, WEST] {
        net.bring_trust_lists(at, &list);
    }
    net.wait();
    net.say(BEN, room, "and on");
    net.wait();
    for phone in [BEN, CLEO] {
        assert!(net.texts(phone).contains(&"on the eve".to_owned()));
    }
    net.agree(room, &[ANNA, BEN, CLEO]);
}

/// SPEC V-581: the hub's agency is suspended while an invitation is on its way.
#[test]
fn an_invitation_of_a_suspended_hub_is_taken_up_when_it_is_back() {
    let (mut net, room) = officers(200);
    let dora = net.enrol("dora@police.west.example");
    let list = set_status(&mut net, NORD, AgencyStatus::Suspended);
    let users = vec![net.phones[dora].device.user.clone()];
    net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap();
    // As far as Dora's server, which has it.
    net.phones[dora].online = false;
    net.settle();
    net.trust_list(WEST, &list);
    net.phones[dora].online = true;
    net.resume(dora);
    net.wait();
    assert!(changed(&net, dora, NORD, 2, AgencyChange::Suspended));
    net.pass(days(3));
    let failed = |event: &Event| matches!(event, Event::InvitationFailed { .. });
    let joined = |event: &Event| matches!(event, Event::Joined { .. });
    assert_eq!((net.count(dora, failed), net.count(dora, joined)), (0, 0));
    let list = set_status(&mut net, NORD, AgencyStatus::Active);
    for at in [NORD, SUED, WEST] {
        net.bring_trust_lists(at, &list);
    }
    net.wait();
    assert_eq!((net.count(dora, failed), net.count(dora, joined)), (0, 1));
    net.agree(room, &[ANNA, BEN, CLEO, dora]);
}

/// SPEC V-325
#[test]
fn an_agency_that_speaks_no_version_of_ours_is_waited_for() {
    let (mut net, room) = officers(198);
    describe(&mut net, SUED, |next| next.versions = vec![2]);
    net.say(BEN, room, "in another language");
    net.settle();
    net.say(ANNA, room, "hello");
    net.wait();
    // Of the frame nothing is taken but the descriptor, and nothing is sent to the agency.
    let nothing = Vec::<String>::new();
    assert_eq!((net.texts(ANNA), net.texts(BEN)), (nothing.clone(), nothing));
    assert_eq!(net.texts(CLEO), ["hello"]);
    describe(&mut net, SUED, |next| next.versions = vec![1, 2]);
    net.wait();
    net.wait();
    assert_eq!(net.texts(BEN), ["hello"]);
    assert_eq!(net.texts(ANNA), ["in another language"]);
    net.agree(room, &[ANNA, BEN, CLEO]);
}

/// SPEC V-326
#[test]
fn nobody_is_invited_whose_agency_does_not_support_the_suite() {
    let (mut net, room) = officers(199);
    let bea = "bea@police.sued.example";
    net.enrol(bea);
    describe(&mut net, SUED, |next| next.suites = vec![1]);
    let users = vec![user(bea)];
    let (request, _) = net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap();
    net.wait();
    let told = Event::NotInvited { request, users: vec![(user(bea), Code::UnknownSuite)], retry_at: None };
    assert!(net.has(ANNA, &told));
    // Whoever is there stays.
    net.say(BEN, room, "still here");
    net.wait();
    assert_eq!(net.texts(ANNA), ["still here"]);
}

/// SPEC V-228, V-327
#[test]
fn an_agency_without_a_descriptor_in_force_is_silent_until_it_has_one() {
    let (mut net, room) = officers(200);
    // A frame that nobody acknowledges, from just before the end.
    net.now = BEGIN.plus(days(29)).minus(Duration::from_secs(60));
    for of in [NORD, WEST] {
        describe(&mut net, of, |_| {});
    }
    net.settle();
    net.rule = Box::new(|leg, _| match leg {
        Leg::Frame(from, _) if from.as_str() == SUED => Fault::Lost,
        _ => Fault::None,
    });
    net.say(BEN, room, "a last word");
    net.settle();
    net.rule = no_faults();
    net.now = BEGIN.plus(days(30));
    let due = |net: &mut Net| {
        let host = net.hosts.get_mut(&agency(SUED)).unwrap();
        let ctx = Ctx { now: net.now, store: &host.store, rng: &mut net.rng };
        let papers = host.engine.papers(ctx).unwrap();
        let ctx = Ctx { now: net.now, store: &host.store, rng: &mut net.rng };
        let done = host.engine.tick(ctx, 1).unwrap().commit(&mut host.store.clone()).unwrap();
        (papers.descriptor, papers.revocations, done.outputs.contains(&Output::PapersDue))
    };
    assert_eq!(due(&mut net), (None, None, true));
    net.say(ANNA, room, "anybody there?");
    net.wait();
    assert_eq!(net.texts(BEN), [""; 0]);
    assert_eq!(net.texts(ANNA), [""; 0]);
    assert_eq!(net.texts(CLEO), ["anybody there?"]);
    // Nobody is removed for that.
    let gone = |event: &Event| {
        matches!(event, Event::DeviceDue { .. })
            || matches!(event, Event::MembersChanged { devices_removed, .. } if !devices_removed.is_empty())
    };
    assert_eq!(net.count(ANNA, gone), 0);
    describe(&mut net, SUED, |_| {});
    let until = net.now.plus(days(30));
    assert_eq!(due(&mut net), (Some(until), None, false));
    net.wait();
    assert_eq!(net.texts(ANNA), ["a last word"]);
    assert_eq!(net.texts(BEN), ["anybody there?"]);
    net.agree(room, &[ANNA, BEN, CLEO]);
}

/// Every operational key is rotated with the next beside it for a while; nobody has to do
/// anything.
#[test]
fn operational_keys_are_rotated_one_after_the_other() {
    let (mut net, room) = officers(201);
    net.revocable(SUED);
    // The server's: named first, used then, dropped at last.
    let [server, revoker] = [(); 2].map(|()| SigningKey::generate(&mut net.rng));
    let now = net.now;
    describe(&mut net, SUED, |next| {
        next.keys.push(Authority::operational(KeyPurpose::Server, &server, now));
        next.keys.push(Authority::operational(KeyPurpose::Revocation, &revoker, now));
    });
    net.say(BEN, room, "one");
    net.wait();
    let former = *net.hosts[&agency(SUED)].authority.keys().server.verify_key().as_bytes();
    let host = net.hosts.get_mut(&agency(SUED)).unwrap();
    host.authority.replace_server_key(server);
    let setup = host.authority.setup(&net.office);
    net.operate(SUED, |server, ctx| server.setup(ctx, &setup)).unwrap();
    net.say(BEN, room, "two");
    net.wait();
    net.say(ANNA, room, "three");
    net.wait();
    // The revocation key's: what the former one said stands, and the next one goes on.
    let list = net.hosts[&agency(SUED)].revocations.clone().unwrap();
    let next = list.next(net.now, &[]);
    let signed = next.sign(&revoker).unwrap();
    net.operate(SUED, |server, ctx| server.revocations(ctx, &signed)).unwrap();
    describe(&mut net, SUED, |next| {
        next.keys.retain(|key| key.key() != &former);
        next.keys.retain(|key| key.key() != revocation_key().verify_key().as_bytes());
    });
    net.say(BEN, room, "four");
    net.wait();
    assert_eq!(net.texts(ANNA), ["one", "two", "four"]);
    assert_eq!(net.texts(BEN), ["three"]);
    assert_eq!(net.texts(CLEO), ["one", "two", "three", "four"]);
    for phone in [ANNA, CLEO] {
        let stalled = |event: &Event| matches!(event, Event::RoomStalled { .. });
        assert_eq!(net.count(phone, stalled), 0);
    }
    net.agree(room, &[ANNA, BEN, CLEO]);
}

/// SPEC V-216
#[test]
fn an_agency_rotates_its_certificate_key() {
    let (mut net, room) = officers(192);
    let (now, key) = (net.now, SigningKey::generate(&mut net.rng));
    let named = Authority::operational(KeyPurpose::Certificate, &key, now);
    let host = net.hosts.get_mut(&agency(SUED)).unwrap();
    let descriptor = host.authority.describe(now, |next| next.keys.push(named)).unwrap();
    net.operate(SUED, |server, ctx| server.descriptor(ctx, &descriptor)).unwrap();
    net.say(BEN, room, "hello");
    net.wait();
    let told = Event::AgencyKeysChanged {
        agency: agency(SUED),
        descriptor: 2,
        added: vec![(KeyPurpose::Certificate, key.verify_key().id())],
        dropped: vec![],
    };
    // Who has no part in what that key signs hears of it when it matters.
    for phone in [ANNA, BEN] {
        assert!(net.has(phone, &told), "{phone}");
    }
}

/// SPEC V-453, V-489: an agency is behind with its papers. Its people are where they are, and others come
/// into the room as before.
#[test]
fn an_agency_whose_descriptor_has_ended_keeps_nobody_out() {
    let (mut net, room) = officers(202);
    let dora = net.enrol("dora@police.sued.example");
    let tablet = net.enrol_further(ANNA);
    net.phones[CLEO].online = false;
    net.now = BEGIN.plus(days(31));
    for of in [NORD, SUED] {
        describe(&mut net, of, |_| {});
    }
    net.wait();
    let users = vec![user("dora@police.sued.example")];
    net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap();
    net.wait();
    assert!(net.view(dora, room).is_some(), "invited");
    net.command(tablet, |request| Command::Join { request, room, hub: agency(NORD) }).unwrap();
    net.wait();
    assert!(net.view(tablet, room).is_some(), "from outside");
    net.say(dora, room, "all here");
    net.wait();
    net.agree(room, &[ANNA, BEN, dora, tablet]);
    // With the next descriptor its people go on, too.
    describe(&mut net, WEST, |_| {});
    net.phones[CLEO].online = true;
    net.resume(CLEO);
    net.wait();
    assert_eq!(net.texts(CLEO), ["all here"]);
    net.agree(room, &[ANNA, BEN, CLEO, dora, tablet]);
}
