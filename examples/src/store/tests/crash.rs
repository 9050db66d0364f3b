//! The order of the calls, proved by what a power cut leaves: every sequence of up to three operations, a cut behind
//! every change of the last one, every subset of what was not yet durable.

use std::ffi::OsStr;

use super::{
    super::{
        fs::Fs,
        maildir::Store,
        maildrop::Snapshot,
        model::{Model, NOW, Plan, Unsynced, shown},
        uidvalidity,
    },
    *,
};

#[derive(Clone, Copy, Debug)]
enum Operation {
    DeliverOne,
    DeliverBoth,
    Quit,
    RaiseUidvalidity,
}

use Operation::{DeliverBoth, DeliverOne, Quit, RaiseUidvalidity};

/// What was promised to the outside.
#[derive(Clone, Debug, Default)]
struct Promises {
    /// Every text that was ever begun.
    sent: Vec<Vec<u8>>,
    /// Must be there.
    kept: Vec<(String, Vec<u8>)>,
    /// Must not be there.
    gone: Vec<(String, Vec<u8>)>,
    uidvalidity: u32,
    /// What the last operation answered.
    results: Vec<Result<(), StoreError>>,
}

fn store(model: &Model) -> Store<Model> {
    Store::new(model.clone(), None, "mx.example.test", 1)
}

impl Operation {
    fn run(self, store: &Store<Model>, promises: &mut Promises) {
        promises.results = match self {
            DeliverOne => promises.deliver(store, &[alice()]),
            DeliverBoth => promises.deliver(store, &[alice(), bob()]),
            Quit => vec![promises.quit(store)],
            RaiseUidvalidity => vec![promises.raise(store)],
        };
    }
}

impl Promises {
    fn deliver(&mut self, store: &Store<Model>, to: &[Account]) -> Vec<Result<(), StoreError>> {
        let text = format!("Subject: {}\r\n\r\ntext\r\n", self.sent.len()).into_bytes();
        self.sent.push(text.clone());
        let targets: Vec<Target> = to.iter().cloned().map(inbox).collect();
        let results = deliver(store, &targets, &text);
        assert_eq!(results.len(), to.len());
        for (account, result) in to.iter().zip(&results) {
            if result.is_ok() {
                self.kept.push((account.to_string(), text.clone()));
            }
        }
        results
    }

    fn quit(&mut self, store: &Store<Model>) -> Result<(), StoreError> {
        let session = match Snapshot::open(store, &alice(), at(NOW)) {
            Ok(session) => session,
            Err(OpenError::Store(error)) => return Err(error),
            Err(other) => panic!("{other}"),
        };
        if session.messages().is_empty() {
            return session.update(&[]);
        }
        let mut reader = match session.read(0) {
            Ok(reader) => reader,
            Err(ReadError::Store(error)) => return Err(error),
            Err(other) => panic!("{other}"),
        };
        let text = reader.next()?.unwrap().to_vec();
        let doomed = (alice().to_string(), text);
        self.kept.retain(|kept| *kept != doomed);
        session.update(&[0])?;
        self.gone.push(doomed);
        Ok(())
    }

    fn raise(&mut self, store: &Store<Model>) -> Result<(), StoreError> {
        let home = store
            .maildir(&alice(), &Folder::inbox())
            .doing("open")?
            .home;
        let unique = store.unique(at(NOW));
        self.uidvalidity = uidvalidity::next(store.fs(), &home, at(NOW), &unique).doing("raise")?;
        Ok(())
    }

    /// What is wrong with `files`, if anything.
    fn broken(&self, model: &Model) -> Option<String> {
        let files = model.files();
        let mailbox = |path: &str| {
            let parts: Vec<&str> = path.split('/').collect();
            match parts[..] {
                ["", "mail", domain, user, "new" | "cur", _] => Some(format!("{user}@{domain}")),
                _ => None,
            }
        };
        for (path, data) in &files {
            let Some(account) = mailbox(path) else {
                continue;
            };
            if !self.sent.contains(data) {
                return Some(format!("{path} is not whole: {:?}", shown(data)));
            }
            if self.gone.contains(&(account, data.clone())) {
                return Some(format!("{path} came back"));
            }
        }
        for (account, text) in &self.kept {
            let kept = |path: &String, data: &Vec<u8>| {
                mailbox(path).as_ref() == Some(account) && data == text
            };
            if !files.iter().any(|(path, data)| kept(path, data)) {
                return Some(format!("{account} lost {:?}", shown(text)));
            }
        }
        let floor = files.get("/mail/example.test/alice/mailwire-uidvalidity");
        let floor = floor
            .and_then(|data| shown(data).parse::<u32>().ok())
            .unwrap_or(0);
        (floor < self.uidvalidity).then(|| format!("the floor fell to {floor}"))
    }
}

