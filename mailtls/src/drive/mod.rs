//! The one async loop: a machine of either side over a stream that may turn to TLS.
//!
//! ```text
//!            ┌──────────────────────── Connection ────────────────────────┐
//!  socket ──►│ read ──► input ──► machine.step ──► queue ──► write        │──► socket
//!            │                      │    ▲                                │
//!            └──────────────────────┼────┼────────────────────────────────┘
//!                            events ▼    │ machine().answer(..), send(..)
//!                                 application
//! ```
//!
//! Everything is state of the [`Connection`]; its futures hold nothing. Any of them may be dropped
//! at any point, in a `select!` for instance, and nothing is lost or done twice.

mod clock;
mod poll;
mod queue;

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use mailwire_core::machine::{Machine, TlsInfo};
use tokio::io::{AsyncRead, AsyncWrite};

use self::{clock::Clock, poll::State, queue::Queue};
use crate::{
    error::Error,
    limits,
    stream::{Stream, Tap},
    trace::Trace,
    upgrade::{Handshake, Start, Tls},
};

/// What a turn brought.
///
/// ```
/// use mailtls::Turn;
/// assert_ne!(Turn::Event(()), Turn::Closed);
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "an application handles every kind of turn"
)]
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use = "a turn that is dropped loses an event"]
pub enum Turn<E> {
    /// The machine tells something.
    Event(E),
    /// There is room for more of the body that is being sent.
    Room,
    /// The connection has ended in order. From here every turn says so.
    Closed,
}

/// Whether a turn is to tell of room in a body that is being sent.
///
/// ```
/// use mailtls::drive::Room;
/// assert_ne!(Room::Told, Room::Untold);
/// ```
#[expect(clippy::exhaustive_enums, reason = "a yes or no with a name")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Room {
    /// As [`Turn::Room`].
    Told,
    /// Only events and the end are told.
    Untold,
}

/// The bounds of one connection.
///
/// ```
/// let mut limits = mailtls::drive::Limits::default();
/// limits.write_stall = std::time::Duration::from_secs(60);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Time in which the peer must take [`Limits::write_progress`] octets of what waits for it.
    pub write_stall: std::time::Duration,
    /// See [`Limits::write_stall`].
    pub write_progress: u32,
    /// Octets that may wait for the peer before a server takes no further command.
    pub queue: usize,
    /// Time that a closing server goes on reading.
    pub drain_time: std::time::Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            write_stall: limits::WRITE_STALL,
            write_progress: limits::WRITE_PROGRESS,
            queue: limits::QUEUE,
            drain_time: limits::DRAIN_TIME,
        }
    }
}

/// A machine and the stream it talks over.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// # use bytes::BytesMut;
/// # use mailwire_core::machine::{Eof, Machine, Patience, Side, Step, TlsInfo};
/// # struct Lines { over: bool }
/// # impl Machine for Lines {
/// #     const SIDE: Side = Side::Server;
/// #     type Event = usize;
/// #     type Error = std::convert::Infallible;
/// #     fn step(&mut self, input: &mut BytesMut) -> Step<usize, Self::Error> {
/// #         if input.is_empty() {
/// #             return if self.over { Step::Close(Ok(())) } else { Step::NeedInput };
/// #         }
/// #         Step::Event(input.split().len())
/// #     }
/// #     fn patience(&self) -> Option<Patience> { None }
/// #     fn handle_timeout(&mut self) {}
/// #     fn handle_eof(&mut self, _: Eof) { self.over = true; }
/// #     fn tls_started(&mut self, _: TlsInfo) {}
/// # }
/// use mailtls::{Connection, Tls};
/// use tokio::io::AsyncWriteExt;
/// let (ours, mut peer) = tokio::io::duplex(64);
/// let mut connection = Connection::new(ours, Lines { over: false }, Tls::none());
/// peer.write_all(b"hello").await.unwrap();
/// drop(peer);
/// while let Some(octets) = connection.next_event().await.unwrap() {
///     assert_eq!(octets, 5);
/// }
/// # });
/// ```
pub struct Connection<M: Machine, IO> {
    machine: M,
    state: State<IO, M::Error>,
    input: BytesMut,
    queue: Queue,
    /// An event that [`Connection::flush`] met. That is rare, and an idle connection needs no room
    /// for one.
    held: Option<Box<M::Event>>,
    clock: Clock,
    tls: Tls,
    limits: Limits,
    trace: Option<Box<Trace>>,
    /// Octets of plaintext that were read, for floor rates.
    received: u64,
    /// Whether nothing has been read yet in clear.
    fresh: bool,
    /// Whether the machine knows of the end.
    ended: bool,
    /// Why nothing can be written any longer.
    mute: Option<std::io::ErrorKind>,
}

