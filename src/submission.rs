//! Sending: a session with a submission or LMTP server.

use std::{fmt, io, net::IpAddr};

use bytes::{Bytes, BytesMut};
use mailtls::{Connection, Turn};
use mailwire_smtp::{
    address::{AddressLiteral, ClientName, ForwardPath, Host, Mailbox, ReversePath},
    client::{
        self, AuthOver, Client, Envelope, NotBegun, Outcome, Progress, ProtocolError, Transaction,
    },
    command::Command,
    error::InvalidValue,
    extension::Extension,
    open::{self, Event, Login, Open},
    params::BodyType,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    net::TcpStream,
};

use crate::{
    account::{Account, DialError},
    endpoint::Protocol,
    line_ends::{BareCr, LineEnds},
};

/// Octets of a message that are read at once.
const PIECE: usize = 64 * 1024;

/// A session in which messages can be sent.
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use mailwire::{Account, Submission};
/// let account = Account::new("smtps://alice@mail.example.test".parse()?).password("secret");
/// let mut submission = Submission::open(&account).await?;
/// let message = b"Subject: hello\r\n\r\nIt works.\r\n";
/// let report = submission.send("alice@example.test", &["bob@example.test"], message).await?;
/// assert!(report.is_delivered());
/// submission.quit().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Submission {
    connection: Connection<Client, TcpStream>,
}

impl Submission {
    /// Connects, turns to TLS, and logs in where the endpoint names a user.
    ///
    /// # Errors
    ///
    /// [`OpenError`], with the server's words where it was the server.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn open(account: &Account) -> Result<Self, OpenError> {
        let client = match account.endpoint().protocol {
            Protocol::Smtp => client::Config::smtp(),
            Protocol::Lmtp => client::Config::lmtp(),
            _ => return Err(DialError::Protocol { wanted: "sending" }.into()),
        };
        let dialled = account.dial().await?;
        let literal = match dialled.local.to_canonical() {
            IpAddr::V4(address) => AddressLiteral::V4(address),
            IpAddr::V6(address) => AddressLiteral::V6(address),
        };
        let name = ClientName::from(Host::Literal(literal));
        let mut config = open::Config::new(name, dialled.upgrade);
        config.client = client;
        if account.clear_text_is_wanted() {
            config.client.auth_over = AuthOver::TlsOrClearText;
        }
        if let Some((user, password, nonce)) = account.login()? {
            let login = Login::new(user, password, nonce).map_err(DialError::from)?;
            config = config.with_login(login);
        }
        let machine = Open::new(config);
        let mut connection = match dialled.upgrade {
            mailwire_core::machine::Upgrade::Implicit => {
                Connection::implicit(dialled.socket, machine, dialled.tls)
            }
            _ => Connection::new(dialled.socket, machine, dialled.tls),
        };
        if let Some(trace) = dialled.trace {
            connection = connection.with_trace(trace);
        }
        loop {
            match connection.next_event().await.map_err(OpenError::session)? {
                Some(Event::Ready(client)) => {
                    return Ok(Self {
                        connection: connection.swap(*client),
                    });
                }
                Some(Event::NeedDerivation(derivation)) => {
                    // Some milliseconds of a processor, on a thread that holds nobody up.
                    let derived = tokio::task::spawn_blocking(move || derivation.run());
                    let derived = connection
                        .during(derived)
                        .await
                        .map_err(|_| OpenError::Derivation)?;
                    let taken = connection.machine().derived(&derived);
                    taken.map_err(|misuse| {
                        OpenError::session(mailtls::Error::Protocol(misuse.into()))
                    })?;
                }
                Some(_) => {}
                None => return Err(OpenError::Closed),
            }
        }
    }

    /// Sends one message. What stands between `from` and `to` is only the envelope: the header of
    /// the message is as the caller wrote it.
    ///
    /// Line ends may be LF or CRLF. A recipient that is refused costs the others nothing.
    ///
    /// # Errors
    ///
    /// [`SendError`]. Refusals are no errors: they are in the report.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped in the middle of a message, the session is only good for being
    /// dropped; nobody knows then what became of the message.
    pub async fn send(
        &mut self,
        from: &str,
        to: &[&str],
        message: &[u8],
    ) -> Result<Report, SendError> {
        let envelope = envelope(from, to, message)?;
        self.send_from(envelope, message, |_| {}).await
    }

    /// Sends one message of any size from a reader. `progress` is told how many octets of it were
    /// handed over.
    ///
    /// # Errors
    ///
    /// As [`Submission::send`]; a reader that fails ends the session, for a message that was begun
    /// cannot be taken back otherwise.
    ///
    /// # Cancel safety
    ///
    /// As [`Submission::send`].
    ///
    /// ```no_run
    /// # async fn f(mut submission: mailwire::Submission) -> Result<(), Box<dyn std::error::Error>> {
    /// let envelope = mailwire::envelope("alice@example.test", &["bob@example.test"], b"")?;
    /// let file = tokio::fs::File::open("message.eml").await?;
    /// let report = submission.send_from(envelope, file, |octets| eprintln!("{octets}")).await?;
    /// # Ok(()) }
    /// ```
    pub async fn send_from(
        &mut self,
        envelope: Envelope,
        mut message: impl AsyncRead + Unpin,
        mut progress: impl FnMut(u64),
    ) -> Result<Report, SendError> {
        let mut transaction = Transaction::begin(self.connection.machine(), envelope)?;
        let mut line_ends = LineEnds::default();
        let mut handed_over = 0;
        loop {
            match self.connection.turn().await {
                Ok(Turn::Event(event)) => {
                    let machine = self.connection.machine();
                    if transaction.handle(machine, event) == Progress::Done {
                        return Ok(Report::of(&transaction));
                    }
                }
                Ok(Turn::Room) => {
                    let piece = self
                        .connection
                        .during(read(&mut message, &mut line_ends))
                        .await;
                    let piece = piece.inspect_err(|_| self.connection.machine().abort())?;
                    let machine = self.connection.machine();
                    let written = match piece {
                        Some((piece, octets)) => {
                            handed_over += octets;
                            progress(handed_over);
                            if piece.is_empty() {
                                Ok(())
                            } else {
                                transaction.write_body(machine, piece)
                            }
                        }
                        None => transaction.end_body(machine),
                    };
                    if let Err(misuse) = written {
                        machine.abort();
                        return Err(NotBegun::from(misuse).into());
                    }
                }
                Ok(Turn::Closed) => return Err(lost(transaction, None)),
                Err(error) => return Err(lost(transaction, Some(error))),
            }
        }
    }

    /// Octets that the server takes in one message, where it says so (RFC 1870).
    ///
    /// ```no_run
    /// # fn f(submission: &mut mailwire::Submission) {
    /// let fits = submission.max_size().is_none_or(|max| 12_000 <= max);
    /// # }
    /// ```
    pub fn max_size(&mut self) -> Option<u64> {
        self.connection
            .machine()
            .capabilities()?
            .size()
            .filter(|max| *max > 0)
    }

    /// Whether the server offers an extension.
    ///
    /// ```no_run
    /// # fn f(submission: &mut mailwire::Submission) {
    /// let utf8 = submission.offers(mailwire::smtp::extension::Extension::SmtpUtf8);
    /// # }
    /// ```
    pub fn offers(&mut self, extension: Extension) -> bool {
        self.connection
            .machine()
            .capabilities()
            .is_some_and(|offered| offered.offers(extension))
    }

    /// Ends the session in order. What was reported as delivered stays delivered, however the
    /// server takes its leave (RFC 5321 §4.1.1.10), so there is no error to tell of.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn quit(mut self) {
        if self.connection.machine().send(Command::Quit).is_ok() {
            while let Ok(Some(_)) = self.connection.next_event().await {}
        }
    }
}

