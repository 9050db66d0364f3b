//! One handshake as a thing that is polled, so that a driver may be dropped in the midst of it.

use std::{
    future::Future,
    mem::MaybeUninit,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use rustls::{
    ServerConfig,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{AcquireError, OwnedSemaphorePermit},
};
use tokio_rustls::{FallibleAccept, FallibleConnect, TlsAcceptor, TlsConnector, TlsStream};

use super::{HandshakeError, Tls, tls::Role};
use crate::{
    sniff::FirstOctets,
    stream::{Facts, Stream, Tap},
};

/// Where a handshake stands in the dialogue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Start {
    /// Behind STARTTLS or STLS.
    Explicit,
    /// Before the first octet.
    Implicit,
}

pub(crate) struct Handshake<IO> {
    stage: Stage<IO>,
    /// `None` once they went with the stream.
    facts: Option<Facts>,
    /// What was read in clear, to be counted again when it is over.
    read_before: u64,
    slots: Option<super::Handshakes>,
    slot: Option<OwnedSemaphorePermit>,
}

type Acquire = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

enum Stage<IO> {
    /// A server waits for the first octet before it builds anything.
    FirstOctet {
        tap: Tap<IO>,
        config: Arc<ServerConfig>,
    },
    Slot {
        tap: Tap<IO>,
        config: Arc<ServerConfig>,
        acquire: Acquire,
    },
    Accept {
        accept: FallibleAccept<Tap<IO>>,
        recorder: Arc<Recorder>,
    },
    Connect(FallibleConnect<Tap<IO>>),
    Over,
}

