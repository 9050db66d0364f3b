//! Defects of real servers that a client may put up with, each by its name.
//!
//! Nothing here is on by itself: [`Tolerances::NONE`] is the grammar of RFC 9051 and RFC 3501,
//! [`Tolerances::ALL`] what a client needs that reads whatever account its user has. Each
//! tolerance that was needed is told in [`Notices`].

use core::fmt;

/// A defect of a server's responses that can be read around without guessing at its meaning.
///
/// ```
/// use mailwire_imap::response::{Tolerance, Tolerances};
/// let set = Tolerances::NONE.with(Tolerance::TrailingSpace);
/// assert!(set.contains(Tolerance::TrailingSpace));
/// assert!(!set.contains(Tolerance::DoubledSpace));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum Tolerance {
    /// A space before the end of the line (Exchange behind STATUS, exmail.qq.com behind
    /// CAPABILITY, others behind SEARCH).
    TrailingSpace,
    /// A space before a closing parenthesis or behind an opening one (SurgeMail in flag lists,
    /// others in ID and FETCH).
    SpaceInParentheses,
    /// More than one space where one stands in the grammar (DavMail, to keep the line alive).
    DoubledSpace,
    /// Spaces between the addresses of an ENVELOPE, or between the parts of a BODYSTRUCTURE.
    SpaceBetweenItems,
    /// OK, NO or BAD without the space and the text behind them, or a response code without the
    /// space behind its bracket (Gmail's `OK [HIGHESTMODSEQ n]`).
    MissingText,
    /// A continuation request that is only a plus sign.
    ContinuationWithoutSpace,
    /// Octets above 127 that are not UTF-8, inside a quoted string or an atom.
    EightBitText,
    /// Quotation marks inside a quoted string that are not escaped. The string then ends at the
    /// first mark that a space, a closing parenthesis or the end of the line follows.
    UnescapedQuote,
    /// A backslash inside a quoted string before something that needs none; it is left out.
    UselessEscape,
    /// NIL as the Content-Transfer-Encoding of a body part.
    NilEncoding,
    /// NIL as the value of a parameter of a body part (mail.ru).
    NilParameter,
    /// A string where the parenthesised disposition of a body part belongs.
    BareDisposition,
    /// NIL or a missing count where the lines of a text part belong.
    NilLines,
    /// A message/rfc822 part without its envelope and body.
    BareMessage,
    /// An empty string where a flat namespace has NIL as its hierarchy separator.
    EmptyDelimiter,
    /// `()` where a list has to have an element and its absence is NIL.
    EmptyList,
}

impl Tolerance {
    /// All of them.
    pub const EVERY: [Self; 16] = [
        Self::TrailingSpace,
        Self::SpaceInParentheses,
        Self::DoubledSpace,
        Self::SpaceBetweenItems,
        Self::MissingText,
        Self::ContinuationWithoutSpace,
        Self::EightBitText,
        Self::UnescapedQuote,
        Self::UselessEscape,
        Self::NilEncoding,
        Self::NilParameter,
        Self::BareDisposition,
        Self::NilLines,
        Self::BareMessage,
        Self::EmptyDelimiter,
        Self::EmptyList,
    ];
}

/// A set of [`Tolerance`].
///
/// ```
/// use mailwire_imap::response::{Tolerance, Tolerances};
/// let all_but_one = Tolerances::ALL.without(Tolerance::UnescapedQuote);
/// assert_eq!(all_but_one.iter().count(), Tolerance::EVERY.len() - 1);
/// ```
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Tolerances(u32);

impl Tolerances {
    /// Only what the RFCs' grammar says.
    pub const NONE: Self = Self(0);
    /// Everything that has a name here.
    pub const ALL: Self = Self((1 << Tolerance::EVERY.len()) - 1);

    /// These and `one`.
    #[must_use]
    pub const fn with(self, one: Tolerance) -> Self {
        Self(self.0 | 1 << one as u8)
    }

    /// These without `one`.
    #[must_use]
    pub const fn without(self, one: Tolerance) -> Self {
        Self(self.0 & !(1 << one as u8))
    }

    /// Whether `one` is among these.
    #[must_use]
    pub const fn contains(self, one: Tolerance) -> bool {
        self.0 & 1 << one as u8 != 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Tolerance> {
        Tolerance::EVERY
            .into_iter()
            .filter(move |one| self.contains(*one))
    }
}

impl fmt::Debug for Tolerances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// What a response needed to be read: the defects that were tolerated and the items that were not
/// understood and are kept as `Invalid`.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::response::{Response, Tolerance, Tolerances};
/// let frame = Bytes::from_static(b"* CAPABILITY IMAP4rev1 IDLE ");
/// assert!(Response::parse(frame.clone(), Tolerances::NONE).is_err());
/// let (_, notices) = Response::parse(frame, Tolerances::ALL)?;
/// assert!(notices.tolerated().contains(Tolerance::TrailingSpace));
/// assert!(!notices.is_empty());
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Notices {
    pub(crate) tolerated: Tolerances,
    pub(crate) invalid: u32,
}

impl Notices {
    /// Whether there is nothing to tell.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.tolerated.is_empty() && self.invalid == 0
    }

    /// The defects that were met and tolerated.
    #[must_use]
    pub const fn tolerated(self) -> Tolerances {
        self.tolerated
    }

    /// How many items of the response are kept as `Invalid`.
    #[must_use]
    pub const fn invalid_items(self) -> u32 {
        self.invalid
    }
}
