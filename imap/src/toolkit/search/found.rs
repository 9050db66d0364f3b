//! What was found, and the response that tells it.

use alloc::vec::Vec;
use core::{fmt, num::NonZeroU32};

use super::{Query, Saved};
use crate::{
    command::{By, SearchReturn},
    response::{ESearch, ESearchItem, Numbers, Response},
    sequence::SequenceSet,
    toolkit::view::Facts,
};

/// How a SEARCH without RETURN is answered.
///
/// ```
/// use mailwire_imap::toolkit::search::Answer;
/// assert_ne!(Answer::Search, Answer::ESearch);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "one for each revision of IMAP")]
pub enum Answer {
    /// With SEARCH, as IMAP4rev1 has it (RFC 3501 §7.2.5).
    Search,
    /// With ESEARCH, once the client has enabled IMAP4rev2 (RFC 9051 §7.3.4).
    ESearch,
}

/// A message that was found.
#[derive(Clone, Copy)]
struct Hit {
    number: NonZeroU32,
    uid: NonZeroU32,
    mod_seq: u64,
}

/// Which messages are still asked about.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Hunt {
    /// All of them.
    All,
    /// From the front to the first that matches, for MIN.
    First,
    /// From the back, for MAX.
    Last,
    /// From both sides, for MIN and MAX.
    Ends,
}

/// The messages that a SEARCH has found. It says which message to ask about next, so that MIN and
/// MAX alone need not look at all of them (RFC 4731 §5).
///
/// ```
/// use core::num::NonZeroU32;
/// use mailwire_imap::{
///     command::{By, Search, SearchKey, SearchReturn},
///     toolkit::{search::{Answer, Found, Query, Scope}, view::Facts},
/// };
/// let date = "\"17-Jul-1996 02:44:25 -0700\"".parse()?;
/// let one = NonZeroU32::MIN;
/// let search = Search::new([SearchKey::All]).with_return(SearchReturn::MIN);
/// let query = Query::compile(&search, &Scope::new(100_000, Some(one), date))?;
/// let mut found = Found::new(&query);
/// assert_eq!(found.next_number(), Some(one));
/// found.add(one, &Facts::new(one, date, 60));
/// assert_eq!(found.next_number(), None, "the first is known");
/// let response = found.response(b"A1", By::Uid, Answer::Search).unwrap();
/// let mut wire = bytes::BytesMut::new();
/// response.encode(&mut wire);
/// assert_eq!(wire, "* ESEARCH (TAG \"A1\") UID MIN 1\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Found {
    returns: Option<SearchReturn>,
    has_mod_seq: bool,
    hunt: Hunt,
    /// The first and the last number that nobody has asked about.
    front: u32,
    back: u32,
    hits: Vec<Hit>,
    is_sorted: bool,
}

impl Found {
    /// Nothing so far, for a SEARCH.
    #[must_use]
    pub fn new(query: &Query) -> Self {
        let hunt = match query.returns() {
            Some(returns) if is_ends(returns) => {
                match (
                    returns.contains(SearchReturn::MIN),
                    returns.contains(SearchReturn::MAX),
                ) {
                    (true, true) => Hunt::Ends,
                    (true, false) => Hunt::First,
                    (false, _) => Hunt::Last,
                }
            }
            _ => Hunt::All,
        };
        Self {
            hunt,
            ..Self::all(query)
        }
    }

    /// Nothing so far, for a SORT or THREAD, which always look at all messages.
    #[must_use]
    pub fn all(query: &Query) -> Self {
        Self {
            returns: query.returns(),
            has_mod_seq: query.has_mod_seq(),
            hunt: Hunt::All,
            front: 1,
            back: query.messages(),
            hits: Vec::new(),
            is_sorted: false,
        }
    }

    /// The number of the message to ask about next; `None` when all is known that the response
    /// tells.
    pub fn next_number(&mut self) -> Option<NonZeroU32> {
        let is_done = match self.hunt {
            Hunt::All => false,
            Hunt::First | Hunt::Last => !self.hits.is_empty(),
            Hunt::Ends => self.hits.len() > 1,
        };
        if is_done || self.front > self.back {
            return None;
        }
        let from_back = match self.hunt {
            Hunt::All | Hunt::First => false,
            Hunt::Last => true,
            Hunt::Ends => !self.hits.is_empty(),
        };
        let number = if from_back {
            self.back -= 1;
            self.back + 1
        } else {
            self.front += 1;
            self.front - 1
        };
        NonZeroU32::new(number)
    }

    /// Adds the message of that number, which matches.
    pub fn add(&mut self, number: NonZeroU32, facts: &Facts) {
        self.hits.push(Hit {
            number,
            uid: facts.uid,
            mod_seq: facts.mod_seq,
        });
    }

