//! C1: responses of each kind, C1b: with every field read, C3: with large literals.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use mailwire_imap::frame::{ResponseFrame, Responses};
use mailwire_imap::response::{Fetch, Response, Tolerances};

use super::corpus::{self, Items};
use super::fields;
use super::peers::{self, CODEC_1, CODEC_2, PROTO};
use crate::corpus::Stream;
use crate::measure::{Group, Row};

const ITEMS: usize = 10_000;
/// What a client reads at a time.
const READ: usize = 16 * 1024;

/// The buffer in which the pieces around a body are gathered, for all items together.
const SCRATCH: f64 = 0.01;

const LINES: &str = "memchr line split";
const MAILWIRE: &str = "mailwire, 16 KiB reads";
const READING: &str = "mailwire, 16 KiB reads, every field read";
const AT_HAND: &str = "mailwire, whole responses at hand";
const STREAMED: &str = "mailwire, literals handed out as slices";

pub fn run(rows: &mut Vec<Row>) {
    let stream = corpus::fetches(ITEMS, Items::FULL);
    let title = "IMAP: FETCH with FLAGS, UID, INTERNALDATE, RFC822.SIZE, ENVELOPE, BODYSTRUCTURE";
    let mut group = responses(title, &stream);
    let mut input = BytesMut::with_capacity(2 * READ);
    let octets = &stream.octets[..];
    group.add(READING, move || parse(octets, &mut input, true));
    let timings = group.run(41, 1);
    rows.push(timings.row("C1", MAILWIRE, CODEC_2, 0.30));
    rows.push(timings.row("C1", MAILWIRE, PROTO, 0.45));
    rows.push(timings.allocation_row("C1", MAILWIRE, 0.0).must());
    rows.push(timings.row("C1b", READING, CODEC_2, 0.45));
    kinds(rows);
    literals(rows);
}

fn kinds(rows: &mut Vec<Row>) {
    let numbers = Items {
        numbers: true,
        ..Items::FLAGS
    };
    let fetches = [
        ("FETCH FLAGS UID", Items::FLAGS),
        ("FETCH FLAGS UID INTERNALDATE RFC822.SIZE", numbers),
        (
            "FETCH FLAGS UID ENVELOPE",
            Items {
                envelope: true,
                ..Items::FLAGS
            },
        ),
        (
            "FETCH FLAGS UID BODYSTRUCTURE",
            Items {
                structure: true,
                ..Items::FLAGS
            },
        ),
    ];
    let fetches = fetches.map(|(name, items)| (name, corpus::fetches(ITEMS, items)));
    let others = corpus::KINDS.map(|name| (name, corpus::kind(ITEMS, name)));
    for (name, stream) in fetches.into_iter().chain(others) {
        let timings = responses(&format!("IMAP: {name}"), &stream).run(31, 2);
        rows.push(timings.row("C1c", MAILWIRE, CODEC_2, 0.80));
        rows.push(timings.allocation_row("C1c", MAILWIRE, 0.0).must());
    }
}

fn responses<'a>(title: &str, stream: &'a Stream) -> Group<'a> {
    let octets = &stream.octets[..];
    let mut group = Group::new(title, stream.items, octets.len());
    group.add(LINES, move || {
        memchr::memchr_iter(b'\n', octets).map(|at| at & 1).sum()
    });
    assert_eq!(
        peers::responses_2(octets),
        stream.items,
        "imap-codec 2: {title}"
    );
    group.add(CODEC_2, move || peers::responses_2(octets));
    assert_eq!(
        peers::responses_1(octets),
        stream.items,
        "imap-codec 1: {title}"
    );
    group.add(CODEC_1, move || peers::responses_1(octets));
    assert_eq!(
        peers::responses_proto(octets),
        stream.items,
        "imap-proto: {title}"
    );
    group.add(PROTO, move || peers::responses_proto(octets));
    let mut input = BytesMut::with_capacity(2 * READ);
    assert_eq!(
        parse(octets, &mut input, false),
        stream.items,
        "mailwire: {title}"
    );
    group.add(MAILWIRE, move || parse(octets, &mut input, false));
    let frames: Vec<Bytes> = stream
        .each()
        .map(|item| Bytes::copy_from_slice(&item[..item.len() - 2]))
        .collect();
    group.add(AT_HAND, move || {
        let parsed = frames.iter().filter(|frame| {
            let frame = Bytes::clone(frame);
            black_box(&Response::parse(frame, Tolerances::NONE)).is_ok()
        });
        parsed.count()
    });
    group
}

