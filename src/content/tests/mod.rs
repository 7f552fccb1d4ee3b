mod content;
mod frame;
mod vectors;

use proptest::{collection::vec, option, prelude::*};
use prost::Message;

use super::{kind::*, *};
use crate::{
    attachment::{FileKey, FileRef, Geometry, Root, Suite},
    ids::{AgencyId, BlobId, Device, DeviceId, Hash, RoomId, UserId},
    limits::{SIZE_CLASS_MAX, SIZE_CLASS_MIN},
    time::Timestamp,
    wire::proto,
};

fn file(size: u64) -> FileRef {
    FileRef {
        blob: BlobId::from_bytes([1; 16]),
        origin: AgencyId::parse("police.hessen.example").unwrap(),
        expires_at: Timestamp::from_millis(1_700_000_000_000),
        suite: Suite::ChaCha20Poly1305,
        key: FileKey::from_bytes([2; 32].into()),
        root: Root::from_bytes([3; 32]),
        size,
        padded_size: Geometry::of_file(size).unwrap().padded_size(),
    }
}

fn message(byte: u8) -> MessageId {
    MessageId::from_bytes([byte; 32])
}

fn photo() -> Attachment {
    let preview = Preview::new("image/webp", *b"RIFF").unwrap();
    let photo = Attachment::new(file(1_234_567), "image/jpeg").unwrap().named("Brücke.jpg").unwrap();
    photo.captioned("14:05").unwrap().previewed(preview).reply_to(message(4))
}

fn seen() -> Seen {
    Seen { seq: 7, hash: Hash::from_bytes([8; 32]) }
}

fn frame(content: impl Into<Content>) -> Frame {
    Frame::new(&content.into(), [9; 16], seen())
}

fn unknown(len: usize) -> Content {
    Content::decode(4_000, vec![5; len]).unwrap()
}

fn room() -> RoomId {
    RoomId::from_bytes([1; 16])
}

fn device() -> Device {
    Device { user: UserId::parse("anna@police.example").unwrap(), id: DeviceId::from_bytes([2; 16]) }
}

fn text() -> impl Strategy<Value = Text> {
    ("[^\\p{Cc}]{1,80}|[a-z\t\r\n]{1,2000}", any::<bool>(), option::of(any::<u8>())).prop_map(
        |(body, markdown, answers)| {
            let text = if markdown { Text::markdown(body) } else { Text::plain(body) }.unwrap();
            answers.into_iter().fold(text, |text, byte| text.reply_to(message(byte)))
        },
    )
}

fn attachment() -> impl Strategy<Value = Attachment> {
    let preview = option::of(vec(any::<u8>(), 1..3000));
    (0..=limits::ATTACHMENT, option::of("[a-zä]{1,80}"), "[a-z ]{0,300}", preview).prop_map(
        |(size, name, caption, preview)| {
            let mut made = Attachment::new(file(size), "image/png").unwrap().captioned(caption).unwrap();
            if let Some(name) = name {
                made = made.named(name).unwrap();
            }
            preview
                .into_iter()
                .fold(made, |made, data| made.previewed(Preview::new("image/png", data).unwrap()))
        },
    )
}

fn content() -> impl Strategy<Value = Content> {
    let reaction = (any::<u8>(), "[^\\p{Cc}\u{2028}\u{2029}]{1,16}")
        .prop_map(|(byte, symbol)| Reaction::to(message(byte), symbol).unwrap());
    let unknown = (4..u32::MAX, vec(any::<u8>(), 0..3000));
    prop_oneof![
        text().prop_map(Content::from),
        reaction.prop_map(Content::from),
        attachment().prop_map(Content::from),
        unknown.prop_map(|(kind, bytes)| Content::decode(kind, bytes).unwrap()),
    ]
}
