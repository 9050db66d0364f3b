//! THREAD (RFC 5256 §3).

use mailwire_core::text::Octets;

use super::{By, CommandBody, Search, sort};
use crate::{
    encode::Encoder,
    error::{Expected, ParseError},
    grammar::Cursor,
};

/// How messages are joined to threads.
///
/// ```
/// use mailwire_imap::command::Algorithm;
/// assert_eq!(Algorithm::References.name(), b"REFERENCES");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Algorithm {
    /// `ORDEREDSUBJECT`: by base subject.
    OrderedSubject,
    /// `REFERENCES`: by References, In-Reply-To and base subject.
    References,
    /// Another.
    Other(OtherAlgorithm),
}

/// The name of an algorithm that this crate does not know.
///
/// ```
/// use mailwire_imap::command::Algorithm;
/// assert_eq!(Algorithm::new(b"REFS").unwrap().name(), b"REFS");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OtherAlgorithm(Octets);

impl Algorithm {
    /// The algorithm of that name, in any case; `None` where it is no atom.
    #[must_use]
    pub fn new(name: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::borrowing(name);
        let algorithm = Self::parse(&mut cursor).ok()?;
        cursor.is_done().then_some(algorithm)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        match self {
            Self::OrderedSubject => b"ORDEREDSUBJECT",
            Self::References => b"REFERENCES",
            Self::Other(OtherAlgorithm(name)) => name,
        }
    }

    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let error = cursor.error(Expected::ThreadAlgorithm);
        let name = cursor.atom().map_err(|_| error)?;
        Ok(if name.eq_ignore_ascii_case(b"ORDEREDSUBJECT") {
            Self::OrderedSubject
        } else if name.eq_ignore_ascii_case(b"REFERENCES") {
            Self::References
        } else {
            Self::Other(OtherAlgorithm(Octets::from(name)))
        })
    }
}

pub(super) fn parse(cursor: &mut Cursor<'_>, by: By) -> Result<CommandBody, ParseError> {
    cursor.space()?;
    let algorithm = Algorithm::parse(cursor)?;
    let search = sort::parse_search(cursor, None)?;
    Ok(CommandBody::Thread {
        by,
        algorithm,
        search,
    })
}

pub(super) fn encode(encoder: &mut Encoder, algorithm: &Algorithm, search: &Search) {
    encoder.raw(b" ");
    encoder.raw(algorithm.name());
    sort::encode_search(encoder, search);
}
