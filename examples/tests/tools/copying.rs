//! `mailfetch` from our server.

use std::{collections::BTreeMap, path::Path};

use mailtls::{level::Level, verify::Roots};
use mailwire::{
    Account, Mailboxes,
    imap::{
        command::{Message, StoreMode},
        datetime::DateTime,
        flag::{Flag, Flags},
        mailbox::Mailbox,
        sequence::SequenceSet,
    },
};
use tokio::runtime::Runtime;

use super::harness::{ALICE, BOB, Ran, Server, Tool, mailfetch};

/// Names that are awkward for a Maildir, for modified UTF-7, or for both.
pub(crate) const NAMES: [&str; 6] = [
    "INBOX",
    "Sent",
    "Lists/rust-1.90/deep er",
    "Entw\u{fc}rfe \u{65e5}\u{672c}",
    "R&D &- 100",
    r"back\slash..dots",
];

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// A session of our own with the server.
pub(crate) async fn session(server: &Server, user: &str, password: &str) -> Mailboxes {
    let account = Account::new(server.url("imaps", user).parse().unwrap())
        .password(password)
        .level(Level::Secure)
        .roots(Roots::from_pem_file(&server.ca).unwrap());
    Mailboxes::open(&account).await.unwrap()
}

pub(crate) fn flags(names: &[&str]) -> Flags {
    let flags = names.iter().map(|name| Flag::new(name.as_bytes()).unwrap());
    flags.collect()
}

/// A message that is a different one for each number; some of them are large.
pub(crate) fn text(number: usize) -> String {
    let line = format!("line of {number} \u{e4}\r\n");
    let lines = if number % 4 == 3 { 20_000 } else { 3 };
    format!("Subject: {number}\r\n\r\n{}", line.repeat(lines))
}

/// The mailboxes of a new account: INBOX, Sent and four others.
pub(crate) const OWN: u64 = 6;

/// All of them, and those that [`fill`] makes.
pub(crate) const ALL: u64 = OWN + 4;

/// Files some messages into each of the mailboxes above. INBOX and Sent are there already.
pub(crate) async fn fill(mailboxes: &mut Mailboxes) {
    let kinds: [&[&str]; 5] = [
        &[],
        &["\\Seen"],
        &["\\Seen", "\\Flagged", "\\Answered"],
        &["\\Draft", "\\Deleted", "$Forwarded"],
        &["$Label1", "NonJunk"],
    ];
    for (index, name) in NAMES.iter().enumerate() {
        let mailbox = mailboxes.named(name).unwrap();
        if index > 1 {
            mailboxes.create(&mailbox).await.unwrap();
        }
        for (number, kind) in kinds.iter().enumerate() {
            let number = index * 10 + number;
            append(mailboxes, &mailbox, number, flags(kind)).await;
        }
    }
}

pub(crate) async fn append(
    mailboxes: &mut Mailboxes,
    mailbox: &Mailbox,
    number: usize,
    flags: Flags,
) {
    let text = text(number);
    let date = 800_000_000 + i64::try_from(number).unwrap() * 86_400;
    let message = Message::new(text.len() as u64)
        .with_flags(flags)
        .with_date(DateTime::from_timestamp(date).unwrap());
    let appended = mailboxes.append_from(mailbox, message, text.as_bytes(), |_| {});
    appended.await.unwrap();
}

/// What is in a Maildir: by folder and content, flags with names of keywords, and time.
pub(crate) type Tree = BTreeMap<(String, String), (Vec<String>, i64)>;

pub(crate) fn tree(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders = Vec::new();
    if root.join("cur").is_dir() {
        folders.push((String::new(), root.to_owned()));
    }
    for entry in std::fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        if entry.path().join("cur").is_dir() {
            folders.push((entry.file_name().into_string().unwrap(), entry.path()));
        }
    }
    for (name, folder) in folders {
        let half = std::fs::read_dir(folder.join("tmp")).unwrap().count();
        assert_eq!(half, 0, "something is half written");
        let keywords = std::fs::read_to_string(folder.join("dovecot-keywords")).unwrap_or_default();
        let keywords: Vec<&str> = keywords
            .lines()
            .map(|line| line.split_once(' ').unwrap().1)
            .collect();
        for part in ["new", "cur"] {
            for entry in std::fs::read_dir(folder.join(part)).unwrap() {
                let entry = entry.unwrap();
                let file = entry.file_name().into_string().unwrap();
                let info = file.split_once(":2,").map_or("", |(_, info)| info);
                let mut flags: Vec<String> = info
                    .bytes()
                    .map(|letter| match letter {
                        b'a'..=b'z' => keywords[usize::from(letter - b'a')].to_owned(),
                        letter => char::from(letter).to_string(),
                    })
                    .collect();
                flags.sort();
                let modified = entry.metadata().unwrap().modified().unwrap();
                let modified = modified.duration_since(std::time::UNIX_EPOCH).unwrap();
                let content = std::fs::read_to_string(entry.path()).unwrap();
                let before = tree.insert(
                    (name.clone(), content),
                    (flags, i64::try_from(modified.as_secs()).unwrap()),
                );
                assert!(before.is_none(), "{file} is there twice");
            }
        }
    }
    tree
}

