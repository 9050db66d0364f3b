//! Our client against our server in memory, cut at random, over TLS in name only.

use std::{collections::VecDeque, num::NonZeroU32};

use bytes::{Bytes, BytesMut};
use mailwire_core::{
    machine::{Machine, Step, Upgrade},
    sasl::{self, Nonce, ScramKeys, ServerConfig, ServerStep},
};
use mailwire_imap::{
    Client, Open, Server, State,
    client::{self, CommandId},
    command::{Command, CommandBody, Mechanism, Message, Names},
    encode::Literals,
    flag::{Flag, Flags},
    mailbox::Mailbox,
    open,
    response::{Condition, Fetch, FetchItem, List, Numbers, Response, Section},
    sequence::SequenceSet,
    server::{self, Access, Done, Extension},
};

use crate::transcripts_client::tls;

/// A generator that gives the same numbers for the same seed.
struct Random(u64);

impl Random {
    /// From 0 to `below`, exclusive.
    fn below(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }
}

struct Stored {
    uid: NonZeroU32,
    flags: Flags,
    octets: Vec<u8>,
}

/// A server application over one mailbox in memory.
#[derive(Default)]
struct Application {
    messages: Vec<Stored>,
    last_uid: u32,
    auth: Option<sasl::Server>,
    /// The message that is coming in.
    incoming: Option<(Flags, Vec<u8>)>,
    /// The messages that are to be told yet, by their places, and what is left of the open one.
    outgoing: VecDeque<usize>,
    open: Bytes,
}

impl Application {
    fn add(&mut self, flags: Flags, octets: Vec<u8>) -> NonZeroU32 {
        self.last_uid += 1;
        let uid = NonZeroU32::new(self.last_uid).unwrap();
        self.messages.push(Stored { uid, flags, octets });
        uid
    }

    fn exists(&self) -> u32 {
        u32::try_from(self.messages.len()).unwrap()
    }

    fn handle(&mut self, server: &mut Server, event: server::Event) {
        use server::Event;

        match event {
            Event::Login { user, password } if &*user == b"bob" && password.matches(b"secret") => {
                server.accept_login().unwrap();
            }
            Event::Login { .. } => server.reply(&Done::wrong_credentials()).unwrap(),
            Event::AuthStart { mechanism, initial } => {
                let mechanism = sasl::Mechanism::from_name(mechanism.as_str().as_bytes()).unwrap();
                let config = ServerConfig::new(&[mechanism]).nonce(Nonce::from_random(&[9; 24]));
                let mut auth = sasl::Server::start(mechanism, config).unwrap();
                let step = auth.begin(initial.as_ref().map(|initial| initial.expose().as_slice()));
                self.auth = Some(auth);
                self.follow(server, step);
            }
            Event::AuthResponse(response) => {
                let step = self.auth.as_mut().unwrap().step(response.expose());
                self.follow(server, step);
            }
            Event::Select { mailbox, .. } if mailbox.is_inbox() => {
                let next = NonZeroU32::new(self.last_uid + 1).unwrap();
                let mut inbox = server::Selected::new(Access::ReadWrite, NonZeroU32::MIN, next);
                inbox.exists = self.exists();
                server.open(&inbox).unwrap();
            }
            Event::Select { .. } => server.reply(&Done::no("no such mailbox")).unwrap(),
            Event::Command(command) => self.command(server, command),
            Event::Append { message, .. } => {
                self.incoming = Some((message.flags, Vec::new()));
                server.accept().unwrap();
            }
            Event::Body(octets) => {
                let (_, message) = self.incoming.as_mut().unwrap();
                message.extend_from_slice(&octets);
            }
            Event::AppendEnd => {
                let (flags, octets) = self.incoming.take().unwrap();
                let uid = self.add(flags, octets);
                if server.state() == State::Selected {
                    server.push(&Response::Exists(self.exists())).unwrap();
                }
                server
                    .appended(NonZeroU32::MIN, &SequenceSet::one(uid))
                    .unwrap();
            }
            Event::Idle => {
                self.add(Flags::new(), b"Subject: came in IDLE\r\n\r\n".to_vec());
                server.push(&Response::Exists(self.exists())).unwrap();
            }
            Event::Done | Event::Secured(_) | Event::Id(_) => {}
            other => panic!("{other:?}"),
        }
    }

