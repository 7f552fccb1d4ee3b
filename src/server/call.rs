//! One call of the engine: what it reads and writes, who we are, what will be said after it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use prost::Message;

use super::{Output, hub::CachedRoom, rows, setup};
use crate::{
    attachment::ChunkRef,
    crypto::{SigningKey, VerifyKey},
    error::Result,
    identity::{ChainFork, Directory, NewLinks},
    ids::{AgencyId, IncarnationId, RoomId},
    store::{Ctx, Draft, Key, Transition, Value, corrupt},
    time::Timestamp,
    wire::log::Evidence,
};

/// What the engine keeps between calls. All of it could be read again.
#[derive(Default)]
pub(super) struct Cache {
    /// With the stamp of the row that it was read from.
    pub(super) own: Option<(Value, Arc<Own>)>,
    pub(super) rooms: BTreeMap<RoomId, CachedRoom>,
    /// Public keys by their bytes: to unpack one takes a third as long as to verify with it.
    keys: BTreeMap<[u8; 32], VerifyKey>,
}

/// How many public keys stay in memory.
const CACHED_KEYS: usize = 4_096;

/// Who we are.
pub(super) struct Own {
    pub(super) agency: AgencyId,
    pub(super) key: SigningKey,
    pub(super) incarnation: IncarnationId,
}

/// A call in the making.
pub(super) struct Call<'a, 'c> {
    pub(super) draft: Draft<'a>,
    pub(super) own: Arc<Own>,
    pub(super) directory: Directory,
    pub(super) cache: &'c mut Cache,
    /// The chunk that came beside the message.
    pub(super) chunk: Option<&'c [u8]>,
    /// The same, if the host is to keep it.
    pub(super) keep: Option<ChunkRef>,
    /// The chunk that goes beside the reply.
    pub(super) beside: Option<ChunkRef>,
    /// Evidence against agencies: it is kept even if what it came with is refused.
    forks: Vec<ChainFork>,
    outputs: BTreeSet<Output>,
    wake: Option<Timestamp>,
}

impl<'a, 'c> Call<'a, 'c> {
    /// # Errors
    /// [`Code::NotReady`](crate::code::Code::NotReady) before the server is set up.
    pub(super) fn begin(ctx: Ctx<'a>, cache: &'c mut Cache) -> Result<Self> {
        let draft = Draft::new(ctx);
        let own = setup::own(&draft, cache)?;
        Ok(Call {
            draft,
            own,
            directory: Directory,
            cache,
            chunk: None,
            keep: None,
            beside: None,
            forks: Vec::new(),
            outputs: BTreeSet::new(),
            wake: None,
        })
    }

    /// The same, with a chunk beside the message.
    pub(super) fn begin_with(ctx: Ctx<'a>, cache: &'c mut Cache, chunk: &'c [u8]) -> Result<Self> {
        Ok(Call { chunk: Some(chunk), ..Self::begin(ctx, cache)? })
    }

    pub(super) fn finish<T>(mut self, value: T) -> Result<Transition<T, Output>> {
        for fork in core::mem::take(&mut self.forks) {
            self.directory.keep_fork(&mut self.draft, &fork)?;
        }
        let transition = self.draft.finish(value)?;
        Ok(transition.with_outputs(self.outputs.into_iter().collect()).with_wake(self.wake))
    }

    /// What links have brought; good ones in the place of known ones are evidence, and refused.
    pub(super) fn took_links(&mut self, taken: &NewLinks) -> Result<()> {
        self.forks.extend_from_slice(&taken.forks);
        taken.complete()
    }

    /// Takes links of user chains.
    pub(super) fn take_chain(&mut self, links: &[Bytes]) -> Result<()> {
        let taken = self.directory.accept_chain(&mut self.draft, links)?;
        self.took_links(&taken)
    }

    /// Takes documents that bear a submission out.
    pub(super) fn take_evidence(&mut self, evidence: &[Evidence]) -> Result<()> {
        let taken = self.directory.accept_evidence(&mut self.draft, evidence)?;
        self.took_links(&taken)
    }

    /// Runs a part of the call that may be refused: then nothing of it remains. What is not
    /// a refusal but a failure fails the call.
    pub(super) fn attempt<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T>) -> Result<Result<T>> {
        let savepoint = self.draft.savepoint();
        let (outputs, wake) = (self.outputs.clone(), self.wake);
        match part(self) {
            Ok(value) => Ok(Ok(value)),
            Err(error) if error.fails_the_call() => Err(error),
            Err(error) => {
                self.draft.go_back(savepoint);
                (self.outputs, self.wake) = (outputs, wake);
                Ok(Err(error))
            }
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.draft.now()
    }

    pub(super) fn output(&mut self, output: Output) {
        self.outputs.insert(output);
    }

    /// The host has to call again at this time.
    pub(super) fn wake_at(&mut self, at: Timestamp) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }

    pub(super) fn read<M: Message + Default>(&self, key: &[u8]) -> Result<Option<M>> {
        self.draft.get(key)?.map(rows::read).transpose()
    }

    pub(super) fn write(&mut self, key: Key, row: &impl Message) {
        self.draft.put(key, row.encode_to_vec());
    }

    /// A public key that was good when it was stored.
    pub(super) fn stored_key(&mut self, bytes: &[u8]) -> Result<VerifyKey> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| corrupt("public key"))?;
        if let Some(key) = self.cache.keys.get(bytes) {
            return Ok(key.clone());
        }
        let key = VerifyKey::parse(bytes).map_err(rows::unreadable)?;
        if self.cache.keys.len() >= CACHED_KEYS {
            self.cache.keys.pop_first();
        }
        self.cache.keys.insert(*bytes, key.clone());
        Ok(key)
    }

    pub(super) fn random(&mut self) -> [u8; 16] {
        use rand_core::Rng as _;
        let mut bytes = [0; 16];
        self.draft.rng().fill_bytes(&mut bytes);
        bytes
    }
}