/// What a connection is made of, for those who go on by other means.
///
/// ```
/// # fn show<IO>(parts: mailtls::drive::Parts<IO>) {
/// if let Some(stream) = parts.stream {
///     assert!(parts.unsent.is_empty() && parts.input.is_empty());
///     let _socket = stream.into_socket();
/// }
/// # }
/// ```
#[non_exhaustive]
pub struct Parts<IO> {
    /// The stream; `None` when the connection is over or in the midst of a handshake.
    pub stream: Option<Stream<IO>>,
    /// What was read and not taken by the machine.
    pub input: BytesMut,
    /// What the machine sent and the socket did not take.
    pub unsent: Vec<Bytes>,
}

impl<IO> fmt::Debug for Parts<IO> {
    // Octets of the dialogue may be secret, so only their number is printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("stream", &self.stream)
            .field("input", &self.input.len())
            .field("unsent", &self.unsent.len())
            .finish()
    }
}

impl<M, IO> Connection<M, IO>
where
    M: Machine,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    /// A connection that begins in clear text. `tls` is what it upgrades with when the machine
    /// asks for it.
    #[must_use]
    pub fn new(io: IO, machine: M, tls: Tls) -> Self {
        Self::with_input(io, machine, tls, BytesMut::new())
    }

    /// The same where octets of the peer were read already.
    #[must_use]
    pub fn with_input(io: IO, machine: M, tls: Tls, input: BytesMut) -> Self {
        let fresh = input.is_empty();
        Self {
            input,
            fresh,
            ..Self::start(State::Open(Stream::plain(io)), machine, tls)
        }
    }

    /// A connection that begins with the TLS handshake (RFC 8314 §3).
    #[must_use]
    pub fn implicit(io: IO, machine: M, tls: Tls) -> Self {
        let state = match Handshake::new(Tap::new(io), &tls, Start::Implicit) {
            Some(handshake) => State::Handshake(Box::new(handshake), Start::Implicit),
            None => State::Refused(Error::NoTls),
        };
        Self {
            fresh: false,
            ..Self::start(state, machine, tls)
        }
    }

    /// A connection over a stream whose handshake, if any, is done. The machine is told about its
    /// TLS here.
    #[must_use]
    pub fn over(stream: Stream<IO>, mut machine: M, tls: Tls) -> Self {
        if let Some(info) = stream.tls_info() {
            machine.tls_started(info);
        }
        Self {
            fresh: false,
            ..Self::start(State::Open(stream), machine, tls)
        }
    }

    fn start(state: State<IO, M::Error>, machine: M, tls: Tls) -> Self {
        Self {
            machine,
            state,
            input: BytesMut::new(),
            queue: Queue::default(),
            held: None,
            clock: Clock::default(),
            tls,
            limits: Limits::default(),
            trace: None,
            received: 0,
            fresh: true,
            ended: false,
            mute: None,
        }
    }

    /// Sets the bounds.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Lets somebody watch the dialogue, secrets and bodies masked. It sees what comes from here.
    #[must_use]
    pub fn with_trace(mut self, trace: Trace) -> Self {
        self.trace = Some(Box::new(trace));
        self
    }

    /// Does the next piece of work: the heart of every other method.
    ///
    /// With `room`, a body of ours that is open and has room is told as [`Turn::Room`]; without,
    /// only events and the end are.
    ///
    /// # Errors
    ///
    /// [`Error`], once; after it every turn is [`Turn::Closed`].
    ///
    /// # Cancel safety
    ///
    /// All state is in the connection.
    #[expect(
        clippy::type_complexity,
        reason = "an alias would hide what `turn` and `next_event` show"
    )]
    pub fn poll_turn(
        &mut self,
        cx: &mut Context<'_>,
        room: Room,
    ) -> Poll<Result<Turn<M::Event>, Error<M::Error>>> {
        self.clock.resume();
        let turn = self.poll_state(cx, room);
        if turn.is_ready() {
            self.clock.pause();
        }
        turn
    }

    /// The next event, room for the body that is being sent, or the end.
    ///
    /// # Errors
    ///
    /// [`Error`], once; after it every turn is [`Turn::Closed`].
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any point; nothing is lost.
    pub async fn turn(&mut self) -> Result<Turn<M::Event>, Error<M::Error>> {
        let word = Word(self);
        poll_fn(|cx| word.0.poll_turn(cx, Room::Told)).await
    }

    /// The next event; `None` at the end. For `select!` with sources of one's own.
    ///
    /// # Errors
    ///
    /// [`Error`], once; after it there is `None`.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any point; nothing is lost.
    pub async fn next_event(&mut self) -> Result<Option<M::Event>, Error<M::Error>> {
        let word = Word(self);
        let turn = poll_fn(|cx| word.0.poll_turn(cx, Room::Untold)).await?;
        Ok(match turn {
            Turn::Event(event) => Some(event),
            Turn::Room | Turn::Closed => None,
        })
    }

    /// Runs the application's own future and goes on sending what is queued meanwhile: for a
    /// look-up, a check or an `fsync` between an event and its answer. The peer's clock stands.
    ///
    /// # Cancel safety
    ///
    /// That of `f`; the connection loses nothing.
    pub async fn during<T>(&mut self, f: impl Future<Output = T>) -> T {
        self.clock.pause();
        let mut f = pin!(f);
        poll_fn(|cx| {
            if let Poll::Ready(done) = f.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            // A failure to write is told by the next turn.
            let _ = self.poll_write(cx);
            Poll::Pending
        })
        .await
    }

    /// Waits until everything that the machine has to say has reached the socket. An event that
    /// turns up meanwhile is kept for the next turn.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::WriteStalled`], as a turn would give.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any point; nothing is lost.
    pub async fn flush(&mut self) -> Result<(), Error<M::Error>> {
        let word = Word(self);
        poll_fn(|cx| word.0.poll_flush(cx)).await
    }

    /// The machine, for its action methods.
    pub const fn machine(&mut self) -> &mut M {
        &mut self.machine
    }

    /// Whether less waits for the peer than the limit for it.
    #[must_use]
    pub const fn has_room(&self) -> bool {
        self.queue.octets() < self.limits.queue
    }

    /// The stream, for its addresses and counts; `None` during a handshake and after the end.
    #[must_use]
    pub const fn stream(&self) -> Option<&Stream<IO>> {
        self.state.stream()
    }

    /// What is known about TLS; `None` in clear text and after the end.
    #[must_use]
    pub fn tls_info(&self) -> Option<TlsInfo> {
        self.stream().and_then(Stream::tls_info)
    }

    /// Goes on with another machine over the same stream: from one that opens a session to the
    /// one that uses it. What was read and not taken goes with it.
    #[must_use]
    pub fn swap<N: Machine>(self, machine: N) -> Connection<N, IO> {
        Connection {
            machine,
            state: self.state.carry(),
            input: self.input,
            queue: self.queue,
            held: None,
            clock: Clock::default(),
            tls: self.tls,
            limits: self.limits,
            trace: self.trace,
            received: self.received,
            fresh: self.fresh,
            ended: self.ended,
            mute: self.mute,
        }
    }

    /// Takes the connection apart.
    #[must_use]
    pub fn into_parts(self) -> Parts<IO> {
        Parts {
            stream: self.state.into_stream(),
            input: self.input,
            unsent: self.queue.into_chunks(),
        }
    }
}

/// Gives the word back to the application, however a future ends.
struct Word<'a, M: Machine, IO>(&'a mut Connection<M, IO>);

impl<M: Machine, IO> Drop for Word<'_, M, IO> {
    fn drop(&mut self) {
        self.0.clock.pause();
    }
}

impl<M: Machine, IO> fmt::Debug for Connection<M, IO> {
    // Neither the machine nor the octets are printed: both may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("side", &M::SIDE)
            .field("tls", &self.tls)
            .field("input", &self.input.len())
            .field("queue", &self.queue.octets())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
