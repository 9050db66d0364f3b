//! IMAP: what is read is what is there, however large and however odd.

use std::fs;

use mailwire_imap::response::{Code, Content, ESearchItem, FetchItem, Response};

use super::{
    harness::{BOB, base64, files, served},
    imap::{Answer, Imap, numbers_of},
};

/// Octets of many lines that look random, and each of which can be told from the others.
fn lines(octets: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(octets + 80);
    let mut number = 0_u64;
    while text.len() < octets {
        number += 1;
        let word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        text.extend_from_slice(format!("line {number} {word:x} {word:o}\r\n").as_bytes());
    }
    text
}

/// The literals of a FETCH that came by themselves, or stayed in the response.
fn contents(imap: &mut Imap, answer: &Answer) -> Vec<Vec<u8>> {
    let mut large = std::mem::take(&mut imap.bodies).into_iter();
    let mut all = Vec::new();
    for item in answer.fetch().items() {
        let (FetchItem::Section { content, .. } | FetchItem::Binary { content, .. }) = item else {
            continue;
        };
        all.push(match content {
            Content::Inline(text) => text.to_octets().to_vec(),
            Content::Streamed(len) => {
                let body = large.next().unwrap();
                assert_eq!(body.len() as u64, len);
                body
            }
            other => panic!("{other:?}"),
        });
    }
    all
}

async fn append(imap: &mut Imap, text: &[u8]) {
    let tag = imap.begin(format!("APPEND INBOX {{{}}}", text.len())).await;
    assert!(imap.end_or_go(&tag).await.is_none());
    // The server may answer while we are still sending: nothing here waits for that.
    imap.wire.send(text).await;
    imap.wire.send("\r\n").await;
    assert!(imap.end(&tag).await.is_ok());
}

#[test]
fn a_message_larger_than_what_is_held_comes_whole_and_in_parts() {
    served(async |mail| {
        let text = lines(3 << 20);
        let binary: Vec<u8> = (0..1_500_000_u32)
            .map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).unwrap())
            .collect();
        let encoded = base64(&binary);
        let mut folded = Vec::new();
        for line in encoded.as_bytes().chunks(76) {
            folded.extend_from_slice(line);
            folded.extend_from_slice(b"\r\n");
        }
        let header: &[u8] = b"Subject: large\r\nMIME-Version: 1.0\r\n\
            Content-Type: multipart/mixed; boundary=cut\r\n\r\n";
        let mut message = header.to_vec();
        message.extend_from_slice(b"preamble\r\n--cut\r\nContent-Type: text/plain\r\n\r\n");
        message.extend_from_slice(&text);
        message.extend_from_slice(
            b"\r\n--cut\r\nContent-Type: application/octet-stream\r\n\
            Content-Transfer-Encoding: base64\r\n\r\n",
        );
        message.extend_from_slice(&folded);
        message.extend_from_slice(b"\r\n--cut--\r\n");
        let mut imap = mail.imap_in(BOB, "INBOX").await;
        append(&mut imap, &message).await;
        // A small one on each side, so that the order is seen too.
        append(&mut imap, b"Subject: small\r\n\r\nx\r\n").await;
        let answer = imap.ok("FETCH 1 (RFC822.SIZE BODY.PEEK[])").await;
        assert_eq!(answer.fetch().size(), Some(message.len() as u64));
        assert!(contents(&mut imap, &answer) == [message.clone()]);
        // Several of them by one response, in the order asked for.
        let items = "BODY.PEEK[HEADER] BODY.PEEK[1] BODY.PEEK[2] BODY.PEEK[TEXT]";
        let answer = imap.ok(format!("FETCH 1 ({items} BINARY.PEEK[2])")).await;
        let body = &message[header.len()..];
        let all = contents(&mut imap, &answer);
        for (got, want) in all.iter().zip([header, &text, &folded, body, &binary]) {
            assert!(got == want, "{} {}", got.len(), want.len());
        }
        assert_eq!(all.len(), 5);
        let answer = imap.ok("FETCH 1 BINARY.SIZE[2]").await;
        let size = answer.fetch().items().find_map(|item| match item {
            FetchItem::BinarySize { size, .. } => Some(size),
            _ => None,
        });
        assert_eq!(size, Some(binary.len() as u64));
        for (from, len) in [
            (0, 10),
            (1_048_570, 20),
            (2_000_000, 1_000_000),
            (message.len() - 5, 100),
            (message.len(), 10),
            (100_000_000, 10),
        ] {
            let part = |whole: &[u8]| {
                let rest = whole.get(from..).unwrap_or_default();
                rest[..len.min(rest.len())].to_vec()
            };
            let items = format!("(BODY.PEEK[]<{from}.{len}> BODY.PEEK[1]<{from}.{len}>");
            let answer = imap
                .ok(format!("FETCH 1 {items} BINARY.PEEK[2]<{from}.{len}>)"))
                .await;
            let all = contents(&mut imap, &answer);
            assert!(
                all == [part(&message), part(&text), part(&binary)],
                "{from} {len}"
            );
        }
        // Both in one go, and the structure of what was never held.
        let answer = imap
            .ok("FETCH 1:2 (UID BODYSTRUCTURE ENVELOPE BODY[])")
            .await;
        assert_eq!(answer.fetches().len(), 2);
        assert!(imap.bodies.pop().unwrap() == message);
        let structure = answer.fetches()[0].body_structure().unwrap();
        let shown = format!("{structure:?}").to_ascii_lowercase();
        assert!(shown.contains("octet-stream"), "{shown}");
        assert_eq!(
            (imap.flags(1), imap.flags(2)),
            (vec!["\\Seen"], vec!["\\Seen"])
        );
        // It is looked through, too.
        let last = String::from_utf8(text[text.len() - 30..].to_vec()).unwrap();
        let last = last.trim_end().rsplit(' ').next().unwrap();
        let found = imap.ok(format!("SEARCH BODY \"{last}\"")).await.found();
        assert_eq!(found, [1]);
        assert_eq!(imap.ok("SEARCH LARGER 1000000").await.found(), [1]);
    });
}

