//! The server from outside: its replies, and what is in the mailboxes afterwards.

mod client;
mod harness;

mod auth;
