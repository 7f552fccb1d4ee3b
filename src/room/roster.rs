//! Who has a leaf in a room's tree. Every leaf was verified when it entered, so its
//! certificate is read here and not verified again.

use std::collections::{BTreeMap, BTreeSet};

use openmls::prelude::{LeafNodeIndex, PublicGroup, tls_codec::Serialize as _};

use super::suite;
use crate::{
    code::Code,
    error::{Error, Result},
    identity::{self, DeviceCertificate, Told, UserKind},
    ids::{Device, Hash, KeyId, UserId},
};

/// A leaf and whose it is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) index: LeafNodeIndex,
    /// What its certificate says.
    pub(crate) claims: DeviceCertificate,
    pub(crate) key: Vec<u8>,
    /// The key to which path secrets are encrypted, as it stands in messages.
    pub(crate) encryption_key: Vec<u8>,
    /// The key that signed its certificate.
    pub(crate) signer: KeyId,
}

impl Leaf {
    /// The device, for somebody who has so much of its user's chain.
    pub(crate) fn told(&self, known: u32) -> Told<'_> {
        let claims = &self.claims;
        Told { user: &claims.device.user, identity: &claims.identity, known, signer: Some(&self.signer) }
    }

    /// Whether it is an archive's.
    pub(crate) fn is_archive(&self) -> bool {
        self.claims.kind == UserKind::Archive
    }
}

/// All leaves, in the order of the tree.
pub(crate) struct Roster {
    leaves: Vec<Leaf>,
    places: BTreeMap<Device, usize>,
}

impl Roster {
    pub(crate) fn of(group: &PublicGroup) -> Result<Self> {
        let leaf = |(index, node): (LeafNodeIndex, &openmls::prelude::LeafNode)| {
            let certificate = suite::certificate(node.credential())?;
            let (claims, signer) = identity::read_signed_certificate(&certificate)?;
            let key = node.signature_key().as_slice().to_vec();
            let encryption_key = node.encryption_key().tls_serialize_detached();
            let encryption_key = encryption_key.map_err(|_| Error::new(Code::Bug, "leaf"))?;
            Ok(Leaf { index, claims, key, encryption_key, signer })
        };
        Ok(Self::of_leaves(group.treesync().full_leaves().map(leaf).collect::<Result<_>>()?))
    }

    /// Of leaves in the order of the tree.
    pub(super) fn of_leaves(leaves: Vec<Leaf>) -> Self {
        let places = leaves.iter().enumerate().map(|(i, leaf)| (leaf.claims.device.clone(), i)).collect();
        Roster { leaves, places }
    }

    pub(crate) fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    pub(crate) fn len(&self) -> usize {
        self.leaves.len()
    }

    pub(crate) fn find(&self, device: &Device) -> Option<&Leaf> {
        self.places.get(device).and_then(|i| self.leaves.get(*i))
    }

    pub(crate) fn at(&self, index: LeafNodeIndex) -> Option<&Leaf> {
        let place = self.leaves.binary_search_by_key(&index, |leaf| leaf.index).ok()?;
        self.leaves.get(place)
    }

    pub(crate) fn users(&self) -> BTreeSet<&UserId> {
        self.leaves.iter().map(|leaf| &leaf.claims.device.user).collect()
    }

    /// A user takes part if and only if one of their devices has a leaf.
    pub(crate) fn has_user(&self, user: &UserId) -> bool {
        self.leaves_of(user).next().is_some()
    }

    /// How far the user's chain under an identity is shown by those who are there: whoever judged
    /// them has it up to this entry (SPEC V-268).
    pub(crate) fn chain_n(&self, user: &UserId, identity: &Hash) -> u32 {
        let shown = self.leaves_of(user).filter(|leaf| leaf.claims.identity == *identity);
        shown.map(|leaf| leaf.claims.chain_n).max().unwrap_or(0)
    }

    /// How many links of that chain everybody has who is there; 0 if nobody shows it.
    pub(crate) fn chain_links(&self, user: &UserId, identity: &Hash) -> u32 {
        let shows = self.leaves_of(user).any(|leaf| leaf.claims.identity == *identity);
        if shows { self.chain_n(user, identity).saturating_add(1) } else { 0 }
    }

    /// The same, but for what a device that has only just come shows by itself.
    pub(crate) fn chain_links_beside(&self, device: &Device, identity: &Hash) -> u32 {
        let others = self.leaves_of(&device.user).filter(|leaf| leaf.claims.device != *device);
        let shown = others.filter(|leaf| leaf.claims.identity == *identity);
        shown.map(|leaf| leaf.claims.chain_n.saturating_add(1)).max().unwrap_or(0)
    }

    /// Everybody, for somebody who knows nobody.
    pub(crate) fn told(&self) -> impl Iterator<Item = Told<'_>> {
        self.leaves.iter().map(|leaf| leaf.told(0))
    }

    pub(crate) fn leaves_of<'a>(&'a self, user: &'a UserId) -> impl Iterator<Item = &'a Leaf> {
        let first = Device { user: user.clone(), id: crate::ids::DeviceId::from_bytes([0; 16]) };
        let own = self.places.range(first..).take_while(move |(device, _)| device.user == *user);
        own.filter_map(|(_, i)| self.leaves.get(*i))
    }
}
