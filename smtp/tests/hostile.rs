//! Servers that say anything but what they should, while a session is opened that must turn to TLS.
//!
//! The dialogues are valid ones that were taken apart: lines are left out, doubled, moved, cut short
//! and put in from other dialogues. Somebody in the middle can do no more than that before the
//! handshake.

use bytes::BytesMut;
use mailwire_core::{
    base64,
    machine::{Eof, Machine, Step, TlsInfo, TlsVersion, Upgrade},
    sasl::Nonce,
};
use mailwire_smtp::{
    client::{self, AuthOver, Client},
    command::Command,
    open::{Config, Error, Event, Login, Open},
};

use crate::machines_stage::Random;

const USER: &str = "canary-user-5fd1";
const PASSWORD: &str = "canary-password-93b7";

/// Dialogues from the greeting to the login, as the server speaks them.
const DIALOGUES: [&[&str]; 8] = [
    &[
        "220 mx.example ESMTP\r\n",
        "250-mx.example\r\n",
        "250-PIPELINING\r\n",
        "250 STARTTLS\r\n",
        "220 2.0.0 go\r\n",
        "250-mx.example\r\n",
        "250 AUTH PLAIN LOGIN\r\n",
        "235 2.7.0 welcome\r\n",
    ],
    &[
        "220-mx.example\r\n",
        "220-says more\r\n",
        "220 than one line\r\n",
        "250-mx.example\r\n",
        "250-STARTTLS\r\n",
        "250 AUTH LOGIN\r\n",
        "220 go\r\n",
        "250-mx.example\r\n",
        "250-SIZE 1000\r\n",
        "250 AUTH LOGIN\r\n",
        "334 VXNlcm5hbWU6\r\n",
        "334 UGFzc3dvcmQ6\r\n",
        "235 welcome\r\n",
    ],
    // No STARTTLS is offered.
    &[
        "220 mx.example ESMTP\r\n",
        "250-mx.example\r\n",
        "250 AUTH PLAIN LOGIN\r\n",
        "235 welcome\r\n",
    ],
    // STARTTLS is refused.
    &[
        "220 mx.example ESMTP\r\n",
        "250-mx.example\r\n",
        "250-AUTH PLAIN\r\n",
        "250 STARTTLS\r\n",
        "454 4.7.0 not now\r\n",
        "235 welcome\r\n",
    ],
    // EHLO is unknown.
    &[
        "220 mx.example SMTP\r\n",
        "502 what?\r\n",
        "250 mx.example\r\n",
        "235 welcome\r\n",
    ],
    // The replies of a server that says everything at once.
    &[
        "220 mx.example\r\n",
        "250 STARTTLS\r\n",
        "250 AUTH PLAIN\r\n",
        "220 go\r\n",
        "250 AUTH PLAIN\r\n",
        "334 \r\n",
        "235 welcome\r\n",
        "250 OK\r\n",
    ],
    // SCRAM, with a first message whose nonce is not ours.
    &[
        "220 mx.example\r\n",
        "250-mx.example\r\n",
        "250-AUTH SCRAM-SHA-256 PLAIN\r\n",
        "250 STARTTLS\r\n",
        "220 go\r\n",
        "250-mx.example\r\n",
        "250 AUTH SCRAM-SHA-256 PLAIN\r\n",
        "334 cj1hYmMscz1RU1hDUitRNnNlazhiZjkyLGk9NDA5Ng==\r\n",
        "334 dj1hYmM=\r\n",
        "235 welcome\r\n",
    ],
    // Lines that belong nowhere.
    &[
        "421 4.3.0 busy\r\n",
        "354 go ahead\r\n",
        "334 !\r\n",
        "250\r\n",
        "250-\r\n",
        "250 AUTH=PLAIN\r\n",
        "250-AUTH PLAIN\n",
        "250 STARTTLS\r",
        "+OK\r\n",
        "* PREAUTH\r\n",
        "\0\r\n",
        "\r\n",
        ".\r\n",
        "\x16\x03\x01\x00\x05",
        "999 no such code\r\n",
        "2500 mx\r\n",
        "530 5.7.0 Must issue a STARTTLS command first\r\n",
        "221 bye\r\n",
        "235 welcome\r\n",
    ],
];

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
                    let tls = TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256");
                    self.open.tls_started(tls);
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

