//! Replays the files in `transcripts/`: as written, octet by octet, at random cuts, in one read.

use std::{cell::RefCell, fs, path::PathBuf, sync::Arc};

use bytes::Bytes;
use mailwire_core::{
    dot::NulOctets,
    machine::{Machine, TlsInfo, TlsVersion, Upgrade},
    sasl::{Derivation, Nonce},
    transcript::{Described, Setting, Stage, check, update},
};
use mailwire_smtp::{
    client::{self, Client},
    command::Command,
    extension::Extension,
    open::{self, Login, Open},
    params::BodyType,
    reply::{Code, EnhancedCode, Reply},
    server::{
        AuthOver, Config, Event, HelloVerb, LineBreaks, MailAfter, Peer, Pipelining, Server,
        StartTls, Transfer,
    },
};

/// Plays one file. With `UPDATE_TRANSCRIPTS` set, its expectations are written anew.
pub(crate) fn replay(folder: &str, name: &str) {
    let path: PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "transcripts",
        folder,
        &format!("{name}.txt"),
    ]
    .iter()
    .collect();
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let updating = std::env::var_os("UPDATE_TRANSCRIPTS").is_some();
    macro_rules! play {
        ($open:expr) => {
            if updating {
                fs::write(&path, update(&text, $open).unwrap()).unwrap();
                Ok(())
            } else {
                check(&text, $open)
            }
        };
    }
    let result = match folder {
        "server" => play!(ServerStage::open),
        "client" => play!(ClientStage::open),
        "open" => play!(OpenStage::open),
        other => panic!("no stage for {other}"),
    };
    if let Err(failure) = result {
        panic!("{}: {failure}", path.display());
    }
}

/// Makes a test of every file, and one that no file is forgotten.
macro_rules! transcripts {
    ($folder:ident: $($name:ident)*) => {
        mod $folder {
            $(#[test]
            fn $name() {
                crate::transcripts::replay(stringify!($folder), stringify!($name));
            })*

            #[test]
            fn every_file_is_replayed() {
                let mut listed: Vec<&str> = vec![$(concat!(stringify!($name), ".txt")),*];
                listed.sort_unstable();
                let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/transcripts/", stringify!($folder));
                let mut there: Vec<String> = std::fs::read_dir(folder)
                    .unwrap()
                    .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                    .collect();
                there.sort_unstable();
                assert_eq!(there, listed);
            }
        }
    };
}

pub(crate) fn tls() -> TlsInfo {
    TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256")
}

struct ServerStage(Server);

impl ServerStage {
    fn open(setting: &Setting) -> Result<Self, String> {
        let mut config = match setting.value("mode") {
            Some("submission") => Config::submission("mx.example".parse().unwrap()),
            Some("lmtp") => Config::lmtp("mx.example".parse().unwrap()),
            _ => Config::smtp("mx.example".parse().unwrap()),
        };
        let mut under_tls = false;
        for (name, value) in setting.options() {
            let number = || {
                value
                    .parse::<u64>()
                    .map_err(|_| format!("{name} is no number"))
            };
            match (name, value) {
                ("mode", "smtp" | "submission" | "lmtp") => {}
                ("tls", "offered") => config.start_tls = StartTls::Offered,
                ("tls", "required") => config.start_tls = StartTls::Required,
                ("tls", "implicit") => under_tls = true,
                ("auth", names) => {
                    config.mechanisms = names.split(',').map(|n| n.parse().unwrap()).collect();
                }
                ("auth-over", "clear") => config.auth_over = AuthOver::TlsOrClearText,
                ("mail-after", "auth") => config.mail_after = MailAfter::Auth,
                ("peer", "trusted") => config.peer = Peer::Trusted,
                ("pipelining", "strict") => config.pipelining = Pipelining::Strict,
                ("pipelining", "off") => config.pipelining = Pipelining::Off,
                ("breaks", "normalize") => config.line_breaks = LineBreaks::Normalize,
                ("breaks", "close") => config.line_breaks = LineBreaks::RejectAndClose,
                ("nul", "keep") => config.nul = NulOctets::Keep,
                ("with", names) => {
                    for name in names.split(',') {
                        config.extensions = config.extensions.with(extension(name)?);
                    }
                }
                ("without", names) => {
                    for name in names.split(',') {
                        config.extensions = config.extensions.without(extension(name)?);
                    }
                }
                ("pause", "yes") => {
                    config.greeting_pause = Some(std::time::Duration::from_secs(5));
                }
                ("size", _) => config.limits.message = number()?,
                ("drain", _) => config.limits.drain = number()?,
                ("recipients", _) => config.limits.recipients = number()? as usize,
                ("chunks", _) => config.limits.chunks = number()? as u32,
                ("bad", _) => config.limits.bad_commands = number()? as u32,
                ("idle", _) => config.limits.idle_commands = number()? as u32,
                _ => return Err(format!("{name}={value}")),
            }
        }
        let mut server = Server::new(Arc::new(config));
        if under_tls {
            server.tls_started(tls());
        }
        Ok(Self(server))
    }
}

