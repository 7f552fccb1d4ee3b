//! Signed documents of every kind as others meet them.

mod envelope_faults;
mod trust;
mod vectors;
