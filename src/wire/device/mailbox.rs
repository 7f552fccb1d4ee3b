//! Two devices of a user that meet at their server, of which one is nobody there yet.

use bytes::Bytes;

use crate::{
    code::Code,
    error::{Error, Result},
    ids::RequestId,
    limits,
    wire::{Wire, fields, proto},
};

/// The name of a mailbox: whoever knows it has the link code.
pub(crate) type Mailbox = [u8; 16];

/// From the device that is nobody here; unsigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkGuest {
    pub(crate) request_id: RequestId,
    pub(crate) mailbox: Mailbox,
    /// What it leaves; `None`: it asks for the reply.
    pub(crate) request: Option<Bytes>,
}

/// From the device that shows the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkHost {
    pub(crate) mailbox: Mailbox,
    /// What it leaves; `None`: it opens the mailbox and asks for the request.
    pub(crate) reply: Option<Bytes>,
}

/// What was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkLetter(pub(crate) Bytes);

fn mailbox(bytes: &[u8]) -> Result<Mailbox> {
    bytes.try_into().map_err(|_| Error::new(Code::BadName, "mailbox"))
}

impl Wire for LinkGuest {
    type Proto = proto::LinkGuest;
    const MAX: usize = limits::DEVICE_MESSAGE;
    const NAME: &'static str = "link guest";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(LinkGuest {
            request_id: RequestId::from_slice(&proto.request_id)?,
            mailbox: mailbox(&proto.mailbox)?,
            request: fields::optional(proto.request, limits::LINK_REQUEST, "link request")?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LinkGuest {
            request_id: fields::raw(self.request_id.as_bytes()),
            mailbox: fields::raw(&self.mailbox),
            request: self.request.clone().unwrap_or_default(),
        }
    }
}

impl Wire for LinkHost {
    type Proto = proto::LinkHost;
    const MAX: usize = limits::DEVICE_MESSAGE;
    const NAME: &'static str = "link host";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(LinkHost {
            mailbox: mailbox(&proto.mailbox)?,
            reply: fields::optional(proto.reply, limits::LINK_REPLY, "link reply")?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LinkHost { mailbox: fields::raw(&self.mailbox), reply: self.reply.clone().unwrap_or_default() }
    }
}

impl Wire for LinkLetter {
    type Proto = proto::LinkLetter;
    const MAX: usize = limits::DEVICE_MESSAGE;
    const NAME: &'static str = "link letter";

    fn parse(proto: Self::Proto) -> Result<Self> {
        fields::filled(proto.letter, limits::LINK_REPLY, "letter").map(LinkLetter)
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LinkLetter { letter: self.0.clone() }
    }
}
