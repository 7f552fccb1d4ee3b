//! Attachments that are taken back, and uploads that are given up.

use super::*;
use crate::{
    identity::fixture::DAY,
    limits,
    wire::{
        device::BlobForget,
        link::{BlobForgotten, LinkItem},
    },
};

impl Photo {
    fn forget(&self) -> RequestBody {
        RequestBody::BlobForget(BlobForget { blob: self.file.blob })
    }
}

fn keeps(world: &mut World, at: &str, photo: &Photo) -> bool {
    Server::keeps(&world.site(at).store, &photo.file.origin, &photo.file.blob).unwrap()
}

/// Rows of attachments, but for what is due.
fn rows(world: &mut World, at: &str) -> usize {
    let store = &world.site(at).store;
    let tables: [&[u8]; 3] = [b"blob/", b"store/", b"fetch/"];
    let rows = tables.map(|table| crate::store::Store::scan(store, table, None, 9_999).unwrap().len());
    rows.iter().sum()
}

/// SPEC V-686, V-687, V-689
#[test]
fn what_is_taken_back_is_gone_everywhere() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut tablet = world.further(&anna);
    let mut arne = world.person("arne@a.example");
    let mut bert = world.person("bert@b.example");
    let mut clara = world.person("clara@c.example");
    let mut chunks = Chunks::new();
    let photo = Photo::new(100_000, "a.example");
    upload(&mut anna, world.site("a.example"), &mut chunks, &photo);
    download(&mut world, &mut bert, &mut chunks, &photo);

    // Somebody else's it is not; who asks again is told the same; any device of the user may.
    let site = world.site("a.example");
    assert_eq!(code(&ask(&mut arne, site, photo.forget()).0), Code::NotPermitted);
    for _ in 0..2 {
        assert_eq!(ask(&mut tablet, site, photo.forget()).0, ReplyBody::Done);
    }
    assert_eq!(code(&ask(&mut arne, site, photo.get(0)).0), Code::BlobGone);
    assert_eq!(code(&ask(&mut anna, site, photo.put(0)).0), Code::BlobGone);
    assert_eq!(code(&ask(&mut anna, site, RequestBody::BlobBegin(photo.begin())).0), Code::BlobGone);
    // Nothing here says so to whoever does not know the file.
    let other = Photo::new(9, "a.example");
    let thief = Photo { file: FileRef { blob: photo.file.blob, ..other.file.clone() }, ..other };
    assert_eq!(code(&ask(&mut arne, site, thief.open()).0), Code::BadCapability);

    assert!(keeps(&mut world, "b.example", &photo));
    world.settle();
    // That it was there; and that it counts, and until when: for its uploader, and for reader and origin.
    for (at, left) in [("a.example", 1 + 2), ("b.example", 1 + 4)] {
        assert!(!keeps(&mut world, at, &photo));
        assert_eq!(rows(&mut world, at), left, "{at}");
    }
    let site = world.site("b.example");
    assert_eq!(code(&ask(&mut bert, site, photo.open()).0), Code::BlobGone);
    assert_eq!(code(&ask(&mut bert, site, photo.get(0)).0), Code::BlobGone);
    assert!(site.fetches.is_empty());
    // Nobody was told who has not fetched it; who asks now is refused by the origin.
    assert_eq!(ask(&mut clara, world.site("c.example"), photo.open()).0, ReplyBody::Pending);
    world.settle();
    assert_eq!(code(&ask(&mut clara, world.site("c.example"), photo.open()).0), Code::BlobGone);

    // That it was there is known as long as it would have been.
    for at in ["a.example", "b.example"] {
        let site = world.site(at);
        site.now = expires_at();
        site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
        assert_eq!(rows(&mut world, at), 0, "{at}");
    }
}

/// SPEC V-687: nobody but the origin takes something back.
#[test]
fn another_agency_takes_nothing_back() {
    let (mut world, [_anna, mut bert], mut chunks, photo) = uploaded(1_000);
    download(&mut world, &mut bert, &mut chunks, &photo);
    let forgotten = || LinkItem::BlobForgotten(BlobForgotten { blob: photo.file.blob });
    world.tell("c.example", "b.example", forgotten());
    assert!(keeps(&mut world, "b.example", &photo));
    world.tell("a.example", "b.example", forgotten());
    assert!(!keeps(&mut world, "b.example", &photo));
}

