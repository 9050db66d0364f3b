//! Which messages were fetched before: a small file in the Maildir.
//!
//! A line for each message: account, unique-id, octets. A message is known by unique-id and size
//! together, and counted: a server that gives one unique-id to two messages (RFC 1939 §7 permits
//! that for copies) or uses one again makes us fetch a message twice, but never miss one.
//!
//! A message is added with a line at the end; when a session is over the file is replaced by one
//! without the messages that are gone from the server.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use mailwire::Message;

use crate::file::{Access, replace};

/// What a message is known by.
///
/// ```
/// use mailwire_examples::client::seen::Key;
/// assert!(Key::new("", 10).is_none());
/// ```
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Key {
    unique_id: String,
    octets: u64,
}

impl Key {
    /// Nothing for a message without a unique-id: it cannot be told from others.
    #[must_use]
    pub fn new(unique_id: &str, octets: u64) -> Option<Self> {
        let fits = !unique_id.is_empty() && unique_id.bytes().all(|octet| octet.is_ascii_graphic());
        fits.then(|| Self {
            unique_id: unique_id.to_owned(),
            octets,
        })
    }

    /// That of a message on a server.
    #[must_use]
    pub fn of(message: &Message) -> Option<Self> {
        Self::new(message.unique_id(), message.octets)
    }
}

/// The messages of one account that were fetched before.
///
/// ```
/// use mailwire_examples::client::seen::{Key, Seen};
/// let dir = tempfile::tempdir()?;
/// let key = Key::new("QhdPYR:00WBw1Ph7x7", 120).unwrap();
/// let mut seen = Seen::load(dir.path(), "bob", "mail.example.test")?;
/// seen.record(&key)?;
/// let again = Seen::load(dir.path(), "bob", "mail.example.test")?;
/// assert_eq!(again.count(&key), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Seen {
    path: PathBuf,
    account: String,
    mine: BTreeMap<Key, u32>,
    /// The lines of other accounts.
    others: Vec<String>,
    /// Whether the file ends within a line, because a run was killed.
    torn: bool,
    end: Option<File>,
}

impl Seen {
    /// Reads what is known of an account.
    ///
    /// # Errors
    ///
    /// Those of the file system. Lines that make no sense are passed over.
    pub fn load(dir: &Path, user: &str, host: &str) -> io::Result<Self> {
        let path = dir.join(".popfetch-seen");
        let octets = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let account = format!("{}@{}", word(user), word(&host.to_ascii_lowercase()));
        let mut seen = Self {
            path,
            account,
            mine: BTreeMap::new(),
            others: Vec::new(),
            torn: octets.last().is_some_and(|octet| *octet != b'\n'),
            end: None,
        };
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            // A line without an end may have lost digits.
            if let Some(line) = line.strip_suffix(b"\n")
                && let Ok(line) = std::str::from_utf8(line)
            {
                seen.take_line(line);
            }
        }
        Ok(seen)
    }

    fn take_line(&mut self, line: &str) {
        let mut words = line.split(' ');
        let (Some(account), Some(id), Some(octets), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return;
        };
        if account != self.account {
            self.others.push(line.to_owned());
        } else if let Some(key) = octets.parse().ok().and_then(|octets| Key::new(id, octets)) {
            *self.mine.entry(key).or_default() += 1;
        }
    }

    /// How many messages with this key were fetched.
    #[must_use]
    pub fn count(&self, key: &Key) -> u32 {
        self.mine.get(key).copied().unwrap_or_default()
    }

    /// Remembers a message, which is in the Maildir to stay. Should this line get lost, the message
    /// is fetched once more.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn record(&mut self, key: &Key) -> io::Result<()> {
        if self.torn {
            self.write()?;
        }
        let line = format!("{} {} {}\n", self.account, key.unique_id, key.octets);
        if self.end.is_none() {
            let mut options = OpenOptions::new();
            options.append(true).create(true).mode(0o600);
            self.end = Some(options.open(&self.path)?);
        }
        if let Some(end) = &mut self.end {
            end.write_all(line.as_bytes())?;
        }
        *self.mine.entry(key.clone()).or_default() += 1;
        Ok(())
    }

    /// Forgets the messages that the server no longer has, and returns when the rest is on disk.
    ///
    /// # Errors
    ///
    /// Those of the file system; the file then holds what it held before.
    pub fn settle<'a>(&mut self, there: impl IntoIterator<Item = &'a Key>) -> io::Result<()> {
        let mut rest = BTreeMap::new();
        for key in there {
            let count: &mut u32 = rest.entry(key.clone()).or_default();
            *count = self.count(key).min(*count + 1);
        }
        rest.retain(|_, count| *count > 0);
        self.mine = rest;
        self.write()
    }

    fn write(&mut self) -> io::Result<()> {
        let mut text = String::new();
        for line in &self.others {
            text.push_str(line);
            text.push('\n');
        }
        for (key, count) in &self.mine {
            for _ in 0..*count {
                text.push_str(&format!(
                    "{} {} {}\n",
                    self.account, key.unique_id, key.octets
                ));
            }
        }
        self.end = None;
        replace(&self.path, text.as_bytes(), Access::Owner)?;
        self.torn = false;
        Ok(())
    }
}

