//! Arbitrary values of every message.

use core::fmt::Debug;

use bytes::Bytes;
use proptest::{
    collection::{btree_map, btree_set, vec},
    option,
    prelude::*,
};

use crate::{
    code::Code,
    ids::{
        AgencyId, BlobId, Device, DeviceId, Hash, IncarnationId, KeyId, RequestId, RoomId, SubmissionId,
        UserId,
    },
    time::Timestamp,
    wire::{RawSignature, Reason, Signed, Wire, device::*, encode_body, link::*, log::*},
};

pub(crate) fn agency() -> BoxedStrategy<AgencyId> {
    "[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?\\.(de|example)".prop_map(|s| AgencyId::parse(&s).unwrap()).boxed()
}

pub(crate) fn user() -> BoxedStrategy<UserId> {
    ("[a-z0-9._-]{1,8}", agency()).prop_map(|(local, agency)| user_of(&local, &agency)).boxed()
}

fn user_of(local: &str, agency: &AgencyId) -> UserId {
    UserId::parse(&format!("{local}@{agency}")).unwrap()
}

pub(crate) fn device() -> BoxedStrategy<Device> {
    (user(), any::<[u8; 16]>()).prop_map(|(user, id)| Device { user, id: DeviceId::from_bytes(id) }).boxed()
}

fn ends() -> BoxedStrategy<(AgencyId, AgencyId)> {
    (agency(), agency()).prop_filter("different ends", |(from, to)| from != to).boxed()
}

fn bytes() -> BoxedStrategy<Bytes> {
    vec(any::<u8>(), 1..40).prop_map(Bytes::from).boxed()
}

fn room() -> BoxedStrategy<RoomId> {
    any::<[u8; 16]>().prop_map(RoomId::from_bytes).boxed()
}

fn hash() -> BoxedStrategy<Hash> {
    any::<[u8; 32]>().prop_map(Hash::from_bytes).boxed()
}

fn time() -> BoxedStrategy<Timestamp> {
    prop_oneof![Just(0), any::<u64>()].prop_map(Timestamp::from_millis).boxed()
}

/// A number that counts from 1; small ones are as likely as large ones.
fn count() -> BoxedStrategy<u64> {
    prop_oneof![1..4_u64, 1..=u64::MAX].boxed()
}

fn number() -> BoxedStrategy<u64> {
    prop_oneof![Just(0), count()].boxed()
}

/// A code that is known here, or one that is not.
fn reason() -> BoxedStrategy<Reason> {
    let known = proptest::sample::select(Code::ALL).prop_map(Reason::from);
    prop_oneof![known, (1..=u32::from(u16::MAX)).prop_map(|n| Reason::parse(n).unwrap())].boxed()
}

/// Signed by keys and signatures that nobody checks here.
pub(crate) fn signed<T: Wire + Debug + 'static>(value: BoxedStrategy<T>) -> BoxedStrategy<Signed<T>> {
    let signature = any::<(u8, u8)>().prop_map(|(key, signature)| RawSignature {
        key: KeyId::from_bytes([key; 32]),
        signature: [signature; 64],
    });
    (value, vec(signature, 1..3))
        .prop_map(|(value, signatures)| {
            let body = encode_body(&value);
            Signed::assemble(value, body, signatures)
        })
        .boxed()
}

pub(crate) fn evidence() -> BoxedStrategy<Evidence> {
    prop_oneof![bytes().prop_map(Evidence::ChainLink), bytes().prop_map(Evidence::Descriptor)].boxed()
}

pub(crate) fn submission_header() -> BoxedStrategy<SubmissionHeader> {
    use SubmissionKind::{Commit, Create, Message, Proposal};
    let kind = prop_oneof![
        hash().prop_map(|h| (Create, Some(h), None)),
        (hash(), option::of(hash())).prop_map(|(g, w)| (Commit, Some(g), w)),
        Just((Proposal, None, None)),
        Just((Message, None, None)),
    ];
    (room(), count(), number(), any::<[u8; 16]>(), count(), device(), kind, hash())
        .prop_map(
            |(room, term, epoch, id, counter, sender, (kind, group_info_hash, welcome_hash), mls_hash)| {
                let submission_id = SubmissionId::from_bytes(id);
                SubmissionHeader {
                    room,
                    term,
                    epoch,
                    submission_id,
                    counter,
                    sender,
                    kind,
                    mls_hash,
                    group_info_hash,
                    welcome_hash,
                }
            },
        )
        .boxed()
}

