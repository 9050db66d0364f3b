//! The mailboxes of an account: which there are, and how they come and go.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    Backend, Mailstore, blocking,
    error::MailboxError,
    flags::Flags,
    listing::{Claim, Listed, Snapshot},
    mailbox::{Account, Folder},
    selected::{Access, Mailbox},
};

/// What a mailbox is for (RFC 6154 §2). Each use has one mailbox at most.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum SpecialUse {
    /// `\Archive`.
    Archive,
    /// `\Drafts`.
    Drafts,
    /// `\Junk`.
    Junk,
    /// `\Sent`.
    Sent,
    /// `\Trash`.
    Trash,
}

impl SpecialUse {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Archive,
        Self::Drafts,
        Self::Junk,
        Self::Sent,
        Self::Trash,
    ];

    /// The name of the attribute, without the backslash.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Archive => "Archive",
            Self::Drafts => "Drafts",
            Self::Junk => "Junk",
            Self::Sent => "Sent",
            Self::Trash => "Trash",
        }
    }

    /// The use with this name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|special_use| special_use.name().eq_ignore_ascii_case(name))
    }
}

/// A name that LIST may show.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct MailboxEntry {
    /// Its name.
    pub folder: Folder,
    /// Whether it is in the list of subscriptions.
    pub subscribed: bool,
    /// What it is for.
    pub special_use: Option<SpecialUse>,
    /// Whether there is such a mailbox. Otherwise it is only a name: above others, or subscribed.
    pub selectable: bool,
}

/// What STATUS tells (RFC 9051 §6.3.11).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct StatusFacts {
    /// MESSAGES.
    pub messages: u64,
    /// RECENT: those that no session has claimed yet.
    pub recent: u64,
    /// UNSEEN.
    pub unseen: u64,
    /// DELETED.
    pub deleted: u64,
    /// UIDNEXT.
    pub uid_next: u32,
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// HIGHESTMODSEQ.
    pub highest_mod_seq: u64,
    /// SIZE: the octets of all messages. `None` where some were never counted and [`Sizes::Known`] was asked for.
    pub octets: Option<u64>,
}

/// Whether sizes that nobody knows yet are worth reading the messages for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing between the two")]
pub enum Sizes {
    /// They are counted, once and for all.
    Counted,
    /// They may be missing.
    Known,
}

impl StatusFacts {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let count = |wanted: fn(&Listed) -> bool| {
            let wanted = snapshot.messages.iter().filter(|message| wanted(message));
            wanted.count() as u64
        };
        let octets = snapshot.messages.iter().map(|message| message.octets);
        Self {
            messages: snapshot.messages.len() as u64,
            recent: count(|message| message.claim == Claim::Open),
            unseen: count(|message| !message.flags.contains(Flags::SEEN)),
            deleted: count(Listed::is_deleted),
            uid_next: snapshot.uid_next,
            uid_validity: snapshot.uid_validity,
            highest_mod_seq: snapshot.highest_mod_seq,
            octets: octets.sum(),
        }
    }
}

/// Everything that LIST may show.
pub(crate) fn entries<'a>(
    there: impl Iterator<Item = &'a Folder>,
    subscribed: &BTreeSet<Folder>,
    uses: &BTreeMap<Folder, SpecialUse>,
) -> Vec<MailboxEntry> {
    let there: BTreeSet<&Folder> = there.collect();
    let named = there.iter().copied().chain(subscribed);
    let mut names: BTreeSet<Folder> = named.cloned().collect();
    for folder in &there {
        let mut above = folder.parent();
        while let Some(folder) = above {
            above = folder.parent();
            names.insert(folder);
        }
    }
    let entry = |folder: Folder| MailboxEntry {
        subscribed: subscribed.contains(&folder),
        special_use: uses.get(&folder).copied(),
        selectable: there.contains(&folder),
        folder,
    };
    names.into_iter().map(entry).collect()
}

