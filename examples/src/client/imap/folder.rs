//! A folder of the Maildir that is fetched into.
//!
//! Messages are written in `tmp`; a batch of them is synced, gets its names in `cur`, and that is
//! synced, too. A name has the UIDVALIDITY and the UID in it, so that a message is known again even
//! where a run was killed before it could write down that it is here. Nothing else of a name comes
//! from a server.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, BufReader, BufWriter, Read, Write},
    num::NonZeroU32,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::letters::Letters;
use crate::{
    file::make_dir,
    store::{self, name::Name},
};

/// What drafts in `tmp` are called, so that those of a run that was killed are known.
const DRAFT: &str = "mailfetch-";

/// Octets that are written at once.
const WRITE: usize = 64 * 1024;

/// Files that are synced at the same time: the file system then does them together.
const SYNCED: usize = 16;

/// What a message on a server is known by. Without UIDVALIDITY the first number is 0.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Id {
    pub(super) uid_validity: u32,
    pub(super) uid: u32,
}

impl Id {
    pub(super) fn new(uid_validity: Option<NonZeroU32>, uid: u32) -> Self {
        Self {
            uid_validity: uid_validity.map_or(0, NonZeroU32::get),
            uid,
        }
    }

    /// The message that a file of ours is.
    pub(super) fn of(name: &Name<'_>) -> Option<Self> {
        let unique = name.base.to_str()?.split('.').nth(1)?;
        let (uid_validity, rest) = unique.strip_prefix('V')?.split_once('U')?;
        let (uid, _salt) = rest.split_once('R')?;
        Some(Self {
            uid_validity: uid_validity.parse().ok()?,
            uid: uid.parse().ok()?,
        })
    }
}

/// One folder, with the messages that were fetched into it.
#[derive(Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    pub(super) letters: Letters,
    /// Where the messages are, from the folder.
    files: BTreeMap<Id, PathBuf>,
    /// Where several are known by the same: the others. Without UIDVALIDITY that happens.
    twins: Vec<PathBuf>,
    /// Messages of another UIDVALIDITY, by their octets: each may be one that comes again.
    former: HashMap<u64, Vec<PathBuf>>,
    salt: String,
    count: u64,
}

