//! SEARCH, evaluated (RFC 9051 §6.4.4, RFC 3501 §6.4.4, RFC 5032, RFC 7162 §3.1.5).
//!
//! A command is compiled once to a [`Query`]. Each message is asked about with its [`Facts`] first,
//! which answers most queries without opening a message; where that leaves it open, a [`Matcher`]
//! takes the message in pieces, as it is read, and says as soon as it knows. [`Found`] collects
//! what matched, says which message to ask about next, and makes the response; [`Saved`] is what
//! `$` stands for.
//!
//! ```
//! use core::num::NonZeroU32;
//! use mailwire_imap::{
//!     command::{By, Search, SearchKey},
//!     toolkit::{
//!         search::{Answer, Found, Query, Scope, Verdict},
//!         view::Facts,
//!     },
//! };
//! let date = "\"17-Jul-1996 02:44:25 -0700\"".parse()?;
//! let uid = |uid| NonZeroU32::new(uid).unwrap();
//! let mailbox = [
//!     (Facts::new(uid(7), date, 60), "Subject: lunch\r\n\r\nAt noon?\r\n"),
//!     (Facts::new(uid(9), date, 60), "Subject: dinner\r\n\r\nAt eight?\r\n"),
//! ];
//! let search = Search::new([SearchKey::Smaller(100), SearchKey::Text(b"NOON"[..].into())]);
//! let query = Query::compile(&search, &Scope::new(2, Some(uid(9)), date))?;
//! let mut found = Found::new(&query);
//! while let Some(number) = found.next_number() {
//!     let (facts, message) = &mailbox[number.get() as usize - 1];
//!     let matches = match query.by_facts(number, facts) {
//!         Verdict::Yes => true,
//!         Verdict::No => false,
//!         Verdict::Undecided(_) => {
//!             let mut matcher = query.matcher(number, facts);
//!             for piece in message.as_bytes().chunks(16) {
//!                 matcher.feed(piece);
//!             }
//!             matcher.finish()
//!         }
//!     };
//!     if matches {
//!         found.add(number, facts);
//!     }
//! }
//! let response = found.response(b"A1", By::Uid, Answer::Search).unwrap();
//! let mut wire = bytes::BytesMut::new();
//! response.encode(&mut wire);
//! assert_eq!(wire, "* SEARCH 7\r\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Strings match as RFC 9051 §6.4.4 says: as parts of the text, in any case. Both sides are
//! brought to one case character by character (to lower and then to upper case, as Unicode maps
//! them without regard to language), so that `strasse` finds `Straße`. Characters are not
//! decomposed, as i;unicode-casemap (RFC 5051) would have it: `e` does not find `é`.
//!
//! BODY and TEXT look into the parts of type TEXT and MESSAGE, transfer encoding and character set
//! undone; other parts are left out, as the RFC allows. BODY looks into the header of a message
//! that is enclosed, since that is part of the body, but not into MIME header fields; TEXT looks
//! into all of them. HTML is looked into as it is written, tags included. Multiparts within each
//! other deeper than [`DEPTH`](crate::limits::DEPTH) are left out, and so is what a header field
//! has beyond [`HEADER_FIELD`](crate::limits::HEADER_FIELD) octets.

mod compile;
mod fold;
mod found;
mod leaf;
mod matcher;
mod mime;
mod program;
mod ranges;
mod saved;
mod sent;
mod walk;
mod window;

use alloc::sync::Arc;
use core::{fmt, num::NonZeroU32};

pub(super) use fold::{fold, fold_into};
pub use found::{Answer, Found};
pub use matcher::Matcher;
pub use saved::Saved;
pub(super) use sent::sent;

use self::{compile::Compiler, program::Program};
use super::view::Facts;
use crate::{
    command::{Search, SearchReturn},
    datetime::DateTime,
    response::{Charsets, Code, Condition},
};

