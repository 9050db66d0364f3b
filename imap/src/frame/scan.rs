//! Looking for CRLF without looking twice.

use bytes::BytesMut;
use mailwire_core::line::{Malformed, Octet};
use memchr::memchr3;

/// How far a buffer was looked through.
#[derive(Clone, Debug, Default)]
pub(super) struct Scan {
    /// Where the present line begins: behind the last literal of the frame.
    pub(super) line: usize,
    /// Where to look on.
    pub(super) at: usize,
    /// The first octet of the frame that no line may hold.
    pub(super) bad: Option<Malformed>,
}

impl Scan {
    /// Goes to `offset`, where a line begins.
    pub(super) const fn begin_line(&mut self, offset: usize) {
        self.line = offset;
        self.at = offset;
    }

    /// `count` octets were taken off the front of the buffer.
    pub(super) const fn taken(&mut self, count: usize) {
        self.line = self.line.saturating_sub(count);
        self.at = self.at.saturating_sub(count);
    }

    /// Where the CR stands that ends the line, once it is there.
    pub(super) fn line_end(&mut self, input: &BytesMut) -> Option<usize> {
        while let Some(found) = input
            .get(self.at..)
            .and_then(|rest| memchr3(b'\r', b'\n', 0, rest))
        {
            let at = self.at + found;
            let octet = match (input.get(at), input.get(at + 1)) {
                (Some(b'\r'), Some(b'\n')) => return Some(at),
                (Some(b'\r'), None) => {
                    self.at = at;
                    return None;
                }
                (Some(b'\r'), Some(_)) => Octet::Cr,
                (Some(b'\n'), _) => Octet::Lf,
                _ => Octet::Nul,
            };
            let offset = at.saturating_sub(self.line);
            self.bad.get_or_insert(Malformed { octet, offset });
            self.at = at + 1;
        }
        self.at = input.len();
        None
    }
}
