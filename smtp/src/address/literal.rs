//! Address literals: hosts without a name.

use core::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use mailwire_core::text::ByteStr;

use crate::error::InvalidValue;

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
        let _ = text;
        unimplemented!()
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
        let _ = (tag, content);
        unimplemented!()
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> &str {
        unimplemented!()
    }

    /// What stands behind the colon.
    #[must_use]
    pub fn content(&self) -> &str {
        unimplemented!()
    }

    /// Tag, colon and content.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}