/// What the numbers, `*`, `$` and ages of a SEARCH are relative to: the mailbox as the client
/// knows it, and the time.
///
/// ```
/// use mailwire_imap::toolkit::search::{Saved, Scope};
/// let now = "\"17-Jul-1996 02:44:25 -0700\"".parse()?;
/// let scope = Scope::new(172, core::num::NonZeroU32::new(4391), now).with_saved(Saved::new());
/// # let _ = scope;
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scope {
    pub(super) messages: u32,
    pub(super) largest_uid: Option<NonZeroU32>,
    pub(super) now: DateTime,
    pub(super) saved: Saved,
}

impl Scope {
    /// A mailbox with that many messages, of which the last one has that UID; `now` is for OLDER
    /// and YOUNGER.
    #[must_use]
    pub const fn new(messages: u32, largest_uid: Option<NonZeroU32>, now: DateTime) -> Self {
        Self {
            messages,
            largest_uid,
            now,
            saved: Saved::new(),
        }
    }

    /// The same where `$` stands for `saved`.
    #[must_use]
    pub fn with_saved(self, saved: Saved) -> Self {
        Self { saved, ..self }
    }
}

/// What is known of whether a message matches.
///
/// ```
/// use mailwire_imap::toolkit::search::{Needs, Verdict};
/// assert!(Verdict::Undecided(Needs::Header) != Verdict::Undecided(Needs::Content));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "it matches, or not, or nobody knows"
)]
pub enum Verdict {
    /// It does not match.
    No,
    /// More of the message must be seen.
    Undecided(Needs),
    /// It matches.
    Yes,
}

/// How much of a message must be read at the most to decide.
///
/// ```
/// use mailwire_imap::toolkit::search::Needs;
/// assert!(Needs::Header < Needs::Content);
/// ```
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "a message has a header and a body")]
pub enum Needs {
    /// Its header.
    Header,
    /// All of it.
    Content,
}

impl Verdict {
    const fn of(matches: bool) -> Self {
        if matches { Self::Yes } else { Self::No }
    }

    const fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Yes => Self::No,
            Self::Undecided(needs) => Self::Undecided(needs),
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Undecided(one), Self::Undecided(two)) => Self::Undecided(one.max(two)),
            (Self::Undecided(needs), _) | (_, Self::Undecided(needs)) => Self::Undecided(needs),
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }

    fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }
}

/// Why a SEARCH is not carried out.
///
/// ```
/// use mailwire_imap::{
///     command::{Search, SearchKey},
///     response::Condition,
///     toolkit::search::{Query, Refused, Scope},
/// };
/// let scope = Scope::new(0, None, "\" 1-Jan-2026 00:00:00 +0000\"".parse()?);
/// let search = Search::new([SearchKey::All]).with_charset(b"KOI8-R");
/// let refused = Query::compile(&search, &scope).unwrap_err();
/// assert_eq!(refused, Refused::Charset);
/// assert_eq!(refused.condition(), Condition::No);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The character set is neither US-ASCII nor UTF-8.
    #[error("strings to search for are in a character set that is not supported")]
    Charset,
    /// A string to look for is not UTF-8.
    #[error("a string to search for is not UTF-8")]
    NotUtf8,
    /// There are more keys than [`SEARCH_KEYS`](crate::limits::SEARCH_KEYS), or they are nested
    /// deeper than [`DEPTH`](crate::limits::DEPTH).
    #[error("more search keys, or deeper ones, than the server looks for at once")]
    TooComplex,
}

/// The character sets that strings may be in.
const CHARSETS: &[u8] = b"(US-ASCII UTF-8)";

impl Refused {
    /// The condition of the tagged response: BAD where the arguments are wrong, else NO.
    #[must_use]
    pub const fn condition(self) -> Condition {
        match self {
            Self::NotUtf8 => Condition::Bad,
            Self::Charset | Self::TooComplex => Condition::No,
        }
    }

