//! A phone, tablet or workstation: an engine, its store, and what the app has shown.

use std::collections::VecDeque;

use verbund::{
    client::{self, Client, Event},
    code::Code,
    ids::Device,
    store::MemoryStore,
};

use super::shelf::Chunks;

/// A device of somebody's, with the app on it.
pub struct Phone {
    /// What people call it: `anna`, `anna's tablet`.
    pub name: String,
    pub device: Device,
    pub engine: Client,
    pub store: MemoryStore,
    /// All that the app has been told, in order.
    pub events: Vec<Event>,
    /// Sealed chunks: as a database or a folder of the app would hold them.
    pub chunks: Chunks,
    /// The last word about a mailbox: what lay in it, nothing yet, or why not.
    pub letter: Option<Result<Option<Vec<u8>>, Code>>,
    /// Bytes of keys and values that the engine has had written.
    pub written: usize,
    /// Offline phones neither send nor receive.
    pub online: bool,
    /// What its engine wants done, oldest first.
    pub outgoing: VecDeque<client::Output>,
}

impl Phone {
    /// An engine on a store that holds a device.
    pub fn new(name: &str, engine: Client, store: MemoryStore) -> verbund::error::Result<Self> {
        Ok(Phone {
            name: name.to_owned(),
            device: engine.device(&store)?,
            engine,
            store,
            events: Vec::new(),
            chunks: Chunks::default(),
            letter: None,
            written: 0,
            online: true,
            outgoing: VecDeque::new(),
        })
    }
}
