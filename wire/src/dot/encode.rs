//! The sender's half: doubles dots, ends the body, lets no bare CR or LF onto the wire.

use core::mem;

use bytes::{Buf, Bytes, BytesMut};

use super::scan::{self, Mark, Scan};
use super::{BodyFault, NulOctets};

/// Dot-stuffs a body and ends it (RFC 5321 §4.5.2, RFC 1939 §3).
///
/// The body may be given in pieces cut anywhere. Octets are handed on as slices of what was given;
/// a doubled dot is two slices that overlap.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use mailwire_core::dot::Encoder;
///
/// let mut encoder = Encoder::strict();
/// let mut wire = Vec::new();
/// encoder.encode(Bytes::from_static(b"one\r\n.two"), |slice| wire.extend(slice))?;
/// wire.extend(encoder.finish()?);
/// assert_eq!(wire, b"one\r\n..two\r\n.\r\n");
/// # Ok::<(), mailwire_core::dot::BodyFault>(())
/// ```
#[derive(Clone, Debug)]
pub struct Encoder {
    line_breaks: LineBreaks,
    nul: NulOctets,
    at: At,
    scan: Scan,
    /// Octets of the body that were given to us.
    given: u64,
    /// Octets of the body as a receiver stores it.
    octets: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum LineBreaks {
    Strict,
    Normalizing,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum At {
    LineStart,
    Text,
    /// Behind a CR that was not handed on, for it may be bare.
    Cr,
}

/// What comes next on the wire.
enum Action {
    /// The first `give` octets of the body; `take` of them are done with.
    Slice {
        give: usize,
        take: usize,
    },
    /// A dot that doubles the one at the front of the body.
    Dot,
    /// A line break in place of the first `take` octets.
    Break {
        take: usize,
    },
    Done,
}

const CRLF: &[u8] = b"\r\n";
const DOT: &[u8] = b".";

impl Encoder {
    /// An encoder that refuses bare CR, bare LF and NUL: for SMTP (RFC 5321 §2.3.8).
    #[must_use]
    pub const fn strict() -> Self {
        Self::of(LineBreaks::Strict, NulOctets::Reject)
    }

    /// An encoder that makes CRLF of each bare LF and each bare CR, and keeps NUL: for POP3 servers, which must
    /// show what is stored, and for senders who would rather repair a text than refuse it.
    ///
    /// The line break made so begins a line: a dot behind it is doubled.
    #[must_use]
    pub const fn normalizing() -> Self {
        Self::of(LineBreaks::Normalizing, NulOctets::Keep)
    }

    /// The same encoder with another answer to NUL.
    #[must_use]
    pub const fn with_nul(mut self, nul: NulOctets) -> Self {
        self.nul = nul;
        self
    }

    const fn of(line_breaks: LineBreaks, nul: NulOctets) -> Self {
        Self {
            line_breaks,
            nul,
            at: At::LineStart,
            scan: Scan::new(),
            given: 0,
            octets: 0,
        }
    }

    /// Hands the wire form of the next octets of the body to `emit`, as slices, in order. A CR at the end of
    /// `body` is held back until it is known what follows.
    ///
    /// # Errors
    ///
    /// The first octet that may not be in a body. Then nothing was emitted of `body` and nothing has changed.
    pub fn encode(
        &mut self,
        mut body: Bytes,
        mut emit: impl FnMut(Bytes),
    ) -> Result<(), BodyFault> {
        self.check(&body)?;
        let line_breaks = self.line_breaks;
        let mut scan = mem::replace(&mut self.scan, Scan::new());
        let mut look = |body: &[u8]| match line_breaks {
            LineBreaks::Strict => scan.dots(body),
            LineBreaks::Normalizing => scan::dots_and_faults(body, NulOctets::Keep),
        };
        loop {
            match self.next_action(&body, &mut look)? {
                Action::Slice { give, take } if give == take => emit(body.split_to(take)),
                Action::Slice { give, take } => {
                    emit(body.slice(..give));
                    body.advance(take);
                }
                Action::Dot => emit(Bytes::from_static(DOT)),
                Action::Break { take } => {
                    body.advance(take);
                    emit(Bytes::from_static(CRLF));
                }
                Action::Done => break,
            }
        }
        self.scan = scan;
        Ok(())
    }

    /// The same, copied behind what is in `wire`.
    ///
    /// # Errors
    ///
    /// The first octet that may not be in a body. Then `wire` and the encoder are as they were.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mailwire_core::dot::{BodyFault, Encoder};
    ///
    /// let mut wire = BytesMut::new();
    /// let mut encoder = Encoder::strict();
    /// assert_eq!(encoder.encode_to(b"a\nb", &mut wire), Err(BodyFault::BareLf { offset: 1 }));
    /// assert!(wire.is_empty());
    /// ```
    pub fn encode_to(&mut self, body: &[u8], wire: &mut BytesMut) -> Result<(), BodyFault> {
        let (at, given, octets, written) = (self.at, self.given, self.octets, wire.len());
        wire.reserve(body.len());
        let result = self.copy_to(body, wire);
        if result.is_err() {
            (self.at, self.given, self.octets) = (at, given, octets);
            wire.truncate(written);
        }
        result
    }

    fn copy_to(&mut self, mut body: &[u8], wire: &mut BytesMut) -> Result<(), BodyFault> {
        let (line_breaks, nul) = (self.line_breaks, self.nul);
        let mut scan = mem::replace(&mut self.scan, Scan::new());
        let mut look = |body: &[u8]| match line_breaks {
            LineBreaks::Strict => scan.dots_or_fault(body, nul),
            LineBreaks::Normalizing => scan::dots_and_faults(body, nul),
        };
        loop {
            match self.next_action(body, &mut look)? {
                Action::Slice { give, take } => {
                    wire.extend_from_slice(body.get(..give).unwrap_or_default());
                    body = body.get(take..).unwrap_or_default();
                }
                Action::Dot => wire.extend_from_slice(DOT),
                Action::Break { take } => {
                    wire.extend_from_slice(CRLF);
                    body = body.get(take..).unwrap_or_default();
                }
                Action::Done => break,
            }
        }
        self.scan = scan;
        Ok(())
    }

    /// Ends the body: the last octets for the wire, with a line break in front where the body has none at its end.
    ///
    /// # Errors
    ///
    /// A strict encoder refuses a body that ends in CR; it can only be broken off then.
    pub fn finish(&mut self) -> Result<Bytes, BodyFault> {
        match (self.at, self.line_breaks) {
            (At::LineStart, _) => return Ok(Bytes::from_static(b".\r\n")),
            (At::Cr, LineBreaks::Strict) => return Err(self.held_cr()),
            (At::Cr, LineBreaks::Normalizing) | (At::Text, _) => {}
        }
        self.at = At::LineStart;
        self.octets += CRLF.len() as u64;
        Ok(Bytes::from_static(b"\r\n.\r\n"))
    }

    /// How many octets the body has had so far as the receiver will store it: without doubled dots and the end
    /// mark, with line breaks that were made. After [`Encoder::finish`] it is the size that POP3 calls the size of
    /// a message (RFC 1939 §11).
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// Refuses a piece as a whole, before any of it is emitted.
    fn check(&self, body: &[u8]) -> Result<(), BodyFault> {
        if self.line_breaks == LineBreaks::Normalizing {
            let nul = match self.nul {
                NulOctets::Reject => memchr::memchr(0, body),
                NulOctets::Keep => None,
            };
            let fault = nul.and_then(|at| Mark::Nul(at).fault(self.given));
            return fault.map_or(Ok(()), Err);
        }
        let (body, given) = match (self.at, body) {
            (_, []) => return Ok(()),
            (At::Cr, [b'\n', rest @ ..]) => (rest, self.given + 1),
            (At::Cr, _) => return Err(self.held_cr()),
            (At::LineStart | At::Text, _) => (body, self.given),
        };
        let fault = scan::first_fault(body, self.nul).and_then(|mark| mark.fault(given));
        fault.map_or(Ok(()), Err)
    }

    const fn held_cr(&self) -> BodyFault {
        BodyFault::BareCr {
            offset: self.given - 1,
        }
    }

    /// Decides about the front of the body; the caller takes what it names.
    fn next_action(
        &mut self,
        body: &[u8],
        look: impl FnOnce(&[u8]) -> Mark,
    ) -> Result<Action, BodyFault> {
        let action = match (self.at, body) {
            (_, []) => Action::Done,
            (At::Cr, [b'\n', ..]) => self.line_break(1),
            (At::Cr, _) if self.line_breaks == LineBreaks::Normalizing => self.line_break(0),
            (At::Cr, _) => return Err(self.held_cr()),
            (At::LineStart, [b'.', ..]) => {
                self.at = At::Text;
                Action::Dot
            }
            (At::LineStart | At::Text, _) => self.text(body, look(body))?,
        };
        match action {
            Action::Slice { take, .. } => {
                self.given += take as u64;
                self.octets += take as u64;
            }
            Action::Break { take } => {
                self.given += take as u64;
                self.octets += CRLF.len() as u64;
            }
            Action::Dot | Action::Done => {}
        }
        Ok(action)
    }

    /// The text up to `mark`, or what to do with the mark itself.
    fn text(&mut self, body: &[u8], mark: Mark) -> Result<Action, BodyFault> {
        match mark {
            Mark::Clean { len: 0, .. } => {
                // The CR is all there is. It is not handed on, and not yet counted as stored.
                self.at = At::Cr;
                self.given += body.len() as u64;
                Ok(Action::Done)
            }
            Mark::Clean { len, at_line_start } => {
                self.at = if at_line_start {
                    At::LineStart
                } else {
                    At::Text
                };
                Ok(Action::Slice {
                    give: len,
                    take: len,
                })
            }
            Mark::Dot(at) => {
                // The dot goes out at the end of this slice, and again at the front of the next.
                self.at = At::Text;
                Ok(Action::Slice {
                    give: at + 1,
                    take: at,
                })
            }
            Mark::BareCr(0) | Mark::BareLf(0) if self.line_breaks == LineBreaks::Normalizing => {
                Ok(self.line_break(1))
            }
            Mark::BareCr(at) | Mark::BareLf(at) if self.line_breaks == LineBreaks::Normalizing => {
                self.at = At::Text;
                Ok(Action::Slice { give: at, take: at })
            }
            Mark::BareCr(_) | Mark::BareLf(_) | Mark::Nul(_) => {
                mark.fault(self.given).map_or(Ok(Action::Done), Err)
            }
        }
    }

    const fn line_break(&mut self, take: usize) -> Action {
        self.at = At::LineStart;
        Action::Break { take }
    }
}
