//! The grammar of addresses over octets, and how values are kept.

use alloc::string::String;
use core::ops::Range;

use bytes::Bytes;
use mailwire_core::text::{ByteStr, Octets};

use super::{
    AddressLiteral, Domain, ForwardPath, Host, Mailbox, ReversePath,
    class::{ATEXT, LET_DIG, NON_ASCII, QTEXT, VCHAR, is},
    domain::is_strict_idna,
    mailbox::write_local_part,
    word::{HOST, LOCAL, Word},
};
use crate::{
    error::{Expected, InvalidValue},
    limits::{DOMAIN, LABEL, LOCAL_PART, PATH},
};

/// Octets that are being parsed: a frame that values may share, or text that they copy.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    octets: &'a [u8],
    frame: Option<&'a Bytes>,
}

impl<'a> Source<'a> {
    /// Values of a frame share it, if they are too long to be copied inline.
    pub(crate) fn frame(frame: &'a Bytes) -> Self {
        Self {
            octets: frame,
            frame: Some(frame),
        }
    }

    /// Values of a text are copies.
    pub(crate) const fn text(text: &'a str) -> Self {
        Self::copied(text.as_bytes())
    }

    /// Values of these octets are copies.
    pub(crate) const fn copied(octets: &'a [u8]) -> Self {
        Self {
            octets,
            frame: None,
        }
    }

    pub(crate) const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    pub(crate) fn get(&self, at: usize) -> Option<u8> {
        self.octets.get(at).copied()
    }

    /// What stands from `at` on; nothing where that is behind the end.
    pub(crate) fn from(&self, at: usize) -> &'a [u8] {
        self.octets.get(at..).unwrap_or_default()
    }

    pub(crate) fn slice(&self, range: Range<usize>) -> &'a [u8] {
        self.octets.get(range).unwrap_or_default()
    }

    /// How many octets from `at` on are in one of the classes.
    pub(crate) fn run(&self, at: usize, classes: u8) -> usize {
        let rest = self.from(at);
        rest.iter()
            .position(|&octet| !is(octet, classes))
            .unwrap_or(rest.len())
    }

    /// Keeps a range whose octets are printable or not ASCII.
    pub(crate) fn keep(&self, range: Range<usize>) -> Result<ByteStr, InvalidValue> {
        let start = range.start;
        checked(self.octets_of(range), start)
    }

    /// As [`keep`](Self::keep), but what is ASCII is not looked at a second time.
    #[inline]
    fn keep_octets(&self, range: Range<usize>) -> Result<Octets, InvalidValue> {
        if !self.slice(range.clone()).is_ascii() {
            self.keep(range.clone())?;
        }
        Ok(self.octets_of(range))
    }

    #[inline]
    fn octets_of(&self, range: Range<usize>) -> Octets {
        match self.frame {
            Some(frame) => Octets::slice_of(frame, range),
            None => Octets::from(self.slice(range)),
        }
    }
}

/// Text from octets without ASCII controls: UTF-8, and none of the characters that RFC 6531 lets
/// through although they end lines or steer terminals.
pub(crate) fn checked(octets: Octets, start: usize) -> Result<ByteStr, InvalidValue> {
    let ascii = octets.is_ascii();
    let text = ByteStr::new(octets)
        .map_err(|error| InvalidValue::new(Expected::Utf8, start + error.offset))?;
    if !ascii && let Some(at) = text.find(is_control) {
        return Err(InvalidValue::new(Expected::Text, start + at));
    }
    Ok(text)
}

/// ASCII and C1 controls, and the separators of lines and paragraphs.
pub(crate) const fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}')
}

/// `Reverse-path` at `at`, and where it ends.
#[inline]
pub(crate) fn reverse_path(
    source: Source<'_>,
    at: usize,
) -> Result<(ReversePath, usize), InvalidValue> {
    match source.from(at) {
        [b'<', b'>', ..] => Ok((ReversePath::Null, at + 2)),
        [b'<', ..] => {
            let (mailbox, end) = path(source, at)?;
            Ok((ReversePath::Mailbox(mailbox), end))
        }
        _ => Err(InvalidValue::new(Expected::ReversePath, at)),
    }
}

