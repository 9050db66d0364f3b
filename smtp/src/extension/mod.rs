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
}

impl Known {
    /// Reads one line, without its code.
    pub(crate) fn read(&mut self, line: &[u8]) {
        let offer = Offer { line };
        let Some(extension) = offer.extension() else {
            return;
        };
        self.extensions |= extension.bit();
        if extension == Extension::Size && self.size.is_none() {
            self.size = decimal(offer.params());
        }
    }
}
