//! Plays input to a machine in pieces, and notes what it says.

use std::fmt::{self, Debug, Write};
use std::mem;

use bytes::BytesMut;
use mailwire_core::machine::{Eof, Machine, Side, Step};

/// What a machine said, with adjacent octets joined, for how they are cut is nobody's business.
#[derive(Default, Eq, PartialEq)]
pub(crate) struct Log {
    entries: Vec<(&'static str, Vec<u8>)>,
    /// What may be said before or behind the octets that it is about.
    asides: Vec<String>,
}

impl Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        list.entries(&self.asides);
        for (kind, octets) in &self.entries {
            list.entry(&format_args!("{kind}: {}", octets.escape_ascii()));
        }
        list.finish()
    }
}

impl Log {
    /// Octets that belong to those of the same kind in front of them.
    pub(crate) fn octets(&mut self, kind: &'static str, octets: &[u8]) {
        match self.entries.last_mut() {
            Some((last, joined)) if *last == kind => joined.extend_from_slice(octets),
            _ => self.entries.push((kind, octets.to_vec())),
        }
    }

    /// What was noted, in order: of what kind, and how it is shown.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let entries = self.entries.iter();
        entries.map(|(kind, what)| (*kind, what.as_slice()))
    }

    /// What was handed over for the peer.
    pub(crate) fn said(&self) -> Vec<u8> {
        let said = self.entries().filter(|(kind, _)| *kind == "transmit");
        said.flat_map(|(_, octets)| octets).copied().collect()
    }

    pub(crate) fn aside(&mut self, what: impl Debug) {
        self.asides.push(format!("{what:?}"));
    }

    fn closes_with(&self, names: &[&str]) -> bool {
        let close = self.entries.iter().rfind(|(kind, _)| *kind == "close");
        close.is_some_and(|(_, how)| {
            let how = String::from_utf8_lossy(how);
            names.iter().any(|name| how.contains(name))
        })
    }

    pub(crate) fn entry(&mut self, kind: &'static str, what: impl Debug) {
        let mut text = String::new();
        assert!(write!(text, "{what:?}").is_ok());
        self.entries.push((kind, text.into_bytes()));
    }
}

/// The application of a machine: it answers by a plan that depends on the events alone.
pub(crate) trait Application {
    type Machine: Machine<Event: Debug + PartialEq, Error: PartialEq>;

    fn machine(&mut self) -> &mut Self::Machine;

    /// Notes the event, and answers it.
    fn handle(&mut self, event: <Self::Machine as Machine>::Event, log: &mut Log);

    /// There is room for more of a body.
    fn write(&mut self);
}

/// Plays `pieces`, then the end of the connection.
pub(crate) fn play<'a, A: Application>(
    mut application: A,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Log {
    let (mut log, mut input) = (Log::default(), BytesMut::new());
    for piece in [&b""[..]].into_iter().chain(pieces) {
        input.extend_from_slice(piece);
        if settle(&mut application, &mut input, &mut log) == Rest::Over {
            return log;
        }
    }
    application.machine().handle_eof(Eof::Clean);
    let end = settle(&mut application, &mut input, &mut log);
    assert!(
        end == Rest::Over,
        "nothing will come, and still it waits: {log:?}"
    );
    log
}

/// Closes that rightly depend on what stands in the input already: nothing may stand behind STARTTLS or behind a
/// refused DATA.
const EARLY: [&str; 3] = ["EarlyTalk", "PlaintextAfterStartTls", "PlaintextAfterStls"];

/// The same whatever the cuts: line by line, octet by octet, and in pieces of the sizes that `sizes` names; and all at
/// once, unless that is too early, as it is for a client: an answer to what was not yet asked is refused. What was
/// said and told line by line is given back.
pub(crate) fn same_for_all_cuts<A: Application>(
    open: impl Fn() -> A,
    wire: &[u8],
    sizes: &[u8],
) -> Log {
    let lines = || wire.split_inclusive(|octet| *octet == b'\n');
    let line_by_line = play(open(), lines());
    same(&line_by_line, &play(open(), wire.chunks(1)));
    same(
        &line_by_line,
        &play(open(), lines().flat_map(|line| pieces(line, sizes))),
    );
    for log in [play(open(), [wire]), play(open(), pieces(wire, sizes))] {
        if A::Machine::SIDE == Side::Server && !log.closes_with(&EARLY) {
            same(&line_by_line, &log);
        }
    }
    line_by_line
}

/// Closes for which a cut may decide how much of a body was read or told before: what is given up is thrown away.
const GIVEN_UP: [&str; 2] = ["BodyWithoutEnd", "MessageTooLarge"];

/// A close for which there are several reasons; which one is found first may depend on the cut.
const LOST: [&str; 1] = ["Lost("];

fn same(whole: &Log, cut: &Log) {
    if whole.closes_with(&GIVEN_UP) || cut.closes_with(&GIVEN_UP) {
        return;
    }
    if whole.closes_with(&LOST) && cut.closes_with(&LOST) {
        let before = |log: &Log| log.entries.split_last().map(|(_, before)| before.to_vec());
        assert!(
            before(whole) == before(cut),
            "whole: {whole:#?}\ncut: {cut:#?}"
        );
        return;
    }
    assert!(whole == cut, "whole: {whole:#?}\ncut: {cut:#?}");
}

pub(crate) fn pieces<'a>(mut wire: &'a [u8], sizes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut sizes = sizes.iter().copied().chain([7, 1, 2, 64]).cycle();
    std::iter::from_fn(move || {
        let size = usize::from(sizes.next()?).max(1).min(wire.len());
        let (piece, rest) = wire.split_at_checked(size)?;
        wire = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rest {
    Waits,
    Over,
}

/// Steps until the machine waits or ends.
fn settle<A: Application>(application: &mut A, input: &mut BytesMut, log: &mut Log) -> Rest {
    let budget = 1000 + 64 * input.len();
    for _ in 0..budget {
        match application.machine().step(input) {
            Step::Transmit(octets) => log.octets("transmit", &octets),
            Step::Event(event) => application.handle(event, log),
            Step::NeedInput => return Rest::Waits,
            Step::NeedBody => application.write(),
            Step::NeedAnswer => {
                // It is level-triggered, and everything was answered.
                log.entry("needs an answer", ());
                assert!(mem::take(log) == Log::default(), "an answer is owed twice");
            }
            Step::StartTls | Step::StartDeflate => {
                log.entry("upgrade", ());
                return Rest::Over;
            }
            Step::Close(result) => {
                log.entry("close", &result);
                let again = application.machine().step(input);
                assert!(again == Step::Close(result), "an end is an end");
                return Rest::Over;
            }
        }
    }
    assert!(budget == 0, "it does not come to rest: {log:?}");
    Rest::Over
}
