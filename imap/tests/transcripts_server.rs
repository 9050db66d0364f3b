//! The server's side of `transcripts/`.

use std::{num::NonZeroU32, sync::Arc};

use bytes::Bytes;
use mailwire_core::{
    machine::Machine,
    transcript::{Described, Setting, Stage},
};
use mailwire_imap::{
    ClearText, Server,
    command::{Command, CommandBody, Field, Fields, Mechanism, Message, Tag},
    encode::{Encoder, Literals},
    flag::Flags,
    grammar::Cursor,
    response::{Condition, Fetch, Response, Tolerances},
    server::{
        Access, Config, Done, Event, Extension, Extensions, Greeting, Login, Selected, StartTls,
    },
};

use crate::transcripts::{tls, transcripts, unescape};

pub(crate) struct ServerStage(Server);

impl ServerStage {
    pub(crate) fn open(setting: &Setting) -> Result<Self, String> {
        let mut config = Config::new("mail.example.test");
        config.extensions = Extension::Id.only().with(Extension::SaslIr);
        let mut under_tls = false;
        for (name, value) in setting.options() {
            let number = || value.parse::<u32>().map_err(|_| format!("{name}={value}"));
            match (name, value) {
                ("greeting", "preauth") => config.greeting = Greeting::PreAuth,
                ("tls", "offered") => config.start_tls = StartTls::Offered,
                ("tls", "implicit") => under_tls = true,
                ("clear", "permitted") => config.clear_text = ClearText::Permitted,
                ("login", "withheld") => config.login = Login::Withheld,
                ("auth", names) => {
                    config.mechanisms = names
                        .split(',')
                        .map(|name| Mechanism::new(name.as_bytes()).unwrap())
                        .collect();
                }
                ("literals", "plus") => config.literals = Literals::Plus,
                ("literals", "wait") => config.literals = Literals::Synchronizing,
                ("id", value) => {
                    let fields = [Field::new(b"name", value.as_bytes())];
                    config.id = Fields::new(fields).unwrap();
                }
                ("with", "nothing") => config.extensions = Extensions::none(),
                ("with", names) => {
                    for name in names.split(',') {
                        config.extensions = config.extensions.with(extension(name)?);
                    }
                }
                ("message", _) => config.limits.message = number()?.into(),
                ("swallow", _) => config.limits.swallow = number()?.into(),
                ("unsolicited", _) => {
                    config.limits.unsolicited = usize::try_from(number()?).unwrap()
                }
                ("commands", _) => config.limits.idle_commands = number()?,
                ("bad", _) => {
                    config.limits.bad_commands = number()?;
                    config.limits.bad_commands_before_login = number()?;
                }
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

trait Only {
    fn only(self) -> Extensions;
}

impl Only for Extension {
    fn only(self) -> Extensions {
        Extensions::none().with(self)
    }
}

fn extension(name: &str) -> Result<Extension, String> {
    Ok(match name {
        "APPENDLIMIT" => Extension::AppendLimit,
        "BINARY" => Extension::Binary,
        "CONDSTORE" => Extension::CondStore,
        "ENABLE" => Extension::Enable,
        "ESEARCH" => Extension::ESearch,
        "IDLE" => Extension::Idle,
        "IMAP4rev2" => Extension::Imap4Rev2,
        "MOVE" => Extension::Move,
        "MULTIAPPEND" => Extension::MultiAppend,
        "NAMESPACE" => Extension::Namespace,
        "QRESYNC" => Extension::QResync,
        "UIDPLUS" => Extension::UidPlus,
        "UNSELECT" => Extension::Unselect,
        "UTF8" => Extension::Utf8Accept,
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
            Event::Secured(tls) => format!("Secured {}", tls.version),
            Event::Login { user, password } => format!(
                "Login \"{}\" \"{}\"",
                user.escape_ascii(),
                password.expose().escape_ascii()
            ),
            Event::AuthStart { mechanism, initial } => match initial {
                None => format!("AuthStart {mechanism}"),
                Some(initial) if initial.expose().len() > 100 => {
                    format!("AuthStart {mechanism} {} octets", initial.expose().len())
                }
                Some(initial) => format!(
                    "AuthStart {mechanism} \"{}\"",
                    initial.expose().escape_ascii()
                ),
            },
            Event::AuthResponse(response) if response.expose().len() > 100 => {
                format!("AuthResponse {} octets", response.expose().len())
            }
            Event::AuthResponse(response) => {
                format!("AuthResponse \"{}\"", response.expose().escape_ascii())
            }
            Event::Id(None) => "Id NIL".into(),
            Event::Id(Some(fields)) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|field| {
                        let value = field.value.as_deref().unwrap_or(b"NIL");
                        format!("{}={}", field.name.escape_ascii(), value.escape_ascii())
                    })
                    .collect();
                format!("Id {}", fields.join(" "))
            }
            Event::Select {
                mailbox,
                parameters,
                access,
            } => {
                let condstore = if parameters.condstore {
                    " CONDSTORE"
                } else {
                    ""
                };
                let qresync = if parameters.qresync.is_some() {
                    " QRESYNC"
                } else {
                    ""
                };
                let name = mailbox.as_bytes().escape_ascii();
                format!("Select {access:?} {name}{condstore}{qresync}")
            }
            Event::Command(body) => format!("Command {}", wire(body)),
            Event::Append { mailbox, message } => {
                let name = mailbox.as_bytes().escape_ascii();
                format!("Append {name}{}", announced(&message))
            }
            Event::AppendNext { message } => format!("AppendNext{}", announced(&message)),
            Event::Body(octets) => return Described::Body(octets),
            Event::AppendReset(why) => format!("AppendReset {why:?}"),
            Event::Invalid(invalid) => format!("Invalid {invalid}"),
            other => format!("{other:?}"),
        })
    }

    fn perform(&mut self, call: &str) -> Result<(), String> {
        let (verb, rest) = call.split_once(' ').unwrap_or((call, ""));
        let octets = unescape(rest).ok_or("an escape that nobody knows")?;
        let text = String::from_utf8_lossy(&octets).into_owned();
        let server = &mut self.0;
        match verb {
            "accept" => server.accept(),
            "accept-login" => server.accept_login(),
            "challenge" => server.challenge(&octets),
            "open" => server.open(&selected(&text)?),
            "announce" => server.announce(&selected(&text)?),
            "reply" => server.reply(&done(&octets)?),
            "appended" => {
                let (validity, uids) = rest.split_once(' ').ok_or("a validity and UIDs")?;
                let validity = validity.parse().map_err(|_| "no number")?;
                server.appended(validity, &uids.parse().map_err(|_| "no set")?)
            }
            "push" => {
                let frame = Bytes::from(octets);
                let (response, _) =
                    Response::parse(frame, Tolerances::NONE).map_err(|e| e.to_string())?;
                server.push(&response)
            }
            "fetch" => {
                let frame = Bytes::from(octets);
                let (fetch, _) =
                    Fetch::parse_streamed(frame, Tolerances::NONE).map_err(|e| e.to_string())?;
                server.push_fetch(&fetch)
            }
            "body" => server.write_body(octets.into()),
            "stream" => server.stream(),
            "shutdown" => {
                server.shutdown();
                Ok(())
            }
            "abort" => {
                server.abort();
                Ok(())
            }
            // A call that must be refused.
            "misuse" => {
                return match self.perform(rest) {
                    Ok(()) => Err("the call was not refused".into()),
                    Err(_) => Ok(()),
                };
            }
            _ => return Err("unknown call".into()),
        }
        .map_err(|misuse| misuse.to_string())
    }
}

/// A command on the wire.
fn wire(body: CommandBody) -> String {
    let command = Command::new(Tag::new(b"x").unwrap(), body);
    let octets: Vec<u8> = command.encode(Literals::Plus).unwrap().flatten().collect();
    let octets = octets
        .strip_suffix(b"\r\n")
        .unwrap()
        .strip_prefix(b"x ")
        .unwrap();
    String::from_utf8_lossy(octets).replace("\r\n", "\\r\\n")
}

fn announced(message: &Message) -> String {
    let mut encoder = Encoder::new(Literals::Synchronizing);
    message.encode(&mut encoder);
    let octets: Vec<u8> = encoder.finish().unwrap().flatten().collect();
    String::from_utf8_lossy(&octets).trim_end().to_string()
}

/// `NO [CODE] text`.
fn done(text: &[u8]) -> Result<Done, String> {
    let frame = Bytes::from([b"x ", text].concat());
    let (response, _) = Response::parse(frame, Tolerances::NONE).map_err(|e| e.to_string())?;
    let Response::Status(status) = response else {
        return Err("no status".into());
    };
    let text = status.text().to_str().unwrap().into_owned();
    let done = match status.condition() {
        Condition::Ok => Done::ok(&text),
        Condition::No => Done::no(&text),
        _ => Done::bad(&text),
    };
    Ok(match status.code() {
        Some(code) => done.with_code(&code),
        None => done,
    })
}

/// `exists=172 unseen=12 ...`; what is not there is as in an empty mailbox.
fn selected(text: &str) -> Result<Selected, String> {
    let mut selected = Selected::new(Access::ReadWrite, NonZeroU32::MIN, NonZeroU32::MIN);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let (name, value) = word.split_once('=').ok_or("name=value")?;
        let number = || value.parse::<u32>().map_err(|_| format!("{name}={value}"));
        let nz = || NonZeroU32::new(number()?).ok_or_else(|| format!("{name}={value}"));
        let flags = || {
            let list = format!("({})", value.replace(',', " "));
            Flags::parse(&mut Cursor::borrowing(list.as_bytes())).map_err(|e| e.to_string())
        };
        match (name, value) {
            ("access", "read-only") => selected.access = Access::ReadOnly,
            ("exists", _) => selected.exists = number()?,
            ("recent", _) => selected.recent = number()?,
            ("unseen", _) => selected.first_unseen = Some(nz()?),
            ("validity", _) => selected.uid_validity = nz()?,
            ("next", _) => selected.uid_next = nz()?,
            ("modseq", _) => selected.highest_mod_seq = Some(number()?.into()),
            ("flags", _) => selected.flags = flags()?,
            ("permanent", _) => {
                let list = format!("* OK [PERMANENTFLAGS ({})] x", value.replace(',', " "));
                let (response, _) =
                    Response::parse(list.into(), Tolerances::NONE).map_err(|e| e.to_string())?;
                let Response::Status(status) = response else {
                    return Err("no status".into());
                };
                let Some(mailwire_imap::response::Code::PermanentFlags(flags)) = status.code()
                else {
                    return Err("no flags".into());
                };
                selected.permanent_flags = flags;
            }
            ("list", name) => {
                let frame = Bytes::from(format!("* LIST () \"/\" {name}"));
                let (response, _) =
                    Response::parse(frame, Tolerances::NONE).map_err(|e| e.to_string())?;
                let Response::List(list) = response else {
                    return Err("no LIST".into());
                };
                selected.list = Some(list);
            }
            _ => return Err(format!("{name}={value}")),
        }
    }
    Ok(selected)
}

