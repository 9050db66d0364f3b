//! A query as operations on a stack.

use alloc::{string::String, vec::Vec};

use memchr::memmem::Finder;

use super::{Verdict, leaf::Leaf};
use crate::{command::SearchReturn, limits::DEPTH};

/// Levels of keys within each other: what a command can nest, the list around all, and what NEW is
/// made of.
pub(super) const LEVELS: usize = DEPTH + 3;

/// Verdicts that can wait on the stack: one for each level, and what is there at the start.
const STACK: usize = LEVELS + 2;

#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// Asks the key of that index.
    Leaf(usize),
    Not,
    And,
    Or,
    /// Goes on at an operation further behind where the verdict on top is that one already.
    SkipIf(Verdict, usize),
}

/// A string to look for, in one case.
pub(super) struct Needle {
    pub(super) finder: Finder<'static>,
}

impl Needle {
    pub(super) fn new(folded: &str) -> Self {
        Self {
            finder: Finder::new(folded).into_owned(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.finder.needle().len()
    }

    pub(super) fn is_in(&self, folded: &[u8]) -> bool {
        self.finder.find(folded).is_some()
    }
}

/// What a [`Query`](super::Query) is compiled to.
pub(super) struct Program {
    pub(super) ops: Vec<Op>,
    pub(super) leaves: Vec<Leaf>,
    pub(super) needles: Vec<Needle>,
    /// Names of header fields in lower case, and the keys that look into them, sorted by name.
    pub(super) fields: Vec<(String, Vec<usize>)>,
    pub(super) has_mod_seq: bool,
    pub(super) returns: Option<SearchReturn>,
    /// How many messages the mailbox has.
    pub(super) messages: u32,
}

impl Program {
    /// The verdict, where `ask` knows of each key.
    pub(super) fn run(&self, mut ask: impl FnMut(&Leaf) -> Verdict) -> Verdict {
        self.run_indexed(|at| self.leaves.get(at).map_or(Verdict::No, &mut ask))
    }

    /// The same by the indexes of the keys.
    pub(super) fn run_indexed(&self, mut ask: impl FnMut(usize) -> Verdict) -> Verdict {
        let mut stack = [Verdict::No; STACK];
        let mut top = Verdict::Yes;
        let mut depth = 0_usize;
        let mut at = 0_usize;
        while let Some(op) = self.ops.get(at) {
            at += 1;
            match *op {
                Op::Leaf(leaf) => {
                    if let Some(place) = stack.get_mut(depth) {
                        *place = top;
                    }
                    depth += 1;
                    top = ask(leaf);
                }
                Op::Not => top = top.not(),
                Op::And | Op::Or => {
                    depth = depth.saturating_sub(1);
                    let below = stack.get(depth).copied().unwrap_or(Verdict::No);
                    top = match op {
                        Op::And => below.and(top),
                        _ => below.or(top),
                    };
                }
                Op::SkipIf(verdict, target) => {
                    if top == verdict {
                        at = target;
                    }
                }
            }
        }
        top
    }
}
