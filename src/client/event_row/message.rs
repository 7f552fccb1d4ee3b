//! What is told of messages and files.

use prost::Message;

use crate::client::{Applied, Blame, By, Remedy};
use crate::{code::Code, error::Result, ids::MessageId, store::corrupt};

/// What a message does to one that it names.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AppliedRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) target: Vec<u8>,
    /// By what right it applies: [`AUTHOR`], [`MODERATOR`], [`ANYBODY`]; or the error code for
    /// which it does not.
    #[prost(uint32, tag = "2")]
    pub(super) outcome: u32,
}

pub(super) const AUTHOR: u32 = 1;
pub(super) const MODERATOR: u32 = 2;
pub(super) const ANYBODY: u32 = 3;

impl From<&Applied> for AppliedRow {
    fn from(applied: &Applied) -> Self {
        let outcome = match applied.outcome {
            Ok(By::Author) => AUTHOR,
            Ok(By::Moderator) => MODERATOR,
            Ok(By::Anybody) => ANYBODY,
            Err(code) => code.number().into(),
        };
        AppliedRow { target: applied.target.as_bytes().to_vec(), outcome }
    }
}

impl TryFrom<&AppliedRow> for Applied {
    type Error = crate::error::Error;

    fn try_from(row: &AppliedRow) -> Result<Self> {
        let outcome = match row.outcome {
            AUTHOR => Ok(By::Author),
            MODERATOR => Ok(By::Moderator),
            ANYBODY => Ok(By::Anybody),
            number => Err(code(number)?),
        };
        Ok(Applied { target: MessageId::from_slice(&row.target)?, outcome })
    }
}

pub(super) const BLAMES: [(Blame, u32); 5] =
    [(Blame::Nobody, 1), (Blame::Sender, 2), (Blame::Origin, 3), (Blame::OwnAgency, 4), (Blame::Unclear, 5)];
pub(super) const REMEDIES: [(Remedy, u32); 4] =
    [(Remedy::Nothing, 1), (Remedy::Later, 2), (Remedy::AskSender, 3), (Remedy::TellOperators, 4)];

pub(super) fn number_of<T: PartialEq>(table: &[(T, u32)], value: &T) -> u32 {
    table.iter().find(|(known, _)| known == value).map_or(0, |(_, number)| *number)
}

pub(super) fn numbered<T: Copy>(table: &[(T, u32)], number: u32) -> Result<T> {
    table.iter().find(|(_, known)| *known == number).map(|(value, _)| *value).ok_or(corrupt("event"))
}

pub(super) fn code(number: u32) -> Result<Code> {
    u16::try_from(number).ok().and_then(Code::from_number).ok_or(corrupt("event code"))
}
