//! SEARCH: each key, the examples of the RFCs, and queries that are made to hurt.

use std::num::NonZeroU32;

use bytes::BytesMut;
use mailwire_imap::{
    command::{By, ModSeq, Search, SearchKey, SearchReturn, Tag},
    datetime::{Date, DateTime},
    flag::Flag,
    limits,
    response::{Condition, Status},
    toolkit::{
        search::{Answer, Found, Needs, Query, Refused, Saved, Scope, Verdict},
        view::{Facts, Recent},
    },
};

mod oracle;

/// Small, and the same each time.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

pub(crate) fn nz(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn now() -> DateTime {
    "\" 1-Jan-2001 00:00:00 +0000\"".parse().unwrap()
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

fn facts() -> Facts {
    Facts::new(
        nz(7),
        "\"17-Jul-1996 23:44:25 -0700\"".parse().unwrap(),
        4286,
    )
}

/// A mailbox of ten messages, the last one with UID 100.
fn scope() -> Scope {
    Scope::new(10, Some(nz(100)), now())
}

pub(crate) fn compile(keys: impl IntoIterator<Item = SearchKey>) -> Query {
    Query::compile(&Search::new(keys), &scope()).unwrap()
}

fn by_facts(key: SearchKey, number: u32, facts: &Facts) -> Verdict {
    compile([key]).by_facts(nz(number), facts)
}

pub(crate) fn not(key: SearchKey) -> SearchKey {
    SearchKey::Not(Box::new(key))
}

pub(crate) fn or(one: SearchKey, two: SearchKey) -> SearchKey {
    SearchKey::Or(Box::new(one), Box::new(two))
}

fn matches(key: SearchKey, message: &str) -> bool {
    let mut matcher = compile([key]).matcher(nz(1), &facts());
    matcher.feed(message.as_bytes());
    matcher.finish()
}

fn text(text: &str) -> SearchKey {
    SearchKey::Text(text.as_bytes().into())
}

fn body(text: &str) -> SearchKey {
    SearchKey::Body(text.as_bytes().into())
}

fn subject(text: &str) -> SearchKey {
    SearchKey::Subject(text.as_bytes().into())
}

fn field(name: &str, value: &str) -> SearchKey {
    SearchKey::Header {
        field: name.as_bytes().into(),
        value: value.as_bytes().into(),
    }
}

fn set(text: &str) -> SearchKey {
    SearchKey::Set(text.parse().unwrap())
}

fn uids(text: &str) -> SearchKey {
    SearchKey::Uid(text.parse().unwrap())
}

#[test]
fn flags_need_no_message() {
    let mut facts = facts();
    for flag in [Flag::Seen, Flag::Draft, Flag::new(b"$Junk").unwrap()] {
        facts.flags.insert(&flag);
    }
    facts.recent = Recent::Yes;
    let keyword = |name: &[u8]| SearchKey::Keyword(Flag::new(name).unwrap());
    let unkeyword = |name: &[u8]| SearchKey::Unkeyword(Flag::new(name).unwrap());
    for key in [
        SearchKey::All,
        SearchKey::Seen,
        SearchKey::Draft,
        SearchKey::Recent,
        keyword(b"$JUNK"),
        SearchKey::Unanswered,
        SearchKey::Undeleted,
        SearchKey::Unflagged,
        unkeyword(b"$Forwarded"),
        not(SearchKey::New),
        SearchKey::And(vec![]),
    ] {
        assert_eq!(by_facts(key.clone(), 1, &facts), Verdict::Yes, "{key:?}");
    }
    for key in [
        SearchKey::Answered,
        SearchKey::Deleted,
        SearchKey::Flagged,
        SearchKey::New,
        SearchKey::Old,
        SearchKey::Unseen,
        SearchKey::Undraft,
        keyword(b"Junk"),
        unkeyword(b"$junk"),
    ] {
        assert_eq!(by_facts(key.clone(), 1, &facts), Verdict::No, "{key:?}");
    }
}

#[test]
fn internal_dates_are_compared_by_their_day_as_written() {
    // In UTC it is the 18th.
    let day = |day| date(&format!("{day}-Jul-1996"));
    for (key, verdict) in [
        (SearchKey::On(day(17)), Verdict::Yes),
        (SearchKey::On(day(18)), Verdict::No),
        (SearchKey::Before(day(17)), Verdict::No),
        (SearchKey::Before(day(18)), Verdict::Yes),
        (SearchKey::Since(day(17)), Verdict::Yes),
        (SearchKey::Since(day(18)), Verdict::No),
    ] {
        assert_eq!(by_facts(key.clone(), 1, &facts()), verdict, "{key:?}");
    }
}

#[test]
fn older_and_younger_are_exact_to_the_second() {
    let at = |seconds: i64| {
        let date = DateTime::from_timestamp(now().timestamp() - seconds).unwrap();
        Facts::new(nz(1), date, None)
    };
    for (age, older, younger) in [
        (299, Verdict::No, Verdict::Yes),
        (300, Verdict::Yes, Verdict::Yes),
        (301, Verdict::Yes, Verdict::No),
    ] {
        assert_eq!(by_facts(SearchKey::Older(nz(300)), 1, &at(age)), older);
        assert_eq!(by_facts(SearchKey::Younger(nz(300)), 1, &at(age)), younger);
    }
}

#[test]
fn sizes_that_nobody_counted_are_counted_while_the_message_is_read() {
    assert_eq!(by_facts(SearchKey::Larger(4286), 1, &facts()), Verdict::No);
    assert_eq!(by_facts(SearchKey::Larger(4285), 1, &facts()), Verdict::Yes);
    assert_eq!(by_facts(SearchKey::Smaller(4286), 1, &facts()), Verdict::No);
    assert_eq!(
        by_facts(SearchKey::Smaller(4287), 1, &facts()),
        Verdict::Yes
    );
    let mut unknown = facts();
    unknown.octets = None;
    for (size, larger) in [(9, true), (10, false), (11, false)] {
        let query = compile([SearchKey::Larger(size)]);
        assert_eq!(
            query.by_facts(nz(1), &unknown),
            Verdict::Undecided(Needs::Content)
        );
        let mut matcher = query.matcher(nz(1), &unknown);
        matcher.feed(b"a: b\r\n");
        matcher.feed(b"\r\nxy");
        assert_eq!(matcher.finish(), larger, "{size}");
    }
}

#[test]
fn what_facts_decide_opens_no_message() {
    let cheap_no = compile([text("x"), SearchKey::Seen]);
    assert_eq!(cheap_no.by_facts(nz(1), &facts()), Verdict::No);
    let cheap_yes = compile([or(body("x"), SearchKey::Unseen)]);
    assert_eq!(cheap_yes.by_facts(nz(1), &facts()), Verdict::Yes);
    let header = compile([or(and([text("x"), SearchKey::Seen]), subject("x"))]);
    assert_eq!(
        header.by_facts(nz(1), &facts()),
        Verdict::Undecided(Needs::Header)
    );
    let content = compile([not(text("x")), subject("x")]);
    assert_eq!(
        content.by_facts(nz(1), &facts()),
        Verdict::Undecided(Needs::Content)
    );
}

fn and<const N: usize>(keys: [SearchKey; N]) -> SearchKey {
    SearchKey::And(keys.into())
}

#[test]
fn a_verdict_of_the_header_comes_before_the_body() {
    let mut matcher = compile([subject("lunch"), text("noon")]).matcher(nz(1), &facts());
    assert_eq!(
        matcher.feed(b"Subject: dinner\r\n"),
        Verdict::Undecided(Needs::Content)
    );
    assert_eq!(matcher.feed(b"\r\n"), Verdict::No);
    assert_eq!(matcher.feed(b"at noon"), Verdict::No);
    assert!(!matcher.finish());
}

#[test]
fn header_keys_look_at_decoded_fields_of_their_name() {
    let message = "From: =?iso-8859-1?q?J=F6rg?= Smith\r\n <js@x>\r\nX-Empty:\r\n\
                   To: a@x\r\nTo: b@x\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?= from\r\n home\r\n\r\n\
                   Cc: not@x\r\n";
    for key in [
        SearchKey::From("JÖRG smith".as_bytes().into()),
        SearchKey::From(b"JS@X"[..].into()),
        SearchKey::To(b"b@x"[..].into()),
        not(SearchKey::Cc(b""[..].into())),
        not(SearchKey::Bcc(b""[..].into())),
        subject("GRÜSSE FROM HOME"),
        subject(""),
        field("x-EMPTY", ""),
        not(field("X-Empty", "a")),
        not(field("X-Other", "")),
        field("Subject:", "home"),
    ] {
        assert!(matches(key.clone(), message), "{key:?}");
    }
}

#[test]
fn sent_dates_are_those_of_the_date_field_without_regard_to_its_zone() {
    let message = "Date: Wed, 17 Jul 1996 23:44:25 -0700\r\n\r\n";
    let day = |day| date(&format!("{day}-Jul-1996"));
    assert!(matches(SearchKey::SentOn(day(17)), message));
    assert!(!matches(SearchKey::SentOn(day(18)), message));
    assert!(matches(SearchKey::SentBefore(day(18)), message));
    assert!(!matches(SearchKey::SentBefore(day(17)), message));
    assert!(matches(SearchKey::SentSince(day(17)), message));
    assert!(!matches(SearchKey::SentSince(day(18)), message));
    for key in [SearchKey::SentSince(day(1)), SearchKey::SentBefore(day(1))] {
        assert!(!matches(key.clone(), "Subject: x\r\n\r\n"));
        assert!(!matches(key.clone(), "Date: x\r\n\r\n"));
        assert!(matches(not(key), "Date: x\r\n\r\n"));
    }
}

const MIXED: &str = "Subject: outer\r\nContent-Type: multipart/mixed; boundary=\"b 1\"\r\n\r\n\
    preamble\r\n--b 1\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
    Content-Transfer-Encoding: quoted-printable\r\nX-Part: field\r\n\r\n\
    Gr=FC=DFe aus K=\r\n=F6ln\r\n--c 1\r\n--b 1\r\nContent-Type: image/png\r\n\r\n\
    picture\r\n--b 1\r\nContent-Type: message/rfc822\r\n\r\n\
    Subject: =?utf-8?q?=C3=A4nner?=\r\nContent-Transfer-Encoding: base64\r\n\r\n\
    ZW5jbG\r\n9zZWQ=\r\n--b 1--\r\nepilogue\r\n";

#[test]
fn body_and_text_look_into_decoded_parts_that_are_text() {
    for (string, in_body, in_text) in [
        ("grüße aus köln", true, true),
        ("--c 1", true, true),
        ("enclosed", true, true),
        ("ännER", true, true),
        ("outer", false, true),
        ("subject: outer", false, true),
        ("x-part: field", false, true),
        ("multipart/mixed", false, true),
        ("picture", false, false),
        ("preamble", false, false),
        ("epilogue", false, false),
        ("ZW5jbG", false, false),
        ("=FC", false, false),
    ] {
        assert_eq!(matches(body(string), MIXED), in_body, "BODY {string}");
        assert_eq!(matches(text(string), MIXED), in_text, "TEXT {string}");
    }
}

#[test]
fn octets_of_unlabelled_text_are_utf_8() {
    assert!(matches(body("KÖLN"), "\r\nköln\r\n"));
    let ascii = "Content-Type: text/plain; charset=us-ascii\r\n\r\nköln\r\n";
    assert!(matches(body("KÖLN"), ascii));
    assert!(matches(body("straße"), "\r\nSTRASSE\r\n"));
}

#[test]
fn texts_are_found_across_any_cut() {
    let message = MIXED.as_bytes();
    let query = compile([
        body("grüße aus köln"),
        text("enclosed"),
        not(text("picture")),
    ]);
    for cut in 0..=message.len() {
        let (front, behind) = message.split_at(cut);
        let mut matcher = query.matcher(nz(1), &facts());
        matcher.feed(front);
        matcher.feed(behind);
        assert!(matcher.finish(), "cut at {cut}");
    }
}

#[test]
fn texts_are_found_wherever_they_stand_in_a_long_body() {
    let query = compile([body("straße ende")]);
    for length in [1, 7, 4_000, 100_000] {
        for at in (4_070..4_100).chain(8_160..8_200).chain([0, 20_000]) {
            let fill = "üx".repeat(at / 3);
            let message = format!("\r\n{fill}{}STRASSE ENDE{fill}", &"yyy"[..at % 3]);
            let mut matcher = query.matcher(nz(1), &facts());
            for piece in message.as_bytes().chunks(length) {
                matcher.feed(piece);
            }
            assert!(matcher.finish(), "{at} in pieces of {length}");
        }
    }
    // Parts are not one text.
    let message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nstraße \
                   \r\n--b\r\n\r\nende\r\n--b--\r\n";
    assert!(!matches(body("straße ende"), message));
    assert!(!matches(body("straße \r\nende"), message));
}

#[test]
fn mime_that_is_made_to_hurt_is_walked_through_once() {
    let nested: String = (0..10_000)
        .map(|at| format!("Content-Type: multipart/mixed; boundary=b{at}.\r\n\r\n--b{at}.\r\n"))
        .collect();
    let enclosed = "Content-Type: message/rfc822\r\n\r\n".repeat(10_000);
    let siblings = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}",
        "--b\r\n\r\n".repeat(100_000)
    );
    let hyphens = format!("{nested}{}", "--b\r\n--\r\n-\r\n".repeat(20_000));
    let field = format!("Subject: {}\r\n", "x".repeat(4_000_000));
    let folded = format!("Subject:{}\r\n", "\r\n x".repeat(500_000));
    let line = format!("{siblings}\r\n\r\n--{}", "x".repeat(1_000_000));
    let query = compile([or(body("needle"), text("needle"))]);
    for front in [
        &nested, &enclosed, &siblings, &hyphens, &field, &folded, &line,
    ] {
        for (piece, message) in [(65_536, format!("{front}\r\n")), (1_000, front.clone())] {
            let mut matcher = query.matcher(nz(1), &facts());
            for piece in message.as_bytes().chunks(piece) {
                matcher.feed(piece);
            }
            assert!(!matcher.finish());
        }
    }
    // What is beyond the depth is not looked into; a message within a message is no such depth.
    assert!(matches(body("needle"), &format!("{enclosed}\r\nneedle")));
    assert!(!matches(body("needle"), &format!("{nested}\r\nneedle")));
}

