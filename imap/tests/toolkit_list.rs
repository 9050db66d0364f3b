//! LIST, LSUB and STATUS: the examples of the RFCs, and what a hostile client may ask.

mod names;

use std::num::NonZeroU32;

use mailwire_core::text::Octets;
use mailwire_imap::{
    command::{CommandBody, StatusItem},
    mailbox::Mailbox,
    response::{ListAttribute, Response, Tolerances},
    toolkit::list::{Existence, MailboxFacts, Mailboxes, Pattern, StatusFacts, Wording},
};

use crate::commands::parse;

fn name(name: impl AsRef<[u8]>) -> Mailbox {
    Mailbox::new(name.as_ref()).unwrap()
}

/// A mailbox, written as in a LIST response: `(\Marked \Subscribed) INBOX`.
fn facts(written: &str) -> MailboxFacts {
    let (attributes, rest) = written
        .strip_prefix('(')
        .map_or(("", written), |rest| rest.split_once(") ").unwrap());
    let mut facts = MailboxFacts::new(name(rest));
    for attribute in attributes.split_whitespace() {
        match ListAttribute::of(attribute.as_bytes()) {
            ListAttribute::Subscribed => facts.is_subscribed = true,
            ListAttribute::NonExistent => facts.existence = Existence::NonExistent,
            ListAttribute::NoSelect => facts.existence = Existence::NoSelect,
            ListAttribute::Marked => facts.attributes.push(ListAttribute::Marked),
            ListAttribute::NoInferiors => facts.attributes.push(ListAttribute::NoInferiors),
            ListAttribute::Remote => facts.attributes.push(ListAttribute::Remote),
            ListAttribute::Sent => facts.attributes.push(ListAttribute::Sent),
            ListAttribute::Drafts => facts.attributes.push(ListAttribute::Drafts),
            ListAttribute::Trash => facts.attributes.push(ListAttribute::Trash),
            other => panic!("{other:?}"),
        }
    }
    facts
}

fn mailboxes(delimiter: u8, written: &[&str]) -> Mailboxes {
    Mailboxes::new(
        Some(delimiter),
        written.iter().map(|written| facts(written)),
    )
}

fn told_to(mailboxes: &Mailboxes, command: &str, wording: Wording) -> Vec<String> {
    let listing = match parse(format!("a {command}").as_bytes()).unwrap().body {
        CommandBody::List(list) => mailboxes.list(&list, wording).unwrap(),
        CommandBody::Lsub { reference, pattern } => mailboxes.lsub(&reference, &pattern),
        other => panic!("{other:?}"),
    };
    let mut told = Vec::new();
    for listed in listing {
        let status = listed.status().map(|(name, items)| {
            let names: Vec<_> = items.iter().map(StatusItem::name).collect();
            format!(
                "STATUS {} {}",
                name.as_bytes().escape_ascii(),
                names.join(&b' ').escape_ascii()
            )
        });
        let response = listed.into_response();
        let mut wire = bytes::BytesMut::new();
        response.encode(&mut wire);
        let wire = wire.freeze().slice(..wire_len(&response));
        let (again, notices) = Response::parse(wire.clone(), Tolerances::NONE).unwrap();
        assert!(again == response && notices.is_empty(), "{wire:?}");
        let wire = String::from_utf8(wire.to_vec()).unwrap();
        told.push(wire.strip_prefix("* LIST ").unwrap_or(&wire).to_owned());
        told.extend(status);
    }
    told
}

fn wire_len(response: &Response) -> usize {
    match response {
        Response::List(list) | Response::Lsub(list) => list.wire().len(),
        other => panic!("{other:?}"),
    }
}

fn told(mailboxes: &Mailboxes, command: &str) -> Vec<String> {
    told_to(mailboxes, command, Wording::Rev1)
}

