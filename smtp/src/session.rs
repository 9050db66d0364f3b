//! A server application as a handful of methods.
//!
//! [`Session`] has a method for each event that must be answered, and its return types are the
//! answers: an answer that is forgotten does not compile. [`serve`] carries the events of one
//! connection to it. Both are `async` and know no runtime; where octets come from is behind
//! [`Turns`], which a driver implements in a few lines.

use alloc::{sync::Arc, vec::Vec};
use core::future::Future;

use bytes::Bytes;
use mailwire_core::{
    machine::{Answer, TlsInfo},
    secret::SecretBytes,
};

use crate::{
    command::Argument,
    reply::Reply,
    server::{
        AuthStart, BodyEnd, BodyStart, Event, Hello, Invalid, Mail, Misuse, Rcpt, Reset, Server,
    },
};

/// Yes, or a reply.
///
/// ```
/// use mailwire_smtp::{reply::{Code, EnhancedCode, Reply}, session::Verdict};
/// let no = Verdict::from(Reply::new(Code::MAILBOX_UNAVAILABLE, EnhancedCode::of::<5, 1, 1>(), "no such user"));
/// assert_ne!(no, Verdict::Accept);
/// ```
#[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The machine's own positive reply.
    Accept,
    /// This reply; a positive one accepts too.
    Reply(Reply),
}

impl From<Reply> for Verdict {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

/// What comes next in an AUTH exchange.
///
/// ```
/// use mailwire_smtp::session::AuthNext;
/// assert_ne!(AuthNext::Challenge("Username:".into()), AuthNext::Accept);
/// ```
#[expect(clippy::exhaustive_enums, reason = "RFC 4954 §4 has these outcomes")]
#[derive(Clone, Debug, PartialEq)]
pub enum AuthNext {
    /// A challenge, before base64.
    Challenge(Bytes),
    /// 235.
    Accept,
    /// This reply: 535 for wrong credentials, 454 for a failure of ours, which is not counted
    /// against the peer.
    Reply(Reply),
}

/// What became of a message.
///
/// ```
/// use mailwire_smtp::session::Delivery;
/// assert_ne!(Delivery::Accept, Delivery::Each(vec![]));
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "these are the answers to the end of a message"
)]
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery {
    /// It is kept for all recipients.
    Accept,
    /// This reply, for all recipients.
    Reply(Reply),
    /// In LMTP, a reply for each accepted recipient, in order.
    Each(Vec<Reply>),
}

/// Whether the application still wants the message that is coming.
///
/// ```
/// use mailwire_smtp::{reply::{Code, Reply}, session::Wanted};
/// let full = Wanted::No(Reply::new(Code::NO_STORAGE, None, "disk full"));
/// assert_ne!(full, Wanted::Yes);
/// ```
#[expect(clippy::exhaustive_enums, reason = "it is wanted or it is not")]
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// Yes.
    Yes,
    /// No, for this negative reply. The rest is drained, and [`Session::reset`] is called.
    No(Reply),
}

/// A server application: what is said to one client.
///
/// Methods that have a default may be left out. Between `mail` and `body_end` or `reset` lies one
/// transaction; only `body_end` may deliver.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_smtp::{server::{BodyEnd, Mail, Rcpt, Reset}, session::{Delivery, Session, Verdict, Wanted}};
///
/// #[derive(Default)]
/// struct Counter { octets: u64, messages: u64 }
///
/// impl Session for Counter {
///     async fn mail(&mut self, _mail: Mail) -> Verdict { self.octets = 0; Verdict::Accept }
///     async fn rcpt(&mut self, _rcpt: Rcpt) -> Verdict { Verdict::Accept }
///     async fn body(&mut self, octets: Bytes) -> Wanted { self.octets += octets.len() as u64; Wanted::Yes }
///     async fn body_end(&mut self, _end: BodyEnd) -> Delivery { self.messages += 1; Delivery::Accept }
///     async fn reset(&mut self, _why: Reset) { self.octets = 0; }
/// }
/// ```
pub trait Session: Send {
    /// The client greets.
    fn hello(
        &mut self,
        hello: Hello,
        tls: Option<&Arc<TlsInfo>>,
    ) -> impl Future<Output = Verdict> + Send {
        let _ = (hello, tls);
        core::future::ready(Verdict::Accept)
    }

