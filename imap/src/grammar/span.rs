//! Where a string stands in its frame, and what it says.

use alloc::{borrow::Cow, vec::Vec};
use core::ops::Range;

use bytes::Bytes;
use mailwire_core::text::Octets;

/// Where a string stands in its frame: 12 octets, to be kept instead of a slice.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::grammar::Cursor;
/// let frame = Bytes::from_static(br#""a \"b\"""#);
/// let span = Cursor::new(&frame).string()?;
/// assert_eq!(&*span.text(&frame).octets(), br#"a "b""#);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    start: u32,
    end: u32,
    form: Form,
}

/// How a string was written.
///
/// ```
/// use mailwire_imap::grammar::Form;
/// assert_ne!(Form::Quoted, Form::Escaped);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Form {
    /// An atom.
    Atom,
    /// A quoted string without a backslash.
    Quoted,
    /// A quoted string with backslashes that are to be undone.
    Escaped,
    /// A literal.
    Literal,
    /// A literal8, which may hold NUL (RFC 3516 §4.4).
    Literal8,
}

impl Span {
    /// What stands at `range`, written as `form`. A frame above 4 GiB does not exist: `limits` are
    /// far below.
    pub(crate) fn new(range: Range<usize>, form: Form) -> Self {
        Self {
            start: u32::try_from(range.start).unwrap_or(u32::MAX),
            end: u32::try_from(range.end).unwrap_or(u32::MAX),
            form,
        }
    }

    /// The octets between the quotes or of the literal, as a range of the frame.
    #[must_use]
    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// How it was written.
    #[must_use]
    pub const fn form(self) -> Form {
        self.form
    }

    /// The string as a view of the frame that it was read from.
    #[must_use]
    pub fn text(self, frame: &[u8]) -> Text<'_> {
        Text {
            raw: frame.get(self.range()).unwrap_or_default(),
            escaped: matches!(self.form, Form::Escaped),
        }
    }

    /// The string as a value, escapes undone; a slice of the frame where it is long.
    #[must_use]
    pub fn octets(self, frame: &Bytes) -> Octets {
        match self.form {
            Form::Escaped => Octets::from(Bytes::from(self.text(frame).octets().into_owned())),
            _ => Octets::slice_of(frame, self.range()),
        }
    }
}

/// A string as it stands in the frame; its escapes are undone on request.
///
/// ```
/// use mailwire_imap::grammar::Text;
/// assert_eq!(Text::plain(b"plain").to_str()?, "plain");
/// assert!(Text::plain(b"a\xff").to_str().is_err());
/// # Ok::<(), core::str::Utf8Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Text<'a> {
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> Text<'a> {
    /// Octets without escapes.
    #[must_use]
    pub const fn plain(raw: &'a [u8]) -> Self {
        Self {
            raw,
            escaped: false,
        }
    }

    /// The octets as they stand on the wire, backslashes included.
    #[must_use]
    pub const fn raw(self) -> &'a [u8] {
        self.raw
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.raw.is_empty()
    }

    /// The octets, escapes undone; copied only where there was one.
    #[must_use]
    #[inline]
    pub fn octets(self) -> Cow<'a, [u8]> {
        if self.escaped {
            Cow::Owned(self.unescaped())
        } else {
            Cow::Borrowed(self.raw)
        }
    }

    #[cold]
    fn unescaped(self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while let Some(at) = memchr::memchr(b'\\', rest) {
            octets.extend_from_slice(rest.get(..at).unwrap_or_default());
            octets.extend(rest.get(at + 1));
            rest = rest.get(at + 2..).unwrap_or_default();
        }
        octets.extend_from_slice(rest);
        octets
    }

    /// The text, where it is UTF-8.
    ///
    /// # Errors
    ///
    /// The octets are not UTF-8.
    pub fn to_str(self) -> Result<Cow<'a, str>, core::str::Utf8Error> {
        match self.octets() {
            Cow::Borrowed(octets) => core::str::from_utf8(octets).map(Cow::Borrowed),
            Cow::Owned(octets) => alloc::string::String::from_utf8(octets)
                .map(Cow::Owned)
                .map_err(|error| error.utf8_error()),
        }
    }

    fn iter(self) -> impl Iterator<Item = u8> + 'a {
        let mut rest = self.raw.iter().copied();
        core::iter::from_fn(move || match rest.next()? {
            b'\\' if self.escaped => rest.next(),
            octet => Some(octet),
        })
    }
}

impl PartialEq for Text<'_> {
    /// Equal where the octets are, however they were written.
    fn eq(&self, other: &Self) -> bool {
        if self.escaped || other.escaped {
            self.iter().eq(other.iter())
        } else {
            self.raw == other.raw
        }
    }
}

impl Eq for Text<'_> {}

impl core::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "\"{}\"", self.octets().escape_ascii())
    }
}
