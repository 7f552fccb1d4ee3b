//! The permission matrix of SPEC "Authority", walked cell by cell: for each role, each right and each user
//! over whom it could be had, the hub and a member have to say what the table says.
//!
//! The walk knows *ways* of doing things, each a function in [`WAYS`]: inline in a commit of a member, in a
//! commit with which a device comes in from outside, and proposed by somebody who is no member.

mod inline;
mod outside;
mod proposed;

use super::World;
use crate::{
    code::Code,
    ids::UserId,
    room::{Least, Policy, Right, Role, RoomKind, may_hand_over, may_moderate},
    wire::log::Submission,
};

pub(super) const ROLES: [Role; 4] = [Role::Member, Role::AgencyAdmin, Role::Moderator, Role::Admin];

/// Over whom something is done. carl does it; fred is of his agency, bert of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Object {
    Own,
    OwnAgency(Role),
    OtherAgency(Role),
}

/// A place in the matrix, but for the right.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) policy: Policy,
    /// carl's role.
    pub(super) role: Role,
    pub(super) object: Object,
}

/// Something that carl does in a cell.
pub(super) struct Act {
    what: String,
    /// What hub and members say of it.
    verdict: Result<(), Code>,
    make: Box<dyn Fn(&mut World) -> Submission>,
}

/// A way of doing things: what can be done by it in a cell.
type Way = fn(&Cell) -> Vec<Act>;

const WAYS: [Way; 3] = [inline::acts, outside::acts, proposed::acts];

impl Cell {
    /// The device of the object, and a further one that is not in the room.
    fn devices(&self) -> (&'static str, &'static str) {
        match self.object {
            Object::Own => ("carl2", "carl3"),
            Object::OwnAgency(_) => ("fred", "fred2"),
            Object::OtherAgency(_) => ("bert", "bert2"),
        }
    }

    /// The object's role.
    fn object_role(&self) -> Role {
        match self.object {
            Object::Own => self.role,
            Object::OwnAgency(role) | Object::OtherAgency(role) => role,
        }
    }

    /// What the table says of a right over the object.
    pub(super) fn has(&self, right: Right) -> bool {
        let Least { everywhere, own_agency } = self.policy.least(right);
        let least = match self.object {
            Object::Own | Object::OwnAgency(_) => own_agency,
            Object::OtherAgency(_) => everywhere,
        };
        self.role >= least && self.role >= self.object_role()
    }

    /// What it says of a right that is over nobody.
    pub(super) fn has_at_all(&self, right: Right) -> bool {
        self.role >= self.policy.least(right).everywhere
    }
}

/// Something that takes a right, or what the table says instead.
fn act(what: impl Into<String>, permitted: bool, make: impl Fn(&mut World) -> Submission + 'static) -> Act {
    judged(what, if permitted { Ok(()) } else { Err(Code::NotPermitted) }, make)
}

fn judged(
    what: impl Into<String>,
    verdict: Result<(), Code>,
    make: impl Fn(&mut World) -> Submission + 'static,
) -> Act {
    Act { what: what.into(), verdict, make: Box::new(make) }
}

/// A policy in which no two rights are alike.
fn ladder() -> Policy {
    Policy {
        invite: Least::new(Role::Admin, Role::Member),
        remove: Role::Moderator.into(),
        ban: Least::new(Role::Admin, Role::Moderator),
        grant: Least::new(Role::AgencyAdmin, Role::Member),
        moderate: Least::new(Role::Moderator, Role::Member),
        send: Role::AgencyAdmin,
        describe: Role::Moderator,
        govern: Role::Admin,
        hand_over: Role::AgencyAdmin,
    }
}

fn policies() -> [Policy; 4] {
    [Policy::of(RoomKind::Group), Policy::topic(), Policy::of(RoomKind::Direct), ladder()]
}

/// The room of a row of the matrix: carl, and those over whom he does things, have their roles.
fn ranked(peopled: &World, role: Role, object: Role) -> World {
    let mut world = peopled.clone();
    let given = [("carl", role), ("fred", object), ("bert", object)];
    let given: Vec<(UserId, Role)> = given
        .into_iter()
        .filter(|(_, role)| *role > Role::Member)
        .map(|(who, r)| (world.user(who), r))
        .collect();
    if !given.is_empty() {
        let commit = world.governing("anna", |state| state.roles.extend(given));
        world.done(&commit);
    }
    world
}

/// SPEC V-432, V-433, V-439 to V-441, V-446, V-475, V-485, V-486, V-477
#[test]
fn every_cell() {
    let mut cells = 0;
    for policy in policies() {
        let peopled = World::of(policy, &["bert", "carl", "carl2", "fred"]);
        for role in ROLES {
            for object in ROLES {
                let mut objects = vec![Object::OwnAgency(object), Object::OtherAgency(object)];
                if object == Role::Member {
                    objects.push(Object::Own);
                }
                let world = ranked(&peopled, role, object);
                for object in objects {
                    let cell = Cell { policy, role, object };
                    for Act { what, verdict: wanted, make } in WAYS.iter().flat_map(|way| way(&cell)) {
                        let mut tried = world.clone();
                        let submission = make(&mut tried);
                        for (judge, verdict) in tried.verdicts_of(&submission, &["anna"]) {
                            assert_eq!(
                                verdict.map_err(|e| e.code()),
                                wanted,
                                "{what}, {cell:?}, says {judge}"
                            );
                        }
                        cells += 1;
                    }
                    moderating(&world, &cell);
                }
            }
        }
    }
    // Over each of two users of each role 6 acts inline, and 9 about carl himself; from outside 1 and 2; 4 that
    // somebody proposes who is no member.
    assert_eq!(cells, 4 * 4 * (4 * 2 * (6 + 1 + 4) + (9 + 2 + 4)));
}

/// SPEC V-723, V-384: what a message does to others, and what devices do among themselves, members alone can see.
fn moderating(world: &World, cell: &Cell) {
    let (there, _) = cell.devices();
    let state = world.hub().state().clone();
    let may = may_moderate(&state, &world.user("carl"), &world.user(there));
    assert_eq!(may, cell.has(Right::Moderate), "moderate, {cell:?}");
    let may = may_hand_over(&state, &world.user("carl"));
    assert_eq!(may, cell.has_at_all(Right::HandOver), "hand over, {cell:?}");
}

/// The defaults are those of SPEC's table.
#[test]
fn defaults() {
    use Role::{Admin, AgencyAdmin, Member, Moderator};
    let table = |policy: Policy| {
        Right::ALL.map(|right| {
            let least = policy.least(right);
            (least.everywhere, least.own_agency)
        })
    };
    let care = (Moderator, AgencyAdmin);
    let (all, nobody) = ((Member, Member), (Admin, Admin));
    let group = [care, care, care, (Admin, AgencyAdmin), care, all, nobody, nobody, all];
    assert_eq!(table(Policy::default()), group);
    assert_eq!(table(Policy::of(RoomKind::Group)), group);
    assert_eq!(table(Policy::of(RoomKind::Operation)), group);
    let mut topic = group;
    topic[5] = (Moderator, Moderator);
    assert_eq!(table(Policy::topic()), topic);
    assert_eq!(table(Policy::of(RoomKind::Topic)), topic);
    let (all, nobody) = ((Member, Member), (Admin, Admin));
    assert_eq!(
        table(Policy::of(RoomKind::Direct)),
        [all, nobody, nobody, nobody, nobody, all, all, all, all]
    );
}
