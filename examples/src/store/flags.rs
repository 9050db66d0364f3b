//! Flags of messages: the letters behind `:2,` in a file name, and keywords, which live in the index.

use std::fmt;

/// The letters in a file name, as a set. Six of them have a meaning for mail programs; the others belong to other
/// tools and stay where they are.
///
/// ```
/// use mailwire_examples::store::Flags;
///
/// let flags = Flags::SEEN | Flags::ANSWERED;
/// assert!(flags.contains(Flags::SEEN));
/// assert_eq!(flags.to_string(), "RS");
/// ```
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Flags(u64);

impl Flags {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// `\Answered`, the letter `R`.
    pub const ANSWERED: Self = Self::letter(b'R');
    /// `\Deleted`, the letter `T`.
    pub const DELETED: Self = Self::letter(b'T');
    /// `\Draft`, the letter `D`.
    pub const DRAFT: Self = Self::letter(b'D');
    /// `\Flagged`, the letter `F`.
    pub const FLAGGED: Self = Self::letter(b'F');
    /// The keyword `$Forwarded`, the letter `P` ("passed"). What comes as a keyword of this name is kept as this
    /// letter, and [`Snapshot::keywords_of`](super::Snapshot::keywords_of) names it again.
    pub const FORWARDED: Self = Self::letter(b'P');
    /// `\Seen`, the letter `S`.
    pub const SEEN: Self = Self::letter(b'S');
    /// The six above. All others are left alone by every [`FlagChange`].
    pub const KNOWN: Self = Self(
        Self::ANSWERED.0
            | Self::DELETED.0
            | Self::DRAFT.0
            | Self::FLAGGED.0
            | Self::FORWARDED.0
            | Self::SEEN.0,
    );

    const fn letter(letter: u8) -> Self {
        match letter {
            b'A'..=b'Z' => Self(1 << (letter - b'A')),
            b'a'..=b'z' => Self(1 << (letter - b'a' + 26)),
            _ => Self(0),
        }
    }

    /// The letters among some octets.
    pub(crate) fn of(letters: impl IntoIterator<Item = u8>) -> Self {
        letters
            .into_iter()
            .fold(Self::NONE, |flags, letter| flags | Self::letter(letter))
    }

    /// In the order of ASCII, as maildir(5) wants them.
    pub(crate) fn letters(self) -> impl Iterator<Item = char> {
        (b'A'..=b'Z')
            .chain(b'a'..=b'z')
            .filter(move |letter| self.contains(Self::letter(*letter)))
            .map(char::from)
    }

    /// Whether all of `others` are set.
    #[must_use]
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether none is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These without `others`.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }
}

impl std::ops::BitOr for Flags {
    type Output = Self;

    fn bitor(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }
}

impl std::ops::BitAnd for Flags {
    type Output = Self;

    fn bitand(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.letters().try_for_each(|letter| write!(f, "{letter}"))
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({self})")
    }
}

/// Some of the keywords of a mailbox, as positions in [`Snapshot::keywords`](super::Snapshot::keywords). Two values
/// may only be compared when they are of the same snapshot.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Keywords(pub(crate) u64);

impl Keywords {
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the keyword at a position is among them.
    #[must_use]
    pub const fn contains(self, position: usize) -> bool {
        position < 64 && self.0 >> position & 1 == 1
    }
}

/// How flags are to be changed (RFC 9051 §6.4.6).
///
/// ```
/// use mailwire_examples::store::{FlagChange, Flags, Mode};
///
/// let seen = FlagChange::new(Mode::Add, Flags::SEEN);
/// let tagged = FlagChange { keywords: vec!["$Work".to_owned()], ..seen.clone() };
/// assert_eq!(tagged.flags, seen.flags);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "it is what a STORE command says, no more"
)]
pub struct FlagChange {
    /// What to do with them.
    pub mode: Mode,
    /// Those that have letters. Letters of other tools are never touched.
    pub flags: Flags,
    /// Keywords, each 1 to 64 printable ASCII characters without a space; their case does not count.
    pub keywords: Vec<String>,
}

impl FlagChange {
    /// A change without keywords.
    #[must_use]
    pub const fn new(mode: Mode, flags: Flags) -> Self {
        Self {
            mode,
            flags,
            keywords: Vec::new(),
        }
    }
}

/// What a [`FlagChange`] does with the flags it names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9051 §6.4.6 has three")]
pub enum Mode {
    /// `FLAGS`: these and no others.
    Replace,
    /// `+FLAGS`: these, too.
    Add,
    /// `-FLAGS`: no longer these.
    Remove,
}

impl Mode {
    /// What becomes of `old`, where `named` are in the change.
    pub(crate) const fn apply(self, old: u64, named: u64) -> u64 {
        match self {
            Self::Replace => named,
            Self::Add => old | named,
            Self::Remove => old & !named,
        }
    }

    /// The same for letters: those that we do not know stay.
    pub(crate) fn letters(self, old: Flags, named: Flags) -> Flags {
        let named = named & Flags::KNOWN;
        let known = Flags(self.apply((old & Flags::KNOWN).0, named.0));
        old.without(Flags::KNOWN) | known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_11_letters_of_other_tools_outlive_every_change() {
        let old = Flags::of(*b"aSzFX");
        assert_eq!(old.to_string(), "FSXaz");
        for (mode, flags, left) in [
            (Mode::Replace, Flags::DRAFT, "DXaz"),
            (Mode::Replace, Flags::NONE, "Xaz"),
            (Mode::Add, Flags::DELETED, "FSTXaz"),
            (Mode::Remove, Flags::SEEN, "FXaz"),
            (Mode::Remove, Flags::of(*b"aX"), "FSXaz"),
            (Mode::Add, Flags::of(*b"bF"), "FSXaz"),
        ] {
            assert_eq!(mode.letters(old, flags).to_string(), left);
        }
        assert_eq!(Flags::of(*b":2,-.\xff"), Flags::NONE);
    }
}
