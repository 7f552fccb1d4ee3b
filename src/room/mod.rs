//! room

mod mls_store;
