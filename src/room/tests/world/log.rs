//! The hub, its log, and the devices that follow it.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    code::Code,
    crypto::VerifyKey,
    error::{Error, Result, ensure},
    identity::{DeviceCertificate, UserChain, VerifiedDevice},
    ids::{Hash, UserId},
    room::{
        self, Witness,
        hub::HubRoom,
        log::{Chained, Tail},
        member::{Incoming, Joining, MemberRoom},
        mls_store::{Known, MlsStore},
        submission,
    },
    store::Apply,
    wire::log::{LogEntry, Stamp, Submission, SubmissionKind},
};

use super::{ROOM, Registry, World};

/// The hub's witness, to whom a newcomer shows by the certificate that the submission is theirs.
struct Entering<'s> {
    registry: Registry,
    newcomers: Option<&'s Submission>,
}

impl Witness for Entering<'_> {
    fn verify(&mut self, certificate: &Bytes, shown: u32) -> Result<VerifiedDevice> {
        let device = self.registry.verify(certificate, shown)?;
        if let Some(submission) = self.newcomers {
            submission::verify_newcomer(submission, &device)?;
        }
        Ok(device)
    }

    fn bound(&mut self, certificate: &Bytes) -> Result<VerifiedDevice> {
        self.registry.bound(certificate)
    }

    fn stands(&mut self, claims: &DeviceCertificate) -> Result<()> {
        self.registry.stands(claims)
    }

    fn chain(&mut self, user: &UserId, identity: &Hash) -> Result<Arc<UserChain>> {
        self.registry.chain(user, identity)
    }
}

impl World {
    // -- the hub

    pub(in crate::room::tests) fn hub(&self) -> HubRoom {
        let storage = MlsStore::room(&self.hub, &ROOM, b"group/".to_vec(), Known::default()).unwrap();
        HubRoom::load(&storage, &ROOM).unwrap().expect("founded")
    }

    pub(in crate::room::tests) fn stamp(&self) -> Stamp {
        Stamp { at: self.now, trust_version: 1, revocations: Vec::new() }
    }

    /// What stands in the log next, if the hub takes it, or if it does not care.
    pub(in crate::room::tests) fn entry(&self, submission: &Submission) -> (Tail, Chained) {
        self.tail.append(submission, self.stamp()).unwrap()
    }

    /// The hub takes a submission into the log, or refuses it.
    pub(in crate::room::tests) fn submit(&mut self, submission: &Submission) -> Result<()> {
        let header = submission.header.claimed().clone();
        let (crypto, check, at) = (self.randomness().0, self.check(), self.now);
        let storage = MlsStore::room(&self.hub, &ROOM, b"group/".to_vec(), Known::default()).unwrap();
        let group = HubRoom::load(&storage, &ROOM).unwrap();
        let enters = header.kind == SubmissionKind::Commit
            && room::comes_from_outside(&submission.mls, &ROOM).unwrap_or_default();
        let mut verify = |certificate: &Bytes| check(certificate, at);
        if header.kind == SubmissionKind::Create {
            submission::verify(submission, self.side(self.name(&header.sender)).device.verified.key())?;
            let parts = (submission.group_info.as_ref().unwrap(), submission.ratchet_tree.as_ref().unwrap());
            let by = (&self.user("anna").agency().clone(), &header.sender);
            HubRoom::found(&storage, &crypto, parts, by, at, &mut verify)?;
        } else {
            let mut group = group.ok_or(Error::new(Code::UnknownRoom, "submission"))?;
            let roster = group.roster()?;
            if let Some(leaf) = roster.find(&header.sender).filter(|_| !enters) {
                submission::verify(submission, &VerifyKey::parse(&leaf.key)?)?;
            }
            let (mls, sender) = (&submission.mls, &header.sender);
            match header.kind {
                SubmissionKind::Commit => {
                    let mut entering =
                        Entering { registry: self.witness(at), newcomers: enters.then_some(submission) };
                    let accepted = group.commit(&crypto, mls, sender, at, &mut entering)?;
                    let info = submission.group_info.as_ref().expect("parsed");
                    self.changes.push(group.merge(&storage, &crypto, accepted, info)?);
                    self.group_info = info.clone();
                    if let Some(welcome) = &submission.welcome {
                        let tree = group.ratchet_tree()?;
                        self.welcomes.insert(self.tail.seq + 1, (welcome.clone(), tree));
                    }
                }
                SubmissionKind::Proposal => {
                    let accepted = group.proposal(&crypto, mls, sender)?;
                    self.changes.extend(group.keep(&storage, accepted)?);
                }
                _ => {
                    let epoch = room::epoch_of(mls, &ROOM, header.kind)?;
                    ensure(epoch == group.epoch(), Code::WrongEpoch, "message")?;
                    let leaf = roster.find(sender).ok_or(Error::new(Code::NotMember, "message"))?;
                    room::may_send(group.state(), &sender.user, leaf.is_archive(), at)?;
                }
            }
        }
        let (batch, _) = storage.finish().unwrap();
        self.hub.apply(&batch).unwrap();
        self.take(submission);
        Ok(())
    }

