//! A FETCH response as the values that a server has at hand before it writes one.

use std::borrow::Cow;
use std::num::NonZeroU32;

use mailwire_imap::bodystructure::{
    BodyStructureBuilder, Extension, Parameters, Part, PartFields, PartKind,
};
use mailwire_imap::datetime::DateTime;
use mailwire_imap::envelope::{AddressParts, Addresses, Envelope, EnvelopeBuilder};
use mailwire_imap::flag::Flags;
use mailwire_imap::response::Response;
use mailwire_imap::text::Text;

/// The corpora live as long as the process, and the strings are slices of them, as those of the peers are.
type Octets = &'static [u8];

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

pub struct Values {
    pub number: NonZeroU32,
    pub uid: NonZeroU32,
    pub flags: Flags,
    pub numbers: Option<(DateTime, u64)>,
    pub envelope: Option<EnvelopeBuilder<'static>>,
    pub structure: Vec<Step>,
}

/// One call to the builder of a body structure.
pub enum Step {
    Begin,
    Part(PartFields<'static>),
    End(Octets, &'static [(Octets, Octets)], Extension<'static>),
}

impl Values {
    pub fn of(response: &Response) -> Self {
        let Response::Fetch(fetch) = response else {
            unreachable!("a corpus of FETCH responses")
        };
        let mut structure = Vec::new();
        if let Some(body) = fetch.body_structure().map(leak) {
            steps(&body.root().expect("checked"), &mut structure);
        }
        Self {
            number: fetch.number(),
            uid: fetch.uid().expect("in every item"),
            flags: fetch.flags().expect("in every item"),
            numbers: fetch.internal_date().zip(fetch.size()),
            envelope: fetch.envelope().map(|found| envelope(leak(found))),
            structure,
        }
    }
}

impl Step {
    pub fn put(&self, builder: &mut BodyStructureBuilder) {
        match self {
            Self::Begin => builder.begin_multipart(),
            Self::Part(fields) => builder.part(fields),
            Self::End(subtype, parameters, extension) => {
                builder.end_multipart(subtype, parameters, extension);
            }
        }
    }
}

fn envelope(envelope: &'static Envelope) -> EnvelopeBuilder<'static> {
    Envelope::builder()
        .date(envelope.date().map(keep))
        .subject(envelope.subject().map(keep))
        .from(addresses(envelope.from()))
        .sender(addresses(envelope.sender()))
        .reply_to(addresses(envelope.reply_to()))
        .to(addresses(envelope.to()))
        .cc(addresses(envelope.cc()))
        .bcc(addresses(envelope.bcc()))
        .in_reply_to(envelope.in_reply_to().map(keep))
        .message_id(envelope.message_id().map(keep))
}

fn addresses(addresses: Addresses<'static>) -> &'static [AddressParts<'static>] {
    let all = addresses.map(|address| {
        let mut parts = AddressParts::default();
        parts.name = address.name().map(keep);
        parts.route = address.route().map(keep);
        parts.mailbox = address.mailbox().map(keep);
        parts.host = address.host().map(keep);
        parts
    });
    Vec::leak(all.collect())
}

fn keep(text: Text<'static>) -> Octets {
    match text.octets() {
        Cow::Borrowed(octets) => octets,
        Cow::Owned(octets) => Vec::leak(octets),
    }
}

fn pairs(parameters: Parameters<'static>) -> &'static [(Octets, Octets)] {
    let all = parameters.map(|(name, value)| (keep(name), value.map_or(&b""[..], keep)));
    Vec::leak(all.collect())
}

fn extension(part: &Part<'static>) -> Extension<'static> {
    let mut extension = Extension::default();
    extension.md5 = part.md5().map(keep);
    extension.disposition = part
        .disposition()
        .map(|disposition| (keep(disposition.kind()), pairs(disposition.parameters())));
    extension.location = part.location().map(keep);
    extension
}

fn steps(part: &Part<'static>, all: &mut Vec<Step>) {
    if part.kind() == PartKind::Multipart {
        all.push(Step::Begin);
        part.children().for_each(|child| steps(&child, all));
        all.push(Step::End(
            keep(part.subtype()),
            pairs(part.parameters()),
            extension(part),
        ));
        return;
    }
    let mut fields = PartFields::new(keep(part.media_type()), keep(part.subtype()));
    fields.parameters = pairs(part.parameters());
    fields.id = part.id().map(keep);
    fields.description = part.description().map(keep);
    fields.encoding = part.encoding().map_or(b"7BIT", keep);
    fields.octets = part.octets();
    fields.lines = part.lines().unwrap_or_default();
    fields.extension = extension(part);
    all.push(Step::Part(fields));
}
