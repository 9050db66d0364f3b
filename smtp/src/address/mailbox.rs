//! Mailboxes and paths.

use alloc::borrow::Cow;
use core::fmt;

use mailwire_core::text::ByteStr;

use crate::{address::Host, error::InvalidValue};

/// `Reverse-path`, RFC 5321 §4.1.2: where failures are reported to.
///
/// ```
/// use mailwire_smtp::address::ReversePath;
/// assert_eq!("<>".parse::<ReversePath>()?, ReversePath::Null);
/// let path = "<@relay.example:alice@example.org>".parse::<ReversePath>()?;
/// assert_eq!(path.to_string(), "<alice@example.org>");
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[expect(clippy::exhaustive_enums, reason = "RFC 5321 §4.1.2 has these two")]
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ReversePath {
    /// `<>`: failures are not reported (RFC 5321 §4.5.5).
    Null,
    /// To this mailbox.
    Mailbox(Mailbox),
}

impl ReversePath {
    /// The mailbox, unless the path is null.
    #[must_use]
    pub const fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Null => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// Whether it needs no SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.mailbox().is_none_or(Mailbox::is_ascii)
    }
}

/// `Forward-path`, RFC 5321 §4.1.2: whom a message is for.
///
/// ```
/// use mailwire_smtp::address::ForwardPath;
/// assert_eq!("<postMaster>".parse::<ForwardPath>()?, ForwardPath::Postmaster);
/// assert!("<>".parse::<ForwardPath>().is_err());
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[expect(clippy::exhaustive_enums, reason = "RFC 5321 §4.1.1.3 has these two")]
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ForwardPath {
    /// `<Postmaster>` without a domain, in any case of letters (RFC 5321 §4.5.1).
    Postmaster,
    /// This mailbox.
    Mailbox(Mailbox),
}

impl ForwardPath {
    /// The mailbox, unless it is the postmaster without a domain.
    #[must_use]
    pub const fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Postmaster => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// Whether it needs no SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.mailbox().is_none_or(Mailbox::is_ascii)
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.mailbox().map_or("", Mailbox::as_str))
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<{}>",
            self.mailbox().map_or("Postmaster", Mailbox::as_str)
        )
    }
}

impl core::str::FromStr for ReversePath {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let _ = text;
        unimplemented!()
    }
}

impl core::str::FromStr for ForwardPath {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let _ = text;
        unimplemented!()
    }
}

impl From<Mailbox> for ReversePath {
    fn from(mailbox: Mailbox) -> Self {
        Self::Mailbox(mailbox)
    }
}

impl From<Mailbox> for ForwardPath {
    fn from(mailbox: Mailbox) -> Self {
        Self::Mailbox(mailbox)
    }
}

/// `Mailbox`, RFC 5321 §4.1.2: a local part and a host, one value in the form that is sent.
///
/// A path of such a mailbox has at most 256 octets (RFC 5321 §4.5.3.1.3). Equality respects the
/// case of the local part and ignores the case of ASCII letters in the host.
///
/// ```
/// use mailwire_smtp::address::Mailbox;
/// let mailbox = r#""john doe"@Example.org"#.parse::<Mailbox>()?;
/// assert_eq!(mailbox.local_part(), "john doe");
/// assert_eq!(mailbox.host_str(), "Example.org");
/// // The quotes that are not needed are not kept.
/// assert_eq!(r#""alice"@example.org"#.parse::<Mailbox>()?.as_str(), "alice@example.org");
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone)]
pub struct Mailbox {
    /// Canonical form.
    text: ByteStr,
    /// Where the `@` stands that is not quoted.
    at: u8,
}

impl Mailbox {
    /// The mailbox of that local part at that host.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] if the path would be longer than 256 octets.
    pub fn new(local_part: &LocalPart, host: &Host) -> Result<Self, InvalidValue> {
        let _ = (local_part, host);
        unimplemented!()
    }

    /// The mailbox as it is sent, without angle brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The local part without quotes: what is looked up.
    #[must_use]
    pub fn local_part(&self) -> Cow<'_, str> {
        let _ = self.at;
        unimplemented!()
    }

    /// The domain, or the address literal in its brackets, as it was written.
    #[must_use]
    pub fn host_str(&self) -> &str {
        unimplemented!()
    }

    /// The domain or the address literal as a value.
    #[must_use]
    pub fn host(&self) -> Host {
        unimplemented!()
    }

    /// Whether it needs no SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }

    /// Copies what would pin a read buffer.
    #[must_use]
    pub fn detach(self) -> Self {
        Self {
            text: self.text.detach(),
            ..self
        }
    }
}

impl PartialEq for Mailbox {
    fn eq(&self, other: &Self) -> bool {
        let _ = other;
        unimplemented!()
    }
}

impl Eq for Mailbox {}

impl core::hash::Hash for Mailbox {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        let _ = state;
        unimplemented!()
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.as_str())
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::str::FromStr for Mailbox {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let _ = text;
        unimplemented!()
    }
}

/// `Local-part`, RFC 5321 §4.1.2 and RFC 6531 §3.3: at most 64 octets as it is sent.
///
/// It is kept without quotes. No control character can be in it, not even quoted.
///
/// ```
/// use mailwire_smtp::address::LocalPart;
/// let local = LocalPart::new("john doe")?;
/// assert_eq!(local.as_str(), "john doe");
/// assert_eq!(local.to_string(), r#""john doe""#);
/// assert!(LocalPart::new("a\r\nRCPT TO:<x@y>").is_err());
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct LocalPart(ByteStr);

impl LocalPart {
    /// The local part with that text, which is not quoted.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] for controls, and where the local part as it is sent would be longer than
    /// 64 octets.
    pub fn new(unquoted: &str) -> Result<Self, InvalidValue> {
        let _ = unquoted;
        unimplemented!()
    }

    /// The text without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LocalPart {
    /// Writes it as it is sent: quoted if that is needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        unimplemented!()
    }
}
