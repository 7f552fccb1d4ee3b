//! Evidence that an agency has signed two documents of which one denies the other.

use bytes::Bytes;

use super::{
    descriptor::{AgencyDescriptor, Descriptor},
    operational_key::KeyPurpose,
    revocation::RevocationList,
    roster::Agency,
};
use crate::{
    code::Code,
    crypto::{signer, verify},
    error::{Error, Result, ensure},
    ids::AgencyId,
    limits,
    wire::{self, Signed, Wire, fields, proto},
};

/// Two descriptors or two revocation lists that an agency has signed and that contradict each other.
/// Whoever knows the agency can verify it, with no connection to anybody: what says it is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    documents: Documents,
    code: Code,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Documents {
    Descriptors(Box<Pair<AgencyDescriptor>>),
    RevocationLists(Box<Pair<RevocationList>>),
}

/// In the order of the bodies' bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair<T> {
    one: Signed<T>,
    other: Signed<T>,
}

impl Contradiction {
    pub(super) fn of_descriptors(one: &Bytes, other: &Bytes) -> Result<Self> {
        Self::from_documents(Documents::Descriptors(Pair::of(one, other)?))
    }

    pub(super) fn of_lists(one: &Bytes, other: &Bytes) -> Result<Self> {
        Self::from_documents(Documents::RevocationLists(Pair::of(one, other)?))
    }

    /// SPEC V-314
    fn from_documents(documents: Documents) -> Result<Self> {
        let code = match &documents {
            Documents::Descriptors(pair) => {
                let same = signer(&pair.one)? == signer(&pair.other)?;
                ensure(same, Code::BadField, "descriptors under two root keys")?;
                let same = pair.one.claimed().agency == pair.other.claimed().agency;
                ensure(same, Code::BadField, "descriptors of two agencies")?;
                pair.one.claimed().contradicts(pair.other.claimed()).then_some(Code::Equivocation)
            }
            Documents::RevocationLists(pair) => {
                let same = pair.one.claimed().agency() == pair.other.claimed().agency();
                ensure(same, Code::BadField, "revocation lists of two agencies")?;
                pair.one.claimed().contradicts(pair.other.claimed())
            }
        };
        let code = code.ok_or(Error::new(Code::BadField, "documents that do not contradict each other"))?;
        Ok(Contradiction { documents, code })
    }

    /// Reads evidence. No signature is verified yet.
    ///
    /// # Errors
    /// Those of decoding (1xx): also if the two do not contradict each other.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        wire::decode(&Bytes::copy_from_slice(bytes))
    }

    /// As it travels: at most [`limits::CONTRADICTION`] bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        wire::encode(self).to_vec()
    }

    /// Whom it convicts.
    #[must_use]
    pub fn agency(&self) -> &AgencyId {
        match &self.documents {
            Documents::Descriptors(pair) => &pair.one.claimed().agency,
            Documents::RevocationLists(pair) => pair.one.claimed().agency(),
        }
    }

    /// Of what: [`Code::Equivocation`], two documents in one place; [`Code::Unrevoked`], a
    /// revocation list that says of the past what an earlier one did not say.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The two documents as the agency has signed them.
    #[must_use]
    pub fn documents(&self) -> [&[u8]; 2] {
        match &self.documents {
            Documents::Descriptors(pair) => pair.bytes(),
            Documents::RevocationLists(pair) => pair.bytes(),
        }
    }

    /// Verifies that the agency has signed both: descriptors with the root key that a trust list
    /// gives it, revocation lists with keys that these descriptors of it list (SPEC V-314).
    ///
    /// # Errors
    /// [`Code::CertificateMismatch`] if it is about another agency; [`Code::MissingEvidence`] if none of the
    /// descriptors lists a key; [`Code::UnknownKey`], [`Code::Expired`], [`Code::BadSignature`].
    pub fn verify(&self, agency: &Agency, descriptors: &[Descriptor]) -> Result<()> {
        ensure(self.agency() == agency.id(), Code::CertificateMismatch, "another agency")?;
        match &self.documents {
            Documents::Descriptors(pair) => {
                pair.try_each(|descriptor| Descriptor::verify_signed(descriptor, agency.root()).map(drop))
            }
            Documents::RevocationLists(pair) => pair.try_each(|list| {
                let (at, id) = (list.claimed().issued_at(), signer(&list)?);
                let current = descriptors.iter().filter(|descriptor| at < descriptor.expires_at);
                let key = (KeyPurpose::Revocation, &id);
                let key = Descriptor::key_among(current, self.agency(), key, at)?;
                verify(list, &key).map(drop)
            }),
        }
    }
}

