//! What content says, and what it may not say.

use super::*;
use crate::wire::Wire;

#[test]
fn known_content_round_trips() {
    let largest = Attachment::new(file(limits::ATTACHMENT), &format!("image/{}", "x".repeat(121)))
        .unwrap()
        .named("n".repeat(limits::FILE_NAME))
        .unwrap()
        .captioned("c".repeat(limits::TEXT))
        .unwrap()
        .previewed(Preview::new(&format!("image/{}", "x".repeat(121)), vec![1; limits::PREVIEW]).unwrap())
        .reply_to(message(4));
    let contents: [Content; 8] = [
        Text::plain("a").unwrap().into(),
        Text::markdown("ä".repeat(limits::TEXT / 2)).unwrap().reply_to(message(1)).into(),
        Reaction::to(message(2), "👍").unwrap().into(),
        Reaction::withdrawn(message(2), "x".repeat(limits::REACTION)).unwrap().into(),
        Attachment::new(file(0), "application/octet-stream").unwrap().into(),
        photo().into(),
        largest.into(),
        unknown(0),
    ];
    for content in contents {
        let (kind, bytes) = content.encode();
        assert_eq!(Content::decode(kind, bytes).unwrap(), content);
        let frame = frame(content.clone());
        let opened = Frame::open(&frame.seal().unwrap()).unwrap();
        assert_eq!(opened, frame);
        assert_eq!(opened.content().unwrap(), content);
        assert_eq!(opened.seen(), &seen());
    }
}

#[test]
fn constructors_hold_their_bounds() {
    let misuse = |error: Error| assert_eq!(error.code(), Code::BadArgument);
    misuse(Text::plain("").unwrap_err());
    misuse(Text::plain("x".repeat(limits::TEXT + 1)).unwrap_err());
    misuse(Text::markdown("a\0").unwrap_err());
    misuse(Reaction::to(message(1), "").unwrap_err());
    misuse(Reaction::to(message(1), "x".repeat(limits::REACTION + 1)).unwrap_err());
    misuse(Reaction::withdrawn(message(1), "a\n").unwrap_err());
    misuse(Attachment::new(file(1), "jpeg").unwrap_err());
    misuse(Attachment::new(FileRef { padded_size: 9, ..file(8) }, "image/jpeg").unwrap_err());
    misuse(photo().named("").unwrap_err());
    misuse(photo().named("../x").unwrap_err());
    misuse(photo().captioned("x".repeat(limits::TEXT + 1)).unwrap_err());
    misuse(photo().captioned("\u{1b}").unwrap_err());
    misuse(Preview::new("text/html", *b"x").unwrap_err());
    misuse(Preview::new("image/", *b"x").unwrap_err());
    misuse(Preview::new("image/png", []).unwrap_err());
    misuse(Preview::new("image/png", vec![0; limits::PREVIEW + 1]).unwrap_err());
    assert_eq!(Attachment::new(file(1), "Image/JPEG").unwrap().media_type(), "image/jpeg");
}

#[test]
fn unknown_kinds_are_kept() {
    // V-708
    for kind in [4, 1 << 31, u32::MAX] {
        let content = Content::decode(kind, vec![0xff; 10]).unwrap();
        assert!(
            matches!(&content, Content::Unsupported { kind: k, bytes } if *k == kind && bytes.len() == 10)
        );
        assert_eq!(Frame::open(&frame(content.clone()).seal().unwrap()).unwrap().content().unwrap(), content);
    }
}

fn bad(kind: u32, content: &impl Message) {
    bad_bytes(kind, content.encode_to_vec());
}

fn bad_bytes(kind: u32, bytes: Vec<u8>) {
    assert_eq!(Content::decode(kind, bytes).unwrap_err().code(), Code::BadContent);
}

#[test]
fn kind_zero_and_long_content_are_refused() {
    // V-705, V-706
    bad_bytes(0, vec![]);
    bad_bytes(4, vec![0; limits::CONTENT + 1]);
    assert!(Content::decode(4, vec![0; limits::CONTENT]).is_ok());
}

#[test]
fn the_registry_is_the_one_in_spec() {
    let spec = include_str!("../../../proto/SPEC.content.md");
    let registered =
        |kind: u32, name: &str| assert!(spec.contains(&format!("| {kind} | `{name}` | 1 |")), "{name}");
    registered(TEXT, "Text");
    registered(REACTION, "Reaction");
    registered(ATTACHMENT, "Attachment");
    assert_eq!(spec.matches("` | 1 |").count(), 3);
}

#[test]
fn known_content_that_is_not_canonical_is_refused() {
    // V-709
    let (_, good) = Content::from(Text::plain("abc").unwrap()).encode();
    for kind in [TEXT, REACTION, ATTACHMENT] {
        bad_bytes(kind, vec![]);
        bad_bytes(kind, vec![0xff; 9]);
    }
    bad_bytes(TEXT, [&good[..], &[0x10, 0]].concat()); // an explicit default
    bad_bytes(TEXT, [&good[..], &good[..]].concat()); // a field twice
    bad_bytes(TEXT, [&good[..], &[0x7a, 0]].concat()); // an unknown field
    bad_bytes(TEXT, b"\x0a\x02\xc3\x28".to_vec()); // not UTF-8
}

