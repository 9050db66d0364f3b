//! Commands: one line each (RFC 1939 §3, RFC 2449 §3 and §4).
//!
//! Keywords are read in any case, arguments are parted by exactly one space, and the argument of
//! PASS is the whole rest of the line, spaces included. Not supported: the commands of RFC 6856
//! (UTF8, LANG), which arrive as [`Command::Unknown`].

mod argument;
mod parse;

use bytes::{BufMut, BytesMut};
use mailwire_core::{
    base64,
    secret::{SecretBytes, SecretString},
    text::Octets,
};

pub(crate) use argument::number;
pub use argument::{InvalidArgument, Mechanism, MessageNumber, Password, UserName};

use crate::limits;

/// A command of a client.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_pop3::{Command, MessageNumber};
/// let command = Command::parse(b"top 1 10")?;
/// let Command::Top { message, lines } = command else { unreachable!() };
/// assert_eq!((message, lines), (MessageNumber::MIN, 10));
/// let mut wire = BytesMut::new();
/// command.encode(&mut wire);
/// assert_eq!(wire, "TOP 1 10\r\n");
/// # Ok::<(), mailwire_pop3::ParseError>(())
/// ```
#[derive(Debug, PartialEq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Command {
    /// `USER name` (RFC 1939 §7).
    User(UserName),
    /// `PASS string` (RFC 1939 §7).
    Pass(Password),
    /// `APOP name digest` (RFC 1939 §7). MD5 protects nothing any more (CVE-2007-1558): the
    /// [`Server`](crate::Server) refuses it and the [`Client`](crate::Client) does not send it.
    Apop {
        /// The mailbox.
        name: UserName,
        /// The digest of time stamp and password.
        digest: Digest,
    },
    /// `STAT` (RFC 1939 §5).
    Stat,
    /// `LIST [msg]` (RFC 1939 §5).
    List(Option<MessageNumber>),
    /// `RETR msg` (RFC 1939 §5).
    Retr(MessageNumber),
    /// `DELE msg` (RFC 1939 §5).
    Dele(MessageNumber),
    /// `NOOP` (RFC 1939 §5).
    Noop,
    /// `RSET` (RFC 1939 §5).
    Rset,
    /// `QUIT` (RFC 1939 §6).
    Quit,
    /// `TOP msg n` (RFC 1939 §7).
    Top {
        /// The message.
        message: MessageNumber,
        /// How many lines of its body to send behind the header.
        lines: u32,
    },
    /// `UIDL [msg]` (RFC 1939 §7).
    Uidl(Option<MessageNumber>),
    /// `CAPA` (RFC 2449 §5).
    Capa,
    /// `STLS` (RFC 2595 §4).
    Stls,
    /// `AUTH mechanism [initial-response]` (RFC 5034 §4).
    Auth {
        /// The SASL mechanism.
        mechanism: Mechanism,
        /// The initial response before base64. `None` is none, an empty one is sent as `=`.
        initial: Option<InitialResponse>,
    },
    /// Any other command.
    Unknown(UnknownCommand),
}

impl Command {
    /// The keyword, in upper case where it is known.
    ///
    /// ```
    /// assert_eq!(mailwire_pop3::Command::Capa.keyword(), b"CAPA");
    /// ```
    #[must_use]
    pub fn keyword(&self) -> &[u8] {
        match self {
            Self::User(_) => b"USER",
            Self::Pass(_) => b"PASS",
            Self::Apop { .. } => b"APOP",
            Self::Stat => b"STAT",
            Self::List(_) => b"LIST",
            Self::Retr(_) => b"RETR",
            Self::Dele(_) => b"DELE",
            Self::Noop => b"NOOP",
            Self::Rset => b"RSET",
            Self::Quit => b"QUIT",
            Self::Top { .. } => b"TOP",
            Self::Uidl(_) => b"UIDL",
            Self::Capa => b"CAPA",
            Self::Stls => b"STLS",
            Self::Auth { .. } => b"AUTH",
            Self::Unknown(unknown) => unknown.keyword(),
        }
    }

