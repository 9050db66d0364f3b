//! How the tools end: an exit code for scripts, a sentence with a remedy for people.

use std::{
    fmt,
    io::Write,
    process::{ExitCode, Termination},
};

use clap::{Parser, error::ErrorKind};
use mailtls::{
    level::Mode,
    upgrade::HandshakeError,
    verify::{RootsError, VerifyError},
};
use mailwire::{
    AccessError, Account, DialError, Endpoint, FetchError, OpenError, OpenMailboxesError,
    OpenMaildropError, Protocol, SendError,
    imap::{client::ProtocolError as ImapFault, open as imap_open, response::Code},
    pop3::open as pop3_open,
    smtp::{
        client::{NotBegun, ProtocolError as SmtpFault, Unsupported},
        open as smtp_open,
    },
};

use crate::server::startup::one_line;

/// How a tool ends, as its exit code.
///
/// ```
/// use mailwire_examples::client::exit::Exit;
/// assert_eq!(Exit::LoginRefused.code(), 5);
/// ```
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
#[repr(u8)]
pub enum Exit {
    /// All was done.
    Done = 0,
    /// The server refused something for good: trying again without a change is of no use.
    Refused = 1,
    /// The command line, the message, the folder or the password cannot be used.
    Unusable = 2,
    /// It may work later: a temporary refusal, or no connection, or one that was lost.
    Later = 3,
    /// There is no TLS as it was asked for, or the server did not prove who it is.
    NotSecure = 4,
    /// The login was refused.
    LoginRefused = 5,
    /// Ctrl-C or SIGTERM.
    Interrupted = 130,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

/// Why a tool did not do what it was asked for: one sentence, with what to do about it.
///
/// ```
/// use mailwire_examples::client::exit::{Exit, Failure};
/// let failure = Failure::new(Exit::Unusable, "there is no user").remedy("name one in the URL");
/// assert_eq!(failure.to_string(), "there is no user; name one in the URL");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Failure {
    /// How the tool ends because of it.
    pub exit: Exit,
    sentence: String,
}

