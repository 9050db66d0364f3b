//! IMAP4rev1 and IMAP4rev2 for clients and servers as machines without I/O.
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
pub use state::{ClearText, Protection, State};
