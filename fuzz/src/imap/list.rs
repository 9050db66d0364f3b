//! Names of mailboxes, and the patterns of LIST that are held against them.

use std::collections::BTreeSet;

use bytes::BytesMut;
use mailwire_imap::{
    command::{List, ReturnOptions, SelectionOptions},
    mailbox::{Encoding, Mailbox},
    response::{Response, Tolerances},
    toolkit::list::{Existence, Listed, MailboxFacts, Mailboxes, NamePolicy, Pattern, Wording},
};

use crate::{Target, take_octet};

pub(crate) const IMAP_LIST: Target = Target {
    name: "imap_list",
    run: list,
    seeds: &[
        b"\x01\n*\nINBOX\na/b/c\nlost+found",
        b"\x01\n%\nINBOX\nInbox/x\na/b/c\na/b\n&AOQ-",
        b"\x12a.\n%.%*c\na.b.c\na.c\na..c\ninbox.x",
        b"\x35in\nBOX/*%\nINBOX\ninbox/a\ninbox/b/c\nINBOXES",
        b"\x08\nx*\nx\nx/y\n",
        b"\x6d\n*a*a%a*\naaaaaaaa\nabababa\n/a/a/\n//a",
    ],
};

/// The lines of the input are the reference, the pattern, and names.
fn list(mut data: &[u8]) {
    let shape = take_octet(&mut data);
    let delimiter = match shape & 3 {
        0 => None,
        1 | 3 => Some(b'/'),
        _ => Some(b'.'),
    };
    let mut lines = data.split(|octet| *octet == b'\n');
    let Some(Ok(reference)) = lines.next().map(Mailbox::new) else {
        return;
    };
    let pattern = lines.next().unwrap_or_default();
    let names: Vec<Mailbox> = lines
        .take(32)
        .filter_map(|line| Mailbox::new(line).ok())
        .collect();
    let found: BTreeSet<&[u8]> = names
        .iter()
        .filter(|name| matches(&reference, pattern, delimiter, name))
        .map(Mailbox::as_bytes)
        .collect();
    answers(
        shape,
        delimiter,
        &names,
        &List::new(reference, pattern),
        &found,
    );
    policy(delimiter, &names);
}

/// The matcher, which agrees with one that tries everything where that ends in time.
fn matches(reference: &Mailbox, pattern: &[u8], delimiter: Option<u8>, name: &Mailbox) -> bool {
    let made = Pattern::new(reference, pattern, delimiter);
    let matches = made.matches(name);
    let name = name.as_bytes();
    assert!(!matches || is_prefix(made.prefix(), name), "{made:?}");
    let canonical = [reference.as_bytes(), pattern].concat();
    let wild = canonical
        .iter()
        .filter(|octet| matches!(octet, b'*' | b'%'));
    if wild.count() <= 5 && name.len() <= 24 && canonical.len() <= 64 {
        let oracle = Oracle {
            delimiter,
            caseless: caseless(name, delimiter),
        };
        assert_eq!(
            matches,
            oracle.tries(&canonical, name, 0),
            "{} {}",
            canonical.escape_ascii(),
            name.escape_ascii()
        );
    }
    matches
}

