//! Taking what changes a room's group: its founding, commits, proposals to leave.

use core::cell::Cell;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;

use super::{
    super::{
        call::Call,
        keys::RoomKeys,
        log::Place,
        rows::{DeviceName, MemberRow, Pending, PendingWelcome, RoomRow, unreadable},
    },
    group::Tools,
};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    identity::{DeviceCertificate, Told, UserChain, VerifiedDevice, View, read_signed_certificate},
    ids::{AgencyId, Device, Hash, KeyId, RoomId, UserId},
    limits,
    room::{
        Change, RoomState, SUITE_NUMBER, Witness,
        hub::HubRoom,
        log::{Chained, Tail},
        submission,
    },
    store::corrupt,
    time::Timestamp,
    wire::{
        device::Invitation,
        encode_body,
        fields::raw,
        log::{Evidence, RoomMaterial, Stamp, Submission},
    },
};

/// The directory, and what it has said of devices.
struct Seen<'v, 'a> {
    view: View<'v, 'a>,
    members: BTreeMap<Device, MemberRow>,
    /// Whose they are, under which identity, and which keys signed their certificates.
    signed: Vec<(UserId, Hash, KeyId)>,
    /// By which somebody comes in from outside, and where to note that it is theirs.
    enters: Option<(&'v Submission, &'v Cell<bool>)>,
}

impl Witness for Seen<'_, '_> {
    fn verify(&mut self, certificate: &Bytes, shown: u32) -> Result<VerifiedDevice> {
        let device = self.view.device_from(certificate, shown)?;
        if let Some((submission, shown)) = self.enters {
            // It is its own word, whatever is wrong with it.
            submission::verify_newcomer(submission, &device)?;
            shown.set(true);
        }
        self.members.insert(device.device().clone(), MemberRow::of(&device));
        let (_, signer) = read_signed_certificate(certificate)?;
        self.signed.push((device.user().clone(), *device.identity(), signer));
        Ok(device)
    }

    fn bound(&mut self, certificate: &Bytes) -> Result<VerifiedDevice> {
        self.view.bound(certificate)
    }

    fn stands(&mut self, claims: &DeviceCertificate) -> Result<()> {
        self.view.stands(claims)
    }

    fn chain(&mut self, user: &UserId, identity: &Hash) -> Result<Arc<UserChain>> {
        self.view.chain(user, identity)
    }
}

/// What a commit made of a room.
struct Committed {
    change: Change,
    epoch: u64,
    state: RoomState,
    /// The devices whose leaf the commit brings or renews.
    members: BTreeMap<Device, MemberRow>,
    /// What joiners need; if there are some.
    material: Option<RoomMaterial>,
    /// What bears those devices out before members who have judged the others.
    evidence: Vec<Evidence>,
}

impl Call<'_, '_> {
    /// Founds a room, with one of our devices as its only member.
    pub(super) fn first_entry(&mut self, submission: &Submission) -> Result<u64> {
        let header = submission.header.claimed();
        let (room, founder) = (header.room, header.sender.clone());
        let missing = || Error::new(Code::BadSubmission, "founding");
        let info = submission.group_info.as_ref().ok_or_else(missing)?;
        let tree = submission.ratchet_tree.as_ref().ok_or_else(missing)?;
        ensure(
            header.term == 1 && header.epoch == 0,
            Code::BadSubmission,
            "a room begins at term 1 and epoch 0",
        )?;
        self.take_evidence(&submission.evidence)?;
        let stamp = self.stamp(None, Vec::new())?;

        let (own, directory) = (self.own.clone(), self.directory);
        let (state, member) = self.with_group(&room, |tools, before| {
            ensure(before.is_none(), Code::RoomExists, "founding")?;
            let mut member = None;
            let mut view = directory.view(tools.draft, &stamp)?;
            let mut verify = |certificate: &Bytes| {
                let device = view.device(certificate)?;
                member = Some(MemberRow::of(&device));
                Ok(device)
            };
            let by = (&own.agency, &founder);
            let group =
                HubRoom::found(&tools.storage, &tools.crypto, (info, tree), by, stamp.at, &mut verify)?;
            ensure(group.state().room == room, Code::BadSubmission, "another room")?;
            Ok(((group.state().clone(), member), group))
        })?;

        let member = member.ok_or(Error::new(Code::Bug, "founder's leaf"))?;
        self.write(RoomKeys::of(&room).member(&founder), &member);
        let mut row = RoomRow { hub: own.agency.to_string(), state: state.encode(), ..Default::default() };
        self.enter(&mut row, &room, &founder, 0, false)?;
        self.put_room(&room, &row);
        self.list_room(None, &state)?;
        self.keep_group_info(submission);
        let before = Place { tail: Tail::begin(room, 1), epoch: 0, beat: Timestamp::ZERO };
        let chained = self.append(submission, &before, 0, stamp, submission.evidence.clone())?;
        self.pass_on(&chained, &row, &[], &[])?;
        Ok(chained.entry.seq)
    }

