//! What devices, recovery keys and the agency may do to a chain, one fault at a time.

use super::*;

/// The keys of the two owners of a desk.
const OWNERS: [u8; 2] = [100, 101];

fn owned(owner: &str, n: u8) -> RecoveryKey {
    RecoveryKey::kept_by(owner, &key(n).verify_key())
}

/// A desk's chain, with device 1 and two owners.
fn desk(kind: UserKind) -> UserChain {
    let recovery = vec![owned("a", OWNERS[0]), owned("b", OWNERS[1])];
    let op = Op::Genesis { kind, device: device(1), recovery, replaces: None };
    begun(ChainEntry { op, ..genesis() }, 1).unwrap()
}

/// The next entry of a chain, so long after the one before.
fn later(chain: &UserChain, op: Op, after: core::time::Duration) -> ChainEntry {
    let entry = add(chain, 2);
    ChainEntry { op, at: entry.at.plus(after), ..entry }
}

fn entry(chain: &UserChain, op: Op) -> ChainEntry {
    later(chain, op, core::time::Duration::ZERO)
}

fn adding(n: u8) -> Op {
    Op::AddDevice { device: device(n) }
}

fn removing(n: u8) -> Op {
    Op::RemoveDevice { device: device(n).id }
}

/// A delegation until some days after [`now`].
fn delegating(n: u8, days: u32) -> Op {
    Op::Delegate { device: device(n), until: now().plus(days * DAY) }
}

fn setting(keys: &[(&str, u8)]) -> Op {
    Op::SetRecovery { recovery: keys.iter().map(|(owner, n)| owned(owner, *n)).collect() }
}

/// The code with which a chain refuses an entry by this key.
fn code(chain: &UserChain, op: Op, signer: u8) -> Option<Code> {
    taken(&mut chain.clone(), entry(chain, op), signer)
}

fn taken(chain: &mut UserChain, entry: ChainEntry, signer: u8) -> Option<Code> {
    chain.accept(link(entry, signer), &mut keys).err().map(|error| error.code())
}

fn grown(mut chain: UserChain, ops: &[(Op, u8)]) -> UserChain {
    for (op, signer) in ops {
        let next = entry(&chain, op.clone());
        assert_eq!(taken(&mut chain, next, *signer), None);
    }
    chain
}

/// Whether a device speaks for the user, by the code with which it is refused if not.
fn speaks(chain: &UserChain, n: u8) -> Option<Code> {
    chain.speaks(&device(n), chain.last()).err().map(|error| error.code())
}

/// V-248, V-255
#[test]
fn who_may_do_what_to_a_persons_chain() {
    let chain = two();
    for (op, who) in [
        (adding(3), [None, None, Some(Code::BrokenChain)]),
        (removing(2), [None, None, None]),
        (setting(&[("", 110)]), [Some(Code::BrokenChain), None, Some(Code::BrokenChain)]),
        (delegating(3, 1), [Some(Code::BrokenChain); 3]),
    ] {
        for (signer, refused) in [1, 100, AGENCY].into_iter().zip(who) {
            assert_eq!(code(&chain, op.clone(), signer), refused, "{op:?} by {signer}");
        }
        assert_eq!(code(&chain, op, 77), Some(Code::BrokenChain));
    }
}

/// V-255: the agency removes with the key that countersigns, and no other.
#[test]
fn an_agency_that_removes_with_another_key() {
    let mut chain = two();
    let by = |signer: u8, countersigner: u8| {
        let statement = Statement::sign(entry(&two(), removing(2)), &key(signer)).unwrap();
        ChainLink::countersign(statement, &key(countersigner))
    };
    refused(chain.accept(by(51, AGENCY), &mut keys), Code::BrokenChain);
    refused(chain.accept(by(51, 51), &mut keys), Code::MissingEvidence);
    let mut proto = by(AGENCY, AGENCY).to_proto();
    proto.signature = by(1, AGENCY).to_proto().signature;
    refused(chain.accept(ChainLink::parse(proto).unwrap(), &mut keys), Code::BadSignature);
    assert!(chain.accept(by(AGENCY, AGENCY), &mut keys).unwrap());
    assert_eq!(speaks(&chain, 2), Some(Code::RemovedDevice));
    // A registrar needs no request for that, and takes none.
    let asked = Statement::sign(entry(&two(), removing(2)), &key(AGENCY)).unwrap();
    refused(UserChain::check_next(Some(&two()), &asked), Code::BrokenChain);
}

