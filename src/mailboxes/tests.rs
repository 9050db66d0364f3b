//! A session against a server that follows a script, over a real socket.

use std::{future::Future, num::NonZeroU32, pin::pin};

use mailtls::level::Level;
use mailwire_imap::{
    capability::Capability,
    command::{SearchKey, StoreMode},
    flag::{Flag, Flags},
    mailbox::Mailbox,
    sequence::SequenceSet,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinHandle,
};

use super::{AccessError, Mailboxes, Piece};
use crate::Account;

/// Follows a script: what stands behind `C: ` is waited for, what stands behind `S: ` is said.
async fn follow(listener: TcpListener, script: String) {
    let (socket, _) = listener.accept().await.unwrap();
    let (reader, mut writer) = socket.into_split();
    let mut reader = BufReader::new(reader);
    for line in script.lines().map(str::trim_start) {
        if let Some(said) = line.strip_prefix("S: ") {
            writer.write_all(said.as_bytes()).await.unwrap();
            writer.write_all(b"\r\n").await.unwrap();
        } else if let Some(wanted) = line.strip_prefix("C: ") {
            let mut heard = String::new();
            reader.read_line(&mut heard).await.unwrap();
            assert_eq!(heard.trim_end_matches("\r\n"), wanted);
        }
    }
}

/// A session behind its login with these capabilities, and the server.
async fn session(capabilities: &str, script: &str) -> (Mailboxes, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!(
        "S: * OK [CAPABILITY IMAP4rev1] ready
         C: A1 LOGIN joe sesame
         S: A1 OK [CAPABILITY IMAP4rev1 {capabilities}] in
         {script}"
    );
    let server = tokio::spawn(follow(listener, script));
    let endpoint = format!("imap://joe@127.0.0.1:{port}").parse().unwrap();
    let account = Account::new(endpoint).password("sesame").level(Level::None);
    (Mailboxes::open(&account).await.unwrap(), server)
}

/// The same with INBOX open; the next tag is `A3`.
async fn inbox(capabilities: &str, script: &str) -> (Mailboxes, JoinHandle<()>) {
    let select = "C: A2 SELECT INBOX\nS: * 3 EXISTS\nS: A2 OK [READ-WRITE] done\n";
    let (mut mailboxes, server) = session(capabilities, &format!("{select}{script}")).await;
    let selected = mailboxes.select(&Mailbox::inbox()).await.unwrap();
    assert_eq!(selected.exists, 3);
    (mailboxes, server)
}

