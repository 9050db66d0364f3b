//! Ends of messages that are none (SMTP-1 to SMTP-10): whatever stands between two messages, at most
//! one is kept, none is from the smuggler, and the message has one reply.

use mailwire_smtp::server::{Config, LineBreaks};

use crate::machines_stage::{Outcome, Random, config, dialogue};

const ENVELOPE: &str = "EHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n";
const SMUGGLED: &str =
    "MAIL FROM:<evil@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nSubject: smuggled\r\n\r\nB\r\n.\r\n";

fn attack(sequence: &[u8]) -> Vec<u8> {
    [
        ENVELOPE.as_bytes(),
        b"Subject: t\r\n\r\nA",
        sequence,
        SMUGGLED.as_bytes(),
    ]
    .concat()
}

fn with(line_breaks: LineBreaks) -> Config {
    let mut config = config();
    config.line_breaks = line_breaks;
    config
}

/// In one read, octet by octet, at each single place, and at random places: the same outcome.
fn all_cuts(config: impl Fn() -> Config, octets: &[u8]) -> Outcome {
    let whole = dialogue(config(), octets, |left| left);
    let same = |other: Outcome, how: &str| {
        assert_eq!(other.said, whole.said, "{how}");
        assert_eq!(other.messages, whole.messages, "{how}");
        assert_eq!(other.events, whole.events, "{how}");
        assert_eq!(other.closed, whole.closed, "{how}");
    };
    same(dialogue(config(), octets, |_| 1), "octet by octet");
    for at in 1..octets.len() {
        let mut first = true;
        let cut = |left: usize| if std::mem::take(&mut first) { at } else { left };
        same(dialogue(config(), octets, cut), "one cut");
    }
    for seed in 0..20 {
        let mut random = Random::new(seed);
        same(
            dialogue(config(), octets, |_| 1 + random.below(7)),
            "random cuts",
        );
    }
    whole
}

/// The rule of all rows: one message at most, nothing of the smuggler, one reply to the data.
fn assert_not_smuggled(sequence: &[u8], outcome: &Outcome) {
    let shown = sequence.escape_ascii();
    assert!(outcome.messages.len() <= 1, "{shown}");
    assert!(
        outcome
            .messages
            .iter()
            .all(|message| message.from == "<a@x>"),
        "{shown}"
    );
    // 220, EHLO, MAIL, RCPT, 354, and the reply to the message.
    assert_eq!(outcome.codes().len(), 6, "{shown}: {:?}", outcome.codes());
}

fn rejected(sequence: &[u8], code: u16) {
    let outcome = all_cuts(config, &attack(sequence));
    assert_not_smuggled(sequence, &outcome);
    assert_eq!(outcome.messages, [], "{}", sequence.escape_ascii());
    assert_eq!(outcome.codes()[5], code, "{}", sequence.escape_ascii());
    assert_eq!(outcome.resets.len(), 1);
}

fn kept_as_text(sequence: &[u8], line_breaks: LineBreaks, body: &[u8]) {
    let outcome = all_cuts(|| with(line_breaks), &attack(sequence));
    assert_not_smuggled(sequence, &outcome);
    let whole = [
        b"Subject: t\r\n\r\nA",
        body,
        SMUGGLED.strip_suffix(".\r\n").unwrap().as_bytes(),
    ]
    .concat();
    assert_eq!(
        outcome.messages[0].body.escape_ascii().to_string(),
        whole.escape_ascii().to_string()
    );
}

#[test]
fn smtp_1_lf_dot_lf_is_no_end() {
    rejected(b"\n.\n", 550);
    kept_as_text(b"\n.\n", LineBreaks::Normalize, b"\r\n.\r\n");
}

#[test]
fn smtp_2_lf_dot_crlf_is_no_end() {
    rejected(b"\n.\r\n", 550);
    kept_as_text(b"\n.\r\n", LineBreaks::Normalize, b"\r\n.\r\n");
}

#[test]
fn smtp_3_crlf_dot_lf_is_no_end() {
    rejected(b"\r\n.\n", 550);
    // The dot stands behind a CRLF, so it was stuffed or is to be taken away.
    kept_as_text(b"\r\n.\n", LineBreaks::Normalize, b"\r\n\r\n");
}

