//! The foreign device: it speaks the device protocol with its own agency's server, and follows one
//! room.

use std::sync::{Arc, Mutex};

use ed25519_dalek::SigningKey;
use mls_rs::{
    Client, Group, MlsMessage,
    client_builder::MlsConfig,
    extension::ExtensionType,
    group::{CommitEffect, CommitOutput, ExportedTree, ReceivedMessage},
};
use prost::Message as _;
use rand_core::Rng;

use crate::{
    mls::{self, PRIVATE_STATE, ROOM_STATE},
    sign,
    trust::{Certified, Trust},
    wire::{
        self, Claim, ClaimAnswer, Cursor, DeviceMessage, DeviceRequest, Enrol, Enrolment, Evidence, Frame,
        GetMaterial, Head, Invitation, LogEntry, LogItem, PrivateState, PublishKeyPackages, RoomDelivery,
        RoomState, ServerReply, Submission, SubmissionHeader, Sync, Text,
    },
};

/// The smallest and the largest size class (SPEC "Padding").
const CLASSES: [usize; 2] = [512, 65_536];

/// What came of following the log.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// A text: its id, its author, what it says.
    Text { id: Vec<u8>, by: String, body: String },
    /// A commit took effect: who made it.
    Commit { by: String },
    /// Somebody wants to leave.
    Leaving { by: String },
    /// This device was removed.
    Removed,
}

/// What it takes to send something and to get an answer.
pub type Post<'a> = &'a mut dyn FnMut(&[u8]) -> Vec<u8>;

pub struct Device<C: MlsConfig> {
    own: Certified,
    agency: String,
    enrolment: Enrolment,
    key: SigningKey,
    trust: Arc<Mutex<Trust>>,
    client: Client<C>,
    room: Option<Room<C>>,
    /// Key packages that it asked for.
    claimed: Vec<ClaimAnswer>,
    inbox_done: u64,
    inbox_mark: u64,
    records_done: u64,
    counter: u64,
    /// The last submission's id.
    submitted: Vec<u8>,
    random: chacha20::ChaCha20Rng,
}

/// What goes with a commit: the GroupInfo of its epoch, and what those need whom it adds.
#[derive(Default)]
struct Beside {
    group_info: Vec<u8>,
    welcome: Vec<u8>,
    evidence: Vec<Evidence>,
}

/// The room that it is in.
struct Room<C: MlsConfig> {
    group: Group<C>,
    state: RoomState,
    private: PrivateState,
    /// The last entry of the log that was processed.
    seq: u64,
    hash: Vec<u8>,
}

/// A device with what its registrar gave it.
pub fn device(
    federation: &[u8],
    enrolment: &[u8],
    key: SigningKey,
    random: chacha20::ChaCha20Rng,
) -> Device<impl MlsConfig + use<>> {
    let enrolment: Enrolment = wire::open(enrolment);
    let mut trust = Trust::new(federation, enrolment.trust_lists.last().expect("a trust list"));
    trust.learn(&enrolment.descriptor);
    let own = trust.certified(&enrolment.certificate).expect("a certificate");
    let agency = own.user.split_once('@').expect("a user id").1.to_owned();
    let trust = Arc::new(Mutex::new(trust));
    let client = mls::client(&enrolment.certificate, &key, &trust);
    let (room, claimed, counter, submitted) = (None, Vec::new(), 0, Vec::new());
    let (inbox_done, inbox_mark, records_done) = (0, 0, 0);
    Device {
        own,
        agency,
        enrolment,
        key,
        trust,
        client,
        room,
        claimed,
        inbox_done,
        inbox_mark,
        records_done,
        counter,
        submitted,
        random,
    }
}

