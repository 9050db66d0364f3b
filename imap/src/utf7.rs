//! Modified UTF-7, the wire form of mailbox names in IMAP4rev1 (RFC 3501 §5.1.3).
//!
//! Every name has exactly one form: what could have been written otherwise is refused, since two
//! forms of one name are two mailboxes to one program and one mailbox to the next.

use alloc::{string::String, vec::Vec};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// The octets are no modified UTF-7, or not the only form of what they say.
///
/// ```
/// use mailwire_imap::utf7;
/// assert_eq!(utf7::decode(b"&AGE-").unwrap_err().offset, 0);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid modified UTF-7 at octet {offset}")]
#[non_exhaustive]
pub struct InvalidUtf7 {
    /// Where the part begins that is wrong.
    pub offset: usize,
}

/// Reads a name.
///
/// # Errors
///
/// A shift without end, one that is empty, not needed, or follows another without anything between,
/// bits left over, half a surrogate pair, octets beyond printable ASCII, NUL, CR and LF.
///
/// ```
/// use mailwire_imap::utf7;
/// assert_eq!(utf7::decode(b"~peter/mail/&U,BTFw-/&ZeVnLIqe-")?, "~peter/mail/\u{53f0}\u{5317}/\u{65e5}\u{672c}\u{8a9e}");
/// assert_eq!(utf7::decode(b"R&-D")?, "R&D");
/// # Ok::<(), utf7::InvalidUtf7>(())
/// ```
pub fn decode(name: &[u8]) -> Result<String, InvalidUtf7> {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    let mut was_shifted = false;
    while let Some((octet, behind)) = rest.split_first() {
        let error = InvalidUtf7 {
            offset: name.len() - rest.len(),
        };
        rest = behind;
        match octet {
            b'&' => {
                let len = rest.iter().position(|octet| *octet == b'-').ok_or(error)?;
                let (shifted, behind) = rest.split_at_checked(len).ok_or(error)?;
                rest = behind.get(1..).unwrap_or_default();
                if shifted.is_empty() {
                    text.push('&');
                    was_shifted = false;
                } else if was_shifted {
                    return Err(error);
                } else {
                    unshift(shifted, &mut text).ok_or(error)?;
                    was_shifted = true;
                }
            }
            b' '..=b'~' => {
                text.push(char::from(*octet));
                was_shifted = false;
            }
            _ => return Err(error),
        }
    }
    Ok(text)
}

fn unshift(shifted: &[u8], text: &mut String) -> Option<()> {
    let mut units = Vec::with_capacity(shifted.len() * 3 / 8);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for octet in shifted {
        let value = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'+' => 62,
            b',' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 16 {
            held -= 16;
            units.push(u16::try_from(bits >> held).ok()?);
            bits &= (1 << held) - 1;
        }
    }
    if held >= 6 || bits != 0 {
        return None;
    }
    for unit in char::decode_utf16(units) {
        match unit.ok()? {
            '\0' | '\r' | '\n' | ' '..='~' => return None,
            character => text.push(character),
        }
    }
    Some(())
}

/// Writes a name.
///
/// ```
/// use mailwire_imap::utf7;
/// assert_eq!(utf7::encode("Entw\u{fc}rfe & \u{1f4e7}"), b"Entw&APw-rfe &- &2D3c5w-");
/// ```
#[must_use]
pub fn encode(name: &str) -> Vec<u8> {
    let mut wire = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some(character) = rest.chars().next() {
        match character {
            '&' => wire.extend_from_slice(b"&-"),
            ' '..='~' => wire.extend(u8::try_from(character).ok()),
            _ => {
                let len = rest
                    .find(|character| matches!(character, ' '..='~'))
                    .unwrap_or(rest.len());
                let (run, behind) = rest.split_at_checked(len).unwrap_or((rest, ""));
                shift(run, &mut wire);
                rest = behind;
                continue;
            }
        }
        rest = rest
            .split_at_checked(character.len_utf8())
            .map_or("", |(_, behind)| behind);
    }
    wire
}

fn shift(run: &str, wire: &mut Vec<u8>) {
    wire.push(b'&');
    let mut put = |value: u32| {
        let digit = usize::try_from(value & 63).ok();
        wire.extend(digit.and_then(|digit| ALPHABET.get(digit)));
    };
    let (mut bits, mut held) = (0_u32, 0_u32);
    for unit in run.encode_utf16() {
        bits = bits << 16 | u32::from(unit);
        held += 16;
        while held >= 6 {
            held -= 6;
            put(bits >> held);
            bits &= (1 << held) - 1;
        }
    }
    if held > 0 {
        put(bits << (6 - held));
    }
    wire.push(b'-');
}
