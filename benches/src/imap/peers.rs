//! The other parsers, each going through a whole stream that is at hand.

use std::hint::black_box;

use imap_codec_1::decode::Decoder as _;
use imap_codec_2::decode::Decoder as _;

pub const CODEC_2: &str = "imap-codec 2";
pub const CODEC_1: &str = "imap-codec 1";
pub const PROTO: &str = "imap-proto";

/// How many responses imap-codec 2 finds in `octets`.
pub fn responses_2(octets: &[u8]) -> usize {
    let codec = imap_codec_2::ResponseCodec::default();
    each(octets, |rest| {
        let parsed = &codec.decode(rest);
        black_box(parsed).as_ref().ok().map(|(rest, _)| *rest)
    })
}

pub fn responses_1(octets: &[u8]) -> usize {
    let codec = imap_codec_1::ResponseCodec::default();
    each(octets, |rest| {
        let parsed = &codec.decode(rest);
        black_box(parsed).as_ref().ok().map(|(rest, _)| *rest)
    })
}

pub fn responses_proto(octets: &[u8]) -> usize {
    each(octets, |rest| {
        let parsed = &imap_proto::Response::parse(rest);
        black_box(parsed).as_ref().ok().map(|(rest, _)| *rest)
    })
}

/// Commands; `DONE`, which is none, is read by the codec for it.
pub fn commands_2(octets: &[u8]) -> usize {
    let codec = imap_codec_2::CommandCodec::default();
    let done = imap_codec_2::IdleDoneCodec::default();
    each(octets, |rest| {
        if rest.starts_with(b"DONE") {
            return done.decode(rest).ok().map(|(rest, _)| rest);
        }
        let parsed = &codec.decode(rest);
        black_box(parsed).as_ref().ok().map(|(rest, _)| *rest)
    })
}

pub fn commands_1(octets: &[u8]) -> usize {
    let codec = imap_codec_1::CommandCodec::default();
    let done = imap_codec_1::IdleDoneCodec::default();
    each(octets, |rest| {
        if rest.starts_with(b"DONE") {
            return done.decode(rest).ok().map(|(rest, _)| rest);
        }
        let parsed = &codec.decode(rest);
        black_box(parsed).as_ref().ok().map(|(rest, _)| *rest)
    })
}

fn each<'a>(octets: &'a [u8], mut next: impl FnMut(&'a [u8]) -> Option<&'a [u8]>) -> usize {
    let (mut rest, mut parsed) = (octets, 0);
    while let Some(behind) = next(rest) {
        rest = behind;
        parsed += 1;
        if rest.is_empty() {
            break;
        }
    }
    parsed
}
