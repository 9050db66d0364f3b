//! Which names mailboxes may be given.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use super::pattern::is_in_inbox;
use crate::{
    limits,
    mailbox::{Encoding, InvalidName, Mailbox},
    response::Code,
};

/// Which mailbox names a server lets clients make and use.
///
/// A name that is let through is text without controls; none of its levels is empty, `.` or `..`,
/// begins with `~` or `#`, or is long, and INBOX is in upper case; so a path that a store makes of it
/// stays where the store keeps its mailboxes. Text is not normalised: two names may look alike.
///
/// ```
/// use mailwire_imap::{mailbox::{Encoding, Mailbox}, toolkit::list::{NamePolicy, RefusedName}};
/// let policy = NamePolicy::new(Some(b'/'), Encoding::Utf7);
/// let name = |name: &str| Mailbox::new(name.as_bytes()).unwrap();
/// assert_eq!(policy.create(&name("inbox/Work/"))?, name("INBOX/Work"));
/// assert_eq!(policy.create(&name("a//b")), Err(RefusedName::EmptyLevel));
/// assert_eq!(policy.create(&name("../b")), Err(RefusedName::Reserved));
/// # Ok::<(), RefusedName>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NamePolicy {
    /// The hierarchy separator; `None` in a flat namespace.
    pub delimiter: Option<u8>,
    /// How names are written on this connection.
    pub encoding: Encoding,
    /// The most octets of a name on the wire.
    pub octets: usize,
    /// The most octets of one level in UTF-8.
    pub level_octets: usize,
    /// The most levels.
    pub levels: usize,
}

/// A name that a server refuses. The client's fault: it is answered NO.
///
/// ```
/// use mailwire_imap::{response::Code, toolkit::list::RefusedName};
/// assert_eq!(RefusedName::EmptyLevel.code(), Code::Cannot);
/// assert_eq!(RefusedName::Inbox.to_string(), "inbox always exists");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedName {
    /// It is empty.
    #[error("empty mailbox name")]
    Empty,
    /// It is not valid in the encoding of the connection.
    #[error(transparent)]
    Encoding(#[from] InvalidName),
    /// A control character, or a separator of lines or paragraphs.
    #[error("control character in a mailbox name")]
    Control,
    /// A wildcard of LIST, which would find other mailboxes too.
    #[error("wildcard in a mailbox name")]
    Wildcard,
    /// Nothing between two separators, or at an end.
    #[error("empty level in a mailbox name")]
    EmptyLevel,
    /// A level that means something else to file systems or to other servers.
    #[error("reserved mailbox name")]
    Reserved,
    /// More octets than the policy allows.
    #[error("mailbox name too long")]
    TooLong,
    /// More levels than the policy allows.
    #[error("too many levels in a mailbox name")]
    TooDeep,
    /// INBOX cannot be created, or be the new name of another mailbox.
    #[error("inbox always exists")]
    Inbox,
    /// INBOX cannot be deleted (RFC 9051 §6.3.5).
    #[error("inbox cannot be deleted")]
    KeepsInbox,
    /// The new name is the old one.
    #[error("the mailbox has this name already")]
    Same,
    /// The new name is below the old one.
    #[error("a mailbox cannot be moved below itself")]
    BelowItself,
}

impl RefusedName {
    /// The response code for the NO (RFC 5530 §3).
    #[must_use]
    pub const fn code(self) -> Code<'static> {
        match self {
            Self::Inbox | Self::Same => Code::AlreadyExists,
            Self::TooLong | Self::TooDeep => Code::Limit,
            _ => Code::Cannot,
        }
    }
}

impl NamePolicy {
    /// The policy with the limits of [`limits`].
    #[must_use]
    pub const fn new(delimiter: Option<u8>, encoding: Encoding) -> Self {
        Self {
            delimiter,
            encoding,
            octets: limits::MAILBOX_NAME,
            level_octets: limits::MAILBOX_LEVEL,
            levels: limits::MAILBOX_LEVELS,
        }
    }

    /// The name that CREATE makes: without a separator at its end, which only says that there will
    /// be mailboxes below (RFC 9051 §6.3.4).
    ///
    /// ```
    /// use mailwire_imap::{mailbox::{Encoding, Mailbox}, toolkit::list::{NamePolicy, RefusedName}};
    /// let policy = NamePolicy::new(Some(b'/'), Encoding::Utf7);
    /// assert_eq!(policy.create(&Mailbox::new(b"work/")?).unwrap().as_bytes(), b"work");
    /// assert_eq!(policy.create(&Mailbox::inbox()), Err(RefusedName::Inbox));
    /// # Ok::<(), mailwire_imap::mailbox::InvalidMailbox>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RefusedName`].
    pub fn create(&self, name: &Mailbox) -> Result<Mailbox, RefusedName> {
        let wire = name.as_bytes();
        let name = match wire.split_last() {
            Some((last, rest)) if Some(*last) == self.delimiter => {
                Mailbox::new(rest).map_err(|_| RefusedName::Control)?
            }
            _ => name.clone(),
        };
        let name = self.check(&name)?;
        if name.is_inbox() {
            return Err(RefusedName::Inbox);
        }
        Ok(name)
    }

