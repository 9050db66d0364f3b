//! Every bound that keeps a peer from making us wait, store or work without end.

use std::time::Duration;

/// Time for a TLS handshake, from the moment it may begin. Postfix allows 300 s, which lets a slow
/// peer hold a slot for as long; 10 s is many round trips to anywhere.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

/// Handshakes that run at once, where a service shares [`Handshakes`](crate::upgrade::Handshakes).
/// Each costs up to 64 KiB of a peer's messages and some hundred microseconds of computing.
pub const HANDSHAKES: usize = 256;

/// Time in which a peer that does not read must take [`WRITE_PROGRESS`] octets. RFC 5321
/// §4.5.3.2.5 asks for three minutes for each block that is sent.
pub const WRITE_STALL: Duration = Duration::from_secs(180);

/// Octets that count as progress within [`WRITE_STALL`]; a satellite telephone takes forty times
/// as many, a peer that opens its window octet by octet does not.
pub const WRITE_PROGRESS: u32 = 1024;

/// Time that a closing server goes on reading, so that a reset does not eat its last reply.
pub const DRAIN_TIME: Duration = Duration::from_secs(2);

/// Octets that a closing server reads and throws away.
pub const DRAIN_OCTETS: usize = 64 * 1024;

/// Octets queued for the peer above which a server takes no further command and nobody is told
/// that there is room.
pub const QUEUE: usize = 64 * 1024;

/// Octets of one read, at least the plaintext of one TLS record (RFC 8446 §5.1). They pass through
/// the stack; four times a record saves most system calls of a large message in clear.
pub const READ: usize = 64 * 1024;

/// Steps of a machine in one poll, after which other tasks get their turn: the runtime's own
/// budget counts reads, and one read may hold thousands of commands.
pub const STEPS: u32 = 128;

/// Octets of a line that a trace shows; RFC 5321 §4.5.3.1.4 allows 512 for a command.
pub const TRACE_LINE: usize = 512;

/// Commands without a reply that a trace keeps count of, for it must know which reply carries a
/// message. Beyond it everything is masked.
pub const TRACE_OUTSTANDING: usize = 1024;

/// Connections that a [`serve::Server`](crate::serve::Server) holds at once by default.
pub const CONNECTIONS: usize = 10_000;

/// Connections from one address (IPv4 /32, IPv6 /64) by default. Postfix's default is 50.
pub const CONNECTIONS_PER_ADDRESS: usize = 50;

/// First pause when the system has no descriptor or memory left for a connection.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Longest pause then; after it a freed descriptor is noticed within a second.
pub const ACCEPT_PAUSE_MAX: Duration = Duration::from_millis(800);

/// Time that open connections get to finish when a server stops.
pub const STOP: Duration = Duration::from_secs(30);

/// The largest PEM file with a chain and its key that is read: a chain of ten RSA-4096
/// certificates with many names is below 100 KiB.
pub const MAX_PEM_FILE: u64 = 1024 * 1024;

/// The largest file of trusted roots that is read: that of Debian is 220 KiB.
pub const MAX_ROOTS_FILE: u64 = 16 * 1024 * 1024;

/// Certificates in one chain: a path is at most eight long, and some servers send a few more.
pub const MAX_CHAIN: usize = 16;

/// How many of the names in a certificate an error shows.
pub const MAX_NAMES_SHOWN: usize = 10;
