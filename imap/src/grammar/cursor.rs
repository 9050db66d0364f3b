//! A place in a frame that moves forward.

use bytes::Bytes;
use mailwire_core::text::Octets;
use memchr::memchr;
use nom::{IResult, Parser};

use super::{
    class::{is_astring_char, is_atom_char},
    span::{Form, Span},
};
use crate::{
    error::{Expected, ParseError},
    limits,
};

/// A place in a frame that moves forward over what it reads.
///
/// A method that fails may have moved; the error tells where it stood. Nothing is taken back.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::grammar::Cursor;
/// let frame = Bytes::from_static(b"INBOX {3}\r\na\"b 42");
/// let mut cursor = Cursor::new(&frame);
/// assert_eq!(cursor.atom()?, b"INBOX");
/// cursor.space()?;
/// let span = cursor.astring()?;
/// assert_eq!(&*cursor.octets(span), b"a\"b");
/// cursor.space()?;
/// assert_eq!(cursor.number()?, 42);
/// cursor.end()?;
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    frame: &'a [u8],
    /// The same frame, where slices of it may be kept.
    shared: Option<&'a Bytes>,
    at: usize,
    depth: usize,
}

impl<'a> Cursor<'a> {
    /// At the front of a frame that long values may keep a slice of.
    #[must_use]
    pub fn new(frame: &'a Bytes) -> Self {
        Self {
            frame,
            shared: Some(frame),
            at: 0,
            depth: 0,
        }
    }

    /// At the front of octets that will not stay: all values are copied.
    #[must_use]
    pub const fn borrowing(frame: &'a [u8]) -> Self {
        Self {
            frame,
            shared: None,
            at: 0,
            depth: 0,
        }
    }

