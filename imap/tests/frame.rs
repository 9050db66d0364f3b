//! Where commands end, whatever a client announces.

use bytes::BytesMut;
use mailwire_core::line::Octet;
use mailwire_imap::{
    encode::Literals,
    frame::{CommandFrame, Commands, Lost, Policy, Refused, Why},
};

fn whole(text: &str) -> CommandFrame {
    CommandFrame::Whole(text.into())
}

/// All that comes of `input` when it arrives in pieces of `size` octets, but for `NeedInput`.
fn run(policy: Policy, input: &[u8], size: usize) -> Vec<CommandFrame> {
    let mut commands = Commands::new(policy);
    let mut buffer = BytesMut::new();
    let mut found = Vec::new();
    for piece in input.chunks(size) {
        buffer.extend_from_slice(piece);
        loop {
            match commands.next(&mut buffer) {
                CommandFrame::NeedInput => break,
                CommandFrame::Lost(lost) => {
                    found.push(CommandFrame::Lost(lost));
                    return found;
                }
                command => found.push(command),
            }
        }
    }
    found
}

/// The same however the input is cut.
fn found(policy: Policy, input: &[u8]) -> Vec<CommandFrame> {
    let at_once = run(policy, input, input.len().max(1));
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(run(policy, input, size), at_once, "pieces of {size}");
    }
    at_once
}

fn refused(command: &CommandFrame) -> (Option<&[u8]>, Why) {
    let CommandFrame::Refused(Refused { tag, why, .. }) = command else {
        panic!("{command:?}");
    };
    (tag.as_ref().map(|tag| tag.as_bytes()), *why)
}

#[test]
fn lines_and_literals_make_a_command() {
    assert_eq!(
        found(
            Policy::logged_in(),
            b"a NOOP\r\nb LOGIN {4}\r\njo\r\n {3+}\r\n{1}\r\nc SELECT ~{1+}\r\nx\r\n",
        ),
        [
            whole("a NOOP"),
            CommandFrame::Continue,
            whole("b LOGIN {4}\r\njo\r\n {3+}\r\n{1}"),
            whole("c SELECT ~{1+}\r\nx"),
        ]
    );
}

#[test]
fn imap_1_an_announced_size_is_refused_without_a_plus() {
    for size in [
        "4294967295",
        "400000000",
        "65536",
        "8193",
        "9223372036854775807",
    ] {
        let input = format!("a LOGIN {{{size}}}\r\nb NOOP\r\n");
        let commands = found(Policy::before_login(), input.as_bytes());
        assert_eq!(
            refused(&commands[0]),
            (Some(&b"a"[..]), Why::LiteralTooLarge { max: 8_192 })
        );
        assert_eq!(commands[1], whole("b NOOP"));
    }
    assert_eq!(
        found(Policy::before_login(), b"a LOGIN {8192}\r\n"),
        [CommandFrame::Continue]
    );
}

#[test]
fn imap_1_no_memory_is_taken_for_what_was_announced() {
    let mut commands = Commands::new(Policy::logged_in());
    let mut input = BytesMut::from("a LOGIN {65536}\r\nx");
    let before = input.capacity();
    assert_eq!(commands.next(&mut input), CommandFrame::Continue);
    assert_eq!(commands.next(&mut input), CommandFrame::NeedInput);
    assert_eq!(input.capacity(), before);
}

#[test]
fn imap_2_what_a_refused_literal_holds_is_never_a_command() {
    let policy = Policy::logged_in().with_literals(Literals::Plus);
    let mut input = b"a LOGIN {70000+}\r\n".to_vec();
    let hidden = b"x LOGOUT\r\n".repeat(7_000);
    input.extend_from_slice(&hidden);
    input.extend_from_slice(b" {3+}\r\nabc {2}\r\nb NOOP\r\n");
    let commands = found(policy, &input);
    assert_eq!(commands.len(), 2, "{commands:?}");
    assert_eq!(
        refused(&commands[0]),
        (Some(&b"a"[..]), Why::LiteralTooLarge { max: 65_536 })
    );
    assert_eq!(commands[1], whole("b NOOP"));
}

#[test]
fn imap_2_beyond_the_cap_the_connection_is_over() {
    for policy in [Policy::before_login(), Policy::logged_in()] {
        let commands = found(
            policy.with_literals(Literals::Plus),
            b"a LOGIN {99999999+}\r\n",
        );
        assert_eq!(
            commands,
            [CommandFrame::Lost(Lost::EndlessCommand { max: 1_048_576 })]
        );
    }
}

