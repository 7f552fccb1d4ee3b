//! Commits that race, and entries that a server puts together as it likes.

use super::{World, life::renaming};
use crate::{
    code::Code,
    crypto::{self, SigningKey},
    room::{
        Policy, Role,
        member::Plan,
        submission::{self, Parts},
    },
    wire::log::{Submission, SubmissionHeader, SubmissionKind},
};

/// SPEC V-461
#[test]
fn a_commit_counts_when_the_log_shows_it() {
    let mut world = World::of(Policy::default(), &["bert"]);
    let epoch = world.epoch("anna");
    let commit = renaming(&mut world, "anna", "Einsatz");
    // The hub has taken it, but its answer is only a hint.
    world.submit(&commit).unwrap();
    assert_eq!(world.epoch("anna"), epoch);
    assert!(world.room("anna", |room, _| room.has_commit()));
    world.deliver();
    assert_eq!(world.epoch("anna"), epoch + 1);
    assert!(!world.room("anna", |room, _| room.has_commit()));
}

/// SPEC V-462, V-463
#[test]
fn of_two_commits_the_later_is_refused_and_its_author_follows_the_first() {
    let policy = Policy { describe: Role::Member, invite: Role::Member.into(), ..Policy::default() };
    let mut world = World::of(policy, &["bert", "carl"]);
    let first = world.adding("anna", &["dora"]);
    let second = renaming(&mut world, "bert", "zu spät");
    world.submit(&first).unwrap();
    assert_eq!(world.submit(&second).unwrap_err().code(), Code::WrongEpoch);
    let entry = world.log.last().unwrap().entry.clone();
    world.join("dora", &entry).unwrap();
    world.deliver();

    // What the loser wanted is made anew, against the room as it is now.
    assert!(!world.room("bert", |room, _| room.has_commit()));
    let again = renaming(&mut world, "bert", "doch noch");
    world.done(&again);
    assert_eq!(world.side("dora").private.as_ref().unwrap().name, "doch noch");
}

#[test]
fn messages_and_proposals_for_a_passed_epoch() {
    let mut world = World::of(Policy::default(), &["bert", "carl"]);
    let message = world.saying("bert", "langsam");
    let proposal = world.leaving("carl", "carl");
    let commit = world.commit("anna", Plan { refresh: true, ..Plan::default() });
    world.done(&commit);
    world.refused(&message, Code::WrongEpoch);
    world.refused(&proposal, Code::WrongEpoch);
}

/// SPEC V-461: the own commit was accepted but the answer lost, and then comes a restart.
#[test]
fn the_own_commit_is_found_in_the_log_after_its_pending_state_was_given_up() {
    let mut world = World::of(Policy::default(), &["bert"]);
    let commit = world.adding("anna", &["carl"]);
    world.discard("anna");
    world.submit(&commit).unwrap();
    // It has no path, and so anybody can apply it, its author too.
    world.deliver();

    let commit = world.commit("anna", Plan { refresh: true, ..Plan::default() });
    world.discard("anna");
    // Nobody can decrypt a path of their own: this one cannot be followed any more.
    let entry = world.entry(&commit).1.entry;
    assert_eq!(world.process("anna", &entry).unwrap_err().code(), Code::Mls);
}

/// A pending commit is merged for the log's bytes, not for its submission id.
#[test]
fn another_commit_under_the_id_of_the_pending_one() {
    let policy = Policy { describe: Role::Member, ..Policy::default() };
    let mut world = World::of(policy, &["bert", "carl"]);
    let pending = world.removing("anna", &["carl"]);
    let epoch = world.epoch("anna");
    let other = renaming(&mut world, "bert", "Einsatz");

    // The hub forges the header: anna's submission, bert's commit.
    let mut header = pending.header.claimed().clone();
    header.mls_hash = submission::mls_hash(&other.mls);
    let forged = world.entry(&forge(header, &other)).1.entry;
    let refused = world.clone().process("anna", &forged).unwrap_err();
    assert_eq!(refused.code(), Code::BadSubmission);

    // Or bert lends himself to it.
    let mut header = other.header.claimed().clone();
    header.submission_id = pending.header.claimed().submission_id;
    let signed = crypto::sign(header, &[world.side("bert").device.new.key()]).into_signed();
    let lent = Submission { header: signed, ..other };
    let entry = world.entry(&lent).1.entry;
    world.process("anna", &entry).unwrap();
    assert_eq!(world.epoch("anna"), epoch + 1);
    assert!(world.hub().roster().unwrap().find(&world.id("carl")).is_some());
    assert_eq!(world.side("anna").changes.last().unwrap().committer, world.id("bert"));
    let roster = world.room("anna", |room, _| room.roster().unwrap());
    assert!(roster.find(&world.id("carl")).is_some(), "the pending removal was merged");
}

/// SPEC V-401
#[test]
fn a_logged_commit_or_proposal_under_a_header_that_its_sender_did_not_sign() {
    let mut world = World::of(Policy::default(), &["bert", "carl"]);
    let commit = renaming(&mut world, "anna", "Einsatz");
    let proposal = world.leaving("carl", "carl");
    for submission in [commit, proposal] {
        let mut header = submission.header.claimed().clone();
        header.counter += 1;
        let forged = world.entry(&forge(header, &submission)).1.entry;
        assert_eq!(world.clone().process("bert", &forged).unwrap_err().code(), Code::BadSignature);
    }
}

