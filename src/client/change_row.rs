//! What has changed in a room, and by what authority, as rows of events.

use core::time::Duration;

use prost::Message;

use super::event_row::DeviceRow;
use crate::{
    error::{Error, Result},
    ids::{Device, UserId},
    room::{Authority, Changed, DeviceChange, Due, JoinRule, Listing, Policy, Right, Role, RoomChange},
    store::corrupt,
    time::Timestamp,
    wire::proto,
};

/// A device that came or went.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ReasonRow {
    #[prost(message, optional, tag = "1")]
    device: Option<DeviceRow>,
    #[prost(message, optional, tag = "2")]
    authority: Option<AuthorityRow>,
}

/// By what authority: one of [`OWN`], [`RIGHT`], [`DUE`].
#[derive(Clone, Copy, PartialEq, Message)]
struct AuthorityRow {
    #[prost(uint32, tag = "1")]
    kind: u32,
    /// The place of the right, or of what is due, among all of them.
    #[prost(uint32, tag = "2")]
    which: u32,
    #[prost(int32, tag = "3")]
    role: i32,
    #[prost(bool, tag = "4")]
    own_agency: bool,
}

const OWN: u32 = 1;
const RIGHT: u32 = 2;
const DUE: u32 = 3;
const DUES: [Due; 6] =
    [Due::Revoked, Due::Expired, Due::Suspended, Due::UnknownAgency, Due::Banned, Due::Removed];

/// Something about a room, before and after; which fields count, `kind` tells.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ChangedRow {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(message, optional, tag = "2")]
    authority: Option<AuthorityRow>,
    #[prost(string, tag = "3")]
    user: String,
    #[prost(message, optional, tag = "4")]
    was: Option<ValueRow>,
    #[prost(message, optional, tag = "5")]
    is: Option<ValueRow>,
}

/// A value of one kind or another.
#[derive(Clone, PartialEq, Message)]
struct ValueRow {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(bytes = "vec", tag = "2")]
    policy: Vec<u8>,
    #[prost(int32, tag = "3")]
    role: i32,
    #[prost(int32, tag = "4")]
    join: i32,
    #[prost(string, repeated, tag = "5")]
    agencies: Vec<String>,
    /// Empty: none.
    #[prost(bytes = "vec", tag = "6")]
    listing: Vec<u8>,
    /// Milliseconds; absent: none.
    #[prost(uint64, optional, tag = "7")]
    millis: Option<u64>,
}

impl From<&Authority> for AuthorityRow {
    fn from(authority: &Authority) -> Self {
        let place = |place: Option<usize>| place.and_then(|n| u32::try_from(n).ok()).unwrap_or(u32::MAX);
        match authority {
            Authority::Own => AuthorityRow { kind: OWN, ..AuthorityRow::default() },
            Authority::Right { right, role, own_agency } => AuthorityRow {
                kind: RIGHT,
                which: place(Right::ALL.iter().position(|known| known == right)),
                role: role.number(),
                own_agency: *own_agency,
            },
            Authority::Due(due) => AuthorityRow {
                kind: DUE,
                which: place(DUES.iter().position(|known| known == due)),
                ..AuthorityRow::default()
            },
        }
    }
}

impl AuthorityRow {
    fn read(row: Option<&Self>) -> Result<Authority> {
        let bad = || corrupt("event authority");
        let row = row.ok_or_else(bad)?;
        let which = usize::try_from(row.which).unwrap_or(usize::MAX);
        match row.kind {
            OWN => Ok(Authority::Own),
            RIGHT => Ok(Authority::Right {
                right: *Right::ALL.get(which).ok_or_else(bad)?,
                role: role(row.role)?,
                own_agency: row.own_agency,
            }),
            DUE => Ok(Authority::Due(*DUES.get(which).ok_or_else(bad)?)),
            _ => Err(bad()),
        }
    }
}

fn role(number: i32) -> Result<Role> {
    Role::from_number(number).map_err(|_| corrupt("event role"))
}

impl From<&DeviceChange> for ReasonRow {
    fn from(change: &DeviceChange) -> Self {
        ReasonRow { device: Some((&change.device).into()), authority: Some((&change.authority).into()) }
    }
}

impl TryFrom<&ReasonRow> for DeviceChange {
    type Error = Error;

