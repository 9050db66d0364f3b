//! The look at the directories of a mailbox: what has come, what is gone, what has other flags.

use std::{collections::HashMap, ffi::OsString, io, sync::Arc};

use super::{
    Bench, Failure, Open, Written,
    state::{Entry, Seen, arrived},
};
use crate::store::{
    error::{Doing, MailboxError},
    fs::{Fs, Mark},
    index,
    listing::{Claim, Listed},
    maildir::{Maildir, Part, vanished},
    name::Name,
    selected::{Access, Ticket},
};

/// A directory that was changed within this time may be changed again under the same mark. The clock of a file
/// system goes in steps of 10 ms or less.
const TICK: i128 = 100_000_000;

/// A change that others make between two steps of ours has the mark of ours. It is looked for after this time, since
/// a look at a large mailbox after each change would cost more than the change.
const AFTER_OWN: i128 = 20_000_000_000;

/// Files by their base names.
type Listing = HashMap<OsString, (Part, OsString)>;

impl Seen {
    /// Which of `new` and `cur` have to be listed.
    fn behind(&self, marks: &[Mark; 2], now: i128) -> [bool; 2] {
        let Some(seen) = &self.marks else {
            return [true; 2];
        };
        if seen == marks {
            let patience = if self.own { AFTER_OWN } else { TICK };
            // A time in the future says nothing.
            let young = marks
                .iter()
                .any(|mark| (0..patience).contains(&(now - mark.modified)));
            return [!self.sure && !young; 2];
        }
        [seen[0] != marks[0], seen[1] != marks[1]]
    }
}

