//! A hub and some devices around one log, everything in memory and from seeds.
//!
//! Every call loads what it needs from rows and writes rows, so that a world can be copied: to
//! try something, or to see what each side would say of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use chacha20::ChaCha20Rng;
use openmls::prelude::{CommitBuilder, GroupId, Initial, KeyPackage, LeafNodeIndex, MlsGroup, MlsMessageOut};
use rand_core::SeedableRng;
use zeroize::Zeroizing;

use crate::{
    code::Code,
    crypto::{
        VerifyKey,
        mls::{MlsCrypto, MlsProvider, MlsSigner},
    },
    error::{Error, Result, ensure},
    identity::{
        Directory, VerifiedDevice,
        fixture::{TestDevice, TestFederation, now, read},
    },
    ids::{Device, RoomId, SubmissionId, UserId},
    room::{
        self, Change, Policy, PrivateState, Role, RoomKind, RoomState,
        hub::HubRoom,
        log::{Chained, Tail},
        member::{Incoming, Joining, MemberRoom, Outgoing, Plan},
        mls_store::{Known, MlsStore},
        submission::{self, Parts, Place},
    },
    store::{Apply, MemoryStore},
    time::Timestamp,
    wire::log::{LogEntry, Stamp, Submission, SubmissionKind},
};

/// What one call of a device works with.
pub(super) struct Mls<'m> {
    pub(super) provider: &'m MlsProvider<'m, MlsStore<'m>>,
    pub(super) signer: &'m MlsSigner<'m>,
    pub(super) rng: &'m mut ChaCha20Rng,
}

pub(super) const ROOM: RoomId = RoomId::from_bytes([0x0c; 16]);

/// Devices by name; a person's second one has a 2 behind it. anna and carl are agency a's,
/// bert and dora agency b's.
pub(super) const PEOPLE: [(&str, &str); 9] = [
    ("anna", "anna@a.example"),
    ("anna2", "anna@a.example"),
    ("bert", "bert@b.example"),
    ("bert2", "bert@b.example"),
    ("carl", "carl@a.example"),
    ("carl2", "carl@a.example"),
    ("dora", "dora@b.example"),
    ("dora2", "dora@b.example"),
    ("eva", "eva@b.example"),
];

#[derive(Clone)]
pub(super) struct World {
    /// What everybody knows of who is who.
    pub(super) directory: MemoryStore,
    pub(super) sides: BTreeMap<&'static str, Side>,
    pub(super) tail: Tail,
    pub(super) log: Vec<Chained>,
    /// The trees after commits that add somebody, and their Welcomes, by place.
    pub(super) welcomes: BTreeMap<u64, (Bytes, Bytes)>,
    pub(super) now: Timestamp,
    hub: MemoryStore,
    /// What commits have changed, as the hub sees it.
    pub(super) changes: Vec<Change>,
    calls: u64,
}

/// A device.
#[derive(Clone)]
pub(super) struct Side {
    pub(super) device: Arc<TestDevice>,
    pub(super) store: MemoryStore,
    /// The last entry that it has processed; `None` if it is not in the room.
    pub(super) place: Option<u64>,
    pub(super) read: Vec<(Device, String)>,
    pub(super) changes: Vec<Change>,
    pub(super) private: Option<PrivateState>,
    counter: u64,
}

/// Everybody enrolled, nobody in the room.
static ENROLLED: LazyLock<World> = LazyLock::new(|| {
    let mut federation = TestFederation::new();
    let mut devices: BTreeMap<&str, Arc<TestDevice>> = BTreeMap::new();
    for ((name, user), seed) in PEOPLE.iter().zip(50..) {
        let device = match devices.get(name.trim_end_matches('2')) {
            Some(first) => federation.further(first, seed),
            None => federation.person(user, seed),
        };
        devices.insert(name, Arc::new(device));
    }
    let mut directory = federation.store();
    for device in devices.values() {
        let chain = device.chain();
        crate::identity::fixture::apply(&mut directory, |draft| Directory.accept_chain(draft, chain))
            .unwrap();
    }
    let side = |device| Side {
        device,
        store: MemoryStore::default(),
        place: None,
        read: Vec::new(),
        changes: Vec::new(),
        private: None,
        counter: 0,
    };
    World {
        directory,
        sides: devices.into_iter().map(|(name, device)| (name, side(device))).collect(),
        tail: Tail::begin(ROOM, 1),
        log: Vec::new(),
        welcomes: BTreeMap::new(),
        now: now(),
        hub: MemoryStore::default(),
        changes: Vec::new(),
        calls: 0,
    }
});