impl Mailstore {
    /// All mailboxes of an account, names above them that are none, and subscribed names that are none, sorted by
    /// name; INBOX comes first.
    ///
    /// # Errors
    ///
    /// When the store failed.
    ///
    /// ```
    /// # use mailwire_examples::store::{Account, Folder, Mailstore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// let alice = Account::parse("alice@example.test")?;
    /// store.create(&alice, &Folder::parse("Lists/rust")?, None, now).await?;
    /// let mut names = Vec::new();
    /// for entry in store.mailboxes(&alice, now).await? {
    ///     names.push((entry.folder.name(), entry.selectable));
    /// }
    /// let expected = [("INBOX", true), ("Lists", false), ("Lists/rust", true)];
    /// assert_eq!(names, expected.map(|(name, selectable)| (name.to_owned(), selectable)));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn mailboxes(
        &self,
        account: &Account,
        now: Timestamp,
    ) -> Result<Vec<MailboxEntry>, MailboxError> {
        match &self.0 {
            Backend::Discard => Err(MailboxError::Impossible),
            Backend::Memory(memory) => Ok(memory.mailboxes(account)),
            Backend::Disk(store) => {
                let desk = store.desk(account);
                blocking("list mailboxes", move || desk.mailboxes(now)).await?
            }
        }
    }

    /// Makes the mailboxes that a new account begins with, and subscribes to them: only the first time that this is
    /// called for an account, so that whoever deletes one does not find it back. Answers whether it was the first.
    ///
    /// # Errors
    ///
    /// When the store failed; the next call tries again then.
    ///
    /// ```
    /// # use mailwire_examples::store::{Account, Folder, Mailstore, SpecialUse};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// let alice = Account::parse("alice@example.test")?;
    /// let wanted = [(Folder::parse("Sent")?, SpecialUse::Sent)];
    /// assert!(store.ensure(&alice, &wanted, now).await?);
    /// assert!(!store.ensure(&alice, &wanted, now).await?);
    /// let sent = store.mailboxes(&alice, now).await?.remove(1);
    /// assert_eq!((sent.special_use, sent.subscribed), (Some(SpecialUse::Sent), true));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn ensure(
        &self,
        account: &Account,
        wanted: &[(Folder, SpecialUse)],
        now: Timestamp,
    ) -> Result<bool, MailboxError> {
        match &self.0 {
            Backend::Discard => Err(MailboxError::Impossible),
            Backend::Memory(memory) => Ok(memory.ensure(account, wanted, now)),
            Backend::Disk(store) => {
                let (desk, wanted) = (store.desk(account), wanted.to_vec());
                blocking("make mailboxes", move || desk.ensure(&wanted, now)).await?
            }
        }
    }

    /// Makes a mailbox (RFC 9051 §6.3.4). Answers its UIDVALIDITY, larger than any that this name has had.
    ///
    /// # Errors
    ///
    /// [`MailboxError::AlreadyExists`] when there is one; also when another has the special use.
    ///
    /// ```
    /// # use mailwire_examples::store::{Account, Folder, MailboxError, Mailstore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// let (alice, lists) = (Account::parse("alice@example.test")?, Folder::parse("Lists")?);
    /// let first = store.create(&alice, &lists, None, now).await?;
    /// let again = store.create(&alice, &lists, None, now).await;
    /// assert_eq!(again, Err(MailboxError::AlreadyExists));
    /// store.delete(&alice, &lists, now).await?;
    /// assert!(store.create(&alice, &lists, None, now).await? > first);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create(
        &self,
        account: &Account,
        folder: &Folder,
        special_use: Option<SpecialUse>,
        now: Timestamp,
    ) -> Result<u32, MailboxError> {
        match &self.0 {
            Backend::Discard => Err(MailboxError::Impossible),
            Backend::Memory(memory) => memory.create(account, folder, special_use, now),
            Backend::Disk(store) => {
                let (desk, folder) = (store.desk(account), folder.clone());
                blocking("make a mailbox", move || {
                    desk.create(&folder, special_use, now)
                })
                .await?
            }
        }
    }

    /// Deletes a mailbox and its messages, and none below it (RFC 9051 §6.3.5). Its subscription stays.
    ///
    /// # Errors
    ///
    /// [`MailboxError::Impossible`] for INBOX, [`MailboxError::HasChildren`] for a name that is only above others.
    ///
    /// ```
    /// # use mailwire_examples::store::{Account, Folder, MailboxError, Mailstore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// # let alice = Account::parse("alice@example.test")?;
    /// store.create(&alice, &Folder::parse("a/b")?, None, now).await?;
    /// let (above, none) = (Folder::parse("a")?, Folder::parse("b")?);
    /// assert_eq!(store.delete(&alice, &above, now).await, Err(MailboxError::HasChildren));
    /// assert_eq!(store.delete(&alice, &none, now).await, Err(MailboxError::NoSuchMailbox));
    /// store.delete(&alice, &Folder::parse("a/b")?, now).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn delete(
        &self,
        account: &Account,
        folder: &Folder,
        now: Timestamp,
    ) -> Result<(), MailboxError> {
        match &self.0 {
            Backend::Discard => Err(MailboxError::Impossible),
            Backend::Memory(memory) => memory.delete(account, folder),
            Backend::Disk(store) => {
                let (desk, folder) = (store.desk(account), folder.clone());
                blocking("delete a mailbox", move || desk.delete(&folder, now)).await?
            }
        }
    }

    /// Renames a mailbox and all below it; they keep their UIDs, and their UIDVALIDITY unless the new name has had a
    /// larger one. From INBOX the messages move into a new mailbox, and what is below it stays (RFC 9051 §6.3.6).
    /// Whoever has one of them open has to open it anew. Subscriptions stay with the names.
    ///
    /// # Errors
    ///
    /// [`MailboxError::AlreadyExists`] when one of the new names is taken.
    ///
    /// ```
    /// # use mailwire_examples::store::{Account, Folder, Mailstore, Sizes};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// # let alice = Account::parse("alice@example.test")?;
    /// let uid_validity = store.create(&alice, &Folder::parse("a/b")?, None, now).await?;
    /// store.rename(&alice, &Folder::parse("a")?, &Folder::parse("c")?, now).await?;
    /// let facts = store.status(&alice, &Folder::parse("c/b")?, Sizes::Known, now).await?;
    /// assert_eq!(facts.uid_validity, uid_validity);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn rename(
        &self,
        account: &Account,
        from: &Folder,
        to: &Folder,
        now: Timestamp,
    ) -> Result<(), MailboxError> {
        match &self.0 {
            Backend::Discard => Err(MailboxError::Impossible),
            Backend::Memory(memory) => memory.rename(account, from, to, now),
            Backend::Disk(store) => {
                let (desk, from, to) = (store.desk(account), from.clone(), to.clone());
                blocking("rename a mailbox", move || desk.rename(&from, &to, now)).await?
            }
        }
    }

    /// Puts a name on the list of subscriptions (RFC 9051 §6.3.7), whether there is such a mailbox or not.
    ///
    /// # Errors
    ///
    /// [`MailboxError::Limit`] when the list is full.
    ///
    /// ```
    /// # use mailwire_examples::store::{Account, Folder, Mailstore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// # let alice = Account::parse("alice@example.test")?;
    /// store.subscribe(&alice, &Folder::inbox(), now).await?;
    /// assert!(store.mailboxes(&alice, now).await?[0].subscribed);
    /// store.unsubscribe(&alice, &Folder::inbox(), now).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn subscribe(
        &self,
        account: &Account,
        folder: &Folder,
        now: Timestamp,
    ) -> Result<(), MailboxError> {
        match &self.0 {
            Backend::Discard => Err(MailboxError::Impossible),
            Backend::Memory(memory) => memory.subscribe(account, folder),
            Backend::Disk(store) => {
                let (desk, folder) = (store.desk(account), folder.clone());
                blocking("subscribe", move || desk.subscribe(&folder, now)).await?
            }
        }
    }

    /// Takes a name from the list of subscriptions (RFC 9051 §6.3.8). One that is not there is no error.
    ///
    /// # Errors
    ///
    /// When the store failed.
    ///
    /// ```
    /// # use mailwire_examples::store::{Account, Folder, Mailstore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// # let alice = Account::parse("alice@example.test")?;
    /// store.unsubscribe(&alice, &Folder::inbox(), now).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn unsubscribe(
        &self,
        account: &Account,
        folder: &Folder,
        now: Timestamp,
    ) -> Result<(), MailboxError> {
        match &self.0 {
            Backend::Discard => Err(MailboxError::Impossible),
            Backend::Memory(memory) => {
                memory.unsubscribe(account, folder);
                Ok(())
            }
            Backend::Disk(store) => {
                let (desk, folder) = (store.desk(account), folder.clone());
                blocking("unsubscribe", move || desk.unsubscribe(&folder, now)).await?
            }
        }
    }

    /// Looks at a mailbox without opening it.
    ///
    /// # Errors
    ///
    /// [`MailboxError::NoSuchMailbox`] when there is none.
    ///
    /// ```
    /// # use mailwire_examples::store::{Account, Folder, Mailstore, Sizes};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// # let alice = Account::parse("alice@example.test")?;
    /// let facts = store.status(&alice, &Folder::inbox(), Sizes::Counted, now).await?;
    /// assert_eq!((facts.messages, facts.octets), (0, Some(0)));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn status(
        &self,
        account: &Account,
        folder: &Folder,
        sizes: Sizes,
        now: Timestamp,
    ) -> Result<StatusFacts, MailboxError> {
        match &self.0 {
            Backend::Discard => Err(MailboxError::Impossible),
            Backend::Memory(memory) => memory.status(account, folder),
            Backend::Disk(store) => {
                let (desk, folder) = (store.desk(account), folder.clone());
                blocking("look at a mailbox", move || {
                    desk.status(&folder, sizes, now)
                })
                .await?
            }
        }
    }

    /// Opens a mailbox for one session. Any number of sessions may have one open, and a POP3 session besides.
    ///
    /// # Errors
    ///
    /// [`MailboxError::NoSuchMailbox`] when there is none. INBOX is always there.
    ///
    /// ```
    /// # use mailwire_examples::store::{Access, Account, Folder, Mailstore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// # let alice = Account::parse("alice@example.test")?;
    /// let mailbox = store.open(&alice, &Folder::inbox(), Access::ReadWrite, now).await?;
    /// assert_eq!(mailbox.snapshot().uid_next, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open(
        &self,
        account: &Account,
        folder: &Folder,
        access: Access,
        now: Timestamp,
    ) -> Result<Mailbox, MailboxError> {
        match &self.0 {
            Backend::Discard => Err(MailboxError::Impossible),
            Backend::Memory(memory) => {
                let opened = memory.open_mailbox(account, folder, access)?;
                Ok(Mailbox::memory(
                    memory.clone(),
                    account,
                    folder,
                    access,
                    opened,
                ))
            }
            Backend::Disk(store) => {
                let (desk, name) = (store.desk(account), folder.clone());
                let open = move || desk.open(&name, access, now).map(|opened| (desk, opened));
                let (desk, opened) = blocking("open a mailbox", open).await??;
                Ok(Mailbox::disk(desk, folder, access, opened))
            }
        }
    }
}
