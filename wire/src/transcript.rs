//! Dialogues as text files, replayed against a machine.
//!
//! A behaviour is a file that a postmaster can read; its first comment says the rule. The runner
//! replays every file in several ways, and each must give the same: as written, octet by octet,
//! at random cuts, and with everything that the peer says up to the next barrier in one read.
//!
//! ```text
//! # RFC 3207 §4.2: what comes in clear behind STARTTLS is never executed.
//! @ server hostname=mx.example offer=STARTTLS
//! S: 220 mx.example ESMTP
//! C: EHLO client.example
//! = Hello client.example
//! > accept
//! S: 250-mx.example
//! S: 250 STARTTLS
//! C+ STARTTLS\r\nMAIL FROM:<eve@example>\r\n
//! S: 503 5.5.1 nothing may follow STARTTLS
//! = close PlaintextAfterStartTls
//! ```
//!
//! | line | meaning |
//! |---|---|
//! | `#` | a comment |
//! | `@ ROLE name=value ...` | which machine, and how it is set up; `merge=no` leaves out the replay in one read |
//! | `C: text`, `S: text` | a whole line of the client or the server |
//! | `C+ octets`, `S+ octets` | raw octets with `\r \n \t \0 \\ \xHH` and `\{x*N}` for repeats; where they are input they arrive in one read, never cut |
//! | `= text` | an event, or `= close ok` or `= close ERROR` |
//! | `> text` | a call of the application |
//! | `T:` | the TLS handshake is done |
//! | `~ timeout`, `~ eof`, `~ truncated` | what the driver tells the machine |
//!
//! With the `UPDATE_TRANSCRIPTS` variable set, tests write back what [`update`] returns, to be
//! read before it is committed.

mod script;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use bytes::{Bytes, BytesMut};

use self::script::{Entry, Item, Line};
use crate::machine::{Eof, Machine, Side, Step, TlsInfo, TlsVersion};

pub use self::script::Setting;

/// A machine on the stage of a transcript, with the words for its events and calls.
///
/// The tests of a protocol crate implement it once for each machine.
pub trait Stage {
    /// The machine that is tested.
    type Machine: Machine;

    /// The machine itself.
    fn machine(&mut self) -> &mut Self::Machine;

    /// What stands behind `= ` for this event.
    fn describe(&self, event: <Self::Machine as Machine>::Event) -> Described;

    /// Does what stands behind `> `.
    ///
    /// # Errors
    ///
    /// Why the call is unknown or was refused; the transcript then fails.
    fn perform(&mut self, call: &str) -> Result<(), String>;
}

/// An event in the words of a transcript.
///
/// ```
/// use mailwire_core::transcript::Described;
/// assert_eq!(Described::Line("Quit".into()), Described::Line("Quit".into()));
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "body octets are joined, all else is a line"
)]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Described {
    /// A line of text.
    Line(String),
    /// Octets of a body; neighbours are joined before they are compared.
    Body(Bytes),
}

/// Why a transcript does not hold.
///
/// ```
/// use mailwire_core::transcript::Failure;
/// fn line(failure: &Failure) -> usize { failure.line }
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}, replayed {replay}: {what}")]
#[non_exhaustive]
pub struct Failure {
    /// The line of the file, from 1.
    pub line: usize,
    /// How the file was being replayed.
    pub replay: &'static str,
    /// What was wrong.
    pub what: String,
}

/// How the peer's octets are cut.
#[derive(Clone, Copy)]
enum Replay {
    AsWritten,
    OctetByOctet,
    RandomCuts(u64),
    InOneRead,
}

impl Replay {
    const fn name(self) -> &'static str {
        match self {
            Self::AsWritten => "as written",
            Self::OctetByOctet => "octet by octet",
            Self::RandomCuts(_) => "at random cuts",
            Self::InOneRead => "in one read",
        }
    }
}

/// How many random cuttings of each file are tried.
const RANDOM_REPLAYS: u64 = 8;

/// Steps after which a machine is taken to turn in circles.
const STEPS: usize = 1_000_000;