transcripts! { "server", ServerStage::open;
    abort_within_a_literal
    append_binary
    append_utf8
    auth_11_three_failures
    auth_1_long_line
    auth_22_our_trouble
    auth_3_cancel
    auth_4_disconnect
    auth_4_empty_response
    auth_5_grammar
    auth_5_no_sasl_ir
    auth_6_identity_stays
    auth_7_not_in_clear
    capabilities
    capabilities_in_clear
    condstore
    condstore_not_offered
    enable
    eof_between_commands
    eof_within_a_command
    examine
    fetch_literals
    greeting_preauth
    id
    imap_1_large_literal_before_login
    imap_20_append
    imap_20_append_grammar
    imap_20_append_over_the_limit
    imap_20_append_refused_within
    imap_20_append_that_does_not_wait
    imap_20_append_too_large_to_swallow
    imap_20_eof_within_a_message
    imap_20_multiappend_second_refused
    imap_20_truncated_behind_a_message
    imap_21_close_and_unselect
    imap_21_failed_select
    imap_21_logout_pipelined
    imap_22_idle
    imap_22_idle_other_than_done
    imap_22_idle_too_long
    imap_22_updates_nobody_reads
    imap_25_enable_limits
    imap_25_id_limits
    imap_26_qresync
    imap_2_large_literal_that_does_not_wait
    imap_2_swallowed
    imap_30_bare_line_ends
    imap_31_http
    imap_31_smtp_client
    imap_31_smtp_server
    imap_31_three_bad_commands
    imap_31_tls_hello
    imap_32_commands_before_login
    imap_3_literal_minus
    imap_3_no_literal_plus
    imap_4_what_is_no_literal
    imap_7_refused_literal_then_a_command
    imap_8_line_without_end
    imap_8_tags
    login_literals
    login_withheld
    misuse
    multiappend
    multiappend_not_offered
    select
    select_closed
    select_read_only
    select_rev2
    session
    shutdown_behind_a_message
    shutdown_between_commands
    shutdown_owed
    shutdown_within_an_answer
    starttls
    starttls_17_forgets
    starttls_23_not_offered
    starttls_23_out_of_place
    starttls_24_silence_behind_starttls
    starttls_2_what_follows_starttls_is_refused
    starttls_4_half_a_command_behind_starttls
    stream
    timeout_before_login
    timeout_within_a_message
    unsolicited
}