#[test]
fn imap_10_sets_cost_their_ranges_and_bad_bounds_match_nothing() {
    let yes = |key: SearchKey, number| by_facts(key, number, &facts()) == Verdict::Yes;
    assert!(yes(set("1:4294967295"), 1) && yes(set("*:1"), 10));
    assert!(yes(set("*"), 10) && yes(set("*:*"), 10) && !yes(set("*"), 9));
    assert!(yes(set("4:2"), 3) && !yes(set("20:*"), 9) && yes(set("20:*"), 10));
    assert!(yes(uids("7"), 1) && !yes(uids("8:*"), 1) && yes(uids("1:*"), 1));
    // An empty mailbox has no largest number.
    let empty = Scope::new(0, None, now());
    for text in ["*", "*:*", "1:*", "4294967295:*"] {
        let query = Query::compile(&Search::new([set(text), uids(text)]), &empty).unwrap();
        assert_eq!(query.by_facts(nz(2), &facts()), Verdict::No);
        assert_eq!(Found::new(&query).next_number(), None);
    }
    // A set of many elements is searched by halving, for each of many messages.
    let many: Vec<_> = (1..100_000_u32)
        .rev()
        .map(|at| (2 * at).to_string())
        .collect();
    let scope = Scope::new(200_000, Some(nz(200_000)), now());
    let query = Query::compile(&Search::new([set(&many.join(","))]), &scope).unwrap();
    let mut found = Found::new(&query);
    while let Some(number) = found.next_number() {
        if query.by_facts(number, &facts()) == Verdict::Yes {
            found.add(number, &facts());
        }
    }
    assert_eq!(found.len(), 99_999);
}