/// Replays a transcript in every way.
///
/// # Errors
///
/// The first place where the machine does not do what is written.
pub fn check<S: Stage>(
    text: &str,
    mut open: impl FnMut(&Setting) -> Result<S, String>,
) -> Result<(), Failure> {
    let (setting, script) = script::parse(text)?;
    let merges = setting.value("merge") != Some("no");
    let random = (1..=RANDOM_REPLAYS).map(Replay::RandomCuts);
    let replays = [Replay::AsWritten, Replay::OctetByOctet]
        .into_iter()
        .chain(random);
    for replay in replays.chain(merges.then_some(Replay::InOneRead)) {
        let failed = |what| Failure {
            line: setting.line,
            replay: replay.name(),
            what,
        };
        let stage = open(&setting).map_err(failed)?;
        Run::new(stage, replay).play(&script)?;
    }
    Ok(())
}

/// The transcript with its expectations replaced by what the machine does.
///
/// # Errors
///
/// Where the script itself cannot be played.
pub fn update<S: Stage>(
    text: &str,
    mut open: impl FnMut(&Setting) -> Result<S, String>,
) -> Result<String, Failure> {
    let (setting, script) = script::parse(text)?;
    let replay = Replay::AsWritten;
    let failed = |what| Failure {
        line: setting.line,
        replay: replay.name(),
        what,
    };
    let mut run = Run::new(open(&setting).map_err(failed)?, replay);
    let mut lines = text.lines().enumerate();
    let mut updated = String::new();
    let mut shown = 0;
    for item in &script {
        let done = match &item.item {
            Item::Expect(_) => continue,
            Item::Start => run.drive(item.line),
            other => run.act(other, item.line),
        };
        done?;
        for (number, line) in lines.by_ref() {
            if !script
                .iter()
                .any(|l| l.line == number + 1 && matches!(l.item, Item::Expect(_)))
            {
                updated.push_str(line);
                updated.push('\n');
            }
            if number + 1 == item.line {
                break;
            }
        }
        for entry in run.produced.iter().skip(shown) {
            entry.write(<S::Machine as Machine>::SIDE, &mut updated);
        }
        shown = run.produced.len();
    }
    Ok(updated)
}

struct Run<S> {
    stage: S,
    replay: Replay,
    input: BytesMut,
    produced: Vec<Entry>,
    expected: Vec<Entry>,
    at_start_tls: bool,
    cut: u64,
}

impl<S: Stage> Run<S> {
    fn new(stage: S, replay: Replay) -> Self {
        let cut = if let Replay::RandomCuts(seed) = replay {
            seed
        } else {
            0
        };
        Self {
            stage,
            replay,
            input: BytesMut::new(),
            produced: Vec::new(),
            expected: Vec::new(),
            at_start_tls: false,
            cut,
        }
    }

    fn play(mut self, script: &[Line]) -> Result<(), Failure> {
        let mut last = 0;
        // Up to here the input has been given in one read already.
        let mut given = 0;
        for (index, line) in script.iter().enumerate() {
            last = line.line;
            match &line.item {
                Item::Start => self.drive(line.line)?,
                Item::Expect(entry) => self.expected.push(entry.clone()),
                Item::Input { .. } if index < given => {}
                Item::Input {
                    octets,
                    whole: false,
                } if matches!(self.replay, Replay::InOneRead) => {
                    self.compare(line.line)?;
                    let mut all = octets.clone();
                    given = index + 1;
                    for later in script.iter().skip(index + 1) {
                        match &later.item {
                            Item::Input {
                                octets,
                                whole: false,
                            } => all.extend_from_slice(octets),
                            Item::Expect(_) => {}
                            Item::Call(_) if <S::Machine as Machine>::SIDE == Side::Server => {}
                            _ => break,
                        }
                        given += 1;
                    }
                    self.input.extend_from_slice(&all);
                    self.drive(line.line)?;
                }
                item => {
                    // Inputs that follow one another are pipelined: what they bring forth stands
                    // behind the last of them.
                    let before = index.checked_sub(1).and_then(|i| script.get(i));
                    let pipelined = matches!(item, Item::Input { .. })
                        && before.is_some_and(|l| matches!(l.item, Item::Input { .. }));
                    if index >= given && !pipelined {
                        self.compare(line.line)?;
                    }
                    self.act(item, line.line)?;
                }
            }
        }
        self.compare(last)
    }

