//! Commands: what the RFCs' own examples say, and what is built is what is read.

use std::num::NonZeroU32;

use bytes::{Bytes, BytesMut};
use mailwire_core::secret::SecretBytes;
use mailwire_imap::{
    command::{
        Algorithm, By, Command, CommandBody, Entry, EntryType, FetchItem, FetchItems,
        FetchModifiers, Field, Fields, List, Mechanism, Message, ModSeq, Names, Part, Partial,
        Peek, Qresync, ReturnOptions, Search, SearchKey, SearchReturn, Section, SelectParameters,
        SelectionOptions, Silence, SortCriterion, SortKey, SpecialUses, StatusItem, StoreMode, Tag,
    },
    encode::{LiteralKind, Literals},
    error::ParseError,
    flag::{Flag, Flags},
    mailbox::Mailbox,
    sequence::SequenceSet,
};

pub(crate) fn parse(frame: &[u8]) -> Result<Command, ParseError> {
    Command::parse(&Bytes::copy_from_slice(frame))
}

/// The command as a peer would read it that never waits, and without its last CRLF.
pub(crate) fn wire(command: &Command) -> BytesMut {
    let mut wire = BytesMut::new();
    for fragment in command.encode(Literals::Plus).unwrap() {
        wire.extend_from_slice(&fragment);
    }
    wire.truncate(wire.len() - 2);
    if matches!(command.body, CommandBody::Append { .. }) {
        assert!(wire.ends_with(b"}"));
    }
    wire
}

/// What is built is written, and what was written is read as the same.
pub(crate) fn survives(body: CommandBody) -> BytesMut {
    let command = Command::new(Tag::new(b"a1").unwrap(), body);
    let wire = wire(&command);
    let read = Command::take(wire.clone())
        .unwrap_or_else(|error| panic!("{error} in {}", wire.escape_ascii()));
    assert_eq!(read, command, "{}", wire.escape_ascii());
    wire
}

fn inbox() -> Mailbox {
    Mailbox::inbox()
}

fn name(name: &str) -> Mailbox {
    Mailbox::new(name.as_bytes()).unwrap()
}

fn set(text: &str) -> SequenceSet {
    text.parse().unwrap()
}

fn flags(names: &[&str]) -> Flags {
    let flag = |name: &&str| Flag::new(name.as_bytes()).unwrap();
    names.iter().map(flag).collect()
}

