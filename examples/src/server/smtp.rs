//! SMTP, submission and LMTP: the events of a session against accounts, recipients and store.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use mailtls::{
    Connection, Turn,
    serve::{Stopped, Summary},
};
use mailwire_core::{
    machine::{Answer, TlsInfo},
    sasl::FailKind,
    secret::SecretBytes,
};
use mailwire_smtp::{
    address::{ForwardPath, ReversePath},
    reply::{Code, EnhancedCode, Reply},
    server::{
        AuthStart, BodyEnd, BodyStart, Hello, HelloVerb, Mail, MailAfter, Mode, Rcpt, Reset, Server,
    },
    session::{AuthNext, Delivery, Session, Verdict, Wanted, tell},
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    LoginDeadline, Shared,
    login::{Exchange, Progress},
};
use crate::{
    accounts::random,
    recipients::Resolved,
    store::{Account, Folder, Incoming, StoreError},
    trace::{Front, Received, With, date, return_path},
};

/// Received fields at which a message is taken to go in circles (RFC 5321 §6.3).
const HOPS: u32 = 100;

/// Serves one connection to its end.
///
/// # Cancel safety
///
/// Dropping the future cuts the connection and discards the message that was coming in.
pub async fn serve<IO>(
    shared: Arc<Shared>,
    mut connection: Connection<Server, IO>,
    peer: IpAddr,
    mut stop: Stopped,
) -> Summary
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let needs_login = connection.machine().config().mail_after == MailAfter::Auth;
    let mode = connection.machine().config().mode;
    let mut session = Smtp::new(shared, peer, mode);
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
            () = deadline.passed(), if needs_login && session.user.is_none() => {
                connection.machine().shutdown();
                continue;
            }
            turn = connection.turn() => turn,
        };
        let answer = match turn {
            Ok(Turn::Event(event)) => {
                let tls = connection.machine().tls().cloned();
                connection.during(tell(&mut session, event, tls)).await
            }
            // A server sends no bodies.
            Ok(Turn::Room) => continue,
            Ok(Turn::Closed) => break None,
            Err(error) => break Some(error),
        };
        if answer != Answer::Nothing
            && let Err(misuse) = connection.machine().answer(answer)
        {
            tracing::error!(%misuse, "the SMTP session answered what was not asked");
            connection.machine().abort();
        }
    };
    let mut summary = Summary::default()
        .tls(connection.machine().tls().map(|tls| TlsInfo::clone(tls)))
        .count("messages", session.messages)
        .count("octets", session.octets)
        .count("refused", session.refused);
    if let Some(user) = &session.user {
        summary = summary.user(user);
    }
    if let Some(error) = &ended {
        summary = summary.error(error);
    }
    summary
}

struct Smtp {
    shared: Arc<Shared>,
    peer: IpAddr,
    mode: Mode,
    tls: Option<Arc<TlsInfo>>,
    hello: Option<Hello>,
    login: Exchange,
    user: Option<String>,
    from: Option<Mail>,
    /// The recipients that were accepted, with the accounts that get their mail.
    recipients: Vec<(ForwardPath, Vec<Account>)>,
    body: Option<Body>,
    messages: u64,
    octets: u64,
    refused: u64,
}

/// A message that is coming in.
struct Body {
    front: Front,
    incoming: Incoming,
    /// Each account once, in the order of the store's results.
    accounts: Vec<Account>,
}

impl Smtp {
    fn new(shared: Arc<Shared>, peer: IpAddr, mode: Mode) -> Self {
        Self {
            shared,
            peer,
            mode,
            tls: None,
            hello: None,
            login: Exchange::default(),
            user: None,
            from: None,
            recipients: Vec::new(),
            body: None,
            messages: 0,
            octets: 0,
            refused: 0,
        }
    }

    fn progress(&mut self, progress: Progress) -> AuthNext {
        match progress {
            Progress::Challenge(challenge) => AuthNext::Challenge(challenge),
            Progress::Accepted(account) => {
                self.user = Some(account);
                AuthNext::Accept
            }
            Progress::Refused(kind) => AuthNext::Reply(refusal(kind)),
        }
    }

