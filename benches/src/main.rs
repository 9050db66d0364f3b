//! mailwire beside other mail codecs: `cd benches && cargo run --release`.
//!
//! Corpora are made here; every contender must have worked through all of them before anything is timed.
//! What counts is the ratio of two contenders within one round.
//!
//! `-- smtp` or `-- imap` behind it measures one of the protocols. The exit status is 1 where the number of
//! allocations, which is exact, is above its bar; never because of a time.

mod command;
mod corpus;
mod data;
mod imap;
mod measure;
mod reply;

use std::process::ExitCode;

fn main() -> ExitCode {
    let only = std::env::args().nth(1);
    let wants = |protocol| only.as_deref().is_none_or(|only| only == protocol);
    let mut rows = Vec::new();
    if wants("smtp") {
        command::run(&mut rows);
        reply::run(&mut rows);
        data::run(&mut rows);
    }
    if wants("imap") {
        imap::run(&mut rows);
    }
    measure::verdict(&rows)
}
