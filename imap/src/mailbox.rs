//! Mailbox names (RFC 9051 §5.1).

use alloc::borrow::Cow;
use core::fmt;

use bytes::Bytes;
use mailwire_core::text::Octets;

use crate::{
    error::{Expected, ParseError},
    grammar::Cursor,
    utf7::{self, InvalidUtf7},
};

/// A mailbox name as it stands on the wire, without quotes.
///
/// INBOX is one name in any case; all others are kept as they came, whether they are valid in an
/// encoding or not, so that what a server lists can be selected. NUL, CR and LF are in none.
///
/// ```
/// use mailwire_imap::mailbox::{Encoding, Mailbox};
/// assert!(Mailbox::new(b"inBox")?.is_inbox());
/// let sent = Mailbox::encode("Gesendet & gel\u{f6}scht", Encoding::Utf7)?;
/// assert_eq!(sent.as_bytes(), b"Gesendet &- gel&APY-scht");
/// assert_eq!(sent.name(Encoding::Utf7)?, "Gesendet & gel\u{f6}scht");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Mailbox(Octets);

/// How names that are not ASCII are written on a connection.
///
/// ```
/// use mailwire_imap::mailbox::Encoding;
/// assert_eq!(Encoding::default(), Encoding::Utf7);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 3501 has one, RFC 9051 the other"
)]
pub enum Encoding {
    /// Modified UTF-7 (RFC 3501 §5.1.3).
    #[default]
    Utf7,
    /// UTF-8, after ENABLE of UTF8=ACCEPT or IMAP4rev2 (RFC 6855 §3, RFC 9051 §5.1).
    Utf8,
}

/// The octets are no mailbox name: they hold NUL, CR or LF.
///
/// ```
/// use mailwire_imap::mailbox::Mailbox;
/// assert_eq!(Mailbox::new(b"a\r\nb").unwrap_err().to_string(), "invalid mailbox name");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid mailbox name")]
#[non_exhaustive]
pub struct InvalidMailbox;

/// The name is not valid in the encoding of the connection.
///
/// ```
/// use mailwire_imap::mailbox::{Encoding, Mailbox};
/// let name = Mailbox::new(b"&bad")?;
/// assert!(name.name(Encoding::Utf7).is_err());
/// assert_eq!(name.name(Encoding::Utf8).unwrap(), "&bad");
/// # Ok::<(), mailwire_imap::mailbox::InvalidMailbox>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// It is no modified UTF-7.
    #[error(transparent)]
    Utf7(#[from] InvalidUtf7),
    /// It is no UTF-8.
    #[error("invalid UTF-8 in a mailbox name")]
    Utf8,
}

impl Mailbox {
    /// INBOX.
    #[must_use]
    pub fn inbox() -> Self {
        Self(Octets::from(&b"INBOX"[..]))
    }

    /// A name by its octets on the wire.
    ///
    /// # Errors
    ///
    /// [`InvalidMailbox`] for NUL, CR and LF.
    pub fn new(wire: &[u8]) -> Result<Self, InvalidMailbox> {
        Self::from_octets(Octets::from(wire))
    }

    /// A name by its octets on the wire, without a copy.
    ///
    /// # Errors
    ///
    /// [`InvalidMailbox`] for NUL, CR and LF.
    pub fn from_octets(wire: Octets) -> Result<Self, InvalidMailbox> {
        if wire.eq_ignore_ascii_case(b"INBOX") {
            Ok(Self::inbox())
        } else if memchr::memchr3(0, b'\r', b'\n', &wire).is_some() {
            Err(InvalidMailbox)
        } else {
            Ok(Self(wire))
        }
    }

    /// A name as people write it.
    ///
    /// # Errors
    ///
    /// [`InvalidMailbox`] for NUL, CR and LF.
    pub fn encode(name: &str, encoding: Encoding) -> Result<Self, InvalidMailbox> {
        if memchr::memchr3(0, b'\r', b'\n', name.as_bytes()).is_some() {
            return Err(InvalidMailbox);
        }
        match encoding {
            Encoding::Utf7 => Self::from_octets(Octets::from(Bytes::from(utf7::encode(name)))),
            Encoding::Utf8 => Self::new(name.as_bytes()),
        }
    }

    /// Reads a `mailbox`: an astring.
    ///
    /// # Errors
    ///
    /// There is none, or it holds NUL, CR or LF.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let error = cursor.error(Expected::Mailbox);
        let span = cursor.astring()?;
        Self::from_octets(cursor.octets(span)).map_err(|_| error)
    }

    /// The octets on the wire, `INBOX` for INBOX.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it is INBOX.
    #[must_use]
    pub fn is_inbox(&self) -> bool {
        self.as_bytes() == b"INBOX"
    }

    /// The name as people read it.
    ///
    /// # Errors
    ///
    /// [`InvalidName`] where it is not valid in `encoding`; a client may show the octets then, a
    /// server refuses the command.
    pub fn name(&self, encoding: Encoding) -> Result<Cow<'_, str>, InvalidName> {
        let wire = self.as_bytes();
        let is_plain = !wire.contains(&b'&') && wire.is_ascii();
        match encoding {
            Encoding::Utf7 if !is_plain || wire.iter().any(u8::is_ascii_control) => {
                Ok(Cow::Owned(utf7::decode(wire)?))
            }
            _ => core::str::from_utf8(wire)
                .map(Cow::Borrowed)
                .map_err(|_| InvalidName::Utf8),
        }
    }

    /// Copies what would pin a larger frame.
    #[must_use]
    pub fn detach(self) -> Self {
        Self(self.0.detach())
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
