//! What no honest server brings a client to do: its parts, called by themselves.

mod claims;
mod deliveries;
mod enrolment;
mod entering;
mod expiring;
pub(in crate::client) mod fetching;
mod history;
mod index;
mod looking_up;
mod packages;
mod records;
mod safety;

use core::{cell::Cell, time::Duration};

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;

use super::{Client, Output, call::Call};
use crate::{
    crypto::{SigningKey, sign},
    error::Result,
    identity::{DeviceCertificate, UserKind},
    ids::{Device, Hash, UserId},
    store::{Ctx, Key, MemoryStore, Row, Store, Value},
    time::Timestamp,
};

const DAY: Duration = Duration::from_secs(86_400);

/// A device whose server is the test.
struct Phone {
    client: Client,
    store: MemoryStore,
    rng: ChaCha20Rng,
    now: Timestamp,
    /// Bytes of the rows that the last call has read.
    read: usize,
}

/// A store that counts what is read.
struct Counting<'s> {
    store: &'s MemoryStore,
    read: Cell<usize>,
}

impl Store for Counting<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        let value = self.store.get(key)?;
        self.read.set(self.read.get() + value.as_ref().map_or(0, Vec::len));
        Ok(value)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>> {
        let rows = self.store.scan(prefix, after, limit)?;
        self.read.set(self.read.get() + rows.iter().map(|(_, value)| value.len()).sum::<usize>());
        Ok(rows)
    }
}

/// What the device has and shows to nobody here.
fn certificate(device: Device, now: Timestamp) -> Vec<u8> {
    let claims = DeviceCertificate {
        serial: 1,
        agency: device.user.agency().clone(),
        kind: UserKind::Person,
        device,
        key: [1; 32],
        identity: Hash::from_bytes([1; 32]),
        chain_n: 0,
        not_before: now,
        not_after: now.plus(400 * DAY),
    };
    sign(claims, &[&SigningKey::from_seed(&[1; 32])]).bytes().to_vec()
}

impl Phone {
    fn new(seed: u8) -> Self {
        let (client, store) = (Client::new(), MemoryStore::default());
        let rng = ChaCha20Rng::from_seed([seed; 32]);
        let now = Timestamp::from_millis(1_800_000_000_000);
        let mut phone = Phone { client, store, rng, now, read: 0 };
        let user = UserId::parse("anna@police.nord.example").unwrap();
        let ctx = Ctx { now, store: &phone.store, rng: &mut phone.rng };
        phone.client.begin(ctx, user).unwrap().commit(&mut phone.store).unwrap();
        phone.call(|call| {
            let certificate = certificate(call.account.device.clone(), now);
            call.change_account(|row| {
                row.certificate = certificate;
                row.enrolled = true;
            })
        });
        phone
    }

    /// Makes a call and applies it; what it gives out.
    fn call(&mut self, f: impl FnOnce(&mut Call<'_, '_>) -> Result<()>) -> Vec<Output> {
        let store = Counting { store: &self.store, read: Cell::new(0) };
        let ctx = Ctx { now: self.now, store: &store, rng: &mut self.rng };
        let mut call = Call::begin(ctx, &mut self.client.cache).unwrap();
        f(&mut call).unwrap();
        let transition = call.finish(()).unwrap();
        self.read = store.read.get();
        transition.commit(&mut self.store).unwrap().outputs
    }

    fn rows(&self, prefix: &Key) -> Vec<Row> {
        self.store.scan(prefix, None, 10_000).unwrap()
    }
}
