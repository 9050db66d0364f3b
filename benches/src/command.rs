//! C6: commands of a pipelined session, found and parsed with typed parameters.

use bytes::BytesMut;
use mailwire_core::line::{Lines, Next};
use mailwire_smtp::command::Command;
use smtp_proto::Request;
use smtp_proto::request::receiver::RequestReceiver;

use crate::corpus::Stream;
use crate::measure::{Group, Row};

/// What a server reads at a time.
const READ: usize = 4 * 1024;
const ITEMS: usize = 10_000;

const LINES: &str = "memchr line split";
const REQUEST: &str = "smtp-proto Request::parse, whole stream";
const RECEIVER: &str = "smtp-proto RequestReceiver, 4 KiB reads";
const MAILWIRE: &str = "mailwire lines and Command::parse, 4 KiB reads";
const ALONE: &str = "mailwire Command::parse, lines at hand";

pub fn run(rows: &mut Vec<Row>) {
    let stream = Stream::commands(ITEMS);
    let mut group = Group::new(
        "SMTP commands, pipelined",
        stream.items,
        stream.octets.len(),
    );
    let octets = &stream.octets[..];
    group.add(LINES, move || {
        memchr::memchr_iter(b'\n', octets).map(|at| at & 1).sum()
    });
    assert_eq!(request(octets), ITEMS);
    group.add(REQUEST, move || request(octets));
    assert_eq!(receiver(octets), ITEMS);
    group.add(RECEIVER, move || receiver(octets));
    let mut input = BytesMut::with_capacity(2 * READ);
    assert_eq!(mailwire(octets, &mut input), ITEMS);
    group.add(MAILWIRE, move || mailwire(octets, &mut input));
    let timings = group.run(61, 4);
    rows.push(timings.row("C6", MAILWIRE, REQUEST, 0.85));
    rows.push(timings.allocation_row("C6", MAILWIRE, 0.0));

    // What the parser takes without the search for line ends and the buffer.
    let lines: Vec<&[u8]> = stream.each().collect();
    let mut group = Group::new("SMTP commands, one by one", stream.items, octets.len());
    let all = &lines[..];
    group.add(REQUEST, move || {
        all.iter()
            .filter(|line| Request::parse(&mut line.iter()).is_ok())
            .count()
    });
    let mut input = BytesMut::with_capacity(octets.len());
    group.add(ALONE, move || {
        input.clear();
        input.extend_from_slice(octets);
        let parsed = |line: &&&[u8]| {
            let mut line = input.split_to(line.len());
            line.truncate(line.len() - 2);
            Command::parse(std::hint::black_box(line)).is_ok()
        };
        let parsed = all.iter().filter(parsed).count();
        input = BytesMut::with_capacity(octets.len());
        parsed
    });
    group.run(61, 4);
}

fn request(octets: &[u8]) -> usize {
    let mut octets = octets.iter();
    let mut parsed = 0;
    while let Ok(request) = Request::parse(&mut octets) {
        std::hint::black_box(request);
        parsed += 1;
    }
    parsed
}

fn receiver(octets: &[u8]) -> usize {
    let mut receiver = RequestReceiver::default();
    let mut parsed = 0;
    for read in octets.chunks(READ) {
        let mut read = read.iter();
        while let Ok(request) = receiver.ingest(&mut read) {
            std::hint::black_box(request);
            parsed += 1;
        }
    }
    parsed
}

fn mailwire(octets: &[u8], input: &mut BytesMut) -> usize {
    let mut lines = Lines::new(2048);
    let mut parsed = 0;
    for read in octets.chunks(READ) {
        input.extend_from_slice(read);
        while let Next::Line(line) = lines.next(input) {
            if let Ok(command) = Command::parse(line) {
                std::hint::black_box(command);
                parsed += 1;
            }
        }
    }
    parsed
}
