//! What an agency knows of one of its users, for a device that is to be the user's once more.

use bytes::Bytes;

use crate::{
    code::Code,
    error::{Error, Result, ensure},
    identity::{Descriptor, Federation, KeyPurpose, TrustList, UserChain, roster::Roster},
    ids::{AgencyId, UserId},
    limits,
    time::Timestamp,
    wire::{self, Signed, Wire, fields, proto, repeated},
};

/// A user's chain with what bears it out: what a new device needs from the agency before a recovery
/// key can endorse it ([`UserChain::endorse`]), or before it begins the user anew
/// ([`NewDevice::begin_anew`](super::NewDevice::begin_anew)). Nothing in it is secret, and nothing in it
/// has been checked before [`UserRecord::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    pub(super) chain: Vec<Bytes>,
    pub(super) descriptor: Bytes,
    /// The latest, ordered by version without gaps.
    pub(super) trust_lists: Vec<Bytes>,
}

impl UserRecord {
    /// Reads what a registrar gave.
    ///
    /// # Errors
    /// Those of decoding (1xx).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        wire::decode(&Bytes::copy_from_slice(bytes))
    }

    /// As it travels.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        wire::encode(self).to_vec()
    }

    /// Checks everything in it against the federation's anchor, and gives the chain of `user`.
    ///
    /// # Errors
    /// [`Code::CertificateMismatch`] for another user's; as the documents in it (SPEC V-276).
    pub fn verify(&self, federation: &Federation, user: &UserId, at: Timestamp) -> Result<UserChain> {
        let documents = Documents { descriptor: &self.descriptor, trust_lists: &self.trust_lists };
        let (list, descriptor) = documents.verify(federation, user.agency())?;
        list.check_at(at)?;
        ensure(descriptor.valid_at(at), Code::Expired, "descriptor")?;
        let keys = &mut |id: &_, at, _| descriptor.key(KeyPurpose::Certificate, id, at);
        let chain = UserChain::verify(&self.chain, keys)?;
        ensure(chain.user() == user, Code::CertificateMismatch, "another user's chain")?;
        Ok(chain)
    }
}

/// What bears a user's chain out, as it came.
pub(in crate::identity) struct Documents<'d> {
    pub(super) descriptor: &'d Bytes,
    pub(super) trust_lists: &'d [Bytes],
}

impl<'d> Documents<'d> {
    /// The newest list, and the descriptor under it.
    pub(super) fn verify(
        &self,
        federation: &Federation,
        agency: &AgencyId,
    ) -> Result<(TrustList, Descriptor)> {
        let mut list: Option<TrustList> = None;
        for bytes in self.lists_from(true, federation)? {
            list = Some(match list {
                None => TrustList::first(bytes, federation)?,
                Some(before) => before.next(bytes)?.unwrap_or(before),
            });
        }
        let list = list.ok_or(Error::new(Code::MissingEvidence, "trust list"))?;
        let descriptor = Descriptor::verify(self.descriptor, list.agency(agency)?)?;
        Ok((list, descriptor))
    }

    /// The lists to accept one after the other: all of them, or if they are to be the first,
    /// those from the oldest one on that the anchor bears out. Not only the newest: a hub that
    /// has not learnt of it yet stamps what it takes with the one before.
    pub(in crate::identity) fn lists_from(
        &self,
        first: bool,
        federation: &Federation,
    ) -> Result<&'d [Bytes]> {
        if !first {
            return Ok(self.trust_lists);
        }
        let mut refusal = Error::new(Code::MissingEvidence, "trust list");
        for (place, bytes) in self.trust_lists.iter().enumerate() {
            match Signed::<Roster>::decode(bytes).and_then(|list| TrustList::first_signed(list, federation)) {
                Ok(_) => return Ok(self.trust_lists.get(place..).unwrap_or_default()),
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }
}

impl Wire for UserRecord {
    type Proto = proto::UserRecord;
    const MAX: usize = limits::ENROLMENT;
    const NAME: &'static str = "user record";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let link = |bytes| fields::filled(bytes, limits::CHAIN_LINK, "chain link");
        let list = |bytes| fields::filled(bytes, limits::TRUST_LIST, "trust list");
        let lists = (1, limits::ENROLMENT_TRUST_LISTS);
        Ok(UserRecord {
            chain: repeated(proto.chain, (1, limits::CHAIN_LINKS), "user chain", link)?,
            descriptor: fields::filled(proto.descriptor, limits::DESCRIPTOR, "agency descriptor")?,
            trust_lists: repeated(proto.trust_lists, lists, "trust lists", list)?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::UserRecord {
            chain: self.chain.clone(),
            descriptor: self.descriptor.clone(),
            trust_lists: self.trust_lists.clone(),
        }
    }
}
