//! Responses and commands as servers and clients write them, from a fixed seed.

use crate::corpus::{Dice, Stream, domain};

/// What a FETCH response holds.
#[derive(Clone, Copy)]
pub struct Items {
    pub numbers: bool,
    pub envelope: bool,
    pub structure: bool,
}

impl Items {
    pub const FULL: Self = Self {
        numbers: true,
        envelope: true,
        structure: true,
    };
    pub const FLAGS: Self = Self {
        numbers: false,
        envelope: false,
        structure: false,
    };
}

/// FETCH responses with FLAGS and UID, and `what` besides.
pub fn fetches(items: usize, what: Items) -> Stream {
    let mut dice = Dice::new(0xfe7c);
    let mut number = 0;
    Stream::of(items, move || {
        number += 1;
        let mut line = format!(
            "* {number} FETCH (UID {} FLAGS {}",
            number * 7,
            flags(&mut dice)
        );
        if what.numbers {
            let date = date(&mut dice);
            line += &format!(
                " INTERNALDATE {date} RFC822.SIZE {}",
                900 + dice.below(90_000)
            );
        }
        if what.envelope {
            line += &format!(" ENVELOPE {}", envelope(&mut dice));
        }
        if what.structure {
            line += &format!(" BODYSTRUCTURE {}", structure(&mut dice));
        }
        line + ")\r\n"
    })
}

/// FETCH responses with a body of so many octets.
pub fn bodies(items: usize, octets: usize) -> Stream {
    let mut dice = Dice::new(0xb0d1);
    let mut body = String::with_capacity(octets);
    while body.len() + 2 < octets {
        body += &dice.word(1, 9);
        body += if dice.percent(10) { "\r\n" } else { " " };
    }
    body += &" ".repeat(octets - body.len());
    let mut number = 0;
    Stream::of(items, move || {
        number += 1;
        let uid = number * 7;
        format!("* {number} FETCH (UID {uid} FLAGS (\\Seen) BODY[] {{{octets}}}\r\n{body})\r\n")
    })
}

/// One response of each kind, by name.
pub const KINDS: [&str; 9] = [
    "tagged OK",
    "untagged OK",
    "CAPABILITY",
    "LIST",
    "STATUS",
    "SEARCH, 33 numbers",
    "FLAGS",
    "EXISTS",
    "EXPUNGE",
];

pub fn kind(items: usize, kind: &'static str) -> Stream {
    let mut dice = Dice::new(0x41d5);
    Stream::of(items, move || simple(kind, &mut dice))
}

fn simple(kind: &str, dice: &mut Dice) -> String {
    match kind {
        "tagged OK" => format!(
            "a{} OK {} completed ({}.{:03} secs).\r\n",
            1 + dice.below(9999),
            dice.one_of(&["Fetch", "Select", "Noop"]),
            dice.below(9),
            dice.below(1000)
        ),
        "untagged OK" => format!(
            "* OK [{} {}] {}\r\n",
            dice.one_of(&["UIDVALIDITY", "UIDNEXT"]),
            1 + dice.below(99_999),
            dice.word(4, 12)
        ),
        "CAPABILITY" => format!(
            "* CAPABILITY IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE SORT THREAD=REFERENCES \
            MULTIAPPEND UNSELECT CHILDREN NAMESPACE UIDPLUS ESEARCH X{}\r\n",
            dice.word(3, 8).to_uppercase()
        ),
        "LIST" => format!(
            "* LIST ({}) \"/\" {}\r\n",
            dice.one_of(&[
                "\\HasNoChildren",
                "\\HasChildren",
                "\\HasNoChildren \\Marked",
                ""
            ]),
            mailbox(dice)
        ),
        "STATUS" => format!(
            "* STATUS {} (MESSAGES {} RECENT {} UIDNEXT {} UIDVALIDITY {} UNSEEN {})\r\n",
            mailbox(dice),
            dice.below(9999),
            dice.below(9),
            1 + dice.below(99_999),
            1 + dice.below(99_999),
            dice.below(999)
        ),
        "SEARCH, 33 numbers" => {
            let numbers: Vec<_> = (0..33)
                .map(|_| (1 + dice.below(9999)).to_string())
                .collect();
            format!("* SEARCH {}\r\n", numbers.join(" "))
        }
        "FLAGS" => format!(
            "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft {})\r\n",
            dice.word(4, 12)
        ),
        "EXISTS" => format!("* {} EXISTS\r\n", dice.below(99_999)),
        "EXPUNGE" => format!("* {} EXPUNGE\r\n", 1 + dice.below(99_999)),
        _ => unreachable!("a kind of the table"),
    }
}

