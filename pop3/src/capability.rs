//! What CAPA lists (RFC 2449 §5 and §6, RFC 2595 §4, RFC 3206 §6, RFC 6856 §2 and §3).

use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut, BytesMut};
use mailwire_core::text::Octets;

use crate::{
    command::{Mechanism, number},
    error::{Expected, ParseError},
};

/// One line of a CAPA response.
///
/// ```
/// use mailwire_pop3::{Capability, Retention, Scope};
/// let capability = Capability::parse(b"EXPIRE 5 USER")?;
/// assert_eq!(capability, Capability::Expire(Retention::Days(5), Scope::User));
/// assert_eq!(capability.to_string(), "EXPIRE 5 USER");
/// # Ok::<(), mailwire_pop3::ParseError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Capability {
    /// `TOP` (RFC 2449 §6.1).
    Top,
    /// `USER`: USER and PASS are possible (RFC 2449 §6.2).
    User,
    /// `SASL mechanism ...` (RFC 2449 §6.3). Names that are none are left out.
    Sasl(Vec<Mechanism>),
    /// `RESP-CODES`: a bracket begins a response code (RFC 2449 §6.4).
    RespCodes,
    /// `LOGIN-DELAY seconds [USER]` (RFC 2449 §6.5).
    LoginDelay(u32, Scope),
    /// `PIPELINING` (RFC 2449 §6.6).
    Pipelining,
    /// `EXPIRE days|NEVER [USER]` (RFC 2449 §6.7).
    Expire(Retention, Scope),
    /// `UIDL` (RFC 2449 §6.8).
    Uidl,
    /// `IMPLEMENTATION text` (RFC 2449 §6.9).
    Implementation(Octets),
    /// `STLS` (RFC 2595 §4).
    Stls,
    /// `AUTH-RESP-CODE`: the AUTH code is given where credentials are at fault (RFC 3206 §6).
    AuthRespCode,
    /// `UTF8 [USER]` (RFC 6856 §2).
    Utf8(Scope),
    /// `LANG` (RFC 6856 §3).
    Lang,
    /// Any other line, as it came.
    Unknown(Octets),
}

/// For whom a figure or a service holds.
///
/// ```
/// use mailwire_pop3::{Capability, Scope};
/// assert_eq!(Capability::parse(b"LOGIN-DELAY 900"), Ok(Capability::LoginDelay(900, Scope::All)));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_enums, reason = "the token is there or it is not")]
pub enum Scope {
    /// For everybody.
    All,
    /// With the token `USER`: LOGIN-DELAY and EXPIRE may differ after the login; of UTF8 it says
    /// that user names and passwords may be UTF-8.
    User,
}

/// How long messages may stay on the server (RFC 2449 §6.7).
///
/// ```
/// use mailwire_pop3::Retention;
/// assert_eq!(Retention::Never.to_string(), "NEVER");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_enums, reason = "a number of days or none")]
pub enum Retention {
    /// The server never removes a message by itself.
    Never,
    /// It keeps messages for that many days at the least.
    Days(u32),
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("NEVER"),
            Self::Days(days) => days.fmt(f),
        }
    }
}

impl Capability {
    /// Reads one line, given without its CRLF. A known tag with arguments that make no sense is
    /// kept as [`Capability::Unknown`].
    ///
    /// # Errors
    ///
    /// [`ParseError`] where the line does not begin with a tag.
    pub fn parse(line: &[u8]) -> Result<Self, ParseError> {
        let mut words = line.split(|&octet| octet == b' ');
        let tag = words.next().unwrap_or_default();
        if let Some(bad) = tag.iter().position(|octet| !octet.is_ascii_graphic()) {
            return Err(ParseError::new(Expected::CapabilityTag, bad));
        }
        if tag.is_empty() || tag == b"." {
            return Err(ParseError::new(Expected::CapabilityTag, 0));
        }
        let words = words.filter(|word| !word.is_empty());
        let known = Self::known(tag, words).filter(|_| line.iter().all(|&octet| octet >= b' '));
        Ok(known.unwrap_or_else(|| Self::Unknown(line.into())))
    }

    fn known<'a>(tag: &[u8], mut words: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut upper = [0; 14];
        let upper = upper.get_mut(..tag.len())?;
        upper.copy_from_slice(tag);
        upper.make_ascii_uppercase();
        let capability = match &*upper {
            b"TOP" => Self::Top,
            b"USER" => Self::User,
            b"SASL" => Self::Sasl(words.by_ref().filter_map(Mechanism::parse).collect()),
            b"RESP-CODES" => Self::RespCodes,
            b"LOGIN-DELAY" => {
                let seconds = u32::try_from(number(words.next()?)?).ok()?;
                Self::LoginDelay(seconds, scope(&mut words)?)
            }
            b"PIPELINING" => Self::Pipelining,
            b"EXPIRE" => {
                let retention = match words.next()? {
                    word if word.eq_ignore_ascii_case(b"NEVER") => Retention::Never,
                    word => Retention::Days(u32::try_from(number(word)?).ok()?),
                };
                Self::Expire(retention, scope(&mut words)?)
            }
            b"UIDL" => Self::Uidl,
            b"IMPLEMENTATION" => {
                let mut text = BytesMut::new();
                for word in words.by_ref() {
                    if !text.is_empty() {
                        text.put_u8(b' ');
                    }
                    text.put_slice(word);
                }
                Self::Implementation(text.freeze().into())
            }
            b"STLS" => Self::Stls,
            b"AUTH-RESP-CODE" => Self::AuthRespCode,
            b"UTF8" => Self::Utf8(scope(&mut words)?),
            b"LANG" => Self::Lang,
            _ => return None,
        };
        // An argument too many: somebody else's extension of the capability.
        words.next().is_none().then_some(capability)
    }

    /// Writes the line with its CRLF.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// let mut wire = BytesMut::new();
    /// mailwire_pop3::Capability::Stls.encode(&mut wire);
    /// assert_eq!(wire, "STLS\r\n");
    /// ```
    pub fn encode(&self, wire: &mut BytesMut) {
        use fmt::Write;

        match self {
            Self::Unknown(line) => wire.put_slice(line),
            Self::Implementation(text) => {
                wire.put_slice(b"IMPLEMENTATION");
                if !text.is_empty() {
                    wire.put_u8(b' ');
                    wire.put_slice(text);
                }
            }
            // Writing to memory does not fail.
            _ => write!(wire, "{self}").unwrap_or_default(),
        }
        wire.put_slice(b"\r\n");
    }
}

