//! What can happen next. One action is one transition of one engine (or one decision of an app, or
//! one fault): it is stored whole or not at all.

use crate::names::{Agency, Device, Id};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    // Apps.
    /// The app asks for the next thing.
    Give(Device),
    /// It agrees to the readers of its held task.
    Consent(Device, usize),
    /// It takes the held task back.
    Withdraw(Device, usize),

    // Device and own server.
    /// A submission reaches the author's own server: for the first time, again, or late.
    Submit(Id),
    /// The hub's signed refusal reaches a device of the hub's agency.
    Answer(usize),
    /// The own server's word that it does not pass a message on reaches the device.
    Deny(Id),
    /// The device takes the next thing out of its inbox.
    Inbox(Device),
    /// It takes up an invitation.
    Join(Device),
    /// It processes the next entry of the log.
    Follow(Device),

    // Servers.
    /// A server makes a frame of what waits for another.
    Pump(Agency, Agency),
    /// A frame reaches its receiver: lane, place in it.
    Carry(usize, usize),
    /// An acknowledgement comes back.
    Acknowledge(usize, usize),
    /// What a server has in memory alone is queued: a mutation's.
    Remember(Agency),

    // Faults.
    /// A server restarts.
    Restart(Agency),
    /// A device restarts.
    Crash(Device),
    /// A server's own word, unsigned, that the epoch of a message has passed.
    Lie(Id),
    /// A device hears nothing of what it has submitted.
    Silence(Id),
    /// It gives up waiting for the place that a refusal names.
    GiveUp(Device),
    /// A copy is made of a server's store.
    Backup(Agency),
    /// The store is put back to the copy.
    Restore(Agency),
}
