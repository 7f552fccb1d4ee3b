//! A hub and some devices around one log, everything in memory and from seeds.
//!
//! Every call loads what it needs from rows and writes rows, so that a world can be copied: to
//! try something, or to see what each side would say of it.

mod log;
mod making;

pub(super) use making::outgoing;

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use chacha20::ChaCha20Rng;
use openmls::prelude::{GroupId, KeyPackage, LeafNodeIndex, MlsGroup};
use rand_core::SeedableRng;
use zeroize::Zeroizing;

use crate::{
    code::Code,
    crypto::mls::{MlsCrypto, MlsProvider, MlsSigner},
    error::{Result, fault},
    identity::{
        DeviceCertificate, Directory, UserChain, VerifiedDevice,
        fixture::{TestDevice, TestFederation, apply, now, read, stamp, take_chain},
    },
    ids::{Device, Hash, RoomId, UserId},
    room::{
        self, Change, Policy, PrivateState, RoomKind, RoomState, Witness,
        log::{Chained, Tail},
        member::MemberRoom,
        mls_store::{Known, MlsStore},
    },
    store::{Apply, MemoryStore},
    time::Timestamp,
};

/// What one call of a device works with.
pub(super) struct Mls<'m> {
    pub(super) provider: &'m MlsProvider<'m, MlsStore<'m>>,
    pub(super) signer: &'m MlsSigner<'m>,
    pub(super) rng: &'m mut ChaCha20Rng,
}

pub(super) const ROOM: RoomId = RoomId::from_bytes([0x0c; 16]);

/// Devices by name; a user's second one has a 2 behind it, a third a 3. anna, carl, fred and gina are agency
/// a's, bert, dora and eva agency b's; akte is an archive of agency a.
pub(super) const PEOPLE: [(&str, &str); 15] = [
    ("anna", "anna@a.example"),
    ("anna2", "anna@a.example"),
    ("bert", "bert@b.example"),
    ("bert2", "bert@b.example"),
    ("carl", "carl@a.example"),
    ("carl2", "carl@a.example"),
    ("carl3", "carl@a.example"),
    ("dora", "dora@b.example"),
    ("dora2", "dora@b.example"),
    ("eva", "eva@b.example"),
    ("fred", "fred@a.example"),
    ("fred2", "fred@a.example"),
    ("gina", "gina@a.example"),
    ("akte", "akte@a.example"),
    ("akte2", "akte@a.example"),
];

/// Devices of carl whose keys are other people's: he has got hold of them.
const STOLEN: [(&str, &str); 2] = [("carl_as_bert", "bert"), ("carl_as_fred", "fred")];

#[derive(Clone)]
pub(super) struct World {
    /// What everybody knows of who is who.
    pub(super) directory: MemoryStore,
    pub(super) sides: BTreeMap<&'static str, Side>,
    pub(super) tail: Tail,
    pub(super) log: Vec<Chained>,
    /// The trees after commits that add somebody, and their Welcomes, by place.
    pub(super) welcomes: BTreeMap<u64, (Bytes, Bytes)>,
    /// What the hub keeps for those who come in from outside.
    pub(super) group_info: Bytes,
    pub(super) now: Timestamp,
    hub: MemoryStore,
    /// Devices whose certificates no longer stand at the next stamp, and what is said of them.
    pub(super) fallen: BTreeMap<Device, Code>,
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
    pub(super) counter: u64,
}

/// What is known of certificates at a time.
pub(super) struct Registry {
    directory: MemoryStore,
    fallen: BTreeMap<Device, Code>,
    at: Timestamp,
}

impl Witness for Registry {
    fn verify(&mut self, certificate: &Bytes, shown: u32) -> Result<VerifiedDevice> {
        read(&self.directory, |draft| {
            Directory.view(draft, &stamp(self.at, 1, &[]))?.device_from(certificate, shown)
        })
    }

    fn bound(&mut self, certificate: &Bytes) -> Result<VerifiedDevice> {
        read(&self.directory, |draft| Directory.view(draft, &stamp(self.at, 1, &[]))?.bound(certificate))
    }

    fn stands(&mut self, claims: &DeviceCertificate) -> Result<()> {
        if let Some(code) = self.fallen.get(&claims.device) {
            return fault(*code, "device certificate");
        }
        read(&self.directory, |draft| Directory.view(draft, &stamp(self.at, 1, &[]))?.stands(claims))
    }

    fn chain(&mut self, user: &UserId, identity: &Hash) -> Result<Arc<UserChain>> {
        read(&self.directory, |draft| Directory.view(draft, &stamp(self.at, 1, &[]))?.chain(user, identity))
    }
}

/// Everybody enrolled, nobody in the room.
static ENROLLED: LazyLock<World> = LazyLock::new(|| {
    let mut federation = TestFederation::new();
    let mut devices: BTreeMap<&str, Arc<TestDevice>> = BTreeMap::new();
    for ((name, user), seed) in PEOPLE.iter().zip(50..) {
        let device = match devices.get(name.trim_end_matches(char::is_numeric)) {
            Some(first) => federation.further(first, seed),
            None if *name == "akte" => federation.archive(user, seed),
            None => federation.person(user, seed),
        };
        devices.insert(name, Arc::new(device));
    }
    for (name, of) in STOLEN {
        let seed = (50..).zip(PEOPLE).find(|(_, (name, _))| *name == of).unwrap().0;
        let device = federation.further(&devices["carl"], seed);
        devices.insert(name, Arc::new(device));
    }
    let mut directory = federation.store();
    for device in devices.values() {
        let chain = device.chain();
        apply(&mut directory, |draft| take_chain(draft, chain)).unwrap();
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
        group_info: Bytes::new(),
        now: now(),
        hub: MemoryStore::default(),
        fallen: BTreeMap::new(),
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
        let state = RoomState::begin((ROOM, RoomKind::Group), &self.user("anna"), policy, private.hash());
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

    /// What a device's certificate says.
    pub(super) fn claims(&self, device: &VerifiedDevice) -> DeviceCertificate {
        let side = self.side(self.name(device.device()));
        crate::identity::read_certificate(side.device.certificate()).unwrap()
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
        move |certificate, at| {
            read(&directory, |draft| Directory.view(draft, &stamp(at, 1, &[]))?.device(certificate))
        }
    }

    /// What everybody knows of certificates at a time.
    pub(super) fn witness(&self, at: Timestamp) -> Registry {
        Registry { directory: self.directory.clone(), fallen: self.fallen.clone(), at }
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
}
