//! Octets of a peer as values: short ones inline, checked text, and text made fit to be shown.

use alloc::string::String;
use core::{fmt, ops::Deref};

use bytes::Bytes;

use crate::limits::QUOTED_TEXT;

/// Octets that are kept: up to 23 of them inline, more as a slice of the frame they came in.
///
/// An inline copy costs less than half of a counted slice, and it pins no read buffer.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_core::text::Octets;
/// let frame = Bytes::from_static(b"XUNKNOWN=some value that is longer than the inline store");
/// let short = Octets::slice_of(&frame, 0..8);
/// assert_eq!(&*short, b"XUNKNOWN");
/// assert!(short.is_inline());
/// assert_eq!(core::mem::size_of::<Octets>(), 32);
/// ```
#[derive(Clone)]
pub struct Octets(Repr);

#[derive(Clone)]
enum Repr {
    Inline(Short),
    Shared(Bytes),
}

/// What is kept inline. It is copied word by word, because values are moved far more often than
/// they are looked at.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Short {
    octets: [u8; Octets::INLINE],
    len: u8,
}

impl Short {
    const EMPTY: Self = Self {
        octets: [0; Octets::INLINE],
        len: 0,
    };

    /// A copy, if there is room. Octets that are stored one by one cannot be loaded as words for a
    /// while, so they are put together in registers.
    #[inline]
    fn of(from: &[u8]) -> Option<Self> {
        let len = u8::try_from(from.len())
            .ok()
            .filter(|len| usize::from(*len) <= Octets::INLINE)?;
        let (first, second, third) = (word(from, 0), word(from, 8), word(from, 16));
        let [a, b, c, d, e, f, g, h] = first.to_le_bytes();
        let [i, j, k, l, m, n, o, p] = second.to_le_bytes();
        let [q, r, s, t, u, v, w, _] = third.to_le_bytes();
        Some(Self {
            octets: [
                a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w,
            ],
            len,
        })
    }
}

/// Up to eight octets from `at` on, the first one lowest, zero where there is none.
#[inline]
fn word(from: &[u8], at: usize) -> u64 {
    let rest = from.get(at..).unwrap_or_default();
    if let Some(whole) = rest.first_chunk() {
        return u64::from_le_bytes(*whole);
    }
    if let (Some(front), Some(back)) = (rest.first_chunk(), rest.last_chunk()) {
        // The two halves overlap where there are less than eight.
        let back = u64::from(u32::from_le_bytes(*back)) << ((rest.len() - 4) * 8);
        return u64::from(u32::from_le_bytes(*front)) | back;
    }
    rest.iter()
        .rev()
        .fold(0, |word, octet| word << 8 | u64::from(*octet))
}

impl Octets {
    /// How many octets are kept inline.
    pub const INLINE: usize = 23;

    /// No octets.
    #[must_use]
    pub const fn new() -> Self {
        Self(Repr::Inline(Short::EMPTY))
    }

    /// The octets `range` of `frame`; nothing where the range lies outside of it.
    #[must_use]
    #[inline]
    pub fn slice_of(frame: &Bytes, range: core::ops::Range<usize>) -> Self {
        match frame.get(range.clone()) {
            None => Self::new(),
            Some(octets) => {
                Self::inline(octets).unwrap_or_else(|| Self(Repr::Shared(frame.slice(range))))
            }
        }
    }

    /// Whether the octets are kept without reference to a frame.
    #[must_use]
    pub const fn is_inline(&self) -> bool {
        matches!(self.0, Repr::Inline(_))
    }

    /// Copies what would pin a larger frame.
    #[must_use]
    pub fn detach(self) -> Self {
        match self.0 {
            Repr::Shared(shared) => Self(Repr::Shared(Bytes::copy_from_slice(&shared))),
            inline @ Repr::Inline(_) => Self(inline),
        }
    }

    #[inline]
    fn inline(from: &[u8]) -> Option<Self> {
        Short::of(from).map(|short| Self(Repr::Inline(short)))
    }
}

impl Default for Octets {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(short) => short
                .octets
                .get(..usize::from(short.len))
                .unwrap_or_default(),
            Repr::Shared(shared) => shared,
        }
    }
}

impl From<Bytes> for Octets {
    fn from(octets: Bytes) -> Self {
        Self::inline(&octets).unwrap_or(Self(Repr::Shared(octets)))
    }
}

impl From<&[u8]> for Octets {
    fn from(octets: &[u8]) -> Self {
        Self::inline(octets).unwrap_or_else(|| Self(Repr::Shared(Bytes::copy_from_slice(octets))))
    }
}

impl PartialEq for Octets {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Octets {}

impl core::hash::Hash for Octets {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for Octets {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self::from(<&[u8]>::arbitrary(u)?))
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for ByteStr {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self::from(<&str>::arbitrary(u)?))
    }
}

/// Octets that are known to be UTF-8.
///
/// ```
/// use mailwire_core::text::{ByteStr, Octets};
/// let name = ByteStr::new(Octets::from(&b"mx.example"[..]))?;
/// assert_eq!(&*name, "mx.example");
/// assert!(ByteStr::new(Octets::from(&[0xff][..])).is_err());
/// # Ok::<(), mailwire_core::text::NotUtf8>(())
/// ```
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct ByteStr(Octets);