/// The commands that there are a row for, by name.
pub const COMMANDS: [&str; 9] = [
    "LOGIN",
    "SELECT",
    "UID FETCH with sections",
    "UID STORE",
    "UID SEARCH, nested",
    "LIST",
    "STATUS",
    "NOOP",
    "APPEND of 2 KiB",
];

pub fn command(items: usize, name: &'static str) -> Stream {
    let mut dice = Dice::new(0xc033);
    Stream::of(items, move || one(name, &mut dice))
}

/// Commands of a session in a mixture, SEARCH and APPEND among them.
pub fn session(items: usize) -> Stream {
    let mut dice = Dice::new(0x5e55);
    let mut idle = false;
    Stream::of(items, move || {
        if std::mem::take(&mut idle) {
            return "DONE\r\n".into();
        }
        match dice.below(100) {
            0..5 => one("LOGIN", &mut dice),
            5..15 => one("SELECT", &mut dice),
            15..40 => one("UID FETCH with sections", &mut dice),
            40..58 => one("UID STORE", &mut dice),
            58..66 => one("UID SEARCH, nested", &mut dice),
            66..70 => one("APPEND of 2 KiB", &mut dice),
            70..78 => one("LIST", &mut dice),
            78..88 => one("STATUS", &mut dice),
            88..94 => one("NOOP", &mut dice),
            _ => {
                idle = true;
                format!("a{} IDLE\r\n", dice.below(9999))
            }
        }
    })
}

fn one(name: &str, dice: &mut Dice) -> String {
    let tag = format!("a{}", 1 + dice.below(9999));
    match name {
        "LOGIN" => format!(
            "{tag} LOGIN \"{}@{}\" \"{} \\\"{}\\\"\"\r\n",
            dice.word(4, 10),
            domain(dice),
            dice.word(4, 9),
            dice.word(4, 9)
        ),
        "SELECT" => format!("{tag} SELECT {}\r\n", mailbox(dice)),
        "UID FETCH with sections" => format!(
            "{tag} UID FETCH {} (UID FLAGS \
            BODY.PEEK[HEADER.FIELDS (DATE FROM SUBJECT)]{})\r\n",
            set(dice),
            dice.one_of(&["", " BODY.PEEK[1.2]<0.2048>", " RFC822.SIZE INTERNALDATE"])
        ),
        "UID STORE" => format!(
            "{tag} UID STORE {} +FLAGS.SILENT (\\Seen {})\r\n",
            set(dice),
            dice.one_of(&["\\Deleted", "\\Answered $Forwarded", "$Junk"])
        ),
        "UID SEARCH, nested" => format!(
            "{tag} UID SEARCH OR (FROM \"{}\" UNSEEN) (NOT SUBJECT {} SINCE {}-Feb-2024) \
            UID {}\r\n",
            dice.word(4, 9),
            dice.word(4, 9),
            1 + dice.below(28),
            set(dice)
        ),
        "LIST" => format!(
            "{tag} LIST \"\" {}\r\n",
            dice.one_of(&["*", "%", "\"*\"", "Archive/%"])
        ),
        "STATUS" => format!(
            "{tag} STATUS {} (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)\r\n",
            mailbox(dice)
        ),
        "NOOP" => format!("{tag} NOOP\r\n"),
        "APPEND of 2 KiB" => {
            let body = format!(
                "Subject: {}\r\n\r\n{}",
                dice.word(8, 8),
                "some text of a line\r\n".repeat(97)
            );
            format!(
                "{tag} APPEND {} (\\Seen) {} {{{}+}}\r\n{body}\r\n",
                mailbox(dice),
                date(dice),
                body.len()
            )
        }
        _ => unreachable!("a command of the table"),
    }
}

/// A UID SEARCH of about so many octets.
pub fn long_search(octets: usize) -> Vec<u8> {
    let mut dice = Dice::new(0x10f6);
    let mut line = String::from("a1 UID SEARCH UNSEEN");
    while line.len() < octets {
        line += &format!(" NOT FROM \"{}\"", dice.word(12, 12));
    }
    (line + "\r\n").into_bytes()
}

