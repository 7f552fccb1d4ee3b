//! What goes to another agency: frames made, given to the host, given again, acknowledged.

use core::time::Duration;

use bytes::Bytes;

use super::{
    super::{
        Output,
        call::Call,
        keys::LinkKeys,
        rows::{OutRow, unreadable},
    },
    frame_hash,
    items::Filling,
};
use crate::{
    code::Code,
    crypto::{sign, verify},
    error::{Result, ensure},
    ids::{AgencyId, Hash, IncarnationId},
    limits,
    store::corrupt,
    time::Timestamp,
    wire::{
        Signed, decode, encode,
        link::{LinkAck, LinkFrame, PeerMessage},
    },
};

/// How often what is not acknowledged is given again before its receiver counts as silent: for half a minute.
const SILENT: u32 = 4;

impl Call<'_, '_> {
    /// The next frame to send: one that was made and not given since the last rewind, else
    /// a new one, else nothing. What is not acknowledged in time is given again from the
    /// oldest on.
    pub(in crate::server) fn pump(&mut self, peer: &AgencyId) -> Result<Option<Vec<u8>>> {
        if !self.takes_part(peer)? {
            return Ok(None);
        }
        let link = LinkKeys::with(peer);
        let mut out = self.present(&link)?;
        if out.acked < out.made && Timestamp::from_millis(out.retry_at) <= self.now() {
            out.given = out.acked;
            out.retries = out.retries.saturating_add(1);
            if let Some(introduction) = self.introduction(&link, &out)? {
                self.draft.guard(link.guard_out())?;
                let wait = wait(out.retries);
                self.retry_after(&mut out, wait);
                self.write(link.outgoing(), &out);
                self.output(Output::LinkReady(peer.clone()));
                return Ok(Some(introduction));
            }
        }
        let frame = if out.given < out.made {
            self.draft.guard(link.guard_out())?;
            out.given = out.given.saturating_add(1);
            let row = self.draft.get(&link.frame(out.place(out.given)))?;
            Some(frame_of(row.ok_or(corrupt("frame is missing"))?)?.1)
        } else if out.made.saturating_sub(out.acked) < limits::FRAMES_IN_FLIGHT {
            self.new_frame(peer, &link, &mut out)?
        } else {
            None
        };
        if frame.is_some() {
            let wait = wait(out.retries);
            self.retry_after(&mut out, wait);
            self.write(link.outgoing(), &out);
        } else if out.acked < out.made {
            self.wake_at(Timestamp::from_millis(out.retry_at));
        }
        Ok(frame)
    }

    /// The newest own descriptor by itself, before frames that were signed before it are given
    /// again: what the peer has may have ended, and then it could not verify them (SPEC V-327).
    fn introduction(&self, link: &LinkKeys, out: &OutRow) -> Result<Option<Vec<u8>>> {
        let oldest = link.frame(out.place(out.acked.saturating_add(1)));
        let oldest = read_frame(self.draft.get(&oldest)?.ok_or(corrupt("frame is missing"))?)?;
        let newest = self.directory.descriptor_at(&self.draft, &self.own.agency, self.now())?;
        if newest.issued_at <= oldest.claimed().at {
            return Ok(None);
        }
        Ok(Some(encode(&PeerMessage::Descriptor(newest.bytes().clone())).to_vec()))
    }

    /// Makes a frame of what waits, if something does: what was in frames of an earlier life of the link
    /// goes first.
    fn new_frame(&mut self, peer: &AgencyId, link: &LinkKeys, out: &mut OutRow) -> Result<Option<Vec<u8>>> {
        let items = match out.left {
            0 => Filling::fill(self, peer, out)?,
            _ => Some(self.left_over(link, out)?),
        };
        let Some(items) = items else { return Ok(None) };
        self.draft.guard(link.guard_out())?;
        let own = self.own.clone();
        let number = out.made.saturating_add(1);
        let descriptor = self.directory.descriptor_at(&self.draft, &own.agency, self.now())?;
        // V-534: a life begins later than the one before ended, whatever the clock was then. What is from further
        // ahead nobody has taken (V-533).
        let (now, last) = (self.now(), Timestamp::from_millis(out.made_at));
        let was_ahead = now <= last && last <= now.plus(limits::CLOCK_SKEW);
        let at = if number == 1 && was_ahead { last.plus(Duration::from_millis(1)) } else { now };
        let tell = number == 1 || descriptor.version > out.descriptor;
        let frame = LinkFrame {
            from: own.agency.clone(),
            to: peer.clone(),
            incarnation: IncarnationId::from_slice(&out.life).map_err(unreadable)?,
            number,
            previous: (number > 1).then(|| Hash::from_slice(&out.hash)).transpose()?,
            at,
            descriptor: tell.then(|| descriptor.bytes().clone()),
            items,
        };
        let frame = sign(frame, &[&own.key]).into_signed();
        let hash = frame_hash(&frame);
        let bytes = encode(&PeerMessage::Frame(Box::new(frame))).to_vec();
        out.made = number;
        out.made_at = if was_ahead { at.max(last) } else { at }.as_millis();
        out.given = number;
        out.hash = Bytes::copy_from_slice(hash.as_bytes());
        out.descriptor = out.descriptor.max(descriptor.version);
        self.draft.put(link.frame(out.place(number)), [hash.as_bytes().as_slice(), &bytes].concat());
        Ok(Some(bytes))
    }

