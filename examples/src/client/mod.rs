//! What `mailsend`, `popfetch` and `mailfetch` do, and what they share.
//!
//! | module | what it is |
//! |---|---|
//! | [`send`] | `mailsend`: one message to its recipients |
//! | [`fetch`] | `popfetch`: what is new, into a Maildir |
//! | [`imap`] | `mailfetch`: whole accounts, into a Maildir and back |
//! | [`access`] | the options of all: server, password, TLS, trace |
//! | [`exit`] | exit codes, and errors as one sentence with a remedy |
//! | [`message`] | the message to send, looked through before it is sent |
//! | [`maildir`] | the Maildir that is fetched into |
//! | [`seen`] | which messages were fetched before |
//! | [`progress`] | the bar |

pub mod access;
pub mod exit;
pub mod fetch;
pub mod imap;
pub mod maildir;
pub mod message;
pub mod progress;
pub mod seen;
pub mod send;
