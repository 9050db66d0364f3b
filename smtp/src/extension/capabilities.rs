//! The lines of what a server offers.

use alloc::string::{String, ToString};
use core::fmt;

use bytes::{BufMut, BytesMut};
use mailwire_core::text::Octets;

use super::{Extension, Known};
use crate::{
    address::class::{LET_DIG, VCHAR, is},
    command::Mechanism,
    error::{Expected, InvalidValue},
    limits::{REPLY_LINE_SENT, REPLY_LINES},
    reply::{Code, Lines, Reply, shown},
};

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
    known: Known,
}

impl Capabilities {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lines: Octets::new(),
            known: Known {
                extensions: 0,
                size: None,
                auth: None,
            },
        }
    }

    /// What the lines of a reply offer, which have been read.
    pub(crate) const fn received(lines: Octets, known: Known) -> Self {
        Self { lines, known }
    }

    /// Offers an extension too, without parameters.
    #[must_use]
    pub fn with(self, extension: Extension) -> Self {
        self.push(extension.keyword().as_bytes(), b"")
    }

    /// Offers SIZE too, with the fixed maximum; 0 says that there is none (RFC 1870 §4).
    #[must_use]
    pub fn with_size(self, octets: u64) -> Self {
        self.push(b"SIZE", octets.to_string().as_bytes())
    }

    /// Offers AUTH too, with as many of these mechanisms as a line of 512 octets has room for;
    /// nothing changes if there are none.
    #[must_use]
    pub fn with_auth(self, mechanisms: impl IntoIterator<Item = Mechanism>) -> Self {
        let mut params = String::new();
        for mechanism in mechanisms {
            let name = mechanism.as_str();
            if params.len() + 1 + name.len() > PARAMS - "AUTH".len() {
                break;
            }
            if !params.is_empty() {
                params.push(' ');
            }
            params.push_str(name);
        }
        if params.is_empty() {
            return self;
        }
        self.push(b"AUTH", params.as_bytes())
    }

    /// Offers something that has no type of its own, or something that has, with parameters.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] where a character is not allowed (RFC 5321 §4.1.1.1), where the line would
    /// pass 512 octets, and where there would be too many lines.
    pub fn with_other(self, keyword: &str, params: &str) -> Result<Self, InvalidValue> {
        let bad = |at| Err(InvalidValue::new(Expected::EhloLine, at));
        let word = |octet: u8| is(octet, LET_DIG) || octet == b'-';
        if let Some(at) = keyword.bytes().position(|octet| !word(octet)) {
            return bad(at);
        }
        if keyword.is_empty() || keyword.starts_with('-') {
            return bad(0);
        }
        let start = keyword.len() + 1;
        let param = |octet: u8| is(octet, VCHAR);
        for (at, pair) in params.as_bytes().windows(2).enumerate() {
            if pair == b"  " {
                return bad(start + at);
            }
        }
        if let Some(at) = params
            .bytes()
            .position(|octet| !param(octet) && octet != b' ')
        {
            return bad(start + at);
        }
        if params.starts_with(' ') || params.ends_with(' ') {
            return bad(start);
        }
        // The greeting is a line too.
        let full = self.iter().count() + 1 >= REPLY_LINES;
        if full || keyword.len() + params.len() > PARAMS {
            return bad(start + params.len());
        }
        Ok(self.push(keyword.as_bytes(), params.as_bytes()))
    }

    /// Whether the extension is offered.
    #[must_use]
    pub const fn offers(&self, extension: Extension) -> bool {
        self.known.extensions & extension.bit() != 0
    }

    /// The parameter of SIZE: the fixed maximum, or 0 for none. Nothing if it was not given.
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        self.known.size
    }

    /// The mechanisms that AUTH offers, in the order of the server. A mechanism may come twice.
    pub fn mechanisms(&self) -> impl Iterator<Item = Mechanism> {
        self.auth_words().filter_map(Mechanism::from_octets)
    }

    /// Whether AUTH offers the mechanism.
    #[must_use]
    pub fn offers_mechanism(&self, mechanism: Mechanism) -> bool {
        self.auth_words()
            .any(|word| word.eq_ignore_ascii_case(mechanism.octets()))
    }

    fn auth_words(&self) -> impl Iterator<Item = &[u8]> {
        let from_auth = self.known.auth.and_then(|start| self.lines.get(start..));
        Lines::new(from_auth.unwrap_or_default())
            .map(|line| Offer { line: line.raw() })
            .filter(|offer| offer.keyword_is(b"AUTH"))
            .flat_map(|offer| offer.params().split(|octet| *octet == b' '))
    }

    /// All that is offered, known or not, as it was written.
    pub fn iter(&self) -> impl Iterator<Item = Offer<'_>> {
        Lines::new(&self.lines).map(|line| Offer { line: line.raw() })
    }

    /// The reply to EHLO, with that greeting on its first line; a line break in it becomes `?`,
    /// and what passes 512 octets is cut off.
    #[must_use]
    pub fn to_reply(&self, greeting: &str) -> Reply {
        let mut wire = BytesMut::with_capacity(self.lines.len() + greeting.len() + 6);
        wire.put_slice(b"250-");
        wire.extend(greeting.chars().map(shown).take(REPLY_LINE_SENT - 6));
        wire.put_slice(b"\r\n");
        let mut last = 0;
        for offer in self.iter() {
            last = wire.len();
            push_line(&mut wire, offer.line);
        }
        Reply::assemble(Code::OK, wire, last)
    }

    /// Copies what would pin a read buffer.
    #[must_use]
    pub fn detach(self) -> Self {
        Self {
            lines: self.lines.detach(),
            ..self
        }
    }

    /// Puts an offer in the place of one with the same keyword, or behind all others.
    fn push(self, keyword: &[u8], params: &[u8]) -> Self {
        let mut known = Known::default();
        let mut wire = BytesMut::with_capacity(self.lines.len() + PARAMS);
        let others = self
            .iter()
            .filter(|offer| !offer.keyword().eq_ignore_ascii_case(keyword));
        for offer in others {
            known.read(offer.line, wire.len());
            push_line(&mut wire, offer.line);
        }
        let start = wire.len();
        wire.put_slice(b"250-");
        wire.put_slice(keyword);
        if !params.is_empty() {
            wire.put_u8(b' ');
            wire.put_slice(params);
        }
        known.read(wire.get(start + 4..).unwrap_or_default(), start);
        wire.put_slice(b"\r\n");
        Self {
            lines: Octets::from(&*wire),
            known,
        }
    }
}

