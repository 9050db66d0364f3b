//! What a store knows of its mailboxes, in their hierarchy.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::{name::with_inbox, pattern::is_in_inbox};
use crate::{
    mailbox::Mailbox,
    response::{ListAttribute, Namespace, Namespaces},
    text::Text,
};

/// What a store knows of a mailbox, for LIST.
///
/// ```
/// use mailwire_imap::{mailbox::Mailbox, response::ListAttribute, toolkit::list::*};
/// let mut sent = MailboxFacts::new(Mailbox::new(b"Sent")?);
/// sent.is_subscribed = true;
/// sent.attributes.push(ListAttribute::Sent);
/// assert_eq!(sent.existence, Existence::Exists);
/// # Ok::<(), mailwire_imap::mailbox::InvalidMailbox>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MailboxFacts {
    /// The name as it stands on the wire.
    pub name: Mailbox,
    /// Whether it exists.
    pub existence: Existence,
    /// Whether the user has subscribed to it.
    pub is_subscribed: bool,
    /// What else there is to tell: what it is used for (RFC 6154 §2), `\NoInferiors`, `\Marked`,
    /// `\Unmarked`, and `\Remote` for one that only LIST (REMOTE) names.
    pub attributes: Vec<ListAttribute<'static>>,
}

/// Whether a mailbox exists.
///
/// ```
/// use mailwire_imap::toolkit::list::Existence;
/// assert_eq!(Existence::default(), Existence::Exists);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 9051 §7.3.1 has \\Noselect and \\NonExistent"
)]
pub enum Existence {
    /// It can be selected.
    #[default]
    Exists,
    /// It is there, and cannot be selected: `\Noselect`.
    NoSelect,
    /// It is not there; its name is subscribed to.
    NonExistent,
}

/// Which words a client knows for a name that is no mailbox.
///
/// ```
/// use mailwire_imap::toolkit::list::Wording;
/// assert_eq!(Wording::default(), Wording::Rev1);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 3501 has one, RFC 9051 the other"
)]
pub enum Wording {
    /// `\Noselect`, but for extended LIST commands.
    #[default]
    Rev1,
    /// `\NonExistent`, after ENABLE of IMAP4rev2.
    Rev2,
}

impl MailboxFacts {
    /// A mailbox that exists, is not subscribed to, and has no attributes.
    #[must_use]
    pub const fn new(name: Mailbox) -> Self {
        Self {
            name,
            existence: Existence::Exists,
            is_subscribed: false,
            attributes: Vec::new(),
        }
    }

    /// Whether it has this attribute.
    #[must_use]
    pub fn has(&self, attribute: ListAttribute<'_>) -> bool {
        self.attributes.contains(&attribute)
    }

    /// Whether it is used for something (RFC 6154 §2, RFC 8457 §3).
    #[must_use]
    pub fn has_special_use(&self) -> bool {
        let is_use = |attribute: &ListAttribute<'_>| {
            matches!(
                attribute,
                ListAttribute::All
                    | ListAttribute::Archive
                    | ListAttribute::Drafts
                    | ListAttribute::Flagged
                    | ListAttribute::Important
                    | ListAttribute::Junk
                    | ListAttribute::Sent
                    | ListAttribute::Trash
            )
        };
        self.existence != Existence::NonExistent && self.attributes.iter().any(is_use)
    }
}

/// All mailboxes of a user in their hierarchy: INBOX first, then by name, what is below a name
/// directly behind it.
///
/// ```
/// use mailwire_imap::{command::List, mailbox::Mailbox, toolkit::list::*};
/// let facts = ["a/b", "INBOX"].map(|name| MailboxFacts::new(Mailbox::new(name.as_bytes()).unwrap()));
/// let mailboxes = Mailboxes::new(Some(b'/'), facts);
/// let list = List::new(Mailbox::new(b"")?, b"%");
/// let listed: Vec<_> = mailboxes.list(&list, Wording::Rev1).unwrap().collect();
/// assert_eq!(listed[0].list().wire(), br#"* LIST (\HasNoChildren) "/" INBOX"#);
/// assert_eq!(listed[1].list().wire(), br#"* LIST (\NoSelect \HasChildren) "/" a"#);
/// # Ok::<(), mailwire_imap::mailbox::InvalidMailbox>(())
/// ```
#[derive(Clone, Debug)]
pub struct Mailboxes {
    pub(super) delimiter: Option<u8>,
    pub(super) facts: Vec<MailboxFacts>,
    pub(super) nodes: Vec<Node>,
}

/// A name of the hierarchy: that of a mailbox, or the beginning of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// The mailbox whose name begins with this one, or is it.
    pub(super) of: usize,
    /// Octets of the name.
    pub(super) len: usize,
    /// The node above; itself where there is none.
    pub(super) above: usize,
}

