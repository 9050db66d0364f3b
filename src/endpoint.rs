//! Where a server is, as one line: `smtps://alice@mail.example.test`.

use std::{fmt, str::FromStr};

use mailtls::level::Mode;
use mailwire_core::secret::{Secret, SecretString};

/// A server and the user on it.
///
/// | scheme | protocol | TLS | port |
/// |---|---|---|---|
/// | `smtp` | message submission (RFC 6409) | STARTTLS | 587 |
/// | `smtps` | message submission (RFC 8314 §3.3) | from the first octet | 465 |
/// | `lmtp` | local delivery (RFC 2033) | STARTTLS | 24 |
/// | `imap` | IMAP (RFC 9051) | STARTTLS | 143 |
/// | `imaps` | IMAP (RFC 8314 §3.2) | from the first octet | 993 |
/// | `pop3` | POP3 (RFC 1939) | STLS | 110 |
/// | `pop3s` | POP3 (RFC 8314 §3.2) | from the first octet | 995 |
///
/// User and password are percent-decoded, so an `@` in them is written `%40`. A password in a line
/// ends up in histories and process lists; [`Account::password`](crate::Account::password) is the
/// better place.
///
/// ```
/// use mailwire::Endpoint;
/// let endpoint: Endpoint = "smtps://alice%40example.test@mail.example.test".parse()?;
/// assert_eq!(endpoint.user.as_deref(), Some("alice@example.test"));
/// assert_eq!((endpoint.host.as_str(), endpoint.port), ("mail.example.test", 465));
/// # Ok::<(), mailwire::InvalidEndpoint>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Endpoint {
    /// What is spoken.
    pub protocol: Protocol,
    /// How TLS begins.
    pub mode: Mode,
    /// As whom to log in.
    pub user: Option<String>,
    /// The password, where the line has one.
    pub(crate) password: Option<std::sync::Arc<SecretString>>,
    /// The host name or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A protocol that an [`Endpoint`] can name.
///
/// ```
/// let endpoint: mailwire::Endpoint = "lmtp://localhost".parse()?;
/// assert_eq!(endpoint.protocol, mailwire::Protocol::Lmtp);
/// # Ok::<(), mailwire::InvalidEndpoint>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Protocol {
    /// SMTP and submission.
    Smtp,
    /// LMTP.
    Lmtp,
    /// IMAP.
    Imap,
    /// POP3.
    Pop3,
}

