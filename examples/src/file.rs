//! Small files that are written whole or not at all: keys, accounts, certificates.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

/// Who may read a file.
///
/// ```
/// use mailwire_examples::file::Access;
/// assert_ne!(Access::Owner, Access::Everybody);
/// ```
#[expect(clippy::exhaustive_enums, reason = "a file is secret or it is not")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// Mode 0600.
    Owner,
    /// Mode 0644.
    Everybody,
}

/// Replaces `path` by a file that holds `octets`, and returns when that is on disk.
///
/// # Errors
///
/// Those of the file system; the old file then stands unchanged.
///
/// ```
/// use mailwire_examples::file::{Access, replace};
/// let dir = tempfile::tempdir()?;
/// replace(&dir.path().join("key"), b"secret", Access::Owner)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn replace(path: &Path, octets: &[u8], access: Access) -> io::Result<()> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    let name = path
        .file_name()
        .ok_or(io::ErrorKind::InvalidInput)?
        .to_string_lossy();
    let fresh = dir.join(format!(".{name}.{}", std::process::id()));
    let written = write_new(&fresh, octets, access).and_then(|()| std::fs::rename(&fresh, path));
    if let Err(error) = written {
        let _ = std::fs::remove_file(&fresh);
        return Err(error);
    }
    File::open(dir)?.sync_all()
}

/// Makes a folder that only we may enter, and those above it where they are missing.
///
/// # Errors
///
/// Those of the file system.
///
/// ```
/// let dir = tempfile::tempdir()?;
/// mailwire_examples::file::make_dir(&dir.path().join("a/b"))?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn make_dir(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

fn write_new(path: &Path, octets: &[u8], access: Access) -> io::Result<()> {
    let mode = match access {
        Access::Owner => 0o600,
        Access::Everybody => 0o644,
    };
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(octets)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_file_is_replaced_whole_and_only_ours() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "old").unwrap();
        replace(&path, b"new", Access::Owner).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            1,
            "nothing is left over"
        );
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("folder");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("inside"), "x").unwrap();
        assert!(replace(&path, b"new", Access::Owner).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
