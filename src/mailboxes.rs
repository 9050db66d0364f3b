//! Reading and filing where the mail is: a session with an IMAP server.

mod download;
mod error;
mod folders;
mod sets;
mod transfer;

use std::{num::NonZeroU32, time::Duration};

use mailtls::Connection;
use mailwire_core::machine::Upgrade;
use mailwire_imap::{
    ClearText, Client,
    capability::Capability,
    client::{CommandId, Event, Selected},
    command::{
        By, Command, CommandBody, Field, Fields, List, Search, SearchKey, SelectParameters,
        Silence, StoreMode, Tag,
    },
    encode::Literals,
    flag::Flags,
    limits::IDLE_REFRESH,
    mailbox::{Encoding, InvalidMailbox, Mailbox},
    open::{self, Login, Open},
    response::{self, Code, Condition, ESearchItem, Response, Status},
    sequence::SequenceSet,
};
use tokio::{net::TcpStream, time::timeout};

pub use download::{Download, Piece};
pub use error::{AccessError, OpenMailboxesError};
pub use transfer::Appended;

use crate::{
    account::{Account, DialError},
    endpoint::Protocol,
};

/// How long to wait between two looks where the server has no IDLE.
const POLL: Duration = Duration::from_secs(60);

/// Mailboxes that are listed; a server that sends more wants to fill our memory.
const LISTED: usize = 250_000;

/// A session in which mailboxes can be read and filed into.
///
/// Messages are named by their UIDs throughout: message numbers change while one looks away.
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use mailwire::{Account, Mailboxes, imap::{command::SearchKey, mailbox::Mailbox}};
/// let account = Account::new("imaps://bob@mail.example.test".parse()?).password("secret");
/// let mut mailboxes = Mailboxes::open(&account).await?;
/// println!("{} messages", mailboxes.select(&Mailbox::inbox()).await?.exists);
/// if let Some(unseen) = mailboxes.search([SearchKey::Unseen]).await? {
///     mailboxes
///         .fetch(&unseen, "ENVELOPE".parse()?, |message| println!("{:?}", message.envelope()))
///         .await?;
/// }
/// mailboxes.logout().await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Mailboxes {
    connection: Connection<Client, TcpStream>,
    /// A command whose call was dropped before it was done.
    interrupted: Option<CommandId>,
    /// The IDLE that is under way.
    idling: Option<CommandId>,
    /// Whether IDLE is to be done without.
    polls: bool,
    /// Whether something happened in the mailbox that nobody was told of.
    has_changed: bool,
    alert: Option<Status>,
}

impl Mailboxes {
    /// Connects, turns to TLS, and logs in. A server that offers ID (RFC 2971) is told the name of
    /// this library, for some open no mailbox before it.
    ///
    /// # Errors
    ///
    /// [`OpenMailboxesError`], with the server's words where it was the server.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn open(account: &Account) -> Result<Self, OpenMailboxesError> {
        if account.endpoint().protocol != Protocol::Imap {
            let wanted = "access to mailboxes";
            return Err(DialError::Protocol { wanted }.into());
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
        config.id = Fields::new([Field::new(b"name", b"mailwire")]);
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
        let mut alert = None;
        loop {
            match connection
                .next_event()
                .await
                .map_err(OpenMailboxesError::session)?
            {
                Some(open::Event::Ready(client)) => {
                    return Ok(Self {
                        connection: connection.swap(*client),
                        interrupted: None,
                        idling: None,
                        polls: false,
                        has_changed: false,
                        alert,
                    });
                }
                Some(open::Event::NeedDerivation(derivation)) => {
                    // Some milliseconds of a processor, on a thread that holds nobody up.
                    let derived = tokio::task::spawn_blocking(move || derivation.run());
                    let derived = connection.during(derived).await;
                    let derived = derived.map_err(|_| OpenMailboxesError::Derivation)?;
                    connection.machine().derived(&derived)?;
                }
                Some(open::Event::Alert { status, .. }) => alert = Some(status),
                Some(_) => {}
                None => return Err(OpenMailboxesError::Closed),
            }
        }
    }

