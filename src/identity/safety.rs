//! Safety numbers: what two people compare in order to know that nobody stands between them
//! (SPEC "Safety numbers").

use core::fmt;

use subtle::ConstantTimeEq;

use super::UserChain;
use crate::{
    code::Code,
    crypto::{Label, hash},
    error::{Error, Result, ensure},
    ids::{Hash, UserId},
};

/// How often a fingerprint is hashed: as often as Signal's numeric fingerprint, which makes
/// every guess that much dearer for who looks for another identity with the same digits.
const ROUNDS: usize = 5_200;

/// The version of the form that is scanned.
const SCANNED: u8 = 1;

/// The safety number of two users, as one of them shows it to the other.
///
/// [`fmt::Display`] gives the 60 digits, in groups of five; both see the same. What is scanned
/// is [`SafetyNumber::to_bytes`] of one, in [`SafetyNumber::compare`] of the other. It says
/// nothing about anybody else: a room of three has three numbers, not one.
#[derive(Clone)]
pub struct SafetyNumber {
    own: [u8; 32],
    other: [u8; 32],
    /// The own user's name stands before the other's.
    own_first: bool,
}

impl SafetyNumber {
    /// The number of the own user and another.
    ///
    /// # Errors
    /// [`Code::BadArgument`] for one user.
    pub fn of(own: &UserChain, other: &UserChain) -> Result<Self> {
        Self::of_identities((own.user(), own.identity()), (other.user(), other.identity()))
    }

    pub(crate) fn of_identities(own: (&UserId, &Hash), other: (&UserId, &Hash)) -> Result<Self> {
        ensure(own.0 != other.0, Code::BadArgument, "the safety number of one user")?;
        let own_first = own.0.as_str().as_bytes() < other.0.as_str().as_bytes();
        Ok(SafetyNumber { own: fingerprint(own), other: fingerprint(other), own_first })
    }

    /// What the own device shows for the other's to scan: 65 bytes. It has a direction, so that
    /// nobody takes their own screen, or a picture of it, for the other's.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [&[SCANNED], self.own.as_slice(), &self.other].concat()
    }

    /// Compares it with what was scanned from the other's device, in constant time.
    ///
    /// # Errors
    /// [`Code::SafetyNumberDiffers`] (SPEC V-282); [`Code::UnknownVersion`] and
    /// [`Code::Malformed`] for what is no such code.
    pub fn compare(&self, scanned: &[u8]) -> Result<()> {
        let (version, rest) = scanned.split_first().ok_or(Error::new(Code::Malformed, "safety number"))?;
        ensure(*version == SCANNED, Code::UnknownVersion, "safety number")?;
        let (shower, looker) =
            rest.split_at_checked(32).ok_or(Error::new(Code::Malformed, "safety number"))?;
        ensure(looker.len() == 32, Code::Malformed, "safety number")?;
        let same = shower.ct_eq(&self.other) & looker.ct_eq(&self.own);
        ensure(same.into(), Code::SafetyNumberDiffers, "safety number")
    }

    /// What a device keeps of a number that its user has verified.
    pub(crate) fn to_row(&self) -> Vec<u8> {
        self.to_bytes()
    }

    /// Whether a kept number is this one.
    pub(crate) fn is_row(&self, row: &[u8]) -> bool {
        row.ct_eq(&self.to_bytes()).into()
    }
}

/// SPEC V-281.
fn fingerprint((user, identity): (&UserId, &Hash)) -> [u8; 32] {
    let (user, identity) = (user.as_str().as_bytes(), identity.as_bytes());
    let first = hash(Label::SAFETY_NUMBER, &[user, identity]);
    let again = |before: Hash, _| hash(Label::SAFETY_NUMBER, &[before.as_bytes(), user, identity]);
    *(1..ROUNDS).fold(first, again).as_bytes()
}

/// Six groups of five digits: each of five bytes, modulo 100,000.
fn digits(fingerprint: &[u8; 32]) -> impl Iterator<Item = u64> {
    let number = |bytes: &[u8; 5]| bytes.iter().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    fingerprint.as_chunks().0.iter().map(move |bytes| number(bytes) % 100_000)
}