fn extension(name: &str) -> Result<Extension, String> {
    Ok(match name {
        "8BITMIME" => Extension::EightBitMime,
        "CHUNKING" => Extension::Chunking,
        "BINARYMIME" => Extension::BinaryMime,
        "SMTPUTF8" => Extension::SmtpUtf8,
        "DSN" => Extension::Dsn,
        other => return Err(other.to_string()),
    })
}

impl Stage for ServerStage {
    type Machine = Server;

    fn machine(&mut self) -> &mut Server {
        &mut self.0
    }

    fn describe(&self, event: Event) -> Described {
        Described::Line(match event {
            Event::Hello(hello) => {
                let verb = match hello.verb {
                    HelloVerb::Helo => "HELO",
                    HelloVerb::Ehlo => "EHLO",
                    HelloVerb::Lhlo => "LHLO",
                };
                format!("Hello {verb} {}", hello.client)
            }
            Event::TlsStarted(tls) => format!("TlsStarted {}", tls.version),
            Event::AuthStart(start) => match start.initial {
                None => format!("AuthStart {}", start.mechanism),
                Some(initial) if initial.expose().len() > 100 => {
                    format!(
                        "AuthStart {} {} octets",
                        start.mechanism,
                        initial.expose().len()
                    )
                }
                Some(initial) => {
                    format!(
                        "AuthStart {} \"{}\"",
                        start.mechanism,
                        initial.expose().escape_ascii()
                    )
                }
            },
            Event::AuthResponse(response) => {
                format!("AuthResponse \"{}\"", response.expose().escape_ascii())
            }
            Event::AuthCancelled => "AuthCancelled".into(),
            Event::Mail(mail) => match mail.submitter {
                None => format!("Mail {}{}", mail.from, mail.params),
                Some(submitter) => format!("Mail {}{} by {submitter}", mail.from, mail.params),
            },
            Event::Rcpt(rcpt) => format!("Rcpt {}{}", rcpt.to, rcpt.params),
            Event::BodyStart(start) => {
                let verb = if start.transfer == Transfer::Data {
                    "DATA"
                } else {
                    "BDAT"
                };
                format!("BodyStart {verb} for {}", start.recipients)
            }
            Event::Body(octets) => return Described::Body(octets),
            Event::BodyEnd(end) => format!("BodyEnd {} octets for {}", end.octets, end.recipients),
            Event::Reset(why) => format!("Reset {why}"),
            Event::Verify(text) => format!("Verify {}", text.as_str()),
            Event::Expand(text) => format!("Expand {}", text.as_str()),
            Event::Invalid(invalid) => format!("Invalid {invalid}"),
            Event::Quit => "Quit".into(),
            other => format!("{other:?}"),
        })
    }

