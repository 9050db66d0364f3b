//! What is logged, in a binary of its own: whether a log line is wanted is remembered for the whole
//! process, so tests beside this one could decide it first.

#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

#[allow(
    dead_code,
    reason = "shared with the other binary, which uses all of it"
)]
mod support;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use mailtls::{
    Connection,
    serve::{Accepted, Limits, Listener, Server, Summary, stop},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use support::{lines, tls};

/// A subscriber that keeps the fields of what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("mailtls")
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields(String);
        impl tracing::field::Visit for Fields {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!(" {field}={value:?}"));
            }
        }
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn s47_one_line_for_each_connection() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let mut server = Server::new(Limits::default());
    server.listen(Listener::new("submission", socket));
    let (stop, stopped) = stop();
    let stop = Mutex::new(Some(stop));
    let handled = AtomicUsize::new(0);
    let handler = move |accepted: Accepted<TcpStream>| {
        let is_last = handled.fetch_add(1, Ordering::SeqCst) == 1;
        let stop = is_last.then(|| stop.lock().unwrap().take());
        async move {
            let machine = lines::Server::new();
            let mut connection = Connection::new(accepted.io, machine, tls::server());
            let mut tls = None;
            let mut summary = Summary::default().user("alice\x1b[31m\r\n2026 forged");
            let mut lines = 0;
            loop {
                match connection.next_event().await {
                    Ok(Some(lines::Event::TlsStarted)) => tls = connection.tls_info(),
                    Ok(Some(_)) => {
                        lines += 1;
                        connection.machine().answer("250 ok");
                    }
                    Ok(None) => break,
                    Err(error) => {
                        summary = summary.error(&error);
                        break;
                    }
                }
            }
            drop(stop);
            summary.tls(tls).count("lines", lines)
        }
    };
    let talk = async {
        let socket = TcpStream::connect(address).await.unwrap();
        let mut client = Connection::new(socket, lines::Client::new(), tls::client());
        client.machine().send("STARTTLS");
        while !matches!(
            client.turn().await.unwrap(),
            mailtls::Turn::Event(lines::Event::TlsStarted)
        ) {}
        client.machine().send("one");
        client.machine().send("QUIT");
        while client.next_event().await.unwrap().is_some() {}
        let mut lost = TcpStream::connect(address).await.unwrap();
        lost.write_all(b"\x16\x03\x01\x00").await.unwrap();
        let _ = lost.read_to_end(&mut Vec::new()).await;
    };
    let (served, ()) = tokio::join!(server.run(stopped, handler), talk);
    assert_eq!(served.accepted, 2);
    let log = log.0.lock().unwrap();
    let lines: Vec<_> = log
        .iter()
        .filter(|line| line.contains("connection ended"))
        .collect();
    assert_eq!(lines.len(), 2, "{log:#?}");
    for field in [
        "service=\"submission\"",
        "peer=127.0.0.1:",
        "tls=TLSv1.3",
        "cipher=\"TLS13_",
        "sni=mail.example.test",
        "counts=\"lines=1\"",
        "user=\"alice?[31m??2026 forged\"",
        "resumed=",
        "verification=NoCertificate",
    ] {
        assert!(lines[0].contains(field), "{field} in {}", lines[0]);
    }
    // S39: the mix-up of modes is named in the line.
    assert!(lines[1].contains("implicit TLS"), "{}", lines[1]);
    assert!(!lines[1].contains("sni"), "{}", lines[1]);
}