    /// Return-Path and Received (RFC 5321 §4.4).
    fn trace(&self, id: &str, now: jiff::Timestamp) -> String {
        let from = self.from.as_ref().map(|mail| match &mail.from {
            ReversePath::Mailbox(mailbox) => mailbox.as_str(),
            _ => "",
        });
        let helo = self
            .hello
            .as_ref()
            .map(|hello| hello.client.to_string())
            .unwrap_or_default();
        let verb = self.hello.as_ref().map(|hello| hello.verb);
        let mut with = match (self.mode, verb) {
            (Mode::Lmtp, _) => With::lmtp(),
            (_, Some(HelloVerb::Helo)) => With::smtp(),
            _ => With::esmtp(),
        };
        if self.tls.is_some() {
            with = with.secured();
        }
        if self.user.is_some() {
            with = with.authenticated();
        }
        if self
            .from
            .as_ref()
            .is_some_and(|mail| mail.params.is_smtputf8())
        {
            with = with.utf8();
        }
        let mut received = Received::new(helo.as_bytes(), &self.shared.hostname, with, id, now);
        received.address = Some(self.peer);
        let version = self.tls.as_ref().map(|tls| tls.version.to_string());
        received.tls = version
            .as_deref()
            .zip(self.tls.as_ref().map(|tls| &*tls.cipher));
        let only = match &*self.recipients {
            [(ForwardPath::Mailbox(mailbox), _)] => Some(mailbox.as_str().as_bytes()),
            _ => None,
        };
        received.recipient = only;
        format!(
            "{}{received}",
            return_path(from.unwrap_or_default().as_bytes())
        )
    }

    fn forget(&mut self) {
        self.from = None;
        self.recipients.clear();
        self.body = None;
    }
}

impl Session for Smtp {
    async fn hello(&mut self, hello: Hello, _tls: Option<&Arc<TlsInfo>>) -> Verdict {
        self.hello = Some(hello);
        Verdict::Accept
    }

    async fn tls_started(&mut self, tls: Arc<TlsInfo>) {
        self.tls = Some(tls);
        self.hello = None;
        self.login.cancel();
    }

    async fn auth(&mut self, start: AuthStart) -> AuthNext {
        let (mechanism, tls) = (start.mechanism.as_str().as_bytes(), self.tls.as_deref());
        let begun = self
            .login
            .begin(mechanism, start.initial.as_ref(), tls, &self.shared);
        let progress = begun.await;
        self.progress(progress)
    }

    async fn auth_response(&mut self, response: SecretBytes) -> AuthNext {
        let progress = self.login.respond(&response, &self.shared).await;
        self.progress(progress)
    }

    async fn auth_cancelled(&mut self) {
        self.login.cancel();
    }

    async fn mail(&mut self, mail: Mail) -> Verdict {
        let size = mail.params.size().unwrap_or_default();
        if let Err(error) = self.shared.store.room_for(size).await {
            return not_stored(&error).into();
        }
        self.from = Some(mail);
        Verdict::Accept
    }

    async fn rcpt(&mut self, rcpt: Rcpt) -> Verdict {
        let recipients = &self.shared.recipients;
        let resolved = match &rcpt.to {
            ForwardPath::Postmaster => recipients.postmaster(),
            ForwardPath::Mailbox(to) => recipients.resolve(&to.local_part(), to.host_str()),
        };
        let names = match resolved {
            Resolved::Accounts(names) => names,
            Resolved::Unknown => Vec::new(),
            Resolved::NotOurs => {
                let code = EnhancedCode::of::<5, 7, 1>();
                let text = "we do not relay to this domain";
                return Reply::new(Code::MAILBOX_UNAVAILABLE, code, text).into();
            }
        };
        let accounts: Vec<_> = names
            .iter()
            .filter_map(|name| Account::parse(name).ok())
            .collect();
        if accounts.is_empty() {
            let code = EnhancedCode::of::<5, 1, 1>();
            return Reply::new(Code::MAILBOX_UNAVAILABLE, code, "no such mailbox here").into();
        }
        self.recipients.push((rcpt.to, accounts));
        Verdict::Accept
    }

