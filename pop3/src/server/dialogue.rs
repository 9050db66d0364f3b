//! What a server makes of the lines of a client.

use bytes::BytesMut;
use mailwire_core::{base64, line::Next, machine::Eof};
use zeroize::Zeroize;

use crate::{
    command::{Command, InitialResponse, MAX_RESPONSE, UserName},
    error::{Expected, ParseError, ProtocolError},
    limits,
    response::Response,
    server::{Event, Listing, Owed, Phase, Server, Stls, UserPass, reply::is_http},
    state::{Protection, State},
};

/// What was found at the front of the input.
pub(super) enum Taken {
    /// A line that the application hears of.
    Event(Event),
    /// A line that has been dealt with.
    Line,
    /// No whole line.
    Nothing,
}

impl Server {
    /// Takes the next line and does what it says; [`Taken::Nothing`] when there is none yet.
    pub(super) fn take_line(&mut self, input: &mut BytesMut) -> Taken {
        if self.is_tls_handshake(input) {
            self.close(Err(ProtocolError::TlsOnClearPort));
            return Taken::Nothing;
        }
        let bad = match self.lines.next(input) {
            Next::NeedInput => {
                self.handle_end(input);
                return Taken::Nothing;
            }
            Next::Endless => {
                self.out.response(&Response::err("line without end"));
                self.close(Err(ProtocolError::EndlessLine));
                return Taken::Nothing;
            }
            Next::Line(mut line) => {
                self.mark = self.mark.wrapping_add(1);
                let event = self.handle_line(&line, input);
                // It may have been a password.
                line.zeroize();
                return event.map_or(Taken::Line, Taken::Event);
            }
            Next::TooLong => ParseError::new(Expected::ShorterLine, limits::COMMAND_LINE),
            Next::Malformed(bad) => ParseError::new(Expected::CleanLine, bad.offset),
        };
        self.user = None;
        let in_auth = matches!(self.phase, Phase::Auth);
        self.answered(Phase::Commands);
        Taken::Event(if in_auth {
            self.cancelled()
        } else {
            self.invalid(bad)
        })
    }

    /// Nothing more will come than is in `input`, which is no whole line.
    fn handle_end(&mut self, input: &BytesMut) {
        let Some(how) = self.eof else { return };
        let inside = self.lines.is_inside(input) || matches!(self.phase, Phase::Auth);
        let error = ProtocolError::UnexpectedEof { state: self.state };
        self.close(if inside || how == Eof::Truncated {
            Err(error)
        } else {
            Ok(())
        });
    }

    /// A TLS record of type handshake, which no command begins with: the client took this port for
    /// one that begins with TLS.
    fn is_tls_handshake(&self, input: &BytesMut) -> bool {
        self.state == State::Authorization
            && self.protection() == Protection::Clear
            && input.starts_with(&[0x16, 0x03])
    }

    fn handle_line(&mut self, line: &[u8], input: &BytesMut) -> Option<Event> {
        if matches!(self.phase, Phase::Auth) {
            return Some(self.handle_auth_line(line));
        }
        if is_http(line) {
            self.out.response(&Response::err("this is a POP3 server"));
            self.close(Err(ProtocolError::Http));
            return None;
        }
        match Command::parse(line) {
            Ok(command) => self.handle_command(command, input),
            Err(error) => {
                self.user = None;
                Some(self.invalid(error))
            }
        }
    }

    /// `*` cancels (RFC 5034 §4); everything else is base64.
    fn handle_auth_line(&mut self, line: &[u8]) -> Event {
        self.answered(Phase::Commands);
        if let Some(octets) = Some(line)
            .filter(|line| *line != b"*")
            .and_then(|l| base64::decode(l, MAX_RESPONSE).ok())
        {
            self.phase = Phase::Owed(Owed::Auth);
            return Event::AuthResponse(octets);
        }
        self.cancelled()
    }

    fn cancelled(&mut self) -> Event {
        self.out
            .response(&Response::err("authentication cancelled"));
        Event::AuthCancelled
    }

