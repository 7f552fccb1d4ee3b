//! Attachments: brought by one device, fetched by others, across agencies.

mod forget;
mod replicate;
mod storage;

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::{
    device::Dev,
    world::{Site, World},
};
use crate::{
    attachment::{ChunkList, ChunkRef, FileRef, Header, Sealed, open_all, seal_all},
    code::Code,
    error::Result,
    identity::fixture::{agency, now, rng},
    ids::{AgencyId, BlobId, Hash},
    server::{Output, Reply, Server, WithChunk},
    store::Ctx,
    time::Timestamp,
    wire::{
        self,
        device::{
            BlobBegin, BlobGet, BlobInfo, BlobOpen, BlobPut, ReplyBody, RequestBody, ServerReply,
            ShownCapability,
        },
    },
};

/// Where hosts keep chunks.
type Chunks = BTreeMap<(AgencyId, ChunkRef), Vec<u8>>;

/// A sealed file with its chunks.
struct Photo {
    sealed: Sealed,
    bytes: Vec<u8>,
    file: FileRef,
}

impl Photo {
    fn new(size: usize, origin: &str) -> Self {
        let mut rng = rng(u8::try_from(size % 251).unwrap());
        let plain: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let (sealed, bytes) = seal_all(&plain, &mut rng).unwrap();
        let file = sealed.file_ref(BlobId::random(&mut rng), agency(origin), expires_at());
        Photo { sealed, bytes, file }
    }

    fn begin(&self) -> BlobBegin {
        BlobBegin {
            blob: self.file.blob,
            info: BlobInfo {
                header: self.sealed.header().to_bytes().to_vec().into(),
                chunk_hashes: self.sealed.list().as_bytes().to_vec().into(),
                padded: self.file.padded_size,
            },
            capability_hash: Hash::from_bytes(*self.file.capability().hash().as_bytes()),
            expires_at: self.file.expires_at,
        }
    }

    fn chunks(&self) -> Vec<&[u8]> {
        self.bytes.chunks(65_536 + 16).collect()
    }

    fn put(&self, index: u64) -> RequestBody {
        RequestBody::BlobPut(BlobPut { blob: self.file.blob, index })
    }

    fn shown(&self) -> ShownCapability {
        ShownCapability::from_bytes(Zeroizing::new(*self.file.capability().expose()))
    }

    fn open(&self) -> RequestBody {
        let origin = self.file.origin.clone();
        RequestBody::BlobOpen(BlobOpen { blob: self.file.blob, origin, capability: self.shown() })
    }

    fn want(&self, index: u64) -> BlobGet {
        let (blob, origin, capability) = (self.file.blob, self.file.origin.clone(), self.shown());
        BlobGet { blob, origin, capability, index, wrong: false }
    }

    fn get(&self, index: u64) -> RequestBody {
        RequestBody::BlobGet(self.want(index))
    }
}

fn expires_at() -> Timestamp {
    now().plus(crate::identity::fixture::DAY * 7)
}

fn body(reply: Reply) -> (ReplyBody, Option<ChunkRef>) {
    let ServerReply { body, .. } = wire::decode(&reply.bytes.into()).unwrap();
    (body, reply.chunk)
}

fn ask(dev: &mut Dev, site: &mut Site, request: RequestBody) -> (ReplyBody, Option<ChunkRef>) {
    let request = dev.request(request);
    body(site.call(|server, ctx| server.device(ctx, &request)).unwrap())
}

fn code(body: &ReplyBody) -> Code {
    let ReplyBody::Failure(failure) = body else { panic!("not refused: {body:?}") };
    failure.reason.code().unwrap()
}

/// Brings a chunk; the host keeps it first, then applies.
fn bring(
    dev: &mut Dev,
    site: &mut Site,
    chunks: &mut Chunks,
    request: RequestBody,
    chunk: &[u8],
) -> ReplyBody {
    let request = dev.request(request);
    let id = site.id.clone();
    let mut keep = None;
    let reply = site.call(|server, ctx| {
        let WithChunk { keep: kept, transition, .. } = server.device_with_chunk(ctx, &request, chunk)?;
        keep = kept;
        Ok(transition)
    });
    chunks.extend(keep.map(|keep| ((id, keep), chunk.to_vec())));
    body(reply.unwrap()).0
}

fn upload(dev: &mut Dev, site: &mut Site, chunks: &mut Chunks, photo: &Photo) {
    assert_eq!(ask(dev, site, RequestBody::BlobBegin(photo.begin())).0, ReplyBody::Done);
    for (index, chunk) in photo.chunks().into_iter().enumerate() {
        assert_eq!(bring(dev, site, chunks, photo.put(index as u64), chunk), ReplyBody::Done);
    }
}

