//! Delivery: what is acknowledged is on disk, what is on disk in `new` is whole.
//!
//! The order that this promises, for each recipient: the file is made in `tmp`, written, synced and closed; linked
//! into `new`, where no name is ever overwritten; `new` is synced; only then comes success. A message for several
//! recipients is written once and linked into each mailbox, so all copies are one file and their octets the same.
//! That is why there is no `Delivered-To` field: it would differ between the copies, and it would show the others
//! nothing they need, since nothing is sent on from here and loops are found by counting `Received` fields.

use std::{ffi::OsString, io, sync::Arc};

use jiff::Timestamp;

use super::{
    error::{Doing, StoreError},
    fs::Fs,
    mailbox::{Account, Folder},
    maildir::{Maildir, Store},
    name,
};

/// How often a name that is taken, or a call that was interrupted, is tried again.
const TRIES: u32 = 16;

/// Octets moved at once where a message must be copied.
const COPY: usize = 64 * 1024;

/// One message on its way into one or more mailboxes. Dropping it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Delivery<F: Fs> {
    store: Store<F>,
    now: Timestamp,
    /// Each mailbox once, with what has gone wrong there.
    targets: Vec<(Target, Result<(), StoreError>)>,
    /// For each recipient the position of its mailbox.
    recipients: Vec<usize>,
    spool: Option<Spool<F>>,
    size: u64,
}

pub(crate) type Target = (Account, Folder);

impl<F: Fs> Delivery<F> {
    /// Makes the file in the first mailbox that takes one.
    pub(crate) fn begin(store: &Store<F>, recipients: &[Target], now: Timestamp) -> Self {
        let mut targets: Vec<(Target, Result<(), StoreError>)> = Vec::new();
        let mut known = std::collections::HashMap::new();
        let recipients = recipients
            .iter()
            .map(|recipient| {
                *known.entry(recipient).or_insert_with(|| {
                    targets.push((recipient.clone(), Ok(())));
                    targets.len() - 1
                })
            })
            .collect();
        let mut spool = None;
        for (target, result) in &mut targets {
            match Spool::create(store, target, now).doing("create a message file") {
                Ok(made) => {
                    spool = Some(made);
                    break;
                }
                Err(error) => *result = Err(error),
            }
        }
        Self {
            store: store.clone(),
            now,
            targets,
            recipients,
            spool,
            size: 0,
        }
    }

    /// The next octets of the message. After an error nothing will be delivered; [`Delivery::commit`] says why.
    pub(crate) fn write(&mut self, octets: &[u8]) {
        let Some(spool) = &mut self.spool else { return };
        match write_all(self.store.fs(), &mut spool.file, octets) {
            Ok(()) => self.size += octets.len() as u64,
            Err(error) => self.give_up(&StoreError::new("write a message", &error)),
        }
    }

    /// Makes the message durable and visible. One result for each recipient, in the order given to `begin`.
    pub(crate) fn commit(mut self) -> Vec<Result<(), StoreError>> {
        if let Some(spool) = &self.spool
            && let Err(error) = sync_file(self.store.fs(), &spool.file)
        {
            // A failed sync is never tried again: the system may have dropped what it could not write.
            self.give_up(&StoreError::new("sync a message", &error));
        }
        if let Some(Spool { source, file, .. }) = self.spool.take() {
            drop(file);
            self.publish(source);
        }
        let results = self.recipients.iter();
        results
            .filter_map(|at| self.targets.get(*at))
            .map(|(_, result)| result.clone())
            .collect()
    }

    fn publish(&mut self, source: Source<F>) {
        let mut source = Some(source);
        let last = self.targets.iter().rposition(|(_, result)| result.is_ok());
        for (at, (target, result)) in self.targets.iter_mut().enumerate() {
            let Some(from) = source.as_ref().filter(|_| result.is_ok()) else {
                continue;
            };
            let linked = from.link_into(target, self.now, self.size);
            if last == Some(at) {
                source = None;
            }
            *result = linked
                .and_then(|linked| linked.settle(&self.store, target))
                .doing("publish a message");
        }
    }

    fn give_up(&mut self, error: &StoreError) {
        self.spool = None;
        for (_, result) in &mut self.targets {
            *result = Err(error.clone());
        }
    }
}

/// The file in `tmp` while it is written.
#[derive(Debug)]
pub(crate) struct Spool<F: Fs> {
    pub(crate) file: F::File,
    pub(crate) source: Source<F>,
}

/// The name in `tmp`, which goes away with this value.
#[derive(Debug)]
pub(crate) struct Source<F: Fs> {
    store: Store<F>,
    pub(crate) maildir: Arc<Maildir<F>>,
    target: Target,
    pub(crate) name: OsString,
}

impl<F: Fs> Spool<F> {
    fn create(store: &Store<F>, target: &Target, now: Timestamp) -> io::Result<Self> {
        let maildir = Arc::new(store.maildir(&target.0, &target.1)?);
        Self::create_in(store, &maildir, target, now)
    }

