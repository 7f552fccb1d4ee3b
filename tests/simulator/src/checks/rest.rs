//! Nothing is under way any more, and nothing grows.

use std::collections::BTreeMap;

use verbund::store::Store as _;

use super::Finding;
use crate::{site::Site, world::World};

/// What a device has under way: outbox, answers that it waits for, invitations that it takes up, rooms
/// that it comes into, files that it uploads.
const UNDER_WAY: [&str; 7] = ["o/", "w/", "j/", "en/", "em/", "u/", "z/"];
/// What a server has under way on a link: frames that are not acknowledged, and what is to go into some.
const ON_LINKS: [u8; 2] = *b"fp";

/// Tables of hosts, and how many rows each has.
pub type Tables = BTreeMap<(String, String), usize>;

impl World {
    /// Nothing is under way any more: at no phone, and on no link.
    pub(super) fn check_rest(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for phone in self.sound() {
            for table in UNDER_WAY {
                let rows = self.phones[phone].machine.store.scan(table.as_bytes(), None, 10);
                let left = rows.expect("a store in memory").len();
                if left > 0 {
                    let text = format!("{left} rows of {table} are left");
                    findings.push(self.finding("rest", (phone, None), text));
                }
            }
        }
        for (index, peer) in self.waiting() {
            let text = format!("{}: something still waits for {peer}", self.sites[index].machine.name);
            let link = Some((index, self.site_named(&peer)));
            findings.push(Finding { check: "rest", phone: None, room: None, link, others: Vec::new(), text });
        }
        findings
    }

    /// Whether nothing is under way on any link.
    pub fn links_rest(&self) -> bool {
        self.waiting().is_empty()
    }

    /// Of each site the first agency for which something waits.
    fn waiting(&self) -> Vec<(usize, String)> {
        let first = |(index, site): (usize, &Site)| {
            let rows = site.machine.store.rows().filter_map(|(key, _)| link_row(key));
            let mut peers = rows.filter(|(_, table)| ON_LINKS.contains(table)).map(|(peer, _)| peer);
            peers.next().map(|peer| (index, peer.to_owned()))
        };
        self.sites.iter().enumerate().filter_map(first).collect()
    }

    /// How many rows lie in which table of which host.
    pub fn tables(&self) -> Tables {
        let phones = self.phones.iter().filter(|phone| !phone.gone);
        let phones = phones.map(|phone| (&phone.machine.name, &phone.machine.store));
        let stores = phones.chain(self.sites.iter().map(|site| (&site.machine.name, &site.machine.store)));
        let mut tables = Tables::new();
        for (name, store) in stores {
            for (key, _) in store.rows() {
                let end = key.iter().position(|byte| *byte == b'/').unwrap_or(0);
                let table = String::from_utf8_lossy(&key[..end]).into_owned();
                *tables.entry((name.clone(), table)).or_default() += 1;
            }
        }
        tables
    }
}

/// Whose link a server's row belongs to, and its table there.
fn link_row(key: &[u8]) -> Option<(&str, u8)> {
    let (length, rest) = key.strip_prefix(b"link/")?.split_first_chunk::<2>()?;
    let (peer, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    Some((core::str::from_utf8(peer).ok()?, *rest.first()?))
}

/// The first table that has more rows than before, in words.
pub fn grown(before: &Tables, after: &Tables) -> Option<String> {
    let rows = |tables: &Tables, table| tables.get(table).copied().unwrap_or(0);
    let grown = after.keys().find(|table| rows(before, table) < rows(after, table))?;
    let (name, table) = grown;
    Some(format!("{name}: {table} has grown from {} to {} rows", rows(before, grown), rows(after, grown)))
}
