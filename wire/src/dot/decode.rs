//! The receiver's half: finds the end, takes stuffed dots away, judges line breaks.

use bytes::{Buf, Bytes, BytesMut};

use super::scan::{self, Mark, Scan};
use super::{BareLineBreaks, BodyFault, NulOctets};

/// What [`Decoder::decode`] found at the front of the input.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
#[expect(
    clippy::exhaustive_enums,
    reason = "a body has text and an end; callers match on all of it"
)]
pub enum Decoded<T> {
    /// The next octets of the body, at least one.
    Text(T),
    /// All that is decided was given out. At most two octets are left in the input.
    NeedInput,
    /// The end mark was taken off the input; what stands behind it is not part of the body.
    /// `Err` is the first fault, for a body that must not be accepted.
    End(Result<(), BodyFault>),
}

/// Takes a dot-stuffed body off the wire (RFC 5321 §4.5.2, RFC 1939 §3).
///
/// After a fault nothing more is given out, and the body is drained to its true end, so that what
/// follows is read as commands by both sides.
///
/// # Examples
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use mailwire_core::dot::{BareLineBreaks, Decoded, Decoder};
///
/// let mut decoder = Decoder::new(BareLineBreaks::Reject);
/// let mut input = BytesMut::from(&b"..x\r\n.\r\nQUIT\r\n"[..]);
/// assert_eq!(decoder.decode(&mut input), Decoded::Text(Bytes::from_static(b".x\r\n")));
/// assert_eq!(decoder.decode(&mut input), Decoded::End(Ok(())));
/// assert_eq!(&input[..], b"QUIT\r\n");
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    breaks: BareLineBreaks,
    nul: NulOctets,
    at: At,
    scan: Scan,
    /// Octets taken off the input so far.
    taken: u64,
    fault: Option<BodyFault>,
}

/// Where the front of the input stands in the body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum At {
    LineStart,
    Text,
    End,
}

/// What to do with the front of the input.
enum Action {
    /// Take that many octets and give them out.
    Give(usize),
    /// Take one octet, and give out CRLF in its place.
    GiveBreak,
    /// Take that many octets and go on.
    Skip(usize),
    /// Take the end mark.
    End,
    NeedInput,
}

const END: &[u8] = b".\r\n";
const CRLF: &[u8] = b"\r\n";

impl Decoder {
    /// A decoder that stands in front of the first octet of a body. NUL is refused, except with
    /// [`BareLineBreaks::Keep`], which keeps all octets; [`Decoder::with_nul`] says otherwise.
    #[must_use]
    pub const fn new(breaks: BareLineBreaks) -> Self {
        let nul = match breaks {
            BareLineBreaks::Reject | BareLineBreaks::Normalize => NulOctets::Reject,
            BareLineBreaks::Keep => NulOctets::Keep,
        };
        Self {
            breaks,
            nul,
            at: At::LineStart,
            scan: Scan::new(),
            taken: 0,
            fault: None,
        }
    }

    /// The same decoder with another answer to NUL.
    #[must_use]
    pub const fn with_nul(mut self, nul: NulOctets) -> Self {
        self.nul = nul;
        self
    }

    /// Takes what is decided off the front of `input`, and gives it out as a slice of it.
    ///
    /// Call it until it returns anything but [`Decoded::Text`]. The undecided rest stays in `input`,
    /// which must only be appended to before the next call. After the end it takes nothing and
    /// returns the end again.
    pub fn decode(&mut self, input: &mut BytesMut) -> Decoded<Bytes> {
        loop {
            let (dot, action) = self.next_action(input);
            input.advance(dot);
            match action {
                Action::Give(len) => return Decoded::Text(input.split_to(len).freeze()),
                Action::GiveBreak => {
                    input.advance(1);
                    return Decoded::Text(Bytes::from_static(CRLF));
                }
                Action::Skip(len) => input.advance(len),
                Action::End => {
                    input.advance(END.len());
                    return self.end();
                }
                Action::NeedInput => return self.idle(),
            }
        }
    }

