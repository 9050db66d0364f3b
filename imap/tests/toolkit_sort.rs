//! SORT: each key, ties, and headers that are made to hurt.

use std::num::NonZeroU32;

use bytes::BytesMut;
use mailwire_imap::{
    command::{By, Search, SearchKey, SearchReturn, SortCriterion, SortKey},
    datetime::DateTime,
    toolkit::{
        search::{Answer, Found, Needs, Query, Saved, Scope},
        sort::{Entry, Order},
        view::Facts,
    },
};

fn nz(number: usize) -> NonZeroU32 {
    NonZeroU32::new(u32::try_from(number).unwrap()).unwrap()
}

fn reverse(key: SortKey) -> SortCriterion {
    SortCriterion { reverse: true, key }
}

/// The order of messages that came one second after the other.
fn sort(criteria: &[SortCriterion], headers: &[&str]) -> Vec<u32> {
    let order = Order::new(criteria);
    let entries: Vec<Entry> = (1..)
        .zip(headers)
        .map(|(number, header)| {
            let date = DateTime::from_timestamp(i64::try_from(number).unwrap()).unwrap();
            let facts = Facts::new(nz(number), date, header.len() as u64);
            order.entry(nz(number), &facts, header.as_bytes())
        })
        .collect();
    order
        .sort(entries)
        .iter()
        .map(|number| number.get())
        .collect()
}

fn by(key: SortKey, headers: &[&str]) -> Vec<u32> {
    sort(&[SortCriterion::ascending(key)], headers)
}

#[test]
fn subjects_are_compared_without_what_answers_put_in_front() {
    let headers = [
        "Subject: Re: Zebra\r\n\r\n",
        "Subject: fwd: [list] apple (fwd)\r\n\r\n",
        "Subject: =?utf-8?q?=C3=84pfel?=\r\n\r\n",
        "\r\n",
        "Subject: APPLE pie\r\n\r\n",
    ];
    assert_eq!(by(SortKey::Subject, &headers), [4, 2, 5, 1, 3]);
    assert_eq!(
        sort(&[reverse(SortKey::Subject)], &headers),
        [3, 1, 5, 2, 4]
    );
}

#[test]
fn letters_stand_in_the_order_of_upper_case() {
    let subject = |text| format!("Subject: {text}\r\n\r\n");
    let headers = ["a_b", "A[b", "aab", "Aa", "ABB"].map(subject);
    let headers = headers.each_ref().map(|header| &**header);
    assert_eq!(by(SortKey::Subject, &headers), [4, 3, 5, 2, 1]);
}

#[test]
fn addresses_are_compared_by_the_mailbox_of_the_first() {
    let headers = [
        "From: Aaron <zoe@x>\r\nTo: b@x, a@x\r\nCc: c@x\r\n\r\n",
        "From: Zoe <AARON@y>\r\nTo: friends: z@x;\r\nCc: B@x\r\n\r\n",
        "From: =?utf-8?q?=C3=89mile?= <mid@x>\r\n\r\n",
    ];
    assert_eq!(by(SortKey::From, &headers), [2, 3, 1]);
    assert_eq!(by(SortKey::To, &headers), [3, 1, 2]);
    assert_eq!(by(SortKey::Cc, &headers), [3, 2, 1]);
    assert_eq!(by(SortKey::DisplayFrom, &headers), [1, 2, 3]);
}

#[test]
fn a_display_name_that_is_missing_is_the_address() {
    let headers = [
        "From: m@b.example\r\n\r\n",
        "From: \"\" <m@a.example>\r\n\r\n",
        "From: \"Mailer\" <a@a>\r\n\r\n",
        "To: Nobody <a@a>\r\n\r\n",
    ];
    assert_eq!(by(SortKey::DisplayFrom, &headers), [4, 2, 1, 3]);
    assert_eq!(by(SortKey::DisplayTo, &headers), [1, 2, 3, 4]);
}

#[test]
fn sent_dates_are_moments_and_fall_back_to_the_internal_date() {
    let headers = [
        "Date: 31 Dec 2000 16:01:33 -0800\r\n\r\n",
        "Date: 1 Jan 2001 00:01:32 +0000\r\n\r\n",
        "Date: not at all\r\n\r\n",
        "Date: 1 Jan 2001 00:01:34 +9999\r\n\r\n",
        "Date: 1 Jan 2001 99:99:99\r\n\r\n",
        "Subject: no date\r\n\r\n",
    ];
    // An unknown zone is UTC, an unknown time is midnight (RFC 5256 §2.2).
    assert_eq!(by(SortKey::Date, &headers), [3, 6, 5, 2, 1, 4]);
    assert_eq!(by(SortKey::Arrival, &headers), [1, 2, 3, 4, 5, 6]);
    assert_eq!(by(SortKey::Size, &["333", "1", "22"]), [2, 3, 1]);
}

