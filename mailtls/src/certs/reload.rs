//! What a reload found.

use super::load::{LoadError, Source};

/// The report of a reload, one line for each source, in the order of the configuration.
///
/// ```
/// # #[cfg(any(feature = "aws-lc-rs", feature = "ring"))] {
/// use mailtls::{certs::{CertStore, Outcome}, provider::Provider};
/// let report = CertStore::empty(Provider::default()).reload();
/// for line in report.iter() {
///     if let Outcome::Kept(error) = line.outcome() {
///         println!("{error}: {}", error.remedy());
///     }
/// }
/// assert_eq!((report.updated(), report.kept()), (0, 0));
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct Reload(Vec<Reloaded>);

impl Reload {
    pub(crate) const fn new(lines: Vec<Reloaded>) -> Self {
        Self(lines)
    }

    /// The lines.
    pub fn iter(&self) -> impl Iterator<Item = &Reloaded> {
        self.0.iter()
    }

    /// How many sources gave a new chain.
    #[must_use]
    pub fn updated(&self) -> usize {
        self.count(|outcome| *outcome == Outcome::Updated)
    }

    /// How many sources could not be used and keep their last good chain.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Kept(_)))
    }

    fn count(&self, which: impl Fn(&Outcome) -> bool) -> usize {
        self.iter().filter(|line| which(&line.outcome)).count()
    }
}

/// One source in a [`Reload`].
///
/// ```
/// # use mailtls::certs::{Outcome, Reloaded};
/// fn is_new(line: &Reloaded) -> bool {
///     *line.outcome() == Outcome::Updated
/// }
/// # let _ = is_new;
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reloaded {
    source: Source,
    outcome: Outcome,
}

impl Reloaded {
    pub(crate) const fn new(source: Source, outcome: Outcome) -> Self {
        Self { source, outcome }
    }

    /// Where the chain comes from.
    #[must_use]
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// What became of it.
    #[must_use]
    pub const fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

/// What a reload did with one source.
///
/// ```
/// use mailtls::certs::Outcome;
/// assert_ne!(Outcome::Unchanged, Outcome::Updated);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It cannot be used; the last good chain stays.
    Kept(LoadError),
    /// It is what it was.
    Unchanged,
    /// A new chain is in force.
    Updated,
}
