//! `mailfetch`: an account of an IMAP server into a Maildir, and back.
//!
//! | module | what it is |
//! |---|---|
//! | [`names`] | mailboxes as folders of Maildir++ |
//! | `letters` | flags as letters in file names |
//! | `folder` | a folder that is fetched into, batch by batch |
//! | `state` and `uids` | what was fetched before |
//! | `fetch` | mailboxes into folders |
//! | `ledger` | what was uploaded before |
//! | `upload` | folders into mailboxes |
//! | `report` | what was done, as it is told |

mod fetch;
mod folder;
mod ledger;
mod letters;
pub mod names;
mod report;
mod state;
mod uids;
mod upload;

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Parser;
use mailwire::{AccessError, Account, Mailboxes, Protocol};
use rustix::fs::FlockOperation;

pub use report::Copied;

use super::{
    access::{Access, ServerUrl, patiently},
    exit::{Exit, Failure},
    seen::word,
};
use crate::{file::make_dir, server::EndSignal};

/// The name in messages.
const TOOL: &str = "mailfetch";

/// The longest pause before a lost connection is made anew.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

const HELP: &str = "\
Folders:
  INBOX is DIR itself, the mailbox A/B is DIR/.A.B, with names in UTF-8. Messages are in cur as they
  are on the server, with CRLF; their time is INTERNALDATE.

Flags:
  \\Seen is the letter S behind \":2,\" in the file name, \\Answered R, \\Flagged F, \\Draft D,
  \\Deleted T, and the keyword $Forwarded P. Other keywords are the letters a to z, by the file
  dovecot-keywords in the folder; a folder has room for 26 of them, and more are left out. \\Recent
  and flags that only one server knows are left out, too. Flags that have changed on the server are
  taken over in the next run.

Exit codes:
    0  all was copied
    1  something was refused for good; the rest was copied
    2  the command line, the folder or the password cannot be used
    3  it may work later: a temporary refusal, no connection, or one that was lost too often
    4  no TLS as it was asked for, or the server did not prove who it is
    5  the login was refused
  130  interrupted; what was copied stays, and the next run goes on from there";

/// Copy all mailboxes of an IMAP server into a Maildir, or a Maildir to a server.
///
/// The next run copies only what is new. A message is in its folder whole or not at all, and none
/// is there twice, even if a run is killed. Nothing changes on the server, unless with --upload.
/// TLS with a verified server is required unless --tls says otherwise: with STARTTLS for imap://,
/// from the first octet for imaps://.
#[derive(Debug, Parser)]
#[command(name = "mailfetch", version, about, long_about, after_help = HELP)]
#[non_exhaustive]
pub struct Options {
    /// The server: imaps://USER@HOST:PORT or imap://USER@HOST:PORT
    #[arg(value_name = "URL")]
    pub url: ServerUrl,

    /// The Maildir; it is made where it is missing
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,

    /// Copy the folders of DIR to the server: missing mailboxes are made, and nothing is sent twice.
    /// What was sent is written down in .mailfetch-uploaded in each folder
    #[arg(long, conflicts_with_all = ["mirror", "no_flags"])]
    pub upload: bool,

    /// Only this mailbox; may be given several times
    #[arg(long, value_name = "NAME")]
    pub mailbox: Vec<String>,

    /// Remove from DIR the messages that are gone from their mailbox on the server
    #[arg(long)]
    pub mirror: bool,

    /// Leave the flags of messages that are here as they are
    #[arg(long)]
    pub no_flags: bool,

    /// Connect anew at most so many times in a row when the connection is lost
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    pub retries: u32,

    /// Show neither the progress nor a summary
    #[arg(long)]
    pub quiet: bool,

    /// The server and the output.
    #[command(flatten)]
    pub access: Access,
}

/// Which way messages go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Direction {
    Fetch,
    Upload,
}

/// What becomes of messages here that are gone from the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Gone {
    Keep,
    Remove,
}

/// Whose flags the messages here have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum FlagsOf {
    Server,
    Whoever,
}

/// Where progress is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Progress {
    Hidden,
    OnTerminal,
}

impl Options {
    const fn direction(&self) -> Direction {
        if self.upload {
            Direction::Upload
        } else {
            Direction::Fetch
        }
    }
}

/// What is asked for, whatever the connection does.
#[derive(Debug)]
struct Task {
    account: Account,
    /// The account as one word.
    owner: String,
    dir: PathBuf,
    direction: Direction,
    only: Vec<String>,
    gone: Gone,
    flags: FlagsOf,
    progress: Progress,
}

