//! Fetching attachments.

use super::Phone;
use crate::{
    attachment::{ChunkList, FileRef, Header, Sealer},
    client::{
        Blame, Event, Remedy, event_row, keys,
        rows::{self, FetchRow, WaitingRow},
    },
    code::Code,
    ids::{AgencyId, BlobId, RequestId},
    limits,
    time::Timestamp,
    wire::device::{BlobInfo, BlobState, BlobStates, ReplyBody, ServerReply},
};

const REQUEST: RequestId = RequestId::from_bytes([7; 16]);

/// A file of 64 KiB chunks, of which only the first exists.
pub(in crate::client) fn file(chunks: u64) -> (FileRef, Header, ChunkList, Vec<u8>) {
    let mut rng = super::Phone::new(9).rng;
    let size = chunks << 16;
    let mut sealer = Sealer::new(size, &mut rng).unwrap();
    let mut first = vec![5; sealer.next_len().unwrap()];
    let hash = sealer.seal_next(&mut first).unwrap();
    let mut hashes = vec![[6; 32]; usize::try_from(sealer.geometry().chunks()).unwrap()];
    hashes[0] = hash;
    let (header, list) = (*sealer.header(), ChunkList::parse(hashes.as_flattened()).unwrap());
    let padded_size = sealer.geometry().padded_size();
    let file = FileRef {
        blob: BlobId::random(&mut rng),
        origin: AgencyId::parse("police.sued.example").unwrap(),
        expires_at: Timestamp::from_millis(0),
        suite: header.suite(),
        key: sealer.key().clone(),
        root: list.root(&header, padded_size),
        size,
        padded_size,
    };
    (file, header, list, first)
}

impl Phone {
    fn fetch_row(&self) -> Option<FetchRow> {
        let row = self.rows(&keys::fetches()).pop()?.1;
        Some(rows::parse(&row, "attachment").unwrap())
    }

    /// The server's reply to what is asked for now.
    fn reply(&mut self, body: ReplyBody, chunk: Option<&[u8]>) {
        let request_id = RequestId::from_slice(&self.fetch_row().unwrap().awaited).unwrap();
        self.call(|call| call.reply(ServerReply { request_id, body }, chunk));
    }

    /// Has begun to fetch a file and has its header and hashes.
    fn fetching(file: &FileRef, header: &Header, list: &ChunkList) -> Phone {
        let mut phone = Phone::new(8);
        phone.call(|call| call.fetch(REQUEST, file).map(|_| ()));
        let (header, hashes) = (header.to_bytes().to_vec(), list.as_bytes().to_vec());
        let info = BlobInfo { header: header.into(), chunk_hashes: hashes.into(), padded: file.padded_size };
        phone.reply(ReplyBody::BlobInfo(info), None);
        phone
    }

    fn told(&self) -> Option<Event> {
        let row = self.rows(&keys::events()).pop()?.1;
        Some(event_row::decode(&row).unwrap())
    }
}

#[test]
fn a_chunk_costs_the_same_however_long_the_file() {
    let read = [64, 4_096, 65_536].map(|chunks| {
        let (file, header, list, first) = file(chunks);
        let mut phone = Phone::fetching(&file, &header, &list);
        phone.reply(ReplyBody::BlobChunk(0), Some(&first));
        assert_eq!(phone.fetch_row().unwrap().done, 1);
        phone.read
    });
    // Numbers that grow are a few bytes longer.
    assert!(read.iter().all(|bytes| bytes.abs_diff(read[0]) < 16), "{read:?}");
    assert!(read[0] < 4_096, "{read:?}");
}

/// SPEC V-684
#[test]
fn a_chunk_of_another_place_or_content_is_doubted_and_then_ends_the_fetch() {
    let (file, header, list, first) = file(128);
    let mut changed = first.clone();
    changed[70] ^= 1;
    for (index, chunk) in [(0, &changed), (1, &first), (u64::MAX, &first)] {
        let mut phone = Phone::fetching(&file, &header, &list);
        assert!(phone.rows(&keys::fetch_info(&REQUEST)).len() > 1);
        for _ in 1..limits::CHUNK_WRONG {
            phone.reply(ReplyBody::BlobChunk(index), Some(chunk));
            assert!(phone.fetch_row().unwrap().doubts);
            assert_eq!(phone.told(), None);
        }
        phone.reply(ReplyBody::BlobChunk(index), Some(chunk));
        assert_eq!(phone.told(), Some(not_fetched(Code::BadChunk, Blame::OwnAgency, Remedy::TellOperators)));
        assert!(phone.rows(&keys::fetch_info(&REQUEST)).is_empty() && phone.fetch_row().is_none());
    }
    // The right one in between, and all is well.
    let mut phone = Phone::fetching(&file, &header, &list);
    phone.reply(ReplyBody::BlobChunk(0), Some(&changed));
    phone.reply(ReplyBody::BlobChunk(0), Some(&first));
    let row = phone.fetch_row().unwrap();
    assert_eq!((row.done, row.wrong, row.doubts), (1, 0, false));
}