impl World {
    pub(super) fn enrolled() -> World {
        ENROLLED.clone()
    }

    /// anna has founded a group.
    pub(super) fn founded(policy: Policy) -> World {
        let mut world = World::enrolled();
        let (state, private) = world.founding_state(policy);
        let submission = world.found("anna", state, private);
        world.submit(&submission).unwrap();
        world.deliver();
        world
    }

    /// A group of anna, who founded it, and others.
    pub(super) fn of(policy: Policy, others: &[&str]) -> World {
        let mut world = World::founded(policy);
        world.invite("anna", others);
        world
    }

    pub(super) fn founding_state(&self, policy: Policy) -> (RoomState, PrivateState) {
        let private = PrivateState::new(&mut ChaCha20Rng::from_seed([9; 32]), "Streife".into());
        let hub = self.user("anna").agency().clone();
        let state = RoomState {
            room: ROOM,
            kind: RoomKind::Group,
            hub: hub.clone(),
            term: 1,
            replicas: vec![hub],
            policy,
            roles: BTreeMap::from([(self.user("anna"), Role::Admin)]),
            retention: 0,
            ends_at: Timestamp::ZERO,
            private_hash: private.hash(),
        };
        (state, private)
    }

    // -- names

    pub(super) fn side(&self, who: &str) -> &Side {
        &self.sides[who]
    }

    fn side_mut(&mut self, who: &str) -> &mut Side {
        self.sides.get_mut(who).unwrap()
    }

    pub(super) fn id(&self, who: &str) -> Device {
        self.side(who).device.verified.device().clone()
    }

    pub(super) fn user(&self, who: &str) -> UserId {
        self.id(who).user
    }

