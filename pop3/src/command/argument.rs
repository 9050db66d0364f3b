//! What commands carry, checked where it is made, so that every command that can be built is one
//! line that can be parsed again.

use core::{fmt, num::NonZeroU32, ops::Deref};

use mailwire_core::{
    secret::SecretString,
    text::{ByteStr, Octets},
};

use crate::limits;

/// A value that cannot be part of a command.
///
/// ```
/// use mailwire_pop3::{InvalidArgument, UserName};
/// assert_eq!(UserName::new("bob\r\nQUIT"), Err(InvalidArgument::UserName { offset: 3 }));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidArgument {
    /// The initial response of an AUTH command is too long for a line.
    #[error("initial response too long")]
    InitialResponse,
    /// Not the name of a SASL mechanism: 1 to 20 letters, digits, `-` or `_` (RFC 4422 §3.1).
    #[error("not the name of a SASL mechanism")]
    Mechanism,
    /// Zero, or more than the protocol's numbers can be.
    #[error("not a message-number")]
    MessageNumber,
    /// Empty, too long, or NUL, CR or LF in a password.
    #[error("password that does not fit into PASS, octet {offset}")]
    Password {
        /// Where.
        offset: usize,
    },
    /// Empty, too long, or a control character in a user name.
    #[error("user name that does not fit into USER, octet {offset}")]
    UserName {
        /// Where.
        offset: usize,
    },
}

/// The number of a message within a session: 1 is the first (RFC 1939 §4).
///
/// ```
/// use mailwire_pop3::MessageNumber;
/// let third = MessageNumber::new(3)?;
/// assert_eq!((third.value(), third.index()), (3, 2));
/// assert!(MessageNumber::new(0).is_err());
/// # Ok::<(), mailwire_pop3::InvalidArgument>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct MessageNumber(NonZeroU32);

impl MessageNumber {
    /// The first message.
    pub const MIN: Self = Self(NonZeroU32::MIN);

    /// A number from 1.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument::MessageNumber`] for 0.
    pub fn new(number: u32) -> Result<Self, InvalidArgument> {
        NonZeroU32::new(number)
            .map(Self)
            .ok_or(InvalidArgument::MessageNumber)
    }

    /// The number of the message that stands at `index` in a list that begins at 0.
    #[must_use]
    pub fn from_index(index: usize) -> Option<Self> {
        let number = u32::try_from(index).ok()?.checked_add(1)?;
        NonZeroU32::new(number).map(Self)
    }

    /// The number, from 1.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0.get()
    }

    /// The place of the message in a list that begins at 0.
    #[must_use]
    pub const fn index(self) -> usize {
        // A machine with pointers of less than 32 bits could not hold the list either.
        self.0.get() as usize - 1
    }

    pub(crate) fn parse(digits: &[u8]) -> Option<Self> {
        let number = u32::try_from(number(digits)?).ok()?;
        NonZeroU32::new(number).map(Self)
    }
}

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Decimal digits without sign or leading zero.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 20 || (digits.len() > 1 && digits.starts_with(b"0")) {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, &digit| {
        let value = char::from(digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(u64::from(value))
    })
}

/// The argument of USER: UTF-8 without control characters, which goes into one line.
///
/// ```
/// use mailwire_pop3::UserName;
/// assert_eq!(&*UserName::new("bob@example.test")?, "bob@example.test");
/// # Ok::<(), mailwire_pop3::InvalidArgument>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct UserName(ByteStr);

impl UserName {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument::UserName`] when it is empty, longer than [`limits::ARGUMENT`] or holds a
    /// control character.
    pub fn new(name: &str) -> Result<Self, InvalidArgument> {
        Self::from_octets(name.as_bytes()).map_err(|offset| InvalidArgument::UserName { offset })
    }

    pub(crate) fn from_octets(octets: &[u8]) -> Result<Self, usize> {
        if octets.is_empty() {
            return Err(0);
        }
        if octets.len() > limits::ARGUMENT {
            return Err(limits::ARGUMENT);
        }
        let bad = |octet: &u8| octet.is_ascii_control();
        octets.iter().position(bad).map_or(Ok(()), Err)?;
        ByteStr::new(Octets::from(octets))
            .map(Self)
            .map_err(|error| error.offset)
    }

    /// The name as text that does not refer to a larger buffer.
    #[must_use]
    pub fn into_text(self) -> ByteStr {
        self.0
    }
}

impl Deref for UserName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// The argument of PASS: UTF-8 without NUL, CR and LF, which goes into one line. Spaces belong to
/// it, at its ends too.
///
/// ```
/// use mailwire_pop3::Password;
/// let password = Password::new(" open sesame ")?;
/// assert_eq!(password.expose(), " open sesame ");
/// assert_eq!(format!("{password:?}"), "Password(Secret(..))");
/// # Ok::<(), mailwire_pop3::InvalidArgument>(())
/// ```
#[derive(Debug, Eq, PartialEq)]
pub struct Password(SecretString);

impl Password {
    /// Copies a password into memory that is wiped.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument::Password`] when it is empty, longer than [`limits::ARGUMENT`] or holds
    /// NUL, CR or LF.
    pub fn new(password: &str) -> Result<Self, InvalidArgument> {
        Self::from_octets(password.as_bytes())
            .map_err(|offset| InvalidArgument::Password { offset })
    }

    pub(crate) fn from_octets(octets: &[u8]) -> Result<Self, usize> {
        if octets.is_empty() {
            return Err(0);
        }
        if octets.len() > limits::ARGUMENT {
            return Err(limits::ARGUMENT);
        }
        memchr::memchr3(b'\r', b'\n', 0, octets).map_or(Ok(()), Err)?;
        let text = core::str::from_utf8(octets).map_err(|error| error.valid_up_to())?;
        Ok(Self(text.into()))
    }

    /// The password. Do not keep or format what this returns.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The password with its protection.
    #[must_use]
    pub fn into_secret(self) -> SecretString {
        self.0
    }
}

/// The name of a SASL mechanism, in upper case (RFC 4422 §3.1).
///
/// ```
/// use mailwire_pop3::Mechanism;
/// assert_eq!(&*Mechanism::new("scram-sha-256")?, "SCRAM-SHA-256");
/// # Ok::<(), mailwire_pop3::InvalidArgument>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Mechanism(ByteStr);

impl Mechanism {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument::Mechanism`].
    pub fn new(name: &str) -> Result<Self, InvalidArgument> {
        Self::parse(name.as_bytes()).ok_or(InvalidArgument::Mechanism)
    }

    pub(crate) fn parse(name: &[u8]) -> Option<Self> {
        let mut upper = [0; 20];
        let upper = upper.get_mut(..name.len())?;
        upper.copy_from_slice(name);
        upper.make_ascii_uppercase();
        let allowed = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        if upper.is_empty() || !upper.iter().all(allowed) {
            return None;
        }
        ByteStr::new(Octets::from(&*upper)).ok().map(Self)
    }
}

impl Deref for Mechanism {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(feature = "arbitrary")]
mod arbitrary_values {
    use arbitrary::{Arbitrary, Error, Result, Unstructured};

    use super::{Mechanism, Password, UserName};

    impl<'a> Arbitrary<'a> for UserName {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            Self::new(u.arbitrary()?).map_err(|_| Error::IncorrectFormat)
        }
    }

    impl<'a> Arbitrary<'a> for Password {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            Self::new(u.arbitrary()?).map_err(|_| Error::IncorrectFormat)
        }
    }

    impl<'a> Arbitrary<'a> for Mechanism {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            Self::new(u.arbitrary()?).map_err(|_| Error::IncorrectFormat)
        }
    }
}
