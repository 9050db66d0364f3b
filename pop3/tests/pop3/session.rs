//! A server application written as a `Session`.

use std::{future::Future, pin::pin, task::Context};

use bytes::{Bytes, BytesMut};
use mailwire_core::{
    machine::{Machine, Step, TlsInfo},
    secret::SecretString,
};
use mailwire_pop3::{
    Deletions, Maildrop, Mechanism, MessageNumber, ParseError, Response, Server, UserName, server,
    session::{AuthAnswer, AuthStep, Broken, Extent, Session, feed, respond},
};

use crate::stage::{maildrop, tls};

#[derive(Default)]
struct Application {
    log: Vec<String>,
    pieces: Vec<Bytes>,
    is_broken: bool,
}

impl Session for Application {
    async fn login(&mut self, _: UserName, password: SecretString) -> Result<Maildrop, Response> {
        match password.expose().as_str() {
            "secret" => Ok(maildrop("9:id-1").unwrap()),
            // A mistake of the application, which must let nobody in.
            "confused" => Err(Response::ok("come in")),
            _ => Err(Response::wrong_credentials()),
        }
    }

    async fn auth(&mut self, step: AuthStep) -> AuthAnswer {
        match step {
            AuthStep::Start { initial: None, .. } => {
                AuthAnswer::Challenge(Bytes::from_static(b"who?"))
            }
            AuthStep::Start { .. } => AuthAnswer::Refuse(Response::ok("come in")),
            AuthStep::Response(_) => AuthAnswer::Open(Maildrop::new()),
        }
    }

    fn auth_cancelled(&mut self) {
        self.log.push("cancelled".to_owned());
    }

    fn secured(&mut self, tls: &TlsInfo) {
        self.log.push(tls.version.to_string());
    }

    async fn open(&mut self, message: MessageNumber, extent: Extent) -> Result<(), Response> {
        self.log.push(format!("{message} {extent:?}"));
        self.pieces = vec![
            Bytes::from_static(b"b\r\n"),
            Bytes::from_static(b"a: b\r\n\r\n"),
        ];
        Ok(())
    }

    async fn read(&mut self) -> Result<Option<Bytes>, Broken> {
        if self.is_broken {
            Err(Broken)
        } else {
            Ok(self.pieces.pop())
        }
    }

    async fn update(&mut self, deletions: Deletions) -> Result<(), Response> {
        self.log.push(format!("deleted {}", deletions.len()));
        Ok(())
    }

    fn invalid(&mut self, error: &ParseError) {
        self.log.push(error.to_string());
    }
}

/// Nothing in these tests waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(std::task::Waker::noop());
    match pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

fn dialogue(application: &mut Application, octets: &str) -> String {
    let mut config = server::Config::new("mail.example");
    config.mechanisms = vec![Mechanism::new("PLAIN").unwrap()];
    let mut server = Server::new(config);
    server.tls_started(tls());
    let mut input = BytesMut::from(octets);
    let mut said = Vec::new();
    loop {
        match server.step(&mut input) {
            Step::Transmit(octets) => said.extend_from_slice(&octets),
            Step::Event(event) => now(respond(application, event)).apply(&mut server).unwrap(),
            Step::NeedBody => {
                let wanted = server.wants_body();
                now(feed(application, wanted)).apply(&mut server).unwrap();
            }
            _ => return String::from_utf8(said).unwrap(),
        }
    }
}

#[test]
fn a_session_answers_everything() {
    let mut application = Application::default();
    let said = dialogue(
        &mut application,
        "USER bob\r\nPASS secret\r\nRETR 1\r\nTOP 1 0\r\nBAD\u{1}\r\nDELE 1\r\nQUIT\r\n",
    );
    let log = [
        "TLSv1.3",
        "1 Whole",
        "1 Top { lines: 0 }",
        "expected a command at octet 3",
        "deleted 1",
    ];
    assert_eq!(application.log, log);
    assert!(
        said.contains("+OK 9 octets\r\na: b\r\n\r\nb\r\n.\r\n"),
        "{said}"
    );
    assert!(
        said.contains("+OK top of message follows\r\na: b\r\n\r\n.\r\n"),
        "{said}"
    );
    assert!(said.ends_with("+OK goodbye, 0 messages left\r\n"), "{said}");
}

#[test]
fn auth_10_a_session_that_refuses_with_ok_lets_nobody_in() {
    for octets in [
        "USER bob\r\nPASS confused\r\nSTAT\r\n",
        "AUTH PLAIN =\r\nSTAT\r\n",
    ] {
        let said = dialogue(&mut Application::default(), octets);
        assert!(
            said.ends_with(
                "-ERR [SYS/TEMP] temporarily unavailable\r\n-ERR not possible in AUTHORIZATION\r\n"
            ),
            "{said}"
        );
    }
}

#[test]
fn auth_3_a_session_hears_of_a_cancelled_exchange() {
    let mut application = Application::default();
    dialogue(&mut application, "AUTH PLAIN\r\n*\r\n");
    assert_eq!(application.log, ["TLSv1.3", "cancelled"]);
    let said = dialogue(&mut application, "AUTH PLAIN\r\nAGEAYg==\r\nSTAT\r\n");
    assert!(
        said.ends_with("+OK 0 messages (0 octets)\r\n+OK 0 0\r\n"),
        "{said}"
    );
}

#[test]
fn starttls_25_a_message_that_breaks_off_has_no_end_mark() {
    let mut application = Application {
        is_broken: true,
        ..Application::default()
    };
    let said = dialogue(
        &mut application,
        "USER bob\r\nPASS secret\r\nRETR 1\r\nNOOP\r\n",
    );
    assert!(said.ends_with("+OK 9 octets\r\n"), "{said}");
}
