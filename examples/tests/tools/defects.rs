//! `mailfetch` from servers that say what ours never would, or go away.

use std::path::Path;

use super::{
    copying::{counts, tree},
    fake::{Answer, Fake},
    fake_imap::{Defect, FakeImap, Mailbox, fetched, has},
    harness::{BOB, Ran, mailfetch},
};

fn inbox() -> Mailbox {
    Mailbox::new(
        "INBOX",
        7,
        [(3, "one\r\n"), (4, "two\r\n"), (9, "three\r\n")],
    )
}

fn texts(dir: &Path) -> Vec<String> {
    tree(dir).into_keys().map(|(_, text)| text).collect()
}

fn skipped(ran: &Ran) -> String {
    ran.json()["skipped"].to_string()
}

#[test]
fn another_uidvalidity_makes_no_second_file() {
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeImap::good(vec![inbox()]);
    assert_eq!(counts(&fake.tool(dir.path()).run()), (1, 3, 0));
    let renewed = Mailbox::new(
        "INBOX",
        8,
        [
            (3, "two\r\n"),
            (4, "three\r\n"),
            (5, "one\r\n"),
            (6, "new\r\n"),
        ],
    );
    let fake = FakeImap::good(vec![renewed]);
    assert_eq!(counts(&fake.tool(dir.path()).run()), (1, 1, 0));
    assert_eq!(
        texts(dir.path()),
        ["new\r\n", "one\r\n", "three\r\n", "two\r\n"]
    );
    assert_eq!(counts(&fake.tool(dir.path()).run()), (1, 0, 0));
    assert_eq!(fake.heard("BODY").len(), 1);
}

#[test]
fn without_uidvalidity_all_is_fetched_again_and_nothing_is_there_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut messages = inbox();
    messages.uid_validity = None;
    let fake = FakeImap::good(vec![messages.clone()]);
    assert_eq!(counts(&fake.tool(dir.path()).run()), (1, 3, 0));
    messages.messages.remove(0);
    messages.messages.push((3, "four\r\n".to_owned()));
    let fake = FakeImap::good(vec![messages]);
    assert_eq!(counts(&fake.tool(dir.path()).run()), (1, 1, 0));
    assert_eq!(
        texts(dir.path()),
        ["four\r\n", "one\r\n", "three\r\n", "two\r\n"]
    );
    let mirrored = fake.tool(dir.path()).args(["--mirror"]).run();
    assert_eq!(counts(&mirrored), (1, 0, 0));
    assert_eq!(texts(dir.path()), ["four\r\n", "three\r\n", "two\r\n"]);
}

#[test]
fn responses_may_come_in_any_order_and_among_others() {
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeImap::serve(vec![inbox()], |_, command| {
        let [one, two, three] = ["one\r\n", "two\r\n", "three\r\n"].map(str::to_owned);
        command.contains("BODY").then(|| {
            Defect::Say(format!(
                "* 4 EXISTS\r\n{}* 2 EXPUNGE\r\n* 1 FETCH (FLAGS (\\Flagged))\r\n{}\
                 * OK [ALERT] look out\r\n{}{}* 77 FETCH (UID 77 BODY[] \"not asked for\")\r\nTAG OK done\r\n",
                fetched(3, 9, Some(&three)),
                fetched(2, 4, Some(&two)),
                fetched(1, 3, Some(&one)),
                // Once more.
                fetched(1, 3, Some(&"other\r\n".to_owned())),
            ))
        })
    });
    let ran = fake.tool(dir.path()).run();
    assert_eq!(counts(&ran), (1, 3, 0));
    assert_eq!(texts(dir.path()), ["one\r\n", "three\r\n", "two\r\n"]);
    assert!(ran.err.contains("the server says: look out"), "{ran:?}");
}

