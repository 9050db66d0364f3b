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

// The content of messages.

/// Spaces at the end of a line of quoted-printable that are held back until the line ends. Lines
/// have 76 octets (RFC 2045 §6.7); what is longer is content.
pub const HELD_SPACES: usize = 1024;

/// Entities of a message that are told apart; the last one is all the rest of the message. Mail
/// has a few dozen, a digest of a busy list has hundreds.
pub const PARTS: usize = 4_000;

/// Octets of all the headers of a message that are kept while it is scanned.
pub const HEADERS: usize = 1024 * 1024;

/// Octets of one header field that are kept: room for thousands of recipients with their names.
pub const HEADER_FIELD: usize = 256 * 1024;

/// Octets of the boundary of a multipart. RFC 2046 §5.1.1 has 70, and some senders more.
pub const BOUNDARY: usize = 256;

/// Octets of a type or subtype (RFC 6838 §4.2).
pub const MEDIA_TYPE: usize = 127;

/// Octets of one text of an ENVELOPE or BODYSTRUCTURE, such as a subject or a file name. Lines of
/// a header have 998 (RFC 5322 §2.1.1).
pub const TOLD: usize = 8 * 1024;

/// Parameters of a Content-Type or Content-Disposition that are told, with at most twice `TOLD`
/// octets in all. RFC 2231 cuts long values into pieces of some 70 octets each.
pub const PARAMETERS: usize = 128;

/// Octets of all the addresses that an ENVELOPE tells: some thousands with their names.
pub const ENVELOPE_ADDRESSES: usize = 192 * 1024;

/// Octets of a BODYSTRUCTURE behind which parts are told in short. With `PARTS` of them, and an
/// ENVELOPE beside it, the response stays below `RESPONSE_LINE`.
pub const BODY_STRUCTURE: usize = 256 * 1024;

/// Octets of content that are written within a FETCH response; what is larger is streamed.
pub const INLINE: usize = 16 * 1024;

// Finding: SEARCH, SORT and THREAD.

/// Keys of one SEARCH, those within NOT, OR and lists included. Mail programs send a few dozen;
/// clients that look for many addresses at once send about a thousand.
pub const SEARCH_KEYS: usize = 4_096;

/// References of one message that THREAD joins; of more, the first and the last are taken, as mail
/// programs do that shorten the field (RFC 5256 §3 step 1 reckons with it).
pub const THREAD_REFERENCES: usize = 256;
