//! Untagged responses, and the literals that are sent by themselves.

use alloc::collections::VecDeque;
use core::fmt;

use bytes::{BufMut, Bytes};

use crate::{
    response::{Fetch, Response},
    server::{Misuse, Owed, Phase, ProtocolError, Server},
    state::State,
};

/// A FETCH whose literal is not complete.
pub(super) struct OpenBody {
    frame: Bytes,
    /// Up to here the frame has been sent.
    at: usize,
    /// How much of the literal is still to come.
    left: u64,
    /// Further literals: where they stand in the frame, and their sizes.
    later: VecDeque<(usize, u64)>,
}

impl OpenBody {
    pub(super) const fn left(&self) -> u64 {
        self.left
    }
}

impl fmt::Debug for OpenBody {
    // The frame may hold a part of a message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenBody")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// When a response may be sent.
#[derive(Clone, Copy, Eq, PartialEq)]
enum When {
    /// Always.
    Always,
    /// When a mailbox is selected.
    InMailbox,
    /// When a mailbox is selected and message numbers may change.
    Expunge,
    /// As the answer to a command.
    Answer,
    /// It is the machine's to send.
    Never,
}

fn when(response: &Response) -> When {
    match response {
        Response::Status(status) if status.tag().is_some() => When::Never,
        Response::Continuation(_) => When::Never,
        Response::Status(_) | Response::Capability(_) => When::Always,
        Response::Exists(_) | Response::Recent(_) | Response::Flags(_) | Response::Fetch(_) => {
            When::InMailbox
        }
        Response::Expunge(_) => When::Expunge,
        Response::Vanished(vanished) if !vanished.is_earlier() => When::Expunge,
        _ => When::Answer,
    }
}

impl Server {
    /// Sends an untagged response: as part of the answer that is owed, within IDLE, or, as far as
    /// RFC 9051 §7 allows that, when nobody has asked.
    ///
    /// EXPUNGE is refused where it would make client and server count differently (RFC 9051
    /// §7.5.1): when no command is under way, and within FETCH, STORE, SEARCH, SORT and THREAD
    /// without UID. A client that does not read what it did not ask for is given up.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when the response is not possible now.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use mailwire_core::machine::{Machine, Step};
    /// # use mailwire_imap::{Server, server::{Access, Config, Greeting, Selected}};
    /// use mailwire_imap::{response::Response, server::Misuse};
    /// # let mut config = Config::new("mail.example.test");
    /// # config.greeting = Greeting::PreAuth;
    /// # let mut server = Server::new(config);
    /// # let mut input = BytesMut::from("a SELECT INBOX\r\n");
    /// # while let Step::Transmit(_) | Step::Event(_) = server.step(&mut input) {}
    /// let one = std::num::NonZero::<u32>::MIN;
    /// server.open(&Selected::new(Access::ReadWrite, one, one))?;
    /// server.push(&Response::Exists(1))?;
    /// assert_eq!(server.push(&Response::Expunge(one)), Err(Misuse::Misplaced));
    /// # Ok::<(), Misuse>(())
    /// ```
    pub fn push(&mut self, response: &Response) -> Result<(), Misuse> {
        if let Response::Fetch(fetch) = response {
            return self.push_fetch(fetch);
        }
        self.may_push(when(response))?;
        response.encode(self.out.buffer(256));
        self.bound_output();
        Ok(())
    }