fn uid(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

#[tokio::test]
async fn mailboxes_are_listed_and_named_as_the_server_writes_them() {
    let script = "C: A2 LIST \"\" *
         S: * LIST (\\HasNoChildren) \"/\" INBOX
         S: * LIST (\\Drafts) \"/\" Entw&APw-rfe
         S: * LIST () \"/\" &bad
         S: A2 OK done
         C: A3 SELECT Entw&APw-rfe
         S: A3 NO [NONEXISTENT] gone
         C: A4 LOGOUT
         S: * BYE bye
         S: A4 OK done";
    let (mut mailboxes, server) = session("", script).await;
    let listed = mailboxes.list().await.unwrap();
    let mut names = Vec::new();
    for one in &listed {
        names.push(mailboxes.display_name(&one.mailbox().unwrap()));
    }
    assert_eq!(names, ["INBOX", "Entw\u{fc}rfe", "&bad"]);
    let drafts = mailboxes.named("Entw\u{fc}rfe").unwrap();
    let error = mailboxes.select(&drafts).await.unwrap_err();
    assert_eq!(error.to_string(), "the server refused: gone");
    assert!(mailboxes.selected().is_none());
    mailboxes.logout().await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn ids_are_sent_where_they_are_wanted() {
    let script = "C: A2 ID (\"name\" \"mailwire\")
         S: * ID NIL
         S: A2 OK done";
    let (mut mailboxes, server) = session("ID MOVE", script).await;
    assert!(mailboxes.has(Capability::Move));
    server.await.unwrap();
}

#[tokio::test]
async fn searching_gives_a_set_that_can_be_fetched() {
    let script = "C: A3 UID SEARCH UNSEEN
         S: * SEARCH 9 4 5 4
         S: A3 OK done
         C: A4 UID FETCH 4:5,9 (UID FLAGS)
         S: * 1 FETCH (UID 4 FLAGS ())
         S: * 3 FETCH (UID 77 FLAGS (\\Seen))
         S: * 2 FETCH (FLAGS (\\Seen))
         S: * 2 FETCH (UID 9 FLAGS (\\Seen))
         S: A4 OK done
         C: A5 UID SEARCH SUBJECT nothing
         S: * SEARCH
         S: A5 OK done
         C: A6 UID SEARCH CHARSET UTF-8 SUBJECT {5}
         S: + go on
         C: gr\u{fc}n
         S: * ESEARCH (TAG \"A6\") UID ALL 1:4294967295
         S: A6 OK done";
    let (mut mailboxes, server) = inbox("", script).await;
    let found = mailboxes
        .search([SearchKey::Unseen])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.as_bytes(), b"4:5,9");
    let mut uids = Vec::new();
    let items = "(UID FLAGS)".parse().unwrap();
    let fetched = mailboxes.fetch(&found, items, |message| {
        uids.push(message.uid().unwrap().get())
    });
    fetched.await.unwrap();
    assert_eq!(uids, [4, 9]);
    let subject = |text: &str| [SearchKey::Subject(text.as_bytes().into())];
    assert_eq!(mailboxes.search(subject("nothing")).await.unwrap(), None);
    let all = mailboxes
        .search(subject("gr\u{fc}n"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(all.as_bytes(), b"1:4294967295");
    server.await.unwrap();
}

#[tokio::test]
async fn messages_are_retrieved_whatever_their_size() {
    let large = "x".repeat(100_000);
    let script = format!(
        "C: A3 UID FETCH 4 BODY.PEEK[]
         S: * 2 FETCH (FLAGS (\\Seen))
         S: * 1 FETCH (UID 4 BODY[] {{7}}
         S: small
         S: )
         S: A3 OK done
         C: A4 UID FETCH 5 BODY.PEEK[]
         S: * 2 FETCH (BODY[] {{100002}}
         S: {large}
         S:  UID 5)
         S: A4 OK done
         C: A5 UID FETCH 6 BODY.PEEK[]
         S: A5 OK done"
    );
    let (mut mailboxes, server) = inbox("", &script).await;
    assert_eq!(mailboxes.retrieve(uid(4)).await.unwrap(), b"small\r\n");
    let mut seen = Vec::new();
    let mut octets = Vec::new();
    let retrieved = mailboxes.retrieve_to(uid(5), &mut octets, |count| seen.push(count));
    assert_eq!(retrieved.await.unwrap(), 100_002);
    assert_eq!(octets, format!("{large}\r\n").into_bytes());
    assert_eq!(seen.last(), Some(&100_002));
    let missing = mailboxes.retrieve(uid(6)).await.unwrap_err();
    assert!(matches!(missing, AccessError::NoMessage));
    server.await.unwrap();
}

#[tokio::test]
async fn messages_are_filed_with_crlf_and_their_place_is_told() {
    let script = "C: A2 APPEND Sent (\\Seen) {14}
         S: + go on
         C: Subject: x
         C:
         C:
         S: A2 OK [APPENDUID 38505 3955] done
         C: A3 APPEND Sent {3}
         S: A3 NO [TRYCREATE] no such mailbox";
    let script = script.replace("C:\n", "C: \n");
    let (mut mailboxes, server) = session("", &script).await;
    let sent = mailboxes.named("Sent").unwrap();
    let seen = Flags::from_iter([Flag::Seen]);
    let appended = mailboxes
        .append(&sent, seen, b"Subject: x\n\n")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (appended.uid_validity.get(), appended.uid.get()),
        (38_505, 3_955)
    );
    let refused = mailboxes.append(&sent, Flags::new(), b"x\n").await;
    assert!(
        matches!(refused, Err(AccessError::Refused(_))),
        "{refused:?}"
    );
    let bare = mailboxes.append(&sent, Flags::new(), b"a\rb").await;
    assert!(matches!(bare, Err(AccessError::BareCr(_))));
    server.await.unwrap();
}

#[tokio::test]
async fn a_reader_that_ends_early_ends_the_session() {
    let script = "C: A2 APPEND Sent {10}
         S: + go on
         C: short";
    let (mut mailboxes, server) = session("", script).await;
    let sent = mailboxes.named("Sent").unwrap();
    let message = mailwire_imap::command::Message::new(10);
    let short = mailboxes
        .append_from(&sent, message, &b"short"[..], |_| {})
        .await;
    assert!(matches!(short, Err(AccessError::Read(_))), "{short:?}");
    let after = mailboxes.list().await;
    assert!(matches!(after, Err(AccessError::Interrupted)));
    drop(mailboxes);
    server.await.unwrap();
}

#[tokio::test]
async fn messages_move_by_what_the_server_has() {
    let script = "C: A3 UID MOVE 4:5 Archive
         S: * 1 EXPUNGE
         S: A3 OK [COPYUID 1 4:5 7:8] done";
    let (mut mailboxes, server) = inbox("MOVE", script).await;
    let archive = mailboxes.named("Archive").unwrap();
    let set: SequenceSet = "4:5".parse().unwrap();
    mailboxes.move_to(&set, &archive).await.unwrap();
    assert_eq!(mailboxes.selected().unwrap().exists, 2);
    server.await.unwrap();

    let script = "C: A3 UID COPY 4:5 Archive
         S: A3 OK done
         C: A4 UID STORE 4:5 +FLAGS.SILENT (\\Deleted)
         S: A4 OK done
         C: A5 UID EXPUNGE 4:5
         S: A5 OK done
         C: A6 UID STORE 9 FLAGS.SILENT ()
         S: A6 OK done";
    let (mut mailboxes, server) = inbox("UIDPLUS", script).await;
    mailboxes.move_to(&set, &archive).await.unwrap();
    let nine = SequenceSet::one(uid(9));
    mailboxes
        .store(&nine, StoreMode::Replace, &Flags::new())
        .await
        .unwrap();
    server.await.unwrap();

    let (mut mailboxes, _server) = inbox("", "").await;
    let moved = mailboxes.move_to(&set, &archive).await;
    assert!(matches!(moved, Err(AccessError::Unsupported("MOVE"))));
}

#[tokio::test]
async fn idle_tells_what_came_before_it_and_in_it() {
    let script = "C: A3 NOOP
         S: * 4 EXISTS
         S: A3 OK done
         C: A4 IDLE
         S: + idling
         S: * OK Still here
         S: * 2 EXPUNGE
         C: DONE
         S: A4 OK done
         C: A5 UID SEARCH ALL
         S: * SEARCH 1
         S: A5 OK done";
    let (mut mailboxes, server) = inbox("IDLE", script).await;
    mailboxes.look().await.unwrap();
    // This was told while nobody asked.
    mailboxes.idle().await.unwrap();
    assert_eq!(mailboxes.selected().unwrap().exists, 4);
    mailboxes.idle().await.unwrap();
    assert_eq!(mailboxes.selected().unwrap().exists, 3);
    mailboxes.search([]).await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn an_idle_that_is_dropped_costs_nothing() {
    let script = "C: A3 IDLE
         S: + idling
         C: DONE
         S: * 9 EXISTS
         S: A3 OK done
         C: A4 UID SEARCH ALL
         S: * SEARCH 1
         S: A4 OK done";
    let (mut mailboxes, server) = inbox("IDLE", script).await;
    let waited = tokio::time::timeout(std::time::Duration::from_millis(1), mailboxes.idle());
    assert!(waited.await.is_err());
    mailboxes.search([]).await.unwrap();
    mailboxes.idle().await.unwrap();
    assert_eq!(mailboxes.selected().unwrap().exists, 9);
    server.await.unwrap();
}

#[tokio::test]
async fn a_call_that_was_dropped_is_noticed() {
    let (mut mailboxes, server) = inbox("", "C: A3 UID SEARCH ALL").await;
    {
        let mut search = pin!(mailboxes.search([]));
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(search.as_mut().poll(cx)));
        assert!(polled.await.is_pending());
    }
    let after = mailboxes.search([]).await;
    assert!(matches!(after, Err(AccessError::Interrupted)));
    server.abort();
}

#[tokio::test]
async fn a_password_does_not_pass_in_clear_by_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready".to_owned();
    let server = tokio::spawn(follow(listener, script));
    let endpoint = format!("imap://joe@127.0.0.1:{port}").parse().unwrap();
    let account = Account::new(endpoint)
        .password("sesame")
        .level(Level::Encrypt);
    let error = Mailboxes::open(&account).await.unwrap_err();
    assert_eq!(error.to_string(), "server does not offer STARTTLS");
    assert!(!error.is_temporary());
    server.await.unwrap();
}

#[tokio::test]
async fn many_messages_come_in_one_fetch_and_only_whole_ones_end() {
    let long = "x".repeat(70_000);
    let script = format!(
        "C: A3 UID FETCH 4:6,9 (FLAGS BODY.PEEK[])
         S: * 2 FETCH (UID 5 FLAGS (\\Seen) BODY[] {{3}}
         S: one)
         S: * 4 EXISTS
         S: * 1 FETCH (BODY[] {{70000}}
         S: {long} UID 4)
         S: * 3 FETCH (UID 77 BODY[] \"not ours\")
         S: * 3 FETCH (UID 6 FLAGS (\\Answered))
         S: * 1 EXPUNGE
         S: * 3 FETCH (UID 9 BODY[] \"\")
         S: A3 NO some are missing
         C: A4 UID FETCH 1:* FLAGS (CHANGEDSINCE 12)
         S: * 1 FETCH (UID 5 FLAGS () MODSEQ (13))
         S: A4 OK done"
    );
    let (mut mailboxes, server) = inbox("CONDSTORE", &script).await;
    let few = "4:6,9".parse().unwrap();
    let mut download = mailboxes.download(&few, "(FLAGS BODY.PEEK[])".parse().unwrap());
    let (mut messages, mut message) = (Vec::new(), 0);
    let refused = loop {
        match download.next().await {
            Ok(Some(Piece::Start { .. })) => message = 0,
            Ok(Some(Piece::Octets(octets))) => message += octets.len(),
            Ok(Some(Piece::End(fetch))) => messages.push((fetch.uid().unwrap().get(), message)),
            Ok(None) => panic!("a refusal is lost"),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.to_string(), "the server refused: some are missing");
    assert_eq!(messages, [(5, 3), (4, 70_000), (9, 0)]);
    let mut changed = Vec::new();
    let (all, flags) = (SequenceSet::all(), "(FLAGS)".parse().unwrap());
    let fetching = mailboxes.fetch_changed(&all, flags, 12, |message| {
        changed.push(message.uid().unwrap().get());
    });
    fetching.await.unwrap();
    assert_eq!(changed, [5]);
    server.await.unwrap();

    let (mut mailboxes, _server) = inbox("", "").await;
    let flags = "(FLAGS)".parse().unwrap();
    let changed = mailboxes.fetch_changed(&all, flags, 12, |_| {}).await;
    assert!(matches!(
        changed,
        Err(AccessError::Unsupported("CONDSTORE"))
    ));
}