/// SPEC V-406
#[test]
fn somebody_elses_commit_or_proposal_submitted_as_the_own_one() {
    let mut world = World::of(Policy::default(), &["bert", "carl", "dora"]);
    let commit = renaming(&mut world, "anna", "Einsatz");
    let stolen = world.sign_mls("bert", SubmissionKind::Commit, commit.mls);
    world.refused(&stolen, Code::BadSubmission);
    let proposal = world.leaving("carl", "carl");
    let stolen = world.sign_mls("bert", SubmissionKind::Proposal, proposal.mls);
    world.refused(&stolen, Code::BadSubmission);
}

/// SPEC V-406: a server that puts a message under another header first does not destroy it.
#[test]
fn somebody_elses_message_submitted_as_the_own_one_is_its_authors() {
    let mut world = World::of(Policy::default(), &["bert", "carl"]);
    let message = world.saying("anna", "wichtig");
    let stolen = world.sign_mls("bert", SubmissionKind::Message, message.mls.clone());
    world.take(&stolen);
    world.take(&message);
    world.catch_up("carl").unwrap_err();
    assert_eq!(world.heard("carl"), [("anna", "wichtig")]);
}

/// SPEC V-407
#[test]
fn a_header_with_another_epoch_than_its_message() {
    let mut world = World::of(Policy::default(), &["bert"]);
    let message = world.encrypt("anna", "x");
    let parts = Parts { mls: message, ..Parts::default() };
    let epoch = world.epoch("anna") + 1;
    let wrong = world.sign("anna", epoch, SubmissionKind::Message, parts);
    let entry = world.entry(&wrong).1.entry;
    assert_eq!(world.process("bert", &entry).unwrap_err().code(), Code::BadSubmission);
}

/// SPEC V-467, V-471
#[test]
fn a_replay_within_the_epoch() {
    let mut world = World::of(Policy::default(), &["bert", "carl"]);
    let message = world.saying("anna", "einmal");
    world.done(&message);
    // By the author, by another member, by the hub: the key is used up.
    let again = world.sign_mls("anna", SubmissionKind::Message, message.mls.clone());
    let copied = world.sign_mls("carl", SubmissionKind::Message, message.mls.clone());
    for replayed in [message, again, copied] {
        let entry = world.entry(&replayed).1.entry;
        assert_eq!(world.clone().process("bert", &entry).unwrap_err().code(), Code::Mls);
    }
    assert_eq!(world.heard("bert"), [("anna", "einmal")]);
}

/// A store that goes back encrypts twice under one generation.
#[test]
fn two_messages_of_one_generation() {
    let mut world = World::of(Policy::default(), &["bert"]);
    let before = world.side("anna").store.clone();
    let first = world.saying("anna", "first");
    world.sides.get_mut("anna").unwrap().store = before;
    let second = world.saying("anna", "second");
    world.done(&first);
    let entry = world.entry(&second).1.entry;
    assert_eq!(world.process("bert", &entry).unwrap_err().code(), Code::Mls);
}

#[test]
fn the_own_message_cannot_be_read_and_need_not() {
    let mut world = World::of(Policy::default(), &["bert"]);
    world.say("anna", "x");
    assert!(world.heard("anna").is_empty());
    assert_eq!(world.heard("bert"), [("anna", "x")]);
}

#[test]
fn a_removed_member_reads_nothing_more() {
    let mut world = World::of(Policy::default(), &["bert", "carl"]);
    let epoch = world.epoch("bert");
    let commit = world.removing("anna", &["bert"]);
    world.submit(&commit).unwrap();
    let removal = world.log.last().unwrap().entry.clone();
    let before = world.side("bert").store.clone();
    world.deliver();
    assert!(!world.room("bert", |room, _| room.is_active()));
    let said = world.saying("anna", "ohne bert");
    world.done(&said);
    let entry = world.log.last().unwrap().entry.clone();
    assert_eq!(entry.header.claimed().epoch, epoch + 1);

    // Neither having processed its removal nor from the state before it.
    assert!(world.clone().process("bert", &entry).is_err());
    world.sides.get_mut("bert").unwrap().store = before;
    assert_eq!(world.clone().process("bert", &entry).unwrap_err().code(), Code::WrongEpoch);
    let sealed = world.raw("bert", |group, mls| {
        let message =
            crate::room::framing::protocol_message(&said.mls, &super::world::ROOM, SubmissionKind::Message);
        group.process_message(mls.provider, message.unwrap()).is_err()
    });
    assert!(sealed);
    world.process("bert", &removal).unwrap();
    assert_eq!(world.heard("carl"), [("anna", "ohne bert")]);
}

/// The bound on the work that a claimed generation can cause.
#[test]
fn a_message_too_far_ahead() {
    let mut world = World::of(Policy::default(), &["bert"]);
    let ahead = crate::limits::FORWARD_DISTANCE + 2;
    let last = world.room("anna", |room, mls| {
        (0..ahead).map(|_| room.encrypt(mls.provider, mls.signer, b"x").unwrap()).last().unwrap()
    });
    let submission = world.sign_mls("anna", SubmissionKind::Message, last);
    let entry = world.entry(&submission).1.entry;
    assert_eq!(world.process("bert", &entry).unwrap_err().code(), Code::Mls);
}

/// The submission under a header that whoever made it could not sign.
fn forge(header: SubmissionHeader, of: &Submission) -> Submission {
    let header = crypto::sign(header, &[&SigningKey::from_seed(&[0xbb; 32])]).into_signed();
    Submission { header, ..of.clone() }
}