    fn perform(&mut self, call: &str) -> Result<(), String> {
        let (verb, rest) = call.split_once(' ').unwrap_or((call, ""));
        let server = &mut self.0;
        match verb {
            "accept" => server.accept(),
            "reply" => server.reply(reply(rest)?),
            "challenge" => server.challenge(Bytes::copy_from_slice(rest.as_bytes())),
            "each" => {
                let replies: Result<Vec<_>, _> = rest.split(" | ").map(reply).collect();
                server.reply_each(replies?)
            }
            "shutdown" => {
                server.shutdown();
                Ok(())
            }
            "abort" => {
                server.abort();
                Ok(())
            }
            _ => return Err("unknown call".into()),
        }
        .map_err(|misuse| misuse.to_string())
    }
}

/// `550 5.1.1 text` or `550 text`.
pub(crate) fn reply(text: &str) -> Result<Reply, String> {
    let text = text.replace("\\r", "\r").replace("\\n", "\n");
    let (code, rest) = text.split_once(' ').ok_or("a code and a text")?;
    let code = code
        .parse()
        .ok()
        .and_then(Code::new)
        .ok_or("no reply code")?;
    let enhanced = rest.split_once(' ').and_then(|(word, behind)| {
        let numbers: Vec<u16> = word.split('.').map_while(|n| n.parse().ok()).collect();
        let [class, subject, detail] = numbers[..] else {
            return None;
        };
        Some((EnhancedCode::new(class as u8, subject, detail)?, behind))
    });
    Ok(match enhanced {
        Some((enhanced, text)) => Reply::new(code, enhanced, text),
        None => Reply::new(code, None, rest),
    })
}

struct ClientStage(Client);

impl ClientStage {
    fn open(setting: &Setting) -> Result<Self, String> {
        let mut config = match setting.value("protocol") {
            Some("lmtp") => client::Config::lmtp(),
            _ => client::Config::smtp(),
        };
        let mut under_tls = false;
        for (name, value) in setting.options() {
            match (name, value) {
                ("protocol", "lmtp") => {}
                ("tls", "implicit") => under_tls = true,
                ("pipelining", "never") => config.pipelining = client::Pipelining::Never,
                ("chunking", "binary") => config.chunking = client::Chunking::OnlyForBinary,
                ("auth-over", "clear") => config.auth_over = client::AuthOver::TlsOrClearText,
                _ => return Err(format!("{name}={value}")),
            }
        }
        let mut client = Client::new(config);
        if under_tls {
            client.tls_started(tls());
        }
        Ok(Self(client))
    }
}

fn shown(reply: &Reply) -> String {
    let wire = String::from_utf8_lossy(reply.wire()).into_owned();
    wire.trim_end().replace("\r\n", " | ")
}

fn number(id: client::Id) -> String {
    format!("{id:?}").replace("Id(", "#").replace(')', "")
}

impl Stage for ClientStage {
    type Machine = Client;

    fn machine(&mut self) -> &mut Client {
        &mut self.0
    }

    fn describe(&self, event: client::Event) -> Described {
        use client::Event;
        Described::Line(match event {
            Event::Greeting(reply) => format!("Greeting {}", shown(&reply)),
            Event::Reply { id, reply } => format!("Reply {} {}", number(id), shown(&reply)),
            Event::RecipientReply {
                id,
                recipient,
                remaining,
                reply,
            } => {
                format!(
                    "Recipient {recipient} of {}, {remaining} to come: {}",
                    number(id),
                    shown(&reply)
                )
            }
            Event::Challenge { id, challenge } => {
                format!(
                    "Challenge {} \"{}\"",
                    number(id),
                    challenge.expose().escape_ascii()
                )
            }
            Event::BodyWanted { id } => format!("BodyWanted {}", number(id)),
            Event::Closing(reply) => format!("Closing {}", shown(&reply)),
            other => format!("{other:?}"),
        })
    }

