//! Fetching: a session with a POP3 server.

use std::{collections::BTreeMap, io};

use mailtls::{Connection, Turn};
use mailwire_core::{dot::BodyFault, machine::Upgrade, text::ByteStr};
use mailwire_pop3::{
    ClearText, Client, Command, MessageNumber, Misuse, ProtocolError, Response,
    client::{CommandId, Event},
    open::{self, Login, Open},
};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    account::{Account, DialError},
    endpoint::Protocol,
};

/// A session with an open maildrop.
///
/// ```no_run
/// # async fn f(mut seen: std::collections::HashSet<String>) -> Result<(), Box<dyn std::error::Error>> {
/// use mailwire::{Account, Maildrop};
/// let account = Account::new("pop3s://bob@mail.example.test".parse()?).password("secret");
/// let mut maildrop = Maildrop::open(&account).await?;
/// for message in maildrop.list().await? {
///     if seen.insert(message.unique_id().to_owned()) {
///         let octets = maildrop.retrieve(&message).await?;
///         println!("{}", String::from_utf8_lossy(&octets));
///     }
/// }
/// maildrop.quit().await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Maildrop {
    connection: Connection<Client, TcpStream>,
}

/// A message of a maildrop.
///
/// ```
/// fn large(message: &mailwire::Message) -> bool { message.octets > 10_000_000 }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// Its number in this session.
    pub number: MessageNumber,
    /// Its size as the server counts it.
    pub octets: u64,
    unique_id: ByteStr,
}

impl Message {
    /// What names the message in every session (RFC 1939 §7); empty where the server has no UIDL.
    /// The server chooses it: do not make a file name of it unchecked.
    #[must_use]
    pub fn unique_id(&self) -> &str {
        &self.unique_id
    }
}

