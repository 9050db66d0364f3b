//! SMTP, message submission and LMTP for clients and servers, as machines without I/O.
//!
//! Two types matter. [`Server`] and [`Client`] both obey
//! [`mailwire_core::machine::Machine`]: a driver hands them octets, they hand back octets to send
//! and events. Above the client, [`Open`] leads a session to the point where mail
//! can be sent, with STARTTLS and AUTH, and [`Transaction`] sends one message
//! and says what became of each recipient. Beside the server, [`session`] turns the events of a
//! connection into the methods of one small trait.
//!
//! The codec stands on its own: [`command`], [`reply`], [`address`], [`params`], [`extension`].
//!
//! ```
//! use std::sync::Arc;
//! use bytes::BytesMut;
//! use mailwire_core::machine::{Machine, Step};
//! use mailwire_smtp::server::{Config, Server};
//!
//! let mut server = Server::new(Arc::new(Config::smtp("mx.example".parse()?)));
//! let Step::Transmit(greeting) = server.step(&mut BytesMut::new()) else { panic!() };
//! assert!(greeting.starts_with(b"220 mx.example ESMTP"));
//! # Ok::<(), mailwire_smtp::error::InvalidValue>(())
//! ```
//!
//! Read first: RFC 5321, RFC 2920, RFC 3207, RFC 4954, RFC 3030, RFC 2033.
//!
//! What is not here: queues, DNS, message formats, and anything that reads a clock or a socket.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod address;
#[cfg(feature = "arbitrary")]
mod arbitrary;
pub mod body;
pub mod client;
pub mod command;
pub mod error;
pub mod extension;
pub mod limits;
pub mod open;
pub mod params;
pub mod reply;
pub mod server;
pub mod session;

pub use client::{Client, Transaction};
pub use open::Open;
pub use server::Server;
