//! What the binaries of this package share: a complete mail server and clients built from mailwire.
//!
//! | module | what it is |
//! |---|---|
//! | [`client`] | what `mailsend`, `popfetch` and `mailfetch` do |
//! | [`server`] | the server itself: command line, start, sessions |
//! | [`config`] | its configuration and its checks |
//! | [`accounts`] | who may log in |
//! | [`recipients`] | from an address to the accounts that get its mail |
//! | [`store`] | where mail is kept |
//! | [`trace`] | what is put in front of a message |
//! | [`pki`] | the CA and certificate that the server makes itself |
//! | [`file`](mod@file) | small files written whole or not at all |
#![forbid(unsafe_code)]

pub mod accounts;
pub mod client;
pub mod config;
pub mod file;
pub mod pki;
pub mod recipients;
pub mod server;
pub mod store;
pub mod trace;
