//! What a server says by itself: greeting, capabilities, refusals.

use alloc::string::String;

use bytes::BufMut;

use crate::{
    command::Names,
    encode::Literals,
    response::ServerId,
    server::{
        Done, Extension, Greeting, Login, Phase, ProtocolError, Server, StartTls, done::clean,
    },
    state::State,
};

impl Server {
    pub(super) fn greet(&mut self) {
        let condition = match self.config.greeting {
            Greeting::Ok => "OK",
            Greeting::PreAuth => "PREAUTH",
        };
        let capabilities = self.capabilities();
        let host_name = clean(&self.config.host_name);
        self.out.line(format_args!(
            "* {condition} [CAPABILITY{capabilities}] {host_name} ready"
        ));
        self.answered(Phase::Commands);
    }

    /// The answer to a login; the code spares the client a question (RFC 9051 §7.1).
    pub(super) fn welcome(&mut self) {
        let capabilities = self.capabilities();
        self.out.status(
            self.command.tag.as_ref(),
            format_args!("OK [CAPABILITY{capabilities}] logged in"),
        );
    }

    pub(super) fn tell_capabilities(&mut self) {
        let capabilities = self.capabilities();
        self.out.line(format_args!("* CAPABILITY{capabilities}"));
    }

    /// The capabilities of the present state, each with a space in front. What only helps behind the
    /// login is not told before it.
    fn capabilities(&self) -> String {
        let mut list = String::from(" IMAP4rev1");
        let mut put = |name: &str| {
            list.push(' ');
            list.push_str(name);
        };
        let config = &self.config;
        let before_login = self.state == State::NotAuthenticated;
        if config.extensions.has(Extension::Imap4Rev2) {
            put(Extension::Imap4Rev2.name());
        }
        match config.literals {
            Literals::Synchronizing => {}
            Literals::Minus => put("LITERAL-"),
            Literals::Plus => put("LITERAL+"),
        }
        for extension in Extension::OTHERS {
            let is_told = match extension {
                Extension::Id => true,
                Extension::SaslIr => before_login,
                _ => !before_login,
            };
            match extension {
                _ if !is_told || !config.extensions.has(extension) => {}
                Extension::AppendLimit => {
                    put(&alloc::format!("APPENDLIMIT={}", config.limits.message));
                }
                extension => put(extension.name()),
            }
        }
        if before_login {
            let may_log_in = self.credentials_may_pass();
            if self.tls.is_none() && config.start_tls == StartTls::Offered {
                put("STARTTLS");
            }
            if config.login == Login::Withheld || !may_log_in {
                put("LOGINDISABLED");
            }
            for mechanism in self.mechanisms().filter(|_| may_log_in) {
                put(&alloc::format!("AUTH={mechanism}"));
            }
        }
        list
    }

    pub(super) fn tell_id(&mut self) {
        let fields = self.config.id.iter();
        let id = ServerId::new(fields.map(|field| (&*field.name, field.value.as_deref())));
        let out = self.out.buffer(id.wire().len() + 2);
        out.put_slice(id.wire());
        out.put_slice(b"\r\n");
    }

    /// RFC 5161 §3.1. What is not offered is passed over in silence, as is what was on already.
    pub(super) fn enable(&mut self, names: &Names) {
        let mut list = String::new();
        let mut is_cond_store = false;
        for extension in names.iter().filter_map(Extension::enabled_by) {
            if self.config.extensions.has(extension) && !self.enabled.has(extension) {
                self.enabled = self.enabled.with_alone(extension);
                is_cond_store |= matches!(extension, Extension::CondStore | Extension::QResync);
                list.push(' ');
                list.push_str(extension.name());
            }
        }
        self.out.line(format_args!("* ENABLED{list}"));
        if is_cond_store {
            // Both turn it on (RFC 7162 §3.2.3).
            self.enabled = self.enabled.with_alone(Extension::CondStore);
            self.tell_highest_mod_seq();
        }
        self.completed();
    }

    /// RFC 7162 §3.1: the first command that turns CONDSTORE on is told where the mailbox stands.
    /// What SELECT told may be too low by now, which costs a client nothing but a few answers.
    pub(super) fn enable_cond_store(&mut self) {
        if !self.enabled.has(Extension::CondStore) {
            self.enabled = self.enabled.with_alone(Extension::CondStore);
            self.tell_highest_mod_seq();
        }
    }

    fn tell_highest_mod_seq(&mut self) {
        if let (State::Selected, Some(value)) = (
            self.state,
            self.selected.and_then(|view| view.highest_mod_seq),
        ) {
            self.out
                .line(format_args!("* OK [HIGHESTMODSEQ {value}] highest"));
        }
    }

    pub(super) fn go_ahead(&mut self) {
        self.out.line(format_args!("+ go ahead"));
    }

    /// The machine's own tagged OK.
    pub(super) fn completed(&mut self) {
        let name = self.command.name;
        self.out.status(
            self.command.tag.as_ref(),
            format_args!("OK {name} completed"),
        );
    }

    /// The tagged answer.
    pub(super) fn say(&mut self, done: &Done) {
        self.out.done(self.command.tag.as_ref(), done);
    }

    /// Takes leave, but not in clear once TLS was promised.
    pub(super) fn bye(&mut self, text: &str) {
        if matches!(self.phase, Phase::Tls) {
            return;
        }
        self.out.line(format_args!("* BYE {text}"));
    }

    /// Refuses a command, and closes when there have been too many such.
    pub(super) fn bad(&mut self, done: &Done) {
        self.say(done);
        self.bad_commands += 1;
        let limits = &self.config.limits;
        let max = match self.state {
            State::NotAuthenticated => limits.bad_commands_before_login,
            _ => limits.bad_commands,
        };
        if self.bad_commands >= max {
            self.end("too many bad commands", ProtocolError::BadCommands);
        }
    }

    /// Counts a command before login that does nothing.
    pub(super) fn idle_command(&mut self) {
        if self.state == State::NotAuthenticated {
            self.idle_commands += 1;
            if self.idle_commands > self.config.limits.idle_commands {
                self.end("log in or leave", ProtocolError::IdleCommands);
            }
        }
    }

    pub(super) fn other_protocol(&mut self) {
        self.end("this is an IMAP server", ProtocolError::OtherProtocol);
    }
}

/// A TLS record of type handshake, which no command begins with: the client took this port for one
/// that begins with TLS.
pub(super) fn is_tls_handshake(input: &[u8]) -> bool {
    input.starts_with(&[0x16, 0x03])
}

/// How requests of HTTP (RFC 9110 §9, RFC 5789) and sessions of SMTP begin, on either side. A
/// browser that is made to talk to this port must not get as far as a command in the body of its
/// request.
pub(super) fn is_of_other_protocol(tag: &[u8]) -> bool {
    const WORDS: [&[u8]; 14] = [
        b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH",
        b"PRI", b"EHLO", b"HELO", b"LHLO", b"220",
    ];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(tag)) || tag.starts_with(b"220-")
}
