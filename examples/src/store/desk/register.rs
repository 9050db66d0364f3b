//! What is known of mailboxes beside their messages: subscriptions, and what they are for.
//!
//! It is a small text file of its own, since it must outlive the index, and names in it may have no mailbox. Each
//! line is a word, a tab, and a name: `subscribed`, or what the mailbox is for. It is replaced as a whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    fmt::Write as _,
    io,
};

use crate::store::{
    delivery::write_all,
    error::{Doing, MailboxError, StoreError},
    folders::SpecialUse,
    fs::Fs,
    mailbox::Folder,
};

const FILE: &str = "mailwire-folders";
const SUBSCRIBED: &str = "subscribed";

/// Subscriptions of an account.
const MAX_SUBSCRIBED: usize = 10_000;

/// Octets of the file that are read: room for all names that may be in it.
const MAX_FILE: usize = 4 * 1024 * 1024;

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Register {
    pub(super) subscribed: BTreeSet<Folder>,
    pub(super) uses: BTreeMap<SpecialUse, Folder>,
}

impl Register {
    /// `None` when there never was one. Lines that make no sense are passed over.
    pub(super) fn read<F: Fs>(fs: &F, home: &F::Dir) -> Result<Option<Self>, StoreError> {
        let mut file = match fs.open(home, OsStr::new(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.doing("read the list of folders")?.0,
        };
        let mut octets = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        while octets.len() < MAX_FILE {
            let count = fs.read(&mut file, &mut buffer);
            match buffer.get(..count.doing("read the list of folders")?) {
                Some(more) if !more.is_empty() => octets.extend_from_slice(more),
                _ => break,
            }
        }
        let mut register = Self::default();
        for line in octets.split(|octet| *octet == b'\n') {
            let line = str::from_utf8(line).ok();
            let Some((word, name)) = line.and_then(|line| line.split_once('\t')) else {
                continue;
            };
            let Ok(folder) = Folder::parse(name) else {
                continue;
            };
            if word == SUBSCRIBED {
                register.subscribed.insert(folder);
            } else if let Some(special_use) = SpecialUse::named(word) {
                register.uses.insert(special_use, folder);
            }
        }
        Ok(Some(register))
    }

    /// Durable when this returns.
    pub(super) fn write<F: Fs>(
        &self,
        fs: &F,
        home: &F::Dir,
        unique: &str,
    ) -> Result<(), MailboxError> {
        if self.subscribed.len() > MAX_SUBSCRIBED {
            return Err(MailboxError::Limit {
                what: "subscriptions",
            });
        }
        let mut text = String::new();
        let subscribed = self.subscribed.iter().map(|folder| (SUBSCRIBED, folder));
        let uses = self.uses.iter().map(|(use_, folder)| (use_.name(), folder));
        for (word, folder) in subscribed.chain(uses) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{word}\t{}", folder.name());
        }
        let name = OsString::from(format!("{FILE}.{unique}"));
        let mut file = fs.create(home, &name).doing("write the list of folders")?;
        let written = write_all(fs, &mut file, text.as_bytes())
            .and_then(|()| fs.sync_file(&file))
            .and_then(|()| fs.replace(home, &name, OsStr::new(FILE)));
        drop(file);
        if written.is_err() {
            let _ = fs.unlink(home, &name);
        }
        let written = written.and_then(|()| fs.sync_dir(home));
        Ok(written.doing("write the list of folders")?)
    }

    /// What each mailbox is for.
    pub(super) fn by_folder(&self) -> BTreeMap<Folder, SpecialUse> {
        let uses = self.uses.iter();
        uses.map(|(special_use, folder)| (folder.clone(), *special_use))
            .collect()
    }
}
