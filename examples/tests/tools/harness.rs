//! A server in this process, and the tools as processes of their own.

use std::{
    collections::HashMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use clap::Parser;
use mailtls::serve::{Stop, stop};
use mailwire_examples::{
    config::Service,
    server::{Ready, options::Options, startup::Prepared},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub(crate) const ALICE: &str = "wonderland-canary";
pub(crate) const BOB: &str = "builder-canary";

/// A server that runs as long as this lives.
pub(crate) struct Server {
    pub(crate) dir: TempDir,
    pub(crate) ca: PathBuf,
    ports: HashMap<Service, u16>,
    stop: Stop,
    _runtime: Runtime,
}

impl Server {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let (alice, bob) = (format!("alice:{ALICE}"), format!("bob:{BOB}"));
        let options = Options::parse_from([
            "mailserver",
            "--base-port",
            "0",
            "--data",
            data.to_str().unwrap(),
            "--user",
            &alice,
            "--user",
            &bob,
        ]);
        let prepared = Prepared::new(&options, jiff::Timestamp::now()).unwrap();
        let ca = prepared.ca.clone().unwrap();
        let ports = prepared.listeners().map(|(s, a, _)| (s, a.port()));
        let ports = ports.collect();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (stop, stopped) = stop();
        runtime.block_on(async {
            tokio::spawn(Ready::new(prepared).unwrap().run(stopped));
        });
        Self {
            dir,
            ca,
            ports,
            stop,
            _runtime: runtime,
        }
    }

    /// `scheme://user@localhost:port`, or without the user where that is empty.
    pub(crate) fn url(&self, scheme: &str, user: &str) -> String {
        let service = match scheme {
            "smtp" => Service::Submission,
            "smtps" => Service::Submissions,
            "lmtp" => Service::Lmtp,
            "pop3" => Service::Pop3,
            "pop3s" => Service::Pop3s,
            "imap" => Service::Imap,
            "imaps" => Service::Imaps,
            other => panic!("{other}"),
        };
        let at = if user.is_empty() { "" } else { "@" };
        let port = self.ports[&service];
        // The server listens on 127.0.0.1 only, and the name is what its certificate is for.
        format!("{scheme}://{user}{at}localhost:{port}")
    }

    pub(crate) fn port(&self, service: Service) -> u16 {
        self.ports[&service]
    }

    pub(crate) fn file(&self, name: &str, octets: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, octets).unwrap();
        path
    }

    /// Sends a message to bob and insists that it arrives.
    pub(crate) fn send_to_bob(&self, message: impl AsRef<[u8]>) {
        let path = self.file("to-bob.eml", message);
        let sent = mailsend([&*self.url("smtps", "alice"), path.to_str().unwrap()])
            .args(["--to", "bob@example.test", "--from", "alice@example.test"])
            .ca(&self.ca)
            .password(ALICE)
            .run();
        assert_eq!(sent.code, 0, "{sent:?}");
    }

    /// `popfetch` as bob, into a folder in our own.
    pub(crate) fn fetch(&self, scheme: &str, dir: &str) -> Tool {
        let dir = self.dir.path().join(dir);
        popfetch([&*self.url(scheme, "bob"), dir.to_str().unwrap()])
            .ca(&self.ca)
            .password(BOB)
    }

    /// What is in `new` of a folder that was fetched into, oldest first.
    pub(crate) fn fetched(&self, dir: &str) -> Vec<Vec<u8>> {
        assert_eq!(entries(&self.dir.path().join(dir).join("tmp")).len(), 0);
        let paths = entries(&self.dir.path().join(dir).join("new"));
        paths
            .iter()
            .map(|path| std::fs::read(path).unwrap())
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.now();
    }
}

/// The files of a folder, in the order in which `popfetch` counts them.
pub(crate) fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let count = |path: &PathBuf| -> (u64, String) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let count = name.split(['Q', 'R']).nth(1).and_then(|n| n.parse().ok());
        (count.unwrap_or_default(), name)
    };
    paths.sort_by_key(count);
    paths
}

/// A tool that is going to be run.
pub(crate) struct Tool {
    command: Command,
    stdin: Vec<u8>,
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.out.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }

    /// Insists on an exit code, and on one sentence that says something.
    pub(crate) fn fails(&self, code: i32, says: &str) {
        assert_eq!(self.code, code, "{self:?}");
        let last = self.err.lines().last().unwrap_or_default();
        assert!(last.contains(says), "{says:?} is not in {self:?}");
    }
}

pub(crate) fn mailsend<const N: usize>(args: [&str; N]) -> Tool {
    Tool::new(env!("CARGO_BIN_EXE_mailsend")).args(args)
}

pub(crate) fn popfetch<const N: usize>(args: [&str; N]) -> Tool {
    Tool::new(env!("CARGO_BIN_EXE_popfetch")).args(args)
}

pub(crate) fn mailfetch<const N: usize>(args: [&str; N]) -> Tool {
    Tool::new(env!("CARGO_BIN_EXE_mailfetch")).args(args)
}

impl Tool {
    fn new(program: &str) -> Self {
        let mut command = Command::new(program);
        command.env_remove("MAILWIRE_PASSWORD");
        Self {
            command,
            stdin: Vec::new(),
        }
    }

    pub(crate) fn args<const N: usize>(mut self, args: [&str; N]) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn ca(mut self, ca: &Path) -> Self {
        self.command.arg("--ca").arg(ca);
        self
    }

    pub(crate) fn password(mut self, password: &str) -> Self {
        self.command.env("MAILWIRE_PASSWORD", password);
        self
    }

    pub(crate) fn stdin(mut self, octets: impl AsRef<[u8]>) -> Self {
        self.stdin = octets.as_ref().to_vec();
        self
    }

    /// Starts it, to be killed before its end.
    pub(crate) fn start(mut self) -> Child {
        let silent = self.command.stdin(Stdio::null()).stdout(Stdio::null());
        silent.stderr(Stdio::null()).spawn().unwrap()
    }

    pub(crate) fn run(mut self) -> Ran {
        let piped = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let octets = self.stdin;
        // A tool that does not want it closes the pipe.
        let writing = std::thread::spawn(move || {
            let _ = stdin.write_all(&octets);
        });
        let output = child.wait_with_output().unwrap();
        writing.join().unwrap();
        Ran {
            code: output.status.code().expect("ended by a signal"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