/// Commands as the RFCs print them; they are read and written as they stand.
pub(crate) const EXAMPLES: &[&str] = &[
    // RFC 9051 and RFC 3501
    "abcd CAPABILITY",
    "a002 NOOP",
    "A023 LOGOUT",
    "a001 STARTTLS",
    "a002 AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q=",
    "A001 AUTHENTICATE GSSAPI",
    "C02 AUTHENTICATE EXTERNAL =",
    "a001 LOGIN SMITH SESAME",
    "t2 ENABLE CONDSTORE X-GOOD-IDEA",
    "A142 SELECT INBOX",
    "A932 EXAMINE blurdybloop",
    "A003 CREATE owatagusiam/",
    "A004 CREATE owatagusiam/blurdybloop",
    "A682 DELETE blurdybloop",
    "A683 RENAME blurdybloop sarasoop",
    "A002 SUBSCRIBE #news.comp.mail.mime",
    "A002 UNSUBSCRIBE #news.comp.mail.mime",
    "A101 LIST \"\" \"\"",
    "A102 LIST #news.comp.mail.misc \"\"",
    "A202 LIST ~/Mail/ %",
    "A002 LSUB #news. comp.mail.*",
    "A042 STATUS blurdybloop (MESSAGES UIDNEXT)",
    "FXXZ CHECK",
    "A341 CLOSE",
    "A202 EXPUNGE",
    "A282 SEARCH FLAGGED SINCE 01-Feb-1994 NOT FROM Smith",
    "A283 SEARCH TEXT \"string not in mailbox\"",
    "A282 SEARCH RETURN (MIN COUNT) FLAGGED SINCE 01-Feb-1994 NOT FROM Smith",
    "A283 SEARCH RETURN () FLAGGED SINCE 01-Feb-1994 NOT FROM Smith",
    "A301 SEARCH RETURN (SAVE) FROM smith",
    "A654 FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
    "A003 STORE 2:4 +FLAGS (\\Deleted)",
    "A003 COPY 2:4 MEETING",
    "A999 UID FETCH 4827313:4828442 FLAGS",
    "a042 UID COPY $ foo",
    // RFC 2342, 2971, 3691, 2177
    "A001 NAMESPACE",
    "a023 ID (\"name\" \"sodr\" \"version\" \"19.34\" \"vendor\" \"Pink Floyd Music Limited\")",
    "a042 ID NIL",
    "A341 UNSELECT",
    "A002 IDLE",
    // RFC 3516
    "A1 FETCH 1 BINARY[2.1]<0.100>",
    "A2 FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1.2] BINARY[])",
    // RFC 4315, 6851
    "A003 UID EXPUNGE 3000:3002",
    "a UID MOVE 42:69 foo",
    "a MOVE 3 \"foo bar\"",
    // RFC 5256
    "A282 SORT (SUBJECT) UTF-8 SINCE 01-Feb-1994",
    "A283 SORT (SUBJECT REVERSE DATE) UTF-8 ALL",
    "A284 UID SORT (SUBJECT) US-ASCII TEXT \"not in mailbox\"",
    "E01 UID SORT RETURN (COUNT) (REVERSE DATE) UTF-8 UNDELETED UNKEYWORD $Junk",
    "A283 THREAD ORDEREDSUBJECT UTF-8 SINCE 05-Mar-2000",
    "A284 UID THREAD REFERENCES US-ASCII TEXT gewp",
    // RFC 5258, 5819, 6154, 8438
    "A01 LIST (SUBSCRIBED) \"\" *",
    "A03 LIST () \"\" % RETURN (CHILDREN)",
    "A04 LIST (REMOTE) \"\" % RETURN (CHILDREN)",
    "A06 LIST (SUBSCRIBED REMOTE) \"\" *",
    "BBB LIST \"\" (INBOX Drafts Sent/%)",
    "C04 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" %",
    "A01 LIST \"\" % RETURN (STATUS (MESSAGES UNSEEN))",
    "A02 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" % RETURN (STATUS (MESSAGES))",
    "t1 LIST \"\" % RETURN (SPECIAL-USE)",
    "t3 LIST (SPECIAL-USE) \"\" *",
    "t1 CREATE MySpecial (USE (\\Drafts \\Sent))",
    "A042 STATUS frop (MESSAGES SIZE)",
    // RFC 7162
    "A142 SELECT INBOX (CONDSTORE)",
    "d105 STORE 7,5,9 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\\Deleted)",
    "a106 STORE 100:150 (UNCHANGEDSINCE 212030000000) +FLAGS.SILENT ($Processed)",
    "s100 UID FETCH 1:* FLAGS (CHANGEDSINCE 12345)",
    "s100 UID FETCH 300:500 FLAGS (CHANGEDSINCE 12345 VANISHED)",
    "t1 SEARCH OR NOT MODSEQ 720162338 LARGER 50000",
    "a SEARCH MODSEQ \"/flags/\\\\draft\" all 620162338",
    "A02 SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541))",
    "B04 SELECT INBOX (QRESYNC (67890007 90060115194045000 41:211,214:541 (5,7 41,43)))",
    "A0 SELECT x (QRESYNC (1 2 (1 2)))",
    "s103 FETCH 1 (UID MODSEQ)",
    // RFC 5032, 5161, 8474, 8970, 8514
    "a1 UID SEARCH UNSEEN YOUNGER 259200",
    "A1 FETCH 1 (PREVIEW SAVEDATE EMAILID THREADID)",
];

#[test]
fn the_examples_of_the_rfcs_are_read_and_written() {
    for example in EXAMPLES {
        let command =
            parse(example.as_bytes()).unwrap_or_else(|error| panic!("{example}: {error}"));
        assert!(
            !matches!(command.body, CommandBody::Unknown(_)),
            "{example}"
        );
        assert_eq!(wire(&command), example);
        assert_eq!(Command::take((*example).into()).unwrap(), command);
    }
}

#[test]
fn imap_48_keywords_are_read_in_any_case() {
    for example in EXAMPLES {
        // What is no keyword differs in case then, so only what kind of command it is counts.
        let lower = example.to_ascii_lowercase();
        let kind = |text: &str| std::mem::discriminant(&parse(text.as_bytes()).unwrap().body);
        if example.contains("AUTHENTICATE") {
            continue;
        }
        assert_eq!(kind(&lower), kind(example), "{lower}");
    }
}

