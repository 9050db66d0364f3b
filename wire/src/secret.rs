//! Values that must not be seen: passwords, keys, proofs, and the octets that carry them.
//!
//! A mail server that writes its sessions to a log, prints an event with `{:?}`, or panics with a
//! value in the message has published every password it saw. A freed buffer that still holds a
//! password can be read out of a core dump, or by the next bug that reads too far. And a
//! comparison that stops at the first wrong octet tells a patient attacker how many were right.
//! [`Secret`] closes these three: its `Debug` shows nothing, it overwrites its memory when it is
//! dropped, and it compares in constant time.
//!
//! Not covered: copies that were made before the value came in here, among them the buffer that a
//! growing `Vec` leaves behind and the place on the stack that an array was moved from. Build a
//! secret in a buffer of its final capacity.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A value that is overwritten when it is dropped and that `Debug` does not show.
///
/// There is no `Display`, no `Deref` and no `Clone`: every look at the value says
/// [`expose`](Self::expose), so a reviewer can search for it.
///
/// ```
/// use mailwire_core::secret::Secret;
///
/// let password = Secret::<String>::from("correct horse");
/// assert_eq!(format!("{password:?}"), "Secret(..)");
/// assert_eq!(password.expose().len(), 13);
/// ```
pub struct Secret<T: Zeroize>(T);

/// Secret octets.
pub type SecretBytes = Secret<Vec<u8>>;

/// Secret text.
pub type SecretString = Secret<String>;

impl<T: Zeroize> Secret<T> {
    /// Takes the value in; from here on it is wiped when it is dropped.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Do not keep or format what this returns.
    #[must_use]
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, to be filled in place, so that no copy is made elsewhere.
    #[must_use]
    pub const fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Whether the value consists of exactly these octets, in time that depends on the lengths
    /// alone.
    ///
    /// ```
    /// use mailwire_core::secret::SecretString;
    ///
    /// let token = SecretString::from("c2VjcmV0");
    /// assert!(token.matches(b"c2VjcmV0"));
    /// assert!(!token.matches(b"c2VjcmV1"));
    /// ```
    #[must_use]
    pub fn matches(&self, other: &[u8]) -> bool {
        constant_time_eq(self.0.as_ref(), other)
    }
}

/// Whether two strings of octets are equal, in time that depends on their lengths alone.
///
/// The length of a secret is not hidden; what is compared here has a fixed or a public length.
///
/// ```
/// assert!(mailwire_core::secret::constant_time_eq(b"abc", b"abc"));
/// ```
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl<T: Zeroize + AsRef<[u8]>> PartialEq for Secret<T> {
    /// Constant time, see [`Secret::matches`].
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.0.as_ref())
    }
}

impl<T: Zeroize + AsRef<[u8]>> Eq for Secret<T> {}

impl From<&str> for SecretString {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for SecretString {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&[u8]> for SecretBytes {
    fn from(octets: &[u8]) -> Self {
        Self(octets.into())
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(octets: Vec<u8>) -> Self {
        Self(octets)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::rc::Rc;
    use core::cell::Cell;

    use super::*;

    struct Witness(Rc<Cell<u32>>);

    impl Zeroize for Witness {
        fn zeroize(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn auth_24_a_secret_is_wiped_once_when_it_is_dropped() {
        let wiped = Rc::new(Cell::new(0));
        let secret = Secret::new(Witness(Rc::clone(&wiped)));
        assert_eq!(wiped.get(), 0);
        drop(secret);
        assert_eq!(wiped.get(), 1);
    }

    #[test]
    fn auth_24_debug_shows_neither_value_nor_length() {
        let canary = SecretString::from("canary-5ecret");
        for shown in [
            format!("{canary:?}"),
            format!("{canary:#?}"),
            format!("{:?}", Some(&canary)),
        ] {
            assert!(!shown.contains("canary"), "{shown}");
            assert!(!shown.contains("13"), "{shown}");
        }
        assert_eq!(format!("{:?}", SecretBytes::from(&b"x"[..])), "Secret(..)");
    }

    #[test]
    fn auth_10_equality_looks_at_every_octet() {
        let secret = SecretBytes::from(&b"0123456789abcdef"[..]);
        assert!(secret.matches(b"0123456789abcdef"));
        for at in 0..16 {
            let mut other = *b"0123456789abcdef";
            other[at] ^= 1;
            assert!(!secret.matches(&other), "octet {at}");
            assert_ne!(secret, SecretBytes::from(&other[..]));
        }
        assert!(!secret.matches(b"0123456789abcde"));
        assert!(!secret.matches(b"0123456789abcdef0"));
        assert!(!secret.matches(b""));
    }
}