impl Failure {
    /// A failure that ends the tool in this way.
    pub fn new(exit: Exit, what: impl fmt::Display) -> Self {
        Self {
            exit,
            sentence: what.to_string(),
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl fmt::Display) -> Self {
        let joint = if self.sentence.ends_with('?') {
            ""
        } else {
            ";"
        };
        self.sentence = format!("{}{joint} {remedy}", self.sentence);
        self
    }

    /// A server may repeat what it was told.
    fn without_password(self, account: &Account) -> Self {
        if account.is_repeated_in(&self.sentence) {
            return Self::new(self.exit, "refused in words that repeat the password");
        }
        self
    }

    /// Puts in front where it happened.
    fn at(mut self, place: &Endpoint) -> Self {
        self.sentence = format!("{place}: {}", self.sentence);
        self
    }

    /// No session for sending was opened.
    #[must_use]
    pub fn not_opened(error: &OpenError, account: &Account) -> Self {
        let endpoint = account.endpoint();
        let failure = match error {
            OpenError::Dial(error) => Self::dial(error),
            OpenError::Closed => Self::silent(error, endpoint),
            OpenError::Session(error) => {
                Self::session(error, endpoint, |error| Self::smtp(error, endpoint))
            }
            error => Self::new(Exit::Later, error),
        };
        failure.without_password(account).at(endpoint)
    }

    /// No maildrop was opened.
    #[must_use]
    pub fn maildrop_not_opened(error: &OpenMaildropError, account: &Account) -> Self {
        let endpoint = account.endpoint();
        let failure = match error {
            OpenMaildropError::Dial(error) => Self::dial(error),
            OpenMaildropError::Closed => Self::silent(error, endpoint),
            OpenMaildropError::Session(error) => {
                Self::session(error, endpoint, |error| Self::pop3(error, endpoint))
            }
            error => Self::new(Exit::Later, error),
        };
        failure.without_password(account).at(endpoint)
    }

    /// No session with mailboxes was opened.
    #[must_use]
    pub fn mailboxes_not_opened(error: &OpenMailboxesError, account: &Account) -> Self {
        let endpoint = account.endpoint();
        let failure = match error {
            OpenMailboxesError::Dial(error) => Self::dial(error),
            OpenMailboxesError::Closed => Self::silent(error, endpoint),
            OpenMailboxesError::Session(error) => {
                Self::session(error, endpoint, |error| Self::imap(error, endpoint))
            }
            error => Self::new(Exit::Later, error),
        };
        failure.without_password(account).at(endpoint)
    }

    /// Something in a mailbox was not done.
    #[must_use]
    pub fn not_accessed(error: &AccessError, account: &Account) -> Self {
        let exit = match error {
            error if error.is_temporary() => Exit::Later,
            AccessError::Write(_) | AccessError::Read(_) => Exit::Unusable,
            AccessError::Session(error) => match &**error {
                mailtls::Error::Injected => Exit::NotSecure,
                _ => Exit::Later,
            },
            _ => Exit::Refused,
        };
        let failure = Self::new(exit, error).without_password(account);
        let AccessError::Refused(status) = error else {
            return failure;
        };
        match status.code() {
            Some(Code::OverQuota) => failure.remedy("make room on the server"),
            Some(Code::NoPerm) => failure.remedy("ask for the right to do it"),
            Some(Code::TooBig) => failure.remedy("the server takes no message of this size"),
            _ if error.is_temporary() => failure.remedy("try again later"),
            _ => failure,
        }
    }

    /// The message was not sent, or nobody knows.
    #[must_use]
    pub fn not_sent(error: &SendError, endpoint: &Endpoint) -> Self {
        match error {
            SendError::NotBegun(NotBegun::Unsupported(missing)) => {
                let failure = Self::new(Exit::Refused, missing).at(endpoint);
                match missing {
                    Unsupported::EightBitMime => failure.remedy(
                        "encode the message as quoted-printable or base64, or give a file where \
                         it was standard input",
                    ),
                    Unsupported::Size { .. } => failure.remedy("nothing was sent"),
                    _ => failure,
                }
            }
            SendError::Lost { .. } => Self::new(Exit::Later, error).at(endpoint),
            error => Self::new(Exit::Unusable, error),
        }
    }

    /// Something was not fetched.
    #[must_use]
    pub fn not_fetched(error: &FetchError) -> Self {
        let exit = match error {
            FetchError::Refused(response) if !response.code().is_some_and(|c| c.is_temporary()) => {
                Exit::Refused
            }
            FetchError::Spoilt(_) => Exit::Refused,
            FetchError::Write(_) => Exit::Unusable,
            _ => Exit::Later,
        };
        Self::new(exit, error)
    }

    /// A file of trusted roots that cannot be used.
    #[must_use]
    pub fn roots(error: &RootsError) -> Self {
        Self::new(Exit::Unusable, error).remedy(error.remedy())
    }

    fn dial(error: &DialError) -> Self {
        match error {
            DialError::Connect(_) | DialError::Timeout => {
                Self::new(Exit::Later, error).remedy("check host and port, and that it is running")
            }
            DialError::Random => Self::new(Exit::Later, error),
            DialError::Roots(error) => {
                Self::roots(error).remedy("or name a file of your own with --ca")
            }
            DialError::Config(fault) => Self::new(Exit::Unusable, error).remedy(fault.remedy()),
            DialError::Protocol { wanted } => {
                let schemes = match *wanted {
                    "sending" => "use smtp://, smtps:// or lmtp://",
                    "access to mailboxes" => "use imap:// or imaps://",
                    _ => "use pop3:// or pop3s://",
                };
                Self::new(Exit::Unusable, error).remedy(schemes)
            }
            error => Self::new(Exit::Unusable, error),
        }
    }

    /// What the connection itself can do, in any protocol.
    fn session<X: std::error::Error + 'static>(
        error: &mailtls::Error<X>,
        endpoint: &Endpoint,
        protocol: impl FnOnce(&X) -> Self,
    ) -> Self {
        match error {
            mailtls::Error::Protocol(error) => protocol(error),
            mailtls::Error::Handshake(error) => Self::handshake(error, endpoint),
            mailtls::Error::UnexpectedTls => Self::wrong_mode(error, endpoint),
            mailtls::Error::Injected => Self::new(Exit::NotSecure, error)
                .remedy("somebody may be tampering with the connection"),
            error => Self::new(Exit::Later, error),
        }
    }

    fn handshake(error: &HandshakeError, endpoint: &Endpoint) -> Self {
        let refused = error.fault().map(|fault| fault.rustls());
        if let Some(refused) = refused.and_then(VerifyError::from_tls) {
            let failure = Self::new(Exit::NotSecure, &refused);
            return match refused {
                VerifyError::Untrusted => failure.remedy(
                    "name the certificate of its CA with --ca if you know that it is the right one",
                ),
                // So it looks when two authorities have one name, too.
                VerifyError::BadSignature => failure.remedy(
                    "name the certificate of this server's CA with --ca; if you did, somebody may \
                     be in between",
                ),
                refused => failure.remedy(refused.remedy()),
            };
        }
        match error {
            HandshakeError::NotTls(_) => Self::wrong_mode(error, endpoint),
            HandshakeError::Closed | HandshakeError::Io(_) => Self::new(Exit::Later, error),
            error => Self::new(Exit::NotSecure, error),
        }
    }

