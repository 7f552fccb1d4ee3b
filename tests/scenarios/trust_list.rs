//! What changes in a federation, as everybody comes to see it: agencies that are suspended and
//! come back, root keys that are replaced, operational keys that are rotated.

use crate::federation::Authority;
use crate::support::*;
use verbund::{
    client::{Command, Event},
    code::Code,
    identity::{AgencyChange, AgencyStatus, KeyPurpose, SigningKey},
    ids::RoomId,
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

fn set_status(net: &mut Net, of: &str, status: AgencyStatus) -> Vec<u8> {
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