/// INBOX is found in any case.
fn is_prefix(prefix: &[u8], name: &[u8]) -> bool {
    name.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// How many octets of a name are INBOX, alone or as its first level.
fn caseless(name: &[u8], delimiter: Option<u8>) -> usize {
    let first = name.split(|octet| Some(*octet) == delimiter).next();
    first.map_or(0, |first| {
        if first.eq_ignore_ascii_case(b"INBOX") {
            5
        } else {
            0
        }
    })
}

/// What RFC 9051 §6.3.9 says, word for word.
struct Oracle {
    delimiter: Option<u8>,
    caseless: usize,
}

impl Oracle {
    fn tries(&self, pattern: &[u8], name: &[u8], at: usize) -> bool {
        let Some((wanted, pattern)) = pattern.split_first() else {
            return name.is_empty();
        };
        match wanted {
            b'*' | b'%' => (0..=name.len()).any(|len| {
                let (taken, rest) = name.split_at_checked(len).unwrap_or_default();
                let crosses = taken.iter().any(|octet| Some(*octet) == self.delimiter);
                (*wanted == b'*' || !crosses) && self.tries(pattern, rest, at + len)
            }),
            _ => name.split_first().is_some_and(|(octet, rest)| {
                let is_same =
                    octet == wanted || at < self.caseless && octet.eq_ignore_ascii_case(wanted);
                is_same && self.tries(pattern, rest, at + 1)
            }),
        }
    }
}

/// What LIST and LSUB say: readable, nothing twice, and every mailbox that was meant.
fn answers(
    shape: u8,
    delimiter: Option<u8>,
    names: &[Mailbox],
    list: &List,
    found: &BTreeSet<&[u8]>,
) {
    let facts = names.iter().enumerate().map(|(at, name)| {
        let mut facts = MailboxFacts::new(name.clone());
        facts.is_subscribed = at % 2 == usize::from(shape >> 2 & 1);
        facts.existence = match (shape >> 3 & 3, at % 3) {
            (1, 0) => Existence::NonExistent,
            (2, 0) => Existence::NoSelect,
            _ => Existence::Exists,
        };
        facts
    });
    let mailboxes = Mailboxes::new(delimiter, facts);
    let wording = if shape & 128 == 0 {
        Wording::Rev1
    } else {
        Wording::Rev2
    };
    let mut selection = SelectionOptions::default();
    if shape & 32 != 0 {
        selection = SelectionOptions::SUBSCRIBED;
    }
    let extended = list
        .clone()
        .with_selection(selection)
        .with_returns(ReturnOptions::default());
    for (list, is_simple) in [(list, true), (&extended, false)] {
        let Ok(listing) = mailboxes.list(list, wording) else {
            return;
        };
        let told = told(listing);
        let is_root = is_simple && list.patterns.iter().all(<[u8]>::is_empty);
        for name in found.iter().filter(|_| is_simple && !is_root) {
            let facts = Mailbox::new(name)
                .ok()
                .and_then(|name| mailboxes.get(&name));
            let is_told = facts.is_some_and(|facts| {
                facts.existence == Existence::NonExistent || told.contains(facts.name.as_bytes())
            });
            assert!(is_told, "{} is missing: {told:?}", name.escape_ascii());
        }
    }
    let pattern = list.patterns.iter().next().unwrap_or_default();
    let _ = told(mailboxes.lsub(&list.reference, pattern));
}

/// The names that are told.
fn told(listing: impl Iterator<Item = Listed>) -> BTreeSet<Vec<u8>> {
    let mut names = BTreeSet::new();
    for listed in listing {
        let mut wire = BytesMut::new();
        let response = listed.into_response();
        response.encode(&mut wire);
        let frame = wire.split_to(wire.len().saturating_sub(2)).freeze();
        let read = Response::parse(frame.clone(), Tolerances::NONE);
        let Ok((Response::List(list) | Response::Lsub(list), _)) = read else {
            unreachable!("{}: {read:?}", frame.escape_ascii())
        };
        let Ok(name) = list.mailbox() else {
            unreachable!("{list:?}")
        };
        let is_new = names.insert(name.as_bytes().to_vec());
        assert!(is_new, "{} is told twice", frame.escape_ascii());
    }
    names
}

/// A name that is let through stays where the store keeps its mailboxes.
fn policy(delimiter: Option<u8>, names: &[Mailbox]) {
    for encoding in [Encoding::Utf7, Encoding::Utf8] {
        let policy = NamePolicy::new(delimiter, encoding);
        for name in names {
            let Ok(checked) = policy.check(name) else {
                continue;
            };
            assert_eq!(policy.check(&checked).as_ref(), Ok(&checked));
            let text = checked.name(encoding);
            let Ok(text) = text else {
                unreachable!("{checked:?} has no name")
            };
            assert!(!text.chars().any(char::is_control), "{text:?}");
            let levels = text.split(|character| Some(character) == delimiter.map(char::from));
            for level in levels {
                let is_safe = !matches!(level, "" | "." | "..")
                    && !level.contains(['/', '*', '%'])
                    && !level.starts_with(['~', '#']);
                assert!(is_safe, "{text:?}");
            }
            if let Ok(created) = policy.create(name) {
                assert!(!created.is_inbox() && created == checked);
                assert_eq!(
                    policy.rename(&Mailbox::inbox(), name),
                    Ok((Mailbox::inbox(), created))
                );
            }
            if let Ok((from, to)) = names
                .first()
                .map_or(Ok((Mailbox::inbox(), checked)), |first| {
                    policy.rename(first, name)
                })
            {
                assert!(policy.check(&from).is_ok() && policy.check(&to).is_ok());
            }
        }
    }
}
