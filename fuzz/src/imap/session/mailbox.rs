//! A mailbox in memory.

use std::{collections::BTreeMap, num::NonZeroU32};

use mailwire_imap::{
    datetime::DateTime,
    flag::{Flag, Flags},
    toolkit::view::{Facts, Snapshot},
};

/// What another program may have put into a mailbox.
const MESSAGES: [&[u8]; 3] = [
    b"Date: Wed, 17 Jul 1996 02:23:25 -0700\r\nFrom: a@b.example\r\nSubject: one\r\nMessage-ID: <1@x>\r\n\r\nhello\r\n",
    b"Subject: Re: one\r\nMessage-ID: <2@x>\r\nReferences: <1@x>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n\
      Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nwithin\r\n--b--\r\n",
    b"Subject: =?utf-8?q?tw=C3=B6?=\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n",
];

pub(super) struct Mailbox {
    pub(super) snapshot: Snapshot,
    contents: BTreeMap<NonZeroU32, Vec<u8>>,
}

impl Mailbox {
    /// Some messages, and this one.
    pub(super) fn new(message: &[u8]) -> Self {
        let mut mailbox = Self {
            snapshot: Snapshot::new(NonZeroU32::MIN, NonZeroU32::MIN),
            contents: BTreeMap::new(),
        };
        for message in MESSAGES {
            mailbox.append(message);
        }
        let _ = mailbox.append_any(message);
        mailbox
    }

    pub(super) fn now() -> Option<DateTime> {
        "\"18-Jul-1996 02:44:25 -0700\"".parse().ok()
    }

    /// A message in whatever lines: they are made those of the wire.
    pub(super) fn append_any(&mut self, message: &[u8]) -> Option<NonZeroU32> {
        let mut wire = Vec::new();
        for line in message.split_inclusive(|octet| *octet == b'\n') {
            match line.strip_suffix(b"\n") {
                None => wire.extend_from_slice(line),
                Some(line) => {
                    wire.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
                    wire.extend_from_slice(b"\r\n");
                }
            }
        }
        let uid = self.snapshot.uid_next;
        self.append(&wire);
        (self.snapshot.uid_next > uid).then_some(uid)
    }

    pub(super) fn append(&mut self, message: &[u8]) {
        let uid = self.snapshot.uid_next;
        let octets = u64::try_from(message.len()).unwrap_or_default();
        let (Some(now), Some(next)) = (Self::now(), uid.checked_add(2)) else {
            return;
        };
        let mut facts = Facts::new(uid, now, octets);
        facts.mod_seq = self.change();
        self.snapshot.messages.push(facts);
        self.snapshot.uid_next = next;
        self.contents.insert(uid, message.to_vec());
    }

    pub(super) fn text(&self, uid: NonZeroU32) -> &[u8] {
        self.contents
            .get(&uid)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    pub(super) fn remove(&mut self, uid: NonZeroU32) {
        if self.snapshot.messages.remove(uid).is_some() {
            self.change();
        }
    }

    pub(super) fn remove_at(&mut self, at: usize) {
        if let Some(uid) = self.snapshot.messages.get(at).map(|facts| facts.uid) {
            self.remove(uid);
        }
    }

    pub(super) fn flag_at(&mut self, at: usize, flag: &Flag) {
        if let Some(facts) = self.snapshot.messages.get(at) {
            let (uid, mut flags) = (facts.uid, facts.flags.clone());
            flags.insert(flag);
            self.set_flags(uid, flags);
        }
    }

    pub(super) fn set_flags(&mut self, uid: NonZeroU32, flags: Flags) {
        let mod_seq = self.change();
        for flag in flags.iter() {
            self.snapshot.flags.insert(&flag);
        }
        self.snapshot.messages.change(uid, |facts| {
            facts.flags = flags;
            facts.mod_seq = mod_seq;
        });
    }

    fn change(&mut self) -> u64 {
        self.snapshot.highest_mod_seq += 1;
        self.snapshot.highest_mod_seq
    }
}
