//! POP3: the maildrop as its owner sees it.

use std::{fs, time::Duration};

use mailwire_examples::config::Service;

use super::{
    client::Client,
    harness::{ALICE, BOB, CAROL, Mail, piped, served, served_in},
};

/// Gives bob as many messages, each with its number in it.
async fn give(mail: &Mail, count: usize) {
    let mut sender = mail.hello(Service::Lmtp).await;
    for number in 1..=count {
        let text = format!("Subject: {number}\r\n\r\nmessage {number}\r\n.\r\n");
        let reply = sender.mail("", "bob@example.test", text).await;
        assert!(reply.starts_with("250"), "{reply}");
    }
}

async fn uidl(client: &mut Client) -> Vec<String> {
    client.says("UIDL", "+OK").await;
    let listing = String::from_utf8(client.listing().await).unwrap();
    let id = |line: &str| line.split_once(' ').unwrap().1.to_owned();
    listing.lines().map(id).collect()
}

#[test]
fn pop3_1_what_other_tools_put_there_goes_out_canonical() {
    served(async |mail| {
        give(mail, 1).await;
        let new = mail.new_folder(BOB);
        for (at, (stored, canonical)) in [
            (&b""[..], &b""[..]),
            (
                b"a: b\r\n\r\n.\r\n..\r\n.x",
                b"a: b\r\n\r\n.\r\n..\r\n.x\r\n",
            ),
            (b"a: b\n\n.\nbare LF\n", b"a: b\r\n\r\n.\r\nbare LF\r\n"),
            (b"a: b\r\rbare CR\r.\r", b"a: b\r\n\r\nbare CR\r\n.\r\n"),
            (
                b"a: b\r\n\r\nnul \0 here\r\n",
                b"a: b\r\n\r\nnul \0 here\r\n",
            ),
        ]
        .into_iter()
        .enumerate()
        {
            // Later than anything that was delivered, so that it comes last.
            let file = new.join(format!("{}.{at}.elsewhere", 9_000_000_000_u64 + at as u64));
            fs::write(&file, stored).unwrap();
            let inbox = mail.inbox(BOB).await;
            assert_eq!(inbox.len(), at + 2);
            assert!(inbox.contains(&canonical.to_vec()), "{stored:?}");
        }
        let long = [&vec![b'.'; 1 << 20][..], b"\r\n"].concat();
        fs::write(new.join("9999999999.long.elsewhere"), &long).unwrap();
        assert!(mail.inbox(BOB).await.contains(&long));
    });
}

#[test]
fn pop3_6_arguments_that_are_none() {
    served(async |mail| {
        give(mail, 2).await;
        for lines in [
            &[
                "RETR 0",
                "RETR -1",
                "RETR +1",
                "RETR 4294967297",
                "RETR 1 2",
                "RETR",
                "RETR 3",
            ][..],
            &[
                "TOP 1",
                "TOP 1 -1",
                "TOP 1 99999999999",
                "TOP",
                "TOP 0 0",
                "TOP 1 1 1",
            ],
            &[
                "UIDL -1", "UIDL 0", "LIST a", "LIST 0", "DELE 0", "DELE", "STAT x", "NOOP x",
            ],
            &[
                ":", "", " ", "\0", "RETR  1", " RETR 1", "RETR 1 ", "QUIT x",
            ],
        ] {
            let mut client = mail.login(Service::Pop3s, BOB).await;
            for line in lines {
                client.says(line, "-ERR").await;
                client.says("STAT", "+OK 2 ").await;
            }
        }
        // Leading zeros are digits (RFC 1939 says no more than number).
        let mut client = mail.login(Service::Pop3s, BOB).await;
        let reply = client.ask("RETR 01").await;
        if reply.starts_with("+OK") {
            client.listing().await;
        }
        client.says("STAT", "+OK 2 ").await;
    });
}

#[test]
fn pop3_7_a_deleted_message_is_away_until_rset() {
    served(async |mail| {
        give(mail, 3).await;
        let mut client = mail.login(Service::Pop3s, BOB).await;
        for _ in 0..200 {
            client.says("DELE 2", "+OK").await;
            for line in ["DELE 2", "RETR 2", "LIST 2", "TOP 2 0", "UIDL 2"] {
                let reply = client.ask(line).await;
                assert!(reply.starts_with("-ERR"), "{line}: {reply}");
            }
            client.says("STAT", "+OK 2 ").await;
            client.says("LIST", "+OK").await;
            let listing = String::from_utf8(client.listing().await).unwrap();
            assert!(
                listing.lines().all(|line| !line.starts_with("2 ")),
                "{listing}"
            );
            assert_eq!(uidl(&mut client).await.len(), 2);
            client.says("RSET", "+OK").await;
            client.says("STAT", "+OK 3 ").await;
        }
        client.says("RETR 2", "+OK").await;
        assert!(client.listing().await.ends_with(b"message 2\r\n"));
        client.says("DELE 1", "+OK").await;
        client.says("DELE 3", "+OK").await;
        client.says("QUIT", "+OK").await;
        client.closes().await;
        let left = mail.inbox(BOB).await;
        assert_eq!(left.len(), 1);
        assert!(left[0].ends_with(b"message 2\r\n"));
        assert_eq!(mail.stored().len(), 1);
    });
}

