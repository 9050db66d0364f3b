//! The scanner: from the octets of a message to its [`Structure`].

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use memchr::{memchr, memchr_iter, memmem};

use super::{
    known::{Known, Place},
    mime::{ContentType, token},
    structure::{Node, Shape, Structure},
    transfer,
};
use crate::limits::{BOUNDARY, DEPTH, HEADER_FIELD, HEADERS, PARTS};

/// Reads a message piece by piece and notes where its parts are (RFC 2046 §5.1).
///
/// Any octets are a message. What is kept does not grow with it beyond the limits
/// [`HEADERS`], [`PARTS`] and [`DEPTH`]; what goes beyond them is reported as
/// `application/octet-stream`. The pieces may be cut anywhere; lines end with CRLF, as FETCH sends
/// them.
///
/// ```
/// use mailwire_imap::toolkit::message::Scanner;
/// let mut scanner = Scanner::new();
/// scanner.feed(b"Subject: hello\r");
/// scanner.feed(b"\n\r\nworld\r\n");
/// let structure = scanner.finish();
/// assert_eq!((structure.octets(), structure.lines()), (25, 3));
/// assert_eq!(structure.root().unwrap().body(), 18..25);
/// assert_eq!(structure.envelope().subject().unwrap(), "hello");
/// ```
#[derive(Clone)]
pub struct Scanner {
    state: State,
    nodes: Vec<Node>,
    /// The octets of headers.
    kept: Vec<u8>,
    places: Vec<Place>,
    /// What is open, outermost first.
    open: Vec<Open>,
    /// How many octets and lines are behind us.
    offset: u64,
    lines: u64,
    /// The two octets before `offset`.
    tail: [u8; 2],
    /// The begin of a line that may be a delimiter.
    held: Vec<u8>,
    /// Octets of the longest delimiter that is waited for; 0 if none is.
    longest: usize,
    line: Line,
    is_cut: bool,
    /// Looks for lines that may be delimiters; made when there is one to wait for.
    finder: Option<Box<memmem::Finder<'static>>>,
}

/// ```text
///             empty line                    delimiter
/// Header ─────────────────► Body ──────────────────────────► Delimiter
///   ▲  └─ delimiter ──────────────────────────────────────────►  │  │
///   └────────────────── its line end ────────────────────────────┘  │
///                           Body ◄── its line end, if it closes ────┘
/// ```
#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    Header,
    Body,
    /// In the rest of a delimiter line; what follows it.
    Delimiter {
        closes: Closes,
    },
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Closes {
    Multipart,
    PartOnly,
}

/// The line of a header that is being read.
#[derive(Clone, Copy, Default)]
struct Line {
    octets: u64,
    first: u8,
    /// Where it begins in what is kept.
    kept_from: usize,
    /// Octets kept of the field so far.
    field: usize,
}

/// A multipart or a message whose end was not seen.
#[derive(Clone)]
struct Open {
    node: usize,
    /// What its parts are delimited by, without the dashes; empty if by nothing, or nothing more.
    boundary: Vec<u8>,
    is_digest: bool,
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// One at the begin of a message.
    #[must_use]
    pub fn new() -> Self {
        let mut scanner = Self {
            state: State::Header,
            nodes: Vec::new(),
            kept: Vec::new(),
            places: Vec::new(),
            open: Vec::new(),
            offset: 0,
            lines: 0,
            tail: [0; 2],
            held: Vec::new(),
            longest: 0,
            line: Line::default(),
            is_cut: false,
            finder: None,
        };
        scanner.begin_entity();
        scanner
    }

    /// Reads the next piece.
    pub fn feed(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while !rest.is_empty() {
            rest = if self.longest > 0 && self.at_line_start() {
                self.line_start(rest)
            } else {
                self.text(rest)
            };
        }
    }

    /// Whether the header of the message has been read, so that what needs no more can stop here.
    #[must_use]
    pub fn has_header(&self) -> bool {
        self.nodes.len() > 1 || self.state != State::Header
    }

    /// What the message is made of. Parts that are still open end here.
    #[must_use]
    pub fn finish(mut self) -> Structure {
        if self.held.starts_with(b"--") {
            self.delimiter_or_text();
        } else {
            self.held_is_text();
        }
        self.close_down_to(0, self.offset, self.lines);
        Structure::new(
            self.nodes,
            self.kept,
            self.places,
            self.offset,
            self.lines,
            self.is_cut,
        )
    }

