//! FETCH (RFC 9051 §6.4.5, RFC 3516, RFC 7162 §3.1.4 and §3.2.6, RFC 8970, RFC 8514, RFC 8474).

mod item;
mod items;
mod section;

pub use item::{FetchItem, Macro};
pub use items::FetchItems;
pub use section::{HeaderFields, Part, Partial, Peek, Section};

use super::{By, CommandBody, expunge, keyword};
use crate::{
    encode::Encoder,
    error::{Expected, ParseError},
    grammar::Cursor,
    sequence::SequenceSet,
};

/// What limits a FETCH to what changed (RFC 7162 §3.1.4.1, §3.2.6).
///
/// ```
/// use mailwire_imap::command::FetchModifiers;
/// assert_eq!(FetchModifiers::changed_since(12_345).changed_since, Some(12_345));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct FetchModifiers {
    /// CHANGEDSINCE: only messages with a higher modification sequence.
    pub changed_since: Option<u64>,
    /// VANISHED: also the UIDs that are gone since; only with CHANGEDSINCE and UID FETCH.
    pub vanished: bool,
}

impl FetchModifiers {
    /// What changed since then.
    #[must_use]
    pub const fn changed_since(value: u64) -> Self {
        Self {
            changed_since: Some(value),
            vanished: false,
        }
    }

    /// What changed or was expunged since then.
    #[must_use]
    pub const fn vanished_since(value: u64) -> Self {
        Self {
            changed_since: Some(value),
            vanished: true,
        }
    }

    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let mut modifiers = Self::default();
        if !cursor.eat(b' ') {
            return Ok(modifiers);
        }
        cursor.list(Expected::Parameter, |cursor| {
            let error = cursor.error(Expected::Parameter);
            match keyword::keyword(cursor, Expected::Parameter)?.upper() {
                b"CHANGEDSINCE" => {
                    cursor.space()?;
                    let error = cursor.error(Expected::ModSequence);
                    modifiers.changed_since = Some(cursor.number64().map_err(|_| error)?);
                }
                b"VANISHED" => modifiers.vanished = true,
                _ => return Err(error),
            }
            Ok(())
        })?;
        Ok(modifiers)
    }

    fn encode(self, encoder: &mut Encoder) {
        match (self.changed_since, self.vanished) {
            (None, false) => {}
            (None, true) => encoder.raw(b" (VANISHED)"),
            (Some(value), vanished) => {
                encoder.raw(b" (CHANGEDSINCE ");
                encoder.number(value);
                encoder.raw(if vanished { b" VANISHED)" } else { b")" });
            }
        }
    }
}

pub(super) fn parse(cursor: &mut Cursor<'_>, by: By) -> Result<CommandBody, ParseError> {
    cursor.space()?;
    let set = SequenceSet::parse(cursor)?;
    cursor.space()?;
    let items = FetchItems::parse(cursor)?;
    let modifiers = FetchModifiers::parse(cursor)?;
    Ok(CommandBody::Fetch {
        by,
        set,
        items,
        modifiers,
    })
}

pub(super) fn encode(
    encoder: &mut Encoder,
    set: &SequenceSet,
    items: &FetchItems,
    modifiers: FetchModifiers,
) {
    expunge::encode(encoder, set);
    encoder.raw(b" ");
    items.encode(encoder);
    modifiers.encode(encoder);
}
