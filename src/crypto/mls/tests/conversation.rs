//! One seed per call decides every byte that openmls puts on the wire, and the two known
//! things that it does not decide are pinned down here. Nothing may depend on either.

use std::collections::BTreeSet;

use openmls::prelude::{
    BasicCredential, CredentialWithKey, KeyPackage, LeafNodeIndex, LeafNodeParameters, Lifetime, MlsGroup,
    MlsGroupCreateConfig, MlsGroupJoinConfig, MlsMessageBodyIn, MlsMessageIn, MlsMessageOut,
    PURE_PLAINTEXT_WIRE_FORMAT_POLICY, ProcessedMessageContent, ProtocolMessage, StagedWelcome,
};
use openmls_memory_storage::MemoryStorage;
use serde_json::Value;
use tls_codec::{DeserializeBytes, Serialize};
use zeroize::Zeroizing;

use crate::crypto::{
    SigningKey,
    mls::{MlsCrypto, MlsProvider, MlsSigner, SUITE},
};

struct Device {
    key: SigningKey,
    storage: MemoryStorage,
    group: Option<MlsGroup>,
}

/// Some devices, everything they have sent, and a seed for every call.
struct Room {
    devices: Vec<Device>,
    wire: Vec<Vec<u8>>,
    calls: u8,
}

impl Room {
    /// A group of `size` devices, made by the first in one commit.
    fn new(size: u8) -> Self {
        let device = |n| Device {
            key: SigningKey::from_seed(&[n; 32]),
            storage: MemoryStorage::default(),
            group: None,
        };
        let mut room = Room { devices: (0..size).map(device).collect(), wire: Vec::new(), calls: 0 };
        let packages: Vec<_> = (1..size).map(|n| room.key_package(n)).collect();
        let config = MlsGroupCreateConfig::builder()
            .ciphersuite(SUITE)
            .lifetime(Lifetime::init(0, u64::MAX))
            .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .build();
        let credential = room.credential(0);
        let (group, welcome) = room.call(0, |device, provider, signer| {
            device.group = Some(MlsGroup::new(provider, signer, &config, credential).unwrap());
            let group = device.group.as_mut().unwrap();
            let (commit, welcome, _) = group.add_members(provider, signer, &packages).unwrap();
            group.merge_pending_commit(provider).unwrap();
            (commit, welcome)
        });
        room.send(&group);
        let welcome = room.send(&welcome);
        (1..size).for_each(|n| room.join(n, &welcome));
        room
    }

    /// One call of one device: its own crypto, from a seed that no other call has.
    fn call<T>(
        &mut self,
        n: u8,
        f: impl FnOnce(&mut Device, &MlsProvider<'_, MemoryStorage>, &MlsSigner<'_>) -> T,
    ) -> T {
        self.calls += 1;
        self.call_with(n, self.calls, f)
    }

    fn call_with<T>(
        &mut self,
        n: u8,
        seed: u8,
        f: impl FnOnce(&mut Device, &MlsProvider<'_, MemoryStorage>, &MlsSigner<'_>) -> T,
    ) -> T {
        let crypto = MlsCrypto::new(Zeroizing::new([seed; 32]));
        let device = &mut self.devices[usize::from(n)];
        let storage = std::mem::take(&mut device.storage);
        let key = SigningKey::from_seed(&device.key.seed());
        let result = f(device, &MlsProvider { crypto: &crypto, storage: &storage }, &MlsSigner(&key));
        device.storage = storage;
        result
    }

    fn send(&mut self, message: &MlsMessageOut) -> Vec<u8> {
        self.wire.push(message.to_bytes().unwrap());
        message.to_bytes().unwrap()
    }

    fn credential(&self, n: u8) -> CredentialWithKey {
        let key = self.devices[usize::from(n)].key.verify_key();
        CredentialWithKey {
            credential: BasicCredential::new(vec![n; 8]).into(),
            signature_key: key.as_bytes().to_vec().into(),
        }
    }

    fn key_package(&mut self, n: u8) -> KeyPackage {
        let credential = self.credential(n);
        let bundle = self.call(n, |_, provider, signer| {
            let builder = KeyPackage::builder().key_package_lifetime(Lifetime::init(0, u64::MAX));
            builder.build(SUITE, provider, signer, credential).unwrap()
        });
        self.wire.push(bundle.key_package().tls_serialize_detached().unwrap());
        bundle.into_key_package()
    }

    fn join(&mut self, n: u8, welcome: &[u8]) {
        let MlsMessageBodyIn::Welcome(welcome) = parse(welcome).extract() else { panic!("not a welcome") };
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .build();
        self.call(n, |device, provider, _| {
            let staged = StagedWelcome::new_from_welcome(provider, &config, welcome, None).unwrap();
            device.group = Some(staged.into_group(provider).unwrap());
        });
    }

