//! What is kept of rooms.

use bytes::Bytes;
use prost::Message;

use super::DeviceName;
use crate::identity::{UserKind, VerifiedDevice};

/// Where a room's log stands.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct TailRow {
    #[prost(uint64, tag = "1")]
    pub(in crate::server) term: u64,
    #[prost(uint64, tag = "2")]
    pub(in crate::server) seq: u64,
    /// The hash of the last entry.
    #[prost(bytes = "bytes", tag = "3")]
    pub(in crate::server) hash: Bytes,
    /// The encoded stamp of the last entry.
    #[prost(bytes = "bytes", tag = "4")]
    pub(in crate::server) stamp: Bytes,
    /// At the hub: the MLS epoch.
    #[prost(uint64, tag = "5")]
    pub(in crate::server) epoch: u64,
    /// When the room is looked at next to see whether it has gone silent, in milliseconds; 0: never.
    #[prost(uint64, tag = "6")]
    pub(in crate::server) beat: u64,
}

/// What kind of place a room is, and who takes part.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct RoomRow {
    /// The agency whose server is the hub.
    #[prost(string, tag = "1")]
    pub(in crate::server) hub: String,
    /// Own devices in the room.
    #[prost(uint64, tag = "2")]
    pub(in crate::server) present: u64,
    /// At the hub: the encoded room state.
    #[prost(bytes = "bytes", tag = "3")]
    pub(in crate::server) state: Bytes,
    /// At the hub: the other agencies with devices in the room, ordered.
    #[prost(message, repeated, tag = "4")]
    pub(in crate::server) others: Vec<AgencyCount>,
    /// At the hub: when agencies had devices in the room, of each the last times, the last that went last.
    #[prost(message, repeated, tag = "5")]
    pub(in crate::server) former: Vec<FormerStay>,
    /// Where the log is followed: entries past its end to which own devices were invited, the first that came first.
    #[prost(uint64, repeated, tag = "6")]
    pub(in crate::server) ahead: Vec<u64>,
}

/// How many devices of an agency are in a room.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct AgencyCount {
    #[prost(string, tag = "1")]
    pub(in crate::server) agency: String,
    #[prost(uint64, tag = "2")]
    pub(in crate::server) devices: u64,
    /// The entry that brought the first of them.
    #[prost(uint64, tag = "3")]
    pub(in crate::server) since: u64,
}

/// From where to where an agency had devices in a room.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct FormerStay {
    #[prost(string, tag = "1")]
    pub(in crate::server) agency: String,
    /// The entry that brought the first of them.
    #[prost(uint64, tag = "2")]
    pub(in crate::server) since: u64,
    /// The entry that removed the last of them.
    #[prost(uint64, tag = "3")]
    pub(in crate::server) until: u64,
}

/// The devices of other agencies that an entry removes.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct DepartedRow {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::server) devices: Vec<DeviceName>,
}

/// That a hub was asked for what comes after the end of the log that is here.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct WantedRow {
    /// Where that was.
    #[prost(uint64, tag = "1")]
    pub(in crate::server) seq: u64,
    /// When it was asked last, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub(in crate::server) at: u64,
    /// How often in a row, at this place.
    #[prost(uint32, tag = "3")]
    pub(in crate::server) tries: u32,
}

/// What a device may read of a room's log.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct SpanRow {
    /// In order; at most [`SpanRow::KEPT`]. Only the last can be open.
    #[prost(message, repeated, tag = "1")]
    pub(in crate::server) spans: Vec<Span>,
    /// The entry whose invitation the device has not made use of yet; 0: none.
    #[prost(uint64, tag = "2")]
    pub(in crate::server) joining: u64,
}

/// A stay in a room.
#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::server) struct Span {
    /// The entry that added the device, which it was given with the invitation; 0 for the founder.
    #[prost(uint64, tag = "1")]
    pub(in crate::server) from: u64,
    /// The entry that removed it, the last that it may read; 0: it is still there.
    #[prost(uint64, tag = "2")]
    pub(in crate::server) until: u64,
}

impl SpanRow {
    /// Stays that are remembered: so often may a device come and go before it reads.
    const KEPT: usize = 8;

