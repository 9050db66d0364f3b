//! A message on its way out: cut by TOP, its line ends put right, its dots doubled.

use bytes::Bytes;
use mailwire_core::dot::Encoder;
use memchr::memchr2;

use crate::server::output::Output;

/// The body of a RETR or TOP response.
#[derive(Debug)]
pub(crate) struct Message {
    encoder: Encoder,
    cut: Option<Cut>,
}

impl Message {
    pub(crate) const fn whole() -> Self {
        Self {
            encoder: Encoder::normalizing(),
            cut: None,
        }
    }

    pub(crate) const fn top(lines: u32) -> Self {
        Self {
            encoder: Encoder::normalizing(),
            cut: Some(Cut::new(lines)),
        }
    }

    pub(crate) fn write(&mut self, mut octets: Bytes, out: &mut Output) {
        if let Some(cut) = &mut self.cut {
            octets.truncate(cut.admit(&octets));
        }
        // A normalising encoder refuses nothing.
        self.encoder
            .encode(octets, |slice| out.octets(slice))
            .unwrap_or_default();
    }

    pub(crate) fn finish(&mut self, out: &mut Output) {
        out.octets(self.encoder.finish().unwrap_or_default());
    }

    pub(crate) fn wants_more(&self) -> bool {
        self.cut.as_ref().is_none_or(|cut| !cut.complete)
    }
}

/// Where TOP stops: behind the header, the blank line and some lines of the body (RFC 1939 §7).
#[derive(Debug)]
struct Cut {
    in_header: bool,
    /// Lines of the body that are still wanted.
    left: u32,
    line_is_empty: bool,
    /// A LF that comes next belongs to the line break before it.
    after_cr: bool,
    complete: bool,
}

impl Cut {
    const fn new(lines: u32) -> Self {
        Self {
            in_header: true,
            left: lines,
            line_is_empty: true,
            after_cr: false,
            complete: false,
        }
    }

    /// How many octets from the front still belong to the response.
    fn admit(&mut self, octets: &[u8]) -> usize {
        let mut at = 0;
        while !self.complete {
            let rest = octets.get(at..).unwrap_or_default();
            let Some(len) = memchr2(b'\r', b'\n', rest) else {
                if !rest.is_empty() {
                    self.line_is_empty = false;
                    self.after_cr = false;
                }
                return octets.len();
            };
            let is_cr = rest.get(len) == Some(&b'\r');
            at += len + 1;
            if len == 0 && !is_cr && self.after_cr {
                self.after_cr = false;
                continue;
            }
            self.end_line(self.line_is_empty && len == 0);
            self.after_cr = is_cr;
        }
        at
    }

    const fn end_line(&mut self, is_empty: bool) {
        self.line_is_empty = true;
        if !self.in_header {
            self.left -= 1;
        } else if is_empty {
            self.in_header = false;
        } else {
            return;
        }
        self.complete = self.left == 0;
    }
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;

    fn sent(mut message: Message, octets: &[u8], size: usize) -> Vec<u8> {
        let mut out = Output::default();
        for piece in octets.chunks(size) {
            message.write(Bytes::copy_from_slice(piece), &mut out);
        }
        message.finish(&mut out);
        let mut sent = Vec::new();
        while let Some(octets) = out.next() {
            sent.extend_from_slice(&octets);
        }
        sent
    }

    #[test]
    fn pop3_1_every_stored_form_goes_out_canonical_with_one_end() {
        for (stored, wire) in [
            (&b""[..], &b".\r\n"[..]),
            (b".\r\n", b"..\r\n.\r\n"),
            (b"..\r\n", b"...\r\n.\r\n"),
            (b".x\r\n", b"..x\r\n.\r\n"),
            (b"no end", b"no end\r\n.\r\n"),
            (b"a\n.\nb\n", b"a\r\n..\r\nb\r\n.\r\n"),
            (b"a\r.\rb", b"a\r\n..\r\nb\r\n.\r\n"),
            (b"a\0b\r\n", b"a\0b\r\n.\r\n"),
            (b"\r\n.\r\n\r\n", b"\r\n..\r\n\r\n.\r\n"),
        ] {
            for size in 1..=stored.len().max(1) {
                assert_eq!(
                    sent(Message::whole(), stored, size),
                    wire,
                    "{stored:?} by {size}"
                );
            }
        }
        let long = vec![b'.'; 1 << 20];
        let mut wire = vec![b'.'];
        wire.extend_from_slice(&long);
        wire.extend_from_slice(b"\r\n.\r\n");
        assert_eq!(sent(Message::whole(), &long, 65_536), wire);
    }

    #[test]
    fn pop3_1_what_is_listed_is_what_is_sent_before_stuffing() {
        for stored in [&b""[..], b".\r\n", b"x", b"a\nb", b"a\rb\r", b".\n.\n."] {
            let mut encoder = Encoder::normalizing();
            let mut wire = bytes::BytesMut::new();
            encoder.encode_to(stored, &mut wire).unwrap();
            encoder.finish().unwrap();
            let sent = sent(Message::whole(), stored, 1);
            let lines = sent
                .strip_suffix(b".\r\n")
                .unwrap()
                .split_inclusive(|&o| o == b'\n');
            let unstuffed: usize = lines
                .map(|line| line.len() - usize::from(line.starts_with(b".")))
                .sum();
            assert_eq!(encoder.octets(), unstuffed as u64, "{stored:?}");
        }
    }

    #[test]
    fn top_ends_behind_the_lines_that_were_asked_for() {
        let crlf = &b"Subject: x\r\nTo: y\r\n\r\none\r\n.two\r\nthree"[..];
        let lf = &b"Subject: x\nTo: y\n\none\n.two\nthree"[..];
        for (lines, wire) in [
            (0, &b"Subject: x\r\nTo: y\r\n\r\n.\r\n"[..]),
            (1, b"Subject: x\r\nTo: y\r\n\r\none\r\n.\r\n"),
            (2, b"Subject: x\r\nTo: y\r\n\r\none\r\n..two\r\n.\r\n"),
            (
                3,
                b"Subject: x\r\nTo: y\r\n\r\none\r\n..two\r\nthree\r\n.\r\n",
            ),
            (
                u32::MAX,
                b"Subject: x\r\nTo: y\r\n\r\none\r\n..two\r\nthree\r\n.\r\n",
            ),
        ] {
            for size in 1..=crlf.len() {
                assert_eq!(
                    sent(Message::top(lines), crlf, size),
                    wire,
                    "{lines} by {size}"
                );
                assert_eq!(
                    sent(Message::top(lines), lf, size),
                    wire,
                    "LF: {lines} by {size}"
                );
            }
        }
        assert_eq!(sent(Message::top(0), b"\r\nbody\r\n", 3), b"\r\n.\r\n");
        assert_eq!(
            sent(Message::top(5), b"only: header", 3),
            b"only: header\r\n.\r\n"
        );
    }

    #[test]
    fn top_says_when_it_has_enough() {
        let mut out = Output::default();
        let mut message = Message::top(0);
        message.write(Bytes::from_static(b"a: b\r\n\r"), &mut out);
        assert!(!message.wants_more());
        message.write(Bytes::from_static(b"\nbody"), &mut out);
        message.finish(&mut out);
        assert_eq!(out.next().unwrap(), &b"a: b\r\n\r\n.\r\n"[..]);
    }
}