#[test]
fn imap_29_parts_that_cannot_be_decoded() {
    served(async |mail| {
        let mut imap = mail.imap_in(BOB, "INBOX").await;
        let part = |encoding: &str, text: &str| {
            format!(
                "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=nonsense\r\n\
                Content-Transfer-Encoding: {encoding}\r\n\r\n{text}"
            )
        };
        for (encoding, text, want) in [
            ("base64", "", Some(&b""[..])),
            ("base64", "AAECAw==\r\n", Some(b"\0\x01\x02\x03")),
            ("quoted-printable", "a=3Db=\r\nc\r\n", Some(b"a=bc\r\n")),
            ("8bit", "plain\r\n", Some(b"plain\r\n")),
            ("x-unknown", "plain\r\n", None),
        ] {
            append(&mut imap, part(encoding, text).as_bytes()).await;
            let number = imap.messages.len();
            let answer = imap.ask(format!("FETCH {number} BINARY.PEEK[1]")).await;
            match want {
                Some(want) => {
                    assert!(answer.is_ok(), "{answer:?}");
                    assert_eq!(contents(&mut imap, &answer), [want]);
                }
                None => assert_eq!(answer.status.code(), Some(Code::UnknownCte)),
            }
        }
        // What is no base64 at all gives something or is refused; the session goes on.
        for text in ["!!!!", "AAE", "A", "=", "AA==AA==", "AAEC\r\n\r\nAw=="] {
            append(&mut imap, part("base64", text).as_bytes()).await;
            let number = imap.messages.len();
            for items in ["BINARY.PEEK[1]", "BINARY.SIZE[1]"] {
                let answer = imap.ask(format!("FETCH {number} {items}")).await;
                let is_told = answer.has(&Code::UnknownCte);
                assert!(answer.is_ok() || is_told, "{text}: {answer:?}");
            }
        }
        for items in [
            "BODY.PEEK[7]",
            "BODY.PEEK[7.MIME]",
            "BODY.PEEK[1.1.1.HEADER]",
            "BINARY.PEEK[7]",
            "BINARY.SIZE[7]",
            "BODY.PEEK[1]<0.4294967295>",
            "BODY.PEEK[1]<4294967295.4294967295>",
        ] {
            imap.ask(format!("FETCH 1 {items}")).await;
            imap.ok("NOOP").await;
        }
        let answer = imap.ok("FETCH 2 BODY.PEEK[7]").await;
        assert_eq!(answer.fetch().section(b"7"), Some(Content::Nil));
    });
}

