//! `proto/vectors/attachments.json`: made here, and run from what stands in it alone.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::chacha::{
    self,
    known::{array, fixed, number},
};
use crate::{
    attachment::{Capability, CapabilityHash, FileRef, Geometry},
    code::Code,
    error::Result,
    ids::BlobId,
    vectors::{check, hex},
};

const ABOUT: &str = "Chapter Attachments of SPEC.md. Bytes are hexadecimal; byte k of every file is k mod 251. \
    `geometry`: what follows from a file's size. `suites`: for each suite `files`, sealed from their key and salt; sealed \
    chunks of up to 1 KiB are given, of longer ones the chunk hash tells; and `faults`: each has one fault and the code \
    of the error that it has to give; a `chunk` is handed in as sealed chunk `index` and is given in bytes or \
    as chunk `of_index` of the file `of`; without a `chunk` the fault shows earlier; a `sealed_size` is that \
    of all chunks together. `large`: files of which only the given `chunks` are sealed, each with its hash and its last 16 \
    bytes; of every other chunk i of the `hashes` in the list, the hash is the eight bytes of i, big-endian, four times. \
    `large_faults`: the same with a fault; a `chunk` is handed in as chunk `index` and is chunk `of_index` of the large file \
    '4 GiB + 1'. `sealed_files`: what stands before the chunks of the file `of` where all is in one piece; `sealed_file_faults`: such \
    pieces with a fault each, and what the message says. `sealings`: the source has `source_size` bytes, of which byte `changed`, if \
    there is one, is another (its lowest bit flipped); the hashes `before` were stored before an interruption; without a `code` \
    the file is sealed, and its list begins with them. `unspoken`: for who does not speak the suite. `server_faults`: what a server finds, who has neither file nor key.";

#[test]
fn attachments() {
    let made = json!({
        "about": ABOUT,
        "geometry": sizes().map(geometry).collect::<Vec<_>>(),
        "suites": [chacha::known::made(), aes_made()],
        "server_faults": server_faults(),
    });
    check(FILE, &made);

    made["geometry"].as_array().unwrap().iter().for_each(run_geometry);
    chacha::known::run(&made["suites"][0]);
    aes_run(&made["suites"][1]);
    for fault in made["server_faults"].as_array().unwrap() {
        let code = run_server_fault(fault).expect_err("passes").code();
        assert_eq!(json!(code.number()), fault["code"], "{}", fault["fault"]);
    }
}

pub(super) const FILE: &str = "attachments.json";

#[cfg(feature = "aes-gcm")]
use super::aes::known::{made as aes_made, run as aes_run};
#[cfg(not(feature = "aes-gcm"))]
use super::unspoken::{made as aes_made, run as aes_run};

fn sizes() -> impl Iterator<Item = u64> {
    let powers = [3, 10, 15, 16, 17, 20, 21, 31, 32, 33, 36, 39, 40].map(|log2| 1u64 << log2);
    let around = powers.into_iter().flat_map(|power| [power - 1, power, power + 1]);
    [0, 1, 9, 1000, 3_000_000].into_iter().chain(around).filter(|size| *size <= crate::limits::ATTACHMENT)
}

fn geometry(size: u64) -> Value {
    let geometry = Geometry::of_file(size).unwrap();
    json!({
        "size": size,
        "padded_size": geometry.padded_size(),
        "log2_chunk": geometry.chunk_log2(),
        "chunks": geometry.chunks(),
        "sealed_size": geometry.sealed_size(),
    })
}

/// What a server sees, who has no file key.
fn server_faults() -> Vec<Value> {
    let file = fixed(37);
    let capability = |text: &str, shown: Capability| {
        json!({
            "fault": text,
            "rule": "V-650",
            "code": Code::BadCapability.number(),
            "capability": hex(shown.expose()),
            "capability_hash": hex(file.said.capability().hash().as_bytes()),
        })
    };
    let sealed_size = |text: &str, size: u64| json!({ "fault": text, "rule": "V-612", "code": Code::BadGeometry.number(), "sealed_size": size });
    let other = FileRef { blob: BlobId::from_bytes([8; 16]), ..file.said.clone() };
    vec![
        capability("capability for another blob", other.capability()),
        capability("capability from another file key", fixed(40).said.capability()),
        sealed_size("sealed size without a tag", 15),
        sealed_size("sealed size of a second, empty chunk", 65_552 + 16),
        sealed_size("sealed size that no padded size has", 65_552 + 17),
        sealed_size("sealed size past 1 TiB", (1 << 41) + (1 << 21)),
    ]
}

fn run_geometry(vector: &Value) {
    let size = number(&vector["size"]);
    assert_eq!(geometry(size), *vector);
    let by_sealed = Geometry::of_sealed(number(&vector["sealed_size"])).unwrap();
    assert_eq!(by_sealed, Geometry::of_file(size).unwrap());
}

/// As a server: the capability or the sealed size.
fn run_server_fault(vector: &Value) -> Result<()> {
    if !vector["capability"].is_null() {
        let kept = CapabilityHash::from_bytes(array(&vector["capability_hash"]));
        return kept.admit(&Capability::from_bytes(Zeroizing::new(array(&vector["capability"]))));
    }
    Geometry::of_sealed(number(&vector["sealed_size"])).map(drop)
}
