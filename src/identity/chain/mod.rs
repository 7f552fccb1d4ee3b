//! User chains: who speaks for a user.
//!
//! A chain begins with the user's first device; every further device is added by one that is
//! there, or by a recovery key, and the agency countersigns. So nobody alone adds a device: not
//! the agency, not a thief of one of its keys, not a server. Taking one away needs either.
//! A role's device may be one until the end of a shift.

mod endorsement;
mod entry;
mod fork;
mod keys;
mod link;
mod roll;
#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use endorsement::{Endorsement, Endorser};
pub(crate) use entry::{ChainEntry, Op};
pub use fork::ChainFork;
pub(crate) use keys::DeviceKey;
pub use keys::{RecoveryKey, UserKind};
pub(crate) use link::{ChainLink, Statement};

use roll::{Entered, Roll};

use crate::{
    code::Code,
    crypto::VerifyKey,
    error::{Error, Result, ensure, fault},
    ids::{DeviceId, Hash, KeyId, UserId},
    store::corrupt,
    time::Timestamp,
    wire::{decode_body, encode_body},
};

/// Where the agency's certificate key of an id is found, valid at a time.
pub(crate) type Countersigner<'a> = dyn FnMut(&KeyId, Timestamp, Word) -> Result<VerifyKey> + 'a;

/// Whose word an entry is, for whoever knows the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// The user's, which the agency countersigns.
    Users,
    /// The agency's alone: a new beginning, a removal that none of the user's keys has signed.
    Agencys,
}

/// A verified user chain.
#[derive(Clone, Debug)]
pub struct UserChain {
    user: UserId,
    kind: UserKind,
    identity: Hash,
    links: Vec<ChainLink>,
    roll: Roll,
}

impl UserChain {
    /// Begins with entry 0.
    ///
    /// # Errors
    /// [`Code::MissingEvidence`] for a later entry; as [`UserChain::accept`].
    pub(crate) fn begin(link: ChainLink, keys: &mut Countersigner<'_>) -> Result<Self> {
        ensure(link.entry().n == 0, Code::MissingEvidence, "chain does not begin at entry 0")?;
        verify_link(&[], &Roll::default(), &link, keys)?;
        Self::unverified(link)
    }

    /// Takes a link: the next one, or one that is there already. Says whether it is new.
    ///
    /// # Errors
    /// [`Code::MissingEvidence`] past a gap; [`Code::BrokenChain`], [`Code::BadSignature`],
    /// [`Code::BadKey`], [`Code::TooLong`] (SPEC V-244 to V-258), those of the key lookup;
    /// [`Code::Equivocation`] if it is a good link, but another one than is there (V-253).
    pub(crate) fn accept(&mut self, link: ChainLink, keys: &mut Countersigner<'_>) -> Result<bool> {
        let n = link.entry().n as usize;
        ensure(n <= self.links.len(), Code::MissingEvidence, "chain link between")?;
        let known = self.links.get(n);
        if known.is_some_and(|k| k.statement().body() == link.statement().body()) {
            return Ok(false);
        }
        if known.is_some() {
            let before = self.links.get(..n).unwrap_or_default();
            verify_link(before, &Roll::of(before), &link, keys)?;
            return fault(Code::Equivocation, "user chain");
        }
        verify_link(&self.links, &self.roll, &link, keys)?;
        self.push(link);
        Ok(true)
    }

    fn push(&mut self, link: ChainLink) {
        self.roll.enter(link.entry());
        self.links.push(link);
    }

