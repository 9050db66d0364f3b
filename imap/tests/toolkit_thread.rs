//! THREAD: the examples of RFC 5256, a literal version of its steps as an oracle, and headers that
//! are made to hurt.

use std::{collections::BTreeMap, num::NonZeroU32};

use bytes::{Bytes, BytesMut};
use mailwire_imap::{
    command::{Algorithm, By},
    datetime::DateTime,
    response::{Response, ThreadNode, Tolerances},
    toolkit::{
        message::{header::Fields, msgid::ids, subject},
        thread::Threads,
        view::Facts,
    },
};

use crate::toolkit_search::Random;

fn threads(algorithm: &Algorithm, headers: &[impl AsRef<[u8]>]) -> Threads {
    let mut threads = Threads::new(algorithm).unwrap();
    for (number, header) in (1..).filter_map(NonZeroU32::new).zip(headers) {
        threads.add(number, &facts(number), header.as_ref());
    }
    threads
}

/// A message that came in the second of its number.
fn facts(number: NonZeroU32) -> Facts {
    let date = DateTime::from_timestamp(number.get().into()).unwrap();
    Facts::new(number.saturating_add(1000), date, None)
}

fn wire(threads: &Threads) -> String {
    let mut wire = BytesMut::new();
    threads.response(By::Number).encode(&mut wire);
    String::from_utf8(wire.to_vec()).unwrap().trim_end().into()
}

fn references(headers: &[impl AsRef<[u8]>]) -> String {
    wire(&threads(&Algorithm::References, headers))
}

fn ordered_subject(headers: &[&str]) -> String {
    wire(&threads(&Algorithm::OrderedSubject, headers))
}

/// A header with an identifier and references, both as numbers.
fn header(id: usize, references: &[usize], subject: &str) -> String {
    let references: Vec<_> = references.iter().map(|id| format!("<{id}@x>")).collect();
    let references = references.join("\r\n ");
    format!("Message-ID: <{id}@x>\r\nReferences: {references}\r\nSubject: {subject}\r\n\r\n")
}

#[test]
fn ordered_subject_has_one_level_of_answers_and_threads_by_their_first_date() {
    let found = ordered_subject(&[
        "Subject: lunch\r\nDate: Mon, 6 Mar 2000 12:00:00 +0000\r\n\r\n",
        "Subject: dinner\r\nDate: Sun, 5 Mar 2000 12:00:00 +0000\r\n\r\n",
        "Subject: Re: lunch\r\nDate: Mon, 6 Mar 2000 11:00:00 -0800\r\n\r\n",
        "Subject: Fwd: LUNCH (fwd)\r\nDate: Mon, 6 Mar 2000 13:00:00 +0000\r\n\r\n",
    ]);
    assert_eq!(found, "* THREAD (2)(1 (4)(3))");
    assert_eq!(ordered_subject(&[]), "* THREAD");
}

#[test]
fn the_tree_of_the_response_of_rfc_5256_comes_out_as_written_there() {
    // The numbers 2, 3, 6, 4, 23, 44, 7, 96 of RFC 5256 §4 stand at their places in this order.
    let headers = [
        header(2, &[], ""),
        header(3, &[], ""),
        header(6, &[3], ""),
        header(4, &[3, 6], ""),
        header(23, &[3, 6, 4], ""),
        header(44, &[3, 6], ""),
        header(7, &[44], ""),
        header(96, &[6, 44, 7], ""),
    ];
    assert_eq!(references(&headers), "* THREAD (1)(2 3 (4 5)(6 7 8))");
}

#[test]
fn uids_are_told_where_they_are_asked_for() {
    let threads = threads(&Algorithm::References, &[header(1, &[], "a")]);
    let nodes = threads.nodes(By::Uid);
    assert_eq!(nodes, [ThreadNode::new(NonZeroU32::new(1001), 0)]);
}

#[test]
fn siblings_whose_parent_is_missing_stay_together() {
    let headers = [header(3, &[1], "a"), header(5, &[1], "b")];
    assert_eq!(references(&headers), "* THREAD ((1)(2))");
}

#[test]
fn the_only_child_of_a_missing_message_takes_its_place() {
    let headers = [header(3, &[1, 2], "a"), header(5, &[1, 2, 3], "b")];
    assert_eq!(references(&headers), "* THREAD (1 2)");
}

