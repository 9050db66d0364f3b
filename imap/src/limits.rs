//! The limits of IMAP, with their reasons and what the RFCs ask for at the least.

use core::{num::NonZeroU32, time::Duration};

/// Octets of one line of a command, without its literals. RFC 9051 §4 names no limit; RFC 7162 §4
/// asks servers for 8,192 at the least, and clients with large UID sets send more.
pub const COMMAND_LINE: usize = 64 * 1024;

/// Octets of a whole command with its literals, but for those that are streamed.
pub const COMMAND: usize = 1024 * 1024;

/// Octets of a literal before login: a user name, a password, an ID value.
pub const LITERAL_BEFORE_LOGIN: u64 = 8 * 1024;

/// Octets of a literal that is not the body of an APPEND: a mailbox name or a search string.
pub const LITERAL: u64 = 64 * 1024;

/// Octets that a client may send as a non-synchronising literal under LITERAL- (RFC 7888 §5).
pub const LITERAL_MINUS: u64 = 4_096;

/// Octets of a refused command, literals and lines, that are thrown away before the connection is
/// given up.
pub const SWALLOW: u64 = 1024 * 1024;

/// Octets of one line of a response. Large SEARCH results and BODYSTRUCTUREs come in one line, so
/// it is far above what a client may send.
pub const RESPONSE_LINE: usize = 1024 * 1024;

/// Octets of a whole response with the literals that are not streamed.
pub const RESPONSE: usize = 4 * 1024 * 1024;

/// Octets of a literal of a response that is kept within the response; a larger one is streamed.
pub const RESPONSE_LITERAL: u64 = 64 * 1024;

/// Octets of a tag that is repeated in a reply.
pub const TAG: usize = 128;

/// Lists within lists, NOT within NOT: what a parser goes down, for commands and responses. No
/// mail program comes near; 64 multiparts within each other must work.
pub const DEPTH: usize = 64;

/// Pairs of ID (RFC 2971 §3.3).
pub const ID_PAIRS: usize = 30;

/// Octets of an ID field name (RFC 2971 §3.3).
pub const ID_FIELD: usize = 30;

/// Octets of an ID value (RFC 2971 §3.3).
pub const ID_VALUE: usize = 1_024;

/// Capabilities that one ENABLE may name; there are fewer than twenty that can be enabled.
pub const ENABLE: usize = 64;

/// Numbers of a section's part. MIME nested deeper than `DEPTH` is not walked, so a longer part
/// names nothing.
pub const SECTION_PARTS: usize = DEPTH;

/// Octets of a decoded SASL initial response within a command.
pub const INITIAL_RESPONSE: usize = 12 * 1024;

// The client machine.

/// Commands that a client keeps until their replies have come.
pub const OUTSTANDING: usize = 1_024;

/// How long a client waits for the next response while something is due. A server may search or
/// copy a large mailbox meanwhile; RFC 9051 §5.4 asks servers for half an hour of patience, and
/// clients for none.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(300);

/// Octets a second that a client expects of a message that is being streamed: less than any modem
/// gave, more than a server that wants to keep us busy would like to spend.
pub const FLOOR_RATE: NonZeroU32 = NonZeroU32::MIN.saturating_add(127);

/// After how long in IDLE a client should end it and begin again. RFC 2177 §3 advises less than 29
/// minutes; routers that forget silent connections are less patient than servers. A machine has no
/// clock of its own, so this is for the application to do.
pub const IDLE_REFRESH: Duration = Duration::from_secs(9 * 60);

/// Octets of a response that could not be read which are told for the record.
pub const INVALID_START: usize = 1_024;

/// Octets of a decoded SASL challenge. What a mechanism needs is far below that.
pub const CHALLENGE: usize = INITIAL_RESPONSE;
