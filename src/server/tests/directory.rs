//! The directory: who is shown to whom, page by page; who may ask how often; whose answers count.

use std::collections::BTreeSet;

use super::{
    device::Dev,
    links::push,
    world::{Site, World},
};
use crate::{
    code::Code,
    crypto,
    identity::{
        UserKind,
        fixture::{agency, now, user},
    },
    ids::RequestId,
    limits,
    server::{Audience, Entry, Server, keys::LinkKeys, rows},
    store::Store,
    wire::{
        Signed,
        device::{
            Claim, DirectoryAnswer, Failure, InboxBody, LookUp, Page, Query, ReplyBody, RequestBody, Search,
        },
        link::{LinkItem, LinkLookUp},
    },
};

fn set(world: &mut World, local: &str, (name, unit): (&str, &str), by_id: Audience, by_search: Audience) {
    let user = user(&format!("{local}@a.example"));
    let entry =
        Entry { user, kind: UserKind::Person, name: name.into(), unit: unit.into(), by_id, by_search };
    world.site("a.example").call(|server, ctx| server.set_entry(ctx, &entry)).unwrap();
}

fn users(text: &str, after: Option<&[u8]>) -> Query {
    let after = after.map(bytes::Bytes::copy_from_slice);
    Query::Users(Search { text: text.into(), after })
}

/// The signed answers that wait to be sent to an agency; they go.
fn waiting(site: &mut Site, to: &str) -> Vec<Signed<DirectoryAnswer>> {
    let prefix = LinkKeys::with(&agency(to)).pending();
    let found = site.store.scan(&prefix, None, 10_000).unwrap();
    site.call(|_, ctx| {
        let mut cache = crate::server::call::Cache::default();
        let mut call = crate::server::call::Call::begin(ctx, &mut cache)?;
        call.draft.delete_prefix(prefix);
        call.finish(())
    })
    .unwrap();
    let answer = |(_, row): (_, Vec<u8>)| {
        let Some(rows::Pending::Item(bytes)) = rows::read::<rows::PendingRow>(row).unwrap().what else {
            panic!()
        };
        match crate::wire::decode_body(&bytes).unwrap() {
            LinkItem::DirectoryAnswer(answer) => *answer,
            other => panic!("{other:?}"),
        }
    };
    found.into_iter().map(answer).collect()
}

/// What agency a answers another one.
fn answer(world: &mut World, from: &str, query: Query) -> Result<Page, Failure> {
    let look_up = LookUp { agency: agency("a.example"), query };
    let look_up_id = RequestId::from_bytes([7; 16]);
    push(
        world,
        from,
        "a.example",
        vec![LinkItem::LookUp(LinkLookUp { look_up_id, look_up: look_up.clone() })],
    );
    let site = world.site("a.example");
    let answers = waiting(site, from);
    let [answer] = answers.as_slice() else { panic!("{answers:?}") };
    let key = site.server_key(answer);
    let answer = crypto::verify(answer.clone(), &key).unwrap().into_inner();
    assert_eq!((answer.look_up_id, &answer.look_up, answer.at), (look_up_id, &look_up, now()));
    answer.outcome
}

fn names(page: &Page) -> Vec<&str> {
    page.users.iter().map(|found| found.user.as_str().split('@').next().unwrap()).collect()
}

fn found(world: &mut World, from: &str, query: Query) -> Vec<String> {
    let page = answer(world, from, query).unwrap();
    names(&page).into_iter().map(str::to_owned).collect()
}

