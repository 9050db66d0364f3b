//! The rows of the catalogue that are about the framing of bodies.

use alloc::vec;
use alloc::vec::Vec;

use bytes::BytesMut;

use super::{MODES, cuts, decode, encode};
use crate::dot::{BareLineBreaks, BodyFault, Decoded, Decoder, Encoder, NulOctets};

const BEHIND: &[u8] = b"MAIL FROM:<evil@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nB\r\n.\r\n";

/// A body with `sequence` in it ends once, at the end of what was meant to be a second message.
fn is_no_end(sequence: &[u8], fault: fn(u64) -> BodyFault, offset: usize) {
    let front = b"Subject: t\r\n\r\nA";
    let input = [&front[..], sequence, BEHIND].concat();
    let offset = (front.len() + offset) as u64;
    for pieces in cuts(&input) {
        let strict = decode(Decoder::new(BareLineBreaks::Reject), pieces.iter().copied());
        assert_eq!(strict.end, Some(Err(fault(offset))), "{sequence:?}");
        assert_eq!(strict.left, b"", "{sequence:?}");
        assert_eq!(
            strict.text.len() as u64,
            offset - dots_before(&input, offset)
        );
        let kept = decode(Decoder::new(BareLineBreaks::Keep), pieces.iter().copied());
        assert_eq!(
            (kept.end, &kept.left[..]),
            (Some(Ok(())), &b""[..]),
            "{sequence:?}"
        );
        let normal = decode(
            Decoder::new(BareLineBreaks::Normalize),
            pieces.iter().copied(),
        );
        assert!(normal.end.is_some(), "{sequence:?}");
        assert_eq!(normal.left, b"", "{sequence:?}");
    }
}

/// The stuffed dots in front of `offset`.
fn dots_before(input: &[u8], offset: u64) -> u64 {
    let front = &input[..usize::try_from(offset).unwrap()];
    front.windows(3).filter(|octets| octets == b"\r\n.").count() as u64
}

fn bare_lf(offset: u64) -> BodyFault {
    BodyFault::BareLf { offset }
}

fn bare_cr(offset: u64) -> BodyFault {
    BodyFault::BareCr { offset }
}

fn nul(offset: u64) -> BodyFault {
    BodyFault::Nul { offset }
}

#[test]
fn smtp_1_lf_dot_lf_is_no_end() {
    is_no_end(b"\n.\n", bare_lf, 0);
}

#[test]
fn smtp_2_lf_dot_crlf_is_no_end() {
    is_no_end(b"\n.\r\n", bare_lf, 0);
}

#[test]
fn smtp_3_crlf_dot_lf_is_no_end() {
    is_no_end(b"\r\n.\n", bare_lf, 3);
}

#[test]
fn smtp_4_dots_between_bare_breaks_are_no_end() {
    is_no_end(b"\r.\r", bare_cr, 0);
    is_no_end(b"\r.\n", bare_cr, 0);
    is_no_end(b"\n.\r", bare_lf, 0);
}

#[test]
fn smtp_5_half_of_an_end_is_no_end() {
    is_no_end(b"\r.\r\n", bare_cr, 0);
    is_no_end(b"\r\n.\r", bare_cr, 3);
}

#[test]
fn smtp_6_no_cr_is_stripped() {
    is_no_end(b"\r\n.\r\r\n", bare_cr, 3);
    is_no_end(b"\r\r\n.\r\r\n", bare_cr, 0);
}

#[test]
fn smtp_6_true_end_behind_a_stray_cr_ends() {
    let input = [b"A\r\r\n.\r\n", BEHIND].concat();
    for pieces in cuts(&input) {
        let received = decode(Decoder::new(BareLineBreaks::Reject), pieces.iter().copied());
        assert_eq!(received.end, Some(Err(bare_cr(1))));
        assert_eq!(received.left, BEHIND);
    }
}

#[test]
fn smtp_7_nul_beside_the_dot_is_no_end() {
    is_no_end(b"\r\n\0.\r\n", nul, 2);
    is_no_end(b"\r\n.\0\r\n", nul, 3);
}

#[test]
fn smtp_7_nul_is_kept_exactly_where_it_is_kept() {
    let decoder = Decoder::new(BareLineBreaks::Reject).with_nul(NulOctets::Keep);
    let received = decode(decoder, [&b"a\r\n\0.\r\n\0\0\r\n.\r\n"[..]]);
    assert_eq!(
        (received.text, received.end),
        (b"a\r\n\0.\r\n\0\0\r\n".to_vec(), Some(Ok(())))
    );
}

