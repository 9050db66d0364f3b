//! The response of a FETCH for one message.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::{
    FetchPlan, ModSeq,
    content::{self, BodySource, Piece, Text},
    item::{Form, Item, Wanted},
};
use crate::{
    bodystructure::BodyForm,
    command::By,
    flag::Flag,
    response::{Fetch, FetchBuilder},
    toolkit::{
        message::{
            section::{Content, What},
            structure::Structure,
        },
        view::{Facts, Recent},
    },
};

/// A message that is fetched, and what has been read of it.
///
/// ```
/// use std::num::NonZero;
/// use mailwire_imap::toolkit::{message::{Fetched, Text}, view::Facts};
/// let one = NonZero::new(1).unwrap();
/// let facts = Facts::new(one, "\"17-Jul-1996 02:44:25 -0700\"".parse()?, 4_286);
/// let mut fetched = Fetched::new(one, &facts);
/// fetched.text = Text::Whole(b"");
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Fetched<'a> {
    /// Its message sequence number.
    pub number: NonZeroU32,
    /// What is known without opening it. Where the FETCH set `\Seen`, it is among the flags.
    pub facts: &'a Facts,
    /// What has been scanned of it: see [`Needs`](super::Needs).
    pub structure: Option<&'a Structure>,
    /// Its text.
    pub text: Text<'a>,
    /// Whether this FETCH set `\Seen`.
    pub seen: Seen,
}

/// Whether a FETCH set `\Seen`, so that the flags are told too (RFC 9051 §6.4.5).
///
/// ```
/// use mailwire_imap::toolkit::message::Seen;
/// assert_eq!(Seen::default(), Seen::AsBefore);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it was set or it was not")]
pub enum Seen {
    /// It is as it was.
    #[default]
    AsBefore,
    /// It was not set before.
    JustSet,
}

impl<'a> Fetched<'a> {
    /// A message of which only the facts are known yet.
    #[must_use]
    pub fn new(number: NonZeroU32, facts: &'a Facts) -> Self {
        Self {
            number,
            facts,
            structure: None,
            text: Text::default(),
            seen: Seen::AsBefore,
        }
    }
}

/// The response for a message, and the bodies that follow its
/// [`pieces`](Fetch::pieces), each behind the piece that announces it.
///
/// ```
/// use std::num::NonZero;
/// use mailwire_imap::{
///     command::By,
///     toolkit::{message::{BodySource, Fetched, FetchPlan, ModSeq}, view::Facts},
/// };
/// let one = NonZero::new(1).unwrap();
/// let facts = Facts::new(one, "\"17-Jul-1996 02:44:25 -0700\"".parse()?, 4_286);
/// let plan = FetchPlan::new(&"BODY.PEEK[]".parse()?, By::Number, ModSeq::IfAsked);
/// let answer = plan.answer(&Fetched::new(one, &facts))?;
/// let pieces: Vec<_> = answer.fetch.pieces().collect();
/// assert_eq!(pieces[0], (b"* 1 FETCH (BODY[] {4286}\r\n"[..].into(), Some(4_286)));
/// assert_eq!(answer.bodies, [BodySource::Range(0..4_286)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The response.
    pub fetch: Fetch,
    /// Where the bodies come from, in the order of the pieces.
    pub bodies: Vec<BodySource>,
}

/// Why a message cannot be answered for.
///
/// ```
/// use mailwire_imap::toolkit::message::Unanswerable;
/// let message = "the transfer encoding of a part is not known";
/// assert_eq!(Unanswerable::UnknownEncoding.to_string(), message);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unanswerable {
    /// BINARY asks for a part whose transfer encoding is not known: the FETCH fails with
    /// `NO [UNKNOWN-CTE]` (RFC 3516 §4.3).
    #[error("the transfer encoding of a part is not known")]
    UnknownEncoding,
    /// The caller left out what [`measures`](FetchPlan::measures) asks for.
    #[error("a part that is to be decoded was not measured")]
    Unmeasured,
    /// The caller left out what [`needs`](FetchPlan::needs) asks for.
    #[error("the message was not scanned")]
    Unscanned,
}

impl FetchPlan {
    /// The response for a message.
    ///
    /// Content of up to [`INLINE`](crate::limits::INLINE) octets is within the response if the text
    /// is at hand; what is larger follows it.
    ///
    /// # Errors
    ///
    /// [`Unanswerable`] if BINARY meets an unknown transfer encoding, or the caller did not give
    /// what was asked for.
    pub fn answer(&self, fetched: &Fetched<'_>) -> Result<Answer, Unanswerable> {
        let mut writing = Writing {
            fetched,
            builder: Fetch::builder(fetched.number),
            bodies: Vec::new(),
        };
        let asks = |wanted: fn(&Item) -> bool| self.items.iter().any(wanted);
        if self.by == By::Uid && !asks(|item| matches!(item, Item::Uid)) {
            writing = writing.item(&Item::Uid)?;
        }
        for item in &self.items {
            writing = writing.item(item)?;
        }
        if fetched.seen == Seen::JustSet && !asks(|item| matches!(item, Item::Flags)) {
            writing = writing.item(&Item::Flags)?;
        }
        if self.mod_seq == ModSeq::Always && !asks(|item| matches!(item, Item::ModSeq)) {
            writing = writing.item(&Item::ModSeq)?;
        }
        Ok(Answer {
            fetch: writing.builder.build(),
            bodies: writing.bodies,
        })
    }
}

