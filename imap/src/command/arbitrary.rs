//! Commands from bytes, for fuzzing: every one can be written, and is read as the same.

use alloc::{boxed::Box, vec::Vec};
use core::num::NonZeroU32;

use arbitrary::{Arbitrary, Error, Result, Unstructured};
use mailwire_core::{secret::SecretBytes, text::Octets};

use super::{
    Algorithm, By, Command, CommandBody, Entry, EntryType, FetchItem, FetchItems, FetchModifiers,
    Field, Fields, HeaderFields, List, Mechanism, Message, ModSeq, Names, Part, Partial, Peek,
    Qresync, ReturnOptions, Search, SearchKey, SearchReturn, Section, SelectParameters,
    SelectionOptions, Silence, SortCriterion, SortKey, SpecialUses, StatusItem, StatusItems,
    StoreMode, Tag,
};
use crate::{
    datetime::{Date, DateTime},
    flag::{Flag, Flags},
    grammar::Cursor,
    mailbox::Mailbox,
    sequence::SequenceSet,
};

type Source<'s, 'a> = &'s mut Unstructured<'a>;

fn octets(u: Source<'_, '_>) -> Result<Octets> {
    let mut octets = u.arbitrary::<Vec<u8>>()?;
    octets.retain(|octet| *octet != 0);
    Ok(Octets::from(&*octets))
}

/// Few enough octets for a field of ID, and an atom more often than not.
fn short(u: Source<'_, '_>) -> Result<Octets> {
    let len = u.int_in_range(0..=30)?;
    let octets = u.bytes(len)?.iter().copied().filter(|octet| *octet != 0);
    Ok(Octets::from(&*octets.collect::<Vec<_>>()))
}

fn mailbox(u: Source<'_, '_>) -> Result<Mailbox> {
    if u.ratio(1, 4)? {
        return Ok(Mailbox::inbox());
    }
    Mailbox::from_octets(octets(u)?).map_err(|_| Error::IncorrectFormat)
}

fn number64(u: Source<'_, '_>) -> Result<u64> {
    Ok(u.arbitrary::<u64>()? >> 1)
}

fn set(u: Source<'_, '_>) -> Result<SequenceSet> {
    match u.int_in_range(0..=3)? {
        0 => Ok(SequenceSet::all()),
        1 => Ok(SequenceSet::saved()),
        _ => plain_set(u),
    }
}

fn plain_set(u: Source<'_, '_>) -> Result<SequenceSet> {
    let ranges = u.arbitrary::<Vec<(NonZeroU32, NonZeroU32)>>()?;
    let ranges = ranges.iter().map(|(first, last)| first.get()..=last.get());
    SequenceSet::of_ranges(ranges).ok_or(Error::IncorrectFormat)
}

fn flag(u: Source<'_, '_>) -> Result<Flag> {
    Ok(u.choose(&[
        Flag::Answered,
        Flag::Flagged,
        Flag::Deleted,
        Flag::Seen,
        Flag::Draft,
        Flag::Recent,
    ])?
    .clone())
}

fn keyword(u: Source<'_, '_>) -> Result<Flag> {
    match Flag::new(&short(u)?) {
        Ok(flag @ Flag::Keyword(_)) => Ok(flag),
        _ => Flag::new(b"$Junk").map_err(|_| Error::IncorrectFormat),
    }
}

fn flags(u: Source<'_, '_>) -> Result<Flags> {
    let mut flags = Flags::new();
    for _ in 0..u.int_in_range(0..=4)? {
        flags.insert(&if u.arbitrary()? {
            flag(u)?
        } else {
            keyword(u)?
        });
    }
    Ok(flags)
}

fn date(u: Source<'_, '_>) -> Result<Date> {
    let (year, month) = (u.int_in_range(0..=9_999)?, u.int_in_range(1..=12)?);
    Date::new(year, month, u.int_in_range(1..=31)?).ok_or(Error::IncorrectFormat)
}

