//! One connection, in clear or by TLS, that reads what has come in large pieces.

use std::{
    io::{self, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use memchr::memmem;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    client::Resumption,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use socket2::{Domain, Socket, Type};

use crate::Result;

/// The octets of one read. The client must not be what limits the server.
const PIECE: usize = 256 * 1024;

/// Connections from one source address: a server may limit them.
const PER_ADDRESS: usize = 500;

const NOOP: &[u8] = b"a NOOP\r\n";

/// Where to connect to, and as whom.
pub struct Account {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    user: String,
    password: String,
}

impl Account {
    pub fn new(address: &str, trust: &str, user: &str, password: &str) -> Result<Self> {
        let tls = match trust {
            "plain" => None,
            file => Some(trusting(file)?),
        };
        Ok(Self {
            address: address.parse()?,
            tls,
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }

    /// Connects, the number choosing the address to come from.
    pub fn connect(&self, number: usize) -> Result<Client> {
        let source = u8::try_from(1 + number % 4 + 4 * (number / PER_ADDRESS))?;
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, source), 0)).into())?;
        socket.connect(&self.address.into())?;
        socket.set_tcp_nodelay(true)?;
        socket.set_read_timeout(Some(Duration::from_secs(60)))?;
        let socket = Reading(BufReader::with_capacity(64 * 1024, socket.into()));
        let link = match &self.tls {
            None => Link::Plain(socket),
            Some(config) => {
                let name = ServerName::try_from("localhost")?;
                let tls = ClientConnection::new(Arc::clone(config), name)?;
                Link::Tls(Box::new(StreamOwned::new(tls, socket)))
            }
        };
        Ok(Client {
            link,
            buffer: Vec::new(),
        })
    }
}

/// No session is resumed: each handshake is a full one.
fn trusting(file: &str) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file)? {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// rustls asks for 4 KiB at a time; the system is asked for more.
struct Reading(BufReader<TcpStream>);

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Reading {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.get_mut().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Link {
    Plain(Reading),
    Tls(Box<StreamOwned<ClientConnection, Reading>>),
}

/// One connection.
pub struct Client {
    link: Link,
    /// Empty while nothing is asked, so that many idle connections cost the client little.
    buffer: Vec<u8>,
}

impl Client {
    pub fn login(&mut self, account: &Account) -> Result<()> {
        self.line()?;
        let (user, password) = (&account.user, &account.password);
        self.write(format!("a LOGIN \"{user}\" \"{password}\"\r\n").as_bytes())?;
        self.until_tagged(&mut |_| ()).map(drop)
    }

    /// SELECT INBOX; how many messages are there.
    pub fn select(&mut self) -> Result<usize> {
        let mut text = Vec::new();
        self.write(b"a SELECT INBOX\r\n")?;
        self.until_tagged(&mut |piece| text.extend_from_slice(piece))?;
        let text = String::from_utf8_lossy(&text);
        let exists = text.lines().find_map(|line| {
            let rest = line.strip_prefix("* ")?;
            rest.strip_suffix(" EXISTS")
        });
        Ok(exists.ok_or("SELECT without EXISTS")?.parse()?)
    }

    /// Takes the answer to a command; its octets.
    pub fn take(&mut self, command: &str) -> Result<usize> {
        self.write(format!("a {command}\r\n").as_bytes())?;
        self.until_tagged(&mut |_| ())
    }

    /// Takes the answer to a command; the FETCH responses in it.
    pub fn count(&mut self, command: &str) -> Result<usize> {
        const WORD: &[u8] = b" FETCH (";
        self.write(format!("a {command}\r\n").as_bytes())?;
        let (mut count, mut window) = (0, Vec::new());
        self.until_tagged(&mut |piece| {
            window.extend_from_slice(piece);
            count += memmem::find_iter(&window, WORD).count();
            let done = window.len().saturating_sub(WORD.len() - 1);
            window.drain(..done);
        })?;
        Ok(count)
    }

    pub fn noop(&mut self) -> Result<()> {
        self.write(NOOP)?;
        self.until_tagged(&mut |_| ()).map(drop)
    }

    /// The same octets there and back, from somebody who echoes.
    pub fn echoed(&mut self) -> Result<()> {
        self.write(NOOP)?;
        let mut left = NOOP.len();
        while left > 0 {
            left = left.checked_sub(self.read()?).ok_or("more than was sent")?;
        }
        Ok(())
    }

    pub fn logout(&mut self) -> Result<()> {
        self.write(b"a LOGOUT\r\n")?;
        self.until_tagged(&mut |_| ())?;
        while self.read().unwrap_or(0) > 0 {}
        Ok(())
    }

    pub fn idle(&mut self) -> Result<()> {
        self.write(b"a IDLE\r\n")?;
        self.line()?;
        self.buffer = Vec::new();
        Ok(())
    }

    pub fn done(&mut self) -> Result<()> {
        self.write(b"DONE\r\n")?;
        self.until_tagged(&mut |_| ()).map(drop)
    }

    /// A line that the server says by itself.
    fn line(&mut self) -> Result<()> {
        loop {
            let count = self.read()?;
            match self.buffer[..count].last() {
                None => return Err("the server closed".into()),
                Some(b'\n') => return Ok(()),
                Some(_) => {}
            }
        }
    }

    /// Reads to the end of the answer and shows each piece; how many octets there were.
    fn until_tagged(&mut self, show: &mut dyn FnMut(&[u8])) -> Result<usize> {
        // Where the last line began, as far as it has come; longer lines are not tagged ones.
        const LONGEST: usize = 512;
        let mut last = b"\n".to_vec();
        let mut octets = 0;
        loop {
            let count = self.read()?;
            let piece = &self.buffer[..count];
            if piece.is_empty() {
                return Err("the server closed".into());
            }
            octets += count;
            show(piece);
            let tail = &piece[count.saturating_sub(LONGEST)..];
            last.extend_from_slice(tail);
            last.drain(..last.len().saturating_sub(LONGEST));
            let Some(line) = last.strip_suffix(b"\r\n") else {
                continue;
            };
            let begin = memchr::memrchr(b'\n', line).map_or(line.len(), |at| at + 1);
            let line = &line[begin..];
            if line.starts_with(b"a OK") {
                return Ok(octets);
            }
            if line.starts_with(b"a ") {
                return Err(String::from_utf8_lossy(line).into());
            }
        }
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.link {
            Link::Plain(link) => link.write_all(octets),
            Link::Tls(link) => link.write_all(octets),
        }
    }

    fn read(&mut self) -> io::Result<usize> {
        self.buffer.resize(PIECE, 0);
        match &mut self.link {
            Link::Plain(link) => link.read(&mut self.buffer),
            Link::Tls(link) => link.read(&mut self.buffer),
        }
    }
}
