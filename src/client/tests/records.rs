//! Records of claims: what a device believes of its server's word, and what it makes of it.

use super::Phone;
use crate::{
    client::{Command, Event, keys},
    code::Code,
    crypto::{self, SigningKey},
    identity::{
        Descriptor, Directory, KeyPurpose, OperationalKey, RevocationList,
        fixture::{DAY, TestDevice, TestFederation, agency, key, now, user},
    },
    ids::{Device, Hash, RequestId, RoomId},
    limits,
    store::Store,
    time::Timestamp,
    wire::device::{Claim, ClaimRecord, DeviceRequest, RequestBody},
};

const ROOM: RoomId = RoomId::from_bytes([5; 16]);

/// Anna's phone, which knows Bert's agency, and what Bert's device claims.
struct Stage {
    phone: Phone,
    bert: TestDevice,
    others: TestDevice,
}

impl Stage {
    fn new(seed: u8) -> Self {
        let mut phone = Phone::new(seed);
        phone.now = now();
        let mut federation = TestFederation::new();
        let bert = federation.person("bert@b.example", 40);
        let others = federation.person("carl@b.example", 41);
        phone.call(|call| {
            let draft = &mut call.draft;
            Directory.install(draft, &federation.anchor)?;
            Directory.accept_trust_list(draft, &federation.trust_list())?;
            for agency in &federation.agencies {
                Directory.accept_descriptor(draft, &agency.descriptor())?;
            }
            Ok(())
        });
        Stage { phone, bert, others }
    }

    fn record(&self, number: u8) -> ClaimRecord {
        self.changed(number, |_| {})
    }

    /// A record of a claim that Bert's device has signed after a change.
    fn changed(&self, number: u8, change: impl FnOnce(&mut DeviceRequest)) -> ClaimRecord {
        self.signed(number, self.bert.new.key(), change)
    }

    fn signed(&self, number: u8, by: &SigningKey, change: impl FnOnce(&mut DeviceRequest)) -> ClaimRecord {
        let users = vec![crate::identity::fixture::user("anna@police.nord.example")];
        let mut request = DeviceRequest {
            device: self.bert.verified.device().clone(),
            agency: agency("b.example"),
            request_id: RequestId::from_bytes([number; 16]),
            body: RequestBody::Claim(Claim { users, at: now() }),
        };
        change(&mut request);
        ClaimRecord {
            number: number.into(),
            at: now(),
            package: Hash::from_bytes([number; 32]),
            request: crypto::sign(request, &[by]).into_signed().into(),
            certificate: self.bert.certificate().clone(),
        }
    }

    fn take(&mut self, records: Vec<ClaimRecord>) -> usize {
        self.phone.call(|call| call.take_records(records).map(drop));
        self.phone.client.claims(&self.phone.store).unwrap().len()
    }

    fn told(&mut self) -> Vec<Event> {
        let events = self.phone.client.events(&self.phone.store, 0, 100).unwrap();
        let up_to = events.last().map_or(0, |(number, _)| *number);
        self.phone.call(|call| call.carry_out(Command::AckEvents { up_to }).map(drop));
        events.into_iter().map(|(_, event)| event).collect()
    }

    /// As if records had been read no further.
    fn back_to(&mut self, number: u64) {
        self.phone.call(|call| {
            call.draft.put(keys::records_read(), number.to_be_bytes().to_vec());
            Ok(())
        });
    }

    /// As if it were another day.
    fn forget_told(&mut self) {
        self.phone.call(|call| {
            call.draft.delete(keys::told(b"c", ""));
            Ok(())
        });
    }

    fn read(&self) -> u64 {
        let row = self.phone.store.get(&keys::records_read()).unwrap();
        row.map_or(0, |row| u64::from_be_bytes(row.try_into().unwrap()))
    }
}