    /// Does one thing of the script and drives the machine on.
    fn act(&mut self, item: &Item, line: usize) -> Result<(), Failure> {
        match item {
            Item::Start | Item::Expect(_) => {}
            Item::Input { octets, whole } => return self.feed(octets, *whole, line),
            Item::Call(call) => {
                let done = self.stage.perform(call);
                done.map_err(|what| self.failure(line, format!("> {call}: {what}")))?;
            }
            Item::Tls => {
                if !self.at_start_tls {
                    return Err(self.failure(line, "the machine did not ask for TLS".to_string()));
                }
                let tls = TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256");
                self.stage.machine().tls_started(tls);
            }
            Item::Timeout => self.stage.machine().handle_timeout(),
            Item::Eof => self.stage.machine().handle_eof(Eof::Clean),
            Item::Truncated => self.stage.machine().handle_eof(Eof::Truncated),
        }
        self.drive(line)
    }

    fn feed(&mut self, octets: &[u8], whole: bool, line: usize) -> Result<(), Failure> {
        let mut rest = octets;
        while !rest.is_empty() {
            let size = match self.replay {
                _ if whole => rest.len(),
                Replay::AsWritten | Replay::InOneRead => rest.len(),
                Replay::OctetByOctet => 1,
                Replay::RandomCuts(_) => self.next_cut(rest.len()),
            };
            let (piece, behind) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            self.input.extend_from_slice(piece);
            rest = behind;
            self.drive(line)?;
        }
        Ok(())
    }

    /// A size from 1 to `most`, by a small generator with a fixed seed.
    fn next_cut(&mut self, most: usize) -> usize {
        self.cut = self
            .cut
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let random = usize::try_from(self.cut >> 40).unwrap_or_default();
        1 + random % most
    }

    fn drive(&mut self, line: usize) -> Result<(), Failure> {
        self.at_start_tls = false;
        for _ in 0..STEPS {
            let entry = match self.stage.machine().step(&mut self.input) {
                Step::Transmit(octets) => Entry::Sent(octets.to_vec()),
                Step::Event(event) => match self.stage.describe(event) {
                    Described::Line(text) => Entry::Event(text),
                    Described::Body(octets) => Entry::Body(octets.to_vec()),
                },
                wait => return self.wait(&wait, line),
            };
            self.produced.push(entry);
        }
        Err(self.failure(line, format!("no end after {STEPS} steps")))
    }

    fn wait(
        &mut self,
        wait: &Step<<S::Machine as Machine>::Event, <S::Machine as Machine>::Error>,
        line: usize,
    ) -> Result<(), Failure> {
        let again = self.stage.machine().step(&mut self.input);
        if core::mem::discriminant(wait) != core::mem::discriminant(&again) {
            return Err(self.failure(
                line,
                "a second step does not answer as the first".to_string(),
            ));
        }
        match wait {
            Step::StartTls => self.at_start_tls = true,
            Step::Close(how) => {
                let close = match how {
                    Ok(()) => Entry::Event("close ok".to_string()),
                    Err(error) => Entry::Event(format!("close {error:?}")),
                };
                if self.produced.last() != Some(&close) {
                    self.produced.push(close);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn compare(&self, line: usize) -> Result<(), Failure> {
        let (want, have) = (script::join(&self.expected), script::join(&self.produced));
        if want == have {
            return Ok(());
        }
        let same = want.iter().zip(&have).take_while(|(w, h)| w == h).count();
        let side = <S::Machine as Machine>::SIDE;
        let show = |entries: &[Entry]| {
            let mut text = String::new();
            for entry in entries.iter().skip(same).take(2) {
                entry.write(side, &mut text);
            }
            if text.is_empty() {
                "nothing\n".to_string()
            } else {
                text
            }
        };
        Err(self.failure(
            line,
            format!("expected\n{}but got\n{}", show(&want), show(&have)),
        ))
    }

    fn failure(&self, line: usize, what: String) -> Failure {
        Failure {
            line,
            replay: self.replay.name(),
            what,
        }
    }
}

#[cfg(test)]
mod tests;
