//! Which mechanism to use with what a server offers.
//!
//! The list of mechanisms is the softest spot of SASL: whoever can edit it decides how the client
//! logs in. Only a list that came over TLS counts; the machines forget the one from before
//! STARTTLS. And what is left is not negotiable downwards: a password in clear is not sent because
//! the list has nothing better.

use thiserror::Error;

use super::{ChannelBinding, ClientBinding, Mechanism};

/// When a mechanism may be used that sends the password itself.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum PasswordPolicy {
    /// Never.
    Never,
    /// On a protected connection.
    #[default]
    Protected,
    /// Also in clear: everybody on the way can read the password.
    EvenInClear,
}

/// How much channel binding is wanted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum BindingPolicy {
    /// Used where both sides can.
    #[default]
    Prefer,
    /// Nothing else is used. This is what stops a man in the middle who edits the list.
    Require,
}

/// What the client permits.
///
/// The default is a connection in clear without channel binding, on which no password is sent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ChoicePolicy {
    /// The binding of the TLS session, if there is one, see [`ChannelBinding::available`].
    pub binding: Option<ChannelBinding>,
    /// How much channel binding is wanted.
    pub channel_binding: BindingPolicy,
    /// When a password may be sent.
    pub password: PasswordPolicy,
    /// Whether the connection is protected.
    pub connection: Connection,
    /// The weakest mechanism to accept; `None` for any.
    pub at_least: Option<Mechanism>,
}

/// How the octets travel.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Connection {
    /// Everybody on the way can read them.
    #[default]
    Clear,
    /// Inside TLS, or over a local socket.
    Protected,
}

impl ChoicePolicy {
    /// What is usual on a connection of this kind.
    #[must_use]
    pub fn new(connection: Connection) -> Self {
        Self {
            connection,
            ..Self::default()
        }
    }

    /// The binding of the TLS session.
    #[must_use]
    pub fn binding(mut self, binding: Option<ChannelBinding>) -> Self {
        self.binding = binding;
        self
    }

    /// How much channel binding is wanted.
    #[must_use]
    pub const fn channel_binding(mut self, policy: BindingPolicy) -> Self {
        self.channel_binding = policy;
        self
    }

    /// When a password may be sent.
    #[must_use]
    pub const fn password(mut self, policy: PasswordPolicy) -> Self {
        self.password = policy;
        self
    }

    /// The weakest mechanism to accept.
    #[must_use]
    pub const fn at_least(mut self, mechanism: Mechanism) -> Self {
        self.at_least = Some(mechanism);
        self
    }

    fn permits(&self, mechanism: Mechanism) -> Result<(), ChoiceError> {
        if self.at_least.is_some_and(|weakest| mechanism < weakest) {
            return Err(ChoiceError::TooWeak);
        }
        match mechanism {
            Mechanism::ScramSha256Plus if self.binding.is_none() => {
                Err(ChoiceError::BindingUnavailable)
            }
            Mechanism::ScramSha256Plus => Ok(()),
            _ if self.channel_binding == BindingPolicy::Require => {
                Err(ChoiceError::BindingNotOffered)
            }
            Mechanism::ScramSha256 => Ok(()),
            Mechanism::Login | Mechanism::Plain => match (self.password, self.connection) {
                (PasswordPolicy::EvenInClear, _)
                | (PasswordPolicy::Protected, Connection::Protected) => Ok(()),
                _ => Err(ChoiceError::PasswordNotProtected),
            },
        }
    }
}

/// The mechanism that was chosen, and what a SCRAM client has to say about channel binding.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Choice {
    /// The mechanism.
    pub mechanism: Mechanism,
    /// For [`Client::scram_sha_256`](super::Client::scram_sha_256).
    pub binding: ClientBinding,
}

/// Why no mechanism can be used. Where several reasons apply it is the one of the strongest
/// mechanism that was offered.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ChoiceError {
    /// Channel binding is required and the server does not offer it.
    #[error("server does not offer channel binding")]
    BindingNotOffered,
    /// The server offers channel binding only, and this session has none.
    #[error("no channel binding available on this connection")]
    BindingUnavailable,
    /// The server offers nothing that we know.
    #[error("no mechanism in common")]
    NothingInCommon,
    /// What is left would send the password where it is not permitted.
    #[error("only mechanisms that send the password in clear are left")]
    PasswordNotProtected,
    /// Everything offered is below the weakest mechanism that the policy accepts.
    #[error("offered mechanisms are too weak")]
    TooWeak,
}

/// Chooses the strongest mechanism that the server offers and the policy permits.
///
/// Names that we do not know are passed over, among them CRAM-MD5, DIGEST-MD5, NTLM and ANONYMOUS.
/// The list is walked once and nothing is stored, whatever its length.
///
/// # Errors
///
/// [`ChoiceError`] when nothing is left.
///
/// ```
/// use mailwire_core::sasl::{ChoiceError, ChoicePolicy, Connection, Mechanism, choose};
///
/// let offered: [&[u8]; 3] = [b"PLAIN", b"CRAM-MD5", b"SCRAM-SHA-256"];
/// let choice = choose(offered, &ChoicePolicy::new(Connection::Protected))?;
/// assert_eq!(choice.mechanism, Mechanism::ScramSha256);
///
/// let clear = ChoicePolicy::new(Connection::Clear);
/// let only_plain: [&[u8]; 1] = [b"PLAIN"];
/// assert_eq!(choose(only_plain, &clear), Err(ChoiceError::PasswordNotProtected));
/// # Ok::<(), ChoiceError>(())
/// ```
pub fn choose<'a>(
    offered: impl IntoIterator<Item = &'a [u8]>,
    policy: &ChoicePolicy,
) -> Result<Choice, ChoiceError> {
    let mut best: Option<Mechanism> = None;
    let mut refused: Option<(Mechanism, ChoiceError)> = None;
    for mechanism in offered.into_iter().filter_map(Mechanism::from_name) {
        match policy.permits(mechanism) {
            Ok(()) => best = best.max(Some(mechanism)),
            Err(error) if refused.is_none_or(|(other, _)| other < mechanism) => {
                refused = Some((mechanism, error));
            }
            Err(_) => {}
        }
    }
    let Some(mechanism) = best else {
        return Err(refused.map_or(ChoiceError::NothingInCommon, |(_, error)| error));
    };
    let binding = match &policy.binding {
        None => ClientBinding::Unsupported,
        Some(binding) if mechanism == Mechanism::ScramSha256Plus => {
            ClientBinding::Use(binding.clone())
        }
        // With a binding at hand -PLUS is always permitted, so the server has not offered it.
        Some(_) => ClientBinding::NotOffered,
    };
    Ok(Choice { mechanism, binding })
}