#[test]
fn store_24_the_size_is_that_of_what_is_read() {
    served(async |mail| {
        let mut imap = mail.imap_in(BOB, "INBOX").await;
        let long = [&b"a: b\n\n"[..], &vec![b'x'; 3 << 20]].concat();
        for (at, text) in [
            &b""[..],
            b"\n",
            b"a: b\n\nbare LF\n",
            b"a: b\r\rbare CR\r",
            b"a: b\r\n\r\nnul \0 here",
            b"no header at all",
            b"\r\n\r\n\n\r\n",
            &long,
        ]
        .iter()
        .enumerate()
        {
            let file = format!("new/{}.{at}.elsewhere,S=77", 1_700_000_000 + at);
            fs::write(mail.home(BOB).join(file), text).unwrap();
            imap.ok("NOOP").await;
            let number = at + 1;
            assert_eq!(imap.messages.len(), number);
            let answer = imap
                .ok(format!("FETCH {number} (RFC822.SIZE BODY.PEEK[])"))
                .await;
            let all = contents(&mut imap, &answer);
            assert_eq!(answer.fetch().size(), Some(all[0].len() as u64), "{at}");
            let has_bare_lf = all[0]
                .iter()
                .enumerate()
                .any(|(i, o)| *o == b'\n' && (i == 0 || all[0][i - 1] != b'\r'));
            assert!(!has_bare_lf && !all[0].contains(&0));
            imap.ok(format!(
                "FETCH {number} (ENVELOPE BODYSTRUCTURE BODY.PEEK[TEXT])"
            ))
            .await;
            imap.bodies.clear();
        }
        assert_eq!(files(&mail.home(BOB), &["new", "cur"]).len(), 8);
    });
}

