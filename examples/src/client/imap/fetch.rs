//! Mailboxes into folders.

use std::{collections::BTreeMap, num::NonZeroU32};

use indicatif::ProgressBar;
use mailwire::{
    AccessError, Mailboxes, Piece,
    imap::{
        capability::Capability,
        client::Selected,
        command::{FetchItems, SearchKey},
        mailbox::Mailbox,
        response::{List, ListAttribute},
        sequence::SequenceSet,
    },
};

use super::{
    super::{
        exit::{Exit, Failure},
        progress,
        seen::word,
    },
    Copied, FlagsOf, Gone, Memory, Progress, Task, Trouble,
    folder::{Folder, Id, Message},
    names,
    state::State,
    uids::{Uids, set_of},
};
use crate::store;

/// Messages in one FETCH. What a run that is killed has to fetch anew is at most one batch.
const BATCH: usize = 200;

/// Octets after which a batch takes no further message.
const BATCH_OCTETS: u64 = 16 * 1024 * 1024;

/// Messages of one mailbox: a server that lists more wants to fill our memory.
const MESSAGES: u64 = 16_000_000;

/// Messages that fail one by one before the rest of a batch is not asked for by itself any more.
const HOPELESS: usize = 20;

/// Fetches every mailbox that is wanted and not done yet.
pub(super) async fn all(
    task: &Task,
    mailboxes: &mut Mailboxes,
    memory: &mut Memory,
    copied: &mut Copied,
) -> Result<(), Trouble> {
    let listed = mailboxes.list().await.map_err(|e| task.trouble(&e))?;
    let mut sources = Vec::new();
    for one in &listed {
        if one.has(ListAttribute::NoSelect) || one.has(ListAttribute::NonExistent) {
            continue;
        }
        let source = match Source::new(one, mailboxes) {
            Ok(source) if task.wants(&source.name, source.delimiter) => source,
            Ok(_) => continue,
            Err(error) => {
                let name = one.name().to_string();
                if !memory.done.contains(&name) {
                    copied.skip(&name, None, &Failure::not_accessed(&error, &task.account));
                    memory.done.push(name);
                }
                continue;
            }
        };
        // Names that are not written as they should be may look the same.
        let is_same = |other: &Source| other.name == source.name && other.mailbox != source.mailbox;
        if !sources.iter().any(is_same) {
            sources.push(source);
        } else if !memory.twins.contains(&source.name) {
            let twin = Failure::new(Exit::Refused, "there are two mailboxes with this name");
            copied.skip(
                &source.name,
                None,
                &twin.remedy("rename one of them on the server"),
            );
            memory.twins.push(source.name);
        }
    }
    for wanted in &task.only {
        let is_it = |source: &Source| {
            source.name == *wanted
                || source.slashed() == *wanted
                || source.mailbox.is_inbox() && wanted.eq_ignore_ascii_case("INBOX")
        };
        if !memory.done.contains(wanted) && !sources.iter().any(is_it) {
            let missing = Failure::new(Exit::Refused, "there is no such mailbox");
            copied.skip(wanted, None, &missing);
            memory.done.push(wanted.clone());
        }
    }
    for source in sources {
        if memory.done.contains(&source.name) {
            continue;
        }
        let mut fetching = Fetching {
            task,
            mailboxes,
            memory,
            copied,
            source: &source,
            bar: ProgressBar::hidden(),
        };
        let fetched = fetching.mailbox().await;
        fetching.bar.finish_and_clear();
        match fetched {
            Ok(()) => copied.folders += 1,
            Err(Trouble::Here(failure)) => copied.skip(&source.name, None, &failure),
            Err(trouble) => return Err(trouble),
        }
        memory.done.push(source.name);
        if let Some(alert) = mailboxes.take_alert() {
            let said = format!("the server says: {}", alert.text());
            if !task.account.is_repeated_in(&said) && !copied.notices.contains(&said) {
                copied.notices.push(said);
            }
        }
    }
    Ok(())
}

