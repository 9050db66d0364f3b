//! Which messages of a folder were uploaded before: a small file in it.
//!
//! Before messages are sent the file says that they are about to be; when one is there, that it is.
//! So a run that was killed leaves few messages of which nobody knows, and the next run looks for
//! those on the server.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, OpenOptions},
    io::{self, Write},
    num::NonZeroU32,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use mailwire::Appended;

const FILE: &str = ".mailfetch-uploaded";

/// Ends a line, so that one that is cut short is not believed.
const END: &str = ";";

/// A message that was about to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Begun {
    pub(super) octets: u64,
    /// UIDVALIDITY of the mailbox.
    pub(super) uid_validity: Option<NonZeroU32>,
    /// UIDNEXT of the mailbox: if the message is there, then from here on.
    pub(super) uid_next: Option<NonZeroU32>,
}

/// What was uploaded to one account.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    owner: String,
    done: BTreeSet<String>,
    begun: BTreeMap<String, Begun>,
    /// UIDVALIDITY and UID of what is done, where the server told them.
    places: BTreeSet<(u32, u32)>,
    file: Option<File>,
}

impl Ledger {
    /// Messages are named by words without spaces.
    pub(super) fn load(dir: &Path, owner: &str) -> io::Result<Self> {
        let path = dir.join(FILE);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let mut ledger = Self {
            path,
            owner: owner.to_owned(),
            done: BTreeSet::new(),
            begun: BTreeMap::new(),
            places: BTreeSet::new(),
            file: None,
        };
        for line in String::from_utf8_lossy(&text).lines() {
            ledger.take_line(line);
        }
        Ok(ledger)
    }

    fn take_line(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match *words {
            [owner, ..] if owner != self.owner => {}
            [_, "begun", octets, uid_validity, uid_next, message, END] => {
                if let Ok(octets) = octets.parse() {
                    let begun = Begun {
                        octets,
                        uid_validity: uid_validity.parse().ok(),
                        uid_next: uid_next.parse().ok(),
                    };
                    self.begun.insert(message.to_owned(), begun);
                }
            }
            [_, "done", uid_validity, uid, message, END] => {
                if let (Ok(uid_validity), Ok(uid)) = (uid_validity.parse(), uid.parse()) {
                    self.places.insert((uid_validity, uid));
                }
                self.begun.remove(message);
                self.done.insert(message.to_owned());
            }
            _ => {}
        }
    }

    pub(super) fn is_done(&self, message: &str) -> bool {
        self.done.contains(message)
    }

    /// Whether a message on the server is one that is done.
    pub(super) fn is_place(&self, uid_validity: Option<NonZeroU32>, uid: NonZeroU32) -> bool {
        let place = |validity: NonZeroU32| (validity.get(), uid.get());
        uid_validity.is_some_and(|validity| self.places.contains(&place(validity)))
    }

    /// What was about to be sent, where nobody knows whether it was.
    pub(super) fn begun(&self) -> Vec<(String, Begun)> {
        let begun = self.begun.iter();
        begun
            .map(|(message, begun)| (message.clone(), *begun))
            .collect()
    }

    /// Writes down what is about to be sent. Returns when that is on disk.
    pub(super) fn begin<'m>(
        &mut self,
        messages: impl Iterator<Item = (&'m str, Begun)>,
    ) -> io::Result<()> {
        let mut lines = String::new();
        for (message, begun) in messages {
            let (octets, owner) = (begun.octets, &self.owner);
            let [validity, next] =
                [begun.uid_validity, begun.uid_next].map(|n| n.map_or(0, NonZeroU32::get));
            lines.push_str(&format!(
                "{owner} begun {octets} {validity} {next} {message} {END}\n"
            ));
            self.begun.insert(message.to_owned(), begun);
        }
        self.add(&lines)?;
        self.sync()
    }

    /// A message is there; where, so that it is not taken for another one that is the same.
    pub(super) fn done(&mut self, message: &str, place: Option<Appended>) -> io::Result<()> {
        let (validity, uid) = place.map_or((0, 0), |at| (at.uid_validity.get(), at.uid.get()));
        let line = format!("{} done {validity} {uid} {message} {END}\n", self.owner);
        self.add(&line)?;
        self.begun.remove(message);
        self.done.insert(message.to_owned());
        Ok(())
    }

    fn add(&mut self, lines: &str) -> io::Result<()> {
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            options.append(true).create(true).mode(0o600);
            let mut file = options.open(&self.path)?;
            if file.metadata()?.len() > 0 {
                // The last line may have been cut short.
                file.write_all(b"\n")?;
            } else if let Some(dir) = self.path.parent() {
                File::open(dir)?.sync_all()?;
            }
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => file.write_all(lines.as_bytes()),
            None => Ok(()),
        }
    }

    /// Returns when all is on disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_and_not_done_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let begun = Begun {
            octets: 5,
            uid_validity: NonZeroU32::new(3),
            uid_next: None,
        };
        let mut ledger = Ledger::load(dir.path(), "bob@h").unwrap();
        ledger
            .begin([("a", begun), ("b", begun)].into_iter())
            .unwrap();
        ledger.done("a", None).unwrap();
        let ledger = Ledger::load(dir.path(), "bob@h").unwrap();
        assert!(ledger.is_done("a") && !ledger.is_done("b"));
        assert_eq!(ledger.begun(), [("b".to_owned(), begun)]);
        let other = Ledger::load(dir.path(), "eve@h").unwrap();
        assert!(!other.is_done("a") && other.begun().is_empty());
    }

    #[test]
    fn a_line_that_was_cut_short_is_not_believed_and_not_continued() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        std::fs::write(&path, "bob@h done 0 0 a ;\nbob@h done 0 0 abc").unwrap();
        let mut ledger = Ledger::load(dir.path(), "bob@h").unwrap();
        assert!(ledger.is_done("a") && !ledger.is_done("abc"));
        ledger.done("b", None).unwrap();
        let ledger = Ledger::load(dir.path(), "bob@h").unwrap();
        assert!(ledger.is_done("a") && ledger.is_done("b"));
    }
}
