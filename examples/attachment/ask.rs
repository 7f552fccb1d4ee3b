//! What the command line asks for.

use std::{ffi::OsString, str::FromStr};

use verbund::attachment::{Root, Suite};
use zeroize::Zeroizing;

use crate::{place::Place, trouble::Trouble};

pub const USAGE: &str = "\
attachment seal [--suite 1|2] [--size BYTES] SOURCE SEALED KEY
attachment open SEALED KEY TARGET
attachment cat SEALED KEY FIRST COUNT
attachment inspect SEALED
attachment verify SEALED [ROOT]

SOURCE, SEALED and TARGET may be - for a pipe; of a SOURCE in a pipe --size is needed. A SEALED in
a pipe is sealed from a file that is read twice, since what checks the chunks goes before them.
Ends with 0; 1 if something was refused, with its code; 2 for other arguments; 3 if a file fails.
";

pub enum Ask {
    Help,
    Seal { suite: Suite, size: Option<u64>, source: Place, sealed: Place, key: Place },
    Open { sealed: Place, key: Place, target: Place },
    Cat { sealed: Place, key: Place, first: u64, count: u64 },
    Inspect { sealed: Place },
    Verify { sealed: Place, root: Option<Root> },
}

impl Ask {
    pub fn parse(words: impl Iterator<Item = OsString>) -> Result<Ask, Trouble> {
        let (mut suite, mut size, mut rest) = (None, None, Vec::new());
        let mut words = words;
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("--help" | "-h") => return Ok(Ask::Help),
                Some("--suite") => suite = Some(number("--suite", words.next())?),
                Some("--size") => size = Some(number("--size", words.next())?),
                Some(option) if option.starts_with("--") => {
                    return Err(Trouble::usage(format!("no such option: {option}")));
                }
                _ => rest.push(word),
            }
        }
        let mut rest = rest.into_iter();
        let command = rest.next().unwrap_or_default();
        let rest: Vec<OsString> = rest.collect();
        let sealing = command == "seal";
        if !sealing && (suite.is_some() || size.is_some()) {
            return Err(Trouble::usage("--suite and --size are for seal".into()));
        }
        match (command.to_str(), &rest[..]) {
            (Some("seal"), [source, sealed, key]) => Ok(Ask::Seal {
                suite: suite.map_or(Ok(Suite::ChaCha20Poly1305), Suite::from_number)?,
                size,
                source: Place::new(source),
                sealed: Place::new(sealed),
                key: Place::new(key),
            }),
            (Some("open"), [sealed, key, target]) => {
                Ok(Ask::Open { sealed: Place::new(sealed), key: Place::new(key), target: Place::new(target) })
            }
            (Some("cat"), [sealed, key, first, count]) => Ok(Ask::Cat {
                sealed: Place::new(sealed),
                key: Place::new(key),
                first: number("FIRST", Some(first.clone()))?,
                count: number("COUNT", Some(count.clone()))?,
            }),
            (Some("inspect"), [sealed]) => Ok(Ask::Inspect { sealed: Place::new(sealed) }),
            (Some("verify"), [sealed]) => Ok(Ask::Verify { sealed: Place::new(sealed), root: None }),
            (Some("verify"), [sealed, root]) => {
                let bytes = root.to_str().and_then(|root| unhex(root.as_bytes()));
                let bytes = bytes.and_then(|bytes| bytes.as_slice().try_into().ok());
                let root = bytes.map(Root::from_bytes);
                let root = root.ok_or(Trouble::usage("ROOT has 64 hexadecimal digits".into()))?;
                Ok(Ask::Verify { sealed: Place::new(sealed), root: Some(root) })
            }
            _ => Err(Trouble::usage("not understood; --help tells what is".into())),
        }
    }
}

fn number<N: FromStr>(name: &str, word: Option<OsString>) -> Result<N, Trouble> {
    let number = word.as_ref().and_then(|word| word.to_str()?.parse().ok());
    number.ok_or(Trouble::usage(format!("{name} is a number")))
}

pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    // Never grown, so that of a key nothing is left behind where it lay before.
    let mut text = String::with_capacity(2 * bytes.len() + 1);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Out of lower-case digits. What is read may be a key, and is wiped.
pub fn unhex(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |digit: &u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_chunks::<2>();
    let mut bytes = Zeroizing::new(Vec::with_capacity(pairs.len()));
    for [high, low] in pairs {
        bytes.push(digit(high)? << 4 | digit(low)?);
    }
    rest.is_empty().then_some(bytes)
}
