//! Domains, hosts, and the names that clients give themselves.

use alloc::borrow::Cow;
use core::fmt;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use mailwire_core::text::ByteStr;

use super::{
    AddressLiteral,
    class::{NON_ASCII, VCHAR},
    parse::{self, Source},
};
use crate::{
    error::{Expected, InvalidValue},
    limits::DOMAIN,
};

/// `Domain`, RFC 5321 §4.1.2 with the U-labels of RFC 6531 §3.3: at most 255 octets, labels of at
/// most 63, no dot at the end.
///
/// Labels that are not ASCII, and labels that begin with `xn--`, are checked by UTS 46 (strict and
/// non-transitional); a U-label must be in its canonical form. Equality ignores the case of ASCII
/// letters; the A-label and the U-label form of a name differ, compare [`to_ascii`](Self::to_ascii).
///
/// ```
/// use mailwire_smtp::address::Domain;
/// let domain = "bücher.example".parse::<Domain>()?;
/// assert_eq!(domain.to_ascii().as_str(), "xn--bcher-kva.example");
/// assert!("my_host.example".parse::<Domain>().is_err());
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone)]
pub struct Domain {
    text: ByteStr,
}

impl Domain {
    /// The domain as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is written without U-labels, so that it needs no SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }

    /// The form for DNS and TLS: U-labels as A-labels, letters in lower case.
    #[must_use]
    pub fn to_ascii(&self) -> Self {
        // The constructors refuse what has no such form.
        let ascii = to_a_labels(self.text.as_bytes()).unwrap_or_default();
        Self {
            text: ByteStr::from(&*ascii),
        }
    }

    /// Copies what would pin a read buffer.
    #[must_use]
    pub fn detach(self) -> Self {
        Self {
            text: self.text.detach(),
        }
    }

    /// A domain of text that has been checked.
    pub(super) const fn assemble(text: ByteStr) -> Self {
        Self { text }
    }
}

/// The form of A-labels in lower case. ASCII without `xn--` is not looked at closely.
fn to_a_labels(domain: &[u8]) -> Option<Cow<'_, str>> {
    let is_plain = domain.is_ascii() && memchr::memmem::find(domain, b"--").is_none();
    if is_plain {
        let text = core::str::from_utf8(domain).ok()?;
        return Some(Cow::Owned(text.to_ascii_lowercase()));
    }
    Uts46::new()
        .to_ascii(
            domain,
            AsciiDenyList::STD3,
            // Names with hyphens in the third and fourth place exist in ASCII.
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .ok()
}

/// Whether a domain with labels that are not ASCII, or that may begin with `xn--`, is valid by
/// UTS 46 without transitional processing, and each U-label is in its canonical form: what the
/// mapping of UTS 46 would change, such as full-width dots or letters, is not a U-label.
pub(super) fn is_strict_idna(domain: &[u8]) -> bool {
    let Some(ascii) = to_a_labels(domain) else {
        return false;
    };
    let (unicode, valid) = Uts46::new().to_unicode(
        ascii.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
    );
    let mut canonical = unicode.split('.').map(str::as_bytes);
    let same = domain.split(|octet| *octet == b'.').all(|label| {
        let canonical = canonical.next();
        label.is_ascii() || canonical.is_some_and(|canonical| canonical.eq_ignore_ascii_case(label))
    });
    valid.is_ok() && same && canonical.next().is_none()
}

impl PartialEq for Domain {
    fn eq(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(&other.text)
    }
}

impl Eq for Domain {}

impl core::hash::Hash for Domain {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        for octet in self.text.bytes() {
            state.write_u8(octet.to_ascii_lowercase());
        }
        state.write_u8(0xff);
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::str::FromStr for Domain {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let source = Source::text(text);
        let end = parse::domain_end(source, 0)?;
        if end < text.len() {
            return Err(InvalidValue::new(Expected::Domain, end));
        }
        source.keep(0..end).map(Self::assemble)
    }
}

/// What stands behind the `@`: a domain or an address literal.
///
/// ```
/// use mailwire_smtp::address::{AddressLiteral, Host};
/// assert!(matches!("example.org".parse()?, Host::Domain(_)));
/// assert!(matches!("[127.0.0.1]".parse()?, Host::Literal(AddressLiteral::V4(_))));
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[expect(clippy::exhaustive_enums, reason = "RFC 5321 §4.1.2 has these two")]
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Host {
    /// A name.
    Domain(Domain),
    /// An address.
    Literal(AddressLiteral),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => domain.fmt(f),
            Self::Literal(literal) => literal.fmt(f),
        }
    }
}

impl core::str::FromStr for Host {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match parse::host(Source::text(text), 0)? {
            (host, end) if end == text.len() => Ok(host),
            (Self::Domain(_), end) => Err(InvalidValue::new(Expected::Domain, end)),
            (Self::Literal(_), end) => Err(InvalidValue::new(Expected::End, end)),
        }
    }
}

impl From<Domain> for Host {
    fn from(domain: Domain) -> Self {
        Self::Domain(domain)
    }
}

impl From<AddressLiteral> for Host {
    fn from(literal: AddressLiteral) -> Self {
        Self::Literal(literal)
    }
}

/// The name that a client gives itself in EHLO, HELO or LHLO.
///
/// RFC 5321 §4.1.4 forbids to refuse mail because a name is not that of the client, and many
/// clients give names with underscores or bare addresses. So a single word of printable characters
/// is kept as [`Other`](Self::Other); a server may refuse it, and must not trust it.
///
/// ```
/// use mailwire_smtp::address::{ClientName, Host};
/// assert!(matches!("client.example".parse()?, ClientName::Host(Host::Domain(_))));
/// assert!(matches!("DESKTOP_1".parse()?, ClientName::Other(_)));
/// assert!("a b".parse::<ClientName>().is_err());
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "what is not a host is something else"
)]
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ClientName {
    /// What the RFC asks for.
    Host(Host),
    /// Something else.
    Other(OtherName),
}

/// A word of printable characters that is neither a domain nor an address literal, of at most 255
/// octets.
///
/// ```
/// use mailwire_smtp::address::ClientName;
/// let ClientName::Other(name) = "my_host".parse()? else { unreachable!() };
/// assert_eq!(name.as_str(), "my_host");
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct OtherName(ByteStr);

impl OtherName {
    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => host.fmt(f),
            Self::Other(name) => f.write_str(name.as_str()),
        }
    }
}

impl From<Host> for ClientName {
    fn from(host: Host) -> Self {
        Self::Host(host)
    }
}

impl From<Domain> for ClientName {
    fn from(domain: Domain) -> Self {
        Self::Host(Host::Domain(domain))
    }
}

impl core::str::FromStr for ClientName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Self::parse(Source::text(text), 0)
    }
}

impl ClientName {
    /// The name that is all of `source` from `at` on.
    pub(crate) fn parse(source: Source<'_>, at: usize) -> Result<Self, InvalidValue> {
        let end = source.octets().len();
        if let Ok((host, host_end)) = parse::host(source, at)
            && host_end == end
        {
            return Ok(Self::Host(host));
        }
        let word = source.run(at, VCHAR | NON_ASCII);
        if word == 0 || at + word < end {
            return Err(InvalidValue::new(Expected::ClientName, at + word));
        }
        if word > DOMAIN {
            return Err(InvalidValue::new(Expected::ClientName, at + DOMAIN));
        }
        source
            .keep(at..end)
            .map(|name| Self::Other(OtherName(name)))
    }
}
