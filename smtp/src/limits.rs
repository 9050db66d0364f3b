//! Every limit of SMTP here, with its reason and the least that the RFC asks for.
//!
//! [`Config`](crate::server::Config) and [`client::Config`](crate::client::Config) start from these
//! and may change them for a server or a connection.

use core::{num::NonZeroU32, time::Duration};

/// Octets of a command line with its CRLF. RFC 5321 §4.5.3.1.4 asks for 512, and extensions add to
/// it: SIZE 26, BODY 16, DSN 400 and more, SMTPUTF8 10, AUTH= 500. Four times the base holds all.
pub const COMMAND_LINE: usize = 2_048;

/// Octets of a line of an AUTH exchange with its CRLF (RFC 4954 §4 asks for 12,288).
pub const AUTH_LINE: usize = 12_288;

/// Octets of a decoded answer or challenge of an AUTH exchange: what [`AUTH_LINE`] can carry.
pub const AUTH_OCTETS: usize = AUTH_LINE / 4 * 3;

/// Octets of the name of a command that we do not know. The longest that we have met is STARTTLS.
pub const VERB: usize = 20;

/// Octets of the name of a SASL mechanism (RFC 4422 §3.1).
pub const MECHANISM: usize = 20;

/// Octets of a local part (RFC 5321 §4.5.3.1.1 asks for 64, and more is not deliverable anywhere).
pub const LOCAL_PART: usize = 64;

/// Octets of a domain (RFC 5321 §4.5.3.1.2).
pub const DOMAIN: usize = 255;

/// Octets of a label of a domain (RFC 1035 §2.3.4); of its A-label if it is a U-label.
pub const LABEL: usize = 63;

/// Octets of a path with its angle brackets (RFC 5321 §4.5.3.1.3).
pub const PATH: usize = 256;

/// Octets of what stands behind VRFY, EXPN, HELP and NOOP. It is shown to people only.
pub const ARGUMENT: usize = 512;

/// Parameters of MAIL or RCPT that nobody knows and that are kept to be looked at. No client sends
/// more than one or two.
pub const UNKNOWN_PARAMS: usize = 16;

/// Octets of an envelope id as it stands on the wire (RFC 3461 §4.4 and §5.4 ask for 100).
pub const ENVID: usize = 100;

/// Octets of an original recipient as it stands on the wire (RFC 3461 §4.2 asks for 500).
pub const ORCPT: usize = 500;

/// Recipients of one transaction. RFC 5321 §4.5.3.1.8 asks for 100.
pub const RECIPIENTS: usize = 1_000;

/// Commands that the machine itself had to refuse, before it gives the connection up with 421.
pub const BAD_COMMANDS: u32 = 20;

/// Commands that do nothing for a message (NOOP, VRFY, EXPN, HELP, RSET, a repeated EHLO) between
/// two messages. A client that holds a connection open with NOOP every few seconds for an hour
/// stays below it; a flood does not.
pub const IDLE_COMMANDS: u32 = 1_000;

/// Failed authentications on one connection.
pub const AUTH_FAILURES: u32 = 3;

/// Octets of a message that a server accepts if nothing else is said. RFC 5321 §4.5.3.1.7 asks for
/// 64 KiB; large providers take 25 to 50 MiB before base64.
pub const MESSAGE: u64 = 64 * 1024 * 1024;

/// Octets beyond the largest message that are read of a refused body and thrown away, so that the
/// refusal can be said at its true end; also those of a refused chunk. A peer that sends still more
/// is cut off.
pub const DRAIN: u64 = 16 * 1024 * 1024;

/// BDAT commands of one message. At 4 KiB each that is 256 MiB; one octet each is a flood.
pub const CHUNKS: u32 = 65_536;

/// Octets of body that are joined into one event where the dots of a body cut it into crumbs.
pub const BODY_EVENT: usize = 16 * 1024;

/// Octets of a line of a reply with its CRLF, received. RFC 5321 §4.5.3.1.5 allows 512.
pub const REPLY_LINE: usize = 4_096;

/// Octets of a line of a reply with its CRLF, sent (RFC 5321 §4.5.3.1.5).
pub const REPLY_LINE_SENT: usize = 512;

/// Lines of one reply. The longest EHLO replies have about twenty.
pub const REPLY_LINES: usize = 128;

/// Octets of one reply with all its lines.
pub const REPLY: usize = 64 * 1024;

/// Octets of our own body that wait in a client machine for the driver to take them, above which
/// [`Step::NeedBody`](mailwire_core::machine::Step::NeedBody) is not answered.
pub const BODY_QUEUE: usize = 64 * 1024;

/// Octets of one BDAT chunk that a client sends: large enough that the command costs nothing, small
/// enough that a refusal is heard before the whole message is out.
pub const CHUNK_SENT: usize = 64 * 1024;

/// Commands that a client may have under way. It bounds what is remembered about them.
pub const OUTSTANDING: usize = 1_024;

/// A server's time for the next command (RFC 5321 §4.5.3.2.7 asks for five minutes).
pub const COMMAND_PATIENCE: Duration = Duration::from_secs(300);

/// A submission server's time for each command of a client that has not authenticated. Shorter than
/// RFC 5321 §4.5.3.2.7, for nobody composes a password by hand while a slot is held.
pub const BEFORE_AUTH_PATIENCE: Duration = Duration::from_secs(60);

/// The time for a block of a body (RFC 5321 §4.5.3.2.5), on both sides.
pub const BODY_PATIENCE: Duration = Duration::from_secs(180);

/// Octets a second below which a body is a slow attack: at this rate 1 MiB takes 4.5 hours.
pub const BODY_FLOOR: Option<NonZeroU32> = NonZeroU32::new(64);

/// A client's time for the greeting (RFC 5321 §4.5.3.2.1).
pub const GREETING_PATIENCE: Duration = Duration::from_secs(300);

/// A client's time for the reply to MAIL, RCPT and all that has no time of its own
/// (RFC 5321 §4.5.3.2.2, §4.5.3.2.3).
pub const REPLY_PATIENCE: Duration = Duration::from_secs(300);

/// A client's time for the 354 (RFC 5321 §4.5.3.2.4).
pub const DATA_PATIENCE: Duration = Duration::from_secs(120);

/// A client's time for the reply to the final dot (RFC 5321 §4.5.3.2.6). Too short a time here is
/// what makes duplicates (RFC 1047).
pub const END_PATIENCE: Duration = Duration::from_secs(600);

/// A client's time for the reply to QUIT, which nothing hangs on.
pub const QUIT_PATIENCE: Duration = Duration::from_secs(10);
