//! A client of IMAP that reads every octet of the server with the grammar in hand, and keeps in
//! mind what it was told of the mailbox that is open.

use std::{collections::BTreeSet, num::NonZeroU32};

use mailwire_examples::config::{Service, TlsMode};
use mailwire_imap::{
    flag::{Flag, Flags},
    frame::{ResponseFrame, Responses},
    response::{Code, Condition, Fetch, Response, Status, Tolerances},
    sequence::SequenceSet,
};

use super::{client::Client, harness::Mail};

/// More than any response of these tests has, so that only large bodies come by themselves.
const INLINE: u64 = 2 << 20;

pub(crate) struct Imap {
    pub(crate) wire: Client,
    frames: Responses,
    tags: u32,
    /// The messages of the mailbox that is open, as the server has told of them.
    pub(crate) messages: Vec<Told>,
    /// Literals that were too large to stay in their responses.
    pub(crate) bodies: Vec<Vec<u8>>,
    numbers: Numbers,
    /// The command that was sent last, for whom it fails.
    said: String,
}

/// Whether message numbers may move now (RFC 9051 §7.5.1).
#[derive(Clone, Copy, Debug, PartialEq)]
enum Numbers {
    Stay,
    MayMove,
}

/// What is known of a message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Told {
    pub(crate) uid: Option<u32>,
    /// Without `\Recent`, which is another one's in another session.
    pub(crate) flags: Option<BTreeSet<String>>,
}

/// All that was said to one command.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) untagged: Vec<Response>,
    pub(crate) status: Status,
}

impl Mail {
    /// A connection whose greeting was read.
    pub(crate) async fn imap(&self, service: Service) -> Imap {
        let mut wire = self.raw(service).await;
        if service.usual_tls() == TlsMode::Implicit {
            wire = wire.implicit(&self.tls()).await.unwrap();
        }
        let mut imap = Imap::over(wire);
        let greeting = imap.response().await;
        assert!(
            matches!(&greeting, Response::Status(status) if status.condition() == Condition::Ok),
            "{greeting:?}"
        );
        imap
    }

    /// A connection of somebody who has logged in.
    pub(crate) async fn imap_of(&self, (name, password): (&str, &str)) -> Imap {
        let mut imap = self.imap(Service::Imaps).await;
        imap.ok(format!("LOGIN {name} \"{password}\"")).await;
        imap
    }

    /// The same with a mailbox open, and all UIDs and flags known.
    pub(crate) async fn imap_in(&self, who: (&str, &str), mailbox: &str) -> Imap {
        let mut imap = self.imap_of(who).await;
        imap.ok(format!("SELECT {mailbox}")).await;
        imap.learn().await;
        imap
    }

    /// Brings somebody a message by LMTP.
    pub(crate) async fn deliver(&self, (name, _): (&str, &str), text: &str) {
        let mut sender = self.hello(Service::Lmtp).await;
        let text = format!("{text}\r\n.\r\n");
        let reply = sender.mail("", &format!("{name}@example.test"), text).await;
        assert!(reply.starts_with("250"), "{reply}");
    }

    /// What a session that is opened now is told of a mailbox.
    pub(crate) async fn fresh(&self, who: (&str, &str), mailbox: &str) -> Vec<Told> {
        let mut imap = self.imap_of(who).await;
        imap.ok(format!("EXAMINE {mailbox}")).await;
        imap.learn().await;
        imap.ok("LOGOUT").await;
        imap.messages
    }
}

impl Imap {
    pub(crate) fn over(wire: Client) -> Self {
        let mut frames = Responses::new();
        frames.set_inline(INLINE);
        Self {
            wire,
            frames,
            tags: 0,
            messages: Vec::new(),
            bodies: Vec::new(),
            numbers: Numbers::MayMove,
            said: String::new(),
        }
    }

