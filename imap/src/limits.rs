//! The limits of IMAP, with their reasons and what the RFCs ask for at the least.

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

// LIST and mailbox names, for servers.

/// Octets of a pattern of LIST that are no wildcards. No mailbox name is as long, so a longer
/// pattern matches nothing.
pub const LIST_PATTERN: usize = 2 * MAILBOX_NAME;

/// Patterns of one LIST (RFC 5258 §3): each is held against each mailbox. Clients send one or two.
pub const LIST_PATTERNS: usize = 64;

/// Octets of a mailbox name on the wire that a server creates. Many file systems take paths of
/// 4,096 octets and encode names at up to three octets for one.
pub const MAILBOX_NAME: usize = 1_024;

/// Octets of one level of a mailbox name that a server creates, as people read it: what file
/// systems take for one name, with room for what a store adds.
pub const MAILBOX_LEVEL: usize = 200;

/// Levels of a mailbox name that a server creates.
pub const MAILBOX_LEVELS: usize = 32;

/// Ranges of UIDs in one VANISHED response, so that its line stays at a fifth of what clients like
/// ours take; what is left is told in further ones.
pub const VANISHED: usize = 8_192;
