//! Commands (RFC 9051 §6, RFC 3501 §6, and the extensions that each file names).
//!
//! A [`Command`] owns its values: strings without their quotes and escapes, sets and lists as
//! octets that were checked once and are walked on request, SEARCH as a tree. It is read from a
//! whole frame (see [`frame`](crate::frame)); the message of an APPEND is not part of it. What can
//! be built can be read back and is the same.

mod append;
#[cfg(feature = "arbitrary")]
mod arbitrary;
mod authenticate;
mod bare;
mod by;
mod copy;
mod create;
mod enable;
mod expunge;
mod fetch;
mod id;
mod keyword;
mod list;
mod login;
mod mailboxes;
mod search;
mod select;
mod sort;
mod status;
mod store;
mod tag;
mod thread;
mod unknown;

use bytes::{Bytes, BytesMut};
use mailwire_core::{secret::SecretBytes, text::Octets};
use zeroize::Zeroize;

pub use append::{Message, Wrapper};
pub use authenticate::Mechanism;
pub use by::By;
pub use create::SpecialUses;
pub use enable::Names;
pub use fetch::{
    FetchItem, FetchItems, FetchModifiers, HeaderFields, Macro, Part, Partial, Peek, Section,
};
pub use id::{Field, Fields};
pub use list::{List, Patterns, ReturnOptions, SelectionOptions};
pub use search::{Entry, EntryType, ModSeq, Search, SearchKey, SearchReturn};
pub use select::{Qresync, SelectParameters};
pub use sort::{SortCriterion, SortKey};
pub use status::{StatusItem, StatusItems};
pub use store::{Silence, StoreMode};
pub use tag::Tag;
pub use thread::{Algorithm, OtherAlgorithm};
pub use unknown::Unknown;

use crate::{
    encode::{Encoder, Fragments, Literals, Unencodable},
    error::{Expected, ParseError},
    flag::Flags,
    grammar::Cursor,
    mailbox::Mailbox,
    sequence::SequenceSet,
};

/// A command of a client with its tag.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::{command::{By, Command, CommandBody}, encode::Literals};
/// let command = Command::parse(&Bytes::from_static(b"a7 uid copy 4,9:* Archive"))?;
/// let CommandBody::Copy { by, mailbox, .. } = &command.body else { unreachable!() };
/// assert_eq!((*by, mailbox.as_bytes()), (By::Uid, &b"Archive"[..]));
/// let mut fragments = command.encode(Literals::default()).unwrap();
/// assert_eq!(fragments.next().unwrap(), &b"a7 UID COPY 4,9:* Archive\r\n"[..]);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "RFC 9051 command = tag SP body")]
pub struct Command {
    /// The tag.
    pub tag: Tag,
    /// What is to be done.
    pub body: CommandBody,
}