fn status_items(u: Source<'_, '_>) -> Result<StatusItems> {
    const ITEMS: [StatusItem; 5] = [
        StatusItem::Messages,
        StatusItem::UidNext,
        StatusItem::Unseen,
        StatusItem::Size,
        StatusItem::DeletedStorage,
    ];
    let (one, two) = (*u.choose(&ITEMS)?, *u.choose(&ITEMS)?);
    Ok([one, two].into_iter().collect())
}

fn key(u: Source<'_, '_>, depth: usize) -> Result<SearchKey> {
    let kinds = if depth == 0 { 16 } else { 19 };
    Ok(match u.int_in_range(0..=kinds)? {
        0 => SearchKey::All,
        1 => SearchKey::Unseen,
        2 => SearchKey::Bcc(octets(u)?),
        3 => SearchKey::Body(octets(u)?),
        4 => SearchKey::Text(octets(u)?),
        5 => SearchKey::Header {
            field: octets(u)?,
            value: octets(u)?,
        },
        6 => SearchKey::Keyword(keyword(u)?),
        7 => SearchKey::Unkeyword(keyword(u)?),
        8 => SearchKey::Set(set(u)?),
        9 => SearchKey::Uid(set(u)?),
        10 => SearchKey::Larger(number64(u)?),
        11 => SearchKey::Since(date(u)?),
        12 => SearchKey::SentBefore(date(u)?),
        13 => SearchKey::Older(u.arbitrary()?),
        14 => SearchKey::ModSeq(ModSeq::new(number64(u)?)),
        15 => {
            let mut modseq = ModSeq::new(number64(u)?);
            modseq.entry = Some(Entry {
                name: Octets::from(&b"/flags/\\draft"[..]),
                of: *u.choose(&[EntryType::Private, EntryType::Shared, EntryType::All])?,
            });
            SearchKey::ModSeq(modseq)
        }
        16 => SearchKey::Subject(octets(u)?),
        17 => SearchKey::Not(Box::new(key(u, depth - 1)?)),
        18 => SearchKey::Or(Box::new(key(u, depth - 1)?), Box::new(key(u, depth - 1)?)),
        _ => {
            let count = u.int_in_range(1..=3)?;
            let keys = (0..count).map(|_| key(u, depth - 1));
            SearchKey::And(keys.collect::<Result<_>>()?)
        }
    })
}

fn search(u: Source<'_, '_>) -> Result<Search> {
    let count = u.int_in_range(1..=3)?;
    let keys = (0..count).map(|_| key(u, 4)).collect::<Result<Vec<_>>>()?;
    let mut search = Search::new(keys);
    if u.arbitrary()? {
        search.returns = Some(*u.choose(&[
            SearchReturn::NONE,
            SearchReturn::MIN.with(SearchReturn::MAX),
            SearchReturn::COUNT.with(SearchReturn::SAVE),
        ])?);
    }
    if u.arbitrary()? {
        search.charset = Some(octets(u)?);
    }
    Ok(search)
}

fn fetch_items(u: Source<'_, '_>) -> Result<FetchItems> {
    if u.ratio(1, 8)? {
        return "FULL".parse().map_err(|_| Error::IncorrectFormat);
    }
    let part = Part::new(u.choose(&["", "1", "2.3", "4294967295.1"])?);
    let part = part.ok_or(Error::IncorrectFormat)?;
    let peek = *u.choose(&[Peek::Sets, Peek::Leaves])?;
    let partial = u
        .arbitrary::<Option<(u32, NonZeroU32)>>()?
        .map(|(offset, count)| Partial::new(offset, count));
    let mut cursor = Cursor::borrowing(b" (Subject \"a b\" {2}\r\n\"\\)");
    let fields = HeaderFields::parse(&mut cursor).map_err(|_| Error::IncorrectFormat)?;
    let section = *u.choose(&[
        Section::All(part),
        Section::Header(part),
        Section::Text(part),
        Section::HeaderFields(part, fields),
        Section::HeaderFieldsNot(part, fields),
    ])?;
    let all = [
        FetchItem::Uid,
        FetchItem::Envelope,
        FetchItem::BodyWithoutExtensions,
        FetchItem::Body {
            peek,
            section,
            partial,
        },
        FetchItem::Binary {
            peek,
            part,
            partial,
        },
        FetchItem::BinarySize(part),
        FetchItem::Rfc822Text,
    ];
    let count = u.int_in_range(1..=4)?;
    let items = (0..count).map(|_| u.choose(&all).copied());
    FetchItems::new(&items.collect::<Result<Vec<_>>>()?).ok_or(Error::IncorrectFormat)
}