    /// Whether a delimiter may begin here.
    fn at_line_start(&self) -> bool {
        let is_text = !matches!(self.state, State::Delimiter { .. });
        is_text && (!self.held.is_empty() || self.tail[1] == b'\n')
    }

    /// Decides whether a line is a delimiter; gives what is left of the piece.
    fn line_start<'a>(&mut self, piece: &'a [u8]) -> &'a [u8] {
        // Where nothing is held and the line begins with anything else, nothing is copied.
        if self.held.is_empty() && piece.first() != Some(&b'-') {
            return self.text(piece);
        }
        // Two dashes in front of the boundary, and two behind it.
        let missing = (self.longest + 4).saturating_sub(self.held.len());
        let within = piece.get(..missing).unwrap_or(piece);
        let end = memchr(b'\n', within);
        let (taken, rest) = piece
            .split_at_checked(end.map_or(within.len(), |at| at + 1))
            .unwrap_or_default();
        self.held.extend_from_slice(taken);
        let dashes = self.held.get(..2).unwrap_or(&self.held);
        if !b"--".starts_with(dashes) {
            self.held_is_text();
        } else if end.is_some() || self.held.len() >= self.longest + 4 {
            self.delimiter_or_text();
        }
        rest
    }

    /// What was held is no delimiter.
    fn held_is_text(&mut self) {
        let held = core::mem::take(&mut self.held);
        let mut rest = &*held;
        while !rest.is_empty() {
            rest = self.text(rest);
        }
    }

    /// What was held is all that matters of a line.
    fn delimiter_or_text(&mut self) {
        let line = self.held.get(2..).unwrap_or_default();
        // The whole line need not be the delimiter (RFC 2046 §5.1.1); of those whose begin it is,
        // the longest is meant, and of equal ones the innermost.
        let mut found: Option<(usize, usize)> = None;
        for (level, open) in self.open.iter().enumerate() {
            let len = open.boundary.len();
            if len > 0
                && found.is_none_or(|(_, best)| len >= best)
                && line.starts_with(&open.boundary)
            {
                found = Some((level, len));
            }
        }
        let Some((level, len)) = found else {
            return self.held_is_text();
        };
        let closes = if line.get(len..).is_some_and(|rest| rest.starts_with(b"--")) {
            Closes::Multipart
        } else {
            Closes::PartOnly
        };
        let (end, lines) = self.end_in_front();
        self.close_down_to(level + 1, end, lines);
        if closes == Closes::Multipart {
            if let Some(open) = self.open.get_mut(level) {
                open.boundary.clear();
            }
            self.measure_boundaries();
        }
        self.state = State::Delimiter { closes };
        self.held_is_text();
    }

    /// Where what a delimiter ends does end, and how many lines are in front of it: the line end in
    /// front belongs to the delimiter (RFC 2046 §5.1.1), unless it is that of a header.
    fn end_in_front(&self) -> (u64, u64) {
        let is_behind_header = self.state == State::Header
            || self
                .nodes
                .last()
                .is_some_and(|node| node.is_empty_at(self.offset));
        let line_end = match self.tail {
            _ if is_behind_header => 0,
            [b'\r', b'\n'] => 2,
            [_, b'\n'] => 1,
            _ => 0,
        };
        let lines = self.lines.saturating_sub(u64::from(line_end > 0));
        (self.offset.saturating_sub(line_end), lines)
    }

    /// Reads text that begins no delimiter; gives what is left of the piece where one may begin.
    fn text<'a>(&mut self, piece: &'a [u8]) -> &'a [u8] {
        if let Some(rest) = self.header_lines(piece) {
            return rest;
        }
        let end = match self.state {
            State::Body if self.longest == 0 => piece.len(),
            // A delimiter begins behind a line end with two dashes, the second of which may come
            // with the next piece.
            State::Body => match self.finder().find(piece) {
                Some(at) => at + 1,
                None if piece.ends_with(b"\n-") => piece.len() - 1,
                None => piece.len(),
            },
            State::Header | State::Delimiter { .. } => {
                memchr(b'\n', piece).map_or(piece.len(), |at| at + 1)
            }
        };
        let (text, rest) = piece.split_at_checked(end).unwrap_or_default();
        self.pass(text);
        match self.state {
            State::Body => {}
            State::Header => self.header(text),
            State::Delimiter { closes } if text.ends_with(b"\n") => {
                self.state = State::Body;
                if closes == Closes::PartOnly {
                    self.begin_entity();
                }
            }
            State::Delimiter { .. } => {}
        }
        rest
    }

    fn finder(&mut self) -> &memmem::Finder<'static> {
        let finder = || Box::new(memmem::Finder::new(b"\n--"));
        self.finder.get_or_insert_with(finder)
    }

    /// Counts text.
    fn pass(&mut self, text: &[u8]) {
        self.offset += text.len() as u64;
        self.lines += memchr_iter(b'\n', text).count() as u64;
        match text {
            [.., one, two] => self.tail = [*one, *two],
            [one] => self.tail = [self.tail[1], *one],
            [] => {}
        }
    }

    /// Keeps many lines of a header at once where no delimiter can be among them and no limit is
    /// near. The empty line is left.
    fn header_lines<'a>(&mut self, piece: &'a [u8]) -> Option<&'a [u8]> {
        if self.state != State::Header || self.longest > 0 || self.line.octets > 0 {
            return None;
        }
        let within = piece.get(..self.room()).unwrap_or(piece);
        let (mut end, mut field) = (0, None);
        for at in memchr_iter(b'\n', within) {
            match within.get(end..=at)? {
                b"\n" | b"\r\n" => break,
                [b' ' | b'\t', ..] => {}
                _ => field = Some(end),
            }
            end = at + 1;
        }
        if end == 0 {
            return None;
        }
        let (text, rest) = piece.split_at_checked(end)?;
        self.pass(text);
        self.kept.extend_from_slice(text);
        self.line.field = field.map_or(self.line.field + end, |start| end - start);
        Some(rest)
    }

    /// How many octets of the field that is open may be kept.
    fn room(&self) -> usize {
        let of_field = HEADER_FIELD.saturating_sub(self.line.field);
        of_field.min(HEADERS.saturating_sub(self.kept.len()))
    }

    /// Keeps a line of a header, or a piece of one, up to the limits.
    fn header(&mut self, text: &[u8]) {
        if self.line.octets == 0 {
            let first = text.first().copied().unwrap_or_default();
            if !matches!(first, b' ' | b'\t') {
                self.end_field();
                self.line.field = 0;
            }
            self.line.first = first;
            self.line.kept_from = self.kept.len();
        }
        self.line.octets += text.len() as u64;
        let kept = text.get(..self.room()).unwrap_or(text);
        self.kept.extend_from_slice(kept);
        self.line.field += kept.len();
        if kept.len() < text.len() {
            self.cut();
        }
        if text.ends_with(b"\n") {
            let octets = core::mem::take(&mut self.line.octets);
            if octets == 1 || (octets == 2 && self.line.first == b'\r') {
                self.kept.truncate(self.line.kept_from);
                if let Some(node) = self.nodes.last_mut() {
                    node.has_empty_line = true;
                }
                self.begin_body();
            }
        }
    }

    fn cut(&mut self) {
        self.is_cut = true;
        if let Some(node) = self.nodes.last_mut() {
            node.is_cut = true;
        }
    }

    /// A field that was cut ends all the same.
    fn end_field(&mut self) {
        let start = self.nodes.last().map_or(0, |node| node.kept.start as usize);
        let field = self.kept.get(start..).unwrap_or_default();
        if !field.is_empty() && !field.ends_with(b"\n") {
            self.kept.extend_from_slice(b"\r\n");
        }
    }

    /// A message or a part begins here.
    fn begin_entity(&mut self) {
        let kept = u32::try_from(self.kept.len()).unwrap_or(u32::MAX);
        let mut node = Node::new(self.offset, self.lines, kept);
        node.is_in_digest = self.open.last().is_some_and(|open| open.is_digest);
        self.line = Line::default();
        self.state = State::Header;
        if self.nodes.len() + 1 >= PARTS {
            // The rest of the message is one part, whatever it is.
            node.shape = Shape::Capped;
            self.is_cut = true;
            self.longest = 0;
            self.open.iter_mut().for_each(|open| open.boundary.clear());
            self.state = State::Body;
        }
        self.nodes.push(node);
    }

    /// The header of the innermost entity ends: what is known of its fields is noted.
    fn end_header(&mut self, end: u64, lines: u64) {
        self.end_field();
        let Some(node) = self.nodes.last_mut() else {
            return;
        };
        let narrow = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        node.begin_body(end, lines, narrow(self.kept.len()));
        let range = node.kept_range();
        let start = self.places.len();
        let header = self.kept.get(range.clone()).unwrap_or_default();
        Place::find_all(header, range.start, &mut self.places);
        node.set_places(narrow(start), narrow(self.places.len()));
    }

    /// The header of the innermost entity is complete.
    fn begin_body(&mut self) {
        self.end_header(self.offset, self.lines);
        self.state = State::Body;
        let level = self.nodes.len().saturating_sub(1);
        let Some(node) = self.nodes.last_mut() else {
            return;
        };
        let opens = opens(node.places(&self.places), &self.kept, node.is_in_digest);
        let (boundary, is_digest) = match opens {
            Opens::Nothing => return,
            _ if self.open.len() >= DEPTH => {
                node.shape = Shape::Capped;
                self.is_cut = true;
                return;
            }
            Opens::Encoded => {
                node.shape = Shape::Capped;
                return;
            }
            Opens::Multipart {
                boundary,
                is_digest,
            } => {
                node.shape = Shape::Multipart;
                (boundary, is_digest)
            }
            Opens::Message => {
                node.shape = Shape::Message;
                (Vec::new(), false)
            }
        };
        let is_message = node.shape == Shape::Message;
        self.open.push(Open {
            node: level,
            boundary,
            is_digest,
        });
        self.measure_boundaries();
        if is_message {
            self.begin_entity();
        }
    }

    fn measure_boundaries(&mut self) {
        let lengths = self.open.iter().map(|open| open.boundary.len());
        self.longest = lengths.max().unwrap_or_default();
    }

    /// Ends all that is open above a level, and the part that stands in it.
    fn close_down_to(&mut self, level: usize, end: u64, lines: u64) {
        let last = self.nodes.len();
        if self.state == State::Header {
            self.end_header(end, lines);
        }
        // A part that opened nothing is not among those that are open.
        let innermost = self.open.last().map(|open| open.node);
        let is_open = innermost == last.checked_sub(1);
        if let Some(node) = self.nodes.last_mut().filter(|_| !is_open) {
            node.close(end, lines, last);
        }
        while self.open.len() > level {
            let Some(open) = self.open.pop() else {
                break;
            };
            if let Some(node) = self.nodes.get_mut(open.node) {
                node.close(end, lines, last);
            }
        }
        self.measure_boundaries();
    }
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner")
            .field("offset", &self.offset)
            .field("parts", &self.nodes.len())
            .field("depth", &self.open.len())
            .finish_non_exhaustive()
    }
}

