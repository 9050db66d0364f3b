//! C7: replies, and the reply to EHLO with what is read of it in every session.

use std::hint::black_box;

use bytes::BytesMut;
use lettre::transport::smtp::extension::ServerInfo;
use lettre::transport::smtp::response::Response;
use mailwire_smtp::command::Mechanism;
use mailwire_smtp::reply::ReplyParser;
use smtp_proto::EhloResponse;
use smtp_proto::response::parser::ResponseReceiver;

use crate::corpus::Stream;
use crate::measure::{Group, Row};

const READ: usize = 4 * 1024;
const ITEMS: usize = 10_000;

const LINES: &str = "memchr line split";
const SMTP_PROTO: &str = "smtp-proto";
const LETTRE: &str = "lettre, one reply at a time";
const MAILWIRE: &str = "mailwire, 4 KiB reads";

pub fn run(rows: &mut Vec<Row>) {
    let stream = Stream::replies(ITEMS);
    let timings = replies(&stream).run(61, 4);
    rows.push(timings.row("C7", MAILWIRE, SMTP_PROTO, 0.60));
    rows.push(timings.allocation_row("C7", MAILWIRE, 0.0));
    let stream = Stream::ehlo(ITEMS);
    let timings = ehlo(&stream).run(61, 2);
    rows.push(timings.row("C7", MAILWIRE, SMTP_PROTO, 0.80));
    rows.push(timings.allocation_row("C7", MAILWIRE, 0.0));
}

fn replies(stream: &Stream) -> Group<'_> {
    let octets = &stream.octets[..];
    let mut group = Group::new("SMTP replies", stream.items, octets.len());
    group.add(LINES, move || {
        memchr::memchr_iter(b'\n', octets).map(|at| at & 1).sum()
    });
    let theirs = move || {
        let mut receiver = ResponseReceiver::default();
        let mut octets = octets.iter();
        let mut parsed = 0;
        while let Ok(response) = receiver.parse(&mut octets) {
            black_box(response);
            receiver.reset();
            parsed += 1;
        }
        parsed
    };
    assert_eq!(theirs(), ITEMS, "smtp-proto");
    group.add(SMTP_PROTO, theirs);
    let lettre = move || {
        let text = |item| std::str::from_utf8(item).expect("ASCII");
        stream
            .each()
            .filter(|item| black_box(text(item).parse::<Response>()).is_ok())
            .count()
    };
    assert_eq!(lettre(), ITEMS, "lettre");
    group.add(LETTRE, lettre);
    let mut input = BytesMut::with_capacity(2 * READ);
    let mut ours = move || {
        let mut parser = ReplyParser::new();
        let mut parsed = 0;
        for read in octets.chunks(READ) {
            input.extend_from_slice(read);
            while let Some(reply) = parser.parse(&mut input).expect("well-formed") {
                black_box(reply);
                parsed += 1;
            }
        }
        parsed
    };
    assert_eq!(ours(), ITEMS, "mailwire");
    group.add(MAILWIRE, ours);
    group
}

/// Whether PLAIN is offered, and the sum of the sizes: what every contender must have read.
fn ehlo(stream: &Stream) -> Group<'_> {
    let octets = &stream.octets[..];
    let mut group = Group::new("EHLO replies of 12 lines", stream.items, octets.len());
    group.add(LINES, move || {
        memchr::memchr_iter(b'\n', octets).map(|at| at & 1).sum()
    });
    let theirs = move || {
        let mut octets = octets.iter();
        let (mut parsed, mut sizes) = (0, 0);
        while let Ok(response) = EhloResponse::<String>::parse(&mut octets) {
            parsed += usize::from(response.auth_mechanisms & smtp_proto::AUTH_PLAIN != 0);
            sizes += response.size;
            black_box(response);
        }
        assert_eq!(parsed, ITEMS, "smtp-proto");
        sizes
    };
    let sizes = theirs();
    group.add(SMTP_PROTO, theirs);
    let lettre = move || {
        let text = |item| std::str::from_utf8(item).expect("ASCII");
        let parsed = stream.each().filter(|item| {
            let response: Response = text(item).parse().expect("a reply");
            let info = ServerInfo::from_response(&response).expect("a reply to EHLO");
            let plain = lettre::transport::smtp::authentication::Mechanism::Plain;
            black_box(&info).supports_auth_mechanism(plain)
        });
        parsed.count()
    };
    assert_eq!(lettre(), ITEMS, "lettre");
    group.add(LETTRE, lettre);
    let plain: Mechanism = "PLAIN".parse().expect("a mechanism");
    let mut input = BytesMut::with_capacity(2 * READ);
    let mut ours = move || {
        let mut parser = ReplyParser::new();
        let (mut parsed, mut sum) = (0, 0);
        for read in octets.chunks(READ) {
            input.extend_from_slice(read);
            while let Some((reply, offered)) = parser.parse_ehlo(&mut input).expect("well-formed") {
                parsed += usize::from(offered.offers_mechanism(plain));
                sum += usize::try_from(offered.size().unwrap_or_default()).unwrap_or_default();
                black_box((reply, offered));
            }
        }
        assert_eq!(parsed, ITEMS, "mailwire");
        sum
    };
    assert_eq!(ours(), sizes, "mailwire");
    group.add(MAILWIRE, ours);
    group
}
