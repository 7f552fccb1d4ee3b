//! Files that go on to others: within an agency as they lie at its server, beyond it sealed anew.

use verbund::{
    attachment::{FileKey, Resealer, Sealer},
    ids::BlobId,
};

use super::*;

const ARNE: usize = 4;
const AXEL: usize = 5;
const BRUNO: usize = 6;

/// A room of Anna, Ben, Clara and Arne, in which Anna has shared a file; and Axel, Arne's colleague, and
/// Bruno, Ben's, who have no part in it.
fn passed_on(seed: u8) -> (World, RoomId, FileRef) {
    let mut world = officers(seed);
    for name in [format!("arne@{NORD}"), format!("axel@{NORD}"), format!("bruno@{SUED}")] {
        world.enrol(&name).unwrap();
    }
    let room = room_of(&mut world, ANNA, &[ARNE, BEN, CLARA]);
    let file = sealed(&mut world, ANNA, &plain(SIZE), DAY * 30);
    share(&mut world, ANNA, room, &file);
    world.settle().unwrap();
    (world, room, file.1)
}

fn room_of(world: &mut World, founder: usize, others: &[usize]) -> RoomId {
    let invite = others.iter().map(|phone| world.phones[*phone].device.user.clone()).collect();
    let create = |request| Command::CreateRoom {
        request,
        kind: RoomKind::Group,
        name: "Colleagues".into(),
        policy: Policy::default(),
        invite,
    };
    let room = world.command(founder, create).unwrap().room.unwrap();
    world.settle().unwrap();
    room
}

fn forward(
    world: &mut World,
    phone: usize,
    (from, room): (RoomId, RoomId),
    file: &FileRef,
) -> Result<RequestId, Code> {
    let request = RequestId::random(&mut world.rng);
    let attachment = Attachment::new(file.clone(), "image/png").unwrap();
    let command = Command::Forward { request, from, room, attachment, lifetime: None };
    let called = world.call(phone, |engine, ctx| engine.command(ctx, command));
    let refused = |error: crate::world::Error| error.downcast::<verbund::Error>().unwrap().code();
    called.map_err(refused)?;
    world.settle().unwrap();
    Ok(request)
}

/// The file that a phone was told of last.
fn told_of(world: &World, phone: usize) -> Option<FileRef> {
    world.phones[phone].events.iter().rev().find_map(|event| match event {
        Event::Message { content: Content::Attachment(attachment), .. } => Some(attachment.file().clone()),
        _ => None,
    })
}

fn failed(world: &World, phone: usize, wanted: RequestId) -> Option<Code> {
    world.phones[phone].events.iter().find_map(|event| match event {
        Event::Failed { request, code, .. } if *request == wanted => Some(*code),
        _ => None,
    })
}

fn carried(world: &World, name: &str) -> usize {
    world.hosts[&agency(name)].carried.chunks
}

/// SPEC V-693, V-694
#[test]
fn within_an_agency_nothing_is_uploaded_again() {
    let (mut world, from, file) = passed_on(230);
    let room = room_of(&mut world, ARNE, &[AXEL]);
    let before = carried(&world, NORD);
    forward(&mut world, ARNE, (from, room), &file).unwrap();
    assert_eq!(told_of(&world, AXEL).as_ref(), Some(&file));
    let told = fetch(&mut world, AXEL, &file);
    assert_eq!(opened(&world, AXEL, &told, &file), plain(SIZE));
    assert_eq!(carried(&world, NORD), before, "chunks went up again");
    assert!(world.phones[ARNE].chunks.is_empty(), "nor did they come down for that");

    // At another agency than the file's, its server fetches it, once for all.
    let room = room_of(&mut world, BEN, &[BRUNO]);
    forward(&mut world, BEN, (from, room), &file).unwrap();
    world.pass(MINUTE).unwrap();
    assert_eq!(told_of(&world, BRUNO).as_ref(), Some(&file));
    at(&mut world, NORD).down = true;
    let told = fetch(&mut world, BRUNO, &file);
    assert_eq!(opened(&world, BRUNO, &told, &file), plain(SIZE));
    let chunks = usize::try_from(file.geometry().unwrap().chunks()).unwrap();
    assert_eq!(carried(&world, SUED), chunks);
}

/// SPEC V-650, V-694: who does not know the key can neither fetch a file nor forward it.
#[test]
fn a_device_that_does_not_know_the_key_is_refused() {
    let (mut world, _, mut file) = passed_on(231);
    let room = room_of(&mut world, AXEL, &[ARNE]);
    file.key = FileKey::from_bytes(zeroize::Zeroizing::new([7; 32]));
    let told = fetch(&mut world, AXEL, &file);
    assert_eq!(why(&told), (Code::BadCapability, Blame::Sender, Remedy::AskSender));
    let request = forward(&mut world, AXEL, (room, room), &file).unwrap();
    assert_eq!(failed(&world, AXEL, request), Some(Code::BadCapability));
    assert_eq!(told_of(&world, ARNE).filter(|told| told.key == file.key), None);
}

