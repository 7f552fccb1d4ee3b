//! What a room's servers enforce: the content of the GroupContext extension (SPEC "Room state").

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{
    opening::{JoinRule, Listing},
    policy::{self, Policy, Role},
    shown::{self, ShownChains},
};
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
    /// An operation with an end. Its lead agency is the hub, and its admins are users of it.
    Operation,
    /// A topic: few post, many read, whom the join rule lets in.
    Topic,
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
    /// Users who may not take part.
    pub(crate) bans: BTreeSet<UserId>,
    pub(crate) join: JoinRule,
    /// What servers may show of the room; `None`: nothing.
    pub(crate) listing: Option<Listing>,
    /// Milliseconds; 0: no bound.
    pub(crate) retention: u64,
    /// [`Timestamp::ZERO`]: no end.
    pub(crate) ends_at: Timestamp,
    pub(crate) private_hash: Hash,
    /// How far users' chains are shown, beside what leaves show.
    pub(crate) shown: ShownChains,
}

impl RoomState {
    /// The state of a room that begins at its founder's agency.
    pub(crate) fn begin(
        (room, kind): (RoomId, RoomKind),
        founder: &UserId,
        policy: Policy,
        private_hash: Hash,
    ) -> Self {
        let hub = founder.agency().clone();
        let roles = match kind {
            RoomKind::Direct => BTreeMap::new(),
            _ => BTreeMap::from([(founder.clone(), Role::Admin)]),
        };
        RoomState {
            room,
            kind,
            hub: hub.clone(),
            term: 1,
            replicas: vec![hub],
            policy,
            roles,
            bans: BTreeSet::new(),
            join: JoinRule::Invitation,
            listing: None,
            retention: 0,
            ends_at: Timestamp::ZERO,
            private_hash,
            shown: BTreeMap::new(),
        }
    }

    /// The role of a user who takes part.
    pub(crate) fn role(&self, user: &UserId) -> Role {
        self.roles.get(user).copied().unwrap_or(Role::Member)
    }

    /// Whether the room has come to its end at a time (V-449).
    pub(crate) fn has_ended(&self, at: Timestamp) -> bool {
        self.ends_at != Timestamp::ZERO && self.ends_at <= at
    }

    /// When the room ends, if it does.
    pub(crate) fn end(&self) -> Option<Timestamp> {
        Some(self.ends_at).filter(|end| *end != Timestamp::ZERO)
    }

    /// That a room can be like this: what V-413, V-473 and V-474 say beyond the fields themselves.
    pub(crate) fn check(&self) -> Result<()> {
        let bad = |holds, what| ensure(holds, Code::BadRoomState, what);
        self.policy.check()?;
        bad(self.replicas.contains(&self.hub), "the hub keeps a replica")?;
        bad(self.roles.keys().all(|user| !self.bans.contains(user)), "a banned user has no role")?;
        match self.kind {
            RoomKind::Operation => {
                // V-473
                bad(self.ends_at != Timestamp::ZERO, "an operation has an end")?;
                let led = |(user, role): (&UserId, &Role)| *role < Role::Admin || *user.agency() == self.hub;
                bad(self.roles.iter().all(led), "admins of an operation are of the lead agency")
            }
            RoomKind::Direct => {
                // V-474
                let closed = self.join == JoinRule::Invitation && self.listing.is_none();
                bad(closed, "a direct room is closed")
            }
            RoomKind::Group | RoomKind::Topic => Ok(()),
        }
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
            Ok((UserId::parse(&g.user)?, policy::granted(g.role)?))
        })?;
        let hub = AgencyId::parse(&p.hub)?;
        let bans = wire::repeated(p.bans, (0, limits::BANS), "bans", |user| UserId::parse(&user))?;
        ensure(replicas.is_sorted_by(|a, b| a < b), Code::BadField, "replicas are not in order")?;
        ensure(bans.is_sorted_by(|a, b| a < b), Code::BadField, "bans are not in order")?;
        ensure(grants.is_sorted_by(|a, b| a.0 < b.0), Code::BadField, "roles are not in order")?;
        ensure(p.term >= 1, Code::BadField, "term")?;
        let state = RoomState {
            room: RoomId::from_slice(&p.room)?,
            kind: kind(p.kind)?,
            hub,
            term: p.term,
            replicas,
            policy: Policy::parse(&field(p.policy, "policy")?)?,
            roles: grants.into_iter().collect(),
            bans: bans.into_iter().collect(),
            join: JoinRule::parse(p.join, p.join_agencies)?,
            listing: p.listing.map(Listing::parse).transpose()?,
            retention: p.retention,
            ends_at: Timestamp::from_millis(p.ends_at),
            private_hash: Hash::from_slice(&p.private_hash)?,
            shown: shown::parse(p.shown)?,
        };
        state.check().map(|()| state)
    }

    fn to_proto(&self) -> proto::RoomState {
        let grant = |(user, role): (&UserId, &Role)| proto::RoleGrant {
            user: user.to_string(),
            role: policy::number(*role),
        };
        let (join, join_agencies) = self.join.to_proto();
        proto::RoomState {
            room: Bytes::copy_from_slice(self.room.as_bytes()),
            kind: kind_number(self.kind),
            hub: self.hub.to_string(),
            term: self.term,
            replicas: self.replicas.iter().map(ToString::to_string).collect(),
            policy: Some(self.policy.to_proto()),
            roles: self.roles.iter().map(grant).collect(),
            retention: self.retention,
            ends_at: self.ends_at.as_millis(),
            private_hash: Bytes::copy_from_slice(self.private_hash.as_bytes()),
            bans: self.bans.iter().map(ToString::to_string).collect(),
            join,
            join_agencies,
            listing: self.listing.as_ref().map(Listing::to_proto),
            shown: shown::to_proto(&self.shown),
        }
    }
}

pub(crate) fn kind(n: i32) -> Result<RoomKind> {
    match proto::RoomKind::try_from(n) {
        Ok(proto::RoomKind::Direct) => Ok(RoomKind::Direct),
        Ok(proto::RoomKind::Group) => Ok(RoomKind::Group),
        Ok(proto::RoomKind::Operation) => Ok(RoomKind::Operation),
        Ok(proto::RoomKind::Topic) => Ok(RoomKind::Topic),
        Ok(proto::RoomKind::Unspecified) | Err(_) => Err(Error::new(Code::BadField, "room kind")),
    }
}

pub(crate) fn kind_number(kind: RoomKind) -> i32 {
    let kind = match kind {
        RoomKind::Direct => proto::RoomKind::Direct,
        RoomKind::Group => proto::RoomKind::Group,
        RoomKind::Operation => proto::RoomKind::Operation,
        RoomKind::Topic => proto::RoomKind::Topic,
    };
    kind.into()
}
