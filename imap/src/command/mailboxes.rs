//! DELETE, SUBSCRIBE, UNSUBSCRIBE and RENAME: a mailbox, or two (RFC 9051 §6.3.5 to §6.3.8).

use super::CommandBody;
use crate::{encode::Encoder, error::ParseError, grammar::Cursor, mailbox::Mailbox};

/// A space and a mailbox.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Mailbox, ParseError> {
    cursor.space()?;
    Mailbox::parse(cursor)
}

pub(super) fn parse_rename(cursor: &mut Cursor<'_>) -> Result<CommandBody, ParseError> {
    let from = parse(cursor)?;
    let to = parse(cursor)?;
    Ok(CommandBody::Rename { from, to })
}

pub(super) fn encode(encoder: &mut Encoder, mailbox: &Mailbox) {
    encoder.raw(b" ");
    encoder.astring(mailbox.as_bytes());
}