    /// The names that RENAME takes: the old one need only be one that could exist, and may be INBOX
    /// (RFC 9051 §6.3.6).
    ///
    /// ```
    /// use mailwire_imap::{mailbox::{Encoding, Mailbox}, toolkit::list::{NamePolicy, RefusedName}};
    /// let policy = NamePolicy::new(Some(b'/'), Encoding::Utf7);
    /// let (a, below) = (Mailbox::new(b"a")?, Mailbox::new(b"a/b")?);
    /// assert_eq!(policy.rename(&a, &below), Err(RefusedName::BelowItself));
    /// assert!(policy.rename(&below, &a).is_ok());
    /// # Ok::<(), mailwire_imap::mailbox::InvalidMailbox>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RefusedName`].
    pub fn rename(&self, from: &Mailbox, to: &Mailbox) -> Result<(Mailbox, Mailbox), RefusedName> {
        let from = self.check(from)?;
        let to = self.create(to)?;
        if from == to {
            return Err(RefusedName::Same);
        }
        let rest = to.as_bytes().strip_prefix(from.as_bytes());
        let is_below = rest.and_then(|rest| rest.first()).copied() == self.delimiter;
        // RENAME of INBOX moves its messages and leaves INBOX where it is.
        if rest.is_some() && is_below && !from.is_inbox() {
            return Err(RefusedName::BelowItself);
        }
        Ok((from, to))
    }

    /// The name that DELETE takes.
    ///
    /// ```
    /// use mailwire_imap::{mailbox::{Encoding, Mailbox}, toolkit::list::{NamePolicy, RefusedName}};
    /// let policy = NamePolicy::new(Some(b'/'), Encoding::Utf7);
    /// assert_eq!(policy.delete(&Mailbox::inbox()), Err(RefusedName::KeepsInbox));
    /// ```
    ///
    /// # Errors
    ///
    /// [`RefusedName`].
    pub fn delete(&self, name: &Mailbox) -> Result<Mailbox, RefusedName> {
        let name = self.check(name)?;
        if name.is_inbox() {
            return Err(RefusedName::KeepsInbox);
        }
        Ok(name)
    }

    /// A name that could be that of a mailbox, in the one form that it is kept in. To be asked
    /// before a store is: for a name that is refused there is no mailbox.
    ///
    /// ```
    /// use mailwire_imap::{mailbox::{Encoding, Mailbox}, toolkit::list::NamePolicy};
    /// let policy = NamePolicy::new(Some(b'/'), Encoding::Utf7);
    /// assert_eq!(policy.check(&Mailbox::new(b"Inbox/a")?).unwrap().as_bytes(), b"INBOX/a");
    /// assert!(policy.check(&Mailbox::new(b"a/../b")?).is_err());
    /// # Ok::<(), mailwire_imap::mailbox::InvalidMailbox>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RefusedName`].
    pub fn check(&self, name: &Mailbox) -> Result<Mailbox, RefusedName> {
        let wire = name.as_bytes();
        if wire.is_empty() {
            return Err(RefusedName::Empty);
        }
        if wire.len() > self.octets {
            return Err(RefusedName::TooLong);
        }
        let text: String = name.name(self.encoding)?.into_owned();
        if text.chars().any(is_control) {
            return Err(RefusedName::Control);
        }
        if text.contains(['*', '%']) {
            return Err(RefusedName::Wildcard);
        }
        let delimiter = self.delimiter.map(char::from);
        let levels = text.split(|character| Some(character) == delimiter);
        for (at, level) in levels.enumerate() {
            if at >= self.levels {
                return Err(RefusedName::TooDeep);
            }
            self.check_level(level)?;
        }
        Ok(with_inbox(name, self.delimiter))
    }

    fn check_level(&self, level: &str) -> Result<(), RefusedName> {
        match level {
            "" => Err(RefusedName::EmptyLevel),
            "." | ".." => Err(RefusedName::Reserved),
            // Home directories and namespaces of other servers (RFC 9051 §5.1.2.1); a slash would
            // be a level to a file system.
            _ if level.starts_with(['~', '#']) => Err(RefusedName::Reserved),
            _ if level.contains('/') => Err(RefusedName::Reserved),
            _ if level.len() > self.level_octets => Err(RefusedName::TooLong),
            _ => Ok(()),
        }
    }
}

/// The same name with INBOX in upper case where that is the first level.
pub(super) fn with_inbox(name: &Mailbox, delimiter: Option<u8>) -> Mailbox {
    if !is_in_inbox(name.as_bytes(), delimiter) {
        return name.to_owned();
    }
    let inbox = Mailbox::inbox();
    let mut wire: Vec<u8> = inbox.as_bytes().to_vec();
    wire.extend(name.as_bytes().iter().skip(wire.len()));
    Mailbox::new(&wire).unwrap_or(inbox)
}

/// What nobody sees, or what other programs take for the end of a line.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}
