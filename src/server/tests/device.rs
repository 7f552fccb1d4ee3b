//! A device, by hand: it speaks the wire and keeps its MLS groups in memory.

use std::collections::BTreeMap;

use bytes::Bytes;
use chacha20::ChaCha20Rng;

use super::world::Site;
use crate::{
    crypto::{
        self,
        mls::{MlsCrypto, MlsProvider, MlsSigner},
    },
    identity::{
        Directory,
        fixture::{TestDevice, TestFederation, apply, apply_at, now, read, rng},
    },
    ids::{Device, Hash, RequestId, RoomId, SubmissionId, UserId},
    room::{
        self, Policy, PrivateState, Role, RoomKind, RoomState,
        log::Tail,
        member::{Incoming, Joining, MemberRoom, Plan},
        mls_store::{Known, MlsStore},
        submission::{self, Parts, Place},
    },
    store::{Apply, KeyBuilder, MemoryStore},
    time::Timestamp,
    wire::{
        self,
        device::{
            Claim, ClaimedUser, Cursor, Delivery, DeviceMessage, DeviceRequest, Enrol, GetMaterial,
            InboxBody, Invitation, KnownList, LastSubmission, Publish, ReplyBody, RequestBody, ServerReply,
            Sync,
        },
        link::LinkClaim,
        log::{Submission, SubmissionKind},
    },
};

/// A device with its rooms.
pub(super) struct Dev {
    pub(super) id: Device,
    pub(super) test: TestDevice,
    pub(super) rng: ChaCha20Rng,
    pub(super) counter: u64,
    /// Which has used it.
    pub(super) submission: SubmissionId,
    pub(super) inbox_done: u64,
    pub(super) inbox_mark: u64,
    pub(super) rooms: BTreeMap<RoomId, Joined>,
    /// What was read, in order: sender and text.
    pub(super) read: Vec<(Device, String)>,
    /// Inbox items other than invitations.
    pub(super) inbox: Vec<InboxBody>,
    store: MemoryStore,
}

/// A room in which the device is.
pub(super) struct Joined {
    pub(super) member: MemberRoom,
    pub(super) tail: Tail,
    private: PrivateState,
}

fn mls_prefix(room: &RoomId) -> Vec<u8> {
    KeyBuilder::table("mls/").fixed(room.as_bytes()).build()
}

impl Dev {
    pub(super) fn new(federation: &TestFederation, test: TestDevice, seed: u8) -> Self {
        let mut store = federation.store();
        apply(&mut store, |draft| crate::identity::fixture::take_chain(draft, test.chain())).unwrap();
        Dev {
            id: test.verified.device().clone(),
            test,
            rng: rng(seed),
            counter: 0,
            submission: SubmissionId::from_bytes([0; 16]),
            inbox_done: 0,
            inbox_mark: 0,
            rooms: BTreeMap::new(),
            read: Vec::new(),
            inbox: Vec::new(),
            store,
        }
    }

    // -- requests

    /// A signed request.
    pub(super) fn request(&mut self, body: RequestBody) -> Vec<u8> {
        let request_id = RequestId::random(&mut self.rng);
        let agency = self.id.user.agency().clone();
        let request = DeviceRequest { device: self.id.clone(), agency, request_id, body };
        let request = crypto::sign(request, &[self.test.new.key()]).into_signed();
        wire::encode(&DeviceMessage::Request(Box::new(request))).to_vec()
    }

    pub(super) fn enrol(&mut self) -> Vec<u8> {
        let (certificate, chain) = (self.test.certificate().clone(), self.test.chain().to_vec());
        self.request(RequestBody::Enrol(Enrol { certificate, chain }))
    }

    /// One-time key packages, and a last resort if asked for.
    pub(super) fn packages(&mut self, one_time: usize, last_resort: bool) -> Publish {
        self.packages_until(one_time, last_resort, Timestamp::from_millis(u64::MAX))
    }

    pub(super) fn packages_until(&mut self, one_time: usize, last_resort: bool, until: Timestamp) -> Publish {
        let packages = (0..one_time).map(|_| self.package(until, false)).collect();
        let last_resort = last_resort.then(|| self.package(until, true));
        Publish { packages, last_resort }
    }

    fn package(&mut self, until: Timestamp, last: bool) -> Bytes {
        let credential =
            room::credential(self.test.certificate(), self.test.new.key().verify_key().as_bytes());
        let signer = MlsSigner(self.test.new.key());
        let storage = MlsStore::device(&self.store, b"keys/".to_vec());
        let crypto = MlsCrypto::new(seed(&mut self.rng));
        let provider = MlsProvider { crypto: &crypto, storage: &storage };
        let package = room::create_key_package(&provider, &signer, credential, until, last).unwrap();
        let (batch, _) = storage.finish().unwrap();
        self.store.apply(&batch).unwrap();
        package
    }

