//! Reads every field of a response once, its escapes undone, and gives a sum that depends on them all.

use mailwire_imap::bodystructure::{BodyStructure, Part};
use mailwire_imap::envelope::{Addresses, Envelope};
use mailwire_imap::response::{Fetch, FetchItem};
use mailwire_imap::text::Text;

pub fn of_fetch(fetch: &Fetch) -> usize {
    fetch.items().map(|item| of_item(&item)).sum()
}

fn of_item(item: &FetchItem<'_>) -> usize {
    match item {
        FetchItem::Uid(uid) => uid.get() as usize,
        FetchItem::Size(octets) => *octets as usize,
        FetchItem::Flags(flags) => flags.iter().map(|flag| flag.as_bytes().len()).sum(),
        FetchItem::InternalDate(date) => date.timestamp() as usize,
        FetchItem::Envelope(envelope) => of_envelope(envelope),
        FetchItem::BodyStructure(body) => of_structure(body),
        other => unreachable!("not in the corpus: {other:?}"),
    }
}

fn of_envelope(envelope: &Envelope) -> usize {
    of_text(envelope.date())
        + of_text(envelope.subject())
        + of_addresses(envelope.from())
        + of_addresses(envelope.sender())
        + of_addresses(envelope.reply_to())
        + of_addresses(envelope.to())
        + of_addresses(envelope.cc())
        + of_addresses(envelope.bcc())
        + of_text(envelope.in_reply_to())
        + of_text(envelope.message_id())
}

fn of_addresses(addresses: Addresses<'_>) -> usize {
    addresses
        .map(|address| {
            of_text(address.name())
                + of_text(address.route())
                + of_text(address.mailbox())
                + of_text(address.host())
        })
        .sum()
}

fn of_structure(body: &BodyStructure) -> usize {
    body.parts().map(|part| of_part(&part)).sum()
}

fn of_part(part: &Part<'_>) -> usize {
    let mut sum = of_text(Some(part.media_type()))
        + of_text(Some(part.subtype()))
        + of_text(part.id())
        + of_text(part.description())
        + of_text(part.encoding())
        + part.octets() as usize
        + part.lines().unwrap_or_default() as usize
        + of_text(part.md5())
        + of_text(part.location());
    for (name, value) in part.parameters() {
        sum += of_text(Some(name)) + of_text(value);
    }
    if let Some(disposition) = part.disposition() {
        sum += of_text(Some(disposition.kind()));
        for (name, value) in disposition.parameters() {
            sum += of_text(Some(name)) + of_text(value);
        }
    }
    sum + part
        .languages()
        .map(|language| of_text(Some(language)))
        .sum::<usize>()
}

fn of_text(text: Option<Text<'_>>) -> usize {
    text.map_or(1, |text| std::hint::black_box(text.octets()).len())
}
