//! What can be wrong: with one value, with one command, with a reply.
//!
//! Read first: RFC 5321 §4.2 and RFC 3463 §3 for the codes that a server answers with.

use core::fmt;

use crate::reply::{Code, EnhancedCode, Reply};

/// What the grammar expected where it met something else; the names are those of the RFCs' ABNF.
///
/// ```
/// use mailwire_smtp::error::Expected;
/// assert_eq!(Expected::Domain.to_string(), "a domain");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Expected {
    /// `address-literal` of RFC 5321 §4.1.3.
    AddressLiteral,
    /// The mailbox or `<>` of the AUTH parameter, RFC 4954 §5.
    AuthParameter,
    /// `initial-response` of RFC 4954 §8, or `=` for an empty one.
    Base64,
    /// `7BIT`, `8BITMIME` or `BINARYMIME`, RFC 6152 §2 and RFC 3030 §3.
    BodyValue,
    /// `chunk-size` of RFC 3030 §4.2, in 64 bits.
    ChunkSize,
    /// The client's name in EHLO, HELO or LHLO.
    ClientName,
    /// A command verb: letters, digits and hyphens.
    Command,
    /// `Domain` of RFC 5321 §4.1.2 or RFC 6531 §3.3.
    Domain,
    /// `ehlo-line` of RFC 5321 §4.1.1.1, of at most 512 octets with its code and CRLF.
    EhloLine,
    /// The end of the command.
    End,
    /// `LAST` or the end of the command, RFC 3030 §4.2.
    EndMarker,
    /// The value of ENVID, RFC 3461 §4.4: printable ASCII in xtext of at most 100 octets.
    EnvidValue,
    /// `esmtp-param` of RFC 5321 §4.1.2.
    EsmtpParam,
    /// Not more unknown parameters than [`UNKNOWN_PARAMS`](crate::limits::UNKNOWN_PARAMS).
    FewerParams,
    /// `FROM:`.
    From,
    /// `Forward-path` of RFC 5321 §4.1.2.
    ForwardPath,
    /// A parameter that the server has offered, RFC 5321 §4.1.1.11.
    KnownParam,
    /// `Local-part` of RFC 5321 §4.1.2 or RFC 6531 §3.3.
    LocalPart,
    /// `sasl-mech` of RFC 4422 §3.1.
    Mechanism,
    /// A command without a parameter: this command takes none, RFC 5321 §4.3.2.
    NoArgument,
    /// `notify-esmtp-value` of RFC 3461 §4.1.
    NotifyValue,
    /// `original-recipient-address` of RFC 3461 §4.2, of at most 500 octets.
    OrcptValue,
    /// A path of at most 256 octets, RFC 5321 §4.5.3.1.3.
    ShorterPath,
    /// `FULL` or `HDRS`, RFC 3461 §4.3.
    RetValue,
    /// `Reverse-path` of RFC 5321 §4.1.2.
    ReversePath,
    /// `size-value` of RFC 1870 §5, in 64 bits.
    SizeValue,
    /// Printable text without controls.
    Text,
    /// `TO:`.
    To,
    /// Each parameter at most once, RFC 3461 §4.5.
    UniqueParam,
    /// UTF-8, RFC 3629.
    Utf8,
}