/// What a client wants done.
///
/// ```
/// use mailwire_imap::command::CommandBody;
/// assert_eq!(CommandBody::Noop.keyword(), b"NOOP");
/// ```
#[derive(Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CommandBody {
    /// CAPABILITY (RFC 9051 §6.1.1).
    Capability,
    /// NOOP (RFC 9051 §6.1.2).
    Noop,
    /// LOGOUT (RFC 9051 §6.1.3).
    Logout,
    /// ID (RFC 2971 §3.1).
    Id {
        /// The client's fields; `None` for NIL.
        fields: Option<Fields>,
    },
    /// STARTTLS (RFC 9051 §6.2.1).
    StartTls,
    /// AUTHENTICATE (RFC 9051 §6.2.2, RFC 4959).
    Authenticate {
        /// The SASL mechanism.
        mechanism: Mechanism,
        /// The initial response before base64; an empty one is sent as `=`.
        initial: Option<SecretBytes>,
    },
    /// LOGIN (RFC 9051 §6.2.3).
    Login {
        /// The user name.
        username: Octets,
        /// The password.
        password: SecretBytes,
    },
    /// ENABLE (RFC 5161 §3.1).
    Enable {
        /// The capabilities.
        capabilities: Names,
    },
    /// SELECT (RFC 9051 §6.3.2).
    Select {
        /// The mailbox.
        mailbox: Mailbox,
        /// CONDSTORE and QRESYNC (RFC 7162 §3.1.8, §3.2.5).
        parameters: SelectParameters,
    },
    /// EXAMINE (RFC 9051 §6.3.3).
    Examine {
        /// The mailbox.
        mailbox: Mailbox,
        /// CONDSTORE and QRESYNC.
        parameters: SelectParameters,
    },
    /// CREATE (RFC 9051 §6.3.4).
    Create {
        /// The mailbox.
        mailbox: Mailbox,
        /// What it is to be used for (RFC 6154 §3).
        uses: SpecialUses,
    },
    /// DELETE (RFC 9051 §6.3.5).
    Delete {
        /// The mailbox.
        mailbox: Mailbox,
    },
    /// RENAME (RFC 9051 §6.3.6).
    Rename {
        /// The present name.
        from: Mailbox,
        /// The new name.
        to: Mailbox,
    },
    /// SUBSCRIBE (RFC 9051 §6.3.7).
    Subscribe {
        /// The mailbox.
        mailbox: Mailbox,
    },
    /// UNSUBSCRIBE (RFC 9051 §6.3.8).
    Unsubscribe {
        /// The mailbox.
        mailbox: Mailbox,
    },
    /// LIST, also the extended one (RFC 9051 §6.3.9, RFC 5258).
    List(List),
    /// LSUB (RFC 3501 §6.3.9).
    Lsub {
        /// The reference name.
        reference: Mailbox,
        /// The pattern.
        pattern: Octets,
    },
    /// NAMESPACE (RFC 2342 §5).
    Namespace,
    /// STATUS (RFC 9051 §6.3.11).
    Status {
        /// The mailbox.
        mailbox: Mailbox,
        /// What to tell of it.
        items: StatusItems,
    },
    /// APPEND up to the message (RFC 9051 §6.3.12).
    Append {
        /// The mailbox.
        mailbox: Mailbox,
        /// What is known of the message, or of the first one.
        message: Message,
    },
    /// IDLE (RFC 2177 §3).
    Idle,
    /// CHECK (RFC 3501 §6.4.1).
    Check,
    /// CLOSE (RFC 9051 §6.4.1).
    Close,
    /// UNSELECT (RFC 3691 §2).
    Unselect,
    /// EXPUNGE (RFC 9051 §6.4.3).
    Expunge,
    /// UID EXPUNGE (RFC 4315 §2.1).
    UidExpunge {
        /// The UIDs.
        set: SequenceSet,
    },
    /// SEARCH (RFC 9051 §6.4.4).
    Search {
        /// What the results are.
        by: By,
        /// What to look for.
        search: Search,
    },
    /// SORT (RFC 5256 §3).
    Sort {
        /// What the results are.
        by: By,
        /// The order.
        criteria: alloc::vec::Vec<SortCriterion>,
        /// What to look for, with its charset.
        search: Search,
    },
    /// THREAD (RFC 5256 §3).
    Thread {
        /// What the results are.
        by: By,
        /// The algorithm.
        algorithm: Algorithm,
        /// What to look for, with its charset.
        search: Search,
    },
    /// FETCH (RFC 9051 §6.4.5).
    Fetch {
        /// What the set is of.
        by: By,
        /// The messages.
        set: SequenceSet,
        /// What of them.
        items: FetchItems,
        /// CHANGEDSINCE and VANISHED (RFC 7162 §3.1.4.1, §3.2.6).
        modifiers: FetchModifiers,
    },
    /// STORE (RFC 9051 §6.4.6).
    Store {
        /// What the set is of.
        by: By,
        /// The messages.
        set: SequenceSet,
        /// UNCHANGEDSINCE (RFC 7162 §3.1.3).
        unchanged_since: Option<u64>,
        /// What becomes of the flags.
        mode: StoreMode,
        /// Whether the new flags are to be told.
        silence: Silence,
        /// The flags.
        flags: Flags,
    },
    /// COPY (RFC 9051 §6.4.7).
    Copy {
        /// What the set is of.
        by: By,
        /// The messages.
        set: SequenceSet,
        /// Where to.
        mailbox: Mailbox,
    },
    /// MOVE (RFC 6851 §3.1).
    Move {
        /// What the set is of.
        by: By,
        /// The messages.
        set: SequenceSet,
        /// Where to.
        mailbox: Mailbox,
    },
    /// Any other command.
    Unknown(Unknown),
}

impl Command {
    /// A command.
    #[must_use]
    pub const fn new(tag: Tag, body: CommandBody) -> Self {
        Self { tag, body }
    }

    /// Reads a whole frame, without its last CRLF. For APPEND that is the part up to the
    /// announcement of the message.
    ///
    /// # Errors
    ///
    /// What the grammar expected instead, and where. The tag for the answer is
    /// [`Tag::of`] the frame.
    pub fn parse(frame: &Bytes) -> Result<Self, ParseError> {
        Self::read(&mut Cursor::new(frame))
    }

