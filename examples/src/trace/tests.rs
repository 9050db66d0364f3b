//! Fields as they are written, and what is put in front of which message.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use super::{front::MAX_FIELD, *};

fn received<'a>(helo: &'a [u8]) -> Received<'a> {
    let now = "2026-11-22T05:06:07Z".parse().unwrap();
    Received {
        reverse: Some(b"host.example"),
        address: Some("2001:db8::1".parse().unwrap()),
        tls: Some(("TLS1.3", "TLS_AES_256_GCM_SHA384")),
        recipient: Some(b"bob@example.test"),
        ..Received::new(helo, "mx.example.test", With::esmtp().secured(), "q1", now)
    }
}

#[test]
fn received_says_who_how_and_when() {
    assert_eq!(
        received(b"client.example").to_string(),
        "Received: from client.example (host.example [IPv6:2001:db8::1])\r\n\
         \tby mx.example.test with ESMTPS (TLS1.3 TLS_AES_256_GCM_SHA384) id q1\r\n\
         \tfor <bob@example.test>;\r\n\
         \tSun, 22 Nov 2026 05:06:07 +0000\r\n"
    );
    let mapped = Received {
        address: Some("::ffff:192.0.2.1".parse().unwrap()),
        ..received(b"[192.0.2.1]")
    };
    assert!(
        mapped
            .to_string()
            .starts_with("Received: from [192.0.2.1] (host.example [192.0.2.1])\r\n")
    );
}

#[test]
fn smtp_59_a_peer_cannot_write_our_fields() {
    let long = vec![b'a'; 5000];
    for evil in [
        &b"x) by evil ("[..],
        b"x\t",
        b"x\r\nReceived: from y",
        b"\x1b[31m",
        b"x\0y",
        b"\"q\"",
        b";",
        b"<a>",
        "ö\u{202e}".as_bytes(),
        b"",
        b" ",
        b"\\",
        b"x;\r\n\tSun",
        &long,
    ] {
        let field = Received {
            reverse: Some(evil),
            recipient: Some(evil),
            ..received(evil)
        };
        let text = field.to_string();
        assert!(text.is_ascii() || str::from_utf8(evil).is_ok());
        assert_eq!(text.matches("\r\n").count(), text.matches('\n').count());
        let lines: Vec<&str> = text.split_terminator("\r\n").collect();
        assert!((3..=4).contains(&lines.len()), "{text:?}");
        assert!(
            lines
                .iter()
                .all(|line| line.len() <= 998
                    && !line.contains(|c: char| c.is_control() && c != '\t'))
        );
        let words: Vec<&str> = lines[0].split(' ').collect();
        assert_eq!(
            (words[0], words[1], words.len()),
            ("Received:", "from", 5),
            "{text:?}"
        );
        assert!(words[3].starts_with('(') && words[4] == "[IPv6:2001:db8::1])");
        assert_eq!(
            lines[1],
            "\tby mx.example.test with ESMTPS (TLS1.3 TLS_AES_256_GCM_SHA384) id q1".to_owned()
                + if lines.len() == 3 { ";" } else { "" }
        );
        assert_eq!(*lines.last().unwrap(), "\tSun, 22 Nov 2026 05:06:07 +0000");
    }
}

#[test]
fn return_path_is_one_line() {
    assert_eq!(return_path(b""), "Return-Path: <>\r\n");
    for bad in [
        &b"a\r\nX: y"[..],
        b"a>b@c",
        b"\xff@c",
        b"a\x7f@b",
        &[b'a'; 257],
        "a\u{202e}@b".as_bytes(),
    ] {
        assert_eq!(return_path(bad), "Return-Path: <>\r\n");
    }
    assert_eq!(
        return_path("jörg@b".as_bytes()),
        "Return-Path: <jörg@b>\r\n"
    );
}

#[test]
fn store_34_dates_at_the_ends_of_time() {
    assert_eq!(date(Timestamp::MIN), "Thu, 1 Jan 1970 00:00:00 +0000");
    assert_eq!(
        date("2038-01-19T03:14:08Z".parse().unwrap()),
        "Tue, 19 Jan 2038 03:14:08 +0000"
    );
    assert!(date(Timestamp::MAX).ends_with(" +0000"));
    assert!(date(Timestamp::MAX).contains(" 9999 "));
}

