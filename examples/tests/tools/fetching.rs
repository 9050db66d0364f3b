//! `popfetch`.

use std::{path::Path, pin::pin};

use clap::Parser;
use mailwire_examples::client::fetch::{Options, Prepared};

use super::{
    fake::{Fake, message, pop3},
    harness::{BOB, Ran, Server, entries, popfetch},
};

fn text(number: usize) -> String {
    format!("From: alice@example.test\r\nSubject: {number}\r\n\r\n{number}\r\n")
}

/// Runs `popfetch` against a fake server, which takes any password.
fn fetch_from<const N: usize>(fake: &Fake, dir: &Path, args: [&str; N]) -> Ran {
    popfetch([
        &*format!("pop3://bob@127.0.0.1:{}", fake.port),
        dir.to_str().unwrap(),
    ])
    .args(["--tls", "none", "--json"])
    .args(args)
    .password(BOB)
    .run()
}

fn bodies(dir: &Path) -> Vec<String> {
    assert_eq!(
        entries(&dir.join("tmp")).len(),
        0,
        "something is half written"
    );
    let new = entries(&dir.join("new"));
    new.iter()
        .map(|path| std::fs::read_to_string(path).unwrap().trim_end().to_owned())
        .collect()
}

#[test]
fn tools_1f_keep_twice_fetches_nothing_new() {
    let server = Server::start();
    for number in 0..3 {
        server.send_to_bob(text(number));
    }
    let first = server.fetch("pop3s", "mail").run();
    assert_eq!(first.code, 0, "{first:?}");
    assert!(
        first.out.starts_with("fetched 3 of 3 new messages, "),
        "{first:?}"
    );
    let second = server.fetch("pop3", "mail").args(["--keep"]).run();
    assert_eq!(
        (second.code, server.fetched("mail").len()),
        (0, 3),
        "{second:?}"
    );
    assert!(
        second.out.starts_with("fetched 0 of 0 new messages"),
        "{second:?}"
    );
    server.send_to_bob(text(3));
    let third = server.fetch("pop3s", "mail").args(["--json"]).run();
    let document = third.json();
    assert_eq!(
        (&document["listed"], &document["new"]),
        (&4.into(), &1.into()),
        "{third:?}"
    );
    let file = document["fetched"][0]["file"].as_str().unwrap();
    let octets = std::fs::read(server.dir.path().join("mail").join(file)).unwrap();
    assert!(octets.ends_with(text(3).as_bytes()));
    // Somebody else's folder knows nothing of it.
    server.fetch("pop3s", "other").run();
    assert_eq!(server.fetched("other").len(), 4);
}

#[test]
fn tools_1f_delete_empties_the_server_of_what_is_here() {
    let server = Server::start();
    server.send_to_bob(text(0));
    assert_eq!(server.fetch("pop3s", "mail").run().code, 0);
    server.send_to_bob(text(1));
    let ran = server
        .fetch("pop3s", "mail")
        .args(["--delete", "--json"])
        .run();
    let document = ran.json();
    assert_eq!(
        (&document["new"], &document["deleted"]),
        (&1.into(), &2.into()),
        "{ran:?}"
    );
    assert_eq!(server.fetched("mail").len(), 2);
    let ran = server.fetch("pop3s", "mail").args(["--json"]).run();
    assert_eq!(ran.json()["listed"], 0, "{ran:?}");
    let seen = std::fs::read_to_string(server.dir.path().join("mail/.popfetch-seen")).unwrap();
    assert_eq!(seen, "", "what is gone from the server is forgotten");
}

#[test]
fn tools_1f_a_message_that_fails_does_not_stop_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let messages = || {
        vec![
            ("a", message("one")),
            ("b", "-ERR gone\r\n".to_owned()),
            ("c", message("bare\nLF")),
            ("d", message("two")),
        ]
    };
    let fake = pop3(messages(), "+OK\r\n");
    let ran = fetch_from(&fake, dir.path(), ["--delete"]);
    assert_eq!(
        (ran.code, bodies(dir.path())),
        (1, vec!["one".to_owned(), "two".to_owned()]),
        "{ran:?}"
    );
    let document = ran.json();
    assert_eq!(document["not_fetched"][0]["unique_id"], "b");
    assert!(
        document["not_fetched"][1]["error"]
            .as_str()
            .unwrap()
            .contains("bare LF")
    );
    assert_eq!(document["deleted"], 2);
    let deleted: Vec<_> = fake
        .heard()
        .into_iter()
        .filter(|l| l.starts_with("DELE"))
        .collect();
    assert_eq!(deleted, ["DELE 1", "DELE 4"]);
    // What could not be fetched is tried again.
    let fake = pop3(messages()[1..].to_vec(), "+OK\r\n");
    let ran = fetch_from(&fake, dir.path(), []);
    assert_eq!(ran.json()["new"], 3, "{ran:?}");
    let busy = vec![("z", "-ERR [SYS/TEMP] later\r\n".to_owned())];
    let ran = fetch_from(&pop3(busy, "+OK\r\n"), dir.path(), []);
    assert_eq!(ran.code, 3, "{ran:?}");
}

