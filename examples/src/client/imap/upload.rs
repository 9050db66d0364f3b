//! Folders into mailboxes.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    num::NonZeroU32,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use indicatif::ProgressBar;
use mailwire::{
    AccessError, Mailboxes,
    imap::{
        capability::Capability,
        client::Selected,
        command::{self, FetchItems},
        datetime::DateTime,
        encode::LiteralKind,
        mailbox::Mailbox,
        response::List,
        sequence::SequenceSet,
    },
};

use super::{
    super::{
        exit::{Exit, Failure},
        progress,
        seen::word,
    },
    Copied, Memory, Progress, Task, Trouble,
    folder::{Draft, Folder, Id},
    ledger::{Begun, Ledger},
    names,
    state::State,
};
use crate::store::{self, name::Name};

/// Messages that are written down together before they are sent.
const BATCH: usize = 50;

/// Uploads every folder that is wanted and not done yet.
pub(super) async fn all(
    task: &Task,
    mailboxes: &mut Mailboxes,
    memory: &mut Memory,
    copied: &mut Copied,
) -> Result<(), Trouble> {
    let listed = mailboxes.list().await.map_err(|e| task.trouble(&e))?;
    let delimiter = listed.iter().find_map(List::delimiter).map(char::from);
    let mut there = Vec::new();
    for one in &listed {
        if let Ok(mailbox) = one.mailbox() {
            there.push(mailboxes.display_name(&mailbox));
        }
    }
    let directories = directories(&task.dir).map_err(|error| task.local(&error))?;
    let mut found = Vec::new();
    for directory in directories {
        let name = match names::mailbox(&directory, delimiter) {
            Ok(name) => name,
            Err(failure) => {
                if task.only.is_empty() && !memory.done.contains(&directory) {
                    copied.skip(&directory, None, &failure);
                    memory.done.push(directory);
                }
                continue;
            }
        };
        if task.wants(&name, delimiter) {
            found.push(name.clone());
        }
        if !task.wants(&name, delimiter) || memory.done.contains(&directory) {
            continue;
        }
        let mut uploading = Uploading {
            task,
            mailboxes,
            memory,
            copied,
            name: &name,
            bar: ProgressBar::hidden(),
        };
        let is_there = there.contains(&name);
        let uploaded = uploading.folder(&directory, is_there).await;
        uploading.bar.finish_and_clear();
        match uploaded {
            Ok(()) => copied.folders += 1,
            Err(Trouble::Here(failure)) => copied.skip(&name, None, &failure),
            Err(trouble) => return Err(trouble),
        }
        memory.done.push(directory);
    }
    for wanted in &task.only {
        let slashed = |name: &String| match delimiter {
            Some(delimiter) => name.replace(delimiter, "/"),
            None => name.clone(),
        };
        let is_it = |name: &String| {
            name == wanted
                || slashed(name) == *wanted
                || name.eq_ignore_ascii_case("INBOX") && name.eq_ignore_ascii_case(wanted)
        };
        if !found.iter().any(is_it) && !memory.done.contains(wanted) {
            let missing = Failure::new(Exit::Unusable, "there is no such folder");
            copied.skip(wanted, None, &missing);
            memory.done.push(wanted.clone());
        }
    }
    Ok(())
}

/// The folders of a Maildir, INBOX as nothing; those above come before those below.
fn directories(root: &Path) -> io::Result<Vec<String>> {
    let mut directories = Vec::new();
    let is_maildir = |path: &Path| path.join("cur").is_dir();
    if is_maildir(root) {
        directories.push(String::new());
    }
    for entry in std::fs::read_dir(root)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && name.starts_with('.')
            && is_maildir(&entry.path())
        {
            directories.push(name);
        }
    }
    directories.sort();
    Ok(directories)
}

/// A message that is to be sent.
#[derive(Debug)]
struct Outgoing {
    /// As the ledger names it.
    word: String,
    path: PathBuf,
    letters: store::Flags,
    /// Seconds since 1970.
    date: i64,
    id: Option<Id>,
}

