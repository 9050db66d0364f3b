//! A mailbox that a session has open.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::{sync::watch, time};

use super::{
    blocking,
    content::Content,
    desk::Desk,
    error::{MailboxError, ReadError},
    flags::FlagChange,
    fs::Disk,
    listing::{Claim, Listed, Snapshot},
    mailbox::{Account, Folder},
    memory::Memory,
};

/// How often [`Mailbox::changed`] looks whether another program has changed something.
const POLL: Duration = Duration::from_secs(5);

/// What a session may do with a mailbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "SELECT and EXAMINE")]
pub enum Access {
    /// Look and read: EXAMINE (RFC 9051 §6.3.3).
    ReadOnly,
    /// Change flags and remove messages: SELECT (RFC 9051 §6.3.2).
    ReadWrite,
}

/// A mailbox that one session has open. All sessions of this process share what is known of it.
///
/// Every method may be called while others are going on; what they change comes one after the other.
///
/// ```
/// use mailwire_examples::store::{Access, Account, FlagChange, Flags, Folder, Mailstore, Mode};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
/// let (alice, inbox) = (Account::parse("alice@example.test")?, Folder::inbox());
/// let mailbox = store.open(&alice, &inbox, Access::ReadWrite, now).await?;
///
/// let mut incoming = store.incoming(vec![(alice, inbox)], now);
/// incoming.write(b"Subject: hi\n\nhello\n").await;
/// incoming.commit().await;
/// mailbox.changed().await;
/// let snapshot = mailbox.refresh(now).await?;
/// assert_eq!(snapshot.messages[0].uid, 1);
///
/// let seen = FlagChange::new(Mode::Add, Flags::SEEN);
/// assert_eq!(mailbox.store(vec![1], seen, None, now).await?.changed, [1]);
/// let mut content = mailbox.read(1, now).await?;
/// assert_eq!(&content.next().await?.unwrap_or_default()[..], b"Subject: hi\r\n\r\nhello\r\n");
/// # Ok(())
/// # }
/// ```
pub struct Mailbox {
    held: Held,
    ticket: Ticket,
    snapshots: Mutex<watch::Receiver<Arc<Snapshot>>>,
    arrivals: Mutex<watch::Receiver<u64>>,
}

enum Held {
    Disk(Arc<Desk<Disk>>),
    Memory(Memory),
}

/// What a session shows to be let in: it is worth nothing once the mailbox has another UIDVALIDITY.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) account: Account,
    pub(crate) folder: Folder,
    pub(crate) access: Access,
    pub(crate) uid_validity: u32,
    /// Of the session.
    pub(crate) number: u64,
}

/// What a back end gives to a session.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) uid_validity: u32,
    pub(crate) number: u64,
    pub(crate) snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(crate) arrivals: watch::Receiver<u64>,
}

/// What [`Mailbox::store`] did. The UIDs are in rising order; those of messages that are not there are in neither.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stored {
    /// Messages whose flags are now as asked for, whether they were so before or not.
    pub changed: Vec<u32>,
    /// Messages that were left alone, for they have changed since: MODIFIED (RFC 7162 §3.1.3).
    pub modified: Vec<u32>,
}

/// What [`Mailbox::copy`] did: COPYUID (RFC 9051 §7.1).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Copied {
    /// UIDVALIDITY of the mailbox that the copies are in.
    pub uid_validity: u32,
    /// The UID of each message and that of its copy, both rising.
    pub pairs: Vec<(u32, u32)>,
}

/// What [`Mailbox::read_many`] found for one UID.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fetched {
    /// The message as a whole, with CRLF line ends.
    Whole(Bytes),
    /// It is larger than the limit of the call; [`Mailbox::read`] gives it in pieces.
    Large,
    /// It cannot be read: somebody has removed it.
    Gone,
}

impl Mailbox {
    pub(crate) fn disk(
        desk: Arc<Desk<Disk>>,
        folder: &Folder,
        access: Access,
        opened: Opened,
    ) -> Self {
        let account = desk.account().clone();
        Self::of(Held::Disk(desk), account, folder, access, opened)
    }

    pub(crate) fn memory(
        memory: Memory,
        account: &Account,
        folder: &Folder,
        access: Access,
        opened: Opened,
    ) -> Self {
        Self::of(
            Held::Memory(memory),
            account.clone(),
            folder,
            access,
            opened,
        )
    }

