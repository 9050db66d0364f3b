//! What can be built can be written, and is read back the same; whatever is read can be written.
//!
//! The values come from a generator with a fixed seed, so that a failure is one for everybody.

use bytes::BytesMut;
use mailwire_core::secret::SecretBytes;
use mailwire_smtp::{
    address::{
        AddressLiteral, ClientName, Domain, ForwardPath, GeneralLiteral, Host, LocalPart, Mailbox,
        ReversePath,
    },
    command::{Argument, Command, Mechanism, Verb},
    extension::{Capabilities, Extension},
    params::{BodyType, EnvId, MailParams, Notify, OriginalRecipient, Param, RcptParams, Ret},
    reply::{Code, EnhancedCode, Reply, ReplyParser},
};

/// SplitMix64.
struct Generator(u64);

impl Generator {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| make(self))
    }

    /// Text of up to `max` characters, mostly plain, sometimes anything that is printable.
    fn text(&mut self, max: usize) -> String {
        let wild = self.below(4) == 0;
        let len = self.below(max + 1);
        (0..len)
            .map(|_| match (wild, self.below(8)) {
                (false, _) => self.pick(b"abcXYZ019.-") as char,
                (true, 0) => self.pick(&['ü', 'é', '例', '\u{301}', '😀', '\u{200d}']),
                (true, _) => char::from(b' ' + self.below(95) as u8),
            })
            .collect()
    }

    /// Makes values until one is valid.
    fn until<T, E>(&mut self, mut make: impl FnMut(&mut Self) -> Result<T, E>) -> T {
        loop {
            if let Ok(value) = make(self) {
                return value;
            }
        }
    }

    fn domain(&mut self) -> Domain {
        self.until(|g| match g.below(8) {
            0 => "bücher.例え.example".parse(),
            1 => "xn--bcher-kva.example".parse(),
            _ => g.text(60).parse::<Domain>(),
        })
    }

    fn host(&mut self) -> Host {
        match self.below(8) {
            0 => Host::Literal(AddressLiteral::V4((self.next() as u32).into())),
            1 => {
                let bits = u128::from(self.next()) << self.below(64);
                Host::Literal(AddressLiteral::V6(bits.into()))
            }
            2 => Host::Literal(AddressLiteral::General(
                self.until(|g| GeneralLiteral::new(&g.text(5), &g.text(20))),
            )),
            _ => Host::Domain(self.domain()),
        }
    }

    fn mailbox(&mut self) -> Mailbox {
        self.until(|g| {
            let local_part = g.until(|g| LocalPart::new(&g.text(64)));
            Mailbox::new(&local_part, &g.host())
        })
    }

    fn reverse_path(&mut self) -> ReversePath {
        match self.below(8) {
            0 => ReversePath::Null,
            _ => ReversePath::Mailbox(self.mailbox()),
        }
    }

    fn param(&mut self) -> Param {
        self.until(|g| {
            let value = g.maybe(|g| g.text(30));
            Param::new(&g.text(8), value.as_deref())
        })
    }

    fn mail_params(&mut self) -> MailParams {
        let mut params = MailParams::new();
        if let Some(size) = self.maybe(Self::next) {
            params = params.with_size(size);
        }
        let bodies = [
            BodyType::SevenBit,
            BodyType::EightBitMime,
            BodyType::BinaryMime,
        ];
        if let Some(body) = self.maybe(|g| g.pick(&bodies)) {
            params = params.with_body(body);
        }
        if self.below(2) == 0 {
            params = params.with_smtputf8();
        }
        if let Some(ret) = self.maybe(|g| g.pick(&[Ret::Full, Ret::Hdrs])) {
            params = params.with_ret(ret);
        }
        if let Some(envid) = self.maybe(|g| g.until(|g| EnvId::new(&g.text(100)))) {
            params = params.with_envid(envid);
        }
        if let Some(submitter) = self.maybe(Self::reverse_path) {
            params = params.with_auth(submitter);
        }
        for _ in 0..self.below(3) {
            let param = self.param();
            params = params.clone().with_unknown(param).unwrap_or(params);
        }
        params
    }

    fn rcpt_params(&mut self) -> RcptParams {
        let mut params = RcptParams::new();
        let notify = [
            Notify::NEVER,
            Notify::SUCCESS,
            Notify::FAILURE,
            Notify::DELAY,
        ];
        if let Some(notify) = self.maybe(|g| g.pick(&notify).and(g.pick(&notify))) {
            params = params.with_notify(notify);
        }
        let orcpt = |g: &mut Self| {
            g.until(|g| {
                let kind = g.pick(&["rfc822", "utf-8", "UTF-8", "x400"]);
                OriginalRecipient::new(kind, &g.text(100))
            })
        };
        if let Some(orcpt) = self.maybe(orcpt) {
            params = params.with_orcpt(orcpt);
        }
        for _ in 0..self.below(3) {
            let param = self.param();
            params = params.clone().with_unknown(param).unwrap_or(params);
        }
        params
    }

    fn client(&mut self) -> ClientName {
        match self.below(2) {
            0 => ClientName::Host(self.host()),
            _ => self.until(|g| g.text(60).parse()),
        }
    }

    fn argument(&mut self) -> Argument {
        self.until(|g| g.text(80).parse())
    }

    fn mechanism(&mut self) -> Mechanism {
        self.until(|g| g.text(20).parse())
    }

    fn secret(&mut self) -> SecretBytes {
        let len = self.below(60);
        SecretBytes::from((0..len).map(|_| self.next() as u8).collect::<Vec<_>>())
    }

    fn command(&mut self) -> Command {
        match self.below(22) {
            0 => Command::Ehlo {
                client: self.client(),
            },
            1 => Command::Helo {
                client: self.client(),
            },
            2 => Command::Lhlo {
                client: self.client(),
            },
            3 => Command::Data,
            4 => Command::Bdat {
                size: self.next(),
                last: self.below(2) == 0,
            },
            5 => Command::Rset,
            6 => Command::Vrfy {
                text: self.argument(),
            },
            7 => Command::Expn {
                text: self.argument(),
            },
            8 => Command::Help {
                text: self.maybe(Self::argument),
            },
            9 => Command::Noop {
                text: self.maybe(Self::argument),
            },
            10 => Command::Quit,
            11 => Command::StartTls,
            12 => {
                let mechanism = self.mechanism();
                Command::Auth {
                    mechanism,
                    initial: self.maybe(Self::secret),
                }
            }
            13 => Command::Unknown {
                verb: self.until(|g| g.text(20).parse::<Verb>()),
            },
            14 => Command::Rcpt {
                to: ForwardPath::Postmaster,
                params: self.rcpt_params(),
            },
            15..=17 => Command::Mail {
                from: self.reverse_path(),
                params: self.mail_params(),
            },
            _ => {
                let to = ForwardPath::Mailbox(self.mailbox());
                Command::Rcpt {
                    to,
                    params: self.rcpt_params(),
                }
            }
        }
    }

    /// Changes, adds or takes away a few octets.
    fn spoil(&mut self, octets: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(octets.len() + 1);
            let octet = match self.below(3) {
                0 => self.next() as u8,
                _ => self.pick(b" <>@\"\\.,:;=+-[]\r\n250AZ"),
            };
            match self.below(3) {
                0 => octets.insert(at, octet),
                1 if at < octets.len() => octets[at] = octet,
                _ if at < octets.len() => drop(octets.remove(at)),
                _ => {}
            }
        }
    }
}

