//! Which machine, which TLS and which session a listener's connections get.

use std::{
    collections::BTreeMap,
    fs::File,
    future::Future,
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use mailtls::{
    Connection, Tls,
    certs::{CertStore, ServerTls},
    serve::{Accepted, Limits, Listener, Server, Stopped, Summary},
    upgrade::Handshakes,
};
use mailwire_core::{machine::Machine, sasl::Mechanism, text::ByteStr};
use mailwire_imap::server as imap_server;
use mailwire_imap::{
    ClearText,
    command::{Field, Fields},
    server::Extension,
};
use mailwire_pop3::server as pop3_server;
use mailwire_smtp::{address::Domain, server as smtp_server};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};

use super::{Shared, imap, login::OFFERED, pop3, smtp, startup::Prepared};
use crate::config::{Config, Service, TlsMode};

/// The services by the label of their listeners. Cloning gives another handle.
#[derive(Clone, Debug)]
pub(super) struct Services(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    kinds: BTreeMap<String, Kind>,
    /// Holds the data folder as long as anybody serves from it.
    _lock: File,
}

/// All that connections of one service with one use of TLS have in common.
#[derive(Debug)]
struct Kind {
    mode: TlsMode,
    tls: Tls,
    protocol: Protocol,
}

#[derive(Debug)]
enum Protocol {
    Smtp(Arc<smtp_server::Config>),
    Imap(Arc<imap_server::Config>),
    Pop3(Arc<pop3_server::Config>),
}

impl Services {
    /// Sets everything up and hands the sockets to the runtime.
    ///
    /// # Errors
    ///
    /// A TLS configuration or a name that the libraries do not take, or a socket that the runtime
    /// does not.
    pub(super) fn start(prepared: Prepared) -> io::Result<(Self, Server<TcpListener>)> {
        let config = &prepared.config;
        let mut limits = Limits::default();
        limits.connections = config.limits.connections;
        limits.per_address = config.limits.connections_per_address;
        limits.stop = Duration::from_secs(config.limits.stop_seconds);
        let mut server = Server::new(limits);
        let handshakes = Handshakes::at_most(config.limits.handshakes);
        let mut kinds = BTreeMap::new();
        for (listener, socket) in prepared.sockets {
            let (service, mode) = (listener.service, listener.tls());
            let label = label(service, mode);
            let mut accepting = Listener::new(label.as_str(), TcpListener::from_std(socket)?);
            if mode != TlsMode::Implicit {
                accepting = accepting.refusing(in_clear(service, "too many connections"));
            }
            server.listen(accepting);
            let tls = match mode {
                TlsMode::None => Tls::none(),
                _ => tls(&prepared.certs, service, mode)?.sharing(handshakes.clone()),
            };
            let protocol = match service {
                Service::Imap | Service::Imaps => {
                    Protocol::Imap(imap_config(config, mode, prepared.clear_text)?)
                }
                Service::Pop3 | Service::Pop3s => Protocol::Pop3(pop3_config(config, mode)?),
                _ => Protocol::Smtp(smtp_config(config, service, mode)?),
            };
            kinds.insert(
                label,
                Kind {
                    mode,
                    tls,
                    protocol,
                },
            );
        }
        let shared = Arc::new(Shared {
            message_size: prepared.config.limits.message_size,
            translations: imap::Translations::default(),
            hostname: prepared.config.hostname,
            accounts: prepared.accounts,
            recipients: prepared.recipients,
            store: prepared.store,
        });
        Ok((
            Self(Arc::new(Inner {
                shared,
                kinds,
                _lock: prepared.lock,
            })),
            server,
        ))
    }

    /// Serves one connection of a listener.
    pub(super) fn handle(
        self,
        accepted: Accepted<TcpStream>,
    ) -> impl Future<Output = Summary> + Send {
        let Accepted {
            io,
            service,
            peer,
            stop,
            ..
        } = accepted;
        // Replies are written whole; waiting for more to send would only delay them.
        match io.set_nodelay(true) {
            Ok(()) => self.begin(&service, io, peer.ip(), stop),
            Err(error) => Serving::over(self, Summary::default().error(&error)),
        }
    }