/// A mailbox on the server.
#[derive(Debug)]
struct Source {
    mailbox: Mailbox,
    name: String,
    delimiter: Option<char>,
}

impl Source {
    fn new(listed: &List, mailboxes: &mut Mailboxes) -> Result<Self, AccessError> {
        let mailbox = listed.mailbox()?;
        Ok(Self {
            name: mailboxes.display_name(&mailbox),
            delimiter: listed.delimiter().map(char::from),
            mailbox,
        })
    }

    fn slashed(&self) -> String {
        match self.delimiter {
            Some(delimiter) => self.name.replace(delimiter, "/"),
            None => self.name.clone(),
        }
    }
}

/// What a mailbox has that the folder has not.
#[derive(Debug, Default)]
struct News {
    there: Uids,
    /// Letters of messages that are here, where they may have changed.
    letters: Vec<(u32, store::Flags)>,
}

struct Fetching<'a> {
    task: &'a Task,
    mailboxes: &'a mut Mailboxes,
    memory: &'a mut Memory,
    copied: &'a mut Copied,
    source: &'a Source,
    bar: ProgressBar,
}

/// Messages that were asked for and did not come.
#[derive(Debug, Default)]
struct Missing {
    uids: Vec<u32>,
    /// What the server said about it, if anything.
    refusal: Option<Failure>,
}

