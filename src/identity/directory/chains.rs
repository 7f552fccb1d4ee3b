//! User chains as they are kept: of every user that of the newest identity, and those of the
//! identities that it replaced, because devices under them may still be in rooms.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{Directory, rows, view};
use crate::{
    code::Code,
    crypto::VerifyKey,
    error::{Error, Result, ensure},
    identity::{
        KeyPurpose, UserChain, UserKind,
        chain::{ChainFork, ChainLink, Op, Word},
    },
    ids::{AgencyId, Device, Hash, KeyId, UserId},
    limits,
    store::{Draft, corrupt},
    time::Timestamp,
    wire::{decode_body, log::Evidence},
};

/// What links that were taken have brought.
#[derive(Debug, Default)]
pub(crate) struct NewLinks {
    /// Whether one is new.
    pub(crate) news: bool,
    /// Users who were known under another identity: the one of before, the one from now on.
    pub(crate) resets: Vec<(UserId, Hash, Hash)>,
    /// Good links in the place of known ones, with those. They were not taken, nor what comes after.
    pub(crate) forks: Vec<ChainFork>,
    /// Why others were not taken. What is good was taken all the same, and is to be told: or a bad link
    /// behind a new beginning would hide it (SPEC V-305).
    pub(crate) refusal: Option<Error>,
}

impl NewLinks {
    /// For whoever rests on all of them.
    ///
    /// # Errors
    /// Why one was not taken; [`Code::Equivocation`] if there is a fork.
    pub(crate) fn complete(&self) -> Result<()> {
        match &self.refusal {
            Some(refusal) => Err(refusal.clone()),
            None => ensure(self.forks.is_empty(), Code::Equivocation, "user chain"),
        }
    }

    fn refused(&mut self, refusal: Error) {
        self.refusal.get_or_insert(refusal);
    }
}

/// Links of one chain, in order, with their bytes.
type Run = Vec<(ChainLink, Bytes)>;

impl Directory {
    /// A user's chain: that of the newest identity.
    pub(crate) fn chain(&self, draft: &Draft<'_>, user: &UserId) -> Result<Option<UserChain>> {
        match self.identities(draft, user)?.first() {
            Some(newest) => self.chain_of(draft, user, newest),
            None => Ok(None),
        }
    }

    /// A user's chain under an identity that may have been replaced since.
    pub(crate) fn chain_of(
        &self,
        draft: &Draft<'_>,
        user: &UserId,
        identity: &Hash,
    ) -> Result<Option<UserChain>> {
        let rows = draft.scan(&rows::chain(user, identity), None, limits::CHAIN_LINKS)?;
        UserChain::from_store(rows.into_iter().map(|(_, row)| row))
    }

    /// A user's identities, newest first.
    fn identities(&self, draft: &Draft<'_>, user: &UserId) -> Result<Vec<Hash>> {
        Ok(self.counted(draft, user)?.into_iter().map(|(identity, _)| identity).collect())
    }

    /// The same, each with the number of its links.
    fn counted(&self, draft: &Draft<'_>, user: &UserId) -> Result<Vec<(Hash, u32)>> {
        draft.get(&rows::identities(user))?.map_or(Ok(Vec::new()), |row| rows::parse_identities(&row))
    }

    /// What tells of a user: of the chains under the identities in `whole`, everything past the
    /// number of links that goes with them; of others entry 0, which shows what they replace.
    /// Oldest first; empty if nothing is known.
    pub(super) fn history(
        &self,
        draft: &Draft<'_>,
        user: &UserId,
        whole: &BTreeMap<Hash, u32>,
    ) -> Result<Vec<Bytes>> {
        let mut links = Vec::new();
        for identity in self.identities(draft, user)?.iter().rev() {
            let (known, most) = match whole.get(identity) {
                Some(known) => (*known, limits::CHAIN_LINKS),
                None => (0, 1),
            };
            let after = known.checked_sub(1).map(|n| rows::link(user, identity, n.into()));
            let rows = draft.scan(&rows::chain(user, identity), after.as_deref(), most)?;
            links.extend(rows.into_iter().map(|(_, row)| Bytes::from(row)));
        }
        Ok(links)
    }