    /// Serves one connection, wherever it came from.
    pub(super) fn serve<IO>(
        self,
        label: &str,
        io: IO,
        peer: IpAddr,
        stop: Stopped,
    ) -> impl Future<Output = Summary> + use<IO>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.begin(label, io, peer, stop)
    }

    fn begin<IO>(
        self,
        label: &str,
        io: IO,
        peer: IpAddr,
        stop: Stopped,
    ) -> Serving<
        impl Future<Output = Summary> + use<IO>,
        impl Future<Output = Summary> + use<IO>,
        impl Future<Output = Summary> + use<IO>,
    >
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let Some(kind) = self.0.kinds.get(label) else {
            return Serving::over(self, Summary::default());
        };
        let shared = Arc::clone(&self.0.shared);
        let tls = kind.tls.clone();
        let session = match &kind.protocol {
            Protocol::Smtp(config) => {
                let machine = smtp_server::Server::new(Arc::clone(config));
                let connection = connect(io, machine, tls, kind.mode);
                Session::Smtp(Box::pin(smtp::serve(shared, connection, peer, stop)))
            }
            Protocol::Imap(config) => {
                let machine = mailwire_imap::Server::new(Arc::clone(config));
                let connection = Box::new(connect(io, machine, tls, kind.mode));
                Session::Imap(Box::pin(imap::serve(shared, connection, stop)))
            }
            Protocol::Pop3(config) => {
                let machine = mailwire_pop3::Server::new(Arc::clone(config));
                let connection = connect(io, machine, tls, kind.mode);
                Session::Pop3(Box::pin(pop3::serve(shared, connection, stop)))
            }
        };
        Serving {
            session,
            _services: self,
        }
    }
}

/// One connection that is served. Written out, because an `async` block would have room for the
/// largest of the three beside what it was made from, in each of thousands that idle.
struct Serving<S, I, P> {
    session: Session<S, I, P>,
    /// Holds the data folder.
    _services: Services,
}

enum Session<S, I, P> {
    Smtp(Pin<Box<S>>),
    Imap(Pin<Box<I>>),
    Pop3(Pin<Box<P>>),
    Over(Box<Summary>),
}

impl<S, I, P> Serving<S, I, P> {
    fn over(services: Services, summary: Summary) -> Self {
        Self {
            session: Session::Over(Box::new(summary)),
            _services: services,
        }
    }
}

impl<S, I, P> Future for Serving<S, I, P>
where
    S: Future<Output = Summary>,
    I: Future<Output = Summary>,
    P: Future<Output = Summary>,
{
    type Output = Summary;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Summary> {
        match &mut self.session {
            Session::Smtp(session) => session.as_mut().poll(cx),
            Session::Imap(session) => session.as_mut().poll(cx),
            Session::Pop3(session) => session.as_mut().poll(cx),
            Session::Over(summary) => Poll::Ready(std::mem::take(&mut **summary)),
        }
    }
}

fn connect<M, IO>(io: IO, machine: M, tls: Tls, mode: TlsMode) -> Connection<M, IO>
where
    M: Machine,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    match mode {
        TlsMode::Implicit => Connection::implicit(io, machine, tls),
        TlsMode::None | TlsMode::StartTls => Connection::new(io, machine, tls),
    }
}

/// The name of a listener in logs; the mode is named where it is not the usual one.
fn label(service: Service, mode: TlsMode) -> String {
    if mode == service.usual_tls() {
        service.to_string()
    } else {
        format!("{service}, TLS {mode}")
    }
}

/// A line for those who cannot be served, before any dialogue.
fn in_clear(service: Service, text: &str) -> String {
    match service {
        Service::Imap | Service::Imaps => format!("* BYE [UNAVAILABLE] {text}\r\n"),
        Service::Pop3 | Service::Pop3s => format!("-ERR [SYS/TEMP] {text}\r\n"),
        _ => format!("421 4.3.2 {text}\r\n"),
    }
}