#[test]
fn a_message_that_is_not_sent_is_told_of_and_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    // One answers OK without the content, another refuses; of a third the content is no text.
    for (answer, says) in [
        (
            "* 2 FETCH (UID 4 FLAGS ())\r\nTAG OK done\r\n",
            "did not send",
        ),
        (
            "* 2 FETCH (UID 4 BODY[] NIL)\r\nTAG OK done\r\n",
            "did not send",
        ),
        ("TAG NO [SERVERBUG] disk on fire\r\n", "disk on fire"),
    ] {
        let fake = FakeImap::serve(vec![inbox()], move |_, command| {
            let set = command.split(' ').nth(2).unwrap_or_default();
            let is_hit = command.contains("BODY") && has(set, 4);
            is_hit.then(|| Defect::Say(answer.to_owned()))
        });
        let ran = fake.tool(dir.path()).run();
        assert!(ran.code == 1 || ran.code == 3, "{ran:?}");
        assert!(
            skipped(&ran).contains("UID 4") && skipped(&ran).contains(says),
            "{ran:?}"
        );
        assert_eq!(texts(dir.path()), ["one\r\n", "three\r\n"]);
    }
    assert_eq!(
        counts(&FakeImap::good(vec![inbox()]).tool(dir.path()).run()),
        (1, 1, 0)
    );
    assert_eq!(texts(dir.path()).len(), 3);
}

#[test]
fn a_mailbox_that_cannot_be_opened_does_not_stop_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let other = Mailbox::new("Other", 7, [(1, "other\r\n")]);
    let fake = FakeImap::serve(vec![inbox(), other], |_, command| {
        (command == "EXAMINE INBOX")
            .then(|| Defect::Say("TAG NO [NOPERM] not for you\r\n".to_owned()))
    });
    let ran = fake.tool(dir.path()).run();
    assert_eq!(
        (ran.code, &ran.json()["folders"]),
        (1, &1.into()),
        "{ran:?}"
    );
    assert!(skipped(&ran).contains("not for you"));
    assert_eq!(texts(dir.path()), ["other\r\n"]);
}

#[test]
fn a_search_that_finds_nothing_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let defect = |_: usize, command: &str| {
        command
            .contains("SEARCH")
            .then(|| Defect::Say("* SEARCH\r\nTAG OK done\r\n".to_owned()))
    };
    let fake = FakeImap::serve(vec![inbox()], defect);
    assert_eq!(counts(&fake.tool(dir.path()).run()), (1, 3, 0));
    let fake = FakeImap::serve(vec![inbox()], |_, command| {
        command
            .contains("1:* FLAGS")
            .then(|| Defect::Say("TAG OK nothing\r\n".to_owned()))
    });
    let ran = fake.tool(dir.path()).args(["--mirror"]).run();
    assert_eq!(counts(&ran), (1, 0, 0));
    assert!(ran.err.contains("lists 0 messages and has 3"), "{ran:?}");
    assert_eq!(texts(dir.path()).len(), 3);
}

#[test]
fn a_connection_that_is_cut_inside_a_message_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let half = format!(
        "{}* 2 FETCH (UID 4 BODY[] {{90000}}\r\n{}",
        fetched(1, 3, Some(&"one\r\n".to_owned())),
        "x".repeat(70_000)
    );
    let fake = FakeImap::serve(vec![inbox()], {
        let half = half.clone();
        move |connection, command| {
            (connection == 1 && command.contains("BODY")).then(|| Defect::Cut(half.clone()))
        }
    });
    let ran = fake.tool(dir.path()).run();
    assert_eq!(counts(&ran), (1, 3, 0));
    assert_eq!(ran.json()["reconnects"], 1);
    assert_eq!(texts(dir.path()), ["one\r\n", "three\r\n", "two\r\n"]);

    // Without another try the next run goes on.
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeImap::serve(vec![inbox()], move |_, command| {
        command.contains("BODY").then(|| Defect::Cut(half.clone()))
    });
    let ran = fake.tool(dir.path()).args(["--retries", "0"]).run();
    ran.fails(3, "run it again to go on from there");
    assert_eq!(texts(dir.path()), ["one\r\n"]);
    let good = FakeImap::good(vec![inbox()]);
    assert_eq!(counts(&good.tool(dir.path()).run()), (1, 2, 0));
    assert_eq!(
        good.heard("BODY"),
        ["UID FETCH 4,9 (FLAGS INTERNALDATE BODY.PEEK[])"]
    );
}

#[test]
fn a_message_that_breaks_every_connection_costs_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeImap::serve(vec![inbox()], |_, command| {
        let set = command.split(' ').nth(2).unwrap_or_default();
        (command.contains("BODY") && has(set, 4)).then(|| Defect::Cut(String::new()))
    });
    let ran = fake.tool(dir.path()).run();
    assert_eq!(
        (ran.code, &ran.json()["messages"]),
        (3, &2.into()),
        "{ran:?}"
    );
    assert!(skipped(&ran).contains("UID 4"), "{ran:?}");
    assert_eq!(texts(dir.path()), ["one\r\n", "three\r\n"]);
}