    /// The links that tell of a user, as they travel: the newest chain, and entry 0 of those that it
    /// replaced; empty if there is none.
    pub(crate) fn chain_bytes(&self, draft: &Draft<'_>, user: &UserId) -> Result<Vec<Bytes>> {
        let newest = self.identity(draft, user)?;
        self.history(draft, user, &newest.into_iter().map(|newest| (newest, 0)).collect())
    }

    /// How much of a user's chain is here: its identity, and how many links.
    pub(crate) fn chain_length(&self, draft: &Draft<'_>, user: &UserId) -> Result<Option<(Hash, u32)>> {
        Ok(self.counted(draft, user)?.into_iter().next())
    }

    /// What a user is, by entry 0 of the newest chain alone.
    pub(crate) fn kind(&self, draft: &Draft<'_>, user: &UserId) -> Result<Option<UserKind>> {
        let Some(newest) = self.identity(draft, user)? else { return Ok(None) };
        let Some(first) = draft.get(&rows::link(user, &newest, 0))? else { return Ok(None) };
        let first: ChainLink = decode_body(&first.into()).map_err(|_| corrupt("chain link"))?;
        match first.entry().op {
            Op::Genesis { kind, .. } => Ok(Some(kind)),
            _ => Err(corrupt("chain")),
        }
    }

    /// What somebody lacks who has so much of a user's chain.
    pub(crate) fn chain_after(
        &self,
        draft: &Draft<'_>,
        user: &UserId,
        (identity, links): (Hash, u32),
    ) -> Result<Vec<Bytes>> {
        if self.identity(draft, user)? != Some(identity) {
            return self.chain_bytes(draft, user);
        }
        let after = links.checked_sub(1).map(|n| rows::link(user, &identity, n.into()));
        let prefix = rows::chain(user, &identity);
        let rows = draft.scan(&prefix, after.as_deref(), limits::CHAIN_LINKS)?;
        Ok(rows.into_iter().map(|(_, row)| row.into()).collect())
    }

    /// Demands that a device was not removed from its user's newest chain, nor the user's identity
    /// replaced since it was added; no chain is read for it.
    ///
    /// # Errors
    /// [`Code::RemovedDevice`].
    pub(crate) fn check_not_removed(&self, draft: &Draft<'_>, device: &Device) -> Result<()> {
        ensure(draft.get(&rows::gone(device))?.is_none(), Code::RemovedDevice, "device")
    }

    /// How often this has come to know that devices are gone: as long as it is the same, nothing has
    /// changed about [`Directory::check_not_removed`].
    pub(crate) fn removals(&self, draft: &Draft<'_>) -> Result<u64> {
        let row = draft.get(&rows::removals())?;
        row.map_or(Ok(0), |row| row.try_into().map(u64::from_be_bytes).map_err(|_| corrupt("removals")))
    }

    /// Whether a user's newest chain has ever removed a device; no chain is read for it.
    pub(crate) fn has_removed(&self, draft: &Draft<'_>, user: &UserId) -> Result<bool> {
        Ok(!draft.scan(&rows::gone_of(user), None, 1)?.is_empty())
    }

    fn put_gone(&self, draft: &mut Draft<'_>, device: &Device) -> Result<()> {
        draft.put(rows::gone(device), Vec::new());
        let count = self.removals(draft)?.saturating_add(1);
        draft.expect_unchanged(rows::removals())?;
        draft.put(rows::removals(), count.to_be_bytes().to_vec());
        Ok(())
    }

