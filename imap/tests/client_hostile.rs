//! Servers that say anything but what they should, while a session is opened that must turn to TLS,
//! and while one is under way.
//!
//! The dialogues are valid ones that were taken apart: lines are left out, doubled, moved, cut short
//! and put in from other dialogues. Somebody in the middle can do no more than that before the
//! handshake.

use bytes::{Bytes, BytesMut};
use mailwire_core::{
    base64,
    machine::{Eof, Machine, Step, Upgrade},
    sasl::Nonce,
};
use mailwire_imap::{
    ClearText, Client, Open,
    client::{self, Misuse},
    command::Command,
    open::{Config, Error, Event, Login},
};

use crate::transcripts_client::tls;

const USER: &str = "canary-user-5fd1";
const PASSWORD: &str = "canary-password-93b7";

/// Dialogues from the greeting to the login, as the server speaks them.
const DIALOGUES: [&[&str]; 9] = [
    &[
        "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n",
        "A1 OK begin\r\n",
        "* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=LOGIN\r\n",
        "A2 OK done\r\n",
        "A3 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n",
    ],
    &[
        "* OK ready\r\n",
        "* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN\r\n",
        "A1 OK done\r\n",
        "A2 OK begin\r\n",
        "* CAPABILITY IMAP4rev1 AUTH=PLAIN LITERAL+\r\n",
        "A3 OK done\r\n",
        "+ \r\n",
        "A4 OK in\r\n",
        "* CAPABILITY IMAP4rev1 ID\r\n",
        "A5 OK done\r\n",
    ],
    // The command LOGIN.
    &[
        "* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n",
        "A1 OK begin\r\n",
        "* CAPABILITY IMAP4rev1\r\n",
        "A2 OK done\r\n",
        "A3 OK [CAPABILITY IMAP4rev1] in\r\n",
    ],
    // LOGIN, step by step.
    &[
        "* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=LOGIN] ready\r\n",
        "A1 OK begin\r\n",
        "* CAPABILITY IMAP4rev1 AUTH=LOGIN\r\n",
        "A2 OK done\r\n",
        "+ VXNlcm5hbWU6\r\n",
        "+ UGFzc3dvcmQ6\r\n",
        "A3 OK [CAPABILITY IMAP4rev1] in\r\n",
    ],
    // No STARTTLS is offered.
    &[
        "* OK ready\r\n",
        "* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\n",
        "A1 OK done\r\n",
        "A2 OK in\r\n",
    ],
    // STARTTLS is refused.
    &[
        "* OK [CAPABILITY IMAP4rev1 STARTTLS SASL-IR AUTH=PLAIN] ready\r\n",
        "A1 NO [UNAVAILABLE] not now\r\n",
        "A2 OK in\r\n",
    ],
    // PREAUTH.
    &[
        "* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome\r\n",
        "* 3 EXISTS\r\n",
        "A1 OK done\r\n",
    ],
    // SCRAM, with a first message whose nonce is not ours.
    &[
        "* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n",
        "A1 OK begin\r\n",
        "* CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256 AUTH=PLAIN\r\n",
        "A2 OK done\r\n",
        "+ cj1hYmMscz1RU1hDUitRNnNlazhiZjkyLGk9NDA5Ng==\r\n",
        "+ dj1hYmM=\r\n",
        "A3 OK in\r\n",
    ],
    // Lines that belong nowhere.
    &[
        "* BYE [UNAVAILABLE] busy\r\n",
        "* NO no\r\n",
        "* BAD bad\r\n",
        "A1 BAD what?\r\n",
        "A2 NO no\r\n",
        "A3 NO [AUTHENTICATIONFAILED] no\r\n",
        "A4 OK\r\n",
        "XYZ OK ready\r\n",
        "+ go\r\n",
        "+\r\n",
        "+ !\r\n",
        "* OK [ALERT] shown\r\n",
        "* OK [CAPABILITY AUTH=PLAIN] x\r\n",
        "* LIST () \"/\" INBOX\r\n",
        "* 1 FETCH (BODY[] {5}\r\nhello)\r\n",
        "* 1 FETCH (BODY[] {500000}\r\n",
        "* LIST () \"/\" {3}\r\n",
        "* OK",
        "* OK\n",
        "\r\n",
        "\0\r\n",
        "+OK ready\r\n",
        "220 mx ESMTP\r\n",
        "\x16\x03\x01\x00\x05",
        "A1 OK begin\r",
        "* ENABLED IMAP4rev2\r\n",
    ],
];

