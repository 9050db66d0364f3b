//! Names: what a certificate must show, and what a server answers to.
//!
//! Read RFC 9525 §6 and RFC 6066 §3 first. Every name is normalised once, here: the trailing dot
//! goes, letters become lower case, a U-label becomes an A-label. What is left after that is
//! compared octet by octet, and an invalid name is an error before any connection is made.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    net::IpAddr,
    str::FromStr,
};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use rustls_pki_types::ServerName;

/// Why a string is not the name of a host.
///
/// ```
/// use mailtls::names::{DnsName, InvalidName};
/// assert_eq!("a..example".parse::<DnsName>(), Err(InvalidName::Label));
/// assert_eq!("".parse::<DnsName>(), Err(InvalidName::Empty));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidName {
    /// An IP address where only a host name will do.
    #[error("this is an IP address, not a host name")]
    Address,
    /// There is nothing, or nothing but a dot.
    #[error("the name is empty")]
    Empty,
    /// A label that is empty, longer than 63 octets, begins or ends with a hyphen or has a
    /// character that host names do not have; or a last label of digits only.
    #[error("a part of the name between dots is not one that host names may have")]
    Label,
    /// More than 253 octets.
    #[error("the name is longer than 253 octets")]
    TooLong,
    /// What is not ASCII, or begins with `xn--`, is no valid internationalised name (RFC 5890).
    #[error("this is not a valid internationalised name")]
    Unicode,
    /// A star anywhere but as the whole first label, or where no wildcard is possible.
    #[error("a star may only stand for the whole first part of a name, as in *.example.org")]
    Wildcard,
}

/// A host name in normal form: A-labels, lower case, no trailing dot, at most 253 octets.
///
/// ```
/// use mailtls::names::DnsName;
/// let name: DnsName = "Mail.Bücher.Example.".parse()?;
/// assert_eq!(name.as_str(), "mail.xn--bcher-kva.example");
/// # Ok::<(), mailtls::names::InvalidName>(())
/// ```
#[derive(Clone)]
pub struct DnsName(rustls_pki_types::DnsName<'static>);

impl DnsName {
    /// The name as it stands in a certificate and in the server name indication.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }
}

impl FromStr for DnsName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.is_empty() {
            return Err(InvalidName::Empty);
        }
        // An A-label is checked too: one that decodes to ASCII is a forgery (RUSTSEC-2024-0421).
        let name = if name.is_ascii() && !has_a_label(name) {
            name.to_ascii_lowercase()
        } else {
            Uts46::new()
                .to_ascii(
                    name.as_bytes(),
                    AsciiDenyList::EMPTY,
                    Hyphens::CheckFirstLast,
                    DnsLength::Ignore,
                )
                .map_err(|_| InvalidName::Unicode)?
                .into_owned()
        };
        if name.len() > 253 {
            return Err(InvalidName::TooLong);
        }
        if name.contains('*') {
            return Err(InvalidName::Wildcard);
        }
        // Mapping can leave a dot behind, as for the ideographic full stop.
        if name.ends_with('.') {
            return Err(InvalidName::Label);
        }
        match ServerName::try_from(name) {
            Ok(ServerName::DnsName(name)) => Ok(Self(name)),
            Ok(ServerName::IpAddress(_)) => Err(InvalidName::Address),
            _ => Err(InvalidName::Label),
        }
    }
}

fn has_a_label(name: &str) -> bool {
    name.split('.').any(|label| {
        label
            .as_bytes()
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"xn--"))
    })
}

/// As `str` compares and hashes, so that a map of names can be asked with a `&str`.
impl PartialEq for DnsName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for DnsName {}

impl Hash for DnsName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Ord for DnsName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for DnsName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Borrow<str> for DnsName {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// A reference identifier (RFC 9525 §6.1): a name that the server's certificate must show.
///
/// A host name is compared with the DNS-IDs of the certificate, an address with its iPAddress
/// entries and with nothing else. The common name of the subject is never looked at.
///
/// ```
/// use mailtls::names::ReferenceName;
/// let host: ReferenceName = "mail.example.test".parse()?;
/// assert!(host.sni().is_some());
/// let address: ReferenceName = "[IPv6:::1]".parse()?;
/// assert_eq!(address, ReferenceName::from(std::net::IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])));
/// assert!(address.sni().is_none());
/// # Ok::<(), mailtls::names::InvalidName>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ReferenceName {
    /// A DNS-ID.
    Dns(DnsName),
    /// An IP-ID.
    Ip(IpAddr),
}

impl ReferenceName {
    /// What goes into the server name indication: the host name. For an address there is none
    /// (RFC 6066 §3).
    #[must_use]
    pub fn sni(&self) -> Option<&str> {
        match self {
            Self::Dns(name) => Some(name.as_str()),
            Self::Ip(_) => None,
        }
    }

    /// The same as a rustls name, which is what a TLS connection is opened with.
    #[must_use]
    pub fn to_server_name(&self) -> ServerName<'static> {
        match self {
            Self::Dns(name) => ServerName::DnsName(name.0.clone()),
            Self::Ip(address) => ServerName::from(*address),
        }
    }
}