impl Mailboxes {
    /// Puts them into order, INBOX as the first level of a name in upper case; of several with one
    /// name the last one counts.
    #[must_use]
    pub fn new(delimiter: Option<u8>, facts: impl IntoIterator<Item = MailboxFacts>) -> Self {
        let mut facts: Vec<MailboxFacts> = facts.into_iter().collect();
        for facts in &mut facts {
            if is_in_inbox(facts.name.as_bytes(), delimiter) {
                // Else INBOX would be told twice, by each way to write it.
                facts.name = with_inbox(&facts.name, delimiter);
            }
        }
        facts.reverse();
        facts.sort_by(|one, two| order(one.name.as_bytes(), two.name.as_bytes(), delimiter));
        facts.dedup_by(|one, two| one.name == two.name);
        let mut mailboxes = Self {
            delimiter,
            facts,
            nodes: Vec::new(),
        };
        mailboxes.build();
        mailboxes
    }

    /// How many mailboxes there are, subscribed names that do not exist included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// What is known of the mailbox of this name.
    #[must_use]
    pub fn get(&self, name: &Mailbox) -> Option<&MailboxFacts> {
        let name = with_inbox(name, self.delimiter);
        let at = self.facts.binary_search_by(|facts| {
            order(facts.name.as_bytes(), name.as_bytes(), self.delimiter)
        });
        self.facts.get(at.ok()?)
    }

    /// Whether there are mailboxes below this one: DELETE then keeps the name (RFC 9051 §6.3.5).
    #[must_use]
    pub fn has_children(&self, name: &Mailbox) -> bool {
        let name = with_inbox(name, self.delimiter);
        let name = name.as_bytes();
        let above = |facts: &MailboxFacts| {
            order(facts.name.as_bytes(), name, self.delimiter) != Ordering::Greater
        };
        let behind = self.facts.partition_point(above);
        let mut below = self.facts.iter().skip(behind).take_while(|facts| {
            let rest = facts.name.as_bytes().strip_prefix(name);
            rest.is_some_and(|rest| {
                self.delimiter
                    .is_some_and(|octet| rest.starts_with(&[octet]))
            })
        });
        below.any(|facts| facts.existence != Existence::NonExistent)
    }

    /// The answer to NAMESPACE where all mailboxes are the user's own (RFC 2342 §5).
    ///
    /// ```
    /// use mailwire_imap::toolkit::list::Mailboxes;
    /// let own = Mailboxes::new(Some(b'/'), []).namespaces();
    /// assert_eq!(own.wire(), br#"* NAMESPACE (("" "/")) NIL NIL"#);
    /// ```
    #[must_use]
    pub fn namespaces(&self) -> Namespaces {
        let own = Namespace::new(Text::plain(b""), self.delimiter);
        Namespaces::new(&[own], &[], &[])
    }

    /// The octets of a node's name.
    pub(super) fn name(&self, node: &Node) -> &[u8] {
        let facts = self.facts.get(node.of);
        facts
            .and_then(|facts| facts.name.as_bytes().get(..node.len))
            .unwrap_or_default()
    }

    /// The mailbox of a node; none where only what is below it exists.
    pub(super) fn facts(&self, node: &Node) -> Option<&MailboxFacts> {
        self.facts
            .get(node.of)
            .filter(|facts| facts.name.as_bytes().len() == node.len)
    }

    /// Walks the sorted names and notes each level that is not among them.
    fn build(&mut self) {
        let mut nodes: Vec<Node> = Vec::with_capacity(self.facts.len());
        // The nodes above the present name, from the top down.
        let mut path: Vec<usize> = Vec::new();
        for (of, facts) in self.facts.iter().enumerate() {
            let name = facts.name.as_bytes();
            while let Some(last) = path.last().and_then(|at| nodes.get(*at)) {
                if is_below(name, self.name(last), self.delimiter) {
                    break;
                }
                path.pop();
            }
            let known = path.last().and_then(|at| nodes.get(*at));
            let known = known.map_or(0, |node| node.len + 1);
            let delimiter = self.delimiter;
            let levels = name
                .iter()
                .enumerate()
                .filter(|(at, octet)| {
                    // A delimiter at the start, at the end, or behind another one parts nothing.
                    let before = at.checked_sub(1).and_then(|at| name.get(at));
                    delimiter == Some(**octet)
                        && *at > known
                        && *at + 1 < name.len()
                        && before != Some(octet)
                })
                .map(|(at, _)| at)
                .chain([name.len()]);
            for len in levels {
                let at = nodes.len();
                let above = path.last().copied().unwrap_or(at);
                nodes.push(Node { of, len, above });
                path.push(at);
            }
        }
        self.nodes = nodes;
    }
}

/// Whether `name` is a level or more below `above`.
fn is_below(name: &[u8], above: &[u8], delimiter: Option<u8>) -> bool {
    let rest = name.strip_prefix(above);
    rest.and_then(|rest| rest.first()).copied() == delimiter && delimiter.is_some()
}

/// INBOX and what is below it first; then by octets, the delimiter below all of them, so that
/// nothing comes between a name and what is below it.
fn order(one: &[u8], two: &[u8], delimiter: Option<u8>) -> Ordering {
    let place = |octet: &u8| u16::from(*octet) + u16::from(Some(*octet) != delimiter) * 256;
    let is_other = |name| !is_in_inbox(name, delimiter);
    is_other(one).cmp(&is_other(two)).then_with(|| {
        let different = one.iter().zip(two).find(|(one, two)| one != two);
        different.map_or_else(
            || one.len().cmp(&two.len()),
            |(one, two)| place(one).cmp(&place(two)),
        )
    })
}