/// An envelope from plain addresses, for a message that begins with `message`: 8BITMIME is asked
/// for where it holds such octets, and its length is announced. Give an empty one where the message
/// is not at hand; then it counts as one with 8 bits and of unknown size.
///
/// # Errors
///
/// [`SendError::Address`] for what is no address; an empty `from` is the null sender.
///
/// ```
/// let envelope = mailwire::envelope("alice@example.test", &["bob@example.test"], b"Hi\r\n")?;
/// assert_eq!(envelope.size, Some(4));
/// assert!(mailwire::envelope("alice", &["bob@example.test"], b"").is_err());
/// # Ok::<(), mailwire::SendError>(())
/// ```
pub fn envelope(from: &str, to: &[&str], message: &[u8]) -> Result<Envelope, SendError> {
    let address = |text: &str| {
        let wrong = |error| SendError::Address {
            address: text.to_owned(),
            error,
        };
        text.parse::<Mailbox>().map_err(wrong)
    };
    let from = if from.is_empty() {
        ReversePath::Null
    } else {
        address(from)?.into()
    };
    let mut envelope = Envelope::new(from);
    for recipient in to {
        envelope.add(ForwardPath::from(address(recipient)?));
    }
    if !message.is_empty() {
        let bare = message.iter().filter(|octet| **octet == b'\n').count();
        let crlf = message.windows(2).filter(|pair| pair == b"\r\n").count();
        // A last line without an end gets one.
        let end = if message.ends_with(b"\n") { 0 } else { 2 };
        envelope.size = u64::try_from(message.len() + bare.saturating_sub(crlf) + end).ok();
        if message.is_ascii() {
            envelope.body = BodyType::SevenBit;
        }
    }
    Ok(envelope)
}

/// The next octets for the server, and how many of the message's they are; `None` at its end.
async fn read(
    message: &mut (impl AsyncRead + Unpin),
    line_ends: &mut LineEnds,
) -> Result<Option<(Bytes, u64)>, SendError> {
    let mut piece = BytesMut::with_capacity(PIECE);
    let read = message
        .read_buf(&mut piece)
        .await
        .map_err(SendError::Read)?;
    if read == 0 {
        line_ends.finish()?;
        return Ok(None);
    }
    let octets = u64::try_from(read).unwrap_or_default();
    Ok(Some((line_ends.push(piece.freeze())?, octets)))
}

