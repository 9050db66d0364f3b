//! SASLprep, RFC 4013: the form in which names and passwords are compared.
//!
//! `é` is one code point on one keyboard and two on another; a non-breaking space looks like a
//! space. Hashing what was typed would refuse the right password, and comparing what was typed
//! would let two accounts share one look. So both sides prepare strings in the same way before
//! they are hashed or compared. What has no place in a name is refused, not dropped: control
//! characters (a tab or a line end in a user name becomes a line in somebody's back-end protocol),
//! private use, and mixtures of writing directions that show a different name than they compare.
//!
//! Every string is held to the rules for stored strings (RFC 3454 §7), so code points that
//! Unicode 3.2 had not assigned, which most emoji are, are refused. The RFCs let a query have them; but a
//! query with one can match no stored string, so the outcome is the same and known earlier.
//!
//! Without the feature `saslprep` there are no tables, and everything but printable ASCII is
//! refused; RFC 5802 §2.2 allows exactly these two ways.

use alloc::string::String;

use thiserror::Error;
#[cfg(feature = "saslprep")]
use zeroize::Zeroize;

use super::limits;
use crate::secret::{Secret, SecretString};

/// A name or a password that cannot be prepared: empty, too long, or with prohibited characters.
///
/// It does not say which character, because that would be a piece of a password in a log.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("string cannot be prepared for authentication")]
pub struct InvalidString {
    _private: (),
}

impl InvalidString {
    pub(super) const fn new() -> Self {
        Self { _private: () }
    }
}

/// Prepares a user name or an authorization identity of at most 1,024 octets.
///
/// # Errors
///
/// [`InvalidString`] when it is empty, before or after, too long, or holds prohibited characters.
///
/// ```
/// use mailwire_core::sasl::prepare_identity;
///
/// assert_eq!(prepare_identity("user").unwrap(), "user");
/// assert!(prepare_identity("a\tb").is_err());
/// ```
pub fn prepare_identity(text: &str) -> Result<String, InvalidString> {
    bounded(text, limits::IDENTITY)?;
    let prepared = saslprep(text)?;
    bounded(&prepared, limits::IDENTITY)?;
    Ok(prepared)
}

/// Prepares a password of at most 4,096 octets. One character is enough.
///
/// # Errors
///
/// As [`prepare_identity`].
///
/// ```
/// use mailwire_core::sasl::prepare_password;
///
/// assert_eq!(prepare_password("x").unwrap().expose(), "x");
/// assert!(prepare_password("").is_err());
/// ```
pub fn prepare_password(text: &str) -> Result<SecretString, InvalidString> {
    bounded(text, limits::PASSWORD)?;
    let prepared = Secret::new(saslprep(text)?);
    bounded(prepared.expose(), limits::PASSWORD)?;
    Ok(prepared)
}

fn bounded(text: &str, max: usize) -> Result<(), InvalidString> {
    if text.is_empty() || text.len() > max {
        return Err(InvalidString::new());
    }
    Ok(())
}

#[cfg(feature = "saslprep")]
fn saslprep(text: &str) -> Result<String, InvalidString> {
    match stringprep::saslprep(text) {
        Ok(prepared) => {
            let mut prepared = prepared.into_owned();
            // DEL is a control character of RFC 3454 §C.2.1; here it does not depend on a table.
            if prepared.bytes().any(|octet| octet.is_ascii_control()) {
                prepared.zeroize();
                return Err(InvalidString::new());
            }
            Ok(prepared)
        }
        Err(_) => Err(InvalidString::new()),
    }
}

#[cfg(not(feature = "saslprep"))]
fn saslprep(text: &str) -> Result<String, InvalidString> {
    if text.bytes().any(|octet| !matches!(octet, 0x20..=0x7e)) {
        return Err(InvalidString::new());
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_stays_as_it_is() {
        for text in ["user", "USER", "a b", " x ", "~!@#$%^&*()=,+", "x"] {
            assert_eq!(prepare_identity(text).unwrap(), text);
        }
    }

    #[test]
    fn auth_23_control_characters_and_nothing_are_refused() {
        for text in [
            "",
            "\0",
            "a\0b",
            "a\tb",
            "a\nb",
            "a\r\nb",
            "\u{7f}",
            "\u{1b}[2J",
        ] {
            assert_eq!(
                prepare_identity(text),
                Err(InvalidString::new()),
                "{text:?}"
            );
            assert!(prepare_password(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn auth_23_length_is_bounded_before_the_work() {
        assert!(prepare_identity(&"u".repeat(1_024)).is_ok());
        assert!(prepare_identity(&"u".repeat(1_025)).is_err());
        assert!(prepare_password(&"p".repeat(1_000)).is_ok());
        assert!(prepare_password(&"p".repeat(4_096)).is_ok());
        assert!(prepare_password(&"p".repeat(4_097)).is_err());
    }

    #[cfg(feature = "saslprep")]
    #[test]
    fn auth_23_examples_of_rfc_4013() {
        for (text, prepared) in [
            ("I\u{ad}X", "IX"),
            ("user", "user"),
            ("USER", "USER"),
            ("\u{aa}", "a"),
            ("\u{2168}", "IX"),
        ] {
            assert_eq!(prepare_identity(text).unwrap(), prepared);
        }
        assert!(prepare_identity("\u{7}").is_err());
        assert!(
            prepare_identity("\u{627}1").is_err(),
            "RandALCat must be last as well"
        );
    }

    #[cfg(feature = "saslprep")]
    #[test]
    fn auth_23_prohibited_and_bidirectional_characters_are_refused() {
        for text in [
            "a\u{200e}b",
            "a\u{202e}b",
            "\u{e000}",
            "\u{fffd}",
            "\u{fdd0}",
            "\u{2ff0}",
            "\u{85}",
            "\u{2028}",
            "\u{e0041}",
            "\u{5d0}a",
            "a\u{5d0}",
            "\u{ad}",
            "\u{1f512}",
        ] {
            assert!(prepare_password(text).is_err(), "{text:?}");
        }
        assert_eq!(
            prepare_password("\u{5d0}\u{5d1}").unwrap().expose(),
            "\u{5d0}\u{5d1}"
        );
        assert_eq!(prepare_password("a\u{a0}b").unwrap().expose(), "a b");
        assert_eq!(prepare_password("e\u{301}").unwrap().expose(), "\u{e9}");
    }

    #[cfg(feature = "saslprep")]
    #[test]
    fn auth_23_what_grows_is_bounded_again() {
        // U+FDFA becomes eighteen characters.
        let text = "\u{fdfa}".repeat(300);
        assert!(text.len() < 1_024);
        assert!(prepare_identity(&text).is_err());
    }

    #[cfg(not(feature = "saslprep"))]
    #[test]
    fn auth_23_without_tables_only_ascii_is_taken() {
        for text in ["\u{e9}", "a\u{301}", "\u{a0}"] {
            assert!(prepare_identity(text).is_err());
            assert!(prepare_password(text).is_err());
        }
    }
}
