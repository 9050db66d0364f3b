//! The machines on the stage of a transcript: the words for their events and calls.

use std::{cell::RefCell, fmt::Display, sync::Arc};

use bytes::Bytes;
use mailwire_core::{
    dot::BareLineBreaks,
    machine::{Machine, TlsInfo, TlsVersion, Upgrade},
    sasl::{self, BindingPolicy, Nonce},
    transcript::{Described, Setting, Stage},
};
use mailwire_pop3::{
    ClearText, Client, Command, Maildrop, Mechanism, Misuse, Open, Response, Retention, Server,
    client, open, server,
};

pub(crate) fn tls() -> TlsInfo {
    TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256")
}

pub(crate) struct ServerStage(Server);

impl ServerStage {
    /// `tls=implicit`, `stls=yes`, `clear=yes`, `user=no`, `mechanisms=PLAIN,LOGIN`.
    pub(crate) fn new(setting: &Setting) -> Result<Self, String> {
        let mut config = server::Config::new("mail.example");
        let mut implicit = false;
        for (name, value) in setting.options() {
            match (name, value) {
                ("tls", "implicit") => implicit = true,
                ("stls", "yes") => config.stls = server::Stls::Offered,
                ("clear", "yes") => config.clear_text = ClearText::Permitted,
                ("user", "no") => config.user_pass = server::UserPass::Withheld,
                ("mechanisms", names) => {
                    let names = names.split(',').map(Mechanism::new);
                    config.mechanisms = names.collect::<Result<_, _>>().map_err(text)?;
                }
                ("implementation", name) => config.implementation = Some(name.into()),
                ("expire", "never") => config.retention = Some(Retention::Never),
                ("delay", seconds) => config.login_delay = seconds.parse().ok(),
                _ => return Err(format!("unknown option {name}={value}")),
            }
        }
        let mut server = Server::new(Arc::new(config));
        if implicit {
            server.tls_started(tls());
        }
        Ok(Self(server))
    }
}

impl Stage for ServerStage {
    type Machine = Server;

    fn machine(&mut self) -> &mut Server {
        &mut self.0
    }

    fn describe(&self, event: server::Event) -> Described {
        use server::Event;

        Described::Line(match event {
            Event::Secured(_) => "Secured".to_owned(),
            Event::Login { user, password } => {
                format!("Login {:?} {:?}", &*user, password.expose())
            }
            Event::AuthStart {
                mechanism,
                initial: None,
            } => format!("AuthStart {mechanism}"),
            Event::AuthStart {
                mechanism,
                initial: Some(initial),
            } => {
                format!("AuthStart {mechanism} \"{}\"", shown(initial.expose()))
            }
            Event::AuthResponse(response) => {
                format!("AuthResponse \"{}\"", shown(response.expose()))
            }
            Event::Quit { deletions } => {
                let deleted: Vec<_> = deletions.iter().map(|m| m.to_string()).collect();
                format!(
                    "Quit {}",
                    if deleted.is_empty() {
                        "-".into()
                    } else {
                        deleted.join(",")
                    }
                )
            }
            Event::Retr { message } => format!("Retr {message}"),
            Event::Top { message, lines } => format!("Top {message} {lines}"),
            Event::Invalid(error) => format!("Invalid {error}"),
            other => format!("{other:?}"),
        })
    }

    fn perform(&mut self, call: &str) -> Result<(), String> {
        let (verb, rest) = call.split_once(' ').unwrap_or((call, ""));
        let server = &mut self.0;
        match verb {
            "open" => server.open(maildrop(rest)?),
            "challenge" => server.challenge(rest.as_bytes()),
            "accept" => server.accept(),
            "reply" => server.reply(&Response::parse(rest.as_bytes()).map_err(text)?),
            "body" => server.write_body(octets(rest)),
            "end" => server.end_body(),
            "abort" => {
                server.abort();
                Ok(())
            }
            "shutdown" => {
                server.shutdown();
                Ok(())
            }
            _ => return Err("unknown call".to_owned()),
        }
        .map_err(text)
    }
}

pub(crate) struct ClientStage(Client);

impl ClientStage {
    /// `tls=implicit`, `clear=yes`, `breaks=keep`, `max-message=N`.
    pub(crate) fn new(setting: &Setting) -> Result<Self, String> {
        let mut config = client::Config::new();
        let mut implicit = false;
        for (name, value) in setting.options() {
            match (name, value) {
                ("tls", "implicit") => implicit = true,
                _ => set(&mut config, name, value)?,
            }
        }
        let mut client = Client::new(config);
        if implicit {
            client.tls_started(tls());
        }
        Ok(Self(client))
    }
}

fn set(config: &mut client::Config, name: &str, value: &str) -> Result<(), String> {
    match (name, value) {
        ("clear", "yes") => config.clear_text = ClearText::Permitted,
        ("breaks", "keep") => config.bare_line_breaks = BareLineBreaks::Keep,
        ("max-message", octets) => config.max_message = octets.parse().map_err(text)?,
        _ => return Err(format!("unknown option {name}={value}")),
    }
    Ok(())
}

impl Stage for ClientStage {
    type Machine = Client;

    fn machine(&mut self) -> &mut Client {
        &mut self.0
    }

