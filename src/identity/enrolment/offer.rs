//! A device before it is enrolled.

use bytes::Bytes;
use rand_core::CryptoRng;

use super::request::EnrolmentRequest;
use crate::{
    code::Code,
    crypto::{self, Label, SignedAs, SigningKey, Verified, VerifyKey, verify},
    error::{Error, Result, ensure},
    identity::chain::{ChainEntry, DeviceKey, Op, RecoveryKey, Statement, UserChain, UserKind},
    ids::{Device, DeviceId, Hash, KeyId, UserId},
    limits,
    time::Timestamp,
    wire::{Signed, Wire, proto},
};

/// A device that is not enrolled yet: its id and its signature key.
#[derive(Debug)]
pub struct NewDevice {
    device: Device,
    key: SigningKey,
}

impl NewDevice {
    /// A new device of a user, with a fresh id and key.
    pub fn generate(user: UserId, rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let id = DeviceId::random(rng);
        NewDevice { device: Device { user, id }, key: SigningKey::generate(rng) }
    }

    /// The same device again, from what the app has stored of it meanwhile.
    #[must_use]
    pub fn from_parts(device: Device, key: SigningKey) -> Self {
        NewDevice { device, key }
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Its signature key.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Begins the user's chain: for the first device of a user. A person gives one recovery
    /// key of their own, any other user two of named keepers. Gives an enrolment request.
    ///
    /// # Errors
    /// [`Code::BadField`] if the recovery keys do not fit the kind of user.
    pub fn found(&self, kind: UserKind, recovery: Vec<RecoveryKey>, now: Timestamp) -> Result<Vec<u8>> {
        self.begin(kind, recovery, None, now)
    }

    /// Begins the user anew, after all devices and recovery keys were lost: `before` is the chain that
    /// ends, as the agency has it. Gives a request for [`Registrar::reset`](super::Registrar::reset).
    /// Everybody who knows the user will be told.
    ///
    /// # Errors
    /// [`Code::CertificateMismatch`] for another user's chain; as [`NewDevice::found`].
    pub fn begin_anew(
        &self,
        before: &UserChain,
        recovery: Vec<RecoveryKey>,
        now: Timestamp,
    ) -> Result<Vec<u8>> {
        ensure(*before.user() == self.device.user, Code::CertificateMismatch, "another user's chain")?;
        self.begin(before.kind(), recovery, Some(*before.identity()), now)
    }

    fn begin(
        &self,
        kind: UserKind,
        mut recovery: Vec<RecoveryKey>,
        replaces: Option<Hash>,
        now: Timestamp,
    ) -> Result<Vec<u8>> {
        recovery.sort_by(|a, b| a.owner().cmp(b.owner()));
        let entry = ChainEntry {
            user: self.device.user.clone(),
            n: 0,
            previous: None,
            at: now,
            signer: self.key.verify_key().id(),
            op: Op::Genesis { kind, device: self.device_key(), recovery, replaces },
        };
        let statement = Statement::sign(entry, &self.key)?;
        UserChain::check_next(None, &statement)?;
        Ok(EnrolmentRequest::new(statement, None)?.to_bytes())
    }

    /// Offers this device to one of the user's other devices, which endorses it with
    /// [`UserChain::endorse`]. It has to come from hand to hand, such as by a code on the
    /// screen: whoever endorses an offer of unknown origin lets a stranger in.
    #[must_use]
    pub fn offer(&self, now: Timestamp) -> Vec<u8> {
        let offer = DeviceOffer { user: self.device.user.clone(), device: self.device_key(), at: now };
        crypto::sign(offer, &[&self.key]).bytes().to_vec()
    }

    fn device_key(&self) -> DeviceKey {
        DeviceKey { id: self.device.id, key: *self.key.verify_key().as_bytes() }
    }
}

impl UserChain {
    /// The request for another certificate of a device that is on the chain, for the agency's registrar:
    /// the one by which it was enrolled, in other words.
    ///
    /// # Errors
    /// [`Code::UnendorsedDevice`], [`Code::RemovedDevice`].
    pub fn renew(&self, device: &NewDevice, now: Timestamp) -> Result<Vec<u8>> {
        let statement = self.endorsing(&device.device_key())?.statement().clone();
        let founds = matches!(statement.entry().op, Op::Genesis { .. });
        let offer = (!founds).then(|| DeviceOffer::verify(&device.offer(now).into())).transpose()?;
        Ok(EnrolmentRequest::new(statement, offer)?.to_bytes())
    }