pub(crate) fn submission() -> BoxedStrategy<Submission> {
    let parts = (bytes(), bytes(), bytes(), bytes(), vec(evidence(), 0..3));
    (signed(submission_header()), parts)
        .prop_map(|(header, (mls, group_info, welcome, ratchet_tree, mut evidence))| {
            let claimed = header.claimed();
            let creates = claimed.kind == SubmissionKind::Create;
            let group_info = claimed.group_info_hash.map(|_| group_info);
            let welcome = claimed.welcome_hash.map(|_| welcome);
            if !creates && claimed.kind != SubmissionKind::Commit {
                evidence.clear();
            }
            let mls = if creates { Bytes::new() } else { mls };
            Submission {
                header,
                mls,
                group_info,
                welcome,
                ratchet_tree: creates.then_some(ratchet_tree),
                evidence,
            }
        })
        .boxed()
}

pub(crate) fn stamp() -> BoxedStrategy<Stamp> {
    (time(), count(), btree_map(agency(), count(), 0..4))
        .prop_map(|(at, trust_version, versions)| {
            let revocations =
                versions.into_iter().map(|(agency, version)| RevocationVersion { agency, version }).collect();
            Stamp { at, trust_version, revocations }
        })
        .boxed()
}

pub(crate) fn log_entry() -> BoxedStrategy<LogEntry> {
    (count(), count(), hash(), stamp(), signed(submission_header()), bytes())
        .prop_map(|(seq, term, previous, stamp, header, mls)| {
            let creates = header.claimed().kind == SubmissionKind::Create;
            let mls = if creates { Bytes::new() } else { mls };
            let room = header.claimed().room;
            LogEntry { room, seq, term, previous: (seq > 1).then_some(previous), stamp, header, mls }
        })
        .boxed()
}

pub(crate) fn log_item() -> BoxedStrategy<LogItem> {
    (bytes(), vec(evidence(), 0..3)).prop_map(|(entry, evidence)| LogItem { entry, evidence }).boxed()
}

pub(crate) fn room_material() -> BoxedStrategy<RoomMaterial> {
    (bytes(), vec(evidence(), 0..3))
        .prop_map(|(ratchet_tree, evidence)| RoomMaterial { ratchet_tree, evidence })
        .boxed()
}

pub(crate) fn head() -> BoxedStrategy<Head> {
    (room(), count(), count(), hash(), time(), any::<[u8; 16]>())
        .prop_map(|(room, term, seq, hash, at, incarnation)| {
            let incarnation = IncarnationId::from_bytes(incarnation);
            Head { room, term, seq, hash, at, incarnation }
        })
        .boxed()
}

pub(crate) fn refusal() -> BoxedStrategy<Refusal> {
    (room(), any::<[u8; 16]>(), device(), reason(), number(), time())
        .prop_map(|(room, id, sender, reason, seq, retry_at)| {
            let submission_id = SubmissionId::from_bytes(id);
            Refusal { room, submission_id, sender, reason, seq, retry_at }
        })
        .boxed()
}

fn blob() -> BoxedStrategy<BlobId> {
    any::<[u8; 16]>().prop_map(BlobId::from_bytes).boxed()
}

fn capability() -> BoxedStrategy<ShownCapability> {
    any::<[u8; 32]>().prop_map(|bytes| ShownCapability::from_bytes(bytes.into())).boxed()
}

fn request_id() -> BoxedStrategy<RequestId> {
    any::<[u8; 16]>().prop_map(RequestId::from_bytes).boxed()
}

pub(crate) fn blob_info() -> BoxedStrategy<BlobInfo> {
    (bytes(), vec(any::<[u8; 32]>(), 1..4), 0..=1_u64 << 40)
        .prop_map(|(header, hashes, padded)| BlobInfo {
            header,
            chunk_hashes: hashes.concat().into(),
            padded,
        })
        .boxed()
}

pub(crate) fn blob_open() -> BoxedStrategy<BlobOpen> {
    (blob(), agency(), capability())
        .prop_map(|(blob, origin, capability)| BlobOpen { blob, origin, capability })
        .boxed()
}

pub(crate) fn blob_get() -> BoxedStrategy<BlobGet> {
    (blob_open(), 0..65_536_u64, any::<bool>())
        .prop_map(|(BlobOpen { blob, origin, capability }, index, wrong)| BlobGet {
            blob,
            origin,
            capability,
            index,
            wrong,
        })
        .boxed()
}

