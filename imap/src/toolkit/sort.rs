//! SORT, evaluated (RFC 5256 §3, RFC 5957).
//!
//! What SORT compares is taken once from each message that SEARCH has found: an [`Entry`], made by
//! the [`Order`] that the command asks for. A store may keep entries; they hold nothing else of
//! the message.
//!
//! ```
//! use core::num::NonZeroU32;
//! use mailwire_imap::{
//!     command::{By, Search, SearchKey, SortCriterion, SortKey},
//!     toolkit::{
//!         search::{Answer, Found, Query, Scope},
//!         sort::Order,
//!         view::Facts,
//!     },
//! };
//! let date = "\"17-Jul-1996 02:44:25 -0700\"".parse()?;
//! let mailbox = ["Subject: Re: lunch\r\n\r\n", "Subject: dinner\r\n\r\n"];
//! let search = Search::new([SearchKey::All]);
//! let order = Order::new(&[SortCriterion::ascending(SortKey::Subject)]);
//! let query = Query::compile(&search, &Scope::new(2, NonZeroU32::new(2), date))?;
//! let mut found = Found::all(&query);
//! let mut entries = Vec::new();
//! while let Some(number) = found.next_number() {
//!     // Here all messages match.
//!     let facts = Facts::new(number, date, 24);
//!     let header = mailbox[number.get() as usize - 1].as_bytes();
//!     entries.push(order.entry(number, &facts, header));
//!     found.add(number, &facts);
//! }
//! found.arrange(order.sort(entries));
//! let response = found.response(b"A1", By::Number, Answer::Search).unwrap();
//! let mut wire = bytes::BytesMut::new();
//! response.encode(&mut wire);
//! assert_eq!(wire, "* SORT 2 1\r\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Strings are compared in one case, as SEARCH does it, octet by octet of their UTF-8. That is the
//! order of i;unicode-casemap (RFC 5051) but for characters that can be written in two ways, which
//! are not decomposed.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{cmp::Ordering, fmt, num::NonZeroU32};

use super::{
    message::{
        address::{Address, addresses},
        header::Fields,
        subject,
        text::{decode_value, decode_words},
    },
    search::{Needs, fold, sent},
    view::Facts,
};
use crate::command::{SortCriterion, SortKey};

/// What a SORT compares, most important first.
///
/// ```
/// use mailwire_imap::{command::{SortCriterion, SortKey}, toolkit::{search::Needs, sort::Order}};
/// let order = Order::new(&[SortCriterion::ascending(SortKey::Arrival)]);
/// assert_eq!(order.needs(), None);
/// let order = Order::new(&[SortCriterion::ascending(SortKey::Subject)]);
/// assert_eq!(order.needs(), Some(Needs::Header));
/// ```
#[derive(Clone, Debug)]
pub struct Order {
    criteria: Vec<SortCriterion>,
}

/// What is compared of one message. `Debug` shows its number only.
///
/// ```
/// use mailwire_imap::{command::{SortCriterion, SortKey}, toolkit::{sort::Order, view::Facts}};
/// let one = core::num::NonZeroU32::MIN;
/// let order = Order::new(&[SortCriterion::ascending(SortKey::Size)]);
/// let date = "\"17-Jul-1996 02:44:25 -0700\"".parse()?;
/// let entry = order.entry(one, &Facts::new(one, date, 4096), b"");
/// assert_eq!(entry.number(), one);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Entry {
    number: NonZeroU32,
    values: Vec<Value>,
}

#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
enum Value {
    /// Seconds since 1970.
    Time(i64),
    Size(u64),
    /// A string in one case.
    Text(String),
}

impl Order {
    /// The order of these criteria, and of the mailbox where all of them are equal. A key that was
    /// there already decides nothing any more and is left out.
    #[must_use]
    pub fn new(criteria: &[SortCriterion]) -> Self {
        let mut order = Self {
            criteria: Vec::new(),
        };
        for criterion in criteria {
            if order
                .criteria
                .iter()
                .all(|known| known.key != criterion.key)
            {
                order.criteria.push(*criterion);
            }
        }
        order
    }

