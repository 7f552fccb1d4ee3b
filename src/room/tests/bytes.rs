//! MLS bytes with something changed: the hub and members refuse them, and nobody panics.

use std::sync::LazyLock;

use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::Index};

use super::{World, world::ROOM};
use crate::{
    crypto::{VerifyKey, mls::MlsCrypto},
    room::{self, Policy, hub::HubRoom, member::Plan, submission, submission::Parts},
    wire::log::{Submission, SubmissionKind},
};

/// What may happen to bytes on the way.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Put(Index, Vec<u8>),
    Insert(Index, Vec<u8>),
    Cut(Index),
    Drop(Index, u8),
}

impl Damage {
    /// The bytes after it, if they are others.
    fn to(&self, good: &[u8]) -> Option<Bytes> {
        let mut bytes = good.to_vec();
        match self {
            Damage::Flip(at, bit) => bytes[at.index(good.len())] ^= 1 << bit,
            Damage::Put(at, put) => {
                let at = at.index(good.len());
                let end = good.len().min(at + put.len());
                bytes[at..end].copy_from_slice(&put[..end - at]);
            }
            Damage::Insert(at, more) => {
                let at = at.index(good.len());
                bytes.splice(at..at, more.iter().copied());
            }
            Damage::Cut(at) => bytes.truncate(at.index(good.len())),
            Damage::Drop(at, count) => {
                let at = at.index(good.len());
                bytes.drain(at..good.len().min(at + usize::from(*count)));
            }
        }
        (bytes != good).then_some(bytes.into())
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<Index>(), 0..8u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        2 => (any::<Index>(), vec(any::<u8>(), 1..9)).prop_map(|(at, put)| Damage::Put(at, put)),
        1 => (any::<Index>(), vec(any::<u8>(), 1..9)).prop_map(|(at, more)| Damage::Insert(at, more)),
        1 => any::<Index>().prop_map(Damage::Cut),
        1 => (any::<Index>(), 1..9u8).prop_map(|(at, count)| Damage::Drop(at, count)),
    ]
}

/// A room of three users, and anna's commits (with additions, a removal and a new state; with
/// a path alone), proposal and message of its epoch.
static MADE: LazyLock<(World, [Submission; 4])> = LazyLock::new(|| {
    let mut world = World::of(Policy::default(), &["bert", "carl"]);
    let add = vec![world.package("dora"), world.package("bert2")];
    let (remove, state) = (vec![world.leaf("anna", "carl")], Some(world.state("anna")));
    let large = world.commit("anna", Plan { add, remove, state, ..Plan::default() });
    world.discard("anna");
    let path = world.commit("anna", Plan { refresh: true, ..Plan::default() });
    world.discard("anna");
    let proposal = world.leaving("anna", "anna");
    let message = world.saying("anna", "x");
    (world, [large, path, proposal, message])
});

/// The bytes at the end of a PublicMessage that a hub has no key to check: membership tag, and
/// for a commit the confirmation tag before it, each with its length.
fn unchecked(kind: SubmissionKind) -> usize {
    match kind {
        SubmissionKind::Commit => 66,
        SubmissionKind::Proposal => 33,
        _ => usize::MAX,
    }
}

