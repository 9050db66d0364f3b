//! The server on runtimes of every width: whatever holds up a thread shows where there is only one.

mod retries;

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser;
use mailtls::{serve::stop, verify::Roots};
use mailwire::{Account, Maildrop, Submission};
use mailwire_examples::{
    config::Service,
    server::{Ready, options::Options, startup::Prepared},
};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
    time::timeout,
};

/// Longer than any of these tests takes on a busy machine.
const OVERALL: Duration = Duration::from_secs(120);

/// A server that runs, as its users know it.
#[derive(Clone)]
struct Host {
    addresses: Vec<(Service, SocketAddr)>,
    ca: PathBuf,
}

impl Host {
    fn address(&self, service: Service) -> SocketAddr {
        let found = self.addresses.iter().find(|(known, _)| *known == service);
        found.unwrap().1
    }

    /// `smtps` or `pop3s`, as somebody with the password `secret`.
    fn account(&self, scheme: &str, user: &str, service: Service) -> Account {
        let endpoint = format!("{scheme}://{user}@{}", self.address(service));
        Account::new(endpoint.parse().unwrap())
            .password("secret")
            .roots(Roots::from_pem_file(&self.ca).unwrap())
    }

    /// What bob has, without the trace fields in front being looked at.
    async fn inbox(&self) -> Vec<Vec<u8>> {
        let account = self.account("pop3s", "bob", Service::Pop3s);
        let mut maildrop = Maildrop::open(&account).await.unwrap();
        let mut messages = Vec::new();
        for message in maildrop.list().await.unwrap() {
            messages.push(maildrop.retrieve(&message).await.unwrap());
        }
        maildrop.quit().await.unwrap();
        messages
    }
}

/// Runs a test on a runtime that a server runs on, too.
fn on(runtime: Runtime, test: impl AsyncFnOnce(&Host)) {
    let dir = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let whole = async {
            let options = Options::parse_from([
                "mailserver",
                "--base-port=0",
                &format!("--data={}", dir.path().display()),
                "--user=alice:secret",
                "--user=bob:secret",
            ]);
            let prepared = Prepared::new(&options, jiff::Timestamp::now()).unwrap();
            let host = Host {
                addresses: prepared.listeners().map(|(s, a, _)| (s, a)).collect(),
                ca: prepared.ca.clone().unwrap(),
            };
            let (stop, stopped) = stop();
            let running = tokio::spawn(Ready::new(prepared).unwrap().run(stopped));
            test(&host).await;
            stop.now();
            let served = running.await.unwrap();
            assert_eq!((served.panicked, served.cut_off), (0, 0));
        };
        timeout(OVERALL, whole).await.expect("the test hangs");
    });
}

/// A message of some size that is like no other.
fn message(number: usize) -> Vec<u8> {
    let line = format!("message {number}, and a line of it\r\n");
    format!("Subject: {number}\r\n\r\n{}", line.repeat(10_000)).into_bytes()
}

async fn send(host: Host, number: usize) {
    let service = [Service::Submission, Service::Submissions][number % 2];
    let scheme = ["smtp", "smtps"][number % 2];
    let account = host.account(scheme, "alice", service);
    let mut submission = Submission::open(&account).await.unwrap();
    let report = submission
        .send(
            "alice@example.test",
            &["bob@example.test"],
            &message(number),
        )
        .await
        .unwrap();
    assert!(report.is_delivered(), "{report}");
    submission.quit().await;
}

/// Messages of eight clients at once, and all of them read again.
async fn round_trip(host: &Host) {
    let mut clients = JoinSet::new();
    for number in 0..8 {
        clients.spawn(send(host.clone(), number));
    }
    while let Some(sent) = clients.join_next().await {
        sent.unwrap();
    }
    let inbox = host.inbox().await;
    assert_eq!(inbox.len(), 8);
    let whose = |stored: &Vec<u8>| (0..8).find(|number| stored.ends_with(&message(*number)));
    let found: BTreeSet<_> = inbox.iter().map(|stored| whose(stored).unwrap()).collect();
    assert_eq!(found.len(), 8);
}

fn workers(workers: usize) -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(workers).enable_all();
    builder
}

#[test]
fn dos_22_a_server_on_one_thread() {
    let runtime = Builder::new_current_thread().enable_all().build();
    on(runtime.unwrap(), round_trip);
}

#[test]
fn dos_22_a_server_on_one_worker() {
    on(workers(1).build().unwrap(), round_trip);
}

#[test]
fn dos_22_a_server_on_sixteen_workers() {
    on(workers(16).build().unwrap(), round_trip);
}

/// Look-ups, keys and files wait for the one thread that may block, and none of them while it holds
/// what another one needs.
#[test]
fn dos_22_a_server_with_one_thread_for_what_blocks() {
    on(
        workers(1).max_blocking_threads(1).build().unwrap(),
        round_trip,
    );
}
