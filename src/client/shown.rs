//! Devices that their users' chains have removed. What this device knows of that counts for what it
//! sends; so that it counts for everybody, it is shown in the rooms (SPEC V-299, V-350 to V-354).

use std::collections::BTreeSet;

use openmls::prelude::LeafNodeIndex;

use super::{Client, Output, call::Call, session::Session};
use crate::{
    code::Code,
    error::{Result, ensure},
    identity::{DeviceCertificate, Told},
    ids::{Device, Hash, UserId},
    limits,
    room::{Leaf, RoomState, Roster, ShownEntry, member::Plan},
    store::{Ctx, Transition},
    wire::log::Evidence,
};

impl Client {
    /// Takes links of this device's user's chain from whoever has them: from the registrar itself, where
    /// the own server may keep back that a device was removed ([`Changed`](crate::identity::Changed)).
    /// Links that are known already are no news; a good one in the place of a known one is told
    /// ([`Event::ChainForked`](crate::client::Event::ChainForked)).
    ///
    /// # Errors
    /// [`Code::NotReady`] before enrolment; [`Code::NotForUs`] for another user's chain; those of the links
    /// (SPEC V-241 to V-258).
    pub fn user_chain(&mut self, ctx: Ctx<'_>, links: &[bytes::Bytes]) -> Result<Transition<(), Output>> {
        let mut call = Call::ready(ctx, &mut self.cache)?;
        for link in links {
            let link: crate::identity::ChainLink = crate::wire::decode_body(link)?;
            let own = link.entry().user == call.account.device.user;
            ensure(own, Code::NotForUs, "another user's chain")?;
        }
        let taken = call.directory.accept_chain(&mut call.draft, links)?;
        if let Some(refusal) = taken.refusal {
            return Err(refusal);
        }
        let news = taken.news;
        call.took_links(taken)?;
        if news {
            call.look_at_rooms()?;
        }
        call.finish(())
    }
}

impl Call<'_, '_> {
    /// That a device's user has not removed it, as far as is known. Of the own user's devices also that
    /// the user has not begun anew since.
    ///
    /// # Errors
    /// [`Code::RemovedDevice`].
    pub(super) fn check_kept(&self, claims: &DeviceCertificate) -> Result<()> {
        let gone = self.directory.check_not_removed(&self.draft, &claims.device);
        let Err(error) = gone else { return Ok(()) };
        if error.code() != Code::RemovedDevice || claims.device.user == self.account.device.user {
            return Err(error);
        }
        let chain = self.directory.chain_of(&self.draft, &claims.device.user, &claims.identity)?;
        let removed = chain.is_some_and(|c| c.removed_between(0, c.last()).any(|id| *id == claims.device.id));
        ensure(!removed, Code::RemovedDevice, "device")
    }

    /// Whether the own user's chain has removed a device and the room does not show it: then this
    /// device shows it, so that nobody brings the other one in.
    pub(super) fn has_to_show(&self, session: &Session<'_>) -> Result<bool> {
        let own = &self.account.device;
        let state = session.member.state();
        let closed = state.bans.contains(&own.user) || state.has_ended(session.latest(self.now())?);
        if closed || !self.directory.has_removed(&self.draft, &own.user)? {
            return Ok(false);
        }
        let mut plan = Plan::default();
        self.plan_shown(session, &mut plan).map(|shows| !shows.is_empty())
    }

    /// Adds to a plan what the room is to be shown: of the own user whatever has been removed, of others
    /// whom the plan removes. A leaf for which the state has no place is taken out of the plan. Gives the
    /// documents with which others can check it; empty if there is nothing to show.
    pub(super) fn plan_shown(&self, session: &Session<'_>, plan: &mut Plan) -> Result<Vec<Evidence>> {
        let roster = session.member.roster()?;
        let state = plan.state.as_ref().unwrap_or(session.member.state());
        let own = roster.find(&self.account.device);
        let removed = plan.remove.iter().filter_map(|leaf| roster.at(*leaf));
        let places: BTreeSet<(UserId, Hash)> = own.into_iter().chain(removed).map(place).collect();
        let mut next = state.clone();
        let mut shown = BTreeSet::new();
        let mut no_place = BTreeSet::new();
        for (user, identity) in places {
            let Some((entry, gone)) = self.news_of(&roster, state, &user, &identity)? else { continue };
            let mine = user == self.account.device.user;
            let concerned = |leaf: &LeafNodeIndex| {
                roster.at(*leaf).is_some_and(|leaf| gone.contains(&leaf.claims.device))
            };
            if !mine && !plan.remove.iter().any(concerned) {
                continue;
            }
            let key = (user, identity);
            if next.shown.len() >= limits::SHOWN_CHAINS && !next.shown.contains_key(&key) {
                roster.forget_shown(&mut next);
            }
            if next.shown.len() >= limits::SHOWN_CHAINS && !next.shown.contains_key(&key) {
                if !mine {
                    no_place.extend(gone);
                }
                continue;
            }
            next.shown.insert(key.clone(), entry);
            shown.insert(key);
        }
        plan.remove
            .retain(|leaf| !roster.at(*leaf).is_some_and(|leaf| no_place.contains(&leaf.claims.device)));
        if shown.is_empty() {
            return Ok(Vec::new());
        }
        plan.state = Some(next);
        let known = |(user, identity): &(UserId, Hash)| roster.chain_links(user, identity);
        let wanted = shown.iter().map(|place| {
            let (user, identity) = (&place.0, &place.1);
            Told { user, identity, known: known(place), signer: None }
        });
        self.directory.evidence_for(&self.draft, wanted, self.now())
    }

    /// The last entry of a user's chain, if there are removals in it that the room does not show; and
    /// the devices that those are of.
    fn news_of(
        &self,
        roster: &Roster,
        state: &RoomState,
        user: &UserId,
        identity: &Hash,
    ) -> Result<Option<(ShownEntry, BTreeSet<Device>)>> {
        if !self.directory.has_removed(&self.draft, user)? {
            return Ok(None);
        }
        let Some(chain) = self.directory.chain_of(&self.draft, user, identity)? else { return Ok(None) };
        let n = chain.last();
        let gone = chain.removed_between(roster.shown(state, user, identity), n);
        let gone: BTreeSet<Device> = gone.map(|id| Device { user: user.clone(), id: *id }).collect();
        let hash = chain.link(n).map(|link| link.statement().hash());
        Ok(hash.filter(|_| !gone.is_empty()).map(|hash| (ShownEntry { n, hash }, gone)))
    }
}

fn place(leaf: &Leaf) -> (UserId, Hash) {
    (leaf.claims.device.user.clone(), leaf.claims.identity)
}
