//! From the command line to a server that listens: every check comes before anything is started.

use std::{
    fs::File,
    io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use clap::error::{ContextKind, ContextValue};
use jiff::Timestamp;
use mailtls::{
    certs::{CertStore, Entry, LoadError, Source},
    names::ServedName,
    provider::Provider,
};
use mailwire_core::secret::SecretString;
use mailwire_imap::ClearText;
use rustix::fs::FlockOperation;
use tracing_subscriber::EnvFilter;

use super::options::{MeasuringStore, Options};
use crate::{
    accounts::{AccountError, Accounts},
    config::{Certificate, Config, InvalidConfig, Listener, Service, TlsMode},
    file::make_dir,
    pki::{Pki, PkiError},
    recipients::{Recipients, qualified},
    store::{Mailstore, StoreError},
};

/// Why the server does not start: one sentence each. Nothing was left half started.
///
/// ```
/// use mailwire_examples::server::startup::StartError;
/// let error = StartError::DataInUse { path: "/var/mail".into() };
/// assert!(error.to_string().contains("/var/mail"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The accounts cannot be read or changed.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// An address cannot be listened on.
    #[error(
        "{address} cannot be listened on for {service}: {error}; choose other ports with --base-port"
    )]
    Bind {
        /// Where.
        address: SocketAddr,
        /// For what.
        service: Service,
        /// What the system says.
        error: io::Error,
    },
    /// A certificate or its key cannot be used.
    #[error("{0}")]
    Certificate(#[from] LoadError),
    /// A name that a certificate cannot be served for.
    #[error("certificates: {name:?} is not a name that a certificate can be served for")]
    CertificateName {
        /// The name.
        name: String,
    },
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// The data folder cannot be used.
    #[error("the data folder {} cannot be used: {error}", path.display())]
    Data {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Another server has the data folder.
    #[error("another mailserver uses the data folder {}: stop it, or choose another folder with --data", path.display())]
    DataInUse {
        /// Which.
        path: PathBuf,
    },
    /// No certificate of our own could be made.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The runtime or the log could not be set up.
    #[error("the server could not be set up: {0}")]
    Setup(io::Error),
    /// The mail store cannot be used.
    #[error("the mail store cannot be used: {0}")]
    Store(#[from] StoreError),
}

/// A server that is ready to accept connections.
#[derive(Debug)]
#[non_exhaustive]
pub struct Prepared {
    /// The configuration that holds.
    pub config: Config,
    /// Who may log in.
    pub accounts: Accounts,
    /// The accounts with the passwords that were made just now.
    pub fresh: Vec<(String, Option<SecretString>)>,
    /// Whose mail is ours.
    pub recipients: Recipients,
    /// Where mail is kept.
    pub store: Mailstore,
    /// Whether IMAP clients may log in without TLS: never but for measuring.
    pub clear_text: ClearText,
    /// What is shown, by SNI.
    pub certs: CertStore,
    /// The certificate of our own CA, where we have one.
    pub ca: Option<PathBuf>,
    /// The sockets, with the listeners they are for.
    pub sockets: Vec<(Listener, TcpListener)>,
    /// Holds the data folder as long as the server lives.
    pub(super) lock: File,
}

impl Prepared {
    /// Checks everything, takes the ports and the data folder, and makes what is missing.
    ///
    /// It blocks and belongs before the runtime.
    ///
    /// # Errors
    ///
    /// The first thing that stands in the way.
    pub fn new(options: &Options, now: Timestamp) -> Result<Self, StartError> {
        let config = options.to_config()?;
        log_filter(&config)?;
        let configured = configured_certificates(&config.certificates)?;
        let sockets = bind(&config.listeners)?;
        let lock = take_data(&config.data)?;
        let (certs, ca) = match configured {
            Some(certs) => (certs, None),
            None => {
                let pki = Pki::ensure(&config.data.join("tls"), &config.hostname, now)?;
                let source = Source::files(&pki.chain, &pki.key);
                let entry = Entry::new(source).default_entry();
                (CertStore::load([entry], Provider::default())?, Some(pki.ca))
            }
        };
        let accounts = Accounts::open(&config.data)?;
        let domain = config
            .domains
            .first()
            .map(|d| d.name.clone())
            .unwrap_or_default();
        for user in &options.users {
            accounts.set_password(&qualified(&user.name, &domain), user.password())?;
        }
        let mut fresh = Vec::new();
        for name in &config.accounts {
            let name = qualified(name, &domain);
            let password = accounts.ensure(&name)?;
            fresh.push((name, password));
        }
        for name in accounts.names() {
            if !fresh.iter().any(|(listed, _)| *listed == name) {
                fresh.push((name, None));
            }
        }
        let names = accounts.names();
        let recipients = Recipients::new(&config, names.iter().map(String::as_str))?;
        let store = match options.store {
            Some(MeasuringStore::Discard) => Mailstore::discard(),
            Some(MeasuringStore::Memory) => Mailstore::memory(),
            None => Mailstore::disk(&config.data, &config.hostname, now)?,
        };
        let clear_text = match options.clear_text_login {
            true => ClearText::Permitted,
            false => ClearText::Forbidden,
        };
        Ok(Self {
            config,
            accounts,
            fresh,
            recipients,
            store,
            clear_text,
            certs,
            ca,
            sockets,
            lock,
        })
    }

    /// How the listeners use TLS, for the announcement.
    pub fn listeners(&self) -> impl Iterator<Item = (Service, SocketAddr, TlsMode)> {
        self.sockets.iter().map(|(listener, socket)| {
            let address = socket.local_addr().unwrap_or(listener.address);
            (listener.service, address, listener.tls())
        })
    }
}

/// Checks a configuration as deeply as is possible without starting: certificates with their keys,
/// aliases and catch-alls. Answers with what was found to be in order, a line each.
///
/// # Errors
///
/// The first thing that stands in the way of a start.
pub fn check(options: &Options) -> Result<Vec<String>, StartError> {
    let config = options.to_config()?;
    log_filter(&config)?;
    let mut report = Vec::new();
    match configured_certificates(&config.certificates)? {
        None => report.push(format!(
            "certificates: the server's own, for {}",
            config.hostname
        )),
        Some(_) => report.push(format!(
            "certificates: {} can be used",
            config.certificates.len()
        )),
    }
    let domain = config
        .domains
        .first()
        .map(|d| d.name.clone())
        .unwrap_or_default();
    let kept = Accounts::open(&config.data)?.names();
    let listed = config.accounts.iter().map(|name| qualified(name, &domain));
    let added = options
        .users
        .iter()
        .map(|user| qualified(&user.name, &domain));
    let names: Vec<_> = kept.into_iter().chain(listed).chain(added).collect();
    Recipients::new(&config, names.iter().map(String::as_str))?;
    report.push(format!(
        "domains: {}, with {} aliases",
        config.domains.len(),
        aliases(&config)
    ));
    for listener in &config.listeners {
        report.push(format!(
            "{}: {}, TLS {}",
            listener.service,
            listener.address,
            listener.tls()
        ));
    }
    Ok(report)
}

/// What is logged.
///
/// # Errors
///
/// A filter that cannot be read.
pub fn log_filter(config: &Config) -> Result<EnvFilter, StartError> {
    let level = &config.log.level;
    EnvFilter::try_new(level).map_err(|_| {
        let what =
            format!("log.level {level:?} is no filter: try error, warn, info, debug or trace");
        InvalidConfig::new(what).into()
    })
}

/// An error of the command line as one sentence. The value of `--user` is never repeated.
#[must_use]
pub fn one_line(error: &clap::Error) -> String {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(name)) => name.as_str(),
        _ => "",
    };
    if argument.starts_with("--user") {
        return "--user wants NAME:PASSWORD, and neither may be empty".to_owned();
    }
    let text = error.render().to_string();
    let first: Vec<_> = text
        .lines()
        .take_while(|line| !line.is_empty())
        .map(str::trim)
        .collect();
    let sentence = first.join(" ");
    format!(
        "{}; see --help",
        sentence.strip_prefix("error: ").unwrap_or(&sentence)
    )
}

