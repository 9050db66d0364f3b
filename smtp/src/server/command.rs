//! Commands: which are in order, and what the machine does with each.

use alloc::boxed::Box;

use bytes::BytesMut;
use mailwire_core::{line::Next, machine::Step};

use super::{
    AuthOver, Event, Expects, Hello, HelloVerb, Invalid, Login, Mail, MailAfter, Mode, Peer, Phase,
    Pipelining, ProtocolError, Rcpt, Reset, Server, ServerStep, StartTls,
    event::{BodyStart, Transfer},
    replies::{self, Said},
};
use crate::{
    address::{ClientName, ForwardPath, ReversePath},
    command::Command,
    error::{Framing, ParseError},
    extension::Extension,
    params::{BodyType, MailParams, RcptParams},
};

/// What is known of the line that has begun: AUTH may be longer than other commands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum LineKind {
    Unknown,
    Auth,
    Other,
}

/// A refusal that the machine makes by itself.
type Refusal = (Invalid, &'static str);

const OUT_OF_SEQUENCE: Refusal = (Invalid::OutOfSequence, replies::SEQUENCE);
const NOT_OFFERED: Refusal = (Invalid::NotOffered, replies::PARAMETER);

/// First words of what is no SMTP. A browser can be made to send them, with commands in what looks
/// like a form (ALPACA); a proxy that was not announced says PROXY.
const FOREIGN: [&[u8]; 12] = [
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"CONNECT",
    b"OPTIONS",
    b"TRACE",
    b"PATCH",
    b"PRI",
    b"PROXY",
    b"HTTP/1.1",
];

/// First words of commands.
const VERBS: [&[u8]; 15] = [
    b"EHLO",
    b"HELO",
    b"LHLO",
    b"MAIL",
    b"RCPT",
    b"DATA",
    b"BDAT",
    b"RSET",
    b"VRFY",
    b"EXPN",
    b"HELP",
    b"NOOP",
    b"QUIT",
    b"AUTH",
    b"STARTTLS",
];

/// The first octet of a TLS handshake record (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

impl Server {
    pub(super) fn take_command(&mut self, input: &mut BytesMut) -> Option<ServerStep> {
        if self.line_kind == LineKind::Unknown {
            if input.first() == Some(&TLS_HANDSHAKE) {
                // Its TLS failed on our greeting; a reply would only be taken for a broken record.
                self.close(Err(ProtocolError::TlsWithoutStartTls), Reset::Disconnected);
                return None;
            }
            self.note_line_kind(input);
        }
        let kind = self.line_kind;
        let next = self.lines.next(input);
        if next == Next::NeedInput {
            return Some(Step::NeedInput);
        }
        self.line_kind = LineKind::Unknown;
        self.moved();
        let expects = core::mem::replace(&mut self.expects, Expects::Anything);
        if expects == Expects::Command && !is_command(&next) {
            self.say(replies::EARLY_TALK);
            self.close(Err(ProtocolError::EarlyTalk), Reset::Disconnected);
            return None;
        }
        match next {
            Next::Line(line) => self.obey(line, input),
            Next::Malformed(malformed) => self.bad(Invalid::Line(malformed), replies::LINE),
            Next::TooLong if kind == LineKind::Auth => {
                self.bad(Invalid::LineTooLong, replies::AUTH_LINE_TOO_LONG);
            }
            Next::TooLong => self.bad(Invalid::LineTooLong, replies::LINE_TOO_LONG),
            Next::Endless => {
                self.say(replies::LINE_TOO_LONG);
                self.close(Err(ProtocolError::LineWithoutEnd), Reset::Disconnected);
            }
            Next::NeedInput => {}
        }
        None
    }

    /// Sets the limit of the line as soon as it is known which command it is.
    fn note_line_kind(&mut self, input: &BytesMut) {
        let limits = &self.config.limits;
        let max = match input.get(..5) {
            Some(start) if start.eq_ignore_ascii_case(b"AUTH ") => {
                self.line_kind = LineKind::Auth;
                limits.auth_line.max(limits.command_line)
            }
            Some(_) => {
                self.line_kind = LineKind::Other;
                limits.command_line
            }
            None => limits.command_line,
        };
        self.lines.set_max(max);
    }

    fn obey(&mut self, line: BytesMut, input: &BytesMut) {
        if is_foreign(&line) {
            self.say(replies::HTTP);
            self.close(Err(ProtocolError::HttpRequest), Reset::Disconnected);
            return;
        }
        match Command::parse(line) {
            Ok(command) => self.judge(command, input),
            Err(error) => self.refuse_unparsed(&error),
        }
    }

    fn refuse_unparsed(&mut self, error: &ParseError) {
        match error.framing() {
            Framing::Kept => {
                let say = Said::Application(Box::new(error.reply()));
                self.bad_with(Invalid::Command(*error), say);
            }
            // A size that stands beside nonsense is not believed either: what a peer that cannot
            // write the command sends behind it, nobody knows.
            Framing::Chunk(_) | Framing::Lost => {
                error.reply().encode(&mut self.out);
                self.events
                    .push_back(Event::Invalid(Invalid::Command(*error)));
                self.close(Err(ProtocolError::ChunkSize), Reset::Disconnected);
            }
        }
    }

    /// Whether the command is in order; then it is carried out.
    fn judge(&mut self, command: Command, input: &BytesMut) {
        if self.is_early(&command, input) {
            return;
        }
        if let Err((invalid, reply)) = self.check(&command) {
            match command {
                Command::Bdat { size, .. } => {
                    self.refuse_chunk(size, invalid, Said::Machine(reply));
                }
                Command::Data => {
                    self.expects = Expects::Command;
                    self.bad(invalid, reply);
                }
                _ if invalid == Invalid::TooManyRecipients => {
                    // Sending more recipients than we take is no offence (RFC 5321 §4.5.3.1.10).
                    self.say(reply);
                    self.events.push_back(Event::Invalid(invalid));
                }
                _ => self.bad(invalid, reply),
            }
            return;
        }
        self.carry_out(command);
    }

    /// Whether octets stand behind a command that nothing may stand behind: the connection ends.
    fn is_early(&mut self, command: &Command, input: &BytesMut) -> bool {
        if input.is_empty() {
            return false;
        }
        let (reply, error) = match (command, self.config.pipelining) {
            (Command::StartTls, _) => (
                replies::BEHIND_STARTTLS,
                ProtocolError::PlaintextAfterStartTls,
            ),
            // What stands behind BDAT is its chunk.
            (Command::Bdat { .. }, _) | (_, Pipelining::Offered) => return false,
            (_, Pipelining::Off) => (replies::NO_PIPELINING, ProtocolError::EarlyTalk),
            (
                Command::Mail { .. }
                | Command::Rcpt { .. }
                | Command::Rset
                | Command::Unknown { .. },
                Pipelining::Strict,
            ) => return false,
            (_, Pipelining::Strict) => (replies::EARLY_TALK, ProtocolError::EarlyTalk),
        };
        self.say(reply);
        self.close(Err(error), Reset::Disconnected);
        true
    }

    /// The order of commands, RFC 5321 §4.1.4 and the extensions.
    fn check(&self, command: &Command) -> Result<(), Refusal> {
        self.check_mode(command)?;
        if self.must_have_tls_before(command) {
            return Err((Invalid::TlsRequired, replies::TLS_REQUIRED));
        }
        let in_order = match command {
            Command::Mail { .. } => self.hello.is_some() && self.transaction.is_none(),
            Command::StartTls => {
                self.tls.is_none()
                    && matches!(self.hello, Some(HelloVerb::Ehlo | HelloVerb::Lhlo))
                    && self.transaction.is_none()
                    && self.login == Login::Anonymous
            }
            Command::Auth { .. } => {
                matches!(self.hello, Some(HelloVerb::Ehlo | HelloVerb::Lhlo))
                    && self.transaction.is_none()
                    && self.login == Login::Anonymous
            }
            Command::Rcpt { .. } | Command::Data => self
                .transaction
                .as_ref()
                .is_some_and(|transaction| transaction.body.is_none()),
            Command::Bdat { .. } => self.transaction.is_some(),
            _ => true,
        };
        if !in_order {
            return Err(OUT_OF_SEQUENCE);
        }
        match command {
            Command::Auth { mechanism, .. } => {
                if self.config.mechanisms.is_empty() {
                    return Err((Invalid::NotAvailable, replies::NOT_IMPLEMENTED));
                }
                if !self.may_authenticate() {
                    return Err((Invalid::AuthInClearText, replies::AUTH_IN_CLEAR));
                }
                if !self.config.mechanisms.contains(mechanism) {
                    return Err((Invalid::Mechanism, replies::MECHANISM));
                }
                Ok(())
            }
            Command::Mail { from, params } => self.check_mail(from, params),
            Command::Rcpt { to, params } => self.check_rcpt(to, params),
            Command::Data | Command::Bdat { .. } => self.check_body(command),
            Command::StartTls if self.config.start_tls == StartTls::Unavailable => {
                Err((Invalid::TlsUnavailable, replies::TLS_UNAVAILABLE))
            }
            _ => Ok(()),
        }
    }

    /// LMTP has LHLO in place of EHLO and HELO (RFC 2033 §4.1).
    fn check_mode(&self, command: &Command) -> Result<(), Refusal> {
        let lmtp = self.config.mode == Mode::Lmtp;
        let ours = match command {
            Command::Ehlo { .. } | Command::Helo { .. } => !lmtp,
            Command::Lhlo { .. } => lmtp,
            Command::Bdat { .. } => self.config.extensions.has(Extension::Chunking),
            Command::Unknown { .. } => false,
            _ => true,
        };
        if ours {
            Ok(())
        } else {
            Err((Invalid::NotAvailable, replies::UNKNOWN))
        }
    }

    fn must_have_tls_before(&self, command: &Command) -> bool {
        // AUTH has a code of its own, which says the same.
        self.config.start_tls == StartTls::Required
            && self.tls.is_none()
            && !matches!(
                command,
                Command::Ehlo { .. }
                    | Command::Lhlo { .. }
                    | Command::Noop { .. }
                    | Command::Quit
                    | Command::StartTls
                    | Command::Auth { .. }
            )
    }

    pub(super) fn may_authenticate(&self) -> bool {
        self.tls.is_some() || self.config.auth_over == AuthOver::TlsOrClearText
    }

    fn check_mail(&self, from: &ReversePath, params: &MailParams) -> Result<(), Refusal> {
        if self.config.mail_after == MailAfter::Auth && self.login == Login::Anonymous {
            return Err((Invalid::AuthRequired, replies::AUTH_REQUIRED));
        }
        let offered = |extension| self.config.extensions.has(extension);
        let extended = self.hello != Some(HelloVerb::Helo);
        let body = match params.body() {
            None => true,
            Some(BodyType::SevenBit | BodyType::EightBitMime) => offered(Extension::EightBitMime),
            Some(BodyType::BinaryMime) => {
                offered(Extension::BinaryMime) && offered(Extension::Chunking)
            }
        };
        let known = params.unknown().is_empty()
            && body
            && (!params.is_smtputf8() || offered(Extension::SmtpUtf8))
            && (params.ret().is_none() || offered(Extension::Dsn))
            && (params.envid().is_none() || offered(Extension::Dsn))
            && (params.auth().is_none() || !self.config.mechanisms.is_empty());
        if !known || (!extended && *params != MailParams::new()) {
            return Err(NOT_OFFERED);
        }
        if !from.is_ascii() && !params.is_smtputf8() {
            return Err((Invalid::NotOffered, replies::ADDRESS_UTF8));
        }
        if params
            .size()
            .is_some_and(|size| size > self.config.limits.message)
        {
            return Err((Invalid::MessageTooLarge, replies::TOO_LARGE));
        }
        Ok(())
    }

    fn check_rcpt(&self, to: &ForwardPath, params: &RcptParams) -> Result<(), Refusal> {
        let dsn = self.config.extensions.has(Extension::Dsn);
        let extended = self.hello != Some(HelloVerb::Helo);
        let known = params.unknown().is_empty()
            && (dsn || (params.notify().is_none() && params.orcpt().is_none()));
        if !known || (!extended && *params != RcptParams::new()) {
            return Err(NOT_OFFERED);
        }
        let Some(transaction) = &self.transaction else {
            return Err(OUT_OF_SEQUENCE);
        };
        if !to.is_ascii() && !transaction.smtputf8 {
            return Err((Invalid::NotOffered, replies::ADDRESS_UTF8));
        }
        if transaction.recipients >= self.config.limits.recipients {
            return Err((Invalid::TooManyRecipients, replies::TOO_MANY_RECIPIENTS));
        }
        Ok(())
    }

    fn check_body(&self, command: &Command) -> Result<(), Refusal> {
        match &self.transaction {
            None => Err(OUT_OF_SEQUENCE),
            Some(transaction) if transaction.recipients == 0 => {
                Err((Invalid::OutOfSequence, replies::NO_RECIPIENTS))
            }
            Some(transaction) if transaction.binary && *command == Command::Data => {
                Err((Invalid::OutOfSequence, replies::BINARY_DATA))
            }
            Some(_) => Ok(()),
        }
    }

    fn carry_out(&mut self, command: Command) {
        if Self::counts_as_idle(&command) {
            self.idle_commands += 1;
            if self.idle_commands >= self.config.limits.idle_commands {
                self.say(replies::TOO_MANY_IDLE);
                self.close(Err(ProtocolError::TooManyCommands), Reset::Disconnected);
                return;
            }
        }
        match command {
            Command::Ehlo { client } => self.hello(HelloVerb::Ehlo, client),
            Command::Helo { client } => self.hello(HelloVerb::Helo, client),
            Command::Lhlo { client } => self.hello(HelloVerb::Lhlo, client),
            Command::Mail { from, params } => self.mail(from, params),
            Command::Rcpt { to, params } => {
                self.events
                    .push_back(Event::Rcpt(Box::new(Rcpt { to, params })));
            }
            Command::Data => self.data(),
            Command::Bdat { size, last } => self.bdat(size, last),
            Command::Rset => {
                self.end_transaction(Reset::Rset);
                self.say(replies::RESET);
            }
            Command::Vrfy { text } => self.events.push_back(Event::Verify(text)),
            Command::Expn { text } => self.events.push_back(Event::Expand(text)),
            Command::Help { .. } => self.say(replies::HELP),
            Command::Noop { .. } => self.say(replies::DONE),
            Command::Quit => {
                self.say(replies::BYE);
                self.end_transaction(Reset::Quit);
                self.events.push_back(Event::Quit);
                self.phase = Phase::Closing(Ok(()));
            }
            Command::StartTls => {
                self.say(replies::GO_AHEAD_TLS);
                self.phase = Phase::StartTls;
            }
            Command::Auth { mechanism, initial } => self.auth(mechanism, initial),
            Command::Unknown { .. } => self.bad(Invalid::NotAvailable, replies::UNKNOWN),
        }
    }

    /// MAIL counts too, for it does nothing unless a message follows, which starts the count anew.
    const fn counts_as_idle(command: &Command) -> bool {
        matches!(
            command,
            Command::Noop { .. }
                | Command::Vrfy { .. }
                | Command::Expn { .. }
                | Command::Help { .. }
                | Command::Rset
                | Command::Mail { .. }
                | Command::Ehlo { .. }
                | Command::Helo { .. }
                | Command::Lhlo { .. }
        )
    }

    fn hello(&mut self, verb: HelloVerb, client: ClientName) {
        self.end_transaction(Reset::Hello);
        self.hello = None;
        self.events.push_back(Event::Hello(Hello { verb, client }));
        // Kept until it is answered, so that the answer knows which greeting it is for.
        self.greeted_by = verb;
    }

    fn mail(&mut self, from: ReversePath, params: MailParams) {
        let submitter = match self.config.peer {
            Peer::Trusted => params.auth().cloned(),
            Peer::Untrusted => None,
        };
        self.next_transaction = Some(Box::new(super::Transaction::new(&params)));
        self.events.push_back(Event::Mail(Box::new(Mail {
            from,
            params,
            submitter,
        })));
    }

    fn data(&mut self) {
        let recipients = self.recipients();
        self.events.push_back(Event::BodyStart(BodyStart {
            transfer: Transfer::Data,
            recipients,
        }));
    }

    pub(super) fn recipients(&self) -> usize {
        self.transaction
            .as_ref()
            .map_or(0, |transaction| transaction.recipients)
    }

    /// Refuses what the peer said, counts it, and gives the peer up when it was once too often.
    pub(super) fn bad(&mut self, invalid: Invalid, reply: &'static str) {
        self.bad_with(invalid, Said::Machine(reply));
    }

    pub(super) fn bad_with(&mut self, invalid: Invalid, reply: Said) {
        self.bad_commands += 1;
        self.events.push_back(Event::Invalid(invalid));
        if self.bad_commands >= self.config.limits.bad_commands {
            self.say(replies::TOO_MANY_BAD);
            self.close(Err(ProtocolError::TooManyBadCommands), Reset::Disconnected);
        } else {
            self.say_all(&reply);
        }
    }
}

/// Whether the line begins with a verb of SMTP.
fn is_command(next: &Next) -> bool {
    let Next::Line(line) = next else { return false };
    let word = first_word(line);
    VERBS.iter().any(|verb| word.eq_ignore_ascii_case(verb))
}

fn first_word(line: &[u8]) -> &[u8] {
    line.split(|octet| *octet == b' ')
        .next()
        .unwrap_or_default()
}

/// Whether the line is the beginning of a request in another protocol.
fn is_foreign(line: &[u8]) -> bool {
    let word = first_word(line);
    FOREIGN
        .iter()
        .any(|foreign| word.eq_ignore_ascii_case(foreign))
}
