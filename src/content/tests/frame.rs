//! Frames, padding and message ids.

use super::*;
use crate::wire::Wire;

fn sealed(change: impl Fn(&mut proto::Frame)) -> Bytes {
    let mut frame = frame(Text::plain("a").unwrap()).to_proto();
    change(&mut frame);
    envelope(1, frame.encode_to_vec())
}

fn envelope(version: u32, body: Vec<u8>) -> Bytes {
    padding::pad(&proto::Envelope { version, body: body.into() }.encode_to_vec()).unwrap()
}

#[test]
fn bad_frames_are_refused() {
    // V-703, V-704, and of every message V-112 to V-114
    assert!(Frame::open(&sealed(|_| ())).is_ok());
    let refused = |bytes: &Bytes, code| assert_eq!(Frame::open(bytes).unwrap_err().code(), code);
    for nonce in [0, 15, 17] {
        refused(&sealed(|f| f.nonce = vec![1; nonce].into()), Code::BadField);
    }
    refused(&sealed(|f| f.seen_seq = 0), Code::BadField);
    refused(&sealed(|f| f.seen_hash = Bytes::new()), Code::BadField);
    refused(&sealed(|f| f.seen_hash = vec![1; 31].into()), Code::BadField);
    // V-714
    let lifetime = 400 * 86_400_000;
    assert!(Frame::open(&sealed(|f| (f.lifetime, f.label) = (lifetime, "x".repeat(253)))).is_ok());
    refused(&sealed(|f| f.lifetime = lifetime + 1), Code::BadField);
    refused(&sealed(|f| f.lifetime = u64::MAX), Code::BadField);
    refused(&sealed(|f| f.label = "x".repeat(254)), Code::BadField);
    refused(&envelope(2, vec![]), Code::UnknownVersion);
    refused(&envelope(1, vec![0xff]), Code::Malformed);
    refused(&envelope(1, vec![0x42, 1, 0]), Code::NotCanonical); // an unknown field
    refused(&Bytes::new(), Code::NotCanonical);
    refused(&vec![0; 512].into(), Code::NotCanonical);
}

#[test]
fn a_long_frame_is_not_even_decoded() {
    // V-111
    let long = Bytes::from(vec![0xff; Frame::MAX + 1]);
    assert_eq!(crate::wire::decode::<Frame>(&long).unwrap_err().code(), Code::TooLong);
    assert_eq!(crate::wire::decode::<Frame>(&long.slice(1..)).unwrap_err().code(), Code::Malformed);
}

#[test]
fn a_message_with_bad_content_has_an_id() {
    for (kind, content) in [(TEXT, vec![0xff]), (0, vec![]), (9, vec![0; limits::CONTENT + 1])] {
        let bytes = sealed(|f| (f.kind, f.content) = (kind, content.clone().into()));
        let frame = Frame::open(&bytes).unwrap();
        assert_eq!(frame.content().unwrap_err().code(), Code::BadContent);
        assert_ne!(frame.id(&room(), &device()), message(0));
    }
}

#[test]
fn a_frame_that_none_would_open_is_not_sealed() {
    let frame = frame(unknown(0)).at(Seen { seq: 0, ..seen() });
    assert_eq!(frame.seal().unwrap_err().code(), Code::Bug);
}

#[test]
fn every_content_length_lands_on_a_class() {
    for len in 0..=limits::CONTENT {
        let frame = frame(unknown(len));
        let bytes = frame.seal().unwrap();
        let step = bytes.len() / (1 << bytes.len().ilog2() >> 1);
        assert!(matches!(step, 2 | 3) && bytes.len().trailing_zeros() >= 8, "{len}");
        assert!((SIZE_CLASS_MIN..=SIZE_CLASS_MAX).contains(&bytes.len()), "{len}");
        assert!(Frame::open(&bytes).unwrap() == frame, "{len}");
    }
    let widest = Seen { seq: u64::MAX, ..seen() };
    let content = Content::decode(u32::MAX, vec![1; limits::CONTENT]).unwrap();
    let terms = Terms { lifetime: Some(limits::MESSAGE_LIFETIME), label: "x".repeat(limits::ROOM_LABEL) };
    let frame = Frame::new(&content, [9; 16], widest).under(terms);
    assert_eq!(frame.seal().unwrap().len(), SIZE_CLASS_MAX);
    assert_eq!(Frame::open(&frame.seal().unwrap()).unwrap(), frame);
}

