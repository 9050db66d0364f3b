//! The server from outside: its replies, and what is in the mailboxes afterwards.

mod client;
mod harness;
mod imap;

mod auth;
mod certificates;
mod commands;
mod framing;
mod imap_append;
mod imap_arrivals;
mod imap_changes;
mod imap_login;
mod imap_mailboxes;
mod imap_pressure;
mod imap_reading;
mod imap_resync;
mod imap_sessions;
mod limits;
mod pop3;
mod process;
mod relay;
mod starttls;