    /// Takes a proposal of somebody who wants to leave, for whoever commits it.
    pub(super) fn proposal(
        &mut self,
        submission: &Submission,
        place: &Place,
        row: &RoomRow,
        stamp: Stamp,
    ) -> Result<u64> {
        let header = submission.header.claimed();
        let over = self.with_group(&header.room, |tools, group| {
            let mut group = group.ok_or(corrupt("room without group"))?;
            let accepted = group.proposal(&tools.crypto, &submission.mls, &header.sender)?;
            Ok((group.keep(&tools.storage, accepted)?, group))
        })?;
        let chained = self.append(submission, place, place.epoch, stamp, Vec::new())?;
        match over {
            Some(change) => self.end_room(&chained, row.clone(), &change)?,
            None => self.pass_on(&chained, row, &row.other_agencies()?, &[])?,
        }
        Ok(chained.entry.seq)
    }

    /// Takes a commit: the first for its epoch.
    pub(super) fn commit(
        &mut self,
        submission: &Submission,
        place: &Place,
        mut row: RoomRow,
        mut stamp: Stamp,
        enters: Option<&Cell<bool>>,
    ) -> Result<u64> {
        let header = submission.header.claimed();
        self.take_evidence(&submission.evidence)?;
        let committed = self.enter_epoch(submission, &stamp, enters)?;
        let change = &committed.change;
        self.wait_for_others(&header.room, &header.sender, change)?;
        let added: Vec<&Device> = change.added.iter().map(|came| &came.device).collect();
        let removed: Vec<&Device> = change.removed.iter().map(|gone| &gone.device).collect();
        let comes: BTreeSet<_> = added.iter().map(|device| device.user.agency()).collect();
        for agency in comes {
            self.directory.check_suite(&self.draft, agency, SUITE_NUMBER, stamp.at)?;
            self.directory.check_fresh(&self.draft, agency, stamp.at)?;
            self.name(&mut stamp, agency)?;
        }
        // V-515: a Welcome goes with a commit exactly if it adds somebody who does not come by itself.
        let invites = !added.is_empty() && !change.outside;
        ensure(invites == header.welcome_hash.is_some(), Code::BadSubmission, "welcome")?;

        let before = row.other_agencies()?;
        let evidence = complete(&submission.evidence, &committed.evidence)?;
        let chained = self.append(submission, place, committed.epoch, stamp, evidence)?;
        self.change_members(&chained, &mut row, &committed)?;
        let former = RoomState::decode(&row.state).map_err(unreadable)?;
        self.list_room(Some(&former), &committed.state)?;
        row.state = committed.state.encode();
        self.put_room(&header.room, &row);
        self.keep_group_info(submission);
        self.is_in_time(&header.room, &header.sender)?;
        self.pass_on(&chained, &row, &before, &removed)?;
        if !added.is_empty() {
            let welcome = submission.welcome.clone();
            self.welcome(&chained, &added, welcome, committed.material.as_ref())?;
        }
        Ok(chained.entry.seq)
    }

    /// Keeps the GroupInfo of the present epoch, for devices that come in from outside.
    fn keep_group_info(&mut self, submission: &Submission) {
        let info = submission.group_info.as_ref().map(|info| info.to_vec()).unwrap_or_default();
        self.draft.put(RoomKeys::of(&submission.header.claimed().room).group_info(), info);
    }

    /// Checks the commit and applies it to the public group.
    fn enter_epoch(
        &mut self,
        submission: &Submission,
        stamp: &Stamp,
        enters: Option<&Cell<bool>>,
    ) -> Result<Committed> {
        let header = submission.header.claimed();
        let directory = self.directory;
        self.with_group(&header.room, |tools, group| {
            let mut group = group.ok_or(corrupt("room without group"))?;
            // The newest of all agencies' lists; the stamp will name them.
            let view = directory.newest_at(tools.draft, stamp.at)?;
            let enters = enters.map(|shown| (submission, shown));
            let mut seen = Seen { view, members: BTreeMap::new(), signed: Vec::new(), enters };
            let accepted =
                group.commit(&tools.crypto, &submission.mls, &header.sender, stamp.at, &mut seen)?;
            let Seen { members, signed, .. } = seen;
            let told = signed.iter().map(|(user, identity, signer)| {
                let known = accepted.before.chain_links(user, identity);
                Told { user, identity, known, signer: Some(signer) }
            });
            let evidence = directory.evidence_for(tools.draft, told, stamp.at)?;
            let info = submission.group_info.as_ref().ok_or(Error::new(Code::BadSubmission, "group info"))?;
            let change = group.merge(&tools.storage, &tools.crypto, accepted, info)?;
            let material = match change.added.is_empty() || change.outside {
                true => None,
                false => Some(material(tools, directory, &group, stamp.at)?),
            };
            let (epoch, state) = (group.epoch(), group.state().clone());
            Ok((Committed { change, epoch, state, members, material, evidence }, group))
        })
    }

