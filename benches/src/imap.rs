//! C1 to C5: the codec of IMAP beside imap-codec and imap-proto.

mod command;
mod corpus;
mod encode;
mod fields;
mod peers;
mod pieces;
mod response;
mod values;

use crate::measure::Row;

pub fn run(rows: &mut Vec<Row>) {
    response::run(rows);
    command::run(rows);
    pieces::run(rows);
    encode::run(rows);
}
