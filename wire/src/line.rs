//! Strict lines: a line ends at CRLF and nowhere else.
//!
//! Line ends that one program takes for an end and another for data are how mail and commands are
//! smuggled, so a CR or an LF that stands alone never ends a line here, and a line that holds one,
//! or a NUL, is reported as malformed as a whole: one physical line, one error, no second command.
//! Read first: RFC 5321 §2.3.8, RFC 9051 §2.2.
//!
//! The caller keeps the buffer; [`Lines`] only remembers how far it has looked, so one-octet reads
//! cost linear time.

use bytes::{Buf, BytesMut};
use memchr::{memchr, memchr3};

use crate::limits::DISCARD;

/// Finds the lines in a buffer that the caller fills.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_core::line::{Lines, Next};
///
/// let mut lines = Lines::new(512);
/// let mut input = BytesMut::from("NOOP\r\nQU");
/// assert_eq!(lines.next(&mut input), Next::Line(BytesMut::from("NOOP")));
/// assert_eq!(lines.next(&mut input), Next::NeedInput);
/// input.extend_from_slice(b"IT\r\n");
/// assert_eq!(lines.next(&mut input), Next::Line(BytesMut::from("QUIT")));
/// ```
#[derive(Clone, Debug)]
pub struct Lines {
    /// Octets with CRLF that a line may have.
    max: usize,
    /// Octets at the front of the buffer that hold no CRLF.
    scanned: usize,
    /// Octets of the present line that were thrown away because it is too long.
    discarded: usize,
}

/// What [`Lines::next`] found.
///
/// ```
/// use mailwire_core::line::Next;
/// assert_ne!(Next::NeedInput, Next::TooLong);
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "a machine must handle every outcome"
)]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Next {
    /// A line, without its CRLF. It is not frozen, so a secret in it can be wiped.
    Line(BytesMut),
    /// A line that held an octet that no line may hold. It has been taken off the buffer.
    Malformed(Malformed),
    /// A line longer than the limit has ended and was thrown away.
    TooLong,
    /// A line without end passed [`DISCARD`]: give the connection up.
    Endless,
    /// No whole line is there yet.
    NeedInput,
}

/// The octet that spoilt a line.
///
/// ```
/// use mailwire_core::line::{Malformed, Octet};
/// let bad = Malformed { octet: Octet::Lf, offset: 4 };
/// assert_eq!(bad.to_string(), "bare LF at octet 4 of the line");
/// ```
#[expect(
    clippy::exhaustive_structs,
    reason = "the place and the octet are all there is"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{octet} at octet {offset} of the line")]
pub struct Malformed {
    /// Which octet it was.
    pub octet: Octet,
    /// Where it stood, from the start of the line.
    pub offset: usize,
}

/// Octets that no line may hold.
///
/// ```
/// use mailwire_core::line::Octet;
/// assert_eq!(Octet::Nul.to_string(), "NUL");
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 5321 §2.3.8 and §4.5.2 name these three"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Octet {
    /// CR without LF behind it.
    Cr,
    /// LF without CR before it.
    Lf,
    /// NUL.
    Nul,
}

impl core::fmt::Display for Octet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Cr => "bare CR",
            Self::Lf => "bare LF",
            Self::Nul => "NUL",
        })
    }
}

impl Lines {
    /// Lines of up to `max` octets, CRLF included.
    #[must_use]
    pub const fn new(max: usize) -> Self {
        Self {
            max,
            scanned: 0,
            discarded: 0,
        }
    }

    /// Changes the limit, for example for the lines of an AUTH exchange. It holds for the line
    /// that is being awaited too.
    pub const fn set_max(&mut self, max: usize) {
        self.max = max;
    }

    /// Forgets how far it has looked; for when somebody else took octets off the buffer.
    pub const fn reset(&mut self) {
        self.scanned = 0;
        self.discarded = 0;
    }

    /// Whether a line has begun but not ended: octets of it are in `input` or were thrown away.
    #[must_use]
    pub fn is_inside(&self, input: &BytesMut) -> bool {
        !input.is_empty() || self.discarded > 0
    }

    /// Takes the next line off the front of `input`.
    pub fn next(&mut self, input: &mut BytesMut) -> Next {
        let Some(end) = self.find_end(input) else {
            return self.wait_or_discard(input);
        };
        if self.discarded + end > DISCARD {
            return Next::Endless;
        }
        let too_long = self.discarded > 0 || end + 2 > self.max;
        self.reset();
        let line = input.split_to(end);
        input.advance(2);
        if too_long {
            return Next::TooLong;
        }
        match malformed(&line) {
            Some(bad) => Next::Malformed(bad),
            None => Next::Line(line),
        }
    }

