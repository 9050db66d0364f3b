//! The reader of a complete response: numbers, strings, lists, and what lies behind a bad item.
//!
//! Positions are `u32`; [`Response::parse`](super::Response::parse) refuses longer frames first.

mod quoted;

use super::{Notices, Tolerance, Tolerances};
use crate::{
    error::{Expected, ParseError},
    grammar::{is_astring_char, is_atom_char, is_list_char},
    limits::DEPTH,
    text::Text,
};

pub(crate) type Parsed<T> = Result<T, ParseError>;

/// A part of a frame.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self {
            start: narrow(start),
            end: narrow(end),
        }
    }

    pub(crate) const fn range(self) -> core::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(crate) fn of(self, frame: &[u8]) -> &[u8] {
        frame.get(self.range()).unwrap_or_default()
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

/// A position of a frame, none of which passes `u32`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "longer frames are refused before they are read"
)]
pub(crate) const fn narrow(at: usize) -> u32 {
    at as u32
}

/// One place in a frame, and what it took to get there.
#[derive(Clone, Debug)]
pub(crate) struct Scan<'a> {
    octets: &'a [u8],
    at: usize,
    allow: Tolerances,
    /// Whether `{n}` without CRLF stands for octets that went another way.
    streamed: bool,
    pub(crate) notices: Notices,
}

impl<'a> Scan<'a> {
    pub(crate) const fn new(octets: &'a [u8], allow: Tolerances) -> Self {
        Self {
            octets,
            at: 0,
            allow,
            streamed: false,
            notices: Notices {
                tolerated: Tolerances::NONE,
                invalid: 0,
            },
        }
    }

    /// Reads again what has been read before: what was tolerated then is tolerated now.
    pub(crate) const fn again(octets: &'a [u8]) -> Self {
        Self::new(octets, Tolerances::ALL).streamed()
    }

    /// Lets `{n}` without CRLF stand for octets that went another way.
    pub(crate) const fn streamed(mut self) -> Self {
        self.streamed = true;
        self
    }

    pub(crate) const fn again_at(octets: &'a [u8], at: u32) -> Self {
        let mut scan = Self::again(octets);
        scan.at = at as usize;
        scan
    }

    /// At another place, read in the same way.
    pub(crate) const fn starting_at(mut self, at: u32) -> Self {
        self.at = at as usize;
        self
    }

    /// What is tolerated, and whether octets may have gone another way: to read again alike.
    pub(crate) const fn manner(&self) -> (Tolerances, bool) {
        (self.allow, self.streamed)
    }

    /// Reads in this [`manner`](Self::manner).
    pub(crate) const fn alike(octets: &'a [u8], manner: (Tolerances, bool)) -> Self {
        let mut scan = Self::new(octets, manner.0);
        scan.streamed = manner.1;
        scan
    }

    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn since(&self, start: usize) -> Span {
        Span::new(start, self.at)
    }

    pub(crate) const fn back_to(&mut self, at: usize) {
        self.at = at;
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.octets.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn slice(&self, span: Span) -> &'a [u8] {
        self.octets.get(span.range()).unwrap_or_default()
    }

