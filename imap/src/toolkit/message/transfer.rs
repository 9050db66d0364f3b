//! Content transfer encodings, undone piece by piece (RFC 2045 §6, RFC 3516 §4.3).

use alloc::vec::Vec;
use core::fmt;

use memchr::memchr2;

use crate::limits::HELD_SPACES;

/// How content was encoded for transfer.
///
/// ```
/// use mailwire_imap::toolkit::message::transfer::Encoding;
/// assert_eq!(Encoding::of(b"Base64"), Some(Encoding::Base64));
/// assert_eq!(Encoding::of(b"8bit"), Some(Encoding::Identity));
/// assert_eq!(Encoding::of(b"x-uuencode"), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 2045 §6.1 has no others to undo"
)]
pub enum Encoding {
    /// `7bit`, `8bit` and `binary`: nothing is to be undone.
    Identity,
    /// `base64`.
    Base64,
    /// `quoted-printable`.
    QuotedPrintable,
}

impl Encoding {
    /// The encoding of that name; `None` for what cannot be undone: `NO [UNKNOWN-CTE]`.
    #[must_use]
    pub fn of(name: &[u8]) -> Option<Self> {
        let known: [(&[u8], Self); 5] = [
            (b"7bit", Self::Identity),
            (b"8bit", Self::Identity),
            (b"binary", Self::Identity),
            (b"base64", Self::Base64),
            (b"quoted-printable", Self::QuotedPrintable),
        ];
        let found = known
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, encoding)| *encoding)
    }
}

/// Undoes a transfer encoding, whatever the pieces are. Nothing is refused: octets that belong to
/// no base64 are passed over, and a broken `=XX` stays as it is (RFC 2045 §6.7, §6.8).
///
/// ```
/// use mailwire_imap::toolkit::message::transfer::{Decoder, Encoding};
/// let mut decoder = Decoder::new(Encoding::QuotedPrintable);
/// let mut text = Vec::new();
/// decoder.feed(b"a=3", &mut text);
/// decoder.feed(b"Db =\r\nc  \r\n", &mut text);
/// decoder.finish(&mut text);
/// assert_eq!(text, b"a=b c\r\n");
/// ```
#[derive(Clone)]
pub struct Decoder {
    state: State,
}

#[derive(Clone)]
enum State {
    Identity,
    Base64(Base64),
    QuotedPrintable(QuotedPrintable),
}

impl Decoder {
    /// One at the begin of the content.
    #[must_use]
    pub const fn new(encoding: Encoding) -> Self {
        Self {
            state: match encoding {
                Encoding::Identity => State::Identity,
                Encoding::Base64 => State::Base64(Base64 { bits: 0, count: 0 }),
                Encoding::QuotedPrintable => {
                    State::QuotedPrintable(QuotedPrintable { held: Vec::new() })
                }
            },
        }
    }

    /// Decodes the next piece and adds what is certain now.
    pub fn feed(&mut self, piece: &[u8], decoded: &mut Vec<u8>) {
        match &mut self.state {
            State::Identity => decoded.extend_from_slice(piece),
            State::Base64(base64) => base64.feed(piece, decoded),
            State::QuotedPrintable(quoted) => quoted.feed(piece, decoded),
        }
    }

    /// Adds what the end of the content makes certain.
    pub fn finish(&mut self, decoded: &mut Vec<u8>) {
        match &mut self.state {
            State::Identity => {}
            State::Base64(base64) => base64.flush(decoded),
            State::QuotedPrintable(quoted) => quoted.flush(decoded),
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Identity => "Decoder(Identity)",
            State::Base64(_) => "Decoder(Base64)",
            State::QuotedPrintable(_) => "Decoder(QuotedPrintable)",
        })
    }
}