/// RFC 5258 §5, the hierarchy of examples 1 to 6.
fn fruit() -> Mailboxes {
    mailboxes(
        b'/',
        &[
            r"(\Marked \NoInferiors \Subscribed) inbox",
            "Fruit",
            "Fruit/Apple",
            r"(\Subscribed) Fruit/Banana",
            r"(\Subscribed \NonExistent) Fruit/Peach",
            "Tofu",
            r"(\Subscribed) Vegetable",
            r"(\Subscribed) Vegetable/Broccoli",
            "Vegetable/Corn",
            r"(\Remote \Subscribed) Bread",
            r"(\Remote) Meat",
            r"(\Remote) Meat/Beef",
        ],
    )
}

#[test]
fn a_basic_list_names_what_exists_with_its_children() {
    assert_eq!(
        told(&fruit(), r#"LIST "" "*""#),
        [
            r#"(\Marked \NoInferiors) "/" INBOX"#,
            r#"(\HasChildren) "/" Fruit"#,
            r#"(\HasNoChildren) "/" Fruit/Apple"#,
            r#"(\HasNoChildren) "/" Fruit/Banana"#,
            r#"(\HasNoChildren) "/" Tofu"#,
            r#"(\HasChildren) "/" Vegetable"#,
            r#"(\HasNoChildren) "/" Vegetable/Broccoli"#,
            r#"(\HasNoChildren) "/" Vegetable/Corn"#,
        ]
    );
}

#[test]
fn selection_and_return_options_do_what_rfc_5258_shows() {
    // Example 2.
    assert_eq!(
        told(&fruit(), r#"LIST (SUBSCRIBED) "" "*""#),
        [
            r#"(\Marked \NoInferiors \Subscribed) "/" INBOX"#,
            r#"(\Subscribed) "/" Fruit/Banana"#,
            r#"(\Subscribed \NonExistent) "/" Fruit/Peach"#,
            r#"(\Subscribed) "/" Vegetable"#,
            r#"(\Subscribed) "/" Vegetable/Broccoli"#,
        ]
    );
    // Example 3.
    assert_eq!(
        told(&fruit(), r#"LIST () "" "%" RETURN (CHILDREN)"#),
        [
            r#"(\Marked \NoInferiors) "/" INBOX"#,
            r#"(\HasChildren) "/" Fruit"#,
            r#"(\HasNoChildren) "/" Tofu"#,
            r#"(\HasChildren) "/" Vegetable"#,
        ]
    );
    // Example 4.
    assert_eq!(
        told(&fruit(), r#"LIST (REMOTE) "" "%" RETURN (CHILDREN)"#),
        [
            r#"(\Marked \NoInferiors) "/" INBOX"#,
            r#"(\Remote \HasNoChildren) "/" Bread"#,
            r#"(\HasChildren) "/" Fruit"#,
            r#"(\Remote \HasChildren) "/" Meat"#,
            r#"(\HasNoChildren) "/" Tofu"#,
            r#"(\HasChildren) "/" Vegetable"#,
        ]
    );
    // Example 5.
    assert_eq!(
        told(&fruit(), r#"LIST (REMOTE SUBSCRIBED) "" "*""#),
        [
            r#"(\Marked \NoInferiors \Subscribed) "/" INBOX"#,
            r#"(\Remote \Subscribed) "/" Bread"#,
            r#"(\Subscribed) "/" Fruit/Banana"#,
            r#"(\Subscribed \NonExistent) "/" Fruit/Peach"#,
            r#"(\Subscribed) "/" Vegetable"#,
            r#"(\Subscribed) "/" Vegetable/Broccoli"#,
        ]
    );
    // Example 6: what does not exist is not named.
    assert_eq!(
        told(&fruit(), r#"LIST (REMOTE) "" "*" RETURN (SUBSCRIBED)"#),
        [
            r#"(\Marked \NoInferiors \Subscribed) "/" INBOX"#,
            r#"(\Remote \Subscribed) "/" Bread"#,
            r#"() "/" Fruit"#,
            r#"() "/" Fruit/Apple"#,
            r#"(\Subscribed) "/" Fruit/Banana"#,
            r#"(\Remote) "/" Meat"#,
            r#"(\Remote) "/" Meat/Beef"#,
            r#"() "/" Tofu"#,
            r#"(\Subscribed) "/" Vegetable"#,
            r#"(\Subscribed) "/" Vegetable/Broccoli"#,
            r#"() "/" Vegetable/Corn"#,
        ]
    );
}

#[test]
fn several_patterns_name_each_mailbox_once() {
    // RFC 5258 §5 example 7, and patterns that overlap or are empty.
    let all = mailboxes(
        b'/',
        &[
            "inbox",
            r"(\NoInferiors) Drafts",
            "Sent",
            r"(\Marked) Sent/December2003",
            "Other",
        ],
    );
    let expected = [
        r#"() "/" INBOX"#,
        r#"(\NoInferiors) "/" Drafts"#,
        r#"(\Marked) "/" Sent/December2003"#,
    ];
    assert_eq!(
        told(&all, r#"LIST "" ("INBOX" "Drafts" "Sent/%")"#),
        expected
    );
    assert_eq!(
        told(
            &all,
            r#"LIST "" ("Sent/*" "iNBox" "" "INBOX" "D%" "Drafts" "Sent/%")"#
        ),
        expected
    );
    assert!(told(&all, r#"LIST "" ("")"#).is_empty());
    assert!(told(&all, r#"LIST () "" """#).is_empty());
}

#[test]
fn child_info_is_told_of_parents_of_what_is_looked_for() {
    // RFC 5258 §5 example 8.
    let foo = |subscribed: &[&str]| {
        let all = ["inbox", "Foo", "Foo/Bar", "Foo/Baz", "Moo"];
        let facts = all.map(|written| {
            let mut facts = facts(written);
            facts.is_subscribed = subscribed.contains(&written);
            facts
        });
        Mailboxes::new(Some(b'/'), facts)
    };
    let recursive = r#"LIST (SUBSCRIBED RECURSIVEMATCH) "" "%""#;
    let baz = foo(&["Foo/Baz"]);
    assert_eq!(
        told(&baz, r#"LIST (SUBSCRIBED) "" "*""#),
        [r#"(\Subscribed) "/" Foo/Baz"#]
    );
    assert!(told(&baz, r#"LIST (SUBSCRIBED) "" "%""#).is_empty());
    let info = r#"("CHILDINFO" ("SUBSCRIBED"))"#;
    assert_eq!(told(&baz, recursive), [format!(r#"() "/" Foo {info}"#)]);
    let both = foo(&["Foo", "Foo/Baz"]);
    assert_eq!(
        told(&both, recursive),
        [format!(r#"(\Subscribed) "/" Foo {info}"#)]
    );
    let hole = mailboxes(b'/', &["inbox", "Foo/Bar", r"(\Subscribed) Foo/Baz", "Moo"]);
    assert_eq!(
        told(&hole, recursive),
        [format!(r#"(\NonExistent \HasChildren) "/" Foo {info}"#)]
    );
    assert!(told(&foo(&[]), recursive).is_empty());
    assert_eq!(
        told(
            &foo(&["Foo", "Moo"]),
            &format!("{recursive} RETURN (CHILDREN)")
        ),
        [
            r#"(\Subscribed \HasChildren) "/" Foo"#,
            r#"(\Subscribed \HasNoChildren) "/" Moo"#
        ]
    );
}

#[test]
fn child_info_does_not_depend_on_the_pattern() {
    // RFC 5258 §5 example 9, without the answers that its §3.5 advises against.
    let all = mailboxes(
        b'/',
        &[
            "inbox",
            "foo2",
            r"(\Subscribed) foo2/bar1",
            r"(\Subscribed) foo2/bar2",
            "baz2",
            r"(\Subscribed) baz2/bar2",
            r"(\Subscribed) baz2/bar22",
            r"(\Subscribed) baz2/bar222",
            r"(\Subscribed) eps2",
            r"(\Subscribed) eps2/mamba",
            r"(\Subscribed) qux2/bar2",
        ],
    );
    assert_eq!(
        told(&all, r#"LIST (RECURSIVEMATCH SUBSCRIBED) "" "*2""#),
        [
            r#"(\Subscribed) "/" baz2/bar2"#,
            r#"(\Subscribed) "/" baz2/bar22"#,
            r#"(\Subscribed) "/" baz2/bar222"#,
            r#"(\Subscribed) "/" eps2 ("CHILDINFO" ("SUBSCRIBED"))"#,
            r#"() "/" foo2 ("CHILDINFO" ("SUBSCRIBED"))"#,
            r#"(\Subscribed) "/" foo2/bar2"#,
            r#"(\Subscribed) "/" qux2/bar2"#,
        ]
    );
}

#[test]
fn child_info_does_not_mean_that_children_exist() {
    // RFC 5258 §5 example 10.
    let all = mailboxes(b'/', &["foo", r"(\Subscribed \NonExistent) foo/bar"]);
    assert_eq!(told(&all, r#"LIST "" ("foo" "foo/*")"#), [r#"() "/" foo"#]);
    assert_eq!(
        told(&all, r#"LIST (SUBSCRIBED) "" "foo/*""#),
        [r#"(\Subscribed \NonExistent) "/" foo/bar"#]
    );
    assert_eq!(
        told(
            &all,
            "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" foo RETURN (CHILDREN)"
        ),
        [r#"(\HasNoChildren) "/" foo ("CHILDINFO" ("SUBSCRIBED"))"#]
    );
}

#[test]
fn missing_levels_are_told_where_the_pattern_ends_with_percent() {
    // RFC 5258 §5 example 11.
    let all = mailboxes(b'/', &["music/rock", r"(\Remote) also/jazz"]);
    assert_eq!(
        told(&all, r#"LIST (REMOTE) "" *"#),
        [r#"(\Remote) "/" also/jazz"#, r#"() "/" music/rock"#]
    );
    assert_eq!(
        told(&all, r#"LIST () "" %"#),
        [r#"(\NonExistent \HasChildren) "/" music"#]
    );
    assert_eq!(
        told(&all, r#"LIST (REMOTE) "" %"#),
        [
            r#"(\NonExistent \HasChildren) "/" also"#,
            r#"(\NonExistent \HasChildren) "/" music"#
        ]
    );
    assert_eq!(
        told(&all, r#"LIST "" (% music/rock)"#),
        [r#"() "/" music/rock"#]
    );
    // RFC 3501 §6.3.8: a client of IMAP4rev1 knows no \NonExistent.
    let deep = mailboxes(b'/', &["~/Mail/foo/bar", "~/Mail/meetings"]);
    assert_eq!(
        told(&deep, "LIST ~/Mail/ %"),
        [
            r#"(\NoSelect \HasChildren) "/" ~/Mail/foo"#,
            r#"(\HasNoChildren) "/" ~/Mail/meetings"#
        ]
    );
    assert_eq!(
        told_to(&deep, r#"LIST "" %"#, Wording::Rev2),
        [r#"(\NonExistent \HasChildren) "/" ~"#]
    );
    assert!(told(&deep, r#"LIST "" ~"#).is_empty());
    let no_select = mailboxes(b'/', &[r"(\NoSelect) a", "a/b"]);
    assert_eq!(
        told(&no_select, r#"LIST "" %"#),
        [r#"(\NoSelect \HasChildren) "/" a"#]
    );
}

#[test]
fn an_empty_pattern_asks_for_the_delimiter() {
    // RFC 3501 §6.3.8.
    assert_eq!(told(&fruit(), r#"LIST "" """#), [r#"(\NoSelect) "/" """#]);
    assert_eq!(
        told(&fruit(), r#"LIST Fruit/Apple """#),
        [r#"(\NoSelect) "/" """#]
    );
    assert_eq!(
        told(&fruit(), r#"LIST /usr/staff/jones """#),
        [r#"(\NoSelect) "/" /"#]
    );
    let flat = Mailboxes::new(None, [facts("a"), facts("a/b")]);
    assert_eq!(told(&flat, r#"LIST "" """#), [r#"(\NoSelect) NIL """#]);
    assert_eq!(
        told(&flat, r#"LIST "" "%""#),
        [r#"(\HasNoChildren) NIL a"#, r#"(\HasNoChildren) NIL a/b"#]
    );
}

#[test]
fn lsub_tells_levels_above_what_is_subscribed() {
    // RFC 3501 §6.3.9.
    let news = mailboxes(
        b'.',
        &[
            r"(\Subscribed) #news.comp.mail.mime",
            r"(\Subscribed \NonExistent) #news.comp.mail.misc",
            "#news.comp.mail.other",
        ],
    );
    assert_eq!(
        told(&news, r##"LSUB "#news." "comp.mail.*""##),
        [
            r##"* LSUB () "." #news.comp.mail.mime"##,
            r##"* LSUB () "." #news.comp.mail.misc"##
        ]
    );
    assert_eq!(
        told(&news, r##"LSUB "#news." "comp.%""##),
        [r##"* LSUB (\NoSelect) "." #news.comp.mail"##]
    );
    let foo = mailboxes(b'/', &["foo", r"(\Subscribed) foo/bar"]);
    assert_eq!(
        told(&foo, r#"LSUB "" %"#),
        [r#"* LSUB (\NoSelect) "/" foo"#]
    );
    assert_eq!(told(&foo, r#"LSUB "" *"#), [r#"* LSUB () "/" foo/bar"#]);
    assert_eq!(
        told(&foo, r#"LSUB "" """#),
        [r#"* LSUB (\NoSelect) "/" """#]
    );
}

#[test]
fn status_is_told_of_what_can_be_selected_and_was_looked_for() {
    // RFC 5819 §3.
    let all = mailboxes(
        b'.',
        &[
            r"(\Subscribed) INBOX",
            "foo",
            r"(\Subscribed) foo.x",
            r"(\NoSelect) bar",
        ],
    );
    assert_eq!(
        told(&all, r#"LIST "" % RETURN (STATUS (MESSAGES UNSEEN))"#),
        [
            r#"() "." INBOX"#,
            "STATUS INBOX MESSAGES UNSEEN",
            r#"(\NoSelect) "." bar"#,
            r#"() "." foo"#,
            "STATUS foo MESSAGES UNSEEN",
        ]
    );
    assert_eq!(
        told(
            &all,
            r#"LIST (SUBSCRIBED RECURSIVEMATCH) "" % RETURN (STATUS (MESSAGES))"#
        ),
        [
            r#"(\Subscribed) "." INBOX"#,
            "STATUS INBOX MESSAGES",
            r#"() "." foo ("CHILDINFO" ("SUBSCRIBED"))"#,
        ]
    );
}

#[test]
fn special_uses_are_told_and_selected() {
    // RFC 6154 §5.1, §5.2.
    let all = mailboxes(
        b'/',
        &[
            r"(\Marked) Inbox",
            "ToDo",
            "Projects",
            "Projects/a",
            r"(\Sent) SentMail",
            r"(\Marked \Drafts) MyDrafts",
            r"(\Trash) Trash",
        ],
    );
    assert_eq!(
        told(&all, r#"LIST "" "%""#),
        [
            r#"(\Marked \HasNoChildren) "/" INBOX"#,
            r#"(\Marked \Drafts \HasNoChildren) "/" MyDrafts"#,
            r#"(\HasChildren) "/" Projects"#,
            r#"(\Sent \HasNoChildren) "/" SentMail"#,
            r#"(\HasNoChildren) "/" ToDo"#,
            r#"(\Trash \HasNoChildren) "/" Trash"#,
        ]
    );
    assert_eq!(
        told(&all, r#"LIST (SPECIAL-USE) "" "*""#),
        [
            r#"(\Marked \Drafts) "/" MyDrafts"#,
            r#"(\Sent) "/" SentMail"#,
            r#"(\Trash) "/" Trash"#,
        ]
    );
    let below = mailboxes(b'/', &["a", r"(\Sent \Subscribed) a/s"]);
    assert_eq!(
        told(&below, r#"LIST (SPECIAL-USE RECURSIVEMATCH) "" %"#),
        [r#"() "/" a ("CHILDINFO" ("SPECIAL-USE"))"#]
    );
    assert_eq!(
        told(
            &below,
            r#"LIST (SPECIAL-USE SUBSCRIBED RECURSIVEMATCH) "" %"#
        ),
        [r#"() "/" a ("CHILDINFO" ("SUBSCRIBED" "SPECIAL-USE"))"#]
    );
}

#[test]
fn inbox_is_found_in_any_case_and_comes_first() {
    let all = mailboxes(
        b'/',
        &[
            "Archive",
            "INBOX/Work",
            "inbox",
            "INBOX2",
            "INBOX/Work/x",
            "a",
        ],
    );
    for command in ["LIST \"\" inbox", "LIST inb ox", "LIST \"\" (iN%X)"] {
        assert_eq!(told(&all, command).len(), 1, "{command}");
    }
    assert_eq!(told(&all, "LIST \"\" inbox/%").len(), 1);
    let names: Vec<_> = told(&all, "LIST () \"\" *")
        .iter()
        .map(|line| line.rsplit(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "INBOX",
            "INBOX/Work",
            "INBOX/Work/x",
            "Archive",
            "INBOX2",
            "a"
        ]
    );
}

#[test]
fn what_is_below_a_name_follows_it_whatever_sorts_between() {
    let all = mailboxes(b'/', &["a-b", "a/b", "a", "a b", "a/b/c", "\u{1}"]);
    assert!(all.has_children(&name("a")) && all.has_children(&name("a/b")));
    assert!(!all.has_children(&name("a-b")) && !all.has_children(&name("none")));
    assert!(all.get(&name("a/b")).is_some() && all.get(&name("b")).is_none());
    assert!(told(&all, "LIST \"\" %").contains(&r#"(\HasChildren) "/" a"#.to_owned()));
}

/// A pattern as one would write it down, at exponential cost.
fn naive(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((wild @ (b'*' | b'%'), rest)) => (0..=name.len())
            .take_while(|at| *wild == b'*' || !name[..*at].contains(&b'/'))
            .any(|at| naive(rest, &name[at..])),
        Some((octet, rest)) => name.first() == Some(octet) && naive(rest, &name[1..]),
    }
}

#[test]
fn patterns_match_as_a_naive_matcher_does() {
    let alphabet = *b"ab/%*";
    let mut strings: Vec<Vec<u8>> = vec![Vec::new()];
    for at in 0.. {
        if strings[at].len() == 4 {
            break;
        }
        for octet in alphabet {
            let mut longer = strings[at].clone();
            longer.push(octet);
            strings.push(longer);
        }
    }
    let is_name = |string: &&Vec<u8>| !string.iter().any(|octet| matches!(octet, b'*' | b'%'));
    let names: Vec<_> = strings.iter().filter(is_name).collect();
    for pattern in &strings {
        let compiled = Pattern::new(&name(""), pattern, Some(b'/'));
        for candidate in &names {
            assert_eq!(
                compiled.matches(&name(candidate)),
                naive(pattern, candidate),
                "{:?} {:?}",
                pattern.escape_ascii().to_string(),
                candidate.escape_ascii().to_string(),
            );
        }
    }
}

#[test]
fn patterns_longer_than_a_word_match_too() {
    for len in [62, 63, 64, 65, 127, 128, 129, 500] {
        let long = "a".repeat(len);
        let wild = format!("{}*b%c", "a*".repeat(len));
        assert!(
            Pattern::new(&name(""), wild.as_bytes(), Some(b'/'))
                .matches(&name(format!("{long}bxc")))
        );
        assert!(
            !Pattern::new(&name(""), wild.as_bytes(), Some(b'/'))
                .matches(&name(format!("{long}b/c")))
        );
        assert!(
            !Pattern::new(&name(""), wild.as_bytes(), Some(b'/'))
                .matches(&name(format!("{}bc", &long[1..])))
        );
    }
}

#[test]
fn imap_16_wildcards_without_end_cost_no_more_than_one() {
    let count = 100_000;
    let all = Mailboxes::new(
        Some(b'/'),
        (0..count).map(|at| MailboxFacts::new(name(format!("archive/{at:08}/{}", "a".repeat(20))))),
    );
    let long = "a".repeat(1_000);
    let patterns = [
        "*%".repeat(100),
        "%".repeat(10_000),
        "*".repeat(10_000),
        format!("{}b", "*a".repeat(100)),
        format!("{}b", "%a*".repeat(1_000)),
        format!("*{long}"),
        format!("archive/%/{}", "%*a".repeat(20)),
    ];
    for pattern in &patterns {
        let command = format!("LIST () \"\" \"{pattern}\"");
        let CommandBody::List(list) = parse(format!("a {command}").as_bytes()).unwrap().body else {
            unreachable!()
        };
        let found = mailboxes_count(&all, &list);
        let expected = match pattern {
            _ if pattern.ends_with('b') || pattern.ends_with(&long) => 0,
            _ if pattern.starts_with("%%") => 1,
            _ => count,
        };
        assert_eq!(found, expected, "{}", &pattern[..20]);
    }
    // One name that is as long as the pattern is bad.
    let pattern = Pattern::new(&name(""), "*a%a".repeat(4_000).as_bytes(), Some(b'/'));
    assert!(!pattern.matches(&name("a".repeat(60_000))));
    let pattern = Pattern::new(&name(""), "*a%a".repeat(500).as_bytes(), Some(b'/'));
    assert!(pattern.matches(&name("a".repeat(1_001))));
    assert!(!pattern.matches(&name(format!("{}b", "a".repeat(1_001)))));
}

fn mailboxes_count(all: &Mailboxes, list: &mailwire_imap::command::List) -> usize {
    all.list(list, Wording::Rev1).unwrap().count()
}

#[test]
fn inbox_is_told_once_however_a_store_writes_what_is_below_it() {
    let all = mailboxes(
        b'/',
        &["INBOX", "Inbox/work", "inbox/play", "iNbOx/work/late"],
    );
    assert_eq!(
        told_to(&all, "LIST \"\" *", Wording::Rev1),
        [
            r#"(\HasChildren) "/" INBOX"#,
            r#"(\HasNoChildren) "/" INBOX/play"#,
            r#"(\HasChildren) "/" INBOX/work"#,
            r#"(\HasNoChildren) "/" INBOX/work/late"#,
        ]
    );
    assert!(all.get(&name("inBOX/play")).is_some());
    assert!(all.has_children(&name("inbox/work")));
}

#[test]
fn status_tells_every_item_that_is_known() {
    let nz = |number| NonZeroU32::new(number).unwrap();
    let mut facts = StatusFacts::new(nz(7), nz(44_292));
    facts.messages = 231;
    facts.recent = 2;
    facts.unseen = 3;
    facts.deleted = 4;
    facts.deleted_storage = 8;
    facts.size = 44_421;
    facts.highest_mod_seq = 7_011_231_777;
    facts.append_limit = Some(257_890);
    facts.mailbox_id = Some(Octets::from(&b"F2212ea87-6097-4256-9d51-71338625"[..]));
    let all = parse(
        b"a STATUS blurdybloop (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE \
          HIGHESTMODSEQ APPENDLIMIT MAILBOXID DELETED-STORAGE)",
    );
    let CommandBody::Status { mailbox, items } = all.unwrap().body else {
        unreachable!()
    };
    let status = facts.status(&mailbox, items);
    assert_eq!(
        status.wire().escape_ascii().to_string(),
        "* STATUS blurdybloop (MESSAGES 231 RECENT 2 UIDNEXT 44292 UIDVALIDITY 7 UNSEEN 3 DELETED 4 \
         SIZE 44421 HIGHESTMODSEQ 7011231777 APPENDLIMIT 257890 \
         MAILBOXID (F2212ea87-6097-4256-9d51-71338625) DELETED-STORAGE 8)"
    );
    facts.append_limit = None;
    facts.mailbox_id = Some(Octets::from(&b"x) (y"[..]));
    let asked = [StatusItem::AppendLimit, StatusItem::MailboxId];
    let status = facts.status(&mailbox, asked.into_iter().collect());
    assert_eq!(status.wire(), b"* STATUS blurdybloop (APPENDLIMIT NIL)");
}
