//! What a client makes of each response.

use bytes::BytesMut;
use mailwire_core::base64;

use super::{
    Client, CommandId, Event, Notice, Phase, ProtocolError,
    error::is_fit_before_login,
    outstanding::{AppendStage, Idle, Kind, Outstanding},
};
use crate::{
    capability::Capabilities,
    error::{Expected, ParseError},
    limits,
    mailbox::Encoding,
    response::{Code, Condition, Continuation, Notices, Response, Status},
    state::State,
};

impl Client {
    pub(super) fn handle_response(
        &mut self,
        response: Response,
        notices: Notices,
        input: &BytesMut,
    ) {
        if matches!(self.phase, Phase::Greeting) {
            return self.greeted(response, notices);
        }
        match response {
            Response::Continuation(continuation) => {
                self.handle_continuation(&continuation, notices)
            }
            Response::Status(status) if status.tag().is_some() => {
                self.handle_reply(status, notices, input);
            }
            Response::Status(status) if status.condition() == Condition::Bye => {
                self.handle_bye(status, notices);
            }
            data => self.handle_data(data, notices),
        }
    }

    fn greeted(&mut self, response: Response, notices: Notices) {
        let Response::Status(status) = response else {
            return self.fail(ProtocolError::BadGreeting);
        };
        if status.tag().is_some() {
            return self.fail(ProtocolError::BadGreeting);
        }
        match status.condition() {
            Condition::Ok => {}
            Condition::PreAuth => self.state = State::Authenticated,
            Condition::Bye => return self.handle_bye(status, notices),
            Condition::No | Condition::Bad => return self.fail(ProtocolError::BadGreeting),
        }
        self.notice(notices);
        self.phase = Phase::Ready;
        self.learn_from_code(&status);
        let protection = self.protection();
        self.events
            .push_back(Event::Greeting { status, protection });
    }

    /// RFC 9051 §7.1.5: the server closes the connection.
    fn handle_bye(&mut self, status: Status, notices: Notices) {
        self.notice(notices);
        let protection = self.protection();
        self.events.push_back(Event::Bye {
            status: status.clone(),
            protection,
        });
        if self.sent.iter().any(|sent| sent.kind.is_logout()) {
            // The reply to LOGOUT follows; a server that closes at once has said enough.
            self.state = State::Logout;
        } else {
            self.fail(ProtocolError::Dismissed { status });
        }
    }

    fn handle_data(&mut self, data: Response, notices: Notices) {
        if self.state == State::NotAuthenticated && !is_fit_before_login(&data) {
            // Behind TLS or a login it would be taken for the truth (RFC 9051 §11.3).
            return self
                .events
                .push_back(Event::Notice(Notice::DataBeforeLogin));
        }
        match &data {
            Response::Capability(capabilities) => {
                self.capabilities = Some(capabilities.clone().detach());
                self.told_at_login();
            }
            Response::Enabled(enabled) => self.enabled(enabled),
            Response::Status(status) => self.learn_from_code(status),
            _ => {}
        }
        if let Some(mailbox) = self.opening.as_mut().or(self.mailbox.as_mut()) {
            mailbox.hear(&data);
        }
        self.notice(notices);
        self.events.push_back(Event::Data(data));
    }

    fn learn_from_code(&mut self, status: &Status) {
        if let Some(Code::Capability(names)) = status.code() {
            self.capabilities = Some(Capabilities::of_code(names));
            self.told_at_login();
        }
    }

    /// Capabilities that come while a login is under way are those behind it: nothing else is under
    /// way then, so nobody has asked for others.
    fn told_at_login(&mut self) {
        if let Some(Outstanding {
            kind: Kind::Login { told } | Kind::Authenticate { told, .. },
            ..
        }) = self.sent.front_mut()
        {
            *told = true;
        }
    }

    fn enabled(&mut self, enabled: &Capabilities) {
        let is_utf8 = enabled.as_names().names().any(|name| {
            name.eq_ignore_ascii_case(b"IMAP4rev2") || name.eq_ignore_ascii_case(b"UTF8=ACCEPT")
        });
        if is_utf8 {
            self.encoding = Encoding::Utf8;
        }
    }

    /// Whether the last command waits for `+`.
    pub(super) fn awaits_continuation(&self) -> bool {
        let Some(last) = self.sent.back() else {
            return false;
        };
        !last.rest.is_done()
            || match &last.kind {
                Kind::Append(append) => matches!(append.stage, AppendStage::Announced(_)),
                Kind::Authenticate { .. } => true,
                Kind::Idle(idle) => matches!(idle, Idle::Asked | Idle::DoneWanted),
                _ => false,
            }
    }