    /// Reads a whole frame and leaves no copy of a password or initial response behind: such a
    /// frame is wiped, others are kept as slices.
    ///
    /// # Errors
    ///
    /// See [`parse`](Self::parse).
    ///
    /// ```
    /// use mailwire_imap::command::{Command, CommandBody};
    /// let command = Command::take("a LOGIN joe sesame".into())?;
    /// let CommandBody::Login { password, .. } = &command.body else { unreachable!() };
    /// assert!(password.matches(b"sesame"));
    /// assert!(!format!("{command:?}").contains("sesame"));
    /// # Ok::<(), mailwire_imap::error::ParseError>(())
    /// ```
    pub fn take(mut frame: BytesMut) -> Result<Self, ParseError> {
        let mut words = frame.splitn(3, |octet| *octet == b' ');
        let is_secret = words.nth(1).is_some_and(|word| {
            word.eq_ignore_ascii_case(b"LOGIN") || word.eq_ignore_ascii_case(b"AUTHENTICATE")
        });
        if is_secret {
            let command = Self::read(&mut Cursor::borrowing(&frame));
            frame.as_mut().zeroize();
            command
        } else {
            Self::parse(&frame.freeze())
        }
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let tag = Tag::parse(cursor)?;
        cursor.space()?;
        let body = CommandBody::parse(cursor)?;
        cursor.end()?;
        Ok(Self { tag, body })
    }

    /// Writes the command in fragments with its CRLF; behind APPEND the message is announced, and
    /// it and the CRLF behind it are the caller's.
    ///
    /// # Errors
    ///
    /// [`Unencodable`] where a value cannot stand in a command: NUL in a string.
    pub fn encode(&self, literals: Literals) -> Result<Fragments, Unencodable> {
        let mut encoder = Encoder::new(literals);
        encoder.raw(self.tag.as_bytes());
        encoder.raw(b" ");
        self.body.encode(&mut encoder);
        if !matches!(self.body, CommandBody::Append { .. }) {
            encoder.raw(b"\r\n");
        }
        encoder.finish()
    }
}

