//! What the binaries of this package share: a complete mail server and clients built from mailwire.
//!
//! | module | what it is |
//! |---|---|
//! | [`accounts`] | who may log in |
//! | [`config`] | the server's configuration and its checks |
//! | [`recipients`] | from an address to the accounts that get its mail |
//! | [`pki`] | the CA and certificate that the server makes itself |
//! | [`file`] | small files written whole or not at all |
//! | [`store`] | where mail is kept: Maildir++ and an index |
//! | [`trace`] | the header fields in front of a stored message |
#![forbid(unsafe_code)]

pub mod accounts;
pub mod config;
pub mod file;
pub mod pki;
pub mod recipients;
pub mod store;
pub mod trace;
