//! The state of MLS, kept in the host's store.
//!
//! openmls reads and writes whole values through its `StorageProvider`. [`MlsStore`] is one
//! for a single call: it reads through the call's snapshot and stages what is written;
//! [`MlsStore::finish`] gives the rows that differ, as a batch that becomes part of the
//! call's transition. Values with long lists are split into rows (`value`), each value has
//! its place (`layout`).
//!
//! A group's values are read together, by one scan, when the first of them is needed. They
//! are kept as [`Known`] beside the cached group, so that the next call reads nothing and
//! compares with what is stored.
//!
//! A failure of the store is never an absence: the first one is remembered, everything
//! after it fails with it, and nothing can be written any more.

mod encode;
mod layout;
mod msgpack;
mod provider;
#[cfg(test)]
mod tests;
mod value;

use core::{cell::RefCell, mem};
use std::collections::BTreeMap;

use openmls::group::GroupId;
use serde::{Serialize, de::DeserializeOwned};

use self::{
    layout::{DeviceTable, GroupTable, Slot, device_key},
    value::{FORMAT, Place, Value},
};
use crate::{
    code::Code,
    crypto::SecretBytes,
    error::{Error, Result, Retry, ensure},
    ids::RoomId,
    store::{Batch, Key, Row, Store, corrupt},
};

type Values = BTreeMap<Slot, Value>;

/// Rows of one scan while a group is loaded.
const PAGE: usize = 4096;

/// A group's values as they are stored. Good exactly as long as the group's guard still has
/// the stamp under which they were written; by default nothing is known.
#[derive(Default)]
pub(crate) struct Known(Option<Values>);

/// The storage of one room's group and one device's keys, for one call.
///
/// Two of them in one call must not touch the same rows, as neither sees what the other
/// has staged. Whoever joins or makes key packages takes the device's guard too.
pub(crate) struct MlsStore<'a> {
    store: &'a dyn Store,
    /// The room's group id as it is encoded, and the prefix of its rows.
    group: Option<(Vec<u8>, Key)>,
    device: Option<Key>,
    state: RefCell<State>,
}

struct State {
    /// The group's values as they are now; `None` as long as nobody asked.
    values: Option<Values>,
    /// What was stored where values have changed.
    before: BTreeMap<Slot, Option<Value>>,
    /// Writes and deletions of the device's rows.
    device: BTreeMap<Key, Option<SecretBytes>>,
    failure: Option<Error>,
}

impl<'a> MlsStore<'a> {
    /// The storage of a room's group, with what is known of it. Alone it serves a hub, which
    /// has no keys.
    pub(crate) fn room(store: &'a dyn Store, room: &RoomId, prefix: Key, known: Known) -> Result<Self> {
        let id = encode(&GroupId::from_slice(room.as_bytes()))?;
        Ok(MlsStore { group: Some((id.to_vec(), prefix)), ..Self::new(store, known) })
    }

    /// The storage of a device's keys alone: for making key packages.
    pub(crate) fn device(store: &'a dyn Store, prefix: Key) -> Self {
        Self::new(store, Known::default()).with_device(prefix)
    }

    /// Adds the keys of a device: for its own rooms.
    pub(crate) fn with_device(self, prefix: Key) -> Self {
        MlsStore { device: Some(prefix), ..self }
    }

    fn new(store: &'a dyn Store, known: Known) -> Self {
        let state =
            State { values: known.0, before: BTreeMap::new(), device: BTreeMap::new(), failure: None };
        MlsStore { store, group: None, device: None, state: RefCell::new(state) }
    }

    /// Deletes whatever is stored of the group: when it is left, or before it is joined anew.
    /// openmls alone would leave keys of old epochs behind.
    pub(crate) fn clear(&self) -> Result<()> {
        self.run(|state| {
            for (slot, old) in mem::take(self.values(&mut state.values)?) {
                state.before.entry(slot).or_insert(Some(old));
            }
            Ok(())
        })
    }

