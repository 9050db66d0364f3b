//! What every IMAP server needs behind its commands, whatever its store.

pub mod list;
pub mod message;
pub mod search;
pub mod sort;
pub mod thread;
pub mod view;
