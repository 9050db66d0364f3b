//! Finds the next octet of a body that needs a decision, sixteen octets and more at a time.
//!
//! Every question here is about two neighbouring octets, so it is asked of a slice and of the same slice moved by
//! one. Loops over arrays of fixed length, without a branch inside, are what the compiler turns into vector code.
//! Where one question is asked of a long stretch, `memchr` is faster still, for it knows the processor; it is not
//! asked for two octets in short stretches, because it takes as long to begin as a line takes to read.

use alloc::boxed::Box;

use memchr::memmem::Finder;
use memchr::{memchr, memmem};

use super::{BodyFault, NulOctets};

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

/// How dots are looked for, in the light of how the last ones were found. It holds no octets of the body.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    spacing: Spacing,
    /// Kept from the second long search on; to build it takes as long as to read a line or two.
    finder: Option<Box<Finder<'static>>>,
    searched: bool,
}

/// How far the last dot was away, which is where the next one is looked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Spacing {
    Near,
    Far,
}

impl Scan {
    pub(super) const fn new() -> Self {
        Self {
            spacing: Spacing::Near,
            finder: None,
            searched: false,
        }
    }

    /// Looks for dots behind CRLF; anything else passes.
    #[inline(always)]
    pub(super) fn dots(&mut self, input: &[u8]) -> Mark {
        let mut from = 0;
        while let Some(at) = self.next_dot(input, from) {
            if is_behind_crlf(input, at) {
                return Mark::Dot(at);
            }
            from = at + 1;
        }
        clean(input)
    }

    /// Looks for dots behind CRLF and for faults, where a fault is the last thing looked for: all octets up to the
    /// next dot are looked at before a fault is known. `Clean` may be less than all of a long input.
    pub(super) fn dots_or_fault(&mut self, input: &[u8], nul: NulOctets) -> Mark {
        let input = input.get(..WINDOW).unwrap_or(input);
        let mark = self.dots(input);
        let front = match mark {
            Mark::Dot(at) => input.get(..at).unwrap_or(input),
            _ => input,
        };
        first_fault(front, nul).unwrap_or(mark)
    }

    /// The next dot behind an LF.
    #[inline(always)]
    fn next_dot(&mut self, input: &[u8], from: usize) -> Option<usize> {
        // The LF in front of `from` may be the one.
        let mut start = from.saturating_sub(1);
        if self.spacing == Spacing::Near {
            for _ in 0..LINES {
                start += memchr(b'\n', input.get(start..)?)? + 1;
                if input.get(start) == Some(&b'.') {
                    return Some(start);
                }
            }
        }
        let at = self.find_far(input.get(start..)?).map(|at| start + at + 1);
        let is_near = at.is_some_and(|at| at - from <= NEAR);
        self.spacing = if is_near { Spacing::Near } else { Spacing::Far };
        at
    }

    fn find_far(&mut self, input: &[u8]) -> Option<usize> {
        const NEEDLE: &[u8] = b"\n.";
        if self.searched {
            self.finder
                .get_or_insert_with(|| Box::new(Finder::new(NEEDLE)))
                .find(input)
        } else {
            self.searched = true;
            memmem::find(input, NEEDLE)
        }
    }
}

/// Looks for dots behind CRLF and NUL.
#[inline(never)]
pub(super) fn dots_and_nul(input: &[u8]) -> Mark {
    let mut from = 0;
    while let Some(at) = first_pair::<BLOCK>(input, from, |a, b| is_dot(a, b) | (b == 0)) {
        if input.get(at) == Some(&0) {
            return Mark::Nul(at);
        }
        if is_behind_crlf(input, at) {
            return Mark::Dot(at);
        }
        from = at + 1;
    }
    clean(input)
}

/// Looks for dots behind CRLF and for faults, where faults may be many: stops looking at the first.
#[inline(never)]
pub(super) fn dots_and_faults(input: &[u8], nul: NulOctets) -> Mark {
    let found = match nul {
        NulOctets::Keep => first_pair::<BLOCK>(input, 0, |a, b| is_dot(a, b) | is_bare(a, b)),
        NulOctets::Reject => {
            first_pair::<BLOCK>(input, 0, |a, b| is_dot(a, b) | is_bare(a, b) | (b == 0))
        }
    };
    found.map_or_else(|| clean(input), |at| name(input, at))
}

/// The first bare CR, bare LF or, where it is refused, NUL. A CR at the end is none yet.
#[inline(never)]
pub(super) fn first_fault(input: &[u8], nul: NulOctets) -> Option<Mark> {
    let mut from = 0;
    for window in input.chunks(WINDOW) {
        let nul = match nul {
            NulOctets::Reject => memchr(0, window).map(|at| from + at),
            NulOctets::Keep => None,
        };
        let end = nul.map_or(from + window.len(), |at| at + 1);
        if let Some(at) = first_pair::<WIDE>(input.get(..end)?, from, is_bare) {
            return Some(name(input, at));
        }
        if let Some(at) = nul {
            return Some(Mark::Nul(at));
        }
        from += window.len();
    }
    None
}

/// Small enough to be still in the first cache when it is looked at a second time.
const WINDOW: usize = 16 * 1024;
/// How far, and how many lines, to look before a long search is begun.
const NEAR: usize = 512;
const LINES: usize = 2;
/// Where the answer is expected soon.
const BLOCK: usize = 64;
/// Where it is not expected at all. The index of a hit is kept in one octet.
const WIDE: usize = 256;
/// What is left behind whole blocks.
const NARROW: usize = 16;

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

/// The index, from `from` on, of the first octet that makes `test` true together with the octet in front of it.
/// In front of the first octet stands, for the test, a space.
#[inline]
fn first_pair<const N: usize>(
    input: &[u8],
    from: usize,
    test: impl Fn(u8, u8) -> bool + Copy,
) -> Option<usize> {
    if from == 0 && test(b' ', *input.first()?) {
        return Some(0);
    }
    let mut start = from.max(1);
    let mut before = input.get(start - 1..input.len().checked_sub(1)?)?;
    let mut octets = input.get(start..)?;
    for blocks in [
        first_in_blocks::<N>,
        first_in_blocks::<BLOCK>,
        first_in_blocks::<NARROW>,
    ] {
        match blocks(before, octets, test) {
            Ok(at) => return Some(start + at),
            Err(passed) => {
                (before, octets) = (before.get(passed..)?, octets.get(passed..)?);
                start += passed;
            }
        }
    }
    let at = before.iter().zip(octets).position(|(&a, &b)| test(a, b))?;
    Some(start + at)
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

/// The index of the first pair that makes `test` true. There is one.
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
