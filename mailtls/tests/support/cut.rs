//! A socket whose reads and writes are cut at random, and futures that are dropped at random.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A small generator, so that a seed is the whole description of a run.
#[derive(Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// Passes at most so many octets at once, and sometimes none.
pub(crate) struct Cut<IO> {
    io: IO,
    dice: Dice,
    most: usize,
}

impl<IO> Cut<IO> {
    pub(crate) fn new(io: IO, seed: u64, most: usize) -> Self {
        Self {
            io,
            dice: Dice::new(seed),
            most,
        }
    }

    fn share(&mut self, cx: &Context<'_>) -> Option<usize> {
        if self.dice.roll(4) == 0 {
            cx.waker().wake_by_ref();
            return None;
        }
        Some(1 + self.dice.roll(self.most))
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Cut<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(share) = self.share(cx) else {
            return Poll::Pending;
        };
        let mut part = vec![0; share.min(buf.remaining())];
        let mut part = ReadBuf::new(&mut part);
        let polled = Pin::new(&mut self.io).poll_read(cx, &mut part);
        buf.put_slice(part.filled());
        polled
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Cut<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(share) = self.share(cx) else {
            return Poll::Pending;
        };
        Pin::new(&mut self.io).poll_write(cx, &buf[..share.min(buf.len())])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Polls `future` at most `polls` times and then drops it: `None`.
pub(crate) async fn impatient<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = polls;
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

/// What passes through a [`Wire`], and how it ends.
#[derive(Default)]
pub(crate) struct Tape {
    to_us: VecDeque<u8>,
    pub(crate) from_us: Vec<u8>,
    /// What a read gives when there is nothing more.
    end: Option<io::ErrorKind>,
    closed: bool,
    pub(crate) shut_down: bool,
    reader: Option<Waker>,
    /// Octets that a write may still take.
    pub(crate) room: usize,
    writer: Option<Waker>,
}

/// A socket whose other end is the test itself.
pub(crate) struct Wire(Arc<Mutex<Tape>>);

/// The test's end.
#[derive(Clone)]
pub(crate) struct Hand(Arc<Mutex<Tape>>);

pub(crate) fn wire() -> (Wire, Hand) {
    let tape = Arc::new(Mutex::new(Tape {
        room: usize::MAX,
        ..Tape::default()
    }));
    (Wire(Arc::clone(&tape)), Hand(tape))
}

impl Hand {
    pub(crate) fn say(&self, octets: &[u8]) {
        let mut tape = self.0.lock().unwrap();
        tape.to_us.extend(octets);
        tape.reader.take().into_iter().for_each(Waker::wake);
    }

    /// Closes in order.
    pub(crate) fn close(&self) {
        let mut tape = self.0.lock().unwrap();
        tape.closed = true;
        tape.reader.take().into_iter().for_each(Waker::wake);
    }

    /// Ends with an error.
    pub(crate) fn reset(&self) {
        self.0.lock().unwrap().end = Some(io::ErrorKind::ConnectionReset);
        self.close();
    }

    pub(crate) fn set_room(&self, room: usize) {
        let mut tape = self.0.lock().unwrap();
        tape.room = room;
        tape.writer.take().into_iter().for_each(Waker::wake);
    }

    /// What was written, once.
    pub(crate) fn heard(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap().from_us)
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        self.0.lock().unwrap().shut_down
    }

    /// Whether the other end was dropped.
    pub(crate) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut tape = self.0.lock().unwrap();
        if tape.to_us.is_empty() {
            if tape.closed {
                return Poll::Ready(tape.end.map_or(Ok(()), |end| Err(end.into())));
            }
            tape.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let fits = tape.to_us.len().min(buf.remaining());
        let part: Vec<u8> = tape.to_us.drain(..fits).collect();
        buf.put_slice(&part);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut tape = self.0.lock().unwrap();
        if tape.room == 0 {
            tape.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let fits = buf.len().min(tape.room);
        tape.room -= fits;
        tape.from_us.extend(&buf[..fits]);
        Poll::Ready(Ok(fits))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().unwrap().shut_down = true;
        Poll::Ready(Ok(()))
    }
}
