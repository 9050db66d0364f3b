//! APPEND up to the message (RFC 9051 §6.3.12, RFC 3502, RFC 3516 §4.4, RFC 6855 §4).

use super::{CommandBody, mailboxes};
use crate::{
    datetime::DateTime,
    encode::{Encoder, LiteralKind},
    error::{Expected, ParseError},
    flag::Flags,
    grammar::Cursor,
    mailbox::Mailbox,
};

/// What APPEND says of a message before it comes.
///
/// ```
/// use mailwire_imap::command::Message;
/// // What stood behind an earlier message of the same command (MULTIAPPEND).
/// let second = Message::parse_next(b" (\\Seen) {30}")?;
/// assert_eq!((second.len, second.date), (30, None));
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// The flags that it is to have.
    pub flags: Flags,
    /// Its internal date, where it is not the present.
    pub date: Option<DateTime>,
    /// How many octets it has.
    pub len: u64,
    /// Whether it may hold any octets.
    pub kind: LiteralKind,
    /// Whether it was sent as `UTF8 (~{n}` (RFC 6855 §4), so that `)` closes it.
    pub wrapper: Wrapper,
}

/// What is around a message of APPEND.
///
/// ```
/// use mailwire_imap::command::Message;
/// assert_eq!(Message::parse_next(b" UTF8 (~{9}")?.len, 9);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 6855 append-data adds one form"
)]
pub enum Wrapper {
    /// Nothing.
    #[default]
    Nothing,
    /// `UTF8 (` and `)` (RFC 6855 §4).
    Utf8,
}

impl Message {
    /// A message of `len` octets without flags and date.
    #[must_use]
    pub const fn new(len: u64) -> Self {
        Self {
            flags: Flags::new(),
            date: None,
            len,
            kind: LiteralKind::Plain,
            wrapper: Wrapper::Nothing,
        }
    }

    /// The same with these flags.
    #[must_use]
    pub fn with_flags(self, flags: Flags) -> Self {
        Self { flags, ..self }
    }

    /// The same with this internal date.
    #[must_use]
    pub fn with_date(self, date: DateTime) -> Self {
        Self {
            date: Some(date),
            ..self
        }
    }

    /// Reads what announces a further message, with the space in front, to the end of `head`.
    ///
    /// # Errors
    ///
    /// What the grammar expected instead.
    pub fn parse_next(head: &[u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor::borrowing(head);
        // Behind a message that was wrapped stands its closing parenthesis.
        cursor.eat(b')');
        let message = Self::parse(&mut cursor)?;
        cursor.end()?;
        Ok(message)
    }

    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        cursor.space()?;
        let mut message = Self::new(0);
        if cursor.peek() == Some(b'(') {
            message.flags = Flags::parse(cursor)?;
            cursor.space()?;
        }
        if cursor.peek() == Some(b'"') {
            message.date = Some(DateTime::parse(cursor)?);
            cursor.space()?;
        }
        if cursor.eat_keyword(b"UTF8") {
            message.wrapper = Wrapper::Utf8;
            cursor.space()?;
            cursor.expect(b'(', Expected::Open)?;
        }
        if cursor.eat(b'~') {
            message.kind = LiteralKind::Binary;
        }
        let error = cursor.error(Expected::Literal);
        cursor.expect(b'{', Expected::Literal)?;
        message.len = cursor.number64().map_err(|_| error)?;
        cursor.eat(b'+');
        cursor.expect(b'}', Expected::Literal)?;
        Ok(message)
    }

    /// Writes what announces a message, with the space in front.
    pub fn encode(&self, encoder: &mut Encoder) {
        encoder.raw(b" ");
        if !self.flags.is_empty() {
            self.flags.encode(encoder.wire());
            encoder.raw(b" ");
        }
        if let Some(date) = self.date {
            date.encode(encoder.wire());
            encoder.raw(b" ");
        }
        if self.wrapper == Wrapper::Utf8 {
            encoder.raw(b"UTF8 (");
        }
        encoder.announce(self.kind, self.len);
    }
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<CommandBody, ParseError> {
    let mailbox = mailboxes::parse(cursor)?;
    let message = Message::parse(cursor)?;
    Ok(CommandBody::Append { mailbox, message })
}

pub(super) fn encode(encoder: &mut Encoder, mailbox: &Mailbox, message: &Message) {
    mailboxes::encode(encoder, mailbox);
    message.encode(encoder);
}