    /// The one of these key packages that is this device's.
    pub(super) fn package_of(&mut self, claimed: &ClaimedUser) -> Bytes {
        let store = self.store.clone();
        let crypto = MlsCrypto::new(seed(&mut self.rng));
        let own = |package: &&Bytes| {
            let mut verify = |cert: &Bytes| read(&store, |d| Directory.verify_device(d, cert));
            let checked = room::check_key_package(package, &crypto, now(), &mut verify).unwrap();
            *checked.device.device() == self.id
        };
        claimed.keys.as_ref().unwrap().packages.iter().find(own).unwrap().clone()
    }

    pub(super) fn sync_request(&mut self) -> Sync {
        let cursors = self
            .rooms
            .iter()
            .map(|(room, joined)| Cursor {
                room: *room,
                seq: joined.tail.seq,
                hash: joined.tail.hash,
                heard_at: joined.tail.stamp.at,
            })
            .collect();
        let known = read(&self.store, |draft| Directory.revocation_versions(draft)).unwrap();
        Sync {
            cursors,
            inbox_done: self.inbox_done,
            inbox_mark: self.inbox_mark,
            trust_version: read(&self.store, |draft| Directory.trust_version(draft)).unwrap(),
            descriptors: Vec::new(),
            submitted: self.submitted(),
            records_done: 0,
            revocations: known.into_iter().map(|(agency, version)| KnownList { agency, version }).collect(),
            chain: None,
        }
    }

    fn submitted(&self) -> Option<LastSubmission> {
        (self.counter > 0).then_some(LastSubmission { counter: self.counter, id: self.submission })
    }

    // -- rooms

