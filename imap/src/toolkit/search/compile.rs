//! From the tree of a command to a program, without recursion.

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    Needs, Refused, Scope, Verdict, fold,
    leaf::Leaf,
    program::{LEVELS, Needle, Op, Program},
    ranges::Ranges,
};
use crate::{
    command::{SearchKey, SearchReturn},
    datetime::Date,
    flag::Flag,
    limits::SEARCH_KEYS,
    sequence::SequenceSet,
};

/// A key of the tree, by its index; what stands within it comes behind it.
struct Node {
    kind: Kind,
    within: Vec<usize>,
    /// What must be read to decide it, at the most.
    needs: Option<Needs>,
    depth: usize,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Leaf(usize),
    Not,
    And,
    Or,
}

pub(super) struct Compiler<'a> {
    scope: &'a Scope,
    nodes: Vec<Node>,
    leaves: Vec<Leaf>,
    needles: Vec<Needle>,
    /// Strings in one case, so that each is looked for once.
    known: BTreeMap<String, usize>,
    fields: BTreeMap<String, Vec<usize>>,
    has_mod_seq: bool,
}

impl<'a> Compiler<'a> {
    pub(super) const fn new(scope: &'a Scope) -> Self {
        Self {
            scope,
            nodes: Vec::new(),
            leaves: Vec::new(),
            needles: Vec::new(),
            known: BTreeMap::new(),
            fields: BTreeMap::new(),
            has_mod_seq: false,
        }
    }

    pub(super) fn compile(
        mut self,
        keys: &[SearchKey],
        returns: Option<SearchReturn>,
    ) -> Result<Program, Refused> {
        self.node(Kind::And, 0)?;
        let mut waiting: Vec<(&SearchKey, usize)> = keys.iter().rev().map(|key| (key, 0)).collect();
        while let Some((key, parent)) = waiting.pop() {
            self.key(key, parent, &mut waiting)?;
        }
        self.order();
        Ok(Program {
            ops: self.emit(),
            leaves: self.leaves,
            needles: self.needles,
            fields: self.fields.into_iter().collect(),
            has_mod_seq: self.has_mod_seq,
            returns,
            messages: self.scope.messages,
        })
    }

    fn node(&mut self, kind: Kind, depth: usize) -> Result<usize, Refused> {
        if self.nodes.len() > SEARCH_KEYS || depth > LEVELS {
            return Err(Refused::TooComplex);
        }
        self.nodes.push(Node {
            kind,
            within: Vec::new(),
            needs: None,
            depth,
        });
        Ok(self.nodes.len() - 1)
    }

    /// A node within `parent`.
    fn within(&mut self, kind: Kind, parent: usize) -> Result<usize, Refused> {
        let depth = self.nodes.get(parent).map_or(0, |node| node.depth + 1);
        let at = self.node(kind, depth)?;
        if let Some(parent) = self.nodes.get_mut(parent) {
            parent.within.push(at);
        }
        Ok(at)
    }

    fn key<'k>(
        &mut self,
        key: &'k SearchKey,
        parent: usize,
        waiting: &mut Vec<(&'k SearchKey, usize)>,
    ) -> Result<(), Refused> {
        match key {
            SearchKey::Not(key) => {
                let at = self.within(Kind::Not, parent)?;
                waiting.push((key, at));
            }
            SearchKey::Or(one, two) => {
                let at = self.within(Kind::Or, parent)?;
                waiting.extend([(&**two, at), (&**one, at)]);
            }
            SearchKey::And(keys) if !keys.is_empty() => {
                let at = self.within(Kind::And, parent)?;
                waiting.extend(keys.iter().rev().map(|key| (key, at)));
            }
            SearchKey::New => {
                let at = self.within(Kind::And, parent)?;
                self.leaf(Leaf::Recent, at)?;
                self.leaf_not(Leaf::Flag(Flag::Seen), at)?;
            }
            SearchKey::Old => self.leaf_not(Leaf::Recent, parent)?,
            SearchKey::Unanswered => self.leaf_not(Leaf::Flag(Flag::Answered), parent)?,
            SearchKey::Undeleted => self.leaf_not(Leaf::Flag(Flag::Deleted), parent)?,
            SearchKey::Undraft => self.leaf_not(Leaf::Flag(Flag::Draft), parent)?,
            SearchKey::Unflagged => self.leaf_not(Leaf::Flag(Flag::Flagged), parent)?,
            SearchKey::Unkeyword(flag) => self.leaf_not(Leaf::Flag(flag.clone()), parent)?,
            SearchKey::Unseen => self.leaf_not(Leaf::Flag(Flag::Seen), parent)?,
            SearchKey::Bcc(value) => self.field("bcc", value, parent)?,
            SearchKey::Cc(value) => self.field("cc", value, parent)?,
            SearchKey::From(value) => self.field("from", value, parent)?,
            SearchKey::Subject(value) => self.field("subject", value, parent)?,
            SearchKey::To(value) => self.field("to", value, parent)?,
            SearchKey::Header { field, value } => {
                let name = text(field)?.trim_end_matches(':').to_ascii_lowercase();
                self.field(&name, value, parent)?;
            }
            other => {
                let leaf = self.simple(other)?;
                self.leaf(leaf, parent)?;
            }
        }
        Ok(())
    }

