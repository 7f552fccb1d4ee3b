//! Files of one suite as `proto/vectors/attachments.json` has them: made, and run from what stands there alone.

use rand_core::Rng;
use serde_json::{Value, json};

use super::{SUITE, known_large, known_sealed, support::*};
use crate::{
    crypto::{Label, Prk},
    vectors::{self, hex, unhex},
};

/// Of these sizes whole files are sealed.
const FILES: [(&str, usize); 17] = [
    ("empty", 0),
    ("one byte", 1),
    ("without padding", 40),
    ("with padding", 37),
    ("padding at its smallest", 9),
    ("one chunk but a byte", 65_535),
    ("one full chunk", 65_536),
    ("two chunks, padded", 65_537),
    ("two chunks without padding", 67_584),
    ("two chunks, padded again", 67_585),
    ("two full chunks but a byte", 131_071),
    ("two full chunks", 131_072),
    ("three chunks", 131_073),
    ("2 MiB - 1", 2_097_151),
    ("2 MiB", 2_097_152),
    ("2 MiB + 1", 2_097_153),
    ("a chunk that is padding throughout", 4_194_305),
];

/// What the file of vectors has of this suite.
pub(in crate::attachment::tests) fn made() -> Value {
    let files: Vec<(&str, File)> = FILES.map(|(name, size)| (name, fixed(size))).into();
    let mut made = json!({
        "suite": SUITE.number(),
        "files": files.iter().map(|(name, file)| positive(name, file)).collect::<Vec<_>>(),
        "faults": faults(),
        "large": known_large::made(),
        "large_faults": known_large::faults(),
        "sealed_files": known_sealed::made(&files),
        "sealed_file_faults": known_sealed::faults(),
        "sealings": known_sealed::sealings(),
    });
    if SUITE != Suite::ChaCha20Poly1305 {
        made["unspoken"] = known_sealed::unspoken();
    }
    made
}

/// Opens what has to open, and nothing else.
pub(in crate::attachment::tests) fn run(suite: &Value) {
    suite["files"].as_array().unwrap().iter().for_each(run_positive);
    for fault in suite["faults"].as_array().unwrap() {
        let code = run_fault(fault, &suite["files"]).expect_err("opens").code();
        assert_eq!(json!(code.number()), fault["code"], "{}", fault["fault"]);
    }
    suite["large"].as_array().unwrap().iter().for_each(known_large::run);
    for fault in suite["large_faults"].as_array().unwrap() {
        let code = known_large::run_fault(fault).expect_err("opens").code();
        assert_eq!(json!(code.number()), fault["code"], "{}", fault["fault"]);
    }
    let files = suite["files"].as_array().unwrap();
    suite["sealed_files"].as_array().unwrap().iter().for_each(|vector| known_sealed::run(vector, files));
    for fault in suite["sealed_file_faults"].as_array().unwrap() {
        let code = known_sealed::run_fault(fault);
        assert_eq!(json!(code.number()), fault["code"], "{}", fault["fault"]);
    }
    suite["sealings"].as_array().unwrap().iter().for_each(known_sealed::run_sealing);
}

/// Key and salt drawn from the size's own generator.
pub(in crate::attachment::tests) fn fixed(size: usize) -> File {
    let mut rng = vectors::rng(u8::try_from(size % 251).unwrap());
    let (mut key, mut salt) = (Zeroizing::new([0; 32]), [0; 16]);
    rng.fill_bytes(key.as_mut());
    rng.fill_bytes(&mut salt);
    seal_of(FileKey::from_bytes(key), salt, size)
}

/// Sealed anew under a given key and salt.
pub(super) fn seal_of(key: FileKey, salt: [u8; 16], size: usize) -> File {
    let (header, _) = begin(&key, Geometry::of_file(size as u64).unwrap(), salt);
    seal_with(Sealer::resume(key, header, size as u64, Vec::new()).unwrap(), &content(size))
}

