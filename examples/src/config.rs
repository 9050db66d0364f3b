//! The configuration of `mailserver`: what a file may say, what holds without one, and the checks
//! that run before anything starts.

mod service;

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

pub use service::{Service, TlsMode};

/// Everything that `mailserver` can be told.
///
/// ```
/// use mailwire_examples::config::Config;
/// let config = Config::default();
/// assert_eq!(config.hostname, "mail.example.test");
/// assert_eq!(Config::from_toml(&config.to_toml()).unwrap(), config);
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the example server is no library"
)]
pub struct Config {
    /// The name in greetings, trace headers and the certificate.
    pub hostname: String,
    /// Where mail, accounts and keys are kept.
    pub data: PathBuf,
    /// Names of accounts; one that does not exist yet is made at the start, with a random password
    /// that is shown once.
    pub accounts: Vec<String>,
    /// What may follow the account in a local part: `alice+lists` is alice.
    pub recipient_delimiter: String,
    /// Limits on peers.
    pub limits: Limits,
    /// What is logged.
    pub log: Log,
    /// Our domains; the first is the one of bare user names. Every other domain is refused.
    pub domains: Vec<Domain>,
    /// Certificates; without any the server makes its own CA.
    pub certificates: Vec<Certificate>,
    /// Where it listens.
    pub listeners: Vec<Listener>,
}

/// A domain whose mail we accept.
///
/// ```
/// use mailwire_examples::config::Domain;
/// assert_eq!(Domain::new("example.test").catch_all, None);
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(
    clippy::exhaustive_structs,
    reason = "the example server is no library"
)]
pub struct Domain {
    /// The domain.
    pub name: String,
    /// The account that gets what no account and no alias gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch_all: Option<String>,
    /// Local parts and the accounts that get their mail.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aliases: BTreeMap<String, Vec<String>>,
}

/// A certificate with its key.
///
/// ```
/// let toml = "chain = \"/etc/mail/chain.pem\"\nkey = \"/etc/mail/key.pem\"\n";
/// let certificate: mailwire_examples::config::Certificate = toml::from_str(toml).unwrap();
/// assert!(certificate.names.is_empty());
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(
    clippy::exhaustive_structs,
    reason = "the example server is no library"
)]
pub struct Certificate {
    /// The names it is served for: `mail.example.test`, `*.example.test`. Without any, the names
    /// in the certificate.
    #[serde(default)]
    pub names: Vec<String>,
    /// The PEM file with the certificate and its intermediates.
    pub chain: PathBuf,
    /// The PEM file with the key; without it the key is in the file of the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

/// One address that the server listens on.
///
/// ```
/// use mailwire_examples::config::{Config, Service};
/// let config = Config::default();
/// assert!(config.listeners.iter().any(|l| l.service == Service::Submission));
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(
    clippy::exhaustive_structs,
    reason = "the example server is no library"
)]
pub struct Listener {
    /// What is spoken there.
    pub service: Service,
    /// The address; port 0 takes a free one.
    pub address: SocketAddr,
    /// `none`, `starttls` or `implicit`; without it what the service is meant for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsMode>,
}

/// Limits on peers. Those of the protocols themselves are in the crates.
///
/// ```
/// use mailwire_examples::config::Limits;
/// assert!(Limits::default().message_size > 30 * 1024 * 1024);
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the example server is no library"
)]
pub struct Limits {
    /// Octets of one message (RFC 1870).
    pub message_size: u64,
    /// Recipients of one message; RFC 5321 §4.5.3.1.8 asks for 100 at the least.
    pub recipients: usize,
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address.
    pub connections_per_address: usize,
    /// TLS handshakes at once, so that a flood of them does not starve open sessions.
    pub handshakes: usize,
    /// Seconds that open sessions get to end when the server is stopped.
    pub stop_seconds: u64,
}

/// What is logged, to standard error.
///
/// ```
/// assert_eq!(mailwire_examples::config::Log::default().level, "info");
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the example server is no library"
)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter like `info,mailtls=debug`.
    pub level: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hostname: "mail.example.test".to_owned(),
            data: PathBuf::from("mailserver-data"),
            accounts: ["alice", "bob"]
                .map(|user| format!("{user}@example.test"))
                .to_vec(),
            recipient_delimiter: "+".to_owned(),
            limits: Limits::default(),
            log: Log::default(),
            domains: vec![Domain::new("example.test")],
            certificates: Vec::new(),
            listeners: Listener::all(IpAddr::V4(Ipv4Addr::LOCALHOST), 10_000),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_size: 64 * 1024 * 1024,
            recipients: 1_000,
            connections: 10_000,
            connections_per_address: 1_000,
            handshakes: 128,
            stop_seconds: 10,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
        }
    }
}

