//! Finds the next octet of a body that needs a decision, sixteen octets and more at a time.
//!
//! Every question here is about two neighbouring octets, so it is asked of a slice and of the same slice moved by
//! one. Loops over arrays of fixed length, without a branch inside, are what the compiler turns into vector code.

use super::BodyFault;

/// The first octet that needs a decision, by its index.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mark {
    /// A dot behind CRLF.
    Dot(usize),
    BareCr(usize),
    BareLf(usize),
    Nul(usize),
    /// None among the first `len` octets. What is behind them, at most a CR, is undecided.
    Clean {
        len: usize,
        at_line_start: bool,
    },
}

impl Mark {
    /// The fault that this mark is in a body where none is allowed, `before` octets into the body.
    pub(super) const fn fault(self, before: u64) -> Option<BodyFault> {
        match self {
            Self::BareCr(at) => Some(BodyFault::BareCr {
                offset: before + at as u64,
            }),
            Self::BareLf(at) => Some(BodyFault::BareLf {
                offset: before + at as u64,
            }),
            Self::Nul(at) => Some(BodyFault::Nul {
                offset: before + at as u64,
            }),
            Self::Dot(_) | Self::Clean { .. } => None,
        }
    }
}

// The octet in front of `input` is never a CR that could belong to an LF at its front: such a CR is undecided and
// stays at the front itself. So every function here may look at `input` alone.

/// Looks for dots behind CRLF; anything else passes.
pub(super) fn dots(input: &[u8]) -> Mark {
    let mut from = 0;
    loop {
        let Some(at) = first_pair(input, from, is_dot) else {
            return clean(input);
        };
        if is_behind_crlf(input, at) {
            return Mark::Dot(at);
        }
        from = at + 1;
    }
}

/// Looks for dots behind CRLF and NUL.
pub(super) fn dots_and_nul(input: &[u8]) -> Mark {
    let mut from = 0;
    loop {
        let Some(at) = first_pair(input, from, |a, b| is_dot(a, b) | (b == 0)) else {
            return clean(input);
        };
        if input.get(at) == Some(&0) {
            return Mark::Nul(at);
        }
        if is_behind_crlf(input, at) {
            return Mark::Dot(at);
        }
        from = at + 1;
    }
}

/// Looks for dots behind CRLF, bare CR and bare LF.
pub(super) fn dots_and_breaks(input: &[u8]) -> Mark {
    first_pair(input, 0, |a, b| is_dot(a, b) | is_bare(a, b))
        .map_or_else(|| clean(input), |at| name(input, at))
}

/// Looks for dots behind CRLF, bare CR, bare LF and NUL.
pub(super) fn dots_breaks_and_nul(input: &[u8]) -> Mark {
    first_pair(input, 0, |a, b| is_dot(a, b) | is_bare(a, b) | (b == 0))
        .map_or_else(|| clean(input), |at| name(input, at))
}

/// Looks for bare CR, bare LF and NUL; dots pass.
pub(super) fn breaks_and_nul(input: &[u8]) -> Mark {
    first_pair(input, 0, |a, b| is_bare(a, b) | (b == 0))
        .map_or_else(|| clean(input), |at| name(input, at))
}

/// Looks for bare CR and bare LF; dots and NUL pass.
pub(super) fn breaks(input: &[u8]) -> Mark {
    first_pair(input, 0, is_bare).map_or_else(|| clean(input), |at| name(input, at))
}

const fn is_dot(before: u8, octet: u8) -> bool {
    (before == b'\n') & (octet == b'.')
}

/// A CR without an LF, or an LF without a CR.
const fn is_bare(before: u8, octet: u8) -> bool {
    (before == b'\r') ^ (octet == b'\n')
}

fn is_behind_crlf(input: &[u8], at: usize) -> bool {
    input
        .get(..at)
        .is_some_and(|before| before.ends_with(b"\r\n"))
}

/// The mark of a pair that ends at `at`, in an order that gives the first fault.
fn name(input: &[u8], at: usize) -> Mark {
    let before = at.checked_sub(1).and_then(|before| input.get(before));
    match (before, input.get(at)) {
        (Some(b'\r'), Some(b'\n')) | (_, None) => clean(input),
        (Some(b'\r'), Some(_)) => Mark::BareCr(at - 1),
        (_, Some(b'\n')) => Mark::BareLf(at),
        (_, Some(0)) => Mark::Nul(at),
        (_, Some(_)) => Mark::Dot(at),
    }
}

fn clean(input: &[u8]) -> Mark {
    let decided = input.strip_suffix(b"\r").unwrap_or(input);
    Mark::Clean {
        len: decided.len(),
        at_line_start: decided.ends_with(b"\r\n"),
    }
}

/// Wide enough that the test behind a block costs little, narrow enough for an index of one octet.
const WIDE: usize = 128;
const NARROW: usize = 16;

/// The index, from `from` on, of the first octet that makes `test` true together with the octet in front of it.
/// In front of the first octet stands, for the test, a space.
#[inline]
fn first_pair(input: &[u8], from: usize, test: impl Fn(u8, u8) -> bool + Copy) -> Option<usize> {
    let start = if from == 0 {
        if test(b' ', *input.first()?) {
            return Some(0);
        }
        1
    } else {
        from
    };
    let before = input.get(start - 1..input.len() - 1)?;
    let octets = input.get(start..)?;
    let wide = first_in_blocks::<WIDE>(before, octets, test);
    let narrow = match wide {
        Ok(at) => return Some(start + at),
        Err(passed) => passed,
    };
    let (before, octets) = (before.get(narrow..)?, octets.get(narrow..)?);
    let start = start + narrow;
    let rest = match first_in_blocks::<NARROW>(before, octets, test) {
        Ok(at) => return Some(start + at),
        Err(passed) => passed,
    };
    let (before, octets) = (before.get(rest..)?, octets.get(rest..)?);
    let at = before.iter().zip(octets).position(|(&a, &b)| test(a, b))?;
    Some(start + rest + at)
}

/// `Ok` with the index of the first pair that makes `test` true, or `Err` with the octets in whole blocks.
#[inline]
fn first_in_blocks<const N: usize>(
    before: &[u8],
    octets: &[u8],
    test: impl Fn(u8, u8) -> bool + Copy,
) -> Result<usize, usize> {
    let mut passed = 0;
    for (before, octets) in before
        .as_chunks::<N>()
        .0
        .iter()
        .zip(octets.as_chunks::<N>().0)
    {
        let mut hit = 0;
        for (&a, &b) in before.iter().zip(octets) {
            hit |= u8::from(test(a, b));
        }
        if hit != 0 {
            return Ok(passed + first_in(before, octets, test));
        }
        passed += N;
    }
    Err(passed)
}

/// The index of the first pair that makes `test` true; 255 when there is none.
#[inline]
fn first_in<const N: usize>(
    before: &[u8; N],
    octets: &[u8; N],
    test: impl Fn(u8, u8) -> bool + Copy,
) -> usize {
    let mut first = u8::MAX;
    let mut index = 0_u8;
    for (&a, &b) in before.iter().zip(octets) {
        first = first.min(if test(a, b) { index } else { u8::MAX });
        index = index.wrapping_add(1);
    }
    usize::from(first)
}