    /// Puts something into the log without a look at it, as a hub could.
    pub(in crate::room::tests) fn take(&mut self, submission: &Submission) {
        let (tail, chained) = self.entry(submission);
        self.tail = tail;
        self.log.push(chained);
    }

    // -- following

    /// Everybody who is in the room processes what is new.
    pub(in crate::room::tests) fn deliver(&mut self) {
        for who in self.present() {
            self.catch_up(who).unwrap();
            if let Some(change) = self.side(who).changes.last() {
                assert_eq!(Some(change), self.changes.last(), "{who}");
            }
        }
        self.agree();
    }

    /// A device processes all that is new to it.
    pub(in crate::room::tests) fn catch_up(&mut self, who: &'static str) -> Result<()> {
        for chained in self.log.clone() {
            if self.side(who).place.is_some_and(|place| place < chained.entry.seq) {
                self.process(who, &chained.entry)?;
            }
        }
        Ok(())
    }

    /// A device processes one entry.
    pub(in crate::room::tests) fn process(&mut self, who: &str, entry: &LogEntry) -> Result<()> {
        if entry.header.claimed().kind == SubmissionKind::Create {
            self.side_mut(who).place = Some(entry.seq);
            return Ok(());
        }
        let mut witness = self.witness(entry.stamp.at);
        let outcome = self.room(who, |room, mls| {
            Ok(match room.process(mls.provider, entry, &mut witness)? {
                Incoming::Commit(commit) => {
                    let brought = commit.private.clone();
                    let pending = commit.is_pending();
                    let private_hash = room.state().private_hash;
                    let change = room.apply(mls.provider, *commit)?;
                    let described = change.state.private_hash != private_hash && !pending;
                    (None, Some((change, described.then_some(brought))))
                }
                Incoming::Message { sender, plaintext } => (Some((sender, plaintext.to_vec())), None),
                Incoming::Own | Incoming::Leaving(_) => (None, None),
                Incoming::Over(change) => (None, Some((*change, None))),
            })
        });
        let id = self.id(who);
        let side = self.side_mut(who);
        side.place = side.place.map(|_| entry.seq);
        let (message, change) = outcome?;
        side.read.extend(message.map(|(sender, text)| (sender, String::from_utf8(text).unwrap())));
        if let Some((change, described)) = change {
            if let Some(private) = described {
                side.private = private;
            }
            if change.removes(&id) {
                side.place = None;
            }
            side.changes.push(change);
        }
        Ok(())
    }

    pub(in crate::room::tests) fn join(&mut self, who: &str, entry: &LogEntry) -> Result<()> {
        let (welcome, tree) = self.welcomes[&entry.seq].clone();
        self.join_with(who, entry, &welcome, &tree)
    }

    pub(in crate::room::tests) fn join_with(
        &mut self,
        who: &str,
        entry: &LogEntry,
        welcome: &Bytes,
        ratchet_tree: &Bytes,
    ) -> Result<()> {
        let (mut witness, device) = (self.witness(entry.stamp.at), self.id(who));
        let before = self.side(who).store.clone();
        let joined = self.mls(who, |mls| {
            mls.provider.storage.clear().unwrap();
            let joining = Joining { entry, welcome, ratchet_tree, device: &device };
            MemberRoom::join(mls.provider, joining, &mut witness)
        });
        let side = self.side_mut(who);
        let joined = joined.inspect_err(|_| side.store = before)?;
        side.private = joined.private;
        side.changes.clear();
        side.place = Some(entry.seq);
        Ok(())
    }

