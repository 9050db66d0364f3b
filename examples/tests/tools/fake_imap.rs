//! An IMAP server in clear text that serves what it is given, and has the defects that a test wants.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
};

use super::harness::{BOB, Tool, mailfetch};

/// A mailbox with its messages.
#[derive(Clone)]
pub(crate) struct Mailbox {
    pub(crate) name: &'static str,
    pub(crate) uid_validity: Option<u32>,
    /// UIDs and texts.
    pub(crate) messages: Vec<(u32, String)>,
}

impl Mailbox {
    pub(crate) fn new<const N: usize>(
        name: &'static str,
        uid_validity: u32,
        messages: [(u32, &str); N],
    ) -> Self {
        let messages = messages.map(|(uid, text)| (uid, text.to_owned())).to_vec();
        Self {
            name,
            uid_validity: Some(uid_validity),
            messages,
        }
    }
}

/// What is done about a command instead of what is right.
pub(crate) enum Defect {
    /// Says this; `TAG` stands for the tag.
    Say(String),
    /// Says this and ends the connection.
    Cut(String),
    /// Says this and nothing more.
    Hang(String),
}

pub(crate) struct FakeImap {
    pub(crate) port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl FakeImap {
    pub(crate) fn good(mailboxes: Vec<Mailbox>) -> Self {
        Self::serve(mailboxes, |_, _| None)
    }

    /// Serves any number of connections, as long as the test runs. `defect` is asked about each
    /// command, without its tag, and told the number of the connection from 1.
    pub(crate) fn serve(
        mailboxes: Vec<Mailbox>,
        mut defect: impl FnMut(usize, &str) -> Option<Defect> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&heard);
        std::thread::spawn(move || {
            for (number, socket) in (1..).zip(listener.incoming()) {
                // A client that goes away ends it, at whatever point.
                let _ = talk(&mut socket.unwrap(), &mailboxes, &lines, &mut |line| {
                    defect(number, line)
                });
            }
        });
        Self { port, heard }
    }

    /// `mailfetch` from here into a folder.
    pub(crate) fn tool(&self, dir: &Path) -> Tool {
        let url = format!("imap://bob@127.0.0.1:{}", self.port);
        mailfetch([&*url, dir.to_str().unwrap()])
            .args(["--tls", "none", "--json"])
            .password(BOB)
    }

    /// The commands so far that have this in them.
    pub(crate) fn heard(&self, what: &str) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard
            .iter()
            .filter(|line| line.contains(what))
            .cloned()
            .collect()
    }
}

fn talk(
    socket: &mut TcpStream,
    mailboxes: &[Mailbox],
    lines: &Mutex<Vec<String>>,
    defect: &mut dyn FnMut(&str) -> Option<Defect>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(socket.try_clone()?);
    socket.write_all(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")?;
    let mut selected = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let (tag, command) = line.trim_end().split_once(' ').unwrap();
        lines.lock().unwrap().push(command.to_owned());
        let answer = match defect(command) {
            Some(Defect::Say(text)) => text,
            Some(Defect::Cut(text)) => return socket.write_all(text.as_bytes()),
            Some(Defect::Hang(text)) => {
                socket.write_all(text.as_bytes())?;
                // Until the client has gone.
                while reader.read_line(&mut line)? > 0 {}
                return Ok(());
            }
            None if command.starts_with("APPEND") => {
                let octets = command.rsplit_once('{').unwrap().1.trim_end_matches('}');
                let mut message = vec![0; octets.parse::<usize>().unwrap() + 2];
                socket.write_all(b"+ go on\r\n")?;
                reader.read_exact(&mut message)?;
                "TAG OK done\r\n".to_owned()
            }
            None => right(command, mailboxes, &mut selected),
        };
        socket.write_all(answer.replace("TAG", tag).as_bytes())?;
    }
}

fn right<'m>(
    command: &str,
    mailboxes: &'m [Mailbox],
    selected: &mut Option<&'m Mailbox>,
) -> String {
    let mut answer = String::new();
    let words: Vec<&str> = command.split(' ').collect();
    match *words {
        ["LIST", ..] => {
            for mailbox in mailboxes {
                answer += &format!("* LIST () \"/\" {}\r\n", mailbox.name);
            }
        }
        ["EXAMINE", ..] => {
            let name = command.strip_prefix("EXAMINE ").unwrap();
            let is_it =
                |mailbox: &&Mailbox| mailbox.name.trim_matches('"') == name.trim_matches('"');
            *selected = mailboxes.iter().find(is_it);
            let Some(mailbox) = selected else {
                return "TAG NO [NONEXISTENT] no such mailbox\r\n".to_owned();
            };
            answer += &format!("* {} EXISTS\r\n", mailbox.messages.len());
            if let Some(uid_validity) = mailbox.uid_validity {
                answer += &format!("* OK [UIDVALIDITY {uid_validity}] they hold\r\n");
            }
            let next = mailbox.messages.iter().map(|(uid, _)| uid + 1).max();
            answer += &format!("* OK [UIDNEXT {}] next\r\n", next.unwrap_or(1));
        }
        ["UID", "SEARCH", "ALL"] => {
            let uids = selected.unwrap().messages.iter();
            let uids: String = uids.map(|(uid, _)| format!(" {uid}")).collect();
            answer += &format!("* SEARCH{uids}\r\n");
        }
        ["UID", "FETCH", set, ..] => {
            for (number, (uid, text)) in (1..).zip(&selected.unwrap().messages) {
                if has(set, *uid) {
                    answer += &fetched(number, *uid, command.contains("BODY").then_some(text));
                }
            }
        }
        ["LOGOUT"] => answer += "* BYE bye\r\n",
        _ => {}
    }
    answer + "TAG OK done\r\n"
}

/// A FETCH response with all that is ever asked for.
pub(crate) fn fetched(number: u32, uid: u32, text: Option<&String>) -> String {
    let facts = format!("* {number} FETCH (UID {uid} FLAGS (\\Seen) RFC822.SIZE 9");
    let date = "INTERNALDATE \"17-Jul-1996 02:44:25 -0700\"";
    match text {
        Some(text) => format!("{facts} BODY[] {{{}}}\r\n{text} {date})\r\n", text.len()),
        None => format!("{facts} {date})\r\n"),
    }
}

pub(crate) fn has(set: &str, uid: u32) -> bool {
    set.split(',').any(|range| {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        let number = |text: &str| text.parse().unwrap_or(u32::MAX);
        (number(first)..=number(last)).contains(&uid)
    })
}
