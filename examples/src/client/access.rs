//! The options that all tools have: which server, as whom, over how much TLS.

use std::{
    convert::Infallible,
    ffi::OsString,
    fs::File,
    future::Future,
    io::{BufRead, BufReader, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    pin::pin,
    str::FromStr,
    time::Duration,
};

use clap::Args;
use mailtls::{level::Level, verify::Roots};
use mailwire::{Account, Endpoint, InvalidEndpoint};
use mailwire_core::secret::{Secret, SecretString};

use super::exit::{Exit, Failure, complain, mix_up};

/// The variable of the environment with the password.
pub const PASSWORD: &str = "MAILWIRE_PASSWORD";

/// Octets of a password file that are looked at: far above what any mechanism takes.
const MAX_PASSWORD: u64 = 4096;

/// Time without a greeting after which a mix-up of modes is thought of. RFC 5321 §4.5.3.2.1 has us
/// wait for five minutes.
const SILENCE: Duration = Duration::from_secs(5);

/// How the server is reached.
///
/// ```
/// use clap::Parser;
/// use mailwire_examples::client::send::Options;
/// let words = ["mailsend", "smtp://localhost", "--to", "bob@example.test", "--tls", "may", "-"];
/// let options = Options::try_parse_from(words)?;
/// assert_eq!(options.access.tls, mailtls::level::Level::May);
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Args, Debug)]
#[non_exhaustive]
pub struct Access {
    /// Trust the CA certificates in FILE (PEM) instead of those of the system
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// Ask for this much TLS: none, may, encrypt, verify or secure
    #[arg(long, value_name = "LEVEL", default_value = "secure")]
    pub tls: Level,

    /// Take the password from the first line of FILE; without it, from the variable
    /// MAILWIRE_PASSWORD, and on a terminal from a question
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Print one JSON document on standard output
    #[arg(long)]
    pub json: bool,

    /// Show every line of the dialogue on standard error, with secrets and messages masked
    #[arg(long)]
    pub trace: bool,
}

/// The URL of a server. It is never repeated in an error, for it may hold a password.
///
/// ```
/// use mailwire_examples::client::access::ServerUrl;
/// let url: ServerUrl = "smtp://alice:canary@localhost".parse()?;
/// assert!(!format!("{url:?}").contains("canary"));
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Clone, Debug)]
pub struct ServerUrl(Result<Endpoint, InvalidEndpoint>);

impl FromStr for ServerUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.parse()))
    }
}

impl ServerUrl {
    /// The server that it names.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    ///
    /// ```
    /// use mailwire_examples::client::access::ServerUrl;
    /// let url: ServerUrl = "localhost:587".parse()?;
    /// assert!(url.endpoint().unwrap_err().to_string().contains("smtp://"));
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    pub fn endpoint(&self) -> Result<Endpoint, Failure> {
        self.0
            .clone()
            .map_err(|error| Failure::new(Exit::Unusable, format_args!("the URL: {error}")))
    }
}

impl Access {
    /// The account at an endpoint, with its password. It may ask for that and blocks meanwhile.
    ///
    /// # Errors
    ///
    /// A file that cannot be used, or a password that is nowhere.
    pub fn account(&self, endpoint: Endpoint, tool: &'static str) -> Result<Account, Failure> {
        let user = endpoint.user.clone();
        let mut account = Account::new(endpoint).level(self.tls);
        if let Some(ca) = &self.ca {
            account = account.roots(Roots::from_pem_file(ca).map_err(|e| Failure::roots(&e))?);
        }
        if self.trace {
            account = account.trace(|line| {
                // Where standard error is closed nobody looks on.
                let _ = writeln!(std::io::stderr(), "{line}");
            });
        }
        match (user, &self.password_file) {
            (None, Some(_)) => Err(Failure::new(
                Exit::Unusable,
                "there is a password file and no user to log in",
            )
            .remedy("name the user in the URL: scheme://USER@HOST")),
            (Some(_), Some(path)) => {
                let password = from_file(path)?;
                Ok(account.password(password.expose().as_str()))
            }
            (Some(user), None) if account.needs_password() => {
                let from_environment = from_environment(std::env::var_os(PASSWORD))?;
                let password = match from_environment {
                    Some(password) => password,
                    None => ask(&user, account.endpoint(), tool)?,
                };
                Ok(account.password(password.expose().as_str()))
            }
            _ => Ok(account),
        }
    }
}

