//! Claims of key packages: whose word they are, how old they may be, how many there may be.

use core::time::Duration;

use openmls::prelude::tls_codec::Deserialize as _;

use super::{
    device::Dev,
    links::{frame_of, push},
    world::{Site, World},
};
use crate::{
    code::Code,
    crypto,
    identity::{
        AgencyStatus,
        fixture::{agency, key, now, signed, user},
    },
    ids::UserId,
    limits,
    server::{
        call::{Cache, Call},
        keys::{DeviceKeys, LinkKeys, answers_of_agency, quota_of_agency, quota_of_user},
        quota::Quota,
        rows,
    },
    store::Store,
    time::Timestamp,
    wire::{
        Signed,
        device::{Claim, ClaimAnswer, DeviceRequest, InboxBody, ReplyBody, RequestBody, Sync},
        link::{LinkClaim, LinkItem, Wanted},
    },
};

/// Bert at agency b claims Anna at agency a.
struct Stage {
    world: World,
    anna: Dev,
    bert: Dev,
}

fn stage() -> Stage {
    let mut world = World::new();
    let anna = world.person("anna@a.example");
    let bert = world.person("bert@b.example");
    Stage { world, anna, bert }
}

impl Stage {
    fn claim(&mut self) -> LinkClaim {
        let users = vec![self.anna.id.user.clone()];
        self.bert.link_claim(Claim { users, at: now() })
    }

    /// What A's server answers to a claim; `None` if it refuses the item.
    fn answer(&mut self, claim: LinkClaim) -> Option<ClaimAnswer> {
        let refused = |world: &mut World| {
            let row = world.site("a.example").store.get(&LinkKeys::with(&agency("b.example")).incoming());
            row.unwrap().map_or(0, |row| rows::read::<rows::InRow>(row).unwrap().refused)
        };
        let before = refused(&mut self.world);
        push(&mut self.world, "b.example", "a.example", vec![LinkItem::Claim(claim)]);
        let answer = sent(self.world.site("a.example"));
        assert_eq!(refused(&mut self.world) > before, answer.is_none());
        answer
    }

    /// The code with which a claim is refused at a time, whatever the frame that brought it.
    fn straight(&mut self, claim: &LinkClaim, at: Timestamp) -> Option<Code> {
        let site = self.world.site("a.example");
        let (before, then) = (site.store.clone(), site.now);
        site.now = at;
        let from = agency("b.example");
        site.call(|_, ctx| {
            let mut cache = Cache::default();
            let mut call = Call::begin(ctx, &mut cache)?;
            call.peer_claim(&from, claim.clone())?;
            call.finish(())
        })
        .unwrap();
        let answer = sent(site).unwrap();
        (site.store, site.now) = (before, then);
        let failure = answer.users[0].keys.as_ref().err()?;
        failure.reason.code()
    }

    /// The code with which Anna is refused, and when to try again; `None` if she is not.
    fn code(&mut self, claim: LinkClaim) -> Option<(Code, Option<Timestamp>)> {
        let answer = self.answer(claim).expect("an answer");
        let failure = answer.users[0].keys.as_ref().err()?;
        let error = failure.error(Code::Bug, "");
        Some((error.code(), error.retry_at()))
    }
}

/// Takes the answer to a claim that waits to be sent to agency b.
fn sent(site: &mut Site) -> Option<ClaimAnswer> {
    let prefix = LinkKeys::with(&agency("b.example")).pending();
    let waiting = site.store.scan(&prefix, None, 2).unwrap();
    site.call(|_, ctx| {
        let mut cache = Cache::default();
        let mut call = Call::begin(ctx, &mut cache)?;
        call.draft.delete_prefix(prefix);
        call.finish(())
    })
    .unwrap();
    let mut answers = waiting.into_iter().filter_map(|(_, row)| {
        let Some(rows::Pending::Item(bytes)) = rows::read::<rows::PendingRow>(row).unwrap().what else {
            return None;
        };
        match crate::wire::decode_body(&bytes).unwrap() {
            LinkItem::ClaimAnswer(answer) => Some(answer.answer),
            other => panic!("{other:?}"),
        }
    });
    answers.next()
}

