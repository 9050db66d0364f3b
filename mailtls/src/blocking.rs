//! The same machines over `std::io`: no runtime and no task, one thread that reads and writes.
//!
//! It is here to show what it takes to drive a machine: read the loop in [`Connection::turn`], and
//! write another one for a runtime of your own. It is right for a tool that does one thing at a
//! time. What it leaves to others: timeouts are the socket's (`set_read_timeout`), and a peer that
//! sends while it does not read can stall it, for it never does both at once.

use std::{
    fmt,
    io::{self, Read, Write},
};

use bytes::{Bytes, BytesMut};
use mailwire_core::machine::{Eof, Machine, Step};

use crate::{
    Error, Tls, Turn, limits,
    sniff::FirstOctets,
    stream::{Facts, Session, end_of},
    upgrade::{HandshakeError, Recorder, Role, Start},
};

/// A machine and the socket it talks over, driven by the calling thread.
///
/// ```no_run
/// # use mailwire_core::machine::Machine;
/// # fn run<M: Machine>(machine: M) -> Result<(), mailtls::Error<M::Error>> {
/// use mailtls::{Tls, Turn, blocking::Connection};
/// let socket = std::net::TcpStream::connect("localhost:10025").unwrap();
/// socket.set_read_timeout(Some(std::time::Duration::from_secs(300))).unwrap();
/// let mut connection = Connection::new(socket, machine, Tls::none());
/// while let Turn::Event(_event) = connection.turn()? {
///     // connection.machine().answer(..) or .send(..)
/// }
/// # Ok(()) }
/// ```
pub struct Connection<M, IO> {
    machine: M,
    io: IO,
    session: Option<Box<rustls::Connection>>,
    tls: Tls,
    input: BytesMut,
    output: Vec<Bytes>,
    fresh: bool,
    ended: bool,
    over: bool,
}

impl<M: Machine, IO: Read + Write> Connection<M, IO> {
    /// A connection that begins in clear text.
    #[must_use]
    pub fn new(io: IO, machine: M, tls: Tls) -> Self {
        Self {
            machine,
            io,
            session: None,
            tls,
            input: BytesMut::new(),
            output: Vec::new(),
            fresh: true,
            ended: false,
            over: false,
        }
    }

    /// A connection that begins with the TLS handshake, which runs here (RFC 8314 §3).
    ///
    /// # Errors
    ///
    /// [`Error::Handshake`] and [`Error::NoTls`].
    pub fn implicit(io: IO, machine: M, tls: Tls) -> Result<Self, Error<M::Error>> {
        let mut connection = Self::new(io, machine, tls);
        connection.handshake(Start::Implicit)?;
        Ok(connection)
    }

    /// The machine, for its action methods.
    pub const fn machine(&mut self) -> &mut M {
        &mut self.machine
    }

    /// The next event, room for the body that is being sent, or the end.
    ///
    /// # Errors
    ///
    /// [`Error`], once; after it every turn is [`Turn::Closed`].
    pub fn turn(&mut self) -> Result<Turn<M::Event>, Error<M::Error>> {
        if self.over {
            return Ok(Turn::Closed);
        }
        let turn = self.next();
        self.over = !matches!(turn, Ok(Turn::Event(_) | Turn::Room));
        turn
    }

    fn next(&mut self) -> Result<Turn<M::Event>, Error<M::Error>> {
        loop {
            match self.machine.step(&mut self.input) {
                Step::Transmit(octets) => self.output.push(octets),
                Step::Event(event) => return Ok(Turn::Event(event)),
                Step::NeedAnswer => return Err(Error::Unanswered),
                Step::NeedBody => {
                    self.flush().map_err(|error| Error::Io(error.kind()))?;
                    return Ok(Turn::Room);
                }
                Step::NeedInput if self.ended => return Ok(Turn::Closed),
                Step::NeedInput => {
                    self.flush().map_err(|error| Error::Io(error.kind()))?;
                    self.read()?;
                }
                Step::StartTls => {
                    self.flush().map_err(|error| Error::Io(error.kind()))?;
                    if !self.input.is_empty() {
                        return Err(Error::Injected);
                    }
                    self.handshake(Start::Explicit)?;
                }
                Step::StartDeflate => return Err(Error::NoDeflate),
                Step::Close(result) => {
                    // What the machine says about the end counts for more than whether the peer
                    // was there to hear it.
                    let _ = self.flush().and_then(|()| self.close());
                    return result.map(|()| Turn::Closed).map_err(Error::Protocol);
                }
            }
        }
    }

