//! Signed documents: [`Signed`] as received, [`Verified`] once a signature was checked.
//!
//! A signature covers the schema version (u32, big-endian) and the body bytes as received,
//! under the label of the document's type (SPEC chapter "Signed envelopes").

use core::{fmt, ops::Deref};

use bytes::Bytes;

use super::{Held, Label, Signature, SigningKey, VerifyKey};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::KeyId,
    wire::{RawSignature, Signed, VERSION, Wire, encode_body},
};

/// A document that travels in a `SignedEnvelope`, and the label under which it is signed.
pub(crate) trait SignedAs: Wire {
    const LABEL: Label;
}

/// A document whose signatures hold. Only this module makes one.
#[derive(Clone)]
pub(crate) struct Verified<T>(Signed<T>);

impl<T: SignedAs> Verified<T> {
    /// The whole envelope, as received or made.
    pub(crate) fn bytes(&self) -> &Bytes {
        self.0.bytes()
    }

    /// The bytes that the signatures cover.
    pub(crate) fn body(&self) -> &Bytes {
        self.0.body()
    }

    /// Who signed it; the first by key id if they are several.
    pub(crate) fn signer(&self) -> Option<KeyId> {
        self.0.signatures().first().map(|s| s.key)
    }

    /// Whether one of its signatures names this key.
    pub(crate) fn is_signed_by(&self, key: &KeyId) -> bool {
        self.0.signatures().iter().any(|signature| signature.key == *key)
    }

    /// The document as it travels.
    pub(crate) fn into_signed(self) -> Signed<T> {
        self.0
    }

    /// The value alone.
    pub(crate) fn into_inner(self) -> T {
        self.0.into_claimed()
    }

    /// Reads back a document that was stored after it had been verified.
    ///
    /// # Errors
    /// [`Code::StoreCorrupt`] if it cannot be decoded.
    pub(crate) fn from_store(row: Vec<u8>) -> Result<Self> {
        let signed = Signed::decode(&Bytes::from(row));
        signed.map(Verified).map_err(|_| Error::new(Code::StoreCorrupt, T::NAME))
    }
}

impl<T: SignedAs> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.claimed()
    }
}

impl<T: SignedAs + fmt::Debug> fmt::Debug for Verified<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verified").field(self.0.claimed()).finish()
    }
}

/// Signs `value` with every one of `keys`.
pub(crate) fn sign<T: SignedAs>(value: T, keys: &[&SigningKey]) -> Verified<T> {
    let body = encode_body(&value);
    let one = |key: &&SigningKey| RawSignature {
        key: key.verify_key().id(),
        signature: *key.sign(T::LABEL, &[&VERSION.to_be_bytes(), &body]).as_bytes(),
    };
    let signatures = keys.iter().map(one).collect();
    Verified(Signed::assemble(value, body, signatures))
}

/// Whose signature it claims to carry: to look the key up.
///
/// # Errors
/// [`Code::BadField`] unless there is exactly one (SPEC V-116).
pub(crate) fn signer<T: SignedAs>(signed: &Signed<T>) -> Result<KeyId> {
    match signed.signatures() {
        [one] => Ok(one.key),
        _ => Err(Error::new(Code::BadField, "exactly one signature is wanted")),
    }
}

/// Checks the one signature of a document.
///
/// # Errors
/// As [`signer`]; [`Code::BadSignature`] unless it names `key`, by the recomputed id, and
/// holds (SPEC V-117).
pub(crate) fn verify<T: SignedAs>(signed: Signed<T>, key: &VerifyKey) -> Result<Verified<T>> {
    ensure(signer(&signed)? == key.id(), Code::BadSignature, "signed by another key")?;
    for signature in signed.signatures() {
        check(&signed, signature, key)?;
    }
    Ok(Verified(signed))
}

