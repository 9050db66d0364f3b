//! The mail server: from [`Prepared`] to the end of the last connection.
//!
//! What each room does:
//!
//! | module | what it is |
//! |---|---|
//! | [`options`] | the command line |
//! | [`startup`] | every check before anything starts, and the start |
//! | [`announce`] | what is printed when it is ready |
//! | [`smtp`] | SMTP, submission and LMTP against accounts, recipients and store |
//! | [`imap`] | IMAP against accounts and store |
//! | [`pop3`] | POP3 against accounts and store |
//! | [`login`] | SASL against the accounts, for all of them |

pub mod announce;
pub mod imap;
pub mod login;
pub mod options;
pub mod pop3;
pub mod smtp;
pub mod startup;

mod services;

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    time::{Duration, Instant},
};

use mailtls::{
    certs::{CertStore, Outcome},
    serve::{Served, Stopped, Summary},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    time::Sleep,
};

use self::{services::Services, startup::Prepared};
use crate::{accounts::Accounts, config::Service, recipients::Recipients, store::Mailstore};

/// Time from the greeting to the login on services that need one. RFC 1939 §3 lets a POP3 client
/// be silent for ten minutes; one that has not logged in holds a place that others want.
const LOGIN: Duration = Duration::from_secs(180);

/// How often what killed deliveries have left is looked for.
const SWEEP: Duration = Duration::from_secs(6 * 60 * 60);

/// What the sessions of all services share.
#[derive(Debug)]
#[non_exhaustive]
pub struct Shared {
    /// The name in trace fields.
    pub hostname: String,
    /// Who may log in.
    pub accounts: Accounts,
    /// Whose mail is ours.
    pub recipients: Recipients,
    /// Where mail is kept.
    pub store: Mailstore,
    /// Octets of a message that a client may append.
    pub message_size: u64,
    /// What IMAP sessions share of the mailboxes that they have open.
    pub translations: imap::Translations,
}

/// A server whose sockets and TLS are set up and which only has to run.
#[derive(Debug)]
pub struct Ready {
    services: Services,
    server: mailtls::serve::Server<TcpListener>,
    certs: CertStore,
    store: Mailstore,
}

impl Ready {
    /// Hands the sockets to the runtime and makes the TLS configurations.
    ///
    /// # Errors
    ///
    /// A socket that the runtime cannot take, or a TLS configuration that cannot be made.
    pub fn new(prepared: Prepared) -> io::Result<Self> {
        let (certs, store) = (prepared.certs.clone(), prepared.store.clone());
        let (services, server) = Services::start(prepared)?;
        Ok(Self {
            services,
            server,
            certs,
            store,
        })
    }

    /// Serves one connection that no listener accepted, as `service` with the TLS that is usual for
    /// it: one of an init system, or a pipe in memory.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cuts the connection.
    pub fn serve<IO>(
        &self,
        service: Service,
        io: IO,
        peer: IpAddr,
        stop: Stopped,
    ) -> impl Future<Output = Summary> + use<IO>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let services = self.services.clone();
        async move { services.serve(service.name(), io, peer, stop).await }
    }

    /// Serves until `stopped`, then lets open sessions end, for as long as the configuration says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cuts all connections; what was answered 250 is on disk by then.
    pub async fn run(self, stopped: Stopped) -> Served {
        let begin = Instant::now();
        let sweeping = tokio::spawn(sweep(self.store));
        let reloading = tokio::spawn(reload(self.certs));
        let services = self.services;
        let handler = move |accepted| services.clone().handle(accepted);
        let served = self.server.run(stopped, handler).await;
        sweeping.abort();
        reloading.abort();
        tracing::info!(
            accepted = served.accepted,
            refused = served.refused,
            panicked = served.panicked,
            cut_off = served.cut_off,
            seconds = begin.elapsed().as_secs(),
            "stopped"
        );
        served
    }
}

/// Ctrl-C and SIGTERM.
#[derive(Debug)]
pub struct EndSignal {
    interrupt: Signal,
    terminate: Signal,
}

impl EndSignal {
    /// Listens for both from now on.
    ///
    /// # Errors
    ///
    /// Where the system does not let us.
    pub fn new() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self {
            interrupt,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for one of them.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any point and asked again.
    pub async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Reads the certificates again at every SIGHUP. What cannot be used leaves the last good pair.
async fn reload(certs: CertStore) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        tracing::warn!("SIGHUP cannot be listened for: certificates are read at the start only");
        return;
    };
    while hangup.recv().await.is_some() {
        let certs = certs.clone();
        let Ok(report) = tokio::task::spawn_blocking(move || certs.reload()).await else {
            tracing::error!("the reload of certificates panicked; the old ones stay");
            continue;
        };
        for entry in report.iter() {
            let source = entry.source();
            match entry.outcome() {
                Outcome::Updated => tracing::info!(%source, "a new certificate is in force"),
                Outcome::Kept(error) => {
                    tracing::warn!(%error, remedy = error.remedy(), "the last good certificate stays");
                }
                _ => tracing::info!(%source, "the certificate is unchanged"),
            }
        }
    }
}

async fn sweep(store: Mailstore) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        ticks.tick().await;
        match store.sweep(jiff::Timestamp::now()).await {
            Ok(0) => {}
            Ok(files) => tracing::info!(files, "removed what killed deliveries had left"),
            Err(error) => tracing::warn!(%error, "stale files were not removed"),
        }
    }
}

/// The time that a client has to log in.
struct LoginDeadline(Pin<Box<Sleep>>);

impl LoginDeadline {
    fn new() -> Self {
        Self(Box::pin(tokio::time::sleep(LOGIN)))
    }

    /// Passes once; after it this waits for ever, so that a session that ends in order is not
    /// ended again and again.
    async fn passed(&mut self) {
        self.0.as_mut().await;
        let far = tokio::time::Instant::now() + Duration::from_secs(365 * 24 * 60 * 60);
        self.0.as_mut().reset(far);
    }
}
