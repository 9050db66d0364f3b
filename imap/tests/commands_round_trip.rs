//! Damaged commands: no panic, and whatever is still read is written and read as the same.

use bytes::{Bytes, BytesMut};
use mailwire_imap::{
    command::{Command, CommandBody},
    encode::Literals,
    frame::{CommandFrame, Commands, Policy},
};

use crate::commands::{EXAMPLES, parse};

/// Small, and the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

const PIECES: &[&[u8]] = &[
    b"(",
    b")",
    b" ",
    b"\"",
    b"\\",
    b"{3}\r\nabc",
    b"{1+}\r\n\"",
    b"{0}\r\n",
    b"NIL",
    b"*",
    b":",
    b",",
    b"0",
    b"4294967295",
    b"[",
    b"]",
    b"<0.1>",
    b"UID ",
    b"RETURN ",
    b"NOT ",
    b"OR ",
    b"()",
    b"\xff",
    b"&",
    b"9223372036854775808",
    b"\\Seen",
    b"\0",
    b"$",
    b"%",
    b"~{1}\r\n\0",
    b"UTF8 (",
];

fn damaged(random: &mut Random) -> Vec<u8> {
    let mut line = EXAMPLES[random.below(EXAMPLES.len())].as_bytes().to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(line.len() + 1);
        match random.below(4) {
            0 => drop(line.drain(at..(at + random.below(4)).min(line.len()))),
            1 => {
                let other = EXAMPLES[random.below(EXAMPLES.len())].as_bytes();
                line.truncate(at);
                line.extend_from_slice(&other[random.below(other.len())..]);
            }
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                line.splice(at..at, piece.iter().copied());
            }
        }
    }
    line
}

#[test]
fn damaged_commands_are_refused_or_read_the_same_twice() {
    let mut random = Random(0x5eed_1ca9);
    let mut read = 0;
    for _ in 0..60_000 {
        let line = damaged(&mut random);
        let Ok(command) = parse(&line) else {
            assert!(Command::take(BytesMut::from(&line[..])).is_err());
            continue;
        };
        let Ok(fragments) = command.encode(Literals::Plus) else {
            assert!(
                matches!(command.body, CommandBody::Unknown(_)),
                "{}",
                line.escape_ascii()
            );
            continue;
        };
        let mut wire = fragments.fold(BytesMut::new(), |mut wire, fragment| {
            wire.extend_from_slice(&fragment);
            wire
        });
        wire.truncate(wire.len() - 2);
        let again = Command::parse(&wire.clone().freeze());
        assert_eq!(again.as_ref(), Ok(&command), "{}", wire.escape_ascii());
        assert_eq!(Command::take(wire), Ok(command));
        read += 1;
    }
    assert!(read > 5_000, "{read}");
}

#[test]
fn what_is_read_of_a_frame_does_not_depend_on_what_it_keeps() {
    for example in EXAMPLES {
        let slices = Command::parse(&Bytes::from_static(example.as_bytes())).unwrap();
        let copies = parse(example.as_bytes()).unwrap();
        assert_eq!(slices, copies);
        assert!(!format!("{slices:?}").is_empty());
    }
}

#[test]
fn damaged_streams_are_framed_the_same_however_they_are_cut() {
    let run = |input: &[u8], sizes: &mut dyn FnMut() -> usize| {
        let mut commands = Commands::new(Policy::logged_in());
        let mut buffer = BytesMut::new();
        let mut found = Vec::new();
        let mut body = BytesMut::new();
        let mut rest = input;
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(sizes().clamp(1, rest.len()));
            rest = behind;
            buffer.extend_from_slice(piece);
            loop {
                match commands.next(&mut buffer) {
                    CommandFrame::NeedInput => break,
                    lost @ CommandFrame::Lost(_) => {
                        found.push(lost);
                        return (found, body);
                    }
                    CommandFrame::InBody => {
                        while let Some(octets) = commands.take_body(&mut buffer) {
                            body.extend_from_slice(&octets);
                        }
                        if commands.body_left() > 0 {
                            break;
                        }
                    }
                    CommandFrame::Body { head, literal } => {
                        // Decided by something that the cut does not change.
                        if literal.len % 2 == 0 {
                            commands.accept_body();
                        } else {
                            commands.refuse_body();
                        }
                        found.push(CommandFrame::Body { head, literal });
                    }
                    command => found.push(command),
                }
            }
        }
        (found, body)
    };
    let ends: &[&[u8]] = &[
        b"\r\n",
        b"\n",
        b"\r",
        b" {3}\r\n",
        b" {4+}\r\n",
        b" {+}\r\n",
        b" {x}\r\n",
        b" \"{9+}\r\n",
        b" {70000}\r\n",
        b" {5000+}\r\n",
        b"\0\r\n",
        b"\r\r\n",
        b"\r\na APPEND x {2+}\r\n",
    ];
    let mut random = Random(0x0dd_ba11);
    for _ in 0..3_000 {
        let mut input = Vec::new();
        for _ in 0..=random.below(5) {
            input.extend_from_slice(&damaged(&mut random));
            input.extend_from_slice(ends[random.below(ends.len())]);
        }
        let at_once = run(&input, &mut || usize::MAX);
        assert_eq!(run(&input, &mut || 1), at_once, "{}", input.escape_ascii());
        let mut cuts = Random(input.len() as u64 + 1);
        let in_pieces = run(&input, &mut || 1 + cuts.below(20));
        assert_eq!(in_pieces, at_once, "{}", input.escape_ascii());
    }
}
