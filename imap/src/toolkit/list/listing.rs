//! The answers to LIST and LSUB.

use alloc::{vec, vec::Vec};

use super::{Existence, MailboxFacts, Mailboxes, Pattern, Wording, mailboxes::Node};
use crate::{
    command::{List as Command, ReturnOptions, SelectionOptions, StatusItems},
    limits,
    mailbox::Mailbox,
    response::{ChildInfo, Code, List, ListAttribute, ListExtended, Response},
};

/// A LIST has more patterns than [`limits::LIST_PATTERNS`]: the client's fault, answered NO.
///
/// ```
/// use mailwire_imap::{command::List, mailbox::Mailbox, response::Code, toolkit::list::*};
/// let one = List::new(Mailbox::new(b"")?, b"%");
/// let list = (0..100_u8).fold(one, |list, octet| list.or_pattern(&[octet, b'*']));
/// let error = Mailboxes::new(None, []).list(&list, Wording::Rev1).unwrap_err();
/// assert_eq!((error.to_string().as_str(), error.code()), ("too many patterns", Code::Limit));
/// # Ok::<(), mailwire_imap::mailbox::InvalidMailbox>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("too many patterns")]
#[non_exhaustive]
pub struct TooManyPatterns;

impl TooManyPatterns {
    /// The response code for the NO.
    #[must_use]
    pub const fn code(self) -> Code<'static> {
        Code::Limit
    }
}

/// One mailbox of an answer.
///
/// ```
/// use mailwire_imap::{mailbox::Mailbox, response::Response, toolkit::list::*};
/// let mut inbox = MailboxFacts::new(Mailbox::inbox());
/// inbox.is_subscribed = true;
/// let mailboxes = Mailboxes::new(Some(b'/'), [inbox]);
/// let listed = mailboxes.lsub(&Mailbox::new(b"")?, b"*").next().unwrap();
/// assert_eq!(listed.list().wire(), br#"* LSUB () "/" INBOX"#);
/// assert!(matches!(listed.into_response(), Response::Lsub(_)));
/// # Ok::<(), mailwire_imap::mailbox::InvalidMailbox>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    list: List,
    kind: Kind,
    status: Option<(Mailbox, StatusItems)>,
}

impl Listed {
    /// The LIST or LSUB response.
    #[must_use]
    pub const fn list(&self) -> &List {
        &self.list
    }

    /// The same, to be sent.
    #[must_use]
    pub fn into_response(self) -> Response {
        match self.kind {
            Kind::List => Response::List(self.list),
            Kind::Lsub => Response::Lsub(self.list),
        }
    }

    /// Of which mailbox a STATUS response is to follow, and with what (RFC 5819 §2). A mailbox
    /// whose STATUS fails is passed by without one.
    #[must_use]
    pub const fn status(&self) -> Option<&(Mailbox, StatusItems)> {
        self.status.as_ref()
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    List,
    Lsub,
}

/// An answer to LIST or LSUB, mailbox by mailbox, each name once.
///
/// ```
/// use mailwire_imap::{mailbox::Mailbox, toolkit::list::*};
/// let mailboxes = Mailboxes::new(Some(b'/'), [MailboxFacts::new(Mailbox::inbox())]);
/// let listing: Listing<'_> = mailboxes.lsub(&Mailbox::new(b"")?, b"");
/// // An empty pattern asks for the hierarchy delimiter.
/// assert!(listing.map(|listed| listed.list().wire().to_vec()).eq([b"* LSUB (\\NoSelect) \"/\" \"\""]));
/// # Ok::<(), mailwire_imap::mailbox::InvalidMailbox>(())
/// ```
#[derive(Clone, Debug)]
pub struct Listing<'a> {
    mailboxes: &'a Mailboxes,
    plan: Plan,
    /// What is true of each node.
    marks: Vec<u8>,
    next: usize,
    /// The answer to an empty pattern.
    root: Option<Listed>,
}

