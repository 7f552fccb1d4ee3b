//! `proto/vectors/identity.json`: made here, and run from what stands in it alone, through the
//! directory in which engines keep the same documents.

mod certificates;
mod chains;
mod descriptors;
mod lists;
mod revocations;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    code::Code,
    crypto::{self, SignedAs},
    error::Result,
    identity::{
        AgencyChange, AgencyDescriptor, Directory, Federation, RevocationList, Roster, SigningKey,
        fixture::{DAY, TestDevice, TestFederation, agency, apply, key, now, read, roots, signed},
    },
    ids::{AgencyId, KeyId},
    store::MemoryStore,
    time::Timestamp,
    vectors::{check, hex, unhex},
    wire::log::{RevocationVersion, Stamp},
};

const ABOUT: &str = "Chapter Identity of SPEC.identity.md: trust lists, descriptors, certificates at stamps, revocation \
    lists. Bytes are hexadecimal, times milliseconds. `keys`: the private keys behind these vectors, by number. \
    `documents`: what a reader has taken before, by name. Each of `cases` and `faults` is of a reader of its own, who \
    begins with `anchor`, an Envelope of a Federation, and takes the documents named in `after` in this order; all of \
    them are good. Then it takes `bytes`, a SignedEnvelope of the `message` (a ChainLink stands by itself; a Federation \
    would be its anchor); or verifies them at the `stamp` if they are a DeviceCertificate, in a \
    room whose leaves show the user's chain up to entry `shown`, if that is there; or looks for the `server_key` \
    of this id that `agency` has at the time `at`; or is asked as a hub whether at the time `at` there can be \
    `new_devices_of` an agency. `gives` is what comes of it: of a trust list, who has signed it and what it changes; of a \
    certificate, whose it is; of a revocation list, what it revokes that was not revoked before. `faults`: each \
    has one fault, breaks the rule that it names, and has to be refused with the code; those without a code are \
    taken, and give what stands there.";

#[test]
fn trust_vectors() {
    let world = World::new();
    let parts = [lists::cases(&world), descriptors::cases(&world), certificates::cases(&world)];
    let cases = [parts.concat(), chains::cases(&world), revocations::cases(&world)].concat();
    let parts = [lists::faults(&world), descriptors::faults(&world), certificates::faults(&world)];
    let faults = [parts.concat(), chains::faults(&world), revocations::faults(&world)].concat();
    let documents = world.documents.iter().map(|(name, (message, bytes))| {
        ((*name).to_owned(), json!({ "message": message, "bytes": hex(bytes) }))
    });
    let made = json!({
        "about": ABOUT,
        "anchor": hex(world.federation.anchor.to_bytes()),
        "keys": KEYS.map(|n| json!({ "number": n, "seed": hex(key(n).seed()), "public": public(n) })),
        "documents": documents.collect::<serde_json::Map<_, _>>(),
        "cases": cases,
        "faults": faults,
    });
    check("identity.json", &made);

    for case in made["cases"].as_array().unwrap() {
        assert_eq!(run(&made, case), Ok(case["gives"].clone()), "{}", case["case"]);
    }
    let mut names = std::collections::BTreeSet::new();
    for fault in made["faults"].as_array().unwrap() {
        let name = fault["fault"].as_str().unwrap();
        assert!(names.insert(name), "{name} stands twice");
        match fault.get("code") {
            Some(code) => {
                let refused = run(&made, fault).expect_err(name);
                assert_eq!(json!(refused.code().number()), *code, "{name}");
            }
            None => assert_eq!(run(&made, fault), Ok(fault["gives"].clone()), "{name}"),
        }
    }
}

/// Holders 1 to 5 and a stranger; root, certificate and server key of agencies a and b; of a, the
/// key for revocations and those that stand beside the first ones; b's next root key; the devices
/// and recovery keys of a desk.
const KEYS: [u8; 23] =
    [1, 2, 3, 4, 5, 9, 10, 11, 12, 20, 21, 22, REVOCATION, 51, 52, 53, NEXT_ROOT, 70, 71, 72, 80, 81, 82];
const REVOCATION: u8 = 50;
const NEXT_ROOT: u8 = 60;

/// Documents of a federation of three agencies, and of Anna at agency a with phone and tablet.
struct World {
    federation: TestFederation,
    phone: TestDevice,
    tablet: TestDevice,
    documents: BTreeMap<&'static str, (&'static str, Bytes)>,
}

impl World {
    fn new() -> Self {
        let mut federation = TestFederation::new();
        let phone = federation.person("anna@a.example", 1);
        let tablet = federation.further(&phone, 2);
        let mut world = World { federation, phone, tablet, documents: BTreeMap::new() };
        for (name, list) in lists::good(&world) {
            world.documents.insert(name, ("TrustList", list));
        }
        for (name, descriptor) in descriptors::good(&world) {
            world.documents.insert(name, ("AgencyDescriptor", descriptor));
        }
        for (name, link) in ["anna 0", "anna 1"].into_iter().zip(world.tablet.chain()) {
            world.documents.insert(name, ("ChainLink", link.clone()));
        }
        for (name, link) in chains::good(&world) {
            world.documents.insert(name, ("ChainLink", link));
        }
        for (name, list) in revocations::good(&world) {
            world.documents.insert(name, ("RevocationList", list));
        }
        world
    }
}

fn public(n: u8) -> String {
    hex(key(n).verify_key().as_bytes())
}

/// Signs whatever it says, acceptable or not.
fn forced<T: SignedAs>(document: T, by: &[u8]) -> Bytes {
    let keys: Vec<SigningKey> = by.iter().map(|n| key(*n)).collect();
    crypto::sign(document, &keys.iter().collect::<Vec<_>>()).bytes().clone()
}

