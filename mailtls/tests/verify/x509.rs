//! Names, paths, dates and purposes, at the level that checks them all.

use std::{sync::Arc, time::Duration};

use mailtls::{
    level::Level,
    provider::Provider,
    verify::{ClientTls, ClientTlsBuilder, Outcome, VerifyError, WhyNotChecked},
};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, KeyPair, NameConstraints, SanType, date_time_ymd, string::Ia5String,
};
use rustls::{
    pki_types::{CertificateDer, UnixTime},
    time_provider::TimeProvider,
    version::TLS13,
};

use super::{NAME, client, connect, key_of, roots, secure, serves, shows};
use crate::pki::{Ca, Leaf, common_name, providers, server};

#[test]
fn x509_2_odd_names_in_a_certificate_match_nothing() {
    let ca = Ca::new("our authority");
    let long = format!("{}mail.example.test", "a.".repeat(130));
    for shown in [
        "mail.example.test\0.evil.test",
        "mail.example.test\r\n",
        "mail.example.test ",
        " mail.example.test",
        "",
        ".",
        ".example.test",
        "mail.example.test.",
        &long,
    ] {
        let mut params = server(&[]);
        let name = Ia5String::try_from(shown).unwrap();
        params.subject_alt_names = vec![SanType::DnsName(name)];
        let leaf = ca.sign(params, KeyPair::generate().unwrap());
        let error = secure(&ca, &leaf, NAME).unwrap_err();
        // It is shown in an error without what could steer a terminal.
        assert!(
            error.to_string().chars().all(|c| !c.is_control()),
            "{error}"
        );
        assert!(
            matches!(
                error,
                VerifyError::NameMismatch { .. }
                    | VerifyError::Malformed
                    | VerifyError::Unacceptable
            ),
            "{shown:?}: {error:?}"
        );
    }
}

#[test]
fn x509_3_the_common_name_never_counts() {
    let ca = Ca::new("our authority");
    for (cn, names) in [
        (NAME, &[][..]),
        (NAME, &["other.example.test"]),
        ("*.example.test", &[]),
        ("*.example.test", &["other.example.test"]),
    ] {
        let mut params = server(names);
        params.distinguished_name = common_name(cn);
        let leaf = ca.sign(params, KeyPair::generate().unwrap());
        assert!(matches!(
            secure(&ca, &leaf, NAME),
            Err(VerifyError::NameMismatch { .. })
        ));
    }
}

#[test]
fn x509_4_a_star_is_the_whole_leftmost_label_or_nothing() {
    let ca = Ca::new("our authority");
    for (shown, asked, matches) in [
        ("*.example.test", "a.example.test", true),
        ("*.EXAMPLE.test", "A.example.TEST.", true),
        ("*.example.test", "example.test", false),
        ("*.example.test", "a.b.example.test", false),
        ("*", "test", false),
        ("f*.example.test", "foo.example.test", false),
        ("*f.example.test", "of.example.test", false),
        ("a.*.test", "a.example.test", false),
        ("*.*.test", "a.example.test", false),
        ("xn--*.example.test", "xn--bcher-kva.example.test", false),
        ("*.0.2.1", "192.0.2.1", false),
    ] {
        let mut params = server(&[]);
        params.subject_alt_names = vec![SanType::DnsName(Ia5String::try_from(shown).unwrap())];
        let leaf = ca.sign(params, KeyPair::generate().unwrap());
        assert_eq!(
            secure(&ca, &leaf, asked).is_ok(),
            matches,
            "{shown} for {asked}"
        );
    }
}

#[test]
fn x509_5_an_address_needs_an_ip_address_entry_of_its_own_kind() {
    let ca = Ca::new("our authority");
    let text = |name: &str| SanType::DnsName(Ia5String::try_from(name).unwrap());
    let ip = |address: &str| SanType::IpAddress(address.parse().unwrap());
    for (shown, asked, matches) in [
        (ip("192.0.2.1"), "192.0.2.1", true),
        (ip("192.0.2.1"), "[192.0.2.1]", true),
        (ip("2001:db8::1"), "[IPv6:2001:DB8:0::1]", true),
        (ip("192.0.2.1"), "192.0.2.2", false),
        (ip("::ffff:192.0.2.1"), "192.0.2.1", false),
        (ip("192.0.2.1"), "::ffff:192.0.2.1", false),
        (text("192.0.2.1"), "192.0.2.1", false),
        (ip("192.0.2.1"), "mail.example.test", false),
    ] {
        let mut params = server(&[]);
        params.distinguished_name = common_name("192.0.2.1");
        params.subject_alt_names = vec![shown.clone()];
        let leaf = ca.sign(params, KeyPair::generate().unwrap());
        assert_eq!(
            secure(&ca, &leaf, asked).is_ok(),
            matches,
            "{shown:?} for {asked}"
        );
    }
    // An entry of eight octets is neither kind.
    let mut params = server(&[]);
    let san = b"\x30\x0a\x87\x08\xc0\x00\x02\x01\xff\xff\xff\xff".to_vec();
    params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 17], san)];
    let leaf = ca.sign(params, KeyPair::generate().unwrap());
    assert!(secure(&ca, &leaf, "192.0.2.1").is_err());
}