    /// Two links for one place in a user's chain, if somebody has shown such.
    pub(crate) fn fork(&self, draft: &Draft<'_>, user: &UserId) -> Result<Option<ChainFork>> {
        let row = draft.get(&rows::fork(user))?;
        row.map(|row| ChainFork::from_bytes(&row).map_err(|_| corrupt("fork"))).transpose()
    }

    /// Keeps evidence against an agency: one piece for each user. Says whether it is the first.
    pub(crate) fn keep_fork(&self, draft: &mut Draft<'_>, fork: &ChainFork) -> Result<bool> {
        let key = rows::fork(fork.user());
        if draft.get(&key)?.is_some() {
            return Ok(false);
        }
        draft.expect_unchanged(key.clone())?;
        draft.put(key, fork.to_bytes());
        Ok(true)
    }

    /// Takes links of user chains, each chain's in order: whole chains or what comes after
    /// the links that are here. A user's chains come in any order. Each chain stands for itself:
    /// what is wrong with one, or further on in it, is in what is given back.
    ///
    /// # Errors
    /// Those of the store; those of decoding (1xx), and [`Code::TooLong`] for more beginnings of one user
    /// than there can be (SPEC V-253): then nothing was taken.
    pub(crate) fn accept_chain(&self, draft: &mut Draft<'_>, links: &[Bytes]) -> Result<NewLinks> {
        let mut runs = runs(links)?;
        let users: BTreeSet<UserId> = runs.iter().filter_map(user_of).cloned().collect();
        let mut before = BTreeMap::new();
        for user in users {
            before.insert(user.clone(), self.identity(draft, &user)?);
        }
        let mut taken = NewLinks::default();
        // An identity is placed by the one that replaces it or that it replaces: so as often as
        // there can be identities.
        for _ in 0..=limits::IDENTITIES_KEPT {
            let mut waiting = Vec::new();
            let mut missing = None;
            let count = runs.len();
            for run in runs {
                match self.accept_run(draft, &run, &mut taken) {
                    Err(error) if error.fails_the_call() => return Err(error),
                    Err(error) if error.code() == Code::MissingEvidence => {
                        missing.get_or_insert(error);
                        waiting.push(run);
                    }
                    Err(error) => taken.refused(error),
                    Ok(()) => {}
                }
            }
            let Some(missing) = missing else { break };
            runs = waiting;
            if runs.len() == count {
                taken.refused(missing);
                break;
            }
        }
        for (user, known) in before {
            let now = self.identity(draft, &user)?;
            if let (Some(known), Some(now)) = (known, now)
                && known != now
            {
                taken.resets.push((user, known, now));
            }
        }
        Ok(taken)
    }

    fn accept_run(&self, draft: &mut Draft<'_>, run: &Run, taken: &mut NewLinks) -> Result<()> {
        let Some((first, _)) = run.first() else { return Ok(()) };
        let user = first.entry().user.clone();
        let chain = match first.entry().n {
            0 => self.place(draft, &user, first, taken)?,
            _ => Some(self.continued(draft, &user, first)?),
        };
        let Some(mut chain) = chain else { return Ok(()) };
        let identity = *chain.identity();
        let newest = self.identities(draft, &user)?.first() == Some(&identity);
        for (link, bytes) in run {
            let accepted = chain.accept(link.clone(), &mut |id, at, word| {
                self.countersigner(draft, user.agency(), (id, word), at)
            });
            match accepted {
                Err(error) if error.code() == Code::Equivocation => {
                    if let Some(known) = chain.link(link.entry().n) {
                        taken.forks.push(ChainFork::of(known, link)?);
                    }
                    return Ok(());
                }
                accepted => {
                    if accepted? {
                        self.put_link(draft, &identity, (link, bytes), newest)?;
                        taken.news = true;
                    }
                }
            }
        }
        Ok(())
    }

