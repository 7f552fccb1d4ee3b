//! The federation's roster: what a trust list says.

use core::fmt;
use std::borrow::Cow;

use bytes::Bytes;

use super::federation::{RootKey, Roots, key_bytes, name};
use crate::{
    code::Code,
    crypto::{self, Label, Signature, SignedAs, SigningKey, VerifyKey},
    error::{Error, Result, ensure},
    ids::AgencyId,
    limits,
    time::Timestamp,
    wire::{self, Signed, VERSION, Wire, fields, proto, repeated},
};

/// Whether an agency takes part in the federation at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgencyStatus {
    /// It does.
    Active,
    /// Nothing new is accepted from it.
    Suspended,
}

/// An agency on the roster.
#[derive(Clone, PartialEq, Eq)]
pub struct Agency {
    pub(super) id: AgencyId,
    pub(super) status: AgencyStatus,
    pub(super) root: [u8; 32],
    pub(super) handover: Option<Signature>,
}

impl Agency {
    /// An agency with the public half of its offline root key.
    #[must_use]
    pub fn new(id: AgencyId, status: AgencyStatus, root: &VerifyKey) -> Self {
        Agency { id, status, root: *root.as_bytes(), handover: None }
    }

    /// The same agency with another root key, because the old one was lost or is in wrong
    /// hands. Every reader tells its people that the old key has not agreed.
    #[must_use]
    pub fn with_root(self, root: &VerifyKey) -> Self {
        Agency { root: *root.as_bytes(), handover: None, ..self }
    }

    /// The same agency with another root key, to which the old one agrees (SPEC V-213). The
    /// list after that one may leave this out: [`Agency::settled`].
    ///
    /// # Errors
    /// [`Code::BadArgument`] if `old` is not the key that is replaced.
    pub fn handed_over(self, federation: &str, old: &SigningKey, root: &VerifyKey) -> Result<Self> {
        ensure(*old.verify_key().as_bytes() == self.root, Code::BadArgument, "not the agency's root key")?;
        let signed = handover(federation, &self.id, root.as_bytes());
        let signature = old.sign(Label::ROOT_HANDOVER, &signed.each_ref().map(AsRef::as_ref));
        Ok(Agency { root: *root.as_bytes(), handover: Some(signature), ..self })
    }

    /// The same agency without the word of the key before, once everybody has read it.
    #[must_use]
    pub fn settled(self) -> Self {
        Agency { handover: None, ..self }
    }

    /// Whether the root key that an earlier list gave has agreed to this one (SPEC V-213).
    pub(super) fn is_handed_over_by(&self, federation: &str, earlier: &[u8; 32]) -> bool {
        let (Some(signature), Ok(old)) = (&self.handover, VerifyKey::parse(earlier)) else {
            return false;
        };
        let signed = handover(federation, &self.id, &self.root);
        old.verify(Label::ROOT_HANDOVER, &signed.each_ref().map(AsRef::as_ref), signature).is_ok()
    }

    /// The same agency with another status: suspended, or active again.
    #[must_use]
    pub fn with_status(self, status: AgencyStatus) -> Self {
        Agency { status, ..self }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &AgencyId {
        &self.id
    }

    /// Whether it takes part.
    #[must_use]
    pub fn status(&self) -> AgencyStatus {
        self.status
    }

    /// The 32 bytes of its Ed25519 root key.
    #[must_use]
    pub fn root(&self) -> &[u8; 32] {
        &self.root
    }

    fn parse(proto: proto::TrustedAgency) -> Result<Self> {
        let status = match proto::AgencyStatus::try_from(proto.status) {
            Ok(proto::AgencyStatus::Active) => AgencyStatus::Active,
            Ok(proto::AgencyStatus::Suspended) => AgencyStatus::Suspended,
            _ => return Err(Error::new(Code::BadField, "agency status")),
        };
        let handover = match proto.handover.as_ref() {
            [] => None,
            signature => Some(Signature::from_slice(signature)?),
        };
        Ok(Agency {
            id: AgencyId::parse(&proto.agency)?,
            status,
            root: key_bytes(&proto.root_key)?,
            handover,
        })
    }

    fn to_proto(&self) -> proto::TrustedAgency {
        let status = match self.status {
            AgencyStatus::Active => proto::AgencyStatus::Active,
            AgencyStatus::Suspended => proto::AgencyStatus::Suspended,
        };
        proto::TrustedAgency {
            agency: self.id.to_string(),
            status: status.into(),
            root_key: fields::raw(&self.root),
            handover: self.handover.as_ref().map_or_else(Bytes::new, |it| fields::raw(it.as_bytes())),
        }
    }
}

/// What a root key signs for the one that replaces it.
fn handover<'p>(federation: &'p str, agency: &'p AgencyId, root: &'p [u8; 32]) -> [Cow<'p, [u8]>; 4] {
    let version = VERSION.to_be_bytes().to_vec();
    [version.into(), federation.as_bytes().into(), agency.as_str().as_bytes().into(), root.as_slice().into()]
}

