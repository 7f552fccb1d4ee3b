//! Servers among themselves, and with devices that are made by hand.

mod deliveries;
mod device;
mod world;

mod arbitrary;
mod blobs;
mod chains;
mod claims;
mod cost;
mod directory;
mod entrance;
mod follow;
mod heartbeats;
mod hub;
mod invitations;
mod links;
mod listings;
mod lives;
mod mailboxes;
mod members;
mod requests;
mod revocations;
mod stores;
mod text;
mod turns;
