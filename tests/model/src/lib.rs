//! A model of log, links, submissions and the commit rule, of which every state is visited: see
//! README.md for what holds in each, what is modelled, and what is left out.
//!
//! The state is a [`world::World`]: devices, servers, and the network between them. What can happen
//! next is an [`action::Action`]. What has to hold is in [`property`]; [`bounds::Bounds`] say who is there,
//! what they ask for, and what may go wrong, and [`cases`] lists those that are checked. A
//! [`mutation::Mutation`] is a mistake that the model makes on demand.

pub mod action;
pub mod bounds;
pub mod cases;
mod checking;
mod commit_rule;
pub mod device;
mod follower;
pub mod group;
pub mod hub;
pub mod link;
pub mod log;
pub mod mutation;
pub mod names;
pub mod network;
pub mod outbox;
pub mod property;
mod quiet;
pub mod report;
mod sending;
pub mod server;
pub mod shared;
pub mod single_link;
mod steps;
pub mod submission;
pub mod world;

#[cfg(test)]
mod tests;
