//! The announcement of a literal at the end of a line.

use crate::encode::LiteralKind;

/// A literal that was announced.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_imap::frame::{CommandFrame, Commands, Policy};
/// let mut commands = Commands::new(Policy::logged_in());
/// let mut input = BytesMut::from("a APPEND Sent {5000000}\r\n");
/// let CommandFrame::Body { literal, .. } = commands.next(&mut input) else { unreachable!() };
/// assert_eq!(literal.len, 5_000_000);
/// assert!(literal.waits);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Literal {
    /// How many octets.
    pub len: u64,
    /// Whether the peer waits for a continuation request before it sends them.
    pub waits: bool,
    /// Whether it is a literal8.
    pub kind: LiteralKind,
}

/// What the end of a line says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Announced {
    /// The frame ends here.
    Nothing,
    /// A literal follows; its announcement begins at the offset.
    Literal(Literal, usize),
    /// Braces that announce nothing. The peer waits.
    Unreadable,
    /// The same, and the peer does not wait: `{x+}`.
    Lost,
}

/// Octets of the longest announcement, `~{9223372036854775807+}`.
const ANNOUNCEMENT: usize = 24;

/// Reads the end of a line whose front was thrown away, or is not looked at.
pub(super) fn announced_at_end(line: &[u8]) -> Announced {
    let start = line.len().saturating_sub(ANNOUNCEMENT);
    let tail = line.get(start..).unwrap_or_default();
    match announced(tail) {
        // The brace that opens it may lie in what is gone.
        Announced::Nothing if tail.ends_with(b"+}") => Announced::Lost,
        announced => announced,
    }
}

/// Reads the end of a line.
pub(super) fn announced(line: &[u8]) -> Announced {
    let Some(inner) = line.strip_suffix(b"}") else {
        return Announced::Nothing;
    };
    let Some(open) = memchr::memrchr(b'{', inner) else {
        return Announced::Nothing;
    };
    let text = inner.get(open + 1..).unwrap_or_default();
    let (digits, waits) = match text.strip_suffix(b"+") {
        Some(digits) => (digits, false),
        None => (text, true),
    };
    let before = inner.get(..open).unwrap_or_default();
    let (kind, at) = match before.strip_suffix(b"~") {
        Some(before) => (LiteralKind::Binary, before.len()),
        None => (LiteralKind::Plain, open),
    };
    match size(digits) {
        Some(len) => Announced::Literal(Literal { len, waits, kind }, at),
        None if waits => Announced::Unreadable,
        None => Announced::Lost,
    }
}

/// 63 bits in decimal. More digits than that has are refused, whatever they say, so that the end of
/// a line that is thrown away is enough to read them.
fn size(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 20 {
        return None;
    }
    let len = digits.iter().try_fold(0_u64, |len, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        len.checked_mul(10)?.checked_add(u64::from(digit))
    })?;
    i64::try_from(len).is_ok().then_some(len)
}

/// Whether a quoted string has begun in `line` that does not end in it.
pub(super) fn ends_in_quotes(line: &[u8]) -> bool {
    let mut is_open = false;
    let mut rest = line;
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        let skip = match rest.get(at) {
            Some(b'"') => {
                is_open = !is_open;
                1
            }
            // Outside of quotes a backslash begins a flag and hides nothing.
            _ if is_open => 2,
            _ => 1,
        };
        rest = rest.get(at + skip..).unwrap_or_default();
    }
    is_open
}
