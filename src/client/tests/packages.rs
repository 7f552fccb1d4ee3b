//! Private keys of key packages.

use super::{DAY, Phone};
use crate::{
    client::{
        departure::Arrival,
        keys,
        rows::{self, PublishRow},
    },
    code::Code,
    error::Result,
    ids::{RequestId, RoomId},
    limits,
    room::log::Tail,
    time::Timestamp,
    wire::log::Stamp,
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
        let row = rows::DepartedRow { seq: 9, at: call.now().as_millis(), ..Default::default() };
        rows::write(&mut call.draft, keys::departed(&room), &row);
        Ok(())
    });
    let at = |seq| Tail { seq, ..Tail::begin(room, 1) };
    for day in 1..=120 {
        phone.call(|call| {
            let arrivals = (call.arrival(&at(9))?, call.arrival(&at(10))?);
            assert!(arrivals == (Arrival::Before, Arrival::After), "{day}");
            Ok(())
        });
        phone.now = phone.now.plus(DAY);
        phone.call(|call| call.sweep());
    }
    assert!(phone.rows(&keys::departures()).is_empty());
}

/// SPEC V-458: what was ordered later cannot stand at a place that was taken then.
#[test]
fn a_log_that_has_gone_back_since_a_departure_is_told_once() {
    let mut phone = Phone::new(6);
    let room = RoomId::from_bytes([3; 16]);
    let at = |seq, at| {
        let begun = Tail::begin(room, 1);
        let stamp = Stamp { at: Timestamp::from_millis(at), ..begun.stamp.clone() };
        Tail { seq, stamp, ..begun }
    };
    phone.call(|call| {
        let row = rows::DepartedRow { seq: 9, epoch: 4, stamped: 5_000, ..Default::default() };
        rows::write(&mut call.draft, keys::departed(&room), &row);
        let code = |checked: Result<()>| checked.map_err(|error| error.code());
        for (seq, stamped, expected) in [
            (8, 4_000, Ok(())),
            (9, 5_000, Ok(())),
            (9, 5_001, Err(Code::RolledBack)),
            (1, 9_000, Err(Code::RolledBack)),
            (10, 9_000, Ok(())),
        ] {
            for asked in [false, true] {
                let checked = call.check_place(&at(seq, stamped), asked);
                assert_eq!(code(checked), expected, "{seq} {stamped}");
            }
            let elsewhere = Tail { room: RoomId::from_bytes([4; 16]), ..at(seq, stamped) };
            assert_eq!(code(call.check_place(&elsewhere, false)), Ok(()));
        }
        for asked in [false, true] {
            assert_eq!(code(call.check_epoch(&room, 3, asked)), Err(Code::RolledBack));
            assert_eq!(code(call.check_epoch(&room, 4, asked)), Ok(()));
        }
        call.told_of_going_back(&room)?;
        assert_eq!(code(call.check_epoch(&room, 3, true)), Ok(()));
        assert_eq!(code(call.check_place(&at(1, 9_000), true)), Ok(()));
        // What the engine does by itself is not the user's word.
        assert_eq!(code(call.check_epoch(&room, 3, false)), Err(Code::RolledBack));
        assert_eq!(code(call.check_place(&at(1, 9_000), false)), Err(Code::RolledBack));
        // Nor is an invitation.
        assert!(call.arrival(&at(1, 9_000))? == Arrival::Instead);
        Ok(())
    });
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
