//! mailwire beside other mail codecs: `cd benches && cargo run --release`.
//!
//! Corpora are made here; every contender must have worked through all of them before anything is timed.
//! What counts is the ratio of two contenders within one round.

mod command;
mod corpus;
mod data;
mod measure;
mod reply;

fn main() {
    let mut rows = Vec::new();
    command::run(&mut rows);
    reply::run(&mut rows);
    data::run(&mut rows);
    measure::verdict(&rows);
}
