//! Commands that want to be too much, and values that want to be commands.

use bytes::BytesMut;
use mailwire_core::secret::SecretBytes;
use mailwire_imap::{
    command::{
        Algorithm, By, Command, CommandBody, FetchItems, Field, Fields, List, Mechanism, Names,
        Part, Search, SearchKey, Tag,
    },
    encode::Literals,
    error::Expected,
    flag::Flag,
    frame::{CommandFrame, Commands, Policy},
    mailbox::Mailbox,
};

use crate::commands::{parse, survives};

/// Runs `test` where a recursion that nobody bounds would not get far.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let builder = std::thread::Builder::new().stack_size(128 * 1024);
    let thread = builder.spawn(test).unwrap();
    thread.join().unwrap();
}

#[test]
fn imap_9_nesting_ends_at_64() {
    on_a_small_stack(|| {
        let nested = |open: &str, depth: usize, close: &str| {
            let line = format!("a SEARCH {}ALL{}", open.repeat(depth), close.repeat(depth));
            parse(line.as_bytes())
        };
        for (open, close) in [("(", ")"), ("NOT ", ""), ("OR ALL ", ""), ("OR ", " ALL")] {
            assert!(nested(open, 64, close).is_ok(), "{open}");
            for depth in [65, 1_000, 100_000] {
                assert_eq!(
                    nested(open, depth, close).unwrap_err().expected,
                    Expected::ShallowerNesting
                );
            }
        }
        // Both kinds count together.
        let mixed = format!("a SEARCH {}ALL{}", "NOT (".repeat(33), ")".repeat(33));
        assert!(parse(mixed.as_bytes()).is_err());
        // What is closed again does not count.
        let flat = format!("a SEARCH{}", " NOT (ALL)".repeat(1_000));
        assert!(parse(flat.as_bytes()).is_ok());
    });
}

#[test]
fn imap_9_parentheses_without_end_are_refused_everywhere() {
    on_a_small_stack(|| {
        let many = "(".repeat(100_000);
        for front in [
            "SEARCH ",
            "FETCH 1 ",
            "FETCH 1 BODY[HEADER.FIELDS ",
            "LIST ",
            "LIST \"\" ",
            "LIST \"\" % RETURN ",
            "STATUS x ",
            "SORT ",
            "SELECT x ",
            "STORE 1 FLAGS ",
            "ID ",
            "CREATE x ",
            "APPEND x ",
            "STORE 1 ",
        ] {
            let line = format!("a {front}{many}");
            assert!(parse(line.as_bytes()).is_err(), "{front}");
        }
    });
}

#[test]
fn imap_11_numbers_out_of_range_are_refused() {
    for bad in [
        "SEARCH MODSEQ 9223372036854775808",
        "FETCH 1 FLAGS (CHANGEDSINCE -1)",
        "FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)",
        "STORE 1 (UNCHANGEDSINCE x) FLAGS ()",
        "FETCH 1 BODY[]<4294967296.1>",
        "FETCH 1 BODY[]<0.0>",
        "FETCH 1 BODY[]<0.4294967296>",
        "FETCH 1 BODY[]<0>",
        "FETCH 1 BODY[]<-1.1>",
        "FETCH 1 BODY[0]",
        "FETCH 1 BODY[4294967296]",
        "FETCH 1 BODY[1.]",
        "FETCH 1 BODY[1..2]",
        "FETCH 1 BODY[.1]",
        "FETCH 1 BODY[MIME]",
        "FETCH 1 BODY[1.FOO]",
        "FETCH 1 BODY[HEADER.FIELDS ()]",
        "FETCH 1 BODY[HEADER.FIELDS]",
        "FETCH 1 BODY[",
        "FETCH 1 BODY.PEEK",
        "FETCH 1 BINARY[TEXT]",
        "FETCH 1 BINARY.SIZE[1]<0.1>",
        "FETCH 1 ()",
        "FETCH 1",
        "FETCH 0 FLAGS",
        "SEARCH LARGER 99999999999999999999",
        "SEARCH YOUNGER 0",
    ] {
        assert!(parse(format!("a {bad}").as_bytes()).is_err(), "{bad}");
    }
    for good in [
        "FETCH 1 BODY[]<0.4294967295>",
        "FETCH 1 BODY[]<4294967295.4294967295>",
        "FETCH 1 BODY[4294967295]",
        "SEARCH MODSEQ 9223372036854775807",
    ] {
        assert!(parse(format!("a {good}").as_bytes()).is_ok(), "{good}");
    }
    let deep = vec!["1"; 1_000].join(".");
    assert!(parse(format!("a FETCH 1 BODY[{deep}]").as_bytes()).is_err());
    assert!(Part::new(&vec!["1"; 64].join(".")).is_some());
}