/// What agency a answers its own device.
fn at_home(world: &mut World, dev: &mut Dev, query: Query) -> Page {
    let look_up = LookUp { agency: agency("a.example"), query };
    let request = dev.request(RequestBody::LookUp(look_up));
    match world.site("a.example").device(&request).body {
        ReplyBody::Directory(directory) => directory.answer.claimed().outcome.clone().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// SPEC V-592
#[test]
fn each_agency_sees_what_is_for_it() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let listed = Audience::Agencies(BTreeSet::from([agency("b.example")]));
    let of = [Audience::Nobody, Audience::OwnAgency, listed, Audience::Federation];
    for (n, audience) in of.iter().enumerate() {
        set(&mut world, &format!("id{n}"), ("", ""), audience.clone(), Audience::Nobody);
        set(&mut world, &format!("se{n}"), ("Same Name", ""), Audience::Nobody, audience.clone());
    }
    let seen = |first: usize| (first..4).map(|n| format!("se{n}")).collect::<Vec<_>>();
    // In each cell of the table: by exact id, and by searching.
    for (from, first) in [("b.example", 2), ("c.example", 3)] {
        for n in 0..4 {
            for kind in ["id", "se"] {
                let who = user(&format!("{kind}{n}@a.example"));
                let shown = found(&mut world, from, Query::User(who)).len();
                assert_eq!(shown, usize::from(n >= first), "{kind}{n} to {from}");
            }
        }
        assert_eq!(found(&mut world, from, users("same", None)), seen(first));
    }
    for n in 0..4 {
        for kind in ["id", "se"] {
            let page = at_home(&mut world, &mut anna, Query::User(user(&format!("{kind}{n}@a.example"))));
            assert_eq!(page.users.len(), usize::from(n >= 1), "{kind}{n} at home");
        }
    }
    assert_eq!(names(&at_home(&mut world, &mut anna, users("same", None))), seen(1));
    // Without an entry: by exact id, with the kind that the chain says.
    let page = answer(&mut world, "c.example", Query::User(anna.id.user.clone())).unwrap();
    assert_eq!((page.users[0].kind, page.users[0].name.as_str()), (UserKind::Person.number(), ""));
    assert!(found(&mut world, "c.example", users("anna", None)).is_empty());
}

/// SPEC V-593
#[test]
fn who_is_hidden_is_not_there() {
    let mut world = World::new();
    let anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let mut colleague = world.person("carl@a.example");
    set(&mut world, "anna", ("Anna", ""), Audience::Nobody, Audience::Nobody);
    // Neither are key packages, abroad or at home.
    let both = vec![anna.id.user.clone(), user("nobody@a.example")];
    for dev in [&mut bert, &mut colleague] {
        let home = dev.id.user.agency().to_string();
        let claim = dev.request(RequestBody::Claim(Claim { users: both.clone(), at: now() }));
        assert_eq!(world.site(&home).device(&claim).body, ReplyBody::Done);
        world.settle();
        world.sync(dev);
        let claimed = dev.claimed();
        assert_eq!(claimed[0].keys, claimed[1].keys);
        assert_eq!(claimed[0].keys.as_ref().unwrap_err().reason.code(), Some(Code::NoKeyPackage));
    }
    // Her own devices find each other.
    let mut anna = anna;
    let tablet = world.further(&anna);
    anna.claim(world.site("a.example"), &[&anna.id.user.clone()]);
    world.sync(&mut anna);
    assert_eq!(anna.claimed()[0].keys.as_ref().unwrap().packages.len(), 1);
    assert_ne!(tablet.id, anna.id);
    let hidden = answer(&mut world, "b.example", Query::User(anna.id.user.clone()));
    let nobody = answer(&mut world, "b.example", Query::User(user("nobody@a.example")));
    assert_eq!(hidden, nobody);
}

/// SPEC V-592
#[test]
fn pages_show_everybody_once() {
    let mut world = World::new();
    let count = 3 * limits::DIRECTORY_PAGE + 1;
    for n in 0..count {
        let listed = Audience::Agencies(BTreeSet::from([agency("b.example")]));
        let audience = if n % 3 == 0 { listed } else { Audience::Federation };
        // Under several words, of which some are the same.
        let name = format!("Müller-Lüdenscheidt, Müllerin {n:03}");
        set(&mut world, &format!("u{n:03}"), (&name, "MÜLLEREI"), Audience::Nobody, audience);
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = answer(&mut world, "b.example", users("mülle", after.as_deref())).unwrap();
        seen.extend(names(&page).into_iter().map(str::to_owned));
        assert!(page.users.len() == limits::DIRECTORY_PAGE || page.next.is_none());
        let Some(next) = page.next else { break };
        assert!(next.len() <= limits::SEARCH_PLACE);
        after = Some(next.to_vec());
    }
    assert_eq!(seen.len(), count);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), count);
    // A page that ends exactly with the last says that there is no more.
    for n in limits::DIRECTORY_PAGE..count {
        let who = user(&format!("u{n:03}@a.example"));
        world.site("a.example").call(|server, ctx| server.remove_entry(ctx, &who)).unwrap();
    }
    let page = answer(&mut world, "b.example", users("LÜDEN", None)).unwrap();
    assert_eq!((page.users.len(), page.next), (limits::DIRECTORY_PAGE, None));
    // Places that nobody gave out lead nowhere, and to nobody whom the asker may not see.
    for place in [&[0][..], &[1], &[9], &[0, 255, 255], b"\0\0\0", &[1, 0, 0, 0]] {
        assert!(answer(&mut world, "c.example", users("lüden", Some(place))).unwrap().users.len() <= 32);
    }
}