#[test]
fn imap_14_dates_that_are_none_match_nothing_and_harm_nobody() {
    let since = SearchKey::SentSince(date("1-Jan-0000"));
    let day = |text: &str| matches(since.clone(), &format!("Date: {text}\r\n\r\n"));
    assert!(day("1 Jan 0000 00:00:00 +0000"));
    assert!(day("31 Dec 9999 23:59:60 -2359"));
    // The day counts though the zone or the time are none.
    assert!(day("1 Jan 2020 00:00:00 +9999"));
    assert!(day("1 Jan 2020 25:00:00 +0000"));
    for text in [
        "31 Feb 2020 00:00:00 +0000",
        "1 Jan 99999 00:00:00 +0000",
        "1 Jan + 00:00:00 +0000",
        "32 Jan 2020",
        "",
        ":",
        &"(".repeat(64 * 1024),
        &"1".repeat(64 * 1024),
        &"1 Jan 2020 ".repeat(6_000),
        &":".repeat(64 * 1024),
    ] {
        assert!(!day(text), "{}", text.get(..30).unwrap_or(text));
    }
}

#[test]
fn imap_18_the_empty_string_opens_no_message() {
    for key in [text(""), body("")] {
        assert_eq!(by_facts(key, 1, &facts()), Verdict::Yes);
    }
}

