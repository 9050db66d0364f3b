//! Address literals: hosts without a name.

use alloc::format;
use core::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use mailwire_core::text::ByteStr;

use super::{
    class::{DCONTENT, LET_DIG, is},
    parse::{self, Source},
};
use crate::{
    error::{Expected, InvalidValue},
    limits::DOMAIN,
};

/// The tag that is no tag of a general literal.
const IPV6: &str = "IPv6";

/// `address-literal`, RFC 5321 §4.1.3: never to be looked up as a name.
///
/// ```
/// use mailwire_smtp::address::AddressLiteral;
/// let literal = "[IPv6:::1]".parse::<AddressLiteral>()?;
/// assert_eq!(literal, AddressLiteral::V6(core::net::Ipv6Addr::LOCALHOST));
/// assert!("[::1]".parse::<AddressLiteral>().is_err());
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[expect(clippy::exhaustive_enums, reason = "RFC 5321 §4.1.3 has these three")]
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum AddressLiteral {
    /// `[192.0.2.1]`. A number with a zero in front is refused: some take it for octal.
    V4(Ipv4Addr),
    /// `[IPv6:2001:db8::1]`, without a scope.
    V6(Ipv6Addr),
    /// `[tag:content]` of a tag that we do not know.
    General(GeneralLiteral),
}

impl AddressLiteral {
    /// The literal of text in brackets that has been checked; nothing if it has no brackets.
    pub(super) fn from_brackets(text: &str) -> Option<Self> {
        Self::from_content(text.strip_prefix('[')?.strip_suffix(']')?)
    }

    /// The literal of what stands between the brackets.
    pub(super) fn from_content(content: &str) -> Option<Self> {
        if content
            .bytes()
            .all(|octet| octet.is_ascii_digit() || octet == b'.')
        {
            return content.parse().ok().map(Self::V4);
        }
        let (tag, address) = content.split_once(':')?;
        if tag.eq_ignore_ascii_case(IPV6) {
            return address.parse().ok().map(Self::V6);
        }
        GeneralLiteral::new(tag, address).ok().map(Self::General)
    }
}

impl fmt::Display for AddressLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => write!(f, "[{address}]"),
            Self::V6(address) => write!(f, "[IPv6:{address}]"),
            Self::General(general) => write!(f, "[{}]", general.as_str()),
        }
    }
}

impl core::str::FromStr for AddressLiteral {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let (literal, end) = match text.as_bytes() {
            [b'[', ..] => parse::literal(Source::text(text), 0)?,
            _ => return Err(InvalidValue::new(Expected::AddressLiteral, 0)),
        };
        if end < text.len() {
            return Err(InvalidValue::new(Expected::End, end));
        }
        Ok(literal)
    }
}

/// `General-address-literal`, RFC 5321 §4.1.3.
///
/// ```
/// use mailwire_smtp::address::{AddressLiteral, GeneralLiteral};
/// let literal = GeneralLiteral::new("x400", "c=gb")?;
/// assert_eq!(AddressLiteral::General(literal).to_string(), "[x400:c=gb]");
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct GeneralLiteral {
    text: ByteStr,
}

impl GeneralLiteral {
    /// The literal of that tag and content.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] where a character is not allowed, the tag is `IPv6`, or the whole is
    /// longer than a domain may be.
    pub fn new(tag: &str, content: &str) -> Result<Self, InvalidValue> {
        let bad = |at| Err(InvalidValue::new(Expected::AddressLiteral, at));
        let ldh = |octet: u8| is(octet, LET_DIG) || octet == b'-';
        if let Some(at) = tag.bytes().position(|octet| !ldh(octet)) {
            return bad(at);
        }
        if tag.is_empty() || tag.ends_with('-') || tag.eq_ignore_ascii_case(IPV6) {
            return bad(tag.len());
        }
        let start = tag.len() + 1;
        if let Some(at) = content.bytes().position(|octet| !is(octet, DCONTENT)) {
            return bad(start + at);
        }
        // The brackets are part of what stands in the place of a domain.
        if content.is_empty() || start + content.len() + 2 > DOMAIN {
            return bad(start);
        }
        Ok(Self {
            text: ByteStr::from(format!("{tag}:{content}")),
        })
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> &str {
        self.text.split_once(':').map_or("", |(tag, _)| tag)
    }

    /// What stands behind the colon.
    #[must_use]
    pub fn content(&self) -> &str {
        self.text.split_once(':').map_or("", |(_, content)| content)
    }

    /// Tag, colon and content.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}
