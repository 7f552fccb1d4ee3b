//! Who speaks for a user, entry by entry: devices, those who have been removed too, and
//! recovery keys. Every entry is judged by the roll of those before it.

use std::collections::BTreeSet;

use super::{
    ChainEntry, ChainLink, Endorsement, Endorser, Op, Statement,
    keys::{DeviceKey, RecoveryKey, UserKind, recovery_fits},
};
use crate::{
    code::Code,
    crypto::VerifyKey,
    error::{Error, Result, ensure, fault},
    ids::{DeviceId, KeyId},
    limits,
    time::Timestamp,
};

/// The roll of a chain.
#[derive(Clone, Debug, Default)]
pub(super) struct Roll {
    kind: Option<UserKind>,
    entered: Vec<Entered>,
    recovery: Vec<RecoveryKey>,
    /// Every key that the chain has ever named.
    taken: BTreeSet<[u8; 32]>,
}

/// A device that an entry endorses.
#[derive(Clone, Debug)]
pub(super) struct Entered {
    pub(super) key: DeviceKey,
    /// The entry.
    pub(super) n: u32,
    /// The entry that removes it.
    pub(super) removed: Option<u32>,
    pub(super) endorsement: Endorsement,
}

impl Entered {
    /// Whether the chain up to an entry has the device.
    pub(super) fn is_in(&self, last: u32) -> bool {
        self.n <= last && self.removed.is_none_or(|removed| removed > last)
    }

    /// A role's device for the time of a shift.
    fn is_delegate(&self) -> bool {
        self.endorsement.until.is_some()
    }
}

