//! Maildir++ directories: where they are, how they come to be, what is in them.

use std::{
    collections::{BTreeMap, HashSet},
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;

use super::{
    desk::{Cells, sweep_deleted},
    error::{Doing, StoreError},
    fs::{Fs, Kind},
    mailbox::{Account, Folder},
    name::{self, Name},
};

const MAIL: &str = "mail";

/// Files in `tmp` that are older than this are nobody's any more, says maildir(5).
const STALE_SECONDS: i64 = 36 * 60 * 60;

/// The store on disk, shared by all who use it. Every call blocks.
#[derive(Clone, Debug)]
pub(crate) struct Store<F: Fs>(Arc<Shared<F>>);

#[derive(Debug)]
struct Shared<F> {
    fs: F,
    /// Where SQLite finds what `fs` sees as its root; without it there is no index.
    path: Option<PathBuf>,
    host: String,
    pid: u32,
    count: AtomicU64,
    /// Temporary files of deliveries that are going on.
    live: Mutex<HashSet<OsString>>,
    /// Maildirs whose directories this process has synced up to the root.
    settled: Mutex<HashSet<(Account, Folder)>>,
    cells: Cells,
}

/// The open directories of one folder.
#[derive(Debug)]
pub(crate) struct Maildir<F: Fs> {
    /// The directory of the account.
    pub(crate) home: Arc<F::Dir>,
    /// The directory of the folder; that of the account for INBOX.
    pub(crate) base: Arc<F::Dir>,
    pub(crate) tmp: F::Dir,
    pub(crate) new: F::Dir,
    pub(crate) cur: F::Dir,
}

/// A message file as a look at the directories finds it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) base: OsString,
    pub(crate) file: OsString,
    pub(crate) part: Part,
    pub(crate) identity: (u64, u64),
    pub(crate) size: u64,
    /// Seconds since 1970.
    pub(crate) modified: i64,
}

/// In order of preference, should one base name be in both.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Part {
    New,
    Cur,
}

/// Whether an existing directory may be relied upon to survive a power cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Settled {
    No,
    Yes,
}

impl<F: Fs> Store<F> {
    pub(crate) fn new(fs: F, path: Option<PathBuf>, host: &str, pid: u32) -> Self {
        Self(Arc::new(Shared {
            fs,
            path,
            host: name::escape_host(host),
            pid,
            count: AtomicU64::new(0),
            live: Mutex::default(),
            settled: Mutex::default(),
            cells: Cells::default(),
        }))
    }

    pub(crate) fn fs(&self) -> &F {
        &self.0.fs
    }

    /// The directory of an account, for SQLite.
    pub(crate) fn home_path(&self, account: &Account) -> Option<PathBuf> {
        let root = self.0.path.as_ref()?;
        Some(root.join(MAIL).join(account.domain()).join(account.user()))
    }

    pub(crate) fn unique(&self, now: Timestamp) -> String {
        let count = self.0.count.fetch_add(1, Ordering::Relaxed);
        name::unique(now, self.0.pid, count, &self.0.host)
    }

