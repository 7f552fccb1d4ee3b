//! The registry of error codes (SPEC chapter "Error codes").
//!
//! A code is a number that travels: peers report it, logs count it, software
//! branches on it. Codes are never renumbered and never reused.

/// What kind of failure a [`Code`] stands for, and so who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The caller used the library wrongly; mend the caller.
    Misuse,
    /// A peer, server or file sent something that the protocol forbids.
    Peer,
    /// Everything was well-formed; a rule or policy says no.
    Refused,
    /// The host's store failed or has not loaded what is needed.
    Store,
    /// A defect in this library.
    Bug,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $kind:ident, $text:literal;)*) => {
        /// A numeric error code; see the module documentation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(u16)]
        pub enum Code { $($(#[$doc])* #[doc = $text] $name = $number,)* }

        impl Code {
            /// Every registered code, in numeric order.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> u16 { self as u16 }

            /// The code with this number, if it is registered.
            #[must_use]
            pub const fn from_number(number: u16) -> Option<Code> {
                match number { $($number => Some(Code::$name),)* _ => None }
            }

            /// Who has to act.
            #[must_use]
            pub const fn kind(self) -> Kind { match self { $(Code::$name => Kind::$kind,)* } }

            /// One short sentence for people who read logs.
            #[must_use]
            pub const fn text(self) -> &'static str { match self { $(Code::$name => $text,)* } }
        }
    };
}

codes! {
    // 1xx: bytes
    TooLong = 101, Peer, "longer than its bound";
    Malformed = 102, Peer, "not decodable";
    NotCanonical = 103, Peer, "not the canonical encoding of what it says";
    UnknownVersion = 104, Peer, "an envelope version that is not spoken here";
    BadName = 105, Peer, "not a well-formed name";
    BadField = 106, Peer, "a field is missing or out of its range";

    // 2xx: cryptography
    BadSignature = 201, Peer, "signature does not verify";
    BadKey = 202, Peer, "not an acceptable public key";
    BadCiphertext = 203, Peer, "ciphertext does not authenticate";
    UnknownSuite = 204, Refused, "unknown or unsupported cipher suite";
    Randomness = 205, Misuse, "the random source failed";

    // 3xx: identity
    BelowThreshold = 301, Peer, "too few distinct root holders signed";
    SameHolderTwice = 302, Peer, "one holder or key counted twice";
    RolledBack = 303, Peer, "a lower version than one already seen";
    Expired = 304, Refused, "not valid at the stated time";
    UnknownAgency = 305, Refused, "agency is not on the trust list";
    SuspendedAgency = 306, Refused, "agency is suspended";
    UnknownKey = 307, Refused, "no such key for this agency and purpose";
    ForeignAgencyUser = 308, Peer, "an agency vouched for another agency's user";
    BrokenChain = 309, Peer, "user chain does not connect";
    UnendorsedDevice = 310, Peer, "device is not on its user's chain";
    CertificateMismatch = 311, Peer, "certificate names something else";
    MissingEvidence = 312, Refused, "chain, descriptor or trust list is not at hand";
    WrongFederation = 313, Peer, "document of another federation";
    Equivocation = 314, Peer, "two signed documents with one number";
    Revoked = 320, Refused, "certificate is revoked";
    Unrevoked = 321, Peer, "revocation list takes back what an earlier one said";
    StaleRevocations = 322, Refused, "the agency's revocation list is out of date";
    TrustExpired = 323, Refused, "the trust list is not in force at the stated time";
    SafetyNumberDiffers = 325, Refused, "not the safety number of these two users";
    LinkRefused = 326, Refused, "the user's other device said no";
    LinkOver = 327, Refused, "the link code was used";
    UnknownMailbox = 328, Refused, "no such mailbox here";
    HistoryStays = 329, Refused, "the room's history is not handed over";
    RemovedDevice = 330, Refused, "device was removed from its user's chain";
    BeyondDelegation = 331, Peer, "more than was delegated";
    ReplacedIdentity = 332, Refused, "the user has begun anew since";

    // 4xx: rooms
    UnknownRoom = 401, Refused, "no such room here";
    NotMember = 402, Refused, "not a participant of the room";
    NotPermitted = 403, Refused, "the room's policy does not permit it";
    WrongEpoch = 404, Refused, "made for an epoch that has passed";
    BadCommit = 405, Peer, "commit breaks the room's rules";
    BadProposal = 406, Peer, "proposal of a kind that nobody may send";
    BadRoomState = 407, Peer, "room state is not acceptable";
    PendingProposal = 408, Refused, "a pending proposal has to be committed first";
    BadWelcome = 409, Peer, "welcome does not lead into the room it names";
    Mls = 410, Peer, "the MLS layer refused it";
    AlreadyMember = 411, Refused, "already a participant";
    RoomExists = 412, Refused, "a room with this id exists";
    SendNeedsConsent = 413, Refused, "people joined since it was written";
    NoKeyPackage = 414, Refused, "no device of this user can be invited now";
    Banned = 415, Refused, "the user is banned from the room";
    RoomEnded = 416, Refused, "the room has come to its end";
    LastGovernor = 417, Refused, "nobody would be left who may govern the room";
    BadGroupInfo = 418, Peer, "group info is not the one of its epoch";

    // 5xx: log, links, requests
    BrokenLog = 501, Peer, "log does not connect";
    BadHead = 502, Peer, "signed head does not match the log";
    BadSubmission = 503, Peer, "submission does not match what it signs";
    LinkGap = 504, Refused, "frame number is not the next one";
    LinkFork = 505, Peer, "frame number reused with other content";
    NotForUs = 506, Peer, "addressed to somebody else";
    UnknownDevice = 507, Refused, "device is not enrolled here";
    NotHub = 508, Refused, "this server is not the room's hub";
    StoreRolledBack = 509, Refused, "device store is older than what it has already sent";
    Quota = 510, Refused, "quota is used up";
    BadStamp = 511, Peer, "stamp runs backwards or too far ahead";
    NoAnswer = 512, Refused, "the other agency has not answered";
    BadRecord = 513, Peer, "record of a claim does not hold";

    // 6xx: attachments
    BadHeader = 601, Peer, "attachment header is not acceptable";
    BadGeometry = 602, Peer, "sizes and chunk count do not fit together";
    BadRoot = 603, Peer, "chunk list does not match the root";
    BadCommitment = 604, Peer, "key does not match the commitment";
    BadChunk = 605, Peer, "chunk does not match its hash";
    BadPadding = 606, Peer, "bytes past the true size are not zero";
    SourceChanged = 607, Misuse, "the source has another length or content than announced";
    UnknownBlob = 608, Refused, "no such blob here";
    BadCapability = 609, Refused, "capability does not open this blob";
    BlobIncomplete = 610, Refused, "not all chunks are here yet";
    NotSealed = 611, Peer, "not a sealed file";
    BlobGone = 620, Refused, "the attachment was taken back";
    UploadAbandoned = 621, Refused, "its upload was given up before it was whole";
    BadOrigin = 622, Peer, "its origin gives other bytes than it has announced";
    ChunkLost = 623, Refused, "the server has lost a part of it";
    SealAnew = 624, Misuse, "the file has to be sealed anew for these readers";

    // 7xx: content
    BadContent = 701, Peer, "content is not well-formed";
    Duplicate = 702, Refused, "message was already received";
    ForeignSender = 703, Peer, "content names another sender";
    UnknownTarget = 704, Refused, "names a message that is not known, or not any more";
    WrongTarget = 705, Refused, "not for a message of that kind";
    TargetDeleted = 706, Refused, "names a message that is deleted";

    // 8xx: store and use
    NotLoaded = 801, Store, "rows are not loaded";
    StoreFailed = 802, Store, "the store failed";
    StoreCorrupt = 803, Store, "a stored row cannot be read";
    NotReady = 804, Misuse, "the engine has not been set up";
    BadArgument = 805, Misuse, "an argument is out of its range";
    BatchTooLarge = 806, Refused, "would write more than one batch may hold";

    // 9xx
    Bug = 901, Bug, "a defect in this library";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_ordered_and_round_trip() {
        let mut last = 0;
        for code in Code::ALL {
            assert!(code.number() > last, "{code:?} is out of order");
            last = code.number();
            assert_eq!(Code::from_number(last), Some(*code));
            assert!(!code.text().is_empty());
        }
        assert_eq!(Code::from_number(0), None);
    }
}
