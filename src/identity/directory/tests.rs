//! The directory.

use super::*;
use crate::identity::fixture::{DAY, TestFederation, apply, now, read, user};

#[test]
fn devices_of_both_agencies_verify() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let tablet = federation.further(&anna, 2);
    let bert = federation.person("bert@b.example", 3);
    let mut store = federation.store();
    apply(&mut store, |draft| {
        Directory.accept_chain(draft, tablet.chain())?;
        Directory.accept_chain(draft, bert.chain())
    })
    .unwrap();
    for device in [&anna, &tablet, &bert] {
        let verified = read(&store, |d| Directory.verify_device(d, device.certificate(), now(), 1)).unwrap();
        assert_eq!(verified, device.verified);
        assert_eq!(verified.key(), &device.new.key().verify_key());
    }
    let evidence = read(&store, |d| Directory.evidence_for(d, [&user("anna@a.example")], now())).unwrap();
    assert_eq!(evidence.len(), 3);
    let later = |d: &Draft<'_>| Directory.evidence_for(d, [&user("anna@a.example")], now().plus(90 * DAY));
    assert_eq!(read(&store, later).unwrap_err().code(), Code::MissingEvidence);
}