/// A session behind the login, as the server speaks it.
const SESSION: [&str; 18] = [
    "* PREAUTH [CAPABILITY IMAP4rev1 LITERAL- IDLE] ready\r\n",
    "* 3 EXISTS\r\n",
    "* OK [UIDVALIDITY 7] valid\r\n",
    "A1 OK [READ-WRITE] selected\r\n",
    "* 1 FETCH (UID 4 FLAGS (\\Seen) BODY[] {20}\r\nSubject: x\r\n\r\nhello\r\n)\r\n",
    "* 2 FETCH (BODY[] {3}\r\nabc BODY[1] {30}\r\n123456789012345678901234567890 UID 5)\r\n",
    "A2 OK done\r\n",
    "* SEARCH 1 2 3\r\n",
    "A3 OK done\r\n",
    "+ go ahead\r\n",
    "A4 OK [APPENDUID 7 9] done\r\n",
    "+ idling\r\n",
    "* 4 EXISTS\r\n",
    "* 2 EXPUNGE\r\n",
    "A5 OK done\r\n",
    "A6 NO [NONEXISTENT] no\r\n",
    "* BYE bye\r\n",
    "A7 OK done\r\n",
];

/// A small generator, the same on every machine.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 40).unwrap() % bound
    }
}

fn mutate(script: &mut Vec<Vec<u8>>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(script.len() + 1);
        if at == script.len() {
            script.push(foreign(random));
            continue;
        }
        match random.below(7) {
            0 => drop(script.remove(at)),
            1 => script.insert(at, script[at].clone()),
            2 => {
                let other = random.below(script.len());
                script.swap(at, other);
            }
            3 => {
                let keep = random.below(script[at].len() + 1);
                script[at].truncate(keep);
            }
            4 => script.truncate(at),
            5 => script.insert(at, foreign(random)),
            _ => {
                let line = foreign(random);
                let (cut, from) = (random.below(script[at].len() + 1), random.below(line.len()));
                script[at].truncate(cut);
                script[at].extend_from_slice(&line[from..]);
            }
        }
    }
}

fn foreign(random: &mut Random) -> Vec<u8> {
    let dialogue = match random.below(DIALOGUES.len() + 1) {
        at if at < DIALOGUES.len() => DIALOGUES[at],
        _ => &SESSION,
    };
    dialogue[random.below(dialogue.len())].into()
}

/// How a session that was to be opened ended.
#[derive(Debug)]
enum End {
    Refused(Error),
    /// The handshake was asked for and somebody in the middle cannot make it.
    NoHandshake,
    Ready,
    /// SCRAM went as far as the derivation, which would take milliseconds.
    Deriving,
}

struct Opening {
    open: Open,
    input: BytesMut,
    in_clear: Vec<u8>,
    in_tls: Vec<u8>,
    secured: bool,
    steps: usize,
}

impl Opening {
    fn new(config: Config) -> Self {
        Self {
            open: Open::new(config),
            input: BytesMut::new(),
            in_clear: Vec::new(),
            in_tls: Vec::new(),
            secured: false,
            steps: 0,
        }
    }

