//! BODY and BODYSTRUCTURE out of the entities of a message (RFC 9051 §7.5.2).

use alloc::{borrow::Cow, vec::Vec};

use super::{
    header::told,
    known::Known,
    mime::{self, Parameter},
    structure::{Entity, Structure},
};
use crate::{
    bodystructure::{
        BodyForm, BodyStructure, BodyStructureBuilder, Extension, PartFields, PartKind,
    },
    limits::BODY_STRUCTURE,
};

impl Structure {
    /// The BODY or BODYSTRUCTURE of the message. Where it grows beyond [`BODY_STRUCTURE`] octets,
    /// the parts that follow are told without what their headers say.
    #[must_use]
    pub fn body(&self, form: BodyForm) -> BodyStructure {
        let mut builder = BodyStructure::builder(form);
        let mut open: Vec<Entity<'_>> = Vec::new();
        let mut next = self.root();
        while let Some(entity) = next {
            while let Some(outer) = open.pop_if(|outer| !outer.holds(&entity)) {
                end(&mut builder, &outer);
            }
            next = if entity.kind() == PartKind::Multipart {
                builder.begin_multipart();
                open.push(entity);
                entity.first_within()
            } else if begin_message(&mut builder, &entity) {
                open.push(entity);
                entity.first_within()
            } else {
                leaf(&mut builder, &entity);
                entity.first_behind()
            };
        }
        while let Some(outer) = open.pop() {
            end(&mut builder, &outer);
        }
        builder.finish_balanced()
    }
}

/// Begins a message that can be told as one; whether it is.
fn begin_message(builder: &mut BodyStructureBuilder, entity: &Entity<'_>) -> bool {
    let Some(message) = entity.message() else {
        return false;
    };
    let envelope = message.envelope();
    let fits = builder.len() + envelope.wire().len() <= BODY_STRUCTURE;
    if fits {
        Told::of(entity).with(entity, |fields| builder.begin_message(fields, &envelope));
    }
    fits
}

/// A part that is not looked into.
fn leaf(builder: &mut BodyStructureBuilder, entity: &Entity<'_>) {
    let fits = builder.len() <= BODY_STRUCTURE && entity.kind() != PartKind::Message;
    let told = if fits {
        Told::of(entity)
    } else {
        Told::default()
    };
    told.with(entity, |fields| builder.part(fields));
}

/// Ends a multipart, or a message whose one part is complete.
fn end(builder: &mut BodyStructureBuilder, entity: &Entity<'_>) {
    let is_multipart = entity.kind() == PartKind::Multipart;
    let told = if builder.len() <= BODY_STRUCTURE {
        Told::of(entity)
    } else {
        Told {
            media: is_multipart.then_some((b"multipart", b"mixed")),
            ..Told::default()
        }
    };
    told.with(entity, |fields| {
        if is_multipart {
            builder.end_multipart(fields.subtype, fields.parameters, &fields.extension);
        } else {
            builder.end_message(fields.lines, &fields.extension);
        }
    });
}

/// What the header of a part says of it; by default, what is said of one that is not looked into.
#[derive(Default)]
struct Told<'a> {
    media: Option<(&'a [u8], &'a [u8])>,
    parameters: Vec<Parameter<'a>>,
    id: Option<Cow<'a, [u8]>>,
    description: Option<Cow<'a, [u8]>>,
    encoding: Option<&'a [u8]>,
    md5: Option<Cow<'a, [u8]>>,
    disposition: Option<(&'a [u8], Vec<Parameter<'a>>)>,
    languages: Vec<&'a [u8]>,
    location: Option<Cow<'a, [u8]>>,
}

impl<'a> Told<'a> {
    fn of(entity: &Entity<'a>) -> Self {
        let mut this = Self::default();
        for (name, value) in entity.known() {
            // Of a field that is there twice the first counts, as for the scanner.
            let text = || Some(told(value)).filter(|text| !text.is_empty());
            match name {
                Known::ContentId => this.id = this.id.or_else(text),
                Known::Description => this.description = this.description.or_else(text),
                Known::Md5 => this.md5 = this.md5.or_else(text),
                Known::Location => this.location = this.location.or_else(text),
                Known::TransferEncoding => {
                    this.encoding = this.encoding.or_else(|| mime::token(value));
                }
                Known::Disposition => {
                    this.disposition = this.disposition.or_else(|| mime::disposition(value));
                }
                Known::Language if this.languages.is_empty() => {
                    this.languages = mime::languages(value);
                }
                _ => {}
            }
        }
        if entity.is_capped() {
            return this;
        }
        if let Some(content_type) = entity.content_type() {
            this.media = Some((content_type.media, content_type.subtype));
            this.parameters = content_type.parameters();
        } else if entity.kind() == PartKind::Message {
            this.media = Some((b"message", b"rfc822"));
        } else {
            // The default of RFC 2045 §5.2.
            this.media = Some((b"text", b"plain"));
            let charset = (
                Cow::Borrowed(&b"charset"[..]),
                Cow::Borrowed(&b"us-ascii"[..]),
            );
            this.parameters.push(charset);
        }
        this
    }

    /// As the builder wants it.
    fn with(&self, entity: &Entity<'_>, put: impl FnOnce(&PartFields<'_>)) {
        let (media, subtype) = self.media.unwrap_or((b"application", b"octet-stream"));
        let parameters = pairs(&self.parameters);
        let disposition = self.disposition.as_ref();
        let disposition = disposition.map(|(word, parameters)| (*word, pairs(parameters)));
        let extension = Extension {
            md5: self.md5.as_deref(),
            disposition: disposition.as_ref().map(|(word, pairs)| (*word, &**pairs)),
            languages: &self.languages,
            location: self.location.as_deref(),
        };
        let mut fields = PartFields::new(media, subtype);
        fields.parameters = &parameters;
        fields.id = self.id.as_deref();
        fields.description = self.description.as_deref();
        fields.encoding = self.encoding.unwrap_or(fields.encoding);
        fields.octets = entity.octets();
        fields.lines = entity.lines();
        fields.extension = extension;
        put(&fields);
    }
}

fn pairs<'a>(parameters: &'a [Parameter<'_>]) -> Vec<(&'a [u8], &'a [u8])> {
    parameters
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect()
}
