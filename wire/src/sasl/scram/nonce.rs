//! Our half of the nonce, drawn by the caller.

use alloc::string::String;
use core::fmt;

use thiserror::Error;

use crate::base64;
use crate::sasl::limits;

/// A string that cannot be a nonce: too short, too long, or with a comma or a space.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("invalid nonce")]
pub struct InvalidNonce {
    _private: (),
}

/// One side's half of a SCRAM nonce, RFC 5802 §5.1.
///
/// It cannot be copied, for a nonce that is used in two exchanges lets the first be replayed in
/// the second. This crate draws no random numbers; the caller passes fresh ones in.
///
/// ```
/// use mailwire_core::sasl::Nonce;
///
/// let from_the_system: [u8; 24] = [42; 24];
/// let nonce = Nonce::from_random(&from_the_system);
/// assert_eq!(nonce.as_str().len(), 32);
/// ```
#[derive(Eq, PartialEq)]
pub struct Nonce(String);

impl Nonce {
    /// A nonce of 24 octets from the system's random number generator.
    #[must_use]
    pub fn from_random(octets: &[u8; 24]) -> Self {
        Self(base64::encode(octets))
    }

    /// A nonce that is printable already, of 18 characters at least.
    ///
    /// # Errors
    ///
    /// [`InvalidNonce`] when it is too short, too long, or not `printable` in RFC 5802 §7.
    ///
    /// ```
    /// use mailwire_core::sasl::Nonce;
    ///
    /// assert!(Nonce::from_printable("rOprNGfwEbeRWgbNEkqO").is_ok());
    /// assert!(Nonce::from_printable("short").is_err());
    /// ```
    pub fn from_printable(text: &str) -> Result<Self, InvalidNonce> {
        let length = limits::NONCE_MIN..=limits::NONCE / 2;
        if !length.contains(&text.len()) || !is_printable(text) {
            return Err(InvalidNonce { _private: () });
        }
        Ok(Self(text.into()))
    }

    /// The nonce as it stands in messages.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(..)")
    }
}

/// `printable` of RFC 5802 §7: ASCII that can be seen, without the comma.
pub(super) fn is_printable(text: &str) -> bool {
    text.bytes()
        .all(|octet| matches!(octet, 0x21..=0x2b | 0x2d..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_is_what_rfc_5802_says() {
        for octet in 0..=0x7f_u8 {
            let text = char::from(octet).encode_utf8(&mut [0; 4]).repeat(20);
            let expected = (0x21..=0x2b).contains(&octet) || (0x2d..=0x7e).contains(&octet);
            assert_eq!(Nonce::from_printable(&text).is_ok(), expected, "{octet:#x}");
        }
        assert!(Nonce::from_printable(&"\u{e9}".repeat(20)).is_err());
    }

    #[test]
    fn auth_12_a_nonce_has_a_length() {
        assert!(Nonce::from_printable(&"n".repeat(17)).is_err());
        assert!(Nonce::from_printable(&"n".repeat(18)).is_ok());
        assert!(Nonce::from_printable(&"n".repeat(256)).is_ok());
        assert!(Nonce::from_printable(&"n".repeat(257)).is_err());
    }
}
