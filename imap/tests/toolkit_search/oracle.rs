//! Random queries over random messages: what is streamed in random pieces matches where the text
//! that the message was made of does.

use mailwire_imap::{
    bodystructure::PartKind,
    command::SearchKey,
    flag::Flag,
    toolkit::{
        message::{Structure, header::Fields, text::decode_value, transfer::Decoder},
        search::Verdict,
        view::Facts,
    },
};

use super::{Random, compile, date, facts, not, nz, or};

const WORDS: &[&str] = &[
    "alpha",
    "Beta",
    "GAMMA",
    "grüße",
    "Ärger",
    "straße",
    "x--y",
    "--",
    "--=_b",
    "日本",
    "語",
    "ΣΊΣΥΦΟΣ",
    "ǅ",
    "a=b",
    "=3D",
    "i",
    "İ",
];

/// What a message says, whatever its encodings.
#[derive(Default)]
struct Model {
    /// Names and values of the message's header.
    fields: Vec<(String, String)>,
    /// The header fields of parts.
    mime: Vec<String>,
    /// The texts of the body, and the header fields of enclosed messages.
    texts: Vec<String>,
    boundaries: usize,
}

/// Whose header it is.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Of {
    Message,
    Part,
    Enclosed,
}

impl Model {
    fn note(&mut self, of: Of, name: &str, value: &str) {
        match of {
            Of::Message => self.fields.push((name.into(), value.into())),
            Of::Part => self.mime.push(format!("{name}: {value}")),
            Of::Enclosed => self.texts.push(format!("{name}: {value}")),
        }
    }

    fn field(&mut self, of: Of, name: &str, value: &str, wire: &mut Vec<u8>) {
        self.note(of, name, value);
        wire.extend(format!("{name}: {value}\r\n").bytes());
    }

    /// A field whose value has words in encoded words.
    fn words(&mut self, of: Of, name: &str, random: &mut Random, wire: &mut Vec<u8>) {
        let mut value = String::new();
        wire.extend(format!("{name}:").bytes());
        let mut was_encoded = false;
        for _ in 0..random.below(5) {
            let word = WORDS[random.below(WORDS.len())];
            let is_encoded = !word.is_ascii() || random.below(3) == 0;
            let is_joined = value.is_empty() || was_encoded && is_encoded;
            if !is_joined {
                value.push(' ');
            }
            wire.extend(if random.below(3) == 0 {
                &b"\r\n "[..]
            } else {
                b" "
            });
            value.push_str(word);
            was_encoded = is_encoded;
            if !is_encoded {
                wire.extend(word.bytes());
            } else if random.below(2) == 0 {
                wire.extend(format!("=?UTF-8?b?{}?=", base64(word.as_bytes())).bytes());
            } else {
                let hex: String = word.bytes().map(|octet| format!("={octet:02X}")).collect();
                wire.extend(format!("=?utf-8?Q?{hex}?=").bytes());
            }
        }
        wire.extend(b"\r\n");
        self.note(of, name, &value);
    }

    fn entity(&mut self, of: Of, depth: usize, random: &mut Random, wire: &mut Vec<u8>) {
        if of != Of::Part || random.below(2) == 0 {
            for name in ["Subject", "From", "X-Words"] {
                if random.below(3) > 0 {
                    self.words(of, name, random, wire);
                }
            }
            if random.below(2) == 0 {
                let day = 1 + random.below(5);
                let value = format!("{day} Jan 2020 23:30:00 -0700");
                self.field(of, "Date", &value, wire);
            }
        }
        match random.below(if depth > 3 { 4 } else { 8 }) {
            0 => {
                self.field(of, "Content-Type", "image/png", wire);
                wire.extend(b"\r\nalpha Beta\r\n--\r\n");
            }
            1..=3 => self.text(of, random, wire),
            4 | 5 if depth > 0 => {
                self.field(of, "Content-Type", "message/rfc822", wire);
                wire.extend(b"\r\n");
                self.entity(Of::Enclosed, depth + 1, random, wire);
            }
            _ => {
                self.boundaries += 1;
                let boundary = format!("=_bound{}", self.boundaries);
                let value = format!("multipart/mixed; boundary=\"{boundary}\"");
                self.field(of, "Content-Type", &value, wire);
                wire.extend(b"\r\nalpha\r\n");
                for _ in 0..random.below(4) {
                    wire.extend(format!("\r\n--{boundary}\r\n").bytes());
                    self.entity(Of::Part, depth + 1, random, wire);
                }
                if random.below(4) > 0 {
                    wire.extend(format!("\r\n--{boundary}--\r\nGAMMA\r\n").bytes());
                }
            }
        }
    }

