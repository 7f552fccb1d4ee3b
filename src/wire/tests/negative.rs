//! Bytes that are not the one encoding of what they say, by the name of the fault.

use bytes::Bytes;

use crate::{
    code::Code,
    limits,
    wire::{
        Signed, Wire, decode, decode_body, encode,
        log::{Head, LogEntry, RoomMaterial},
    },
};

/// A base 128 varint.
fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
    bytes
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn part(field: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// The fields of a head, in order.
fn head() -> [Vec<u8>; 6] {
    [
        part(1, &[1; 16]),
        number(2, 3),
        number(3, 300),
        part(4, &[4; 32]),
        number(5, 1_700_000_000_000),
        part(6, &[6; 16]),
    ]
}

fn head_with(field: usize, bytes: Vec<u8>) -> Vec<u8> {
    let mut fields = head();
    fields[field - 1] = bytes;
    fields.concat()
}

#[test]
fn messages() {
    // V-112, V-113
    let plus = |bytes: &[u8]| [&head().concat(), bytes].concat();
    let mut swapped = head();
    swapped.swap(1, 2);
    let good = head().concat();
    assert!(decode_body::<Head>(&good.clone().into()).is_ok());
    let cases = [
        ("duplicate field", head_with(2, [number(2, 3), number(2, 3)].concat()), Code::NotCanonical),
        ("duplicate field, elsewhere", plus(&number(2, 3)), Code::NotCanonical),
        ("unknown number", plus(&number(7, 1)), Code::NotCanonical),
        ("unknown bytes", plus(&part(7, b"?")), Code::NotCanonical),
        ("field number that is known in 29 bits", head_with(2, number(2 + (1 << 29), 3)), Code::NotCanonical),
        ("non-minimal varint", head_with(2, vec![0x10, 0x83, 0x00]), Code::NotCanonical),
        ("non-minimal key", head_with(2, vec![0x90, 0x00, 0x03]), Code::NotCanonical),
        ("non-minimal length", head_with(1, [vec![0x0a, 0x90, 0], vec![1; 16]].concat()), Code::NotCanonical),
        ("explicit default", head_with(5, number(5, 0)), Code::NotCanonical),
        ("wrong order", swapped.concat(), Code::NotCanonical),
        ("trailing zero", plus(&[0]), Code::Malformed),
        ("trailing key", plus(&[0x38]), Code::Malformed),
        ("truncated", good[..good.len() - 1].to_vec(), Code::Malformed),
        ("length past the end", head_with(6, vec![0x32, 0xff, 0xff, 0xff, 0xff, 0x0f]), Code::Malformed),
        ("length past all ends", plus(&[&[0x32][..], &[0xff; 9], &[1]].concat()), Code::Malformed),
        ("number for bytes", head_with(1, number(1, 16)), Code::Malformed),
        ("bytes for a number", head_with(2, part(2, &[3])), Code::Malformed),
        ("eight-byte number", plus(&[0x39, 0, 0, 0, 0, 0, 0, 0, 1]), Code::Malformed),
        ("group", plus(&[0x3b, 0x3c]), Code::Malformed),
        ("eleven-byte varint", head_with(2, [&[0x10][..], &[0x80; 10], &[1]].concat()), Code::Malformed),
        ("number past 64 bits", head_with(2, [&[0x10][..], &[0xff; 9], &[2]].concat()), Code::Malformed),
        ("id too short", head_with(1, part(1, &[1; 15])), Code::BadName),
        ("id too long", head_with(4, part(4, &[4; 33])), Code::BadName),
        ("id absent", head_with(6, vec![]), Code::BadName),
        ("number that counts from 1 absent", head_with(3, vec![]), Code::BadField),
        ("nothing", vec![], Code::BadName),
    ];
    for (name, bytes, code) in cases {
        assert_eq!(decode_body::<Head>(&bytes.into()).unwrap_err().code(), code, "{name}");
    }
}

#[test]
fn envelopes() {
    // V-111, V-114
    let body = head().concat();
    let good = [number(1, 1), part(2, &body)].concat();
    assert_eq!(encode(&decode::<Head>(&good.clone().into()).unwrap()), good);
    let cases = [
        ("version 0", part(2, &body), Code::UnknownVersion),
        ("version 0, explicit", [number(1, 0), part(2, &body)].concat(), Code::NotCanonical),
        ("version 2", [number(1, 2), part(2, &body)].concat(), Code::UnknownVersion),
        ("version 1 in 32 bits", [number(1, 1 << 32 | 1), part(2, &body)].concat(), Code::NotCanonical),
        ("no envelope", body.clone(), Code::Malformed),
        ("no body", number(1, 1), Code::BadName),
        ("nothing", vec![], Code::UnknownVersion),
        ("signatures", [number(1, 1), part(2, &body), part(3, &[])].concat(), Code::NotCanonical),
        ("fault in the body", [number(1, 1), part(2, &[&body, &[0][..]].concat())].concat(), Code::Malformed),
        ("too long", [good, vec![0; Head::MAX]].concat(), Code::TooLong),
    ];
    for (name, bytes, code) in cases {
        assert_eq!(decode::<Head>(&bytes.into()).unwrap_err().code(), code, "{name}");
    }
}

#[test]
fn signed_envelopes() {
    // V-115
    let key = |n: u8| part(1, &[n; 32]);
    let signature = |n: u8| part(3, &[key(n), part(2, &[n; 64])].concat());
    let signed = |signatures: &[Vec<u8>]| {
        let start = [number(1, 1), part(2, &head().concat())].concat();
        Bytes::from([start, signatures.concat()].concat())
    };
    assert!(Signed::<Head>::decode(&signed(&[signature(1), signature(2)])).is_ok());
    let version = |n| Bytes::from([number(1, n), part(2, &head().concat()), signature(1)].concat());
    let many: Vec<_> = (0..33).map(signature).collect();
    let cases = [
        ("version 2", version(2), Code::UnknownVersion),
        ("no signature", signed(&[]), Code::BadField),
        ("empty signature", signed(&[part(3, &[])]), Code::BadName),
        (
            "key id too short",
            signed(&[part(3, &[part(1, &[1; 31]), part(2, &[1; 64])].concat())]),
            Code::BadName,
        ),
        ("signature too short", signed(&[part(3, &[key(1), part(2, &[1; 63])].concat())]), Code::BadField),
        ("signature too long", signed(&[part(3, &[key(1), part(2, &[1; 65])].concat())]), Code::BadField),
        ("wrong order", signed(&[signature(2), signature(1)]), Code::BadField),
        ("one key twice", signed(&[signature(1), signature(1)]), Code::BadField),
        ("33 signatures", signed(&many), Code::TooLong),
    ];
    for (name, bytes, code) in cases {
        // So many signatures are too long for a head; the number is looked at in any document.
        let refused = match name {
            "33 signatures" => Signed::<LogEntry>::decode(&bytes).unwrap_err(),
            _ => Signed::<Head>::decode(&bytes).unwrap_err(),
        };
        assert_eq!(refused.code(), code, "{name}");
    }
}

/// V-111: two bytes of an empty list item would take hundreds in memory.
#[test]
fn fields_are_counted_before_they_are_built() {
    let material = |items: usize| Bytes::from([part(1, b"tree"), part(2, &[]).repeat(items)].concat());
    let refused = |items| decode_body::<RoomMaterial>(&material(items)).unwrap_err();
    assert_eq!(refused(limits::FIELDS).context(), "fields of a message");
    assert_eq!(refused(limits::FIELDS - 1).context(), "evidence");
    assert_eq!(refused(limits::EVIDENCE + 1).code(), Code::TooLong);
    assert_eq!(refused(limits::EVIDENCE).code(), Code::BadField);
}
