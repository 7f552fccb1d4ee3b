//! Values between a device and its server.

use proptest::{
    collection::{btree_map, btree_set, vec},
    option,
    prelude::*,
};

use super::*;
use crate::{
    ids::{RequestId, RoomId, SubmissionId},
    wire::{Signed, device::*},
};

pub(super) fn request_id() -> BoxedStrategy<RequestId> {
    any::<[u8; 16]>().prop_map(RequestId::from_bytes).boxed()
}

pub(crate) fn claim() -> BoxedStrategy<Claim> {
    (agency(), btree_set("[a-z0-9]{1,8}", 1..5), time())
        .prop_map(|(agency, users, at)| {
            let mut users: Vec<_> = users.iter().map(|local| user_of(local, &agency)).collect();
            users.sort();
            Claim { users, at }
        })
        .boxed()
}

pub(crate) fn claim_answer() -> BoxedStrategy<ClaimAnswer> {
    let keys =
        (vec(bytes(), 1..3), vec(bytes(), 1..3)).prop_map(|(chain, packages)| Keys { chain, packages });
    let keys = prop_oneof![keys.prop_map(Ok), failure().prop_map(Err)];
    let users = btree_map("[a-z0-9]{1,8}", keys, 1..4);
    (request_id(), agency(), option::of(bytes()), users)
        .prop_map(|(claim_id, agency, descriptor, users)| {
            let user = |(local, keys): (String, _)| ClaimedUser { user: user_of(&local, &agency), keys };
            let mut users: Vec<_> = users.into_iter().map(user).collect();
            users.sort_by(|a, b| a.user.cmp(&b.user));
            ClaimAnswer { claim_id, agency, descriptor, users }
        })
        .boxed()
}

pub(super) fn look_up() -> BoxedStrategy<LookUp> {
    let search = ("[a-zäöü]{3,9}( [a-z]{1,5})?", option::of(bytes()));
    let rooms = (".{0,9}", option::of(bytes()));
    let query = prop_oneof![
        "[a-z0-9]{1,8}".prop_map(Ok),
        search.prop_map(|(text, after)| Err(Query::Users(Search { text, after }))),
        rooms.prop_map(|(text, after)| Err(Query::Rooms(RoomSearch { text, after }))),
    ];
    (agency(), query)
        .prop_map(|(agency, query)| {
            let query = query.map(|local| Query::User(user_of(&local, &agency)));
            LookUp { agency, query: query.unwrap_or_else(|search| search) }
        })
        .boxed()
}

pub(crate) fn directory_answer() -> BoxedStrategy<DirectoryAnswer> {
    let kind = 1..5;
    let user = ("[a-z0-9]{1,8}", kind, "[A-Za-z ]{0,9}", "[A-Za-z ]{0,9}");
    let room = (any::<[u8; 16]>(), 2..5, "[A-Za-z ]{1,9}", ".{0,9}", time());
    let room = room.prop_map(|(room, kind, name, summary, ends_at)| ListedRoom {
        room: RoomId::from_bytes(room),
        kind,
        name,
        summary,
        ends_at,
    });
    let page = (vec(user, 0..4), vec(room, 0..4), option::of(bytes()));
    let outcome = prop_oneof![page.prop_map(Ok), failure().prop_map(Err)];
    (request_id(), look_up(), time(), outcome)
        .prop_map(|(look_up_id, look_up, at, outcome)| {
            let outcome = outcome.map(|(users, rooms, next)| {
                if let Query::Rooms(_) = look_up.query {
                    return Page { users: Vec::new(), rooms, next };
                }
                let of = |local: String| user_of(&local, &look_up.agency);
                let users = users.into_iter();
                let users = users.map(|(local, kind, name, unit)| DirectoryUser {
                    user: of(local),
                    kind,
                    name,
                    unit,
                });
                Page { users: users.collect(), rooms: Vec::new(), next }
            });
            DirectoryAnswer { look_up_id, look_up, at, outcome }
        })
        .boxed()
}

pub(super) fn directory() -> BoxedStrategy<Directory> {
    (signed(directory_answer()), bytes())
        .prop_map(|(answer, descriptor)| Directory { answer: answer.into(), descriptor })
        .boxed()
}

pub(super) fn claim_request() -> BoxedStrategy<Signed<DeviceRequest>> {
    (device_request(), claim())
        .prop_flat_map(|(request, claim)| {
            signed(Just(DeviceRequest { body: RequestBody::Claim(claim), ..request }).boxed())
        })
        .boxed()
}

