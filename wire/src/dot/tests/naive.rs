//! The rules of the wire, written for the eye: whole inputs, one octet at a time.

use alloc::vec::Vec;

use super::Received;
use crate::dot::{BareLineBreaks, BodyFault, NulOctets};

/// A line begins at the front of a body and behind CRLF.
fn begins_line(octets: &[u8], at: usize) -> bool {
    at == 0 || octets[..at].ends_with(b"\r\n")
}

fn fault_at(octets: &[u8], at: usize, nul: NulOctets) -> Option<BodyFault> {
    let offset = at as u64;
    match octets[at] {
        b'\r' if octets.get(at + 1) != Some(&b'\n') => Some(BodyFault::BareCr { offset }),
        b'\n' if !octets[..at].ends_with(b"\r") => Some(BodyFault::BareLf { offset }),
        0 if nul == NulOctets::Reject => Some(BodyFault::Nul { offset }),
        _ => None,
    }
}

pub(super) fn decode(input: &[u8], breaks: BareLineBreaks, nul: NulOctets) -> Received {
    let end =
        (0..input.len()).find(|&at| begins_line(input, at) && input[at..].starts_with(b".\r\n"));
    let body = end.map_or_else(|| decided(input), |end| &input[..end]);
    let (mut text, mut first) = (Vec::new(), None);
    for at in 0..body.len() {
        let fault = fault_at(input, at, nul);
        match fault {
            Some(BodyFault::BareLf { .. }) if breaks == BareLineBreaks::Normalize => {
                text.extend(b"\r\n");
                continue;
            }
            Some(BodyFault::BareLf { .. } | BodyFault::BareCr { .. })
                if breaks == BareLineBreaks::Keep => {}
            Some(_) => {
                first = fault;
                break;
            }
            None => {}
        }
        if !(body[at] == b'.' && begins_line(body, at)) {
            text.push(body[at]);
        }
    }
    let left = end.map_or_else(|| &input[body.len()..], |end| &input[end + 3..]);
    Received {
        text,
        end: end.map(|_| first.map_or(Ok(()), Err)),
        left: left.to_vec(),
    }
}

/// Without what may still become something else.
fn decided(input: &[u8]) -> &[u8] {
    for (len, tail) in [(2, &b".\r"[..]), (1, b".")] {
        if let Some(front) = input.strip_suffix(tail)
            && begins_line(input, input.len() - len)
        {
            return front;
        }
    }
    input.strip_suffix(b"\r").unwrap_or(input)
}

/// Line breaks made canonical, and the last line ended.
pub(super) fn canonical(body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for (at, &octet) in body.iter().enumerate() {
        match octet {
            b'\r' if body.get(at + 1) == Some(&b'\n') => {}
            b'\r' | b'\n' => text.extend(b"\r\n"),
            _ => text.push(octet),
        }
    }
    if !text.is_empty() && !text.ends_with(b"\r\n") {
        text.extend(b"\r\n");
    }
    text
}

/// The wire form of a canonical text.
pub(super) fn stuffed(text: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    for (at, &octet) in text.iter().enumerate() {
        if octet == b'.' && begins_line(text, at) {
            wire.push(b'.');
        }
        wire.push(octet);
    }
    wire.extend(b".\r\n");
    wire
}

pub(super) fn first_fault(body: &[u8]) -> Option<BodyFault> {
    (0..body.len()).find_map(|at| fault_at(body, at, NulOctets::Reject))
}