fn resigned(
    claim: &LinkClaim,
    by: &crypto::SigningKey,
    change: impl FnOnce(&mut DeviceRequest),
) -> LinkClaim {
    let mut request = claim.request.claimed().clone();
    change(&mut request);
    let request: Signed<DeviceRequest> = crypto::sign(request, &[by]).into_signed();
    LinkClaim::new(request, claim.certificate.clone()).unwrap()
}

/// SPEC V-585
#[test]
fn a_claim_is_its_devices_own_word() {
    let mut stage = stage();
    let good = stage.claim();
    assert_eq!(stage.code(good.clone()), None);
    // Signed by somebody else, or not what was signed.
    let other = resigned(&good, &key(9), |_| {});
    assert!(stage.answer(other).is_none());
    let mut forged = good.clone();
    forged.certificate = stage.anna.test.certificate().clone();
    assert!(stage.answer(forged).is_none());
    // With the certificate of another device of its agency, signed with that one's key.
    let carl = stage.world.person("carl@b.example");
    let mut theirs = resigned(&good, carl.test.new.key(), |_| {});
    theirs.certificate = carl.test.certificate().clone();
    assert!(stage.answer(theirs).is_none());
    // With one that its agency did not sign.
    let mut made_up = resigned(&good, &key(9), |_| {});
    let claims = crate::identity::read_certificate(&good.certificate).unwrap();
    made_up.certificate = crypto::sign(claims, &[&key(9)]).bytes().clone();
    assert_eq!(stage.code(made_up).map(|(code, _)| code), Some(Code::MissingEvidence));
}

/// SPEC V-585, with those that judge certificates
#[test]
fn who_counts_no_more_claims_nothing() {
    let mut stage = stage();
    let end = stage.bert.test.verified.validity().1;
    let users = vec![stage.anna.id.user.clone()];
    let last = stage.bert.link_claim(Claim { users: users.clone(), at: end });
    // A moment before it only lacks a descriptor of its agency from that time.
    let moment = end.minus(Duration::from_millis(1));
    assert_eq!(stage.straight(&last, moment), Some(Code::MissingEvidence));
    assert_eq!(stage.straight(&last, end), Some(Code::Expired));

    let claim = stage.claim();
    assert_eq!(stage.code(claim.clone()), None);
    assert_eq!(stage.straight(&claim, now()), None);
    let mut roster = stage.world.federation.roster(2);
    roster.agencies[1] = roster.agencies[1].clone().with_status(AgencyStatus::Suspended);
    let list = signed(&roster, &[1, 2]);
    stage.world.site("a.example").call(|server, ctx| server.trust_list(ctx, &list)).unwrap();
    let another = stage.claim();
    assert_eq!(stage.straight(&another, now()), Some(Code::SuspendedAgency));
}

/// SPEC V-586
#[test]
fn a_claim_is_of_today() {
    let mut stage = stage();
    let day = limits::CLAIM_KEPT;
    let moment = Duration::from_millis(1);
    let at = |stage: &mut Stage, at: Timestamp| {
        let users = vec![stage.anna.id.user.clone()];
        let claim = stage.bert.link_claim(Claim { users: users.clone(), at });
        let abroad = stage.code(claim).map(|(code, _)| code);
        // Both servers judge alike.
        let request = stage.bert.request(RequestBody::Claim(Claim { users, at }));
        let home = match stage.world.site("b.example").device(&request).body {
            ReplyBody::Done => None,
            ReplyBody::Failure(failure) => failure.reason.code(),
            other => panic!("{other:?}"),
        };
        assert_eq!(home, abroad);
        abroad
    };
    assert_eq!(at(&mut stage, now().plus(day)), None);
    assert_eq!(at(&mut stage, now().plus(day + moment)), Some(Code::BadStamp));
    assert_eq!(at(&mut stage, now().minus(day - moment)), None);
    assert_eq!(at(&mut stage, now().minus(day)), Some(Code::BadStamp));
}

