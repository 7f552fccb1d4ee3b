//! RFC 9180, appendix A.2.1.

use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

use super::{bytes, each, number, vectors};
use crate::crypto::{HpkePrivateKey, hpke};

/// Gives out fixed bytes once: an ephemeral key is made from the vector's ikmE.
struct Fixed(Vec<u8>);

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("only whole keys are drawn")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("only whole keys are drawn")
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
        into.copy_from_slice(&self.0.drain(..into.len()).collect::<Vec<_>>());
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

#[test]
fn rfc_9180_a_2_1() {
    let v = vectors!("rfc9180-a.2.1.json");
    for (ikm, secret, public) in [("ikmE", "skEm", "pkEm"), ("ikmR", "skRm", "pkRm")] {
        let derived = hpke::derive_key_pair(&bytes(&v, ikm));
        // The RFC prints the scalar before, the crate gives it after clamping (RFC 7748 §5).
        let mut clamped = bytes(&v, secret);
        (clamped[0], clamped[31]) = (clamped[0] & 248, clamped[31] & 127 | 64);
        assert_eq!((derived.0.to_vec(), derived.1.to_vec()), (clamped, bytes(&v, public)));
        assert_eq!(HpkePrivateKey::from_bytes(&derived.0).public().as_bytes(), &derived.1);
    }

    let (info, plaintext) = (bytes(&v, "info"), bytes(&v, "pt"));
    let mut rng = Fixed(bytes(&v, "ikmE"));
    let (enc, mut sender) = hpke::sender(&bytes(&v, "pkRm"), &info, &mut rng).unwrap();
    assert_eq!(enc.to_vec(), bytes(&v, "enc"));
    assert!(rng.0.is_empty(), "the ephemeral key is one draw of 32 bytes");
    let mut receiver = hpke::receiver(&bytes(&v, "skRm"), &enc, &info).unwrap();

    let mut next = 0;
    for encryption in each(&v["encryptions"]) {
        for _ in next..number(encryption, "seq") {
            receiver.open(&sender.seal(b"", b"").unwrap(), b"").unwrap();
        }
        next = number(encryption, "seq") + 1;
        let aad = bytes(encryption, "aad");
        let sealed = sender.seal(&plaintext, &aad).unwrap();
        assert_eq!(sealed, bytes(encryption, "ct"));
        assert_eq!(receiver.open(&sealed, &aad).unwrap(), plaintext);
    }
    for export in each(&v["exports"]) {
        let (mut at_sender, mut at_receiver) = ([0; 32], [0; 32]);
        sender.export(&bytes(export, "context"), &mut at_sender).unwrap();
        receiver.export(&bytes(export, "context"), &mut at_receiver).unwrap();
        assert_eq!(at_sender.to_vec(), bytes(export, "value"));
        assert_eq!(at_receiver, at_sender);
    }
}
