//! C4: what arrives in pieces is not parsed again and again.

use std::hint::black_box;

use bytes::BytesMut;
use imap_codec_2::decode::Decoder as _;
use mailwire_imap::command::Command;
use mailwire_imap::frame::{CommandFrame, Commands, Policy, ResponseFrame, Responses};
use mailwire_imap::response::{Response, Tolerances};

use super::corpus::{self, Items};
use crate::measure::{Group, Row};

const ITEMS: usize = 1_000;

const WHOLE: &str = "imap-codec 2, the line at once";
const AGAIN: &str = "imap-codec 2, decode at each read of 64 octets";
const OURS: &str = "mailwire, the line at once";
const ONE: &str = "mailwire, reads of one octet";
const SEGMENTS: &str = "mailwire, reads of 64 octets";

pub fn run(rows: &mut Vec<Row>) {
    let [two, four] = [2048, 4096].map(|octets| {
        let line = corpus::long_search(octets);
        let title = format!("IMAP: a command of {} octets", line.len());
        let mut group = Group::new(title, ITEMS, ITEMS * line.len());
        let again = line.clone();
        assert_eq!(codec(&line, line.len()), 1, "imap-codec 2");
        group.add(WHOLE, move || {
            (0..ITEMS).map(|_| codec(&again, again.len())).sum()
        });
        let again = line.clone();
        group.add(AGAIN, move || (0..ITEMS).map(|_| codec(&again, 64)).sum());
        for (name, read) in [(OURS, line.len()), (SEGMENTS, 64), (ONE, 1)] {
            let line = line.clone();
            let mut input = BytesMut::with_capacity(16 * 1024);
            assert_eq!(mailwire(&line, read, &mut input), 1, "mailwire");
            group.add(name, move || {
                (0..ITEMS).map(|_| mailwire(&line, read, &mut input)).sum()
            });
        }
        group.run(11, 1)
    });
    rows.push(two.row("C4", ONE, WHOLE, 2.0));
    rows.push(four.row_across("C4", ONE, &two, "the same with half the octets", 2.2));
    segments(rows);
}

/// Decodes whenever something has come, as a caller must who does not look for the end of the line first.
fn codec(line: &[u8], read: usize) -> usize {
    let codec = imap_codec_2::CommandCodec::default();
    let mut end = 0;
    loop {
        end = line.len().min(end + read);
        if let Ok((_, command)) = codec.decode(&line[..end]) {
            black_box(command);
            return 1;
        }
        assert!(end < line.len());
    }
}

fn mailwire(line: &[u8], read: usize, input: &mut BytesMut) -> usize {
    let mut commands = Commands::new(Policy::logged_in());
    for octets in line.chunks(read) {
        input.extend_from_slice(octets);
        if let CommandFrame::Whole(frame) = commands.next(input) {
            black_box(Command::take(frame)).expect("well-formed");
            return 1;
        }
    }
    0
}

const STREAM: &str = "mailwire, 64 KiB reads";
const PACKETS: &str = "mailwire, reads of 1460 octets";

fn segments(rows: &mut Vec<Row>) {
    let stream = corpus::fetches(10_000, Items::FULL);
    let octets = &stream.octets[..];
    let mut group = Group::new(
        "IMAP: the FETCH responses of C1 in segments",
        stream.items,
        octets.len(),
    );
    for (name, read) in [(STREAM, 64 * 1024), (PACKETS, 1460)] {
        let mut input = BytesMut::with_capacity(2 * read + 4096);
        assert_eq!(
            responses(octets, read, &mut input),
            stream.items,
            "mailwire"
        );
        group.add(name, move || responses(octets, read, &mut input));
    }
    let timings = group.run(41, 1);
    rows.push(timings.row("C4", PACKETS, STREAM, 1.10));
}

fn responses(octets: &[u8], read: usize, input: &mut BytesMut) -> usize {
    let mut responses = Responses::new();
    let mut parsed = 0;
    for read in octets.chunks(read) {
        input.extend_from_slice(read);
        while let ResponseFrame::Whole(frame) = responses.next(input) {
            black_box(Response::parse(frame, Tolerances::NONE)).expect("well-formed");
            parsed += 1;
        }
    }
    parsed
}
