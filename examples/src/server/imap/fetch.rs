//! FETCH: message after message, as the client takes them.

use std::{collections::VecDeque, num::NonZeroU32, ops::Range, sync::Arc, vec};

use bytes::Bytes;
use jiff::Timestamp;
use mailwire_imap::{
    command::{By, FetchItem, FetchItems, FetchModifiers, StoreMode},
    flag::{Flag, Flags},
    response::{Code, Response},
    sequence::SequenceSet,
    server::{Done, Extension},
    session::{Answer, Untagged},
    toolkit::{
        message::{
            self, BodyReader, BodySource, FetchPlan, ModSeq, Needs, Scanner, Seen, Structure, Text,
            Unanswerable,
        },
        view::Timing,
    },
};
use memchr::memmem;

use super::{Imap, change::Named, words};
use crate::store::{self, Content, Fetched, ReadError};

/// Octets of messages that are read ahead of what the client takes.
const AHEAD: usize = 1024 * 1024;

/// Responses, and octets of literals, of one turn.
const RESPONSES: usize = 256;
const OCTETS: usize = 256 * 1024;

/// Messages whose sizes are counted, or which are marked as seen, at once.
const BATCH: usize = 256;

/// A FETCH that is being answered.
pub(super) struct Fetching {
    plan: FetchPlan,
    timing: Timing,
    wants_sizes: bool,
    wants_text: bool,
    /// The messages that are left.
    left: vec::IntoIter<NonZeroU32>,
    /// Where the view has the next one, most likely.
    near: usize,
    /// What was read ahead of them.
    read: VecDeque<(u32, Fetched)>,
    /// Those in front whose sizes are known, and that were marked as seen.
    prepared: usize,
    just_seen: Vec<u32>,
    /// The bodies of a large message that are on their way.
    bodies: Option<Bodies>,
    /// A message was asked for that is gone.
    has_expunged: bool,
    refused: Option<Done>,
}

/// The literals of one response, out of a message that is too large to be held.
struct Bodies {
    uid: u32,
    left: vec::IntoIter<BodySource>,
    now: Option<Sending>,
}

struct Sending {
    content: Content,
    range: Range<u64>,
    reader: Option<BodyReader>,
    /// How far the message has been read.
    at: u64,
}

impl Imap {
    /// FETCH and UID FETCH.
    pub(super) async fn fetch(
        &mut self,
        by: By,
        set: &SequenceSet,
        items: &FetchItems,
        modifiers: FetchModifiers,
        out: &mut Untagged,
    ) -> Answer {
        let Named { uids, has_expunged } = match self.named(by, set) {
            Ok(named) => named,
            Err(done) => return Answer::Done(done),
        };
        let Some(open) = &mut self.selected else {
            return Answer::Done(Done::unavailable());
        };
        let asks = |wanted: FetchItem<'_>| items.iter().any(|item| item == wanted);
        let mod_seq = if modifiers.changed_since.is_some()
            || self.enabled.has(Extension::CondStore)
            || asks(FetchItem::ModSeq)
        {
            open.view.tell_mod_seq();
            ModSeq::Always
        } else {
            ModSeq::IfAsked
        };
        let plan = FetchPlan::new(items, by, mod_seq);
        // RFC 7162 §3.2.6: what is gone comes before what has changed.
        if modifiers.vanished && self.enabled.has(Extension::QResync) && by == By::Uid {
            for vanished in open.view.vanished(set) {
                out.push(Response::Vanished(vanished));
            }
        }
        let left = match modifiers.changed_since {
            None => uids,
            Some(since) => {
                let is_newer = |uid: &NonZeroU32| {
                    let facts = open.view.facts(*uid);
                    facts.is_some_and(|facts| facts.mod_seq > since)
                };
                uids.into_iter().filter(is_newer).collect()
            }
        };
        let is_first = |uid: &NonZeroU32| open.view.facts(*uid).map(|facts| plan.needs(&facts));
        let wants_text = plan.has_content()
            || left
                .first()
                .and_then(is_first)
                .is_some_and(|needs| needs > Needs::Facts);
        self.fetching = Some(Box::new(Fetching {
            timing: match by {
                By::Number => Timing::KeepNumbers,
                By::Uid => Timing::Any,
            },
            wants_sizes: asks(FetchItem::Rfc822Size),
            wants_text,
            plan,
            left: left.into_iter(),
            near: 0,
            read: VecDeque::new(),
            prepared: 0,
            just_seen: Vec::new(),
            bodies: None,
            has_expunged: has_expunged && by == By::Number,
            refused: None,
        }));
        self.fetch_on(out).await
    }