#[test]
fn missing_messages_within_a_thread_are_left_out() {
    let headers = [
        header(1, &[], "a"),
        header(5, &[1, 2, 3], "b"),
        header(6, &[1, 2, 4], "c"),
    ];
    assert_eq!(references(&headers), "* THREAD (1 (2)(3))");
}

#[test]
fn identifiers_are_equal_whatever_their_quotes_but_not_in_another_case() {
    let headers = [
        "Message-ID: <\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>\r\nSubject: a\r\n\r\n",
        "In-Reply-To: Your note <01KF8JCEOCBS0045PS@xxx.yyy.com>\r\nSubject: b\r\n\r\n",
        "In-Reply-To: <01kf8jceocbs0045ps@xxx.yyy.com>\r\nSubject: c\r\n\r\n",
    ];
    assert_eq!(references(&headers), "* THREAD (1 2)(3)");
}

#[test]
fn in_reply_to_counts_only_where_references_has_no_identifier() {
    let headers = [
        "Message-ID: <1@x>\r\nSubject: a\r\n\r\n",
        "Message-ID: <2@x>\r\nSubject: b\r\n\r\n",
        "References: none\r\nIn-Reply-To: <1@x> <2@x>\r\nSubject: c\r\n\r\n",
        "References: <2@x>\r\nIn-Reply-To: <1@x>\r\nSubject: d\r\n\r\n",
    ];
    assert_eq!(references(&headers), "* THREAD (1 3)(2 4)");
}

#[test]
fn the_second_message_with_an_identifier_has_none() {
    let headers = [
        header(1, &[], "a"),
        header(1, &[], "b"),
        header(2, &[1], "c"),
    ];
    assert_eq!(references(&headers), "* THREAD (1 3)(2)");
}

#[test]
fn a_wrong_parent_from_shortened_references_is_replaced() {
    // The first message says that 1 is the parent of 3; 3 itself knows better.
    let headers = [
        header(4, &[1, 3], "a"),
        header(3, &[1, 2], "b"),
        header(2, &[1], "c"),
    ];
    assert_eq!(references(&headers), "* THREAD (3 2 1)");
}

#[test]
fn answers_hang_on_the_message_with_their_subject() {
    let headers = [
        header(1, &[], "Re: a"),
        header(2, &[], "a"),
        header(3, &[], "Fwd: A"),
    ];
    assert_eq!(references(&headers), "* THREAD (2 (1)(3))");
}

#[test]
fn messages_of_one_subject_that_answer_nothing_are_siblings() {
    let headers = [
        header(1, &[], "a"),
        header(2, &[], "a"),
        header(3, &[], "Re: a"),
    ];
    assert_eq!(references(&headers), "* THREAD ((1)(2)(3))");
    // Without a subject nothing is joined.
    let headers = [
        header(1, &[], ""),
        header(2, &[], ""),
        header(3, &[], "Re:"),
    ];
    assert_eq!(references(&headers), "* THREAD (1)(2)(3)");
}

#[test]
fn threads_stand_in_the_order_of_their_sent_dates() {
    let headers = [
        "Subject: a\r\nDate: Mon, 6 Mar 2000 12:00:00 +0000\r\n\r\n",
        "Subject: b\r\nDate: Mon, 6 Mar 2000 12:00:00 +0100\r\n\r\n",
        // Without a date the internal one counts, which is 1970 here.
        "Subject: c\r\nDate: tomorrow\r\n\r\n",
    ];
    assert_eq!(references(&headers), "* THREAD (3)(2)(1)");
}

/// The steps of RFC 5256 §3 as they are written there, for small mailboxes.
struct Literal {
    nodes: Vec<LiteralNode>,
    ids: BTreeMap<Vec<u8>, usize>,
}

#[derive(Clone, Default)]
struct LiteralNode {
    message: Option<usize>,
    parent: Option<usize>,
    children: Vec<usize>,
    subject: String,
    is_answer: bool,
    sent: i64,
}

impl Literal {
    fn node(&mut self, id: Option<&[u8]>) -> usize {
        if let Some(node) = id.and_then(|id| self.ids.get(id)) {
            return *node;
        }
        self.nodes.push(LiteralNode::default());
        let node = self.nodes.len() - 1;
        if let Some(id) = id {
            self.ids.insert(id.into(), node);
        }
        node
    }

