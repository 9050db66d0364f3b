//! What a client tells its application.

use core::fmt;

use bytes::{Bytes, BytesMut};
use mailwire_core::{line::Malformed, machine::TlsInfo};

use crate::{
    client::Misuse,
    encode::put_number,
    error::ParseError,
    response::{Condition, Content, Fetch, FetchItem, Notices, Response, Status},
    state::Protection,
};

/// Names a command until its reply has come.
///
/// ```
/// use mailwire_imap::client::CommandId;
/// assert_eq!(CommandId::default(), CommandId::default());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CommandId(u64);

impl CommandId {
    /// How many commands were sent before it, and one: for logs. The tag is `A` and this number.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The tag on the wire.
    pub(super) fn tag(self) -> BytesMut {
        let mut tag = BytesMut::with_capacity(21);
        tag.extend_from_slice(b"A");
        put_number(&mut tag, self.0);
        tag
    }

    /// The command that a tag names; any other tag is none of ours.
    pub(super) fn of_tag(tag: &[u8]) -> Option<Self> {
        let digits = tag.strip_prefix(b"A")?;
        let number = core::str::from_utf8(digits).ok()?.parse().ok()?;
        let id = Self(number);
        (id.tag() == tag).then_some(id)
    }
}

/// What a [`Client`](crate::Client) tells its application, in the order in which it came.
///
/// Each command ends in one [`Event::Done`], or in [`Event::NotSent`]. Everything else that a
/// server says is [`Event::Data`], whether a command of ours brought it forth or not: a server may
/// send anything at any time, so an application takes in what comes and waits for `Done`.
///
/// ```
/// use mailwire_imap::client::Event;
/// use mailwire_imap::response::Response;
/// assert!(matches!(Event::Data(Response::Exists(3)), Event::Data(_)));
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The server's greeting: OK, or PREAUTH where nobody needs to log in.
    Greeting {
        /// What it says.
        status: Status,
        /// In clear text anybody may have written it: do not show it as the server's word.
        protection: Protection,
    },
    /// An untagged response. Of a FETCH whose content was streamed, everything but that content.
    Data(Response),
    /// The content of a message follows as [`Event::Body`].
    BodyStart(BodyStart),
    /// The next octets of it, at least one.
    Body(Bytes),
    /// It is complete: only now may it be kept. The FETCH that it is part of follows as
    /// [`Event::Data`], perhaps after more content.
    BodyEnd,
    /// The server waits for the message of this APPEND: call `write_body` and `end_body`.
    GoAhead {
        /// Which command.
        id: CommandId,
    },
    /// A SASL challenge. Answer with `answer` or `cancel`.
    Challenge {
        /// Which AUTHENTICATE.
        id: CommandId,
        /// The challenge after base64.
        octets: Bytes,
    },
    /// IDLE has begun; it ends with `done`.
    Idling {
        /// Which command.
        id: CommandId,
    },
    /// The reply to a command. For LOGOUT the connection ends behind it.
    Done {
        /// Which command.
        id: CommandId,
        /// OK, NO or BAD.
        status: Status,
    },
    /// A command that had to wait for others was not sent after all: they did not bring the session
    /// into the state that it needs.
    NotSent {
        /// Which command.
        id: CommandId,
        /// Why.
        misuse: Misuse,
    },
    /// A reply to no command that waits for one: client and server disagree about their tags.
    Unasked(Status),
    /// A response that is none, or one of a known kind that cannot be read. The others come
    /// nevertheless.
    Invalid(InvalidResponse),
    /// Something was tolerated; in front of what it concerns.
    Notice(Notice),
    /// TLS runs; everything that was learnt before is forgotten.
    Secured(TlsInfo),
    /// The server closes the connection: `BYE`. The end follows.
    Bye {
        /// What it says.
        status: Status,
        /// In clear text anybody may have written it.
        protection: Protection,
    },
}

impl Event {
    /// Whether it says that this command was done, and well.
    ///
    /// ```
    /// use mailwire_imap::{client::{CommandId, Event}, command::Tag, response::{Condition, Status}};
    /// let id = CommandId::default();
    /// let status = Status::tagged(&Tag::new(b"A0").unwrap(), Condition::Ok, None, "done");
    /// assert!(Event::Done { id, status }.is_ok_of(id));
    /// ```
    #[must_use]
    pub fn is_ok_of(&self, of: CommandId) -> bool {
        matches!(self, Self::Done { id, status } if *id == of && status.condition() == Condition::Ok)
    }
}