#[test]
fn tools_1f_a_lost_connection_leaves_whole_messages_only_and_deletes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let messages = vec![("a", message("one")), ("b", "+OK\r\nhalf of tw".to_owned())];
    let fake = pop3(messages, "+OK\r\n");
    let ran = fetch_from(&fake, dir.path(), ["--delete"]);
    assert_eq!(
        (ran.code, bodies(dir.path())),
        (3, vec!["one".to_owned()]),
        "{ran:?}"
    );
    assert!(!fake.heard().contains(&"QUIT".to_owned()));
    // The first is known, so it goes now; the second comes.
    let messages = vec![("a", message("one")), ("b", message("two"))];
    let fake = pop3(messages, "+OK\r\n");
    let ran = fetch_from(&fake, dir.path(), ["--delete"]);
    assert_eq!(
        (ran.code, bodies(dir.path())),
        (0, vec!["one".to_owned(), "two".to_owned()]),
        "{ran:?}"
    );
    let heard = fake.heard();
    assert!(!heard.contains(&"RETR 1".to_owned()), "{heard:?}");
    assert!(heard.contains(&"DELE 1".to_owned()) && heard.contains(&"DELE 2".to_owned()));
}

#[test]
fn tools_1f_a_quit_that_fails_is_told_and_the_messages_stay_known() {
    let dir = tempfile::tempdir().unwrap();
    let messages = || vec![("a", message("one"))];
    let ran = fetch_from(
        &pop3(messages(), "-ERR not all\r\n"),
        dir.path(),
        ["--delete"],
    );
    assert_eq!(
        (ran.code, &ran.json()["deleted"]),
        (3, &0.into()),
        "{ran:?}"
    );
    let ran = fetch_from(&pop3(messages(), "+OK\r\n"), dir.path(), ["--delete"]);
    let document = ran.json();
    assert_eq!(
        (ran.code, &document["new"], &document["deleted"]),
        (0, &0.into(), &1.into())
    );
    assert_eq!(bodies(dir.path()), ["one"]);
}

#[test]
fn pop3_5_hostile_unique_ids_lose_no_message_and_name_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let long: &'static str = "x".repeat(71).leak();
    let messages = || {
        vec![
            ("../../../escape", message("path")),
            ("same", message("first")),
            ("same", message("second")),
            (long, message("long")),
            ("two words", message("space")),
            ("nul\0", message("nul")),
            ("\u{e4}", message("eight bits")),
        ]
    };
    let ran = fetch_from(&pop3(messages(), "+OK\r\n"), dir.path(), []);
    assert_eq!(ran.code, 0, "{ran:?}");
    let all: Vec<_> = messages()
        .iter()
        .map(|(_, m)| m[5..m.len() - 5].to_owned())
        .collect();
    assert_eq!(bodies(dir.path()), all);
    assert!(!dir.path().parent().unwrap().join("escape").exists());
    let notices = ran.json()["notices"].to_string();
    assert!(
        notices.contains("4 messages have no unique-id") && notices.contains("2 messages share"),
        "{notices}"
    );
    // The known ones are not fetched again; those without a name are, for nobody knows better.
    let fake = pop3(messages(), "+OK\r\n");
    let ran = fetch_from(&fake, dir.path(), ["--delete"]);
    assert_eq!((ran.code, &ran.json()["new"]), (0, &4.into()), "{ran:?}");
    let deleted: Vec<_> = fake
        .heard()
        .into_iter()
        .filter(|l| l.starts_with("DELE"))
        .collect();
    // Of the twins nobody knows which one is here.
    assert_eq!(deleted, ["DELE 1", "DELE 4", "DELE 5", "DELE 6", "DELE 7"]);
}