impl Wire for Contradiction {
    type Proto = proto::Contradiction;
    const MAX: usize = limits::CONTRADICTION;
    const NAME: &'static str = "contradiction";

    fn parse(proto: Self::Proto) -> Result<Self> {
        use proto::contradiction::Documents as Raw;
        let documents = proto.documents.ok_or(Error::new(Code::BadField, "documents"))?;
        Self::from_documents(match documents {
            Raw::Descriptors(pair) => Documents::Descriptors(Pair::parse(pair)?),
            Raw::RevocationLists(pair) => Documents::RevocationLists(Pair::parse(pair)?),
        })
    }

    fn to_proto(&self) -> Self::Proto {
        use proto::contradiction::Documents as Raw;
        let documents = match &self.documents {
            Documents::Descriptors(pair) => Raw::Descriptors(pair.to_proto()),
            Documents::RevocationLists(pair) => Raw::RevocationLists(pair.to_proto()),
        };
        proto::Contradiction { documents: Some(documents) }
    }
}

impl<T: Wire + Clone> Pair<T> {
    fn of(one: &Bytes, other: &Bytes) -> Result<Box<Self>> {
        let (one, other) = (Signed::decode(one)?, Signed::decode(other)?);
        let (one, other) = if one.body() > other.body() { (other, one) } else { (one, other) };
        Ok(Box::new(Pair { one, other }))
    }

    fn parse(proto: proto::SignedPair) -> Result<Box<Self>> {
        let signed = |bytes| Signed::decode(&fields::filled(bytes, T::MAX, T::NAME)?);
        let pair: Pair<T> = Pair { one: signed(proto.one)?, other: signed(proto.other)? };
        let ordered = pair.one.body() < pair.other.body();
        ensure(ordered, Code::BadField, "documents are one, or not in order")?;
        Ok(Box::new(pair))
    }

    fn to_proto(&self) -> proto::SignedPair {
        proto::SignedPair { one: self.one.bytes().clone(), other: self.other.bytes().clone() }
    }

    fn bytes(&self) -> [&[u8]; 2] {
        [self.one.bytes(), self.other.bytes()]
    }

