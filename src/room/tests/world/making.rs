//! What devices submit.

use bytes::Bytes;
use openmls::{
    ciphersuite::signature::SignContent,
    prelude::{
        CommitBuilder, CommitMessageBundle, Initial, MlsGroup, MlsMessageOut, tls_codec::Serialize as _,
    },
};
use openmls_traits::signatures::Signer as _;

use crate::{
    crypto::mls::MlsSigner,
    error::Result,
    ids::{AgencyId, RoomId, SubmissionId},
    room::{
        self, PrivateState, RoomState,
        member::{Entering, MemberRoom, Outgoing, Plan},
        submission::{self, Parts, Place},
    },
    wire::log::{Submission, SubmissionKind},
};

use super::{Mls, ROOM, World};

impl World {
    pub(in crate::room::tests) fn place(&mut self, who: &str, epoch: u64) -> Place {
        self.calls += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.calls.to_be_bytes());
        let sender = self.id(who);
        let side = self.side_mut(who);
        side.counter += 1;
        Place { room: ROOM, term: 1, epoch, sender, counter: side.counter, id: SubmissionId::from_bytes(id) }
    }

    /// Signs, as `who`, something made in an epoch.
    pub(in crate::room::tests) fn sign(
        &mut self,
        who: &str,
        epoch: u64,
        kind: SubmissionKind,
        parts: Parts,
    ) -> Submission {
        let place = self.place(who, epoch);
        submission::sign(place, kind, parts, self.side(who).device.new.key())
    }

    /// Signs, as `who`, a message of the present epoch.
    pub(in crate::room::tests) fn sign_mls(
        &mut self,
        who: &str,
        kind: SubmissionKind,
        mls: Bytes,
    ) -> Submission {
        let epoch = self.hub().epoch();
        // Whoever has made the commit by other means has no GroupInfo of it: the last one.
        let group_info = (kind == SubmissionKind::Commit).then(|| self.group_info.clone());
        self.sign(who, epoch, kind, Parts { mls, group_info, ..Parts::default() })
    }

    pub(in crate::room::tests) fn found(
        &mut self,
        who: &str,
        state: RoomState,
        private: PrivateState,
    ) -> Submission {
        let device = self.side(who).device.clone();
        let credential = room::credential(device.certificate(), device.verified.key().as_bytes());
        let founding =
            self.mls(who, |mls| MemberRoom::found(mls.provider, mls.signer, credential, state).unwrap().1);
        self.side_mut(who).private = Some(private);
        self.side_mut(who).place = Some(0);
        let parts = Parts {
            group_info: Some(founding.group_info),
            ratchet_tree: Some(founding.ratchet_tree),
            ..Parts::default()
        };
        self.sign(who, 0, SubmissionKind::Create, parts)
    }

    /// A commit, whether or not it is permitted. It stays pending.
    pub(in crate::room::tests) fn commit(&mut self, who: &str, plan: Plan) -> Submission {
        let private = self.side(who).private.clone();
        let described = plan.describe.clone();
        let (epoch, made) = self.room(who, |room, mls| {
            (room.epoch(), room.commit(mls.provider, mls.signer, mls.rng, plan, private.as_ref()).unwrap())
        });
        if described.is_some() {
            self.side_mut(who).private = described;
        }
        self.sign_commit(who, epoch, made)
    }

    pub(in crate::room::tests) fn sign_commit(
        &mut self,
        who: &str,
        epoch: u64,
        made: Outgoing,
    ) -> Submission {
        let welcome = (!made.welcome.is_empty()).then_some(made.welcome);
        let group_info = Some(made.group_info);
        let parts = Parts { mls: made.commit, welcome, group_info, ..Parts::default() };
        self.sign(who, epoch, SubmissionKind::Commit, parts)
    }

    /// A commit of other software, which need not keep our rules.
    pub(in crate::room::tests) fn raw_commit(
        &mut self,
        who: &str,
        f: impl for<'b> FnOnce(CommitBuilder<'b, Initial>) -> CommitBuilder<'b, Initial>,
    ) -> Submission {
        let (epoch, made) = self.raw(who, |group, mls| {
            let (epoch, provider) = (group.epoch().as_u64(), mls.provider);
            let builder =
                f(group.commit_builder()).load_psks(provider.storage).unwrap().create_group_info(true);
            let built = builder.build(provider.crypto, provider.crypto, mls.signer, |_| true).unwrap();
            let bundle = built.stage_commit(provider).unwrap();
            (epoch, outgoing(bundle))
        });
        self.sign_commit(who, epoch, made)
    }

    /// A commit with which a device comes in from outside. It has its part when the log shows it.
    pub(in crate::room::tests) fn entering(&mut self, who: &str, knows: Option<&[u8]>) -> Submission {
        let hub = self.user("anna").agency().clone();
        self.entering_at(who, (&ROOM, &hub), knows).unwrap()
    }

    /// The same, into this room of that hub's, if it is the one whose way in is here.
    pub(in crate::room::tests) fn entering_at(
        &mut self,
        who: &str,
        (room, hub): (&RoomId, &AgencyId),
        knows: Option<&[u8]>,
    ) -> Result<Submission> {
        let (info, tree) = (self.group_info.clone(), self.hub().ratchet_tree().unwrap());
        let (mut witness, id) = (self.witness(self.now), self.id(who));
        let device = self.side(who).device.clone();
        let credential = room::credential(device.certificate(), device.verified.key().as_bytes());
        self.side_mut(who).place = None;
        let entered = self.mls(who, |mls| {
            mls.provider.storage.clear().unwrap();
            let entering =
                Entering { room, hub: Some(hub), group_info: &info, ratchet_tree: &tree, device: &id, knows };
            MemberRoom::enter(mls.provider, mls.signer, credential, entering, &mut witness)
        })?;
        let made = Outgoing { commit: entered.commit, welcome: Bytes::new(), group_info: entered.group_info };
        Ok(self.sign_commit(who, entered.epoch, made))
    }

    /// A GroupInfo in which `who` has changed something, signed anew.
    pub(in crate::room::tests) fn resigned_info(
        &self,
        who: &str,
        info: &Bytes,
        change: impl FnOnce(&mut Vec<u8>),
    ) -> Bytes {
        // Four bytes before it, and behind it a signature of 2 + 64 bytes.
        let mut signed = info[4..info.len() - 66].to_vec();
        change(&mut signed);
        let content = SignContent::new("GroupInfoTBS", signed.clone().into());
        let content = content.tls_serialize_detached().unwrap();
        let signature = MlsSigner(self.side(who).device.new.key()).sign(&content).unwrap();
        [&info[..4], &signed, &[0x40, 0x40], &signature].concat().into()
    }

    /// A proposal of other software.
    pub(in crate::room::tests) fn raw_proposal(
        &mut self,
        who: &str,
        f: impl FnOnce(&mut MlsGroup, Mls<'_>) -> MlsMessageOut,
    ) -> Submission {
        let message = self.raw(who, f).to_bytes().unwrap();
        self.sign_mls(who, SubmissionKind::Proposal, message.into())
    }

    pub(in crate::room::tests) fn discard(&mut self, who: &str) {
        self.room(who, |room, mls| room.discard_commit(mls.provider).unwrap());
    }

    pub(in crate::room::tests) fn adding(&mut self, who: &str, added: &[&str]) -> Submission {
        let add = added.iter().map(|name| self.package(name)).collect();
        self.commit(who, Plan { add, ..Plan::default() })
    }

    pub(in crate::room::tests) fn removing(&mut self, who: &str, removed: &[&str]) -> Submission {
        let remove: Vec<_> = removed.iter().map(|name| self.leaf(who, name)).collect();
        self.commit(who, Plan { remove, ..Plan::default() })
    }

    pub(in crate::room::tests) fn governing(
        &mut self,
        who: &str,
        change: impl FnOnce(&mut RoomState),
    ) -> Submission {
        let mut state = self.state(who);
        change(&mut state);
        self.commit(who, Plan { state: Some(state), ..Plan::default() })
    }

    /// A proposal that `leaver` leave.
    pub(in crate::room::tests) fn leaving(&mut self, who: &str, leaver: &str) -> Submission {
        let leaf = self.leaf(who, leaver);
        let mls = self.room(who, |room, mls| room.propose_leave(mls.provider, mls.signer, leaf).unwrap());
        self.sign_mls(who, SubmissionKind::Proposal, mls)
    }

    pub(in crate::room::tests) fn encrypt(&mut self, who: &str, text: &str) -> Bytes {
        self.room(who, |room, mls| room.encrypt(mls.provider, mls.signer, text.as_bytes()).unwrap())
    }

    pub(in crate::room::tests) fn saying(&mut self, who: &str, text: &str) -> Submission {
        let mls = self.encrypt(who, text);
        self.sign_mls(who, SubmissionKind::Message, mls)
    }
}

/// What other software has committed, as it is.
pub(in crate::room::tests) fn outgoing(bundle: CommitMessageBundle) -> Outgoing {
    let bytes = |message: &MlsMessageOut| Bytes::from(message.to_bytes().unwrap());
    let (commit, welcome, group_info) = bundle.into_messages();
    Outgoing {
        commit: bytes(&commit),
        welcome: welcome.as_ref().map(bytes).unwrap_or_default(),
        group_info: group_info.as_ref().map(bytes).unwrap_or_default(),
    }
}
