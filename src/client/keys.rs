//! Where the client's rows are (SPEC "State at rest").

use crate::{
    ids::{BlobId, DeviceId, MessageId, RequestId, RoomId},
    store::{Key, KeyBuilder},
};

/// Prefix of everything about the device itself.
pub(super) const DEVICE: &[u8] = b"c/";

/// The device's account.
pub(super) fn account() -> Key {
    KeyBuilder::table("c/account").build()
}

/// Counts submissions.
pub(super) fn submissions() -> Key {
    KeyBuilder::table("c/submissions").build()
}

/// The id of the last submission: 16 bytes.
pub(super) fn submitted() -> Key {
    KeyBuilder::table("c/submitted").build()
}

/// Counts outbox items.
pub(super) fn outbox_counter() -> Key {
    KeyBuilder::table("c/outbox").build()
}

/// Counts events.
pub(super) fn event_counter() -> Key {
    KeyBuilder::table("c/events").build()
}

/// The last synchronisation that was asked for.
pub(super) fn synced() -> Key {
    KeyBuilder::table("c/sync").build()
}

/// Key packages that the server has not confirmed.
pub(super) fn publishing() -> Key {
    KeyBuilder::table("c/publish").build()
}

/// When to make a new last resort.
pub(super) fn last_resort() -> Key {
    KeyBuilder::table("c/last").build()
}

/// How far rows that are kept for a while have been looked through.
pub(super) fn sweep() -> Key {
    KeyBuilder::table("c/sweep").build()
}

/// Up to which version of something the app has been told of it: a word for what, and whose.
pub(super) fn told(what: &'static [u8; 1], whose: &str) -> Key {
    KeyBuilder::table("c/told/").fixed(what).name(whose.as_bytes()).build()
}

/// The last inbox item taken over: its number and its mark.
pub(super) fn inbox() -> Key {
    KeyBuilder::table("c/inbox").build()
}

/// Keys that the device holds outside any room: key packages.
pub(super) fn device_mls() -> Key {
    KeyBuilder::table("k/").build()
}

/// Prefix of all rooms' summaries.
pub(super) fn rooms() -> Key {
    KeyBuilder::table("r/").build()
}

/// A room's summary.
pub(super) fn room(room: &RoomId) -> Key {
    KeyBuilder::table("r/").fixed(room.as_bytes()).build()
}

/// What is public of a room.
pub(super) fn public(room: &RoomId) -> Key {
    KeyBuilder::table("d/").fixed(room.as_bytes()).build()
}

/// Prefix of [`public`].
pub(super) fn all_public() -> Key {
    KeyBuilder::table("d/").build()
}

/// What was heard of a room last.
pub(super) fn heard(room: &RoomId) -> Key {
    KeyBuilder::table("hb/").fixed(room.as_bytes()).build()
}

/// Prefix of [`heard`].
pub(super) fn all_heard() -> Key {
    KeyBuilder::table("hb/").build()
}

/// A room's guard.
pub(super) fn room_guard(room: &RoomId) -> Key {
    KeyBuilder::table("g/").fixed(room.as_bytes()).build()
}

/// A room's MLS state.
pub(super) fn room_mls(room: &RoomId) -> Key {
    KeyBuilder::table("m/").fixed(room.as_bytes()).build()
}

/// Who joined with an epoch.
pub(super) fn joined(room: &RoomId, epoch: u64) -> Key {
    KeyBuilder::table("a/").fixed(room.as_bytes()).number(epoch).build()
}

/// Prefix of [`joined`].
pub(super) fn joined_in(room: &RoomId) -> Key {
    KeyBuilder::table("a/").fixed(room.as_bytes()).build()
}

/// A message that is known.
pub(super) fn message(room: &RoomId, id: &MessageId) -> Key {
    KeyBuilder::table("i/").fixed(room.as_bytes()).fixed(id.as_bytes()).build()
}

/// Prefix of [`expiring_message`].
pub(super) fn expiring_messages() -> Key {
    KeyBuilder::table("x/").build()
}

/// A message that has to go at a time.
pub(super) fn expiring_message(due: u64, room: &RoomId, id: &MessageId) -> Key {
    KeyBuilder::table("x/").number(due).fixed(room.as_bytes()).fixed(id.as_bytes()).build()
}