    /// TLS runs; what was learnt before is to be forgotten.
    fn tls_started(&mut self, tls: Arc<TlsInfo>) -> impl Future<Output = ()> + Send {
        let _ = tls;
        core::future::ready(())
    }

    /// The client starts to authenticate, with a mechanism that was offered.
    fn auth(&mut self, start: AuthStart) -> impl Future<Output = AuthNext> + Send {
        let _ = start;
        core::future::ready(AuthNext::Reply(not_now()))
    }

    /// The client answers a challenge.
    fn auth_response(&mut self, response: SecretBytes) -> impl Future<Output = AuthNext> + Send {
        let _ = response;
        core::future::ready(AuthNext::Reply(not_now()))
    }

    /// The exchange is over without a result.
    fn auth_cancelled(&mut self) -> impl Future<Output = ()> + Send {
        core::future::ready(())
    }

    /// A transaction begins.
    fn mail(&mut self, mail: Mail) -> impl Future<Output = Verdict> + Send;

    /// A recipient.
    fn rcpt(&mut self, rcpt: Rcpt) -> impl Future<Output = Verdict> + Send;

    /// A message is about to come.
    fn body_start(&mut self, start: BodyStart) -> impl Future<Output = Wanted> + Send {
        let _ = start;
        core::future::ready(Wanted::Yes)
    }

    /// Octets of the message. What is kept of them longer must be copied.
    fn body(&mut self, octets: Bytes) -> impl Future<Output = Wanted> + Send;

    /// The message is complete: the only point where it may be delivered.
    fn body_end(&mut self, end: BodyEnd) -> impl Future<Output = Delivery> + Send;

    /// The transaction came to nothing.
    fn reset(&mut self, why: Reset) -> impl Future<Output = ()> + Send;

    /// VRFY; by default 252, which tells nobody who exists.
    fn verify(&mut self, text: Argument) -> impl Future<Output = Verdict> + Send {
        let _ = text;
        core::future::ready(Verdict::Accept)
    }

    /// EXPN; by default 252.
    fn expand(&mut self, text: Argument) -> impl Future<Output = Verdict> + Send {
        let _ = text;
        core::future::ready(Verdict::Accept)
    }

    /// The machine refused what the peer said; for the log.
    fn invalid(&mut self, invalid: Invalid) -> impl Future<Output = ()> + Send {
        let _ = invalid;
        core::future::ready(())
    }

    /// The client says QUIT.
    fn quit(&mut self) -> impl Future<Output = ()> + Send {
        core::future::ready(())
    }
}

/// Where the events of a connection come from: a driver with its machine.
///
/// With `mailtls` it is `Connection<Server, IO>`: `next_event`, `machine` and `during`.
pub trait Turns: Send {
    /// What can end the connection.
    type Error;

    /// The next event, or nothing after an orderly end.
    fn next_event(&mut self) -> impl Future<Output = Result<Option<Event>, Self::Error>> + Send;

    /// The machine, to be answered.
    fn server(&mut self) -> &mut Server;

    /// Runs the application's work; a driver goes on writing what is queued meanwhile.
    fn during<T: Send>(
        &mut self,
        work: impl Future<Output = T> + Send,
    ) -> impl Future<Output = T> + Send {
        let _ = self;
        work
    }
}

/// Why [`serve`] ended early.
///
/// ```
/// use mailwire_smtp::{server::{Misuse, Owed}, session::ServeError};
/// let error = ServeError::<core::fmt::Error>::Misuse(Misuse::WrongAnswer(Owed::Rcpt));
/// assert_eq!(error.to_string(), "this is no answer to RCPT");
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "either end of the connection can be at fault"
)]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ServeError<E> {
    /// The connection.
    #[error("{0}")]
    Connection(E),
    /// The session answered what cannot be answered there, for example a positive reply to a
    /// message it does not want.
    #[error(transparent)]
    Misuse(Misuse),
}

