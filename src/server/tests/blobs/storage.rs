//! How much is kept of attachments.

use super::*;
use crate::{
    identity::fixture::DAY,
    limits,
    server::{Allowance, Storage},
};

fn uploaded(site: &mut Site, user: &crate::ids::UserId) -> (u64, u64) {
    let ctx = Ctx { now: site.now, store: &site.store, rng: &mut site.rng };
    let Allowance { blobs, bytes } = site.server.uploaded(ctx, user).unwrap();
    (blobs, bytes)
}

fn fetched(site: &mut Site, origin: &str) -> (u64, u64) {
    let ctx = Ctx { now: site.now, store: &site.store, rng: &mut site.rng };
    let Allowance { blobs, bytes } = site.server.fetched(ctx, &agency(origin)).unwrap();
    (blobs, bytes)
}

fn set(site: &mut Site, change: impl FnOnce(&mut Storage)) {
    let mut storage = Storage::default();
    change(&mut storage);
    site.call(|server, ctx| server.set_storage(ctx, &storage)).unwrap();
    let ctx = Ctx { now: site.now, store: &site.store, rng: &mut site.rng };
    assert_eq!(site.server.storage(ctx), Ok(storage));
}

fn refused(body: &ReplyBody) -> (Code, Timestamp) {
    let ReplyBody::Failure(failure) = body else { panic!("not refused: {body:?}") };
    (failure.reason.code().unwrap(), failure.retry_at)
}

/// SPEC V-690, V-691
#[test]
fn a_user_uploads_no_more_than_is_allowed_and_more_when_something_goes() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut tablet = world.further(&anna);
    let mut arne = world.person("arne@a.example");
    let photo = |size, days: u32| {
        let mut photo = Photo::new(size, "a.example");
        photo.file.expires_at = now().plus(days * DAY);
        photo
    };
    let (early, late, more) = (photo(1_000, 2), photo(2_000, 3), photo(3_000, 4));
    let site = world.site("a.example");
    set(site, |storage| storage.uploads = Allowance { blobs: 2, bytes: 10_000 });
    // All of a user's devices together; what is announced counts, whether it is there or not.
    let begin = |photo: &Photo| RequestBody::BlobBegin(photo.begin());
    for (dev, photo) in [(&mut anna, &early), (&mut tablet, &late)] {
        for _ in 0..2 {
            assert_eq!(ask(dev, site, begin(photo)).0, ReplyBody::Done);
        }
    }
    let sealed = [&early, &late].map(|photo| photo.bytes.len() as u64).iter().sum();
    assert_eq!(uploaded(site, &anna.id.user), (2, sealed));
    assert_eq!(refused(&ask(&mut anna, site, begin(&more)).0), (Code::Quota, early.file.expires_at));
    assert_eq!(ask(&mut arne, site, begin(&more)).0, ReplyBody::Done);
    // What could never be there is told without a time.
    let huge = photo(20_000, 4);
    assert_eq!(refused(&ask(&mut anna, site, begin(&huge)).0), (Code::Quota, Timestamp::ZERO));

    // At the time that was told there is room.
    site.now = early.file.expires_at;
    site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
    let third = photo(4_000, 4);
    assert_eq!(ask(&mut anna, site, begin(&third)).0, ReplyBody::Done);
    assert_eq!(uploaded(site, &anna.id.user).0, 2);
    // Bytes count as attachments do.
    set(site, |storage| storage.uploads = Allowance { blobs: 99, bytes: 7_000 });
    let fourth = photo(1_500, 4);
    assert_eq!(refused(&ask(&mut anna, site, begin(&fourth)).0), (Code::Quota, late.file.expires_at));
    let small = photo(100, 4);
    assert_eq!(ask(&mut anna, site, begin(&small)).0, ReplyBody::Done);

    // When all has gone nothing is counted, whatever way it went.
    let forget = |photo: &Photo| RequestBody::BlobForget(wire::device::BlobForget { blob: photo.file.blob });
    let before = uploaded(site, &anna.id.user);
    assert_eq!(ask(&mut tablet, site, forget(&small)).0, ReplyBody::Done);
    // What is taken back has no bytes, and counts as long as its name stands.
    assert_eq!(uploaded(site, &anna.id.user), (before.0, before.1 - small.bytes.len() as u64));
    site.now = now().plus(5 * DAY);
    site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
    assert_eq!(uploaded(site, &anna.id.user), (0, 0));
    assert_eq!(uploaded(site, &arne.id.user), (0, 0));
}

