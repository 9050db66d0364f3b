//! The Maildir that is fetched into, as maildir(5) describes it.
//!
//! A message is written in `tmp`, and synced; then it gets its name in `new`, and that is synced,
//! too. Only then is it told to be there. Names are made here: nothing of them comes from a server.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rustix::fs::FlockOperation;

/// Octets of the host name in a file name.
const MAX_HOST: usize = 20;

/// A Maildir that nobody else fetches into at the same time.
///
/// ```
/// use mailwire_examples::client::maildir::Maildir;
/// let dir = tempfile::tempdir()?;
/// let mut maildir = Maildir::open(dir.path())?;
/// let draft = maildir.draft()?;
/// std::io::Write::write_all(&mut draft.file()?, b"Subject: x\r\n\r\n")?;
/// let name = draft.publish()?;
/// assert!(dir.path().join("new").join(name).exists());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Maildir {
    dir: PathBuf,
    new: File,
    host: String,
    /// Tells this run from one with the same process number.
    salt: String,
    count: u64,
    /// Held as long as this lives.
    _lock: File,
}

impl Maildir {
    /// Opens a Maildir; what is missing of it is made.
    ///
    /// # Errors
    ///
    /// Those of the file system, and [`io::ErrorKind::WouldBlock`] where another process fetches
    /// into it.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let missing: Vec<_> = dir.ancestors().take_while(|path| !path.exists()).collect();
        for part in ["tmp", "new", "cur"] {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(dir.join(part))?;
        }
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(dir.join(".popfetch-lock"))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        for made in missing {
            // The parent of a relative path of one word is written as nothing.
            let parent = made.parent().filter(|path| !path.as_os_str().is_empty());
            File::open(parent.unwrap_or_else(|| Path::new(".")))?.sync_all()?;
        }
        File::open(dir)?.sync_all()?;
        let mut salt = [0; 4];
        getrandom::fill(&mut salt).map_err(|_| io::Error::other("no random octets"))?;
        Ok(Self {
            dir: dir.to_owned(),
            new: File::open(dir.join("new"))?,
            host: host(),
            salt: format!("{:08x}", u32::from_be_bytes(salt)),
            count: 0,
            _lock: lock,
        })
    }

    /// A file for the next message.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn draft(&mut self) -> io::Result<Draft<'_>> {
        self.count += 1;
        let now = Timestamp::now();
        let name = format!(
            "{}.M{:06}P{}Q{}R{}.{}",
            now.as_second(),
            now.subsec_microsecond(),
            std::process::id(),
            self.count,
            self.salt,
            self.host,
        );
        let tmp = self.dir.join("tmp").join(&name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&tmp)?;
        Ok(Draft {
            file,
            tmp,
            goal: self.dir.join("new").join(&name),
            name,
            new: &self.new,
        })
    }
}

/// A message that is being fetched. Dropped before it is published, it leaves nothing.
#[derive(Debug)]
pub struct Draft<'a> {
    file: File,
    tmp: PathBuf,
    goal: PathBuf,
    name: String,
    new: &'a File,
}

impl Draft<'_> {
    /// Where its octets go.
    ///
    /// # Errors
    ///
    /// That of the system when it has no file descriptor left.
    pub fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Makes it a message. Returns its name in `new` when it is there to stay.
    ///
    /// # Errors
    ///
    /// Those of the file system; the message is then not there.
    pub fn publish(self) -> io::Result<String> {
        self.file.sync_all()?;
        // Unlike a rename, a link never takes the place of another message.
        match std::fs::hard_link(&self.tmp, &self.goal) {
            // There are file systems without links.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported
                ) =>
            {
                std::fs::rename(&self.tmp, &self.goal)?;
            }
            linked => linked?,
        }
        if let Err(error) = self.new.sync_all() {
            let _ = std::fs::remove_file(&self.goal);
            return Err(error);
        }
        Ok(self.name.clone())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        // What stays in spite of it is a file in `tmp`, which maildir(5) has cleared away in time.
        let _ = std::fs::remove_file(&self.tmp);
    }
}

/// The name of this host, as far as it may stand in a file name.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let name: String = name.trim().chars().filter(fits).take(MAX_HOST).collect();
    if name.is_empty() {
        "localhost".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn entries(dir: &Path, part: &str) -> usize {
        std::fs::read_dir(dir.join(part)).unwrap().count()
    }

    #[test]
    fn what_is_not_published_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut maildir = Maildir::open(dir.path()).unwrap();
        let draft = maildir.draft().unwrap();
        draft.file().unwrap().write_all(b"half").unwrap();
        assert_eq!(entries(dir.path(), "tmp"), 1);
        drop(draft);
        assert_eq!(
            (entries(dir.path(), "tmp"), entries(dir.path(), "new")),
            (0, 0)
        );
    }

    #[test]
    fn what_is_published_is_in_new_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let mut maildir = Maildir::open(dir.path()).unwrap();
        let mut names = std::collections::HashSet::new();
        for text in ["one", "two"] {
            let draft = maildir.draft().unwrap();
            draft.file().unwrap().write_all(text.as_bytes()).unwrap();
            let name = draft.publish().unwrap();
            let path = dir.path().join("new").join(&name);
            assert_eq!(std::fs::read(path).unwrap(), text.as_bytes());
            assert!(names.insert(name));
        }
        assert_eq!(
            (entries(dir.path(), "tmp"), entries(dir.path(), "new")),
            (0, 2)
        );
    }

    #[test]
    fn a_maildir_is_made_with_all_that_leads_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        Maildir::open(&deep).unwrap();
        for part in ["tmp", "new", "cur"] {
            assert_eq!(entries(&deep, part), 0);
        }
    }

    #[test]
    fn two_do_not_fetch_into_one_maildir() {
        let dir = tempfile::tempdir().unwrap();
        let first = Maildir::open(dir.path()).unwrap();
        let second = Maildir::open(dir.path()).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::WouldBlock);
        drop(first);
        assert!(Maildir::open(dir.path()).is_ok());
    }
}
