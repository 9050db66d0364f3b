//! New certificates while sessions are open.

use std::fs;

use mailtls::level::Level;
use mailwire_examples::{config::Service, pki::Pki};
use rcgen::{CertificateParams, KeyPair};

use super::{
    client::Client,
    harness::{ALICE, BOB, Mail, served, served_in},
};

/// Makes a new certificate of the same CA in place of the old one.
fn renew(mail: &Mail) -> Pki {
    let dir = mail.dir.path().join("data/tls");
    fs::remove_file(dir.join("server.for")).unwrap();
    Pki::ensure(&dir, "mail.example.test", jiff::Timestamp::now()).unwrap()
}

fn shown(client: &Client) -> &[u8] {
    &client.tls().unwrap().peer_chain[0]
}

#[test]
fn x509_22_a_reload_reaches_new_handshakes_and_no_session() {
    served(async |mail| {
        let mut sender = mail.secure(Service::Smtp).await;
        sender
            .transaction("a@example.org", "bob@example.test")
            .await;
        sender.says("DATA", "354").await;
        sender.send("half").await;
        let mut reader = mail.login(Service::Pop3s, ALICE).await;
        let old = shown(&reader).to_vec();
        for _ in 0..3 {
            let before = shown(&mail.secure(Service::Submission).await).to_vec();
            renew(mail);
            // Until it is told, the server shows what it has.
            assert_eq!(shown(&mail.secure(Service::Pop3).await), before);
            let report = mail.certs.reload();
            assert_eq!((report.updated(), report.kept()), (1, 0));
            for service in Service::ALL {
                let client = mail.secure(service).await;
                assert_ne!(shown(&client), before, "{service}");
                assert_ne!(shown(&client), old, "{service}");
            }
        }
        sender.send(" a message\r\n.\r\n").await;
        sender.hears("250").await;
        reader.says("STAT", "+OK 0 0").await;
        assert!(mail.inbox(BOB).await[0].ends_with(b"half a message\r\n"));
    });
}

#[test]
fn x509_19_what_cannot_be_loaded_leaves_the_last_good_certificate() {
    served(async |mail| {
        let old = shown(&mail.secure(Service::Smtp).await).to_vec();
        let dir = mail.dir.path().join("data/tls");
        let (chain, key) = (dir.join("server.pem"), dir.join("server.key"));
        let good = fs::read(&chain).unwrap();
        for (file, text) in [
            (&chain, &b"no certificate"[..]),
            (&chain, b""),
            (&key, b"no key"),
            (&chain, &good[..good.len() / 2]),
        ] {
            let before = fs::read(file).unwrap();
            fs::write(file, text).unwrap();
            assert_eq!(mail.certs.reload().kept(), 1);
            assert_eq!(shown(&mail.secure(Service::Submissions).await), old);
            fs::write(file, before).unwrap();
        }
        // The certificate of one rotation with the key of another is no pair.
        let key_before = fs::read(&key).unwrap();
        renew(mail);
        let key_after = fs::read(&key).unwrap();
        fs::write(&key, key_before).unwrap();
        assert_eq!(mail.certs.reload().kept(), 1);
        assert_eq!(shown(&mail.secure(Service::Smtp).await), old);
        fs::write(&key, key_after).unwrap();
        assert_eq!(mail.certs.reload().updated(), 1);
        assert_ne!(shown(&mail.secure(Service::Smtp).await), old);
    });
}

#[test]
fn x509_18_the_certificate_is_chosen_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = String::new();
    let mut made = Vec::new();
    for (file, name) in [
        ("first", "first.test"),
        ("exact", "mail.wild.test"),
        ("wild", "*.wild.test"),
    ] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
        fs::write(dir.path().join(format!("{file}.pem")), pem).unwrap();
        config.push_str(&format!("[[certificates]]\nchain = \"{file}.pem\"\n"));
        made.push(certificate.der().to_vec());
    }
    let _ = served_in(dir, &config, async |mail| {
        for (name, want) in [
            ("mail.wild.test", 1),
            ("MAIL.Wild.Test", 1),
            ("other.wild.test", 2),
            // A wildcard is one label; what fits nothing gets the first one.
            ("a.b.wild.test", 0),
            ("wild.test", 0),
            ("first.test", 0),
            ("unknown.test", 0),
            ("127.0.0.1", 0),
        ] {
            for service in [Service::Submissions, Service::Pop3s] {
                let tls = mail.tls_as(name, Level::Encrypt, &[]);
                let client = mail.raw(service).await.implicit(&tls).await.unwrap();
                assert_eq!(shown(&client), made[want], "{name}");
            }
        }
    });
}
