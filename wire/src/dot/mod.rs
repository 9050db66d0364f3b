//! Dot-stuffed bodies: SMTP and LMTP DATA (RFC 5321 §4.5.2) and the multi-line responses of POP3 (RFC 1939 §3).
//!
//! A body ends at `CRLF . CRLF` and nowhere else; in front of its first line, where no octet of it stands yet,
//! `. CRLF` is enough. A dot at the beginning of a line is doubled by the sender and taken away by the receiver.
//! *A line begins behind CRLF only.* What looks like an end behind a bare LF or CR is text: taking it for an end
//! is how a second message is smuggled into a first (CVE-2023-51764, CVE-2023-51765, CVE-2023-51766).
//!
//! [`Decoder`] and [`Encoder`] work on octets cut anywhere, look at each octet a fixed number of times, and hold
//! no octets of their own: a receiver's undecided octets (at most two) stay in the caller's buffer.
//!
//! Not here: limits on the length of a line or a body. The machines count octets; a line may have any length.

mod decode;
mod encode;
mod scan;

#[cfg(test)]
mod tests;

pub use decode::{Decoded, Decoder};
pub use encode::Encoder;

/// What a [`Decoder`] makes of a CR or LF that is not part of a CRLF.
///
/// RFC 5321 §2.3.8 forbids both in a body. Whichever is chosen, the body ends only at its true end.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum BareLineBreaks {
    /// The body is refused: its end is `Err` with the first fault; nothing behind the fault is given out.
    #[default]
    Reject,
    /// A bare LF becomes CRLF in what is given out; a bare CR is refused.
    ///
    /// The line break that is made so does not begin a line on the wire: a dot behind it was not stuffed, and
    /// stays. So the text `LF . CRLF` gives a line with a dot, and sending it on doubles that dot.
    Normalize,
    /// Both are given out as they are. For POP3 clients, whose servers hold what they hold.
    Keep,
}

/// What a [`Decoder`] or [`Encoder`] makes of an octet of value zero.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum NulOctets {
    /// The body is refused. RFC 5322 §4 has NUL only in its obsolete syntax, and programs written in C stop at it.
    #[default]
    Reject,
    /// NUL is given on as it is. It is never dropped: that could join a line end and a dot.
    Keep,
}

/// An octet that may not be in a body, and where it stands.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyFault {
    /// A CR without an LF behind it.
    #[error("bare CR at octet {offset} of the body")]
    BareCr {
        /// Octets of the body in front of it.
        offset: u64,
    },
    /// An LF without a CR in front of it.
    #[error("bare LF at octet {offset} of the body")]
    BareLf {
        /// Octets of the body in front of it.
        offset: u64,
    },
    /// An octet of value zero.
    #[error("NUL at octet {offset} of the body")]
    Nul {
        /// Octets of the body in front of it.
        offset: u64,
    },
}

impl BodyFault {
    /// How many octets of the body stand in front of the fault: for a decoder as they came over the wire, for an
    /// encoder as they were given to it.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        match *self {
            Self::BareCr { offset } | Self::BareLf { offset } | Self::Nul { offset } => offset,
        }
    }
}