fn encode(command: &Command) -> Vec<u8> {
    let mut out = BytesMut::new();
    command.encode(&mut out);
    let line = out.strip_suffix(b"\r\n").unwrap().to_vec();
    assert!(
        !line.iter().any(u8::is_ascii_control),
        "{}",
        line.escape_ascii()
    );
    line
}

fn parse(line: &[u8]) -> Option<Command> {
    Command::parse(BytesMut::from(line)).ok()
}

#[test]
fn smtp_63_what_is_built_is_read_back_the_same() {
    let mut generator = Generator(1);
    for _ in 0..20_000 {
        let command = generator.command();
        let line = encode(&command);
        let read = Command::parse(BytesMut::from(&*line));
        assert_eq!(read.as_ref(), Ok(&command), "{}", line.escape_ascii());
    }
}

#[test]
fn what_is_read_of_spoilt_lines_can_be_written_and_is_read_the_same() {
    let mut generator = Generator(2);
    let mut read = 0;
    for _ in 0..40_000 {
        let mut line = encode(&generator.command());
        generator.spoil(&mut line);
        let Some(command) = parse(&line) else {
            continue;
        };
        read += 1;
        assert_eq!(
            parse(&encode(&command)).as_ref(),
            Some(&command),
            "{}",
            line.escape_ascii()
        );
    }
    assert!(
        read > 4_000,
        "the lines are spoilt too much to say anything: {read}"
    );
}

