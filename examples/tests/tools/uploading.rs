//! `mailfetch --upload`.

use super::{
    copying::{ALL, OWN, append, counts, fill, flags, runtime, session, text, tool, tree},
    fake_imap::{Defect, FakeImap, Mailbox as Fake},
    harness::{ALICE, BOB, Server},
};
use mailwire::imap::mailbox::Mailbox;

#[test]
fn what_is_uploaded_and_fetched_again_is_the_same_tree() {
    let server = Server::start();
    let (copy, back) = (
        server.dir.path().join("copy"),
        server.dir.path().join("back"),
    );
    runtime().block_on(async {
        let mut mailboxes = session(&server, "bob", BOB).await;
        fill(&mut mailboxes).await;
        mailboxes.logout().await.unwrap();
        assert_eq!(counts(&tool(&server, "bob", &copy).run()), (ALL, 30, 0));
        let ran = tool(&server, "alice", &copy).args(["--upload"]).run();
        assert_eq!(counts(&ran), (ALL, 30, 0), "{ran:?}");
        assert_eq!(counts(&tool(&server, "alice", &back).run()), (ALL, 30, 0));
        assert_eq!(tree(&back), tree(&copy));
        // A second run sends nothing, and to the account that they came from nothing is sent at all.
        let ran = tool(&server, "alice", &copy).args(["--upload"]).run();
        assert_eq!(counts(&ran), (ALL, 0, 0), "{ran:?}");
        let ran = tool(&server, "bob", &copy).args(["--upload"]).run();
        assert_eq!(counts(&ran), (ALL, 0, 0), "{ran:?}");
    });
}

#[test]
fn a_maildir_of_others_is_uploaded_with_line_ends_as_imap_wants_them() {
    let server = Server::start();
    let (own, back) = (
        server.dir.path().join("own"),
        server.dir.path().join("back"),
    );
    for part in ["new", "cur", "tmp", ".Sub/cur", r".no\zz/cur"] {
        std::fs::create_dir_all(own.join(part)).unwrap();
    }
    std::fs::write(own.join("new/1.a.h"), "Subject: lf\n\none\r\ntwo\n").unwrap();
    std::fs::write(
        own.join(".Sub/cur/2.b.h:2,FS"),
        "Subject: crlf\r\n\r\none\r\n",
    )
    .unwrap();
    let ran = tool(&server, "bob", &own).args(["--upload"]).run();
    assert_eq!(ran.code, 1, "{ran:?}");
    let document = ran.json();
    assert_eq!(document["messages"], 2, "{ran:?}");
    assert_eq!(document["skipped"][0]["mailbox"], r".no\zz", "{ran:?}");
    assert_eq!(counts(&tool(&server, "bob", &back).run()), (OWN + 1, 2, 0));
    let found = tree(&back);
    assert!(found.contains_key(&(
        String::new(),
        "Subject: lf\r\n\r\none\r\ntwo\r\n".to_owned()
    )));
    let sub = (".Sub".to_owned(), "Subject: crlf\r\n\r\none\r\n".to_owned());
    assert_eq!(found[&sub].0, ["F", "S"]);
}

#[test]
fn what_was_sent_before_a_run_was_killed_is_found_and_not_sent_again() {
    let server = Server::start();
    let copy = server.dir.path().join("copy");
    runtime().block_on(async {
        let mut bob = session(&server, "bob", BOB).await;
        for number in [0, 1, 2] {
            append(&mut bob, &Mailbox::inbox(), number, flags(&[])).await;
        }
        assert_eq!(counts(&tool(&server, "bob", &copy).run()), (OWN, 3, 0));
        assert_eq!(
            counts(&tool(&server, "alice", &copy).args(["--upload"]).run()),
            (OWN, 3, 0)
        );
        // As if it had been killed when the second was there and nobody had written that down; of
        // the third not even the server knows.
        let ledger = copy.join(".mailfetch-uploaded");
        let lines = std::fs::read_to_string(&ledger).unwrap();
        let kept: Vec<&str> = lines
            .lines()
            .filter(|line| !line.contains("U2R") && !line.contains("U3R") || line.contains("begun"))
            .collect();
        assert_eq!(kept.len(), 4, "{lines}");
        std::fs::write(&ledger, format!("{}\nalice@loc", kept.join("\n"))).unwrap();
        let mut alice = session(&server, "alice", ALICE).await;
        alice.select(&Mailbox::inbox()).await.unwrap();
        let away = alice.named("Away").unwrap();
        alice.create(&away).await.unwrap();
        alice.move_to(&"3".parse().unwrap(), &away).await.unwrap();
        // Others have sent something of the same size meanwhile.
        let other = text(1).replace("line", "LINE");
        alice
            .append(&Mailbox::inbox(), flags(&[]), other.as_bytes())
            .await
            .unwrap();
        let ran = tool(&server, "alice", &copy).args(["--upload"]).run();
        assert_eq!(counts(&ran), (OWN, 1, 0), "{ran:?}");
        assert_eq!(alice.select(&Mailbox::inbox()).await.unwrap().exists, 4);
        assert_eq!(
            counts(&tool(&server, "alice", &copy).args(["--upload"]).run()),
            (OWN, 0, 0)
        );
    });
}

#[test]
fn a_message_that_is_refused_is_told_of_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("cur")).unwrap();
    for (number, text) in ["one", "two, and long", "three"].into_iter().enumerate() {
        std::fs::write(dir.path().join(format!("cur/{number}.h:2,")), text).unwrap();
    }
    let refusing = |code: &'static str| {
        FakeImap::serve(vec![Fake::new("INBOX", 7, [])], move |_, command| {
            let is_hit = command.ends_with("{13}");
            is_hit.then(|| Defect::Say(format!("TAG NO [{code}] not this\r\n")))
        })
    };
    for (code, exit, uploaded) in [("TOOBIG", 1, 2), ("LIMIT", 3, 0)] {
        let fake = refusing(code);
        let ran = fake.tool(dir.path()).args(["--upload"]).run();
        assert_eq!(
            (ran.code, &ran.json()["messages"]),
            (exit, &uploaded.into()),
            "{ran:?}"
        );
        let skipped = ran.json()["skipped"].to_string();
        assert!(
            skipped.contains("cur/1.h:2,") && skipped.contains("not this"),
            "{ran:?}"
        );
    }
    let good = FakeImap::good(vec![Fake::new("INBOX", 7, [])]);
    let ran = good.tool(dir.path()).args(["--upload"]).run();
    assert_eq!(counts(&ran), (1, 1, 0), "{ran:?}");
}

#[test]
fn an_upload_goes_on_over_a_new_connection() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("cur")).unwrap();
    for number in 0..3 {
        std::fs::write(
            dir.path().join(format!("cur/{number}.h:2,")),
            "x".repeat(number + 1),
        )
        .unwrap();
    }
    let fake = FakeImap::serve(vec![Fake::new("INBOX", 7, [])], |connection, command| {
        (connection == 1 && command.ends_with("{2}")).then(|| Defect::Cut("+ go\r\n".to_owned()))
    });
    let ran = fake.tool(dir.path()).args(["--upload"]).run();
    assert_eq!(counts(&ran), (1, 3, 0), "{ran:?}");
    assert_eq!(ran.json()["reconnects"], 1);
    assert_eq!(fake.heard("APPEND").len(), 4);
}