/// The same, unless this signature has held before.
///
/// # Errors
/// As [`verify`].
pub(crate) fn verify_held<T: SignedAs>(
    signed: Signed<T>,
    key: &VerifyKey,
    held: &Held,
) -> Result<Verified<T>> {
    ensure(signer(&signed)? == key.id(), Code::BadSignature, "signed by another key")?;
    for one in signed.signatures() {
        let signature = Signature::from_slice(&one.signature)?;
        key.verify_held(T::LABEL, &[&VERSION.to_be_bytes(), signed.body()], &signature, held)?;
    }
    Ok(Verified(signed))
}

/// Keys of which `threshold` have to sign. The keys are distinct and so are their holders;
/// whoever makes a quorum has seen to that.
pub(crate) struct Quorum<'a> {
    pub(crate) keys: &'a [VerifyKey],
    pub(crate) threshold: usize,
}

/// Checks a document that has to satisfy every one of several quorums.
///
/// Signatures of keys that are in no quorum count for nothing and do no harm: a reader that
/// skipped a change of keys need not know all of them.
///
/// # Errors
/// [`Code::BadSignature`] if a signature of a quorum's key does not hold;
/// [`Code::BelowThreshold`] if a quorum has too few (SPEC V-118).
pub(crate) fn verify_quorums<T: SignedAs>(signed: Signed<T>, quorums: &[Quorum<'_>]) -> Result<Verified<T>> {
    for quorum in quorums {
        let mut signers = 0_usize;
        for key in quorum.keys {
            let id = key.id();
            // Signatures are ordered by key id, each key once: decoding saw to it.
            if let Some(signature) = signed.signatures().iter().find(|s| s.key == id) {
                check(&signed, signature, key)?;
                signers = signers.saturating_add(1);
            }
        }
        ensure(signers >= quorum.threshold.max(1), Code::BelowThreshold, T::NAME)?;
    }
    ensure(!quorums.is_empty(), Code::BelowThreshold, T::NAME)?;
    Ok(Verified(signed))
}

fn check<T: SignedAs>(signed: &Signed<T>, signature: &RawSignature, key: &VerifyKey) -> Result<()> {
    let signature = Signature::from_slice(&signature.signature)?;
    key.verify(T::LABEL, &[&VERSION.to_be_bytes(), signed.body()], &signature)
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::wire::proto;

    /// A document of one number, signed as `LABEL`; the label is a parameter to try two.
    #[derive(Clone, Debug, PartialEq)]
    struct Doc<const ACK: bool>(u64);

    impl<const ACK: bool> Wire for Doc<ACK> {
        type Proto = proto::Stock;
        const MAX: usize = 4096;
        const NAME: &'static str = "doc";
        fn parse(proto: Self::Proto) -> Result<Self> {
            Ok(Doc(u64::from(proto.left)))
        }
        fn to_proto(&self) -> Self::Proto {
            proto::Stock { left: u32::try_from(self.0).unwrap() }
        }
    }

    impl<const ACK: bool> SignedAs for Doc<ACK> {
        const LABEL: Label = if ACK { Label::ACK } else { Label::FRAME };
    }

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_seed(&[byte; 32])
    }

    fn signed(keys: &[u8]) -> Signed<Doc<false>> {
        let keys: Vec<_> = keys.iter().map(|b| key(*b)).collect();
        let made = sign(Doc::<false>(7), &keys.iter().collect::<Vec<_>>());
        Signed::decode(made.bytes()).unwrap()
    }

    /// The same envelope after a change to it.
    fn changed<T: SignedAs>(
        of: &Signed<Doc<false>>,
        change: impl Fn(&mut proto::SignedEnvelope),
    ) -> Result<Signed<T>> {
        let mut envelope = proto::SignedEnvelope::decode(of.bytes().clone()).unwrap();
        change(&mut envelope);
        Signed::decode(&envelope.encode_to_vec().into())
    }

    fn code<T: SignedAs>(result: Result<Verified<T>>) -> Code {
        result.err().unwrap().code()
    }

    #[test]
    fn one_signature() {
        let verified = verify(signed(&[1]), &key(1).verify_key()).unwrap();
        assert_eq!(*verified, Doc(7));
        assert_eq!(verified.signer(), Some(key(1).verify_key().id()));
        assert_eq!(verified.bytes(), signed(&[1]).bytes());
        let again: Verified<Doc<false>> = Verified::from_store(verified.bytes().to_vec()).unwrap();
        assert_eq!(again.into_inner(), Doc(7));
        assert_eq!(Verified::<Doc<false>>::from_store(vec![1]).unwrap_err().code(), Code::StoreCorrupt);
    }

    /// SPEC V-116
    #[test]
    fn two_signatures_where_one_is_wanted() {
        assert_eq!(code(verify(signed(&[1, 2]), &key(1).verify_key())), Code::BadField);
    }

    /// SPEC V-117
    #[test]
    fn another_key_label_body_or_name_for_the_key() {
        let good = signed(&[1]);
        assert_eq!(code(verify(good.clone(), &key(2).verify_key())), Code::BadSignature);

        let relabelled = changed::<Doc<true>>(&good, |_| {}).unwrap();
        assert_eq!(code(verify(relabelled, &key(1).verify_key())), Code::BadSignature);

        let rewritten = changed::<Doc<false>>(&good, |e| e.body = encode_body(&Doc::<false>(8))).unwrap();
        assert_eq!(code(verify(rewritten, &key(1).verify_key())), Code::BadSignature);

        let other = Bytes::copy_from_slice(key(2).verify_key().id().as_bytes());
        let renamed = changed::<Doc<false>>(&good, |e| e.signatures[0].key_id = other.clone()).unwrap();
        assert_eq!(code(verify(renamed.clone(), &key(1).verify_key())), Code::BadSignature);
        assert_eq!(code(verify(renamed, &key(2).verify_key())), Code::BadSignature);
    }

    fn quorums(of: Signed<Doc<false>>, quorums: &[(&[u8], usize)]) -> Result<Verified<Doc<false>>> {
        let keys: Vec<Vec<_>> =
            quorums.iter().map(|(keys, _)| keys.iter().map(|b| key(*b).verify_key()).collect()).collect();
        let quorums: Vec<_> = keys
            .iter()
            .zip(quorums)
            .map(|(keys, (_, threshold))| Quorum { keys, threshold: *threshold })
            .collect();
        verify_quorums(of, &quorums)
    }

    /// SPEC V-118
    #[test]
    fn thresholds() {
        assert!(quorums(signed(&[1, 2, 9]), &[(&[1, 2, 3], 2)]).is_ok());
        assert!(quorums(signed(&[1, 2, 4]), &[(&[1, 2, 3], 2), (&[2, 4, 5], 2)]).is_ok());
        assert_eq!(code(quorums(signed(&[1, 8, 9]), &[(&[1, 2, 3], 2)])), Code::BelowThreshold);
        assert_eq!(code(quorums(signed(&[1, 2]), &[(&[1, 2, 3], 2), (&[2, 4, 5], 2)])), Code::BelowThreshold);
        assert_eq!(code(quorums(signed(&[9]), &[(&[1], 0)])), Code::BelowThreshold);
        assert_eq!(code(quorums(signed(&[1]), &[])), Code::BelowThreshold);

        let damaged = |e: &mut proto::SignedEnvelope| e.signatures[0].signature = Bytes::from(vec![1; 64]);
        let bad = changed(&signed(&[1, 2, 3]), damaged).unwrap();
        assert_eq!(code(quorums(bad, &[(&[1, 2, 3], 2)])), Code::BadSignature);
    }

    /// SPEC V-115
    #[test]
    fn same_key_twice() {
        let twice = |e: &mut proto::SignedEnvelope| e.signatures.push(e.signatures[0].clone());
        assert_eq!(changed::<Doc<false>>(&signed(&[1]), twice).err().unwrap().code(), Code::BadField);
    }
}