    fn with_mls<T>(
        &mut self,
        room: &RoomId,
        f: impl FnOnce(&MlsProvider<'_, MlsStore<'_>>, &MlsSigner<'_>, &mut ChaCha20Rng) -> T,
    ) -> T {
        let storage = MlsStore::room(&self.store, room, mls_prefix(room), Known::default()).unwrap();
        let storage = storage.with_device(b"keys/".to_vec());
        let crypto = MlsCrypto::new(seed(&mut self.rng));
        let provider = MlsProvider { crypto: &crypto, storage: &storage };
        let value = f(&provider, &MlsSigner(self.test.new.key()), &mut self.rng);
        let (batch, _) = storage.finish().unwrap();
        self.store.apply(&batch).unwrap();
        value
    }

    fn place(&mut self, room: &RoomId, epoch: u64) -> Place {
        self.counter += 1;
        let id = SubmissionId::random(&mut self.rng);
        self.submission = id;
        Place { room: *room, term: 1, epoch, sender: self.id.clone(), counter: self.counter, id }
    }

    /// Founds a room.
    pub(super) fn create(&mut self, kind: RoomKind) -> (RoomId, Submission) {
        let policy = Policy { invite: Role::Member.into(), remove: Role::Member.into(), ..Policy::default() };
        self.create_with(kind, policy)
    }

    pub(super) fn create_with(&mut self, kind: RoomKind, policy: Policy) -> (RoomId, Submission) {
        let room = RoomId::random(&mut self.rng);
        let private = PrivateState::new(&mut self.rng, "a room".into());
        let state = RoomState::begin((room, kind), &self.id.user, policy, private.hash());
        let credential =
            room::credential(self.test.certificate(), self.test.new.key().verify_key().as_bytes());
        let (member, founding) =
            self.with_mls(&room, |p, s, _| MemberRoom::found(p, s, credential, state)).unwrap();
        self.rooms.insert(room, Joined { member, tail: Tail::begin(room, 1), private });
        let parts = Parts {
            group_info: Some(founding.group_info),
            ratchet_tree: Some(founding.ratchet_tree),
            ..Parts::default()
        };
        let place = self.place(&room, 0);
        (room, submission::sign(place, SubmissionKind::Create, parts, self.test.new.key()))
    }

    /// A message.
    pub(super) fn say(&mut self, room: &RoomId, text: &str) -> Submission {
        let mut joined = self.rooms.remove(room).unwrap();
        let mls = self.with_mls(room, |p, s, _| joined.member.encrypt(p, s, text.as_bytes())).unwrap();
        let place = self.place(room, joined.member.epoch());
        self.rooms.insert(*room, joined);
        let parts = Parts { mls, ..Parts::default() };
        submission::sign(place, SubmissionKind::Message, parts, self.test.new.key())
    }

    /// A commit that adds whom the claimed key packages are of, and removes some.
    pub(super) fn commit(&mut self, room: &RoomId, claimed: &[ClaimedUser], remove: &[Device]) -> Submission {
        let mut packages = Vec::new();
        let mut evidence = Vec::new();
        for user in claimed {
            let keys = user.keys.as_ref().unwrap();
            apply(&mut self.store, |draft| crate::identity::fixture::take_chain(draft, &keys.chain)).unwrap();
            evidence.extend(keys.chain.iter().cloned().map(wire::log::Evidence::ChainLink));
            for package in &keys.packages {
                let crypto = MlsCrypto::new(seed(&mut self.rng));
                let store = &self.store;
                let mut verify = |cert: &Bytes| read(store, |draft| Directory.verify_device(draft, cert));
                packages.push(room::check_key_package(package, &crypto, now(), &mut verify).unwrap().package);
            }
        }
        let mut joined = self.rooms.remove(room).unwrap();
        let roster = joined.member.roster().unwrap();
        let remove = remove.iter().map(|device| roster.find(device).unwrap().index).collect();
        let plan = Plan { add: packages, remove, refresh: true, ..Plan::default() };
        let private = joined.private.clone();
        let epoch = joined.member.epoch();
        let outgoing =
            self.with_mls(room, |p, s, r| joined.member.commit(p, s, r, plan, Some(&private))).unwrap();
        self.rooms.insert(*room, joined);
        let welcome = (!outgoing.welcome.is_empty()).then_some(outgoing.welcome);
        let group_info = Some(outgoing.group_info);
        let parts = Parts { mls: outgoing.commit, group_info, welcome, evidence, ..Parts::default() };
        let place = self.place(room, epoch);
        submission::sign(place, SubmissionKind::Commit, parts, self.test.new.key())
    }

    /// Takes back a commit that lost.
    pub(super) fn discard(&mut self, room: &RoomId) {
        let mut joined = self.rooms.remove(room).unwrap();
        self.with_mls(room, |p, _, _| joined.member.discard_commit(p)).unwrap();
        self.rooms.insert(*room, joined);
    }

    /// A proposal to leave.
    pub(super) fn leave(&mut self, room: &RoomId) -> Submission {
        let mut joined = self.rooms.remove(room).unwrap();
        let own = joined.member.roster().unwrap().find(&self.id).unwrap().index;
        let mls = self.with_mls(room, |p, s, _| joined.member.propose_leave(p, s, own)).unwrap();
        let place = self.place(room, joined.member.epoch());
        self.rooms.insert(*room, joined);
        let parts = Parts { mls, ..Parts::default() };
        submission::sign(place, SubmissionKind::Proposal, parts, self.test.new.key())
    }

    // -- through its server

    pub(super) fn submit(&mut self, site: &mut Site, submission: &Submission) -> ReplyBody {
        site.device(&wrap(submission)).body
    }

    /// One claim for each agency. The first reply that is not [`ReplyBody::Done`], if any is.
    pub(super) fn claim(&mut self, site: &mut Site, users: &[&UserId]) -> ReplyBody {
        let mut users: Vec<_> = users.iter().copied().cloned().collect();
        users.sort_by(|a, b| (a.agency(), a).cmp(&(b.agency(), b)));
        let mut body = ReplyBody::Done;
        for users in users.chunk_by(|a, b| a.agency() == b.agency()) {
            let claim = Claim { users: users.to_vec(), at: site.now };
            let request = self.request(RequestBody::Claim(claim));
            if body == ReplyBody::Done {
                body = site.device(&request).body;
            }
        }
        body
    }

    /// A claim as it travels between servers.
    pub(super) fn link_claim(&mut self, claim: Claim) -> LinkClaim {
        let request = self.request(RequestBody::Claim(claim));
        let DeviceMessage::Request(request) = wire::decode(&request.into()).unwrap() else { panic!() };
        LinkClaim::new(*request, self.test.certificate().clone()).unwrap()
    }

    /// What claims have brought since last time.
    pub(super) fn claimed(&mut self) -> Vec<ClaimedUser> {
        let (answers, rest) =
            self.inbox.drain(..).partition::<Vec<_>, _>(|body| matches!(body, InboxBody::Claimed(_)));
        self.inbox = rest;
        let users = |body| match body {
            InboxBody::Claimed(answer) => answer.users,
            _ => Vec::new(),
        };
        answers.into_iter().flat_map(users).collect()
    }

    /// Asks for news until there are none, and processes them.
    pub(super) fn sync(&mut self, site: &mut Site) {
        loop {
            let sync = self.sync_request();
            let request = self.request(RequestBody::Sync(sync));
            let ServerReply { body: ReplyBody::Delivery(delivery), .. } = site.device(&request) else {
                panic!("no delivery");
            };
            let more = delivery.more || !delivery.inbox.is_empty();
            self.process(site, delivery);
            if !more {
                break;
            }
        }
    }

    pub(super) fn process(&mut self, site: &mut Site, delivery: Delivery) {
        if let Some(list) = &delivery.trust_list {
            apply(&mut self.store, |draft| Directory.accept_trust_list(draft, list)).unwrap();
        }
        for descriptor in &delivery.descriptors {
            apply(&mut self.store, |draft| Directory.accept_descriptor(draft, descriptor)).unwrap();
        }
        for list in &delivery.revocations {
            apply_at(&mut self.store, site.now, |draft| Directory.accept_revocations(draft, list)).unwrap();
        }
        for room in delivery.rooms {
            let mut tail = self.rooms[&room.room].tail.clone();
            for item in &room.items {
                apply(&mut self.store, |draft| Directory.accept_evidence(draft, &item.evidence)).unwrap();
                let (next, chained) = tail.extend(&item.entry).unwrap();
                tail = next;
                if !self.entry(&room.room, chained.entry, &tail) {
                    break;
                }
            }
            let hub_key = site.server_key(&room.head);
            assert!(tail.confirm(room.head, &hub_key).is_ok());
        }
        for item in delivery.inbox {
            (self.inbox_done, self.inbox_mark) = (item.number, item.mark);
            match item.body {
                InboxBody::Invitation(invitation) => self.join(site, &invitation),
                other => self.inbox.push(other),
            }
        }
    }

    /// Processes an entry; says whether the device is still in the room.
    fn entry(&mut self, room: &RoomId, entry: wire::log::LogEntry, tail: &Tail) -> bool {
        let header = entry.header.claimed();
        let mut joined = self.rooms.remove(room).unwrap();
        joined.tail = tail.clone();
        if header.kind == SubmissionKind::Create {
            self.rooms.insert(*room, joined);
            return true;
        }
        let store = self.store.clone();
        let mut here = true;
        let incoming = self.with_mls(room, |p, _, _| {
            read(&store, |draft| joined.member.process(p, &entry, &mut Directory.view(draft, &entry.stamp)?))
        });
        match incoming.unwrap() {
            Incoming::Message { sender, plaintext } => {
                self.read.push((sender, String::from_utf8(plaintext.to_vec()).unwrap()));
            }
            Incoming::Commit(commit) => {
                if joined.member.has_commit() && !commit.is_pending() {
                    self.with_mls(room, |p, _, _| joined.member.discard_commit(p)).unwrap();
                }
                let change = self.with_mls(room, |p, _, _| joined.member.apply(p, *commit)).unwrap();
                here = !change.removes(&self.id);
            }
            Incoming::Over(_) => here = false,
            Incoming::Own | Incoming::Leaving(_) => {}
        }
        if here {
            self.rooms.insert(*room, joined);
        }
        here
    }

    fn join(&mut self, site: &mut Site, invitation: &Invitation) {
        let (tail, chained) = Tail::at(&invitation.entry).unwrap();
        let wanted = GetMaterial { room: tail.room, seq: tail.seq };
        let request = self.request(RequestBody::GetMaterial(wanted));
        let ReplyBody::Material(material) = site.device(&request).body else { panic!("no material") };
        apply(&mut self.store, |draft| Directory.accept_evidence(draft, &material.evidence)).unwrap();
        let store = self.store.clone();
        let (id, room) = (self.id.clone(), tail.room);
        let joining = Joining {
            entry: &chained.entry,
            welcome: invitation.welcome.as_ref().unwrap(),
            ratchet_tree: &material.ratchet_tree,
            device: &id,
        };
        self.with_mls(&room, |p, _, _| p.storage.clear()).unwrap();
        let joined = self.with_mls(&room, |p, _, _| {
            read(&store, |draft| MemberRoom::join(p, joining, &mut Directory.newest(draft)?))
        });
        let joined = joined.unwrap();
        self.rooms.insert(room, Joined { member: joined.room, tail, private: joined.private.unwrap() });
    }

    pub(super) fn tail_hash(&self, room: &RoomId) -> (u64, Option<Hash>) {
        let tail = &self.rooms[room].tail;
        (tail.seq, tail.hash)
    }

    pub(super) fn texts(&self) -> Vec<&str> {
        self.read.iter().map(|(_, text)| text.as_str()).collect()
    }
}

/// A submission as it comes to the device's server.
pub(super) fn wrap(submission: &Submission) -> Vec<u8> {
    wire::encode(&DeviceMessage::Submission(Box::new(submission.clone()))).to_vec()
}

fn seed(rng: &mut ChaCha20Rng) -> zeroize::Zeroizing<[u8; 32]> {
    use rand_core::Rng as _;
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    rng.fill_bytes(seed.as_mut());
    seed
}
