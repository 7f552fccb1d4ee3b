//! Whom this device believes: federation, trust list, descriptors, certificates. It leaves out
//! what a real one must not: user chains, validity in time, newer lists.

use std::collections::BTreeMap;

use crate::{
    sign,
    wire::{self, AgencyDescriptor, DeviceCertificate, Evidence, Federation, KnownDescriptor, TrustList},
};

/// Purposes of operational keys.
const CERTIFICATE: u32 = 1;
const SERVER: u32 = 3;

/// What has been verified so far.
pub struct Trust {
    list: TrustList,
    descriptors: BTreeMap<String, AgencyDescriptor>,
}

/// A user's device, as its agency has certified it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    pub user: String,
    pub device: Vec<u8>,
    pub key: Vec<u8>,
    pub identity: Vec<u8>,
}

impl Trust {
    /// Believes a trust list that enough holders of root keys have signed.
    pub fn new(federation: &[u8], list: &[u8]) -> Self {
        let federation: Federation = wire::open(federation);
        let keys: Vec<&[u8]> = federation.roots.iter().map(|root| &root.public_key[..]).collect();
        assert!(sign::signers("trust list", list, &keys) >= federation.threshold as usize);
        let list: TrustList = sign::claimed(list);
        assert_eq!(list.federation, federation.name);
        Trust { list, descriptors: BTreeMap::new() }
    }

    pub fn version(&self) -> u64 {
        self.list.version
    }

    /// Takes a descriptor over that its agency's root key has signed.
    pub fn learn(&mut self, descriptor: &[u8]) {
        let claimed: AgencyDescriptor = sign::claimed(descriptor);
        let agency = self.list.agencies.iter().find(|trusted| trusted.agency == claimed.agency);
        let root = &agency.expect("a trusted agency").root_key;
        assert_eq!(sign::signers("agency descriptor", descriptor, &[root]), 1);
        let known = self.descriptors.get(&claimed.agency).map_or(0, |known| known.version);
        if claimed.version > known {
            self.descriptors.insert(claimed.agency.clone(), claimed);
        }
    }

    pub fn learn_from(&mut self, evidence: &[Evidence]) {
        evidence.iter().filter_map(|one| one.descriptor.as_ref()).for_each(|bytes| self.learn(bytes));
    }

    pub fn known(&self) -> Vec<KnownDescriptor> {
        let known = |d: &AgencyDescriptor| KnownDescriptor { agency: d.agency.clone(), version: d.version };
        self.descriptors.values().map(known).collect()
    }

    /// Reads a certificate that the user's own agency has signed.
    pub fn certified(&self, certificate: &[u8]) -> Option<Certified> {
        let claimed: DeviceCertificate = sign::claimed(certificate);
        let (_, agency) = claimed.user.split_once('@')?;
        let signed = self.signed_by(agency, CERTIFICATE, "device certificate", certificate);
        let device = claimed.device.filter(|_| signed && claimed.agency == agency)?;
        Some(Certified {
            user: claimed.user,
            device: device.device,
            key: device.public_key,
            identity: claimed.identity,
        })
    }

    /// Whether a server of an agency has signed a head.
    pub fn is_head_of(&self, agency: &str, head: &[u8]) -> bool {
        self.signed_by(agency, SERVER, "log head", head)
    }

    fn signed_by(&self, agency: &str, purpose: u32, label: &str, bytes: &[u8]) -> bool {
        let Some(descriptor) = self.descriptors.get(agency) else { return false };
        let keys = descriptor.keys.iter().filter(|key| key.purpose == purpose);
        sign::signers(label, bytes, &keys.map(|key| &key.public_key[..]).collect::<Vec<_>>()) == 1
    }
}