/// SPEC V-586: while a claim may come, its answer is kept, whenever it was made.
#[test]
fn an_old_claim_brings_nothing_new() {
    let mut stage = stage();
    let ahead = Duration::from_secs(3_600);
    let users = vec![stage.anna.id.user.clone()];
    let claim = stage.bert.link_claim(Claim { users, at: now().plus(ahead) });
    let first = stage.answer(claim.clone()).unwrap();
    let last = now().plus(ahead + limits::CLAIM_KEPT - Duration::from_secs(1));
    stage.world.site("a.example").now = last;
    stage.world.site("a.example").call(|server, ctx| server.tick(ctx, 100)).unwrap();
    assert_eq!(stage.answer(claim.clone()), Some(first));
    stage.world.site("a.example").now = last.plus(Duration::from_secs(1));
    stage.world.site("a.example").call(|server, ctx| server.tick(ctx, 100)).unwrap();
    assert_eq!(stage.code(claim), Some((Code::BadStamp, None)));
}

/// SPEC V-587
#[test]
fn who_claims_one_user_too_often_is_told_when_to_come_again() {
    let mut stage = stage();
    for _ in 0..limits::CLAIMS_OF_USER {
        let claim = stage.claim();
        assert_eq!(stage.code(claim), None);
    }
    let again = now().plus(limits::CLAIMS_OF_USER_EVERY);
    let claim = stage.claim();
    assert_eq!(stage.code(claim.clone()), Some((Code::Quota, Some(again))));
    // With the user's other devices it is not more often; others go on, also of the same agency, and
    // the same device with other users.
    let mut tablet = stage.world.further(&stage.bert);
    let users = vec![stage.anna.id.user.clone()];
    let theirs = tablet.link_claim(Claim { users, at: now() });
    assert_eq!(stage.code(theirs), Some((Code::Quota, Some(again))));
    let mut carl = stage.world.person("carl@b.example");
    let users = vec![stage.anna.id.user.clone()];
    let theirs = carl.link_claim(Claim { users, at: now() });
    assert_eq!(stage.code(theirs), None);
    let dora = stage.world.person("dora@a.example");
    let other = stage.bert.link_claim(Claim { users: vec![dora.id.user], at: now() });
    assert_eq!(stage.code(other), None);
    // Another claim is answered when the time has come, and not before; the same one as it was.
    stage.world.site("a.example").now = again.minus(Duration::from_millis(1));
    let next = stage.claim();
    assert_eq!(stage.code(next), Some((Code::Quota, Some(again))));
    stage.world.site("a.example").now = again;
    assert_eq!(stage.code(claim), Some((Code::Quota, Some(again))));
    let next = stage.claim();
    assert_eq!(stage.code(next), None);
}

/// Of an agency, so many users who need not be there.
fn crowd(of: &str, from: u64, count: u64) -> Vec<UserId> {
    (from..from + count).map(|n| user(&format!("u{n:06}@{of}"))).collect()
}

/// SPEC V-587
#[test]
fn a_device_claims_so_many_users_and_no_more() {
    let mut stage = stage();
    let batch = limits::CLAIM_USERS as u64;
    for n in 0..limits::CLAIMS / batch {
        let claim = stage.bert.link_claim(Claim { users: crowd("a.example", n * batch, batch), at: now() });
        assert_eq!(stage.code(claim), Some((Code::NoKeyPackage, None)));
    }
    let claim = stage.bert.link_claim(Claim { users: crowd("a.example", 0, 3), at: now() });
    let again = now().plus(limits::CLAIMS_EVERY * 3);
    assert_eq!(stage.code(claim), Some((Code::Quota, Some(again))));
    // At home the same holds.
    let mut anna = stage.anna;
    let site = stage.world.site("a.example");
    for n in 0..=limits::CLAIMS / batch {
        let users = crowd("a.example", n * batch, batch);
        let claim = anna.request(RequestBody::Claim(Claim { users, at: now() }));
        assert_eq!(site.device(&claim).body, ReplyBody::Done);
    }
    anna.sync(site);
    let claimed = anna.claimed();
    let last = claimed.last().unwrap().keys.as_ref().unwrap_err().error(Code::Bug, "");
    let again = now().plus(limits::CLAIMS_EVERY * u32::try_from(batch).unwrap());
    assert_eq!((last.code(), last.retry_at()), (Code::Quota, Some(again)));
    assert_eq!(
        claimed
            .iter()
            .filter(|user| user.keys.as_ref().unwrap_err().reason.code() == Some(Code::Quota))
            .count(),
        64
    );
}

