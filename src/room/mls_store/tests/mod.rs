//! Whole conversations over the storage, its rows, its sizes and its failures.

mod conversation;
mod failure;
mod fixture;
mod sizes;
mod split;

use openmls::prelude::*;
use tls_codec::Serialize as _;
use zeroize::Zeroizing;

use super::*;
use crate::{
    crypto::{
        SigningKey,
        mls::{MlsCrypto, MlsProvider, MlsSigner, SUITE},
    },
    store::{Apply, MemoryStore},
};

const ROOM: RoomId = RoomId::from_bytes([0x0c; 16]);
/// As long as a table, an id and a word.
const GROUP: &[u8] = b"room/0123456789abcdef/mls/";
const DEVICE: &[u8] = b"device/";

type Provider<'a> = MlsProvider<'a, MlsStore<'a>>;

/// A device with its store. All its randomness comes from its name and the number of the call.
struct Member {
    name: String,
    key: SigningKey,
    /// Bytes of the credential: as many as a certificate has.
    credential: usize,
    store: MemoryStore,
    calls: u64,
    /// Whether the group stays in memory from call to call, or is loaded from rows each time.
    caches: bool,
    cached: Option<(MlsGroup, Known)>,
    /// Bytes of the last batch.
    written: usize,
}

fn seed(name: &str, number: u64) -> Zeroizing<[u8; 32]> {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    seed[8..8 + name.len()].copy_from_slice(name.as_bytes());
    Zeroizing::new(seed)
}

fn group_id() -> GroupId {
    GroupId::from_slice(ROOM.as_bytes())
}

fn forever() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}

fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
        .sender_ratchet_configuration(SenderRatchetConfiguration::new(5, 1000))
        .use_ratchet_tree_extension(true)
        .build()
}

fn wire(message: MlsMessageOut) -> Vec<u8> {
    message.tls_serialize_detached().unwrap()
}

fn read(bytes: &[u8]) -> MlsMessageBodyIn {
    MlsMessageIn::tls_deserialize_exact_bytes(bytes).unwrap().extract()
}

fn protocol_message(bytes: &[u8]) -> ProtocolMessage {
    MlsMessageIn::tls_deserialize_exact_bytes(bytes).unwrap().try_into_protocol_message().unwrap()
}

impl Member {
    fn new(name: &str, caches: bool) -> Member {
        let key = SigningKey::from_seed(&seed(name, u64::MAX));
        let store = MemoryStore::default();
        Member { name: name.into(), key, credential: 600, store, calls: 0, caches, cached: None, written: 0 }
    }

    fn credential(&self) -> CredentialWithKey {
        let key = self.key.verify_key();
        let filler = key.as_bytes().iter().copied().cycle();
        let identity = self.name.bytes().chain(filler).take(self.credential).collect();
        CredentialWithKey {
            credential: BasicCredential::new(identity).into(),
            signature_key: self.key.verify_key().as_bytes().as_slice().into(),
        }
    }

    /// One engine call: open, work, apply.
    fn call<T>(&mut self, work: impl FnOnce(&Provider<'_>, &mut Option<MlsGroup>, &Member) -> T) -> T {
        let (group, known) = self.cached.take().map_or_else(Default::default, |(g, k)| (Some(g), k));
        let mut store = core::mem::take(&mut self.store);
        let storage = MlsStore::room(&store, &ROOM, GROUP.to_vec(), known).unwrap();
        let storage = storage.with_device(DEVICE.to_vec());
        let crypto = MlsCrypto::new(seed(&self.name, self.calls));
        self.calls += 1;
        let provider = MlsProvider { crypto: &crypto, storage: &storage };
        let mut group = match group {
            Some(group) => Some(group),
            None => MlsGroup::load(&storage, &group_id()).unwrap(),
        };
        let result = work(&provider, &mut group, self);
        let (batch, known) = storage.finish().unwrap();
        self.written = batch.bytes();
        store.apply(&batch).unwrap();
        self.store = store;
        if self.caches {
            self.cached = group.map(|group| (group, known));
        }
        result
    }

    /// A call on the group that is there.
    fn with<T>(&mut self, work: impl FnOnce(&Provider<'_>, &mut MlsGroup, &MlsSigner<'_>) -> T) -> T {
        self.call(|provider, group, me| work(provider, group.as_mut().unwrap(), &MlsSigner(&me.key)))
    }

    fn key_package(&mut self) -> KeyPackage {
        self.call(|provider, _, me| {
            let builder = KeyPackage::builder().key_package_lifetime(forever());
            let bundle = builder.build(SUITE, provider, &MlsSigner(&me.key), me.credential()).unwrap();
            bundle.key_package().clone()
        })
    }

    fn create(&mut self) {
        self.call(|provider, group, me| {
            let builder = MlsGroup::builder()
                .ciphersuite(SUITE)
                .with_group_id(group_id())
                .with_wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
                .sender_ratchet_configuration(SenderRatchetConfiguration::new(5, 1000))
                .use_ratchet_tree_extension(true)
                .lifetime(forever());
            *group = Some(builder.build(provider, &MlsSigner(&me.key), me.credential()).unwrap());
        });
    }

    /// Commits and leaves the commit pending: (commit, welcome).
    fn commit(&mut self, add: Vec<KeyPackage>, remove: Vec<LeafNodeIndex>) -> (Vec<u8>, Option<Vec<u8>>) {
        self.with(|provider, group, signer| {
            let bundle = group
                .commit_builder()
                .propose_adds(add)
                .propose_removals(remove)
                .force_self_update(true)
                .load_psks(provider.storage)
                .unwrap()
                .build(provider.crypto, provider.crypto, signer, |_| true)
                .unwrap()
                .stage_commit(provider)
                .unwrap();
            let (commit, welcome, _) = bundle.into_messages();
            (wire(commit), welcome.map(wire))
        })
    }

    fn merge(&mut self) {
        self.with(|provider, group, _| group.merge_pending_commit(provider).unwrap());
    }

    fn join(&mut self, welcome: &[u8]) {
        self.call(|provider, group, _| {
            let MlsMessageBodyIn::Welcome(welcome) = read(welcome) else { panic!("no welcome") };
            let staged = StagedWelcome::new_from_welcome(provider, &join_config(), welcome, None).unwrap();
            *group = Some(staged.into_group(provider).unwrap());
        });
    }

    fn send(&mut self, text: &[u8]) -> Vec<u8> {
        self.with(|provider, group, signer| wire(group.create_message(provider, signer, text).unwrap()))
    }

    /// Processes a message; gives the text, if it is one.
    fn receive(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        self.with(|provider, group, _| {
            let message = group.process_message(provider, protocol_message(message)).unwrap();
            match message.into_content() {
                ProcessedMessageContent::ApplicationMessage(text) => return Some(text.into_bytes()),
                ProcessedMessageContent::ProposalMessage(proposal) => {
                    group.store_pending_proposal(provider.storage, *proposal).unwrap();
                }
                ProcessedMessageContent::StagedCommitMessage(commit) => {
                    group.merge_staged_commit(provider, *commit).unwrap();
                }
                _ => panic!("unexpected message"),
            }
            None
        })
    }
}

#[test]
fn what_is_kept_between_calls_may_change_threads() {
    fn is_send<T: Send>() {}
    is_send::<(MlsGroup, PublicGroup, Known)>();
}
