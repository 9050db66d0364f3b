//! A server in this process: behind real sockets, or at the end of pipes with a clock that jumps.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use clap::Parser;
use mailtls::{
    Tls,
    certs::CertStore,
    level::Level,
    names::ReferenceName,
    serve::{Stop, Stopped, stop},
    verify::{ClientTls, Roots},
};
use mailwire_examples::{
    config::{Service, TlsMode},
    server::{Ready, options::Options, startup::Prepared},
};
use tempfile::TempDir;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

use super::client::Client;

/// The accounts and their passwords.
pub(crate) const ALICE: (&str, &str) = ("alice", "wonderland");
pub(crate) const BOB: (&str, &str) = ("bob", "builder");
pub(crate) const CAROL: (&str, &str) = ("carol", "  two  words ");

/// Longer than any of these tests takes, shorter than anybody's patience.
const OVERALL: Duration = Duration::from_secs(120);

pub(crate) struct Mail {
    pub(crate) dir: TempDir,
    pub(crate) certs: CertStore,
    pub(crate) stop: Stop,
    ca: Option<PathBuf>,
    link: Link,
}

enum Link {
    Sockets(HashMap<Service, SocketAddr>),
    Pipes {
        ready: Box<Ready>,
        stopped: Stopped,
        sessions: Mutex<JoinSet<()>>,
    },
}

/// Runs a test against a server behind sockets.
pub(crate) fn served(test: impl AsyncFnOnce(&mut Mail)) {
    served_with("", test);
}

/// The same with lines of configuration.
pub(crate) fn served_with(config: &str, test: impl AsyncFnOnce(&mut Mail)) {
    let _ = served_in(tempfile::tempdir().unwrap(), config, test);
}

/// The same in a folder that outlives the server. When the test is over the server is stopped;
/// nothing may have panicked, and no half message may be left.
pub(crate) fn served_in(dir: TempDir, config: &str, test: impl AsyncFnOnce(&mut Mail)) -> TempDir {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let dir = runtime.block_on(async {
        let whole = async {
            let prepared = prepare(&dir, config);
            let certs = prepared.certs.clone();
            let ca = prepared.ca.clone();
            let addresses = prepared.listeners().map(|(s, a, _)| (s, a)).collect();
            let ready = Ready::new(prepared).unwrap();
            let (stop, stopped) = stop();
            let running = tokio::spawn(ready.run(stopped));
            let link = Link::Sockets(addresses);
            let mut mail = Mail {
                dir,
                certs,
                stop,
                ca,
                link,
            };
            test(&mut mail).await;
            mail.stop.now();
            let served = running.await.unwrap();
            assert_eq!((served.panicked, served.cut_off), (0, 0));
            mail.dir
        };
        timeout(OVERALL, whole).await.expect("the test hangs")
    });
    // This waits for the threads that remove files.
    drop(runtime);
    assert_tidy(dir.path());
    dir
}

/// Runs a test against a server at the end of pipes. The clock stands still while there is
/// something to do, and jumps to the next deadline when there is not.
pub(crate) fn piped(test: impl AsyncFnOnce(&mut Mail)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let dir = runtime.block_on(async {
        let whole = async {
            let dir = tempfile::tempdir().unwrap();
            let prepared = prepare(&dir, "");
            let certs = prepared.certs.clone();
            let ca = prepared.ca.clone();
            let (stop, stopped) = stop();
            let link = Link::Pipes {
                ready: Box::new(Ready::new(prepared).unwrap()),
                stopped,
                sessions: Mutex::default(),
            };
            let mut mail = Mail {
                dir,
                certs,
                stop,
                ca,
                link,
            };
            test(&mut mail).await;
            mail.stop.now();
            mail.settle().await;
            mail.dir
        };
        let day = Duration::from_secs(24 * 60 * 60);
        timeout(day, whole).await.expect("the test hangs")
    });
    drop(runtime);
    assert_tidy(dir.path());
}

