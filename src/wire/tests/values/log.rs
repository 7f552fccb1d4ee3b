//! Values of a room's log.

use bytes::Bytes;
use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
};

use super::*;
use crate::{
    ids::{IncarnationId, SubmissionId},
    wire::log::*,
};

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
