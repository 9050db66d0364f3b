//! Every file in `transcripts/client` is replayed whole, octet by octet, at random cuts and in one
//! read.

use std::{fmt::Write, fs, path::Path};

use bytes::Bytes;
use mailwire_core::{
    base64,
    machine::{Machine, TlsInfo, TlsVersion},
    transcript::{self, Described, Failure, Setting, Stage},
};
use mailwire_imap::{
    ClearText, Client,
    capability::Capability,
    client::{CommandId, Config, Event, Frames, Misuse},
    command::{Command, Message},
    response::{Response, Status, Tolerances},
};

pub(crate) fn tls() -> TlsInfo {
    TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256")
}

struct ClientStage(Client);

impl ClientStage {
    /// `tls=implicit` and what [`set`] knows.
    fn new(setting: &Setting) -> Result<Self, String> {
        let mut config = Config::new();
        for (name, value) in setting.options() {
            if (name, value) != ("tls", "implicit") {
                set(&mut config, name, value)?;
            }
        }
        let mut client = Client::new(config);
        if setting.value("tls").is_some() {
            client.tls_started(tls());
        }
        Ok(Self(client))
    }

    fn send(&mut self, line: &str) -> Result<Result<CommandId, Misuse>, String> {
        let frame = Bytes::from(format!("x {}", octets(line)));
        let command = Command::parse(&frame).map_err(text)?;
        Ok(self.0.send(command.body))
    }
}

/// `clear=yes`, `tolerate=nothing`, `inline=OCTETS`, `frames=copied`.
pub(crate) fn set(config: &mut Config, name: &str, value: &str) -> Result<(), String> {
    match (name, value) {
        ("clear", "yes") => config.clear_text = ClearText::Permitted,
        ("tolerate", "nothing") => config.tolerances = Tolerances::NONE,
        ("inline", octets) => config.inline = octets.parse().map_err(text)?,
        ("frames", "copied") => config.frames = Frames::Copied,
        _ => return Err(format!("unknown option {name}={value}")),
    }
    Ok(())
}

impl Stage for ClientStage {
    type Machine = Client;

    fn machine(&mut self) -> &mut Client {
        &mut self.0
    }

    fn describe(&self, event: Event) -> Described {
        Described::Line(match event {
            Event::Greeting { status, protection } => {
                format!("Greeting {protection:?} {}", line(&status))
            }
            Event::Data(response) => format!("Data {}", wire(&response)),
            Event::BodyStart(start) => format!(
                "BodyStart {} {} {:?}",
                start.octets,
                start.fetch.wire().escape_ascii(),
                start.item().unwrap()
            ),
            Event::Body(octets) => return Described::Body(octets),
            Event::GoAhead { id } => format!("GoAhead {}", id.value()),
            Event::Challenge { id, octets } => {
                format!("Challenge {} \"{}\"", id.value(), octets.escape_ascii())
            }
            Event::Idling { id } => format!("Idling {}", id.value()),
            Event::Done { id, status } => format!("Done {} {}", id.value(), line(&status)),
            Event::NotSent { id, misuse } => format!("NotSent {} {misuse}", id.value()),
            Event::Unasked(status) => format!("Unasked {}", line(&status)),
            Event::Invalid(invalid) => {
                format!(
                    "Invalid {}: {}",
                    invalid.fault,
                    invalid.start.escape_ascii()
                )
            }
            Event::Notice(notice) => format!("Notice {notice}"),
            Event::Secured(_) => "Secured".to_owned(),
            Event::Bye { status, protection } => format!("Bye {protection:?} {}", line(&status)),
            other => format!("{other:?}"),
        })
    }

