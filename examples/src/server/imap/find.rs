//! SEARCH, SORT and THREAD.

use std::num::NonZeroU32;

use bytes::Bytes;
use jiff::Timestamp;
use mailwire_imap::{
    command::{Algorithm, By, Search, SearchKey, SearchReturn, SortCriterion, SortKey},
    response::Response,
    server::Done,
    session::{Answer, Untagged},
    toolkit::{
        search::{self, Found, Query, Scope, Verdict},
        sort::Order,
        thread::Threads,
        view::Facts,
    },
};

use super::{
    Imap,
    words::{self, date},
};
use crate::store::{Fetched, ReadError};

/// Messages that are read at once.
const WINDOW: usize = 128;

/// Octets of messages that are read at once.
const AHEAD: usize = 4 * 1024 * 1024;

/// A message of a window: whether it matches is known, or not yet.
struct Candidate {
    number: NonZeroU32,
    facts: Facts,
    verdict: Verdict,
}

impl Imap {
    pub(super) async fn search(&mut self, by: By, search: &Search, out: &mut Untagged) -> Answer {
        let found = match self.find(search, Hunt::AsAsked).await {
            Ok(found) => found,
            Err(done) => {
                // A SEARCH that was to be saved and failed leaves nothing (RFC 9051 §6.4.4.1).
                let saves = |returns: SearchReturn| returns.contains(SearchReturn::SAVE);
                if search.returns.is_some_and(saves)
                    && let Some(open) = &mut self.selected
                {
                    open.saved.clear();
                }
                return Answer::Done(done);
            }
        };
        if let Some(open) = &mut self.selected {
            found.save(&mut open.saved);
            // RFC 7162 §3.1: a client that asks for it can read it from then on.
            if asks_for_mod_seq(&search.keys) {
                open.view.tell_mod_seq();
            }
        }
        let tag = self
            .tag
            .as_ref()
            .map(|tag| tag.as_bytes())
            .unwrap_or_default();
        if let Some(response) = found.response(tag, by, search::Answer::Search) {
            out.push(response);
        }
        Answer::Completed
    }

    pub(super) async fn sort(
        &mut self,
        by: By,
        criteria: &[SortCriterion],
        search: &Search,
        out: &mut Untagged,
    ) -> Answer {
        let mut found = match self.find(search, Hunt::All).await {
            Ok(found) => found,
            Err(done) => return Answer::Done(done),
        };
        let order = Order::new(criteria);
        let wants_sizes = criteria
            .iter()
            .any(|criterion| criterion.key == SortKey::Size);
        if wants_sizes && let Err(done) = self.count(&found).await {
            return Answer::Done(done);
        }
        let mut entries = Vec::with_capacity(found.len());
        let messages: Vec<_> = found.iter(By::Number).collect();
        let read = self
            .headers(
                &messages,
                order.needs().is_some(),
                |number, facts, header| {
                    entries.push(order.entry(number, facts, header));
                },
            )
            .await;
        if let Err(done) = read {
            return Answer::Done(done);
        }
        found.arrange(order.sort(entries));
        let tag = self
            .tag
            .as_ref()
            .map(|tag| tag.as_bytes())
            .unwrap_or_default();
        if let Some(response) = found.response(tag, by, search::Answer::Search) {
            out.push(response);
        }
        Answer::Completed
    }

    pub(super) async fn thread(
        &self,
        by: By,
        algorithm: &Algorithm,
        search: &Search,
        out: &mut Untagged,
    ) -> Answer {
        let Some(mut threads) = Threads::new(algorithm) else {
            return Answer::Done(Done::bad("unknown threading algorithm"));
        };
        let found = match self.find(search, Hunt::All).await {
            Ok(found) => found,
            Err(done) => return Answer::Done(done),
        };
        let messages: Vec<_> = found.iter(By::Number).collect();
        let read = self
            .headers(&messages, true, |number, facts, header| {
                threads.add(number, facts, header);
            })
            .await;
        if let Err(done) = read {
            return Answer::Done(done);
        }
        let made = tokio::task::spawn_blocking(move || threads.response(by)).await;
        let Ok(response) = made else {
            return Answer::Done(Done::unavailable());
        };
        let response: Response = response;
        out.push(response);
        Answer::Completed
    }

