//! What the application answers.

use core::num::NonZeroU32;

use mailwire_core::base64;

use crate::{
    limits,
    response::{Code, Condition},
    sequence::SequenceSet,
    server::{
        Access, Done, Extension, Misuse, Owed, Phase, Pieces, ProtocolError, Reset, Selected,
        Server, View, selected::Manner,
    },
    state::State,
};

impl Server {
    /// Lets the client in, as the answer to [`Event::Login`](super::Event::Login), [`Event::AuthStart`](super::Event::AuthStart) or
    /// [`Event::AuthResponse`](super::Event::AuthResponse): OK with the capabilities, and the session is in the authenticated
    /// state.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when no such event waits for an answer.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use mailwire_core::machine::{Machine, Step};
    /// # use mailwire_imap::{ClearText, Server, State, server::Config};
    /// # let mut config = Config::new("mail.example.test");
    /// # config.clear_text = ClearText::Permitted;
    /// # let mut server = Server::new(config);
    /// # let mut input = BytesMut::from("a LOGIN bob secret\r\n");
    /// # while let Step::Transmit(_) | Step::Event(_) = server.step(&mut input) {}
    /// server.accept_login()?;
    /// assert_eq!(server.state(), State::Authenticated);
    /// # Ok::<(), mailwire_imap::server::Misuse>(())
    /// ```
    pub fn accept_login(&mut self) -> Result<(), Misuse> {
        self.owes(|owed| matches!(owed, Owed::Login | Owed::Auth))?;
        self.state = State::Authenticated;
        self.commands.set_policy(self.policy());
        (self.bad_commands, self.idle_commands) = (0, 0);
        self.welcome();
        self.answered(Phase::Commands);
        Ok(())
    }

    /// Sends a SASL challenge, given before base64, as the answer to [`Event::AuthStart`](super::Event::AuthStart) or
    /// [`Event::AuthResponse`](super::Event::AuthResponse).
    ///
    /// # Errors
    ///
    /// [`Misuse`] when no such event waits for an answer, or the challenge does not fit into a
    /// line.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use mailwire_core::machine::{Machine, Step};
    /// # use mailwire_imap::{ClearText, Server, command::Mechanism, server::Config};
    /// # let mut config = Config::new("mail.example.test");
    /// # config.clear_text = ClearText::Permitted;
    /// # config.mechanisms.extend(Mechanism::new(b"LOGIN"));
    /// # let mut server = Server::new(config);
    /// # let mut input = BytesMut::from("a AUTHENTICATE LOGIN\r\n");
    /// # while let Step::Transmit(_) | Step::Event(_) = server.step(&mut input) {}
    /// server.challenge(b"Username:")?;
    /// # Ok::<(), mailwire_imap::server::Misuse>(())
    /// ```
    pub fn challenge(&mut self, challenge: &[u8]) -> Result<(), Misuse> {
        self.owes(|owed| matches!(owed, Owed::Auth))?;
        if challenge.len() > limits::SASL {
            return Err(Misuse::Unencodable);
        }
        self.out
            .line(format_args!("+ {}", base64::encode(challenge)));
        self.lines.set_max(limits::AUTH_LINE);
        self.lines.reset();
        self.answered(Phase::Auth);
        Ok(())
    }

    /// Opens the mailbox, as the answer to [`Event::Select`](super::Event::Select): all that SELECT has to say, and OK.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when no such event waits for an answer.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use mailwire_core::machine::{Machine, Step};
    /// # use mailwire_imap::{Server, server::{Access, Config, Greeting, Selected}};
    /// # let mut config = Config::new("mail.example.test");
    /// # config.greeting = Greeting::PreAuth;
    /// # let mut server = Server::new(config);
    /// # let mut input = BytesMut::from("a SELECT INBOX\r\n");
    /// # while let Step::Transmit(_) | Step::Event(_) = server.step(&mut input) {}
    /// let one = std::num::NonZero::<u32>::MIN;
    /// server.open(&Selected::new(Access::ReadWrite, one, one))?;
    /// assert_eq!(server.access(), Some(Access::ReadWrite));
    /// # Ok::<(), mailwire_imap::server::Misuse>(())
    /// ```
    pub fn open(&mut self, mailbox: &Selected) -> Result<(), Misuse> {
        self.announce(mailbox)?;
        self.accept()
    }

