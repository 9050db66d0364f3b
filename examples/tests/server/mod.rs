//! The server from outside: its replies, and what is in the mailboxes afterwards.

mod client;
mod harness;

mod auth;
mod certificates;
mod commands;
mod framing;
mod limits;
mod pop3;
mod process;
mod relay;
mod starttls;
