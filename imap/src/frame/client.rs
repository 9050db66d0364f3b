//! Frames of responses: the client's side.

use bytes::{Buf, Bytes, BytesMut};
use mailwire_core::line::Malformed;

use super::{
    Lost,
    literal::{Announced, Literal, announced},
    scan::Scan,
};
use crate::limits;

/// Finds responses in a buffer that the caller fills.
///
/// Quotes are not followed here: servers forget to escape them, and no quoted string goes beyond
/// its line. The text of a status response may end in braces and announces nothing.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_imap::frame::{ResponseFrame, Responses};
/// let mut responses = Responses::new();
/// let mut input = BytesMut::from("* 1 FETCH (BODY[1] {3}\r\na\r\n UID 7)\r\na OK {3}\r\n");
/// assert_eq!(
///     responses.next(&mut input),
///     ResponseFrame::Whole("* 1 FETCH (BODY[1] {3}\r\na\r\n UID 7)".into()),
/// );
/// assert_eq!(responses.next(&mut input), ResponseFrame::Whole("a OK {3}".into()));
/// ```
#[derive(Clone, Debug)]
pub struct Responses {
    /// Octets of the content of a message above which it is streamed.
    inline: u64,
    state: State,
    scan: Scan,
    /// Whether the frame goes on behind a body that was handed out.
    is_tail: bool,
    /// Whether the frame is a FETCH, once that is known.
    is_fetch: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Line,
    /// A literal is awaited that stays in the frame; it ends at the offset.
    Literal(usize),
    /// So much of a body is to be handed out.
    Body(u64),
}

/// What [`Responses::next`] found.
///
/// ```
/// use mailwire_imap::frame::ResponseFrame;
/// assert_ne!(ResponseFrame::NeedInput, ResponseFrame::InBody);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a machine must handle every outcome"
)]
pub enum ResponseFrame {
    /// A whole response without its last CRLF, literals inline.
    Whole(Bytes),
    /// A FETCH response up to the announcement of a large body, `{n}` included. Its octets follow
    /// from [`take_body`](Responses::take_body), then [`Tail`](Self::Tail) or another `Body`.
    Body {
        /// What stood in front; behind an earlier body of the same response only what is new.
        head: Bytes,
        /// The body.
        literal: Literal,
    },
    /// What stood behind the last body of a FETCH response, without the last CRLF.
    Tail(Bytes),
    /// Within a body; [`take_body`](Responses::take_body) hands it out.
    InBody,
    /// A response, or the rest of one, with an octet in it that no line may hold has ended and was
    /// thrown away.
    Malformed(Malformed),
    /// The end of the response cannot be found: the connection is over.
    Lost(Lost),
    /// No whole response is there yet.
    NeedInput,
}

impl Default for Responses {
    fn default() -> Self {
        Self::new()
    }
}