    /// Checks what a registrar is asked to countersign as the next link. A statement that
    /// the chain already holds gives its place.
    ///
    /// # Errors
    /// [`Code::RolledBack`] if another link stands in its place already; as [`UserChain::accept`].
    pub(crate) fn check_next(known: Option<&UserChain>, statement: &Statement) -> Result<Option<u32>> {
        let none = Roll::default();
        let (links, roll) = known.map_or((&[][..], &none), |chain| (&chain.links, &chain.roll));
        let n = statement.entry().n;
        if let Some(link) = links.get(n as usize) {
            let same = link.statement().body() == statement.body();
            return if same { Ok(Some(n)) } else { fault(Code::RolledBack, "chain has gone on") };
        }
        // The agency signs what it says alone with the key that countersigns, and needs no request.
        check_statement(links, roll, statement, &mut |_| fault(Code::BrokenChain, "not a user's signature"))?;
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
            chain.push(link?);
        }
        let counted = chain.links.iter().zip(0..).all(|(link, n)| link.entry().n == n);
        ensure(counted, Code::StoreCorrupt, "user chain")?;
        Ok(Some(chain))
    }

    fn unverified(first: ChainLink) -> Result<Self> {
        let Op::Genesis { kind, .. } = first.entry().op else {
            return fault(Code::BrokenChain, "entry 0");
        };
        let (user, identity) = (first.entry().user.clone(), first.statement().identity());
        let mut chain = UserChain { user, kind, identity, links: Vec::new(), roll: Roll::default() };
        chain.push(first);
        Ok(chain)
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
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// The number of its last entry.
    pub(crate) fn last(&self) -> u32 {
        u32::try_from(self.links.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Every device that was ever on it, in order, with the authority by which it speaks or spoke.
    pub fn devices(&self) -> impl Iterator<Item = &Endorsement> {
        self.roll.entered().iter().map(|entered| &entered.endorsement)
    }

    /// By what authority a device speaks for the user, or spoke.
    #[must_use]
    pub fn endorsement(&self, device: &DeviceId) -> Option<&Endorsement> {
        self.entered(device).map(|entered| &entered.endorsement)
    }

    /// Who can recover the user.
    #[must_use]
    pub fn recovery(&self) -> &[RecoveryKey] {
        self.roll.recovery()
    }

    /// The identity that this one replaces, if the user has begun anew.
    pub(crate) fn replaces(&self) -> Option<&Hash> {
        self.links.first().and_then(|first| first.entry().replaces())
    }

    /// The link of a number.
    pub(crate) fn link(&self, n: u32) -> Option<&ChainLink> {
        self.links.get(n as usize)
    }

    /// The entry that endorses a device, if it is still one of the user's.
    pub(crate) fn endorsing(&self, device: &DeviceKey) -> Result<&ChainLink> {
        self.speaks(device, self.last())?;
        let entered = self.entered(&device.id).and_then(|entered| self.link(entered.n));
        entered.ok_or(Error::new(Code::UnendorsedDevice, "device"))
    }

    /// The devices that entries after number `after`, up to number `last`, remove.
    pub(crate) fn removed_between(&self, after: u32, last: u32) -> impl Iterator<Item = &DeviceId> {
        let within = move |entered: &&Entered| entered.removed.is_some_and(|n| after < n && n <= last);
        self.roll.entered().iter().filter(within).map(|entered| &entered.key.id)
    }

    /// Whether a key is a device's that spoke for the user until a time that has passed.
    pub(crate) fn is_over(&self, key: &KeyId, at: Timestamp) -> bool {
        let own = |entered: &&Entered| entered.key.key_id() == *key;
        self.roll.entered().iter().find(own).is_some_and(|own| own.endorsement.until.is_some_and(|u| u <= at))
    }

    /// Demands that an entry 0 names no device and no key of this chain, which it replaces.
    ///
    /// # Errors
    /// [`Code::BrokenChain`] (SPEC V-303).
    pub(crate) fn check_unknown(&self, first: &Statement) -> Result<()> {
        self.roll.check_keys(&first.entry().op)
    }

    fn entered(&self, device: &DeviceId) -> Option<&Entered> {
        self.roll.find(device)
    }

    /// Until when (exclusive) the chain up to entry `last` lets this device with this key speak
    /// for the user; `None`: without an end.
    ///
    /// # Errors
    /// [`Code::MissingEvidence`] if the chain does not reach that far; [`Code::UnendorsedDevice`];
    /// [`Code::RemovedDevice`] (SPEC V-267, V-268).
    pub(crate) fn speaks(&self, device: &DeviceKey, last: u32) -> Result<Option<Timestamp>> {
        ensure((last as usize) < self.links.len(), Code::MissingEvidence, "newer chain link")?;
        let entered = self.entered(&device.id).filter(|entered| entered.key == *device && entered.n <= last);
        let entered = entered.ok_or(Error::new(Code::UnendorsedDevice, "device"))?;
        ensure(entered.is_in(last), Code::RemovedDevice, "device")?;
        Ok(entered.endorsement.until)
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

/// Checks a link as the one after `links`.
fn verify_link(
    links: &[ChainLink],
    roll: &Roll,
    link: &ChainLink,
    keys: &mut Countersigner<'_>,
) -> Result<()> {
    let at = link.entry().at;
    check_statement(links, roll, link.statement(), &mut |id| {
        ensure(id == link.agency_key(), Code::BrokenChain, "signer does not speak for the user")?;
        keys(id, at, Word::Agencys)
    })?;
    let word = if link.entry().replaces().is_some() { Word::Agencys } else { Word::Users };
    let key = keys(link.agency_key(), at, word)?;
    link.verify_countersignature(&key)
}

/// Checks everything about the next link but the countersignature (SPEC V-244 to V-250, V-252,
/// V-255 to V-258).
fn check_statement(
    links: &[ChainLink],
    roll: &Roll,
    statement: &Statement,
    agency: &mut dyn FnMut(&KeyId) -> Result<VerifyKey>,
) -> Result<()> {
    let entry = statement.entry();
    ensure(entry.n as usize == links.len(), Code::BrokenChain, "entry is not the next one")?;
    if let Some(last) = links.last() {
        ensure(entry.user == last.entry().user, Code::BrokenChain, "another user's entry")?;
        let connected = entry.previous == Some(last.statement().hash());
        ensure(connected, Code::BrokenChain, "entry does not connect")?;
        ensure(entry.at >= last.entry().at, Code::BrokenChain, "entry is older than the one before")?;
    }
    roll.check(statement, agency)
}
