//! Replies: codes, enhanced codes, lines, and the parser of a client.
//!
//! Read first: RFC 5321 §4.2, RFC 2034 §4, RFC 3463 §2.

use alloc::string::String;

use bytes::BytesMut;
use mailwire_core::text::Octets;

use crate::{error::ReplyError, extension::Capabilities};

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

impl core::fmt::Display for Code {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(&self.0, f)
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

impl core::fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// A reply, received or to be sent: one piece of octets as they stand on the wire.
///
/// ```
/// use mailwire_smtp::reply::{Code, EnhancedCode, Reply};
/// let reply = Reply::new(Code::OK, EnhancedCode::of::<2, 1, 5>(), "alice is welcome");
/// assert_eq!(reply.wire(), b"250 2.1.5 alice is welcome\r\n");
/// assert_eq!(reply.lines().next().unwrap().text(), b"alice is welcome");
/// // Nothing that an application puts into the text becomes a second reply.
/// let reply = Reply::new(Code::OK, None, "done\r\n250 injected");
/// assert_eq!(reply.wire(), b"250-done\r\n250 250 injected\r\n");
/// ```
#[derive(Clone)]
pub struct Reply {
    code: Code,
    wire: Octets,
}

impl Reply {
    /// A reply of that code and text.
    ///
    /// The text may have several lines; long ones are broken, so that none passes 512 octets
    /// (RFC 5321 §4.5.3.1.5). What is neither printable ASCII nor a tab becomes `?`. The enhanced
    /// code takes its class from the reply code, and is left out of 3yz replies (RFC 2034 §4).
    #[must_use]
    pub fn new(code: Code, enhanced: impl Into<Option<EnhancedCode>>, text: &str) -> Self {
        let _ = (code, enhanced.into(), text);
        unimplemented!()
    }

    /// A reply whose text is put together from values: `Reply::format(code, enhanced,
    /// format_args!("{n} octets"))`.
    #[must_use]
    pub fn format(
        code: Code,
        enhanced: impl Into<Option<EnhancedCode>>,
        text: core::fmt::Arguments<'_>,
    ) -> Self {
        let _ = (code, enhanced.into(), text);
        unimplemented!()
    }

    /// The reply code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What the reply code's first digit says.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// The enhanced code of the first line, if its class is that of the reply code.
    #[must_use]
    pub fn enhanced(&self) -> Option<EnhancedCode> {
        unimplemented!()
    }

    /// Its lines, at least one.
    pub fn lines(&self) -> Lines<'_> {
        unimplemented!()
    }

    /// The octets on the wire, with every CRLF.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// Appends the reply to `out`.
    pub fn encode(&self, out: &mut BytesMut) {
        let _ = out;
        unimplemented!()
    }

    /// All text on one line, without enhanced codes, capped and fit to be shown.
    #[must_use]
    pub fn to_text(&self) -> String {
        unimplemented!()
    }

    /// Copies what would pin a read buffer.
    #[must_use]
    pub fn detach(self) -> Self {
        Self {
            wire: self.wire.detach(),
            ..self
        }
    }
}

impl core::fmt::Debug for Reply {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Reply({})", self.wire.escape_ascii())
    }
}

impl PartialEq for Reply {
    fn eq(&self, other: &Self) -> bool {
        let _ = other;
        unimplemented!()
    }
}

impl Eq for Reply {}

/// The lines of a reply.
///
/// ```
/// use mailwire_smtp::reply::{Code, Reply};
/// assert_eq!(Reply::new(Code::OK, None, "a\nb").lines().count(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let _ = self.rest;
        unimplemented!()
    }
}

/// One line of a reply, without its code.
///
/// ```
/// use mailwire_smtp::reply::{Code, EnhancedCode, Reply};
/// let reply = Reply::new(Code::OK, EnhancedCode::of::<2, 0, 0>(), "ok");
/// let line = reply.lines().next().unwrap();
/// assert_eq!((line.raw(), line.text()), (&b"2.0.0 ok"[..], &b"ok"[..]));
/// assert_eq!(line.enhanced(), Some(EnhancedCode::of::<2, 0, 0>()));
/// ```
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Line<'a> {
    raw: &'a [u8],
}

impl<'a> Line<'a> {
    /// All that stands behind the code and the space or hyphen.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The enhanced code that this line begins with, whatever the reply code is.
    #[must_use]
    pub fn enhanced(&self) -> Option<EnhancedCode> {
        unimplemented!()
    }

    /// What stands behind the enhanced code, if there is one. To show it, wrap it in
    /// [`Sanitized`](mailwire_core::text::Sanitized).
    #[must_use]
    pub fn text(&self) -> &'a [u8] {
        unimplemented!()
    }
}

impl core::fmt::Debug for Line<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "\"{}\"", self.raw.escape_ascii())
    }
}

/// Takes replies off the front of a buffer that the caller fills. It remembers how far it has
/// looked, so that one-octet reads cost linear time.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_smtp::reply::{Code, ReplyParser};
/// let mut parser = ReplyParser::new();
/// let mut input = BytesMut::from("250-one\r\n25");
/// assert_eq!(parser.parse(&mut input)?, None);
/// input.extend_from_slice(b"0 two\r\n");
/// let reply = parser.parse(&mut input)?.unwrap();
/// assert_eq!((reply.code(), reply.lines().count()), (Code::OK, 2));
/// assert!(input.is_empty());
/// # Ok::<(), mailwire_smtp::error::ReplyError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ReplyParser {
    /// Where the line begins that has not ended yet.
    line: usize,
    /// How far into that line there is no CR or LF.
    scanned: usize,
    /// How many lines have ended.
    lines: usize,
    /// The code of the first line.
    code: Option<Code>,
}

impl ReplyParser {
    /// A parser at the start of a reply.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next reply off `input`, or nothing while it has not ended.
    ///
    /// # Errors
    ///
    /// [`ReplyError`]: the stream cannot be trusted any more.
    pub fn parse(&mut self, input: &mut BytesMut) -> Result<Option<Reply>, ReplyError> {
        let _ = (input, self.line, self.scanned, self.lines, self.code);
        unimplemented!()
    }

    /// Takes the reply to EHLO or LHLO off `input`, with what the server offers. A reply of
    /// another code than 250 offers nothing.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_ehlo(
        &mut self,
        input: &mut BytesMut,
    ) -> Result<Option<(Reply, Capabilities)>, ReplyError> {
        let _ = input;
        unimplemented!()
    }

    /// Whether a reply has begun but not ended: octets of it are in `input`.
    #[must_use]
    pub fn is_inside(&self, input: &BytesMut) -> bool {
        let _ = input;
        unimplemented!()
    }
}
