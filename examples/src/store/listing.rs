//! What is known of the messages of a mailbox without opening them.

use std::sync::Arc;

use super::{
    error::MailboxError,
    flags::{FlagChange, Flags, Keywords},
    selected::Stored,
};

/// Keywords that a mailbox may have in use at once. They are a bit each in every [`Listed`].
pub(crate) const MAX_KEYWORDS: usize = 64;

/// Octets of one keyword.
pub(crate) const MAX_KEYWORD: usize = 64;

/// `$Forwarded` has a letter.
pub(crate) const FORWARDED: &str = "$Forwarded";

/// A mailbox as it was at one moment. It is shared by all who look at it and never changes; what comes later is in
/// another one.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// UIDVALIDITY (RFC 9051 §2.3.1.1).
    pub uid_validity: u32,
    /// UIDNEXT: larger than all UIDs that were ever given out under this UIDVALIDITY.
    pub uid_next: u32,
    /// HIGHESTMODSEQ (RFC 7162 §3.1.2.1).
    pub highest_mod_seq: u64,
    /// In the order of their UIDs.
    pub messages: Vec<Listed>,
    pub(crate) keywords: Table,
}

/// The keywords that have a bit.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Table(Arc<[Arc<str>]>);

/// One message of a [`Snapshot`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Listed {
    /// Its UID.
    pub uid: u32,
    /// The letters of its file name.
    pub flags: Flags,
    /// Its keywords: see [`Snapshot::keywords_of`].
    pub keywords: Keywords,
    /// INTERNALDATE, in seconds since 1970.
    pub internal_date: i64,
    /// RFC822.SIZE: the octets that reading it will give. `None` until somebody has asked for it with
    /// [`Mailbox::sizes`](super::Mailbox::sizes).
    pub octets: Option<u64>,
    /// MODSEQ (RFC 7162 §3.1.2.2).
    pub mod_seq: u64,
    pub(crate) claim: Claim,
}

/// Who is told that a message is recent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Claim {
    /// Whoever looks, until a session that may write has taken it.
    Open,
    /// The session with this number.
    By(u64),
    /// Nobody.
    Nobody,
}

impl Snapshot {
    pub(crate) fn empty(uid_validity: u32) -> Self {
        Self {
            uid_validity,
            uid_next: 1,
            highest_mod_seq: 1,
            messages: Vec::new(),
            keywords: Table::default(),
        }
    }

    /// The message with a UID.
    #[must_use]
    pub fn find(&self, uid: u32) -> Option<&Listed> {
        self.messages.get(self.position(uid)?)
    }

    pub(crate) fn position(&self, uid: u32) -> Option<usize> {
        self.messages
            .binary_search_by_key(&uid, |listed| listed.uid)
            .ok()
    }

    /// All keywords that were used in this mailbox lately, without `$Forwarded`.
    #[must_use]
    pub fn keywords(&self) -> &[Arc<str>] {
        &self.keywords.0
    }

    /// The keywords of a message of this snapshot, with `$Forwarded`.
    pub fn keywords_of(&self, listed: &Listed) -> impl Iterator<Item = &str> {
        let own = listed.keywords;
        let named = self.keywords.0.iter().enumerate();
        let named = named.filter(move |(at, _)| own.contains(*at));
        let forwarded = listed.flags.contains(Flags::FORWARDED).then_some(FORWARDED);
        named.map(|(_, name)| &**name).chain(forwarded)
    }

    /// Whether a keyword that is not in [`Snapshot::keywords`] may be set: `\*` in PERMANENTFLAGS.
    #[must_use]
    pub fn takes_new_keywords(&self) -> bool {
        self.keywords.0.len() < MAX_KEYWORDS
    }

    /// The keywords as the index has them: with spaces between.
    pub(crate) fn words(&self, keywords: Keywords) -> String {
        let mut words = String::new();
        for (at, name) in self.keywords.0.iter().enumerate() {
            if keywords.contains(at) {
                if !words.is_empty() {
                    words.push(' ');
                }
                words.push_str(name);
            }
        }
        words
    }

    /// Forgets keywords that no message has any more, where there is no room for others.
    pub(crate) fn make_room(this: &mut Arc<Self>) {
        if !this.takes_new_keywords() {
            Arc::make_mut(this).drop_unused_keywords();
        }
    }

    fn drop_unused_keywords(&mut self) {
        let used = self.messages.iter().fold(0, |all, m| all | m.keywords.0);
        let kept: Vec<usize> = (0..self.keywords.0.len())
            .filter(|at| Keywords(used).contains(*at))
            .collect();
        if kept.len() == self.keywords.0.len() {
            return;
        }
        for message in &mut self.messages {
            let old = message.keywords;
            let moved = kept.iter().enumerate();
            message.keywords = Keywords(moved.fold(0, |bits, (new, at)| {
                bits | u64::from(old.contains(*at)) << new
            }));
        }
        let table = kept
            .iter()
            .filter_map(|at| self.keywords.0.get(*at).cloned());
        self.keywords = Table(table.collect());
    }
}

impl Listed {
    pub(crate) const fn is_deleted(&self) -> bool {
        self.flags.contains(Flags::DELETED)
    }
}