/// All that was found to be in order before a connection is made.
#[derive(Debug)]
pub struct Prepared {
    task: Task,
    retries: u32,
    /// Held as long as this lives.
    _lock: File,
}

impl Prepared {
    /// Checks everything that can be checked here. It may ask for a password.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be used.
    pub fn new(options: &Options) -> Result<Self, Failure> {
        let endpoint = options.url.endpoint()?;
        if endpoint.protocol != Protocol::Imap {
            return Err(Failure::new(
                Exit::Unusable,
                "the URL: expected one of imap://, imaps://",
            ));
        }
        let Some(user) = endpoint.user.clone() else {
            return Err(Failure::new(
                Exit::Unusable,
                "the URL does not say whose mailboxes they are",
            )
            .remedy("name the user: imaps://USER@HOST"));
        };
        let owner = format!(
            "{}@{}",
            word(&user),
            word(&endpoint.host.to_ascii_lowercase())
        );
        let account = options.access.account(endpoint, TOOL)?;
        let dir = &options.dir;
        if options.upload && !dir.is_dir() {
            let missing = format_args!("there is no folder {}", dir.display()).to_string();
            return Err(Failure::new(Exit::Unusable, missing).remedy("name the Maildir to upload"));
        }
        let lock = lock(dir).map_err(|error| unusable(dir, &error))?;
        Ok(Self {
            task: Task {
                account,
                owner,
                dir: dir.clone(),
                direction: options.direction(),
                only: options.mailbox.clone(),
                gone: if options.mirror {
                    Gone::Remove
                } else {
                    Gone::Keep
                },
                flags: if options.no_flags {
                    FlagsOf::Whoever
                } else {
                    FlagsOf::Server
                },
                progress: if options.quiet {
                    Progress::Hidden
                } else {
                    Progress::OnTerminal
                },
            },
            retries: options.retries,
            _lock: lock,
        })
    }

    /// Copies until all is done, or Ctrl-C.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any point: a message is in the Maildir whole or not at all, and the next
    /// run goes on. A message that was being uploaded is looked for then.
    pub async fn copy(self) -> Copied {
        let mut copied = Copied::default();
        let mut signal = match EndSignal::new() {
            Ok(signal) => signal,
            Err(error) => return Copied::failed(Failure::new(Exit::Later, error)),
        };
        let ended = tokio::select! {
            ended = self.sessions(&mut copied) => ended,
            () = signal.received() => Err(Failure::new(Exit::Interrupted, "interrupted")),
        };
        copied.failure = ended.err();
        copied
    }

    /// Sessions until one has done it all.
    async fn sessions(&self, copied: &mut Copied) -> Result<(), Failure> {
        let account = &self.task.account;
        let endpoint = account.endpoint().clone();
        let opened = patiently(Mailboxes::open(account), &endpoint, TOOL).await;
        let not_opened = |error| Failure::mailboxes_not_opened(&error, account);
        let mut mailboxes = opened.map_err(not_opened)?;
        let mut memory = Memory::default();
        let mut tries = 0;
        loop {
            let before = memory.progress(copied);
            let session = match self.task.direction {
                Direction::Fetch => {
                    fetch::all(&self.task, &mut mailboxes, &mut memory, copied).await
                }
                Direction::Upload => {
                    upload::all(&self.task, &mut mailboxes, &mut memory, copied).await
                }
            };
            let mut failure = match session {
                Ok(()) => {
                    // All is here, and nothing was asked of the server but to end.
                    let _ = mailboxes.logout().await;
                    return Ok(());
                }
                Err(Trouble::Here(failure) | Trouble::Fatal(failure)) => return Err(failure),
                Err(Trouble::Lost(failure)) => failure,
            };
            if memory.progress(copied) > before {
                tries = 0;
            }
            mailboxes = loop {
                if tries >= self.retries {
                    return Err(failure.remedy("run it again to go on from there"));
                }
                tokio::time::sleep(pause(tries)).await;
                tries += 1;
                copied.reconnects += 1;
                match Mailboxes::open(account).await {
                    Ok(mailboxes) => break mailboxes,
                    Err(error) if error.is_temporary() => failure = not_opened(error),
                    Err(error) => return Err(not_opened(error)),
                }
            };
        }
    }
}

