//! What is measured, made here from a fixed seed, so that every run measures the same octets.

/// A small generator of pseudo-random numbers (xorshift): corpora need variety, not secrecy.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    pub fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// True `percent` times in a hundred.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn word(&mut self, shortest: usize, longest: usize) -> String {
        let len = shortest + self.below(longest - shortest + 1);
        (0..len)
            .map(|_| char::from(b'a' + self.below(26) as u8))
            .collect()
    }
}

/// A body of whole lines, before dot-stuffing.
pub struct Body {
    pub name: &'static str,
    pub text: Vec<u8>,
    /// The same on the wire: dots doubled, ended.
    pub wire: Vec<u8>,
}

impl Body {
    fn new(name: &'static str, text: Vec<u8>) -> Self {
        let wire = stuffed(&text);
        Self { name, text, wire }
    }

    /// Lines of words, two in a hundred with a dot in front.
    pub fn prose(name: &'static str, octets: usize) -> Self {
        let mut dice = Dice::new(0x5eed);
        let mut text = Vec::new();
        while text.len() < octets {
            if dice.percent(2) {
                text.push(b'.');
            }
            let end = text.len() + 40 + dice.below(36);
            while text.len() < end {
                text.extend(dice.word(1, 11).bytes());
                text.push(b' ');
            }
            text.extend(b"\r\n");
        }
        Self::new(name, text)
    }

    /// Lines of 76 octets as RFC 2045 §6.8 has them.
    pub fn base64(name: &'static str, octets: usize) -> Self {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut dice = Dice::new(0xba5e);
        let mut text = Vec::new();
        while text.len() < octets {
            text.extend((0..76).map(|_| dice.one_of(ALPHABET)));
            text.extend(b"\r\n");
        }
        Self::new(name, text)
    }

    /// Every line begins with a dot.
    pub fn dots(name: &'static str, octets: usize) -> Self {
        let mut dice = Dice::new(0xd075);
        let mut text = Vec::new();
        while text.len() < octets {
            text.push(b'.');
            text.extend(dice.word(40, 76).bytes());
            text.extend(b"\r\n");
        }
        Self::new(name, text)
    }
}

/// RFC 5321 §4.5.2, one line at a time.
fn stuffed(text: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(text.len() + text.len() / 40);
    for line in text.split_inclusive(|&octet| octet == b'\n') {
        if line.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend(line);
    }
    wire.extend(b".\r\n");
    wire
}

/// Items one behind another, as they stand in a pipelined stream.
pub struct Stream {
    pub octets: Vec<u8>,
    pub items: usize,
    /// Where each item ends.
    pub ends: Vec<usize>,
}

impl Stream {
    pub fn of(items: usize, mut item: impl FnMut() -> String) -> Self {
        let (mut octets, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..items {
            octets.extend(item().bytes());
            ends.push(octets.len());
        }
        Self {
            octets,
            items,
            ends,
        }
    }

    /// The items, each alone.
    pub fn each(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = 0;
        self.ends.iter().map(move |&end| {
            let item = &self.octets[from..end];
            from = end;
            item
        })
    }

    /// MAIL, RCPT and DATA as clients pipeline them, with the parameters of RFC 1870, 3461 and 6152.
    /// Of a hundred, `dsn` ask for delivery reports.
    pub fn commands(items: usize, dsn: usize) -> Self {
        let mut dice = Dice::new(0xc0de);
        let mut rcpts = 0;
        Self::of(items, move || {
            if rcpts == 0 {
                rcpts = 2 + dice.below(4);
                let mut line = format!("MAIL FROM:<{}>", address(&mut dice));
                if dice.percent(60) {
                    line += &format!(" SIZE={}", 500 + dice.below(5_000_000));
                }
                if dice.percent(40) {
                    line += dice.one_of(&[" BODY=8BITMIME", " BODY=7BIT"]);
                }
                if dice.percent(dsn) {
                    line += &format!(
                        " RET={} ENVID={}",
                        dice.one_of(&["HDRS", "FULL"]),
                        dice.word(6, 12)
                    );
                }
                return line + "\r\n";
            }
            rcpts -= 1;
            if rcpts == 0 {
                return "DATA\r\n".into();
            }
            let to = address(&mut dice);
            let mut line = format!("RCPT TO:<{to}>");
            if dice.percent(dsn) {
                line += dice.one_of(&[
                    " NOTIFY=NEVER",
                    " NOTIFY=SUCCESS,FAILURE",
                    " NOTIFY=FAILURE,DELAY",
                ]);
                line += &format!(" ORCPT=rfc822;{}", to.replace('+', "+2B"));
            }
            line + "\r\n"
        })
    }

    /// What servers answer to them, one line in five with two more lines in front.
    pub fn replies(items: usize) -> Self {
        let mut dice = Dice::new(0x4e9);
        Self::of(items, move || {
            let (code, enhanced, text) = dice.one_of(&[
                ("250", "2.1.0", "sender ok"),
                ("250", "2.1.5", "recipient ok"),
                ("354", "", "end data with <CR><LF>.<CR><LF>"),
                ("250", "2.0.0", "queued"),
                ("450", "4.2.1", "mailbox temporarily unavailable"),
                ("550", "5.1.1", "no such user here"),
                ("221", "2.0.0", "bye"),
            ]);
            let mut reply = String::new();
            if dice.percent(20) {
                for _ in 0..2 {
                    reply += &format!("{code}-{enhanced} {}\r\n", dice.word(12, 40));
                }
            }
            reply + &format!("{code} {enhanced} {text} {}\r\n", dice.word(4, 16))
        })
    }

    /// EHLO replies of twelve lines.
    pub fn ehlo(items: usize) -> Self {
        let mut dice = Dice::new(0xe410);
        Self::of(items, move || {
            let mut lines = vec![
                format!("{} greets you", domain(&mut dice)),
                "PIPELINING".into(),
                format!("SIZE {}", 1_000_000 + dice.below(100_000_000)),
                "VRFY".into(),
                "ETRN".into(),
                dice.one_of(&[
                    "AUTH PLAIN LOGIN",
                    "AUTH PLAIN LOGIN SCRAM-SHA-256",
                    "AUTH PLAIN",
                ])
                .into(),
                "ENHANCEDSTATUSCODES".into(),
                "8BITMIME".into(),
                "DSN".into(),
                "SMTPUTF8".into(),
                "CHUNKING".into(),
                "STARTTLS".into(),
            ];
            let turn = dice.below(lines.len() - 1);
            lines[1..].rotate_left(turn);
            let last = lines.len() - 1;
            lines
                .iter()
                .enumerate()
                .map(|(at, line)| format!("250{}{line}\r\n", if at == last { ' ' } else { '-' }))
                .collect()
        })
    }
}

pub fn address(dice: &mut Dice) -> String {
    let local = match dice.below(3) {
        0 => dice.word(3, 9),
        1 => format!("{}.{}", dice.word(3, 7), dice.word(4, 9)),
        _ => format!("{}+{}", dice.word(3, 7), dice.word(2, 6)),
    };
    format!("{local}@{}", domain(dice))
}

pub fn domain(dice: &mut Dice) -> String {
    let name = dice.word(4, 10);
    match dice.below(3) {
        0 => format!("mail.{name}.example"),
        _ => format!("{name}.{}", dice.one_of(&["example", "test", "invalid"])),
    }
}
