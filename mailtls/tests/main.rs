//! The integration tests of mailtls, in one binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

#[cfg(all(
    feature = "certs",
    feature = "policy",
    any(feature = "aws-lc-rs", feature = "ring")
))]
mod certs;
#[cfg(all(feature = "policy", any(feature = "aws-lc-rs", feature = "ring")))]
mod pki;
#[cfg(all(feature = "policy", any(feature = "aws-lc-rs", feature = "ring")))]
mod verify;

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod blocking;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod drive;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod floods;
#[cfg(all(
    feature = "certs",
    feature = "policy",
    any(feature = "aws-lc-rs", feature = "ring")
))]
mod secrets;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod serve;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod starttls;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod support;