#[test]
fn bad_texts_are_refused() {
    // V-710
    let good = || proto::Text { body: "a".into(), ..Default::default() };
    assert!(Content::decode(TEXT, good().encode_to_vec()).is_ok());
    bad(TEXT, &proto::Text { body: String::new(), markdown: true, ..good() });
    bad(TEXT, &proto::Text { body: "x".repeat(limits::TEXT + 1), ..good() });
    bad(TEXT, &proto::Text { body: "a\0b".into(), ..good() });
    bad(TEXT, &proto::Text { reply_to: vec![1; 31].into(), ..good() });
}

#[test]
fn bad_reactions_are_refused() {
    // V-711
    let good = || proto::Reaction { target: vec![1; 32].into(), symbol: "👍".into(), ..Default::default() };
    assert!(Content::decode(REACTION, good().encode_to_vec()).is_ok());
    bad(REACTION, &proto::Reaction { target: Bytes::new(), ..good() });
    bad(REACTION, &proto::Reaction { target: vec![1; 33].into(), ..good() });
    bad(REACTION, &proto::Reaction { symbol: String::new(), ..good() });
    bad(REACTION, &proto::Reaction { symbol: "x".repeat(limits::REACTION + 1), ..good() });
    bad(REACTION, &proto::Reaction { symbol: "a\nb".into(), ..good() });
}

#[test]
fn bad_attachments_are_refused() {
    // V-712
    let good = || photo().to_proto();
    assert!(Content::decode(ATTACHMENT, good().encode_to_vec()).is_ok());
    bad(ATTACHMENT, &proto::Attachment { file: None, ..good() });
    for name in ["a/b", "..", "a\\b", "C:", "a\u{202e}b"] {
        bad(ATTACHMENT, &proto::Attachment { name: name.into(), ..good() });
    }
    for media_type in ["", "jpeg", "Image/jpeg", "image/jpeg;q=1"] {
        bad(ATTACHMENT, &proto::Attachment { media_type: media_type.into(), ..good() });
    }
    bad(ATTACHMENT, &proto::Attachment { caption: "x".repeat(limits::TEXT + 1), ..good() });
    bad(ATTACHMENT, &proto::Attachment { caption: "\u{7}".into(), ..good() });
    bad(ATTACHMENT, &proto::Attachment { reply_to: vec![1].into(), ..good() });

    let preview = |media_type: &str, len| {
        let preview = proto::Preview { media_type: media_type.into(), data: vec![1; len].into() };
        proto::Attachment { preview: Some(preview), ..good() }
    };
    assert!(Content::decode(ATTACHMENT, preview("image/png", 1).encode_to_vec()).is_ok());
    bad(ATTACHMENT, &preview("image/png", 0));
    bad(ATTACHMENT, &preview("image/png", limits::PREVIEW + 1));
    bad(ATTACHMENT, &preview("text/html", 1));
    bad(ATTACHMENT, &preview("Image/png", 1));
}

#[test]
fn bad_file_references_are_refused() {
    // V-713
    let with = |change: &dyn Fn(&mut proto::FileRef)| {
        let mut attachment = photo().to_proto();
        change(attachment.file.as_mut().unwrap());
        attachment
    };
    assert!(Content::decode(ATTACHMENT, with(&|_| ()).encode_to_vec()).is_ok());
    bad(ATTACHMENT, &with(&|f| f.blob = vec![1; 15].into()));
    bad(ATTACHMENT, &with(&|f| f.origin = "Police".into()));
    bad(ATTACHMENT, &with(&|f| f.key = vec![1; 31].into()));
    bad(ATTACHMENT, &with(&|f| f.key = Bytes::new()));
    bad(ATTACHMENT, &with(&|f| f.root = vec![1; 33].into()));
    for suite in [0, 2, 257] {
        bad(ATTACHMENT, &with(&|f| f.suite = suite));
    }
    bad(ATTACHMENT, &with(&|f| f.padded_size += 1));
    bad(ATTACHMENT, &with(&|f| f.size = f.padded_size + 1));
    bad(ATTACHMENT, &with(&|f| (f.size, f.padded_size) = (limits::ATTACHMENT + 1, limits::ATTACHMENT + 1)));
}

#[test]
fn debug_says_nothing_of_what_people_say() {
    let secret = "xyzzy";
    let attachment = photo().captioned(secret).unwrap().named(secret).unwrap();
    let contents: [Content; 4] = [
        Text::plain(secret).unwrap().into(),
        Reaction::to(message(1), secret).unwrap().into(),
        attachment.previewed(Preview::new("image/png", secret).unwrap()).into(),
        Content::decode(77, secret).unwrap(),
    ];
    for content in contents {
        let shown = format!("{content:?} {:?}", frame(content.clone()));
        assert!(!shown.contains(secret) && !shown.contains("120, 121"), "{shown}");
    }
}

proptest! {
    #[test]
    fn any_content_is_read_or_refused(kind in 0..5u32, bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(content) = Content::decode(kind, bytes.clone()) {
            prop_assert_eq!(content.encode(), (kind, bytes.into()));
        }
    }
}
