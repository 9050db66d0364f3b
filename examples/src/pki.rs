//! The CA and the certificate that the server makes itself, so that TLS works from the first start.
//!
//! The CA is made once and kept for ten years; only its certificate is for others to see. The
//! server's certificate lives 90 days and is made anew at a start when less than 30 are left or
//! when the host name has changed.

use std::{
    fs,
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
};

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use crate::{
    accounts::random,
    file::{Access, make_dir, replace},
};

/// Days that a certificate of ours lives.
const LIFE: i64 = 90;
/// Days before its end at which it is replaced.
const RENEW: i64 = 30;

/// Where the files are.
///
/// ```
/// use mailwire_examples::pki::Pki;
/// let dir = tempfile::tempdir()?;
/// let pki = Pki::ensure(dir.path(), "mail.example.test", jiff::Timestamp::now())?;
/// assert!(pki.ca.exists() && pki.chain.exists() && pki.key.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Pki {
    /// The certificate of the CA, for clients to trust.
    pub ca: PathBuf,
    /// The server's certificate.
    pub chain: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Why there is no certificate of our own.
///
/// ```
/// use mailwire_examples::pki::PkiError;
/// fn file(error: &PkiError) -> Option<&std::path::Path> {
///     match error { PkiError::File { path, .. } => Some(path), _ => None }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PkiError {
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The CA on disk cannot be used.
    #[error("{}: the key or certificate of the CA cannot be used: {error}; move both files away to have new ones made", path.display())]
    Ca {
        /// Its certificate.
        path: PathBuf,
        /// Why.
        error: rcgen::Error,
    },
    /// The system gave no random octets.
    #[error("the system gave no random octets for the name of the CA")]
    Random,
    /// A certificate could not be made.
    #[error("no certificate could be made for {name}: {error}")]
    Make {
        /// The host name.
        name: String,
        /// Why.
        error: rcgen::Error,
    },
}

impl Pki {
    /// Makes what is missing in `dir`, and what is about to expire.
    ///
    /// # Errors
    ///
    /// Which file cannot be read, written or used, and why.
    pub fn ensure(dir: &Path, hostname: &str, now: Timestamp) -> Result<Self, PkiError> {
        let pki = Self {
            ca: dir.join("ca.pem"),
            chain: dir.join("server.pem"),
            key: dir.join("server.key"),
        };
        let ca_key = dir.join("ca.key");
        make_dir(dir).map_err(|error| PkiError::File {
            path: dir.to_owned(),
            error,
        })?;
        let issuer = match (read(&pki.ca)?, read(&ca_key)?) {
            (Some(certificate), Some(key)) => {
                let failed = |error| PkiError::Ca {
                    path: pki.ca.clone(),
                    error,
                };
                let key = KeyPair::from_pem(&key).map_err(failed)?;
                Issuer::from_ca_cert_pem(&certificate, key).map_err(failed)?
            }
            _ => make_ca(&pki.ca, &ca_key, hostname, now)?,
        };
        let stamp = dir.join("server.for");
        let fresh = read(&stamp)?.is_some_and(|stamp| is_fresh(&stamp, hostname, now));
        if !fresh || !pki.chain.exists() || !pki.key.exists() {
            pki.make_certificate(&issuer, &stamp, hostname, now)?;
        }
        Ok(pki)
    }

    fn make_certificate(
        &self,
        issuer: &Issuer<'_, KeyPair>,
        stamp: &Path,
        hostname: &str,
        now: Timestamp,
    ) -> Result<(), PkiError> {
        let failed = |error| PkiError::Make {
            name: hostname.to_owned(),
            error,
        };
        let mut params = CertificateParams::new(vec![hostname.to_owned(), "localhost".to_owned()])
            .map_err(failed)?;
        for address in [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ] {
            params.subject_alt_names.push(SanType::IpAddress(address));
        }
        params.distinguished_name.push(DnType::CommonName, hostname);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = date(now, -1);
        params.not_after = date(now, LIFE);
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, issuer).map_err(failed)?;
        // The key goes first: a crash in between leaves a pair that does not match, no stamp, and
        // so a new pair at the next start.
        write(&self.key, key.serialize_pem().as_bytes(), Access::Owner)?;
        write(&self.chain, certificate.pem().as_bytes(), Access::Everybody)?;
        write(
            stamp,
            format!("{} {hostname}\n", now.as_second()).as_bytes(),
            Access::Everybody,
        )
    }
}