/// SPEC V-597: what a device asks of all other agencies is counted at home, before anything leaves.
#[test]
fn a_device_claims_so_many_users_elsewhere_and_no_more() {
    let Stage { mut world, mut anna, .. } = stage();
    let batch = limits::CLAIM_USERS as u64;
    let site = world.site("a.example");
    let mut ask = |site: &mut Site, from: u64, count: u64| {
        let of = ["b.example", "c.example"][usize::from(from % 2 == 1)];
        let claim = Claim { users: crowd(of, from, count), at: site.now };
        let request = anna.request(RequestBody::Claim(claim));
        let first = site.device(&request).body;
        // The same one again is not counted, and no more is known of one that was refused.
        assert_eq!(site.device(&request).body, first);
        match first {
            ReplyBody::Failure(failure) => Some((failure.reason.code().unwrap(), failure.retry_at)),
            _ => None,
        }
    };
    for n in 0..limits::CLAIMS_ELSEWHERE / batch {
        assert_eq!(ask(site, n, batch), None);
    }
    let again = now().plus(limits::CLAIMS_ELSEWHERE_EVERY * 3);
    assert_eq!(ask(site, 0, 3), Some((Code::Quota, again)));
    site.now = again;
    assert_eq!(ask(site, 1, 3), None);
    assert_eq!(ask(site, 1, 1).map(|(code, _)| code), Some(Code::Quota));
    // Its own agency's users it may claim.
    let claim = Claim { users: crowd("a.example", 0, 1), at: site.now };
    let request = anna.request(RequestBody::Claim(claim));
    assert_eq!(site.device(&request).body, ReplyBody::Done);
}

/// SPEC V-587
#[test]
fn an_agency_claims_no_more_with_many_devices() {
    let mut stage = stage();
    let site = stage.world.site("a.example");
    site.call(|_, ctx| {
        let mut cache = Cache::default();
        let mut call = Call::begin(ctx, &mut cache)?;
        let quota = Quota { at_once: limits::CLAIMS_OF_AGENCY, every: limits::CLAIMS_OF_AGENCY_EVERY };
        call.take(quota_of_agency(&agency("b.example")), quota, limits::CLAIMS_OF_AGENCY)?;
        call.finish(())
    })
    .unwrap();
    let claim = stage.claim();
    let again = now().plus(limits::CLAIMS_OF_AGENCY_EVERY);
    assert_eq!(stage.code(claim), Some((Code::Quota, Some(again))));
    // Nothing else was counted, and other agencies are none of it.
    let mut cleo = stage.world.person("cleo@c.example");
    assert_eq!(cleo.claim(stage.world.site("c.example"), &[&stage.anna.id.user]), ReplyBody::Done);
    stage.world.settle();
    stage.world.sync(&mut cleo);
    assert!(cleo.claimed()[0].keys.is_ok());
}