    fn try_from(row: &ReasonRow) -> Result<Self> {
        let device = Device::try_from(row.device.as_ref().ok_or(corrupt("event device"))?)?;
        Ok(DeviceChange { device, authority: AuthorityRow::read(row.authority.as_ref())? })
    }
}

impl ValueRow {
    fn of_text(text: &Option<String>) -> Option<Self> {
        Some(ValueRow { text: text.clone(), ..Self::default() })
    }

    fn of_role(role: Role) -> Option<Self> {
        Some(ValueRow { role: role.number(), ..Self::default() })
    }

    fn of_policy(policy: Policy) -> Option<Self> {
        Some(ValueRow { policy: policy.to_proto().encode_to_vec(), ..Self::default() })
    }

    fn of_join(join: &JoinRule) -> Option<Self> {
        let (join, agencies) = join.to_proto();
        Some(ValueRow { join, agencies, ..Self::default() })
    }

    fn of_listing(listing: Option<&Listing>) -> Option<Self> {
        let listing = listing.map(|listing| listing.to_proto().encode_to_vec()).unwrap_or_default();
        Some(ValueRow { listing, ..Self::default() })
    }

    fn of_millis(millis: Option<u64>) -> Option<Self> {
        Some(ValueRow { millis, ..Self::default() })
    }

    fn of_time(time: Option<Duration>) -> Option<Self> {
        Self::of_millis(time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
    }

    fn as_policy(&self) -> Result<Policy> {
        let policy = proto::Policy::decode(self.policy.as_slice()).map_err(|_| corrupt("event policy"))?;
        Policy::parse(&policy)
    }

    fn as_join(&self) -> Result<JoinRule> {
        JoinRule::parse(self.join, self.agencies.clone())
    }

    fn as_listing(&self) -> Result<Option<Listing>> {
        if self.listing.is_empty() {
            return Ok(None);
        }
        let listing = proto::Listing::decode(self.listing.as_slice());
        Listing::parse(listing.map_err(|_| corrupt("event listing"))?).map(Some)
    }
}

impl From<&Changed> for ChangedRow {
    fn from(changed: &Changed) -> Self {
        let (kind, user, was, is) = match &changed.what {
            RoomChange::Name(was, is) => (1, String::new(), ValueRow::of_text(was), ValueRow::of_text(is)),
            RoomChange::Topic(was, is) => (2, String::new(), ValueRow::of_text(was), ValueRow::of_text(is)),
            RoomChange::Label(was, is) => (3, String::new(), ValueRow::of_text(was), ValueRow::of_text(is)),
            RoomChange::Hidden => (4, String::new(), None, None),
            RoomChange::Policy(was, is) => {
                (5, String::new(), ValueRow::of_policy(*was), ValueRow::of_policy(*is))
            }
            RoomChange::Role(user, was, is) => {
                (6, user.to_string(), ValueRow::of_role(*was), ValueRow::of_role(*is))
            }
            RoomChange::Banned(user) => (7, user.to_string(), None, None),
            RoomChange::Unbanned(user) => (8, user.to_string(), None, None),
            RoomChange::Join(was, is) => (9, String::new(), ValueRow::of_join(was), ValueRow::of_join(is)),
            RoomChange::Listing(was, is) => {
                (10, String::new(), ValueRow::of_listing(was.as_ref()), ValueRow::of_listing(is.as_ref()))
            }
            RoomChange::Retention(was, is) => {
                (11, String::new(), ValueRow::of_time(*was), ValueRow::of_time(*is))
            }
            RoomChange::End(was, is) => {
                let millis = |end: &Option<Timestamp>| ValueRow::of_millis(end.map(Timestamp::as_millis));
                (12, String::new(), millis(was), millis(is))
            }
        };
        ChangedRow { kind, authority: Some((&changed.authority).into()), user, was, is }
    }
}

impl TryFrom<&ChangedRow> for Changed {
    type Error = Error;

