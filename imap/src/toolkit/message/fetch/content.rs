//! Where the octets of a FETCH come from: the text of the message, decoded or as it is.

use alloc::{borrow::Cow, vec::Vec};
use core::{fmt, ops::Range};

use bytes::Bytes;

use super::Unanswerable;
use crate::{
    bodystructure::PartKind,
    command::{Part, Partial},
    limits::INLINE,
    toolkit::message::{
        section::Content,
        structure::Structure,
        transfer::{Decoder, Encoding},
    },
};

/// The text of a message: here, or in the store.
///
/// ```
/// use mailwire_imap::toolkit::message::Text;
/// assert!(matches!(Text::default(), Text::Apart(&[])));
/// ```
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "the text is at hand or it is not")]
pub enum Text<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It is read when the response is written; of what BINARY wants only the sizes are known.
    Apart(&'a [Measure]),
}

impl Default for Text<'_> {
    fn default() -> Self {
        Self::Apart(&[])
    }
}

/// Without the text.
impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(text) => write!(f, "Whole({} octets)", text.len()),
            Self::Apart(measures) => f.debug_tuple("Apart").field(measures).finish(),
        }
    }
}

/// Counts the octets that a part has when its transfer encoding is undone (RFC 3516 §4.3
/// `BINARY.SIZE`): it is fed with the octets of [`range`](Self::range).
///
/// See [`FetchPlan::measures`](super::FetchPlan::measures).
///
/// ```
/// use mailwire_imap::{command::Part, toolkit::message::{Measure, Structure}};
/// let message = b"Content-Transfer-Encoding: quoted-printable\r\n\r\na=3Db";
/// let mut measure = Measure::of(&Structure::of(message), Part::new("1").unwrap()).unwrap();
/// measure.feed(b"a=3Db");
/// assert_eq!(measure.octets(), 3);
/// ```
#[derive(Clone, Debug)]
pub struct Measure {
    range: Range<u64>,
    encoding: Encoding,
    decoder: Decoder,
    octets: u64,
    /// Kept for the next piece, as it has room.
    decoded: Vec<u8>,
}

impl Measure {
    /// What counts a part; `None` where its size is known without.
    #[must_use]
    pub fn of(structure: &Structure, part: Part<'_>) -> Option<Self> {
        let (range, encoding) = binary(structure, part).ok()??;
        (encoding != Encoding::Identity).then(|| Self {
            range,
            encoding,
            decoder: Decoder::new(encoding),
            octets: 0,
            decoded: Vec::new(),
        })
    }

    /// What of the text of the message has to be fed.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// Counts the next piece.
    pub fn feed(&mut self, piece: &[u8]) {
        // Small pieces, so that nothing large is decoded only to be counted.
        for piece in piece.chunks(INLINE) {
            self.decoded.clear();
            self.decoder.feed(piece, &mut self.decoded);
            self.octets += self.decoded.len() as u64;
        }
    }

    /// How many octets there are, now that all has been fed.
    #[must_use]
    pub fn octets(&self) -> u64 {
        let mut rest = Vec::new();
        self.decoder.clone().finish(&mut rest);
        self.octets + rest.len() as u64
    }

    pub(super) fn is_of(&self, other: &Self) -> bool {
        (&self.range, self.encoding) == (&other.range, other.encoding)
    }
}

/// Where the octets of a body that was announced come from. `Debug` shows how many they are.
///
/// ```
/// use mailwire_imap::toolkit::message::BodySource;
/// let source = BodySource::Range(10..20);
/// assert_eq!((source.octets(), source.range()), (10, Some(10..20)));
/// ```
#[derive(Clone, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "octets are read, decoded, or here")]
pub enum BodySource {
    /// These octets of the text of the message, as they are.
    Range(Range<u64>),
    /// Octets of the text of the message, to be decoded.
    Decoded {
        /// What is to be read.
        range: Range<u64>,
        /// How it is encoded.
        encoding: Encoding,
        /// Which of the decoded octets are meant.
        window: Range<u64>,
    },
    /// The octets themselves.
    Octets(Bytes),
}

