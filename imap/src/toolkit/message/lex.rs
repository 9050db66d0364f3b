//! The lexical pieces of structured fields (RFC 5322 §3.2): comments, quoted strings, atoms.
//!
//! Values may still be folded: line ends are spaces here. Every piece is passed once, comments
//! within comments are counted and not descended into.

use alloc::{borrow::Cow, vec::Vec};

/// A place in a value.
#[derive(Clone, Copy)]
pub(crate) struct Lexer<'a> {
    rest: &'a [u8],
    /// What the comment passed last says, with its quoted pairs.
    comment: Option<&'a [u8]>,
}

impl<'a> Lexer<'a> {
    pub(crate) const fn new(rest: &'a [u8]) -> Self {
        Self {
            rest,
            comment: None,
        }
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(crate) fn advance(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    pub(crate) fn eat(&mut self, octet: u8) -> bool {
        let is_next = self.peek() == Some(octet);
        if is_next {
            self.advance();
        }
        is_next
    }

    /// The octets that are as `is` says, which may be none.
    pub(crate) fn run(&mut self, is: impl Fn(u8) -> bool) -> &'a [u8] {
        self.pass(self.rest.iter().take_while(|octet| is(**octet)).count())
    }

    /// Passes so many octets.
    pub(crate) fn pass(&mut self, len: usize) -> &'a [u8] {
        let (passed, rest) = self.rest.split_at_checked(len).unwrap_or_default();
        self.rest = rest;
        passed
    }

    /// Passes spaces and comments; whether there were any.
    pub(crate) fn skip_cfws(&mut self) -> bool {
        let before = self.rest.len();
        loop {
            self.run(|octet| matches!(octet, b' ' | b'\t' | b'\r' | b'\n' | 0));
            if self.peek() != Some(b'(') {
                return self.rest.len() < before;
            }
            self.comment = Some(self.pass_comment());
        }
    }

    /// The comment passed last, and forgets it.
    pub(crate) const fn take_comment(&mut self) -> Option<&'a [u8]> {
        self.comment.take()
    }

    /// Passes a comment, to its parenthesis or the end; gives what is within.
    fn pass_comment(&mut self) -> &'a [u8] {
        self.advance();
        let start = self.rest;
        let mut depth = 1_usize;
        let mut octets = start.iter().enumerate();
        while let Some((at, octet)) = octets.next() {
            match octet {
                b'\\' => {
                    octets.next();
                }
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        let (within, rest) = start.split_at_checked(at).unwrap_or_default();
                        self.rest = rest.get(1..).unwrap_or_default();
                        return within;
                    }
                }
                _ => {}
            }
        }
        self.rest = &[];
        start
    }

    /// Adds a quoted string without its quotes and line ends, to its quote or the end.
    pub(crate) fn quoted(&mut self, to: &mut Joined<'a>) {
        self.advance();
        loop {
            to.push(self.run(|octet| !matches!(octet, b'"' | b'\\' | b'\r' | b'\n')));
            match self.peek() {
                None => return,
                Some(b'\\') => {
                    self.advance();
                    to.push(self.pass(1));
                }
                Some(octet) => {
                    self.advance();
                    if octet == b'"' {
                        return;
                    }
                }
            }
        }
    }
}

/// Pieces put together: without a copy as long as there is only one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Joined<'a>(Cow<'a, [u8]>);

impl<'a> Joined<'a> {
    pub(crate) fn push(&mut self, piece: &'a [u8]) {
        if self.0.is_empty() {
            self.0 = Cow::Borrowed(piece);
        } else if !piece.is_empty() {
            self.0.to_mut().extend_from_slice(piece);
        }
    }

    /// One space, if it is not at the begin.
    pub(crate) fn space(&mut self, is_apart: bool) {
        if is_apart && !self.0.is_empty() {
            self.0.to_mut().push(b' ');
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> From<Joined<'a>> for Cow<'a, [u8]> {
    fn from(joined: Joined<'a>) -> Self {
        joined.0
    }
}

/// What a comment says, without the backslashes of its quoted pairs and without line ends.
pub(crate) fn comment_text(comment: &[u8]) -> Cow<'_, [u8]> {
    let comment = comment.trim_ascii();
    if !comment.iter().any(|octet| matches!(octet, b'\\' | b'\n')) {
        return Cow::Borrowed(comment);
    }
    let mut text = Vec::with_capacity(comment.len());
    let mut octets = comment.iter();
    while let Some(octet) = octets.next() {
        match octet {
            b'\\' => text.extend(octets.next()),
            b'\r' | b'\n' => {}
            octet => text.push(*octet),
        }
    }
    Cow::Owned(text)
}