/// Takes a host name, an address, or an address literal of mail (RFC 5321 §4.1.3).
impl FromStr for ReferenceName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let literal = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let address = literal.unwrap_or(text);
        let address = match address.split_at_checked(5) {
            Some((tag, rest)) if literal.is_some() && tag.eq_ignore_ascii_case("IPv6:") => rest,
            _ => address,
        };
        match (address.parse(), literal) {
            (Ok(address), _) => Ok(Self::Ip(address)),
            (Err(_), Some(_)) => Err(InvalidName::Label),
            (Err(_), None) => text.parse().map(Self::Dns),
        }
    }
}

impl TryFrom<&ServerName<'_>> for ReferenceName {
    type Error = InvalidName;

    fn try_from(name: &ServerName<'_>) -> Result<Self, InvalidName> {
        match name {
            ServerName::DnsName(name) => name.as_ref().parse().map(Self::Dns),
            ServerName::IpAddress(address) => Ok(Self::Ip((*address).into())),
            _ => Err(InvalidName::Label),
        }
    }
}

impl From<DnsName> for ReferenceName {
    fn from(name: DnsName) -> Self {
        Self::Dns(name)
    }
}

impl From<IpAddr> for ReferenceName {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address)
    }
}

impl fmt::Display for ReferenceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => name.fmt(f),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

/// A name that a server answers to: one host, or `*.name` for every host one label below.
///
/// This is the rule of certificates (RFC 9525 §6.3): the star is one whole label, so
/// `*.example.org` covers `mx.example.org` and neither `example.org` nor `a.mx.example.org`.
///
/// ```
/// use mailtls::names::ServedName;
/// assert_eq!("*.Example.ORG".parse::<ServedName>()?.to_string(), "*.example.org");
/// assert!("m*.example.org".parse::<ServedName>().is_err());
/// # Ok::<(), mailtls::names::InvalidName>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ServedName {
    /// This host.
    Exact(DnsName),
    /// All hosts one label below this name.
    Wildcard(DnsName),
}

impl FromStr for ServedName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        match text.strip_prefix("*.") {
            Some(parent) => parent.parse().map(Self::Wildcard),
            None => text.parse().map(Self::Exact),
        }
    }
}

impl fmt::Display for ServedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => name.fmt(f),
            Self::Wildcard(parent) => write!(f, "*.{parent}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x509_6_reference_names_are_normalised_once() {
        let long = "a".repeat(63);
        for (text, normal) in [
            ("mail.example", "mail.example"),
            ("MAIL.Example.", "mail.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example.", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            ("a\u{3002}example", "a.example"),
            ("_25._tcp.example", "_25._tcp.example"),
            (&long, &long),
        ] {
            let name: DnsName = text.parse().unwrap();
            assert_eq!(name.as_str(), normal, "{text}");
            assert_eq!(normal.parse::<DnsName>().unwrap(), name, "{text}");
        }
    }

    #[test]
    fn x509_6_invalid_names_are_errors_before_any_connection() {
        let long_label = format!("{}.example", "a".repeat(64));
        let long_name = ["abcdefgh"; 29].join(".");
        for (text, error) in [
            ("", InvalidName::Empty),
            (".", InvalidName::Empty),
            ("a..b", InvalidName::Label),
            (".example", InvalidName::Label),
            ("a.example..", InvalidName::Label),
            ("a\u{3002}\u{3002}", InvalidName::Label),
            ("a b.example", InvalidName::Label),
            ("a\0.example", InvalidName::Label),
            ("a\r\n.example", InvalidName::Label),
            ("-a.example", InvalidName::Label),
            ("a-.example", InvalidName::Label),
            ("a.123", InvalidName::Label),
            (&long_label, InvalidName::Label),
            (&long_name, InvalidName::TooLong),
            ("*.example", InvalidName::Wildcard),
            ("192.0.2.1", InvalidName::Address),
            ("::1", InvalidName::Address),
            ("xn--example-.com", InvalidName::Unicode),
            ("xn--a.example", InvalidName::Unicode),
            ("xn--\u{fc}.example", InvalidName::Unicode),
        ] {
            assert_eq!(text.parse::<DnsName>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn x509_5_addresses_are_references_of_their_own_kind() {
        for (text, ip) in [
            ("192.0.2.1", "192.0.2.1"),
            ("[192.0.2.1]", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:DB8:0::1]", "2001:db8::1"),
            ("[ipv6:2001:db8::1]", "2001:db8::1"),
        ] {
            let name: ReferenceName = text.parse().unwrap();
            assert_eq!(name, ReferenceName::Ip(ip.parse().unwrap()));
            assert_eq!(name.sni(), None);
            assert_eq!(name.to_server_name(), ServerName::try_from(ip).unwrap());
        }
        for text in ["[mail.example]", "[", "[]", "192.0.2", "[192.0.2.1"] {
            assert!(text.parse::<ReferenceName>().is_err(), "{text}");
        }
    }

    #[test]
    fn s2_a_star_is_one_whole_label() {
        assert!(matches!(
            "*.example".parse(),
            Ok(ServedName::Wildcard(parent)) if parent.as_str() == "example"
        ));
        for text in [
            "*",
            "*.",
            "*.*.example",
            "a.*.example",
            "f*.example",
            "*f.example",
        ] {
            assert!(text.parse::<ServedName>().is_err(), "{text}");
        }
    }
}
