//! What a server tells the application, and what is owed for it.

use alloc::{boxed::Box, sync::Arc};

use bytes::Bytes;
use mailwire_core::{dot::BodyFault, line::Malformed, machine::TlsInfo, secret::SecretBytes};

use super::Owed;
use crate::{
    address::{ClientName, ForwardPath, ReversePath},
    command::{Argument, Mechanism},
    error::ParseError,
    params::{MailParams, RcptParams},
};

/// What a server tells the application.
///
/// An event whose documentation names an answer obliges the application to give it before anything
/// else is read: see [`Server::owed`](super::Server::owed).
///
/// ```
/// use mailwire_smtp::server::Event;
/// fn is_commit_point(event: &Event) -> bool { matches!(event, Event::BodyEnd(_)) }
/// ```
#[non_exhaustive]
#[derive(PartialEq)]
pub enum Event {
    /// EHLO, HELO or LHLO. Answer: `Accept`, or a `Reply` that refuses.
    Hello(Hello),
    /// TLS runs. All that was said before is forgotten, and the client says EHLO again. No answer.
    TlsStarted(Arc<TlsInfo>),
    /// AUTH. Answer: `Challenge`, `Accept` (235), or a `Reply`: one that is negative refuses.
    AuthStart(AuthStart),
    /// The client's response to a challenge, decoded. Answer: as for `AuthStart`.
    AuthResponse(SecretBytes),
    /// The exchange is over without a result: by `*`, by a line that is too long, or by one that is
    /// not base64. No answer.
    AuthCancelled,
    /// MAIL. Answer: `Accept`, or a `Reply`; a positive one accepts.
    Mail(Box<Mail>),
    /// RCPT. Answer: as for `Mail`.
    Rcpt(Box<Rcpt>),
    /// A message is about to come. Answer: `Accept`, or a `Reply` that refuses, which ends the
    /// transaction.
    BodyStart(BodyStart),
    /// Octets of the message. A negative `Reply` is allowed: then no more of it comes, the body is
    /// drained, the reply is given at its end, and `Reset` is told. What outlives the event must be
    /// copied, for it pins what was read with it.
    Body(Bytes),
    /// The message is complete: the only point where it may be delivered. Answer: `Accept` (250),
    /// a `Reply`, or in LMTP `Each`; either way the transaction is over.
    BodyEnd(BodyEnd),
    /// The transaction, and what there was of its message, is to be thrown away. No answer.
    Reset(Reset),
    /// VRFY. Answer: `Accept` (252), or a `Reply`.
    Verify(Argument),
    /// EXPN. Answer: `Accept` (252), or a `Reply`.
    Expand(Argument),
    /// The peer said something that the machine refused by itself. No answer.
    Invalid(Invalid),
    /// QUIT. The machine says 221 and closes. No answer.
    Quit,
}

impl core::fmt::Debug for Event {
    // Of a message only the length is shown, of a credential nothing.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Hello(hello) => hello.fmt(f),
            Self::TlsStarted(tls) => f.debug_tuple("TlsStarted").field(tls).finish(),
            Self::AuthStart(start) => start.fmt(f),
            Self::AuthResponse(response) => f.debug_tuple("AuthResponse").field(response).finish(),
            Self::AuthCancelled => f.write_str("AuthCancelled"),
            Self::Mail(mail) => mail.fmt(f),
            Self::Rcpt(rcpt) => rcpt.fmt(f),
            Self::BodyStart(start) => start.fmt(f),
            Self::Body(octets) => write!(f, "Body({} octets)", octets.len()),
            Self::BodyEnd(end) => end.fmt(f),
            Self::Reset(why) => f.debug_tuple("Reset").field(why).finish(),
            Self::Verify(text) => f.debug_tuple("Verify").field(text).finish(),
            Self::Expand(text) => f.debug_tuple("Expand").field(text).finish(),
            Self::Invalid(invalid) => f.debug_tuple("Invalid").field(invalid).finish(),
            Self::Quit => f.write_str("Quit"),
        }
    }
}

impl Event {
    /// What the application owes once it has this event.
    pub(super) const fn owes(&self) -> Option<Owed> {
        Some(match self {
            Self::Hello(_) => Owed::Hello,
            Self::AuthStart(_) | Self::AuthResponse(_) => Owed::Auth,
            Self::Mail(_) => Owed::Mail,
            Self::Rcpt(_) => Owed::Rcpt,
            Self::BodyStart(_) => Owed::BodyStart,
            Self::BodyEnd(_) => Owed::BodyEnd,
            Self::Verify(_) => Owed::Verify,
            Self::Expand(_) => Owed::Expand,
            _ => return None,
        })
    }
}

/// EHLO, HELO or LHLO.
///
/// ```
/// use mailwire_smtp::server::{Hello, HelloVerb};
/// fn protocol(hello: &Hello) -> &'static str {
///     match hello.verb { HelloVerb::Helo => "SMTP", HelloVerb::Ehlo => "ESMTP", HelloVerb::Lhlo => "LMTP" }
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Hello {
    /// Which of the three.
    pub verb: HelloVerb,
    /// Who the client says it is; to be believed by nobody.
    pub client: ClientName,
}

/// Which command greeted.
///
/// ```
/// use mailwire_smtp::server::HelloVerb;
/// assert_ne!(HelloVerb::Helo, HelloVerb::Ehlo);
/// ```
#[expect(clippy::exhaustive_enums, reason = "three commands greet")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum HelloVerb {
    /// `HELO`: no extensions.
    Helo,
    /// `EHLO`.
    Ehlo,
    /// `LHLO`.
    Lhlo,
}

