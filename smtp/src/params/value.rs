//! The values of parameters.

use core::fmt::{self, Write};

use mailwire_core::text::ByteStr;

use super::xtext::{write_xtext, xtext_len};
use crate::{
    address::{
        Mailbox,
        class::{ATEXT, VALUE, is},
        parse::is_control,
    },
    error::{Expected, InvalidValue},
    limits::{ENVID, ORCPT},
};

/// The value of `BODY`.
///
/// ```
/// use mailwire_smtp::params::BodyType;
/// assert_eq!(BodyType::BinaryMime.as_str(), "BINARYMIME");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum BodyType {
    /// `7BIT`, RFC 6152 §2.
    SevenBit,
    /// `8BITMIME`, RFC 6152 §2.
    EightBitMime,
    /// `BINARYMIME`, RFC 3030 §3.
    BinaryMime,
}

impl BodyType {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
        }
    }
}

/// The value of `RET`: what of the message a failure report returns.
///
/// ```
/// use mailwire_smtp::params::Ret;
/// assert_eq!(Ret::Hdrs.as_str(), "HDRS");
/// ```
#[expect(clippy::exhaustive_enums, reason = "RFC 3461 §4.3 has these two")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Ret {
    /// All of it.
    Full,
    /// Its headers.
    Hdrs,
}

impl Ret {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Hdrs => "HDRS",
        }
    }
}

/// The value of `NOTIFY`: which events are reported, or that none is.
///
/// ```
/// use mailwire_smtp::params::Notify;
/// let notify = Notify::SUCCESS.and(Notify::DELAY);
/// assert!(notify.contains(Notify::DELAY) && !notify.contains(Notify::FAILURE));
/// assert_eq!(notify.to_string(), "SUCCESS,DELAY");
/// assert_eq!(Notify::NEVER.to_string(), "NEVER");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Notify(u8);

impl Notify {
    /// Never report anything.
    pub const NEVER: Self = Self(0);
    /// Report delivery.
    pub const SUCCESS: Self = Self(1);
    /// Report failure.
    pub const FAILURE: Self = Self(2);
    /// Report delay.
    pub const DELAY: Self = Self(4);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are reported.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl Notify {
    pub(super) fn write(self, out: &mut impl Write) -> fmt::Result {
        if self == Self::NEVER {
            return out.write_str("NEVER");
        }
        let mut comma = "";
        for (event, word) in EVENTS {
            if self.contains(event) {
                out.write_str(comma)?;
                out.write_str(word)?;
                comma = ",";
            }
        }
        Ok(())
    }

    /// `notify-esmtp-value`: NEVER alone, or events with commas between them.
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        if value.eq_ignore_ascii_case(b"NEVER") {
            return Some(Self::NEVER);
        }
        let mut notify = Self::NEVER;
        for element in value.split(|octet| *octet == b',') {
            let (event, _) = EVENTS
                .into_iter()
                .find(|(_, word)| element.eq_ignore_ascii_case(word.as_bytes()))?;
            notify = notify.and(event);
        }
        Some(notify)
    }
}

const EVENTS: [(Notify, &str); 3] = [
    (Notify::SUCCESS, "SUCCESS"),
    (Notify::FAILURE, "FAILURE"),
    (Notify::DELAY, "DELAY"),
];

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

/// The value of `ENVID`, decoded: printable ASCII, at most 100 octets in xtext.
///
/// ```
/// use mailwire_smtp::params::EnvId;
/// assert_eq!(EnvId::new("QQ314159")?.as_str(), "QQ314159");
/// assert!(EnvId::new("a\0b").is_err());
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct EnvId(ByteStr);

impl EnvId {
    /// The envelope id of that text.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] for what is not printable ASCII, and for what is too long.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        Self::from_decoded(ByteStr::from(text))
    }

    pub(super) fn from_decoded(text: ByteStr) -> Result<Self, InvalidValue> {
        let bad = |at| Err(InvalidValue::new(Expected::EnvidValue, at));
        if let Some(at) = text.bytes().position(|octet| !matches!(octet, b' '..=b'~')) {
            return bad(at);
        }
        match xtext_len(&text) {
            1..=ENVID => Ok(Self(text)),
            _ => bad(text.len()),
        }
    }

    /// The text, without xtext.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The value of `ORCPT`: an address type and an address, decoded. At most 500 octets as sent.
///
/// Text that is not ASCII is allowed in an address of type `utf-8` only (RFC 6533 §3).
///
/// ```
/// use mailwire_smtp::params::OriginalRecipient;
/// let orcpt = OriginalRecipient::new("rfc822", "a+b@example.org")?;
/// assert_eq!(orcpt.address(), "a+b@example.org");
/// assert_eq!(orcpt.to_string(), "rfc822;a+2Bb@example.org");
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct OriginalRecipient {
    kind: ByteStr,
    address: ByteStr,
}

impl OriginalRecipient {
    /// The original recipient of that type and address.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] for a type that is no atom, for controls, and for what is too long.
    pub fn new(kind: &str, address: &str) -> Result<Self, InvalidValue> {
        Self::from_decoded(ByteStr::from(kind), ByteStr::from(address))
    }

    pub(super) fn from_decoded(kind: ByteStr, address: ByteStr) -> Result<Self, InvalidValue> {
        let bad = |at| Err(InvalidValue::new(Expected::OrcptValue, at));
        let is_kind = |octet: u8| is(octet, ATEXT) && is(octet, VALUE) && octet.is_ascii();
        if let Some(at) = kind.bytes().position(|octet| !is_kind(octet)) {
            return bad(at);
        }
        if kind.is_empty() {
            return bad(0);
        }
        let start = kind.len() + 1;
        if let Some(at) = address.find(is_control) {
            return bad(start + at);
        }
        if !kind.eq_ignore_ascii_case(UTF_8)
            && let Some(at) = address.find(|c: char| !c.is_ascii())
        {
            return bad(start + at);
        }
        if start + xtext_len(&address) > ORCPT {
            return bad(start);
        }
        Ok(Self { kind, address })
    }

    /// This mailbox, of type `rfc822`, or `utf-8` if it is not ASCII.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] if it is too long in xtext, which only a mailbox at a general literal is.
    pub fn of(mailbox: &Mailbox) -> Result<Self, InvalidValue> {
        let kind = if mailbox.is_ascii() { "rfc822" } else { UTF_8 };
        Self::new(kind, mailbox.as_str())
    }

    /// The address type.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The address, without xtext.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl OriginalRecipient {
    pub(super) fn write(&self, out: &mut impl Write) -> fmt::Result {
        out.write_str(&self.kind)?;
        out.write_char(';')?;
        write_xtext(&self.address, out)
    }
}

impl fmt::Display for OriginalRecipient {
    /// Writes it as it is sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

/// The address type whose addresses are not ASCII.
const UTF_8: &str = "utf-8";
