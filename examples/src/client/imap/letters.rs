//! Flags as letters behind `:2,`, and keywords as the letters `a` to `z`.
//!
//! Which keyword a letter stands for is written in the file `dovecot-keywords` of the folder, in the
//! form that Dovecot gave it and others read: a number from 0 for `a`, a space, the keyword.

use std::{
    io,
    path::{Path, PathBuf},
};

use mailwire::imap::flag::{Flag, Flags};

use crate::{
    file::{Access, replace},
    store,
};

const FILE: &str = "dovecot-keywords";

/// There are as many small letters.
const KEYWORDS: usize = 26;

/// Octets of a keyword that fit into a line that others read.
const MAX_KEYWORD: usize = 128;

const SYSTEM: [(Flag, store::Flags); 5] = [
    (Flag::Answered, store::Flags::ANSWERED),
    (Flag::Deleted, store::Flags::DELETED),
    (Flag::Draft, store::Flags::DRAFT),
    (Flag::Flagged, store::Flags::FLAGGED),
    (Flag::Seen, store::Flags::SEEN),
];

const FORWARDED: &[u8] = b"$Forwarded";

/// The letters of one folder.
#[derive(Debug)]
pub(super) struct Letters {
    path: PathBuf,
    keywords: Vec<String>,
    is_new: bool,
}

impl Letters {
    pub(super) fn load(dir: &Path) -> io::Result<Self> {
        let path = dir.join(FILE);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let mut keywords = Vec::new();
        for line in String::from_utf8_lossy(&text).lines() {
            if let Some((number, keyword)) = line.split_once(' ')
                && let Some(number) = number.parse::<usize>().ok().filter(|n| *n < KEYWORDS)
            {
                if keywords.len() <= number {
                    keywords.resize(number + 1, String::new());
                }
                if let Some(place) = keywords.get_mut(number) {
                    keyword.clone_into(place);
                }
            }
        }
        Ok(Self {
            path,
            keywords,
            is_new: false,
        })
    }

    /// The letters of flags, and how many keywords have none because all are taken.
    pub(super) fn of(&mut self, flags: &Flags) -> (store::Flags, usize) {
        let (mut letters, mut without) = (store::Flags::NONE, 0);
        for flag in flags.iter() {
            if let Some((_, letter)) = SYSTEM.iter().find(|(system, _)| *system == flag) {
                letters = letters | *letter;
            } else if flag.as_bytes().eq_ignore_ascii_case(FORWARDED) {
                letters = letters | store::Flags::FORWARDED;
            } else if let Flag::Keyword(name) = &flag {
                match self.letter(&String::from_utf8_lossy(name.as_bytes())) {
                    Some(letter) => letters = letters | store::Flags::of([letter]),
                    None => without += 1,
                }
            }
        }
        (letters, without)
    }

    fn letter(&mut self, keyword: &str) -> Option<u8> {
        let is_it = |known: &String| known.eq_ignore_ascii_case(keyword);
        let at = self.keywords.iter().position(is_it).or_else(|| {
            let fits = self.keywords.len() < KEYWORDS && keyword.len() <= MAX_KEYWORD;
            fits.then(|| {
                self.keywords.push(keyword.to_owned());
                self.is_new = true;
                self.keywords.len() - 1
            })
        })?;
        u8::try_from(at).ok().map(|at| b'a' + at)
    }

    /// The flags of letters.
    pub(super) fn flags(&self, letters: store::Flags) -> Flags {
        let mut flags = Flags::new();
        for (flag, letter) in &SYSTEM {
            if letters.contains(*letter) {
                flags.insert(flag);
            }
        }
        let mut keyword = |name: &[u8]| {
            if let Ok(flag @ Flag::Keyword(_)) = Flag::new(name) {
                flags.insert(&flag);
            }
        };
        if letters.contains(store::Flags::FORWARDED) {
            keyword(FORWARDED);
        }
        for (letter, name) in (b'a'..=b'z').zip(&self.keywords) {
            if letters.contains(store::Flags::of([letter])) {
                keyword(name.as_bytes());
            }
        }
        flags
    }

    /// All letters that mean something: the others belong to other programs.
    pub(super) fn known() -> store::Flags {
        store::Flags::KNOWN | store::Flags::of(b'a'..=b'z')
    }

    /// Writes down what was added, before a file name relies on it.
    pub(super) fn save(&mut self) -> io::Result<()> {
        if self.is_new {
            let line = |(number, keyword): (usize, &String)| format!("{number} {keyword}\n");
            let lines: String = self.keywords.iter().enumerate().map(line).collect();
            replace(&self.path, lines.as_bytes(), Access::Owner)?;
            self.is_new = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(names: &[&str]) -> Flags {
        names
            .iter()
            .map(|name| Flag::new(name.as_bytes()).unwrap())
            .collect()
    }

    #[test]
    fn flags_and_keywords_come_back_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let all = flags(&["\\Seen", "\\Flagged", "$forwarded", "$Label1", "NonJunk"]);
        let mut letters = Letters::load(dir.path()).unwrap();
        assert_eq!(
            letters.of(&flags(&["\\Recent", "\\Draft"])).0.to_string(),
            "D"
        );
        let (set, without) = letters.of(&all);
        assert_eq!((set.to_string(), without), ("FPSab".to_owned(), 0));
        letters.save().unwrap();
        let file = std::fs::read_to_string(dir.path().join(FILE)).unwrap();
        assert_eq!(file, "0 $Label1\n1 NonJunk\n");
        let mut again = Letters::load(dir.path()).unwrap();
        let back = again.flags(set);
        assert!(all.iter().all(|flag| back.contains(&flag)), "{back:?}");
        assert_eq!(again.of(&flags(&["nonjunk"])).0.to_string(), "b");
    }

    #[test]
    fn there_are_26_letters_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), "1 b\nx y\n99 z\n").unwrap();
        let mut letters = Letters::load(dir.path()).unwrap();
        for number in 0..24 {
            assert_eq!(letters.of(&flags(&[&format!("k{number}")])).1, 0);
        }
        assert_eq!(letters.of(&flags(&["more", "b"])).1, 1);
        assert_eq!(letters.of(&flags(&["b"])).0.to_string(), "b");
    }
}
