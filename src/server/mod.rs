//! An agency's server: it takes in what its devices submit, orders the logs of the rooms
//! whose hub it is, follows the logs of the others, and speaks with the servers of other
//! agencies. It holds no key that opens a message and can name none.
//!
//! Like every engine here it does no input or output. The host brings each message that
//! arrives, applies the [`Transition`] that comes back, and only then has the reply and the
//! [`Output`]s:
//!
//! ```text
//!             device message             peer message
//!                   │                          │
//!      Server::device(ctx, ..)     Server::peer(ctx, ..)      Server::pump(ctx, peer)
//!                   │                          │                          │
//!                   ▼                          ▼                          ▼
//!      ┌─ who asks: an enrolled      ┌─ which frame: signed,      ┌─ what waits for a peer,
//!      │  device, by its key         │  numbered, chained         │  as one numbered frame
//!      ▼                             ▼                            │
//!   hub: fate, signature,         follow: entries, heads          │
//!   epoch, rules, log entry       hub: others' submissions        │
//!      │                             │                            │
//!      └──────────► rows: log, inbox, what waits for peers ───────┘
//! ```
//!
//! - Accepting an entry and queueing it for other agencies is one transition. An entry is
//!   stored once, however many devices read it: a device has cursors into logs, a link has
//!   references to entries.
//! - Every message may be brought twice, late or never. A submission meets the same fate
//!   each time, a frame is taken once, a request has the same effect.
//! - Many processes may serve one store. Each aggregate (room, device, direction of a link)
//!   has a guard row; who loses the race calls again.
//! - An `Err` is the host's concern: the store, a defect, or bytes that are no message, and
//!   for peers a frame that cannot be taken. What a device does wrong, it is told in the
//!   reply. Neither changes anything.
//!
//! [`Transition`]: crate::store::Transition

mod ahead;
mod answers;
mod blobs;
mod call;
mod chains;
mod claims;
mod deliver;
mod device;
mod directory;
mod documents;
mod enrol;
mod entrance;
mod follow;
mod heartbeat;
mod hub;
mod inbox;
mod keys;
mod link;
mod listings;
mod log;
mod look_up;
mod mailbox;
mod members;
mod missing;
mod packages;
mod papers;
mod quota;
mod records;
mod rows;
mod setup;
#[cfg(test)]
mod tests;
mod tick;
mod touches;

pub use blobs::{Allowance, Fetching, Storage};
pub use directory::{Audience, Entry};
pub use heartbeat::Difference;
pub use papers::Papers;
pub use setup::Setup;

use call::{Cache, Call};

use bytes::Bytes;

use crate::{
    attachment::ChunkRef,
    code::Code,
    error::Result,
    identity::{ChainFork, Directory},
    ids::{AgencyId, BlobId, Device, RoomId, UserId},
    store::{Ctx, Draft, Key, Store, Transition},
};

/// The engine. It holds nothing but what it can read again from the store.
#[derive(Default)]
pub struct Server {
    cache: Cache,
}

