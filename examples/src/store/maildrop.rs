//! A maildrop: what a POP3 session sees of an account's INBOX (RFC 1939 §8).

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    io,
};

use bytes::Bytes;
use jiff::Timestamp;

use super::{
    content::Lines,
    error::{Doing, OpenError, ReadError, StoreError},
    fs::Fs,
    index::Record,
    mailbox::{Account, Folder},
    maildir::{Found, Maildir, Part, Store},
    name::Name,
};

/// Held with flock(2), so that the lock of a process that was killed is gone with it.
const LOCK: &str = "mailwire-pop3.lock";

/// Octets read at once.
const PIECE: usize = 64 * 1024;

/// How often a QUIT looks for messages to remove.
const PASSES: usize = 4;

/// An exclusively held maildrop, as it was when it was opened.
#[derive(Debug)]
pub(crate) struct Snapshot<F: Fs> {
    store: Store<F>,
    account: Account,
    maildir: Maildir<F>,
    messages: Vec<Message>,
    _lock: F::Lock,
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    found: Found,
    pub(crate) octets: u64,
}

/// An open message.
#[derive(Debug)]
pub(crate) struct Reader<F: Fs> {
    store: Store<F>,
    file: F::File,
    left: u64,
}

impl<F: Fs> Snapshot<F> {
    pub(crate) fn open(
        store: &Store<F>,
        account: &Account,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        let folder = Folder::inbox();
        let maildir = store.maildir(account, &folder).doing("open a maildrop")?;
        let lock = store
            .fs()
            .lock(&maildir.home, OsStr::new(LOCK))
            .doing("lock a maildrop")?;
        let lock = lock.ok_or(OpenError::InUse)?;
        let found = maildir.scan(store.fs()).doing("list a maildrop")?;
        let desk = store.desk(account);
        let alone = desk.alone();
        let indexed = store.index(account, &folder, &maildir, &found, now);
        drop(alone);
        let messages = match indexed {
            Ok(Some((index, view))) => {
                let (messages, counted) = numbered(store, &maildir, found, view.records);
                let _alone = desk.alone();
                if let Err(error) = index.keep(&folder, &counted) {
                    tracing::warn!(%account, %error, "sizes are not kept");
                }
                messages
            }
            Ok(None) => unnumbered(store, &maildir, found),
            // A full disk must not keep anybody from reading and deleting mail.
            Err(error) => {
                tracing::warn!(%account, %error, "going on without the index");
                unnumbered(store, &maildir, found)
            }
        };
        Ok(Self {
            store: store.clone(),
            account: account.clone(),
            maildir,
            messages,
            _lock: lock,
        })
    }

    pub(crate) fn messages(&self) -> &[Message] {
        &self.messages
    }

    pub(crate) fn read(&self, at: usize) -> Result<Reader<F>, ReadError> {
        let message = self.messages.get(at).ok_or(ReadError::Gone)?;
        let found = &message.found;
        let opened = match self.open_same(found) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.open_moved(found),
            other => other,
        };
        match opened {
            Ok(file) => Ok(Reader {
                store: self.store.clone(),
                file,
                left: found.size,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ReadError::Gone),
            Err(error) => Err(StoreError::new("open a message", &error).into()),
        }
    }

    /// The file that the snapshot saw, or `NotFound`.
    fn open_same(&self, found: &Found) -> io::Result<F::File> {
        let (file, stat) = self
            .store
            .fs()
            .open(self.maildir.part(found.part), &found.file)?;
        if (stat.identity, stat.size) != (found.identity, found.size) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(file)
    }

