//! Accepting, handing over, containing and stopping.

use std::{
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, Sleep, sleep, timeout},
};

use super::{Accepted, Listener, Served, Server, Stopped, Summary};
use crate::limits::{ACCEPT_PAUSE, ACCEPT_PAUSE_MAX};

/// Where connections come from: a TCP listener, or something of one's own.
pub trait Incoming: Send + 'static {
    /// A connection.
    type Io: Send + 'static;

    /// Waits for the next one.
    ///
    /// # Errors
    ///
    /// Those of `accept`: about one connection that is gone already, or about the system, which
    /// makes the loop pause.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Io, SocketAddr)>>;

    /// Writes what fits at once, without waiting: a refusal must cost nothing.
    fn refuse(io: Self::Io, line: &[u8]);
}

impl Incoming for TcpListener {
    type Io = TcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        Self::poll_accept(self, cx)
    }

    fn refuse(io: TcpStream, line: &[u8]) {
        // A fresh socket has room for a line; where it has none, the peer gets none.
        let _ = io.try_write(line);
    }
}

impl<L: Incoming> Server<L> {
    /// Accepts until `stopped`, runs `handler` for each connection in a task of its own, and waits
    /// for the tasks to finish, for [`Limits::stop`](super::Limits::stop) at most.
    ///
    /// A panic in a handler ends its connection and nothing else; it is counted and logged.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the listeners and cuts off the connections.
    pub async fn run<H, F>(self, mut stopped: Stopped, handler: H) -> Served
    where
        H: Fn(Accepted<L::Io>) -> F + Send + Sync + 'static,
        F: Future<Output = Summary> + Send + 'static,
    {
        let counters = self.counters();
        let handler = Arc::new(handler);
        let mut tasks = JoinSet::new();
        let mut listeners: Vec<_> = self.listeners.into_iter().map(Accepting::new).collect();
        loop {
            let accepted = tokio::select! {
                biased;
                () = stopped.stopped() => break,
                accepted = poll_fn(|cx| poll_listeners(&mut listeners, cx)) => accepted,
                Some(_) = tasks.join_next() => continue,
            };
            let (arrival, io, peer) = accepted;
            let Some(slot) = self.caps.admit(peer.ip()) else {
                tracing::warn!(service = &*arrival.service, %peer, "refused: too many connections");
                L::refuse(io, &arrival.refusal);
                continue;
            };
            let service = arrival.service;
            let stop = stopped.clone();
            let accepted = Accepted {
                io,
                service,
                peer,
                id: slot.id,
                stop,
            };
            let (handler, counters) = (Arc::clone(&handler), counters.clone());
            tasks.spawn(async move {
                let (service, id, begin) = (Arc::clone(&accepted.service), slot.id, Instant::now());
                match contained(|| handler(accepted)).await {
                    Some(summary) => {
                        summary.log(&service, id, peer, begin.elapsed().as_secs_f64());
                    }
                    None => {
                        counters.panic();
                        tracing::error!(service = &*service, id, %peer, "the handler panicked");
                    }
                }
                drop(slot);
            });
        }
        drop(listeners);
        let all = async { while tasks.join_next().await.is_some() {} };
        let cut_off = match timeout(self.limits.stop, all).await {
            Ok(()) => 0,
            Err(_) => {
                let left = tasks.len();
                tracing::warn!(
                    connections = left,
                    "stopped before all connections had finished"
                );
                tasks.shutdown().await;
                left
            }
        };
        Served {
            accepted: counters.accepted(),
            refused: counters.refused(),
            panicked: counters.panicked(),
            cut_off,
        }
    }
}

/// Runs a future whose panics end here.
async fn contained<F: Future>(make: impl FnOnce() -> F) -> Option<F::Output> {
    // What a panic left half done is dropped with the future, so nobody sees it.
    let future = catch_unwind(AssertUnwindSafe(make)).ok()?;
    let mut future = pin!(future);
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        },
    )
    .await
}

struct Accepting<L> {
    listener: Listener<L>,
    /// Set while the system has no room for another connection.
    pause: Option<Pin<Box<Sleep>>>,
    next_pause: Duration,
}

/// What a connection needs to know of the listener it came from.
struct Arrival {
    service: Arc<str>,
    refusal: bytes::Bytes,
}

impl<L> Accepting<L> {
    const fn new(listener: Listener<L>) -> Self {
        Self {
            listener,
            pause: None,
            next_pause: ACCEPT_PAUSE,
        }
    }
}

impl<L: Incoming> Accepting<L> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(L::Io, SocketAddr)> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match ready!(self.listener.incoming.poll_accept(cx)) {
                Ok(accepted) => {
                    self.next_pause = ACCEPT_PAUSE;
                    return Poll::Ready(accepted);
                }
                Err(error) if is_gone(error.kind()) => {}
                Err(error) => {
                    // Trying again at once would burn a processor until a descriptor is free.
                    if self.next_pause == ACCEPT_PAUSE {
                        let service = &*self.listener.service;
                        tracing::warn!(service, %error, "cannot accept connections, will try again");
                    }
                    self.pause = Some(Box::pin(sleep(self.next_pause)));
                    self.next_pause = self.next_pause.saturating_mul(2).min(ACCEPT_PAUSE_MAX);
                }
            }
        }
    }
}

/// Whether an error is about the one connection that was to be accepted.
const fn is_gone(error: io::ErrorKind) -> bool {
    matches!(
        error,
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::TimedOut
    )
}

fn poll_listeners<L: Incoming>(
    listeners: &mut [Accepting<L>],
    cx: &mut Context<'_>,
) -> Poll<(Arrival, L::Io, SocketAddr)> {
    for at in 0..listeners.len() {
        let Some(accepting) = listeners.get_mut(at) else {
            break;
        };
        if let Poll::Ready((io, peer)) = accepting.poll(cx) {
            let arrival = Arrival {
                service: Arc::clone(&accepting.listener.service),
                refusal: accepting.listener.refusal.clone(),
            };
            // The next one to look at is the one behind, so that none is starved.
            listeners.rotate_left(at.saturating_add(1));
            return Poll::Ready((arrival, io, peer));
        }
    }
    Poll::Pending
}