/// The octets are not UTF-8.
///
/// ```
/// use mailwire_core::text::{ByteStr, Octets};
/// let error = ByteStr::new(Octets::from(&b"a\xff"[..])).unwrap_err();
/// assert_eq!(error.to_string(), "invalid UTF-8 at octet 1");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid UTF-8 at octet {offset}")]
#[non_exhaustive]
pub struct NotUtf8 {
    /// Where the first invalid sequence begins.
    pub offset: usize,
}

impl ByteStr {
    /// Checks that the octets are UTF-8.
    ///
    /// # Errors
    ///
    /// [`NotUtf8`] with the place of the first invalid sequence.
    pub fn new(octets: Octets) -> Result<Self, NotUtf8> {
        match core::str::from_utf8(&octets) {
            Ok(_) => Ok(Self(octets)),
            Err(error) => Err(NotUtf8 {
                offset: error.valid_up_to(),
            }),
        }
    }

    /// Copies what would pin a larger frame.
    #[must_use]
    pub fn detach(self) -> Self {
        Self(self.0.detach())
    }
}

impl Deref for ByteStr {
    type Target = str;

    fn deref(&self) -> &str {
        // The constructor has checked it; a second check is cheap beside an `unsafe`.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl From<&str> for ByteStr {
    fn from(text: &str) -> Self {
        Self(Octets::from(text.as_bytes()))
    }
}

impl From<String> for ByteStr {
    fn from(text: String) -> Self {
        Self(Octets::from(Bytes::from(text)))
    }
}

impl fmt::Debug for ByteStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for ByteStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// Octets of a peer as they may appear in a reply, a header, a log line or an error: one line, at
/// most [`QUOTED_TEXT`] octets of it, no controls, no invisible or direction-changing characters.
///
/// What is not shown is replaced by `?`, what is cut is marked with `...`.
///
/// ```
/// use mailwire_core::text::Sanitized;
/// assert_eq!(Sanitized(b"x\r\n250 ok\x1b[31m").to_string(), "x??250 ok?[31m");
/// assert_eq!(Sanitized("a\u{202e}b".as_bytes()).to_string(), "a?b");
/// assert_eq!(Sanitized(&[b'x'; 1000]).to_string().len(), 203);
/// ```
#[derive(Clone, Copy)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a wrapper that chooses how octets are shown"
)]
pub struct Sanitized<'a>(
    /// What the peer sent.
    pub &'a [u8],
);

impl fmt::Display for Sanitized<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;

        let mut room = QUOTED_TEXT;
        for chunk in self.0.utf8_chunks() {
            let bad = (!chunk.invalid().is_empty()).then_some('?');
            for shown in chunk.valid().chars().map(fit).chain(bad) {
                let Some(left) = room.checked_sub(shown.len_utf8()) else {
                    return f.write_str("...");
                };
                room = left;
                f.write_char(shown)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Sanitized<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Controls (C0, C1, DEL), line and paragraph separators, and the characters that reorder or hide
/// text become a question mark.
const fn fit(c: char) -> char {
    match c {
        '\0'..='\x1f'
        | '\x7f'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => '?',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString};

    use super::*;

    #[test]
    fn octets_are_the_same_however_they_are_kept() {
        for len in (0..=40).chain([100]) {
            let frame = Bytes::from_iter(1..=200_u8);
            let slice = Octets::slice_of(&frame, 3..3 + len);
            assert_eq!(slice.len(), len);
            assert_eq!(slice.is_inline(), len <= Octets::INLINE);
            assert_eq!(*slice, frame[3..3 + len]);
            assert_eq!(slice, Octets::from(&frame[3..3 + len]));
            assert_eq!(slice.clone().detach(), slice);
        }
        assert!(Octets::slice_of(&Bytes::from_static(b"x"), 0..2).is_empty());
    }

    #[test]
    fn all_5_nothing_that_steers_a_terminal_or_a_protocol_is_shown() {
        for control in (0..0x20).chain([0x7f]) {
            let shown = Sanitized(&[b'a', control, b'b']).to_string();
            assert_eq!(shown, "a?b");
        }
        for hidden in [
            '\u{85}', '\u{9b}', '\u{200b}', '\u{202e}', '\u{2028}', '\u{feff}', '\u{2066}',
        ] {
            assert_eq!(
                Sanitized(format!("a{hidden}b").as_bytes()).to_string(),
                "a?b"
            );
        }
        assert_eq!(Sanitized(b"a\xff\xfeb").to_string(), "a??b");
        assert_eq!(Sanitized("grüße".as_bytes()).to_string(), "grüße");
    }

    #[test]
    fn all_5_what_is_shown_is_capped() {
        let long = "ü".repeat(1_000);
        let shown = Sanitized(long.as_bytes()).to_string();
        assert_eq!(shown.len(), QUOTED_TEXT + 3);
        assert!(shown.ends_with("..."));
        assert_eq!(
            Sanitized(&[b'x'; QUOTED_TEXT]).to_string().len(),
            QUOTED_TEXT
        );
    }
}
