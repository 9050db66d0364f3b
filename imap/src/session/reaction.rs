//! From events to calls of the machine.

use alloc::boxed::Box;

use bytes::Bytes;

use super::{Answer, AuthAnswer, AuthStep, Session, Untagged, Wanted};
use crate::server::{Done, Event, Misuse, Selected, Server};

/// What a [`Session`] wants the machine to do.
///
/// ```
/// use mailwire_imap::{Server, response::Response, server::Config, session::{Reaction, Untagged}};
/// // Between events: what has happened meanwhile.
/// let mut server = Server::new(Config::new("mail.example.test"));
/// assert_eq!(Reaction::from(Untagged::new()).apply(&mut server), Ok(()));
/// ```
#[derive(Debug, PartialEq)]
#[must_use = "the machine waits for it"]
pub struct Reaction {
    out: Untagged,
    then: Then,
}

/// What follows the untagged responses.
#[derive(Debug, PartialEq)]
enum Then {
    /// [`Server::accept_login`].
    Login,
    /// [`Server::challenge`].
    Challenge(Bytes),
    /// [`Server::announce`] in front of the responses, [`Server::accept`] behind them.
    Open(Box<Selected>),
    /// [`Server::accept`].
    Accept,
    /// [`Server::reply`].
    Reply(Done),
    /// [`Server::stream`].
    More,
    /// [`Server::abort`].
    Abort,
    /// Nothing is owed.
    Nothing,
}

impl Reaction {
    /// Tells the machine.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when the machine does not wait for this, or when the session said what cannot be
    /// said: an EXPUNGE where none is possible, or other octets of a literal than it announced. The
    /// connection is of no use then.
    ///
    /// See the [module](super) for an example.
    pub fn apply(self, server: &mut Server) -> Result<(), Misuse> {
        match &self.then {
            Then::Open(mailbox) => server.announce(mailbox)?,
            // Before the responses, so that they count as the answer in pieces.
            Then::More if server.body_left() == 0 => server.stream()?,
            Then::Abort => {
                server.abort();
                return Ok(());
            }
            _ => {}
        }
        self.out.apply(server)?;
        match self.then {
            Then::Login => server.accept_login(),
            Then::Challenge(challenge) => server.challenge(&challenge),
            Then::Open(_) | Then::Accept => server.accept(),
            Then::Reply(done) => server.reply(&done),
            Then::More | Then::Abort | Then::Nothing => Ok(()),
        }
    }
}

impl From<Then> for Reaction {
    fn from(then: Then) -> Self {
        Self {
            out: Untagged::new(),
            then,
        }
    }
}

/// What has happened while nothing was owed, within IDLE for example.
impl From<Untagged> for Reaction {
    fn from(out: Untagged) -> Self {
        Self {
            out,
            then: Then::Nothing,
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
/// See the [module](super) for an example.
pub async fn respond<S: Session>(session: &mut S, event: Event) -> Reaction {
    let mut out = Untagged::new();
    let then = match event {
        Event::Login { user, password } => session
            .login(user, password)
            .await
            .map_or_else(refuse, |()| Then::Login),
        Event::AuthStart { mechanism, initial } => session
            .auth(AuthStep::Start { mechanism, initial })
            .await
            .into(),
        Event::AuthResponse(response) => session.auth(AuthStep::Response(response)).await.into(),
        Event::Select {
            mailbox,
            parameters,
            access,
        } => session
            .select(mailbox, parameters, access, &mut out)
            .await
            .map_or_else(refuse, |selected| Then::Open(Box::new(selected))),
        Event::Command(command) => session.command(command, &mut out).await.into(),
        Event::Append { mailbox, message } => {
            accept_or_refuse(session.append(mailbox, message).await)
        }
        Event::AppendNext { message } => accept_or_refuse(session.append_next(message).await),
        Event::Body(octets) => match session.append_body(octets).await {
            Wanted::More => Then::Nothing,
            Wanted::Nothing(done) => refuse(done),
        },
        Event::AppendEnd => Then::Reply(session.append_end(&mut out).await),
        Event::Idle => {
            session.idle(&mut out).await;
            Then::Nothing
        }
        told => {
            tell(session, told);
            Then::Nothing
        }
    };
    Reaction { out, then }
}

/// Events that nothing is owed to.
fn tell<S: Session>(session: &mut S, event: Event) {
    match event {
        Event::Secured(tls) => session.secured(&tls),
        Event::AuthCancelled => session.auth_cancelled(),
        Event::Id(fields) => session.id(fields.as_ref()),
        Event::AppendReset(why) => session.append_reset(why),
        Event::Done => session.done(),
        Event::Invalid(invalid) => session.invalid(&invalid),
        _ => {}
    }
}

/// Asks the session for more of an answer that it gives in pieces.
///
/// # Cancel safety
///
/// As safe as [`Session::more`].
///
/// See the [module](super) for an example.
pub async fn more<S: Session>(session: &mut S) -> Reaction {
    let mut out = Untagged::new();
    let then = session.more(&mut out).await.into();
    Reaction { out, then }
}

fn accept_or_refuse(result: Result<(), Done>) -> Then {
    result.map_or_else(refuse, |()| Then::Accept)
}

/// A refusal that says OK is a mistake of the session, and must not let anybody in.
fn refuse(done: Done) -> Then {
    Then::Reply(if done.is_ok() {
        Done::unavailable()
    } else {
        done
    })
}

impl From<AuthAnswer> for Then {
    fn from(answer: AuthAnswer) -> Self {
        match answer {
            AuthAnswer::Challenge(challenge) => Self::Challenge(challenge),
            AuthAnswer::Accept => Self::Login,
            AuthAnswer::Refuse(done) => refuse(done),
        }
    }
}

impl From<Answer> for Then {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Completed => Self::Accept,
            Answer::Done(done) => Self::Reply(done),
            Answer::More => Self::More,
            Answer::Abort => Self::Abort,
        }
    }
}
