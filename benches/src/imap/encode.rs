//! C5: responses written into the buffer of the caller, from values, and as messages at hand.

use std::hint::black_box;
use std::num::NonZeroU32;

use bytes::{Bytes, BytesMut};
use imap_codec_1::decode::Decoder as _;
use imap_codec_1::encode::Encoder as _;
use imap_codec_2::decode::Decoder as _;
use imap_codec_2::encode::Encoder as _;
use mailwire_imap::bodystructure::{BodyForm, BodyStructureBuilder};
use mailwire_imap::flag::Flags;
use mailwire_imap::response::{Fetch, Response, Section, Tolerances};

use super::corpus::{self, Items};
use super::peers::{CODEC_1, CODEC_2};
use super::values::Values;
use crate::corpus::Stream;
use crate::measure::{Group, Row};

const ITEMS: usize = 10_000;
/// So much output is gathered before it is handed over.
const OUTPUT: usize = 64 * 1024;

const VALUES: &str = "mailwire, from values";
const AT_HAND: &str = "mailwire, responses at hand";
const SLICE: &str = "mailwire, from values, the literal as a slice";

pub fn run(rows: &mut Vec<Row>) {
    for (title, items) in [
        ("IMAP: encode FETCH with FLAGS UID", Items::FLAGS),
        ("IMAP: encode the FETCH responses of C1", Items::FULL),
    ] {
        let stream = corpus::fetches(ITEMS, items);
        let timings = fetches(title, &stream).run(41, 1);
        rows.push(timings.row("C5", VALUES, CODEC_2, 0.25));
        rows.push(timings.allocation_row("C5", VALUES, ALLOCATIONS).must());
        rows.push(timings.row("C5", AT_HAND, CODEC_2, 0.05));
        rows.push(timings.allocation_row("C5", AT_HAND, ALLOCATIONS).must());
    }
    let stream = corpus::bodies(ITEMS / 4, 4096);
    let timings = literals(&stream).run(41, 1);
    rows.push(timings.row("C5", SLICE, CODEC_2, 0.25));
}

/// A buffer for each 64 KiB of output, and the handle that counts who holds it.
const ALLOCATIONS: f64 = 2.0 * 1100.0 / OUTPUT as f64;

fn fetches<'a>(title: &str, stream: &'a Stream) -> Group<'a> {
    let mut group = Group::new(title, stream.items, stream.octets.len());
    peers(&mut group, stream);
    let octets = Bytes::from_static(Vec::leak(stream.octets.clone()));
    let parsed: Vec<Response> = stream
        .each()
        .scan(0, |start, item| {
            let frame = octets.slice(*start..*start + item.len());
            *start += item.len();
            Some(parse(frame))
        })
        .collect();
    let values: Vec<Values> = parsed.iter().map(Values::of).collect();
    for (value, parsed) in values.iter().zip(&parsed) {
        let mut wire = BytesMut::new();
        write(value, &mut BytesMut::new(), &mut wire);
        assert_eq!(
            &parse(wire.freeze()),
            parsed,
            "mailwire writes what was read"
        );
    }
    group.add(VALUES, move || {
        let mut buffer = BytesMut::with_capacity(OUTPUT);
        output(&values, |values, wire| write(values, &mut buffer, wire))
    });
    group.add(AT_HAND, move || {
        output(&parsed, |response, wire| response.encode(wire))
    });
    group
}

fn parse(mut frame: Bytes) -> Response {
    assert!(frame.ends_with(b"\r\n"), "a whole line");
    frame.truncate(frame.len() - 2);
    Response::parse(frame, Tolerances::NONE)
        .expect("well-formed")
        .0
}

/// Writes all items, and hands the output over whenever there are 64 KiB of it.
fn output<T>(items: &[T], mut write: impl FnMut(&T, &mut BytesMut)) -> usize {
    let mut wire = BytesMut::with_capacity(OUTPUT);
    let mut octets = 0;
    for item in items {
        if wire.len() + 4096 > OUTPUT {
            octets += wire.len();
            black_box(wire.split().freeze());
            wire.reserve(OUTPUT);
        }
        write(item, &mut wire);
    }
    octets + black_box(wire).len()
}

fn write(values: &Values, buffer: &mut BytesMut, wire: &mut BytesMut) {
    let mut fetch = Fetch::builder_in(values.number, std::mem::take(buffer))
        .uid(values.uid)
        .flags(&values.flags);
    if let Some((date, octets)) = values.numbers {
        fetch = fetch.internal_date(date).size(octets);
    }
    if let Some(envelope) = &values.envelope {
        fetch = fetch.envelope_of(envelope);
    }
    if !values.structure.is_empty() {
        let all = |builder: &mut BodyStructureBuilder| {
            values.structure.iter().for_each(|step| step.put(builder));
        };
        let written = fetch.body_structure_of(BodyForm::BodyStructure, all);
        fetch = written.expect("one tree");
    }
    let (fetch, rest) = fetch.build_and_keep();
    *buffer = rest;
    Response::Fetch(fetch).encode(wire);
}

fn peers<'a>(group: &mut Group<'a>, stream: &'a Stream) {
    let codec = imap_codec_2::ResponseCodec::default();
    let responses: Vec<_> = stream
        .each()
        .map(|item| codec.decode(item).expect("imap-codec 2").1)
        .collect();
    group.add(CODEC_2, move || {
        let codec = imap_codec_2::ResponseCodec::default();
        let octets = responses
            .iter()
            .map(|response| black_box(codec.encode(response).dump()).len());
        octets.sum()
    });
    let codec = imap_codec_1::ResponseCodec::default();
    let responses: Vec<_> = stream
        .each()
        .map(|item| codec.decode(item).expect("imap-codec 1").1)
        .collect();
    group.add(CODEC_1, move || {
        let codec = imap_codec_1::ResponseCodec::default();
        let octets = responses
            .iter()
            .map(|response| black_box(codec.encode(response).dump()).len());
        octets.sum()
    });
}

/// The content of a message goes out as it is: as a slice that nobody looks at.
fn literals(stream: &Stream) -> Group<'_> {
    let title = "IMAP: encode FETCH with BODY[] of 4 KiB";
    let mut group = Group::new(title, stream.items, stream.octets.len());
    peers(&mut group, stream);
    let content = Bytes::from(vec![b'x'; 4096]);
    let section = Section::of(b"").expect("a section");
    let flags: Flags = [mailwire_imap::flag::Flag::Seen].into_iter().collect();
    group.add(SLICE, move || {
        let mut octets = 0;
        for number in (1..=ITEMS as u32 / 4).filter_map(NonZeroU32::new) {
            let fetch = Fetch::builder(number)
                .uid(number)
                .flags(&flags)
                .streamed_section(section, None, 4096)
                .build();
            for (piece, literal) in fetch.pieces() {
                octets += black_box(&piece).len();
                if literal.is_some() {
                    octets += black_box(content.clone()).len();
                }
            }
        }
        octets
    });
    group
}