/// How many responses there are; with `reads` the sum of all fields instead.
fn parse(octets: &[u8], input: &mut BytesMut, reads: bool) -> usize {
    let mut responses = Responses::new();
    let (mut parsed, mut sum) = (0, 0_usize);
    for read in octets.chunks(READ) {
        input.extend_from_slice(read);
        loop {
            match responses.next(input) {
                ResponseFrame::Whole(frame) => {
                    match &Response::parse(frame, Tolerances::NONE) {
                        Ok((Response::Fetch(fetch), _)) if reads => {
                            sum = sum.wrapping_add(fields::of_fetch(fetch));
                        }
                        response => {
                            assert!(black_box(response).is_ok(), "well-formed");
                        }
                    }
                    parsed += 1;
                }
                ResponseFrame::NeedInput => break,
                other => unreachable!("{other:?}"),
            }
        }
    }
    if reads { sum } else { parsed }
}

fn literals(rows: &mut Vec<Row>) {
    // Both corpora have about the same octets, so that the memory of the machine is the same for both.
    let (small, large) = (
        corpus::bodies(ITEMS, 4 * 1024),
        corpus::bodies(ITEMS / 16, 64 * 1024),
    );
    let mut group = Group::new(
        "IMAP: FETCH with BODY[] of 4 KiB",
        small.items,
        small.octets.len(),
    );
    bodies(&mut group, &small);
    let four = group.run(21, 1);
    let mut group = Group::new(
        "IMAP: FETCH with BODY[] of 64 KiB",
        large.items,
        large.octets.len(),
    );
    bodies(&mut group, &large);
    let many = group.run(21, 1);
    rows.push(many.row("C3", STREAMED, CODEC_2, 0.10));
    rows.push(many.allocation_row("C3", STREAMED, SCRATCH).must());
    rows.push(many.row_across("C3", STREAMED, &four, "the same with 4 KiB", 1.30));
}

fn bodies<'a>(group: &mut Group<'a>, stream: &'a Stream) {
    let octets = &stream.octets[..];
    assert_eq!(peers::responses_2(octets), stream.items, "imap-codec 2");
    group.add(CODEC_2, move || peers::responses_2(octets));
    assert_eq!(peers::responses_1(octets), stream.items, "imap-codec 1");
    group.add(CODEC_1, move || peers::responses_1(octets));
    assert_eq!(peers::responses_proto(octets), stream.items, "imap-proto");
    group.add(PROTO, move || peers::responses_proto(octets));
    let prepare = move || {
        let mut input = BytesMut::from(octets);
        // A second handle, so that the buffer is not freed within the time.
        let handle = input.split_to(0);
        (input, handle)
    };
    assert_eq!(streamed(&mut prepare().0), stream.items, "mailwire");
    group.add_prepared(STREAMED, prepare, |(input, _)| streamed(input));
}

/// The responses are in the buffer of the caller, and so are the slices of their bodies.
fn streamed(input: &mut BytesMut) -> usize {
    let mut responses = Responses::new();
    responses.set_inline(0);
    let mut pieces = BytesMut::with_capacity(512);
    let mut parsed = 0;
    loop {
        match responses.next(input) {
            ResponseFrame::Body { head, .. } => pieces.extend_from_slice(&head),
            ResponseFrame::InBody => {
                black_box(responses.take_body(input));
            }
            ResponseFrame::Tail(tail) => {
                pieces.extend_from_slice(&tail);
                let whole = pieces.split().freeze();
                black_box(Fetch::parse_streamed(whole, Tolerances::NONE)).expect("well-formed");
                parsed += 1;
                if pieces.capacity() < 256 {
                    pieces.reserve(512);
                }
            }
            ResponseFrame::NeedInput => return parsed,
            other => unreachable!("{other:?}"),
        }
    }
}