#[test]
fn imap_18_a_thousand_header_keys_read_the_header_once() {
    let keys = (0..1_000).map(|at| field(&format!("X-{}", at % 50), &format!("value {at}.")));
    let any = keys.reduce(|all, key| or(key, all));
    // Lists nest no deeper than a command can, so they are balanced.
    assert!(Query::compile(&Search::new(any), &scope()).is_err());
    let mut keys: Vec<_> = (0..1_000)
        .map(|at| field(&format!("X-{}", at % 50), &format!("value {at}.")))
        .collect();
    while keys.len() > 1 {
        keys = keys
            .chunks(2)
            .map(|pair| match pair {
                [one, two] => or(one.clone(), two.clone()),
                other => other[0].clone(),
            })
            .collect();
    }
    let query = compile(keys);
    let mut header: String = (0..2_000)
        .map(|at| format!("X-{}: value\r\n", at % 60))
        .collect();
    header.push_str("X-49: value 999.\r\n\r\n");
    for message in 1..200 {
        let mut matcher = query.matcher(nz(message), &facts());
        matcher.feed(header.as_bytes());
        assert!(matcher.finish());
    }
}

#[test]
fn imap_18_a_long_string_costs_no_more_in_small_pieces() {
    let long = "ab ".repeat(350_000);
    let query = compile([or(body(&long), text("needle"))]);
    let mut matcher = query.matcher(nz(1), &facts());
    matcher.feed(b"Subject: x\r\n\r\n");
    for piece in long.as_bytes()[1..].chunks(7) {
        matcher.feed(piece);
    }
    assert!(!matcher.finish());
    let mut matcher = query.matcher(nz(1), &facts());
    matcher.feed(b"Subject: x\r\n\r\nx");
    for piece in long.as_bytes().chunks(1_000) {
        matcher.feed(piece);
    }
    assert!(matcher.finish());
}

