//! Sessions with a server: how they are opened, how each failure is told, and that none of them waits without a limit.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio_postgres::config::SslMode as Wire;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls;
use crate::id::RegionRole;
use crate::infrastructure::real::postgres::{PostgresDatabase, SslMode};
use crate::resource::{Context, ProviderError, WriteAttempt};
use crate::secret::pgpass::{self, Asked};
use crate::secret::{Redactor, Secret};
use crate::time::JoinHandle;

/// Why a server did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// It said no; nothing of what was asked for happened.
    Said {
        /// The five characters that tell what for.
        code: String,
        /// Its words.
        words: String,
    },
    /// No answer: whatever was asked for may have happened.
    Silent(String),
    /// It was not even asked: what is wrong is on this side.
    Here(String),
}

impl Failed {
    /// Whether it refused a session by a rule of `pg_hba.conf`.
    pub(super) fn is_rejected(&self) -> bool {
        matches!(self, Self::Said { code, .. } if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION.code())
    }

    /// Whether what was asked about is not there.
    pub(super) fn is_missing(&self) -> bool {
        let missing = [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME];
        matches!(self, Self::Said { code, .. } if missing.iter().any(|one| one.code() == code))
    }

    /// What it comes to for a write.
    pub(super) fn attempt(self) -> WriteAttempt {
        match self {
            Self::Said { words, .. } => WriteAttempt::Refused(words.into()),
            Self::Silent(words) | Self::Here(words) => WriteAttempt::Unknown(words.into()),
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said { words, .. } | Self::Silent(words) | Self::Here(words) => f.write_str(words),
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        match error.as_db_error() {
            // The session was ended while it was asked: what it did until then is not known.
            Some(said) if said.code().code().starts_with("57P") => Self::Silent(words(said)),
            Some(said) => Self::Said { code: said.code().code().to_owned(), words: words(said) },
            None => Self::Silent(chain(&error)),
        }
    }
}

impl From<Failed> for ProviderError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Said { words, .. } | Failed::Here(words) => Self::Refused(words),
            Failed::Silent(words) => Self::Unreachable(words),
        }
    }
}

/// `FATAL: no pg_hba.conf entry …`, on one line and not without end.
fn words(said: &DbError) -> String {
    let text = format!("{}: {}", said.severity(), said.message());
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}

/// An error with what it comes from; tokio-postgres tells only its kind.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}

/// One session. Dropping it closes it, whatever is under way in it.
pub(super) struct Session {
    pub(super) client: Client,
    driver: JoinHandle<()>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A server that has gone silent would keep the driver, and its socket, for ever.
        self.driver.abort();
    }
}

/// Opens sessions.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) settings: PostgresDatabase,
    redactor: Redactor,
    tls: OnceLock<Result<Connector, String>>,
}

#[derive(Clone)]
struct Connector(MakeRustlsConnect);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl Link {
    pub(super) fn new(settings: PostgresDatabase, redactor: Redactor) -> Self {
        Self { settings, redactor, tls: OnceLock::new() }
    }

    /// A session with `region`'s server, in the application's database.
    pub(super) async fn app(&self, cx: &Context, region: RegionRole, name: &str) -> Result<Session, Failed> {
        self.open(cx, region, &self.settings.dbname, name).await
    }

    /// A session with `region`'s server, where the fence lets Muster in.
    pub(super) async fn maintenance(&self, cx: &Context, region: RegionRole) -> Result<Session, Failed> {
        self.open(cx, region, &self.settings.maintenance, "muster").await
    }

    async fn open(&self, cx: &Context, region: RegionRole, dbname: &str, name: &str) -> Result<Session, Failed> {
        let limit = self.settings.timeout.0;
        match cx.clock.timeout(limit, self.connect(cx, region, dbname, name)).await {
            Ok(opened) => opened,
            Err(_) => Err(Failed::Silent(format!("no connection within {}", limit.short()))),
        }
    }

    async fn connect(&self, cx: &Context, region: RegionRole, dbname: &str, name: &str) -> Result<Session, Failed> {
        let server = self.settings.regions.of(region);
        let mut config = Config::new();
        config.host(&server.host).port(server.port).user(&self.settings.user).dbname(dbname).application_name(name);
        if let Some(password) = self.password(&server.host, server.port, dbname)? {
            config.password(password.expose());
        }
        let mode = self.settings.sslmode;
        let first = match mode {
            SslMode::Disable | SslMode::Allow => Wire::Disable,
            SslMode::Prefer => Wire::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => Wire::Require,
        };
        let failed = match self.attempt(cx, &mut config, first).await {
            Ok(session) => return Ok(session),
            Err(failed) => failed,
        };
        // As libpq: what the server refuses one way is tried the other way, where both are allowed.
        let other = match mode {
            SslMode::Allow if failed.is_rejected() => Wire::Require,
            SslMode::Prefer if failed.is_rejected() || failed.to_string().contains("TLS") => Wire::Disable,
            _ => return Err(failed),
        };
        // What was said first is the better reason.
        self.attempt(cx, &mut config, other).await.map_err(|_| failed)
    }

    async fn attempt(&self, cx: &Context, config: &mut Config, wire: Wire) -> Result<Session, Failed> {
        config.ssl_mode(wire);
        if wire == Wire::Disable {
            let (client, connection) = config.connect(NoTls).await?;
            return Ok(Session { client, driver: cx.clock.spawn(async { drop(connection.await) }) });
        }
        let built = self
            .tls
            .get_or_init(|| tls::connector(self.settings.sslmode, self.settings.sslrootcert.as_deref()).map(Connector));
        let Connector(tls) = built.clone().map_err(Failed::Here)?;
        let (client, connection) = config.connect(tls).await?;
        Ok(Session { client, driver: cx.clock.spawn(async { drop(connection.await) }) })
    }

    fn password(&self, host: &str, port: u16, dbname: &str) -> Result<Option<Secret>, Failed> {
        if let Some(source) = &self.settings.password {
            return source.resolve(&self.redactor).map(Some).map_err(|error| Failed::Here(error.to_string()));
        }
        let asked = Asked { host, port, dbname, user: &self.settings.user };
        pgpass::password(self.settings.passfile.as_deref(), asked, &self.redactor).map_err(Failed::Here)
    }
}

/// A session that several use, such as the one for looking.
pub(super) type Shared = Arc<Session>;

/// A text as SQL writes it.
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}