/// Twelve groups of five digits, a space between them.
impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) =
            if self.own_first { (&self.own, &self.other) } else { (&self.other, &self.own) };
        for (place, group) in digits(first).chain(digits(second)).enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{group:05}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for SafetyNumber {
    fn eq(&self, other: &Self) -> bool {
        self.is_row(&other.to_bytes())
    }
}

impl Eq for SafetyNumber {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        identity::fixture::{TestFederation, user},
        vectors::{check, hex, unhex},
    };

    fn number(own: (&str, u8), other: (&str, u8)) -> SafetyNumber {
        let identity = |n| Hash::from_bytes([n; 32]);
        SafetyNumber::of_identities((&user(own.0), &identity(own.1)), (&user(other.0), &identity(other.1)))
            .unwrap()
    }

    const ANNA: (&str, u8) = ("anna@a.example", 1);
    const BEN: (&str, u8) = ("ben@b.example", 2);

    /// SPEC V-281
    #[test]
    fn both_see_the_same_digits() {
        let (hers, his) = (number(ANNA, BEN), number(BEN, ANNA));
        assert_eq!(hers.to_string(), his.to_string());
        let groups: Vec<_> = hers.to_string().split(' ').map(str::to_owned).collect();
        assert!(groups.len() == 12 && groups.iter().all(|g| g.len() == 5));
        // Each half is one user's, whoever the other is.
        let with_carl = number(ANNA, ("carl@c.example", 3)).to_string();
        assert_eq!(with_carl.get(..35), hers.to_string().get(..35));
    }

    /// SPEC V-281
    #[test]
    fn another_identity_or_name_is_another_number() {
        let good = number(ANNA, BEN).to_string();
        let others = [
            number((ANNA.0, 9), BEN),
            number(ANNA, (BEN.0, 9)),
            number(("anna@b.example", 1), BEN),
            number(ANNA, ("ben@a.example", 2)),
            number((ANNA.0, 2), (BEN.0, 1)),
        ];
        for other in others {
            assert_ne!(other.to_string(), good);
        }
    }

    /// SPEC V-282
    #[test]
    fn what_is_scanned() {
        let (hers, his) = (number(ANNA, BEN), number(BEN, ANNA));
        assert_eq!(hers.compare(&his.to_bytes()), Ok(()));
        assert_eq!(his.compare(&hers.to_bytes()), Ok(()));
        let code = |scanned: &[u8]| hers.compare(scanned).unwrap_err().code();
        assert_eq!(code(&hers.to_bytes()), Code::SafetyNumberDiffers, "the own screen");
        assert_eq!(code(&number((BEN.0, 9), ANNA).to_bytes()), Code::SafetyNumberDiffers);
        assert_eq!(code(&number(BEN, (ANNA.0, 9)).to_bytes()), Code::SafetyNumberDiffers);
        assert_eq!(code(&[]), Code::Malformed);
        assert_eq!(code(&his.to_bytes()[..64]), Code::Malformed);
        assert_eq!(code(&[his.to_bytes(), vec![0]].concat()), Code::Malformed);
        assert_eq!(code(&[&[2], &his.to_bytes()[1..]].concat()), Code::UnknownVersion);
    }

    /// SPEC V-282
    #[test]
    fn every_bit_of_it_counts() {
        let (hers, his) = (number(ANNA, BEN), number(BEN, ANNA).to_bytes());
        proptest!(|(place in 0_usize..65, bit in 0_u8..8)| {
            let mut changed = his.clone();
            changed[place] ^= 1 << bit;
            prop_assert!(hers.compare(&changed).is_err());
        });
    }

    #[test]
    fn one_user_has_no_number() {
        let refused = SafetyNumber::of_identities(
            (&user("anna@a.example"), &Hash::from_bytes([1; 32])),
            (&user("anna@a.example"), &Hash::from_bytes([2; 32])),
        );
        assert_eq!(refused.unwrap_err().code(), Code::BadArgument);
    }

    #[test]
    fn of_chains() {
        let mut federation = TestFederation::new();
        let (anna, ben) = (federation.person("anna@a.example", 1), federation.person("ben@b.example", 2));
        let hers = SafetyNumber::of(&federation.chain(&anna), &federation.chain(&ben)).unwrap();
        let his = SafetyNumber::of(&federation.chain(&ben), &federation.chain(&anna)).unwrap();
        assert_eq!(hers.compare(&his.to_bytes()), Ok(()));
        // A further device changes nothing.
        federation.further(&anna, 3);
        assert_eq!(SafetyNumber::of(&federation.chain(&anna), &federation.chain(&ben)).unwrap(), hers);
    }

    const ABOUT: &str = "Chapter Safety numbers of SPEC.linking.md. Bytes are hexadecimal. `numbers`: two users with \
        their identities, the fingerprint of each, the `digits` that both see, and what the first one's device \
        shows to be scanned (`shown`). `faults`: what the second one's device has to refuse with the code when it \
        scans it, beside the first of the numbers; those without a code are digits that come out wrong.";

    #[test]
    fn safety_numbers() {
        let pairs =
            [(ANNA, BEN), (("zoe@a.example", 0xff), ("desk.3@b.example", 0)), (BEN, ("ben@a.example", 2))];
        let made = json!({
            "about": ABOUT,
            "numbers": pairs.map(|(one, other)| vector(one, other)),
            "faults": faults(),
        });
        check("safety_numbers.json", &made);

        for vector in made["numbers"].as_array().unwrap() {
            let read = |user: &str, identity: &str| {
                let identity = Hash::from_slice(&unhex(&vector[identity])).unwrap();
                (UserId::parse(vector[user].as_str().unwrap()).unwrap(), identity)
            };
            let (one, other) = (read("user", "identity"), read("other", "other_identity"));
            let seen = SafetyNumber::of_identities((&other.0, &other.1), (&one.0, &one.1)).unwrap();
            assert_eq!(seen.to_string(), vector["digits"]);
            assert_eq!(seen.compare(&unhex(&vector["shown"])), Ok(()));
        }
        let his = number(BEN, ANNA);
        for fault in made["faults"].as_array().unwrap() {
            match fault.get("code") {
                Some(code) => {
                    let refused = his.compare(&unhex(&fault["shown"])).unwrap_err();
                    assert_eq!(json!(refused.code().number()), *code, "{}", fault["fault"]);
                }
                None => assert_ne!(his.to_string(), fault["digits"], "{}", fault["fault"]),
            }
        }
    }

    fn vector(one: (&str, u8), other: (&str, u8)) -> Value {
        let number = number(one, other);
        json!({
            "user": one.0, "identity": hex([one.1; 32]), "fingerprint": hex(number.own),
            "other": other.0, "other_identity": hex([other.1; 32]), "other_fingerprint": hex(number.other),
            "digits": number.to_string(), "shown": hex(number.to_bytes()),
        })
    }

    fn faults() -> Vec<Value> {
        let (hers, his) = (number(ANNA, BEN), number(BEN, ANNA));
        let refused = |fault: &str, shown: Vec<u8>, code: Code| json!({ "fault": fault, "rule": "V-282", "shown": hex(shown), "code": code.number() });
        let mut newer = hers.to_bytes();
        newer[0] = 2;
        let turned = SafetyNumber { own_first: !his.own_first, ..his.clone() };
        let once = |user: &str, n| *hash(Label::SAFETY_NUMBER, &[user.as_bytes(), &[n; 32]]).as_bytes();
        let hasty = SafetyNumber { own: once(BEN.0, 2), other: once(ANNA.0, 1), ..his };
        vec![
            refused("own_screen", his.to_bytes(), Code::SafetyNumberDiffers),
            refused("other_identity", number((ANNA.0, 9), BEN).to_bytes(), Code::SafetyNumberDiffers),
            refused("other_user", number(("carl@a.example", 1), BEN).to_bytes(), Code::SafetyNumberDiffers),
            refused(
                "meant_for_somebody_else",
                number(ANNA, ("carl@a.example", 3)).to_bytes(),
                Code::SafetyNumberDiffers,
            ),
            refused("unknown_version", newer, Code::UnknownVersion),
            refused("cut_off", hers.to_bytes()[..64].to_vec(), Code::Malformed),
            json!({ "fault": "halves_turned", "rule": "V-281", "digits": turned.to_string() }),
            json!({ "fault": "hashed_once", "rule": "V-281", "digits": hasty.to_string() }),
        ]
    }
}
