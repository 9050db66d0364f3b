//! The header fields and the texts of a message, in the order in which they come.

use alloc::{string::String, vec::Vec};

use encoding_rs::{CoderResult, UTF_8};
use memchr::memchr;

use super::mime::{Content, Kind};
use crate::{
    limits::{BOUNDARY, DEPTH, HEADER_FIELD},
    toolkit::message::{
        header::{Field, Fields},
        transfer::{Decoder, Encoding},
    },
};

/// Octets of a line by which it is known whether it parts a multipart: two hyphens in front of the
/// boundary, and two behind it.
const DELIMITER: usize = BOUNDARY + 4;

/// Whose header a field stands in.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Of {
    /// The message's own.
    Message,
    /// A part's: MIME header fields.
    Part,
    /// A message's within the message.
    Enclosed,
}

/// Who looks at what is found.
pub(super) trait Sink {
    /// Whether nothing more need be looked at.
    fn is_done(&self) -> bool;
    /// Whether what stands behind the header matters.
    fn wants_body(&self) -> bool;
    fn field(&mut self, of: Of, field: &Field<'_>);
    fn header_end(&mut self, of: Of);
    /// A piece of a part of type TEXT or MESSAGE, decoded.
    fn text(&mut self, text: &str);
    fn text_end(&mut self);
}

/// What the walk is in.
enum Place {
    Header(Of),
    /// What nobody looks into: other types, and what stands around the parts of a multipart.
    Other,
    Text(Text),
}

pub(super) struct Walk {
    place: Place,
    /// The line at work in a header, and behind one that may part a multipart.
    line: Vec<u8>,
    /// The field that may go on with the next line.
    field: Vec<u8>,
    /// What the header at work says of its content.
    content: Content,
    /// The boundaries of the multiparts that are open, and whether they are digests.
    open: Vec<(Vec<u8>, bool)>,
    /// Whether a line begins here, of which nothing was passed on.
    at_line: bool,
    /// Whether the rest of a line is passed over.
    in_delimiter: bool,
}

impl Walk {
    pub(super) fn new() -> Self {
        Self {
            place: Place::Header(Of::Message),
            line: Vec::new(),
            field: Vec::new(),
            content: Content::new(Kind::Plain),
            open: Vec::new(),
            at_line: true,
            in_delimiter: false,
        }
    }

    pub(super) fn feed(&mut self, mut rest: &[u8], sink: &mut impl Sink) {
        while !rest.is_empty() && !sink.is_done() {
            rest = match self.place {
                _ if self.in_delimiter => self.delimiter_rest(rest),
                Place::Header(of) => self.header(of, rest, sink),
                _ if self.open.is_empty() => self.body(rest, sink),
                _ if self.at_line => self.hold_line(rest, sink),
                _ => self.pass_lines(rest, sink),
            };
        }
    }

    pub(super) fn finish(&mut self, sink: &mut impl Sink) {
        if let Place::Header(of) = self.place {
            if !self.line.is_empty() {
                self.header_line(of, sink);
            }
            if let Place::Header(of) = self.place {
                self.end_field(of, sink);
                sink.header_end(of);
            }
        } else if !self.line.is_empty() {
            self.end_of_line(sink);
        }
        self.end_text(sink);
    }

