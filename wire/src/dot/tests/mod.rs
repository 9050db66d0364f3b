//! The decoder and encoder against naive versions of themselves, and row by row of the catalogue of attacks.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod exhaustive;
mod naive;
mod rows;

use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use super::{BareLineBreaks, BodyFault, Decoded, Decoder, Encoder};

/// What came of a decoder when all of an input was fed to it.
#[derive(Debug, Eq, PartialEq)]
struct Received {
    text: Vec<u8>,
    end: Option<Result<(), BodyFault>>,
    /// What stands behind the end, or is undecided.
    left: Vec<u8>,
}

/// Feeds `pieces` in turn, as a driver would: appended to what was left.
fn decode<'a>(mut decoder: Decoder, pieces: impl IntoIterator<Item = &'a [u8]>) -> Received {
    let (mut text, mut input, mut end) = (Vec::new(), BytesMut::new(), None);
    for piece in pieces {
        input.extend_from_slice(piece);
        while end.is_none() {
            match decoder.decode(&mut input) {
                Decoded::Text(slice) => {
                    assert!(!slice.is_empty());
                    text.extend(slice);
                }
                Decoded::NeedInput => {
                    assert!(input.len() <= 2);
                    break;
                }
                Decoded::End(result) => end = Some(result),
            }
        }
    }
    Received {
        text,
        end,
        left: input.to_vec(),
    }
}

/// The same through the form that copies.
fn decode_to(mut decoder: Decoder, mut input: &[u8]) -> Received {
    let mut text = BytesMut::new();
    let end = decoder.decode_to(&mut input, &mut text);
    Received {
        text: text.to_vec(),
        end,
        left: input.to_vec(),
    }
}

/// The wire form of a body given in pieces, ended; the same from both forms of the encoder.
fn encode<'a>(
    encoder: &Encoder,
    pieces: impl IntoIterator<Item = &'a [u8]> + Clone,
) -> Result<Vec<u8>, BodyFault> {
    let (mut sliced, mut wire) = (encoder.clone(), Vec::new());
    let (mut copied, mut copy) = (encoder.clone(), BytesMut::new());
    for piece in pieces {
        let result = sliced.encode(Bytes::copy_from_slice(piece), |slice| wire.extend(slice));
        assert_eq!(copied.encode_to(piece, &mut copy), result);
        result?;
    }
    assert_eq!(copied.octets(), sliced.octets());
    let last = sliced.finish();
    assert_eq!(copied.finish(), last);
    let last = last?;
    wire.extend_from_slice(&last);
    copy.extend_from_slice(&last);
    assert_eq!(copy, wire);
    Ok(wire)
}

/// `whole` in two pieces for each place to cut it, and octet by octet.
fn cuts(whole: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    (0..=whole.len())
        .map(|at| Vec::from([&whole[..at], &whole[at..]]))
        .chain(core::iter::once(whole.chunks(1).collect()))
}

const MODES: [BareLineBreaks; 3] = [
    BareLineBreaks::Reject,
    BareLineBreaks::Normalize,
    BareLineBreaks::Keep,
];