    fn try_each(&self, check: impl Fn(Signed<T>) -> Result<()>) -> Result<()> {
        check(self.one.clone())?;
        check(self.other.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        crypto,
        identity::{
            OperationalKey,
            fixture::{DAY, TestAgency, TestFederation, key, now, user},
        },
        time::Timestamp,
    };

    const REVOCATION: u8 = 60;

    fn stage() -> TestAgency {
        let [_, b, _] = TestFederation::new().agencies;
        b
    }

    fn described(agency: &TestAgency, version: u64, change: impl FnOnce(&mut AgencyDescriptor)) -> Bytes {
        let mut descriptor = agency.describe(version, now());
        change(&mut descriptor);
        crypto::sign(descriptor, &[&agency.root]).bytes().clone()
    }

    fn moved(agency: &TestAgency, version: u64) -> Bytes {
        described(agency, version, |d| d.endpoints = vec!["https://elsewhere.example".into()])
    }

    /// A descriptor that lists the revocation key after a change of it.
    fn listing(agency: &TestAgency, purpose: KeyPurpose, until: Timestamp) -> Descriptor {
        let key = key(REVOCATION).verify_key();
        let listed = OperationalKey::new(purpose, key.as_bytes(), now().minus(DAY), until);
        let mut descriptor = agency.describe(1, now().minus(DAY));
        descriptor.keys.push(listed);
        Descriptor::verify(&descriptor.sign(&agency.root).unwrap(), &agency.listed()).unwrap()
    }

    fn lists(agency: &TestAgency) -> [RevocationList; 3] {
        let first = RevocationList::first(agency.id.clone(), now());
        let revoking = |name| [(user(name), None, 7)];
        let two = first.next(now(), &revoking("anna@b.example"));
        let rival = first.next(now(), &revoking("bert@b.example"));
        let three = rival.next(now(), &[]);
        [two, rival, three]
    }

    fn list(list: &RevocationList) -> Bytes {
        crypto::sign(list.clone(), &[&key(REVOCATION)]).bytes().clone()
    }

    fn code<T>(result: Result<T>) -> Option<Code> {
        result.err().map(|error| error.code())
    }

    /// SPEC V-314: what it convicts of, and that it travels.
    #[test]
    fn what_convicts_an_agency() {
        let b = stage();
        let good = listing(&b, KeyPurpose::Revocation, now().plus(DAY));
        let dropped = described(&b, 2, |d| {
            d.keys[0] = OperationalKey::new(
                KeyPurpose::Certificate,
                b.certificate.verify_key().as_bytes(),
                now(),
                now().plus(DAY),
            )
        });
        let [two, rival, three] = lists(&b).map(|one| list(&one));
        let plain = described(&b, 1, |_| {});
        for (evidence, code) in [
            (Contradiction::of_descriptors(&plain, &moved(&b, 1)), Code::Equivocation),
            (Contradiction::of_descriptors(&dropped, &plain), Code::Equivocation),
            (Contradiction::of_lists(&two, &rival), Code::Equivocation),
            (Contradiction::of_lists(&two, &three), Code::Unrevoked),
            (Contradiction::of_lists(&three, &two), Code::Unrevoked),
        ] {
            let evidence = evidence.unwrap();
            let read = Contradiction::from_bytes(&evidence.to_bytes()).unwrap();
            assert_eq!((&read, read.agency(), read.code()), (&evidence, &b.id, code));
            read.verify(&b.listed(), core::slice::from_ref(&good)).unwrap();
        }
        let both = Contradiction::of_lists(&two, &rival).unwrap();
        assert!(both.documents().contains(&two.as_ref()) && both.documents().contains(&rival.as_ref()));
        let both = Contradiction::of_descriptors(&plain, &moved(&b, 1)).unwrap();
        assert!(both.documents().contains(&plain.as_ref()));
    }

    /// SPEC V-314
    #[test]
    fn what_convicts_nobody() {
        let b = stage();
        let bad = |one: &Bytes, other: &Bytes| code(Contradiction::of_descriptors(one, other));
        let plain = described(&b, 1, |_| {});
        // One and the same; one after the other; under another root key.
        assert_eq!(bad(&plain, &plain), Some(Code::BadField));
        assert_eq!(bad(&plain, &moved(&b, 2)), Some(Code::BadField));
        let other = TestAgency { root: key(61), ..stage() };
        assert_eq!(bad(&plain, &moved(&other, 1)), Some(Code::BadField));
        let other = TestAgency { id: crate::identity::fixture::agency("c.example"), ..stage() };
        assert_eq!(bad(&plain, &moved(&other, 1)), Some(Code::BadField));
        let [two, rival, three] = lists(&b).map(|one| list(&one));
        let bad = |one: &Bytes, other: &Bytes| code(Contradiction::of_lists(one, other));
        assert_eq!(bad(&two, &two), Some(Code::BadField));
        assert_eq!(bad(&rival, &three), Some(Code::BadField));
        // One after the other, whichever revokes more: it is the later one that has to follow.
        let more = RevocationList::first(b.id.clone(), now());
        let more = more.next(now(), &[(user("anna@b.example"), None, 7)]);
        let most = more.next(now(), &[(user("bert@b.example"), None, 7)]);
        assert_eq!(bad(&list(&more), &list(&most)), Some(Code::BadField));
        // Each of another agency.
        let theirs = RevocationList::first(crate::identity::fixture::agency("c.example"), now());
        let ours = RevocationList::first(b.id.clone(), now().minus(DAY));
        assert_eq!(bad(&list(&ours), &list(&theirs)), Some(Code::BadField));

        let pair = |one: &Bytes, other: &Bytes| {
            let pair = proto::SignedPair { one: one.clone(), other: other.clone() };
            let documents = Some(proto::contradiction::Documents::Descriptors(pair));
            code(Contradiction::parse(proto::Contradiction { documents }))
        };
        let (mut one, mut other) = (plain.clone(), moved(&b, 1));
        let body = |bytes: &Bytes| Signed::<AgencyDescriptor>::decode(bytes).unwrap().body().clone();
        if body(&one) > body(&other) {
            core::mem::swap(&mut one, &mut other);
        }
        assert_eq!(pair(&one, &other), None);
        assert_eq!(pair(&other, &one), Some(Code::BadField));
        assert_eq!(pair(&one, &one), Some(Code::BadField));
        assert_eq!(pair(&one, &Bytes::new()), Some(Code::BadField));
        assert_eq!(
            code(Contradiction::parse(proto::Contradiction { documents: None })),
            Some(Code::BadField)
        );
        assert!(Contradiction::from_bytes(b"").is_err());
    }

    /// SPEC V-314: each that the agency has not signed.
    #[test]
    fn what_others_have_signed() {
        let b = stage();
        let good = listing(&b, KeyPurpose::Revocation, now().plus(DAY));
        let forged = TestAgency { root: key(61), ..stage() };
        let descriptors = Contradiction::of_descriptors(&moved(&forged, 1), &described(&forged, 1, |_| {}));
        let descriptors = descriptors.unwrap();
        assert_eq!(code(descriptors.verify(&b.listed(), &[])), Some(Code::BadSignature));
        let [a, ..] = TestFederation::new().agencies;
        assert_eq!(code(descriptors.verify(&a.listed(), &[])), Some(Code::CertificateMismatch));

        let [two, rival, _] = lists(&b);
        let evidence = Contradiction::of_lists(&list(&two), &list(&rival)).unwrap();
        let verified =
            |descriptor: &Descriptor| code(evidence.verify(&b.listed(), core::slice::from_ref(descriptor)));
        assert_eq!(verified(&good), None);
        assert_eq!(code(evidence.verify(&b.listed(), &[])), Some(Code::MissingEvidence));
        let theirs = Descriptor::verify(&a.descriptor(), &a.listed()).unwrap();
        assert_eq!(verified(&theirs), Some(Code::MissingEvidence));
        let until = now().plus(DAY);
        assert_eq!(verified(&listing(&b, KeyPurpose::Server, until)), Some(Code::UnknownKey));
        assert_eq!(verified(&listing(&b, KeyPurpose::Revocation, now())), Some(Code::Expired));
        // It had ended when the lists were made.
        let mut ended = (*listing(&b, KeyPurpose::Revocation, until)).clone();
        (ended.issued_at, ended.expires_at) = (now().minus(2 * DAY), now());
        let ended = Descriptor::verify(&ended.sign(&b.root).unwrap(), &b.listed()).unwrap();
        assert_eq!(verified(&ended), Some(Code::MissingEvidence));
        // One of the two bears another signature than its own.
        let stolen = Signed::<RevocationList>::decode(&list(&two)).unwrap().signatures().to_vec();
        let body = wire::encode_body(&rival);
        let forged = Signed::assemble(rival, body, stolen).bytes().clone();
        let evidence = Contradiction::of_lists(&list(&two), &forged).unwrap();
        assert_eq!(code(evidence.verify(&b.listed(), &[good])), Some(Code::BadSignature));
    }
}