/// SPEC V-587: a user's own devices are counted, too: a stolen one cannot use up the key packages of the
/// others.
#[test]
fn who_claims_the_own_devices_too_often() {
    let mut stage = stage();
    let mut tablet = stage.world.further(&stage.bert);
    let user = stage.bert.id.user.clone();
    let of_self = Quota { at_once: limits::CLAIMS_OF_SELF, every: limits::CLAIMS_OF_SELF_EVERY };
    let key = quota_of_user(&user, &user);
    let site = stage.world.site("b.example");
    site.call(|_, ctx| {
        let mut cache = Cache::default();
        let mut call = Call::begin(ctx, &mut cache)?;
        call.take(key, of_self, limits::CLAIMS_OF_SELF - 1)?;
        call.finish(())
    })
    .unwrap();
    for refused in [false, true] {
        assert_eq!(tablet.claim(stage.world.site("b.example"), &[&user]), ReplyBody::Done);
        stage.world.sync(&mut tablet);
        let keys = tablet.claimed().last().unwrap().keys.clone();
        assert_eq!(keys.err().and_then(|failure| failure.reason.code()), refused.then_some(Code::Quota));
    }
}

/// SPEC V-529: an answer is counted by its size, waits once however often the same is asked, and not for
/// ever. What is too much is refused, with the time.
#[test]
fn what_an_agency_asks_for_does_not_pile_up() {
    let mut stage = stage();
    let waiting = |stage: &mut Stage| {
        let prefix = LinkKeys::with(&agency("b.example")).pending();
        stage.world.site("a.example").store.rows().filter(|(key, _)| key.starts_with(&prefix)).count()
    };
    let newer = signed(&stage.world.federation.roster(2), &[1, 2]);
    stage.world.site("a.example").call(|server, ctx| server.trust_list(ctx, &newer)).unwrap();
    let claim = stage.claim();
    let wanted = LinkItem::Wanted(Wanted { trust_version: 1, revocations: Vec::new() });
    for _ in 0..3 {
        let items = vec![LinkItem::Claim(claim.clone()), wanted.clone()];
        push(&mut stage.world, "b.example", "a.example", items);
        assert_eq!(waiting(&mut stage), 2);
    }
    stage.world.site("a.example").now = now().plus(limits::ANSWER_KEPT);
    stage.world.site("a.example").call(|server, ctx| server.tick(ctx, 100)).unwrap();
    assert_eq!(waiting(&mut stage), 0);

    stage.world.site("a.example").now = now();
    let all = Quota { at_once: limits::ANSWERS_OF_AGENCY, every: limits::ANSWERS_OF_AGENCY_EVERY };
    let key = answers_of_agency(&agency("b.example"));
    stage
        .world
        .site("a.example")
        .call(|_, ctx| {
            let mut cache = Cache::default();
            let mut call = Call::begin(ctx, &mut cache)?;
            call.draft.delete(key.clone());
            call.take(key, all, limits::ANSWERS_OF_AGENCY)?;
            call.finish(())
        })
        .unwrap();
    let again = now().plus(limits::ANSWERS_OF_AGENCY_EVERY);
    let other = stage.claim();
    assert_eq!(stage.code(other), Some((Code::Quota, Some(again))));
    // Also one that was answered before.
    assert_eq!(stage.code(claim), Some((Code::Quota, Some(again))));
    push(&mut stage.world, "b.example", "a.example", vec![wanted]);
    assert_eq!(waiting(&mut stage), 0);
}

/// SPEC V-587: what says nothing any more is not kept.
#[test]
fn quotas_leave_nothing_behind() {
    let mut stage = stage();
    for _ in 0..3 {
        let claim = stage.claim();
        assert_eq!(stage.code(claim), None);
    }
    let of = |stage: &mut Stage, table: &str| {
        let site = stage.world.site("a.example");
        site.store.rows().filter(|(key, _)| key.starts_with(table.as_bytes())).count()
    };
    assert_eq!(of(&mut stage, "quota/"), 4);
    // Some are whole sooner than others; none is forgotten before.
    let whole =
        [(limits::CLAIMS_OF_AGENCY_EVERY, 2), (limits::CLAIMS_EVERY, 1), (limits::CLAIMS_OF_USER_EVERY, 0)];
    // The answers' own bucket is whole together with the first.
    assert_eq!(limits::ANSWERS_OF_AGENCY_EVERY, limits::CLAIMS_OF_AGENCY_EVERY);
    let mut before = 4;
    for (every, left) in whole {
        stage.world.site("a.example").now = now().plus(every * 3 - Duration::from_millis(1));
        stage.world.site("a.example").call(|server, ctx| server.tick(ctx, 100)).unwrap();
        assert_eq!(of(&mut stage, "quota/"), core::mem::replace(&mut before, left));
        stage.world.site("a.example").now = now().plus(every * 3);
        stage.world.site("a.example").call(|server, ctx| server.tick(ctx, 100)).unwrap();
        assert_eq!(of(&mut stage, "quota/"), left);
    }
}

