//! The tests of the SMTP crate, as one program.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    reason = "tests fail by panicking"
)]

mod codec_address;
mod codec_command;
mod codec_extension;
mod codec_reply;
mod codec_round_trip;
#[macro_use]
mod transcripts;
mod hostile;
mod machines_client;
mod machines_cuts;
mod machines_limits;
mod machines_pair;
mod machines_session;
mod machines_smuggling;
mod machines_stage;
mod machines_table;
mod transcripts_list;