impl<C: MlsConfig> Device<C> {
    /// Makes itself known and offers key packages.
    pub fn begin(&mut self, packages: u32, fresh_until: u64, post: Post<'_>) {
        let (certificate, chain) = (self.enrolment.certificate.clone(), self.enrolment.chain.clone());
        let enrol = Enrol { certificate, chain };
        let reply = self.ask(DeviceRequest { enrol: Some(enrol), ..Default::default() }, post);
        assert!(reply.done.is_some(), "{reply:?}");

        for kept in 1..=packages {
            let package = mls::key_package(&self.client, fresh_until);
            assert_eq!(self.offer(package, post), Ok(kept));
        }
    }

    /// Offers a key package. Gives how many the server keeps, or the code of its refusal.
    pub fn offer(&mut self, package: Vec<u8>, post: Post<'_>) -> Result<u32, u32> {
        let publish = PublishKeyPackages { packages: vec![package], last_resort: Vec::new() };
        let reply = self.ask(DeviceRequest { publish: Some(publish), ..Default::default() }, post);
        reply.stock.map(|stock| stock.left).ok_or_else(|| reply.failure.expect("a refusal").code)
    }

    /// A key package with extensions of these numbers in itself and in its leaf.
    pub fn strange_key_package(&self, fresh_until: u64, kinds: (ExtensionType, ExtensionType)) -> Vec<u8> {
        mls::strange_key_package(&self.client, fresh_until, kinds)
    }

    /// Receives what is new: joins the room that it is invited to, follows its log.
    pub fn sync(&mut self, post: Post<'_>) -> Vec<Heard> {
        let mut heard = Vec::new();
        loop {
            let reply = {
                let trust = self.trust.lock().unwrap();
                let sync = Sync {
                    cursors: self.room.iter().map(|room| room.cursor()).collect(),
                    inbox_done: self.inbox_done,
                    inbox_mark: self.inbox_mark,
                    trust_version: trust.version(),
                    descriptors: trust.known(),
                    counter: self.counter,
                    submitted: self.submitted.clone(),
                    records_done: self.records_done,
                };
                drop(trust);
                self.ask(DeviceRequest { sync: Some(sync), ..Default::default() }, post)
            };
            let delivery = reply.delivery.unwrap_or_else(|| panic!("{:?}", reply.failure));
            delivery.descriptors.iter().for_each(|bytes| self.trust.lock().unwrap().learn(bytes));
            let mut new = delivery.more;
            // Who was given its key packages: it takes note of where it has got to alone.
            self.records_done = delivery.records.last().map_or(self.records_done, |record| record.number);
            for item in delivery.inbox {
                // Few key packages are left: this device offers no more.
                if let Some(invitation) = item.invitation {
                    self.join(&invitation, post);
                }
                self.claimed.extend(item.claimed);
                (self.inbox_done, self.inbox_mark) = (item.number, item.mark);
                new = true;
            }
            for room in delivery.rooms {
                new |= !room.items.is_empty();
                self.follow(&room, &mut heard);
            }
            if !new {
                return heard;
            }
        }
    }

    /// Joins from a Welcome; the ratchet tree is fetched (SPEC "Joining").
    fn join(&mut self, invitation: &Invitation, post: Post<'_>) {
        let entry: LogEntry = wire::open(&invitation.entry);
        let get = GetMaterial { room: entry.room.clone(), seq: entry.seq };
        let reply = self.ask(DeviceRequest { get_material: Some(get), ..Default::default() }, post);
        let material = reply.material.unwrap_or_else(|| panic!("{:?}", reply.failure));
        self.trust.lock().unwrap().learn_from(&material.evidence);

        // V-451
        let hash = self.check_head(&invitation.hub, &invitation.head, &invitation.entry);
        let header: SubmissionHeader = sign::claimed(&entry.header);
        assert_eq!(header.welcome_hash, sign::hash("submitted welcome", &[&invitation.welcome]));
        let welcome = MlsMessage::from_bytes(&invitation.welcome).expect("a Welcome");
        let tree = ExportedTree::from_bytes(&material.ratchet_tree).expect("a ratchet tree");
        let (group, info) = self.client.join_group(Some(tree), &welcome, None).expect("a group to join");

        // V-452
        let state: RoomState = room_state(&group);
        assert_eq!(group.group_id(), entry.room);
        assert_eq!((&state.room, state.term, &state.hub), (&entry.room, entry.term, &invitation.hub));
        assert_eq!(group.current_epoch(), header.epoch + 1);
        let private = info.group_info_extensions().get(PRIVATE_STATE).expect("a private state");
        let private: PrivateState = wire::open(&private.extension_data);
        assert_eq!(state.private_hash, sign::hash("private state hash", &[&private.encode_to_vec()]));
        self.room = Some(Room { group, state, private, seq: entry.seq, hash });
    }