fn select(u: Source<'_, '_>) -> Result<SelectParameters> {
    Ok(match u.int_in_range(0..=2)? {
        0 => SelectParameters::default(),
        1 => SelectParameters::condstore(),
        _ => {
            let mut known = Qresync::new(u.arbitrary()?, number64(u)?);
            if u.arbitrary()? {
                known.known_uids = Some(plain_set(u)?);
            }
            if u.arbitrary()? {
                known.pairs = Some((plain_set(u)?, plain_set(u)?));
            }
            SelectParameters::qresync(known)
        }
    })
}

fn list(u: Source<'_, '_>) -> Result<List> {
    let mut list = List::new(mailbox(u)?, &octets(u)?);
    for _ in 0..u.int_in_range(0..=2)? {
        list = list.or_pattern(&octets(u)?);
    }
    if u.arbitrary()? {
        let options = SelectionOptions::SUBSCRIBED.with(SelectionOptions::RECURSIVEMATCH);
        list = list.with_selection(*u.choose(&[SelectionOptions::NONE, options])?);
    }
    if u.arbitrary()? {
        let mut returns = ReturnOptions {
            children: u.arbitrary()?,
            special_use: u.arbitrary()?,
            ..ReturnOptions::default()
        };
        if u.arbitrary()? {
            returns.status = Some(status_items(u)?);
        }
        list = list.with_returns(returns);
    }
    Ok(list)
}

fn message(u: Source<'_, '_>) -> Result<Message> {
    let mut message = Message::new(number64(u)?).with_flags(flags(u)?);
    if u.arbitrary()? {
        let clock = u.int_in_range(0..=23)?;
        message.date = DateTime::new(date(u)?, clock, 59, 60, u.int_in_range(-1_439..=1_439)?);
    }
    Ok(message)
}

fn fields(u: Source<'_, '_>) -> Result<Option<Fields>> {
    let mut list = Vec::new();
    for _ in 0..u.int_in_range(0..=3)? {
        let value = if u.arbitrary()? {
            Some(short(u)?)
        } else {
            None
        };
        list.push(Field {
            name: short(u)?,
            value,
        });
    }
    // No fields are written as NIL.
    Ok(Fields::new(list).filter(|fields| fields.iter().next().is_some()))
}

impl<'a> Arbitrary<'a> for Tag {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let octets = short(u)?;
        Self::new(&octets)
            .or_else(|| Self::new(b"a"))
            .ok_or(Error::IncorrectFormat)
    }
}