    fn text(&mut self, of: Of, random: &mut Random, wire: &mut Vec<u8>) {
        let mut text = String::new();
        for _ in 0..random.below(30) {
            text.push_str(WORDS[random.below(WORDS.len())]);
            text.push_str(if random.below(5) == 0 { "\r\n" } else { " " });
        }
        let charsets = [
            encoding_rs::UTF_8,
            encoding_rs::WINDOWS_1252,
            encoding_rs::ISO_2022_JP,
            encoding_rs::SHIFT_JIS,
        ];
        let mut charset = charsets[random.below(charsets.len())];
        if charset.encode(&text).2 {
            charset = encoding_rs::UTF_8;
        }
        let octets = charset.encode(&text).0.into_owned();
        if charset != encoding_rs::UTF_8 || random.below(2) == 0 {
            let value = format!("text/plain; charset={}", charset.name());
            self.field(of, "Content-Type", &value, wire);
        }
        match random.below(3) {
            0 => {
                self.field(of, "Content-Transfer-Encoding", "base64", wire);
                wire.extend(b"\r\n");
                let width = 1 + random.below(76);
                for line in base64(&octets).as_bytes().chunks(width) {
                    wire.extend(line);
                    wire.extend(b"\r\n");
                }
            }
            1 => {
                self.field(of, "Content-Transfer-Encoding", "Quoted-Printable", wire);
                wire.extend(b"\r\n");
                for octet in &octets {
                    if random.below(20) == 0 {
                        wire.extend(b"=\r\n");
                    }
                    match octet {
                        b'\r' | b'\n' => wire.push(*octet),
                        b'a'..=b'z' => wire.push(*octet),
                        _ => wire.extend(format!("={octet:02X}").bytes()),
                    }
                }
            }
            _ => {
                wire.extend(b"\r\n");
                wire.extend(&octets);
            }
        }
        self.texts.push(text);
    }

    fn matches(&self, key: &SearchKey, facts: &Facts, octets: usize) -> bool {
        let field = |wanted: &str, value: &[u8]| {
            let mut fields = self.fields.iter();
            fields.any(|(name, text)| name.eq_ignore_ascii_case(wanted) && holds(text, value))
        };
        let day = || {
            let date = self.fields.iter().find(|(name, _)| name == "Date");
            date.map(|(_, value)| value[..1].parse::<u8>().unwrap())
        };
        match key {
            SearchKey::Seen => facts.is_seen(),
            SearchKey::Larger(size) => octets as u64 > *size,
            SearchKey::SentOn(date) => day() == Some(date.day()),
            SearchKey::SentBefore(date) => day().is_some_and(|day| day < date.day()),
            SearchKey::SentSince(date) => day().is_some_and(|day| day >= date.day()),
            SearchKey::Subject(value) => field("Subject", value),
            SearchKey::From(value) => field("From", value),
            SearchKey::Header { field: name, value } => {
                field(std::str::from_utf8(name).unwrap(), value)
            }
            SearchKey::Body(value) => {
                value.is_empty() || self.texts.iter().any(|text| holds(text, value))
            }
            SearchKey::Text(value) => {
                let fields = self.fields.iter();
                value.is_empty()
                    || fields
                        .map(|(name, text)| format!("{name}: {text}"))
                        .chain(self.mime.iter().cloned())
                        .chain(self.texts.iter().cloned())
                        .any(|text| holds(&text, value))
            }
            SearchKey::Not(key) => !self.matches(key, facts, octets),
            SearchKey::Or(one, two) => {
                self.matches(one, facts, octets) || self.matches(two, facts, octets)
            }
            SearchKey::And(keys) => keys.iter().all(|key| self.matches(key, facts, octets)),
            other => panic!("{other:?}"),
        }
    }
}

