//! The loop itself.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use mailwire_core::machine::{Eof, Machine, Side, Step};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Connection, Limits, Room, Turn, clock::Awaited};
use crate::{
    error::Error,
    limits,
    sniff::FirstOctets,
    stream::{Stream, end_of},
    upgrade::{Handshake, HandshakeError, Outcome, Start},
};

pub(super) enum State<IO, X: std::error::Error + 'static> {
    Open(Stream<IO>),
    Handshake(Box<Handshake<IO>>, Start),
    /// The machine, or a failure, has ended it: flush, close, drain.
    Leaving(Leaving<IO, X>),
    /// It could not even begin.
    Refused(Error<X>),
    Over,
}

pub(super) struct Leaving<IO, X: std::error::Error + 'static> {
    stream: Stream<IO>,
    result: Result<(), Error<X>>,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    Flush,
    Shutdown,
    /// So many octets may still come.
    Drain(usize),
}

impl<IO, X: std::error::Error + 'static> State<IO, X> {
    pub(super) const fn stream(&self) -> Option<&Stream<IO>> {
        match self {
            Self::Open(stream) => Some(stream),
            Self::Leaving(leaving) => Some(&leaving.stream),
            _ => None,
        }
    }

    pub(super) fn into_stream(self) -> Option<Stream<IO>> {
        match self {
            Self::Open(stream) => Some(stream),
            _ => None,
        }
    }

    /// For a machine with another error: what has ended stays so.
    pub(super) fn carry<Y: std::error::Error + 'static>(self) -> State<IO, Y> {
        match self {
            Self::Open(stream) => State::Open(stream),
            Self::Handshake(handshake, start) => State::Handshake(handshake, start),
            Self::Refused(_) => State::Refused(Error::NoTls),
            Self::Leaving(_) | Self::Over => State::Over,
        }
    }
}

/// What waiting came to.
enum Wait<X: std::error::Error + 'static> {
    Again,
    Sleep,
    Fail(Error<X>),
}

type Polled<M> = Poll<Result<Turn<<M as Machine>::Event>, Error<<M as Machine>::Error>>>;

