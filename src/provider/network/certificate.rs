//! What a server's certificate says (RFC 5280).

use std::net::IpAddr;

use jiff::Timestamp;
use x509_cert::Certificate as X509;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::resource::Certificate;

/// The most names of one certificate that are kept.
const NAMES_MAX: usize = 100;

/// Reads a certificate as it is at `now`; the error is text for people.
pub(super) fn read(der: &[u8], now: Timestamp) -> Result<Certificate, String> {
    let certificate = X509::from_der(der).map_err(|why| format!("the certificate can't be read: {why}"))?;
    let certificate = certificate.tbs_certificate;
    let ends = certificate.validity.not_after.to_unix_duration().as_secs();
    let alternatives = certificate.get::<SubjectAltName>();
    let alternatives = alternatives.map_err(|why| format!("the certificate's names can't be read: {why}"))?;
    let names = alternatives.into_iter().flat_map(|(_, names)| names.0).filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(bytes) => address(bytes.as_bytes()).map(|address| address.to_string()),
        _ => None,
    });
    Ok(Certificate {
        names: names.take(NAMES_MAX).collect(),
        issuer: certificate.issuer.to_string(),
        valid_for_s: i64::try_from(ends).unwrap_or(i64::MAX).saturating_sub(now.as_second()),
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}