/// What is no header or list the own server would not have taken in; what is none that the message means, anybody may
/// have put there; what it means and does not fit, the sender has made.
#[test]
fn who_is_to_blame_for_header_and_list_is_told_apart() {
    let (file, header, list, _) = file(2);
    let told = |file: &FileRef, header: Vec<u8>, hashes: Vec<u8>| {
        let mut phone = Phone::new(8);
        phone.call(|call| call.fetch(REQUEST, file).map(|_| ()));
        let info = BlobInfo { header: header.into(), chunk_hashes: hashes.into(), padded: file.padded_size };
        phone.reply(ReplyBody::BlobInfo(info), None);
        assert!(phone.fetch_row().is_none());
        phone.told()
    };
    let (good, hashes) = (header.to_bytes().to_vec(), list.as_bytes().to_vec());
    let own = |code| Some(not_fetched(code, Blame::OwnAgency, Remedy::TellOperators));
    assert_eq!(told(&file, good[..49].to_vec(), hashes.clone()), own(Code::BadHeader));
    assert_eq!(told(&file, good.clone(), hashes[..63].to_vec()), own(Code::BadGeometry));
    let mut flipped = good.clone();
    flipped[9] ^= 1;
    let unclear = Some(not_fetched(Code::BadRoot, Blame::Unclear, Remedy::AskSender));
    assert_eq!(told(&file, flipped, hashes.clone()), unclear);
    assert_eq!(told(&file, good.clone(), [&hashes[32..], &hashes[..32]].concat()), unclear);
    let sender = |code| Some(not_fetched(code, Blame::Sender, Remedy::AskSender));
    let key = crate::attachment::FileKey::from_bytes([3; 32].into());
    assert_eq!(
        told(&FileRef { key, ..file.clone() }, good.clone(), hashes.clone()),
        sender(Code::BadCommitment)
    );
    let one = ChunkList::parse(&hashes[..32]).unwrap();
    let root = one.root(&header, file.padded_size);
    assert_eq!(told(&FileRef { root, ..file }, good, hashes[..32].to_vec()), sender(Code::BadGeometry));
}

fn not_fetched(code: Code, blame: Blame, remedy: Remedy) -> Event {
    Event::NotFetched { request: REQUEST, code, blame, remedy, retry_at: None }
}

#[test]
fn the_list_is_put_together_again_for_who_opens_the_file() {
    for chunks in [1, 63, 64, 65, 200] {
        let (file, header, list, _) = file(chunks);
        let mut phone = Phone::fetching(&file, &header, &list);
        phone.call(|call| {
            let mut row: FetchRow = rows::read(&call.draft, &keys::fetch(&REQUEST), "attachment")?.unwrap();
            row.done = row.chunks;
            rows::write(&mut call.draft, keys::fetch(&REQUEST), &row);
            Ok(())
        });
        let opener = phone.client.opener(&phone.store, &REQUEST).unwrap();
        assert_eq!(opener.geometry().chunks(), list.len());
    }
}

/// SPEC V-685
#[test]
fn what_the_server_is_still_fetching_is_asked_for_ever_more_rarely() {
    let (file, header, list, _) = file(64);
    let mut phone = Phone::fetching(&file, &header, &list);
    phone.reply(ReplyBody::Pending, None);
    let mut asked = 0;
    for _ in 0..3_600 {
        phone.now = phone.now.plus(core::time::Duration::from_secs(1));
        phone.call(|call| call.remind_fetches(false).and_then(|()| call.remind_waiting(false)));
        let row = phone.rows(&keys::waiting()).pop().unwrap().1;
        let row: WaitingRow = rows::parse(&row, "waiting").unwrap();
        if let Ok(request_id) = RequestId::from_slice(&row.awaited) {
            let body = ReplyBody::BlobStates(BlobStates { states: vec![BlobState::default()] });
            phone.call(|call| call.reply(ServerReply { request_id, body }, None));
            asked += 1;
        }
    }
    assert!((30..100).contains(&asked), "{asked}");
    assert!(phone.fetch_row().unwrap().waits);
}