    fn is_descendant(&self, node: usize, of: usize) -> bool {
        node == of
            || self.nodes[node]
                .parent
                .is_some_and(|parent| self.is_descendant(parent, of))
    }

    fn unlink(&mut self, child: usize) {
        if let Some(parent) = self.nodes[child].parent.take() {
            self.nodes[parent].children.retain(|node| *node != child);
        }
    }

    fn link(&mut self, parent: usize, child: usize) {
        if self.nodes[child].parent.is_none() && !self.is_descendant(parent, child) {
            self.nodes[child].parent = Some(parent);
            self.nodes[parent].children.push(child);
        }
    }

    fn key(&self, node: usize) -> (i64, usize) {
        match self.nodes[node].message {
            Some(message) => (self.nodes[node].sent, message),
            None => {
                let keys = self.nodes[node]
                    .children
                    .iter()
                    .map(|child| self.key(*child));
                keys.min().unwrap()
            }
        }
    }

    /// The node that a thread's subject is taken from.
    fn subject(&self, node: usize) -> String {
        if self.nodes[node].message.is_some() {
            return self.nodes[node].subject.clone();
        }
        let children = self.nodes[node].children.iter();
        let first = children.min_by_key(|child| self.key(**child)).unwrap();
        self.nodes[*first].subject.clone()
    }

    fn is_dummy(&self, node: usize) -> bool {
        self.nodes[node].message.is_none()
    }

    fn prune(&mut self, node: usize, is_top: bool) -> Vec<usize> {
        let children = std::mem::take(&mut self.nodes[node].children);
        let children: Vec<_> = children
            .into_iter()
            .flat_map(|child| self.prune(child, false))
            .collect();
        if self.is_dummy(node) && (!is_top || children.len() < 2) {
            return children;
        }
        self.nodes[node].children = children;
        vec![node]
    }

    fn write(&self, node: usize, level: u32, to: &mut Vec<ThreadNode>) {
        let number = self.nodes[node]
            .message
            .map(|message| u32::try_from(message + 1).unwrap());
        to.push(ThreadNode::new(number.and_then(NonZeroU32::new), level));
        let mut children = self.nodes[node].children.clone();
        children.sort_by_key(|child| self.key(*child));
        for child in children {
            self.write(child, level + 1, to);
        }
    }

    fn threads(headers: &[String]) -> Vec<ThreadNode> {
        let mut all = Self {
            nodes: Vec::new(),
            ids: BTreeMap::new(),
        };
        for (message, header) in headers.iter().enumerate() {
            let value = |name| {
                Fields::new(header.as_bytes())
                    .find(name)
                    .map(|field| field.value())
            };
            let list = |name| {
                let value = value(name).unwrap_or_default();
                ids(&value).map(|id| id.into_owned()).collect::<Vec<_>>()
            };
            // 1.A
            let id = list("Message-ID").into_iter().next();
            let mut node = all.node(id.as_deref());
            if !all.is_dummy(node) {
                node = all.node(None);
            }
            let text = String::from_utf8(value("Subject").unwrap_or_default().to_vec()).unwrap();
            let (base, is_answer) = subject::base(&text);
            all.nodes[node].message = Some(message);
            all.nodes[node].subject = base.to_lowercase();
            all.nodes[node].is_answer = is_answer;
            all.nodes[node].sent = i64::try_from(message + 1).unwrap();
            let mut references = list("References");
            if references.is_empty() {
                references = list("In-Reply-To");
                references.truncate(1);
            }
            let references: Vec<_> = references.iter().map(|id| all.node(Some(id))).collect();
            for pair in references.windows(2) {
                all.link(pair[0], pair[1]);
            }
            // 1.B
            all.unlink(node);
            if let Some(last) = references.last() {
                all.link(*last, node);
            }
        }
        // 2, 3, 4
        let roots: Vec<_> = (0..all.nodes.len())
            .filter(|node| all.nodes[*node].parent.is_none())
            .collect();
        let mut root: Vec<_> = roots
            .into_iter()
            .flat_map(|node| all.prune(node, true))
            .collect();
        root.sort_by_key(|node| all.key(*node));
        // 5.B
        let mut table: BTreeMap<String, usize> = BTreeMap::new();
        for current in &root {
            let subject = all.subject(*current);
            if subject.is_empty() {
                continue;
            }
            match table.get(&subject) {
                None => {
                    table.insert(subject, *current);
                }
                Some(known) => {
                    let is_better = all.is_dummy(*current)
                        || all.nodes[*known].is_answer && !all.nodes[*current].is_answer;
                    if !all.is_dummy(*known) && is_better {
                        table.insert(subject, *current);
                    }
                }
            }
        }
        // 5.C
        for current in root.clone() {
            let subject = all.subject(current);
            if subject.is_empty() || !root.contains(&current) {
                continue;
            }
            let known = table[&subject];
            if known == current {
                continue;
            }
            root.retain(|node| *node != current);
            if all.is_dummy(known) && all.is_dummy(current) {
                let children = std::mem::take(&mut all.nodes[current].children);
                all.nodes[known].children.extend(children);
            } else if all.is_dummy(known)
                || all.nodes[current].is_answer && !all.nodes[known].is_answer
            {
                all.nodes[known].children.push(current);
            } else {
                root.retain(|node| *node != known);
                let dummy = all.node(None);
                all.nodes[dummy].children = vec![known, current];
                root.push(dummy);
                table.insert(subject, dummy);
            }
        }
        // 6
        root.sort_by_key(|node| all.key(*node));
        let mut nodes = Vec::new();
        for node in root {
            all.write(node, 0, &mut nodes);
        }
        nodes
    }
}

