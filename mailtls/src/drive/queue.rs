//! What is on its way to the peer.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::stream::Stream;

/// Slices of one vectored write.
const SLICES: usize = 32;

#[derive(Default)]
pub(super) struct Queue {
    chunks: VecDeque<Bytes>,
    octets: usize,
    /// Whether octets were written that a layer below may still hold.
    unflushed: bool,
}

impl Queue {
    pub(super) fn push(&mut self, octets: Bytes) {
        if !octets.is_empty() {
            self.octets = self.octets.saturating_add(octets.len());
            self.chunks.push_back(octets);
        }
    }

    pub(super) const fn octets(&self) -> usize {
        self.octets
    }

    /// Whether everything has reached the socket.
    pub(super) const fn is_flushed(&self) -> bool {
        self.octets == 0 && !self.unflushed
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Lets the memory go while nothing is on its way.
    pub(super) fn rest(&mut self) {
        if self.chunks.is_empty() {
            self.chunks = VecDeque::new();
        }
    }

    pub(super) fn into_chunks(self) -> Vec<Bytes> {
        self.chunks.into()
    }

    /// Ready when everything has reached the socket.
    pub(super) fn poll_flush<IO: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream<IO>,
    ) -> Poll<io::Result<()>> {
        while self.octets > 0 {
            let written = ready!(self.poll_write(cx, stream))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.take(written);
        }
        if self.unflushed {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        if self.chunks.capacity() > SLICES {
            // A burst of replies must not cost an idle connection its memory.
            self.chunks = VecDeque::new();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write<IO: AsyncRead + AsyncWrite + Unpin>(
        &self,
        cx: &mut Context<'_>,
        stream: &mut Stream<IO>,
    ) -> Poll<io::Result<usize>> {
        if !stream.is_write_vectored() {
            let first = self.chunks.front().map(Bytes::chunk).unwrap_or_default();
            return Pin::new(stream).poll_write(cx, first);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut used = 0;
        for (slot, chunk) in slices.iter_mut().zip(&self.chunks) {
            *slot = IoSlice::new(chunk);
            used += 1;
        }
        Pin::new(stream).poll_write_vectored(cx, slices.get(..used).unwrap_or_default())
    }

    fn take(&mut self, mut written: usize) {
        self.octets = self.octets.saturating_sub(written);
        while let Some(first) = self.chunks.front_mut() {
            if first.len() > written {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.chunks.pop_front();
        }
    }
}
