//! Just enough MessagePack to find where items begin and end
//! (<https://github.com/msgpack/msgpack/blob/master/spec.md>).

/// How an item begins.
pub(super) struct Head {
    /// Bytes to the next item: the marker with all that is not an item itself.
    pub(super) size: usize,
    /// Items inside that follow: elements, or keys and values.
    pub(super) inside: usize,
    /// Whether these are the elements of an array.
    pub(super) array: bool,
}

impl Head {
    /// Reads the head with which `bytes` begins; `None` if it is none, or is cut short.
    pub(super) fn read(bytes: &[u8]) -> Option<Head> {
        let (&marker, rest) = bytes.split_first()?;
        let number = |width: usize| -> Option<usize> {
            Some(rest.get(..width)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
        };
        let low = |mask: u8| usize::from(marker & mask);
        let plain = |size: usize| (size, 0, false);
        let long = |head: usize, content: usize| (head.saturating_add(content), 0, false);
        let (size, inside, array) = match marker {
            0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => plain(1), // small number, nil, boolean
            0x80..=0x8f => (1, 2 * low(0x0f), false),                   // map
            0xde => (3, number(2)?.saturating_mul(2), false),
            0xdf => (5, number(4)?.saturating_mul(2), false),
            0x90..=0x9f => (1, low(0x0f), true), // array
            0xdc => (3, number(2)?, true),
            0xdd => (5, number(4)?, true),
            0xa0..=0xbf => long(1, low(0x1f)),  // string
            0xc4 | 0xd9 => long(2, number(1)?), // bytes, string
            0xc5 | 0xda => long(3, number(2)?),
            0xc6 | 0xdb => long(5, number(4)?),
            0xcc | 0xd0 => plain(2), // number
            0xcd | 0xd1 => plain(3),
            0xca | 0xce | 0xd2 => plain(5),
            0xcb | 0xcf | 0xd3 => plain(9),
            0xd4..=0xd8 => plain(2 + (1 << (marker - 0xd4))), // extension
            0xc7 => long(3, number(1)?),
            0xc8 => long(4, number(2)?),
            0xc9 => long(6, number(4)?),
            0xc1 => return None, // never used
        };
        (size <= bytes.len()).then_some(Head { size, inside, array })
    }
}

/// These bytes, if they are exactly one item with everything inside it.
pub(super) fn only_item(bytes: &[u8]) -> Option<&[u8]> {
    let (mut rest, mut missing) = (bytes, 1_usize);
    while missing > 0 {
        let head = Head::read(rest)?;
        rest = rest.get(head.size..)?;
        missing = (missing - 1).checked_add(head.inside)?;
    }
    rest.is_empty().then_some(bytes)
}