    fn put_link(
        &self,
        draft: &mut Draft<'_>,
        identity: &Hash,
        (link, bytes): (&ChainLink, &Bytes),
        newest: bool,
    ) -> Result<()> {
        let entry = link.entry();
        let key = rows::link(&entry.user, identity, entry.n.into());
        draft.expect_unchanged(key.clone())?;
        draft.put(key, bytes.to_vec());
        let mut counted = self.counted(draft, &entry.user)?;
        if let Some((_, links)) = counted.iter_mut().find(|(known, _)| known == identity) {
            *links = entry.n.saturating_add(1);
        }
        draft.put(rows::identities(&entry.user), rows::identities_value(&counted));
        let gone = match &entry.op {
            Op::RemoveDevice { device } => Some(*device),
            op => op.device().filter(|_| !newest).map(|device| device.id),
        };
        if let Some(id) = gone {
            self.put_gone(draft, &Device { user: entry.user.clone(), id })?;
        }
        Ok(())
    }

    /// The chain that an entry 0 is of, with a place among the user's identities; `None` if it has
    /// none, which convicts the agency (SPEC V-304, V-312), or none any more.
    fn place(
        &self,
        draft: &mut Draft<'_>,
        user: &UserId,
        first: &ChainLink,
        taken: &mut NewLinks,
    ) -> Result<Option<UserChain>> {
        let mut counted = self.counted(draft, user)?;
        let identities: Vec<Hash> = counted.iter().map(|(identity, _)| *identity).collect();
        let identity = first.statement().identity();
        if identities.contains(&identity) {
            return self.chain_of(draft, user, &identity);
        }
        let chain = UserChain::begin(first.clone(), &mut |id, at, word| {
            self.countersigner(draft, user.agency(), (id, word), at)
        })?;
        let oldest = match identities.last() {
            Some(oldest) => self.chain_of(draft, user, oldest)?,
            None => None,
        };
        if chain.replaces() == identities.first() || identities.is_empty() {
            // The first, or the next.
            self.replace(draft, user, &mut counted)?;
            counted.insert(0, (identity, 0));
        } else if oldest.as_ref().and_then(UserChain::replaces) == Some(&identity) {
            if identities.len() >= limits::IDENTITIES_KEPT {
                return Ok(None);
            }
            counted.push((identity, 0));
        } else {
            for known in &identities {
                let known = self.chain_of(draft, user, known)?;
                let known = known.as_ref().and_then(|known| known.link(0));
                if let Some(known) = known.filter(|known| known.entry().place() == first.entry().place()) {
                    // Whoever has a key that the agency has dropped convicts nobody with it.
                    let key = (first.agency_key(), Word::Agencys);
                    self.countersigner(draft, user.agency(), key, first.entry().at)?;
                    taken.forks.push(ChainFork::of(known, first)?);
                    return Ok(None);
                }
            }
            return Err(Error::new(Code::MissingEvidence, "identity between"));
        }
        let newest = counted.first().is_some_and(|(newest, _)| *newest == identity);
        draft.expect_unchanged(rows::identities(user))?;
        draft.put(rows::identities(user), rows::identities_value(&counted));
        let bytes = crate::wire::encode_body(first);
        self.put_link(draft, &identity, (first, &bytes), newest)?;
        taken.news = true;
        Ok(Some(chain))
    }

    /// What ends when a user begins anew: the devices of before. The oldest identity is forgotten
    /// where there are too many.
    fn replace(&self, draft: &mut Draft<'_>, user: &UserId, counted: &mut Vec<(Hash, u32)>) -> Result<()> {
        if let Some(chain) = self.chain(draft, user)? {
            for device in chain.devices() {
                self.put_gone(draft, &Device { user: user.clone(), id: device.device })?;
            }
        }
        while counted.len() >= limits::IDENTITIES_KEPT {
            let Some((oldest, _)) = counted.pop() else { break };
            for (key, _) in draft.scan(&rows::chain(user, &oldest), None, limits::CHAIN_LINKS)? {
                draft.delete(key);
            }
        }
        Ok(())
    }

