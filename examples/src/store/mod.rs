//! Where mail is kept: Maildir++ on disk (each message a file that other tools read), an SQLite index beside it.
//!
//! What [`Incoming::commit`] has answered `Ok` to is on disk, whatever is killed next. This holds for disks that
//! obey a flush, on a local Linux file system; not for NFS.
//!
//! The store itself blocks; what is public here runs it on tokio's threads for blocking calls, so that no I/O thread
//! ever waits for a disk. The clock is the caller's: `now` is an argument.

mod appending;
mod content;
mod delivery;
mod desk;
mod error;
mod flags;
mod folders;
mod fs;
mod incoming;
mod index;
mod listing;
mod mailbox;
mod maildir;
mod maildrop;
mod memory;
pub(crate) mod name;
mod selected;
mod uidvalidity;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::{fmt, io, path::Path, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::task;

pub use appending::{Appended, Appending};
pub use content::Content;
pub use error::{MailboxError, OpenError, ReadError, StoreError};
pub use flags::{FlagChange, Flags, Keywords, Mode};
pub use folders::{MailboxEntry, Sizes, SpecialUse, StatusFacts};
pub use incoming::Incoming;
pub use listing::{Listed, Snapshot};
pub use mailbox::{Account, Folder, InvalidName};
pub use selected::{Access, Copied, Fetched, Mailbox, Stored};

use fs::{Disk, Fs};
use maildir::Store;
use memory::Memory;

/// Octets of a message that are gathered before they are handed to a thread that may block. A smaller message costs
/// one hop to such a thread in all.
const PIECE: usize = 64 * 1024;

/// The mail store of a server. Clones share it.
///
/// ```
/// use mailwire_examples::store::{Account, Folder, Mailstore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
/// let alice = Account::parse("alice@example.test")?;
/// let mut incoming = store.incoming(vec![(alice.clone(), Folder::inbox())], now);
/// incoming.write(b"Subject: hi\r\n\r\nhello\r\n").await;
/// assert_eq!(incoming.commit().await, [Ok(())]);
/// let maildrop = store.maildrop(&alice, now).await?;
/// assert_eq!(maildrop.messages()[0].octets, 22);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Mailstore(Backend);

#[derive(Clone, Debug)]
enum Backend {
    Discard,
    Disk(Store<Disk>),
    Memory(Memory),
}

impl Mailstore {
    /// The store under a directory, which is made if need be. Blocks: this is for the start of a server. `host` goes
    /// into file names.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made or written to. A server must not start then.
    pub fn disk(data: &Path, host: &str, now: Timestamp) -> Result<Self, StoreError> {
        let opened =
            make_durable(data).and_then(|()| Ok((Disk::open(data)?, data.canonicalize()?)));
        let (fs, path) = opened.map_err(|error| StoreError::new("open the mail store", &error))?;
        let store = Store::new(fs, Some(path), host, std::process::id());
        store.probe(now)?;
        Ok(Self(Backend::Disk(store)))
    }

    /// Keeps mail until the process ends: for measuring.
    #[must_use]
    pub fn memory() -> Self {
        Self(Backend::Memory(Memory::default()))
    }

    /// Takes mail and drops it: for measuring.
    #[must_use]
    pub const fn discard() -> Self {
        Self(Backend::Discard)
    }

    /// Opens an account's INBOX for one POP3 session, and no other.
    ///
    /// # Errors
    ///
    /// [`OpenError::InUse`] while another session has it, also of another process.
    ///
    /// # Cancel safety
    ///
    /// A maildrop that is opened after nobody waits for it is closed again.
    pub async fn maildrop(&self, account: &Account, now: Timestamp) -> Result<Maildrop, OpenError> {
        match &self.0 {
            Backend::Discard => Ok(Maildrop {
                held: Held::Discard,
                messages: Vec::new(),
            }),
            Backend::Memory(memory) => {
                let session = memory.open(account)?;
                let of = |m: &memory::Stored| Message {
                    octets: m.octets(),
                    id: m.id(),
                };
                let messages = session.messages.iter().map(of).collect();
                Ok(Maildrop {
                    held: Held::Memory(session),
                    messages,
                })
            }
            Backend::Disk(store) => {
                let (store, account) = (store.clone(), account.clone());
                let opened = blocking("open a maildrop", move || {
                    let snapshot = maildrop::Snapshot::open(&store, &account, now)?;
                    let of = |m: &maildrop::Message| Message {
                        octets: m.octets,
                        id: m.id(),
                    };
                    let messages = snapshot.messages().iter().map(of).collect();
                    Ok(Maildrop {
                        held: Held::Disk(Arc::new(snapshot)),
                        messages,
                    })
                });
                opened.await?
            }
        }
    }

