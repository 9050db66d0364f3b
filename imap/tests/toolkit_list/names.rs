//! Which names mailboxes may be given.

use mailwire_imap::{
    mailbox::{Encoding, Mailbox},
    response::Code,
    toolkit::list::{NamePolicy, RefusedName},
};

use super::name;

#[test]
fn imap_19_names_that_mislead_a_store_are_refused() {
    let policy = NamePolicy::new(Some(b'/'), Encoding::Utf7);
    let long = "x".repeat(256);
    let deep = vec!["a"; 1_000].join("/");
    for (bad, error) in [
        ("", RefusedName::Empty),
        ("/", RefusedName::Empty),
        ("//", RefusedName::EmptyLevel),
        ("/a", RefusedName::EmptyLevel),
        ("a//", RefusedName::EmptyLevel),
        ("a//b", RefusedName::EmptyLevel),
        (".", RefusedName::Reserved),
        ("..", RefusedName::Reserved),
        ("../../etc/passwd", RefusedName::Reserved),
        ("a/./b", RefusedName::Reserved),
        ("a/..", RefusedName::Reserved),
        ("~root", RefusedName::Reserved),
        ("a/~root", RefusedName::Reserved),
        ("#news.comp", RefusedName::Reserved),
        ("a*", RefusedName::Wildcard),
        ("a/%", RefusedName::Wildcard),
        ("&AAcACA-", RefusedName::Control),
        ("a&AIA-", RefusedName::Control),
        ("&ICg-", RefusedName::Control),
        (&long, RefusedName::TooLong),
        (&"y/".repeat(520), RefusedName::TooLong),
        (&deep[..999], RefusedName::TooDeep),
        ("inBox", RefusedName::Inbox),
        ("inbox/", RefusedName::Inbox),
    ] {
        assert_eq!(policy.create(&name(bad)), Err(error), "{bad}");
    }
    // Modified UTF-7 that has another form, or is none.
    for bad in [
        &b"&"[..],
        b"a&",
        b"&AGE-",
        b"&AC8-",
        b"&AC4-&AC4-",
        b"&2AA-",
        b"&AOQ",
        b"&AOR-",
        b"&-&AOQ-&AOQ-",
        b"\xc3\xa4",
        b"a\tb",
        b"a\x7f",
    ] {
        let refused = policy.create(&name(bad)).unwrap_err();
        assert!(
            matches!(refused, RefusedName::Encoding(_)),
            "{}",
            bad.escape_ascii()
        );
        assert_eq!(refused.code(), Code::Cannot);
    }
    let utf8 = NamePolicy::new(Some(b'/'), Encoding::Utf8);
    for (bad, error) in [
        (&b"\xff"[..], None),
        (b"\xed\xa0\x80", None),
        (b"\xc0\xaf", None),
        (b"a\x1bb", Some(RefusedName::Control)),
        (b"\xc2\x85", Some(RefusedName::Control)),
        (b"\xe2\x80\xa8", Some(RefusedName::Control)),
    ] {
        let refused = utf8.create(&name(bad)).unwrap_err();
        match error {
            Some(error) => assert_eq!(refused, error),
            None => assert!(matches!(refused, RefusedName::Encoding(_))),
        }
    }
    for bad in [&b"a\0b"[..], b"a\rb", b"a\nb"] {
        assert!(Mailbox::new(bad).is_err());
    }
    // A dot as separator makes a slash part of a name, which no store may take for a path.
    let dots = NamePolicy::new(Some(b'.'), Encoding::Utf7);
    assert_eq!(dots.create(&name("a/../b")), Err(RefusedName::Reserved));
    assert_eq!(dots.create(&name("a/b")), Err(RefusedName::Reserved));
    assert_eq!(dots.create(&name("a..b")), Err(RefusedName::EmptyLevel));
}

#[test]
fn names_that_people_use_are_let_through_in_one_form() {
    let policy = NamePolicy::new(Some(b'/'), Encoding::Utf7);
    for good in [
        "Sent",
        "Sent Items",
        "a.b",
        "...",
        "R&-D",
        "&U,BTFw-/&ZeVnLIqe-",
        "[Gmail]/All Mail",
        "a~",
        "a#b",
        "INBOX2",
        "INBOX/Work",
        "a\\b",
        "\"quoted\"",
    ] {
        assert_eq!(policy.create(&name(good)), Ok(name(good)), "{good}");
    }
    assert_eq!(
        policy.create(&name("owatagusiam/")),
        Ok(name("owatagusiam"))
    );
    assert_eq!(policy.create(&name("iNbOx/a")), Ok(name("INBOX/a")));
    assert_eq!(policy.check(&name("inbox")), Ok(Mailbox::inbox()));
    let utf8 = NamePolicy::new(Some(b'/'), Encoding::Utf8);
    assert_eq!(
        utf8.create(&name("Entw\u{fc}rfe & so")),
        Ok(name("Entw\u{fc}rfe & so"))
    );
}

#[test]
fn rename_and_delete_leave_inbox_and_themselves_alone() {
    let policy = NamePolicy::new(Some(b'/'), Encoding::Utf7);
    let rename = |from: &str, to: &str| policy.rename(&name(from), &name(to));
    assert_eq!(rename("a", "b/"), Ok((name("a"), name("b"))));
    assert_eq!(rename("a", "ab"), Ok((name("a"), name("ab"))));
    assert_eq!(
        rename("inbox", "INBOX/old"),
        Ok((Mailbox::inbox(), name("INBOX/old")))
    );
    assert_eq!(rename("a", "Inbox"), Err(RefusedName::Inbox));
    assert_eq!(rename("a", "a"), Err(RefusedName::Same));
    assert_eq!(rename("a", "a/b"), Err(RefusedName::BelowItself));
    assert_eq!(rename("a", "a/../b"), Err(RefusedName::Reserved));
    assert_eq!(RefusedName::Same.code(), Code::AlreadyExists);
    assert_eq!(RefusedName::TooDeep.code(), Code::Limit);
    assert_eq!(policy.delete(&name("INBOX")), Err(RefusedName::KeepsInbox));
    assert_eq!(policy.delete(&name("a")), Ok(name("a")));
}
