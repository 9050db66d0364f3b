//! Messages that a client puts into a mailbox: each a file in `tmp` until all are there.

use std::{ffi::OsString, io, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;

use super::{
    Bench, Desk, Failure, Written,
    state::{Entry, arrived},
};
use crate::store::{
    appending::{Appended, Head, Step},
    content::Lines,
    delivery::{Source, Spool, again, sync_file, write_all},
    error::{Doing, MailboxError, StoreError},
    fs::Fs,
    index,
    listing::{Claim, Listed, Snapshot},
    mailbox::Folder,
    maildir::{Maildir, Part, Store},
    name::{self, Name},
};

/// Messages on their way into one mailbox. Dropping it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Batch<F: Fs> {
    store: Store<F>,
    target: (crate::store::Account, Folder),
    maildir: Arc<Maildir<F>>,
    now: Timestamp,
    /// Durable, but for their names.
    written: Vec<Whole<F>>,
    writing: Option<Writing<F>>,
    error: Option<StoreError>,
}

/// A message whose file is whole.
#[derive(Debug)]
struct Whole<F: Fs> {
    source: Source<F>,
    head: Head,
    size: u64,
    lines: Lines,
}

#[derive(Debug)]
struct Writing<F: Fs> {
    spool: Spool<F>,
    head: Head,
    size: u64,
    lines: Lines,
}

impl<F: Fs> Desk<F> {
    /// A batch for a mailbox that is there.
    pub(crate) fn batch(&self, folder: &Folder, now: Timestamp) -> Result<Batch<F>, MailboxError> {
        let maildir = self.store.folder(&self.account, folder);
        let maildir = maildir.doing("open a mailbox")?;
        Ok(Batch {
            store: self.store.clone(),
            target: (self.account.clone(), folder.clone()),
            maildir: Arc::new(maildir.ok_or(MailboxError::NoSuchMailbox)?),
            now,
            written: Vec::new(),
            writing: None,
            error: None,
        })
    }

    /// Puts all messages of a batch into the mailbox, or none.
    pub(crate) fn commit(&self, mut batch: Batch<F>) -> Result<Appended, MailboxError> {
        batch.end();
        if let Some(error) = batch.error {
            return Err(error.into());
        }
        self.enter(batch.now, |bench| bench.append(&batch))
    }
}

impl<F: Fs> Batch<F> {
    /// What goes wrong is told at the end.
    pub(crate) fn take(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Begin(head) => self.begin(head),
                Step::Octets(octets) => self.write(octets),
                Step::End => self.end(),
            }
        }
    }

    fn begin(&mut self, head: Head) {
        self.end();
        if self.error.is_some() {
            return;
        }
        let spool = Spool::create_in(&self.store, &self.maildir, &self.target, self.now);
        match spool.doing("create a message file") {
            Err(error) => self.give_up(error),
            Ok(spool) => {
                self.writing = Some(Writing {
                    spool,
                    head,
                    size: 0,
                    lines: Lines::default(),
                });
            }
        }
    }

    fn write(&mut self, octets: Bytes) {
        let Some(writing) = &mut self.writing else {
            return;
        };
        let written = write_all(self.store.fs(), &mut writing.spool.file, &octets);
        match written.doing("write a message") {
            Err(error) => self.give_up(error),
            Ok(()) => {
                writing.size += octets.len() as u64;
                writing.lines.normalize(octets);
            }
        }
    }

    fn end(&mut self) {
        let Some(mut writing) = self.writing.take() else {
            return;
        };
        writing.lines.finish();
        let fs = self.store.fs();
        let Spool { file, source } = writing.spool;
        let durable = fs
            .set_modified(&file, writing.head.internal_date)
            .and_then(|()| sync_file(fs, &file));
        match durable.doing("sync a message") {
            Err(error) => self.give_up(error),
            Ok(()) => self.written.push(Whole {
                source,
                head: writing.head,
                size: writing.size,
                lines: writing.lines,
            }),
        }
    }

    fn give_up(&mut self, error: StoreError) {
        self.writing = None;
        self.written.clear();
        self.error = Some(error);
    }
}

impl<F: Fs> Bench<'_, F> {
    fn append(&mut self, batch: &Batch<F>) -> Result<Appended, Failure> {
        let mut open = self.open(&batch.target.1)?;
        let mut appended = Appended {
            uid_validity: open.loaded.snapshot.uid_validity,
            uids: Vec::with_capacity(batch.written.len()),
        };
        if batch.written.is_empty() {
            self.close(open);
            return Ok(appended);
        }
        Snapshot::make_room(&mut open.loaded.snapshot);
        let first = open.loaded.entries.len();
        open.loaded.step();
        for message in &batch.written {
            let table = &mut Arc::make_mut(&mut open.loaded.snapshot).keywords;
            let (letters, keywords) = table.bits(message.head.names())?;
            let flags = message.head.flags | letters;
            let named = again(io::ErrorKind::AlreadyExists, || {
                let base = name::published(&self.desk.store.unique(self.now), message.size);
                let file = Name::of(&base).with(flags);
                self.publish(message, &open.maildir, file)
            });
            let file = match named {
                // The folder was deleted, and the file in its `tmp` with it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(MailboxError::NoSuchMailbox.into());
                }
                other => other.doing("publish a message")?,
            };
            let listed = Listed {
                flags,
                keywords,
                octets: Some(message.lines.octets()),
                ..arrived(message.head.internal_date, Claim::Open)
            };
            let entry = Entry {
                file: file.into_boxed_os_str(),
                part: Part::Cur,
                size: message.size,
                missing: message.lines.missing(),
            };
            appended.uids.push(open.loaded.add(entry, listed)?);
        }
        self.fs()
            .sync_dir(&open.maildir.cur)
            .doing("publish a message")?;
        self.own_changes(&mut open);
        let name = index::name_of(&open.folder);
        let positions = first..open.loaded.entries.len();
        open.loaded.save(self.tx, name, positions)?;
        self.wrote(Written::New);
        self.close(open);
        Ok(appended)
    }

    fn publish(
        &mut self,
        message: &Whole<F>,
        to: &Arc<Maildir<F>>,
        file: OsString,
    ) -> io::Result<OsString> {
        let from = &message.source;
        let fs = self.desk.store.fs();
        fs.link((&from.maildir.tmp, &from.name), (&to.cur, &file))?;
        self.undo.push((Arc::clone(to), file.clone()));
        Ok(file)
    }
}
