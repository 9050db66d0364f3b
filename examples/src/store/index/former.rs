//! Names that mailboxes had, with the largest UIDVALIDITY that was seen under each: a mailbox that gets such a name
//! needs a larger one (RFC 9051 §2.3.1.1).

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Fault, rows::seal};

/// Names that are remembered one by one. Of those before, the largest UIDVALIDITY is remembered for all names.
const MOST: i64 = 1000;

/// Stands for all names.
const ANY: &str = "";

/// The largest UIDVALIDITY that a name may have had; 0 when it had none.
pub(crate) fn former(tx: &Transaction<'_>, name: &str) -> Result<u32, Fault> {
    Ok(look_up(tx, name)?.max(look_up(tx, ANY)?))
}

fn look_up(tx: &Transaction<'_>, name: &str) -> Result<u32, Fault> {
    let row = tx
        .prepare_cached("SELECT uidvalidity, seal FROM former WHERE name = ?1")?
        .query_row([name], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, i64>(1)?))
        })
        .optional()?;
    match row {
        None => Ok(0),
        Some((uidvalidity, sealed)) if sealed == seal_of(name, uidvalidity) => Ok(uidvalidity),
        Some(_) => Err(Fault::Unusable),
    }
}

/// Keeps in mind that a name had this UIDVALIDITY.
pub(crate) fn remember(tx: &Transaction<'_>, name: &str, uidvalidity: u32) -> Result<(), Fault> {
    put(tx, name, uidvalidity.max(look_up(tx, name)?))?;
    let count: i64 = tx.query_row("SELECT count(*) FROM former", [], |row| row.get(0))?;
    if count > MOST {
        let (oldest, uidvalidity): (String, u32) = tx.query_row(
            "SELECT name, uidvalidity FROM former WHERE name <> ?1 ORDER BY uidvalidity LIMIT 1",
            [ANY],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        put(tx, ANY, uidvalidity.max(look_up(tx, ANY)?))?;
        tx.execute("DELETE FROM former WHERE name = ?1", [oldest])?;
    }
    Ok(())
}

fn put(tx: &Transaction<'_>, name: &str, uidvalidity: u32) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO former VALUES (?1, ?2, ?3) \
         ON CONFLICT (name) DO UPDATE SET uidvalidity = ?2, seal = ?3",
        params![name, uidvalidity, seal_of(name, uidvalidity)],
    )?;
    Ok(())
}

fn seal_of(name: &str, uidvalidity: u32) -> i64 {
    seal(&[i64::from(uidvalidity)], &[name.as_bytes()])
}