/// Carries chunk requests to where they go, and the answers back, until there are none.
fn carry(world: &mut World, at: &str, chunks: &mut Chunks) -> Result<usize> {
    let mut carried = 0;
    loop {
        let fetches = std::mem::take(&mut world.site(at).fetches);
        if fetches.is_empty() {
            return Ok(carried);
        }
        for (peer, message) in fetches {
            let reply = world.site(peer.as_str()).peer(&message)?.unwrap();
            let chunk = reply.chunk.map(|name| chunks[&(peer.clone(), name)].clone()).unwrap_or_default();
            take_reply(world.site(at), chunks, &reply.bytes, &chunk)?;
            carried += 1;
        }
    }
}

/// Gives a server the answer of another with a chunk beside it; the host keeps it first.
fn take_reply(site: &mut Site, chunks: &mut Chunks, reply: &[u8], chunk: &[u8]) -> Result<()> {
    let (id, mut keep) = (site.id.clone(), None);
    site.call(|server, ctx| {
        let with = server.peer_with_chunk(ctx, reply, chunk)?;
        keep = with.keep;
        Ok(with.transition)
    })?;
    chunks.extend(keep.map(|keep| ((id, keep), chunk.to_vec())));
    Ok(())
}

/// Fetches all of a file.
fn download(world: &mut World, dev: &mut Dev, chunks: &mut Chunks, photo: &Photo) -> Vec<u8> {
    let home = dev.id.user.agency().clone();
    let mut info = None;
    for _ in 0..3 {
        match ask(dev, world.site(home.as_str()), photo.open()).0 {
            ReplyBody::BlobInfo(found) => info = Some(found),
            ReplyBody::Pending => world.settle(),
            other => panic!("{other:?}"),
        }
    }
    let info = info.unwrap();
    let list = ChunkList::parse(&info.chunk_hashes).unwrap();
    let mut bytes = Vec::new();
    for index in 0..list.len() {
        let chunk = loop {
            match ask(dev, world.site(home.as_str()), photo.get(index)) {
                (ReplyBody::BlobChunk(got), Some(chunk)) if got == index => break chunk,
                (ReplyBody::Pending, None) => assert!(carry(world, home.as_str(), chunks).unwrap() > 0),
                other => panic!("{other:?}"),
            }
        };
        bytes.extend_from_slice(&chunks[&(home.clone(), chunk)]);
        carry(world, home.as_str(), chunks).unwrap();
    }
    open_all(&photo.file, &Header::parse(&info.header).unwrap(), list, &bytes).unwrap()
}

/// A photo of so many bytes of anna's, which her server has; bert is another agency's.
fn uploaded(size: usize) -> (World, [Dev; 2], Chunks, Photo) {
    let mut world = World::new();
    let [mut anna, bert] = ["anna@a.example", "bert@b.example"].map(|user| world.person(user));
    let mut chunks = Chunks::new();
    let photo = Photo::new(size, "a.example");
    upload(&mut anna, world.site("a.example"), &mut chunks, &photo);
    (world, [anna, bert], chunks, photo)
}

#[test]
fn a_photo_crosses_borders_once_for_each_agency() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let mut tablet = world.further(&bert);
    let mut chunks = Chunks::new();
    let photo = Photo::new(1_500_000, "a.example");
    upload(&mut anna, world.site("a.example"), &mut chunks, &photo);
    let parts = photo.chunks().len();
    assert!(parts > 16 && chunks.len() == parts);

    let seen = download(&mut world, &mut bert, &mut chunks, &photo);
    assert_eq!(seen.len(), 1_500_000);
    assert_eq!(chunks.len(), 2 * parts);
    // The second device of the same agency needs nothing from the origin.
    download(&mut world, &mut tablet, &mut chunks, &photo);
    assert_eq!(download(&mut world, &mut anna, &mut chunks, &photo), seen);
    assert_eq!(chunks.len(), 2 * parts);
}

