//! The first line of a response: status indicator, extended response code, text (RFC 1939 §3,
//! RFC 2449 §3 and §8).

use alloc::format;
use core::fmt;

use bytes::{BufMut, BytesMut};
use mailwire_core::text::{ByteStr, Octets, Sanitized};

use crate::{
    error::{Expected, ParseError},
    limits,
};

/// `+OK` or `-ERR`.
///
/// ```
/// use mailwire_pop3::Status;
/// assert_eq!(Status::Err.to_string(), "-ERR");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 1939 §3 has these two")]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Status {
    /// `+OK`
    Ok,
    /// `-ERR`
    Err,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "+OK",
            Self::Err => "-ERR",
        })
    }
}

/// The extended response code in brackets (RFC 2449 §8).
///
/// ```
/// use mailwire_pop3::ResponseCode;
/// assert_eq!(ResponseCode::InUse.to_string(), "[IN-USE]");
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ResponseCode {
    /// `[LOGIN-DELAY]`: the last login was too short ago (RFC 2449 §8.1.1).
    LoginDelay,
    /// `[IN-USE]`: another session holds the maildrop (RFC 2449 §8.1.2).
    InUse,
    /// `[SYS/TEMP]`: our own trouble, which will pass (RFC 3206 §4).
    SysTemp,
    /// `[SYS/PERM]`: our own trouble, which somebody must look at (RFC 3206 §4).
    SysPerm,
    /// `[AUTH]`: the credentials are at fault (RFC 3206 §5).
    Auth,
    /// `[UTF8]`: the message needs UTF-8 mode (RFC 6856 §5).
    Utf8,
    /// Any other, as it came, without brackets.
    Other(UnknownCode),
}

/// A response code that is not typed.
///
/// ```
/// use mailwire_pop3::{Response, ResponseCode};
/// let response = Response::parse(b"-ERR [SYS/TEMP/DISK] full")?;
/// let Some(code) = response.code() else { unreachable!() };
/// assert_eq!(code.to_string(), "[SYS/TEMP/DISK]");
/// assert_eq!(code.known_part(), Some(ResponseCode::SysTemp));
/// # Ok::<(), mailwire_pop3::ParseError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct UnknownCode(ByteStr);

impl UnknownCode {
    /// The code without brackets: printable ASCII.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ResponseCode {
    /// The part of the code that is understood: of detail behind `/` that nobody knows, RFC 2449
    /// §8 says to take no notice.
    #[must_use]
    pub fn known_part(&self) -> Option<Self> {
        let Self::Other(unknown) = self else {
            return Some(self.clone());
        };
        let mut front = unknown.as_str();
        while let Some((shorter, _)) = front.rsplit_once('/') {
            match Self::of(shorter.as_bytes()) {
                Some(Self::Other(_)) | None => front = shorter,
                known => return known,
            }
        }
        None
    }

    /// Whether trying again later, with the same credentials, makes sense.
    ///
    /// ```
    /// use mailwire_pop3::ResponseCode;
    /// assert!(ResponseCode::SysTemp.is_temporary());
    /// assert!(!ResponseCode::Auth.is_temporary());
    /// ```
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        let part = self.known_part();
        matches!(part, Some(Self::LoginDelay | Self::InUse | Self::SysTemp))
    }

    /// The code that stands between brackets; `None` where that is no code.
    fn of(code: &[u8]) -> Option<Self> {
        let level = |level: &[u8]| !level.is_empty() && level.iter().all(is_rchar);
        if !code.split(|&octet| octet == b'/').all(level) {
            return None;
        }
        let known = [
            (&b"LOGIN-DELAY"[..], Self::LoginDelay),
            (b"IN-USE", Self::InUse),
            (b"SYS/TEMP", Self::SysTemp),
            (b"SYS/PERM", Self::SysPerm),
            (b"AUTH", Self::Auth),
            (b"UTF8", Self::Utf8),
        ];
        known
            .into_iter()
            .find(|(name, _)| code.eq_ignore_ascii_case(name))
            .map(|(_, known)| known)
            .or_else(|| Some(Self::Other(UnknownCode(ByteStr::new(code.into()).ok()?))))
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoginDelay => "[LOGIN-DELAY]",
            Self::InUse => "[IN-USE]",
            Self::SysTemp => "[SYS/TEMP]",
            Self::SysPerm => "[SYS/PERM]",
            Self::Auth => "[AUTH]",
            Self::Utf8 => "[UTF8]",
            Self::Other(UnknownCode(code)) => return write!(f, "[{code}]"),
        })
    }
}

/// `rchar` of RFC 2449 §3.
const fn is_rchar(octet: &u8) -> bool {
    matches!(octet, 0x21..=0x2e | 0x30..=0x5c | 0x5e..=0x7f)
}

/// The first line of a response.
///
/// What a server makes is clean by construction: the text is cut to one short line without control
/// characters. What a client receives is kept as it came and shown clean.
///
/// ```
/// use mailwire_pop3::{Response, ResponseCode, Status};
/// let response = Response::err("mailbox is locked").with_code(ResponseCode::InUse);
/// assert_eq!(response.to_string(), "-ERR [IN-USE] mailbox is locked");
/// assert_eq!(Response::parse(b"-ERR [IN-USE] mailbox is locked"), Ok(response));
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Response {
    status: Status,
    code: Option<ResponseCode>,
    text: Octets,
}

impl Response {
    /// `+OK text`.
    #[must_use]
    pub fn ok(text: &str) -> Self {
        Self::new(Status::Ok, text)
    }

