//! IMAP: the events of a session against accounts and store.
//!
//! | module | what it is |
//! |---|---|
//! | `selected` | the mailbox that is open, and what the client was told of it |
//! | `folders` | LIST, CREATE, STATUS and the like |
//! | `fetch` | FETCH, in pieces |
//! | `find` | SEARCH, SORT and THREAD |
//! | `change` | STORE, COPY, MOVE, EXPUNGE |
//! | `append` | APPEND |
//! | `words` | the store's words in those of the protocol |

mod append;
mod change;
mod fetch;
mod find;
mod folders;
mod selected;
mod words;

use std::{future::pending, sync::Arc};

use bytes::Bytes;
use mailtls::{
    Connection, Turn,
    serve::{Stopped, Summary},
};
use mailwire_core::{
    machine::TlsInfo,
    sasl::FailKind,
    secret::{SecretBytes, SecretString},
    text::Octets,
};
use mailwire_imap::{
    State,
    command::{CommandBody, Fields, Message, SelectParameters, Tag},
    mailbox::Mailbox,
    server::{Access, Done, Extensions, Reset, Selected, Server},
    session::{Answer, AuthAnswer, AuthStep, Reaction, Session, Untagged, Wanted, more, respond},
};
use tokio::io::{AsyncRead, AsyncWrite};

pub use self::words::Translations;

use self::{append::Coming, fetch::Fetching, selected::Open};
use super::{
    LoginDeadline, Shared,
    login::{Exchange, Progress},
};
use crate::{accounts::Checked, store::Account};

/// Serves one connection to its end.
///
/// Thousands of connections idle where one works. So what only work needs is behind a `Box`, here
/// and in the [`Session`] below, and not in the future of each of them.
///
/// # Cancel safety
///
/// Dropping the future cuts the connection and discards messages that were coming in.
pub async fn serve<IO>(
    shared: Arc<Shared>,
    mut connection: Box<Connection<Server, IO>>,
    mut stop: Stopped,
) -> Summary
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut session = Imap::new(shared);
    let mut deadline = Some(LoginDeadline::new());
    let mut stopping = false;
    let ended = loop {
        if session.is_lost {
            session.is_lost = false;
            connection.machine().shutdown();
        }
        if connection.machine().state() != State::NotAuthenticated {
            deadline = None;
        }
        let turn = tokio::select! {
            biased;
            () = stop.stopped(), if !stopping => {
                stopping = true;
                connection.machine().shutdown();
                continue;
            }
            () = passed(&mut deadline) => {
                connection.machine().shutdown();
                continue;
            }
            turn = connection.turn() => turn,
            () = session.stirred(), if session.idles => {
                let mut out = Untagged::new();
                connection.during(Box::pin(session.tell_news(&mut out))).await;
                apply(Reaction::from(out), connection.machine());
                continue;
            }
        };
        let reaction = match turn {
            Ok(Turn::Event(event)) => {
                let machine = connection.machine();
                session.tag = machine.tag().cloned();
                session.enabled = machine.enabled();
                let reaction = Box::pin(respond(&mut session, event));
                connection.during(reaction).await
            }
            Ok(Turn::Room) => connection.during(Box::pin(more(&mut session))).await,
            Ok(Turn::Closed) => break None,
            Err(error) => break Some(error),
        };
        apply(reaction, connection.machine());
    };
    let mut summary = Summary::default()
        .tls(connection.machine().tls().cloned())
        .count("fetched", session.fetched)
        .count("appended", session.appended);
    if let Some(user) = &session.user {
        summary = summary.user(user);
    }
    if let Some(error) = &ended {
        summary = summary.error(error);
    }
    summary
}

fn apply(reaction: Reaction, machine: &mut Server) {
    if let Err(misuse) = reaction.apply(machine) {
        tracing::error!(%misuse, "the IMAP session answered what was not asked");
        machine.abort();
    }
}

/// The deadline of those who have not logged in.
async fn passed(deadline: &mut Option<LoginDeadline>) {
    match deadline {
        Some(deadline) => deadline.passed().await,
        None => pending().await,
    }
}

struct Imap {
    shared: Arc<Shared>,
    login: Exchange,
    /// For the login, which may be bound to it.
    tls: Option<Box<TlsInfo>>,
    user: Option<String>,
    account: Option<Account>,
    /// The tag of the command that is being answered.
    tag: Option<Tag>,
    enabled: Extensions,
    selected: Option<Box<Open>>,
    fetching: Option<Box<Fetching>>,
    coming: Option<Box<Coming>>,
    idles: bool,
    /// The mailbox that was selected is another one now: the session has to end.
    is_lost: bool,
    fetched: u64,
    appended: u64,
}