/// SPEC V-561 to V-563
#[test]
fn attachments_that_are_not_taken() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut tablet = world.further(&anna);
    let mut chunks = Chunks::new();
    let photo = Photo::new(200_000, "a.example");
    let site = world.site("a.example");
    let mut begin = |change: &dyn Fn(&mut BlobBegin)| {
        let mut begin = photo.begin();
        change(&mut begin);
        code(&ask(&mut anna, site, RequestBody::BlobBegin(begin)).0)
    };
    assert_eq!(begin(&|b| b.info.padded += 1), Code::BadGeometry);
    assert_eq!(begin(&|b| b.info.header = vec![1].into()), Code::BadHeader);
    assert_eq!(begin(&|b| b.info.chunk_hashes = b.info.chunk_hashes.slice(32..)), Code::BadGeometry);
    assert_eq!(begin(&|b| b.expires_at = now()), Code::Expired);
    assert_eq!(begin(&|b| b.expires_at = now().plus(crate::identity::fixture::DAY * 500)), Code::Quota);

    let refused = |dev: &mut Dev, site: &mut Site, chunks: &mut Chunks, request, chunk: &[u8]| {
        code(&bring(dev, site, chunks, request, chunk))
    };
    let parts = photo.chunks();
    assert_eq!(refused(&mut anna, site, &mut chunks, photo.put(0), parts[0]), Code::UnknownBlob);
    assert_eq!(ask(&mut anna, site, RequestBody::BlobBegin(photo.begin())).0, ReplyBody::Done);
    // The name is taken, also for the same device; the same announcement is only repeated.
    let mut other = photo.begin();
    other.capability_hash = Hash::from_bytes([1; 32]);
    assert_eq!(code(&ask(&mut anna, site, RequestBody::BlobBegin(other)).0), Code::Equivocation);
    assert_eq!(ask(&mut anna, site, RequestBody::BlobBegin(photo.begin())).0, ReplyBody::Done);

    assert_eq!(refused(&mut tablet, site, &mut chunks, photo.put(0), parts[0]), Code::NotPermitted);
    assert_eq!(refused(&mut anna, site, &mut chunks, photo.put(0), parts[1]), Code::BadChunk);
    assert_eq!(refused(&mut anna, site, &mut chunks, photo.put(99), parts[1]), Code::BadField);
    assert_eq!(code(&ask(&mut anna, site, photo.put(0)).0), Code::BlobIncomplete);
    assert!(chunks.is_empty());

    // Half of it: nobody is shown how it is made, and what is there comes only to who may.
    assert_eq!(bring(&mut anna, site, &mut chunks, photo.put(1), parts[1]), ReplyBody::Done);
    assert_eq!(code(&ask(&mut tablet, site, photo.open()).0), Code::BlobIncomplete);
    assert_eq!(code(&ask(&mut tablet, site, photo.get(0)).0), Code::BlobIncomplete);
    assert!(matches!(ask(&mut tablet, site, photo.get(1)).0, ReplyBody::BlobChunk(1)));
    assert_eq!(code(&ask(&mut tablet, site, photo.get(5_000)).0), Code::BadField);
    let thief = Photo {
        file: FileRef { blob: photo.file.blob, ..Photo::new(9, "a.example").file },
        ..Photo::new(9, "a.example")
    };
    assert_eq!(code(&ask(&mut tablet, site, thief.open()).0), Code::BadCapability);
    assert_eq!(code(&ask(&mut tablet, site, thief.get(1)).0), Code::BadCapability);

    // A chunk that comes twice is kept once, and whether it is here can be asked.
    let kept = chunks.len();
    assert_eq!(ask(&mut anna, site, photo.put(1)).0, ReplyBody::Done);
    assert_eq!(bring(&mut anna, site, &mut chunks, photo.put(1), parts[1]), ReplyBody::Done);
    assert_eq!(chunks.len(), kept);
}

/// SPEC V-565
#[test]
fn an_origin_may_refuse_and_may_be_asked_again() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let mut chunks = Chunks::new();
    let photo = Photo::new(100_000, "a.example");
    // Nobody has uploaded it yet.
    assert_eq!(ask(&mut bert, world.site("b.example"), photo.open()).0, ReplyBody::Pending);
    assert_eq!(ask(&mut bert, world.site("b.example"), photo.open()).0, ReplyBody::Pending);
    world.settle();
    assert_eq!(code(&ask(&mut bert, world.site("b.example"), photo.open()).0), Code::UnknownBlob);
    assert_eq!(code(&ask(&mut bert, world.site("b.example"), photo.get(0)).0), Code::UnknownBlob);
    upload(&mut anna, world.site("a.example"), &mut chunks, &photo);
    // Somebody with another capability neither gets it nor stands in the way of who has the right one.
    let other = Photo::new(9, "a.example");
    let thief = Photo { file: FileRef { blob: photo.file.blob, ..other.file.clone() }, ..other };
    for site in &mut world.sites {
        site.now = now().plus(core::time::Duration::from_secs(700));
    }
    let site = world.site("b.example");
    site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
    assert_eq!(ask(&mut bert, site, thief.open()).0, ReplyBody::Pending);
    world.settle();
    assert_eq!(code(&ask(&mut bert, world.site("b.example"), thief.open()).0), Code::BadCapability);
    assert_eq!(download(&mut world, &mut bert, &mut chunks, &photo).len(), 100_000);
    assert_eq!(code(&ask(&mut bert, world.site("b.example"), thief.open()).0), Code::BadCapability);

    // An origin that is not on the list, or is oneself.
    let elsewhere = Photo::new(9, "x.example");
    assert_eq!(code(&ask(&mut bert, world.site("b.example"), elsewhere.open()).0), Code::UnknownAgency);
    let own = Photo::new(9, "b.example");
    assert_eq!(code(&ask(&mut bert, world.site("b.example"), own.open()).0), Code::UnknownBlob);
}