impl BodySource {
    /// How many octets they are, as was announced.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        match self {
            Self::Range(range) | Self::Decoded { window: range, .. } => {
                range.end.saturating_sub(range.start)
            }
            Self::Octets(octets) => octets.len() as u64,
        }
    }

    /// What is to be read of the text of the message.
    #[must_use]
    pub fn range(&self) -> Option<Range<u64>> {
        match self {
            Self::Range(range) | Self::Decoded { range, .. } => Some(range.clone()),
            Self::Octets(_) => None,
        }
    }

    /// What makes of the octets read those that are sent; `None` where they are the same.
    #[must_use]
    pub fn reader(&self) -> Option<BodyReader> {
        match self {
            Self::Decoded {
                encoding, window, ..
            } => Some(BodyReader {
                decoder: Decoder::new(*encoding),
                skip: window.start,
                left: window.end.saturating_sub(window.start),
            }),
            Self::Range(_) | Self::Octets(_) => None,
        }
    }
}

impl fmt::Debug for BodySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(range) => write!(f, "Range({range:?})"),
            Self::Decoded { range, window, .. } => write!(f, "Decoded({range:?}, {window:?})"),
            Self::Octets(octets) => write!(f, "Octets({})", octets.len()),
        }
    }
}

/// Decodes a body piece by piece and gives the octets that are meant.
///
/// ```
/// use mailwire_imap::toolkit::message::{BodySource, transfer::Encoding};
/// let source = BodySource::Decoded { range: 0..8, encoding: Encoding::Base64, window: 1..3 };
/// let mut reader = source.reader().unwrap();
/// let mut octets = reader.feed(b"aGVs");
/// octets.extend(reader.feed(b"bG8="));
/// octets.extend(reader.finish());
/// assert_eq!(octets, b"el");
/// ```
#[derive(Clone, Debug)]
pub struct BodyReader {
    decoder: Decoder,
    skip: u64,
    left: u64,
}

impl BodyReader {
    /// The octets that a piece gives.
    #[must_use]
    pub fn feed(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut decoded = Vec::new();
        self.decoder.feed(piece, &mut decoded);
        self.window(decoded)
    }

    /// The octets that the end gives.
    #[must_use]
    pub fn finish(&mut self) -> Vec<u8> {
        let mut decoded = Vec::new();
        self.decoder.finish(&mut decoded);
        self.window(decoded)
    }

    /// Whether what is meant has been given, so that the rest need not be read.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.left == 0
    }

    fn window(&mut self, mut decoded: Vec<u8>) -> Vec<u8> {
        let skipped = usize::try_from(self.skip)
            .unwrap_or(usize::MAX)
            .min(decoded.len());
        decoded.drain(..skipped);
        self.skip -= skipped as u64;
        decoded.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= decoded.len() as u64;
        decoded
    }
}

/// Content on its way into a response.
pub(super) enum Piece<'a> {
    Inline(Cow<'a, [u8]>),
    Streamed(BodySource),
}

impl<'a> Piece<'a> {
    /// A section, or a piece of it.
    pub(super) fn of(content: Content, partial: Option<Partial>, text: Text<'a>) -> Self {
        match content {
            Content::Range(range) => Self::of_range(range, partial, text),
            Content::Fields(mut fields) => {
                let window = window(fields.len() as u64, partial);
                let end = usize::try_from(window.end).unwrap_or(usize::MAX);
                fields.truncate(end);
                fields.drain(..usize::try_from(window.start).unwrap_or(end));
                Self::Inline(Cow::Owned(fields))
            }
        }
    }

    fn of_range(range: Range<u64>, partial: Option<Partial>, text: Text<'a>) -> Self {
        let window = window(range.end.saturating_sub(range.start), partial);
        let octets = window.end - window.start;
        let range = range.start + window.start..range.start + window.end;
        match text {
            Text::Whole(text) if octets <= INLINE as u64 => {
                Self::Inline(slice(text, &range).into())
            }
            _ if octets == 0 => Self::Inline(Cow::Borrowed(b"")),
            _ => Self::Streamed(BodySource::Range(range)),
        }
    }

