//! The grammar of `body`, checked level by level without recursion.

use crate::{
    envelope,
    error::Expected,
    limits::DEPTH,
    response::{
        Tolerance,
        scan::{Parsed, Scan, Span},
    },
};

/// The fields in front of what depends on the type.
#[derive(Clone, Copy, Default)]
pub(super) struct Fields {
    pub(super) media: Span,
    pub(super) subtype: Span,
    pub(super) parameters: Span,
    pub(super) id: Span,
    pub(super) description: Span,
    pub(super) encoding: Span,
    pub(super) octets: u64,
}

/// The fields behind it, as far as they are there.
#[derive(Clone, Copy, Default)]
pub(super) struct Extensions {
    /// MD5 of a single part, parameters of a multipart.
    pub(super) first: Span,
    pub(super) disposition: Span,
    pub(super) languages: Span,
    pub(super) location: Span,
    pub(super) others: Span,
}

#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Body {
    Multipart,
    Message,
    Text,
    Basic,
}

/// Reads a whole body structure: `body` of RFC 9051 §9.
pub(crate) fn read(scan: &mut Scan<'_>) -> Parsed<()> {
    // One bit a level: whether the body that is open there is a message.
    let (mut messages, mut depth) = (0_u64, 0);
    loop {
        scan.need(b'(', Expected::Body)?;
        let body = if scan.peek() == Some(b'(') {
            Body::Multipart
        } else {
            let fields = fields(scan)?;
            before_child(scan, &fields)?
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
                return Ok(());
            }
            if messages & 1 == 1 {
                tail(scan, Body::Message)?;
            } else if sibling(scan)? {
                break;
            } else {
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

/// `media-basic SP body-fields`.
pub(super) fn fields(scan: &mut Scan<'_>) -> Parsed<Fields> {
    let mut fields = Fields {
        media: scan.string()?,
        ..Fields::default()
    };
    scan.sp()?;
    fields.subtype = scan.string()?;
    scan.sp()?;
    fields.parameters = parameters(scan)?;
    scan.sp()?;
    fields.id = scan.nstring()?;
    scan.sp()?;
    fields.description = scan.nstring()?;
    scan.sp()?;
    fields.encoding = match scan.peek() {
        Some(b'n' | b'N') if scan.tolerates(Tolerance::NilEncoding) => scan.nstring()?,
        _ => scan.string()?,
    };
    scan.sp()?;
    fields.octets = scan.number64()?;
    Ok(fields)
}

/// What the fields make of the part; for a message, up to its body.
pub(super) fn before_child(scan: &mut Scan<'_>, fields: &Fields) -> Parsed<Body> {
    let media = scan.text(fields.media);
    if media.eq_ignore_ascii_case(b"TEXT") {
        return Ok(Body::Text);
    }
    let subtype = scan.text(fields.subtype);
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
pub(super) fn tail(scan: &mut Scan<'_>, body: Body) -> Parsed<(Span, Option<u64>, Extensions)> {
    let (mut subtype, mut lines) = (Span::default(), None);
    match body {
        Body::Multipart => {
            scan.sp()?;
            subtype = scan.string()?;
        }
        Body::Message | Body::Text => lines = count(scan)?,
        Body::Basic => {}
    }
    let extensions = extensions(scan, body)?;
    Ok((subtype, lines, extensions))
}

/// `body-fld-lines` with the space in front.
fn count(scan: &mut Scan<'_>) -> Parsed<Option<u64>> {
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

fn extensions(scan: &mut Scan<'_>, body: Body) -> Parsed<Extensions> {
    let mut found = Extensions::default();
    if scan.closed() {
        return Ok(found);
    }
    scan.sp()?;
    found.first = match body {
        Body::Multipart => parameters(scan)?,
        _ => scan.nstring()?,
    };
    if scan.closed() {
        return Ok(found);
    }
    scan.sp()?;
    found.disposition = disposition(scan)?;
    if scan.closed() {
        return Ok(found);
    }
    scan.sp()?;
    found.languages = languages(scan)?;
    if scan.closed() {
        return Ok(found);
    }
    scan.sp()?;
    found.location = scan.nstring()?;
    let start = scan.at();
    while !scan.closed() {
        scan.sp()?;
        scan.value()?;
    }
    found.others = Span::new(start, scan.at().saturating_sub(1));
    Ok(found)
}

/// `body-fld-param`.
fn parameters(scan: &mut Scan<'_>) -> Parsed<Span> {
    let start = scan.at();
    if scan.is_nil() {
        return Ok(scan.since(start));
    }
    scan.open()?;
    if scan.peek() == Some(b')') && scan.tolerates(Tolerance::EmptyList) {
        scan.close()?;
        return Ok(scan.since(start));
    }
    loop {
        scan.string()?;
        scan.sp()?;
        if matches!(scan.peek(), Some(b'n' | b'N')) && scan.tolerates(Tolerance::NilParameter) {
            scan.nstring()?;
        } else {
            scan.string()?;
        }
        if scan.closed() {
            return Ok(scan.since(start));
        }
        scan.sp()?;
    }
}

/// `body-fld-dsp`.
fn disposition(scan: &mut Scan<'_>) -> Parsed<Span> {
    let start = scan.at();
    if scan.is_nil() {
        return Ok(scan.since(start));
    }
    if matches!(scan.peek(), Some(b'"' | b'{')) && scan.tolerates(Tolerance::BareDisposition) {
        return scan.string();
    }
    scan.open()?;
    scan.string()?;
    scan.sp()?;
    parameters(scan)?;
    scan.close()?;
    Ok(scan.since(start))
}

/// `body-fld-lang`.
fn languages(scan: &mut Scan<'_>) -> Parsed<Span> {
    if scan.peek() != Some(b'(') {
        return scan.nstring();
    }
    let start = scan.at();
    scan.open()?;
    loop {
        scan.string()?;
        if scan.closed() {
            return Ok(scan.since(start));
        }
        scan.sp()?;
    }
}
