//! Every file in `transcripts/open` is replayed whole, octet by octet, at random cuts and in one
//! read.

use std::cell::RefCell;

use mailwire_core::{
    machine::{Machine, Upgrade},
    sasl::{self, BindingPolicy, Nonce},
    transcript::{Described, Setting, Stage},
};
use mailwire_imap::{
    Open,
    command::{Field, Fields, Names},
    open::{Config, Event, Login},
};

use crate::transcripts_client::{play_all, set, text, tls};

/// Opens as `user` with the password `pencil`, whose SCRAM exchange RFC 7677 §3 shows.
struct OpenStage {
    open: Open,
    derivation: RefCell<Option<sasl::Derivation>>,
}

impl OpenStage {
    /// `upgrade=never|offered|required|implicit`, `login=no`, `at-least=NAME`, `binding=require`,
    /// `id=NAME|nil`, `enable=NAMES` and the options of a client.
    fn new(setting: &Setting) -> Result<Self, String> {
        let mut config = Config::new(Upgrade::Required);
        let nonce = Nonce::from_printable("rOprNGfwEbeRWgbNEkqO").map_err(text)?;
        let mut login = Login::new("user", "pencil", nonce).map_err(text)?;
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
                ("id", "nil") => config.id = Fields::new([]),
                ("id", name) => config.id = Fields::new([Field::new(b"name", name.as_bytes())]),
                ("enable", names) => config.enable = Names::new(names.split(',')),
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

    fn describe(&self, event: Event) -> Described {
        Described::Line(match event {
            Event::Greeting { status, protection } => {
                format!("Greeting {protection:?} {}", status.wire().escape_ascii())
            }
            Event::Alert { status, protection } => {
                format!("Alert {protection:?} {}", status.wire().escape_ascii())
            }
            Event::NeedDerivation(derivation) => {
                let shown = format!("NeedDerivation {}", derivation.iterations());
                self.derivation.replace(Some(derivation));
                shown
            }
            Event::Ready(client) => format!(
                "Ready {:?} {:?} {:?} {:?}",
                client.protection(),
                client.state(),
                client.encoding(),
                client.capabilities().map(|names| names.iter().count())
            ),
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

#[test]
fn all_1_open_transcripts_hold_however_the_input_is_cut() {
    play_all("open", 25, OpenStage::new);
}
