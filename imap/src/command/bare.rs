//! Commands without arguments.

use super::CommandBody;

/// The command that `keyword`, in upper case, is alone.
pub(super) fn of(keyword: &[u8]) -> Option<CommandBody> {
    Some(match keyword {
        b"CAPABILITY" => CommandBody::Capability,
        b"NOOP" => CommandBody::Noop,
        b"LOGOUT" => CommandBody::Logout,
        b"STARTTLS" => CommandBody::StartTls,
        b"NAMESPACE" => CommandBody::Namespace,
        b"IDLE" => CommandBody::Idle,
        b"CHECK" => CommandBody::Check,
        b"CLOSE" => CommandBody::Close,
        b"UNSELECT" => CommandBody::Unselect,
        b"EXPUNGE" => CommandBody::Expunge,
        _ => return None,
    })
}
