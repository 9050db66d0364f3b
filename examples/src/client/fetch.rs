//! `popfetch`: what is new in a maildrop, into a Maildir.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::Parser;
use indicatif::{HumanBytes, ProgressBar};
use mailwire::{Account, FetchError, Maildrop, Message, Protocol};
use serde::Serialize;
use tokio::io::BufWriter;

use super::{
    access::{Access, ServerUrl, patiently},
    exit::{Exit, Failure, complain},
    maildir::Maildir,
    progress,
    seen::{Key, Seen},
};
use crate::server::EndSignal;

/// The name in messages.
const TOOL: &str = "popfetch";

/// Octets that are written at once.
const WRITE: usize = 256 * 1024;

const EXITS: &str = "\
Exit codes:
    0  everything new was fetched
    1  the server refused some messages for good, or they are spoilt; the others were fetched
    2  the command line, the folder or the password cannot be used
    3  it may work later: a temporary refusal, no connection, or one that was lost
    4  no TLS as it was asked for, or the server did not prove who it is
    5  the login was refused
  130  interrupted; what was fetched stays, and nothing was deleted";

/// Fetch what is new from a POP3 server into a Maildir.
///
/// TLS with a verified server is required unless --tls says otherwise: with STLS for pop3://, from
/// the first octet for pop3s://. What was fetched is remembered in DIR/.popfetch-seen, so that the
/// next run fetches only what has come since.
#[derive(Debug, Parser)]
#[command(name = "popfetch", version, about, long_about, after_help = EXITS)]
#[non_exhaustive]
pub struct Options {
    /// The server: pop3://USER@HOST:PORT or pop3s://USER@HOST:PORT
    #[arg(value_name = "URL")]
    pub url: ServerUrl,

    /// The Maildir; it is made where it is missing
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,

    /// Leave the messages on the server; this is the default
    #[arg(long, conflicts_with = "delete")]
    pub keep: bool,

    /// Delete from the server what is safely in DIR, from this run or an earlier one
    #[arg(long)]
    pub delete: bool,

    /// The server and the output.
    #[command(flatten)]
    pub access: Access,
}

/// What becomes of messages on the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Afterwards {
    Delete,
    Keep,
}

/// All that was found to be in order before a connection is made.
#[derive(Debug)]
pub struct Prepared {
    account: Account,
    afterwards: Afterwards,
    maildir: Maildir,
    seen: Seen,
}

impl Prepared {
    /// Checks everything that can be checked here. It may ask for a password.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be used.
    pub fn new(options: &Options) -> Result<Self, Failure> {
        let endpoint = options.url.endpoint()?;
        if endpoint.protocol != Protocol::Pop3 {
            return Err(Failure::new(
                Exit::Unusable,
                "the URL: expected one of pop3://, pop3s://",
            ));
        }
        let Some(user) = endpoint.user.clone() else {
            return Err(
                Failure::new(Exit::Unusable, "the URL does not say whose maildrop it is")
                    .remedy("name the user: pop3s://USER@HOST"),
            );
        };
        let host = endpoint.host.clone();
        let account = options.access.account(endpoint, TOOL)?;
        let dir = &options.dir;
        let maildir = Maildir::open(dir).map_err(|error| unusable(dir, &error))?;
        let seen = Seen::load(dir, &user, &host).map_err(|error| unusable(dir, &error))?;
        Ok(Self {
            account,
            afterwards: match options.delete {
                true => Afterwards::Delete,
                false => Afterwards::Keep,
            },
            maildir,
            seen,
        })
    }

    /// Fetches until all is there, or Ctrl-C.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any point: a message is in the Maildir whole or not at all, and nothing is
    /// deleted on the server.
    pub async fn fetch(mut self) -> Fetched {
        let mut fetched = Fetched::default();
        let mut signal = match EndSignal::new() {
            Ok(signal) => signal,
            Err(error) => return Fetched::failed(Failure::new(Exit::Later, error)),
        };
        let ended = tokio::select! {
            ended = self.session(&mut fetched) => ended,
            () = signal.received() => Err(Failure::new(Exit::Interrupted, "interrupted")),
        };
        fetched.failure = ended.err();
        fetched
    }

