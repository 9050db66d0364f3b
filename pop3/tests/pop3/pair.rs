//! Our client against our server in memory, cut at random, over TLS in name only.

use bytes::{Bytes, BytesMut};
use mailwire_core::{
    dot::Encoder,
    machine::{Machine, Step, Upgrade},
    sasl::{self, Nonce, ScramKeys, ServerConfig, ServerStep},
};
use mailwire_pop3::{
    ClearText, Client, Command, Deletions, Maildrop, Mechanism, MessageNumber, Open, Response,
    Server, client, open, server,
};

use crate::stage::tls;

/// A generator that gives the same numbers for the same seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to `below`, exclusive.
    pub(crate) fn below(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }
}

/// A server application over messages in memory.
struct Mailbox {
    messages: Vec<&'static [u8]>,
    auth: Option<sasl::Server>,
    /// What is left of the open message.
    open: Bytes,
    deleted: Option<Deletions>,
}

impl Mailbox {
    fn new(messages: &[&'static [u8]]) -> Self {
        Self {
            messages: messages.to_vec(),
            auth: None,
            open: Bytes::new(),
            deleted: None,
        }
    }

    fn maildrop(&self) -> Maildrop {
        let mut maildrop = Maildrop::new();
        for (index, message) in self.messages.iter().enumerate() {
            maildrop
                .push(
                    canonical(message).len() as u64,
                    format!("id-{index}").as_bytes(),
                )
                .unwrap();
        }
        maildrop
    }

    fn handle(&mut self, server: &mut Server, event: server::Event) {
        use server::Event;

        match event {
            Event::Login { user, password } if &*user == "bob" && password.matches(b"secret") => {
                server.open(self.maildrop()).unwrap();
            }
            Event::Login { .. } => server.reply(&Response::wrong_credentials()).unwrap(),
            Event::AuthStart { mechanism, initial } => {
                let mechanism = sasl::Mechanism::from_name(mechanism.as_bytes()).unwrap();
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
            Event::Retr { message } | Event::Top { message, .. } => {
                self.open = Bytes::from_static(self.messages[message.index()]);
                server.accept().unwrap();
            }
            Event::Quit { deletions } => {
                self.deleted = Some(deletions);
                server.accept().unwrap();
            }
            Event::Secured(_) | Event::AuthCancelled | Event::Invalid(_) => {}
            other => panic!("{other:?}"),
        }
    }

    fn follow(&mut self, server: &mut Server, step: ServerStep) {
        let auth = self.auth.as_mut().unwrap();
        match step {
            ServerStep::Challenge(challenge) => server.challenge(&challenge).unwrap(),
            ServerStep::NeedPassword(check) => {
                let right = check.authcid == "bob" && check.password.matches(b"secret");
                let verdict = if right {
                    sasl::Verdict::Accepted
                } else {
                    sasl::Verdict::Rejected
                };
                let step = auth.verified(verdict);
                self.follow(server, step);
            }
            ServerStep::NeedKeys { .. } => {
                let step = auth.keys(ScramKeys::derive("secret", b"saltsalt", 4_096).unwrap());
                self.follow(server, step);
            }
            ServerStep::Done(_) => server.open(self.maildrop()).unwrap(),
            ServerStep::Fail(_) => server.reply(&Response::wrong_credentials()).unwrap(),
        }
    }

    /// There is room for more of the message.
    fn write(&mut self, server: &mut Server, random: &mut Random) {
        if self.open.is_empty() || !server.wants_body() {
            return server.end_body().unwrap();
        }
        let size = 1 + random.below(self.open.len().min(50));
        server.write_body(self.open.split_to(size)).unwrap();
    }
}

/// The message as POP3 counts and shows it, by another way than the machine's.
fn canonical(message: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::normalizing();
    let mut wire = BytesMut::new();
    encoder.encode_to(message, &mut wire).unwrap();
    let end = encoder.finish().unwrap();
    let body = [&wire[..], &end].concat();
    let body = body.strip_suffix(b".\r\n").unwrap();
    let unstuffed = body.split_inclusive(|&octet| octet == b'\n');
    unstuffed
        .flat_map(|line| line.strip_prefix(b".").unwrap_or(line).iter().copied())
        .collect()
}

/// The two ends and what is under way between them.
struct Pair<C> {
    client: C,
    server: Server,
    mailbox: Mailbox,
    to_client: BytesMut,
    to_server: BytesMut,
    client_input: BytesMut,
    server_input: BytesMut,
    client_waits: bool,
    server_waits: bool,
    client_at_tls: bool,
    server_at_tls: bool,
    client_end: bool,
    random: Random,
}

impl<C: Machine> Pair<C> {
    fn new(client: C, server: Server, mailbox: Mailbox, seed: u64) -> Self {
        Self {
            client,
            server,
            mailbox,
            to_client: BytesMut::new(),
            to_server: BytesMut::new(),
            client_input: BytesMut::new(),
            server_input: BytesMut::new(),
            client_waits: false,
            server_waits: false,
            client_at_tls: false,
            server_at_tls: false,
            client_end: false,
            random: Random::new(seed),
        }
    }

    /// The next event of the client; `None` at the end of the connection.
    fn next(&mut self) -> Option<C::Event> {
        for _ in 0..1_000_000 {
            if self.client_end {
                return None;
            }
            if self.random.below(2) == 0 {
                if let Some(event) = self.step_client() {
                    return Some(event);
                }
            } else {
                self.step_server();
            }
            self.carry();
        }
        panic!("no end");
    }

    fn step_client(&mut self) -> Option<C::Event> {
        self.client_waits = false;
        match self.client.step(&mut self.client_input) {
            Step::Transmit(octets) => self.to_server.extend_from_slice(&octets),
            Step::Event(event) => return Some(event),
            Step::StartTls => self.client_at_tls = true,
            Step::Close(how) => {
                assert_eq!(how.map_err(|error| error.to_string()), Ok(()));
                self.client_end = true;
            }
            _ => self.client_waits = true,
        }
        None
    }

    fn step_server(&mut self) {
        self.server_waits = false;
        match self.server.step(&mut self.server_input) {
            Step::Transmit(octets) => self.to_client.extend_from_slice(&octets),
            Step::Event(event) => self.mailbox.handle(&mut self.server, event),
            Step::NeedBody => self.mailbox.write(&mut self.server, &mut self.random),
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
        if self.client_at_tls && self.server_at_tls {
            (self.client_at_tls, self.server_at_tls) = (false, false);
            assert!(self.client_input.is_empty() && self.server_input.is_empty());
            self.client.tls_started(tls());
            self.server.tls_started(tls());
        }
        assert!(
            !(self.client_waits && self.server_waits),
            "both wait: {:?} {:?}",
            self.server,
            self.to_server
        );
    }

    fn swap(self, client: Client) -> Pair<Client> {
        Pair {
            client,
            server: self.server,
            mailbox: self.mailbox,
            to_client: self.to_client,
            to_server: self.to_server,
            client_input: self.client_input,
            server_input: self.server_input,
            client_waits: false,
            server_waits: false,
            client_at_tls: false,
            server_at_tls: false,
            client_end: false,
            random: self.random,
        }
    }
}

fn server(mechanisms: &[&str]) -> Server {
    let mut config = server::Config::new("mail.example");
    config.stls = server::Stls::Offered;
    config.mechanisms = mechanisms
        .iter()
        .map(|name| Mechanism::new(name).unwrap())
        .collect();
    Server::new(config)
}

/// Opens a session over STLS.
fn opened(mechanisms: &[&str], mailbox: Mailbox, seed: u64) -> Pair<Client> {
    let login = open::Login::new("bob", "secret", Nonce::from_random(&[7; 24])).unwrap();
    let open = Open::new(open::Config::new(Upgrade::Required).with_login(login));
    let mut pair = Pair::new(open, server(mechanisms), mailbox, seed);
    loop {
        match pair.next().unwrap() {
            open::Event::NeedDerivation(derivation) => {
                pair.client.derived(&derivation.run()).unwrap();
            }
            open::Event::Ready(client) => return pair.swap(*client),
            _ => {}
        }
    }
}

const MESSAGES: [&[u8]; 8] = [
    b"Subject: one\r\n\r\nbody\r\n",
    b".\r\n..\r\n.x\r\n",
    b"",
    b"no final line end",
    b"stored\nwith\n.\nLF\n",
    b"a\r.\rb",
    b"\0\xff\x80 octets\r\n",
    b"\r\n.\r\n+OK 1 1\r\n-ERR\r\n.\r\n",
];

#[test]
fn all_1_messages_arrive_as_they_are_however_the_connection_is_cut() {
    for seed in 0..300 {
        let mechanisms: &[&str] = match seed % 3 {
            0 => &[],
            1 => &["PLAIN"],
            _ => &["LOGIN"],
        };
        let mut pair = opened(mechanisms, Mailbox::new(&MESSAGES), seed);
        let sizes: Vec<_> = MESSAGES.iter().map(|m| canonical(m).len() as u64).collect();
        fetch_everything(&mut pair, &sizes);
    }
}

/// LIST, UIDL, RETR of all, DELE of two, QUIT, all sent at once.
fn fetch_everything(pair: &mut Pair<Client>, sizes: &[u64]) {
    let numbers = (0..sizes.len()).map(|index| MessageNumber::from_index(index).unwrap());
    let mut sent = vec![Command::Stat, Command::List(None), Command::Uidl(None)];
    sent.extend(numbers.map(Command::Retr));
    for number in [2, 5] {
        sent.push(Command::Dele(MessageNumber::new(number).unwrap()));
    }
    sent.push(Command::Quit);
    for command in sent {
        pair.client.send(command).unwrap();
    }
    let (mut listed, mut ids, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    let (mut body, mut is_message) = (Vec::new(), false);
    while let Some(event) = pair.next() {
        match event {
            client::Event::DropListing { count, octets, .. } => {
                assert_eq!((count as usize, octets), (sizes.len(), sizes.iter().sum()));
            }
            client::Event::ScanListing { octets, .. } => listed.push(octets),
            client::Event::UniqueIdListing { unique_id, .. } => ids.push(unique_id.to_string()),
            client::Event::Reply { response, .. } => {
                assert!(response.is_ok(), "{response}");
                is_message = ids.len() == sizes.len() && bodies.len() < sizes.len();
            }
            client::Event::Body { octets, .. } => body.extend_from_slice(&octets),
            client::Event::End { .. } if is_message => bodies.push(std::mem::take(&mut body)),
            client::Event::End { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    // POP3-1: what LIST says is what RETR sends.
    assert_eq!(listed, sizes);
    assert!(
        ids.iter()
            .enumerate()
            .all(|(index, id)| *id == format!("id-{index}"))
    );
    let wanted: Vec<_> = MESSAGES.iter().map(|message| canonical(message)).collect();
    assert_eq!(bodies, wanted);
    let deleted = pair.mailbox.deleted.take().unwrap();
    assert!(deleted.iter().map(MessageNumber::value).eq([2, 5]));
}

#[test]
fn scram_logs_in_over_the_wire_and_proves_both_sides() {
    for seed in 0..5 {
        let mailbox = Mailbox::new(&MESSAGES[..1]);
        let mut pair = opened(&["PLAIN", "SCRAM-SHA-256"], mailbox, seed);
        assert_eq!(pair.client.state(), mailwire_pop3::State::Transaction);
        let id = pair.client.send(Command::Noop).unwrap();
        let Some(client::Event::Reply { id: of, response }) = pair.next() else {
            panic!()
        };
        assert!(of == id && response.is_ok());
    }
}

#[test]
fn all_2_any_order_of_commands_leaves_both_sides_in_step() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut pair = opened(&["PLAIN"], Mailbox::new(&MESSAGES), seed);
        let mut model = vec![false; MESSAGES.len()];
        for _ in 0..40 {
            let number = random.below(MESSAGES.len() + 1);
            let message = MessageNumber::from_index(number).unwrap();
            let gone = model.get(number).copied().unwrap_or(true);
            let (command, expected) = match random.below(8) {
                0 => (Command::Dele(message), !gone),
                1 => (Command::Retr(message), !gone),
                2 => (Command::Top { message, lines: 1 }, !gone),
                3 => (Command::List(Some(message)), !gone),
                4 => (Command::Uidl(Some(message)), !gone),
                5 => (Command::Rset, true),
                6 => (Command::Uidl(None), true),
                _ => (Command::Stat, true),
            };
            match &command {
                Command::Dele(_) if expected => model[number] = true,
                Command::Rset => model.fill(false),
                _ => {}
            }
            let left = model.iter().filter(|gone| !**gone).count();
            let has_result = !matches!(command, Command::Dele(_) | Command::Rset);
            let is_list = command == Command::Uidl(None);
            let id = pair.client.send(command).unwrap();
            let mut listed = 0;
            loop {
                match pair.next().unwrap() {
                    client::Event::Reply { id: of, response } => {
                        assert_eq!((of, response.is_ok()), (id, expected), "{response}");
                        if !expected || !has_result {
                            break;
                        }
                    }
                    client::Event::DropListing { count, .. } => assert_eq!(count as usize, left),
                    client::Event::UniqueIdListing { .. } => listed += 1,
                    client::Event::End { .. } => break,
                    _ => {}
                }
            }
            assert!(!is_list || listed == left);
        }
    }
}

#[test]
fn starttls_13_no_credential_ever_goes_out_in_clear() {
    // Any server at all, made of lines that servers say: what the client sends before TLS is
    // searched for the canary, in clear and in base64.
    let lines: [&[u8]; 14] = [
        b"+OK\r\n",
        b"-ERR\r\n",
        b"+OK begin\r\n",
        b".\r\n",
        b"STLS\r\n",
        b"USER\r\n",
        b"SASL PLAIN LOGIN\r\n",
        b"SASL SCRAM-SHA-256\r\n",
        b"PIPELINING\r\n",
        b"+ \r\n",
        b"+ VXNlcm5hbWU6\r\n",
        b"-ERR [SYS/TEMP] x\r\n",
        b"+OK <1.2@x>\r\n",
        b"TOP\r\n",
    ];
    for seed in 0..20_000 {
        let mut random = Random::new(seed);
        let upgrade = [
            Upgrade::Required,
            Upgrade::IfOffered,
            Upgrade::Never,
            Upgrade::Implicit,
        ][random.below(4)];
        let login = open::Login::new("canary", "canary", Nonce::from_random(&[7; 24])).unwrap();
        let config = open::Config::new(upgrade).with_login(login);
        assert_eq!(config.client.clear_text, ClearText::Forbidden);
        let mut open = Open::new(config);
        let mut input = BytesMut::from("+OK\r\n");
        let mut sent = Vec::new();
        for _ in 0..12 {
            let ended = loop {
                match open.step(&mut input) {
                    Step::Transmit(octets) => sent.extend_from_slice(&octets),
                    Step::Event(open::Event::Ready(_)) => panic!("seed {seed}"),
                    Step::Event(_) => {}
                    Step::NeedInput => break false,
                    _ => break true,
                }
            };
            if ended {
                break;
            }
            input.extend_from_slice(lines[random.below(lines.len())]);
        }
        for canary in [
            &b"canary"[..],
            b"Y2FuYXJ5",
            b"NhbmFye",
            b"jYW5hcn",
            b"USER",
            b"AUTH",
            b"PASS",
        ] {
            let found = sent.windows(canary.len()).any(|window| window == canary);
            assert!(!found, "seed {seed}: {}", sent.escape_ascii());
        }
    }
}
