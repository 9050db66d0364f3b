//! What the commands do to the mailbox, and what they say.

use std::num::NonZeroU32;

use mailwire_imap::{
    command::{By, CommandBody, FetchItems, FetchModifiers, Search, Silence, StoreMode},
    flag::{Flag, Flags},
    mailbox::Mailbox as Name,
    response::{Code, Condition, Response, Status},
    sequence::SequenceSet,
    server::{Access, Done, Extension},
    toolkit::{
        list::{MailboxFacts, Mailboxes, StatusFacts, Wording},
        message::{BodySource, FetchPlan, Fetched, ModSeq, Seen, Structure, Text, Unanswerable},
        search::{Answer, Found, Query, Scope, Verdict},
        sort::Order,
        thread::Threads,
        view::{Facts, Stored, copy_uid, stored_flags},
    },
};

use super::{Out, Shop, mailbox::Mailbox};

impl Shop {
    pub(super) fn carry_out(&mut self, command: CommandBody) -> Done {
        let done = match command {
            CommandBody::Fetch {
                by,
                set,
                items,
                modifiers,
            } => self.fetch(by, &set, &items, modifiers),
            CommandBody::Store {
                by,
                set,
                unchanged_since,
                mode,
                silence,
                flags,
            } => self
                .named(by, &set)
                .map(|uids| self.store(by, uids, unchanged_since, (mode, silence), flags)),
            CommandBody::Expunge | CommandBody::Close => self.expunge(None),
            CommandBody::UidExpunge { set } => self
                .named(By::Uid, &set)
                .and_then(|uids| self.expunge(Some(&uids))),
            CommandBody::Search { by, search } => self.search(by, &search),
            CommandBody::Sort {
                by,
                criteria,
                search,
            } => self.find(&search, true).map(|(_, mut found)| {
                let order = Order::new(&criteria);
                let entries = self.facts_of(&found, By::Number).into_iter();
                let entries = entries.map(|(number, facts)| {
                    order.entry(number, &facts, self.mailbox.text(facts.uid))
                });
                found.arrange(order.sort(entries.collect()));
                self.respond(&found, by)
            }),
            CommandBody::Thread {
                by,
                algorithm,
                search,
            } => self.find(&search, true).map(|(_, found)| {
                let Some(mut threads) = Threads::new(&algorithm) else {
                    return Done::no("no such algorithm");
                };
                for (number, facts) in self.facts_of(&found, By::Number) {
                    threads.add(number, &facts, self.mailbox.text(facts.uid));
                }
                self.out.push_back(Out::Response(threads.response(by)));
                Done::ok("done")
            }),
            CommandBody::Copy { by, set, .. } => {
                self.named(by, &set).map(|uids| match copied(&uids) {
                    Some(code) => Done::ok("done").with_code(&code),
                    None => Done::ok("nothing"),
                })
            }
            CommandBody::Move { by, set, .. } => self.named(by, &set).map(|uids| {
                if let Some(code) = copied(&uids) {
                    let status = Status::untagged(Condition::Ok, Some(&code), "moved");
                    self.out.push_back(Out::Response(Response::Status(status)));
                }
                uids.iter().for_each(|uid| self.mailbox.remove(*uid));
                Done::ok("done")
            }),
            other => Ok(self.elsewhere(other)),
        };
        done.unwrap_or_else(|done| done)
    }

    /// What is not about messages.
    fn elsewhere(&mut self, command: CommandBody) -> Done {
        let mailboxes = || {
            let names = ["INBOX", "x", "x/y", "a/b/c"].into_iter();
            let names = names.filter_map(|name| Name::new(name.as_bytes()).ok());
            Mailboxes::new(Some(b'/'), names.map(MailboxFacts::new))
        };
        let facts = StatusFacts::of(&self.mailbox.snapshot);
        match command {
            CommandBody::List(list) => {
                let rev2 = self.server.enabled().has(Extension::Imap4Rev2);
                let wording = if rev2 { Wording::Rev2 } else { Wording::Rev1 };
                let mailboxes = mailboxes();
                let Ok(listing) = mailboxes.list(&list, wording) else {
                    return Done::no("too many patterns");
                };
                for listed in listing {
                    let status = listed
                        .status()
                        .map(|(name, items)| facts.status(name, *items));
                    self.out.push_back(Out::Response(listed.into_response()));
                    let status = status.map(Response::MailboxStatus);
                    self.out.extend(status.map(Out::Response));
                }
            }
            CommandBody::Lsub { reference, pattern } => {
                let mailboxes = mailboxes();
                let listing = mailboxes.lsub(&reference, &pattern);
                let responses = listing.map(|listed| Out::Response(listed.into_response()));
                self.out.extend(responses);
            }
            CommandBody::Namespace => {
                let response = Response::Namespace(mailboxes().namespaces());
                self.out.push_back(Out::Response(response));
            }
            CommandBody::Status { mailbox, items } => {
                let response = Response::MailboxStatus(facts.status(&mailbox, items));
                self.out.push_back(Out::Response(response));
            }
            CommandBody::Noop | CommandBody::Check | CommandBody::Unselect => {}
            _ => return Done::no("by plan"),
        }
        Done::ok("done")
    }

