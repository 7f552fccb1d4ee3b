//! Between servers. A link is an ordered pair of agencies: durable, numbered, hash-chained.

mod chunk;
mod frame;
mod item;

pub(crate) use chunk::{ChunkReply, ChunkRequest};
pub(crate) use frame::{LinkAck, LinkFrame, PeerMessage};
pub(crate) use item::{
    BlobForgotten, Departure, Documents, EntriesWanted, LinkBlobInfo, LinkClaim, LinkClaimAnswer,
    LinkEntrance, LinkGetEntrance, LinkItem, LinkLookUp, RoomEntries, RoomWelcome, SharedBlob, Wanted,
};

use crate::{
    code::Code,
    error::{Result, ensure},
    ids::AgencyId,
};

/// The two ends of a link: different agencies.
fn ends(from: &str, to: &str) -> Result<(AgencyId, AgencyId)> {
    let (from, to) = (AgencyId::parse(from)?, AgencyId::parse(to)?);
    ensure(from != to, Code::BadField, "a link from an agency to itself")?;
    Ok((from, to))
}
