//! Responses as the RFCs show them: read, and built.

use bytes::{Bytes, BytesMut};
use mailwire_imap::{
    bodystructure::{BodyForm, BodyStructure, Extension, PartFields, PartKind},
    capability::{Capabilities, Capability},
    command::Tag,
    datetime::DateTime,
    envelope::{AddressKind, AddressParts, Envelope},
    error::{Expected, ParseError},
    flag::{Flag, Flags},
    mailbox::Mailbox,
    response::{
        Code, Condition, Content, Continuation, ESearch, ESearchItem, Fetch, FetchItem, FlagList,
        List, ListAttribute, ListExtended, MailboxStatus, Namespace, Namespaces, Notices, Numbers,
        Response, Section, ServerId, Status, StatusItem, Thread, ThreadNode, Tolerances, Vanished,
    },
    sequence::SequenceSet,
    text::Text,
};

pub(crate) fn strict(wire: &[u8]) -> Result<Response, ParseError> {
    Response::parse(Bytes::copy_from_slice(wire), Tolerances::NONE).map(|(response, notices)| {
        assert_eq!(notices.tolerated(), Tolerances::NONE);
        response
    })
}

pub(crate) fn lenient(wire: &[u8]) -> Result<(Response, Notices), ParseError> {
    Response::parse(Bytes::copy_from_slice(wire), Tolerances::ALL)
}

