//! The certificates of a server, by name.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use rustls::sign::CertifiedKey;

use super::{
    load::{LoadError, Source, names_in},
    reload::{Outcome, Reload, Reloaded},
    select::{Hello, Resolver, Snapshot},
};
use crate::{names::ServedName, provider::Provider};

/// Chains that are shown for the same names.
///
/// Without names of its own an entry answers to the DNS-IDs in its certificates, and goes on doing
/// so when a renewal changes them.
///
/// ```
/// use mailtls::certs::{Entry, Source};
/// let entry = Entry::new(Source::files("ecdsa/fullchain.pem", "ecdsa/privkey.pem"))
///     .or_source(Source::files("rsa/fullchain.pem", "rsa/privkey.pem"))
///     .name("mail.example.test".parse()?)
///     .name("*.mail.example.test".parse()?)
///     .default_entry();
/// # let _ = entry;
/// # Ok::<(), mailtls::names::InvalidName>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct Entry {
    names: Vec<ServedName>,
    sources: Vec<Source>,
    default: Default,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Default {
    No,
    Yes,
}

impl Entry {
    /// An entry with one chain.
    pub fn new(source: Source) -> Self {
        Self {
            names: Vec::new(),
            sources: vec![source],
            default: Default::No,
        }
    }

    /// Another chain for the same names, for clients that cannot verify the ones before it.
    pub fn or_source(mut self, source: Source) -> Self {
        self.sources.push(source);
        self
    }

    /// A name that this entry is for. Names of its own replace those in its certificates.
    pub fn name(mut self, name: ServedName) -> Self {
        self.names.push(name);
        self
    }

    /// Makes this the entry for clients that name no other. Without any, it is the first.
    pub fn default_entry(mut self) -> Self {
        self.default = Default::Yes;
        self
    }
}

/// The certificates of a server; a cheap clone of one shared, exchangeable set.
///
/// Choosing takes no lock and at most two look-ups; a reload waits for nobody and nobody waits for
/// it. Offer STARTTLS only while [`CertStore::is_usable`] says so.
///
/// ```
/// # #[cfg(any(feature = "aws-lc-rs", feature = "ring"))] {
/// use mailtls::{certs::{CertStore, Hello}, provider::Provider};
/// let store = CertStore::empty(Provider::default());
/// assert!(!store.is_usable());
/// assert!(store.select(&Hello::new(Some("mail.example.test"), &[])).is_none());
/// # }
/// ```
#[derive(Clone)]
pub struct CertStore(Arc<Inner>);

struct Inner {
    provider: Provider,
    /// What is in force. Readers look here only.
    snapshot: ArcSwap<Snapshot>,
    /// What the next reload begins with; taken by whoever changes the set.
    state: Mutex<Vec<Loaded>>,
}

/// An entry and what is known of its chains.
struct Loaded {
    entry: Entry,
    chains: Vec<Chain>,
}

/// A source, its last good chain and the error that was reported last.
struct Chain {
    source: Source,
    good: Arc<CertifiedKey>,
    error: Option<LoadError>,
}

impl CertStore {
    /// A store with nothing to show, to be filled by [`CertStore::replace`].
    #[must_use]
    pub fn empty(provider: Provider) -> Self {
        Self(Arc::new(Inner {
            provider,
            snapshot: ArcSwap::default(),
            state: Mutex::default(),
        }))
    }

    /// Loads and validates all entries.
    ///
    /// # Errors
    /// [`LoadError`] for the first source that cannot be used: a server that starts must have all
    /// that it is configured for.
    pub fn load(
        entries: impl IntoIterator<Item = Entry>,
        provider: Provider,
    ) -> Result<Self, LoadError> {
        let store = Self::empty(provider);
        store.replace(entries)?;
        Ok(store)
    }

    /// Puts other entries in the place of all that are there, as a new configuration does.
    ///
    /// # Errors
    /// [`LoadError`] for the first source that cannot be used; then nothing has changed.
    ///
    /// ```
    /// # #[cfg(any(feature = "aws-lc-rs", feature = "ring"))] {
    /// use mailtls::{certs::{CertStore, Entry, Source}, provider::Provider};
    /// let store = CertStore::empty(Provider::default());
    /// let broken = Entry::new(Source::memory("demo", "not PEM"));
    /// assert!(store.replace([broken]).is_err());
    /// # }
    /// ```
    pub fn replace(&self, entries: impl IntoIterator<Item = Entry>) -> Result<(), LoadError> {
        let mut state = self.state();
        let loaded = entries
            .into_iter()
            .map(|entry| Loaded::load(entry, &self.0.provider))
            .collect::<Result<Vec<_>, _>>()?;
        self.0.snapshot.store(Arc::new(snapshot_of(&loaded)));
        *state = loaded;
        Ok(())
    }

