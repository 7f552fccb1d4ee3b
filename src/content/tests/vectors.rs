//! `proto/vectors/content.json` and `message_ids.json`: made here, and run from what stands
//! in them alone.

use rand_core::Rng;
use serde_json::{Value, json};

use super::*;
use crate::{
    crypto::{Label, hash},
    vectors::{self, check, hex, unhex},
    wire::Wire,
};

const CONTENT: &str = "Chapter Content of SPEC.md. Bytes are hexadecimal. `contents`: content of each kind and its \
    encoding. `frames`: plaintexts; bytes here are a list of \
    parts, hexadecimal or a number of zeros. `faults`: each has one \
    fault and the code of the error that it has to give; without a `plaintext` it is one of `content`.";

const IDS: &str = "Chapter Content of SPEC.md, Message ids. Bytes are hexadecimal. `ids`: messages and their ids. \
    `faults`: ids that are not the message's, because whoever computed them made one mistake.";

#[test]
fn contents() {
    let faults = [content_faults(), frame_faults()].concat();
    let made = json!({
        "about": CONTENT,
        "contents": contents_made().map(|(name, content)| content_vector(name, &content)),
        "frames": frames_made().iter().map(|(name, frame)| frame_vector(name, frame)).collect::<Vec<_>>(),
        "faults": faults,
    });
    check("content.json", &made);

    for vector in made["contents"].as_array().unwrap() {
        let content = Content::decode(number(&vector["kind"]), unhex(&vector["content"])).unwrap();
        assert_eq!(content, described(vector), "{}", vector["name"]);
        assert_eq!(described(vector).encode().1, unhex(&vector["content"]), "{}", vector["name"]);
    }
    for vector in made["frames"].as_array().unwrap() {
        let plaintext = joined(&vector["plaintext"]);
        let frame = Frame::open(&plaintext).unwrap();
        assert_eq!(frame, described_frame(vector), "{}", vector["name"]);
        assert_eq!(frame.seal().unwrap(), plaintext, "{}", vector["name"]);
    }
    for fault in made["faults"].as_array().unwrap() {
        let result = match fault.get("plaintext") {
            Some(bytes) => Frame::open(&joined(bytes)).and_then(|frame| frame.content()),
            None => Content::decode(number(&fault["kind"]), unhex(&fault["content"])),
        };
        assert_eq!(json!(result.unwrap_err().code().number()), fault["code"], "{}", fault["fault"]);
    }
}

#[test]
fn message_ids() {
    let made = json!({ "about": IDS, "ids": ids(), "faults": id_faults() });
    check("message_ids.json", &made);

    let computed = |vector: &Value| {
        let id = |name: &str| unhex(&vector[name]).try_into().unwrap();
        let user = UserId::parse(vector["user"].as_str().unwrap()).unwrap();
        let frame = Frame {
            nonce: unhex(&vector["nonce"]).try_into().unwrap(),
            seen: seen(),
            kind: number(&vector["kind"]),
            content: unhex(&vector["content"]).into(),
            terms: Terms::default(),
        };
        let sender = Device { user, id: DeviceId::from_bytes(id("device")) };
        json!(hex(frame.id(&RoomId::from_bytes(id("room")), &sender).as_bytes()))
    };
    for vector in made["ids"].as_array().unwrap() {
        assert_eq!(computed(vector), vector["id"], "{}", vector["name"]);
    }
    for vector in made["faults"].as_array().unwrap() {
        assert_ne!(computed(vector), vector["id"], "{}", vector["fault"]);
    }
}

