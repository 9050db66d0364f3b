//! The commands of SMTP and LMTP.
//!
//! Read first: RFC 5321 §4.1.1, RFC 3030 §2, RFC 4954 §4, RFC 2033 §4.1.

mod parse;
mod word;

use core::fmt::{self, Write};

use bytes::BytesMut;
use mailwire_core::{base64, secret::SecretBytes};
pub use word::{Argument, Mechanism, Verb};

use crate::{
    address::{ClientName, ForwardPath, ReversePath},
    error::ParseError,
    params::{MailParams, RcptParams},
};

/// A command.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_smtp::command::Command;
/// let command = Command::parse(BytesMut::from("mail from:<alice@example.org> size=1000"))?;
/// let Command::Mail { from, params } = &command else { unreachable!() };
/// assert_eq!(from.to_string(), "<alice@example.org>");
/// assert_eq!(params.size(), Some(1000));
/// let mut out = BytesMut::new();
/// command.encode(&mut out);
/// assert_eq!(out, "MAIL FROM:<alice@example.org> SIZE=1000\r\n");
/// # Ok::<(), mailwire_smtp::error::ParseError>(())
/// ```
#[non_exhaustive]
#[derive(Debug, Eq, PartialEq)]
pub enum Command {
    /// `EHLO`, RFC 5321 §4.1.1.1.
    Ehlo {
        /// Who the client says it is.
        client: ClientName,
    },
    /// `HELO`, RFC 5321 §4.1.1.1.
    Helo {
        /// Who the client says it is.
        client: ClientName,
    },
    /// `LHLO`, RFC 2033 §4.1.
    Lhlo {
        /// Who the client says it is.
        client: ClientName,
    },
    /// `MAIL`, RFC 5321 §4.1.1.2.
    Mail {
        /// Where failures are reported to.
        from: ReversePath,
        /// What stands behind it.
        params: MailParams,
    },
    /// `RCPT`, RFC 5321 §4.1.1.3.
    Rcpt {
        /// Whom the message is for.
        to: ForwardPath,
        /// What stands behind it.
        params: RcptParams,
    },
    /// `DATA`, RFC 5321 §4.1.1.4.
    Data,
    /// `BDAT`, RFC 3030 §2: so many octets follow the command.
    Bdat {
        /// How many octets follow.
        size: u64,
        /// Whether this is the last chunk of the message.
        last: bool,
    },
    /// `RSET`, RFC 5321 §4.1.1.5.
    Rset,
    /// `VRFY`, RFC 5321 §4.1.1.6.
    Vrfy {
        /// What to verify.
        text: Argument,
    },
    /// `EXPN`, RFC 5321 §4.1.1.7.
    Expn {
        /// What to expand.
        text: Argument,
    },
    /// `HELP`, RFC 5321 §4.1.1.8.
    Help {
        /// What about.
        text: Option<Argument>,
    },
    /// `NOOP`, RFC 5321 §4.1.1.9.
    Noop {
        /// To be ignored.
        text: Option<Argument>,
    },
    /// `QUIT`, RFC 5321 §4.1.1.10.
    Quit,
    /// `STARTTLS`, RFC 3207 §4.
    StartTls,
    /// `AUTH`, RFC 4954 §4.
    Auth {
        /// Which mechanism.
        mechanism: Mechanism,
        /// What the client sends with the command, decoded; `Some` of nothing for `=`.
        initial: Option<SecretBytes>,
    },
    /// A command that is none of these. Its arguments are not kept.
    Unknown {
        /// What it is called.
        verb: Verb,
    },
}

impl Command {
    /// Parses one line, without its CRLF. A line that holds a secret is wiped.
    ///
    /// Spaces before the CRLF are tolerated (RFC 5321 §4.1.1), nothing else is.
    ///
    /// # Errors
    ///
    /// [`ParseError`], which says what to answer.
    pub fn parse(line: BytesMut) -> Result<Self, ParseError> {
        parse::command(line)
    }

    /// Appends the command with its CRLF to `out`. What holds credentials is appended too.
    pub fn encode(&self, out: &mut BytesMut) {
        // Writing to a `BytesMut` fails only where its length would pass that of all memory.
        let _ = self.write(out);
    }

    /// The verb in capitals.
    #[must_use]
    pub fn verb(&self) -> &str {
        match self {
            Self::Ehlo { .. } => "EHLO",
            Self::Helo { .. } => "HELO",
            Self::Lhlo { .. } => "LHLO",
            Self::Mail { .. } => "MAIL",
            Self::Rcpt { .. } => "RCPT",
            Self::Data => "DATA",
            Self::Bdat { .. } => "BDAT",
            Self::Rset => "RSET",
            Self::Vrfy { .. } => "VRFY",
            Self::Expn { .. } => "EXPN",
            Self::Help { .. } => "HELP",
            Self::Noop { .. } => "NOOP",
            Self::Quit => "QUIT",
            Self::StartTls => "STARTTLS",
            Self::Auth { .. } => "AUTH",
            Self::Unknown { verb } => verb.as_str(),
        }
    }

    fn write(&self, out: &mut impl Write) -> fmt::Result {
        out.write_str(self.verb())?;
        match self {
            Self::Ehlo { client } | Self::Helo { client } | Self::Lhlo { client } => {
                write!(out, " {client}")?;
            }
            Self::Mail { from, params } => {
                out.write_str(" FROM:")?;
                from.write(out)?;
                params.write(out)?;
            }
            Self::Rcpt { to, params } => {
                out.write_str(" TO:")?;
                to.write(out)?;
                params.write(out)?;
            }
            Self::Bdat { size, last } => {
                write!(out, " {size}")?;
                if *last {
                    out.write_str(" LAST")?;
                }
            }
            Self::Vrfy { text }
            | Self::Expn { text }
            | Self::Help { text: Some(text) }
            | Self::Noop { text: Some(text) } => {
                out.write_char(' ')?;
                out.write_str(text.as_str())?;
            }
            Self::Auth { mechanism, initial } => {
                out.write_char(' ')?;
                out.write_str(mechanism.as_str())?;
                match initial {
                    None => {}
                    Some(initial) if initial.expose().is_empty() => out.write_str(" =")?,
                    Some(initial) => {
                        out.write_char(' ')?;
                        out.write_str(base64::encode_secret(initial.expose()).expose())?;
                    }
                }
            }
            Self::Data
            | Self::Rset
            | Self::Help { text: None }
            | Self::Noop { text: None }
            | Self::Quit
            | Self::StartTls
            | Self::Unknown { .. } => {}
        }
        out.write_str("\r\n")
    }
}
