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
        .with_preview_file(
            PreviewFile::new(still_file(limits::PREVIEW_FILE), &format!("image/{}", "x".repeat(121)))
                .unwrap(),
        )
        .unwrap()
        .reply_to(message(4));
    let wide = UserId::parse(&format!("{}@{}a", "u".repeat(64), "a.".repeat(126))).unwrap();
    let text = Text::plain("x".repeat(limits::TEXT)).unwrap();
    let mentions =
        (0..limits::MENTIONS).fold(text, |text, at| text.mention(wide.clone(), at..at + 1).unwrap());
    let contents: [Content; 16] = [
        mentions.clone().reply_to(message(1)).into(),
        Edit::text(message(3), mentions).unwrap().into(),
        Edit::caption(message(3), "").unwrap().into(),
        Delete::of(message(3)).into(),
        Receipts::new(ReceiptKind::Delivered, [message(3)]).unwrap().into(),
        Receipts::new(ReceiptKind::Read, (0..=255).map(message)).unwrap().into(),
        Location::at(-900_000_000, 1_800_000_000).unwrap().into(),
        pier().into(),
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

fn pier() -> Location {
    let at = Timestamp::from_millis(1_700_000_000_000);
    Location::at(535_411_000, -99_842_000)
        .unwrap()
        .within(1_200)
        .unwrap()
        .measured(at)
        .named("Pier 3")
        .unwrap()
}

#[test]
fn what_is_about_others_names_them() {
    let about: [(Content, usize); 5] = [
        (Reaction::to(message(1), "x").unwrap().into(), 1),
        (Edit::caption(message(1), "").unwrap().into(), 1),
        (Delete::of(message(1)).into(), 1),
        (Receipts::new(ReceiptKind::Read, [3, 1, 3].map(message)).unwrap().into(), 2),
        (unknown(3), 0),
    ];
    for (content, targets) in about {
        assert_eq!(content.targets().len(), targets);
        assert_eq!(is_about_others(content.encode().0), targets > 0);
        assert!(content.targets().is_empty() || content.targets()[0] == message(1));
    }
    assert!([TEXT, ATTACHMENT, LOCATION, 8, u32::MAX].iter().all(|kind| !is_about_others(*kind)));
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
    misuse(Edit::text(message(1), Text::plain("a").unwrap().reply_to(message(2))).unwrap_err());
    misuse(Edit::caption(message(1), "\0").unwrap_err());
    misuse(Edit::caption(message(1), "x".repeat(limits::TEXT + 1)).unwrap_err());
    misuse(Receipts::new(ReceiptKind::Read, []).unwrap_err());
    let many = (0..=255).map(|n| MessageId::from_bytes([n; 32])).chain([MessageId::from_bytes({
        let mut id = [0; 32];
        id[0] = 1;
        id
    })]);
    misuse(Receipts::new(ReceiptKind::Read, many).unwrap_err());
    misuse(Location::at(900_000_001, 0).unwrap_err());
    misuse(Location::at(-900_000_001, 0).unwrap_err());
    misuse(Location::at(0, 1_800_000_001).unwrap_err());
    misuse(Location::at(0, -1_800_000_000).unwrap_err());
    misuse(pier().within(0).unwrap_err());
    misuse(pier().within(limits::LOCATION_ACCURACY + 1).unwrap_err());
    misuse(pier().named("a\nb").unwrap_err());
    misuse(pier().named("x".repeat(limits::LOCATION_NAME + 1)).unwrap_err());
    assert_eq!(Attachment::new(file(1), "Image/JPEG").unwrap().media_type(), "image/jpeg");
}

#[test]
fn unknown_kinds_are_kept() {
    // V-708
    for kind in [8, 1 << 31, u32::MAX] {
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
    bad_bytes(8, vec![0; limits::CONTENT + 1]);
    assert!(Content::decode(8, vec![0; limits::CONTENT]).is_ok());
}

#[test]
fn the_registry_is_the_one_in_spec() {
    let spec = include_str!("../../../proto/SPEC.content.md");
    let registered =
        |kind: u32, name: &str| assert!(spec.contains(&format!("| {kind} | `{name}` | 1 |")), "{name}");
    registered(TEXT, "Text");
    registered(REACTION, "Reaction");
    registered(ATTACHMENT, "Attachment");
    registered(EDIT, "Edit");
    registered(DELETE, "Delete");
    registered(RECEIPTS, "Receipts");
    registered(LOCATION, "Location");
    assert_eq!(spec.matches("` | 1 |").count(), 7);
}

#[test]
fn known_content_that_is_not_canonical_is_refused() {
    // V-709
    let (_, good) = Content::from(Text::plain("abc").unwrap()).encode();
    for kind in [TEXT, REACTION, ATTACHMENT, EDIT, DELETE, RECEIPTS, LOCATION] {
        // The place where all numbers are 0 is a good one.
        assert!(kind == LOCATION || Content::decode(kind, vec![]).is_err());
        bad_bytes(kind, vec![0xff; 9]);
    }
    bad_bytes(LOCATION, b"\x08\x80\x80\x80\x80\x80\x01".to_vec()); // more than 32 bits
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
fn bad_mentions_are_refused() {
    // V-715
    let mention = |start, end| proto::Mention { user: "ben@police.example".into(), start, end };
    let with =
        |mentions: Vec<proto::Mention>| proto::Text {
            body: "aäb👮c".into(), mentions, ..Default::default()
        };
    let good = with(vec![mention(0, 1), mention(1, 3), mention(4, 8), mention(8, 9)]);
    let Content::Text(text) = Content::decode(TEXT, good.encode_to_vec()).unwrap() else { panic!() };
    assert_eq!(
        text.mentions().iter().map(|m| text.body().get(m.range()).unwrap()).collect::<Vec<_>>(),
        ["a", "ä", "👮", "c"]
    );
    for (start, end) in [(0, 0), (2, 1), (2, 3), (1, 2), (4, 7), (5, 8), (8, 10), (9, 9), (0, u32::MAX)] {
        bad(TEXT, &with(vec![mention(start, end)]));
    }
    bad(TEXT, &with(vec![mention(1, 3), mention(0, 1)])); // out of order
    bad(TEXT, &with(vec![mention(0, 3), mention(1, 3)])); // overlapping
    bad(TEXT, &with(vec![mention(0, 1), mention(0, 1)])); // twice
    for user in ["", "ben", "Ben@police.example"] {
        bad(TEXT, &with(vec![proto::Mention { user: user.into(), ..mention(0, 1) }]));
    }
    let many =
        |n: u32| proto::Text { body: "x".repeat(99), ..with((0..n).map(|at| mention(at, at + 1)).collect()) };
    assert!(Content::decode(TEXT, many(64).encode_to_vec()).is_ok());
    bad(TEXT, &many(65));
}

#[test]
fn bad_edits_are_refused() {
    // V-716
    let text = |body: &str| proto::Text { body: body.into(), ..Default::default() };
    let edit = |change| proto::Edit { target: vec![1; 32].into(), change };
    let words = |body: &str| edit(Some(proto::edit::Change::Text(text(body))));
    let caption = |body: &str| edit(Some(proto::edit::Change::Caption(body.into())));
    for good in [words("a"), caption("a"), caption("")] {
        assert!(Content::decode(EDIT, good.encode_to_vec()).is_ok());
    }
    bad(EDIT, &edit(None));
    for target in [0, 31, 33] {
        bad(EDIT, &proto::Edit { target: vec![1; target].into(), ..words("a") });
    }
    bad(EDIT, &words(""));
    bad(EDIT, &words("a\0"));
    let answer = proto::Text { reply_to: vec![1; 32].into(), ..text("a") };
    bad(EDIT, &edit(Some(proto::edit::Change::Text(answer))));
    bad(EDIT, &caption("\u{1b}"));
    bad(EDIT, &caption(&"x".repeat(limits::TEXT + 1)));
    bad_bytes(EDIT, [words("a").encode_to_vec(), caption("a").encode_to_vec()[34..].to_vec()].concat()); // both
}

#[test]
fn bad_deletions_are_refused() {
    // V-717
    assert!(Content::decode(DELETE, proto::Delete { target: vec![1; 32].into() }.encode_to_vec()).is_ok());
    for target in [0, 31, 33] {
        bad(DELETE, &proto::Delete { target: vec![1; target].into() });
    }
}

#[test]
fn bad_receipts_are_refused() {
    // V-718
    let receipts = |kind: i32, targets: &[u8]| proto::Receipts {
        kind,
        targets: targets.iter().map(|byte| vec![*byte; 32].into()).collect(),
    };
    for kind in [1, 2] {
        assert!(Content::decode(RECEIPTS, receipts(kind, &[1, 2]).encode_to_vec()).is_ok());
    }
    for kind in [0, 3, -1] {
        bad(RECEIPTS, &receipts(kind, &[1]));
    }
    bad(RECEIPTS, &receipts(1, &[]));
    bad(RECEIPTS, &receipts(1, &[2, 1]));
    bad(RECEIPTS, &receipts(1, &[1, 1]));
    bad(RECEIPTS, &proto::Receipts { kind: 1, targets: vec![vec![1; 31].into()] });
    let id = |n: u16| [&n.to_be_bytes()[..], &[1; 30]].concat().into();
    let many = |n| proto::Receipts { kind: 1, targets: (0..n).map(id).collect() };
    assert!(Content::decode(RECEIPTS, many(256).encode_to_vec()).is_ok());
    bad(RECEIPTS, &many(257));
}

#[test]
fn bad_locations_are_refused() {
    // V-719
    let good = || pier().to_proto();
    assert!(Content::decode(LOCATION, good().encode_to_vec()).is_ok());
    for latitude in [900_000_001, -900_000_001, i32::MIN, i32::MAX] {
        bad(LOCATION, &proto::Location { latitude, ..good() });
    }
    for longitude in [1_800_000_001, -1_800_000_000, i32::MIN, i32::MAX] {
        bad(LOCATION, &proto::Location { longitude, ..good() });
    }
    for accuracy in [limits::LOCATION_ACCURACY + 1, u32::MAX] {
        bad(LOCATION, &proto::Location { accuracy, ..good() });
    }
    bad(LOCATION, &proto::Location { name: "a\nb".into(), ..good() });
    bad(LOCATION, &proto::Location { name: "x".repeat(limits::LOCATION_NAME + 1), ..good() });
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
fn bad_preview_files_are_refused() {
    // V-730
    let preview = |media_type: &str, file: Option<FileRef>| {
        let file = file.map(|file| file.to_proto());
        let preview_file = Some(proto::PreviewFile { media_type: media_type.into(), file });
        proto::Attachment { preview_file, ..photo().to_proto() }
    };
    let good = || still_file(limits::PREVIEW_FILE);
    assert!(Content::decode(ATTACHMENT, preview("image/png", Some(good())).encode_to_vec()).is_ok());
    bad(ATTACHMENT, &preview("image/png", None));
    bad(ATTACHMENT, &preview("text/html", Some(good())));
    bad(ATTACHMENT, &preview("Image/png", Some(good())));
    bad(ATTACHMENT, &preview("image/png", Some(still_file(limits::PREVIEW_FILE + 1))));
    bad(ATTACHMENT, &preview("image/png", Some(FileRef { padded_size: 7, ..good() })));
    bad(ATTACHMENT, &preview("image/png", Some(FileRef { blob: photo().file().blob, ..good() })));
    bad(ATTACHMENT, &preview("image/png", Some(FileRef { key: photo().file().key.clone(), ..good() })));
    let origin = AgencyId::parse("police.nord.example").unwrap();
    bad(ATTACHMENT, &preview("image/png", Some(FileRef { origin, ..good() })));
}

#[test]
fn an_attachment_names_its_files() {
    let named = |attachment: Attachment| attachment.files().map(|file| file.blob).collect::<Vec<_>>();
    assert_eq!(named(photo()), [file(0).blob]);
    assert_eq!(named(video()), [file(0).blob, still_file(0).blob]);
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
    for suite in [0, 3, 257] {
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
    let text = || Text::plain(secret).unwrap();
    let contents: [Content; 8] = [
        text().mention(UserId::parse("xyzzy@police.example").unwrap(), 0..3).unwrap().into(),
        Edit::text(message(1), text()).unwrap().into(),
        Edit::caption(message(1), secret).unwrap().into(),
        Location::at(120, 121).unwrap().named(secret).unwrap().into(),
        text().into(),
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
    fn any_content_is_read_or_refused(kind in 0..9u32, bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(content) = Content::decode(kind, bytes.clone()) {
            prop_assert_eq!(content.encode(), (kind, bytes.into()));
        }
    }
}
