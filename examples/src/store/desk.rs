//! The desk at which everything about the mailboxes of one account is done, one thing at a time.
//!
//! Three things keep one mailbox in order. The files say which messages there are and what flags they have; other
//! programs may change them at any time. The index says which UIDs they have, and their keywords. What is in memory
//! is a copy of both, which is made anew when the row of the mailbox has changed, and compared with the directories
//! when these have. Each piece of work has the index for itself from its first look to its end, so that two servers
//! on one store keep out of each other's way, too.
//!
//! Work is done in this order: files, then a sync of their directory, then the index, then the answer. So a power
//! cut at any place leaves files that are right, and an index that the next look puts right.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use rusqlite::Transaction;
use tokio::sync::watch;

use super::{
    error::{Doing, MailboxError, StoreError},
    fs::Fs,
    index::{self, Fault, Index},
    listing::Snapshot,
    mailbox::{Account, Folder},
    maildir::{Maildir, Store},
    uidvalidity,
};

mod batch;
mod cells;
mod change;
mod folders;
mod look;
mod read;
mod register;
mod state;
mod transfer;

pub(crate) use batch::Batch;
pub(crate) use cells::Cells;
pub(crate) use folders::sweep_deleted;

use state::{Loaded, State};

/// How often work that another program gets in the way of is tried again.
const PASSES: usize = 4;

/// Messages of mailboxes that nobody has open which may stay in memory, so that STATUS is cheap.
const KEPT: usize = 100_000;

/// Where to ask for anything about one account. All desks of an account share what they know.
#[derive(Debug)]
pub(crate) struct Desk<F: Fs> {
    store: Store<F>,
    account: Account,
    cell: Arc<Cell>,
}

/// What is known of an account.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    work: Mutex<Work>,
    /// For each mailbox that somebody has open: how many deliveries there were.
    bells: Mutex<HashMap<Folder, watch::Sender<u64>>>,
    sessions: AtomicU64,
}

#[derive(Debug, Default)]
struct Work {
    /// With the identity of its file: if that is another by now, somebody has thrown the index away.
    index: Option<(Index, Option<(u64, u64)>)>,
    states: HashMap<Folder, State>,
}

/// A piece of work at the desk.
struct Bench<'a, F: Fs> {
    desk: &'a Desk<F>,
    home: &'a Maildir<F>,
    tx: &'a Transaction<'a>,
    states: &'a mut HashMap<Folder, State>,
    now: Timestamp,
    index: Written,
    /// Names that are to go away again unless all ends well.
    undo: Vec<(Arc<Maildir<F>>, OsString)>,
}

/// Whether something was written to the index, and what it means if it cannot be kept.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Written {
    Nothing,
    /// The next look would find it again.
    Known,
    /// The work is not done without.
    New,
}

/// A mailbox that is being worked on.
struct Open<F: Fs> {
    folder: Folder,
    maildir: Arc<Maildir<F>>,
    loaded: Loaded,
}

/// Why a piece of work came to nothing.
#[derive(Debug)]
enum Failure {
    /// The index has to be made anew.
    Unusable,
    Mailbox(MailboxError),
}

impl<F: Fs> Store<F> {
    pub(crate) fn desk(&self, account: &Account) -> Arc<Desk<F>> {
        Arc::new(Desk {
            store: self.clone(),
            account: account.clone(),
            cell: self.cells().of(account),
        })
    }