#[test]
fn pop3_9_one_session_has_the_maildrop() {
    served(async |mail| {
        give(mail, 3).await;
        let mut first = mail.login(Service::Pop3s, BOB).await;
        let ids = uidl(&mut first).await;
        for service in [Service::Pop3, Service::Pop3s] {
            let mut second = mail.secure(service).await;
            second.says("USER bob", "+OK").await;
            second.says("PASS builder", "-ERR [IN-USE]").await;
            second.says("STAT", "-ERR").await;
        }
        // Somebody else's is free.
        mail.login(Service::Pop3s, ALICE).await;
        // What comes meanwhile is for the next session: the numbers stay.
        give(mail, 2).await;
        first.says("STAT", "+OK 3 ").await;
        assert_eq!(uidl(&mut first).await, ids);
        // What somebody takes away meanwhile is gone, the others keep their numbers.
        let taken = mail.new_folder(BOB).parent().unwrap().to_owned();
        let gone = fs::read_dir(taken.join("new"))
            .unwrap()
            .chain(fs::read_dir(taken.join("cur")).unwrap())
            .map(|entry| entry.unwrap().path())
            .find(|path| {
                path.file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .starts_with(&ids[0])
            })
            .unwrap();
        fs::remove_file(gone).unwrap();
        first.says("RETR 1", "-ERR").await;
        first.says("RETR 2", "+OK").await;
        assert!(first.listing().await.ends_with(b"message 2\r\n"));
        first.says("QUIT", "+OK").await;
        first.closes().await;
        let mut next = mail.login(Service::Pop3s, BOB).await;
        next.says("STAT", "+OK 4 ").await;
        // A client that vanishes leaves no lock behind.
        drop(next);
        while !mail
            .secure(Service::Pop3s)
            .await
            .ask(auth_bob())
            .await
            .starts_with("+OK")
        {}
    });
}

fn auth_bob() -> String {
    format!("AUTH PLAIN {}", super::harness::plain(BOB))
}

#[test]
fn pop3_10_the_rest_of_the_line_is_the_password() {
    served(async |mail| {
        for (password, good) in [
            (CAROL.1, true),
            (CAROL.1.trim(), false),
            (CAROL.1.trim_start(), false),
            (CAROL.1.trim_end(), false),
            ("  two words ", false),
        ] {
            let mut client = mail.secure(Service::Pop3s).await;
            client.says("USER carol", "+OK").await;
            client
                .says(
                    format!("PASS {password}"),
                    if good { "+OK" } else { "-ERR" },
                )
                .await;
        }
        let mut client = mail.secure(Service::Pop3s).await;
        client.says("PASS wonderland", "-ERR").await;
        client.says("USER bob", "+OK").await;
        client.says("USER alice", "-ERR").await;
        client.says("PASS builder", "-ERR").await;
        client.says("USER alice", "+OK").await;
        client.says("NOOP", "-ERR").await;
        client.says("PASS wonderland", "-ERR").await;
        client.says("USER alice", "+OK").await;
        client.says("PASS wonderland", "+OK").await;
        client.says("USER alice", "-ERR").await;
    });
}