    /// Takes an acknowledgement: the frames up to it are done with (SPEC V-531, V-532, V-538, V-558, V-575).
    pub(super) fn acknowledged(&mut self, ack: Signed<LinkAck>) -> Result<()> {
        ensure(ack.claimed().to == self.own.agency, Code::NotForUs, "acknowledgement")?;
        self.frame_descriptor(&ack.claimed().descriptor)?;
        let key = self.server_key(&ack.claimed().from, &ack, self.now())?;
        let ack = verify(ack, &key)?.into_inner();
        // One from ahead would make those that come after it late.
        ensure(ack.at <= self.now().plus(limits::CLOCK_SKEW), Code::BadStamp, "acknowledgement")?;
        let link = LinkKeys::with(&ack.from);
        let mut out = self.out(&link)?;
        ensure(
            out.life == ack.incarnation.as_bytes().as_slice(),
            Code::NotForUs,
            "another life of the link",
        )?;
        if self.peer_began_anew(&link, &mut out, &ack)? {
            return Ok(());
        }
        ensure(ack.number <= out.made, Code::LinkFork, "acknowledges what was never sent")?;
        if ack.number <= out.acked {
            // One that was late, or of a store that has forgotten what it took.
            let late = Timestamp::from_millis(out.acked_at).plus(limits::CLOCK_SKEW);
            ensure(ack.number == out.acked || ack.at <= late, Code::RolledBack, "acknowledges less")?;
            return Ok(());
        }
        let row = self.draft.get(&link.frame(out.place(ack.number)))?.ok_or(corrupt("frame is missing"))?;
        ensure(ack.hash == Some(frame_of(row)?.0), Code::LinkFork, "acknowledges another frame")?;

        self.draft.guard(link.guard_out())?;
        for number in out.acked.saturating_add(1)..=ack.number {
            self.draft.delete(link.frame(out.place(number)));
        }
        out.acked = ack.number;
        out.acked_at = ack.at.as_millis();
        out.given = out.given.max(out.acked);
        out.retries = 0;
        if out.acked < out.made {
            self.retry_after(&mut out, wait(0));
        }
        self.write(link.outgoing(), &out);
        Ok(())
    }

    /// Whether something can go to an agency at present: it takes part, and there is a version
    /// that it speaks; the own agency takes part (SPEC V-579), and its descriptor is in force, or nobody could
    /// verify what is signed.
    pub(in crate::server) fn takes_part(&self, peer: &AgencyId) -> Result<bool> {
        let speaks = self.directory.check_version(&self.draft, peer, self.now());
        for answer in [self.active(peer), self.active(&self.own.agency), speaks] {
            match answer.map_err(|error| (error.code(), error)) {
                Err((Code::UnknownVersion | Code::SuspendedAgency | Code::UnknownAgency, _)) => {
                    return Ok(false);
                }
                Err((_, error)) if error.fails_the_call() => return Err(error),
                _ => {}
            }
        }
        match self.directory.descriptor_at(&self.draft, &self.own.agency, self.now()) {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Code::MissingEvidence => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a peer takes what it is sent, as far as is known: a heartbeat for one that does not would only
    /// wait with the others.
    pub(in crate::server) fn answers(&self, peer: &AgencyId) -> Result<bool> {
        let out = self.out(&LinkKeys::with(peer))?;
        Ok(out.acked == out.made || out.retries < SILENT)
    }

    pub(super) fn out(&self, link: &LinkKeys) -> Result<OutRow> {
        Ok(self.read(&link.outgoing())?.unwrap_or_default())
    }

    /// Sets when what is not acknowledged is given again.
    fn retry_after(&mut self, out: &mut OutRow, wait: Duration) {
        let at = self.now().plus(wait);
        out.retry_at = at.as_millis();
        self.wake_at(at);
    }

    /// Whether something can be sent to an agency now: something waits, or was not
    /// acknowledged in time.
    pub(in crate::server) fn is_ready(&mut self, peer: &AgencyId) -> Result<bool> {
        if !self.takes_part(peer)? {
            return Ok(false);
        }
        let link = LinkKeys::with(peer);
        let out = self.present(&link)?;
        if out.acked < out.made {
            let retry_at = Timestamp::from_millis(out.retry_at);
            if retry_at <= self.now() || out.given < out.made {
                return Ok(true);
            }
            self.wake_at(retry_at);
        }
        let fits = out.made.saturating_sub(out.acked) < limits::FRAMES_IN_FLIGHT;
        Ok(fits && (out.left > 0 || !self.draft.scan(&link.pending(), None, 1)?.is_empty()))
    }
}

/// How long an acknowledgement is waited for.
fn wait(retries: u32) -> Duration {
    let doubled = limits::FRAME_RETRY.saturating_mul(1_u32.checked_shl(retries.min(16)).unwrap_or(u32::MAX));
    doubled.min(limits::FRAME_RETRY_MAX)
}

/// A frame's row: its hash, and the message that carries it.
pub(super) fn frame_of(mut row: Vec<u8>) -> Result<(Hash, Vec<u8>)> {
    let hash = row.first_chunk::<32>().map(|hash| Hash::from_bytes(*hash)).ok_or(corrupt("frame"))?;
    Ok((hash, row.split_off(32)))
}

/// The frame in a row.
pub(super) fn read_frame(row: Vec<u8>) -> Result<Box<Signed<LinkFrame>>> {
    match decode(&frame_of(row)?.1.into()).map_err(unreadable)? {
        PeerMessage::Frame(frame) => Ok(frame),
        _ => Err(corrupt("not a frame")),
    }
}
