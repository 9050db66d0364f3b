//! What the application has a client send.

use bytes::{BufMut, Bytes, BytesMut};
use mailwire_core::base64;

use super::{
    Client, CommandId, Event, Misuse, Phase, Selected,
    outstanding::{Append, AppendStage, Idle, Kind, Outstanding, Traits, Waiting},
};
use crate::{
    capability::Capability,
    command::{Command, CommandBody, Message, Tag, Wrapper},
    encode::{Encoder, Fragments, Literals},
    limits,
    state::{ClearText, Protection, State},
};

impl Client {
    /// Sends a command as soon as that is possible. Several may be under way, as long as none
    /// affects the results of another (RFC 9051 §5.5): commands with message numbers wait for those
    /// that permit EXPUNGE, a search waits for the search before it, and SELECT, EXAMINE, CLOSE,
    /// UNSELECT, ENABLE, STARTTLS, AUTHENTICATE, LOGIN, LOGOUT and IDLE are under way alone. An
    /// IDLE holds up what is sent behind it until [`done`](Self::done) is called.
    ///
    /// # Errors
    ///
    /// [`Misuse`] for credentials in clear text, for LOGIN where the server has disabled it, for
    /// commands that the state of the session excludes, behind LOGOUT, above
    /// [`limits::OUTSTANDING`], and for values that cannot be written. Nothing is sent then.
    ///
    /// ```
    /// use mailwire_imap::{Client, client::{Config, Misuse}, command::CommandBody};
    /// let mut client = Client::new(Config::new());
    /// let id = client.send(CommandBody::Capability)?;
    /// assert_eq!(id.value(), 1);
    /// let login = CommandBody::Login {
    ///     username: b"joe"[..].into(),
    ///     password: mailwire_core::secret::SecretBytes::new(b"sesame".to_vec()),
    /// };
    /// assert_eq!(client.send(login), Err(Misuse::ClearText));
    /// # Ok::<(), Misuse>(())
    /// ```
    pub fn send(&mut self, mut body: CommandBody) -> Result<CommandId, Misuse> {
        if matches!(self.phase, Phase::Closed(_)) {
            return Err(Misuse::Closed);
        }
        if self.outstanding() >= limits::OUTSTANDING {
            return Err(Misuse::Outstanding);
        }
        if self.is_pending(&Kind::is_logout, |body| matches!(body, CommandBody::Logout)) {
            return Err(Misuse::LoggingOut);
        }
        self.permits(&body)?;
        if !self.state_will_allow(&body) {
            return Err(Misuse::State { state: self.state });
        }
        let id = self.last_id.next();
        let literals = self.literals();
        // Whether it can be written does not depend on the literals, so it is known for good.
        let fragments;
        (body, fragments) = encode(id, body, literals)?;
        self.last_id = id;
        self.waiting.push_back(Waiting {
            id,
            body,
            fragments,
            literals,
            idle: Idle::Asked,
        });
        Ok(id)
    }

    /// Sends IDLE (RFC 2177). Begin it anew every [`limits::IDLE_REFRESH`].
    ///
    /// # Errors
    ///
    /// See [`send`](Self::send).
    ///
    /// ```
    /// use mailwire_imap::{Client, State, client::{Config, Misuse}};
    /// let mut client = Client::new(Config::new());
    /// assert_eq!(client.idle(), Err(Misuse::State { state: State::NotAuthenticated }));
    /// ```
    pub fn idle(&mut self) -> Result<CommandId, Misuse> {
        self.send(CommandBody::Idle)
    }

