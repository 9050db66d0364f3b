//! What the protocol crates of mailwire share: one contract for all machines, strict lines,
//! dot-stuffing, secrets and SASL.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod base64;
pub mod dot;
pub mod limits;
pub mod line;
pub mod machine;
pub mod sasl;
pub mod secret;
pub mod text;
#[cfg(feature = "transcript")]
pub mod transcript;
