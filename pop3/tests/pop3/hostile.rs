//! Servers that say anything but what they should, while a session is opened that must turn to TLS.
//!
//! The dialogues are valid ones that were taken apart: lines are left out, doubled, moved, cut short
//! and put in from other dialogues. Somebody in the middle can do no more than that before the
//! handshake.

use bytes::BytesMut;
use mailwire_core::{
    base64,
    machine::{Eof, Machine, Step, Upgrade},
    sasl::Nonce,
};
use mailwire_pop3::{
    ClearText, Open,
    open::{Config, Error, Event, Login},
};

use crate::stage::tls;

const USER: &str = "canary-user-5fd1";
const PASSWORD: &str = "canary-password-93b7";

/// Dialogues from the greeting to the login, as the server speaks them.
const DIALOGUES: [&[&str]; 8] = [
    &[
        "+OK ready\r\n",
        "+OK\r\n",
        "STLS\r\n",
        "USER\r\n",
        "SASL PLAIN LOGIN\r\n",
        ".\r\n",
        "+OK begin\r\n",
        "+OK\r\n",
        "SASL PLAIN LOGIN\r\n",
        ".\r\n",
        "+OK in\r\n",
    ],
    // USER and PASS, from a server that lists them.
    &[
        "+OK ready\r\n",
        "+OK\r\n",
        "STLS\r\n",
        ".\r\n",
        "+OK begin\r\n",
        "+OK\r\n",
        "USER\r\n",
        "TOP\r\n",
        ".\r\n",
        "+OK\r\n",
        "+OK in\r\n",
    ],
    // LOGIN, step by step.
    &[
        "+OK ready\r\n",
        "+OK\r\n",
        "STLS\r\n",
        "SASL LOGIN\r\n",
        ".\r\n",
        "+OK begin\r\n",
        "+OK\r\n",
        "SASL LOGIN\r\n",
        ".\r\n",
        "+ VXNlcm5hbWU6\r\n",
        "+ UGFzc3dvcmQ6\r\n",
        "+OK in\r\n",
    ],
    // No STLS is offered.
    &[
        "+OK ready\r\n",
        "+OK\r\n",
        "USER\r\n",
        "SASL PLAIN LOGIN\r\n",
        ".\r\n",
        "+OK\r\n",
        "+OK in\r\n",
    ],
    // STLS is refused.
    &[
        "+OK ready\r\n",
        "+OK\r\n",
        "STLS\r\n",
        "USER\r\n",
        ".\r\n",
        "-ERR [SYS/TEMP] not now\r\n",
        "+OK\r\n",
        "+OK in\r\n",
    ],
    // CAPA is unknown.
    &["+OK ready\r\n", "-ERR what?\r\n", "+OK\r\n", "+OK in\r\n"],
    // SCRAM, with a first message whose nonce is not ours.
    &[
        "+OK ready\r\n",
        "+OK\r\n",
        "STLS\r\n",
        ".\r\n",
        "+OK begin\r\n",
        "+OK\r\n",
        "SASL SCRAM-SHA-256 PLAIN\r\n",
        "USER\r\n",
        ".\r\n",
        "+ cj1hYmMscz1RU1hDUitRNnNlazhiZjkyLGk9NDA5Ng==\r\n",
        "+ dj1hYmM=\r\n",
        "+OK in\r\n",
    ],
    // Lines that belong nowhere.
    &[
        "+OK <1896.697170952@dbc.mtview.ca.us>\r\n",
        "-ERR [IN-USE] busy\r\n",
        "-ERR\r\n",
        "+OK\r\n",
        "+ \r\n",
        "+ !\r\n",
        "+\r\n",
        "+OK",
        "+OK\n",
        "..\r\n",
        ".\r\n",
        "\r\n",
        "\0\r\n",
        "220 mx ESMTP\r\n",
        "* PREAUTH\r\n",
        "\x16\x03\x01\x00\x05",
        "STLS\r",
    ],
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
    let dialogue = DIALOGUES[random.below(DIALOGUES.len())];
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

struct Session {
    open: Open,
    input: BytesMut,
    in_clear: Vec<u8>,
    in_tls: Vec<u8>,
    secured: bool,
    steps: usize,
}

impl Session {
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
                    assert!(
                        self.input.is_empty(),
                        "octets in clear stand behind the 220"
                    );
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
        let mut session = Session::new(config(clear_text));
        let end = session.play(&script, &mut random);

        let clear = &session.in_clear;
        let leaked = canaries.iter().any(|canary| contains(clear, canary))
            || [&b"AUTH"[..], b"USER", b"PASS"]
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