    fn named(&self, by: By, set: &SequenceSet) -> Result<Vec<NonZeroU32>, Done> {
        let view = self.view.as_ref().ok_or_else(Done::unavailable)?;
        let (set, by) = match (set.is_saved(), self.saved.to_set()) {
            (false, _) => (set.clone(), by),
            (true, Some(saved)) => (saved, By::Uid),
            (true, None) => return Ok(Vec::new()),
        };
        let found = view.resolve(&set, by, &[]);
        let found = found.map_err(|error| Done::bad(&error.to_string()))?;
        Ok(found.uids().collect())
    }

    fn fetch(
        &mut self,
        by: By,
        set: &SequenceSet,
        items: &FetchItems,
        modifiers: FetchModifiers,
    ) -> Result<Done, Done> {
        let uids = self.named(by, set)?;
        let mod_seq = if modifiers.changed_since.is_some() {
            ModSeq::Always
        } else {
            ModSeq::IfAsked
        };
        let plan = FetchPlan::new(items, by, mod_seq);
        let sets_seen = plan.sets_seen() && self.server.access() == Some(Access::ReadWrite);
        if modifiers.vanished
            && let Some(view) = &self.view
        {
            let vanished = view.vanished(set).into_iter().map(Response::Vanished);
            self.out.extend(vanished.map(Out::Response));
        }
        let mut refused = None;
        for uid in uids {
            let since = modifiers.changed_since;
            let facts = self.view.as_ref().and_then(|view| view.facts(uid));
            let Some(facts) = facts.filter(|facts| since.is_none_or(|since| facts.mod_seq > since))
            else {
                continue;
            };
            let mut flags = facts.flags.clone();
            let just_seen = sets_seen && !facts.is_seen();
            if just_seen {
                flags.insert(&Flag::Seen);
                self.mailbox.set_flags(uid, flags);
            }
            let snapshot = self.mailbox.snapshot.clone();
            let Some(view) = &mut self.view else { break };
            assert_eq!(view.update(snapshot), Ok(()));
            let (Some(number), Some(facts)) = (view.number(uid), view.facts(uid)) else {
                continue;
            };
            let facts = facts.into_owned();
            if just_seen {
                view.flags_were_told(number);
            }
            if let Err(error) = self.answer(&plan, number, &facts, just_seen) {
                assert_eq!(error, Unanswerable::UnknownEncoding);
                refused = Some(Done::no("unknown encoding").with_code(&Code::UnknownCte));
            }
        }
        Ok(refused.unwrap_or_else(|| Done::ok("done")))
    }

    fn answer(
        &mut self,
        plan: &FetchPlan,
        number: NonZeroU32,
        facts: &Facts,
        just_seen: bool,
    ) -> Result<(), Unanswerable> {
        let text = self.mailbox.text(facts.uid);
        let structure = Structure::of(text);
        let mut measures = plan.measures(&structure);
        for measure in &mut measures {
            let octets = cut_out(text, &measure.range());
            measure.feed(octets);
        }
        let mut fetched = Fetched::new(number, facts);
        fetched.structure = Some(&structure);
        fetched.text = if self.is_apart {
            Text::Apart(&measures)
        } else {
            Text::Whole(text)
        };
        if just_seen {
            fetched.seen = Seen::JustSet;
        }
        let answer = plan.answer(&fetched)?;
        self.out.push_back(Out::Fetch(answer.fetch));
        // An empty one is complete as soon as it is announced.
        for source in answer.bodies.iter().filter(|source| source.octets() > 0) {
            let octets = body_of(source, text);
            self.out.push_back(Out::Body(octets.into()));
        }
        Ok(())
    }

    fn store(
        &mut self,
        by: By,
        uids: Vec<NonZeroU32>,
        unchanged_since: Option<u64>,
        (mode, silence): (StoreMode, Silence),
        flags: Flags,
    ) -> Done {
        let (mut kept, mut stored) = (Vec::new(), Vec::new());
        for uid in uids {
            let messages = &self.mailbox.snapshot.messages;
            let Some(facts) = messages.by_uid(uid) else {
                continue;
            };
            if unchanged_since.is_some_and(|since| facts.mod_seq > since) {
                kept.push(uid);
                continue;
            }
            let after = stored_flags(&facts.flags, mode, &flags);
            self.mailbox.set_flags(uid, after);
            stored.push(uid);
        }
        let snapshot = self.mailbox.snapshot.clone();
        let Some(view) = &mut self.view else {
            return Done::unavailable();
        };
        if unchanged_since.is_some() {
            view.tell_mod_seq();
        }
        let told = Stored::new(stored, mode, flags, silence);
        assert_eq!(view.stored(snapshot, &told), Ok(()));
        match view.set_of(by, kept) {
            Some(kept) => Done::ok("some have changed").with_code(&Code::Modified(kept)),
            None => Done::ok("done"),
        }
    }

