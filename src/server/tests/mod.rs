//! Servers among themselves, and with devices that are made by hand.

mod deliveries;
mod device;
mod world;

mod arbitrary;
mod blobs;
mod cost;
mod hub;
mod invitations;
mod links;
mod stores;
mod text;