/// Reads the first reply from octets that come in pieces.
fn read_reply(generator: &mut Generator, octets: &[u8]) -> Option<(Reply, Capabilities)> {
    let mut parser = ReplyParser::new();
    let mut input = BytesMut::new();
    let mut rest = octets;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(1 + generator.below(rest.len()));
        input.extend_from_slice(piece);
        rest = behind;
        match parser.parse_ehlo(&mut input) {
            Ok(None) => {}
            Ok(Some(found)) => return Some(found),
            Err(_) => return None,
        }
    }
    None
}

#[test]
fn smtp_58_replies_that_are_built_are_read_back_the_same_at_every_cut() {
    let mut generator = Generator(3);
    for _ in 0..10_000 {
        let code = generator.until(|g| Code::new(200 + g.below(360) as u16).ok_or(()));
        let enhanced = generator.maybe(|g| {
            let class = g.pick(&[2, 4, 5]);
            EnhancedCode::new(class, g.below(1000) as u16, g.below(1000) as u16).unwrap()
        });
        let mut text = generator.text(600).into_bytes();
        generator.spoil(&mut text);
        let text = String::from_utf8_lossy(&text);
        let reply = Reply::new(code, enhanced, &text);
        let (read, _) = read_reply(&mut generator, reply.wire()).unwrap();
        assert_eq!(read, reply);
        assert_eq!(read.wire(), reply.wire());
    }
}

#[test]
fn what_is_offered_is_read_back_the_same_at_every_cut() {
    let mut generator = Generator(4);
    for _ in 0..5_000 {
        let mut capabilities = Capabilities::new();
        for _ in 0..generator.below(6) {
            capabilities = match generator.below(4) {
                0 => capabilities.with(generator.pick(&[Extension::Dsn, Extension::StartTls])),
                1 => capabilities.with_size(generator.next()),
                2 => capabilities.with_auth((0..3).map(|_| generator.mechanism())),
                _ => {
                    let (keyword, params) = (generator.text(8), generator.text(20));
                    let with = capabilities.clone().with_other(&keyword, &params);
                    with.unwrap_or(capabilities)
                }
            };
        }
        let greeting = generator.text(40);
        let wire = capabilities.to_reply(&greeting).wire().to_vec();
        let (reply, read) = read_reply(&mut generator, &wire).unwrap();
        assert_eq!(read, capabilities);
        assert_eq!(read.size(), capabilities.size());
        assert!(read.mechanisms().eq(capabilities.mechanisms()));
        assert_eq!(reply.wire(), wire);
    }
}

#[test]
fn spoilt_replies_are_replies_or_errors() {
    let mut generator = Generator(5);
    let mut read = 0;
    for _ in 0..20_000 {
        let reply = Capabilities::new()
            .with(Extension::Chunking)
            .with_size(generator.next())
            .to_reply("mx.example");
        let mut octets = reply.wire().to_vec();
        generator.spoil(&mut octets);
        let Some((reply, capabilities)) = read_reply(&mut generator, &octets) else {
            continue;
        };
        read += 1;
        assert!(octets.starts_with(reply.wire()));
        let again = read_reply(&mut generator, reply.wire()).unwrap();
        assert_eq!(again, (reply, capabilities));
    }
    assert!(
        read > 2_000,
        "the replies are spoilt too much to say anything: {read}"
    );
}