    /// The response code: BADCHARSET with what is supported, or LIMIT.
    ///
    /// ```
    /// use mailwire_imap::{
    ///     command::Tag, response::{Condition, Status}, toolkit::search::Refused,
    /// };
    /// let tag = Tag::new(b"B283").unwrap();
    /// let code = Refused::Charset.code();
    /// let status = Status::tagged(&tag, Condition::No, code.as_ref(), "not supported");
    /// assert_eq!(status.wire(), b"B283 NO [BADCHARSET (US-ASCII UTF-8)] not supported");
    /// ```
    #[must_use]
    pub fn code(self) -> Option<Code<'static>> {
        match self {
            Self::Charset => Some(Code::BadCharset(Charsets::of_list(CHARSETS))),
            Self::NotUtf8 => None,
            Self::TooComplex => Some(Code::Limit),
        }
    }
}

/// A SEARCH made ready to be asked of each message.
///
/// It is cheap to clone and can be shared between threads that read messages.
///
/// ```
/// use mailwire_imap::{
///     command::{Search, SearchKey},
///     toolkit::{search::{Needs, Query, Scope, Verdict}, view::Facts},
/// };
/// let date = "\"17-Jul-1996 02:44:25 -0700\"".parse()?;
/// let one = core::num::NonZeroU32::MIN;
/// let search = Search::new([SearchKey::Unseen, SearchKey::Subject(b"lunch"[..].into())]);
/// let query = Query::compile(&search, &Scope::new(1, Some(one), date))?;
/// let facts = Facts::new(one, date, 4096);
/// assert_eq!(query.by_facts(one, &facts), Verdict::Undecided(Needs::Header));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Query {
    program: Arc<Program>,
}

impl Query {
    /// Checks and prepares a SEARCH: the strings, the sets with `*` and `$`, and the order in
    /// which to ask, cheap things first.
    ///
    /// ```
    /// use mailwire_imap::{
    ///     command::{Search, SearchKey},
    ///     toolkit::search::{Query, Refused, Scope},
    /// };
    /// let scope = Scope::new(0, None, "\" 1-Jan-2026 00:00:00 +0000\"".parse()?);
    /// let search = Search::new([SearchKey::Text(b"caf\xE9"[..].into())]);
    /// assert_eq!(Query::compile(&search, &scope).err(), Some(Refused::NotUtf8));
    /// # Ok::<(), mailwire_imap::error::ParseError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refused`], which says how to answer. The saved result is then [cleared](Saved::clear) if
    /// the answer is NO and the command had SAVE.
    pub fn compile(search: &Search, scope: &Scope) -> Result<Self, Refused> {
        if let Some(charset) = &search.charset {
            let is_known = [&b"UTF-8"[..], b"US-ASCII", b"UTF8", b"ASCII"]
                .iter()
                .any(|known| charset.eq_ignore_ascii_case(known));
            if !is_known {
                return Err(Refused::Charset);
            }
        }
        let program = Compiler::new(scope).compile(&search.keys, search.returns)?;
        Ok(Self {
            program: Arc::new(program),
        })
    }

    /// Whether the message of that number matches, as far as its facts tell.
    #[must_use]
    pub fn by_facts(&self, number: NonZeroU32, facts: &Facts) -> Verdict {
        self.program.run(|leaf| leaf.by_facts(number.get(), facts))
    }

    pub(super) fn messages(&self) -> u32 {
        self.program.messages
    }

    /// Whether MODSEQ is among the keys: responses then tell the highest mod-sequence of what was
    /// found, and CONDSTORE is enabled by it (RFC 7162 §3.1).
    #[must_use]
    pub fn has_mod_seq(&self) -> bool {
        self.program.has_mod_seq
    }

    /// The result options, where there are some.
    #[must_use]
    pub fn returns(&self) -> Option<SearchReturn> {
        self.program.returns
    }
}

/// Strings to look for are what a user types: they stay out.
impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("keys", &self.program.leaves.len())
            .finish_non_exhaustive()
    }
}