    fn smtp(error: &smtp_open::Error, endpoint: &Endpoint) -> Self {
        use smtp_open::Error as E;
        if error.is_temporary() {
            return match error {
                // Whoever waits for us to begin with TLS does not greet.
                E::Protocol(_) => Self::silent(error, endpoint),
                error => Self::new(Exit::Later, error),
            };
        }
        match error {
            E::Protocol(SmtpFault::TlsInsteadOfGreeting) => Self::wrong_mode(error, endpoint),
            E::Protocol(SmtpFault::BufferedDataBeforeTls) => Self::new(Exit::NotSecure, error),
            E::StartTlsNotOffered | E::StartTlsRefused(_) | E::NotProtected => {
                Self::no_tls(error, endpoint)
            }
            E::LoginRefused(_) => {
                Self::new(Exit::LoginRefused, error).remedy("check user and password")
            }
            E::AuthNotOffered => Self::new(Exit::LoginRefused, error).remedy(
                "leave the user out of the URL, use the port for submission, or ask for TLS \
                     where --tls said none",
            ),
            E::Mechanism(_) | E::Sasl(_) => Self::new(Exit::LoginRefused, error),
            E::Credentials(_) => Self::new(Exit::Unusable, error),
            E::Closing(_) | E::GreetingRefused(_) | E::HelloRefused(_) => {
                Self::new(Exit::Refused, error)
            }
            error => Self::new(Exit::Later, error),
        }
    }

    fn pop3(error: &pop3_open::Error, endpoint: &Endpoint) -> Self {
        use pop3_open::Error as E;
        if error.is_temporary() {
            return Self::new(Exit::Later, error);
        }
        match error {
            E::StlsNotOffered | E::StlsRefused { .. } | E::NotProtected => {
                Self::no_tls(error, endpoint)
            }
            E::LoginRefused { .. } => {
                Self::new(Exit::LoginRefused, error).remedy("check user and password")
            }
            E::Mechanism(_) | E::Sasl(_) => Self::new(Exit::LoginRefused, error),
            E::Credentials(_) | E::Argument(_) => Self::new(Exit::Unusable, error),
            error => Self::silent(error, endpoint),
        }
    }

    fn imap(error: &imap_open::Error, endpoint: &Endpoint) -> Self {
        use imap_open::Error as E;
        if error.is_temporary() {
            return match error {
                // Whoever waits for us to begin with TLS does not greet.
                E::Protocol(_) => Self::silent(error, endpoint),
                error => Self::new(Exit::Later, error),
            };
        }
        match error {
            E::StartTlsNotOffered
            | E::StartTlsRefused { .. }
            | E::NotProtected
            | E::PreAuthInClear => Self::no_tls(error, endpoint),
            E::Protocol(ImapFault::PlaintextAfterStartTls) => Self::new(Exit::NotSecure, error),
            E::LoginRefused { .. } => {
                Self::new(Exit::LoginRefused, error).remedy("check user and password")
            }
            E::Mechanism(_) | E::Sasl(_) | E::Misuse(_) => Self::new(Exit::LoginRefused, error),
            E::Credentials(_) => Self::new(Exit::Unusable, error),
            error => Self::silent(error, endpoint),
        }
    }

    fn no_tls(error: impl fmt::Display, endpoint: &Endpoint) -> Self {
        let scheme = scheme(endpoint.protocol, Mode::Implicit);
        let failure = Self::new(Exit::NotSecure, error);
        match scheme {
            Some(scheme) => failure.remedy(format_args!(
                "if it has a port for TLS from the first octet, use {scheme}, or ask for less \
                 with --tls"
            )),
            None => failure.remedy("ask for less with --tls where the network can be trusted"),
        }
    }

    /// TLS and clear text were mixed up.
    fn wrong_mode(error: impl fmt::Display, endpoint: &Endpoint) -> Self {
        let (other, meant) = match endpoint.mode {
            Mode::StartTls => (Mode::Implicit, "with TLS from the first octet"),
            Mode::Implicit => (Mode::StartTls, "that begins in clear text"),
        };
        let failure = Self::new(Exit::NotSecure, error);
        match scheme(endpoint.protocol, other) {
            Some(scheme) => failure.remedy(format_args!("use {scheme} for a port {meant}")),
            None => failure,
        }
    }

