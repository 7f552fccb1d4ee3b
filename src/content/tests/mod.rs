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

/// With a preview file.
fn video() -> Attachment {
    Attachment::new(file(2_000_000_000), "video/mp4").unwrap().with_preview_file(still(200_000)).unwrap()
}

/// What a preview file is, beside [`file`].
fn still_file(size: u64) -> FileRef {
    let key = FileKey::from_bytes([5; 32].into());
    FileRef { blob: BlobId::from_bytes([6; 16]), key, root: Root::from_bytes([7; 32]), ..file(size) }
}

fn still(size: u64) -> PreviewFile {
    PreviewFile::new(still_file(size), "image/jpeg").unwrap()
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
    let size = (0..=limits::ATTACHMENT, option::of(0..=limits::PREVIEW_FILE));
    (size, option::of("[a-zä]{1,80}"), "[a-z ]{0,300}", preview).prop_map(
        |((size, other), name, caption, preview)| {
            let mut made = Attachment::new(file(size), "image/png").unwrap().captioned(caption).unwrap();
            if let Some(size) = other {
                made = made.with_preview_file(still(size)).unwrap();
            }
            if let Some(name) = name {
                made = made.named(name).unwrap();
            }
            preview
                .into_iter()
                .fold(made, |made, data| made.previewed(Preview::new("image/png", data).unwrap()))
        },
    )
}

fn user() -> UserId {
    UserId::parse("ben@police.example").unwrap()
}

/// A text with a mention at each second character.
fn mentioning() -> impl Strategy<Value = Text> {
    "[a-zäß👮]{2,40}".prop_map(|body| {
        let at: Vec<usize> = body.char_indices().map(|(at, _)| at).collect();
        let pairs = at.windows(2).step_by(2);
        let ranges: Vec<_> = pairs.map(|pair| pair[0]..pair[1]).collect();
        let text = Text::plain(body).unwrap();
        ranges.into_iter().fold(text, |text, range| text.mention(user(), range).unwrap())
    })
}

fn location() -> impl Strategy<Value = Location> {
    let place = (-900_000_000..=900_000_000, -1_799_999_999..=1_800_000_000);
    (place, option::of(1..=limits::LOCATION_ACCURACY), any::<u64>(), "[^\\p{Cc}\u{2028}\u{2029}]{0,40}")
        .prop_map(|((latitude, longitude), accuracy, at, name)| {
            let made = Location::at(latitude, longitude).unwrap().named(name).unwrap();
            let made = accuracy.into_iter().fold(made, |made, radius| made.within(radius).unwrap());
            made.measured(Timestamp::from_millis(at))
        })
}

fn receipts() -> impl Strategy<Value = Receipts> {
    let kind = prop_oneof![Just(ReceiptKind::Delivered), Just(ReceiptKind::Read)];
    (kind, vec(any::<u8>(), 1..=limits::RECEIPTS))
        .prop_map(|(kind, ids)| Receipts::new(kind, ids.into_iter().map(message)).unwrap())
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<u8>(), mentioning()).prop_map(|(byte, text)| Edit::text(message(byte), text).unwrap()),
        (any::<u8>(), "[^\\p{Cc}]{0,80}").prop_map(|(byte, new)| Edit::caption(message(byte), new).unwrap()),
    ]
}

fn content() -> impl Strategy<Value = Content> {
    let reaction = (any::<u8>(), "[^\\p{Cc}\u{2028}\u{2029}]{1,16}")
        .prop_map(|(byte, symbol)| Reaction::to(message(byte), symbol).unwrap());
    let unknown = (8..u32::MAX, vec(any::<u8>(), 0..3000));
    prop_oneof![
        text().prop_map(Content::from),
        reaction.prop_map(Content::from),
        attachment().prop_map(Content::from),
        mentioning().prop_map(Content::from),
        edit().prop_map(Content::from),
        any::<u8>().prop_map(|byte| Delete::of(message(byte)).into()),
        receipts().prop_map(Content::from),
        location().prop_map(Content::from),
        unknown.prop_map(|(kind, bytes)| Content::decode(kind, bytes).unwrap()),
    ]
}
