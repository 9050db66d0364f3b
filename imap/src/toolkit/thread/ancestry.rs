//! Which tree a message stands in, where trees are joined and parted all the time.
//!
//! Before a link is made, it must be known that it closes no loop. Walking up to the root each time
//! would take quadratic time for a long chain, so the way to the root is kept in search trees that
//! turn themselves over as they are used: a link-cut tree (Sleator and Tarjan). Each operation
//! costs the logarithm of the number of messages, taken together.

use alloc::vec::Vec;

/// Nobody.
const NONE: usize = usize::MAX;

/// A message within the search tree of a piece of the way to its root: what is nearer to the root
/// is on the left.
#[derive(Clone, Copy)]
struct Node {
    /// The node above in the search tree; at its top, the parent of the piece's first message.
    up: usize,
    left: usize,
    right: usize,
}

pub(super) struct Ancestry(Vec<Node>);

#[derive(Clone, Copy, Eq, PartialEq)]
enum Side {
    Left,
    Right,
}

impl Ancestry {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a message that stands alone.
    pub(super) fn push(&mut self) {
        self.0.push(Node {
            up: NONE,
            left: NONE,
            right: NONE,
        });
    }

    /// The message at the root of the tree that `node` stands in.
    pub(super) fn root(&mut self, node: usize) -> usize {
        self.expose(node);
        let mut root = node;
        while self.child(root, Side::Left) != NONE {
            root = self.child(root, Side::Left);
        }
        // Without this the next way down could be as long.
        self.splay(root);
        root
    }

    /// Puts the tree whose root is `child` below `parent`, which must stand in another one.
    pub(super) fn join(&mut self, parent: usize, child: usize) {
        self.expose(child);
        self.set_up(child, parent);
    }

    /// Makes a root of `child`.
    pub(super) fn part(&mut self, child: usize) {
        self.expose(child);
        let above = self.child(child, Side::Left);
        self.set_up(above, NONE);
        self.set_child(child, Side::Left, NONE);
    }

    /// Makes one piece of the way from the root to `node`, with `node` on top.
    fn expose(&mut self, node: usize) {
        self.splay(node);
        self.set_child(node, Side::Right, NONE);
        loop {
            let above = self.up(node);
            if above == NONE {
                return;
            }
            self.splay(above);
            self.set_child(above, Side::Right, node);
            self.splay(node);
        }
    }

    /// Turns `node` to the top of its search tree.
    fn splay(&mut self, node: usize) {
        while let Some(side) = self.side(node) {
            let above = self.up(node);
            match self.side(above) {
                None => {}
                Some(other) if other == side => self.turn(above),
                Some(_) => self.turn(node),
            }
            self.turn(node);
        }
    }

    /// Lifts `node` above the node that it hangs on.
    fn turn(&mut self, node: usize) {
        let Some(side) = self.side(node) else { return };
        let other = side.other();
        let above = self.up(node);
        let top = self.up(above);
        let above_side = self.side(above);
        let between = self.child(node, other);
        self.set_child(above, side, between);
        self.set_up(between, above);
        self.set_child(node, other, above);
        self.set_up(above, node);
        self.set_up(node, top);
        if let Some(side) = above_side {
            self.set_child(top, side, node);
        }
    }

    /// On which side it hangs within its search tree; none at the top.
    fn side(&self, node: usize) -> Option<Side> {
        let above = self.0.get(self.up(node))?;
        if above.left == node {
            Some(Side::Left)
        } else if above.right == node {
            Some(Side::Right)
        } else {
            None
        }
    }

    fn up(&self, node: usize) -> usize {
        self.0.get(node).map_or(NONE, |node| node.up)
    }

    fn child(&self, node: usize, side: Side) -> usize {
        self.0.get(node).map_or(NONE, |node| match side {
            Side::Left => node.left,
            Side::Right => node.right,
        })
    }

    fn set_up(&mut self, node: usize, up: usize) {
        if let Some(node) = self.0.get_mut(node) {
            node.up = up;
        }
    }

    fn set_child(&mut self, node: usize, side: Side, child: usize) {
        if let Some(node) = self.0.get_mut(node) {
            match side {
                Side::Left => node.left = child,
                Side::Right => node.right = child,
            }
        }
    }
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}