    /// It ended without a greeting, as far as is known.
    fn silent(error: impl fmt::Display, endpoint: &Endpoint) -> Self {
        let failure = Self::new(Exit::Later, error);
        match mix_up(endpoint) {
            Some(hint) => failure.remedy(hint),
            None => failure,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Failure {}

/// What to try where a server says nothing.
pub(super) fn mix_up(endpoint: &Endpoint) -> Option<String> {
    let scheme = match endpoint.mode {
        Mode::StartTls => scheme(endpoint.protocol, Mode::Implicit)?,
        Mode::Implicit => return None,
    };
    Some(format!(
        "if the port is for TLS from the first octet, use {scheme}"
    ))
}

/// The scheme for a protocol whose TLS begins like this.
const fn scheme(protocol: Protocol, mode: Mode) -> Option<&'static str> {
    match (protocol, mode) {
        (Protocol::Smtp, Mode::StartTls) => Some("smtp://"),
        (Protocol::Smtp, Mode::Implicit) => Some("smtps://"),
        (Protocol::Lmtp, Mode::StartTls) => Some("lmtp://"),
        (Protocol::Pop3, Mode::StartTls) => Some("pop3://"),
        (Protocol::Pop3, Mode::Implicit) => Some("pop3s://"),
        (Protocol::Imap, Mode::StartTls) => Some("imap://"),
        (Protocol::Imap, Mode::Implicit) => Some("imaps://"),
        _ => None,
    }
}

/// The command line, or how the tool ends without.
///
/// # Errors
///
/// `--help` and `--version`, and what cannot be used, which is said in one sentence.
pub fn options<O: Parser>(tool: &str) -> Result<O, Exit> {
    O::try_parse().map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match error.print() {
            Ok(()) => Exit::Done,
            Err(_) => Exit::Unusable,
        },
        _ => {
            complain(tool, unusable(&error));
            Exit::Unusable
        }
    })
}

/// An error of the command line as one sentence. A URL may hold a password and is not repeated.
fn unusable(error: &clap::Error) -> String {
    let sentence = one_line(error);
    if sentence.contains("://") {
        return "there is one argument too many; see --help".to_owned();
    }
    sentence
}

/// Says a sentence on standard error.
pub fn complain(tool: &str, sentence: impl fmt::Display) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{tool}: {sentence}");
}

#[cfg(test)]
mod tests {
    use mailwire::smtp::reply::{Code, Reply};

    use super::*;

    fn endpoint(line: &str) -> Endpoint {
        line.parse().unwrap()
    }

    fn opening(error: mailtls::Error<smtp_open::Error>, line: &str) -> Failure {
        let account = Account::new(endpoint(line));
        Failure::not_opened(&OpenError::Session(Box::new(error)), &account)
    }

    #[test]
    fn a_mix_up_of_modes_names_the_other_scheme() {
        use mailtls::Error as E;
        let tls = opening(E::UnexpectedTls, "smtp://h:465");
        assert_eq!(tls.exit, Exit::NotSecure);
        assert!(tls.to_string().ends_with(
            "is the port meant for implicit TLS? use smtps:// for a port with TLS from the first octet"
        ), "{tls}");
        let clear = HandshakeError::NotTls(mailtls::sniff::FirstOctets::SmtpServer);
        let clear = opening(E::Handshake(clear), "smtps://h:587");
        assert!(
            clear
                .to_string()
                .contains("use smtp:// for a port that begins in clear text"),
            "{clear}"
        );
        let silent =
            Failure::not_opened(&OpenError::Closed, &Account::new(endpoint("smtp://h:465")));
        assert_eq!(silent.exit, Exit::Later);
        assert!(silent.to_string().contains("smtps://"), "{silent}");
    }

    #[test]
    fn all_4_a_refusal_that_repeats_the_password_is_not_shown() {
        for (text, shown) in [
            ("no", true),
            ("bad: canary", false),
            ("bad: Y2FuYXJ5", false),
        ] {
            let reply = Reply::new(Code::AUTH_FAILED, None, text);
            let error = mailtls::Error::Protocol(smtp_open::Error::LoginRefused(reply));
            let failure = opening(error, "smtp://alice:canary@h");
            assert_eq!(failure.exit, Exit::LoginRefused);
            assert_eq!(failure.to_string().contains(text), shown, "{failure}");
        }
    }

    #[test]
    fn a_refused_login_is_told_from_a_server_in_trouble() {
        let refused = |code: Code| {
            let reply = Reply::new(code, None, "no");
            opening(
                mailtls::Error::Protocol(smtp_open::Error::LoginRefused(reply)),
                "smtp://h",
            )
        };
        assert_eq!(refused(Code::AUTH_FAILED).exit, Exit::LoginRefused);
        assert_eq!(refused(Code::TEMPORARY_AUTH_FAILURE).exit, Exit::Later);
        let missing = mailtls::Error::Protocol(smtp_open::Error::StartTlsNotOffered);
        assert_eq!(opening(missing, "smtp://h").exit, Exit::NotSecure);
    }
}
