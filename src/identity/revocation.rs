//! Revocation lists: which certificates of an agency count no more before they end.
//!
//! Every entry names the list that said it first. So the newest list tells what each list
//! before it said, and nobody keeps or fetches older ones (SPEC "Revocation").

use bytes::Bytes;

use crate::{
    code::Code,
    crypto::{self, Label, SignedAs, SigningKey, Verified, VerifyKey, verify},
    error::{Result, ensure},
    ids::{AgencyId, Device, DeviceId, UserId},
    limits,
    time::Timestamp,
    wire::{self, Signed, Wire, fields, proto, repeated},
};

/// What an agency says of its certificates, before its revocation key has signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    pub(super) agency: AgencyId,
    pub(super) version: u64,
    pub(super) issued_at: Timestamp,
    pub(super) next_update: Timestamp,
    pub(super) revoked: Vec<Revocation>,
}

/// Certificates of a user that are revoked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revocation {
    pub(super) user: UserId,
    /// `None`: every device.
    pub(super) device: Option<DeviceId>,
    /// Certificates up to this serial.
    pub(super) serial: u64,
    /// The version of the list that said it first.
    pub(super) since: u64,
    pub(super) at: Timestamp,
}

impl RevocationList {
    /// An agency's list 1, which revokes nothing. It has to be followed by another within
    /// [`limits::REVOCATION_UPDATE`], as every list.
    #[must_use]
    pub fn first(agency: AgencyId, issued_at: Timestamp) -> Self {
        let next_update = issued_at.plus(limits::REVOCATION_UPDATE);
        RevocationList { agency, version: 1, issued_at, next_update, revoked: Vec::new() }
    }

    /// The list after this one: it says the same, as far as that can matter still, and
    /// revokes more. For each: the user, the device (`None`: all of the user's), and the
    /// highest serial that is revoked, which the registrar knows.
    #[must_use]
    pub fn next(&self, issued_at: Timestamp, more: &[(UserId, Option<DeviceId>, u64)]) -> Self {
        let version = self.version.saturating_add(1);
        let kept = self.revoked.iter().filter(|entry| !entry.may_go(issued_at)).cloned();
        let new = more.iter().map(|(user, device, serial)| Revocation {
            user: user.clone(),
            device: *device,
            serial: *serial,
            since: version,
            at: issued_at,
        });
        let mut revoked: Vec<_> = kept.chain(new).collect();
        revoked.sort();
        // What was revoked before stays as it was said first.
        revoked.dedup_by(|later, first| later.covers() == first.covers());
        let next_update = issued_at.plus(limits::REVOCATION_UPDATE);
        RevocationList { agency: self.agency.clone(), version, issued_at, next_update, revoked }
    }

    /// Signs it with a revocation key of the agency.
    ///
    /// # Errors
    /// If it could not be accepted (SPEC V-290 to V-292).
    pub fn sign(&self, key: &SigningKey) -> Result<Vec<u8>> {
        let checked: RevocationList = wire::decode_body(&wire::encode_body(self))?;
        Ok(crypto::sign(checked, &[key]).bytes().to_vec())
    }

    /// What a signed list says: for the agency that makes the next one. Its signature is not checked.
    ///
    /// # Errors
    /// Those of decoding (1xx).
    pub fn read(list: &[u8]) -> Result<Self> {
        Ok(Signed::<RevocationList>::decode(&Bytes::copy_from_slice(list))?.into_claimed())
    }

    /// Whose list it is.
    #[must_use]
    pub fn agency(&self) -> &AgencyId {
        &self.agency
    }

    /// Its version, from 1.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When the next list is there at the latest.
    #[must_use]
    pub fn next_update(&self) -> Timestamp {
        self.next_update
    }

    /// When it is too old for further devices of its agency (SPEC V-298).
    pub(super) fn stale_at(&self) -> Timestamp {
        self.next_update.plus(limits::REVOCATION_GRACE)
    }

    /// What is revoked, ordered by user, device and serial.
    #[must_use]
    pub fn revoked(&self) -> &[Revocation] {
        &self.revoked
    }

    /// When it was made.
    pub(super) fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// What it is if one list denies the other: two under one version (SPEC V-295), or a later one that says of the
    /// past what the earlier one did not say (SPEC V-296).
    pub(super) fn contradicts(&self, other: &Self) -> Option<Code> {
        let (earlier, later) = if self.version < other.version { (self, other) } else { (other, self) };
        match later.version == earlier.version {
            true => (later != earlier).then_some(Code::Equivocation),
            false => later.check_follows(earlier).err().map(|error| error.code()),
        }
    }

