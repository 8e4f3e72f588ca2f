//! How TLS is spoken: the platform's certificates, ring, no session kept, and the start of each handshake noted.

use std::sync::Arc;

use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, NamedGroup, RootCertStore};
use rustls_platform_verifier::Verifier;

use super::trace::TRACE;
use crate::provider::postgres::tls::{Trust, verifier};
use crate::resource::TlsOptions;
use crate::secret::Redactor;

/// The configuration of every HTTPS request.
///
/// A machine without any certificate authority gets one that trusts nobody: plain HTTP works there, and HTTPS fails
/// in the handshake and says so.
pub(super) fn config() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|_| unreachable!("ring speaks TLS 1.2 and 1.3"));
    let mut config = match Verifier::new(provider) {
        Ok(verifier) => builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth(),
        Err(_) => builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.resumption = Resumption::store(Arc::new(NoSessions));
    config
}

/// Which protocols may be spoken inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Inside {
    /// HTTP/2 or HTTP/1.1.
    Http,
    /// HTTP/1.1 alone.
    Http1,
    /// Whatever it is.
    Anything,
}

/// The configuration of one who has it otherwise than the machine; whatever secret is read is made known to `redactor`.
pub(super) fn config_of(
    trust: Trust,
    options: &TlsOptions,
    inside: Inside,
    redactor: &Redactor,
) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trust = if options.insecure { Trust::Anyone } else { trust };
    let check = verifier(trust, options.ca.as_deref(), &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| why.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(check);
    let mut config = match (&options.client_certificate, &options.client_key) {
        (Some(path), Some(key)) => {
            let unusable = |why: String| format!("the client certificate `{}` can't be used: {why}", path.display());
            let chain: Result<Vec<CertificateDer<'static>>, _> =
                CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
            let chain = chain.map_err(|why| unusable(why.to_string()))?;
            let key = key.resolve(redactor).map_err(|why| why.to_string())?;
            let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
                .map_err(|_| unusable("its key is no private key in PEM".to_owned()))?;
            builder.with_client_auth_cert(chain, key).map_err(|why| unusable(why.to_string()))?
        }
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = match inside {
        Inside::Http => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Inside::Http1 => vec![b"http/1.1".to_vec()],
        Inside::Anything => Vec::new(),
    };
    config.resumption = Resumption::store(Arc::new(NoSessions));
    Ok(config)
}

/// Keeps no session, as every connection is a new user's, and tells the trace when a handshake begins: the hint of a
/// key exchange is what rustls asks for when it writes the first message.
#[derive(Debug)]
struct NoSessions;

impl ClientSessionStore for NoSessions {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        let _ = TRACE.try_with(|trace| trace.handshake_begins());
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}
