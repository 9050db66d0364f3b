//! The words and texts of commands.

use alloc::string::String;
use core::{fmt, str::FromStr};

use mailwire_core::{sasl, text::ByteStr};

use crate::{
    address::{
        class::{LET_DIG, NON_ASCII, VCHAR, is},
        parse::Source,
    },
    error::{Expected, InvalidValue},
    limits::{ARGUMENT, MECHANISM, VERB},
};

/// What stands behind VRFY, EXPN, HELP and NOOP: one or more printable characters, ASCII or not,
/// and spaces, of at most [`ARGUMENT`] octets, without spaces at the ends.
///
/// ```
/// use mailwire_smtp::command::Argument;
/// assert!("Crispin".parse::<Argument>().is_ok());
/// assert!("a\r\nQUIT".parse::<Argument>().is_err());
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Argument(ByteStr);

impl Argument {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text that is all of `source` from `at` on.
    pub(super) fn parse(source: Source<'_>, at: usize) -> Result<Self, InvalidValue> {
        let octets = source.from(at);
        let bad = |offset| Err(InvalidValue::new(Expected::Text, at + offset));
        let text = |octet: &u8| is(*octet, VCHAR | NON_ASCII) || *octet == b' ';
        if let Some(offset) = octets.iter().position(|octet| !text(octet)) {
            return bad(offset);
        }
        match octets {
            [] | [b' ', ..] => bad(0),
            [.., b' '] => bad(octets.len() - 1),
            _ if octets.len() > ARGUMENT => bad(ARGUMENT),
            _ => source.keep(at..at + octets.len()).map(Self),
        }
    }
}

impl FromStr for Argument {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Self::parse(Source::text(text), 0)
    }
}

/// The name of a command that we do not know, in capitals: letters, digits and hyphens, at most
/// [`VERB`] of them.
///
/// ```
/// use mailwire_smtp::command::Verb;
/// assert_eq!("xclient".parse::<Verb>()?.as_str(), "XCLIENT");
/// assert!("MAIL".parse::<Verb>().is_err());
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Verb(ByteStr);

/// The verbs that have a command of their own.
const KNOWN: [&str; 15] = [
    "EHLO", "HELO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "VRFY", "EXPN", "HELP", "NOOP",
    "QUIT", "STARTTLS", "AUTH",
];

impl Verb {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Verb {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let bad = |at| Err(InvalidValue::new(Expected::Command, at));
        let verb = |octet: u8| is(octet, LET_DIG) || octet == b'-';
        if let Some(at) = text.bytes().position(|octet| !verb(octet)) {
            return bad(at);
        }
        let is_known = KNOWN.iter().any(|known| text.eq_ignore_ascii_case(known));
        if text.is_empty() || text.len() > VERB || is_known {
            return bad(text.len());
        }
        let mut capitals = String::from(text);
        capitals.make_ascii_uppercase();
        Ok(Self(ByteStr::from(capitals)))
    }
}

/// The name of a SASL mechanism, in capitals: letters, digits, hyphens and underscores, at most
/// [`MECHANISM`] of them (RFC 4422 §3.1).
///
/// ```
/// use mailwire_core::sasl;
/// use mailwire_smtp::command::Mechanism;
/// let mechanism = "scram-sha-256".parse::<Mechanism>()?;
/// assert_eq!(mechanism.as_str(), "SCRAM-SHA-256");
/// assert_eq!(mechanism, Mechanism::from(sasl::Mechanism::ScramSha256));
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Mechanism {
    len: u8,
    octets: [u8; MECHANISM],
}

impl Mechanism {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.octets()).unwrap_or_default()
    }

    pub(crate) fn octets(&self) -> &[u8] {
        let octets = self.octets.get(..usize::from(self.len));
        octets.unwrap_or_default()
    }

    /// The mechanism of that name, in any case of letters.
    pub(crate) fn from_octets(name: &[u8]) -> Option<Self> {
        let mut octets = [0; MECHANISM];
        if name.is_empty() || !name.iter().all(|&octet| is_mechanism(octet)) {
            return None;
        }
        octets.get_mut(..name.len())?.copy_from_slice(name);
        octets.make_ascii_uppercase();
        let len = u8::try_from(name.len()).ok()?;
        Some(Self { len, octets })
    }
}

/// `mech-char` of RFC 4422 §3.1, in any case of letters.
pub(super) const fn is_mechanism(octet: u8) -> bool {
    is(octet, LET_DIG) || octet == b'-' || octet == b'_'
}

impl fmt::Debug for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<sasl::Mechanism> for Mechanism {
    fn from(mechanism: sasl::Mechanism) -> Self {
        // Registered names have at most 20 characters.
        Self::from_octets(mechanism.name().as_bytes()).unwrap_or(Self {
            len: 0,
            octets: [0; MECHANISM],
        })
    }
}

impl FromStr for Mechanism {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Self::from_octets(text.as_bytes()).ok_or_else(|| {
            let bad = text.bytes().position(|octet| !is_mechanism(octet));
            InvalidValue::new(Expected::Mechanism, bad.unwrap_or(text.len()))
        })
    }
}