impl Fetching<'_> {
    async fn mailbox(&mut self) -> Result<(), Trouble> {
        let source = self.source;
        let directory = names::directory(&source.name, source.delimiter).map_err(Trouble::Here)?;
        let selected = self.mailboxes.examine(&source.mailbox).await;
        let selected = selected.map_err(|e| self.task.trouble(&e))?;
        let local = |error| self.task.local(&error);
        let mut folder = Folder::open(&self.task.dir, &directory).map_err(local)?;
        let mut state = State::load(folder.dir()).map_err(local)?;
        self.claim(&mut state)?;
        state.turn_to(selected.uid_validity);
        if selected.uid_validity.is_some() {
            for uid in folder.uids(selected.uid_validity) {
                state.uids.insert(uid, uid);
            }
        }
        if state.is_settled(&selected) && self.task.gone == Gone::Keep {
            return Ok(());
        }
        folder.expect_again(selected.uid_validity).map_err(local)?;
        let news = self.news(&selected, &mut folder, &state).await?;
        self.mark(&mut folder, &selected, &news)?;
        let missing = self.fetch_new(&mut folder, &mut state, &news.there).await?;
        let lists_all = news.there.count() >= u64::from(selected.exists);
        if !lists_all {
            // Perhaps some were just expunged; perhaps the list is wrong.
            let (name, count, exists) = (&source.name, news.there.count(), selected.exists);
            let doubt = format!("{name}: the server lists {count} messages and has {exists}");
            self.copied.notices.push(doubt);
        }
        let is_complete = lists_all && missing.uids.is_empty();
        self.tell_missing(missing).await?;
        if self.task.gone == Gone::Remove && is_complete {
            self.remove_gone(&mut folder, &selected, &news.there)?;
        }
        if self.task.flags == FlagsOf::Server {
            state.mod_seq = selected.highest_mod_seq;
        }
        let settled = selected.uid_next.map(|next| (selected.exists, next));
        state.settled = settled.filter(|_| is_complete);
        state.save().map_err(|error| self.task.local(&error))
    }

    /// A folder belongs to one mailbox of one account.
    fn claim(&self, state: &mut State) -> Result<(), Trouble> {
        let source = format!("{} {}", self.task.owner, word(&self.source.name));
        if state.source.is_empty() {
            state.source = source;
        } else if state.source != source {
            let (owner, mailbox) = state.source.split_once(' ').unwrap_or_default();
            if owner == self.task.owner {
                let taken = format!("its folder is that of the mailbox {mailbox} already");
                let failure = Failure::new(Exit::Refused, taken);
                return Err(Trouble::Here(failure.remedy("rename it on the server")));
            }
            let taken = format!("{} holds the mail of {owner}", self.task.dir.display());
            let failure = Failure::new(Exit::Unusable, taken).remedy("name another folder");
            return Err(Trouble::Fatal(failure));
        }
        Ok(())
    }

    async fn news(
        &mut self,
        selected: &Selected,
        folder: &mut Folder,
        state: &State,
    ) -> Result<News, Trouble> {
        let mut news = News::default();
        if selected.exists == 0 {
            return Ok(news);
        }
        let can_tell_changes =
            self.mailboxes.has(Capability::CondStore) || self.mailboxes.has(Capability::QResync);
        let since = state
            .mod_seq
            .filter(|_| can_tell_changes && selected.highest_mod_seq.is_some());
        let known = state
            .uids
            .to_set()
            .filter(|_| self.task.flags == FlagsOf::Server);
        let (letters, lost) = (&mut folder.letters, &mut self.copied.keywords_lost);
        let mut changed = Vec::new();
        let mut take_flags = |fetch: &mailwire::imap::response::Fetch| {
            if let Some((uid, flags)) = fetch.uid().zip(fetch.flags())
                && state.uids.contains(uid.get())
            {
                let (letters, without) = letters.of(&flags);
                *lost += without;
                changed.push((uid.get(), letters));
            }
        };
        let all = SequenceSet::all();
        let found = match (known, since) {
            (Some(_), None) => None,
            (known, since) => {
                if let Some((known, since)) = known.zip(since)
                    && selected.highest_mod_seq != Some(since)
                {
                    let items = items("(FLAGS)")?;
                    let fetched =
                        self.mailboxes
                            .fetch_changed(&known, items, since, &mut take_flags);
                    fetched.await.map_err(|e| self.task.trouble(&e))?;
                }
                match self.mailboxes.search([SearchKey::All]).await {
                    Ok(found) => found,
                    // There are servers whose FETCH works better than their SEARCH.
                    Err(AccessError::Refused(_)) => None,
                    Err(error) => return Err(self.task.trouble(&error)),
                }
            }
        };
        let mut count = 0;
        match found {
            Some(found) => {
                count = found.count().unwrap_or(u64::MAX);
                if count <= MESSAGES {
                    news.there = Uids::of(&found);
                }
            }
            None => {
                let there = &mut news.there;
                let fetched = self.mailboxes.fetch(&all, items("(FLAGS)")?, |fetch| {
                    count += 1;
                    if let Some(uid) = fetch.uid().map(NonZeroU32::get)
                        && count <= MESSAGES
                    {
                        there.insert(uid, uid);
                        take_flags(fetch);
                    }
                });
                fetched.await.map_err(|e| self.task.trouble(&e))?;
            }
        }
        if count > MESSAGES {
            let many = format!("the server lists more than {MESSAGES} messages");
            return Err(Trouble::Here(Failure::new(Exit::Refused, many)));
        }
        news.letters = changed;
        Ok(news)
    }

    fn mark(
        &mut self,
        folder: &mut Folder,
        selected: &Selected,
        news: &News,
    ) -> Result<(), Trouble> {
        let local = |error| self.task.local(&error);
        folder.letters.save().map_err(local)?;
        let mut marked = 0;
        if self.task.flags == FlagsOf::Server {
            for (uid, letters) in &news.letters {
                let id = Id::new(selected.uid_validity, *uid);
                marked += usize::from(folder.mark(id, *letters).map_err(local)?);
            }
        }
        if marked > 0 {
            folder.sync().map_err(local)?;
        }
        self.copied.flags += marked;
        Ok(())
    }

    /// Fetches what is not here, and returns what did not come.
    async fn fetch_new(
        &mut self,
        folder: &mut Folder,
        state: &mut State,
        there: &Uids,
    ) -> Result<Missing, Trouble> {
        let name = &self.source.name;
        let is_new = |uid: &u32| {
            !state.uids.contains(*uid) && !self.memory.has_given_up(name, &uid.to_string())
        };
        let new: Vec<u32> = there.iter().filter(is_new).collect();
        let mut missing = Missing::default();
        let Some(set) = set_of(new.iter().copied()) else {
            return Ok(missing);
        };
        let mut sizes = BTreeMap::new();
        let sized = self
            .mailboxes
            .fetch(&set, items("(RFC822.SIZE)")?, |fetch| {
                if let Some((uid, octets)) = fetch.uid().zip(fetch.size()) {
                    sizes.insert(uid.get(), octets);
                }
            });
        match sized.await {
            // Without sizes it is only less certain how long it takes.
            Ok(()) | Err(AccessError::Refused(_)) => {}
            Err(error) => return Err(self.task.trouble(&error)),
        }
        if self.task.progress == Progress::OnTerminal {
            let octets = sizes
                .values()
                .fold(0_u64, |sum, size| sum.saturating_add(*size));
            self.bar = progress::messages(octets, new.len(), name);
        }
        let (mut rest, mut failed) = (&*new, 0);
        while !rest.is_empty() {
            let (batch, behind) = self.split(rest, &sizes);
            rest = behind;
            let mut late = self.batch(folder, state, batch).await?;
            if batch.len() > 1 {
                // One that cannot be sent may have cost the others.
                let alone = std::mem::take(&mut late.uids);
                for uid in alone {
                    if failed < HOPELESS {
                        let again = self.batch(folder, state, &[uid]).await?;
                        failed = if again.uids.is_empty() { 0 } else { failed + 1 };
                        late.uids.extend(again.uids);
                        late.refusal = again.refusal.or(late.refusal);
                    } else {
                        late.uids.push(uid);
                    }
                }
            }
            missing.uids.extend(late.uids);
            missing.refusal = missing.refusal.or(late.refusal);
        }
        Ok(missing)
    }

    fn split<'u>(&mut self, uids: &'u [u32], sizes: &BTreeMap<u32, u64>) -> (&'u [u32], &'u [u32]) {
        if self.memory.careful > 0 {
            self.memory.careful -= 1;
            return uids.split_at_checked(1).unwrap_or((uids, &[]));
        }
        let mut octets = 0_u64;
        let fits = |uid: &&u32| {
            let fits = octets < BATCH_OCTETS;
            octets = octets.saturating_add(sizes.get(uid).copied().unwrap_or_default());
            fits
        };
        let count = uids.iter().take(BATCH).take_while(fits).count();
        uids.split_at_checked(count.max(1)).unwrap_or((uids, &[]))
    }

    /// Fetches some messages in one command. Those that came are in the folder to stay, whatever
    /// became of the others.
    async fn batch(
        &mut self,
        folder: &mut Folder,
        state: &mut State,
        uids: &[u32],
    ) -> Result<Missing, Trouble> {
        let mut missing = Missing::default();
        let Some(set) = set_of(uids.iter().copied()) else {
            return Ok(missing);
        };
        let (mut whole, mut came) = (Vec::new(), Uids::default());
        let ended = self
            .receive(folder, state.uid_validity, &set, &mut whole, &mut came)
            .await?;
        // There is no await from here to the state, so Ctrl-C does not come between them.
        let local = |error| self.task.local(&error);
        let kept = folder.keep(whole).map_err(local)?;
        self.copied.messages += kept.messages;
        self.copied.octets = self.copied.octets.saturating_add(kept.octets);
        for uid in came.iter() {
            state.uids.insert(uid, uid);
        }
        state.save().map_err(local)?;
        missing.uids = uids
            .iter()
            .copied()
            .filter(|uid| !came.contains(*uid))
            .collect();
        let Err(error) = ended else {
            return Ok(missing);
        };
        match self.task.trouble(&error) {
            Trouble::Here(failure) => {
                missing.refusal = Some(failure);
                Ok(missing)
            }
            Trouble::Lost(failure) => {
                match *missing.uids {
                    [uid] if uids.len() == 1 => {
                        let uid = uid.to_string();
                        if self.memory.lost_at(&self.source.name, uid.clone()) {
                            let uid = Some(format!("UID {uid}"));
                            self.copied.skip(&self.source.name, uid, &failure);
                        }
                    }
                    _ => self.memory.careful = missing.uids.len(),
                }
                Err(Trouble::Lost(failure))
            }
            fatal => Err(fatal),
        }
    }

    /// Writes what comes; what came whole is in `whole` at the end. Only errors of the file system
    /// are returned as [`Trouble`].
    async fn receive(
        &mut self,
        folder: &mut Folder,
        uid_validity: Option<NonZeroU32>,
        set: &SequenceSet,
        whole: &mut Vec<Message>,
        came: &mut Uids,
    ) -> Result<Result<(), AccessError>, Trouble> {
        let local = |error| self.task.local(&error);
        let all = items("(FLAGS INTERNALDATE BODY.PEEK[])")?;
        let mut download = self.mailboxes.download(set, all);
        let mut draft = None;
        loop {
            match download.next().await {
                Ok(Some(Piece::Start { .. })) => draft = Some(folder.draft().map_err(local)?),
                Ok(Some(Piece::Octets(octets))) => {
                    if let Some(draft) = &mut draft {
                        draft.write(&octets).map_err(local)?;
                        self.bar
                            .inc(u64::try_from(octets.len()).unwrap_or_default());
                    }
                }
                Ok(Some(Piece::End(fetch))) => {
                    let Some((draft, uid)) = draft.take().zip(fetch.uid()) else {
                        continue;
                    };
                    if came.contains(uid.get()) {
                        continue;
                    }
                    let flags = fetch.flags().unwrap_or_default();
                    let (letters, without) = folder.letters.of(&flags);
                    self.copied.keywords_lost += without;
                    let date = fetch.internal_date().map(|date| date.timestamp());
                    let id = Id::new(uid_validity, uid.get());
                    whole.push(draft.end(id, letters, date).map_err(local)?);
                    came.insert(uid.get(), uid.get());
                    progress::step(&self.bar);
                }
                Ok(Some(_)) => {}
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Tells of the messages that did not come, where they are still there.
    async fn tell_missing(&mut self, missing: Missing) -> Result<(), Trouble> {
        let Some(set) = set_of(missing.uids) else {
            return Ok(());
        };
        let mut there = Uids::default();
        let looked = self.mailboxes.fetch(&set, items("(UID)")?, |fetch| {
            if let Some(uid) = fetch.uid() {
                there.insert(uid.get(), uid.get());
            }
        });
        match looked.await {
            Ok(()) | Err(AccessError::Refused(_)) => {}
            Err(error) => return Err(self.task.trouble(&error)),
        }
        if let Some(uids) = there.to_set() {
            let failure = missing.refusal.unwrap_or_else(|| {
                Failure::new(Exit::Refused, "the server did not send what was asked for")
            });
            self.copied
                .skip(&self.source.name, Some(format!("UID {uids}")), &failure);
        }
        Ok(())
    }

    fn remove_gone(
        &mut self,
        folder: &mut Folder,
        selected: &Selected,
        there: &Uids,
    ) -> Result<(), Trouble> {
        let local = |error| self.task.local(&error);
        let mut removed = folder.remove_former().map_err(local)?;
        if selected.uid_validity.is_some() {
            for uid in folder.uids(selected.uid_validity) {
                if !there.contains(uid) {
                    let id = Id::new(selected.uid_validity, uid);
                    removed += usize::from(folder.remove(id).map_err(local)?);
                }
            }
        }
        if removed > 0 {
            folder.sync().map_err(local)?;
        }
        self.copied.removed += removed;
        Ok(())
    }
}

fn items(text: &str) -> Result<FetchItems, Trouble> {
    let unwritable = |error| Trouble::Fatal(Failure::new(Exit::Unusable, error));
    text.parse().map_err(unwritable)
}