fn lost(mut transaction: Transaction, error: Option<mailtls::Error<ProtocolError>>) -> SendError {
    transaction.connection_lost();
    SendError::Lost {
        report: Report::of(&transaction),
        error: error.map(Box::new),
    }
}

/// What became of a message, for each recipient.
///
/// ```
/// use mailwire::{Report, smtp::client::Outcome};
/// fn missing(report: &Report) -> Vec<String> {
///     let missing = report.iter().filter(|(_, outcome)| !matches!(outcome, Outcome::Delivered(_)));
///     missing.map(|(to, _)| to.to_string()).collect()
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Report(Vec<(ForwardPath, Outcome)>);

impl Report {
    fn of(transaction: &Transaction) -> Self {
        let recipients = transaction
            .recipients()
            .iter()
            .map(|recipient| recipient.to.clone());
        Self(recipients.zip(transaction.outcomes()).collect())
    }

    /// Each recipient with its outcome, in the order of the envelope.
    pub fn iter(&self) -> impl Iterator<Item = (&ForwardPath, &Outcome)> {
        self.0
            .iter()
            .map(|(recipient, outcome)| (recipient, outcome))
    }

    /// Whether every recipient has it.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        self.0
            .iter()
            .all(|(_, outcome)| matches!(outcome, Outcome::Delivered(_)))
    }
}

/// Why no session was opened.
///
/// ```
/// fn again(error: &mailwire::OpenError) -> bool { error.is_temporary() }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The server closed the connection without a word.
    #[error("the server closed the connection")]
    Closed,
    /// The thread that derived a key from the password was lost.
    #[error("the key could not be derived from the password")]
    Derivation,
    /// No connection was made.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The session ended before it was open.
    #[error(transparent)]
    Session(Box<mailtls::Error<open::Error>>),
}

impl OpenError {
    fn session(error: mailtls::Error<open::Error>) -> Self {
        Self::Session(Box::new(error))
    }

    /// Whether it may work later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Closed | Self::Dial(DialError::Connect(_) | DialError::Timeout) => true,
            Self::Session(error) => match &**error {
                mailtls::Error::Protocol(error) => error.is_temporary(),
                error => matches!(
                    error,
                    mailtls::Error::Io(_)
                        | mailtls::Error::HandshakeTimeout
                        | mailtls::Error::WriteStalled
                ),
            },
            _ => false,
        }
    }
}

/// Why a message was not sent. Refusals by the server are in the [`Report`], not here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// A text that is no address.
    #[error("{address:?} is no mail address: {error}")]
    Address {
        /// The text.
        address: String,
        /// What was expected, and where.
        error: InvalidValue,
    },
    /// A CR without LF in the message: what it means to others nobody knows, so it is not sent.
    #[error(transparent)]
    BareCr(#[from] BareCr),
    /// The connection ended; the report says for whom that leaves the outcome open.
    #[error("the connection was lost{}", error.as_ref().map(|e| format!(": {e}")).unwrap_or_default())]
    Lost {
        /// What is known.
        report: Report,
        /// Why, where it did not end in order.
        error: Option<Box<mailtls::Error<ProtocolError>>>,
    },
    /// Nothing was sent.
    #[error(transparent)]
    NotBegun(#[from] NotBegun),
    /// The message could not be read.
    #[error("the message cannot be read: {0}")]
    Read(io::Error),
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (recipient, outcome) in self.iter() {
            match outcome {
                Outcome::Delivered(reply) => {
                    writeln!(f, "{recipient} delivered: {}", reply.to_text())?
                }
                Outcome::Rejected(reply) => {
                    writeln!(f, "{recipient} refused: {}", reply.to_text())?
                }
                Outcome::NotSent => writeln!(f, "{recipient} not sent")?,
                _ => writeln!(f, "{recipient} unknown: it may have been delivered")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(message: &[u8]) -> (Option<u64>, BodyType) {
        let envelope = envelope("", &["bob@example.test"], message).unwrap();
        (envelope.size, envelope.body)
    }

    #[test]
    fn an_envelope_announces_what_is_sent() {
        for (message, size) in [("a\nb\n", 6), ("a\r\nb\r\n", 6), ("a\nb", 6), ("\n", 2)] {
            assert_eq!(
                of(message.as_bytes()),
                (Some(size), BodyType::SevenBit),
                "{message:?}"
            );
        }
        assert_eq!(of(b"\xff\n"), (Some(3), BodyType::EightBitMime));
        assert_eq!(of(b""), (None, BodyType::EightBitMime));
    }

    #[test]
    fn what_is_no_address_is_named() {
        for (from, to) in [
            ("alice", "bob@example.test"),
            ("alice@example.test", "bob"),
            ("", ""),
        ] {
            let error = envelope(from, &[to], b"").unwrap_err();
            assert!(matches!(error, SendError::Address { .. }), "{error}");
        }
    }
}
