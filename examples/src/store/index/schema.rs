//! The tables of the index, and how an older index comes to have them.

use std::{ffi::OsString, os::unix::ffi::OsStringExt};

use rusqlite::Transaction;

use super::{
    Fault,
    rows::{self, Record},
};
use crate::store::flags::Flags;

const VERSION: i64 = 2;
const FOLDER_TABLE: &str = "CREATE TABLE folder (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, \
     uidvalidity INTEGER NOT NULL, uidnext INTEGER NOT NULL, modseq INTEGER NOT NULL, seal INTEGER NOT NULL) STRICT";
const MESSAGE_TABLE: &str = "CREATE TABLE message (folder INTEGER NOT NULL, uid INTEGER NOT NULL, base BLOB NOT NULL, \
     flags TEXT NOT NULL, keywords TEXT NOT NULL, internal_date INTEGER NOT NULL, size INTEGER NOT NULL, \
     octets INTEGER, missing INTEGER NOT NULL, modseq INTEGER NOT NULL, seal INTEGER NOT NULL, \
     PRIMARY KEY (folder, uid), UNIQUE (folder, base)) STRICT";
const FORMER_TABLE: &str = "CREATE TABLE former (name TEXT NOT NULL PRIMARY KEY, uidvalidity INTEGER NOT NULL, \
     seal INTEGER NOT NULL) STRICT";

/// Version 1 knew no octets but those of POP3, and no former names.
const MESSAGE_TABLE_1: &str = "CREATE TABLE message (folder INTEGER NOT NULL, uid INTEGER NOT NULL, base BLOB NOT NULL, \
     flags TEXT NOT NULL, keywords TEXT NOT NULL, internal_date INTEGER NOT NULL, size INTEGER NOT NULL, \
     octets INTEGER, modseq INTEGER NOT NULL, seal INTEGER NOT NULL, \
     PRIMARY KEY (folder, uid), UNIQUE (folder, base)) STRICT";

/// Makes the tables of a new index; looks an old one over.
pub(super) fn prepare(tx: Transaction<'_>) -> Result<(), Fault> {
    let schema: Vec<String> = tx
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let version: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if schema.is_empty() && version == 0 {
        for table in [FOLDER_TABLE, MESSAGE_TABLE, FORMER_TABLE] {
            tx.execute_batch(table)?;
        }
        tx.pragma_update(None, "user_version", VERSION)?;
    } else if version == 1 && schema == [FOLDER_TABLE, MESSAGE_TABLE_1] {
        migrate(&tx)?;
    } else if version != VERSION || schema != [FOLDER_TABLE, MESSAGE_TABLE, FORMER_TABLE] {
        return Err(Fault::Unusable);
    }
    let health: String = tx.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if health != "ok" {
        return Err(Fault::Unusable);
    }
    Ok(tx.commit()?)
}

/// UIDs stay. Sizes are counted anew, for version 1 did not keep whether a message ends with a line end.
fn migrate(tx: &Transaction<'_>) -> Result<(), Fault> {
    tx.execute_batch("ALTER TABLE message RENAME TO message_1")?;
    tx.execute_batch(MESSAGE_TABLE)?;
    let mut statement = tx.prepare(
        "SELECT folder, uid, base, flags, keywords, internal_date, size, octets, modseq, seal FROM message_1",
    )?;
    let mut old = statement.query([])?;
    while let Some(row) = old.next()? {
        let flags: String = row.get(3)?;
        let record = Record {
            uid: row.get(1)?,
            base: OsString::from_vec(row.get(2)?),
            flags: Flags::of(flags.bytes()),
            keywords: row.get(4)?,
            internal_date: row.get(5)?,
            size: row.get(6)?,
            octets: None,
            missing: 0,
            modseq: row.get(8)?,
        };
        let octets: Option<i64> = row.get(7)?;
        if record.seal_of_version_1(octets) != row.get::<_, i64>(9)? {
            return Err(Fault::Unusable);
        }
        rows::put(tx, row.get(0)?, &record)?;
    }
    drop(old);
    drop(statement);
    tx.execute_batch("DROP TABLE message_1")?;
    tx.execute_batch(FORMER_TABLE)?;
    Ok(tx.pragma_update(None, "user_version", VERSION)?)
}

/// What version 1 would have made, for the test of [`migrate`].
#[cfg(test)]
pub(crate) fn back_to_version_1(db: &rusqlite::Connection) {
    let records: Vec<(i64, Record)> = {
        let mut folders = db.prepare("SELECT id, name FROM folder").unwrap();
        let folders = folders.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let folders: Vec<(i64, String)> = folders.unwrap().map(Result::unwrap).collect();
        let tx = Transaction::new_unchecked(db, rusqlite::TransactionBehavior::Deferred).unwrap();
        let load = |(id, name): (i64, String)| {
            let view = rows::load(&tx, &name).unwrap().unwrap().1;
            view.records.into_iter().map(move |record| (id, record))
        };
        folders.into_iter().flat_map(load).collect()
    };
    db.execute_batch("DROP TABLE message; DROP TABLE former")
        .unwrap();
    db.execute_batch(MESSAGE_TABLE_1).unwrap();
    for (id, record) in records {
        db.execute(
            "INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 77, ?8, ?9)",
            rusqlite::params![
                id,
                record.uid,
                std::os::unix::ffi::OsStrExt::as_bytes(&*record.base),
                record.flags.to_string(),
                record.keywords,
                record.internal_date,
                record.size,
                record.modseq,
                record.seal_of_version_1(Some(77)),
            ],
        )
        .unwrap();
    }
    db.pragma_update(None, "user_version", 1).unwrap();
}