    /// Takes one line of a header, or what is there of it.
    fn header<'a>(&mut self, of: Of, octets: &'a [u8], sink: &mut impl Sink) -> &'a [u8] {
        let end = memchr(b'\n', octets);
        let len = end.map_or(octets.len(), |at| at + 1);
        let (line, rest) = octets.split_at_checked(len).unwrap_or((octets, &[]));
        let room = HEADER_FIELD.saturating_sub(self.line.len());
        self.line
            .extend_from_slice(line.get(..room).unwrap_or(line));
        if end.is_some() {
            self.header_line(of, sink);
        }
        rest
    }

    fn header_line(&mut self, of: Of, sink: &mut impl Sink) {
        let line = core::mem::take(&mut self.line);
        if let Some(level) = self.delimiter(&line) {
            self.end_field(of, sink);
            sink.header_end(of);
            self.part(level, sink);
        } else if matches!(&*line, b"\r\n" | b"\n") {
            self.end_field(of, sink);
            sink.header_end(of);
            self.begin_content();
        } else {
            if !matches!(line.first(), Some(b' ' | b'\t')) {
                self.end_field(of, sink);
            }
            let room = HEADER_FIELD.saturating_sub(self.field.len());
            self.field
                .extend_from_slice(line.get(..room).unwrap_or(&line));
        }
        self.line = line;
        self.line.clear();
    }

    fn end_field(&mut self, of: Of, sink: &mut impl Sink) {
        if let Some(field) = Fields::new(&self.field).next() {
            self.content.field(&field);
            sink.field(of, &field);
        }
        self.field.clear();
    }

    /// Behind a header.
    fn begin_content(&mut self) {
        let content = core::mem::replace(&mut self.content, Content::new(Kind::Plain));
        self.at_line = true;
        self.place = match content.kind {
            Kind::Multipart {
                boundary,
                is_digest,
            } if self.open.len() < DEPTH => {
                self.open.push((boundary, is_digest));
                Place::Other
            }
            // An encoded one cannot be walked through while it is read, but is text as well.
            Kind::Message if matches!(content.encoding, None | Some(Encoding::Identity)) => {
                Place::Header(Of::Enclosed)
            }
            Kind::Message | Kind::Plain => match content.encoding {
                Some(encoding) => Place::Text(Text::new(encoding, content.charset)),
                None => Place::Other,
            },
            Kind::Multipart { .. } | Kind::Other => Place::Other,
        };
    }

    /// A line that begins with two hyphens is held back until it is known not to part anything.
    fn hold_line<'a>(&mut self, octets: &'a [u8], sink: &mut impl Sink) -> &'a [u8] {
        let known = self.line.len();
        let may_part = |at: usize, octet: &u8| at > 1 || *octet == b'-';
        let len = octets
            .iter()
            .enumerate()
            .position(|(at, octet)| *octet == b'\n' || !may_part(known + at, octet))
            .map_or(octets.len(), |at| at + 1)
            .min(DELIMITER.saturating_sub(known).max(1));
        let (line, rest) = octets.split_at_checked(len).unwrap_or((octets, &[]));
        self.line.extend_from_slice(line);
        let is_line = self.line.ends_with(b"\n");
        let goes_on = self.line.starts_with(b"--") || matches!(&*self.line, b"-");
        if is_line || !goes_on || self.line.len() >= DELIMITER {
            self.at_line = is_line;
            self.end_of_line(sink);
        }
        rest
    }

    /// Judges the line that was held back.
    fn end_of_line(&mut self, sink: &mut impl Sink) {
        let line = core::mem::take(&mut self.line);
        match self.delimiter(&line) {
            Some(level) => {
                self.in_delimiter = !self.at_line;
                self.part(level, sink);
            }
            None => self.content(&line, sink),
        }
        self.line = line;
        self.line.clear();
    }

    /// Passes on all up to the next line that may part something.
    fn pass_lines<'a>(&mut self, octets: &'a [u8], sink: &mut impl Sink) -> &'a [u8] {
        let mut end = 0;
        let next = loop {
            let rest = octets.get(end..).unwrap_or_default();
            match memchr(b'\n', rest) {
                Some(at) => end += at + 1,
                None => break None,
            }
            if octets.get(end).is_none_or(|octet| *octet == b'-') {
                break Some(end);
            }
        };
        self.at_line = next.is_some();
        let end = next.unwrap_or(octets.len());
        let (content, rest) = octets.split_at_checked(end).unwrap_or((octets, &[]));
        self.content(content, sink);
        rest
    }

    /// All is content where no multipart is open.
    fn body<'a>(&mut self, octets: &'a [u8], sink: &mut impl Sink) -> &'a [u8] {
        self.content(octets, sink);
        &[]
    }

    fn content(&mut self, octets: &[u8], sink: &mut impl Sink) {
        if let Place::Text(text) = &mut self.place
            && sink.wants_body()
        {
            text.feed(octets, sink);
        }
    }

    fn end_text(&mut self, sink: &mut impl Sink) {
        if let Place::Text(text) = &mut self.place {
            text.finish(sink);
            sink.text_end();
        }
        self.place = Place::Other;
    }

    /// The open multipart that the line parts or ends, counted from the outermost, and whether it
    /// ends it. The whole line need not be the delimiter (RFC 2046 §5.1.1); of those whose begin it
    /// is, the longest is meant, and of equal ones the innermost.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        let line = line.strip_prefix(b"--")?;
        let begins = self
            .open
            .iter()
            .enumerate()
            .filter_map(|(level, (boundary, _))| Some((level, line.strip_prefix(&**boundary)?)));
        // What is left is shortest behind the longest.
        let (level, rest) = begins.rev().min_by_key(|(_, rest)| rest.len())?;
        Some((level, rest.starts_with(b"--")))
    }

    /// Passes over what stands behind a delimiter in its line.
    fn delimiter_rest<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let end = memchr(b'\n', octets);
        self.in_delimiter = end.is_none();
        end.and_then(|at| octets.get(at + 1..)).unwrap_or_default()
    }

    /// Goes on behind a line that parts the multipart of that level, or ends it.
    fn part(&mut self, (level, is_end): (usize, bool), sink: &mut impl Sink) {
        self.end_text(sink);
        self.open.truncate(level + 1);
        self.at_line = true;
        if is_end {
            self.open.truncate(level);
            return;
        }
        let is_digest = self.open.last().is_some_and(|(_, is_digest)| *is_digest);
        self.content = Content::new(if is_digest {
            Kind::Message
        } else {
            Kind::Plain
        });
        self.place = Place::Header(Of::Part);
    }
}

/// The transfer encoding and the character set of a part that is text.
struct Text {
    encoding: Encoding,
    transfer: Decoder,
    charset: encoding_rs::Decoder,
    octets: Vec<u8>,
    text: String,
}

impl Text {
    fn new(encoding: Encoding, charset: Option<&'static encoding_rs::Encoding>) -> Self {
        Self {
            encoding,
            transfer: Decoder::new(encoding),
            charset: charset.unwrap_or(UTF_8).new_decoder_without_bom_handling(),
            octets: Vec::new(),
            text: String::new(),
        }
    }

    fn feed(&mut self, octets: &[u8], sink: &mut impl Sink) {
        if self.encoding == Encoding::Identity {
            self.decode(octets, false, sink);
            return;
        }
        let mut decoded = core::mem::take(&mut self.octets);
        self.transfer.feed(octets, &mut decoded);
        self.decode(&decoded, false, sink);
        decoded.clear();
        self.octets = decoded;
    }

    fn finish(&mut self, sink: &mut impl Sink) {
        let mut decoded = core::mem::take(&mut self.octets);
        self.transfer.finish(&mut decoded);
        self.decode(&decoded, true, sink);
    }

    fn decode(&mut self, mut octets: &[u8], is_last: bool, sink: &mut impl Sink) {
        loop {
            self.text.clear();
            self.text.reserve(4 * 1024);
            let (result, read, _) = self
                .charset
                .decode_to_string(octets, &mut self.text, is_last);
            sink.text(&self.text);
            octets = octets.get(read..).unwrap_or_default();
            if result == CoderResult::InputEmpty {
                return;
            }
        }
    }
}