fn fold(text: &str) -> String {
    let lower = text.chars().flat_map(char::to_lowercase);
    lower.flat_map(char::to_uppercase).collect()
}

fn holds(text: &str, value: &[u8]) -> bool {
    fold(text).contains(&fold(std::str::from_utf8(value).unwrap()))
}

fn base64(octets: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in octets.chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, at| {
            bits << 8 | usize::from(group.get(at).copied().unwrap_or_default())
        });
        for at in 0..4 {
            let letter = char::from(LETTERS[bits >> (18 - 6 * at) & 63]);
            text.push(if at > group.len() { '=' } else { letter });
        }
    }
    text
}

/// A part of one or two words, in some case.
fn needle(random: &mut Random) -> Vec<u8> {
    let mut text = WORDS[random.below(WORDS.len())].to_string();
    if random.below(2) == 0 {
        text.push(' ');
        text.push_str(WORDS[random.below(WORDS.len())]);
    }
    let chars: Vec<_> = text.chars().collect();
    let start = random.below(chars.len());
    let end = start + random.below(chars.len() - start + 1);
    let part: String = chars[start..end].iter().collect();
    match random.below(3) {
        0 => part.to_uppercase(),
        1 => part.to_lowercase(),
        _ => part,
    }
    .into_bytes()
}

fn key(random: &mut Random, depth: usize) -> SearchKey {
    let needle = needle(random);
    let needle = &*needle;
    let day = date(&format!("{}-Jan-2020", 1 + random.below(5)));
    match random.below(if depth > 4 { 12 } else { 18 }) {
        0 => SearchKey::Seen,
        1 => SearchKey::Larger(random.below(2_000) as u64),
        2 => SearchKey::SentOn(day),
        3 => SearchKey::SentBefore(day),
        4 => SearchKey::SentSince(day),
        5 => SearchKey::Subject(needle.into()),
        6 => SearchKey::From(needle.into()),
        7 => SearchKey::Header {
            field: b"x-words"[..].into(),
            value: needle.into(),
        },
        8 | 9 => SearchKey::Body(needle.into()),
        10 | 11 => SearchKey::Text(needle.into()),
        12 | 13 => not(key(random, depth + 1)),
        14 | 15 => or(key(random, depth + 1), key(random, depth + 1)),
        _ => SearchKey::And((0..3).map(|_| key(random, depth + 1)).collect()),
    }
}

#[test]
fn streamed_messages_match_where_their_texts_do() {
    let mut random = Random::new(9051);
    let mut verdicts = [0; 2];
    for round in 0..600 {
        let mut model = Model::default();
        let mut wire = Vec::new();
        model.entity(Of::Message, 0, &mut random, &mut wire);
        let mut facts = facts();
        facts.octets = (random.below(2) == 0).then_some(wire.len() as u64);
        if random.below(2) == 0 {
            facts.flags.insert(&Flag::Seen);
        }
        for _ in 0..12 {
            let key = key(&mut random, 0);
            let expected = model.matches(&key, &facts, wire.len());
            let query = compile([key.clone()]);
            let mut verdict = query.by_facts(nz(1), &facts);
            if let Verdict::Undecided(_) = verdict {
                let mut matcher = query.matcher(nz(1), &facts);
                let mut rest = &*wire;
                let longest = 1 + random.below(200);
                while !rest.is_empty() {
                    let (piece, behind) = rest.split_at(random.below(longest + 1).min(rest.len()));
                    matcher.feed(piece);
                    rest = behind;
                }
                verdict = if matcher.finish() {
                    Verdict::Yes
                } else {
                    Verdict::No
                };
            }
            let shown = String::from_utf8_lossy(&wire);
            let expected_verdict = if expected { Verdict::Yes } else { Verdict::No };
            assert_eq!(verdict, expected_verdict, "round {round}: {key:?}\n{shown}");
            verdicts[usize::from(expected)] += 1;
        }
    }
    assert!(verdicts.iter().all(|count| *count > 1_500), "{verdicts:?}");
}