/// Runs `last` behind `before`, with the power cut behind each of its changes. Answers what breaks, and how many
/// states were looked at.
fn cut_everywhere(
    before: &[Operation],
    plan: Plan,
    mut last: impl FnMut(&Store<Model>, &mut Promises),
) -> (Option<String>, u64) {
    let mut states = 0;
    for more in 0.. {
        let model = Model::new();
        let store = store(&model);
        let mut promises = Promises::default();
        model.plan(Plan { cut: None, ..plan });
        for operation in before {
            operation.run(&store, &mut promises);
        }
        let cut = model.changes() + more;
        model.plan(Plan {
            cut: Some(cut),
            ..plan
        });
        last(&store, &mut promises);
        let survived = model.changes() < cut;
        let pending = model.pending();
        assert!(pending <= 16, "too many to try all");
        for survivors in 0..1 << pending {
            for unsynced in Unsynced::EACH {
                states += 1;
                let after = model.after_power_cut(survivors, unsynced);
                if let Some(broken) = promises.broken(&after) {
                    let what =
                        format!("{before:?}, cut at {cut}, {survivors:b}, {unsynced:?}: {broken}");
                    return (Some(what), states);
                }
                if survivors == 0 {
                    recover(&after, &promises);
                }
            }
        }
        if survived {
            break;
        }
    }
    (None, states)
}

/// The server starts again, without help: delivers, reads all, cleans up.
fn recover(model: &Model, promises: &Promises) {
    let mut promises = promises.clone();
    let store = store(model);
    assert_eq!(
        promises.deliver(&store, &[alice(), bob()]),
        [Ok(()), Ok(())]
    );
    let session = Snapshot::open(&store, &alice(), at(NOW)).unwrap();
    for (number, message) in session.messages().iter().enumerate() {
        let text = session.read(number).unwrap().next().unwrap().unwrap();
        assert_eq!(message.octets, text.len() as u64);
        assert!(promises.sent.iter().any(|sent| *sent == text));
    }
    store.sweep(at(NOW + 37 * 3600)).unwrap();
    assert!(model.files().keys().all(|path| !path.contains("/tmp/")));
    assert_eq!(promises.broken(model), None);
}

#[test]
fn store_2_and_3_and_16_a_power_cut_anywhere_loses_nothing_promised() {
    const EACH: [Operation; 4] = [DeliverOne, DeliverBoth, Quit, RaiseUidvalidity];
    let mut states = 0;
    let mut before: Vec<Vec<Operation>> = vec![Vec::new()];
    for length in 1..=3 {
        for sequence in &before {
            for last in EACH {
                let (broken, count) =
                    cut_everywhere(sequence, Plan::default(), |s, p| last.run(s, p));
                assert_eq!(broken, None, "then {last:?}");
                states += count;
            }
        }
        if length < 3 {
            let longer = |s: Vec<Operation>| EACH.map(|last| [&s[..], &[last]].concat());
            before = before.into_iter().flat_map(longer).collect();
        }
    }
    assert!(states > 10_000, "{states}");
}

#[test]
fn store_1_reply_after_last_fsync() {
    let model = Model::new();
    let store = store(&model);
    let mut promises = Promises::default();
    DeliverBoth.run(&store, &mut promises);
    let before = model.calls().len();
    DeliverBoth.run(&store, &mut promises);
    let calls: Vec<_> = model
        .calls()
        .into_iter()
        .skip(before)
        .filter(|call| *call != "open_dir")
        .collect();
    assert_eq!(
        calls,
        [
            "create",
            "write",
            "write",
            "sync_file",
            "link",
            "sync_dir",
            "link",
            "unlink",
            "sync_dir"
        ]
    );
}