/// What the host does once a transition is applied. Losing one is harmless: what matters is
/// stored, devices ask again, and [`Server::tick`] names links again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Output {
    /// Something waits for this agency: call [`Server::pump`] until it gives nothing.
    LinkReady(AgencyId),
    /// There is something new in this room; [`Server::readers`] says for whom.
    RoomReady(RoomId),
    /// There is something new for this device.
    DeviceReady(Device),
    /// There is a newer trust list, or a revocation list that revokes something: every device
    /// that is online should synchronise.
    Documents,
    /// A document that the server works with is about to end: [`Server::papers`] says which.
    PapersDue,
    /// This device has few key packages left; it is told as well.
    PackagesLow(Device),
    /// Send this message to this agency's server. Its answer, with the chunk beside it, goes
    /// to [`Server::peer_with_chunk`].
    Fetch {
        /// The agency.
        peer: AgencyId,
        /// The message.
        message: Vec<u8>,
    },
    /// What is being fetched from other agencies stands differently: some of it has come as a whole,
    /// or an agency does not answer. [`Server::fetching`] says how.
    Fetching,
    /// The agency to which this attachment was uploaded does not give it. It is asked again later.
    NotFetched {
        /// The agency.
        origin: AgencyId,
        /// The attachment.
        blob: BlobId,
        /// Why, by its signed word; [`Code::BadOrigin`]: what it gives is not what it has announced.
        code: Code,
    },
    /// Nothing has been heard of this agency's server, the hub of this room, though it is active: it is
    /// down, cut off, or keeps back what is said.
    HubSilent {
        /// The agency.
        hub: AgencyId,
        /// The room.
        room: RoomId,
    },
    /// What a room's hub says of its log is not of the log that is here. Devices here that wait for more are told
    /// that the room stands still.
    LogDiffers {
        /// The room.
        room: RoomId,
        /// The agency whose server is its hub.
        hub: AgencyId,
        /// The place of the log of which it speaks.
        seq: u64,
        /// What that shows.
        difference: Difference,
        /// Its signed heads, as evidence: the one that it sent, then the one of before for the same place,
        /// if that is here.
        heads: Vec<Vec<u8>>,
    },
    /// The store of this agency's server was put back to an earlier state. Either it says so itself: then all
    /// goes on, and what it has lost goes to it again as far as it is here. Or it has sent a frame under a number
    /// that it used before, with a much later time: then what it says from now on is not taken, until its
    /// operators call [`Server::put_back`]; or its clock was put back.
    PeerPutBack(AgencyId),
    /// A device says that this chunk is not the one: read it and give it to
    /// [`Server::check_chunk`].
    CheckChunk(ChunkRef),
    /// The chunks of this attachment are not needed any more. Whoever cleans up now and then
    /// instead asks [`Server::keeps`].
    ForgetBlob {
        /// The agency to which it was uploaded.
        origin: AgencyId,
        /// The attachment.
        blob: BlobId,
    },
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The message.
    pub bytes: Vec<u8>,
    /// The chunk whose bytes go beside it, from the host's own storage.
    pub chunk: Option<ChunkRef>,
}

/// What comes of a message with a chunk beside it.
#[must_use]
#[derive(Debug)]
#[non_exhaustive]
pub struct WithChunk<T> {
    /// If there: the chunk is what it should be, and the host stores its bytes under this
    /// name *before* it applies the transition, which says that they are there.
    pub keep: Option<ChunkRef>,
    /// The change.
    pub transition: Transition<T, Output>,
}

impl Server {
    /// An engine on a store that is set up, or will be with [`Server::setup`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says whose server this is. Called again, it changes the key and keeps everything else.
    ///
    /// # Errors
    /// [`Code::UnknownKey`] and the like unless the descriptor
    /// names the key for servers, now; those of the documents;
    /// [`Code::BadArgument`] for another agency than before.
    pub fn setup(&mut self, ctx: Ctx<'_>, setup: &Setup) -> Result<Transition<(), Output>> {
        setup::set_up(ctx, setup)
    }

    /// Says that the store was put back to an earlier state: out of a backup, say. Without it other
    /// agencies take nothing from this server, for it would use numbers again that it has used before.
    ///
    /// Begins a new incarnation, and with it every link anew. What waited for other agencies goes again,
    /// and what they have sent since is asked for: the logs of the rooms whose hubs they are are completed
    /// by themselves. What this server itself has ordered since, as the hub of rooms, is not: where others
    /// have more of such a log than there is here, the room stands still for them, and they are told.
    /// Invitations and answers that came since are lost as well. The clock has to be right by then: what is signed by
    /// one that is behind is not believed, until this is called again. The operators
    /// of the other agencies are told ([`Output::PeerPutBack`]).
    ///
    /// # Errors
    /// [`Code::NotReady`] before the server is set up; those of the store.
    pub fn put_back(&mut self, ctx: Ctx<'_>) -> Result<Transition<(), Output>> {
        let mut call = Call::begin(ctx, &mut self.cache)?;
        call.put_back()?;
        call.finish(())
    }