/// V-256, V-258
#[test]
fn a_removed_device_is_over() {
    let chain = grown(two(), &[(removing(2), 1)]);
    assert_eq!((speaks(&chain, 1), speaks(&chain, 2)), (None, Some(Code::RemovedDevice)));
    assert_eq!(chain.speaks(&device(2), 1), Ok(None), "it was one up to there");
    // It signs nothing any more, it cannot be removed again, and neither id nor key come back.
    assert_eq!(code(&chain, adding(3), 2), Some(Code::BrokenChain));
    assert_eq!(code(&chain, removing(1), 2), Some(Code::BrokenChain));
    assert_eq!(code(&chain, removing(2), 1), Some(Code::BrokenChain));
    assert_eq!(code(&chain, adding(2), 1), Some(Code::BrokenChain));
    let again = |id: u8, k: u8| Op::AddDevice { device: DeviceKey { id: device(id).id, key: device(k).key } };
    assert_eq!(code(&chain, again(2, 3), 1), Some(Code::BrokenChain));
    assert_eq!(code(&chain, again(3, 2), 1), Some(Code::BrokenChain));
    // Nobody is removed who was never there.
    assert_eq!(code(&chain, removing(9), 1), Some(Code::BrokenChain));
    // The last one too, even by itself: then the recovery key is left.
    let chain = grown(chain, &[(removing(1), 1), (adding(3), 100)]);
    assert_eq!((speaks(&chain, 1), speaks(&chain, 3)), (Some(Code::RemovedDevice), None));
    let by = |n: u8| chain.endorsement(&device(n).id).unwrap().clone();
    assert_eq!((by(1).by, by(2).by), (Endorser::Founder, Endorser::Device(device(1).id)));
    assert_eq!(by(3).by, Endorser::Recovery { owner: String::new() });
    assert_eq!((by(2).removed_at, by(3).removed_at), (Some(now()), None));
    assert_eq!(chain.devices().count(), 3);
}

/// V-252: devices that are gone make room, and the end of a chain is kept for removals.
#[test]
fn live_devices_count() {
    let mut chain = one();
    for n in 2..=32 {
        chain = grown(chain, &[(adding(n), 1)]);
    }
    assert_eq!(code(&chain, adding(33), 1), Some(Code::TooLong));
    let chain = grown(chain, &[(removing(2), 1), (adding(33), 1)]);
    assert_eq!(code(&chain, adding(34), 1), Some(Code::TooLong));

    let mut chain = desk(UserKind::Role);
    for n in 2..=32 {
        chain = grown(chain, &[(delegating(n, 1), 1)]);
    }
    let next = |after| later(&chain, Op::AddDevice { device: device(33) }, after);
    assert_eq!(taken(&mut chain.clone(), next(DAY / 2), 1), Some(Code::TooLong));
    assert_eq!(taken(&mut chain.clone(), next(DAY), 1), None);
}

/// V-252
#[test]
fn the_last_places_are_for_removals() {
    let mut chain = one();
    let last = limits::CHAIN_LINKS - limits::DEVICES_PER_USER;
    for n in 1..last {
        let new = SeedKey::of(n);
        let op = if n % 2 == 1 { Op::AddDevice { device: new.device() } } else { removing_id(n - 1) };
        chain = grown(chain, &[(op, 1)]);
    }
    assert_eq!(chain.len(), last);
    assert_eq!(code(&chain, Op::AddDevice { device: SeedKey::of(9_999).device() }, 1), Some(Code::TooLong));
    assert_eq!(code(&chain, Op::SetRecovery { recovery: vec![recovery(110)] }, 100), Some(Code::TooLong));
    assert_eq!(code(&chain, removing_id(last - 1), 1), None);
}

/// Keys beyond those of one byte.
struct SeedKey([u8; 32]);