/// What the body behind a header is to the scanner.
enum Opens {
    Nothing,
    /// A message that cannot be read without undoing its transfer encoding.
    Encoded,
    Message,
    Multipart {
        boundary: Vec<u8>,
        is_digest: bool,
    },
}

fn opens(places: &[Place], kept: &[u8], is_in_digest: bool) -> Opens {
    let value = |name| {
        let place = places.iter().find(|place| place.name == name);
        place.map(|place| place.of(kept))
    };
    let message = || {
        let encoding = value(Known::TransferEncoding).and_then(token);
        match encoding.and_then(transfer::Encoding::of) {
            Some(transfer::Encoding::Base64 | transfer::Encoding::QuotedPrintable) => {
                Opens::Encoded
            }
            _ => Opens::Message,
        }
    };
    let Some(content_type) = value(Known::ContentType).and_then(ContentType::parse) else {
        return if is_in_digest {
            message()
        } else {
            Opens::Nothing
        };
    };
    if content_type.is_message() {
        return message();
    }
    if !content_type.is_media("multipart") {
        return Opens::Nothing;
    }
    // One without a boundary is invalid, and so text (RFC 2045 §5.2).
    let boundary = content_type.parameter("boundary").unwrap_or_default();
    let boundary = boundary.trim_ascii_end();
    if boundary.is_empty() || boundary.len() > BOUNDARY || memchr(b'\n', boundary).is_some() {
        return Opens::Nothing;
    }
    Opens::Multipart {
        boundary: boundary.to_vec(),
        is_digest: content_type.is("multipart", "digest"),
    }
}
