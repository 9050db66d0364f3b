//! The contract that every machine obeys: SMTP, POP3 and IMAP, client and server.
//!
//! A machine does no I/O. A *driver* (in `mailtls`, or one's own) reads octets into a buffer,
//! calls [`Machine::step`], and does what it answers:
//!
//! ```text
//!                      ┌────────────────────────────────────────────┐
//!   socket ── read ──► │ input: BytesMut ──► step() ──► Transmit(b) │ ──► write queue ──► socket
//!                      │                        ├─────► Event(e)    │ ──► application
//!                      │                        ├─────► NeedInput   │     read, then step again
//!                      │                        ├─────► NeedAnswer  │     the application calls a method
//!                      │                        ├─────► NeedBody    │     room for `write_body`
//!                      │                        ├─────► StartTls    │     flush, handshake, `tls_started`
//!                      │                        └─────► Close(r)    │     flush, close
//!                      └────────────────────────────────────────────┘
//! ```
//!
//! The rules, which the machines, the drivers and the fuzz targets hold one another to:
//!
//! 1. Call `step` until it answers anything but `Transmit` or `Event`; call it again after every
//!    action method. An `Event` is handed over in the same poll that took it.
//! 2. `StartTls`, `StartDeflate` and `Close` are barriers: flush first, without reading. Octets
//!    left in `input` at `StartTls` are refused on both sides (RFC 3207 §4.2).
//! 3. All but `Transmit` and `Event` are level-triggered: asking again gives the same answer, so a
//!    driver that is cancelled loses nothing.
//! 4. A client's driver reads while it writes; a server's stops stepping while its queue is above a
//!    mark.
//! 5. The driver re-arms its clock when [`Machine::patience`] changes. The machine moves
//!    [`Patience::mark`] with each whole element that it takes and each answer, so a drip of octets
//!    gains nothing while a peer that goes on sending NOOP lives.
//! 6. Between calls the driver only appends to `input`. The machine remembers how far it has
//!    looked, so that one-octet reads cost linear time.
//! 7. End of file is told only where reading was allowed. What outlives its event is copied by the
//!    application, for a small slice pins a large read.
//! 8. The end-of-body event is the only commit point: any other end of a body discards it.

mod tls;

use alloc::vec::Vec;
use core::{fmt, num::NonZeroU32, time::Duration};

use bytes::{Bytes, BytesMut};

pub use tls::{PeerVerification, TlsInfo, TlsVersion, Upgrade};

/// What a machine asks its driver to do next.
///
/// ```
/// use mailwire_core::machine::Step;
/// let step: Step<(), core::convert::Infallible> = Step::NeedInput;
/// assert!(matches!(step, Step::NeedInput));
/// ```
#[must_use = "a step that is dropped loses octets or an event"]
#[expect(
    clippy::exhaustive_enums,
    reason = "a driver must handle every step; a new one is a breaking change"
)]
#[derive(Clone, PartialEq)]
pub enum Step<Event, Error> {
    /// Queue these octets for the peer, behind everything handed out before.
    Transmit(Bytes),
    /// Tell the application. Some events oblige it to answer; their documentation says which.
    Event(Event),
    /// There is nothing more to do with `input` as it is: read, then step again.
    NeedInput,
    /// The application owes an answer to the last event: do not read meanwhile.
    NeedAnswer,
    /// A body of ours is open and there is room for more of it. A client goes on reading, a server
    /// does not.
    NeedBody,
    /// Flush, run the TLS handshake, then call [`Machine::tls_started`].
    StartTls,
    /// Flush; from here both directions are DEFLATE (RFC 4978); then call
    /// [`Machine::deflate_started`].
    StartDeflate,
    /// Flush and close. `Err` says what the peer did wrong.
    Close(Result<(), Error>),
}

impl<Event: fmt::Debug, Error: fmt::Debug> fmt::Debug for Step<Event, Error> {
    // What is sent may be a credential or a message, so only its length is printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transmit(octets) => f.debug_tuple("Transmit").field(&octets.len()).finish(),
            Self::Event(event) => f.debug_tuple("Event").field(event).finish(),
            Self::NeedInput => f.write_str("NeedInput"),
            Self::NeedAnswer => f.write_str("NeedAnswer"),
            Self::NeedBody => f.write_str("NeedBody"),
            Self::StartTls => f.write_str("StartTls"),
            Self::StartDeflate => f.write_str("StartDeflate"),
            Self::Close(how) => f.debug_tuple("Close").field(how).finish(),
        }
    }
}

/// Which end of the connection a machine is.
///
/// ```
/// use mailwire_core::machine::Side;
/// assert_ne!(Side::Client, Side::Server);
/// ```
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Side {
    /// The end that opened the connection.
    Client,
    /// The end that accepted it.
    Server,
}