#[test]
fn pop3_13_lines_that_are_none_and_peers_that_are_none() {
    served(async |mail| {
        // 255 octets with CRLF are a line; 256 are not.
        let mut client = mail.secure(Service::Pop3s).await;
        let user = |octets: usize| format!("USER {}", "u".repeat(octets - "USER \r\n".len()));
        client.says(user(255), "+OK").await;
        client.says("PASS x", "-ERR [AUTH]").await;
        client.says(user(256), "-ERR").await;
        client.says("PASS x", "-ERR").await;
        client.says("USER alice\nPASS wonderland", "-ERR").await;
        client.says("STAT", "-ERR").await;
        client.says("USER alice\r", "-ERR").await;

        let mut client = mail.connect(Service::Pop3).await;
        client.push("JUNK\r\n".repeat(10_000)).await;
        for _ in 0..20 {
            client.hears("-ERR").await;
        }
        client.closes().await;

        for request in [
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST / HTTP/1.1\r\n\r\nUSER alice\r\n",
        ] {
            let mut client = mail.connect(Service::Pop3).await;
            client.send(request).await;
            client.hears("-ERR").await;
            client.closes().await;
        }
        // Who talks before the greeting is answered in order.
        let mut client = mail.raw(Service::Pop3).await;
        client.send("CAPA\r\nQUIT\r\n").await;
        client.hears("+OK").await;
        client.hears("+OK").await;
        client.listing().await;
        client.hears("+OK").await;
        client.closes().await;
        let mut client = mail.connect(Service::Pop3).await;
        for _ in 0..64 {
            client.push([b'A'; 64 * 1024]).await;
        }
        let rest = String::from_utf8(client.rest().await).unwrap();
        assert!(rest.matches("\r\n").count() <= 1, "{rest}");
    });
}

#[test]
fn pop3_16_a_whole_session_in_one_segment() {
    served(async |mail| {
        give(mail, 2).await;
        for _ in 0..3 {
            let mut client = mail.secure(Service::Pop3s).await;
            client
                .send("USER bob\r\nPASS builder\r\nSTAT\r\nLIST\r\nRETR 1\r\nTOP 2 0\r\nUIDL 1\r\nQUIT\r\nSTAT\r\n")
                .await;
            client.hears("+OK").await;
            client.hears("+OK 2 messages").await;
            client.hears("+OK 2 ").await;
            client.hears("+OK").await;
            assert!(client.listing().await.starts_with(b"1 "));
            client.hears("+OK").await;
            assert!(client.listing().await.ends_with(b"message 1\r\n"));
            client.hears("+OK").await;
            assert!(client.listing().await.ends_with(b"Subject: 2\r\n\r\n"));
            client.hears("+OK 1 ").await;
            client.hears("+OK").await;
            client.closes().await;
        }
    });
}

#[test]
fn pop3_18_ten_silent_minutes_end_the_session_without_update() {
    piped(async |mail| {
        give(mail, 2).await;
        let mut client = mail.login(Service::Pop3s, BOB).await;
        client.says("DELE 1", "+OK").await;
        // Nine minutes are nothing.
        tokio::time::advance(Duration::from_secs(9 * 60)).await;
        client.says("NOOP", "+OK").await;
        let begin = tokio::time::Instant::now();
        client.closes().await;
        let seconds = begin.elapsed().as_secs();
        assert!((595..=605).contains(&seconds), "{seconds}");
        drop(client);
        mail.settle().await;
        assert_eq!(mail.inbox(BOB).await.len(), 2);
        // Who goes without QUIT has deleted nothing either.
        let mut client = mail.login(Service::Pop3s, BOB).await;
        client.says("DELE 1", "+OK").await;
        drop(client);
        mail.settle().await;
        assert_eq!(mail.inbox(BOB).await.len(), 2);
    });
}

#[test]
fn pop3_19_unique_ids_outlive_restart_index_and_flags() {
    let mut ids = Vec::new();
    let dir = tempfile::tempdir().unwrap();
    let dir = served_in(dir, "", async |mail| {
        give(mail, 20).await;
        ids = uidl(&mut mail.login(Service::Pop3s, BOB).await).await;
    });
    let mut sorted = ids.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), 20, "each has its own");
    assert!(
        ids.iter().all(
            |id| (1..=70).contains(&id.len()) && id.bytes().all(|o| (0x21..=0x7e).contains(&o))
        )
    );

    let dir = served_in(dir, "", async |mail| {
        assert_eq!(uidl(&mut mail.login(Service::Pop3s, BOB).await).await, ids);
    });
    // A mail reader looks at them, and the index is lost.
    let base = dir.path().join("data/mail/example.test/bob");
    for entry in fs::read_dir(base.join("new")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        fs::rename(entry.path(), base.join("cur").join(format!("{name}:2,FS"))).unwrap();
    }
    let mut removed = 0;
    for entry in fs::read_dir(&base)
        .unwrap()
        .chain(fs::read_dir(dir.path().join("data")).unwrap())
    {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_file()
            && (name.contains("index") || name.contains("sqlite") || name.ends_with(".db"))
        {
            fs::remove_file(path).unwrap();
            removed += 1;
        }
    }
    assert!(removed > 0, "there is an index");
    let _ = served_in(dir, "", async |mail| {
        assert_eq!(uidl(&mut mail.login(Service::Pop3s, BOB).await).await, ids);
        assert_eq!(mail.inbox(BOB).await.len(), 20);
    });
}