    /// The messages that match.
    async fn find(&self, search: &Search, hunt: Hunt) -> Result<Found, Done> {
        let Some(open) = &self.selected else {
            return Err(Done::unavailable());
        };
        let largest = open.view.uid(open.view.exists());
        let now = date(Timestamp::now().as_second());
        let scope = Scope::new(open.view.exists(), largest, now).with_saved(open.saved.clone());
        let query = Query::compile(search, &scope).map_err(|refused| {
            let text = refused.to_string();
            let done = if refused.condition() == mailwire_imap::response::Condition::Bad {
                Done::bad(&text)
            } else {
                Done::no(&text)
            };
            match refused.code() {
                Some(code) => done.with_code(&code),
                None => done,
            }
        })?;
        let mut found = match hunt {
            Hunt::AsAsked => Found::new(&query),
            Hunt::All => Found::all(&query),
        };
        // Where only the first or the last is wanted, each answer decides what is asked next.
        let ends = |returns: SearchReturn| {
            returns.contains(SearchReturn::MIN) || returns.contains(SearchReturn::MAX)
        };
        let size = match query.returns() {
            Some(returns) if ends(returns) && hunt == Hunt::AsAsked => 1,
            _ => WINDOW,
        };
        let mut window = Vec::new();
        loop {
            let next = found.next_number();
            if let Some(number) = next {
                let Some(facts) = self.facts(number) else {
                    continue;
                };
                let verdict = query.by_facts(number, &facts);
                if verdict != Verdict::No {
                    window.push(Candidate {
                        number,
                        facts,
                        verdict,
                    });
                }
            }
            if next.is_none() || window.len() >= size {
                self.decide(&query, &mut window).await?;
                for candidate in window.drain(..) {
                    if candidate.verdict == Verdict::Yes {
                        found.add(candidate.number, &candidate.facts);
                    }
                }
            }
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    fn facts(&self, number: NonZeroU32) -> Option<Facts> {
        let open = self.selected.as_ref()?;
        let facts = open.view.facts(open.view.uid(number.get())?)?;
        Some(facts.into_owned())
    }

    /// Reads those messages of which the facts did not say enough.
    async fn decide(&self, query: &Query, window: &mut [Candidate]) -> Result<(), Done> {
        let Some(open) = &self.selected else {
            return Err(Done::unavailable());
        };
        let is_open =
            |candidate: &&mut Candidate| matches!(candidate.verdict, Verdict::Undecided(_));
        let mut undecided: Vec<&mut Candidate> = window.iter_mut().filter(is_open).collect();
        let mut at = 0;
        while at < undecided.len() {
            let rest = undecided.get_mut(at..).unwrap_or_default();
            let uids = rest
                .iter()
                .map(|candidate| candidate.facts.uid.get())
                .collect();
            let read = open.mailbox.read_many(uids, AHEAD, Timestamp::now()).await;
            let read = read.map_err(|error| unreadable(&error))?;
            at += read.len().max(1);
            let mut looking = Vec::new();
            for (candidate, (uid, text)) in rest.iter_mut().zip(read) {
                match text {
                    Fetched::Whole(text) => {
                        let matcher = query.matcher(candidate.number, &candidate.facts);
                        looking.push((&mut candidate.verdict, matcher, text));
                    }
                    Fetched::Large => {
                        let matcher = query.matcher(candidate.number, &candidate.facts);
                        candidate.verdict = look_through(&open.mailbox, uid, matcher).await?;
                    }
                    Fetched::Gone => candidate.verdict = Verdict::No,
                }
            }
            let (verdicts, work): (Vec<_>, Vec<_>) = looking
                .into_iter()
                .map(|(verdict, matcher, text)| (verdict, (matcher, text)))
                .unzip();
            // Looking through text is work for a processor, which no other session waits for.
            let looked = tokio::task::spawn_blocking(move || look(work)).await;
            let Ok(looked) = looked else {
                return Err(Done::unavailable());
            };
            for (verdict, matches) in verdicts.into_iter().zip(looked) {
                *verdict = if matches { Verdict::Yes } else { Verdict::No };
            }
        }
        Ok(())
    }

    /// Makes the sizes of what was found known.
    async fn count(&mut self, found: &Found) -> Result<(), Done> {
        let uids = found.iter(By::Uid).map(NonZeroU32::get).collect();
        let Some(open) = &mut self.selected else {
            return Err(Done::unavailable());
        };
        let counted = open.mailbox.sizes(uids, Timestamp::now()).await;
        let taken = counted.and_then(|snapshot| open.take(&snapshot));
        taken.map_err(|error| self.lost(&error))
    }

    /// The headers of messages, in their order; those that are gone are passed over.
    async fn headers(
        &self,
        numbers: &[NonZeroU32],
        is_needed: bool,
        mut each: impl FnMut(NonZeroU32, &Facts, &[u8]),
    ) -> Result<(), Done> {
        let Some(open) = &self.selected else {
            return Err(Done::unavailable());
        };
        let messages: Vec<(NonZeroU32, Facts)> = numbers
            .iter()
            .filter_map(|number| Some((*number, self.facts(*number)?)))
            .collect();
        if !is_needed {
            for (number, facts) in &messages {
                each(*number, facts, b"");
            }
            return Ok(());
        }
        let mut rest = messages.as_slice();
        while !rest.is_empty() {
            let window = rest.get(..WINDOW).unwrap_or(rest);
            let uids = window.iter().map(|(_, facts)| facts.uid.get()).collect();
            let read = open.mailbox.read_many(uids, AHEAD, Timestamp::now()).await;
            let read = read.map_err(|error| unreadable(&error))?;
            rest = rest.get(read.len().max(1)..).unwrap_or_default();
            for ((number, facts), (uid, text)) in window.iter().zip(read) {
                match text {
                    Fetched::Whole(text) => each(*number, facts, &text),
                    Fetched::Large => each(*number, facts, &beginning(&open.mailbox, uid).await?),
                    Fetched::Gone => {}
                }
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// Whether all that matches is wanted.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Hunt {
    AsAsked,
    All,
}

/// Whether MODSEQ is among the keys.
fn asks_for_mod_seq(keys: &[SearchKey]) -> bool {
    let mut left: Vec<&SearchKey> = keys.iter().collect();
    while let Some(key) = left.pop() {
        match key {
            SearchKey::ModSeq(_) => return true,
            SearchKey::Not(key) => left.push(key),
            SearchKey::Or(one, two) => left.extend([&**one, &**two]),
            SearchKey::And(keys) => left.extend(keys),
            _ => {}
        }
    }
    false
}

fn unreadable(error: &ReadError) -> Done {
    match error {
        ReadError::Store(error) => words::failure(error),
        _ => Done::unavailable(),
    }
}

fn look(work: Vec<(search::Matcher, Bytes)>) -> Vec<bool> {
    let look = |(mut matcher, text): (search::Matcher, Bytes)| {
        matcher.feed(&text);
        matcher.finish()
    };
    work.into_iter().map(look).collect()
}

/// Looks through a message that is too large to be held.
async fn look_through(
    mailbox: &crate::store::Mailbox,
    uid: u32,
    mut matcher: search::Matcher,
) -> Result<Verdict, Done> {
    let opened = mailbox.read(uid, Timestamp::now()).await;
    let mut content = match opened {
        Ok(content) => content,
        Err(ReadError::Store(error)) => return Err(words::failure(&error)),
        Err(_) => return Ok(Verdict::No),
    };
    while let Some(piece) = content
        .next()
        .await
        .map_err(|error| words::failure(&error))?
    {
        if !matches!(matcher.feed(&piece), Verdict::Undecided(_)) {
            break;
        }
    }
    Ok(if matcher.finish() {
        Verdict::Yes
    } else {
        Verdict::No
    })
}

/// The beginning of a message, where its header is.
async fn beginning(mailbox: &crate::store::Mailbox, uid: u32) -> Result<Bytes, Done> {
    match mailbox.read(uid, Timestamp::now()).await {
        Ok(mut content) => {
            let first = content
                .next()
                .await
                .map_err(|error| words::failure(&error))?;
            Ok(first.unwrap_or_default())
        }
        Err(ReadError::Store(error)) => Err(words::failure(&error)),
        Err(_) => Ok(Bytes::new()),
    }
}