/// SPEC V-693
#[test]
fn people_of_other_agencies_take_a_file_that_is_sealed_anew() {
    let (mut world, from, file) = passed_on(232);
    let room = room_of(&mut world, ARNE, &[AXEL, BRUNO]);
    assert_eq!(forward(&mut world, ARNE, (from, room), &file), Err(Code::SealAnew));
    // Not without the room under whose label it is.
    let unknown = RoomId::random(&mut world.rng);
    assert_eq!(forward(&mut world, ARNE, (unknown, room), &file), Err(Code::UnknownRoom));

    let told = fetch(&mut world, ARNE, &file);
    let anew = seal_anew(&mut world, ARNE, &told, &file);
    let before = carried(&world, NORD);
    share(&mut world, ARNE, room, &anew);
    world.settle().unwrap();
    let told = fetch(&mut world, BRUNO, &anew.1);
    assert_eq!(opened(&world, BRUNO, &told, &anew.1), plain(SIZE));
    let chunks = usize::try_from(file.geometry().unwrap().chunks()).unwrap();
    assert_eq!(carried(&world, NORD), before + chunks, "it went up once");
    // Servers see two files that have nothing but their size in common, and each goes by itself.
    let host = &world.hosts[&agency(NORD)];
    let of = |blob| host.chunks.iter().filter(move |(name, _)| name.blob == blob).map(|(_, chunk)| chunk);
    assert!(of(file.blob).all(|old| of(anew.1.blob).all(|new| old != new)));
    let request = RequestId::random(&mut world.rng);
    let take_back = Command::Forget { request, file: file.clone() };
    world.call(ANNA, |engine, ctx| engine.command(ctx, take_back)).unwrap();
    world.pass(MINUTE).unwrap();
    assert_eq!(why(&fetch(&mut world, ARNE, &file)).0, Code::BlobGone);
    let told = fetch(&mut world, AXEL, &anew.1);
    assert_eq!(opened(&world, AXEL, &told, &anew.1), plain(SIZE));
}

/// A fetched file, sealed anew into the phone's chunk store.
fn seal_anew(world: &mut World, phone: usize, told: &Event, file: &FileRef) -> (Sealed, FileRef) {
    let Event::Fetched { request } = told else { panic!("{told:?}") };
    let opener = world.phones[phone].engine.opener(&world.phones[phone].store, request).unwrap();
    let sealer = Sealer::new(file.size, &mut world.rng).unwrap();
    let (blob, origin) = (BlobId::random(&mut world.rng), world.phones[phone].device.user.agency().clone());
    let mut anew = Resealer::new(opener, sealer).unwrap();
    while let Some(index) = anew.next_index() {
        let old = ChunkRef { origin: file.origin.clone(), blob: file.blob, index };
        let mut chunk = world.phones[phone].chunks[&old].clone();
        anew.reseal_next(&mut chunk).unwrap();
        world.phones[phone].chunks.insert(ChunkRef { origin: origin.clone(), blob, index }, chunk);
    }
    let sealed = anew.finish().unwrap();
    let file = sealed.file_ref(blob, origin, world.now.plus(DAY * 30));
    (sealed, file)
}

/// SPEC V-693
#[test]
fn under_another_label_a_file_is_sealed_anew() {
    let (mut world, from, file) = passed_on(233);
    let room = room_of(&mut world, ARNE, &[AXEL]);
    let label = |world: &mut World, room, label: &str| {
        let label = Some(label.to_owned());
        let describe = |request| Command::Describe { request, room, name: None, topic: None, label };
        world.command(if room == from { ANNA } else { ARNE }, describe).unwrap();
        world.settle().unwrap();
    };
    label(&mut world, room, "restricted");
    assert_eq!(forward(&mut world, ARNE, (from, room), &file), Err(Code::SealAnew));
    label(&mut world, from, "restricted");
    forward(&mut world, ARNE, (from, room), &file).unwrap();
    assert_eq!(told_of(&world, AXEL).as_ref(), Some(&file));
}

