//! The grammar of `body`, checked level by level without recursion.

use crate::{
    envelope,
    error::Expected,
    limits::DEPTH,
    response::{
        Tolerance,
        scan::{Parsed, Scan, narrow},
    },
    text::Text,
};

#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Body {
    Multipart,
    Message,
    Text,
    Basic,
}

/// Reads a whole body structure: `body` of RFC 9051 §9. Gives the place behind the parts of a
/// multipart that is the message itself, else 0.
pub(crate) fn read(scan: &mut Scan<'_>) -> Parsed<u32> {
    let mut behind_parts = 0;
    // One bit a level: whether the body that is open there is a message.
    let (mut messages, mut depth) = (0_u64, 0);
    loop {
        scan.need(b'(', Expected::Body)?;
        let body = if scan.peek() == Some(b'(') {
            Body::Multipart
        } else {
            let (media, subtype) = fields(scan)?;
            before_child(scan, media, subtype)?
        };
        if matches!(body, Body::Multipart | Body::Message) {
            if depth == DEPTH {
                return scan.fail(Expected::ShallowerNesting);
            }
            depth += 1;
            messages = messages << 1 | u64::from(body == Body::Message);
            continue;
        }
        tail(scan, body)?;
        // The body is complete: what it stands in goes on or is complete too.
        loop {
            if depth == 0 {
                return Ok(behind_parts);
            }
            if messages & 1 == 1 {
                tail(scan, Body::Message)?;
            } else if sibling(scan)? {
                break;
            } else {
                if depth == 1 {
                    behind_parts = narrow(scan.at());
                }
                tail(scan, Body::Multipart)?;
            }
            depth -= 1;
            messages >>= 1;
        }
    }
}

/// Whether another part of the multipart follows.
pub(super) fn sibling(scan: &mut Scan<'_>) -> Parsed<bool> {
    if scan.peek() == Some(b' ') && scan.peek_behind() == Some(b'(') {
        envelope::between(scan)?;
    }
    Ok(scan.peek() == Some(b'('))
}

/// `media-basic SP body-fields`: the type and the subtype.
fn fields<'a>(scan: &mut Scan<'a>) -> Parsed<(Text<'a>, Text<'a>)> {
    let media = scan.string()?;
    scan.sp()?;
    let subtype = scan.string()?;
    scan.sp()?;
    parameters(scan)?;
    scan.sp()?;
    scan.pass_nstring()?;
    scan.sp()?;
    scan.pass_nstring()?;
    scan.sp()?;
    match scan.peek() {
        Some(b'n' | b'N') if scan.tolerates(Tolerance::NilEncoding) => scan.pass_nstring()?,
        _ => scan.pass_string()?,
    }
    scan.sp()?;
    scan.number64()?;
    Ok((scan.text(media), scan.text(subtype)))
}

/// What the type makes of the part; for a message, up to its body.
pub(super) fn before_child(
    scan: &mut Scan<'_>,
    media: Text<'_>,
    subtype: Text<'_>,
) -> Parsed<Body> {
    if media.eq_ignore_ascii_case(b"TEXT") {
        return Ok(Body::Text);
    }
    let is_message = media.eq_ignore_ascii_case(b"MESSAGE")
        && (subtype.eq_ignore_ascii_case(b"RFC822") || subtype.eq_ignore_ascii_case(b"GLOBAL"));
    if !is_message {
        return Ok(Body::Basic);
    }
    if scan.peek_behind() != Some(b'(') && scan.tolerates(Tolerance::BareMessage) {
        return Ok(Body::Basic);
    }
    scan.sp()?;
    envelope::read(scan)?;
    scan.sp()?;
    Ok(Body::Message)
}

/// Everything behind the fields, or behind the children, to the closing parenthesis.
fn tail(scan: &mut Scan<'_>, body: Body) -> Parsed<()> {
    match body {
        Body::Multipart => {
            scan.sp()?;
            scan.pass_string()?;
        }
        Body::Message | Body::Text => {
            count(scan)?;
        }
        Body::Basic => {}
    }
    extensions(scan, body)
}

/// `body-fld-lines` with the space in front.
pub(super) fn count(scan: &mut Scan<'_>) -> Parsed<Option<u64>> {
    if scan.peek() == Some(b')') && scan.tolerates(Tolerance::NilLines) {
        return Ok(None);
    }
    scan.sp()?;
    if matches!(scan.peek(), Some(b'n' | b'N')) && scan.tolerates(Tolerance::NilLines) {
        scan.nstring()?;
        return Ok(None);
    }
    scan.number64().map(Some)
}

fn extensions(scan: &mut Scan<'_>, body: Body) -> Parsed<()> {
    if scan.closed() {
        return Ok(());
    }
    scan.sp()?;
    match body {
        Body::Multipart => parameters(scan)?,
        _ => scan.pass_nstring()?,
    }
    if scan.closed() {
        return Ok(());
    }
    scan.sp()?;
    disposition(scan)?;
    if scan.closed() {
        return Ok(());
    }
    scan.sp()?;
    languages(scan)?;
    if scan.closed() {
        return Ok(());
    }
    scan.sp()?;
    scan.pass_nstring()?;
    while !scan.closed() {
        scan.sp()?;
        scan.value()?;
    }
    Ok(())
}

/// `body-fld-param`.
fn parameters(scan: &mut Scan<'_>) -> Parsed<()> {
    if scan.is_nil() {
        return Ok(());
    }
    scan.open()?;
    if scan.peek() == Some(b')') && scan.tolerates(Tolerance::EmptyList) {
        return scan.close();
    }
    loop {
        scan.pass_string()?;
        scan.sp()?;
        if matches!(scan.peek(), Some(b'n' | b'N')) && scan.tolerates(Tolerance::NilParameter) {
            scan.pass_nstring()?;
        } else {
            scan.pass_string()?;
        }
        if scan.closed() {
            return Ok(());
        }
        scan.sp()?;
    }
}

/// `body-fld-dsp`.
fn disposition(scan: &mut Scan<'_>) -> Parsed<()> {
    if scan.is_nil() {
        return Ok(());
    }
    if matches!(scan.peek(), Some(b'"' | b'{')) && scan.tolerates(Tolerance::BareDisposition) {
        return scan.pass_string();
    }
    scan.open()?;
    scan.pass_string()?;
    scan.sp()?;
    parameters(scan)?;
    scan.close()
}

/// `body-fld-lang`.
fn languages(scan: &mut Scan<'_>) -> Parsed<()> {
    if scan.peek() != Some(b'(') {
        return scan.pass_nstring();
    }
    scan.open()?;
    loop {
        scan.pass_string()?;
        if scan.closed() {
            return Ok(());
        }
        scan.sp()?;
    }
}
