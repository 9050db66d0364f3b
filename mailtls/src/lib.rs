//! Everything about TLS for mail: upgrades that cannot be injected, certificates by SNI with
//! reload, policy levels and verification.
//!
//! rustls does the TLS. This crate never installs a process-wide crypto provider and never reads
//! one: see [`provider`].

#![forbid(unsafe_code)]

pub mod blocking;
#[cfg(feature = "certs")]
pub mod certs;
pub mod drive;
pub mod error;
#[cfg(any(feature = "certs", feature = "policy"))]
pub mod file;
#[cfg(feature = "policy")]
pub mod level;
pub mod limits;
pub mod names;
pub mod provider;
pub mod serve;
pub mod sniff;
pub mod stream;
pub mod trace;
pub mod upgrade;
#[cfg(feature = "policy")]
pub mod verify;

pub use drive::{Connection, Turn};
pub use error::Error;
pub use stream::Stream;
pub use upgrade::Tls;