/// SPEC V-590
#[test]
fn a_record_holds_by_the_claims_own_signature() {
    let mut stage = Stage::new(60);
    let good = stage.record(1);
    let bert = stage.bert.verified.device().clone();
    assert_eq!(stage.take(vec![good]), 1);
    let claims = stage.phone.client.claims(&stage.phone.store).unwrap();
    let claimed = (&claims[0].by, claims[0].at, claims[0].package);
    assert_eq!(claimed, (&bert, now(), Hash::from_bytes([1; 32])));
    assert!(stage.told().is_empty());

    // Each of these breaks one thing; none counts, and the next is looked at.
    let others = stage.others.certificate().clone();
    let late = now().plus(limits::CLAIM_KEPT * 2);
    let claim_of = |users: &str| {
        let users = vec![crate::identity::fixture::user(users)];
        RequestBody::Claim(Claim { users, at: now() })
    };
    let bad = [
        stage.signed(2, &key(9), |_| {}),
        stage.changed(3, |r| r.body = claim_of("bea@police.nord.example")),
        ClaimRecord { certificate: others, ..stage.record(4) },
        ClaimRecord { at: late, ..stage.record(5) },
        ClaimRecord { at: Timestamp::ZERO, ..stage.record(6) },
        stage.changed(7, |r| r.request_id = RequestId::from_bytes([1; 16])),
    ];
    for (n, record) in bad.into_iter().enumerate() {
        assert_eq!(stage.take(vec![record.clone()]), 1, "{n}");
        let number = n as u64 + 2;
        assert_eq!(stage.told(), [Event::BadRecord { number }], "{n}");
        assert_eq!(stage.read(), number);
        // Once a day: a server can make as many as it likes.
        stage.back_to(number - 1);
        assert_eq!(stage.take(vec![record]), 1);
        assert_eq!((stage.told(), stage.read()), (vec![], number));
        stage.forget_told();
    }
    // What cannot be judged counts for as little, but nobody is blamed.
    let mut unknown = stage.record(8);
    let claims = crate::identity::read_certificate(stage.bert.certificate()).unwrap();
    unknown.certificate = crypto::sign(claims, &[&key(9)]).bytes().clone();
    assert_eq!(stage.take(vec![unknown]), 1);
    assert!(stage.told().is_empty());
    let next = stage.record(9);
    assert_eq!(stage.take(vec![next]), 2);
    assert_eq!(stage.read(), 9);
}

/// SPEC V-590: two devices that have agreed on one id do not have the server that records both blamed.
#[test]
fn two_claims_with_one_id_are_two_claims() {
    let mut stage = Stage::new(62);
    let carl = stage.others.verified.device().clone();
    let mut second = stage.signed(2, stage.others.new.key(), |request| {
        request.device = carl;
        request.request_id = RequestId::from_bytes([1; 16]);
    });
    second.certificate = stage.others.certificate().clone();
    let first = stage.record(1);
    assert_eq!(stage.take(vec![first, second]), 2);
    assert!(stage.told().is_empty());
}

/// SPEC V-590: nor does one that gives an id again when a server has forgotten the first.
#[test]
fn two_claims_with_one_id_at_two_times_are_two_claims() {
    let mut stage = Stage::new(64);
    let first = stage.record(1);
    let later = stage.changed(2, |request| {
        request.request_id = RequestId::from_bytes([1; 16]);
        let RequestBody::Claim(claim) = &mut request.body else { panic!() };
        claim.at = claim.at.plus(core::time::Duration::from_secs(60));
    });
    assert_eq!(stage.take(vec![first, later]), 2);
    assert!(stage.told().is_empty());
}

/// A bad document that is brought again and again is told of once a day.
#[test]
fn a_bad_document_is_not_told_without_end() {
    let mut stage = Stage::new(63);
    let federation = TestFederation::new();
    let b = &federation.agencies[1];
    let day = core::time::Duration::from_secs(86_400);
    let mut forked = b.describe(1, now().minus(day));
    forked.endpoints.push("https://elsewhere.example".into());
    let forked = forked.sign(&b.root).unwrap().into();
    for _ in 0..2 {
        for _ in 0..3 {
            stage.phone.call(|call| call.take_descriptor(&forked));
        }
        let told = stage.told();
        let [Event::AgencyMisbehaved { evidence }] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((evidence.agency(), evidence.code()), (&agency("b.example"), Code::Equivocation));
        assert!(evidence.documents().contains(&forked.as_ref()));
        assert!(evidence.documents().contains(&b.descriptor().as_ref()));
        evidence.verify(&b.listed(), &[]).unwrap();
        stage.phone.now = stage.phone.now.plus(day);
    }
}