#[test]
fn references_does_what_the_steps_say_for_random_mailboxes() {
    let mut random = Random::new(5256);
    let subjects = ["a", "Re: a", "b", "Fwd: B", "", "[x] a (fwd)"];
    for round in 0..3_000 {
        let messages = 1 + random.below(12);
        let ids = 1 + random.below(14);
        let headers: Vec<_> = (0..messages)
            .map(|_| {
                let references: Vec<_> = (0..random.below(5)).map(|_| random.below(ids)).collect();
                header(random.below(ids), &references, subjects[random.below(6)])
            })
            .collect();
        let found = threads(&Algorithm::References, &headers).nodes(By::Number);
        assert_eq!(
            found,
            Literal::threads(&headers),
            "round {round}: {headers:#?}"
        );
        each_once(&found, messages);
    }
}

#[test]
fn every_message_stands_in_one_thread_for_large_random_mailboxes() {
    let mut random = Random::new(17);
    for ids in [10, 300, 5_000] {
        let headers: Vec<_> = (0..2_000)
            .map(|_| {
                let references: Vec<_> = (0..random.below(20)).map(|_| random.below(ids)).collect();
                header(random.below(ids), &references, "same")
            })
            .collect();
        each_once(
            &threads(&Algorithm::References, &headers).nodes(By::Number),
            2_000,
        );
    }
}

/// Each number is there once, and no level is left out on the way down.
fn each_once(nodes: &[ThreadNode], messages: usize) {
    let mut numbers: Vec<_> = nodes.iter().filter_map(|node| node.number()).collect();
    numbers.sort_unstable();
    let all: Vec<_> = (1..).filter_map(NonZeroU32::new).take(messages).collect();
    assert_eq!(numbers, all);
    let mut level = 0;
    for node in nodes {
        assert!(node.level() <= level);
        assert!(node.number().is_some() || node.level() == 0);
        level = node.level() + 1;
    }
}

/// What a client reads of the response.
fn read_back(threads: &Threads) -> Vec<ThreadNode> {
    let mut wire = BytesMut::new();
    threads.response(By::Number).encode(&mut wire);
    wire.truncate(wire.len() - 2);
    let frame = Bytes::from(wire);
    let (response, _) = Response::parse(frame, Tolerances::NONE).unwrap();
    let Response::Thread(thread) = response else {
        panic!("{response:?}")
    };
    thread.iter().collect()
}

const MANY: usize = 100_000;

/// Runs on a stack of 128 KiB.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    #[allow(
        clippy::disallowed_methods,
        reason = "a test of the depth of the stack"
    )]
    let thread = std::thread::Builder::new()
        .stack_size(128 * 1024)
        .spawn(test);
    thread.unwrap().join().unwrap();
}

