//! The checked-in Rust of `proto/verbund/v1` is what the .proto files say.
//!
//! `VERBUND_WRITE_GENERATED=1 cargo test --test generated` writes it anew. No `protoc` is needed.

use std::{fmt::Write, fs, path::Path};

use prost_types::{
    DescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

const FILES: [&str; 7] = ["content", "device", "envelope", "identity", "link", "linking", "room"];

fn generate() -> String {
    let files = FILES.map(|f| format!("verbund/v1/{f}.proto"));
    let descriptors = protox::compile(files, [Path::new(env!("CARGO_MANIFEST_DIR")).join("proto")]).unwrap();
    let out = Path::new(env!("CARGO_TARGET_TMPDIR"));
    prost_build::Config::new()
        .bytes(["."]) // slices of the received buffer, not copies
        .skip_debug(["."]) // some fields are secrets
        .out_dir(out)
        .compile_fds(descriptors.clone())
        .unwrap();
    fs::read_to_string(out.join("verbund.v1.rs")).unwrap() + &shapes(&descriptors)
}

/// The messages' fields as data, for readers that do not build the messages.
fn shapes(descriptors: &FileDescriptorSet) -> String {
    let mut code = String::new();
    for DescriptorProto { name, field, .. } in descriptors.file.iter().flat_map(|file| &file.message_type) {
        let name = name.as_deref().unwrap();
        writeln!(code, "impl super::shape::Shaped for {name} {{").unwrap();
        writeln!(code, "    const SHAPE: super::shape::Shape = super::shape::Shape::new({name:?}, &[")
            .unwrap();
        for field in field {
            let kind = match field.r#type() {
                Type::Message => {
                    format!("Message(&{}::SHAPE)", field.type_name().strip_prefix(".verbund.v1.").unwrap())
                }
                Type::Bytes | Type::String => "Bytes".to_owned(),
                // Lists of numbers are packed: one length, then varints.
                Type::Uint32 | Type::Uint64 if field.label() == Label::Repeated => "Bytes".to_owned(),
                Type::Uint32 | Type::Uint64 | Type::Sint32 | Type::Bool | Type::Enum => "Number".to_owned(),
                other => panic!("SPEC knows no fields of type {other:?}"),
            };
            let (number, name) = (field.number(), field.name());
            writeln!(
                code,
                "        super::shape::Field::new({number}, {name:?}, super::shape::Kind::{kind}),"
            )
            .unwrap();
        }
        writeln!(code, "    ]);\n}}").unwrap();
    }
    code
}

#[test]
fn checked_in_code_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/wire/generated.rs");
    let fresh = generate();
    if std::env::var_os("VERBUND_WRITE_GENERATED").is_some() {
        fs::write(&path, &fresh).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap();
    assert!(stored == fresh, "src/wire/generated.rs is stale; see the head of this file");
}

#[test]
fn every_proto_file_is_compiled() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto/verbund/v1");
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, FILES.map(|f| format!("{f}.proto")));
}