fn scope<'a>(words: &mut impl Iterator<Item = &'a [u8]>) -> Option<Scope> {
    match words.next() {
        None => Some(Scope::All),
        Some(word) => word.eq_ignore_ascii_case(b"USER").then_some(Scope::User),
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "",
            Self::User => " USER",
        })
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use mailwire_core::text::Sanitized;

        match self {
            Self::Top => f.write_str("TOP"),
            Self::User => f.write_str("USER"),
            Self::Sasl(mechanisms) => {
                f.write_str("SASL")?;
                mechanisms
                    .iter()
                    .try_for_each(|mechanism| write!(f, " {mechanism}"))
            }
            Self::RespCodes => f.write_str("RESP-CODES"),
            Self::LoginDelay(seconds, scope) => write!(f, "LOGIN-DELAY {seconds}{scope}"),
            Self::Pipelining => f.write_str("PIPELINING"),
            Self::Expire(retention, scope) => write!(f, "EXPIRE {retention}{scope}"),
            Self::Uidl => f.write_str("UIDL"),
            Self::Implementation(text) => write!(f, "IMPLEMENTATION {}", Sanitized(text)),
            Self::Stls => f.write_str("STLS"),
            Self::AuthRespCode => f.write_str("AUTH-RESP-CODE"),
            Self::Utf8(scope) => write!(f, "UTF8{scope}"),
            Self::Lang => f.write_str("LANG"),
            Self::Unknown(line) => Sanitized(line).fmt(f),
        }
    }
}

/// What a server says it can do.
///
/// ```
/// use mailwire_pop3::{Capabilities, Capability};
/// let capabilities: Capabilities = [Capability::Pipelining, Capability::Uidl].into_iter().collect();
/// assert!(capabilities.pipelining());
/// assert!(!capabilities.stls());
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Capabilities(Vec<Capability>);

impl Capabilities {
    /// All of them in the order of the server.
    pub fn iter(&self) -> core::slice::Iter<'_, Capability> {
        self.0.iter()
    }

    /// Whether one is listed exactly so.
    #[must_use]
    pub fn contains(&self, capability: &Capability) -> bool {
        self.0.contains(capability)
    }

    /// Whether commands may be sent without waiting for responses.
    #[must_use]
    pub fn pipelining(&self) -> bool {
        self.contains(&Capability::Pipelining)
    }

    /// Whether TLS can be started.
    #[must_use]
    pub fn stls(&self) -> bool {
        self.contains(&Capability::Stls)
    }

    /// Whether USER and PASS are possible.
    #[must_use]
    pub fn user(&self) -> bool {
        self.contains(&Capability::User)
    }

    /// The SASL mechanisms, in the order of the server.
    pub fn mechanisms(&self) -> impl Iterator<Item = &Mechanism> {
        self.0.iter().flat_map(|capability| match capability {
            Capability::Sasl(mechanisms) => mechanisms.as_slice(),
            _ => &[],
        })
    }

    pub(crate) fn push(&mut self, capability: Capability) {
        self.0.push(capability);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        Self(capabilities.into_iter().collect())
    }
}

impl<'a> IntoIterator for &'a Capabilities {
    type Item = &'a Capability;
    type IntoIter = core::slice::Iter<'a, Capability>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(feature = "arbitrary")]
mod arbitrary_values {
    use arbitrary::{Arbitrary, Result, Unstructured};

    use super::{Capabilities, Capability, Retention, Scope};

    impl<'a> Arbitrary<'a> for Capability {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            let scope: Scope = u.arbitrary()?;
            Ok(match u.int_in_range(0..=12)? {
                0 => Self::Top,
                1 => Self::User,
                2 => Self::Sasl(u.arbitrary()?),
                3 => Self::RespCodes,
                4 => Self::LoginDelay(u.arbitrary()?, scope),
                5 => Self::Pipelining,
                6 => Self::Expire(u.arbitrary::<Retention>()?, scope),
                7 => Self::Uidl,
                8 => Self::Stls,
                9 => Self::AuthRespCode,
                10 => Self::Utf8(scope),
                11 => Self::Lang,
                _ => {
                    let line: &[u8] = u.arbitrary()?;
                    let clean = memchr::memchr3(b'\r', b'\n', 0, line).is_none();
                    Self::parse(line)
                        .ok()
                        .filter(|_| clean)
                        .unwrap_or(Self::Stls)
                }
            })
        }
    }

    impl<'a> Arbitrary<'a> for Capabilities {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            u.arbitrary_iter()?.collect()
        }
    }
}

#[cfg(test)]
mod tests;