    /// Takes a newer trust list from the operators.
    ///
    /// # Errors
    /// Those of the list.
    pub fn trust_list(&mut self, ctx: Ctx<'_>, bytes: &[u8]) -> Result<Transition<(), Output>> {
        let mut call = Call::begin(ctx, &mut self.cache)?;
        call.take_trust_list(&bytes.to_vec().into(), None)?;
        call.finish(())
    }

    /// Takes the own agency's newer revocation list from the operators. From then on nothing
    /// is given to a device that it revokes, and nothing is taken from it; other agencies are
    /// told with the next frame. Wanted at the latest when the one before says.
    ///
    /// # Errors
    /// [`Code::NotForUs`] for another agency's; those of the list
    /// (SPEC V-290 to V-296).
    pub fn revocations(&mut self, ctx: Ctx<'_>, bytes: &[u8]) -> Result<Transition<(), Output>> {
        let mut call = Call::begin(ctx, &mut self.cache)?;
        call.own_revocations(&bytes.to_vec().into())?;
        call.finish(())
    }

    /// Takes a newer descriptor from the operators: the own one or another agency's.
    ///
    /// # Errors
    /// Those of the descriptor.
    pub fn descriptor(&mut self, ctx: Ctx<'_>, bytes: &[u8]) -> Result<Transition<(), Output>> {
        let mut call = Call::begin(ctx, &mut self.cache)?;
        call.directory.accept_descriptor(&mut call.draft, &bytes.to_vec().into())?;
        // What waited for it goes on.
        call.name_ready_links()?;
        call.finish(())
    }

    /// Until when the documents are good with which the server works now. The operators bring
    /// newer ones in time: [`Output::PapersDue`].
    ///
    /// # Errors
    /// Those of the store.
    pub fn papers(&mut self, ctx: Ctx<'_>) -> Result<Papers> {
        Call::begin(ctx, &mut self.cache)?.papers()
    }

    /// Takes what the registrar has countersigned for one of the agency's users: a device that is
    /// removed, other recovery keys, a user who begins anew. Devices that are not the user's any more
    /// are given nothing from then on; the user's others are told.
    ///
    /// # Errors
    /// [`Code::NotForUs`] for another agency's user;
    /// [`Code::Equivocation`] for a link in the place of a known one;
    /// those of the links (SPEC V-241 to V-258).
    pub fn user_chain(&mut self, ctx: Ctx<'_>, links: &[Bytes]) -> Result<Transition<(), Output>> {
        let mut call = Call::begin(ctx, &mut self.cache)?;
        call.own_chain(links)?;
        call.finish(())
    }

    /// Evidence that a user's agency has filled one place of the user's chain twice, if this server
    /// has been shown such.
    ///
    /// # Errors
    /// Those of the store.
    pub fn chain_fork(ctx: Ctx<'_>, user: &UserId) -> Result<Option<ChainFork>> {
        Directory.fork(&Draft::new(ctx), user)
    }

    /// Sets what the agency's directory says of a user, and who may find them: in the place of
    /// what it said before.
    ///
    /// # Errors
    /// [`Code::BadArgument`] for another agency's user, for what is
    /// too long, for another kind than the user's chain has;
    /// [`Code::Quota`] past [`crate::limits::DIRECTORY_ENTRIES`].
    pub fn set_entry(&mut self, ctx: Ctx<'_>, entry: &Entry) -> Result<Transition<(), Output>> {
        let mut call = Call::begin(ctx, &mut self.cache)?;
        call.set_entry(entry)?;
        call.finish(())
    }

