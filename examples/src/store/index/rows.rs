//! The rows of the index, each with a checksum of its own.

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
};

use rusqlite::{OptionalExtension as _, Transaction, params, types::ValueRef};

use super::Fault;
use crate::store::{flags::Flags, maildir::Found};

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
    pub(crate) flags: Flags,
    /// Separated by spaces.
    pub(crate) keywords: String,
    /// Seconds since 1970.
    pub(crate) internal_date: i64,
    /// Octets of the file.
    pub(crate) size: i64,
    /// Octets with CRLF line ends, once somebody has counted them.
    pub(crate) octets: Option<i64>,
    /// Octets that POP3 puts behind them, so that the last line has an end: 0 or 2.
    pub(crate) missing: i64,
    pub(crate) modseq: i64,
}

/// The row of a folder, without its messages.
pub(crate) fn head(tx: &Transaction<'_>, name: &str) -> Result<Option<(i64, View)>, Fault> {
    let row = tx
        .prepare_cached(
            "SELECT id, uidvalidity, uidnext, modseq, seal FROM folder WHERE name = ?1",
        )?
        .query_row([name], |row| {
            let (uidvalidity, uidnext, modseq) = (row.get(1)?, row.get(2)?, row.get(3)?);
            let view = View {
                uidvalidity,
                uidnext,
                modseq,
                records: Vec::new(),
            };
            Ok((row.get::<_, i64>(0)?, view, row.get::<_, i64>(4)?))
        })
        .optional()?;
    match row {
        None => Ok(None),
        Some((id, view, sealed)) if sealed == view.seal(name) => Ok(Some((id, view))),
        Some(_) => Err(Fault::Unusable),
    }
}

pub(crate) fn load(tx: &Transaction<'_>, name: &str) -> Result<Option<(i64, View)>, Fault> {
    let Some((id, mut view)) = head(tx, name)? else {
        return Ok(None);
    };
    let mut statement = tx.prepare_cached(
        "SELECT uid, base, flags, keywords, internal_date, size, octets, missing, modseq, seal \
         FROM message WHERE folder = ?1 ORDER BY uid",
    )?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        let record = Record {
            uid: row.get(0)?,
            base: OsString::from_vec(row.get(1)?),
            flags: letters(row.get_ref(2)?)?,
            keywords: row.get(3)?,
            internal_date: row.get(4)?,
            size: row.get(5)?,
            octets: row.get(6)?,
            missing: row.get(7)?,
            modseq: row.get(8)?,
        };
        if record.seal() != row.get::<_, i64>(9)? || record.uid >= view.uidnext {
            return Err(Fault::Unusable);
        }
        view.records.push(record);
    }
    Ok(Some((id, view)))
}

fn letters(text: ValueRef<'_>) -> Result<Flags, Fault> {
    let text = text.as_bytes().map_err(|_| Fault::Unusable)?;
    Ok(Flags::of(text.iter().copied()))
}

pub(crate) fn insert_folder(
    tx: &Transaction<'_>,
    name: &str,
    uidvalidity: u32,
) -> Result<i64, Fault> {
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

/// What is known of a folder as a whole has changed.
pub(crate) fn update_folder(
    tx: &Transaction<'_>,
    id: i64,
    name: &str,
    view: &View,
) -> Result<(), Fault> {
    tx.prepare_cached(
        "UPDATE folder SET uidvalidity = ?2, uidnext = ?3, modseq = ?4, seal = ?5 WHERE id = ?1",
    )?
    .execute(params![
        id,
        view.uidvalidity,
        view.uidnext,
        view.modseq,
        view.seal(name)
    ])?;
    Ok(())
}

/// The folder gets another name, and perhaps another UIDVALIDITY.
pub(crate) fn rename_folder(
    tx: &Transaction<'_>,
    id: i64,
    name: &str,
    view: &View,
) -> Result<(), Fault> {
    tx.execute(
        "UPDATE folder SET name = ?2 WHERE id = ?1",
        params![id, name],
    )?;
    update_folder(tx, id, name, view)
}

/// The folder and its messages are no more.
pub(crate) fn forget_folder(tx: &Transaction<'_>, id: i64) -> Result<(), Fault> {
    tx.execute("DELETE FROM message WHERE folder = ?1", [id])?;
    tx.execute("DELETE FROM folder WHERE id = ?1", [id])?;
    Ok(())
}

pub(crate) fn delete(tx: &Transaction<'_>, folder: i64, uid: u32) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM message WHERE folder = ?1 AND uid = ?2")?
        .execute(params![folder, uid])?;
    Ok(())
}

pub(crate) fn put(tx: &Transaction<'_>, folder: i64, record: &Record) -> Result<(), Fault> {
    let mut statement = tx.prepare_cached(
        "INSERT INTO message \
             (folder, uid, base, flags, keywords, internal_date, size, octets, missing, modseq, seal) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
         ON CONFLICT (folder, uid) DO UPDATE SET flags = ?4, keywords = ?5, size = ?7, \
             octets = ?8, missing = ?9, modseq = ?10, seal = ?11",
    )?;
    statement.execute(params![
        folder,
        record.uid,
        record.base.as_bytes(),
        record.flags.to_string(),
        record.keywords,
        record.internal_date,
        record.size,
        record.octets,
        record.missing,
        record.modseq,
        record.seal(),
    ])?;
    Ok(())
}

impl View {
    pub(crate) const fn new(uidvalidity: u32) -> Self {
        Self {
            uidvalidity,
            uidnext: 1,
            modseq: 1,
            records: Vec::new(),
        }
    }

    /// The next UID. When all are used up, a new UIDVALIDITY is the only way on (RFC 9051 §2.3.1.1).
    pub(crate) fn next_uid(&mut self) -> Result<u32, Fault> {
        let uid = self.uidnext;
        self.uidnext = uid.checked_add(1).ok_or(Fault::Unusable)?;
        Ok(uid)
    }

    pub(super) fn add(&mut self, file: &Found, modseq: i64) -> Result<Record, Fault> {
        Ok(Record {
            uid: self.next_uid()?,
            base: file.base.clone(),
            flags: Flags::NONE,
            keywords: String::new(),
            internal_date: file.modified,
            size: 0,
            octets: None,
            missing: 0,
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
        self.seal_with(&[
            i64::from(self.uid),
            self.internal_date,
            self.size,
            self.octets.unwrap_or(-1),
            self.missing,
            self.modseq,
        ])
    }

    pub(super) fn seal_of_version_1(&self, octets: Option<i64>) -> i64 {
        self.seal_with(&[
            i64::from(self.uid),
            self.internal_date,
            self.size,
            octets.unwrap_or(-1),
            self.modseq,
        ])
    }

    fn seal_with(&self, numbers: &[i64]) -> i64 {
        let flags = self.flags.to_string();
        seal(
            numbers,
            &[
                self.base.as_bytes(),
                flags.as_bytes(),
                self.keywords.as_bytes(),
            ],
        )
    }
}

/// A checksum of a row (FNV-1a): SQLite checks the structure of its file, not the values in it.
pub(super) fn seal(numbers: &[i64], texts: &[&[u8]]) -> i64 {
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