/// SPEC V-315: so are revocation lists.
#[test]
fn revocation_lists_that_deny_each_other_are_evidence() {
    let mut stage = Stage::new(65);
    let federation = TestFederation::new();
    let b = &federation.agencies[1];
    let signer = key(70);
    let (from, until) = (now().minus(DAY), now().plus(DAY));
    let mut descriptor = b.describe(2, now().minus(DAY));
    descriptor.keys.push(OperationalKey::new(
        KeyPurpose::Revocation,
        signer.verify_key().as_bytes(),
        from,
        until,
    ));
    let descriptor = descriptor.sign(&b.root).unwrap();
    let first = RevocationList::first(b.id.clone(), now());
    let list = |name: &str| first.next(now(), &[(user(name), None, 7)]);
    let (known, rival) = (list("bert@b.example"), list("carl@b.example"));
    let later = rival.next(now(), &[]);
    let signed = |list: &RevocationList| list.sign(&signer).unwrap().into();
    let (known, rival, later): (bytes::Bytes, bytes::Bytes, bytes::Bytes) =
        (signed(&known), signed(&rival), signed(&later));
    stage.phone.call(|call| call.take_descriptor(&descriptor.clone().into()));
    stage.phone.call(|call| call.take_revocations(&known));
    stage.told();
    let listed = [Descriptor::verify(&descriptor, &b.listed()).unwrap()];
    for (other, code) in [(&rival, Code::Equivocation), (&later, Code::Unrevoked)] {
        for _ in 0..2 {
            stage.phone.call(|call| call.take_revocations(other));
        }
        let told = stage.told();
        let [Event::AgencyMisbehaved { evidence }] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((evidence.agency(), evidence.code()), (&b.id, code));
        assert!(evidence.documents().contains(&known.as_ref()));
        assert!(evidence.documents().contains(&other.as_ref()));
        evidence.verify(&b.listed(), &listed).unwrap();
    }
}

/// SPEC V-590
#[test]
fn records_are_taken_in_their_order_once() {
    let mut stage = Stage::new(61);
    let (one, two, three) = (stage.record(1), stage.record(2), stage.record(3));
    assert_eq!((stage.take(vec![two.clone(), three.clone()]), stage.read()), (0, 0));
    assert_eq!((stage.take(vec![one.clone(), two.clone()]), stage.read()), (2, 2));
    assert_eq!((stage.take(vec![one, two, three]), stage.read()), (3, 3));
    assert!(stage.told().is_empty());
    // The latest are kept.
    let row = stage.phone.store.get(&keys::record(3)).unwrap().unwrap();
    let known = limits::CLAIMS_KNOWN as u64;
    stage.phone.call(|call| {
        (4..=known).for_each(|n| call.draft.put(keys::record(n), row.clone()));
        call.draft.put(keys::records_read(), known.to_be_bytes().to_vec());
        Ok(())
    });
    for n in [1, 2] {
        let next = ClaimRecord { number: known + u64::from(n), ..stage.record(10 + n) };
        assert_eq!(stage.take(vec![next]), limits::CLAIMS_KNOWN);
        assert!(stage.phone.store.get(&keys::record(n.into())).unwrap().is_none());
    }
    assert!(stage.phone.store.get(&keys::record(3)).unwrap().is_some());
}

/// SPEC V-591
#[test]
fn a_key_package_that_nobody_was_given_is_told_of() {
    let mut stage = Stage::new(62);
    let (bert, carl) = (stage.bert.verified.device().clone(), stage.others.verified.device().clone());
    let record = stage.record(1);
    stage.take(vec![record]);
    let package = |n| Hash::from_bytes([n; 32]);
    let joined = |stage: &mut Stage, n, by: &Device| {
        stage.phone.call(|call| call.check_claimed(ROOM, &package(n), by));
        stage.told()
    };
    assert!(joined(&mut stage, 1, &bert).is_empty());
    let unrecorded = |by: &Device, recorded| Event::ClaimUnrecorded { room: ROOM, by: by.clone(), recorded };
    assert_eq!(joined(&mut stage, 2, &bert), [unrecorded(&bert, vec![])]);
    assert_eq!(joined(&mut stage, 1, &carl), [unrecorded(&carl, vec![bert.clone()])]);
    // A last resort is given to many.
    let again = ClaimRecord { package: package(1), ..stage.record(2) };
    let theirs = stage.signed(3, stage.others.new.key(), |r| r.device = carl.clone());
    let theirs =
        ClaimRecord { certificate: stage.others.certificate().clone(), package: package(1), ..theirs };
    assert_eq!(stage.take(vec![again, theirs]), 3);
    assert!(joined(&mut stage, 1, &carl).is_empty());
    assert_eq!(
        joined(&mut stage, 1, &stage_device()),
        [unrecorded(&stage_device(), vec![bert.clone(), bert, carl])]
    );
}

fn stage_device() -> Device {
    Device {
        user: crate::identity::fixture::user("eve@c.example"),
        id: crate::ids::DeviceId::from_bytes([8; 16]),
    }
}
