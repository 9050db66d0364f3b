//! The file system as the store uses it, so that the order of its calls can be tested.
//!
//! Everything is relative to an open directory and never follows a symbolic link below the root: a name can then
//! lead nowhere but into the directory it was looked up in.

use std::{
    ffi::{OsStr, OsString},
    fmt::Debug,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStringExt,
    },
    path::Path,
    sync::Arc,
};

use rustix::{
    fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags, Timespec, Timestamps},
    io::Errno,
};

/// What is known about a directory entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stat {
    pub(crate) kind: Kind,
    pub(crate) size: u64,
    /// Seconds since 1970.
    pub(crate) modified: i64,
    /// Device and inode: the same for all names of one file.
    pub(crate) identity: (u64, u64),
}

/// A directory as it was at one moment: another mark says that its entries have changed. The same mark says the
/// opposite only once the clock has moved on, for changes within one tick of it have one time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Mark {
    pub(crate) identity: (u64, u64),
    /// Nanoseconds since 1970.
    pub(crate) modified: i128,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Directory,
    File,
    /// A symbolic link, a FIFO, a socket, a device.
    Other,
}

/// The calls that the store makes. Each is one system call, or nearly.
pub(crate) trait Fs: Clone + Debug + Send + Sync + 'static {
    type Dir: Debug + Send + Sync;
    type File: Debug + Send;
    /// Held as long as the value lives, and not longer than the process.
    type Lock: Debug + Send;

    fn root(&self) -> io::Result<Self::Dir>;
    fn open_dir(&self, at: &Self::Dir, name: &OsStr) -> io::Result<Self::Dir>;
    /// A new directory for us alone.
    fn make_dir(&self, at: &Self::Dir, name: &OsStr) -> io::Result<()>;
    /// A new file for us alone; an existing name is an error.
    fn create(&self, at: &Self::Dir, name: &OsStr) -> io::Result<Self::File>;
    /// A file to read. Anything but a regular file is refused, without waiting for it.
    fn open(&self, at: &Self::Dir, name: &OsStr) -> io::Result<(Self::File, Stat)>;
    /// May take fewer octets than given.
    fn write(&self, file: &mut Self::File, octets: &[u8]) -> io::Result<usize>;
    fn read(&self, file: &mut Self::File, buffer: &mut [u8]) -> io::Result<usize>;
    fn sync_file(&self, file: &Self::File) -> io::Result<()>;
    fn sync_dir(&self, dir: &Self::Dir) -> io::Result<()>;
    /// A second name for a file; an existing name is an error.
    fn link(&self, from: (&Self::Dir, &OsStr), to: (&Self::Dir, &OsStr)) -> io::Result<()>;
    /// Gives `from` the name `to`, in place of what had it.
    fn replace(&self, at: &Self::Dir, from: &OsStr, to: &OsStr) -> io::Result<()>;
    /// Gives a file or a directory another name; an existing name is an error.
    fn rename(&self, at: &Self::Dir, from: &OsStr, to: &OsStr) -> io::Result<()>;
    fn unlink(&self, at: &Self::Dir, name: &OsStr) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, at: &Self::Dir, name: &OsStr) -> io::Result<()>;
    /// Sets when a file was modified, in seconds since 1970.
    fn set_modified(&self, file: &Self::File, seconds: i64) -> io::Result<()>;
    fn mark(&self, dir: &Self::Dir) -> io::Result<Mark>;
    /// The names of regular files that are not hidden, in no order.
    fn files(&self, at: &Self::Dir) -> io::Result<Vec<OsString>>;
    /// All names but `.` and `..`, in no order.
    fn list(&self, at: &Self::Dir) -> io::Result<Vec<OsString>>;
    fn stat(&self, at: &Self::Dir, name: &OsStr) -> io::Result<Stat>;
    /// `None` when somebody else holds it.
    fn lock(&self, at: &Self::Dir, name: &OsStr) -> io::Result<Option<Self::Lock>>;
    /// Octets that may still be written.
    fn free(&self, at: &Self::Dir) -> io::Result<u64>;
}

/// The real one.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    root: Arc<OwnedFd>,
}

impl Disk {
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = Arc::new(rustix::fs::open(root, flags, Mode::empty())?);
        Ok(Self { root })
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
const NEW_FILE: OFlags = OFlags::WRONLY
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
// Without NONBLOCK, opening a FIFO that somebody put here would wait for a writer.
const OLD_FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);
const LOCK_FILE: OFlags = OFlags::RDWR
    .union(OFlags::CREATE)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