    /// Ends IDLE; [`Event::Done`] follows. Before [`Event::Idling`] it is kept until the server has
    /// said that it idles.
    ///
    /// # Errors
    ///
    /// [`Misuse::NothingOwed`] when no IDLE is under way.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mailwire_core::machine::{Machine, Step};
    /// use mailwire_imap::{Client, client::Config};
    /// let mut client = Client::new(Config::new());
    /// let mut input = BytesMut::from("* PREAUTH welcome\r\n");
    /// # let _ = client.step(&mut input);
    /// client.idle()?;
    /// assert_eq!(client.step(&mut input), Step::Transmit("A1 IDLE\r\n".into()));
    /// client.done()?;
    /// input.extend_from_slice(b"+ idling\r\n");
    /// assert_eq!(client.step(&mut input), Step::Transmit("DONE\r\n".into()));
    /// # Ok::<(), mailwire_imap::client::Misuse>(())
    /// ```
    pub fn done(&mut self) -> Result<(), Misuse> {
        if matches!(self.phase, Phase::Closed(_)) {
            return Err(Misuse::Closed);
        }
        match self.sent.back_mut().map(|last| &mut last.kind) {
            Some(Kind::Idle(idle @ Idle::Asked)) => *idle = Idle::DoneWanted,
            Some(Kind::Idle(idle @ Idle::Idling)) => {
                *idle = Idle::DoneSent;
                self.put_done();
            }
            _ => {
                let is_idle = |one: &&mut Waiting| {
                    matches!(one.body, CommandBody::Idle) && one.idle == Idle::Asked
                };
                let waiting = self.waiting.iter_mut().find(is_idle);
                waiting.ok_or(Misuse::NothingOwed)?.idle = Idle::DoneWanted;
            }
        }
        Ok(())
    }

    /// Sends LOGOUT; the connection ends behind its reply.
    ///
    /// # Errors
    ///
    /// See [`send`](Self::send).
    ///
    /// ```
    /// use mailwire_imap::{Client, client::{Config, Misuse}, command::CommandBody};
    /// let mut client = Client::new(Config::new());
    /// client.logout()?;
    /// assert_eq!(client.send(CommandBody::Noop), Err(Misuse::LoggingOut));
    /// # Ok::<(), Misuse>(())
    /// ```
    pub fn logout(&mut self) -> Result<CommandId, Misuse> {
        self.send(CommandBody::Logout)
    }

    /// Answers [`Event::Challenge`]; `response` is given before base64.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when no challenge waits.
    ///
    /// ```
    /// use mailwire_imap::{Client, client::{Config, Misuse}};
    /// let mut client = Client::new(Config::new());
    /// assert_eq!(client.answer(b"secret"), Err(Misuse::NothingOwed));
    /// ```
    pub fn answer(&mut self, response: &[u8]) -> Result<(), Misuse> {
        self.challenged()?;
        self.put_response(response);
        self.phase = Phase::Ready;
        Ok(())
    }

    /// Gives AUTHENTICATE up; the server answers with BAD (RFC 9051 §6.2.2).
    ///
    /// # Errors
    ///
    /// [`Misuse`] when no challenge waits.
    ///
    /// ```
    /// use mailwire_imap::{Client, client::{Config, Misuse}};
    /// let mut client = Client::new(Config::new());
    /// assert_eq!(client.cancel(), Err(Misuse::NothingOwed));
    /// ```
    pub fn cancel(&mut self) -> Result<(), Misuse> {
        self.challenged()?;
        self.put(Bytes::from_static(b"*\r\n"));
        self.phase = Phase::Ready;
        Ok(())
    }