    fn perform(&mut self, call: &str) -> Result<(), String> {
        let (verb, rest) = call.split_once(' ').unwrap_or((call, ""));
        match verb {
            "send" => self.send(rest)?.map(|_| ()).map_err(text),
            "refused" => {
                let (why, command) = rest.split_once(' ').ok_or("WHY COMMAND")?;
                match self.send(command)? {
                    Err(misuse) if format!("{misuse:?}").starts_with(why) => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            }
            "idle" => self.0.idle().map(|_| ()).map_err(text),
            "done" => self.0.done().map_err(text),
            "logout" => self.0.logout().map(|_| ()).map_err(text),
            "answer" => self.0.answer(rest.as_bytes()).map_err(text),
            "answer64" => {
                let response = base64::decode(rest.as_bytes(), 4_096).map_err(text)?;
                self.0.answer(response.expose()).map_err(text)
            }
            "cancel" => self.0.cancel().map_err(text),
            "write" => self.0.write_body(octets(rest).into()).map_err(text),
            "end" => self.0.end_body().map_err(text),
            "next" => {
                let message = Message::parse_next(format!(" {rest}").as_bytes()).unwrap();
                self.0.next_body(&message).map_err(text)
            }
            "state" => same(rest, &self.state()),
            "offers" => self
                .offers(rest)
                .then_some(())
                .ok_or_else(|| "no".to_owned()),
            "lacks" => (!self.offers(rest))
                .then_some(())
                .ok_or_else(|| "no".to_owned()),
            _ => Err("unknown call".to_owned()),
        }
    }
}

impl ClientStage {
    fn state(&self) -> String {
        let mut state = format!("{:?}", self.0.state());
        if let Some(mailbox) = self.0.mailbox() {
            let _ = write!(state, " {:?} exists={}", mailbox.access, mailbox.exists);
            if let Some(validity) = mailbox.uid_validity {
                let _ = write!(state, " validity={validity}");
            }
            if let Some(next) = mailbox.uid_next {
                let _ = write!(state, " next={next}");
            }
            if let Some(mod_seq) = mailbox.highest_mod_seq {
                let _ = write!(state, " modseq={mod_seq}");
            }
        }
        state
    }

    fn offers(&self, name: &str) -> bool {
        self.0.has(Capability::of(name.as_bytes()))
    }
}

fn same(want: &str, have: &str) -> Result<(), String> {
    if want == have {
        Ok(())
    } else {
        Err(format!("it is {have}"))
    }
}

fn line(status: &Status) -> String {
    status.wire().escape_ascii().to_string()
}

fn wire(response: &Response) -> String {
    let mut wire = bytes::BytesMut::new();
    response.encode(&mut wire);
    wire.strip_suffix(b"\r\n")
        .unwrap()
        .escape_ascii()
        .to_string()
}

fn octets(escaped: &str) -> String {
    escaped
        .replace("\\r", "\r")
        .replace("\\n", "\n")
        .replace("\\0", "\0")
}

pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Replays the files of a folder; there are at least `count`.
pub(crate) fn play_all<S: Stage>(
    folder: &str,
    count: usize,
    open: impl FnMut(&Setting) -> Result<S, String> + Copy,
) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("transcripts")
        .join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= count, "only {} transcripts", paths.len());
    let mut failures = Vec::new();
    for path in &paths {
        let script = fs::read_to_string(path).unwrap();
        assert!(
            script.starts_with("# "),
            "{}: the first line says the rule",
            path.display()
        );
        if let Err(failure) = play(path, &script, open) {
            failures.push(format!("{}: {failure}", path.display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn play<S: Stage>(
    path: &Path,
    script: &str,
    open: impl FnMut(&Setting) -> Result<S, String> + Copy,
) -> Result<(), Failure> {
    if std::env::var_os("UPDATE_TRANSCRIPTS").is_some() {
        fs::write(path, transcript::update(script, open)?).unwrap();
        return Ok(());
    }
    transcript::check(script, open)
}

#[test]
fn all_1_client_transcripts_hold_however_the_input_is_cut() {
    play_all("client", 40, ClientStage::new);
}
