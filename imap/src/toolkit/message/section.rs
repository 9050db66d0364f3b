//! Sections: which octets of a message FETCH means (RFC 9051 §6.4.5.1).

use alloc::vec::Vec;
use core::{fmt, ops::Range};

use super::structure::{Entity, Structure};
use crate::command;

/// The octets that a section is. `Debug` shows how many they are.
///
/// ```
/// use mailwire_imap::{command::{Part, Section}, toolkit::message::{Content, Structure}};
/// let structure = Structure::of(b"Subject: a\r\n\r\nb\r\n");
/// let text = structure.section(Section::Text(Part::WHOLE));
/// assert_eq!(text, Some(Content::Range(14..17)));
/// assert_eq!(structure.section(Section::All(Part::new("2").unwrap())), None);
/// ```
#[derive(Clone, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a section is a piece of the message or fields of it"
)]
pub enum Content {
    /// These octets of the text of the message.
    Range(Range<u64>),
    /// Fields of a header, and the empty line. Of fields beyond
    /// [`HEADER_FIELD`](crate::limits::HEADER_FIELD) octets only their begin is there.
    Fields(Vec<u8>),
}

impl Content {
    /// How many octets they are.
    #[must_use]
    pub fn octets(&self) -> u64 {
        match self {
            Self::Range(range) => range.end.saturating_sub(range.start),
            Self::Fields(fields) => fields.len() as u64,
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(range) => write!(f, "Range({range:?})"),
            Self::Fields(fields) => write!(f, "Fields({} octets)", fields.len()),
        }
    }
}

/// What of a part is meant.
#[derive(Clone)]
pub(super) enum What {
    All,
    Header,
    Fields(Names),
    FieldsNot(Names),
    Text,
    Mime,
}

impl What {
    pub(super) fn of(section: command::Section<'_>) -> Self {
        match section {
            command::Section::All(_) => Self::All,
            command::Section::Header(_) => Self::Header,
            command::Section::HeaderFields(_, names) => Self::Fields(Names::of(names)),
            command::Section::HeaderFieldsNot(_, names) => Self::FieldsNot(Names::of(names)),
            command::Section::Text(_) => Self::Text,
            command::Section::Mime(_) => Self::Mime,
        }
    }
}

/// Names of fields in small letters, sorted.
#[derive(Clone)]
pub(super) struct Names(Vec<Vec<u8>>);

impl Names {
    fn of(names: command::HeaderFields<'_>) -> Self {
        let mut sorted: Vec<_> = names
            .iter()
            .map(|name| name.octets().to_ascii_lowercase())
            .collect();
        sorted.sort_unstable();
        Self(sorted)
    }

    fn contains(&self, name: &[u8]) -> bool {
        let small = || name.iter().map(u8::to_ascii_lowercase);
        let found = self
            .0
            .binary_search_by(|known| known.iter().copied().cmp(small()));
        found.is_ok()
    }
}

impl Structure {
    /// The octets of a section; `None`, which FETCH tells as NIL, if there is no such part, or if
    /// HEADER or TEXT of a part is asked for that is no message.
    #[must_use]
    pub fn section(&self, section: command::Section<'_>) -> Option<Content> {
        self.content(section.part(), &What::of(section))
    }

    pub(super) fn content(&self, part: command::Part<'_>, what: &What) -> Option<Content> {
        let entity = self.find(part)?;
        // HEADER and TEXT are those of a message: this one, or the one that the part is.
        let message = || {
            if part.is_whole() {
                Some(entity)
            } else {
                entity.message()
            }
        };
        Some(match what {
            What::All if part.is_whole() => Content::Range(0..self.octets()),
            What::All => Content::Range(entity.body()),
            What::Header => Content::Range(message()?.header()),
            What::Fields(names) => {
                Content::Fields(fields(&message()?, |name| names.contains(name)))
            }
            What::FieldsNot(names) => {
                Content::Fields(fields(&message()?, |name| !names.contains(name)))
            }
            What::Text => Content::Range(message()?.body()),
            What::Mime => Content::Range(entity.header()),
        })
    }
}

/// The fields that are chosen, and the empty line where the header has one. A line that is no
/// field has an empty name.
fn fields(message: &Entity<'_>, is_chosen: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut chosen = Vec::new();
    for field in message.fields() {
        if is_chosen(field.name()) {
            chosen.extend_from_slice(field.raw());
        }
    }
    if message.has_empty_line() {
        chosen.extend_from_slice(b"\r\n");
    }
    chosen
}