    /// A decoded part, or a piece of it; NIL if there is no such part.
    pub(super) fn binary(
        structure: &Structure,
        part: Part<'_>,
        partial: Option<Partial>,
        text: Text<'a>,
    ) -> Result<Option<Self>, Unanswerable> {
        let Some((range, encoding)) = binary(structure, part)? else {
            return Ok(None);
        };
        if encoding == Encoding::Identity {
            return Ok(Some(Self::of_range(range, partial, text)));
        }
        let octets = match text {
            Text::Whole(text) => {
                let mut decoded = decode(slice(text, &range), encoding);
                let window = window(decoded.len() as u64, partial);
                decoded.truncate(usize::try_from(window.end).unwrap_or(usize::MAX));
                let start = usize::try_from(window.start).unwrap_or(decoded.len());
                decoded.drain(..start.min(decoded.len()));
                return Ok(Some(if decoded.len() <= INLINE {
                    Self::Inline(Cow::Owned(decoded))
                } else {
                    Self::Streamed(BodySource::Octets(decoded.into()))
                }));
            }
            Text::Apart(measures) => measured(measures, &range, encoding)?,
        };
        let window = window(octets, partial);
        Ok(Some(if window.is_empty() {
            Self::Inline(Cow::Borrowed(b""))
        } else {
            Self::Streamed(BodySource::Decoded {
                range,
                encoding,
                window,
            })
        }))
    }
}

/// `BINARY.SIZE`; 0 for a part that is not there, for which there is no other value.
pub(super) fn binary_size(
    structure: &Structure,
    part: Part<'_>,
    text: Text<'_>,
) -> Result<u64, Unanswerable> {
    let Some((range, encoding)) = binary(structure, part)? else {
        return Ok(0);
    };
    match text {
        _ if encoding == Encoding::Identity => Ok(range.end.saturating_sub(range.start)),
        Text::Whole(text) => Ok(decode(slice(text, &range), encoding).len() as u64),
        Text::Apart(measures) => measured(measures, &range, encoding),
    }
}

/// What of a message BINARY means, and how it is encoded. What has parts is encoded nowhere but
/// in them.
fn binary(
    structure: &Structure,
    part: Part<'_>,
) -> Result<Option<(Range<u64>, Encoding)>, Unanswerable> {
    if part.is_whole() {
        return Ok(Some((0..structure.octets(), Encoding::Identity)));
    }
    let Some(entity) = structure.find(part) else {
        return Ok(None);
    };
    let encoding = match entity.kind() {
        PartKind::Multipart | PartKind::Message => Encoding::Identity,
        _ => entity.encoding().ok_or(Unanswerable::UnknownEncoding)?,
    };
    Ok(Some((entity.body(), encoding)))
}

fn measured(
    measures: &[Measure],
    range: &Range<u64>,
    encoding: Encoding,
) -> Result<u64, Unanswerable> {
    let mut measures = measures.iter();
    let found = measures.find(|known| (&known.range, known.encoding) == (range, encoding));
    found.map(Measure::octets).ok_or(Unanswerable::Unmeasured)
}

fn decode(encoded: &[u8], encoding: Encoding) -> Vec<u8> {
    let mut decoder = Decoder::new(encoding);
    let mut decoded = Vec::with_capacity(encoded.len());
    decoder.feed(encoded, &mut decoded);
    decoder.finish(&mut decoded);
    decoded
}

/// Which of so many octets are meant: none beyond the last (RFC 9051 §6.4.5).
fn window(octets: u64, partial: Option<Partial>) -> Range<u64> {
    partial.map_or(0..octets, |partial| {
        u64::from(partial.offset()).min(octets)..partial.end().min(octets)
    })
}

fn slice<'a>(text: &'a [u8], range: &Range<u64>) -> &'a [u8] {
    let start = usize::try_from(range.start).ok();
    let end = usize::try_from(range.end).ok();
    let range = start.zip(end).map(|(start, end)| start..end);
    range.and_then(|range| text.get(range)).unwrap_or_default()
}