    /// Processes the next entries of the room's log.
    fn follow(&mut self, delivery: &RoomDelivery, heard: &mut Vec<Heard>) {
        for item in &delivery.items {
            self.trust.lock().unwrap().learn_from(&item.evidence);
            heard.extend(self.process(item));
        }
        let room = self.room.as_ref().expect("a room");
        let hub = room.state.hub.clone();
        assert_eq!(delivery.room, room.state.room);
        if let Some(last) = delivery.items.last() {
            assert_eq!(self.check_head(&hub, &delivery.head, &last.entry), room.hash);
        }
    }

    fn process(&mut self, item: &LogItem) -> Option<Heard> {
        let room = self.room.as_mut().expect("a room");
        let entry: LogEntry = wire::open(&item.entry);
        assert_eq!((&entry.room, entry.term), (&room.state.room, room.state.term));
        assert_eq!((entry.seq, &entry.previous), (room.seq + 1, &room.hash), "the log connects");
        let header: SubmissionHeader = sign::claimed(&entry.header);
        assert_eq!(header.mls_hash, sign::hash("submitted mls message", &[&entry.mls]));
        (room.seq, room.hash) = (entry.seq, entry_hash(&item.entry));
        if (&header.user, &header.device) == (&self.own.user, &self.own.device) && header.kind != wire::COMMIT
        {
            return None; // what it said and proposed itself, it knows
        }
        let message = MlsMessage::from_bytes(&entry.mls).expect("an MLS message");
        // Its own commit takes effect here too, and not before.
        match room.group.process_incoming_message(message).expect("a message that applies") {
            ReceivedMessage::ApplicationMessage(message) => {
                let sender = room.group.member_at_index(message.sender_index).expect("a sender");
                let sender = mls::certified(&self.trust, &sender.signing_identity).expect("a certificate");
                Some(read_text(&room.state.room, &sender, message.data()))
            }
            ReceivedMessage::Commit(commit) => {
                room.state = room_state(&room.group);
                match commit.effect {
                    CommitEffect::Removed { .. } => Some(Heard::Removed),
                    _ => Some(Heard::Commit { by: header.user }),
                }
            }
            ReceivedMessage::Proposal(_) => Some(Heard::Leaving { by: header.user }),
            other => panic!("{other:?}"),
        }
    }

    /// Says something. Gives the message's id.
    pub fn say(&mut self, body: &str, post: Post<'_>) -> Vec<u8> {
        let nonce = self.random_id();
        let room = self.room.as_mut().expect("a room");
        let content = Text { body: body.into(), ..Default::default() }.encode_to_vec();
        let (seen_seq, seen_hash) = (room.seq, room.hash.clone());
        let frame = Frame { nonce, seen_seq, seen_hash, kind: 1, content };
        let id = message_id(&room.state.room, &self.own, &frame);
        let message = room.group.encrypt_application_message(&pad(wire::wrap(&frame)), Vec::new());
        self.submit(wire::MESSAGE, message.expect("a message"), Beside::default(), post);
        id
    }

    /// Commits to nothing but new keys of its own.
    pub fn refresh(&mut self, post: Post<'_>) {
        let commit = self.group().commit(Vec::new()).expect("a commit");
        let group_info = group_info(&commit);
        self.submit(wire::COMMIT, commit.commit_message, Beside { group_info, ..Beside::default() }, post);
    }