    /// The first failure, if there was one. openmls wraps some errors of its storage and
    /// forgets others, so ask here whenever it reports an error.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.state.try_borrow().ok()?.failure.clone()
    }

    /// Ends the call: the rows that differ, and what is known once they are written.
    ///
    /// # Errors
    /// The first failure, even if openmls has made nothing of it.
    pub(crate) fn finish(self) -> Result<(Batch, Known)> {
        let State { values, before, device, failure } = self.state.into_inner();
        if let Some(failure) = failure {
            return Err(failure);
        }
        let prefix = self.group.map(|(_, prefix)| prefix).unwrap_or_default();
        let mut batch = Batch::default();
        for (slot, old) in before {
            let key = slot.spine_key(&prefix);
            match (old, values.as_ref().and_then(|values| values.get(&slot))) {
                (None, None) => {}
                (Some(old), None) => old.delete(&key, &mut batch),
                (old, Some(new)) => new.write(&key, old.as_ref(), &mut batch),
            }
        }
        for (key, value) in device {
            match value {
                Some(mut value) => batch.put(key, mem::take(&mut *value)),
                None => batch.delete(key),
            }
        }
        Ok((batch, Known(values)))
    }

    fn put<T: Serialize + ?Sized>(&self, slot: Slot, value: &T) -> Result<()> {
        self.run(|state| {
            let values = self.values(&mut state.values)?;
            let old = values.get(&slot);
            let value = encode::rows(value, old).map_err(unencodable)?;
            if old != Some(&value) {
                let old = values.insert(slot.clone(), value);
                state.before.entry(slot).or_insert(old);
            }
            Ok(())
        })
    }

    fn get<T: DeserializeOwned>(&self, slot: &Slot) -> Result<Option<T>> {
        self.run(|state| {
            let Some(value) = self.values(&mut state.values)?.get(slot) else { return Ok(None) };
            decode(&value.join().ok_or(corrupt("rows of an MLS value"))?).map(Some)
        })
    }

    fn delete(&self, slot: Slot) -> Result<()> {
        self.run(|state| {
            if let Some(old) = self.values(&mut state.values)?.remove(&slot) {
                state.before.entry(slot).or_insert(Some(old));
            }
            Ok(())
        })
    }

    /// The slots of a table, in their order.
    fn slots(&self, table: GroupTable) -> Result<Vec<Slot>> {
        self.run(|state| {
            let values = self.values(&mut state.values)?.range(Slot::only(table)..);
            Ok(values.map(|(slot, _)| slot).take_while(|slot| slot.is_in(table)).cloned().collect())
        })
    }

    /// A slot after all others of a table.
    fn next_slot(&self, table: GroupTable) -> Result<Slot> {
        let last = self.slots(table)?.last().and_then(Slot::number);
        Ok(Slot::numbered(table, last.map_or(0, |number| number.saturating_add(1))))
    }

    fn put_device<T: Serialize>(&self, table: DeviceTable, key: &impl Serialize, value: &T) -> Result<()> {
        self.run(|state| {
            let mut row = SecretBytes::from(vec![FORMAT]);
            row.extend_from_slice(&encode(value)?);
            state.device.insert(self.device_key(table, key)?, Some(row));
            Ok(())
        })
    }

    fn get_device<T: DeserializeOwned>(&self, table: DeviceTable, key: &impl Serialize) -> Result<Option<T>> {
        self.run(|state| {
            let key = self.device_key(table, key)?;
            let row = match state.device.get(&key) {
                Some(staged) => staged.clone(),
                None => {
                    // A Welcome names many key packages, one of them ours: load all at once.
                    let table = device_key(self.device_prefix()?, table, &[]);
                    wanting(table, self.store.get(&key))?.map(SecretBytes::from)
                }
            };
            let Some(row) = row else { return Ok(None) };
            decode(row.strip_prefix(&[FORMAT]).ok_or(corrupt("MLS key"))?).map(Some)
        })
    }

    fn delete_device(&self, table: DeviceTable, key: &impl Serialize) -> Result<()> {
        self.run(|state| {
            state.device.insert(self.device_key(table, key)?, None);
            Ok(())
        })
    }

    /// Every access comes through here: after a failure there are no more.
    fn run<T>(&self, access: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let mut state =
            self.state.try_borrow_mut().map_err(|_| Error::new(Code::Bug, "MLS storage within itself"))?;
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        let result = access(&mut state);
        state.failure = result.as_ref().err().cloned();
        result
    }

    /// The group's values, loaded if need be.
    fn values<'s>(&self, values: &'s mut Option<Values>) -> Result<&'s mut Values> {
        match values {
            Some(values) => Ok(values),
            none => Ok(none.insert(self.load()?)),
        }
    }

    fn load(&self) -> Result<Values> {
        let (_, prefix) = self.room_and_prefix()?;
        let mut rows: Vec<Row> = Vec::new();
        loop {
            let after = rows.last().map(|(key, _)| key.as_slice());
            let page = wanting(prefix.clone(), self.store.scan(prefix, after, PAGE))?;
            let more = page.len() >= PAGE;
            rows.extend(page);
            if !more {
                break;
            }
        }
        let mut values = Values::new();
        let mut rows = rows.into_iter().peekable();
        while let Some((key, spine)) = rows.next() {
            let slot = key.strip_prefix(prefix.as_slice()).and_then(Slot::read);
            let slot = slot.ok_or(corrupt("MLS row without a value"))?;
            let mut value = Value::new(spine);
            while let Some((element, row)) = rows.next_if(|(next, _)| next.starts_with(&key)) {
                let place = element.strip_prefix(key.as_slice()).and_then(Place::read);
                value.push(place.ok_or(corrupt("MLS row without a place"))?, &row);
            }
            values.insert(slot, value);
        }
        // openmls takes a group that lacks something for none at all.
        let member = GroupTable::MEMBER.iter().filter(|_| self.device.is_some());
        let expected: Vec<_> = GroupTable::PUBLIC.iter().chain(member).collect();
        let there = expected.iter().filter(|table| values.contains_key(&Slot::only(***table))).count();
        ensure(there == 0 || there == expected.len(), Code::StoreCorrupt, "MLS group that lacks a value")?;
        Ok(values)
    }

    /// openmls names the group with every access; a Welcome may name another one than its
    /// sender said.
    fn is_room(&self, id: &impl Serialize) -> Result<()> {
        self.run(|_| {
            let (room, _) = self.room_and_prefix()?;
            ensure(*encode(id)? == *room, Code::Mls, "group id is not the room's")
        })
    }

    fn room_and_prefix(&self) -> Result<&(Vec<u8>, Key)> {
        self.group.as_ref().ok_or(Error::new(Code::Bug, "MLS storage of no room"))
    }

    fn device_prefix(&self) -> Result<&[u8]> {
        self.device.as_deref().ok_or(Error::new(Code::Bug, "MLS storage of no device"))
    }

    fn device_key(&self, table: DeviceTable, key: &impl Serialize) -> Result<Key> {
        Ok(device_key(self.device_prefix()?, table, &encode(key)?))
    }
}

/// Names everything that the call will want, where a store says that one row is not loaded.
fn wanting<T>(prefix: Key, result: Result<T>) -> Result<T> {
    result.map_err(|error| match error.retry() {
        Retry::Load(_) => Error::load(vec![prefix]),
        _ => error,
    })
}

fn encode<T: Serialize + ?Sized>(value: &T) -> Result<SecretBytes> {
    encode::whole(value).map_err(unencodable)
}

fn unencodable(_: encode::Unencodable) -> Error {
    Error::new(Code::Bug, "MLS value does not encode")
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let item = msgpack::only_item(bytes).ok_or(corrupt("MLS value is not one item"))?;
    rmp_serde::from_slice(item).map_err(|_| corrupt("MLS value does not decode"))
}