    fn read(&mut self) -> Result<(), Error<M::Error>> {
        let mut space = [0; limits::READ];
        match self.read_some(&mut space) {
            Ok(0) => self.end(Eof::Clean),
            Ok(octets) => {
                self.input
                    .extend_from_slice(space.get(..octets).unwrap_or_default());
                if std::mem::take(&mut self.fresh)
                    && FirstOctets::of(&self.input).is_some_and(FirstOctets::is_tls)
                {
                    return Err(Error::UnexpectedTls);
                }
            }
            Err(error) => match (error.kind(), end_of(error.kind())) {
                // Sockets with a timeout say one of the two, by system.
                (io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut, _) => {
                    self.machine.handle_timeout();
                }
                (io::ErrorKind::Interrupted, _) => {}
                (_, Some(how)) => self.end(how),
                (kind, None) => return Err(Error::Io(kind)),
            },
        }
        Ok(())
    }

    fn end(&mut self, how: Eof) {
        self.ended = true;
        self.machine.handle_eof(how);
    }

    fn read_some(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let Some(session) = &mut self.session else {
            return self.io.read(space);
        };
        loop {
            match session.reader().read(space) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            session.read_tls(&mut self.io)?;
            let processed = session.process_new_packets();
            // An alert, or the answer to a key update, goes out before anything else happens.
            while session.wants_write() {
                session.write_tls(&mut self.io)?;
            }
            processed.map_err(io::Error::other)?;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        for octets in std::mem::take(&mut self.output) {
            match &mut self.session {
                None => self.io.write_all(&octets)?,
                Some(session) => {
                    let mut left: &[u8] = &octets;
                    while !left.is_empty() {
                        let taken = session.writer().write(left)?;
                        left = left.get(taken..).unwrap_or_default();
                        while session.wants_write() {
                            session.write_tls(&mut self.io)?;
                        }
                    }
                }
            }
        }
        self.io.flush()
    }

    fn close(&mut self) -> io::Result<()> {
        if let Some(session) = &mut self.session {
            session.send_close_notify();
            while session.wants_write() {
                session.write_tls(&mut self.io)?;
            }
        }
        self.io.flush()
    }

    fn handshake(&mut self, start: Start) -> Result<(), Error<M::Error>> {
        let refuse = |fault| Error::Handshake(HandshakeError::of_rustls(fault));
        let mut facts = Facts::new(&self.tls);
        let (mut session, recorder) = match (&self.tls.role, start, &self.session) {
            (_, _, Some(_)) | (Role::None, _, _) => return Err(Error::NoTls),
            (Role::Client { config, name }, _, None) => {
                let client = rustls::ClientConnection::new(config.clone(), name.clone());
                (rustls::Connection::Client(client.map_err(refuse)?), None)
            }
            (Role::Server { explicit, implicit }, start, None) => {
                let config = if start == Start::Explicit {
                    explicit
                } else {
                    implicit
                };
                let (config, recorder) = Recorder::install(config);
                let server = rustls::ServerConnection::new(config).map_err(refuse)?;
                (rustls::Connection::Server(server), Some(recorder))
            }
        };
        while session.is_handshaking() {
            if let Err(error) = session.complete_io(&mut self.io) {
                return Err(Error::Handshake(HandshakeError::new(&error, &[])));
            }
        }
        facts.shown = recorder.and_then(|recorder| recorder.take());
        let info = facts.info(match &session {
            rustls::Connection::Client(session) => Session::Client(session),
            rustls::Connection::Server(session) => Session::Server(session),
        });
        self.session = Some(Box::new(session));
        self.fresh = false;
        info.into_iter()
            .for_each(|info| self.machine.tls_started(info));
        Ok(())
    }
}

impl<M, IO> fmt::Debug for Connection<M, IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("blocking::Connection")
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}
