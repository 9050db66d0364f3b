//! The lowest layer: counts octets, and remembers the first ones so that a failure can be named.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Enough to tell the protocols apart.
const FIRST: usize = 16;

pub(crate) struct Tap<IO> {
    io: IO,
    /// Octets that were looked at before their reader existed.
    unread: Bytes,
    first: [u8; FIRST],
    read: u64,
    written: u64,
}

impl<IO> Tap<IO> {
    pub(crate) const fn new(io: IO) -> Self {
        Self {
            io,
            unread: Bytes::new(),
            first: [0; FIRST],
            read: 0,
            written: 0,
        }
    }

    /// Forgets what was read so far, because another protocol begins here.
    pub(crate) fn restart(&mut self) -> u64 {
        std::mem::take(&mut self.read)
    }

    /// Adds what was counted before [`Tap::restart`].
    pub(crate) fn add_read(&mut self, before: u64) {
        self.read = self.read.saturating_add(before);
    }

    /// Puts octets back, to be read again.
    pub(crate) fn unread(&mut self, octets: Bytes) {
        self.unread = octets;
    }

    /// The octets that came first.
    pub(crate) fn first(&self) -> &[u8] {
        let seen = usize::try_from(self.read).unwrap_or(FIRST).min(FIRST);
        self.first.get(..seen).unwrap_or_default()
    }

    pub(crate) const fn octets_read(&self) -> u64 {
        self.read
    }

    pub(crate) const fn octets_written(&self) -> u64 {
        self.written
    }

    pub(crate) const fn socket(&self) -> &IO {
        &self.io
    }

    /// The socket, unless octets of it are still here.
    pub(crate) fn into_socket(self) -> Result<IO, Self> {
        if self.unread.is_empty() {
            Ok(self.io)
        } else {
            Err(self)
        }
    }

    fn count(&mut self, octets: &[u8]) {
        if let Some(seen) = usize::try_from(self.read).ok().filter(|seen| *seen < FIRST) {
            let free = self.first.iter_mut().skip(seen);
            free.zip(octets).for_each(|(slot, octet)| *slot = *octet);
        }
        self.read = self.read.saturating_add(octets.len() as u64);
    }

    fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(octets)) = written {
            self.written = self.written.saturating_add(octets as u64);
        }
        written
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Tap<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.unread.is_empty() {
            let fits = self.unread.len().min(buf.remaining());
            buf.put_slice(&self.unread.split_to(fits));
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if polled.is_ready() {
            self.count(buf.filled().get(before..).unwrap_or_default());
        }
        polled
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Tap<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
