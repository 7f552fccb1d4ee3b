//! The network: whatever was ever given to it may arrive, in any order, late, again and again, or
//! never. So nothing has to be lost or doubled by an action of its own.

use std::sync::Arc;

use crate::{
    link::{Ack, Frame},
    names::{Agency, HUB},
    server::Parcel,
    submission::Refusal,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    pub lanes: Vec<Lane>,
    /// What the hub has ever answered to devices of its own agency. What it answers to others goes by
    /// link. Submissions are with those who made them.
    pub refusals: Vec<Refusal>,
}

/// What went from one server to another, with what came back for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lane {
    pub from: Agency,
    pub to: Agency,
    pub frames: Vec<Arc<Frame<Parcel>>>,
    pub acks: Vec<Ack>,
}

impl Network {
    pub fn between(agencies: u8) -> Self {
        let lane = |from, to| Lane { from, to, frames: Vec::new(), acks: Vec::new() };
        let both = |other| [lane(HUB, other), lane(other, HUB)];
        let lanes = (0..agencies).filter(|agency| *agency != HUB).flat_map(both).collect();
        Network { lanes, refusals: Vec::new() }
    }

    pub fn lane(&self, from: Agency, to: Agency) -> &Lane {
        let lane = self.lanes.iter().find(|lane| (lane.from, lane.to) == (from, to));
        lane.expect("a lane between servers that have a link")
    }

    pub fn lane_mut(&mut self, from: Agency, to: Agency) -> &mut Lane {
        let lane = self.lanes.iter_mut().find(|lane| (lane.from, lane.to) == (from, to));
        lane.expect("a lane between servers that have a link")
    }
}

/// Adds what is not there yet.
pub fn remember<T: PartialEq>(all: &mut Vec<T>, one: T) {
    if !all.contains(&one) {
        all.push(one);
    }
}