impl CommandBody {
    /// The keyword, in upper case where it is known, without `UID`.
    #[must_use]
    pub fn keyword(&self) -> &[u8] {
        match self {
            Self::Capability => b"CAPABILITY",
            Self::Noop => b"NOOP",
            Self::Logout => b"LOGOUT",
            Self::Id { .. } => b"ID",
            Self::StartTls => b"STARTTLS",
            Self::Authenticate { .. } => b"AUTHENTICATE",
            Self::Login { .. } => b"LOGIN",
            Self::Enable { .. } => b"ENABLE",
            Self::Select { .. } => b"SELECT",
            Self::Examine { .. } => b"EXAMINE",
            Self::Create { .. } => b"CREATE",
            Self::Delete { .. } => b"DELETE",
            Self::Rename { .. } => b"RENAME",
            Self::Subscribe { .. } => b"SUBSCRIBE",
            Self::Unsubscribe { .. } => b"UNSUBSCRIBE",
            Self::List(_) => b"LIST",
            Self::Lsub { .. } => b"LSUB",
            Self::Namespace => b"NAMESPACE",
            Self::Status { .. } => b"STATUS",
            Self::Append { .. } => b"APPEND",
            Self::Idle => b"IDLE",
            Self::Check => b"CHECK",
            Self::Close => b"CLOSE",
            Self::Unselect => b"UNSELECT",
            Self::Expunge | Self::UidExpunge { .. } => b"EXPUNGE",
            Self::Search { .. } => b"SEARCH",
            Self::Sort { .. } => b"SORT",
            Self::Thread { .. } => b"THREAD",
            Self::Fetch { .. } => b"FETCH",
            Self::Store { .. } => b"STORE",
            Self::Copy { .. } => b"COPY",
            Self::Move { .. } => b"MOVE",
            Self::Unknown(unknown) => unknown.keyword(),
        }
    }

    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let word = keyword::keyword(cursor, Expected::Command)?;
        match word.upper() {
            b"AUTHENTICATE" => authenticate::parse(cursor),
            b"LOGIN" => login::parse(cursor),
            b"ID" => id::parse(cursor),
            b"ENABLE" => enable::parse(cursor),
            b"SELECT" => select::parse(cursor).map(|(mailbox, parameters)| Self::Select {
                mailbox,
                parameters,
            }),
            b"EXAMINE" => select::parse(cursor).map(|(mailbox, parameters)| Self::Examine {
                mailbox,
                parameters,
            }),
            b"CREATE" => create::parse(cursor),
            b"DELETE" => mailboxes::parse(cursor).map(|mailbox| Self::Delete { mailbox }),
            b"SUBSCRIBE" => mailboxes::parse(cursor).map(|mailbox| Self::Subscribe { mailbox }),
            b"UNSUBSCRIBE" => mailboxes::parse(cursor).map(|mailbox| Self::Unsubscribe { mailbox }),
            b"RENAME" => mailboxes::parse_rename(cursor),
            b"LIST" => list::parse(cursor),
            b"LSUB" => list::parse_lsub(cursor),
            b"STATUS" => status::parse(cursor),
            b"APPEND" => append::parse(cursor),
            b"SEARCH" => search::parse(cursor, By::Number),
            b"SORT" => sort::parse(cursor, By::Number),
            b"THREAD" => thread::parse(cursor, By::Number),
            b"FETCH" => fetch::parse(cursor, By::Number),
            b"STORE" => store::parse(cursor, By::Number),
            b"COPY" => copy::parse_copy(cursor, By::Number),
            b"MOVE" => copy::parse_move(cursor, By::Number),
            b"UID" => Self::parse_uid(cursor),
            upper => match bare::of(upper) {
                Some(body) => Ok(body),
                None => Ok(Self::Unknown(unknown::parse(cursor, &word))),
            },
        }
    }

    fn parse_uid(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        cursor.space()?;
        let error = cursor.error(Expected::UidCommand);
        let word = keyword::keyword(cursor, Expected::UidCommand)?;
        match word.upper() {
            b"FETCH" => fetch::parse(cursor, By::Uid),
            b"STORE" => store::parse(cursor, By::Uid),
            b"COPY" => copy::parse_copy(cursor, By::Uid),
            b"MOVE" => copy::parse_move(cursor, By::Uid),
            b"SEARCH" => search::parse(cursor, By::Uid),
            b"SORT" => sort::parse(cursor, By::Uid),
            b"THREAD" => thread::parse(cursor, By::Uid),
            b"EXPUNGE" => expunge::parse(cursor),
            _ => Err(error),
        }
    }

    /// Writes the command without its tag and CRLF.
    fn encode(&self, encoder: &mut Encoder) {
        let (Self::Search { by, .. }
        | Self::Sort { by, .. }
        | Self::Thread { by, .. }
        | Self::Fetch { by, .. }
        | Self::Store { by, .. }
        | Self::Copy { by, .. }
        | Self::Move { by, .. }) = self
        else {
            return self.encode_rest(encoder);
        };
        by.encode(encoder);
        self.encode_rest(encoder);
    }

    fn encode_rest(&self, encoder: &mut Encoder) {
        if matches!(self, Self::UidExpunge { .. }) {
            By::Uid.encode(encoder);
        }
        encoder.raw(self.keyword());
        match self {
            Self::Id { fields } => id::encode(encoder, fields.as_ref()),
            Self::Authenticate { mechanism, initial } => {
                authenticate::encode(encoder, mechanism, initial.as_ref());
            }
            Self::Login { username, password } => login::encode(encoder, username, password),
            Self::Enable { capabilities } => enable::encode(encoder, capabilities),
            Self::Select {
                mailbox,
                parameters,
            }
            | Self::Examine {
                mailbox,
                parameters,
            } => {
                select::encode(encoder, mailbox, parameters);
            }
            Self::Create { mailbox, uses } => create::encode(encoder, mailbox, *uses),
            Self::Delete { mailbox }
            | Self::Subscribe { mailbox }
            | Self::Unsubscribe { mailbox } => {
                mailboxes::encode(encoder, mailbox);
            }
            Self::Rename { from, to } => {
                mailboxes::encode(encoder, from);
                mailboxes::encode(encoder, to);
            }
            Self::List(list) => list::encode(encoder, list),
            Self::Lsub { reference, pattern } => list::encode_lsub(encoder, reference, pattern),
            Self::Status { mailbox, items } => status::encode(encoder, mailbox, *items),
            Self::Append { mailbox, message } => append::encode(encoder, mailbox, message),
            Self::UidExpunge { set } => expunge::encode(encoder, set),
            Self::Search { search, .. } => search::encode(encoder, search),
            Self::Sort {
                criteria, search, ..
            } => sort::encode(encoder, criteria, search),
            Self::Thread {
                algorithm, search, ..
            } => thread::encode(encoder, algorithm, search),
            Self::Fetch {
                set,
                items,
                modifiers,
                ..
            } => {
                fetch::encode(encoder, set, items, *modifiers);
            }
            Self::Store {
                set,
                unchanged_since,
                mode,
                silence,
                flags,
                ..
            } => {
                store::encode(encoder, set, *unchanged_since);
                store::encode_flags(encoder, *mode, *silence, flags);
            }
            Self::Copy { set, mailbox, .. } | Self::Move { set, mailbox, .. } => {
                copy::encode(encoder, set, mailbox);
            }
            Self::Unknown(unknown) => unknown::encode(encoder, unknown),
            _ => {}
        }
    }
}
