//! Sealed files in one piece, and sealing itself, as `proto/vectors/attachments.json` has them.

use std::io::{self, Read, Write};

use serde_json::{Value, json};

use super::{
    SUITE,
    known::{array, fixed, number, reseal, said, seal_of},
    support::*,
    writing::code,
};
use crate::{
    attachment::io::{OpenReader, Preface, SealWriter},
    vectors::{hex, unhex},
};

/// Of these files what stands before the chunks is given.
const OF: [&str; 5] = ["empty", "with padding", "one full chunk", "two chunks, padded", "three chunks"];

/// The beginnings of sealed files.
pub(super) fn made(files: &[(&str, File)]) -> Vec<Value> {
    let of = |name: &&str| {
        let (_, file) = files.iter().find(|(there, _)| there == name).expect("file");
        json!({ "of": name, "beginning": hex(beginning(file)) })
    };
    OF.iter().map(of).collect()
}

fn beginning(file: &File) -> Vec<u8> {
    let padded = file.said.padded_size.to_be_bytes();
    [b"verbund\x01", &padded[..], &file.header, &file.list].concat()
}

pub(super) fn run(vector: &Value, files: &[Value]) {
    let of = files.iter().find(|file| file["name"] == vector["of"]).expect("file");
    let file = reseal(of);
    let piece = [unhex(&vector["beginning"]), file.chunks.concat()].concat();
    assert_eq!(open(&file.said, &piece).unwrap(), content(usize(file.said.size)));
    let mut written = Vec::new();
    Preface::read_from(&mut &piece[..]).unwrap().write_to(&mut written).unwrap();
    assert_eq!(hex(&written), vector["beginning"]);
}

/// As a recipient opens it, to its end.
fn open(said: &FileRef, mut piece: &[u8]) -> io::Result<Vec<u8>> {
    let opener = Preface::read_from(&mut piece)?.into_opener(said)?;
    let mut given = Vec::new();
    OpenReader::new(opener, piece).read_to_end(&mut given)?;
    Ok(given)
}

/// Sealed files with one fault each, for a recipient who has the right file reference.
pub(super) fn faults() -> Vec<Value> {
    let file = fixed(37);
    let piece = [beginning(&file), file.chunks.concat()].concat();
    let fault = |text: &str, rule: &str, code: Code, change: &dyn Fn(&mut Vec<u8>)| {
        let mut piece = piece.clone();
        change(&mut piece);
        json!({
            "fault": text,
            "rule": rule,
            "code": code.number(),
            "file_key": hex(file.said.key.expose()),
            "root": hex(file.said.root.as_bytes()),
            "size": file.said.size,
            "padded_size": file.said.padded_size,
            "sealed_file": hex(&piece),
        })
    };
    let set = |at: usize, byte: u8| move |piece: &mut Vec<u8>| piece[at] = byte;
    let flip = |at: usize| move |piece: &mut Vec<u8>| piece[at] ^= 1;
    let cut = |len: usize| move |piece: &mut Vec<u8>| piece.truncate(len);
    vec![
        fault("no bytes", "V-617", Code::NotSealed, &cut(0)),
        fault("another beginning", "V-617", Code::NotSealed, &set(0, b'V')),
        fault("version 2", "V-617", Code::NotSealed, &set(7, 2)),
        fault("cut within the header", "V-617", Code::NotSealed, &cut(65)),
        fault("suite 3", "V-602", Code::UnknownSuite, &set(16, 3)),
        fault("the other suite", "V-602", Code::BadHeader, &set(16, SUITE.number() ^ 3)),
        fault("chunks of 32 KiB", "V-603", Code::BadHeader, &set(17, 15)),
        fault("chunks of 32 MiB", "V-603", Code::BadHeader, &set(17, 25)),
        fault("padded size that no size has", "V-611", Code::BadGeometry, &set(15, 41)),
        fault("padded size past 1 TiB", "V-611", Code::BadGeometry, &set(9, 2)),
        fault("chunks of 128 KiB in a small file", "V-613", Code::BadGeometry, &set(17, 17)),
        fault("no list", "V-618", Code::BadGeometry, &cut(66)),
        fault("cut within the list", "V-618", Code::BadGeometry, &cut(97)),
        fault("padded size of another file", "V-619", Code::BadRoot, &set(15, 44)),
        fault("bit of the salt flipped", "V-620", Code::BadRoot, &flip(18)),
        fault("bit of the commitment flipped", "V-620", Code::BadRoot, &flip(65)),
        fault("bit of the list flipped", "V-620", Code::BadRoot, &flip(66)),
        fault("no chunk", "V-615", Code::BadGeometry, &cut(98)),
        fault("cut within the last chunk", "V-615", Code::BadGeometry, &cut(153)),
        fault("a byte behind the last chunk", "V-615", Code::BadGeometry, &|piece| piece.push(0)),
        fault("bit of the ciphertext flipped", "V-631", Code::BadChunk, &flip(98)),
        fault("bit of the tag flipped", "V-631", Code::BadChunk, &flip(153)),
    ]
}

