//! BODY and BODYSTRUCTURE out of the entities of a message (RFC 9051 §7.5.2).

use alloc::{borrow::Cow, vec::Vec};

use super::{
    header::unfold,
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
            let is_long = builder.len() > BODY_STRUCTURE;
            next = match entity.kind() {
                PartKind::Multipart => {
                    builder.begin_multipart();
                    open.push(entity);
                    entity.first_within()
                }
                PartKind::Message if !is_long => {
                    begin_message(&mut builder, &entity);
                    open.push(entity);
                    entity.first_within()
                }
                _ => {
                    leaf(&mut builder, &entity, is_long);
                    entity.first_behind()
                }
            };
        }
        while let Some(outer) = open.pop() {
            end(&mut builder, &outer);
        }
        builder.finish_balanced()
    }
}

fn leaf(builder: &mut BodyStructureBuilder, entity: &Entity<'_>, is_long: bool) {
    let told = if is_long {
        Told::default()
    } else {
        Told::of(entity)
    };
    told.with(entity, |fields| builder.part(fields));
}

fn begin_message(builder: &mut BodyStructureBuilder, entity: &Entity<'_>) {
    let Some(message) = entity.message() else {
        return;
    };
    let envelope = message.envelope();
    Told::of(entity).with(entity, |fields| builder.begin_message(fields, &envelope));
}

fn end(builder: &mut BodyStructureBuilder, entity: &Entity<'_>) {
    let told = Told::of(entity);
    told.with(entity, |fields| {
        if entity.kind() == PartKind::Multipart {
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
        let mut told = Self::default();
        for field in entity.fields() {
            let name = field.name();
            let Some(b"content-") = name.get(..8).map(<[u8]>::to_ascii_lowercase).as_deref() else {
                continue;
            };
            // Of a field that is there twice the first counts, as for the scanner.
            let text = || Some(unfold(field.raw_value())).filter(|text| !text.is_empty());
            if field.is("Content-ID") {
                told.id = told.id.or_else(text);
            } else if field.is("Content-Description") {
                told.description = told.description.or_else(text);
            } else if field.is("Content-Transfer-Encoding") {
                told.encoding = told.encoding.or_else(|| mime::token(field.raw_value()));
            } else if field.is("Content-MD5") {
                told.md5 = told.md5.or_else(text);
            } else if field.is("Content-Location") {
                told.location = told.location.or_else(text);
            } else if field.is("Content-Disposition") {
                let here = || mime::disposition(field.raw_value());
                told.disposition = told.disposition.or_else(here);
            } else if field.is("Content-Language") && told.languages.is_empty() {
                told.languages = mime::languages(field.raw_value());
            }
        }
        if entity.is_capped() {
            return told;
        }
        if let Some(content_type) = entity.content_type() {
            told.media = Some((content_type.media, content_type.subtype));
            told.parameters = content_type.parameters();
        } else if entity.kind() == PartKind::Message {
            told.media = Some((b"message", b"rfc822"));
        } else {
            // The default of RFC 2045 §5.2.
            told.media = Some((b"text", b"plain"));
            let charset = (
                Cow::Borrowed(&b"charset"[..]),
                Cow::Borrowed(&b"us-ascii"[..]),
            );
            told.parameters.push(charset);
        }
        told
    }

    /// As the builder wants it.
    fn with(&self, entity: &Entity<'_>, put: impl FnOnce(&PartFields<'_>)) {
        let (media, subtype) = self.media.unwrap_or((b"application", b"octet-stream"));
        let parameters = pairs(&self.parameters);
        let disposition = self.disposition.as_ref();
        let disposition = disposition.map(|(word, parameters)| (*word, pairs(parameters)));
        let mut extension = Extension::default();
        extension.md5 = self.md5.as_deref();
        extension.disposition = disposition.as_ref().map(|(word, pairs)| (*word, &**pairs));
        extension.languages = &self.languages;
        extension.location = self.location.as_deref();
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
