//! User chains: who speaks for a user.
//!
//! A chain begins with the user's first device; every further device is added by one
//! that is there, and the agency countersigns. So nobody alone adds a device: not the
//! agency, not a thief of one of its keys, not a server.

mod entry;
mod link;
#[cfg(test)]
mod tests;

use bytes::Bytes;

pub(crate) use entry::{ChainEntry, DeviceKey, Op};
pub use entry::{RecoveryKey, UserKind};
pub(crate) use link::{ChainLink, Statement};

use crate::{
    code::Code,
    crypto::VerifyKey,
    error::{Error, Result, ensure, fault},
    ids::{Hash, KeyId, UserId},
    limits,
    store::corrupt,
    time::Timestamp,
    wire::{decode_body, encode_body},
};

/// Where the agency's certificate key of an id is found, valid at a time.
pub(crate) type Countersigner<'a> = dyn FnMut(&KeyId, Timestamp) -> Result<VerifyKey> + 'a;

/// A verified user chain.
#[derive(Clone, Debug)]
pub struct UserChain {
    user: UserId,
    kind: UserKind,
    identity: Hash,
    links: Vec<ChainLink>,
}

impl UserChain {
    /// Begins with entry 0.
    ///
    /// # Errors
    /// [`Code::MissingEvidence`] for a later entry; as [`UserChain::accept`].
    pub(crate) fn begin(link: ChainLink, keys: &mut Countersigner<'_>) -> Result<Self> {
        ensure(link.entry().n == 0, Code::MissingEvidence, "chain does not begin at entry 0")?;
        verify_link(&[], &link, keys)?;
        Self::unverified(link)
    }

    /// Takes a link: the next one, or one that is there already. Says whether it is new.
    ///
    /// # Errors
    /// [`Code::MissingEvidence`] past a gap; [`Code::BrokenChain`], [`Code::BadSignature`],
    /// [`Code::BadKey`], [`Code::TooLong`] (SPEC V-244 to V-252), those of the key lookup;
    /// [`Code::Equivocation`] if it is a good link, but another one than is there (V-253).
    pub(crate) fn accept(&mut self, link: ChainLink, keys: &mut Countersigner<'_>) -> Result<bool> {
        let n = link.entry().n as usize;
        ensure(n <= self.links.len(), Code::MissingEvidence, "chain link between")?;
        let known = self.links.get(n);
        if known.is_some_and(|k| k.statement().body() == link.statement().body()) {
            return Ok(false);
        }
        verify_link(self.links.get(..n).unwrap_or_default(), &link, keys)?;
        ensure(known.is_none(), Code::Equivocation, "user chain")?;
        self.links.push(link);
        Ok(true)
    }

    /// Checks what a registrar is asked to countersign as the next link. A statement that
    /// the chain already holds gives its place.
    ///
    /// # Errors
    /// [`Code::RolledBack`] if another link stands in its place already; as [`UserChain::accept`].
    pub(crate) fn check_next(known: Option<&UserChain>, statement: &Statement) -> Result<Option<u32>> {
        let links = known.map(|c| c.links.as_slice()).unwrap_or_default();
        let n = statement.entry().n;
        if let Some(link) = links.get(n as usize) {
            let same = link.statement().body() == statement.body();
            return if same { Ok(Some(n)) } else { fault(Code::RolledBack, "chain has gone on") };
        }
        check_statement(links, statement)?;
        Ok(None)
    }

    /// A whole chain, of at least one link.
    pub(crate) fn verify(links: &[Bytes], keys: &mut Countersigner<'_>) -> Result<Self> {
        let mut links = links.iter().map(decode_body::<ChainLink>);
        let first = links.next().ok_or(Error::new(Code::MissingEvidence, "user chain"))??;
        let mut chain = Self::begin(first, keys)?;
        for link in links {
            ensure(chain.accept(link?, keys)?, Code::BrokenChain, "link comes twice")?;
        }
        Ok(chain)
    }

    /// Reads back links that were stored after they had been verified.
    pub(crate) fn from_store(rows: impl Iterator<Item = Vec<u8>>) -> Result<Option<Self>> {
        let unreadable = |_| corrupt("user chain");
        let mut links = rows.map(|row| decode_body::<ChainLink>(&Bytes::from(row)).map_err(unreadable));
        let Some(first) = links.next() else { return Ok(None) };
        let mut chain = Self::unverified(first?).map_err(unreadable)?;
        for link in links {
            chain.links.push(link?);
        }
        let counted = chain.links.iter().zip(0..).all(|(link, n)| link.entry().n == n);
        ensure(counted, Code::StoreCorrupt, "user chain")?;
        Ok(Some(chain))
    }

