//! Events in words: what an app can show at once. The fields say the same for apps that have words
//! of their own.

use std::collections::BTreeMap;

use super::Event;
use crate::{
    ids::{Device, UserId},
    room::{Authority, DeviceChange},
};

impl Event {
    /// Short English sentences for [`Event::MembersChanged`], [`Event::RoomChanged`],
    /// [`Event::RoomEnded`] and [`Event::DeviceDue`]: who did what, by what authority; and for
    /// [`Event::RoomSilent`] and [`Event::RoomHeard`]. Empty for others.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        match self {
            Event::MembersChanged { by, joined, devices_added, left, removed, reasons, .. } => {
                let (came, went) = reasons.split_at(devices_added.len().min(reasons.len()));
                let gone: Vec<&UserId> = left.iter().chain(removed).collect();
                let new: Vec<&UserId> = joined.iter().collect();
                let mut said = Vec::new();
                said.extend(came_by(by, &new, came));
                said.extend(went_by(by, &gone, went));
                said
            }
            Event::RoomChanged { by, changes, .. } => {
                changes.iter().map(|change| format!("{} {change}", by.user)).collect()
            }
            Event::RoomEnded { .. } => vec!["the room has come to its end".to_owned()],
            Event::RoomSilent { hub, .. } => {
                vec![format!("nothing is heard of the room any more; {hub} orders it")]
            }
            Event::RoomHeard { .. } => vec!["the room is heard again".to_owned()],
            Event::DeviceDue { device, code, .. } => {
                vec![format!("{} counts no more: {}", device, code.text())]
            }
            _ => Vec::new(),
        }
    }
}

/// Devices by user, with one authority for all of a user's.
fn by_user(changes: &[DeviceChange]) -> BTreeMap<&UserId, (Authority, usize)> {
    let mut users: BTreeMap<&UserId, (Authority, usize)> = BTreeMap::new();
    for change in changes {
        let entry = users.entry(&change.device.user).or_insert((change.authority, 0));
        entry.1 = entry.1.saturating_add(1);
        // What others did says more than what one did oneself.
        if entry.0 == Authority::Own {
            entry.0 = change.authority;
        }
    }
    users
}

fn devices(number: usize) -> String {
    if number == 1 { "a device".to_owned() } else { format!("{number} devices") }
}

fn came_by(by: &Device, joined: &[&UserId], came: &[DeviceChange]) -> Vec<String> {
    let one = |(user, (authority, number)): (&UserId, (Authority, usize))| {
        let new = joined.contains(&user);
        match (new, authority) {
            (true, Authority::Own) => format!("{user} joined {authority}"),
            (true, _) => format!("{} added {user}, {authority}", by.user),
            (false, Authority::Own) => format!("{user} added {} of their own", devices(number)),
            (false, _) => format!("{} added {} of {user}, {authority}", by.user, devices(number)),
        }
    };
    by_user(came).into_iter().map(one).collect()
}

fn went_by(by: &Device, gone: &[&UserId], went: &[DeviceChange]) -> Vec<String> {
    let one = |(user, (authority, number)): (&UserId, (Authority, usize))| {
        let left = gone.contains(&user);
        match (left, authority) {
            (true, Authority::Own) => format!("{user} left {authority}"),
            (true, _) => format!("{} removed {user}, {authority}", by.user),
            (false, Authority::Own) => format!("{user} removed {} of their own", devices(number)),
            (false, _) => format!("{} removed {} of {user}, {authority}", by.user, devices(number)),
        }
    };
    by_user(went).into_iter().map(one).collect()
}