impl fmt::Debug for Agency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Agency({}, {:?}, {})", self.id, self.status, VerifyKey::id_of(&self.root))
    }
}

/// What a trust list says, before a threshold of holders has signed it.
///
/// The holders sign on machines of their own: the first makes the roster and signs it, the
/// others read what they are given, compare, and sign; anybody joins their shares. All
/// shares cover the same bytes, because a roster has one encoding only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// The federation's name.
    pub federation: String,
    /// From 1, one more than the list before.
    pub version: u64,
    /// From when it is valid.
    pub issued_at: Timestamp,
    /// Until when it is valid; [`limits::TRUST_LIST_GRACE`] later nothing new rests on it.
    pub expires_at: Timestamp,
    /// The root keys, ordered by holder.
    pub roots: Vec<RootKey>,
    /// How many holders have to sign this list and the next.
    pub threshold: u32,
    /// The agencies, ordered by id.
    pub agencies: Vec<Agency>,
}

impl Roster {
    /// One holder's share: this roster with one signature.
    ///
    /// # Errors
    /// If the roster could not be accepted (SPEC V-201 to V-203), lists out of order included.
    pub fn sign(&self, holder: &SigningKey) -> Result<Vec<u8>> {
        let checked: Roster = wire::decode_body(&wire::encode_body(self))?;
        checked.check_keys()?;
        Ok(crypto::sign(checked, &[holder]).bytes().to_vec())
    }

    /// What a share says, for its next signer to look at. Its signature is not checked.
    ///
    /// # Errors
    /// Those of decoding (1xx), and as [`Roster::sign`].
    pub fn read(share: &[u8]) -> Result<Roster> {
        Ok(Signed::<Roster>::decode(&Bytes::copy_from_slice(share))?.into_claimed())
    }

    /// Joins shares of one roster into one signed list.
    ///
    /// # Errors
    /// [`Code::BadArgument`] without shares or if they say different things. That they are
    /// enough is for those to check who receive the list.
    pub fn join(shares: &[impl AsRef<[u8]>]) -> Result<Vec<u8>> {
        let decode = |share: &_| Signed::<Roster>::decode(&Bytes::copy_from_slice(AsRef::as_ref(share)));
        let shares = shares.iter().map(decode).collect::<Result<Vec<_>>>()?;
        let [first, ..] = shares.as_slice() else {
            return Err(Error::new(Code::BadArgument, "no shares"));
        };
        let same = shares.iter().all(|share| share.body() == first.body());
        ensure(same, Code::BadArgument, "shares of different lists")?;
        let signatures = shares.iter().flat_map(|share| share.signatures().iter().cloned()).collect();
        let joined = Signed::assemble(first.claimed().clone(), first.body().clone(), signatures);
        Ok(joined.bytes().to_vec())
    }

    pub(super) fn quorum_roots(&self) -> Roots {
        Roots { keys: self.roots.clone(), threshold: self.threshold }
    }

    /// Every key on the list is one (SPEC V-203).
    pub(super) fn check_keys(&self) -> Result<()> {
        let keys = self.roots.iter().map(|r| &r.key).chain(self.agencies.iter().map(|a| &a.root));
        keys.into_iter().try_for_each(|key| VerifyKey::parse(key).map(drop))
    }
}

impl SignedAs for Roster {
    const LABEL: Label = Label::TRUST_LIST;
}

impl Wire for Roster {
    type Proto = proto::TrustList;
    const MAX: usize = limits::TRUST_LIST;
    const NAME: &'static str = "trust list";

    /// SPEC V-201, V-202.
    fn parse(proto: Self::Proto) -> Result<Self> {
        let roots = Roots::parse(proto.roots, proto.threshold)?;
        let agencies = repeated(proto.agencies, (0, limits::AGENCIES), "agencies", Agency::parse)?;
        fields::ascending(&agencies, |a| &a.id, "agencies are not in order")?;
        ensure(proto.expires_at > proto.issued_at, Code::BadField, "trust list validity")?;
        Ok(Roster {
            federation: name(proto.federation, "federation name")?,
            version: fields::positive(proto.version, "trust list version")?,
            issued_at: Timestamp::from_millis(proto.issued_at),
            expires_at: Timestamp::from_millis(proto.expires_at),
            roots: roots.keys,
            threshold: roots.threshold,
            agencies,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::TrustList {
            federation: self.federation.clone(),
            version: self.version,
            issued_at: self.issued_at.as_millis(),
            expires_at: self.expires_at.as_millis(),
            roots: self.roots.iter().map(RootKey::to_proto).collect(),
            threshold: self.threshold,
            agencies: self.agencies.iter().map(Agency::to_proto).collect(),
        }
    }
}
