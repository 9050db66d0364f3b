//! Messages that a client puts into a mailbox: APPEND, and MULTIAPPEND.

use std::{fmt, sync::Arc};

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::{
    Backend, Mailstore, PIECE, blocking,
    content::Lines,
    desk::{Batch, Desk},
    error::{MailboxError, StoreError},
    flags::Flags,
    fs::Disk,
    mailbox::{Account, Folder},
    memory::Memory,
};

/// What a step counts for beside its octets, so that many small messages are handed on in time.
const STEP: usize = 128;

/// Messages on their way into a mailbox, all of them or none (RFC 9051 §6.3.12, RFC 3502). Dropping it discards them.
///
/// ```
/// use mailwire_examples::store::{Account, Flags, Folder, Mailstore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
/// let alice = Account::parse("alice@example.test")?;
/// let mut appending = store.appending(&alice, &Folder::inbox(), now).await?;
/// for text in ["Subject: 1\r\n\r\n", "Subject: 2\r\n\r\n"] {
///     appending.begin(Flags::SEEN, vec!["$Work".to_owned()], Some(1_000_000_000));
///     appending.write(text.as_bytes()).await;
/// }
/// assert_eq!(appending.commit().await?.uids, [1, 2]);
/// # Ok(())
/// # }
/// ```
pub struct Appending {
    to: To,
    now: Timestamp,
    /// Not yet handed on.
    steps: Vec<Step>,
    /// Octets in `steps`, and something for each step.
    waiting: usize,
    gathered: BytesMut,
}

enum To {
    /// Nothing is on disk before the first 64 KiB.
    Disk(Arc<Desk<Disk>>, Option<Box<Batch<Disk>>>),
    Memory(Memory, Account, Folder, Vec<Text>),
    /// With a thread of ours, or lost with it.
    Away,
}

/// What is to be done with a batch.
pub(crate) enum Step {
    Begin(Head),
    Octets(Bytes),
    End,
}

/// What a client says about a message.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) flags: Flags,
    pub(crate) keywords: Vec<String>,
    pub(crate) internal_date: i64,
}

impl Head {
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.keywords.iter().map(String::as_str)
    }
}

/// A message for [`Memory`].
pub(crate) struct Text {
    pub(crate) head: Head,
    pub(crate) octets: BytesMut,
    pub(crate) lines: Lines,
}

/// What [`Appending::commit`] did: APPENDUID (RFC 9051 §7.1).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Appended {
    /// UIDVALIDITY of the mailbox.
    pub uid_validity: u32,
    /// The UIDs of the messages, rising.
    pub uids: Vec<u32>,
}

impl Mailstore {
    /// Messages that are about to be put into a mailbox.
    ///
    /// # Errors
    ///
    /// [`MailboxError::NoSuchMailbox`] when there is none: TRYCREATE.
    ///
    /// ```
    /// # use mailwire_examples::store::{Account, Folder, MailboxError, Mailstore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// # let alice = Account::parse("alice@example.test")?;
    /// let appending = store.appending(&alice, &Folder::parse("Nowhere")?, now).await;
    /// assert_eq!(appending.err(), Some(MailboxError::NoSuchMailbox));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn appending(
        &self,
        account: &Account,
        folder: &Folder,
        now: Timestamp,
    ) -> Result<Appending, MailboxError> {
        let to = match &self.0 {
            Backend::Discard => return Err(MailboxError::Impossible),
            Backend::Memory(memory) => {
                memory.exists(account, folder)?;
                To::Memory(memory.clone(), account.clone(), folder.clone(), Vec::new())
            }
            Backend::Disk(store) => {
                let (desk, folder) = (store.desk(account), folder.clone());
                let begin = move || desk.batch(&folder, now).map(|batch| (desk, batch));
                let (desk, batch) = blocking("begin to append messages", begin).await??;
                To::Disk(desk, Some(Box::new(batch)))
            }
        };
        Ok(Appending {
            to,
            now,
            steps: Vec::new(),
            waiting: 0,
            gathered: BytesMut::new(),
        })
    }
}

impl Appending {
    /// Begins the next message; the one before ends here. Without a date it has that of now.
    pub fn begin(&mut self, flags: Flags, keywords: Vec<String>, internal_date: Option<i64>) {
        self.end();
        self.steps.push(Step::Begin(Head {
            flags: flags & Flags::KNOWN,
            keywords,
            internal_date: internal_date.unwrap_or_else(|| self.now.as_second()),
        }));
    }