    fn command(&mut self, server: &mut Server, command: CommandBody) {
        match command {
            CommandBody::List(_) => {
                let list = List::new(&[], Some(b'/'), &Mailbox::inbox(), &[]);
                server.push(&Response::List(list)).unwrap();
            }
            CommandBody::Search { .. } => {
                let uids = self.messages.iter().map(|message| message.uid);
                server
                    .push(&Response::Search(Numbers::search(uids, None)))
                    .unwrap();
            }
            CommandBody::Store { set, flags, .. } => {
                for message in self.chosen(&set) {
                    self.messages[message].flags = flags.clone();
                }
            }
            CommandBody::UidExpunge { set } => {
                for place in self.chosen(&set).into_iter().rev() {
                    self.messages.remove(place);
                    let number = NonZeroU32::new(u32::try_from(place + 1).unwrap()).unwrap();
                    server.push(&Response::Expunge(number)).unwrap();
                }
            }
            CommandBody::Fetch { set, .. } => {
                self.outgoing = self.chosen(&set).into();
                return server.stream().unwrap();
            }
            CommandBody::Noop | CommandBody::Close => {}
            other => panic!("{other:?}"),
        }
        server.accept().unwrap();
    }

    fn chosen(&self, uids: &SequenceSet) -> Vec<usize> {
        let is_chosen =
            |place: &usize| uids.contains(self.messages[*place].uid.get(), self.last_uid);
        (0..self.messages.len()).filter(is_chosen).collect()
    }

    fn follow(&mut self, server: &mut Server, step: ServerStep) {
        let auth = self.auth.as_mut().unwrap();
        match step {
            ServerStep::Challenge(challenge) => server.challenge(&challenge).unwrap(),
            ServerStep::NeedPassword(check) => {
                let is_right = check.authcid == "bob" && check.password.matches(b"secret");
                assert!(is_right);
                let step = auth.verified(sasl::Verdict::Accepted);
                self.follow(server, step);
            }
            ServerStep::NeedKeys { .. } => {
                let step = auth.keys(ScramKeys::derive("secret", b"saltsalt", 4_096).unwrap());
                self.follow(server, step);
            }
            ServerStep::Done(_) => server.accept_login().unwrap(),
            ServerStep::Fail(_) => server.reply(&Done::wrong_credentials()).unwrap(),
        }
    }

    /// There is room for more of a FETCH.
    fn write(&mut self, server: &mut Server, random: &mut Random) {
        if !self.open.is_empty() {
            let size = 1 + random.below(self.open.len().min(50_000));
            return server.write_body(self.open.split_to(size)).unwrap();
        }
        let Some(place) = self.outgoing.pop_front() else {
            return server.accept().unwrap();
        };
        let message = &self.messages[place];
        let number = NonZeroU32::new(u32::try_from(place + 1).unwrap()).unwrap();
        let whole = Section::of(b"").unwrap();
        let fetch = Fetch::builder(number)
            .uid(message.uid)
            .flags(&message.flags);
        let fetch = fetch.streamed_section(whole, None, message.octets.len() as u64);
        server.push_fetch(&fetch.build()).unwrap();
        self.open = Bytes::copy_from_slice(&message.octets);
    }
}

/// The two ends and what is under way between them.
struct Pair<C> {
    client: C,
    wire: Wire,
}

struct Wire {
    server: Server,
    application: Application,
    to_client: BytesMut,
    to_server: BytesMut,
    client_input: BytesMut,
    server_input: BytesMut,
    client_waits: bool,
    server_waits: bool,
    client_at_tls: bool,
    server_at_tls: bool,
    random: Random,
}

/// What a turn of the client brought.
enum Turn<E> {
    Event(E),
    Room,
    End,
}

impl<C: Machine> Pair<C> {
    fn new(client: C, server: Server, seed: u64) -> Self {
        let wire = Wire {
            server,
            application: Application::default(),
            to_client: BytesMut::new(),
            to_server: BytesMut::new(),
            client_input: BytesMut::new(),
            server_input: BytesMut::new(),
            client_waits: false,
            server_waits: false,
            client_at_tls: false,
            server_at_tls: false,
            random: Random(seed),
        };
        Self { client, wire }
    }

    fn turn(&mut self) -> Turn<C::Event> {
        for _ in 0..10_000_000 {
            if self.wire.random.below(2) == 0 {
                self.wire.client_waits = false;
                match self.client.step(&mut self.wire.client_input) {
                    Step::Transmit(octets) => self.wire.to_server.extend_from_slice(&octets),
                    Step::Event(event) => return Turn::Event(event),
                    Step::NeedBody => return Turn::Room,
                    Step::StartTls => self.wire.client_at_tls = true,
                    Step::Close(how) => {
                        assert_eq!(how.map_err(|error| error.to_string()), Ok(()));
                        return Turn::End;
                    }
                    _ => self.wire.client_waits = true,
                }
            } else {
                self.wire.step_server();
            }
            self.wire.carry();
            if self.wire.client_at_tls && self.wire.server_at_tls {
                (self.wire.client_at_tls, self.wire.server_at_tls) = (false, false);
                assert!(self.wire.client_input.is_empty() && self.wire.server_input.is_empty());
                self.client.tls_started(tls());
                self.wire.server.tls_started(tls());
            }
        }
        panic!("no end");
    }
}

