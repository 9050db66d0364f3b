//! Reply codes and enhanced status codes.

use core::fmt;

/// A reply code: three digits, the first from 2 to 5, the second from 0 to 5 (RFC 5321 §4.2).
///
/// ```
/// use mailwire_smtp::reply::{Code, Severity};
/// assert_eq!(Code::OK.value(), 250);
/// assert_eq!(Code::new(451).map(Code::severity), Some(Severity::Transient));
/// assert_eq!(Code::new(199), None);
/// const GREYLISTED: Code = Code::of::<451>();
/// assert_eq!(GREYLISTED.to_string(), "451");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Code(u16);

impl Code {
    /// 220: the service is ready.
    pub const READY: Self = Self(220);
    /// 221: the service closes the connection.
    pub const CLOSING: Self = Self(221);
    /// 235: authentication succeeded.
    pub const AUTHENTICATED: Self = Self(235);
    /// 250: done.
    pub const OK: Self = Self(250);
    /// 252: cannot verify the user, but will take the message.
    pub const CANNOT_VERIFY: Self = Self(252);
    /// 334: a challenge; the client answers.
    pub const CHALLENGE: Self = Self(334);
    /// 354: the client sends the message.
    pub const START_MAIL_INPUT: Self = Self(354);
    /// 421: the service is not available and closes the connection.
    pub const NOT_AVAILABLE: Self = Self(421);
    /// 450: the mailbox is not available now.
    pub const MAILBOX_BUSY: Self = Self(450);
    /// 451: a local error.
    pub const LOCAL_ERROR: Self = Self(451);
    /// 452: no room.
    pub const NO_STORAGE: Self = Self(452);
    /// 454: cannot authenticate, or start TLS, now.
    pub const TEMPORARY_AUTH_FAILURE: Self = Self(454);
    /// 500: not a command.
    pub const SYNTAX_ERROR: Self = Self(500);
    /// 501: a bad argument.
    pub const BAD_ARGUMENT: Self = Self(501);
    /// 502: the command is not implemented.
    pub const NOT_IMPLEMENTED: Self = Self(502);
    /// 503: the command is out of order.
    pub const BAD_SEQUENCE: Self = Self(503);
    /// 504: the argument is not implemented.
    pub const ARGUMENT_NOT_IMPLEMENTED: Self = Self(504);
    /// 530: authenticate, or start TLS, first.
    pub const AUTH_REQUIRED: Self = Self(530);
    /// 535: the credentials are wrong.
    pub const AUTH_FAILED: Self = Self(535);
    /// 538: this mechanism needs encryption.
    pub const ENCRYPTION_REQUIRED: Self = Self(538);
    /// 550: the mailbox is not available.
    pub const MAILBOX_UNAVAILABLE: Self = Self(550);
    /// 552: the message is too large.
    pub const TOO_LARGE: Self = Self(552);
    /// 553: the mailbox name is not allowed.
    pub const BAD_MAILBOX: Self = Self(553);
    /// 554: the transaction failed.
    pub const TRANSACTION_FAILED: Self = Self(554);
    /// 555: a parameter is not recognised.
    pub const BAD_PARAMETER: Self = Self(555);

    /// The code of that value, if the grammar allows it.
    #[must_use]
    pub const fn new(value: u16) -> Option<Self> {
        match (value / 100, value / 10 % 10) {
            (2..=5, 0..=5) => Some(Self(value)),
            _ => None,
        }
    }

