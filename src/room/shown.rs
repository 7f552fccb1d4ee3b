//! How far users' chains are shown in a room: by the certificates of those who are there, and by
//! the room's state where a chain has removed a device. Everybody who has judged the log has the
//! chains up to there, so that what they decide is decided alike (SPEC V-268, V-350 to V-354).

use std::collections::BTreeMap;

use super::{roster::Roster, state::RoomState, witness::Witness};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    identity::DeviceCertificate,
    ids::{Device, Hash, UserId},
    limits,
    wire::{self, fields::raw, proto},
};

/// An entry of a user's chain, by number and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShownEntry {
    pub(crate) n: u32,
    pub(crate) hash: Hash,
}

/// What a room's state shows, by user and identity.
pub(crate) type ShownChains = BTreeMap<(UserId, Hash), ShownEntry>;

/// V-350
pub(super) fn parse(shown: Vec<proto::ShownChain>) -> Result<ShownChains> {
    let shown = wire::repeated(shown, (0, limits::SHOWN_CHAINS), "shown chains", |p| {
        let entry = ShownEntry { n: p.n, hash: Hash::from_slice(&p.hash)? };
        Ok(((UserId::parse(&p.user)?, Hash::from_slice(&p.identity)?), entry))
    })?;
    ensure(shown.is_sorted_by(|a, b| a.0 < b.0), Code::BadField, "shown chains are not in order")?;
    Ok(shown.into_iter().collect())
}

pub(super) fn to_proto(shown: &ShownChains) -> Vec<proto::ShownChain> {
    let chain = |((user, identity), entry): (&(UserId, Hash), &ShownEntry)| proto::ShownChain {
        user: user.to_string(),
        identity: raw(identity.as_bytes()),
        n: entry.n,
        hash: raw(entry.hash.as_bytes()),
    };
    shown.iter().map(chain).collect()
}

/// The number of the last entry that leaves and states show of a user's chain.
fn shown_by<'s>(
    roster: &Roster,
    states: impl IntoIterator<Item = &'s RoomState>,
    place: &(UserId, Hash),
) -> u32 {
    let shown = states.into_iter().filter_map(|state| state.shown.get(place));
    shown.map(|entry| entry.n).fold(roster.chain_n(&place.0, &place.1), u32::max)
}

/// How far chains are shown where a commit is judged.
pub(super) struct Shown<'s> {
    pub(super) roster: &'s Roster,
    pub(super) before: &'s RoomState,
    pub(super) after: &'s RoomState,
}

impl Shown<'_> {
    /// The last entry that counts about a user's devices.
    pub(super) fn n(&self, user: &UserId, identity: &Hash) -> u32 {
        shown_by(self.roster, [self.before, self.after], &(user.clone(), *identity))
    }

    /// Whether a device is removed by what is shown (V-353).
    pub(super) fn removes(&self, claims: &DeviceCertificate, witness: &mut dyn Witness) -> Result<bool> {
        removes(claims, self.n(&claims.device.user, &claims.identity), witness)
    }

    /// Decides what a commit changes in what is shown; `removed` are the devices that it removes.
    ///
    /// # Errors
    /// [`Code::MissingEvidence`], [`Code::Equivocation`] (V-351), [`Code::BadRoomState`] (V-352, V-354).
    pub(super) fn judge(
        &self,
        committer: &UserId,
        removed: &[Device],
        witness: &mut dyn Witness,
    ) -> Result<()> {
        for (place, entry) in &self.after.shown {
            if self.before.shown.get(place) != Some(entry) {
                self.judge_new(place, entry, (committer, removed), witness)?;
            }
        }
        for (place, entry) in &self.before.shown {
            let stays = self.after.shown.get(place).is_some_and(|after| after.n >= entry.n);
            // V-354
            ensure(stays || self.may_go(place, entry, removed), Code::BadRoomState, "shown no more")?;
        }
        Ok(())
    }

    fn judge_new(
        &self,
        place: &(UserId, Hash),
        entry: &ShownEntry,
        (committer, removed): (&UserId, &[Device]),
        witness: &mut dyn Witness,
    ) -> Result<()> {
        let (user, identity) = place;
        // V-351
        let chain = witness.chain(user, identity)?;
        let link = chain.link(entry.n).ok_or(Error::new(Code::MissingEvidence, "newer chain link"))?;
        ensure(link.statement().hash() == entry.hash, Code::Equivocation, "shown chain")?;
        // V-352: something is gone that was not known to be, and it concerns this commit.
        let known = shown_by(self.roster, [self.before], place);
        let concerned = chain.removed_between(known, entry.n).any(|device| {
            let device = Device { user: user.clone(), id: *device };
            user == committer || removed.contains(&device)
        });
        ensure(concerned, Code::BadRoomState, "shown for nothing")
    }

    /// Whether leaves that stay show as much, or nobody is there whom it is about.
    fn may_go(&self, (user, identity): &(UserId, Hash), entry: &ShownEntry, removed: &[Device]) -> bool {
        let own = self.roster.leaves_of(user).map(|leaf| &leaf.claims);
        let mut stay =
            own.filter(|claims| claims.identity == *identity && !removed.contains(&claims.device)).peekable();
        stay.peek().is_none() || stay.any(|claims| claims.chain_n >= entry.n)
    }
}

/// Whether a user's chain up to entry `n` removes a device that it has endorsed.
fn removes(claims: &DeviceCertificate, n: u32, witness: &mut dyn Witness) -> Result<bool> {
    // Its own certificate was held against the chain up to what it names.
    if n <= claims.chain_n {
        return Ok(false);
    }
    let chain = witness.chain(&claims.device.user, &claims.identity)?;
    ensure(n <= chain.last(), Code::MissingEvidence, "newer chain link")?;
    Ok(chain.removed_between(claims.chain_n, n).any(|device| *device == claims.device.id))
}

impl Roster {
    /// Up to which entry a user's chain is shown in a room of this state.
    pub(crate) fn shown(&self, state: &RoomState, user: &UserId, identity: &Hash) -> u32 {
        shown_by(self, [state], &(user.clone(), *identity))
    }

    /// Takes out of a state what it need not show any more (V-354).
    pub(crate) fn forget_shown(&self, state: &mut RoomState) {
        let before = state.clone();
        let shown = Shown { roster: self, before: &before, after: &before };
        state.shown.retain(|place, entry| !shown.may_go(place, entry, &[]));
    }
}
