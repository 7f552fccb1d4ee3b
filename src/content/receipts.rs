//! What has become of messages elsewhere.

use core::fmt;

use super::id;
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::MessageId,
    limits,
    wire::{Wire, fields::raw, proto, repeated},
};

/// What has become of messages at the sender's device: many in one, for each costs a place in
/// the room's log. An app waits a little before it sends one.
///
/// ```
/// use verbund::{content::{ReceiptKind, Receipts}, ids::MessageId};
///
/// let read = Receipts::new(ReceiptKind::Read, [7, 3, 7].map(|n| MessageId::from_bytes([n; 32])))?;
/// assert_eq!(read.targets().len(), 2);
/// # Ok::<(), verbund::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Receipts {
    kind: ReceiptKind,
    targets: Vec<MessageId>,
}

/// What has become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReceiptKind {
    /// It is on the device.
    Delivered,
    /// The user has seen it.
    Read,
}

impl Receipts {
    /// That `messages` were delivered or read: 1 to [`limits::RECEIPTS`], in any order.
    ///
    /// # Errors
    /// [`Code::BadArgument`] if there are none or too many.
    pub fn new(kind: ReceiptKind, messages: impl IntoIterator<Item = MessageId>) -> Result<Self> {
        let mut targets: Vec<MessageId> = messages.into_iter().collect();
        targets.sort_unstable();
        targets.dedup();
        ensure((1..=limits::RECEIPTS).contains(&targets.len()), Code::BadArgument, "receipts")?;
        Ok(Receipts { kind, targets })
    }

    /// What has become of them.
    #[must_use]
    pub const fn kind(&self) -> ReceiptKind {
        self.kind
    }

    /// The messages, ordered by id. Nothing says that there are such messages.
    #[must_use]
    pub fn targets(&self) -> &[MessageId] {
        &self.targets
    }
}

impl fmt::Debug for Receipts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receipts({:?}, of {} messages)", self.kind, self.targets.len())
    }
}

/// SPEC V-718.
impl Wire for Receipts {
    type Proto = proto::Receipts;
    const MAX: usize = limits::CONTENT;
    const NAME: &'static str = "receipts";

    fn parse(proto: proto::Receipts) -> Result<Self> {
        let kind = match proto::ReceiptKind::try_from(proto.kind) {
            Ok(proto::ReceiptKind::Delivered) => ReceiptKind::Delivered,
            Ok(proto::ReceiptKind::Read) => ReceiptKind::Read,
            Ok(proto::ReceiptKind::Unspecified) | Err(_) => {
                return Err(Error::new(Code::BadField, "receipt kind"));
            }
        };
        let targets = repeated(proto.targets, (1, limits::RECEIPTS), "receipts", |target| id(&target))?;
        ensure(targets.is_sorted_by(|a, b| a < b), Code::BadField, "receipts are not in order")?;
        Ok(Receipts { kind, targets })
    }

    fn to_proto(&self) -> proto::Receipts {
        let kind = match self.kind {
            ReceiptKind::Delivered => proto::ReceiptKind::Delivered,
            ReceiptKind::Read => proto::ReceiptKind::Read,
        };
        let targets = self.targets.iter().map(|target| raw(target.as_bytes())).collect();
        proto::Receipts { kind: kind.into(), targets }
    }
}