    /// Goes on with a FETCH for as much as one turn takes.
    pub(super) async fn fetch_on(&mut self, out: &mut Untagged) -> Answer {
        let Some(mut fetching) = self.fetching.take() else {
            return Answer::Completed;
        };
        match self.advance(&mut fetching, out).await {
            Ok(Progress::Turn) => {
                self.fetching = Some(fetching);
                Answer::More
            }
            Ok(Progress::Over) => {
                self.tell(fetching.timing, out);
                match fetching.refused.take() {
                    Some(done) => Answer::Done(done),
                    // RFC 2180 §4.1.2: what was there has been told.
                    None if fetching.has_expunged => Answer::Done(
                        Done::no("some of the messages are gone").with_code(&Code::ExpungeIssued),
                    ),
                    None => Answer::Completed,
                }
            }
            Err(Failure::Told(done)) => Answer::Done(done),
            // A literal cannot be completed: the client must not take what is there for the whole.
            Err(Failure::Broken) => Answer::Abort,
        }
    }

    async fn advance(
        &mut self,
        fetching: &mut Fetching,
        out: &mut Untagged,
    ) -> Result<Progress, Failure> {
        loop {
            if let Some(bodies) = &mut fetching.bodies {
                let mailbox = self.mailbox()?;
                if !bodies.send(&mailbox, out).await? {
                    return Ok(Progress::Turn);
                }
                fetching.bodies = None;
            }
            if out.len() >= RESPONSES || out.body_octets() >= OCTETS {
                return Ok(Progress::Turn);
            }
            if fetching.prepared == 0 {
                self.prepare(fetching).await?;
            }
            let Some(uid) = fetching.left.next() else {
                return Ok(Progress::Over);
            };
            fetching.prepared = fetching.prepared.saturating_sub(1);
            self.message(fetching, uid, out).await?;
        }
    }

    fn mailbox(&self) -> Result<Arc<store::Mailbox>, Failure> {
        match &self.selected {
            Some(open) => Ok(Arc::clone(&open.mailbox)),
            None => Err(Failure::Told(Done::unavailable())),
        }
    }

    /// Does for the next messages what is better done for many at once.
    async fn prepare(&mut self, fetching: &mut Fetching) -> Result<(), Failure> {
        let next = fetching.left.as_slice();
        let next = next.get(..BATCH).unwrap_or(next);
        fetching.prepared = next.len();
        let Some(open) = &mut self.selected else {
            return Err(Failure::Told(Done::unavailable()));
        };
        let now = Timestamp::now();
        if fetching.wants_sizes {
            let is_uncounted = |uid: &&NonZeroU32| {
                let facts = open.view.facts(**uid);
                facts.is_some_and(|facts| facts.octets.is_none())
            };
            let uncounted: Vec<u32> = next
                .iter()
                .filter(is_uncounted)
                .map(|uid| uid.get())
                .collect();
            if !uncounted.is_empty() {
                let counted = open.mailbox.sizes(uncounted, now).await;
                let taken = counted.and_then(|snapshot| open.take(&snapshot));
                taken.map_err(|error| Failure::Told(self.lost(&error)))?;
            }
        }
        self.mark_seen(fetching, now).await
    }