/// What [`expiring_message`] was made of.
pub(super) fn read_expiring(key: &Key) -> Option<(u64, RoomId, MessageId)> {
    let (due, rest) = key.strip_prefix(expiring_messages().as_slice())?.split_first_chunk()?;
    let (room, id) = rest.split_first_chunk()?;
    Some((u64::from_be_bytes(*due), RoomId::from_bytes(*room), MessageId::from_slice(id).ok()?))
}

/// Prefix of the whole outbox.
pub(super) fn outbox() -> Key {
    KeyBuilder::table("o/").build()
}

/// Prefix of a room's outbox.
pub(super) fn outbox_of(room: &RoomId) -> Key {
    KeyBuilder::table("o/").fixed(room.as_bytes()).build()
}

/// Prefix of [`message`].
pub(super) fn messages(room: &RoomId) -> Key {
    KeyBuilder::table("i/").fixed(room.as_bytes()).build()
}

/// Prefix of [`receipt`].
pub(super) fn receipts() -> Key {
    KeyBuilder::table("q/").build()
}

/// Prefix of [`awaited`].
pub(super) fn awaiting() -> Key {
    KeyBuilder::table("w/").build()
}

/// An outbox item.
pub(super) fn outbox_item(room: &RoomId, number: u64) -> Key {
    KeyBuilder::table("o/").fixed(room.as_bytes()).number(number).build()
}

/// What a request of the app became.
pub(super) fn receipt(request: &RequestId) -> Key {
    KeyBuilder::table("q/").fixed(request.as_bytes()).build()
}

/// Which outbox item or invitation an id on the wire belongs to.
pub(super) fn awaited(id: &[u8; 16]) -> Key {
    KeyBuilder::table("w/").fixed(id).build()
}

/// Prefix of all invitations.
pub(super) fn invitations() -> Key {
    KeyBuilder::table("j/").build()
}

/// An invitation that is being taken up.
pub(super) fn invitation(number: u64) -> Key {
    KeyBuilder::table("j/").number(number).build()
}

/// Who may invite without being asked: one byte.
pub(super) fn admission() -> Key {
    KeyBuilder::table("c/admission").build()
}

/// Prefix of [`blocked`].
pub(super) fn all_blocked() -> Key {
    KeyBuilder::table("b/").build()
}

/// A user or agency that is blocked; empty.
pub(super) fn blocked(name: &str) -> Key {
    KeyBuilder::table("b/").fixed(name.as_bytes()).build()
}

/// What another device of the user told this one when it linked it.
pub(super) fn linked() -> Key {
    KeyBuilder::table("c/linked").build()
}

/// The history that another device hands over.
pub(super) fn history() -> Key {
    KeyBuilder::table("c/history").build()
}

/// Prefix of [`companion`].
pub(super) fn companions() -> Key {
    KeyBuilder::table("t/").build()
}

/// A device of the user that this one has endorsed.
pub(super) fn companion(device: &DeviceId) -> Key {
    KeyBuilder::table("t/").fixed(device.as_bytes()).build()
}

/// Prefix of [`upload`].
pub(super) fn uploads() -> Key {
    KeyBuilder::table("z/").build()
}

/// A file on its way to the server, by a random id, or the request that uploads it alone.
pub(super) fn upload(id: &RequestId) -> Key {
    KeyBuilder::table("z/").fixed(id.as_bytes()).build()
}

/// Prefix of [`verified`].
pub(super) fn all_verified() -> Key {
    KeyBuilder::table("v/").build()
}

/// The safety number with a user that was compared.
pub(super) fn verified(user: &crate::ids::UserId) -> Key {
    KeyBuilder::table("v/").name(user.as_str().as_bytes()).build()
}

/// Prefix of [`asked`].
pub(super) fn all_asked() -> Key {
    KeyBuilder::table("n/").build()
}

/// An invitation that waits for the user's word.
pub(super) fn asked(number: u64) -> Key {
    KeyBuilder::table("n/").number(number).build()
}

/// The same as it came: the encoded invitation.
pub(super) fn asked_invitation(number: u64) -> Key {
    KeyBuilder::table("y/").number(number).build()
}

/// Prefix of [`expiring`].
pub(super) fn expiring_packages() -> Key {
    KeyBuilder::table("p/").build()
}

/// Key packages made together, and when their private keys are of no use any more.
pub(super) fn expiring(over: u64, id: &[u8; 16]) -> Key {
    KeyBuilder::table("p/").number(over).fixed(id).build()
}

