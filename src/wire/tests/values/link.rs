//! Values between servers.

use proptest::{
    collection::{btree_set, vec},
    option,
    prelude::*,
};

use super::*;
use crate::{
    ids::IncarnationId,
    wire::{device::*, link::*},
};

pub(crate) fn room_entries() -> BoxedStrategy<RoomEntries> {
    (room_delivery(), btree_set((count(), device()), 0..3))
        .prop_map(|(RoomDelivery { room, items, head }, departures)| {
            let departures = departures.into_iter().map(|(seq, device)| Departure { device, seq }).collect();
            RoomEntries { room, items, head, departures }
        })
        .boxed()
}

pub(crate) fn room_welcome() -> BoxedStrategy<RoomWelcome> {
    (invitation(), btree_set(device(), 1..4), room_material())
        .prop_map(|(invitation, recipients, material)| RoomWelcome {
            recipients: recipients.into_iter().collect(),
            material: invitation.welcome.as_ref().map(|_| material),
            invitation,
        })
        .boxed()
}

pub(super) fn link_blob_info() -> BoxedStrategy<LinkBlobInfo> {
    let shared = (blob_info(), time()).prop_map(|(info, expires_at)| Ok(SharedBlob { info, expires_at }));
    (blob(), prop_oneof![shared, reason().prop_map(Err)])
        .prop_map(|(blob, outcome)| LinkBlobInfo { blob, outcome })
        .boxed()
}

pub(crate) fn link_item() -> BoxedStrategy<LinkItem> {
    prop_oneof![
        submission().prop_map(|s| LinkItem::Submission(s.into())),
        room_entries().prop_map(|e| LinkItem::Entries(e.into())),
        signed(refusal()).prop_map(|r| LinkItem::Refusal(r.into())),
        room_welcome().prop_map(|w| LinkItem::Welcome(w.into())),
        (device(), get_entrance())
            .prop_map(|(device, get)| LinkItem::GetEntrance(LinkGetEntrance { device, get })),
        (device(), entrance())
            .prop_map(|(device, entrance)| { LinkItem::Entrance(LinkEntrance { device, entrance }.into()) }),
        (claim_request(), bytes())
            .prop_map(|(request, certificate)| LinkClaim::new(request, certificate).unwrap())
            .prop_map(LinkItem::Claim),
        (request_id(), look_up())
            .prop_map(|(look_up_id, look_up)| LinkItem::LookUp(LinkLookUp { look_up_id, look_up })),
        signed(directory_answer()).prop_map(|a| LinkItem::DirectoryAnswer(a.into())),
        (device(), claim_answer())
            .prop_map(|(device, answer)| LinkItem::ClaimAnswer(LinkClaimAnswer { device, answer })),
        blob_open().prop_map(LinkItem::BlobOpen),
        link_blob_info().prop_map(LinkItem::BlobInfo),
        blob().prop_map(|blob| LinkItem::BlobForgotten(BlobForgotten { blob })),
        [(); 3]
            .map(|()| vec(bytes(), 0..3))
            .prop_map(|[trust_lists, descriptors, revocations]| Documents {
                trust_lists,
                descriptors,
                revocations
            })
            .prop_map(LinkItem::Documents),
        (count(), known_lists())
            .prop_map(|(trust_version, revocations)| Wanted { trust_version, revocations })
            .prop_map(LinkItem::Wanted),
        (room(), count(), hash()).prop_map(|(room, seq, hash)| LinkItem::EntriesWanted(EntriesWanted {
            room,
            seq,
            hash
        })),
    ]
    .boxed()
}

pub(crate) fn link_frame() -> BoxedStrategy<LinkFrame> {
    let life = any::<[u8; 16]>().prop_map(IncarnationId::from_bytes);
    let place = prop_oneof![
        bytes().prop_map(|descriptor| (1, None, Some(descriptor))),
        (2..=u64::MAX, hash(), option::of(bytes())).prop_map(|(n, hash, descriptor)| (
            n,
            Some(hash),
            descriptor
        )),
    ];
    (ends(), life, place, time(), vec(link_item(), 1..4))
        .prop_map(|((from, to), incarnation, (number, previous, descriptor), at, items)| LinkFrame {
            from,
            to,
            incarnation,
            number,
            previous,
            at,
            descriptor,
            items,
        })
        .boxed()
}

pub(crate) fn link_ack() -> BoxedStrategy<LinkAck> {
    let life = || any::<[u8; 16]>().prop_map(IncarnationId::from_bytes);
    (ends(), life(), number(), hash(), time(), bytes(), life())
        .prop_map(|((from, to), incarnation, number, hash, at, descriptor, store)| LinkAck {
            from,
            to,
            incarnation,
            number,
            hash: (number > 0).then_some(hash),
            at,
            descriptor,
            store,
        })
        .boxed()
}

pub(crate) fn chunk_request() -> BoxedStrategy<ChunkRequest> {
    (ends(), blob(), capability(), 0..65_536_u64, time())
        .prop_map(|((from, to), blob, capability, index, at)| ChunkRequest {
            from,
            to,
            blob,
            capability,
            index,
            at,
        })
        .boxed()
}

pub(crate) fn chunk_reply() -> BoxedStrategy<ChunkReply> {
    let outcome = prop_oneof![any::<[u8; 32]>().prop_map(Ok), reason().prop_map(Err)];
    (ends(), blob(), 0..65_536_u64, time(), outcome)
        .prop_map(|((from, to), blob, index, asked_at, outcome)| ChunkReply {
            from,
            to,
            blob,
            index,
            asked_at,
            outcome,
        })
        .boxed()
}

pub(crate) fn peer_message() -> BoxedStrategy<PeerMessage> {
    prop_oneof![
        signed(link_frame()).prop_map(|f| PeerMessage::Frame(f.into())),
        signed(link_ack()).prop_map(|a| PeerMessage::Ack(a.into())),
        signed(chunk_request()).prop_map(|r| PeerMessage::ChunkRequest(r.into())),
        signed(chunk_reply()).prop_map(|r| PeerMessage::ChunkReply(r.into())),
        proptest::collection::vec(any::<u8>(), 1..64).prop_map(|d| PeerMessage::Descriptor(d.into())),
    ]
    .boxed()
}