    /// Temporary files that [`Store::sweep`] has to leave alone.
    pub(crate) fn live(&self) -> MutexGuard<'_, HashSet<OsString>> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settled(&self) -> MutexGuard<'_, HashSet<(Account, Folder)>> {
        self.0
            .settled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a folder; what is missing of it is made, and is durable when this returns.
    ///
    /// A directory that is there already may have been made by a process that was killed before it could sync the
    /// parent. So the first look at a folder in the life of a process syncs all parents once.
    pub(crate) fn maildir(&self, account: &Account, folder: &Folder) -> io::Result<Maildir<F>> {
        let key = (account.clone(), folder.clone());
        let settled = if self.settled().contains(&key) {
            Settled::Yes
        } else {
            Settled::No
        };
        let home = Arc::new(self.home(account, settled)?);
        let base = match folder.directory() {
            Some(name) => Arc::new(self.enter(&home, name, settled)?),
            None => Arc::clone(&home),
        };
        let parts = ["tmp", "new", "cur"].map(|name| self.open_or_make(&base, name));
        let [(tmp, a), (new, b), (cur, c)] = flip(parts)?;
        if settled == Settled::No || [a, b, c].contains(&Origin::Made) {
            self.fs().sync_dir(&base)?;
            self.settled().insert(key);
        }
        Ok(Maildir {
            home,
            base,
            tmp,
            new,
            cur,
        })
    }

    fn home(&self, account: &Account, settled: Settled) -> io::Result<F::Dir> {
        let mut home = self.fs().root()?;
        for name in [MAIL, account.domain(), account.user()] {
            home = self.enter(&home, name, settled)?;
        }
        Ok(home)
    }

    /// Opens a folder if there is one. INBOX is always there.
    pub(crate) fn folder(
        &self,
        account: &Account,
        folder: &Folder,
    ) -> io::Result<Option<Maildir<F>>> {
        if let Some(name) = folder.directory() {
            let home = self.home(account, Settled::Yes)?;
            if self.directory(&home, OsStr::new(name))?.is_none() {
                return Ok(None);
            }
        }
        self.maildir(account, folder).map(Some)
    }

    /// Whether a folder is still the one that was opened: another may have been made in its place.
    pub(crate) fn is_still(&self, maildir: &Maildir<F>, folder: &Folder) -> io::Result<bool> {
        let Some(name) = folder.directory() else {
            return Ok(true);
        };
        let there = vanished(self.fs().stat(&maildir.home, OsStr::new(name)))?;
        let opened = self.fs().mark(&maildir.base)?;
        Ok(there.is_some_and(|there| there.identity == opened.identity))
    }

    /// The folder is gone from its place; what is made there next is not durable yet.
    pub(crate) fn unsettle(&self, account: &Account, folder: &Folder) {
        self.settled().remove(&(account.clone(), folder.clone()));
    }

    pub(crate) fn cells(&self) -> &Cells {
        &self.0.cells
    }

    fn enter(&self, at: &F::Dir, name: &str, settled: Settled) -> io::Result<F::Dir> {
        let (dir, origin) = self.open_or_make(at, name)?;
        if settled == Settled::No || origin == Origin::Made {
            self.fs().sync_dir(at)?;
        }
        Ok(dir)
    }

    fn open_or_make(&self, at: &F::Dir, name: &str) -> io::Result<(F::Dir, Origin)> {
        let name = OsStr::new(name);
        match self.fs().open_dir(at, name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => return other.map(|dir| (dir, Origin::Found)),
        }
        match self.fs().make_dir(at, name) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok((self.fs().open_dir(at, name)?, Origin::Made)),
        }
    }

    /// Whether this many octets fit, and the account's mail could still be moved about.
    pub(crate) fn room_for(&self, octets: u64) -> Result<(), StoreError> {
        /// What is left for directories, the index, and those who clean up.
        const RESERVE: u64 = 1024 * 1024;
        let free = self.fs().root().and_then(|root| self.fs().free(&root));
        if free.doing("ask for free space")? < octets.saturating_add(RESERVE) {
            return Err(StoreError::Full);
        }
        Ok(())
    }

    /// Refuses a store that nothing can be written to, before any mail is accepted for it.
    pub(crate) fn probe(&self, now: Timestamp) -> Result<(), StoreError> {
        let attempt = || {
            let root = self.fs().root()?;
            let mail = self.enter(&root, MAIL, Settled::No)?;
            let name = OsString::from(self.unique(now));
            drop(self.fs().create(&mail, &name)?);
            self.fs().unlink(&mail, &name)
        };
        attempt().doing("write to the mail store")
    }

