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
    for (title, dsn) in [
        ("SMTP commands, pipelined", 0),
        (
            "SMTP commands, pipelined, one in ten with DSN parameters",
            10,
        ),
    ] {
        let stream = Stream::commands(ITEMS, dsn);
        let timings = pipelined(title, &stream).run(61, 4);
        rows.push(timings.row("C6", MAILWIRE, REQUEST, 0.85));
        rows.push(timings.allocation_row("C6", MAILWIRE, 0.0));
        one_by_one(&stream);
    }
}

fn pipelined<'a>(title: &str, stream: &'a Stream) -> Group<'a> {
    let octets = &stream.octets[..];
    let mut group = Group::new(title, stream.items, octets.len());
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
    group
}

/// What the parser takes without the search for line ends.
fn one_by_one(stream: &Stream) {
    let octets = &stream.octets[..];
    let lines: Vec<&[u8]> = stream.each().collect();
    let all = &lines[..];
    let mut group = Group::new("The same, line ends known", stream.items, octets.len());
    group.add(REQUEST, move || {
        all.iter()
            .filter(|line| Request::parse(&mut line.iter()).is_ok())
            .count()
    });
    group.add(ALONE, move || {
        let mut input = BytesMut::from(octets);
        let parsed = all.iter().filter(|line| {
            let mut line = input.split_to(line.len());
            line.truncate(line.len() - 2);
            Command::parse(std::hint::black_box(line)).is_ok()
        });
        parsed.count()
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
