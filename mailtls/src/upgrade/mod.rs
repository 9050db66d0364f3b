//! From a socket and its unread octets to a TLS stream, or a typed refusal.
//!
//! Two attacks end here. *Injection* (RFC 3207 §4.2, CVE-2011-0411): octets that came in clear
//! behind the command or reply that starts TLS are refused, a second time, after the machine has
//! refused them. *Downgrade by failure*: after a failed handshake the socket is never written to
//! in clear again; nothing here gives it back.

mod error;
mod handshake;
mod tls;

use tokio::io::{AsyncRead, AsyncWrite};

pub use error::{HandshakeError, TlsFault};
pub(crate) use handshake::{Handshake, Outcome, Recorder, Start};
pub(crate) use tls::Role;
pub use tls::{Handshakes, Tls};

use crate::stream::{Stream, Tap};

/// Why an upgrade did not come about.
///
/// ```
/// use mailtls::upgrade::UpgradeError;
/// assert_eq!(UpgradeError::TimedOut.to_string(), "the TLS handshake was not finished in time");
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum UpgradeError {
    /// The handshake failed.
    #[error(transparent)]
    Handshake(HandshakeError),
    /// Octets stood in clear behind the start of TLS.
    #[error("octets were sent in clear behind the start of TLS")]
    Injected,
    /// There is nothing to upgrade with.
    #[error("no TLS to start")]
    NoTls,
    /// The handshake took longer than [`Tls::handshake_within`] allows.
    #[error("the TLS handshake was not finished in time")]
    TimedOut,
}

/// Runs the handshake that follows STARTTLS or STLS.
///
/// `input` is what was read from the socket and not used: it must be empty.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use mailtls::{Tls, upgrade::{UpgradeError, upgrade}};
/// let (ours, _theirs) = tokio::io::duplex(64);
/// let refused = upgrade(ours, b"EHLO injected\r\n", &Tls::none()).await.unwrap_err();
/// assert_eq!(refused, UpgradeError::Injected);
/// # });
/// ```
///
/// # Errors
///
/// [`UpgradeError`]. The socket is closed then.
///
/// # Cancel safety
///
/// Dropping the future closes the socket.
pub async fn upgrade<IO>(io: IO, input: &[u8], tls: &Tls) -> Result<Stream<IO>, UpgradeError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    if !input.is_empty() {
        return Err(UpgradeError::Injected);
    }
    run(io, tls, Start::Explicit).await
}

/// Runs the handshake that begins a connection on a port for implicit TLS (RFC 8314 §3).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use mailtls::{Tls, upgrade::{UpgradeError, implicit}};
/// let (ours, _theirs) = tokio::io::duplex(64);
/// assert_eq!(implicit(ours, &Tls::none()).await.unwrap_err(), UpgradeError::NoTls);
/// # });
/// ```
///
/// # Errors
///
/// [`UpgradeError`]. The socket is closed then.
///
/// # Cancel safety
///
/// Dropping the future closes the socket.
pub async fn implicit<IO>(io: IO, tls: &Tls) -> Result<Stream<IO>, UpgradeError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    run(io, tls, Start::Implicit).await
}

async fn run<IO>(io: IO, tls: &Tls, start: Start) -> Result<Stream<IO>, UpgradeError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let Some(mut handshake) = Handshake::new(Tap::new(io), tls, start) else {
        return Err(UpgradeError::NoTls);
    };
    let polled = std::future::poll_fn(|cx| handshake.poll(cx));
    match tokio::time::timeout(tls.limit(), polled).await {
        Err(_) => Err(UpgradeError::TimedOut),
        Ok(Outcome::Failed(error, _stream)) => Err(UpgradeError::Handshake(error)),
        Ok(Outcome::Done(stream)) => Ok(stream),
    }
}
