//! Servers that say what ours never would, in clear text.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread::JoinHandle,
};

/// What a fake server does about a line.
pub(crate) enum Answer {
    Say(String),
    /// Says something and ends the connection.
    Close(String),
    Nothing,
}

pub(crate) fn say(text: &str) -> Answer {
    Answer::Say(text.to_owned())
}

/// A server for one connection.
pub(crate) struct Fake {
    pub(crate) port: u16,
    serving: JoinHandle<Vec<String>>,
}

impl Fake {
    pub(crate) fn serve(
        greeting: &'static str,
        mut answer: impl FnMut(&str) -> Answer + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut lines = Vec::new();
            // A client that goes away ends it, at whatever point.
            let _ = talk(&mut socket, greeting, &mut answer, &mut lines);
            lines
        });
        Self { port, serving }
    }

    /// What the client said, when it has gone.
    pub(crate) fn heard(self) -> Vec<String> {
        self.serving.join().unwrap()
    }
}

fn talk(
    socket: &mut TcpStream,
    greeting: &str,
    answer: &mut dyn FnMut(&str) -> Answer,
    lines: &mut Vec<String>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(socket.try_clone()?);
    socket.write_all(greeting.as_bytes())?;
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let answer = answer(&line);
        lines.push(line);
        match answer {
            Answer::Say(text) => socket.write_all(text.as_bytes())?,
            Answer::Close(text) => return socket.write_all(text.as_bytes()),
            Answer::Nothing => {}
        }
    }
}

/// A maildrop of unique-ids and of what RETR is answered with.
pub(crate) fn pop3(messages: Vec<(&'static str, String)>, quit: &'static str) -> Fake {
    Fake::serve("+OK ready\r\n", move |line| {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        let listing = |show: &dyn Fn(usize) -> String| {
            let lines: String = (0..messages.len()).map(show).collect();
            Answer::Say(format!("+OK\r\n{lines}.\r\n"))
        };
        match verb {
            "CAPA" => say("+OK\r\nUSER\r\nUIDL\r\n.\r\n"),
            "LIST" => listing(&|i| format!("{} 100\r\n", i + 1)),
            "UIDL" => listing(&|i| format!("{} {}\r\n", i + 1, messages[i].0)),
            "RETR" => {
                let (_, answer) = &messages[argument.parse::<usize>().unwrap() - 1];
                if answer.ends_with(".\r\n") || answer.starts_with("-ERR") {
                    say(answer)
                } else {
                    Answer::Close(answer.clone())
                }
            }
            "QUIT" => Answer::Close(quit.to_owned()),
            _ => say("+OK\r\n"),
        }
    })
}

/// A good answer to RETR.
pub(crate) fn message(text: &str) -> String {
    format!("+OK\r\n{text}\r\n.\r\n")
}
