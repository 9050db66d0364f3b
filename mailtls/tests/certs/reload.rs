//! Reloads: what advances, what stays, and who notices.

use std::{collections::HashSet, fs, sync::Arc};

use mailtls::certs::{CertStore, Entry, Hello, LoadReason, Outcome, ServerTls, Source};
use rustls::ServerConnection;

use super::{ANY, Folder, NAME, connect, memory, shown, store, trusting};
use crate::pki::{self, Ca, Leaf, providers};

#[test]
fn s12_s13_each_source_keeps_its_last_good_chain_and_the_others_advance() {
    let ca = Ca::new("our authority");
    let [a0, a1, b0, b1] = [0, 0, 1, 1].map(|n| ca.leaf(&[["a.example", "b.example"][n]]));
    let folder = Folder::new();
    let chain = folder.write("a-chain.pem", a0.chain_pem());
    let key = folder.write("a-key.pem", a0.key_pem());
    let both = folder.write("b.pem", b0.pem());
    let store = store([
        Entry::new(Source::files(&chain, &key)),
        Entry::new(Source::combined(&both)),
    ]);
    let served = |a: &Leaf, b: &Leaf| {
        assert_eq!(shown(&store, Some("a.example"), ANY), *a.der());
        assert_eq!(shown(&store, Some("b.example"), ANY), *b.der());
    };
    let outcomes = || -> Vec<Outcome> {
        store
            .reload()
            .iter()
            .map(|line| line.outcome().clone())
            .collect()
    };
    assert_eq!(outcomes(), [Outcome::Unchanged, Outcome::Unchanged]);

    // Half of a rotation: the chain is new, the key is old.
    fs::write(&chain, a1.chain_pem()).unwrap();
    fs::write(&both, b1.pem()).unwrap();
    let report = store.reload();
    assert_eq!((report.updated(), report.kept()), (1, 1));
    let kept = report.iter().next().unwrap();
    assert_eq!(kept.source().to_string(), chain.display().to_string());
    let Outcome::Kept(error) = kept.outcome() else {
        panic!("{kept:?}");
    };
    assert_eq!(*error.reason(), LoadReason::KeyMismatch);
    served(&a0, &b1);

    // The other half: now it is a pair again.
    fs::write(&key, a1.key_pem()).unwrap();
    assert_eq!(outcomes(), [Outcome::Updated, Outcome::Unchanged]);
    served(&a1, &b1);

    // Half-written, missing, not even a file: the last good one, every time.
    fs::write(&both, &b0.pem()[..300]).unwrap();
    fs::remove_file(&chain).unwrap();
    assert!(matches!(
        &outcomes()[..],
        [Outcome::Kept(_), Outcome::Kept(_)]
    ));
    fs::remove_file(&both).unwrap();
    fs::create_dir(&both).unwrap();
    assert!(matches!(
        &outcomes()[..],
        [Outcome::Kept(_), Outcome::Kept(_)]
    ));
    served(&a1, &b1);

    fs::remove_dir(&both).unwrap();
    fs::write(&both, b0.pem()).unwrap();
    fs::write(&chain, a1.chain_pem()).unwrap();
    assert_eq!(outcomes(), [Outcome::Unchanged, Outcome::Updated]);
    served(&a1, &b0);
}

#[test]
fn s3_a_renewal_may_change_the_names() {
    let ca = Ca::new("our authority");
    let (default, old, new) = (
        ca.leaf(&["default.example"]),
        ca.leaf(&["old.example"]),
        ca.leaf(&["new.example"]),
    );
    let folder = Folder::new();
    let file = folder.write("mail.pem", old.pem());
    let store = store([
        Entry::new(memory(&default)),
        Entry::new(Source::combined(&file)),
    ]);
    assert_eq!(shown(&store, Some("new.example"), ANY), *default.der());
    fs::write(&file, new.pem()).unwrap();
    assert_eq!(store.reload().updated(), 1);
    assert_eq!(shown(&store, Some("new.example"), ANY), *new.der());
    assert_eq!(shown(&store, Some("old.example"), ANY), *default.der());
}

