//! REFERENCES, steps 2 to 6: dummies pruned, subjects merged, all sorted.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{Member, links::Links};

/// What stands for nobody, after the members.
type At = usize;

/// The tree below the root. Its nodes are the members by their indexes, and dummies behind them;
/// dummies stand directly below the root only, and have at least two children.
pub(super) struct Tree<'a> {
    members: &'a [Member],
    children: Vec<Vec<At>>,
    root: Vec<At>,
}

/// What a node of the links hangs on once dummies are pruned.
#[derive(Clone, Copy)]
enum Above {
    Root,
    Member(At),
    /// The outermost dummy, by its index in the links.
    Dummy(usize),
}

impl<'a> Tree<'a> {
    pub(super) fn new(members: &'a [Member], links: &Links) -> Self {
        let mut tree = Self {
            members,
            children: members.iter().map(|_| Vec::new()).collect(),
            root: Vec::new(),
        };
        tree.prune(links);
        tree.sort_root();
        tree.merge();
        tree
    }

    /// Steps 2 and 3: the children of dummies are promoted, but not to the root if there is more
    /// than one. What a dummy without children was is nowhere in the tree.
    fn prune(&mut self, links: &Links) {
        let mut by_dummy: BTreeMap<usize, Vec<At>> = BTreeMap::new();
        for (node, above) in above(links) {
            let Some(at) = links.nodes.get(node).and_then(|node| node.member) else {
                continue;
            };
            match above {
                Above::Root => self.root.push(at),
                Above::Member(parent) => self.adopt(parent, at),
                Above::Dummy(dummy) => by_dummy.entry(dummy).or_default().push(at),
            }
        }
        for children in by_dummy.into_values() {
            if let [only] = *children {
                self.root.push(only);
            } else {
                let dummy = self.dummy(children);
                self.root.push(dummy);
            }
        }
    }

    /// Step 4, and the last part of step 6.
    fn sort_root(&mut self) {
        let dummies = self.children.get_mut(self.members.len()..);
        for children in dummies.unwrap_or_default() {
            sort(children, self.members);
        }
        let mut root = core::mem::take(&mut self.root);
        root.sort_by_cached_key(|at| self.first(*at).map(Member::key));
        self.root = root;
    }

    /// Step 5: threads of the same subject become one.
    fn merge(&mut self) {
        let threads = core::mem::take(&mut self.root);
        let mut table = self.subjects(&threads);
        // What hangs elsewhere now.
        let mut is_merged = alloc::vec![false; self.children.len()];
        for current in &threads {
            let Some(subject) = self.subject(*current) else {
                continue;
            };
            let Some(known) = table.get(subject).copied() else {
                continue;
            };
            let is_placed = is_merged.get(*current).copied().unwrap_or_default();
            if known == *current || is_placed {
                continue;
            }
            mark(&mut is_merged, *current);
            if self.is_dummy(known) {
                let more = if self.is_dummy(*current) {
                    self.take_children(*current)
                } else {
                    alloc::vec![*current]
                };
                if let Some(children) = self.children.get_mut(known) {
                    children.extend(more);
                }
            } else if self.is_answer(*current) && !self.is_answer(known) {
                self.adopt(known, *current);
            } else {
                mark(&mut is_merged, known);
                let dummy = self.dummy(alloc::vec![known, *current]);
                table.insert(subject, dummy);
                self.root.push(dummy);
            }
        }
        let is_left = |at: &At| !is_merged.get(*at).copied().unwrap_or_default();
        self.root.extend(threads.into_iter().filter(is_left));
    }

    /// Steps 5.A and 5.B: the message that stands for each subject.
    fn subjects(&self, threads: &[At]) -> BTreeMap<&'a str, At> {
        let mut table: BTreeMap<&'a str, At> = BTreeMap::new();
        for current in threads {
            let Some(subject) = self.subject(*current) else {
                continue;
            };
            let known = table.entry(subject).or_insert(*current);
            let is_better =
                self.is_dummy(*current) || self.is_answer(*known) && !self.is_answer(*current);
            if !self.is_dummy(*known) && is_better {
                *known = *current;
            }
        }
        table
    }

    /// Step 6, and the nodes with their levels, each before those below it.
    pub(super) fn threads(mut self) -> Vec<(Option<usize>, u32)> {
        for children in &mut self.children {
            sort(children, self.members);
        }
        self.sort_root();
        let mut nodes = Vec::with_capacity(self.children.len());
        let mut waiting: Vec<(At, u32)> = self.root.iter().rev().map(|at| (*at, 0)).collect();
        while let Some((at, level)) = waiting.pop() {
            nodes.push(((!self.is_dummy(at)).then_some(at), level));
            let children = self.children.get(at).map_or(&[][..], |children| children);
            let below = level.saturating_add(1);
            waiting.extend(children.iter().rev().map(|child| (*child, below)));
        }
        nodes
    }

    fn adopt(&mut self, parent: At, child: At) {
        if let Some(children) = self.children.get_mut(parent) {
            children.push(child);
        }
    }

    fn dummy(&mut self, children: Vec<At>) -> At {
        self.children.push(children);
        self.children.len() - 1
    }

    fn take_children(&mut self, at: At) -> Vec<At> {
        self.children
            .get_mut(at)
            .map(core::mem::take)
            .unwrap_or_default()
    }

    const fn is_dummy(&self, at: At) -> bool {
        at >= self.members.len()
    }

    fn is_answer(&self, at: At) -> bool {
        self.members.get(at).is_some_and(|member| member.is_answer)
    }

    /// The member, or the first one below a dummy.
    fn first(&self, at: At) -> Option<&'a Member> {
        self.members.get(at).or_else(|| {
            let first = self.children.get(at)?.first()?;
            self.members.get(*first)
        })
    }

    /// Step 5.B.i and ii: the subject of a thread, if it has one.
    fn subject(&self, at: At) -> Option<&'a str> {
        let subject = &*self.first(at)?.subject;
        (!subject.is_empty()).then_some(subject)
    }
}

/// What each node hangs on without dummies between, those above always before those below.
fn above(links: &Links) -> Vec<(usize, Above)> {
    let mut below: Vec<Vec<usize>> = links.nodes.iter().map(|_| Vec::new()).collect();
    let mut found: Vec<(usize, Above)> = Vec::with_capacity(links.nodes.len());
    for (at, node) in links.nodes.iter().enumerate() {
        match node.parent {
            None => found.push((at, Above::Root)),
            Some(parent) => {
                if let Some(below) = below.get_mut(parent) {
                    below.push(at);
                }
            }
        }
    }
    let mut done = 0;
    while let Some((at, above)) = found.get(done).copied() {
        done += 1;
        let above = match (links.nodes.get(at).and_then(|node| node.member), above) {
            (Some(member), _) => Above::Member(member),
            (None, Above::Root) => Above::Dummy(at),
            (None, above) => above,
        };
        let below = below.get(at).map_or(&[][..], |below| below);
        found.extend(below.iter().map(|at| (*at, above)));
    }
    found
}

fn mark(marks: &mut [bool], at: At) {
    if let Some(mark) = marks.get_mut(at) {
        *mark = true;
    }
}

fn sort(siblings: &mut [At], members: &[Member]) {
    let key = |at: &At| members.get(*at).map(Member::key);
    siblings.sort_unstable_by_key(key);
}