fn positive(name: &str, file: &File) -> Value {
    let salt = &file.header[2..18];
    let prk = Prk::extract(salt, file.said.key.expose());
    let payload = prk.expand::<32>(Label::BLOB_PAYLOAD_KEY, &[&[SUITE.number()], &[file.header[1]]]);
    let short = |chunk: &Vec<u8>| if chunk.len() <= 1024 { json!(hex(chunk)) } else { Value::Null };
    json!({
        "name": name,
        "file_key": hex(file.said.key.expose()),
        "salt": hex(salt),
        "blob": hex(file.said.blob.as_bytes()),
        "size": file.said.size,
        "padded_size": file.said.padded_size,
        "payload_key": hex(payload.as_slice()),
        "header": hex(&file.header),
        "sealed_chunks": file.chunks.iter().map(short).collect::<Vec<_>>(),
        "chunk_hashes": hex(&file.list),
        "root": hex(file.said.root.as_bytes()),
        "capability": hex(file.said.capability().expose()),
        "capability_hash": hex(file.said.capability().hash().as_bytes()),
    })
}

/// What the recipient of a bad file has in hand, and the code that it has to come to.
struct Fault {
    file: File,
    json: Value,
}

impl Fault {
    fn new(fault: &str, rule: &str, code: Code, file: File) -> Self {
        let json = json!({
            "fault": fault,
            "rule": rule,
            "code": code.number(),
            "suite": file.said.suite.number(),
            "file_key": hex(file.said.key.expose()),
            "root": hex(file.said.root.as_bytes()),
            "size": file.said.size,
            "padded_size": file.said.padded_size,
            "header": hex(&file.header),
            "chunk_hashes": hex(&file.list),
        });
        Fault { file, json }
    }

    /// The file's own first chunk is handed in.
    fn chunk(self) -> Value {
        let bytes = self.file.chunks[0].clone();
        self.handed(0, &bytes)
    }

    fn handed(mut self, index: u64, sealed: &[u8]) -> Value {
        self.json["chunk"] = json!({ "index": index, "sealed": hex(sealed) });
        self.json
    }

    fn handed_from(mut self, index: u64, of: &str, of_index: u64) -> Value {
        self.json["chunk"] = json!({ "index": index, "of": of, "of_index": of_index });
        self.json
    }

    fn sealed_size(mut self, size: usize) -> Value {
        self.json["sealed_size"] = json!(size);
        self.json
    }
}

fn faults() -> Vec<Value> {
    let mut all = of_header_and_list();
    all.extend(of_sizes());
    all.extend(of_chunks());
    all.extend(of_senders());
    all
}

fn of_header_and_list() -> Vec<Value> {
    let with = |change: &dyn Fn(&mut File)| {
        let mut file = fixed(37);
        change(&mut file);
        file
    };
    let header = |text: &str, rule, code, change: &dyn Fn(&mut Vec<u8>)| {
        Fault::new(text, rule, code, with(&|file| change(&mut file.header))).json
    };
    let list = |text: &str, rule, code, change: &dyn Fn(&mut Vec<u8>)| {
        Fault::new(text, rule, code, with(&|file| change(&mut file.list))).json
    };
    vec![
        header("header one byte short", "V-601", Code::BadHeader, &|h| h.truncate(49)),
        header("header one byte long", "V-601", Code::BadHeader, &|h| h.push(0)),
        header("suite 0", "V-602", Code::UnknownSuite, &|h| h[0] = 0),
        header("suite 3", "V-602", Code::UnknownSuite, &|h| h[0] = 3),
        header("the other suite", "V-602", Code::BadHeader, &|h| h[0] ^= 3),
        header("chunks of 32 KiB", "V-603", Code::BadHeader, &|h| h[1] = 15),
        header("chunks of 32 MiB", "V-603", Code::BadHeader, &|h| h[1] = 25),
        header("bit of the salt flipped", "V-620", Code::BadRoot, &|h| h[2] ^= 1),
        header("bit of the commitment flipped", "V-620", Code::BadRoot, &|h| h[49] ^= 0x80),
        header("chunk size of another geometry", "V-620", Code::BadRoot, &|h| h[1] = 17),
        list("empty list", "V-604", Code::BadGeometry, &|l| l.clear()),
        list("list cut within a hash", "V-604", Code::BadGeometry, &|l| l.truncate(31)),
        list("bit of a chunk hash flipped", "V-620", Code::BadRoot, &|l| l[0] ^= 1),
        list("a hash too many", "V-620", Code::BadRoot, &|l| l.extend([0; 32])),
        Fault::new(
            "root of another file",
            "V-620",
            Code::BadRoot,
            with(&|file| file.said.root = fixed(40).said.root),
        )
        .json,
        Fault::new("another file key", "V-621", Code::BadCommitment, with(&|file| file.said.key = key(1)))
            .json,
    ]
}

