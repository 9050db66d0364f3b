//! A server application as a handful of async methods whose results are the answers.
//!
//! The machine wants an answer to each event, and a forgotten one is found only when it runs. Here
//! the compiler asks for it. There is no I/O in here, and no runtime: [`respond`] turns an event
//! into a [`Reaction`] by asking the [`Session`], and [`Reaction::apply`] gives it to the
//! [`Server`], so the connection may go on flushing in between.
//!
//! ```
//! # use std::future::Future;
//! use bytes::Bytes;
//! use mailwire_core::secret::SecretString;
//! use mailwire_pop3::{
//!     Deletions, Maildrop, MessageNumber, Response, Server, UserName,
//!     server::Event,
//!     session::{Extent, Session, respond},
//! };
//!
//! struct Empty;
//!
//! impl Session for Empty {
//!     async fn login(&mut self, _: UserName, password: SecretString) -> Result<Maildrop, Response> {
//!         if password.matches(b"secret") { Ok(Maildrop::new()) } else { Err(Response::wrong_credentials()) }
//!     }
//!     async fn open(&mut self, _: MessageNumber, _: Extent) -> Result<(), Response> {
//!         Err(Response::unavailable())
//!     }
//!     async fn read(&mut self) -> Result<Option<Bytes>, mailwire_pop3::session::Broken> { Ok(None) }
//!     async fn update(&mut self, _: Deletions) -> Result<(), Response> { Ok(()) }
//! }
//!
//! // The whole of a server's loop, with a driver that yields events and room:
//! async fn on_event(session: &mut Empty, server: &mut Server, event: Event) -> Result<(), mailwire_pop3::Misuse> {
//!     respond(session, event).await.apply(server)
//! }
//! async fn on_room(session: &mut Empty, server: &mut Server) -> Result<(), mailwire_pop3::Misuse> {
//!     mailwire_pop3::session::feed(session, server.wants_body()).await.apply(server)
//! }
//! ```

use core::{fmt, future::Future};

use bytes::Bytes;
use mailwire_core::{
    machine::TlsInfo,
    secret::{SecretBytes, SecretString},
};

use crate::{
    command::{Mechanism, MessageNumber, UserName},
    error::{Misuse, ParseError},
    maildrop::{Deletions, Maildrop},
    response::Response,
    server::{Event, Server},
};

/// What a server application does. See the [module](self) for an example.
///
/// All methods may be as slow as their work is; the client's clock does not run meanwhile.
pub trait Session: Send {
    /// USER and PASS: opens the maildrop, or says why not ([`Response::wrong_credentials`],
    /// [`Response::unavailable`], `[IN-USE]`).
    fn login(
        &mut self,
        user: UserName,
        password: SecretString,
    ) -> impl Future<Output = Result<Maildrop, Response>> + Send;

    /// A step of an AUTH exchange. Without it no mechanism works, so offer none then.
    fn auth(&mut self, step: AuthStep) -> impl Future<Output = AuthAnswer> + Send {
        drop(step);
        core::future::ready(AuthAnswer::Refuse(Response::unavailable()))
    }

    /// The client gave the AUTH exchange up.
    fn auth_cancelled(&mut self) {}

    /// TLS protects the connection from here.
    fn secured(&mut self, tls: &TlsInfo) {
        let _ = tls;
    }

    /// Opens a message of the maildrop, for [`read`](Self::read) to return; closes one that was
    /// open before.
    fn open(
        &mut self,
        message: MessageNumber,
        extent: Extent,
    ) -> impl Future<Output = Result<(), Response>> + Send;

    /// The next octets of the open message, `None` at its end.
    ///
    /// # Errors
    ///
    /// [`Broken`] when the message cannot be read to its end: the connection is cut.
    fn read(&mut self) -> impl Future<Output = Result<Option<Bytes>, Broken>> + Send;

    /// Removes the marked messages (RFC 1939 §6). What this returns is told to the client, so it
    /// comes when the removal is on disk.
    fn update(&mut self, deletions: Deletions)
    -> impl Future<Output = Result<(), Response>> + Send;

    /// The client said something that is no command. It has been told.
    fn invalid(&mut self, error: &ParseError) {
        let _ = error;
    }
}

/// A step of an AUTH exchange, as [`Session::auth`] gets it.
///
/// ```
/// use mailwire_pop3::{Mechanism, session::AuthStep};
/// let step = AuthStep::Start { mechanism: Mechanism::new("PLAIN")?, initial: None };
/// assert!(matches!(step, AuthStep::Start { .. }));
/// # Ok::<(), mailwire_pop3::InvalidArgument>(())
/// ```
#[derive(Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "an exchange begins and goes on")]
pub enum AuthStep {
    /// The AUTH command.
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
/// use mailwire_pop3::{Response, session::AuthAnswer};
/// let answer = AuthAnswer::Refuse(Response::wrong_credentials());
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
    Open(Maildrop),
    /// Do not.
    Refuse(Response),
}