    /// How many were found so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.hits.len()
    }

    /// Whether nothing was found so far.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.hits.is_empty()
    }

    /// The numbers or UIDs, in the order of the mailbox or, once [arranged](Self::arrange), of
    /// SORT.
    pub fn iter(&self, by: By) -> impl Iterator<Item = NonZeroU32> {
        self.hits.iter().map(move |hit| hit.by(by))
    }

    /// Puts what was found into the order of SORT, given as message numbers;
    /// [`response`](Self::response) is a SORT response then. Numbers that were not found are passed
    /// over.
    pub fn arrange(&mut self, order: impl IntoIterator<Item = NonZeroU32>) {
        self.hits.sort_unstable_by_key(|hit| hit.number);
        let sorted = order.into_iter().filter_map(|number| {
            let at = self.hits.binary_search_by_key(&number, |hit| hit.number);
            self.hits.get(at.ok()?).copied()
        });
        self.hits = sorted.collect();
        self.is_sorted = true;
    }

    /// The response to the command of that tag; `None` for RETURN (SAVE) alone, which is answered
    /// with the tagged OK only (RFC 9051 §6.4.4).
    #[must_use]
    pub fn response(&self, tag: &[u8], by: By, answer: Answer) -> Option<Response> {
        let returns = match (self.returns, answer) {
            (Some(SearchReturn::SAVE), _) => return None,
            (Some(returns), _) => returns,
            (None, Answer::ESearch) if !self.is_sorted => SearchReturn::NONE,
            (None, _) => {
                let mod_seq = self.mod_seq(SearchReturn::NONE);
                return Some(if self.is_sorted {
                    Response::Sort(Numbers::sort(self.iter(by), mod_seq))
                } else {
                    Response::Search(Numbers::search(self.iter(by), mod_seq))
                });
            }
        };
        let items = self.items(returns, by);
        Some(Response::ESearch(match by {
            By::Number => ESearch::new(tag, &items),
            By::Uid => ESearch::uids(tag, &items),
        }))
    }

    /// Sets `saved` where the command had SAVE, to what RFC 9051 §6.4.4.1 Table 4 says.
    pub fn save(&self, saved: &mut Saved) {
        let Some(returns) = self.returns else { return };
        if returns.contains(SearchReturn::SAVE) {
            *saved = self.told(returns).map(|hit| hit.uid).collect();
        }
    }

    fn items(&self, returns: SearchReturn, by: By) -> Vec<ESearchItem<'static>> {
        let mut items = Vec::with_capacity(4);
        let is_all = [SearchReturn::NONE, SearchReturn::SAVE].contains(&returns);
        if returns.contains(SearchReturn::MIN) {
            items.extend(self.hits.first().map(|hit| ESearchItem::Min(hit.by(by))));
        }
        if returns.contains(SearchReturn::MAX) {
            items.extend(self.hits.last().map(|hit| ESearchItem::Max(hit.by(by))));
        }
        if is_all || returns.contains(SearchReturn::ALL) {
            items.extend(SequenceSet::of(self.iter(by)).map(ESearchItem::All));
        }
        if returns.contains(SearchReturn::COUNT) {
            let count = u32::try_from(self.hits.len()).unwrap_or(u32::MAX);
            items.push(ESearchItem::Count(count));
        }
        items.extend(self.mod_seq(returns).map(ESearchItem::ModSeq));
        items
    }

    /// The highest mod-sequence of what is told, where MODSEQ was among the keys (RFC 7162 §3.1.5,
    /// RFC 4731 §3.2).
    fn mod_seq(&self, returns: SearchReturn) -> Option<u64> {
        let highest = self.told(returns).map(|hit| hit.mod_seq).max();
        highest.filter(|_| self.has_mod_seq)
    }

    /// The first, the last or both for MIN and MAX alone, else all.
    fn told(&self, returns: SearchReturn) -> impl Iterator<Item = &Hit> {
        let is_ends = is_ends(returns);
        let last = self.hits.len().saturating_sub(1);
        self.hits.iter().enumerate().filter_map(move |(at, hit)| {
            let is_told = !is_ends
                || at == 0 && returns.contains(SearchReturn::MIN)
                || at == last && returns.contains(SearchReturn::MAX);
            is_told.then_some(hit)
        })
    }
}

impl Hit {
    const fn by(&self, by: By) -> NonZeroU32 {
        match by {
            By::Number => self.number,
            By::Uid => self.uid,
        }
    }
}

/// Whether MIN or MAX are there, and neither ALL nor COUNT.
fn is_ends(returns: SearchReturn) -> bool {
    (returns.contains(SearchReturn::MIN) || returns.contains(SearchReturn::MAX))
        && !returns.contains(SearchReturn::ALL)
        && !returns.contains(SearchReturn::COUNT)
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found")
            .field("messages", &self.hits.len())
            .finish_non_exhaustive()
    }
}