    /// A key that is one leaf.
    fn simple(&mut self, key: &SearchKey) -> Result<Leaf, Refused> {
        let now = self.scope.now.timestamp();
        Ok(match key {
            SearchKey::Set(set) => self.numbers(set),
            SearchKey::Uid(set) if set.is_saved() => self.numbers(set),
            SearchKey::Uid(set) => {
                let largest = self.scope.largest_uid.map_or(0, core::num::NonZero::get);
                Leaf::Uids(Ranges::of(set, largest))
            }
            SearchKey::Answered => Leaf::Flag(Flag::Answered),
            SearchKey::Deleted => Leaf::Flag(Flag::Deleted),
            SearchKey::Draft => Leaf::Flag(Flag::Draft),
            SearchKey::Flagged => Leaf::Flag(Flag::Flagged),
            SearchKey::Keyword(flag) => Leaf::Flag(flag.clone()),
            SearchKey::Recent => Leaf::Recent,
            SearchKey::Seen => Leaf::Flag(Flag::Seen),
            SearchKey::Before(date) => before(*date, Leaf::Days),
            SearchKey::On(date) => on(*date, Leaf::Days),
            SearchKey::Since(date) => since(*date, Leaf::Days),
            SearchKey::SentBefore(date) => before(*date, Leaf::Sent),
            SearchKey::SentOn(date) => on(*date, Leaf::Sent),
            SearchKey::SentSince(date) => since(*date, Leaf::Sent),
            SearchKey::Larger(size) => Leaf::Larger(*size),
            SearchKey::Smaller(size) => Leaf::Smaller(*size),
            SearchKey::ModSeq(wanted) => {
                // One mod-sequence is kept for a message, so what changed is ignored
                // (RFC 7162 §3.1.5).
                self.has_mod_seq = true;
                Leaf::ModSeq(wanted.value)
            }
            SearchKey::Older(age) => Leaf::Until(now.saturating_sub(age.get().into())),
            SearchKey::Younger(age) => Leaf::From(now.saturating_sub(age.get().into())),
            // Every text holds the empty string, and no message is opened for that.
            SearchKey::Body(value) | SearchKey::Text(value) if value.is_empty() => Leaf::All,
            SearchKey::Body(value) => Leaf::Body(self.needle(value)?),
            SearchKey::Text(value) => Leaf::Text(self.needle(value)?),
            // The others have a string for a field or keys within them; of a list without keys all
            // are true.
            SearchKey::All
            | SearchKey::And(_)
            | SearchKey::Bcc(_)
            | SearchKey::Cc(_)
            | SearchKey::From(_)
            | SearchKey::Header { .. }
            | SearchKey::New
            | SearchKey::Not(_)
            | SearchKey::Old
            | SearchKey::Or(..)
            | SearchKey::Subject(_)
            | SearchKey::To(_)
            | SearchKey::Unanswered
            | SearchKey::Undeleted
            | SearchKey::Undraft
            | SearchKey::Unflagged
            | SearchKey::Unkeyword(_)
            | SearchKey::Unseen => Leaf::All,
        })
    }