pub(super) fn claim_records() -> BoxedStrategy<Vec<ClaimRecord>> {
    let one = (time(), hash(), claim_request(), bytes());
    (1..1_000_u64, vec(one, 0..3))
        .prop_map(|(first, records)| {
            let record = |(number, (at, package, request, certificate))| ClaimRecord {
                number,
                at,
                package,
                request: Box::new(request),
                certificate,
            };
            (first..).zip(records).map(record).collect()
        })
        .boxed()
}

pub(super) fn sync() -> BoxedStrategy<Sync> {
    let descriptors = btree_map(agency(), count(), 0..4);
    let chain = option::of((hash(), 1..=1_024_u32))
        .prop_map(|known| known.map(|(identity, links)| KnownChain { identity, links }));
    let done = (number(), number(), number());
    let cursors = btree_map(room(), (number(), option::of(hash()), time()), 0..4);
    let submitted = option::of((1..=u64::MAX, any::<[u8; 16]>().prop_map(SubmissionId::from_bytes)));
    (cursors, done, number(), descriptors, submitted, known_lists(), chain)
        .prop_map(|(cursors, done, trust_version, descriptors, submitted, revocations, chain)| {
            let (inbox_done, inbox_mark, records_done) = done;
            let cursor = |(room, (seq, hash, heard_at))| Cursor { room, seq, hash, heard_at };
            let known = |(agency, version)| KnownDescriptor { agency, version };
            Sync {
                cursors: cursors.into_iter().map(cursor).collect(),
                inbox_done,
                trust_version,
                descriptors: descriptors.into_iter().map(known).collect(),
                submitted: submitted.map(|(counter, id)| LastSubmission { counter, id }),
                revocations,
                chain,
                records_done,
                inbox_mark,
            }
        })
        .boxed()
}

pub(super) fn known_lists() -> BoxedStrategy<Vec<KnownList>> {
    let known = |(agency, version)| KnownList { agency, version };
    btree_map(agency(), number(), 0..4).prop_map(move |lists| lists.into_iter().map(known).collect()).boxed()
}

pub(super) fn request_body() -> BoxedStrategy<RequestBody> {
    let index = 0..65_536_u64;
    prop_oneof![
        (bytes(), vec(bytes(), 1..4))
            .prop_map(|(certificate, chain)| RequestBody::Enrol(Enrol { certificate, chain })),
        (vec(bytes(), 0..4), option::of(bytes()))
            .prop_map(|(packages, last_resort)| RequestBody::Publish(Publish { packages, last_resort })),
        sync().prop_map(RequestBody::Sync),
        claim().prop_map(RequestBody::Claim),
        look_up().prop_map(RequestBody::LookUp),
        (room(), count()).prop_map(|(room, seq)| RequestBody::GetMaterial(GetMaterial { room, seq })),
        (blob(), blob_info(), hash(), time()).prop_map(|(blob, info, capability_hash, expires_at)| {
            RequestBody::BlobBegin(BlobBegin { blob, info, capability_hash, expires_at })
        }),
        (blob(), index).prop_map(|(blob, index)| RequestBody::BlobPut(BlobPut { blob, index })),
        blob_open().prop_map(RequestBody::BlobOpen),
        blob_get().prop_map(RequestBody::BlobGet),
        blob().prop_map(|blob| RequestBody::BlobForget(BlobForget { blob })),
        vec(blob_get(), 1..4).prop_map(|mut blobs| {
            blobs.sort_by_key(|get| (get.origin.clone(), get.blob));
            blobs.dedup_by_key(|get| (get.origin.clone(), get.blob));
            RequestBody::BlobsWanted(BlobsWanted { blobs })
        }),
        (any::<[u8; 16]>(), option::of(bytes()))
            .prop_map(|(mailbox, reply)| RequestBody::LinkHost(LinkHost { mailbox, reply })),
        get_entrance().prop_map(RequestBody::GetEntrance),
    ]
    .boxed()
}

pub(crate) fn device_request() -> BoxedStrategy<DeviceRequest> {
    (device(), request_id(), request_body())
        .prop_map(|(device, request_id, body)| {
            let agency = device.user.agency().clone();
            DeviceRequest { device, agency, request_id, body }
        })
        .boxed()
}

