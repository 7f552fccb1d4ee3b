//! The scenes, in the order in which they are played.

pub mod conversation;
pub mod departures;
pub mod finish;
pub mod handover;
pub mod history;
pub mod large;
pub mod linking;
pub mod loss;
pub mod photo;
pub mod suspension;
