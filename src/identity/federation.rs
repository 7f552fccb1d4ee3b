//! The anchor: what an app believes before it has seen a trust list.

use core::fmt;

use bytes::Bytes;

use crate::{
    code::Code,
    crypto::{Quorum, VerifyKey},
    error::{Error, Result, ensure},
    limits,
    wire::{self, Wire, fields, proto, repeated},
};

/// A root key of a federation and who holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct RootKey {
    pub(super) holder: String,
    pub(super) key: [u8; 32],
}

impl RootKey {
    /// A key and the name of its holder, 1 to [`limits::NAME`] bytes.
    #[must_use]
    pub fn new(holder: impl Into<String>, key: &VerifyKey) -> Self {
        RootKey { holder: holder.into(), key: *key.as_bytes() }
    }

    /// Who holds it.
    #[must_use]
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// The 32 bytes of the Ed25519 public key.
    #[must_use]
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    pub(super) fn parse(proto: proto::RootKey) -> Result<Self> {
        Ok(RootKey { holder: name(proto.holder, "root key holder")?, key: key_bytes(&proto.public_key)? })
    }

    pub(super) fn to_proto(&self) -> proto::RootKey {
        proto::RootKey { holder: self.holder.clone(), public_key: fields::raw(&self.key) }
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({}, {})", self.holder, VerifyKey::id_of(&self.key))
    }
}

/// Root keys, and how many of their holders have to sign (SPEC V-201, V-202).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Roots {
    pub(super) keys: Vec<RootKey>,
    pub(super) threshold: u32,
}

impl Roots {
    /// From the wire: ordered by holder.
    pub(super) fn parse(keys: Vec<proto::RootKey>, threshold: u32) -> Result<Self> {
        let keys = repeated(keys, (1, limits::ROOT_KEYS), "root keys", RootKey::parse)?;
        let pairs = || keys.iter().zip(keys.iter().skip(1));
        ensure(pairs().all(|(a, b)| a.holder != b.holder), Code::SameHolderTwice, "root key holder")?;
        fields::ascending(&keys, |k| k.holder.as_str(), "root keys are not in order")?;
        let mut bytes: Vec<_> = keys.iter().map(|k| k.key).collect();
        bytes.sort_unstable();
        bytes.dedup();
        ensure(bytes.len() == keys.len(), Code::SameHolderTwice, "root key")?;
        let reachable = usize::try_from(threshold).is_ok_and(|t| (1..=keys.len()).contains(&t));
        ensure(reachable, Code::BadField, "threshold")?;
        Ok(Roots { keys, threshold })
    }

    /// The keys, ready to verify; distinct keys of distinct holders.
    ///
    /// # Errors
    /// [`Code::BadKey`] if one is not acceptable (SPEC V-203).
    pub(super) fn verify_keys(&self) -> Result<Vec<VerifyKey>> {
        self.keys.iter().map(|k| VerifyKey::parse(&k.key)).collect()
    }

    pub(super) fn quorum<'a>(&self, keys: &'a [VerifyKey]) -> Quorum<'a> {
        Quorum { keys, threshold: usize::try_from(self.threshold).unwrap_or(usize::MAX) }
    }
}

/// A federation as an app knows it from its maker: name, root keys, threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Federation {
    pub(super) name: String,
    pub(super) roots: Roots,
}

impl Federation {
    /// A federation of this name, whose trust lists `threshold` of `roots` have to sign.
    ///
    /// # Errors
    /// [`Code::SameHolderTwice`] if a holder or a key comes twice; [`Code::BadField`] or
    /// [`Code::TooLong`] if a name, the number of keys or the threshold is out of range.
    pub fn new(name: impl Into<String>, mut roots: Vec<RootKey>, threshold: u32) -> Result<Self> {
        roots.sort_by(|a, b| a.holder.cmp(&b.holder));
        let (name, keys) = (name.into(), roots.iter().map(RootKey::to_proto).collect());
        Federation::parse(proto::Federation { name, roots: keys, threshold })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its root keys when the anchor was made, ordered by holder.
    #[must_use]
    pub fn roots(&self) -> &[RootKey] {
        &self.roots.keys
    }

    /// How many holders have to sign.
    #[must_use]
    pub fn threshold(&self) -> u32 {
        self.roots.threshold
    }

    /// The anchor as a file to ship with an app. It is not secret, but must be genuine.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        wire::encode(self).to_vec()
    }

    /// Reads what [`Federation::to_bytes`] made.
    ///
    /// # Errors
    /// Those of decoding (1xx), and as [`Federation::new`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        wire::decode(&Bytes::copy_from_slice(bytes))
    }
}

impl Wire for Federation {
    type Proto = proto::Federation;
    const MAX: usize = limits::FEDERATION;
    const NAME: &'static str = "federation";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let roots = Roots::parse(proto.roots, proto.threshold)?;
        roots.verify_keys()?;
        Ok(Federation { name: name(proto.name, "federation name")?, roots })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::Federation {
            name: self.name.clone(),
            roots: self.roots.keys.iter().map(RootKey::to_proto).collect(),
            threshold: self.roots.threshold,
        }
    }
}

/// A name of 1 to [`limits::NAME`] bytes.
pub(super) fn name(name: String, what: &'static str) -> Result<String> {
    ensure(!name.is_empty(), Code::BadField, what)?;
    ensure(name.len() <= limits::NAME, Code::TooLong, what)?;
    Ok(name)
}

/// The 32 bytes of a public key. Whether they are a key is checked where trust begins.
pub(super) fn key_bytes(bytes: &[u8]) -> Result<[u8; 32]> {
    bytes.try_into().map_err(|_| Error::new(Code::BadField, "public key"))
}