#[test]
fn every_example_cut_short_or_with_more_behind_it_is_no_panic() {
    for example in EXAMPLES {
        for end in 0..example.len() {
            let _ = parse(&example.as_bytes()[..end]);
        }
        for extra in [" ", " x", ")", "\"", " {1}"] {
            let longer = format!("{example}{extra}");
            let read = parse(longer.as_bytes());
            let is_open = matches!(
                read.as_ref().map(|command| &command.body),
                Ok(CommandBody::Search { .. }
                    | CommandBody::Sort { .. }
                    | CommandBody::Thread { .. }
                    | CommandBody::Enable { .. }
                    | CommandBody::Authenticate { .. })
            );
            assert!(read.is_err() || is_open || extra != " ", "{longer}");
        }
    }
}

#[test]
fn what_was_read_has_its_values() {
    let command =
        parse(b"a UID FETCH 7,9:* (uid body.peek[1.2.HEADER.FIELDS.NOT (a \"b\")]<5.10>)");
    let CommandBody::Fetch {
        by,
        set: numbers,
        items,
        modifiers,
    } = command.unwrap().body
    else {
        panic!();
    };
    assert_eq!((by, numbers), (By::Uid, set("7,9:*")));
    assert_eq!(modifiers, FetchModifiers::default());
    let items: Vec<_> = items.iter().collect();
    assert_eq!(items[0], FetchItem::Uid);
    let FetchItem::Body {
        peek,
        section,
        partial,
    } = items[1]
    else {
        panic!();
    };
    assert_eq!(peek, Peek::Leaves);
    assert_eq!(partial, Some(Partial::new(5, NonZeroU32::new(10).unwrap())));
    let Section::HeaderFieldsNot(part, fields) = section else {
        panic!();
    };
    assert_eq!(part, Part::new("1.2").unwrap());
    assert!(fields.contains(b"A") && fields.contains(b"B") && !fields.contains(b"c"));

    let command =
        parse(b"a SEARCH CHARSET {5}\r\nUTF-8 OR (SEEN 1:2) UID 4 SUBJECT {4+}\r\na\r\nb");
    let CommandBody::Search { search, .. } = command.unwrap().body else {
        panic!();
    };
    assert_eq!(search.charset.as_deref(), Some(&b"UTF-8"[..]));
    assert_eq!(
        search.keys,
        [
            SearchKey::Or(
                Box::new(SearchKey::And(vec![
                    SearchKey::Seen,
                    SearchKey::Set(set("1:2"))
                ])),
                Box::new(SearchKey::Uid(set("4"))),
            ),
            SearchKey::Subject(b"a\r\nb"[..].into()),
        ]
    );

    let command = parse(b"a STORE 1 -FLAGS.SILENT \\Seen $Junk").unwrap();
    let CommandBody::Store {
        mode,
        silence,
        flags: list,
        ..
    } = command.body
    else {
        panic!();
    };
    assert_eq!((mode, silence), (StoreMode::Remove, Silence::Silent));
    assert_eq!(list, flags(&["\\Seen", "$Junk"]));
}

#[test]
fn macros_stand_for_their_items() {
    use FetchItem::{BodyWithoutExtensions, Envelope, Flags, InternalDate, Rfc822Size};
    for (name, items) in [
        ("ALL", &[Flags, InternalDate, Rfc822Size, Envelope][..]),
        ("fast", &[Flags, InternalDate, Rfc822Size]),
        (
            "Full",
            &[
                Flags,
                InternalDate,
                Rfc822Size,
                Envelope,
                BodyWithoutExtensions,
            ],
        ),
    ] {
        let read: FetchItems = name.parse().unwrap();
        assert!(read.iter().eq(items.iter().copied()), "{name}");
        assert!(read.name().is_some());
    }
    assert!("(ALL)".parse::<FetchItems>().is_err());
}

