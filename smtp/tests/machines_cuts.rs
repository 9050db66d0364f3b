//! ALL-1: whatever the peer says, it comes to the same however it is cut.

use mailwire_smtp::server::{Config, LineBreaks, Mode};

use crate::machines_stage::{Random, config, dialogue};

/// Pieces that dialogues are put together from: whole commands, halves, bodies, nonsense.
const PIECES: &[&[u8]] = &[
    b"EHLO x\r\n",
    b"HELO x\r\n",
    b"LHLO x\r\n",
    b"EHLO\r\n",
    b"MAIL FROM:<a@x>\r\n",
    b"MAIL FROM:<a@x> SIZE=30 BODY=8BITMIME\r\n",
    b"MAIL FROM:<> SIZE=99999999999\r\n",
    b"RCPT TO:<b@y>\r\n",
    b"RCPT TO:<b@y> FOO=1\r\n",
    b"DATA\r\n",
    b"DATA\r\nSubject: x\r\n\r\n..a\r\n.\r\n",
    b"DATA\r\na\nb\r\n.\r\n",
    b"DATA\r\n.\r\n",
    b"BDAT 4\r\na\r\nb",
    b"BDAT 3 LAST\r\n.\r\n",
    b"BDAT 2\r\na\n",
    b"BDAT 2\r\na\r",
    b"BDAT 0 LAST\r\n",
    b"BDAT 60\r\n",
    b"BDAT x\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"VRFY a\r\n",
    b"HELP\r\n",
    b"AUTH PLAIN AGEAYg==\r\n",
    b"AUTH PLAIN\r\n",
    b"*\r\n",
    b"QUIT\r\n",
    b"GET / HTTP/1.1\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b".\r\n",
    b".",
    b"\0",
    b"\x16\x03",
    b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];

fn small(random: &mut Random) -> Config {
    let mut config = config();
    if random.below(4) == 0 {
        config.mode = Mode::Lmtp;
    }
    config.line_breaks = match random.below(3) {
        0 => LineBreaks::Normalize,
        1 => LineBreaks::RejectAndClose,
        _ => LineBreaks::Reject,
    };
    config.limits.command_line = 64;
    config.limits.message = 40;
    config.limits.drain = 50;
    config.limits.bad_commands = 6;
    config
}

#[test]
fn all_1_a_server_does_the_same_however_its_input_is_cut() {
    let mut bodies = 0;
    for seed in 1..4_000 {
        let mut random = Random::new(seed);
        let config = small(&mut random);
        let hello = if config.mode == Mode::Lmtp {
            &b"LHLO x\r\n"[..]
        } else {
            b"EHLO x\r\n"
        };
        let mut octets = hello.to_vec();
        if random.below(2) == 0 {
            octets.extend_from_slice(b"MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n");
        }
        for _ in 0..random.below(12) {
            octets.extend_from_slice(PIECES[random.below(PIECES.len())]);
        }
        let whole = dialogue(config.clone(), &octets, |left| left);
        bodies += whole.messages.len();
        for longest in [1, 3, 40] {
            let cut = dialogue(config.clone(), &octets, |_| 1 + random.below(longest));
            let shown = octets.escape_ascii();
            assert_eq!(cut.said, whole.said, "seed {seed}: {shown}");
            assert_eq!(cut.messages, whole.messages, "seed {seed}: {shown}");
            assert_eq!(cut.events, whole.events, "seed {seed}: {shown}");
            assert_eq!(cut.closed, whole.closed, "seed {seed}: {shown}");
        }
    }
    assert!(bodies > 100, "the dialogues must get somewhere: {bodies}");
}