    /// `-ERR text`.
    #[must_use]
    pub fn err(text: &str) -> Self {
        Self::new(Status::Err, text)
    }

    /// `-ERR [AUTH] ...`: the one answer to a wrong user name and to a wrong password, so that
    /// nobody learns which of the two it was.
    ///
    /// ```
    /// let response = mailwire_pop3::Response::wrong_credentials();
    /// assert_eq!(response.to_string(), "-ERR [AUTH] authentication failed");
    /// ```
    #[must_use]
    pub fn wrong_credentials() -> Self {
        Self::err("authentication failed").with_code(ResponseCode::Auth)
    }

    /// `-ERR [SYS/TEMP] ...`: our own trouble, which does not count against the client.
    ///
    /// ```
    /// let response = mailwire_pop3::Response::unavailable();
    /// assert_eq!(response.to_string(), "-ERR [SYS/TEMP] temporarily unavailable");
    /// ```
    #[must_use]
    pub fn unavailable() -> Self {
        Self::err("temporarily unavailable").with_code(ResponseCode::SysTemp)
    }

    /// The same with an extended response code.
    #[must_use]
    pub fn with_code(mut self, code: ResponseCode) -> Self {
        self.code = Some(code);
        self
    }

    /// Reads one line, given without its CRLF.
    ///
    /// # Errors
    ///
    /// [`ParseError`] where the line begins with neither `+OK` nor `-ERR`, or something other than
    /// a space follows.
    pub fn parse(line: &[u8]) -> Result<Self, ParseError> {
        let no_status = ParseError::new(Expected::StatusIndicator, 0);
        let (status, rest, offset) = match line {
            [b'+', o, k, rest @ ..] if [*o, *k].eq_ignore_ascii_case(b"OK") => {
                (Status::Ok, rest, 3)
            }
            [b'-', e, r, s, rest @ ..] if [*e, *r, *s].eq_ignore_ascii_case(b"ERR") => {
                (Status::Err, rest, 4)
            }
            _ => return Err(no_status),
        };
        let text = match rest {
            [] => rest,
            [b' ', text @ ..] => text,
            _ => return Err(ParseError::new(Expected::Space, offset)),
        };
        let (code, text) = split_code(text);
        Ok(Self {
            status,
            code,
            text: text.into(),
        })
    }

    /// Writes the line with its CRLF, no longer than [`limits::RESPONSE_LINE`].
    ///
    /// ```
    /// use bytes::BytesMut;
    /// let mut wire = BytesMut::new();
    /// mailwire_pop3::Response::ok("ready\r\n+OK").encode(&mut wire);
    /// assert_eq!(wire, "+OK ready??+OK\r\n");
    /// ```
    pub fn encode(&self, wire: &mut BytesMut) {
        use fmt::Write;

        // Writing to memory does not fail, and what is shown is cut short of the limit.
        let _ = write!(wire, "{self}");
        wire.put_slice(b"\r\n");
    }

    /// Whether it is positive.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Whether it is `+OK`.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        matches!(self.status, Status::Ok)
    }

    /// The extended response code.
    #[must_use]
    pub const fn code(&self) -> Option<&ResponseCode> {
        self.code.as_ref()
    }

    /// The text as it may be shown or logged: one short line without control characters.
    #[must_use]
    pub fn text(&self) -> Sanitized<'_> {
        Sanitized(&self.text)
    }

    /// The text as it came.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.text
    }

    fn new(status: Status, text: &str) -> Self {
        let clean = format!("{}", Sanitized(text.as_bytes()));
        // A bracket at the beginning would be read as a code (RFC 2449 §3).
        let text = match clean.strip_prefix('[') {
            Some(rest) => Octets::from(format!("({rest}").as_bytes()),
            None => Octets::from(clean.as_bytes()),
        };
        Self {
            status,
            code: None,
            text,
        }
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if self.text.is_empty() {
            return Ok(());
        }
        write!(f, " {}", self.text())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({self})")
    }
}

/// Parts `[CODE] text`; what is not a code stays text.
fn split_code(text: &[u8]) -> (Option<ResponseCode>, &[u8]) {
    let parted = || {
        let inner = text.strip_prefix(b"[")?;
        let end = memchr::memchr(b']', inner.get(..limits::RESPONSE_LINE.min(inner.len()))?)?;
        let (code, rest) = inner.split_at_checked(end)?;
        let rest = rest.strip_prefix(b"]")?;
        Some((
            ResponseCode::of(code)?,
            rest.strip_prefix(b" ").unwrap_or(rest),
        ))
    };
    match parted() {
        Some((code, rest)) => (Some(code), rest),
        None => (None, text),
    }
}

#[cfg(feature = "arbitrary")]
mod arbitrary_values {
    use arbitrary::{Arbitrary, Result, Unstructured};

    use super::{Response, ResponseCode, Status};

    impl<'a> Arbitrary<'a> for ResponseCode {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            let code: &[u8] = u.arbitrary()?;
            // As long as a response line can be.
            let code = code.get(..200).unwrap_or(code);
            Ok(Self::of(code).unwrap_or(Self::InUse))
        }
    }

    impl<'a> Arbitrary<'a> for Response {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            let status: Status = u.arbitrary()?;
            let response = Self::new(status, u.arbitrary()?);
            let code: Option<ResponseCode> = u.arbitrary()?;
            Ok(match code {
                Some(code) => response.with_code(code),
                None => response,
            })
        }
    }
}

#[cfg(test)]
mod tests;
