//! The program itself: what it prints, how it ends, what survives it.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{ExitStatus, Output, Stdio},
    time::Duration,
};

use mailtls::{
    Tls,
    level::Level,
    verify::{ClientTls, Roots},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    runtime::Runtime,
    task::JoinHandle,
    time::timeout,
};

use super::{
    client::Client,
    harness::{ALICE, BOB, base64, files, plain},
};

/// Runs a test with a limit on its time.
pub(crate) fn within(test: impl Future<Output = ()>) {
    let runtime = Runtime::new().unwrap();
    let limit = Duration::from_secs(120);
    runtime.block_on(async { timeout(limit, test).await.expect("the test hangs") });
}

fn mailserver(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailserver"));
    command
        .current_dir(dir)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A start that comes to nothing.
async fn output(dir: &Path, args: &[&str]) -> Output {
    mailserver(dir, args).output().await.unwrap()
}

/// A start that comes to nothing because of what it was told: code 2 and one line.
async fn refused(dir: &Path, args: &[&str], why: &str) {
    let output = output(dir, args).await;
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
    assert!(
        error.starts_with("mailserver: ") && error.ends_with('\n'),
        "{error:?}"
    );
    assert_eq!(error.lines().count(), 1, "{args:?}: {error}");
    assert!(error.contains(why), "{args:?}: {error}");
    assert!(output.stdout.is_empty());
}

/// A server that runs.
pub(crate) struct Running {
    child: Child,
    log: JoinHandle<String>,
    announced: Value,
}

impl Running {
    pub(crate) async fn start(dir: &Path, more: &[&str]) -> Self {
        let base = ["--json", "--base-port=0", "--data=data"];
        let mut child = mailserver(dir, &[&base[..], more].concat())
            .spawn()
            .unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = tokio::spawn(async move {
            let mut log = String::new();
            stderr.read_to_string(&mut log).await.unwrap();
            log
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let Some(line) = stdout.next_line().await.unwrap() else {
            panic!("it did not start: {}", log.await.unwrap());
        };
        // It says one line and no more.
        tokio::spawn(async move { assert_eq!(stdout.next_line().await.unwrap(), None) });
        Self {
            child,
            log,
            announced: serde_json::from_str(&line).unwrap(),
        }
    }

    fn address(&self, service: &str) -> SocketAddr {
        let listeners = self.announced["listeners"].as_array().unwrap();
        let listener = listeners.iter().find(|l| l["service"] == service).unwrap();
        listener["address"].as_str().unwrap().parse().unwrap()
    }

    async fn connect(&self, service: &str) -> Client {
        Client::over(TcpStream::connect(self.address(service)).await.unwrap())
    }

    pub(crate) async fn implicit(&self, dir: &Path, service: &str) -> Client {
        let ca = dir.join(self.announced["ca"].as_str().unwrap());
        let tls = ClientTls::builder(Level::Secure, "localhost".parse().unwrap())
            .roots(Roots::from_pem_file(ca).unwrap())
            .build()
            .unwrap();
        let tls = Tls::client(tls.config(), tls.server_name());
        let mut client = self.connect(service).await.implicit(&tls).await.unwrap();
        client.reply().await;
        client
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Waits for the end and answers with what was logged.
    pub(crate) async fn end(mut self) -> (ExitStatus, String) {
        let log = self.log.await.unwrap();
        (self.child.wait().await.unwrap(), log)
    }
}

/// The argument that sets a password.
pub(crate) fn user((name, password): (&str, &str)) -> String {
    format!("--user={name}:{password}")
}

async fn hello(running: &Running) -> Client {
    let mut client = running.connect("smtp").await;
    client.hears("220").await;
    client.says("EHLO client.example", "250").await;
    client
}

#[test]
fn cli_1c_bad_options_are_one_sentence_and_code_2() {
    let dir = tempfile::tempdir().unwrap();
    within(async {
        for (args, why) in [
            (&["--bogus"][..], "--bogus"),
            (&["stray"], "stray"),
            (&["--base-port", "x"], "--base-port"),
            (&["--base-port", "65000"], "65995"),
            (&["--listen", "localhost"], "--listen"),
            (&["--store", "tape"], "--store"),
            (&["--store", "memory", "--config", "x"], "--config"),
            (&["--user", "alice"], "--user"),
            (
                &["--domain", "not a domain", "--base-port", "0"],
                "not a domain",
            ),
            (&["--config", "no-such.toml"], "no-such.toml"),
            (
                &["--check-config", "--config", "no-such.toml"],
                "no-such.toml",
            ),
            (
                &["--print-config", "--config", "no-such.toml"],
                "no-such.toml",
            ),
            (&["--listen", "192.0.2.1", "--base-port", "0"], "192.0.2.1"),
        ] {
            refused(dir.path(), args, why).await;
        }
    });
    assert_eq!(
        std::fs::read_dir(&dir).unwrap().count(),
        0,
        "nothing half started"
    );
}

#[test]
fn cli_1c_a_bad_file_is_named_with_line_and_column() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bad.toml");
    within(async {
        for (text, why) in [
            (
                "hostname = \"mx.example\"\nlisten = 25\n",
                "bad.toml: line 2, column 1",
            ),
            (
                "[limits]\nrecipients = \"many\"\n",
                "bad.toml: line 2, column 14",
            ),
            ("[[listeners]]\nservice = \"gopher\"\n", "bad.toml: line 2"),
            ("[limits\n", "bad.toml: line 1"),
            ("[log]\nlevel = \"loud,,=\"\n", "loud"),
            ("[[certificates]]\nchain = \"gone.pem\"\n", "gone.pem"),
        ] {
            std::fs::write(&file, text).unwrap();
            for mode in [
                &["--config=bad.toml"][..],
                &["--check-config", "--config=bad.toml"],
            ] {
                refused(dir.path(), &[mode, &["--base-port=0"]].concat(), why).await;
            }
        }
    });
    assert_eq!(
        std::fs::read_dir(&dir).unwrap().count(),
        1,
        "nothing half started"
    );
}

#[test]
fn cli_1c_a_busy_port_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text =
        format!("data = \"data\"\n[[listeners]]\nservice = \"pop3\"\naddress = \"{address}\"\n");
    std::fs::write(dir.path().join("busy.toml"), text).unwrap();
    within(refused(dir.path(), &["--config=busy.toml"], &address));
    assert!(!dir.path().join("data").exists());
}

#[test]
fn store_35_a_store_that_cannot_be_written_refuses_to_start() {
    let dir = tempfile::tempdir().unwrap();
    within(async {
        std::fs::write(dir.path().join("file"), "").unwrap();
        refused(dir.path(), &["--base-port=0", "--data=file"], "file").await;
        refused(dir.path(), &["--base-port=0", "--data=file/below"], "file").await;
        // Where root tests, permissions stop nobody; a file in place of the folder stops all.
        std::fs::create_dir(dir.path().join("data")).unwrap();
        std::fs::write(dir.path().join("data/mail"), "").unwrap();
        refused(dir.path(), &["--base-port=0", "--data=data"], "mail").await;
    });
}

#[test]
fn store_33_a_second_server_in_the_same_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    within(async {
        let first = Running::start(dir.path(), &[]).await;
        refused(
            dir.path(),
            &["--base-port=0", "--data=data"],
            "another mailserver",
        )
        .await;
        first.signal(Signal::TERM);
        first.end().await;
    });
}

#[test]
fn cli_1c_help_version_and_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    within(async {
        for (args, what) in [
            (&["--help"][..], "--check-config"),
            (&["--version"], env!("CARGO_PKG_VERSION")),
            (&["--print-config"], "hostname = \"mail.example.test\""),
            (
                &["--print-config", "--domain=corp.test"],
                "hostname = \"mail.corp.test\"",
            ),
            (&["--check-config"], "the configuration can be used"),
        ] {
            let output = output(dir.path(), args).await;
            let text = String::from_utf8(output.stdout).unwrap();
            assert_eq!(output.status.code(), Some(0), "{args:?}");
            assert!(text.contains(what), "{args:?}: {text}");
            assert!(output.stderr.is_empty());
        }
        // What is printed is a file that can be used.
        let printed = output(dir.path(), &["--print-config", "--base-port=20000"])
            .await
            .stdout;
        std::fs::write(dir.path().join("printed.toml"), &printed).unwrap();
        let args = ["--print-config", "--config=printed.toml"];
        let again = output(dir.path(), &args).await.stdout;
        let without_data = |text: &[u8]| -> Vec<String> {
            let text = String::from_utf8(text.to_vec()).unwrap();
            text.lines()
                .filter(|l| !l.starts_with("data"))
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(without_data(&again), without_data(&printed));
        let args = ["--check-config", "--config=printed.toml"];
        assert_eq!(output(dir.path(), &args).await.status.code(), Some(0));
    });
    assert!(
        !dir.path().join("mailserver-data").exists(),
        "a check makes nothing"
    );
}

#[test]
fn cli_1c_json_is_one_line_when_every_listener_is_ready() {
    let dir = tempfile::tempdir().unwrap();
    within(async {
        let running = Running::start(dir.path(), &[]).await;
        for service in ["smtp", "submission", "lmtp", "pop3"] {
            let mut client = running.connect(service).await;
            assert!(client.reply().await.contains("mail.example.test"));
        }
        let accounts = running.announced["accounts"].as_array().unwrap().clone();
        assert_eq!(accounts.len(), 2);
        for account in &accounts {
            let who = (
                account["name"].as_str().unwrap(),
                account["password"].as_str().unwrap(),
            );
            let mut client = running.implicit(dir.path(), "pop3s").await;
            client
                .says(format!("AUTH PLAIN {}", plain(who)), "+OK")
                .await;
        }
        running.signal(Signal::INT);
        let (status, log) = running.end().await;
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(
            log.contains("panicked=0") && log.contains("cut_off=0"),
            "{log}"
        );
        // The second start does not know the passwords, but they are the same.
        let running = Running::start(dir.path(), &[]).await;
        assert!(running.announced["accounts"][0]["password"].is_null());
        let who = (
            accounts[0]["name"].as_str().unwrap(),
            accounts[0]["password"].as_str().unwrap(),
        );
        let mut client = running.implicit(dir.path(), "submissions").await;
        client.says("EHLO client.example", "250").await;
        client
            .says(format!("AUTH PLAIN {}", plain(who)), "235")
            .await;
        // The folder holds no password in clear.
        for (name, password) in accounts
            .iter()
            .map(|a| (&a["name"], a["password"].as_str().unwrap()))
        {
            assert!(!holds(&dir, password.as_bytes()), "{name}");
        }
    });
}

/// Whether some file has these octets in it.
fn holds(dir: &TempDir, octets: &[u8]) -> bool {
    fn below(dir: &Path, octets: &[u8]) -> bool {
        std::fs::read_dir(dir).unwrap().any(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                return below(&path, octets);
            }
            let text = std::fs::read(path).unwrap();
            text.windows(octets.len()).any(|window| window == octets)
        })
    }
    below(dir.path(), octets)
}

