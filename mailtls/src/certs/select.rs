//! Which chain a client gets.

use std::{collections::HashMap, fmt, sync::Arc};

use rustls::{
    SignatureScheme,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::store::CertStore;
use crate::names::{DnsName, ServedName};

/// What a client asks for, as far as the choice of a certificate depends on it.
///
/// ```
/// use mailtls::certs::Hello;
/// let hello = Hello::new(Some("MAIL.example.test."), &[]);
/// assert_eq!(hello.server_name, Some("MAIL.example.test."));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Hello<'a> {
    /// The server name indication, as it came.
    pub server_name: Option<&'a str>,
    /// The signature schemes that the client can verify.
    pub schemes: &'a [SignatureScheme],
}

impl<'a> Hello<'a> {
    /// A client that asks for this name and can verify these schemes.
    #[must_use]
    pub const fn new(server_name: Option<&'a str>, schemes: &'a [SignatureScheme]) -> Self {
        Self {
            server_name,
            schemes,
        }
    }
}

/// The chains of one name, in the order of preference.
type Chains = Vec<Arc<CertifiedKey>>;

/// One consistent state of the store; never changed, only replaced.
#[derive(Default)]
pub(crate) struct Snapshot {
    exact: HashMap<DnsName, Chains>,
    /// By the name behind the star.
    wildcard: HashMap<DnsName, Chains>,
    default: Chains,
}

impl Snapshot {
    /// Adds chains for a name. What was added first is preferred.
    pub(crate) fn add(&mut self, name: ServedName, chain: &Arc<CertifiedKey>) {
        let chains = match name {
            ServedName::Exact(name) => self.exact.entry(name),
            ServedName::Wildcard(parent) => self.wildcard.entry(parent),
        };
        chains.or_default().push(Arc::clone(chain));
    }

    pub(crate) fn add_default(&mut self, chain: &Arc<CertifiedKey>) {
        self.default.push(Arc::clone(chain));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.default.is_empty()
    }

    /// The exact name, then the wildcard, then the default; in each the first chain that the
    /// client can verify. A client that can verify none gets the first of its name, and fails on
    /// that, which names the reason in the alert.
    ///
    /// At most two look-ups, however many certificates there are.
    pub(crate) fn select(&self, hello: &Hello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name.map(normalised).unwrap_or_default();
        let exact = self.exact.get(name.as_ref());
        let wildcard = name
            .split_once('.')
            .and_then(|(_, parent)| self.wildcard.get(parent));
        let groups = [exact, wildcard, Some(&self.default)];
        let fitting = groups
            .iter()
            .flatten()
            .flat_map(|chains| chains.iter())
            .find(|chain| chain.key.choose_scheme(hello.schemes).is_some());
        fitting
            .or_else(|| groups.iter().flatten().find_map(|chains| chains.first()))
            .cloned()
    }
}

/// What a client sends is compared, not validated: what is no name is found nowhere.
fn normalised(name: &str) -> std::borrow::Cow<'_, str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|octet| octet.is_ascii_uppercase()) {
        name.to_ascii_lowercase().into()
    } else {
        name.into()
    }
}

/// A [`CertStore`] as rustls asks it; made by [`CertStore::resolver`].
///
/// ```
/// # #[cfg(any(feature = "aws-lc-rs", feature = "ring"))] {
/// # (|| -> Result<(), rustls::Error> {
/// use std::sync::Arc;
/// use mailtls::{certs::CertStore, provider::Provider};
/// let store = CertStore::empty(Provider::default());
/// let _config = rustls::ServerConfig::builder_with_provider(Provider::default().crypto())
///     .with_safe_default_protocol_versions()?
///     .with_no_client_auth()
///     .with_cert_resolver(Arc::new(store.resolver()));
/// # Ok(()) })().unwrap(); }
/// ```
#[derive(Clone, Debug)]
pub struct Resolver {
    pub(crate) store: CertStore,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.store
            .select(&Hello::new(hello.server_name(), hello.signature_schemes()))
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("exact", &self.exact.len())
            .field("wildcard", &self.wildcard.len())
            .field("default", &self.default.len())
            .finish()
    }
}