#[test]
fn chunks_between_agencies_are_signed_for_and_checked() {
    let (mut world, [_anna, mut bert], mut chunks, photo) = uploaded(100_000);
    assert_eq!(ask(&mut bert, world.site("b.example"), photo.open()).0, ReplyBody::Pending);
    world.settle();
    assert_eq!(ask(&mut bert, world.site("b.example"), photo.get(0)).0, ReplyBody::Pending);
    let fetches = std::mem::take(&mut world.site("b.example").fetches);
    let [(_, message), _] = fetches.as_slice() else { panic!("{fetches:?}") };
    // Asked at once again, nothing more goes out.
    assert_eq!(ask(&mut bert, world.site("b.example"), photo.get(0)).0, ReplyBody::Pending);
    assert!(world.site("b.example").fetches.is_empty());

    // V-564, V-531: to somebody else, too old, too early, changed.
    assert_eq!(world.site("c.example").peer(message).unwrap_err().code(), Code::NotForUs);
    for hours in [-1_i64, 1] {
        let site = world.site("a.example");
        let hour = core::time::Duration::from_secs(3_600);
        site.now = if hours < 0 { now().minus(hour) } else { now().plus(hour) };
        assert_eq!(site.peer(message).unwrap_err().code(), Code::BadStamp);
        site.now = now();
    }
    let mut changed = message.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    assert_eq!(world.site("a.example").peer(&changed).unwrap_err().code(), Code::BadSignature);

    // V-565: what nobody has signed so is not looked at.
    let reply = world.site("a.example").peer(message).unwrap().unwrap();
    let chunk = chunks[&(agency("a.example"), reply.chunk.clone().unwrap())].clone();
    let mut changed = reply.bytes.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    let site = world.site("b.example");
    let before = site.store.clone();
    assert_eq!(take_reply(site, &mut chunks, &changed, &chunk).unwrap_err().code(), Code::BadSignature);
    assert_eq!(world.site("c.example").peer(&reply.bytes).unwrap_err().code(), Code::NotForUs);
    // Other bytes than the signed ones may have been changed on the way: they are asked for again.
    let site = world.site("b.example");
    assert!(site.store == before);
    let mut other = chunk.clone();
    other[0] ^= 1;
    take_reply(site, &mut chunks, &reply.bytes, &other).unwrap();
    assert_eq!(site.fetches.len(), 1);
    // The first answer is to a request that was made anew since, but for one of the same moment.
    site.now = now().plus(core::time::Duration::from_millis(1));
    take_reply(site, &mut chunks, &reply.bytes, b"").unwrap();
    assert_eq!(site.fetches.len(), 2);
    take_reply(site, &mut chunks, &reply.bytes, &chunk).unwrap();
    assert_eq!(site.fetches.len(), 2);
    // What was lost is asked for again after a while.
    for site in &mut world.sites {
        site.now = now().plus(core::time::Duration::from_secs(20));
    }
    let site = world.site("b.example");
    site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
    assert_eq!(download(&mut world, &mut bert, &mut chunks, &photo).len(), 100_000);
}

#[test]
fn what_has_expired_is_forgotten_everywhere() {
    let (mut world, [mut anna, mut bert], mut chunks, photo) = uploaded(100_000);
    download(&mut world, &mut bert, &mut chunks, &photo);
    for (dev, at) in [(&mut anna, "a.example"), (&mut bert, "b.example")] {
        let site = world.site(at);
        let keeps = |site: &Site| Server::keeps(&site.store, &photo.file.origin, &photo.file.blob).unwrap();
        assert!(keeps(site));
        site.now = expires_at();
        assert_eq!(code(&ask(dev, site, photo.get(0)).0), Code::Expired);
        site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
        let origin = agency("a.example");
        assert!(site.outputs.contains(&Output::ForgetBlob { origin, blob: photo.file.blob }));
        assert!(!keeps(site));
    }
}

/// SPEC V-565: an origin does not say how long others keep what they have fetched.
#[test]
fn an_expiry_that_is_too_far_away_is_not_believed() {
    let day = crate::identity::fixture::DAY;
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let (mut chunks, mut photo) = (Chunks::new(), Photo::new(1_000, "a.example"));
    photo.file.expires_at = now().plus(402 * day);
    world.site("a.example").now = now().plus(5 * day);
    upload(&mut anna, world.site("a.example"), &mut chunks, &photo);
    world.site("a.example").now = now();
    download(&mut world, &mut bert, &mut chunks, &photo);
    for (at, kept) in [("a.example", true), ("b.example", false)] {
        let site = world.site(at);
        site.now = now().plus(400 * day);
        site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
        assert_eq!(Server::keeps(&site.store, &photo.file.origin, &photo.file.blob), Ok(kept), "{at}");
    }
}