    /// Forgets what the directory says of a user. Whoever has enrolled a device is found by exact
    /// id from then on, as without any entry: to hide a user, set an entry for nobody.
    ///
    /// # Errors
    /// Those of the store.
    pub fn remove_entry(&mut self, ctx: Ctx<'_>, user: &UserId) -> Result<Transition<(), Output>> {
        let mut call = Call::begin(ctx, &mut self.cache)?;
        call.remove_entry(user)?;
        call.finish(())
    }

    /// What the directory says of a user.
    ///
    /// # Errors
    /// Those of the store.
    pub fn entry(store: &dyn Store, user: &UserId) -> Result<Option<Entry>> {
        directory::entry(store, user)
    }

    /// What the directory says, at most `limit` entries by the order of their users, after one.
    ///
    /// # Errors
    /// Those of the store.
    pub fn entries(store: &dyn Store, after: Option<&UserId>, limit: usize) -> Result<Vec<Entry>> {
        directory::entries(store, after, limit)
    }

    /// Answers a message of a device.
    ///
    /// # Errors
    /// Those of decoding for bytes that are no message; those of the store. What the device
    /// did wrong is in the reply.
    pub fn device(&mut self, ctx: Ctx<'_>, message: &[u8]) -> Result<Transition<Reply, Output>> {
        let mut call = Call::begin(ctx, &mut self.cache)?;
        let reply = call.device(message)?;
        call.finish(reply)
    }

    /// Takes a message from another agency's server. A frame is answered with an
    /// acknowledgement.
    ///
    /// # Errors
    /// Those of decoding, and whatever keeps a frame or acknowledgement from being taken;
    /// those of the store. A single item that cannot be taken does not stop the link.
    pub fn peer(&mut self, ctx: Ctx<'_>, message: &[u8]) -> Result<Transition<Option<Reply>, Output>> {
        let mut call = Call::begin(ctx, &mut self.cache)?;
        let reply = call.peer(message)?;
        call.finish(reply)
    }

    /// [`Server::device`], for a message with a chunk beside it.
    ///
    /// # Errors
    /// As there.
    pub fn device_with_chunk(
        &mut self,
        ctx: Ctx<'_>,
        message: &[u8],
        chunk: &[u8],
    ) -> Result<WithChunk<Reply>> {
        let mut call = Call::begin_with(ctx, &mut self.cache, chunk)?;
        let reply = call.device(message)?;
        let keep = call.keep.take();
        Ok(WithChunk { keep, transition: call.finish(reply)? })
    }

    /// [`Server::peer`], for a message with a chunk beside it.
    ///
    /// # Errors
    /// As there, and those of the chunk.
    pub fn peer_with_chunk(
        &mut self,
        ctx: Ctx<'_>,
        message: &[u8],
        chunk: &[u8],
    ) -> Result<WithChunk<Option<Reply>>> {
        let mut call = Call::begin_with(ctx, &mut self.cache, chunk)?;
        let reply = call.peer(message)?;
        let keep = call.keep.take();
        Ok(WithChunk { keep, transition: call.finish(reply)? })
    }

    /// What the host keeps of a chunk ([`Output::CheckChunk`]), or `None` if it has none. If it is not
    /// what it ought to be, it counts as not here, and is fetched anew. One that was lost and that the
    /// host has again, out of a backup say, counts as here.
    ///
    /// # Errors
    /// Those of the store.
    pub fn check_chunk(
        &mut self,
        ctx: Ctx<'_>,
        name: &ChunkRef,
        chunk: Option<&[u8]>,
    ) -> Result<Transition<(), Output>> {
        let mut call = Call::begin(ctx, &mut self.cache)?;
        call.checked(name, chunk)?;
        call.finish(())
    }

    /// Takes an attachment back that one of the agency's users has uploaded: nobody is given it any
    /// more, and the agencies that have fetched it are told. Says whether it was here.
    ///
    /// # Errors
    /// Those of the store.
    pub fn forget(&mut self, ctx: Ctx<'_>, blob: &BlobId) -> Result<Transition<bool, Output>> {
        let mut call = Call::begin(ctx, &mut self.cache)?;
        let found = call.operators_forget(blob)?;
        call.finish(found)
    }

