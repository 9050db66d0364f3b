//! IMAP4rev1 and IMAP4rev2 for clients and servers as machines without I/O.
//!
//! # A server
//!
//! [`Server`] obeys the contract of [`mailwire_core::machine`]: a driver, such as the one in
//! `mailtls`, feeds it octets and does what it says. It keeps the states of RFC 9051 §3, greets,
//! answers what needs no mail store, frames AUTHENTICATE, IDLE and the messages of APPEND, and
//! refuses what is malformed, out of place or not offered. The application is asked for the rest:
//! who may log in, and all that is in mailboxes. [`session`] makes a handful of async methods of
//! that, whose results are the answers.
//!
//! ```
//! use bytes::BytesMut;
//! use mailwire_core::machine::{Machine, Step};
//! use mailwire_imap::{
//!     ClearText, Server,
//!     command::CommandBody,
//!     server::{Config, Done, Event},
//! };
//!
//! let mut config = Config::new("mail.example.test");
//! config.clear_text = ClearText::Permitted;
//! let mut server = Server::new(config);
//! let mut input = BytesMut::from("a LOGIN bob secret\r\nb CREATE Archive\r\nc LOGOUT\r\n");
//! let mut said = BytesMut::new();
//! loop {
//!     match server.step(&mut input) {
//!         Step::Transmit(octets) => said.extend_from_slice(&octets),
//!         Step::Event(Event::Login { password, .. }) if password.matches(b"secret") => {
//!             server.accept_login()?;
//!         }
//!         Step::Event(Event::Login { .. }) => server.reply(&Done::wrong_credentials())?,
//!         Step::Event(Event::Command(CommandBody::Create { .. })) => server.accept()?,
//!         Step::Event(Event::Command(_)) => server.reply(&Done::unavailable())?,
//!         // LOGOUT was answered.
//!         Step::Close(_) => break,
//!         step => unreachable!("{step:?}"),
//!     }
//! }
//! assert!(said.ends_with(b"b OK CREATE completed\r\n* BYE good bye\r\nc OK LOGOUT completed\r\n"));
//! # Ok::<(), mailwire_imap::server::Misuse>(())
//! ```
//!
//! # A client
//!
//! [`Open`] goes from the greeting to the login in the one order that is safe and hands over a
//! [`Client`], which makes the tags, sends several commands together where they do not get in each
//! other's way, waits where a literal has to, streams large messages in both directions, and tells
//! what comes in the order in which it comes. The facade crate `mailwire` has async calls over it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod bodystructure;
pub mod capability;
pub mod client;
pub mod command;
pub mod datetime;
pub mod encode;
pub mod envelope;
pub mod error;
pub mod flag;
pub mod frame;
pub mod grammar;
pub mod limits;
pub mod mailbox;
pub mod open;
pub mod response;
pub mod sequence;
pub mod server;
pub mod session;
mod state;
pub mod text;
#[cfg(feature = "toolkit")]
pub mod toolkit;
pub mod utf7;

pub use client::Client;
pub use open::Open;
pub use server::Server;
pub use state::{ClearText, Protection, State};
