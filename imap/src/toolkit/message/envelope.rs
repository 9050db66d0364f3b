//! ENVELOPE out of a header (RFC 9051 §7.5.2).

use alloc::{borrow::Cow, vec::Vec};

use super::{
    address::{Address, addresses},
    header::told,
    known::Known,
    structure::{Entity, Structure},
};
use crate::{
    envelope::{AddressParts, Envelope, EnvelopeBuilder},
    limits::ENVELOPE_ADDRESSES,
};

/// What ends a list of addresses that goes on beyond [`ENVELOPE_ADDRESSES`]: an empty group, so
/// that nobody takes it for somebody to write to.
const MORE: &[u8] = b"...";

impl Structure {
    /// The ENVELOPE of the message.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        self.with_envelope(|builder| builder.build())
    }

    /// Hands over what makes the ENVELOPE of the message, to be written where it belongs.
    pub(super) fn with_envelope<T>(&self, write: impl FnOnce(&EnvelopeBuilder<'_>) -> T) -> T {
        match self.root() {
            Some(root) => of_entity(&root, write),
            None => write(&Envelope::builder()),
        }
    }
}

impl Entity<'_> {
    /// The ENVELOPE that its header makes. Addresses beyond [`ENVELOPE_ADDRESSES`] octets are left
    /// out, and an empty group named `...` says so.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        of_entity(self, |builder| builder.build())
    }
}

/// The known fields of a header. Of those that may be there once only the first counts; those of
/// recipients are put together (RFC 5322 §4.5.3).
#[derive(Clone, Copy)]
struct Values<'e, 'a>(&'e Entity<'a>);

impl<'a> Values<'_, 'a> {
    fn all(self, name: Known) -> impl Iterator<Item = &'a [u8]> {
        let known = self.0.known();
        known
            .filter(move |(here, _)| *here == name)
            .map(|(_, value)| value)
    }

    fn text(self, name: Known) -> Option<Cow<'a, [u8]>> {
        self.0.value(name).map(told)
    }
}

fn of_entity<T>(entity: &Entity<'_>, write: impl FnOnce(&EnvelopeBuilder<'_>) -> T) -> T {
    let values = Values(entity);
    let lists = [
        (Known::From, 1),
        (Known::Sender, 1),
        (Known::ReplyTo, 1),
        (Known::To, usize::MAX),
        (Known::Cc, usize::MAX),
        (Known::Bcc, usize::MAX),
    ];
    let mut found: Vec<Address<'_>> = Vec::with_capacity(8);
    let mut ends = [0; 6];
    let mut is_more = [false; 6];
    // The shortest address is a letter and a comma. Where even that makes too little to be counted,
    // nothing is.
    let octets: usize = entity.known().map(|(_, value)| value.len()).sum();
    let is_short = octets <= ENVELOPE_ADDRESSES / 36;
    let mut left = ENVELOPE_ADDRESSES;
    for (((name, fields), end), more) in lists.iter().zip(&mut ends).zip(&mut is_more) {
        // From may stand for Sender and Reply-To too.
        let times = if *name == Known::From { 3 } else { 1 };
        for address in values.all(*name).take(*fields).flat_map(addresses) {
            let told = if is_short {
                0
            } else {
                address.told_octets() * times
            };
            let Some(rest) = left.checked_sub(told) else {
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
    let date = values.text(Known::Date);
    let subject = values.text(Known::Subject);
    let in_reply_to = values.text(Known::InReplyTo);
    let message_id = values.text(Known::MessageId);
    let builder = Envelope::builder()
        .date(date.as_deref())
        .subject(subject.as_deref())
        .from(of_from)
        .sender(or_from(list(from, sender)))
        .reply_to(or_from(list(sender, reply_to)))
        .to(list(reply_to, to))
        .cc(list(to, cc))
        .bcc(list(cc, bcc))
        .in_reply_to(in_reply_to.as_deref())
        .message_id(message_id.as_deref());
    write(&builder)
}
