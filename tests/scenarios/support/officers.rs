//! People of three agencies, of whom one has two devices.

use super::Net;

pub const ANNA: usize = 0;
pub const TABLET: usize = 1;
pub const BEN: usize = 2;
pub const CLARA: usize = 3;

pub const ANNA_ID: &str = "anna@police.nord.example";
pub const BEN_ID: &str = "ben@police.sued.example";
pub const CLARA_ID: &str = "clara@police.west.example";

/// Anna of Nord with two devices, Ben of Sued and Clara of West, in no room yet.
pub fn officers(seed: u8) -> Net {
    let mut net = Net::new(seed);
    net.enrol(ANNA_ID);
    net.enrol_further(ANNA);
    net.enrol(BEN_ID);
    net.enrol(CLARA_ID);
    net
}