#[test]
fn store_4_what_was_answered_250_survives_sigkill() {
    let dir = tempfile::tempdir().unwrap();
    within(async {
        let accounts = [user(ALICE), user(BOB)];
        let args: Vec<_> = accounts.iter().map(String::as_str).collect();
        let mut expected = 0;
        for _ in 0..3 {
            let running = Running::start(dir.path(), &args).await;
            let mut reader = running.implicit(dir.path(), "pop3s").await;
            // The lock of the session that was killed is no lock any more.
            reader
                .says(format!("AUTH PLAIN {}", plain(BOB)), "+OK")
                .await;
            reader.says("STAT", &format!("+OK {expected} ")).await;
            let mut client = hello(&running).await;
            let reply = client
                .mail("a@example.org", "bob@example.test", "x\r\n.\r\n")
                .await;
            assert!(reply.starts_with("250"), "{reply}");
            expected += 1;
            let mut half = hello(&running).await;
            half.transaction("a@example.org", "bob@example.test").await;
            half.says("DATA", "354").await;
            half.send("half").await;
            running.signal(Signal::KILL);
            running.end().await;
        }
        assert_eq!(files(dir.path(), &["new", "cur"]).len(), expected);
    });
}

#[test]
fn dos_11_sigterm_cuts_what_does_not_end_and_leaves_no_half_message() {
    let dir = tempfile::tempdir().unwrap();
    let config = "data = \"data\"\n[limits]\nstop-seconds = 1\n";
    std::fs::write(dir.path().join("short.toml"), config).unwrap();
    within(async {
        let running = Running::start(dir.path(), &["--config=short.toml"]).await;
        let mut client = hello(&running).await;
        client
            .transaction("a@example.org", "bob@example.test")
            .await;
        client.says("DATA", "354").await;
        client.send("x".repeat(300_000)).await;
        while files(dir.path(), &["tmp"]).is_empty() {
            tokio::task::yield_now().await;
        }
        running.signal(Signal::TERM);
        client.closes().await;
        let (status, log) = running.end().await;
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(log.contains("cut_off=1"), "{log}");
        assert!(files(dir.path(), &["tmp", "new"]).is_empty());
    });
}

