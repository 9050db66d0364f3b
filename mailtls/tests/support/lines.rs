//! A protocol of lines, small enough to read in a minute: every line is answered, `STARTTLS` is
//! answered with `220 go`, `BODY` with `354 send`, and a body ends with a line that is a dot.

use std::{collections::VecDeque, num::NonZeroU32, time::Duration};

use bytes::{Bytes, BytesMut};
use mailtls::Turn;
use mailwire_core::machine::{Eof, Machine, Patience, Side, Step, TlsInfo};

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("truncated")]
    Truncated,
    #[error("injected")]
    Injected,
    #[error("late")]
    Late,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Event {
    /// A whole line. A server's application owes an answer to it.
    Line(String),
    Body(usize),
    BodyEnd,
    TlsStarted,
}

impl Event {
    pub(crate) fn line(text: &str) -> Turn<Self> {
        Turn::Event(Self::Line(text.to_owned()))
    }
}

/// What both sides have.
pub(crate) struct Core {
    out: VecDeque<Bytes>,
    events: VecDeque<Event>,
    over: Option<Result<(), Fault>>,
    starting_tls: bool,
    pub(crate) tls: Option<TlsInfo>,
    pub(crate) mark: u32,
    pub(crate) patience: Option<Duration>,
    pub(crate) floor: u32,
    pub(crate) eof: Option<Eof>,
    pub(crate) timeouts: u32,
    /// Steps that were asked for.
    pub(crate) steps: u64,
    /// Whether the machine leaves the octets behind STARTTLS to its driver.
    pub(crate) careless: bool,
}

impl Core {
    fn new() -> Self {
        Self {
            out: VecDeque::new(),
            events: VecDeque::new(),
            over: None,
            starting_tls: false,
            tls: None,
            mark: 0,
            patience: None,
            floor: 0,
            eof: None,
            timeouts: 0,
            steps: 0,
            careless: false,
        }
    }

    pub(crate) fn say(&mut self, line: &str) {
        self.out.push_back(Bytes::from(format!("{line}\r\n")));
    }

    fn start_tls(&mut self, input: &BytesMut) {
        if input.is_empty() || self.careless {
            self.starting_tls = true;
        } else {
            self.over = Some(Err(Fault::Injected));
        }
    }

    fn first(&mut self) -> Option<Step<Event, Fault>> {
        self.steps += 1;
        if let Some(octets) = self.out.pop_front() {
            return Some(Step::Transmit(octets));
        }
        if let Some(event) = self.events.pop_front() {
            return Some(Step::Event(event));
        }
        if self.starting_tls {
            return Some(Step::StartTls);
        }
        self.over.clone().map(Step::Close)
    }

    fn timeout(&mut self) {
        self.timeouts += 1;
        self.over = Some(Err(Fault::Late));
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        self.starting_tls = false;
        self.tls = Some(tls);
        self.events.push_back(Event::TlsStarted);
    }

    fn patience(&self) -> Option<Patience> {
        let patience = Patience::new(self.patience?, self.mark);
        Some(match NonZeroU32::new(self.floor) {
            Some(floor) => patience.with_floor(floor),
            None => patience,
        })
    }
}

fn line(input: &mut BytesMut) -> Option<String> {
    let end = input.windows(2).position(|pair| pair == b"\r\n")?;
    let line = input.split_to(end + 2);
    Some(String::from_utf8_lossy(&line[..end]).into_owned())
}

pub(crate) struct Server {
    pub(crate) core: Core,
    owed: bool,
    pub(crate) in_body: bool,
}

impl Server {
    pub(crate) fn new() -> Self {
        let mut core = Core::new();
        core.say("220 ready");
        Self {
            core,
            owed: false,
            in_body: false,
        }
    }

    /// Without a greeting.
    pub(crate) fn silent() -> Self {
        Self {
            core: Core::new(),
            owed: false,
            in_body: false,
        }
    }

    pub(crate) fn answer(&mut self, text: &str) {
        assert!(self.owed, "nothing is owed");
        self.owed = false;
        self.core.mark += 1;
        self.core.say(text);
    }