    /// Endorses another device of the same user, with the key of one that is on the chain, or
    /// with a recovery key. Gives an enrolment request for the new device to bring to the registrar.
    ///
    /// # Errors
    /// Those of decoding (1xx) and [`Code::BadSignature`] for the offer;
    /// [`Code::CertificateMismatch`] if it is another user's; [`Code::Expired`] if it is
    /// older than [`limits::ENROLMENT_AGE`]; [`Code::BrokenChain`] if the device or the key is
    /// on the chain already, or `key` does not speak for the user; [`Code::BeyondDelegation`] if it
    /// does for the time of a shift alone; [`Code::TooLong`] if the chain is full.
    pub fn endorse(&self, offer: &[u8], key: &SigningKey, now: Timestamp) -> Result<Vec<u8>> {
        let offer = self.offered(offer, now)?;
        let op = Op::AddDevice { device: offer.device.clone() };
        let statement = self.next(op, now).and_then(|entry| self.signed(entry, key))?;
        Ok(EnrolmentRequest::new(statement, Some(offer))?.to_bytes())
    }

    /// Hands a role over to another device, for the time of a shift: until `until` (exclusive), at
    /// most [`limits::DELEGATION`] from now. Whoever has it may hand it over in turn. Gives an
    /// enrolment request for the new device to bring to the registrar.
    ///
    /// # Errors
    /// [`Code::BadField`] if `until` is not within the bound; [`Code::BrokenChain`] for a user that is
    /// no role; as [`UserChain::endorse`].
    pub fn delegate(
        &self,
        offer: &[u8],
        until: Timestamp,
        key: &SigningKey,
        now: Timestamp,
    ) -> Result<Vec<u8>> {
        let offer = self.offered(offer, now)?;
        let op = Op::Delegate { device: offer.device.clone(), until };
        let statement = self.next(op, now).and_then(|entry| self.signed(entry, key))?;
        Ok(EnrolmentRequest::new(statement, Some(offer))?.to_bytes())
    }

    /// An offer of the user's that was just made.
    fn offered(&self, offer: &[u8], now: Timestamp) -> Result<Verified<DeviceOffer>> {
        let offer = DeviceOffer::verify(&Bytes::copy_from_slice(offer))?;
        ensure(offer.user == *self.user(), Code::CertificateMismatch, "another user's device")?;
        check_age(offer.at, now)?;
        Ok(offer)
    }

    /// The next entry, by whoever will sign it.
    pub(in crate::identity) fn next(&self, op: Op, now: Timestamp) -> Result<ChainEntry> {
        let (previous, earliest) = self.head();
        let n = u32::try_from(self.len()).map_err(|_| Error::new(Code::TooLong, "user chain"))?;
        let (user, at) = (self.user().clone(), now.max(earliest));
        Ok(ChainEntry { user, n, previous, at, signer: KeyId::from_bytes([0; 32]), op })
    }

    /// An entry that the chain's rules permit, signed.
    fn signed(&self, entry: ChainEntry, key: &SigningKey) -> Result<Statement> {
        let statement = Statement::sign(entry, key)?;
        UserChain::check_next(Some(self), &statement)?;
        Ok(statement)
    }
}

/// Neither old nor from the future (SPEC V-274).
pub(super) fn check_age(made: Timestamp, now: Timestamp) -> Result<()> {
    let recent = made <= now.plus(limits::CLOCK_SKEW) && now.since(made) <= limits::ENROLMENT_AGE;
    ensure(recent, Code::Expired, "enrolment")
}

/// A new device asks to be added; signed with the key that it offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeviceOffer {
    pub(super) user: UserId,
    pub(super) device: DeviceKey,
    pub(super) at: Timestamp,
}

impl DeviceOffer {
    /// Checks that whoever made it has the private key (SPEC V-271).
    pub(in crate::identity) fn verify(bytes: &Bytes) -> Result<Verified<Self>> {
        let signed: Signed<Self> = Signed::decode(bytes)?;
        let key = VerifyKey::parse(&signed.claimed().device.key)?;
        verify(signed, &key)
    }

    /// The new device.
    pub(in crate::identity) fn device(&self) -> Device {
        Device { user: self.user.clone(), id: self.device.id }
    }
}

impl SignedAs for DeviceOffer {
    const LABEL: Label = Label::DEVICE_OFFER;
}

impl Wire for DeviceOffer {
    type Proto = proto::DeviceOffer;
    const MAX: usize = limits::DEVICE_OFFER;
    const NAME: &'static str = "device offer";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(DeviceOffer {
            user: UserId::parse(&proto.user)?,
            device: DeviceKey::parse(proto.device)?,
            at: Timestamp::from_millis(proto.at),
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::DeviceOffer {
            user: self.user.to_string(),
            device: self.device.to_proto(),
            at: self.at.as_millis(),
        }
    }
}
