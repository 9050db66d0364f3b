//! A message that is looked through while it is read.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::{fmt, num::NonZeroU32};

use super::{
    Needs, Query, Verdict, fold, fold_into,
    leaf::Leaf,
    program::Program,
    sent::sent,
    walk::{Of, Sink, Walk},
    window::Window,
};
use crate::toolkit::{
    message::{header::Field, text::decode_value},
    view::Facts,
};

/// Looks through one message while it is read, as CRLF text in pieces of any size; it holds no
/// more of it than one header field and the end of the last piece.
///
/// ```
/// use mailwire_imap::{
///     command::{Search, SearchKey},
///     toolkit::{search::{Query, Scope, Verdict}, view::Facts},
/// };
/// let date = "\"17-Jul-1996 02:44:25 -0700\"".parse()?;
/// let one = core::num::NonZeroU32::MIN;
/// let search = Search::new([SearchKey::Subject("grüße".as_bytes().into())]);
/// let query = Query::compile(&search, &Scope::new(1, Some(one), date))?;
/// let mut matcher = query.matcher(one, &Facts::new(one, date, None));
/// matcher.feed(b"Subject: =?iso-8859-1?q?Gr");
/// assert_eq!(matcher.feed(b"=FC=DFe?=\r\n\r\n"), Verdict::Yes);
/// assert!(matcher.finish());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Matcher {
    walk: Walk,
    look: Look,
}

impl Query {
    /// Begins to look through a message whose [facts](Self::by_facts) did not decide.
    #[must_use]
    pub fn matcher(&self, number: NonZeroU32, facts: &Facts) -> Matcher {
        let program = Arc::clone(&self.program);
        let leaves = program
            .leaves
            .iter()
            .map(|leaf| leaf.by_facts(number.get(), facts))
            .collect();
        let mut look = Look {
            verdict: Verdict::No,
            is_wanted: Vec::new(),
            targets: Vec::new(),
            window: Window::new(0),
            octets: 0,
            has_date: false,
            changed: false,
            leaves,
            program,
        };
        look.decide();
        let longest = look.targets.iter().map(|target| look.len_of(*target));
        look.window = Window::new(longest.max().unwrap_or_default());
        Matcher {
            walk: Walk::new(),
            look,
        }
    }
}

impl Matcher {
    /// Looks through the next piece. Once the verdict is there, the rest of the message need not be
    /// read; as long as it is [`Needs::Header`], nothing behind the header must.
    pub fn feed(&mut self, piece: &[u8]) -> Verdict {
        let octets = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.look.octets = self.look.octets.saturating_add(octets);
        if !self.look.is_done() {
            self.walk.feed(piece, &mut self.look);
        }
        self.look.verdict
    }

    /// What is known so far.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.look.verdict
    }

    /// Ends the message, and says whether it matches. Where only the header was
    /// [needed](Needs::Header), only the header need have been fed.
    #[must_use]
    pub fn finish(mut self) -> bool {
        if !self.look.is_done() {
            self.walk.finish(&mut self.look);
        }
        self.look.end()
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matcher")
            .field("verdict", &self.look.verdict)
            .finish_non_exhaustive()
    }
}

/// A string that is looked for in text.
#[derive(Clone, Copy)]
struct Target {
    leaf: usize,
    needle: usize,
    /// Whether header fields count as well.
    is_text: bool,
}

/// What is known of each key, and what is still looked for.
struct Look {
    program: Arc<Program>,
    leaves: Vec<Verdict>,
    verdict: Verdict,
    /// The keys that would make a difference.
    is_wanted: Vec<bool>,
    targets: Vec<Target>,
    window: Window,
    octets: u64,
    has_date: bool,
    changed: bool,
}

impl Look {
    /// Works out the verdict and what is still wanted.
    fn decide(&mut self) {
        self.changed = false;
        self.is_wanted.clear();
        self.is_wanted.resize(self.leaves.len(), false);
        let (leaves, is_wanted) = (&self.leaves, &mut self.is_wanted);
        self.verdict = self.program.run_indexed(|leaf| {
            let verdict = leaves.get(leaf).copied().unwrap_or(Verdict::No);
            if let (Verdict::Undecided(_), Some(wanted)) = (verdict, is_wanted.get_mut(leaf)) {
                *wanted = true;
            }
            verdict
        });
        self.targets.clear();
        let wanted = self.program.leaves.iter().zip(&self.is_wanted).enumerate();
        for (leaf, (kind, is_wanted)) in wanted {
            let (needle, is_text) = match kind {
                Leaf::Text(needle) => (*needle, true),
                Leaf::Body(needle) => (*needle, false),
                _ => continue,
            };
            if *is_wanted {
                self.targets.push(Target {
                    leaf,
                    needle,
                    is_text,
                });
            }
        }
    }