    pub(crate) fn shutdown(&mut self) {
        self.core.say("421 stopping");
        self.core.over = Some(Ok(()));
    }
}

impl Machine for Server {
    const SIDE: Side = Side::Server;
    type Event = Event;
    type Error = Fault;

    fn step(&mut self, input: &mut BytesMut) -> Step<Event, Fault> {
        if let Some(step) = self.core.first() {
            return step;
        }
        if self.owed {
            return Step::NeedAnswer;
        }
        if self.in_body {
            if let Some(end) = input.windows(5).position(|w| w == b"\r\n.\r\n") {
                self.in_body = false;
                self.core.mark += 1;
                self.owed = true;
                let body = input.split_to(end + 5).len() - 5;
                if body > 0 {
                    self.core.events.push_back(Event::BodyEnd);
                    return Step::Event(Event::Body(body));
                }
                return Step::Event(Event::BodyEnd);
            }
            if input.len() > 4 {
                let some = input.split_to(input.len() - 4).len();
                return Step::Event(Event::Body(some));
            }
        } else if let Some(line) = line(input) {
            self.core.mark += 1;
            match line.as_str() {
                "STARTTLS" => {
                    self.core.start_tls(input);
                    if self.core.over.is_some() {
                        self.core.say("503 nothing may follow");
                    } else {
                        self.core.say("220 go");
                    }
                }
                "QUIT" => {
                    self.core.say("221 bye");
                    self.core.over = Some(Ok(()));
                }
                "BODY" => {
                    self.in_body = true;
                    self.core.say("354 send");
                }
                _ => {
                    self.owed = true;
                    return Step::Event(Event::Line(line));
                }
            }
            return self.step(input);
        }
        match (self.core.eof, self.in_body || !input.is_empty()) {
            (None, _) => Step::NeedInput,
            (Some(Eof::Clean), false) => Step::Close(Ok(())),
            _ => Step::Close(Err(Fault::Truncated)),
        }
    }

    fn patience(&self) -> Option<Patience> {
        if self.owed {
            None
        } else {
            self.core.patience()
        }
    }

    fn handle_timeout(&mut self) {
        self.core.say("421 too slow");
        self.core.timeout();
    }

    fn handle_eof(&mut self, how: Eof) {
        self.core.eof = Some(how);
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        self.core.tls_started(tls);
    }
}

pub(crate) struct Client {
    pub(crate) core: Core,
    /// Whether a body may be written.
    body: bool,
}

impl Client {
    pub(crate) fn new() -> Self {
        Self {
            core: Core::new(),
            body: false,
        }
    }

    pub(crate) fn send(&mut self, line: &str) {
        self.core.mark += 1;
        self.core.say(line);
    }

    pub(crate) fn write_body(&mut self, octets: Bytes) {
        assert!(self.body);
        self.core.out.push_back(octets);
    }

    pub(crate) fn end_body(&mut self) {
        self.body = false;
        self.core.out.push_back(Bytes::from_static(b"\r\n.\r\n"));
    }
}

impl Machine for Client {
    const SIDE: Side = Side::Client;
    type Event = Event;
    type Error = Fault;

    fn step(&mut self, input: &mut BytesMut) -> Step<Event, Fault> {
        if let Some(step) = self.core.first() {
            return step;
        }
        if let Some(line) = line(input) {
            self.core.mark += 1;
            match line.as_str() {
                "220 go" => {
                    self.core.start_tls(input);
                    return self.step(input);
                }
                "354 send" => self.body = true,
                line if line.starts_with("221 ") => self.core.over = Some(Ok(())),
                _ => {}
            }
            return Step::Event(Event::Line(line));
        }
        match self.core.eof {
            None if self.body => Step::NeedBody,
            None => Step::NeedInput,
            Some(Eof::Clean) if input.is_empty() => Step::Close(Ok(())),
            Some(_) => Step::Close(Err(Fault::Truncated)),
        }
    }

    fn patience(&self) -> Option<Patience> {
        self.core.patience()
    }

    fn handle_timeout(&mut self) {
        self.core.timeout();
    }

    fn handle_eof(&mut self, how: Eof) {
        self.core.eof = Some(how);
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        self.core.tls_started(tls);
    }
}
