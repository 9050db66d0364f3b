//! POP3: the events of a session against accounts and store.

use std::sync::Arc;

use bytes::Bytes;
use mailtls::{
    Connection, Turn,
    serve::{Stopped, Summary},
};
use mailwire_core::{machine::TlsInfo, sasl::FailKind, secret::SecretString};
use mailwire_pop3::{
    Deletions, Maildrop, MessageNumber, Response, ResponseCode, Server, UserName,
    session::{AuthAnswer, AuthStep, Broken, Extent, Session, feed, respond},
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    LoginDeadline, Shared,
    login::{Exchange, Progress},
};
use crate::{
    accounts::Checked,
    store::{self, Account, OpenError, ReadError, Reader},
};

/// Serves one connection to its end.
///
/// # Cancel safety
///
/// Dropping the future cuts the connection; nothing is removed from the maildrop then.
pub async fn serve<IO>(
    shared: Arc<Shared>,
    mut connection: Connection<Server, IO>,
    mut stop: Stopped,
) -> Summary
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut session = Pop3 {
        shared,
        login: Exchange::default(),
        tls: None,
        user: None,
        maildrop: None,
        reader: None,
        read: 0,
        removed: 0,
    };
    let mut deadline = LoginDeadline::new();
    let mut stopping = false;
    let ended = loop {
        let turn = tokio::select! {
            biased;
            () = stop.stopped(), if !stopping => {
                stopping = true;
                connection.machine().shutdown();
                continue;
            }
            () = deadline.passed(), if session.user.is_none() => {
                connection.machine().shutdown();
                continue;
            }
            turn = connection.turn() => turn,
        };
        let reaction = match turn {
            Ok(Turn::Event(event)) => connection.during(respond(&mut session, event)).await,
            Ok(Turn::Room) => {
                let wanted = connection.machine().wants_body();
                connection.during(feed(&mut session, wanted)).await
            }
            Ok(Turn::Closed) => break None,
            Err(error) => break Some(error),
        };
        if let Err(misuse) = reaction.apply(connection.machine()) {
            tracing::error!(%misuse, "the POP3 session answered what was not asked");
            connection.machine().abort();
        }
    };
    let mut summary = Summary::default()
        .tls(connection.machine().tls().cloned())
        .count("read", session.read)
        .count("removed", session.removed);
    if let Some(user) = &session.user {
        summary = summary.user(user);
    }
    if let Some(error) = &ended {
        summary = summary.error(error);
    }
    summary
}

struct Pop3 {
    shared: Arc<Shared>,
    login: Exchange,
    tls: Option<TlsInfo>,
    user: Option<String>,
    maildrop: Option<store::Maildrop>,
    reader: Option<Reader>,
    read: u64,
    removed: u64,
}

impl Pop3 {
    /// Opens the maildrop of somebody who has shown who he is.
    async fn enter(&mut self, account: String) -> Result<Maildrop, Response> {
        let unavailable = |error: &dyn std::fmt::Display| {
            tracing::warn!(user = account, %error, "the maildrop was not opened");
            Response::unavailable()
        };
        let name = Account::parse(&account).map_err(|error| unavailable(&error))?;
        let now = jiff::Timestamp::now();
        let opened = match self.shared.store.maildrop(&name, now).await {
            Ok(opened) => opened,
            Err(OpenError::InUse) => {
                let busy = Response::err("the maildrop is open in another session");
                return Err(busy.with_code(ResponseCode::InUse));
            }
            Err(error) => return Err(unavailable(&error)),
        };
        let mut maildrop = Maildrop::new();
        for message in opened.messages() {
            maildrop
                .push(message.octets, message.id.as_bytes())
                .map_err(|e| unavailable(&e))?;
        }
        self.user = Some(account);
        self.maildrop = Some(opened);
        Ok(maildrop)
    }

    async fn progress(&mut self, progress: Progress) -> AuthAnswer {
        match progress {
            Progress::Challenge(challenge) => AuthAnswer::Challenge(challenge),
            Progress::Accepted(account) => match self.enter(account).await {
                Ok(maildrop) => AuthAnswer::Open(maildrop),
                Err(response) => AuthAnswer::Refuse(response),
            },
            Progress::Refused(kind) => AuthAnswer::Refuse(refusal(kind)),
        }
    }
}

fn refusal(kind: FailKind) -> Response {
    match kind {
        FailKind::Malformed => Response::err("malformed authentication exchange"),
        FailKind::Unavailable => Response::unavailable(),
        _ => Response::wrong_credentials(),
    }
}

impl Session for Pop3 {
    async fn login(
        &mut self,
        user: UserName,
        password: SecretString,
    ) -> Result<Maildrop, Response> {
        let account = self.shared.recipients.login(&user);
        match self.shared.accounts.check(&account, password).await {
            Checked::Accepted => self.enter(account).await,
            Checked::Rejected => Err(Response::wrong_credentials()),
            Checked::Unavailable => Err(Response::unavailable()),
        }
    }

    async fn auth(&mut self, step: AuthStep) -> AuthAnswer {
        let progress = match step {
            AuthStep::Start { mechanism, initial } => {
                let (name, tls) = (mechanism.as_bytes(), self.tls.as_ref());
                let begun = self.login.begin(name, initial.as_ref(), tls, &self.shared);
                begun.await
            }
            AuthStep::Response(response) => self.login.respond(&response, &self.shared).await,
        };
        self.progress(progress).await
    }

    fn auth_cancelled(&mut self) {
        self.login.cancel();
    }

    fn secured(&mut self, tls: &TlsInfo) {
        self.tls = Some(tls.clone());
    }

    async fn open(&mut self, message: MessageNumber, _extent: Extent) -> Result<(), Response> {
        self.reader = None;
        let Some(maildrop) = &self.maildrop else {
            return Err(Response::unavailable());
        };
        match maildrop.read(message.index()).await {
            Ok(reader) => {
                self.reader = Some(reader);
                self.read += 1;
                Ok(())
            }
            Err(ReadError::Gone) => Err(Response::err("the message is gone")),
            Err(error) => {
                tracing::warn!(user = self.user, %error, "a message could not be opened");
                Err(Response::unavailable())
            }
        }
    }

    async fn read(&mut self) -> Result<Option<Bytes>, Broken> {
        let Some(reader) = &mut self.reader else {
            return Ok(None);
        };
        let read = reader.next().await.map_err(|error| {
            tracing::warn!(user = self.user, %error, "a message could not be read to its end");
            Broken
        });
        if !matches!(read, Ok(Some(_))) {
            self.reader = None;
        }
        read
    }

    async fn update(&mut self, deletions: Deletions) -> Result<(), Response> {
        self.reader = None;
        let Some(maildrop) = self.maildrop.take() else {
            return Ok(());
        };
        let positions: Vec<_> = deletions.iter().map(MessageNumber::index).collect();
        let count = positions.len();
        match maildrop.update(positions).await {
            Ok(()) => {
                self.removed += u64::try_from(count).unwrap_or_default();
                Ok(())
            }
            Err(error) => {
                tracing::warn!(user = self.user, %error, "some messages were not removed");
                Err(Response::err("some deleted messages were not removed"))
            }
        }
    }
}
