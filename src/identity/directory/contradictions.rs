//! What convicts an agency, if a document of it was refused because it denies another one that is here.

use bytes::Bytes;

use super::Directory;
use crate::{
    crypto::signer,
    error::Result,
    identity::{contradiction::Contradiction, descriptor::AgencyDescriptor, revocation::RevocationList},
    store::Draft,
    wire::Signed,
};

impl Directory {
    /// The evidence, for a descriptor that [`Directory::accept_descriptor`] has refused with
    /// [`Code::Equivocation`](crate::code::Code::Equivocation), and has so verified.
    pub(crate) fn denied_descriptor(
        &self,
        draft: &Draft<'_>,
        refused: &Bytes,
    ) -> Result<Option<Contradiction>> {
        let signed: Signed<AgencyDescriptor> = Signed::decode(refused)?;
        let mut others = self.kept(draft, &signed.claimed().agency, &signer(&signed)?)?.into_iter();
        let denied = others.find(|other| signed.claimed().contradicts(other));
        denied.map(|denied| Contradiction::of_descriptors(denied.bytes(), refused)).transpose()
    }

    /// The same for a revocation list that [`Directory::accept_revocations`] has refused with
    /// [`Code::Equivocation`](crate::code::Code::Equivocation) or [`Code::Unrevoked`](crate::code::Code::Unrevoked).
    pub(crate) fn denied_list(&self, draft: &Draft<'_>, refused: &Bytes) -> Result<Option<Contradiction>> {
        let agency = RevocationList::read(refused)?.agency;
        let known = self.revocation_list(draft, &agency)?;
        known.map(|known| Contradiction::of_lists(known.bytes(), refused)).transpose()
    }
}
