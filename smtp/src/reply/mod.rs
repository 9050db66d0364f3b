//! Replies: codes, enhanced codes, lines, and the parser of a client.
//!
//! Read first: RFC 5321 §4.2, RFC 2034 §4, RFC 3463 §2.

mod code;
mod parse;
mod write;

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::{self, Write};

use bytes::BytesMut;
pub use code::{Code, EnhancedCode, Severity};
use mailwire_core::{
    limits::QUOTED_TEXT,
    text::{Octets, Sanitized},
};
pub use parse::ReplyParser;
use write::Writer;
pub(crate) use write::shown;

/// A reply, received or to be sent: one piece of octets as they stand on the wire.
///
/// ```
/// use mailwire_smtp::reply::{Code, EnhancedCode, Reply};
/// let reply = Reply::new(Code::OK, EnhancedCode::of::<2, 1, 5>(), "alice is welcome");
/// assert_eq!(reply.wire(), b"250 2.1.5 alice is welcome\r\n");
/// assert_eq!(reply.lines().next().unwrap().text(), b"alice is welcome");
/// // Nothing that an application puts into the text becomes a second reply.
/// let reply = Reply::new(Code::OK, None, "done\r\n250 injected");
/// assert_eq!(reply.wire(), b"250-done\r\n250 250 injected\r\n");
/// ```
#[derive(Clone)]
pub struct Reply {
    code: Code,
    wire: Octets,
}

impl Reply {
    /// A reply of that code and text.
    ///
    /// The text may have several lines; long ones are broken, so that none passes 512 octets
    /// (RFC 5321 §4.5.3.1.5), and what passes [`REPLY_LINES`](crate::limits::REPLY_LINES) lines is
    /// cut off. What is neither printable ASCII nor a tab becomes `?`. The enhanced code takes its
    /// class from the reply code, and is left out of 3yz replies (RFC 2034 §4).
    #[must_use]
    pub fn new(code: Code, enhanced: impl Into<Option<EnhancedCode>>, text: &str) -> Self {
        let mut writer = Writer::new(code, enhanced.into());
        writer.text(text);
        writer.finish()
    }

    /// A reply whose text is put together from values: `Reply::format(code, enhanced,
    /// format_args!("{n} octets"))`.
    #[must_use]
    pub fn format(
        code: Code,
        enhanced: impl Into<Option<EnhancedCode>>,
        text: fmt::Arguments<'_>,
    ) -> Self {
        let mut writer = Writer::new(code, enhanced.into());
        // The writer itself never fails; where a value's `Display` does, its text ends.
        let _ = writer.write_fmt(text);
        writer.finish()
    }

    /// A reply of lines that have been written with hyphens, the last of them at `last`.
    pub(crate) fn assemble(code: Code, mut wire: BytesMut, last: usize) -> Self {
        if let Some(hyphen) = wire.get_mut(last + 3) {
            *hyphen = b' ';
        }
        let wire = Octets::from(wire.freeze());
        Self { code, wire }
    }

    /// The reply code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What the reply code's first digit says.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// The enhanced code of the first line, if its class is that of the reply code.
    #[must_use]
    pub fn enhanced(&self) -> Option<EnhancedCode> {
        let text = self.wire.get(4..)?;
        let (enhanced, _) = match text {
            // The line must end where the code does, if it is not the usual form.
            [_, b'.', _, b'.', _, b' ', ..] => EnhancedCode::split(text)?,
            _ => EnhancedCode::split(self.lines().next()?.raw)?,
        };
        (u16::from(enhanced.class()) == self.code.value() / 100).then_some(enhanced)
    }

    /// Its lines, at least one.
    #[must_use]
    pub fn lines(&self) -> Lines<'_> {
        Lines::new(&self.wire)
    }

    /// The octets on the wire, with every CRLF.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// Appends the reply to `out`.
    pub fn encode(&self, out: &mut BytesMut) {
        out.extend_from_slice(&self.wire);
    }

    /// All text on one line, without enhanced codes, capped and fit to be shown.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = Vec::new();
        for line in self.lines().filter(|line| !line.text().is_empty()) {
            if !text.is_empty() {
                text.push(b' ');
            }
            text.extend_from_slice(line.text());
            if text.len() > QUOTED_TEXT {
                break;
            }
        }
        Sanitized(&text).to_string()
    }

    /// Copies what would pin a read buffer.
    #[must_use]
    pub fn detach(self) -> Self {
        Self {
            wire: self.wire.detach(),
            ..self
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({})", self.wire.escape_ascii())
    }
}

impl PartialEq for Reply {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code && self.lines().eq(other.lines())
    }
}

impl Eq for Reply {}

/// The lines of a reply.
///
/// ```
/// use mailwire_smtp::reply::{Code, Reply};
/// assert_eq!(Reply::new(Code::OK, None, "a\nb").lines().count(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    pub(crate) const fn new(wire: &'a [u8]) -> Self {
        Self { rest: wire }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let end = memchr::memchr(b'\n', self.rest)?;
        let (line, rest) = self.rest.split_at_checked(end + 1)?;
        self.rest = rest;
        // Code, hyphen or space, and CRLF; a line may be a code alone.
        let line = line.strip_suffix(b"\r\n").unwrap_or(line);
        Some(Line {
            raw: line.get(4..).unwrap_or_default(),
        })
    }
}

/// One line of a reply, without its code.
///
/// ```
/// use mailwire_smtp::reply::{Code, EnhancedCode, Reply};
/// let reply = Reply::new(Code::OK, EnhancedCode::of::<2, 0, 0>(), "ok");
/// let line = reply.lines().next().unwrap();
/// assert_eq!((line.raw(), line.text()), (&b"2.0.0 ok"[..], &b"ok"[..]));
/// assert_eq!(line.enhanced(), Some(EnhancedCode::of::<2, 0, 0>()));
/// ```
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Line<'a> {
    raw: &'a [u8],
}

impl<'a> Line<'a> {
    /// All that stands behind the code and the space or hyphen.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The enhanced code that this line begins with, whatever the reply code is.
    #[must_use]
    pub fn enhanced(&self) -> Option<EnhancedCode> {
        EnhancedCode::split(self.raw).map(|(enhanced, _)| enhanced)
    }

    /// What stands behind the enhanced code, if there is one. To show it, wrap it in
    /// [`Sanitized`].
    #[must_use]
    pub fn text(&self) -> &'a [u8] {
        EnhancedCode::split(self.raw).map_or(self.raw, |(_, text)| text)
    }
}

impl fmt::Debug for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.raw.escape_ascii())
    }
}
