//! Taking back what was said.

use core::fmt;

use super::id;
use crate::{
    error::Result,
    ids::MessageId,
    limits,
    wire::{Wire, fields::raw, proto},
};

/// An earlier message is to be deleted by everybody: by its author, or by somebody who may
/// moderate the room.
///
/// It is a request to honest apps. Whoever has read the message may have kept it.
#[derive(Clone, PartialEq, Eq)]
pub struct Delete {
    target: MessageId,
}

impl Delete {
    /// Deletes `message`, with whatever was said to change it.
    #[must_use]
    pub const fn of(message: MessageId) -> Self {
        Delete { target: message }
    }

    /// The message. Nothing says that there is one with this id.
    #[must_use]
    pub const fn target(&self) -> &MessageId {
        &self.target
    }
}

impl fmt::Debug for Delete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delete({})", self.target)
    }
}

/// SPEC V-717.
impl Wire for Delete {
    type Proto = proto::Delete;
    const MAX: usize = limits::CONTENT;
    const NAME: &'static str = "deletion";

    fn parse(proto: proto::Delete) -> Result<Self> {
        Ok(Delete { target: id(&proto.target)? })
    }

    fn to_proto(&self) -> proto::Delete {
        proto::Delete { target: raw(self.target.as_bytes()) }
    }
}
