//! The device that is to be linked.

use core::fmt;

use bytes::Bytes;
use rand_core::CryptoRng;

use super::{
    Channel, Handover, LinkCode, LinkDigits, LinkReply, LinkRequest, in_time,
    message::{Answer, Introduction, check_name},
};
use crate::{
    code::Code,
    crypto::{Nonce, Sealed},
    error::{Result, ensure, fault},
    identity::{EnrolmentRequest, NewDevice, enrolment::DeviceOffer},
    ids::UserId,
    time::Timestamp,
    wire::{self, Wire as _, encode_body},
};

/// A device that has read a code. Its user is shown [`Newcomer::user`], and says whether this
/// device shall be one of that user's.
#[derive(Debug)]
pub struct Newcomer {
    code: LinkCode,
    since: Timestamp,
}

impl Newcomer {
    /// Reads a code.
    ///
    /// # Errors
    /// As [`LinkCode::parse`].
    pub fn read(text: &str, now: Timestamp) -> Result<Self> {
        Ok(Newcomer { code: LinkCode::parse(text)?, since: now })
    }

    /// Whose device it would be.
    #[must_use]
    pub fn user(&self) -> &UserId {
        self.code.user()
    }

    /// Yes: gives the request, for the device that shows the code. `name` is what its user is
    /// shown, at most [`limits::NAME`](crate::limits::NAME) bytes in one line; `history`, whether
    /// the user wants to have here what was said before.
    ///
    /// # Errors
    /// [`Code::Expired`] later than [`limits::LINK_STEP`](crate::limits::LINK_STEP) after the code
    /// was read; [`Code::CertificateMismatch`] if `device` is another user's; [`Code::TooLong`] or
    /// [`Code::BadField`] for the name.
    pub fn ask(
        self,
        device: &NewDevice,
        (name, history): (&str, bool),
        now: Timestamp,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(Vec<u8>, Asking)> {
        in_time(self.since, now, 1)?;
        check_name(name)?;
        let same = device.device().user == *self.code.user();
        ensure(same, Code::CertificateMismatch, "another user's code")?;
        let offer = DeviceOffer::verify(&device.offer(now).into())?;
        let introduction = Introduction { offer: offer.bytes().clone(), name: name.to_owned(), history };
        let (psk, info) = (self.code.psk(), self.code.info());
        let sealed = self.code.key().seal_psk(&psk, info.as_bytes(), &encode_body(&introduction), rng)?;
        let Sealed { enc, ciphertext, exported } = sealed;
        let request = LinkRequest { enc: Bytes::copy_from_slice(&enc), sealed: ciphertext.into() };
        let request = wire::encode(&request).to_vec();
        let asking = Asking {
            offer: offer.into_inner(),
            history,
            mailbox: self.code.mailbox(),
            channel: Channel::new(exported, &request),
            since: now,
        };
        Ok((request, asking))
    }
}

/// A device that has asked and waits for the one reply. It is in memory alone.
pub struct Asking {
    offer: DeviceOffer,
    history: bool,
    mailbox: [u8; 16],
    channel: Channel,
    since: Timestamp,
}

impl Asking {
    /// What both devices show.
    #[must_use]
    pub fn digits(&self) -> LinkDigits {
        self.channel.digits()
    }

    /// [`LinkCode::mailbox`].
    #[must_use]
    pub fn mailbox(&self) -> [u8; 16] {
        self.mailbox
    }

    /// Takes the reply. Good or bad, there is no other.
    ///
    /// # Errors
    /// [`Code::Expired`] later than twice [`limits::LINK_STEP`](crate::limits::LINK_STEP) after the
    /// request; [`Code::BadCiphertext`] if it is not the answer to it; [`Code::LinkRefused`];
    /// [`Code::CertificateMismatch`] if it endorses another device (SPEC V-285, V-288);
    /// [`Code::BadField`] if history comes that it has not asked for (V-382).
    pub(crate) fn receive(self, device: &NewDevice, reply: &[u8], now: Timestamp) -> Result<Handover> {
        ensure(device.device() == &self.offer.device(), Code::CertificateMismatch, "another device")?;
        in_time(self.since, now, 2)?;
        let LinkReply { sealed } = wire::decode(&Bytes::copy_from_slice(reply))?;
        let aad = self.channel.request;
        let plain = self.channel.reply_key().open(&Nonce::SINGLE_USE, aad.as_bytes(), &sealed)?;
        let handover = match wire::decode_body(&plain.into())? {
            Answer::Welcome(handover) => *handover,
            Answer::Refused(_) => return fault(Code::LinkRefused, Handover::NAME),
        };
        let request = EnrolmentRequest::from_bytes(&handover.request)?;
        let ours = request.offer() == Some(&self.offer);
        ensure(ours, Code::CertificateMismatch, "endorsement of another device")?;
        // V-382
        ensure(self.history || handover.history.is_none(), Code::BadField, "history that nobody asked for")?;
        Ok(handover)
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Asking({})", self.offer.device())
    }
}