/// How much of a message is wanted.
///
/// ```
/// use mailwire_pop3::session::Extent;
/// assert_ne!(Extent::Whole, Extent::Top { lines: 0 });
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RETR and TOP")]
pub enum Extent {
    /// All of it (RETR).
    Whole,
    /// The header and so many lines of the body (TOP). The machine cuts the message there, so a
    /// session may take no notice.
    Top {
        /// How many.
        lines: u32,
    },
}

/// A message that was opened cannot be read to its end.
///
/// ```
/// assert_eq!(mailwire_pop3::session::Broken.to_string(), "message cannot be read to its end");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("message cannot be read to its end")]
#[expect(clippy::exhaustive_structs, reason = "why is for the session to log")]
pub struct Broken;

/// What a [`Session`] wants the machine to do.
///
/// ```
/// use mailwire_pop3::{Misuse, Server, server::Config, session::Reaction};
/// let mut server = Server::new(Config::new("mail.example.test"));
/// assert_eq!(Reaction::Accept.apply(&mut server), Err(Misuse::NothingOwed));
/// ```
#[derive(PartialEq)]
#[must_use = "the machine waits for it"]
#[non_exhaustive]
pub enum Reaction {
    /// [`Server::open`].
    Open(Maildrop),
    /// [`Server::challenge`].
    Challenge(Bytes),
    /// [`Server::accept`].
    Accept,
    /// [`Server::reply`].
    Reply(Response),
    /// [`Server::write_body`].
    Write(Bytes),
    /// [`Server::end_body`].
    End,
    /// [`Server::abort`].
    Abort,
    /// Nothing is owed.
    Nothing,
}

impl fmt::Debug for Reaction {
    // A message is not shown, nor is what a maildrop holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open(_) => "Open(..)",
            Self::Challenge(_) => "Challenge(..)",
            Self::Accept => "Accept",
            Self::Reply(response) => return write!(f, "Reply({response})"),
            Self::Write(_) => "Write(..)",
            Self::End => "End",
            Self::Abort => "Abort",
            Self::Nothing => "Nothing",
        })
    }
}

impl Reaction {
    /// Tells the machine.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when the machine does not wait for this; it never is when `self` came from
    /// [`respond`] to the last event or from [`feed`], and nothing else was called in between.
    pub fn apply(self, server: &mut Server) -> Result<(), Misuse> {
        match self {
            Self::Open(maildrop) => server.open(maildrop),
            Self::Challenge(challenge) => server.challenge(&challenge),
            Self::Accept => server.accept(),
            Self::Reply(response) => server.reply(&response),
            Self::Write(octets) => server.write_body(octets),
            Self::End => server.end_body(),
            Self::Abort => {
                server.abort();
                Ok(())
            }
            Self::Nothing => Ok(()),
        }
    }
}

/// Asks the session what to do about an event.
///
/// # Cancel safety
///
/// As safe as the method of the session that it calls. The event is lost when the future is
/// dropped, and the machine still waits for its answer.
///
/// See the [module](self) for an example.
pub async fn respond<S: Session>(session: &mut S, event: Event) -> Reaction {
    match event {
        Event::Login { user, password } => session
            .login(user, password)
            .await
            .map_or_else(refuse, Reaction::Open),
        Event::AuthStart { mechanism, initial } => session
            .auth(AuthStep::Start { mechanism, initial })
            .await
            .into(),
        Event::AuthResponse(response) => session.auth(AuthStep::Response(response)).await.into(),
        Event::AuthCancelled => {
            session.auth_cancelled();
            Reaction::Nothing
        }
        Event::Secured(tls) => {
            session.secured(&tls);
            Reaction::Nothing
        }
        Event::Retr { message } => accept_or_refuse(session.open(message, Extent::Whole).await),
        Event::Top { message, lines } => {
            accept_or_refuse(session.open(message, Extent::Top { lines }).await)
        }
        Event::Quit { deletions } => accept_or_refuse(session.update(deletions).await),
        Event::Invalid(error) => {
            session.invalid(&error);
            Reaction::Nothing
        }
    }
}

/// Asks the session for the next octets of the open message; `wanted` is
/// [`Server::wants_body`].
///
/// # Cancel safety
///
/// As safe as [`Session::read`].
///
/// See the [module](self) for an example.
pub async fn feed<S: Session>(session: &mut S, wanted: bool) -> Reaction {
    if !wanted {
        return Reaction::End;
    }
    match session.read().await {
        Ok(Some(octets)) => Reaction::Write(octets),
        Ok(None) => Reaction::End,
        Err(Broken) => Reaction::Abort,
    }
}

fn accept_or_refuse(result: Result<(), Response>) -> Reaction {
    result.map_or_else(refuse, |()| Reaction::Accept)
}

/// A refusal that says `+OK` is a mistake of the session, and must not let anybody in.
fn refuse(response: Response) -> Reaction {
    Reaction::Reply(if response.is_ok() {
        Response::unavailable()
    } else {
        response
    })
}

impl From<AuthAnswer> for Reaction {
    fn from(answer: AuthAnswer) -> Self {
        match answer {
            AuthAnswer::Challenge(challenge) => Self::Challenge(challenge),
            AuthAnswer::Open(maildrop) => Self::Open(maildrop),
            AuthAnswer::Refuse(response) => refuse(response),
        }
    }
}