/// How a handshake ended.
pub(crate) enum Outcome<IO> {
    Done(Stream<IO>),
    /// With the socket, which may be closed in order but never be written to.
    Failed(HandshakeError, Option<Stream<IO>>),
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Handshake<IO> {
    /// `None` where there is nothing to upgrade with.
    pub(crate) fn new(mut tap: Tap<IO>, tls: &Tls, start: Start) -> Option<Self> {
        let read_before = tap.restart();
        let stage = match &tls.role {
            Role::None => return None,
            Role::Server { explicit, implicit } => {
                let config = match start {
                    Start::Explicit => Arc::clone(explicit),
                    Start::Implicit => Arc::clone(implicit),
                };
                Stage::FirstOctet { tap, config }
            }
            Role::Client { config, name } => {
                let connector = TlsConnector::from(Arc::clone(config));
                Stage::Connect(connector.connect(name.clone(), tap).into_fallible())
            }
        };
        Some(Self {
            stage,
            facts: Some(Facts::new(tls)),
            read_before,
            slots: tls.slots.clone(),
            slot: None,
        })
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome<IO>> {
        loop {
            match &mut self.stage {
                Stage::FirstOctet { tap, .. } => {
                    let seen = ready!(first_octets(tap, cx));
                    let Stage::FirstOctet { tap, config } = self.leave() else {
                        continue;
                    };
                    match seen {
                        Ok(()) => self.stage = self.queue(tap, config),
                        Err(error) => {
                            let stream = Some(Stream::of_tap(tap));
                            return Poll::Ready(Outcome::Failed(error, stream));
                        }
                    }
                }
                Stage::Slot { acquire, .. } => {
                    // The semaphore is never closed; if it were, no slot would be owed to anybody.
                    self.slot = ready!(acquire.as_mut().poll(cx)).ok();
                    if let Stage::Slot { tap, config, .. } = self.leave() {
                        self.stage = accept(tap, &config);
                    }
                }
                Stage::Accept { accept, recorder } => {
                    let done = ready!(Pin::new(accept).poll(cx));
                    let shown = recorder.take();
                    return Poll::Ready(self.finish(done.map(TlsStream::Server), shown));
                }
                Stage::Connect(connect) => {
                    let done = ready!(Pin::new(connect).poll(cx));
                    return Poll::Ready(self.finish(done.map(TlsStream::Client), None));
                }
                Stage::Over => return Poll::Ready(Outcome::Failed(HandshakeError::Closed, None)),
            }
        }
    }

    fn leave(&mut self) -> Stage<IO> {
        std::mem::replace(&mut self.stage, Stage::Over)
    }

    /// Begins at once where a slot is free, and waits for one where none is.
    fn queue(&mut self, tap: Tap<IO>, config: Arc<ServerConfig>) -> Stage<IO> {
        let Some(slots) = &self.slots else {
            return accept(tap, &config);
        };
        match Arc::clone(&slots.0).try_acquire_owned() {
            Ok(slot) => {
                self.slot = Some(slot);
                accept(tap, &config)
            }
            Err(_) => {
                let acquire = Box::pin(Arc::clone(&slots.0).acquire_owned());
                Stage::Slot {
                    tap,
                    config,
                    acquire,
                }
            }
        }
    }

    fn finish(
        &mut self,
        done: Result<TlsStream<Tap<IO>>, (std::io::Error, Tap<IO>)>,
        shown: Option<Arc<CertifiedKey>>,
    ) -> Outcome<IO> {
        self.stage = Stage::Over;
        self.slot = None;
        let Some(mut facts) = self.facts.take() else {
            return Outcome::Failed(HandshakeError::Closed, None);
        };
        facts.shown = shown;
        match done {
            Ok(mut stream) => {
                stream.get_mut().0.add_read(self.read_before);
                Outcome::Done(Stream::tls(stream, facts))
            }
            Err((error, tap)) => {
                let error = HandshakeError::new(&error, tap.first());
                Outcome::Failed(error, Some(Stream::of_tap(tap)))
            }
        }
    }
}

fn accept<IO: AsyncRead + AsyncWrite + Unpin>(
    tap: Tap<IO>,
    config: &Arc<ServerConfig>,
) -> Stage<IO> {
    let (config, recorder) = Recorder::install(config);
    let accept = TlsAcceptor::from(config).accept(tap).into_fallible();
    Stage::Accept { accept, recorder }
}

/// Waits for the peer to speak, and tells TLS from what is none.
fn first_octets<IO: AsyncRead + Unpin>(
    tap: &mut Tap<IO>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), HandshakeError>> {
    let mut space = [MaybeUninit::uninit(); 2048];
    let mut buf = ReadBuf::uninit(&mut space);
    match ready!(Pin::new(&mut *tap).poll_read(cx, &mut buf)) {
        Err(error) => return Poll::Ready(Err(HandshakeError::new(&error, &[]))),
        Ok(()) if buf.filled().is_empty() => return Poll::Ready(Err(HandshakeError::Closed)),
        Ok(()) => {}
    }
    match FirstOctets::of(buf.filled()).filter(|first| !first.is_tls()) {
        Some(other) => Poll::Ready(Err(HandshakeError::NotTls(other))),
        None => {
            tap.unread(Bytes::copy_from_slice(buf.filled()));
            Poll::Ready(Ok(()))
        }
    }
}

/// Notes which certificate a handshake showed, for the `tls-server-end-point` channel binding: the
/// library does not keep it, and asking the resolver again could give another one after a reload.
#[derive(Debug)]
pub(crate) struct Recorder {
    resolver: Arc<dyn ResolvesServerCert>,
    shown: Mutex<Option<Arc<CertifiedKey>>>,
}

impl Recorder {
    /// A copy of the configuration, for one handshake.
    pub(crate) fn install(config: &ServerConfig) -> (Arc<ServerConfig>, Arc<Self>) {
        let mut config = config.clone();
        let resolver = Arc::clone(&config.cert_resolver);
        let recorder = Arc::new(Self {
            resolver,
            shown: Mutex::new(None),
        });
        config.cert_resolver = Arc::clone(&recorder) as Arc<dyn ResolvesServerCert>;
        (Arc::new(config), recorder)
    }

    pub(crate) fn take(&self) -> Option<Arc<CertifiedKey>> {
        self.shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl ResolvesServerCert for Recorder {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let key = self.resolver.resolve(hello);
        self.shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(&key);
        key
    }

    fn only_raw_public_keys(&self) -> bool {
        self.resolver.only_raw_public_keys()
    }
}