/// Octets that keyword and parameters may have on a line of 512: code, hyphen, space, CRLF are 7.
const PARAMS: usize = REPLY_LINE_SENT - 7;

fn push_line(wire: &mut BytesMut, line: &[u8]) {
    wire.put_slice(b"250-");
    wire.put_slice(line);
    wire.put_slice(b"\r\n");
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
    pub(super) line: &'a [u8],
}

impl<'a> Offer<'a> {
    /// The keyword as it was written.
    #[must_use]
    pub fn keyword(&self) -> &'a [u8] {
        self.split().0
    }

    /// What stands behind the keyword and the space, or nothing.
    #[must_use]
    pub fn params(&self) -> &'a [u8] {
        self.split().1
    }

    /// The extension, if we know it.
    #[must_use]
    pub fn extension(&self) -> Option<Extension> {
        Extension::from_keyword(self.keyword())
    }

    fn keyword_is(&self, keyword: &[u8]) -> bool {
        let (word, rest) = self
            .line
            .split_at_checked(keyword.len())
            .unwrap_or_default();
        word.eq_ignore_ascii_case(keyword) && matches!(rest.first(), None | Some(b' '))
    }

    fn split(&self) -> (&'a [u8], &'a [u8]) {
        let mut parts = self.line.splitn(2, |octet| *octet == b' ');
        let keyword = parts.next().unwrap_or_default();
        (keyword, parts.next().unwrap_or_default())
    }
}

impl PartialEq for Offer<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.keyword().eq_ignore_ascii_case(other.keyword()) && self.params() == other.params()
    }
}

impl Eq for Offer<'_> {}

impl fmt::Debug for Offer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.line.escape_ascii())
    }
}
