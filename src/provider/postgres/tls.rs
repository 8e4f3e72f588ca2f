//! How TLS is spoken to a server: libpq's `sslmode`s on rustls.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::infrastructure::real::postgres::SslMode;

/// What of a server's certificate is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider) enum Trust {
    /// Nothing: the connection is secret, and nobody knows with whom.
    Anyone,
    /// Who signed it.
    Authority,
    /// The same, and whose it is.
    AuthorityAndName,
}

impl Trust {
    /// That of `mode`; `roots` is the setting `sslrootcert`.
    pub(in crate::provider) fn of(mode: SslMode, roots: Option<&Path>) -> Self {
        match (mode, roots) {
            // As libpq has it: whoever names an authority wants it looked at.
            (SslMode::Require, Some(_)) | (SslMode::VerifyCa, _) => Self::Authority,
            (SslMode::VerifyFull, _) => Self::AuthorityAndName,
            _ => Self::Anyone,
        }
    }
}

/// The connector of `mode`; `roots` is the setting `sslrootcert`.
pub(super) fn connector(mode: SslMode, roots: Option<&Path>) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let check = verifier(Trust::of(mode, roots), roots, &provider)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| why.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(check)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// Who looks at a server's certificate: by the authorities in the file `roots`, or by those that the machine trusts.
pub(in crate::provider) fn verifier(
    trust: Trust,
    roots: Option<&Path>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let check = match (trust, roots) {
        (Trust::Anyone, _) => Check { trust, inner: None, pinned: Vec::new(), provider: Arc::clone(provider) },
        (_, Some(path)) if path != Path::new("system") => of_file(trust, path, provider)?,
        _ => {
            let inner = Verifier::new(Arc::clone(provider)).map_err(|why| {
                format!(
                    "this machine's certificate authorities can't be read: {why}; name a file of them as sslrootcert"
                )
            })?;
            Check { trust, inner: Some(Arc::new(inner)), pinned: Vec::new(), provider: Arc::clone(provider) }
        }
    };
    Ok(Arc::new(check))
}

fn of_file(trust: Trust, path: &Path, provider: &Arc<CryptoProvider>) -> Result<Check, String> {
    let unusable = |why: String| format!("the certificates in `{}` can't be used: {why}", path.display());
    let pinned: Result<Vec<CertificateDer<'static>>, _> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let pinned = pinned.map_err(|why| unusable(why.to_string()))?;
    let mut store = RootCertStore::empty();
    for one in &pinned {
        store.add(one.clone()).map_err(|why| unusable(why.to_string()))?;
    }
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider)).build();
    let inner = inner.map_err(|why| unusable(why.to_string()))?;
    Ok(Check { trust, inner: Some(inner), pinned, provider: Arc::clone(provider) })
}

/// Looks at a server's certificate.
#[derive(Debug)]
struct Check {
    trust: Trust,
    /// Who knows the authorities.
    inner: Option<Arc<dyn ServerCertVerifier>>,
    /// What was named as an authority: a server may show exactly that, as those do that signed their own.
    pinned: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Check {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        if self.pinned.iter().any(|one| one == end_entity) {
            if self.trust == Trust::AuthorityAndName {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last: whoever gets so far was signed by an authority that is known.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.trust == Trust::Authority => Ok(ServerCertVerified::assertion()),
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