impl Wire {
    fn step_server(&mut self) {
        self.server_waits = false;
        match self.server.step(&mut self.server_input) {
            Step::Transmit(octets) => self.to_client.extend_from_slice(&octets),
            Step::Event(event) => self.application.handle(&mut self.server, event),
            Step::NeedBody => self.application.write(&mut self.server, &mut self.random),
            Step::StartTls => self.server_at_tls = true,
            Step::Close(how) => assert_eq!(how, Ok(())),
            _ => self.server_waits = true,
        }
    }

    fn carry(&mut self) {
        let (client, server) = (&mut self.client_input, &mut self.server_input);
        for (from, to) in [(&mut self.to_client, client), (&mut self.to_server, server)] {
            if !from.is_empty() {
                let size = 1 + self.random.below(from.len());
                to.extend_from_slice(&from.split_to(size));
                (self.client_waits, self.server_waits) = (false, false);
            }
        }
        assert!(
            !(self.client_waits && self.server_waits),
            "both wait: {:?} {:?}",
            self.server,
            self.to_server
        );
    }
}

fn server(seed: u64) -> Server {
    let mut config = server::Config::new("mail.example");
    config.start_tls = server::StartTls::Offered;
    config.literals = match seed % 4 {
        0 => Literals::Synchronizing,
        1 => Literals::Plus,
        _ => Literals::Minus,
    };
    config.extensions = config.extensions.with(Extension::UidPlus);
    let mechanisms: &[&[u8]] = match seed % 5 {
        0 => &[],
        1 => &[b"LOGIN"],
        // The derivation takes its time.
        2 if seed < 10 => &[b"SCRAM-SHA-256", b"PLAIN"],
        _ => &[b"PLAIN"],
    };
    let mechanisms = mechanisms.iter().filter_map(|name| Mechanism::new(name));
    config.mechanisms.extend(mechanisms);
    Server::new(config)
}

/// Opens a session over STARTTLS.
fn opened(seed: u64) -> Pair<Client> {
    let login = open::Login::new("bob", "secret", Nonce::from_random(&[7; 24])).unwrap();
    let mut config = open::Config::new(Upgrade::Required).with_login(login);
    config.client.inline = [10, 64 * 1024][usize::try_from(seed % 2).unwrap()];
    if seed.is_multiple_of(3) {
        config.enable = Names::new(["IMAP4rev2"]);
    }
    let mut pair = Pair::new(Open::new(config), server(seed), seed);
    loop {
        match pair.turn() {
            Turn::Event(open::Event::NeedDerivation(derivation)) => {
                pair.client.derived(&derivation.run()).unwrap();
            }
            Turn::Event(open::Event::Ready(client)) => {
                let (client, wire) = (*client, pair.wire);
                return Pair { client, wire };
            }
            Turn::Event(_) => {}
            Turn::Room | Turn::End => panic!(),
        }
    }
}

impl Pair<Client> {
    fn send(&mut self, line: &str) -> CommandId {
        let frame = Bytes::from(format!("x {line}"));
        let command = Command::parse(&frame).unwrap().body;
        self.client.send(command).unwrap()
    }

    /// Files a message, in pieces of any size.
    fn append(&mut self, octets: &[u8]) -> CommandId {
        let (mailbox, message) = (Mailbox::inbox(), Message::new(octets.len() as u64));
        let message = message.with_flags(Flags::from_iter([Flag::Seen]));
        let append = CommandBody::Append { mailbox, message };
        let id = self.client.send(append).unwrap();
        let mut left = Bytes::copy_from_slice(octets);
        loop {
            match self.turn() {
                Turn::Event(event) if event.is_ok_of(id) => return id,
                Turn::Event(_) => {}
                Turn::Room if left.is_empty() => self.client.end_body().unwrap(),
                Turn::Room => {
                    let size = 1 + self.wire.random.below(left.len());
                    self.client.write_body(left.split_to(size)).unwrap();
                }
                Turn::End => panic!(),
            }
        }
    }