fn of_sizes() -> Vec<Value> {
    let sized = |text: &str, rule, size: u64, padded: u64| {
        let mut file = fixed(37);
        (file.said.size, file.said.padded_size) = (size, padded);
        Fault::new(text, rule, Code::BadGeometry, file.with_own_root()).json
    };
    let (wide, _) = begin(&key(1), Geometry::of_file((1 << 32) + 1).unwrap(), [2; 16]);
    let wide = relist(&key(1), wide, fixed(40).chunks, 40, 40);
    let mut longer = fixed(37);
    longer.list.extend([0; 32]);
    let mut shorter = fixed(65_537);
    shorter.list.truncate(32);
    let three = fixed(131_073);
    let cut = three.chunks[0].len() + three.chunks[1].len();
    vec![
        sized("size past 1 TiB", "V-610", (1 << 40) + 1, 40),
        sized("size larger than the padded size", "V-611", 41, 40),
        sized("size that is padded less", "V-611", 36, 40),
        sized("padded size that no file has", "V-611", 37, 41),
        sized("padded size past 1 TiB", "V-611", 37, 1 << 41),
        Fault::new("chunks of 128 KiB in a small file", "V-613", Code::BadGeometry, wide).json,
        Fault::new("more hashes than chunks", "V-614", Code::BadGeometry, longer.with_own_root()).json,
        Fault::new("fewer hashes than chunks", "V-614", Code::BadGeometry, shorter.with_own_root()).json,
        Fault::new("last chunk missing", "V-615", Code::BadGeometry, three.clone()).sealed_size(cut),
        Fault::new("cut within the last chunk", "V-615", Code::BadGeometry, three.clone())
            .sealed_size(cut + 1),
        Fault::new("a chunk too many", "V-615", Code::BadGeometry, three)
            .sealed_size(3 * 65_552 + 4_096 + 16),
    ]
}

fn of_chunks() -> Vec<Value> {
    let fault = |text: &str, file: File| Fault::new(text, "V-631", Code::BadChunk, file);
    let length = |text: &str, file: File| Fault::new(text, "V-630", Code::BadChunk, file);
    let (small, three) = (fixed(37), fixed(131_073));
    let sealed = &small.chunks[0];
    let mut flipped = [sealed.clone(), sealed.clone(), sealed.clone()];
    flipped[0][0] ^= 1;
    flipped[1][39] ^= 0x80;
    flipped[2][55] ^= 1;
    vec![
        fault("bit of the ciphertext flipped", small.clone()).handed(0, &flipped[0]),
        fault("bit of the padding flipped", small.clone()).handed(0, &flipped[1]),
        fault("bit of the tag flipped", small.clone()).handed(0, &flipped[2]),
        length("chunk one byte short", small.clone()).handed(0, &sealed[..55]),
        length("chunk one byte long", small.clone()).handed(0, &[&sealed[..], &[0]].concat()),
        length("chunk without bytes", small.clone()).handed(0, &[]),
        fault("second chunk for the first", three.clone()).handed_from(0, "three chunks", 1),
        fault("first chunk for the second", three.clone()).handed_from(1, "three chunks", 0),
        length("second chunk for the last", three.clone()).handed_from(2, "three chunks", 1),
        fault("chunk of another file", three).handed_from(0, "one full chunk", 0),
    ]
}