    /// The offset of the CR of the first CRLF.
    fn find_end(&self, input: &BytesMut) -> Option<usize> {
        // The CR may have been the last octet that was looked at.
        let mut from = self.scanned;
        loop {
            let lf = from + memchr(b'\n', input.get(from..)?)?;
            if let Some(cr) = lf.checked_sub(1)
                && input.get(cr) == Some(&b'\r')
            {
                return Some(cr);
            }
            from = lf + 1;
        }
    }

    fn wait_or_discard(&mut self, input: &mut BytesMut) -> Next {
        // A CR at the end may be half of the CRLF that ends the line.
        let keep = usize::from(input.last() == Some(&b'\r'));
        let gone = input.len() - keep;
        if self.discarded + gone > DISCARD {
            return Next::Endless;
        }
        if input.len() >= self.max {
            input.advance(gone);
            self.discarded += gone;
        }
        self.scanned = input.len();
        Next::NeedInput
    }
}

fn malformed(line: &[u8]) -> Option<Malformed> {
    let offset = memchr3(b'\r', b'\n', 0, line)?;
    let octet = match line.get(offset) {
        Some(b'\r') => Octet::Cr,
        Some(b'\n') => Octet::Lf,
        _ => Octet::Nul,
    };
    Some(Malformed { octet, offset })
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;

    /// Feeds `octets` in pieces of `size` and collects what comes out.
    fn run(octets: &[u8], max: usize, size: usize) -> Vec<Next> {
        let mut lines = Lines::new(max);
        let mut input = BytesMut::new();
        let mut found = Vec::new();
        for piece in octets.chunks(size) {
            input.extend_from_slice(piece);
            loop {
                match lines.next(&mut input) {
                    Next::NeedInput => break,
                    Next::Endless => {
                        found.push(Next::Endless);
                        return found;
                    }
                    other => found.push(other),
                }
            }
        }
        found
    }

    #[test]
    fn all_1_every_piece_size_gives_the_same_lines() {
        let octets = b"NOOP\r\n\r\nA\nB\r\nx\ry\r\nz\0\r\n\r\r\n0123456789\r\n01234567\r\nQUIT\r\n";
        let whole = run(octets, 10, octets.len());
        assert_eq!(whole.len(), 9, "{whole:?}");
        for size in 1..octets.len() {
            assert_eq!(run(octets, 10, size), whole, "pieces of {size}");
        }
    }

    #[test]
    fn smtp_35_a_bare_line_break_spoils_the_physical_line_and_only_it() {
        for (octets, octet, offset) in [
            (&b"NOOP\nMAIL FROM:<a@x>\r\n"[..], Octet::Lf, 4),
            (b"NOOP\rQUIT\r\n", Octet::Cr, 4),
            (b"NOOP\r\r\n", Octet::Cr, 4),
            (b"\nNOOP\r\n", Octet::Lf, 0),
            (b"NO\0OP\r\n", Octet::Nul, 2),
        ] {
            let want = vec![Next::Malformed(Malformed { octet, offset })];
            assert_eq!(run(octets, 512, octets.len()), want);
        }
        assert_eq!(run(b"NOOP\n", 512, 5), vec![]);
    }

    #[test]
    fn smtp_33_a_line_without_end_is_given_up_and_never_kept() {
        let mut lines = Lines::new(2_048);
        let mut input = BytesMut::new();
        let mut fed = 0;
        loop {
            input.extend_from_slice(&[b'A'; 1_000]);
            fed += 1_000;
            match lines.next(&mut input) {
                Next::NeedInput => assert!(input.len() < 2_048),
                Next::Endless => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(fed > DISCARD && fed < DISCARD + 10_000);
    }

    #[test]
    fn the_limit_is_exact() {
        let line = |n: usize| [&vec![b'x'; n - 2][..], b"\r\n"].concat();
        for max in [2, 3, 64, 2_048] {
            assert!(
                matches!(run(&line(max), max, 1)[..], [Next::Line(_)]),
                "{max}"
            );
            assert_eq!(run(&line(max + 1), max, 1), [Next::TooLong], "{max} + 1");
            assert_eq!(
                run(&line(max + 1), max, max + 1),
                [Next::TooLong],
                "{max} + 1 at once"
            );
        }
    }

    #[test]
    fn a_line_behind_a_long_one_is_whole() {
        let mut octets = vec![b'x'; 5_000];
        octets.extend_from_slice(b"\r\nNOOP\r\n");
        for size in [1, 7, 100, 2_047, 2_048, 2_049, 6_000] {
            let want = [Next::TooLong, Next::Line(BytesMut::from("NOOP"))];
            assert_eq!(run(&octets, 2_048, size), want, "pieces of {size}");
        }
    }
}
