//! Key packages of users, asked for and given.

use bytes::Bytes;

use super::Failure;
use crate::{
    code::Code,
    error::{Error, Result, ensure, fault},
    ids::{AgencyId, RequestId, UserId},
    limits,
    time::Timestamp,
    wire::{Reason, Wire, fields, proto, repeated},
};

/// Asks for one key package of every device of some users of one agency. The id of the
/// request names it: the same claim is answered in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// All of one agency. Ordered; 1 to [`limits::CLAIM_USERS`].
    pub(crate) users: Vec<UserId>,
    /// When it was made, by the device's clock.
    pub(crate) at: Timestamp,
}

impl Claim {
    /// The agency whose users they are.
    ///
    /// # Errors
    /// [`Code::Bug`] for a claim of nobody, which cannot be decoded.
    pub(crate) fn agency(&self) -> Result<&AgencyId> {
        self.users.first().map(UserId::agency).ok_or(Error::new(Code::Bug, "claim of nobody"))
    }
}

/// The answer of one agency, about its own users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimAnswer {
    /// The request that made the claim.
    pub(crate) claim_id: RequestId,
    pub(crate) agency: AgencyId,
    /// The signed descriptor of that agency; `None` if it cannot be reached.
    pub(crate) descriptor: Option<Bytes>,
    /// Ordered by user.
    pub(crate) users: Vec<ClaimedUser>,
}

/// What there is for one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimedUser {
    pub(crate) user: UserId,
    pub(crate) keys: Result<Keys, Failure>,
}

/// A user's chain and key packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    /// Encoded links from entry 0.
    pub(crate) chain: Vec<Bytes>,
    /// MLSMessage(KeyPackage), one per device.
    pub(crate) packages: Vec<Bytes>,
}

/// What tells of a user: encoded links of the chain and of those that it replaced.
pub(super) fn chain(links: Vec<Bytes>, least: usize) -> Result<Vec<Bytes>> {
    let link = |bytes| fields::filled(bytes, limits::CHAIN_LINK, "chain link");
    repeated(links, (least, limits::CHAIN_HISTORY), "user chain", link)
}

/// At least `min` and at most `max` key packages.
pub(super) fn packages(packages: Vec<Bytes>, bounds: (usize, usize)) -> Result<Vec<Bytes>> {
    repeated(packages, bounds, "key packages", |bytes| {
        fields::filled(bytes, limits::KEY_PACKAGE, "key package")
    })
}

impl Wire for Claim {
    type Proto = proto::Claim;
    const MAX: usize = limits::CLAIM;
    const NAME: &'static str = "claim";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let users = repeated(proto.users, (1, limits::CLAIM_USERS), "users", |u| UserId::parse(&u))?;
        fields::ascending(&users, |user| user, "users are not in order")?;
        let one = users.iter().all(|user| users.first().is_some_and(|first| user.agency() == first.agency()));
        ensure(one, Code::BadField, "users of several agencies")?;
        Ok(Claim { users, at: Timestamp::from_millis(proto.at) })
    }

    fn to_proto(&self) -> Self::Proto {
        let users = self.users.iter().map(UserId::to_string).collect();
        proto::Claim { users, at: self.at.as_millis() }
    }
}

impl Wire for ClaimAnswer {
    type Proto = proto::ClaimAnswer;
    const MAX: usize = limits::DEVICE_MESSAGE;
    const NAME: &'static str = "claim answer";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let agency = AgencyId::parse(&proto.agency)?;
        let users = repeated(proto.users, (1, limits::CLAIM_USERS), "users", ClaimedUser::parse)?;
        fields::ascending(&users, |u| &u.user, "users are not in order")?;
        let own = users.iter().all(|u| *u.user.agency() == agency);
        ensure(own, Code::BadField, "users of another agency")?;
        Ok(ClaimAnswer {
            claim_id: RequestId::from_slice(&proto.claim_id)?,
            agency,
            descriptor: fields::optional(proto.descriptor, limits::DESCRIPTOR, "agency descriptor")?,
            users,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::ClaimAnswer {
            claim_id: fields::raw(self.claim_id.as_bytes()),
            agency: self.agency.to_string(),
            descriptor: self.descriptor.clone().unwrap_or_default(),
            users: fields::protos(&self.users),
        }
    }
}

impl Wire for ClaimedUser {
    type Proto = proto::ClaimedUser;
    const MAX: usize = limits::DEVICE_MESSAGE;
    const NAME: &'static str = "claimed user";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let nothing = proto.chain.is_empty() && proto.packages.is_empty();
        let retry_at = Timestamp::from_millis(proto.retry_at);
        let keys = match Reason::parse_optional(proto.code)? {
            Some(reason) if nothing => Err(Failure { reason, retry_at }),
            Some(_) => return fault(Code::BadField, "key packages in spite of an error code"),
            None if proto.retry_at > 0 => return fault(Code::BadField, "advice to try again what is done"),
            None => Ok(Keys {
                chain: chain(proto.chain, 1)?,
                packages: packages(proto.packages, (1, limits::DEVICES_PER_USER))?,
            }),
        };
        Ok(ClaimedUser { user: UserId::parse(&proto.user)?, keys })
    }

    fn to_proto(&self) -> Self::Proto {
        let user = self.user.to_string();
        match &self.keys {
            Ok(keys) => {
                let (chain, packages) = (keys.chain.clone(), keys.packages.clone());
                proto::ClaimedUser { user, code: 0, chain, packages, retry_at: 0 }
            }
            Err(Failure { reason, retry_at }) => proto::ClaimedUser {
                user,
                code: reason.number().into(),
                retry_at: retry_at.as_millis(),
                ..Default::default()
            },
        }
    }
}