    /// Tells those who have a mailbox open that something has come.
    pub(crate) fn ring(&self, account: &Account, folder: &Folder) {
        if let Some(cell) = self.cells().known(account)
            && let Some(bell) = cell.bells().get(folder)
        {
            bell.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

impl Cell {
    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bells(&self) -> MutexGuard<'_, HashMap<Folder, watch::Sender<u64>>> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Fs> Desk<F> {
    pub(crate) const fn account(&self) -> &Account {
        &self.account
    }

    /// Nobody else of this process works on the account as long as this lives.
    pub(crate) fn alone(&self) -> impl Drop + '_ {
        self.cell.work()
    }

    /// What those see who have a mailbox open.
    #[cfg(test)]
    pub(crate) fn snapshot(&self, folder: &Folder) -> Arc<Snapshot> {
        self.cell.work().states.get(folder).unwrap().published()
    }

    fn next_session(&self) -> u64 {
        self.cell.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// Does a piece of work. It is done a second time, on a new index, when the index turns out to be unusable.
    fn enter<T>(
        &self,
        now: Timestamp,
        mut work: impl FnMut(&mut Bench<'_, F>) -> Result<T, Failure>,
    ) -> Result<T, MailboxError> {
        let mut place = self.cell.work();
        let home = self.store.maildir(&self.account, &Folder::inbox());
        let home = home.doing("open an account")?;
        let mut result = self.attempt(&mut place, &home, now, &mut work);
        if matches!(result, Err(Failure::Unusable)) {
            tracing::warn!(account = %self.account, "the index is unusable and is made anew");
            place.index = None;
            self.store.remove_index(&home)?;
            result = self.attempt(&mut place, &home, now, &mut work);
        }
        self.store.cells().used(&self.cell);
        match result {
            Ok(done) => Ok(done),
            Err(Failure::Unusable) => Err(StoreError::lost("make the index anew").into()),
            Err(Failure::Mailbox(error)) => Err(error),
        }
    }

    fn attempt<T>(
        &self,
        place: &mut Work,
        home: &Maildir<F>,
        now: Timestamp,
        work: &mut impl FnMut(&mut Bench<'_, F>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Work { index, states } = place;
        let index = self.index(index, home)?;
        let tx = index.begin()?;
        let mut bench = Bench {
            desk: self,
            home,
            tx: &tx,
            states,
            now,
            index: Written::Nothing,
            undo: Vec::new(),
        };
        let result = work(&mut bench);
        let Bench { index, undo, .. } = bench;
        let result = result.and_then(|done| match index {
            Written::Nothing => Ok(done),
            Written::Known | Written::New => match tx.commit().map_err(Fault::from) {
                Ok(()) => Ok(done),
                // A full disk must not keep anybody from reading and removing mail.
                Err(Fault::Store(StoreError::Full)) if index == Written::Known => Ok(done),
                Err(fault) => Err(fault.into()),
            },
        });
        if result.is_err() {
            for (maildir, name) in &undo {
                let _ = self.store.fs().unlink(&maildir.cur, name);
            }
            // What was learnt on the way is not in the index.
            if index != Written::Nothing {
                states.values_mut().for_each(State::unload);
            }
        }
        states.values().for_each(State::publish);
        let sum: usize = states.values().map(State::len).sum();
        if sum > KEPT {
            states.retain(|_, state| state.is_open());
        }
        result
    }

    /// The open index: the same as before, unless its file is another one.
    fn index<'a>(
        &self,
        index: &'a mut Option<(Index, Option<(u64, u64)>)>,
        home: &Maildir<F>,
    ) -> Result<&'a Index, Failure> {
        let path = self.store.home_path(&self.account);
        let identity = || {
            let file = self.store.fs().stat(&home.home, OsStr::new(index::FILE));
            file.ok().map(|file| file.identity)
        };
        let opened = match (index.take(), &path) {
            (Some((same, at)), None) => (same, at),
            (Some((same, at)), Some(_)) if at.is_some() && at == identity() => (same, at),
            (_, None) => (Index::fleeting()?, None),
            (_, Some(path)) => {
                self.store.make_index(home)?;
                let at = identity();
                (Index::open(&path.join(index::FILE))?, at)
            }
        };
        Ok(&index.insert(opened).0)
    }
}

impl<F: Fs> Bench<'_, F> {
    fn fs(&self) -> &F {
        self.desk.store.fs()
    }

    fn wrote(&mut self, written: Written) {
        self.index = self.index.max(written);
    }

    /// Opens a mailbox, and looks what has changed there. It is lost to memory unless it is given back with
    /// [`Bench::close`]: after an error it is made anew.
    fn open(&mut self, folder: &Folder) -> Result<Open<F>, Failure> {
        let mut open = self.reopen(folder)?;
        self.look(&mut open)?;
        Ok(open)
    }

    /// The same without a look at the directories.
    fn reopen(&mut self, folder: &Folder) -> Result<Open<F>, Failure> {
        let maildir = self.desk.store.folder(&self.desk.account, folder);
        let maildir = maildir.doing("open a mailbox")?;
        let maildir = Arc::new(maildir.ok_or(MailboxError::NoSuchMailbox)?);
        let name = index::name_of(folder);
        let row = index::head(self.tx, name)?;
        let state = self.states.entry(folder.clone()).or_default();
        let known = state.take();
        let loaded = match (known, row) {
            (Some(known), Some((id, view))) if known.is(id, &view) => known,
            (_, Some(_)) => Loaded::load(self.tx, name, &state.published())?,
            (_, None) => {
                let uid_validity = self.fresh_uid_validity()?;
                self.wrote(Written::New);
                Loaded::new(
                    index::insert_folder(self.tx, name, uid_validity)?,
                    uid_validity,
                )
            }
        };
        Ok(Open {
            folder: folder.clone(),
            maildir,
            loaded,
        })
    }

    fn close(&mut self, open: Open<F>) {
        let state = self.states.entry(open.folder).or_default();
        state.put(open.loaded);
    }

    /// A UIDVALIDITY that no mailbox of the account has ever had.
    fn fresh_uid_validity(&self) -> Result<u32, Failure> {
        let unique = self.desk.store.unique(self.now);
        let fresh = uidvalidity::next(self.fs(), &self.home.home, self.now, &unique);
        Ok(fresh.doing("write the floor of UIDVALIDITY")?)
    }
}

impl State {
    fn published(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshots.borrow())
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unusable => Self::Unusable,
            Fault::Store(error) => Self::Mailbox(error.into()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Mailbox(error.into())
    }
}

impl From<MailboxError> for Failure {
    fn from(error: MailboxError) -> Self {
        Self::Mailbox(error)
    }
}