impl<F: Fs> Bench<'_, F> {
    /// The mailbox of a session, unless it is another one by now.
    pub(super) fn admit(&mut self, ticket: &Ticket) -> Result<Open<F>, Failure> {
        let gone = |failure| match failure {
            Failure::Mailbox(MailboxError::NoSuchMailbox) => MailboxError::Gone.into(),
            other => other,
        };
        let mut open = self.reopen(&ticket.folder).map_err(gone)?;
        if open.loaded.snapshot.uid_validity != ticket.uid_validity {
            self.close(open);
            return Err(MailboxError::Gone.into());
        }
        self.look(&mut open)?;
        if ticket.access == Access::ReadWrite {
            self.claim(&mut open, ticket.number);
        }
        Ok(open)
    }

    /// Compares what is known with the directories, as far as these have changed.
    pub(super) fn look(&mut self, open: &mut Open<F>) -> Result<(), Failure> {
        let fs = self.fs();
        let now = self.now.as_nanosecond();
        let bells = self.desk.cell.bells();
        let deliveries = bells.get(&open.folder).map_or(0, |bell| *bell.borrow());
        drop(bells);
        let marks = marks(fs, &open.maildir).doing("look at a mailbox")?;
        let mut behind = open.loaded.seen.behind(&marks, now);
        // It may have the mark of a change of ours.
        behind[0] |= deliveries != open.loaded.seen.deliveries;
        if behind == [false; 2] {
            return Ok(());
        }
        let mut twins = Vec::new();
        let mut listing = list(fs, &open.maildir, behind, &mut twins).doing("list a mailbox")?;
        let mut whole = behind == [true; 2];
        let there = |listing: &Listing, entry: &Entry| listing.contains_key(entry.name().base);
        let subject = |entry: &Entry| match entry.part {
            Part::New => behind[0],
            Part::Cur => behind[1],
        };
        let mut entries = open.loaded.entries.iter();
        if entries.any(|entry| subject(entry) && !there(&listing, entry)) {
            // While a directory is read, others may give a file a new name, and it is then in neither place. So what
            // is missing is looked for a second time.
            listing.extend(list(fs, &open.maildir, [true; 2], &mut twins).doing("list a mailbox")?);
            whole = true;
        }
        self.compare(open, &mut listing, whole)?;
        self.welcome(open, listing)?;
        if whole {
            open.loaded.twins.clear();
        }
        open.loaded.twins.extend(twins);
        let before = open.loaded.seen;
        let settled = marks.iter().all(|mark| now - mark.modified >= TICK);
        open.loaded.seen = Seen {
            marks: Some(marks),
            // What was not listed is as doubtful as before.
            sure: settled && (whole || before.sure),
            own: !whole && before.own,
            deliveries,
        };
        Ok(())
    }

    /// Messages that are gone, moved, or have other flags. What is left of the listing is new.
    fn compare(
        &mut self,
        open: &mut Open<F>,
        listing: &mut Listing,
        whole: bool,
    ) -> Result<(), Failure> {
        let loaded = &mut open.loaded;
        let (mut gone, mut changed) = (Vec::new(), Vec::new());
        for (at, entry) in loaded.entries.iter_mut().enumerate() {
            let Some((part, file)) = listing.remove(entry.name().base) else {
                if whole {
                    gone.push(at);
                }
                continue;
            };
            if !whole && part < entry.part {
                loaded.twins.insert(entry.name().base.to_owned());
                continue;
            }
            let flags = Name::of(&file).flags();
            if *entry.file != *file {
                entry.file = file.into_boxed_os_str();
            }
            entry.part = part;
            let known = loaded.snapshot.messages.get(at).map(|listed| listed.flags);
            if known != Some(flags) {
                changed.push((at, flags));
            }
        }
        if !changed.is_empty() {
            let mod_seq = loaded.step();
            let messages = &mut Arc::make_mut(&mut loaded.snapshot).messages;
            for (at, flags) in &changed {
                if let Some(listed) = messages.get_mut(*at) {
                    (listed.flags, listed.mod_seq) = (*flags, mod_seq);
                }
            }
        }
        let name = index::name_of(&open.folder);
        if !changed.is_empty() {
            loaded.save(self.tx, name, changed.into_iter().map(|(at, _)| at))?;
            self.wrote(Written::Known);
        }
        if !gone.is_empty() {
            for uid in loaded.remove(&gone) {
                index::delete(self.tx, loaded.id, uid)?;
            }
            loaded.save(self.tx, name, [])?;
            self.wrote(Written::Known);
        }
        Ok(())
    }

    /// New messages get their UIDs, the oldest first.
    fn welcome(&mut self, open: &mut Open<F>, listing: Listing) -> Result<(), Failure> {
        let fs = self.fs();
        let mut new = Vec::new();
        for (base, (part, file)) in listing {
            let stat = vanished(fs.stat(open.maildir.part(part), &file));
            let Some(stat) = stat.doing("look at a message")? else {
                continue;
            };
            let delivered = Name::of(&file).delivered().unwrap_or((stat.modified, 0));
            new.push((delivered, base, part, file, stat));
        }
        if new.is_empty() {
            return Ok(());
        }
        new.sort_unstable_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let first = open.loaded.entries.len();
        open.loaded.step();
        for (_, _, part, file, stat) in new {
            let claim = match part {
                Part::New => Claim::Open,
                Part::Cur => Claim::Nobody,
            };
            let listed = Listed {
                flags: Name::of(&file).flags(),
                ..arrived(stat.modified, claim)
            };
            let entry = Entry {
                file: file.into_boxed_os_str(),
                part,
                size: stat.size,
                missing: 0,
            };
            open.loaded.add(entry, listed)?;
        }
        let name = index::name_of(&open.folder);
        open.loaded
            .save(self.tx, name, first..open.loaded.entries.len())?;
        self.wrote(Written::New);
        Ok(())
    }

    /// A session that may write takes what nobody has taken: it alone is told that the messages are recent, and they
    /// move from `new` to `cur`. One that cannot be moved stays where it is and is no worse for it.
    pub(super) fn claim(&self, open: &mut Open<F>, session: u64) {
        let free = |listed: &Listed| listed.claim == Claim::Open;
        if open.loaded.snapshot.messages.iter().any(free) {
            for listed in &mut Arc::make_mut(&mut open.loaded.snapshot).messages {
                if free(listed) {
                    listed.claim = Claim::By(session);
                }
            }
        }
        if open
            .loaded
            .entries
            .iter()
            .any(|entry| entry.part == Part::New)
            && let Err(error) = self.move_to_cur(open)
        {
            tracing::debug!(%error, "new messages stay in new");
        }
    }

    /// The second name is durable before the first goes away.
    fn move_to_cur(&self, open: &mut Open<F>) -> io::Result<()> {
        let (fs, maildir) = (self.fs(), &open.maildir);
        let mut moved = Vec::new();
        for (at, entry) in open.loaded.entries.iter().enumerate() {
            if entry.part == Part::New {
                let name = entry.name();
                let file = name.with(name.flags());
                match fs.link((&maildir.new, &entry.file), (&maildir.cur, &file)) {
                    // The next look tells what it is about.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                    other => other?,
                }
                moved.push((at, file));
            }
        }
        if moved.is_empty() {
            return Ok(());
        }
        fs.sync_dir(&maildir.cur)?;
        for (at, file) in moved {
            if let Some(entry) = open.loaded.entries.get_mut(at) {
                vanished(fs.unlink(&maildir.new, &entry.file))?;
                (entry.file, entry.part) = (file.into_boxed_os_str(), Part::Cur);
            }
        }
        // The first name would bring back a message whose second name is removed.
        fs.sync_dir(&maildir.new)?;
        self.own_changes(open);
        Ok(())
    }

    /// What has changed in the directories since the last look is our own doing.
    pub(super) fn own_changes(&self, open: &mut Open<F>) {
        open.loaded.seen = Seen {
            marks: marks(self.fs(), &open.maildir).ok(),
            sure: false,
            own: true,
            deliveries: open.loaded.seen.deliveries,
        };
    }
}

pub(super) fn marks<F: Fs>(fs: &F, maildir: &Maildir<F>) -> io::Result<[Mark; 2]> {
    Ok([fs.mark(&maildir.new)?, fs.mark(&maildir.cur)?])
}

/// `new` is read before `cur`: a message that another reader moves meanwhile is then seen in one or in both. Of two
/// files with one base name the one in `cur` counts, and of these the one whose name is larger.
fn list<F: Fs>(
    fs: &F,
    maildir: &Maildir<F>,
    wanted: [bool; 2],
    twins: &mut Vec<OsString>,
) -> io::Result<Listing> {
    let mut listing = Listing::new();
    for (part, wanted) in [Part::New, Part::Cur].into_iter().zip(wanted) {
        if !wanted {
            continue;
        }
        for file in fs.files(maildir.part(part))? {
            let base = Name::of(&file).base.to_owned();
            match listing.get_mut(&base) {
                None => {
                    listing.insert(base, (part, file));
                }
                Some(kept) => {
                    twins.push(base);
                    let file = (part, file);
                    if *kept < file {
                        *kept = file;
                    }
                }
            }
        }
    }
    Ok(listing)
}
