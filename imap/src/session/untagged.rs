//! Untagged responses on their way to the machine.

use alloc::vec::{self, Vec};
use core::fmt;

use bytes::Bytes;

use crate::{
    response::{Fetch, Response},
    server::{Misuse, Server},
};

/// Responses, and octets of the literals that they announce, in their order.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::{response::{Fetch, Response, Section}, session::Untagged};
/// let mut out = Untagged::new();
/// let one = std::num::NonZero::<u32>::MIN;
/// let whole = Section::of(b"")?;
/// out.fetch(Fetch::builder(one).streamed_section(whole, None, 5).build());
/// out.body(Bytes::from_static(b"hello"));
/// out.push(Response::Exists(1));
/// assert!(!out.is_empty() && out.body_octets() == 5);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Default, PartialEq)]
pub struct Untagged {
    items: Vec<Item>,
    body_octets: usize,
}

#[derive(PartialEq)]
enum Item {
    Response(Response),
    Fetch(Fetch),
    Body(Bytes),
}

impl Untagged {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            items: Vec::new(),
            body_octets: 0,
        }
    }

    /// A response: [`Server::push`].
    pub fn push(&mut self, response: Response) {
        self.items.push(Item::Response(response));
    }

    /// A FETCH, whose literals may follow: [`Server::push_fetch`].
    pub fn fetch(&mut self, fetch: Fetch) {
        self.items.push(Item::Fetch(fetch));
    }

    /// Octets of a literal that was announced: [`Server::write_body`]. No octets are nothing, also
    /// where no literal is open any more: what ends a decoder may be empty.
    pub fn body(&mut self, octets: Bytes) {
        if octets.is_empty() {
            return;
        }
        self.body_octets += octets.len();
        self.items.push(Item::Body(octets));
    }

    /// Whether there is nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many responses and pieces of literals there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.items.len()
    }

    /// How many octets of literals there are.
    #[must_use]
    pub const fn body_octets(&self) -> usize {
        self.body_octets
    }

    /// Gives them to the machine.
    ///
    /// # Errors
    ///
    /// [`Misuse`] of the first one that is not possible; those before it have been sent.
    ///
    /// ```
    /// use mailwire_imap::{Server, response::Response, server::{Config, Misuse}, session::Untagged};
    /// let mut server = Server::new(Config::new("mail.example.test"));
    /// let mut out = Untagged::new();
    /// out.push(Response::Exists(1));
    /// assert_eq!(out.apply(&mut server), Err(Misuse::Misplaced));
    /// ```
    pub fn apply(self, server: &mut Server) -> Result<(), Misuse> {
        self.into_items().try_for_each(|item| match item {
            Item::Response(response) => server.push(&response),
            Item::Fetch(fetch) => server.push_fetch(&fetch),
            Item::Body(octets) => server.write_body(octets),
        })
    }

    fn into_items(self) -> vec::IntoIter<Item> {
        self.items.into_iter()
    }
}

impl fmt::Debug for Untagged {
    // Messages pass through here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Untagged({} items)", self.items.len())
    }
}
