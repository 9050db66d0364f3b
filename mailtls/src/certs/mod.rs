//! What a server shows: certificates by name, loaded with care and exchanged while it runs.
//!
//! Read RFC 6066 §3 and RFC 9525 §6.3 first. A [`CertStore`] holds entries, each with one or more
//! chains (an ECDSA and an RSA one, say) and the names that it is for; a client's server name
//! indication chooses the entry, its signature schemes the chain. A name that is unknown or
//! missing gets the default entry, never an alert: a mail server that breaks the handshake over a
//! name loses mail.
//!
//! Nothing is shown that was not validated: the key belongs to the first certificate, the chain is
//! not empty. [`CertStore::reload`] reads every source again, keeps the last good chain of each one
//! that has become bad, and puts all the others in force at once. Sessions and handshakes that are
//! running keep what they have.
//!
//! # Not supported
//! rustls 0.23 itself answers a server name that is no host name (with a NUL, a `*`, a space, above
//! 253 octets, or two names) with the alert `illegal_parameter` before any certificate is asked
//! for, where RFC 6066 §3 would let a server ignore it. Client certificates, OCSP stapling and
//! names of any depth (`.example.org`) are not there yet.

mod config;
mod load;
mod reload;
mod select;
mod store;

pub use self::{
    config::{MinVersion, Resumption, ServerConfigError, ServerTls},
    load::{LoadError, LoadReason, Source},
    reload::{Outcome, Reload, Reloaded},
    select::{Hello, Resolver},
    store::{CertStore, Entry},
};