#[test]
fn imap_17_a_chain_of_many_messages_is_one_line_in_either_order() {
    on_a_small_stack(|| {
        let chain = |id: usize| {
            let parent: &[usize] = if id == 0 { &[] } else { &[id - 1] };
            header(id, parent, "")
        };
        let there: Vec<_> = (0..MANY).map(chain).collect();
        let back: Vec<_> = (0..MANY).rev().map(chain).collect();
        for headers in [there, back] {
            let threads = threads(&Algorithm::References, &headers);
            let nodes = read_back(&threads);
            each_once(&nodes, MANY);
            assert_eq!(nodes.last().unwrap().level() as usize, MANY - 1);
        }
    });
}

#[test]
fn imap_17_a_chain_within_one_field_ends_at_the_limit() {
    let all: Vec<_> = (0..MANY).collect();
    let headers = [
        header(0, &[], "a"),
        header(MANY - 1, &[], "b"),
        header(MANY / 2, &[], "c"),
        header(MANY, &all, "d"),
    ];
    // The first and the last are joined; the one in the middle is passed over.
    assert_eq!(references(&headers), "* THREAD (1 2 4)(3)");
}

#[test]
fn imap_17_messages_that_answer_themselves_or_each_other_stand_once() {
    let headers = [
        header(1, &[1], "a"),
        header(2, &[3], "b"),
        header(3, &[2], "c"),
        header(4, &[5, 6, 4], "d"),
        header(5, &[6, 4, 5], "e"),
        header(6, &[4, 5, 6], "f"),
    ];
    let threads = threads(&Algorithm::References, &headers);
    each_once(&threads.nodes(By::Number), 6);
    // One ring through all messages.
    let ring: Vec<_> = (0..MANY)
        .map(|id| header(id, &[(id + 1) % MANY], ""))
        .collect();
    on_a_small_stack(move || {
        let threads = self::threads(&Algorithm::References, &ring);
        each_once(&read_back(&threads), MANY);
    });
}

#[test]
fn imap_17_parents_that_change_below_a_long_chain_cost_no_walk_to_its_top() {
    // A chain, and messages with an answer each that first hang elsewhere and then on its end.
    let half = MANY / 4;
    let mut headers: Vec<_> = (0..half)
        .map(|id| header(id, &[id.saturating_sub(1)], ""))
        .collect();
    for id in (half..2 * half).map(|id| 10 * id) {
        headers.push(header(id + 1, &[id + 2, id, id + 1], ""));
        headers.push(header(id, &[half - 1], ""));
    }
    let threads = threads(&Algorithm::References, &headers);
    each_once(&threads.nodes(By::Number), headers.len());
}

#[test]
fn imap_17_many_messages_of_one_subject_are_siblings() {
    for (subject, algorithm) in [
        ("same", Algorithm::References),
        ("Re: same", Algorithm::References),
        ("Re: same", Algorithm::OrderedSubject),
    ] {
        let headers: Vec<_> = (0..MANY).map(|id| header(id, &[], subject)).collect();
        let nodes = read_back(&threads(&algorithm, &headers));
        each_once(&nodes, MANY);
        assert!(nodes.iter().all(|node| node.level() <= 1));
    }
}

#[test]
fn imap_17_branches_deeper_than_a_response_nests_are_flat_and_complete() {
    // A comb: each message is answered twice, and one answer goes on.
    let mut headers = vec![header(0, &[], "")];
    for id in 1..2_000 {
        headers.push(header(id, &[2 * ((id - 1) / 2)], ""));
    }
    let threads = threads(&Algorithm::References, &headers);
    each_once(&threads.nodes(By::Number), 2_000);
    let mut numbers: Vec<_> = read_back(&threads)
        .iter()
        .map(|node| node.number())
        .collect();
    numbers.sort_unstable();
    let all: Vec<_> = (1..=2_000).map(NonZeroU32::new).collect();
    assert_eq!(numbers, all);
}

#[test]
fn imap_17_identifiers_that_are_none_join_nothing() {
    let headers = [
        "Message-ID: <a b@x>\r\nSubject: a\r\n\r\n",
        "Message-ID: <a>b@x>\r\nSubject: b\r\n\r\n",
        "Message-ID: <>\r\nSubject: c\r\n\r\n",
        "Message-ID: <<\r\nReferences: <><\r\nSubject: d\r\n\r\n",
        "References: <a>\r\nSubject: e\r\n\r\n",
    ];
    let found = references(&headers);
    each_once(
        &threads(&Algorithm::References, &headers).nodes(By::Number),
        5,
    );
    assert_eq!(found, "* THREAD (1)(2 5)(3)(4)");
}