    fn handle_continuation(&mut self, continuation: &Continuation, notices: Notices) {
        if !self.awaits_continuation() {
            if self.state == State::NotAuthenticated {
                return self.fail(ProtocolError::StrayBeforeLogin);
            }
            return self
                .events
                .push_back(Event::Notice(Notice::StrayContinuation));
        }
        self.notice(notices);
        let Some(last) = self.sent.back_mut() else {
            return;
        };
        if !last.rest.is_done() {
            return self.put_fragment();
        }
        match &mut last.kind {
            Kind::Append(_) => self.open_body(),
            Kind::Authenticate { .. } => self.handle_challenge(continuation),
            Kind::Idle(idle @ Idle::DoneWanted) => {
                *idle = Idle::DoneSent;
                self.put_done();
            }
            Kind::Idle(idle) => {
                *idle = Idle::Idling;
                let id = last.id;
                self.events.push_back(Event::Idling { id });
            }
            _ => {}
        }
    }

    fn handle_challenge(&mut self, continuation: &Continuation) {
        let Some(Outstanding {
            id,
            kind:
                Kind::Authenticate {
                    deferred,
                    challenges,
                    ..
                },
            ..
        }) = self.sent.back_mut()
        else {
            return;
        };
        *challenges += 1;
        if *challenges > mailwire_core::limits::SASL_STEPS {
            return self.fail(ProtocolError::TooManyChallenges);
        }
        let text = continuation.text().octets();
        let challenge = match base64::decode(&text, limits::CHALLENGE) {
            Ok(challenge) => challenge,
            Err(error) => {
                let error = ParseError::new(Expected::Base64, error.offset() + 2);
                return self.fail(ProtocolError::BadChallenge(error));
            }
        };
        // A server that speaks first did not ask for it.
        let initial = deferred.take();
        if challenge.expose().is_empty()
            && let Some(initial) = initial
        {
            return self.put_response(initial.expose());
        }
        let event = Event::Challenge {
            id: *id,
            octets: challenge.expose().clone().into(),
        };
        self.events.push_back(event);
        self.phase = Phase::Challenged;
    }

    fn handle_reply(&mut self, status: Status, notices: Notices, input: &BytesMut) {
        let id = status.tag().and_then(CommandId::of_tag);
        let place = id.and_then(|id| self.sent.iter().position(|sent| sent.id == id));
        let Some(place) = place else {
            if self.state == State::NotAuthenticated {
                return self.fail(ProtocolError::StrayBeforeLogin);
            }
            self.notice(notices);
            return self.events.push_back(Event::Unasked(status));
        };
        self.notice(notices);
        let is_ok = status.condition() == Condition::Ok;
        if let Some(sent) = self.sent.get_mut(place) {
            if let Kind::Append(append) = &mut sent.kind
                && matches!(append.stage, AppendStage::Open(_))
            {
                append.reply.get_or_insert(status);
                return;
            }
            if is_ok && !sent.is_complete() {
                return self.fail(ProtocolError::EarlySuccess);
            }
            if is_ok && matches!(sent.kind, Kind::StartTls) && !input.is_empty() {
                return self.fail(ProtocolError::PlaintextAfterStartTls);
            }
        }
        if let Some(outstanding) = self.sent.remove(place) {
            self.finish(outstanding, status);
        }
    }

    /// The reply to a command changes the session, and is told.
    pub(super) fn finish(&mut self, outstanding: Outstanding, status: Status) {
        let Outstanding { id, kind, .. } = outstanding;
        let is_ok = status.condition() == Condition::Ok;
        match kind {
            Kind::Logout => self.close(Ok(())),
            Kind::Select(_) => {
                let opened = self.opening.take();
                // RFC 9051 §6.3.2: where it fails, no mailbox is selected.
                self.mailbox = opened.filter(|_| is_ok);
                self.state = if is_ok {
                    State::Selected
                } else {
                    State::Authenticated
                };
            }
            Kind::Deselect if is_ok => {
                self.mailbox = None;
                self.state = State::Authenticated;
            }
            Kind::Login { told } | Kind::Authenticate { told, .. } if is_ok => {
                self.state = State::Authenticated;
                if !told {
                    self.capabilities = None;
                }
            }
            Kind::StartTls if is_ok => self.phase = Phase::Tls,
            _ => {}
        }
        if let Some(mailbox) = &mut self.mailbox {
            mailbox.hear_status(&status);
        }
        self.learn_from_code(&status);
        self.events.push_back(Event::Done { id, status });
    }
}
