//! The floor under UIDVALIDITY: a small file beside the index that outlives it.
//!
//! A UIDVALIDITY may never come back with other messages behind its UIDs (RFC 9051 §2.3.1.1). The index may be
//! deleted or damaged; this file then says which values were in use.

use std::{
    ffi::{OsStr, OsString},
    io,
};

use jiff::Timestamp;

use super::{delivery::write_all, fs::Fs};

const FILE: &str = "mailwire-uidvalidity";

/// A new UIDVALIDITY, larger than all that were given out here, and durable as such.
pub(crate) fn next<F: Fs>(fs: &F, home: &F::Dir, now: Timestamp, unique: &str) -> io::Result<u32> {
    // A file that cannot be understood counts as none; the clock has moved on since it was written.
    let floor = read(fs, home)?
        .and_then(|floor| floor.checked_add(1))
        .unwrap_or(1);
    let clock = u32::try_from(now.as_second()).unwrap_or(1);
    let value = floor.max(clock);
    let name = OsString::from(format!("{FILE}.{unique}"));
    let mut file = fs.create(home, &name)?;
    let written = write_all(fs, &mut file, value.to_string().as_bytes())
        .and_then(|()| fs.sync_file(&file))
        .and_then(|()| fs.replace(home, &name, OsStr::new(FILE)));
    drop(file);
    if let Err(error) = written {
        let _ = fs.unlink(home, &name);
        return Err(error);
    }
    fs.sync_dir(home)?;
    Ok(value)
}

pub(crate) fn read<F: Fs>(fs: &F, home: &F::Dir) -> io::Result<Option<u32>> {
    let mut file = match fs.open(home, OsStr::new(FILE)) {
        Ok((file, _)) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut buffer = [0; 16];
    let count = fs.read(&mut file, &mut buffer)?;
    let text = buffer
        .get(..count)
        .and_then(|octets| str::from_utf8(octets).ok());
    Ok(text.and_then(|text| text.parse().ok()))
}
