//! The directory: what it keeps, and what it bears out.

mod chains;
mod devices;
mod documents;
mod revocations;
mod stolen_keys;

use super::*;
use crate::{
    identity::fixture::{TestDevice, TestFederation, apply, read, stamp},
    store::MemoryStore,
};

fn refused(result: Result<impl Sized>, code: Code) {
    assert_eq!(result.err().map(|e| e.code()), Some(code));
}

/// A store that knows the federation and these devices' chains.
fn knowing(federation: &TestFederation, devices: &[&TestDevice]) -> MemoryStore {
    let mut store = federation.store();
    for device in devices {
        apply(&mut store, |draft| crate::identity::fixture::take_chain(draft, device.chain())).unwrap();
    }
    store
}

fn verify(store: &MemoryStore, device: &TestDevice, at: Timestamp, version: u64) -> Result<VerifiedDevice> {
    read(store, |draft| Directory.view(draft, &stamp(at, version, &[]))?.device(device.certificate()))
}
