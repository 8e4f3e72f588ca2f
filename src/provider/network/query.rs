//! A query to `PostgreSQL`, in a session of its own that is closed after the first row.

use std::pin::pin;

use futures_util::TryStreamExt;
use tokio::net::TcpStream;
use tokio_postgres::config::SslMode as Wire;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, Error, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tcp::{self, Opened};
use super::tls::{self, Inside};
use crate::provider::postgres::tls::Trust;
use crate::resource::{Exchange, NetError, PostgresRequest, SslMode, Stage, Stages};
use crate::secret::Redactor;
use crate::time::Clock;

/// The most of a value that is kept, in characters.
const VALUE_MAX: usize = 64 * 1024;

/// Resolves, connects, logs in, asks. What the server refuses one way is tried the other way where `sslmode` allows both.
pub(super) async fn ask(clock: &Clock, request: &PostgresRequest, redactor: &Redactor) -> Exchange<Option<String>> {
    let (first, other) = match request.sslmode {
        SslMode::Disable => (Wire::Disable, None),
        SslMode::Allow => (Wire::Disable, Some(Wire::Require)),
        SslMode::Prefer => (Wire::Require, Some(Wire::Disable)),
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => (Wire::Require, None),
    };
    let exchange = once(clock, request, first, redactor).await;
    match (&exchange.result, other) {
        (Err(error), Some(other)) if error.stage == Stage::Tls => {
            let second = once(clock, request, other, redactor).await;
            // What was said first is the better reason, unless the second came further.
            if matches!(&second.result, Err(error) if error.stage == Stage::Tls) { exchange } else { second }
        }
        _ => exchange,
    }
}

async fn once(clock: &Clock, request: &PostgresRequest, wire: Wire, redactor: &Redactor) -> Exchange<Option<String>> {
    let target = (&*request.host, request.port);
    let Opened { address, mut stages, stream } = match tcp::open(clock, target, &request.resolver, request.family).await
    {
        Ok(opened) => opened,
        Err(failed) => return failed.into(),
    };
    let result = query(clock, request, wire, redactor, stream, &mut stages).await;
    Exchange { address: Some(address), stages, result }
}

/// The session's `tls` is the handshake together with the login; without TLS the login counts to the first byte.
async fn query(
    clock: &Clock,
    request: &PostgresRequest,
    wire: Wire,
    redactor: &Redactor,
    stream: TcpStream,
    stages: &mut Stages,
) -> Result<Option<String>, NetError> {
    let fails = |stage: Stage| move |text: String| NetError { stage, text };
    let mut config = Config::new();
    config.user(&request.user).dbname(&request.database).application_name("muster probe").ssl_mode(wire);
    // A probe changes nothing.
    config.options("-c default_transaction_read_only=on");
    if let Some(source) = &request.password {
        let password = source.resolve(redactor).map_err(|error| fails(Stage::Exchange)(error.to_string()))?;
        config.password(password.expose());
    }
    let began = clock.now();
    // Where it may be tried with TLS too, a refusal is about how the connection is secured.
    let unsecured = if request.sslmode == SslMode::Disable { Stage::Exchange } else { Stage::Tls };
    // The driver is aborted with the handle's drop in `Driven`, so that no session outlives its sample.
    let (client, driven) = if wire == Wire::Disable {
        let (client, connection) = config
            .connect_raw(stream, NoTls)
            .await
            .map_err(|error| fails(stage_of(&error, unsecured))(told(&error)))?;
        (client, Driven(clock.spawn(async { drop(connection.await) })))
    } else {
        let trust = Trust::of(request.sslmode, request.tls.ca.as_deref());
        let config_of_tls =
            tls::config_of(trust, &request.tls, Inside::Anything, redactor).map_err(fails(Stage::Tls))?;
        let name = request.tls.server_name.as_deref().unwrap_or(&request.host);
        let mut make = MakeRustlsConnect::new(config_of_tls);
        let connect = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut make, name)
            .map_err(|error| fails(Stage::Tls)(error.to_string()))?;
        let connected = config.connect_raw(stream, connect).await;
        stages.tls = Some(clock.now().since(began));
        let (client, connection) = connected.map_err(|error| fails(stage_of(&error, Stage::Tls))(told(&error)))?;
        (client, Driven(clock.spawn(async { drop(connection.await) })))
    };
    let asked = if stages.tls.is_some() { clock.now() } else { began };
    let row = first_row(&client, &request.query).await;
    stages.first_byte = Some(clock.now().since(asked));
    drop(driven);
    row.map_err(|error| fails(Stage::Exchange)(told(&error)))
}

/// Who carries a session's bytes.
struct Driven(crate::time::JoinHandle<()>);

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn first_row(client: &tokio_postgres::Client, query: &str) -> Result<Option<String>, Error> {
    let mut answers = pin!(client.simple_query_raw(query).await?);
    while let Some(answer) = answers.try_next().await? {
        if let SimpleQueryMessage::Row(row) = answer {
            return Ok(row.get(0).map(|value| value.chars().take(VALUE_MAX).collect()));
        }
    }
    Ok(None)
}

/// A server that said no was reached; what went wrong before is the stage's own.
fn stage_of(error: &Error, before: Stage) -> Stage {
    if error.as_db_error().is_some_and(|said| said.code().code() != "28000") { Stage::Exchange } else { before }
}

/// One line, with the cause: tokio-postgres tells only its kind.
fn told(error: &Error) -> String {
    let text = if let Some(said) = error.as_db_error() {
        format!("{}: {}", said.severity(), said.message())
    } else {
        let cause = std::error::Error::source(error).map(super::fault::root_text);
        cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
    };
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}