    /// Says what SELECT has to say but for the OK, where responses of the mailbox follow, such as
    /// VANISHED of QRESYNC (RFC 7162 §3.2.5.1). [`accept`](Self::accept) opens it then.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when no such event waits for an answer.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use mailwire_core::machine::{Machine, Step};
    /// # use mailwire_imap::{Server, server::{Access, Config, Greeting, Selected}};
    /// # let mut config = Config::new("mail.example.test");
    /// # config.greeting = Greeting::PreAuth;
    /// # let mut server = Server::new(config);
    /// # let mut input = BytesMut::from("a SELECT INBOX\r\n");
    /// # while let Step::Transmit(_) | Step::Event(_) = server.step(&mut input) {}
    /// let one = std::num::NonZero::<u32>::MIN;
    /// server.announce(&Selected::new(Access::ReadOnly, one, one))?;
    /// server.accept()?;
    /// assert_eq!(server.access(), Some(Access::ReadOnly));
    /// # Ok::<(), mailwire_imap::server::Misuse>(())
    /// ```
    pub fn announce(&mut self, mailbox: &Selected) -> Result<(), Misuse> {
        self.owes(|owed| owed == Owed::Select)?;
        if self.state == State::Selected {
            return Err(Misuse::WrongAnswer);
        }
        let access = match self.selected {
            Some(view) if view.access == Access::ReadOnly => Access::ReadOnly,
            _ => mailbox.access,
        };
        let manner = Manner {
            access,
            rev2: self.enabled.has(Extension::Imap4Rev2),
            cond_store: self.config.extensions.has(Extension::CondStore),
        };
        mailbox.write(manner, self.out.buffer(512));
        self.selected = Some(View {
            access,
            highest_mod_seq: mailbox.highest_mod_seq,
        });
        self.state = State::Selected;
        Ok(())
    }

    /// Agrees: the message of [`Event::Append`](super::Event::Append) and [`Event::AppendNext`](super::Event::AppendNext) may come; a command of
    /// [`Event::Command`](super::Event::Command) or [`Event::AppendEnd`](super::Event::AppendEnd) is completed.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when no such event waits for an answer, or a literal is not complete.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use mailwire_core::machine::{Machine, Step};
    /// # use mailwire_imap::{Server, server::{Config, Greeting}};
    /// # let mut config = Config::new("mail.example.test");
    /// # config.greeting = Greeting::PreAuth;
    /// # let mut server = Server::new(config);
    /// # let mut input = BytesMut::from("a CREATE Archive\r\n");
    /// # while let Step::Transmit(_) | Step::Event(_) = server.step(&mut input) {}
    /// server.accept()?;
    /// # Ok::<(), mailwire_imap::server::Misuse>(())
    /// ```
    pub fn accept(&mut self) -> Result<(), Misuse> {
        match self.may_answer()? {
            Owed::Login | Owed::Auth => return Err(Misuse::WrongAnswer),
            Owed::Select if self.state != State::Selected => return Err(Misuse::WrongAnswer),
            Owed::Append | Owed::AppendNext => self.accept_message(),
            Owed::Select => {
                let code = match self.access() {
                    Some(Access::ReadOnly) => "READ-ONLY",
                    _ => "READ-WRITE",
                };
                let (tag, name) = (self.command.tag.as_ref(), self.command.name);
                self.out
                    .status(tag, format_args!("OK [{code}] {name} completed"));
                self.answered(Phase::Commands);
            }
            Owed::Command | Owed::AppendEnd => {
                self.leave(Condition::Ok);
                self.completed();
                self.answered(Phase::Commands);
            }
        }
        Ok(())
    }

    /// Says that the messages were stored and under which UIDs, as the answer to
    /// [`Event::AppendEnd`](super::Event::AppendEnd) (RFC 4315 §3).
    ///
    /// # Errors
    ///
    /// [`Misuse`] when no such event waits for an answer.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use mailwire_core::machine::{Machine, Step};
    /// # use mailwire_imap::{Server, server::{Config, Event, Greeting}};
    /// # let mut config = Config::new("mail.example.test");
    /// # config.greeting = Greeting::PreAuth;
    /// # let mut server = Server::new(config);
    /// # let mut input = BytesMut::from("a APPEND Sent {3+}\r\nhi!\r\n");
    /// # loop {
    /// #     match server.step(&mut input) {
    /// #         Step::Event(Event::Append { .. }) => server.accept()?,
    /// #         Step::Event(_) | Step::Transmit(_) => {}
    /// #         _ => break,
    /// #     }
    /// # }
    /// server.appended(std::num::NonZero::<u32>::MIN, &"7".parse().unwrap())?;
    /// # Ok::<(), mailwire_imap::server::Misuse>(())
    /// ```
    pub fn appended(&mut self, uid_validity: NonZeroU32, uids: &SequenceSet) -> Result<(), Misuse> {
        self.owes(|owed| owed == Owed::AppendEnd)?;
        if !self.config.extensions.has(Extension::UidPlus) {
            return self.accept();
        }
        self.reply(&Done::ok("APPEND completed").with_code(&Code::AppendUid {
            validity: uid_validity,
            uids: uids.clone(),
        }))
    }

