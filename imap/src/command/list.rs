//! LIST, LIST-EXTENDED, LIST-STATUS and LSUB (RFC 9051 §6.3.9, RFC 5258, RFC 5819, RFC 6154, RFC
//! 8440, RFC 3501 §6.3.9).

use alloc::vec::Vec;

use mailwire_core::text::Octets;

use super::{CommandBody, StatusItems, keyword, mailboxes};
use crate::{
    encode::Encoder,
    error::{Expected, ParseError},
    grammar::{Cursor, is_list_char},
    mailbox::Mailbox,
};

/// A LIST command.
///
/// ```
/// use mailwire_imap::{command::List, mailbox::Mailbox};
/// let list = List::new(Mailbox::new(b"")?, b"%");
/// assert_eq!(list.patterns.iter().count(), 1);
/// # Ok::<(), mailwire_imap::mailbox::InvalidMailbox>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct List {
    /// Which mailboxes; `None` for the LIST of RFC 3501, which has no options.
    pub selection: Option<SelectionOptions>,
    /// The reference name.
    pub reference: Mailbox,
    /// What names have to look like.
    pub patterns: Patterns,
    /// What to tell of them, where RETURN is there.
    pub returns: Option<ReturnOptions>,
}

impl List {
    /// A LIST with one pattern and without options.
    #[must_use]
    pub fn new(reference: Mailbox, pattern: &[u8]) -> Self {
        Self {
            selection: None,
            reference,
            patterns: Patterns {
                first: Octets::from(pattern),
                more: None,
            },
            returns: None,
        }
    }

    /// The same with these selection options.
    #[must_use]
    pub fn with_selection(self, selection: SelectionOptions) -> Self {
        Self {
            selection: Some(selection),
            ..self
        }
    }

    /// The same with these return options.
    #[must_use]
    pub fn with_returns(self, returns: ReturnOptions) -> Self {
        Self {
            returns: Some(returns),
            ..self
        }
    }

    /// The same with a further pattern.
    #[must_use]
    pub fn or_pattern(mut self, pattern: &[u8]) -> Self {
        let more = self.patterns.more.get_or_insert_default();
        more.push(Octets::from(pattern));
        self
    }
}

/// One pattern, or several in parentheses (RFC 5258 §3).
///
/// ```
/// use mailwire_imap::{command::List, mailbox::Mailbox};
/// let list = List::new(Mailbox::inbox(), b"%").or_pattern(b"*");
/// assert_eq!(list.patterns.iter().last(), Some(&b"*"[..]));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Patterns {
    first: Octets,
    /// The others; `None` where there are no parentheses.
    more: Option<Vec<Octets>>,
}

impl Patterns {
    /// The patterns in their order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        core::iter::once(&*self.first)
            .chain(self.more.iter().flatten().map(core::ops::Deref::deref))
    }

    /// Whether they are in parentheses, which makes the LIST an extended one.
    #[must_use]
    pub const fn is_list(&self) -> bool {
        self.more.is_some()
    }

    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        if cursor.peek() != Some(b'(') {
            let first = pattern(cursor)?;
            return Ok(Self { first, more: None });
        }
        cursor.enter(Expected::List)?;
        let first = pattern(cursor)?;
        let mut more = Vec::new();
        while cursor.eat(b' ') {
            more.push(pattern(cursor)?);
        }
        cursor.leave()?;
        let more = Some(more);
        Ok(Self { first, more })
    }

    fn encode(&self, encoder: &mut Encoder) {
        let Some(more) = &self.more else {
            return encoder.list_mailbox(&self.first);
        };
        encoder.raw(b"(");
        encoder.list_mailbox(&self.first);
        for pattern in more {
            encoder.raw(b" ");
            encoder.list_mailbox(pattern);
        }
        encoder.raw(b")");
    }
}

/// Which mailboxes LIST is to name (RFC 5258 §3.1, RFC 6154 §2).
///
/// ```
/// use mailwire_imap::command::SelectionOptions;
/// let options = SelectionOptions::SUBSCRIBED.with(SelectionOptions::RECURSIVEMATCH);
/// assert!(options.contains(SelectionOptions::SUBSCRIBED));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SelectionOptions(u8);

const SELECTION: [(SelectionOptions, &[u8]); 4] = [
    (SelectionOptions::SUBSCRIBED, b"SUBSCRIBED"),
    (SelectionOptions::REMOTE, b"REMOTE"),
    (SelectionOptions::RECURSIVEMATCH, b"RECURSIVEMATCH"),
    (SelectionOptions::SPECIAL_USE, b"SPECIAL-USE"),
];