#[test]
fn imap_3_literal_minus_ends_at_4096() {
    let with_len = |len: usize| {
        let mut input = format!("a SELECT {{{len}+}}\r\n").into_bytes();
        input.resize(input.len() + len, b'x');
        input.extend_from_slice(b"\r\nb NOOP\r\n");
        input
    };
    let minus = Policy::logged_in();
    assert_eq!(minus.literals, Literals::Minus);
    assert_eq!(
        run(minus, &with_len(4_096), 1_000).last(),
        Some(&whole("b NOOP"))
    );
    assert!(matches!(
        run(minus, &with_len(4_096), 1_000)[0],
        CommandFrame::Whole(_)
    ));
    let commands = found(minus, &with_len(4_097));
    assert_eq!(
        refused(&commands[0]),
        (Some(&b"a"[..]), Why::NotSynchronizing)
    );
    assert_eq!(commands[1], whole("b NOOP"));

    let none = minus.with_literals(Literals::Synchronizing);
    let commands = found(none, &with_len(1));
    assert_eq!(refused(&commands[0]).1, Why::NotSynchronizing);
    assert_eq!(commands[1], whole("b NOOP"));

    let plus = minus.with_literals(Literals::Plus);
    assert!(matches!(
        found(plus, &with_len(4_097))[0],
        CommandFrame::Whole(_)
    ));
}

#[test]
fn imap_3_a_message_that_does_not_wait_is_held_to_literal_minus() {
    let mut input = b"a APPEND x {5000+}\r\n".to_vec();
    input.resize(input.len() + 5_000, b'x');
    input.extend_from_slice(b"\r\nb NOOP\r\n");
    let commands = found(Policy::logged_in(), &input);
    assert_eq!(refused(&commands[0]).1, Why::NotSynchronizing);
    assert_eq!(commands[1], whole("b NOOP"));
}

#[test]
fn imap_4_unreadable_announcements_are_refused() {
    for bad in [
        "{}",
        "{-1}",
        "{+5}",
        "{5 }",
        "{ 5}",
        "{18446744073709551616}",
        "{9223372036854775808}",
        "{5-}",
        "{0x5}",
        "{a}",
        "~{}",
    ] {
        let input = format!("a LOGIN {bad}\r\nb NOOP\r\n");
        let commands = found(Policy::logged_in(), input.as_bytes());
        assert_eq!(
            refused(&commands[0]),
            (Some(&b"a"[..]), Why::BadLiteral),
            "{bad}"
        );
        assert_eq!(commands[1], whole("b NOOP"));
    }
}

#[test]
fn imap_4_unreadable_announcements_without_waiting_end_the_connection() {
    for bad in [
        "{+}",
        "{5++}",
        "{-1+}",
        "{x+}",
        "{18446744073709551616+}",
        "~{ +}",
    ] {
        let input = format!("a LOGIN {bad}\r\nb NOOP\r\n");
        assert_eq!(
            found(Policy::logged_in(), input.as_bytes()),
            [CommandFrame::Lost(Lost::BadLiteral)],
            "{bad}"
        );
    }
}

#[test]
fn imap_4_more_digits_than_a_size_has_are_refused() {
    let zeros = "0".repeat(18);
    let input = format!("a SELECT {{{zeros}01}}\r\nx\r\n");
    assert_eq!(
        found(Policy::logged_in(), input.as_bytes())[0],
        CommandFrame::Continue
    );
    let zeros = "0".repeat(40);
    let input = format!("a SELECT {{{zeros}5}}\r\nb NOOP\r\n");
    let commands = found(Policy::logged_in(), input.as_bytes());
    assert_eq!(refused(&commands[0]).1, Why::BadLiteral);
    // The same behind a line that is too long, of which only the end is there.
    let long = "x".repeat(70_000);
    let input = format!("a SELECT {long}{{{zeros}5+}}\r\nb NOOP\r\n");
    for size in [1, 1_000, 100_000] {
        assert_eq!(
            run(Policy::logged_in(), input.as_bytes(), size),
            [CommandFrame::Lost(Lost::BadLiteral)],
            "pieces of {size}"
        );
    }
}

