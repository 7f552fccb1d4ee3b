//! What bears devices out for somebody who does not know them: their users' chains, and the
//! descriptors under whose keys their certificates are signed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Directory, view};
use crate::{
    code::Code,
    error::{Error, Result},
    ids::{AgencyId, Hash, KeyId, UserId},
    store::Draft,
    time::Timestamp,
    wire::log::Evidence,
};

/// A device of which somebody is to be told.
#[derive(Clone, Copy)]
pub(crate) struct Told<'u> {
    pub(crate) user: &'u UserId,
    pub(crate) identity: &'u Hash,
    /// How many links of the chain under that identity everybody has who is to read this.
    pub(crate) known: u32,
    /// The key that signed its certificate; `None` if the newest descriptor surely lists it.
    pub(crate) signer: Option<&'u KeyId>,
}

impl Directory {
    /// What somebody needs in order to verify these devices at a time: chains and descriptors. Of an
    /// agency it is the newest descriptor that is valid then, or if none is, the newest: an agency
    /// that is behind with its papers keeps nobody else's devices out of a room. Beside it goes, for
    /// a key that it does not list any more, the newest one that does.
    ///
    /// # Errors
    /// [`Code::MissingEvidence`] if a chain, or any descriptor of an agency, is not here.
    pub(crate) fn evidence_for<'u>(
        &self,
        draft: &Draft<'_>,
        devices: impl IntoIterator<Item = Told<'u>>,
        at: Timestamp,
    ) -> Result<Vec<Evidence>> {
        let mut users = BTreeMap::<&UserId, BTreeMap<Hash, u32>>::new();
        let mut agencies = BTreeMap::<&AgencyId, BTreeSet<&KeyId>>::new();
        for told in devices {
            let known = users.entry(told.user).or_default().entry(*told.identity).or_insert(told.known);
            *known = told.known.min(*known);
            agencies.entry(told.user.agency()).or_default().extend(told.signer);
        }
        let mut evidence = Vec::new();
        for (agency, signers) in agencies {
            let newest = match self.descriptor_at(draft, agency, at) {
                Err(error) if error.code() == Code::MissingEvidence => self.descriptor(draft, agency)?,
                valid => Some(valid?),
            };
            let newest = newest.ok_or(Error::new(Code::MissingEvidence, "agency descriptor"))?;
            let descriptors = view::Descriptors::of(agency).for_keys(draft, newest, signers)?;
            evidence.extend(descriptors.iter().map(|one| Evidence::Descriptor(one.bytes().clone())));
        }
        for (user, identities) in users {
            let known = self.identity(draft, user)?;
            known.ok_or(Error::new(Code::MissingEvidence, "user chain"))?;
            let links = self.history(draft, user, &identities)?;
            evidence.extend(links.into_iter().map(Evidence::ChainLink));
        }
        Ok(evidence)
    }
}
