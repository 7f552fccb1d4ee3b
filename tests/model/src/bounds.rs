//! What a model is bounded by: who is there, what the apps ask for, and which faults may happen.

use std::fmt;

use crate::{
    group::Change,
    mutation::Mutation,
    names::{Agency, Device, Set, User},
};

/// A device, before anything happens.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    pub agency: Agency,
    pub user: User,
    /// Whether it is in the room from the beginning.
    pub present: bool,
}

/// What an app asks of its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    Send,
    Commit(Change),
}

/// Faults that are counted. The network needs no count: it loses, repeats, delays and reorders
/// whatever it likes, without bound.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// How often servers restart, and lose what they have in memory alone.
    pub restarts: u8,
    /// How often devices crash after something left them.
    pub crashes: u8,
    /// How often own servers say without a signature that an epoch has passed.
    pub lies: u8,
    /// How often a device hears nothing of what it has submitted.
    pub silences: u8,
    /// How often it gives up waiting for the place that a refusal names.
    pub impatience: u8,
    /// Whose store is put back to an earlier copy, once.
    pub restores: Option<Agency>,
}

#[derive(Clone, Debug)]
pub struct Bounds {
    pub name: &'static str,
    pub agencies: u8,
    pub seats: Vec<Seat>,
    /// What each device's app asks for, in order, each thing whenever it likes.
    pub work: Vec<Vec<Work>>,
    pub faults: Faults,
    pub mutation: Option<Mutation>,
    /// The property that is looked at; if none is named, all.
    pub only: Option<&'static str>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = [
            (self.restarts, "restart"),
            (self.crashes, "crash"),
            (self.lies, "lie"),
            (self.silences, "silence"),
            (self.impatience, "impatience"),
            (self.restores.is_some().into(), "restore"),
        ];
        let counted = counted.into_iter().filter(|(count, _)| *count > 0);
        let named: Vec<String> = counted.map(|(count, name)| format!("{count} {name}")).collect();
        f.write_str(&named.join(", "))
    }
}

impl Bounds {
    pub fn devices(&self) -> impl Iterator<Item = Device> + use<> {
        0..u8::try_from(self.seats.len()).expect("few devices")
    }

    pub fn agency(&self, device: Device) -> Agency {
        self.seats[usize::from(device)].agency
    }

    pub fn user(&self, device: Device) -> User {
        self.seats[usize::from(device)].user
    }

    /// The users of devices.
    pub fn users(&self, devices: Set) -> Set {
        devices.iter().map(|device| self.user(device)).collect()
    }

    /// The agencies of devices.
    pub fn agencies_of(&self, devices: Set) -> Set {
        devices.iter().map(|device| self.agency(device)).collect()
    }

    /// The devices of an agency among these.
    pub fn of_agency(&self, devices: Set, agency: Agency) -> Set {
        devices.iter().filter(|device| self.agency(*device) == agency).collect()
    }

    /// Who is in the room from the beginning.
    pub fn founders(&self) -> Set {
        self.devices().filter(|device| self.seats[usize::from(*device)].present).collect()
    }

    pub fn breaks(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// The same with a mistake, to see which property finds it.
    pub fn broken(self, mutation: Mutation, property: &'static str) -> Self {
        Bounds { mutation: Some(mutation), only: Some(property), ..self }
    }

    /// How many entries the log can have.
    pub fn entries(&self) -> usize {
        self.work.iter().map(Vec::len).sum()
    }
}
