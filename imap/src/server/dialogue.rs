//! What a server makes of what a client sends.

use bytes::BytesMut;
use mailwire_core::{base64, line::Next, machine::Eof, secret::SecretBytes};
use zeroize::Zeroize;

use crate::{
    command::{Command, CommandBody, Mechanism, SelectParameters, Tag},
    frame::{CommandFrame, Refused, Why},
    limits,
    mailbox::Mailbox,
    response::Code,
    server::{
        Access, Done, Event, Extension, Invalid, Login, Owed, Phase, Pieces, ProtocolError, Server,
        StartTls, UnderWay, View, gate,
        reply::{is_of_other_protocol, is_tls_handshake},
    },
    state::{Protection, State},
};

/// What was found at the front of the input.
pub(super) enum Taken {
    /// Something that the application hears of.
    Event(Event),
    /// Something that has been dealt with.
    Element,
    /// Nothing whole.
    Nothing,
}

impl From<Option<Event>> for Taken {
    fn from(event: Option<Event>) -> Self {
        event.map_or(Self::Element, Self::Event)
    }
}

impl Server {
    /// Takes the next element and does what it says.
    pub(super) fn take(&mut self, input: &mut BytesMut) -> Taken {
        match self.phase {
            Phase::Auth | Phase::Idle => self.take_line(input),
            Phase::Append => self.take_append(input),
            _ => self.take_command(input),
        }
    }

    fn take_command(&mut self, input: &mut BytesMut) -> Taken {
        if self.state == State::NotAuthenticated
            && self.protection() == Protection::Clear
            && is_tls_handshake(input)
        {
            self.end("TLS is not begun like this", ProtocolError::TlsOnClearPort);
            return Taken::Nothing;
        }
        let found = self.commands.next(input);
        if found != CommandFrame::NeedInput {
            self.mark = self.mark.wrapping_add(1);
        }
        match found {
            CommandFrame::Whole(frame) => self.handle_frame(frame, input).into(),
            CommandFrame::Body { head, literal } => self.handle_append(head, literal).into(),
            CommandFrame::Continue => {
                self.go_ahead();
                Taken::Element
            }
            CommandFrame::Refused(refused) => Taken::Event(self.refused(refused)),
            CommandFrame::Lost(lost) => {
                self.end("the end of the command cannot be found", lost.into());
                Taken::Nothing
            }
            CommandFrame::NeedInput => {
                self.handle_end(input);
                Taken::Nothing
            }
            // Only behind the message of an APPEND.
            CommandFrame::Tail(_) | CommandFrame::InBody => Taken::Element,
        }
    }

    /// A command that was thrown away before anybody read it.
    pub(super) fn refused(&mut self, refused: Refused) -> Event {
        self.command.tag = refused.tag;
        let done = refusal(refused.why);
        self.bad(&done);
        Event::Invalid(refused.why.into())
    }

    fn take_line(&mut self, input: &mut BytesMut) -> Taken {
        let found = self.lines.next(input);
        if matches!(found, Next::NeedInput) {
            self.handle_end(input);
            return Taken::Nothing;
        }
        self.mark = self.mark.wrapping_add(1);
        let mut line = match found {
            Next::Endless => {
                self.end("line without end", ProtocolError::EndlessLine);
                return Taken::Nothing;
            }
            Next::Line(line) => Some(line),
            _ => None,
        };
        let event = if matches!(self.phase, Phase::Idle) {
            self.handle_idle_line(line.as_deref())
        } else {
            self.handle_auth_line(line.as_deref())
        };
        if let Some(line) = &mut line {
            // It may have been a password.
            line.as_mut().zeroize();
        }
        Taken::Event(event)
    }

    /// `*` cancels (RFC 9051 §6.2.2); everything else is base64.
    fn handle_auth_line(&mut self, line: Option<&[u8]>) -> Event {
        let octets = line
            .filter(|line| *line != b"*")
            .and_then(|line| base64::decode(line, limits::SASL).ok());
        if let Some(octets) = octets {
            self.owe(Owed::Auth);
            return Event::AuthResponse(octets);
        }
        self.answered(Phase::Commands);
        self.bad(&Done::bad("authentication cancelled"));
        Event::AuthCancelled
    }