#[test]
fn x509_5_names_are_indicated_and_addresses_are_not() {
    let ca = Ca::new("our authority");
    let mut params = server(&[NAME]);
    params
        .subject_alt_names
        .push(SanType::IpAddress([192, 0, 2, 1].into()));
    let leaf = ca.sign(params, KeyPair::generate().unwrap());
    for provider in providers() {
        let server = serves(&provider, &TLS13, &leaf);
        for &level in &Level::ALL[1..] {
            for (name, sni) in [
                (NAME, Some(NAME)),
                ("Mail.EXAMPLE.test.", Some(NAME)),
                ("192.0.2.1", None),
            ] {
                let tls = client(&provider, level, name, &ca);
                let (_, pair) = connect(&tls, &server).unwrap();
                assert_eq!(pair.server.server_name(), sni, "{level}");
            }
        }
    }
}

#[test]
fn a_second_reference_name_will_do() {
    let ca = Ca::new("our authority");
    let leaf = ca.leaf(&["example.test"]);
    let provider = Provider::default();
    let tls = ClientTls::builder(Level::Secure, "mx1.example.test".parse().unwrap())
        .or_name("example.test".parse().unwrap())
        .roots(roots(&[&ca]))
        .build()
        .unwrap();
    let (outcome, pair) = connect(&tls, &serves(&provider, &TLS13, &leaf)).unwrap();
    assert_eq!(outcome.to_string(), "verified as example.test");
    assert_eq!(pair.server.server_name(), Some("mx1.example.test"));
    // A chain that is not the one of the session proves nothing.
    let unknown = tls.outcome(ca.leaf(&[NAME]).chain.as_slice());
    assert!(matches!(
        unknown,
        Outcome::NotChecked {
            why: WhyNotChecked::AnotherChain,
            ..
        }
    ));
}

#[test]
fn x509_8_path_building() {
    let ca = Ca::new("our authority");
    let middle = ca.intermediate("an intermediate");
    let bottom = middle.intermediate("another intermediate");
    let noise = Ca::new("noise");
    let leaf = bottom.leaf(&[NAME]);
    let with = |more: &[&Ca]| Leaf {
        chain: leaf
            .chain
            .iter()
            .cloned()
            .chain(more.iter().map(|ca| ca.der()))
            .collect(),
        key: KeyPair::from_pem(&leaf.key_pem()).unwrap(),
    };
    for good in [
        with(&[&bottom, &middle]),
        with(&[&middle, &bottom]),
        with(&[&noise, &middle, &ca, &bottom]),
    ] {
        assert!(secure(&ca, &good, NAME).is_ok());
    }
    for bad in [with(&[]), with(&[&middle]), with(&[&bottom]), with(&[&ca])] {
        assert_eq!(secure(&ca, &bad, NAME), Err(VerifyError::Untrusted));
    }
    let crowd: Vec<&Ca> = std::iter::repeat_n(&noise, 50).collect();
    assert_eq!(
        secure(&ca, &with(&crowd), NAME),
        Err(VerifyError::LimitExceeded)
    );
}

#[test]
fn x509_7_an_authority_vouches_only_for_the_names_it_may() {
    let root = Ca::new("our authority");
    let subtree = |name: &str| GeneralSubtree::DnsName(name.to_owned());
    for (permitted, excluded, name, good) in [
        ("example.test", "", NAME, true),
        ("example.test", "", "example.test", true),
        ("example.test", "", "mail.example.org", false),
        ("example.test", "", "notexample.test", false),
        ("", "example.test", NAME, false),
        ("", "other.test", NAME, true),
        ("example.test", "mail.example.test", NAME, false),
    ] {
        let list = |names: &str| match names {
            "" => vec![],
            name => vec![subtree(name)],
        };
        let constrained = root.intermediate_with(|params| {
            params.name_constraints = Some(NameConstraints {
                permitted_subtrees: list(permitted),
                excluded_subtrees: list(excluded),
            });
        });
        let mut leaf = constrained.leaf(&[name]);
        leaf.chain.push(constrained.der());
        let verdict = secure(&root, &leaf, name).map(drop);
        let expected = match good {
            true => Ok(()),
            false => Err(VerifyError::NameNotPermitted),
        };
        assert_eq!(verdict, expected, "{permitted} {excluded} {name}");
    }
}

