//! Signatures that were found to hold, so that they need not be verified again.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::{Signature, VerifyKey};
use crate::error::Result;

/// Signatures after which the older half is forgotten.
const HELD: usize = 4_096;

/// Whether a signature holds is a function of key, message and signature alone, and takes thirty times as
/// long to find out as a hash of the three: who meets the same again and again, as whoever invites meets the
/// same certificates and key packages in each step of it, remembers. In memory alone, and no more than so many.
#[derive(Default)]
pub(crate) struct Held(Mutex<[BTreeSet<[u8; 32]>; 2]>);

impl Held {
    /// Verifies a signature, unless it has held before.
    pub(in crate::crypto) fn verify(
        &self,
        key: &VerifyKey,
        message: &[u8],
        signature: &Signature,
    ) -> Result<()> {
        // Two lengths of three are fixed, so that no two inputs are alike. Nothing is made of it, and it
        // goes nowhere: it needs no label.
        let name = Sha256::new().chain_update(key.as_bytes()).chain_update(signature.as_bytes());
        let name: [u8; 32] = name.chain_update(message).finalize().into();
        if self.with(|sets| sets.iter().any(|set| set.contains(&name))) {
            return Ok(());
        }
        key.verify_raw(message, signature)?;
        self.with(|[new, old]| {
            if new.len() == HELD / 2 {
                *old = core::mem::take(new);
            }
            new.insert(name);
        });
        Ok(())
    }

    /// A panic elsewhere leaves a set at worst without a name.
    fn with<T>(&self, f: impl FnOnce(&mut [BTreeSet<[u8; 32]>; 2]) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SigningKey;

    fn known(held: &Held) -> usize {
        held.with(|sets| sets.iter().map(BTreeSet::len).sum())
    }

    /// What held is remembered, what did not is not; another key, message or signature is another.
    #[test]
    fn only_what_held_is_remembered() {
        let held = Held::default();
        let (key, other) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
        let signature = key.sign_raw(b"message");
        for _ in 0..2 {
            held.verify(&key.verify_key(), b"message", &signature).unwrap();
            assert_eq!(known(&held), 1);
            held.verify(&other.verify_key(), b"message", &signature).unwrap_err();
            held.verify(&key.verify_key(), b"massage", &signature).unwrap_err();
            held.verify(&key.verify_key(), b"message", &other.sign_raw(b"message")).unwrap_err();
            assert_eq!(known(&held), 1);
        }
    }

    #[test]
    fn no_more_is_remembered_than_so_many_and_the_newest_is() {
        let (held, key) = (Held::default(), SigningKey::from_seed(&[1; 32]));
        let name = |n: usize| n.to_be_bytes();
        for n in 0..HELD + 1 {
            held.verify(&key.verify_key(), &name(n), &key.sign_raw(&name(n))).unwrap();
            assert!(known(&held) <= HELD);
        }
        let before = known(&held);
        held.verify(&key.verify_key(), &name(HELD), &key.sign_raw(&name(HELD))).unwrap();
        assert_eq!(known(&held), before);
    }
}