    /// The chain that a link continues that is no entry 0: the one that has the entry before it.
    fn continued(&self, draft: &Draft<'_>, user: &UserId, link: &ChainLink) -> Result<UserChain> {
        let mut newest = None;
        for identity in self.identities(draft, user)? {
            let Some(chain) = self.chain_of(draft, user, &identity)? else { continue };
            let before = link.entry().n.checked_sub(1).and_then(|n| chain.link(n));
            if before.is_some_and(|before| link.entry().previous == Some(before.statement().hash())) {
                return Ok(chain);
            }
            newest = newest.or(Some(chain));
        }
        newest.ok_or(Error::new(Code::MissingEvidence, "chain does not begin at entry 0"))
    }

    /// An agency's certificate key of this id that was valid at a time: in whichever descriptor lists
    /// it, for links outlive descriptors; for the agency's word alone in the newest (SPEC V-251).
    fn countersigner(
        &self,
        draft: &Draft<'_>,
        agency: &AgencyId,
        (id, word): (&KeyId, Word),
        at: Timestamp,
    ) -> Result<VerifyKey> {
        if word == Word::Agencys {
            let newest = self.descriptor(draft, agency)?;
            let newest = newest.ok_or(Error::new(Code::MissingEvidence, "agency descriptor"))?;
            return newest.key(KeyPurpose::Certificate, id, at);
        }
        view::Descriptors::of(agency).key(draft, |_| true, KeyPurpose::Certificate, id, at)
    }

    /// Takes links of one user's chains, and of nobody else's: as [`Directory::accept_chain`].
    ///
    /// # Errors
    /// [`Code::CertificateMismatch`] if one is another user's; as there.
    pub(crate) fn accept_chain_of(
        &self,
        draft: &mut Draft<'_>,
        user: &UserId,
        links: &[Bytes],
    ) -> Result<NewLinks> {
        let theirs = runs(links)?.iter().all(|run| user_of(run) == Some(user));
        ensure(theirs, Code::CertificateMismatch, "another user's chain")?;
        self.accept_chain(draft, links)
    }

    /// Takes documents in any order; of chain links those that are good.
    ///
    /// # Errors
    /// As [`Directory::accept_descriptor`] and [`Directory::accept_chain`].
    pub(crate) fn accept_evidence(&self, draft: &mut Draft<'_>, evidence: &[Evidence]) -> Result<NewLinks> {
        let mut links = Vec::new();
        for document in evidence {
            match document {
                Evidence::Descriptor(bytes) => drop(self.accept_descriptor(draft, bytes)?),
                Evidence::ChainLink(bytes) => links.push(bytes.clone()),
            }
        }
        self.accept_chain(draft, &links)
    }
}

/// Links cut into chains: where an entry 0 comes, or another user. What comes twice counts once.
/// Each chain is read from the store, so that there must not be more of a user than there can be.
fn runs(links: &[Bytes]) -> Result<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut begun = BTreeMap::<UserId, usize>::new();
    for bytes in links.iter().filter(|bytes| seen.insert(*bytes)) {
        let link: ChainLink = decode_body(bytes)?;
        let user = &link.entry().user;
        let goes_on = link.entry().n > 0 && runs.last().and_then(user_of).is_some_and(|last| last == user);
        match runs.last_mut() {
            Some(run) if goes_on => run.push((link, bytes.clone())),
            _ => {
                let begun = begun.entry(user.clone()).or_default();
                *begun = begun.saturating_add(1);
                ensure(*begun <= limits::CHAINS_OF_USER, Code::TooLong, "chains of a user")?;
                runs.push(vec![(link, bytes.clone())]);
            }
        }
    }
    Ok(runs)
}

fn user_of(run: &Run) -> Option<&UserId> {
    run.first().map(|(link, _)| &link.entry().user)
}