fn make_ca(
    certificate: &Path,
    key: &Path,
    hostname: &str,
    now: Timestamp,
) -> Result<Issuer<'static, KeyPair>, PkiError> {
    let failed = |error| PkiError::Make {
        name: hostname.to_owned(),
        error,
    };
    let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
    // Two CAs of one name would be taken for each other: a client that trusts the old one would
    // complain about a signature instead of about trust.
    let number = random::<4>().map_err(|_| PkiError::Random)?;
    let name = format!(
        "mailserver CA {:08x} of {hostname}",
        u32::from_be_bytes(number)
    );
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date(now, -1);
    params.not_after = date(now, 3_650);
    let pair = KeyPair::generate().map_err(failed)?;
    let signed = params.self_signed(&pair).map_err(failed)?;
    write(key, pair.serialize_pem().as_bytes(), Access::Owner)?;
    write(certificate, signed.pem().as_bytes(), Access::Everybody)?;
    Ok(Issuer::new(params, pair))
}

/// Whether a certificate that was made at the stamp's time for its name still serves.
fn is_fresh(stamp: &str, hostname: &str, now: Timestamp) -> bool {
    let Some((made, name)) = stamp.trim_end().split_once(' ') else {
        return false;
    };
    let day = 24 * 60 * 60;
    let age = made
        .parse()
        .ok()
        .and_then(|made: i64| now.as_second().checked_sub(made));
    name == hostname && age.is_some_and(|age| (-day..(LIFE - RENEW) * day).contains(&age))
}

fn date(now: Timestamp, days: i64) -> time::OffsetDateTime {
    let day = now
        .to_zoned(TimeZone::UTC)
        .date()
        .saturating_add(days.days());
    let part = |n: i8| u8::try_from(n).unwrap_or(1);
    rcgen::date_time_ymd(i32::from(day.year()), part(day.month()), part(day.day()))
}

fn read(path: &Path) -> Result<Option<String>, PkiError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PkiError::File {
            path: path.to_owned(),
            error,
        }),
    }
}

fn write(path: &Path, octets: &[u8], access: Access) -> Result<(), PkiError> {
    replace(path, octets, access).map_err(|error| PkiError::File {
        path: path.to_owned(),
        error,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const DAY: i64 = 24 * 60 * 60;

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + days * DAY).unwrap()
    }

    #[test]
    fn the_ca_stays_and_the_certificate_is_renewed_in_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = Pki::ensure(dir.path(), "mail.example.test", at(0)).unwrap();
        let ca = fs::read(&first.ca).unwrap();
        let chain = fs::read(&first.chain).unwrap();
        let read = |days, name| {
            let pki = Pki::ensure(dir.path(), name, at(days)).unwrap();
            (
                fs::read(&pki.ca).unwrap() == ca,
                fs::read(&pki.chain).unwrap() == chain,
            )
        };
        assert_eq!(read(59, "mail.example.test"), (true, true));
        assert_eq!(read(61, "mail.example.test"), (true, false));
    }

    #[test]
    fn another_host_name_gets_another_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let pki = Pki::ensure(dir.path(), "mail.example.test", at(0)).unwrap();
        let chain = fs::read(&pki.chain).unwrap();
        Pki::ensure(dir.path(), "mx.example.test", at(0)).unwrap();
        assert_ne!(fs::read(&pki.chain).unwrap(), chain);
    }

    #[test]
    fn s_52_keys_are_for_the_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let pki = Pki::ensure(dir.path(), "mail.example.test", at(0)).unwrap();
        for key in [&pki.key, &dir.path().join("ca.key")] {
            assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_spoilt_ca_is_named_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let pki = Pki::ensure(dir.path(), "mail.example.test", at(0)).unwrap();
        fs::write(&pki.ca, "spoilt").unwrap();
        let error = Pki::ensure(dir.path(), "mail.example.test", at(0)).unwrap_err();
        assert!(error.to_string().contains("ca.pem"), "{error}");
        assert_eq!(fs::read(&pki.ca).unwrap(), b"spoilt");
    }
}