fn prepare(dir: &TempDir, config: &str) -> Prepared {
    let file = dir.path().join("mailserver.toml");
    std::fs::write(&file, config).unwrap();
    let user = |(name, password): (&str, &str)| format!("--user={name}:{password}");
    let options = Options::parse_from([
        "mailserver",
        "--base-port=0",
        &format!("--config={}", file.display()),
        &format!("--data={}", dir.path().join("data").display()),
        &user(ALICE),
        &user(BOB),
        &user(CAROL),
    ]);
    Prepared::new(&options, jiff::Timestamp::now()).unwrap()
}

fn assert_tidy(dir: &Path) {
    let half = files(dir, &["tmp"]);
    assert!(half.is_empty(), "left behind: {half:?}");
}

/// The files in folders with one of these names.
pub(crate) fn files(dir: &Path, folders: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, folders));
        } else if folders.iter().any(|folder| dir.ends_with(folder)) {
            found.push(path);
        }
    }
    found
}

impl Mail {
    /// What a client checks the server against.
    pub(crate) fn tls(&self) -> Tls {
        self.tls_as("mail.example.test", Level::Secure, &[])
    }

    pub(crate) fn tls_as(&self, name: &str, level: Level, alpn: &[&str]) -> Tls {
        let name: ReferenceName = name.parse().unwrap();
        let mut tls = ClientTls::builder(level, name).alpn(alpn.iter().map(|id| id.as_bytes()));
        if let Some(ca) = &self.ca {
            tls = tls.roots(Roots::from_pem_file(ca).unwrap());
        }
        let tls = tls.build().unwrap();
        Tls::client(tls.config(), tls.server_name())
    }

    pub(crate) fn address(&self, service: Service) -> SocketAddr {
        match &self.link {
            Link::Sockets(addresses) => addresses[&service],
            Link::Pipes { .. } => panic!("pipes have no address"),
        }
    }

    /// A bare connection: nothing read, no TLS.
    pub(crate) async fn raw(&self, service: Service) -> Client {
        match &self.link {
            Link::Sockets(addresses) => {
                let socket = TcpStream::connect(addresses[&service]).await.unwrap();
                socket.set_nodelay(true).unwrap();
                Client::over(socket)
            }
            Link::Pipes {
                ready,
                stopped,
                sessions,
            } => {
                let (ours, theirs) = tokio::io::duplex(64 * 1024);
                let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
                let session = ready.serve(service, theirs, peer, stopped.clone());
                sessions
                    .lock()
                    .unwrap()
                    .spawn(async { drop(session.await) });
                Client::over(ours)
            }
        }
    }

    /// A connection whose greeting was read; with TLS where the service begins with it.
    pub(crate) async fn connect(&self, service: Service) -> Client {
        let mut client = self.raw(service).await;
        if service.usual_tls() == TlsMode::Implicit {
            client = client.implicit(&self.tls()).await.unwrap();
        }
        client
            .hears(match service {
                Service::Pop3 | Service::Pop3s => "+OK",
                Service::Imap | Service::Imaps => "* OK [CAPABILITY IMAP4rev1 ",
                _ => "220 ",
            })
            .await;
        client
    }

    /// A connection in TLS that has said hello, where one says hello.
    pub(crate) async fn secure(&self, service: Service) -> Client {
        let mut client = self.connect(service).await;
        if client.tls().is_none() {
            if is_pop3(service) {
                client.says("STLS", "+OK").await;
            } else if is_imap(service) {
                client.says("a STARTTLS", "a OK").await;
            } else {
                client.says(hello(service), "250").await;
                client.says("STARTTLS", "220 2.0.0").await;
            }
            client = client.upgrade(&self.tls()).await.unwrap();
        }
        if !is_pop3(service) && !is_imap(service) {
            client.says(hello(service), "250").await;
        }
        client
    }

