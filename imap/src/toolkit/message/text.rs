//! Text in other character sets: encoded words (RFC 2047) and the charsets of bodies.

use alloc::{
    borrow::Cow,
    string::{String, ToString},
    vec::Vec,
};

use encoding_rs::{Encoding, REPLACEMENT};
use memchr::memchr;

use super::transfer;

/// Longest name of a charset that is looked for, with its language (RFC 2231 §5).
const LABEL: usize = 128;

/// Decodes the encoded words of an unfolded value. Spaces between two of them go; words of one
/// charset are joined first, as a character may be cut by their border. What is broken or in an
/// unknown charset stays as it is.
///
/// ```
/// use mailwire_imap::toolkit::message::text::decode_words;
/// assert_eq!(decode_words(b"=?UTF-8?Q?Gr=C3?= =?utf-8?b?vMOfZQ==?= !"), "Grüße !");
/// assert_eq!(decode_words(b"=?utf-8?x?a?= =?utf-8?q?open"), "=?utf-8?x?a?= =?utf-8?q?open");
/// ```
#[must_use]
pub fn decode_words(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    // What was decoded of the words before, and in which charset.
    let mut open: Option<(&'static Encoding, Vec<u8>)> = None;
    let mut plain = 0;
    let mut from = 0;
    while let Some(at) = memchr(b'=', rest.get(from..).unwrap_or_default()) {
        let at = from + at;
        let Some(word) = Word::at(rest.get(at..).unwrap_or_default()) else {
            from = at + 1;
            continue;
        };
        let between = rest.get(plain..at).unwrap_or_default();
        let is_joined = open.is_some() && between.iter().all(u8::is_ascii_whitespace);
        if !is_joined {
            flush(&mut text, &mut open);
            push_raw(&mut text, between);
        }
        match &mut open {
            Some((charset, octets)) if *charset == word.charset => word.decode(octets),
            _ => {
                flush(&mut text, &mut open);
                let mut octets = Vec::new();
                word.decode(&mut octets);
                open = Some((word.charset, octets));
            }
        }
        rest = rest.get(at + word.len..).unwrap_or_default();
        plain = 0;
        from = 0;
    }
    flush(&mut text, &mut open);
    push_raw(&mut text, rest.get(plain..).unwrap_or_default());
    text
}

fn flush(text: &mut String, open: &mut Option<(&'static Encoding, Vec<u8>)>) {
    if let Some((charset, octets)) = open.take() {
        text.push_str(&charset.decode_without_bom_handling(&octets).0);
    }
}

/// What is in no charset: UTF-8 (RFC 6532), or what most who send neither mean.
fn push_raw(text: &mut String, octets: &[u8]) {
    text.push_str(&raw(octets));
}

fn raw(octets: &[u8]) -> Cow<'_, str> {
    match core::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            encoding_rs::WINDOWS_1252
                .decode_without_bom_handling(octets)
                .0
        }
    }
}

/// An encoded word: `=?charset?encoding?text?=`.
struct Word<'a> {
    charset: &'static Encoding,
    is_base64: bool,
    text: &'a [u8],
    len: usize,
}

impl<'a> Word<'a> {
    fn at(octets: &'a [u8]) -> Option<Self> {
        let behind = octets.strip_prefix(b"=?")?;
        let label_end = memchr(b'?', behind.get(..LABEL).unwrap_or(behind))?;
        let (label, rest) = behind.split_at_checked(label_end)?;
        let (is_base64, rest) = match rest {
            [b'?', b'B' | b'b', b'?', rest @ ..] => (true, rest),
            [b'?', b'Q' | b'q', b'?', rest @ ..] => (false, rest),
            _ => return None,
        };
        let end = memchr(b'?', rest)?;
        let (text, rest) = rest.split_at_checked(end)?;
        let rest = rest.strip_prefix(b"?=")?;
        let label = label.split(|octet| *octet == b'*').next()?;
        Some(Self {
            charset: charset(label)?,
            is_base64,
            text,
            len: octets.len() - rest.len(),
        })
    }

    fn decode(&self, octets: &mut Vec<u8>) {
        if self.is_base64 {
            transfer::base64(self.text, octets);
        } else {
            transfer::q_encoding(self.text, octets);
        }
    }
}

/// The charset of that name, if it is one that can be decoded.
pub(crate) fn charset(label: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_label(label).filter(|encoding| *encoding != REPLACEMENT)
}

/// Whether text in the charset of that name can be decoded.
///
/// ```
/// use mailwire_imap::toolkit::message::text::is_charset;
/// assert!(is_charset(b"ISO-8859-15") && !is_charset(b"EBCDIC-US"));
/// ```
#[must_use]
pub fn is_charset(label: &[u8]) -> bool {
    charset(label).is_some()
}

/// Text of the charset of that name. Octets that it does not have become U+FFFD; an unknown
/// charset is read as UTF-8 where it can be, and as windows-1252 else.
///
/// ```
/// use mailwire_imap::toolkit::message::text::decode_charset;
/// assert_eq!(decode_charset(b"iso-8859-1", b"caf\xE9"), "café");
/// assert_eq!(decode_charset(b"x-unheard-of", b"plain"), "plain");
/// ```
#[must_use]
pub fn decode_charset<'a>(label: &[u8], octets: &'a [u8]) -> Cow<'a, str> {
    match charset(label) {
        Some(charset) => charset.decode_with_bom_removal(octets).0,
        None => raw(octets),
    }
}

/// The value of a field as text: unfolded, its encoded words decoded.
///
/// ```
/// use mailwire_imap::toolkit::message::text::decode_value;
/// assert_eq!(decode_value(b" =?utf-8?q?a?=\r\n =?utf-8?q?b?=\r\n"), "ab");
/// ```
#[must_use]
pub fn decode_value(raw_value: &[u8]) -> String {
    let value = super::header::unfold(raw_value);
    if memchr(b'=', &value).is_none() {
        return raw(&value).to_string();
    }
    decode_words(&value)
}