    /// Sends a part of the message of an APPEND, in CRLF form, behind [`Event::GoAhead`].
    ///
    /// # Errors
    ///
    /// [`Misuse`] when the server does not want it or not yet, when it would be longer than was
    /// announced, and for NUL in a message that is no literal8.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mailwire_core::machine::{Machine, Step};
    /// use mailwire_imap::{
    ///     Client,
    ///     client::{Config, Event},
    ///     command::{CommandBody, Message},
    ///     mailbox::Mailbox,
    /// };
    /// let mut client = Client::new(Config::new());
    /// let mut input = BytesMut::from("* PREAUTH welcome\r\n");
    /// # let _ = client.step(&mut input);
    /// let (mailbox, message) = (Mailbox::inbox(), Message::new(4));
    /// client.send(CommandBody::Append { mailbox, message })?;
    /// assert_eq!(client.step(&mut input), Step::Transmit("A1 APPEND INBOX {4}\r\n".into()));
    /// input.extend_from_slice(b"+ go ahead\r\n");
    /// let Step::Event(Event::GoAhead { .. }) = client.step(&mut input) else { unreachable!() };
    /// client.write_body("hi\r\n".into())?;
    /// client.end_body()?;
    /// assert_eq!(client.step(&mut input), Step::Transmit("hi\r\n".into()));
    /// assert_eq!(client.step(&mut input), Step::Transmit("\r\n".into()));
    /// # Ok::<(), mailwire_imap::client::Misuse>(())
    /// ```
    pub fn write_body(&mut self, octets: Bytes) -> Result<(), Misuse> {
        let append = self.open_append()?;
        let AppendStage::Open(left) = append.stage else {
            return Err(Misuse::NoBody);
        };
        let Some(rest) = left.checked_sub(octets.len() as u64) else {
            return Err(Misuse::BodyTooLong { left });
        };
        if !append.takes_nul && memchr::memchr(0, &octets).is_some() {
            return Err(Misuse::NulInBody);
        }
        append.stage = AppendStage::Open(rest);
        if !octets.is_empty() {
            self.put(octets);
        }
        Ok(())
    }

    /// The message is complete, and so is the APPEND.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when no message is being sent, or octets are missing.
    ///
    /// ```
    /// use mailwire_imap::{Client, client::{Config, Misuse}};
    /// assert_eq!(Client::new(Config::new()).end_body(), Err(Misuse::NoBody));
    /// ```
    pub fn end_body(&mut self) -> Result<(), Misuse> {
        let append = self.complete_append()?;
        append.stage = AppendStage::Complete;
        let end: &[u8] = match append.wrapper {
            Wrapper::Nothing => b"\r\n",
            Wrapper::Utf8 => b")\r\n",
        };
        let reply = append.reply.take();
        self.put(Bytes::from_static(end));
        if let Some(status) = reply
            && let Some(outstanding) = self.sent.pop_back()
        {
            self.finish(outstanding, status);
        }
        Ok(())
    }

    /// The message is complete, and another one follows in the same APPEND (MULTIAPPEND, RFC 3502);
    /// behind another [`Event::GoAhead`] it is sent in the same way. The server takes all of them or
    /// none.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when no message is being sent, or octets are missing.
    ///
    /// ```
    /// use mailwire_imap::{Client, client::{Config, Misuse}, command::Message};
    /// let mut client = Client::new(Config::new());
    /// assert_eq!(client.next_body(&Message::new(5)), Err(Misuse::NoBody));
    /// ```
    pub fn next_body(&mut self, message: &Message) -> Result<(), Misuse> {
        let mut encoder = Encoder::new(self.literals());
        let append = self.complete_append()?;
        if append.reply.is_some() {
            // The server has refused it all already.
            return self.end_body();
        }
        if append.wrapper == Wrapper::Utf8 {
            encoder.raw(b")");
        }
        message.encode(&mut encoder);
        let fragments = encoder.finish().map_err(|_| Misuse::Unencodable)?;
        *append = Append::of(message);
        if let Some(outstanding) = self.sent.back_mut() {
            outstanding.rest = fragments;
        }
        self.put_fragment();
        Ok(())
    }

    fn open_append(&mut self) -> Result<&mut Append, Misuse> {
        match self.phase {
            Phase::Closed(_) => Err(Misuse::Closed),
            _ => match self.sent.back_mut() {
                Some(Outstanding {
                    kind: Kind::Append(append),
                    ..
                }) => Ok(append),
                _ => Err(Misuse::NoBody),
            },
        }
    }