    /// RFC 2177 §3: the only thing that may follow is DONE.
    fn handle_idle_line(&mut self, line: Option<&[u8]>) -> Event {
        self.answered(Phase::Commands);
        if line.is_some_and(|line| line.eq_ignore_ascii_case(b"DONE")) {
            self.completed();
        } else {
            self.bad(&Done::bad("expected DONE"));
        }
        Event::Done
    }

    /// Nothing more will come than is in `input`, which is nothing whole.
    pub(super) fn handle_end(&mut self, input: &BytesMut) {
        let Some(how) = self.eof else { return };
        let inside = match self.phase {
            Phase::Auth | Phase::Append => true,
            Phase::Idle => self.lines.is_inside(input),
            _ => self.commands.is_inside(input),
        };
        let state = self.state;
        let reset = self.reset_at_end();
        self.close(if inside || how == Eof::Truncated {
            Err(ProtocolError::UnexpectedEof { state })
        } else {
            Ok(())
        });
        self.event = reset;
    }

    fn handle_frame(&mut self, frame: BytesMut, input: &BytesMut) -> Option<Event> {
        let tag = Tag::of(&frame);
        match Command::take(frame) {
            Ok(command) => self.handle_command(command, input),
            Err(error) => Some(self.invalid(tag, error.into())),
        }
    }

    /// What is no command.
    pub(super) fn invalid(&mut self, tag: Option<Tag>, invalid: Invalid) -> Event {
        self.command.tag = tag;
        if self.is_lost_client() {
            self.other_protocol();
        } else {
            self.bad(&Done::bad(&alloc::format!("{invalid}")));
        }
        Event::Invalid(invalid)
    }

    /// Whether the tag is how HTTP and SMTP begin, and nobody has logged in yet.
    fn is_lost_client(&self) -> bool {
        let tag = self.command.tag.as_ref();
        self.state == State::NotAuthenticated
            && tag.is_some_and(|tag| is_of_other_protocol(tag.as_bytes()))
    }

    fn handle_command(&mut self, command: Command, input: &BytesMut) -> Option<Event> {
        let Command { tag, body } = command;
        let (name, place) = gate::place(&body);
        self.command = UnderWay {
            tag: Some(tag),
            name,
            expunges: gate::may_expunge(&body),
        };
        if !self.is_offered(&body) {
            if self.is_lost_client() {
                self.other_protocol();
            } else if let CommandBody::Unknown(_) = body {
                self.bad(&Done::bad("unknown command"));
            } else {
                self.bad(&Done::bad("not offered"));
            }
            return None;
        }
        if !place.includes(self.state) {
            let text = alloc::format!("not possible in {}", self.state);
            self.bad(&Done::bad(&text));
            return None;
        }
        self.carry_out(body, input)
    }

    fn carry_out(&mut self, body: CommandBody, input: &BytesMut) -> Option<Event> {
        match body {
            CommandBody::Capability => {
                self.tell_capabilities();
                self.completed();
                self.idle_command();
            }
            CommandBody::Noop if self.state == State::NotAuthenticated => {
                self.completed();
                self.idle_command();
            }
            CommandBody::Logout => {
                self.bye("good bye");
                self.completed();
                self.close(Ok(()));
            }
            CommandBody::Id { fields } => {
                self.tell_id();
                self.completed();
                self.idle_command();
                return Some(Event::Id(fields));
            }
            CommandBody::StartTls => self.start_tls(input),
            CommandBody::Login { username, password } => {
                if self.config.login == Login::Withheld {
                    self.bad(&Done::bad("LOGIN is not offered"));
                } else if self.may_log_in() {
                    self.owe(Owed::Login);
                    let user = username.detach();
                    return Some(Event::Login { user, password });
                }
            }
            CommandBody::Authenticate { mechanism, initial } => {
                return self.authenticate(mechanism, initial);
            }
            CommandBody::Enable { capabilities } => self.enable(&capabilities),
            CommandBody::Select {
                mailbox,
                parameters,
            } => return self.select(mailbox, parameters, Access::ReadWrite),
            CommandBody::Examine {
                mailbox,
                parameters,
            } => return self.select(mailbox, parameters, Access::ReadOnly),
            CommandBody::Idle => {
                self.out.line(format_args!("+ idling"));
                self.lines.reset();
                self.answered(Phase::Idle);
                return Some(Event::Idle);
            }
            body => return self.pass_on(body),
        }
        None
    }