#[test]
fn reverse_turns_one_key_and_never_the_order_of_the_mailbox() {
    let headers = [
        "Subject: a\r\nDate: 1 Jan 2001 00:00:00 +0000\r\n\r\n",
        "Subject: b\r\nDate: 1 Jan 2001 00:00:00 +0000\r\n\r\n",
        "Subject: a\r\nDate: 2 Jan 2001 00:00:00 +0000\r\n\r\n",
        "Subject: a\r\nDate: 2 Jan 2001 00:00:00 +0000\r\n\r\n",
    ];
    assert_eq!(sort(&[reverse(SortKey::Subject)], &headers), [2, 1, 3, 4]);
    let criteria = [
        SortCriterion::ascending(SortKey::Subject),
        reverse(SortKey::Date),
    ];
    assert_eq!(sort(&criteria, &headers), [3, 4, 1, 2]);
}

#[test]
fn a_key_that_is_there_twice_counts_once() {
    let headers = ["Subject: b\r\n\r\n", "Subject: a\r\n\r\n"];
    let mut criteria = vec![SortCriterion::ascending(SortKey::Subject)];
    criteria.extend(vec![reverse(SortKey::Subject); 10_000]);
    assert_eq!(sort(&criteria, &headers), [2, 1]);
}

#[test]
fn facts_are_enough_for_arrival_and_size() {
    let needs = |key| Order::new(&[SortCriterion::ascending(key)]).needs();
    assert_eq!(needs(SortKey::Arrival), None);
    assert_eq!(needs(SortKey::Size), None);
    for key in [
        SortKey::Date,
        SortKey::Subject,
        SortKey::From,
        SortKey::DisplayTo,
    ] {
        assert_eq!(needs(key), Some(Needs::Header));
    }
}

#[test]
fn sort_with_return_is_an_esearch_in_the_order_of_sort() {
    let date = DateTime::from_timestamp(0).unwrap();
    let answer = |returns: Option<SearchReturn>| {
        let mut search = Search::new([SearchKey::ModSeq(mailwire_imap::command::ModSeq::new(1))]);
        search.returns = returns;
        let query = Query::compile(&search, &Scope::new(5, Some(nz(5)), date)).unwrap();
        let mut found = Found::all(&query);
        for number in 1..=5 {
            let mut facts = Facts::new(nz(number + 10), date, None);
            facts.mod_seq = 100 + number as u64;
            found.add(nz(number), &facts);
        }
        found.arrange([5, 3, 4, 1].map(nz));
        let mut saved = Saved::new();
        found.save(&mut saved);
        let response = found.response(b"a", By::Number, Answer::ESearch);
        let mut wire = BytesMut::new();
        response.unwrap().encode(&mut wire);
        (String::from_utf8(wire.to_vec()).unwrap(), saved)
    };
    // RFC 5256 §4 and RFC 7162 §3.1.9; there is no other form without RETURN.
    assert_eq!(answer(None).0, "* SORT 5 3 4 1 (MODSEQ 105)\r\n");
    // RFC 7162 §3.1.10.
    let (wire, _) = answer(Some(SearchReturn::ALL));
    assert_eq!(wire, "* ESEARCH (TAG \"a\") ALL 5,3:4,1 MODSEQ 105\r\n");
    let both = SearchReturn::MIN
        .with(SearchReturn::MAX)
        .with(SearchReturn::SAVE);
    let (wire, saved) = answer(Some(both));
    assert_eq!(wire, "* ESEARCH (TAG \"a\") MIN 5 MAX 1 MODSEQ 105\r\n");
    assert_eq!(saved.to_set().unwrap().as_bytes(), b"11,15");
}

#[test]
fn imap_17_many_equal_subjects_stay_in_the_order_of_the_mailbox() {
    let headers = vec!["Subject: Re: Re: [list] same (fwd)\r\n\r\n"; 100_000];
    let sorted = sort(
        &[reverse(SortKey::Subject), reverse(SortKey::Date)],
        &headers,
    );
    // All subjects are equal, the internal dates are not.
    assert!(sorted.is_sorted_by(|one, two| one > two));
    assert!(by(SortKey::Subject, &headers).is_sorted());
}

#[test]
fn imap_17_long_and_broken_headers_are_sorted_all_the_same() {
    let comments = format!("Date: {}1 Jan 2001 00:00:00\r\n\r\n", "(".repeat(100_000));
    let blobs = format!("Subject: {}x\r\n\r\n", "[a] re: ".repeat(50_000));
    let addresses = format!("From: {}\r\n\r\n", "a@x, ".repeat(100_000));
    let headers = [
        &*comments,
        &blobs,
        &addresses,
        "From: <\r\nSubject: \r\nDate: \r\n\r\n",
    ];
    for key in [
        SortKey::Date,
        SortKey::Subject,
        SortKey::From,
        SortKey::DisplayFrom,
    ] {
        assert_eq!(by(key, &headers).len(), 4);
    }
}
