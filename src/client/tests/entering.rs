//! The way into a room, refused: when the device asks again, and what its app is told.

use core::time::Duration;

use super::Phone;
use crate::{
    client::{
        Event, keys,
        rows::{self, JoinRow},
    },
    code::Code,
    error::Error,
    ids::{RequestId, RoomId},
    limits,
    store::Store,
    time::Timestamp,
    wire::device::{Entrance, Failure},
};

const ROOM: RoomId = RoomId::from_bytes([5; 16]);
const REQUEST: RequestId = RequestId::from_bytes([6; 16]);

/// As the device's app has asked, and the device its server.
fn asking(seed: u8) -> Phone {
    let mut phone = Phone::new(seed);
    let row = JoinRow {
        hub: "b.example".into(),
        request: REQUEST.as_bytes().to_vec(),
        asked: vec![7; 16],
        ..JoinRow::default()
    };
    phone.call(|call| {
        rows::write(&mut call.draft, keys::joining(&ROOM), &row);
        Ok(())
    });
    phone
}

fn refuse(phone: &mut Phone, retry_at: Timestamp) {
    let failure = Failure::of(&Error::new(Code::Quota, "asked too often").after(retry_at));
    // A new try has a new id.
    phone.call(|call| {
        let row: JoinRow = rows::read(&call.draft, &keys::joining(&ROOM), "join")?.unwrap();
        rows::write(&mut call.draft, keys::joining(&ROOM), &JoinRow { asked: vec![7; 16], ..row });
        Ok(())
    });
    let entrance_id = RequestId::from_bytes([7; 16]);
    phone.call(|call| call.entrance(Entrance { entrance_id, room: ROOM, outcome: Err(failure) }));
}

fn due(phone: &Phone) -> Option<Timestamp> {
    let row = phone.store.get(&keys::joining(&ROOM)).unwrap()?;
    let row: JoinRow = rows::parse(&row, "join").unwrap();
    Some(Timestamp::from_millis(row.due))
}

/// SPEC V-498: not before the time that it was told, nor much later, whoever says so.
#[test]
fn a_device_asks_again_when_it_was_told_to() {
    let mut phone = asking(70);
    let soon = phone.now.plus(Duration::from_secs(300));
    refuse(&mut phone, soon);
    assert_eq!(due(&phone), Some(soon));
    refuse(&mut phone, Timestamp::from_millis(u64::MAX));
    assert_eq!(due(&phone), Some(phone.now.plus(Duration::from_millis(limits::RETRY_MAX_MILLIS))));
}

/// SPEC V-498: an app that asked is told, too, once it has been tried in vain.
#[test]
fn an_app_is_told_when_to_ask_again() {
    let mut phone = asking(71);
    let later = phone.now.plus(Duration::from_secs(3_600));
    while due(&phone).is_some() {
        refuse(&mut phone, later);
    }
    let told = phone.client.events(&phone.store, 0, 10).unwrap();
    let failed = Event::Failed { request: REQUEST, code: Code::Quota, retry_at: Some(later) };
    assert_eq!(told.into_iter().map(|(_, event)| event).collect::<Vec<_>>(), [failed]);
}

fn asked(phone: &Phone) -> Option<Vec<u8>> {
    let row = phone.store.get(&keys::joining(&ROOM)).unwrap()?;
    Some(rows::parse::<JoinRow>(&row, "join").unwrap().asked)
}

fn answer(phone: &mut Phone, code: Code) {
    let failure = Failure::of(&Error::new(code, "way in"));
    let entrance_id = RequestId::from_bytes([7; 16]);
    phone.call(|call| call.entrance(Entrance { entrance_id, room: ROOM, outcome: Err(failure) }));
}

/// SPEC V-458: an answer to what was asked for before the device left is none.
#[test]
fn a_device_that_has_left_asks_anew() {
    let mut phone = asking(72);
    phone.call(|call| call.asks_anew(&ROOM));
    let anew = asked(&phone);
    assert!(anew.as_ref().is_some_and(|asked| asked.len() == 16 && *asked != [7; 16]));
    answer(&mut phone, Code::UnknownRoom);
    assert_eq!(asked(&phone), anew);
}

/// SPEC V-458: that a hub has lost something a device finds itself. A server that says so ends nothing but the try.
#[test]
fn a_server_that_says_so_shows_nothing_of_the_hub() {
    let mut phone = asking(73);
    phone.call(|call| {
        let row = rows::DepartedRow { seq: 9, epoch: 4, ..Default::default() };
        rows::write(&mut call.draft, keys::departed(&ROOM), &row);
        Ok(())
    });
    answer(&mut phone, Code::RolledBack);
    assert_eq!(asked(&phone), None);
    phone.call(|call| {
        assert_eq!(call.check_epoch(&ROOM, 3, true).unwrap_err().code(), Code::RolledBack);
        call.told_of_going_back(&ROOM)?;
        call.check_epoch(&ROOM, 3, true)
    });
}