#[test]
fn imap_18_more_keys_than_the_limit_are_refused() {
    let search = Search::new(vec![SearchKey::Seen; limits::SEARCH_KEYS + 1]);
    let refused = Query::compile(&search, &scope()).unwrap_err();
    assert_eq!(refused, Refused::TooComplex);
    let tag = Tag::new(b"a").unwrap();
    let status = Status::tagged(&tag, refused.condition(), refused.code().as_ref(), "no");
    assert_eq!(status.wire(), b"a NO [LIMIT] no");
    assert!(Query::compile(&Search::new(vec![SearchKey::Seen; 4_000]), &scope()).is_ok());
}

#[test]
fn imap_18_an_unknown_charset_is_answered_with_those_that_are_known() {
    // RFC 5182 §2.2 example 5.
    let search = Search::new([text("x")]).with_charset(b"KOI8-R");
    let refused = Query::compile(&search, &scope()).unwrap_err();
    let tag = Tag::new(b"B283").unwrap();
    let code = refused.code();
    let status = Status::tagged(&tag, refused.condition(), code.as_ref(), "not supported");
    assert_eq!(
        status.wire(),
        b"B283 NO [BADCHARSET (US-ASCII UTF-8)] not supported"
    );
    for charset in [&b"utf-8"[..], b"us-ascii", b"UTF-8"] {
        let search = Search::new([text("x")]).with_charset(charset);
        assert!(Query::compile(&search, &scope()).is_ok());
    }
    let refused = Query::compile(
        &Search::new([SearchKey::Text(b"\xFF"[..].into())]),
        &scope(),
    );
    assert_eq!(refused.unwrap_err().condition(), Condition::Bad);
}