    /// RFC 9051 §6.4.5: what is fetched and not peeked at becomes `\Seen`.
    async fn mark_seen(&mut self, fetching: &mut Fetching, now: Timestamp) -> Result<(), Failure> {
        fetching.just_seen.clear();
        let Some(open) = &mut self.selected else {
            return Ok(());
        };
        if !fetching.plan.sets_seen() || open.mailbox.access() == store::Access::ReadOnly {
            return Ok(());
        }
        let next = fetching.left.as_slice();
        let next = next.get(..fetching.prepared).unwrap_or(next);
        let is_unseen = |uid: &&NonZeroU32| {
            let facts = open.view.facts(**uid);
            facts.is_some_and(|facts| !facts.is_seen())
        };
        let unseen: Vec<u32> = next.iter().filter(is_unseen).map(|uid| uid.get()).collect();
        if unseen.is_empty() {
            return Ok(());
        }
        let seen: Flags = [Flag::Seen].into_iter().collect();
        let change = words::change(StoreMode::Add, &seen);
        match open.mailbox.store(unseen, change, None, now).await {
            Ok(stored) => {
                let snapshot = open.mailbox.snapshot();
                fetching.just_seen = stored.changed;
                let taken = open.take(&snapshot);
                taken.map_err(|error| Failure::Told(self.lost(&error)))
            }
            Err(error @ store::MailboxError::Gone) => Err(Failure::Told(self.lost(&error))),
            Err(error) => {
                // Reading goes on where marking fails, on a full disk for example.
                tracing::warn!(%error, "messages were not marked as seen");
                Ok(())
            }
        }
    }

    /// Answers for one message.
    async fn message(
        &mut self,
        fetching: &mut Fetching,
        uid: NonZeroU32,
        out: &mut Untagged,
    ) -> Result<(), Failure> {
        let text = if fetching.wants_text {
            self.text(fetching, uid).await?
        } else {
            Fetched::Whole(Bytes::new())
        };
        let Some(open) = &mut self.selected else {
            return Err(Failure::Told(Done::unavailable()));
        };
        let seen = fetching.just_seen.binary_search(&uid.get());
        if let (Ok(_), Some(number)) = (seen, open.view.number(uid)) {
            open.view.flags_were_told(number);
        }
        let Some((number, mut facts)) = open.view.message_near(uid, &mut fetching.near) else {
            fetching.has_expunged |= fetching.timing == Timing::KeepNumbers;
            return Ok(());
        };
        if let Fetched::Whole(octets) = &text
            && fetching.wants_text
            && facts.octets != Some(octets.len() as u64)
        {
            // Another program may have written into the file: what is sent is what counts.
            facts.to_mut().octets = Some(octets.len() as u64);
        }
        let needs = fetching.plan.needs(&facts);
        let mut fetched = message::Fetched::new(number, &facts);
        if seen.is_ok() {
            fetched.seen = Seen::JustSet;
        }
        let (structure, measures);
        match &text {
            Fetched::Gone => {
                fetching.has_expunged = true;
                return Ok(());
            }
            Fetched::Whole(octets) => {
                if needs > Needs::Facts {
                    structure = scan(octets, needs);
                    fetched.structure = Some(&structure);
                }
                if fetching.wants_text {
                    fetched.text = Text::Whole(octets);
                }
            }
            Fetched::Large => {
                let mailbox = Arc::clone(&open.mailbox);
                if needs > Needs::Facts {
                    structure = scan_large(&mailbox, uid, needs).await?;
                    fetched.structure = Some(&structure);
                    measures = measured(&fetching.plan, &structure, &mailbox, uid).await?;
                    fetched.text = Text::Apart(&measures);
                }
            }
        }
        let answer = match fetching.plan.answer(&fetched) {
            Ok(answer) => answer,
            Err(error) => {
                fetching.refuse(error);
                return Ok(());
            }
        };
        self.fetched += u64::from(fetching.plan.has_content());
        out.fetch(answer.fetch);
        match text {
            Fetched::Whole(octets) => {
                for source in answer.bodies {
                    hand_over(&octets, &source, out)?;
                }
            }
            _ if answer.bodies.is_empty() => {}
            _ => {
                fetching.bodies = Some(Bodies {
                    uid: uid.get(),
                    left: answer.bodies.into_iter(),
                    now: None,
                });
            }
        }
        Ok(())
    }

