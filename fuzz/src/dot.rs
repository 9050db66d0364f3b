//! Dot-stuffed bodies: decoded the same at all cuts, and what is encoded decodes to what it was.

use bytes::{Bytes, BytesMut};
use mailwire_core::dot::{BareLineBreaks, BodyFault, Decoded, Decoder, Encoder, NulOctets};

use crate::{Target, machine::pieces, take_octet};

pub(crate) const DOT: Target = Target {
    name: "dot",
    run,
    seeds: &[
        b"\x00\x02one\r\n..two\r\n.\r\nQUIT\r\n",
        b"\x01\x03a\n.\r\nb\r\n\r\n.\r\n",
        b"\x02\x01.\r\r\n.\r\n",
        b"\x04\x05\r\n\0.\r\n.\r",
    ],
};

fn run(mut data: &[u8]) {
    let choice = take_octet(&mut data);
    let size = [take_octet(&mut data)];
    let breaks = match choice % 3 {
        0 => BareLineBreaks::Reject,
        1 => BareLineBreaks::Normalize,
        _ => BareLineBreaks::Keep,
    };
    let nul = if choice & 4 == 0 {
        NulOctets::Reject
    } else {
        NulOctets::Keep
    };
    let decoder = Decoder::new(breaks).with_nul(nul);
    let whole = decode(decoder.clone(), [data]);
    assert_eq!(decode(decoder.clone(), data.chunks(1)), whole);
    assert_eq!(decode(decoder.clone(), pieces(data, &size)), whole);
    assert_eq!(copied(decoder, data), whole);
    round_trip(data, &size);
}

#[derive(Debug, Eq, PartialEq)]
struct Received {
    text: Vec<u8>,
    end: Option<Result<(), BodyFault>>,
    left: Vec<u8>,
}

fn decode<'a>(mut decoder: Decoder, pieces: impl IntoIterator<Item = &'a [u8]>) -> Received {
    let (mut text, mut input, mut end) = (Vec::new(), BytesMut::new(), None);
    for piece in pieces {
        input.extend_from_slice(piece);
        while end.is_none() {
            match decoder.decode(&mut input) {
                Decoded::Text(slice) => text.extend(slice),
                Decoded::NeedInput => break,
                Decoded::End(result) => end = Some(result),
            }
        }
        assert!(end.is_some() || input.len() <= 2);
    }
    Received {
        text,
        end,
        left: input.to_vec(),
    }
}

fn copied(mut decoder: Decoder, mut input: &[u8]) -> Received {
    let mut text = BytesMut::new();
    let end = decoder.decode_to(&mut input, &mut text);
    Received {
        text: text.to_vec(),
        end,
        left: input.to_vec(),
    }
}

/// What a sender makes of `body` arrives as `body` with canonical line ends, and has its only end at its end.
fn round_trip(body: &[u8], size: &[u8]) {
    let mut normalizing = Encoder::normalizing();
    let mut wire = Vec::new();
    for piece in pieces(body, size) {
        let fault = normalizing.encode(Bytes::copy_from_slice(piece), |slice| wire.extend(slice));
        assert_eq!(fault, Ok(()));
    }
    wire.extend(normalizing.finish().unwrap_or_default());
    let decoder = Decoder::new(BareLineBreaks::Reject).with_nul(NulOctets::Keep);
    let arrived = decode(decoder, [&wire[..]]);
    assert_eq!((arrived.end, &arrived.left[..]), (Some(Ok(())), &b""[..]));
    assert_eq!(arrived.text.len() as u64, normalizing.octets());
    let ends = wire
        .windows(5)
        .filter(|octets| octets == b"\r\n.\r\n")
        .count();
    assert_eq!(ends, usize::from(wire != b".\r\n"));

    // A strict encoder takes what is canonical already, and only that.
    let mut strict = Encoder::strict();
    let mut copy = BytesMut::new();
    match strict.encode_to(body, &mut copy) {
        Ok(()) => {
            if let Ok(end) = strict.finish() {
                copy.extend_from_slice(&end);
                assert_eq!(copy, &wire[..]);
            }
        }
        Err(fault) => {
            assert!(copy.is_empty());
            assert!(fault.offset() < body.len() as u64);
        }
    }
}
