//! AUTH as every service runs it: the SASL exchange against our accounts.

use bytes::Bytes;
use mailwire_core::{
    machine::TlsInfo,
    sasl::{ChannelBinding, FailKind, Mechanism, Nonce, Server, ServerConfig, ServerStep, Verdict},
    secret::SecretBytes,
};

use super::Shared;
use crate::{
    accounts::{Accounts, Checked, random},
    recipients::Recipients,
};

/// The mechanisms that are offered over TLS, best first. In clear text none is.
pub const OFFERED: [Mechanism; 4] = [
    Mechanism::ScramSha256Plus,
    Mechanism::ScramSha256,
    Mechanism::Plain,
    Mechanism::Login,
];

/// One exchange.
#[derive(Debug)]
pub struct Login {
    exchange: Server,
}

/// What the client is told.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a session must handle each")]
pub enum Progress {
    /// This challenge, before base64.
    Challenge(Bytes),
    /// It is this account.
    Accepted(String),
    /// No.
    Refused(FailKind),
}

/// The exchange of a connection, while there is one.
#[derive(Debug, Default)]
pub struct Exchange(Option<Box<Login>>);

impl Exchange {
    /// Begins with the mechanism of this name and the initial response, if there is one.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves no exchange.
    pub async fn begin(
        &mut self,
        mechanism: &[u8],
        initial: Option<&SecretBytes>,
        tls: Option<&TlsInfo>,
        shared: &Shared,
    ) -> Progress {
        self.0 = None;
        let Some(mechanism) = Mechanism::from_name(mechanism) else {
            return Progress::Refused(FailKind::Refused);
        };
        let mut login = match Login::start(mechanism, tls) {
            Ok(login) => login,
            Err(kind) => return Progress::Refused(kind),
        };
        let initial = initial.map(|initial| initial.expose().as_slice());
        let progress = login
            .begin(initial, &shared.accounts, &shared.recipients)
            .await;
        self.keep(Box::new(login), progress)
    }

    /// Takes the client's answer to a challenge.
    ///
    /// # Cancel safety
    ///
    /// As [`Exchange::begin`].
    pub async fn respond(&mut self, response: &SecretBytes, shared: &Shared) -> Progress {
        let Some(mut login) = self.0.take() else {
            return Progress::Refused(FailKind::Unavailable);
        };
        let progress = login
            .respond(response.expose(), &shared.accounts, &shared.recipients)
            .await;
        self.keep(login, progress)
    }

    /// The client gave it up, or TLS has begun.
    pub fn cancel(&mut self) {
        self.0 = None;
    }

    fn keep(&mut self, login: Box<Login>, progress: Progress) -> Progress {
        if matches!(progress, Progress::Challenge(_)) {
            self.0 = Some(login);
        }
        progress
    }
}

impl Login {
    /// Starts an exchange.
    ///
    /// # Errors
    ///
    /// What to tell the client: the mechanism needs what this connection does not have, or the
    /// system gave no random octets.
    pub fn start(mechanism: Mechanism, tls: Option<&TlsInfo>) -> Result<Self, FailKind> {
        let nonce = random().map_err(|_| FailKind::Unavailable)?;
        let bindings = tls.map(ChannelBinding::available).unwrap_or_default();
        let config = ServerConfig::new(&OFFERED)
            .nonce(Nonce::from_random(&nonce))
            .bindings(bindings);
        let exchange = Server::start(mechanism, config).map_err(|_| FailKind::Refused)?;
        Ok(Self { exchange })
    }

    /// Takes the initial response, if there is one.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: a dropped future leaves the exchange where it cannot go on.
    pub async fn begin(
        &mut self,
        initial: Option<&[u8]>,
        accounts: &Accounts,
        recipients: &Recipients,
    ) -> Progress {
        let step = self.exchange.begin(initial);
        self.answer(step, accounts, recipients).await
    }

    /// Takes the client's answer to a challenge.
    ///
    /// # Cancel safety
    ///
    /// As [`Login::begin`].
    pub async fn respond(
        &mut self,
        response: &[u8],
        accounts: &Accounts,
        recipients: &Recipients,
    ) -> Progress {
        let step = self.exchange.step(response);
        self.answer(step, accounts, recipients).await
    }