    /// A commit, applied by its author and everybody else.
    fn commit(
        &mut self,
        n: u8,
        f: impl FnOnce(&mut MlsGroup, &MlsProvider<'_, MemoryStorage>, &MlsSigner<'_>) -> MlsMessageOut,
    ) {
        let commit = self.call(n, |device, provider, signer| {
            let group = device.group.as_mut().unwrap();
            let commit = f(group, provider, signer);
            group.merge_pending_commit(provider).unwrap();
            commit
        });
        self.deliver(n, &commit);
    }

    fn say(&mut self, n: u8, text: &[u8]) {
        let message = self.call(n, |device, provider, signer| {
            device.group.as_mut().unwrap().create_message(provider, signer, text).unwrap()
        });
        assert_eq!(self.deliver(n, &message), vec![text; self.active() - 1]);
    }

    fn active(&self) -> usize {
        self.devices.iter().filter(|device| device.group.as_ref().is_some_and(MlsGroup::is_active)).count()
    }

    /// To everybody who takes part, but the sender; gives the texts that they have read.
    fn deliver(&mut self, from: u8, message: &MlsMessageOut) -> Vec<Vec<u8>> {
        let bytes = self.send(message);
        let mut read = Vec::new();
        for n in 0..u8::try_from(self.devices.len()).unwrap() {
            let active = self.devices[usize::from(n)].group.as_ref().is_some_and(MlsGroup::is_active);
            if n == from || !active {
                continue;
            }
            let message: ProtocolMessage = parse(&bytes).try_into_protocol_message().unwrap();
            self.call(n, |device, provider, _| {
                let group = device.group.as_mut().unwrap();
                match group.process_message(provider, message).unwrap().into_content() {
                    ProcessedMessageContent::ApplicationMessage(text) => read.push(text.into_bytes()),
                    ProcessedMessageContent::StagedCommitMessage(commit) => {
                        group.merge_staged_commit(provider, *commit).unwrap();
                    }
                    _ => panic!("nobody sends anything else"),
                }
            });
        }
        read
    }
}

fn parse(bytes: &[u8]) -> MlsMessageIn {
    MlsMessageIn::tls_deserialize_exact_bytes(bytes).unwrap()
}

/// Twelve devices, so that path secrets are sealed to many on openmls' worker threads.
fn conversation() -> Room {
    let mut room = Room::new(12);
    room.say(0, b"one");
    room.say(7, b"two");
    room.commit(3, |group, provider, signer| {
        group.self_update(provider, signer, LeafNodeParameters::default()).unwrap().into_commit()
    });
    room.say(3, b"three");
    room.commit(0, |group, provider, signer| {
        group.remove_members(provider, signer, &[LeafNodeIndex::new(11)]).unwrap().0
    });
    room.say(5, b"four");
    assert_eq!(room.active(), 11);
    room
}

#[test]
fn one_seed_gives_the_same_bytes_on_the_wire() {
    let first = conversation();
    assert_eq!(first.wire.len(), 11 + 2 + 6);
    for _ in 0..4 {
        assert!(conversation().wire == first.wire);
    }
}

/// openmls walks a `HashMap` of the members that a commit removes or updates.
#[test]
fn residue_two_removals_in_one_commit_come_in_either_order() {
    let mut room = Room::new(6);
    let mut commits = BTreeSet::new();
    for _ in 0..64 {
        let commit = room.call_with(0, 200, |device, provider, signer| {
            let group = device.group.as_mut().unwrap();
            let removed = [LeafNodeIndex::new(2), LeafNodeIndex::new(4)];
            let (commit, ..) = group.remove_members(provider, signer, &removed).unwrap();
            group.clear_pending_commit(provider.storage).unwrap();
            commit.to_bytes().unwrap()
        });
        commits.insert(commit);
    }
    assert_eq!(commits.len(), 2, "two orders, and nothing else that differs");
}

/// openmls notes the wall clock beside an epoch's message secrets.
#[test]
fn residue_stored_rows_differ_in_a_time_only() {
    fn strip(value: &mut Value, times: &mut usize) {
        match value {
            Value::Object(fields) => {
                *times += usize::from(fields.remove("added_at").is_some_and(|time| !time.is_null()));
                fields.values_mut().for_each(|value| strip(value, times));
            }
            Value::Array(items) => items.iter_mut().for_each(|value| strip(value, times)),
            _ => {}
        }
    }
    let rows = |room: &Room| {
        let (mut rows, mut times) = (BTreeSet::new(), 0);
        for (n, device) in room.devices.iter().enumerate() {
            for (key, value) in &*device.storage.values.read().unwrap() {
                let mut value: Value = serde_json::from_slice(value).unwrap();
                strip(&mut value, &mut times);
                rows.insert((n, key.clone(), value.to_string()));
            }
        }
        (rows, times)
    };
    let (first, times) = rows(&conversation());
    assert!(times > 0, "the clock is noted no longer; this residue is gone");
    assert_eq!(rows(&conversation()), (first, times));
}
