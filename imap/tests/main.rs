//! The tests of the crate, in one program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

mod client;
mod client_hostile;
mod commands;
mod commands_hostile;
mod commands_round_trip;
mod frame;
mod frame_client;
mod open;
mod pair;
mod responses;
mod responses_defects;
mod responses_hostile;
mod server;
mod server_hostile;
mod session;
mod toolkit_fetch;
mod toolkit_header;
mod toolkit_hostile;
mod toolkit_list;
mod toolkit_message;
mod toolkit_search;
mod toolkit_sort;
mod toolkit_thread;
mod toolkit_view;
mod transcripts;
mod transcripts_client;
mod transcripts_open;
mod transcripts_server;
mod types;
