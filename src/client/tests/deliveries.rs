//! What the own server delivers.

use bytes::Bytes;

use super::Phone;
use crate::{
    client::{Output, keys},
    crypto::{SigningKey, sign},
    ids::{AgencyId, Hash, IncarnationId, MessageId, RoomId},
    limits,
    time::Timestamp,
    wire::{
        device::{Delivery, InboxBody, InboxItem, Invitation},
        log::Head,
    },
};

const ROOM: RoomId = RoomId::from_bytes([4; 16]);

fn delivery(inbox: Vec<InboxItem>, more: bool) -> Delivery {
    Delivery { rooms: Vec::new(), inbox, trust_list: None, descriptors: Vec::new(), more }
}

fn sends(outputs: &[Output]) -> usize {
    outputs.iter().filter(|output| matches!(output, Output::Send { .. })).count()
}

/// An invitation whose entry is none.
fn nonsense() -> Invitation {
    let hash = Hash::from_bytes([1; 32]);
    let incarnation = IncarnationId::from_bytes([0; 16]);
    let head = Head { room: ROOM, term: 1, seq: 1, hash, at: Timestamp::from_millis(1), incarnation };
    Invitation {
        hub: AgencyId::parse("police.sued.example").unwrap(),
        entry: Bytes::from_static(b"no entry"),
        head: sign(head, &[&SigningKey::from_seed(&[2; 32])]).into_signed(),
        welcome: Bytes::from_static(b"no welcome"),
    }
}

#[test]
fn an_invitation_that_cannot_be_read_keeps_nothing_waiting() {
    let mut phone = Phone::new(20);
    let bad = InboxItem { number: 1, body: InboxBody::Invitation(Box::new(nonsense())) };
    let good = InboxItem { number: 2, body: InboxBody::StockLow(0) };
    phone.call(|call| call.delivery(delivery(vec![bad, good], false)));
    assert_eq!(phone.rows(&keys::inbox()), [(keys::inbox(), 2_u64.to_be_bytes().to_vec())]);
    assert!(phone.rows(&keys::invitations()).is_empty());
    assert!(!phone.rows(&keys::publishing()).is_empty());
}

#[test]
fn more_without_anything_new_is_not_asked_for_at_once() {
    let mut phone = Phone::new(21);
    assert_eq!(sends(&phone.call(|call| call.delivery(delivery(Vec::new(), true)))), 0);
    let news = || vec![InboxItem { number: 1, body: InboxBody::StockLow(99) }];
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
            id[..8].copy_from_slice(&seq.reverse_bits().to_be_bytes());
            call.draft.put(keys::message(&ROOM, &MessageId::from_bytes(id)), seq.to_be_bytes().to_vec());
        }
        Ok(())
    });
    let known = |phone: &Phone| phone.rows(&keys::messages(&ROOM)).len() as u64;
    phone.call(|call| call.forget_messages(&ROOM, last - 1, last));
    assert_eq!(known(&phone), last);
    phone.call(|call| call.forget_messages(&ROOM, last - 1_024, last));
    assert_eq!(known(&phone), limits::MESSAGES_KNOWN);
    assert!(phone.rows(&keys::messages(&ROOM)).iter().all(|(_, seq)| **seq > 2_000_u64.to_be_bytes()[..]));
}