/// Waits for a session to be open, and says what may be wrong when the server keeps silent.
///
/// # Cancel safety
///
/// As that of `opening`.
pub async fn patiently<T>(
    opening: impl Future<Output = T>,
    endpoint: &Endpoint,
    tool: &'static str,
) -> T {
    let mut opening = pin!(opening);
    match (
        tokio::time::timeout(SILENCE, opening.as_mut()).await,
        mix_up(endpoint),
    ) {
        (Ok(opened), _) => return opened,
        (Err(_), Some(hint)) => {
            complain(tool, format_args!("{endpoint} says nothing so far; {hint}"))
        }
        (Err(_), None) => {}
    }
    opening.await
}

fn from_file(path: &Path) -> Result<SecretString, Failure> {
    let unusable = |why: &dyn std::fmt::Display| {
        let place = path.display();
        Failure::new(
            Exit::Unusable,
            format_args!("the password file {place} {why}"),
        )
    };
    let file =
        File::open(path).map_err(|error| unusable(&format_args!("cannot be read: {error}")))?;
    let mut line = Secret::new(Vec::new());
    let mut reader = BufReader::new(file.take(MAX_PASSWORD));
    let read = reader.read_until(b'\n', line.expose_mut());
    read.map_err(|error| unusable(&format_args!("cannot be read: {error}")))?;
    let text = line.expose().strip_suffix(b"\n").unwrap_or(line.expose());
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let text = std::str::from_utf8(text).map_err(|_| unusable(&"is not UTF-8"))?;
    if text.is_empty() {
        return Err(unusable(&"begins with an empty line"));
    }
    Ok(Secret::new(text.to_owned()))
}

fn from_environment(value: Option<OsString>) -> Result<Option<SecretString>, Failure> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    match value.into_string() {
        Ok(password) => Ok(Some(Secret::new(password))),
        Err(_) => Err(Failure::new(
            Exit::Unusable,
            format_args!("the password in {PASSWORD} is not UTF-8"),
        )),
    }
}

fn ask(user: &str, endpoint: &Endpoint, tool: &str) -> Result<SecretString, Failure> {
    let missing = || {
        Failure::new(
            Exit::Unusable,
            format_args!("there is no password for {user}"),
        )
        .remedy(format_args!(
            "set {PASSWORD}, give --password-file, or run {tool} on a terminal"
        ))
    };
    if !std::io::stderr().is_terminal() {
        return Err(missing());
    }
    let question = format!("Password of {user} at {endpoint}: ");
    let answer = rpassword::prompt_password(question).map_err(|_| missing())?;
    if answer.is_empty() {
        return Err(missing());
    }
    Ok(Secret::new(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &[u8]) -> Result<SecretString, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        std::fs::write(&path, text).unwrap();
        from_file(&path)
    }

    #[test]
    fn a_password_file_is_its_first_line() {
        for text in ["p w", "p w\n", "p w\r\n", "p w\nsecond\n"] {
            assert_eq!(file(text.as_bytes()).unwrap().expose(), "p w", "{text:?}");
        }
        for text in [&b""[..], b"\n", b"\r\n", b"\xff\n"] {
            assert_eq!(file(text).unwrap_err().exit, Exit::Unusable, "{text:?}");
        }
    }

    #[test]
    fn an_empty_variable_is_none() {
        assert!(from_environment(None).unwrap().is_none());
        assert!(from_environment(Some("".into())).unwrap().is_none());
        let found = from_environment(Some("x".into())).unwrap().unwrap();
        assert_eq!(found.expose(), "x");
    }
}