#[test]
fn smtp_8_only_dot_crlf_ends_at_the_first_octets() {
    for breaks in MODES {
        let empty = decode(Decoder::new(breaks), [&b".\r\nQUIT\r\n"[..]]);
        assert_eq!((&empty.text[..], empty.end), (&b""[..], Some(Ok(()))));
        assert_eq!(empty.left, b"QUIT\r\n");
        for front in [&b".\n"[..], b".\rX", b"\n.\n", b"\r.\r\n", b"\0.\r\n"] {
            assert_eq!(decode(Decoder::new(breaks), [front]).end, None, "{front:?}");
        }
    }
}

#[test]
fn smtp_10_other_would_be_line_breaks_are_text() {
    for octets in [
        &b"\x85.\x85"[..],
        b"\xC2\x85.\xC2\x85",
        "\u{2028}.\u{2028}".as_bytes(),
        "\u{2029}.\r".as_bytes().strip_suffix(b"\r").unwrap(),
        b"\x0B.\x0B",
        b"\x0C.\x0C",
        b"\x1A.\x1A",
        b"\xE5\x8D\x8A.\xE5\x8D\x8A",
    ] {
        let text = [b"A", octets, b"\r\n"].concat();
        let received = decode(Decoder::new(BareLineBreaks::Reject), [&text[..], b".\r\n"]);
        assert_eq!((&received.text, received.end), (&text, Some(Ok(()))));
    }
}

#[test]
fn smtp_12_a_dot_behind_a_line_break_that_was_made_stays() {
    let received = decode(
        Decoder::new(BareLineBreaks::Normalize),
        [&b"a\n..b\r\n.\r\n"[..]],
    );
    assert_eq!(
        (&received.text[..], received.end),
        (&b"a\r\n..b\r\n"[..], Some(Ok(())))
    );
    // Sent on, it arrives as it was stored, and again.
    let wire = encode(&Encoder::strict(), [&received.text[..]]).unwrap();
    assert_eq!(wire, b"a\r\n...b\r\n.\r\n");
    let again = decode(Decoder::new(BareLineBreaks::Normalize), [&wire[..]]);
    assert_eq!(again.text, received.text);
}

#[test]
fn smtp_12_what_looks_like_an_end_is_stored_as_a_line_with_a_dot() {
    let received = decode(
        Decoder::new(BareLineBreaks::Normalize),
        [&b"a\n.\r\nb\r\n.\r\n"[..]],
    );
    assert_eq!(received.text, b"a\r\n.\r\nb\r\n");
    let wire = encode(&Encoder::strict(), [&received.text[..]]).unwrap();
    assert_eq!(wire, b"a\r\n..\r\nb\r\n.\r\n");
}

#[test]
fn smtp_13_sender_refuses_what_is_no_text() {
    for (body, fault) in [
        (&b"a\rb"[..], bare_cr(1)),
        (b"a\nb", bare_lf(1)),
        (b"a\0b", nul(1)),
        (b"ab\r", bare_cr(2)),
        (b"a\n.\nb", bare_lf(1)),
    ] {
        for pieces in cuts(body) {
            let result = encode(&Encoder::strict(), pieces.iter().copied());
            assert_eq!(result, Err(fault), "{body:?}");
        }
    }
}

#[test]
fn smtp_13_a_refused_piece_leaves_the_encoder_as_it_was() {
    let mut encoder = Encoder::strict();
    let mut wire = BytesMut::new();
    encoder.encode_to(b"a\r", &mut wire).unwrap();
    assert_eq!(encoder.encode_to(b"\n.b\nc", &mut wire), Err(bare_lf(5)));
    encoder.encode_to(b"\n.b", &mut wire).unwrap();
    wire.extend_from_slice(&encoder.finish().unwrap());
    assert_eq!(wire, &b"a\r\n..b\r\n.\r\n"[..]);
}

#[test]
fn smtp_13_the_normalizer_repairs_and_stays_on_crlf() {
    let wire = encode(&Encoder::normalizing(), [&b"a\r\r\nb\n.\nc\r"[..]]).unwrap();
    assert_eq!(wire, b"a\r\n\r\nb\r\n..\r\nc\r\n.\r\n");
}