impl fmt::Debug for Event {
    // Of messages and challenges only the length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut show = |name, what: &dyn fmt::Debug| f.debug_tuple(name).field(what).finish();
        match self {
            Self::Greeting { status, protection } => show("Greeting", &(status, protection)),
            Self::Data(response) => show("Data", response),
            Self::BodyStart(start) => show("BodyStart", start),
            Self::Body(octets) => show("Body", &octets.len()),
            Self::BodyEnd => f.write_str("BodyEnd"),
            Self::GoAhead { id } => show("GoAhead", &id.0),
            Self::Challenge { id, octets } => show("Challenge", &(id.0, octets.len())),
            Self::Idling { id } => show("Idling", &id.0),
            Self::Done { id, status } => show("Done", &(id.0, status)),
            Self::NotSent { id, misuse } => show("NotSent", &(id.0, misuse)),
            Self::Unasked(status) => show("Unasked", status),
            Self::Invalid(invalid) => show("Invalid", invalid),
            Self::Notice(notice) => show("Notice", notice),
            Self::Secured(tls) => show("Secured", tls),
            Self::Bye { status, protection } => show("Bye", &(status, protection)),
        }
    }
}

/// The beginning of the content of a message that is streamed.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_core::machine::{Machine, Step};
/// use mailwire_imap::{Client, client::{Config, Event}, response::FetchItem};
/// let mut client = Client::new(Config::new());
/// let mut input = BytesMut::from("* PREAUTH hi\r\n* 3 FETCH (UID 9 BODY[] {70000}\r\n");
/// # client.step(&mut input);
/// // behind the greeting:
/// let Step::Event(Event::BodyStart(start)) = client.step(&mut input) else { unreachable!() };
/// assert_eq!((start.fetch.uid().unwrap().get(), start.octets), (9, 70_000));
/// let Some(FetchItem::Section { section, .. }) = start.item() else { unreachable!() };
/// assert_eq!(section.wire(), b"");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BodyStart {
    /// What is known of the message so far. The UID is there only if the server sent it before the
    /// content, as most do; the complete response follows behind it.
    pub fetch: Fetch,
    /// How many octets follow.
    pub octets: u64,
}

impl BodyStart {
    /// Which content it is: an item with [`Content::Streamed`].
    #[must_use]
    pub fn item(&self) -> Option<FetchItem<'_>> {
        let streamed = |item: &FetchItem<'_>| match item {
            FetchItem::Section { content, .. }
            | FetchItem::Binary { content, .. }
            | FetchItem::Rfc822(content)
            | FetchItem::Rfc822Header(content)
            | FetchItem::Rfc822Text(content) => matches!(content, Content::Streamed(_)),
            _ => false,
        };
        self.fetch.items().filter(streamed).last()
    }
}

/// A response that could not be read.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_core::machine::{Machine, Step};
/// use mailwire_imap::{Client, client::{Config, Event}};
/// let mut client = Client::new(Config::new());
/// let mut input = BytesMut::from("* PREAUTH hi\r\n* 0 FETCH (UID 1)\r\n");
/// # client.step(&mut input);
/// // behind the greeting:
/// let Step::Event(Event::Invalid(invalid)) = client.step(&mut input) else { unreachable!() };
/// assert_eq!(invalid.fault.to_string(), "expected a number that is not zero at octet 2");
/// assert_eq!(invalid.start, "* 0 FETCH (UID 1)");
/// ```
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct InvalidResponse {
    /// What is wrong with it.
    pub fault: Fault,
    /// Its first octets, at most [`limits::INVALID_START`](crate::limits::INVALID_START); nothing
    /// where it was thrown away before it was complete. It may hold parts of a message, so `Debug`
    /// does not show it.
    pub start: Bytes,
}

impl fmt::Debug for InvalidResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvalidResponse")
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a response.
///
/// ```
/// use mailwire_core::line::{Malformed, Octet};
/// use mailwire_imap::client::Fault;
/// let fault = Fault::Octet(Malformed { octet: Octet::Nul, offset: 4 });
/// assert!(fault.to_string().contains('4'));
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It is not what the grammar says.
    #[error(transparent)]
    Grammar(#[from] ParseError),
    /// It holds an octet that no line may hold.
    #[error(transparent)]
    Octet(#[from] Malformed),
}

/// What a [`Client`](crate::Client) put up with.
///
/// ```
/// use mailwire_imap::client::Notice;
/// assert_eq!(Notice::StrayContinuation.to_string(), "continuation request that nothing waits for");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// Mailbox data before login, which was dropped: nobody can have asked for it.
    DataBeforeLogin,
    /// The next event has defects that the configuration tolerates, or items that are invalid.
    Defects(Notices),
    /// A continuation request that no command waits for.
    StrayContinuation,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DataBeforeLogin => f.write_str("mailbox data before login"),
            Self::Defects(notices) => write!(
                f,
                "defects {:?} and {} invalid items",
                notices.tolerated(),
                notices.invalid_items()
            ),
            Self::StrayContinuation => f.write_str("continuation request that nothing waits for"),
        }
    }
}