/// What a reader is asked who has these documents.
fn taking(after: &[&str], message: &str, bytes: impl AsRef<[u8]>) -> Value {
    json!({ "after": after, "message": message, "bytes": hex(bytes) })
}

fn at_stamp(after: &[&str], certificate: &Bytes, stamp: &Stamp) -> Value {
    let named =
        |named: &RevocationVersion| json!({ "agency": named.agency.as_str(), "version": named.version });
    let lists: Vec<_> = stamp.revocations.iter().map(named).collect();
    let mut asked = taking(after, "DeviceCertificate", certificate);
    asked["stamp"] = json!({
        "at": stamp.at.as_millis(), "trust_version": stamp.trust_version, "revocations": lists,
    });
    asked
}

fn server_key(after: &[&str], of: &str, number: u8, at: Timestamp) -> Value {
    let id = hex(key(number).verify_key().id().as_bytes());
    json!({ "after": after, "agency": of, "server_key": id, "at": at.as_millis() })
}

fn case(name: &str, mut asked: Value, gives: Value) -> Value {
    (asked["case"], asked["gives"]) = (json!(name), gives);
    asked
}

fn fault(name: &str, rule: &str, code: Code, mut asked: Value) -> Value {
    (asked["fault"], asked["rule"], asked["code"]) = (json!(name), json!(rule), json!(code.number()));
    asked
}

/// Lets a reader take what it has before, and then do what it is asked.
fn run(made: &Value, asked: &Value) -> Result<Value> {
    let mut store = MemoryStore::default();
    if asked["message"] == "Federation" {
        return Federation::from_bytes(&unhex(&asked["bytes"])).map(|anchor| json!(anchor.name()));
    }
    let anchor = Federation::from_bytes(&unhex(&made["anchor"]))?;
    apply(&mut store, |draft| Directory.install(draft, &anchor))?;
    for name in asked["after"].as_array().unwrap() {
        take(&mut store, &made["documents"][name.as_str().unwrap()]).unwrap();
    }
    let time = |value: &Value| Timestamp::from_millis(value.as_u64().unwrap());
    let of = |value: &Value| AgencyId::parse(value.as_str().unwrap());
    if let Some(id) = asked.get("server_key") {
        let id = KeyId::from_slice(&unhex(id))?;
        let found =
            read(&store, |d| Directory.server_key(d, &of(&asked["agency"])?, &id, time(&asked["at"])));
        return found.map(|key| json!(hex(key.as_bytes())));
    }
    if let Some(agency) = asked.get("new_devices_of") {
        return read(&store, |d| Directory.check_fresh(d, &of(agency)?, time(&asked["at"])))
            .map(|()| Value::Null);
    }
    let Some(stamp) = asked.get("stamp") else { return take(&mut store, asked) };
    let named = |named: &Value| {
        Ok(RevocationVersion { agency: of(&named["agency"])?, version: named["version"].as_u64().unwrap() })
    };
    let stamp = Stamp {
        at: time(&stamp["at"]),
        trust_version: stamp["trust_version"].as_u64().unwrap(),
        revocations: stamp["revocations"].as_array().unwrap().iter().map(named).collect::<Result<_>>()?,
    };
    let certificate = unhex(&asked["bytes"]).into();
    let shown = u32::try_from(asked.get("shown").map_or(0, |shown| shown.as_u64().unwrap())).unwrap();
    let device = read(&store, |d| Directory.view(d, &stamp)?.device_from(&certificate, shown))?;
    Ok(
        json!({ "user": device.user().as_str(), "device": hex(device.device().id.as_bytes()), "serial": device.serial() }),
    )
}

/// Takes one document. Gives what it brings.
fn take(store: &mut MemoryStore, document: &Value) -> Result<Value> {
    let bytes: Bytes = unhex(&document["bytes"]).into();
    match document["message"].as_str().unwrap() {
        "TrustList" => {
            let news = apply(store, |draft| Directory.accept_next_list(draft, &bytes))?;
            Ok(news.map_or(Value::Null, |news| {
                let changes = news
                    .changes
                    .iter()
                    .map(|(agency, change)| json!({ "agency": agency.as_str(), "change": word(*change) }));
                json!({ "by": news.by, "changes": changes.collect::<Vec<_>>() })
            }))
        }
        "AgencyDescriptor" => {
            apply(store, |draft| Directory.accept_descriptor(draft, &bytes)).map(|new| json!(new))
        }
        "ChainLink" => {
            let taken = apply(store, |draft| crate::identity::fixture::take_chain(draft, &[bytes]))?;
            taken.complete().map(|()| json!(taken.news))
        }
        "RevocationList" => {
            let news = apply(store, |draft| Directory.accept_revocations(draft, &bytes))?;
            Ok(news.map_or(Value::Null, |news| {
                let one = |entry: &crate::identity::Revocation| {
                    let device = entry.device().map(|id| hex(id.as_bytes()));
                    json!({ "user": entry.user().as_str(), "device": device, "serial": entry.serial() })
                };
                json!(news.revoked.iter().map(one).collect::<Vec<_>>())
            }))
        }
        other => panic!("{other}"),
    }
}

fn word(change: AgencyChange) -> &'static str {
    match change {
        AgencyChange::Joined => "joined",
        AgencyChange::Gone => "gone",
        AgencyChange::Suspended => "suspended",
        AgencyChange::Reinstated => "reinstated",
        AgencyChange::RootReplaced { handed_over: true } => "root handed over",
        AgencyChange::RootReplaced { handed_over: false } => "root replaced",
    }
}
