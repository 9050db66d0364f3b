//! What a server says by itself: greeting, capabilities, refusals.

use alloc::vec::Vec;

use bytes::BufMut;
use mailwire_core::text::Octets;

use crate::{
    capability::{Capability, Scope},
    command::{Command, MessageNumber},
    error::{ParseError, ProtocolError},
    response::{Response, ResponseCode},
    server::{Event, Phase, Server, Stls, UserPass},
    state::State,
};

impl Server {
    pub(super) fn greet(&mut self) {
        let host_name = self.config.host_name.clone();
        let text = alloc::format!("{} POP3 ready", &*host_name);
        self.out.response(&Response::ok(&text));
        self.answered(Phase::Commands);
    }

    /// RFC 2449 §5. Capabilities of the AUTHORIZATION state are listed in both states; USER and
    /// SASL only where a credential may pass, STLS only where TLS can still be started.
    pub(super) fn capabilities(&mut self) {
        let mechanisms: Vec<_> = self.mechanisms().cloned().collect();
        let may_log_in = self.credentials_may_pass();
        let config = &self.config;
        let out = self.out.buffer();
        Response::ok("capabilities follow").encode(out);
        for capability in [
            Capability::Top,
            Capability::Uidl,
            Capability::RespCodes,
            Capability::AuthRespCode,
            Capability::Pipelining,
        ] {
            capability.encode(out);
        }
        if self.tls.is_none() && self.state == State::Authorization && config.stls == Stls::Offered
        {
            Capability::Stls.encode(out);
        }
        if may_log_in {
            if config.user_pass == UserPass::Offered {
                Capability::User.encode(out);
            }
            if !mechanisms.is_empty() {
                Capability::Sasl(mechanisms).encode(out);
            }
        }
        if let Some(seconds) = config.login_delay {
            Capability::LoginDelay(seconds, Scope::All).encode(out);
        }
        if let Some(retention) = config.retention {
            Capability::Expire(retention, Scope::All).encode(out);
        }
        if let Some(implementation) = &config.implementation {
            let text = Response::ok(implementation);
            Capability::Implementation(Octets::from(text.octets())).encode(out);
        }
        out.put_slice(b".\r\n");
    }

    /// The size of a message that exists and is not marked; otherwise the client is told.
    pub(super) fn present(&mut self, message: MessageNumber) -> Option<u64> {
        match self.maildrop.size(message) {
            None => {
                let count = self.maildrop.len();
                self.out.line(format_args!(
                    "-ERR no such message, only {count} in maildrop"
                ));
                None
            }
            Some(_) if self.deletions.contains(message) => {
                self.out
                    .line(format_args!("-ERR message {message} is deleted"));
                None
            }
            size => size,
        }
    }

    /// A line that is no command.
    pub(super) fn invalid(&mut self, error: ParseError) -> Event {
        self.bad(&Response::err(&alloc::format!("{error}")));
        Event::Invalid(error)
    }

    /// A command that is unknown, or not possible in this state.
    pub(super) fn out_of_place(&mut self, command: &Command) {
        match command {
            Command::Unknown(_) | Command::Apop { .. } => {
                self.bad(&Response::err("unknown command"));
            }
            _ => {
                let text = alloc::format!("not possible in {}", self.state);
                self.bad(&Response::err(&text));
            }
        }
    }

    /// Refuses a command, and closes when there have been too many such.
    pub(super) fn bad(&mut self, response: &Response) {
        self.out.response(response);
        self.bad_commands += 1;
        if self.bad_commands >= self.config.bad_commands {
            self.close(Err(ProtocolError::BadCommands));
        }
    }

    /// Counts a refused login, unless the refusal says that the password is not why.
    pub(super) fn count_failure(&mut self, response: &Response) {
        if let None | Some(ResponseCode::Auth) = response.code().and_then(ResponseCode::known_part)
        {
            self.auth_failures += 1;
        }
        if self.auth_failures >= self.config.auth_failures {
            self.close(Err(ProtocolError::AuthFailures));
        }
    }
}

/// The methods of RFC 9110 §9 and RFC 5789. A browser that is made to talk to this port shows
/// itself in its first line, and must not get as far as a command in the body of its request.
pub(super) fn is_http(line: &[u8]) -> bool {
    const METHODS: [&[u8]; 9] = [
        b"GET ",
        b"HEAD ",
        b"POST ",
        b"PUT ",
        b"DELETE ",
        b"CONNECT ",
        b"OPTIONS ",
        b"TRACE ",
        b"PATCH ",
    ];
    METHODS.iter().any(|method| {
        line.get(..method.len())
            .is_some_and(|front| front.eq_ignore_ascii_case(method))
    })
}