    /// Begins a stay.
    pub(in crate::server) fn open(&mut self, from: u64) {
        self.spans.push(Span { from, until: 0 });
        let surplus = self.spans.len().saturating_sub(Self::KEPT);
        self.spans.drain(..surplus);
    }

    /// Ends the stay that is open; says whether there was one that an entry of then may end.
    pub(in crate::server) fn close(&mut self, until: u64) -> bool {
        match self.spans.last_mut() {
            Some(span) if span.is_open() && span.from < until => {
                span.until = until;
                true
            }
            _ => false,
        }
    }

    /// Ends the stay that is open, wherever it ends: nothing past that entry is read of it. Says whether there
    /// was one.
    pub(in crate::server) fn cut(&mut self, at: u64) -> bool {
        match self.spans.last_mut() {
            Some(span) if span.is_open() => {
                span.until = at.max(span.from).max(1);
                true
            }
            _ => false,
        }
    }

    /// Whether a stay that would begin at this entry is known, or one after it.
    pub(in crate::server) fn is_past(&self, from: u64) -> bool {
        self.spans.last().is_some_and(|last| from <= last.from || from < last.until)
    }

    pub(in crate::server) fn is_open(&self) -> bool {
        self.spans.last().is_some_and(Span::is_open)
    }

    /// Where the stay that is open began.
    pub(in crate::server) fn open_from(&self) -> Option<u64> {
        self.spans.last().filter(|span| span.is_open()).map(|span| span.from)
    }

    /// The last entry that may be read by a device that has processed `cursor`;
    /// `None` if there is nothing for it after that.
    pub(in crate::server) fn readable_after(&self, cursor: u64) -> Option<u64> {
        let span = self.spans.iter().find(|s| s.from <= cursor && (s.is_open() || cursor < s.until))?;
        Some(if span.is_open() { u64::MAX } else { span.until })
    }
}

impl SpanRow {
    /// Whether a device may have processed an entry. Of one that has come and gone too often nobody knows.
    pub(in crate::server) fn may_have_read(&self, seq: u64) -> bool {
        let within = |span: &Span| span.from <= seq && (span.is_open() || seq <= span.until);
        self.spans.len() >= Self::KEPT || self.spans.iter().any(within)
    }
}

impl Span {
    fn is_open(&self) -> bool {
        self.until == 0
    }
}

/// What became of a submission.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct FateRow {
    /// The entry that it became; 0 if it was refused.
    #[prost(uint64, tag = "1")]
    pub(in crate::server) seq: u64,
    /// The signed refusal.
    #[prost(bytes = "bytes", tag = "2")]
    pub(in crate::server) refusal: Bytes,
}

/// Whose commits came too late, and whose turn it is (SPEC V-582).
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct TurnsRow {
    /// Devices whose last commits were refused, the last one last.
    #[prost(message, repeated, tag = "1")]
    pub(in crate::server) late: Vec<LateRow>,
    /// The device that is waited for.
    #[prost(message, optional, tag = "2")]
    pub(in crate::server) holder: Option<DeviceName>,
    /// Until when, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(in crate::server) until: u64,
}

/// A device whose commits came too late.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct LateRow {
    #[prost(message, optional, tag = "1")]
    pub(in crate::server) device: Option<DeviceName>,
    /// How many in a row, since it last had a turn.
    #[prost(uint32, tag = "2")]
    pub(in crate::server) times: u32,
    /// Before when it has no other turn, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(in crate::server) not_before: u64,
}

/// A device with a leaf in a room that is ordered here.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct MemberRow {
    /// Its public key, 32 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub(in crate::server) key: Bytes,
    /// The serial of its certificate.
    #[prost(uint64, tag = "2")]
    pub(in crate::server) serial: u64,
    /// Until when that is valid, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(in crate::server) not_after: u64,
    /// It is an archive's.
    #[prost(bool, tag = "4")]
    pub(in crate::server) archive: bool,
}

impl MemberRow {
    pub(in crate::server) fn of(device: &VerifiedDevice) -> Self {
        MemberRow {
            key: Bytes::copy_from_slice(device.key().as_bytes()),
            serial: device.serial(),
            not_after: device.validity().1.as_millis(),
            archive: device.kind() == UserKind::Archive,
        }
    }
}
