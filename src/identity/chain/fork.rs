//! Evidence that an agency has filled one place of a user's chain twice.

use core::cmp::Ordering;

use bytes::Bytes;

use super::ChainLink;
use crate::{
    code::Code,
    error::{Result, ensure},
    identity::{Descriptor, KeyPurpose},
    ids::{AgencyId, UserId},
    limits,
    wire::{self, Wire, decode_body, encode_body, fields, proto},
};

/// Two links of a user's chain for one place, both countersigned by the user's agency. Whoever has
/// the agency's descriptors can verify it: the agency's certificate key has told two histories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainFork {
    /// In the order of their entries' bytes.
    links: [ChainLink; 2],
}

impl ChainFork {
    pub(in crate::identity) fn of(one: &ChainLink, other: &ChainLink) -> Result<Self> {
        let (one, other) = (one.clone(), other.clone());
        match one.statement().body().cmp(other.statement().body()) {
            Ordering::Greater => Self::ordered([other, one]),
            _ => Self::ordered([one, other]),
        }
    }

    fn ordered(links: [ChainLink; 2]) -> Result<Self> {
        let [one, other] = &links;
        let differ = one.statement().body() < other.statement().body();
        ensure(differ, Code::BadField, "links are one, or not in order")?;
        // V-310
        let same = one.entry().place() == other.entry().place();
        ensure(same, Code::BadField, "links for two places")?;
        Ok(ChainFork { links })
    }

    /// Reads evidence. Nothing is verified yet.
    ///
    /// # Errors
    /// Those of decoding (1xx): also if the two links are not for one place.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        wire::decode(&Bytes::copy_from_slice(bytes))
    }

    /// As it travels.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        wire::encode(self).to_vec()
    }

    /// Whose chain it is.
    #[must_use]
    pub fn user(&self) -> &UserId {
        let [one, _] = &self.links;
        &one.entry().user
    }

    /// Whom it convicts.
    #[must_use]
    pub fn agency(&self) -> &AgencyId {
        self.user().agency()
    }

    /// The number of both entries.
    #[must_use]
    pub fn n(&self) -> u32 {
        let [one, _] = &self.links;
        one.entry().n
    }

    /// Verifies that the agency has countersigned both, with keys that these descriptors of it list
    /// for certificates (SPEC V-311).
    ///
    /// # Errors
    /// [`Code::MissingEvidence`] if none of them lists a key; [`Code::UnknownKey`],
    /// [`Code::Expired`], [`Code::BadSignature`].
    pub fn verify(&self, descriptors: &[Descriptor]) -> Result<()> {
        self.links.iter().try_for_each(|link| {
            let key = (KeyPurpose::Certificate, link.agency_key());
            let key = Descriptor::key_among(descriptors, self.agency(), key, link.entry().at)?;
            link.verify_countersignature(&key)
        })
    }
}

impl Wire for ChainFork {
    type Proto = proto::ChainFork;
    const MAX: usize = limits::CHAIN_FORK;
    const NAME: &'static str = "chain fork";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let link = |bytes| decode_body(&fields::filled(bytes, limits::CHAIN_LINK, "chain link")?);
        Self::ordered([link(proto.one)?, link(proto.other)?])
    }

    fn to_proto(&self) -> Self::Proto {
        let [one, other] = &self.links;
        proto::ChainFork { one: encode_body(one), other: encode_body(other) }
    }
}