    /// A connection of somebody who has logged in.
    pub(crate) async fn login(&self, service: Service, who: (&str, &str)) -> Client {
        let mut client = self.secure(service).await;
        let good = if is_pop3(service) { "+OK" } else { "235 2.7.0" };
        client
            .says(format!("AUTH PLAIN {}", plain(who)), good)
            .await;
        client
    }

    /// A connection that has said hello and may send mail to our users.
    pub(crate) async fn hello(&self, service: Service) -> Client {
        match service {
            Service::Smtp | Service::Lmtp => {
                let mut client = self.connect(service).await;
                client.says(hello(service), "250").await;
                client
            }
            _ => self.login(service, ALICE).await,
        }
    }

    /// What a session that is opened now reads in somebody's maildrop.
    pub(crate) async fn inbox(&self, who: (&str, &str)) -> Vec<Vec<u8>> {
        let mut client = self.login(Service::Pop3s, who).await;
        client.says("LIST", "+OK").await;
        let listing = String::from_utf8(client.listing().await).unwrap();
        let mut messages = Vec::new();
        for line in listing.lines() {
            let (number, octets) = line.split_once(' ').unwrap();
            client.says(format!("RETR {number}"), "+OK").await;
            let message = client.listing().await;
            assert_eq!(
                message.len(),
                octets.parse::<usize>().unwrap(),
                "LIST is wrong"
            );
            messages.push(message);
        }
        client.says("QUIT", "+OK").await;
        messages
    }

    /// Waits for the sessions of pipes whose clients have gone.
    pub(crate) async fn settle(&self) {
        if let Link::Pipes { sessions, .. } = &self.link {
            let mut sessions = std::mem::take(&mut *sessions.lock().unwrap());
            while let Some(ended) = sessions.join_next().await {
                ended.unwrap();
            }
        }
    }

    /// All messages on disk, whoever has them.
    pub(crate) fn stored(&self) -> Vec<Vec<u8>> {
        let files = files(self.dir.path(), &["new", "cur"]);
        files
            .iter()
            .map(|file| std::fs::read(file).unwrap())
            .collect()
    }

    /// The folder of somebody's new messages; there is one as soon as he has had mail.
    pub(crate) fn new_folder(&self, who: (&str, &str)) -> PathBuf {
        self.home(who).join("new")
    }

    /// The Maildir of somebody's INBOX, with the other mailboxes in it.
    pub(crate) fn home(&self, who: (&str, &str)) -> PathBuf {
        self.dir.path().join("data/mail/example.test").join(who.0)
    }

    /// Files of messages that are not whole yet.
    pub(crate) fn half(&self) -> usize {
        files(self.dir.path(), &["tmp"]).len()
    }
}

pub(crate) fn is_pop3(service: Service) -> bool {
    matches!(service, Service::Pop3 | Service::Pop3s)
}

pub(crate) fn is_imap(service: Service) -> bool {
    matches!(service, Service::Imap | Service::Imaps)
}

pub(crate) fn hello(service: Service) -> &'static str {
    if service == Service::Lmtp {
        "LHLO client.example"
    } else {
        "EHLO client.example"
    }
}

/// The message of PLAIN in base64.
pub(crate) fn plain((name, password): (&str, &str)) -> String {
    base64(format!("\0{name}\0{password}"))
}

pub(crate) fn base64(octets: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(octets)
}

/// What stands behind the trace fields that SMTP and LMTP put in front: the received octets.
pub(crate) fn received(message: &[u8]) -> &[u8] {
    let mut rest = message;
    let mut in_trace = true;
    while in_trace {
        let end = rest.windows(2).position(|w| w == b"\r\n").unwrap() + 2;
        let folded = matches!(rest.get(end), Some(b' ' | b'\t'));
        rest = &rest[end..];
        in_trace = folded || rest.starts_with(b"Received: ") || rest.starts_with(b"Return-Path: ");
    }
    rest
}