#[test]
fn append_is_read_up_to_its_message() {
    let head = b"A003 APPEND saved-messages (\\Seen) \" 7-Feb-1994 21:52:25 -0800\" {326}";
    let command = parse(head).unwrap();
    let CommandBody::Append { mailbox, message } = &command.body else {
        panic!();
    };
    assert_eq!(mailbox.as_bytes(), b"saved-messages");
    assert_eq!((message.len, message.kind), (326, LiteralKind::Plain));
    assert_eq!(message.flags, flags(&["\\Seen"]));
    assert_eq!(message.date.unwrap().timestamp(), 760_686_745);

    let mut fragments = command.encode(Literals::Synchronizing).unwrap();
    assert!(fragments.ends_waiting());
    assert_eq!(fragments.next().unwrap(), [&head[..], b"\r\n"].concat());
    assert_eq!(fragments.next(), None);
    assert!(!command.encode(Literals::Minus).unwrap().ends_waiting());

    for head in [
        "a APPEND x ~{7}",
        "a APPEND x {7+}",
        "a APPEND x UTF8 (~{7}",
        "a APPEND x () {7}",
    ] {
        let CommandBody::Append { message, .. } = parse(head.as_bytes()).unwrap().body else {
            panic!();
        };
        assert_eq!(message.len, 7);
    }
    for bad in [
        "a APPEND x",
        "a APPEND x {7}\r\nseventy",
        "a APPEND x (\\Seen) {-1}",
        "a APPEND x {}",
        "a APPEND x \"7-Feb-1994 21:52:25 -0800\" \"x\" {7}",
        "a APPEND x {7",
        "a APPEND x(\\Seen) {7}",
        "a APPEND {1}\r\nx",
        "a APPEND x \"31-Feb-1994 21:52:25 -0800\" {7}",
        "a APPEND x (\\*x) {7}",
    ] {
        assert!(parse(bad.as_bytes()).is_err(), "{bad}");
    }
    let next = Message::parse_next(b") (\\Draft) {9+}").unwrap();
    assert_eq!((next.len, next.flags), (9, flags(&["\\Draft"])));
    assert!(Message::parse_next(b"").is_err());
}

#[test]
fn what_is_built_is_what_is_read() {
    let number = |n| NonZeroU32::new(n).unwrap();
    survives(CommandBody::Authenticate {
        mechanism: Mechanism::new(b"PLAIN").unwrap(),
        initial: Some(SecretBytes::new(b"\0joe\0secret".to_vec())),
    });
    survives(CommandBody::Authenticate {
        mechanism: Mechanism::new(b"EXTERNAL").unwrap(),
        initial: Some(SecretBytes::new(Vec::new())),
    });
    survives(CommandBody::Enable {
        capabilities: Names::new(["QRESYNC", "UTF8=ACCEPT"]).unwrap(),
    });
    survives(CommandBody::Id {
        fields: Fields::new([
            Field::new(b"name", b"a \"b\""),
            Field {
                name: b"os"[..].into(),
                value: None,
            },
        ]),
    });
    survives(CommandBody::Select {
        mailbox: name("a b"),
        parameters: SelectParameters::condstore(),
    });
    let mut known = Qresync::new(number(7), 9);
    known.known_uids = Some(set("1:3"));
    known.pairs = Some((set("1"), set("3")));
    survives(CommandBody::Examine {
        mailbox: inbox(),
        parameters: SelectParameters::qresync(known),
    });
    survives(CommandBody::Create {
        mailbox: name("Bin"),
        uses: SpecialUses::TRASH.with(SpecialUses::JUNK),
    });
    let mut returns = ReturnOptions::default();
    returns.children = true;
    returns.my_rights = true;
    returns.status = Some(
        [StatusItem::HighestModSeq, StatusItem::MailboxId]
            .into_iter()
            .collect(),
    );
    survives(CommandBody::List(
        List::new(name("x y"), b"%[\"]")
            .or_pattern(b"\xff*")
            .with_selection(SelectionOptions::SUBSCRIBED)
            .with_returns(returns),
    ));
    survives(CommandBody::Lsub {
        reference: name(""),
        pattern: b"a]%"[..].into(),
    });
    survives(CommandBody::Append {
        mailbox: name("NIL"),
        message: Message::new(u64::from(u32::MAX) + 1)
            .with_flags(flags(&["\\Seen", "$x"]))
            .with_date("\"17-Jul-1996 02:44:25 -0700\"".parse().unwrap()),
    });
    let modseq = {
        let mut modseq = ModSeq::new(1 << 62);
        modseq.entry = Some(Entry {
            name: b"/flags/\\draft"[..].into(),
            of: EntryType::Shared,
        });
        modseq
    };
    let keys = [
        SearchKey::Header {
            field: b"X-Y"[..].into(),
            value: b""[..].into(),
        },
        SearchKey::Not(Box::new(SearchKey::Or(
            Box::new(SearchKey::Keyword(Flag::new(b"$Junk").unwrap())),
            Box::new(SearchKey::And(vec![
                SearchKey::ModSeq(modseq),
                SearchKey::New,
            ])),
        ))),
        SearchKey::Larger(1 << 40),
        SearchKey::Older(number(1)),
        SearchKey::SentOn("29-Feb-2024".parse().unwrap()),
        SearchKey::Body(b"NIL"[..].into()),
        SearchKey::Set(SequenceSet::saved()),
    ];
    let search = Search::new(keys)
        .with_charset(b"UTF-8")
        .with_return(SearchReturn::ALL.with(SearchReturn::SAVE));
    survives(CommandBody::Search {
        by: By::Uid,
        search: search.clone(),
    });
    survives(CommandBody::Sort {
        by: By::Number,
        criteria: vec![
            SortCriterion::descending(SortKey::DisplayFrom),
            SortCriterion::ascending(SortKey::Cc),
        ],
        search: search.clone(),
    });
    let mut search = search;
    search.returns = None;
    survives(CommandBody::Thread {
        by: By::Uid,
        algorithm: Algorithm::new(b"REFS").unwrap(),
        search,
    });
    let items: FetchItems = "(BODY.PEEK[3.HEADER.FIELDS (\"a b\" {3}\r\nx\"y)] RFC822.TEXT)"
        .parse()
        .unwrap();
    survives(CommandBody::Fetch {
        by: By::Number,
        set: set("*"),
        items,
        modifiers: FetchModifiers::vanished_since(5),
    });
    survives(CommandBody::Store {
        by: By::Uid,
        set: set("1:*"),
        unchanged_since: Some(0),
        mode: StoreMode::Replace,
        silence: Silence::Told,
        flags: Flags::new(),
    });
    survives(CommandBody::UidExpunge { set: set("3:5") });
}

