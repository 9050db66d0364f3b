use super::*;

/// Runs a dialogue, `C:` and `S:` lines in their order, in pieces of this size.
fn masked(dialogue: &[(Side, &str)], piece: usize) -> String {
    let mut masker = Masker::new();
    let mut shown = String::new();
    for (from, octets) in dialogue {
        for piece in octets.as_bytes().chunks(piece) {
            masker.octets(*from, piece, &mut |from, text| {
                let from = if from == Side::Client { "C" } else { "S" };
                shown.push_str(&format!("{from}: {text}\n"));
            });
        }
    }
    shown
}

/// The same, however it is cut.
pub(super) fn trace(dialogue: &[(Side, &str)]) -> String {
    let whole = masked(dialogue, usize::MAX);
    for piece in 1..20 {
        assert_eq!(masked(dialogue, piece), whole, "in pieces of {piece}");
    }
    whole
}

pub(super) const C: Side = Side::Client;
pub(super) const S: Side = Side::Server;

#[test]
fn all_4_smtp_shows_the_dialogue_and_no_secret() {
    let shown = trace(&[
        (S, "220-mx.example ESMTP\r\n220 ready\r\n"),
        (C, "EHLO client.example\r\n"),
        (S, "250-mx.example\r\n250 AUTH PLAIN LOGIN\r\n"),
        (C, "AUTH PLAIN AGFsaWNlAGNhbmFyeQ==\r\n"),
        (S, "535 5.7.8 no canary\r\n"),
        (C, "AUTH LOGIN\r\n"),
        (S, "334 VXNlcm5hbWU6\r\n"),
        (C, "canary\r\n"),
        (S, "334 UGFzc3dvcmQ6\r\n"),
        (C, "canary\r\n"),
        (S, "235-welcome canary\r\n235 2.7.0 welcome canary\r\n"),
        (
            C,
            "MAIL FROM:<alice@example.test> SIZE=5\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n",
        ),
        (S, "250 ok\r\n250 ok\r\n354 go\r\n"),
        (C, "Subject: canary\r\n\r\n..canary\r\n.canary\r\n.\r\n"),
        (S, "250 2.0.0 queued\r\n"),
        (C, "QUIT\r\n"),
        (S, "221 bye\r\n"),
    ]);
    assert_eq!(
        shown,
        "S: 220-mx.example ESMTP\nS: 220 ready\n\
         C: EHLO client.example\n\
         S: 250-mx.example\nS: 250 AUTH PLAIN LOGIN\n\
         C: AUTH PLAIN ***\nS: 535 ***\n\
         C: AUTH LOGIN\nS: 334 ***\nC: ***\nS: 334 ***\nC: ***\n\
         S: 235- ***\nS: 235 ***\n\
         C: MAIL FROM:<alice@example.test> SIZE=5\nC: RCPT TO:<bob@example.test>\nC: DATA\n\
         S: 250 ok\nS: 250 ok\nS: 354 go\n\
         C: [38 octets of message]\nC: .\n\
         S: 250 2.0.0 queued\nC: QUIT\nS: 221 bye\n"
    );
}

#[test]
fn all_4_pop3_shows_the_dialogue_and_no_secret() {
    let shown = trace(&[
        (S, "+OK ready <1.2@mx.example>\r\n"),
        (C, "CAPA\r\n"),
        (S, "+OK list\r\nSASL PLAIN\r\nTOP\r\n.\r\n"),
        (C, "USER alice\r\nPASS canary\r\n"),
        (S, "+OK\r\n-ERR [AUTH] canary is wrong\r\n"),
        (C, "APOP alice c4c9334bac560ecc979e58001b3e22fb\r\n"),
        (S, "-ERR canary\r\n"),
        (C, "AUTH PLAIN\r\n"),
        (S, "+ \r\n"),
        (C, "Y2FuYXJ5\r\n"),
        (S, "+OK welcome canary\r\n"),
        (C, "STAT\r\nLIST\r\nLIST 1\r\nRETR 1\r\nTOP 1 0\r\nUIDL\r\n"),
        (S, "+OK 1 120\r\n+OK\r\n1 120\r\n.\r\n+OK 1 120\r\n"),
        (
            S,
            "+OK 120 octets\r\nSubject: canary\r\n\r\n..\r\n+OK canary\r\n.\r\n",
        ),
        (S, "+OK\r\nSubject: canary\r\n.\r\n+OK\r\n1 uid\r\n.\r\n"),
        (C, "QUIT\r\n"),
        (S, "+OK bye\r\n"),
    ]);
    assert_eq!(
        shown,
        "S: +OK ready <1.2@mx.example>\nC: CAPA\nS: +OK list\nS: SASL PLAIN\nS: TOP\nS: .\n\
         C: USER alice\nC: PASS ***\nS: +OK\nS: -ERR ***\n\
         C: APOP ***\nS: -ERR ***\n\
         C: AUTH PLAIN\nS: + ***\nC: ***\nS: +OK ***\n\
         C: STAT\nC: LIST\nC: LIST 1\nC: RETR 1\nC: TOP 1 0\nC: UIDL\n\
         S: +OK 1 120\nS: +OK\nS: 1 120\nS: .\nS: +OK 1 120\n\
         S: +OK 120 octets\nS: [35 octets of message]\nS: .\n\
         S: +OK\nS: [17 octets of message]\nS: .\nS: +OK\nS: 1 uid\nS: .\n\
         C: QUIT\nS: +OK bye\n"
    );
}

