//! What the header of a part says of its content, as far as SEARCH wants to know.

use alloc::vec::Vec;

use encoding_rs::Encoding as Charset;

use crate::{
    limits::BOUNDARY,
    toolkit::message::{
        header::Field,
        mime::{ContentType, token},
        text::charset,
        transfer::Encoding,
    },
};

pub(super) enum Kind {
    Multipart {
        boundary: Vec<u8>,
        is_digest: bool,
    },
    /// A whole message, `message/rfc822` and `message/global`.
    Message,
    /// Any other MESSAGE or TEXT.
    Plain,
    Other,
}

pub(super) struct Content {
    pub(super) kind: Kind,
    /// `None` for one that cannot be undone.
    pub(super) encoding: Option<Encoding>,
    /// `None` for one that is not said, not known, or US-ASCII.
    pub(super) charset: Option<&'static Charset>,
    has_type: bool,
    has_encoding: bool,
}

impl Content {
    /// What a part is that does not say it (RFC 2045 §5.2, RFC 2046 §5.1.5).
    pub(super) const fn new(kind: Kind) -> Self {
        Self {
            kind,
            encoding: Some(Encoding::Identity),
            charset: None,
            has_type: false,
            has_encoding: false,
        }
    }

    /// Takes note of a field; the first of each name counts.
    pub(super) fn field(&mut self, field: &Field<'_>) {
        if field.is("Content-Transfer-Encoding") && !self.has_encoding {
            self.has_encoding = true;
            if !field.value().is_empty() {
                self.encoding = token(field.raw_value()).and_then(Encoding::of);
            }
        } else if field.is("Content-Type") && !self.has_type {
            self.has_type = true;
            if let Some(content_type) = ContentType::parse(field.raw_value()) {
                self.content_type(&content_type);
            }
        }
    }

    fn content_type(&mut self, content_type: &ContentType<'_>) {
        self.kind = if content_type.is_message() {
            Kind::Message
        } else if content_type.is_media("multipart") {
            multipart(content_type)
        } else if content_type.is_media("text") || content_type.is_media("message") {
            Kind::Plain
        } else {
            Kind::Other
        };
        let label = content_type.parameter("charset").unwrap_or_default();
        // Octets above 127 in what is said to be ASCII are UTF-8 in these days.
        let is_ascii = label.eq_ignore_ascii_case(b"us-ascii");
        self.charset = charset(&label).filter(|_| !is_ascii);
    }
}

/// One without a boundary is invalid, and so text (RFC 2045 §5.2).
fn multipart(content_type: &ContentType<'_>) -> Kind {
    let boundary = content_type.parameter("boundary").unwrap_or_default();
    let boundary = boundary.trim_ascii_end();
    if boundary.is_empty() || boundary.len() > BOUNDARY || boundary.contains(&b'\n') {
        return Kind::Plain;
    }
    Kind::Multipart {
        boundary: boundary.into(),
        is_digest: content_type.is("multipart", "digest"),
    }
}
