//! What the machine says by itself. None of it repeats what the peer sent.

use alloc::boxed::Box;

use bytes::BytesMut;

use crate::reply::{Code, Reply};

/// A reply of the machine, or one of the application.
#[derive(Clone, Debug)]
pub(super) enum Said {
    Machine(&'static str),
    Application(Box<Reply>),
}

impl Said {
    pub(super) fn write(&self, out: &mut BytesMut) {
        match self {
            Self::Machine(reply) => out.extend_from_slice(reply.as_bytes()),
            Self::Application(reply) => reply.encode(out),
        }
    }

    /// Whether the connection ends with this reply (RFC 5321 §3.8).
    pub(super) fn hangs_up(&self) -> bool {
        matches!(self, Self::Application(reply) if reply.code() == Code::NOT_AVAILABLE)
    }
}

pub(super) const AUTHENTICATED: &str = "235 2.7.0 Authentication succeeded\r\n";
pub(super) const RESET: &str = "250 2.0.0 Reset\r\n";
pub(super) const DONE: &str = "250 2.0.0 OK\r\n";
pub(super) const SENDER: &str = "250 2.1.0 Sender OK\r\n";
pub(super) const RECIPIENT: &str = "250 2.1.5 Recipient OK\r\n";
pub(super) const MESSAGE: &str = "250 2.0.0 Message accepted\r\n";
pub(super) const CHUNK: &str = "250 2.0.0 Chunk received\r\n";
pub(super) const CANNOT_VERIFY: &str = "252 2.5.0 Cannot verify, send mail and see\r\n";
pub(super) const HELP: &str = "214 2.0.0 EHLO MAIL RCPT DATA RSET NOOP VRFY QUIT: see RFC 5321\r\n";
pub(super) const BYE: &str = "221 2.0.0 Bye\r\n";
pub(super) const GO_AHEAD_TLS: &str = "220 2.0.0 Ready to start TLS\r\n";
pub(super) const SEND_MESSAGE: &str = "354 End the message with <CRLF>.<CRLF>\r\n";

pub(super) const SHUTDOWN: &str = "421 4.3.2 Shutting down\r\n";
pub(super) const TIMEOUT: &str = "421 4.4.2 Timeout\r\n";
pub(super) const TOO_MANY_BAD: &str = "421 4.7.0 Too many bad commands\r\n";
pub(super) const TOO_MANY_IDLE: &str = "421 4.7.0 Too many commands that send nothing\r\n";
pub(super) const TOO_MANY_AUTH: &str = "421 4.7.0 Too many failed authentications\r\n";
pub(super) const TOO_MANY_CHUNKS: &str = "421 4.7.0 Too many chunks\r\n";
pub(super) const TOO_MANY_RECIPIENTS: &str = "452 4.5.3 Too many recipients\r\n";
pub(super) const TLS_UNAVAILABLE: &str = "454 4.7.0 TLS is not available\r\n";

pub(super) const UNKNOWN: &str = "500 5.5.1 Command not recognized\r\n";
pub(super) const LINE: &str = "500 5.5.2 Bare CR, bare LF or NUL in the line\r\n";
pub(super) const LINE_TOO_LONG: &str = "500 5.5.2 Line too long\r\n";
pub(super) const AUTH_LINE_TOO_LONG: &str =
    "500 5.5.6 Authentication exchange line is too long\r\n";
pub(super) const AUTH_CANCELLED: &str = "501 5.7.0 Authentication cancelled\r\n";
pub(super) const AUTH_BASE64: &str = "501 5.5.2 Cannot decode the response\r\n";
pub(super) const NOT_IMPLEMENTED: &str = "502 5.5.1 Command not implemented\r\n";
pub(super) const SEQUENCE: &str = "503 5.5.1 Bad sequence of commands\r\n";
pub(super) const NO_RECIPIENTS: &str = "503 5.5.1 No valid recipients\r\n";
pub(super) const BINARY_DATA: &str = "503 5.5.1 BINARYMIME needs BDAT\r\n";
pub(super) const BEHIND_STARTTLS: &str = "503 5.5.1 Nothing may follow STARTTLS\r\n";
pub(super) const NO_PIPELINING: &str = "503 5.5.0 Pipelining is not offered\r\n";
pub(super) const MECHANISM: &str = "504 5.5.4 Mechanism not offered\r\n";
pub(super) const LINE_BREAK_CLOSE: &str = "521 5.5.2 Bare CR or LF in the message\r\n";
pub(super) const NUL_CLOSE: &str = "521 5.6.0 NUL in the message\r\n";
pub(super) const TLS_REQUIRED: &str = "530 5.7.0 Must issue a STARTTLS command first\r\n";
pub(super) const AUTH_REQUIRED: &str = "530 5.7.0 Authentication required\r\n";
pub(super) const AUTH_IN_CLEAR: &str =
    "538 5.7.11 Encryption required for requested authentication mechanism\r\n";
pub(super) const LINE_BREAK: &str = "550 5.5.2 Bare CR or LF in the message\r\n";
pub(super) const NUL: &str = "550 5.6.0 NUL in the message\r\n";
pub(super) const TOO_LARGE: &str = "552 5.3.4 Message too large\r\n";
pub(super) const ADDRESS_UTF8: &str = "553 5.6.7 The address needs SMTPUTF8\r\n";
pub(super) const EARLY_TALK: &str = "554 5.5.0 Synchronization error\r\n";
pub(super) const HTTP: &str = "554 5.5.1 This is not a web server\r\n";
pub(super) const PARAMETER: &str = "555 5.5.4 Parameter not recognized\r\n";
