//! What a room's servers enforce: the content of the GroupContext extension (SPEC "Room state").

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::{AgencyId, Hash, RoomId, UserId},
    limits,
    time::Timestamp,
    wire::{self, Wire, field, proto},
};

/// What sort of room it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RoomKind {
    /// Two users.
    Direct,
    /// A group.
    Group,
    /// An operation with a lead agency, which is the hub.
    Operation,
}

/// A user's part in a room. Roles are ordered: what a role may do, a higher one may too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Takes part. The default.
    Member,
    /// Runs the room.
    Admin,
}

/// The least role that may do a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Policy {
    /// Add users.
    pub invite: Role,
    /// Remove other users of at most the own role.
    pub remove: Role,
    /// Change roles, policy, retention and end.
    pub govern: Role,
    /// Change name, topic, purpose and label.
    pub describe: Role,
    /// Send messages.
    pub send: Role,
}

impl Default for Policy {
    /// Members talk, admins run the room.
    fn default() -> Self {
        Policy {
            invite: Role::Admin,
            remove: Role::Admin,
            govern: Role::Admin,
            describe: Role::Admin,
            send: Role::Member,
        }
    }
}

/// The enforceable state of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoomState {
    pub(crate) room: RoomId,
    pub(crate) kind: RoomKind,
    pub(crate) hub: AgencyId,
    pub(crate) term: u64,
    pub(crate) replicas: Vec<AgencyId>,
    pub(crate) policy: Policy,
    /// Users whose role is not [`Role::Member`].
    pub(crate) roles: BTreeMap<UserId, Role>,
    /// Milliseconds; 0: no bound.
    pub(crate) retention: u64,
    /// [`Timestamp::ZERO`]: no end.
    pub(crate) ends_at: Timestamp,
    pub(crate) private_hash: Hash,
}

impl RoomState {
    /// The role of a user who takes part.
    pub(crate) fn role(&self, user: &UserId) -> Role {
        self.roles.get(user).copied().unwrap_or(Role::Member)
    }

    /// The extension's content.
    pub(crate) fn encode(&self) -> Bytes {
        wire::encode(self)
    }

    /// Reads the extension's content.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        wire::decode(&Bytes::copy_from_slice(bytes))
    }
}

impl Wire for RoomState {
    type Proto = proto::RoomState;
    const MAX: usize = limits::ROOM_STATE;
    const NAME: &'static str = "room state";

    fn parse(p: proto::RoomState) -> Result<Self> {
        let replicas =
            wire::repeated(p.replicas, (1, limits::REPLICAS), "replicas", |a| AgencyId::parse(&a))?;
        let grants = wire::repeated(p.roles, (0, limits::ROLE_GRANTS), "roles", |g| {
            Ok((UserId::parse(&g.user)?, granted(g.role)?))
        })?;
        let hub = AgencyId::parse(&p.hub)?;
        ensure(replicas.is_sorted_by(|a, b| a < b), Code::BadField, "replicas are not in order")?;
        ensure(replicas.contains(&hub), Code::BadRoomState, "the hub keeps a replica")?;
        ensure(grants.is_sorted_by(|a, b| a.0 < b.0), Code::BadField, "roles are not in order")?;
        ensure(p.term >= 1, Code::BadField, "term")?;
        Ok(RoomState {
            room: RoomId::from_slice(&p.room)?,
            kind: kind(p.kind)?,
            hub,
            term: p.term,
            replicas,
            policy: policy(&field(p.policy, "policy")?)?,
            roles: grants.into_iter().collect(),
            retention: p.retention,
            ends_at: Timestamp::from_millis(p.ends_at),
            private_hash: Hash::from_slice(&p.private_hash)?,
        })
    }

    fn to_proto(&self) -> proto::RoomState {
        let grant =
            |(user, role): (&UserId, &Role)| proto::RoleGrant { user: user.to_string(), role: number(*role) };
        proto::RoomState {
            room: Bytes::copy_from_slice(self.room.as_bytes()),
            kind: kind_number(self.kind),
            hub: self.hub.to_string(),
            term: self.term,
            replicas: self.replicas.iter().map(ToString::to_string).collect(),
            policy: Some(proto::Policy {
                invite: number(self.policy.invite),
                remove: number(self.policy.remove),
                govern: number(self.policy.govern),
                describe: number(self.policy.describe),
                send: number(self.policy.send),
            }),
            roles: self.roles.iter().map(grant).collect(),
            retention: self.retention,
            ends_at: self.ends_at.as_millis(),
            private_hash: Bytes::copy_from_slice(self.private_hash.as_bytes()),
        }
    }
}

pub(crate) fn kind(n: i32) -> Result<RoomKind> {
    match proto::RoomKind::try_from(n) {
        Ok(proto::RoomKind::Direct) => Ok(RoomKind::Direct),
        Ok(proto::RoomKind::Group) => Ok(RoomKind::Group),
        Ok(proto::RoomKind::Operation) => Ok(RoomKind::Operation),
        Ok(proto::RoomKind::Unspecified) | Err(_) => Err(Error::new(Code::BadField, "room kind")),
    }
}

pub(crate) fn kind_number(kind: RoomKind) -> i32 {
    let kind = match kind {
        RoomKind::Direct => proto::RoomKind::Direct,
        RoomKind::Group => proto::RoomKind::Group,
        RoomKind::Operation => proto::RoomKind::Operation,
    };
    kind.into()
}

fn role(n: i32) -> Result<Role> {
    match proto::Role::try_from(n) {
        Ok(proto::Role::Member) => Ok(Role::Member),
        Ok(proto::Role::Admin) => Ok(Role::Admin),
        Ok(proto::Role::Unspecified) | Err(_) => Err(Error::new(Code::BadField, "role")),
    }
}

/// The default role is never granted: there is one way to say each state.
fn granted(n: i32) -> Result<Role> {
    role(n).and_then(|role| ensure(role != Role::Member, Code::BadField, "role").map(|()| role))
}

fn number(role: Role) -> i32 {
    match role {
        Role::Member => proto::Role::Member,
        Role::Admin => proto::Role::Admin,
    }
    .into()
}

fn policy(p: &proto::Policy) -> Result<Policy> {
    Ok(Policy {
        invite: role(p.invite)?,
        remove: role(p.remove)?,
        govern: role(p.govern)?,
        describe: role(p.describe)?,
        send: role(p.send)?,
    })
}
