//! The index of an account: UIDs, flags, keywords, dates, sizes and mod-sequences, in SQLite.
//!
//! The Maildir is the truth about which messages there are; the index is the truth about their UIDs. Whatever is
//! wrong with it, it is thrown away and made anew, under a new and larger UIDVALIDITY: every message is still there,
//! only keywords are lost. That is also what to do behind a backup that was restored: delete the index. It is committed with `synchronous=FULL`, so a UID that was told to a client is durable.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Transaction, params};

use super::{
    error::StoreError,
    fs::Fs,
    mailbox::{Account, Folder},
    maildir::{Found, Maildir, Store},
    name::Name,
    uidvalidity,
};

const FILE: &str = "mailwire-index.sqlite";
/// What SQLite puts beside it.
const COMPANIONS: [&str; 3] = [
    FILE,
    "mailwire-index.sqlite-wal",
    "mailwire-index.sqlite-shm",
];

const VERSION: i64 = 1;
const FOLDER_TABLE: &str = "CREATE TABLE folder (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, \
     uidvalidity INTEGER NOT NULL, uidnext INTEGER NOT NULL, modseq INTEGER NOT NULL, seal INTEGER NOT NULL) STRICT";
const MESSAGE_TABLE: &str = "CREATE TABLE message (folder INTEGER NOT NULL, uid INTEGER NOT NULL, base BLOB NOT NULL, \
     flags TEXT NOT NULL, keywords TEXT NOT NULL, internal_date INTEGER NOT NULL, size INTEGER NOT NULL, \
     octets INTEGER, modseq INTEGER NOT NULL, seal INTEGER NOT NULL, \
     PRIMARY KEY (folder, uid), UNIQUE (folder, base)) STRICT";

/// How long another connection may keep the index locked.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Index {
    db: Connection,
}

/// What the index says about one folder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct View {
    pub(crate) uidvalidity: u32,
    pub(crate) uidnext: u32,
    pub(crate) modseq: i64,
    /// In order of UID.
    pub(crate) records: Vec<Record>,
}

/// What the index says about one message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Record {
    pub(crate) uid: u32,
    pub(crate) base: OsString,
    /// The letters of the file name.
    pub(crate) flags: String,
    /// Separated by spaces.
    pub(crate) keywords: String,
    /// Seconds since 1970.
    pub(crate) internal_date: i64,
    /// Octets of the file.
    pub(crate) size: i64,
    /// Octets with CRLF line ends, once somebody has counted them.
    pub(crate) octets: Option<i64>,
    pub(crate) modseq: i64,
}