/// Prefix of [`departed`].
pub(super) fn departures() -> Key {
    KeyBuilder::table("l/").build()
}

/// Where the device's part in a room has ended.
pub(super) fn departed(room: &RoomId) -> Key {
    KeyBuilder::table("l/").fixed(room.as_bytes()).build()
}

/// Prefix of [`joining`].
pub(super) fn all_joining() -> Key {
    KeyBuilder::table("en/").build()
}

/// A room into which the device comes by itself.
pub(super) fn joining(room: &RoomId) -> Key {
    KeyBuilder::table("en/").fixed(room.as_bytes()).build()
}

/// The MLS state that it will have there.
pub(super) fn joining_mls(room: &RoomId) -> Key {
    KeyBuilder::table("em/").fixed(room.as_bytes()).build()
}

/// Prefix of all attachments on their way here.
pub(super) fn fetches() -> Key {
    KeyBuilder::table("f/").build()
}

/// An attachment on its way here.
pub(super) fn fetch(request: &RequestId) -> Key {
    KeyBuilder::table("f/").fixed(request.as_bytes()).build()
}

/// Prefix of [`fetch_of`].
pub(super) fn fetches_of(blob: &BlobId) -> Key {
    KeyBuilder::table("fb/").fixed(blob.as_bytes()).build()
}

/// That a request fetches a file, or has fetched it; empty.
pub(super) fn fetch_of(blob: &BlobId, request: &RequestId) -> Key {
    KeyBuilder::table("fb/").fixed(blob.as_bytes()).fixed(request.as_bytes()).build()
}

/// What the server was asked of files that it is fetching.
pub(super) fn waiting() -> Key {
    KeyBuilder::table("c/waiting").build()
}

/// Prefix of [`named`].
pub(super) fn all_named(blob: &BlobId) -> Key {
    KeyBuilder::table("bn/").fixed(blob.as_bytes()).build()
}

/// That a message names a file: 1 if it is the user's own message and file, else 0.
pub(super) fn named(blob: &BlobId, room: &RoomId, id: &MessageId) -> Key {
    KeyBuilder::table("bn/").fixed(blob.as_bytes()).fixed(room.as_bytes()).fixed(id.as_bytes()).build()
}

/// The message of [`named`].
pub(super) fn read_named(key: &Key) -> Option<(RoomId, MessageId)> {
    let (_, rest) = key.strip_prefix(b"bn/".as_slice())?.split_first_chunk::<16>()?;
    let (room, id) = rest.split_first_chunk()?;
    Some((RoomId::from_bytes(*room), MessageId::from_slice(id).ok()?))
}

/// Prefix of [`forget`].
pub(super) fn forgets() -> Key {
    KeyBuilder::table("bf/").build()
}

/// A file that is to be taken back.
pub(super) fn forget(blob: &BlobId) -> Key {
    KeyBuilder::table("bf/").fixed(blob.as_bytes()).build()
}

/// Its header; prefix of [`fetch_hashes`].
pub(super) fn fetch_info(request: &RequestId) -> Key {
    KeyBuilder::table("h/").fixed(request.as_bytes()).build()
}

/// Its chunk hashes, a page of them.
pub(super) fn fetch_hashes(request: &RequestId, page: u64) -> Key {
    KeyBuilder::table("h/").fixed(request.as_bytes()).number(page).build()
}

/// What a file on its way to the server is announced with.
pub(super) fn upload_info(upload: &RequestId) -> Key {
    KeyBuilder::table("u/").fixed(upload.as_bytes()).build()
}

/// Prefix of [`look_up`].
pub(super) fn look_ups() -> Key {
    KeyBuilder::table("di/").build()
}

/// A look-up of the app that is not answered.
pub(super) fn look_up(request: &RequestId) -> Key {
    KeyBuilder::table("di/").fixed(request.as_bytes()).build()
}

/// The last claim record taken over.
pub(super) fn records_read() -> Key {
    KeyBuilder::table("c/records").build()
}

/// Prefix of [`record`].
pub(super) fn records() -> Key {
    KeyBuilder::table("cl/").build()
}

/// To whom a key package was given.
pub(super) fn record(number: u64) -> Key {
    KeyBuilder::table("cl/").number(number).build()
}

/// Prefix of all events.
pub(super) fn events() -> Key {
    KeyBuilder::table("e/").build()
}

/// An event.
pub(super) fn event(number: u64) -> Key {
    KeyBuilder::table("e/").number(number).build()
}
