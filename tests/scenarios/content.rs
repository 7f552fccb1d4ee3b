//! What people say about what was said, through both engines: edits, deletions, reactions,
//! receipts, labels, and messages that expire. Everybody comes to the same result.

use std::time::Duration;

use crate::support::{officers::*, *};
use verbund::{
    client::{Applied, By, Command, Event},
    code::Code,
    content::{Content, Delete, Edit, Location, Reaction, ReceiptKind, Receipts, Text},
    ids::{MessageId, RoomId},
    time::Timestamp,
};

const ALL: [usize; 4] = [ANNA, TABLET, BEN, CLARA];

fn together(seed: u8) -> (Net, RoomId) {
    let mut net = officers(seed);
    let room = net.room(ANNA, &[BEN_ID, CLARA_ID]);
    (net, room)
}

/// Sends something without letting it travel; its id.
fn send(net: &mut Net, phone: usize, room: RoomId, content: impl Into<Content>) -> Result<MessageId, Code> {
    send_for(net, phone, room, content, None)
}

fn send_for(
    net: &mut Net,
    phone: usize,
    room: RoomId,
    content: impl Into<Content>,
    lifetime: Option<Duration>,
) -> Result<MessageId, Code> {
    let content = content.into();
    let sent = net.command(phone, |request| Command::Send { request, room, content, lifetime });
    sent.map(|(_, receipt)| receipt.message.unwrap()).map_err(|error| error.code())
}

/// What a phone was told that a message does, whoever sent it.
fn applies(net: &Net, phone: usize, message: MessageId) -> Vec<Applied> {
    let of = |event: &Event| match event {
        Event::Message { id, applies, .. } | Event::Sent { id, applies, .. } if *id == message => {
            Some(applies.clone())
        }
        _ => None,
    };
    net.phones[phone].events.iter().find_map(of).unwrap_or_else(|| panic!("phone {phone} has not read it"))
}

/// That all of these phones were told the same about each of the message's targets.
fn outcome(net: &Net, phones: &[usize], message: MessageId) -> Vec<Result<By, Code>> {
    let told: Vec<_> = phones.iter().map(|phone| applies(net, *phone, message)).collect();
    assert!(told.iter().all(|other| *other == told[0]), "{told:?}");
    told[0].iter().map(|applied| applied.outcome).collect()
}

fn words(target: MessageId, body: &str) -> Edit {
    Edit::text(target, Text::plain(body).unwrap()).unwrap()
}

fn read(targets: &[MessageId]) -> Receipts {
    Receipts::new(ReceiptKind::Read, targets.iter().copied()).unwrap()
}

/// SPEC V-720 to V-724
#[test]
fn everybody_comes_to_the_same_result() {
    let (mut net, room) = together(150);
    let gate = send(&mut net, ANNA, room, text("Meet at the north gate")).unwrap();
    let place = send(&mut net, BEN, room, Location::at(535_411_000, 99_842_000).unwrap()).unwrap();
    net.settle();
    // From another device of the same user, and twice: the edit of an edit names the original.
    let first = send(&mut net, TABLET, room, words(gate, "Meet at the south gate")).unwrap();
    net.settle();
    let second = send(&mut net, ANNA, room, words(gate, "Meet at the east gate")).unwrap();
    let seen = send(&mut net, CLARA, room, read(&[gate, place])).unwrap();
    let symbol = send(&mut net, CLARA, room, Reaction::to(place, "👍").unwrap()).unwrap();
    net.settle();
    for edit in [first, second] {
        assert_eq!(outcome(&net, &ALL, edit), [Ok(By::Author)]);
    }
    assert_eq!(outcome(&net, &ALL, seen), [Ok(By::Anybody); 2]);
    assert_eq!(outcome(&net, &ALL, symbol), [Ok(By::Anybody)]);
    assert!(outcome(&net, &ALL, place).is_empty());

    let gone = send(&mut net, BEN, room, Delete::of(place)).unwrap();
    net.settle();
    let moderated = send(&mut net, ANNA, room, Delete::of(gate)).unwrap();
    net.settle();
    assert_eq!(outcome(&net, &ALL, gone), [Ok(By::Author)]);
    assert_eq!(outcome(&net, &ALL, moderated), [Ok(By::Author)]);
    net.agree(room, &ALL);
}