proptest! {
    /// No bit of a commit or proposal but its tags escapes the hub, and none of anything a member.
    #[test]
    fn damaged_entries(which in 0..4usize, damage in damage()) {
        let (world, submissions) = &*MADE;
        let good = &submissions[which];
        // Nothing at all is not even a submission.
        if let Some(mls) = damage.to(&good.mls).filter(|mls| !mls.is_empty()) {
            let mut world = world.clone();
            let header = good.header.claimed();
            let (welcome, group_info) = (good.welcome.clone(), good.group_info.clone());
            let parts = Parts { mls: mls.clone(), welcome, group_info, ..Parts::default() };
            let submission = world.sign("anna", header.epoch, header.kind, parts);
            let checked = good.mls.len().saturating_sub(unchecked(header.kind));
            let verdicts = world.verdicts_of(&submission, &["bert"]);
            let same_prefix = mls.len() == good.mls.len() && mls[..checked] == good.mls[..checked];
            if !same_prefix {
                prop_assert!(verdicts[0].1.is_err(), "the hub takes {:?}", damage);
            }
            prop_assert!(verdicts[1].1.is_err(), "a member takes {:?}", damage);
        }
    }

    #[test]
    fn damaged_foundings(tree: bool, damage in damage()) {
        static FOUNDED: LazyLock<(World, Submission)> = LazyLock::new(|| {
            let mut world = World::enrolled();
            let (state, private) = world.founding_state(Policy::default());
            let submission = world.found("anna", state, private);
            (world, submission)
        });
        let (world, good) = &*FOUNDED;
        let (mut info, mut leaf) = (good.group_info.clone().unwrap(), good.ratchet_tree.clone().unwrap());
        let part = if tree { &mut leaf } else { &mut info };
        if let Some(damaged) = damage.to(part) {
            *part = damaged;
            let check = world.check();
            let storage = openmls_memory_storage::MemoryStorage::default();
            let by = (&world.user("anna").agency().clone(), &world.id("anna"));
            let mut verify = |certificate: &Bytes| check(certificate, world.now);
            let crypto = MlsCrypto::new([1; 32].into());
            prop_assert!(HubRoom::found(&storage, &crypto, (&info, &leaf), by, world.now, &mut verify).is_err());
        }
    }

    #[test]
    fn damaged_key_packages(damage in damage()) {
        static PACKAGE: LazyLock<(World, Bytes)> = LazyLock::new(|| {
            let mut world = World::enrolled();
            let package = world.package_bytes("bert", true);
            (world, package)
        });
        let (world, good) = &*PACKAGE;
        if let Some(damaged) = damage.to(good) {
            let check = world.check();
            let crypto = MlsCrypto::new([1; 32].into());
            let mut verify = |certificate: &Bytes| check(certificate, world.now);
            prop_assert!(room::check_key_package(&damaged, &crypto, world.now, &mut verify).is_err());
        }
    }

    #[test]
    fn damaged_welcomes_and_trees(tree: bool, damage in damage()) {
        static INVITED: LazyLock<World> = LazyLock::new(|| {
            let mut world = World::of(Policy::default(), &["bert"]);
            let commit = world.adding("anna", &["dora"]);
            world.submit(&commit).unwrap();
            world
        });
        let mut world = INVITED.clone();
        let mut entry = world.log.last().unwrap().entry.clone();
        let (mut welcome, mut leaves) = world.welcomes[&entry.seq].clone();
        let part = if tree { &mut leaves } else { &mut welcome };
        if let Some(damaged) = damage.to(part) {
            *part = damaged;
            let mut header = entry.header.claimed().clone();
            header.welcome_hash = Some(submission::welcome_hash(&welcome));
            entry.header = crate::crypto::sign(header, &[world.side("anna").device.new.key()]).into_signed();
            prop_assert!(world.join_with("dora", &entry, &welcome, &leaves).is_err());
        }
    }

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..400), begins in any::<bool>()) {
        // As often as not they begin like a message of ours.
        let begin = if begins { MADE.1[1].mls.slice(..40) } else { Bytes::new() };
        let bytes = Bytes::from([&begin[..], &bytes].concat());
        for kind in [SubmissionKind::Commit, SubmissionKind::Proposal, SubmissionKind::Message] {
            let _ = room::epoch_of(&bytes, &ROOM, kind);
        }
        let _ = room::framing::group_info(&bytes);
        let _ = room::framing::welcome(&bytes);
        let _ = room::framing::ratchet_tree(&bytes);
        let _ = VerifyKey::parse(&bytes);
    }
}