    /// Whether a message of this size would fit now: for the SIZE parameter (RFC 1870 §6).
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`] when it would not.
    pub async fn room_for(&self, octets: u64) -> Result<(), StoreError> {
        let Backend::Disk(store) = self.0.clone() else {
            return Ok(());
        };
        blocking("ask for free space", move || store.room_for(octets)).await?
    }

    /// Removes what killed deliveries have left, once it is older than 36 hours, as maildir(5) says. Answers how many
    /// files it removed.
    ///
    /// # Errors
    ///
    /// When a directory could not be read, or a file not be removed.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        let Backend::Disk(store) = self.0.clone() else {
            return Ok(0);
        };
        blocking("clean the mail store", move || store.sweep(now)).await?
    }
}

/// A maildrop that is held by one session. Dropping it lets go of it and removes nothing.
#[derive(Debug)]
pub struct Maildrop {
    held: Held,
    messages: Vec<Message>,
}

#[derive(Debug)]
enum Held {
    Discard,
    Disk(Arc<maildrop::Snapshot<Disk>>),
    Memory(memory::Session),
}

/// A message of a maildrop.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// Its size with CRLF line ends, as LIST tells it (RFC 1939 §11).
    pub octets: u64,
    /// Its unique id, 1 to 70 printable characters (RFC 1939 §7). It changes with nothing but the message.
    pub id: String,
}

impl Maildrop {
    /// The messages, as they were when the maildrop was opened. Number 1 comes first.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Opens the message at a position (from 0).
    ///
    /// # Errors
    ///
    /// [`ReadError::Gone`] when somebody else has removed the message.
    pub async fn read(&self, at: usize) -> Result<Reader, ReadError> {
        match &self.held {
            Held::Discard => Err(ReadError::Gone),
            Held::Memory(session) => {
                let stored = session.messages.get(at).ok_or(ReadError::Gone)?;
                Ok(Reader(Reading::Memory(Some(stored.clone()))))
            }
            Held::Disk(snapshot) => {
                let snapshot = Arc::clone(snapshot);
                let opened = blocking("open a message", move || {
                    let mut reader = snapshot.read(at)?;
                    let first = reader.next()?;
                    Ok(Reader(Reading::Disk(reader, first)))
                });
                opened.await?
            }
        }
    }

    /// Ends the session as QUIT does: removes the messages at these positions (from 0). `Ok` means that they stay
    /// gone (RFC 1939 §6). After an error each of them is there as a whole, or gone.
    ///
    /// # Errors
    ///
    /// When not all could be removed.
    pub async fn update(self, deleted: Vec<usize>) -> Result<(), StoreError> {
        match self.held {
            Held::Discard => Ok(()),
            Held::Memory(session) => {
                session.update(&deleted);
                Ok(())
            }
            Held::Disk(snapshot) => {
                blocking("remove messages", move || snapshot.update(&deleted)).await?
            }
        }
    }
}

/// A message that is being read.
pub struct Reader(Reading);

enum Reading {
    /// With octets that were read already.
    Disk(maildrop::Reader<Disk>, Option<Bytes>),
    Memory(Option<memory::Stored>),
    /// With a thread of ours, or lost with it.
    Away,
}

impl Reader {
    /// The next octets as they are stored, at most 64 KiB from a disk; `None` at the end. Line ends are those of the file: what
    /// sends them on has to normalize them, as `mailwire_core::dot::Encoder::normalizing` does.
    ///
    /// # Errors
    ///
    /// When the file cannot be read; what came so far is not the whole message.
    ///
    /// # Cancel safety
    ///
    /// None: after a call that was dropped before its end, the next one is an error.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        match std::mem::replace(&mut self.0, Reading::Away) {
            Reading::Memory(stored) => {
                self.0 = Reading::Memory(None);
                Ok(stored.map(|stored| stored.text()))
            }
            Reading::Disk(reader, Some(piece)) => {
                self.0 = Reading::Disk(reader, None);
                Ok(Some(piece))
            }
            Reading::Disk(reader, None) if reader.is_at_end() => {
                self.0 = Reading::Disk(reader, None);
                Ok(None)
            }
            Reading::Disk(mut reader, None) => {
                let read = blocking("read a message", move || (reader.next(), reader));
                let (piece, reader) = read.await?;
                self.0 = Reading::Disk(reader, None);
                piece
            }
            Reading::Away => Err(StoreError::lost("read a message")),
        }
    }
}

impl fmt::Debug for Reader {
    // What was read is somebody's message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

async fn blocking<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    task::spawn_blocking(work)
        .await
        .map_err(|_| StoreError::lost(doing))
}

/// Makes a directory for us alone, and its parents, so that they survive a power cut.
fn make_durable(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|at| !at.as_os_str().is_empty() && !at.exists())
        .collect();
    for made in missing.into_iter().rev() {
        let parent = made.parent().filter(|at| !at.as_os_str().is_empty());
        let parent = Disk::open(parent.unwrap_or_else(|| Path::new(".")))?;
        let root = parent.root()?;
        let Some(name) = made.file_name() else {
            continue;
        };
        parent.make_dir(&root, name)?;
        parent.sync_dir(&root)?;
    }
    Ok(())
}
