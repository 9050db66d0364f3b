//! THREAD, evaluated: ORDEREDSUBJECT and REFERENCES (RFC 5256 §3).
//!
//! The messages that SEARCH has found are [added](Threads::add) one by one with their headers, of
//! which only what joins them is kept; [`response`](Threads::response) then makes the threads.
//! Both take about as long for hostile headers as for others: `n log n` in the number of messages
//! and references, with nothing that goes down by recursion.
//!
//! ```
//! use core::num::NonZeroU32;
//! use mailwire_imap::{
//!     command::{Algorithm, By},
//!     toolkit::{thread::Threads, view::Facts},
//! };
//! let date = "\"17-Jul-1996 02:44:25 -0700\"".parse()?;
//! let mut threads = Threads::new(&Algorithm::References).unwrap();
//! let headers = [
//!     "Message-ID: <a@x>\r\nSubject: lunch\r\n\r\n",
//!     "Message-ID: <b@x>\r\nReferences: <a@x>\r\nSubject: Re: lunch\r\n\r\n",
//!     "Message-ID: <c@x>\r\nSubject: dinner\r\n\r\n",
//! ];
//! for (number, header) in (1..).filter_map(NonZeroU32::new).zip(headers) {
//!     threads.add(number, &Facts::new(number, date, None), header.as_bytes());
//! }
//! let mut wire = bytes::BytesMut::new();
//! threads.response(By::Number).encode(&mut wire);
//! assert_eq!(wire, "* THREAD (1 2)(3)\r\n");
//! # Ok::<(), mailwire_imap::error::ParseError>(())
//! ```
//!
//! A response nests lists to [`limits::DEPTH`](crate::limits::DEPTH) at the most. Answers in one
//! line below each other nest nothing; where a conversation branches off more often than that
//! within itself, what is deeper is written in one line (see [`Thread::new`]), each message still
//! exactly once.

mod ancestry;
mod links;
mod tree;

use alloc::{string::String, vec::Vec};
use core::{fmt, num::NonZeroU32};

use self::{links::Links, tree::Tree};
use super::{
    message::{header::Fields, subject, text::decode_value},
    search::fold,
    sort::sent_date,
    view::Facts,
};
use crate::{
    command::{Algorithm, By},
    response::{Response, Thread, ThreadNode},
};

/// The messages that are to be threaded, and what joins them.
///
/// ```
/// use mailwire_imap::{command::Algorithm, toolkit::thread::Threads};
/// assert!(Threads::new(&Algorithm::OrderedSubject).is_some());
/// assert!(Threads::new(&Algorithm::new(b"REFS").unwrap()).is_none(), "nobody knows it");
/// ```
pub struct Threads {
    members: Vec<Member>,
    /// Who answers whom; none for ORDEREDSUBJECT.
    links: Option<Links>,
}

/// A message, as far as threads are concerned.
struct Member {
    number: NonZeroU32,
    uid: NonZeroU32,
    /// The sent date in seconds since 1970.
    sent: i64,
    /// The base subject in one case.
    subject: String,
    /// Whether the subject says that it is a reply or forwarded.
    is_answer: bool,
}

impl Member {
    /// By sent date, and then in the order of the mailbox (RFC 5256 §2.2).
    const fn key(&self) -> (i64, NonZeroU32) {
        (self.sent, self.number)
    }
}

impl Threads {
    /// No messages so far; `None` for an algorithm that is not known.
    #[must_use]
    pub fn new(algorithm: &Algorithm) -> Option<Self> {
        let links = match algorithm {
            Algorithm::OrderedSubject => None,
            Algorithm::References => Some(Links::new()),
            Algorithm::Other(_) => return None,
        };
        Some(Self {
            members: Vec::new(),
            links,
        })
    }

    /// Adds a message that was found, in ascending order of the numbers. `header` may go on with
    /// the body, which is not looked at.
    pub fn add(&mut self, number: NonZeroU32, facts: &Facts, header: &[u8]) {
        let subject = Fields::new(header).find("Subject");
        let subject = subject.map(|field| decode_value(field.raw_value()));
        let (base, is_answer) = subject::base(&subject.unwrap_or_default());
        self.members.push(Member {
            number,
            uid: facts.uid,
            sent: sent_date(header, facts),
            subject: fold(&base),
            is_answer,
        });
        if let Some(links) = &mut self.links {
            links.add(header);
        }
    }

    /// The threads, each message before those that answer it.
    #[must_use]
    pub fn nodes(&self, by: By) -> Vec<ThreadNode> {
        let threads = match &self.links {
            None => self.by_subject(),
            Some(links) => Tree::new(&self.members, links).threads(),
        };
        let number = |at: usize| {
            self.members.get(at).map(|member| match by {
                By::Number => member.number,
                By::Uid => member.uid,
            })
        };
        threads
            .into_iter()
            .map(|(at, level)| ThreadNode::new(at.and_then(number), level))
            .collect()
    }

    /// The response. MODSEQ adds nothing to it (RFC 7162 §3.1.9).
    #[must_use]
    pub fn response(&self, by: By) -> Response {
        Response::Thread(Thread::new(&self.nodes(by)))
    }

    /// ORDEREDSUBJECT: members and their levels.
    fn by_subject(&self) -> Vec<(Option<usize>, u32)> {
        let mut sorted: Vec<_> = self.members.iter().enumerate().collect();
        sorted.sort_unstable_by(|(_, one), (_, two)| {
            one.subject
                .cmp(&two.subject)
                .then(one.key().cmp(&two.key()))
        });
        let mut threads: Vec<_> = sorted
            .chunk_by(|(_, one), (_, two)| one.subject == two.subject)
            .collect();
        threads.sort_unstable_by_key(|thread| thread.first().map(|(_, first)| first.key()));
        let levels = |thread: &[(usize, &Member)]| {
            let nodes = thread.iter().enumerate();
            let nodes = nodes.map(|(at, (member, _))| (Some(*member), u32::from(at > 0)));
            nodes.collect::<Vec<_>>()
        };
        threads.into_iter().flat_map(levels).collect()
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads")
            .field("messages", &self.members.len())
            .finish_non_exhaustive()
    }
}
