//! Every short sequence of the octets that matter, and the same sequences inside long lines.

use alloc::vec;
use alloc::vec::Vec;

use super::{MODES, cuts, decode, decode_to, encode, naive};
use crate::dot::{BareLineBreaks, Decoder, Encoder, NulOctets};

const ALPHABET: [u8; 5] = [b'\r', b'\n', 0, b'.', b'a'];

/// Calls `with` for each sequence over the alphabet of `len` octets.
fn each_sequence(len: usize, mut with: impl FnMut(&[u8])) {
    let mut digits = vec![0_usize; len];
    loop {
        let sequence: Vec<u8> = digits.iter().map(|&digit| ALPHABET[digit]).collect();
        with(&sequence);
        let Some(at) = digits.iter().rposition(|&digit| digit + 1 < ALPHABET.len()) else {
            return;
        };
        digits[at] += 1;
        digits[at + 1..].fill(0);
    }
}

#[test]
fn smtp_9_all_1_decoder_is_the_naive_one_for_short_inputs_at_each_cut() {
    for len in 0..=5 {
        each_sequence(len, |input| {
            for breaks in MODES {
                for nul in [NulOctets::Reject, NulOctets::Keep] {
                    let decoder = Decoder::new(breaks).with_nul(nul);
                    let expected = naive::decode(input, breaks, nul);
                    assert_eq!(decode_to(decoder.clone(), input), expected, "{input:?}");
                    for pieces in cuts(input) {
                        let received = decode(decoder.clone(), pieces.iter().copied());
                        assert_eq!(received, expected, "{breaks:?} {nul:?} {pieces:?}");
                    }
                }
            }
        });
    }
}

#[test]
fn smtp_9_all_1_decoder_is_the_naive_one_for_seven_octets() {
    for len in 6..=7 {
        each_sequence(len, |input| {
            for breaks in MODES {
                let expected = naive::decode(input, breaks, NulOctets::Keep);
                let decoder = Decoder::new(breaks).with_nul(NulOctets::Keep);
                assert_eq!(
                    decode(decoder.clone(), [input]),
                    expected,
                    "{breaks:?} {input:?}"
                );
                let octets = decode(decoder, input.chunks(1));
                assert_eq!(octets, expected, "{breaks:?} {input:?}");
            }
        });
    }
}

/// All ways to cut, not only in two: 2^(n-1) of them.
#[test]
fn smtp_9_all_1_decoder_gives_the_same_for_every_set_of_cuts() {
    for front in [
        &b"x\r\n.\r\nQ"[..],
        b"..\r\n.\r\n.",
        b"\r\r\n.\r\n\r",
        b"a\n..\r\n.\r\n",
    ] {
        for breaks in MODES {
            let whole = decode(Decoder::new(breaks), [front]);
            for set in 0_u32..1 << (front.len() - 1) {
                let (mut pieces, mut from) = (Vec::new(), 0);
                for at in 1..=front.len() {
                    if at == front.len() || set >> (at - 1) & 1 == 1 {
                        pieces.push(&front[from..at]);
                        from = at;
                    }
                }
                assert_eq!(decode(Decoder::new(breaks), pieces.iter().copied()), whole);
            }
        }
    }
}

/// Around the widths of the blocks in which octets are looked at.
#[test]
fn decoder_is_the_naive_one_wherever_a_sequence_stands_in_a_long_line() {
    for len in 1..=3 {
        each_sequence(len, |sequence| {
            for place in (0..40).chain(120..150).chain(250..280) {
                let mut input = vec![b'x'; place];
                input.extend(sequence);
                input.extend(b"......................\r\n.\r\n");
                for breaks in MODES {
                    for nul in [NulOctets::Reject, NulOctets::Keep] {
                        let decoder = Decoder::new(breaks).with_nul(nul);
                        let expected = naive::decode(&input, breaks, nul);
                        assert_eq!(decode_to(decoder, &input), expected, "{place} {sequence:?}");
                    }
                }
            }
        });
    }
}

#[test]
fn smtp_13_encoder_is_the_naive_one_for_short_bodies_at_each_cut() {
    for len in 0..=5 {
        each_sequence(len, |body| {
            let text = naive::canonical(body);
            let wire = naive::stuffed(&text);
            for pieces in cuts(body) {
                let pieces = pieces.iter().copied();
                let normalized = encode(&Encoder::normalizing(), pieces.clone());
                assert_eq!(normalized.as_deref(), Ok(&wire[..]), "{body:?}");
                let strict = encode(&Encoder::strict(), pieces);
                let expected = naive::first_fault(body).map_or(Ok(&wire[..]), Err);
                assert_eq!(
                    strict.as_deref().map_err(|fault| *fault),
                    expected,
                    "{body:?}"
                );
            }
        });
    }
}

#[test]
fn smtp_14_what_is_encoded_decodes_to_the_same_for_seven_octets() {
    for len in 6..=7 {
        each_sequence(len, |body| {
            let text = naive::canonical(body);
            let wire = encode(&Encoder::normalizing(), [body]).unwrap();
            assert_eq!(wire, naive::stuffed(&text), "{body:?}");
            let decoder = Decoder::new(BareLineBreaks::Reject).with_nul(NulOctets::Keep);
            let received = decode_to(decoder, &wire);
            assert_eq!(
                (received.text, received.end),
                (text, Some(Ok(()))),
                "{body:?}"
            );
        });
    }
}

#[test]
fn encoder_is_the_naive_one_wherever_a_sequence_stands_in_a_long_line() {
    for len in 1..=3 {
        each_sequence(len, |sequence| {
            for place in (0..40).chain(120..150).chain(250..280) {
                let mut body = vec![b'x'; place];
                body.extend(sequence);
                body.extend(b"......................");
                let wire = naive::stuffed(&naive::canonical(&body));
                let normalized = encode(&Encoder::normalizing(), [&body[..]]);
                assert_eq!(normalized.as_deref(), Ok(&wire[..]), "{place} {sequence:?}");
                let strict = encode(&Encoder::strict(), [&body[..]]);
                assert_eq!(
                    strict.err(),
                    naive::first_fault(&body),
                    "{place} {sequence:?}"
                );
            }
        });
    }
}