/// A message with pieces of it gone, doubled or put elsewhere.
fn damaged(random: &mut Random) -> Vec<u8> {
    let mut wire = Vec::new();
    Model::default().entity(Of::Message, 0, random, &mut wire);
    for _ in 0..random.below(6) {
        let lines: Vec<_> = wire.split_inclusive(|octet| *octet == b'\n').collect();
        let line = lines[random.below(lines.len())].to_vec();
        let at = random.below(wire.len());
        match random.below(4) {
            0 => wire.truncate(at),
            1 => {
                wire.remove(at);
            }
            2 => {
                let octet = b"\r\n -:;=\"x"[random.below(9)];
                wire.insert(at, octet);
            }
            _ => {
                wire.splice(at..at, line);
            }
        }
        if wire.is_empty() {
            wire.extend(b"Subject: alpha\r\n");
        }
    }
    wire
}

/// What BODY looks into, by what FETCH says of the message. `None` where a multipart has no parts:
/// it is one text to FETCH, which SEARCH cannot know in time.
fn texts(wire: &[u8]) -> Option<Vec<String>> {
    let structure = Structure::of(wire);
    let mut texts = Vec::new();
    for entity in structure.entities() {
        if let Some(message) = entity.message() {
            texts.extend(message.fields().map(|field| {
                let name = String::from_utf8_lossy(field.name());
                let value = decode_value(field.raw_value());
                if name.is_empty() {
                    value
                } else {
                    format!("{name}: {value}")
                }
            }));
        }
        let media = entity
            .field("Content-Type")
            .map(|field| field.value().to_ascii_lowercase())
            .unwrap_or_default();
        let is_text = match entity.kind() {
            PartKind::Text if media.starts_with(b"multipart") => {
                return None;
            }
            PartKind::Text => true,
            PartKind::Basic => media.starts_with(b"message"),
            _ => false,
        };
        let (true, Some(encoding)) = (is_text, entity.encoding()) else {
            continue;
        };
        let body = entity.body();
        let at = |offset| usize::try_from(offset).unwrap();
        let body = &wire[at(body.start)..at(body.end)];
        let mut decoder = Decoder::new(encoding);
        let mut octets = Vec::new();
        decoder.feed(body, &mut octets);
        // The line end is the delimiter's, but undoing the encoding it is the text's.
        decoder.feed(b"\r\n", &mut octets);
        decoder.finish(&mut octets);
        let charset = entity
            .charset()
            .and_then(|label| encoding_rs::Encoding::for_label(&label))
            .filter(|charset| *charset != encoding_rs::REPLACEMENT);
        let charset = charset.unwrap_or(encoding_rs::UTF_8);
        texts.push(charset.decode_without_bom_handling(&octets).0.into_owned());
    }
    Some(texts)
}

#[test]
fn damaged_messages_match_in_the_parts_that_fetch_tells_of() {
    let mut random = Random::new(3501);
    let mut found = [0; 2];
    for round in 0..2_000 {
        let wire = damaged(&mut random);
        let Some(texts) = texts(&wire) else {
            continue;
        };
        for _ in 0..4 {
            let needle = needle(&mut random);
            if needle.is_empty() {
                continue;
            }
            let query = compile([SearchKey::Body(needle.as_slice().into())]);
            let mut matcher = query.matcher(nz(1), &facts());
            let mut rest = &*wire;
            let longest = 1 + random.below(100);
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(random.below(longest + 1).min(rest.len()));
                matcher.feed(piece);
                rest = behind;
            }
            let expected = texts.iter().any(|text| holds(text, &needle));
            let shown = String::from_utf8_lossy(&wire);
            let needle = String::from_utf8_lossy(&needle);
            assert_eq!(
                matcher.finish(),
                expected,
                "round {round}: {needle}\n{shown}"
            );
            found[usize::from(expected)] += 1;
        }
    }
    assert!(found.iter().all(|count| *count > 1_000), "{found:?}");
}

#[test]
fn the_first_fields_that_say_what_a_part_is_count() {
    let header = b"Content-Type: image/png\r\nContent-Type: text/plain\r\n\r\nalpha";
    assert_eq!(Fields::new(header).count(), 2);
    assert_eq!(texts(header), Some(Vec::new()));
    let mut matcher = compile([SearchKey::Body(b"alpha"[..].into())]).matcher(nz(1), &facts());
    matcher.feed(header);
    assert!(!matcher.finish());
}
