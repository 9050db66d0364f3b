//! The tests of the crate, in one program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

mod commands;
mod commands_hostile;
mod commands_round_trip;
mod frame;
mod frame_client;
mod responses;
mod responses_defects;
mod responses_hostile;
mod types;
