//! A whole application as a [`Session`], without a runtime.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use mailwire_core::{
    machine::{Machine, Step},
    secret::SecretBytes,
};
use mailwire_smtp::{
    reply::{Code, EnhancedCode, Reply},
    server::{
        AuthStart, BodyEnd, BodyStart, Config, Event, Mail, Misuse, ProtocolError, Rcpt, Reset,
        Server,
    },
    session::{AuthNext, Delivery, ServeError, Session, Turns, Verdict, Wanted, serve},
};

use crate::transcripts::tls;

/// A connection whose peer has said all that it has to say.
struct Script {
    server: Server,
    input: BytesMut,
    said: Vec<u8>,
}

impl Turns for Script {
    type Error = Option<ProtocolError>;

    async fn next_event(&mut self) -> Result<Option<Event>, Self::Error> {
        loop {
            match self.server.step(&mut self.input) {
                Step::Transmit(octets) => self.said.extend_from_slice(&octets),
                Step::Event(event) => return Ok(Some(event)),
                Step::NeedInput | Step::Close(Ok(())) => return Ok(None),
                Step::Close(Err(error)) => return Err(Some(error)),
                _ => return Err(None),
            }
        }
    }

    fn server(&mut self) -> &mut Server {
        &mut self.server
    }
}

#[derive(Default)]
struct App {
    body: Vec<u8>,
    kept: Vec<Vec<u8>>,
    resets: Vec<Reset>,
    full: bool,
}

fn no() -> Reply {
    Reply::new(
        Code::MAILBOX_UNAVAILABLE,
        EnhancedCode::of::<5, 1, 1>(),
        "no such user",
    )
}

impl Session for App {
    async fn auth(&mut self, start: AuthStart) -> AuthNext {
        match start.initial {
            Some(initial) if initial.matches(b"\0a\0b") => AuthNext::Accept,
            Some(_) => AuthNext::Reply(Reply::new(Code::AUTH_FAILED, None, "no")),
            None => AuthNext::Challenge(Bytes::new()),
        }
    }

    async fn auth_response(&mut self, response: SecretBytes) -> AuthNext {
        if response.matches(b"\0a\0b") {
            AuthNext::Accept
        } else {
            AuthNext::Reply(no())
        }
    }

    async fn mail(&mut self, _: Mail) -> Verdict {
        self.body.clear();
        Verdict::Accept
    }

    async fn rcpt(&mut self, rcpt: Rcpt) -> Verdict {
        match rcpt.to.to_string().as_str() {
            "<bob@mx.example>" => Verdict::Accept,
            _ => no().into(),
        }
    }

    async fn body_start(&mut self, _: BodyStart) -> Wanted {
        Wanted::Yes
    }

    async fn body(&mut self, octets: Bytes) -> Wanted {
        if self.full {
            return Wanted::No(Reply::new(
                Code::NO_STORAGE,
                EnhancedCode::of::<4, 3, 1>(),
                "disk full",
            ));
        }
        self.body.extend_from_slice(&octets);
        Wanted::Yes
    }

    async fn body_end(&mut self, _: BodyEnd) -> Delivery {
        self.kept.push(std::mem::take(&mut self.body));
        Delivery::Accept
    }

    async fn reset(&mut self, why: Reset) {
        self.resets.push(why);
    }
}

/// All is there, so nothing ever waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}

fn play(app: &mut App, input: &str) -> (Result<(), ServeError<Option<ProtocolError>>>, String) {
    let mut config = Config::submission("mx.example".parse().unwrap());
    config.mechanisms = vec!["PLAIN".parse().unwrap()];
    let mut server = Server::new(Arc::new(config));
    server.tls_started(tls());
    let mut script = Script {
        server,
        input: input.into(),
        said: Vec::new(),
    };
    let result = now(serve(&mut script, app));
    let codes: Vec<_> = String::from_utf8(script.said)
        .unwrap()
        .lines()
        .filter(|line| line.as_bytes().get(3) == Some(&b' '))
        .map(|line| line[..3].to_owned())
        .collect();
    (result, codes.join(" "))
}

const START: &str = "EHLO x\r\nAUTH PLAIN\r\nAGEAYg==\r\nMAIL FROM:<a@x>\r\nRCPT TO:<eve@mx.example>\r\n\
                     RCPT TO:<bob@mx.example>\r\nDATA\r\n";

#[test]
fn a_session_takes_a_message() {
    let mut app = App::default();
    let (result, codes) = play(&mut app, &format!("{START}hi\r\n.\r\nQUIT\r\n"));
    assert_eq!(result, Ok(()));
    assert_eq!(codes, "220 250 334 235 250 550 250 354 250 221");
    assert_eq!(app.kept, [b"hi\r\n"]);
}

#[test]
fn a_session_that_is_full_refuses_at_the_end_and_is_told_to_forget() {
    let mut app = App {
        full: true,
        ..App::default()
    };
    let (result, codes) = play(&mut app, &format!("{START}hi\r\nmore\r\n.\r\nQUIT\r\n"));
    assert_eq!(result, Ok(()));
    assert_eq!(codes, "220 250 334 235 250 550 250 354 452 221");
    assert_eq!(
        (app.kept.len(), &app.resets[..]),
        (0, &[Reset::Refused][..])
    );
}

#[test]
fn smtp_52_a_session_is_told_of_every_way_out() {
    for (end, why) in [
        ("RSET\r\n", Reset::Rset),
        ("QUIT\r\n", Reset::Quit),
        ("EHLO y\r\n", Reset::Hello),
    ] {
        let mut app = App::default();
        let start = START.strip_suffix("DATA\r\n").unwrap();
        let (result, _) = play(&mut app, &format!("{start}{end}"));
        assert_eq!((result, &app.resets[..]), (Ok(()), &[why][..]));
    }
    let mut app = App::default();
    let (result, _) = play(&mut app, &format!("{START}a\nb\r\n.\r\n"));
    assert_eq!(result, Ok(()));
    assert!(matches!(app.resets[..], [Reset::Fault(_)]));
}

#[test]
fn an_error_of_the_connection_is_told_apart_from_one_of_ours() {
    let (result, _) = play(&mut App::default(), "GET / HTTP/1.1\r\n");
    assert_eq!(
        result,
        Err(ServeError::Connection(Some(ProtocolError::HttpRequest)))
    );
    let error = ServeError::<ProtocolError>::Misuse(Misuse::NothingOwed);
    assert_eq!(error.to_string(), "no answer is owed");
}