#[test]
fn all_4_chunks_are_messages() {
    let shown = trace(&[
        (S, "220 ready\r\n"),
        (C, "BDAT 8\r\ncanary\r\nBDAT 7 LAST\r\nQUIT\r\n!NOOP\r\n"),
        (S, "250 ok\r\n250 ok\r\n250 ok\r\n"),
        (C, "BDAT 99999999999999999999999\r\ncanary\r\n"),
        (C, "NOOP canary\r\n"),
    ]);
    assert_eq!(
        shown,
        "S: 220 ready\nC: BDAT 8\nC: [8 octets of message]\nC: BDAT 7 LAST\n\
         C: [7 octets of message]\nC: NOOP\nS: 250 ok\nS: 250 ok\nS: 250 ok\n\
         C: [30 octets]\nC: [8 octets]\nC: [13 octets]\n"
    );
}

#[test]
fn all_4_what_is_not_understood_is_not_shown() {
    // Another protocol, a client that speaks first, and commands that nobody knows.
    for dialogue in [
        [
            (S, "* OK IMAP4rev1\r\n"),
            (C, "a LOGIN alice canary\r\n"),
            (S, "a OK canary\r\n"),
        ],
        [
            (C, "NOOP canary\r\n"),
            (S, "250 canary\r\n"),
            (C, "EHLO canary\r\n"),
        ],
        [
            (S, "220 ready\r\n"),
            (C, "canary\r\ncanary canary\r\n"),
            (S, "canary\r\n"),
        ],
        [
            (S, "+OK ready\r\n"),
            (C, "canary\r\nPASSWD canary\r\n"),
            (S, "canary\r\n"),
        ],
    ] {
        let shown = trace(&dialogue);
        assert!(!shown.contains("canary"), "{shown}");
    }
}

#[test]
fn all_4_a_message_with_bare_line_ends_stays_hidden() {
    for fake in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r"] {
        let body = format!("x{fake}NOOP canary\r\nQUIT canary\r\n.\r\n");
        let shown = trace(&[
            (S, "220 ready\r\n"),
            (C, "DATA\r\n"),
            (S, "354 go\r\n"),
            (C, &body),
            (S, "250 ok\r\n"),
            (C, "NOOP\r\n"),
        ]);
        assert!(!shown.contains("canary"), "{fake:?}: {shown}");
        assert!(shown.ends_with("C: NOOP\n"), "{shown}");
    }
}

#[test]
fn all_4_replies_out_of_step_uncover_nothing() {
    // A server that answers more often than it is asked cannot end an exchange with it.
    let shown = trace(&[
        (S, "220 ready\r\n250 extra canary\r\n250 extra canary\r\n"),
        (C, "NOOP\r\nAUTH LOGIN\r\n"),
        (S, "250 one\r\n250 two canary\r\n334 x\r\n"),
        (C, "Y2FuYXJ5\r\n"),
        (S, "250 three canary\r\n"),
        (C, "QUIT canary\r\n"),
        (S, "535 no\r\n"),
        (C, "QUIT\r\n"),
    ]);
    assert!(
        !shown.contains("canary") && !shown.contains("Y2Fu"),
        "{shown}"
    );
    assert!(shown.ends_with("C: ***\nS: 535 ***\nC: QUIT\n"), "{shown}");
}

#[test]
fn lmtp_answers_for_each_recipient() {
    let shown = trace(&[
        (S, "220 ready\r\n"),
        (
            C,
            "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\nDATA\r\n",
        ),
        (
            S,
            "250 x\r\n250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n",
        ),
        (C, "canary\r\n.\r\nQUIT\r\n"),
        (S, "250 a\r\n451 c\r\n221 bye\r\n"),
    ]);
    assert!(
        shown.ends_with("C: QUIT\nS: 250 a\nS: 451 c\nS: 221 bye\n"),
        "{shown}"
    );
    assert!(!shown.contains("canary"));
}

#[test]
fn what_came_before_tls_is_forgotten() {
    let mut masker = Masker::new();
    let mut shown = String::new();
    let mut show = |_: Side, text: &str| shown.push_str(&format!("{text}\n"));
    masker.octets(S, b"220 ready\r\n", &mut show);
    masker.octets(C, b"AUTH LOGIN\r\nSTARTTLS\r\n", &mut show);
    masker.tls_started();
    masker.octets(C, b"EHLO x\r\n", &mut show);
    masker.octets(S, b"250 x\r\n", &mut show);
    assert_eq!(shown, "220 ready\nAUTH LOGIN\n***\nEHLO x\n250 x\n");
}

#[test]
fn limits_of_a_trace() {
    // A line longer than what is kept, and more commands than replies.
    let long = format!("EHLO {}\r\n", "x".repeat(5000));
    let shown = trace(&[(S, "220 ready\r\n"), (C, &long)]);
    assert!(shown.len() < 600, "{}", shown.len());
    let flood = "NOOP\r\n".repeat(TRACE_OUTSTANDING + 1);
    let shown = masked(
        &[(S, "220 ready\r\n"), (C, &flood), (C, "NOOP canary\r\n")],
        4096,
    );
    assert!(!shown.contains("canary"));
    assert_eq!(shown.matches("C: NOOP\n").count(), TRACE_OUTSTANDING + 1);
}
