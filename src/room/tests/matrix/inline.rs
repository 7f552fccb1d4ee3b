//! What a member does inline in a commit, or with a message.

use super::{Act, Cell, Object, ROLES, act};
use crate::room::{Right, Role, member::Plan, tests::life::described};

pub(super) fn acts(cell: &Cell) -> Vec<Act> {
    let own = cell.object == Object::Own;
    let (there, further) = cell.devices();
    let mut acts = vec![
        act("invite", own || cell.has(Right::Invite), move |w| w.adding("carl", &[further])),
        act("remove", own || cell.has(Right::Remove), move |w| {
            let mut state = w.state("carl");
            if !own {
                state.roles.remove(&w.user(there));
            }
            let remove = vec![w.leaf("carl", there)];
            let state = Some(state).filter(|_| !own);
            w.commit("carl", Plan { remove, state, ..Plan::default() })
        }),
        act("ban", cell.has(Right::Ban), move |w| {
            let user = w.user(there);
            w.governing("carl", |state| {
                state.roles.remove(&user);
                assert!(state.bans.insert(user));
            })
        }),
    ];
    for role in ROLES.into_iter().filter(|role| *role != cell.object_role()) {
        let reaches = role.max(cell.object_role()) <= cell.role;
        acts.push(act(format!("make {role}"), cell.has(Right::Grant) && reaches, move |w| {
            let user = w.user(there);
            w.governing("carl", |state| match role {
                Role::Member => assert!(state.roles.remove(&user).is_some()),
                role => drop(state.roles.insert(user, role)),
            })
        }));
    }
    if own {
        acts.push(act("send", cell.has_at_all(Right::Send), |w| w.saying("carl", "x")));
        acts.push(act("describe", cell.has_at_all(Right::Describe), |w| {
            let (private, state) = described(w, "carl", "Einsatz");
            w.commit("carl", Plan { state: Some(state), describe: Some(private), ..Plan::default() })
        }));
        acts.push(act("govern", cell.has_at_all(Right::Govern), |w| {
            w.governing("carl", |state| state.retention = 7)
        }));
    }
    acts
}
