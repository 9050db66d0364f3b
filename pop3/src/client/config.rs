//! What a client permits and tolerates.

use core::{num::NonZeroU32, time::Duration};

use mailwire_core::dot::BareLineBreaks;

use crate::{limits, state::ClearText};

/// What a [`Client`](crate::Client) is told at the beginning.
///
/// ```
/// use mailwire_core::dot::BareLineBreaks;
/// use mailwire_pop3::client::Config;
/// let mut config = Config::new();
/// config.bare_line_breaks = BareLineBreaks::Keep;
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Whether credentials may be sent without TLS.
    pub clear_text: ClearText,
    /// What becomes of a bare CR or LF in a message. `Keep` is for servers that hand out what they
    /// stored as it is; the message then comes with a notice. With `Reject`, the default, such a
    /// message ends in [`Event::Spoilt`](super::Event::Spoilt).
    pub bare_line_breaks: BareLineBreaks,
    /// Octets of a message.
    pub max_message: u64,
    /// Lines of a listing before STAT has said how many messages there are.
    pub max_lines: u32,
    /// How long a response may take.
    pub response_timeout: Duration,
    /// Octets a second that multi-line responses must reach.
    pub floor_rate: NonZeroU32,
}

impl Config {
    /// The defaults: strict, with the limits of [`limits`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            clear_text: ClearText::Forbidden,
            bare_line_breaks: BareLineBreaks::Reject,
            max_message: limits::MESSAGE,
            max_lines: limits::LISTING_LINES,
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
