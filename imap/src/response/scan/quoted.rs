//! Where a quoted string ends.
//!
//! Most of a response is text in quotes, so many octets are looked at together.

use core::num::NonZeroUsize;

use crate::grammar::specials;

/// `TEXT-CHAR` of RFC 9051 §9 without `quoted-specials`.
const fn is_quoted_char(octet: u8) -> bool {
    !matches!(octet, b'"' | b'\\' | 0 | b'\r' | b'\n' | 0x80..)
}

/// Where the octets from `at` on end that a quoted string holds as they are. Two words are looked
/// at in one step, because most strings are shorter, and a loop that ends now here, now there is
/// slower than the second word.
#[inline]
pub(super) fn run_end(octets: &[u8], mut at: usize) -> usize {
    while let Some((one, two)) = two_words(octets, at) {
        let found = u128::from(specials(two)) << 64 | u128::from(specials(one));
        if found == 0 {
            at += 16;
            continue;
        }
        at += found.trailing_zeros() as usize / 8;
        match octets.get(at) {
            // A tab or another control that a string may hold.
            Some(octet) if is_quoted_char(*octet) => at += 1,
            _ => return at,
        }
    }
    last_run_end(octets, at)
}

#[inline]
fn two_words(octets: &[u8], at: usize) -> Option<(u64, u64)> {
    let rest = octets.get(at..)?;
    let [a, b, c, d, e, f, g, h, rest @ ..] = *rest.first_chunk::<16>()?;
    Some((
        u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        u64::from_le_bytes(rest),
    ))
}

/// The same within the last octets of a frame.
#[cold]
fn last_run_end(octets: &[u8], at: usize) -> usize {
    let rest = octets.get(at..).unwrap_or_default();
    let stop = rest.iter().position(|octet| !is_quoted_char(*octet));
    at + stop.unwrap_or(rest.len())
}

/// What lies behind a string that has neither an escape nor a defect, and begins at `start` behind
/// its mark.
pub(super) fn plain_end(octets: &[u8], start: usize) -> Option<NonZeroUsize> {
    let stop = run_end(octets, start);
    let ends = octets.get(stop) == Some(&b'"') && ends_string(octets.get(stop + 1).copied());
    NonZeroUsize::new(stop + 1).filter(|_| ends)
}

/// Whether a quoted string may end in front of `next`.
#[inline]
pub(super) const fn ends_string(next: Option<u8>) -> bool {
    matches!(next, None | Some(b' ' | b')'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_quoted_octets_ends_where_a_naive_search_says() {
        for octet in 0..=255_u8 {
            for at in 0..40 {
                let mut octets = [b'x'; 40];
                octets[at] = octet;
                octets[39 - at / 2] = if at % 3 == 0 { 0x01 } else { b'\\' };
                for start in 0..9 {
                    let naive = octets[start..]
                        .iter()
                        .position(|octet| !is_quoted_char(*octet))
                        .map_or(40, |at| start + at);
                    assert_eq!(run_end(&octets, start), naive, "{octets:?} {start}");
                }
            }
        }
    }
}