fn aliases(config: &Config) -> usize {
    config
        .domains
        .iter()
        .map(|domain| domain.aliases.len())
        .sum()
}

fn configured_certificates(list: &[Certificate]) -> Result<Option<CertStore>, StartError> {
    let mut entries = Vec::new();
    for (index, certificate) in list.iter().enumerate() {
        let source = match &certificate.key {
            Some(key) => Source::files(&certificate.chain, key),
            None => Source::combined(&certificate.chain),
        };
        let mut entry = Entry::new(source);
        for name in &certificate.names {
            let served: ServedName = name
                .parse()
                .map_err(|_| StartError::CertificateName { name: name.clone() })?;
            entry = entry.name(served);
        }
        // The first one is for clients that name nobody or somebody unknown.
        entries.push(if index == 0 {
            entry.default_entry()
        } else {
            entry
        });
    }
    if entries.is_empty() {
        return Ok(None);
    }
    Ok(Some(CertStore::load(entries, Provider::default())?))
}

fn bind(listeners: &[Listener]) -> Result<Vec<(Listener, TcpListener)>, StartError> {
    let mut sockets = Vec::new();
    for listener in listeners {
        let (address, service) = (listener.address, listener.service);
        let bound = TcpListener::bind(address).and_then(|socket| {
            socket.set_nonblocking(true)?;
            Ok(socket)
        });
        let socket = bound.map_err(|error| StartError::Bind {
            address,
            service,
            error,
        })?;
        sockets.push((listener.clone(), socket));
    }
    Ok(sockets)
}

