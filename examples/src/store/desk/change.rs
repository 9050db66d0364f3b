//! Flags change, messages go.

use std::{collections::HashSet, ffi::OsStr, io};

use jiff::Timestamp;

use super::{Bench, Desk, Failure, Open, PASSES, Written, state::Entry};
use crate::store::{
    error::{Doing, MailboxError, StoreError},
    flags::FlagChange,
    fs::Fs,
    index,
    listing::{Listed, Snapshot, Step},
    maildir::{Part, vanished},
    selected::{Stored, Ticket},
};

/// Whether a file was where it was looked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Hit {
    Done,
    /// Another program has moved or removed it.
    Lost,
}

impl<F: Fs> Desk<F> {
    pub(crate) fn store(
        &self,
        ticket: &Ticket,
        uids: &[u32],
        change: &FlagChange,
        unchanged_since: Option<u64>,
        now: Timestamp,
    ) -> Result<Stored, MailboxError> {
        self.enter(now, |bench| {
            let mut open = bench.admit(ticket)?;
            let stored = bench.store(&mut open, uids, change, unchanged_since)?;
            bench.close(open);
            Ok(stored)
        })
    }

    pub(crate) fn expunge(
        &self,
        ticket: &Ticket,
        only: Option<&[u32]>,
        now: Timestamp,
    ) -> Result<Vec<u32>, MailboxError> {
        self.enter(now, |bench| {
            let mut open = bench.admit(ticket)?;
            let all = |open: &Open<F>| {
                let uids = open.loaded.snapshot.messages.iter();
                uids.filter(|m| m.is_deleted()).map(|m| m.uid).collect()
            };
            let chosen = only.map_or_else(|| all(&open), <[u32]>::to_vec);
            let gone = bench.remove(&mut open, &chosen, Listed::is_deleted)?;
            bench.close(open);
            Ok(gone)
        })
    }
}