#[test]
fn nots_within_each_other_to_the_depth_of_a_command_are_followed() {
    let mut key = SearchKey::New;
    for _ in 0..limits::DEPTH {
        key = not(key);
    }
    assert_eq!(by_facts(key, 1, &facts()), Verdict::No);
    let mut key = SearchKey::New;
    for _ in 0..limits::DEPTH / 2 {
        key = or(SearchKey::Seen, and([SearchKey::All, key]));
    }
    let mut recent = facts();
    recent.recent = Recent::Yes;
    assert_eq!(by_facts(key, 1, &recent), Verdict::Yes);
}

/// What is found of ten messages with the UIDs 10, 20 and so on, and which were asked about.
fn find(search: &Search, by: By, answer: Answer) -> (Option<String>, Saved, Vec<u32>) {
    let query = Query::compile(search, &scope()).unwrap();
    let mut found = Found::new(&query);
    let mut asked = Vec::new();
    while let Some(number) = found.next_number() {
        asked.push(number.get());
        let mut facts = Facts::new(nz(10 * number.get()), now(), None);
        facts.mod_seq = [0, 5, 917_162_488, 1, 1, 1, 1, 1, 1, 7, 917_162_500][asked_of(number)];
        if query.by_facts(number, &facts) == Verdict::Yes {
            found.add(number, &facts);
        }
    }
    let mut saved = [nz(4)].into_iter().collect();
    found.save(&mut saved);
    let response = found.response(b"A1", by, answer).map(|response| {
        let mut wire = BytesMut::new();
        response.encode(&mut wire);
        String::from_utf8(wire.to_vec())
            .unwrap()
            .trim_end()
            .to_string()
    });
    (response, saved, asked)
}

fn asked_of(number: NonZeroU32) -> usize {
    usize::try_from(number.get()).unwrap()
}

fn wire(key: SearchKey, returns: Option<SearchReturn>, by: By, answer: Answer) -> Option<String> {
    let mut search = Search::new([key]);
    search.returns = returns;
    find(&search, by, answer).0
}

#[test]
fn answers_are_those_of_the_revision_and_of_return() {
    use SearchReturn as Return;
    let some = || set("2,9:10");
    let none = || set("11");
    for (key, returns, by, answer, expected) in [
        (some(), None, By::Number, Answer::Search, "* SEARCH 2 9 10"),
        (some(), None, By::Uid, Answer::Search, "* SEARCH 20 90 100"),
        (none(), None, By::Number, Answer::Search, "* SEARCH"),
        (
            some(),
            None,
            By::Number,
            Answer::ESearch,
            "* ESEARCH (TAG \"A1\") ALL 2,9:10",
        ),
        (
            none(),
            None,
            By::Uid,
            Answer::ESearch,
            "* ESEARCH (TAG \"A1\") UID",
        ),
        (
            some(),
            Some(Return::NONE),
            By::Number,
            Answer::Search,
            "* ESEARCH (TAG \"A1\") ALL 2,9:10",
        ),
        (
            some(),
            Some(Return::MIN.with(Return::COUNT)),
            By::Number,
            Answer::Search,
            "* ESEARCH (TAG \"A1\") MIN 2 COUNT 3",
        ),
        (
            some(),
            Some(Return::MIN.with(Return::MAX)),
            By::Uid,
            Answer::Search,
            "* ESEARCH (TAG \"A1\") UID MIN 20 MAX 100",
        ),
        (
            none(),
            Some(Return::MIN.with(Return::MAX)),
            By::Number,
            Answer::Search,
            "* ESEARCH (TAG \"A1\")",
        ),
        (
            none(),
            Some(Return::ALL.with(Return::COUNT)),
            By::Number,
            Answer::Search,
            "* ESEARCH (TAG \"A1\") COUNT 0",
        ),
    ] {
        let found = wire(key, returns, by, answer);
        assert_eq!(found.as_deref(), Some(expected));
    }
    assert_eq!(
        wire(some(), Some(Return::SAVE), By::Number, Answer::ESearch),
        None
    );
}

