//! What a peer may make us keep, count or wait for, each with its reason.

use core::{num::NonZeroU32, time::Duration};

/// Octets of a command line with CRLF (RFC 2449 §4).
pub const COMMAND_LINE: usize = 255;

/// Octets of a line of an AUTH exchange with CRLF. RFC 5034 §4 asks for whatever the mechanisms
/// need; this is what RFC 4954 §4 found to be enough for all of them.
pub const AUTH_LINE: usize = 12_288;

/// Octets of the first line of a response with CRLF that we send (RFC 2449 §4).
pub const RESPONSE_LINE: usize = 512;

/// Octets of a response line, a capability or a line of a listing with CRLF that a client reads.
/// RFC 2449 §4 allows 512; servers with long greetings exceed that.
pub const RESPONSE_LINE_READ: usize = 4_096;

/// Capabilities that a client keeps. The registry has fewer than twenty.
pub const CAPABILITIES: usize = 128;

/// Lines that a listing may have more than STAT announced: mail that came between the two is the
/// only honest reason, and RFC 1939 §4 rules even that out.
pub const LISTING_SLACK: u32 = 16;

/// Lines of a listing when STAT was never asked for.
pub const LISTING_LINES: u32 = 10_000_000;

/// Octets of a message that a client takes in.
pub const MESSAGE: u64 = 100 * 1024 * 1024;

/// Octets of a unique-id (RFC 1939 §7).
pub const UNIQUE_ID: usize = 70;

/// Octets of a user name or a password, so that `USER name` and `PASS string` fit into
/// [`COMMAND_LINE`].
pub const ARGUMENT: usize = COMMAND_LINE - 7;

/// Commands that a client keeps until their responses have come.
pub const OUTSTANDING: usize = 1_024;

/// Commands that were not understood, out of place or malformed, before a server closes. No client
/// that knows the protocol gets there.
pub const BAD_COMMANDS: u32 = 20;

/// Failed logins on one connection before a server closes it.
pub const AUTH_FAILURES: u32 = 3;

/// Octets of a listing that a server builds at a time.
pub const LISTING_CHUNK: usize = 8 * 1024;

/// How long a client may be silent before it has logged in. Shorter than RFC 1939 §3 asks for,
/// because a connection that costs nothing to open is the cheapest thing to exhaust; see
/// `Config::authorization_timeout`.
pub const AUTHORIZATION_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a client may take from the greeting to the login. A machine has no clock of its own,
/// so this is for the application to enforce.
pub const LOGIN_DEADLINE: Duration = Duration::from_secs(180);

/// How long a client may be silent in the TRANSACTION state: the least that RFC 1939 §3 allows.
pub const AUTOLOGOUT: Duration = Duration::from_secs(600);

/// How long a client waits for a response. A server may open a large maildrop meanwhile.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(300);

/// Octets a second that a client expects of a multi-line response: less than any modem gave, more
/// than a server that wants to keep us busy would like to spend.
pub const FLOOR_RATE: NonZeroU32 = NonZeroU32::MIN.saturating_add(127);
