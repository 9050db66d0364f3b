//! The order of commands as a table (SMTP-50, SMTP-52): every state with every command, what is
//! answered, and which state comes of it.

use mailwire_core::machine::{Machine, Step};
use mailwire_smtp::{
    reply::{Code, Reply},
    server::{Config, StartTls},
};

use crate::machines_stage::{Host, config};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Nothing but the greeting.
    Connected,
    Ready,
    Mail,
    Rcpt,
    /// Behind a chunk that is not the last.
    Chunks,
    Authenticated,
    /// Behind a message that was kept.
    AfterMessage,
    /// Behind one that was refused.
    AfterRefusal,
    /// Behind an AUTH that failed.
    AuthFailed,
    Closed,
}

use State::*;

const STATES: [State; 9] = [
    Connected,
    Ready,
    Mail,
    Rcpt,
    Chunks,
    Authenticated,
    AfterMessage,
    AfterRefusal,
    AuthFailed,
];

fn set_up() -> Config {
    let mut config = config();
    config.start_tls = StartTls::Offered;
    config.mechanisms = vec!["PLAIN".parse().unwrap()];
    config.auth_over = mailwire_smtp::server::AuthOver::TlsOrClearText;
    config
}

fn reach(state: State) -> Host {
    let mut host = Host::new(set_up());
    host.run();
    let steps: &[&str] = match state {
        Connected | Closed => &[],
        Ready => &["EHLO x\r\n"],
        Mail => &["EHLO x\r\n", "MAIL FROM:<a@x>\r\n"],
        Rcpt => &["EHLO x\r\n", "MAIL FROM:<a@x>\r\n", "RCPT TO:<b@y>\r\n"],
        Chunks => &[
            "EHLO x\r\n",
            "MAIL FROM:<a@x>\r\n",
            "RCPT TO:<b@y>\r\n",
            "BDAT 1\r\nx",
        ],
        Authenticated => &["EHLO x\r\n", "AUTH PLAIN AGEAYg==\r\n"],
        AfterMessage | AfterRefusal => &[
            "EHLO x\r\n",
            "MAIL FROM:<a@x>\r\n",
            "RCPT TO:<b@y>\r\n",
            "DATA\r\n",
            "x\r\n.\r\n",
        ],
        AuthFailed => &["EHLO x\r\n", "AUTH PLAIN !\r\n"],
    };
    if state == AfterRefusal {
        host.verdict = Some(Reply::new(Code::MAILBOX_UNAVAILABLE, None, "no"));
    }
    for step in steps {
        host.feed(step.as_bytes());
    }
    host.verdict = None;
    host
}

/// What each command is answered with in each of the states, in the order of `STATES`.
const TABLE: [(&str, [u16; 9]); 19] = [
    ("EHLO x\r\n", [250; 9]),
    ("HELO x\r\n", [250; 9]),
    ("EHLO\r\n", [501; 9]),
    ("EHLO \r\n", [501; 9]),
    ("LHLO x\r\n", [500; 9]),
    (
        "MAIL FROM:<a@x>\r\n",
        [503, 250, 503, 503, 503, 250, 250, 250, 250],
    ),
    (
        "MAIL FROM:<>\r\n",
        [503, 250, 503, 503, 503, 250, 250, 250, 250],
    ),
    ("MAIL FROM:a\r\n", [501; 9]),
    (
        "RCPT TO:<b@y>\r\n",
        [503, 503, 250, 250, 503, 503, 503, 503, 503],
    ),
    ("RCPT TO:<>\r\n", [501; 9]),
    ("DATA\r\n", [503, 503, 503, 354, 503, 503, 503, 503, 503]),
    ("BDAT 1\r\nx", [503, 503, 503, 250, 250, 503, 503, 503, 503]),
    (
        "BDAT 1 LAST\r\nx",
        [503, 503, 503, 250, 250, 503, 503, 503, 503],
    ),
    ("RSET\r\n", [250; 9]),
    ("NOOP\r\n", [250; 9]),
    ("VRFY a\r\n", [252; 9]),
    (
        "STARTTLS\r\n",
        [503, 220, 503, 503, 503, 503, 220, 220, 220],
    ),
    (
        "AUTH PLAIN AGEAYg==\r\n",
        [503, 235, 503, 503, 503, 503, 235, 235, 235],
    ),
    ("QUIT\r\n", [221; 9]),
];

/// The last reply, without those that led to the state.
fn last_code(host: Host) -> u16 {
    *host.finish().codes().last().unwrap()
}