    /// Whether a positive response to it has more than one line (RFC 1939 §3).
    ///
    /// ```
    /// use mailwire_pop3::{Command, MessageNumber};
    /// assert!(Command::List(None).is_multi_line());
    /// assert!(!Command::List(Some(MessageNumber::MIN)).is_multi_line());
    /// ```
    #[must_use]
    pub const fn is_multi_line(&self) -> bool {
        matches!(
            self,
            Self::List(None) | Self::Retr(_) | Self::Top { .. } | Self::Uidl(None) | Self::Capa
        )
    }

    /// Whether it carries what proves who one is, so that it must not be logged nor sent in clear.
    ///
    /// ```
    /// use mailwire_pop3::{Command, UserName};
    /// assert!(Command::User(UserName::new("bob")?).is_credential());
    /// assert!(!Command::Stat.is_credential());
    /// # Ok::<(), mailwire_pop3::InvalidArgument>(())
    /// ```
    #[must_use]
    pub const fn is_credential(&self) -> bool {
        matches!(
            self,
            Self::User(_) | Self::Pass(_) | Self::Apop { .. } | Self::Auth { .. }
        )
    }

    /// Writes the line with its CRLF.
    ///
    /// Every command but AUTH with a long initial response, and APOP with a long name, fits into
    /// [`limits::COMMAND_LINE`];
    /// see [`Command::fits`].
    pub fn encode(&self, wire: &mut BytesMut) {
        wire.put_slice(self.keyword());
        match self {
            Self::User(name) => put_argument(wire, name.as_bytes()),
            Self::Pass(password) => put_argument(wire, password.expose().as_bytes()),
            Self::Apop { name, digest } => {
                put_argument(wire, name.as_bytes());
                put_argument(wire, digest.0.expose().as_bytes());
            }
            Self::List(Some(message))
            | Self::Uidl(Some(message))
            | Self::Retr(message)
            | Self::Dele(message) => put_number(wire, message.value()),
            Self::Top { message, lines } => {
                put_number(wire, message.value());
                put_number(wire, *lines);
            }
            Self::Auth { mechanism, initial } => {
                put_argument(wire, mechanism.as_bytes());
                if let Some(initial) = initial {
                    let encoded = base64::encode_initial(initial.expose());
                    put_argument(wire, encoded.expose().as_bytes());
                }
            }
            Self::Unknown(unknown) => wire.put_slice(&unknown.arguments),
            _ => {}
        }
        wire.put_slice(b"\r\n");
    }

    /// Whether the line is no longer than [`limits::COMMAND_LINE`]. An initial response that does
    /// not fit must be sent as the answer to an empty challenge instead (RFC 5034 §4).
    ///
    /// ```
    /// assert!(mailwire_pop3::Command::Noop.fits());
    /// ```
    #[must_use]
    pub fn fits(&self) -> bool {
        match self {
            Self::Auth {
                mechanism,
                initial: Some(initial),
            } => {
                let encoded = initial.expose().len().div_ceil(3).saturating_mul(4).max(1);
                let rest = "AUTH ".len() + mechanism.len() + " \r\n".len();
                encoded.saturating_add(rest) <= limits::COMMAND_LINE
            }
            Self::Apop { name, .. } => name.len() + "APOP  \r\n".len() + 32 <= limits::COMMAND_LINE,
            // Everything else is held to the limit where its parts are made.
            _ => true,
        }
    }
}

/// A command that is not typed, kept as it came.
///
/// ```
/// use mailwire_pop3::Command;
/// let Ok(Command::Unknown(unknown)) = Command::parse(b"XTND XMIT") else { unreachable!() };
/// assert_eq!(unknown.keyword(), b"XTND");
/// assert_eq!(unknown.arguments(), b"XMIT");
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct UnknownCommand {
    keyword: Octets,
    /// With the space in front.
    arguments: Octets,
}

