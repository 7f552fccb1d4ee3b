//! Preview files: sealed under keys of their own, and fetched by themselves.

use verbund::{
    content::PreviewFile,
    server::{Allowance, Storage},
};

use super::*;

/// One chunk.
const STILL: usize = 9_000;

fn with_preview(world: &mut World) -> (Sealed, Sealed, Attachment) {
    let (video, file) = sealed(world, ANNA, &plain(SIZE), DAY * 30);
    let (still, small) = sealed(world, ANNA, &plain(STILL), DAY * 30);
    let preview = PreviewFile::new(small, "image/jpeg").unwrap();
    let attachment = Attachment::new(file, "video/mp4").unwrap().with_preview_file(preview).unwrap();
    (video, still, attachment)
}

fn share_both(world: &mut World, room: RoomId) -> (Attachment, RequestId, MessageId) {
    let (video, still, attachment) = with_preview(world);
    let request = RequestId::random(&mut world.rng);
    let command = Command::Share {
        request,
        room,
        attachment: attachment.clone(),
        lifetime: None,
        header: *video.header(),
        list: video.list().clone(),
        preview: Some((*still.header(), still.list().clone())),
    };
    let (receipt, _) = world.call(ANNA, |engine, ctx| engine.command(ctx, command)).unwrap();
    world.settle().unwrap();
    (attachment, request, receipt.message.unwrap())
}

/// What a phone was told of last.
fn told_of(world: &World, phone: usize) -> Option<Attachment> {
    world.phones[phone].events.iter().rev().find_map(|event| match event {
        Event::Message { content: Content::Attachment(attachment), .. } => Some(attachment.clone()),
        _ => None,
    })
}

#[test]
fn a_preview_is_fetched_by_itself() {
    let mut world = officers(245);
    let room = room(&mut world);
    let (sent, ..) = share_both(&mut world, room);
    let told = told_of(&world, BEN).unwrap();
    assert_eq!(told, sent);
    let small = told.preview_file().unwrap().file();
    let fetched = fetch(&mut world, BEN, small);
    assert_eq!(opened(&world, BEN, &fetched, small), plain(STILL));
    world.pass(MINUTE).unwrap();
    assert_eq!(world.hosts[&agency(SUED)].carried.chunks, 1, "of the file itself nothing has come");
    // Neither opens the other.
    let mut other = small.clone();
    other.blob = told.file().blob;
    assert_eq!(why(&fetch(&mut world, BEN, &other)).0, Code::BadCapability);
    let fetched = fetch(&mut world, BEN, told.file());
    assert_eq!(opened(&world, BEN, &fetched, told.file()), plain(SIZE));
}

/// SPEC V-688: both go with the message.
#[test]
fn a_preview_goes_with_its_message() {
    let mut world = officers(246);
    let room = room(&mut world);
    let (sent, _, message) = share_both(&mut world, room);
    let small = sent.preview_file().unwrap().file();
    for file in sent.files() {
        let told = fetch(&mut world, BEN, file);
        assert!(matches!(told, Event::Fetched { .. }));
        assert!(knows_key(&world, BEN, file));
    }
    delete(&mut world, ANNA, room, message);
    world.pass(MINUTE).unwrap();
    for name in [NORD, SUED] {
        assert!(at(&mut world, name).chunks.is_empty(), "{name}");
    }
    for file in sent.files() {
        assert!(!knows_key(&world, BEN, file));
    }
    assert_eq!(why(&fetch(&mut world, BEN, small)).0, Code::BlobGone);
}

/// What cannot be shared as a whole is not shared, and nothing of it stays at the server.
#[test]
fn a_preview_of_a_file_that_has_no_room_is_taken_back() {
    let mut world = officers(247);
    let room = room(&mut world);
    let world::Host { engine, store, .. } = world.hosts.get_mut(&agency(NORD)).unwrap();
    let storage = Storage { uploads: Allowance { blobs: 10, bytes: 20_000 }, ..Storage::default() };
    let ctx = Ctx { now: world.now, store, rng: &mut world.rng };
    engine.set_storage(ctx, &storage).unwrap().commit(store).unwrap();
    let (sent, request, _) = share_both(&mut world, room);
    let failed = Event::Failed { request, code: Code::Quota, retry_at: None };
    assert!(world.phones[ANNA].events.contains(&failed), "{:?}", world.phones[ANNA].events);
    assert!(at(&mut world, NORD).chunks.is_empty());
    assert!(told_of(&world, BEN).is_none());
    let small = sent.preview_file().unwrap().file();
    assert_eq!(why(&fetch(&mut world, ANNA, small)).0, Code::BlobGone);
}

#[test]
fn a_preview_file_is_shared_with_what_it_is_announced_with() {
    let mut world = officers(248);
    let room = room(&mut world);
    let (video, _, attachment) = with_preview(&mut world);
    let request = RequestId::random(&mut world.rng);
    let (header, list) = (*video.header(), video.list().clone());
    for preview in [None, Some((header, list.clone()))] {
        let (attachment, list) = (attachment.clone(), list.clone());
        let share = Command::Share { request, room, attachment, lifetime: None, header, list, preview };
        let error = world.call(ANNA, |engine, ctx| engine.command(ctx, share)).unwrap_err();
        let code = error.downcast::<verbund::Error>().unwrap().code();
        assert!(matches!(code, Code::BadArgument | Code::BadRoot), "{code:?}");
    }
}
