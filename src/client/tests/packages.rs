//! Private keys of key packages.

use super::{DAY, Phone};
use crate::{
    client::{
        keys,
        rows::{self, PublishRow},
    },
    ids::{RequestId, RoomId},
    limits,
};

impl Phone {
    /// The server's answer to what is offered; how much was.
    fn answer(&mut self, taken: bool) -> bool {
        let Some(row) = self.store_row() else { return false };
        let request = RequestId::from_slice(&row.request_id).unwrap();
        self.call(|call| call.published(&request, taken));
        true
    }

    fn store_row(&self) -> Option<PublishRow> {
        let row = self.rows(&keys::publishing()).pop()?.1;
        Some(rows::parse(&row, "key packages").unwrap())
    }

    fn held(&self) -> usize {
        self.rows(&keys::device_mls()).len()
    }
}

#[test]
fn a_server_that_always_wants_more_key_packages_does_not_fill_the_store() {
    let mut phone = Phone::new(1);
    phone.call(|call| call.offer_first_packages());
    assert_eq!(phone.held(), 21);
    let mut rounds = 0;
    while phone.answer(true) {
        phone.call(|call| call.restock(0));
        rounds += 1;
        assert!(rounds < 100);
    }
    assert!(phone.held() < limits::KEY_PACKAGES_HELD + 20, "{}", phone.held());
}

#[test]
fn private_keys_of_expired_key_packages_are_forgotten() {
    let mut phone = Phone::new(2);
    phone.call(|call| call.offer_first_packages());
    phone.answer(true);
    let first: Vec<_> = phone.rows(&keys::device_mls()).into_iter().map(|(key, _)| key).collect();
    let there = |phone: &Phone| {
        let now = phone.rows(&keys::device_mls());
        first.iter().filter(|key| now.iter().any(|(there, _)| there == *key)).count()
    };
    for day in 1..=130 {
        phone.now = phone.now.plus(DAY);
        phone.call(|call| call.remind(false));
        phone.answer(true);
        let expected = if day < 120 { 21 } else { 0 };
        assert_eq!(there(&phone), expected, "day {day}");
    }
    // Last resorts of day 60 and 120.
    assert_eq!((phone.held(), phone.rows(&keys::expiring_packages()).len()), (2, 2));
}

#[test]
fn a_last_resort_that_the_server_did_not_take_is_offered_again_a_day_later() {
    let mut phone = Phone::new(3);
    phone.call(|call| call.offer_first_packages());
    phone.answer(false);
    phone.call(|call| call.remind(false));
    assert!(phone.store_row().is_none());
    phone.now = phone.now.plus(DAY);
    phone.call(|call| call.remind(false));
    assert!(phone.store_row().is_some_and(|row| row.last_resort));
    phone.answer(true);
    phone.now = phone.now.plus(DAY);
    phone.call(|call| call.remind(false));
    assert!(phone.store_row().is_none());
}

#[test]
fn the_place_of_a_departure_is_known_as_long_as_older_invitations_can_be_opened() {
    let mut phone = Phone::new(5);
    let room = RoomId::from_bytes([3; 16]);
    phone.call(|call| {
        let row = rows::DepartedRow { seq: 9, at: call.now().as_millis() };
        rows::write(&mut call.draft, keys::departed(&room), &row);
        Ok(())
    });
    for day in 1..=120 {
        phone.call(|call| {
            assert!(call.is_past(&room, 9)? && !call.is_past(&room, 10)?, "{day}");
            Ok(())
        });
        phone.now = phone.now.plus(DAY);
        phone.call(|call| call.sweep());
    }
    assert!(phone.rows(&keys::departures()).is_empty());
}

#[test]
fn what_is_kept_for_a_while_is_forgotten_however_much_it_is() {
    let mut phone = Phone::new(4);
    phone.call(|call| {
        for _ in 0..2_000 {
            let request = call.random_id();
            let at = call.now().as_millis();
            let row = rows::ReceiptRow { at, ..Default::default() };
            rows::write(&mut call.draft, keys::receipt(&request), &row);
        }
        Ok(())
    });
    phone.now = phone.now.plus(limits::RECEIPT_KEPT - DAY);
    for _ in 0..10 {
        phone.call(|call| call.sweep());
    }
    assert_eq!(phone.rows(&keys::receipts()).len(), 2_000);
    phone.now = phone.now.plus(DAY);
    for part in 1..=4 {
        phone.call(|call| call.sweep());
        assert_eq!(phone.rows(&keys::receipts()).len(), 2_000_usize.saturating_sub(part * 512));
    }
    // Then not before the next day.
    phone.call(|call| call.sweep());
    assert!(phone.read < 500, "{}", phone.read);
}
