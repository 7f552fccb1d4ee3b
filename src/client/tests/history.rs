//! History that is handed over: what a device is told of it, and its way to the server.

use super::Phone;
use crate::{
    attachment::{FileRef, Sealed, seal_all},
    client::{
        Event, Output, event_row, keys, link,
        rows::{self, UploadRow},
    },
    code::Code,
    error::Result,
    identity::HandedHistory,
    ids::{AgencyId, BlobId, RequestId, RoomId},
    limits,
    store::{Ctx, Draft},
    time::Timestamp,
    wire::{
        device::{Failure, ReplyBody, ServerReply},
        encode_body,
    },
};

const REQUEST: RequestId = RequestId::from_bytes([7; 16]);

/// A file of one chunk.
fn file(phone: &mut Phone) -> (Sealed, FileRef) {
    let (sealed, _) = seal_all(b"what was said", &mut phone.rng).unwrap();
    let origin = AgencyId::parse("police.nord.example").unwrap();
    let until = phone.now.plus(limits::HISTORY_KEPT);
    let file = sealed.file_ref(BlobId::random(&mut phone.rng), origin, until);
    (sealed, file)
}

impl Phone {
    fn told_history(&mut self, bytes: Vec<u8>) -> Result<usize> {
        let history = HandedHistory { file: bytes.into(), rooms: vec![RoomId::from_bytes([1; 16])] };
        let mut draft = Draft::new(Ctx { now: self.now, store: &self.store, rng: &mut self.rng });
        let told = link::told_history(&mut draft, history)?;
        assert_eq!(told.size, 13);
        Ok(draft.finish::<(), ()>(())?.batch().writes().len())
    }

    fn upload_row(&self) -> Option<UploadRow> {
        let row = self.rows(&keys::uploads()).pop()?.1;
        Some(rows::parse(&row, "upload").unwrap())
    }

    /// Begins to upload a file.
    fn uploading(&mut self) {
        let (sealed, file) = file(self);
        let sent = self.call(|call| call.upload(REQUEST, &file, (sealed.header(), sealed.list())));
        assert!(matches!(sent.as_slice(), [Output::Send { chunk: None, .. }]), "{sent:?}");
    }

    /// The server's reply to the step that is asked for now.
    fn step(&mut self, body: ReplyBody) -> Vec<Output> {
        let request_id = RequestId::from_slice(&self.upload_row().unwrap().steps[0].awaited).unwrap();
        self.call(|call| call.reply(ServerReply { request_id, body }, None))
    }

    fn told_events(&self) -> Vec<Event> {
        self.rows(&keys::events()).iter().map(|(_, row)| event_row::decode(row).unwrap()).collect()
    }
}

fn failure(code: Code, retry_at: Timestamp) -> ReplyBody {
    ReplyBody::Failure(Failure { reason: code.into(), retry_at })
}

/// SPEC V-383: what is no file, one whose sizes do not fit together, and one at another agency.
#[test]
fn a_device_is_told_of_a_file_that_can_be_one() {
    let mut phone = Phone::new(30);
    let (_, good) = file(&mut phone);
    assert_eq!(phone.told_history(encode_body(&good).to_vec()), Ok(1));
    let code = |phone: &mut Phone, bytes: Vec<u8>| phone.told_history(bytes).unwrap_err().code();
    assert_eq!(code(&mut phone, vec![1]), Code::Malformed);
    let sizes = FileRef { size: 14 << 10, ..good.clone() };
    assert_eq!(code(&mut phone, encode_body(&sizes).to_vec()), Code::BadGeometry);
    let elsewhere = FileRef { origin: AgencyId::parse("police.sued.example").unwrap(), ..good };
    assert_eq!(code(&mut phone, encode_body(&elsewhere).to_vec()), Code::BadField);
    assert_eq!(phone.rows(&keys::history()), []);
}

#[test]
fn an_upload_goes_on_where_it_was_and_is_told_once() {
    let mut phone = Phone::new(31);
    phone.uploading();
    // Not now: the same step, when the server says, or when the app has started again.
    let later = phone.now.plus(core::time::Duration::from_secs(60));
    assert!(phone.step(failure(Code::Quota, later)).is_empty());
    assert_eq!(phone.upload_row().unwrap().steps[0].due, later.as_millis());
    assert_eq!(phone.call(|call| call.remind_uploads(false)), []);
    assert_eq!(phone.call(|call| call.remind_uploads(true)).len(), 1);
    phone.step(ReplyBody::Done);
    assert!(phone.upload_row().unwrap().announced);
    let sent = phone.call(|call| call.remind_uploads(true));
    // Whether the chunk has arrived the server is asked first; only if not, it goes again, once.
    assert!(matches!(sent.as_slice(), [Output::Send { chunk: None, .. }]));
    let lacks = || failure(Code::BlobIncomplete, Timestamp::ZERO);
    let sent = phone.step(lacks());
    assert!(matches!(sent.as_slice(), [Output::Send { chunk: Some(chunk), .. }] if chunk.index == 0));
    assert!(phone.step(lacks()).is_empty());
    phone.step(ReplyBody::Done);
    assert_eq!(phone.told_events(), [Event::Done { request: REQUEST }]);
    assert_eq!(phone.upload_row(), None);
}

/// SPEC V-681
#[test]
fn an_upload_that_the_server_does_not_know_any_more_begins_again_and_not_for_ever() {
    let mut phone = Phone::new(34);
    phone.uploading();
    for _ in 0..3 {
        phone.step(ReplyBody::Done);
        assert!(phone.upload_row().unwrap().announced);
        phone.step(failure(Code::UploadAbandoned, Timestamp::ZERO));
        assert!(!phone.upload_row().unwrap().announced);
    }
    phone.step(ReplyBody::Done);
    phone.step(failure(Code::UploadAbandoned, Timestamp::ZERO));
    assert_eq!(phone.upload_row(), None);
    let failed = Event::Failed { request: REQUEST, code: Code::UploadAbandoned, retry_at: None };
    assert_eq!(phone.told_events(), [failed]);
}

#[test]
fn an_upload_that_the_server_refuses_has_failed() {
    let mut phone = Phone::new(32);
    phone.uploading();
    phone.step(failure(Code::Quota, Timestamp::ZERO));
    assert_eq!(phone.told_events(), [Event::Failed { request: REQUEST, code: Code::Quota, retry_at: None }]);
    assert_eq!(phone.upload_row(), None);
    assert_eq!(phone.rows(&b"u/".to_vec()), []);
}

#[test]
fn an_upload_ends_with_its_file() {
    let mut phone = Phone::new(33);
    phone.uploading();
    phone.now = phone.now.plus(limits::HISTORY_KEPT);
    assert_eq!(phone.call(|call| call.remind_uploads(false)), [Output::Events]);
    assert_eq!(
        phone.told_events(),
        [Event::Failed { request: REQUEST, code: Code::Expired, retry_at: None }]
    );
    assert_eq!(phone.upload_row(), None);
}