impl Responses {
    /// At the start of a connection.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            inline: limits::RESPONSE_LITERAL,
            state: State::Line,
            scan: Scan {
                line: 0,
                bad: None,
                at: 0,
            },
            is_tail: false,
            is_fetch: false,
        }
    }

    /// Changes above how many octets the content of a message is streamed; at most
    /// [`limits::RESPONSE`] are kept within a response.
    pub const fn set_inline(&mut self, octets: u64) {
        self.inline = octets;
    }

    /// Whether a response has begun but not ended.
    #[must_use]
    pub fn is_inside(&self, input: &BytesMut) -> bool {
        !input.is_empty() || self.is_tail || !matches!(self.state, State::Line)
    }

    /// Takes the next response off `input`, once it is there.
    pub fn next(&mut self, input: &mut BytesMut) -> ResponseFrame {
        loop {
            match self.state {
                State::Body(_) => return ResponseFrame::InBody,
                State::Literal(end) if input.len() < end => return ResponseFrame::NeedInput,
                State::Literal(end) => {
                    self.state = State::Line;
                    self.scan.begin_line(end);
                }
                State::Line => {
                    let Some(end) = self.scan.line_end(input) else {
                        // A CR at the end may be the first half of what ends the line.
                        let len = input.strip_suffix(b"\r").unwrap_or(input).len();
                        return match self.too_long(len) {
                            Some(lost) => ResponseFrame::Lost(lost),
                            None => ResponseFrame::NeedInput,
                        };
                    };
                    if let Some(lost) = self.too_long(end) {
                        return ResponseFrame::Lost(lost);
                    }
                    if let Some(response) = self.line(end, input) {
                        return response;
                    }
                }
            }
        }
    }

    /// What is there of a body; `None` where more input is needed, or where it has ended and
    /// [`next`](Self::next) goes on.
    pub fn take_body(&mut self, input: &mut BytesMut) -> Option<Bytes> {
        let State::Body(left) = self.state else {
            return None;
        };
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        let left = left - take as u64;
        self.state = if left == 0 {
            State::Line
        } else {
            State::Body(left)
        };
        (take > 0).then(|| input.split_to(take).freeze())
    }

    /// How much of a body is still to come.
    #[must_use]
    pub const fn body_left(&self) -> u64 {
        match self.state {
            State::Body(left) => left,
            _ => 0,
        }
    }

    const fn too_long(&self, end: usize) -> Option<Lost> {
        if end.saturating_sub(self.scan.line) > limits::RESPONSE_LINE || end > limits::RESPONSE {
            Some(Lost::response())
        } else {
            None
        }
    }

    /// A line ends at `end`.
    fn line(&mut self, end: usize, input: &mut BytesMut) -> Option<ResponseFrame> {
        let line = input.get(self.scan.line..end).unwrap_or_default();
        let announced = if self.scan.line == 0 && !self.is_tail && !has_literals(line) {
            Announced::Nothing
        } else {
            announced(line)
        };
        let (literal, at) = match announced {
            Announced::Literal(literal, at) => (literal, at),
            // Braces around digits that are no size cannot be text either.
            Announced::Unreadable if is_overlong(line) => {
                return Some(ResponseFrame::Lost(Lost::BadLiteral));
            }
            Announced::Nothing | Announced::Unreadable | Announced::Lost => {
                return Some(self.whole(end, input));
            }
        };
        if self.scan.line == 0 && !self.is_tail {
            self.is_fetch = is_fetch(line);
        }
        let before = line.get(..at).unwrap_or_default();
        let len = usize::try_from(literal.len).unwrap_or(usize::MAX);
        let literal_end = end.saturating_add(2).saturating_add(len);
        // Many bodies that are small each are streamed too, before they are too much together.
        let is_large = literal.len > self.inline || literal_end > limits::RESPONSE;
        if is_large && self.is_fetch && is_content(before) {
            return Some(self.offer(literal, end, input));
        }
        if literal_end > limits::RESPONSE {
            let len = literal.len;
            return Some(ResponseFrame::Lost(Lost::LiteralTooLarge { len }));
        }
        self.state = State::Literal(literal_end);
        None
    }

    fn offer(&mut self, literal: Literal, end: usize, input: &mut BytesMut) -> ResponseFrame {
        let mut head = input.split_to(end + 2);
        head.truncate(end);
        self.state = State::Body(literal.len);
        self.is_tail = true;
        // An octet that spoilt the front spoils the rest too; the body is still told where it ends.
        self.scan = Scan {
            bad: self.scan.bad,
            ..Scan::default()
        };
        ResponseFrame::Body {
            head: head.freeze(),
            literal,
        }
    }

    fn whole(&mut self, end: usize, input: &mut BytesMut) -> ResponseFrame {
        let bad = self.scan.bad.take();
        let is_tail = core::mem::take(&mut self.is_tail);
        self.scan = Scan::default();
        self.is_fetch = false;
        if let Some(malformed) = bad {
            input.advance(end + 2);
            return ResponseFrame::Malformed(malformed);
        }
        let mut frame = input.split_to(end + 2);
        frame.truncate(end);
        if is_tail {
            ResponseFrame::Tail(frame.freeze())
        } else {
            ResponseFrame::Whole(frame.freeze())
        }
    }
}

/// Whether literals can stand in a response that begins with `line`: it is untagged and no status.
fn has_literals(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"* ") else {
        return false;
    };
    let rest = rest.trim_ascii_start();
    let word = rest.split(|octet| *octet == b' ').next().unwrap_or(rest);
    ![&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"]
        .iter()
        .any(|status| status.eq_ignore_ascii_case(word))
}

fn is_fetch(line: &[u8]) -> bool {
    let mut words = line
        .split(|octet| *octet == b' ')
        .filter(|word| !word.is_empty());
    words
        .nth(2)
        .is_some_and(|word| word.eq_ignore_ascii_case(b"FETCH"))
}

/// Whether a literal behind `before` is the content of a message, and not, say, a subject.
fn is_content(before: &[u8]) -> bool {
    let Some(item) = before.strip_suffix(b" ") else {
        return false;
    };
    if let Some(b']' | b'>') = item.last() {
        return true;
    }
    let word = item
        .rsplit(|octet| matches!(octet, b' ' | b'('))
        .next()
        .unwrap_or(item);
    [&b"RFC822"[..], b"RFC822.HEADER", b"RFC822.TEXT"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(word))
}

/// `{` and digits only, but too many.
fn is_overlong(line: &[u8]) -> bool {
    let Some(inner) = line.strip_suffix(b"}") else {
        return false;
    };
    let digits = inner.rsplit(|octet| *octet == b'{').next();
    digits.is_some_and(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
}