    /// Reads every source again and puts what has changed in force, all at once.
    ///
    /// A source that cannot be used keeps its last good chain; the others advance. That is logged
    /// once for each new error, and tried again at the next reload. Blocks while files are read:
    /// an async server calls it where blocking is allowed.
    ///
    /// ```
    /// # #[cfg(any(feature = "aws-lc-rs", feature = "ring"))] {
    /// use mailtls::{certs::CertStore, provider::Provider};
    /// let report = CertStore::empty(Provider::default()).reload();
    /// assert_eq!(report.iter().count(), 0);
    /// # }
    /// ```
    pub fn reload(&self) -> Reload {
        let mut state = self.state();
        let report: Vec<_> = state
            .iter_mut()
            .flat_map(|loaded| loaded.chains.iter_mut())
            .map(|chain| chain.reload(&self.0.provider))
            .collect();
        let report = Reload::new(report);
        if report.updated() > 0 {
            self.0.snapshot.store(Arc::new(snapshot_of(&state)));
        }
        report
    }

    /// The chain and key for a client; [`None`] only while the store is empty.
    #[must_use]
    pub fn select(&self, hello: &Hello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.snapshot.load().select(hello)
    }

    /// Whether there is a certificate to show. Where there is none, a server does not offer
    /// STARTTLS and answers it with 454.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !self.0.snapshot.load().is_empty()
    }

    /// For a rustls configuration that is made elsewhere.
    #[must_use]
    pub fn resolver(&self) -> Resolver {
        Resolver {
            store: self.clone(),
        }
    }

    /// The provider that the keys were loaded with.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.0.provider
    }

    fn state(&self) -> MutexGuard<'_, Vec<Loaded>> {
        // Nothing is changed before it is complete, so a panic elsewhere leaves it whole.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CertStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertStore")
            .field("snapshot", &*self.0.snapshot.load())
            .finish_non_exhaustive()
    }
}

impl Loaded {
    fn load(entry: Entry, provider: &Provider) -> Result<Self, LoadError> {
        let chains = entry
            .sources
            .iter()
            .map(|source| {
                if let Some(key) = source.readable_by_others() {
                    tracing::warn!(
                        key = %key.display(),
                        remedy = "chmod o-rwx, and make a new key if it was read",
                        "a private key can be read by every user of this machine"
                    );
                }
                Ok(Chain {
                    source: source.clone(),
                    good: source.load(provider)?,
                    error: None,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { entry, chains })
    }
}

impl Chain {
    fn reload(&mut self, provider: &Provider) -> Reloaded {
        let outcome = match self.source.load(provider) {
            Ok(new) => {
                self.error = None;
                if same(&new, &self.good) {
                    Outcome::Unchanged
                } else {
                    self.good = new;
                    Outcome::Updated
                }
            }
            Err(error) => {
                if self.error.as_ref() != Some(&error) {
                    tracing::warn!(
                        %error,
                        remedy = error.remedy(),
                        "a certificate was not reloaded, the last good one stays"
                    );
                }
                self.error = Some(error.clone());
                Outcome::Kept(error)
            }
        };
        Reloaded::new(self.source.clone(), outcome)
    }
}

/// The same chain with a key of the same public half.
fn same(one: &CertifiedKey, other: &CertifiedKey) -> bool {
    one.cert == other.cert
}

/// Names that were configured come before names that were found in certificates, so that a
/// certificate cannot take a name over by accident.
fn snapshot_of(all: &[Loaded]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for loaded in all {
        for name in &loaded.entry.names {
            for chain in &loaded.chains {
                snapshot.add(name.clone(), &chain.good);
            }
        }
    }
    for loaded in all.iter().filter(|loaded| loaded.entry.names.is_empty()) {
        for chain in &loaded.chains {
            for name in chain.good.cert.first().map(names_in).unwrap_or_default() {
                snapshot.add(name, &chain.good);
            }
        }
    }
    let default = all
        .iter()
        .find(|loaded| loaded.entry.default == Default::Yes)
        .or_else(|| all.first());
    for chain in default.iter().flat_map(|loaded| &loaded.chains) {
        snapshot.add_default(&chain.good);
    }
    snapshot
}