/// Its content as it is sent.
struct Content {
    octets: u64,
    kind: LiteralKind,
    /// Where line ends had to be made CRLF.
    converted: Option<Draft>,
}

struct Uploading<'a> {
    task: &'a Task,
    mailboxes: &'a mut Mailboxes,
    memory: &'a mut Memory,
    copied: &'a mut Copied,
    name: &'a str,
    bar: ProgressBar,
}

impl Uploading<'_> {
    async fn folder(&mut self, directory: &str, is_there: bool) -> Result<(), Trouble> {
        let task = self.task;
        let local = |error| task.local(&error);
        let mailbox = self.mailboxes.named(self.name);
        let mailbox = mailbox.map_err(|error| task.trouble(&error.into()))?;
        if !is_there {
            self.make(&mailbox).await?;
        }
        let selected = self.mailboxes.examine(&mailbox).await;
        let selected = selected.map_err(|e| task.trouble(&e))?;
        let mut folder = Folder::open(&task.dir, directory).map_err(local)?;
        let mut ledger = Ledger::load(folder.dir(), &task.owner).map_err(local)?;
        let outgoing = self.outgoing(&folder, &selected).map_err(local)?;
        self.look_for_begun(&mut folder, &mut ledger, &selected, &outgoing)
            .await?;
        let is_new = |message: &&Outgoing| {
            !ledger.is_done(&message.word) && !self.memory.has_given_up(self.name, &message.word)
        };
        let outgoing: Vec<&Outgoing> = outgoing.iter().filter(is_new).collect();
        if task.progress == Progress::OnTerminal && !outgoing.is_empty() {
            let size = |message: &&Outgoing| message.path.metadata().map_or(0, |m| m.len());
            let octets = outgoing.iter().map(size).fold(0, u64::saturating_add);
            self.bar = progress::messages(octets, outgoing.len(), self.name);
        }
        for batch in outgoing.chunks(BATCH) {
            let sent = self
                .batch(&mut folder, &mut ledger, &selected, &mailbox, batch)
                .await;
            ledger.sync().map_err(local)?;
            sent?;
        }
        Ok(())
    }

    async fn make(&mut self, mailbox: &Mailbox) -> Result<(), Trouble> {
        let made = self.mailboxes.create(mailbox).await;
        made.map_err(|e| self.task.trouble(&e))?;
        match self.mailboxes.subscribe(mailbox).await {
            // It is there all the same.
            Ok(()) | Err(AccessError::Refused(_)) => Ok(()),
            Err(error) => Err(self.task.trouble(&error)),
        }
    }

    /// The messages of a folder, in the order in which they came. Those that were fetched from
    /// this very mailbox are there already.
    fn outgoing(&self, folder: &Folder, selected: &Selected) -> io::Result<Vec<Outgoing>> {
        let state = State::load(folder.dir())?;
        let source = format!("{} {}", self.task.owner, word(self.name));
        let is_from_here = |id: Id| {
            let is_it = |validity: NonZeroU32| validity.get() == id.uid_validity;
            state.source == source && selected.uid_validity.is_some_and(is_it)
        };
        let mut outgoing = Vec::new();
        for (path, file) in folder.messages()? {
            let name = Name::of(&file);
            let id = Id::of(&name);
            if id.is_some_and(is_from_here) {
                continue;
            }
            let path = folder.dir().join(path);
            let date = match path.metadata()?.modified()?.duration_since(UNIX_EPOCH) {
                Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
                Err(_) => path.metadata()?.mtime(),
            };
            outgoing.push(Outgoing {
                word: word(&name.base.to_string_lossy()),
                letters: name.flags(),
                path,
                date,
                id,
            });
        }
        outgoing.sort_by(|a, b| (a.id, a.date, &a.word).cmp(&(b.id, b.date, &b.word)));
        Ok(outgoing)
    }

    /// Finds out which of the messages that were about to be sent are there, by their content.
    async fn look_for_begun(
        &mut self,
        folder: &mut Folder,
        ledger: &mut Ledger,
        selected: &Selected,
        outgoing: &[Outgoing],
    ) -> Result<(), Trouble> {
        let task = self.task;
        let local = |error| task.local(&error);
        let mut begun = ledger.begun();
        begun.retain(|(word, _)| outgoing.iter().any(|message| message.word == *word));
        let first = |(_, begun): &(String, Begun)| match begun.uid_next {
            Some(next) if begun.uid_validity == selected.uid_validity => next.get(),
            _ => 1,
        };
        let Some(first) = begun.iter().map(first).min() else {
            return Ok(());
        };
        if selected.exists == 0 {
            return Ok(());
        }
        let mut sizes = Vec::new();
        let set = SequenceSet::of_ranges([first..=u32::MAX]).unwrap_or_else(SequenceSet::all);
        let sized = self
            .mailboxes
            .fetch(&set, items("(RFC822.SIZE)")?, |fetch| {
                if let Some((uid, octets)) = fetch.uid().zip(fetch.size()) {
                    let is_one = |(_, begun): &(String, Begun)| begun.octets == octets;
                    if begun.iter().any(is_one) && !ledger.is_place(selected.uid_validity, uid) {
                        sizes.push((uid, octets));
                    }
                }
            });
        sized.await.map_err(|e| task.trouble(&e))?;
        for (uid, octets) in sizes {
            let draft = folder.draft().map_err(local)?;
            let writer = tokio::fs::File::from_std(draft.file().map_err(local)?);
            match self.mailboxes.retrieve_to(uid, writer, |_| {}).await {
                Ok(_) => {}
                Err(AccessError::Refused(_) | AccessError::NoMessage) => continue,
                Err(error) => return Err(task.trouble(&error)),
            }
            for (at, (word, _)) in begun
                .iter()
                .enumerate()
                .filter(|(_, (_, b))| b.octets == octets)
            {
                let Some(message) = outgoing.iter().find(|message| message.word == *word) else {
                    continue;
                };
                let content = Content::of(&message.path, folder).map_err(local)?;
                if draft
                    .is_same_as(content.path(&message.path))
                    .map_err(local)?
                {
                    ledger.done(word, None).map_err(local)?;
                    begun.swap_remove(at);
                    break;
                }
            }
        }
        ledger.sync().map_err(local)
    }

    async fn batch(
        &mut self,
        folder: &mut Folder,
        ledger: &mut Ledger,
        selected: &Selected,
        mailbox: &Mailbox,
        messages: &[&Outgoing],
    ) -> Result<(), Trouble> {
        let task = self.task;
        let local = |error| task.local(&error);
        let mut contents = Vec::new();
        for message in messages {
            let content = match Content::of(&message.path, folder) {
                // Somebody reads this folder and has just moved or deleted it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                content => content.map_err(local)?,
            };
            contents.push((*message, content));
        }
        let begun = contents.iter().map(|(message, content)| {
            let begun = Begun {
                octets: content.octets,
                uid_validity: selected.uid_validity,
                uid_next: selected.uid_next,
            };
            (&*message.word, begun)
        });
        ledger.begin(begun).map_err(local)?;
        for (message, content) in contents {
            self.one(folder, ledger, mailbox, message, &content).await?;
        }
        Ok(())
    }

    async fn one(
        &mut self,
        folder: &Folder,
        ledger: &mut Ledger,
        mailbox: &Mailbox,
        message: &Outgoing,
        content: &Content,
    ) -> Result<(), Trouble> {
        let task = self.task;
        let local = |error| task.local(&error);
        let shown = || {
            let shown = message
                .path
                .strip_prefix(&task.dir)
                .unwrap_or(&message.path);
            Some(shown.display().to_string())
        };
        if content.kind == LiteralKind::Binary && !self.mailboxes.has(Capability::Binary) {
            let failure = Failure::new(Exit::Refused, "the server takes no messages with NUL");
            self.copied.skip(self.name, shown(), &failure);
            return Ok(());
        }
        let mut announced = command::Message::new(content.octets);
        announced.flags = folder.letters.flags(message.letters);
        announced.date = DateTime::from_timestamp(message.date);
        announced.kind = content.kind;
        let file = tokio::fs::File::open(content.path(&message.path)).await;
        let file = file.map_err(local)?;
        let (bar, before) = (self.bar.clone(), self.bar.position());
        let appending = self
            .mailboxes
            .append_from(mailbox, announced, file, |octets| {
                bar.set_position(before.saturating_add(octets));
            });
        match appending.await {
            Ok(place) => {
                ledger.done(&message.word, place).map_err(local)?;
                self.copied.messages += 1;
                self.copied.octets = self.copied.octets.saturating_add(content.octets);
                progress::step(&self.bar);
                Ok(())
            }
            Err(error) => match task.trouble(&error) {
                Trouble::Here(failure) => {
                    self.copied.skip(self.name, shown(), &failure);
                    Ok(())
                }
                Trouble::Lost(failure) => {
                    if self.memory.lost_at(self.name, message.word.clone()) {
                        self.copied.skip(self.name, shown(), &failure);
                    }
                    Err(Trouble::Lost(failure))
                }
                fatal => Err(fatal),
            },
        }
    }
}

