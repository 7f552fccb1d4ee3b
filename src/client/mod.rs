//! The client engine: one device of one user.
//!
//! An app gives the engine commands and the server's replies; the engine gives back
//! transitions. Once the app has applied a transition's batch to its store, the outputs say
//! what to send to the own agency's server, and [`Client::events`] what to show.
//!
//! ```text
//!   app ── command ──▶ ┌────────┐ ── batch ──▶ store
//!                      │ Client │ ── Send ───▶ own agency's server
//!  reply ── receive ─▶ └────────┘ ── events ─▶ app
//! ```
//!
//! - [`Client::command`] does something; [`Client::receive`] takes a reply in;
//!   [`Client::tick`] is for when [`Done::wake`](crate::store::Done::wake) has come;
//!   [`Client::resume`] is for a start, a regained network or a push notification.
//! - Nothing that matters is in memory alone: a `Client` may be dropped at any time, and
//!   another one on the same store goes on. Two may share a store (an app and its
//!   notification extension): the batch of the one that was late does not apply, and its call
//!   is made again.
//! - The store must never be restored from a backup.
//!
//! A user's first device: [`Client::begin`], then [`Client::found`]; the agency's registrar answers the
//! request, and [`Client::enrol`] takes the answer. A further one is brought in by one that is
//! there, which shows a code ([`Client::show_link_code`]) that the new one scans
//! ([`Client::ask_to_link`]). It comes into the user's rooms by itself, and may be handed what was
//! said before ([`History`]). Where no code can be scanned: [`Client::offer`] and
//! [`Client::endorse`], and then [`Command::Invite`] of the own user.

mod asked;
mod batches;
mod call;
mod carry;
mod chains;
mod change;
mod change_row;
mod claims;
mod command;
mod companion;
mod departure;
mod documents;
mod enrol;
mod enter;
mod event;
mod event_row;
mod expiry;
mod fetch;
mod follow;
mod forget;
mod forward;
mod gap;
mod govern;
mod heard;
mod history;
mod index;
mod join;
mod keys;
mod lack;
mod leaving;
mod link;
mod look_up;
mod outbox;
mod output;
mod packages;
mod reach;
mod receive;
mod records;
mod refresh;
mod renew;
mod rooms;
mod rows;
mod safety;
mod send;
mod session;
mod share;
mod shown;
mod stalled;
mod standing;
mod sweep;
mod tell;
#[cfg(test)]
mod tests;
mod tick;
mod upload;
mod waiting;
mod wording;

pub use command::{Command, Receipt};
pub use event::{Event, Marking};
pub use history::{History, Imported};
pub use index::{Applied, By};
pub use lack::{Blame, Remedy};
pub use link::{Confirmation, Linked, LinkedHistory};
pub use look_up::{Found, FoundRoom, Query};
pub use output::{Output, WithChunk};
pub use reach::{Admission, Party};
pub use records::Claimed;
pub use rooms::Room;
pub use waiting::{Awaited, Fetch};

use self::call::{Cache, Call};
use crate::{
    attachment::Opener,
    error::Result,
    ids::{Device, RequestId, RoomId},
    limits,
    store::{Ctx, Key, Store, Transition, corrupt},
};

/// The engine. It holds nothing but a cache; make one per store.
#[derive(Default)]
pub struct Client {
    cache: Cache,
}

impl Client {
    /// An engine. Which device it is, its store says.
    #[must_use]
    pub fn new() -> Self {
        Client::default()
    }

    /// Which device the store holds.
    ///
    /// # Errors
    /// [`Code::NotReady`](crate::code::Code::NotReady) before [`Client::begin`].
    pub fn device(&self, store: &dyn Store) -> Result<Device> {
        enrol::device(store)
    }

    /// Does something.
    ///
    /// # Errors
    /// [`Code::NotReady`](crate::code::Code::NotReady) before enrolment, and what the command's
    /// arguments or the room's policy forbid at once. What turns out later is an [`Event`].
    pub fn command(&mut self, ctx: Ctx<'_>, command: Command) -> Result<Transition<Receipt, Output>> {
        let mut call = match command {
            // Also when nothing may be sent any more: or the app would be told for ever.
            Command::AckEvents { .. } => Call::begin(ctx, &mut self.cache)?,
            _ => Call::ready(ctx, &mut self.cache)?,
        };
        let receipt = call.carry_out(command)?;
        call.finish(receipt)
    }