/// None before the first try, for most losses are an accident; then longer and longer.
fn pause(tries: u32) -> Duration {
    match tries.checked_sub(1) {
        None => Duration::ZERO,
        Some(exponent) => Duration::from_secs(1)
            .saturating_mul(1_u32.checked_shl(exponent).unwrap_or(u32::MAX))
            .min(LONGEST_PAUSE),
    }
}

fn lock(dir: &Path) -> io::Result<File> {
    make_dir(dir)?;
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.join(".mailfetch-lock"))?;
    rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
    Ok(lock)
}

fn unusable(dir: &Path, error: &io::Error) -> Failure {
    let dir = dir.display();
    if error.kind() == io::ErrorKind::WouldBlock {
        let busy = format_args!("another mailfetch is at work in {dir}").to_string();
        return Failure::new(Exit::Later, busy).remedy("wait for its end");
    }
    Failure::new(
        Exit::Unusable,
        format_args!("the folder {dir} cannot be used: {error}"),
    )
}

/// What outlives a lost connection.
#[derive(Debug, Default)]
struct Memory {
    /// Mailboxes that are done with, one way or the other.
    done: Vec<String>,
    /// Names that more than one mailbox has.
    twins: Vec<String>,
    /// Messages at which the connection was lost again and again: by mailbox and UID, or file.
    given_up: Vec<(String, String)>,
    /// Where it was lost last, with one message under way.
    lost_at: Option<(String, String)>,
    /// So many messages are fetched one by one, to find the one that breaks the connection.
    careful: usize,
}

impl Memory {
    fn progress(&self, copied: &Copied) -> usize {
        copied.messages + self.done.len() + self.given_up.len()
    }

    /// The connection was lost with this message alone under way. Says whether it is given up now.
    fn lost_at(&mut self, mailbox: &str, message: String) -> bool {
        let place = (mailbox.to_owned(), message);
        if self.lost_at.as_ref() == Some(&place) {
            self.given_up.push(place);
            self.lost_at = None;
            return true;
        }
        self.lost_at = Some(place);
        false
    }

    fn has_given_up(&self, mailbox: &str, message: &str) -> bool {
        let is_it = |place: &(String, String)| place.0 == mailbox && place.1 == message;
        self.given_up.iter().any(is_it)
    }
}

/// How far something that failed reaches.
#[derive(Debug)]
enum Trouble {
    /// This mailbox or message only.
    Here(Failure),
    /// The connection: another one may be made.
    Lost(Failure),
    /// All of it.
    Fatal(Failure),
}

impl Task {
    /// What an error of the server means. Its words are not shown where they repeat the password.
    fn trouble(&self, error: &AccessError) -> Trouble {
        let failure = Failure::not_accessed(error, &self.account);
        match error {
            AccessError::Refused(_)
            | AccessError::NoMessage
            | AccessError::Mailbox(_)
            | AccessError::Misuse(_)
            | AccessError::TooMany { .. }
            | AccessError::Unsupported(_)
            | AccessError::BareCr(_) => Trouble::Here(failure),
            error if error.is_temporary() => Trouble::Lost(failure),
            _ => Trouble::Fatal(failure),
        }
    }

    /// What an error of the file system means.
    fn local(&self, error: &io::Error) -> Trouble {
        Trouble::Fatal(unusable(&self.dir, error))
    }

    /// Whether a mailbox is wanted, by its name on the server or with `/` between the levels.
    fn wants(&self, name: &str, delimiter: Option<char>) -> bool {
        let with_slashes = match delimiter {
            Some(delimiter) => name.replace(delimiter, "/"),
            None => name.to_owned(),
        };
        let is_it = |wanted: &String| {
            let is_inbox =
                wanted.eq_ignore_ascii_case("INBOX") && name.eq_ignore_ascii_case(wanted);
            *wanted == name || *wanted == with_slashes || is_inbox
        };
        self.only.is_empty() || self.only.iter().any(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let seconds: Vec<u64> = (0..8).map(|tries| pause(tries).as_secs()).collect();
        assert_eq!(seconds, [0, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }

    #[test]
    fn a_message_that_breaks_two_connections_is_given_up() {
        let mut memory = Memory::default();
        assert!(!memory.lost_at("INBOX", "7".to_owned()));
        assert!(!memory.lost_at("INBOX", "8".to_owned()));
        assert!(memory.lost_at("INBOX", "8".to_owned()));
        assert!(memory.has_given_up("INBOX", "8") && !memory.has_given_up("INBOX", "7"));
    }
}
