//! What a server offers: the reply to EHLO and LHLO.
//!
//! Read first: RFC 5321 §4.1.1.1 and §2.2.

mod capabilities;

pub use capabilities::{Capabilities, Offer};

use crate::params::decimal;

/// A service extension that we know, by its EHLO keyword.
///
/// ```
/// use mailwire_smtp::extension::Extension;
/// assert_eq!(Extension::EightBitMime.keyword(), "8BITMIME");
/// ```
#[non_exhaustive]
#[repr(u8)]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Extension {
    /// `8BITMIME`, RFC 6152.
    EightBitMime,
    /// `AUTH`, RFC 4954.
    Auth,
    /// `BINARYMIME`, RFC 3030.
    BinaryMime,
    /// `CHUNKING`, RFC 3030.
    Chunking,
    /// `DSN`, RFC 3461.
    Dsn,
    /// `ENHANCEDSTATUSCODES`, RFC 2034.
    EnhancedStatusCodes,
    /// `LIMITS`, RFC 9422.
    Limits,
    /// `PIPELINING`, RFC 2920.
    Pipelining,
    /// `REQUIRETLS`, RFC 8689.
    RequireTls,
    /// `SIZE`, RFC 1870.
    Size,
    /// `SMTPUTF8`, RFC 6531.
    SmtpUtf8,
    /// `STARTTLS`, RFC 3207.
    StartTls,
}

impl Extension {
    /// All that we know.
    pub const ALL: [Self; 12] = [
        Self::EightBitMime,
        Self::Auth,
        Self::BinaryMime,
        Self::Chunking,
        Self::Dsn,
        Self::EnhancedStatusCodes,
        Self::Limits,
        Self::Pipelining,
        Self::RequireTls,
        Self::Size,
        Self::SmtpUtf8,
        Self::StartTls,
    ];

    /// The keyword on the wire.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::EightBitMime => "8BITMIME",
            Self::Auth => "AUTH",
            Self::BinaryMime => "BINARYMIME",
            Self::Chunking => "CHUNKING",
            Self::Dsn => "DSN",
            Self::EnhancedStatusCodes => "ENHANCEDSTATUSCODES",
            Self::Limits => "LIMITS",
            Self::Pipelining => "PIPELINING",
            Self::RequireTls => "REQUIRETLS",
            Self::Size => "SIZE",
            Self::SmtpUtf8 => "SMTPUTF8",
            Self::StartTls => "STARTTLS",
        }
    }

    /// The extension of that keyword, in any case of letters.
    #[must_use]
    pub fn from_keyword(keyword: &[u8]) -> Option<Self> {
        let candidate = match keyword.len() {
            3 => Self::Dsn,
            4 if matches!(keyword.first(), Some(b'S' | b's')) => Self::Size,
            4 => Self::Auth,
            6 => Self::Limits,
            8 => match keyword.first()?.to_ascii_uppercase() {
                b'8' => Self::EightBitMime,
                b'C' => Self::Chunking,
                _ if keyword.ends_with(b"8") => Self::SmtpUtf8,
                _ => Self::StartTls,
            },
            10 => match keyword.first()?.to_ascii_uppercase() {
                b'B' => Self::BinaryMime,
                b'P' => Self::Pipelining,
                _ => Self::RequireTls,
            },
            19 => Self::EnhancedStatusCodes,
            _ => return None,
        };
        let word = candidate.keyword().as_bytes();
        keyword.eq_ignore_ascii_case(word).then_some(candidate)
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// What is read from the lines of an EHLO reply as they pass.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    extensions: u16,
    size: Option<u64>,
    /// Where among the lines the first begins that offers AUTH.
    auth: Option<usize>,
}

impl Known {
    /// Reads one line, without its code, that begins at `start`.
    pub(crate) fn read(&mut self, line: &[u8], start: usize) {
        let offer = Offer { line };
        let Some(extension) = offer.extension() else {
            return;
        };
        self.extensions |= extension.bit();
        match extension {
            Extension::Size if self.size.is_none() => self.size = decimal(offer.params()),
            Extension::Auth if self.auth.is_none() => self.auth = Some(start),
            _ => {}
        }
    }

    /// Reads the line that `text` begins with, if it is one of those that most servers send as they
    /// stand here, and says how long it is without its CRLF: where it ends need not be looked for.
    #[inline]
    pub(crate) fn take(&mut self, text: &[u8]) -> Option<usize> {
        let (extension, len) = match text {
            [b'8', ..] => whole(text, b"8BITMIME\r\n", Extension::EightBitMime),
            [b'B', ..] => whole(text, b"BINARYMIME\r\n", Extension::BinaryMime),
            [b'C', ..] => whole(text, b"CHUNKING\r\n", Extension::Chunking),
            [b'D', ..] => whole(text, b"DSN\r\n", Extension::Dsn),
            [b'E', ..] => whole(
                text,
                b"ENHANCEDSTATUSCODES\r\n",
                Extension::EnhancedStatusCodes,
            ),
            [b'P', ..] => whole(text, b"PIPELINING\r\n", Extension::Pipelining),
            [b'R', ..] => whole(text, b"REQUIRETLS\r\n", Extension::RequireTls),
            [b'S', b'I', ..] => {
                let digits = text.strip_prefix(b"SIZE ")?;
                let len = digits.iter().position(|octet| !octet.is_ascii_digit())?;
                let (number, end) = digits.split_at_checked(len)?;
                let size = decimal(number)?;
                if !end.starts_with(b"\r\n") {
                    return None;
                }
                self.size.get_or_insert(size);
                Some((Extension::Size, 5 + len))
            }
            [b'S', b'M', ..] => whole(text, b"SMTPUTF8\r\n", Extension::SmtpUtf8),
            [b'S', b'T', ..] => whole(text, b"STARTTLS\r\n", Extension::StartTls),
            _ => None,
        }?;
        self.extensions |= extension.bit();
        Some(len)
    }
}

/// The extension, and the length without CRLF, if the text begins with this line.
#[inline]
fn whole<const N: usize>(
    text: &[u8],
    line: &[u8; N],
    extension: Extension,
) -> Option<(Extension, usize)> {
    (text.first_chunk() == Some(line)).then_some((extension, N - 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is recognised at a glance is what is found by reading the line.
    #[test]
    fn a_line_taken_whole_says_what_the_line_read_says() {
        for extension in Extension::ALL {
            for params in ["", " ", " 1", " 18446744073709551616", " x", " 1 2"] {
                let line = [extension.keyword(), params].concat();
                let mut read = Known::default();
                read.read(line.as_bytes(), 0);
                let mut taken = Known::default();
                let text = [&line, "\r\n250 next\r\n"].concat();
                if let Some(len) = taken.take(text.as_bytes()) {
                    assert_eq!(len, line.len());
                    assert_eq!(taken.extensions, read.extensions, "{line}");
                    assert_eq!(taken.size, read.size, "{line}");
                }
                assert_eq!(taken.take(line.as_bytes()), None, "{line} has not ended");
                assert_eq!(taken.take(line.to_ascii_lowercase().as_bytes()), None);
            }
        }
        assert_eq!(Known::default().take(b"PIPELINING\r\n"), Some(10));
        assert_eq!(Known::default().take(b"SIZE 10\r\n"), Some(7));
    }
}