    fn expunge(&mut self, only: Option<&[NonZeroU32]>) -> Result<Done, Done> {
        let view = self.view.as_ref().ok_or_else(Done::unavailable)?;
        if self.server.access() == Some(Access::ReadOnly) {
            return Ok(Done::ok("nothing is expunged"));
        }
        let is_meant = |uid: &NonZeroU32| only.is_none_or(|only| only.contains(uid));
        let deleted: Vec<_> = view.deleted().filter(is_meant).collect();
        deleted.into_iter().for_each(|uid| self.mailbox.remove(uid));
        Ok(Done::ok("done"))
    }

    fn search(&mut self, by: By, search: &Search) -> Result<Done, Done> {
        let (query, found) = self.find(search, false)?;
        found.save(&mut self.saved);
        if query.has_mod_seq()
            && let Some(view) = &mut self.view
        {
            view.tell_mod_seq();
        }
        Ok(self.respond(&found, by))
    }

    fn respond(&mut self, found: &Found, by: By) -> Done {
        let answer = if self.server.enabled().has(Extension::Imap4Rev2) {
            Answer::ESearch
        } else {
            Answer::Search
        };
        let tag = self.server.tag().map(|tag| tag.as_bytes().to_vec());
        let response = found.response(&tag.unwrap_or_default(), by, answer);
        self.out.extend(response.map(Out::Response));
        Done::ok("done")
    }

    /// What matches, and the same when the message comes in other pieces.
    fn find(&self, search: &Search, all: bool) -> Result<(Query, Found), Done> {
        let view = self.view.as_ref().ok_or_else(Done::unavailable)?;
        let now = Mailbox::now().ok_or_else(Done::unavailable)?;
        let largest = view.uid(view.exists());
        let scope = Scope::new(view.exists(), largest, now).with_saved(self.saved.clone());
        let query = Query::compile(search, &scope).map_err(|refused| {
            let done = Done::no(&refused.to_string());
            match refused.code() {
                Some(code) => done.with_code(&code),
                None => done,
            }
        })?;
        let mut found = if all {
            Found::all(&query)
        } else {
            Found::new(&query)
        };
        while let Some(number) = found.next_number() {
            let facts = view.uid(number.get()).and_then(|uid| view.facts(uid));
            let Some(facts) = facts else { continue };
            let looked = |size: usize| {
                let mut matcher = query.matcher(number, &facts);
                for piece in self.mailbox.text(facts.uid).chunks(size) {
                    matcher.feed(piece);
                }
                matcher.finish()
            };
            let matches = looked(usize::MAX);
            assert_eq!(matches, looked(1), "{search:?}");
            assert_eq!(matches, looked(13), "{search:?}");
            match query.by_facts(number, &facts) {
                Verdict::Undecided(_) => {}
                verdict => assert_eq!(matches, verdict == Verdict::Yes, "{search:?}"),
            }
            if matches {
                found.add(number, &facts);
            }
        }
        Ok((query, found))
    }

    fn facts_of(&self, found: &Found, by: By) -> Vec<(NonZeroU32, Facts)> {
        let facts = found.iter(by).filter_map(|number| {
            let view = self.view.as_ref()?;
            let facts = view.facts(view.uid(number.get())?)?;
            Some((number, facts.into_owned()))
        });
        facts.collect()
    }
}

fn copied(uids: &[NonZeroU32]) -> Option<Code<'static>> {
    let pairs = (101..)
        .zip(uids)
        .filter_map(|(to, from)| Some((*from, NonZeroU32::new(to)?)));
    copy_uid(NonZeroU32::MAX, pairs)
}

/// What a body that was announced consists of.
pub(crate) fn body_of(source: &BodySource, message: &[u8]) -> Vec<u8> {
    if let BodySource::Octets(octets) = source {
        return octets.to_vec();
    }
    let read = source
        .range()
        .map_or(&[][..], |range| cut_out(message, &range));
    match source.reader() {
        None => read.to_vec(),
        Some(mut reader) => {
            let mut octets = Vec::new();
            for piece in read.chunks(3) {
                octets.extend(reader.feed(piece));
            }
            octets.extend(reader.finish());
            octets
        }
    }
}

pub(crate) fn cut_out<'a>(message: &'a [u8], range: &std::ops::Range<u64>) -> &'a [u8] {
    let at = |octets| usize::try_from(octets).unwrap_or(usize::MAX);
    message
        .get(at(range.start)..at(range.end))
        .unwrap_or_default()
}
