//! APPEND and MULTIAPPEND (RFC 9051 §6.3.12, RFC 3502).

use bytes::Bytes;
use jiff::Timestamp;
use mailwire_imap::{
    command::{Message, Wrapper},
    encode::LiteralKind,
    mailbox::Mailbox,
    response::Code,
    sequence::SequenceSet,
    server::Done,
    session::{Untagged, Wanted},
};

use super::{
    Imap,
    words::{self, For, refusal},
};
use crate::store::Appending;

/// Messages on their way in. Dropping it discards them all.
#[derive(Debug)]
pub(super) struct Coming {
    appending: Appending,
    messages: u64,
    /// Whether what comes may hold NUL: a literal8 (RFC 3516 §4.4).
    is_binary: bool,
}

impl Imap {
    pub(super) async fn append_to(
        &mut self,
        mailbox: &Mailbox,
        message: Message,
    ) -> Result<(), Done> {
        self.coming = None;
        self.fits(&message).await?;
        let account = self.account.clone().ok_or_else(Done::unavailable)?;
        let no_such = || Done::no("no such mailbox").with_code(&Code::TryCreate);
        let folder = words::folder(mailbox).ok_or_else(no_such)?;
        let store = &self.shared.store;
        let appending = store.appending(&account, &folder, Timestamp::now()).await;
        let appending = appending.map_err(|error| refusal(&error, For::Messages))?;
        self.coming = Some(Box::new(Coming {
            appending,
            messages: 0,
            is_binary: false,
        }));
        self.begin(&message);
        Ok(())
    }

    pub(super) async fn append_another(&mut self, message: &Message) -> Result<(), Done> {
        if let Err(done) = self.fits(message).await {
            self.coming = None;
            return Err(done);
        }
        self.begin(message);
        Ok(())
    }

    fn begin(&mut self, message: &Message) {
        if let Some(coming) = &mut self.coming {
            let (letters, keywords) = words::letters(&message.flags);
            let date = message.date.map(|date| date.timestamp());
            coming.appending.begin(letters, keywords, date);
            coming.messages += 1;
            coming.is_binary = message.kind == LiteralKind::Binary;
        }
    }

    /// Whether a message may come: what cannot be kept is refused before its octets are sent.
    async fn fits(&self, message: &Message) -> Result<(), Done> {
        if message.wrapper == Wrapper::Utf8 {
            return Err(Done::bad("UTF8=ACCEPT is not enabled"));
        }
        if message.len == 0 {
            return Err(Done::no("a message has at least one octet"));
        }
        if message.len > self.shared.message_size {
            return Err(Done::no("message too large").with_code(&Code::TooBig));
        }
        let room = self.shared.store.room_for(message.len).await;
        room.map_err(|error| words::failure(&error))
    }

    pub(super) async fn append_octets(&mut self, octets: &Bytes) -> Wanted {
        let Some(coming) = &mut self.coming else {
            return Wanted::Nothing(Done::unavailable());
        };
        if !coming.is_binary && memchr::memchr(0, octets).is_some() {
            self.coming = None;
            return Wanted::Nothing(Done::bad("NUL in a message that is no literal8"));
        }
        coming.appending.write(octets).await;
        Wanted::More
    }

    pub(super) async fn append_commit(&mut self, out: &mut Untagged) -> Done {
        let Some(coming) = self.coming.take() else {
            return Done::unavailable();
        };
        let messages = coming.messages;
        match coming.appending.commit().await {
            Ok(appended) => {
                self.appended += messages;
                self.tell_news(out).await;
                let done = Done::ok("APPEND completed");
                let uids = SequenceSet::of(words::uids(appended.uids));
                match uids {
                    Some(uids) => done.with_code(&Code::AppendUid {
                        validity: words::nonzero(appended.uid_validity),
                        uids,
                    }),
                    None => done,
                }
            }
            Err(error) => refusal(&error, For::Messages),
        }
    }
}