/// SPEC V-722 to V-724
#[test]
fn the_order_of_the_log_decides() {
    let (mut net, room) = together(151);
    let message = send(&mut net, BEN, room, text("by mistake")).unwrap();
    net.settle();
    // Anna deletes it before she hears of Ben's edit and Clara's reaction, which were earlier
    // and later on the way.
    let edit = send(&mut net, BEN, room, words(message, "better")).unwrap();
    let reaction = send(&mut net, CLARA, room, Reaction::to(message, "?").unwrap()).unwrap();
    let deletion = send(&mut net, ANNA, room, Delete::of(message)).unwrap();
    net.settle();
    let place =
        |id: MessageId| net.history(CLARA).iter().find(|(_, known)| known == id.as_bytes()).unwrap().0;
    let deleted = place(deletion);
    assert_eq!(outcome(&net, &ALL, deletion), [Ok(By::Moderator)]);
    let expected = |id, by| if place(id) < deleted { [Ok(by)] } else { [Err(Code::TargetDeleted)] };
    assert_eq!(outcome(&net, &ALL, edit), expected(edit, By::Author));
    assert_eq!(outcome(&net, &ALL, reaction), expected(reaction, By::Anybody));
    assert!(place(edit) > deleted || place(reaction) > deleted, "one came too late");
    net.agree(room, &ALL);
}

/// SPEC V-723
#[test]
fn what_would_not_apply_is_not_sent() {
    let (mut net, room) = together(152);
    let message = send(&mut net, ANNA, room, text("mine")).unwrap();
    // Its place is still to come, for Ben it does not exist: neither is known to be wrong.
    assert!(send(&mut net, ANNA, room, words(message, "still mine")).is_ok());
    net.settle();
    assert_eq!(send(&mut net, BEN, room, words(message, "yours")), Err(Code::NotPermitted));
    assert_eq!(send(&mut net, BEN, room, Delete::of(message)), Err(Code::NotPermitted));
    let caption = Edit::caption(message, "no photo").unwrap();
    assert_eq!(send(&mut net, ANNA, room, caption), Err(Code::WrongTarget));
    send(&mut net, ANNA, room, Delete::of(message)).unwrap();
    net.settle();
    assert_eq!(send(&mut net, BEN, room, Reaction::to(message, "!").unwrap()), Err(Code::TargetDeleted));
    for lifetime in [Duration::ZERO, Duration::from_millis(400 * 86_400_000 + 1)] {
        assert_eq!(send_for(&mut net, BEN, room, text("a"), Some(lifetime)), Err(Code::BadArgument));
    }
}

/// SPEC V-720, V-724
#[test]
fn who_came_later_has_not_read_the_target() {
    let mut net = officers(153);
    let room = net.room(ANNA, &[BEN_ID]);
    let early = send(&mut net, BEN, room, text("before Clara came")).unwrap();
    net.settle();
    let users = vec![user(CLARA_ID)];
    net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap();
    net.settle();
    let edit = send(&mut net, BEN, room, words(early, "after Clara came")).unwrap();
    net.settle();
    assert_eq!(outcome(&net, &[ANNA, TABLET, BEN], edit), [Ok(By::Author)]);
    assert_eq!(outcome(&net, &[CLARA], edit), [Err(Code::UnknownTarget)]);
    // The words are there all the same.
    let said =
        |event: &Event| matches!(event, Event::Message { id, content: Content::Edit(_), .. } if *id == edit);
    assert_eq!(net.count(CLARA, said), 1);
}

/// The messages that a phone was told to delete.
fn expired(net: &Net, phone: usize) -> Vec<MessageId> {
    let of = |event: &Event| match event {
        Event::Expired { messages, .. } => messages.clone(),
        _ => Vec::new(),
    };
    net.phones[phone].events.iter().flat_map(of).collect()
}