/// What a command asks for.
#[derive(Clone, Copy, Debug)]
struct Plan {
    kind: Kind,
    selection: SelectionOptions,
    returns: ReturnOptions,
    /// Whether the client knows `\NonExistent`.
    knows_non_existent: bool,
    tells_children: bool,
    /// Whether levels are told that do not meet the criteria, but that something below does.
    tells_levels: bool,
}

/// The pattern is matched.
const MATCHES: u8 = 1;
/// The selection criteria are met (RFC 5258 §3).
const MEETS: u8 = 1 << 1;
/// It exists, and it is not remote where remote mailboxes are not asked for.
const EXISTS: u8 = 1 << 2;
/// Something below meets the criteria.
const MEETS_BELOW: u8 = 1 << 3;
/// Something below meets the criteria and is not named itself, as it does not match.
const UNNAMED_BELOW: u8 = 1 << 4;
/// Something below exists.
const EXISTS_BELOW: u8 = 1 << 5;

impl Mailboxes {
    /// The answer to LIST. What is below STATUS in RETURN is asked of each mailbox with
    /// [`Listed::status`].
    ///
    /// ```
    /// use mailwire_imap::{command::List, mailbox::Mailbox, toolkit::list::*};
    /// let mailboxes = Mailboxes::new(Some(b'/'), [MailboxFacts::new(Mailbox::inbox())]);
    /// let list = List::new(Mailbox::new(b"")?, b"in%").or_pattern(b"*");
    /// let mut listing = mailboxes.list(&list, Wording::Rev2).unwrap();
    /// assert_eq!(listing.next().unwrap().list().wire(), br#"* LIST () "/" INBOX"#);
    /// assert!(listing.next().is_none());
    /// # Ok::<(), mailwire_imap::mailbox::InvalidMailbox>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TooManyPatterns`].
    pub fn list(&self, list: &Command, wording: Wording) -> Result<Listing<'_>, TooManyPatterns> {
        let is_extended =
            list.selection.is_some() || list.returns.is_some() || list.patterns.is_list();
        if !is_extended && list.patterns.iter().all(<[u8]>::is_empty) {
            return Ok(self.root(Kind::List, &list.reference));
        }
        let mut octets: Vec<&[u8]> = Vec::new();
        for pattern in list.patterns.iter() {
            // Empty ones are ignored in an extended LIST (RFC 5258 §3).
            if !pattern.is_empty() && !octets.contains(&pattern) {
                octets.push(pattern);
            }
            if octets.len() > limits::LIST_PATTERNS {
                return Err(TooManyPatterns);
            }
        }
        let patterns: Vec<Pattern> = octets
            .into_iter()
            .map(|pattern| Pattern::new(&list.reference, pattern, self.delimiter))
            .collect();
        let selection = list.selection.unwrap_or_default();
        let returns = list.returns.unwrap_or_default();
        let is_selective = selection.contains(SelectionOptions::SUBSCRIBED)
            || selection.contains(SelectionOptions::SPECIAL_USE);
        let plan = Plan {
            kind: Kind::List,
            selection,
            returns,
            knows_non_existent: is_extended || wording == Wording::Rev2,
            tells_children: !is_extended || returns.children,
            tells_levels: if is_selective {
                selection.contains(SelectionOptions::RECURSIVEMATCH)
            } else {
                patterns.iter().any(Pattern::tells_levels)
            },
        };
        Ok(self.listing(plan, &patterns))
    }

    /// The answer to LSUB (RFC 3501 §6.3.9): what is subscribed to, and with `%` at the end of the
    /// pattern also levels above what is.
    #[must_use]
    pub fn lsub(&self, reference: &Mailbox, pattern: &[u8]) -> Listing<'_> {
        if pattern.is_empty() {
            return self.root(Kind::Lsub, reference);
        }
        let pattern = Pattern::new(reference, pattern, self.delimiter);
        let plan = Plan {
            kind: Kind::Lsub,
            selection: SelectionOptions::SUBSCRIBED,
            returns: ReturnOptions::default(),
            knows_non_existent: false,
            tells_children: false,
            tells_levels: pattern.tells_levels(),
        };
        self.listing(plan, &[pattern])
    }

    /// The delimiter, and the root of the reference: names here have none, but for a delimiter that
    /// they begin with.
    fn root(&self, kind: Kind, reference: &Mailbox) -> Listing<'_> {
        let root: &[u8] = match (self.delimiter, reference.as_bytes()) {
            (Some(delimiter), [first, ..]) if *first == delimiter => &[*first],
            _ => b"",
        };
        let name = Mailbox::new(root).unwrap_or_else(|_| Mailbox::inbox());
        let attributes = [ListAttribute::NoSelect];
        let list = match kind {
            Kind::List => List::new(&attributes, self.delimiter, &name, &[]),
            Kind::Lsub => List::lsub(&attributes, self.delimiter, &name),
        };
        Listing {
            mailboxes: self,
            plan: Plan {
                kind,
                selection: SelectionOptions::NONE,
                returns: ReturnOptions::default(),
                knows_non_existent: false,
                tells_children: false,
                tells_levels: false,
            },
            marks: Vec::new(),
            next: self.nodes.len(),
            root: Some(Listed {
                list,
                kind,
                status: None,
            }),
        }
    }

    fn listing(&self, plan: Plan, patterns: &[Pattern]) -> Listing<'_> {
        let mut marks = vec![0_u8; self.nodes.len()];
        // From the last to the first, so that all below a node is known when it comes up.
        for (at, node) in self.nodes.iter().enumerate().rev() {
            let name = self.name(node);
            let is_matched = patterns.iter().any(|pattern| pattern.matches_octets(name));
            let mut here = marks.get(at).copied().unwrap_or_default();
            here |= u8::from(is_matched) * MATCHES;
            if let Some(facts) = self.facts(node) {
                here |= plan.marks_of(facts);
            }
            if let Some(place) = marks.get_mut(at) {
                *place = here;
            }
            if node.above != at
                && let Some(above) = marks.get_mut(node.above)
            {
                *above |= below(here);
            }
        }
        Listing {
            mailboxes: self,
            plan,
            marks,
            next: 0,
            root: None,
        }
    }
}

