//! What the server says when it is ready: for people, and as one line of JSON.

use std::{fmt::Write, path::Path};

use serde::Serialize;

use super::startup::Prepared;
use crate::config::{Service, TlsMode};

#[derive(Serialize)]
struct Announcement<'a> {
    listeners: Vec<ListenerLine>,
    accounts: Vec<AccountLine<'a>>,
    ca: Option<&'a Path>,
}

#[derive(Serialize)]
struct ListenerLine {
    service: Service,
    address: String,
    tls: TlsMode,
}

#[derive(Serialize)]
struct AccountLine<'a> {
    name: &'a str,
    password: Option<&'a str>,
}

/// One line: `{"listeners":[..],"accounts":[..],"ca":".."}`.
#[must_use]
pub fn json(prepared: &Prepared) -> String {
    let listener =
        |(service, address, tls): (Service, std::net::SocketAddr, TlsMode)| ListenerLine {
            service,
            address: address.to_string(),
            tls,
        };
    let accounts = prepared.fresh.iter().map(|(name, password)| AccountLine {
        name,
        password: password.as_ref().map(|password| password.expose().as_str()),
    });
    let announcement = Announcement {
        listeners: prepared.listeners().map(listener).collect(),
        accounts: accounts.collect(),
        ca: prepared.ca.as_deref(),
    };
    // Strings and maps with text keys can always be written.
    serde_json::to_string(&announcement).unwrap_or_default()
}

/// What a newcomer wants to know: where, who, and what to paste.
#[must_use]
pub fn text(prepared: &Prepared) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_text(&mut out, prepared);
    out
}

fn write_text(out: &mut String, prepared: &Prepared) -> std::fmt::Result {
    let version = env!("CARGO_PKG_VERSION");
    writeln!(
        out,
        "mailserver {version} is ready as {}\n",
        prepared.config.hostname
    )?;
    for (service, address, tls) in prepared.listeners() {
        let how = match tls {
            TlsMode::None => "clear text only",
            TlsMode::StartTls if service == Service::Pop3 => "STLS",
            TlsMode::StartTls => "STARTTLS",
            TlsMode::Implicit => "TLS from the first octet",
        };
        writeln!(out, "  {:<12} {address:<22} {how}", service.name())?;
    }
    writeln!(out, "\nAccounts:")?;
    for (name, password) in &prepared.fresh {
        match password {
            Some(password) => {
                writeln!(
                    out,
                    "  {name:<22} password {} (shown this once)",
                    password.expose()
                )?;
            }
            None => writeln!(
                out,
                "  {name:<22} password unchanged; set it with --user {name}:PASSWORD"
            )?,
        }
    }
    let data = prepared.config.data.display();
    writeln!(out, "\nMail, accounts and keys: {data}")?;
    let Some(ca) = &prepared.ca else {
        return Ok(());
    };
    let ca = quoted(&ca.display().to_string());
    writeln!(out, "CA certificate, for clients to trust: {ca}")?;
    paste(out, prepared, &ca)
}

/// Lines that send, read and look, where the demo's services are there.
fn paste(out: &mut String, prepared: &Prepared, ca: &str) -> std::fmt::Result {
    let port = |wanted| {
        prepared
            .listeners()
            .find(|(service, ..)| *service == wanted)
            .map(|(_, a, _)| a.port())
    };
    let user = |index: usize| {
        let (name, password) = prepared.fresh.get(index)?;
        let known = password.as_ref().map(|p| format!("{name}:{}", p.expose()));
        // Without the password curl asks for it.
        Some((name.as_str(), known.unwrap_or_else(|| name.clone())))
    };
    let (Some((from, sender)), Some((to, reader))) = (user(0), user(1)) else {
        return Ok(());
    };
    if let Some(port) = port(Service::Submissions) {
        writeln!(out, "\nSend a message, over TLS from the first octet:")?;
        writeln!(
            out,
            "  printf 'From: {from}\\r\\nTo: {to}\\r\\nSubject: hello\\r\\n\\r\\nIt works.\\r\\n' |"
        )?;
        writeln!(
            out,
            "    curl --cacert {ca} --user {} --url smtps://localhost:{port} \\",
            quoted(&sender)
        )?;
        writeln!(
            out,
            "      --mail-from {from} --mail-rcpt {to} --upload-file -"
        )?;
    }
    if let Some(port) = port(Service::Imaps) {
        writeln!(out, "\nRead it, by IMAP:")?;
        writeln!(
            out,
            "  curl --cacert {ca} --user {} 'imaps://localhost:{port}/INBOX;MAILINDEX=1'",
            quoted(&reader)
        )?;
    }
    if let Some(port) = port(Service::Pop3s) {
        writeln!(out, "\nThe same by POP3:")?;
        writeln!(
            out,
            "  curl --cacert {ca} --user {} pop3s://localhost:{port}/1",
            quoted(&reader)
        )?;
    }
    if let Some(port) = port(Service::Submission) {
        writeln!(out, "\nLook at TLS:")?;
        writeln!(
            out,
            "  openssl s_client -connect localhost:{port} -starttls smtp -servername {} \\\n    \
             -verify_return_error -CAfile {ca}",
            prepared.config.hostname
        )?;
    }
    writeln!(out, "\nCtrl-C ends it.")
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-@:+".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::server::options::Options;

    fn prepared(dir: &Path) -> Prepared {
        let data = dir.to_str().unwrap();
        let options = Options::parse_from(["mailserver", "--base-port", "0", "--data", data]);
        Prepared::new(&options, jiff::Timestamp::now()).unwrap()
    }

    #[test]
    fn the_json_line_has_the_promised_shape() {
        let dir = tempfile::tempdir().unwrap();
        let line = json(&prepared(dir.path()));
        assert!(!line.contains('\n'));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let listeners = value["listeners"].as_array().unwrap();
        let of = |i: usize, key: &str| listeners[i][key].as_str().unwrap().to_owned();
        let found: Vec<_> = (0..listeners.len())
            .map(|i| (of(i, "service"), of(i, "tls")))
            .collect();
        let want = [
            ("smtp", "starttls"),
            ("submission", "starttls"),
            ("submissions", "implicit"),
            ("lmtp", "starttls"),
            ("imap", "starttls"),
            ("imaps", "implicit"),
            ("pop3", "starttls"),
            ("pop3s", "implicit"),
        ];
        assert_eq!(found, want.map(|(s, t)| (s.to_owned(), t.to_owned())));
        assert!(of(0, "address").starts_with("127.0.0.1:"));
        assert_eq!(value["accounts"][0]["name"], "alice@example.test");
        assert!(value["accounts"][0]["password"].as_str().unwrap().len() >= 16);
        assert!(Path::new(value["ca"].as_str().unwrap()).exists());
        let again = json(&prepared(dir.path()));
        let value: serde_json::Value = serde_json::from_str(&again).unwrap();
        assert!(value["accounts"][0]["password"].is_null());
    }

    #[test]
    fn the_text_has_lines_to_paste() {
        let dir = tempfile::tempdir().unwrap();
        let first = text(&prepared(dir.path()));
        for wanted in [
            "smtps://localhost:",
            "imaps://localhost:",
            "pop3s://localhost:",
            "s_client",
            "shown this once",
            "ca.pem",
        ] {
            assert!(first.contains(wanted), "{wanted}: {first}");
        }
        let second = text(&prepared(dir.path()));
        assert!(second.contains("password unchanged") && !second.contains("shown this once"));
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("/a/b.pem"), "/a/b.pem");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }
}