fn flags(dice: &mut Dice) -> &'static str {
    dice.one_of(&[
        "(\\Seen)",
        "()",
        "(\\Seen \\Answered)",
        "(\\Flagged \\Seen $Forwarded)",
    ])
}

fn date(dice: &mut Dice) -> String {
    let month = dice.one_of(&["Jan", "Feb", "Apr", "Jul", "Oct", "Dec"]);
    format!(
        "\"{:02}-{month}-20{:02} {:02}:{:02}:{:02} +0{}00\"",
        1 + dice.below(28),
        10 + dice.below(15),
        dice.below(24),
        dice.below(60),
        dice.below(60),
        dice.below(10)
    )
}

fn set(dice: &mut Dice) -> String {
    let first = 1 + dice.below(5000);
    match dice.below(3) {
        0 => format!("{first}:{}", first + dice.below(500)),
        1 => format!("{first},{},{}:*", first + 7, first + 20),
        _ => first.to_string(),
    }
}

fn mailbox(dice: &mut Dice) -> String {
    match dice.below(4) {
        0 => "INBOX".into(),
        1 => format!("Archive/{}", dice.word(4, 10)),
        2 => format!("\"{} {}\"", dice.word(3, 8), dice.word(3, 8)),
        _ => dice.word(4, 12),
    }
}

fn words(dice: &mut Dice, count: usize) -> String {
    let words: Vec<_> = (0..count).map(|_| dice.word(2, 9)).collect();
    words.join(" ")
}

fn address(dice: &mut Dice) -> String {
    let name = match dice.below(4) {
        0 => "NIL".into(),
        // Names with quotes in them are what escapes are for.
        1 if dice.percent(30) => format!(
            "\"{} \\\"{}\\\" {}\"",
            dice.word(4, 8),
            dice.word(3, 6),
            dice.word(4, 9)
        ),
        _ => format!("\"{} {}\"", dice.word(4, 8), dice.word(5, 10)),
    };
    format!("({name} NIL \"{}\" \"{}\")", dice.word(4, 10), domain(dice))
}

fn addresses(dice: &mut Dice, most: usize) -> String {
    let all: String = (0..1 + dice.below(most)).map(|_| address(dice)).collect();
    format!("({all})")
}

fn envelope(dice: &mut Dice) -> String {
    let from = addresses(dice, 1);
    let subject = if dice.percent(5) {
        format!("{} \\\"{}\\\"", words(dice, 3), words(dice, 2))
    } else {
        words(dice, 7)
    };
    let to = addresses(dice, 3);
    let cc = if dice.percent(30) {
        addresses(dice, 2)
    } else {
        "NIL".into()
    };
    let in_reply_to = if dice.percent(50) {
        format!("\"<{}@{}>\"", dice.word(16, 30), domain(dice))
    } else {
        "NIL".into()
    };
    format!(
        "(\"Mon, {:02} Feb 2024 {:02}:{:02}:{:02} +0100\" \"{subject}\" {from} {from} {from} {to} {cc} NIL \
        {in_reply_to} \"<{}@{}>\")",
        1 + dice.below(28),
        dice.below(24),
        dice.below(60),
        dice.below(60),
        dice.word(16, 30),
        domain(dice)
    )
}

fn text(dice: &mut Dice, subtype: &str) -> String {
    format!(
        "(\"text\" \"{subtype}\" (\"charset\" \"utf-8\") NIL NIL \"{}\" {} {} NIL NIL NIL NIL)",
        dice.one_of(&["7bit", "quoted-printable", "base64"]),
        200 + dice.below(9000),
        5 + dice.below(300)
    )
}

fn structure(dice: &mut Dice) -> String {
    let boundary = dice.word(20, 30);
    let alternative = |dice: &mut Dice| {
        format!(
            "({}{} \"alternative\" (\"boundary\" \"{boundary}\") NIL NIL NIL)",
            text(dice, "plain"),
            text(dice, "html")
        )
    };
    match dice.below(3) {
        0 => text(dice, "plain"),
        1 => alternative(dice),
        _ => {
            let (name, octets) = (dice.word(4, 12), 5000 + dice.below(500_000));
            let inner = alternative(dice);
            format!(
                "({inner}(\"application\" \"pdf\" (\"name\" \"{name}.pdf\") NIL NIL \"base64\" {octets} NIL \
                (\"attachment\" (\"filename\" \"{name}.pdf\")) NIL NIL) \"mixed\" (\"boundary\" \"x{boundary}\") NIL NIL NIL)"
            )
        }
    }
}
