//! Everything about TLS for mail: upgrades that cannot be injected, certificates by SNI with
//! reload, policy levels and verification, and the drivers that run a protocol machine over it.
//!
//! ```text
//!    serve ── accepts, caps, contains panics, stops
//!      │
//!    drive ── Connection: the one async loop (blocking: its twin for threads)
//!      │         │
//!      │         ├─ machine   SMTP, POP3, ... : any [`Machine`](mailwire_core::machine::Machine)
//!      │         ├─ upgrade   STARTTLS, implicit TLS: a stream or a typed refusal
//!      │         └─ trace     the dialogue without its secrets
//!    stream ─ clear text or TLS; nothing above knows which
//!      │
//!    socket
//!
//!    certs  ─ what a server shows, by name      level, verify ─ what a client believes
//!    sniff  ─ TLS or text, from the first octets
//! ```
//!
//! A machine knows a protocol and does no I/O. A [`Connection`] does the I/O and knows no
//! protocol. The loop of an application is short, whatever the protocol:
//!
//! ```
//! # use mailwire_core::machine::Machine;
//! # use tokio::io::{AsyncRead, AsyncWrite};
//! use mailtls::{Connection, Error, Tls, Turn};
//!
//! async fn run<M, IO>(socket: IO, machine: M, tls: Tls) -> Result<(), Error<M::Error>>
//! where
//!     M: Machine,
//!     IO: AsyncRead + AsyncWrite + Unpin,
//! {
//!     let mut connection = Connection::new(socket, machine, tls);
//!     loop {
//!         match connection.turn().await? {
//!             Turn::Event(_event) => {
//!                 // A look-up that takes its time: what is queued goes out meanwhile.
//!                 connection.during(std::future::ready(())).await;
//!                 // connection.machine().answer(..)
//!             }
//!             Turn::Room => {
//!                 // connection.machine().write_body(..)
//!             }
//!             Turn::Closed => return Ok(()),
//!         }
//!     }
//! }
//! ```
//!
//! What this crate answers for, so that nobody above it has to:
//!
//! - Octets in clear behind STARTTLS end the connection, on both sides (RFC 3207 §4.2).
//! - After a failed handshake no octet goes out in clear on that connection.
//! - An end without `close_notify` is told apart from an orderly one (RFC 8446 §6.1).
//! - A peer that is silent, slow or does not read is given up, and its octets are bounded
//!   ([`limits`]).
//! - Futures may be dropped anywhere; nothing is lost or done twice.
//! - No secret and no message appears in `Debug`, in errors or in a trace.
//!
//! rustls does the TLS. This crate never installs a process-wide crypto provider and never reads
//! one: see [`provider`].
//!
//! Not supported, because rustls does not: TLS 1.1 and older, static RSA and DHE key exchange,
//! CBC suites. Compression (RFC 4978) comes with IMAP.

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

// The examples of the README are compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
