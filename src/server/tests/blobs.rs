//! Attachments: brought by one device, fetched by others, across agencies.

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
    server::{Output, Reply, WithChunk},
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
        let mut rng = rng(77);
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

    fn get(&self, index: u64) -> RequestBody {
        let origin = self.file.origin.clone();
        RequestBody::BlobGet(BlobGet { blob: self.file.blob, origin, capability: self.shown(), index })
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

/// Carries chunk requests to where they go, and the answers back.
fn carry(world: &mut World, at: &str, chunks: &mut Chunks) -> Result<usize> {
    let outputs = std::mem::take(&mut world.site(at).outputs);
    let mut carried = 0;
    for output in outputs {
        let Output::Fetch { peer, message } = output else { continue };
        let reply = world.site(peer.as_str()).peer(&message)?.unwrap();
        let chunk = reply.chunk.map(|name| chunks[&(peer.clone(), name)].clone()).unwrap_or_default();
        let id = agency(at);
        let mut keep = None;
        world.site(at).call(|server, ctx| {
            let with = server.peer_with_chunk(ctx, &reply.bytes, &chunk)?;
            keep = with.keep;
            Ok(with.transition)
        })?;
        chunks.extend(keep.map(|keep| ((id, keep), chunk)));
        carried += 1;
    }
    Ok(carried)
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