fn config(auth_over: AuthOver, upgrade: Upgrade) -> Config {
    let login = Login::new(USER, PASSWORD, Nonce::from_random(&[7; 24])).unwrap();
    let mut config = Config::new("client.example".parse().unwrap(), upgrade);
    config.client.auth_over = auth_over;
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
        let auth_over = [AuthOver::Tls, AuthOver::TlsOrClearText][random.below(2)];
        let mut session = Session::new(config(auth_over, Upgrade::Required));
        let end = session.play(&script, &mut random);

        let clear = &session.in_clear;
        let leaked = canaries.iter().any(|canary| contains(clear, canary))
            || [&b"AUTH"[..], b"HELO c", b"MAIL"]
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

/// What the server answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum At {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Auth,
}

const ANSWERS: [&str; 13] = [
    "220 x\r\n",
    "221 x\r\n",
    "250\r\n",
    "354 x\r\n",
    "421 x\r\n",
    "454 x\r\n",
    "500 x\r\n",
    "501 x\r\n",
    "502 x\r\n",
    "504 x\r\n",
    "530 x\r\n",
    "550 x\r\n",
    "554 x\r\n",
];

/// The dialogue up to what `at` answers.
fn reach(at: At, upgrade: Upgrade) -> Session {
    let mut config = config(AuthOver::TlsOrClearText, upgrade);
    if at == At::Helo {
        // A server without EHLO has no AUTH, so only those who need none go on with HELO.
        config.login = None;
    }
    let mut session = Session::new(config);
    let before: &[&str] = match at {
        At::Greeting => &[],
        At::Ehlo => &["220 mx\r\n"],
        At::Helo => &["220 mx\r\n", "500 what?\r\n"],
        At::StartTls => &["220 mx\r\n", "250-mx\r\n250-AUTH LOGIN\r\n250 STARTTLS\r\n"],
        At::Auth => &[
            "220 mx\r\n",
            "250-mx\r\n250 STARTTLS\r\n",
            "220 go\r\n",
            "250-mx\r\n250 AUTH LOGIN\r\n",
        ],
    };
    for line in before {
        assert!(session.run(true).is_none());
        session.input.extend_from_slice(line.as_bytes());
    }
    assert!(session.run(true).is_none(), "{at:?} {upgrade:?}");
    session
}

/// What comes of an answer to what is said when a session is opened.
fn outcome(at: At, upgrade: Upgrade, answer: &str) -> &'static str {
    let mut session = reach(at, upgrade);
    session.input.extend_from_slice(answer.as_bytes());
    let end = session.run(false);
    let seen =
        |canary: &Vec<u8>| contains(&session.in_clear, canary) || contains(&session.in_tls, canary);
    assert!(
        !canaries().iter().any(seen),
        "{at:?} {upgrade:?} {answer:?}"
    );
    match end {
        None => "goes on",
        Some(End::Ready) => "ready",
        Some(End::NoHandshake) => "handshake",
        Some(End::Refused(error)) => match error {
            Error::AuthNotOffered => "no AUTH",
            Error::Closing(_) => "closing",
            Error::GreetingRefused(_) | Error::HelloRefused(_) | Error::LoginRefused(_) => {
                "refused"
            }
            Error::Protocol(_) => "protocol",
            Error::StartTlsNotOffered => "no STARTTLS",
            Error::StartTlsRefused(_) => "not started",
            other => panic!("{at:?} {upgrade:?} {answer:?}: {other:?}"),
        },
        Some(other) => panic!("{other:?}"),
    }
}