#[test]
fn imap_4_what_is_no_announcement_is_left_to_the_grammar() {
    for line in [
        "a LOGIN {5}x",
        "a LOGIN {5",
        "a LOGIN 5}",
        "a LOGIN \"{5}\"",
        "a x {5+} ",
    ] {
        let input = format!("{line}\r\nb NOOP\r\n");
        assert_eq!(
            found(Policy::logged_in(), input.as_bytes()),
            [whole(line), whole("b NOOP")]
        );
    }
    // Leading zeros are read over.
    assert_eq!(
        found(Policy::logged_in(), b"a SELECT {05}\r\nhello\r\n"),
        [CommandFrame::Continue, whole("a SELECT {05}\r\nhello")]
    );
    // An LF alone ends nothing.
    let commands = found(Policy::logged_in(), b"a LOGIN {5}\nb NOOP\r\nc NOOP\r\n");
    assert!(matches!(refused(&commands[0]).1, Why::Malformed(bad) if bad.octet == Octet::Lf));
    assert_eq!(commands[1], whole("c NOOP"));
}

#[test]
fn imap_4_a_literal_in_open_quotes_is_none() {
    assert_eq!(
        found(Policy::logged_in(), b"a SELECT \"x {50}\r\nb NOOP\r\n"),
        [whole("a SELECT \"x {50}"), whole("b NOOP")]
    );
    assert_eq!(
        found(Policy::logged_in(), b"a SELECT \"x {50+}\r\n"),
        [CommandFrame::Lost(Lost::BadLiteral)]
    );
    // Quotes that are closed, with an escaped one among them.
    assert_eq!(
        found(Policy::logged_in(), b"a SELECT \"\\\"\" {1}\r\nx\r\n"),
        [CommandFrame::Continue, whole("a SELECT \"\\\"\" {1}\r\nx")]
    );
    // Quotes within a literal count for nothing.
    assert_eq!(
        found(Policy::logged_in(), b"a LOGIN {1+}\r\n\" {1+}\r\nx\r\n"),
        [whole("a LOGIN {1+}\r\n\" {1+}\r\nx")]
    );
}

#[test]
fn imap_6_many_tiny_literals_end_at_the_size_of_a_command() {
    let mut input = b"a ID (".to_vec();
    for _ in 0..200_000 {
        input.extend_from_slice(b"{0+}\r\n ");
    }
    assert_eq!(
        run(Policy::before_login(), &input, 4_096),
        [],
        "still being thrown away"
    );
    input.extend_from_slice(&input.repeat(3));
    assert!(matches!(
        run(Policy::before_login(), &input, 4_096)[..],
        [CommandFrame::Lost(Lost::EndlessCommand { .. })]
    ));
    // Below the size of a command they are a command, seen once and not again from the front.
    let mut input = b"a ID (".to_vec();
    for _ in 0..100_000 {
        input.extend_from_slice(b"{0+}\r\n ");
    }
    input.extend_from_slice(b")\r\n");
    let at_once = run(Policy::before_login(), &input, input.len());
    assert!(matches!(&at_once[..], [CommandFrame::Whole(frame)] if frame.len() == input.len() - 2));
    assert_eq!(run(Policy::before_login(), &input, 1), at_once);
}

#[test]
fn imap_6_a_command_that_grows_too_long_is_refused_at_its_end() {
    let mut input = b"a ID (".to_vec();
    for _ in 0..170_000 {
        input.extend_from_slice(b"{0+}\r\n ");
    }
    input.extend_from_slice(b")\r\nb NOOP\r\n");
    let commands = run(Policy::before_login(), &input, 4_096);
    assert_eq!(
        refused(&commands[0]),
        (Some(&b"a"[..]), Why::CommandTooLong { max: 1_048_576 })
    );
    assert_eq!(commands[1..], [whole("b NOOP")]);
}

#[test]
fn imap_7_behind_a_refused_literal_the_next_line_is_a_command() {
    let mut commands = Commands::new(Policy::logged_in());
    let mut input = BytesMut::from("a APPEND Sent (\\Seen) {5000000}\r\n");
    let CommandFrame::Body { head, literal } = commands.next(&mut input) else {
        panic!();
    };
    assert_eq!(head, "a APPEND Sent (\\Seen) {5000000}");
    assert!(literal.waits && input.is_empty());
    commands.refuse_body();
    input.extend_from_slice(b"b NOOP\r\n");
    assert_eq!(commands.next(&mut input), whole("b NOOP"));
}

#[test]
fn imap_8_lines_without_end_are_bounded() {
    let mut commands = Commands::new(Policy::before_login());
    let mut input = BytesMut::new();
    let mut fed = 0;
    let lost = loop {
        input.extend_from_slice(&[b'x'; 8_192]);
        fed += 8_192;
        match commands.next(&mut input) {
            CommandFrame::NeedInput => assert!(input.len() <= 64 * 1024 + 8_192),
            command => break command,
        }
    };
    assert!(matches!(
        lost,
        CommandFrame::Lost(Lost::EndlessCommand { .. })
    ));
    assert!(fed < 3 * 1024 * 1024, "{fed}");
}

