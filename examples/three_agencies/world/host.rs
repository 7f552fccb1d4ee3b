//! An agency's machines: its server, its registrar's desk, and the keys that are on neither.

use std::collections::{BTreeSet, VecDeque};

use rand_core::CryptoRng;
use verbund::{
    attachment::ChunkRef,
    identity::{KeyPurpose, RevocationList, SigningKey},
    ids::AgencyId,
    server::Server,
    store::{Ctx, MemoryStore},
    time::Timestamp,
};

use super::{Error, shelf::Chunks};
use crate::federation::{Authority, Desk, Office};

/// An agency, with its server.
pub struct Host {
    pub agency: AgencyId,
    pub engine: Server,
    pub store: MemoryStore,
    pub desk: Desk,
    /// The agency's offline keys.
    pub authority: Authority,
    /// What the server was given to carry: for the narration of what it sees.
    pub carried: Carried,
    /// Sealed chunks, of its own people and of others that its people have asked for.
    pub chunks: Chunks,
    /// The key that revokes, and the newest list.
    pub(super) revoker: Option<(SigningKey, RevocationList)>,
    pub(super) ready: BTreeSet<AgencyId>,
    /// Requests for chunks on their way to other agencies.
    pub(super) fetches: VecDeque<(AgencyId, Vec<u8>)>,
    /// A server that is down neither hears nor answers.
    pub down: bool,
    /// A chunk that its disk changes whenever it is read.
    pub spoils: Option<ChunkRef>,
}

/// What passes through a server, in numbers.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    pub from_devices: usize,
    pub from_peers: usize,
    pub bytes: usize,
    /// Sealed chunks beside messages.
    pub chunks: usize,
}

impl Host {
    /// Sets up the agency's desk and server.
    pub fn new(
        authority: Authority,
        office: &Office,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, Error> {
        let desk = authority.desk(office, now, rng)?;
        let (mut engine, mut store) = (Server::new(), MemoryStore::default());
        engine.setup(Ctx { now, store: &store, rng }, &authority.setup(office))?.commit(&mut store)?;
        Ok(Host {
            agency: authority.agency.clone(),
            engine,
            store,
            desk,
            authority,
            carried: Carried::default(),
            chunks: Chunks::default(),
            revoker: None,
            ready: BTreeSet::new(),
            fetches: VecDeque::new(),
            down: false,
            spoils: None,
        })
    }

    /// Makes a revocation key, which the desk learns of: gives the descriptor that names it, and
    /// a first list, which revokes nothing.
    pub(super) fn revocable(
        &mut self,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let key = SigningKey::generate(rng);
        let named = Authority::operational(KeyPurpose::Revocation, &key, now);
        let descriptor = self.authority.describe(now, |next| next.keys.push(named))?;
        self.desk.describe(&descriptor, now, rng)?;
        let list = RevocationList::first(self.agency.clone(), now);
        let signed = list.sign(&key)?;
        self.revoker = Some((key, list));
        Ok((descriptor, signed))
    }

    /// A chunk, as the disk gives it.
    pub(super) fn read(&mut self, name: &ChunkRef) -> Result<Option<Vec<u8>>, Error> {
        let chunk = self.chunks.read(name)?;
        let spoils = self.spoils.as_ref() == Some(name);
        Ok(chunk.map(|mut chunk| {
            if spoils {
                chunk.reverse();
            }
            chunk
        }))
    }

    pub(super) fn count(&mut self, bytes: &[u8], chunk: Option<&Vec<u8>>) {
        self.carried.chunks += usize::from(chunk.is_some());
        self.carried.bytes += bytes.len() + chunk.map_or(0, Vec::len);
    }
}
