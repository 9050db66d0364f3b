//! The dialogue, line by line, as somebody may see it who must not see secrets or messages.
//!
//! A driver knows no protocol, so the trace recognises those that it may show, SMTP (with LMTP),
//! IMAP and POP3, by the greeting, and follows them as far as is needed to tell a command from a
//! password and a reply from a message. It fails closed: what is not recognised is counted and
//! not shown. These are masked:
//!
//! - the arguments of `PASS`, `APOP`, `AUTH`, `LOGIN` and `AUTHENTICATE`, each line of the exchange
//!   that they start, in both directions, and the text of the reply that ends it, for a server may repeat a secret;
//! - messages: what follows `DATA` and `BDAT`, what answers `RETR`, `TOP` and `FETCH`, and every
//!   literal of IMAP;
//! - commands of unknown name, for a mistyped password is often one.

mod mask;

use std::fmt;

use mailwire_core::machine::{Side, TlsInfo};

use self::mask::Masker;

/// What a trace shows.
///
/// ```
/// use mailtls::trace::Seen;
/// use mailwire_core::machine::Side;
/// let seen = Seen::Line { from: Side::Client, text: "AUTH PLAIN ***" };
/// assert_eq!(seen.to_string(), "C: AUTH PLAIN ***");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// A line, masked, capped and free of control characters.
    Line {
        /// Who sent it.
        from: Side,
        /// What of it may be shown.
        text: &'a str,
    },
    /// TLS has started.
    Tls(&'a TlsInfo),
}

impl fmt::Display for Seen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line {
                from: Side::Client,
                text,
            } => write!(f, "C: {text}"),
            Self::Line {
                from: Side::Server,
                text,
            } => write!(f, "S: {text}"),
            Self::Tls(info) => write!(f, "*: {} {}", info.version, info.cipher),
        }
    }
}

/// Shows the dialogue of one connection to somebody.
///
/// ```
/// use mailtls::trace::Trace;
/// let trace = Trace::new(|seen| eprintln!("{seen}"));
/// # let _ = trace;
/// ```
pub struct Trace {
    show: Box<dyn FnMut(Seen<'_>) + Send>,
    masker: Masker,
}

impl Trace {
    /// A trace that shows each line to `show`.
    pub fn new(show: impl FnMut(Seen<'_>) + Send + 'static) -> Self {
        Self {
            show: Box::new(show),
            masker: Masker::new(),
        }
    }

    /// Octets of the dialogue, in clear or after decryption, however they are cut.
    pub(crate) fn octets(&mut self, from: Side, octets: &[u8]) {
        let show = &mut self.show;
        self.masker.octets(from, octets, &mut |from, text| {
            show(Seen::Line { from, text })
        });
    }

    pub(crate) fn tls_started(&mut self, info: &TlsInfo) {
        self.masker.tls_started();
        (self.show)(Seen::Tls(info));
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trace")
    }
}
