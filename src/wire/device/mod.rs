//! Between a device and its own agency's server. Attachment chunks travel beside these messages.

mod blob;
mod blob_state;
mod claim;
mod delivery;
mod entrance;
mod look_up;
mod mailbox;
mod record;
mod reply;
mod request;

pub(in crate::wire) use blob::chunk_index;
pub(crate) use blob::{BlobBegin, BlobForget, BlobGet, BlobInfo, BlobOpen, BlobPut, ShownCapability};
pub(crate) use blob_state::{BlobState, BlobStates, BlobsWanted};
pub(crate) use claim::{Claim, ClaimAnswer, ClaimedUser, Keys};
pub(in crate::wire) use delivery::room_items;
pub(crate) use delivery::{Delivery, InboxBody, InboxItem, Invitation, RoomDelivery};
pub(crate) use entrance::{Entrance, GetEntrance, WayIn};
pub(crate) use look_up::{
    Directory, DirectoryAnswer, DirectoryUser, ListedRoom, LookUp, Page, Query, RoomSearch, Search, is_enough,
};
pub(crate) use mailbox::{LinkGuest, LinkHost, LinkLetter, Mailbox};
pub(crate) use record::ClaimRecord;
pub(crate) use reply::{Failure, ReplyBody, ServerReply};
pub(crate) use request::{
    Cursor, DeviceMessage, DeviceRequest, Enrol, GetMaterial, KnownChain, KnownDescriptor, KnownList,
    LastSubmission, Publish, RequestBody, Sync,
};
