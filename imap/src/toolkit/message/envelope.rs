//! ENVELOPE out of a header (RFC 9051 §7.5.2).

use alloc::{borrow::Cow, vec::Vec};

use super::{
    address::{Address, addresses},
    header::{Field, Fields, told},
    structure::{Entity, Structure},
};
use crate::{
    envelope::{AddressParts, Envelope},
    limits::ENVELOPE_ADDRESSES,
};

/// What ends a list of addresses that goes on beyond [`ENVELOPE_ADDRESSES`]: an empty group, so
/// that nobody takes it for somebody to write to.
const MORE: &[u8] = b"...";

impl Structure {
    /// The ENVELOPE of the message.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        self.root()
            .map_or_else(|| Envelope::builder().build(), |root| root.envelope())
    }
}

impl Entity<'_> {
    /// The ENVELOPE that its header makes. Addresses beyond [`ENVELOPE_ADDRESSES`] octets are left
    /// out, and an empty group named `...` says so.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        of_fields(self.fields())
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Name {
    Date,
    Subject,
    InReplyTo,
    MessageId,
    From,
    Sender,
    ReplyTo,
    To,
    Cc,
    Bcc,
}

impl Name {
    fn of(field: &Field<'_>) -> Option<Self> {
        let known: &[(&str, Self)] = match field.name().len() {
            2 => &[("To", Self::To), ("Cc", Self::Cc)],
            3 => &[("Bcc", Self::Bcc)],
            4 => &[("From", Self::From), ("Date", Self::Date)],
            6 => &[("Sender", Self::Sender)],
            7 => &[("Subject", Self::Subject)],
            8 => &[("Reply-To", Self::ReplyTo)],
            10 => &[("Message-ID", Self::MessageId)],
            11 => &[("In-Reply-To", Self::InReplyTo)],
            _ => &[],
        };
        known
            .iter()
            .find(|(name, _)| field.is(name))
            .map(|(_, name)| *name)
    }
}

/// The values of the fields that matter. Of fields that may be there once only the first counts;
/// those of recipients are put together (RFC 5322 §4.5.3).
struct Values<'a>(Vec<(Name, &'a [u8])>);

impl<'a> Values<'a> {
    fn of(fields: Fields<'a>) -> Self {
        let mut values = Vec::with_capacity(10);
        values.extend(fields.filter_map(|field| Some((Name::of(&field)?, field.raw_value()))));
        Self(values)
    }

    fn all(&self, name: Name) -> impl Iterator<Item = &'a [u8]> {
        self.0
            .iter()
            .filter(move |(here, _)| *here == name)
            .map(|(_, value)| *value)
    }

    fn text(&self, name: Name) -> Option<Cow<'a, [u8]>> {
        self.all(name).next().map(told)
    }
}

fn of_fields(fields: Fields<'_>) -> Envelope {
    let values = Values::of(fields);
    let lists = [
        (Name::From, 1),
        (Name::Sender, 1),
        (Name::ReplyTo, 1),
        (Name::To, usize::MAX),
        (Name::Cc, usize::MAX),
        (Name::Bcc, usize::MAX),
    ];
    let mut found: Vec<Address<'_>> = Vec::with_capacity(8);
    let mut ends = [0; 6];
    let mut is_more = [false; 6];
    let mut left = ENVELOPE_ADDRESSES;
    for (((name, fields), end), more) in lists.iter().zip(&mut ends).zip(&mut is_more) {
        // From may stand for Sender and Reply-To too.
        let times = if *name == Name::From { 3 } else { 1 };
        for address in values.all(*name).take(*fields).flat_map(addresses) {
            let Some(rest) = left.checked_sub(address.told_octets() * times) else {
                *more = true;
                break;
            };
            left = rest;
            found.push(address);
        }
        *end = found.len();
    }
    let mut parts: Vec<AddressParts<'_>> = Vec::with_capacity(found.len());
    let mut start = 0;
    for (end, more) in ends.iter_mut().zip(is_more) {
        let list = found.get(start..*end).unwrap_or_default();
        start = *end;
        parts.extend(list.iter().map(Address::parts));
        if more {
            // A group that is open ends first.
            let is_open = list.iter().rev().find_map(Address::opens_group);
            parts.extend(is_open.unwrap_or_default().then(AddressParts::group_end));
            parts.extend([AddressParts::group(MORE), AddressParts::group_end()]);
        }
        *end = parts.len();
    }
    let [from, sender, reply_to, to, cc, bcc] = ends;
    let list = |start: usize, end: usize| parts.get(start..end).unwrap_or_default();
    let of_from = list(0, from);
    // What is absent or empty is as From.
    let or_from = |list| if <[_]>::is_empty(list) { of_from } else { list };
    let date = values.text(Name::Date);
    let subject = values.text(Name::Subject);
    let in_reply_to = values.text(Name::InReplyTo);
    let message_id = values.text(Name::MessageId);
    Envelope::builder()
        .date(date.as_deref())
        .subject(subject.as_deref())
        .from(of_from)
        .sender(or_from(list(from, sender)))
        .reply_to(or_from(list(sender, reply_to)))
        .to(list(reply_to, to))
        .cc(list(to, cc))
        .bcc(list(cc, bcc))
        .in_reply_to(in_reply_to.as_deref())
        .message_id(message_id.as_deref())
        .build()
}
