//! The values of parameters.

use alloc::{format, string::String};
use core::fmt::{self, Write};

use mailwire_core::text::ByteStr;

use crate::{
    address::{
        Mailbox,
        class::{ATEXT, LET_DIG, NON_ASCII, VALUE, XCHAR, is},
        parse::{Source, is_control},
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

/// `esmtp-param`, RFC 5321 §4.1.2: a parameter that has no type of its own, as it stands there.
///
/// ```
/// use mailwire_smtp::params::Param;
/// let param = Param::new("FOO", "1")?;
/// assert_eq!((param.keyword(), param.value()), ("FOO", Some("1")));
/// assert!(Param::new("FOO", "a b").is_err());
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone, Debug)]
pub struct Param {
    text: ByteStr,
    /// The length of the keyword.
    keyword: usize,
    /// Where it stood in the command, for the error that refuses it.
    offset: usize,
}

impl Param {
    /// A parameter with or without a value.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] where a character is not allowed, or the value is empty.
    pub fn new<'a>(keyword: &str, value: impl Into<Option<&'a str>>) -> Result<Self, InvalidValue> {
        let bad = |at| Err(InvalidValue::new(Expected::EsmtpParam, at));
        let text = match value.into() {
            None => ByteStr::from(keyword),
            Some(value) => ByteStr::from(format!("{keyword}={value}")),
        };
        // Nothing but one parameter parses as one.
        let (parsed, end) = Self::parse(Source::text(&text), 0)?;
        if end < text.len() || parsed.keyword != keyword.len() {
            return bad(end);
        }
        Ok(parsed)
    }

    /// `esmtp-param` at `at`, and where it ends.
    pub(super) fn parse(source: Source<'_>, at: usize) -> Result<(Self, usize), InvalidValue> {
        let Raw {
            keyword,
            value,
            end,
        } = Raw::parse(source, at)?;
        let param = Self {
            text: source.keep(at..end)?,
            keyword,
            offset: at,
        };
        let _ = value;
        Ok((param, end))
    }

    /// The keyword as it was written.
    #[must_use]
    pub fn keyword(&self) -> &str {
        self.text.get(..self.keyword).unwrap_or(&self.text)
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.text.get(self.keyword + 1..)
    }

    /// Keyword, `=` and value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) const fn offset(&self) -> usize {
        self.offset
    }
}

impl PartialEq for Param {
    fn eq(&self, other: &Self) -> bool {
        self.keyword().eq_ignore_ascii_case(other.keyword()) && self.value() == other.value()
    }
}

impl Eq for Param {}

/// Where a parameter and its value stand.
pub(super) struct Raw {
    /// The length of the keyword.
    pub(super) keyword: usize,
    /// Where the value begins, if there is one.
    pub(super) value: Option<usize>,
    /// Where the parameter ends.
    pub(super) end: usize,
}

impl Raw {
    /// `esmtp-param` at `at`.
    pub(super) fn parse(source: Source<'_>, at: usize) -> Result<Self, InvalidValue> {
        let bad = |at| Err(InvalidValue::new(Expected::EsmtpParam, at));
        let rest = source.from(at);
        let keyword = rest
            .iter()
            .position(|&octet| !is(octet, LET_DIG) && octet != b'-')
            .unwrap_or(rest.len());
        if keyword == 0 || rest.first() == Some(&b'-') {
            return bad(at);
        }
        let mut end = at + keyword;
        let mut value = None;
        if source.get(end) == Some(b'=') {
            let start = end + 1;
            end = start + source.run(start, VALUE);
            if end == start {
                return bad(end);
            }
            value = Some(start);
        }
        Ok(Self {
            keyword,
            value,
            end,
        })
    }
}

/// The address type whose addresses are not ASCII.
const UTF_8: &str = "utf-8";

/// How long the text is in xtext.
fn xtext_len(text: &str) -> usize {
    let quoted = text
        .bytes()
        .filter(|octet| !is(*octet, XCHAR | NON_ASCII))
        .count();
    text.len() + 2 * quoted
}

/// Writes xtext, RFC 3461 §4. Text that is not ASCII stays as it is (RFC 6531 §3.3).
pub(super) fn write_xtext(text: &str, out: &mut impl Write) -> fmt::Result {
    for c in text.chars() {
        match u8::try_from(c) {
            Ok(octet) if octet.is_ascii() && !is(octet, XCHAR) => write!(out, "+{octet:02X}")?,
            _ => out.write_char(c)?,
        }
    }
    Ok(())
}

/// Decodes xtext. Only printable ASCII may be encoded in it (RFC 3461 §4.2, §4.4); what is not
/// ASCII stands as it is.
///
/// # Errors
///
/// The place of the first octet that cannot be.
pub(super) fn decode_xtext(octets: &[u8]) -> Result<String, usize> {
    let mut text = String::with_capacity(octets.len());
    let valid = core::str::from_utf8(octets).map_err(|error| error.valid_up_to())?;
    let mut chars = valid.char_indices();
    while let Some((at, c)) = chars.next() {
        text.push(match c {
            '+' => {
                let hex = valid.get(at + 1..at + 3).ok_or(at)?;
                let upper = |digit: u8| matches!(digit, b'0'..=b'9' | b'A'..=b'F');
                let octet = u8::from_str_radix(hex, 16).map_err(|_| at)?;
                if !hex.bytes().all(upper) || !matches!(octet, b' '..=b'~') {
                    return Err(at);
                }
                chars.nth(1);
                char::from(octet)
            }
            '=' => return Err(at),
            _ => c,
        });
    }
    Ok(text)
}
