//! POP3 for clients and servers as machines without I/O (RFC 1939, RFC 2449, RFC 2595, RFC 3206,
//! RFC 5034).
//!
//! [`Server`] and [`Client`] obey one contract, [`mailwire_core::machine`]: a driver, such as the
//! one in `mailtls`, feeds them octets and does what they say. [`open`] is a machine that brings a
//! client from the greeting to the login, TLS included. [`session`] makes a server application
//! out of a handful of async methods.
//!
//! Read first: RFC 1939 §3 to §7, RFC 2449 §4 and §5. Not supported: APOP (MD5 protects nothing
//! any more), and UTF8 and LANG of RFC 6856, which are parsed as capabilities only.
//!
//! # Example
//!
//! ```
//! use bytes::BytesMut;
//! use mailwire_core::machine::{Machine, Step};
//! use mailwire_pop3::{Server, server::{Config, Event}};
//!
//! let mut server = Server::new(Config::new("mail.example.test"));
//! let mut input = BytesMut::from("CAPA\r\n");
//! let Step::Transmit(greeting) = server.step(&mut input) else { unreachable!() };
//! assert!(greeting.starts_with(b"+OK mail.example.test"));
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
// What `arbitrary` derives counts its recursion in a thread-local.
#[cfg(feature = "arbitrary")]
extern crate std;

mod capability;
pub mod client;
mod command;
mod error;
pub mod limits;
mod maildrop;
pub mod open;
mod response;
pub mod server;
pub mod session;
mod state;

pub use capability::{Capabilities, Capability, Retention, Scope};
pub use client::Client;
pub use command::{
    Command, Digest, InitialResponse, InvalidArgument, Mechanism, MessageNumber, Password,
    UnknownCommand, UserName,
};
pub use error::{Expected, Misuse, ParseError, ProtocolError};
pub use maildrop::{Deletions, InvalidMaildrop, Maildrop};
pub use open::Open;
pub use response::{Response, ResponseCode, Status, UnknownCode};
pub use server::Server;
pub use state::{ClearText, Protection, State};
