//! Messages go from one mailbox to another.

use std::{collections::HashSet, io, sync::Arc};

use jiff::Timestamp;

use super::{Bench, Desk, Failure, Open, PASSES, Written, state::Entry};
use crate::store::{
    delivery::{Spool, again, links_impossible, sync_file, write_all},
    error::{Doing, MailboxError, StoreError},
    flags::Keywords,
    fs::Fs,
    index,
    listing::{Claim, Listed, Snapshot},
    mailbox::Folder,
    maildir::{Maildir, Part},
    name::{self, Name},
    selected::{Copied, Ticket},
};

/// Octets moved at once where a message must be copied.
const COPY: usize = 64 * 1024;

/// A message that has a second name in another mailbox.
struct Carried {
    listed: Listed,
    keywords: Vec<String>,
    entry: Entry,
}

impl<F: Fs> Desk<F> {
    pub(crate) fn copy(
        &self,
        ticket: &Ticket,
        uids: &[u32],
        to: &Folder,
        now: Timestamp,
    ) -> Result<Copied, MailboxError> {
        self.enter(now, |bench| {
            let open = bench.admit(ticket)?;
            bench.transfer(open, uids, to)
        })
    }

    pub(crate) fn move_to(
        &self,
        ticket: &Ticket,
        uids: &[u32],
        to: &Folder,
        now: Timestamp,
    ) -> Result<Copied, MailboxError> {
        self.enter(now, |bench| {
            let open = bench.admit(ticket)?;
            bench.relocate(open, uids, to)
        })
    }
}

impl<F: Fs> Bench<'_, F> {
    /// Copies, and then removes: at no time is a message in neither place.
    pub(super) fn relocate(
        &mut self,
        from: Open<F>,
        uids: &[u32],
        to: &Folder,
    ) -> Result<Copied, Failure> {
        let folder = from.folder.clone();
        let copied = self.transfer(from, uids, to)?;
        // From here on the copies may be all there is.
        self.undo.clear();
        let moved: Vec<u32> = copied.pairs.iter().map(|(old, _)| *old).collect();
        let mut from = self.reopen(&folder)?;
        self.remove(&mut from, &moved, |_| true)?;
        self.close(from);
        Ok(copied)
    }

    /// Gives messages a second name, durably and under new UIDs. Should the work come to nothing, the names go away.
    pub(super) fn transfer(
        &mut self,
        mut from: Open<F>,
        uids: &[u32],
        to: &Folder,
    ) -> Result<Copied, Failure> {
        if from.folder == *to {
            let target = Arc::clone(&from.maildir);
            let carried = self.carry(&mut from, uids, &target, to)?;
            let copied = self.receive(&mut from, carried)?;
            self.close(from);
            return Ok(copied);
        }
        // Looked at before there are copies in it, or these would be taken for new mail.
        let mut target = match self.open(to) {
            Ok(target) => target,
            Err(failure) => {
                self.close(from);
                return Err(failure);
            }
        };
        let carried = self.carry(&mut from, uids, &target.maildir, to)?;
        self.close(from);
        let copied = self.receive(&mut target, carried)?;
        self.close(target);
        Ok(copied)
    }

    fn carry(
        &mut self,
        from: &mut Open<F>,
        uids: &[u32],
        target: &Arc<Maildir<F>>,
        to: &Folder,
    ) -> Result<Vec<Carried>, Failure> {
        let mut carried = Vec::with_capacity(uids.len());
        let mut left = uids.to_vec();
        for _ in 0..PASSES {
            let mut lost = HashSet::new();
            for at in from.loaded.snapshot.positions(&left) {
                let snapshot = &from.loaded.snapshot;
                let both = snapshot.messages.get(at).zip(from.loaded.entries.get(at));
                let Some((listed, entry)) = both else {
                    continue;
                };
                let unique = self.desk.store.unique(self.now);
                let base = name::published(&unique, entry.size);
                let file = Name::of(&base).with(entry.name().flags());
                self.undo.push((Arc::clone(target), file.clone()));
                match self.second_name(from, entry, target, &file, to) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        self.undo.pop();
                        lost.insert(listed.uid);
                    }
                    other => {
                        other.doing("copy a message")?;
                        let keywords = snapshot.keywords_of(listed).map(str::to_owned);
                        carried.push(Carried {
                            listed: *listed,
                            keywords: keywords.collect(),
                            entry: Entry {
                                file: file.into_boxed_os_str(),
                                part: Part::Cur,
                                ..entry.clone()
                            },
                        });
                    }
                }
            }
            if lost.is_empty() {
                // A message that was looked for twice comes behind those with larger UIDs.
                carried.sort_unstable_by_key(|carried| carried.listed.uid);
                return Ok(carried);
            }
            if from.folder == *to {
                break;
            }
            left = lost.into_iter().collect();
            from.loaded.seen.marks = None;
            self.look(from)?;
        }
        Err(StoreError::lost("copy messages that others rename").into())
    }

    fn second_name(
        &self,
        from: &Open<F>,
        entry: &Entry,
        target: &Arc<Maildir<F>>,
        file: &std::ffi::OsStr,
        to: &Folder,
    ) -> io::Result<()> {
        let (fs, dir) = (self.fs(), from.maildir.part(entry.part));
        match fs.link((dir, &entry.file), (&target.cur, file)) {
            Err(error) if links_impossible(&error) => {}
            other => return other,
        }
        let (mut source, stat) = fs.open(dir, &entry.file)?;
        let at = (self.desk.account.clone(), to.clone());
        let spool = Spool::create_in(&self.desk.store, target, &at, self.now)?;
        let Spool {
            file: mut copy,
            source: name,
        } = spool;
        let mut buffer = vec![0; COPY];
        loop {
            let count = fs.read(&mut source, &mut buffer)?;
            match buffer.get(..count) {
                Some(octets) if count > 0 => write_all(fs, &mut copy, octets)?,
                _ => break,
            }
        }
        fs.set_modified(&copy, stat.modified)?;
        sync_file(fs, &copy)?;
        again(io::ErrorKind::Interrupted, || {
            fs.link((&target.tmp, &name.name), (&target.cur, file))
        })
    }

    fn receive(&mut self, to: &mut Open<F>, carried: Vec<Carried>) -> Result<Copied, Failure> {
        let mut copied = Copied {
            uid_validity: to.loaded.snapshot.uid_validity,
            pairs: Vec::with_capacity(carried.len()),
        };
        if carried.is_empty() {
            return Ok(copied);
        }
        self.fs().sync_dir(&to.maildir.cur).doing("sync copies")?;
        Snapshot::make_room(&mut to.loaded.snapshot);
        let first = to.loaded.entries.len();
        to.loaded.step();
        for carried in carried {
            let words = carried.keywords.iter().map(String::as_str);
            let keywords = self.keywords(to, words)?;
            let listed = Listed {
                keywords,
                claim: Claim::Nobody,
                ..carried.listed
            };
            let uid = to.loaded.add(carried.entry, listed)?;
            copied.pairs.push((carried.listed.uid, uid));
        }
        self.own_changes(to);
        let name = index::name_of(&to.folder);
        to.loaded
            .save(self.tx, name, first..to.loaded.entries.len())?;
        self.wrote(Written::New);
        Ok(copied)
    }

    fn keywords<'a>(
        &self,
        open: &mut Open<F>,
        words: impl Iterator<Item = &'a str>,
    ) -> Result<Keywords, Failure> {
        let table = &mut Arc::make_mut(&mut open.loaded.snapshot).keywords;
        Ok(table.bits(words)?.1)
    }
}