#[test]
fn a_tag_that_the_limit_of_a_line_cuts_is_not_repeated() {
    let mut policy = Policy::logged_in();
    policy.line = 64;
    let input = [&b"=".repeat(80)[..], b" NOOP\r\nb NOOP\r\n"].concat();
    for size in [1, 70, 1_000] {
        let commands = run(policy, &input, size);
        assert_eq!(refused(&commands[0]), (None, Why::LineTooLong { max: 64 }));
    }
}

#[test]
fn a_line_that_is_too_long_ends_in_the_same_way_however_it_is_cut() {
    let mut policy = Policy::logged_in();
    policy.line = 64;
    for end in [
        "\"{3+}",
        "{3+}",
        "+}",
        "{x+}",
        "{0000000000000000000000000003+}",
        "{3}",
        "x",
    ] {
        let front = "x".repeat(70);
        let input = format!("a {front} {end}\r\nb NOOP\r\nc NOOP\r\n");
        let whole = run(policy, input.as_bytes(), 1_000);
        assert!(matches!(
            whole[0],
            CommandFrame::Refused(_) | CommandFrame::Lost(Lost::BadLiteral)
        ));
        for size in [1, 5, 70] {
            assert_eq!(run(policy, input.as_bytes(), size), whole, "{end}");
        }
    }
}

#[test]
fn of_two_limits_the_one_that_is_met_first_counts() {
    let mut policy = Policy::logged_in();
    (policy.line, policy.command) = (64, 96);
    let front = b"a SEARCH TEXT {40+}\r\n".len() + 40;
    let why = Why::CommandTooLong { max: 96 };
    for rest in [40, 90] {
        let mut input = b"a SEARCH TEXT {40+}\r\n".to_vec();
        input.resize(front + rest, b'x');
        input.extend_from_slice(b"\r\nb NOOP\r\n");
        for size in [1, 7, 1_000] {
            assert_eq!(
                refused(&run(policy, &input, size)[0]),
                (Some(&b"a"[..]), why)
            );
        }
    }
}

#[test]
fn imap_8_a_long_line_is_refused_with_its_tag() {
    let mut input = b"a7 SELECT ".to_vec();
    input.resize(100_000, b'x');
    input.extend_from_slice(b" {3+}\r\nab\r\r\nb NOOP\r\n");
    for size in [1, 1_000, 200_000] {
        let commands = run(Policy::logged_in(), &input, size);
        assert_eq!(
            refused(&commands[0]),
            (Some(&b"a7"[..]), Why::LineTooLong { max: 65_536 })
        );
        assert_eq!(commands[1..], [whole("b NOOP")]);
    }
}

#[test]
fn imap_8_odd_tags_are_not_repeated() {
    for tag in [
        "+",
        "*",
        "a+b",
        "(",
        "{",
        "%",
        "\\",
        "\u{e9}",
        "",
        &"t".repeat(129),
    ] {
        let input = format!("{tag} LOGIN {{}}\r\n");
        let commands = found(Policy::logged_in(), input.as_bytes());
        assert_eq!(refused(&commands[0]), (None, Why::BadLiteral), "{tag}");
    }
}

#[test]
fn imap_8_empty_lines_are_commands_of_nothing() {
    let commands = run(Policy::before_login(), &b"\r\n".repeat(10_000), 4_096);
    assert_eq!(commands.len(), 10_000);
    assert!(commands.iter().all(|command| *command == whole("")));
}

#[test]
fn imap_30_bare_cr_lf_and_nul_make_one_error_of_the_line() {
    for (line, octet) in [
        (&b"a NOOP\nb LOGIN u p\r\n"[..], Octet::Lf),
        (b"a NOOP\rb LOGIN u p\r\n", Octet::Cr),
        (b"a LOGIN \"u\rp\" x\r\n", Octet::Cr),
        (b"a LOGIN \"u\0p\" x\r\n", Octet::Nul),
        (b"a LOGIN \"u\np\" {3+}\r\nb c\r\n", Octet::Lf),
        (b"a NOOP\r\r\n", Octet::Cr),
        (b"a LOGIN {1+}\r\nx y\n\r\n", Octet::Lf),
    ] {
        let mut input = line.to_vec();
        input.extend_from_slice(b"z NOOP\r\n");
        let commands = found(Policy::logged_in(), &input);
        assert_eq!(commands.len(), 2, "{commands:?}");
        let (tag, why) = refused(&commands[0]);
        assert_eq!(tag, Some(&b"a"[..]));
        assert!(matches!(why, Why::Malformed(bad) if bad.octet == octet));
        assert_eq!(commands[1], whole("z NOOP"));
    }
    // Within a literal they are content.
    assert_eq!(
        found(Policy::logged_in(), b"a SELECT {3+}\r\n\r\0\n\r\n"),
        [whole("a SELECT {3+}\r\n\r\0\n")]
    );
}

