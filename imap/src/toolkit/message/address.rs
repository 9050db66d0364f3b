//! The addresses of From, To and their like (RFC 5322 §3.4 and §4.4), whatever their state.

use alloc::borrow::Cow;
use core::fmt;

use super::lex::{Joined, Lexer, comment_text};
use crate::envelope::{AddressKind, AddressParts};

/// The addresses of a value, raw or unfolded, and the begins and ends of its groups.
///
/// ```
/// use mailwire_imap::toolkit::message::address::addresses;
/// let value = br#""Fred, B." <@relay:fred@x.example>, bare@y.example (Bare B.), friends: a@z;"#;
/// let found: Vec<_> = addresses(value).collect();
/// assert_eq!(found[0].name(), Some(&b"Fred, B."[..]));
/// assert_eq!(found[0].route(), Some(&b"@relay"[..]));
/// assert_eq!(found[1].name(), Some(&b"Bare B."[..]));
/// assert_eq!(found[2].mailbox(), Some(&b"friends"[..]));
/// assert_eq!(found.len(), 5);
/// ```
#[must_use]
pub const fn addresses(value: &[u8]) -> Addresses<'_> {
    Addresses {
        lexer: Lexer::new(value),
        is_in_group: false,
    }
}

/// The walk of [`addresses`].
///
/// ```
/// use mailwire_imap::toolkit::message::address::addresses;
/// assert_eq!(addresses(b" , (nobody) ,").count(), 0);
/// ```
#[derive(Clone)]
pub struct Addresses<'a> {
    lexer: Lexer<'a>,
    is_in_group: bool,
}

/// An address, or the begin or end of a group. `Debug` shows its kind only.
///
/// ```
/// use mailwire_imap::{envelope::AddressKind, toolkit::message::address::addresses};
/// let address = addresses(b"Fred <fred(x) @ example.org>").next().unwrap();
/// assert_eq!(address.kind(), AddressKind::Mailbox);
/// assert_eq!(address.mailbox(), Some(&b"fred"[..]));
/// assert_eq!(address.host(), Some(&b"example.org"[..]));
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Address<'a> {
    kind: AddressKind,
    name: Option<Cow<'a, [u8]>>,
    route: Option<Cow<'a, [u8]>>,
    mailbox: Cow<'a, [u8]>,
    host: Cow<'a, [u8]>,
}

impl<'a> Address<'a> {
    const fn of(kind: AddressKind, mailbox: Cow<'a, [u8]>) -> Self {
        Self {
            kind,
            name: None,
            route: None,
            mailbox,
            host: Cow::Borrowed(b""),
        }
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> AddressKind {
        self.kind
    }

    /// The display name without quotes, or else the comment that names who it is; its encoded
    /// words are those of the message.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        self.name.as_deref()
    }

    /// The source route of old (RFC 5322 §4.4), without its colon.
    #[must_use]
    pub fn route(&self) -> Option<&[u8]> {
        self.route.as_deref()
    }

    /// The local part without quotes, or the name of a group.
    #[must_use]
    pub fn mailbox(&self) -> Option<&[u8]> {
        (self.kind != AddressKind::GroupEnd).then_some(&*self.mailbox)
    }

    /// The domain, empty where a mailbox has none.
    #[must_use]
    pub fn host(&self) -> Option<&[u8]> {
        (self.kind == AddressKind::Mailbox).then_some(&*self.host)
    }

    /// Whether a group is open behind it, if it says.
    pub(super) const fn opens_group(&self) -> Option<bool> {
        match self.kind {
            AddressKind::Mailbox => None,
            AddressKind::Group => Some(true),
            AddressKind::GroupEnd => Some(false),
        }
    }

    /// About how many octets it has in an ENVELOPE, where quotes and backslashes have another one.
    pub(super) fn told_octets(&self) -> usize {
        let texts = [self.name(), self.route(), self.mailbox(), self.host()];
        let lens = texts.iter().flatten().map(|text| {
            let escaped = memchr::memchr2_iter(b'"', b'\\', text).count();
            text.len() + escaped + if text.is_ascii() { 3 } else { 12 }
        });
        lens.sum::<usize>() + "(NIL NIL NIL NIL)".len()
    }

    /// As an ENVELOPE wants it.
    pub(crate) fn parts(&self) -> AddressParts<'_> {
        let mut parts = AddressParts::group_end();
        parts.name = self.name();
        parts.route = self.route();
        parts.mailbox = self.mailbox();
        parts.host = self.host();
        parts
    }
}

impl fmt::Debug for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({:?})", self.kind)
    }
}

impl<'a> Iterator for Addresses<'a> {
    type Item = Address<'a>;

    fn next(&mut self) -> Option<Address<'a>> {
        loop {
            self.lexer.take_comment();
            self.lexer.skip_cfws();
            match self.lexer.peek() {
                None => {
                    let is_open = core::mem::take(&mut self.is_in_group);
                    return is_open.then(|| Address::of(AddressKind::GroupEnd, Cow::default()));
                }
                Some(b';') => {
                    self.lexer.advance();
                    if core::mem::take(&mut self.is_in_group) {
                        return Some(Address::of(AddressKind::GroupEnd, Cow::default()));
                    }
                }
                Some(b',' | b':' | b'>' | b')' | b'[' | b']' | b'\\') => self.lexer.advance(),
                Some(_) => return Some(self.address()),
            }
        }
    }
}