fn tls(certs: &CertStore, service: Service, mode: TlsMode) -> io::Result<Tls> {
    let mut tls = ServerTls::new(certs.clone());
    if mode == TlsMode::Implicit {
        // The registry of RFC 7301 has ids for IMAP and POP3; for submission none is registered,
        // and `smtp` is in use.
        tls = tls.alpn([match service {
            Service::Imaps => "imap",
            Service::Pop3s => "pop3",
            _ => "smtp",
        }]);
    }
    let config = tls.build().map_err(io::Error::other)?;
    Ok(Tls::server(config).with_hint(in_clear(service, "this port begins with TLS")))
}

fn smtp_config(
    config: &Config,
    service: Service,
    mode: TlsMode,
) -> io::Result<Arc<smtp_server::Config>> {
    let hostname: Domain = config.hostname.parse().map_err(io::Error::other)?;
    let mut smtp = match service {
        Service::Lmtp => smtp_server::Config::lmtp(hostname),
        Service::Smtp => smtp_server::Config::smtp(hostname),
        _ => smtp_server::Config::submission(hostname),
    };
    if matches!(service, Service::Submission | Service::Submissions) {
        smtp.mechanisms = OFFERED.map(Into::into).to_vec();
    }
    if mode == TlsMode::StartTls {
        smtp.start_tls = smtp_server::StartTls::Offered;
    }
    smtp.limits.message = config.limits.message_size;
    smtp.limits.recipients = config.limits.recipients;
    Ok(Arc::new(smtp))
}

fn pop3_config(config: &Config, mode: TlsMode) -> io::Result<Arc<pop3_server::Config>> {
    let mut pop3 = pop3_server::Config::new(config.hostname.as_str());
    let mechanism =
        |m: Mechanism| mailwire_pop3::Mechanism::new(m.name()).map_err(io::Error::other);
    pop3.mechanisms = OFFERED
        .into_iter()
        .map(mechanism)
        .collect::<io::Result<_>>()?;
    pop3.implementation = Some(concat!("mailserver-", env!("CARGO_PKG_VERSION")).into());
    if mode == TlsMode::StartTls {
        pop3.stls = pop3_server::Stls::Offered;
    }
    Ok(Arc::new(pop3))
}

/// What is offered behind the login: all that the store can honour.
const EXTENSIONS: [Extension; 25] = [
    Extension::AppendLimit,
    Extension::Binary,
    Extension::Children,
    Extension::CondStore,
    Extension::CreateSpecialUse,
    Extension::ESearch,
    Extension::Enable,
    Extension::Id,
    Extension::Idle,
    Extension::ListExtended,
    Extension::ListStatus,
    Extension::Move,
    Extension::MultiAppend,
    Extension::Namespace,
    Extension::QResync,
    Extension::SaslIr,
    Extension::SearchRes,
    Extension::Sort,
    Extension::SpecialUse,
    Extension::StatusSize,
    Extension::ThreadOrderedSubject,
    Extension::ThreadReferences,
    Extension::UidPlus,
    Extension::Unselect,
    Extension::Within,
];

fn imap_config(
    config: &Config,
    mode: TlsMode,
    clear_text: ClearText,
) -> io::Result<Arc<imap_server::Config>> {
    let hostname = ByteStr::from(config.hostname.as_str());
    let mut imap = imap_server::Config::new(hostname);
    imap.mechanisms = OFFERED
        .into_iter()
        .filter_map(|mechanism| mailwire_imap::command::Mechanism::new(mechanism.name().as_bytes()))
        .collect();
    imap.clear_text = clear_text;
    imap.extensions = EXTENSIONS.into_iter().collect();
    imap.limits.message = config.limits.message_size;
    let id = [
        Field::new(b"name", b"mailserver"),
        Field::new(b"version", env!("CARGO_PKG_VERSION").as_bytes()),
    ];
    imap.id = Fields::new(id).unwrap_or_default();
    if mode == TlsMode::StartTls {
        imap.start_tls = imap_server::StartTls::Offered;
    }
    Ok(Arc::new(imap))
}