    /// The same, for input that is not in a `BytesMut`: the text is borrowed, and `input` is moved
    /// forward over what was taken. What is left of it must stand in front of the next input.
    ///
    /// # Examples
    ///
    /// ```
    /// use mailwire_core::dot::{BareLineBreaks, Decoded, Decoder};
    ///
    /// let mut decoder = Decoder::new(BareLineBreaks::Keep);
    /// let mut input = &b"one\r\n.\r"[..];
    /// assert_eq!(decoder.decode_slice(&mut input), Decoded::Text(&b"one\r\n"[..]));
    /// assert_eq!(decoder.decode_slice(&mut input), Decoded::NeedInput);
    /// assert_eq!(input, b".\r");
    /// ```
    pub fn decode_slice<'a>(&mut self, input: &mut &'a [u8]) -> Decoded<&'a [u8]> {
        self.next_slice(input)
    }

    /// The same, appending all that is decided to `out`: `None` when more input is needed, otherwise
    /// the end.
    ///
    /// # Errors
    ///
    /// The inner result is the first fault of a body that must not be accepted.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mailwire_core::dot::{BareLineBreaks, Decoder};
    ///
    /// let mut decoder = Decoder::new(BareLineBreaks::Normalize);
    /// let mut body = BytesMut::new();
    /// let end = decoder.decode_to(&mut &b"a\n..b\r\n.\r\n"[..], &mut body);
    /// assert_eq!((end, &body[..]), (Some(Ok(())), &b"a\r\n..b\r\n"[..]));
    /// ```
    pub fn decode_to(
        &mut self,
        input: &mut &[u8],
        out: &mut BytesMut,
    ) -> Option<Result<(), BodyFault>> {
        loop {
            match self.next_slice(input) {
                Decoded::Text(text) if text.len() <= out.capacity() - out.len() => {
                    out.extend_from_slice(text);
                }
                Decoded::Text(text) => grow(out, text),
                Decoded::NeedInput => return None,
                Decoded::End(result) => return Some(result),
            }
        }
    }

    /// The first fault so far: whoever would rather close than drain the body need not wait for its end.
    #[must_use]
    pub const fn fault(&self) -> Option<BodyFault> {
        self.fault
    }

    /// How many octets were taken off the input, dots and end mark among them.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.taken
    }

    fn end<T>(&self) -> Decoded<T> {
        Decoded::End(self.fault.map_or(Ok(()), Err))
    }

    fn idle<T>(&self) -> Decoded<T> {
        if self.at == At::End {
            self.end()
        } else {
            Decoded::NeedInput
        }
    }

    #[inline(always)]
    fn next_slice<'a>(&mut self, input: &mut &'a [u8]) -> Decoded<&'a [u8]> {
        loop {
            let (dot, action) = self.next_action(input);
            take(input, dot);
            match action {
                Action::Give(len) => return Decoded::Text(take(input, len)),
                Action::GiveBreak => {
                    take(input, 1);
                    return Decoded::Text(CRLF);
                }
                Action::Skip(len) => {
                    take(input, len);
                }
                Action::End => {
                    take(input, END.len());
                    return self.end();
                }
                Action::NeedInput => return self.idle(),
            }
        }
    }

    /// Decides about the front of the input; the caller takes first as many octets as the number says, a stuffed
    /// dot or none, and then what the action names.
    #[inline(always)]
    fn next_action(&mut self, input: &[u8]) -> (usize, Action) {
        let (dot, action) = match (self.at, input) {
            (At::End, _) | (_, []) => (0, Action::NeedInput),
            (At::LineStart, [b'.'] | [b'.', b'\r']) => (0, Action::NeedInput),
            (At::LineStart, [b'.', b'\r', b'\n', ..]) => {
                self.at = At::End;
                (0, Action::End)
            }
            (At::LineStart, [b'.', rest @ ..]) => {
                self.at = At::Text;
                self.taken += 1;
                (1, self.text(rest))
            }
            (At::LineStart | At::Text, _) => (0, self.text(input)),
        };
        self.taken += match action {
            Action::Give(len) | Action::Skip(len) => len as u64,
            Action::GiveBreak => 1,
            Action::End => END.len() as u64,
            Action::NeedInput => 0,
        };
        (dot, action)
    }

    /// The text up to the next octet that needs a decision.
    #[inline(always)]
    fn text(&mut self, input: &[u8]) -> Action {
        if self.fault.is_some() {
            return self.drain(input);
        }
        let mark = match (self.breaks, self.nul) {
            (BareLineBreaks::Keep, NulOctets::Keep) => self.scan.dots(input),
            (BareLineBreaks::Keep, NulOctets::Reject) => scan::dots_and_nul(input),
            (BareLineBreaks::Normalize, nul) => scan::dots_and_faults(input, nul),
            (BareLineBreaks::Reject, nul) => self.scan.dots_or_fault(input, nul),
        };
        let len = match mark {
            Mark::Clean { len, at_line_start } => {
                if len == 0 {
                    return Action::NeedInput;
                }
                self.at = if at_line_start {
                    At::LineStart
                } else {
                    At::Text
                };
                return Action::Give(len);
            }
            Mark::Dot(len) => {
                self.at = At::LineStart;
                return Action::Give(len);
            }
            Mark::BareLf(0) if self.breaks == BareLineBreaks::Normalize => {
                self.at = At::Text;
                return Action::GiveBreak;
            }
            Mark::BareLf(len) if self.breaks == BareLineBreaks::Normalize => {
                // The LF is at the front then, and found there again.
                self.at = At::Text;
                return Action::Give(len);
            }
            Mark::BareCr(len) | Mark::BareLf(len) | Mark::Nul(len) => len,
        };
        self.fault = mark.fault(self.taken);
        self.at = At::Text;
        if len == 0 {
            Action::Skip(0)
        } else {
            Action::Give(len)
        }
    }

    /// Passes over a refused body: only its end is of interest.
    #[inline(never)]
    fn drain(&mut self, input: &[u8]) -> Action {
        match self.scan.dots(input) {
            Mark::Clean { len: 0, .. } => Action::NeedInput,
            Mark::Clean { len, at_line_start } => {
                self.at = if at_line_start {
                    At::LineStart
                } else {
                    At::Text
                };
                Action::Skip(len)
            }
            Mark::Dot(len) | Mark::BareCr(len) | Mark::BareLf(len) | Mark::Nul(len) => {
                self.at = At::LineStart;
                Action::Skip(len)
            }
        }
    }
}

/// Appends where there is no room, out of the way of where there is.
#[cold]
#[inline(never)]
fn grow(out: &mut BytesMut, text: &[u8]) {
    out.extend_from_slice(text);
}

/// Moves `input` forward over its first `len` octets and returns them.
fn take<'a>(input: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (front, rest) = input.split_at_checked(len).unwrap_or((input, &[]));
    *input = rest;
    front
}
