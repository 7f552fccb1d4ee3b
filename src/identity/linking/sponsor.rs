//! The device that is there already.

use core::fmt;

use bytes::Bytes;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    Channel, Handover, LinkCode, LinkDigits, LinkReply, LinkRequest, in_time,
    message::{Answer, Introduction},
};
use crate::{
    code::Code,
    crypto::{HpkePrivateKey, Nonce, SigningKey},
    error::{Result, ensure},
    identity::{UserChain, enrolment::DeviceOffer},
    ids::{Device, UserId},
    time::Timestamp,
    wire::{self, encode_body},
};

/// A device of a user that shows a link code and waits for the one request that it is good for.
/// It is in memory alone: the code of an app that was closed is worth nothing.
pub struct Sponsor {
    code: LinkCode,
    key: HpkePrivateKey,
    since: Timestamp,
}

impl Sponsor {
    /// Makes a code with a key and a secret of its own.
    pub fn open(user: UserId, now: Timestamp, rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let key = HpkePrivateKey::generate(rng);
        Sponsor { code: LinkCode::generate(user, &key, rng), key, since: now }
    }

    /// What to show.
    #[must_use]
    pub fn code(&self) -> &LinkCode {
        &self.code
    }

    /// Takes the request of whoever has the code. Good or bad, the code is used up.
    ///
    /// # Errors
    /// [`Code::Expired`] later than [`limits::LINK_STEP`](crate::limits::LINK_STEP) after the code
    /// was made; [`Code::BadCiphertext`] if it was not made with this code; what is wrong with the
    /// message or the offer in it; [`Code::CertificateMismatch`] for another user's device
    /// (SPEC V-285 to V-287).
    pub fn receive(self, request: &[u8], now: Timestamp) -> Result<Candidate> {
        in_time(self.since, now, 1)?;
        let bytes = Bytes::copy_from_slice(request);
        let LinkRequest { enc, sealed } = wire::decode(&bytes)?;
        let info = self.code.info();
        let (plain, exported) = self.key.open_psk(&self.code.psk(), info.as_bytes(), &enc, &sealed)?;
        let Introduction { offer, name, history } = wire::decode_body(&Bytes::copy_from_slice(&plain))?;
        let device = DeviceOffer::verify(&offer)?.device();
        ensure(device.user == *self.code.user(), Code::CertificateMismatch, "another user's device")?;
        let channel = Channel::new(exported, request);
        Ok(Candidate { device, name, history, offer, channel, since: now })
    }
}

impl fmt::Debug for Sponsor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sponsor({:?})", self.code)
    }
}

/// A device that has the code and asks to be one of the user's. The user is shown
/// [`Candidate::name`] and [`Candidate::digits`], and says yes or no.
pub struct Candidate {
    device: Device,
    name: String,
    history: bool,
    pub(super) offer: Bytes,
    pub(super) channel: Channel,
    since: Timestamp,
}

impl Candidate {
    /// Which device.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What it calls itself: its own word, and nobody else's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it asks for what was said before. Whether it gets that, the user says, beside the
    /// yes.
    #[must_use]
    pub fn asks_history(&self) -> bool {
        self.history
    }

    /// What both devices show.
    #[must_use]
    pub fn digits(&self) -> LinkDigits {
        self.channel.digits()
    }

    /// Yes: endorses the device with the key of one that is on the chain, for good or `until` the end of
    /// a shift. Gives the reply. `handover` says the rest of what the new device is told.
    ///
    /// # Errors
    /// [`Code::Expired`] later than [`limits::LINK_STEP`](crate::limits::LINK_STEP) after the
    /// request came; as [`UserChain::endorse`] or [`UserChain::delegate`]; [`Code::TooLong`].
    pub(crate) fn confirm(
        self,
        chain: &UserChain,
        key: &SigningKey,
        (until, handover): (Option<Timestamp>, Handover),
        now: Timestamp,
    ) -> Result<Vec<u8>> {
        in_time(self.since, now, 1)?;
        let request = match until {
            Some(until) => chain.delegate(&self.offer, until, key, now)?,
            None => chain.endorse(&self.offer, key, now)?,
        };
        let request = request.into();
        self.answer(&Answer::Welcome(Box::new(Handover { request, identity: *chain.identity(), ..handover })))
    }

    /// No. Gives a reply that says so.
    ///
    /// # Errors
    /// Those of encryption.
    pub fn refuse(self) -> Result<Vec<u8>> {
        self.answer(&Answer::Refused(Code::LinkRefused.into()))
    }

    pub(super) fn answer(self, answer: &Answer) -> Result<Vec<u8>> {
        let plain = Zeroizing::new(encode_body(answer).to_vec());
        let aad = self.channel.request;
        let sealed = self.channel.reply_key().seal(&Nonce::SINGLE_USE, aad.as_bytes(), &plain)?;
        let reply = wire::encode(&LinkReply { sealed: sealed.into() });
        ensure(reply.len() <= crate::limits::LINK_REPLY, Code::TooLong, "link reply")?;
        Ok(reply.to_vec())
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Candidate({})", self.device)
    }
}