    /// That it says of the past what an earlier list said (SPEC V-296).
    pub(super) fn check_follows(&self, earlier: &RevocationList) -> Result<()> {
        let old = |entry: &&Revocation| entry.since <= earlier.version;
        let same = self.revoked.iter().filter(old).all(|entry| earlier.revoked.binary_search(entry).is_ok());
        ensure(same, Code::Unrevoked, "revoked afterwards")?;
        let stays =
            |entry: &Revocation| entry.may_go(self.issued_at) || self.revoked.binary_search(entry).is_ok();
        ensure(earlier.revoked.iter().all(stays), Code::Unrevoked, "an entry is missing")
    }
}

impl Revocation {
    /// Whose certificates.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// Which device's; `None`: those of all of the user's devices.
    #[must_use]
    pub fn device(&self) -> Option<&DeviceId> {
        self.device.as_ref()
    }

    /// Certificates with this serial or a lower one are revoked.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// The version of the list that said it first.
    #[must_use]
    pub fn since(&self) -> u64 {
        self.since
    }

    /// When it was revoked.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Whether it is about this certificate of this device.
    pub(super) fn is_about(&self, device: &Device, serial: u64) -> bool {
        self.user == device.user && self.device.is_none_or(|id| id == device.id) && serial <= self.serial
    }

    /// Whether every certificate from before it has ended by then.
    fn may_go(&self, by: Timestamp) -> bool {
        self.at.plus(limits::CERTIFICATE_LIFETIME) <= by
    }

    fn covers(&self) -> (&UserId, Option<DeviceId>, u64) {
        (&self.user, self.device, self.serial)
    }
}

impl SignedAs for RevocationList {
    const LABEL: Label = Label::REVOCATION_LIST;
}

impl Wire for RevocationList {
    type Proto = proto::RevocationList;
    const MAX: usize = limits::REVOCATION_LIST;
    const NAME: &'static str = "revocation list";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let agency = AgencyId::parse(&proto.agency)?;
        let version = fields::positive(proto.version, "revocation list version")?;
        let (issued_at, next_update) =
            (Timestamp::from_millis(proto.issued_at), Timestamp::from_millis(proto.next_update));
        // V-290: so that no version is the last.
        ensure(version <= issued_at.as_millis(), Code::BadField, "version past the time of issue")?;
        // V-291
        let soon = issued_at < next_update && next_update.since(issued_at) <= limits::REVOCATION_UPDATE;
        ensure(soon, Code::BadField, "next update")?;
        let revoked = repeated(proto.revoked, (0, limits::REVOCATIONS), "revocations", Revocation::parse)?;
        // V-290
        fields::ascending(&revoked, Revocation::covers, "revocations are not in order")?;
        for entry in &revoked {
            let past = (1..=version).contains(&entry.since) && entry.at <= issued_at;
            ensure(past, Code::BadField, "revoked in the future")?;
            // V-292
            ensure(*entry.user.agency() == agency, Code::ForeignAgencyUser, "revocation")?;
        }
        Ok(RevocationList { agency, version, issued_at, next_update, revoked })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::RevocationList {
            agency: self.agency.to_string(),
            version: self.version,
            issued_at: self.issued_at.as_millis(),
            next_update: self.next_update.as_millis(),
            revoked: self.revoked.iter().map(Revocation::to_proto).collect(),
        }
    }
}

impl Revocation {
    fn parse(proto: proto::Revocation) -> Result<Self> {
        Ok(Revocation {
            user: UserId::parse(&proto.user)?,
            device: fields::optional_id(&proto.device, DeviceId::from_slice)?,
            serial: fields::positive(proto.serial, "serial")?,
            since: proto.since,
            at: Timestamp::from_millis(proto.at),
        })
    }

    fn to_proto(&self) -> proto::Revocation {
        proto::Revocation {
            user: self.user.to_string(),
            device: self.device.map(|id| fields::raw(id.as_bytes())).unwrap_or_default(),
            serial: self.serial,
            since: self.since,
            at: self.at.as_millis(),
        }
    }
}

/// A revocation list that its agency signed.
#[derive(Clone, Debug)]
pub(super) struct Revocations(Verified<RevocationList>);

impl Revocations {
    /// Checks a list with a revocation key of its agency.
    pub(super) fn verify(list: Signed<RevocationList>, key: &VerifyKey) -> Result<Self> {
        verify(list, key).map(Revocations)
    }

    pub(super) fn from_store(row: Vec<u8>) -> Result<Self> {
        Verified::from_store(row).map(Revocations)
    }

    pub(super) fn bytes(&self) -> &Bytes {
        self.0.bytes()
    }

    pub(super) fn body(&self) -> &Bytes {
        self.0.body()
    }
}

/// What it says.
impl core::ops::Deref for Revocations {
    type Target = RevocationList;

    fn deref(&self) -> &RevocationList {
        &self.0
    }
}
