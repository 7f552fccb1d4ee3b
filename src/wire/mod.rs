//! Strict bytes: one canonical encoding of everything, every size bounded, the
//! received bytes kept (SPEC chapter "Wire format").
//!
//! Bytes go up one stair: [`decode`] makes a typed value out of canonical, bounded
//! bytes; a signature is checked over the bytes received (`crypto::signed`), never
//! over a re-encoding.

mod codec;
pub(crate) mod device;
pub(crate) mod fields;
pub(crate) mod link;
pub(crate) mod log;
#[rustfmt::skip]
#[expect(unreachable_pub, reason = "generated so; its source is proto/verbund/v1")]
#[path = "generated.rs"]
pub(crate) mod proto;
mod shape;
mod signed;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use codec::{Wire, decode, decode_body, encode, encode_body, field, fields_of, repeated};
pub(crate) use fields::Reason;
pub(crate) use shape::outline;
pub(crate) use signed::{RawSignature, Signed};

/// The one schema version there is.
pub(crate) const VERSION: u32 = 1;
