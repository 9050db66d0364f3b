//! REFERENCES, step 1: who answers whom, from Message-ID, References and In-Reply-To.

use alloc::{borrow::Cow, collections::BTreeMap, vec::Vec};

use super::ancestry::Ancestry;
use crate::{
    limits::THREAD_REFERENCES,
    toolkit::message::{header::Fields, msgid::ids},
};

/// A message, or one that is only referred to.
#[derive(Default)]
pub(super) struct Link {
    /// Which of the members it is; none for a dummy.
    pub(super) member: Option<usize>,
    pub(super) parent: Option<usize>,
    children: usize,
}

/// All messages with the links between them.
pub(super) struct Links {
    pub(super) nodes: Vec<Link>,
    by_id: BTreeMap<Vec<u8>, usize>,
    ancestry: Ancestry,
    members: usize,
}

impl Links {
    pub(super) const fn new() -> Self {
        Self {
            nodes: Vec::new(),
            by_id: BTreeMap::new(),
            ancestry: Ancestry::new(),
            members: 0,
        }
    }

    /// Adds the message with that header as the next member.
    pub(super) fn add(&mut self, header: &[u8]) {
        let node = self.member(header);
        let mut parent = None;
        for id in references(header) {
            let next = self.by_id(&id);
            if let Some(parent) = parent {
                self.join(parent, next);
            }
            parent = Some(next);
        }
        let before = self.nodes.get(node).and_then(|node| node.parent);
        if before == parent {
            return;
        }
        if before.is_some() {
            self.part(node);
        }
        if let Some(parent) = parent {
            self.join(parent, node);
        }
    }

    /// The node of a new member: that of its Message-ID, unless it has none or another member has
    /// it already.
    fn member(&mut self, header: &[u8]) -> usize {
        let member = self.members;
        self.members += 1;
        let field = Fields::new(header).find("Message-ID");
        let value = field.map(|field| field.value()).unwrap_or_default();
        let mut node = None;
        if let Some(id) = ids(&value).next() {
            let known = self.by_id(&id);
            let is_free = self
                .nodes
                .get(known)
                .is_some_and(|node| node.member.is_none());
            node = is_free.then_some(known);
        }
        let node = node.unwrap_or_else(|| self.new_node());
        if let Some(node) = self.nodes.get_mut(node) {
            node.member = Some(member);
        }
        node
    }

    fn by_id(&mut self, id: &[u8]) -> usize {
        if let Some(node) = self.by_id.get(id) {
            return *node;
        }
        let node = self.new_node();
        self.by_id.insert(id.into(), node);
        node
    }

    fn new_node(&mut self) -> usize {
        self.nodes.push(Link::default());
        self.ancestry.push();
        self.nodes.len() - 1
    }

    /// Makes `parent` the parent of `child`, unless that has one or it would make a loop.
    fn join(&mut self, parent: usize, child: usize) {
        let Some(node) = self.nodes.get(child) else {
            return;
        };
        if node.parent.is_some() || parent == child {
            return;
        }
        // Without children it is nobody's ancestor.
        if node.children > 0 && self.ancestry.root(parent) == child {
            return;
        }
        self.ancestry.join(parent, child);
        if let Some(node) = self.nodes.get_mut(child) {
            node.parent = Some(parent);
        }
        if let Some(node) = self.nodes.get_mut(parent) {
            node.children += 1;
        }
    }

    /// Takes `child` from its parent.
    fn part(&mut self, child: usize) {
        self.ancestry.part(child);
        let parent = self
            .nodes
            .get_mut(child)
            .and_then(|node| node.parent.take());
        if let Some(parent) = parent.and_then(|parent| self.nodes.get_mut(parent)) {
            parent.children -= 1;
        }
    }
}

/// The references of a message, oldest first: References, or else the first identifier of
/// In-Reply-To. Of very many, the first and the last are taken.
fn references(header: &[u8]) -> Vec<Vec<u8>> {
    let value = |name| {
        let field = Fields::new(header).find(name);
        field.map(|field| field.value()).unwrap_or_default()
    };
    let references = value("References");
    let count = ids(&references).count();
    let skipped = count.saturating_sub(THREAD_REFERENCES);
    let mut found: Vec<_> = ids(&references)
        .enumerate()
        .filter(|(at, _)| *at == 0 || *at > skipped)
        .map(|(_, id)| Cow::into_owned(id))
        .collect();
    if found.is_empty() {
        let in_reply_to = value("In-Reply-To");
        found.extend(ids(&in_reply_to).next().map(Cow::into_owned));
    }
    found
}
