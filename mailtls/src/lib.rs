//! Everything about TLS for mail: upgrades that cannot be injected, certificates by SNI with
//! reload, policy levels and verification.
//!
//! rustls does the TLS. This crate never installs a process-wide crypto provider and never reads
//! one: see [`provider`].

#![forbid(unsafe_code)]

#[cfg(feature = "certs")]
pub mod certs;
#[cfg(any(feature = "certs", feature = "policy"))]
pub mod file;
#[cfg(feature = "policy")]
pub mod level;
pub mod limits;
pub mod names;
pub mod provider;
#[cfg(feature = "policy")]
pub mod verify;
