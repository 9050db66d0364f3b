//! Many messages in one FETCH, piece by piece as they come.

use std::{collections::VecDeque, fmt, num::NonZeroU32, vec};

use bytes::Bytes;
use mailwire_imap::{
    client::{CommandId, Event},
    command::{FetchItems, FetchModifiers},
    response::{Content, Fetch, Response},
    sequence::SequenceSet,
};

use super::{AccessError, Mailboxes, done, sets, transfer::is_whole};

/// What a [`Download`] gives.
///
/// ```
/// let piece = mailwire::Piece::Octets("secret".into());
/// assert!(!format!("{piece:?}").contains("secret"));
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Piece {
    /// A message begins. One that began before and did not end must be thrown away.
    Start {
        /// Its UID, where the server says it in front of the content, as most do.
        uid: Option<NonZeroU32>,
    },
    /// The next octets of it.
    Octets(Bytes),
    /// It is complete: only now may it be kept. Here is all that was asked for beside its content,
    /// with the UID.
    End(Fetch),
}

impl fmt::Debug for Piece {
    // Of messages only the length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { uid } => f.debug_struct("Start").field("uid", uid).finish(),
            Self::Octets(octets) => f.debug_tuple("Octets").field(&octets.len()).finish(),
            Self::End(fetch) => f.debug_tuple("End").field(&fetch.uid()).finish(),
        }
    }
}

/// Messages on their way, from [`Mailboxes::download`]. They come one after the other, in an order
/// that the server chooses, and some may not come at all.
///
/// ```no_run
/// # async fn f(mut mailboxes: mailwire::Mailboxes) -> Result<(), Box<dyn std::error::Error>> {
/// use mailwire::{Piece, imap::sequence::SequenceSet};
/// let items = "(FLAGS INTERNALDATE BODY.PEEK[])".parse()?;
/// let mut download = mailboxes.download(&SequenceSet::all(), items);
/// let mut message = Vec::new();
/// while let Some(piece) = download.next().await? {
///     match piece {
///         Piece::Start { .. } => message.clear(),
///         Piece::Octets(octets) => message.extend_from_slice(&octets),
///         Piece::End(fetch) => println!("{:?} {:?}", fetch.uid(), fetch.flags()),
///         _ => {}
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Download<'a> {
    mailboxes: &'a mut Mailboxes,
    items: FetchItems,
    /// What is still to be asked for.
    sets: vec::IntoIter<SequenceSet>,
    running: Option<(CommandId, SequenceSet)>,
    content: Streamed,
    /// What came at once and is given one by one.
    waiting: VecDeque<Piece>,
}

/// What is known of the content in the response that is being read, by its message number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Streamed {
    Nothing,
    Passing(NonZeroU32),
    /// All of it has come. Contents behind it are none of ours.
    Whole(NonZeroU32),
}

impl Mailboxes {
    /// Fetches messages of any size in few commands. The items must have `BODY.PEEK[]` among them;
    /// with `BODY[]` the messages are marked as seen.
    ///
    /// Dropping it before it has given `None` leaves a session that is only good for being dropped.
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes) -> Result<(), Box<dyn std::error::Error>> {
    /// let few = "4:9".parse()?;
    /// let mut download = mailboxes.download(&few, "(BODY.PEEK[])".parse()?);
    /// while let Some(piece) = download.next().await? {
    ///     println!("{piece:?}");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn download(&mut self, uids: &SequenceSet, items: FetchItems) -> Download<'_> {
        Download {
            mailboxes: self,
            items,
            sets: sets::of_a_line(uids).into_iter(),
            running: None,
            content: Streamed::Nothing,
            waiting: VecDeque::new(),
        }
    }
}

impl Download<'_> {
    /// The next piece; `None` when the server has sent all that it sends.
    ///
    /// # Errors
    ///
    /// [`AccessError::Refused`] where the server would not send all of it: what had ended is good
    /// nevertheless, and the session goes on. With others it is over.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and called again; nothing is lost.
    ///
    /// ```no_run
    /// # async fn f(mut download: mailwire::Download<'_>) -> Result<(), mailwire::AccessError> {
    /// while let Some(piece) = download.next().await? {
    ///     println!("{piece:?}");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn next(&mut self) -> Result<Option<Piece>, AccessError> {
        if let Some(piece) = self.waiting.pop_front() {
            return Ok(Some(piece));
        }
        loop {
            let Some((running, _)) = &self.running else {
                let Some(set) = self.sets.next() else {
                    return Ok(None);
                };
                let (items, all) = (self.items.clone(), FetchModifiers::default());
                let fetch = self.mailboxes.begin_fetch(set.clone(), items, all)?;
                self.running = Some((fetch, set));
                continue;
            };
            let running = *running;
            match self.mailboxes.event().await? {
                Event::Done { id, status } if id == running => {
                    self.ended();
                    done(status)?;
                }
                Event::NotSent { id, misuse } if id == running => {
                    self.ended();
                    return Err(misuse.into());
                }
                event => {
                    if let Some(piece) = self.take(event) {
                        return Ok(Some(piece));
                    }
                }
            }
        }
    }

    fn ended(&mut self) {
        self.mailboxes.interrupted = None;
        self.running = None;
        self.content = Streamed::Nothing;
    }

    fn take(&mut self, event: Event) -> Option<Piece> {
        match event {
            Event::BodyStart(start) => {
                let number = start.fetch.number();
                if self.content != Streamed::Whole(number) && is_whole(start.item()) {
                    self.content = Streamed::Passing(number);
                    let uid = start.fetch.uid();
                    return Some(Piece::Start { uid });
                }
            }
            Event::Body(octets) if matches!(self.content, Streamed::Passing(_)) => {
                return Some(Piece::Octets(octets));
            }
            Event::BodyEnd => {
                if let Streamed::Passing(number) = self.content {
                    self.content = Streamed::Whole(number);
                }
            }
            // Whatever content it had belongs to nothing now.
            Event::Invalid(_) => self.content = Streamed::Nothing,
            Event::Data(Response::Fetch(fetch)) => return self.response(fetch),
            _ => {}
        }
        None
    }

    fn response(&mut self, fetch: Fetch) -> Option<Piece> {
        let content = std::mem::replace(&mut self.content, Streamed::Nothing);
        let (_, set) = self.running.as_ref()?;
        let uid = fetch.uid()?;
        if !set.contains(uid.get(), u32::MAX) {
            return None;
        }
        if content == Streamed::Whole(fetch.number()) {
            return Some(Piece::End(fetch));
        }
        let Some(Content::Inline(text)) = fetch.section(b"") else {
            return None;
        };
        let octets = Bytes::from(text.octets().into_owned());
        if !octets.is_empty() {
            self.waiting.push_back(Piece::Octets(octets));
        }
        self.waiting.push_back(Piece::End(fetch));
        Some(Piece::Start { uid: Some(uid) })
    }
}
