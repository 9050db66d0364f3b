//! The limits that the shared parts use themselves. Each protocol crate has its own beside them.

/// Octets of a physical line that are skipped, once it is too long, before the connection is given
/// up. A peer that has lost count deserves an answer; one that never ends a line does not.
pub const DISCARD: usize = 1024 * 1024;

/// Octets of peer text that a reply, a header or a log line may repeat. Long enough to recognise
/// the text, short enough that nobody can fill a log with one line.
pub const QUOTED_TEXT: usize = 200;

/// Steps of one SASL exchange. The longest mechanism that we know takes four.
pub const SASL_STEPS: u8 = 10;

/// Iterations below which a SCRAM client gives up (RFC 7677 §3 asks for 4,096 at the least).
pub const SCRAM_ITERATIONS_MIN: u32 = 4_096;

/// Iterations above which a SCRAM client gives up before it does any work: at about a million a
/// second, two seconds of a core are what a server may ask for.
pub const SCRAM_ITERATIONS_MAX: u32 = 2_000_000;

/// Octets of a SCRAM salt, decoded. Servers use 8 to 64.
pub const SCRAM_SALT: usize = 1_024;