/// `Forward-path` at `at`, or `<Postmaster>`, and where it ends.
#[inline]
pub(crate) fn forward_path(
    source: Source<'_>,
    at: usize,
) -> Result<(ForwardPath, usize), InvalidValue> {
    const POSTMASTER: &[u8] = b"<Postmaster>";
    match source.from(at) {
        [b'<', b'>', ..] => Err(InvalidValue::new(Expected::ForwardPath, at)),
        [b'<', b'P' | b'p', ..]
            if source
                .slice(at..at + POSTMASTER.len())
                .eq_ignore_ascii_case(POSTMASTER) =>
        {
            Ok((ForwardPath::Postmaster, at + POSTMASTER.len()))
        }
        [b'<', ..] => {
            let (mailbox, end) = path(source, at)?;
            Ok((ForwardPath::Mailbox(mailbox), end))
        }
        _ => Err(InvalidValue::new(Expected::ForwardPath, at)),
    }
}

/// `Path` at the angle bracket at `at`. The source route is dropped.
#[inline]
fn path(source: Source<'_>, at: usize) -> Result<(Mailbox, usize), InvalidValue> {
    let start = source_route(source, at + 1)?;
    let (mailbox, end) = mailbox(source, start)?;
    if source.get(end) != Some(b'>') {
        return Err(InvalidValue::new(Expected::Domain, end));
    }
    let end = end + 1;
    if end - at > PATH {
        return Err(InvalidValue::new(Expected::ShorterPath, at));
    }
    Ok((mailbox, end))
}

/// `[ A-d-l ":" ]` at `at`: where the mailbox begins.
#[inline]
fn source_route(source: Source<'_>, mut at: usize) -> Result<usize, InvalidValue> {
    if source.get(at) != Some(b'@') {
        return Ok(at);
    }
    loop {
        at = domain_end(source, at + 1)?;
        match (source.get(at), source.get(at + 1)) {
            (Some(b':'), _) => return Ok(at + 1),
            (Some(b','), Some(b'@')) => at += 1,
            _ => return Err(InvalidValue::new(Expected::Domain, at)),
        }
    }
}

/// `Mailbox` at `at`, and where it ends.
#[inline]
pub(crate) fn mailbox(source: Source<'_>, at: usize) -> Result<(Mailbox, usize), InvalidValue> {
    let (local_end, unquoted) = match source.get(at) {
        Some(b'"') => quoted_string(source, at)?,
        _ => (dot_string_end(source, at)?, None),
    };
    if local_end - at > LOCAL_PART {
        return Err(InvalidValue::new(Expected::LocalPart, at + LOCAL_PART));
    }
    if source.get(local_end) != Some(b'@') {
        return Err(InvalidValue::new(Expected::LocalPart, local_end));
    }
    let end = host_end(source, local_end + 1)?;
    // The brackets of a path are part of its length.
    if end - at + 2 > PATH {
        return Err(InvalidValue::new(Expected::ShorterPath, at));
    }
    let mailbox = match unquoted {
        None => Mailbox::assemble(source.keep_octets(at..end)?, local_end - at),
        Some(unquoted) => {
            // Checked as it stands; the canonical form has no other characters.
            source.keep(at..end)?;
            let mut text = String::new();
            let written = write_local_part(&unquoted, &mut text);
            let split = text.len();
            text.push_str(core::str::from_utf8(source.slice(local_end..end)).unwrap_or_default());
            written
                .ok()
                .and_then(|()| Mailbox::assemble(Octets::from(text.as_bytes()), split))
        }
    };
    mailbox
        .map(|mailbox| (mailbox, end))
        .ok_or_else(|| InvalidValue::new(Expected::LocalPart, at))
}

/// Where the `Dot-string` at `at` ends.
#[inline]
fn dot_string_end(source: Source<'_>, at: usize) -> Result<usize, InvalidValue> {
    let octets = source.from(at);
    let len = dot_string(octets).map_err(|bad| InvalidValue::new(Expected::LocalPart, at + bad))?;
    Ok(at + len)
}

/// The length of the `Dot-string` that the octets begin with, or where it is spoilt.
#[inline]
pub(super) fn dot_string(octets: &[u8]) -> Result<usize, usize> {
    let word = Word::at(octets, LOCAL);
    if word.is_plain() {
        Ok(word.len)
    } else {
        spoilt_dot_string(octets)
    }
}

#[cold]
fn spoilt_dot_string(octets: &[u8]) -> Result<usize, usize> {
    let mut len = 0;
    let mut atom = false;
    for &octet in octets {
        if is(octet, ATEXT) {
            atom = true;
        } else if octet == b'.' && atom {
            atom = false;
        } else {
            break;
        }
        len += 1;
    }
    if atom { Ok(len) } else { Err(len) }
}