    async fn session(&mut self, fetched: &mut Fetched) -> Result<(), Failure> {
        let endpoint = self.account.endpoint().clone();
        let opened = patiently(Maildrop::open(&self.account), &endpoint, TOOL).await;
        let mut maildrop =
            opened.map_err(|error| Failure::maildrop_not_opened(&error, &self.account))?;
        let messages = maildrop.list().await;
        let messages = messages.map_err(|error| Failure::not_fetched(&error))?;
        let plan = Plan::new(messages, &self.seen);
        fetched.listed = plan.all.len();
        fetched.new = plan.new_messages().count();
        fetched.notices = plan.notices();
        let bar = progress::bar(
            Some(plan.new_messages().map(|m| m.octets).sum()),
            "fetching",
        );
        let mut deleted = BTreeSet::new();
        for (message, fate) in &plan.all {
            let delete = match fate {
                Fate::Fetch => {
                    self.one(&mut maildrop, message, fetched, &bar).await?
                        && self.afterwards == Afterwards::Delete
                }
                Fate::Known(Twins::None) => self.afterwards == Afterwards::Delete,
                Fate::Known(Twins::Some) => false,
            };
            if delete {
                match maildrop.delete(message).await {
                    Ok(()) => {
                        deleted.insert(message.number);
                    }
                    Err(FetchError::Refused(response)) => {
                        let number = message.number;
                        fetched
                            .notices
                            .push(format!("message {number} cannot be deleted: {response}"));
                    }
                    Err(error) => return Err(Failure::not_fetched(&error)),
                }
            }
        }
        bar.finish_and_clear();
        // Only now does the server delete anything (RFC 1939 §6).
        let quit = maildrop.quit().await;
        if quit.is_ok() {
            fetched.deleted = deleted.len();
        } else {
            deleted.clear();
        }
        let there = plan
            .all
            .iter()
            .filter(|(m, _)| !deleted.contains(&m.number));
        let there: Vec<Key> = there.filter_map(|(m, _)| Key::of(m)).collect();
        let settled = self.seen.settle(&there);
        settled.map_err(|error| Failure::new(Exit::Unusable, format_args!("DIR: {error}")))?;
        match quit {
            Err(error) if self.afterwards == Afterwards::Delete => {
                let failure = Failure::new(
                    Exit::Later,
                    format_args!("nobody knows whether the messages were deleted: {error}"),
                );
                Err(failure.remedy("the next run with --delete deletes what is left"))
            }
            // All is here, and nothing was asked of the server but to end.
            _ => Ok(()),
        }
    }

    /// Fetches one message and says whether it is here now. Only what ends the session is an error.
    async fn one(
        &mut self,
        maildrop: &mut Maildrop,
        message: &Message,
        fetched: &mut Fetched,
        bar: &ProgressBar,
    ) -> Result<bool, Failure> {
        let before = bar.position();
        let local = |error| Failure::not_fetched(&FetchError::Write(error));
        let draft = self.maildir.draft().map_err(local)?;
        let file = tokio::fs::File::from_std(draft.file().map_err(local)?);
        // Each write is a hop to another thread.
        let file = BufWriter::with_capacity(WRITE, file);
        let retrieved = maildrop.retrieve_to(message, file, |octets| {
            bar.set_position(before.saturating_add(octets));
        });
        match retrieved.await {
            Ok(octets) => {
                // There is no await from here to the record, so Ctrl-C does not come between them.
                let name = draft.publish().map_err(local)?;
                if let Some(key) = Key::of(message) {
                    self.seen.record(&key).map_err(local)?;
                }
                fetched.messages.push(Here {
                    unique_id: message.unique_id().to_owned(),
                    octets,
                    file: format!("new/{name}"),
                });
                Ok(true)
            }
            Err(error @ (FetchError::Refused(_) | FetchError::Spoilt(_))) => {
                let failure = Failure::not_fetched(&error);
                fetched.not_fetched.push(NotHere {
                    number: message.number.to_string(),
                    unique_id: message.unique_id().to_owned(),
                    error: failure.to_string(),
                    exit: failure.exit,
                });
                Ok(false)
            }
            Err(error) => Err(Failure::not_fetched(&error)),
        }
    }
}

fn unusable(dir: &Path, error: &io::Error) -> Failure {
    let dir = dir.display();
    if error.kind() == io::ErrorKind::WouldBlock {
        let busy = format_args!("another popfetch fetches into {dir}");
        return Failure::new(Exit::Later, busy).remedy("wait for its end");
    }
    Failure::new(
        Exit::Unusable,
        format_args!("the folder {dir} cannot be used: {error}"),
    )
}

/// What is to be done with each message.
#[derive(Debug)]
struct Plan {
    all: Vec<(Message, Fate)>,
    without_id: usize,
    with_twins: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    Fetch,
    /// It was fetched before.
    Known(Twins),
}

/// Whether other messages have the same unique-id: which of them was fetched is then not certain,
/// so none of them is deleted without having been fetched just now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Twins {
    None,
    Some,
}