    /// The next response, or `None` where the server has closed.
    pub(crate) async fn try_response(&mut self) -> Option<Response> {
        let mut streamed = Vec::new();
        loop {
            let frame = match self.frames.next(&mut self.wire.input) {
                ResponseFrame::Whole(frame) => frame,
                ResponseFrame::Body { head, .. } => {
                    streamed.extend_from_slice(&head);
                    self.bodies.push(Vec::new());
                    continue;
                }
                ResponseFrame::InBody => {
                    match self.frames.take_body(&mut self.wire.input) {
                        Some(octets) => self.bodies.last_mut().unwrap().extend(octets),
                        None => assert_ne!(self.wire.read().await, 0, "cut in a literal"),
                    }
                    continue;
                }
                ResponseFrame::Tail(tail) => {
                    streamed.extend_from_slice(&tail);
                    let parsed = Fetch::parse_streamed(streamed.into(), Tolerances::NONE);
                    let (fetch, notices) = parsed.unwrap();
                    assert!(notices.is_empty(), "{fetch:?}");
                    let response = Response::Fetch(fetch);
                    self.note(&response);
                    return Some(response);
                }
                ResponseFrame::NeedInput => {
                    if self.wire.read().await == 0 {
                        let rest = &self.wire.input;
                        assert!(rest.is_empty(), "cut in a response: {rest:?}");
                        return None;
                    }
                    continue;
                }
                other => panic!("{other:?}"),
            };
            let shown = String::from_utf8_lossy(&frame).into_owned();
            let parsed = Response::parse(frame, Tolerances::NONE);
            let (response, notices) = parsed.unwrap_or_else(|error| panic!("{error}: {shown}"));
            assert!(notices.is_empty(), "{shown}");
            let is_known = !matches!(response, Response::Unknown(_));
            assert!(is_known, "{shown}");
            self.note(&response);
            return Some(response);
        }
    }

    pub(crate) async fn response(&mut self) -> Response {
        self.try_response().await.expect("the server has closed")
    }

    /// Insists that the server says BYE, and closes behind it.
    pub(crate) async fn bye(&mut self) -> Status {
        loop {
            match self.response().await {
                Response::Status(status) if status.condition() == Condition::Bye => {
                    self.wire.closes().await;
                    return status;
                }
                Response::Status(status) => assert_ne!(status.condition(), Condition::PreAuth),
                _ => {}
            }
        }
    }

    /// Insists that the server says BYE, answers the command with this tag, and nothing else.
    pub(crate) async fn bye_and(&mut self, tag: &str) {
        let answer = self.end(tag).await;
        let is_bye = |response: &Response| matches!(response, Response::Status(status) if status.condition() == Condition::Bye);
        assert!(answer.untagged.iter().any(is_bye) && answer.is_ok());
        self.wire.closes().await;
    }

    /// Takes a response to mind.
    fn note(&mut self, response: &Response) {
        match response {
            Response::Exists(count) => {
                let count = usize::try_from(*count).unwrap();
                assert!(count >= self.messages.len(), "EXISTS takes messages away");
                self.messages.resize(count, Told::default());
            }
            Response::Expunge(number) => {
                assert_eq!(self.numbers, Numbers::MayMove, "EXPUNGE at the wrong time");
                let at = usize::try_from(number.get()).unwrap() - 1;
                assert!(at < self.messages.len(), "EXPUNGE {number} of nothing");
                self.messages.remove(at);
            }
            Response::Vanished(vanished) if !vanished.is_earlier() => {
                assert_eq!(self.numbers, Numbers::MayMove, "VANISHED at the wrong time");
                for uid in numbers_of(&vanished.uids().unwrap()) {
                    let at = |uid| self.messages.iter().position(|told| told.uid == uid);
                    // One that EXISTS has told of, and whose UID was not asked for yet.
                    let at = at(Some(uid)).or_else(|| at(None));
                    self.messages.remove(at.expect("VANISHED of nothing"));
                }
            }
            Response::Fetch(fetch) => {
                let at = usize::try_from(fetch.number().get()).unwrap() - 1;
                let told = self.messages.get_mut(at).expect("FETCH of nothing");
                if let Some(uid) = fetch.uid() {
                    let uid = uid.get();
                    assert!(told.uid.is_none_or(|known| known == uid), "another UID");
                    told.uid = Some(uid);
                }
                if let Some(flags) = fetch.flags() {
                    told.flags = Some(words(&flags));
                }
            }
            _ => {}
        }
    }