    fn of(held: Held, account: Account, folder: &Folder, access: Access, opened: Opened) -> Self {
        Self {
            held,
            ticket: Ticket {
                account,
                folder: folder.clone(),
                access,
                uid_validity: opened.uid_validity,
                number: opened.number,
            },
            snapshots: Mutex::new(opened.snapshots),
            arrivals: Mutex::new(opened.arrivals),
        }
    }

    /// The name under which it was opened.
    #[must_use]
    pub const fn folder(&self) -> &Folder {
        &self.ticket.folder
    }

    /// What may be done with it.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.ticket.access
    }

    /// What is known now, without looking at the disk. [`Mailbox::changed`] then waits for what is newer.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&lock(&self.snapshots).borrow_and_update())
    }

    /// Whether this session is to be told that a message is `\Recent`: each message has one session that may write,
    /// the first that saw it.
    #[must_use]
    pub fn is_recent(&self, listed: &Listed) -> bool {
        match listed.claim {
            Claim::Open => true,
            Claim::By(number) => number == self.ticket.number,
            Claim::Nobody => false,
        }
    }

    /// Looks whether something has changed, and answers what is known then. Cheap when nothing has.
    ///
    /// # Errors
    ///
    /// [`MailboxError::Gone`] when the mailbox was deleted, renamed, or has got another UIDVALIDITY.
    ///
    /// ```
    /// # use mailwire_examples::store::{Access, Account, Folder, Mailstore, MailboxError};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// # let (alice, work) = (Account::parse("alice@example.test")?, Folder::parse("Work")?);
    /// store.create(&alice, &work, None, now).await?;
    /// let mailbox = store.open(&alice, &work, Access::ReadOnly, now).await?;
    /// store.delete(&alice, &work, now).await?;
    /// mailbox.changed().await;
    /// assert_eq!(mailbox.refresh(now).await, Err(MailboxError::Gone));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn refresh(&self, now: Timestamp) -> Result<Arc<Snapshot>, MailboxError> {
        lock(&self.arrivals).borrow_and_update();
        match &self.held {
            Held::Memory(memory) => memory.refresh(&self.ticket)?,
            Held::Disk(desk) => {
                let (desk, ticket) = (Arc::clone(desk), self.ticket.clone());
                blocking("look at a mailbox", move || desk.refresh(&ticket, now)).await??;
            }
        }
        Ok(self.snapshot())
    }

    /// Waits until there is something that [`Mailbox::refresh`] would tell: a change by another session, a delivery,
    /// or the hand of another program, which is seen within seconds.
    ///
    /// # Cancel safety
    ///
    /// It may be dropped at any time; no change is missed by that.
    pub async fn changed(&self) {
        let mut snapshots = lock(&self.snapshots).clone();
        let mut arrivals = lock(&self.arrivals).clone();
        // An error says that the mailbox is gone, which is a change.
        tokio::select! {
            _ = snapshots.changed() => {}
            _ = arrivals.changed() => {}
            () = self.touched() => {}
        }
    }

    /// Waits for the hand of another program.
    async fn touched(&self) {
        let Held::Disk(desk) = &self.held else {
            return std::future::pending().await;
        };
        let look = || {
            let (desk, ticket) = (Arc::clone(desk), self.ticket.clone());
            blocking("look at a mailbox", move || desk.touched(&ticket))
        };
        loop {
            Box::pin(time::sleep(POLL)).await;
            if !matches!(Box::pin(look()).await, Ok(false)) {
                return;
            }
        }
    }

    /// Makes [`Listed::octets`] known for these messages. They are counted once and for all.
    ///
    /// # Errors
    ///
    /// When a message cannot be read. Those that are gone are passed over.
    ///
    /// ```
    /// # use mailwire_examples::store::{Access, Account, Folder, Mailstore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// # let alice = Account::parse("alice@example.test")?;
    /// # let mailbox = store.open(&alice, &Folder::inbox(), Access::ReadOnly, now).await?;
    /// let snapshot = mailbox.sizes(vec![1, 2, 3], now).await?;
    /// assert!(snapshot.messages.iter().all(|message| message.octets.is_some()));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn sizes(
        &self,
        uids: Vec<u32>,
        now: Timestamp,
    ) -> Result<Arc<Snapshot>, MailboxError> {
        if let Held::Disk(desk) = &self.held {
            let known = Arc::clone(&lock(&self.snapshots).borrow());
            let unknown = |uid: &u32| known.find(*uid).is_some_and(|m| m.octets.is_none());
            if uids.iter().any(unknown) {
                let (desk, ticket) = (Arc::clone(desk), self.ticket.clone());
                let count = move || desk.sizes(&ticket, &uids, now);
                blocking("count the octets of messages", count).await??;
            }
        }
        Ok(self.snapshot())
    }

    /// Changes flags (RFC 9051 §6.4.6): of all these messages, or of those whose MODSEQ is not above
    /// `unchanged_since`. `Ok` means durable.
    ///
    /// # Errors
    ///
    /// [`MailboxError::Limit`] for a keyword too long or too many; nothing has changed then. After another error
    /// some messages may have been changed, each as a whole.
    ///
    /// ```
    /// # use mailwire_examples::store::{Access, Account, FlagChange, Flags, Folder, Mailstore, Mode, MailboxError};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// # let alice = Account::parse("alice@example.test")?;
    /// let mailbox = store.open(&alice, &Folder::inbox(), Access::ReadOnly, now).await?;
    /// let change = FlagChange::new(Mode::Add, Flags::SEEN);
    /// assert_eq!(mailbox.store(vec![1], change, None, now).await, Err(MailboxError::ReadOnly));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn store(
        &self,
        uids: Vec<u32>,
        change: FlagChange,
        unchanged_since: Option<u64>,
        now: Timestamp,
    ) -> Result<Stored, MailboxError> {
        self.may_write()?;
        match &self.held {
            Held::Memory(memory) => memory.store(&self.ticket, &uids, &change, unchanged_since),
            Held::Disk(desk) => {
                let (desk, ticket) = (Arc::clone(desk), self.ticket.clone());
                let store = move || desk.store(&ticket, &uids, &change, unchanged_since, now);
                blocking("change flags", store).await?
            }
        }
    }

    /// Removes those messages that are `\Deleted`, of all or of some (RFC 9051 §6.4.3, §6.4.9). Answers the UIDs of
    /// those that are gone by it, rising. `Ok` means that they stay gone.
    ///
    /// # Errors
    ///
    /// When one could not be removed. Each is then there as a whole, or gone.
    ///
    /// ```
    /// # use mailwire_examples::store::{Access, Account, Folder, Mailstore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// # let alice = Account::parse("alice@example.test")?;
    /// let mailbox = store.open(&alice, &Folder::inbox(), Access::ReadWrite, now).await?;
    /// assert!(mailbox.expunge(None, now).await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn expunge(
        &self,
        only: Option<Vec<u32>>,
        now: Timestamp,
    ) -> Result<Vec<u32>, MailboxError> {
        self.may_write()?;
        match &self.held {
            Held::Memory(memory) => memory.expunge(&self.ticket, only.as_deref()),
            Held::Disk(desk) => {
                let (desk, ticket) = (Arc::clone(desk), self.ticket.clone());
                let expunge = move || desk.expunge(&ticket, only.as_deref(), now);
                blocking("remove messages", expunge).await?
            }
        }
    }

    /// Copies messages with their flags, keywords and dates (RFC 9051 §6.4.7): all of them or, after an error, none.
    /// Messages that are gone are passed over. `Ok` means durable.
    ///
    /// # Errors
    ///
    /// [`MailboxError::NoSuchMailbox`] when there is no such folder: TRYCREATE.
    ///
    /// ```
    /// # use mailwire_examples::store::{Access, Account, Folder, Mailstore, MailboxError};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// # let alice = Account::parse("alice@example.test")?;
    /// # let mailbox = store.open(&alice, &Folder::inbox(), Access::ReadOnly, now).await?;
    /// let copied = mailbox.copy(vec![1], &Folder::parse("Nowhere")?, now).await;
    /// assert_eq!(copied, Err(MailboxError::NoSuchMailbox));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn copy(
        &self,
        uids: Vec<u32>,
        to: &Folder,
        now: Timestamp,
    ) -> Result<Copied, MailboxError> {
        match &self.held {
            Held::Memory(memory) => memory.copy(&self.ticket, &uids, to),
            Held::Disk(desk) => {
                let (desk, ticket, to) = (Arc::clone(desk), self.ticket.clone(), to.clone());
                let copy = move || desk.copy(&ticket, &uids, &to, now);
                blocking("copy messages", copy).await?
            }
        }
    }

    /// Moves messages (RFC 6851): as [`Mailbox::copy`] does, and then removes them here. At no time is one in
    /// neither place.
    ///
    /// # Errors
    ///
    /// As of [`Mailbox::copy`]. Where they were copied and could not be removed, the error is
    /// [`MailboxError::Store`], and they are in both.
    ///
    /// ```
    /// # use mailwire_examples::store::{Access, Account, Folder, Mailstore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// # let alice = Account::parse("alice@example.test")?;
    /// # let mailbox = store.open(&alice, &Folder::inbox(), Access::ReadWrite, now).await?;
    /// let moved = mailbox.move_to(vec![1], &Folder::inbox(), now).await?;
    /// assert!(moved.pairs.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn move_to(
        &self,
        uids: Vec<u32>,
        to: &Folder,
        now: Timestamp,
    ) -> Result<Copied, MailboxError> {
        self.may_write()?;
        match &self.held {
            Held::Memory(memory) => memory.move_to(&self.ticket, &uids, to),
            Held::Disk(desk) => {
                let (desk, ticket, to) = (Arc::clone(desk), self.ticket.clone(), to.clone());
                let move_to = move || desk.move_to(&ticket, &uids, &to, now);
                blocking("move messages", move_to).await?
            }
        }
    }

    /// Opens a message. What comes has CRLF line ends, and as many octets as [`Listed::octets`] says.
    ///
    /// # Errors
    ///
    /// [`ReadError::Gone`] when it is not there.
    ///
    /// ```
    /// # use mailwire_examples::store::{Access, Account, Folder, Mailstore, ReadError};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// # let alice = Account::parse("alice@example.test")?;
    /// # let mailbox = store.open(&alice, &Folder::inbox(), Access::ReadOnly, now).await?;
    /// assert_eq!(mailbox.read(7, now).await.err(), Some(ReadError::Gone));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn read(&self, uid: u32, now: Timestamp) -> Result<Content, ReadError> {
        match &self.held {
            Held::Memory(memory) => memory.read(&self.ticket, uid).map(Content::whole),
            Held::Disk(desk) => {
                let (desk, ticket) = (Arc::clone(desk), self.ticket.clone());
                let open = move || {
                    let reader = desk.read(&ticket, uid, now)?;
                    Ok(Content::disk(reader)?)
                };
                blocking("open a message", open).await?
            }
        }
    }

    /// Reads many small messages with one hop to a thread that may block: those from the front of `uids` that have
    /// no more than `max_octets` together, in order. What is behind them is not in the answer; the first one always
    /// is, as [`Fetched::Large`] if it has to be.
    ///
    /// # Errors
    ///
    /// When the store failed.
    ///
    /// ```
    /// # use mailwire_examples::store::{Access, Account, Fetched, Folder, Mailstore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// # let alice = Account::parse("alice@example.test")?;
    /// # let mailbox = store.open(&alice, &Folder::inbox(), Access::ReadOnly, now).await?;
    /// let fetched = mailbox.read_many(vec![7, 8], 1024 * 1024, now).await?;
    /// assert_eq!(fetched, [(7, Fetched::Gone), (8, Fetched::Gone)]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn read_many(
        &self,
        uids: Vec<u32>,
        max_octets: usize,
        now: Timestamp,
    ) -> Result<Vec<(u32, Fetched)>, ReadError> {
        match &self.held {
            Held::Memory(memory) => Ok(memory.read_many(&self.ticket, &uids, max_octets)),
            Held::Disk(desk) => {
                let (desk, ticket) = (Arc::clone(desk), self.ticket.clone());
                let read = move || desk.read_many(&ticket, &uids, max_octets, now);
                blocking("read messages", read).await?
            }
        }
    }

    fn may_write(&self) -> Result<(), MailboxError> {
        match self.ticket.access {
            Access::ReadOnly => Err(MailboxError::ReadOnly),
            Access::ReadWrite => Ok(()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("account", &self.ticket.account)
            .field("folder", &self.ticket.folder)
            .field("access", &self.ticket.access)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Fetched {
    // What was read is somebody's message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(octets) => write!(f, "Whole({} octets)", octets.len()),
            Self::Large => f.write_str("Large"),
            Self::Gone => f.write_str("Gone"),
        }
    }
}