    /// Steps until there is nothing to do with the input, or the end has come.
    fn run(&mut self, handshakes: bool) -> Option<End> {
        loop {
            self.steps += 1;
            assert!(self.steps < 1000, "it steps without end");
            match self.open.step(&mut self.input) {
                Step::Transmit(octets) if self.secured => self.in_tls.extend_from_slice(&octets),
                Step::Transmit(octets) => self.in_clear.extend_from_slice(&octets),
                Step::Event(Event::Ready(_)) => return Some(End::Ready),
                Step::Event(Event::NeedDerivation(_)) => return Some(End::Deriving),
                Step::Event(_) => {}
                Step::NeedInput => return None,
                Step::StartTls => {
                    assert!(!self.secured, "a second handshake");
                    assert!(self.input.is_empty(), "octets in clear stand behind the OK");
                    if !handshakes {
                        return Some(End::NoHandshake);
                    }
                    self.secured = true;
                    self.open.tls_started(tls());
                }
                Step::Close(Err(error)) => return Some(End::Refused(error)),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Plays a script, in pieces of a line or of any size or all at once, and then an end of the
    /// connection or a server that says nothing more.
    fn play(&mut self, script: &[Vec<u8>], random: &mut Random) -> End {
        let handshakes = random.below(2) == 0;
        let whole = script.concat();
        let mut rest = &whole[..];
        let (pace, mut lines) = (random.below(6), script.iter());
        loop {
            if let Some(end) = self.run(handshakes) {
                return end;
            }
            if rest.is_empty() {
                break;
            }
            let size = match pace {
                0 => rest.len(),
                1 => 1 + random.below(rest.len().min(40)),
                _ => lines.next().map_or(rest.len(), Vec::len),
            };
            let (piece, left) = rest.split_at(size);
            self.input.extend_from_slice(piece);
            rest = left;
        }
        match random.below(3) {
            0 => self.open.handle_timeout(),
            1 => self.open.handle_eof(Eof::Clean),
            _ => self.open.handle_eof(Eof::Truncated),
        }
        let Some(end) = self.run(handshakes) else {
            panic!("no end, and nothing more will come")
        };
        end
    }
}

fn contains(octets: &[u8], what: &[u8]) -> bool {
    octets.windows(what.len()).any(|window| window == what)
}

/// What must not be seen: user and password as they are, and in base64 wherever they stand.
fn canaries() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for secret in [USER, PASSWORD] {
        all.push(secret.as_bytes().to_vec());
        for shift in 0..3 {
            let coded = base64::encode(&[&[0; 2][..shift], secret.as_bytes()].concat());
            // The first and the last group depend on the neighbours.
            all.push(coded.as_bytes()[4..coded.len() - 4].to_vec());
        }
    }
    all
}

fn config(clear_text: ClearText) -> Config {
    let login = Login::new(USER, PASSWORD, Nonce::from_random(&[7; 24])).unwrap();
    let mut config = Config::new(Upgrade::Required);
    config.client.clear_text = clear_text;
    config.with_login(login)
}

/// How many scripts are played: 100,000, or what `MAILWIRE_HOSTILE_SCRIPTS` says.
fn scripts() -> u64 {
    let wanted = std::env::var("MAILWIRE_HOSTILE_SCRIPTS");
    wanted.map_or(100_000, |number| number.parse().unwrap())
}

#[test]
fn starttls_38_a_hundred_thousand_mutated_scripts_see_no_credential_in_clear() {
    let canaries = canaries();
    let (mut ready, mut refused, mut no_handshake, mut seen_in_tls) = (0, 0, 0, 0);
    for seed in 0..scripts() {
        let mut random = Random::new(seed + 1);
        random.below(1);
        let dialogue = DIALOGUES[random.below(DIALOGUES.len() - 1)];
        let mut script: Vec<Vec<u8>> = dialogue.iter().map(|line| (*line).into()).collect();
        mutate(&mut script, &mut random);
        // That a credential may pass in clear does not weaken that TLS is required.
        let clear_text = [ClearText::Forbidden, ClearText::Permitted][random.below(2)];
        let mut session = Opening::new(config(clear_text));
        let end = session.play(&script, &mut random);

        let clear = &session.in_clear;
        let leaked = canaries.iter().any(|canary| contains(clear, canary))
            || [&b"AUTH"[..], b"LOGIN", b"SELECT", b"APPEND"]
                .iter()
                .any(|word| contains(clear, word));
        assert!(
            !leaked,
            "seed {seed}: {:?}",
            clear.escape_ascii().to_string()
        );
        match end {
            End::Ready => {
                assert!(session.secured, "seed {seed} opened a session in clear");
                ready += 1;
            }
            End::Refused(error) => {
                let ours = matches!(error, Error::Misuse(_));
                assert!(!ours, "seed {seed}: {error:?}");
                refused += 1;
            }
            End::NoHandshake => no_handshake += 1,
            End::Deriving => assert!(session.secured, "seed {seed}"),
        }
        let seen = |canary: &Vec<u8>| contains(&session.in_tls, canary);
        seen_in_tls += u64::from(canaries.iter().any(seen));
    }
    // The scripts are not so broken that nothing ever happens, and the canary can be seen.
    let share = scripts() / 100;
    assert!(refused > 20 * share, "{refused}");
    assert!(no_handshake > 5 * share, "{no_handshake}");
    assert!(ready > share, "{ready}");
    assert!(seen_in_tls > share, "{seen_in_tls}");
}

#[test]
fn starttls_36_no_stage_of_opening_shows_a_credential() {
    let mut secrets: Vec<String> = canaries()
        .into_iter()
        .map(|canary| String::from_utf8(canary).unwrap())
        .filter(|canary| !canary.starts_with(USER))
        .collect();
    let numbers: Vec<_> = PASSWORD.bytes().map(|octet| octet.to_string()).collect();
    secrets.push(numbers.join(", "));
    let hidden = |shown: String| {
        let shows = secrets.iter().any(|secret| shown.contains(secret));
        assert!(!shows, "{shown}");
    };
    let mut sent = Vec::new();
    for dialogue in DIALOGUES {
        let config = config(ClearText::Forbidden);
        hidden(format!("{config:?}"));
        let mut open = Open::new(config);
        let mut input = BytesMut::new();
        'dialogue: for line in dialogue {
            input.extend_from_slice(line.as_bytes());
            loop {
                hidden(format!("{open:?}"));
                let step = open.step(&mut input);
                hidden(format!("{step:?}"));
                match step {
                    Step::NeedInput => break,
                    Step::Transmit(octets) => sent.extend_from_slice(&octets),
                    Step::StartTls => open.tls_started(tls()),
                    Step::Event(Event::Ready(_)) | Step::NeedAnswer | Step::Close(_) => {
                        break 'dialogue;
                    }
                    _ => {}
                }
            }
        }
    }
    // There was something to hide.
    assert!(canaries().iter().any(|canary| contains(&sent, canary)));
}

/// What an application does that asks one thing after the other.
struct Application {
    client: Client,
    asked: usize,
    done: usize,
    steps: usize,
    ended: Option<Result<(), client::ProtocolError>>,
    log: Vec<String>,
}

const ASKS: [&str; 7] = [
    "SELECT INBOX",
    "FETCH 1:2 (UID FLAGS BODY[])",
    "SEARCH ALL",
    "APPEND x {5000}",
    "IDLE",
    "SELECT missing",
    "LOGOUT",
];

impl Application {
    fn new(inline: u64) -> Self {
        let mut config = client::Config::new();
        config.inline = inline;
        Self {
            client: Client::new(config),
            asked: 0,
            done: 0,
            steps: 0,
            ended: None,
            log: Vec::new(),
        }
    }