/// SPEC V-592
#[test]
fn a_page_takes_no_long_search() {
    let mut world = World::new();
    let count = 2 * limits::DIRECTORY_PAGE + 16;
    // Everybody stands under sixteen words that fit; the first of all counts.
    let (name, unit) = ("mula mulb mulc muld mule mulf mulg mulh", "muli mulj mulk mull mulm muln mulo mulp");
    for n in 0..count {
        let all = Audience::Federation;
        set(&mut world, &format!("u{n:03}"), (name, unit), Audience::Nobody, all);
    }
    let mut seen = Vec::new();
    let mut lengths = Vec::new();
    let mut after = None;
    loop {
        let page = answer(&mut world, "b.example", users("mul", after.as_deref())).unwrap();
        lengths.push(page.users.len());
        seen.extend(names(&page).into_iter().map(str::to_owned));
        let Some(next) = page.next else { break };
        after = Some(next.to_vec());
    }
    assert_eq!(lengths, [limits::DIRECTORY_PAGE, limits::DIRECTORY_PAGE, 16, 0]);
    assert_eq!(seen, (0..count).map(|n| format!("u{n:03}")).collect::<Vec<_>>());
}

#[test]
fn names_are_found_at_the_beginning_of_words() {
    let mut world = World::new();
    let all = Audience::Federation;
    set(&mut world, "anna", ("Anna-Lena Groß", "K 11, Köln Mitte"), all.clone(), all.clone());
    set(&mut world, "desk", ("Wache Nord", "Einsatzleitung"), all.clone(), all);
    let mut finds = |text: &str| found(&mut world, "b.example", users(text, None));
    for text in ["anna", "LENA", "groß", "k 11", "köln-mit", "  Köln   Mitte  ", "lena groß"] {
        assert_eq!(finds(text), ["anna"], "{text}");
    }
    for text in ["nna", "anna groß", "mittel", "k 12"] {
        assert!(finds(text).is_empty(), "{text}");
    }
    assert_eq!(finds("einsatz"), ["desk"]);
    // What is changed is found as it is now, and what is removed no more.
    set(&mut world, "anna", ("Anna Klein", ""), Audience::Federation, Audience::Federation);
    let mut finds = |text: &str| found(&mut world, "b.example", users(text, None));
    assert!(finds("groß").is_empty() && finds("köln").is_empty());
    assert_eq!(finds("klein"), ["anna"]);
    let anna = user("anna@a.example");
    let site = world.site("a.example");
    assert_eq!(Server::entry(&site.store, &anna).unwrap().unwrap().name, "Anna Klein");
    assert_eq!(Server::entries(&site.store, Some(&anna), 10).unwrap().len(), 1);
    site.call(|server, ctx| server.remove_entry(ctx, &anna)).unwrap();
    site.call(|server, ctx| server.remove_entry(ctx, &anna)).unwrap();
    site.call(|server, ctx| server.remove_entry(ctx, &user("desk@a.example"))).unwrap();
    // Of all of it a guard and a number are left.
    assert_eq!(site.store.rows().filter(|(key, _)| key.starts_with(b"dir/")).count(), 2);
}

