//! The `tls-server-end-point` channel binding, RFC 5929 §4.1.

use sha2::{Digest, Sha256, Sha384, Sha512};

/// The hash of a server's certificate that both ends can compute (RFC 5929 §4.1).
///
/// The hash is that of the certificate's signature; SHA-256 stands in for MD5 and SHA-1. Where the
/// signature has no single hash, as with Ed25519, the binding is not defined and there is `None`.
///
/// ```
/// assert_eq!(mailtls::stream::end_point(b"not a certificate"), None);
/// ```
#[must_use]
pub fn end_point(certificate: &[u8]) -> Option<Box<[u8]>> {
    Some(match signature_hash(certificate)? {
        Hash::Sha256 => Sha256::digest(certificate).as_slice().into(),
        Hash::Sha384 => Sha384::digest(certificate).as_slice().into(),
        Hash::Sha512 => Sha512::digest(certificate).as_slice().into(),
    })
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const RSASSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];

/// Signature algorithms and their hashes, by the octets of their object identifiers.
const SIGNATURES: &[(&[u8], Hash)] = &[
    // md5WithRSAEncryption and sha1WithRSAEncryption, RFC 8017 appendix A.2.4.
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04],
        Hash::Sha256,
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05],
        Hash::Sha256,
    ),
    // sha256, sha384 and sha512WithRSAEncryption.
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b],
        Hash::Sha256,
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c],
        Hash::Sha384,
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d],
        Hash::Sha512,
    ),
    // ecdsa-with-SHA1, RFC 3279 §2.2.3.
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01], Hash::Sha256),
    // ecdsa-with-SHA256, SHA384 and SHA512, RFC 5758 §3.2.
    (
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
        Hash::Sha256,
    ),
    (
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03],
        Hash::Sha384,
    ),
    (
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04],
        Hash::Sha512,
    ),
];

/// Hashes by themselves, as RSASSA-PSS names them in its parameters (RFC 4055 §2.1).
const HASHES: &[(&[u8], Hash)] = &[
    (
        &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01],
        Hash::Sha256,
    ),
    (
        &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02],
        Hash::Sha384,
    ),
    (
        &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03],
        Hash::Sha512,
    ),
];

/// The hash of `Certificate.signatureAlgorithm` (RFC 5280 §4.1.1.2).
fn signature_hash(certificate: &[u8]) -> Option<Hash> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (_to_be_signed, rest) = element(certificate, SEQUENCE)?;
    let (algorithm, _) = element(rest, SEQUENCE)?;
    let (oid, parameters) = element(algorithm, OBJECT_IDENTIFIER)?;
    if oid != RSASSA_PSS {
        return lookup(SIGNATURES, oid);
    }
    // hashAlgorithm is [0] EXPLICIT with SHA-1 as its default, and SHA-256 stands in for that.
    let (parameters, _) = element(parameters, SEQUENCE)?;
    let Some((explicit, _)) = element(parameters, 0xa0) else {
        return Some(Hash::Sha256);
    };
    let (hash, _) = element(explicit, SEQUENCE)?;
    let (oid, _) = element(hash, OBJECT_IDENTIFIER)?;
    lookup(HASHES, oid).or(Some(Hash::Sha256))
}

fn lookup(table: &[(&[u8], Hash)], oid: &[u8]) -> Option<Hash> {
    table
        .iter()
        .find(|(known, _)| *known == oid)
        .map(|(_, hash)| *hash)
}

/// One DER element with the given tag: its contents, and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    if found != tag {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // Four octets of length are more than any certificate has.
        0x81..=0x84 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = octets
                .iter()
                .fold(0u64, |sum, octet| sum << 8 | u64::from(*octet));
            (usize::try_from(length).ok()?, rest)
        }
        _ => return None,
    };
    let (contents, after) = rest.split_at_checked(length)?;
    Some((contents, after))
}

#[cfg(test)]
mod tests;