impl SelectionOptions {
    /// None.
    pub const NONE: Self = Self(0);
    /// Subscribed mailboxes, whether they exist or not.
    pub const SUBSCRIBED: Self = Self(1);
    /// Remote mailboxes too.
    pub const REMOTE: Self = Self(1 << 1);
    /// Also those that have a child which is selected.
    pub const RECURSIVEMATCH: Self = Self(1 << 2);
    /// Those with a special use.
    pub const SPECIAL_USE: Self = Self(1 << 3);

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

    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let start = cursor.error(Expected::ListOption);
        let mut options = Self::NONE;
        cursor.list_or_empty(Expected::List, |cursor| {
            let error = cursor.error(Expected::ListOption);
            let name = keyword::keyword(cursor, Expected::ListOption)?;
            let known = SELECTION.iter().find(|(_, known)| *known == name.upper());
            options = options.with(known.ok_or(error)?.0);
            Ok(())
        })?;
        // RECURSIVEMATCH modifies SUBSCRIBED or another; alone, or with REMOTE only, it is an
        // error (RFC 5258 §3.1).
        let modifies = options.contains(Self::SUBSCRIBED) || options.contains(Self::SPECIAL_USE);
        if options.contains(Self::RECURSIVEMATCH) && !modifies {
            return Err(start);
        }
        Ok(options)
    }

    fn encode(self, encoder: &mut Encoder) {
        encoder.raw(b"(");
        let mut front: &[u8] = b"";
        for (option, name) in SELECTION {
            if self.contains(option) {
                encoder.raw(front);
                encoder.raw(name);
                front = b" ";
            }
        }
        encoder.raw(b") ");
    }
}

/// What LIST is to tell of the mailboxes (RFC 5258 §3.2, RFC 5819 §2, RFC 6154 §2, RFC 8440 §3).
///
/// ```
/// use mailwire_imap::command::{ReturnOptions, StatusItem};
/// let mut returns = ReturnOptions::default();
/// returns.status = Some([StatusItem::Messages].into_iter().collect());
/// assert!(!returns.children);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReturnOptions {
    /// Whether they are subscribed.
    pub subscribed: bool,
    /// Whether they have children.
    pub children: bool,
    /// What they are used for.
    pub special_use: bool,
    /// The user's rights.
    pub my_rights: bool,
    /// Their STATUS.
    pub status: Option<StatusItems>,
}

impl ReturnOptions {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let mut options = Self::default();
        cursor.list_or_empty(Expected::List, |cursor| {
            let error = cursor.error(Expected::ListOption);
            match keyword::keyword(cursor, Expected::ListOption)?.upper() {
                b"SUBSCRIBED" => options.subscribed = true,
                b"CHILDREN" => options.children = true,
                b"SPECIAL-USE" => options.special_use = true,
                b"MYRIGHTS" => options.my_rights = true,
                b"STATUS" => {
                    cursor.space()?;
                    options.status = Some(StatusItems::parse(cursor)?);
                }
                _ => return Err(error),
            }
            Ok(())
        })?;
        Ok(options)
    }

    fn encode(self, encoder: &mut Encoder) {
        encoder.raw(b" RETURN (");
        let mut front: &[u8] = b"";
        for (is_set, name) in [
            (self.subscribed, &b"SUBSCRIBED"[..]),
            (self.children, b"CHILDREN"),
            (self.special_use, b"SPECIAL-USE"),
            (self.my_rights, b"MYRIGHTS"),
        ] {
            if is_set {
                encoder.raw(front);
                encoder.raw(name);
                front = b" ";
            }
        }
        if let Some(status) = self.status {
            encoder.raw(front);
            encoder.raw(b"STATUS ");
            status.encode(encoder);
        }
        encoder.raw(b")");
    }
}

/// A `list-mailbox`: wildcards and `]` need no quotes.
fn pattern(cursor: &mut Cursor<'_>) -> Result<Octets, ParseError> {
    let span = cursor.atom_or_string(is_list_char)?;
    Ok(cursor.octets(span))
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<CommandBody, ParseError> {
    cursor.space()?;
    let mut selection = None;
    if cursor.peek() == Some(b'(') {
        selection = Some(SelectionOptions::parse(cursor)?);
        cursor.space()?;
    }
    let reference = Mailbox::parse(cursor)?;
    cursor.space()?;
    let patterns = Patterns::parse(cursor)?;
    let mut returns = None;
    if cursor.eat(b' ') {
        if !cursor.eat_keyword(b"RETURN") {
            return Err(cursor.error(Expected::ReturnOption));
        }
        cursor.space()?;
        returns = Some(ReturnOptions::parse(cursor)?);
    }
    Ok(CommandBody::List(List {
        selection,
        reference,
        patterns,
        returns,
    }))
}

pub(super) fn parse_lsub(cursor: &mut Cursor<'_>) -> Result<CommandBody, ParseError> {
    let reference = mailboxes::parse(cursor)?;
    cursor.space()?;
    let pattern = pattern(cursor)?;
    Ok(CommandBody::Lsub { reference, pattern })
}

pub(super) fn encode(encoder: &mut Encoder, list: &List) {
    encoder.raw(b" ");
    if let Some(selection) = list.selection {
        selection.encode(encoder);
    }
    encoder.astring(list.reference.as_bytes());
    encoder.raw(b" ");
    list.patterns.encode(encoder);
    if let Some(returns) = list.returns {
        returns.encode(encoder);
    }
}

pub(super) fn encode_lsub(encoder: &mut Encoder, reference: &Mailbox, pattern: &Octets) {
    mailboxes::encode(encoder, reference);
    encoder.raw(b" ");
    encoder.list_mailbox(pattern);
}