#[test]
fn entries_have_bounds() {
    let mut world = World::new();
    let anna = world.person("anna@a.example");
    let good = Entry::new(anna.id.user.clone(), UserKind::Person, "Anna".into(), String::new());
    let mut set = |change: &dyn Fn(&mut Entry)| {
        let mut entry = good.clone();
        change(&mut entry);
        world.site("a.example").call(|server, ctx| server.set_entry(ctx, &entry)).map_err(|e| e.code())
    };
    assert_eq!(set(&|_| {}), Ok(()));
    let bad = Err(Code::BadArgument);
    assert_eq!(set(&|e| e.user = user("anna@b.example")), bad);
    assert_eq!(set(&|e| e.kind = UserKind::Role), bad);
    assert_eq!(set(&|e| e.name = "x".repeat(limits::DIRECTORY_NAME + 1)), bad);
    assert_eq!(set(&|e| e.unit = "x".repeat(limits::DIRECTORY_NAME + 1)), bad);
    let many: BTreeSet<_> = (0..=limits::DIRECTORY_AGENCIES).map(|n| agency(&format!("a{n}.de"))).collect();
    assert_eq!(set(&|e| e.by_id = Audience::Agencies(many.clone())), bad);
    assert_eq!(set(&|e| e.by_search = Audience::Agencies(many.clone())), bad);
    assert_eq!(set(&|e| e.name = "İ ".repeat(limits::DIRECTORY_NAME / 3)), Ok(()));
}

/// SPEC V-594
#[test]
fn who_asks_too_often_is_told_when_to_come_again() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut ask = |world: &mut World, of: &str| {
        let look_up = LookUp { agency: agency(of), query: Query::User(user(&format!("x@{of}"))) };
        let request = anna.request(RequestBody::LookUp(look_up));
        match world.site("a.example").device(&request).body {
            ReplyBody::Failure(failure) => Some((failure.reason.code().unwrap(), failure.retry_at)),
            _ => None,
        }
    };
    for n in 0..limits::LOOK_UPS {
        assert_eq!(ask(&mut world, ["a.example", "b.example"][usize::from(n % 2 == 1)]), None);
    }
    let again = now().plus(limits::LOOK_UPS_EVERY);
    for of in ["a.example", "b.example"] {
        assert_eq!(ask(&mut world, of), Some((Code::Quota, again)));
    }
    assert_eq!(ask(&mut world, "y.example").map(|(code, _)| code), Some(Code::UnknownAgency));
    world.site("a.example").now = again;
    assert_eq!(ask(&mut world, "b.example"), None);
    // Another agency, too, and by the signed answer.
    let mut world = World::new();
    let nobody = || Query::User(user("nobody@a.example"));
    let look_up = |n: u64| {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        let look_up = LookUp { agency: agency("a.example"), query: nobody() };
        LinkItem::LookUp(LinkLookUp { look_up_id: RequestId::from_bytes(id), look_up })
    };
    for frame in 0..limits::LOOK_UPS_OF_AGENCY / 256 {
        let items = (0..256).map(|n| look_up(256 * frame + n)).collect();
        push(&mut world, "b.example", "a.example", items);
    }
    let answers = waiting(world.site("a.example"), "b.example");
    assert!(answers.iter().all(|answer| answer.claimed().outcome.is_ok()));
    assert_eq!(answers.len() as u64, limits::LOOK_UPS_OF_AGENCY);
    let failure = answer(&mut world, "b.example", nobody()).unwrap_err();
    assert_eq!(
        failure,
        Failure { reason: Code::Quota.into(), retry_at: now().plus(limits::LOOK_UPS_OF_AGENCY_EVERY) }
    );
    assert!(answer(&mut world, "c.example", nobody()).is_ok());
    // Nor do refusals pile up, or answers that are not fetched.
    for frame in 0..=limits::LOOK_UPS_OF_AGENCY / 256 {
        let items = (0..256).map(|n| look_up(256 * frame + n)).collect();
        push(&mut world, "b.example", "a.example", items);
    }
    let site = world.site("a.example");
    let waiting = |site: &Site| {
        let prefix = LinkKeys::with(&agency("b.example")).pending();
        site.store.scan(&prefix, None, 10_000).unwrap().len() as u64
    };
    assert_eq!(waiting(site), limits::LOOK_UPS_OF_AGENCY - 1);
    site.now = now().plus(limits::LOOK_UP_KEPT);
    site.call(|server, ctx| server.tick(ctx, 10_000)).unwrap();
    assert_eq!(waiting(site), 0);
}