    fn perform(&mut self, call: &str) -> Result<(), String> {
        let (verb, rest) = call.split_once(' ').unwrap_or((call, ""));
        let client = &mut self.0;
        match verb {
            "send" => {
                let command = Command::parse(rest.into()).map_err(|error| error.to_string())?;
                client.send(command).map(|_| ())
            }
            "refused" => {
                // The command must be refused, and say why.
                let (command, why) = rest.split_once(": ").ok_or("refused COMMAND: WHY")?;
                let misuse = match command.strip_prefix("body ") {
                    Some(kind) => client.send_body(body_type(kind)?),
                    None => client.send(Command::parse(command.into()).map_err(|e| e.to_string())?),
                };
                match misuse {
                    Err(misuse) if misuse.to_string() == why => return Ok(()),
                    other => return Err(format!("{other:?}")),
                }
            }
            "body" => client.send_body(body_type(rest)?).map(|_| ()),
            "write" => {
                let octets = rest.replace("\\r", "\r").replace("\\n", "\n");
                client.write_body(octets.into_bytes().into())
            }
            "fill" => {
                let size = rest.parse().map_err(|_| "fill SIZE")?;
                client.write_body(vec![b'x'; size].into())
            }
            "end" => client.end_body(),
            "respond" => client.respond(rest.as_bytes()),
            "cancel" => client.cancel_auth(),
            "abort" => {
                client.abort();
                Ok(())
            }
            _ => return Err("unknown call".into()),
        }
        .map_err(|misuse| misuse.to_string())
    }
}

fn body_type(name: &str) -> Result<BodyType, String> {
    Ok(match name {
        "7bit" => BodyType::SevenBit,
        "8bit" => BodyType::EightBitMime,
        "binary" => BodyType::BinaryMime,
        other => return Err(other.to_string()),
    })
}

struct OpenStage {
    open: Open,
    derivation: RefCell<Option<Derivation>>,
}

impl OpenStage {
    fn open(setting: &Setting) -> Result<Self, String> {
        let upgrade = match setting.value("upgrade") {
            Some("never") => Upgrade::Never,
            Some("if-offered") => Upgrade::IfOffered,
            Some("implicit") => Upgrade::Implicit,
            _ => Upgrade::Required,
        };
        let mut config = open::Config::new("client.example".parse().unwrap(), upgrade);
        let mut under_tls = false;
        for (name, value) in setting.options() {
            match (name, value) {
                ("upgrade", _) => {}
                ("protocol", "lmtp") => config.client = client::Config::lmtp(),
                ("tls", "implicit") => under_tls = true,
                ("auth-over", "clear") => {
                    config.client.auth_over = client::AuthOver::TlsOrClearText
                }
                ("login", value) => {
                    let (user, password) = value.split_once(':').ok_or("login=USER:PASSWORD")?;
                    let nonce = Nonce::from_printable("rOprNGfwEbeRWgbNEkqO").unwrap();
                    config = config.with_login(Login::new(user, password, nonce).unwrap());
                }
                _ => return Err(format!("{name}={value}")),
            }
        }
        let mut open = Open::new(config);
        if under_tls {
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
        use open::Event;
        Described::Line(match event {
            Event::Greeting(reply) => format!("Greeting {}", shown(&reply)),
            Event::StartTlsRefused(reply) => format!("StartTlsRefused {}", shown(&reply)),
            Event::NeedDerivation(derivation) => {
                *self.derivation.borrow_mut() = Some(derivation);
                "NeedDerivation".into()
            }
            Event::Ready(client) => match client.tls() {
                Some(_) => format!("Ready over TLS, offered {:?}", client.capabilities()),
                None => format!("Ready in clear, offered {:?}", client.capabilities()),
            },
            other => format!("{other:?}"),
        })
    }

    fn perform(&mut self, call: &str) -> Result<(), String> {
        match call {
            "derive" => {
                let derivation = self.derivation.take().ok_or("nothing to derive")?;
                self.open
                    .derived(&derivation.run())
                    .map_err(|misuse| misuse.to_string())
            }
            _ => Err("unknown call".into()),
        }
    }
}
