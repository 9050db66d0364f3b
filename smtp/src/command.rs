//! The commands of SMTP and LMTP.
//!
//! Read first: RFC 5321 §4.1.1, RFC 3030 §2, RFC 4954 §4, RFC 2033 §4.1.

use bytes::BytesMut;
use mailwire_core::{secret::SecretBytes, text::ByteStr};

use crate::{
    address::{ClientName, ForwardPath, ReversePath},
    error::{InvalidValue, ParseError},
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
        let _ = line;
        unimplemented!()
    }

    /// Appends the command with its CRLF to `out`.
    pub fn encode(&self, out: &mut BytesMut) {
        let _ = out;
        unimplemented!()
    }

    /// The verb in capitals.
    #[must_use]
    pub fn verb(&self) -> &str {
        unimplemented!()
    }
}

/// What stands behind VRFY, EXPN, HELP and NOOP: one or more printable characters, ASCII or not,
/// and spaces, of at most [`ARGUMENT`](crate::limits::ARGUMENT) octets, without spaces at the ends.
///
/// ```
/// use mailwire_smtp::command::Argument;
/// assert!("Crispin".parse::<Argument>().is_ok());
/// assert!("a\r\nQUIT".parse::<Argument>().is_err());
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Argument(ByteStr);

impl Argument {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl core::str::FromStr for Argument {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let _ = text;
        unimplemented!()
    }
}

/// The name of a command that we do not know, in capitals: letters, digits and hyphens.
///
/// ```
/// use mailwire_smtp::command::Verb;
/// assert_eq!("xclient".parse::<Verb>()?.as_str(), "XCLIENT");
/// assert!("MAIL".parse::<Verb>().is_err());
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Verb(ByteStr);

impl Verb {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl core::str::FromStr for Verb {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let _ = text;
        unimplemented!()
    }
}

/// The name of a SASL mechanism, in capitals: RFC 4422 §3.1, at most 20 characters.
///
/// ```
/// use mailwire_smtp::command::Mechanism;
/// assert_eq!("scram-sha-256".parse::<Mechanism>()?.as_str(), "SCRAM-SHA-256");
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Mechanism {
    len: u8,
    octets: [u8; 20],
}

impl Mechanism {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let _ = (self.len, self.octets);
        unimplemented!()
    }
}

impl core::fmt::Debug for Mechanism {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::fmt::Display for Mechanism {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::str::FromStr for Mechanism {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let _ = text;
        unimplemented!()
    }
}