/// SPEC V-690: one that was given up counts without bytes, and once when it comes again.
#[test]
fn what_is_given_up_counts_until_it_would_have_expired() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut photo = Photo::new(1_000, "a.example");
    photo.file.expires_at = now().plus(30 * DAY);
    let site = world.site("a.example");
    set(site, |storage| storage.uploads = Allowance { blobs: 1, bytes: 10_000 });
    let (begin, sealed) = (RequestBody::BlobBegin(photo.begin()), photo.bytes.len() as u64);
    assert_eq!(ask(&mut anna, site, begin.clone()).0, ReplyBody::Done);
    site.now = now().plus(limits::UPLOAD_KEPT).plus(DAY);
    site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
    assert_eq!(uploaded(site, &anna.id.user), (1, 0));
    let mut other = Photo::new(500, "a.example");
    other.file.expires_at = now().plus(30 * DAY);
    let full = ask(&mut anna, site, RequestBody::BlobBegin(other.begin())).0;
    assert_eq!(refused(&full), (Code::Quota, photo.file.expires_at));
    assert_eq!(ask(&mut anna, site, begin).0, ReplyBody::Done);
    assert_eq!(uploaded(site, &anna.id.user), (1, sealed));
    site.now = photo.file.expires_at;
    site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
    assert_eq!(uploaded(site, &anna.id.user), (0, 0));
}

/// What has expired stands until its storage is given back: nobody takes its name over before, and with it
/// what it counts for.
#[test]
fn a_name_is_free_when_its_storage_is() {
    let mut world = World::new();
    let mut bert = world.person("bert@a.example");
    let mut anna = world.person("anna@a.example");
    let mut photo = Photo::new(1_000, "a.example");
    photo.file.expires_at = now().plus(DAY);
    let site = world.site("a.example");
    assert_eq!(ask(&mut bert, site, RequestBody::BlobBegin(photo.begin())).0, ReplyBody::Done);
    site.now = now().plus(DAY);
    photo.file.expires_at = now().plus(2 * DAY);
    let begin = RequestBody::BlobBegin(photo.begin());
    assert_eq!(code(&ask(&mut anna, site, begin.clone()).0), Code::Expired);
    site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
    assert_eq!(uploaded(site, &bert.id.user), (0, 0));
    assert_eq!(ask(&mut anna, site, begin).0, ReplyBody::Done);
    assert_eq!(uploaded(site, &anna.id.user).0, 1);
}

/// SPEC V-681: a chunk that was lost makes no upload of what was whole.
#[test]
fn what_was_whole_is_not_given_up() {
    let mut world = World::new();
    let (mut anna, mut chunks) = (world.person("anna@a.example"), Chunks::new());
    let mut photo = Photo::new(100_000, "a.example");
    photo.file.expires_at = now().plus(30 * DAY);
    let site = world.site("a.example");
    upload(&mut anna, site, &mut chunks, &photo);
    let name = ChunkRef { origin: agency("a.example"), blob: photo.file.blob, index: 1 };
    site.call(|server, ctx| server.check_chunk(ctx, &name, None)).unwrap();
    site.now = now().plus(limits::UPLOAD_KEPT).plus(DAY);
    site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
    assert_eq!(code(&ask(&mut anna, site, photo.get(1)).0), Code::ChunkLost);
    let good = photo.chunks()[1].to_vec();
    assert_eq!(bring(&mut anna, site, &mut chunks, photo.put(1), &good), ReplyBody::Done);
    assert!(matches!(ask(&mut anna, site, photo.get(1)).0, ReplyBody::BlobChunk(1)));
}