    /// The text of a message, read ahead with that of others.
    async fn text(&self, fetching: &mut Fetching, uid: NonZeroU32) -> Result<Fetched, Failure> {
        if fetching.read.is_empty() {
            let next = fetching.left.as_slice();
            let next = next.get(..fetching.prepared).unwrap_or(next);
            let uids: Vec<u32> = std::iter::once(uid)
                .chain(next.iter().copied())
                .map(NonZeroU32::get)
                .collect();
            let read = self
                .mailbox()?
                .read_many(uids, AHEAD, Timestamp::now())
                .await;
            fetching.read = read.map_err(failed)?.into();
        }
        match fetching.read.pop_front() {
            Some((read, text)) if read == uid.get() => Ok(text),
            _ => {
                fetching.read.clear();
                Ok(Fetched::Gone)
            }
        }
    }
}

impl Fetching {
    fn refuse(&mut self, error: Unanswerable) {
        let done = match error {
            Unanswerable::UnknownEncoding => {
                Done::no(&error.to_string()).with_code(&Code::UnknownCte)
            }
            _ => {
                tracing::error!(%error, "a FETCH could not be answered");
                Done::no("a message could not be read").with_code(&Code::ServerBug)
            }
        };
        self.refused.get_or_insert(done);
    }
}

/// How far a turn came.
enum Progress {
    /// To the end of what one turn takes.
    Turn,
    /// To the end.
    Over,
}

/// Why a FETCH ends early.
enum Failure {
    Told(Done),
    /// Within a literal.
    Broken,
}

fn failed(error: ReadError) -> Failure {
    Failure::Told(match error {
        ReadError::Store(error) => words::failure(&error),
        _ => Done::no("the message is gone").with_code(&Code::ExpungeIssued),
    })
}

fn broken(error: &dyn std::fmt::Display) -> Failure {
    tracing::warn!(%error, "a message could not be read to its end");
    Failure::Broken
}

/// Scans a message, or only its header where that is enough.
fn scan(text: &[u8], needs: Needs) -> Structure {
    if needs > Needs::Header {
        return Structure::of(text);
    }
    // The body behind it is not even counted.
    let end = memmem::find(text, b"\r\n\r\n").map_or(text.len(), |at| at + 4);
    Structure::of(text.get(..end).unwrap_or(text))
}

async fn scan_large(
    mailbox: &store::Mailbox,
    uid: NonZeroU32,
    needs: Needs,
) -> Result<Structure, Failure> {
    let mut content = mailbox
        .read(uid.get(), Timestamp::now())
        .await
        .map_err(failed)?;
    let mut scanner = Scanner::new();
    while let Some(piece) = content.next().await.map_err(|error| failed(error.into()))? {
        scanner.feed(&piece);
        if needs == Needs::Header && scanner.has_header() {
            break;
        }
    }
    Ok(scanner.finish())
}

/// Counts what BINARY has to announce.
async fn measured(
    plan: &FetchPlan,
    structure: &Structure,
    mailbox: &store::Mailbox,
    uid: NonZeroU32,
) -> Result<Vec<message::Measure>, Failure> {
    let mut measures = plan.measures(structure);
    if measures.is_empty() {
        return Ok(measures);
    }
    let mut content = mailbox
        .read(uid.get(), Timestamp::now())
        .await
        .map_err(failed)?;
    let mut at = 0;
    while let Some(piece) = content.next().await.map_err(|error| failed(error.into()))? {
        for measure in &mut measures {
            measure.feed(cut(&piece, at, &measure.range()));
        }
        at += piece.len() as u64;
    }
    Ok(measures)
}

