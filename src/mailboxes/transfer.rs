//! Messages on their way: FETCH and APPEND.

use std::num::NonZeroU32;

use bytes::{Bytes, BytesMut};
use mailtls::Turn;
use mailwire_imap::{
    capability::Capability,
    client::{CommandId, Event},
    command::{
        By, CommandBody, FetchItem, FetchItems, FetchModifiers, Message, Part, Peek, Section,
    },
    flag::Flags,
    mailbox::Mailbox,
    response::{self, Code, Content, Fetch, Response, Status},
    sequence::SequenceSet,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{AccessError, Mailboxes, done, only, sets};
use crate::line_ends::LineEnds;

/// Octets of a message that are read at once.
const PIECE: usize = 64 * 1024;

/// Where a message went (RFC 4315 §3).
///
/// ```
/// fn name(appended: &mailwire::Appended) -> String {
///     format!("{}-{}", appended.uid_validity, appended.uid)
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Appended {
    /// UIDVALIDITY of the mailbox.
    pub uid_validity: NonZeroU32,
    /// The message's UID.
    pub uid: NonZeroU32,
}

impl Mailboxes {
    /// What the server says of messages, one by one, with their UIDs. This is for facts about
    /// them: content above 64 KiB only comes by [`retrieve_to`](Self::retrieve_to), and shows as
    /// [`Content::Streamed`] here.
    ///
    /// # Errors
    ///
    /// [`AccessError`].
    ///
    /// # Cancel safety
    ///
    /// As [`Mailboxes::list`].
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes) -> Result<(), Box<dyn std::error::Error>> {
    /// use mailwire::imap::sequence::SequenceSet;
    /// let items = "(FLAGS RFC822.SIZE ENVELOPE)".parse()?;
    /// mailboxes
    ///     .fetch(&SequenceSet::all(), items, |message| {
    ///         let envelope = message.envelope();
    ///         let subject = envelope.as_ref().and_then(|envelope| envelope.subject());
    ///         println!("{:?} {:?} {:?}", message.uid(), message.size(), subject);
    ///     })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub async fn fetch(
        &mut self,
        uids: &SequenceSet,
        items: FetchItems,
        each: impl FnMut(&Fetch),
    ) -> Result<(), AccessError> {
        let all = FetchModifiers::default();
        self.fetch_modified(uids, items, all, each).await
    }

    /// The same of those messages only that have changed since a modification sequence (RFC 7162
    /// §3.1.4.1), which is told for a mailbox as
    /// [`Selected::highest_mod_seq`](mailwire_imap::client::Selected::highest_mod_seq).
    ///
    /// # Errors
    ///
    /// [`AccessError`], and [`AccessError::Unsupported`] where the server has no CONDSTORE.
    ///
    /// # Cancel safety
    ///
    /// As [`Mailboxes::list`].
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes) -> Result<(), Box<dyn std::error::Error>> {
    /// use mailwire::imap::sequence::SequenceSet;
    /// let (all, since) = (SequenceSet::all(), 715_194_045_007);
    /// mailboxes
    ///     .fetch_changed(&all, "(FLAGS)".parse()?, since, |message| {
    ///         println!("{:?} {:?}", message.uid(), message.flags());
    ///     })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub async fn fetch_changed(
        &mut self,
        uids: &SequenceSet,
        items: FetchItems,
        since: u64,
        each: impl FnMut(&Fetch),
    ) -> Result<(), AccessError> {
        if !self.has(Capability::CondStore) && !self.has(Capability::QResync) {
            return Err(AccessError::Unsupported("CONDSTORE"));
        }
        let changed = FetchModifiers::changed_since(since);
        self.fetch_modified(uids, items, changed, each).await
    }

    async fn fetch_modified(
        &mut self,
        uids: &SequenceSet,
        items: FetchItems,
        modifiers: FetchModifiers,
        mut each: impl FnMut(&Fetch),
    ) -> Result<(), AccessError> {
        for set in sets::of_a_line(uids) {
            let fetch = self.begin_fetch(set.clone(), items.clone(), modifiers)?;
            self.finish(fetch, |event| {
                if let Event::Data(Response::Fetch(message)) = event {
                    // Others may change flags meanwhile.
                    let is_asked = |uid: NonZeroU32| set.contains(uid.get(), u32::MAX);
                    if message.uid().is_some_and(is_asked) {
                        each(&message);
                    }
                }
            })
            .await?;
        }
        Ok(())
    }

    pub(super) fn begin_fetch(
        &mut self,
        set: SequenceSet,
        items: FetchItems,
        modifiers: FetchModifiers,
    ) -> Result<CommandId, AccessError> {
        self.begin(CommandBody::Fetch {
            by: By::Uid,
            set,
            items,
            modifiers,
        })
    }

    /// Fetches a message into memory; it is not marked as seen.
    ///
    /// # Errors
    ///
    /// As [`Mailboxes::retrieve_to`].
    ///
    /// # Cancel safety
    ///
    /// As [`Mailboxes::list`].
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes, uid: std::num::NonZeroU32) -> Result<(), mailwire::AccessError> {
    /// let message = mailboxes.retrieve(uid).await?;
    /// println!("{}", String::from_utf8_lossy(&message));
    /// # Ok(()) }
    /// ```
    pub async fn retrieve(&mut self, uid: NonZeroU32) -> Result<Vec<u8>, AccessError> {
        let mut octets = Vec::new();
        self.retrieve_to(uid, &mut octets, |_| {}).await?;
        Ok(octets)
    }

    /// Fetches a message of any size into a writer; it is not marked as seen. `progress` is told how
    /// many octets have come. Only when this returns `Ok` is the message complete; anything else
    /// must be thrown away.
    ///
    /// # Errors
    ///
    /// [`AccessError::NoMessage`] where there is none of that UID, and others.
    ///
    /// # Cancel safety
    ///
    /// As [`Mailboxes::list`].
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes, uid: std::num::NonZeroU32) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut file = tokio::fs::File::create_new("message.eml").await?;
    /// mailboxes.retrieve_to(uid, &mut file, |octets| eprintln!("{octets}")).await?;
    /// file.sync_all().await?;
    /// # Ok(()) }
    /// ```
    pub async fn retrieve_to(
        &mut self,
        uid: NonZeroU32,
        mut writer: impl AsyncWrite + Unpin,
        mut progress: impl FnMut(u64),
    ) -> Result<u64, AccessError> {
        let Some(items) = FetchItems::new(&[FetchItem::Body {
            peek: Peek::Leaves,
            section: Section::All(Part::WHOLE),
            partial: None,
        }]) else {
            return Err(AccessError::NoMessage);
        };
        let fetch = self.begin_fetch(SequenceSet::one(uid), items, FetchModifiers::default())?;
        let (mut received, mut is_complete, mut is_ours) = (0, false, false);
        loop {
            let piece = match self.event().await? {
                Event::Done { id, status } if id == fetch => {
                    self.interrupted = None;
                    done(status)?;
                    break;
                }
                Event::NotSent { id, misuse } if id == fetch => {
                    self.interrupted = None;
                    return Err(misuse.into());
                }
                Event::BodyStart(start) => {
                    is_ours = !is_complete && is_whole(start.item()) && is_of(&start.fetch, uid);
                    continue;
                }
                Event::Body(octets) if is_ours => octets,
                Event::BodyEnd => {
                    is_complete |= std::mem::take(&mut is_ours);
                    continue;
                }
                Event::Data(Response::Fetch(message)) if !is_complete && is_of(&message, uid) => {
                    let Some(Content::Inline(text)) = message.section(b"") else {
                        continue;
                    };
                    is_complete = true;
                    Bytes::from(text.octets().into_owned())
                }
                _ => continue,
            };
            let written = self.connection.during(writer.write_all(&piece)).await;
            written.map_err(AccessError::Write)?;
            received += u64::try_from(piece.len()).unwrap_or_default();
            progress(received);
        }
        if !is_complete {
            return Err(AccessError::NoMessage);
        }
        writer.flush().await.map_err(AccessError::Write)?;
        Ok(received)
    }

    /// Files a message with these flags; where it went is told by servers with UIDPLUS. Line ends
    /// may be LF or CRLF.
    ///
    /// # Errors
    ///
    /// [`AccessError::Refused`] with [`Code::TryCreate`] where the mailbox is missing.
    ///
    /// # Cancel safety
    ///
    /// As [`Mailboxes::list`]; nobody knows then whether the message was filed.
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes) -> Result<(), Box<dyn std::error::Error>> {
    /// use mailwire::imap::flag::{Flag, Flags};
    /// let (sent, seen) = (mailboxes.named("Sent")?, Flags::from_iter([Flag::Seen]));
    /// mailboxes.append(&sent, seen, b"Subject: hello\n\nIt works.\n").await?;
    /// # Ok(()) }
    /// ```
    pub async fn append(
        &mut self,
        mailbox: &Mailbox,
        flags: Flags,
        message: &[u8],
    ) -> Result<Option<Appended>, AccessError> {
        let mut line_ends = LineEnds::new();
        let octets = line_ends.push(Bytes::copy_from_slice(message))?;
        line_ends.finish()?;
        let len = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        let message = Message::new(len).with_flags(flags);
        self.append_from(mailbox, message, &*octets, |_| {}).await
    }

    /// Files a message of any size from a reader, which gives as many octets as `message` says, in
    /// CRLF form. `progress` is told how many were handed over.
    ///
    /// # Errors
    ///
    /// As [`Mailboxes::append`]; a reader that fails or ends early ends the session, for what was
    /// announced cannot be taken back.
    ///
    /// # Cancel safety
    ///
    /// As [`Mailboxes::append`].
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes) -> Result<(), Box<dyn std::error::Error>> {
    /// use mailwire::imap::command::Message;
    /// let archive = mailboxes.named("Archive")?;
    /// let file = tokio::fs::File::open("message.eml").await?;
    /// let message = Message::new(file.metadata().await?.len());
    /// mailboxes.append_from(&archive, message, file, |octets| eprintln!("{octets}")).await?;
    /// # Ok(()) }
    /// ```
    pub async fn append_from(
        &mut self,
        mailbox: &Mailbox,
        message: Message,
        mut reader: impl AsyncRead + Unpin,
        mut progress: impl FnMut(u64),
    ) -> Result<Option<Appended>, AccessError> {
        let (mailbox, mut left) = (mailbox.clone(), message.len);
        let append = self.begin(CommandBody::Append { mailbox, message })?;
        let mut handed_over = 0;
        loop {
            let turn = self.connection.turn().await;
            let event = match turn.map_err(AccessError::session)? {
                Turn::Event(event) => event,
                Turn::Room if left == 0 => {
                    self.connection.machine().end_body()?;
                    continue;
                }
                Turn::Room => {
                    let piece = self.connection.during(read(&mut reader, left)).await?;
                    let octets = u64::try_from(piece.len()).unwrap_or_default();
                    self.connection.machine().write_body(piece)?;
                    left = left.saturating_sub(octets);
                    handed_over += octets;
                    progress(handed_over);
                    continue;
                }
                Turn::Closed => return Err(AccessError::Closed),
            };
            self.hear(&event);
            match event {
                Event::Done { id, status } if id == append => {
                    self.interrupted = None;
                    let appended = appended(&status);
                    return done(status).map(|()| appended);
                }
                Event::NotSent { id, misuse } if id == append => {
                    self.interrupted = None;
                    return Err(misuse.into());
                }
                _ => {}
            }
        }
    }
}

/// At least one of the `left` octets of a message.
async fn read(reader: &mut (impl AsyncRead + Unpin), left: u64) -> Result<Bytes, AccessError> {
    let size = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
    let mut piece = BytesMut::with_capacity(size);
    let mut some = reader.take(u64::try_from(size).unwrap_or(left));
    match some.read_buf(&mut piece).await.map_err(AccessError::Read)? {
        0 => Err(AccessError::Read(std::io::ErrorKind::UnexpectedEof.into())),
        _ => Ok(piece.freeze()),
    }
}

fn appended(status: &Status) -> Option<Appended> {
    match status.code() {
        Some(Code::AppendUid { validity, uids }) => Some(Appended {
            uid_validity: validity,
            uid: only(&uids)?,
        }),
        _ => None,
    }
}

/// Whether a content is that of the whole message.
pub(super) fn is_whole(item: Option<response::FetchItem<'_>>) -> bool {
    matches!(
        item,
        Some(response::FetchItem::Section { section, origin: None, .. }) if section.wire().is_empty()
    )
}

/// Whether a response can be about this message; some servers send the UID behind the content.
fn is_of(fetch: &Fetch, uid: NonZeroU32) -> bool {
    fetch.uid().is_none_or(|of| of == uid)
}