#[test]
fn pop3_5_a_unique_id_that_is_used_again_for_another_message_is_fetched() {
    let dir = tempfile::tempdir().unwrap();
    fetch_from(
        &pop3(vec![("a", message("old"))], "+OK\r\n"),
        dir.path(),
        [],
    );
    let path = dir.path().join(".popfetch-seen");
    let seen = std::fs::read_to_string(&path).unwrap();
    assert_eq!(seen, "bob@127.0.0.1 a 100\n");
    std::fs::write(&path, seen.replace("100", "99")).unwrap();
    fetch_from(
        &pop3(vec![("a", message("new"))], "+OK\r\n"),
        dir.path(),
        [],
    );
    assert_eq!(bodies(dir.path()), ["old", "new"]);
}

#[test]
fn tools_1f_popfetch_tells_its_failures_by_exit_code() {
    let (server, other) = (Server::start(), Server::start());
    let dir = server.dir.path().join("mail");
    let (url, dir) = (server.url("pop3s", "bob"), dir.to_str().unwrap());
    let run = || popfetch([&*url, dir]);
    run()
        .ca(&server.ca)
        .password("wrong")
        .run()
        .fails(5, "check user and password");
    let refused = run().ca(&other.ca).password(BOB).args(["--trace"]).run();
    refused.fails(4, "with --ca");
    assert!(!refused.err.contains("AUTH"), "{refused:?}");
    run().ca(&server.ca).run().fails(2, "MAILWIRE_PASSWORD");
    let file = server.file("no-folder", "");
    popfetch([&*url, file.to_str().unwrap()])
        .ca(&server.ca)
        .password(BOB)
        .run()
        .fails(2, "no-folder");
    popfetch([&*server.url("pop3s", ""), dir])
        .run()
        .fails(2, "pop3s://USER@HOST");
    popfetch([&*server.url("smtp", "bob"), dir])
        .run()
        .fails(2, "pop3s://");
    run()
        .args(["--keep", "--delete"])
        .run()
        .fails(2, "--delete");
    let port = server.port(mailwire_examples::config::Service::Pop3);
    popfetch([&*format!("pop3s://bob@localhost:{port}"), dir])
        .ca(&server.ca)
        .password(BOB)
        .run()
        .fails(4, "use pop3:// ");
    assert!(popfetch(["--help"]).run().out.contains("130  interrupted"));
}

#[test]
fn tools_1f_an_interrupted_run_leaves_nothing_half_written() {
    let dir = tempfile::tempdir().unwrap();
    let half = format!("+OK\r\n{}", "a line of the message\r\n".repeat(30_000));
    let fake = Fake::serve("+OK ready\r\n", {
        let mut answers = pop3_until_retr(half);
        move |line| answers(line)
    });
    let url = format!("pop3://bob:{BOB}@127.0.0.1:{}", fake.port);
    let words = [
        "popfetch",
        &*url,
        dir.path().to_str().unwrap(),
        "--tls",
        "none",
    ];
    let prepared = Prepared::new(&Options::parse_from(words)).unwrap();
    let tmp = dir.path().join("tmp");
    let is_writing = || {
        entries(&tmp)
            .iter()
            .any(|path| path.metadata().unwrap().len() > 0)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut fetching = pin!(prepared.fetch());
        while !is_writing() {
            tokio::select! {
                biased;
                fetched = &mut fetching => panic!("{fetched:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
    });
    // This is what Ctrl-C does to it.
    drop(runtime);
    assert_eq!(bodies(dir.path()), [] as [String; 0]);
    assert!(!dir.path().join(".popfetch-seen").exists());
}

/// Answers everything, and RETR with half a message and silence.
fn pop3_until_retr(half: String) -> impl FnMut(&str) -> super::fake::Answer + Send {
    use super::fake::{Answer, say};
    move |line| match line.split(' ').next().unwrap_or_default() {
        "CAPA" => say("+OK\r\nUSER\r\nUIDL\r\n.\r\n"),
        "LIST" => say("+OK\r\n1 100000\r\n.\r\n"),
        "UIDL" => say("+OK\r\n1 a\r\n.\r\n"),
        "RETR" => Answer::Say(half.clone()),
        _ => say("+OK\r\n"),
    }
}