    /// Sets how much is kept of attachments. What is kept already stays.
    ///
    /// # Errors
    /// Those of the store.
    pub fn set_storage(&mut self, ctx: Ctx<'_>, storage: &Storage) -> Result<Transition<(), Output>> {
        let mut call = Call::begin(ctx, &mut self.cache)?;
        call.set_storage(storage);
        call.finish(())
    }

    /// How much is kept of attachments, at most.
    ///
    /// # Errors
    /// Those of the store.
    pub fn storage(&mut self, ctx: Ctx<'_>) -> Result<Storage> {
        Call::begin(ctx, &mut self.cache)?.storage()
    }

    /// How much one of the agency's users has uploaded that is kept.
    ///
    /// # Errors
    /// Those of the store.
    pub fn uploaded(&mut self, ctx: Ctx<'_>, user: &UserId) -> Result<Allowance> {
        Call::begin(ctx, &mut self.cache)?.usage(keys::Holder::Uploader(user))
    }

    /// How much is kept of another agency's attachments.
    ///
    /// # Errors
    /// Those of the store.
    pub fn fetched(&mut self, ctx: Ctx<'_>, origin: &AgencyId) -> Result<Allowance> {
        Call::begin(ctx, &mut self.cache)?.usage(keys::Holder::Origin(origin))
    }

    /// Other agencies' attachments that are on their way here: at most `limit`, after one.
    ///
    /// # Errors
    /// Those of the store.
    pub fn fetching(
        store: &dyn Store,
        after: Option<(&AgencyId, &BlobId)>,
        limit: usize,
    ) -> Result<Vec<Fetching>> {
        blobs::under_way(store, after, limit)
    }

    /// The next frame for an agency, if there is one to send now: what waits, as one new
    /// frame, or one that was not acknowledged in time.
    ///
    /// # Errors
    /// Those of the store.
    pub fn pump(&mut self, ctx: Ctx<'_>, peer: &AgencyId) -> Result<Transition<Option<Vec<u8>>, Output>> {
        let mut call = Call::begin(ctx, &mut self.cache)?;
        let frame = call.pump(peer)?;
        call.finish(frame)
    }

    /// Does what time brings: at most `max` things at once. Called at the time that a
    /// transition's `wake` names, and after a restart.
    ///
    /// # Errors
    /// Those of the store.
    pub fn tick(&mut self, ctx: Ctx<'_>, max: usize) -> Result<Transition<(), Output>> {
        let mut call = Call::begin(ctx, &mut self.cache)?;
        call.tick(max)?;
        call.finish(())
    }

    /// The prefixes under which lies most of what [`Server::device`] will read for this
    /// message: for hosts whose store is asynchronous ([`Preloaded`](crate::store::Preloaded)).
    #[must_use]
    pub fn touches_device(message: &[u8]) -> Vec<Key> {
        touches::device(message)
    }

    /// The same for [`Server::peer`].
    #[must_use]
    pub fn touches_peer(message: &[u8]) -> Vec<Key> {
        touches::peer(message)
    }

    /// The same for [`Server::pump`].
    #[must_use]
    pub fn touches_pump(peer: &AgencyId) -> Vec<Key> {
        touches::pump(peer)
    }

    /// Own devices in a room, in order, at most `limit` after `after`: to whom
    /// [`Output::RoomReady`] matters.
    ///
    /// # Errors
    /// Those of the store.
    pub fn readers(
        store: &dyn Store,
        room: &RoomId,
        after: Option<&Device>,
        limit: usize,
    ) -> Result<Vec<Device>> {
        members::readers(store, room, after, limit)
    }

    /// Whether an attachment is still needed: for hosts that look for chunks to delete.
    ///
    /// # Errors
    /// Those of the store.
    pub fn keeps(store: &dyn Store, origin: &AgencyId, blob: &BlobId) -> Result<bool> {
        blobs::keeps(store, origin, blob)
    }
}
