//! C2: commands, alone and in a mixed session.

use std::hint::black_box;

use bytes::BytesMut;
use mailwire_imap::command::Command;
use mailwire_imap::encode::Literals;
use mailwire_imap::frame::{CommandFrame, Commands, Policy};

use super::corpus;
use super::peers::{self, CODEC_1, CODEC_2};
use crate::corpus::Stream;
use crate::measure::{Group, Row};

const ITEMS: usize = 10_000;
/// What a server reads at a time.
const READ: usize = 4 * 1024;

const LINES: &str = "memchr line split";
const MAILWIRE: &str = "mailwire, 4 KiB reads";

pub fn run(rows: &mut Vec<Row>) {
    let stream = corpus::session(ITEMS);
    let timings = commands("IMAP: commands of a mixed session", &stream).run(41, 2);
    rows.push(timings.row("C2", MAILWIRE, CODEC_2, 0.35));
    for name in corpus::COMMANDS {
        let stream = corpus::command(ITEMS, name);
        let timings = commands(&format!("IMAP: {name}"), &stream).run(21, 2);
        let row = timings.allocation_row("C2", MAILWIRE, 0.0);
        match name {
            // The keys of SEARCH are a tree, and what LOGIN says outlives the octets, which are wiped.
            "LOGIN" | "UID SEARCH, nested" => {}
            _ => rows.push(row.must()),
        }
    }
}

fn commands<'a>(title: &str, stream: &'a Stream) -> Group<'a> {
    let octets = &stream.octets[..];
    let mut group = Group::new(title, stream.items, octets.len());
    group.add(LINES, move || {
        memchr::memchr_iter(b'\n', octets).map(|at| at & 1).sum()
    });
    assert_eq!(
        peers::commands_2(octets),
        stream.items,
        "imap-codec 2: {title}"
    );
    group.add(CODEC_2, move || peers::commands_2(octets));
    assert_eq!(
        peers::commands_1(octets),
        stream.items,
        "imap-codec 1: {title}"
    );
    group.add(CODEC_1, move || peers::commands_1(octets));
    let mut input = BytesMut::with_capacity(2 * READ);
    assert_eq!(parse(octets, &mut input), stream.items, "mailwire: {title}");
    group.add(MAILWIRE, move || parse(octets, &mut input));
    group
}

fn parse(octets: &[u8], input: &mut BytesMut) -> usize {
    let mut commands = Commands::new(Policy::logged_in().with_literals(Literals::Plus));
    let mut parsed = 0;
    for read in octets.chunks(READ) {
        input.extend_from_slice(read);
        loop {
            match commands.next(input) {
                // What IDLE ends with is no command.
                CommandFrame::Whole(frame) if frame[..] == b"DONE"[..] => parsed += 1,
                CommandFrame::Whole(frame) => {
                    assert!(black_box(&Command::take(frame)).is_ok(), "well-formed");
                    parsed += 1;
                }
                CommandFrame::Body { head, .. } => {
                    assert!(black_box(&Command::take(head)).is_ok(), "well-formed");
                    commands.accept_body();
                }
                CommandFrame::InBody => match commands.take_body(input) {
                    Some(body) => {
                        black_box(body);
                    }
                    None if commands.body_left() > 0 => break,
                    None => {}
                },
                CommandFrame::Tail(tail) => {
                    assert!(tail.is_empty());
                    parsed += 1;
                }
                CommandFrame::NeedInput => break,
                other => unreachable!("{other:?}"),
            }
        }
    }
    parsed
}