#[test]
fn smtp_50_every_command_in_every_state() {
    for (command, codes) in TABLE {
        for (state, code) in STATES.into_iter().zip(codes) {
            let mut host = reach(state);
            // A handshake is asked for, and then there is nothing to read in clear.
            if code == 220 {
                host.input.extend_from_slice(command.as_bytes());
                let mut said = Vec::new();
                loop {
                    match host.server.step(&mut host.input) {
                        Step::Transmit(octets) => said.extend(octets),
                        Step::StartTls => break,
                        other => panic!("{other:?}"),
                    }
                }
                assert_eq!(
                    said, b"220 2.0.0 Ready to start TLS\r\n",
                    "{state:?} {command:?}"
                );
                continue;
            }
            host.feed(command.as_bytes());
            assert_eq!(last_code(host), code, "{state:?} {command:?}");
        }
    }
}

/// What may be done next tells the state: MAIL, RCPT, DATA (a refusal of which changes nothing).
fn probe(host: &mut Host) -> State {
    host.feed(b"NOOP\r\n");
    if host.server.patience().is_none() {
        return Closed;
    }
    if host.server.is_in_transaction() {
        return Mail;
    }
    Ready
}

#[test]
fn smtp_52_after_every_error_the_state_is_one_of_the_documented() {
    // (state, what happens, the state that comes of it)
    let cases: [(State, &str, State); 22] = [
        (Mail, "RSET\r\n", Ready),
        (Rcpt, "RSET\r\n", Ready),
        (Chunks, "RSET\r\n", Ready),
        (Mail, "EHLO x\r\n", Ready),
        (Rcpt, "HELO x\r\n", Ready),
        (Chunks, "EHLO x\r\n", Ready),
        (Mail, "EHLO\r\n", Mail),
        (Mail, "MAIL FROM:<a@x>\r\n", Mail),
        (Mail, "RCPT TO:<\r\n", Mail),
        (Mail, "DATA\r\n", Mail),
        (Mail, "STARTTLS\r\n", Mail),
        (Mail, "AUTH PLAIN AGEAYg==\r\n", Mail),
        (Mail, "BDAT 3\r\nxyz", Ready),
        (Rcpt, "BDAT 99999999999\r\n", Closed),
        (Rcpt, "BDAT x\r\n", Closed),
        (Mail, "NO\nOP\r\n", Mail),
        (Mail, "\r\n", Mail),
        (Ready, "AUTH PLAIN !\r\n", Ready),
        (Ready, "AUTH FOO\r\n", Ready),
        (Ready, "GET / HTTP/1.1\r\n", Closed),
        (Ready, "QUIT\r\n", Closed),
        (Connected, "\x16\x03\x01", Closed),
    ];
    for (state, what, then) in cases {
        let mut host = reach(state);
        host.feed(what.as_bytes());
        assert_eq!(probe(&mut host), then, "{state:?} {what:?}");
    }
}

#[test]
fn all_2_after_every_bad_line_noop_is_answered_or_the_connection_is_closed() {
    let bad = [
        "\r\n",
        " \r\n",
        "\t\r\n",
        "\0\r\n",
        "A\rB\r\n",
        "A\nB\r\n",
        "MAIL\r\n",
        "MAIL FROM\r\n",
        "MAIL FROM:\r\n",
        "MAIL FROM:<a@x> SIZE=\r\n",
        "MAIL FROM:<a@x> SIZE=99999999999999999999\r\n",
        "MAIL FROM:<a@x> SIZE=1 SIZE=1\r\n",
        "MAIL FROM:<a@x> BODY=9BIT\r\n",
        "RCPT TO:<b@y> =x\r\n",
        "BDAT\r\n",
        "BDAT -1\r\n",
        "BDAT 1 2\r\nx",
        "AUTH\r\n",
        "AUTH PLAIN\u{e4}\r\n",
        "STARTTLS x\r\n",
        "DATA x\r\n",
        "RSET x\r\n",
        "QUIT x\r\n",
        "GET /\r\n",
        "\u{e4}\r\n",
        "EHLO\r\n",
    ];
    for state in STATES {
        for line in bad {
            let mut host = reach(state);
            let before = host.server.is_in_transaction();
            host.feed(line.as_bytes());
            host.feed(b"NOOP\r\n");
            let in_transaction = host.server.is_in_transaction();
            let outcome = host.finish();
            let noop = outcome.said.ends_with(b"250 2.0.0 OK\r\n");
            assert!(noop != outcome.closed.is_some(), "{state:?} {line:?}");
            // A line that was refused changes nothing, unless it ends the connection.
            assert_eq!(
                in_transaction,
                before && outcome.closed.is_none(),
                "{state:?} {line:?}"
            );
        }
    }
}