/// Makes the data folder and holds it against a second server.
fn take_data(path: &Path) -> Result<File, StartError> {
    let failed = |error| StartError::Data {
        path: path.to_owned(),
        error,
    };
    make_dir(path).map_err(failed)?;
    let lock = File::create(path.join("lock")).map_err(failed)?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StartError::DataInUse {
            path: path.to_owned(),
        }),
        Err(error) => Err(failed(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use clap::Parser;

    use super::*;

    fn options(words: &[&str]) -> Options {
        Options::parse_from([&["mailserver"], words].concat())
    }

    fn prepare(dir: &Path, more: &[&str]) -> Result<Prepared, StartError> {
        let data = dir.to_str().unwrap();
        Prepared::new(
            &options(&[&["--base-port", "0", "--data", data], more].concat()),
            Timestamp::now(),
        )
    }

    #[test]
    fn the_first_start_shows_passwords_and_later_ones_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let first = prepare(dir.path(), &[]).unwrap();
        assert_eq!(first.fresh.len(), 2);
        assert!(first.fresh.iter().all(|(_, password)| password.is_some()));
        assert!(first.listeners().all(|(_, address, _)| address.port() != 0));
        drop(first);
        let second = prepare(dir.path(), &[]).unwrap();
        assert!(second.fresh.iter().all(|(_, password)| password.is_none()));
    }

    #[test]
    fn user_replaces_a_password_and_makes_an_account() {
        let dir = tempfile::tempdir().unwrap();
        let words = ["--user", "alice:one", "--user", "carol:two:three"];
        let prepared = prepare(dir.path(), &words).unwrap();
        let keys = |name: &str| prepared.accounts.keys(name).unwrap();
        assert!(keys("alice@example.test").verify_password("one"));
        assert!(keys("carol@example.test").verify_password("two:three"));
        let names: Vec<_> = prepared
            .fresh
            .iter()
            .map(|(name, password)| (name.as_str(), password.is_some()))
            .collect();
        assert_eq!(
            names,
            [
                ("alice@example.test", false),
                ("bob@example.test", true),
                ("carol@example.test", false)
            ]
        );
    }

    #[test]
    fn store_33_a_second_server_on_the_same_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let first = prepare(dir.path(), &[]).unwrap();
        let error = prepare(dir.path(), &[]).unwrap_err();
        assert!(matches!(error, StartError::DataInUse { .. }), "{error}");
        drop(first);
        assert!(prepare(dir.path(), &[]).is_ok());
    }

    #[test]
    fn a_busy_port_is_named_and_nothing_is_made() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = taken.local_addr().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("mailserver.toml");
        let text = format!(
            "data = \"data\"\n[[listeners]]\nservice = \"pop3\"\naddress = \"{address}\"\n"
        );
        std::fs::write(&file, text).unwrap();
        let options = options(&["--config", file.to_str().unwrap()]);
        let error = Prepared::new(&options, Timestamp::now())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&address.to_string()) && error.contains("pop3"),
            "{error}"
        );
        assert!(!dir.path().join("data").exists());
    }

    #[test]
    fn x509_19_an_unreadable_key_is_named_before_anything_starts() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("mailserver.toml");
        let text =
            "data = \"data\"\n[[certificates]]\nchain = \"no-such.pem\"\nkey = \"no-such.key\"\n";
        std::fs::write(&file, text).unwrap();
        for words in [
            vec!["--config", file.to_str().unwrap()],
            vec!["--check-config", "--config", file.to_str().unwrap()],
        ] {
            let options = options(&words);
            let error = if options.check_config {
                check(&options).unwrap_err()
            } else {
                Prepared::new(&options, Timestamp::now()).unwrap_err()
            };
            assert!(error.to_string().contains("no-such.pem"), "{error}");
        }
        assert!(!dir.path().join("data").exists());
    }

    #[test]
    fn a_bad_option_is_one_sentence() {
        for words in [
            ["--base-port", "x"],
            ["--bogus", "x"],
            ["--listen", "localhost"],
            ["--store", "tape"],
        ] {
            let error =
                Options::try_parse_from([&["mailserver"][..], &words].concat()).unwrap_err();
            let line = one_line(&error);
            assert!(!line.contains('\n') && line.contains(words[0]), "{line}");
        }
    }
}
