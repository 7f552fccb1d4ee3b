//! Files too large to be written down, as `proto/vectors/attachments.json` has them: a few chunks are sealed,
//! and the hashes of all others are made up by a rule.

use serde_json::{Value, json};

use super::{
    SUITE,
    known::{array, number, said},
    support::*,
};
use crate::vectors::{hex, unhex};

const GIB: u64 = 1 << 30;
const SALT: [u8; 16] = [2; 16];

/// Sizes, and the chunks that are sealed of them.
const FILES: [(&str, u64, &[u64]); 7] = [
    ("4 GiB - 1", 4 * GIB - 1, &[0, 32_767, 65_535]),
    ("4 GiB", 4 * GIB, &[0, 65_534, 65_535]),
    ("4 GiB + 1", 4 * GIB + 1, &[0, 32_767, 32_768, 32_769, 33_279]),
    ("8 GiB", 8 * GIB, &[0, 65_535]),
    ("8 GiB + 1", 8 * GIB + 1, &[32_768, 33_279]),
    ("1 TiB - 1", 1024 * GIB - 1, &[65_535]),
    ("1 TiB", 1024 * GIB, &[65_535]),
];

pub(super) fn made() -> Vec<Value> {
    FILES.iter().map(|(name, size, indexes)| positive(name, *size, indexes)).collect()
}

fn positive(name: &str, size: u64, indexes: &[u64]) -> Value {
    let geometry = Geometry::of_file(size).unwrap();
    let (header, _) = begin(&key(1), geometry, SALT);
    let chunks: Vec<Value> = indexes
        .iter()
        .map(|&index| {
            let sealed = chunk(size, index);
            let hash = chunk_hash(SUITE, index, geometry.is_last(index), &sealed);
            json!({ "index": index, "hash": hex(hash), "tag": hex(&sealed[sealed.len() - 16..]) })
        })
        .collect();
    let list = ChunkList::parse(&list(geometry.chunks(), &chunks)).unwrap();
    json!({
        "name": name,
        "file_key": hex(key(1).expose()),
        "salt": hex(SALT),
        "size": size,
        "padded_size": geometry.padded_size(),
        "header": hex(header.to_bytes()),
        "hashes": geometry.chunks(),
        "chunks": chunks,
        "root": hex(list.root(&header, geometry.padded_size()).as_bytes()),
    })
}

/// Sealed chunk `index` of a file whose byte k is k mod 251.
fn chunk(size: u64, index: u64) -> Vec<u8> {
    let geometry = Geometry::of_file(size).unwrap();
    let first = (index * geometry.chunk_size()) % 251;
    let mut chunk: Vec<u8> = (0..251).cycle().skip(usize(first)).take(geometry.share(size, index)).collect();
    chunk.resize(geometry.padded_share(index), 0);
    let nonce = Nonce::stream(index, geometry.is_last(index));
    begin(&key(1), geometry, SALT).1.seal_in_place(&nonce, &[], &mut chunk).unwrap();
    chunk
}

/// So many hashes: of chunk i the eight bytes of i four times, but where one is given.
fn list(count: u64, given: &[Value]) -> Vec<u8> {
    let mut list: Vec<[u8; 8]> = (0..count).flat_map(|index| [index.to_be_bytes(); 4]).collect();
    for chunk in given {
        let (hash, place) = (array::<32>(&chunk["hash"]), usize(number(&chunk["index"])));
        list[4 * place..4 * place + 4].copy_from_slice(hash.as_chunks().0);
    }
    list.as_flattened().to_vec()
}

/// As a recipient gets it.
fn received(vector: &Value) -> Result<Opener> {
    let said = said(vector);
    let list = list(number(&vector["hashes"]), vector["chunks"].as_array().unwrap());
    Opener::new(&said, &Header::parse(&unhex(&vector["header"]))?, ChunkList::parse(&list)?)
}

pub(super) fn run(vector: &Value) {
    let opener = received(vector).unwrap();
    let size = number(&vector["size"]);
    for given in vector["chunks"].as_array().unwrap() {
        let index = number(&given["index"]);
        let mut sealed = chunk(size, index);
        assert_eq!(hex(&sealed[sealed.len() - 16..]), given["tag"]);
        opener.open_chunk(index, &mut sealed).unwrap();
        let first = index * opener.geometry().chunk_size();
        assert_eq!(sealed.len(), opener.geometry().share(size, index));
        assert!((first..).zip(&sealed).all(|(place, byte)| place % 251 == u64::from(*byte)));
    }
}

/// Faults at and past the first doubling. Where the list or the sizes lie, the sender's root is right.
pub(super) fn faults() -> Vec<Value> {
    let of = |text: &str, rule: &str, code: Code, change: &dyn Fn(&mut Value)| {
        let mut vector = positive("", 4 * GIB + 1, &[32_768, 32_769]);
        let fields = vector.as_object_mut().unwrap();
        fields.remove("name");
        fields.extend([
            ("fault".into(), json!(text)),
            ("rule".into(), json!(rule)),
            ("code".into(), json!(code.number())),
        ]);
        change(&mut vector);
        vector
    };
    let lies = |text: &str, rule, change: &dyn Fn(&mut Value)| {
        of(text, rule, Code::BadGeometry, &|vector| {
            change(vector);
            let bytes = list(number(&vector["hashes"]), vector["chunks"].as_array().unwrap());
            let header = Header::parse(&unhex(&vector["header"])).unwrap();
            let root = ChunkList::parse(&bytes).unwrap().root(&header, number(&vector["padded_size"]));
            vector["root"] = json!(hex(root.as_bytes()));
        })
    };
    let handed = |text: &str, index: u64, of_index: u64| {
        of(text, "V-631", Code::BadChunk, &|vector| {
            vector["chunk"] = json!({ "index": index, "of_index": of_index });
        })
    };
    let narrow = begin(&key(1), Geometry::of_file(4 * GIB).unwrap(), SALT).0;
    vec![
        lies("chunks of 64 KiB past 4 GiB", "V-613", &|v| v["header"] = json!(hex(narrow.to_bytes()))),
        lies("a hash too few past 4 GiB", "V-614", &|v| v["hashes"] = json!(33_279)),
        lies("a hash too many past 4 GiB", "V-614", &|v| v["hashes"] = json!(33_281)),
        lies("size of 4 GiB with the padding of one more", "V-611", &|v| v["size"] = json!(4 * GIB)),
        of("65,537 hashes", "V-604", Code::BadGeometry, &|v| v["hashes"] = json!(65_537)),
        handed("the chunk in which the file ends for one of padding", 32_769, 32_768),
        handed("a chunk of padding for the one in which the file ends", 32_768, 32_769),
        handed("the chunk in which the file ends for the last", 33_279, 32_768),
    ]
}

pub(super) fn run_fault(vector: &Value) -> Result<()> {
    let opener = received(vector)?;
    let handed = &vector["chunk"];
    let mut sealed = chunk(4 * GIB + 1, number(&handed["of_index"]));
    opener.open_chunk(number(&handed["index"]), &mut sealed)
}
