//! What the own server delivers.

use bytes::Bytes;

use super::Phone;
use crate::{
    client::{
        Event, Output, keys,
        rows::{self, MessageRow},
    },
    code::Code,
    crypto::{SigningKey, sign},
    ids::{AgencyId, Device, DeviceId, Hash, IncarnationId, MessageId, RoomId, SubmissionId, UserId},
    limits,
    room::{
        log::Tail,
        submission::{self, Parts, Place},
    },
    time::Timestamp,
    wire::{
        device::{Delivery, InboxBody, InboxItem, Invitation},
        log::{Head, Stamp, SubmissionKind},
    },
};

const ROOM: RoomId = RoomId::from_bytes([4; 16]);

fn delivery(inbox: Vec<InboxItem>, more: bool) -> Delivery {
    let (rooms, descriptors, revocations) = (Vec::new(), Vec::new(), Vec::new());
    let (chain, records) = (Vec::new(), Vec::new());
    Delivery {
        rooms,
        inbox,
        trust_list: None,
        descriptors,
        revocations,
        chain,
        records,
        more,
        astray: Vec::new(),
    }
}

fn sends(outputs: &[Output]) -> usize {
    outputs.iter().filter(|output| matches!(output, Output::Send { .. })).count()
}

/// An invitation whose entry is none.
fn nonsense() -> Invitation {
    invitation(Bytes::from_static(b"no entry"))
}

fn invitation(entry: Bytes) -> Invitation {
    let hash = Hash::from_bytes([1; 32]);
    let incarnation = IncarnationId::from_bytes([0; 16]);
    let head = Head { room: ROOM, term: 1, seq: 1, hash, at: Timestamp::from_millis(1), incarnation };
    Invitation {
        hub: AgencyId::parse("police.sued.example").unwrap(),
        entry,
        head: sign(head, &[&SigningKey::from_seed(&[2; 32])]).into_signed(),
        welcome: Some(Bytes::from_static(b"no welcome")),
    }
}

#[test]
fn an_invitation_that_cannot_be_read_keeps_nothing_waiting() {
    let mut phone = Phone::new(20);
    let bad = InboxItem { number: 1, mark: 7, body: InboxBody::Invitation(Box::new(nonsense())) };
    let good = InboxItem { number: 2, mark: 7, body: InboxBody::StockLow(0) };
    phone.call(|call| call.delivery(delivery(vec![bad, good], false)));
    assert_eq!(
        phone.rows(&keys::inbox()),
        [(keys::inbox(), [2_u64.to_be_bytes(), 7_u64.to_be_bytes()].concat())]
    );
    assert!(phone.rows(&keys::invitations()).is_empty());
    assert!(!phone.rows(&keys::publishing()).is_empty());
}

/// An invitation into a room of which nothing else is known.
fn into_some_room() -> Invitation {
    let stamp = Stamp { at: Timestamp::from_millis(1), trust_version: 1, revocations: Vec::new() };
    let place = Place {
        room: ROOM,
        term: 1,
        epoch: 1,
        sender: Device {
            user: UserId::parse("ben@police.sued.example").unwrap(),
            id: DeviceId::from_bytes([1; 16]),
        },
        counter: 1,
        id: SubmissionId::from_bytes([1; 16]),
    };
    let group_info = Some(Bytes::from_static(b"a group info"));
    let parts = Parts { mls: Bytes::from_static(b"a commit"), group_info, ..Parts::default() };
    let commit = submission::sign(place, SubmissionKind::Commit, parts, &SigningKey::from_seed(&[3; 32]));
    let tail = Tail { seq: 4, hash: Some(Hash::from_bytes([5; 32])), ..Tail::begin(ROOM, 1) };
    invitation(tail.append(&commit, stamp).unwrap().1.bytes)
}

#[test]
fn so_many_invitations_are_taken_up_at_one_time() {
    let mut phone = Phone::new(23);
    let items = |from: usize, to: usize| {
        let item =
            |number| InboxItem { number, mark: 7, body: InboxBody::Invitation(Box::new(into_some_room())) };
        (from as u64..=to as u64).map(item).collect()
    };
    phone.call(|call| call.delivery(delivery(items(1, limits::INVITATIONS), false)));
    assert_eq!(phone.rows(&keys::invitations()).len(), limits::INVITATIONS);
    assert!(phone.rows(&keys::events()).is_empty());
    phone
        .call(|call| call.delivery(delivery(items(limits::INVITATIONS + 1, limits::INVITATIONS + 2), false)));
    assert_eq!(phone.rows(&keys::invitations()).len(), limits::INVITATIONS);
    let events = phone.client.events(&phone.store, 0, 10).unwrap();
    let failed = Event::InvitationFailed { room: ROOM, code: Code::Quota };
    assert_eq!(events.into_iter().map(|(_, event)| event).collect::<Vec<_>>(), [failed.clone(), failed]);
}