/// AUTH (RFC 4954 §4), with a mechanism that was offered.
///
/// ```
/// use mailwire_smtp::server::AuthStart;
/// fn name(start: &AuthStart) -> &str { start.mechanism.as_str() }
/// ```
#[non_exhaustive]
#[derive(Debug, PartialEq)]
pub struct AuthStart {
    /// Which one.
    pub mechanism: Mechanism,
    /// What the client sent with the command, decoded; `Some` of nothing for `=`.
    pub initial: Option<SecretBytes>,
}

/// MAIL (RFC 5321 §4.1.1.2), in order, with parameters that were offered.
///
/// ```
/// use mailwire_smtp::server::Mail;
/// fn size(mail: &Mail) -> Option<u64> { mail.params.size() }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Mail {
    /// Where failures are reported to.
    pub from: ReversePath,
    /// What stands behind it. Its `AUTH=` is a claim: see `submitter`.
    pub params: MailParams,
    /// Who submitted the message, where a trusted peer says so by `AUTH=` (RFC 4954 §5).
    pub submitter: Option<ReversePath>,
}

/// RCPT (RFC 5321 §4.1.1.3), in order, with parameters that were offered.
///
/// ```
/// use mailwire_smtp::server::Rcpt;
/// fn to(rcpt: &Rcpt) -> String { rcpt.to.to_string() }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Rcpt {
    /// Whom the message is for.
    pub to: ForwardPath,
    /// What stands behind it.
    pub params: RcptParams,
}

/// A message is about to come, by DATA or by BDAT.
///
/// ```
/// use mailwire_smtp::server::{BodyStart, Transfer};
/// fn chunked(start: &BodyStart) -> bool { start.transfer == Transfer::Bdat }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BodyStart {
    /// By which command.
    pub transfer: Transfer,
    /// Recipients that were accepted.
    pub recipients: usize,
}

/// How a body is sent.
///
/// ```
/// use mailwire_smtp::server::Transfer;
/// assert_ne!(Transfer::Data, Transfer::Bdat);
/// ```
#[expect(clippy::exhaustive_enums, reason = "two commands carry a message")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Transfer {
    /// DATA: dot-stuffed lines (RFC 5321 §4.1.1.4).
    Data,
    /// BDAT: counted chunks (RFC 3030 §2).
    Bdat,
}

/// The message is complete.
///
/// ```
/// use mailwire_smtp::server::BodyEnd;
/// fn replies(end: &BodyEnd) -> usize { end.recipients }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BodyEnd {
    /// Octets that were told as `Body`.
    pub octets: u64,
    /// Recipients that were accepted: how many replies `Each` has.
    pub recipients: usize,
}

/// Why a transaction came to nothing.
///
/// ```
/// use mailwire_smtp::server::Reset;
/// assert_eq!(Reset::Rset.to_string(), "RSET");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reset {
    /// The client said RSET.
    Rset,
    /// The client greeted again.
    Hello,
    /// The application refused the message.
    Refused,
    /// The body held what no body may hold.
    Fault(BodyFault),
    /// The message is longer than the limit.
    TooLarge,
    /// A chunk was out of order.
    ChunkOutOfOrder,
    /// The client said QUIT.
    Quit,
    /// The server shuts down, or the application gave the connection up.
    Shutdown,
    /// The peer did not go on in time.
    Timeout,
    /// The connection ended, or had to be ended.
    Disconnected,
}

impl core::fmt::Display for Reset {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Rset => "RSET",
            Self::Hello => "another EHLO",
            Self::Refused => "refused by the server",
            Self::Fault(fault) => return fault.fmt(f),
            Self::TooLarge => "the message is too large",
            Self::ChunkOutOfOrder => "a chunk out of order",
            Self::Quit => "QUIT",
            Self::Shutdown => "shutdown",
            Self::Timeout => "timeout",
            Self::Disconnected => "disconnected",
        })
    }
}

/// What the machine refused by itself.
///
/// ```
/// use mailwire_smtp::server::Invalid;
/// assert_eq!(Invalid::TlsRequired.to_string(), "TLS comes first");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Invalid {
    /// A command that did not parse.
    #[error(transparent)]
    Command(ParseError),
    /// A line with an octet that no line may hold.
    #[error(transparent)]
    Line(Malformed),
    /// A line that was too long.
    #[error("line too long")]
    LineTooLong,
    /// A command at the wrong time.
    #[error("command out of sequence")]
    OutOfSequence,
    /// A command that this server does not speak.
    #[error("command not available")]
    NotAvailable,
    /// A parameter, or an address, that needs an extension which was not offered.
    #[error("an extension that was not offered")]
    NotOffered,
    /// A command that must wait for TLS.
    #[error("TLS comes first")]
    TlsRequired,
    /// AUTH in clear text. What it carried was not looked at.
    #[error("AUTH in clear text")]
    AuthInClearText,
    /// MAIL without AUTH.
    #[error("authentication comes first")]
    AuthRequired,
    /// A SASL mechanism that was not offered.
    #[error("mechanism not offered")]
    Mechanism,
    /// A line of an AUTH exchange that was not base64.
    #[error("a response that is not base64")]
    AuthResponse,
    /// STARTTLS where there is no certificate.
    #[error("TLS is not available")]
    TlsUnavailable,
    /// A recipient too many.
    #[error("too many recipients")]
    TooManyRecipients,
    /// A message that was announced as larger than the limit.
    #[error("message too large")]
    MessageTooLarge,
}
