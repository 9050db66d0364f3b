//! The one line that a connection leaves in the log.

use std::fmt;

use mailwire_core::{machine::TlsInfo, text::Sanitized};

/// What a handler tells about a connection when it is over.
///
/// ```
/// use mailtls::serve::Summary;
/// let summary = Summary::default().user("alice@example.test").count("messages", 2);
/// assert_eq!(summary.counts(), "messages=2");
/// ```
#[derive(Clone, Default)]
pub struct Summary {
    tls: Option<TlsInfo>,
    user: Option<String>,
    error: Option<String>,
    counts: String,
}

impl Summary {
    /// The TLS it ran over.
    #[must_use]
    pub fn tls(mut self, tls: Option<TlsInfo>) -> Self {
        self.tls = tls;
        self
    }

    /// Who had logged in.
    #[must_use]
    pub fn user(mut self, user: impl AsRef<[u8]>) -> Self {
        self.user = Some(Sanitized(user.as_ref()).to_string());
        self
    }

    /// Why it ended, where it did not end in order.
    #[must_use]
    pub fn error(mut self, error: &dyn fmt::Display) -> Self {
        self.error = Some(Sanitized(error.to_string().as_bytes()).to_string());
        self
    }

    /// Something that was counted.
    #[must_use]
    pub fn count(mut self, name: &str, count: u64) -> Self {
        let space = if self.counts.is_empty() { "" } else { " " };
        self.counts.push_str(&format!("{space}{name}={count}"));
        self
    }

    /// All counts in one string.
    #[must_use]
    pub fn counts(&self) -> &str {
        &self.counts
    }

    pub(super) fn log(&self, service: &str, id: u64, peer: std::net::SocketAddr, seconds: f64) {
        let tls = self.tls.as_ref();
        let version = tls.map(|tls| tracing::field::display(tls.version));
        let cipher = tls.map(|tls| &*tls.cipher);
        let group = tls.and_then(|tls| tls.group.as_deref());
        // The name is the peer's choice, so it passes the same sieve as all its octets.
        let sni = tls.and_then(|tls| tls.server_name.as_ref());
        let sni = sni.map(|name| tracing::field::display(Sanitized(name.as_bytes()).to_string()));
        tracing::info!(
            service,
            id,
            %peer,
            seconds,
            tls = version,
            cipher,
            group,
            sni,
            resumed = tls.map(|tls| tls.resumed),
            verification = tls.map(|tls| tracing::field::debug(tls.verification)),
            user = self.user.as_deref(),
            counts = self.counts.as_str(),
            error = self.error.as_deref(),
            "connection ended"
        );
    }
}

impl fmt::Debug for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Summary")
            .field("tls", &self.tls)
            .field("counts", &self.counts)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