    fn unverified(first: ChainLink) -> Result<Self> {
        let Op::Genesis { kind, .. } = first.entry().op else {
            return fault(Code::BrokenChain, "entry 0");
        };
        let identity = first.statement().identity();
        Ok(UserChain { user: first.entry().user.clone(), kind, identity, links: vec![first] })
    }

    /// Whose chain it is.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// What the user is.
    #[must_use]
    pub fn kind(&self) -> UserKind {
        self.kind
    }

    /// The user's identity: the hash of entry 0.
    #[must_use]
    pub fn identity(&self) -> &Hash {
        &self.identity
    }

    /// How many links it has; at least one.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // it never is
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// The device that entry `n` endorses.
    pub(crate) fn device(&self, n: u32) -> Option<&DeviceKey> {
        self.links.get(n as usize).map(|link| link.entry().op.device())
    }

    /// All links as they travel.
    pub(crate) fn bytes(&self) -> Vec<Bytes> {
        self.links.iter().map(encode_body).collect()
    }

    /// What the next entry has to hold of the last one, and its earliest time.
    pub(crate) fn head(&self) -> (Option<Hash>, Timestamp) {
        let last = self.links.last();
        (last.map(|l| l.statement().hash()), last.map_or(Timestamp::ZERO, |l| l.entry().at))
    }
}

/// The live devices of a chain. (`remove` will take some away.)
fn live(links: &[ChainLink]) -> impl Iterator<Item = &DeviceKey> {
    links.iter().map(|link| link.entry().op.device())
}

/// Checks a link as the one after `links`.
fn verify_link(links: &[ChainLink], link: &ChainLink, keys: &mut Countersigner<'_>) -> Result<()> {
    check_statement(links, link.statement())?;
    let key = keys(link.agency_key(), link.entry().at)?;
    link.verify_countersignature(&key)
}

/// Checks everything about the next link but the agency's part (SPEC V-244 to V-250, V-252).
fn check_statement(links: &[ChainLink], statement: &Statement) -> Result<()> {
    let entry = statement.entry();
    ensure(entry.n as usize == links.len(), Code::BrokenChain, "entry is not the next one")?;
    if let Some(last) = links.last() {
        ensure(entry.user == last.entry().user, Code::BrokenChain, "another user's entry")?;
        let connected = entry.previous == Some(last.statement().hash());
        ensure(connected, Code::BrokenChain, "entry does not connect")?;
        ensure(entry.at >= last.entry().at, Code::BrokenChain, "entry is older than the one before")?;
    }
    check_new_keys(links, &entry.op)?;

    // Entry 0 is signed by the device that it names, all others by one that is there before.
    let own = links.is_empty().then(|| entry.op.device());
    let signer = live(links).chain(own).find(|d| d.key_id() == entry.signer);
    let signer = signer.ok_or(Error::new(Code::BrokenChain, "signer is not a device of the user"))?;
    statement.verify(&VerifyKey::parse(&signer.key)?)?;

    ensure(links.len() < limits::CHAIN_LINKS, Code::TooLong, "user chain")?;
    ensure(live(links).count() < limits::DEVICES_PER_USER, Code::TooLong, "devices of a user")
}

/// Every key is acceptable, and neither it nor the device id has been on the chain (V-250).
fn check_new_keys(links: &[ChainLink], op: &Op) -> Result<()> {
    let device = op.device();
    VerifyKey::parse(&device.key)?;
    let mut taken: Vec<[u8; 32]> = live(links).map(|d| d.key).collect();
    for op in links.iter().map(|l| &l.entry().op).chain([op]) {
        if let Op::Genesis { recovery, .. } = op {
            taken.extend(recovery.iter().map(|r| *r.key()));
        }
    }
    let fresh = !taken.contains(&device.key) && live(links).all(|d| d.id != device.id);
    ensure(fresh, Code::BrokenChain, "device or key is on the chain already")?;
    if let Op::Genesis { recovery, .. } = op {
        for key in recovery {
            VerifyKey::parse(key.key())?;
        }
        let mut keys: Vec<_> = recovery.iter().map(RecoveryKey::key).collect();
        keys.dedup();
        ensure(keys.len() == recovery.len(), Code::BrokenChain, "one recovery key twice")?;
    }
    Ok(())
}
