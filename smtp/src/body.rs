//! The text of a message in BDAT chunks: the same rules for line breaks as in DATA, without dots.
//!
//! Read first: RFC 3030 §2, RFC 5321 §2.3.8. For DATA see [`mailwire_core::dot`].
//!
//! A chunk may end anywhere, between CR and LF too, so what a CR is is known only when the next
//! octet has come, perhaps in another chunk.

use bytes::{Bytes, BytesMut};
use mailwire_core::dot::{BareLineBreaks, BodyFault, NulOctets};
use memchr::{memchr, memchr3};

/// Takes the octets of chunks off the wire and judges their line breaks.
///
/// After a fault nothing more is given out, but octets go on being taken.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use mailwire_core::dot::BareLineBreaks;
/// use mailwire_smtp::body::ChunkDecoder;
///
/// let mut decoder = ChunkDecoder::new(BareLineBreaks::Reject);
/// let mut input = BytesMut::from("..\r\nQUIT\r\n");
/// let mut left = 4;
/// assert_eq!(decoder.decode(&mut input, &mut left), Some(Bytes::from_static(b"..\r\n")));
/// assert_eq!((left, decoder.decode(&mut input, &mut left)), (0, None));
/// assert_eq!(decoder.finish(), Ok(()));
/// assert_eq!(input, "QUIT\r\n");
/// ```
#[derive(Clone, Debug)]
pub struct ChunkDecoder {
    breaks: BareLineBreaks,
    nul: NulOctets,
    /// The last octet was a CR; it has been given out.
    after_cr: bool,
    taken: u64,
    fault: Option<BodyFault>,
}

impl ChunkDecoder {
    /// A decoder that stands in front of the first chunk. NUL is refused, except with
    /// [`BareLineBreaks::Keep`].
    #[must_use]
    pub const fn new(breaks: BareLineBreaks) -> Self {
        let nul = match breaks {
            BareLineBreaks::Keep => NulOctets::Keep,
            _ => NulOctets::Reject,
        };
        Self {
            breaks,
            nul,
            after_cr: false,
            taken: 0,
            fault: None,
        }
    }

    /// The same decoder with another answer to NUL.
    #[must_use]
    pub const fn with_nul(mut self, nul: NulOctets) -> Self {
        self.nul = nul;
        self
    }

    /// Takes octets of a chunk, of which `left` have not come yet, off the front of `input`.
    ///
    /// Call it until it returns nothing; then all that `input` holds of the chunk is taken.
    pub fn decode(&mut self, input: &mut BytesMut, left: &mut u64) -> Option<Bytes> {
        loop {
            let most = usize::try_from(*left)
                .unwrap_or(usize::MAX)
                .min(input.len());
            let chunk = input.get(..most)?;
            if chunk.is_empty() {
                return None;
            }
            if self.fault.is_some() {
                self.take(most, input, left);
                return None;
            }
            match self.look(chunk) {
                Found::Text(len) => return Some(self.take(len, input, left)),
                Found::Break => {
                    self.take(1, input, left);
                    return Some(Bytes::from_static(b"\r\n"));
                }
                Found::Fault(fault) => self.fault = Some(fault),
            }
        }
    }

    /// Judges octets that are about to be sent, without taking or changing any.
    ///
    /// # Errors
    ///
    /// The first octet that may not be in a message; the decoder is then as it was.
    ///
    /// ```
    /// use mailwire_core::dot::BareLineBreaks;
    /// use mailwire_smtp::body::ChunkDecoder;
    /// let mut decoder = ChunkDecoder::new(BareLineBreaks::Reject);
    /// assert!(decoder.check(b"one\r").is_ok());
    /// assert!(decoder.check(b"two").is_err());
    /// assert!(decoder.check(b"\ntwo").is_ok());
    /// ```
    pub fn check(&mut self, octets: &[u8]) -> Result<(), BodyFault> {
        let before = self.clone();
        let mut rest = octets;
        while !rest.is_empty() {
            let len = match self.look(rest) {
                Found::Text(len) => len,
                Found::Break => 1,
                Found::Fault(fault) => {
                    *self = before;
                    return Err(fault);
                }
            };
            let Some((looked_at, behind)) = rest.split_at_checked(len) else {
                break;
            };
            self.pass(looked_at);
            rest = behind;
        }
        Ok(())
    }