    /// What needs the application.
    fn pass_on(&mut self, body: CommandBody) -> Option<Event> {
        if self.access() == Some(Access::ReadOnly) && gate::changes_mailbox(&body) {
            let done = Done::no("the mailbox was opened read-only").with_code(&Code::ReadOnly);
            self.say(&done);
            return None;
        }
        if let CommandBody::Store { flags, .. } = &body
            && !gate::are_settable(flags)
        {
            self.bad(&gate::not_settable());
            return None;
        }
        if gate::enables_cond_store(&body) {
            self.enable_cond_store();
        }
        self.owe(Owed::Command);
        Some(Event::Command(body))
    }

    /// Whether a credential may be looked at (RFC 8314 §4, RFC 5530 §3).
    fn may_log_in(&mut self) -> bool {
        let may = self.credentials_may_pass();
        if !may {
            let done = Done::no("not without TLS").with_code(&Code::PrivacyRequired);
            self.say(&done);
            self.idle_command();
        }
        may
    }

    fn authenticate(
        &mut self,
        mechanism: Mechanism,
        initial: Option<SecretBytes>,
    ) -> Option<Event> {
        if !self.may_log_in() {
            return None;
        }
        if !self.mechanisms().any(|offered| *offered == mechanism) {
            self.bad(&Done::no("mechanism not offered"));
            return None;
        }
        self.owe(Owed::Auth);
        Some(Event::AuthStart { mechanism, initial })
    }

    /// Whether it succeeds or not, what was selected before no longer is (RFC 9051 §6.3.2).
    fn select(
        &mut self,
        mailbox: Mailbox,
        parameters: SelectParameters,
        access: Access,
    ) -> Option<Event> {
        if parameters.qresync.is_some() && !self.enabled.has(Extension::QResync) {
            self.bad(&Done::bad("QRESYNC was not enabled"));
            return None;
        }
        if self.state == State::Selected {
            self.out
                .line(format_args!("* OK [CLOSED] previous mailbox closed"));
            self.state = State::Authenticated;
        }
        self.selected = Some(View {
            access,
            highest_mod_seq: None,
        });
        if parameters.condstore {
            self.enable_cond_store();
        }
        self.owe(Owed::Select);
        Some(Event::Select {
            mailbox,
            parameters,
            access,
        })
    }

    /// RFC 9051 §6.2.1. What stands behind the line was sent before TLS protects it, so nobody
    /// knows who wrote it (CVE-2011-0411).
    fn start_tls(&mut self, input: &BytesMut) {
        if self.tls.is_some() {
            return self.bad(&Done::bad("TLS is active already"));
        }
        if self.config.start_tls == StartTls::Withheld {
            return self.bad(&Done::bad("STARTTLS is not offered"));
        }
        if !input.is_empty() {
            let done = Done::bad("nothing may follow STARTTLS");
            self.say(&done);
            return self.end(
                "clear text behind STARTTLS",
                ProtocolError::PlaintextAfterStartTls,
            );
        }
        self.out
            .status(self.command.tag.as_ref(), format_args!("OK begin TLS now"));
        self.phase = Phase::Tls;
    }

    /// From here on the application has the word.
    pub(super) fn owe(&mut self, owed: Owed) {
        self.phase = Phase::Owed(owed, Pieces::One);
    }
}

/// What a client is told of a command that nobody has read.
pub(super) fn refusal(why: Why) -> Done {
    let text = alloc::format!("{why}");
    match why {
        Why::LiteralTooLarge { .. } | Why::CommandTooLong { .. } => {
            Done::no(&text).with_code(&Code::TooBig)
        }
        _ => Done::bad(&text),
    }
}