/// SPEC V-690, V-692
#[test]
fn of_other_agencies_no_more_is_kept_than_is_allowed() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut clara = world.person("clara@c.example");
    let mut bert = world.person("bert@b.example");
    let mut bea = world.person("bea@b.example");
    let mut chunks = Chunks::new();
    let photos = [1_000, 2_000, 3_000].map(|size| Photo::new(size, "a.example"));
    for photo in &photos {
        upload(&mut anna, world.site("a.example"), &mut chunks, photo);
    }
    let foreign = Photo::new(4_000, "c.example");
    upload(&mut clara, world.site("c.example"), &mut chunks, &foreign);
    set(world.site("b.example"), |storage| {
        storage.of_agency = Allowance { blobs: 2, bytes: 100_000 };
        storage.fetched = Allowance { blobs: 2, bytes: 100_000 };
    });
    let [one, two, three] = &photos;
    let try_to = |world: &mut World, dev: &mut Dev, photo: &Photo| {
        ask(dev, world.site("b.example"), photo.open());
        world.settle();
        ask(dev, world.site("b.example"), photo.open()).0
    };
    download(&mut world, &mut bert, &mut chunks, one);
    // Who comes after the first is not charged.
    download(&mut world, &mut bea, &mut chunks, one);
    download(&mut world, &mut bert, &mut chunks, two);
    assert_eq!(fetched(world.site("b.example"), "a.example").0, 2);
    // No more of this agency, also for who has asked for nothing yet; no more for this user.
    let full = try_to(&mut world, &mut bea, three);
    assert_eq!(refused(&full).0, Code::Quota);
    assert!(refused(&full).1 > now());
    assert_eq!(refused(&try_to(&mut world, &mut bert, &foreign)).0, Code::Quota);
    // What another may have, the refusal of one does not take away for good.
    for site in &mut world.sites {
        site.now = now().plus(core::time::Duration::from_secs(700));
        site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
    }
    download(&mut world, &mut bea, &mut chunks, &foreign);
    assert_eq!(fetched(world.site("b.example"), "c.example").0, 1);
    let forget = RequestBody::BlobForget(wire::device::BlobForget { blob: one.file.blob });
    ask(&mut anna, world.site("a.example"), forget);
    world.settle();
    assert_eq!(fetched(world.site("b.example"), "a.example"), (2, two.bytes.len() as u64));
    set(world.site("b.example"), |storage| {
        storage.of_agency = Allowance { blobs: 3, bytes: 100_000 };
        storage.fetched = Allowance { blobs: 3, bytes: 100_000 };
    });
    for site in &mut world.sites {
        site.now = now().plus(core::time::Duration::from_secs(1_400));
        site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
    }
    download(&mut world, &mut bert, &mut chunks, three);
}

/// SPEC V-695: what a device wants of other agencies is counted at home, before anything leaves; a file that is
/// asked for already is not counted again, nor one of the own agency.
#[test]
fn a_device_asks_for_so_many_attachments_elsewhere_and_no_more() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let photo = Photo::new(7, "b.example");
    let open = |n: u64, of: &str| {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        let (blob, origin) = (BlobId::from_bytes(id), agency(of));
        RequestBody::BlobOpen(BlobOpen { blob, origin, capability: photo.shown() })
    };
    let site = world.site("a.example");
    for n in 0..limits::BLOBS_ELSEWHERE {
        let of = ["b.example", "c.example"][usize::from(n % 2 == 1)];
        assert_eq!(ask(&mut anna, site, open(n, of)).0, ReplyBody::Pending);
    }
    let again = site.now.plus(limits::BLOBS_ELSEWHERE_EVERY);
    let (refused, _) = ask(&mut anna, site, open(limits::BLOBS_ELSEWHERE, "b.example"));
    let ReplyBody::Failure(failure) = &refused else { panic!("{refused:?}") };
    assert_eq!((code(&refused), failure.retry_at), (Code::Quota, again));
    assert_eq!(ask(&mut anna, site, open(0, "b.example")).0, ReplyBody::Pending);
    assert_eq!(code(&ask(&mut anna, site, open(0, "a.example")).0), Code::UnknownBlob);
    site.now = again;
    assert_eq!(ask(&mut anna, site, open(limits::BLOBS_ELSEWHERE, "b.example")).0, ReplyBody::Pending);
}
