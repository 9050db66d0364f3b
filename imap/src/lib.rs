//! IMAP4rev1 and IMAP4rev2 for clients and servers as machines without I/O.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod bodystructure;
pub mod capability;
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
pub mod response;
pub mod sequence;
pub mod text;
pub mod utf7;