pub(crate) fn device_message() -> BoxedStrategy<DeviceMessage> {
    prop_oneof![
        signed(device_request()).prop_map(|r| DeviceMessage::Request(r.into())),
        submission().prop_map(|s| DeviceMessage::Submission(s.into())),
        (request_id(), any::<[u8; 16]>(), option::of(bytes())).prop_map(|(request_id, mailbox, request)| {
            DeviceMessage::Guest(LinkGuest { request_id, mailbox, request })
        }),
    ]
    .boxed()
}

pub(crate) fn room_delivery() -> BoxedStrategy<RoomDelivery> {
    (vec(log_item(), 0..3), signed(head()))
        .prop_map(|(items, head)| RoomDelivery { room: head.claimed().room, items, head })
        .boxed()
}

pub(crate) fn invitation() -> BoxedStrategy<Invitation> {
    (agency(), bytes(), signed(head()), option::of(bytes()))
        .prop_map(|(hub, entry, head, welcome)| Invitation { hub, entry, head, welcome })
        .boxed()
}

pub(super) fn get_entrance() -> BoxedStrategy<GetEntrance> {
    (request_id(), room(), option::of(agency()))
        .prop_map(|(entrance_id, room, hub)| GetEntrance { entrance_id, room, hub })
        .boxed()
}

pub(crate) fn entrance() -> BoxedStrategy<Entrance> {
    let way =
        (bytes(), room_material()).prop_map(|(group_info, material)| Ok(WayIn { group_info, material }));
    (request_id(), room(), prop_oneof![way, failure().prop_map(Err)])
        .prop_map(|(entrance_id, room, outcome)| Entrance { entrance_id, room, outcome })
        .boxed()
}

pub(super) fn inbox_body() -> BoxedStrategy<InboxBody> {
    prop_oneof![
        invitation().prop_map(|i| InboxBody::Invitation(i.into())),
        claim_answer().prop_map(InboxBody::Claimed),
        signed(refusal()).prop_map(|r| InboxBody::Refusal(r.into())),
        any::<u32>().prop_map(InboxBody::StockLow),
        entrance().prop_map(|e| InboxBody::Entrance(e.into())),
        directory().prop_map(InboxBody::Directory),
    ]
    .boxed()
}

pub(crate) fn delivery() -> BoxedStrategy<Delivery> {
    let rooms = vec(room_delivery(), 0..3).prop_map(|mut rooms| {
        rooms.sort_by_key(|r| r.room);
        rooms.dedup_by_key(|r| r.room);
        rooms
    });
    let inbox = btree_map(count(), (count(), inbox_body()), 0..3);
    let astray = btree_set(room(), 0..3);
    let lists = vec(bytes(), 0..3);
    (
        rooms,
        inbox,
        option::of(bytes()),
        [(); 3].map(|()| lists.clone()),
        claim_records(),
        (any::<bool>(), astray),
    )
        .prop_map(|(rooms, inbox, trust_list, [descriptors, revocations, chain], records, (more, astray))| {
            let item = |(number, (mark, body))| InboxItem { number, mark, body };
            let inbox = inbox.into_iter().map(item).collect();
            let astray = astray.into_iter().collect();
            Delivery { rooms, inbox, trust_list, descriptors, revocations, chain, records, more, astray }
        })
        .boxed()
}

pub(crate) fn server_reply() -> BoxedStrategy<ServerReply> {
    let failure = failure();
    let body = prop_oneof![
        failure.prop_map(ReplyBody::Failure),
        Just(ReplyBody::Done),
        any::<u32>().prop_map(ReplyBody::Stock),
        delivery().prop_map(ReplyBody::Delivery),
        directory().prop_map(ReplyBody::Directory),
        room_material().prop_map(ReplyBody::Material),
        Just(ReplyBody::Queued),
        signed(refusal()).prop_map(|r| ReplyBody::Refusal(r.into())),
        blob_info().prop_map(ReplyBody::BlobInfo),
        (0..65_536_u64).prop_map(ReplyBody::BlobChunk),
        vec(blob_state(), 1..4).prop_map(|states| ReplyBody::BlobStates(BlobStates { states })),
        Just(ReplyBody::Pending),
        bytes().prop_map(|letter| ReplyBody::Letter(LinkLetter(letter))),
    ];
    (request_id(), body).prop_map(|(request_id, body)| ServerReply { request_id, body }).boxed()
}
