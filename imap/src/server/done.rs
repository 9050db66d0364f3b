//! What ends a command.

use alloc::string::String;
use core::fmt;

use bytes::{BufMut, BytesMut};

use crate::{
    command::Tag,
    limits,
    response::{Code, Condition, Status},
};

/// The tagged answer to a command: OK, NO or BAD, a response code, and a text for people. The
/// machine puts the tag in front.
///
/// ```
/// use mailwire_imap::{response::Code, server::Done};
/// let done = Done::no("no such mailbox").with_code(&Code::TryCreate);
/// assert_eq!(done.to_string(), "NO [TRYCREATE] no such mailbox");
/// assert_eq!(Done::no("a\r\nb OK c").to_string(), "NO a  b OK c");
/// ```
#[derive(Clone, PartialEq)]
pub struct Done(Status);

impl Done {
    /// Success.
    #[must_use]
    pub fn ok(text: &str) -> Self {
        Self::new(Condition::Ok, text)
    }

    /// Failure.
    #[must_use]
    pub fn no(text: &str) -> Self {
        Self::new(Condition::No, text)
    }

    /// The command makes no sense.
    #[must_use]
    pub fn bad(text: &str) -> Self {
        Self::new(Condition::Bad, text)
    }

    /// The user name or the password is wrong: it counts as a failed login.
    #[must_use]
    pub fn wrong_credentials() -> Self {
        Self::no("wrong user name or password").with_code(&Code::AuthenticationFailed)
    }

    /// Something of ours does not work at the moment. It does not count as a failed login.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::no("temporary failure, try again later").with_code(&Code::Unavailable)
    }

    /// At most [`limits::TEXT`] octets of the text, without controls.
    fn new(condition: Condition, text: &str) -> Self {
        Self(Status::untagged(condition, None, &clean(text)))
    }

    /// The same with this response code.
    #[must_use]
    pub fn with_code(self, code: &Code<'_>) -> Self {
        let text = self.0.text();
        Self(Status::untagged(
            self.0.condition(),
            Some(code),
            text.to_str().unwrap_or_default().trim_start(),
        ))
    }

    /// OK, NO or BAD.
    #[must_use]
    pub const fn condition(&self) -> Condition {
        self.0.condition()
    }

    /// Whether it is OK.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.condition() == Condition::Ok
    }

    /// Whether it is BAD.
    pub(super) fn is_bad(&self) -> bool {
        self.condition() == Condition::Bad
    }

    /// The response code.
    #[must_use]
    pub fn code(&self) -> Option<Code<'_>> {
        self.0.code()
    }

    /// Whether a login that is answered so counts as a wrong password. It does not where the code
    /// says that the password is not why.
    pub(super) fn is_wrong_credentials(&self) -> bool {
        match self.code() {
            None => true,
            Some(code) => matches!(
                code,
                Code::AuthenticationFailed | Code::AuthorizationFailed | Code::Expired
            ),
        }
    }

    pub(super) fn write(&self, tag: &Tag, wire: &mut BytesMut) {
        let rest = self.0.wire().get(1..).unwrap_or_default();
        wire.reserve(tag.as_bytes().len() + rest.len() + 2);
        wire.put_slice(tag.as_bytes());
        wire.put_slice(rest);
        wire.put_slice(b"\r\n");
    }
}

/// One line for people: capped, and without what could steer a terminal. RFC 3501 §9 knows only
/// ASCII here, and few clients turn on more.
pub(super) fn clean(text: &str) -> String {
    let fit = |c: char| match c {
        ' '..='~' => c,
        c if c.is_control() => ' ',
        _ => '?',
    };
    text.chars().take(limits::TEXT).map(fit).collect()
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wire = self.0.wire().get(2..).unwrap_or_default();
        f.write_str(core::str::from_utf8(wire).unwrap_or_default())
    }
}

impl fmt::Debug for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Done({self})")
    }
}