    /// The message ends here.
    ///
    /// # Errors
    ///
    /// The first fault of a message that must not be accepted.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mailwire_core::dot::{BareLineBreaks, BodyFault};
    /// use mailwire_smtp::body::ChunkDecoder;
    /// let mut decoder = ChunkDecoder::new(BareLineBreaks::Reject);
    /// let (mut input, mut left) = (BytesMut::from("a\n"), 2);
    /// while decoder.decode(&mut input, &mut left).is_some() {}
    /// assert_eq!(decoder.finish().unwrap_err().offset(), 1);
    /// ```
    pub const fn finish(&self) -> Result<(), BodyFault> {
        match self.fault {
            Some(fault) => Err(fault),
            None if self.after_cr && !matches!(self.breaks, BareLineBreaks::Keep) => {
                Err(BodyFault::BareCr {
                    offset: self.taken.saturating_sub(1),
                })
            }
            None => Ok(()),
        }
    }

    /// The first fault so far.
    #[must_use]
    pub const fn fault(&self) -> Option<BodyFault> {
        self.fault
    }

    /// How many octets were taken off the input.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.taken
    }

    fn take(&mut self, len: usize, input: &mut BytesMut, left: &mut u64) -> Bytes {
        let taken = input.split_to(len).freeze();
        // A length always fits 64 bits.
        *left = left.saturating_sub(len as u64);
        self.pass(&taken);
        taken
    }

    fn pass(&mut self, octets: &[u8]) {
        self.taken = self.taken.saturating_add(octets.len() as u64);
        self.after_cr = octets.last() == Some(&b'\r');
    }

    /// What the front of `chunk`, which is not empty, is.
    fn look(&self, chunk: &[u8]) -> Found {
        if self.breaks == BareLineBreaks::Keep {
            return self.up_to_nul(chunk);
        }
        let mut from = 0;
        let mut after_cr = self.after_cr;
        loop {
            let rest = chunk.get(from..).unwrap_or_default();
            if after_cr {
                match rest.first() {
                    Some(b'\n') => from += 1,
                    Some(_) => {
                        return self.fault_at(from, chunk, |offset| BodyFault::BareCr {
                            offset: offset.saturating_sub(1),
                        });
                    }
                    None => return Found::Text(chunk.len()),
                }
                after_cr = false;
                continue;
            }
            let Some(found) = memchr3(b'\r', b'\n', 0, rest) else {
                return Found::Text(chunk.len());
            };
            let at = from + found;
            match chunk.get(at) {
                Some(b'\r') => {
                    after_cr = true;
                    from = at + 1;
                }
                Some(b'\n') if self.breaks == BareLineBreaks::Normalize => {
                    return if at == 0 {
                        Found::Break
                    } else {
                        Found::Text(at)
                    };
                }
                Some(b'\n') => {
                    return self.fault_at(at, chunk, |offset| BodyFault::BareLf { offset });
                }
                _ if self.nul == NulOctets::Keep => from = at + 1,
                _ => return self.fault_at(at, chunk, |offset| BodyFault::Nul { offset }),
            }
        }
    }

    fn up_to_nul(&self, chunk: &[u8]) -> Found {
        match memchr(0, chunk) {
            Some(at) if self.nul != NulOctets::Keep => {
                self.fault_at(at, chunk, |offset| BodyFault::Nul { offset })
            }
            _ => Found::Text(chunk.len()),
        }
    }

    /// What stands in front of the fault is given out first, so that the cut of the input does not
    /// decide how much the application sees.
    fn fault_at(&self, at: usize, chunk: &[u8], fault: impl Fn(u64) -> BodyFault) -> Found {
        debug_assert!(at < chunk.len(), "a fault stands at an octet of the chunk");
        if at > 0 {
            return Found::Text(at);
        }
        Found::Fault(fault(self.taken))
    }
}

enum Found {
    /// So many octets are text.
    Text(usize),
    /// An LF to be given out as CRLF.
    Break,
    Fault(BodyFault),
}