#[test]
fn store_2_self_test_without_any_one_sync_the_suite_fails() {
    for (before, last) in [
        (&[][..], DeliverOne),
        (&[DeliverOne], DeliverOne),
        (&[DeliverBoth], DeliverBoth),
        (&[DeliverOne], Quit),
        (&[DeliverOne], RaiseUidvalidity),
        (&[DeliverOne, RaiseUidvalidity], RaiseUidvalidity),
    ] {
        let model = Model::new();
        let store = store(&model);
        let mut promises = Promises::default();
        for operation in before {
            operation.run(&store, &mut promises);
        }
        let first = model.syncs();
        last.run(&store, &mut promises);
        assert!(model.syncs() > first);
        for skipped in first..model.syncs() {
            let plan = Plan {
                skip_sync: Some(skipped),
                ..Plan::default()
            };
            let (broken, _) = cut_everywhere(before, plan, |s, p| last.run(s, p));
            assert!(
                broken.is_some(),
                "{before:?} {last:?}: nobody misses sync {skipped}"
            );
        }
    }
}

#[test]
fn store_2_self_test_publishing_first_makes_the_suite_fail() {
    let publish = |store: &Store<Model>, promises: &mut Promises, early: bool| {
        let fs = store.fs();
        let run = |sent: &mut Vec<Vec<u8>>| -> std::io::Result<()> {
            let maildir = store.maildir(&alice(), &Folder::inbox())?;
            sent.push(b"text\r\n".to_vec());
            let name = OsStr::new("1.x");
            let mut file = fs.create(&maildir.tmp, name)?;
            fs.write(&mut file, b"text\r\n")?;
            if early {
                fs.link((&maildir.tmp, name), (&maildir.new, name))?;
                fs.sync_file(&file)?;
            } else {
                fs.sync_file(&file)?;
                fs.link((&maildir.tmp, name), (&maildir.new, name))?;
            }
            fs.sync_dir(&maildir.new)?;
            fs.unlink(&maildir.tmp, name)
        };
        if run(&mut promises.sent).is_ok() {
            promises
                .kept
                .push((alice().to_string(), b"text\r\n".to_vec()));
        }
    };
    let (broken, _) = cut_everywhere(&[DeliverOne], Plan::default(), |s, p| publish(s, p, true));
    assert!(broken.is_some_and(|broken| broken.contains("not whole")));
    let (broken, _) = cut_everywhere(&[DeliverOne], Plan::default(), |s, p| publish(s, p, false));
    assert_eq!(broken, None);
}

#[test]
fn store_10_a_mailbox_that_cannot_be_linked_to_gets_a_durable_copy() {
    const EXDEV: i32 = 18;
    let model = Model::new();
    DeliverBoth.run(&store(&model), &mut Promises::default());
    let links = model
        .calls()
        .iter()
        .enumerate()
        .filter(|(_, call)| **call == "link")
        .map(|(at, _)| at)
        .collect::<Vec<_>>();
    assert_eq!(links.len(), 2);
    for link in links {
        let plan = Plan {
            fail: Some((link, EXDEV)),
            ..Plan::default()
        };
        let (broken, _) = cut_everywhere(&[], plan, |store, promises| {
            DeliverBoth.run(store, promises);
        });
        assert_eq!(broken, None);
        let model = Model::new();
        model.plan(plan);
        let mut promises = Promises::default();
        DeliverBoth.run(&store(&model), &mut promises);
        assert_eq!(promises.results, [Ok(()), Ok(())]);
        assert!(model.files().keys().all(|path| !path.contains("/tmp/")));
    }
}

