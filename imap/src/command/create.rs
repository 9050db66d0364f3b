//! CREATE with USE (RFC 9051 §6.3.4, RFC 6154 §3).

use super::{CommandBody, keyword, mailboxes};
use crate::{
    encode::Encoder,
    error::{Expected, ParseError},
    grammar::Cursor,
    mailbox::Mailbox,
};

/// What a mailbox is to be used for.
///
/// ```
/// use mailwire_imap::command::SpecialUses;
/// let uses = SpecialUses::SENT.with(SpecialUses::ARCHIVE);
/// assert!(uses.contains(SpecialUses::SENT) && !uses.contains(SpecialUses::TRASH));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SpecialUses(u8);

const NAMES: [(SpecialUses, &[u8]); 7] = [
    (SpecialUses::ALL, b"All"),
    (SpecialUses::ARCHIVE, b"Archive"),
    (SpecialUses::DRAFTS, b"Drafts"),
    (SpecialUses::FLAGGED, b"Flagged"),
    (SpecialUses::JUNK, b"Junk"),
    (SpecialUses::SENT, b"Sent"),
    (SpecialUses::TRASH, b"Trash"),
];

impl SpecialUses {
    /// None.
    pub const NONE: Self = Self(0);
    /// `\All`.
    pub const ALL: Self = Self(1);
    /// `\Archive`.
    pub const ARCHIVE: Self = Self(1 << 1);
    /// `\Drafts`.
    pub const DRAFTS: Self = Self(1 << 2);
    /// `\Flagged`.
    pub const FLAGGED: Self = Self(1 << 3);
    /// `\Junk`.
    pub const JUNK: Self = Self(1 << 4);
    /// `\Sent`.
    pub const SENT: Self = Self(1 << 5);
    /// `\Trash`.
    pub const TRASH: Self = Self(1 << 6);

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are in it.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<CommandBody, ParseError> {
    let mailbox = mailboxes::parse(cursor)?;
    let mut uses = SpecialUses::NONE;
    if cursor.eat(b' ') {
        cursor.enter(Expected::Parameter)?;
        if !cursor.eat_keyword(b"USE") {
            return Err(cursor.error(Expected::Parameter));
        }
        cursor.space()?;
        cursor.list_or_empty(Expected::List, |cursor| {
            let error = cursor.error(Expected::Flag);
            cursor.expect(b'\\', Expected::Flag)?;
            let name = keyword::keyword(cursor, Expected::Flag)?;
            let (one, _) = NAMES
                .iter()
                .find(|(_, known)| known.eq_ignore_ascii_case(name.raw()))
                .ok_or(error)?;
            uses = uses.with(*one);
            Ok(())
        })?;
        cursor.leave()?;
    }
    Ok(CommandBody::Create { mailbox, uses })
}

pub(super) fn encode(encoder: &mut Encoder, mailbox: &Mailbox, uses: SpecialUses) {
    mailboxes::encode(encoder, mailbox);
    let mut front: &[u8] = b" (USE (\\";
    for (one, name) in NAMES {
        if uses.contains(one) {
            encoder.raw(front);
            encoder.raw(name);
            front = b" \\";
        }
    }
    if uses != SpecialUses::NONE {
        encoder.raw(b"))");
    }
}