    /// Everything that is told until all of these are done, which must be well.
    fn until(&mut self, ids: &[CommandId]) -> Vec<client::Event> {
        let mut waits: Vec<_> = ids.to_vec();
        let mut events = Vec::new();
        while !waits.is_empty() {
            match self.turn() {
                Turn::Event(event) => {
                    if let client::Event::Done { id, status } = &event {
                        assert_eq!(status.condition(), Condition::Ok, "{status:?}");
                        waits.retain(|wait| wait != id);
                    }
                    events.push(event);
                }
                Turn::Room | Turn::End => panic!(),
            }
        }
        events
    }
}

/// The messages that were fetched, whether they were streamed or not.
fn bodies(events: &[client::Event]) -> Vec<Vec<u8>> {
    let (mut bodies, mut streamed) = (Vec::new(), Vec::new());
    for event in events {
        match event {
            client::Event::BodyStart(start) => {
                assert!(matches!(start.item(), Some(FetchItem::Section { .. })));
            }
            client::Event::Body(octets) => streamed.extend_from_slice(octets),
            client::Event::BodyEnd => bodies.push(std::mem::take(&mut streamed)),
            client::Event::Data(Response::Fetch(fetch)) => {
                let content = fetch.section(b"").unwrap();
                bodies.extend(content.text().map(|text| text.octets().into_owned()));
            }
            _ => {}
        }
    }
    bodies
}

#[test]
fn all_1_a_session_goes_as_it_should_however_the_connection_is_cut() {
    for seed in 0..200 {
        let mut pair = opened(seed);
        let large = vec![b'x'; 4_000 + pair.wire.random.below(10_000)];
        let messages: [&[u8]; 4] = [
            b"Subject: one\r\n\r\nbody\r\n",
            b"\r\n",
            b"A1 OK done\r\n* BYE\r\n+ go on\r\n)\r\n{5}\r\n\xff\x80",
            &large,
        ];
        for message in messages {
            pair.append(message);
        }
        // These go out together as far as they may.
        let select = pair.send("SELECT INBOX");
        let list = pair.send("LIST \"\" *");
        let fetch = pair.send("UID FETCH 1:* (UID FLAGS BODY.PEEK[])");
        let search = pair.send("UID SEARCH ALL");
        let store = pair.send("UID STORE 2 FLAGS.SILENT (\\Deleted)");
        let events = pair.until(&[select, list, fetch, search, store]);
        assert_eq!(bodies(&events), messages, "seed {seed}");
        let found = events.iter().any(|event| match event {
            client::Event::Data(Response::Search(numbers)) => numbers.iter().count() == 4,
            client::Event::Data(Response::ESearch(_)) => true,
            _ => false,
        });
        assert!(found, "seed {seed}");
        let expunge = pair.send("UID EXPUNGE 2");
        pair.until(&[expunge]);
        assert_eq!(pair.client.mailbox().unwrap().exists, 3);

        let idle = pair.client.idle().unwrap();
        loop {
            match pair.turn() {
                Turn::Event(client::Event::Data(Response::Exists(count))) => {
                    assert_eq!(count, 4);
                    break;
                }
                Turn::Event(_) => {}
                Turn::Room | Turn::End => panic!(),
            }
        }
        pair.client.done().unwrap();
        let close = pair.send("CLOSE");
        let logout = pair.client.logout().unwrap();
        pair.until(&[idle, close, logout]);
        assert!(matches!(pair.turn(), Turn::End));
        assert_eq!(pair.wire.application.messages.len(), 4);
    }
}

#[test]
fn a_mailbox_that_is_not_there_and_a_wrong_password_are_told() {
    for seed in 0..20 {
        let mut pair = opened(seed);
        let select = pair.send("SELECT missing");
        loop {
            match pair.turn() {
                Turn::Event(client::Event::Done { id, status }) if id == select => {
                    assert_eq!(status.condition(), Condition::No);
                    break;
                }
                Turn::Event(_) => {}
                Turn::Room | Turn::End => panic!(),
            }
        }
        assert_eq!(pair.client.state(), State::Authenticated);
    }
    let login = open::Login::new("bob", "wrong", Nonce::from_random(&[7; 24])).unwrap();
    let config = open::Config::new(Upgrade::Required).with_login(login);
    let mut open = Open::new(config);
    let mut wire = Pair::new(Client::new(client::Config::new()), server(0), 0).wire;
    let error = loop {
        match open.step(&mut wire.client_input) {
            Step::Transmit(octets) => wire.server_input.extend_from_slice(&octets),
            Step::StartTls => {
                open.tls_started(tls());
                wire.server.tls_started(tls());
            }
            Step::Close(how) => break how.unwrap_err(),
            _ => {
                wire.step_server();
                wire.client_input.extend_from_slice(&wire.to_client.split());
            }
        }
    };
    assert!(matches!(error, open::Error::LoginRefused { .. }), "{error}");
}
