//! What a server offers: the reply to EHLO and LHLO.
//!
//! Read first: RFC 5321 §4.1.1.1 and §2.2.

use mailwire_core::text::Octets;

use crate::{command::Mechanism, error::InvalidValue, reply::Reply};

/// A service extension that we know, by its EHLO keyword.
///
/// ```
/// use mailwire_smtp::extension::Extension;
/// assert_eq!(Extension::EightBitMime.keyword(), "8BITMIME");
/// ```
#[non_exhaustive]
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
}

/// What a server offers, received or to be sent.
///
/// ```
/// use mailwire_smtp::extension::{Capabilities, Extension};
/// let offered = Capabilities::new()
///     .with(Extension::Pipelining)
///     .with_size(1_000_000)
///     .with_auth(["PLAIN".parse()?, "LOGIN".parse()?]);
/// assert!(offered.offers(Extension::Pipelining) && !offered.offers(Extension::StartTls));
/// assert_eq!(offered.size(), Some(1_000_000));
/// assert_eq!(
///     offered.to_reply("mx.example").wire(),
///     b"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250 AUTH PLAIN LOGIN\r\n",
/// );
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone)]
pub struct Capabilities {
    /// The lines with their codes; the greeting is not among them.
    lines: Octets,
    known: u16,
    size: Option<u64>,
}

impl Capabilities {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lines: Octets::new(),
            known: 0,
            size: None,
        }
    }

    /// Offers an extension too, without parameters.
    #[must_use]
    pub fn with(self, extension: Extension) -> Self {
        let _ = (extension, self.known, &self.lines, self.size);
        unimplemented!()
    }

    /// Offers SIZE too, with the fixed maximum; 0 says that there is none (RFC 1870 §4).
    #[must_use]
    pub fn with_size(self, octets: u64) -> Self {
        let _ = octets;
        unimplemented!()
    }

    /// Offers AUTH too, with these mechanisms; nothing changes if there are none.
    #[must_use]
    pub fn with_auth(self, mechanisms: impl IntoIterator<Item = Mechanism>) -> Self {
        let _ = mechanisms.into_iter();
        unimplemented!()
    }

    /// Offers something that has no type of its own.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] where a character is not allowed (RFC 5321 §4.1.1.1).
    pub fn with_other(self, keyword: &str, params: &str) -> Result<Self, InvalidValue> {
        let _ = (keyword, params);
        unimplemented!()
    }

    /// Whether the extension is offered.
    #[must_use]
    pub fn offers(&self, extension: Extension) -> bool {
        let _ = extension;
        unimplemented!()
    }

    /// The parameter of SIZE: the fixed maximum, or 0 for none. Nothing if it was not given.
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        self.size
    }

    /// The mechanisms that AUTH offers, in the order of the server. A mechanism may come twice.
    pub fn mechanisms(&self) -> impl Iterator<Item = Mechanism> {
        core::iter::empty()
    }

    /// Whether AUTH offers the mechanism.
    #[must_use]
    pub fn offers_mechanism(&self, mechanism: Mechanism) -> bool {
        self.mechanisms().any(|offered| offered == mechanism)
    }

    /// All that is offered, known or not, as it was written.
    pub fn iter(&self) -> impl Iterator<Item = Offer<'_>> {
        core::iter::empty()
    }

    /// The reply to EHLO, with that greeting on its first line.
    #[must_use]
    pub fn to_reply(&self, greeting: &str) -> Reply {
        let _ = greeting;
        unimplemented!()
    }
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Capabilities {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Capabilities {}

/// One line of what a server offers.
///
/// ```
/// use mailwire_smtp::extension::{Capabilities, Extension};
/// let offered = Capabilities::new().with_other("XFOO", "bar baz")?;
/// let offer = offered.iter().next().unwrap();
/// assert_eq!((offer.keyword(), offer.params()), (&b"XFOO"[..], &b"bar baz"[..]));
/// assert_eq!(offer.extension(), None::<Extension>);
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone, Copy)]
pub struct Offer<'a> {
    line: &'a [u8],
}

impl<'a> Offer<'a> {
    /// The keyword as it was written.
    #[must_use]
    pub fn keyword(&self) -> &'a [u8] {
        let _ = self.line;
        unimplemented!()
    }

    /// What stands behind the keyword and the space, or nothing.
    #[must_use]
    pub fn params(&self) -> &'a [u8] {
        unimplemented!()
    }

    /// The extension, if we know it.
    #[must_use]
    pub fn extension(&self) -> Option<Extension> {
        unimplemented!()
    }
}

impl PartialEq for Offer<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.keyword().eq_ignore_ascii_case(other.keyword()) && self.params() == other.params()
    }
}

impl Eq for Offer<'_> {}

impl core::fmt::Debug for Offer<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "\"{}\"", self.line.escape_ascii())
    }
}