#[test]
fn x509_22_sighup_brings_the_new_certificate() {
    let dir = tempfile::tempdir().unwrap();
    within(async {
        let running = Running::start(dir.path(), &[]).await;
        let client = running.implicit(dir.path(), "submissions").await;
        let shown = |client: &Client| client.tls().unwrap().peer_chain[0].to_vec();
        let old = shown(&client);
        let tls = dir.path().join("data/tls");
        std::fs::remove_file(tls.join("server.for")).unwrap();
        let now = jiff::Timestamp::now();
        mailwire_examples::pki::Pki::ensure(&tls, "mail.example.test", now).unwrap();
        running.signal(Signal::HUP);
        while shown(&running.implicit(dir.path(), "pop3s").await) == old {}
        running.signal(Signal::TERM);
        let (status, log) = running.end().await;
        assert_eq!(status.code(), Some(0));
        assert!(log.contains("a new certificate is in force"), "{log}");
    });
}

/// Everything at the highest level, so that nothing hides behind the filter.
#[test]
fn all_4_no_secret_and_no_body_is_logged() {
    let dir = tempfile::tempdir().unwrap();
    let config = "data = \"data\"\n[log]\nlevel = \"trace\"\n";
    std::fs::write(dir.path().join("loud.toml"), config).unwrap();
    let secret = ("alice", "pass-canary-7391");
    let wrong = ("alice", "wrong-canary-5512");
    let body = "body-canary-2846";
    within(async {
        let running = Running::start(dir.path(), &["--config=loud.toml", &user(secret)]).await;
        let mut client = running.implicit(dir.path(), "submissions").await;
        client.says("EHLO client.example", "250").await;
        client
            .says(format!("AUTH PLAIN {}", plain(wrong)), "535")
            .await;
        client.says("AUTH LOGIN", "334").await;
        client.says(base64(secret.0), "334").await;
        client.says(base64(secret.1), "235").await;
        let text = format!("Subject: {body}\r\n\r\n{body}\r\n.\r\n");
        let reply = client
            .mail("alice@example.test", "alice@example.test", text)
            .await;
        assert!(reply.starts_with("250"), "{reply}");
        // A body that is refused, one that is cut off, a credential in clear, a line too long.
        let reply = client
            .mail(
                "alice@example.test",
                "alice@example.test",
                format!("{body}\nx\r\n.\r\n"),
            )
            .await;
        assert!(reply.starts_with("550"), "{reply}");
        client
            .transaction("alice@example.test", "alice@example.test")
            .await;
        client.says("DATA", "354").await;
        client.send(body).await;
        drop(client);
        let mut clear = running.connect("submission").await;
        clear.hears("220").await;
        clear.says("EHLO client.example", "250").await;
        clear
            .says(format!("AUTH PLAIN {}", plain(secret)), "538")
            .await;
        clear
            .says(format!("AUTH PLAIN {}", plain(secret).repeat(1_000)), "500")
            .await;
        let mut clear = running.connect("pop3").await;
        clear.hears("+OK").await;
        clear.says("USER alice", "-ERR").await;
        clear.says(format!("PASS {}", secret.1), "-ERR").await;
        let mut reader = running.implicit(dir.path(), "pop3s").await;
        reader.says("USER alice", "+OK").await;
        reader.says(format!("PASS {}", wrong.1), "-ERR").await;
        reader.says("USER alice", "+OK").await;
        reader.says(format!("PASS {}", secret.1), "+OK").await;
        reader.says("RETR 1", "+OK").await;
        assert!(
            String::from_utf8(reader.listing().await)
                .unwrap()
                .contains(body)
        );
        reader.says("QUIT", "+OK").await;
        drop((clear, reader));
        running.signal(Signal::TERM);
        let (status, log) = running.end().await;
        assert_eq!(status.code(), Some(0));
        assert!(
            log.contains("alice@example.test"),
            "it is logged who logged in: {log}"
        );
        for canary in [secret.1, wrong.1, body] {
            let forms = [
                canary.to_owned(),
                base64(canary).trim_end_matches('=').to_owned(),
                canary.bytes().map(|octet| format!("{octet:02x}")).collect(),
                canary.bytes().map(|octet| format!("{octet}, ")).collect(),
            ];
            for form in forms {
                assert!(!log.contains(&form), "{form} is in the log");
            }
        }
        for who in [secret, wrong] {
            assert!(
                !log.contains(&plain(who)),
                "a message of PLAIN is in the log"
            );
        }
    });
}