/// Files of a sender with ill intent: root and hashes are right.
fn of_senders() -> Vec<Value> {
    let (key, salt) = (key(1), [2; 16]);
    let sealed = |payload_of: &FileKey, nonce: Nonce| {
        let geometry = Geometry::of_file(40).unwrap();
        let mut chunk = content(40);
        begin(payload_of, geometry, salt).1.seal_in_place(&nonce, &[], &mut chunk).unwrap();
        relist(&key, begin(&key, geometry, salt).0, vec![chunk], 40, 40)
    };
    let fault = |text: &str, file| Fault::new(text, "V-632", Code::BadCiphertext, file).chunk();
    let padded = |text: &str, at: usize| {
        let mut plain = content(37);
        plain.resize(40, 0);
        plain[at] = 1;
        let file = forge(&key, salt, &[plain], 37);
        Fault::new(text, "V-633", Code::BadPadding, file).chunk()
    };
    let mut hidden = fixed(40);
    hidden.said.size = 39;
    vec![
        fault("sealed under another key", sealed(&super::support::key(3), Nonce::stream(0, true))),
        fault("last chunk not sealed as the last", sealed(&key, Nonce::stream(0, false))),
        fault("first chunk sealed as the second", sealed(&key, Nonce::stream(1, true))),
        padded("first byte of the padding not zero", 37),
        padded("last byte of the padding not zero", 39),
        Fault::new("size that hides the last byte", "V-633", Code::BadPadding, hidden).chunk(),
    ]
}

pub(in crate::attachment::tests) fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

pub(in crate::attachment::tests) fn array<const N: usize>(value: &Value) -> [u8; N] {
    unhex(value).try_into().expect("another length")
}

/// Seals the file again from key, salt and size.
pub(super) fn reseal(vector: &Value) -> File {
    let key = FileKey::from_bytes(Zeroizing::new(array(&vector["file_key"])));
    let mut file = seal_of(key, array(&vector["salt"]), usize(number(&vector["size"])));
    file.said.blob = BlobId::from_bytes(array(&vector["blob"]));
    file
}

fn run_positive(vector: &Value) {
    let mut file = reseal(vector);
    assert_eq!(positive(vector["name"].as_str().unwrap(), &file), *vector);

    // It opens with what the vector gives, and no more.
    for (chunk, given) in file.chunks.iter_mut().zip(vector["sealed_chunks"].as_array().unwrap()) {
        if !given.is_null() {
            *chunk = unhex(given);
        }
    }
    let received = received(vector, file.chunks);
    assert_eq!(received.open().unwrap(), content(usize(number(&vector["size"]))));
    let kept = CapabilityHash::from_bytes(array(&vector["capability_hash"]));
    kept.admit(&Capability::from_bytes(Zeroizing::new(array(&vector["capability"])))).unwrap();
}

/// What the message says of a vector's file.
pub(super) fn said(vector: &Value) -> FileRef {
    FileRef {
        suite: SUITE,
        key: FileKey::from_bytes(Zeroizing::new(array(&vector["file_key"]))),
        root: Root::from_bytes(array(&vector["root"])),
        size: number(&vector["size"]),
        padded_size: number(&vector["padded_size"]),
        ..fixed(0).said
    }
}

fn received(vector: &Value, chunks: Vec<Vec<u8>>) -> File {
    let said = said(vector);
    File { said, header: unhex(&vector["header"]), list: unhex(&vector["chunk_hashes"]), chunks }
}

/// As a receiver: header, list, opener, and then the chunk or the whole.
fn run_fault(vector: &Value, files: &Value) -> Result<()> {
    let file = received(vector, Vec::new());
    let header = Header::parse(&file.header)?;
    let list = ChunkList::parse(&file.list)?;
    if let Some(size) = vector["sealed_size"].as_u64() {
        return open_all(&file.said, &header, list, &vec![0; usize(size)]).map(drop);
    }
    let opener = Opener::new(&file.said, &header, list)?;
    let chunk = &vector["chunk"];
    let mut sealed = match chunk["of"].as_str() {
        Some(name) => {
            let of = files.as_array().unwrap().iter().find(|file| file["name"] == name).expect("file");
            reseal(of).chunks[usize(number(&chunk["of_index"]))].clone()
        }
        None => unhex(&chunk["sealed"]),
    };
    opener.open_chunk(number(&chunk["index"]), &mut sealed)
}