impl<'a> Addresses<'a> {
    /// A mailbox or the begin of a group; at least one octet is passed.
    fn address(&mut self) -> Address<'a> {
        let phrase = self.phrase();
        let address = match self.lexer.peek() {
            Some(b'<') => {
                let mut address = self.angle();
                if !phrase.is_empty() {
                    address.name = Some(phrase.into());
                }
                address
            }
            Some(b'@') => {
                let mut address = Address::of(AddressKind::Mailbox, phrase.into());
                self.lexer.advance();
                address.host = self.domain();
                address
            }
            Some(b':') if !self.is_in_group => {
                self.lexer.advance();
                self.is_in_group = true;
                return Address::of(AddressKind::Group, phrase.into());
            }
            _ => Address::of(AddressKind::Mailbox, phrase.into()),
        };
        self.named_by_comment(address)
    }

    /// Goes to the end of the address; a comment is its name if it has none.
    fn named_by_comment(&mut self, mut address: Address<'a>) -> Address<'a> {
        loop {
            self.lexer.skip_cfws();
            // What is left of a broken one would be another address.
            match self.lexer.peek() {
                None | Some(b',' | b';') => break,
                Some(b'"') => self.lexer.quoted(&mut Joined::default()),
                Some(_) => self.lexer.advance(),
            }
        }
        if let (None, Some(comment)) = (&address.name, self.lexer.take_comment()) {
            address.name = Some(comment_text(comment)).filter(|name| !name.is_empty());
        }
        address
    }

    /// Words with single spaces where there were some: a display name, or a local part.
    fn phrase(&mut self) -> Joined<'a> {
        let mut phrase = Joined::default();
        let mut is_apart = false;
        // A run of words and single spaces is one piece of the value, mostly all of it.
        loop {
            match self.lexer.peek() {
                Some(b'"') => {
                    phrase.space(is_apart);
                    self.lexer.quoted(&mut phrase);
                }
                Some(octet) if is_word(octet) => {
                    phrase.space(is_apart);
                    phrase.push(self.words());
                }
                _ => return phrase,
            }
            is_apart = self.lexer.skip_cfws();
        }
    }

    /// Words that single spaces part.
    fn words(&mut self) -> &'a [u8] {
        let rest = self.lexer.rest();
        let mut len = 0;
        for (at, octet) in rest.iter().enumerate() {
            if is_word(*octet) {
                len = at + 1;
            } else if *octet != b' ' || at > len {
                break;
            }
        }
        self.lexer.pass(len)
    }

    /// `angle-addr`, and what its obsolete form has.
    fn angle(&mut self) -> Address<'a> {
        self.lexer.advance();
        self.lexer.skip_cfws();
        let mut route = Joined::default();
        if self.lexer.peek() == Some(b'@') {
            while matches!(self.lexer.peek(), Some(octet) if !b">:".contains(&octet)) {
                route.push(self.lexer.run(|octet| !b" \t\r\n(>:".contains(&octet)));
                self.lexer.skip_cfws();
            }
            self.lexer.eat(b':');
            self.lexer.skip_cfws();
        }
        let local = self.phrase();
        let mut address = Address::of(AddressKind::Mailbox, local.into());
        if self.lexer.eat(b'@') {
            address.host = self.domain();
        }
        if !route.is_empty() {
            address.route = Some(route.into());
        }
        self.lexer.skip_cfws();
        self.lexer.eat(b'>');
        address
    }

    /// A domain. Spaces and comments are left out around its dots; elsewhere they end it, as the
    /// words of two would make a third domain.
    fn domain(&mut self) -> Cow<'a, [u8]> {
        let mut domain = Joined::default();
        let mut is_behind_dot = true;
        loop {
            let is_apart = self.lexer.skip_cfws();
            let next = self.lexer.peek();
            if is_apart && !is_behind_dot && next != Some(b'.') {
                return domain.into();
            }
            let piece = if next == Some(b'[') {
                let literal = self.lexer.rest();
                let end = memchr::memchr(b']', literal).map_or(literal.len(), |at| at + 1);
                self.lexer.pass(end)
            } else {
                self.lexer.run(is_word)
            };
            if piece.is_empty() {
                return domain.into();
            }
            is_behind_dot = piece.ends_with(b".");
            domain.push(piece);
        }
    }
}

/// What words are made of here: `atext`, dots, and octets that are not ASCII.
const fn is_word(octet: u8) -> bool {
    !matches!(
        octet,
        0..=b' '
            | b'('
            | b')'
            | b'<'
            | b'>'
            | b'['
            | b']'
            | b':'
            | b';'
            | b'@'
            | b'\\'
            | b','
            | b'"'
            | 0x7f
    )
}

impl fmt::Debug for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Addresses({} octets)", self.lexer.rest().len())
    }
}