    /// Asks for key packages of a user's devices; they come with a later delivery.
    pub fn claim(&mut self, user: &str, at: u64, post: Post<'_>) {
        let claim = Claim { users: vec![user.into()], at };
        let reply = self.ask(DeviceRequest { claim: Some(claim), ..Default::default() }, post);
        assert!(reply.done.is_some(), "{reply:?}");
    }

    /// Adds the devices whose key packages have come, with what others need to believe them.
    pub fn invite(&mut self, post: Post<'_>) {
        let (mut evidence, mut packages) = (Vec::new(), Vec::new());
        for answer in std::mem::take(&mut self.claimed) {
            self.trust.lock().unwrap().learn(&answer.descriptor);
            evidence.push(Evidence { descriptor: Some(answer.descriptor), chain_link: None });
            for user in answer.users {
                assert_eq!(user.code, 0);
                let link = |link| Evidence { chain_link: Some(link), descriptor: None };
                evidence.extend(user.chain.into_iter().map(link));
                packages.extend(user.packages);
            }
        }
        let room = self.room.as_mut().expect("a room");
        let told = mls::told_to_joiners(wire::wrap(&room.private));
        let mut commit = room.group.commit_builder().set_group_info_ext(told);
        for package in packages {
            let package = MlsMessage::from_bytes(&package).expect("a key package");
            commit = commit.add_member(package).expect("a key package that may be added");
        }
        let commit = commit.build().expect("a commit");
        let [welcome] = commit.welcome_messages() else { panic!("one Welcome for all") };
        let welcome = welcome.to_bytes().expect("a Welcome");
        let beside = Beside { group_info: group_info(&commit), welcome, evidence };
        self.submit(wire::COMMIT, commit.commit_message, beside, post);
    }

    /// Proposes its own removal.
    pub fn leave(&mut self, post: Post<'_>) {
        let group = self.group();
        let own = group.current_member_index();
        let proposal = group.propose_remove(own, Vec::new()).expect("a proposal");
        self.submit(wire::PROPOSAL, proposal, Beside::default(), post);
    }

    /// Brings an MLS message to the room's hub, by way of its own server (SPEC "Submissions").
    fn submit(&mut self, kind: u32, mls: MlsMessage, beside: Beside, post: Post<'_>) {
        self.counter += 1;
        let submission_id = self.random_id();
        self.submitted = submission_id.clone();
        let room = self.room.as_ref().expect("a room");
        let mls = mls.to_bytes().expect("an MLS message");
        let header = SubmissionHeader {
            room: room.state.room.clone(),
            term: room.state.term,
            epoch: room.group.current_epoch(),
            submission_id: submission_id.clone(),
            counter: self.counter,
            user: self.own.user.clone(),
            device: self.own.device.clone(),
            kind,
            mls_hash: sign::hash("submitted mls message", &[&mls]),
            group_info_hash: part_hash("submitted group info", &beside.group_info),
            welcome_hash: part_hash("submitted welcome", &beside.welcome),
        };
        let header = sign::seal("submission", &header, &self.key);
        let Beside { group_info, welcome, evidence } = beside;
        let submission = Submission { header, mls, group_info, welcome, evidence };
        let message = DeviceMessage { submission: Some(submission), request: None };
        let reply: ServerReply = wire::open(&post(&wire::wrap(&message)));
        assert_eq!(reply.request_id, submission_id);
        assert!(reply.done.or(reply.queued).is_some(), "{:?}", reply.failure);
    }

    /// Asks its own server for something.
    fn ask(&mut self, what: DeviceRequest, post: Post<'_>) -> ServerReply {
        let request_id = self.random_id();
        let request = DeviceRequest {
            user: self.own.user.clone(),
            device: self.own.device.clone(),
            agency: self.agency.clone(),
            request_id: request_id.clone(),
            ..what
        };
        let request = Some(sign::seal("device request", &request, &self.key));
        let reply: ServerReply = wire::open(&post(&wire::wrap(&DeviceMessage { request, submission: None })));
        assert_eq!(reply.request_id, request_id);
        reply
    }