    pub(super) fn name(&self, id: &Device) -> &'static str {
        self.sides.iter().find(|(_, side)| side.device.verified.device() == id).unwrap().0
    }

    /// Who is in the room, as far as they know.
    pub(super) fn present(&self) -> Vec<&'static str> {
        self.sides.iter().filter(|(_, side)| side.place.is_some()).map(|(name, _)| *name).collect()
    }

    // -- devices

    /// One call of a device. What it has staged is written, also if it failed: an engine that
    /// passes over an entry writes what came before it in the same call.
    pub(super) fn mls<T>(&mut self, who: &str, f: impl FnOnce(Mls<'_>) -> T) -> T {
        let (crypto, mut rng) = self.randomness();
        let side = self.side_mut(who);
        let storage = MlsStore::room(&side.store, &ROOM, b"group/".to_vec(), Known::default()).unwrap();
        let storage = storage.with_device(b"keys/".to_vec());
        let provider = MlsProvider { crypto: &crypto, storage: &storage };
        let signer = MlsSigner(side.device.new.key());
        let value = f(Mls { provider: &provider, signer: &signer, rng: &mut rng });
        let (batch, _) = storage.finish().unwrap();
        side.store.apply(&batch).unwrap();
        value
    }

    /// One call of a device in the room.
    pub(super) fn room<T>(&mut self, who: &str, f: impl FnOnce(&mut MemberRoom, Mls<'_>) -> T) -> T {
        self.mls(who, |mls| f(&mut MemberRoom::load(mls.provider, &ROOM).unwrap().expect("in the room"), mls))
    }

    /// One call of a device whose software does as it likes with MLS.
    pub(super) fn raw<T>(&mut self, who: &str, f: impl FnOnce(&mut MlsGroup, Mls<'_>) -> T) -> T {
        let id = GroupId::from_slice(ROOM.as_bytes());
        self.mls(who, |mls| {
            f(&mut MlsGroup::load(mls.provider.storage, &id).unwrap().expect("in the room"), mls)
        })
    }

    fn randomness(&mut self) -> (MlsCrypto, ChaCha20Rng) {
        self.calls += 1;
        let seed = |purpose: u8| {
            let mut seed = [purpose; 32];
            seed[..8].copy_from_slice(&self.calls.to_be_bytes());
            seed
        };
        (MlsCrypto::new(Zeroizing::new(seed(1))), ChaCha20Rng::from_seed(seed(2)))
    }

    pub(super) fn state(&mut self, who: &str) -> RoomState {
        self.room(who, |room, _| room.state().clone())
    }

    pub(super) fn epoch(&mut self, who: &str) -> u64 {
        self.room(who, |room, _| room.epoch())
    }

    pub(super) fn leaf(&mut self, who: &str, of: &str) -> LeafNodeIndex {
        let id = self.id(of);
        self.room(who, |room, _| room.roster().unwrap().find(&id).expect("has a leaf").index)
    }

    /// Checks a certificate, as everybody does.
    pub(super) fn check(&self) -> impl Fn(&Bytes, Timestamp) -> Result<VerifiedDevice> + use<> {
        let directory = self.directory.clone();
        move |certificate, at| read(&directory, |draft| Directory.verify_device(draft, certificate, at, 1))
    }

    pub(super) fn package_bytes(&mut self, who: &str, last_resort: bool) -> Bytes {
        let until = self.now.plus(core::time::Duration::from_secs(3600));
        let device = self.side(who).device.clone();
        let credential = room::credential(device.certificate(), device.verified.key().as_bytes());
        self.mls(who, |mls| {
            room::create_key_package(mls.provider, mls.signer, credential, until, last_resort).unwrap()
        })
    }

    pub(super) fn package(&mut self, who: &str) -> KeyPackage {
        let (bytes, check, at) = (self.package_bytes(who, false), self.check(), self.now);
        let crypto = self.randomness().0;
        room::check_key_package(&bytes, &crypto, at, &mut |c| check(c, at)).unwrap().package
    }

    // -- what devices submit

    pub(super) fn place(&mut self, who: &str, epoch: u64) -> Place {
        self.calls += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.calls.to_be_bytes());
        let sender = self.id(who);
        let side = self.side_mut(who);
        side.counter += 1;
        Place { room: ROOM, term: 1, epoch, sender, counter: side.counter, id: SubmissionId::from_bytes(id) }
    }

    /// Signs, as `who`, something made in an epoch.
    pub(super) fn sign(&mut self, who: &str, epoch: u64, kind: SubmissionKind, parts: Parts) -> Submission {
        let place = self.place(who, epoch);
        submission::sign(place, kind, parts, self.side(who).device.new.key())
    }

    /// Signs, as `who`, a message of the present epoch.
    pub(super) fn sign_mls(&mut self, who: &str, kind: SubmissionKind, mls: Bytes) -> Submission {
        let epoch = self.hub().epoch();
        self.sign(who, epoch, kind, Parts { mls, ..Parts::default() })
    }

    pub(super) fn found(&mut self, who: &str, state: RoomState, private: PrivateState) -> Submission {
        let device = self.side(who).device.clone();
        let credential = room::credential(device.certificate(), device.verified.key().as_bytes());
        let founding =
            self.mls(who, |mls| MemberRoom::found(mls.provider, mls.signer, credential, state).unwrap().1);
        self.side_mut(who).private = Some(private);
        self.side_mut(who).place = Some(0);
        let parts = Parts {
            group_info: Some(founding.group_info),
            ratchet_tree: Some(founding.ratchet_tree),
            ..Parts::default()
        };
        self.sign(who, 0, SubmissionKind::Create, parts)
    }

    /// A commit, whether or not it is permitted. It stays pending.
    pub(super) fn commit(&mut self, who: &str, plan: Plan) -> Submission {
        let private = self.side(who).private.clone();
        let described = plan.describe.clone();
        let (epoch, made) = self.room(who, |room, mls| {
            (room.epoch(), room.commit(mls.provider, mls.signer, mls.rng, plan, private.as_ref()).unwrap())
        });
        if described.is_some() {
            self.side_mut(who).private = described;
        }
        self.sign_commit(who, epoch, made)
    }

    pub(super) fn sign_commit(&mut self, who: &str, epoch: u64, made: Outgoing) -> Submission {
        let welcome = (!made.welcome.is_empty()).then_some(made.welcome);
        self.sign(who, epoch, SubmissionKind::Commit, Parts { mls: made.commit, welcome, ..Parts::default() })
    }

    /// A commit of other software, which need not keep our rules.
    pub(super) fn raw_commit(
        &mut self,
        who: &str,
        f: impl for<'b> FnOnce(CommitBuilder<'b, Initial>) -> CommitBuilder<'b, Initial>,
    ) -> Submission {
        let (epoch, made) = self.raw(who, |group, mls| {
            let (epoch, provider) = (group.epoch().as_u64(), mls.provider);
            let builder = f(group.commit_builder()).load_psks(provider.storage).unwrap();
            let built = builder.build(provider.crypto, provider.crypto, mls.signer, |_| true).unwrap();
            let (commit, welcome, _) = built.stage_commit(provider).unwrap().into_messages();
            let bytes = |message: &MlsMessageOut| Bytes::from(message.to_bytes().unwrap());
            (
                epoch,
                Outgoing { commit: bytes(&commit), welcome: welcome.as_ref().map(bytes).unwrap_or_default() },
            )
        });
        self.sign_commit(who, epoch, made)
    }

    /// A proposal of other software.
    pub(super) fn raw_proposal(
        &mut self,
        who: &str,
        f: impl FnOnce(&mut MlsGroup, Mls<'_>) -> MlsMessageOut,
    ) -> Submission {
        let message = self.raw(who, f).to_bytes().unwrap();
        self.sign_mls(who, SubmissionKind::Proposal, message.into())
    }

    pub(super) fn discard(&mut self, who: &str) {
        self.room(who, |room, mls| room.discard_commit(mls.provider).unwrap());
    }

    pub(super) fn adding(&mut self, who: &str, added: &[&str]) -> Submission {
        let add = added.iter().map(|name| self.package(name)).collect();
        self.commit(who, Plan { add, ..Plan::default() })
    }

    pub(super) fn removing(&mut self, who: &str, removed: &[&str]) -> Submission {
        let remove: Vec<_> = removed.iter().map(|name| self.leaf(who, name)).collect();
        self.commit(who, Plan { remove, ..Plan::default() })
    }

    pub(super) fn governing(&mut self, who: &str, change: impl FnOnce(&mut RoomState)) -> Submission {
        let mut state = self.state(who);
        change(&mut state);
        self.commit(who, Plan { state: Some(state), ..Plan::default() })
    }

    /// A proposal that `leaver` leave.
    pub(super) fn leaving(&mut self, who: &str, leaver: &str) -> Submission {
        let leaf = self.leaf(who, leaver);
        let mls = self.room(who, |room, mls| room.propose_leave(mls.provider, mls.signer, leaf).unwrap());
        self.sign_mls(who, SubmissionKind::Proposal, mls)
    }

    pub(super) fn encrypt(&mut self, who: &str, text: &str) -> Bytes {
        self.room(who, |room, mls| room.encrypt(mls.provider, mls.signer, text.as_bytes()).unwrap())
    }

    pub(super) fn saying(&mut self, who: &str, text: &str) -> Submission {
        let mls = self.encrypt(who, text);
        self.sign_mls(who, SubmissionKind::Message, mls)
    }

    // -- the hub

    pub(super) fn hub(&self) -> HubRoom {
        let storage = MlsStore::room(&self.hub, &ROOM, b"group/".to_vec(), Known::default()).unwrap();
        HubRoom::load(&storage, &ROOM).unwrap().expect("founded")
    }

    pub(super) fn stamp(&self) -> Stamp {
        Stamp { at: self.now, trust_version: 1, revocations: Vec::new() }
    }

    /// What stands in the log next, if the hub takes it, or if it does not care.
    pub(super) fn entry(&self, submission: &Submission) -> (Tail, Chained) {
        self.tail.append(submission, self.stamp()).unwrap()
    }

    /// The hub takes a submission into the log, or refuses it.
    pub(super) fn submit(&mut self, submission: &Submission) -> Result<()> {
        let header = submission.header.claimed().clone();
        let (crypto, check, at) = (self.randomness().0, self.check(), self.now);
        let storage = MlsStore::room(&self.hub, &ROOM, b"group/".to_vec(), Known::default()).unwrap();
        let group = HubRoom::load(&storage, &ROOM).unwrap();
        let mut verify = |certificate: &Bytes| check(certificate, at);
        if header.kind == SubmissionKind::Create {
            submission::verify(submission, self.side(self.name(&header.sender)).device.verified.key())?;
            let parts = (submission.group_info.as_ref().unwrap(), submission.ratchet_tree.as_ref().unwrap());
            let by = (&self.user("anna").agency().clone(), &header.sender);
            HubRoom::found(&storage, &crypto, parts, by, &mut verify)?;
        } else {
            let mut group = group.ok_or(Error::new(Code::UnknownRoom, "submission"))?;
            let roster = group.roster()?;
            if let Some(leaf) = roster.find(&header.sender) {
                submission::verify(submission, &VerifyKey::parse(&leaf.key)?)?;
            }
            let (mls, sender) = (&submission.mls, &header.sender);
            match header.kind {
                SubmissionKind::Commit => {
                    let accepted = group.commit(&crypto, mls, sender, at, &mut verify)?;
                    self.changes.push(group.merge(&storage, accepted)?);
                    if let Some(welcome) = &submission.welcome {
                        let tree = group.ratchet_tree()?;
                        self.welcomes.insert(self.tail.seq + 1, (welcome.clone(), tree));
                    }
                }
                SubmissionKind::Proposal => {
                    let accepted = group.proposal(&crypto, mls, sender)?;
                    group.keep(&storage, accepted)?;
                }
                _ => {
                    let epoch = room::epoch_of(mls, &ROOM, header.kind)?;
                    ensure(epoch == group.epoch(), Code::WrongEpoch, "message")?;
                    ensure(roster.find(sender).is_some(), Code::NotMember, "message")?;
                    room::may_send(group.state(), sender)?;
                }
            }
        }
        let (batch, _) = storage.finish().unwrap();
        self.hub.apply(&batch).unwrap();
        self.take(submission);
        Ok(())
    }

    /// Puts something into the log without a look at it, as a hub could.
    pub(super) fn take(&mut self, submission: &Submission) {
        let (tail, chained) = self.entry(submission);
        self.tail = tail;
        self.log.push(chained);
    }

    // -- following

    /// Everybody who is in the room processes what is new.
    pub(super) fn deliver(&mut self) {
        for who in self.present() {
            self.catch_up(who).unwrap();
            if let Some(change) = self.side(who).changes.last() {
                assert_eq!(Some(change), self.changes.last(), "{who}");
            }
        }
        self.agree();
    }

    /// A device processes all that is new to it.
    pub(super) fn catch_up(&mut self, who: &'static str) -> Result<()> {
        for chained in self.log.clone() {
            if self.side(who).place.is_some_and(|place| place < chained.entry.seq) {
                self.process(who, &chained.entry)?;
            }
        }
        Ok(())
    }

    /// A device processes one entry.
    pub(super) fn process(&mut self, who: &str, entry: &LogEntry) -> Result<()> {
        if entry.header.claimed().kind == SubmissionKind::Create {
            self.side_mut(who).place = Some(entry.seq);
            return Ok(());
        }
        let (check, at) = (self.check(), entry.stamp.at);
        let mut verify = |certificate: &Bytes| check(certificate, at);
        let outcome = self.room(who, |room, mls| {
            Ok(match room.process(mls.provider, entry, &mut verify)? {
                Incoming::Commit(commit) => {
                    let brought = commit.private.clone();
                    let pending = commit.is_pending();
                    let private_hash = room.state().private_hash;
                    let change = room.apply(mls.provider, *commit)?;
                    let described = change.state.private_hash != private_hash && !pending;
                    (None, Some((change, described.then_some(brought))))
                }
                Incoming::Message { sender, plaintext } => (Some((sender, plaintext.to_vec())), None),
                Incoming::Own | Incoming::Leaving(_) => (None, None),
            })
        });
        let id = self.id(who);
        let side = self.side_mut(who);
        side.place = side.place.map(|_| entry.seq);
        let (message, change) = outcome?;
        side.read.extend(message.map(|(sender, text)| (sender, String::from_utf8(text).unwrap())));
        if let Some((change, described)) = change {
            if let Some(private) = described {
                side.private = private;
            }
            if change.removed.contains(&id) {
                side.place = None;
            }
            side.changes.push(change);
        }
        Ok(())
    }

    pub(super) fn join(&mut self, who: &str, entry: &LogEntry) -> Result<()> {
        let (welcome, tree) = self.welcomes[&entry.seq].clone();
        self.join_with(who, entry, &welcome, &tree)
    }

    pub(super) fn join_with(
        &mut self,
        who: &str,
        entry: &LogEntry,
        welcome: &Bytes,
        ratchet_tree: &Bytes,
    ) -> Result<()> {
        let (check, at, device) = (self.check(), entry.stamp.at, self.id(who));
        let mut verify = |certificate: &Bytes| check(certificate, at);
        let before = self.side(who).store.clone();
        let joined = self.mls(who, |mls| {
            mls.provider.storage.clear().unwrap();
            let joining = Joining { entry, welcome, ratchet_tree, device: &device };
            MemberRoom::join(mls.provider, joining, &mut verify)
        });
        let side = self.side_mut(who);
        let joined = joined.inspect_err(|_| side.store = before)?;
        side.private = joined.private;
        side.changes.clear();
        side.place = Some(entry.seq);
        Ok(())
    }

    /// Whoever is up to date has the same room as the hub.
    pub(super) fn agree(&mut self) {
        let hub = self.hub();
        let leaves = |roster: &room::Roster| -> Vec<_> {
            roster.leaves().iter().map(|leaf| (leaf.index, leaf.device.clone(), leaf.key.clone())).collect()
        };
        let expected = (hub.epoch(), hub.state().clone(), leaves(&hub.roster().unwrap()));
        for who in self.present() {
            if self.side(who).place == Some(self.tail.seq) {
                let seen = self.room(who, |room, _| {
                    (room.epoch(), room.state().clone(), leaves(&room.roster().unwrap()))
                });
                assert!(seen == expected, "{who}");
            }
        }
    }

    // -- what everybody does all the time

    /// The hub takes it and everybody processes it.
    pub(super) fn done(&mut self, submission: &Submission) {
        self.submit(submission).unwrap();
        self.deliver();
    }

    pub(super) fn invite(&mut self, who: &str, added: &[&str]) {
        let submission = self.adding(who, added);
        let seq = self.tail.seq + 1;
        self.submit(&submission).unwrap();
        for name in added {
            let entry = self.log.last().unwrap().entry.clone();
            self.join(name, &entry).unwrap();
            assert_eq!(self.side(name).place, Some(seq));
        }
        self.deliver();
    }

    pub(super) fn say(&mut self, who: &str, text: &str) {
        let submission = self.saying(who, text);
        self.done(&submission);
    }

    /// What a device has read, in order, with the names of those who said it.
    pub(super) fn heard(&self, who: &str) -> Vec<(&'static str, &str)> {
        self.side(who).read.iter().map(|(sender, text)| (self.name(sender), text.as_str())).collect()
    }

    // -- verdicts

    /// What the hub, and every device that did not make it, say of a submission; nobody takes it.
    pub(super) fn verdicts(&self, submission: &Submission) -> Vec<(&'static str, Result<()>)> {
        let author = &submission.header.claimed().sender;
        let judges: Vec<_> = self.present().into_iter().filter(|who| self.id(who) != *author).collect();
        assert!(!judges.is_empty(), "nobody is there to judge");
        self.verdicts_of(submission, &judges)
    }

    /// What the hub and some devices say.
    pub(super) fn verdicts_of(
        &self,
        submission: &Submission,
        judges: &[&'static str],
    ) -> Vec<(&'static str, Result<()>)> {
        let entry = self.entry(submission).1.entry;
        let hub = ("the hub", self.clone().submit(submission));
        let members = judges.iter().map(|who| (*who, self.clone().process(who, &entry)));
        [hub].into_iter().chain(members).collect()
    }

    /// Everybody refuses it, and says why in the same way.
    #[track_caller]
    pub(super) fn refused(&self, submission: &Submission, code: Code) {
        for (who, verdict) in self.verdicts(submission) {
            assert_eq!(verdict.map_err(|e| e.code()), Err(code), "{who}");
        }
    }

    /// Everybody accepts it.
    #[track_caller]
    pub(super) fn accepted(&self, submission: &Submission) {
        for (who, verdict) in self.verdicts(submission) {
            assert_eq!(verdict, Ok(()), "{who}");
        }
    }
}