    fn settle(&mut self) {
        if self.changed {
            self.decide();
        }
    }

    fn set(&mut self, leaf: usize, verdict: Verdict) {
        if let Some(known) = self.leaves.get_mut(leaf) {
            *known = verdict;
            self.changed = true;
        }
    }

    fn wants(&self, leaf: usize) -> bool {
        self.is_wanted.get(leaf).copied().unwrap_or_default()
            && matches!(self.leaves.get(leaf), Some(Verdict::Undecided(_)))
    }

    fn len_of(&self, target: Target) -> usize {
        let needle = self.program.needles.get(target.needle);
        needle.map_or(0, super::program::Needle::len)
    }

    fn is_in(&self, needle: usize, folded: &[u8]) -> bool {
        let needle = self.program.needles.get(needle);
        needle.is_some_and(|needle| needle.is_in(folded))
    }

    /// Looks for the strings of TEXT, and of BODY where this is body.
    fn look_in(&mut self, folded: &[u8], is_body: bool) {
        for at in 0..self.targets.len() {
            let Some(target) = self.targets.get(at).copied() else {
                return;
            };
            let counts = (is_body || target.is_text) && self.wants(target.leaf);
            if counts && self.is_in(target.needle, folded) {
                self.set(target.leaf, Verdict::Yes);
            }
        }
    }

    fn look_in_window(&mut self) {
        let window = core::mem::replace(&mut self.window, Window::new(0));
        self.look_in(window.octets(), true);
        self.window = window;
        self.settle();
    }

    /// The keys that look into one field of the message's header.
    fn header_field(&mut self, field: &Field<'_>) {
        let program = Arc::clone(&self.program);
        let name = String::from_utf8_lossy(field.name()).to_ascii_lowercase();
        let known = program
            .fields
            .binary_search_by(|(known, _)| known.cmp(&name));
        let keys = known.ok().and_then(|at| program.fields.get(at));
        let mut value = None;
        for leaf in keys.map_or(&[][..], |(_, leaves)| leaves) {
            let Some(Leaf::Field(needle)) = program.leaves.get(*leaf) else {
                continue;
            };
            if self.wants(*leaf) {
                let value = value.get_or_insert_with(|| fold(&decode_value(field.raw_value())));
                if self.is_in(*needle, value.as_bytes()) {
                    self.set(*leaf, Verdict::Yes);
                }
            }
        }
        if field.is("Date") && !self.has_date {
            self.has_date = true;
            self.date(&field.value());
        }
    }

    fn date(&mut self, value: &[u8]) {
        let program = Arc::clone(&self.program);
        let mut day = None;
        for (at, leaf) in program.leaves.iter().enumerate() {
            let Leaf::Sent(first, end) = leaf else {
                continue;
            };
            let day = *day.get_or_insert_with(|| sent(value).map(|date| date.date().days()));
            let matches = day.is_some_and(|day| (*first..*end).contains(&day));
            self.set(at, Verdict::of(matches));
        }
    }

    /// Settles the sizes; what is then still open was not found.
    fn end(mut self) -> bool {
        let program = Arc::clone(&self.program);
        for (at, leaf) in program.leaves.iter().enumerate() {
            if matches!(self.leaves.get(at), Some(Verdict::Undecided(_))) {
                self.set(at, leaf.by_size(self.octets));
            }
        }
        self.decide();
        self.verdict == Verdict::Yes
    }
}

impl Sink for Look {
    fn is_done(&self) -> bool {
        !matches!(self.verdict, Verdict::Undecided(_))
    }

    fn wants_body(&self) -> bool {
        !self.targets.is_empty()
    }

    fn field(&mut self, of: Of, field: &Field<'_>) {
        if of == Of::Message {
            self.header_field(field);
        }
        let is_body = of == Of::Enclosed;
        if self.targets.iter().any(|target| target.is_text || is_body) {
            let mut folded = String::new();
            if !field.name().is_empty() {
                fold_into(&String::from_utf8_lossy(field.name()), &mut folded);
                folded.push_str(": ");
            }
            fold_into(&decode_value(field.raw_value()), &mut folded);
            self.look_in(folded.as_bytes(), is_body);
        }
        self.settle();
    }

    fn header_end(&mut self, of: Of) {
        if of != Of::Message {
            return;
        }
        for at in 0..self.leaves.len() {
            if self.leaves.get(at) == Some(&Verdict::Undecided(Needs::Header)) {
                self.set(at, Verdict::No);
            }
        }
        self.settle();
    }

    fn text(&mut self, text: &str) {
        if self.window.push(text) {
            self.look_in_window();
            self.window.looked();
        }
    }

    fn text_end(&mut self) {
        if self.window.has_more() {
            self.look_in_window();
        }
        self.window.clear();
    }
}
