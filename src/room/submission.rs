//! What a device submits to a room's hub, signed by itself: a server on the way can neither
//! exchange the tags that MLS does not sign nor say that somebody else sent it (SPEC "Submissions").

use bytes::Bytes;

use super::roster::Leaf;
use crate::{
    code::Code,
    crypto::{self, Label, SigningKey, VerifyKey, hash},
    error::{Error, Result, ensure},
    identity::VerifiedDevice,
    ids::{Device, Hash, RoomId, SubmissionId},
    wire::{
        Signed,
        log::{Evidence, Submission, SubmissionHeader, SubmissionKind},
    },
};

/// Where and by whom something is submitted.
pub(crate) struct Place {
    pub(crate) room: RoomId,
    pub(crate) term: u64,
    pub(crate) epoch: u64,
    pub(crate) sender: Device,
    pub(crate) counter: u64,
    pub(crate) id: SubmissionId,
}

/// What is submitted.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) mls: Bytes,
    pub(crate) group_info: Option<Bytes>,
    pub(crate) welcome: Option<Bytes>,
    pub(crate) ratchet_tree: Option<Bytes>,
    pub(crate) evidence: Vec<Evidence>,
}

/// Signs a submission.
pub(crate) fn sign(place: Place, kind: SubmissionKind, parts: Parts, key: &SigningKey) -> Submission {
    let header = SubmissionHeader {
        room: place.room,
        term: place.term,
        epoch: place.epoch,
        submission_id: place.id,
        counter: place.counter,
        sender: place.sender,
        kind,
        mls_hash: mls_hash(&parts.mls),
        group_info_hash: optional(Label::LOG_ITEM_GROUP_INFO, &parts.group_info),
        welcome_hash: optional(Label::LOG_ITEM_WELCOME, &parts.welcome),
    };
    Submission {
        header: crypto::sign(header, &[key]).into_signed(),
        mls: parts.mls,
        group_info: parts.group_info,
        welcome: parts.welcome,
        ratchet_tree: parts.ratchet_tree,
        evidence: parts.evidence,
    }
}

/// Checks the device's signature and that the parts are those that it signs (V-401, V-402).
/// The ratchet tree is bound by the GroupInfo, evidence by its own signatures.
///
/// # Errors
/// [`Code::BadSignature`], [`Code::BadSubmission`].
pub(crate) fn verify(submission: &Submission, key: &VerifyKey) -> Result<()> {
    crypto::verify(submission.header.clone(), key)?;
    let header = submission.header.claimed();
    let same = header.mls_hash == mls_hash(&submission.mls)
        && header.group_info_hash == optional(Label::LOG_ITEM_GROUP_INFO, &submission.group_info)
        && header.welcome_hash == optional(Label::LOG_ITEM_WELCOME, &submission.welcome);
    ensure(same, Code::BadSubmission, "parts")
}

/// The same for a commit from outside, by the key of the leaf that it brings (V-401, V-406).
///
/// # Errors
/// As [`verify`].
pub(crate) fn verify_newcomer(submission: &Submission, newcomer: &VerifiedDevice) -> Result<()> {
    let same = submission.header.claimed().sender == *newcomer.device();
    ensure(same, Code::BadSubmission, "another device's commit")?;
    verify(submission, newcomer.key())
}

/// Checks a submission as it stands in the log, where only the MLS message is left.
pub(crate) fn check_logged(header: &Signed<SubmissionHeader>, mls: &Bytes) -> Result<()> {
    ensure(header.claimed().mls_hash == mls_hash(mls), Code::BadSubmission, "logged message")
}

/// Checks that the header of a logged commit or proposal is signed by the leaf that MLS says has
/// sent it (V-401, V-406): else a server could put it under another header, and with it under
/// the id of a submission that somebody waits for.
pub(super) fn check_author(header: &Signed<SubmissionHeader>, leaf: Option<&Leaf>) -> Result<()> {
    let leaf = leaf.ok_or(Error::new(Code::Bug, "sender's leaf"))?;
    check_by(header, &leaf.claims.device, &VerifyKey::parse(&leaf.key)?)
}

/// The same for a commit from outside, whose sender's leaf it brings itself.
pub(super) fn check_newcomer(header: &Signed<SubmissionHeader>, newcomer: &VerifiedDevice) -> Result<()> {
    check_by(header, newcomer.device(), newcomer.key())
}

fn check_by(header: &Signed<SubmissionHeader>, device: &Device, key: &VerifyKey) -> Result<()> {
    ensure(header.claimed().sender == *device, Code::BadSubmission, "another device's message")?;
    crypto::verify(header.clone(), key).map(drop)
}

/// The hash by which a submission and the log name an MLS message.
pub(crate) fn mls_hash(mls: &[u8]) -> Hash {
    hash(Label::LOG_ITEM_MLS, &[mls])
}

/// The hash by which a submission names a Welcome.
pub(crate) fn welcome_hash(welcome: &[u8]) -> Hash {
    hash(Label::LOG_ITEM_WELCOME, &[welcome])
}

fn optional(label: Label, part: &Option<Bytes>) -> Option<Hash> {
    part.as_ref().map(|part| hash(label, &[part]))
}