impl Plan {
    fn new(messages: Vec<Message>, seen: &Seen) -> Self {
        let mut of_id: BTreeMap<String, usize> = BTreeMap::new();
        for message in &messages {
            *of_id.entry(message.unique_id().to_owned()).or_default() += 1;
        }
        let mut used: BTreeMap<Key, u32> = BTreeMap::new();
        let (mut without_id, mut with_twins) = (0, 0);
        let all = messages.into_iter().map(|message| {
            let Some(key) = Key::of(&message) else {
                without_id += 1;
                return (message, Fate::Fetch);
            };
            let twins = match of_id.get(message.unique_id()) {
                Some(1) => Twins::None,
                _ => Twins::Some,
            };
            with_twins += usize::from(twins == Twins::Some);
            let fetched = seen.count(&key);
            let used = used.entry(key).or_default();
            if *used < fetched {
                *used += 1;
                (message, Fate::Known(twins))
            } else {
                (message, Fate::Fetch)
            }
        });
        let all = all.collect();
        Self {
            all,
            without_id,
            with_twins,
        }
    }

    fn new_messages(&self) -> impl Iterator<Item = &Message> {
        let new = self.all.iter().filter(|(_, fate)| *fate == Fate::Fetch);
        new.map(|(message, _)| message)
    }

    fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        if self.without_id > 0 {
            notices.push(format!(
                "{} messages have no unique-id and are fetched in every run",
                self.without_id
            ));
        }
        if self.with_twins > 0 {
            notices.push(format!(
                "{} messages share their unique-id with others",
                self.with_twins
            ));
        }
        notices
    }
}

/// What was fetched.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    listed: usize,
    new: usize,
    deleted: usize,
    messages: Vec<Here>,
    not_fetched: Vec<NotHere>,
    notices: Vec<String>,
    failure: Option<Failure>,
}

#[derive(Clone, Debug, Serialize)]
struct Here {
    unique_id: String,
    octets: u64,
    file: String,
}

#[derive(Clone, Debug, Serialize)]
struct NotHere {
    number: String,
    unique_id: String,
    error: String,
    #[serde(skip)]
    exit: Exit,
}

#[derive(Serialize)]
struct Document<'a> {
    exit: u8,
    listed: usize,
    new: usize,
    deleted: usize,
    fetched: &'a [Here],
    not_fetched: &'a [NotHere],
    notices: &'a [String],
    error: Option<String>,
}

impl Fetched {
    /// Before anything was fetched.
    #[must_use]
    pub fn failed(failure: Failure) -> Self {
        Self {
            failure: Some(failure),
            ..Self::default()
        }
    }

    /// How the tool ends: what cannot be changed by waiting is told before what can.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let exits = || self.not_fetched.iter().map(|message| message.exit);
        match &self.failure {
            Some(failure) => failure.exit,
            None if exits().any(|exit| exit == Exit::Refused) => Exit::Refused,
            None => exits().max().unwrap_or(Exit::Done),
        }
    }

    /// Tells it on standard output and standard error.
    ///
    /// # Errors
    ///
    /// Standard output that cannot be written to.
    pub fn tell(&self, access: &Access) -> io::Result<()> {
        for notice in &self.notices {
            complain(TOOL, notice);
        }
        for message in &self.not_fetched {
            complain(
                TOOL,
                format_args!("message {}: {}", message.number, message.error),
            );
        }
        if let Some(failure) = &self.failure {
            complain(TOOL, failure);
        }
        let mut out = io::stdout().lock();
        if access.json {
            serde_json::to_writer(&mut out, &self.document())?;
            writeln!(out)?;
        } else if self.failure.is_none() || !self.messages.is_empty() {
            let octets = self.messages.iter().map(|message| message.octets).sum();
            let (count, octets) = (self.messages.len(), HumanBytes(octets));
            let (new, listed) = (self.new, self.listed);
            write!(
                out,
                "fetched {count} of {new} new messages, {octets}; {listed} on the server"
            )?;
            match self.deleted {
                0 => writeln!(out)?,
                deleted => writeln!(out, ", of which {deleted} are deleted now")?,
            }
        }
        out.flush()
    }

    fn document(&self) -> Document<'_> {
        Document {
            exit: self.exit().code(),
            listed: self.listed,
            new: self.new,
            deleted: self.deleted,
            fetched: &self.messages,
            not_fetched: &self.not_fetched,
            notices: &self.notices,
            error: self.failure.as_ref().map(Failure::to_string),
        }
    }
}