impl<F: Fs> Bench<'_, F> {
    /// Files that others have moved meanwhile are looked for, and the change is tried again for these.
    fn store(
        &mut self,
        open: &mut Open<F>,
        uids: &[u32],
        change: &FlagChange,
        unchanged_since: Option<u64>,
    ) -> Result<Stored, Failure> {
        let mut stored = Stored::default();
        let mut left = uids.to_vec();
        for _ in 0..PASSES {
            Snapshot::make_room(&mut open.loaded.snapshot);
            let mut plan = open.loaded.snapshot.plan(&left, change, unchanged_since)?;
            let lost = self.rename(open, &plan.steps)?;
            left.clear();
            plan.steps.retain(|step| !lost.contains(&step.at));
            for at in lost {
                left.extend(open.loaded.snapshot.messages.get(at).map(|m| m.uid));
            }
            Snapshot::carry_out(&mut open.loaded.snapshot, &plan);
            if !plan.steps.is_empty() {
                let positions = plan.steps.iter().map(|step| step.at);
                let name = index::name_of(&open.folder);
                open.loaded.save(self.tx, name, positions)?;
                self.wrote(Written::New);
            }
            plan.done.changed.retain(|uid| !left.contains(uid));
            stored.changed.append(&mut plan.done.changed);
            stored.modified.append(&mut plan.done.modified);
            if left.is_empty() {
                stored.changed.sort_unstable();
                stored.modified.sort_unstable();
                return Ok(stored);
            }
            open.loaded.seen.marks = None;
            self.look(open)?;
        }
        Err(StoreError::lost("change flags of messages that others rename").into())
    }

    /// Gives files the names that say their new flags, durably. Answers at which positions there was no file.
    fn rename(&self, open: &mut Open<F>, steps: &[Step]) -> Result<HashSet<usize>, Failure> {
        let mut lost = HashSet::new();
        let mut old_names = Vec::new();
        let mut renamed = false;
        for step in steps {
            let listed = open.loaded.snapshot.messages.get(step.at);
            let Some(entry) = open.loaded.entries.get_mut(step.at) else {
                continue;
            };
            if listed.is_some_and(|listed| listed.flags == step.flags) {
                continue;
            }
            let file = entry.name().with(step.flags);
            let (fs, maildir) = (self.desk.store.fs(), &open.maildir);
            let done = match entry.part {
                Part::Cur => fs.rename(&maildir.cur, &entry.file, &file),
                Part::New => fs.link((&maildir.new, &entry.file), (&maildir.cur, &file)),
            };
            match hit(done).doing("change flags")? {
                Hit::Lost => {
                    lost.insert(step.at);
                }
                Hit::Done => {
                    renamed = true;
                    let old = std::mem::replace(&mut entry.file, file.into_boxed_os_str());
                    if std::mem::replace(&mut entry.part, Part::Cur) == Part::New {
                        old_names.push(old);
                    }
                }
            }
        }
        if renamed {
            let fs = self.fs();
            fs.sync_dir(&open.maildir.cur).doing("sync flags")?;
            if !old_names.is_empty() {
                for old in old_names {
                    vanished(fs.unlink(&open.maildir.new, &old)).doing("change flags")?;
                }
                // An old name would bring back a message whose new name is removed.
                fs.sync_dir(&open.maildir.new).doing("sync flags")?;
            }
            self.own_changes(open);
        }
        Ok(lost)
    }

    /// Removes those of these messages that are as asked for, with all their names. Answers the UIDs of those that
    /// are gone by it. After this the work must not be undone.
    pub(super) fn remove(
        &mut self,
        open: &mut Open<F>,
        uids: &[u32],
        wanted: impl Fn(&Listed) -> bool,
    ) -> Result<Vec<u32>, Failure> {
        let mut gone = Vec::new();
        let mut left = uids.to_vec();
        for _ in 0..PASSES {
            let mut positions = open.loaded.snapshot.positions(&left);
            positions.retain(|at| open.loaded.snapshot.messages.get(*at).is_some_and(&wanted));
            left.clear();
            let mut lost = HashSet::new();
            for at in &positions {
                if self.unlink(open, *at).doing("remove a message")? == Hit::Lost {
                    lost.insert(*at);
                    left.extend(open.loaded.snapshot.messages.get(*at).map(|m| m.uid));
                }
            }
            positions.retain(|at| !lost.contains(at));
            if !positions.is_empty() {
                for part in [Part::New, Part::Cur] {
                    let mut entries = positions
                        .iter()
                        .filter_map(|at| open.loaded.entries.get(*at));
                    let touched = |entry: &Entry| {
                        entry.part == part || open.loaded.twins.contains(entry.name().base)
                    };
                    if entries.any(touched) {
                        let synced = self.fs().sync_dir(open.maildir.part(part));
                        synced.doing("sync what was removed")?;
                    }
                }
                self.own_changes(open);
                let removed = open.loaded.remove(&positions);
                for uid in &removed {
                    index::delete(self.tx, open.loaded.id, *uid)?;
                }
                gone.extend(removed);
                let name = index::name_of(&open.folder);
                open.loaded.save(self.tx, name, [])?;
                self.wrote(Written::Known);
            }
            if left.is_empty() {
                gone.sort_unstable();
                return Ok(gone);
            }
            open.loaded.seen.marks = None;
            self.look(open)?;
        }
        Err(StoreError::lost("remove messages that others rename").into())
    }

    fn unlink(&self, open: &Open<F>, at: usize) -> io::Result<Hit> {
        let Some(entry) = open.loaded.entries.get(at) else {
            return Ok(Hit::Lost);
        };
        let (fs, maildir) = (self.fs(), &open.maildir);
        let base = entry.name().base;
        if open.loaded.twins.contains(base) {
            self.unlink_twins(open, entry.part, &entry.file, base)?;
        }
        hit(fs.unlink(maildir.part(entry.part), &entry.file))
    }

    /// Other names of the same file, which would bring the message back. Other files stay, even under its base name.
    fn unlink_twins(
        &self,
        open: &Open<F>,
        part: Part,
        file: &OsStr,
        base: &OsStr,
    ) -> io::Result<()> {
        let (fs, maildir) = (self.fs(), &open.maildir);
        let Some(own) = vanished(fs.stat(maildir.part(part), file))? else {
            return Ok(());
        };
        for other in [Part::New, Part::Cur] {
            for twin in maildir.files(fs, other, |name| name == base)? {
                let same_name = (other, &*twin.file) == (part, file);
                if twin.identity == own.identity && !same_name {
                    vanished(fs.unlink(maildir.part(other), &twin.file))?;
                }
            }
        }
        Ok(())
    }
}

fn hit(done: io::Result<()>) -> io::Result<Hit> {
    Ok(vanished(done)?.map_or(Hit::Lost, |()| Hit::Done))
}