#[test]
fn smtp_4_cr_and_lf_mixed_are_no_end() {
    for sequence in [&b"\r.\r"[..], b"\r.\n", b"\n.\r"] {
        rejected(sequence, 550);
    }
}

#[test]
fn smtp_5_half_of_a_crlf_is_no_end() {
    for sequence in [&b"\r.\r\n"[..], b"\r\n.\r"] {
        rejected(sequence, 550);
    }
}

#[test]
fn smtp_6_no_cr_is_stripped() {
    rejected(b"\r\n.\r\r\n", 550);
    rejected(b"\r\r\n.\r\r\n", 550);
    // The third holds the true end behind a stray CR: one refusal, and then ordinary commands.
    let outcome = all_cuts(config, &attack(b"\r\r\n.\r\n"));
    assert_eq!(outcome.codes()[..6], [220, 250, 250, 250, 354, 550]);
    assert_eq!(outcome.messages.len(), 1);
    assert_eq!(outcome.messages[0].from, "<evil@x>");
}

#[test]
fn smtp_7_nul_is_neither_an_end_nor_dropped() {
    rejected(b"\r\n\0.\r\n", 550);
    rejected(b"\r\n.\0\r\n", 550);
}

#[test]
fn smtp_8_near_ends_at_the_first_octets() {
    for (start, code) in [
        (&b".\n"[..], 550),
        (b"\n.\n", 550),
        (b"\r.\r\n", 550),
        (b".\rX", 550),
    ] {
        let octets = [ENVELOPE.as_bytes(), start, b"QUIT\r\n.\r\n"].concat();
        let outcome = all_cuts(config, &octets);
        assert_eq!(outcome.codes()[5], code, "{}", start.escape_ascii());
        assert_eq!(outcome.messages, []);
    }
    let outcome = all_cuts(config, &[ENVELOPE.as_bytes(), b".\r\nQUIT\r\n"].concat());
    assert_eq!(outcome.codes(), [220, 250, 250, 250, 354, 250, 221]);
    assert_eq!(outcome.messages[0].body, b"");
}

#[test]
fn smtp_9_the_true_end_is_found_once_wherever_it_is_cut() {
    let octets = [ENVELOPE.as_bytes(), b"..one\r\n.\r\nQUIT\r\n"].concat();
    let outcome = all_cuts(config, &octets);
    assert_eq!(outcome.messages[0].body, b".one\r\n");
    assert_eq!(outcome.closed, Some(Ok(())));
}

#[test]
fn smtp_10_other_line_breaks_are_text() {
    for other in [
        &b"\x85"[..],
        b"\xc2\x85",
        b"\xe2\x80\xa8",
        b"\xe2\x80\xa9",
        b"\x0b",
        b"\x0c",
        b"\x1a",
        b"\xe5\x8d\x8a",
    ] {
        let sequence = [other, b".", other].concat();
        kept_as_text(&sequence, LineBreaks::Reject, &sequence);
    }
}

/// Every sequence of up to six octets from these, and the dot behind them: about 20,000.
#[test]
fn smtp_1_to_7_every_short_sequence_gives_one_message_at_most() {
    const PARTS: [&[u8]; 5] = [b"\r", b"\n", b"\r\n", b"\0", b"."];
    let mut sequences = vec![Vec::new()];
    let mut longest = vec![Vec::new()];
    for _ in 0..5 {
        longest = longest
            .iter()
            .flat_map(|start: &Vec<u8>| PARTS.map(|part| [start, part].concat()))
            .collect();
        sequences.extend(longest.iter().cloned());
    }
    sequences.sort_unstable();
    sequences.dedup();
    let mut tried = 0;
    for sequence in sequences {
        let octets = attack(&sequence);
        let text = &octets[ENVELOPE.len()..octets.len() - SMUGGLED.len()];
        if text.windows(5).any(|window| window == b"\r\n.\r\n") {
            continue;
        }
        for line_breaks in [LineBreaks::Reject, LineBreaks::Normalize] {
            let mut random = Random::new(tried);
            let outcome = dialogue(with(line_breaks), &octets, |_| 1 + random.below(40));
            assert_not_smuggled(&sequence, &outcome);
        }
        tried += 1;
    }
    assert!(tried > 2_000, "{tried}");
}
