//! Rooms that everybody leaves: nobody is left who could commit it, so the log's last proposal
//! is the end (SPEC V-599).

use std::collections::BTreeSet;

use super::{
    actor::Authority,
    authority::{Change, DeviceChange},
    roster::Roster,
    state::RoomState,
};
use crate::ids::Device;

/// What it means for everybody that a device is the `last` of whom the leaving is proposed, by `by`;
/// `None` if somebody stays.
pub(super) fn judge(
    state: &RoomState,
    roster: &Roster,
    leaving: &BTreeSet<Device>,
    last: &Device,
    by: &Device,
) -> Option<Change> {
    let devices = || roster.leaves().iter().map(|leaf| &leaf.claims.device);
    if !devices().all(|device| device == last || leaving.contains(device)) {
        return None;
    }
    let gone = |device: &Device| DeviceChange { device: device.clone(), authority: Authority::Own };
    Some(Change {
        committer: by.clone(),
        outside: false,
        added: Vec::new(),
        removed: devices().map(gone).collect(),
        joined: Vec::new(),
        departed: roster.users().into_iter().map(|user| (user.clone(), Authority::Own)).collect(),
        state: state.clone(),
        governed: false,
    })
}