    /// All mailboxes that the user can see, with their attributes.
    ///
    /// # Errors
    ///
    /// [`AccessError`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the session is only good for being dropped.
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes) -> Result<(), Box<dyn std::error::Error>> {
    /// for listed in mailboxes.list().await? {
    ///     println!("{}", mailboxes.display_name(&listed.mailbox()?));
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn list(&mut self) -> Result<Vec<response::List>, AccessError> {
        let everything = List::new(Mailbox::new(b"")?, b"*");
        let list = self.begin(CommandBody::List(everything))?;
        let mut listed = Vec::new();
        let mut is_too_long = false;
        self.finish(list, |event| {
            if let Event::Data(Response::List(one)) = event {
                is_too_long = listed.len() == LISTED;
                if !is_too_long {
                    // A list is kept, so it must not pin what was read with it.
                    if let Response::List(one) = Response::List(one).detach() {
                        listed.push(one);
                    }
                }
            }
        })
        .await?;
        if is_too_long {
            return Err(AccessError::TooMany { max: LISTED });
        }
        Ok(listed)
    }

    /// The mailbox of a name, written as this connection needs it.
    ///
    /// # Errors
    ///
    /// [`InvalidMailbox`] for control characters.
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes) -> Result<(), Box<dyn std::error::Error>> {
    /// let drafts = mailboxes.named("Entw\u{fc}rfe")?;
    /// mailboxes.select(&drafts).await?;
    /// # Ok(()) }
    /// ```
    pub fn named(&mut self, name: &str) -> Result<Mailbox, InvalidMailbox> {
        Mailbox::encode(name, self.encoding())
    }

    /// The name of a mailbox to be shown; what is not valid is shown as it stands on the wire.
    #[must_use]
    pub fn display_name(&mut self, mailbox: &Mailbox) -> String {
        match mailbox.name(self.encoding()) {
            Ok(name) => name.into_owned(),
            Err(_) => String::from_utf8_lossy(mailbox.as_bytes()).into_owned(),
        }
    }

    /// Opens a mailbox. What is known of it then is kept up to date, see
    /// [`selected`](Self::selected).
    ///
    /// # Errors
    ///
    /// [`AccessError::Refused`] where it does not exist or may not be read; no mailbox is open then.
    ///
    /// # Cancel safety
    ///
    /// As [`Mailboxes::list`].
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes) -> Result<(), mailwire::AccessError> {
    /// let inbox = mailboxes.select(&mailwire::imap::mailbox::Mailbox::inbox()).await?;
    /// println!("{} messages, UIDVALIDITY {:?}", inbox.exists, inbox.uid_validity);
    /// # Ok(()) }
    /// ```
    pub async fn select(&mut self, mailbox: &Mailbox) -> Result<Selected, AccessError> {
        let mailbox = mailbox.clone();
        let parameters = SelectParameters::default();
        let select = self.begin(CommandBody::Select {
            mailbox,
            parameters,
        })?;
        self.opened(select).await
    }

    /// Opens a mailbox for reading only: nothing that is done changes it.
    ///
    /// # Errors
    ///
    /// As [`Mailboxes::select`].
    ///
    /// # Cancel safety
    ///
    /// As [`Mailboxes::list`].
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes) -> Result<(), mailwire::AccessError> {
    /// mailboxes.examine(&mailwire::imap::mailbox::Mailbox::inbox()).await?;
    /// # Ok(()) }
    /// ```
    pub async fn examine(&mut self, mailbox: &Mailbox) -> Result<Selected, AccessError> {
        let mailbox = mailbox.clone();
        let parameters = SelectParameters::default();
        let examine = self.begin(CommandBody::Examine {
            mailbox,
            parameters,
        })?;
        self.opened(examine).await
    }

    async fn opened(&mut self, select: CommandId) -> Result<Selected, AccessError> {
        self.finish(select, |_| {}).await?;
        // What came with the selection is no news.
        self.has_changed = false;
        Ok(self.selected().cloned().unwrap_or_default())
    }

    /// The UIDs of the messages that all of the keys hold for; `None` where there are none. Text is
    /// UTF-8.
    ///
    /// # Errors
    ///
    /// [`AccessError`].
    ///
    /// # Cancel safety
    ///
    /// As [`Mailboxes::list`].
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes) -> Result<(), mailwire::AccessError> {
    /// use mailwire::imap::command::SearchKey;
    /// let subject = SearchKey::Subject("gr\u{fc}n".as_bytes().into());
    /// let found = mailboxes.search([SearchKey::Unseen, subject]).await?;
    /// # Ok(()) }
    /// ```
    pub async fn search(
        &mut self,
        keys: impl IntoIterator<Item = SearchKey>,
    ) -> Result<Option<SequenceSet>, AccessError> {
        let mut search = Search::new(keys);
        // Behind ENABLE of UTF-8 it goes without saying (RFC 6855 §3).
        if self.encoding() == Encoding::Utf7 && !is_ascii(&search) {
            search = search.with_charset(b"UTF-8");
        }
        let by = By::Uid;
        let command = self.begin(CommandBody::Search { by, search })?;
        let (mut uids, mut ranges) = (Vec::new(), None);
        self.finish(command, |event| match event {
            Event::Data(Response::Search(numbers)) => uids.extend(numbers.iter()),
            Event::Data(Response::ESearch(found)) => {
                let all = found.items().find_map(|item| match item {
                    ESearchItem::All(set) => Some(set.detach()),
                    _ => None,
                });
                ranges = ranges.take().or(all);
            }
            _ => {}
        })
        .await?;
        uids.sort_unstable();
        uids.dedup();
        Ok(ranges.or_else(|| SequenceSet::of(uids)))
    }

    /// Adds flags to messages, takes them away, or replaces them.
    ///
    /// # Errors
    ///
    /// [`AccessError`].
    ///
    /// # Cancel safety
    ///
    /// As [`Mailboxes::list`].
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes, uid: std::num::NonZeroU32) -> Result<(), mailwire::AccessError> {
    /// use mailwire::imap::{command::StoreMode, flag::{Flag, Flags}, sequence::SequenceSet};
    /// let seen = Flags::from_iter([Flag::Seen]);
    /// mailboxes.store(&SequenceSet::one(uid), StoreMode::Add, &seen).await?;
    /// # Ok(()) }
    /// ```
    pub async fn store(
        &mut self,
        uids: &SequenceSet,
        mode: StoreMode,
        flags: &Flags,
    ) -> Result<(), AccessError> {
        for set in sets::of_a_line(uids) {
            let command = CommandBody::Store {
                by: By::Uid,
                set,
                unchanged_since: None,
                mode,
                silence: Silence::Silent,
                flags: flags.clone(),
            };
            self.run(command).await?;
        }
        Ok(())
    }

    /// Copies messages into another mailbox.
    ///
    /// # Errors
    ///
    /// [`AccessError::Refused`] with [`Code::TryCreate`] where the mailbox is missing.
    ///
    /// # Cancel safety
    ///
    /// As [`Mailboxes::list`].
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes, found: mailwire::imap::sequence::SequenceSet) -> Result<(), Box<dyn std::error::Error>> {
    /// let archive = mailboxes.named("Archive")?;
    /// mailboxes.copy_to(&found, &archive).await?;
    /// # Ok(()) }
    /// ```
    pub async fn copy_to(
        &mut self,
        uids: &SequenceSet,
        mailbox: &Mailbox,
    ) -> Result<(), AccessError> {
        for set in sets::of_a_line(uids) {
            let (by, mailbox) = (By::Uid, mailbox.clone());
            self.run(CommandBody::Copy { by, set, mailbox }).await?;
        }
        Ok(())
    }

    /// Moves messages into another mailbox. Where the server has no MOVE (RFC 6851) they are copied
    /// and then removed, which needs UIDPLUS (RFC 4315): without it the messages that others have
    /// marked would go too.
    ///
    /// # Errors
    ///
    /// [`AccessError::Refused`] with [`Code::TryCreate`] where the mailbox is missing, and
    /// [`AccessError::Unsupported`].
    ///
    /// # Cancel safety
    ///
    /// As [`Mailboxes::list`]; messages may be in both places then, never in none.
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes, found: mailwire::imap::sequence::SequenceSet) -> Result<(), Box<dyn std::error::Error>> {
    /// let archive = mailboxes.named("Archive")?;
    /// mailboxes.move_to(&found, &archive).await?;
    /// # Ok(()) }
    /// ```
    pub async fn move_to(
        &mut self,
        uids: &SequenceSet,
        mailbox: &Mailbox,
    ) -> Result<(), AccessError> {
        let can_move = self.has(Capability::Move) || self.has(Capability::Imap4Rev2);
        if !can_move && !self.has(Capability::UidPlus) {
            return Err(AccessError::Unsupported("MOVE"));
        }
        for set in sets::of_a_line(uids) {
            let (by, mailbox) = (By::Uid, mailbox.clone());
            if can_move {
                self.run(CommandBody::Move { by, set, mailbox }).await?;
                continue;
            }
            let copied = set.clone();
            self.run(CommandBody::Copy { by, set, mailbox }).await?;
            let deleted = Flags::from_iter([mailwire_imap::flag::Flag::Deleted]);
            self.store(&copied, StoreMode::Add, &deleted).await?;
            self.run(CommandBody::UidExpunge { set: copied }).await?;
        }
        Ok(())
    }

    /// Waits until something happens in the mailbox that is open: mail has come, or messages have
    /// gone or were changed. What happened since the last call, or since the mailbox was opened,
    /// makes it return at once.
    ///
    /// It uses IDLE (RFC 2177), begun anew before anybody on the way forgets the connection, and
    /// looks every minute where the server has none.
    ///
    /// # Errors
    ///
    /// [`AccessError`].
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any point: nothing that happens is lost, and the session goes on.
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes) -> Result<(), mailwire::AccessError> {
    /// loop {
    ///     mailboxes.idle().await?;
    ///     println!("{:?}", mailboxes.selected());
    /// }
    /// # }
    /// ```
    pub async fn idle(&mut self) -> Result<(), AccessError> {
        let can_idle = self.has(Capability::Idle) || self.has(Capability::Imap4Rev2);
        while !std::mem::take(&mut self.has_changed) {
            let wait = if can_idle && !self.polls {
                if self.idling.is_none() {
                    self.idling = Some(self.begin(CommandBody::Idle)?);
                    self.interrupted = None;
                }
                IDLE_REFRESH
            } else {
                POLL
            };
            match timeout(wait, self.event()).await {
                Ok(event) => match event? {
                    // A server that ends it by itself, or will not begin, is asked instead.
                    Event::Done { id, .. } if Some(id) == self.idling => {
                        self.idling = None;
                        self.polls = true;
                    }
                    Event::Data(Response::Fetch(_)) => self.has_changed = true,
                    _ => {}
                },
                Err(_) => self.look().await?,
            }
        }
        Ok(())
    }

    /// Ends an IDLE that has lasted long enough, or asks for news.
    async fn look(&mut self) -> Result<(), AccessError> {
        if self.idling.is_some() {
            self.end_idle();
            return Ok(());
        }
        // A NOOP has no result of its own, so it may be given up at any point.
        let noop = self.begin(CommandBody::Noop)?;
        self.interrupted = None;
        self.finish(noop, |_| {}).await
    }

    /// What is known of the mailbox that is open, as of the last answer of the server.
    ///
    /// ```no_run
    /// # fn f(mailboxes: &mut mailwire::Mailboxes) {
    /// let exists = mailboxes.selected().map(|mailbox| mailbox.exists);
    /// # }
    /// ```
    pub const fn selected(&mut self) -> Option<&Selected> {
        self.connection.machine().mailbox()
    }

    /// Whether the server lists a capability.
    ///
    /// ```no_run
    /// # fn f(mailboxes: &mut mailwire::Mailboxes) {
    /// let can_sort = mailboxes.has(mailwire::imap::capability::Capability::Sort);
    /// # }
    /// ```
    pub fn has(&mut self, capability: Capability<'_>) -> bool {
        self.connection.machine().has(capability)
    }

    /// What the server last said that the user must be shown (RFC 9051 §7.1); told once.
    ///
    /// ```no_run
    /// # fn f(mailboxes: &mut mailwire::Mailboxes) {
    /// if let Some(alert) = mailboxes.take_alert() {
    ///     eprintln!("the server says: {}", alert.text());
    /// }
    /// # }
    /// ```
    pub const fn take_alert(&mut self) -> Option<Status> {
        self.alert.take()
    }

    /// Ends the session in order.
    ///
    /// # Errors
    ///
    /// [`AccessError`]; what was done before stays done.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn logout(mut self) -> Result<(), AccessError> {
        let logout = self.begin(CommandBody::Logout)?;
        self.finish(logout, |_| {}).await
    }

    fn encoding(&mut self) -> Encoding {
        self.connection.machine().encoding()
    }

    /// Sends a command; an IDLE ends for it.
    fn begin(&mut self, command: CommandBody) -> Result<CommandId, AccessError> {
        if self.interrupted.is_some() {
            return Err(AccessError::Interrupted);
        }
        self.end_idle();
        let id = self.connection.machine().send(command)?;
        self.interrupted = Some(id);
        Ok(id)
    }

    fn end_idle(&mut self) {
        if self.idling.take().is_some() {
            // A server that has ended it already needs no word.
            let _ = self.connection.machine().done();
        }
    }

    async fn run(&mut self, command: CommandBody) -> Result<(), AccessError> {
        let id = self.begin(command)?;
        self.finish(id, |_| {}).await
    }

    /// Takes what comes until a command is done.
    async fn finish(
        &mut self,
        command: CommandId,
        mut take: impl FnMut(Event),
    ) -> Result<(), AccessError> {
        loop {
            match self.event().await? {
                Event::Done { id, status } if id == command => {
                    self.interrupted = None;
                    return done(status);
                }
                Event::NotSent { id, misuse } if id == command => {
                    self.interrupted = None;
                    return Err(misuse.into());
                }
                event => take(event),
            }
        }
    }

    async fn event(&mut self) -> Result<Event, AccessError> {
        let event = self.connection.next_event().await;
        let event = event.map_err(AccessError::session)?;
        let event = event.ok_or(AccessError::Closed)?;
        self.hear(&event);
        Ok(event)
    }

    /// Keeps what nobody asked for.
    fn hear(&mut self, event: &Event) {
        let status = match event {
            Event::Data(Response::Exists(_) | Response::Expunge(_) | Response::Vanished(_)) => {
                self.has_changed = true;
                return;
            }
            Event::Data(Response::Status(status)) | Event::Done { status, .. } => status,
            _ => return,
        };
        if status.code() == Some(Code::Alert) {
            self.alert = Some(status.clone());
        }
    }
}

fn done(status: Status) -> Result<(), AccessError> {
    if status.condition() == Condition::Ok {
        Ok(())
    } else {
        Err(AccessError::Refused(status))
    }
}

/// Whether a search needs no character set: it is written without, and looked at.
fn is_ascii(search: &Search) -> bool {
    let search = Search::new(search.keys.iter().cloned());
    let by = By::Uid;
    let Some(tag) = Tag::new(b"A") else {
        return true;
    };
    let command = Command::new(tag, CommandBody::Search { by, search });
    command
        .encode(Literals::Plus)
        .is_ok_and(|mut wire| wire.all(|piece| piece.is_ascii()))
}

/// The UID where there is just one.
fn only(uids: &SequenceSet) -> Option<NonZeroU32> {
    let mut ranges = uids.iter();
    let first = ranges.next()?.bounds(u32::MAX);
    let is_one = ranges.next().is_none() && first.start() == first.end();
    NonZeroU32::new(*first.start()).filter(|_| is_one)
}

#[cfg(test)]
mod tests;
