//! The index of an account: UIDs, flags, keywords, dates, sizes and mod-sequences, in SQLite.
//!
//! The Maildir is the truth about which messages there are; the index is the truth about their UIDs. Whatever is
//! wrong with it, it is thrown away and made anew, under a new and larger UIDVALIDITY: every message is still there,
//! only keywords are lost. That is also what to do behind a backup that was restored: delete the index. It is committed with `synchronous=FULL`, so a UID that was told to a client is durable.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    io,
    path::Path,
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::{
    error::StoreError,
    fs::Fs,
    mailbox::{Account, Folder},
    maildir::{Found, Maildir, Store},
    name::Name,
    uidvalidity,
};

mod former;
mod rows;
mod schema;

pub(crate) use former::{former, remember};
pub(crate) use rows::{
    Record, View, delete, forget_folder, head, insert_folder, load, put, rename_folder,
    update_folder,
};
#[cfg(test)]
pub(crate) use schema::back_to_version_1;

pub(crate) const FILE: &str = "mailwire-index.sqlite";
/// What SQLite puts beside it.
const COMPANIONS: [&str; 3] = [
    FILE,
    "mailwire-index.sqlite-wal",
    "mailwire-index.sqlite-shm",
];

/// How long another connection may keep the index locked.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Index {
    db: Connection,
}

#[derive(Debug)]
pub(crate) enum Fault {
    /// It has to be made anew.
    Unusable,
    Store(StoreError),
}

impl<F: Fs> Store<F> {
    /// Brings the index up to date with what was found in a folder. The caller holds the lock of the maildrop, so
    /// nobody else of us uses this index meanwhile. `None` when this store keeps no index.
    pub(crate) fn index(
        &self,
        account: &Account,
        folder: &Folder,
        maildir: &Maildir<F>,
        found: &[Found],
        now: Timestamp,
    ) -> Result<Option<(Index, View)>, StoreError> {
        let Some(home) = self.home_path(account) else {
            return Ok(None);
        };
        let attempt = || -> Result<(Index, View), Fault> {
            self.make_index(maildir)?;
            let index = Index::open(&home.join(FILE))?;
            let fresh = || uidvalidity::next(self.fs(), &maildir.home, now, &self.unique(now));
            let view = index.sync(folder, found, fresh)?;
            Ok((index, view))
        };
        let result = match attempt() {
            Err(Fault::Unusable) => {
                tracing::warn!(%account, "the index is unusable and is made anew");
                self.remove_index(maildir)?;
                attempt()
            }
            other => other,
        };
        match result {
            Ok(both) => Ok(Some(both)),
            Err(Fault::Store(error)) => Err(error),
            Err(Fault::Unusable) => Err(StoreError::lost("make the index anew")),
        }
    }

    /// SQLite would make the file with the rights of the umask.
    pub(crate) fn make_index(&self, maildir: &Maildir<F>) -> Result<(), StoreError> {
        match self.fs().create(&maildir.home, OsStr::new(FILE)) {
            Ok(_) => self.fs().sync_dir(&maildir.home),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
        .map_err(|error| StoreError::new("create the index", &error))
    }

    pub(crate) fn remove_index(&self, maildir: &Maildir<F>) -> Result<(), StoreError> {
        for name in COMPANIONS {
            match self.fs().unlink(&maildir.home, OsStr::new(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::new("remove the index", &error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Index {
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(PATIENCE)?;
        db.execute_batch(
            "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; \
             PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        )?;
        let index = Self { db };
        schema::prepare(index.begin()?)?;
        Ok(index)
    }

    /// For a store that has no path: it is as good, and gone with the process.
    pub(crate) fn fleeting() -> Result<Self, Fault> {
        let index = Self {
            db: Connection::open_in_memory()?,
        };
        schema::prepare(index.begin()?)?;
        Ok(index)
    }

    /// Keeps all others out, of this process and of others, until the end of the transaction.
    pub(crate) fn begin(&self) -> Result<Transaction<'_>, Fault> {
        Ok(Transaction::new_unchecked(
            &self.db,
            TransactionBehavior::Immediate,
        )?)
    }

    /// For POP3, which looks at every file: gives UIDs to messages that have none, forgets those that are gone, takes over flags from file names.
    fn sync(
        &self,
        folder: &Folder,
        found: &[Found],
        fresh: impl FnOnce() -> io::Result<u32>,
    ) -> Result<View, Fault> {
        let tx = self.begin()?;
        let name = name_of(folder);
        let (id, mut view) = match load(&tx, name)? {
            Some(loaded) => loaded,
            None => {
                let uidvalidity = fresh()
                    .map_err(|error| StoreError::new("write the floor of UIDVALIDITY", &error))?;
                (
                    insert_folder(&tx, name, uidvalidity)?,
                    View::new(uidvalidity),
                )
            }
        };
        let before = (view.uidnext, view.modseq);
        let mut known: HashMap<OsString, Record> = view
            .records
            .drain(..)
            .map(|record| (record.base.clone(), record))
            .collect();
        let modseq = view.modseq + 1;
        for file in found {
            let flags = Name::of(&file.file).flags();
            let size = i64::try_from(file.size).unwrap_or(i64::MAX);
            let mut record = known
                .remove(&file.base)
                .map_or_else(|| view.add(file, modseq), Ok)?;
            if record.modseq != modseq && (record.size != size || record.flags != flags) {
                if record.size != size {
                    record.octets = None;
                }
                record.modseq = modseq;
            }
            (record.size, record.flags) = (size, flags);
            if record.modseq == modseq {
                put(&tx, id, &record)?;
                view.modseq = modseq;
            }
            view.records.push(record);
        }
        for gone in known.into_values() {
            delete(&tx, id, gone.uid)?;
            view.modseq = modseq;
        }
        if before != (view.uidnext, view.modseq) {
            update_folder(&tx, id, name, &view)?;
        }
        tx.commit()?;
        view.records.sort_unstable_by_key(|record| record.uid);
        Ok(view)
    }

    /// Keeps what was counted, so that it need not be counted again.
    pub(crate) fn keep(&self, folder: &Folder, records: &[Record]) -> Result<(), StoreError> {
        let attempt = || -> Result<(), Fault> {
            let tx = self.begin()?;
            let Some((id, _)) = head(&tx, name_of(folder))? else {
                return Err(Fault::Unusable);
            };
            for record in records {
                put(&tx, id, record)?;
            }
            Ok(tx.commit()?)
        };
        attempt().map_err(|fault| match fault {
            Fault::Store(error) => error,
            Fault::Unusable => StoreError::lost("keep sizes in the index"),
        })
    }
}

/// What a folder is called in the index.
pub(crate) fn name_of(folder: &Folder) -> &str {
    folder.directory().unwrap_or("INBOX")
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        let Some(code) = error.sqlite_error_code() else {
            // A value of another type than we had put there.
            return Self::Unusable;
        };
        match code {
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::Unknown => Self::Unusable,
            ErrorCode::DiskFull => Self::Store(StoreError::Full),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                Self::Store(StoreError::lost("wait for the index"))
            }
            _ => Self::Store(StoreError::lost("use the index")),
        }
    }
}