#[test]
fn operators_take_back_whatever_lies_at_their_server() {
    let (mut world, [_anna, mut bert], mut chunks, photo) = uploaded(1_000);
    download(&mut world, &mut bert, &mut chunks, &photo);
    let forget = |site: &mut Site| site.call(|server, ctx| server.forget(ctx, &photo.file.blob)).unwrap();
    assert!(!forget(world.site("b.example")), "another agency's");
    assert!(forget(world.site("a.example")));
    assert!(!forget(world.site("a.example")));
    world.settle();
    assert!(!keeps(&mut world, "b.example", &photo));
}

/// A chunk that is under way when its attachment is taken back comes to nothing.
#[test]
fn what_is_taken_back_while_it_is_fetched_stays_away() {
    let (mut world, [mut anna, mut bert], mut chunks, photo) = uploaded(200_000);
    assert_eq!(ask(&mut bert, world.site("b.example"), photo.open()).0, ReplyBody::Pending);
    world.settle();
    let fetches = std::mem::take(&mut world.site("b.example").fetches);
    let (_, message) = &fetches[0];
    let early = world.site("a.example").peer(message).unwrap().unwrap();
    ask(&mut anna, world.site("a.example"), photo.forget());
    // The origin's word for a chunk may come before that for the whole.
    let late = world.site("a.example").peer(&fetches[1].1).unwrap().unwrap();
    assert_eq!(late.chunk, None);
    take_reply(world.site("b.example"), &mut chunks, &late.bytes, b"").unwrap();
    assert!(!keeps(&mut world, "b.example", &photo));
    let before = chunks.len();
    let chunk = chunks[&(agency("a.example"), early.chunk.unwrap())].clone();
    take_reply(world.site("b.example"), &mut chunks, &early.bytes, &chunk).unwrap();
    assert_eq!(chunks.len(), before);
    world.settle();
    assert_eq!(rows(&mut world, "b.example"), 1 + 4);
    assert_eq!(code(&ask(&mut bert, world.site("b.example"), photo.get(0)).0), Code::BlobGone);
}

/// SPEC V-681
#[test]
fn an_upload_that_does_not_go_on_is_given_up_and_may_begin_again() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut arne = world.person("arne@a.example");
    let mut chunks = Chunks::new();
    let mut photo = Photo::new(200_000, "a.example");
    photo.file.expires_at = now().plus(60 * DAY);
    let parts = photo.chunks().len();
    let site = world.site("a.example");
    assert_eq!(ask(&mut anna, site, RequestBody::BlobBegin(photo.begin())).0, ReplyBody::Done);
    let day = |site: &mut Site, days: u32| {
        site.now = now().plus(days * DAY);
        site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
    };
    // Each chunk gives it as much time again.
    for (days, index) in [(6, 0), (12, 1)] {
        day(site, days);
        let chunk = photo.chunks()[usize::try_from(index).unwrap()].to_vec();
        assert_eq!(bring(&mut anna, site, &mut chunks, photo.put(index), &chunk), ReplyBody::Done);
    }
    day(site, 18);
    assert_eq!(code(&ask(&mut arne, site, photo.open()).0), Code::BlobIncomplete);
    assert_eq!(limits::UPLOAD_KEPT, 7 * DAY);
    day(site, 19);
    assert_eq!(code(&ask(&mut arne, site, photo.open()).0), Code::UploadAbandoned);
    assert_eq!(code(&ask(&mut anna, site, photo.put(2)).0), Code::UploadAbandoned);
    assert_eq!(
        site.call(|server, ctx| {
            let usage =
                server.uploaded(Ctx { now: ctx.now, store: ctx.store, rng: ctx.rng }, &anna.id.user)?;
            assert_eq!((usage.blobs, usage.bytes), (1, 0));
            server.tick(ctx, 1)
        }),
        Ok(())
    );
    // Its name stays its uploader's.
    assert_eq!(code(&ask(&mut arne, site, RequestBody::BlobBegin(photo.begin())).0), Code::Equivocation);
    upload(&mut anna, site, &mut chunks, &photo);
    assert!(matches!(ask(&mut arne, site, photo.get(parts as u64 - 1)).0, ReplyBody::BlobChunk(_)));
    // And what is whole is never given up.
    day(site, 59);
    assert!(matches!(ask(&mut arne, site, photo.open()).0, ReplyBody::BlobInfo(_)));
}