#[test]
fn a_kibibyte_does_not_cost_two() {
    let text = Text::plain("x".repeat(1_024)).unwrap();
    assert_eq!(frame(text).seal().unwrap().len(), 1_536);
}

#[test]
fn what_most_people_send_looks_alike() {
    let len = |content: Content| frame(content).at(Seen { seq: 1 << 40, ..seen() }).seal().unwrap().len();
    let plain =
        Attachment::new(file(1 << 30), "image/jpeg").unwrap().named("IMG_20250101_120000.jpg").unwrap();
    let text = Text::plain("x".repeat(390)).unwrap().reply_to(message(1));
    let reaction = Reaction::to(message(1), "👍").unwrap();
    for content in [text.into(), reaction.into(), plain.into()] {
        assert_eq!(len(content), SIZE_CLASS_MIN);
    }
}

#[test]
fn message_ids_name_room_sender_nonce_and_content() {
    // V-707
    let base = || frame(Text::plain("a").unwrap());
    let id = base().id(&room(), &device());

    let other_user = Device { user: UserId::parse("ann@police.example").unwrap(), ..device() };
    let other_device = Device { id: DeviceId::from_bytes([3; 16]), ..device() };
    let others = [
        base().id(&RoomId::from_bytes([2; 16]), &device()),
        base().id(&room(), &other_user),
        base().id(&room(), &other_device),
        Frame { nonce: [8; 16], ..base() }.id(&room(), &device()),
        Frame { kind: 2, ..base() }.id(&room(), &device()),
        frame(Text::plain("b").unwrap()).id(&room(), &device()),
    ];
    for (i, other) in others.iter().enumerate() {
        assert_ne!(*other, id);
        assert!(!others[..i].contains(other));
    }
}

#[test]
fn terms_are_no_part_of_the_id() {
    let base = || frame(Text::plain("a").unwrap());
    let terms = Terms { lifetime: Some(core::time::Duration::from_secs(1)), label: "internal".into() };
    assert_eq!(base().under(terms).id(&room(), &device()), base().id(&room(), &device()));
}

#[test]
fn encrypting_again_keeps_the_id() {
    let later = Seen { seq: 70, hash: Hash::from_bytes([80; 32]) };
    let again = Frame::open(&frame(photo()).seal().unwrap()).unwrap().at(later);
    assert_eq!(again.seen(), &later);
    let again = Frame::open(&again.seal().unwrap()).unwrap();
    assert_eq!(again.id(&room(), &device()), frame(photo()).id(&room(), &device()));
}

proptest! {
    #[test]
    fn frames_round_trip(content in content(), nonce: [u8; 16], seq in 1..u64::MAX, hash: [u8; 32]) {
        let frame = Frame::new(&content, nonce, Seen { seq, hash: Hash::from_bytes(hash) });
        let bytes = frame.seal().unwrap();
        let opened = Frame::open(&bytes).unwrap();
        prop_assert_eq!(opened.content().unwrap(), content);
        prop_assert_eq!(opened.seal().unwrap(), bytes);
        prop_assert_eq!(opened, frame);
    }

    #[test]
    fn what_opens_seals_to_the_same_bytes(content in content(), at in 0..512usize, bit in 0..8) {
        let mut bytes = frame(content).seal().unwrap().to_vec();
        bytes[at] ^= 1u8 << bit;
        let bytes = Bytes::from(bytes);
        if let Ok(frame) = Frame::open(&bytes) {
            prop_assert_eq!(frame.seal().unwrap(), bytes);
            if let Ok(content) = frame.content() {
                prop_assert_eq!(content.encode(), (frame.kind, frame.content));
            }
        }
    }

    #[test]
    fn any_plaintext_is_read_or_refused(bytes in vec(any::<u8>(), 0..600)) {
        let _ = Frame::open(&padding::pad(&bytes).unwrap());
        let _ = Frame::open(&bytes.into());
    }
}