    #[inline(always)]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.octets.get(self.at).copied()
    }

    pub(crate) fn peek_behind(&self) -> Option<u8> {
        self.octets.get(self.at + 1).copied()
    }

    pub(crate) fn fail<T>(&self, expected: Expected) -> Parsed<T> {
        Err(ParseError::new(expected, self.at))
    }

    /// Whether the defect is tolerated; if so it is noted.
    pub(crate) fn tolerates(&mut self, defect: Tolerance) -> bool {
        let tolerated = self.allow.contains(defect);
        if tolerated {
            self.notices.tolerated = self.notices.tolerated.with(defect);
        }
        tolerated
    }

    #[inline(always)]
    pub(crate) fn eat(&mut self, octet: u8) -> bool {
        let eaten = self.peek() == Some(octet);
        self.at += usize::from(eaten);
        eaten
    }

    pub(crate) fn need(&mut self, octet: u8, expected: Expected) -> Parsed<()> {
        if self.eat(octet) {
            Ok(())
        } else {
            self.fail(expected)
        }
    }

    /// One space.
    #[inline(always)]
    pub(crate) fn sp(&mut self) -> Parsed<()> {
        if self.peek() != Some(b' ') {
            return self.fail(Expected::Space);
        }
        self.at += 1;
        if self.peek() == Some(b' ') {
            self.more_spaces();
        }
        Ok(())
    }

    #[cold]
    fn more_spaces(&mut self) {
        if self.tolerates(Tolerance::DoubledSpace) {
            while self.eat(b' ') {}
        }
    }

    /// `(`.
    pub(crate) fn open(&mut self) -> Parsed<()> {
        self.need(b'(', Expected::List)?;
        if self.peek() == Some(b' ') && self.tolerates(Tolerance::SpaceInParentheses) {
            while self.eat(b' ') {}
        }
        Ok(())
    }

    /// Whether the list ends here; what follows a `true` is behind the parenthesis.
    #[inline(always)]
    pub(crate) fn closed(&mut self) -> bool {
        if self.eat(b')') {
            return true;
        }
        matches!(self.rest(), [b' ', b' ' | b')', ..]) && self.closed_behind_spaces()
    }

    #[cold]
    fn closed_behind_spaces(&mut self) -> bool {
        let start = self.at;
        if self.peek() == Some(b' ') && self.allow.contains(Tolerance::SpaceInParentheses) {
            while self.eat(b' ') {}
            if self.peek() == Some(b')') {
                self.tolerates(Tolerance::SpaceInParentheses);
            }
        }
        let closed = self.eat(b')');
        if !closed {
            self.at = start;
        }
        closed
    }

    /// `)`.
    pub(crate) fn close(&mut self) -> Parsed<()> {
        if self.closed() {
            Ok(())
        } else {
            self.fail(Expected::Close)
        }
    }

    /// The end of the line, and of the frame.
    pub(crate) fn end(&mut self) -> Parsed<()> {
        if self.at_end() {
            Ok(())
        } else {
            self.fail(Expected::End)
        }
    }

    /// Whether only the end of the line is left, and a space that does not belong there.
    pub(crate) fn at_end(&mut self) -> bool {
        let rest = self.rest();
        if rest.is_empty() {
            return true;
        }
        if rest.first() != Some(&b' ') || !self.allow.contains(Tolerance::TrailingSpace) {
            return false;
        }
        rest.iter().all(|octet| *octet == b' ') && self.tolerates(Tolerance::TrailingSpace)
    }

    /// The octets from here on for which `is` holds, at least one.
    pub(crate) fn run(&mut self, is: impl Fn(u8) -> bool, expected: Expected) -> Parsed<&'a [u8]> {
        let rest = self.rest();
        let len = rest
            .iter()
            .position(|octet| !is(*octet))
            .unwrap_or(rest.len());
        let Some((run, _)) = rest.split_at_checked(len).filter(|_| len > 0) else {
            return self.fail(expected);
        };
        self.at += len;
        Ok(run)
    }

    /// `atom` of RFC 9051 §9.
    pub(crate) fn atom(&mut self) -> Parsed<&'a [u8]> {
        self.run(is_atom_char, Expected::Atom)
    }

    /// A keyword in front of a space, a bracket, a parenthesis or the end: letters, digits, marks.
    pub(crate) fn word(&mut self, expected: Expected) -> Parsed<&'a [u8]> {
        self.run(|octet| is_atom_char(octet) && octet != b'[', expected)
    }

    /// Whether `word` stands here, in whatever case, in front of something that ends a word; it
    /// is passed.
    pub(crate) fn is_word(&mut self, word: &[u8]) -> bool {
        let Some((here, behind)) = self.rest().split_at_checked(word.len()) else {
            return false;
        };
        let ends = behind.first().is_none_or(|next| !is_atom_char(*next));
        let found = ends && here.eq_ignore_ascii_case(word);
        self.at += usize::from(found) * word.len();
        found
    }

    fn digits(&mut self, max: u64) -> Parsed<u64> {
        let rest = self.rest();
        let mut value = 0_u64;
        let mut len = 0;
        for digit in rest.iter().take_while(|octet| octet.is_ascii_digit()) {
            value = match value.checked_mul(10) {
                Some(tens) => tens.saturating_add(u64::from(digit - b'0')),
                None => u64::MAX,
            };
            if value > max {
                return self.fail(Expected::Number);
            }
            len += 1;
        }
        if len == 0 {
            return self.fail(Expected::Number);
        }
        self.at += len;
        Ok(value)
    }

    /// `number`: 32 bits.
    pub(crate) fn number(&mut self) -> Parsed<u32> {
        let start = self.at;
        let value = self.digits(u64::from(u32::MAX))?;
        u32::try_from(value).map_err(|_| ParseError::new(Expected::Number, start))
    }

    /// `nz-number`: 32 bits, not zero.
    pub(crate) fn nz_number(&mut self) -> Parsed<core::num::NonZeroU32> {
        let start = self.at;
        let value = self.number()?;
        core::num::NonZeroU32::new(value).ok_or_else(|| ParseError::new(Expected::NzNumber, start))
    }

    /// `number64`: 63 bits.
    pub(crate) fn number64(&mut self) -> Parsed<u64> {
        self.digits(i64::MAX as u64)
    }

    /// `sequence-set` without `*` and `$`, as servers write it.
    pub(crate) fn set(&mut self) -> Parsed<Span> {
        let start = self.at;
        loop {
            self.nz_number()?;
            if self.eat(b':') {
                self.nz_number()?;
            }
            if !self.eat(b',') {
                return Ok(self.since(start));
            }
        }
    }

    /// `quoted`; the span holds the marks.
    #[inline]
    fn quoted(&mut self) -> Parsed<Span> {
        let start = self.at;
        self.pass_quoted()?;
        Ok(self.since(start))
    }

    /// Goes over a `quoted`. Nearly all have neither an escape nor a defect.
    #[inline(always)]
    fn pass_quoted(&mut self) -> Parsed<()> {
        match quoted::plain_end(self.octets, self.at + 1) {
            Some(end) => {
                self.at = end.get();
                Ok(())
            }
            None => self.uncommon_quoted(),
        }
    }

    /// `nstring` as a view: for what has been checked before. What is none is not passed.
    #[inline]
    pub(crate) fn checked_ntext(&mut self) -> Option<Text<'a>> {
        let start = self.at + 1;
        if self.peek() == Some(b'"')
            && let Some(end) = quoted::plain_end(self.octets, start)
        {
            self.at = end.get();
            return self.octets.get(start..end.get() - 1).map(Text::plain);
        }
        if self.rest().starts_with(b"NIL") {
            self.at += 3;
            return None;
        }
        self.uncommon_ntext()
    }

    #[cold]
    fn uncommon_ntext(&mut self) -> Option<Text<'a>> {
        let span = self.nstring().ok()?;
        self.ntext(span)
    }

    #[cold]
    fn uncommon_quoted(&mut self) -> Parsed<()> {
        let start = self.at;
        let mut at = start + 1;
        let mut eight_bit = false;
        loop {
            let rest = self.octets.get(at..).unwrap_or_default();
            let stop = quoted::run_end(rest, 0);
            at += stop;
            let next = rest.get(stop + 1).copied();
            match rest.get(stop) {
                None => return Err(ParseError::new(Expected::Quoted, start)),
                Some(b'"') => {
                    if !quoted::ends_string(next) && self.tolerates(Tolerance::UnescapedQuote) {
                        at += 1;
                        continue;
                    }
                    self.at = at + 1;
                    break;
                }
                Some(b'\\') => match next {
                    Some(b'"' | b'\\') => at += 2,
                    Some(b' '..=b'~') if self.tolerates(Tolerance::UselessEscape) => at += 2,
                    _ => return Err(ParseError::new(Expected::Quoted, at)),
                },
                Some(0x80..) => {
                    eight_bit = true;
                    at += 1;
                }
                _ => return Err(ParseError::new(Expected::Quoted, at)),
            }
        }
        let span = self.since(start);
        if eight_bit && core::str::from_utf8(self.slice(span)).is_err() {
            self.eight_bit(start)?;
        }
        Ok(())
    }

    fn eight_bit(&mut self, at: usize) -> Parsed<()> {
        if self.tolerates(Tolerance::EightBitText) {
            Ok(())
        } else {
            Err(ParseError::new(Expected::Utf8, at))
        }
    }

    /// `literal`, from its brace to its last octet.
    fn any_literal(&mut self, may_stream: bool) -> Parsed<Span> {
        let start = self.at;
        self.eat(b'~');
        self.need(b'{', Expected::String)?;
        let size = self.number64()?;
        self.need(b'}', Expected::Literal)?;
        if may_stream && self.streamed && matches!(self.peek(), None | Some(b' ' | b')')) {
            return Ok(self.since(start));
        }
        self.need(b'\r', Expected::Literal)?;
        self.need(b'\n', Expected::Literal)?;
        let end = usize::try_from(size)
            .ok()
            .and_then(|size| self.at.checked_add(size))
            .filter(|end| *end <= self.octets.len());
        let Some(end) = end else {
            return Err(ParseError::new(Expected::Literal, start));
        };
        self.at = end;
        Ok(self.since(start))
    }

    fn literal(&mut self) -> Parsed<Span> {
        self.any_literal(false)
    }

    /// `string`.
    #[inline]
    pub(crate) fn string(&mut self) -> Parsed<Span> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal(),
            _ => self.fail(Expected::String),
        }
    }

    /// Goes over a `string`.
    #[inline(always)]
    pub(crate) fn pass_string(&mut self) -> Parsed<()> {
        match self.peek() {
            Some(b'"') => self.pass_quoted(),
            _ => self.string().map(drop),
        }
    }

    /// Goes over an `nstring`.
    #[inline(always)]
    pub(crate) fn pass_nstring(&mut self) -> Parsed<()> {
        match self.peek() {
            Some(b'"') => self.pass_quoted(),
            _ if self.is_common_nil() => Ok(()),
            _ => self.nstring().map(drop),
        }
    }

    /// Whether `NIL` stands here as nearly all write it, in front of more; it is passed.
    #[inline(always)]
    fn is_common_nil(&mut self) -> bool {
        let found = matches!(self.rest(), [b'N', b'I', b'L', b' ' | b')', ..]);
        self.at += usize::from(found) * 3;
        found
    }

    /// `nstring`; the span of an absent one holds `NIL`.
    #[inline]
    pub(crate) fn nstring(&mut self) -> Parsed<Span> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal(),
            _ => self.nil(),
        }
    }

    /// Content of a message: `nstring`, or the mark of what went another way.
    pub(crate) fn content(&mut self) -> Parsed<Span> {
        match self.peek() {
            Some(b'{') => self.any_literal(true),
            _ => self.nstring(),
        }
    }

    /// The same with its transfer encoding undone, which may be a `literal8` (RFC 3516 §7).
    pub(crate) fn binary_content(&mut self) -> Parsed<Span> {
        match self.rest() {
            [b'~', b'{', ..] => self.any_literal(true),
            _ => self.content(),
        }
    }

    #[inline]
    fn nil(&mut self) -> Parsed<Span> {
        let start = self.at;
        if self.is_common_nil() {
            return Ok(self.since(start));
        }
        if self.is_word(b"NIL") {
            Ok(self.since(start))
        } else {
            self.fail(Expected::Nstring)
        }
    }

    #[inline]
    pub(crate) fn is_nil(&mut self) -> bool {
        self.is_common_nil() || matches!(self.peek(), Some(b'n' | b'N')) && self.is_word(b"NIL")
    }

    /// `astring`.
    pub(crate) fn astring(&mut self) -> Parsed<Span> {
        self.string_or(is_astring_char)
    }

    /// `mailbox` as a server writes it: `list-mailbox`, of which `astring` is a part.
    pub(crate) fn mailbox(&mut self) -> Parsed<Span> {
        self.string_or(is_list_char)
    }

    fn string_or(&mut self, is: impl Fn(u8) -> bool) -> Parsed<Span> {
        if matches!(self.peek(), Some(b'"' | b'{')) {
            return self.string();
        }
        let start = self.at;
        self.run(|octet| is(octet) || octet >= 0x80, Expected::Astring)?;
        let span = self.since(start);
        if !self.slice(span).is_ascii() {
            self.eight_bit(start)?;
        }
        Ok(span)
    }

    /// A string as a view.
    pub(crate) fn text(&self, span: Span) -> Text<'a> {
        Text::of_wire(self.slice(span))
    }

    /// A string that may be absent, as a view.
    pub(crate) fn ntext(&self, span: Span) -> Option<Text<'a>> {
        Text::of_nstring(self.slice(span))
    }

    /// Any value: an atom, a string, or a list of values that is at most [`DEPTH`] deep.
    pub(crate) fn value(&mut self) -> Parsed<Span> {
        let start = self.at;
        self.skip(DEPTH)?;
        Ok(self.since(start))
    }

    /// Goes over one value, however deep it is.
    pub(crate) fn pass(&mut self) -> Parsed<()> {
        self.skip(usize::MAX)
    }

    /// Goes over a list, a string or NIL that has been checked before.
    pub(crate) fn checked_value(&mut self) -> Parsed<Span> {
        let start = self.at;
        if self.peek() == Some(b'(') {
            self.pass_checked()?;
            return Ok(self.since(start));
        }
        self.nstring()
    }

    /// Goes over a list that has been checked before: only its marks count.
    pub(crate) fn pass_checked(&mut self) -> Parsed<()> {
        let mut depth = 0_usize;
        for _ in 0..self.octets.len() {
            let rest = self.rest();
            let plain = rest
                .iter()
                .position(|octet| matches!(octet, b'"' | b'(' | b')' | b'{'));
            self.at += plain.unwrap_or(rest.len());
            match self.peek() {
                Some(b'"') => {
                    self.pass_quoted()?;
                    continue;
                }
                Some(b'{') => {
                    self.any_literal(true)?;
                    continue;
                }
                Some(b'(') => depth += 1,
                Some(_) => depth = depth.saturating_sub(1),
                None => break,
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
        self.fail(Expected::Close)
    }

    /// What stands in the place of a value that could not be read, whatever its depth: up to the
    /// space or parenthesis behind it, else up to the end of the frame.
    pub(crate) fn recover(&mut self) -> Span {
        let start = self.at;
        while !matches!(self.peek(), None | Some(b' ' | b')')) {
            if self.skip(usize::MAX).is_err() {
                self.at = self.octets.len();
                break;
            }
        }
        self.since(start)
    }

    fn skip(&mut self, nesting: usize) -> Parsed<()> {
        let mut depth = 0_usize;
        loop {
            let is_space = self.peek() == Some(b' ');
            match self.peek() {
                Some(b'(') => {
                    depth += 1;
                    if depth > nesting {
                        return self.fail(Expected::ShallowerNesting);
                    }
                    self.at += 1;
                    continue;
                }
                Some(b')') if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                Some(b' ') if depth > 0 => self.at += 1,
                Some(b'"') => self.pass_quoted()?,
                Some(b'{') => {
                    self.any_literal(true)?;
                }
                Some(b'~') if self.peek_behind() == Some(b'{') => {
                    self.any_literal(true)?;
                }
                _ => {
                    self.run(
                        |octet| is_list_char(octet) || matches!(octet, b'\\' | 0x80..),
                        Expected::Astring,
                    )?;
                }
            }
            if depth == 0 {
                return Ok(());
            }
            // What stands side by side could be read in two ways where quotes are not escaped.
            let behind_list = self.octets.get(self.at.wrapping_sub(1)) == Some(&b')');
            match self.peek() {
                None | Some(b' ' | b')') => {}
                Some(b'(') if behind_list => {}
                _ if is_space => {}
                _ => return self.fail(Expected::Space),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_width_and_no_more() {
        let number = |text: &'static str| Scan::new(text.as_bytes(), Tolerances::NONE).number();
        assert_eq!(number("4294967295"), Ok(u32::MAX));
        assert!(number("4294967296").is_err());
        assert!(number("99999999999999999999999").is_err());
        assert!(number("-1").is_err());
        let wide = |text: &'static str| Scan::new(text.as_bytes(), Tolerances::NONE).number64();
        assert_eq!(wide("9223372036854775807"), Ok(i64::MAX as u64));
        assert!(wide("9223372036854775808").is_err());
        assert!(wide("18446744073709551616").is_err());
    }

    #[test]
    fn imap_38_any_value_is_passed_without_recursion() {
        let deep = [&[b'('; 100_000][..], &[b')'; 100_000]].concat();
        let mut scan = Scan::new(&deep, Tolerances::NONE);
        assert_eq!(scan.recover().range(), 0..deep.len());
        assert!(Scan::new(&deep, Tolerances::NONE).value().is_err());
    }
}
