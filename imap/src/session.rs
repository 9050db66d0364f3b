//! A server application as a handful of async methods whose results are the answers.
//!
//! The machine wants an answer to each event, and a forgotten one is found only when it runs. Here
//! the compiler asks for it. There is no I/O in here, and no runtime: [`respond`] turns an event
//! into a [`Reaction`] by asking the [`Session`], and [`Reaction::apply`] gives it to the
//! [`Server`](crate::Server), so the connection may go on flushing in between.
//!
//! ```
//! use mailwire_core::{secret::SecretBytes, text::Octets};
//! use mailwire_imap::{
//!     Server,
//!     command::{CommandBody, Message, SelectParameters},
//!     mailbox::Mailbox,
//!     response::Response,
//!     server::{Access, Done, Event, Misuse, Selected},
//!     session::{Answer, Session, Untagged, more, respond},
//! };
//!
//! struct Empty;
//!
//! impl Session for Empty {
//!     async fn login(&mut self, _: Octets, password: SecretBytes) -> Result<(), Done> {
//!         if password.matches(b"secret") { Ok(()) } else { Err(Done::wrong_credentials()) }
//!     }
//!     async fn select(
//!         &mut self,
//!         _: Mailbox,
//!         _: SelectParameters,
//!         access: Access,
//!         _: &mut Untagged,
//!     ) -> Result<Selected, Done> {
//!         let one = std::num::NonZero::<u32>::MIN;
//!         Ok(Selected::new(access, one, one))
//!     }
//!     async fn command(&mut self, command: CommandBody, out: &mut Untagged) -> Answer {
//!         match command {
//!             CommandBody::Noop => {
//!                 out.push(Response::Exists(0));
//!                 Answer::Completed
//!             }
//!             _ => Answer::Done(Done::unavailable()),
//!         }
//!     }
//!     async fn append(&mut self, _: Mailbox, _: Message) -> Result<(), Done> {
//!         Err(Done::unavailable())
//!     }
//! }
//!
//! // The whole of a server's loop, with a driver that yields events and room:
//! async fn on_event(session: &mut Empty, server: &mut Server, event: Event) -> Result<(), Misuse> {
//!     respond(session, event).await.apply(server)
//! }
//! async fn on_room(session: &mut Empty, server: &mut Server) -> Result<(), Misuse> {
//!     more(session).await.apply(server)
//! }
//! ```

mod reaction;
mod untagged;

use core::future::{Future, ready};

use bytes::Bytes;
use mailwire_core::{machine::TlsInfo, secret::SecretBytes, text::Octets};

pub use self::{
    reaction::{Reaction, more, respond},
    untagged::Untagged,
};
use crate::{
    command::{CommandBody, Fields, Mechanism, Message, SelectParameters},
    mailbox::Mailbox,
    server::{Access, Done, Invalid, Reset, Selected},
};

/// What a server application does. See the [module](self) for an example.
///
/// All methods may be as slow as their work is; the client's clock does not run meanwhile.
pub trait Session: Send {
    /// LOGIN: lets the client in, or says why not ([`Done::wrong_credentials`],
    /// [`Done::unavailable`]).
    fn login(
        &mut self,
        user: Octets,
        password: SecretBytes,
    ) -> impl Future<Output = Result<(), Done>> + Send;

    /// A step of an AUTHENTICATE exchange. Without it no mechanism works, so offer none then.
    fn auth(&mut self, step: AuthStep) -> impl Future<Output = AuthAnswer> + Send {
        drop(step);
        ready(AuthAnswer::Refuse(Done::unavailable()))
    }

    /// The client gave the AUTHENTICATE exchange up.
    fn auth_cancelled(&mut self) {}

    /// TLS protects the connection from here.
    fn secured(&mut self, tls: &TlsInfo) {
        let _ = tls;
    }

    /// What the client says that it is (RFC 2971): for the log, and for nothing else.
    fn id(&mut self, fields: Option<&Fields>) {
        let _ = fields;
    }

    /// SELECT or EXAMINE. What was selected before is closed, without an expunge, whatever comes
    /// of it. `out` goes out behind what [`Selected`] says and before the OK.
    fn select(
        &mut self,
        mailbox: Mailbox,
        parameters: SelectParameters,
        access: Access,
        out: &mut Untagged,
    ) -> impl Future<Output = Result<Selected, Done>> + Send;

    /// Any other command. Where more responses are due than should be in memory, answer
    /// [`Answer::More`].
    fn command(
        &mut self,
        command: CommandBody,
        out: &mut Untagged,
    ) -> impl Future<Output = Answer> + Send;