    /// Takes in what the own agency's server has answered.
    ///
    /// # Errors
    /// A reply that cannot be decoded, and failures of the store. Whatever else is wrong with
    /// what servers deliver becomes an [`Event`].
    pub fn receive(&mut self, ctx: Ctx<'_>, reply: &[u8]) -> Result<Transition<(), Output>> {
        let mut call = Call::begin(ctx, &mut self.cache)?;
        call.reply(receive::decode(reply)?, None)?;
        call.finish(())
    }

    /// [`Client::receive`], for a reply with a chunk beside it.
    ///
    /// # Errors
    /// As [`Client::receive`].
    pub fn receive_with_chunk(&mut self, ctx: Ctx<'_>, reply: &[u8], chunk: &[u8]) -> Result<WithChunk> {
        let mut call = Call::begin(ctx, &mut self.cache)?;
        call.reply(receive::decode(reply)?, Some(chunk))?;
        let keep = call.keep.take();
        Ok(WithChunk { keep, transition: call.finish(())? })
    }

    /// What opens an attachment whose chunks are all here ([`Event::Fetched`]), chunk by chunk.
    ///
    /// # Errors
    /// [`Code::BlobIncomplete`](crate::code::Code::BlobIncomplete) before that;
    /// [`Code::UnknownBlob`](crate::code::Code::UnknownBlob).
    pub fn opener(&self, store: &dyn Store, request: &RequestId) -> Result<Opener> {
        fetch::opener(store, request)
    }

    /// What is being fetched, or was and is not discarded: at most `limit`, after a request.
    ///
    /// # Errors
    /// Failures of the store.
    pub fn fetches(&self, store: &dyn Store, after: Option<&RequestId>, limit: usize) -> Result<Vec<Fetch>> {
        waiting::fetches(store, after, limit)
    }

    /// Does what is due: sends again what is unanswered for long, commits, asks for news.
    ///
    /// # Errors
    /// Failures of the store; [`Code::NotReady`](crate::code::Code::NotReady) before enrolment.
    pub fn tick(&mut self, ctx: Ctx<'_>) -> Result<Transition<(), Output>> {
        let mut call = Call::ready(ctx, &mut self.cache)?;
        call.remind(false)?;
        call.finish(())
    }

    /// Sends again whatever is unanswered, and asks for news: after a start, when the network
    /// is back, or on a push notification.
    ///
    /// # Errors
    /// As [`Client::tick`].
    pub fn resume(&mut self, ctx: Ctx<'_>) -> Result<Transition<(), Output>> {
        let mut call = Call::ready(ctx, &mut self.cache)?;
        call.remind(true)?;
        call.finish(())
    }

    /// Events after number `after`, oldest first, at most [`limits::EVENTS`]. They stay until
    /// [`Command::AckEvents`].
    ///
    /// # Errors
    /// Failures of the store.
    pub fn events(&self, store: &dyn Store, after: u64, max: usize) -> Result<Vec<(u64, Event)>> {
        let prefix = keys::events();
        let after = keys::event(after);
        let stored = store.scan(&prefix, Some(&after), max.min(limits::EVENTS))?;
        let one = |(key, row): &(Key, Vec<u8>)| {
            let number = key.get(prefix.len()..).and_then(|n| n.try_into().ok());
            Ok((u64::from_be_bytes(number.ok_or(corrupt("event key"))?), event_row::decode(row)?))
        };
        stored.iter().map(one).collect()
    }

    /// The rooms that the device takes part in.
    ///
    /// # Errors
    /// Failures of the store.
    pub fn rooms(&self, store: &dyn Store) -> Result<Vec<Room>> {
        rooms::all(store)
    }

    /// Who may invite the device without its user being asked.
    ///
    /// # Errors
    /// Failures of the store.
    pub fn admission(&self, store: &dyn Store) -> Result<Admission> {
        reach::admission(store)
    }

    /// Whose invitations come to nothing.
    ///
    /// # Errors
    /// Failures of the store.
    pub fn blocked(&self, store: &dyn Store) -> Result<Vec<Party>> {
        reach::blocked(store)
    }

    /// Whom the device's key packages were given to, by the claims that they signed: the last
    /// [`limits::CLAIMS_KNOWN`], oldest first.
    ///
    /// # Errors
    /// Failures of the store.
    pub fn claims(&self, store: &dyn Store) -> Result<Vec<Claimed>> {
        records::claims(store)
    }

    /// The key prefixes that a call about `room` reads: an asynchronous host loads them first,
    /// so that the call is made once.
    #[must_use]
    pub fn touches(&self, room: Option<&RoomId>) -> Vec<Key> {
        rooms::touches(room)
    }
}
