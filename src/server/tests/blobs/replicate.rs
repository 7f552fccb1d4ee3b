//! A server fetches all of what one of its devices has asked for.

use core::time::Duration;

use super::*;
use crate::{
    crypto::sign,
    limits,
    server::Fetching,
    wire::{
        device::{BlobState, BlobsWanted},
        encode,
        link::{ChunkReply, PeerMessage},
    },
};

const MINUTE: Duration = Duration::from_secs(60);

fn pass(site: &mut Site, by: Duration) {
    site.now = site.now.plus(by);
    site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
}

/// An attachment of which server b knows how it is made, and nothing more.
fn begun(size: usize) -> (World, Dev, Dev, Chunks, Photo) {
    let (mut world, [anna, mut bert], chunks, photo) = uploaded(size);
    assert_eq!(ask(&mut bert, world.site("b.example"), photo.open()).0, ReplyBody::Pending);
    world.settle();
    (world, anna, bert, chunks, photo)
}

fn under_way(world: &mut World) -> Vec<Fetching> {
    Server::fetching(&world.site("b.example").store, None, 10).unwrap()
}

fn state(dev: &mut Dev, site: &mut Site, photo: &Photo, index: u64) -> BlobState {
    let wanted = BlobsWanted { blobs: vec![photo.want(index)] };
    let (body, _) = ask(dev, site, RequestBody::BlobsWanted(wanted));
    let ReplyBody::BlobStates(mut states) = body else { panic!("{body:?}") };
    states.states.pop().unwrap()
}

/// SPEC V-682
#[test]
fn all_of_it_comes_whoever_asks_for_which_part() {
    let (mut world, _, mut bert, mut chunks, photo) = begun(3_000_000);
    let parts = photo.chunks().len();
    assert!(parts > 40);
    assert_eq!(world.site("b.example").fetches.len() as u64, limits::CHUNKS_UNDER_WAY);
    // One that is wanted sooner is asked for at once.
    assert_eq!(ask(&mut bert, world.site("b.example"), photo.get(40)).0, ReplyBody::Pending);
    assert_eq!(world.site("b.example").fetches.len() as u64, limits::CHUNKS_UNDER_WAY + 1);
    assert_eq!(carry(&mut world, "b.example", &mut chunks).unwrap(), parts);
    assert_eq!(chunks.len(), 2 * parts);
    assert!(under_way(&mut world).is_empty());
    // Nothing is left to do, and the capability is not kept.
    let site = world.site("b.example");
    pass(site, MINUTE);
    pass(site, MINUTE);
    assert!(site.fetches.is_empty());
    let shown = photo.file.capability();
    let rows = crate::store::Store::scan(&site.store, b"", None, 99_999).unwrap();
    assert!(!rows.iter().any(|(_, row)| row.windows(32).any(|part| part == shown.expose())));
    // The origin is not asked any more.
    download(&mut world, &mut bert, &mut chunks, &photo);
    assert_eq!(chunks.len(), 2 * parts);
}

/// SPEC V-683
#[test]
fn an_origin_that_is_silent_is_asked_ever_more_rarely_and_then_for_everything() {
    let (mut world, _, mut bert, mut chunks, photo) = begun(3_000_000);
    let parts = photo.chunks().len();
    let site = world.site("b.example");
    site.fetches.clear();
    let mut asked = 0;
    for _ in 0..360 {
        pass(site, Duration::from_secs(10));
        asked += std::mem::take(&mut site.fetches).len();
    }
    assert!((20..40).contains(&asked), "{asked}");
    let told = state(&mut bert, site, &photo, 0);
    assert!(told.silent_since > now() && !told.here && told.failure.is_none());
    assert_eq!((told.present, told.chunks), (0, parts as u64));
    assert!(site.fetches.is_empty(), "asking costs the origin nothing");
    let [fetching] = under_way(&mut world).try_into().unwrap();
    assert_eq!(fetching.silent_since, Some(told.silent_since));
    // Once it answers all goes on, and every chunk comes once.
    for site in &mut world.sites {
        site.now = now().plus(Duration::from_secs(3_600 + 20 * 60));
    }
    pass(world.site("b.example"), Duration::ZERO);
    assert_eq!(world.site("b.example").fetches.len(), 1);
    let carried = carry(&mut world, "b.example", &mut chunks).unwrap();
    assert_eq!((carried, chunks.len()), (parts, 2 * parts));
}

