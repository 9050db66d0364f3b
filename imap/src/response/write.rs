//! Writing the wire form of a response, which its builder then owns.

use alloc::vec::Vec;

use bytes::{BufMut, BytesMut};

pub(crate) use crate::encode::put_number as number;
use crate::{
    encode::{Form, put_astring, put_string},
    grammar::is_plain,
};

/// `string`, as a literal where it cannot be quoted. NUL, which no string may hold, is left out.
pub(crate) fn string(wire: &mut BytesMut, octets: &[u8]) {
    if is_quotable(octets) {
        wire.reserve(octets.len() + 2);
        wire.put_u8(b'"');
        wire.put_slice(octets);
        return wire.put_u8(b'"');
    }
    without_nul(octets, |octets| put_string(wire, octets));
}

/// Whether quotes around it are all that a string needs.
pub(crate) fn is_quotable(octets: &[u8]) -> bool {
    octets.len() <= Form::QUOTED_MAX && is_plain(octets)
}

/// `nstring`.
pub(crate) fn nstring(wire: &mut BytesMut, octets: Option<&[u8]>) {
    match octets {
        Some(octets) => string(wire, octets),
        None => wire.put_slice(b"NIL"),
    }
}

/// `astring`, and `mailbox`.
pub(crate) fn astring(wire: &mut BytesMut, octets: &[u8]) {
    without_nul(octets, |octets| put_astring(wire, octets));
}

fn without_nul(octets: &[u8], put: impl FnOnce(&[u8])) {
    if memchr::memchr(0, octets).is_none() {
        return put(octets);
    }
    let kept: Vec<u8> = octets.iter().copied().filter(|octet| *octet != 0).collect();
    put(&kept);
}

/// Text of a status response: one line, without controls.
pub(crate) fn text(wire: &mut BytesMut, text: &str) {
    for octet in text.bytes() {
        wire.put_u8(if octet.is_ascii_control() {
            b' '
        } else {
            octet
        });
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn plain_strings_are_written_as_others() {
        for octet in 1..=255_u8 {
            for len in [0, 1, 2, 7, 8, 9, 20, 1000, 1001] {
                let (mut short, mut long) = (BytesMut::new(), BytesMut::new());
                let mut text = vec![b'a'; len];
                text.last_mut().into_iter().for_each(|last| *last = octet);
                string(&mut short, &text);
                put_string(&mut long, &text);
                assert_eq!(short, long, "{octet} {len}");
            }
        }
    }
}