/// Why a line is no [`Endpoint`].
///
/// ```
/// let error = "http://x".parse::<mailwire::Endpoint>().unwrap_err();
/// assert!(error.to_string().contains("pop3s"));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEndpoint {
    /// Something stands behind host and port.
    #[error("nothing may follow the host and port")]
    Behind,
    /// A `%` without two hexadecimal digits, or octets that are no UTF-8.
    #[error("a % in user or password is not followed by two hexadecimal digits of UTF-8")]
    Escape,
    /// There is no host, or a bracket is missing.
    #[error("expected a host behind the scheme: scheme://user@host:port")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// None of those we know.
    #[error("expected one of smtp://, smtps://, lmtp://, imap://, imaps://, pop3://, pop3s://")]
    Scheme,
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(line: &str) -> Result<Self, InvalidEndpoint> {
        let (scheme, rest) = line.split_once("://").ok_or(InvalidEndpoint::Scheme)?;
        let (protocol, mode, usual_port) = match scheme.to_ascii_lowercase().as_str() {
            "smtp" => (Protocol::Smtp, Mode::StartTls, 587),
            "smtps" => (Protocol::Smtp, Mode::Implicit, 465),
            "lmtp" => (Protocol::Lmtp, Mode::StartTls, 24),
            "imap" => (Protocol::Imap, Mode::StartTls, 143),
            "imaps" => (Protocol::Imap, Mode::Implicit, 993),
            "pop3" => (Protocol::Pop3, Mode::StartTls, 110),
            "pop3s" => (Protocol::Pop3, Mode::Implicit, 995),
            _ => return Err(InvalidEndpoint::Scheme),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // What was meant for a password may hold an @ that nobody has escaped.
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        if place.contains(['/', '?', '#']) {
            return Err(InvalidEndpoint::Behind);
        }
        let (host, port) = match place.strip_prefix('[') {
            Some(inside) => {
                let (host, behind) = inside.split_once(']').ok_or(InvalidEndpoint::Host)?;
                let port = match behind.strip_prefix(':') {
                    Some(port) => Some(port),
                    None if behind.is_empty() => None,
                    None => return Err(InvalidEndpoint::Host),
                };
                (host, port)
            }
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        if host.is_empty() {
            return Err(InvalidEndpoint::Host);
        }
        let port = match port {
            None => usual_port,
            Some(digits) if digits.bytes().all(|octet| octet.is_ascii_digit()) => digits
                .parse()
                .ok()
                .filter(|p| *p > 0)
                .ok_or(InvalidEndpoint::Port)?,
            Some(_) => return Err(InvalidEndpoint::Port),
        };
        let (user, password) =
            match login.map(|l| l.split_once(':').map_or((l, None), |(u, p)| (u, Some(p)))) {
                None => (None, None),
                Some((user, password)) => (Some(decode(user)?), password.map(decode).transpose()?),
            };
        Ok(Self {
            protocol,
            mode,
            user: user.filter(|user| !user.is_empty()),
            password: password.map(|password| std::sync::Arc::new(Secret::new(password))),
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("protocol", &self.protocol)
            .field("mode", &self.mode)
            .field("user", &self.user)
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

fn decode(text: &str) -> Result<String, InvalidEndpoint> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((octet, behind)) = rest.split_first() {
        rest = behind;
        if *octet != b'%' {
            octets.push(*octet);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2).ok_or(InvalidEndpoint::Escape)?;
        let digits = std::str::from_utf8(digits).map_err(|_| InvalidEndpoint::Escape)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(InvalidEndpoint::Escape);
        }
        octets.push(u8::from_str_radix(digits, 16).map_err(|_| InvalidEndpoint::Escape)?);
        rest = behind;
    }
    String::from_utf8(octets).map_err(|_| InvalidEndpoint::Escape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_has_its_port_and_mode() {
        for (line, protocol, mode, port) in [
            ("smtp://h", Protocol::Smtp, Mode::StartTls, 587),
            ("SMTPS://h/", Protocol::Smtp, Mode::Implicit, 465),
            ("lmtp://h", Protocol::Lmtp, Mode::StartTls, 24),
            ("imap://h", Protocol::Imap, Mode::StartTls, 143),
            ("imaps://h", Protocol::Imap, Mode::Implicit, 993),
            ("pop3://h", Protocol::Pop3, Mode::StartTls, 110),
            ("pop3s://h", Protocol::Pop3, Mode::Implicit, 995),
            ("pop3s://h:10995", Protocol::Pop3, Mode::Implicit, 10_995),
        ] {
            let endpoint: Endpoint = line.parse().unwrap();
            assert_eq!(
                (endpoint.protocol, endpoint.mode, endpoint.port),
                (protocol, mode, port)
            );
            assert_eq!(
                (endpoint.host.as_str(), endpoint.user),
                ("h", None),
                "{line}"
            );
        }
    }

    #[test]
    fn user_password_and_addresses_are_taken_apart() {
        let parse = |line: &str| line.parse::<Endpoint>().unwrap();
        let endpoint = parse("smtp://al%3Aice:p%40ss:w@rd@[::1]:2525");
        assert_eq!(endpoint.user.as_deref(), Some("al:ice"));
        assert_eq!(endpoint.password.as_ref().unwrap().expose(), "p@ss:w@rd");
        assert_eq!(endpoint.to_string(), "[::1]:2525");
        assert_eq!(parse("smtp://@h").user, None);
    }

    #[test]
    fn all_4_a_password_is_not_shown() {
        let endpoint: Endpoint = "smtp://alice:canary@h".parse().unwrap();
        assert!(!format!("{endpoint:?} {endpoint}").contains("canary"));
    }

    #[test]
    fn what_is_no_endpoint_says_why() {
        for (line, error) in [
            ("mail.example.test", InvalidEndpoint::Scheme),
            ("http://h", InvalidEndpoint::Scheme),
            ("smtp://", InvalidEndpoint::Host),
            ("smtp://u@", InvalidEndpoint::Host),
            ("smtp://[::1", InvalidEndpoint::Host),
            ("smtp://[::1]x", InvalidEndpoint::Host),
            ("smtp://h:", InvalidEndpoint::Port),
            ("smtp://h:0", InvalidEndpoint::Port),
            ("smtp://h:+25", InvalidEndpoint::Port),
            ("smtp://h:65536", InvalidEndpoint::Port),
            ("smtp://h/path", InvalidEndpoint::Behind),
            ("smtp://h?x", InvalidEndpoint::Behind),
            ("smtp://%zz@h", InvalidEndpoint::Escape),
            ("smtp://%f@h", InvalidEndpoint::Escape),
            ("smtp://%ff@h", InvalidEndpoint::Escape),
        ] {
            assert_eq!(line.parse::<Endpoint>().map(|_| ()), Err(error), "{line}");
        }
    }
}