/// Text as one word of printable ASCII: the rest is percent-encoded.
pub(super) fn word(text: &str) -> String {
    let mut word = String::new();
    for octet in text.bytes() {
        if octet.is_ascii_graphic() && octet != b'%' {
            word.push(char::from(octet));
        } else {
            word.push_str(&format!("%{octet:02X}"));
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, octets: u64) -> Key {
        Key::new(id, octets).unwrap()
    }

    #[test]
    fn accounts_are_kept_apart() {
        let dir = tempfile::tempdir().unwrap();
        let load = |user: &str, host: &str| Seen::load(dir.path(), user, host).unwrap();
        load("bob", "Mail.Test").record(&key("a", 1)).unwrap();
        load("b ob", "mail.test").record(&key("b", 2)).unwrap();
        assert_eq!(load("bob", "mail.test").count(&key("a", 1)), 1);
        assert_eq!(load("bob", "other.test").count(&key("a", 1)), 0);
        load("bob", "mail.test").settle([]).unwrap();
        assert_eq!(load("bob", "mail.test").count(&key("a", 1)), 0);
        assert_eq!(load("b ob", "mail.test").count(&key("b", 2)), 1);
    }

    #[test]
    fn pop3_5_equal_ids_are_counted_and_tell_nothing_of_other_sizes() {
        let dir = tempfile::tempdir().unwrap();
        let mut seen = Seen::load(dir.path(), "bob", "h").unwrap();
        seen.record(&key("same", 5)).unwrap();
        seen.record(&key("same", 5)).unwrap();
        let mut seen = Seen::load(dir.path(), "bob", "h").unwrap();
        assert_eq!(
            (seen.count(&key("same", 5)), seen.count(&key("same", 6))),
            (2, 0)
        );
        seen.settle([&key("same", 5), &key("never", 1)]).unwrap();
        let seen = Seen::load(dir.path(), "bob", "h").unwrap();
        assert_eq!(
            (seen.count(&key("same", 5)), seen.count(&key("never", 1))),
            (1, 0)
        );
    }

    #[test]
    fn pop3_5_a_hostile_id_is_no_key() {
        for id in ["", "two words", "a\nbob@h x 1", "\u{e4}", "nul\0"] {
            assert_eq!(Key::new(id, 1), None, "{id:?}");
        }
        assert!(Key::new("../../etc/passwd", 1).is_some());
    }

    #[test]
    fn a_torn_line_is_not_believed_and_not_continued() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".popfetch-seen");
        std::fs::write(&path, "bob@h a 10\nnonsense\nbob@h b 12").unwrap();
        let mut seen = Seen::load(dir.path(), "bob", "h").unwrap();
        assert_eq!(
            (seen.count(&key("a", 10)), seen.count(&key("b", 12))),
            (1, 0)
        );
        seen.record(&key("c", 3)).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "bob@h a 10\nbob@h c 3\n"
        );
    }
}