#[cfg(unix)]
#[test]
fn s11_a_symbolic_link_that_is_exchanged_is_followed() {
    let ca = Ca::new("our authority");
    let (old, new) = (ca.leaf(&[NAME]), ca.leaf(&[NAME]));
    let folder = Folder::new();
    folder.write("1.pem", old.pem());
    folder.write("2.pem", new.pem());
    let live = folder.path("live.pem");
    std::os::unix::fs::symlink("1.pem", &live).unwrap();
    let store = store([Entry::new(Source::combined(&live))]);
    let next = folder.path("next.pem");
    std::os::unix::fs::symlink("2.pem", &next).unwrap();
    fs::rename(&next, &live).unwrap();
    assert_eq!(store.reload().updated(), 1);
    assert_eq!(shown(&store, None, ANY), *new.der());
}

#[test]
fn s12_a_configuration_that_cannot_be_loaded_changes_nothing() {
    let ca = Ca::new("our authority");
    let (old, new) = (ca.leaf(&[NAME]), ca.leaf(&[NAME]));
    let store = store([Entry::new(memory(&old))]);
    let broken = Entry::new(Source::combined("/nonexistent/mail.pem"));
    store
        .replace([Entry::new(memory(&new)), broken])
        .unwrap_err();
    assert_eq!(shown(&store, Some(NAME), ANY), *old.der());
    store.replace([Entry::new(memory(&new))]).unwrap();
    assert_eq!(shown(&store, Some(NAME), ANY), *new.der());
}

#[test]
fn s10_sessions_and_handshakes_that_run_do_not_notice_a_reload() {
    let ca = Ca::new("our authority");
    let (old, new) = (ca.leaf(&[NAME]), ca.leaf(&[NAME]));
    let folder = Folder::new();
    let file = folder.write("mail.pem", old.pem());
    for provider in providers() {
        fs::write(&file, old.pem()).unwrap();
        let entry = Entry::new(Source::combined(&file));
        let store = CertStore::load([entry], provider.clone()).unwrap();
        let server = ServerTls::new(store.clone()).build().unwrap();
        let tls = trusting(&ca, NAME, &provider);
        let mut session = connect(&tls, &server);
        // A handshake that has its certificate already, but is not over.
        let mut running = pki::Pair {
            client: rustls::ClientConnection::new(tls.config(), tls.server_name()).unwrap(),
            server: ServerConnection::new(Arc::clone(&server)).unwrap(),
        };
        let mut hello = Vec::new();
        running.client.write_tls(&mut hello).unwrap();
        running.server.read_tls(&mut hello.as_slice()).unwrap();
        running.server.process_new_packets().unwrap();

        fs::write(&file, new.pem()).unwrap();
        assert_eq!(store.reload().updated(), 1);

        running.pump().unwrap();
        assert_eq!(running.chain()[0], *old.der());
        assert_eq!(connect(&tls, &server).chain()[0], *new.der());
        std::io::Write::write_all(&mut session.client.writer(), b"NOOP\r\n").unwrap();
        session.pump().unwrap();
        let mut heard = [0; 6];
        std::io::Read::read_exact(&mut session.server.reader(), &mut heard).unwrap();
        assert_eq!(&heard, b"NOOP\r\n");
    }
}

#[test]
fn s12_no_handshake_sees_a_mixture_while_others_reload() {
    let ca = Ca::new("our authority");
    let sets = [0, 1].map(|_| [ca.leaf(&["a.example"]), ca.leaf(&["b.example"])]);
    let entries = |set: &[Leaf; 2]| [Entry::new(memory(&set[0])), Entry::new(memory(&set[1]))];
    let store = store(entries(&sets[0]));
    let valid: HashSet<_> = sets
        .iter()
        .map(|set| (set[0].der().clone(), set[1].der().clone()))
        .collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..200 {
                store.replace(entries(&sets[round % 2])).unwrap();
            }
        });
        for _ in 0..2_000 {
            // Each choice is a pair that belongs together, whatever is going on.
            let hello = Hello::new(Some("a.example"), ANY);
            let pair = store.select(&hello).unwrap();
            pair.keys_match().unwrap();
            assert!(valid.iter().any(|(a, _)| *a == pair.cert[0]));
        }
    });
    assert_eq!(shown(&store, Some("b.example"), ANY), *sets[1][1].der());
}
