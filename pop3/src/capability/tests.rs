use alloc::{string::ToString, vec};

use super::*;

fn mechanism(name: &str) -> Mechanism {
    Mechanism::new(name).unwrap()
}

#[test]
fn capabilities_are_read_and_written_the_same() {
    let sasl = vec![mechanism("SCRAM-SHA-256"), mechanism("PLAIN")];
    for (line, capability) in [
        (&b"TOP"[..], Capability::Top),
        (b"USER", Capability::User),
        (b"SASL SCRAM-SHA-256 PLAIN", Capability::Sasl(sasl)),
        (b"SASL", Capability::Sasl(vec![])),
        (b"RESP-CODES", Capability::RespCodes),
        (b"LOGIN-DELAY 900", Capability::LoginDelay(900, Scope::All)),
        (
            b"LOGIN-DELAY 0 USER",
            Capability::LoginDelay(0, Scope::User),
        ),
        (b"PIPELINING", Capability::Pipelining),
        (
            b"EXPIRE NEVER",
            Capability::Expire(Retention::Never, Scope::All),
        ),
        (
            b"EXPIRE 5 USER",
            Capability::Expire(Retention::Days(5), Scope::User),
        ),
        (b"UIDL", Capability::Uidl),
        (
            b"IMPLEMENTATION a b c",
            Capability::Implementation(b"a b c"[..].into()),
        ),
        (b"STLS", Capability::Stls),
        (b"AUTH-RESP-CODE", Capability::AuthRespCode),
        (b"UTF8 USER", Capability::Utf8(Scope::User)),
        (b"LANG", Capability::Lang),
        (
            b"X-THING  a  b",
            Capability::Unknown(b"X-THING  a  b"[..].into()),
        ),
        (
            b"LOGIN-DELAY soon",
            Capability::Unknown(b"LOGIN-DELAY soon"[..].into()),
        ),
        (
            b"LOGIN-DELAY 99999999999",
            Capability::Unknown(b"LOGIN-DELAY 99999999999"[..].into()),
        ),
        (b"EXPIRE -1", Capability::Unknown(b"EXPIRE -1"[..].into())),
        (b"STLS now", Capability::Unknown(b"STLS now"[..].into())),
    ] {
        assert_eq!(
            Capability::parse(line),
            Ok(capability.clone()),
            "{}",
            line.escape_ascii()
        );
        let mut wire = BytesMut::new();
        capability.encode(&mut wire);
        assert_eq!(wire, &[line, b"\r\n"].concat()[..]);
        assert_eq!(capability.to_string().as_bytes(), line);
    }
    assert_eq!(Capability::parse(b"pipelining"), Ok(Capability::Pipelining));
    for bad in [&b""[..], b" TOP", b".", b"T\x07P", b"\xff"] {
        assert_eq!(
            Capability::parse(bad).unwrap_err().expected,
            Expected::CapabilityTag
        );
    }
}

#[test]
fn pop3_15_junk_among_mechanisms_makes_no_mechanism() {
    let line = b"SASL PLAIN +APOP cram_md5 (x) ABCDEFGHIJKLMNOPQRSTU  LOGIN";
    let capabilities: Capabilities = [Capability::parse(line).unwrap()].into_iter().collect();
    let names = capabilities.mechanisms().map(|mechanism| &**mechanism);
    assert!(names.eq(["PLAIN", "CRAM_MD5", "LOGIN"]));
}

#[test]
fn what_is_asked_of_a_list_stands_in_it() {
    let list: Capabilities = [Capability::Stls, Capability::User].into_iter().collect();
    assert!(list.stls() && list.user() && !list.pipelining());
    assert_eq!(list.iter().count(), 2);
    assert_eq!((&list).into_iter().next(), Some(&Capability::Stls));
}