#[test]
fn a_home_server_passes_on_what_its_device_has_signed() {
    let mut stage = stage();
    let users = vec![stage.anna.id.user.clone()];
    let request = stage.bert.request(RequestBody::Claim(Claim { users, at: now() }));
    assert_eq!(stage.world.site("b.example").device(&request).body, ReplyBody::Done);
    let frame = stage.world.site("b.example").pump(&agency("a.example")).unwrap();
    let items = frame_of(&frame).claimed().items.clone();
    let [LinkItem::Claim(claim)] = items.as_slice() else { panic!("{items:?}") };
    assert!(crypto::verify(*claim.request.clone(), &stage.bert.test.new.key().verify_key()).is_ok());
    assert_eq!(claim.certificate, *stage.bert.test.certificate());
    // Whoever is claimed in vain is named, one by one.
    let site = stage.world.site("b.example");
    let nobody = stage.bert.request(RequestBody::Claim(Claim { users: crowd("y.example", 0, 2), at: now() }));
    assert_eq!(site.device(&nobody).body, ReplyBody::Done);
    let mut bert = stage.bert;
    bert.sync(site);
    let [InboxBody::Claimed(answer)] = bert.inbox.as_slice() else { panic!() };
    let code = |n: usize| answer.users[n].keys.as_ref().unwrap_err().reason.code();
    assert_eq!((code(0), code(1)), (Some(Code::UnknownAgency), Some(Code::UnknownAgency)));
}

/// What agency a's server tells Anna's device of claims.
fn records(world: &mut World, anna: &mut Dev, done: u64) -> crate::wire::device::Delivery {
    let sync = Sync { records_done: done, ..anna.sync_request() };
    let request = anna.request(RequestBody::Sync(sync));
    match world.site("a.example").device(&request).body {
        ReplyBody::Delivery(delivery) => delivery,
        other => panic!("{other:?}"),
    }
}

/// SPEC V-588
#[test]
fn of_each_key_package_its_device_is_told_who_has_it() {
    let mut stage = stage();
    let claim = stage.claim();
    let answer = stage.answer(claim.clone()).unwrap();
    // Answered again, nothing more is given out.
    assert_eq!(stage.answer(claim.clone()), Some(answer.clone()));
    let Stage { mut world, mut anna, .. } = stage;
    let delivery = records(&mut world, &mut anna, 0);
    let [record] = delivery.records.as_slice() else { panic!("{:?}", delivery.records) };
    assert_eq!((record.number, record.at), (1, now()));
    assert_eq!((&record.request, &record.certificate), (&claim.request, &claim.certificate));
    let package = &answer.users[0].keys.as_ref().unwrap().packages[0];
    assert_eq!(record.package, reference(package));
    // With it comes the descriptor against which it is checked, of an agency in no room.
    let b = world.federation.agencies[1].descriptor();
    assert!(delivery.descriptors.contains(&b));
    // It is told until it is done with, and then nothing of it is left.
    assert_eq!(records(&mut world, &mut anna, 0).records.len(), 1);
    assert!(records(&mut world, &mut anna, 1).records.is_empty());
    assert!(records(&mut world, &mut anna, 0).records.is_empty());
    let of = DeviceKeys::of(&anna.id);
    let counts = of.records_of(&agency("b.example"));
    let left =
        |key: &[u8]| key.starts_with(b"record/") || key.starts_with(&of.all_records()) || key == counts;
    assert!(world.site("a.example").store.rows().all(|(key, _)| !left(key)));
}