pub(crate) fn blob_state() -> BoxedStrategy<BlobState> {
    (any::<bool>(), 0..=65_536_u64, 0..=65_536_u64, time(), option::of(failure()))
        .prop_map(|(here, one, other, silent_since, failure)| BlobState {
            here,
            present: one.min(other),
            chunks: one.max(other),
            silent_since,
            failure,
        })
        .boxed()
}

fn failure() -> BoxedStrategy<Failure> {
    (reason(), time()).prop_map(|(reason, retry_at)| Failure { reason, retry_at }).boxed()
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

fn look_up() -> BoxedStrategy<LookUp> {
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

fn directory() -> BoxedStrategy<Directory> {
    (signed(directory_answer()), bytes())
        .prop_map(|(answer, descriptor)| Directory { answer: answer.into(), descriptor })
        .boxed()
}

fn claim_request() -> BoxedStrategy<Signed<DeviceRequest>> {
    (device_request(), claim())
        .prop_flat_map(|(request, claim)| {
            signed(Just(DeviceRequest { body: RequestBody::Claim(claim), ..request }).boxed())
        })
        .boxed()
}

fn claim_records() -> BoxedStrategy<Vec<ClaimRecord>> {
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

fn sync() -> BoxedStrategy<Sync> {
    let cursors = btree_map(room(), number(), 0..4);
    let descriptors = btree_map(agency(), count(), 0..4);
    let chain = option::of((hash(), 1..=1_024_u32))
        .prop_map(|known| known.map(|(identity, links)| KnownChain { identity, links }));
    let done = (number(), number());
    (cursors, done, number(), descriptors, number(), known_lists(), chain)
        .prop_map(|(cursors, done, trust_version, descriptors, counter, revocations, chain)| {
            let (inbox_done, records_done) = done;
            let cursor = |(room, seq)| Cursor { room, seq };
            let known = |(agency, version)| KnownDescriptor { agency, version };
            Sync {
                cursors: cursors.into_iter().map(cursor).collect(),
                inbox_done,
                trust_version,
                descriptors: descriptors.into_iter().map(known).collect(),
                counter,
                revocations,
                chain,
                records_done,
            }
        })
        .boxed()
}

fn known_lists() -> BoxedStrategy<Vec<KnownList>> {
    let known = |(agency, version)| KnownList { agency, version };
    btree_map(agency(), number(), 0..4).prop_map(move |lists| lists.into_iter().map(known).collect()).boxed()
}

fn request_body() -> BoxedStrategy<RequestBody> {
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

fn get_entrance() -> BoxedStrategy<GetEntrance> {
    (request_id(), room(), option::of(agency()))
        .prop_map(|(entrance_id, room, hub)| GetEntrance { entrance_id, room, hub })
        .boxed()
}

pub(crate) fn entrance() -> BoxedStrategy<Entrance> {
    let way =
        (bytes(), room_material()).prop_map(|(group_info, material)| Ok(WayIn { group_info, material }));
    (request_id(), room(), prop_oneof![way, reason().prop_map(Err)])
        .prop_map(|(entrance_id, room, outcome)| Entrance { entrance_id, room, outcome })
        .boxed()
}

fn inbox_body() -> BoxedStrategy<InboxBody> {
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
    let inbox = btree_map(count(), inbox_body(), 0..3);
    let lists = vec(bytes(), 0..3);
    (rooms, inbox, option::of(bytes()), [(); 3].map(|()| lists.clone()), claim_records(), any::<bool>())
        .prop_map(|(rooms, inbox, trust_list, [descriptors, revocations, chain], records, more)| {
            let inbox = inbox.into_iter().map(|(number, body)| InboxItem { number, body }).collect();
            Delivery { rooms, inbox, trust_list, descriptors, revocations, chain, records, more }
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

fn link_blob_info() -> BoxedStrategy<LinkBlobInfo> {
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
    let life = any::<[u8; 16]>().prop_map(IncarnationId::from_bytes);
    (ends(), life, number(), hash(), time(), bytes())
        .prop_map(|((from, to), incarnation, number, hash, at, descriptor)| LinkAck {
            from,
            to,
            incarnation,
            number,
            hash: (number > 0).then_some(hash),
            at,
            descriptor,
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
