//! What somebody proposes who is no member: an external sender, or a newcomer (RFC 9420 §12.1.8). carl submits
//! it, and has all his rights; nobody can give his word to a proposal that is not his.

use openmls::prelude::{
    ExternalProposal, GroupId, JoinProposal, MlsMessageOut, OpenMlsProvider, SenderExtensionIndex,
};

use super::{Act, Cell, judged};
use crate::{
    code::Code,
    crypto::mls::MlsProvider,
    room::{
        mls_store::MlsStore,
        suite,
        tests::{
            World,
            world::{Mls, ROOM},
        },
    },
    wire::log::{Submission, SubmissionKind},
};

type Provider<'p> = MlsProvider<'p, MlsStore<'p>>;
type Storage<'p> = <Provider<'p> as OpenMlsProvider>::StorageProvider;

pub(super) fn acts(cell: &Cell) -> Vec<Act> {
    let (there, further) = cell.devices();
    let group = || GroupId::from_slice(ROOM.as_bytes());
    let first = SenderExtensionIndex::new(0);
    vec![
        // MLS looks for the sender in the list that a room does not have.
        judged("have removed", Err(Code::Mls), move |w| {
            let (epoch, leaf) = (w.hub().epoch().into(), w.leaf("carl", there));
            proposing(w, "gina", |mls| {
                let made =
                    ExternalProposal::new_remove::<Provider<'_>>(leaf, group(), epoch, mls.signer, first);
                made.unwrap()
            })
        }),
        judged("have added", Err(Code::Mls), move |w| {
            let (epoch, package) = (w.hub().epoch().into(), w.package(further));
            proposing(w, "gina", |mls| {
                let made =
                    ExternalProposal::new_add::<Provider<'_>>(package, group(), epoch, mls.signer, first);
                made.unwrap()
            })
        }),
        judged("have governed", Err(Code::Mls), move |w| {
            let mut state = w.state("carl");
            state.retention = 7;
            let (epoch, context) = (w.hub().epoch().into(), suite::group_context(&state).unwrap());
            proposing(w, "gina", |mls| {
                type P<'p> = Provider<'p>;
                let (group, signer) = (group(), mls.signer);
                ExternalProposal::new_group_context_extensions::<P<'_>>(context, group, epoch, signer, first)
                    .unwrap()
            })
        }),
        judged("ask to be added", Err(Code::BadProposal), move |w| {
            let (epoch, package) = (w.hub().epoch().into(), w.package(further));
            proposing(w, further, |mls| {
                JoinProposal::new::<Storage<'_>>(package, group(), epoch, mls.signer).unwrap()
            })
        }),
    ]
}

/// Somebody who is not in the room makes it.
fn proposing(world: &mut World, who: &str, make: impl FnOnce(Mls<'_>) -> MlsMessageOut) -> Submission {
    let mls = world.mls(who, |mls| make(mls).to_bytes().unwrap());
    world.sign_mls("carl", SubmissionKind::Proposal, mls.into())
}