    /// There is room for more of the answer to the last command. It is called again and again until
    /// the answer is another than [`Answer::More`].
    fn more(&mut self, out: &mut Untagged) -> impl Future<Output = Answer> + Send {
        let _ = out;
        ready(Answer::Completed)
    }

    /// APPEND: whether this message may come.
    fn append(
        &mut self,
        mailbox: Mailbox,
        message: Message,
    ) -> impl Future<Output = Result<(), Done>> + Send;

    /// Whether a further message of the same APPEND may come (RFC 3502). Without it none may, so do
    /// not offer MULTIAPPEND then.
    fn append_next(&mut self, message: Message) -> impl Future<Output = Result<(), Done>> + Send {
        drop(message);
        ready(Err(Done::unavailable()))
    }

    /// Octets of a message that was let in.
    fn append_body(&mut self, octets: Bytes) -> impl Future<Output = Wanted> + Send {
        drop(octets);
        ready(Wanted::Nothing(Done::unavailable()))
    }

    /// All messages of the APPEND have come: the only point to store them, all or none. What this
    /// returns is told to the client, so it comes when they are on disk
    /// ([`Code::AppendUid`](crate::response::Code::AppendUid) where UIDPLUS is offered).
    fn append_end(&mut self, out: &mut Untagged) -> impl Future<Output = Done> + Send {
        let _ = out;
        ready(Done::unavailable())
    }

    /// What has come of the messages is void.
    fn append_reset(&mut self, why: Reset) {
        let _ = why;
    }

    /// IDLE has begun (RFC 2177). `out` is what there is to tell at once; later updates are for the
    /// application's loop to push, which it makes from an [`Untagged`] too.
    fn idle(&mut self, out: &mut Untagged) -> impl Future<Output = ()> + Send {
        let _ = out;
        ready(())
    }

    /// IDLE has ended.
    fn done(&mut self) {}

    /// The client sent what is no command. It has been told.
    fn invalid(&mut self, what: &Invalid) {
        let _ = what;
    }
}

/// A step of an AUTHENTICATE exchange, as [`Session::auth`] gets it.
///
/// ```
/// use mailwire_imap::{command::Mechanism, session::AuthStep};
/// let mechanism = Mechanism::new(b"PLAIN").unwrap();
/// let step = AuthStep::Start { mechanism, initial: None };
/// assert!(matches!(step, AuthStep::Start { .. }));
/// ```
#[derive(Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "an exchange begins and goes on")]
pub enum AuthStep {
    /// The AUTHENTICATE command.
    Start {
        /// One of the mechanisms that the configuration offers.
        mechanism: Mechanism,
        /// The initial response.
        initial: Option<SecretBytes>,
    },
    /// The answer to a challenge.
    Response(SecretBytes),
}

/// What [`Session::auth`] answers.
///
/// ```
/// use mailwire_imap::{server::Done, session::AuthAnswer};
/// let answer = AuthAnswer::Refuse(Done::wrong_credentials());
/// assert!(matches!(answer, AuthAnswer::Refuse(_)));
/// ```
#[derive(Debug, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "an exchange goes on, succeeds or fails"
)]
pub enum AuthAnswer {
    /// A challenge, before base64.
    Challenge(Bytes),
    /// Let the client in.
    Accept,
    /// Do not.
    Refuse(Done),
}

/// What [`Session::command`] and [`Session::more`] answer.
///
/// ```
/// use mailwire_imap::{server::Done, session::Answer};
/// assert_ne!(Answer::Completed, Answer::Done(Done::ok("that was it")));
/// ```
#[derive(Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a command ends, goes on or cannot")]
pub enum Answer {
    /// The command is completed, in the machine's words.
    Completed,
    /// It ends with this.
    Done(Done),
    /// More responses, or more of a literal, are to come: ask [`Session::more`].
    More,
    /// A literal cannot be completed: cut the connection.
    Abort,
}

/// What [`Session::append_body`] answers.
///
/// ```
/// use mailwire_imap::{response::Code, server::Done, session::Wanted};
/// let full = Wanted::Nothing(Done::no("disk full").with_code(&Code::OverQuota));
/// assert_ne!(full, Wanted::More);
/// ```
#[derive(Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a message is wanted or not")]
pub enum Wanted {
    /// The rest.
    More,
    /// Nothing more: the message cannot be stored. It is told at the end of the command, and
    /// [`Session::append_reset`] follows.
    Nothing(Done),
}