    /// Removes what deliveries that never ended have left in the `tmp` directories. Answers how many files.
    pub(crate) fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.sweep_all(now).doing("clean the mail store")
    }

    fn sweep_all(&self, now: Timestamp) -> io::Result<u64> {
        let mut removed = 0;
        let root = self.fs().root()?;
        let Some(mail) = self.directory(&root, OsStr::new(MAIL))? else {
            return Ok(0);
        };
        for domain in self.directories(&mail)? {
            for home in self.directories(&domain)? {
                removed += self.sweep_tmp(&home, now)? + sweep_deleted(self.fs(), &home)?;
                for name in self.fs().list(&home)? {
                    if name.as_bytes().starts_with(b".")
                        && let Some(folder) = self.directory(&home, &name)?
                    {
                        removed += self.sweep_tmp(&folder, now)?;
                    }
                }
            }
        }
        Ok(removed)
    }

    fn sweep_tmp(&self, at: &F::Dir, now: Timestamp) -> io::Result<u64> {
        let mut removed = 0;
        let Some(tmp) = self.directory(at, OsStr::new("tmp"))? else {
            return Ok(0);
        };
        for name in self.fs().list(&tmp)? {
            let Some(stat) = vanished(self.fs().stat(&tmp, &name))? else {
                continue;
            };
            let age = now.as_second().saturating_sub(stat.modified);
            if stat.kind == Kind::Directory || age <= STALE_SECONDS || self.live().contains(&name) {
                continue;
            }
            removed += u64::from(vanished(self.fs().unlink(&tmp, &name))?.is_some());
        }
        Ok(removed)
    }

    fn directories(&self, at: &F::Dir) -> io::Result<Vec<F::Dir>> {
        let names = self.fs().list(at)?;
        names
            .iter()
            .filter_map(|name| self.directory(at, name).transpose())
            .collect()
    }

    /// A directory, unless there is none, or something else has its name.
    pub(crate) fn directory(&self, at: &F::Dir, name: &OsStr) -> io::Result<Option<F::Dir>> {
        match vanished(self.fs().stat(at, name))? {
            Some(stat) if stat.kind == Kind::Directory => vanished(self.fs().open_dir(at, name)),
            _ => Ok(None),
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Origin {
    Found,
    Made,
}

fn flip<T>([a, b, c]: [io::Result<T>; 3]) -> io::Result<[T; 3]> {
    Ok([a?, b?, c?])
}

/// Between a listing and the look at an entry, others may take the entry away.
pub(crate) fn vanished<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

impl<F: Fs> Maildir<F> {
    pub(crate) const fn part(&self, part: Part) -> &F::Dir {
        match part {
            Part::New => &self.new,
            Part::Cur => &self.cur,
        }
    }

    /// All messages, the oldest first, each base name once. Anything that is not a regular file is passed over.
    ///
    /// `new` is read before `cur`: a message that another reader moves meanwhile is then seen in one or in both.
    pub(crate) fn scan(&self, fs: &F) -> io::Result<Vec<Found>> {
        let mut found: BTreeMap<OsString, Found> = BTreeMap::new();
        for part in [Part::New, Part::Cur] {
            for file in self.files(fs, part, |_| true)? {
                let kept = found.get(&file.base);
                if kept.is_none_or(|kept| (kept.part, &kept.file) < (file.part, &file.file)) {
                    found.insert(file.base.clone(), file);
                }
            }
        }
        let mut found: Vec<Found> = found.into_values().collect();
        found.sort_by_cached_key(|file| {
            let name = Name::of(&file.file);
            (
                name.delivered().unwrap_or((file.modified, 0)),
                file.base.clone(),
            )
        });
        Ok(found)
    }

    /// The message files of one directory whose base name is asked for.
    pub(crate) fn files(
        &self,
        fs: &F,
        part: Part,
        mut wanted: impl FnMut(&OsStr) -> bool,
    ) -> io::Result<Vec<Found>> {
        let dir = self.part(part);
        let mut files = Vec::new();
        for file in fs.list(dir)? {
            let base = Name::of(&file).base.to_owned();
            if file.as_bytes().starts_with(b".") || !wanted(&base) {
                continue;
            }
            let Some(stat) = vanished(fs.stat(dir, &file))? else {
                continue;
            };
            if stat.kind == Kind::File {
                files.push(Found {
                    base,
                    file,
                    part,
                    identity: stat.identity,
                    size: stat.size,
                    modified: stat.modified,
                });
            }
        }
        Ok(files)
    }
}
