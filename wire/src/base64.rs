//! The base64 of AUTH exchanges, RFC 4954 §4 over RFC 4648 §4, read strictly.
//!
//! One value has one encoding here: the standard alphabet, padding always, no white space, and
//! the bits that padding leaves over are zero. Lenient decoders let one credential be spelt in
//! many ways, which slips past replay caches and filters and makes two implementations disagree
//! about what was said (RFC 4648 §3.5, §12).
//!
//! What is decoded goes straight into a [`SecretBytes`], for in an AUTH exchange it nearly always
//! is one. MIME's base64, which has lines and forgives, is a different thing and not in here.

use alloc::string::String;
use alloc::vec;

use base64::engine::general_purpose::STANDARD;
use base64::{DecodeError, DecodeSliceError, Engine};
use thiserror::Error;

use crate::secret::{Secret, SecretBytes, SecretString};

/// The text is not base64 as RFC 4954 §4 has it, or decodes to more than the caller allows.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("invalid base64 at offset {offset}")]
pub struct InvalidBase64 {
    offset: usize,
    too_long: bool,
}

impl InvalidBase64 {
    /// Where the first octet stands that cannot be; the length where octets are missing.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Whether the text was refused for its length and not looked at.
    #[must_use]
    pub const fn is_too_long(&self) -> bool {
        self.too_long
    }
}

/// Decodes a client's answer or a server's challenge of at most `max` decoded octets.
///
/// Nothing at all is the empty string: that is how an empty answer looks on a line of its own.
///
/// # Errors
///
/// [`InvalidBase64`] for white space, a foreign octet, missing or excess padding, left-over bits
/// that are not zero, and for more than `max` octets, which is found before anything is allocated.
///
/// ```
/// use mailwire_core::base64::decode;
///
/// assert_eq!(decode(b"dXNlcg==", 64).unwrap().expose(), b"user");
/// assert_eq!(decode(b"dXNlcg", 64).unwrap_err().offset(), 6);
/// assert!(decode(b"dXNlcg==", 3).unwrap_err().is_too_long());
/// ```
pub fn decode(input: &[u8], max: usize) -> Result<SecretBytes, InvalidBase64> {
    let quads = input.len() / 4;
    let padding = input
        .iter()
        .rev()
        .take(2)
        .take_while(|octet| **octet == b'=')
        .count();
    let size = quads.saturating_mul(3);
    if size.saturating_sub(padding) > max {
        let offset = (max / 3).saturating_mul(4).min(input.len());
        return Err(InvalidBase64 {
            offset,
            too_long: true,
        });
    }
    let invalid = |offset: usize| InvalidBase64 {
        offset: offset.min(input.len()),
        too_long: false,
    };
    if !input.len().is_multiple_of(4) {
        // The alphabet comes first: a stray octet is a better explanation than a wrong length.
        let stray = input.iter().position(|octet| !is_base64_char(*octet));
        return Err(invalid(stray.unwrap_or(input.len())));
    }
    let mut octets = Secret::new(vec![0; size]);
    let written = match STANDARD.decode_slice(input, octets.expose_mut()) {
        Ok(written) => written,
        Err(DecodeSliceError::DecodeError(
            DecodeError::InvalidByte(offset, _) | DecodeError::InvalidLastSymbol { offset, .. },
        )) => return Err(invalid(offset)),
        Err(_) => return Err(invalid(input.len())),
    };
    octets.expose_mut().truncate(written);
    Ok(octets)
}

/// Decodes an initial response, RFC 4954 §4: `=` alone is the empty one.
///
/// # Errors
///
/// As [`decode`]; and nothing at all is an error here, because an initial response that is not
/// sent is not an empty one.
///
/// ```
/// use mailwire_core::base64::decode_initial;
///
/// assert!(decode_initial(b"=", 64).unwrap().expose().is_empty());
/// assert!(decode_initial(b"", 64).is_err());
/// ```
pub fn decode_initial(input: &[u8], max: usize) -> Result<SecretBytes, InvalidBase64> {
    match input {
        b"=" => Ok(Secret::new(vec![])),
        b"" => Err(InvalidBase64 {
            offset: 0,
            too_long: false,
        }),
        _ => decode(input, max),
    }
}