impl Fs for Disk {
    type Dir = Arc<OwnedFd>;
    type File = OwnedFd;
    type Lock = OwnedFd;

    fn root(&self) -> io::Result<Self::Dir> {
        Ok(Arc::clone(&self.root))
    }

    fn open_dir(&self, at: &Self::Dir, name: &OsStr) -> io::Result<Self::Dir> {
        Ok(Arc::new(rustix::fs::openat(
            at,
            name,
            DIRECTORY,
            Mode::empty(),
        )?))
    }

    fn make_dir(&self, at: &Self::Dir, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(at, name, Mode::RWXU)?)
    }

    fn create(&self, at: &Self::Dir, name: &OsStr) -> io::Result<Self::File> {
        Ok(rustix::fs::openat(
            at,
            name,
            NEW_FILE,
            Mode::RUSR | Mode::WUSR,
        )?)
    }

    fn open(&self, at: &Self::Dir, name: &OsStr) -> io::Result<(Self::File, Stat)> {
        let file = rustix::fs::openat(at, name, OLD_FILE, Mode::empty())?;
        let stat = Stat::from(rustix::fs::fstat(&file)?);
        if stat.kind != Kind::File {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok((file, stat))
    }

    fn write(&self, file: &mut Self::File, octets: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(file, octets)?)
    }

    fn read(&self, file: &mut Self::File, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| {
            rustix::io::read(file.as_fd(), &mut *buffer)
        })?)
    }

    fn sync_file(&self, file: &Self::File) -> io::Result<()> {
        Ok(rustix::fs::fsync(file)?)
    }

    fn sync_dir(&self, dir: &Self::Dir) -> io::Result<()> {
        Ok(rustix::fs::fsync(dir)?)
    }

    fn link(&self, from: (&Self::Dir, &OsStr), to: (&Self::Dir, &OsStr)) -> io::Result<()> {
        Ok(rustix::fs::linkat(
            from.0,
            from.1,
            to.0,
            to.1,
            AtFlags::empty(),
        )?)
    }

    fn replace(&self, at: &Self::Dir, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(at, from, at, to)?)
    }

    fn rename(&self, at: &Self::Dir, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat_with(
            at,
            from,
            at,
            to,
            RenameFlags::NOREPLACE,
        )?)
    }

    fn unlink(&self, at: &Self::Dir, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(at, name, AtFlags::empty())?)
    }

    fn remove_dir(&self, at: &Self::Dir, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(at, name, AtFlags::REMOVEDIR)?)
    }

    fn set_modified(&self, file: &Self::File, seconds: i64) -> io::Result<()> {
        let time = Timespec {
            tv_sec: seconds,
            tv_nsec: 0,
        };
        let times = Timestamps {
            last_access: time,
            last_modification: time,
        };
        Ok(rustix::fs::futimens(file, &times)?)
    }

    fn mark(&self, dir: &Self::Dir) -> io::Result<Mark> {
        let stat = rustix::fs::fstat(dir)?;
        Ok(Mark {
            identity: (stat.st_dev, stat.st_ino),
            modified: i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec),
        })
    }

    fn files(&self, at: &Self::Dir) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(at)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name.starts_with(b".") {
                continue;
            }
            let name = OsString::from_vec(name.to_vec());
            let regular = match entry.file_type() {
                FileType::RegularFile => true,
                // Some file systems do not say.
                FileType::Unknown => {
                    matches!(self.stat(at, &name), Ok(stat) if stat.kind == Kind::File)
                }
                _ => false,
            };
            if regular {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn list(&self, at: &Self::Dir) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(at)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        Ok(names)
    }

    fn stat(&self, at: &Self::Dir, name: &OsStr) -> io::Result<Stat> {
        Ok(rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?.into())
    }

    fn lock(&self, at: &Self::Dir, name: &OsStr) -> io::Result<Option<Self::Lock>> {
        let file = rustix::fs::openat(at, name, LOCK_FILE, Mode::RUSR | Mode::WUSR)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn free(&self, at: &Self::Dir) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(at)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

impl From<rustix::fs::Stat> for Stat {
    fn from(stat: rustix::fs::Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            _ => Kind::Other,
        };
        Self {
            kind,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: stat.st_mtime,
            identity: (stat.st_dev, stat.st_ino),
        }
    }
}
