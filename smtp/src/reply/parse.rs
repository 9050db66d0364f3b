//! The parser of a client.

use bytes::{Buf, BytesMut};
use mailwire_core::text::Octets;

use super::{Code, Reply};
use crate::{
    error::ReplyError,
    extension::{Capabilities, Known},
    limits::{REPLY, REPLY_LINE, REPLY_LINES},
};

/// Takes replies off the front of a buffer that the caller fills. It remembers how far it has
/// looked, so that one-octet reads cost linear time.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_smtp::reply::{Code, ReplyParser};
/// let mut parser = ReplyParser::new();
/// let mut input = BytesMut::from("250-one\r\n25");
/// assert_eq!(parser.parse(&mut input)?, None);
/// input.extend_from_slice(b"0 two\r\n");
/// let reply = parser.parse(&mut input)?.unwrap();
/// assert_eq!((reply.code(), reply.lines().count()), (Code::OK, 2));
/// assert!(input.is_empty());
/// # Ok::<(), mailwire_smtp::error::ReplyError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ReplyParser {
    /// Where the line begins that has not ended yet.
    line: usize,
    /// How far into that line there is no CR or LF.
    scanned: usize,
    /// How many lines have ended.
    lines: usize,
    /// The code of the first line.
    code: Option<Code>,
    /// What the lines of an EHLO reply have offered so far.
    offered: Known,
    /// Where the second line begins.
    second: usize,
}

impl ReplyParser {
    /// A parser at the start of a reply.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next reply off `input`, or nothing while it has not ended.
    ///
    /// # Errors
    ///
    /// [`ReplyError`]: the stream cannot be trusted any more.
    pub fn parse(&mut self, input: &mut BytesMut) -> Result<Option<Reply>, ReplyError> {
        let Some(end) = self.find_end(input, |_, _| None, |_, _, _| {})? else {
            return Ok(None);
        };
        Ok(self.take(input, end))
    }

    /// Takes the reply to EHLO or LHLO off `input`, with what the server offers. A reply of
    /// another code than 250 offers nothing.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_ehlo(
        &mut self,
        input: &mut BytesMut,
    ) -> Result<Option<(Reply, Capabilities)>, ReplyError> {
        let Some(end) = self.find_end(input, Known::take, Known::read)? else {
            return Ok(None);
        };
        let Self {
            code,
            offered,
            second,
            ..
        } = core::mem::take(self);
        let wire = input.split_to(end).freeze();
        let capabilities = if code == Some(Code::OK) {
            Capabilities::received(Octets::slice_of(&wire, second..end), offered)
        } else {
            Capabilities::new()
        };
        let wire = Octets::from(wire);
        Ok(code.map(|code| (Reply { code, wire }, capabilities)))
    }

    /// Whether a reply has begun but not ended: octets of it are in `input`.
    #[must_use]
    pub fn is_inside(&self, input: &BytesMut) -> bool {
        !input.is_empty()
    }

    /// Where the reply ends that `input` begins with. Each line behind the first goes without its
    /// code to `take`, which may know its length, and if it does not, to `read`, with the place
    /// where the line begins among those lines.
    #[inline]
    fn find_end(
        &mut self,
        input: &BytesMut,
        take: impl Fn(&mut Known, &[u8]) -> Option<usize>,
        read: impl Fn(&mut Known, &[u8], usize),
    ) -> Result<Option<usize>, ReplyError> {
        loop {
            let rest = input.get(self.line..).unwrap_or_default();
            if self.scanned == 0
                && self.code == Some(Code::OK)
                && let Some((&[b'2', b'5', b'0', behind @ (b'-' | b' ')], text)) =
                    rest.split_first_chunk()
                && self.line + text.len().min(REPLY_LINE) < REPLY
                && let Some(len) = take(&mut self.offered, text)
            {
                self.line += 4 + len + 2;
                if self.line_ended(behind == b'-')? {
                    return Ok(Some(self.line));
                }
                continue;
            }
            let unseen = rest.get(self.scanned..).unwrap_or_default();
            let found = memchr::memchr2(b'\r', b'\n', unseen);
            let len = found.map_or(rest.len(), |found| self.scanned + found);
            if len + 2 > REPLY_LINE {
                return Err(ReplyError::LineTooLong { max: REPLY_LINE });
            }
            if self.line + len + 2 > REPLY {
                return Err(ReplyError::TooLong { max: REPLY });
            }
            self.scanned = len;
            match rest.get(len..).unwrap_or_default() {
                [] | [b'\r'] => return Ok(None),
                [b'\r', b'\n', ..] => {}
                _ => return Err(ReplyError::BareLineEnd),
            }
            let line = rest.get(..len).unwrap_or_default();
            let (code, text, more) = split(line).ok_or(ReplyError::Malformed)?;
            if *self.code.get_or_insert(code) != code {
                return Err(ReplyError::MixedCodes);
            }
            let start = self.line;
            self.line += len + 2;
            self.scanned = 0;
            if self.lines == 0 {
                self.second = self.line;
            } else {
                read(&mut self.offered, text, start - self.second);
            }
            if self.line_ended(more)? {
                return Ok(Some(self.line));
            }
        }
    }

    /// Counts a line that has ended; says whether it was the last.
    #[inline]
    const fn line_ended(&mut self, more: bool) -> Result<bool, ReplyError> {
        self.lines += 1;
        if more && self.lines >= REPLY_LINES {
            return Err(ReplyError::TooManyLines { max: REPLY_LINES });
        }
        Ok(!more)
    }

    /// Takes the reply that ends at `end` off the front, and begins anew.
    fn take(&mut self, input: &mut BytesMut, end: usize) -> Option<Reply> {
        let code = core::mem::take(self).code?;
        let wire = if end <= Octets::INLINE {
            let wire = Octets::from(input.get(..end)?);
            input.advance(end);
            wire
        } else {
            Octets::from(input.split_to(end).freeze())
        };
        Some(Reply { code, wire })
    }
}

/// The code of a line, its text, and whether another line follows.
fn split(line: &[u8]) -> Option<(Code, &[u8], bool)> {
    let (digits, rest) = line.split_first_chunk::<3>()?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits
        .iter()
        .fold(0, |value, digit| value * 10 + u16::from(digit - b'0'));
    let code = Code::new(value)?;
    match rest {
        // The text may be left out with its space (RFC 5321 §4.2).
        [] => Some((code, rest, false)),
        [b' ', text @ ..] => Some((code, text, false)),
        [b'-', text @ ..] => Some((code, text, true)),
        _ => None,
    }
}
