//! C8 to C11: bodies. Decoded to a buffer, as slices, strictly; and encoded.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mail_send::SmtpClient;
use mailwire_core::dot::{BareLineBreaks, Decoded, Decoder, Encoder};
use smtp_proto::request::receiver::DataReceiver;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::corpus::Body;
use crate::measure::{Group, Row};

/// What a server reads at a time.
const READ: usize = 16 * 1024;

pub fn run(rows: &mut Vec<Row>) {
    let text = Body::prose("64 KiB text, 2 % dots", 64 << 10);
    let base64 = Body::base64("64 KiB base64", 64 << 10);
    let large = Body::prose("10 MiB text", 10 << 20);
    let dots = Body::dots("64 KiB, every line a dot", 64 << 10);
    for body in [&text, &base64, &large, &dots] {
        check(body);
        let (rounds, repeats) = if body.text.len() > 1 << 20 {
            (31, 1)
        } else {
            (101, 40)
        };
        let timings = decoders(body).run(rounds, repeats);
        if std::ptr::eq(body, &text) {
            rows.push(timings.row("C8", KEEP_COPY, SMTP_PROTO, 1.05));
            rows.push(timings.row("C8", KEEP_COPY, MEMCPY, 4.5));
            rows.push(timings.row("C8", KEEP_COPY, LINES, 0.40));
            rows.push(timings.row("C9", KEEP_SLICES, MEMCPY, 3.0));
            rows.push(timings.row("C10", STRICT_COPY, LINES, 0.70));
            rows.push(timings.row("C10", STRICT_SLICES, LINES, 0.70));
        } else if std::ptr::eq(body, &base64) {
            rows.push(timings.row("C8", KEEP_COPY, SMTP_PROTO, 1.05));
        } else if std::ptr::eq(body, &large) {
            rows.push(timings.row("C8", KEEP_COPY, SMTP_PROTO, 0.75));
            rows.push(timings.row("C8", KEEP_COPY, MEMCPY, 2.3));
            rows.push(timings.row("C9", KEEP_SLICES, MEMCPY, 1.4));
            rows.push(timings.row("C10", STRICT_COPY, MEMCPY, 3.6));
            rows.push(timings.row("C10", STRICT_SLICES, MEMCPY, 3.6));
        } else {
            rows.push(timings.row("C8", KEEP_COPY, SMTP_PROTO, 0.5));
        }
    }
    for body in [&text, &base64, &large, &dots] {
        let (rounds, repeats) = if body.text.len() > 1 << 20 {
            (31, 1)
        } else {
            (101, 40)
        };
        let timings = encoders(body).run(rounds, repeats);
        // Where every line begins with a dot, the work is the lines; no bar was set there.
        if !std::ptr::eq(body, &dots) {
            rows.push(timings.row("C11", ENCODE_SLICES, MAIL_SEND, 0.10));
            rows.push(timings.row("C11", ENCODE_COPY, MAIL_SEND, 0.10));
        }
        if std::ptr::eq(body, &large) {
            rows.push(timings.row("C11", ENCODE_COPY, MEMCPY, 3.6));
            rows.push(timings.row("C11", ENCODE_SLICES, MEMCPY, 3.6));
        }
    }
}

const MEMCPY: &str = "memcpy";
const LINES: &str = "memchr line split";
const SMTP_PROTO: &str = "smtp-proto DataReceiver";
const MAIL_SEND: &str = "mail-send write_message, null stream";
const KEEP_COPY: &str = "mailwire to a buffer";
const KEEP_SLICES: &str = "mailwire slices";
const KEEP_BYTES: &str = "mailwire slices of Bytes, from a fresh BytesMut";
const STRICT_COPY: &str = "mailwire strict to a buffer";
const STRICT_SLICES: &str = "mailwire strict slices";
const ENCODE_COPY: &str = "mailwire to a buffer, checked";
const ENCODE_SLICES: &str = "mailwire slices of Bytes, checked";

/// Every contender must give the text back.
fn check(body: &Body) {
    let mut out = Vec::new();
    smtp_proto(&body.wire, &mut out);
    if out != body.text {
        println!(
            "\nNote: smtp-proto gives another text back for \"{}\".",
            body.name
        );
    }
    let mut out = BytesMut::new();
    for breaks in [BareLineBreaks::Keep, BareLineBreaks::Reject] {
        out.clear();
        to_buffer(breaks, &body.wire, &mut out);
        assert!(out == body.text, "{} to a buffer", body.name);
        let mut joined = Vec::new();
        slices(breaks, &body.wire, |slice| joined.extend_from_slice(slice));
        assert!(joined == body.text, "{} as slices", body.name);
    }
    out.clear();
    encode(&body.text, &mut out);
    assert!(out == body.wire, "{} encoded", body.name);
    let mut sent = SmtpClient {
        stream: Sink(Vec::new()),
        timeout: Duration::ZERO,
    };
    ready(sent.write_message(body.text.strip_suffix(b"\r\n").expect("whole lines")));
    if sent.stream.0 != body.wire {
        println!(
            "\nNote: mail-send writes other octets for \"{}\".",
            body.name
        );
    }
}