impl Content {
    /// Looks through a message. Lines that end with LF alone are made to end with CRLF, as IMAP
    /// wants them; nothing else is changed.
    fn of(path: &Path, folder: &mut Folder) -> io::Result<Self> {
        let (mut octets, mut bare, mut has_nul) = (0_u64, 0_u64, false);
        lines(path, |line, is_bare| {
            octets += u64::try_from(line.len()).unwrap_or(u64::MAX);
            bare += u64::from(is_bare);
            has_nul |= memchr::memchr(0, line).is_some();
            Ok(())
        })?;
        let kind = if has_nul {
            LiteralKind::Binary
        } else {
            LiteralKind::Plain
        };
        let mut converted = None;
        if bare > 0 {
            let mut draft = folder.draft()?;
            lines(path, |line, is_bare| match line.split_last() {
                Some((lf, text)) if is_bare => {
                    draft.write(text)?;
                    draft.write(&[b'\r', *lf])
                }
                _ => draft.write(line),
            })?;
            draft.flush()?;
            converted = Some(draft);
        }
        Ok(Self {
            octets: octets.saturating_add(bare),
            kind,
            converted,
        })
    }

    /// Where it is read from.
    fn path<'p>(&'p self, original: &'p Path) -> &'p Path {
        self.converted.as_ref().map_or(original, Draft::path)
    }
}

/// The pieces of a file up to and with each LF, and whether that is a bare one. A piece ends where
/// the buffer ends, too.
fn lines(path: &Path, mut take: impl FnMut(&[u8], bool) -> io::Result<()>) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(64 * 1024, File::open(path)?);
    let mut after_cr = false;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = memchr::memchr(b'\n', buffer).map_or(buffer.len(), |lf| lf + 1);
        let piece = buffer.get(..end).unwrap_or(buffer);
        let is_bare = match piece {
            [.., b'\r', b'\n'] => false,
            [b'\n'] => !after_cr,
            [.., b'\n'] => true,
            _ => false,
        };
        after_cr = piece.last() == Some(&b'\r');
        take(piece, is_bare)?;
        let taken = piece.len();
        reader.consume(taken);
    }
}

fn items(text: &str) -> Result<FetchItems, Trouble> {
    let unwritable = |error| Trouble::Fatal(Failure::new(Exit::Unusable, error));
    text.parse().map_err(unwritable)
}
