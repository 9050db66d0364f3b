//! Mailboxes and paths.

use alloc::{borrow::Cow, format};
use core::fmt::{self, Write};

use mailwire_core::text::{ByteStr, Octets};

use super::{
    AddressLiteral, Domain, Host,
    parse::{self, Source, dot_string, is_control, unquote},
};
use crate::{
    error::{Expected, InvalidValue},
    limits::LOCAL_PART,
};

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

impl ReversePath {
    pub(crate) fn write(&self, out: &mut impl Write) -> fmt::Result {
        write_path(self.mailbox().map_or("", Mailbox::as_str), out)
    }
}

impl ForwardPath {
    pub(crate) fn write(&self, out: &mut impl Write) -> fmt::Result {
        write_path(self.mailbox().map_or("Postmaster", Mailbox::as_str), out)
    }
}

fn write_path(content: &str, out: &mut impl Write) -> fmt::Result {
    out.write_char('<')?;
    out.write_str(content)?;
    out.write_char('>')
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

impl core::str::FromStr for ReversePath {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let (value, end) = parse::reverse_path(Source::text(text), 0)?;
        whole(value, end, text)
    }
}

impl core::str::FromStr for ForwardPath {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let (value, end) = parse::forward_path(Source::text(text), 0)?;
        whole(value, end, text)
    }
}

/// The value, if nothing stands behind it.
fn whole<T>(value: T, end: usize, text: &str) -> Result<T, InvalidValue> {
    if end < text.len() {
        return Err(InvalidValue::new(Expected::End, end));
    }
    Ok(value)
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
    /// Canonical form, which is UTF-8.
    text: Octets,
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
        format!("{local_part}@{host}").parse()
    }

    /// The mailbox as it is sent, without angle brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The parser has checked it; a second check is cheap beside an `unsafe`.
        core::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// The local part without quotes: what is looked up.
    #[must_use]
    pub fn local_part(&self) -> Cow<'_, str> {
        let local_part = self.split().0;
        match local_part.strip_prefix('"') {
            None => Cow::Borrowed(local_part),
            Some(quoted) => {
                let content = quoted.strip_suffix('"').unwrap_or(quoted);
                if content.contains('\\') {
                    Cow::Owned(unquote(content))
                } else {
                    Cow::Borrowed(content)
                }
            }
        }
    }

    /// The domain, or the address literal in its brackets, as it was written.
    #[must_use]
    pub fn host_str(&self) -> &str {
        self.split().1
    }

    /// The domain or the address literal as a value.
    #[must_use]
    pub fn host(&self) -> Host {
        match AddressLiteral::from_brackets(self.host_str()) {
            Some(literal) => Host::Literal(literal),
            None => Host::Domain(Domain::assemble(ByteStr::from(self.host_str()))),
        }
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

    /// A mailbox of text that has been checked, whose `@` stands at `at`.
    pub(super) fn assemble(text: Octets, at: usize) -> Option<Self> {
        let at = u8::try_from(at).ok()?;
        Some(Self { text, at })
    }

    /// The local part as it is sent, and the host.
    fn split(&self) -> (&str, &str) {
        let (local_part, rest) = self
            .as_str()
            .split_at_checked(usize::from(self.at))
            .unwrap_or_default();
        (local_part, rest.strip_prefix('@').unwrap_or(rest))
    }
}

impl PartialEq for Mailbox {
    fn eq(&self, other: &Self) -> bool {
        let (local_part, host) = self.split();
        let (other_local_part, other_host) = other.split();
        local_part == other_local_part && host.eq_ignore_ascii_case(other_host)
    }
}

impl Eq for Mailbox {}

impl core::hash::Hash for Mailbox {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        let (local_part, host) = self.split();
        local_part.hash(state);
        for octet in host.bytes() {
            state.write_u8(octet.to_ascii_lowercase());
        }
        state.write_u8(0xff);
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
        let (value, end) = parse::mailbox(Source::text(text), 0)?;
        whole(value, end, text)
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
        if let Some(at) = unquoted.find(is_control) {
            return Err(InvalidValue::new(Expected::LocalPart, at));
        }
        let local_part = Self(ByteStr::from(unquoted));
        if format!("{local_part}").len() > LOCAL_PART {
            return Err(InvalidValue::new(Expected::LocalPart, unquoted.len()));
        }
        Ok(local_part)
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
        write_local_part(&self.0, f)
    }
}

/// Writes a local part as it is sent: as a dot-string where it is one, else with the fewest quotes
/// (RFC 5321 §4.1.2).
pub(super) fn write_local_part(unquoted: &str, out: &mut impl Write) -> fmt::Result {
    if dot_string(unquoted.as_bytes()) == Ok(unquoted.len()) {
        return out.write_str(unquoted);
    }
    out.write_char('"')?;
    for c in unquoted.chars() {
        if matches!(c, '"' | '\\') {
            out.write_char('\\')?;
        }
        out.write_char(c)?;
    }
    out.write_char('"')
}
