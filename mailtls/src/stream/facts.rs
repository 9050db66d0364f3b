//! What a machine is told about TLS, from the session and from what only the handshake knew.

use std::sync::Arc;

use bytes::Bytes;
use mailwire_core::machine::{PeerVerification, TlsInfo, TlsVersion};
use rustls::{
    ClientConnection, CommonState, HandshakeKind, ProtocolVersion, ServerConnection,
    sign::CertifiedKey,
};
use rustls_pki_types::ServerName;

use super::end_point;
use crate::upgrade::{Role, Tls};

/// What the handshake knew and the TLS library does not keep.
pub(crate) struct Facts {
    /// What our verifier stands for.
    pub(crate) verification: PeerVerification,
    /// The certificate that we showed, on a server.
    pub(crate) shown: Option<Arc<CertifiedKey>>,
    /// The name that we asked for, on a client.
    pub(crate) asked: Option<Box<str>>,
    /// Whether TLS 1.2 ran with the extended master secret for certain.
    pub(crate) extended_master_secret: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum Session<'a> {
    Client(&'a ClientConnection),
    Server(&'a ServerConnection),
}

impl Facts {
    /// What is known before the handshake.
    pub(crate) fn new(tls: &Tls) -> Self {
        let (asked, extended_master_secret) = match &tls.role {
            Role::None => (None, false),
            Role::Server { implicit, .. } => (None, implicit.require_ems),
            Role::Client { config, name } => match name {
                ServerName::DnsName(name) => (Some(name.as_ref().into()), config.require_ems),
                _ => (None, config.require_ems),
            },
        };
        let verification = tls.verification();
        Self {
            verification,
            shown: None,
            asked,
            extended_master_secret,
        }
    }

    /// `None` before the handshake is done.
    pub(crate) fn info(&self, session: Session<'_>) -> Option<TlsInfo> {
        let common: &CommonState = match session {
            Session::Client(session) => session,
            Session::Server(session) => session,
        };
        let version = match common.protocol_version()? {
            ProtocolVersion::TLSv1_2 => TlsVersion::Tls12,
            _ => TlsVersion::Tls13,
        };
        let cipher = common.negotiated_cipher_suite()?.suite();
        let mut info = TlsInfo::new(version, cipher.as_str().unwrap_or("unknown"));
        let group = common.negotiated_key_exchange_group();
        info.group = group
            .and_then(|group| group.name().as_str())
            .map(Into::into);
        info.alpn = common.alpn_protocol().map(Into::into);
        info.resumed = common.handshake_kind() == Some(HandshakeKind::Resumed);
        let chain = common.peer_certificates().unwrap_or_default();
        info.peer_chain = chain.iter().map(|c| Bytes::copy_from_slice(c)).collect();
        info.verification = if chain.is_empty() {
            PeerVerification::NoCertificate
        } else {
            self.verification
        };
        // The end point of RFC 5929 is the server, whichever end we are.
        let leaf = match session {
            Session::Client(_) => chain.first(),
            Session::Server(_) => self.shown.as_ref().and_then(|key| key.cert.first()),
        };
        info.end_point = leaf.and_then(|leaf| end_point(leaf));
        info.server_name = match session {
            Session::Client(_) => self.asked.clone(),
            Session::Server(session) => session.server_name().map(Into::into),
        };
        info.exporter = self.exporter(version, session);
        Some(info)
    }

    /// The `tls-exporter` channel binding, RFC 9266 §4.1. In TLS 1.2 it is unique only with the
    /// extended master secret (RFC 9266 §4.2), so without that certainty there is none.
    fn exporter(&self, version: TlsVersion, session: Session<'_>) -> Option<[u8; 32]> {
        const LABEL: &[u8] = b"EXPORTER-Channel-Binding";
        if version == TlsVersion::Tls12 && !self.extended_master_secret {
            return None;
        }
        match session {
            Session::Client(session) => session.export_keying_material([0; 32], LABEL, Some(b"")),
            Session::Server(session) => session.export_keying_material([0; 32], LABEL, Some(b"")),
        }
        .ok()
    }
}
