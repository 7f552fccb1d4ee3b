//! Names: agencies, users, devices, rooms, blobs, messages (SPEC chapter "Identifiers").

use core::fmt;

use rand_core::CryptoRng;

use crate::{
    code::Code,
    error::{Error, Result, ensure},
    limits,
};

/// An agency: a lower-case ASCII domain name of letters, digits and hyphens.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgencyId(Box<str>);

impl AgencyId {
    /// Parses a domain name of at most [`limits::AGENCY_ID`] bytes.
    ///
    /// # Errors
    /// [`Code::BadName`] if it is not one (SPEC V-101).
    ///
    /// ```
    /// use verbund::ids::AgencyId;
    /// assert!(AgencyId::parse("police.hessen.example").is_ok());
    /// assert!(AgencyId::parse("Police.Hessen.example").is_err());
    /// ```
    pub fn parse(name: &str) -> Result<Self> {
        let label = |l: &str| {
            (1..=63).contains(&l.len())
                && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !l.starts_with('-')
                && !l.ends_with('-')
        };
        let good = name.len() <= limits::AGENCY_ID && name.contains('.') && name.split('.').all(label);
        ensure(good, Code::BadName, "agency id")?;
        Ok(AgencyId(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user: `local@agency`. Who speaks for it is said by its user chain.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId {
    name: Box<str>,
    agency: AgencyId,
}

impl UserId {
    /// Parses `local@agency`; the local part is 1 to 64 of `[a-z0-9._-]`.
    ///
    /// # Errors
    /// [`Code::BadName`] if it is not one (SPEC V-102).
    pub fn parse(name: &str) -> Result<Self> {
        let (local, agency) = name.split_once('@').ok_or(Error::new(Code::BadName, "user id"))?;
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        let good = (1..=limits::USER_LOCAL_PART).contains(&local.len()) && local.bytes().all(letter);
        ensure(good, Code::BadName, "user id")?;
        Ok(UserId { name: name.into(), agency: AgencyId::parse(agency)? })
    }

    /// The agency that runs the user's home server and vouches for its devices.
    #[must_use]
    pub fn agency(&self) -> &AgencyId {
        &self.agency
    }

    /// The whole name, `local@agency`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

macro_rules! shown_as_name {
    ($($t:ty),*) => {$(
        impl fmt::Display for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
        impl fmt::Debug for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
        impl core::str::FromStr for $t {
            type Err = Error;
            fn from_str(s: &str) -> Result<Self> { Self::parse(s) }
        }
    )*};
}
shown_as_name!(AgencyId, UserId);

macro_rules! byte_ids {
    ($($(#[$doc:meta])* $name:ident($len:literal);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $len]);

        impl $name {
            /// From exactly these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $len]) -> Self { $name(bytes) }

            /// From a slice.
            ///
            /// # Errors
            /// [`Code::BadName`] if it has another length (SPEC V-103).
            pub fn from_slice(bytes: &[u8]) -> Result<Self> {
                bytes.try_into().map($name).map_err(|_| Error::new(Code::BadName, stringify!($name)))
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] { &self.0 }
        }

        /// Lower-case hexadecimal.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(self, f) }
        }
    )*};
}

macro_rules! random_ids {
    ($($name:ident),*) => {$(
        impl $name {
            /// A fresh random id.
            pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
                let mut bytes = [0; 16];
                rng.fill_bytes(&mut bytes);
                $name(bytes)
            }
        }
    )*};
}

byte_ids! {
    /// A device of a user; always addressed together with the user ([`Device`]).
    DeviceId(16);
    /// A room, which is also the MLS group id.
    RoomId(16);
    /// A broadcast channel.
    ChannelId(16);
    /// A sealed attachment as servers know it.
    BlobId(16);
    /// One submission of a device to a room's hub.
    SubmissionId(16);
    /// One request of the app to its engine; the same id gives the same receipt.
    RequestId(16);
    /// One life of a server's store; a restored backup begins another.
    IncarnationId(16);
    /// A message: a hash of room, authenticated sender, nonce and content, so that it
    /// survives being encrypted again (SPEC "Message ids").
    MessageId(32);
    /// A public key of a stated algorithm and purpose: a hash, recomputed and never read.
    KeyId(32);
    /// An unlabelled place in a hash chain or tree: a labelled SHA-256 output.
    Hash(32);
}
random_ids!(DeviceId, RoomId, ChannelId, BlobId, SubmissionId, RequestId, IncarnationId);

/// A device as it is addressed: its user and its id.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Device {
    /// Whose device it is.
    pub user: UserId,
    /// Which of the user's devices.
    pub id: DeviceId,
}

impl fmt::Display for Device {
    /// The user and the first four bytes of the id: enough for a person to tell devices apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.id.0;
        write!(f, "{}/{a:02x}{b:02x}{c:02x}{d:02x}", self.user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agency_names() {
        // V-101
        for good in ["a.b", "police.hessen.example", "xn--mnchen-3ya.example", "1.2"] {
            assert!(AgencyId::parse(good).is_ok(), "{good}");
        }
        let long = format!("{}.example", "a".repeat(64));
        for bad in ["", "a", ".", "a.", ".a", "a..b", "A.b", "a_b.c", "-a.b", "a-.b", "ä.b", &long, "a.b\n"]
        {
            assert_eq!(AgencyId::parse(bad).unwrap_err().code(), Code::BadName, "{bad:?}");
        }
        assert!(AgencyId::parse(&format!("{}a", "a.".repeat(126))).is_ok());
        assert!(AgencyId::parse(&format!("{}aa", "a.".repeat(126))).is_err());
    }

    #[test]
    fn user_names() {
        // V-102
        let user = UserId::parse("anna.k-1_2@police.example.org").unwrap();
        assert_eq!(user.agency().as_str(), "police.example.org");
        let long = format!("{}@a.b", "a".repeat(65));
        for bad in ["", "@a.b", "a@", "a@b", "a@b.c@d.e", "A@b.c", "a b@c.d", &long] {
            assert_eq!(UserId::parse(bad).unwrap_err().code(), Code::BadName, "{bad:?}");
        }
    }

    #[test]
    fn byte_ids_have_one_length() {
        // V-103
        assert!(RoomId::from_slice(&[0; 16]).is_ok());
        assert!(RoomId::from_slice(&[0; 15]).is_err());
        assert_eq!(DeviceId::from_bytes([0xab; 16]).to_string(), "ab".repeat(16));
    }
}