/// SPEC V-694: what the own server cannot give is not forwarded; who has it already keeps it.
#[test]
fn what_is_gone_is_not_forwarded() {
    let (mut world, from, file) = passed_on(234);
    let room = room_of(&mut world, ARNE, &[AXEL]);
    forward(&mut world, ARNE, (from, room), &file).unwrap();
    let told = fetch(&mut world, AXEL, &file);
    let request = RequestId::random(&mut world.rng);
    let take_back = Command::Forget { request, file: file.clone() };
    world.call(ANNA, |engine, ctx| engine.command(ctx, take_back)).unwrap();
    world.settle().unwrap();
    assert_eq!(opened(&world, AXEL, &told, &file), plain(SIZE));
    let request = forward(&mut world, ARNE, (from, room), &file).unwrap();
    assert_eq!(failed(&world, ARNE, request), Some(Code::BlobGone));
    // Nothing is left of it that would count as under way.
    world.restart(ARNE).unwrap();
    world.settle().unwrap();
    let messages = |event: &&Event| matches!(event, Event::Message { .. });
    assert_eq!(world.phones[AXEL].events.iter().filter(messages).count(), 1);
    world.pass(DAY * 31).unwrap();
    assert_eq!(forward(&mut world, ARNE, (from, room), &file), Err(Code::Expired));
}

/// SPEC V-694: as long as the own server does not have it, the message waits, through restarts.
#[test]
fn what_is_still_coming_is_forwarded_when_it_is_there() {
    let (mut world, from, file) = passed_on(235);
    let room = room_of(&mut world, BEN, &[BRUNO]);
    at(&mut world, NORD).down = true;
    let request = forward(&mut world, BEN, (from, room), &file).unwrap();
    for _ in 0..5 {
        world.pass(MINUTE).unwrap();
    }
    world.restart(BEN).unwrap();
    world.restart_server(&agency(SUED)).unwrap();
    world.settle().unwrap();
    assert_eq!((told_of(&world, BRUNO), failed(&world, BEN, request)), (None, None));
    at(&mut world, NORD).down = false;
    for _ in 0..12 {
        world.pass(MINUTE).unwrap();
    }
    assert_eq!(told_of(&world, BRUNO).as_ref(), Some(&file));

    // It expires while it waits.
    let late = sealed(&mut world, ANNA, &plain(SIZE), DAY);
    share(&mut world, ANNA, from, &late);
    world.settle().unwrap();
    at(&mut world, NORD).down = true;
    let request = forward(&mut world, BEN, (from, room), &late.1).unwrap();
    world.pass(DAY * 2).unwrap();
    assert_eq!(failed(&world, BEN, request), Some(Code::Expired));
}

/// SPEC V-468, V-693: somebody of another agency comes in while the server is asked.
#[test]
fn who_comes_in_meanwhile_is_not_sent_it() {
    let (mut world, from, file) = passed_on(236);
    let room = room_of(&mut world, AXEL, &[ARNE]);
    // The question to the server is lost; meanwhile Arne's phone reads in the log who has come.
    world.budget = 0;
    let request = forward(&mut world, ARNE, (from, room), &file).unwrap();
    world.budget = usize::MAX;
    world.phones[ARNE].outgoing.clear();
    let bruno = world.phones[BRUNO].device.user.clone();
    world.command(AXEL, |request| Command::Invite { request, room, users: vec![bruno] }).unwrap();
    world.settle().unwrap();
    world.pass(MINUTE).unwrap();
    assert_eq!(failed(&world, ARNE, request), Some(Code::SealAnew));
    assert_eq!(told_of(&world, BRUNO), None);
}

/// SPEC V-468: the same of a file that is still on its way up.
#[test]
fn who_comes_in_during_an_upload_is_sent_it_with_consent_alone() {
    let (mut world, ..) = passed_on(237);
    let room = room_of(&mut world, AXEL, &[ARNE]);
    let file = sealed(&mut world, ARNE, &plain(SIZE), DAY * 30);
    share(&mut world, ARNE, room, &file);
    world.budget = 3;
    world.settle().unwrap();
    world.budget = usize::MAX;
    // The rest of the chunks is lost on the way. Meanwhile Arne's phone reads in the log who has come, and then
    // goes on with the file.
    world.phones[ARNE].outgoing.clear();
    let bruno = world.phones[BRUNO].device.user.clone();
    world.command(AXEL, |request| Command::Invite { request, room, users: vec![bruno.clone()] }).unwrap();
    world.settle().unwrap();
    let blob = file.1.blob;
    let up =
        |world: &World| world.hosts[&agency(NORD)].chunks.keys().filter(|chunk| chunk.blob == blob).count();
    assert!(up(&world) < 5);
    world.pass(MINUTE).unwrap();
    world.pass(MINUTE).unwrap();
    assert_eq!(up(&world), 5);
    let asked =
        |event: &Event| matches!(event, Event::SendNeedsConsent { added, .. } if *added == [bruno.clone()]);
    assert!(world.phones[ARNE].events.iter().any(asked), "{:?}", world.phones[ARNE].events);
    assert_eq!(told_of(&world, BRUNO), None);
}