impl Folder {
    /// Opens a folder below `root`; what is missing of it is made.
    pub(super) fn open(root: &Path, directory: &str) -> io::Result<Self> {
        let dir = root.join(directory);
        let is_new = !dir.exists();
        for part in ["tmp", "new", "cur"] {
            make_dir(&dir.join(part))?;
        }
        if is_new {
            File::open(&dir)?.sync_all()?;
            File::open(root)?.sync_all()?;
        }
        let mut salt = [0; 4];
        getrandom::fill(&mut salt).map_err(|_| io::Error::other("no random octets"))?;
        let mut folder = Self {
            letters: Letters::load(&dir)?,
            dir,
            files: BTreeMap::new(),
            twins: Vec::new(),
            former: HashMap::new(),
            salt: format!("{:08x}", u32::from_be_bytes(salt)),
            count: 0,
        };
        folder.clear_drafts()?;
        for (path, name) in folder.messages()? {
            if let Some(id) = Id::of(&Name::of(&name)) {
                folder.twins.extend(folder.files.insert(id, path));
            }
        }
        Ok(folder)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What a run that was killed has left. Nobody else fetches into this Maildir.
    fn clear_drafts(&self) -> io::Result<()> {
        for entry in std::fs::read_dir(self.dir.join("tmp"))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(DRAFT) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// All messages, whoever put them here: where they are from the folder, and their names.
    pub(super) fn messages(&self) -> io::Result<Vec<(PathBuf, OsString)>> {
        let mut messages = Vec::new();
        for part in ["new", "cur"] {
            for entry in std::fs::read_dir(self.dir.join(part))? {
                let entry = entry?;
                let name = entry.file_name();
                let is_message = !name.to_string_lossy().starts_with('.');
                if is_message && entry.file_type()?.is_file() {
                    messages.push((Path::new(part).join(&name), name));
                }
            }
        }
        Ok(messages)
    }

    /// The UIDs of the messages here.
    pub(super) fn uids(&self, uid_validity: Option<NonZeroU32>) -> Vec<u32> {
        let (first, last) = (Id::new(uid_validity, 0), Id::new(uid_validity, u32::MAX));
        self.files
            .range(first..=last)
            .map(|(id, _)| id.uid)
            .collect()
    }

    /// Looks for the messages that are not of this UIDVALIDITY: they may be about to come again
    /// under other UIDs. Without UIDVALIDITY nothing says that a message is the one it was, so all
    /// of them may.
    pub(super) fn expect_again(&mut self, uid_validity: Option<NonZeroU32>) -> io::Result<()> {
        let is_former = |id: &Id| uid_validity.map(NonZeroU32::get) != Some(id.uid_validity);
        let ids: Vec<Id> = self.files.keys().copied().filter(is_former).collect();
        let mut former = std::mem::take(&mut self.twins);
        former.extend(ids.iter().filter_map(|id| self.files.remove(id)));
        for path in former {
            match self.dir.join(&path).metadata() {
                Ok(found) => self.former.entry(found.len()).or_default().push(path),
                // Somebody reads this folder and has just marked or deleted it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Removes the messages that were expected again and have not come; says how many.
    pub(super) fn remove_former(&mut self) -> io::Result<usize> {
        let mut removed = 0;
        for path in std::mem::take(&mut self.former).into_values().flatten() {
            removed += usize::from(remove(&self.dir.join(path))?);
        }
        Ok(removed)
    }

    /// A file for the next message.
    pub(super) fn draft(&mut self) -> io::Result<Draft> {
        self.count += 1;
        let name = format!("{DRAFT}{}-{}-{}", std::process::id(), self.salt, self.count);
        let tmp = self.dir.join("tmp").join(name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&tmp)?;
        Ok(Draft {
            file: BufWriter::with_capacity(WRITE, file),
            tmp: Tmp(tmp),
            octets: 0,
        })
    }

    /// Makes drafts messages. Returns when they are here to stay.
    pub(super) fn keep(&mut self, messages: Vec<Message>) -> io::Result<Kept> {
        self.letters.save()?;
        sync(&messages)?;
        let mut kept = Kept::default();
        for message in messages {
            if self.keep_one(&message)? {
                kept.messages += 1;
                kept.octets = kept.octets.saturating_add(message.octets);
            }
        }
        self.sync()?;
        Ok(kept)
    }

    /// Says whether it is new, or one that was here under another UIDVALIDITY.
    fn keep_one(&mut self, message: &Message) -> io::Result<bool> {
        let (seconds, salt) = (message.date.unwrap_or_default(), &self.salt);
        let Id { uid_validity, uid } = message.id;
        let octets = message.octets;
        let base = format!("{seconds}.V{uid_validity}U{uid}R{salt}.mailfetch,S={octets}");
        let former = self.take_again(message)?;
        // What others have noted in its name stays.
        let name = former.as_ref().and_then(|former| former.file_name());
        let others = Name::of(name.unwrap_or_default()).flags();
        let letters = message.letters | others.without(Letters::known());
        let goal = Path::new("cur").join(Name::of(base.as_ref()).with(letters));
        let from = match &former {
            Some(former) => &self.dir.join(former),
            None => &message.tmp.0,
        };
        std::fs::rename(from, self.dir.join(&goal))?;
        self.files.insert(message.id, goal);
        Ok(former.is_none())
    }

    /// The file of another UIDVALIDITY with the same content.
    fn take_again(&mut self, message: &Message) -> io::Result<Option<PathBuf>> {
        let Some(paths) = self.former.get_mut(&message.octets) else {
            return Ok(None);
        };
        for (at, path) in paths.iter().enumerate() {
            match is_same(&self.dir.join(path), &message.tmp.0) {
                Ok(true) => return Ok(Some(paths.swap_remove(at))),
                Ok(false) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Gives a message these letters; says whether they were others. Call [`sync`](Self::sync) then.
    pub(super) fn mark(&mut self, id: Id, letters: store::Flags) -> io::Result<bool> {
        let Some(path) = self.files.get(&id) else {
            return Ok(false);
        };
        let name = Name::of(path.file_name().unwrap_or_default());
        let known = Letters::known();
        if name.flags() & known == letters {
            return Ok(false);
        }
        let name = name.with(name.flags().without(known) | letters);
        let goal = Path::new("cur").join(name);
        match std::fs::rename(self.dir.join(path), self.dir.join(&goal)) {
            // Somebody reads this folder and has marked it just now, or deleted it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            renamed => renamed?,
        }
        self.files.insert(id, goal);
        Ok(true)
    }

    /// Removes a message.
    pub(super) fn remove(&mut self, id: Id) -> io::Result<bool> {
        let Some(path) = self.files.remove(&id) else {
            return Ok(false);
        };
        remove(&self.dir.join(path))
    }

    /// Returns when all names are on disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(self.dir.join("cur"))?.sync_all()?;
        File::open(self.dir.join("new"))?.sync_all()
    }
}

/// A message that is being fetched. Dropped before it is kept, it leaves nothing.
#[derive(Debug)]
pub(super) struct Draft {
    file: BufWriter<File>,
    tmp: Tmp,
    octets: u64,
}

#[derive(Debug)]
struct Tmp(PathBuf);

impl Drop for Tmp {
    fn drop(&mut self) {
        // It is gone already where it was kept. What stays in spite of it is cleared away by the
        // next run.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Draft {
    pub(super) fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.file.write_all(octets)?;
        self.octets = self
            .octets
            .saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// It is complete, and came at this time, in seconds since 1970.
    pub(super) fn end(
        self,
        id: Id,
        letters: store::Flags,
        date: Option<i64>,
    ) -> io::Result<Message> {
        let file = self.file.into_inner().map_err(|error| error.into_error())?;
        if let Some(time) = date.and_then(time) {
            file.set_modified(time)?;
        }
        Ok(Message {
            file,
            tmp: self.tmp,
            octets: self.octets,
            id,
            letters,
            date,
        })
    }

    /// Where it is as long as it is a draft.
    pub(super) fn path(&self) -> &Path {
        &self.tmp.0
    }

    /// Where others write its octets.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.get_ref().try_clone()
    }

    /// What was written can be read after this.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// Whether it holds the same as another file.
    pub(super) fn is_same_as(&self, path: &Path) -> io::Result<bool> {
        is_same(&self.tmp.0, path)
    }
}

/// A message that is whole and waits for its name.
#[derive(Debug)]
pub(super) struct Message {
    file: File,
    tmp: Tmp,
    pub(super) octets: u64,
    pub(super) id: Id,
    letters: store::Flags,
    date: Option<i64>,
}

/// What is new among the messages of a batch.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Kept {
    pub(super) messages: usize,
    pub(super) octets: u64,
}

fn remove(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        removed => removed.map(|()| true),
    }
}

fn sync(messages: &[Message]) -> io::Result<()> {
    let share = messages.len().div_ceil(SYNCED).max(1);
    std::thread::scope(|scope| {
        let sync = |some: &[Message]| some.iter().try_for_each(|message| message.file.sync_all());
        let threads: Vec<_> = messages
            .chunks(share)
            .map(|some| scope.spawn(move || sync(some)))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            let lost = |_| Err(io::Error::other("a thread was lost"));
            thread.join().unwrap_or_else(lost)
        })
    })
}

fn time(seconds: i64) -> Option<SystemTime> {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    }
}

/// Whether two files hold the same.
fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    let (mut left, mut right) = ([0; 4096], [0; 4096]);
    loop {
        let read = one.read(&mut left)?;
        let (Some(left), Some(right)) = (left.get(..read), right.get_mut(..read)) else {
            return Ok(false);
        };
        if read == 0 {
            return Ok(true);
        }
        other.read_exact(right)?;
        if left != right {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(uid_validity: u32, uid: u32) -> Id {
        Id { uid_validity, uid }
    }

    fn message(folder: &mut Folder, id: Id, text: &str) -> Message {
        let mut draft = folder.draft().unwrap();
        draft.write(text.as_bytes()).unwrap();
        draft.end(id, store::Flags::SEEN, Some(-5)).unwrap()
    }

    fn names(folder: &Folder) -> Vec<String> {
        let mut names: Vec<_> = folder
            .files
            .values()
            .map(|p| p.display().to_string())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_kept_is_known_again_and_drafts_leave_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(dir.path(), ".A").unwrap();
        let one = message(&mut folder, id(3, 1), "one");
        let two = message(&mut folder, id(3, 2), "two");
        drop(message(&mut folder, id(3, 3), "lost"));
        folder.keep(vec![one, two]).unwrap();
        std::mem::forget(message(&mut folder, id(3, 4), "killed"));
        std::fs::write(dir.path().join(".A/new/1.foreign.h"), "x").unwrap();
        let mut folder = Folder::open(dir.path(), ".A").unwrap();
        assert_eq!(folder.uids(NonZeroU32::new(3)), [1, 2]);
        assert_eq!(folder.messages().unwrap().len(), 3);
        assert_eq!(
            std::fs::read_dir(dir.path().join(".A/tmp"))
                .unwrap()
                .count(),
            0
        );
        assert!(folder.mark(id(3, 1), store::Flags::FLAGGED).unwrap());
        assert!(!folder.mark(id(3, 1), store::Flags::FLAGGED).unwrap());
        assert!(names(&folder)[0].ends_with(",S=3:2,F"), "{folder:?}");
        let path = dir.path().join(".A").join(&folder.files[&id(3, 1)]);
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(5);
        assert_eq!(path.metadata().unwrap().modified().unwrap(), before);
        assert!(folder.remove(id(3, 1)).unwrap());
        assert_eq!(folder.uids(NonZeroU32::new(3)), [2]);
    }

    #[test]
    fn what_comes_again_under_another_uid_is_no_second_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(dir.path(), "").unwrap();
        let texts = ["one", "two", "two", "old"];
        let messages = (1..)
            .zip(texts)
            .map(|(uid, text)| message(&mut folder, id(3, uid), text));
        let messages = messages.collect();
        folder.keep(messages).unwrap();
        folder.expect_again(NonZeroU32::new(4)).unwrap();
        let texts = ["two", "one", "two", "two", "new"];
        let messages = (1..)
            .zip(texts)
            .map(|(uid, text)| message(&mut folder, id(4, uid), text));
        let messages = messages.collect();
        let kept = folder.keep(messages).unwrap();
        assert_eq!((kept.messages, kept.octets), (2, 6));
        assert_eq!(folder.uids(NonZeroU32::new(4)), [1, 2, 3, 4, 5]);
        assert_eq!(folder.messages().unwrap().len(), 6);
        assert_eq!(folder.remove_former().unwrap(), 1);
        assert_eq!(folder.messages().unwrap().len(), 5);
        // Without UIDVALIDITY any of them may be any.
        folder.expect_again(None).unwrap();
        let again = message(&mut folder, id(0, 1), "new");
        assert_eq!(folder.keep(vec![again]).unwrap(), Kept::default());
        assert_eq!(folder.messages().unwrap().len(), 5);
    }
}
