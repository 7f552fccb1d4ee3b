//! Which rows a message will need: so that a host whose store is asynchronous loads them in
//! one round. What is missed is asked for as it comes up.

use bytes::Bytes;

use super::keys::{self, DeviceKeys, LinkKeys, RoomKeys};
use crate::{
    identity::Directory,
    ids::{AgencyId, Device, RoomId},
    store::Key,
    wire::{
        decode,
        device::{DeviceMessage, DeviceRequest, Query, RequestBody},
        link::{LinkItem, PeerMessage},
        log::SubmissionHeader,
    },
};

/// What every call reads.
fn always() -> Vec<Key> {
    vec![keys::all_own(), Directory.trust_row()]
}

/// For a message of a device. Bytes that are no message need nothing.
pub(super) fn device(message: &[u8]) -> Vec<Key> {
    let mut prefixes = always();
    match decode(&Bytes::copy_from_slice(message)) {
        Ok(DeviceMessage::Submission(submission)) => {
            let header = submission.header.claimed();
            prefixes.extend(submission_rows(header));
            of_device(&mut prefixes, &header.sender);
            prefixes.push(DeviceKeys::of(&header.sender).counter(header.counter));
        }
        Ok(DeviceMessage::Request(request)) => {
            let device = &request.claimed().device;
            of_device(&mut prefixes, device);
            match &request.claimed().body {
                RequestBody::Sync(sync) => {
                    prefixes.push(DeviceKeys::of(device).inboxes());
                    prefixes.push(DeviceKeys::of(device).all_records());
                    for cursor in &sync.cursors {
                        let keys = RoomKeys::of(&cursor.room);
                        prefixes.extend([keys.tail(), keys.state(), keys.reader(device)]);
                    }
                }
                RequestBody::Claim(_) => {
                    prefixes.push(DeviceKeys::of(device).claim(&request.claimed().request_id));
                    claim_rows(&mut prefixes, request.claimed());
                }
                RequestBody::Publish(_) => prefixes.push(DeviceKeys::of(device).packages()),
                RequestBody::GetMaterial(wanted) => {
                    let keys = RoomKeys::of(&wanted.room);
                    prefixes.extend([keys.reader(device), keys.joining(wanted.seq)]);
                }
                RequestBody::GetEntrance(wanted) => {
                    prefixes.push(DeviceKeys::of(device).entrance(&wanted.room));
                    prefixes.extend(way_rows(&wanted.room, device));
                }
                RequestBody::LookUp(look_up) => {
                    prefixes.push(keys::look_ups_of_device(device));
                    prefixes.push(keys::asked(&request.claimed().request_id));
                    if let Query::User(user) = &look_up.query {
                        prefixes.push(keys::entry(user));
                    }
                }
                RequestBody::BlobOpen(_) | RequestBody::BlobGet(_) | RequestBody::BlobsWanted(_) => {
                    prefixes.push(keys::blobs_elsewhere(device));
                }
                RequestBody::LinkHost(host) => {
                    prefixes.extend([keys::mailbox(&host.mailbox), keys::mailbox_of(device)]);
                }
                _ => {}
            }
        }
        Ok(DeviceMessage::Guest(guest)) => prefixes.push(keys::mailbox(&guest.mailbox)),
        Err(_) => {}
    }
    prefixes
}

/// For a message of another agency's server.
pub(super) fn peer(message: &[u8]) -> Vec<Key> {
    let mut prefixes = always();
    match decode(&Bytes::copy_from_slice(message)) {
        Ok(PeerMessage::Frame(frame)) => {
            let from = &frame.claimed().from;
            let keys = LinkKeys::with(from);
            prefixes.extend([keys.guard_in(), keys.incoming()]);
            prefixes.extend([keys::answers_of_agency(from), keys::refusals_of_agency(from)]);
            frame.claimed().items.iter().for_each(|item| of_item(&mut prefixes, item));
        }
        Ok(PeerMessage::Ack(ack)) => {
            let keys = LinkKeys::with(&ack.claimed().from);
            prefixes.extend([keys.guard_out(), keys.outgoing(), keys.frame(ack.claimed().number)]);
        }
        _ => {}
    }
    prefixes
}