    fn describe(&self, event: client::Event) -> Described {
        use client::Event;

        Described::Line(match event {
            Event::Greeting {
                response,
                protection,
            } => {
                format!("Greeting {protection:?} {response}")
            }
            Event::Reply { id, response } => format!("Reply {} {response}", id.value()),
            Event::Challenge { octets, .. } => format!("Challenge \"{}\"", shown(&octets)),
            Event::DropListing { count, octets, .. } => format!("DropListing {count} {octets}"),
            Event::ScanListing {
                message, octets, ..
            } => format!("ScanListing {message} {octets}"),
            Event::UniqueIdListing {
                message, unique_id, ..
            } => {
                format!("UniqueIdListing {message} {unique_id}")
            }
            Event::Capabilities { capabilities, .. } => {
                let names: Vec<_> = capabilities.iter().map(ToString::to_string).collect();
                format!("Capabilities {}", names.join(","))
            }
            Event::Body { octets, .. } => return Described::Body(octets),
            Event::End { id } => format!("End {}", id.value()),
            Event::Spoilt { id, fault } => format!("Spoilt {} {fault}", id.value()),
            Event::Invalid { id, error } => format!("Invalid {} {error}", id.value()),
            Event::Notice { notice, .. } => format!("Notice {notice}"),
            other => format!("{other:?}"),
        })
    }

    fn perform(&mut self, call: &str) -> Result<(), String> {
        let (verb, rest) = call.split_once(' ').unwrap_or((call, ""));
        match verb {
            "send" => self.send(rest).map(|_| ()).map_err(text),
            "refused" => match self.send(rest) {
                Err(_) => Ok(()),
                Ok(_) => Err("it was sent".to_owned()),
            },
            "answer" => self.0.answer(rest.as_bytes()).map_err(text),
            "cancel" => self.0.cancel().map_err(text),
            _ => Err("unknown call".to_owned()),
        }
    }
}

impl ClientStage {
    fn send(&mut self, line: &str) -> Result<client::CommandId, Misuse> {
        self.0.send(Command::parse(line.as_bytes()).unwrap())
    }
}

/// Opens as `user` with the password `pencil`, whose SCRAM exchange RFC 7677 §3 shows.
pub(crate) struct OpenStage {
    open: Open,
    derivation: RefCell<Option<sasl::Derivation>>,
}

impl OpenStage {
    /// `upgrade=never|offered|required|implicit`, `login=no`, `at-least=NAME`, `binding=require`
    /// and the options of a client.
    pub(crate) fn new(setting: &Setting) -> Result<Self, String> {
        let mut config = open::Config::new(Upgrade::Required);
        let nonce = Nonce::from_printable("rOprNGfwEbeRWgbNEkqO").map_err(text)?;
        let mut login = open::Login::new("user", "pencil", nonce).map_err(text)?;
        let mut logs_in = true;
        for (name, value) in setting.options() {
            match (name, value) {
                ("upgrade", "never") => config.upgrade = Upgrade::Never,
                ("upgrade", "offered") => config.upgrade = Upgrade::IfOffered,
                ("upgrade", "required") => config.upgrade = Upgrade::Required,
                ("upgrade", "implicit") => config.upgrade = Upgrade::Implicit,
                ("tls", "implicit") => {}
                ("login", "no") => logs_in = false,
                ("binding", "require") => login = login.channel_binding(BindingPolicy::Require),
                ("at-least", name) => {
                    let mechanism = sasl::Mechanism::from_name(name.as_bytes());
                    login = login.at_least(mechanism.ok_or("unknown mechanism")?);
                }
                _ => set(&mut config.client, name, value)?,
            }
        }
        if logs_in {
            config = config.with_login(login);
        }
        let mut open = Open::new(config);
        if setting.value("tls") == Some("implicit") {
            open.tls_started(tls());
        }
        Ok(Self {
            open,
            derivation: RefCell::new(None),
        })
    }
}

impl Stage for OpenStage {
    type Machine = Open;

    fn machine(&mut self) -> &mut Open {
        &mut self.open
    }

    fn describe(&self, event: open::Event) -> Described {
        Described::Line(match event {
            open::Event::Greeting {
                response,
                protection,
            } => {
                format!("Greeting {protection:?} {response}")
            }
            open::Event::NeedDerivation(derivation) => {
                let shown = format!("NeedDerivation {}", derivation.iterations());
                self.derivation.replace(Some(derivation));
                shown
            }
            open::Event::Ready(client) => {
                format!("Ready {:?} {}", client.protection(), client.state())
            }
            other => format!("{other:?}"),
        })
    }

    fn perform(&mut self, call: &str) -> Result<(), String> {
        match (call, self.derivation.take()) {
            ("derive", Some(derivation)) => self.open.derived(&derivation.run()).map_err(text),
            _ => Err("unknown call".to_owned()),
        }
    }
}

/// `120:id-1 200:id-2`
pub(crate) fn maildrop(words: &str) -> Result<Maildrop, String> {
    let mut maildrop = Maildrop::new();
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        let (size, unique_id) = word.split_once(':').ok_or("SIZE:ID")?;
        maildrop
            .push(size.parse().map_err(text)?, unique_id.as_bytes())
            .map_err(text)?;
    }
    Ok(maildrop)
}

fn octets(escaped: &str) -> Bytes {
    escaped
        .replace("\\r", "\r")
        .replace("\\n", "\n")
        .replace("\\0", "\0")
        .into()
}

fn shown(octets: &[u8]) -> impl Display + '_ {
    octets.escape_ascii()
}

fn text(error: impl Display) -> String {
    error.to_string()
}