impl Domain {
    /// A domain without aliases.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            catch_all: None,
            aliases: BTreeMap::new(),
        }
    }
}

impl Listener {
    /// Every service on `address`, its port the well-known one plus `base`; with base 0 free ports.
    #[must_use]
    pub fn all(address: IpAddr, base: u16) -> Vec<Self> {
        let listener = |service: Service| {
            let port = if base == 0 {
                0
            } else {
                service.port().saturating_add(base)
            };
            Self {
                service,
                address: SocketAddr::new(address, port),
                tls: None,
            }
        };
        Service::ALL.map(listener).to_vec()
    }

    /// How TLS is used here.
    #[must_use]
    pub fn tls(&self) -> TlsMode {
        self.tls.unwrap_or_else(|| self.service.usual_tls())
    }
}

/// Why a configuration cannot be used, in one sentence.
///
/// ```
/// use mailwire_examples::config::Config;
/// let error = Config::from_toml("hostname = \"mx\"\nlisten = 25\n").unwrap_err();
/// assert_eq!((error.line, error.column), (Some(2), Some(1)));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct InvalidConfig {
    /// The file, where it is one.
    pub file: Option<PathBuf>,
    /// The line of the file, from 1, where the fault has a place.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
    /// What is wrong and what would be right.
    pub what: String,
}

impl InvalidConfig {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            file: None,
            line: None,
            column: None,
            what: what.into(),
        }
    }

    /// The same with the name of the file in front.
    pub(crate) fn in_file(mut self, path: &Path) -> Self {
        self.file = Some(path.to_owned());
        self
    }

    /// `of`, an alias or a catch-all, names an account that is not there.
    pub(crate) fn unknown_account(name: &str, of: &str) -> Self {
        Self::new(format!(
            "{of} names {name}, which is no account: add it to accounts"
        ))
    }
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}: ", file.display())?;
        }
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "line {line}, column {column}: {}", self.what),
            _ => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for InvalidConfig {}

impl Config {
    /// Reads a configuration; what it leaves out is as in [`Config::default`].
    ///
    /// # Errors
    ///
    /// What is wrong, with line and column where the text is at fault.
    pub fn from_toml(text: &str) -> Result<Self, InvalidConfig> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let place = error.span().map(|span| place(text, span.start));
            let what = error.message().trim().replace('\n', ", ");
            InvalidConfig {
                file: None,
                line: place.map(|p| p.0),
                column: place.map(|p| p.1),
                what,
            }
        })?;
        config.check()?;
        Ok(config)
    }

    /// Reads a configuration file; relative paths in it are relative to its folder.
    ///
    /// # Errors
    ///
    /// What is wrong, with line and column where the text is at fault.
    pub fn from_file(path: &Path) -> Result<Self, InvalidConfig> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| InvalidConfig::new(format!("it cannot be read: {error}")))?;
        let mut config = Self::from_toml(&text)?;
        let dir = path.parent().unwrap_or_else(|| Path::new("."));
        config.data = dir.join(&config.data);
        for certificate in &mut config.certificates {
            certificate.chain = dir.join(&certificate.chain);
            certificate.key = certificate.key.take().map(|key| dir.join(key));
        }
        Ok(config)
    }

    /// The configuration as a file that [`Config::from_toml`] reads back.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).unwrap_or_default()
    }

    /// Moves the demo to another domain: host name, accounts and domain follow.
    pub fn move_to_domain(&mut self, name: &str) {
        let Some(first) = self.domains.first_mut() else {
            return;
        };
        let old = std::mem::replace(&mut first.name, name.to_owned());
        if self.hostname == format!("mail.{old}") {
            self.hostname = format!("mail.{name}");
        }
        for account in &mut self.accounts {
            if let Some((user, _)) = account
                .rsplit_once('@')
                .filter(|(_, domain)| *domain == old)
            {
                *account = format!("{user}@{name}");
            }
        }
    }

    /// Looks for what cannot work, without touching disk or network.
    ///
    /// # Errors
    ///
    /// The first thing that cannot work.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        let wrong = |what: String| Err(InvalidConfig::new(what));
        if !is_domain(&self.hostname) {
            return wrong(format!("hostname {:?} is not a host name", self.hostname));
        }
        if self.domains.is_empty() {
            return wrong("domains is empty: a mail server needs a domain of its own".to_owned());
        }
        if self.recipient_delimiter.chars().count() > 1 {
            return wrong("recipient-delimiter is one character, or empty for none".to_owned());
        }
        for (index, domain) in self.domains.iter().enumerate() {
            if !is_domain(&domain.name) {
                return wrong(format!("domain {:?} is not a domain name", domain.name));
            }
            let same = |other: &Domain| other.name.eq_ignore_ascii_case(&domain.name);
            if self.domains.iter().take(index).any(same) {
                return wrong(format!("domain {} is there twice", domain.name));
            }
        }
        for (index, listener) in self.listeners.iter().enumerate() {
            let (service, tls) = (listener.service, listener.tls());
            if !service.allows(tls) {
                return wrong(format!("{service} cannot have tls = \"{tls}\""));
            }
            let same = |l: &Listener| l.address == listener.address && l.address.port() != 0;
            if self.listeners.iter().take(index).any(same) {
                return wrong(format!(
                    "{} is there twice among the listeners",
                    listener.address
                ));
            }
        }
        if self.listeners.is_empty() {
            return wrong("listeners is empty: the server would serve nothing".to_owned());
        }
        if self.limits.message_size < 65_536 {
            return wrong("limits.message-size is below 65536 (RFC 5321 §4.5.3.1.7)".to_owned());
        }
        if self.limits.recipients < 100 {
            return wrong("limits.recipients is below 100 (RFC 5321 §4.5.3.1.8)".to_owned());
        }
        Ok(())
    }
}

