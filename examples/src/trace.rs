//! What is put in front of a message: trace fields (RFC 5321 §4.4), and for submission a missing Date and Message-ID
//! (RFC 6409 §8.2, §8.3). Pure: the clock, the ids and the peer's data are arguments.
//!
//! Behind them the octets of the message stand unchanged. Text from a peer is cut and cleaned before it gets into a
//! field, so that it can neither end the field nor pass for a part of it that is ours.

mod front;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter, tz::TimeZone};

pub use front::{Front, MAX_HELD};

/// Octets of a peer's name in a field; a domain is no longer (RFC 5321 §4.5.3.1.2).
const MAX_NAME: usize = 255;
/// Octets of a path in a field (RFC 5321 §4.5.3.1.3).
const MAX_PATH: usize = 256;

/// The protocol of a transaction, as the `with` clause names it (RFC 3848, RFC 6531 §3.7.3).
///
/// ```
/// use mailwire_examples::trace::With;
///
/// assert_eq!(With::esmtp().secured().authenticated().keyword(), "ESMTPSA");
/// assert_eq!(With::lmtp().utf8().keyword(), "UTF8LMTP");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct With {
    base: Base,
    security: Security,
    peer: Peer,
    text: Text,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Base {
    Smtp,
    Esmtp,
    Lmtp,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Security {
    Clear,
    Tls,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Peer {
    Unknown,
    Authenticated,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Text {
    Ascii,
    Utf8,
}

impl With {
    const fn of(base: Base) -> Self {
        Self {
            base,
            security: Security::Clear,
            peer: Peer::Unknown,
            text: Text::Ascii,
        }
    }

    /// After HELO. It has no other forms.
    #[must_use]
    pub const fn smtp() -> Self {
        Self::of(Base::Smtp)
    }

    /// After EHLO.
    #[must_use]
    pub const fn esmtp() -> Self {
        Self::of(Base::Esmtp)
    }

    /// After LHLO.
    #[must_use]
    pub const fn lmtp() -> Self {
        Self::of(Base::Lmtp)
    }

    /// Over TLS.
    #[must_use]
    pub const fn secured(mut self) -> Self {
        self.security = Security::Tls;
        self
    }

    /// After AUTH.
    #[must_use]
    pub const fn authenticated(mut self) -> Self {
        self.peer = Peer::Authenticated;
        self
    }

    /// With the SMTPUTF8 parameter.
    #[must_use]
    pub const fn utf8(mut self) -> Self {
        self.text = Text::Utf8;
        self
    }

    /// The registered keyword.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        use Base::{Esmtp, Lmtp, Smtp};
        use Peer::{Authenticated, Unknown};
        use Security::{Clear, Tls};
        use Text::{Ascii, Utf8};
        match (self.base, self.text, self.security, self.peer) {
            (Smtp, ..) => "SMTP",
            (Esmtp, Ascii, Clear, Unknown) => "ESMTP",
            (Esmtp, Ascii, Clear, Authenticated) => "ESMTPA",
            (Esmtp, Ascii, Tls, Unknown) => "ESMTPS",
            (Esmtp, Ascii, Tls, Authenticated) => "ESMTPSA",
            (Esmtp, Utf8, Clear, Unknown) => "UTF8SMTP",
            (Esmtp, Utf8, Clear, Authenticated) => "UTF8SMTPA",
            (Esmtp, Utf8, Tls, Unknown) => "UTF8SMTPS",
            (Esmtp, Utf8, Tls, Authenticated) => "UTF8SMTPSA",
            (Lmtp, Ascii, Clear, Unknown) => "LMTP",
            (Lmtp, Ascii, Clear, Authenticated) => "LMTPA",
            (Lmtp, Ascii, Tls, Unknown) => "LMTPS",
            (Lmtp, Ascii, Tls, Authenticated) => "LMTPSA",
            (Lmtp, Utf8, Clear, Unknown) => "UTF8LMTP",
            (Lmtp, Utf8, Clear, Authenticated) => "UTF8LMTPA",
            (Lmtp, Utf8, Tls, Unknown) => "UTF8LMTPS",
            (Lmtp, Utf8, Tls, Authenticated) => "UTF8LMTPSA",
        }
    }
}

/// What a Received field says (RFC 5321 §4.4). `Display` gives the whole field with its line ends.
///
/// ```
/// use mailwire_examples::trace::{Received, With};
///
/// let mut received = Received::new(b"client.example", "mx.example.test", With::esmtp(), "a1", jiff::Timestamp::UNIX_EPOCH);
/// received.address = Some([192, 0, 2, 1].into());
/// let field = received.to_string();
/// assert!(field.starts_with("Received: from client.example ([192.0.2.1])\r\n\tby mx.example.test with ESMTP id a1"));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Received<'a> {
    /// What the client called itself: any octets.
    pub helo: &'a [u8],
    /// The name that its address has in the DNS, where that was asked for.
    pub reverse: Option<&'a [u8]>,
    /// Its address, where it has one.
    pub address: Option<IpAddr>,
    /// Our name.
    pub by: &'a str,
    /// The protocol.
    pub with: With,
    /// Version and cipher suite of TLS, as `TLS1.3` and `TLS_AES_256_GCM_SHA384`.
    pub tls: Option<(&'a str, &'a str)>,
    /// Our id of the transaction: an atom.
    pub id: &'a str,
    /// The recipient, if there is only one: to name one of several would tell the others (RFC 5321 §7.2).
    pub recipient: Option<&'a [u8]>,
    /// When it came.
    pub now: Timestamp,
}

impl<'a> Received<'a> {
    /// With what every message has; the other fields are public.
    #[must_use]
    pub const fn new(helo: &'a [u8], by: &'a str, with: With, id: &'a str, now: Timestamp) -> Self {
        Self {
            helo,
            reverse: None,
            address: None,
            by,
            with,
            tls: None,
            id,
            recipient: None,
            now,
        }
    }
}

impl std::fmt::Display for Received<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Received: from {}", domain(self.helo))?;
        let address = self.address.map(|address| match address.to_canonical() {
            IpAddr::V4(address) => format!("[{address}]"),
            IpAddr::V6(address) => format!("[IPv6:{address}]"),
        });
        match (self.reverse, address) {
            (Some(name), Some(address)) => write!(f, " ({} {address})", domain(name))?,
            (None, Some(address)) => write!(f, " ({address})")?,
            (_, None) => {}
        }
        write!(
            f,
            "\r\n\tby {} with {}",
            domain(self.by.as_bytes()),
            self.with.keyword()
        )?;
        if let Some((version, suite)) = self.tls {
            write!(
                f,
                " ({} {})",
                domain(version.as_bytes()),
                domain(suite.as_bytes())
            )?;
        }
        write!(f, " id {}", domain(self.id.as_bytes()))?;
        if let Some(path) = self.recipient.and_then(path) {
            write!(f, "\r\n\tfor <{path}>")?;
        }
        write!(f, ";\r\n\t{}\r\n", date(self.now))
    }
}