#[test]
fn a_message_is_handed_out_in_pieces() {
    let input = b"a APPEND {4+}\r\nSent {10}\r\n0123456789 (\\Seen) {3+}\r\nabc\r\nb NOOP\r\n";
    for size in [1, 2, 5, 100] {
        let mut commands = Commands::new(Policy::logged_in());
        let mut buffer = BytesMut::new();
        let (mut heads, mut bodies, mut tails) = (Vec::new(), Vec::new(), Vec::new());
        for piece in input.chunks(size) {
            buffer.extend_from_slice(piece);
            loop {
                match commands.next(&mut buffer) {
                    CommandFrame::NeedInput => break,
                    CommandFrame::Body { head, .. } => {
                        heads.push(head);
                        bodies.push(Vec::new());
                        commands.accept_body();
                    }
                    CommandFrame::InBody => {
                        while let Some(octets) = commands.take_body(&mut buffer) {
                            bodies.last_mut().unwrap().extend_from_slice(&octets);
                        }
                        if commands.body_left() > 0 {
                            break;
                        }
                    }
                    CommandFrame::Tail(tail) => tails.push(tail),
                    command => assert_eq!(command, whole("b NOOP")),
                }
            }
        }
        assert_eq!(heads, ["a APPEND {4+}\r\nSent {10}", " (\\Seen) {3+}"]);
        assert_eq!(bodies, [&b"0123456789"[..], b"abc"]);
        assert_eq!(tails, [""]);
    }
}

#[test]
fn an_empty_message_has_an_end() {
    let mut commands = Commands::new(Policy::logged_in());
    let mut input = BytesMut::from("a APPEND x {0}\r\n\r\n");
    assert!(matches!(
        commands.next(&mut input),
        CommandFrame::Body { .. }
    ));
    commands.accept_body();
    assert_eq!(commands.next(&mut input), CommandFrame::InBody);
    assert_eq!(commands.take_body(&mut input), None);
    assert_eq!(
        commands.next(&mut input),
        CommandFrame::Tail(BytesMut::new())
    );
}

#[test]
fn imap_2_a_refused_message_is_thrown_away_with_what_follows_it() {
    let mut commands = Commands::new(Policy::logged_in().with_literals(Literals::Plus));
    let mut input =
        BytesMut::from("a APPEND x {12+}\r\nb LOGOUT\r\n\r\n {4+}\r\nc x\n\r\nd NOOP\r\n");
    assert!(matches!(
        commands.next(&mut input),
        CommandFrame::Body { .. }
    ));
    commands.refuse_body();
    let command = commands.next(&mut input);
    assert_eq!(refused(&command), (None, Why::Body));
    assert_eq!(commands.next(&mut input), whole("d NOOP"));
}

#[test]
fn before_login_a_message_is_a_literal_like_others() {
    let commands = found(Policy::before_login(), b"a APPEND x {100000}\r\nb NOOP\r\n");
    assert_eq!(refused(&commands[0]).1, Why::LiteralTooLarge { max: 8_192 });
    assert_eq!(commands[1], whole("b NOOP"));
}

#[test]
fn is_inside_tells_a_truncated_command() {
    let mut commands = Commands::new(Policy::logged_in());
    let mut input = BytesMut::new();
    assert!(!commands.is_inside(&input));
    input.extend_from_slice(b"a APPEND x {3}\r\n");
    assert!(matches!(
        commands.next(&mut input),
        CommandFrame::Body { .. }
    ));
    assert!(commands.is_inside(&input));
    commands.accept_body();
    input.extend_from_slice(b"abc");
    assert!(commands.take_body(&mut input).is_some());
    assert!(commands.is_inside(&input), "the CRLF is missing");
    input.extend_from_slice(b"\r\n");
    assert!(matches!(commands.next(&mut input), CommandFrame::Tail(_)));
    assert!(!commands.is_inside(&input));
}
