//! Which mechanism is chosen, and what is not.

use alloc::vec::Vec;

use super::exporter;
use crate::sasl::{
    BindingPolicy, ChoiceError, ChoicePolicy, ClientBinding, Connection, Mechanism, PasswordPolicy,
    choose,
};

fn names(list: &str) -> impl Iterator<Item = &[u8]> {
    list.split(' ').map(str::as_bytes)
}

fn chosen(list: &str, policy: &ChoicePolicy) -> Result<Mechanism, ChoiceError> {
    choose(names(list), policy).map(|choice| choice.mechanism)
}

#[test]
fn auth_16_the_strongest_that_both_have_whatever_the_order() {
    let tls = ChoicePolicy::new(Connection::Protected);
    let bound = tls.clone().binding(Some(exporter()));
    for (list, unbound, with_binding) in [
        (
            "LOGIN PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS",
            Mechanism::ScramSha256,
            Mechanism::ScramSha256Plus,
        ),
        (
            "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN",
            Mechanism::ScramSha256,
            Mechanism::ScramSha256Plus,
        ),
        (
            "PLAIN SCRAM-SHA-256",
            Mechanism::ScramSha256,
            Mechanism::ScramSha256,
        ),
        ("LOGIN PLAIN", Mechanism::Plain, Mechanism::Plain),
        ("LOGIN", Mechanism::Login, Mechanism::Login),
        ("plain", Mechanism::Plain, Mechanism::Plain),
    ] {
        assert_eq!(chosen(list, &tls), Ok(unbound), "{list}");
        assert_eq!(chosen(list, &bound), Ok(with_binding), "{list}");
    }
}

#[test]
fn auth_16_no_password_without_tls_unless_named() {
    let clear = ChoicePolicy::new(Connection::Clear);
    for list in ["PLAIN", "LOGIN", "LOGIN PLAIN CRAM-MD5"] {
        assert_eq!(
            chosen(list, &clear),
            Err(ChoiceError::PasswordNotProtected),
            "{list}"
        );
        assert_eq!(
            chosen(list, &ChoicePolicy::default()),
            Err(ChoiceError::PasswordNotProtected)
        );
    }
    assert_eq!(
        chosen("PLAIN SCRAM-SHA-256", &clear),
        Ok(Mechanism::ScramSha256)
    );
    let named = clear.password(PasswordPolicy::EvenInClear);
    assert_eq!(chosen("PLAIN", &named), Ok(Mechanism::Plain));
    let never = ChoicePolicy::new(Connection::Protected).password(PasswordPolicy::Never);
    assert_eq!(
        chosen("PLAIN LOGIN", &never),
        Err(ChoiceError::PasswordNotProtected)
    );
}

#[test]
fn auth_16_what_is_weak_or_unknown_is_never_chosen() {
    let tls = ChoicePolicy::new(Connection::Protected).password(PasswordPolicy::EvenInClear);
    for list in [
        "CRAM-MD5 DIGEST-MD5 NTLM ANONYMOUS",
        "PLAIN2",
        "PLAI",
        "",
        "XPLAIN",
        "\u{1F510}",
    ] {
        assert_eq!(
            chosen(list, &tls),
            Err(ChoiceError::NothingInCommon),
            "{list}"
        );
    }
    let strict = tls.at_least(Mechanism::ScramSha256);
    assert_eq!(chosen("PLAIN LOGIN", &strict), Err(ChoiceError::TooWeak));
    assert_eq!(
        chosen("PLAIN SCRAM-SHA-256", &strict),
        Ok(Mechanism::ScramSha256)
    );
}

#[test]
fn auth_16_a_thousand_mechanisms_are_walked_over() {
    let unknown: Vec<_> = (0..1_000)
        .map(|number| alloc::format!("X-{number}"))
        .collect();
    let tls = ChoicePolicy::new(Connection::Protected);
    let list = || unknown.iter().map(|name| name.as_bytes());
    assert_eq!(choose(list(), &tls), Err(ChoiceError::NothingInCommon));
    let last: [&[u8]; 1] = [b"PLAIN"];
    assert_eq!(
        choose(list().chain(last), &tls).unwrap().mechanism,
        Mechanism::Plain
    );
}

#[test]
fn auth_15_required_binding_is_never_traded_for_something_weaker() {
    let strict = ChoicePolicy::new(Connection::Protected)
        .binding(Some(exporter()))
        .channel_binding(BindingPolicy::Require);
    assert_eq!(
        chosen("SCRAM-SHA-256 PLAIN", &strict),
        Err(ChoiceError::BindingNotOffered)
    );
    assert_eq!(
        chosen("PLAIN", &strict),
        Err(ChoiceError::BindingNotOffered)
    );
    assert_eq!(
        chosen("PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS", &strict),
        Ok(Mechanism::ScramSha256Plus)
    );
    let unbound = strict.binding(None);
    assert_eq!(
        chosen("SCRAM-SHA-256 SCRAM-SHA-256-PLUS", &unbound),
        Err(ChoiceError::BindingUnavailable)
    );
}

#[test]
fn auth_15_the_flag_tells_the_server_what_the_client_saw() {
    let tls = ChoicePolicy::new(Connection::Protected);
    let bound = tls.clone().binding(Some(exporter()));
    let flag = |list, policy: &ChoicePolicy| choose(names(list), policy).unwrap().binding;
    assert_eq!(flag("SCRAM-SHA-256", &tls), ClientBinding::Unsupported);
    assert_eq!(
        flag("SCRAM-SHA-256 SCRAM-SHA-256-PLUS", &tls),
        ClientBinding::Unsupported
    );
    assert_eq!(flag("SCRAM-SHA-256", &bound), ClientBinding::NotOffered);
    assert_eq!(
        flag("SCRAM-SHA-256 SCRAM-SHA-256-PLUS", &bound),
        ClientBinding::Use(exporter())
    );
}
