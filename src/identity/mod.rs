//! Who is who: the federation's trust list, agencies' descriptors, users' chains, devices'
//! certificates (SPEC chapter "Identity").
//!
//! Trust runs in one line. An app ships with a [`Federation`], the anchor; it bears out the
//! first [`TrustList`] and each list the next; a list gives every agency's root key, which
//! signs the agency's [`Descriptor`]; its certificate key countersigns [`UserChain`]s and signs
//! device certificates. What was checked is a type that nothing else makes.
//!
//! The tools of a federation and its agencies work as follows. Every signing key stands on
//! a machine of its own; bytes go between them.
//!
//! ```
//! use core::time::Duration;
//! use rand_core::SeedableRng;
//! use verbund::{
//!     identity::{
//!         Agency, AgencyDescriptor, AgencyStatus, EnrolmentRequest, Federation, KeyPurpose, NewDevice,
//!         OperationalKey, RecoveryKey, Registrar, RootKey, Roster, SigningKey, UserKind,
//!     },
//!     ids::{AgencyId, UserId},
//!     store::{Ctx, MemoryStore},
//!     time::Timestamp,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Real machines take the generator of their operating system.
//! let mut rng = chacha20::ChaCha20Rng::from_seed([7; 32]);
//! let now = Timestamp::from_millis(1_800_000_000_000);
//! let day = Duration::from_secs(86_400);
//!
//! // The federation: three holders of root keys, of whom two have to sign.
//! let holders = [(); 3].map(|()| SigningKey::generate(&mut rng));
//! let roots: Vec<_> = ["Bund", "Hessen", "Bayern"]
//!     .iter()
//!     .zip(&holders)
//!     .map(|(name, key)| RootKey::new(*name, &key.verify_key()))
//!     .collect();
//! let federation = Federation::new("police.example", roots, 2)?;
//!
//! // An agency's root key stays in a safe, its certificate key with the registrar.
//! let agency = AgencyId::parse("police.hessen.example")?;
//! let [root_key, certificate_key, server_key] = [(); 3].map(|()| SigningKey::generate(&mut rng));
//!
//! // The trust list: two holders sign the same roster, each after reading it.
//! let roster = Roster {
//!     federation: federation.name().into(),
//!     version: 1,
//!     issued_at: now.minus(day),
//!     expires_at: now.plus(365 * day),
//!     roots: federation.roots().to_vec(),
//!     threshold: federation.threshold(),
//!     agencies: vec![Agency::new(agency.clone(), AgencyStatus::Active, &root_key.verify_key())],
//! };
//! let first_share = roster.sign(&holders[0])?;
//! let second_share = Roster::read(&first_share)?.sign(&holders[2])?;
//! let trust_list = Roster::join(&[first_share, second_share])?;
//!
//! // The agency's descriptor names its operational keys, each with one purpose.
//! let key = |purpose, key: &SigningKey| {
//!     OperationalKey::new(purpose, key.verify_key().as_bytes(), now.minus(day), now.plus(500 * day))
//! };
//! let descriptor = AgencyDescriptor {
//!     agency: agency.clone(),
//!     version: 1,
//!     issued_at: now.minus(day),
//!     expires_at: now.plus(29 * day),
//!     keys: vec![key(KeyPurpose::Certificate, &certificate_key), key(KeyPurpose::Server, &server_key)],
//!     endpoints: vec!["https://chat.police.hessen.example".into()],
//!     versions: vec![1],
//!     suites: vec![3],
//! }
//! .sign(&root_key)?;
//!
//! // The registrar learns all of this; its store keeps what it has countersigned.
//! let registrar = Registrar::new(agency, certificate_key);
//! let mut store = MemoryStore::default();
//! macro_rules! ctx { () => { Ctx { now, store: &store, rng: &mut rng } } }
//! registrar.install(ctx!(), &federation)?.commit(&mut store)?;
//! registrar.accept_trust_list(ctx!(), &trust_list)?.commit(&mut store)?;
//! registrar.accept_descriptor(ctx!(), &descriptor)?.commit(&mut store)?;
//!
//! // Anna's first device begins her chain. Her recovery key goes on paper.
//! let anna = UserId::parse("anna@police.hessen.example")?;
//! let phone = NewDevice::generate(anna.clone(), &mut rng);
//! let paper = SigningKey::generate(&mut rng);
//! let request = phone.found(UserKind::Person, vec![RecoveryKey::own(&paper.verify_key())], now)?;
//! assert_eq!(EnrolmentRequest::from_bytes(&request)?.user(), &anna); // and the clerk sees her badge
//! let enrolled = registrar.enrol(ctx!(), &request, 365 * day)?.commit(&mut store)?.value;
//! let (device, chain) = enrolled.enrolment.verify(&federation, now)?;
//! assert_eq!(device.device(), phone.device());
//!
//! // Her second device shows an offer; the first one reads it off the screen and endorses it.
//! let tablet = NewDevice::generate(anna, &mut rng);
//! let request = chain.endorse(&tablet.offer(now), phone.key(), now)?;
//! let enrolled = registrar.enrol(ctx!(), &request, 365 * day)?.commit(&mut store)?.value;
//! let (device, chain) = enrolled.enrolment.verify(&federation, now)?;
//! assert_eq!((device.device(), device.chain_n()), (tablet.device(), 1));
//! assert_eq!((device.identity(), chain.len()), (chain.identity(), 2));
//!
//! // The tablet is stolen. The phone removes it; the agency countersigns, and revokes its certificates.
//! let request = chain.remove(&tablet.device().id, phone.key(), now)?;
//! let changed = registrar.change(ctx!(), &request)?.commit(&mut store)?.value;
//! assert_eq!(changed.revoked, Some((chain.user().clone(), Some(tablet.device().id), 2)));
//!
//! // The phone falls into a river. With the paper, Anna is herself on a new one.
//! let record = registrar.record(ctx!(), chain.user())?;
//! let chain = record.verify(&federation, chain.user(), now)?;
//! let spare = NewDevice::generate(chain.user().clone(), &mut rng);
//! let request = chain.endorse(&spare.offer(now), &paper, now)?;
//! let enrolled = registrar.enrol(ctx!(), &request, 365 * day)?.commit(&mut store)?.value;
//! assert_eq!((enrolled.device.identity(), enrolled.device.chain_n()), (chain.identity(), 3));
//! # Ok(())
//! # }
//! ```