    fn handle_command(&mut self, command: Command, input: &BytesMut) -> Option<Event> {
        let user = self.user.take();
        match (self.state, command) {
            (_, Command::Capa) => self.capabilities(),
            (State::Transaction, Command::Quit) => {
                self.state = State::Update;
                self.phase = Phase::Owed(Owed::Quit);
                return Some(Event::Quit {
                    deletions: self.deletions.clone(),
                });
            }
            (_, Command::Quit) => {
                self.out.response(&Response::ok("goodbye"));
                self.close(Ok(()));
            }
            (State::Authorization, Command::Stls) => self.start_tls(input),
            (State::Authorization, command) if command.is_credential() => {
                return self.handle_credential(command, user);
            }
            (State::Transaction, command) => return self.handle_transaction(command),
            (_, command) => self.out_of_place(&command),
        }
        None
    }

    fn handle_credential(&mut self, command: Command, user: Option<UserName>) -> Option<Event> {
        if !self.credentials_may_pass() {
            self.bad(&Response::err("not without TLS"));
            return None;
        }
        let by_password = self.config.user_pass == UserPass::Offered;
        match (command, user) {
            (Command::User(name), None) if by_password => {
                self.user = Some(name);
                self.out.response(&Response::ok("password, please"));
            }
            (Command::Pass(password), Some(user)) => {
                self.phase = Phase::Owed(Owed::Login);
                return Some(Event::Login {
                    user,
                    password: password.into_secret(),
                });
            }
            (Command::Pass(_), None) if by_password => {
                self.bad(&Response::err("USER comes first"));
            }
            (Command::User(_), Some(_)) => self.bad(&Response::err("PASS comes next")),
            (Command::Auth { mechanism, initial }, _)
                if self.mechanisms().any(|offered| *offered == mechanism) =>
            {
                self.phase = Phase::Owed(Owed::Auth);
                let initial = initial.map(InitialResponse::into_secret);
                return Some(Event::AuthStart { mechanism, initial });
            }
            (Command::Auth { .. }, _) => self.bad(&Response::err("mechanism not offered")),
            _ => self.bad(&Response::err("not offered")),
        }
        None
    }

    fn handle_transaction(&mut self, command: Command) -> Option<Event> {
        match command {
            Command::Noop => self.out.response(&Response::ok("")),
            Command::Stat => {
                let (count, octets) = self.remaining();
                self.out.line(format_args!("+OK {count} {octets}"));
            }
            Command::Rset => {
                self.deletions.clear();
                let (count, octets) = self.remaining();
                self.out
                    .line(format_args!("+OK {count} messages ({octets} octets)"));
            }
            Command::List(None) => {
                let (count, octets) = self.remaining();
                self.out
                    .line(format_args!("+OK {count} messages ({octets} octets)"));
                self.phase = Phase::Listing(Listing::sizes());
            }
            Command::Uidl(None) => {
                self.out.response(&Response::ok("unique-ids follow"));
                self.phase = Phase::Listing(Listing::unique_ids());
            }
            Command::List(Some(message)) => {
                let octets = self.present(message)?;
                self.out.line(format_args!("+OK {message} {octets}"));
            }
            Command::Uidl(Some(message)) => {
                self.present(message)?;
                let unique_id = self.maildrop.unique_id(message).unwrap_or_default();
                self.out
                    .octets_line(format_args!("+OK {message} "), unique_id);
            }
            Command::Dele(message) => {
                let octets = self.present(message)?;
                self.deletions.mark(message, octets);
                self.out.line(format_args!("+OK message {message} deleted"));
            }
            Command::Retr(message) => {
                let octets = self.present(message)?;
                self.phase = Phase::Owed(Owed::Retr { octets });
                return Some(Event::Retr { message });
            }
            Command::Top { message, lines } => {
                self.present(message)?;
                self.phase = Phase::Owed(Owed::Top { lines });
                return Some(Event::Top { message, lines });
            }
            command => self.out_of_place(&command),
        }
        None
    }

    /// RFC 2595 §4. What stands behind the line was sent before TLS protects it, so nobody knows
    /// who wrote it (CVE-2011-0411).
    fn start_tls(&mut self, input: &BytesMut) {
        if self.tls.is_some() {
            return self.bad(&Response::err("TLS is active already"));
        }
        if self.config.stls == Stls::Withheld {
            return self.bad(&Response::err("STLS is not offered"));
        }
        if !input.is_empty() {
            self.out.response(&Response::err("nothing may follow STLS"));
            return self.close(Err(ProtocolError::PlaintextAfterStls));
        }
        self.out.response(&Response::ok("begin TLS negotiation"));
        self.phase = Phase::Tls;
    }
}
