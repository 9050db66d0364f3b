//! The patterns of LIST (RFC 9051 §6.3.9).
//!
//! A pattern is matched by a set of states, one bit each, that moves along the name; so the cost is
//! that of the name times a 64th of the pattern, whatever the wildcards. Nothing is tried twice.

use alloc::{vec, vec::Vec};

use crate::{limits, mailbox::Mailbox};

/// A pattern of LIST or LSUB in its canonical form: the reference and the pattern joined.
///
/// ```
/// use mailwire_imap::{mailbox::Mailbox, toolkit::list::Pattern};
/// let name = |name: &str| Mailbox::new(name.as_bytes()).unwrap();
/// let pattern = Pattern::new(&name("archive/"), b"%", Some(b'/'));
/// assert!(pattern.matches(&name("archive/2026")));
/// assert!(!pattern.matches(&name("archive/2026/may")));
/// assert!(Pattern::new(&name(""), b"inb*", Some(b'/')).matches(&Mailbox::inbox()));
/// ```
#[derive(Clone, Debug)]
pub struct Pattern {
    delimiter: Option<u8>,
    /// The octets before the first wildcard.
    head: Vec<u8>,
    /// What is behind them; `None` where there is no wildcard.
    tail: Option<Tail>,
    ends_with_percent: bool,
}

impl Pattern {
    /// Joins a reference and a pattern, one behind the other (RFC 3501 §6.3.8): there are no
    /// characters that break out of the reference.
    #[must_use]
    pub fn new(reference: &Mailbox, pattern: &[u8], delimiter: Option<u8>) -> Self {
        let mut octets = Vec::with_capacity(reference.as_bytes().len() + pattern.len());
        octets.extend_from_slice(reference.as_bytes());
        octets.extend_from_slice(pattern);
        let is_wild = |octet: &u8| matches!(octet, b'*' | b'%');
        let head = octets.iter().position(is_wild).unwrap_or(octets.len());
        let tail = octets.split_off(head);
        Self {
            delimiter,
            head: octets,
            ends_with_percent: tail.last() == Some(&b'%'),
            tail: (!tail.is_empty()).then(|| Tail::new(&tail, delimiter)),
        }
    }

    /// Whether the name is one that the pattern means. INBOX, also as the first level of a name,
    /// is matched in any case (RFC 9051 §5.1).
    #[must_use]
    pub fn matches(&self, name: &Mailbox) -> bool {
        self.matches_octets(name.as_bytes())
    }

    /// What all names that match begin with: no others need be looked at.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.head
    }

    /// Whether levels of hierarchy are told too that are no mailboxes (RFC 3501 §6.3.8).
    pub(super) const fn tells_levels(&self) -> bool {
        self.ends_with_percent
    }

    pub(super) fn matches_octets(&self, name: &[u8]) -> bool {
        let caseless = if is_in_inbox(name, self.delimiter) {
            INBOX.len()
        } else {
            0
        };
        let Some((head, rest)) = name.split_at_checked(self.head.len()) else {
            return false;
        };
        let same = |(at, (one, two)): (usize, (&u8, &u8))| {
            one == two || at < caseless && one.eq_ignore_ascii_case(two)
        };
        if !head.iter().zip(&self.head).enumerate().all(same) {
            return false;
        }
        match &self.tail {
            None => rest.is_empty(),
            Some(tail) => tail.matches(rest, caseless.saturating_sub(self.head.len())),
        }
    }
}

const INBOX: &[u8] = b"INBOX";

/// Whether the name is INBOX or below it, in whatever case.
pub(super) fn is_in_inbox(name: &[u8], delimiter: Option<u8>) -> bool {
    name.split_at_checked(INBOX.len())
        .is_some_and(|(first, rest)| {
            first.eq_ignore_ascii_case(INBOX)
                && (rest.is_empty() || rest.first().copied() == delimiter)
        })
}

/// A pattern from its first wildcard on.
#[derive(Clone, Debug)]
struct Tail {
    delimiter: Option<u8>,
    /// How many octets are no wildcards: a shorter name does not match.
    plain: usize,
    /// The state behind the last element.
    end: usize,
    /// A bit for each element that is `*`, and one for each that is `%`.
    stars: Vec<u64>,
    percents: Vec<u64>,
    /// For each octet, where in `octets` the elements are that it is; 0 for one that does not occur.
    places: Vec<u16>,
    octets: Vec<Vec<u64>>,
}

