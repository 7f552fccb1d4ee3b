//! Files that are shared and fetched.

use std::time::Duration;

use verbund::{
    attachment::{ChunkRef, Sealer},
    client::{Command, Event},
    content::{Attachment, Content},
    ids::{BlobId, RequestId},
};

use crate::{plan::Step, world::World};

impl World {
    /// Seals a file of any length and shares it.
    pub fn share(&mut self, step: &Step) -> bool {
        let Some(phone) = self.someone(step) else { return false };
        let Some(room) = self.somewhere(phone, step) else { return false };
        let size = step.what as usize % 150_000;
        let file: Vec<u8> = (0..size).map(|place| (place as u32 ^ step.what) as u8).collect();
        let mut rng = self.rng.generator();
        let (blob, origin) = (BlobId::random(&mut rng), self.sites[self.phones[phone].site].agency.clone());
        let mut sealer = Sealer::new(size as u64, &mut rng).expect("a small file");
        let (mut rest, mut index) = (file.as_slice(), 0);
        while let Some(length) = sealer.next_len() {
            let (now, later) = rest.split_at(length);
            let mut chunk = now.to_vec();
            sealer.seal_next(&mut chunk).expect("a chunk of that length");
            let name = ChunkRef { origin: origin.clone(), blob, index };
            self.phones[phone].machine.chunks.insert(name, chunk);
            (rest, index) = (later, index + 1);
        }
        let sealed = sealer.finish().expect("all of it");
        let kept = self.time().plus(Duration::from_secs(30 * 86_400));
        let reference = sealed.file_ref(blob, origin, kept);
        self.ledger.files.insert(blob, file);
        let attachment = Attachment::new(reference, "application/octet-stream").expect("an attachment");
        let (request, header, list) = (self.request(), *sealed.header(), sealed.list().clone());
        let command = Command::Share {
            request,
            room: room.id,
            attachment,
            lifetime: None,
            preview: None,
            header,
            list,
        };
        self.command(phone, command);
        true
    }

    /// Fetches a file that the app was told of.
    pub fn fetch(&mut self, step: &Step) -> bool {
        let Some(phone) = self.someone(step) else { return false };
        let told = self.phones[phone].events().filter_map(|event| match event {
            Event::Message { content: Content::Attachment(attachment), .. } => {
                Some(attachment.file().clone())
            }
            _ => None,
        });
        let told: Vec<_> = told.collect();
        let Some(file) = told.get(step.what as usize % told.len().max(1)).cloned() else { return false };
        let request = self.request();
        self.phones[phone].fetches.insert(request, file.clone());
        self.command(phone, Command::Fetch { request, file });
        true
    }

    /// What was fetched is what was shared, byte for byte.
    pub fn compare(&mut self, phone: usize, request: &RequestId) {
        let opened = self.open(phone, request);
        let here = &self.phones[phone];
        let Some(reference) = here.fetches.get(request) else { return };
        let shared = &self.ledger.files[&reference.blob];
        let name = here.machine.name.clone();
        match opened {
            Ok(file) if file == *shared => self.counts.files += 1,
            Ok(_) => self.fail("file", format!("{name} has fetched another file than was shared")),
            Err(error) => self.fail("file", format!("{name} cannot open what it has fetched: {error}")),
        }
    }

    fn open(&mut self, phone: usize, request: &RequestId) -> Result<Vec<u8>, String> {
        let spoils = self.planted.spoils_chunks;
        let here = &mut self.phones[phone];
        let Some(file) = here.fetches.get(request) else { return Ok(Vec::new()) };
        let machine = &mut here.machine;
        let opener =
            machine.processes[0].opener(&machine.store, request).map_err(|error| error.to_string())?;
        let mut opened = Vec::new();
        for index in 0..file.geometry().map_err(|error| error.to_string())?.chunks() {
            let name = ChunkRef { origin: file.origin.clone(), blob: file.blob, index };
            let mut chunk = machine.chunks.get(&name).ok_or("a chunk is missing")?.clone();
            if spoils {
                chunk.iter_mut().for_each(|byte| *byte ^= 1);
            }
            opener.open_chunk(index, &mut chunk).map_err(|error| error.to_string())?;
            opened.extend_from_slice(&chunk);
        }
        Ok(opened)
    }
}