/// What a node with these marks says to the one above.
const fn below(marks: u8) -> u8 {
    let mut above = marks & (MEETS_BELOW | UNNAMED_BELOW | EXISTS_BELOW);
    if marks & MEETS != 0 {
        above |= MEETS_BELOW;
        if marks & MATCHES == 0 {
            above |= UNNAMED_BELOW;
        }
    }
    if marks & EXISTS != 0 {
        above |= EXISTS_BELOW;
    }
    above
}

impl Plan {
    fn marks_of(&self, facts: &MailboxFacts) -> u8 {
        let wants = |option| self.selection.contains(option);
        if facts.has(ListAttribute::Remote) && !wants(SelectionOptions::REMOTE) {
            return 0;
        }
        let exists = facts.existence != Existence::NonExistent;
        let mut meets = exists;
        if wants(SelectionOptions::SUBSCRIBED) {
            meets = facts.is_subscribed;
        }
        if wants(SelectionOptions::SPECIAL_USE) {
            meets &= facts.has_special_use();
        }
        (u8::from(exists) * EXISTS) | (u8::from(meets) * MEETS)
    }

    fn is_named(&self, marks: u8) -> bool {
        // RFC 5258 §3.3: it meets the criteria; or something below does that is not named itself.
        let for_itself = marks & MEETS != 0;
        let for_what_is_below = self.tells_levels && marks & UNNAMED_BELOW != 0;
        marks & MATCHES != 0 && (for_itself || for_what_is_below)
    }