    fn complete_append(&mut self) -> Result<&mut Append, Misuse> {
        let append = self.open_append()?;
        match append.stage {
            AppendStage::Open(0) => Ok(append),
            AppendStage::Open(left) => Err(Misuse::BodyIncomplete { left }),
            _ => Err(Misuse::NoBody),
        }
    }

    const fn challenged(&self) -> Result<(), Misuse> {
        match self.phase {
            Phase::Challenged => Ok(()),
            Phase::Closed(_) => Err(Misuse::Closed),
            _ => Err(Misuse::NothingOwed),
        }
    }

    /// What may not be sent in this state of security.
    fn permits(&self, body: &CommandBody) -> Result<(), Misuse> {
        let is_credential = matches!(
            body,
            CommandBody::Login { .. } | CommandBody::Authenticate { .. }
        );
        let is_forbidden = self.config.clear_text == ClearText::Forbidden;
        if is_credential && is_forbidden && self.protection() == Protection::Clear {
            return Err(Misuse::ClearText);
        }
        if matches!(body, CommandBody::Login { .. }) && self.has(Capability::LoginDisabled) {
            return Err(Misuse::LoginDisabled);
        }
        Ok(())
    }

    /// Whether the state allows a command, or what is under way may bring the one that does.
    fn state_will_allow(&self, body: &CommandBody) -> bool {
        if self.state_allows(body) {
            return true;
        }
        let login = self.is_pending(
            &|kind| matches!(kind, Kind::Login { .. } | Kind::Authenticate { .. }),
            |body| {
                matches!(
                    body,
                    CommandBody::Login { .. } | CommandBody::Authenticate { .. }
                )
            },
        );
        let select = self.is_pending(&|kind| matches!(kind, Kind::Select(_)), |body| {
            matches!(
                body,
                CommandBody::Select { .. } | CommandBody::Examine { .. }
            )
        });
        match Needs::of(body) {
            Needs::Login => login,
            Needs::Mailbox => select,
            Needs::Nothing | Needs::NoLogin | Needs::NoTls => false,
        }
    }

    fn state_allows(&self, body: &CommandBody) -> bool {
        match (Needs::of(body), self.state) {
            (_, State::Logout) => false,
            (Needs::NoTls, state) => state == State::NotAuthenticated && self.tls.is_none(),
            (Needs::NoLogin, state) => state == State::NotAuthenticated,
            (Needs::Login, state) => state != State::NotAuthenticated,
            (Needs::Mailbox, state) => state == State::Selected,
            (Needs::Nothing, _) => true,
        }
    }

    /// Whether a command of this kind was given to us and has no reply yet.
    fn is_pending(
        &self,
        sent: &dyn Fn(&Kind) -> bool,
        waiting: impl Fn(&CommandBody) -> bool,
    ) -> bool {
        self.sent.iter().any(|outstanding| sent(&outstanding.kind))
            || self.waiting.iter().any(|one| waiting(&one.body))
    }

    /// Hands over what may go out now.
    pub(super) fn put_commands(&mut self) {
        while let Some(next) = self.waiting.front() {
            let traits = Traits::of(&next.body);
            let is_held = self.sent.back().is_some_and(Outstanding::blocks)
                || self
                    .sent
                    .iter()
                    .any(|before| !traits.may_follow(before.traits));
            if is_held {
                return;
            }
            let Some(next) = self.waiting.pop_front() else {
                return;
            };
            self.put_command(next, traits);
        }
    }

