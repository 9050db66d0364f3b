//! Reading the small files that a configuration names, without surprises.
//!
//! A FIFO would block for ever and a disk image would fill the memory, so only regular files up to
//! a limit are read; and "permission denied" alone has cost many an evening, so the error says who
//! was refused, by which file or folder, with which mode.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Why a file was not read.
///
/// ```
/// use mailtls::file::ReadError;
/// let error = ReadError::TooLarge { max: 1024 };
/// assert_eq!(error.to_string(), "it is larger than 1024 octets");
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// We may not read it.
    #[error("{0}")]
    Denied(Denied),
    /// The operating system said no, for another reason.
    #[error("{0}")]
    Io(io::ErrorKind),
    /// It is a folder, a FIFO, a socket or a device.
    #[error("it is not a regular file")]
    NotRegular,
    /// It is larger than anything of its kind would be.
    #[error("it is larger than {max} octets")]
    TooLarge {
        /// The limit.
        max: u64,
    },
}

impl ReadError {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Denied(_) => {
                "let the user that the server runs as read the file and enter every folder above it"
            }
            Self::Io(io::ErrorKind::NotFound) => {
                "check the path; relative paths begin at the folder that the program was started in"
            }
            Self::Io(_) => "check the file system that the file is on",
            Self::NotRegular => "name a regular file, not a folder, a device or a pipe",
            Self::TooLarge { .. } => "name a file that holds certificates or a key in PEM form",
        }
    }
}

/// Who was refused, by what: `permission denied for uid 1000 by /etc/ssl/private (mode 0710,
/// uid 0)`.
///
/// ```
/// # use mailtls::file::Denied;
/// fn stands_in_the_way(denied: &Denied) -> &std::path::Path {
///     denied.by()
/// }
/// # let _ = stands_in_the_way;
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Denied {
    by: PathBuf,
    uid: Option<u32>,
    owner_and_mode: Option<(u32, u32)>,
}

impl Denied {
    /// The file or folder that did not let us through.
    #[must_use]
    pub fn by(&self) -> &Path {
        &self.by
    }

    /// Looks for the first thing on the way to `path` that stands in the way.
    fn on_the_way_to(path: &Path) -> Self {
        // The deepest thing whose owner and mode can be seen is what refuses: a folder that may
        // not be entered hides what is in it, a file that may not be read can still be seen.
        let by = path
            .ancestors()
            .map(|part| {
                if part.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    part
                }
            })
            .find(|part| part.metadata().is_ok())
            .unwrap_or(path);
        Self {
            by: by.to_owned(),
            uid: ids::ours(),
            owner_and_mode: ids::of(by),
        }
    }
}

impl std::fmt::Display for Denied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("permission denied")?;
        if let Some(uid) = self.uid {
            write!(f, " for uid {uid}")?;
        }
        write!(f, " by {}", self.by.display())?;
        match self.owner_and_mode {
            Some((owner, mode)) => write!(f, " (mode {mode:04o}, uid {owner})"),
            None => Ok(()),
        }
    }
}

#[cfg(unix)]
mod ids {
    use std::{os::unix::fs::MetadataExt, path::Path};

    /// The user we are, where the system shows it as the owner of our own entry in `/proc`.
    pub(super) fn ours() -> Option<u32> {
        Path::new("/proc/self").metadata().ok().map(|m| m.uid())
    }

    pub(super) fn of(path: &Path) -> Option<(u32, u32)> {
        path.metadata().ok().map(|m| (m.uid(), m.mode() & 0o7777))
    }
}

#[cfg(not(unix))]
mod ids {
    pub(super) fn ours() -> Option<u32> {
        None
    }

    pub(super) fn of(_: &std::path::Path) -> Option<(u32, u32)> {
        None
    }
}

/// Whether a file could be read now: it is there, regular, and opens.
///
/// # Errors
/// [`ReadError`] as reading it would give.
///
/// ```
/// let error = mailtls::file::readable("/".as_ref()).unwrap_err();
/// assert_eq!(error.to_string(), "it is not a regular file");
/// ```
pub fn readable(path: &Path) -> Result<(), ReadError> {
    open(path).map(drop)
}

fn open(path: &Path) -> Result<File, ReadError> {
    let refused = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied => ReadError::Denied(Denied::on_the_way_to(path)),
        kind => ReadError::Io(kind),
    };
    // Asked before it is opened, because opening a FIFO waits for somebody to write to it.
    if !path.metadata().map_err(refused)?.is_file() {
        return Err(ReadError::NotRegular);
    }
    let file = File::open(path).map_err(refused)?;
    // Asked again, because a rotation may have put something else there meanwhile.
    match file.metadata().map_err(refused)?.is_file() {
        true => Ok(file),
        false => Err(ReadError::NotRegular),
    }
}

/// Whether every user of the machine may read it.
#[cfg(feature = "certs")]
pub(crate) fn readable_by_others(path: &Path) -> bool {
    ids::of(path).is_some_and(|(_, mode)| mode & 0o004 != 0)
}

/// The whole content of a regular file of at most `max` octets.
pub(crate) fn read(path: &Path, max: u64) -> Result<Vec<u8>, ReadError> {
    let file = open(path)?;
    let mut content = Vec::new();
    file.take(max.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(|error| ReadError::Io(error.kind()))?;
    match u64::try_from(content.len()) {
        Ok(len) if len <= max => Ok(content),
        _ => Err(ReadError::TooLarge { max }),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn s15_a_refusal_names_the_file_or_folder_its_mode_and_its_owner() {
        let folder = std::env::temp_dir().join(format!("mailtls-s15-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let key = folder.join("key.pem");
        fs::write(&key, "x").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o710)).unwrap();

        let file = Denied::on_the_way_to(&key);
        // What lies in a folder that may not be entered looks as if it were not there.
        let hidden = Denied::on_the_way_to(&folder.join("sub").join("key.pem"));
        let ours = fs::metadata(&key).unwrap();
        fs::remove_dir_all(&folder).unwrap();

        let uid = std::os::unix::fs::MetadataExt::uid(&ours);
        assert_eq!(file.by(), key);
        assert!(
            file.to_string()
                .ends_with(&format!("key.pem (mode 0600, uid {uid})")),
            "{file}"
        );
        assert_eq!(hidden.by(), folder);
        assert!(hidden.to_string().contains("mode 0710"), "{hidden}");
    }
}