impl<M, IO> Connection<M, IO>
where
    M: Machine,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    pub(super) fn poll_state(&mut self, cx: &mut Context<'_>, room: Room) -> Polled<M> {
        for _ in 0..limits::STEPS {
            match &mut self.state {
                State::Open(_) => {}
                State::Handshake(..) => match ready!(self.poll_handshake(cx)) {
                    Ok(()) => continue,
                    Err(error) => return self.fail(error),
                },
                State::Leaving(_) => return self.poll_leave(cx),
                State::Refused(_) => {
                    if let State::Refused(error) = std::mem::replace(&mut self.state, State::Over) {
                        return self.fail(error);
                    }
                }
                State::Over => return Poll::Ready(Ok(Turn::Closed)),
            }
            if let Some(event) = self.held.take() {
                return Poll::Ready(Ok(Turn::Event(*event)));
            }
            match self.advance(cx, room) {
                Advance::Tell(turn) => return Poll::Ready(Ok(turn)),
                Advance::On => {}
                Advance::Wait => match self.wait(cx) {
                    Wait::Again => {}
                    Wait::Sleep => return Poll::Pending,
                    Wait::Fail(error) => return self.fail(error),
                },
                Advance::Fail(error) => return self.fail(error),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// One step of the machine and what it asks for.
    fn advance(&mut self, cx: &mut Context<'_>, room: Room) -> Advance<M::Event, M::Error> {
        // A server whose peer does not read takes no further command.
        if M::SIDE == Side::Server && !self.has_room() {
            let _ = self.poll_write(cx);
            if !self.has_room() {
                return Advance::Wait;
            }
        }
        match self.machine.step(&mut self.input) {
            Step::Transmit(octets) => {
                if let Some(trace) = &mut self.trace {
                    trace.octets(M::SIDE, &octets);
                }
                if self.mute.is_none() {
                    self.queue.push(octets);
                }
                Advance::On
            }
            Step::Event(event) => Advance::Tell(Turn::Event(event)),
            Step::NeedAnswer => Advance::Fail(Error::Unanswered),
            Step::NeedInput => {
                let _ = self.poll_write(cx);
                if self.ended {
                    self.leave(Ok(()));
                    return Advance::On;
                }
                self.read_or_wait(cx)
            }
            Step::NeedBody => {
                let _ = self.poll_write(cx);
                if M::SIDE == Side::Client && !self.ended {
                    match self.read_or_wait(cx) {
                        Advance::Wait => {}
                        other => return other,
                    }
                }
                match self.mute {
                    Some(kind) => Advance::Fail(Error::Io(kind)),
                    None if room == Room::Told && self.has_room() => Advance::Tell(Turn::Room),
                    None => Advance::Wait,
                }
            }
            Step::StartTls => self.start_tls(cx),
            Step::StartDeflate => match self.poll_write(cx) {
                Poll::Pending => Advance::Wait,
                Poll::Ready(()) => Advance::Fail(Error::NoDeflate),
            },
            Step::Close(result) => {
                self.leave(result.map_err(Error::Protocol));
                Advance::On
            }
        }
    }

    /// The barrier before TLS: everything of ours is out, and nothing of theirs is in.
    fn start_tls(&mut self, cx: &mut Context<'_>) -> Advance<M::Event, M::Error> {
        if self.poll_write(cx).is_pending() {
            return Advance::Wait;
        }
        if let Some(kind) = self.mute {
            return Advance::Fail(Error::Io(kind));
        }
        if !self.input.is_empty() {
            return Advance::Fail(Error::Injected);
        }
        let State::Open(stream) = std::mem::replace(&mut self.state, State::Over) else {
            return Advance::On;
        };
        let handshake = stream
            .into_tap()
            .and_then(|tap| Handshake::new(tap, &self.tls, Start::Explicit));
        match handshake {
            None => Advance::Fail(Error::NoTls),
            Some(handshake) => {
                self.state = State::Handshake(Box::new(handshake), Start::Explicit);
                Advance::On
            }
        }
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error<M::Error>>> {
        let State::Handshake(handshake, start) = &mut self.state else {
            return Poll::Ready(Ok(()));
        };
        let start = *start;
        match handshake.poll(cx) {
            Poll::Pending => {
                ready!(self.clock.poll(cx, Awaited::Handshake(self.tls.limit()), 0));
                Poll::Ready(Err(Error::HandshakeTimeout))
            }
            Poll::Ready(Outcome::Done(stream)) => {
                self.clock.stop();
                self.fresh = false;
                if let Some(info) = stream.tls_info() {
                    if let Some(trace) = &mut self.trace {
                        trace.tls_started(&info);
                    }
                    self.machine.tls_started(info);
                }
                self.state = State::Open(stream);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Outcome::Failed(error, stream)) => {
                self.clock.stop();
                let hint = match (start, &error) {
                    (Start::Implicit, HandshakeError::NotTls(spoken)) if spoken.is_text() => {
                        self.tls.hint().cloned()
                    }
                    _ => None,
                };
                let Some(stream) = stream.filter(|_| M::SIDE == Side::Server) else {
                    return Poll::Ready(Err(Error::Handshake(error)));
                };
                // From here the socket is closed and drained, never written to in clear: only the
                // hint goes out, in place of a handshake that has not begun.
                let stage = if hint.is_some() {
                    Stage::Flush
                } else {
                    Stage::Shutdown
                };
                self.queue.clear();
                hint.into_iter().for_each(|line| self.queue.push(line));
                let result = Err(Error::Handshake(error));
                self.state = State::Leaving(Leaving {
                    stream,
                    result,
                    stage,
                });
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Waits for what the peer owes: room in the socket, or its next element.
    fn wait(&mut self, cx: &mut Context<'_>) -> Wait<M::Error> {
        if !self.queue.is_flushed() {
            let awaited = Awaited::Room(self.limits.write_stall, self.limits.write_progress);
            let written = self.stream().map_or(0, Stream::octets_written);
            return match self.clock.poll(cx, awaited, written) {
                Poll::Pending => Wait::Sleep,
                Poll::Ready(()) => Wait::Fail(Error::WriteStalled),
            };
        }
        let Some(patience) = self.machine.patience() else {
            self.clock.stop();
            return Wait::Sleep;
        };
        match self
            .clock
            .poll(cx, Awaited::Element(patience), self.received)
        {
            Poll::Pending => Wait::Sleep,
            Poll::Ready(()) => {
                self.machine.handle_timeout();
                Wait::Again
            }
        }
    }

    /// Reads once. What waits in the socket is all read before anybody sleeps, for the next step
    /// comes back here; only then does the TLS library give up its own buffers.
    fn read_or_wait(&mut self, cx: &mut Context<'_>) -> Advance<M::Event, M::Error> {
        let State::Open(stream) = &mut self.state else {
            return Advance::On;
        };
        match (fill(stream, cx, &mut self.input), self.mute) {
            (Poll::Pending, Some(kind)) => Advance::Fail(Error::Io(kind)),
            (Poll::Pending, None) => {
                if self.input.is_empty() {
                    self.input = BytesMut::new();
                }
                self.queue.rest();
                Advance::Wait
            }
            (Poll::Ready(Ok(0)), _) => self.end(Eof::Clean),
            (Poll::Ready(Ok(octets)), _) => {
                self.received = self.received.saturating_add(octets as u64);
                if std::mem::take(&mut self.fresh)
                    && FirstOctets::of(&self.input).is_some_and(FirstOctets::is_tls)
                {
                    return Advance::Fail(Error::UnexpectedTls);
                }
                if let Some(trace) = &mut self.trace {
                    let from = match M::SIDE {
                        Side::Client => Side::Server,
                        Side::Server => Side::Client,
                    };
                    let old = self.input.len().saturating_sub(octets);
                    trace.octets(from, self.input.get(old..).unwrap_or_default());
                }
                Advance::On
            }
            (Poll::Ready(Err(error)), _) => match end_of(error.kind()) {
                Some(how) => self.end(how),
                None => Advance::Fail(Error::Io(error.kind())),
            },
        }
    }

    fn end(&mut self, how: Eof) -> Advance<M::Event, M::Error> {
        self.ended = true;
        self.machine.handle_eof(how);
        Advance::On
    }

    /// Ready when nothing is queued any more. A failure ends writing: a server gives up then, a
    /// client first reads what the peer had to say.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let State::Open(stream) = &mut self.state else {
            return Poll::Ready(());
        };
        if let Err(error) = ready!(self.queue.poll_flush(cx, stream)) {
            self.mute = Some(error.kind());
            self.queue.clear();
        }
        Poll::Ready(())
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error<M::Error>>> {
        self.clock.resume();
        loop {
            match &mut self.state {
                State::Open(_) => {}
                State::Handshake(..) => match ready!(self.poll_handshake(cx)) {
                    Ok(()) => continue,
                    Err(error) => return self.fail(error).map_ok(|_| ()),
                },
                State::Leaving(_) | State::Refused(_) | State::Over => return Poll::Ready(Ok(())),
            }
            // What the machine has to say comes out by steps; an event that comes first is kept.
            while self.held.is_none() && self.has_room() {
                match self.machine.step(&mut self.input) {
                    Step::Transmit(octets) => {
                        if let Some(trace) = &mut self.trace {
                            trace.octets(M::SIDE, &octets);
                        }
                        self.queue.push(octets);
                    }
                    Step::Event(event) => self.held = Some(Box::new(event)),
                    _ => break,
                }
            }
            let was_full = !self.has_room();
            match (self.poll_write(cx), self.mute) {
                (Poll::Ready(()), Some(kind)) => return self.fail(Error::Io(kind)).map_ok(|_| ()),
                (Poll::Ready(()), None) if was_full => {}
                (Poll::Ready(()), None) => return Poll::Ready(Ok(())),
                (Poll::Pending, _) => match self.wait(cx) {
                    Wait::Again => {}
                    Wait::Sleep => return Poll::Pending,
                    Wait::Fail(error) => return self.fail(error).map_ok(|_| ()),
                },
            }
        }
    }

    fn leave(&mut self, result: Result<(), Error<M::Error>>) {
        if let State::Open(stream) = std::mem::replace(&mut self.state, State::Over) {
            self.state = State::Leaving(Leaving {
                stream,
                result,
                stage: Stage::Flush,
            });
        }
    }

    /// Flushes, closes in order (`close_notify`, then FIN), and on a server reads on for a moment:
    /// closing a socket that holds unread octets sends a reset, which eats the last reply.
    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Polled<M> {
        let State::Leaving(Leaving {
            stream,
            result,
            stage,
        }) = &mut self.state
        else {
            return Poll::Ready(Ok(Turn::Closed));
        };
        loop {
            match *stage {
                Stage::Flush => match self.queue.poll_flush(cx, stream) {
                    Poll::Ready(Ok(())) => *stage = Stage::Shutdown,
                    Poll::Ready(Err(_)) => break,
                    Poll::Pending => {
                        let Limits {
                            write_stall,
                            write_progress,
                            ..
                        } = self.limits;
                        let awaited = Awaited::Room(write_stall, write_progress);
                        ready!(self.clock.poll(cx, awaited, stream.octets_written()));
                        if result.is_ok() {
                            *result = Err(Error::WriteStalled);
                        }
                        break;
                    }
                },
                Stage::Shutdown => match Pin::new(&mut *stream).poll_shutdown(cx) {
                    Poll::Ready(Ok(())) if M::SIDE == Side::Server && !self.ended => {
                        *stage = Stage::Drain(limits::DRAIN_OCTETS);
                    }
                    Poll::Ready(_) => break,
                    Poll::Pending => {
                        ready!(self.clock.poll(cx, Awaited::End(self.limits.drain_time), 0));
                        break;
                    }
                },
                Stage::Drain(left) => match discard(stream, cx) {
                    Poll::Ready(Ok(octets)) if octets > 0 && octets < left => {
                        *stage = Stage::Drain(left - octets);
                    }
                    Poll::Ready(_) => break,
                    Poll::Pending => {
                        ready!(self.clock.poll(cx, Awaited::End(self.limits.drain_time), 0));
                        break;
                    }
                },
            }
        }
        let result = std::mem::replace(result, Ok(()));
        self.finish();
        Poll::Ready(result.map(|()| Turn::Closed))
    }

    fn fail(&mut self, error: Error<M::Error>) -> Polled<M> {
        self.finish();
        Poll::Ready(Err(error))
    }

    fn finish(&mut self) {
        self.state = State::Over;
        self.input = BytesMut::new();
        self.queue.clear();
        self.held = None;
        self.clock.stop();
    }
}

enum Advance<E, X: std::error::Error + 'static> {
    Tell(Turn<E>),
    On,
    Wait,
    Fail(Error<X>),
}

/// Appends one read to `input`. The octets pass through the stack, so that an idle connection
/// holds no buffer.
#[inline(never)]
fn fill<IO: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut Stream<IO>,
    cx: &mut Context<'_>,
    input: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    let mut space = [MaybeUninit::uninit(); limits::READ];
    let mut buf = ReadBuf::uninit(&mut space);
    ready!(Pin::new(stream).poll_read(cx, &mut buf))?;
    input.extend_from_slice(buf.filled());
    Poll::Ready(Ok(buf.filled().len()))
}

#[inline(never)]
fn discard<IO: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut Stream<IO>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut space = [MaybeUninit::uninit(); 4096];
    let mut buf = ReadBuf::uninit(&mut space);
    ready!(Pin::new(stream).poll_read(cx, &mut buf))?;
    Poll::Ready(Ok(buf.filled().len()))
}