/// A clock that stands still.
#[derive(Debug)]
struct At(u64);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0)))
    }
}

#[test]
fn x509_9_both_ends_of_the_validity_are_in_it() {
    // 2030-01-01 to 2031-01-01, UTC.
    let (from, to) = (1_893_456_000, 1_924_992_000);
    let ca = Ca::new("our authority");
    let mut params = server(&[NAME]);
    params.not_before = date_time_ymd(2030, 1, 1);
    params.not_after = date_time_ymd(2031, 1, 1);
    let leaf = ca.sign(params, KeyPair::generate().unwrap());
    let second = Some(Duration::from_secs(1));
    for provider in providers() {
        for (now, expected) in [
            (from - 1, Some(VerifyError::NotYetValid { until: second })),
            (from, None),
            (to, None),
            (to + 1, Some(VerifyError::Expired { since: second })),
        ] {
            let tls = ClientTlsBuilder::new(Level::Verify, NAME.parse().unwrap(), provider.clone())
                .roots(roots(&[&ca]))
                .clock(Arc::new(At(now)))
                .build()
                .unwrap();
            let error = connect(&tls, &serves(&provider, &TLS13, &leaf))
                .err()
                .map(|failure| VerifyError::from_tls(&failure.at_client.unwrap()).unwrap());
            assert_eq!(error, expected);
        }
    }
    let error = VerifyError::Expired {
        since: Some(Duration::from_secs(3 * 86_400)),
    };
    assert_eq!(error.to_string(), "the certificate expired 3 days ago");
}

#[test]
fn x509_10_what_the_certificate_is_for() {
    let ca = Ca::new("our authority");
    let sign = |change: fn(&mut CertificateParams)| {
        let mut params = server(&[NAME]);
        change(&mut params);
        ca.sign(params, KeyPair::generate().unwrap())
    };
    let verdict = |leaf: &Leaf| secure(&ca, leaf, NAME).err();
    assert_eq!(verdict(&sign(|p| p.extended_key_usages.clear())), None);
    assert_eq!(
        verdict(&sign(|p| p.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth
        ])),
        None
    );
    assert_eq!(
        verdict(&sign(
            |p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)
        )),
        Some(VerifyError::CaAsServer)
    );
    assert_eq!(
        verdict(&sign(|p| {
            let mut unknown =
                CustomExtension::from_oid_content(&[1, 2, 3, 4], b"\x05\x00".to_vec());
            unknown.set_criticality(true);
            p.custom_extensions.push(unknown);
        })),
        Some(VerifyError::Unacceptable)
    );
}

#[test]
fn x509_12_a_certificate_that_is_no_der_is_refused_at_every_level() {
    let ca = Ca::new("our authority");
    let good = ca.leaf(&[NAME]);
    let whole = good.der().as_ref();
    for broken in [
        &whole[..whole.len() - 1],
        &whole[..40],
        b"\x30\x80\x00\x00",
        b"\x30\x84\xff\xff\xff\xff",
        b"junk",
    ] {
        let provider = Provider::default();
        let chain = vec![CertificateDer::from(broken.to_vec())];
        let server = shows(&provider, &TLS13, chain, key_of(&provider, &good.key));
        for &level in &Level::ALL[1..] {
            let tls = client(&provider, level, NAME, &ca);
            let error = connect(&tls, &server).unwrap_err().at_client.unwrap();
            assert_eq!(
                VerifyError::from_tls(&error),
                Some(VerifyError::Malformed),
                "{level}"
            );
        }
    }
}

#[test]
fn x509_13_a_thousand_names_are_searched_and_few_are_shown() {
    let ca = Ca::new("our authority");
    let names: Vec<String> = (0..1000).map(|n| format!("host{n}.example.test")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let leaf = ca.leaf(&names);
    assert!(secure(&ca, &leaf, "host999.example.test").is_ok());
    let error = secure(&ca, &leaf, NAME).unwrap_err();
    assert!(error.to_string().ends_with(" and 990 more"), "{error}");
}

#[test]
fn x509_13_a_chain_above_64_kib_ends_the_handshake() {
    let ca = Ca::new("our authority");
    let mut params = server(&[NAME]);
    let big = vec![0x04; 70_000];
    params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 2, 3, 4], big)];
    let leaf = ca.sign(params, KeyPair::generate().unwrap());
    let provider = Provider::default();
    for level in [Level::May, Level::Secure] {
        let tls = client(&provider, level, NAME, &ca);
        let failure = connect(&tls, &serves(&provider, &TLS13, &leaf)).unwrap_err();
        assert!(
            matches!(
                failure.at_client.as_deref(),
                Some(rustls::Error::InvalidMessage(_))
            ),
            "{failure:?}"
        );
    }
}