pub(crate) fn fetch(wire: &[u8]) -> Fetch {
    match strict(wire).unwrap() {
        Response::Fetch(fetch) => fetch,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn status(wire: &[u8]) -> Status {
    match strict(wire).unwrap() {
        Response::Status(status) => status,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn nz(number: u32) -> std::num::NonZeroU32 {
    std::num::NonZero::new(number).unwrap()
}

/// What was built reads back as what it shows, strictly and without a notice.
fn round_trip(built: &Response) {
    let mut wire = BytesMut::new();
    built.encode(&mut wire);
    let frame = wire.freeze();
    let frame = frame.slice(..frame.len() - 2);
    let (read, notices) = Response::parse(frame.clone(), Tolerances::NONE)
        .unwrap_or_else(|error| panic!("{error}: {}", frame.escape_ascii()));
    assert!(notices.is_empty(), "{notices:?}");
    assert_eq!(&read, built, "{}", frame.escape_ascii());
    assert_eq!(read.detach(), *built);
}

/// Lines of the RFCs' examples.
const EXAMPLES: &[&str] = &[
    // RFC 9051 and RFC 3501
    "* OK IMAP4rev2 server ready",
    "* OK [CAPABILITY STARTTLS AUTH=GSSAPI IMAP4rev2] Server ready",
    "* PREAUTH IMAP4rev2 server logged in as Smith",
    "* BYE Autologout; idle for too long",
    "* BAD Disk crash, attempting salvage to a new disk!",
    "A222 NO COPY failed: disk is full",
    "a002 OK [READ-WRITE] SELECT completed",
    "A223 OK [COPYUID 1 1 20] done",
    "* OK [UNSEEN 12] Message 12 is first unseen",
    "* OK [UIDVALIDITY 3857529045] UIDs valid",
    "* OK [UIDNEXT 4392] Predicted next UID",
    "* OK [PERMANENTFLAGS (\\Deleted \\Seen \\*)] Limited",
    "* NO [UIDNOTSTICKY] Non-persistent UIDs",
    "A142 OK [CLOSED] previous",
    "* CAPABILITY IMAP4rev2 STARTTLS AUTH=GSSAPI",
    "* CAPABILITY IMAP4rev1 STARTTLS AUTH=GSSAPI XPIG-LATIN",
    "* ENABLED CONDSTORE X-GOOD-IDEA",
    "* ENABLED",
    "* LIST (\\Noselect) \"/\" ~/Mail/foo",
    "* LIST (\\Marked \\NoInferiors) \"/\" \"inbox\"",
    "* LIST () \".\" \"#mime\"",
    "* LIST () NIL \"\"",
    "* LIST () \"/\" foo2 (\"CHILDINFO\" (\"SUBSCRIBED\") \"OLDNAME\" (\"foo\"))",
    "* LIST (\\Sent \\HasNoChildren) \"/\" SentMail",
    "* LSUB () \".\" #news.comp.mail.misc",
    "* NAMESPACE ((\"\" \"/\")) ((\"~\" \"/\")) ((\"#shared/\" \"/\")(\"#public/\" \"/\"))",
    "* NAMESPACE ((\"\" \"/\" \"X-PARAM\" (\"FLAG1\" \"FLAG2\"))) NIL NIL",
    "* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)",
    "* STATUS foo (HIGHESTMODSEQ 7011231777 SIZE 9223372036854775807)",
    "* STATUS foo ()",
    "* ESEARCH (TAG \"A282\") MIN 2 COUNT 3",
    "* ESEARCH (TAG \"A283\") ALL 2,10:11",
    "* ESEARCH (TAG \"a567\") UID COUNT 5 ALL 4:19,21,28",
    "* ESEARCH (TAG \"h\") ALL 1:3,5 MODSEQ 1236",
    "* ESEARCH (TAG \"A01\") UID PARTIAL (-1:-100 200:250,252:300)",
    "* SEARCH 2 3 6",
    "* SEARCH",
    "* SEARCH 2 5 6 7 11 12 18 19 20 23 (MODSEQ 917162500)",
    "* SORT 2 84 882",
    "* THREAD (2)(3 6 (4 23)(44 7 96))",
    "* THREAD ((3)(5))",
    "* THREAD",
    "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)",
    "* 23 EXISTS",
    "* 5 RECENT",
    "* 44 EXPUNGE",
    "* VANISHED (EARLIER) 41,43:116,118,120:211,214:540",
    "* VANISHED 405,407,410,425",
    "* 23 FETCH (FLAGS (\\Seen) UID 4827313 RFC822.SIZE 44827)",
    "* 12 FETCH (BODY[HEADER] {5}\r\na\r\n\r\n)",
    "* 12 FETCH (INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" MODSEQ (624140003))",
    "* 2 FETCH (BODY[HEADER.FIELDS (DATE FROM)]<10> \"x\" BODY[4.2.2.1] NIL)",
    "* 3 FETCH (BINARY.SIZE[1.2] 55 BINARY[1.2]<0> ~{3}\r\na\0b RFC822.HEADER NIL)",
    "* 3 FETCH (EMAILID (M6d99ac3275bb4e) THREADID NIL PREVIEW \"hi\")",
    "* ID (\"name\" \"Cyrus\" \"version\" \"1.5\" \"os\" NIL)",
    "* ID NIL",
    "+ Ready for additional command text",
    "+ YGgGCSqGSIb3EgECAgIAb1kwV6ADAgEFoQMCAQ+iSzBJoAMC",
    "+ ",
    // RFC 5530, RFC 4315, RFC 7162, RFC 8474
    "b NO [AUTHENTICATIONFAILED] Authentication failed",
    "c NO [OVERQUOTA] Sorry",
    "A003 OK [APPENDUID 38505 3955:3957] APPEND completed",
    "d105 OK [MODIFIED 7,9] Conditional STORE failed",
    "* OK [HIGHESTMODSEQ 715194045007] Highest",
    "* OK [NOMODSEQ] Sorry, this mailbox format doesn't support",
    "* OK [MAILBOXID (F2212ea87-6097-4256-9d51-71338625)] Ok",
    // RFC 9208 and others without a type here
    "* QUOTA \"\" (STORAGE 10 512)",
    "* METADATA \"INBOX\" (/shared/comment \"My comment\")",
];

#[test]
fn examples_of_the_rfcs_are_read_strictly_and_written_as_they_were() {
    for example in EXAMPLES {
        let frame = Bytes::copy_from_slice(example.as_bytes());
        let (response, notices) = Response::parse(frame.clone(), Tolerances::NONE)
            .unwrap_or_else(|error| panic!("{error}: {example}"));
        assert!(notices.is_empty(), "{example}: {notices:?}");
        let mut wire = BytesMut::new();
        response.encode(&mut wire);
        assert_eq!(wire, [example.as_bytes(), b"\r\n"].concat());
        // What is strictly right reads the same leniently, and no defect is seen in it.
        let (again, notices) = Response::parse(frame, Tolerances::ALL).unwrap();
        assert!(notices.is_empty(), "{example}: {notices:?}");
        assert_eq!(again, response, "{example}");
    }
}

#[test]
fn what_is_cut_off_is_an_error_or_another_response_and_never_a_panic() {
    for example in EXAMPLES {
        for end in 0..example.len() {
            for tolerances in [Tolerances::NONE, Tolerances::ALL] {
                let cut = Bytes::copy_from_slice(&example.as_bytes()[..end]);
                if let Ok((response, _)) = Response::parse(cut, tolerances) {
                    let _ = format!("{response:?}");
                    assert_eq!(response, response.clone());
                }
            }
        }
    }
}

#[test]
fn the_envelope_of_rfc_9051_shows_its_ten_fields() {
    let fetch = fetch(
        b"* 12 FETCH (FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 4286 \
        ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev2 WG mtg summary and minutes\" \
        ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
        ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
        ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
        ((NIL NIL \"imap\" \"cac.washington.edu\")) \
        ((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) \
        NIL NIL \"<B27397-0100000@cac.washington.ed>\") \
        BODY (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 3028 92))",
    );
    assert_eq!((fetch.number(), fetch.size()), (nz(12), Some(4286)));
    assert_eq!(fetch.internal_date().unwrap().timestamp(), 837_596_665);
    assert!(fetch.flags().unwrap().contains(&Flag::Seen));
    let envelope = fetch.envelope().unwrap();
    assert_eq!(
        envelope.date().unwrap(),
        "Wed, 17 Jul 1996 02:23:25 -0700 (PDT)"
    );
    assert_eq!(
        envelope.subject().unwrap(),
        "IMAP4rev2 WG mtg summary and minutes"
    );
    for mut list in [envelope.from(), envelope.sender(), envelope.reply_to()] {
        let address = list.next().unwrap();
        assert_eq!(address.name().unwrap(), "Terry Gray");
        assert!(address.route().is_none() && list.next().is_none());
    }
    assert_eq!(envelope.to().next().unwrap().mailbox().unwrap(), "imap");
    let hosts: Vec<_> = envelope
        .cc()
        .map(|address| address.host().unwrap())
        .collect();
    assert_eq!(hosts, ["CNRI.Reston.VA.US", "MIT.EDU"]);
    assert_eq!(envelope.bcc().count(), 0);
    assert!(envelope.in_reply_to().is_none());
    assert_eq!(
        envelope.message_id().unwrap(),
        "<B27397-0100000@cac.washington.ed>"
    );
    let body = fetch.body_structure().unwrap();
    let root = body.root().unwrap();
    assert_eq!((root.octets(), root.lines()), (3028, Some(92)));
}

#[test]
fn the_multipart_of_rfc_9051_is_walked_with_its_section_numbers() {
    let wire = b"((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 1152 23)\
        (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\" \"NAME\" \"cc.diff\") \
        \"<960723163407.20117h@cac.washington.edu>\" \"Compiler diff\" \"BASE64\" 4554 73) \"MIXED\")";
    let body = BodyStructure::parse(Bytes::from_static(wire), Tolerances::NONE).unwrap();
    let mut parts = body.parts();
    let mut paths = Vec::new();
    while let Some(part) = parts.next() {
        paths.push((parts.path().to_vec(), part.kind()));
    }
    assert_eq!(
        paths,
        [
            (vec![], PartKind::Multipart),
            (vec![1], PartKind::Text),
            (vec![2], PartKind::Text),
        ]
    );
    let second = body.root().unwrap().children().nth(1).unwrap();
    assert_eq!(second.parameter("name").unwrap(), "cc.diff");
    assert_eq!(second.description().unwrap(), "Compiler diff");
    assert_eq!(
        second.id().unwrap(),
        "<960723163407.20117h@cac.washington.edu>"
    );
}

#[test]
fn section_numbers_are_those_of_the_example_in_rfc_9051() {
    let leaf = |kind: &str| format!("(\"{kind}\" \"X\" NIL NIL NIL \"7BIT\" 1)");
    let text = "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 1)";
    let envelope = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";
    let message =
        |body: &str| format!("(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 1 {envelope} {body} 9)");
    // RFC 9051 §6.4.5: 1 TEXT, 2 APPLICATION, 3 MESSAGE with 3.1 and 3.2, 4 MULTIPART with
    // 4.1 IMAGE, 4.2 MESSAGE with 4.2.1 and 4.2.2, which has 4.2.2.1 and 4.2.2.2.
    let inner = format!(
        "({text}({text}{} \"ALTERNATIVE\") \"MIXED\")",
        leaf("TEXTS")
    );
    let wire = format!(
        "({text}{}{}({}{} \"MIXED\") \"MIXED\")",
        leaf("APPLICATION"),
        message(&format!("({text}{} \"MIXED\")", leaf("APPLICATION"))),
        leaf("IMAGE"),
        message(&inner),
    );
    let body = BodyStructure::parse(Bytes::from(wire), Tolerances::NONE).unwrap();
    let mut parts = body.parts();
    let mut paths = Vec::new();
    while parts.next().is_some() {
        let path: Vec<_> = parts.path().iter().map(u32::to_string).collect();
        paths.push(path.join("."));
    }
    assert_eq!(
        paths,
        [
            "", "1", "2", "3", "3", "3.1", "3.2", "4", "4.1", "4.2", "4.2", "4.2.1", "4.2.2",
            "4.2.2.1", "4.2.2.2"
        ]
    );
    // A message that is no multipart has its body at 1.
    let wire = format!("({} \"DIGEST\")", message(text));
    let body = BodyStructure::parse(Bytes::from(wire), Tolerances::NONE).unwrap();
    let mut parts = body.parts();
    assert_eq!(parts.nth(2).unwrap().kind(), PartKind::Text);
    assert_eq!(parts.path(), [1, 1]);
}

#[test]
fn codes_are_typed_and_keep_ranges() {
    let read = status(b"A003 OK [COPYUID 38505 304,319:320 3956:3958] Done");
    assert_eq!(read.tag(), Some(&b"A003"[..]));
    let Some(Code::CopyUid {
        validity,
        source,
        target,
    }) = read.code()
    else {
        panic!("{read:?}");
    };
    assert_eq!(validity, nz(38505));
    assert_eq!((source.count(), target.count()), (Some(3), Some(3)));
    let read = status(b"* OK [PERMANENTFLAGS (\\Deleted $Junk \\*)] Limited");
    let Some(Code::PermanentFlags(flags)) = read.code() else {
        panic!("{read:?}");
    };
    assert!(flags.contains(&Flag::Wildcard) && flags.iter().count() == 3);
    let read = status(b"* OK [CAPABILITY IMAP4rev2 X-PIG] hi");
    let Some(Code::Capability(names)) = read.code() else {
        panic!("{read:?}");
    };
    let offered = Capabilities::of_code(names);
    assert!(offered.contains(Capability::of(b"x-pig")));
    let read = status(b"* OK [X-NEW some thing] text [not a code]");
    assert_eq!(
        read.code(),
        Some(Code::Unknown {
            name: b"X-NEW",
            argument: Some(b"some thing")
        })
    );
    assert_eq!(read.text(), "text [not a code]");
    for (wire, code) in [
        (&b"a NO [CANNOT] x"[..], Code::Cannot),
        (b"a NO [inuse] x", Code::InUse),
        (
            b"* OK [HIGHESTMODSEQ 9223372036854775807] x",
            Code::HighestModSeq(i64::MAX as u64),
        ),
    ] {
        assert_eq!(status(wire).code(), Some(code));
    }
}

#[test]
fn what_is_built_is_read_as_the_same() {
    let tag = Tag::new(b"A1").unwrap();
    let set = |text: &str| text.parse::<SequenceSet>().unwrap();
    let codes = [
        Code::Alert,
        Code::AppendUid {
            validity: nz(7),
            uids: set("1,3:5"),
        },
        Code::CopyUid {
            validity: nz(7),
            source: set("1:3"),
            target: set("8,10:11"),
        },
        Code::HighestModSeq(u64::from(u32::MAX) + 1),
        Code::MailboxId(Text::plain(b"F1")),
        Code::Modified(set("1:4294967295")),
        Code::PermanentFlags(Flags::from_iter([Flag::Seen, Flag::Wildcard])),
        Code::UidNext(nz(u32::MAX)),
        Code::UidValidity(nz(1)),
        Code::Unseen(nz(2)),
        Code::UnknownCte,
        Code::Unknown {
            name: b"X-A",
            argument: Some(b"b c"),
        },
    ];
    for code in &codes {
        round_trip(&Response::Status(Status::tagged(
            &tag,
            Condition::No,
            Some(code),
            "text",
        )));
        round_trip(&Response::Status(Status::untagged(
            Condition::Ok,
            Some(code),
            "",
        )));
    }
    for condition in [
        Condition::Ok,
        Condition::PreAuth,
        Condition::Bye,
        Condition::Bad,
    ] {
        round_trip(&Response::Status(Status::untagged(
            condition,
            None,
            "[ALERT] only text",
        )));
        round_trip(&Response::Status(Status::untagged(
            condition,
            None,
            "two\r\n* BYE lines",
        )));
    }
    round_trip(&Response::Continuation(Continuation::new("")));
    round_trip(&Response::Capability(Capabilities::new([
        &b"IMAP4rev2"[..],
        b"AUTH=X",
        b"no good",
    ])));
    round_trip(&Response::Enabled(Capabilities::enabled([])));
    for name in [
        "INBOX",
        "a b",
        "quo\"te\\",
        "&-",
        "NIL",
        "(x)",
        "\u{fc}",
        "100%*",
        "a]",
    ] {
        let name = Mailbox::new(name.as_bytes()).unwrap();
        let extended = [
            ListExtended::OldName(Text::plain(b"was \"this\"")),
            ListExtended::Unknown {
                tag: Text::plain(b"X-TAG"),
                value: b"(1 (2))",
            },
        ];
        let attributes = [ListAttribute::NoSelect, ListAttribute::of(b"\\X-Own")];
        round_trip(&Response::List(List::new(
            &attributes,
            Some(b'\\'),
            &name,
            &extended,
        )));
        round_trip(&Response::Lsub(List::lsub(&[], None, &name)));
        let items = [
            StatusItem::Messages(1),
            StatusItem::Size(i64::MAX as u64),
            StatusItem::UidNext(nz(9)),
            StatusItem::AppendLimit(None),
            StatusItem::MailboxId(Text::plain(b"F2")),
        ];
        let status = MailboxStatus::new(&name, &items);
        assert_eq!(status.mailbox().unwrap(), name);
        round_trip(&Response::MailboxStatus(status));
    }
    let spaces = [
        Namespace::new(Text::plain(b""), Some(b'/')),
        Namespace::new(Text::plain(b"#\"x\\"), None),
    ];
    round_trip(&Response::Namespace(Namespaces::new(
        &spaces,
        &[],
        &spaces[..1],
    )));
    let items = [
        ESearchItem::Min(nz(1)),
        ESearchItem::Max(nz(9)),
        ESearchItem::Count(2),
        ESearchItem::All(set("1,9")),
        ESearchItem::ModSeq(5),
        ESearchItem::Partial {
            range: b"1:5",
            set: None,
        },
    ];
    round_trip(&Response::ESearch(ESearch::new(b"A\"1", &items)));
    round_trip(&Response::ESearch(ESearch::uids(b"A1", &[])));
    round_trip(&Response::Search(Numbers::search([], None)));
    round_trip(&Response::Sort(Numbers::sort([nz(5), nz(1)], Some(9))));
    round_trip(&Response::Flags(FlagList::new(&Flags::from_iter([
        Flag::new(b"$X").unwrap(),
    ]))));
    round_trip(&Response::Exists(0));
    round_trip(&Response::Recent(u32::MAX));
    round_trip(&Response::Expunge(nz(1)));
    round_trip(&Response::Vanished(Vanished::now(&set("5:3,9"))));
    round_trip(&Response::Vanished(Vanished::earlier(&set("1"))));
    round_trip(&Response::Id(ServerId::new([
        (&b"a\r\nb"[..], Some(&b"\xff"[..])),
        (b"", None),
    ])));
    round_trip(&Response::Id(ServerId::new([])));
}

#[test]
fn threads_are_written_as_they_are_read() {
    let node = |number: u32, level| ThreadNode::new(std::num::NonZero::new(number), level);
    for nodes in [
        vec![],
        vec![node(1, 0)],
        vec![
            node(2, 0),
            node(3, 0),
            node(6, 1),
            node(4, 2),
            node(23, 3),
            node(44, 2),
            node(7, 3),
        ],
        vec![node(0, 0), node(3, 1), node(5, 1), node(6, 2)],
        vec![
            node(1, 0),
            node(2, 1),
            node(0, 1),
            node(3, 2),
            node(4, 2),
            node(5, 0),
        ],
        (0..200).map(|level| node(level + 1, level)).collect(),
    ] {
        let thread = Thread::new(&nodes);
        assert!(thread.iter().eq(nodes.iter().copied()), "{thread:?}");
        round_trip(&Response::Thread(thread));
    }
    // A branch at each of 200 levels cannot be written as deep; all messages are still there.
    let nodes: Vec<_> = (0..200)
        .flat_map(|level| [node(level * 2 + 1, level), node(level * 2 + 2, level)])
        .collect();
    let thread = Thread::new(&nodes);
    assert_eq!(thread.iter().count(), nodes.len());
    round_trip(&Response::Thread(thread));
}

fn envelope() -> Envelope {
    let people = [
        AddressParts::new(Some(b"Fred \"F\" Foobar\\"), b"fred", b"example.org"),
        AddressParts::group(b"friends"),
        AddressParts::group_end(),
    ];
    Envelope::builder()
        .date(Some(b"Mon, 7 Feb 1994 21:52:25 -0800"))
        .subject(Some("gr\u{fc}\u{df}e\r\n\0".as_bytes()))
        .from(&people)
        .to(&people[..1])
        .message_id(Some(b"<1@example.org>"))
        .build()
}

fn structure(form: BodyForm) -> BodyStructure {
    let mut builder = BodyStructure::builder(form);
    let mut text = PartFields::new(b"TEXT", b"PLAIN");
    text.parameters = &[(b"CHARSET", b"UTF-8"), (b"FORMAT", b"FLOWED")];
    (text.octets, text.lines) = (12, 1);
    let mut image = PartFields::new(b"IMAGE", b"PNG");
    image.id = Some(b"<i@x>");
    image.description = Some(b"a \"picture\"");
    image.encoding = b"BASE64";
    image.extension.md5 = Some(b"abc");
    image.extension.disposition = Some((b"attachment", &[(b"filename", b"a.png")]));
    image.extension.languages = &[b"de", b"en"];
    image.extension.location = Some(b"http://x/");
    builder.begin_multipart();
    builder.part(&text);
    builder.begin_message(&PartFields::new(b"MESSAGE", b"RFC822"), &envelope());
    builder.part(&image);
    builder.end_message(7, &image.extension);
    builder.part(&image);
    builder.end_multipart(b"MIXED", &[(b"BOUNDARY", b"=_x")], &image.extension);
    builder.finish().unwrap()
}

#[test]
fn a_built_fetch_is_read_as_the_same() {
    let read = structure(BodyForm::BodyStructure);
    let root = read.root().unwrap();
    assert_eq!(root.parameter("boundary").unwrap(), "=_x");
    assert_eq!(
        root.disposition().unwrap().parameter("filename").unwrap(),
        "a.png"
    );
    let message = root.children().nth(1).unwrap();
    assert_eq!(
        (message.kind(), message.lines()),
        (PartKind::Message, Some(7))
    );
    assert_eq!(message.envelope().unwrap(), envelope());
    let image = message.children().next().unwrap();
    assert_eq!(image.languages().count(), 2);
    assert_eq!(
        (image.md5().unwrap(), image.location().unwrap()),
        (Text::plain(b"abc"), Text::plain(b"http://x/"))
    );
    let kinds: Vec<_> = envelope().from().map(|address| address.kind()).collect();
    assert_eq!(
        kinds,
        [
            AddressKind::Mailbox,
            AddressKind::Group,
            AddressKind::GroupEnd
        ]
    );
    assert_eq!(envelope().subject().unwrap(), "gr\u{fc}\u{df}e\r\n");

    let section = |wire: &'static [u8]| Section::of(wire).unwrap();
    let built = Fetch::builder(nz(5))
        .flags(&Flags::from_iter([
            Flag::Seen,
            Flag::new(b"$Junk").unwrap(),
        ]))
        .uid(nz(77))
        .internal_date(DateTime::from_timestamp(1).unwrap())
        .size(9_000_000_000)
        .envelope(&envelope())
        .body(&structure(BodyForm::Body))
        .body_structure(&structure(BodyForm::BodyStructure))
        .mod_seq(12)
        .section(section(b""), None, Some(b"whole \0\r\n"))
        .section(
            section(b"1.HEADER.FIELDS.NOT (\"X Y\" b)"),
            Some(5),
            Some(b""),
        )
        .section(section(b"9.MIME"), None, None)
        .binary(section(b"2"), None, Some(b"\0\xff"))
        .binary_size(section(b"2"), 2)
        .rfc822(b"x")
        .rfc822_header(b"y")
        .rfc822_text(b"z")
        .extension(b"X-NEW", b"((a b) {2}\r\n() \"(\")")
        .build();
    assert_eq!(built.items().count(), 17);
    assert_eq!(
        (built.uid(), built.size(), built.mod_seq()),
        (Some(nz(77)), Some(9_000_000_000), Some(12))
    );
    assert!(matches!(built.section(b"9.mime"), Some(Content::Nil)));
    assert_eq!(
        built.body_structure().unwrap(),
        structure(BodyForm::BodyStructure)
    );
    round_trip(&Response::Fetch(built.clone()));
    // The same from a frame, item by item.
    let read = fetch(built.wire());
    assert!(read.items().eq(built.items()));
    assert_eq!(read.envelope(), built.envelope());
    assert_eq!(read.internal_date(), built.internal_date());
    assert_eq!(read.flags(), built.flags());
    assert!(!format!("{read:?} {:?}", read.items().collect::<Vec<_>>()).contains("whole"));
}

#[test]
fn a_body_that_goes_another_way_is_named_and_counted() {
    let built = Fetch::builder(nz(1))
        .uid(nz(2))
        .streamed_section(Section::of(b"1").unwrap(), Some(4), 100_000)
        .streamed_binary(Section::of(b"2").unwrap(), None, 200_000)
        .size(3)
        .build();
    let pieces: Vec<_> = built.pieces().collect();
    let heads: Vec<_> = pieces
        .iter()
        .map(|(head, _)| String::from_utf8_lossy(head))
        .collect();
    assert_eq!(
        heads,
        [
            "* 1 FETCH (UID 2 BODY[1]<4> {100000}\r\n",
            " BINARY[2] ~{200000}\r\n",
            " RFC822.SIZE 3)\r\n",
        ]
    );
    let joined: Vec<u8> = pieces
        .iter()
        .flat_map(|(head, _)| head.strip_suffix(b"\r\n").unwrap().to_vec())
        .collect();
    let (read, notices) = Fetch::parse_streamed(joined.clone().into(), Tolerances::NONE).unwrap();
    assert!(notices.is_empty());
    assert_eq!(read, built);
    assert!(read.items().any(|item| matches!(
        item,
        FetchItem::Binary {
            content: Content::Streamed(200_000),
            ..
        }
    )));
    // In a whole response nothing went another way.
    let (Response::Fetch(read), notices) = Response::parse(joined.into(), Tolerances::ALL).unwrap()
    else {
        panic!();
    };
    assert!(notices.invalid_items() > 0);
    assert!(
        !read
            .items()
            .any(|item| matches!(item, FetchItem::Binary { .. }))
    );
}

#[test]
fn what_is_no_tree_is_not_built() {
    let part = PartFields::new(b"IMAGE", b"PNG");
    let message = PartFields::new(b"MESSAGE", b"RFC822");
    let calls: [fn(
        &mut mailwire_imap::bodystructure::BodyStructureBuilder,
        &PartFields<'_>,
        &PartFields<'_>,
    ); 7] = [
        |b, part, _| {
            b.part(part);
            b.part(part);
        },
        |b, _, _| b.begin_multipart(),
        |b, _, _| b.end_multipart(b"MIXED", &[], &Extension::default()),
        |b, _, _| {
            b.begin_multipart();
            b.end_multipart(b"MIXED", &[], &Extension::default());
        },
        |b, part, _| {
            b.begin_multipart();
            b.part(part);
            b.end_message(0, &Extension::default());
        },
        |b, _, message| b.part(message),
        |b, part, message| {
            b.begin_message(message, &Envelope::builder().build());
            b.part(part);
            b.part(part);
            b.end_message(0, &Extension::default());
        },
    ];
    for call in calls {
        let mut builder = BodyStructure::builder(BodyForm::Body);
        call(&mut builder, &part, &message);
        assert!(builder.finish().is_err());
    }
}

#[test]
fn refusals_say_what_and_where() {
    for (wire, expected, offset) in [
        (&b""[..], Expected::Response, 0),
        (b"* ", Expected::Response, 2),
        (b"a", Expected::Space, 1),
        (b"a BYE x", Expected::Status, 2),
        (b"a FETCH", Expected::Status, 2),
        (b"* OK", Expected::Text, 4),
        (b"+", Expected::Continuation, 1),
        (b"+x", Expected::Continuation, 1),
        (b"* 0 EXPUNGE", Expected::NzNumber, 2),
        (b"* 4294967296 EXISTS", Expected::Number, 2),
        (b"* 1 EXISTS x", Expected::End, 10),
        (b"* LIST (\\A) \"//\" x", Expected::Quoted, 12),
        (b"* LIST (\\A \"/\" x", Expected::Flag, 11),
        (b"* SEARCH 1 0", Expected::NzNumber, 11),
        (b"* SEARCH 1 x", Expected::Number, 11),
        (
            b"* SEARCH 1 (MODSEQ 9223372036854775808)",
            Expected::Number,
            19,
        ),
        (b"* VANISHED 1:*", Expected::Number, 13),
        (b"* THREAD ()", Expected::Number, 10),
        (b"* THREAD (1)(", Expected::Number, 13),
        (b"* ID (\"a\")", Expected::Space, 9),
        (b"* NAMESPACE NIL NIL", Expected::Space, 19),
        (b"* STATUS x (MESSAGES)", Expected::Space, 20),
        (b"* CAPABILITY IDLE (", Expected::Capability, 18),
        (b"* FLAGS (\\Seen", Expected::Space, 14),
        (b"* 1 FETCH UID 5", Expected::List, 10),
    ] {
        let error = strict(wire).expect_err(&wire.escape_ascii().to_string());
        assert_eq!(
            (error.expected, error.offset),
            (expected, offset),
            "{}",
            wire.escape_ascii()
        );
    }
}