/// SPEC V-726, V-727
#[test]
fn messages_expire_everywhere_once() {
    let (mut net, room) = together(154);
    let hour = Duration::from_secs(3_600);
    net.phones[TABLET].online = false;
    let short = send_for(&mut net, BEN, room, text("for an hour"), Some(hour)).unwrap();
    let long = send(&mut net, BEN, room, text("for ever")).unwrap();
    net.settle();
    let told = |net: &Net, phone: usize, message: MessageId| -> Option<Timestamp> {
        net.phones[phone].events.iter().find_map(|event| match event {
            Event::Message { id, at, expires_at, .. } | Event::Sent { id, at, expires_at, .. }
                if *id == message =>
            {
                assert!(expires_at.is_none_or(|due| due == at.plus(hour)));
                *expires_at
            }
            _ => None,
        })
    };
    for phone in [ANNA, BEN, CLARA] {
        assert!(told(&net, phone, short).is_some() && told(&net, phone, long).is_none());
    }
    net.pass(Duration::from_secs(3_590));
    assert!([ANNA, BEN, CLARA].iter().all(|phone| expired(&net, *phone).is_empty()));
    net.crash(CLARA);
    net.pass(Duration::from_secs(20));
    net.restart(CLARA);
    net.settle();
    for phone in [ANNA, BEN, CLARA] {
        assert_eq!(expired(&net, phone), [short], "phone {phone}");
    }
    // A device that was away is given it, and told at once.
    net.phones[TABLET].online = true;
    net.wait();
    assert_eq!(expired(&net, TABLET), [short]);
    assert!(told(&net, TABLET, short).is_some());
    // Said earlier than it expired, read later: nothing to be seen of it, and nothing is lost.
    let late = send(&mut net, CLARA, room, read(&[short, long])).unwrap();
    net.wait();
    let outcomes = outcome(&net, &ALL, late);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.contains(&Err(Code::UnknownTarget)));
    net.pass(Duration::from_secs(86_400 * 2));
    assert!(ALL.iter().all(|phone| expired(&net, *phone) == [short]));
}

/// The label under which a phone has read a message, and whether it was the room's.
fn marking(net: &Net, phone: usize, message: MessageId) -> (String, Option<bool>) {
    let of = |event: &Event| match event {
        Event::Message { id, marking, .. } if *id == message => Some((marking.label.clone(), marking.fits)),
        _ => None,
    };
    net.phones[phone].events.iter().find_map(of).unwrap()
}

fn label(net: &mut Net, room: RoomId, label: &str) {
    let label = Some(label.to_owned());
    net.command(ANNA, |request| Command::Describe { request, room, name: None, topic: None, label }).unwrap();
}

/// SPEC V-468, V-728, V-729
#[test]
fn messages_go_out_under_the_label_that_their_author_knows() {
    let (mut net, room) = together(155);
    let plain = send(&mut net, BEN, room, text("under none")).unwrap();
    net.settle();
    label(&mut net, room, "internal");
    net.settle();
    assert_eq!(net.view(BEN, room).unwrap().label.as_deref(), Some("internal"));
    let marked = send(&mut net, BEN, room, text("under a label")).unwrap();
    net.settle();
    assert_eq!(marking(&net, CLARA, plain), (String::new(), Some(true)));
    assert_eq!(marking(&net, CLARA, marked), ("internal".into(), Some(true)));

    // Written under one label, it does not go out under another unless its author agrees.
    net.phones[BEN].online = false;
    let held = send(&mut net, BEN, room, text("written before")).unwrap();
    label(&mut net, room, "confidential");
    net.settle();
    net.phones[BEN].online = true;
    net.wait();
    let asked = net.phones[BEN].events.iter().find_map(|event| match event {
        Event::SendNeedsConsent { request, added, .. } if added.is_empty() => Some(*request),
        _ => None,
    });
    let request = asked.expect("asked");
    assert_eq!(net.texts(CLARA), ["under none", "under a label"]);
    net.call(BEN, |engine, ctx| engine.command(ctx, Command::Consent { request })).unwrap();
    net.wait();
    assert_eq!(marking(&net, CLARA, held), ("confidential".into(), Some(true)));
    net.agree(room, &ALL);
}