mod certificate;
mod chain;
mod contradiction;
mod descriptor;
mod directory;
mod enrolment;
mod federation;
#[cfg(test)]
pub(crate) mod fixture;
mod linking;
mod list_change;
mod operational_key;
mod revocation;
mod roster;
mod safety;
#[cfg(test)]
mod tests;
mod trust_list;

pub use certificate::VerifiedDevice;
pub(crate) use certificate::{DeviceCertificate, read_certificate, read_signed_certificate};
pub(crate) use chain::ChainLink;
pub use chain::{ChainFork, Endorsement, Endorser, RecoveryKey, UserChain, UserKind};
pub use contradiction::Contradiction;
pub use descriptor::{AgencyDescriptor, Descriptor};
pub(crate) use directory::{Directory, NewLinks, Told, View};
pub(crate) use enrolment::DeviceOffer;
pub use enrolment::{
    ChainChange, Changed, Enrolled, Enrolment, EnrolmentRequest, NewDevice, Registrar, Reset, UserRecord,
};
pub use federation::{Federation, RootKey};
pub use linking::{Asking, Candidate, LinkCode, LinkDigits, Newcomer, Sponsor};
pub(crate) use linking::{HandedHistory, Handover, LinkReply, LinkRequest};
pub use list_change::AgencyChange;
pub use operational_key::{KeyPurpose, OperationalKey};
pub use revocation::{Revocation, RevocationList};
pub use roster::{Agency, AgencyStatus, Roster};
pub use safety::SafetyNumber;
pub use trust_list::TrustList;

pub use crate::crypto::{HpkePrivateKey, HpkePublicKey, SigningKey, VerifyKey};
