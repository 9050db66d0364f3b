//! A client of IMAP that asks as fast as the server answers: what checks/load/imap.py drives.
//!
//! `imapload client ADDRESS CA|plain USER PASSWORD` takes one order a line from standard input and
//! answers each with one line of `name=value` when it is done, so that whoever drives it can look at
//! the server in between:
//!
//! | order | what it does |
//! |---|---|
//! | `open` | one connection: LOGIN; `messages=0` |
//! | `select` | SELECT INBOX on it; `messages` are there |
//! | `count ITEMS` | one UID FETCH of all messages, with the responses counted |
//! | `fetch PASSES ITEMS` | the same so many times, by the tagged reply and the octets alone |
//! | `noop COUNT` | so many round trips of NOOP |
//! | `raw COUNT` | a connection without IMAP: so many round trips of the octets of NOOP, echoed |
//! | `logins COUNT THREADS` | so many connections with LOGIN and LOGOUT, THREADS at once |
//! | `idle COUNT` | so many more connections: LOGIN, SELECT INBOX, IDLE |
//! | `traffic UID` | each of them: DONE, UID FETCH UID BODY.PEEK[], IDLE |
//! | `close` | all connections |
//!
//! `imapload echo` listens, prints its port and echoes, on the runtime that mailserver has.

mod link;

use std::{
    error::Error,
    io::{BufRead, Write, stdin, stdout},
    process::ExitCode,
    thread,
    time::Instant,
};

use link::{Account, Client};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["echo"] => echo(),
        ["client", address, trust, user, password] => {
            Account::new(address, trust, user, password).and_then(obey)
        }
        _ => Err("imapload echo | imapload client ADDRESS CA|plain USER PASSWORD".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("imapload: {error}");
            ExitCode::FAILURE
        }
    }
}

fn obey(account: Account) -> Result<()> {
    let mut load = Load {
        account,
        one: None,
        idle: Vec::new(),
        messages: 0,
    };
    for order in stdin().lock().lines() {
        let begun = Instant::now();
        let told = load.order(order?.trim())?;
        let mut out = stdout().lock();
        writeln!(out, "seconds={:.9} {told}", begun.elapsed().as_secs_f64())?;
        out.flush()?;
    }
    Ok(())
}

struct Load {
    account: Account,
    one: Option<Client>,
    idle: Vec<Client>,
    /// In the mailbox that `one` has selected.
    messages: usize,
}

impl Load {
    fn order(&mut self, order: &str) -> Result<String> {
        let (verb, rest) = order.split_once(' ').unwrap_or((order, ""));
        match verb {
            "open" => {
                let mut client = self.account.connect(0)?;
                client.login(&self.account)?;
                self.one = Some(client);
                self.messages = 0;
            }
            "select" => {
                self.messages = self.one()?.select()?;
            }
            "count" => {
                let messages = self.one()?.count(&format!("UID FETCH 1:* {rest}"))?;
                if messages != self.messages {
                    let wanted = self.messages;
                    return Err(format!("{rest}: {messages} answers for {wanted} messages").into());
                }
            }
            "fetch" => {
                let (passes, items) = rest.split_once(' ').ok_or("fetch PASSES ITEMS")?;
                let passes: usize = passes.parse()?;
                let command = format!("UID FETCH 1:* {items}");
                let mut octets = 0;
                for _ in 0..passes {
                    octets += self.one()?.take(&command)?;
                }
                let messages = passes * self.messages;
                return Ok(format!("messages={messages} octets={octets}"));
            }
            "noop" => {
                let count: usize = rest.parse()?;
                let one = self.one()?;
                for _ in 0..count {
                    one.noop()?;
                }
            }
            "raw" => {
                let mut client = self.account.connect(0)?;
                for _ in 0..rest.parse()? {
                    client.echoed()?;
                }
            }
            "logins" => {
                let (count, threads) = rest.split_once(' ').ok_or("logins COUNT THREADS")?;
                self.logins(count.parse()?, threads.parse()?)?;
            }
            "idle" => {
                for number in 0..rest.parse()? {
                    let mut client = self.account.connect(number)?;
                    client.login(&self.account)?;
                    client.select()?;
                    client.idle()?;
                    self.idle.push(client);
                }
            }
            "traffic" => {
                let command = format!("UID FETCH {rest} BODY.PEEK[]");
                for client in &mut self.idle {
                    client.done()?;
                    client.take(&command)?;
                    client.idle()?;
                }
            }
            "close" => {
                self.idle.clear();
                self.one = None;
            }
            _ => return Err(format!("{verb}: no such order").into()),
        }
        Ok(format!("messages={}", self.messages))
    }

    fn one(&mut self) -> Result<&mut Client> {
        self.one.as_mut().ok_or_else(|| "nothing is open".into())
    }

    fn logins(&self, count: usize, threads: usize) -> Result<()> {
        let account = &self.account;
        thread::scope(|scope| {
            let work = |number| {
                move || -> Result<()> {
                    for _ in 0..count / threads {
                        let mut client = account.connect(number)?;
                        client.login(account)?;
                        client.logout()?;
                    }
                    Ok(())
                }
            };
            let running: Vec<_> = (0..threads).map(|n| scope.spawn(work(n))).collect();
            running
                .into_iter()
                .try_for_each(|each| each.join().map_err(|_| "a thread panicked")?)
        })
    }
}

fn echo() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        loop {
            let (mut stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(async move {
                let mut buffer = vec![0; 16 * 1024];
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    if stream.write_all(&buffer[..count]).await.is_err() {
                        break;
                    }
                }
            });
        }
    })
}