impl Table {
    /// The bits of keywords, which come into the table if they are new. `$Forwarded` is a letter instead.
    pub(crate) fn bits<'a>(
        &mut self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(Flags, Keywords), MailboxError> {
        let (mut flags, mut bits) = (Flags::NONE, 0);
        for name in names {
            if name.eq_ignore_ascii_case(FORWARDED) {
                flags = flags | Flags::FORWARDED;
                continue;
            }
            let graphic = name.bytes().all(|octet| octet.is_ascii_graphic());
            if !(1..=MAX_KEYWORD).contains(&name.len()) || !graphic {
                return Err(MailboxError::Limit {
                    what: "the length of a keyword",
                });
            }
            bits |= 1 << self.slot(name)?;
        }
        Ok((flags, Keywords(bits)))
    }

    fn slot(&mut self, name: &str) -> Result<usize, MailboxError> {
        let known = self.0.iter().position(|at| at.eq_ignore_ascii_case(name));
        if let Some(at) = known {
            return Ok(at);
        }
        if self.0.len() >= MAX_KEYWORDS {
            return Err(MailboxError::Limit {
                what: "the keywords of a mailbox",
            });
        }
        let table = self.0.iter().cloned().chain([Arc::from(name)]);
        self.0 = table.collect();
        Ok(self.0.len() - 1)
    }
}

/// What a change of flags comes to.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) done: Stored,
    keywords: Table,
}

/// What becomes of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Its position in the snapshot.
    pub(crate) at: usize,
    pub(crate) flags: Flags,
    pub(crate) keywords: Keywords,
}

impl Snapshot {
    /// Looks what a change would do, without doing it.
    pub(crate) fn plan(
        &self,
        uids: &[u32],
        change: &FlagChange,
        unchanged_since: Option<u64>,
    ) -> Result<Plan, MailboxError> {
        let mut keywords = self.keywords.clone();
        let (letters, bits) = keywords.bits(change.keywords.iter().map(String::as_str))?;
        let letters = change.flags | letters;
        let mut plan = Plan {
            steps: Vec::new(),
            done: Stored::default(),
            keywords,
        };
        for at in self.positions(uids) {
            let Some(listed) = self.messages.get(at) else {
                continue;
            };
            if unchanged_since.is_some_and(|since| listed.mod_seq > since) {
                plan.done.modified.push(listed.uid);
                continue;
            }
            plan.done.changed.push(listed.uid);
            let step = Step {
                at,
                flags: change.mode.letters(listed.flags, letters),
                keywords: Keywords(change.mode.apply(listed.keywords.0, bits.0)),
            };
            if (step.flags, step.keywords) != (listed.flags, listed.keywords) {
                plan.steps.push(step);
            }
        }
        Ok(plan)
    }

    /// Does what was planned for this snapshot, under a new mod-sequence.
    pub(crate) fn carry_out(this: &mut Arc<Self>, plan: &Plan) {
        if plan.steps.is_empty() {
            return;
        }
        let snapshot = Arc::make_mut(this);
        snapshot.highest_mod_seq += 1;
        snapshot.keywords.clone_from(&plan.keywords);
        for step in &plan.steps {
            if let Some(listed) = snapshot.messages.get_mut(step.at) {
                listed.flags = step.flags;
                listed.keywords = step.keywords;
                listed.mod_seq = snapshot.highest_mod_seq;
            }
        }
    }

    /// Where the messages with these UIDs are: rising, each once, without those that are not there.
    pub(crate) fn positions(&self, uids: &[u32]) -> Vec<usize> {
        let mut at: Vec<usize> = uids.iter().filter_map(|uid| self.position(*uid)).collect();
        at.sort_unstable();
        at.dedup();
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(uid: u32, keywords: Keywords, flags: Flags) -> Listed {
        Listed {
            uid,
            flags,
            keywords,
            internal_date: 0,
            octets: None,
            mod_seq: 1,
            claim: Claim::Nobody,
        }
    }

    #[test]
    fn keywords_are_a_bit_each_and_make_room_when_nobody_has_them() {
        let mut snapshot = Snapshot::empty(1);
        for number in 0..MAX_KEYWORDS {
            let (_, bits) = snapshot.keywords.bits([&*format!("k{number}")]).unwrap();
            assert_eq!(bits, Keywords(1 << number));
        }
        assert!(!snapshot.takes_new_keywords());
        assert!(matches!(
            snapshot.keywords.bits(["new"]),
            Err(MailboxError::Limit { .. })
        ));
        assert_eq!(
            snapshot.keywords.bits(["K63"]).unwrap().1,
            Keywords(1 << 63)
        );
        let (flags, bits) = snapshot.keywords.bits(["k63", "$forwarded", "k5"]).unwrap();
        snapshot.messages.push(message(1, bits, flags));
        snapshot.drop_unused_keywords();
        let named: Vec<&str> = snapshot.keywords_of(&snapshot.messages[0]).collect();
        assert_eq!(named, ["k5", "k63", "$Forwarded"]);
        assert_eq!(snapshot.keywords().len(), 2);
        assert_eq!(snapshot.words(snapshot.messages[0].keywords), "k5 k63");
        assert!(snapshot.takes_new_keywords());
        for bad in ["", "a b", "a\n", "ä", &"x".repeat(65)] {
            assert!(snapshot.keywords.bits([bad]).is_err(), "{bad:?}");
        }
    }
}
