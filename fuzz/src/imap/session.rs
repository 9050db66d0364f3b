//! A server over the toolkit and a mailbox in memory, and a client that believes what it is told.

mod commands;
mod knows;
mod mailbox;

use std::collections::VecDeque;

use bytes::Bytes;
use mailwire_imap::{
    Server,
    command::{CommandBody, SelectParameters},
    flag::Flag,
    response::{Fetch, Response},
    sequence::SequenceSet,
    server::{Access, Config, Done, Event, Extension, Extensions, Greeting, Selected},
    toolkit::{
        search::Saved,
        view::{Timing, View},
    },
};

pub(super) use self::commands::{body_of, cut_out};
use self::{knows::Knows, mailbox::Mailbox};
use crate::{
    Target,
    machine::{Application, Log, same_for_all_cuts},
    take_octet,
};

pub(crate) const IMAP_SESSION: Target = Target {
    name: "imap_session",
    run: session,
    seeds: &[
        b"\x00\x00\x05\x00b FETCH 1:* (UID FLAGS ENVELOPE BODYSTRUCTURE BODY[TEXT])\r\nc STORE 2 +FLAGS (\\Deleted $x)\r\nd EXPUNGE\r\n\
          e UID SEARCH RETURN (MIN ALL SAVE) OR SUBJECT two TEXT \"e\"\r\nf FETCH $ FAST\r\ng SORT (REVERSE SUBJECT DATE) UTF-8 ALL\r\n\
          h THREAD REFERENCES UTF-8 ALL\r\ni MOVE 1 x\r\nj CLOSE\r\n",
        b"\x01\x07\x05\x1dSubject: z\r\nFrom: a@b\r\n\r\nhi\r\nb NOOP\r\nc UID FETCH 1:* (FLAGS) (CHANGEDSINCE 2 VANISHED)\r\nd IDLE\r\nDONE\r\n\
          e NOOP\r\nf UID STORE 1:* (UNCHANGEDSINCE 3) -FLAGS.SILENT (\\Seen)\r\ng UID EXPUNGE 1:4\r\nh NOOP\r\ni UNSELECT\r\n\
          j SELECT x (QRESYNC (1 3))\r\nk STATUS x (MESSAGES UNSEEN SIZE)\r\n",
        b"\x02\x2b\x03\x00b APPEND x (\\Flagged) {14+}\r\nSubject: a\n\nb\n {3+}\r\nabc\r\nc NOOP\r\nd FETCH 4:* (RFC822.SIZE BINARY[1] BODY[1.MIME])\r\n\
          e COPY 1:2 y\r\nf LIST \"\" % RETURN (SPECIAL-USE)\r\ng EXAMINE x\r\nh FETCH 2 BODY[HEADER.FIELDS (SUBJECT)]\r\n",
        b"\x03\x91\x02\x04\r\n\xff.b SEARCH NOT (SEEN LARGER 10) HEADER Subject \"\" UNKEYWORD $x BEFORE 1-Jan-2030 OLDER 1\r\n\
          c SORT (SIZE ARRIVAL DISPLAYFROM) US-ASCII BODY \"hi\"\r\nd THREAD ORDEREDSUBJECT UTF-8 MODSEQ 2\r\ne CHECK\r\n",
    ],
};

/// What waits to be said.
enum Out {
    Response(Response),
    Fetch(Fetch),
    Body(Bytes),
}

/// The application of the server.
struct Shop {
    server: Server,
    mailbox: Mailbox,
    view: Option<View>,
    saved: Saved,
    /// What the other sessions do.
    plan: u32,
    /// Whether messages are read only when it is their turn to be sent.
    is_apart: bool,
    out: VecDeque<Out>,
    /// What ends the command.
    done: Option<Done>,
    /// A message that comes in.
    coming: Vec<Vec<u8>>,
}

impl Shop {
    fn new(shape: u8, plan: u8, message: &[u8]) -> Self {
        let mut config = Config::new("mail.example");
        config.greeting = Greeting::PreAuth;
        config.limits.bad_commands = 1_000;
        config.extensions = Extensions::none().with(Extension::Imap4Rev2);
        for extension in [
            Extension::Binary,
            Extension::CondStore,
            Extension::MultiAppend,
            Extension::QResync,
            Extension::Sort,
            Extension::ThreadOrderedSubject,
            Extension::ThreadReferences,
            Extension::SpecialUse,
            Extension::Within,
        ] {
            config.extensions = config.extensions.with(extension);
        }
        Self {
            server: Server::new(config),
            mailbox: Mailbox::new(message),
            view: None,
            saved: Saved::new(),
            plan: plan.into(),
            is_apart: shape & 2 != 0,
            out: VecDeque::new(),
            done: None,
            coming: Vec::new(),
        }
    }

    /// What another session does meanwhile.
    fn others(&mut self) {
        let choice = self.plan % 8;
        if self.plan != 0 {
            self.plan = self.plan.wrapping_mul(0x9e37).rotate_left(7) + 1;
        }
        match choice {
            1 => self.mailbox.append(b"Subject: another\r\n\r\nlater\r\n"),
            2 => self.mailbox.remove_at(1),
            3 => self.mailbox.flag_at(0, &Flag::Flagged),
            4 => {
                self.mailbox.remove_at(0);
                self.mailbox.append(b"");
                self.mailbox.flag_at(1, &Flag::Deleted);
            }
            _ => {}
        }
    }