/// For making frames for another agency.
pub(super) fn pump(agency: &AgencyId) -> Vec<Key> {
    let keys = LinkKeys::with(agency);
    let mut prefixes = always();
    prefixes.push(Directory.agency_row(agency));
    prefixes.push(Directory.revocations_rows());
    prefixes.push(keys.all_told());
    prefixes.extend([keys.guard_out(), keys.outgoing(), keys.pending()]);
    prefixes
}

fn of_item(prefixes: &mut Vec<Key>, item: &LinkItem) {
    match item {
        LinkItem::Submission(submission) => prefixes.extend(submission_rows(submission.header.claimed())),
        LinkItem::Entries(entries) => {
            prefixes.extend(room_rows(&entries.room));
            prefixes.push(RoomKeys::of(&entries.room).wanted());
        }
        LinkItem::EntriesWanted(wanted) => prefixes.extend(room_rows(&wanted.room)),
        LinkItem::Refusal(refusal) => of_device(prefixes, &refusal.claimed().sender),
        LinkItem::Welcome(welcome) => {
            prefixes.extend(room_rows(&welcome.invitation.head.claimed().room));
            welcome.recipients.iter().for_each(|device| of_device(prefixes, device));
        }
        LinkItem::ClaimAnswer(answer) => of_device(prefixes, &answer.device),
        LinkItem::GetEntrance(asked) => prefixes.extend(way_rows(&asked.get.room, &asked.device)),
        LinkItem::Entrance(answered) => {
            of_device(prefixes, &answered.device);
            prefixes.push(DeviceKeys::of(&answered.device).entrance(&answered.entrance.room));
        }
        LinkItem::Claim(claim) => claim_rows(prefixes, claim.request.claimed()),
        LinkItem::Unreadable(..)
        | LinkItem::BlobForgotten(_)
        | LinkItem::BlobOpen(_)
        | LinkItem::BlobInfo(_)
        | LinkItem::Documents(_)
        | LinkItem::Wanted(_) => {}
        LinkItem::LookUp(asked) => {
            if let Query::User(user) = &asked.look_up.query {
                prefixes.push(keys::entry(user));
            }
        }
        LinkItem::DirectoryAnswer(answer) => prefixes.push(keys::asked(&answer.claimed().look_up_id)),
    }
}

/// What says whom a device may claim, and what there is of them.
fn claim_rows(prefixes: &mut Vec<Key>, request: &DeviceRequest) {
    let DeviceRequest { device, request_id, body: RequestBody::Claim(claim), .. } = request else { return };
    prefixes.push(keys::claim(device.user.agency(), device, request_id));
    prefixes.extend([keys::quota_by_user(&device.user), keys::quota_of_agency(device.user.agency())]);
    prefixes.push(keys::claims_elsewhere(device));
    for user in &claim.users {
        prefixes.extend([keys::quota_of_user(&device.user, user), keys::devices_of(user), keys::entry(user)]);
        prefixes.extend(Directory.standing_rows(user));
    }
}

fn room_rows(room: &RoomId) -> [Key; 3] {
    let keys = RoomKeys::of(room);
    [keys.guard(), keys.tail(), keys.state()]
}

/// For what lets a device into a room that is ordered here.
fn way_rows(room: &RoomId, device: &Device) -> Vec<Key> {
    let keys = RoomKeys::of(room);
    let mut rows = room_rows(room).to_vec();
    rows.extend([keys.group(), keys.group_info(), keys.members_of(&device.user)]);
    rows.extend([keys::entrances_of_device(device), keys::entrances_of_agency(device.user.agency())]);
    rows
}

fn submission_rows(header: &SubmissionHeader) -> Vec<Key> {
    let keys = RoomKeys::of(&header.room);
    let mut rows = room_rows(&header.room).to_vec();
    rows.extend([keys.fate(&header.sender, &header.submission_id), keys.turns()]);
    rows.extend([keys.member(&header.sender), keys.reader(&header.sender)]);
    rows.push(DeviceKeys::of(&header.sender).entrance(&header.room));
    rows.extend(Directory.standing_rows(&header.sender.user));
    rows
}

fn of_device(prefixes: &mut Vec<Key>, device: &Device) {
    let keys = DeviceKeys::of(device);
    prefixes.extend(Directory.standing_rows(&device.user));
    prefixes.extend([keys::enrolled(device), keys.guard(), keys.state()]);
}