    /// The next octets of the message. What goes wrong is told at the end.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped before its end spoils all of it: `commit` answers with an error.
    pub async fn write(&mut self, octets: &[u8]) {
        self.gathered.extend_from_slice(octets);
        if self.waiting + self.gathered.len() >= PIECE {
            self.flush().await;
        }
    }

    /// Ends the message. [`Appending::begin`] and [`Appending::commit`] do so, too.
    pub fn end(&mut self) {
        self.gather();
        self.steps.push(Step::End);
        self.waiting += STEP;
    }

    fn gather(&mut self) {
        if !self.gathered.is_empty() {
            self.waiting += STEP + self.gathered.len();
            let octets = self.gathered.split().freeze();
            self.steps.push(Step::Octets(octets));
        }
    }

    async fn flush(&mut self) {
        self.gather();
        self.waiting = 0;
        let steps = std::mem::take(&mut self.steps);
        match std::mem::replace(&mut self.to, To::Away) {
            To::Away => {}
            To::Memory(memory, account, folder, mut texts) => {
                take(&mut texts, steps);
                self.to = To::Memory(memory, account, folder, texts);
            }
            To::Disk(desk, batch) => {
                let written = blocking("write messages", move || {
                    let batch = batch.map(|mut batch| {
                        batch.take(steps);
                        batch
                    });
                    (desk, batch)
                });
                if let Ok((desk, batch)) = written.await {
                    self.to = To::Disk(desk, batch);
                }
            }
        }
    }

    /// Puts all messages there. `Ok` means durable and visible, under the UIDs of the answer; after an error there
    /// are none of them.
    ///
    /// # Errors
    ///
    /// [`MailboxError::NoSuchMailbox`] when the mailbox was deleted meanwhile; [`MailboxError::Limit`] for keywords;
    /// what went wrong while writing.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped before its end has appended them, or will, or not.
    ///
    /// ```
    /// # use mailwire_examples::store::{Account, Flags, Folder, MailboxError, Mailstore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// # let alice = Account::parse("alice@example.test")?;
    /// let mut appending = store.appending(&alice, &Folder::inbox(), now).await?;
    /// appending.begin(Flags::NONE, vec!["two words".to_owned()], None);
    /// assert!(matches!(appending.commit().await, Err(MailboxError::Limit { .. })));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn commit(mut self) -> Result<Appended, MailboxError> {
        self.end();
        let steps = std::mem::take(&mut self.steps);
        match std::mem::replace(&mut self.to, To::Away) {
            To::Memory(memory, account, folder, mut texts) => {
                take(&mut texts, steps);
                memory.append(&account, &folder, texts)
            }
            To::Disk(desk, Some(mut batch)) => {
                let commit = move || {
                    batch.take(steps);
                    desk.commit(*batch)
                };
                blocking("append messages", commit).await?
            }
            To::Disk(_, None) | To::Away => Err(StoreError::lost("append messages").into()),
        }
    }
}

fn take(texts: &mut Vec<Text>, steps: Vec<Step>) {
    for step in steps {
        match (step, texts.last_mut()) {
            (Step::Begin(head), _) => texts.push(Text {
                head,
                octets: BytesMut::new(),
                lines: Lines::default(),
            }),
            (Step::Octets(octets), Some(text)) => {
                let octets = text.lines.normalize(octets);
                text.octets.extend_from_slice(&octets);
            }
            (Step::End, Some(text)) => {
                let octets = text.lines.finish().unwrap_or_default();
                text.octets.extend_from_slice(&octets);
            }
            (Step::Octets(_) | Step::End, None) => {}
        }
    }
}

impl fmt::Debug for Appending {
    // What is gathered is somebody's message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appending")
            .field("gathered", &self.gathered.len())
            .finish_non_exhaustive()
    }
}

impl Drop for Appending {
    fn drop(&mut self) {
        let to = std::mem::replace(&mut self.to, To::Away);
        // Removing files may block.
        if let (To::Disk(..), Ok(runtime)) = (&to, Handle::try_current()) {
            runtime.spawn_blocking(move || drop(to));
        }
    }
}