    fn select(&mut self, parameters: &SelectParameters, access: Access) {
        let mut view = View::new(self.mailbox.snapshot.clone());
        let enabled = self.server.enabled();
        if enabled.has(Extension::Imap4Rev2) {
            view = view.without_recent();
        }
        if enabled.has(Extension::CondStore) {
            view.tell_mod_seq();
        }
        if enabled.has(Extension::QResync) {
            view.tell_vanished();
        }
        let snapshot = view.snapshot();
        let mut selected = Selected::new(access, snapshot.uid_validity, snapshot.uid_next);
        selected.exists = view.exists();
        selected.recent = view.recent();
        selected.first_unseen = view.first_unseen();
        selected.highest_mod_seq = Some(snapshot.highest_mod_seq);
        assert_eq!(self.server.announce(&selected), Ok(()));
        if let Some(known) = &parameters.qresync {
            for response in view.resync(known) {
                assert_eq!(self.server.push(&response), Ok(()));
            }
        }
        assert_eq!(self.server.accept(), Ok(()));
        self.saved.clear();
        self.view = Some(view);
    }

    /// Takes over what there is of news and tells it, as far as numbers may move.
    fn tell(&mut self, timing: Timing) {
        let snapshot = self.mailbox.snapshot.clone();
        if let Some(view) = &mut self.view {
            assert_eq!(view.update(snapshot), Ok(()));
            self.out.extend(view.changes(timing).map(Out::Response));
        }
    }

    fn command(&mut self, command: CommandBody) {
        let timing = Timing::of(&command);
        let leaves = matches!(command, CommandBody::Close | CommandBody::Unselect);
        let done = self.carry_out(command);
        if leaves {
            self.view = None;
        } else {
            self.tell(timing);
        }
        self.done = Some(done);
        assert_eq!(self.server.stream(), Ok(()));
    }
}

impl Application for Shop {
    type Machine = Server;

    fn machine(&mut self) -> &mut Server {
        &mut self.server
    }

    fn handle(&mut self, event: Event, log: &mut Log) {
        if !matches!(event, Event::Body(_)) {
            // All that was to be said before has been.
            if let Some(view) = &self.view {
                let uids = (1..=view.exists()).filter_map(|number| view.uid(number));
                log.entry("view", uids.collect::<Vec<_>>());
            }
            self.others();
        }
        match event {
            Event::Select {
                parameters, access, ..
            } => {
                log.entry("select", ());
                self.select(&parameters, access);
            }
            Event::Command(command) => self.command(command),
            Event::Append { .. } | Event::AppendNext { .. } => {
                if matches!(event, Event::Append { .. }) {
                    self.coming.clear();
                }
                self.coming.push(Vec::new());
                assert_eq!(self.server.accept(), Ok(()));
            }
            Event::Body(octets) => {
                if let Some(last) = self.coming.last_mut() {
                    last.extend_from_slice(&octets);
                }
            }
            Event::AppendEnd => {
                let uids: Vec<_> = std::mem::take(&mut self.coming)
                    .iter()
                    .filter_map(|message| self.mailbox.append_any(message))
                    .collect();
                self.tell(Timing::Any);
                for out in self.out.drain(..) {
                    if let Out::Response(response) = out {
                        assert_eq!(self.server.push(&response), Ok(()), "{response:?}");
                    }
                }
                let validity = self.mailbox.snapshot.uid_validity;
                if let Some(uids) = SequenceSet::of(uids) {
                    assert_eq!(self.server.appended(validity, &uids), Ok(()));
                }
            }
            Event::AppendReset(_) => self.coming.clear(),
            Event::Idle => {
                self.tell(Timing::Any);
                for out in self.out.drain(..) {
                    if let Out::Response(response) = out {
                        assert_eq!(self.server.push(&response), Ok(()), "{response:?}");
                    }
                }
            }
            _ => {}
        }
    }

    fn write(&mut self) {
        match self.out.pop_front() {
            Some(Out::Response(response)) => {
                assert_eq!(self.server.push(&response), Ok(()), "{response:?}");
            }
            Some(Out::Fetch(fetch)) => assert_eq!(self.server.push_fetch(&fetch), Ok(())),
            Some(Out::Body(mut octets)) => {
                let piece = octets.split_to(octets.len().min(100));
                assert_eq!(self.server.write_body(piece), Ok(()));
                if !octets.is_empty() {
                    self.out.push_front(Out::Body(octets));
                }
            }
            None => {
                assert_eq!(self.server.body_left(), 0);
                let ended = match self.done.take() {
                    Some(done) => self.server.reply(&done),
                    None => self.server.accept(),
                };
                assert_eq!(ended, Ok(()));
            }
        }
    }
}

fn session(mut data: &[u8]) {
    let (shape, plan) = (take_octet(&mut data), take_octet(&mut data));
    let size = [take_octet(&mut data)];
    let len = usize::from(take_octet(&mut data)).min(data.len());
    let (message, commands) = data.split_at_checked(len).unwrap_or_default();
    let front: &[u8] = match shape & 5 {
        0 => b"s SELECT x\r\n",
        1 => b"s ENABLE QRESYNC\r\nt SELECT x (CONDSTORE)\r\n",
        4 => b"s ENABLE IMAP4rev2\r\nt SELECT x\r\n",
        _ => b"s ENABLE IMAP4rev2 CONDSTORE\r\nt SELECT x\r\n",
    };
    let wire = [front, commands].concat();
    let log = same_for_all_cuts(|| Shop::new(shape, plan, message), &wire, &size);
    Knows::default().follow(&log);
}
