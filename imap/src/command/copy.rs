//! COPY and MOVE (RFC 9051 §6.4.7, RFC 6851 §3.1).

use super::{By, CommandBody, expunge, mailboxes};
use crate::{
    encode::Encoder, error::ParseError, grammar::Cursor, mailbox::Mailbox, sequence::SequenceSet,
};

pub(super) fn parse_copy(cursor: &mut Cursor<'_>, by: By) -> Result<CommandBody, ParseError> {
    let (set, mailbox) = parse(cursor)?;
    Ok(CommandBody::Copy { by, set, mailbox })
}

pub(super) fn parse_move(cursor: &mut Cursor<'_>, by: By) -> Result<CommandBody, ParseError> {
    let (set, mailbox) = parse(cursor)?;
    Ok(CommandBody::Move { by, set, mailbox })
}

fn parse(cursor: &mut Cursor<'_>) -> Result<(SequenceSet, Mailbox), ParseError> {
    cursor.space()?;
    let set = SequenceSet::parse(cursor)?;
    Ok((set, mailboxes::parse(cursor)?))
}

pub(super) fn encode(encoder: &mut Encoder, set: &SequenceSet, mailbox: &Mailbox) {
    expunge::encode(encoder, set);
    mailboxes::encode(encoder, mailbox);
}
