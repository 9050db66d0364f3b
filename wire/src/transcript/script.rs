//! The text form of a transcript.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::Failure;
use crate::machine::Side;

/// The `@` line: which machine, and how it is set up.
///
/// ```
/// use mailwire_core::transcript::Setting;
/// fn hostname(setting: &Setting) -> &str { setting.value("hostname").unwrap_or("mx.example") }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Setting {
    /// The first word behind `@`.
    pub role: String,
    /// The line of the file, from 1.
    pub line: usize,
    options: Vec<(String, String)>,
}

impl Setting {
    /// The value of an option that was given.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.options
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// All options in order, `merge` left out.
    pub fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.options.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        all.filter(|(name, _)| *name != "merge")
    }
}

pub(super) struct Line {
    pub(super) line: usize,
    pub(super) item: Item,
}

pub(super) enum Item {
    /// The `@` line: the machine is there and is driven for the first time.
    Start,
    Input {
        octets: Vec<u8>,
        whole: bool,
    },
    Expect(Entry),
    Call(String),
    Tls,
    Timeout,
    Eof,
    Truncated,
}

/// What a machine does that a transcript can name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Entry {
    Sent(Vec<u8>),
    Body(Vec<u8>),
    Event(String),
}

impl Entry {
    /// Writes the entry as lines of a transcript of a machine on `side`.
    pub(super) fn write(&self, side: Side, text: &mut String) {
        let us = if side == Side::Server { 'S' } else { 'C' };
        match self {
            Self::Event(event) => text.push_str(&format!("= {event}\n")),
            Self::Body(octets) => text.push_str(&format!("= Body {}\n", escape(octets))),
            Self::Sent(octets) => {
                for line in octets.split_inclusive(|o| *o == b'\n') {
                    let plain = line
                        .strip_suffix(b"\r\n")
                        .and_then(|l| core::str::from_utf8(l).ok());
                    match plain.filter(|l| !l.contains(char::is_control) && !l.ends_with(' ')) {
                        Some("") => text.push_str(&format!("{us}:\n")),
                        Some(line) => text.push_str(&format!("{us}: {line}\n")),
                        None => text.push_str(&format!("{us}+ {}\n", escape(line))),
                    }
                }
            }
        }
    }
}

/// Joins neighbours that only the cutting has parted.
pub(super) fn join(entries: &[Entry]) -> Vec<Entry> {
    let mut joined: Vec<Entry> = Vec::new();
    for entry in entries {
        match (joined.last_mut(), entry) {
            (Some(Entry::Sent(all)), Entry::Sent(more))
            | (Some(Entry::Body(all)), Entry::Body(more)) => all.extend_from_slice(more),
            _ => joined.push(entry.clone()),
        }
    }
    joined
}

pub(super) fn parse(text: &str) -> Result<(Setting, Vec<Line>), Failure> {
    let mut setting: Option<Setting> = None;
    let mut script = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(n, l)| (n + 1, l)) {
        let failed = |what: &str| Failure {
            line: number,
            replay: "not at all",
            what: what.to_owned(),
        };
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (mark, rest) = line.split_at_checked(2).unwrap_or((line, ""));
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        if mark == "@ " {
            if setting.is_some() {
                return Err(failed("a second @ line"));
            }
            setting = Some(parse_setting(rest, number).ok_or_else(|| failed("@ ROLE name=value"))?);
            script.push(Line {
                line: number,
                item: Item::Start,
            });
            continue;
        }
        let Some(setting) = &setting else {
            return Err(failed("the @ line comes first"));
        };
        let peer = if setting.role.ends_with("client") {
            'S'
        } else {
            'C'
        };
        let item = match mark {
            "C:" | "S:" => said(
                mark.starts_with(peer),
                [rest.as_bytes(), b"\r\n"].concat(),
                false,
            ),
            "C+" | "S+" => {
                let octets = unescape(rest).ok_or_else(|| failed("an escape that nobody knows"))?;
                said(mark.starts_with(peer), octets, true)
            }
            "= " => match rest.strip_prefix("Body ") {
                Some(body) => {
                    let octets =
                        unescape(body).ok_or_else(|| failed("an escape that nobody knows"))?;
                    Item::Expect(Entry::Body(octets))
                }
                None => Item::Expect(Entry::Event(rest.to_string())),
            },
            "> " => Item::Call(rest.to_string()),
            "T:" => Item::Tls,
            "~ " => match rest {
                "timeout" => Item::Timeout,
                "eof" => Item::Eof,
                "truncated" => Item::Truncated,
                _ => return Err(failed("~ timeout, eof or truncated")),
            },
            _ => {
                return Err(failed(
                    "a line that begins with none of # @ C: S: C+ S+ = > T: ~",
                ));
            }
        };
        script.push(Line { line: number, item });
    }
    let missing = Failure {
        line: 1,
        replay: "not at all",
        what: "no @ line".to_owned(),
    };
    Ok((setting.ok_or(missing)?, script))
}

const fn said(by_peer: bool, octets: Vec<u8>, whole: bool) -> Item {
    if by_peer {
        Item::Input { octets, whole }
    } else {
        Item::Expect(Entry::Sent(octets))
    }
}

fn parse_setting(rest: &str, line: usize) -> Option<Setting> {
    let mut words = rest.split(' ').filter(|w| !w.is_empty());
    let role = words.next()?.to_owned();
    let options = words.map(|word| {
        let (name, value) = word.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    Some(Setting {
        role,
        line,
        options: options.collect::<Option<_>>()?,
    })
}

fn escape(octets: &[u8]) -> String {
    let mut text = String::new();
    for octet in octets {
        match octet {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            0 => text.push_str("\\0"),
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(*octet)),
            _ => text.push_str(&format!("\\x{octet:02x}")),
        }
    }
    text
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        rest = rest.strip_prefix(next)?;
        if next != '\\' {
            octets.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let escape = rest.chars().next()?;
        rest = rest.strip_prefix(escape)?;
        match escape {
            'r' => octets.push(b'\r'),
            'n' => octets.push(b'\n'),
            't' => octets.push(b'\t'),
            '0' => octets.push(0),
            '\\' => octets.push(b'\\'),
            'x' => {
                let (digits, behind) = rest.split_at_checked(2)?;
                octets.push(u8::from_str_radix(digits, 16).ok()?);
                rest = behind;
            }
            '{' => {
                let (repeat, behind) = rest.split_once('}')?;
                let (what, times) = repeat.rsplit_once('*')?;
                octets.extend_from_slice(&unescape(what)?.repeat(times.parse().ok()?));
                rest = behind;
            }
            _ => return None,
        }
    }
    Some(octets)
}
