//! The items of a FETCH, made ready.

use alloc::string::{String, ToString};

use bytes::{BufMut, Bytes, BytesMut};

use super::Needs;
use crate::{
    bodystructure::BodyForm,
    command::{FetchItem, Part, Partial, Peek, Section},
    response::{self, write},
    toolkit::{message::section::What, view::Facts},
};

/// One item of a FETCH.
#[derive(Clone, Debug)]
pub(super) enum Item {
    BinarySize(Wanted),
    Body(BodyForm),
    Envelope,
    Flags,
    InternalDate,
    ModSeq,
    /// An item of an extension that is always NIL.
    Nil(&'static [u8]),
    Section(Form, Wanted),
    Size,
    Uid,
}

/// As which item content is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    Binary,
    Body,
    Rfc822,
    Rfc822Header,
    Rfc822Text,
}

/// A piece of a section.
#[derive(Clone)]
pub(super) struct Wanted {
    /// The section as it is told, between its brackets.
    wire: Bytes,
    number: String,
    pub(super) what: What,
    pub(super) partial: Option<Partial>,
    peek: Peek,
}

impl Wanted {
    fn new(section: Section<'_>, partial: Option<Partial>, peek: Peek) -> Self {
        let mut number = String::new();
        for one in section.part().iter() {
            if !number.is_empty() {
                number.push('.');
            }
            number.push_str(&one.to_string());
        }
        Self {
            wire: wire(section, &number),
            number,
            what: What::of(section),
            partial,
            peek,
        }
    }

    pub(super) fn number(&self) -> Part<'_> {
        Part::new(&self.number).unwrap_or(Part::WHOLE)
    }

    /// The section as the response names it.
    pub(super) fn section(&self) -> Option<response::Section<'_>> {
        response::Section::of(&self.wire).ok()
    }

    pub(super) fn origin(&self) -> Option<u64> {
        self.partial.map(|partial| partial.offset().into())
    }

    fn needs(&self, facts: &Facts) -> Needs {
        let is_counted = facts.octets.is_some();
        match &self.what {
            _ if !self.number.is_empty() => Needs::Structure,
            What::All if is_counted => Needs::Facts,
            What::Text if is_counted => Needs::Header,
            What::Header | What::Fields(_) | What::FieldsNot(_) => Needs::Header,
            What::All | What::Text | What::Mime => Needs::Structure,
        }
    }
}

impl core::fmt::Debug for Wanted {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "[{}]", self.wire.escape_ascii())
    }
}

/// The section in the form of a response: the same, but for literals that do not wait.
fn wire(section: Section<'_>, number: &str) -> Bytes {
    let mut wire = BytesMut::new();
    wire.put_slice(number.as_bytes());
    if !number.is_empty() && !matches!(section, Section::All(_)) {
        wire.put_u8(b'.');
    }
    let (name, fields) = match section {
        Section::All(_) => (&b""[..], None),
        Section::Header(_) => (&b"HEADER"[..], None),
        Section::HeaderFields(_, fields) => (&b"HEADER.FIELDS ("[..], Some(fields)),
        Section::HeaderFieldsNot(_, fields) => (&b"HEADER.FIELDS.NOT ("[..], Some(fields)),
        Section::Text(_) => (&b"TEXT"[..], None),
        Section::Mime(_) => (&b"MIME"[..], None),
    };
    wire.put_slice(name);
    if let Some(fields) = fields {
        for (at, field) in fields.iter().enumerate() {
            if at > 0 {
                wire.put_u8(b' ');
            }
            write::astring(&mut wire, &field.octets());
        }
        wire.put_u8(b')');
    }
    wire.freeze()
}

impl Item {
    /// `None` for what the toolkit knows nothing of.
    pub(super) fn of(item: FetchItem<'_>) -> Option<Self> {
        let whole = |form, section, peek| Self::Section(form, Wanted::new(section, None, peek));
        Some(match item {
            FetchItem::Envelope => Self::Envelope,
            FetchItem::Flags => Self::Flags,
            FetchItem::InternalDate => Self::InternalDate,
            FetchItem::Rfc822 => whole(Form::Rfc822, Section::All(Part::WHOLE), Peek::Sets),
            FetchItem::Rfc822Header => whole(
                Form::Rfc822Header,
                Section::Header(Part::WHOLE),
                Peek::Leaves,
            ),
            FetchItem::Rfc822Text => {
                whole(Form::Rfc822Text, Section::Text(Part::WHOLE), Peek::Sets)
            }
            FetchItem::Rfc822Size => Self::Size,
            FetchItem::BodyWithoutExtensions => Self::Body(BodyForm::Body),
            FetchItem::BodyStructure => Self::Body(BodyForm::BodyStructure),
            FetchItem::Uid => Self::Uid,
            FetchItem::Body {
                peek,
                section,
                partial,
            } => Self::Section(Form::Body, Wanted::new(section, partial, peek)),
            FetchItem::Binary {
                peek,
                part,
                partial,
            } => Self::Section(Form::Binary, Wanted::new(Section::All(part), partial, peek)),
            FetchItem::BinarySize(part) => {
                Self::BinarySize(Wanted::new(Section::All(part), None, Peek::Leaves))
            }
            FetchItem::ModSeq => Self::ModSeq,
            FetchItem::Preview => Self::Nil(b"PREVIEW"),
            FetchItem::SaveDate => Self::Nil(b"SAVEDATE"),
            FetchItem::ThreadId => Self::Nil(b"THREADID"),
            FetchItem::EmailId => return None,
        })
    }

    pub(super) fn needs(&self, facts: &Facts) -> Needs {
        match self {
            Self::Flags | Self::InternalDate | Self::ModSeq | Self::Nil(_) | Self::Uid => {
                Needs::Facts
            }
            Self::Size if facts.octets.is_some() => Needs::Facts,
            Self::Envelope => Needs::Header,
            Self::Section(_, wanted) => wanted.needs(facts),
            Self::BinarySize(_) | Self::Body(_) | Self::Size => Needs::Structure,
        }
    }

    pub(super) fn sets_seen(&self) -> bool {
        matches!(self, Self::Section(_, wanted) if wanted.peek == Peek::Sets)
    }

    pub(super) const fn is_content(&self) -> bool {
        matches!(self, Self::Section(..) | Self::BinarySize(_))
    }

    /// The part that it wants decoded.
    pub(super) const fn binary(&self) -> Option<&Wanted> {
        match self {
            Self::Section(Form::Binary, wanted) | Self::BinarySize(wanted) => Some(wanted),
            _ => None,
        }
    }
}
