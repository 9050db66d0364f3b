//! What is remembered of a mail transaction.

use mailwire_core::dot::{self, BareLineBreaks, NulOctets};

use super::{LineBreaks, event::Reset, replies::Said};
use crate::{
    body::ChunkDecoder,
    params::{BodyType, MailParams},
};

/// From an accepted MAIL to the end of its message.
#[derive(Debug)]
pub(super) struct Transaction {
    /// Recipients that were accepted.
    pub(super) recipients: usize,
    pub(super) binary: bool,
    pub(super) smtputf8: bool,
    /// From an accepted [`Event::BodyStart`](super::Event::BodyStart).
    pub(super) body: Option<Body>,
    /// A chunk that waits for the answer to the start of its message.
    pub(super) first_chunk: Option<(u64, bool)>,
}

impl Transaction {
    pub(super) fn new(params: &MailParams) -> Self {
        Self {
            recipients: 0,
            binary: params.body() == Some(BodyType::BinaryMime),
            smtputf8: params.is_smtputf8(),
            body: None,
            first_chunk: None,
        }
    }
}

/// A message that is being received.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) decoder: Decoder,
    /// Octets that the application was told.
    pub(super) octets: u64,
    /// Octets that BDAT announced.
    pub(super) announced: u64,
    pub(super) chunks: u32,
    pub(super) refused: Option<Refused>,
}

#[derive(Debug)]
pub(super) enum Decoder {
    Dots(dot::Decoder),
    Chunks(ChunkDecoder),
}

/// A message that is drained to its end, to be refused there.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) say: Said,
    pub(super) why: Reset,
}

impl Body {
    pub(super) const fn dots(breaks: LineBreaks, nul: NulOctets) -> Self {
        let decoder = dot::Decoder::new(bare(breaks)).with_nul(nul);
        Self::new(Decoder::Dots(decoder))
    }

    pub(super) const fn chunks(breaks: LineBreaks, nul: NulOctets, binary: bool) -> Self {
        let decoder = if binary {
            ChunkDecoder::new(BareLineBreaks::Keep).with_nul(NulOctets::Keep)
        } else {
            ChunkDecoder::new(bare(breaks)).with_nul(nul)
        };
        Self::new(Decoder::Chunks(decoder))
    }

    const fn new(decoder: Decoder) -> Self {
        Self {
            decoder,
            octets: 0,
            announced: 0,
            chunks: 0,
            refused: None,
        }
    }

    /// Octets that were taken off the wire.
    pub(super) const fn taken(&self) -> u64 {
        match &self.decoder {
            Decoder::Dots(decoder) => decoder.octets(),
            Decoder::Chunks(decoder) => decoder.octets(),
        }
    }

    /// Nothing more of the message is told; the first reason counts.
    pub(super) fn refuse(&mut self, say: Said, why: Reset) {
        if self.refused.is_none() {
            self.refused = Some(Refused { say, why });
        }
    }
}

const fn bare(breaks: LineBreaks) -> BareLineBreaks {
    match breaks {
        LineBreaks::Reject | LineBreaks::RejectAndClose => BareLineBreaks::Reject,
        LineBreaks::Normalize => BareLineBreaks::Normalize,
    }
}
