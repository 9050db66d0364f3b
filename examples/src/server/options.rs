//! The command line of `mailserver`.

use std::{net::IpAddr, path::PathBuf};

use clap::{Parser, ValueEnum};
use mailwire_core::secret::{Secret, SecretString};

use crate::config::{Config, InvalidConfig, Listener, Service};

/// A complete mail server on loopback: SMTP, submission, LMTP and POP3 over a Maildir.
///
/// Without options it serves the demo accounts alice and bob at example.test on the well-known
/// ports plus 10000, with a CA and certificates that it makes itself.
#[derive(Debug, Parser)]
#[command(name = "mailserver", version, about, long_about)]
#[non_exhaustive]
pub struct Options {
    /// Read the configuration from FILE (TOML; examples/mailserver.toml has every setting)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Keep mail, accounts and keys in DIR [default: ./mailserver-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Listen on the well-known port plus N for every service; 0 takes free ports
    /// [default: 10000]
    #[arg(long, value_name = "N")]
    pub base_port: Option<u16>,

    /// Listen on ADDR instead of 127.0.0.1
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<IpAddr>,

    /// Serve NAME instead of example.test
    #[arg(long, value_name = "NAME")]
    pub domain: Option<String>,

    /// Make the account NAME, or set its password; may be given several times
    #[arg(long = "user", value_name = "NAME:PASSWORD", value_parser = parse_user)]
    pub users: Vec<User>,

    /// Print the configuration as a file, and end
    #[arg(long)]
    pub print_config: bool,

    /// Check the configuration with its certificates and keys, and end
    #[arg(long)]
    pub check_config: bool,

    /// When every listener is ready, print one line of JSON about them
    #[arg(long)]
    pub json: bool,

    /// For measuring only: drop mail, or keep it until the end
    #[arg(long, value_name = "STORE", conflicts_with = "config")]
    pub store: Option<MeasuringStore>,

    /// For measuring only: let IMAP clients log in without TLS, on loopback
    #[arg(long, requires = "store", conflicts_with_all = ["config", "listen"])]
    pub clear_text_login: bool,
}

/// A store that is for measuring only.
///
/// ```
/// use mailwire_examples::server::options::MeasuringStore;
/// assert_ne!(MeasuringStore::Discard, MeasuringStore::Memory);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
#[non_exhaustive]
pub enum MeasuringStore {
    /// Mail is accepted and dropped.
    Discard,
    /// Mail is kept in memory.
    Memory,
}

/// A value of `--user`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct User {
    /// The account, with or without domain.
    pub name: String,
    /// Its new password.
    password: std::sync::Arc<SecretString>,
}

impl User {
    /// The new password.
    #[must_use]
    pub fn password(&self) -> &SecretString {
        &self.password
    }
}

fn parse_user(text: &str) -> Result<User, &'static str> {
    // The value itself must not be repeated in a message, for it holds a password.
    match text.split_once(':') {
        Some((name, password)) if !name.is_empty() && !password.is_empty() => Ok(User {
            name: name.to_owned(),
            password: std::sync::Arc::new(Secret::new(password.to_owned())),
        }),
        _ => Err("NAME:PASSWORD is wanted, and neither may be empty"),
    }
}

impl Options {
    /// The configuration: that of the file or the default, with what the command line says on top.
    ///
    /// # Errors
    ///
    /// What cannot be used, with the file's name, line and column where it comes from a file.
    ///
    /// ```
    /// use clap::Parser;
    /// use mailwire_examples::server::options::Options;
    /// let options = Options::parse_from(["mailserver", "--base-port", "20000"]);
    /// assert_eq!(options.to_config().unwrap().listeners[0].address.port(), 20_025);
    /// ```
    pub fn to_config(&self) -> Result<Config, InvalidConfig> {
        let mut config = match &self.config {
            None => Config::default(),
            Some(path) => Config::from_file(path).map_err(|error| error.in_file(path))?,
        };
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        if let Some(domain) = &self.domain {
            config.move_to_domain(domain);
        }
        if let Some(address) = self.listen {
            for listener in &mut config.listeners {
                listener.address.set_ip(address);
            }
        }
        if let Some(base) = self.base_port {
            let fits = |service: &Service| base == 0 || service.port().checked_add(base).is_some();
            if !Service::ALL.iter().all(fits) {
                return Err(InvalidConfig::new(format!(
                    "--base-port {base} is too high: {} would be its port for {}",
                    u32::from(base) + u32::from(Service::Pop3s.port()),
                    Service::Pop3s,
                )));
            }
            let plain = Listener::all(IpAddr::from([127, 0, 0, 1]), base);
            for listener in &mut config.listeners {
                let moved = plain.iter().find(|l| l.service == listener.service);
                if let Some(moved) = moved {
                    listener.address.set_port(moved.address.port());
                }
            }
        }
        config.check()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from([&["mailserver"], words].concat())
    }

    #[test]
    fn the_command_line_changes_what_it_names() {
        let words = [
            "--listen",
            "127.0.0.2",
            "--base-port",
            "0",
            "--domain",
            "corp.test",
            "--data",
            "/x",
        ];
        let config = options(&words).unwrap().to_config().unwrap();
        assert!(
            config
                .listeners
                .iter()
                .all(|l| l.address == ([127, 0, 0, 2], 0).into())
        );
        assert_eq!(config.hostname, "mail.corp.test");
        assert_eq!(config.data, PathBuf::from("/x"));
    }

    #[test]
    fn a_port_beyond_the_last_one_is_one_clear_sentence() {
        let error = options(&["--base-port", "65000"])
            .unwrap()
            .to_config()
            .unwrap_err();
        assert!(error.to_string().contains("65995"), "{error}");
        assert!(
            options(&["--base-port", "64540"])
                .unwrap()
                .to_config()
                .is_ok()
        );
    }

    #[test]
    fn all_4_a_password_on_the_command_line_is_in_no_message() {
        let good = options(&["--user", "alice:hunter2canary"]).unwrap();
        assert!(!format!("{good:?}").contains("canary"));
        assert_eq!(good.users[0].password().expose(), "hunter2canary");
        for bad in ["alicecanary", ":canary", "canary:"] {
            let error = options(&["--user", bad]).unwrap_err();
            assert!(
                !crate::server::startup::one_line(&error).contains("canary"),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_store_for_measuring_is_refused_with_a_file() {
        assert!(options(&["--store", "discard"]).is_ok());
        assert!(options(&["--store", "discard", "--config", "x"]).is_err());
    }

    #[test]
    fn logins_in_clear_want_a_store_for_measuring_and_loopback() {
        let words = ["--clear-text-login", "--store", "memory"];
        assert!(options(&words).is_ok());
        assert!(options(&words[..1]).is_err());
        assert!(options(&[&words[..], &["--listen", "192.0.2.1"]].concat()).is_err());
        assert!(options(&["--clear-text-login", "--config", "x"]).is_err());
    }
}
