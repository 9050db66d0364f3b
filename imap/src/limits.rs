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
// Finding: SEARCH, SORT and THREAD.

/// Keys of one SEARCH, those within NOT, OR and lists included. Mail programs send a few dozen;
/// clients that look for many addresses at once send about a thousand.
pub const SEARCH_KEYS: usize = 4_096;

/// Octets of a header field that SEARCH looks into; what is behind them is not looked at. A field
/// with ten thousand addresses fits.
pub const SEARCH_FIELD: usize = 512 * 1024;

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

/// References of one message that THREAD joins; of more, the first and the last are taken, as mail
/// programs do that shorten the field (RFC 5256 §3 step 1 reckons with it).
pub const THREAD_REFERENCES: usize = 256;

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
// The server's machine.

/// Octets of a line of an AUTHENTICATE exchange with CRLF. RFC 9051 §6.2.2 names no limit; this is
/// what RFC 4954 §4 found to be enough for all mechanisms.
pub const AUTH_LINE: usize = 12_288;

/// Octets of a SASL challenge or response before base64, so that it fits into [`AUTH_LINE`].
pub const SASL: usize = (AUTH_LINE - 4) / 4 * 3;

/// Octets of the text of a reply. It is for people, and one line of a screen is plenty.
pub const TEXT: usize = 256;

/// Octets of a message that a server accepts if nothing else is said; large providers take 25 to
/// 50 MiB before base64.
pub const MESSAGE: u64 = 64 * 1024 * 1024;

/// Commands that were not understood or out of place, before a server closes. No client that knows
/// the protocol gets there.
pub const BAD_COMMANDS: u32 = 20;

/// The same before login, where the other end may be a program of another protocol that was led
/// here.
pub const BAD_COMMANDS_BEFORE_LOGIN: u32 = 3;

/// Commands before login that bring a client no further (CAPABILITY, NOOP, ID). A client needs
/// about three of them.
pub const IDLE_COMMANDS: u32 = 100;

/// Failed logins on one connection before a server closes it.
pub const AUTH_FAILURES: u32 = 3;

/// Octets of a server's output that are gathered before the driver gets them: fewer and larger
/// writes, one allocation for all of it.
pub const OUTPUT_CHUNK: usize = 64 * 1024;

/// Octets of responses that nobody asked for, above which a client that does not read is given up.
pub const UNSOLICITED: usize = 1024 * 1024;

/// How long a client may take for a command before login. Shorter than the autologout timer of RFC
/// 9051 §5.4, because a connection that costs nothing to open is the cheapest thing to exhaust.
pub const BEFORE_LOGIN_PATIENCE: Duration = Duration::from_secs(60);

/// How long a client may be silent after login: the least that RFC 9051 §5.4 allows.
pub const AUTOLOGOUT: Duration = Duration::from_secs(30 * 60);

/// How long a client may stay in one IDLE. RFC 2177 §3 tells clients to begin anew every 29
/// minutes.
pub const IDLE_PATIENCE: Duration = Duration::from_secs(30 * 60);

/// The time for a block of a message that is appended.
pub const BODY_PATIENCE: Duration = Duration::from_secs(180);

/// Octets a second below which a message that is appended is a slow attack.
pub const BODY_FLOOR: Option<NonZeroU32> = NonZeroU32::new(64);

/// Octets of content that are written within a FETCH response; what is larger is streamed.
pub const INLINE: usize = 16 * 1024;

/// Ranges of UIDs in one VANISHED response, so that its line stays at a fifth of what clients like
/// ours take; what is left is told in further ones.
pub const VANISHED: usize = 8_192;
