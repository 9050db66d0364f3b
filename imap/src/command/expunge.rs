//! UID EXPUNGE (RFC 4315 §2.1).

use super::CommandBody;
use crate::{encode::Encoder, error::ParseError, grammar::Cursor, sequence::SequenceSet};

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<CommandBody, ParseError> {
    cursor.space()?;
    let set = SequenceSet::parse(cursor)?;
    Ok(CommandBody::UidExpunge { set })
}

/// A space and the set.
pub(super) fn encode(encoder: &mut Encoder, set: &SequenceSet) {
    encoder.raw(b" ");
    encoder.raw(set.as_bytes());
}
