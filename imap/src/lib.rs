//! IMAP4rev1 and IMAP4rev2 for clients and servers as machines without I/O.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