/// All of `text` through `front`, cut in two at `cut`, with the end.
fn stored(mut front: Front, text: &[u8], cut: usize) -> (Vec<u8>, u32) {
    let mut all = Vec::new();
    for part in [&text[..cut], &text[cut..]] {
        let (first, rest) = front.push(part);
        all.extend_from_slice(&first);
        all.extend_from_slice(rest);
    }
    all.extend_from_slice(&front.finish());
    (all, front.received())
}

#[test]
fn missing_date_and_message_id_come_in_front() {
    for (text, added) in [
        ("Subject: x\r\n\r\nbody", "DM"),
        ("Date: x\r\n\r\nbody", "M"),
        ("date : x\r\nMESSAGE-ID:\r\n <y>\r\n\r\nbody", ""),
        ("X-Date: x\r\nDate-X: y\r\n\r\nbody", "DM"),
        ("Subject: x\r\n Date: y\r\n\r\nDate: z\r\n", "DM"),
        ("Subject: x\nDate: y\n\nMessage-ID: z\n", "M"),
        ("Date: only a header", "M"),
        ("Subject: x\r\nno field\r\nDate: y\r\n", "DM"),
        ("", "DM"),
        ("\r\nDate: body\r\n", "DM"),
        ("no header at all\r\n", "DM|"),
        (": no name\r\n", "DM|"),
        (" begins with space: x\r\nDate: y\r\n", "DM|"),
        ("From alice: x\r\n", "DM|"),
    ] {
        let expected = added
            .replace('D', "Date: d\r\n")
            .replace('M', "Message-ID: <m>\r\n")
            .replace('|', "\r\n");
        for cut in 0..=text.len() {
            let (all, _) = stored(
                Front::completing("T: t\r\n", "d", "m"),
                text.as_bytes(),
                cut,
            );
            assert_eq!(
                String::from_utf8(all).unwrap(),
                format!("T: t\r\n{expected}{text}"),
                "cut at {cut}"
            );
        }
    }
}

#[test]
fn trace_fields_alone_change_nothing_else() {
    let long = format!("{}: x\r\n\r\n", "N".repeat(998));
    let longer = format!("{}: x\r\n\r\n", "N".repeat(999));
    for (text, between) in [
        ("A: b\r\n\r\n", ""),
        ("\r\nx", ""),
        ("x", "\r\n"),
        (&long, ""),
        (&longer, "\r\n"),
    ] {
        for cut in 0..=text.len() {
            let (all, _) = stored(Front::new("T: t\r\n"), text.as_bytes(), cut);
            assert_eq!(
                String::from_utf8(all).unwrap(),
                format!("T: t\r\n{between}{text}"),
                "cut at {cut}"
            );
        }
    }
}

#[test]
fn all_3_what_is_held_back_is_bounded() {
    for (mut front, limit) in [
        (Front::completing("T: t\r\n", "d", "m"), MAX_HELD),
        (Front::new("T: t\r\n"), MAX_FIELD),
    ] {
        let mut held = 0;
        loop {
            let (first, _) = front.push(b"X");
            held += 1;
            if !first.is_empty() {
                break;
            }
            assert!(held <= limit);
        }
        let (first, rest) = front.push(&[b'X'; 70_000]);
        assert_eq!((first.len(), rest.len()), (0, 70_000));
    }
    let mut front = Front::completing("T: t\r\n", "d", "m");
    let field = format!("A: {}\r\n", "b".repeat(990));
    let mut stored = Vec::new();
    for _ in 0..2000 {
        let (first, rest) = front.push(field.as_bytes());
        stored.extend_from_slice(&first);
        stored.extend_from_slice(rest);
    }
    assert!(
        stored.starts_with(b"T: t\r\nA: b"),
        "nothing is added to a header of more than 1 MiB"
    );
    assert_eq!(stored.len(), 6 + 2000 * field.len());
}

#[test]
fn smtp_60_received_fields_are_counted_as_they_come() {
    let text = "Received: a\r\n\tReceived: folded\r\nreceived: b\r\nX-Received: c\r\n".repeat(50)
        + "\r\nReceived: body\r\n";
    for cut in 0..text.len() {
        assert_eq!(stored(Front::new(""), text.as_bytes(), cut).1, 100);
    }
    let mut front = Front::new("");
    for octet in text.as_bytes() {
        let _ = front.push(std::slice::from_ref(octet));
    }
    assert_eq!(front.received(), 100);
}