    fn numbers(&self, set: &SequenceSet) -> Leaf {
        if set.is_saved() {
            Leaf::Uids(self.scope.saved.ranges().clone())
        } else {
            Leaf::Numbers(Ranges::of(set, self.scope.messages))
        }
    }

    fn leaf(&mut self, leaf: Leaf, parent: usize) -> Result<usize, Refused> {
        let index = self.leaves.len();
        let at = self.within(Kind::Leaf(index), parent)?;
        if let Some(node) = self.nodes.get_mut(at) {
            node.needs = leaf.needs();
        }
        self.leaves.push(leaf);
        Ok(index)
    }

    fn leaf_not(&mut self, leaf: Leaf, parent: usize) -> Result<(), Refused> {
        let at = self.within(Kind::Not, parent)?;
        self.leaf(leaf, at).map(drop)
    }

    fn field(&mut self, name: &str, value: &[u8], parent: usize) -> Result<(), Refused> {
        let needle = self.needle(value)?;
        let leaf = self.leaf(Leaf::Field(needle), parent)?;
        self.fields.entry(name.to_string()).or_default().push(leaf);
        Ok(())
    }

    fn needle(&mut self, value: &[u8]) -> Result<usize, Refused> {
        let folded = fold(text(value)?);
        if let Some(at) = self.known.get(&folded) {
            return Ok(*at);
        }
        let at = self.needles.len();
        self.needles.push(Needle::new(&folded));
        self.known.insert(folded, at);
        Ok(at)
    }

    /// Puts first what is cheap to know: it often makes the rest needless.
    fn order(&mut self) {
        for at in (0..self.nodes.len()).rev() {
            let Some(node) = self.nodes.get_mut(at) else {
                continue;
            };
            let mut within = core::mem::take(&mut node.within);
            within.sort_by_key(|at| self.nodes.get(*at).and_then(|node| node.needs));
            let last = within.last().and_then(|at| self.nodes.get(*at));
            let needs = last.and_then(|node| node.needs);
            if let Some(node) = self.nodes.get_mut(at) {
                if !within.is_empty() {
                    node.needs = needs;
                }
                node.within = within;
            }
        }
    }

    fn emit(&self) -> Vec<Op> {
        let mut ops = Vec::with_capacity(self.nodes.len() * 3);
        // What is open: the node, how much of it is done, and the skips that lead behind it.
        let mut open: Vec<(&Node, usize, Vec<usize>)> = Vec::new();
        open.extend(self.nodes.first().map(|node| (node, 0, Vec::new())));
        while let Some((node, done, skips)) = open.last_mut() {
            let joins = *done >= 2;
            match node.kind {
                Kind::Leaf(leaf) => ops.push(Op::Leaf(leaf)),
                Kind::Not if *done == 1 => ops.push(Op::Not),
                Kind::And if joins => ops.push(Op::And),
                Kind::Or if joins => ops.push(Op::Or),
                _ => {}
            }
            let Some(next) = node.within.get(*done).and_then(|at| self.nodes.get(*at)) else {
                let end = ops.len();
                for skip in skips {
                    if let Some(Op::SkipIf(_, target)) = ops.get_mut(*skip) {
                        *target = end;
                    }
                }
                open.pop();
                continue;
            };
            if *done >= 1 {
                let decided = if node.kind == Kind::Or {
                    Verdict::Yes
                } else {
                    Verdict::No
                };
                skips.push(ops.len());
                ops.push(Op::SkipIf(decided, 0));
            }
            *done += 1;
            open.push((next, 0, Vec::new()));
        }
        ops
    }
}

fn before(date: Date, leaf: fn(i64, i64) -> Leaf) -> Leaf {
    leaf(i64::MIN, date.days())
}

fn on(date: Date, leaf: fn(i64, i64) -> Leaf) -> Leaf {
    leaf(date.days(), date.days() + 1)
}

fn since(date: Date, leaf: fn(i64, i64) -> Leaf) -> Leaf {
    leaf(date.days(), i64::MAX)
}

fn text(value: &[u8]) -> Result<&str, Refused> {
    core::str::from_utf8(value).map_err(|_| Refused::NotUtf8)
}