/// A server that dies between any two steps goes on where it was.
#[test]
fn a_server_that_dies_at_any_chunk_goes_on() {
    let (mut world, _, _, mut chunks, photo) = begun(2_000_000);
    let parts = photo.chunks().len();
    let (mut given, mut rounds) = (0, 0);
    while chunks.len() < 2 * parts {
        rounds += 1;
        assert!(rounds < 200);
        // Of what it has asked, one answer comes; with everything else that was under way it dies.
        let fetches = std::mem::take(&mut world.site("b.example").fetches);
        if let Some((_, message)) = fetches.first() {
            let reply = world.site("a.example").peer(message).unwrap().unwrap();
            if let Some(name) = reply.chunk {
                given += 1;
                let chunk = chunks[&(agency("a.example"), name)].clone();
                take_reply(world.site("b.example"), &mut chunks, &reply.bytes, &chunk).unwrap();
            }
        }
        for site in &mut world.sites {
            site.restart();
            site.fetches.clear();
            site.now = site.now.plus(Duration::from_secs(20));
        }
        pass(world.site("b.example"), Duration::ZERO);
    }
    assert_eq!(given, parts);
}

/// SPEC V-565, V-684: an origin that gives other bytes.
#[test]
fn an_origin_that_gives_other_bytes_is_named() {
    let (mut world, _, mut bert, mut chunks, photo) = begun(100_000);
    let site = world.site("b.example");
    let (_, message) = std::mem::take(&mut site.fetches).swap_remove(0);
    let mut message = Some(message);
    for round in 1..=limits::CHUNK_WRONG {
        let reply = world.site("a.example").peer(&message.take().unwrap()).unwrap().unwrap();
        let site = world.site("b.example");
        take_reply(site, &mut chunks, &reply.bytes, b"other").unwrap();
        message = std::mem::take(&mut site.fetches).pop().map(|(_, message)| message);
        assert_eq!(message.is_some(), round < limits::CHUNK_WRONG);
    }
    let (origin, blob) = (agency("a.example"), photo.file.blob);
    let site = world.site("b.example");
    let told = Output::NotFetched { origin, blob, code: Code::BadOrigin };
    assert!(site.outputs.contains(&told), "{:?}", site.outputs);
    let ReplyBody::Failure(failure) = ask(&mut bert, site, photo.get(0)).0 else { panic!("not refused") };
    assert_eq!(failure.reason.code(), Some(Code::BadOrigin));
    assert_eq!(failure.retry_at, now().plus(limits::BLOB_ASKED_AGAIN));
    assert_eq!(state(&mut bert, site, &photo, 0).failure, Some(failure));
    // It is asked again when that time has come.
    for site in &mut world.sites {
        site.now = now().plus(limits::BLOB_ASKED_AGAIN * 2);
    }
    pass(world.site("b.example"), Duration::ZERO);
    assert!(carry(&mut world, "b.example", &mut chunks).unwrap() >= 2);
    assert_eq!(download(&mut world, &mut bert, &mut chunks, &photo).len(), 100_000);
}

/// SPEC V-565: a signed hash that is not the one in the list stands against the origin's own word.
#[test]
fn an_origin_that_contradicts_itself_is_not_asked_again_soon() {
    let (mut world, _, mut bert, mut chunks, photo) = begun(100_000);
    let key = crate::crypto::SigningKey::from_seed(&world.federation.agencies[0].server.seed());
    let answer = |asked_at, outcome| {
        let (from, to) = (agency("a.example"), agency("b.example"));
        let reply = ChunkReply { from, to, blob: photo.file.blob, index: 0, asked_at, outcome };
        encode(&PeerMessage::ChunkReply(Box::new(sign(reply, &[&key]).into_signed())))
    };
    let site = world.site("b.example");
    site.fetches.clear();
    // An answer to what was never asked is no answer.
    let before = site.store.clone();
    take_reply(site, &mut chunks, &answer(Timestamp::ZERO, Ok([1; 32])), b"").unwrap();
    assert!(site.store == before);
    take_reply(site, &mut chunks, &answer(now(), Ok([1; 32])), b"").unwrap();
    assert_eq!(code(&ask(&mut bert, site, photo.get(0)).0), Code::BadOrigin);
    // What it refuses, whatever its reason, is passed on.
    for refused in [Code::UnknownBlob, Code::ChunkLost, Code::BlobIncomplete] {
        let (mut world, _, mut bert, mut chunks, photo) = begun(100_000);
        let (from, to) = (agency("a.example"), agency("b.example"));
        let outcome = Err(refused.into());
        let reply = ChunkReply { from, to, blob: photo.file.blob, index: 0, asked_at: now(), outcome };
        let reply = encode(&PeerMessage::ChunkReply(Box::new(sign(reply, &[&key]).into_signed())));
        take_reply(world.site("b.example"), &mut chunks, &reply, b"").unwrap();
        assert_eq!(code(&ask(&mut bert, world.site("b.example"), photo.get(0)).0), refused);
    }
}

fn doubting(photo: &Photo, index: u64) -> RequestBody {
    RequestBody::BlobGet(BlobGet { wrong: true, ..photo.want(index) })
}

fn check(site: &mut Site, name: &ChunkRef, chunk: Option<&[u8]>) {
    site.call(|server, ctx| server.check_chunk(ctx, name, chunk)).unwrap();
}