fn reference(package: &bytes::Bytes) -> crate::ids::Hash {
    let crypto = crate::crypto::mls::MlsCrypto::new([0; 32].into());
    let message = openmls::prelude::MlsMessageIn::tls_deserialize_exact(package).unwrap();
    let openmls::prelude::MlsMessageBodyIn::KeyPackage(package) = message.extract() else { panic!() };
    let package = package.validate(&crypto, openmls::prelude::ProtocolVersion::Mls10).unwrap();
    crate::ids::Hash::from_slice(package.hash_ref(&crypto).unwrap().as_slice()).unwrap()
}

/// SPEC V-588: a claim lies there once, for all devices that are given out for it.
#[test]
fn a_claim_is_kept_once_until_all_have_read_it() {
    let mut stage = stage();
    let mut tablet = stage.world.further(&stage.anna);
    let claim = stage.claim();
    assert_eq!(stage.answer(claim).unwrap().users[0].keys.as_ref().unwrap().packages.len(), 2);
    let Stage { mut world, mut anna, .. } = stage;
    let shared = |world: &mut World| {
        world.site("a.example").store.rows().filter(|(key, _)| key.starts_with(b"record/")).count()
    };
    assert_eq!(shared(&mut world), 3);
    assert_eq!(records(&mut world, &mut anna, 0).records.len(), 1);
    records(&mut world, &mut anna, 1);
    assert_eq!(shared(&mut world), 3);
    let read = |world: &mut World, dev: &mut Dev, done| records(world, dev, done).records.len();
    assert_eq!(read(&mut world, &mut tablet, 0), 1);
    read(&mut world, &mut tablet, u64::MAX);
    assert_eq!(shared(&mut world), 0);
}

/// SPEC V-588, V-589
#[test]
fn who_reads_no_records_is_given_out_no_more() {
    let mut stage = stage();
    let most = limits::CLAIM_RECORDS_OF_AGENCY;
    let by_one = limits::CLAIMS_OF_USER;
    let users = vec![stage.anna.id.user.clone()];
    for n in 0..most / by_one {
        let mut other = stage.world.person(&format!("b{n}@b.example"));
        for _ in 0..by_one {
            let claim = other.link_claim(Claim { users: users.clone(), at: now() });
            assert_eq!(stage.code(claim), None);
        }
    }
    let claim = stage.claim();
    assert_eq!(stage.code(claim), Some((Code::NoKeyPackage, None)));
    // Another agency's go on.
    let mut cleo = stage.world.person("cleo@c.example");
    assert_eq!(cleo.claim(stage.world.site("c.example"), &[&users[0]]), ReplyBody::Done);
    stage.world.settle();
    stage.world.sync(&mut cleo);
    assert!(cleo.claimed()[0].keys.is_ok());
    // What is told goes in parts, and nothing of the inbox before the last of them.
    let mut done = 0;
    let total = most + 1;
    while done < total {
        let delivery = records(&mut stage.world, &mut stage.anna, done);
        let part = (total - done).min(limits::DELIVERY_RECORDS as u64);
        assert_eq!(delivery.records.len() as u64, part);
        done += part;
        assert_eq!(delivery.records.last().unwrap().number, done);
        assert_eq!((delivery.more, delivery.inbox.is_empty()), (done < total, done < total));
    }
    records(&mut stage.world, &mut stage.anna, done);
    let claim = stage.claim();
    assert_eq!(stage.code(claim), None);
    // Of all agencies together there is an end as well.
    stage
        .world
        .site("a.example")
        .call(|_, ctx| {
            let mut cache = Cache::default();
            let mut call = Call::begin(ctx, &mut cache)?;
            let keys = DeviceKeys::of(&stage.anna.id);
            let mut state: rows::DeviceState = call.read(&keys.state())?.unwrap();
            state.record_done = 0;
            state.record_last = limits::CLAIM_RECORDS;
            call.write(keys.state(), &state);
            call.finish(())
        })
        .unwrap();
    let claim = stage.claim();
    assert_eq!(stage.code(claim), Some((Code::NoKeyPackage, None)));
}