impl SeedKey {
    fn of(n: usize) -> Self {
        let mut seed = [0xaa; 32];
        seed[..8].copy_from_slice(&(n as u64).to_be_bytes());
        SeedKey(seed)
    }

    fn device(&self) -> DeviceKey {
        let key = *crate::crypto::SigningKey::from_seed(&self.0).verify_key().as_bytes();
        DeviceKey { id: DeviceId::from_bytes(*self.0.first_chunk().unwrap()), key }
    }
}

fn removing_id(n: usize) -> Op {
    Op::RemoveDevice { device: SeedKey::of(n).device().id }
}

/// V-254
#[test]
fn delegations_out_of_their_bound() {
    let until = |until| decode_body::<ChainEntry>(&encode_body(&entry(&desk(UserKind::Role), until)));
    assert!(until(delegating(2, 7)).is_ok());
    refused(until(delegating(2, 0)), Code::BadField);
    refused(until(delegating(2, 8)), Code::BadField);
}

/// V-255: only a role is handed over, and by a device.
#[test]
fn handed_over_by_whom() {
    for kind in [UserKind::Service, UserKind::Archive] {
        assert_eq!(code(&desk(kind), delegating(2, 1), 1), Some(Code::BrokenChain));
    }
    let desk = desk(UserKind::Role);
    assert_eq!(code(&desk, delegating(2, 1), 1), None);
    assert_eq!(code(&desk, delegating(2, 1), OWNERS[0]), Some(Code::BrokenChain));
    assert_eq!(code(&desk, delegating(2, 1), AGENCY), Some(Code::BrokenChain));
}

/// V-256
#[test]
fn what_a_delegate_may_do() {
    let chain = grown(desk(UserKind::Role), &[(adding(2), 1), (delegating(3, 1), 1)]);
    assert_eq!(chain.speaks(&device(3), 2), Ok(Some(now().plus(DAY))));
    let chain = grown(chain, &[(delegating(4, 7), 3)]);
    assert_eq!(chain.endorsement(&device(4).id).unwrap().by, Endorser::Device(device(3).id));
    for (op, refused) in [
        (adding(5), Some(Code::BeyondDelegation)),
        (removing(1), Some(Code::BeyondDelegation)),
        (setting(&[("a", 110), ("b", 111)]), Some(Code::BrokenChain)),
        (delegating(5, 7), None),
        (removing(4), None),
        (removing(3), None),
    ] {
        assert_eq!(code(&chain, op.clone(), 3), refused, "{op:?}");
    }
    assert_eq!(code(&chain, removing(3), 1), None);
    // From the end on it is nobody, and is removed by nobody.
    let at_the_end = |op, signer| taken(&mut chain.clone(), later(&chain, op, DAY), signer);
    assert_eq!(at_the_end(delegating(5, 7), 3), Some(Code::BrokenChain));
    assert_eq!(at_the_end(removing(4), 3), Some(Code::BrokenChain));
    assert_eq!(at_the_end(removing(3), 1), Some(Code::BrokenChain));
    assert_eq!(at_the_end(delegating(5, 7), 4), None);
    let shift = chain.endorsement(&device(3).id).unwrap();
    assert!(shift.is_live(now()) && !shift.is_live(now().plus(DAY)));
}

/// Both owners' word for other recovery keys, or one.
fn reset_by(chain: &UserChain, op: Op, first: u8, second: Option<u8>) -> Option<Code> {
    let statement = Statement::sign(entry(chain, op), &key(first)).unwrap();
    let statement = match second {
        Some(second) => statement.signed_also(&key(second)),
        None => statement,
    };
    let link = ChainLink::countersign(statement, &key(AGENCY));
    chain.clone().accept(link, &mut keys).err().map(|error| error.code())
}