fn decoders(body: &Body) -> Group<'_> {
    let wire = &body.wire[..];
    let mut group = Group::new(format!("DATA decode, {}", body.name), 1, wire.len());
    let mut buffer = vec![0; wire.len()];
    group.add(MEMCPY, move || {
        buffer.copy_from_slice(std::hint::black_box(wire));
        buffer.len()
    });
    group.add(LINES, move || {
        memchr::memchr_iter(b'\n', wire).map(|at| at & 1).sum()
    });
    let mut out = Vec::with_capacity(wire.len());
    group.add(SMTP_PROTO, move || {
        out.clear();
        smtp_proto(wire, &mut out);
        out.len()
    });
    for (name, breaks) in [
        (KEEP_COPY, BareLineBreaks::Keep),
        (STRICT_COPY, BareLineBreaks::Reject),
    ] {
        let mut out = BytesMut::with_capacity(wire.len());
        group.add(name, move || {
            out.clear();
            to_buffer(breaks, wire, &mut out);
            out.len()
        });
    }
    for (name, breaks) in [
        (KEEP_SLICES, BareLineBreaks::Keep),
        (STRICT_SLICES, BareLineBreaks::Reject),
    ] {
        group.add(name, move || {
            let mut octets = 0;
            slices(breaks, wire, |slice| {
                octets += std::hint::black_box(slice).len()
            });
            octets
        });
    }
    group.add(KEEP_BYTES, move || {
        let mut input = BytesMut::from(wire);
        let mut decoder = Decoder::new(BareLineBreaks::Keep);
        let mut octets = 0;
        while let Decoded::Text(text) = decoder.decode(&mut input) {
            octets += std::hint::black_box(text).len();
        }
        octets
    });
    group
}

fn encoders(body: &Body) -> Group<'_> {
    let text = &body.text[..];
    let mut group = Group::new(format!("DATA encode, {}", body.name), 1, text.len());
    let mut buffer = vec![0; text.len()];
    group.add(MEMCPY, move || {
        buffer.copy_from_slice(std::hint::black_box(text));
        buffer.len()
    });
    let mut client = SmtpClient {
        stream: Null(0),
        timeout: Duration::ZERO,
    };
    group.add(MAIL_SEND, move || {
        ready(client.write_message(text));
        client.stream.0
    });
    let mut out = BytesMut::with_capacity(body.wire.len() + 16);
    group.add(ENCODE_COPY, move || {
        out.clear();
        encode(text, &mut out);
        out.len()
    });
    let shared = Bytes::copy_from_slice(text);
    group.add(ENCODE_SLICES, move || {
        let mut encoder = Encoder::strict();
        let mut octets = 0;
        encoder
            .encode(shared.clone(), |slice| {
                octets += std::hint::black_box(slice).len()
            })
            .expect("text");
        octets + encoder.finish().expect("whole lines").len()
    });
    group
}

fn smtp_proto(wire: &[u8], out: &mut Vec<u8>) {
    let mut receiver = DataReceiver::new();
    for read in wire.chunks(READ) {
        receiver.ingest(&mut read.iter(), out);
    }
}

/// Reads of 16 KiB; what was undecided stands in front of the next read, as it would in a buffer.
fn to_buffer(breaks: BareLineBreaks, wire: &[u8], out: &mut BytesMut) {
    let mut decoder = Decoder::new(breaks);
    let mut from = 0;
    for end in (READ..wire.len()).step_by(READ).chain([wire.len()]) {
        let mut input = &wire[from..end];
        decoder.decode_to(&mut input, out);
        from = end - input.len();
    }
}

/// The whole body at once: what is borrowed need not be read into a buffer first.
fn slices(breaks: BareLineBreaks, mut wire: &[u8], mut each: impl FnMut(&[u8])) {
    let mut decoder = Decoder::new(breaks);
    while let Decoded::Text(text) = decoder.decode_slice(&mut wire) {
        each(text);
    }
}

fn encode(text: &[u8], out: &mut BytesMut) {
    let mut encoder = Encoder::strict();
    for piece in text.chunks(READ) {
        encoder.encode_to(piece, out).expect("text");
    }
    out.extend_from_slice(&encoder.finish().expect("whole lines"));
}

/// Runs a future that never waits.
fn ready<T>(future: impl Future<Output = io::Result<T>>) -> T {
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(result) => result.expect("these streams take everything"),
        Poll::Pending => unreachable!("these streams never wait"),
    }
}

/// Counts what is written.
struct Null(usize);

/// Keeps what is written.
struct Sink(Vec<u8>);

impl AsyncWrite for Null {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0 += octets.len();
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Null {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Sink {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.extend_from_slice(octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Sink {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