#[test]
fn smtp_80_every_wrong_answer_while_a_session_is_opened() {
    use At::*;
    use Upgrade::{IfOffered, Never, Required};

    let (p, r, n, c) = ("protocol", "refused", "not started", "closing");
    let (no, g) = ("no STARTTLS", "goes on");
    #[rustfmt::skip]
    let rows = [
        // 220, 221, 250, 354, 421, 454, 500, 501, 502, 504, 530, 550, 554
        (Greeting, Required, [g, p, p, p, r, r, r, r, r, r, r, r, r]),
        (Ehlo, Required, [p, p, no, p, r, r, no, no, no, no, no, no, no]),
        (StartTls, Required, ["handshake", p, p, p, n, n, n, n, n, n, n, n, n]),
        (Auth, Required, [p, p, p, p, r, r, r, r, r, r, r, r, r]),
        (Ehlo, IfOffered, [p, p, "no AUTH", p, r, r, r, r, r, r, r, r, r]),
        (StartTls, IfOffered, ["handshake", p, p, p, c, g, g, g, g, g, g, g, g]),
        (Ehlo, Never, [p, p, "no AUTH", p, r, r, r, r, r, r, r, r, r]),
        (Helo, Never, [p, p, "ready", p, r, r, r, r, r, r, r, r, r]),
    ];
    for (at, upgrade, row) in rows {
        for (answer, expected) in ANSWERS.into_iter().zip(row) {
            assert_eq!(
                outcome(at, upgrade, answer),
                expected,
                "{at:?} {upgrade:?} {answer:?}"
            );
        }
    }
}

/// What comes of an answer to a command that a session is reset or ended with.
fn answered(command: fn() -> Command, answer: &str) -> &'static str {
    let mut client = Client::new(client::Config::smtp());
    let mut input = BytesMut::from("220 mx\r\n");
    assert!(matches!(client.step(&mut input), Step::Event(_)));
    client.send(command()).unwrap();
    assert!(matches!(client.step(&mut input), Step::Transmit(_)));
    input.extend_from_slice(answer.as_bytes());
    let told = matches!(
        client.step(&mut input),
        Step::Event(client::Event::Reply { .. })
    );
    match (told, client.step(&mut input)) {
        (true, Step::NeedInput) => "goes on",
        (true, Step::Close(Ok(()))) => "closed",
        (false, Step::Close(Err(_))) => "protocol",
        other => panic!("{answer:?}: {other:?}"),
    }
}

#[test]
fn smtp_80_every_wrong_answer_to_rset_and_quit() {
    let (p, g, c) = ("protocol", "goes on", "closed");
    let rows: [(fn() -> Command, _); 2] = [
        (|| Command::Rset, [p, p, g, p, c, g, g, g, g, g, g, g, g]),
        (|| Command::Quit, [c, c, c, p, c, c, c, c, c, c, c, c, c]),
    ];
    for (command, row) in rows {
        for (answer, expected) in ANSWERS.into_iter().zip(row) {
            assert_eq!(
                answered(command, answer),
                expected,
                "{:?} {answer:?}",
                command()
            );
        }
    }
}

#[test]
fn smtp_80_a_farewell_instead_of_tls_is_no_mistake_of_ours() {
    for login in [true, false] {
        let mut config = config(AuthOver::TlsOrClearText, Upgrade::IfOffered);
        config.login = config.login.filter(|_| login);
        let mut session = Session::new(config);
        for line in [
            "220 mx\r\n",
            "250-mx\r\n250 STARTTLS\r\n",
            "421 4.3.2 restarting\r\n",
        ] {
            session.input.extend_from_slice(line.as_bytes());
            let end = session.run(false);
            if line.starts_with("421") {
                let Some(End::Refused(error @ Error::Closing(_))) = end else {
                    panic!("{end:?}")
                };
                assert!(error.is_temporary());
            }
        }
    }
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
        let config = config(AuthOver::Tls, Upgrade::IfOffered);
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
                    Step::StartTls => {
                        let tls = TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256");
                        open.tls_started(tls);
                    }
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