/// The values of the octets of base64; 64 for all others.
const VALUES: [u8; 256] = values();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler, which refuses an index out of range; below 64"
)]
const fn values() -> [u8; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [64; 256];
    let mut value = 0;
    while value < 64 {
        table[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    table
}

fn value(octet: u8) -> u32 {
    VALUES
        .get(usize::from(octet))
        .map_or(64, |value| u32::from(*value))
}

#[derive(Clone)]
struct Base64 {
    bits: u32,
    /// Octets of the quantum that is open.
    count: u8,
}

impl Base64 {
    fn feed(&mut self, piece: &[u8], decoded: &mut Vec<u8>) {
        decoded.reserve(piece.len() / 4 * 3);
        let mut rest = piece;
        while let [a, b, c, d, behind @ ..] = rest {
            let values = [*a, *b, *c, *d].map(value);
            if self.count == 0 && values.iter().fold(0, |all, value| all | value) < 64 {
                let bits = values.iter().fold(0, |bits, value| bits << 6 | value);
                let [_, x, y, z] = bits.to_be_bytes();
                decoded.extend_from_slice(&[x, y, z]);
                rest = behind;
            } else {
                // Up to the next place where a quantum begins.
                self.octet(*a, decoded);
                rest = rest.get(1..).unwrap_or_default();
            }
        }
        for octet in rest {
            self.octet(*octet, decoded);
        }
    }

    fn octet(&mut self, octet: u8, decoded: &mut Vec<u8>) {
        match (octet, value(octet)) {
            // What follows is another text in base64, if anything.
            (b'=', _) => self.flush(decoded),
            (_, value @ 0..64) => {
                self.bits = self.bits << 6 | value;
                self.count += 1;
                if self.count == 4 {
                    self.flush(decoded);
                }
            }
            _ => {}
        }
    }

    fn flush(&mut self, decoded: &mut Vec<u8>) {
        let (bits, len) = match self.count {
            2 => (self.bits << 12, 1),
            3 => (self.bits << 6, 2),
            4 => (self.bits, 3),
            _ => (0, 0),
        };
        let [_, octets @ ..] = bits.to_be_bytes();
        decoded.extend_from_slice(octets.get(..len).unwrap_or_default());
        (self.bits, self.count) = (0, 0);
    }
}

#[derive(Clone)]
struct QuotedPrintable {
    /// What the next octets decide about: a `=` and what follows it, or spaces that may end a
    /// line.
    held: Vec<u8>,
}

impl QuotedPrintable {
    fn feed(&mut self, piece: &[u8], decoded: &mut Vec<u8>) {
        let mut rest = piece;
        while let Some(first) = rest.first().copied() {
            if !self.held.is_empty() {
                if self.decide(first, decoded) {
                    rest = rest.get(1..).unwrap_or_default();
                }
                continue;
            }
            let at = memchr2(b'=', b'\n', rest);
            let (run, behind) = rest
                .split_at_checked(at.unwrap_or(rest.len()))
                .unwrap_or_default();
            rest = behind.get(1..).unwrap_or_default();
            match behind.first() {
                Some(b'=') => {
                    decoded.extend_from_slice(run);
                    self.held.push(b'=');
                }
                Some(_) => {
                    let line = run.strip_suffix(b"\r").unwrap_or(run);
                    decoded.extend_from_slice(without_spaces(line));
                    decoded.extend_from_slice(if line.len() < run.len() {
                        b"\r\n"
                    } else {
                        b"\n"
                    });
                }
                None => {
                    let line = run.strip_suffix(b"\r").unwrap_or(run);
                    let certain = without_spaces(line);
                    decoded.extend_from_slice(certain);
                    for octet in run.get(certain.len()..).unwrap_or_default() {
                        self.hold(*octet, decoded);
                    }
                }
            }
        }
    }

    /// What the next octet makes of those that are held; whether it was taken.
    fn decide(&mut self, next: u8, decoded: &mut Vec<u8>) -> bool {
        let is_soft = match *self.held {
            [b'=', digit] if hex(digit).is_some() => {
                let pair = hex(digit).zip(hex(next));
                match pair {
                    Some((high, low)) => decoded.push(high << 4 | low),
                    None => decoded.extend_from_slice(&self.held),
                }
                self.held.clear();
                return pair.is_some();
            }
            [b'='] if hex(next).is_some() => {
                self.held.push(next);
                return true;
            }
            [b'=', ..] => true,
            _ => false,
        };
        match next {
            b'\n' => {
                let is_crlf = self.held.ends_with(b"\r");
                self.held.clear();
                if !is_soft {
                    decoded.extend_from_slice(if is_crlf { b"\r\n" } else { b"\n" });
                }
                true
            }
            b' ' | b'\t' | b'\r' if !self.held.ends_with(b"\r") => {
                self.hold(next, decoded);
                true
            }
            _ => {
                decoded.append(&mut self.held);
                false
            }
        }
    }

    /// Holds an octet back, but not without limit.
    fn hold(&mut self, octet: u8, decoded: &mut Vec<u8>) {
        if self.held.len() == HELD_SPACES {
            decoded.append(&mut self.held);
        }
        self.held.push(octet);
    }

    fn flush(&mut self, decoded: &mut Vec<u8>) {
        match *self.held {
            // A soft line break at the very end.
            [b'='] | [b'=', b' ' | b'\t' | b'\r', ..] => {}
            [b'=', ..] => decoded.extend_from_slice(&self.held),
            // Spaces that end the last line (RFC 2045 §6.7 rule 3).
            _ => {}
        }
        self.held.clear();
    }
}

const fn hex(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        _ => None,
    }
}

const fn without_spaces(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = line {
        line = rest;
    }
    line
}

/// The B encoding of encoded words (RFC 2047 §4.1).
pub(super) fn base64(text: &[u8], decoded: &mut Vec<u8>) {
    let mut base64 = Base64 { bits: 0, count: 0 };
    base64.feed(text, decoded);
    base64.flush(decoded);
}

/// The Q encoding of encoded words (RFC 2047 §4.2).
pub(super) fn q_encoding(text: &[u8], decoded: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let pair = match (first, behind) {
            (b'=', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = pair {
            decoded.push(high << 4 | low);
            rest = behind.get(2..).unwrap_or_default();
        } else {
            decoded.push(if *first == b'_' { b' ' } else { *first });
        }
    }
}
