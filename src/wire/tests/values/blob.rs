//! Values about attachments.

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::{ids::BlobId, wire::device::*};

pub(super) fn blob() -> BoxedStrategy<BlobId> {
    any::<[u8; 16]>().prop_map(BlobId::from_bytes).boxed()
}

pub(super) fn capability() -> BoxedStrategy<ShownCapability> {
    any::<[u8; 32]>().prop_map(|bytes| ShownCapability::from_bytes(bytes.into())).boxed()
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

pub(super) fn failure() -> BoxedStrategy<Failure> {
    (reason(), time()).prop_map(|(reason, retry_at)| Failure { reason, retry_at }).boxed()
}
