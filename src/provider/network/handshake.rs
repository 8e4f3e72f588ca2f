//! A TLS handshake, and nothing after it.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::tcp::{self, Opened};
use super::{certificate, fault};
use crate::resource::{Certificate, Exchange, NetError, Stage, TlsRequest};
use crate::time::Clock;

/// Resolves, connects, shakes hands and closes.
pub(super) async fn probe(
    clock: &Clock,
    request: &TlsRequest,
    config: Result<ClientConfig, String>,
) -> Exchange<Certificate> {
    let target = (&*request.host, request.port);
    let Opened { address, mut stages, stream } = match tcp::open(clock, target, &request.resolver, request.family).await
    {
        Ok(opened) => opened,
        Err(failed) => return failed.into(),
    };
    let began = clock.now();
    let shaken = async {
        let name = request.tls.server_name.as_deref().unwrap_or(&request.host);
        let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
        let server =
            ServerName::try_from(name.clone()).map_err(|_| format!("`{name}` can't be the name of a server"))?;
        let connector = TlsConnector::from(Arc::new(config?));
        let stream = connector.connect(server, stream).await.map_err(|error| fault::root_text(&error))?;
        let (_, session) = stream.get_ref();
        let shown = session.peer_certificates().and_then(|chain| chain.first());
        certificate::read(shown.ok_or("the server shows no certificate")?, clock.wall())
    };
    let result = shaken.await.map_err(|text: String| NetError { stage: Stage::Tls, text });
    stages.tls = Some(clock.now().since(began));
    Exchange { address: Some(address), stages, result }
}