#[test]
fn smtp_14_a_dot_behind_an_empty_line_is_doubled_at_each_cut() {
    let body = b"x\r\n\r\n.\r\nMAIL FROM:<e@x>\r\n";
    for pieces in cuts(body) {
        let wire = encode(&Encoder::strict(), pieces.iter().copied()).unwrap();
        assert_eq!(wire, b"x\r\n\r\n..\r\nMAIL FROM:<e@x>\r\n.\r\n");
        let ends = wire
            .windows(5)
            .filter(|octets| octets == b"\r\n.\r\n")
            .count();
        assert_eq!(ends, 1);
        let received = decode(Decoder::new(BareLineBreaks::Reject), [&wire[..]]);
        assert_eq!(received.text, body);
    }
}

#[test]
fn smtp_15_a_missing_line_break_is_added_once() {
    for (body, wire) in [
        (&b"a"[..], &b"a\r\n.\r\n"[..]),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"", b".\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b"\r\n", b"\r\n.\r\n"),
    ] {
        for pieces in cuts(body) {
            let result = encode(&Encoder::strict(), pieces.iter().copied());
            assert_eq!(result.as_deref(), Ok(wire));
        }
    }
    assert_eq!(encode(&Encoder::strict(), [&b"a\r"[..]]), Err(bare_cr(1)));
}

#[test]
fn smtp_18_a_line_of_one_mib_streams_without_being_held() {
    let piece = [b'x'; 1460];
    let mut decoder = Decoder::new(BareLineBreaks::Reject);
    let (mut input, mut octets) = (BytesMut::new(), 0);
    while octets < 1 << 20 {
        input.extend_from_slice(&piece);
        let Decoded::Text(text) = decoder.decode(&mut input) else {
            panic!("text is given out as it comes");
        };
        octets += text.len();
        assert!(input.is_empty());
    }
    input.extend_from_slice(b"\r\n.\r\n");
    assert!(matches!(decoder.decode(&mut input), Decoded::Text(_)));
    assert_eq!(decoder.decode(&mut input), Decoded::End(Ok(())));
    assert_eq!(decoder.octets(), octets as u64 + 5);
}

#[test]
fn pop3_1_what_is_stored_is_shown_as_canonical_lines() {
    let mut stored = b".\n..\r.x\r\n\0".to_vec();
    stored.extend(vec![b'l'; 1 << 20]);
    let mut encoder = Encoder::normalizing();
    let mut wire = BytesMut::new();
    encoder.encode_to(&stored, &mut wire).unwrap();
    wire.extend_from_slice(&encoder.finish().unwrap());
    let ends = wire
        .windows(5)
        .filter(|octets| octets == b"\r\n.\r\n")
        .count();
    assert_eq!((ends, wire.ends_with(b"\r\n.\r\n")), (1, true));
    assert!(wire.starts_with(b"..\r\n...\r\n..x\r\n\0l"));
    // What LIST says is what arrives once the dots are taken away.
    let received = decode(Decoder::new(BareLineBreaks::Keep), [&wire[..]]);
    assert_eq!(encoder.octets(), received.text.len() as u64);
    let parts: Vec<u8> = [&b".\r\n..\r\n.x\r\n\0"[..], &vec![b'l'; 1 << 20], b"\r\n"].concat();
    assert_eq!(received.text, parts);
}

#[test]
fn pop3_1_a_client_keeps_what_a_server_holds() {
    let received = decode(
        Decoder::new(BareLineBreaks::Keep),
        [&b"a\nb\rc\0\r\n..\r\n.\r\n"[..]],
    );
    assert_eq!(
        (&received.text[..], received.end),
        (&b"a\nb\rc\0\r\n.\r\n"[..], Some(Ok(())))
    );
}

#[test]
fn the_end_is_told_again_and_nothing_is_taken_behind_it() {
    let mut decoder = Decoder::new(BareLineBreaks::Reject);
    let mut input = BytesMut::from(&b"\n\r\n.\r\n.\r\nQUIT"[..]);
    assert_eq!(decoder.decode(&mut input), Decoded::End(Err(bare_lf(0))));
    assert_eq!(decoder.decode(&mut input), Decoded::End(Err(bare_lf(0))));
    assert_eq!(
        (&input[..], decoder.fault()),
        (&b".\r\nQUIT"[..], Some(bare_lf(0)))
    );
}