    pub(crate) fn create_in(
        store: &Store<F>,
        maildir: &Arc<Maildir<F>>,
        target: &Target,
        now: Timestamp,
    ) -> io::Result<Self> {
        again(io::ErrorKind::AlreadyExists, || {
            let name = OsString::from(store.unique(now));
            // Known as ours before it exists, or the sweeper could come in between.
            store.live().insert(name.clone());
            match store.fs().create(&maildir.tmp, &name) {
                Ok(file) => {
                    let (store, maildir) = (store.clone(), Arc::clone(maildir));
                    let target = target.clone();
                    let source = Source {
                        store,
                        maildir,
                        target,
                        name,
                    };
                    Ok(Self { file, source })
                }
                Err(error) => {
                    store.live().remove(&name);
                    Err(error)
                }
            }
        })
    }
}

impl<F: Fs> Source<F> {
    /// Gives the message a name in the mailbox of `target`.
    fn link_into(&self, target: &Target, now: Timestamp, size: u64) -> io::Result<Linked<F>> {
        let maildir = if *target == self.target {
            Arc::clone(&self.maildir)
        } else {
            Arc::new(self.store.maildir(&target.0, &target.1)?)
        };
        match self.link(maildir, now, size) {
            Err(error) if links_impossible(&error) => {
                let copy = self.copy_into(target, now)?;
                let maildir = Arc::clone(&copy.maildir);
                copy.link(maildir, now, size)
            }
            other => other,
        }
    }

    fn link(&self, maildir: Arc<Maildir<F>>, now: Timestamp, size: u64) -> io::Result<Linked<F>> {
        let name = again(io::ErrorKind::AlreadyExists, || {
            let name = name::published(&self.store.unique(now), size);
            let (from, to) = ((&self.maildir.tmp, &*self.name), (&maildir.new, &*name));
            self.store.fs().link(from, to).map(|()| name)
        })?;
        Ok(Linked { maildir, name })
    }

    /// For a mailbox that lies on another file system.
    fn copy_into(&self, target: &Target, now: Timestamp) -> io::Result<Self> {
        let fs = self.store.fs();
        let (mut from, _) = fs.open(&self.maildir.tmp, &self.name)?;
        let Spool { mut file, source } = Spool::create(&self.store, target, now)?;
        let mut buffer = vec![0; COPY];
        loop {
            let count = fs.read(&mut from, &mut buffer)?;
            match buffer.get(..count) {
                Some(octets) if count > 0 => write_all(fs, &mut file, octets)?,
                _ => break,
            }
        }
        sync_file(fs, &file)?;
        Ok(source)
    }
}

impl<F: Fs> Drop for Source<F> {
    fn drop(&mut self) {
        // Where this is impossible, the sweeper does it later.
        let _ = self.store.fs().unlink(&self.maildir.tmp, &self.name);
        self.store.live().remove(&self.name);
    }
}

/// A name in `new` that a power cut could still take away.
#[derive(Debug)]
struct Linked<F: Fs> {
    maildir: Arc<Maildir<F>>,
    name: OsString,
}

impl<F: Fs> Linked<F> {
    /// Makes the name durable, in the folder of this name: where that was deleted meanwhile, in one that is made anew.
    fn settle(self, store: &Store<F>, target: &Target) -> io::Result<()> {
        self.sync(store.fs())?;
        let (account, folder) = target;
        if store.is_still(&self.maildir, folder)? {
            return Ok(());
        }
        let anew = Self {
            maildir: Arc::new(store.maildir(account, folder)?),
            name: self.name.clone(),
        };
        let (from, to) = (
            (&self.maildir.new, &*self.name),
            (&anew.maildir.new, &*anew.name),
        );
        store.fs().link(from, to)?;
        anew.sync(store.fs())?;
        // Whoever deletes the old folder does this, too.
        let _ = store.fs().unlink(&self.maildir.new, &self.name);
        Ok(())
    }

    fn sync(&self, fs: &F) -> io::Result<()> {
        again(io::ErrorKind::Interrupted, || {
            fs.sync_dir(&self.maildir.new)
        })
        .inspect_err(|_| {
            // The sender will try again and should not find two. If this fails, too, it finds two.
            let _ = fs.unlink(&self.maildir.new, &self.name);
        })
    }
}

/// The errors of link(2) that a copy gets around.
pub(crate) fn links_impossible(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(
        error.kind(),
        CrossesDevices | PermissionDenied | TooManyLinks | Unsupported
    )
}

pub(crate) fn sync_file<F: Fs>(fs: &F, file: &F::File) -> io::Result<()> {
    again(io::ErrorKind::Interrupted, || fs.sync_file(file))
}

/// Writes all of `octets`, however few the system takes at once.
pub(crate) fn write_all<F: Fs>(fs: &F, file: &mut F::File, mut octets: &[u8]) -> io::Result<()> {
    while !octets.is_empty() {
        let count = again(io::ErrorKind::Interrupted, || fs.write(file, octets))?;
        octets = match octets.get(count..) {
            Some(rest) if count > 0 => rest,
            _ => return Err(io::ErrorKind::WriteZero.into()),
        };
    }
    Ok(())
}

/// Tries again, a limited number of times, when the error is of this kind.
pub(crate) fn again<T>(
    kind: io::ErrorKind,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let mut left = TRIES;
    loop {
        left -= 1;
        match attempt() {
            Err(error) if error.kind() == kind && left > 0 => {}
            other => return other,
        }
    }
}