    fn try_from(row: &ChangedRow) -> Result<Self> {
        let nothing = ValueRow::default();
        let (was, is) = (row.was.as_ref().unwrap_or(&nothing), row.is.as_ref().unwrap_or(&nothing));
        let user = || UserId::parse(&row.user);
        let time = |row: &ValueRow| row.millis.map(Duration::from_millis);
        let end = |row: &ValueRow| row.millis.map(Timestamp::from_millis);
        let what = match row.kind {
            1 => RoomChange::Name(was.text.clone(), is.text.clone()),
            2 => RoomChange::Topic(was.text.clone(), is.text.clone()),
            3 => RoomChange::Label(was.text.clone(), is.text.clone()),
            4 => RoomChange::Hidden,
            5 => RoomChange::Policy(was.as_policy()?, is.as_policy()?),
            6 => RoomChange::Role(user()?, role(was.role)?, role(is.role)?),
            7 => RoomChange::Banned(user()?),
            8 => RoomChange::Unbanned(user()?),
            9 => RoomChange::Join(was.as_join()?, is.as_join()?),
            10 => RoomChange::Listing(was.as_listing()?, is.as_listing()?),
            11 => RoomChange::Retention(time(was), time(is)),
            12 => RoomChange::End(end(was), end(is)),
            _ => return Err(corrupt("event change")),
        };
        Ok(Changed { what, authority: AuthorityRow::read(row.authority.as_ref())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::AgencyId, room::RoomKind};

    /// Each authority and each change is read as it was written, and says something of its own.
    #[test]
    fn every_change_round_trips() {
        let user = || UserId::parse("ben@b.example").unwrap();
        let text = |text: &str| Some(text.to_owned());
        let rights = Right::ALL.into_iter().flat_map(|right| {
            [true, false].map(|own_agency| Authority::Right { right, role: Role::Moderator, own_agency })
        });
        let dues = DUES.into_iter().map(Authority::Due);
        let authorities: Vec<_> = [Authority::Own].into_iter().chain(rights).chain(dues).collect();
        let agencies = JoinRule::Agencies([AgencyId::parse("b.example").unwrap()].into());
        let listing = || Some(Listing::new("Marathon", "Who stands where").unwrap());
        let (time, end) = (Duration::from_millis(7), Timestamp::from_millis(9));
        let changes = [
            RoomChange::Name(None, text("Streife")),
            RoomChange::Topic(text(""), text("Lage")),
            RoomChange::Label(text("a"), text("b")),
            RoomChange::Hidden,
            RoomChange::Policy(Policy::default(), Policy::of(RoomKind::Topic)),
            RoomChange::Role(user(), Role::Member, Role::AgencyAdmin),
            RoomChange::Banned(user()),
            RoomChange::Unbanned(user()),
            RoomChange::Join(JoinRule::Invitation, agencies.clone()),
            RoomChange::Join(agencies, JoinRule::Anybody),
            RoomChange::Join(JoinRule::Anybody, JoinRule::Invitation),
            RoomChange::Listing(None, listing()),
            RoomChange::Listing(listing(), None),
            RoomChange::Retention(None, Some(time)),
            RoomChange::Retention(Some(time), None),
            RoomChange::End(None, Some(end)),
            RoomChange::End(Some(end), None),
        ];
        let mut said = std::collections::BTreeSet::new();
        for what in &changes {
            let changed = Changed { what: what.clone(), authority: Authority::Own };
            assert_eq!(Changed::try_from(&ChangedRow::from(&changed)).unwrap(), changed);
            assert!(said.insert(changed.to_string()), "{changed}");
        }
        for authority in authorities {
            let changed = Changed { what: RoomChange::Hidden, authority };
            assert_eq!(Changed::try_from(&ChangedRow::from(&changed)).unwrap(), changed);
            assert!(said.insert(authority.to_string()), "{authority}");
        }
    }

    #[test]
    fn damaged_rows_are_refused() {
        let good = ChangedRow::from(&Changed { what: RoomChange::Hidden, authority: Authority::Own });
        let bad = |change: fn(&mut ChangedRow)| {
            let mut row = good.clone();
            change(&mut row);
            Changed::try_from(&row).is_err()
        };
        assert!(!bad(|_| {}));
        assert!(bad(|row| row.kind = 0));
        assert!(bad(|row| row.kind = 13));
        assert!(bad(|row| row.kind = 5));
        assert!(bad(|row| row.authority = None));
        assert!(bad(|row| row.authority.as_mut().unwrap().kind = 4));
        assert!(bad(|row| row.authority.as_mut().unwrap().kind = 2));
        assert!(bad(|row| {
            let authority = row.authority.as_mut().unwrap();
            (authority.kind, authority.which) = (DUE, 6);
        }));
    }
}
