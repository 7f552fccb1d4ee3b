//! What an app keeps of a room, in a form of its own: here a line for each text. Deleted and
//! expired messages are not in it, for the app has deleted them.

use verbund::{
    client::{Event, Imported},
    content::{Content, Text},
    ids::{MessageId, UserId},
    time::Timestamp,
};

use crate::world::{Error, Phone};

/// What a phone has shown, for its user's next device.
pub fn export(phone: &Phone) -> String {
    let line = |event: &Event| match event {
        Event::Message { seq, at, id, sender, content: Content::Text(text), .. } => {
            Some(format!("{seq} {} {id} {} {}\n", at.as_millis(), sender.user, text.body()))
        }
        _ => None,
    };
    phone.events.iter().filter_map(line).collect()
}

/// The same, read by the next device: what it shows from now on, and tells its engine.
pub fn import(lines: &str) -> Result<Vec<Imported>, Error> {
    let one = |line: &str| -> Result<Imported, Error> {
        let mut parts = line.splitn(5, ' ');
        let mut part = || parts.next().ok_or("a line of the history is too short");
        Ok(Imported {
            seq: part()?.parse()?,
            at: Timestamp::from_millis(part()?.parse()?),
            id: MessageId::from_slice(&bytes(part()?)?)?,
            author: UserId::parse(part()?)?,
            content: Text::plain(part()?)?.into(),
            expires_at: None,
        })
    };
    lines.lines().map(one).collect()
}

/// Bytes out of hexadecimal digits.
fn bytes(digits: &str) -> Result<Vec<u8>, Error> {
    let pairs = digits.as_bytes().as_chunks::<2>().0;
    pairs.iter().map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?)).collect()
}
