//! A connection in clear text or under TLS; nothing above it knows which.
//!
//! ```text
//!   Stream ─┬─ plain ─────────────────────────► Tap ─► socket
//!           └─ TLS (tokio-rustls) ────────────► Tap ─► socket
//! ```
//!
//! The attack it stops is truncation (RFC 8446 §6.1): whoever sits in the middle can end a TCP
//! connection, and a message that ends there must not be taken for a whole one. So an end without
//! `close_notify` is an error of kind [`io::ErrorKind::UnexpectedEof`], and [`end_of`] tells the
//! errors that are ends from those that are not.

mod binding;
mod facts;
mod tap;

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use mailwire_core::machine::{Eof, TlsInfo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream;

pub use binding::end_point;
pub(crate) use facts::{Facts, Session};
pub(crate) use tap::Tap;

/// A byte stream that is in clear text or under TLS.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use mailtls::Stream;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// let (ours, mut theirs) = tokio::io::duplex(64);
/// let mut stream = Stream::plain(ours);
/// assert!(!stream.is_tls());
/// theirs.write_all(b"220 hi").await?;
/// let mut greeting = [0; 6];
/// stream.read_exact(&mut greeting).await?;
/// assert_eq!((&greeting, stream.octets_read()), (b"220 hi", 6));
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct Stream<IO>(Layer<IO>);

enum Layer<IO> {
    Plain(Tap<IO>),
    Tls(Box<Secured<IO>>),
}

struct Secured<IO> {
    stream: TlsStream<Tap<IO>>,
    facts: Facts,
}

impl<IO> Stream<IO> {
    /// A connection in clear text.
    #[must_use]
    pub fn plain(io: IO) -> Self {
        Self(Layer::Plain(Tap::new(io)))
    }

    /// The layer below, where the stream is in clear text.
    pub(crate) fn into_tap(self) -> Option<Tap<IO>> {
        match self.0 {
            Layer::Plain(tap) => Some(tap),
            Layer::Tls(_) => None,
        }
    }

    pub(crate) fn of_tap(tap: Tap<IO>) -> Self {
        Self(Layer::Plain(tap))
    }

    pub(crate) fn tls(stream: TlsStream<Tap<IO>>, facts: Facts) -> Self {
        Self(Layer::Tls(Box::new(Secured { stream, facts })))
    }

    /// Whether TLS protects it.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        matches!(self.0, Layer::Tls(_))
    }

    /// The socket below, for its addresses and options. Reading from it or writing to it would
    /// spoil the layers above.
    #[must_use]
    pub fn socket(&self) -> &IO {
        self.tap().socket()
    }

    /// Octets that came from the socket, before decryption.
    #[must_use]
    pub fn octets_read(&self) -> u64 {
        self.tap().octets_read()
    }

    /// Octets that went to the socket, after encryption.
    #[must_use]
    pub fn octets_written(&self) -> u64 {
        self.tap().octets_written()
    }

    /// Gives the socket back, where the stream is in clear text.
    ///
    /// # Errors
    ///
    /// The stream itself, where it is under TLS: octets of the session would be lost.
    pub fn into_socket(self) -> Result<IO, Self> {
        match self.0 {
            Layer::Plain(tap) => tap.into_socket().map_err(Self::of_tap),
            tls @ Layer::Tls(_) => Err(Self(tls)),
        }
    }

    /// What is known about the TLS session; `None` in clear text.
    #[must_use]
    pub fn tls_info(&self) -> Option<TlsInfo> {
        let Layer::Tls(secured) = &self.0 else {
            return None;
        };
        secured.facts.info(match &secured.stream {
            TlsStream::Client(stream) => Session::Client(stream.get_ref().1),
            TlsStream::Server(stream) => Session::Server(stream.get_ref().1),
        })
    }

    fn tap(&self) -> &Tap<IO> {
        match &self.0 {
            Layer::Plain(tap) => tap,
            Layer::Tls(secured) => secured.stream.get_ref().0,
        }
    }
}

impl<IO> fmt::Debug for Stream<IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("tls", &self.is_tls())
            .finish_non_exhaustive()
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Layer::Plain(tap) => Pin::new(tap).poll_read(cx, buf),
            Layer::Tls(secured) => Pin::new(&mut secured.stream).poll_read(cx, buf),
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Layer::Plain(tap) => Pin::new(tap).poll_write(cx, buf),
            Layer::Tls(secured) => Pin::new(&mut secured.stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Layer::Plain(tap) => Pin::new(tap).poll_write_vectored(cx, bufs),
            Layer::Tls(secured) => Pin::new(&mut secured.stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Layer::Plain(tap) => tap.is_write_vectored(),
            Layer::Tls(secured) => secured.stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Layer::Plain(tap) => Pin::new(tap).poll_flush(cx),
            Layer::Tls(secured) => Pin::new(&mut secured.stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Layer::Plain(tap) => Pin::new(tap).poll_shutdown(cx),
            Layer::Tls(secured) => Pin::new(&mut secured.stream).poll_shutdown(cx),
        }
    }
}

/// What an error of a read says about the end of the peer's octets; `None` where it is no end but
/// a fault, such as a record that does not decrypt.
///
/// ```
/// use mailtls::stream::end_of;
/// use mailwire_core::machine::Eof;
/// assert_eq!(end_of(std::io::ErrorKind::UnexpectedEof), Some(Eof::Truncated));
/// assert_eq!(end_of(std::io::ErrorKind::InvalidData), None);
/// ```
#[must_use]
pub const fn end_of(error: io::ErrorKind) -> Option<Eof> {
    match error {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::TimedOut
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown => Some(Eof::Truncated),
        _ => None,
    }
}