/// `mailfetch` of an account of our server.
pub(crate) fn tool(server: &Server, user: &str, dir: &Path) -> Tool {
    mailfetch([&*server.url("imaps", user), dir.to_str().unwrap()])
        .args(["--json"])
        .ca(&server.ca)
        .password(if user == "bob" { BOB } else { ALICE })
}

pub(crate) fn counts(ran: &Ran) -> (u64, u64, u64) {
    assert_eq!(ran.code, 0, "{ran:?}");
    let document = ran.json();
    let count = |name: &str| document[name].as_u64().unwrap();
    assert_eq!(document["skipped"].as_array().unwrap().len(), 0, "{ran:?}");
    (count("folders"), count("messages"), count("flags"))
}

#[test]
fn a_whole_account_is_copied_with_octets_flags_and_dates_and_only_once() {
    let server = Server::start();
    let dir = server.dir.path().join("copy");
    runtime().block_on(async {
        let mut mailboxes = session(&server, "bob", BOB).await;
        fill(&mut mailboxes).await;
        let ran = tool(&server, "bob", &dir).run();
        assert_eq!(counts(&ran), (ALL, 30, 0), "{ran:?}");
        let first = tree(&dir);
        assert_eq!(first.len(), 30);
        for (index, folder) in [
            "",
            ".Sent",
            r".Lists.rust-1\2e90.deep er",
            ".Entw\u{fc}rfe \u{65e5}\u{672c}",
            ".R&D &- 100",
            r".back\5cslash\2e\2edots",
        ]
        .into_iter()
        .enumerate()
        {
            for (number, flags) in ["", "S", "FRS", "DPT", "$Label1NonJunk"]
                .into_iter()
                .enumerate()
            {
                let number = index * 10 + number;
                let (found, date) = &first[&(folder.to_owned(), text(number))];
                assert_eq!(found.concat(), flags);
                assert_eq!(*date, 800_000_000 + number as i64 * 86_400);
            }
        }
        // The source is as it was: nothing is seen that was not.
        let unseen = mailwire::imap::command::SearchKey::Unseen;
        mailboxes.select(&Mailbox::inbox()).await.unwrap();
        let unseen = mailboxes.search([unseen]).await.unwrap();
        assert_eq!(unseen.unwrap().count(), Some(3));

        let ran = tool(&server, "bob", &dir).run();
        assert_eq!(counts(&ran), (ALL, 0, 0), "{ran:?}");
        assert_eq!(tree(&dir), first);

        // New mail, new flags, and a keyword; and nothing that is gone is missed.
        let sent = mailboxes.named("Sent").unwrap();
        append(&mut mailboxes, &sent, 15, flags(&["\\Seen"])).await;
        mailboxes.select(&Mailbox::inbox()).await.unwrap();
        let one = SequenceSet::one(std::num::NonZeroU32::MIN);
        let now = flags(&["\\Flagged", "NonJunk"]);
        mailboxes
            .store(&one, StoreMode::Replace, &now)
            .await
            .unwrap();
        let without = tool(&server, "bob", &dir).args(["--no-flags"]).run();
        assert_eq!(counts(&without), (ALL, 1, 0), "{without:?}");
        let ran = tool(&server, "bob", &dir).run();
        assert_eq!(counts(&ran), (ALL, 0, 1), "{ran:?}");
        let third = tree(&dir);
        assert_eq!(third.len(), 31);
        assert_eq!(third[&(String::new(), text(0))].0, ["F", "NonJunk"]);
        assert_eq!(counts(&tool(&server, "bob", &dir).run()), (ALL, 0, 0));
        mailboxes.logout().await.unwrap();
    });
}