    async fn answer(
        &mut self,
        mut step: ServerStep,
        accounts: &Accounts,
        recipients: &Recipients,
    ) -> Progress {
        loop {
            step = match step {
                ServerStep::Challenge(challenge) => return Progress::Challenge(challenge),
                ServerStep::Done(identity) => {
                    return Progress::Accepted(recipients.login(&identity.authcid));
                }
                ServerStep::Fail(reason) => return Progress::Refused(reason.kind()),
                ServerStep::NeedPassword(check) => {
                    let account = recipients.login(&check.authcid);
                    self.exchange
                        .verified(match accounts.check(&account, check.password).await {
                            Checked::Accepted => Verdict::Accepted,
                            Checked::Rejected => Verdict::Rejected,
                            Checked::Unavailable => Verdict::Unavailable,
                        })
                }
                ServerStep::NeedKeys { authcid, .. } => {
                    match accounts.keys(&recipients.login(&authcid)) {
                        Some(keys) => self.exchange.keys(keys),
                        None => self.exchange.verified(Verdict::Unavailable),
                    }
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use mailwire_core::{
        sasl::{Client, ClientBinding, ClientStep, Credentials},
        secret::Secret,
    };

    use super::*;
    use crate::config::Config;

    struct Fixture {
        _dir: tempfile::TempDir,
        accounts: Accounts,
        recipients: Recipients,
    }

    fn fixture() -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(dir.path()).unwrap();
        accounts
            .set_password("alice@example.test", &Secret::new("wonderland".to_owned()))
            .unwrap();
        let recipients = Recipients::new(&Config::default(), ["alice@example.test"]).unwrap();
        Fixture {
            _dir: dir,
            accounts,
            recipients,
        }
    }

    /// Plays a whole exchange.
    async fn play(fixture: &Fixture, mechanism: Mechanism, name: &str, password: &str) -> Progress {
        let (accounts, recipients) = (&fixture.accounts, &fixture.recipients);
        let credentials = Credentials::new(name, password).unwrap();
        let mut client = match mechanism {
            Mechanism::Plain => Client::plain(&credentials),
            Mechanism::Login => Client::login(&credentials).unwrap(),
            _ => {
                let nonce = Nonce::from_random(&[7; 24]);
                Client::scram_sha_256(&credentials, nonce, &ClientBinding::Unsupported).unwrap()
            }
        };
        let mut login = Login::start(mechanism, None).unwrap();
        let initial = client.initial_response();
        let initial = initial.as_ref().map(|i| i.expose().as_slice());
        let mut progress = login.begin(initial, accounts, recipients).await;
        while let Progress::Challenge(challenge) = &progress {
            let mut step = client.step(challenge);
            if let ClientStep::NeedDerivation(derivation) = step {
                step = client.derived(&derivation.run());
            }
            progress = match step {
                ClientStep::Respond(response) => {
                    login.respond(response.expose(), accounts, recipients).await
                }
                other => panic!("{other:?}"),
            };
        }
        progress
    }

    #[tokio::test]
    async fn every_mechanism_lets_the_right_password_in_and_no_other() {
        let fixture = fixture();
        for mechanism in [Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256] {
            for name in ["alice", "Alice@example.test"] {
                let progress = play(&fixture, mechanism, name, "wonderland").await;
                let want = Progress::Accepted("alice@example.test".to_owned());
                assert_eq!(progress, want, "{mechanism} {name}");
            }
            for (name, password) in [("alice", "wonderlanD"), ("bob", "wonderland")] {
                let progress = play(&fixture, mechanism, name, password).await;
                assert_eq!(
                    progress,
                    Progress::Refused(FailKind::Refused),
                    "{mechanism} {name}"
                );
            }
        }
    }

    #[test]
    fn plus_needs_a_channel_binding() {
        assert_eq!(
            Login::start(Mechanism::ScramSha256Plus, None).err(),
            Some(FailKind::Refused)
        );
    }
}
