//! What a client permits and tolerates.

use core::{num::NonZeroU32, time::Duration};

use crate::{limits, response::Tolerances, state::ClearText};

/// What a [`Client`](crate::Client) is told at the beginning.
///
/// ```
/// use mailwire_imap::{client::Config, response::Tolerances};
/// let mut config = Config::new();
/// assert_eq!(config.tolerances, Tolerances::ALL);
/// // For a test of a server:
/// config.tolerances = Tolerances::NONE;
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Which defects of servers are read around. A client has to live with whatever server its user
    /// has an account on, so the default is all that have a name; each one met is told as a
    /// [`Notice`](super::Notice).
    pub tolerances: Tolerances,
    /// Whether credentials may be sent without TLS.
    pub clear_text: ClearText,
    /// Whether responses share the read buffer.
    pub frames: Frames,
    /// Octets of the content of a message above which it is streamed instead of being part of its
    /// response; at most [`limits::RESPONSE`].
    pub inline: u64,
    /// How long a response may take.
    pub response_timeout: Duration,
    /// Octets a second that streamed content must reach.
    pub floor_rate: NonZeroU32,
}

impl Config {
    /// The defaults, with the limits of [`limits`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            tolerances: Tolerances::ALL,
            clear_text: ClearText::Forbidden,
            frames: Frames::Shared,
            inline: limits::RESPONSE_LITERAL,
            response_timeout: limits::RESPONSE_TIMEOUT,
            floor_rate: limits::FLOOR_RATE,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether responses share the buffer that they were read into.
///
/// ```
/// use mailwire_imap::client::{Config, Frames};
/// let mut config = Config::new();
/// // For one that keeps many responses for long:
/// config.frames = Frames::Copied;
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "they do or they do not")]
pub enum Frames {
    /// They do: nothing is copied, but a small response that is kept keeps a large read alive.
    #[default]
    Shared,
    /// Each is copied out.
    Copied,
}