impl<'a> Arbitrary<'a> for CommandBody {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let by = *u.choose(&[By::Number, By::Uid])?;
        Ok(match u.int_in_range(0..=29)? {
            0 => Self::Capability,
            1 => Self::Noop,
            2 => Self::Logout,
            3 => Self::StartTls,
            4 => Self::Namespace,
            5 => Self::Idle,
            6 => Self::Close,
            7 => Self::Expunge,
            8 => Self::Id { fields: fields(u)? },
            9 => Self::Authenticate {
                mechanism: Mechanism::new(b"PLAIN").ok_or(Error::IncorrectFormat)?,
                initial: u.arbitrary::<Option<Vec<u8>>>()?.map(SecretBytes::new),
            },
            10 => Self::Login {
                username: octets(u)?,
                password: SecretBytes::new(octets(u)?.to_vec()),
            },
            11 => Self::Enable {
                capabilities: Names::new(["CONDSTORE", "UTF8=ACCEPT"])
                    .ok_or(Error::IncorrectFormat)?,
            },
            12 => Self::Select {
                mailbox: mailbox(u)?,
                parameters: select(u)?,
            },
            13 => Self::Examine {
                mailbox: mailbox(u)?,
                parameters: select(u)?,
            },
            14 => Self::Create {
                mailbox: mailbox(u)?,
                uses: *u.choose(&[SpecialUses::NONE, SpecialUses::SENT])?,
            },
            15 => Self::Delete {
                mailbox: mailbox(u)?,
            },
            16 => Self::Rename {
                from: mailbox(u)?,
                to: mailbox(u)?,
            },
            17 => Self::Subscribe {
                mailbox: mailbox(u)?,
            },
            18 => Self::List(list(u)?),
            19 => Self::Lsub {
                reference: mailbox(u)?,
                pattern: octets(u)?,
            },
            20 => Self::Status {
                mailbox: mailbox(u)?,
                items: status_items(u)?,
            },
            21 => Self::Append {
                mailbox: mailbox(u)?,
                message: message(u)?,
            },
            22 => Self::UidExpunge { set: set(u)? },
            23 => Self::Search {
                by,
                search: search(u)?,
            },
            24 => Self::Sort {
                by,
                criteria: alloc::vec![
                    SortCriterion::descending(SortKey::Date),
                    SortCriterion::ascending(*u.choose(&[SortKey::Size, SortKey::DisplayTo])?),
                ],
                search: search(u)?.with_charset(&octets(u)?),
            },
            25 => {
                let mut search = search(u)?.with_charset(&octets(u)?);
                search.returns = None;
                Self::Thread {
                    by,
                    algorithm: Algorithm::References,
                    search,
                }
            }
            26 => Self::Fetch {
                by,
                set: set(u)?,
                items: fetch_items(u)?,
                modifiers: *u.choose(&[
                    FetchModifiers::default(),
                    FetchModifiers::changed_since(1),
                    FetchModifiers::vanished_since(u64::from(u32::MAX)),
                ])?,
            },
            27 => Self::Store {
                by,
                set: set(u)?,
                unchanged_since: u.arbitrary::<Option<u32>>()?.map(u64::from),
                mode: *u.choose(&[StoreMode::Replace, StoreMode::Add, StoreMode::Remove])?,
                silence: *u.choose(&[Silence::Told, Silence::Silent])?,
                flags: flags(u)?,
            },
            28 => Self::Copy {
                by,
                set: set(u)?,
                mailbox: mailbox(u)?,
            },
            _ => Self::Move {
                by,
                set: set(u)?,
                mailbox: mailbox(u)?,
            },
        })
    }
}

impl<'a> Arbitrary<'a> for Command {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self::new(u.arbitrary()?, u.arbitrary()?))
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::encode::Literals;

    #[test]
    fn arbitrary_commands_end_where_the_octets_do() {
        for first in 0..=u8::MAX {
            for octets in [&[first, 0][..], &[0, first], &[first, first, first]] {
                let _ = CommandBody::arbitrary(&mut Unstructured::new(octets)).is_ok();
            }
        }
    }

    #[test]
    fn imap_42_arbitrary_commands_are_written_and_read_as_the_same() {
        let mut state = 0x1234_5678_9abc_def1_u64;
        let mut made = 0;
        for _ in 0..20_000 {
            let mut octets = Vec::new();
            for _ in 0..40 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                octets.extend_from_slice(&state.to_le_bytes());
            }
            let Ok(command) = Command::arbitrary(&mut Unstructured::new(&octets)) else {
                continue;
            };
            let mut wire = BytesMut::new();
            for fragment in command.encode(Literals::Plus).unwrap() {
                wire.extend_from_slice(&fragment);
            }
            wire.truncate(wire.len() - 2);
            let read = Command::parse(&wire.clone().freeze());
            assert_eq!(read, Ok(command), "{}", wire.escape_ascii());
            made += 1;
        }
        assert!(made > 2_000, "{made}");
    }
}