/// Whose word an entry is.
enum Signer<'r> {
    /// The device in entry 0.
    Founder(&'r DeviceKey),
    Device(&'r Entered),
    Recovery(&'r RecoveryKey),
    /// The key that countersigns.
    Agency,
}

impl Roll {
    /// Of links in order, which have been checked.
    pub(super) fn of(links: &[ChainLink]) -> Self {
        let mut roll = Roll::default();
        links.iter().for_each(|link| roll.enter(link.entry()));
        roll
    }

    /// Every device that was ever there, in the order of the entries.
    pub(super) fn entered(&self) -> &[Entered] {
        &self.entered
    }

    pub(super) fn find(&self, id: &DeviceId) -> Option<&Entered> {
        self.entered.iter().find(|entered| entered.key.id == *id)
    }

    /// The recovery keys that count.
    pub(super) fn recovery(&self) -> &[RecoveryKey] {
        &self.recovery
    }

    /// Devices that speak for the user at a time.
    fn live(&self, at: Timestamp) -> impl Iterator<Item = &Entered> {
        self.entered.iter().filter(move |entered| entered.endorsement.is_live(at))
    }

    /// What an entry that has been checked changes.
    pub(super) fn enter(&mut self, entry: &ChainEntry) {
        if let Some(device) = entry.op.device() {
            let endorsement = self.endorsement(entry, device);
            self.taken.insert(device.key);
            self.entered.push(Entered { key: device.clone(), n: entry.n, removed: None, endorsement });
        }
        match &entry.op {
            Op::Genesis { kind, recovery, .. } => {
                self.kind = Some(*kind);
                self.recover_by(recovery);
            }
            Op::SetRecovery { recovery } => self.recover_by(recovery),
            Op::RemoveDevice { device } => {
                if let Some(gone) = self.entered.iter_mut().find(|entered| entered.key.id == *device) {
                    (gone.removed, gone.endorsement.removed_at) = (Some(entry.n), Some(entry.at));
                }
            }
            Op::AddDevice { .. } | Op::Delegate { .. } => {}
        }
    }

    fn recover_by(&mut self, keys: &[RecoveryKey]) {
        self.taken.extend(keys.iter().map(|key| *key.key()));
        self.recovery = keys.to_vec();
    }

    fn endorsement(&self, entry: &ChainEntry, device: &DeviceKey) -> Endorsement {
        let signer = self.entered.iter().find(|entered| entered.key.key_id() == entry.signer);
        let by = match (&entry.op, signer) {
            (Op::Genesis { replaces: Some(before), .. }, _) => Endorser::Reset { replaced: *before },
            (Op::Genesis { .. }, _) => Endorser::Founder,
            (_, Some(signer)) => Endorser::Device(signer.key.id),
            (_, None) => {
                let key = self.recovery.iter().find(|key| key.key_id() == entry.signer);
                Endorser::Recovery { owner: key.map(|key| key.owner().to_owned()).unwrap_or_default() }
            }
        };
        let until = match entry.op {
            Op::Delegate { until, .. } => Some(until),
            _ => None,
        };
        Endorsement { device: device.id, by, at: entry.at, until, removed_at: None }
    }

    /// Checks an entry as the next one, but for its place, and the signatures of the user's side.
    /// `agency` finds the key that countersigns, where the entry is the agency's own.
    ///
    /// # Errors
    /// SPEC V-248 to V-250, V-252, V-255 to V-258, each with its code.
    pub(super) fn check(
        &self,
        statement: &Statement,
        agency: &mut dyn FnMut(&KeyId) -> Result<VerifyKey>,
    ) -> Result<()> {
        let entry = statement.entry();
        self.check_keys(&entry.op)?;
        let key = match self.signer(entry)? {
            Signer::Founder(device) => VerifyKey::parse(&device.key)?,
            Signer::Device(entered) => VerifyKey::parse(&entered.key.key)?,
            Signer::Recovery(key) => VerifyKey::parse(key.key())?,
            Signer::Agency => agency(&entry.signer)?,
        };
        statement.verify(&key)?;
        self.check_second(statement)?;
        self.check_bounds(entry)
    }

    /// Who signs, and whether they may (V-248, V-255, V-256).
    fn signer<'r>(&'r self, entry: &'r ChainEntry) -> Result<Signer<'r>> {
        if let Op::Genesis { device, .. } = &entry.op {
            let own = device.key_id() == entry.signer;
            ensure(own, Code::BrokenChain, "entry 0 is signed by the device in it")?;
            return Ok(Signer::Founder(device));
        }
        if let Some(entered) = self.live(entry.at).find(|entered| entered.key.key_id() == entry.signer) {
            self.check_device(entered, &entry.op)?;
            return Ok(Signer::Device(entered));
        }
        if let Some(key) = self.recovery.iter().find(|key| key.key_id() == entry.signer) {
            let delegates = matches!(entry.op, Op::Delegate { .. });
            ensure(!delegates, Code::BrokenChain, "a recovery key hands nothing over")?;
            return Ok(Signer::Recovery(key));
        }
        // Whoever else it is has to be the agency, which may do this alone.
        let removes = matches!(entry.op, Op::RemoveDevice { .. });
        ensure(removes, Code::BrokenChain, "signer does not speak for the user")?;
        Ok(Signer::Agency)
    }

    /// What a device of the user may do to the chain.
    fn check_device(&self, signer: &Entered, op: &Op) -> Result<()> {
        match op {
            Op::SetRecovery { .. } => fault(Code::BrokenChain, "recovery keys are not a device's to change"),
            Op::AddDevice { .. } => {
                ensure(!signer.is_delegate(), Code::BeyondDelegation, "a delegate adds no device")
            }
            Op::RemoveDevice { device } => {
                let permanent = self.find(device).is_some_and(|gone| !gone.is_delegate());
                let may = !(signer.is_delegate() && permanent);
                ensure(may, Code::BeyondDelegation, "a delegate removes delegates alone")
            }
            Op::Delegate { .. } | Op::Genesis { .. } => Ok(()),
        }
    }

    /// The other owner's signature, exactly where both are wanted (V-257).
    fn check_second(&self, statement: &Statement) -> Result<()> {
        let entry = statement.entry();
        let both = matches!(entry.op, Op::SetRecovery { .. }) && self.kind != Some(UserKind::Person);
        let Some(second) = statement.second() else {
            return ensure(!both, Code::BadField, "the other owner's signature");
        };
        ensure(both, Code::BadField, "a second signature where none is wanted")?;
        let other = self.recovery.iter().find(|key| key.key_id() != entry.signer);
        let other = other.ok_or(Error::new(Code::BrokenChain, "other owner"))?;
        statement.verify_as(&VerifyKey::parse(other.key())?, second)
    }

    /// Keys are acceptable and new; what is removed is there (V-250, V-256, V-258).
    pub(super) fn check_keys(&self, op: &Op) -> Result<()> {
        if let Some(device) = op.device() {
            VerifyKey::parse(&device.key)?;
            let fresh = !self.taken.contains(&device.key) && self.find(&device.id).is_none();
            ensure(fresh, Code::BrokenChain, "device or key is on the chain already")?;
        }
        match op {
            Op::Genesis { device, recovery, .. } => {
                self.check_recovery(recovery)?;
                let own = recovery.iter().all(|key| *key.key() != device.key);
                ensure(own, Code::BrokenChain, "device and recovery key are one")
            }
            Op::SetRecovery { recovery } => {
                let fits = self.kind.is_some_and(|kind| recovery_fits(kind, recovery));
                ensure(fits, Code::BadField, "recovery keys")?;
                self.check_recovery(recovery)
            }
            Op::Delegate { .. } => {
                let role = self.kind == Some(UserKind::Role);
                ensure(role, Code::BrokenChain, "only a role is handed over")
            }
            Op::AddDevice { .. } | Op::RemoveDevice { .. } => Ok(()),
        }
    }

    fn check_recovery(&self, keys: &[RecoveryKey]) -> Result<()> {
        for key in keys {
            VerifyKey::parse(key.key())?;
            let fresh = !self.taken.contains(key.key()) || self.recovery.contains(key);
            ensure(fresh, Code::BrokenChain, "recovery key is on the chain already")?;
        }
        let distinct: BTreeSet<_> = keys.iter().map(RecoveryKey::key).collect();
        ensure(distinct.len() == keys.len(), Code::BrokenChain, "one recovery key twice")
    }

    /// What is removed is live, and nothing is more than its bound (V-252, V-258).
    fn check_bounds(&self, entry: &ChainEntry) -> Result<()> {
        let end = match &entry.op {
            Op::RemoveDevice { device } => {
                let live = self.live(entry.at).any(|entered| entered.key.id == *device);
                ensure(live, Code::BrokenChain, "removes no device of the user")?;
                limits::CHAIN_LINKS
            }
            // The last places are for removals.
            _ => limits::CHAIN_LINKS.saturating_sub(limits::DEVICES_PER_USER),
        };
        ensure((entry.n as usize) < end, Code::TooLong, "user chain")?;
        let full = entry.op.device().is_some() && self.live(entry.at).count() >= limits::DEVICES_PER_USER;
        ensure(!full, Code::TooLong, "devices of a user")
    }
}