#[test]
fn a_run_that_is_killed_leaves_nothing_half_and_the_next_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let half = format!(
        "* 2 FETCH (UID 4 BODY[] {{900000}}\r\n{}",
        "x".repeat(400_000)
    );
    let fake = FakeImap::serve(vec![inbox()], move |_, command| {
        command.contains("BODY").then(|| Defect::Hang(half.clone()))
    });
    let tmp = dir.path().join("tmp");
    let is_writing = || {
        let drafts = std::fs::read_dir(&tmp).into_iter().flatten().flatten();
        drafts
            .into_iter()
            .any(|draft| draft.metadata().is_ok_and(|m| m.len() > 0))
    };
    let start = || {
        let child = fake.tool(dir.path()).start();
        while !is_writing() {
            std::thread::yield_now();
        }
        child
    };
    let mut child = start();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(tree(dir.path()).len(), 0);
    let mut child = start();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        std::fs::read_dir(dir.path().join("cur")).unwrap().count(),
        0
    );
    let good = FakeImap::good(vec![inbox()]);
    assert_eq!(counts(&good.tool(dir.path()).run()), (1, 3, 0));
    assert_eq!(texts(dir.path()).len(), 3);
    // What is here and not written down is known by its name.
    std::fs::remove_file(dir.path().join(".mailfetch-state")).unwrap();
    assert_eq!(counts(&good.tool(dir.path()).run()), (1, 0, 0));
    assert_eq!(good.heard("BODY").len(), 1);
}

#[test]
fn hostile_names_stay_in_the_maildir() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("a/b");
    let names = [
        "../../out",
        "/etc/x",
        "\"a//b\"",
        "\"with \\\\ it\"",
        "..",
        "esc&ABs-[2J",
    ];
    let mailboxes = names
        .map(|name| Mailbox::new(name, 7, [(1, name)]))
        .to_vec();
    let fake = FakeImap::good(mailboxes);
    assert_eq!(counts(&fake.tool(&dir).run()), (6, 6, 0));
    assert_eq!(tree(&dir).len(), 6);
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    assert_eq!(std::fs::read_dir(root.path().join("a")).unwrap().count(), 1);
}

#[test]
fn all_4_words_that_repeat_the_password_are_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeImap::serve(vec![inbox()], |_, command| {
        command
            .starts_with("LOGIN")
            .then(|| Defect::Say(format!("TAG NO bad password {BOB}\r\n")))
    });
    let ran = fake.tool(dir.path()).run();
    assert_eq!(ran.code, 5, "{ran:?}");
    let fake = FakeImap::serve(vec![inbox()], |_, command| {
        command
            .starts_with("EXAMINE")
            .then(|| Defect::Say(format!("TAG NO [NOPERM] not with {BOB}\r\n")))
    });
    let refused = fake.tool(dir.path()).run();
    assert_eq!(refused.code, 1, "{refused:?}");
    for ran in [ran, refused] {
        assert!(!ran.out.contains(BOB) && !ran.err.contains(BOB), "{ran:?}");
    }
    let fake = FakeImap::good(vec![inbox()]);
    let secure = mailfetch([
        &*format!("imap://bob@127.0.0.1:{}", fake.port),
        dir.path().to_str().unwrap(),
    ]);
    secure
        .password(BOB)
        .args(["--tls", "encrypt"])
        .run()
        .fails(4, "use imaps://");
    assert_eq!(fake.heard("LOGIN").len(), 0);
}

#[test]
fn a_refused_starttls_ends_it_before_the_login() {
    let dir = tempfile::tempdir().unwrap();
    let greeting = "* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready\r\n";
    let fake = Fake::serve(greeting, |line| {
        let tag = line.split(' ').next().unwrap_or_default();
        Answer::Say(format!("{tag} NO not today\r\n"))
    });
    let url = format!("imap://bob@127.0.0.1:{}", fake.port);
    let tool = mailfetch([&*url, dir.path().to_str().unwrap()]);
    let ran = tool.password(BOB).args(["--tls", "encrypt"]).run();
    ran.fails(4, "STARTTLS refused: not today");
    assert_eq!(fake.heard(), ["A1 STARTTLS"]);
}