    /// Sends a command and answers with its tag.
    pub(crate) async fn begin(&mut self, command: impl AsRef<[u8]>) -> String {
        self.tags += 1;
        let tag = format!("t{}", self.tags);
        let command = command.as_ref();
        let shown = command.get(..200).unwrap_or(command);
        self.said = String::from_utf8_lossy(shown).into_owned();
        let upper = self.said.to_ascii_uppercase();
        let opens = ["SELECT", "EXAMINE"]
            .iter()
            .any(|word| upper.starts_with(word));
        if opens {
            self.messages.clear();
        }
        let keeps = ["FETCH ", "STORE ", "SEARCH ", "SORT ", "THREAD "];
        self.numbers = if keeps.iter().any(|word| upper.starts_with(word)) {
            Numbers::Stay
        } else {
            Numbers::MayMove
        };
        self.wire
            .send([tag.as_bytes(), b" ", command, b"\r\n"].concat())
            .await;
        tag
    }

    /// Reads up to the tagged response of a command.
    pub(crate) async fn end(&mut self, tag: &str) -> Answer {
        let mut untagged = Vec::new();
        loop {
            let response = self.try_response().await;
            let closed = || {
                let bodies: Vec<_> = self.bodies.iter().map(Vec::len).collect();
                panic!("closed after {}: {untagged:?} {bodies:?}", self.said)
            };
            match response.unwrap_or_else(closed) {
                Response::Status(status) if status.tag().is_some() => {
                    assert_eq!(status.tag(), Some(tag.as_bytes()), "{untagged:?}");
                    return Answer { untagged, status };
                }
                response => untagged.push(response),
            }
        }
    }

    pub(crate) async fn ask(&mut self, command: impl AsRef<[u8]>) -> Answer {
        let tag = self.begin(command).await;
        self.end(&tag).await
    }

    /// Sends a command that has to succeed.
    pub(crate) async fn ok(&mut self, command: impl AsRef<[u8]>) -> Answer {
        self.is(command, Condition::Ok).await
    }

    /// Sends a command that has to be refused.
    pub(crate) async fn no(&mut self, command: impl AsRef<[u8]>) -> Answer {
        self.is(command, Condition::No).await
    }

    /// Sends what is no command.
    pub(crate) async fn bad(&mut self, command: impl AsRef<[u8]>) -> Answer {
        self.is(command, Condition::Bad).await
    }

    async fn is(&mut self, command: impl AsRef<[u8]>, condition: Condition) -> Answer {
        let answer = self.ask(command.as_ref()).await;
        let command = String::from_utf8_lossy(command.as_ref()).into_owned();
        assert_eq!(
            answer.status.condition(),
            condition,
            "{command}: {:?}",
            answer.status
        );
        answer
    }

    /// Sends a command whose last part is a literal, once the server asks for it.
    pub(crate) async fn ask_with(
        &mut self,
        command: &str,
        literal: impl AsRef<[u8]>,
    ) -> (Answer, Asked) {
        let literal = literal.as_ref();
        let tag = self.begin(format!("{command} {{{}}}", literal.len())).await;
        let answer = self.end_or_go(&tag).await;
        match answer {
            Some(answer) => (answer, Asked::No),
            None => {
                self.wire.send([literal, b"\r\n"].concat()).await;
                (self.end(&tag).await, Asked::Yes)
            }
        }
    }

    /// Waits for the continuation request; answers with what came in its stead.
    pub(crate) async fn end_or_go(&mut self, tag: &str) -> Option<Answer> {
        let mut untagged = Vec::new();
        loop {
            match self.response().await {
                Response::Continuation(_) => return None,
                Response::Status(status) if status.tag().is_some() => {
                    assert_eq!(status.tag(), Some(tag.as_bytes()));
                    return Some(Answer { untagged, status });
                }
                response => untagged.push(response),
            }
        }
    }

    /// Appends a message. Answers with its UID.
    pub(crate) async fn append(&mut self, to: &str, text: impl AsRef<[u8]>) -> u32 {
        let (answer, _) = self.ask_with(&format!("APPEND {to}"), text).await;
        match answer.status.code() {
            Some(Code::AppendUid { uids, .. }) => numbers_of(&uids)[0],
            _ => panic!("{:?}", answer.status),
        }
    }