#[test]
fn store_5_and_7_an_error_anywhere_is_typed_and_leaves_nothing_behind() {
    const ENOENT: i32 = 2;
    const EINTR: i32 = 4;
    const EIO: i32 = 5;
    const EAGAIN: i32 = 11;
    const EACCES: i32 = 13;
    const EMFILE: i32 = 24;
    const ENOSPC: i32 = 28;
    const EROFS: i32 = 30;
    const ENAMETOOLONG: i32 = 36;
    const ESTALE: i32 = 116;
    const EDQUOT: i32 = 122;
    for before in [&[][..], &[DeliverBoth]] {
        for last in [DeliverOne, DeliverBoth, Quit, RaiseUidvalidity] {
            for error in [
                ENOENT,
                EINTR,
                EIO,
                EAGAIN,
                EACCES,
                EMFILE,
                ENOSPC,
                EROFS,
                ENAMETOOLONG,
                ESTALE,
                EDQUOT,
            ] {
                for number in 0.. {
                    let model = Model::new();
                    let store = store(&model);
                    let mut promises = Promises::default();
                    for operation in before {
                        operation.run(&store, &mut promises);
                    }
                    let call = model.calls().len() + number;
                    model.plan(Plan {
                        fail: Some((call, error)),
                        ..Plan::default()
                    });
                    last.run(&store, &mut promises);
                    let Some(failed) = model.calls().get(call).copied() else {
                        break;
                    };
                    if error == ENOENT && failed == "stat" {
                        // No fault: it says that the message is not there.
                        continue;
                    }
                    let what = format!("{before:?} {last:?} errno {error} at {failed}");
                    let full = error == ENOSPC || error == EDQUOT;
                    for result in &promises.results {
                        match result {
                            Err(StoreError::Full) => assert!(full, "{what}"),
                            Err(_) => assert!(!full, "{what}"),
                            Ok(()) => {}
                        }
                    }
                    let must_succeed = error == EINTR && ["write", "sync_file"].contains(&failed);
                    if must_succeed && !matches!(last, RaiseUidvalidity) {
                        assert!(promises.results.iter().all(Result::is_ok), "{what}");
                    }
                    assert_eq!(promises.broken(&model), None, "{what}");
                    let left = model
                        .files()
                        .keys()
                        .filter(|path| path.contains("/tmp/"))
                        .count();
                    assert_eq!(
                        left,
                        usize::from(failed == "unlink" && !matches!(last, Quit)).min(left),
                        "{what}"
                    );
                    recover(&model, &promises);
                }
            }
        }
    }
}

#[test]
fn store_7_short_writes_are_completed() {
    let model = Model::new();
    model.plan(Plan {
        longest_write: Some(3),
        ..Plan::default()
    });
    let mut promises = Promises::default();
    DeliverBoth.run(&store(&model), &mut promises);
    assert_eq!(promises.results, [Ok(()), Ok(())]);
    assert_eq!(promises.broken(&model), None);
    model.plan(Plan {
        longest_write: Some(0),
        ..Plan::default()
    });
    DeliverOne.run(&store(&model), &mut promises);
    assert!(matches!(
        promises.results[..],
        [Err(StoreError::Temporary { .. })]
    ));
}

#[test]
fn a_delivery_that_is_dropped_leaves_nothing() {
    let model = Model::new();
    let store = store(&model);
    let mut delivery = Delivery::begin(&store, &[inbox(alice())], at(NOW));
    delivery.write(b"x");
    assert_eq!(model.files().len(), 1);
    drop(delivery);
    assert_eq!(model.files().len(), 0);
    assert!(store.live().is_empty());
}

#[test]
fn store_22_the_sweeper_takes_only_what_is_stale_and_not_ours() {
    let model = Model::new();
    let store = store(&model);
    let folder = Folder::parse("Lists/rust").unwrap();
    let delivery = Delivery::begin(&store, &[inbox(alice())], at(NOW));
    for folder in [Folder::inbox(), folder] {
        let maildir = store.maildir(&alice(), &folder).unwrap();
        store.fs().create(&maildir.tmp, OsStr::new("left")).unwrap();
    }
    assert_eq!(store.sweep(at(NOW + 36 * 3600)), Ok(0));
    assert_eq!(store.sweep(at(NOW - 100 * 3600)), Ok(0), "from the future");
    assert_eq!(store.sweep(at(NOW + 37 * 3600)), Ok(2));
    assert_eq!(model.files().len(), 1, "a delivery of 37 hours goes on");
    assert_eq!(delivery.commit(), [Ok(())]);
    assert!(model.files().keys().all(|path| path.contains("/new/")));
}