pub(super) fn run_fault(vector: &Value) -> Code {
    let said = said(vector);
    code(&open(&said, &unhex(&vector["sealed_file"])).expect_err("opens"))
}

/// Sealings that have to end, and one that goes on: `before` are the hashes that were stored before an
/// interruption, and byte `changed` of the source is another one now.
pub(super) fn sealings() -> Vec<Value> {
    let sealing = |name: &str, announced: usize, source: usize, stored: usize, changed: Option<usize>| {
        let file = fixed(announced);
        json!({
            "name": name,
            "file_key": hex(file.said.key.expose()),
            "salt": hex(&file.header[2..18]),
            "size": announced,
            "source_size": source,
            "before": hex(&file.list[..32 * stored]),
            "changed": changed,
        })
    };
    let refused = |rule: &str, mut sealing: Value| {
        sealing["rule"] = json!(rule);
        sealing["code"] = json!(Code::SourceChanged.number());
        sealing
    };
    vec![
        sealing("interrupted before the first chunk", 131_073, 131_073, 0, None),
        sealing("interrupted after the first chunk", 131_073, 131_073, 1, None),
        sealing("interrupted after the last chunk", 131_073, 131_073, 3, None),
        sealing("changed where nothing was sealed", 131_073, 131_073, 1, Some(65_536)),
        refused("V-640", sealing("source one byte shorter", 40, 39, 0, None)),
        refused("V-640", sealing("source one byte longer", 40, 41, 0, None)),
        refused("V-640", sealing("source that ends with a chunk", 131_073, 131_072, 0, None)),
        refused("V-640", sealing("source that is longer than a chunk", 65_536, 65_537, 0, None)),
        refused("V-640", sealing("source of an empty file", 0, 1, 0, None)),
        refused("V-641", sealing("first byte changed", 131_073, 131_073, 1, Some(0))),
        refused("V-641", sealing("last byte of a sealed chunk changed", 131_073, 131_073, 2, Some(131_071))),
        refused("V-641", sealing("last byte changed", 131_073, 131_073, 3, Some(131_072))),
    ]
}

pub(super) fn run_sealing(vector: &Value) {
    let key = FileKey::from_bytes(Zeroizing::new(array(&vector["file_key"])));
    let size = number(&vector["size"]);
    let (header, _) = begin(&key, Geometry::of_file(size).unwrap(), array(&vector["salt"]));
    let before = unhex(&vector["before"]);
    let mut source = content(usize(number(&vector["source_size"])));
    if let Some(at) = vector["changed"].as_u64() {
        source[usize(at)] ^= 1;
    }
    // By chunk as apps do, and as a stream.
    let resumed = || Sealer::resume(key.clone(), header, size, before.as_chunks().0.to_vec()).unwrap();
    let mut writer = SealWriter::new(resumed(), io::sink());
    let sealed = writer.fill_from(&mut &source[..]).and_then(|()| writer.finish());
    let mut written = SealWriter::new(resumed(), io::sink());
    let whole = written.write_all(&source).and_then(|()| written.finish());
    match vector["code"].as_u64() {
        None => {
            let (one, two) = (sealed.unwrap().0, whole.unwrap().0);
            assert_eq!(one.list(), two.list());
            assert!(one.list().as_bytes().starts_with(&before));
            if vector["changed"].is_null() {
                assert_eq!(one.list().as_bytes(), seal_of(key, array(&vector["salt"]), usize(size)).list);
            }
        }
        Some(expected) => {
            for refused in [sealed.err(), whole.err()] {
                let code = code(&refused.expect("sealed"));
                assert_eq!(u64::from(code.number()), expected, "{}", vector["name"]);
            }
        }
    }
}

/// Of suite 2 what somebody finds who speaks suite 1 alone.
pub(super) fn unspoken() -> Value {
    let file = fixed(37);
    json!({
        "fault": "suite that is not spoken",
        "rule": "V-616",
        "code": Code::UnknownSuite.number(),
        "file_key": hex(file.said.key.expose()),
        "root": hex(file.said.root.as_bytes()),
        "size": file.said.size,
        "padded_size": file.said.padded_size,
        "header": hex(&file.header),
        "chunk_hashes": hex(&file.list),
    })
}