/// Where the `Quoted-string` at `at` ends, and its content if it has quotes that it does not need.
fn quoted_string(source: Source<'_>, at: usize) -> Result<(usize, Option<String>), InvalidValue> {
    let bad = |at| InvalidValue::new(Expected::LocalPart, at);
    let mut end = at + 1;
    let mut minimal = true;
    loop {
        match source.get(end) {
            Some(b'"') => break,
            Some(b'\\') => match source.get(end + 1) {
                Some(b'"' | b'\\') => end += 2,
                Some(b' '..=b'~') => {
                    minimal = false;
                    end += 2;
                }
                _ => return Err(bad(end + 1)),
            },
            Some(octet) if is(octet, QTEXT) => end += 1,
            _ => return Err(bad(end)),
        }
        if end - at > LOCAL_PART {
            return Err(bad(at + LOCAL_PART));
        }
    }
    let content = source.slice(at + 1..end);
    if minimal && dot_string(content) != Ok(content.len()) {
        return Ok((end + 1, None));
    }
    let text = core::str::from_utf8(content)
        .map_err(|error| InvalidValue::new(Expected::Utf8, at + 1 + error.valid_up_to()))?;
    Ok((end + 1, Some(unquote(text))))
}

/// The content of a quoted string without its backslashes.
pub(super) fn unquote(content: &str) -> String {
    let mut unquoted = String::with_capacity(content.len());
    let mut quoted = false;
    for c in content.chars() {
        quoted = c == '\\' && !quoted;
        if !quoted {
            unquoted.push(c);
        }
    }
    unquoted
}

/// Where the host at `at` ends.
#[inline]
fn host_end(source: Source<'_>, at: usize) -> Result<usize, InvalidValue> {
    match source.get(at) {
        Some(b'[') => Ok(literal(source, at)?.1),
        _ => domain_end(source, at),
    }
}

/// The host at `at`, and where it ends.
pub(crate) fn host(source: Source<'_>, at: usize) -> Result<(Host, usize), InvalidValue> {
    match source.get(at) {
        Some(b'[') => {
            let (literal, end) = literal(source, at)?;
            Ok((Host::Literal(literal), end))
        }
        _ => {
            let end = domain_end(source, at)?;
            Ok((Host::Domain(Domain::assemble(source.keep(at..end)?)), end))
        }
    }
}

/// Where the domain at `at` ends.
#[inline]
pub(crate) fn domain_end(source: Source<'_>, at: usize) -> Result<usize, InvalidValue> {
    let word = Word::at(source.from(at), HOST);
    // No label of so few octets is too long.
    if word.is_plain() && word.is_ascii() && word.len <= LABEL {
        return Ok(at + word.len);
    }
    unusual_domain_end(source, at)
}

/// The same for domains that are long, not ASCII, have hyphens side by side, or are none.
fn unusual_domain_end(source: Source<'_>, at: usize) -> Result<usize, InvalidValue> {
    let octets = source.from(at);
    let mut label = 0_usize;
    let mut last = b'.';
    let mut len = 0;
    // Whether the label, and whether any label, needs the tables of Unicode.
    let mut wide_label = false;
    let mut special = false;
    let bad = |len| Err(InvalidValue::new(Expected::Domain, at + len));
    for &octet in octets {
        if is(octet, LET_DIG) {
            label += 1;
        } else if octet == b'.' {
            if last == b'.' || last == b'-' || (label > LABEL && !wide_label) {
                return bad(len);
            }
            label = 0;
            wide_label = false;
        } else if octet == b'-' {
            if label == 0 {
                return bad(len);
            }
            special |= label == 3 && last == b'-';
            label += 1;
        } else if is(octet, NON_ASCII) {
            wide_label = true;
            special = true;
            label += 1;
        } else {
            break;
        }
        last = octet;
        len += 1;
    }
    if last == b'.' || last == b'-' || (label > LABEL && !wide_label) || len > DOMAIN {
        return bad(len);
    }
    if special && !is_strict_idna(source.slice(at..at + len)) {
        return bad(0);
    }
    Ok(at + len)
}

/// The address literal at the bracket at `at`, and where it ends.
pub(crate) fn literal(
    source: Source<'_>,
    at: usize,
) -> Result<(AddressLiteral, usize), InvalidValue> {
    let start = at + 1;
    // The brackets are no `dcontent`, but they are printable: a second one spoils the content.
    let content = source.run(start, VCHAR);
    let bad = |at| InvalidValue::new(Expected::AddressLiteral, at);
    let len = memchr::memchr(b']', source.slice(start..start + content)).ok_or_else(|| bad(at))?;
    if len + 2 > DOMAIN {
        return Err(bad(start));
    }
    let text = core::str::from_utf8(source.slice(start..start + len)).map_err(|_| bad(start))?;
    let literal = AddressLiteral::from_content(text).ok_or_else(|| bad(start))?;
    Ok((literal, start + len + 1))
}