    /// Notes who is in the room after a commit.
    fn change_members(&mut self, chained: &Chained, row: &mut RoomRow, committed: &Committed) -> Result<()> {
        let (room, seq) = (chained.entry.room, chained.entry.seq);
        let keys = RoomKeys::of(&room);
        let own = self.own.clone();
        let removed: BTreeSet<&Device> = committed.change.removed.iter().map(|gone| &gone.device).collect();
        let added: BTreeSet<&Device> = committed.change.added.iter().map(|came| &came.device).collect();
        self.dismiss(chained, row, &removed)?;
        for device in added.iter().copied() {
            match *device.user.agency() == own.agency {
                true => self.enter(row, &room, device, seq, true)?,
                false => row.count(device.user.agency(), true, seq),
            }
        }
        ensure(row.others.len() <= limits::ROOM_AGENCIES, Code::Quota, "agencies in a room")?;
        for (device, member) in &committed.members {
            if added.contains(device) || !removed.contains(device) {
                self.write(keys.member(device), member);
            }
        }
        Ok(())
    }

    /// Notes who is in the room no more after an entry.
    pub(super) fn dismiss(
        &mut self,
        chained: &Chained,
        row: &mut RoomRow,
        removed: &BTreeSet<&Device>,
    ) -> Result<()> {
        let (room, seq) = (chained.entry.room, chained.entry.seq);
        let own = self.own.clone();
        for device in removed.iter().copied() {
            self.draft.delete(RoomKeys::of(&room).member(device));
            match *device.user.agency() == own.agency {
                true => self.depart(row, &room, device, seq)?,
                false => row.count(device.user.agency(), false, seq),
            }
        }
        Ok(())
    }

    /// Keeps what joiners need, once for all of them, and queues it for their agencies. Who comes in
    /// by itself needs no more than to know its place.
    fn welcome(
        &mut self,
        chained: &Chained,
        added: &[&Device],
        welcome: Option<Bytes>,
        material: Option<&RoomMaterial>,
    ) -> Result<()> {
        let entry = &chained.entry;
        let log = self.place(&entry.room)?.ok_or(corrupt("tail"))?.tail;
        let invitation = Invitation {
            hub: self.own.agency.clone(),
            entry: chained.bytes.clone(),
            head: self.head(&log, entry.seq, chained.hash).into_signed(),
            welcome,
        };
        self.keep_joining(&entry.room, entry.seq, &invitation, material);
        let mut others: BTreeMap<&AgencyId, Vec<&Device>> = BTreeMap::new();
        for device in added.iter().copied().filter(|device| *device.user.agency() != self.own.agency) {
            others.entry(device.user.agency()).or_default().push(device);
        }
        for (agency, mut devices) in others {
            devices.sort();
            let recipients = devices.into_iter().map(DeviceName::of).collect();
            let pending = PendingWelcome { room: raw(entry.room.as_bytes()), seq: entry.seq, recipients };
            let place = (entry.stamp.at, &entry.room, entry.seq);
            let mut after_the_entry = [0; 16];
            after_the_entry[0] = 1;
            self.queue(agency, place, after_the_entry, Pending::Welcome(pending));
            self.draft.put(RoomKeys::of(&entry.room).waiting_agency(entry.seq, agency), Vec::new());
        }
        Ok(())
    }

    /// Keeps an invitation and its material until all have made use of it, or it is too late.
    pub(in crate::server) fn keep_joining(
        &mut self,
        room: &RoomId,
        seq: u64,
        invitation: &Invitation,
        material: Option<&RoomMaterial>,
    ) {
        let keys = RoomKeys::of(room);
        self.draft.put(keys.invitation(seq), encode_body(invitation).to_vec());
        if let Some(material) = material {
            self.draft.put(keys.material(seq), encode_body(material).to_vec());
        }
        let at = self.now().plus(limits::INVITATION_KEPT);
        self.drop_later(at, &keys.joining(seq));
    }
}

/// What came with a commit, and what it lacked: members who have judged those before it must not wait
/// for what the committer has kept back (V-267, V-268).
fn complete(given: &[Evidence], wanted: &[Evidence]) -> Result<Vec<Evidence>> {
    let there: BTreeSet<&Bytes> = given.iter().map(Evidence::bytes).collect();
    let missing = wanted.iter().filter(|document| !there.contains(document.bytes()));
    let all: Vec<Evidence> = given.iter().chain(missing).cloned().collect();
    let bytes = all.iter().map(|document| document.bytes().len()).fold(0, usize::saturating_add);
    let fits = all.len() <= limits::EVIDENCE && bytes <= limits::SUBMISSION;
    ensure(fits, Code::BatchTooLarge, "evidence")?;
    Ok(all)
}

/// The tree of the present epoch, and what proves everybody in it.
pub(in crate::server) fn material(
    tools: &Tools<'_>,
    directory: crate::identity::Directory,
    group: &HubRoom,
    at: Timestamp,
) -> Result<RoomMaterial> {
    let roster = group.roster()?;
    let evidence: Vec<Evidence> = directory.evidence_for(tools.draft, roster.told(), at)?;
    Ok(RoomMaterial { ratchet_tree: group.ratchet_tree()?, evidence })
}
