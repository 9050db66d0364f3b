//! The same machines over blocking sockets.

use std::{
    net::{TcpListener, TcpStream},
    thread,
};

use mailtls::{Error, Tls, Turn, blocking::Connection, upgrade::HandshakeError};
use mailwire_core::machine::{Eof, TlsInfo};

use crate::support::{
    lines::{Client, Event, Fault, Server},
    tls,
};

/// How a connection ended, and what its machine was told.
type Served = (Result<usize, Error<Fault>>, Server);

/// Serves one connection in a thread.
fn serve(tls: Tls) -> (TcpStream, thread::JoinHandle<Served>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let mut connection = Connection::new(socket, Server::new(), tls);
        let mut octets = 0;
        let end = loop {
            match connection.turn() {
                Ok(Turn::Event(Event::Line(line))) => {
                    connection.machine().answer(&format!("250 {line}"));
                }
                Ok(Turn::Event(Event::Body(some))) => octets += some,
                Ok(Turn::Event(Event::BodyEnd)) => connection.machine().answer("250 stored"),
                Ok(Turn::Event(Event::TlsStarted) | Turn::Room) => {}
                Ok(Turn::Closed) => break Ok(octets),
                Err(error) => break Err(error),
            }
        };
        assert_eq!(connection.turn(), Ok(Turn::Closed));
        let machine = std::mem::replace(connection.machine(), Server::silent());
        (end, machine)
    });
    (TcpStream::connect(address).unwrap(), thread)
}

fn facts(tls: Option<&TlsInfo>) -> (&str, Option<&[u8]>, Option<[u8; 32]>) {
    let tls = tls.unwrap();
    (&tls.cipher, tls.end_point.as_deref(), tls.exporter)
}

#[test]
fn a_dialogue_with_starttls_and_a_body() {
    let (socket, thread) = serve(tls::server());
    let mut client = Connection::new(socket, Client::new(), tls::client());
    assert_eq!(client.turn(), Ok(Event::line("220 ready")));
    client.machine().send("STARTTLS");
    assert_eq!(client.turn(), Ok(Turn::Event(Event::TlsStarted)));
    client.machine().send("BODY");
    assert_eq!(client.turn(), Ok(Event::line("354 send")));
    for _ in 0..10 {
        assert_eq!(client.turn(), Ok(Turn::Room));
        client.machine().write_body(vec![b'x'; 100_000].into());
    }
    client.machine().end_body();
    assert_eq!(client.turn(), Ok(Event::line("250 stored")));
    client.machine().send("QUIT");
    assert_eq!(client.turn(), Ok(Event::line("221 bye")));
    assert_eq!(client.turn(), Ok(Turn::Closed));
    let (end, server) = thread.join().unwrap();
    assert_eq!(end, Ok(1_000_000));
    let ours = client.machine().core.tls.clone();
    assert_eq!(facts(ours.as_ref()), facts(server.core.tls.as_ref()));
    assert!(ours.unwrap().end_point.is_some());
}

#[test]
fn starttls_1_starttls_8_octets_in_clear_are_refused() {
    use std::io::{Read, Write};
    let (mut socket, thread) = serve(tls::server());
    socket.write_all(b"STARTTLS\r\nEHLO inj\r\n").unwrap();
    let mut heard = String::new();
    socket.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "220 ready\r\n503 nothing may follow\r\n");
    assert_eq!(
        thread.join().unwrap().0,
        Err(Error::Protocol(Fault::Injected))
    );
}

#[test]
fn starttls_25_truncation_and_refusals_are_typed() {
    let (socket, thread) = serve(tls::server());
    let mut client = Connection::new(socket, Client::new(), tls::client());
    client.machine().send("STARTTLS");
    while client.turn() != Ok(Turn::Event(Event::TlsStarted)) {}
    drop(client);
    let (end, server) = thread.join().unwrap();
    assert_eq!(end, Err(Error::Protocol(Fault::Truncated)));
    assert_eq!(server.core.eof, Some(Eof::Truncated));

    let (socket, thread) = serve(tls::server());
    let stranger = tls::client_with(tls::stranger_config());
    let mut client = Connection::new(socket, Client::new(), stranger);
    client.machine().send("STARTTLS");
    let error = loop {
        match client.turn() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, Error::Handshake(HandshakeError::Certificate(_))),
        "{error:?}"
    );
    let (end, _) = thread.join().unwrap();
    assert!(
        matches!(end, Err(Error::Handshake(HandshakeError::Refused(_)))),
        "{end:?}"
    );

    let (socket, _thread) = serve(Tls::none());
    let mut client = Connection::new(socket, Client::new(), Tls::none());
    client.machine().send("STARTTLS");
    assert_eq!(client.turn(), Ok(Event::line("220 ready")));
    assert_eq!(client.turn(), Err(Error::NoTls));
}
