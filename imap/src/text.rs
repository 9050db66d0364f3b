//! What a [`Text`] of a response is compared with, and how it is shown.
//!
//! Strings come out of responses as views of the frame. The octets are what the server sent, and
//! nothing says that they are UTF-8: servers hand out raw 8-bit headers.

use core::fmt;

use mailwire_core::text::{Octets, Sanitized};

pub use crate::grammar::Text;
use crate::grammar::{Form, Span};

impl<'a> Text<'a> {
    /// The string whose wire form, as an atom, a quoted string or a literal, is `wire`.
    ///
    /// ```
    /// use mailwire_imap::text::Text;
    /// assert_eq!(Text::of_wire(b"atom"), "atom");
    /// assert_eq!(Text::of_wire(br#""say \"hi\"""#), r#"say "hi""#);
    /// assert_eq!(Text::of_wire(b"{5}\r\nhello"), "hello");
    /// ```
    #[must_use]
    pub fn of_wire(wire: &'a [u8]) -> Self {
        match wire {
            [b'"', quoted @ ..] => {
                let octets = quoted.strip_suffix(b"\"").unwrap_or(quoted);
                if memchr::memchr(b'\\', octets).is_some() {
                    Span::new(0..octets.len(), Form::Escaped).text(octets)
                } else {
                    Self::plain(octets)
                }
            }
            [b'{', ..] | [b'~', b'{', ..] => {
                let head = memchr::memchr(b'\n', wire).map_or(wire.len(), |lf| lf + 1);
                Self::plain(wire.get(head..).unwrap_or_default())
            }
            _ => Self::plain(wire),
        }
    }

    /// As [`of_wire`](Self::of_wire), but nothing for an unquoted `NIL`.
    pub(crate) fn of_nstring(wire: &'a [u8]) -> Option<Self> {
        // A quoted "NIL" is three letters, not the absence of a string.
        (!wire.eq_ignore_ascii_case(b"NIL")).then(|| Self::of_wire(wire))
    }

    /// Whether it is `other` without regard to the case of ASCII letters.
    ///
    /// ```
    /// use mailwire_imap::text::Text;
    /// assert!(Text::plain(b"Inbox").eq_ignore_ascii_case(b"INBOX"));
    /// ```
    #[must_use]
    pub fn eq_ignore_ascii_case(self, other: &[u8]) -> bool {
        self.octets().eq_ignore_ascii_case(other)
    }

    /// A copy to keep.
    #[must_use]
    pub fn to_octets(self) -> Octets {
        Octets::from(&*self.octets())
    }
}

impl PartialEq<[u8]> for Text<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        *self == Text::plain(other)
    }
}

impl PartialEq<&[u8]> for Text<'_> {
    fn eq(&self, other: &&[u8]) -> bool {
        *self == Text::plain(other)
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        *self == Text::plain(other.as_bytes())
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == Text::plain(other.as_bytes())
    }
}

/// At most [`QUOTED_TEXT`](mailwire_core::limits::QUOTED_TEXT) octets of it, fit to be shown.
impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Sanitized(&self.octets()), f)
    }
}