    /// The extended item for a parent of what is looked for (RFC 5258 §3.5).
    fn child_info(&self, marks: u8) -> Option<ListExtended<'static>> {
        let wants = |option| self.selection.contains(option);
        if !wants(SelectionOptions::RECURSIVEMATCH) || marks & MEETS_BELOW == 0 {
            return None;
        }
        let is_subscribed = wants(SelectionOptions::SUBSCRIBED);
        Some(ListExtended::ChildInfo(
            match (is_subscribed, wants(SelectionOptions::SPECIAL_USE)) {
                (true, false) => ChildInfo::SUBSCRIBED,
                (false, _) => ChildInfo::SPECIAL_USE,
                (true, true) => ChildInfo::SUBSCRIBED_SPECIAL_USE,
            },
        ))
    }

    fn attributes(&self, facts: Option<&MailboxFacts>, marks: u8) -> Vec<ListAttribute<'static>> {
        if self.kind == Kind::Lsub {
            // Here it says that the name itself is not subscribed to (RFC 3501 §6.3.9).
            let is_level = marks & MEETS == 0;
            return is_level
                .then_some(ListAttribute::NoSelect)
                .into_iter()
                .collect();
        }
        let mut attributes = facts.map_or_else(Vec::new, |facts| facts.attributes.clone());
        let tells_subscribed =
            self.returns.subscribed || self.selection.contains(SelectionOptions::SUBSCRIBED);
        if tells_subscribed && facts.is_some_and(|facts| facts.is_subscribed) {
            attributes.push(ListAttribute::Subscribed);
        }
        let existence = facts.map_or(Existence::NonExistent, |facts| facts.existence);
        match existence {
            Existence::Exists => {}
            Existence::NonExistent if self.knows_non_existent => {
                attributes.push(ListAttribute::NonExistent);
            }
            Existence::NoSelect | Existence::NonExistent => {
                attributes.push(ListAttribute::NoSelect);
            }
        }
        let is_level = facts.is_none() && marks & EXISTS_BELOW != 0;
        if self.tells_children || is_level {
            if marks & EXISTS_BELOW != 0 {
                attributes.push(ListAttribute::HasChildren);
            } else if !attributes.contains(&ListAttribute::NoInferiors) {
                attributes.push(ListAttribute::HasNoChildren);
            }
        }
        attributes
    }
}

impl Listing<'_> {
    fn listed(&self, node: &Node, marks: u8) -> Option<Listed> {
        let Self {
            mailboxes, plan, ..
        } = self;
        let facts = mailboxes.facts(node);
        let level;
        let name = if let Some(facts) = facts {
            &facts.name
        } else {
            level = Mailbox::new(mailboxes.name(node)).ok()?;
            &level
        };
        let attributes = plan.attributes(facts, marks);
        let delimiter = mailboxes.delimiter;
        let list = match plan.kind {
            Kind::Lsub => List::lsub(&attributes, delimiter, name),
            Kind::List => {
                let extended: Vec<ListExtended<'_>> = plan.child_info(marks).into_iter().collect();
                List::new(&attributes, delimiter, name, &extended)
            }
        };
        // Not of a parent that only has what was looked for below it (RFC 5819 §3).
        let has_status =
            marks & MEETS != 0 && facts.is_some_and(|facts| facts.existence == Existence::Exists);
        let status = plan.returns.status.filter(|_| has_status);
        Some(Listed {
            list,
            kind: plan.kind,
            status: status.map(|items| (name.clone(), items)),
        })
    }
}

impl Iterator for Listing<'_> {
    type Item = Listed;

    fn next(&mut self) -> Option<Listed> {
        if let Some(root) = self.root.take() {
            return Some(root);
        }
        loop {
            let node = self.mailboxes.nodes.get(self.next)?;
            let marks = self.marks.get(self.next).copied()?;
            self.next += 1;
            if self.plan.is_named(marks)
                && let Some(listed) = self.listed(node, marks)
            {
                return Some(listed);
            }
        }
    }
}