impl Imap {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            login: Exchange::default(),
            tls: None,
            user: None,
            account: None,
            tag: None,
            enabled: Extensions::none(),
            selected: None,
            fetching: None,
            coming: None,
            idles: false,
            is_lost: false,
            fetched: 0,
            appended: 0,
        }
    }

    /// Lets in somebody who has shown who he is.
    async fn enter(&mut self, account: String) -> Result<(), Done> {
        let unavailable = |error: &dyn std::fmt::Display| {
            tracing::warn!(user = account, %error, "the account was not opened");
            Done::unavailable()
        };
        let name = Account::parse(&account).map_err(|error| unavailable(&error))?;
        let made = folders::ensure(&self.shared.store, &name).await;
        made.map_err(|error| unavailable(&error))?;
        self.account = Some(name);
        self.user = Some(account);
        // Of no use behind the login.
        self.tls = None;
        Ok(())
    }

    async fn authenticate(&mut self, step: AuthStep) -> AuthAnswer {
        let progress = match step {
            AuthStep::Start { mechanism, initial } => {
                let (name, tls) = (mechanism.as_str().as_bytes(), self.tls.as_deref());
                let begun = self.login.begin(name, initial.as_ref(), tls, &self.shared);
                begun.await
            }
            AuthStep::Response(response) => self.login.respond(&response, &self.shared).await,
        };
        self.progress(progress).await
    }

    async fn progress(&mut self, progress: Progress) -> AuthAnswer {
        match progress {
            Progress::Challenge(challenge) => AuthAnswer::Challenge(challenge),
            Progress::Accepted(account) => match self.enter(account).await {
                Ok(()) => AuthAnswer::Accept,
                Err(done) => AuthAnswer::Refuse(done),
            },
            Progress::Refused(kind) => AuthAnswer::Refuse(refusal(kind)),
        }
    }
}

fn refusal(kind: FailKind) -> Done {
    match kind {
        FailKind::Malformed => Done::bad("malformed authentication exchange"),
        FailKind::Unavailable => Done::unavailable(),
        _ => Done::wrong_credentials(),
    }
}

impl Session for Imap {
    async fn login(&mut self, user: Octets, password: SecretBytes) -> Result<(), Done> {
        // LOGIN carries octets, the accounts are of text.
        let (Ok(user), Ok(password)) = (
            std::str::from_utf8(&user),
            std::str::from_utf8(password.expose()),
        ) else {
            return Err(Done::wrong_credentials());
        };
        let account = self.shared.recipients.login(user);
        let password = SecretString::new(password.to_owned());
        match self.shared.accounts.check(&account, password).await {
            Checked::Accepted => self.enter(account).await,
            Checked::Rejected => Err(Done::wrong_credentials()),
            Checked::Unavailable => Err(Done::unavailable()),
        }
    }

    async fn auth(&mut self, step: AuthStep) -> AuthAnswer {
        Box::pin(self.authenticate(step)).await
    }

    fn auth_cancelled(&mut self) {
        self.login.cancel();
    }

    fn secured(&mut self, tls: &TlsInfo) {
        self.tls = Some(Box::new(tls.clone()));
    }

    fn id(&mut self, fields: Option<&Fields>) {
        let value = |name: &[u8]| fields.and_then(|fields| fields.value(name));
        tracing::debug!(
            user = self.user,
            name = %mailwire_core::text::Sanitized(value(b"name").unwrap_or_default()),
            version = %mailwire_core::text::Sanitized(value(b"version").unwrap_or_default()),
            "the client says what it is"
        );
    }

    async fn select(
        &mut self,
        mailbox: Mailbox,
        parameters: SelectParameters,
        access: Access,
        out: &mut Untagged,
    ) -> Result<Selected, Done> {
        Box::pin(self.open(&mailbox, &parameters, access, out)).await
    }

    async fn command(&mut self, command: CommandBody, out: &mut Untagged) -> Answer {
        match command {
            CommandBody::Noop | CommandBody::Check => {
                self.tell_news(out).await;
                Answer::Completed
            }
            CommandBody::Close => Box::pin(self.close()).await,
            CommandBody::Unselect => {
                self.selected = None;
                Answer::Completed
            }
            command @ (CommandBody::Fetch { .. }
            | CommandBody::Store { .. }
            | CommandBody::Copy { .. }
            | CommandBody::Move { .. }
            | CommandBody::Expunge
            | CommandBody::UidExpunge { .. }
            | CommandBody::Search { .. }
            | CommandBody::Sort { .. }
            | CommandBody::Thread { .. }) => Box::pin(self.messages(command, out)).await,
            command => Box::pin(self.mailboxes(command, out)).await,
        }
    }

    async fn more(&mut self, out: &mut Untagged) -> Answer {
        let answer = Box::pin(self.fetch_on(out)).await;
        if answer != Answer::More {
            self.hold_back(out);
        }
        answer
    }

    async fn append(&mut self, mailbox: Mailbox, message: Message) -> Result<(), Done> {
        Box::pin(self.append_to(&mailbox, message)).await
    }

    async fn append_next(&mut self, message: Message) -> Result<(), Done> {
        Box::pin(self.append_another(&message)).await
    }

    async fn append_body(&mut self, octets: Bytes) -> Wanted {
        Box::pin(self.append_octets(&octets)).await
    }

    async fn append_end(&mut self, out: &mut Untagged) -> Done {
        Box::pin(self.append_commit(out)).await
    }

    fn append_reset(&mut self, _why: Reset) {
        self.coming = None;
    }

    async fn idle(&mut self, out: &mut Untagged) {
        self.idles = true;
        self.tell_news(out).await;
    }

    fn done(&mut self) {
        self.idles = false;
    }
}
