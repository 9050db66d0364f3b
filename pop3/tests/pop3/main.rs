//! The machines of POP3 from outside: transcripts, tables, and one machine against the other.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod cuts;
mod hostile;
mod limits;
mod pair;
mod session;
mod stage;
mod tables;
mod transcripts;
#[cfg(feature = "arbitrary")]
mod values;