#[derive(Debug)]
enum Fault {
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
            let mut index = Index::open(&home.join(FILE))?;
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
    fn make_index(&self, maildir: &Maildir<F>) -> Result<(), StoreError> {
        match self.fs().create(&maildir.home, OsStr::new(FILE)) {
            Ok(_) => self.fs().sync_dir(&maildir.home),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
        .map_err(|error| StoreError::new("create the index", &error))
    }

    fn remove_index(&self, maildir: &Maildir<F>) -> Result<(), StoreError> {
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
    fn open(path: &Path) -> Result<Self, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(PATIENCE)?;
        db.execute_batch(
            "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; \
             PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        )?;
        let mut index = Self { db };
        index.prepare()?;
        Ok(index)
    }

    /// Makes the tables of a new index; looks an old one over.
    fn prepare(&mut self) -> Result<(), Fault> {
        let tx = self
            .db
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let schema: Vec<String> = tx
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let version: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if schema.is_empty() && version == 0 {
            tx.execute_batch(FOLDER_TABLE)?;
            tx.execute_batch(MESSAGE_TABLE)?;
            tx.pragma_update(None, "user_version", VERSION)?;
        } else if schema != [FOLDER_TABLE, MESSAGE_TABLE] || version != VERSION {
            return Err(Fault::Unusable);
        }
        let health: String = tx.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if health != "ok" {
            return Err(Fault::Unusable);
        }
        Ok(tx.commit()?)
    }

    /// Gives UIDs to messages that have none, forgets those that are gone, takes over flags from file names.
    fn sync(
        &mut self,
        folder: &Folder,
        found: &[Found],
        fresh: impl FnOnce() -> io::Result<u32>,
    ) -> Result<View, Fault> {
        let tx = self
            .db
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let name = folder.directory().unwrap_or("INBOX");
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
            tx.execute(
                "DELETE FROM message WHERE folder = ?1 AND uid = ?2",
                params![id, gone.uid],
            )?;
            view.modseq = modseq;
        }
        if before != (view.uidnext, view.modseq) {
            tx.execute(
                "UPDATE folder SET uidnext = ?2, modseq = ?3, seal = ?4 WHERE id = ?1",
                params![id, view.uidnext, view.modseq, view.seal(name)],
            )?;
        }
        tx.commit()?;
        view.records.sort_unstable_by_key(|record| record.uid);
        Ok(view)
    }

    /// Keeps what was counted, so that it need not be counted again.
    pub(crate) fn keep(&mut self, folder: &Folder, records: &[Record]) -> Result<(), StoreError> {
        let mut attempt = || -> Result<(), Fault> {
            let tx = self
                .db
                .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let name = folder.directory().unwrap_or("INBOX");
            let id: i64 = tx.query_row("SELECT id FROM folder WHERE name = ?1", [name], |row| {
                row.get(0)
            })?;
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

fn load(tx: &Transaction<'_>, name: &str) -> Result<Option<(i64, View)>, Fault> {
    let row = tx
        .query_row(
            "SELECT id, uidvalidity, uidnext, modseq, seal FROM folder WHERE name = ?1",
            [name],
            |row| {
                let (uidvalidity, uidnext, modseq) = (row.get(1)?, row.get(2)?, row.get(3)?);
                let view = View {
                    uidvalidity,
                    uidnext,
                    modseq,
                    records: Vec::new(),
                };
                Ok((row.get::<_, i64>(0)?, view, row.get::<_, i64>(4)?))
            },
        )
        .optional()?;
    let Some((id, mut view, seal)) = row else {
        return Ok(None);
    };
    if view.seal(name) != seal {
        return Err(Fault::Unusable);
    }
    let mut statement = tx.prepare(
        "SELECT uid, base, flags, keywords, internal_date, size, octets, modseq, seal \
         FROM message WHERE folder = ?1 ORDER BY uid",
    )?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        let record = Record {
            uid: row.get(0)?,
            base: OsString::from_vec(row.get(1)?),
            flags: row.get(2)?,
            keywords: row.get(3)?,
            internal_date: row.get(4)?,
            size: row.get(5)?,
            octets: row.get(6)?,
            modseq: row.get(7)?,
        };
        if record.seal() != row.get::<_, i64>(8)? || record.uid >= view.uidnext {
            return Err(Fault::Unusable);
        }
        view.records.push(record);
    }
    Ok(Some((id, view)))
}

fn insert_folder(tx: &Transaction<'_>, name: &str, uidvalidity: u32) -> Result<i64, Fault> {
    let view = View::new(uidvalidity);
    tx.execute(
        "INSERT INTO folder (name, uidvalidity, uidnext, modseq, seal) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            name,
            view.uidvalidity,
            view.uidnext,
            view.modseq,
            view.seal(name)
        ],
    )?;
    Ok(tx.last_insert_rowid())
}

fn put(tx: &Transaction<'_>, folder: i64, record: &Record) -> Result<(), Fault> {
    let mut statement = tx.prepare_cached(
        "INSERT INTO message \
             (folder, uid, base, flags, keywords, internal_date, size, octets, modseq, seal) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
         ON CONFLICT (folder, uid) DO UPDATE SET flags = ?4, keywords = ?5, size = ?7, \
             octets = ?8, modseq = ?9, seal = ?10",
    )?;
    statement.execute(params![
        folder,
        record.uid,
        record.base.as_bytes(),
        record.flags,
        record.keywords,
        record.internal_date,
        record.size,
        record.octets,
        record.modseq,
        record.seal(),
    ])?;
    Ok(())
}

impl View {
    const fn new(uidvalidity: u32) -> Self {
        Self {
            uidvalidity,
            uidnext: 1,
            modseq: 1,
            records: Vec::new(),
        }
    }

    fn add(&mut self, file: &Found, modseq: i64) -> Result<Record, Fault> {
        let uid = self.uidnext;
        // When all UIDs are used up, a new UIDVALIDITY is the only way on (RFC 9051 §2.3.1.1).
        self.uidnext = uid.checked_add(1).ok_or(Fault::Unusable)?;
        Ok(Record {
            uid,
            base: file.base.clone(),
            flags: String::new(),
            keywords: String::new(),
            internal_date: file.modified,
            size: 0,
            octets: None,
            modseq,
        })
    }

    fn seal(&self, name: &str) -> i64 {
        let numbers = [
            i64::from(self.uidvalidity),
            i64::from(self.uidnext),
            self.modseq,
        ];
        seal(&numbers, &[name.as_bytes()])
    }
}

impl Record {
    fn seal(&self) -> i64 {
        let octets = self.octets.unwrap_or(-1);
        let numbers = [
            i64::from(self.uid),
            self.internal_date,
            self.size,
            octets,
            self.modseq,
        ];
        seal(
            &numbers,
            &[
                self.base.as_bytes(),
                self.flags.as_bytes(),
                self.keywords.as_bytes(),
            ],
        )
    }
}

/// A checksum of a row (FNV-1a): SQLite checks the structure of its file, not the values in it.
fn seal(numbers: &[i64], texts: &[&[u8]]) -> i64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut mix = |octets: &[u8]| {
        for octet in octets {
            hash = (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for number in numbers {
        mix(&number.to_be_bytes());
    }
    for text in texts {
        mix(&(text.len() as u64).to_be_bytes());
        mix(text);
    }
    hash.cast_signed()
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