    /// Sends a FETCH. Where it was built with literals that are sent by themselves
    /// ([`streamed_section`](crate::response::FetchBuilder::streamed_section)), their octets follow
    /// through [`write_body`](Self::write_body) before anything else; that is possible in the
    /// answer to a command only.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when the response is not possible now.
    ///
    /// ```
    /// # use bytes::{Bytes, BytesMut};
    /// # use mailwire_core::machine::{Machine, Step};
    /// # use mailwire_imap::{Server, server::{Access, Config, Greeting, Selected}};
    /// use mailwire_imap::response::{Fetch, Section};
    /// # let mut config = Config::new("mail.example.test");
    /// # config.greeting = Greeting::PreAuth;
    /// # let mut server = Server::new(config);
    /// # let mut say = |server: &mut Server, line: &str| {
    /// #     let mut input = BytesMut::from(line);
    /// #     while let Step::Transmit(_) | Step::Event(_) = server.step(&mut input) {}
    /// # };
    /// # say(&mut server, "a SELECT INBOX\r\n");
    /// let one = std::num::NonZero::<u32>::MIN;
    /// # server.open(&Selected::new(Access::ReadWrite, one, one))?;
    /// # say(&mut server, "b FETCH 1 BODY[]\r\n");
    /// let whole = Section::of(b"")?;
    /// server.push_fetch(&Fetch::builder(one).streamed_section(whole, None, 5).build())?;
    /// server.write_body(Bytes::from_static(b"hello"))?;
    /// server.accept()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn push_fetch(&mut self, fetch: &Fetch) -> Result<(), Misuse> {
        self.may_push(When::InMailbox)?;
        let mut cuts = fetch.cuts();
        let Some((at, left)) = cuts.next() else {
            let frame = fetch.wire();
            let out = self.out.buffer(frame.len() + 2);
            out.put_slice(frame);
            out.put_slice(b"\r\n");
            self.bound_output();
            return Ok(());
        };
        if !self.is_answering() {
            return Err(Misuse::Misplaced);
        }
        let frame = fetch.frame();
        let out = self.out.buffer(at + 2);
        out.put_slice(frame.get(..at).unwrap_or_default());
        out.put_slice(b"\r\n");
        self.body = Some(OpenBody {
            frame: frame.clone(),
            at,
            left,
            later: cuts.collect(),
        });
        self.go_on_behind_body();
        Ok(())
    }

    /// Sends the next octets of the literal that is open, cut anywhere, as many as
    /// [`body_left`](Self::body_left) in all. A large slice is handed on without a copy. Behind the
    /// last octet the response goes on by itself.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when no literal is open, or it has no room for so many.
    ///
    /// ```
    /// # use bytes::Bytes;
    /// # use mailwire_imap::{Server, server::{Config, Misuse}};
    /// # let mut server = Server::new(Config::new("mail.example.test"));
    /// let octets = Bytes::from_static(b"hello");
    /// assert_eq!(server.write_body(octets), Err(Misuse::NoBody));
    /// ```
    pub fn write_body(&mut self, octets: Bytes) -> Result<(), Misuse> {
        if matches!(self.phase, Phase::Closed(_)) {
            return Err(Misuse::Closed);
        }
        let body = self.body.as_mut().ok_or(Misuse::NoBody)?;
        let left = body.left.checked_sub(octets.len() as u64);
        body.left = left.ok_or(Misuse::TooMuch)?;
        self.out.octets(octets);
        self.go_on_behind_body();
        Ok(())
    }

    /// Writes what stands behind literals that are complete.
    fn go_on_behind_body(&mut self) {
        while let Some(body) = self.body.as_mut().filter(|body| body.left == 0) {
            let next = body.later.pop_front();
            let end = next.map_or(body.frame.len(), |(end, _)| end);
            let piece = body.frame.get(body.at..end).unwrap_or_default();
            let out = self.out.buffer(piece.len() + 2);
            out.put_slice(piece);
            out.put_slice(b"\r\n");
            match next {
                Some((at, left)) => (body.at, body.left) = (at, left),
                None => self.body = None,
            }
        }
    }

    /// Whether responses are the answer to a command.
    const fn is_answering(&self) -> bool {
        matches!(
            self.phase,
            Phase::Owed(Owed::Command | Owed::Select | Owed::AppendEnd, _)
        )
    }

    fn may_push(&self, when: When) -> Result<(), Misuse> {
        let (is_open, is_idle) = match &self.phase {
            Phase::Closed(_) => return Err(Misuse::Closed),
            _ if self.body.is_some() => return Err(Misuse::BodyOpen),
            Phase::Greeting | Phase::Tls | Phase::Auth => (false, false),
            Phase::Owed(Owed::Login | Owed::Auth, _) => (false, false),
            Phase::Idle => (true, true),
            _ => (true, false),
        };
        let in_mailbox = self.state == State::Selected;
        let may = match when {
            When::Always => true,
            When::InMailbox => in_mailbox,
            When::Answer => is_idle || self.is_answering(),
            When::Expunge => {
                in_mailbox && (is_idle || self.is_answering() && self.command.expunges)
            }
            When::Never => false,
        };
        if is_open && may {
            Ok(())
        } else {
            Err(Misuse::Misplaced)
        }
    }

    /// Gives up a client that does not read what it did not ask for.
    fn bound_output(&mut self) {
        let max = self.config.limits.unsolicited;
        if !self.is_answering() && self.out.len() > max {
            self.end("too slow", ProtocolError::SlowReader { max });
        }
    }
}