    /// The whole frame.
    #[must_use]
    pub const fn frame(&self) -> &'a [u8] {
        self.frame
    }

    /// How many octets of the frame lie behind.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// What lies ahead.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.frame.get(self.at..).unwrap_or_default()
    }

    /// Whether nothing lies ahead.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.at >= self.frame.len()
    }

    /// The next octet.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.frame.get(self.at).copied()
    }

    /// Goes over `count` octets, at most to the end.
    pub fn advance(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.frame.len());
    }

    /// Goes to `offset`, for a caller that gives an element up and knows where it ended.
    pub fn seek(&mut self, offset: usize) {
        self.at = offset.min(self.frame.len());
    }

    /// The error that something else was expected here.
    #[must_use]
    pub const fn error(&self, expected: Expected) -> ParseError {
        ParseError::new(expected, self.at)
    }

    /// Goes over `octet` if it is the next one.
    pub fn eat(&mut self, octet: u8) -> bool {
        let is_next = self.peek() == Some(octet);
        if is_next {
            self.at += 1;
        }
        is_next
    }

    /// Goes over `word` if it comes next, in any case, and no atom goes on behind it.
    ///
    /// ```
    /// use mailwire_imap::grammar::Cursor;
    /// let mut cursor = Cursor::borrowing(b"nil)");
    /// assert!(!cursor.eat_keyword(b"NI") && cursor.eat_keyword(b"NIL"));
    /// ```
    pub fn eat_keyword(&mut self, word: &[u8]) -> bool {
        let Some((front, behind)) = self.rest().split_at_checked(word.len()) else {
            return false;
        };
        let is_next =
            front.eq_ignore_ascii_case(word) && !behind.first().copied().is_some_and(is_atom_char);
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    /// Goes over `octet`.
    ///
    /// # Errors
    ///
    /// Another octet stands there.
    pub fn expect(&mut self, octet: u8, expected: Expected) -> Result<(), ParseError> {
        if self.eat(octet) {
            Ok(())
        } else {
            Err(self.error(expected))
        }
    }

    /// Goes over one space.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn space(&mut self) -> Result<(), ParseError> {
        self.expect(b' ', Expected::Space)
    }

    /// Makes sure that nothing lies ahead.
    ///
    /// # Errors
    ///
    /// Something does.
    pub const fn end(&self) -> Result<(), ParseError> {
        if self.is_done() {
            Ok(())
        } else {
            Err(self.error(Expected::End))
        }
    }

    /// The longest run of octets that `class` holds for; it may be empty.
    pub fn take_while(&mut self, class: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let len = rest
            .iter()
            .position(|octet| !class(*octet))
            .unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// An atom.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn atom(&mut self) -> Result<&'a [u8], ParseError> {
        match self.take_while(is_atom_char) {
            [] => Err(self.error(Expected::Atom)),
            atom => Ok(atom),
        }
    }

    /// A number of 32 bits (`number`). Leading zeros are read over.
    ///
    /// # Errors
    ///
    /// There is no digit, or the number does not fit.
    pub fn number(&mut self) -> Result<u32, ParseError> {
        let at = self.at;
        let number = self.digits(Expected::Number)?;
        u32::try_from(number).map_err(|_| ParseError::new(Expected::Number, at))
    }

    /// A number of 32 bits that is not zero (`nz-number`).
    ///
    /// # Errors
    ///
    /// It is zero, no number, or does not fit.
    pub fn nz_number(&mut self) -> Result<core::num::NonZeroU32, ParseError> {
        let at = self.at;
        let error = ParseError::new(Expected::NzNumber, at);
        let number = self.number().map_err(|_| error)?;
        core::num::NonZeroU32::new(number).ok_or(error)
    }

    /// A number of 63 bits (`number64`).
    ///
    /// # Errors
    ///
    /// There is no digit, or the number does not fit.
    pub fn number64(&mut self) -> Result<u64, ParseError> {
        self.digits(Expected::Number64)
    }

    fn digits(&mut self, expected: Expected) -> Result<u64, ParseError> {
        let start = self.at;
        let error = ParseError::new(expected, start);
        let mut number = 0_u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number
                .checked_mul(10)
                .and_then(|number| number.checked_add(u64::from(digit - b'0')))
                .filter(|number| i64::try_from(*number).is_ok())
                .ok_or(error)?;
            self.at += 1;
        }
        if self.at == start {
            return Err(error);
        }
        Ok(number)
    }

    /// A string: quoted or literal.
    ///
    /// # Errors
    ///
    /// There is none, or it holds an octet that strings may not hold.
    pub fn string(&mut self) -> Result<Span, ParseError> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal(),
            _ => Err(self.error(Expected::String)),
        }
    }

    /// An astring: an atom that may hold `]`, or a string.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn astring(&mut self) -> Result<Span, ParseError> {
        self.atom_or_string(is_astring_char)
    }

    /// An atom of octets that `class` holds for, or a string.
    pub(crate) fn atom_or_string(
        &mut self,
        class: impl Fn(u8) -> bool,
    ) -> Result<Span, ParseError> {
        let start = self.at;
        if !self.take_while(class).is_empty() {
            return Ok(Span::new(start..self.at, Form::Atom));
        }
        self.string().map_err(|error| match error.expected {
            Expected::String => self.error(Expected::Astring),
            _ => error,
        })
    }

    /// An nstring: `NIL` is `None`, `"NIL"` is a string.
    ///
    /// # Errors
    ///
    /// There is neither.
    pub fn nstring(&mut self) -> Result<Option<Span>, ParseError> {
        if self.eat_keyword(b"NIL") {
            return Ok(None);
        }
        match self.peek() {
            Some(b'"' | b'{') => self.string().map(Some),
            _ => Err(self.error(Expected::Nstring)),
        }
    }

    /// A quoted string. 8-bit octets are let through: whether they are UTF-8, and whether they were
    /// allowed, is for the one who reads the value.
    ///
    /// # Errors
    ///
    /// There is none, or it has no end, or it holds NUL, CR or LF or escapes what needs none.
    pub fn quoted(&mut self) -> Result<Span, ParseError> {
        self.expect(b'"', Expected::Quoted)?;
        let start = self.at;
        let mut form = Form::Quoted;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    form = Form::Escaped;
                    self.at += 1;
                    let Some(b'"' | b'\\') = self.peek() else {
                        return Err(self.error(Expected::Quoted));
                    };
                }
                None | Some(0 | b'\r' | b'\n') => return Err(self.error(Expected::Quoted)),
                Some(_) => {}
            }
            self.at += 1;
        }
        let span = Span::new(start..self.at, form);
        self.at += 1;
        Ok(span)
    }

    /// A literal that holds no NUL.
    ///
    /// # Errors
    ///
    /// There is none, it is cut off, or it holds NUL.
    pub fn literal(&mut self) -> Result<Span, ParseError> {
        let span = self.any_literal(Form::Literal)?;
        let octets = self.frame.get(span.range()).unwrap_or_default();
        match memchr(0, octets) {
            Some(nul) => Err(ParseError::new(
                Expected::Literal,
                span.range().start.saturating_add(nul),
            )),
            None => Ok(span),
        }
    }

    /// A literal8, `~{n}`, which may hold any octet (RFC 3516 §4.4).
    ///
    /// # Errors
    ///
    /// There is none, or it is cut off.
    pub fn literal8(&mut self) -> Result<Span, ParseError> {
        self.expect(b'~', Expected::Literal)?;
        self.any_literal(Form::Literal8)
    }

    fn any_literal(&mut self, form: Form) -> Result<Span, ParseError> {
        let error = self.error(Expected::Literal);
        self.expect(b'{', Expected::Literal)?;
        let len = self.number64().map_err(|_| error)?;
        self.eat(b'+');
        let behind = self.rest().strip_prefix(b"}\r\n").ok_or(error)?;
        let len = usize::try_from(len).map_err(|_| error)?;
        if behind.len() < len {
            return Err(error);
        }
        let start = self.at + b"}\r\n".len();
        self.at = start + len;
        Ok(Span::new(start..self.at, form))
    }

    /// Goes over `(` into a list. [`leave`](Self::leave) must follow.
    ///
    /// # Errors
    ///
    /// There is none, or it would be deeper than [`limits::DEPTH`].
    pub fn enter(&mut self, expected: Expected) -> Result<(), ParseError> {
        self.expect(b'(', expected)?;
        self.deeper()
    }

    /// Counts one level without a parenthesis, for NOT and OR.
    pub(crate) fn deeper(&mut self) -> Result<(), ParseError> {
        if self.depth >= limits::DEPTH {
            return Err(self.error(Expected::ShallowerNesting));
        }
        self.depth += 1;
        Ok(())
    }

    /// Takes one level back.
    pub(crate) const fn shallower(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Goes over `)` out of a list.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn leave(&mut self) -> Result<(), ParseError> {
        self.expect(b')', Expected::Close)?;
        self.shallower();
        Ok(())
    }

    /// A list of one or more elements that single spaces part.
    ///
    /// # Errors
    ///
    /// What is not such a list, or what `element` says.
    pub fn list(
        &mut self,
        expected: Expected,
        mut element: impl FnMut(&mut Self) -> Result<(), ParseError>,
    ) -> Result<(), ParseError> {
        self.enter(expected)?;
        loop {
            element(self)?;
            if !self.eat(b' ') {
                return self.leave();
            }
        }
    }

    /// A list like [`list`](Self::list) that may be empty.
    ///
    /// # Errors
    ///
    /// What is not such a list, or what `element` says.
    pub fn list_or_empty(
        &mut self,
        expected: Expected,
        element: impl FnMut(&mut Self) -> Result<(), ParseError>,
    ) -> Result<(), ParseError> {
        if self.rest().starts_with(b"()") {
            self.advance(2);
            return Ok(());
        }
        self.list(expected, element)
    }

    /// Goes over one value of any kind: a list however it looks within, a string, or a run of other
    /// octets; for extensions that are kept as they are.
    ///
    /// # Errors
    ///
    /// Strings are cut off, or parentheses do not match or are too deep.
    pub fn skip_value(&mut self) -> Result<(), ParseError> {
        let mut depth = self.depth;
        let outside = depth;
        loop {
            match self.peek() {
                Some(b'(') => {
                    if depth >= limits::DEPTH {
                        return Err(self.error(Expected::ShallowerNesting));
                    }
                    depth += 1;
                    self.at += 1;
                }
                Some(b')') if depth > outside => {
                    depth -= 1;
                    self.at += 1;
                }
                Some(b'"') => {
                    self.quoted()?;
                }
                Some(b'{') => {
                    self.any_literal(Form::Literal)?;
                }
                Some(b'~') if self.rest().starts_with(b"~{") => {
                    self.literal8()?;
                }
                Some(b' ') if depth > outside => self.at += 1,
                None | Some(b' ' | b')' | b'\r' | b'\n' | 0) => {
                    return if depth > outside {
                        Err(self.error(Expected::Close))
                    } else {
                        Err(self.error(Expected::Astring))
                    };
                }
                Some(_) => {
                    self.take_while(|octet| !matches!(octet, 0..=b' ' | b'(' | b')' | b'"' | b'{'));
                }
            }
            if depth == outside && !matches!(self.peek(), Some(b'(' | b'"' | b'{')) {
                return Ok(());
            }
        }
    }

    /// The value of `span` as octets of its own, escapes undone.
    #[must_use]
    pub fn octets(&self, span: Span) -> Octets {
        match self.shared {
            Some(frame) => span.octets(frame),
            None => Octets::from(&*span.text(self.frame).octets()),
        }
    }

    /// The octets from `start` to here as a value.
    #[must_use]
    pub fn since(&self, start: usize) -> Octets {
        match self.shared {
            Some(frame) => Octets::slice_of(frame, start..self.at),
            None => Octets::from(self.frame.get(start..self.at).unwrap_or_default()),
        }
    }

    /// Runs a parser of nom over what lies ahead.
    pub(crate) fn run<O>(
        &mut self,
        expected: Expected,
        mut parser: impl Parser<&'a [u8], Output = O, Error = nom::error::Error<&'a [u8]>>,
    ) -> Result<O, ParseError> {
        let rest = self.rest();
        let result: IResult<&'a [u8], O> = parser.parse_complete(rest);
        match result {
            Ok((behind, output)) => {
                self.at = self.frame.len() - behind.len();
                Ok(output)
            }
            Err(nom::Err::Error(error) | nom::Err::Failure(error)) => Err(ParseError::new(
                expected,
                self.frame.len() - error.input.len(),
            )),
            Err(nom::Err::Incomplete(_)) => Err(ParseError::new(expected, self.frame.len())),
        }
    }
}