#[test]
fn imap_10_sets_of_commands_are_checked() {
    for bad in ["1,", "0", ":", "1:2:3", "4294967296", "", "x"] {
        for command in [
            "FETCH {} FLAGS",
            "STORE {} FLAGS ()",
            "COPY {} x",
            "UID EXPUNGE {}",
            "UID MOVE {} x",
        ] {
            let line = format!("a {}", command.replace("{}", bad));
            assert!(parse(line.as_bytes()).is_err(), "{line}");
        }
    }
    let many = vec!["1:4294967295"; 10_000].join(",");
    assert!(parse(format!("a FETCH {many} FLAGS").as_bytes()).is_ok());
}

#[test]
fn imap_14_dates_of_search_are_checked() {
    for bad in [
        "31-Feb-2020",
        "1-1-2020",
        "2020-01-01",
        "\"1-Jan-2020",
        "1-Jan-02020",
        "",
    ] {
        assert!(
            parse(format!("a SEARCH SINCE {bad}").as_bytes()).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn imap_19_mailbox_names_with_line_ends_are_refused() {
    for command in [
        "SELECT",
        "CREATE",
        "DELETE",
        "SUBSCRIBE",
        "RENAME x",
        "STATUS",
        "COPY 1",
        "LIST",
    ] {
        for octet in ['\r', '\n'] {
            let line = format!("a {command} {{3}}\r\na{octet}b");
            assert_eq!(
                parse(line.as_bytes()).unwrap_err().expected,
                Expected::Mailbox,
                "{command}"
            );
        }
        let nul = format!("a {command} {{3}}\r\na\0b");
        assert!(parse(nul.as_bytes()).is_err());
    }
}

#[test]
fn imap_20_append_with_bad_flags_or_dates_is_refused() {
    let many: Vec<String> = (0..5_000).map(|n| format!("keyword{n}")).collect();
    let line = format!("a APPEND x ({}) {{1}}", many.join(" "));
    let CommandBody::Append { message, .. } = parse(line.as_bytes()).unwrap().body else {
        panic!();
    };
    assert_eq!(message.flags.iter().count(), 5_000);
    let recent = parse(b"a APPEND x (\\Recent) {1}").unwrap();
    let CommandBody::Append { message, .. } = recent.body else {
        panic!();
    };
    assert!(
        message.flags.contains(&Flag::Recent),
        "for the server to refuse"
    );
}

#[test]
fn imap_25_id_and_enable_are_limited() {
    let id = |pairs: usize, value: usize| {
        let pair = format!("\"k\" \"{}\"", "v".repeat(value));
        parse(format!("a ID ({})", vec![pair; pairs].join(" ")).as_bytes())
    };
    assert!(id(30, 1).is_ok() && id(31, 1).is_err());
    assert!(id(1, 1_024).is_ok() && id(1, 1_025).is_err());
    assert!(parse(format!("a ID (\"{}\" NIL)", "k".repeat(31)).as_bytes()).is_err());
    assert!(parse(b"a ID (\"k\")").is_err());
    assert!(parse(b"a ID (NIL NIL)").is_err());
    let enable =
        |count: usize| parse(format!("a ENABLE {}", vec!["X"; count].join(" ")).as_bytes());
    assert!(enable(64).is_ok() && enable(65).is_err() && enable(1_000).is_err());
    assert!(parse(b"a ENABLE").is_err());
}

#[test]
fn imap_26_qresync_arguments_are_checked() {
    for bad in [
        "(QRESYNC)",
        "(QRESYNC ())",
        "(QRESYNC (0 1))",
        "(QRESYNC (1))",
        "(QRESYNC (1 x))",
        "(QRESYNC (1 2 *))",
        "(QRESYNC (1 2 $))",
        "(QRESYNC (1 2 1:*))",
        "(QRESYNC (1 2 1 (1)))",
        "(QRESYNC (1 2 1 (* 1)))",
        "(QRESYNC (1 2)",
        "()",
        "(FOO)",
        "(CONDSTORE )",
    ] {
        assert!(
            parse(format!("a SELECT x {bad}").as_bytes()).is_err(),
            "{bad}"
        );
    }
    assert!(parse(b"a SELECT x (QRESYNC (1 0))").is_ok());
    let known = format!(
        "a SELECT x (QRESYNC (1 2 {}))",
        vec!["1:9"; 10_000].join(",")
    );
    assert!(parse(known.as_bytes()).is_ok());
}

#[test]
fn imap_30_what_the_grammar_does_not_allow_is_refused_whole() {
    for bad in [
        "",
        " ",
        "a",
        "a ",
        "a  NOOP",
        " a NOOP",
        "a NOOP ",
        "a NOOP x",
        "+ NOOP",
        "* NOOP",
        "a\tNOOP",
        "a LOGIN",
        "a LOGIN x",
        "a LOGIN x ",
        "a LOGIN x y z",
        "a LOGIN  x y",
        "a LOGIN x\ty",
        "a LOGIN {1}\r\nx {5}x",
        "a LOGIN \u{fc} x",
        "a UID",
        "a UID NOOP",
        "a UID XFOO 1",
        "a UID UID FETCH 1 FLAGS",
        "a LIST",
        "a LIST x",
        "a LIST \"\" % RETURN",
        "a LIST (RECURSIVEMATCH) \"\" %",
        "a LIST (FOO) \"\" %",
        "a LIST \"\" ()",
        "a LIST \"\" % FOO ()",
        "a STATUS x",
        "a STATUS x ()",
        "a STATUS x (FOO)",
        "a STATUS x (MESSAGES  UNSEEN)",
        "a STORE 1 FLAGS",
        "a STORE 1 *FLAGS ()",
        "a STORE 1 FLAGSX ()",
        "a STORE 1 +FLAGS (\\Seen",
        "a SEARCH",
        "a SEARCH FOO",
        "a SEARCH NOT",
        "a SEARCH OR ALL",
        "a SEARCH ()",
        "a SEARCH RETURN (FOO) ALL",
        "a SEARCH KEYWORD \\Seen",
        "a SEARCH CHARSET UTF-8",
        "a SORT () UTF-8 ALL",
        "a SORT (FOO) UTF-8 ALL",
        "a SORT (REVERSE) UTF-8 ALL",
        "a SORT (DATE) ALL",
        "a THREAD REFERENCES UTF-8",
        "a THREAD",
        "a AUTHENTICATE",
        "a AUTHENTICATE PLAIN *",
        "a AUTHENTICATE PLAIN AA",
        "a AUTHENTICATE NAME+BAD",
        "a CREATE x (USE \\Sent)",
        "a CREATE x (FOO)",
        "a CREATE x (USE (\\Inbox))",
        "a RENAME x",
        "a IDLE x",
        "a STARTTLS x",
        "a LOGIN ~{1}\r\nx y",
        "a SELECT ~{1}\r\nx",
    ] {
        assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
}

/// Octets that end something somewhere.
const BAD: &[&[u8]] = &[
    b"a\r\nb NOOP",
    b"a\nb",
    b"a\rb",
    b"a\"b",
    b"a\\b",
    b"\\",
    b"\"",
    b"{5+}\r\nhello",
    b"a {3}",
    b"{3+}",
    b"a b",
    b"(",
    b")",
    b"%",
    b"*",
    b"\xff\xfe",
    "gr\u{fc}n".as_bytes(),
    b"",
    b"NIL",
    b"nil",
    b"]",
    b"~{1}",
    b"\x7f\x01",
];

/// Every command that carries free octets, with `octets` in each place.
fn with_everywhere(octets: &[u8]) -> Vec<CommandBody> {
    let mut bodies = vec![
        CommandBody::Login {
            username: octets.into(),
            password: SecretBytes::new(b"x".to_vec()),
        },
        CommandBody::Login {
            username: b"x"[..].into(),
            password: SecretBytes::new(octets.to_vec()),
        },
        CommandBody::Id {
            fields: Fields::new([Field::new(octets, octets)]),
        },
        CommandBody::Lsub {
            reference: Mailbox::inbox(),
            pattern: octets.into(),
        },
        CommandBody::List(List::new(Mailbox::inbox(), octets)),
        CommandBody::List(List::new(Mailbox::inbox(), b"x").or_pattern(octets)),
        CommandBody::Search {
            by: By::Uid,
            search: Search::new([]).with_charset(octets),
        },
        CommandBody::Thread {
            by: By::Uid,
            algorithm: Algorithm::References,
            search: Search::new([]).with_charset(octets),
        },
    ];
    let keys: &[fn(mailwire_core::text::Octets) -> SearchKey] = &[
        SearchKey::Bcc,
        SearchKey::Body,
        SearchKey::Cc,
        SearchKey::From,
        SearchKey::Subject,
        SearchKey::Text,
        SearchKey::To,
        |field| SearchKey::Header {
            field,
            value: b""[..].into(),
        },
        |value| SearchKey::Header {
            field: b"Message-ID"[..].into(),
            value,
        },
    ];
    for key in keys {
        let search = Search::new([key(octets.into()), SearchKey::Seen]);
        bodies.push(CommandBody::Search {
            by: By::Number,
            search,
        });
    }
    if let Ok(mailbox) = Mailbox::new(octets) {
        let other = || Mailbox::new(b"x").unwrap();
        bodies.extend([
            CommandBody::Delete {
                mailbox: mailbox.clone(),
            },
            CommandBody::Subscribe {
                mailbox: mailbox.clone(),
            },
            CommandBody::Unsubscribe {
                mailbox: mailbox.clone(),
            },
            CommandBody::Rename {
                from: mailbox.clone(),
                to: other(),
            },
            CommandBody::Rename {
                from: other(),
                to: mailbox.clone(),
            },
            CommandBody::Lsub {
                reference: mailbox.clone(),
                pattern: b"%"[..].into(),
            },
            CommandBody::List(List::new(mailbox, b"%")),
        ]);
    }
    bodies
}

#[test]
fn imap_42_no_argument_ends_its_command() {
    for octets in BAD {
        for body in with_everywhere(octets) {
            // One frame, and in it the same command.
            let mut line = survives(body);
            line.extend_from_slice(b"\r\nz NOOP\r\n");
            let mut frames = Commands::new(Policy::logged_in());
            assert!(matches!(frames.next(&mut line), CommandFrame::Whole(_)));
            assert_eq!(
                frames.next(&mut line),
                CommandFrame::Whole(BytesMut::from("z NOOP"))
            );
        }
    }
}

#[test]
fn imap_42_nul_is_not_sent() {
    for body in with_everywhere(b"a\0b") {
        let command = Command::new(Tag::new(b"a").unwrap(), body);
        assert!(command.encode(Literals::Plus).is_err(), "{command:?}");
    }
}

#[test]
fn imap_42_names_and_atoms_are_checked_when_they_are_made() {
    for octets in BAD.iter().chain(&[&b"a\0b"[..]]) {
        let is_name = octets.eq_ignore_ascii_case(b"NIL");
        assert_eq!(
            Flag::new(octets).is_ok(),
            is_name,
            "{}",
            octets.escape_ascii()
        );
        assert_eq!(Mechanism::new(octets).is_some(), is_name);
        assert_eq!(Algorithm::new(octets).is_some(), is_name);
        let text = String::from_utf8_lossy(octets);
        assert_eq!(Names::new([&*text]).is_some(), is_name);
        let items = format!("BODY[HEADER.FIELDS (x)] {text}").parse::<FetchItems>();
        assert!(items.is_err());
    }
    for tag in [&b"a\r\nb"[..], b"", b"+", b"*", b"a b", b"a{1}", b"\xff"] {
        assert!(Tag::new(tag).is_none());
    }
}

#[test]
fn imap_43_a_sender_stops_where_it_has_to_wait() {
    let login = |password: usize| {
        let body = CommandBody::Login {
            username: b"\xff"[..].into(),
            password: SecretBytes::new(vec![0xff; password]),
        };
        Command::new(Tag::new(b"a").unwrap(), body)
    };
    let pieces = |command: &Command, literals| {
        let fragments = command.encode(literals).unwrap();
        assert!(!fragments.ends_waiting());
        fragments.map(|piece| piece.to_vec()).collect::<Vec<_>>()
    };
    let all = pieces(&login(2), Literals::Synchronizing);
    assert_eq!(
        all,
        [&b"a LOGIN {1}\r\n"[..], b"\xff {2}\r\n", b"\xff\xff\r\n"]
    );
    let minus = pieces(&login(2), Literals::Minus);
    assert_eq!(minus, [&b"a LOGIN {1+}\r\n\xff {2+}\r\n\xff\xff\r\n"[..]]);
    let large = pieces(&login(4_097), Literals::Minus);
    assert_eq!(large.len(), 2);
    assert!(large[0].ends_with(b" {4097}\r\n"));
    assert_eq!(pieces(&login(4_096), Literals::Minus).len(), 1);
    assert_eq!(pieces(&login(4_097), Literals::Plus).len(), 1);
}