/// SPEC V-549
#[test]
fn an_inbox_number_that_is_too_far_ahead_blocks_nothing() {
    let mut phone = Phone::new(24);
    let item = |number| InboxItem { number, mark: 7, body: InboxBody::StockLow(0) };
    let most = limits::DEVICE_INBOX as u64;
    for far in [u64::MAX, most + 1, 0] {
        assert_eq!(sends(&phone.call(|call| call.delivery(delivery(vec![item(far)], true)))), 0);
    }
    assert!(phone.rows(&keys::inbox()).is_empty() && phone.rows(&keys::publishing()).is_empty());
    phone.call(|call| call.delivery(delivery(vec![item(most)], false)));
    phone.call(|call| call.delivery(delivery(vec![item(u64::MAX)], false)));
    assert_eq!(
        phone.rows(&keys::inbox()),
        [(keys::inbox(), [most.to_be_bytes(), 7_u64.to_be_bytes()].concat())]
    );
    assert!(!phone.rows(&keys::publishing()).is_empty());
}

#[test]
fn more_without_anything_new_is_not_asked_for_at_once() {
    let mut phone = Phone::new(21);
    assert_eq!(sends(&phone.call(|call| call.delivery(delivery(Vec::new(), true)))), 0);
    let news = || vec![InboxItem { number: 1, mark: 7, body: InboxBody::StockLow(99) }];
    assert_eq!(sends(&phone.call(|call| call.delivery(delivery(news(), true)))), 1);
    assert_eq!(sends(&phone.call(|call| call.delivery(delivery(news(), true)))), 0);
}

#[test]
fn messages_that_are_long_past_are_forgotten() {
    let mut phone = Phone::new(22);
    let last = limits::MESSAGES_KNOWN + 2_000;
    phone.call(|call| {
        for seq in 1..=last {
            let mut id = [0; 32];
            // Spread over all ids.
            id[..8].copy_from_slice(&seq.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
            let row = MessageRow { seq, ..MessageRow::default() };
            rows::write(&mut call.draft, keys::message(&ROOM, &MessageId::from_bytes(id)), &row);
        }
        Ok(())
    });
    let known = |phone: &Phone| phone.rows(&keys::messages(&ROOM)).len() as u64;
    phone.call(|call| call.forget_messages(&ROOM, last - 1, last));
    assert_eq!(known(&phone), last);
    // One part of sixteen, and at last each of them.
    phone.call(|call| call.forget_messages(&ROOM, last - 1_024, last));
    assert!((last - 2_000..last).contains(&known(&phone)));
    assert!(phone.read < usize::try_from(last).unwrap(), "bytes of few rows");
    phone.call(|call| call.forget_messages(&ROOM, 0, last * 16));
    assert_eq!(known(&phone), 0);
}

#[test]
fn rows_go_when_nothing_needs_them() {
    let mut phone = Phone::new(23);
    let last = 100_000;
    let standing = |seq| MessageRow { seq, kind: 1, at: 5, ..MessageRow::default() };
    let about_others = |seq| MessageRow { seq, ..MessageRow::default() };
    let kept = [
        standing(last - limits::MESSAGES_INDEXED),
        about_others(last - limits::MESSAGES_KNOWN),
        MessageRow { due: 9, ..standing(1) },
        MessageRow { due: 9, ..about_others(1) },
    ];
    let gone =
        [standing(last - limits::MESSAGES_INDEXED - 1), about_others(last - limits::MESSAGES_KNOWN - 1)];
    phone.call(|call| {
        for (n, row) in (0..).zip(kept.iter().chain(&gone)) {
            let id = MessageId::from_bytes([n * 40; 32]);
            rows::write(&mut call.draft, keys::message(&ROOM, &id), row);
        }
        call.forget_messages(&ROOM, 0, last)
    });
    let rows = phone.rows(&keys::messages(&ROOM));
    let rows: Vec<MessageRow> = rows.iter().map(|(_, row)| rows::parse(row, "message").unwrap()).collect();
    assert_eq!(rows, kept);
}