impl UnknownCommand {
    /// What stands in front of the first space.
    #[must_use]
    pub fn keyword(&self) -> &[u8] {
        &self.keyword
    }

    /// What stands behind the first space.
    #[must_use]
    pub fn arguments(&self) -> &[u8] {
        self.arguments.get(1..).unwrap_or_default()
    }
}

impl core::fmt::Debug for UnknownCommand {
    // A mistyped PASS must not end in a log, so arguments are not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("UnknownCommand")
            .field("keyword", &self.keyword)
            .finish_non_exhaustive()
    }
}

/// The digest of an APOP command: 32 lower-case hexadecimal digits.
///
/// ```
/// use mailwire_pop3::Command;
/// let line = b"APOP mrose c4c9334bac560ecc979e58001b3e22fb";
/// let Ok(Command::Apop { name, digest }) = Command::parse(line) else { unreachable!() };
/// assert_eq!(&*name, "mrose");
/// assert_eq!(format!("{digest:?}"), "Digest(..)");
/// ```
#[derive(Eq, PartialEq)]
pub struct Digest(SecretString);

impl core::fmt::Debug for Digest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Digest(..)")
    }
}

/// The initial response of an AUTH command, before base64.
///
/// ```
/// use mailwire_core::secret::SecretBytes;
/// use mailwire_pop3::InitialResponse;
/// let initial = InitialResponse::new(SecretBytes::from(&b"\0bob\0secret"[..]))?;
/// assert_eq!(initial.expose().len(), 11);
/// # Ok::<(), mailwire_pop3::InvalidArgument>(())
/// ```
#[derive(Debug, Eq, PartialEq)]
pub struct InitialResponse(SecretBytes);

impl InitialResponse {
    /// Takes up to as many octets as a line of an AUTH exchange can carry.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`] when it is longer than that.
    pub fn new(octets: SecretBytes) -> Result<Self, InvalidArgument> {
        if octets.expose().len() > MAX_RESPONSE {
            return Err(InvalidArgument::InitialResponse);
        }
        Ok(Self(octets))
    }

    /// The octets. Do not keep or format what this returns.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// The octets with their protection.
    #[must_use]
    pub fn into_secret(self) -> SecretBytes {
        self.0
    }
}

/// Octets that a line of an AUTH exchange can carry in base64.
pub(crate) const MAX_RESPONSE: usize = (limits::AUTH_LINE - 2) / 4 * 3;

fn put_argument(wire: &mut BytesMut, argument: &[u8]) {
    wire.reserve(argument.len() + 3);
    wire.put_u8(b' ');
    wire.put_slice(argument);
}

fn put_number(wire: &mut BytesMut, number: u32) {
    use core::fmt::Write;

    // Writing to memory does not fail.
    let _ = write!(wire, " {number}");
}

#[cfg(feature = "arbitrary")]
mod arbitrary_values {
    use arbitrary::{Arbitrary, Result, Unstructured};

    use super::{Command, Digest, InitialResponse, MAX_RESPONSE, UnknownCommand};

    impl<'a> Arbitrary<'a> for UnknownCommand {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            let line: &[u8] = u.arbitrary()?;
            match Command::parse(line) {
                Ok(Command::Unknown(unknown)) => Ok(unknown),
                _ => Ok(Self {
                    keyword: b"XTND"[..].into(),
                    arguments: b""[..].into(),
                }),
            }
        }
    }

    impl<'a> Arbitrary<'a> for Digest {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            let number: u128 = u.arbitrary()?;
            Ok(Self(alloc::format!("{number:032x}").into()))
        }
    }

    impl<'a> Arbitrary<'a> for InitialResponse {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            let octets: &[u8] = u.arbitrary()?;
            Ok(Self(octets.get(..MAX_RESPONSE).unwrap_or(octets).into()))
        }
    }
}

#[cfg(test)]
mod tests;
