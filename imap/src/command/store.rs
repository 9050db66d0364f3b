//! STORE (RFC 9051 §6.4.6, RFC 7162 §3.1.3).

use super::{By, CommandBody, expunge, keyword};
use crate::{
    encode::Encoder,
    error::{Expected, ParseError},
    flag::Flags,
    grammar::Cursor,
    sequence::SequenceSet,
};

/// What becomes of a message's flags.
///
/// ```
/// use mailwire_imap::command::StoreMode;
/// assert_ne!(StoreMode::Add, StoreMode::Remove);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9051 store-att-flags")]
pub enum StoreMode {
    /// `FLAGS`: these and no others, but for `\Recent`.
    Replace,
    /// `+FLAGS`: these too.
    Add,
    /// `-FLAGS`: no longer these.
    Remove,
}

/// Whether the new flags are to be told.
///
/// ```
/// use mailwire_imap::command::Silence;
/// assert_ne!(Silence::Silent, Silence::Told);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9051 store-att-flags")]
pub enum Silence {
    /// They are told as FETCH responses.
    Told,
    /// `.SILENT`: they are not.
    Silent,
}

pub(super) fn parse(cursor: &mut Cursor<'_>, by: By) -> Result<CommandBody, ParseError> {
    cursor.space()?;
    let set = SequenceSet::parse(cursor)?;
    cursor.space()?;
    let mut unchanged_since = None;
    if cursor.peek() == Some(b'(') {
        cursor.enter(Expected::Parameter)?;
        if !cursor.eat_keyword(b"UNCHANGEDSINCE") {
            return Err(cursor.error(Expected::Parameter));
        }
        cursor.space()?;
        let error = cursor.error(Expected::ModSequence);
        unchanged_since = Some(cursor.number64().map_err(|_| error)?);
        cursor.leave()?;
        cursor.space()?;
    }
    let error = cursor.error(Expected::StoreItem);
    let mode = match cursor.peek() {
        Some(b'+') => StoreMode::Add,
        Some(b'-') => StoreMode::Remove,
        _ => StoreMode::Replace,
    };
    if mode != StoreMode::Replace {
        cursor.advance(1);
    }
    let silence = match keyword::keyword(cursor, Expected::StoreItem)?.upper() {
        b"FLAGS" => Silence::Told,
        b"FLAGS.SILENT" => Silence::Silent,
        _ => return Err(error),
    };
    cursor.space()?;
    let flags = if cursor.peek() == Some(b'(') {
        Flags::parse(cursor)?
    } else {
        Flags::parse_bare(cursor)?
    };
    Ok(CommandBody::Store {
        by,
        set,
        unchanged_since,
        mode,
        silence,
        flags,
    })
}

pub(super) fn encode(encoder: &mut Encoder, set: &SequenceSet, unchanged_since: Option<u64>) {
    expunge::encode(encoder, set);
    if let Some(value) = unchanged_since {
        encoder.raw(b" (UNCHANGEDSINCE ");
        encoder.number(value);
        encoder.raw(b")");
    }
}

pub(super) fn encode_flags(
    encoder: &mut Encoder,
    mode: StoreMode,
    silence: Silence,
    flags: &Flags,
) {
    encoder.raw(match mode {
        StoreMode::Replace => b" FLAGS",
        StoreMode::Add => b" +FLAGS",
        StoreMode::Remove => b" -FLAGS",
    });
    encoder.raw(match silence {
        Silence::Told => b" ",
        Silence::Silent => b".SILENT ",
    });
    flags.encode(encoder.wire());
}
