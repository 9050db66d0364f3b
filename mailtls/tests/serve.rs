//! The accept loop: caps, pauses, panics, the stop and the line in the log.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use mailtls::{
    Connection, Tls,
    serve::{Accepted, Incoming, Limits, Listener, Server, Stop, Stopped, Summary, stop},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{Instant, sleep},
};

use crate::support::lines;

/// A listener whose connections come from the test.
#[derive(Clone, Default)]
struct Door(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    arrivals: VecDeque<io::Result<(DuplexStream, SocketAddr)>>,
    waker: Option<Waker>,
    asked: usize,
}

impl Door {
    fn push(&self, arrival: io::Result<(DuplexStream, SocketAddr)>) {
        let mut queue = self.0.lock().unwrap();
        queue.arrivals.push_back(arrival);
        queue.waker.take().into_iter().for_each(Waker::wake);
    }

    /// Connects from an address.
    fn connect(&self, from: [u8; 4]) -> DuplexStream {
        let (ours, theirs) = duplex(4096);
        self.push(Ok((theirs, (from, 1234).into())));
        ours
    }

    fn fail(&self, os: i32) {
        self.push(Err(io::Error::from_raw_os_error(os)));
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }
}

impl Incoming for Door {
    type Io = DuplexStream;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(DuplexStream, SocketAddr)>> {
        let mut queue = self.0.lock().unwrap();
        queue.asked += 1;
        if let Some(arrival) = queue.arrivals.pop_front() {
            return Poll::Ready(arrival);
        }
        queue.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn refuse(mut io: DuplexStream, line: &[u8]) {
        let mut cx = Context::from_waker(Waker::noop());
        let _ = tokio::io::AsyncWrite::poll_write(std::pin::Pin::new(&mut io), &mut cx, line);
    }
}

const BUSY: &str = "421 4.3.2 too many connections\r\n";

fn server(limits: Limits) -> (Server<Door>, Door, Stop, Stopped) {
    let door = Door::default();
    let mut server = Server::new(limits);
    server.listen(Listener::new("smtp", door.clone()).refusing(BUSY));
    let (stop, stopped) = stop();
    (server, door, stop, stopped)
}

/// Answers with what it gets until the peer closes.
async fn echo(accepted: Accepted<DuplexStream>) -> Summary {
    let (mut reader, mut writer) = tokio::io::split(accepted.io);
    let octets = tokio::io::copy(&mut reader, &mut writer)
        .await
        .unwrap_or_default();
    Summary::default().count("octets", octets)
}

async fn said(mut peer: DuplexStream) -> String {
    let mut heard = String::new();
    peer.read_to_string(&mut heard).await.unwrap();
    heard
}

#[tokio::test(start_paused = true)]
async fn dos_4_who_comes_beyond_a_cap_is_told_at_once() {
    let mut limits = Limits::default();
    (limits.connections, limits.per_address) = (3, 2);
    let (server, door, stop, stopped) = server(limits);
    let counters = server.counters();
    let talk = async {
        let here = [192, 0, 2, 1];
        let first = door.connect(here);
        let second = door.connect(here);
        assert_eq!(
            said(door.connect(here)).await,
            BUSY,
            "the address has its two"
        );
        let other = door.connect([192, 0, 2, 2]);
        assert_eq!(
            said(door.connect([192, 0, 2, 3])).await,
            BUSY,
            "all three are taken"
        );
        drop(first);
        // The others never noticed, and the place is free again.
        let mut again = loop {
            sleep(Duration::from_millis(1)).await;
            if counters.open() < 3 {
                break door.connect(here);
            }
        };
        again.write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        again.read_exact(&mut heard).await.unwrap();
        drop((second, other, again));
        while counters.open() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
        stop.now();
    };
    let (served, ()) = tokio::join!(server.run(stopped, echo), talk);
    assert_eq!(
        (
            served.accepted,
            served.refused,
            served.panicked,
            served.cut_off
        ),
        (4, 2, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn dos_5_no_descriptors_means_a_pause_and_no_end() {
    const EMFILE: i32 = 24;
    const ECONNABORTED: i32 = 103;
    let (server, door, stop, stopped) = server(Limits::default());
    let begin = Instant::now();
    (0..8).for_each(|_| door.fail(EMFILE));
    (0..8).for_each(|_| door.fail(ECONNABORTED));
    let mut peer = door.connect([192, 0, 2, 1]);
    let talk = async {
        peer.write_all(b"x").await.unwrap();
        let mut heard = [0; 1];
        peer.read_exact(&mut heard).await.unwrap();
        // 50, 100, 200, 400 and four times 800 ms; an aborted connection costs nothing.
        assert_eq!(begin.elapsed().as_millis(), 3950);
        assert!(door.asked() < 40, "{}", door.asked());
        drop(peer);
        stop.now();
    };
    let (served, ()) = tokio::join!(server.run(stopped, echo), talk);
    assert_eq!(served.accepted, 1);
}

#[tokio::test(start_paused = true)]
async fn dos_9_a_panic_ends_its_connection_and_nothing_else() {
    let (server, door, stop, stopped) = server(Limits::default());
    let counters = server.counters();
    let shared = Arc::new(Mutex::new(0));
    let lock = Arc::clone(&shared);
    let handler = move |accepted: Accepted<DuplexStream>| {
        let lock = Arc::clone(&lock);
        async move {
            let mut io = accepted.io;
            let mut octet = [0];
            if io.read_exact(&mut octet).await.is_ok() {
                match &octet {
                    b"p" => {
                        let _held = lock.lock();
                        // Not `panic!`, so that the test's output stays clean.
                        std::panic::resume_unwind(Box::new("on purpose"));
                    }
                    b"b" => {
                        let blocking = tokio::task::spawn_blocking(|| {
                            std::panic::resume_unwind(Box::new("on purpose"));
                        });
                        let () = blocking.await.unwrap_or_default();
                    }
                    _ => {}
                }
                io.write_all(&octet).await.unwrap();
            }
            Summary::default()
        }
    };
    let talk = async {
        let mut good = door.connect([192, 0, 2, 1]);
        for (octet, answer) in [("p", ""), ("b", "b"), ("x", "x")] {
            let mut peer = door.connect([192, 0, 2, 2]);
            peer.write_all(octet.as_bytes()).await.unwrap();
            assert_eq!(said(peer).await, answer);
        }
        good.write_all(b"g").await.unwrap();
        assert_eq!(said(good).await, "g");
        while counters.open() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
        stop.now();
    };
    let (served, ()) = tokio::join!(server.run(stopped, handler), talk);
    assert_eq!((served.accepted, served.panicked), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn dos_11_a_stop_lets_finish_and_then_cuts_off() {
    let (server, door, stop, stopped) = server(Limits::default());
    let handler = async |accepted: Accepted<DuplexStream>| {
        let mut stop = accepted.stop.clone();
        let mut io = accepted.io;
        let mut octet = [0];
        io.read_exact(&mut octet).await.unwrap();
        stop.stopped().await;
        assert!(stop.is_stopped());
        if &octet == b"g" {
            // What is in flight takes its time.
            sleep(Duration::from_secs(10)).await;
            io.write_all(b"421 stopping\r\n").await.unwrap();
        } else {
            std::future::pending::<()>().await;
        }
        Summary::default()
    };
    let begin = Instant::now();
    let talk = async {
        let mut good = door.connect([192, 0, 2, 1]);
        let mut stuck = door.connect([192, 0, 2, 1]);
        good.write_all(b"g").await.unwrap();
        stuck.write_all(b"s").await.unwrap();
        sleep(Duration::from_secs(1)).await;
        stop.now();
        assert_eq!(said(good).await, "421 stopping\r\n");
        assert_eq!(begin.elapsed().as_secs(), 11);
        assert_eq!(said(stuck).await, "");
    };
    let (served, ()) = tokio::join!(server.run(stopped, handler), talk);
    assert_eq!((served.accepted, served.cut_off), (2, 1));
    assert_eq!(begin.elapsed().as_secs(), 31);
}

#[tokio::test]
async fn no_listener_starves_another() {
    let (first, second) = (Door::default(), Door::default());
    let mut server = Server::new(Limits::default());
    server.listen(Listener::new("smtp", first.clone()));
    server.listen(Listener::new("pop3", second.clone()));
    let peers: Vec<_> = (0..40)
        .map(|_| (first.connect([1; 4]), second.connect([2; 4])))
        .collect();
    let (stop, stopped) = stop();
    let order = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&order);
    let handler = move |accepted: Accepted<DuplexStream>| {
        seen.lock().unwrap().push(accepted.service.to_string());
        if seen.lock().unwrap().len() == 80 {
            stop.now();
        }
        std::future::ready(Summary::default())
    };
    let served = server.run(stopped, handler).await;
    assert_eq!(served.accepted, 80);
    let order = order.lock().unwrap();
    let smtp = order[..20]
        .iter()
        .filter(|service| *service == "smtp")
        .count();
    assert_eq!(smtp, 10);
    drop(peers);
}

#[tokio::test(start_paused = true)]
async fn a_graceful_stop_is_the_machines_to_say() {
    let (server, door, stop, stopped) = server(Limits::default());
    let handler = async |accepted: Accepted<DuplexStream>| {
        let mut stop = accepted.stop.clone();
        let mut connection = Connection::new(accepted.io, lines::Server::new(), Tls::none());
        let mut stopping = false;
        loop {
            tokio::select! {
                event = connection.next_event() => match event {
                    Ok(Some(_)) => connection.machine().answer("250 ok"),
                    _ => return Summary::default(),
                },
                () = stop.stopped(), if !stopping => {
                    stopping = true;
                    connection.machine().shutdown();
                }
            }
        }
    };
    let talk = async {
        let mut peer = door.connect([192, 0, 2, 1]);
        peer.write_all(b"one\r\n").await.unwrap();
        sleep(Duration::from_secs(1)).await;
        stop.now();
        said(peer).await
    };
    let (served, heard) = tokio::join!(server.run(stopped, handler), talk);
    assert_eq!(heard, "220 ready\r\n250 ok\r\n421 stopping\r\n");
    assert_eq!(served.cut_off, 0);
}