/// SPEC V-684
#[test]
fn a_chunk_that_a_device_doubts_is_looked_at_and_fetched_anew_if_it_is_wrong() {
    let (mut world, mut anna, mut bert, mut chunks, photo) = begun(100_000);
    download(&mut world, &mut bert, &mut chunks, &photo);
    let name = ChunkRef { origin: agency("a.example"), blob: photo.file.blob, index: 1 };
    let site = world.site("b.example");
    let good = photo.chunks()[1].to_vec();
    // The host is told until it has looked.
    assert_eq!(ask(&mut bert, site, doubting(&photo, 1)).0, ReplyBody::Pending);
    assert!(site.outputs.contains(&Output::CheckChunk(name.clone())));
    assert_eq!(ask(&mut bert, site, photo.get(1)).0, ReplyBody::Pending);
    assert!(site.outputs.contains(&Output::CheckChunk(name.clone())));
    assert!(!state(&mut bert, site, &photo, 1).here);
    // It is as it ought to be: a device's word drops nothing.
    check(site, &name, Some(&good));
    assert!(matches!(ask(&mut bert, site, photo.get(1)).0, ReplyBody::BlobChunk(1)));
    // What is not here cannot be doubted, nor looked at unasked.
    check(site, &ChunkRef { index: 9, ..name.clone() }, None);
    check(site, &ChunkRef { origin: agency("c.example"), ..name.clone() }, None);

    // The host's disk has changed it, or lost it: it is fetched anew.
    for found in [Some(b"changed".as_slice()), None] {
        assert_eq!(ask(&mut bert, world.site("b.example"), doubting(&photo, 1)).0, ReplyBody::Pending);
        check(world.site("b.example"), &name, found);
        chunks.remove(&(agency("b.example"), name.clone()));
        assert_eq!(ask(&mut bert, world.site("b.example"), photo.get(1)).0, ReplyBody::Pending);
        assert_eq!(carry(&mut world, "b.example", &mut chunks).unwrap(), 1);
        assert_eq!(chunks[&(agency("b.example"), name.clone())], good);
        assert!(matches!(ask(&mut bert, world.site("b.example"), photo.get(1)).0, ReplyBody::BlobChunk(1)));
    }

    // Found again while its origin is asked, it counts once, whatever comes then.
    let site = world.site("b.example");
    check(site, &name, None);
    assert_eq!(ask(&mut bert, site, photo.get(1)).0, ReplyBody::Pending);
    check(site, &name, Some(&good));
    carry(&mut world, "b.example", &mut chunks).unwrap();
    assert_eq!(state(&mut bert, world.site("b.example"), &photo, 1).present, 2);

    // At the origin nobody has it but who has uploaded it.
    let site = world.site("a.example");
    assert_eq!(ask(&mut anna, site, doubting(&photo, 1)).0, ReplyBody::Pending);
    check(site, &name, None);
    for request in [photo.get(1), photo.open()] {
        assert_eq!(code(&ask(&mut anna, site, request).0), Code::ChunkLost);
    }
    // The host finds it again, or the uploader brings it again.
    check(site, &name, Some(&good));
    assert!(matches!(ask(&mut anna, site, photo.get(1)).0, ReplyBody::BlobChunk(1)));
    check(site, &name, None);
    assert_eq!(bring(&mut anna, site, &mut chunks, photo.put(1), &good), ReplyBody::Done);
    assert!(matches!(ask(&mut anna, site, photo.get(1)).0, ReplyBody::BlobChunk(1)));
}

/// SPEC V-685
#[test]
fn a_device_is_told_of_many_at_one_time() {
    let (mut world, _, mut bert, mut chunks, photo) = begun(200_000);
    let own = Photo::new(9, "b.example");
    let never = Photo::new(10, "a.example");
    let mut blobs = vec![photo.want(0), own.want(0), never.want(0)];
    blobs.sort_by_key(|get| (get.origin.clone(), get.blob));
    let names: Vec<_> = blobs.iter().map(|get| get.blob).collect();
    let mut ask_all = |world: &mut World| {
        let wanted = RequestBody::BlobsWanted(BlobsWanted { blobs: blobs.clone() });
        let (body, _) = ask(&mut bert, world.site("b.example"), wanted);
        let ReplyBody::BlobStates(states) = body else { panic!("{body:?}") };
        let of = |photo: &Photo| names.iter().position(|name| *name == photo.file.blob).unwrap();
        let [first, second, third] = [&photo, &own, &never].map(|photo| states.states[of(photo)].clone());
        (first, second, third)
    };
    let (first, second, third) = ask_all(&mut world);
    assert_eq!((first.here, first.present, first.chunks), (false, 0, 4));
    assert_eq!(second.failure.unwrap().reason.code(), Some(Code::UnknownBlob));
    assert_eq!(third, BlobState::default());
    world.settle();
    carry(&mut world, "b.example", &mut chunks).unwrap();
    let (first, _, third) = ask_all(&mut world);
    assert_eq!((first.here, first.present, first.chunks), (true, 4, 4));
    assert_eq!(third.failure.unwrap().reason.code(), Some(Code::UnknownBlob));
}