/// Encodes with padding and without line breaks.
///
/// ```
/// assert_eq!(mailwire_core::base64::encode(b"user"), "dXNlcg==");
/// ```
#[must_use]
pub fn encode(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// Encodes a secret; base64 hides nothing, so the text is a secret as well.
///
/// ```
/// use mailwire_core::base64::encode_secret;
///
/// assert_eq!(encode_secret(b"user").expose(), "dXNlcg==");
/// ```
#[must_use]
pub fn encode_secret(octets: &[u8]) -> SecretString {
    // The engine allocates the whole text at once, so no smaller copy is left behind.
    Secret::new(STANDARD.encode(octets))
}

/// Encodes an initial response: the empty one is `=`, RFC 4954 §4.
///
/// ```
/// use mailwire_core::base64::encode_initial;
///
/// assert_eq!(encode_initial(b"").expose(), "=");
/// ```
#[must_use]
pub fn encode_initial(octets: &[u8]) -> SecretString {
    if octets.is_empty() {
        return SecretString::from("=");
    }
    encode_secret(octets)
}

const fn is_base64_char(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn reads_and_writes_the_vectors_of_rfc_4648() {
        for (octets, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(octets.as_bytes()), text);
            assert_eq!(encode_secret(octets.as_bytes()).expose(), text);
            assert_eq!(
                decode(text.as_bytes(), 6).unwrap().expose(),
                octets.as_bytes()
            );
        }
    }

    #[test]
    fn every_octet_and_length_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        for end in 0..=all.len() {
            let text = encode_secret(&all[..end]);
            assert_eq!(text.expose(), &encode(&all[..end]));
            assert_eq!(
                decode(text.expose().as_bytes(), end).unwrap().expose(),
                &all[..end]
            );
        }
    }

    #[test]
    fn auth_12_refuses_what_is_not_the_one_encoding() {
        for (text, offset) in [
            ("Zg", 2),
            ("Zg=", 3),
            ("Z", 1),
            ("Zm8", 3),
            ("=", 1),
            ("==", 2),
            ("====", 0),
            ("Zg==Zg==", 2),
            ("Zm9v=", 5),
            ("Zm9v====", 4),
            ("Zh==", 1),
            ("Zm9=", 2),
            (" Zg==", 0),
            ("Zg== ", 4),
            ("Zm 9v", 2),
            ("Zm9v\r\n", 4),
            ("Zm9v\n\n\n\n", 4),
            ("Zm-v", 2),
            ("Zm_v", 2),
            ("Z\u{e9}v", 1),
            ("Zm\0v", 2),
            ("*", 0),
        ] {
            let error = decode(text.as_bytes(), 1000).unwrap_err();
            assert_eq!(
                (error.offset(), error.is_too_long()),
                (offset, false),
                "{text:?}"
            );
        }
    }

    #[test]
    fn auth_17_the_size_is_known_before_anything_is_decoded() {
        assert!(decode(b"Zm9v", 3).is_ok());
        assert!(decode(b"Zm9v", 2).unwrap_err().is_too_long());
        assert!(decode(b"Zm8=", 2).is_ok());
        assert!(decode(b"Zm8=", 1).unwrap_err().is_too_long());
        assert!(decode(b"Zg==", 1).is_ok());
        assert!(decode(b"Zg==", 0).unwrap_err().is_too_long());
        let mebibyte = vec![b'A'; 1 << 20];
        let error = decode(&mebibyte, 9_000).unwrap_err();
        assert_eq!((error.offset(), error.is_too_long()), (12_000, true));
    }

    #[test]
    fn an_absent_initial_response_is_not_an_empty_one() {
        assert_eq!(encode_initial(b"").expose(), "=");
        assert_eq!(encode_initial(b"f").expose(), "Zg==");
        assert!(decode_initial(b"=", 0).unwrap().expose().is_empty());
        assert_eq!(decode_initial(b"", 9).unwrap_err().offset(), 0);
        assert_eq!(decode_initial(b"Zg==", 9).unwrap().expose(), b"f");
        assert!(decode_initial(b"==", 9).is_err());
    }
}