/// What of a piece that begins at `at` lies in the range.
fn within(len: usize, at: u64, range: &Range<u64>) -> Range<usize> {
    let place = |octet: u64| {
        usize::try_from(octet.saturating_sub(at))
            .unwrap_or(usize::MAX)
            .min(len)
    };
    let (start, end) = (place(range.start), place(range.end));
    start..end.max(start)
}

fn cut<'a>(piece: &'a [u8], at: u64, range: &Range<u64>) -> &'a [u8] {
    piece
        .get(within(piece.len(), at, range))
        .unwrap_or_default()
}

/// Hands over the octets of a body, out of a message that is at hand.
fn hand_over(text: &Bytes, source: &BodySource, out: &mut Untagged) -> Result<(), Failure> {
    let before = out.body_octets();
    if let BodySource::Octets(octets) = source {
        out.body(octets.clone());
    }
    if let Some(range) = source.range() {
        let octets = text.slice(within(text.len(), 0, &range));
        match source.reader() {
            None => out.body(octets),
            Some(mut reader) => {
                out.body(reader.feed(&octets).into());
                out.body(reader.finish().into());
            }
        }
    }
    // The message is not what the facts say: another program has written into it.
    if (out.body_octets() - before) as u64 != source.octets() {
        return Err(broken(&"its size has changed"));
    }
    Ok(())
}

impl Bodies {
    /// Sends what one turn takes. Answers whether that was all.
    async fn send(
        &mut self,
        mailbox: &store::Mailbox,
        out: &mut Untagged,
    ) -> Result<bool, Failure> {
        loop {
            if out.body_octets() >= OCTETS {
                return Ok(false);
            }
            let Some(sending) = &mut self.now else {
                let Some(source) = self.left.next() else {
                    return Ok(true);
                };
                self.now = self.begin(mailbox, &source, out).await?;
                continue;
            };
            let next = sending
                .content
                .next()
                .await
                .map_err(|error| broken(&error))?;
            let is_over = sending.take(next, out)?;
            if is_over {
                self.now = None;
            }
        }
    }

    async fn begin(
        &self,
        mailbox: &store::Mailbox,
        source: &BodySource,
        out: &mut Untagged,
    ) -> Result<Option<Sending>, Failure> {
        if let BodySource::Octets(octets) = source {
            out.body(octets.clone());
        }
        let Some(range) = source.range().filter(|range| !range.is_empty()) else {
            return Ok(None);
        };
        let opened = mailbox.read(self.uid, Timestamp::now()).await;
        Ok(Some(Sending {
            content: opened.map_err(|error| broken(&error))?,
            range,
            reader: source.reader(),
            at: 0,
        }))
    }
}

impl Sending {
    /// Takes the next piece of the message. Answers whether the body is complete.
    fn take(&mut self, piece: Option<Bytes>, out: &mut Untagged) -> Result<bool, Failure> {
        let Some(piece) = piece else {
            let is_whole = self.at >= self.range.end;
            return if is_whole {
                Ok(true)
            } else {
                Err(broken(&"it is shorter than it was"))
            };
        };
        let octets = piece.slice(within(piece.len(), self.at, &self.range));
        self.at += piece.len() as u64;
        let is_read = self.at >= self.range.end;
        match &mut self.reader {
            None if octets.is_empty() => {}
            None => out.body(octets),
            Some(reader) => {
                out.body(reader.feed(&octets).into());
                if is_read {
                    out.body(reader.finish().into());
                }
            }
        }
        Ok(is_read || self.reader.as_ref().is_some_and(BodyReader::is_done))
    }
}