    fn put_command(&mut self, next: Waiting, traits: Traits) {
        let Waiting {
            id,
            mut body,
            mut fragments,
            literals,
            idle,
        } = next;
        let is_possible = match self.permits(&body) {
            Ok(()) if self.state_allows(&body) => Ok(()),
            Ok(()) => Err(Misuse::State { state: self.state }),
            Err(misuse) => Err(misuse),
        };
        if let Err(misuse) = is_possible {
            return self.events.push_back(Event::NotSent { id, misuse });
        }
        let mut kind = Kind::of(&mut body, self.has(Capability::SaslIr));
        if matches!(kind, Kind::Idle(_)) {
            kind = Kind::Idle(idle);
        }
        // What was learnt or forgotten since may have changed which literals wait.
        let is_deferred = matches!(
            kind,
            Kind::Authenticate {
                deferred: Some(_),
                ..
            }
        );
        if literals != self.literals() || is_deferred {
            fragments = match encode(id, body, self.literals()) {
                Ok((_, fragments)) => fragments,
                Err(misuse) => return self.events.push_back(Event::NotSent { id, misuse }),
            };
        }
        if self.sent.is_empty() {
            self.mark = self.mark.wrapping_add(1);
        }
        if let Kind::Select(access) = kind {
            self.opening = Some(Selected::new(access));
        }
        self.sent.push_back(Outstanding {
            id,
            kind,
            traits,
            rest: fragments,
        });
        self.put_fragment();
    }

    /// Sends the next part of the last command, and opens the message where that ends in one that
    /// does not wait.
    pub(super) fn put_fragment(&mut self) {
        let Some(last) = self.sent.back_mut() else {
            return;
        };
        let Some(octets) = last.rest.next() else {
            return;
        };
        self.out.push_back(octets);
        if last.rest.is_done() && !last.rest.ends_waiting() {
            self.open_body();
        }
    }

    /// The server takes the message of the last command.
    pub(super) fn open_body(&mut self) {
        if let Some(Outstanding {
            id,
            kind: Kind::Append(append),
            ..
        }) = self.sent.back_mut()
            && let AppendStage::Announced(len) = append.stage
        {
            append.stage = AppendStage::Open(len);
            self.events.push_back(Event::GoAhead { id: *id });
        }
    }

    pub(super) fn put_done(&mut self) {
        self.put(Bytes::from_static(b"DONE\r\n"));
    }

    pub(super) fn put_response(&mut self, response: &[u8]) {
        let encoded = base64::encode_secret(response);
        let mut line = BytesMut::with_capacity(encoded.expose().len() + 2);
        line.put_slice(encoded.expose().as_bytes());
        line.put_slice(b"\r\n");
        self.put(line.freeze());
    }

    fn put(&mut self, octets: Bytes) {
        self.out.push_back(octets);
        self.mark = self.mark.wrapping_add(1);
    }
}

/// What a command needs of the session (RFC 9051 §6).
#[derive(Clone, Copy)]
enum Needs {
    Nothing,
    NoTls,
    NoLogin,
    Login,
    Mailbox,
}

impl Needs {
    const fn of(body: &CommandBody) -> Self {
        match body {
            CommandBody::Capability
            | CommandBody::Noop
            | CommandBody::Logout
            | CommandBody::Id { .. }
            | CommandBody::Unknown(_) => Self::Nothing,
            CommandBody::StartTls => Self::NoTls,
            CommandBody::Authenticate { .. } | CommandBody::Login { .. } => Self::NoLogin,
            CommandBody::Check
            | CommandBody::Close
            | CommandBody::Unselect
            | CommandBody::Expunge
            | CommandBody::UidExpunge { .. }
            | CommandBody::Search { .. }
            | CommandBody::Sort { .. }
            | CommandBody::Thread { .. }
            | CommandBody::Fetch { .. }
            | CommandBody::Store { .. }
            | CommandBody::Copy { .. }
            | CommandBody::Move { .. } => Self::Mailbox,
            _ => Self::Login,
        }
    }
}

/// Writes a command with the tag of `id`, and gives it back.
fn encode(
    id: CommandId,
    body: CommandBody,
    literals: Literals,
) -> Result<(CommandBody, Fragments), Misuse> {
    let tag = Tag::new(&id.tag()).ok_or(Misuse::Unencodable)?;
    let command = Command::new(tag, body);
    let fragments = command.encode(literals).map_err(|_| Misuse::Unencodable)?;
    Ok((command.body, fragments))
}