#[test]
fn what_is_gone_stays_here_unless_it_is_mirrored() {
    let server = Server::start();
    let dir = server.dir.path().join("copy");
    runtime().block_on(async {
        let mut mailboxes = session(&server, "bob", BOB).await;
        for number in 0..4 {
            append(&mut mailboxes, &Mailbox::inbox(), number, Flags::new()).await;
        }
        assert_eq!(counts(&tool(&server, "bob", &dir).run()), (OWN, 4, 0));
        mailboxes.select(&Mailbox::inbox()).await.unwrap();
        let trash = mailboxes.named("Bin").unwrap();
        mailboxes.create(&trash).await.unwrap();
        mailboxes
            .move_to(&"2:3".parse().unwrap(), &trash)
            .await
            .unwrap();
        let inbox = ["--mailbox", "inbox"];
        assert_eq!(
            counts(&tool(&server, "bob", &dir).args(inbox).run()),
            (1, 0, 0)
        );
        assert_eq!(tree(&dir).len(), 4);
        // What was removed here by its reader is not fetched again.
        let first = std::fs::read_dir(dir.join("cur")).unwrap().next().unwrap();
        std::fs::remove_file(first.unwrap().path()).unwrap();
        let foreign = dir.join("cur/1.foreign.host:2,S");
        std::fs::write(&foreign, "mine").unwrap();
        let ran = tool(&server, "bob", &dir).args(["--mirror"]).run();
        assert_eq!(counts(&ran), (OWN + 1, 2, 0), "{ran:?}");
        let left = tree(&dir);
        assert!(foreign.exists(), "only what was fetched is removed");
        assert!(
            left.keys().all(|(folder, text)| folder == ".Bin"
                || text == "mine"
                || text == &self::text(0)
                || text == &self::text(3)),
            "{:?}",
            left.keys()
        );
        let ran = tool(&server, "bob", &dir)
            .args(["--mailbox", "Nowhere"])
            .run();
        assert_eq!(ran.code, 1, "{ran:?}");
        assert_eq!(ran.json()["skipped"][0]["mailbox"], "Nowhere");
        mailboxes.logout().await.unwrap();
    });
}

#[test]
fn two_thousand_messages_come_in_few_commands() {
    let server = Server::start();
    let dir = server.dir.path().join("copy");
    let inbox = server.dir.path().join("data/mail/example.test/bob");
    for part in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(inbox.join(part)).unwrap();
    }
    for number in 0..2_000 {
        let name = format!("cur/{}.M1P1Q{number}.h:2,S", 1_700_000_000 + number);
        std::fs::write(
            inbox.join(name),
            format!("Subject: {number}\r\n\r\nshort\r\n"),
        )
        .unwrap();
    }
    let ran = tool(&server, "bob", &dir).args(["--trace"]).run();
    assert_eq!(counts(&ran), (OWN, 2_000, 0));
    assert_eq!(tree(&dir).len(), 2_000);
    let commands = ran
        .err
        .lines()
        .filter(|line| line.contains("UID FETCH"))
        .count();
    assert!(commands < 20, "{commands} commands");
    assert!(!ran.err.contains(BOB), "the trace shows the password");
}

#[test]
fn tools_1f_mailfetch_ends_with_a_code_and_a_sentence() {
    let server = Server::start();
    let dir = server.dir.path().join("copy");
    let dir = dir.to_str().unwrap();
    let run = |scheme: &str| mailfetch([&*server.url(scheme, "bob"), dir]);
    for scheme in ["imap", "imaps"] {
        let fine = run(scheme).ca(&server.ca).password(BOB).run();
        assert_eq!(fine.code, 0, "{fine:?}");
        assert!(
            fine.out.starts_with("6 folders: fetched 0 new messages"),
            "{fine:?}"
        );
        run(scheme)
            .ca(&server.ca)
            .password("wrong-canary")
            .run()
            .fails(5, "check user and password");
    }
    let quiet = run("imaps")
        .ca(&server.ca)
        .password(BOB)
        .args(["--quiet"])
        .run();
    assert_eq!((quiet.code, &*quiet.out), (0, ""));
    let other = Server::start();
    run("imaps")
        .ca(&other.ca)
        .password(BOB)
        .run()
        .fails(4, "--ca");
    run("imap")
        .ca(&other.ca)
        .password(BOB)
        .run()
        .fails(4, "--ca");
    run("imaps")
        .ca(&server.ca)
        .run()
        .fails(2, "MAILWIRE_PASSWORD");
    mailfetch([&*server.url("pop3s", "bob"), dir])
        .run()
        .fails(2, "imaps://");
    mailfetch([&*server.url("imaps", ""), dir])
        .run()
        .fails(2, "imaps://USER@HOST");
    let port = server.port(mailwire_examples::config::Service::Imap);
    mailfetch([&*format!("imaps://bob@localhost:{port}"), dir])
        .ca(&server.ca)
        .password(BOB)
        .run()
        .fails(4, "use imap:// ");
    // The folder is bob's now.
    mailfetch([&*server.url("imaps", "alice"), dir])
        .ca(&server.ca)
        .password(ALICE)
        .run()
        .fails(2, "holds the mail of bob@localhost; name another folder");
    run("imaps")
        .args(["--upload", "--mirror"])
        .run()
        .fails(2, "--mirror");
    let nothing = server.dir.path().join("nothing");
    mailfetch([
        &*server.url("imaps", "bob"),
        nothing.to_str().unwrap(),
        "--upload",
    ])
    .password(BOB)
    .ca(&server.ca)
    .run()
    .fails(2, "there is no folder");
    assert!(mailfetch(["--help"]).run().out.contains("130  interrupted"));
}