/// Whether a name is made of letters, digits, hyphens and dots as RFC 5321 §2.3.5 wants it.
fn is_domain(name: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|o| o.is_ascii_alphanumeric() || o == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_file_is_the_default_with_comments() {
        let text = include_str!("../mailserver.toml");
        assert_eq!(Config::from_toml(text).unwrap(), Config::default());
    }

    #[test]
    fn a_fault_has_a_line_and_a_column() {
        for (text, at) in [
            ("hostname = 1\n", (1, 12)),
            ("\n\n  hostnaem = \"x\"\n", (3, 3)),
            ("[limits]\nmessage-size = -1\n", (2, 16)),
            (
                "[[listeners]]\nservice = \"gopher\"\naddress = \"127.0.0.1:70\"\n",
                (2, 11),
            ),
            (
                "[[listeners]]\nservice = \"smtp\"\naddress = \"localhost\"\n",
                (3, 11),
            ),
            ("hostname = \n", (1, 12)),
        ] {
            let error = Config::from_toml(text).unwrap_err();
            assert_eq!(
                (error.line, error.column),
                (Some(at.0), Some(at.1)),
                "{text}: {error}"
            );
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn what_cannot_work_is_named() {
        for (text, name) in [
            ("hostname = \"-x\"", "hostname"),
            ("domains = []", "domains"),
            ("listeners = []", "listeners"),
            (
                "[[domains]]\nname = \"a\"\n[[domains]]\nname = \"A\"",
                "twice",
            ),
            ("[limits]\nrecipients = 5", "recipients"),
            ("[limits]\nmessage-size = 5", "message-size"),
            (
                "[[listeners]]\nservice = \"pop3s\"\naddress = \"[::1]:1\"\ntls = \"none\"",
                "pop3s",
            ),
        ] {
            let error = Config::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(name), "{text}: {error}");
        }
    }

    #[test]
    fn another_domain_takes_host_name_and_accounts_along() {
        let mut config = Config::default();
        config.move_to_domain("corp.test");
        assert_eq!(config.hostname, "mail.corp.test");
        assert_eq!(config.accounts, ["alice@corp.test", "bob@corp.test"]);
        assert_eq!(config.domains[0].name, "corp.test");
    }

    #[test]
    fn ports_are_the_well_known_ones_plus_a_base() {
        let ports = |base| {
            Listener::all(IpAddr::from([127, 0, 0, 1]), base)
                .into_iter()
                .map(|l| l.address.port())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            ports(10_000),
            [
                10_025, 10_587, 10_465, 10_024, 10_143, 10_993, 10_110, 10_995
            ]
        );
        assert!(ports(0).iter().all(|port| *port == 0));
    }
}