    /// A code that is known when the program is compiled; a wrong one does not compile.
    #[must_use]
    pub const fn of<const VALUE: u16>() -> Self {
        const { assert!(Self::new(VALUE).is_some(), "not a reply code") };
        Self(VALUE)
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u16 {
        self.0
    }

    /// What its first digit says.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self.0 / 100 {
            2 => Severity::Completion,
            3 => Severity::Intermediate,
            4 => Severity::Transient,
            _ => Severity::Permanent,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What the first digit of a reply code says (RFC 5321 §4.2.1).
///
/// ```
/// use mailwire_smtp::reply::{Code, Severity};
/// assert_eq!(Code::MAILBOX_UNAVAILABLE.severity(), Severity::Permanent);
/// ```
#[expect(clippy::exhaustive_enums, reason = "RFC 5321 §4.2.1 has these four")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Severity {
    /// 2yz: done.
    Completion,
    /// 3yz: go on.
    Intermediate,
    /// 4yz: not now.
    Transient,
    /// 5yz: not so.
    Permanent,
}

/// An enhanced status code, `class.subject.detail` (RFC 3463 §2).
///
/// ```
/// use mailwire_smtp::reply::EnhancedCode;
/// const NO_SUCH_USER: EnhancedCode = EnhancedCode::of::<5, 1, 1>();
/// assert_eq!(NO_SUCH_USER.to_string(), "5.1.1");
/// assert_eq!(EnhancedCode::new(3, 0, 0), None);
/// assert_eq!(EnhancedCode::new(5, 1, 1000), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EnhancedCode {
    class: u8,
    subject: u16,
    detail: u16,
}

impl EnhancedCode {
    /// The code, if the class is 2, 4 or 5, and subject and detail have at most three digits.
    #[must_use]
    pub const fn new(class: u8, subject: u16, detail: u16) -> Option<Self> {
        match (class, subject, detail) {
            (2 | 4 | 5, 0..=999, 0..=999) => Some(Self {
                class,
                subject,
                detail,
            }),
            _ => None,
        }
    }

    /// A code that is known when the program is compiled; a wrong one does not compile.
    #[must_use]
    pub const fn of<const CLASS: u8, const SUBJECT: u16, const DETAIL: u16>() -> Self {
        const {
            assert!(
                Self::new(CLASS, SUBJECT, DETAIL).is_some(),
                "not a status code"
            );
        };
        Self {
            class: CLASS,
            subject: SUBJECT,
            detail: DETAIL,
        }
    }

    /// 2 for success, 4 for now not, 5 for never.
    #[must_use]
    pub const fn class(self) -> u8 {
        self.class
    }

    /// What it is about.
    #[must_use]
    pub const fn subject(self) -> u16 {
        self.subject
    }

    /// What exactly.
    #[must_use]
    pub const fn detail(self) -> u16 {
        self.detail
    }
}

impl EnhancedCode {
    /// The code that the text of a reply begins with, and what stands behind it and the space.
    #[inline]
    pub(super) fn split(text: &[u8]) -> Option<(Self, &[u8])> {
        // Nearly all have three single digits.
        if let [class, b'.', subject, b'.', detail, b' ', rest @ ..] = text
            && subject.is_ascii_digit()
            && detail.is_ascii_digit()
        {
            let digit = |octet: &u8| u16::from(octet.wrapping_sub(b'0'));
            let code = Self::new(class.wrapping_sub(b'0'), digit(subject), digit(detail))?;
            return Some((code, rest));
        }
        Self::split_long(text)
    }

    fn split_long(text: &[u8]) -> Option<(Self, &[u8])> {
        let (class, rest) = number(text)?;
        let (subject, rest) = number(rest.strip_prefix(b".")?)?;
        let (detail, rest) = number(rest.strip_prefix(b".")?)?;
        let class = u8::try_from(class).ok()?;
        let rest = match rest {
            [] => rest,
            [b' ', rest @ ..] => rest,
            _ => return None,
        };
        Some((Self::new(class, subject, detail)?, rest))
    }
}

/// One to three digits, without a zero in front (RFC 3463 §2).
fn number(text: &[u8]) -> Option<(u16, &[u8])> {
    let digits = text
        .iter()
        .take_while(|octet| octet.is_ascii_digit())
        .count();
    let (digits, rest) = text.split_at_checked(digits)?;
    if !matches!(digits, [_] | [b'1'..=b'9', _] | [b'1'..=b'9', _, _]) {
        return None;
    }
    let value = digits
        .iter()
        .fold(0, |value, digit| value * 10 + u16::from(digit - b'0'));
    Some((value, rest))
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}
