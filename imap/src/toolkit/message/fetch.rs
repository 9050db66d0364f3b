//! FETCH: what its items need to know of a message, and the response that tells it
//! (RFC 9051 §6.4.5).

mod answer;
mod content;
mod item;

use alloc::vec::Vec;

use self::item::Item;
pub use self::{
    answer::{Answer, Fetched, Seen, Unanswerable},
    content::{BodyReader, BodySource, Measure, Text},
};
use super::structure::Structure;
use crate::{
    command::{By, FetchItems},
    toolkit::view::Facts,
};

/// What a FETCH asks for, made ready once and answered for each of its messages.
///
/// 1. [`needs`](Self::needs) says what of a message has to be read: nothing, its header, or all.
/// 2. What is read goes through a [`Scanner`](super::Scanner), whose structure
///    [`answer`](Self::answer) is given.
/// 3. The answer is a response, and the bodies that follow its pieces.
///
/// A message that is in memory as a whole is given as [`Text::Whole`]. Of any other, sections are
/// announced with their sizes, and their octets are read when it is their turn.
///
/// ```
/// use std::num::NonZero;
/// use mailwire_imap::{
///     command::By,
///     toolkit::{message::{Fetched, FetchPlan, ModSeq, Needs, Structure, Text}, view::Facts},
/// };
/// let items = "(UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (Subject)])".parse()?;
/// let plan = FetchPlan::new(&items, By::Number, ModSeq::IfAsked);
/// assert!(!plan.sets_seen());
///
/// let message = b"Subject: hi\r\nFrom: a@x\r\n\r\nthere\r\n";
/// let one = NonZero::new(1).unwrap();
/// let facts = Facts::new(one, "\"17-Jul-1996 02:44:25 -0700\"".parse()?, Some(33));
/// assert_eq!(plan.needs(&facts), Needs::Header);
///
/// let structure = Structure::of(message);
/// let mut fetched = Fetched::new(one, &facts);
/// fetched.structure = Some(&structure);
/// fetched.text = Text::Whole(message);
/// let answer = plan.answer(&fetched)?;
/// assert_eq!(
///     answer.fetch.wire(),
///     b"* 1 FETCH (UID 1 RFC822.SIZE 33 BODY[HEADER.FIELDS (Subject)] {15}\r\nSubject: hi\r\n\r\n)",
/// );
/// assert!(answer.bodies.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FetchPlan {
    by: By,
    mod_seq: ModSeq,
    items: Vec<Item>,
}

/// What of a message has to be read to answer, in rising order.
///
/// ```
/// use mailwire_imap::toolkit::message::Needs;
/// assert!(Needs::Facts < Needs::Header && Needs::Header < Needs::Structure);
/// ```
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(
    clippy::exhaustive_enums,
    reason = "nothing, the header or all of a message is read"
)]
pub enum Needs {
    /// Nothing: the facts are enough, but for bodies that are sent as they are.
    Facts,
    /// The header of the message: a scanner may stop when it
    /// [`has_header`](super::Scanner::has_header).
    Header,
    /// All of it has to be scanned.
    Structure,
}

/// When MODSEQ is told (RFC 7162 §3.1.4).
///
/// ```
/// use mailwire_imap::toolkit::message::ModSeq;
/// assert_eq!(ModSeq::default(), ModSeq::IfAsked);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7162 has these two")]
pub enum ModSeq {
    /// Where the item is asked for.
    #[default]
    IfAsked,
    /// Always: CHANGEDSINCE was given, or CONDSTORE is enabled (RFC 7162 §3.1).
    Always,
}

impl FetchPlan {
    /// The plan for these items of a `FETCH` or, with [`By::Uid`], of a `UID FETCH`, which always
    /// tells the UID. PREVIEW, SAVEDATE and THREADID are told as NIL, and EMAILID not at all:
    /// a server whose store has them adds them to the response.
    #[must_use]
    pub fn new(items: &FetchItems, by: By, mod_seq: ModSeq) -> Self {
        Self {
            by,
            mod_seq,
            items: items.iter().filter_map(Item::of).collect(),
        }
    }

    /// What of a message has to be read.
    #[must_use]
    pub fn needs(&self, facts: &Facts) -> Needs {
        let needs = self.items.iter().map(|item| item.needs(facts));
        needs.max().unwrap_or(Needs::Facts)
    }

    /// Whether fetching sets `\Seen` (RFC 9051 §6.4.5): some content is asked for, and not as
    /// `.PEEK`.
    #[must_use]
    pub fn sets_seen(&self) -> bool {
        self.items.iter().any(Item::sets_seen)
    }

    /// Whether octets of the message itself are among what is asked for.
    #[must_use]
    pub fn has_content(&self) -> bool {
        self.items.iter().any(Item::is_content)
    }

    /// What has to be counted before the answer, as its size in decoded form is part of it
    /// (RFC 3516 §4.3). Nothing, where the message is at hand as a whole.
    ///
    /// ```
    /// use mailwire_imap::{
    ///     command::By,
    ///     toolkit::message::{FetchPlan, ModSeq, Structure},
    /// };
    /// let message = b"Content-Transfer-Encoding: base64\r\n\r\naGk=";
    /// let structure = Structure::of(message);
    /// let plan = FetchPlan::new(&"BINARY.SIZE[1]".parse()?, By::Number, ModSeq::IfAsked);
    /// let mut measures = plan.measures(&structure);
    /// assert_eq!(measures[0].range(), 37..41);
    /// measures[0].feed(b"aGk=");
    /// # Ok::<(), mailwire_imap::error::ParseError>(())
    /// ```
    #[must_use]
    pub fn measures(&self, structure: &Structure) -> Vec<Measure> {
        let binaries = self.items.iter().filter_map(Item::binary);
        let mut measures: Vec<Measure> = Vec::new();
        for part in binaries {
            let Some(measure) = Measure::of(structure, part.number()) else {
                continue;
            };
            if !measures.iter().any(|known| known.is_of(&measure)) {
                measures.push(measure);
            }
        }
        measures
    }
}