/// SPEC V-595
#[test]
fn answers_come_once_from_whom_was_asked_to_whom_asked() {
    let mut world = World::new();
    let mut bert = world.person("bert@b.example");
    let mut carl = world.person("carl@b.example");
    set(&mut world, "anna", ("Anna", "Wache"), Audience::Federation, Audience::Federation);
    let look_up = LookUp { agency: agency("a.example"), query: users("wache", None) };
    let request = bert.request(RequestBody::LookUp(look_up.clone()));
    let site = world.site("b.example");
    assert_eq!(site.device(&request).body, ReplyBody::Done);
    assert_eq!(site.device(&request).body, ReplyBody::Done);
    let crate::wire::device::DeviceMessage::Request(signed) =
        crate::wire::decode(&bytes::Bytes::from(request.clone())).unwrap()
    else {
        panic!()
    };
    let id = signed.claimed().request_id;
    // The question names nobody, and goes once.
    let frame = world.site("b.example").pump(&agency("a.example")).unwrap();
    let items = super::links::frame_of(&frame).claimed().items.clone();
    assert_eq!(items, [LinkItem::LookUp(LinkLookUp { look_up_id: id, look_up: look_up.clone() })]);
    assert!(!frame.windows(4).any(|part| part == b"bert"));
    world.site("a.example").peer(&frame).unwrap();
    let answers = waiting(world.site("a.example"), "b.example");
    let [answer] = answers.as_slice() else { panic!() };
    let item = |answer: &Signed<DirectoryAnswer>| vec![LinkItem::DirectoryAnswer(Box::new(answer.clone()))];
    let inbox = |world: &mut World, dev: &mut Dev| {
        world.sync(dev);
        core::mem::take(&mut dev.inbox)
    };
    // Not from a third agency, nor about another one, nor to another question.
    push(&mut world, "c.example", "b.example", item(answer));
    let forged = |change: &dyn Fn(&mut DirectoryAnswer)| {
        let mut forged = answer.claimed().clone();
        change(&mut forged);
        crypto::sign(forged, &[&crate::identity::fixture::key(9)]).into_signed()
    };
    let other = forged(&|a| {
        a.look_up = LookUp { agency: agency("c.example"), query: users("wache", None) };
        a.outcome = Ok(Page::default());
    });
    push(&mut world, "a.example", "b.example", item(&other));
    push(
        &mut world,
        "a.example",
        "b.example",
        item(&forged(&|a| a.look_up_id = RequestId::from_bytes([1; 16]))),
    );
    assert!(inbox(&mut world, &mut bert).is_empty());
    // Nor does somebody else's device get hold of the id.
    let theirs = crate::wire::device::DeviceRequest {
        device: carl.id.clone(),
        agency: agency("b.example"),
        request_id: id,
        body: RequestBody::LookUp(look_up),
    };
    let theirs = crypto::sign(theirs, &[carl.test.new.key()]).into_signed();
    let theirs = crate::wire::encode(&crate::wire::device::DeviceMessage::Request(Box::new(theirs)));
    assert_eq!(world.site("b.example").refused(&theirs), Code::BadField);
    push(&mut world, "a.example", "b.example", item(answer));
    push(&mut world, "a.example", "b.example", item(answer));
    let came = inbox(&mut world, &mut bert);
    let [InboxBody::Directory(directory)] = came.as_slice() else { panic!("{came:?}") };
    assert_eq!(directory.answer.as_ref(), answer);
    assert!(inbox(&mut world, &mut carl).is_empty());
    // Nothing of it is left, here or there.
    assert!(world.site("b.example").store.rows().all(|(key, _)| !key.starts_with(b"ask/")));
}
