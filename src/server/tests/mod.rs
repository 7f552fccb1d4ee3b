//! Servers among themselves, and with devices that are made by hand.

mod device;
mod world;

mod blobs;
mod hub;
mod text;