/// The Return-Path field (RFC 5321 §4.4) for a reverse path without its brackets; the empty one is `<>`.
///
/// ```
/// assert_eq!(mailwire_examples::trace::return_path(b"a@b.example"), "Return-Path: <a@b.example>\r\n");
/// ```
#[must_use]
pub fn return_path(reverse_path: &[u8]) -> String {
    format!(
        "Return-Path: <{}>\r\n",
        path(reverse_path).unwrap_or_default()
    )
}

/// A date and time as RFC 5322 §3.3 writes it, in UTC.
///
/// ```
/// let now = jiff::Timestamp::UNIX_EPOCH;
/// assert_eq!(mailwire_examples::trace::date(now), "Thu, 1 Jan 1970 00:00:00 +0000");
/// ```
#[must_use]
pub fn date(now: Timestamp) -> String {
    // Years before 0 have no form in RFC 5322; no clock that says so is right.
    let now = now.max(Timestamp::UNIX_EPOCH);
    DateTimePrinter::new()
        .zoned_to_string(&now.to_zoned(TimeZone::UTC))
        .unwrap_or_default()
}

/// A peer's name as far as it looks like a domain or an address literal; an underscore stands for all else.
fn domain(name: &[u8]) -> String {
    let cleaned: String = name
        .iter()
        .take(MAX_NAME)
        .map(|octet| match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b':' | b'[' | b']' => {
                char::from(*octet)
            }
            _ => '_',
        })
        .collect();
    if cleaned.is_empty() {
        "unknown".to_owned()
    } else {
        cleaned
    }
}

/// A path that may stand between brackets as it is, or nothing: a changed path would be another one.
fn path(path: &[u8]) -> Option<&str> {
    let path = str::from_utf8(path).ok()?;
    let odd = |c: char| c.is_control() || "<>\u{2028}\u{2029}".contains(c) || is_format(c);
    (path.len() <= MAX_PATH && !path.contains(odd)).then_some(path)
}

/// Characters that turn the direction of the text around them.
const fn is_format(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