#[test]
fn every_status_item_and_search_key_has_its_name() {
    for item in [
        StatusItem::Messages,
        StatusItem::Recent,
        StatusItem::UidNext,
        StatusItem::UidValidity,
        StatusItem::Unseen,
        StatusItem::Deleted,
        StatusItem::Size,
        StatusItem::HighestModSeq,
        StatusItem::AppendLimit,
        StatusItem::MailboxId,
        StatusItem::DeletedStorage,
    ] {
        survives(CommandBody::Status {
            mailbox: inbox(),
            items: [item].into_iter().collect(),
        });
        assert_eq!(StatusItem::of(item.name()), Some(item));
    }
    // RFC 3501 §6.4.4, all of it.
    let keys = "ALL ANSWERED BCC x BEFORE 01-Jan-2020 BODY x CC x DELETED DRAFT FLAGGED FROM x \
                HEADER x y KEYWORD x LARGER 1 NEW NOT ALL OLD ON 01-Jan-2020 OR ALL ALL RECENT SEEN \
                SENTBEFORE 01-Jan-2020 SENTON 01-Jan-2020 SENTSINCE 01-Jan-2020 SINCE 01-Jan-2020 \
                SMALLER 1 SUBJECT x TEXT x TO x UID 1 UNANSWERED UNDELETED UNDRAFT UNFLAGGED \
                UNKEYWORD x UNSEEN 1:* (ALL)";
    let line = format!("a SEARCH {keys}");
    let command = parse(line.as_bytes()).unwrap();
    assert_eq!(wire(&command), line);
    let CommandBody::Search { search, .. } = command.body else {
        panic!();
    };
    assert_eq!(search.keys.len(), 37);
}

#[test]
fn unknown_commands_are_kept() {
    for line in [
        "a XAPPLEPUSHSERVICE \"x\" (1 2)",
        "b GETQUOTAROOT INBOX",
        "c x",
    ] {
        let command = parse(line.as_bytes()).unwrap();
        assert!(matches!(command.body, CommandBody::Unknown(_)));
        assert_eq!(wire(&command), line);
    }
    let command = parse(b"a XFOO {3}\r\nabc").unwrap();
    assert!(command.encode(Literals::Plus).is_err());
}

#[test]
fn passwords_are_not_shown() {
    for line in [
        "a LOGIN joe sesame",
        "a LOGIN joe \"ses\\\\ame\"",
        "a AUTHENTICATE PLAIN c2VzYW1l",
    ] {
        let shown = format!("{:?}", Command::take(line.into()).unwrap());
        assert!(!shown.contains("ses") && !shown.contains("c2Vz"), "{shown}");
    }
    let fragments = parse(b"a LOGIN joe sesame")
        .unwrap()
        .encode(Literals::Plus)
        .unwrap();
    assert!(!format!("{fragments:?}").contains("sesame"));
    assert!(!format!("{:?}", parse(b"a XLOGIN joe sesame").unwrap()).contains("sesame"));
}