    async fn body_start(&mut self, _start: BodyStart) -> Wanted {
        let now = jiff::Timestamp::now();
        let Ok(id) = random::<12>() else {
            return Wanted::No(not_stored(&StoreError::lost("name a message")));
        };
        let id: String = id.iter().map(|octet| format!("{octet:02x}")).collect();
        let mut accounts: Vec<Account> = Vec::new();
        for account in self.recipients.iter().flat_map(|(_, accounts)| accounts) {
            if !accounts.contains(account) {
                accounts.push(account.clone());
            }
        }
        let trace = self.trace(&id, now);
        let front = match self.mode {
            Mode::Submission => {
                let message_id = format!("{id}@{}", self.shared.hostname);
                Front::completing(trace, &date(now), &message_id)
            }
            Mode::Smtp | Mode::Lmtp => Front::new(trace),
        };
        let targets = accounts
            .iter()
            .map(|a| (a.clone(), Folder::inbox()))
            .collect();
        let incoming = self.shared.store.incoming(targets, now);
        self.body = Some(Body {
            front,
            incoming,
            accounts,
        });
        Wanted::Yes
    }

    async fn body(&mut self, octets: Bytes) -> Wanted {
        let Some(body) = &mut self.body else {
            return Wanted::Yes;
        };
        let (first, rest) = body.front.push(&octets);
        body.incoming.write(&first).await;
        body.incoming.write(rest).await;
        if body.front.received() > HOPS {
            let code = EnhancedCode::of::<5, 4, 6>();
            let text = "too many hops: the message goes in circles";
            return Wanted::No(Reply::new(Code::TRANSACTION_FAILED, code, text));
        }
        Wanted::Yes
    }

    async fn body_end(&mut self, end: BodyEnd) -> Delivery {
        let lost = || StoreError::lost("deliver a message");
        let Some(mut body) = self.body.take() else {
            return Delivery::Reply(not_stored(&lost()));
        };
        let last = body.front.finish();
        body.incoming.write(&last).await;
        let results = body.incoming.commit().await;
        let failure = |account: &Account| {
            let at = body.accounts.iter().position(|a| a == account);
            at.and_then(|at| results.get(at))
                .cloned()
                .unwrap_or_else(|| Err(lost()))
                .err()
        };
        let each: Vec<Option<StoreError>> = self
            .recipients
            .iter()
            .map(|(_, all)| all.iter().find_map(failure))
            .collect();
        for error in each.iter().flatten() {
            tracing::error!(%error, "a message was not stored");
        }
        if each.iter().all(Option::is_none) {
            self.messages += 1;
            self.octets += end.octets;
        } else {
            self.refused += 1;
        }
        self.forget();
        if self.mode == Mode::Lmtp {
            let reply = |error: &Option<StoreError>| match error {
                None => Reply::new(Code::OK, EnhancedCode::of::<2, 1, 5>(), "delivered"),
                Some(error) => not_stored(error),
            };
            return Delivery::Each(each.iter().map(reply).collect());
        }
        // One reply for all: 250 only when all of them have it. A retry may bring it twice to some,
        // but nobody loses it.
        let failed = each.into_iter().flatten().next();
        failed.map_or(Delivery::Accept, |error| {
            Delivery::Reply(not_stored(&error))
        })
    }

    async fn reset(&mut self, why: Reset) {
        if self.body.is_some() {
            self.refused += 1;
            tracing::info!(user = self.user, %why, "a message was not taken");
        }
        self.forget();
    }
}

fn refusal(kind: FailKind) -> Reply {
    let (code, enhanced, text) = match kind {
        FailKind::Malformed => (
            Code::BAD_ARGUMENT,
            EnhancedCode::of::<5, 5, 2>(),
            "malformed authentication",
        ),
        FailKind::Unavailable => (
            Code::TEMPORARY_AUTH_FAILURE,
            EnhancedCode::of::<4, 7, 0>(),
            "authentication is not possible now",
        ),
        _ => (
            Code::AUTH_FAILED,
            EnhancedCode::of::<5, 7, 8>(),
            "authentication failed",
        ),
    };
    Reply::new(code, enhanced, text)
}

fn not_stored(error: &StoreError) -> Reply {
    let (code, enhanced, text) = match error {
        StoreError::Full => (
            Code::NO_STORAGE,
            EnhancedCode::of::<4, 3, 1>(),
            "the mail store is full",
        ),
        _ => (
            Code::LOCAL_ERROR,
            EnhancedCode::of::<4, 3, 0>(),
            "the message was not stored",
        ),
    };
    Reply::new(code, enhanced, text)
}