    /// Appends so many small messages to a mailbox.
    pub(crate) async fn fill(&mut self, mailbox: &str, count: usize) {
        for number in 1..=count {
            let text = format!("Subject: {number}\r\n\r\nmessage {number}\r\n");
            self.append(mailbox, text).await;
        }
    }

    /// Asks for all that [`Told`] holds.
    pub(crate) async fn learn(&mut self) {
        if !self.messages.is_empty() {
            self.ok("FETCH 1:* (UID FLAGS)").await;
        }
    }

    /// Idles from now on.
    pub(crate) async fn idle(&mut self) -> String {
        let tag = self.begin("IDLE").await;
        assert!(self.end_or_go(&tag).await.is_none());
        tag
    }

    /// Ends an IDLE.
    pub(crate) async fn done(&mut self, tag: &str) -> Answer {
        self.wire.send("DONE\r\n").await;
        let answer = self.end(tag).await;
        assert_eq!(answer.status.condition(), Condition::Ok);
        answer
    }

    pub(crate) fn uids(&self) -> Vec<u32> {
        self.messages.iter().map(|told| told.uid.unwrap()).collect()
    }

    /// The flags of a message by its number.
    pub(crate) fn flags(&self, number: usize) -> Vec<&str> {
        let flags = self.messages[number - 1].flags.as_ref().unwrap();
        flags.iter().map(String::as_str).collect()
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asked {
    Yes,
    No,
}

impl Answer {
    pub(crate) fn fetches(&self) -> Vec<&Fetch> {
        let fetch = |response| match response {
            &Response::Fetch(ref fetch) => Some(fetch),
            _ => None,
        };
        self.untagged.iter().filter_map(fetch).collect()
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.status.condition() == Condition::Ok
    }

    /// The one FETCH response.
    pub(crate) fn fetch(&self) -> &Fetch {
        let all = self.fetches();
        assert_eq!(all.len(), 1, "{self:?}");
        all[0]
    }

    /// The octets of a section of the one FETCH response.
    pub(crate) fn section(&self, section: &str) -> Vec<u8> {
        let content = self.fetch().section(section.as_bytes()).unwrap();
        content.text().unwrap().to_octets().to_vec()
    }

    /// The numbers of SEARCH or SORT.
    pub(crate) fn found(&self) -> Vec<u32> {
        let found = self.untagged.iter().find_map(|response| match response {
            Response::Search(numbers) | Response::Sort(numbers) => Some(numbers),
            _ => None,
        });
        found.unwrap().iter().map(NonZeroU32::get).collect()
    }

    /// The numbers of EXPUNGE.
    pub(crate) fn expunged(&self) -> Vec<u32> {
        let expunged = |response: &Response| match response {
            Response::Expunge(number) => Some(number.get()),
            _ => None,
        };
        self.untagged.iter().filter_map(expunged).collect()
    }

    /// What VANISHED has named.
    pub(crate) fn vanished(&self) -> Vec<u32> {
        let vanished = |response: &Response| match response {
            Response::Vanished(vanished) => vanished.uids(),
            _ => None,
        };
        let sets = self.untagged.iter().filter_map(vanished);
        sets.flat_map(|set| numbers_of(&set)).collect()
    }

    /// The codes of untagged and tagged status responses.
    pub(crate) fn codes(&self) -> Vec<Code<'_>> {
        let untagged = self.untagged.iter().filter_map(|response| match response {
            Response::Status(status) => status.code(),
            _ => None,
        });
        untagged.chain(self.status.code()).collect()
    }

    pub(crate) fn has(&self, code: &Code<'_>) -> bool {
        self.codes().contains(code)
    }
}

/// The flags in words, without `\Recent`.
pub(crate) fn words(flags: &Flags) -> BTreeSet<String> {
    let word = |flag: Flag| String::from_utf8(flag.as_bytes().to_vec()).unwrap();
    let kept = flags.iter().filter(|flag| *flag != Flag::Recent);
    kept.map(word).collect()
}

/// The numbers of a set that names each of them.
pub(crate) fn numbers_of(set: &SequenceSet) -> Vec<u32> {
    set.iter()
        .flat_map(|range| range.bounds(u32::MAX))
        .collect()
}
