//! xtext, RFC 3461 §4.

use alloc::string::String;
use core::fmt::{self, Write};

use crate::address::class::{NON_ASCII, XCHAR, is};

/// How long the text is in xtext.
pub(super) fn xtext_len(text: &str) -> usize {
    let quoted = text
        .bytes()
        .filter(|octet| !is(*octet, XCHAR | NON_ASCII))
        .count();
    text.len() + 2 * quoted
}

/// Writes xtext, RFC 3461 §4. Text that is not ASCII stays as it is (RFC 6531 §3.3).
pub(super) fn write_xtext(text: &str, out: &mut impl Write) -> fmt::Result {
    for c in text.chars() {
        match u8::try_from(c) {
            Ok(octet) if octet.is_ascii() && !is(octet, XCHAR) => write!(out, "+{octet:02X}")?,
            _ => out.write_char(c)?,
        }
    }
    Ok(())
}

/// Decodes xtext. Only printable ASCII may be encoded in it (RFC 3461 §4.2, §4.4); what is not
/// ASCII stands as it is.
///
/// # Errors
///
/// The place of the first octet that cannot be.
pub(super) fn decode_xtext(octets: &[u8]) -> Result<String, usize> {
    let mut text = String::with_capacity(octets.len());
    let valid = core::str::from_utf8(octets).map_err(|error| error.valid_up_to())?;
    let mut chars = valid.char_indices();
    while let Some((at, c)) = chars.next() {
        text.push(match c {
            '+' => {
                let hex = valid.get(at + 1..at + 3).ok_or(at)?;
                let upper = |digit: u8| matches!(digit, b'0'..=b'9' | b'A'..=b'F');
                let octet = u8::from_str_radix(hex, 16).map_err(|_| at)?;
                if !hex.bytes().all(upper) || !matches!(octet, b' '..=b'~') {
                    return Err(at);
                }
                chars.nth(1);
                char::from(octet)
            }
            '=' => return Err(at),
            _ => c,
        });
    }
    Ok(text)
}