/// V-257: one owner does not oust the other.
#[test]
fn other_recovery_keys_of_a_desk() {
    let desk = desk(UserKind::Role);
    let new = || setting(&[("a", 110), ("c", 111)]);
    let [a, b] = OWNERS;
    assert_eq!(reset_by(&desk, new(), a, Some(b)), None);
    assert_eq!(reset_by(&desk, new(), b, Some(a)), None);
    assert_eq!(reset_by(&desk, new(), a, None), Some(Code::BadField));
    assert_eq!(reset_by(&desk, new(), a, Some(a)), Some(Code::BadSignature));
    assert_eq!(reset_by(&desk, new(), a, Some(1)), Some(Code::BadSignature));
    assert_eq!(reset_by(&desk, new(), 1, Some(b)), Some(Code::BrokenChain));
    // A second signature where none is wanted.
    assert_eq!(reset_by(&desk, removing(1), a, Some(b)), Some(Code::BadField));
    assert_eq!(reset_by(&two(), setting(&[("", 110)]), 100, Some(100)), Some(Code::BadField));
    // The agency countersigns both.
    let statement = Statement::sign(entry(&desk, new()), &key(a)).unwrap().signed_also(&key(b));
    let mut proto = ChainLink::countersign(statement, &key(AGENCY)).to_proto();
    let other = Statement::sign(entry(&desk, new()), &key(a)).unwrap();
    proto.countersignature = ChainLink::countersign(other, &key(AGENCY)).to_proto().countersignature;
    refused(desk.clone().accept(ChainLink::parse(proto).unwrap(), &mut keys), Code::BadSignature);
}

/// An endorsement names the owner whose key vouches for the device.
#[test]
fn recovered_by_either_owner() {
    for (key, owner) in OWNERS.into_iter().zip(["a", "b"]) {
        let chain = grown(desk(UserKind::Role), &[(adding(2), key)]);
        let by = Endorser::Recovery { owner: owner.into() };
        assert_eq!(chain.endorsement(&device(2).id).unwrap().by, by);
    }
}

/// V-243, V-250, V-258: keys fit the kind, and are new or stay with their owners.
#[test]
fn recovery_keys_that_cannot_be() {
    let desk = desk(UserKind::Role);
    let [a, b] = OWNERS;
    let with = |keys: &[(&str, u8)]| reset_by(&desk, setting(keys), a, Some(b));
    assert_eq!(with(&[("a", a), ("b", 111)]), None, "one of them stays");
    assert_eq!(with(&[("b", a), ("c", 111)]), Some(Code::BrokenChain), "with another owner");
    assert_eq!(with(&[("a", 1), ("b", 111)]), Some(Code::BrokenChain), "a device's");
    assert_eq!(with(&[("a", 110), ("b", 110)]), Some(Code::BrokenChain), "one twice");
    assert_eq!(with(&[("a", 110)]), Some(Code::BadField));
    assert_eq!(with(&[("", 110), ("b", 111)]), Some(Code::BadField));
    let chain = grown(two(), &[(setting(&[("", 110)]), 100)]);
    assert_eq!(chain.recovery(), [recovery(110)]);
    assert_eq!(code(&chain, adding(3), 110), None);
    assert_eq!(code(&chain, adding(3), 100), Some(Code::BrokenChain), "it counts no more");
    assert_eq!(code(&chain, setting(&[("", 100)]), 110), Some(Code::BrokenChain), "nor ever again");
    assert_eq!(code(&chain, Op::AddDevice { device: device(100) }, 1), Some(Code::BrokenChain));
    let mut bad = entry(&two(), setting(&[("", 110)])).to_proto();
    if let Some(crate::wire::proto::chain_entry::Op::SetRecovery(set)) = &mut bad.op {
        set.recovery[0].public_key = Bytes::from_static(&[0; 32]);
    }
    let bad = ChainEntry::parse(bad).unwrap();
    assert_eq!(taken(&mut two(), bad, 100), Some(Code::BadKey));
}

#[test]
fn the_roll_is_read_back_from_the_store() {
    let chain = grown(two(), &[(removing(2), 1), (adding(3), 1), (setting(&[("", 110)]), 100)]);
    let stored = UserChain::from_store(chain.bytes().into_iter().map(|b| b.to_vec())).unwrap().unwrap();
    assert!(stored.devices().eq(chain.devices()));
    assert_eq!(stored.recovery(), chain.recovery());
    assert_eq!(code(&stored, adding(4), 2), Some(Code::BrokenChain));
}