impl Expected {
    const fn as_str(self) -> &'static str {
        match self {
            Self::AddressLiteral => "an address literal",
            Self::AuthParameter => "a mailbox or <> in xtext",
            Self::Base64 => "base64",
            Self::BodyValue => "7BIT, 8BITMIME or BINARYMIME",
            Self::ChunkSize => "a chunk size",
            Self::ClientName => "the client's name",
            Self::Command => "a command",
            Self::Domain => "a domain",
            Self::EhloLine => "a keyword and parameters",
            Self::End => "the end of the command",
            Self::EndMarker => "LAST",
            Self::EnvidValue => "an envelope id in xtext",
            Self::EsmtpParam => "a parameter",
            Self::FewerParams => "fewer parameters",
            Self::From => "FROM:",
            Self::ForwardPath => "a forward-path",
            Self::KnownParam => "a parameter that was offered",
            Self::LocalPart => "a local part",
            Self::Mechanism => "a mechanism",
            Self::NoArgument => "no argument",
            Self::NotifyValue => "NEVER, or SUCCESS, FAILURE and DELAY",
            Self::OrcptValue => "an address type and an address in xtext",
            Self::ShorterPath => "a path of at most 256 octets",
            Self::RetValue => "FULL or HDRS",
            Self::ReversePath => "a reverse-path",
            Self::SizeValue => "a size",
            Self::Text => "text without controls",
            Self::To => "TO:",
            Self::UniqueParam => "each parameter once",
            Self::Utf8 => "UTF-8",
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A value that a constructor refused, with the rule that it broke and where.
///
/// ```
/// use mailwire_smtp::address::Domain;
/// let error = "a..b".parse::<Domain>().unwrap_err();
/// assert_eq!(error.to_string(), "expected a domain at octet 2");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected {expected} at octet {offset}")]
pub struct InvalidValue {
    expected: Expected,
    offset: usize,
}

impl InvalidValue {
    pub(crate) const fn new(expected: Expected, offset: usize) -> Self {
        Self { expected, offset }
    }

    /// The rule that was broken.
    #[must_use]
    pub const fn expected(&self) -> Expected {
        self.expected
    }

    /// The octet, from the start of the value, where it was broken.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

/// What a refused command does to the octets behind it.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_smtp::{command::Command, error::Framing};
/// let parse = |line: &str| Command::parse(BytesMut::from(line)).unwrap_err().framing();
/// assert_eq!(parse("MAIL FROM:x"), Framing::Kept);
/// assert_eq!(parse("BDAT 5 LATS"), Framing::Chunk(5));
/// assert_eq!(parse("BDAT five"), Framing::Lost);
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "a machine must handle every outcome"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// The next line is the next command.
    Kept,
    /// So many octets of a chunk follow, which must be swallowed, never parsed as commands.
    Chunk(u64),
    /// A chunk of unknown length follows: answer and close (RFC 3030 §4.2).
    Lost,
}

/// A command that did not parse: the rule it broke, where, and what to answer.
///
/// The connection is in order afterwards, unless [`framing`](Self::framing) says otherwise.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_smtp::{command::Command, error::Expected};
/// let error = Command::parse(BytesMut::from("RCPT TO:<a b@example.org>")).unwrap_err();
/// assert_eq!(error.expected(), Expected::LocalPart);
/// assert_eq!(error.offset(), 10);
/// assert_eq!(error.reply().wire(), b"501 5.1.3 expected a local part at octet 10\r\n");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{invalid}")]
pub struct ParseError {
    invalid: InvalidValue,
    code: Code,
    enhanced: EnhancedCode,
    framing: Framing,
}

impl ParseError {
    /// Not a command at all.
    pub(crate) const fn not_a_command(offset: usize) -> Self {
        Self {
            invalid: InvalidValue::new(Expected::Command, offset),
            code: Code::SYNTAX_ERROR,
            enhanced: EnhancedCode::of::<5, 5, 2>(),
            framing: Framing::Kept,
        }
    }

    /// A command that we know with a bad argument.
    pub(crate) const fn argument(invalid: InvalidValue) -> Self {
        Self {
            invalid,
            code: Code::BAD_ARGUMENT,
            enhanced: EnhancedCode::of::<5, 5, 4>(),
            framing: Framing::Kept,
        }
    }

    /// A bad address of a sender.
    pub(crate) const fn sender(invalid: InvalidValue) -> Self {
        Self::argument(invalid).with_enhanced(EnhancedCode::of::<5, 1, 7>())
    }

    /// A bad address of a recipient.
    pub(crate) const fn recipient(invalid: InvalidValue) -> Self {
        Self::argument(invalid).with_enhanced(EnhancedCode::of::<5, 1, 3>())
    }

    /// An initial response that does not decode (RFC 4954 §4).
    pub(crate) const fn base64(offset: usize) -> Self {
        Self::argument(InvalidValue::new(Expected::Base64, offset))
            .with_enhanced(EnhancedCode::of::<5, 5, 2>())
    }

    /// An initial response that is too long (RFC 4954 §6).
    pub(crate) const fn base64_too_long(offset: usize) -> Self {
        let code = Code::SYNTAX_ERROR;
        let enhanced = EnhancedCode::of::<5, 5, 6>();
        Self {
            code,
            enhanced,
            ..Self::base64(offset)
        }
    }

    /// A parameter that the server does not know (RFC 5321 §4.1.1.11).
    pub(crate) const fn unknown_param(offset: usize) -> Self {
        let code = Code::BAD_PARAMETER;
        Self {
            code,
            ..Self::argument(InvalidValue::new(Expected::KnownParam, offset))
        }
    }

    pub(crate) const fn with_framing(self, framing: Framing) -> Self {
        Self { framing, ..self }
    }

    const fn with_enhanced(self, enhanced: EnhancedCode) -> Self {
        Self { enhanced, ..self }
    }

    /// The rule that was broken.
    #[must_use]
    pub const fn expected(&self) -> Expected {
        self.invalid.expected()
    }

    /// The octet, from the start of the line, where it was broken.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.invalid.offset()
    }

    /// The reply code to answer with.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The enhanced status code to answer with, RFC 3463.
    #[must_use]
    pub const fn enhanced(&self) -> EnhancedCode {
        self.enhanced
    }

    /// What the refusal does to the octets behind the command.
    #[must_use]
    pub const fn framing(&self) -> Framing {
        self.framing
    }

    /// The reply to answer with. It never repeats what the peer sent.
    #[must_use]
    pub fn reply(&self) -> Reply {
        Reply::format(self.code, self.enhanced, format_args!("{}", self.invalid))
    }
}

/// A reply that the client cannot trust: what follows it may belong to another command.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_smtp::{error::ReplyError, reply::ReplyParser};
/// let mut input = BytesMut::from("250-a\r\n550 b\r\n");
/// assert_eq!(ReplyParser::new().parse(&mut input), Err(ReplyError::MixedCodes));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReplyError {
    /// A CR without LF, or an LF without CR (RFC 5321 §2.3.8).
    #[error("bare CR or LF in a reply")]
    BareLineEnd,
    /// Not three digits from 200 to 559 with a space or a hyphen behind them (RFC 5321 §4.2).
    #[error("malformed reply line")]
    Malformed,
    /// The lines of one reply have different codes (RFC 5321 §4.2.1).
    #[error("the lines of one reply have different codes")]
    MixedCodes,
    /// A line longer than [`REPLY_LINE`](crate::limits::REPLY_LINE).
    #[error("reply line longer than {max} octets")]
    LineTooLong {
        /// The limit.
        max: usize,
    },
    /// A reply of more lines than [`REPLY_LINES`](crate::limits::REPLY_LINES).
    #[error("reply of more than {max} lines")]
    TooManyLines {
        /// The limit.
        max: usize,
    },
    /// A reply of more octets than [`REPLY`](crate::limits::REPLY).
    #[error("reply longer than {max} octets")]
    TooLong {
        /// The limit.
        max: usize,
    },
}