struct Writing<'a> {
    fetched: &'a Fetched<'a>,
    builder: FetchBuilder,
    bodies: Vec<BodySource>,
}

impl<'a> Writing<'a> {
    fn item(mut self, item: &Item) -> Result<Self, Unanswerable> {
        let facts = self.fetched.facts;
        self.builder = match item {
            Item::Uid => self.builder.uid(facts.uid),
            Item::Flags if facts.recent == Recent::Yes => {
                let mut flags = facts.flags.clone();
                flags.insert(&Flag::Recent);
                self.builder.flags(&flags)
            }
            Item::Flags => self.builder.flags(&facts.flags),
            Item::InternalDate => self.builder.internal_date(facts.internal_date),
            // A store without them has none to tell: 0 is no mod-sequence.
            Item::ModSeq if facts.mod_seq == 0 => self.builder,
            Item::ModSeq => self.builder.mod_seq(facts.mod_seq),
            Item::Nil(name) => self.builder.extension(name, b"NIL"),
            Item::Size => {
                let octets = self.octets()?;
                self.builder.size(octets)
            }
            Item::Envelope => {
                let structure = self.structure()?;
                let builder = self.builder;
                structure.with_envelope(|envelope| builder.envelope_of(envelope))
            }
            Item::Body(form) => {
                let body = self.structure()?.body(*form);
                match form {
                    BodyForm::Body => self.builder.body(&body),
                    BodyForm::BodyStructure => self.builder.body_structure(&body),
                }
            }
            Item::BinarySize(wanted) => {
                let (structure, text) = (self.structure()?, self.fetched.text);
                let octets = content::binary_size(structure, wanted.number(), text)?;
                match wanted.section() {
                    Some(section) => self.builder.binary_size(section, octets),
                    None => self.builder,
                }
            }
            Item::Section(form, wanted) => {
                let piece = self.piece(*form, wanted)?;
                return Ok(self.content(*form, wanted, piece));
            }
        };
        Ok(self)
    }

    fn structure(&self) -> Result<&'a Structure, Unanswerable> {
        self.fetched.structure.ok_or(Unanswerable::Unscanned)
    }

    /// Octets of the message. Where only its header was scanned, the facts know them.
    fn octets(&self) -> Result<u64, Unanswerable> {
        match self.fetched.facts.octets {
            Some(octets) => Ok(octets),
            None => Ok(self.structure()?.octets()),
        }
    }

    fn piece(&self, form: Form, wanted: &Wanted) -> Result<Option<Piece<'a>>, Unanswerable> {
        let (number, partial, text) = (wanted.number(), wanted.partial, self.fetched.text);
        let octets = || match text {
            Text::Whole(text) => Ok(text.len() as u64),
            Text::Apart(_) => self.octets(),
        };
        let content = match &wanted.what {
            What::All if number.is_whole() => Content::Range(0..octets()?),
            What::Text if number.is_whole() => {
                let root = self.structure()?.root().ok_or(Unanswerable::Unscanned)?;
                Content::Range(root.body().start..octets()?.max(root.body().start))
            }
            _ if form == Form::Binary => {
                return Piece::binary(self.structure()?, number, partial, text);
            }
            what => match self.structure()?.content(number, what) {
                Some(content) => content,
                None => return Ok(None),
            },
        };
        Ok(Some(Piece::of(content, partial, text)))
    }

    fn content(mut self, form: Form, wanted: &Wanted, piece: Option<Piece<'a>>) -> Self {
        let Some(section) = wanted.section() else {
            return self;
        };
        let origin = wanted.origin();
        let builder = self.builder;
        self.builder = match piece {
            None | Some(Piece::Inline(_)) => {
                let content = match &piece {
                    Some(Piece::Inline(content)) => Some(&**content),
                    _ => None,
                };
                match form {
                    Form::Body => builder.section(section, origin, content),
                    Form::Binary => builder.binary(section, origin, content),
                    Form::Rfc822 => builder.rfc822(content.unwrap_or_default()),
                    Form::Rfc822Header => builder.rfc822_header(content.unwrap_or_default()),
                    Form::Rfc822Text => builder.rfc822_text(content.unwrap_or_default()),
                }
            }
            Some(Piece::Streamed(source)) => {
                let octets = source.octets();
                self.bodies.push(source);
                match form {
                    Form::Body => builder.streamed_section(section, origin, octets),
                    Form::Binary => builder.streamed_binary(section, origin, octets),
                    Form::Rfc822 => builder.streamed_rfc822(octets),
                    Form::Rfc822Header => builder.streamed_rfc822_header(octets),
                    Form::Rfc822Text => builder.streamed_rfc822_text(octets),
                }
            }
        };
        self
    }
}
