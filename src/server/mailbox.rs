//! Mailboxes in which a user's device meets the next one (SPEC "Linking a device"). Only an enrolled
//! device opens one, one at a time; what lies in it is opaque.

use bytes::Bytes;

use super::{Output, call::Call, keys, rows::MailboxRow};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::Device,
    limits,
    time::Timestamp,
    wire::device::{LinkGuest, LinkHost, LinkLetter, Mailbox, ReplyBody},
};

impl Call<'_, '_> {
    /// Opens a mailbox, looks for the request, or leaves the reply.
    pub(super) fn link_host(&mut self, device: &Device, host: LinkHost) -> Result<ReplyBody> {
        let Some(mut row) = self.mailbox(&host.mailbox)? else {
            ensure(host.reply.is_none(), Code::UnknownMailbox, "mailbox")?;
            return self.open_mailbox(device, &host.mailbox);
        };
        ensure(row.device()? == *device, Code::UnknownMailbox, "another device's mailbox")?;
        let Some(reply) = host.reply else { return Ok(letter(row.request)) };
        ensure(!row.request.is_empty(), Code::UnknownMailbox, "nobody has asked")?;
        leave(&mut row.reply, reply)?;
        self.keep_mailbox(&host.mailbox, &row)
    }

    /// Leaves the request, or looks for the reply. The asker is nobody here: nothing is kept
    /// of it outside of a mailbox that is there.
    pub(super) fn link_guest(&mut self, guest: LinkGuest) -> Result<ReplyBody> {
        let row = self.mailbox(&guest.mailbox)?;
        let mut row = row.ok_or(Error::new(Code::UnknownMailbox, "mailbox"))?;
        let Some(request) = guest.request else { return Ok(letter(row.reply)) };
        leave(&mut row.request, request)?;
        self.output(Output::DeviceReady(row.device()?));
        self.keep_mailbox(&guest.mailbox, &row)
    }

    fn open_mailbox(&mut self, device: &Device, mailbox: &Mailbox) -> Result<ReplyBody> {
        let own = keys::mailbox_of(device);
        if let Some(before) = self.draft.get(&own)? {
            self.draft.delete(keys::mailbox(&before));
        }
        self.draft.expect_unchanged(own.clone())?;
        self.draft.put(own.clone(), mailbox.to_vec());
        let until = self.now().plus(limits::MAILBOX_KEPT);
        let row = MailboxRow::new(device, until);
        self.drop_later(until, &keys::mailbox(mailbox));
        self.keep_mailbox(mailbox, &row)?;
        Ok(ReplyBody::Pending)
    }

    fn keep_mailbox(&mut self, mailbox: &Mailbox, row: &MailboxRow) -> Result<ReplyBody> {
        let key = keys::mailbox(mailbox);
        self.draft.expect_unchanged(key.clone())?;
        self.write(key, row);
        Ok(ReplyBody::Done)
    }

    /// A mailbox that is open.
    fn mailbox(&self, mailbox: &Mailbox) -> Result<Option<MailboxRow>> {
        let row: Option<MailboxRow> = self.read(&keys::mailbox(mailbox))?;
        Ok(row.filter(|row| self.now() < Timestamp::from_millis(row.until)))
    }
}

fn letter(left: Bytes) -> ReplyBody {
    if left.is_empty() { ReplyBody::Pending } else { ReplyBody::Letter(LinkLetter(left)) }
}

/// Once, and the same again.
fn leave(place: &mut Bytes, letter: Bytes) -> Result<()> {
    ensure(place.is_empty() || *place == letter, Code::LinkOver, "mailbox")?;
    *place = letter;
    Ok(())
}
