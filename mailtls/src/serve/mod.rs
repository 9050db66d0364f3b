//! The accept loop that any mail server needs.
//!
//! ```text
//!   listeners ──► accept ──► caps ──► task: your handler ──► one log line
//!       ▲            │ no descriptors: pause               ▲
//!     stop           └ over a cap: refusal, close          └ a panic ends here
//! ```
//!
//! It accepts, counts, refuses, contains and stops; what a connection says is the handler's. A
//! handler usually makes a [`Connection`](crate::Connection) and runs it to its end:
//!
//! ```
//! # use mailtls::serve::{Accepted, Summary};
//! # use tokio::net::TcpStream;
//! async fn handler(accepted: Accepted<TcpStream>) -> Summary {
//!     let mut stop = accepted.stop.clone();
//!     // let mut connection = Connection::new(accepted.io, machine, tls);
//!     // loop { select! { event = connection.next_event() => ..,
//!     //                  () = stop.stopped() => connection.machine().shutdown() } }
//!     # drop(accepted.io);
//!     # let _ = &mut stop;
//!     Summary::default().count("messages", 1)
//! }
//! ```
//!
//! Not supported yet: the PROXY protocol, and sniffing before the handler (the driver and the
//! handshake do that, and their errors name what was found).

mod accept;
mod caps;
mod stop;
mod summary;

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;

use self::caps::Caps;
pub use self::{
    accept::Incoming,
    caps::{Counters, Slot},
    stop::{Stop, Stopped, stop},
    summary::Summary,
};
use crate::limits;

/// What a server listens on.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(async {
/// use mailtls::serve::Listener;
/// let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let listener = Listener::new("submission", socket)
///     .refusing("421 4.3.2 too many connections, try again later\r\n");
/// assert_eq!(listener.service(), "submission");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct Listener<L> {
    service: Arc<str>,
    incoming: L,
    refusal: Bytes,
}

impl<L> Listener<L> {
    /// A listener for the service of this name.
    pub fn new(service: impl Into<Arc<str>>, incoming: L) -> Self {
        Self {
            service: service.into(),
            incoming,
            refusal: Bytes::new(),
        }
    }

    /// What those are told who come when a cap is reached; with its CRLF. Without it, and on a
    /// port for implicit TLS where nobody could read it, they are only disconnected.
    #[must_use]
    pub fn refusing(mut self, line: impl Into<Bytes>) -> Self {
        self.refusal = line.into();
        self
    }

    /// The name of the service.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }
}

impl<L> fmt::Debug for Listener<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// The bounds of a server.
///
/// ```
/// let mut limits = mailtls::serve::Limits::default();
/// limits.per_address = 10;
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Connections at once, over all listeners.
    pub connections: usize,
    /// Connections at once from one address (IPv4 /32, IPv6 /64).
    pub per_address: usize,
    /// Time that open connections get to finish after a stop.
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: limits::CONNECTIONS,
            per_address: limits::CONNECTIONS_PER_ADDRESS,
            stop: limits::STOP,
        }
    }
}

/// A connection that was accepted.
#[non_exhaustive]
#[derive(Debug)]
pub struct Accepted<IO> {
    /// The socket.
    pub io: IO,
    /// The name of the service it came to.
    pub service: Arc<str>,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// A number that no other connection of this server has, for logs.
    pub id: u64,
    /// Tells when the server stops: finish what is in flight then, and close.
    pub stop: Stopped,
}

/// How a server ended.
///
/// ```
/// # fn show(served: mailtls::serve::Served) {
/// assert_eq!(served.cut_off, 0, "all connections finished in time");
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Served {
    /// Connections that were handed to the handler.
    pub accepted: u64,
    /// Connections that a cap refused.
    pub refused: u64,
    /// Handlers that panicked.
    pub panicked: u64,
    /// Connections that had not finished when the time for it was over.
    pub cut_off: usize,
}

/// Listeners, caps and a count.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use mailtls::serve::{Accepted, Limits, Listener, Server, Summary, stop};
/// use tokio::net::{TcpListener, TcpStream};
/// let (stop, stopped) = stop();
/// let mut server = Server::new(Limits::default());
/// server.listen(Listener::new("smtp", TcpListener::bind("127.0.0.1:0").await?));
/// stop.now();
/// let served = server.run(stopped, async |_: Accepted<TcpStream>| Summary::default()).await;
/// assert_eq!(served.accepted, 0);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Server<L> {
    listeners: Vec<Listener<L>>,
    limits: Limits,
    caps: Caps,
}

impl<L: Incoming> Server<L> {
    /// A server without listeners.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            listeners: Vec::new(),
            limits,
            caps: Caps::new(limits),
        }
    }

    /// Adds a listener. It is polled when the server runs.
    pub fn listen(&mut self, listener: Listener<L>) {
        self.listeners.push(listener);
    }

    /// The counts, for metrics; they go on counting while the server runs.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.caps.counters()
    }
}