    /// Ends the command with this: NO or BAD to any event that waits for an answer, OK to
    /// [`Event::Command`](super::Event::Command) and [`Event::AppendEnd`](super::Event::AppendEnd) only. Between [`Event::Append`](super::Event::Append) and
    /// [`Event::AppendEnd`](super::Event::AppendEnd) a NO is possible too; it is said when the rest of the command has come.
    ///
    /// A negative answer to a login counts as a wrong password unless its code says otherwise.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when nothing is owed, the answer does not fit, or a literal is not complete.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use mailwire_core::machine::{Machine, Step};
    /// # use mailwire_imap::{Server, server::{Config, Greeting}};
    /// use mailwire_imap::{response::Code, server::Done};
    /// # let mut config = Config::new("mail.example.test");
    /// # config.greeting = Greeting::PreAuth;
    /// # let mut server = Server::new(config);
    /// # let mut input = BytesMut::from("a CREATE Archive\r\n");
    /// # while let Step::Transmit(_) | Step::Event(_) = server.step(&mut input) {}
    /// server.reply(&Done::no("it is there already").with_code(&Code::AlreadyExists))?;
    /// # Ok::<(), mailwire_imap::server::Misuse>(())
    /// ```
    pub fn reply(&mut self, done: &Done) -> Result<(), Misuse> {
        if self.is_receiving() && !done.is_ok() {
            self.refuse_rest(done.clone());
            return Ok(());
        }
        let owed = self.may_answer()?;
        if done.is_ok() && !matches!(owed, Owed::Command | Owed::AppendEnd) {
            return Err(Misuse::WrongAnswer);
        }
        match owed {
            Owed::Append => self.event = self.refuse_message(done.clone(), None),
            Owed::AppendNext => {
                self.event = self.refuse_message(done.clone(), Some(Reset::Refused));
            }
            Owed::Login | Owed::Auth => {
                self.say(done);
                self.answered(Phase::Commands);
                self.count_failure(done);
            }
            Owed::Select => {
                self.state = State::Authenticated;
                self.selected = None;
                self.say(done);
                self.answered(Phase::Commands);
            }
            Owed::Command | Owed::AppendEnd => {
                self.leave(done.condition());
                self.say(done);
                self.answered(Phase::Commands);
            }
        }
        Ok(())
    }

    /// Gives the answer to [`Event::Command`](super::Event::Command), [`Event::Select`](super::Event::Select) or [`Event::AppendEnd`](super::Event::AppendEnd) in pieces:
    /// from here to the end of the command the driver says when there is room for more responses.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when no such event waits for an answer.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use mailwire_core::machine::{Machine, Step};
    /// # use mailwire_imap::{Server, server::{Config, Greeting}};
    /// # let mut config = Config::new("mail.example.test");
    /// # config.greeting = Greeting::PreAuth;
    /// # let mut server = Server::new(config);
    /// # let mut input = BytesMut::from("a LIST \"\" *\r\n");
    /// # while let Step::Transmit(_) | Step::Event(_) = server.step(&mut input) {}
    /// server.stream()?;
    /// assert_eq!(server.step(&mut input), Step::NeedBody);
    /// // Some responses, and at the end:
    /// server.accept()?;
    /// # Ok::<(), mailwire_imap::server::Misuse>(())
    /// ```
    pub fn stream(&mut self) -> Result<(), Misuse> {
        self.owes(|owed| matches!(owed, Owed::Command | Owed::Select | Owed::AppendEnd))?;
        if let Phase::Owed(_, pieces) = &mut self.phase {
            *pieces = Pieces::Many;
        }
        Ok(())
    }

    /// CLOSE and UNSELECT leave the mailbox when they succeed (RFC 9051 §6.4.1, §6.4.2).
    fn leave(&mut self, condition: Condition) {
        if condition == Condition::Ok && matches!(self.command.name, "CLOSE" | "UNSELECT") {
            self.state = State::Authenticated;
            self.selected = None;
        }
    }

    /// Counts a refused login, unless the refusal says that the password is not why.
    fn count_failure(&mut self, done: &Done) {
        if done.is_wrong_credentials() {
            self.auth_failures += 1;
        }
        if self.auth_failures >= self.config.limits.auth_failures {
            self.end("too many failed logins", ProtocolError::AuthFailures);
        }
    }

    fn owes(&self, fits: impl FnOnce(Owed) -> bool) -> Result<(), Misuse> {
        if fits(self.may_answer()?) {
            Ok(())
        } else {
            Err(Misuse::WrongAnswer)
        }
    }

    /// What is owed, if it can be answered now.
    fn may_answer(&self) -> Result<Owed, Misuse> {
        match &self.phase {
            Phase::Closed(_) => Err(Misuse::Closed),
            Phase::Owed(..) if self.body.is_some() => Err(Misuse::BodyOpen),
            Phase::Owed(owed, _) => Ok(*owed),
            _ => Err(Misuse::NothingOwed),
        }
    }
}
