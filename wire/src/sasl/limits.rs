//! What a peer may make an exchange cost, each number with its reason.
//!
//! The numbers of SCRAM's key derivation and of the steps stand in [`crate::limits`].

/// Octets of one message, decoded: what fits into the AUTH line of 12,288 octets that
/// RFC 4954 §4 asks a server to take.
pub const MESSAGE: usize = 9_216;

/// Octets of a user name or an authorization identity. RFC 4616 §2 wants 255 at least.
pub const IDENTITY: usize = 1_024;

/// Octets of a password: 1,000 characters of four octets. RFC 4616 §2 wants 255 at least.
pub const PASSWORD: usize = 4_096;

/// Characters of a SCRAM nonce, both halves together. Nobody needs a tenth of it; RFC 5802 §7
/// sets no bound.
pub const NONCE: usize = 512;

/// Characters of our own half of a nonce, at least: 18 of base64 carry 108 random bits, so that
/// no two exchanges of a server's life meet.
pub const NONCE_MIN: usize = 18;

/// Octets of channel binding data: a `tls-exporter` has 32 (RFC 9266 §2), a hash 64 at most.
pub const BINDING: usize = 64;
