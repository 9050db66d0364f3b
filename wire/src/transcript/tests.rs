use alloc::{boxed::Box, vec::Vec};
use core::convert::Infallible;

use super::*;
use crate::{
    line::{Lines, Next},
    machine::Patience,
};

/// Answers each line with itself; `TLS` asks for a handshake, `ASK` for an answer, `BYE` closes.
/// With `greedy` it swallows what stands behind `TLS`, which no machine may do.
#[derive(Default)]
struct Parrot {
    lines: Option<Lines>,
    queue: Vec<Step<Box<str>, Infallible>>,
    wait: Option<Step<Box<str>, Infallible>>,
}

impl Machine for Parrot {
    const SIDE: Side = Side::Server;
    type Event = Box<str>;
    type Error = Infallible;

    fn step(&mut self, input: &mut BytesMut) -> Step<Box<str>, Infallible> {
        if !self.queue.is_empty() {
            return self.queue.remove(0);
        }
        if let Some(wait) = &self.wait {
            return wait.clone();
        }
        let Next::Line(line) = self.lines.get_or_insert(Lines::new(80)).next(input) else {
            return Step::NeedInput;
        };
        match &line[..] {
            b"TLS" => self.wait = Some(Step::StartTls),
            b"BYE" => self.wait = Some(Step::Close(Ok(()))),
            b"ASK" => {
                self.queue.push(Step::Event("Asked".into()));
                self.wait = Some(Step::NeedAnswer);
            }
            said => {
                let echo = [said, b"\r\n"].concat();
                self.queue.push(Step::Transmit(echo.into()));
            }
        }
        self.step(input)
    }

    fn patience(&self) -> Option<Patience> {
        None
    }

    fn handle_timeout(&mut self) {
        self.queue
            .push(Step::Transmit(Bytes::from_static(b"too slow\r\n")));
    }

    fn handle_eof(&mut self, _how: Eof) {
        self.wait = Some(Step::Close(Ok(())));
    }

    fn tls_started(&mut self, _tls: TlsInfo) {
        self.wait = None;
    }
}

impl Stage for Parrot {
    type Machine = Self;

    fn machine(&mut self) -> &mut Self {
        self
    }

    fn describe(&self, event: Box<str>) -> Described {
        Described::Line(event.into())
    }

    fn perform(&mut self, call: &str) -> Result<(), String> {
        match call {
            "answer" => {
                self.wait = None;
                self.queue
                    .push(Step::Transmit(Bytes::from_static(b"answered\r\n")));
                Ok(())
            }
            _ => Err("unknown".to_string()),
        }
    }
}

const GOOD: &str = "# It repeats.\n@ server\nC: hello\nS: hello\nC: ASK\nC: more\n= Asked\n> answer\n\
                    S: answered\nS: more\nC: TLS\nT:\nC: in private\nS: in private\n~ timeout\n\
                    S: too slow\nC+ a\\{b*3}\\x63\\r\\n\nS: abbbc\nC: BYE\n= close ok\n";

fn parrot(_: &Setting) -> Result<Parrot, String> {
    Ok(Parrot::default())
}

#[test]
fn a_true_transcript_holds_in_every_replay() {
    assert_eq!(check(GOOD, parrot), Ok(()));
}

#[test]
fn every_changed_expectation_is_noticed() {
    for (from, to) in [
        ("S: hello", "S: hallo"),
        ("S: hello\n", ""),
        ("= Asked", "= Nothing"),
        ("= close ok\n", ""),
        ("S: more\nC: TLS", "C: TLS\nS: more"),
        ("T:\n", ""),
        ("> answer", "> shrug"),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD);
        assert!(check(&text, parrot).is_err(), "{from} became {to}");
    }
}

#[test]
fn update_writes_what_the_machine_does() {
    let stripped: Vec<_> = GOOD
        .lines()
        .filter(|l| !l.starts_with("S:") && !l.starts_with('='))
        .collect();
    let updated = update(&stripped.join("\n"), parrot).unwrap();
    assert_eq!(check(&updated, parrot), Ok(()));
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(ToString::to_string).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&updated), sorted(GOOD));
    assert_eq!(update(&updated, parrot).unwrap(), updated);
}

#[test]
fn a_script_that_cannot_be_read_says_where() {
    for (text, line) in [
        ("C: x\n", 1),
        ("@ server\n?\n", 2),
        ("@ server\n@ server\n", 2),
        ("@ server x\n", 1),
        ("@ server\nC+ \\q\n", 2),
        ("@ server\n~ sleep\n", 2),
        ("", 1),
    ] {
        assert_eq!(check(text, parrot).unwrap_err().line, line, "{text:?}");
    }
}