impl Maildrop {
    /// Connects, turns to TLS, and logs in.
    ///
    /// # Errors
    ///
    /// [`OpenMaildropError`], with the server's words where it was the server.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn open(account: &Account) -> Result<Self, OpenMaildropError> {
        if account.endpoint().protocol != Protocol::Pop3 {
            return Err(DialError::Protocol { wanted: "fetching" }.into());
        }
        let Some((user, password, nonce)) = account.login()? else {
            let missing = match account.endpoint().user {
                Some(_) => DialError::NoPassword,
                None => DialError::NoUser,
            };
            return Err(missing.into());
        };
        let login = Login::new(user, password, nonce).map_err(DialError::from)?;
        let dialled = account.dial().await?;
        let mut config = open::Config::new(dialled.upgrade).with_login(login);
        if account.clear_text_is_wanted() {
            config.client.clear_text = ClearText::Permitted;
        }
        let machine = Open::new(config);
        let mut connection = match dialled.upgrade {
            Upgrade::Implicit => Connection::implicit(dialled.socket, machine, dialled.tls),
            _ => Connection::new(dialled.socket, machine, dialled.tls),
        };
        if let Some(trace) = dialled.trace {
            connection = connection.with_trace(trace);
        }
        loop {
            match connection
                .next_event()
                .await
                .map_err(OpenMaildropError::session)?
            {
                Some(open::Event::Ready(client)) => {
                    return Ok(Self {
                        connection: connection.swap(*client),
                    });
                }
                Some(open::Event::NeedDerivation(derivation)) => {
                    // Some milliseconds of a processor, on a thread that holds nobody up.
                    let derived = tokio::task::spawn_blocking(move || derivation.run());
                    let derived = connection.during(derived).await;
                    let derived = derived.map_err(|_| OpenMaildropError::Derivation)?;
                    connection.machine().derived(&derived)?;
                }
                Some(_) => {}
                None => return Err(OpenMaildropError::Closed),
            }
        }
    }

    /// The messages that are there, with their sizes and unique-ids. The whole list is kept in
    /// memory: some 60 octets a message.
    ///
    /// # Errors
    ///
    /// [`FetchError`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the session is only good for being dropped.
    pub async fn list(&mut self) -> Result<Vec<Message>, FetchError> {
        let list = self.send(Command::List(None))?;
        let mut octets_of = BTreeMap::new();
        self.collect(list, |event| {
            if let Event::ScanListing {
                message, octets, ..
            } = event
            {
                octets_of.insert(message, octets);
            }
        })
        .await?;
        let uidl = self.send(Command::Uidl(None))?;
        let mut ids = BTreeMap::new();
        let named = self.collect(uidl, |event| {
            if let Event::UniqueIdListing {
                message, unique_id, ..
            } = event
            {
                // A listing is kept, so it must not pin what was read with it.
                ids.insert(message, unique_id.detach());
            }
        });
        match named.await {
            // UIDL is optional (RFC 1939 §7).
            Ok(()) | Err(FetchError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
        let message = |(number, octets)| {
            let unique_id = ids.remove(&number).unwrap_or_default();
            Message {
                number,
                octets,
                unique_id,
            }
        };
        Ok(octets_of.into_iter().map(message).collect())
    }

    /// Fetches a message into memory.
    ///
    /// # Errors
    ///
    /// As [`Maildrop::retrieve_to`].
    ///
    /// # Cancel safety
    ///
    /// As [`Maildrop::list`].
    pub async fn retrieve(&mut self, message: &Message) -> Result<Vec<u8>, FetchError> {
        let mut octets = Vec::new();
        self.retrieve_to(message, &mut octets, |_| {}).await?;
        Ok(octets)
    }

    /// Fetches a message of any size into a writer. `progress` is told how many octets have come.
    /// Only when this returns `Ok` is the message complete; anything else must be thrown away.
    ///
    /// # Errors
    ///
    /// [`FetchError`]: refused by the server, spoilt by bare line breaks, or not written.
    ///
    /// # Cancel safety
    ///
    /// As [`Maildrop::list`].
    ///
    /// ```no_run
    /// # async fn f(mut maildrop: mailwire::Maildrop, message: mailwire::Message) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut file = tokio::fs::File::create_new("message.eml").await?;
    /// maildrop.retrieve_to(&message, &mut file, |octets| eprintln!("{octets}")).await?;
    /// file.sync_all().await?;
    /// # Ok(()) }
    /// ```
    pub async fn retrieve_to(
        &mut self,
        message: &Message,
        mut writer: impl AsyncWrite + Unpin,
        mut progress: impl FnMut(u64),
    ) -> Result<u64, FetchError> {
        let retr = self.send(Command::Retr(message.number))?;
        let mut received = 0;
        loop {
            match self.event().await? {
                Event::Reply { id, response } if id == retr && !response.is_ok() => {
                    return Err(FetchError::Refused(response));
                }
                Event::Body { id, octets } if id == retr => {
                    let written = self.connection.during(writer.write_all(&octets)).await;
                    written.map_err(FetchError::Write)?;
                    received += u64::try_from(octets.len()).unwrap_or_default();
                    progress(received);
                }
                Event::Spoilt { id, fault } if id == retr => return Err(FetchError::Spoilt(fault)),
                Event::End { id } if id == retr => break,
                _ => {}
            }
        }
        writer.flush().await.map_err(FetchError::Write)?;
        Ok(received)
    }

    /// Marks a message as deleted. It goes when [`Maildrop::quit`] has succeeded, and not before.
    ///
    /// # Errors
    ///
    /// [`FetchError`].
    ///
    /// # Cancel safety
    ///
    /// As [`Maildrop::list`].
    ///
    /// ```no_run
    /// # async fn f(mut maildrop: mailwire::Maildrop, message: mailwire::Message) -> Result<(), mailwire::FetchError> {
    /// maildrop.delete(&message).await?;
    /// maildrop.quit().await
    /// # }
    /// ```
    pub async fn delete(&mut self, message: &Message) -> Result<(), FetchError> {
        let dele = self.send(Command::Dele(message.number))?;
        self.reply(dele).await
    }

    /// Ends the session in order; the server now removes what was marked.
    ///
    /// # Errors
    ///
    /// [`FetchError::Refused`] where not all of it could be removed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves open whether the messages were removed.
    pub async fn quit(mut self) -> Result<(), FetchError> {
        let quit = self.send(Command::Quit)?;
        self.reply(quit).await
    }

    fn send(&mut self, command: Command) -> Result<CommandId, FetchError> {
        Ok(self.connection.machine().send(command)?)
    }

    async fn event(&mut self) -> Result<Event, FetchError> {
        match self.connection.turn().await {
            Ok(Turn::Event(event)) => Ok(event),
            Ok(Turn::Room | Turn::Closed) => Err(FetchError::Closed),
            Err(error) => Err(FetchError::Session(Box::new(error))),
        }
    }

    /// Waits for the one line that answers a command.
    async fn reply(&mut self, command: CommandId) -> Result<(), FetchError> {
        loop {
            if let Event::Reply { id, response } = self.event().await?
                && id == command
            {
                return if response.is_ok() {
                    Ok(())
                } else {
                    Err(FetchError::Refused(response))
                };
            }
        }
    }

    /// Hands the lines of a listing to `take`.
    async fn collect(
        &mut self,
        command: CommandId,
        mut take: impl FnMut(Event),
    ) -> Result<(), FetchError> {
        loop {
            match self.event().await? {
                Event::Reply { id, response } if id == command && !response.is_ok() => {
                    return Err(FetchError::Refused(response));
                }
                Event::End { id } if id == command => return Ok(()),
                event => take(event),
            }
        }
    }
}

/// Why no maildrop was opened.
///
/// ```
/// fn again(error: &mailwire::OpenMaildropError) -> bool { matches!(error, mailwire::OpenMaildropError::Closed) }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenMaildropError {
    /// The server closed the connection without a word.
    #[error("the server closed the connection")]
    Closed,
    /// The thread that derived a key from the password was lost.
    #[error("the key could not be derived from the password")]
    Derivation,
    /// No connection was made.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The machines do not fit together; a mistake of this crate.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The session ended before it was open.
    #[error(transparent)]
    Session(Box<mailtls::Error<open::Error>>),
}

impl OpenMaildropError {
    fn session(error: mailtls::Error<open::Error>) -> Self {
        Self::Session(Box::new(error))
    }
}

/// Why something was not fetched.
///
/// ```
/// use mailwire::FetchError;
/// assert_eq!(FetchError::Closed.to_string(), "the server closed the connection");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// The command cannot be sent now; a mistake of this crate or a session that is over.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The server said no.
    #[error("the server refused: {}", .0.text())]
    Refused(Response),
    /// The session ended.
    #[error(transparent)]
    Session(Box<mailtls::Error<ProtocolError>>),
    /// The message holds what no message may hold.
    #[error("the message is spoilt: {0}")]
    Spoilt(BodyFault),
    /// The message could not be written.
    #[error("the message cannot be written: {0}")]
    Write(io::Error),
}