fn contents_made() -> [(&'static str, Content); 15] {
    let mentions = Text::plain("@Bärbel, @Ben: wer?").unwrap();
    let baerbel = UserId::parse("b.meier-2@police.example").unwrap();
    let mentions = mentions.mention(baerbel, 0..8).unwrap().mention(user(), 10..14).unwrap();
    let pier = Location::at(535_411_000, -99_842_000).unwrap().within(1_200).unwrap();
    let pier = pier.measured(Timestamp::from_millis(1_700_000_000_000)).named("Pier 3").unwrap();
    let read = [0x33, 0x22, 0x44].map(message);
    let answer = Text::markdown("*On* my way.").unwrap().reply_to(message(0x11));
    let document = Attachment::new(file(0), "application/octet-stream").unwrap();
    [
        ("text", Text::plain("Grüße 👮🏽‍♀️\nzwei\tZeilen").unwrap().into()),
        ("markdown that answers", answer.into()),
        ("reaction", Reaction::to(message(0x22), "👍").unwrap().into()),
        ("reaction withdrawn", Reaction::withdrawn(message(0x22), "👍").unwrap().into()),
        ("attachment, bare", document.into()),
        ("attachment with everything", photo().into()),
        ("attachment with a preview file", video().into()),
        ("text with mentions", mentions.clone().into()),
        ("edit of a text", Edit::text(message(0x22), mentions).unwrap().into()),
        ("edit that takes a caption away", Edit::caption(message(0x22), "").unwrap().into()),
        ("deletion", Delete::of(message(0x22)).into()),
        ("receipts", Receipts::new(ReceiptKind::Read, read).unwrap().into()),
        ("location", pier.into()),
        ("location at zero", Location::at(0, 0).unwrap().into()),
        ("unsupported", Content::decode(0x8000_0001, &b"anything"[..]).unwrap()),
    ]
}

fn content_vector(name: &str, content: &Content) -> Value {
    let (kind, bytes) = content.encode();
    let answers = |id: Option<&MessageId>| id.map(|id| hex(id.as_bytes()));
    let mut vector = json!({ "name": name, "kind": kind, "content": hex(&bytes) });
    vector["fields"] = match content {
        Content::Text(text) => text_vector(text),
        Content::Reaction(reaction) => json!({
            "target": hex(reaction.target().as_bytes()), "symbol": reaction.symbol(),
            "withdrawn": reaction.is_withdrawn(),
        }),
        Content::Attachment(attachment) => json!({
            "file": file_vector(attachment.file()), "media_type": attachment.media_type(),
            "name": attachment.name(), "caption": attachment.caption(),
            "preview": attachment.preview().map(|p| json!({ "media_type": p.media_type(), "data": hex(p.data()) })),
            "preview_file": attachment.preview_file().map(|preview| json!({
                "media_type": preview.media_type(), "file": file_vector(preview.file()),
            })),
            "reply_to": answers(attachment.answers()),
        }),
        Content::Edit(edit) => match edit.change() {
            Change::Text(text) => {
                json!({ "target": hex(edit.target().as_bytes()), "text": text_vector(text) })
            }
            Change::Caption(caption) => {
                json!({ "target": hex(edit.target().as_bytes()), "caption": caption })
            }
        },
        Content::Delete(delete) => json!({ "target": hex(delete.target().as_bytes()) }),
        Content::Receipts(receipts) => json!({
            "kind": if receipts.kind() == ReceiptKind::Read { 2 } else { 1 },
            "targets": receipts.targets().iter().map(|id| hex(id.as_bytes())).collect::<Vec<_>>(),
        }),
        Content::Location(place) => json!({
            "latitude": place.latitude(), "longitude": place.longitude(), "accuracy": place.accuracy(),
            "measured_at": place.measured_at().map(Timestamp::as_millis), "name": place.name(),
        }),
        Content::Unsupported { .. } => Value::Null,
    };
    vector
}

fn text_vector(text: &Text) -> Value {
    let mention =
        |m: &Mention| json!({ "user": m.user().as_str(), "start": m.range().start, "end": m.range().end });
    json!({
        "body": text.body(), "markdown": text.is_markdown(),
        "reply_to": text.answers().map(|id| hex(id.as_bytes())),
        "mentions": text.mentions().iter().map(mention).collect::<Vec<_>>(),
    })
}

fn described_text(fields: &Value) -> Text {
    let make = if fields["markdown"].as_bool().unwrap() { Text::markdown } else { Text::plain };
    let mut text = make(fields["body"].as_str().unwrap().to_owned()).unwrap();
    if !fields["reply_to"].is_null() {
        text = text.reply_to(MessageId::from_slice(&unhex(&fields["reply_to"])).unwrap());
    }
    let at = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let mention = |text: Text, m: &Value| {
        text.mention(UserId::parse(m["user"].as_str().unwrap()).unwrap(), at(&m["start"])..at(&m["end"]))
            .unwrap()
    };
    fields["mentions"].as_array().unwrap().iter().fold(text, mention)
}

fn file_vector(file: &FileRef) -> Value {
    json!({
        "blob": hex(file.blob.as_bytes()), "origin": file.origin.as_str(),
        "expires_at": file.expires_at.as_millis(), "suite": file.suite.number(), "key": hex(file.key.expose()),
        "root": hex(file.root.as_bytes()), "size": file.size, "padded_size": file.padded_size,
    })
}

/// The content that a vector's fields describe.
fn described(vector: &Value) -> Content {
    let fields = &vector["fields"];
    let string = |value: &Value| value.as_str().unwrap().to_owned();
    let id = |value: &Value| MessageId::from_slice(&unhex(value)).unwrap();
    let answers = fields.get("reply_to").filter(|id| !id.is_null()).map(id);
    match number(&vector["kind"]) {
        TEXT => described_text(fields).into(),
        EDIT => match fields["text"].is_null() {
            true => Edit::caption(id(&fields["target"]), string(&fields["caption"])).unwrap().into(),
            false => Edit::text(id(&fields["target"]), described_text(&fields["text"])).unwrap().into(),
        },
        DELETE => Delete::of(id(&fields["target"])).into(),
        RECEIPTS => {
            let kind = if number(&fields["kind"]) == 2 { ReceiptKind::Read } else { ReceiptKind::Delivered };
            Receipts::new(kind, fields["targets"].as_array().unwrap().iter().map(id)).unwrap().into()
        }
        LOCATION => {
            let degrees = |value: &Value| i32::try_from(value.as_i64().unwrap()).unwrap();
            let mut made = Location::at(degrees(&fields["latitude"]), degrees(&fields["longitude"])).unwrap();
            if !fields["accuracy"].is_null() {
                made = made.within(number(&fields["accuracy"])).unwrap();
            }
            let at = Timestamp::from_millis(fields["measured_at"].as_u64().unwrap_or_default());
            made.measured(at).named(string(&fields["name"])).unwrap().into()
        }
        REACTION => {
            let withdrawn = fields["withdrawn"].as_bool().unwrap();
            let make = if withdrawn { Reaction::withdrawn } else { Reaction::to };
            make(id(&fields["target"]), string(&fields["symbol"])).unwrap().into()
        }
        ATTACHMENT => {
            let made =
                Attachment::new(described_file(&fields["file"]), &string(&fields["media_type"])).unwrap();
            let mut made = made.captioned(string(&fields["caption"])).unwrap();
            if let Some(name) = fields["name"].as_str() {
                made = made.named(name).unwrap();
            }
            if let Some(media_type) = fields["preview"]["media_type"].as_str() {
                made = made.previewed(Preview::new(media_type, unhex(&fields["preview"]["data"])).unwrap());
            }
            if let Some(media_type) = fields["preview_file"]["media_type"].as_str() {
                let file = described_file(&fields["preview_file"]["file"]);
                made = made.with_preview_file(PreviewFile::new(file, media_type).unwrap()).unwrap();
            }
            answers.into_iter().fold(made, Attachment::reply_to).into()
        }
        kind => Content::Unsupported { kind, bytes: unhex(&vector["content"]).into() },
    }
}

fn described_file(file: &Value) -> FileRef {
    FileRef {
        blob: BlobId::from_slice(&unhex(&file["blob"])).unwrap(),
        origin: AgencyId::parse(file["origin"].as_str().unwrap()).unwrap(),
        expires_at: Timestamp::from_millis(file["expires_at"].as_u64().unwrap()),
        suite: Suite::from_number(file["suite"].as_u64().unwrap().try_into().unwrap()).unwrap(),
        key: FileKey::from_bytes(<[u8; 32]>::try_from(unhex(&file["key"])).unwrap().into()),
        root: Root::from_bytes(unhex(&file["root"]).try_into().unwrap()),
        size: file["size"].as_u64().unwrap(),
        padded_size: file["padded_size"].as_u64().unwrap(),
    }
}

/// Frames on both sides of the first three class boundaries, and the largest.
fn frames_made() -> Vec<(String, Frame)> {
    let mut rng = vectors::rng(7);
    let lens = [0, 1, 445, 446, 701, 702, 957, 958, limits::CONTENT];
    let made = lens.map(|len| {
        let (mut nonce, mut hash) = ([0; 16], [0; 32]);
        rng.fill_bytes(&mut nonce);
        rng.fill_bytes(&mut hash);
        let content = Content::decode(4_000, vec![0; len]).unwrap();
        let seen = Seen { seq: 300, hash: Hash::from_bytes(hash) };
        (format!("{len} bytes of content"), Frame::new(&content, nonce, seen))
    });
    let terms =
        Terms { lifetime: Some(core::time::Duration::from_secs(3_600)), label: "nur für Dienst".into() };
    let mut made = Vec::from(made);
    made.push(("lifetime and label".into(), frame(Text::plain("a").unwrap()).under(terms)));
    made
}

fn frame_vector(name: &str, frame: &Frame) -> Value {
    let content = parts(&frame.content);
    json!({
        "name": name, "nonce": hex(frame.nonce), "seen_seq": frame.seen.seq,
        "seen_hash": hex(frame.seen.hash.as_bytes()), "kind": frame.kind, "content": content,
        "lifetime": frame.terms.millis(), "label": frame.terms.label,
        "plaintext": parts(&frame.seal().unwrap()),
    })
}

fn described_frame(vector: &Value) -> Frame {
    Frame {
        nonce: unhex(&vector["nonce"]).try_into().unwrap(),
        seen: Seen {
            seq: vector["seen_seq"].as_u64().unwrap(),
            hash: Hash::from_slice(&unhex(&vector["seen_hash"])).unwrap(),
        },
        kind: number(&vector["kind"]),
        content: joined(&vector["content"]),
        terms: Terms {
            lifetime: vector["lifetime"].as_u64().filter(|n| *n > 0).map(core::time::Duration::from_millis),
            label: vector["label"].as_str().unwrap().into(),
        },
    }
}

fn fault(fault: &str, rule: &str, code: Code) -> Value {
    json!({ "fault": fault, "rule": rule, "code": code.number() })
}

fn content_faults() -> Vec<Value> {
    let photo = || photo().to_proto();
    let with_file = |change: &dyn Fn(&mut proto::FileRef)| {
        let mut made = photo();
        change(made.file.as_mut().unwrap());
        made.encode_to_vec()
    };
    let text = |body: &str| proto::Text { body: body.into(), ..Default::default() };
    let reaction = |symbol: &str| proto::Reaction {
        target: vec![1; 32].into(),
        symbol: symbol.into(),
        withdrawn: false,
    };
    let named = |name: &str| proto::Attachment { name: name.into(), ..photo() }.encode_to_vec();
    let typed =
        |media_type: &str| proto::Attachment { media_type: media_type.into(), ..photo() }.encode_to_vec();
    let preview = |media_type: &str, data: &[u8]| {
        let preview = proto::Preview { media_type: media_type.into(), data: data.to_vec().into() };
        proto::Attachment { preview: Some(preview), ..photo() }.encode_to_vec()
    };
    let still = |media_type: &str, change: &dyn Fn(&mut proto::FileRef)| {
        let mut file = still_file(1_000).to_proto();
        change(&mut file);
        let preview_file = Some(proto::PreviewFile { media_type: media_type.into(), file: Some(file) });
        proto::Attachment { preview_file, ..photo() }.encode_to_vec()
    };
    let mention = |start, end| proto::Mention { user: "ben@police.example".into(), start, end };
    let mentions = |at: &[(u32, u32)]| {
        let mentions = at.iter().map(|(start, end)| mention(*start, *end)).collect();
        proto::Text { mentions, ..text("aäb") }.encode_to_vec()
    };
    let edit = |target, change| proto::Edit { target: vec![1; target].into(), change }.encode_to_vec();
    let receipts = |kind, ids: &[u8]| {
        let targets = ids.iter().map(|id| vec![*id; 32].into()).collect();
        proto::Receipts { kind, targets }.encode_to_vec()
    };
    let location = |latitude, longitude, accuracy, name: &str| {
        let name = name.into();
        proto::Location { latitude, longitude, accuracy, measured_at: 0, name }.encode_to_vec()
    };
    let good = text("a").encode_to_vec();
    let faults: Vec<(&str, &str, u32, Vec<u8>)> = vec![
        ("kind 0", "V-705", 0, good.clone()),
        ("not decodable", "V-709", TEXT, vec![0xff]),
        ("explicit default", "V-709", TEXT, [&good[..], &[0x10, 0]].concat()),
        ("field twice", "V-709", TEXT, [&good[..], &good[..]].concat()),
        ("unknown field", "V-709", TEXT, [&good[..], &[0x2a, 0]].concat()),
        ("long varint", "V-709", TEXT, b"\x0a\x81\x00a".to_vec()),
        ("text is not UTF-8", "V-709", TEXT, b"\x0a\x02\xc3\x28".to_vec()),
        ("empty text", "V-710", TEXT, proto::Text { markdown: true, ..text("") }.encode_to_vec()),
        ("NUL in text", "V-710", TEXT, text("a\0").encode_to_vec()),
        ("escape in text", "V-710", TEXT, text("\u{1b}[2J").encode_to_vec()),
        ("C1 control in text", "V-710", TEXT, text("\u{9b}2J").encode_to_vec()),
        (
            "short reply id",
            "V-710",
            TEXT,
            proto::Text { reply_to: vec![1; 31].into(), ..text("a") }.encode_to_vec(),
        ),
        (
            "no target",
            "V-711",
            REACTION,
            proto::Reaction { target: Bytes::new(), ..reaction("a") }.encode_to_vec(),
        ),
        ("no symbol", "V-711", REACTION, reaction("").encode_to_vec()),
        ("long symbol", "V-711", REACTION, reaction(&"x".repeat(65)).encode_to_vec()),
        ("two lines of symbol", "V-711", REACTION, reaction("a\u{2028}b").encode_to_vec()),
        ("no file", "V-712", ATTACHMENT, proto::Attachment { file: None, ..photo() }.encode_to_vec()),
        ("slash in name", "V-712", ATTACHMENT, named("../x")),
        ("backslash in name", "V-712", ATTACHMENT, named("a\\b")),
        ("drive in name", "V-712", ATTACHMENT, named("C:x")),
        ("parent directory as name", "V-712", ATTACHMENT, named("..")),
        ("space at the end of name", "V-712", ATTACHMENT, named("x ")),
        ("disguised extension", "V-712", ATTACHMENT, named("photo\u{202e}gpj.exe")),
        ("long name", "V-712", ATTACHMENT, named(&"x".repeat(256))),
        ("no media type", "V-712", ATTACHMENT, typed("")),
        ("media type with a capital", "V-712", ATTACHMENT, typed("Image/jpeg")),
        ("media type with a parameter", "V-712", ATTACHMENT, typed("image/jpeg;q=1")),
        ("preview that is no picture", "V-712", ATTACHMENT, preview("text/html", b"x")),
        ("empty preview", "V-712", ATTACHMENT, preview("image/png", b"")),
        ("preview file that is no picture", "V-730", ATTACHMENT, still("text/html", &|_| ())),
        ("preview file of 4 MiB and 1", "V-730", ATTACHMENT, {
            let large = still_file(limits::PREVIEW_FILE + 1).to_proto();
            still("image/png", &|file| *file = large.clone())
        }),
        ("preview file that is the file", "V-730", ATTACHMENT, {
            still("image/png", &|preview| preview.blob = file(0).to_proto().blob)
        }),
        ("preview file with the key of the file", "V-730", ATTACHMENT, {
            still("image/png", &|preview| preview.key = file(0).to_proto().key)
        }),
        ("preview file at another agency", "V-730", ATTACHMENT, {
            still("image/png", &|preview| preview.origin = "police.nord.example".into())
        }),
        ("preview file without a root", "V-713", ATTACHMENT, {
            still("image/png", &|preview| preview.root = Bytes::new())
        }),
        ("short blob id", "V-713", ATTACHMENT, with_file(&|f| f.blob = vec![1; 15].into())),
        ("origin that is no agency", "V-713", ATTACHMENT, with_file(&|f| f.origin = "Police".into())),
        ("unknown suite", "V-713", ATTACHMENT, with_file(&|f| f.suite = 255)),
        ("suite of two bytes", "V-713", ATTACHMENT, with_file(&|f| f.suite = 257)),
        ("short file key", "V-713", ATTACHMENT, with_file(&|f| f.key = vec![1; 31].into())),
        ("long root", "V-713", ATTACHMENT, with_file(&|f| f.root = vec![1; 33].into())),
        ("padded size of another size", "V-713", ATTACHMENT, with_file(&|f| f.padded_size += 1)),
        ("empty mention", "V-715", TEXT, mentions(&[(0, 0)])),
        ("mention that splits a character", "V-715", TEXT, mentions(&[(1, 2)])),
        ("mention behind the text", "V-715", TEXT, mentions(&[(3, 5)])),
        ("mention that ends before it begins", "V-715", TEXT, mentions(&[(3, 1)])),
        ("mentions out of order", "V-715", TEXT, mentions(&[(1, 3), (0, 1)])),
        ("mentions that overlap", "V-715", TEXT, mentions(&[(0, 3), (1, 4)])),
        ("too many mentions", "V-715", TEXT, {
            let mentions = (0..65).map(|at| mention(at, at + 1)).collect();
            proto::Text { mentions, ..text(&"x".repeat(65)) }.encode_to_vec()
        }),
        ("mention of nobody", "V-715", TEXT, {
            let nobody = proto::Mention { user: "ben".into(), ..mention(0, 1) };
            proto::Text { mentions: vec![nobody], ..text("a") }.encode_to_vec()
        }),
        ("edit without a target", "V-716", EDIT, edit(0, Some(proto::edit::Change::Caption("a".into())))),
        ("edit without a change", "V-716", EDIT, edit(32, None)),
        ("edit that takes a text away", "V-716", EDIT, edit(32, Some(proto::edit::Change::Text(text(""))))),
        ("edit that answers", "V-716", EDIT, {
            let answer = proto::Text { reply_to: vec![1; 32].into(), ..text("a") };
            edit(32, Some(proto::edit::Change::Text(answer)))
        }),
        (
            "NUL in an edited caption",
            "V-716",
            EDIT,
            edit(32, Some(proto::edit::Change::Caption("\0".into()))),
        ),
        ("deletion of nothing", "V-717", DELETE, vec![]),
        ("short target of a deletion", "V-717", DELETE, {
            proto::Delete { target: vec![1; 31].into() }.encode_to_vec()
        }),
        ("receipts of no kind", "V-718", RECEIPTS, receipts(0, &[1])),
        ("receipts of an unknown kind", "V-718", RECEIPTS, receipts(3, &[1])),
        ("receipts of nothing", "V-718", RECEIPTS, receipts(1, &[])),
        ("receipts out of order", "V-718", RECEIPTS, receipts(1, &[2, 1])),
        ("receipt given twice", "V-718", RECEIPTS, receipts(1, &[1, 1])),
        ("farther north than the pole", "V-719", LOCATION, location(900_000_001, 0, 0, "")),
        ("a second name for 180 degrees", "V-719", LOCATION, location(0, -1_800_000_000, 0, "")),
        ("accuracy beyond the earth", "V-719", LOCATION, location(0, 0, 2_000_000_001, "")),
        ("two lines of name", "V-719", LOCATION, location(0, 0, 0, "a\nb")),
    ];
    let vector = |(name, rule, kind, content): (&str, &str, u32, Vec<u8>)| {
        let mut vector = fault(name, rule, Code::BadContent);
        vector["kind"] = json!(kind);
        vector["content"] = json!(hex(content));
        vector
    };
    faults.into_iter().map(vector).collect()
}

fn frame_faults() -> Vec<Value> {
    let good = frame(Text::plain("a").unwrap());
    let encoded = |frame: proto::Frame, version| {
        proto::Envelope { version, body: frame.encode_to_vec().into() }.encode_to_vec()
    };
    let padded = |bytes: &[u8], mark: u8, class: usize| {
        let mut bytes = [bytes, &[mark]].concat();
        bytes.resize(class, 0);
        bytes
    };
    let plain = encoded(good.to_proto(), 1);
    let with = |change: &dyn Fn(&mut proto::Frame)| {
        let mut frame = good.to_proto();
        change(&mut frame);
        padded(&encoded(frame, 1), 0x80, 512)
    };
    let faults: Vec<(&str, &str, Code, Vec<u8>)> = vec![
        ("no class", "V-701", Code::NotCanonical, padded(&plain, 0x80, 511)),
        ("smaller than a class", "V-701", Code::NotCanonical, padded(&plain, 0x80, 256)),
        ("larger class than needed", "V-701", Code::NotCanonical, padded(&plain, 0x80, 1024)),
        ("half step larger than needed", "V-701", Code::NotCanonical, padded(&plain, 0x80, 768)),
        ("no half step below the smallest class", "V-701", Code::NotCanonical, padded(&plain, 0x80, 384)),
        ("larger than all classes", "V-701", Code::NotCanonical, padded(&plain, 0x80, 128 << 10)),
        ("no mark", "V-702", Code::NotCanonical, padded(&plain, 0, 512)),
        ("another mark", "V-702", Code::NotCanonical, padded(&plain, 0x81, 512)),
        ("padding is not zero", "V-702", Code::NotCanonical, {
            let mut bytes = padded(&plain, 0x80, 512);
            bytes[511] = 1;
            bytes
        }),
        ("all zeros", "V-702", Code::NotCanonical, vec![0; 512]),
        ("version 2", "V-114", Code::UnknownVersion, padded(&encoded(good.to_proto(), 2), 0x80, 512)),
        (
            "bytes between frame and mark",
            "V-112",
            Code::Malformed,
            padded(&[&plain[..], &[0]].concat(), 0x80, 512),
        ),
        ("short nonce", "V-703", Code::BadField, with(&|f| f.nonce = vec![9; 15].into())),
        ("no place seen", "V-704", Code::BadField, with(&|f| f.seen_seq = 0)),
        ("no hash seen", "V-704", Code::BadField, with(&|f| f.seen_hash = Bytes::new())),
        ("long lifetime", "V-714", Code::BadField, with(&|f| f.lifetime = 400 * 86_400_000 + 1)),
        ("long label", "V-714", Code::BadField, {
            let mut frame = good.to_proto();
            frame.label = "x".repeat(254);
            padded(&encoded(frame, 1), 0x80, 512)
        }),
        ("kind 0 in a frame", "V-705", Code::BadContent, with(&|f| f.kind = 0)),
        ("long content", "V-706", Code::BadContent, {
            let mut frame = good.to_proto();
            (frame.kind, frame.content) = (9, vec![0; limits::CONTENT + 1].into());
            padded(&encoded(frame, 1), 0x80, SIZE_CLASS_MAX)
        }),
    ];
    let vector = |(name, rule, code, bytes): (&str, &str, Code, Vec<u8>)| {
        let mut vector = fault(name, rule, code);
        vector["plaintext"] = parts(&bytes);
        vector
    };
    faults.into_iter().map(vector).collect()
}

fn ids() -> Vec<Value> {
    let mut rng = vectors::rng(8);
    let users = ["anna@police.example", "a@b.c", "station.4_desk-2@polizei.hessen.example"];
    let contents = contents_made();
    let vector = |(i, (name, content)): (usize, &(&str, Content))| {
        let mut id = || {
            let mut id = [0; 16];
            rng.fill_bytes(&mut id);
            id
        };
        let (room, device, nonce) = (RoomId::from_bytes(id()), DeviceId::from_bytes(id()), id());
        let user = UserId::parse(users[i % users.len()]).unwrap();
        let frame = Frame::new(content, nonce, seen());
        id_vector(name, &room, &Device { user, id: device }, &frame)
    };
    contents.iter().enumerate().map(vector).collect()
}

fn id_vector(name: &str, room: &RoomId, sender: &Device, frame: &Frame) -> Value {
    json!({
        "name": name, "room": hex(room.as_bytes()), "user": sender.user.as_str(),
        "device": hex(sender.id.as_bytes()), "nonce": hex(frame.nonce), "kind": frame.kind,
        "content": hex(&frame.content), "id": hex(frame.id(room, sender).as_bytes()),
    })
}

/// What implementations get that misread one thing.
fn id_faults() -> Vec<Value> {
    let (room, sender, frame) = (room(), device(), frame(Text::plain("a").unwrap()));
    let (user, device) = (sender.user.as_str().as_bytes(), sender.id.as_bytes());
    let content = |kind: &[u8]| hash(Label::CONTENT, &[kind, &frame.content]);
    let kind = frame.kind.to_be_bytes();
    let id = |label, parts: [&[u8]; 5]| hash(label, &parts);
    let right = content(&kind);
    let little = content(&frame.kind.to_le_bytes());
    let unlabelled = hash(Label::MESSAGE_ID, &[&kind, &frame.content]);
    let (r, n, c) = (room.as_bytes(), &frame.nonce, right.as_bytes());
    let wrong = [
        ("another label", id(Label::CONTENT, [r, user, device, n, c])),
        ("little-endian kind", id(Label::MESSAGE_ID, [r, user, device, n, little.as_bytes()])),
        (
            "content hashed under the label of ids",
            id(Label::MESSAGE_ID, [r, user, device, n, unlabelled.as_bytes()]),
        ),
        ("content itself for its hash", id(Label::MESSAGE_ID, [r, user, device, n, &frame.content])),
        ("local part for the user", id(Label::MESSAGE_ID, [r, b"anna", device, n, c])),
        ("device before user", id(Label::MESSAGE_ID, [r, device, user, n, c])),
        ("another room", id(Label::MESSAGE_ID, [&[0; 16], user, device, n, c])),
        (
            "a sender that the message names itself",
            id(Label::MESSAGE_ID, [r, b"eve@police.example", device, n, c]),
        ),
    ];
    let vector = |(name, wrong): (&str, Hash)| {
        let mut vector = id_vector(name, &room, &sender, &frame);
        let object = vector.as_object_mut().unwrap();
        let name = object.remove("name").unwrap();
        object.insert("fault".into(), name);
        object.insert("rule".into(), json!("V-707"));
        object.insert("id".into(), json!(hex(wrong.as_bytes())));
        vector
    };
    wrong.into_iter().map(vector).collect()
}

/// Bytes as a list of parts: hexadecimal, and numbers of zeros where there are 32 or more.
fn parts(bytes: &[u8]) -> Value {
    let mut parts = Vec::new();
    for run in bytes.chunk_by(|a, b| (*a == 0) == (*b == 0)) {
        match parts.last_mut() {
            _ if run[0] == 0 && run.len() >= 32 => parts.push(json!(run.len())),
            Some(Value::String(part)) => part.push_str(&hex(run)),
            _ => parts.push(json!(hex(run))),
        }
    }
    parts.into()
}

fn joined(parts: &Value) -> Bytes {
    let part = |part: &Value| match part.as_u64() {
        Some(zeros) => vec![0; usize::try_from(zeros).unwrap()],
        None => unhex(part),
    };
    parts.as_array().unwrap().iter().flat_map(part).collect()
}

fn number(value: &Value) -> u32 {
    value.as_u64().unwrap().try_into().unwrap()
}