/// How the peer's octets ended.
///
/// ```
/// use mailwire_core::machine::Eof;
/// assert_ne!(Eof::Clean, Eof::Truncated);
/// ```
#[expect(clippy::exhaustive_enums, reason = "an end is orderly or it is not")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Eof {
    /// The peer closed in order: FIN in clear, `close_notify` under TLS.
    Clean,
    /// A reset, or TLS that ended without `close_notify` (RFC 8446 §6.1). What was being received
    /// is not complete.
    Truncated,
}

/// How long the peer may take.
///
/// `limit` runs from the last change of this value. With `floor`, fewer than `floor` octets a
/// second on average within `limit` is a timeout although octets keep coming.
///
/// ```
/// use core::time::Duration;
/// use mailwire_core::machine::Patience;
/// let command = Patience::new(Duration::from_secs(300), 7);
/// assert_ne!(command, Patience::new(Duration::from_secs(300), 8));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Patience {
    /// The time for the element that is awaited.
    pub limit: Duration,
    /// Changes with each whole element that was taken and with each answer.
    pub mark: u32,
    /// Octets a second that bulk data must reach.
    pub floor: Option<NonZeroU32>,
}

impl Patience {
    /// Patience for one element, without a floor rate.
    #[must_use]
    pub const fn new(limit: Duration, mark: u32) -> Self {
        Self {
            limit,
            mark,
            floor: None,
        }
    }

    /// The same with a floor rate for bulk data.
    #[must_use]
    pub const fn with_floor(mut self, octets_per_second: NonZeroU32) -> Self {
        self.floor = Some(octets_per_second);
        self
    }
}

/// A protocol machine of either side. See the [module](self) for the rules.
///
/// The smallest possible machine, which echoes what it gets:
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_core::machine::{Eof, Machine, Patience, Side, Step, TlsInfo};
///
/// #[derive(Default)]
/// struct Echo { over: bool }
///
/// impl Machine for Echo {
///     const SIDE: Side = Side::Server;
///     type Event = core::convert::Infallible;
///     type Error = core::convert::Infallible;
///     fn step(&mut self, input: &mut BytesMut) -> Step<Self::Event, Self::Error> {
///         if !input.is_empty() {
///             return Step::Transmit(input.split().freeze());
///         }
///         if self.over { Step::Close(Ok(())) } else { Step::NeedInput }
///     }
///     fn patience(&self) -> Option<Patience> { None }
///     fn handle_timeout(&mut self) { self.over = true; }
///     fn handle_eof(&mut self, _how: Eof) { self.over = true; }
///     fn tls_started(&mut self, _tls: TlsInfo) {}
/// }
///
/// let mut input = BytesMut::from("hello");
/// let mut echo = Echo::default();
/// assert_eq!(echo.step(&mut input), Step::Transmit("hello".into()));
/// assert_eq!(echo.step(&mut input), Step::NeedInput);
/// echo.handle_eof(Eof::Clean);
/// assert_eq!(echo.step(&mut input), Step::Close(Ok(())));
/// ```
pub trait Machine {
    /// Which end this machine is.
    const SIDE: Side;
    /// What it tells the application. Events own what they carry, so they cross `await` and
    /// channels.
    type Event;
    /// What the peer can do wrong so that the stream can no longer be trusted.
    type Error: core::error::Error + Clone + Send + Sync + 'static;

    /// Does the next piece of work, taking whole elements off the front of `input`.
    ///
    /// It never fails and never blocks; the end of the connection is one of its answers.
    fn step(&mut self, input: &mut BytesMut) -> Step<Self::Event, Self::Error>;

    /// How long the peer may take for what is awaited; `None` means that no clock runs on the peer.
    fn patience(&self) -> Option<Patience>;

    /// The time that [`Machine::patience`] allows has passed.
    fn handle_timeout(&mut self);

    /// The peer will send nothing more.
    fn handle_eof(&mut self, how: Eof);

    /// The handshake that [`Step::StartTls`] asked for, or the one before the first octet on an
    /// implicit-TLS port, has succeeded. Everything learnt in clear is forgotten (RFC 3207 §4.2).
    fn tls_started(&mut self, tls: TlsInfo);

    /// Both directions are compressed from here.
    fn deflate_started(&mut self) {}
}

/// What a server application answers to an event.
///
/// `R` is the protocol's reply. Which variants are legal for which event stands at the event;
/// another one is a `Misuse` and changes nothing.
///
/// ```
/// use mailwire_core::machine::Answer;
/// let answer: Answer<&str> = Answer::Reply("550 no such user");
/// assert!(!matches!(answer, Answer::Accept));
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "machines match on every kind of answer"
)]
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<R> {
    /// The machine's own positive reply.
    Accept,
    /// This reply.
    Reply(R),
    /// A SASL challenge, before base64.
    Challenge(Bytes),
    /// One reply for each accepted recipient, in order (LMTP, RFC 2033 §4.2).
    Each(Vec<R>),
    /// Nothing is owed to this event.
    Nothing,
}