impl Tail {
    fn new(octets: &[u8], delimiter: Option<u8>) -> Self {
        let mut elements: Vec<u8> = Vec::with_capacity(octets.len().min(limits::LIST_PATTERN));
        for octet in octets {
            // Wildcards side by side are one, and `*` is the greater one.
            match (elements.last_mut(), octet) {
                (Some(b'*'), b'*' | b'%') | (Some(b'%'), b'%') => {}
                (Some(last @ b'%'), b'*') => *last = b'*',
                _ => elements.push(*octet),
            }
        }
        let plain = elements
            .iter()
            .filter(|octet| !matches!(octet, b'*' | b'%'))
            .count();
        if plain > limits::LIST_PATTERN {
            // Longer than any name: nothing is built for what can match nothing.
            elements.clear();
        }
        let words = elements.len() / 64 + 1;
        let mut tail = Self {
            delimiter,
            plain,
            end: elements.len(),
            stars: vec![0; words],
            percents: vec![0; words],
            places: vec![0; 256],
            octets: vec![vec![0; words]],
        };
        for (at, octet) in elements.iter().enumerate() {
            let bits = match octet {
                b'*' => &mut tail.stars,
                b'%' => &mut tail.percents,
                octet => tail.of_octet(*octet, words),
            };
            set(bits, at);
        }
        tail
    }

    fn of_octet(&mut self, octet: u8, words: usize) -> &mut [u64] {
        let behind = self.octets.len();
        let at = match self.places.get_mut(usize::from(octet)) {
            Some(place @ 0) => {
                *place = u16::try_from(behind).unwrap_or_default();
                self.octets.push(vec![0; words]);
                behind
            }
            Some(place) => usize::from(*place),
            None => 0,
        };
        self.octets
            .get_mut(at)
            .map_or(&mut [], |bits| bits.as_mut_slice())
    }

    fn matches(&self, name: &[u8], caseless: usize) -> bool {
        if self.plain > limits::LIST_PATTERN || self.plain > name.len() {
            return false;
        }
        if let (1, [stars], [_]) = (self.end, &*self.stars, &*self.percents) {
            // One wildcard, as in nearly all that clients send.
            let is_level = |delimiter| memchr::memchr(delimiter, name).is_none();
            return *stars == 1 || self.delimiter.is_none_or(is_level);
        }
        if let ([stars], [percents]) = (&*self.stars, &*self.percents) {
            return self.matches_word(*stars, *percents, name, caseless);
        }
        let mut states = vec![0; self.stars.len()];
        set(&mut states, 0);
        self.pass_wildcards(&mut states);
        for (at, octet) in name.iter().enumerate() {
            let other = if at < caseless {
                other_case(*octet)
            } else {
                *octet
            };
            if !self.step(&mut states, *octet, other) {
                return false;
            }
        }
        states
            .get(self.end / 64)
            .is_some_and(|word| word >> (self.end % 64) & 1 == 1)
    }

    /// The same for a pattern of less than 64 elements.
    fn matches_word(&self, stars: u64, percents: u64, name: &[u8], caseless: usize) -> bool {
        let wild = stars | percents;
        let pass_wildcards = |state: u64| state | (state & wild) << 1;
        let word = |octet| self.elements(octet).first().copied().unwrap_or_default();
        let mut state = pass_wildcards(1);
        for (at, octet) in name.iter().enumerate() {
            let mut here = word(*octet);
            if at < caseless {
                here |= word(other_case(*octet));
            }
            let stays = if Some(*octet) == self.delimiter {
                stars
            } else {
                wild
            };
            state = pass_wildcards(state & stays | (state & here) << 1);
            if state == 0 {
                return false;
            }
        }
        state >> self.end & 1 == 1
    }

    /// Moves along one octet, which may be written in another case. Whether a state is left.
    fn step(&self, states: &mut [u64], octet: u8, other: u8) -> bool {
        let crosses_level = Some(octet) == self.delimiter;
        let (one, two) = (self.elements(octet), self.elements(other));
        let mut carry = 0;
        let mut is_alive = false;
        for (at, state) in states.iter_mut().enumerate() {
            let word = |bits: &[u64]| bits.get(at).copied().unwrap_or_default();
            let matched = *state & (word(one) | word(two));
            let mut stays = *state & word(&self.stars);
            if !crosses_level {
                stays |= *state & word(&self.percents);
            }
            *state = stays | matched << 1 | carry;
            carry = matched >> 63;
            is_alive |= *state != 0;
        }
        self.pass_wildcards(states);
        is_alive
    }

    /// A wildcard may stand for nothing. No two of them are side by side, so once is enough.
    fn pass_wildcards(&self, states: &mut [u64]) {
        let mut carry = 0;
        for (state, (stars, percents)) in
            states.iter_mut().zip(self.stars.iter().zip(&self.percents))
        {
            let wild = *state & (stars | percents);
            *state |= wild << 1 | carry;
            carry = wild >> 63;
        }
    }

    fn elements(&self, octet: u8) -> &[u64] {
        let at = self.places.get(usize::from(octet)).copied();
        let bits = self.octets.get(usize::from(at.unwrap_or_default()));
        bits.map_or(&[], |bits| bits.as_slice())
    }
}

/// A letter in its other case; anything else as it is.
const fn other_case(octet: u8) -> u8 {
    octet.to_ascii_lowercase() ^ octet.to_ascii_uppercase() ^ octet
}

fn set(bits: &mut [u64], at: usize) {
    if let Some(word) = bits.get_mut(at / 64) {
        *word |= 1 << (at % 64);
    }
}