#[test]
fn min_and_max_alone_look_no_further() {
    let asked = |returns| {
        let search = Search::new([set("3,5,8")]).with_return(returns);
        let (_, saved, asked) = find(&search, By::Number, Answer::Search);
        (asked, saved.to_set().map(|set| set.to_string()))
    };
    let (min, max, save) = (SearchReturn::MIN, SearchReturn::MAX, SearchReturn::SAVE);
    // What was saved before stays without SAVE.
    assert_eq!(asked(min), (vec![1, 2, 3], Some("4".into())));
    assert_eq!(asked(max.with(save)), (vec![10, 9, 8], Some("80".into())));
    assert_eq!(asked(min.with(save)).1, Some("30".into()));
    let both = asked(min.with(max).with(save));
    assert_eq!(both, (vec![1, 2, 3, 10, 9, 8], Some("30,80".into())));
    let all = asked(min.with(SearchReturn::COUNT).with(save));
    assert_eq!(all, ((1..=10).collect(), Some("30,50,80".into())));
    assert_eq!(asked(save).1, Some("30,50,80".into()));
    // One message is both the first and the last, and nothing is saved where nothing was found.
    let one = Search::new([set("3")]).with_return(min.with(max));
    let (wire, ..) = find(&one, By::Number, Answer::Search);
    assert_eq!(wire.as_deref(), Some("* ESEARCH (TAG \"A1\") MIN 3 MAX 3"));
    let none = Search::new([not(SearchKey::All)]).with_return(save);
    assert!(find(&none, By::Number, Answer::Search).1.is_empty());
}

#[test]
fn mod_seq_is_told_with_what_was_found() {
    use SearchReturn as Return;
    let key = || SearchKey::ModSeq(ModSeq::new(5));
    for (returns, expected) in [
        (None, "* SEARCH 1 2 9 10 (MODSEQ 917162500)"),
        // RFC 4731 §3.2, with other numbers.
        (Some(Return::MIN), "* ESEARCH (TAG \"A1\") MIN 1 MODSEQ 5"),
        (
            Some(Return::MAX),
            "* ESEARCH (TAG \"A1\") MAX 10 MODSEQ 917162500",
        ),
        (
            Some(Return::MIN.with(Return::MAX)),
            "* ESEARCH (TAG \"A1\") MIN 1 MAX 10 MODSEQ 917162500",
        ),
        (
            Some(Return::MIN.with(Return::COUNT)),
            "* ESEARCH (TAG \"A1\") MIN 1 COUNT 4 MODSEQ 917162500",
        ),
        (
            Some(Return::ALL),
            "* ESEARCH (TAG \"A1\") ALL 1:2,9:10 MODSEQ 917162500",
        ),
    ] {
        let found = wire(key(), returns, By::Number, Answer::Search);
        assert_eq!(found.as_deref(), Some(expected));
    }
    // RFC 7162 example 16: nothing found, nothing told.
    let key = or(not(SearchKey::ModSeq(ModSeq::new(0))), set("11"));
    let found = wire(key, None, By::Number, Answer::Search);
    assert_eq!(found.as_deref(), Some("* SEARCH"));
}

#[test]
fn the_saved_result_is_what_dollar_stands_for() {
    let saved: Saved = [30, 20, 21].map(nz).into_iter().collect();
    let scope = scope().with_saved(saved);
    for key in [set("$"), uids("$"), or(set("$"), set("1"))] {
        let query = Query::compile(&Search::new([key]), &scope).unwrap();
        let facts = |uid| Facts::new(nz(uid), now(), None);
        assert_eq!(query.by_facts(nz(2), &facts(20)), Verdict::Yes);
        assert_eq!(query.by_facts(nz(3), &facts(30)), Verdict::Yes);
        assert_eq!(query.by_facts(nz(4), &facts(29)), Verdict::No);
    }
    // An empty one is a set like any other.
    assert_eq!(by_facts(set("$"), 1, &facts()), Verdict::No);
    assert_eq!(by_facts(not(set("$")), 1, &facts()), Verdict::Yes);
}

#[test]
fn expunged_messages_leave_the_saved_result() {
    let mut saved: Saved = (1..=6).map(nz).collect();
    for uid in [3, 1, 6, 9, 3] {
        saved.remove(nz(uid));
    }
    assert_eq!(saved.to_set().unwrap().as_bytes(), b"2,4:5");
    for uid in [2, 4, 5] {
        assert!(saved.contains(nz(uid)));
        saved.remove(nz(uid));
    }
    assert!(saved.is_empty());
    let all: Saved = [u32::MAX, u32::MAX - 1].map(nz).into_iter().collect();
    assert_eq!(all.to_set().unwrap().as_bytes(), b"4294967294:4294967295");
}