    /// Checks that a hub's server has signed that a log's last entry is this one. Gives its hash.
    fn check_head(&self, hub: &str, head: &[u8], entry: &[u8]) -> Vec<u8> {
        assert!(self.trust.lock().unwrap().is_head_of(hub, head), "signed by {hub}");
        let (head, hash): (Head, _) = (sign::claimed(head), entry_hash(entry));
        let entry: LogEntry = wire::open(entry);
        assert_eq!((head.room, head.term, head.seq), (entry.room, entry.term, entry.seq));
        assert_eq!(head.hash, hash);
        hash
    }

    fn group(&mut self) -> &mut Group<C> {
        &mut self.room.as_mut().expect("a room").group
    }

    /// The name of the room, which only members know.
    pub fn room_name(&self) -> &str {
        &self.room.as_ref().expect("a room").private.name
    }

    /// The users who have a leaf, ordered, each as often.
    pub fn members(&self) -> Vec<String> {
        let roster = self.room.as_ref().expect("a room").group.roster();
        let user = |leaf: &mls_rs::group::Member| mls::certified(&self.trust, &leaf.signing_identity);
        let mut users: Vec<_> =
            roster.members().iter().map(|leaf| user(leaf).expect("a user").user).collect();
        users.sort();
        users
    }

    fn random_id(&mut self) -> Vec<u8> {
        let mut id = vec![0; 16];
        self.random.fill_bytes(&mut id);
        id
    }
}

impl<C: MlsConfig> Room<C> {
    fn cursor(&self) -> Cursor {
        Cursor { room: self.state.room.clone(), seq: self.seq, hash: self.hash.clone() }
    }
}

fn room_state<C: MlsConfig>(group: &Group<C>) -> RoomState {
    let extension = group.context().extensions.get(ROOM_STATE).expect("a room state");
    wire::open(&extension.extension_data)
}

/// With which others may come in after a commit (SPEC V-480).
fn group_info(commit: &CommitOutput) -> Vec<u8> {
    let info = commit.external_commit_group_info.as_ref().expect("a GroupInfo");
    info.to_bytes().expect("a GroupInfo")
}

/// The hash of a part, if it is there.
fn part_hash(label: &str, part: &[u8]) -> Vec<u8> {
    if part.is_empty() { Vec::new() } else { sign::hash(label, &[part]) }
}

/// What chains the log: the hash of an entry in its envelope.
fn entry_hash(entry: &[u8]) -> Vec<u8> {
    sign::hash("log entry", &[entry])
}

fn read_text(room: &[u8], sender: &Certified, plaintext: &[u8]) -> Heard {
    let frame: Frame = wire::open(unpad(plaintext));
    assert_eq!((frame.nonce.len(), frame.seen_hash.len(), frame.kind), (16, 32, 1));
    let text: Text = wire::read(&frame.content);
    Heard::Text { id: message_id(room, sender, &frame), by: sender.user.clone(), body: text.body }
}

/// SPEC "Message ids".
fn message_id(room: &[u8], sender: &Certified, frame: &Frame) -> Vec<u8> {
    let content = sign::hash("content", &[&frame.kind.to_be_bytes(), &frame.content]);
    sign::hash("message id", &[room, sender.user.as_bytes(), &sender.device, &frame.nonce, &content])
}

/// SPEC "Padding".
fn pad(mut plaintext: Vec<u8>) -> Vec<u8> {
    plaintext.push(0x80);
    let class = plaintext.len().next_power_of_two().max(CLASSES[0]);
    assert!(class <= CLASSES[1]);
    plaintext.resize(class, 0);
    plaintext
}

fn unpad(padded: &[u8]) -> &[u8] {
    let mark = padded.iter().rposition(|byte| *byte != 0).expect("a mark");
    assert_eq!(padded[mark], 0x80);
    assert_eq!(padded.len(), (mark + 1).next_power_of_two().max(CLASSES[0]));
    &padded[..mark]
}