    fn ask(&mut self) {
        while self.asked < ASKS.len() && self.asked <= self.done {
            let frame = Bytes::from(format!("x {}", ASKS[self.asked]));
            self.asked += 1;
            match self.client.send(Command::parse(&frame).unwrap().body) {
                Ok(_) => return,
                Err(Misuse::State { .. }) => self.done += 1,
                Err(misuse) => panic!("{misuse:?}"),
            }
        }
    }

    /// Steps until more input is needed; what is told is kept, bodies joined.
    fn run(&mut self, input: &mut BytesMut) {
        loop {
            self.steps += 1;
            assert!(self.steps < 20_000, "it steps without end");
            match self.client.step(input) {
                Step::Event(event) => self.handle(event),
                Step::Transmit(octets) => self.note(format!("> {}", octets.escape_ascii())),
                Step::NeedInput | Step::NeedBody => return,
                Step::Close(how) => {
                    self.ended.get_or_insert(how);
                    return;
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn handle(&mut self, event: client::Event) {
        use client::Event;

        match &event {
            Event::Body(octets) => return self.note(format!("= {}", octets.escape_ascii())),
            Event::GoAhead { .. } => {
                self.client.write_body(vec![b'x'; 5_000].into()).unwrap();
                self.client.end_body().unwrap();
            }
            Event::Idling { .. } => self.client.done().unwrap(),
            Event::Greeting { .. } => self.ask(),
            Event::Done { .. } | Event::NotSent { .. } => {
                self.done += 1;
                self.ask();
            }
            _ => {}
        }
        self.log.push(format!("{event:?}"));
    }

    /// Joins neighbours that only the cutting has parted.
    fn note(&mut self, piece: String) {
        match self.log.last_mut() {
            Some(last) if last.starts_with(&piece[..2]) => last.push_str(&piece[2..]),
            _ => self.log.push(piece),
        }
    }

    fn finish(&mut self, input: &mut BytesMut) {
        self.client.handle_eof(Eof::Clean);
        self.run(input);
        assert!(self.ended.is_some(), "no end, and nothing more will come");
    }
}

#[test]
fn imap_47_a_session_with_any_server_ends_and_does_not_depend_on_the_cuts() {
    let (mut orderly, mut broken) = (0, 0);
    for seed in 0..scripts() / 5 {
        let mut random = Random::new(seed + 1);
        random.below(1);
        let mut script: Vec<Vec<u8>> = SESSION.iter().map(|line| (*line).into()).collect();
        if seed > 0 {
            mutate(&mut script, &mut random);
        }
        let inline = [5, 64 * 1024][random.below(2)];
        // As lines, and cut anywhere.
        let (mut lines, mut input) = (Application::new(inline), BytesMut::new());
        lines.run(&mut input);
        for line in &script {
            input.extend_from_slice(line);
            lines.run(&mut input);
        }
        lines.finish(&mut input);

        let (mut cuts, mut input) = (Application::new(inline), BytesMut::new());
        cuts.run(&mut input);
        let whole = script.concat();
        let mut rest = &whole[..];
        while !rest.is_empty() {
            let (piece, left) = rest.split_at(1 + random.below(rest.len().min(30)));
            input.extend_from_slice(piece);
            rest = left;
            cuts.run(&mut input);
        }
        cuts.finish(&mut input);

        assert_eq!(lines.log, cuts.log, "seed {seed}");
        assert_eq!(lines.ended, cuts.ended, "seed {seed}");
        match lines.ended {
            Some(Ok(())) => orderly += 1,
            _ => broken += 1,
        }
    }
    assert!(orderly > scripts() / 50, "{orderly}");
    assert!(broken > scripts() / 50, "{broken}");
}