    /// Another program may have moved it to `cur`, or changed its flags.
    fn open_moved(&self, found: &Found) -> io::Result<F::File> {
        for part in [Part::New, Part::Cur] {
            for candidate in self
                .maildir
                .files(self.store.fs(), part, |base| base == found.base)?
            {
                match self.open_same(&Found {
                    file: candidate.file,
                    part,
                    ..found.clone()
                }) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    other => return other,
                }
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }

    /// The UPDATE state (RFC 1939 §6): removes the messages at these positions. Success means that they stay gone.
    ///
    /// Each message is removed as a whole or not at all. Those that others have removed already are no error.
    pub(crate) fn update(&self, deleted: &[usize]) -> Result<(), StoreError> {
        let doomed: HashMap<&OsStr, (u64, u64)> = deleted
            .iter()
            .filter_map(|at| self.messages.get(*at))
            .map(|message| (&*message.found.base, message.found.identity))
            .collect();
        if doomed.is_empty() {
            return Ok(());
        }
        let desk = self.store.desk(&self.account);
        let alone = desk.alone();
        let removed = self.remove_all(&doomed);
        drop(alone);
        self.store.ring(&self.account, &Folder::inbox());
        removed
    }

    fn remove_all(&self, doomed: &HashMap<&OsStr, (u64, u64)>) -> Result<(), StoreError> {
        // While we look, another program may give a message a new name. So we look until we find none.
        for _ in 0..PASSES {
            let removed = [Part::New, Part::Cur].map(|part| self.remove(part, doomed));
            let [new, cur] = removed.map(|removed| removed.doing("remove messages"));
            if new? + cur? == 0 {
                return Ok(());
            }
        }
        Err(StoreError::lost("remove messages that others rename"))
    }

    /// All names of a message go, lest it come back: a reader that was stopped in the middle of moving one leaves two.
    fn remove(&self, part: Part, doomed: &HashMap<&OsStr, (u64, u64)>) -> io::Result<usize> {
        let (fs, dir) = (self.store.fs(), self.maildir.part(part));
        let mut files = self
            .maildir
            .files(fs, part, |base| doomed.contains_key(base))?;
        files.retain(|found| doomed.get(&*found.base) == Some(&found.identity));
        let mut result = Ok(files.len());
        for found in &files {
            match fs.unlink(dir, &found.file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => result = Err(error),
                _ => {}
            }
        }
        if !files.is_empty() {
            fs.sync_dir(dir)?;
        }
        result
    }
}

/// Messages in the order of their UIDs, and the records whose sizes were counted just now.
fn numbered<F: Fs>(
    store: &Store<F>,
    maildir: &Maildir<F>,
    found: Vec<Found>,
    records: Vec<Record>,
) -> (Vec<Message>, Vec<Record>) {
    let mut files: HashMap<OsString, Found> = found
        .into_iter()
        .map(|found| (found.base.clone(), found))
        .collect();
    let mut counted = Vec::new();
    let mut messages = Vec::new();
    for mut record in records {
        let Some(found) = files.remove(&record.base) else {
            continue;
        };
        let known = record.octets.map(|octets| octets + record.missing);
        let octets = match known.and_then(|octets| u64::try_from(octets).ok()) {
            Some(octets) => octets,
            None => {
                let Some(lines) = count(store, maildir, &found) else {
                    continue;
                };
                record.octets = i64::try_from(lines.octets()).ok();
                record.missing = lines.missing().into();
                counted.push(record);
                lines.octets() + u64::from(lines.missing())
            }
        };
        messages.push(Message { found, octets });
    }
    (messages, counted)
}

fn unnumbered<F: Fs>(store: &Store<F>, maildir: &Maildir<F>, found: Vec<Found>) -> Vec<Message> {
    let counted = found.into_iter().filter_map(|found| {
        let lines = count(store, maildir, &found)?;
        let octets = lines.octets() + u64::from(lines.missing());
        Some(Message { found, octets })
    });
    counted.collect()
}

/// Counts what RETR will send (RFC 1939 §11). `None` when the file cannot be read: it is left out of the session
/// then.
fn count<F: Fs>(store: &Store<F>, maildir: &Maildir<F>, found: &Found) -> Option<Lines> {
    let (file, stat) = store
        .fs()
        .open(maildir.part(found.part), &found.file)
        .ok()?;
    Reader::over(store, file, stat.size).count().ok()
}

impl Message {
    pub(crate) fn id(&self) -> String {
        Name::of(&self.found.file).id()
    }
}

impl<F: Fs> Reader<F> {
    pub(crate) fn over(store: &Store<F>, file: F::File, left: u64) -> Self {
        let store = store.clone();
        Self { store, file, left }
    }

    /// Reads to the end, for its size.
    pub(crate) fn count(mut self) -> Result<Lines, StoreError> {
        let mut lines = Lines::default();
        while let Some(piece) = self.next()? {
            lines.normalize(piece);
        }
        lines.finish();
        Ok(lines)
    }

    pub(crate) const fn is_at_end(&self) -> bool {
        self.left == 0
    }

    /// The next octets of the file as it is stored; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        let size = usize::try_from(self.left).unwrap_or(PIECE).min(PIECE);
        if size == 0 {
            return Ok(None);
        }
        let mut piece = vec![0; size];
        let count = self
            .store
            .fs()
            .read(&mut self.file, &mut piece)
            .doing("read a message")?;
        if count == 0 {
            let short = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Err(StoreError::new("read a message", &short));
        }
        piece.truncate(count);
        self.left -= count as u64;
        Ok(Some(Bytes::from(piece)))
    }
}