#[test]
fn search_sort_and_thread() {
    served(async |mail| {
        let mut imap = mail.imap_in(BOB, "INBOX").await;
        for (number, text) in [
            "From: Carol <carol@x>\r\nSubject: Re: plan\r\nMessage-ID: <2@x>\r\nReferences: <1@x>\r\n\
             Date: Wed, 2 Jan 2019 10:00:00 +0000\r\n\r\nb\u{e4}ume\r\n",
            "From: alice@x\r\nSubject: plan\r\nMessage-ID: <1@x>\r\n\
             Date: Tue, 1 Jan 2019 10:00:00 +0000\r\n\r\na tree\r\n",
            "From: bob@x\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <3@x>\r\n\
             Date: Mon, 31 Dec 2018 10:00:00 +0000\r\n\r\nlong, long text\r\n",
            "From: dave@x\r\nSubject: plan\r\nMessage-ID: <4@x>\r\nIn-Reply-To: <2@x>\r\n\
             Date: Thu, 3 Jan 2019 10:00:00 +0000\r\n\r\nyes\r\n",
        ]
        .iter()
        .enumerate()
        {
            let front = format!("APPEND INBOX (k{number})");
            imap.ask_with(&front, text).await;
        }
        imap.learn().await;
        for (keys, found) in [
            ("ALL", &[1, 2, 3, 4][..]),
            ("SUBJECT plan", &[1, 2, 4]),
            ("NOT SUBJECT plan", &[3]),
            ("OR FROM carol FROM dave", &[1, 4]),
            ("BODY tree", &[2]),
            ("TEXT <1@x>", &[1, 2]),
            ("SENTSINCE 2-Jan-2019", &[1, 4]),
            ("KEYWORD k2 UNSEEN", &[3]),
            ("UID 2:3 LARGER 10", &[2, 3]),
            ("HEADER Message-ID 3@x", &[3]),
            ("YOUNGER 1000", &[1, 2, 3, 4]),
            ("(OR (SUBJECT plan BODY yes) BODY long)", &[3, 4]),
        ] {
            let answer = imap.ok(format!("SEARCH {keys}")).await;
            assert_eq!(answer.found(), found, "{keys}");
        }
        for (keys, text, found) in [
            ("SEARCH CHARSET UTF-8 BODY", "B\u{c4}UME", &[1][..]),
            ("SEARCH CHARSET UTF-8 SUBJECT", "gr\u{fc}sse", &[3]),
            ("SEARCH CHARSET UTF-8 SUBJECT", "gr\u{fc}se", &[]),
            ("SEARCH CHARSET UTF-8 SUBJECT", "GR\u{dc}", &[3]),
        ] {
            let (answer, _) = imap.ask_with(keys, text).await;
            assert_eq!(answer.found(), found, "{text}");
        }
        let answer = imap.no("SEARCH CHARSET X-UNKNOWN BODY x").await;
        assert!(matches!(answer.status.code(), Some(Code::BadCharset(_))));
        for (criteria, sorted) in [
            ("(DATE)", [3, 2, 1, 4]),
            ("(REVERSE DATE)", [4, 1, 2, 3]),
            ("(FROM)", [2, 3, 1, 4]),
            ("(SUBJECT DATE)", [3, 2, 1, 4]),
            ("(ARRIVAL)", [1, 2, 3, 4]),
        ] {
            let answer = imap.ok(format!("SORT {criteria} UTF-8 ALL")).await;
            assert_eq!(answer.found(), sorted, "{criteria}");
        }
        assert_eq!(
            imap.ok("UID SORT (REVERSE ARRIVAL) UTF-8 2:3")
                .await
                .found()
                .len(),
            2
        );
        let answer = imap.ok("THREAD REFERENCES UTF-8 ALL").await;
        let Some(Response::Thread(thread)) = answer.untagged.first() else {
            panic!("{answer:?}");
        };
        assert_eq!(thread.wire(), b"* THREAD (3)(2 1 4)");
        let answer = imap.ok("THREAD ORDEREDSUBJECT UTF-8 ALL").await;
        let Some(Response::Thread(thread)) = answer.untagged.first() else {
            panic!("{answer:?}");
        };
        assert_eq!(thread.wire(), b"* THREAD (3)(2 (1)(4))");
        // ESEARCH, and what it has saved.
        let answer = imap
            .ok("UID SEARCH RETURN (MIN MAX COUNT ALL SAVE) SUBJECT plan")
            .await;
        let Some(Response::ESearch(found)) = answer.untagged.first() else {
            panic!("{answer:?}");
        };
        assert!(found.is_uid());
        let items: Vec<_> = found.items().collect();
        assert!(items.contains(&ESearchItem::Count(3)), "{items:?}");
        let all = items.iter().find_map(|item| match item {
            ESearchItem::All(set) => Some(numbers_of(set)),
            _ => None,
        });
        assert_eq!(all, Some(vec![1, 2, 4]));
        imap.ok("STORE $ +FLAGS (\\Flagged)").await;
        assert_eq!(imap.ok("SEARCH FLAGGED").await.found(), [1, 2, 4]);
        imap.ok("MOVE $ Archive").await;
        imap.learn().await;
        assert_eq!(imap.uids(), [3]);
        // What has gone is out of it.
        assert_eq!(imap.ok("SEARCH $").await.found(), [0; 0]);
        assert_eq!(mail.fresh(BOB, "Archive").await.len(), 3);
    });
}