    /// The log shows the commit with which a device comes in: everybody in the room is looked at.
    pub(in crate::room::tests) fn entered(&mut self, who: &str, entry: &LogEntry) -> Result<()> {
        let mut witness = self.witness(entry.stamp.at);
        self.room(who, |room, _| room.check_leaves(&mut witness))?;
        let side = self.side_mut(who);
        side.changes.clear();
        side.place = Some(entry.seq);
        Ok(())
    }

    /// Whoever is up to date has the same room as the hub.
    pub(in crate::room::tests) fn agree(&mut self) {
        let hub = self.hub();
        let leaves = |roster: &room::Roster| -> Vec<_> {
            roster
                .leaves()
                .iter()
                .map(|leaf| (leaf.index, leaf.claims.device.clone(), leaf.key.clone()))
                .collect()
        };
        let expected = (hub.epoch(), hub.state().clone(), leaves(&hub.roster().unwrap()));
        for who in self.present() {
            if self.side(who).place == Some(self.tail.seq) {
                let seen = self.room(who, |room, _| {
                    (room.epoch(), room.state().clone(), leaves(&room.roster().unwrap()))
                });
                assert!(seen == expected, "{who}");
            }
        }
    }

    // -- what everybody does all the time

    /// The hub takes it and everybody processes it.
    pub(in crate::room::tests) fn done(&mut self, submission: &Submission) {
        self.submit(submission).unwrap();
        self.deliver();
    }

    pub(in crate::room::tests) fn invite(&mut self, who: &str, added: &[&str]) {
        let submission = self.adding(who, added);
        let seq = self.tail.seq + 1;
        self.submit(&submission).unwrap();
        for name in added {
            let entry = self.log.last().unwrap().entry.clone();
            self.join(name, &entry).unwrap();
            assert_eq!(self.side(name).place, Some(seq));
        }
        self.deliver();
    }

    pub(in crate::room::tests) fn say(&mut self, who: &str, text: &str) {
        let submission = self.saying(who, text);
        self.done(&submission);
    }

    /// What a device has read, in order, with the names of those who said it.
    pub(in crate::room::tests) fn heard(&self, who: &str) -> Vec<(&'static str, &str)> {
        self.side(who).read.iter().map(|(sender, text)| (self.name(sender), text.as_str())).collect()
    }

    // -- verdicts

    /// What the hub, and every device that did not make it, say of a submission; nobody takes it.
    pub(in crate::room::tests) fn verdicts(
        &self,
        submission: &Submission,
    ) -> Vec<(&'static str, Result<()>)> {
        let author = &submission.header.claimed().sender;
        let judges: Vec<_> = self.present().into_iter().filter(|who| self.id(who) != *author).collect();
        assert!(!judges.is_empty(), "nobody is there to judge");
        self.verdicts_of(submission, &judges)
    }

    /// What the hub and some devices say.
    pub(in crate::room::tests) fn verdicts_of(
        &self,
        submission: &Submission,
        judges: &[&'static str],
    ) -> Vec<(&'static str, Result<()>)> {
        let entry = self.entry(submission).1.entry;
        let hub = ("the hub", self.clone().submit(submission));
        let members = judges.iter().map(|who| (*who, self.clone().process(who, &entry)));
        [hub].into_iter().chain(members).collect()
    }

    /// Everybody refuses it, and says why in the same way.
    #[track_caller]
    pub(in crate::room::tests) fn refused(&self, submission: &Submission, code: Code) {
        for (who, verdict) in self.verdicts(submission) {
            assert_eq!(verdict.map_err(|e| e.code()), Err(code), "{who}");
        }
    }

    /// Everybody accepts it.
    #[track_caller]
    pub(in crate::room::tests) fn accepted(&self, submission: &Submission) {
        for (who, verdict) in self.verdicts(submission) {
            assert_eq!(verdict, Ok(()), "{who}");
        }
    }
}