/// Carries the events of one connection to a session, and its answers back, until the connection
/// ends.
///
/// # Errors
///
/// [`ServeError`]. The session has been told of a transaction that came to nothing only if the
/// machine could tell it: whoever keeps files should remove them on drop.
///
/// # Cancel safety
///
/// If the future is dropped, the answer that was being worked on is lost; the connection is only
/// good for being closed.
///
/// ```
/// use mailwire_smtp::session::{ServeError, Session, Turns, serve};
/// async fn connection<T: Turns>(mut turns: T, mut session: impl Session) -> Result<(), ServeError<T::Error>> {
///     serve(&mut turns, &mut session).await
/// }
/// ```
pub async fn serve<T: Turns, S: Session>(
    turns: &mut T,
    session: &mut S,
) -> Result<(), ServeError<T::Error>> {
    while let Some(event) = turns.next_event().await.map_err(ServeError::Connection)? {
        let tls = turns.server().tls().cloned();
        let answer = turns.during(tell(session, event, tls)).await;
        if answer != Answer::Nothing {
            turns.server().answer(answer).map_err(ServeError::Misuse)?;
        }
    }
    Ok(())
}

/// Tells a session one event, and says what it answers; for those who have a loop of their own.
///
/// # Cancel safety
///
/// As [`serve`].
///
/// ```
/// use mailwire_core::machine::Answer;
/// use mailwire_smtp::{reply::Reply, server::{Event, Server}, session::{Session, tell}};
/// async fn one(session: &mut impl Session, server: &mut Server, event: Event) {
///     let answer: Answer<Reply> = tell(session, event, server.tls().cloned()).await;
///     server.answer(answer).unwrap();
/// }
/// ```
pub async fn tell<S: Session>(
    session: &mut S,
    event: Event,
    tls: Option<Arc<TlsInfo>>,
) -> Answer<Reply> {
    match event {
        Event::Hello(hello) => session.hello(hello, tls.as_ref()).await.into(),
        Event::TlsStarted(tls) => {
            session.tls_started(tls).await;
            Answer::Nothing
        }
        Event::AuthStart(start) => session.auth(start).await.into(),
        Event::AuthResponse(response) => session.auth_response(response).await.into(),
        Event::AuthCancelled => {
            session.auth_cancelled().await;
            Answer::Nothing
        }
        Event::Mail(mail) => session.mail(*mail).await.into(),
        Event::Rcpt(rcpt) => session.rcpt(*rcpt).await.into(),
        Event::BodyStart(start) => match session.body_start(start).await {
            Wanted::Yes => Answer::Accept,
            Wanted::No(reply) => Answer::Reply(reply),
        },
        Event::Body(octets) => match session.body(octets).await {
            Wanted::Yes => Answer::Nothing,
            Wanted::No(reply) => Answer::Reply(reply),
        },
        Event::BodyEnd(end) => session.body_end(end).await.into(),
        Event::Reset(why) => {
            session.reset(why).await;
            Answer::Nothing
        }
        Event::Verify(text) => session.verify(text).await.into(),
        Event::Expand(text) => session.expand(text).await.into(),
        Event::Invalid(invalid) => {
            session.invalid(invalid).await;
            Answer::Nothing
        }
        Event::Quit => {
            session.quit().await;
            Answer::Nothing
        }
    }
}

impl From<Verdict> for Answer<Reply> {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accept => Self::Accept,
            Verdict::Reply(reply) => Self::Reply(reply),
        }
    }
}

impl From<AuthNext> for Answer<Reply> {
    fn from(next: AuthNext) -> Self {
        match next {
            AuthNext::Challenge(challenge) => Self::Challenge(challenge),
            AuthNext::Accept => Self::Accept,
            AuthNext::Reply(reply) => Self::Reply(reply),
        }
    }
}

impl From<Delivery> for Answer<Reply> {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Accept => Self::Accept,
            Delivery::Reply(reply) => Self::Reply(reply),
            Delivery::Each(replies) => Self::Each(replies),
        }
    }
}

fn not_now() -> Reply {
    use crate::reply::{Code, EnhancedCode};
    Reply::new(
        Code::TEMPORARY_AUTH_FAILURE,
        EnhancedCode::of::<4, 7, 0>(),
        "Temporary authentication failure",
    )
}