    /// What must be read of each message beside its facts: its header, or nothing. For SIZE the
    /// facts must have the octets.
    #[must_use]
    pub fn needs(&self) -> Option<Needs> {
        let is_fact = |key| matches!(key, SortKey::Arrival | SortKey::Size);
        let needs_header = self
            .criteria
            .iter()
            .any(|criterion| !is_fact(criterion.key));
        needs_header.then_some(Needs::Header)
    }

    /// What is compared of the message of that number. `header` may be empty where nothing is
    /// [needed](Self::needs), and may go on with the body, which is not looked at.
    #[must_use]
    pub fn entry(&self, number: NonZeroU32, facts: &Facts, header: &[u8]) -> Entry {
        let first = |name| Fields::new(header).find(name);
        let values = self.criteria.iter().map(|criterion| match criterion.key {
            SortKey::Arrival => Value::Time(facts.internal_date.timestamp()),
            SortKey::Size => Value::Size(facts.octets.unwrap_or_default()),
            SortKey::Date => Value::Time(sent_date(header, facts)),
            SortKey::Subject => {
                let subject = first("Subject").map(|field| decode_value(field.raw_value()));
                Value::Text(fold(&subject::base(&subject.unwrap_or_default()).0))
            }
            SortKey::Cc => Value::Text(address(header, "Cc", mailbox)),
            SortKey::From => Value::Text(address(header, "From", mailbox)),
            SortKey::To => Value::Text(address(header, "To", mailbox)),
            SortKey::DisplayFrom => Value::Text(address(header, "From", display)),
            SortKey::DisplayTo => Value::Text(address(header, "To", display)),
        });
        Entry {
            number,
            values: values.collect(),
        }
    }

    /// The numbers in order. The entries must be of this order.
    #[must_use]
    pub fn sort(&self, mut entries: Vec<Entry>) -> Vec<NonZeroU32> {
        entries.sort_unstable_by(|one, two| self.compare(one, two));
        entries.into_iter().map(|entry| entry.number).collect()
    }

    /// Which of two messages comes first. They are equal only if their numbers are: REVERSE does
    /// not turn the order of the mailbox (RFC 5256 §3).
    #[must_use]
    pub fn compare(&self, one: &Entry, two: &Entry) -> Ordering {
        let values = one.values.iter().zip(&two.values);
        let by_criteria = self.criteria.iter().zip(values).map(|(criterion, (a, b))| {
            if criterion.reverse {
                b.cmp(a)
            } else {
                a.cmp(b)
            }
        });
        let mut all = by_criteria.chain([one.number.cmp(&two.number)]);
        all.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl Entry {
    /// The number of the message.
    #[must_use]
    pub const fn number(&self) -> NonZeroU32 {
        self.number
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// The sent date in seconds since 1970: of the Date field, or else the internal date
/// (RFC 5256 §2.2).
pub(super) fn sent_date(header: &[u8], facts: &Facts) -> i64 {
    let sent = Fields::new(header)
        .find("Date")
        .and_then(|field| sent(&field.value()));
    sent.unwrap_or(facts.internal_date).timestamp()
}

/// The first address of a field as `of` has it, in one case; empty where there is none.
fn address(header: &[u8], name: &str, of: fn(&Address<'_>) -> String) -> String {
    let Some(field) = Fields::new(header).find(name) else {
        return String::new();
    };
    let value = field.value();
    addresses(&value)
        .next()
        .map(|first| fold(&of(&first)))
        .unwrap_or_default()
}

/// `addr-mailbox`, which is the name of a group where the first address begins one.
fn mailbox(address: &Address<'_>) -> String {
    lossy(address.mailbox())
}

/// RFC 5957 §3.
fn display(address: &Address<'_>) -> String {
    let name = address.name().map(decode_words).unwrap_or_default();
    if !name.is_empty() {
        return name;
    }
    let mut text = mailbox(address);
    if let Some(host) = address.host().filter(|host| !host.is_empty()) {
        text.push('@');
        text.push_str(&String::from_utf8_lossy(host));
    }
    text
}

fn lossy(octets: Option<&[u8]>) -> String {
    String::from_utf8_lossy(octets.unwrap_or_default()).to_string()
}
