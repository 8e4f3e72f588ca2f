//! `PostgreSQL`: two servers of which one takes writes and the other follows it by streaming replication, and their
//! backups. `docs/providers/postgres.md` says for people what it needs, reads and changes.
//!
//! Each thing that is asked is one file here. What holds for all: sessions go straight to the servers; every wait has a
//! limit, or ends when the run asks it to; what acts looks first whose mark the server carries.
//! May rely on `resource` (programs too), `infrastructure`'s settings, `secret`; must never act beyond its trait.

mod backup;
mod canary;
mod conninfo;
mod fence;
mod hba;
mod host;
mod link;
mod look;
mod marks;
mod preserve;
mod promote;
mod replicate;
pub(in crate::provider) mod tls;
mod way;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql};

use crate::id::{RegionRole, ResourceId};
use crate::infrastructure::real::postgres::{PostgresDatabase, Server};
use crate::resource::{
    CanaryRow, CanaryRows, Claimed, Context, Database, DatabaseState, Exclusive, FenceProof, Marker, Preserved,
    Processes, ProviderError, WriteAttempt,
};
use crate::secret::Redactor;
use crate::time::Span;
use link::{Failed, Link, Session, Shared};

pub use backup::PostgresBackups;

/// A write that leaves nothing: it is committed all the same. What a session can set against it is set.
const PROVING_WRITE: &str = "SET default_transaction_read_only = off; SET synchronous_commit = on; BEGIN READ WRITE; \
     DO $$ BEGIN EXECUTE format('CREATE SCHEMA %1$I; CREATE TABLE %1$I.proof (n int); INSERT INTO %1$I.proof VALUES (1); \
     DROP TABLE %1$I.proof; DROP SCHEMA %1$I', 'muster_proof_' || pg_backend_pid()); END $$; COMMIT";

/// A database of two `PostgreSQL` servers.
pub struct Postgres {
    id: ResourceId,
    link: Link,
    processes: Arc<dyn Processes>,
    /// The session of each region with which it is looked at.
    lookers: Mutex<BTreeMap<RegionRole, Shared>>,
    canaries: canary::Sessions,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A session that somebody else's fence is proven by.
#[cfg(feature = "aws")]
pub(in crate::provider) struct Held(Session);

impl Postgres {
    /// The database `id`, as `settings` say; programs on its servers' hosts are run by `processes`.
    #[must_use]
    pub fn new(id: ResourceId, settings: PostgresDatabase, processes: Arc<dyn Processes>, redactor: Redactor) -> Self {
        Self {
            id,
            link: Link::new(settings, redactor),
            processes,
            lookers: Mutex::new(BTreeMap::new()),
            canaries: canary::Sessions::default(),
        }
    }

    fn server(&self, region: RegionRole) -> &Server {
        self.link.settings.regions.of(region)
    }

    /// The session with which `region` is looked at: the one there is, or a new one.
    async fn looker(&self, cx: &Context, region: RegionRole) -> Result<Shared, Failed> {
        let lookers = || self.lookers.lock().unwrap_or_else(PoisonError::into_inner);
        let there = lookers().get(&region).filter(|session| !session.client.is_closed()).cloned();
        if let Some(session) = there {
            return Ok(session);
        }
        let session = Arc::new(self.link.maintenance(cx, region).await?);
        lookers().insert(region, Arc::clone(&session));
        Ok(session)
    }

    /// Forgets the session with which `region` was looked at.
    fn forget(&self, region: RegionRole) {
        self.lookers.lock().unwrap_or_else(PoisonError::into_inner).remove(&region);
    }

    /// Asks on the session with which `region` is looked at, for no longer than a look may take. A session that died
    /// since it was used last is replaced once.
    async fn ask(
        &self,
        cx: &Context,
        region: RegionRole,
        question: &str,
        about: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failed> {
        let limit = self.link.settings.timeout.0;
        for again in [true, false] {
            let session = self.looker(cx, region).await?;
            let failed = match cx.clock.timeout(limit, session.client.query(question, about)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => Failed::from(error),
                Err(_) => {
                    self.forget(region);
                    return Err(Failed::Silent(format!("no answer within {limit}")));
                }
            };
            let Failed::Silent(_) = failed else { return Err(failed) };
            self.forget(region);
            if !again {
                return Err(failed);
            }
        }
        unreachable!("the second try returns")
    }

    /// As [`Self::ask`], for the one value that is the answer.
    async fn ask_one<T: for<'a> FromSql<'a>>(
        &self,
        cx: &Context,
        region: RegionRole,
        question: &str,
        about: &[&(dyn ToSql + Sync)],
    ) -> Result<T, Failed> {
        let rows = self.ask(cx, region, question, about).await?;
        let row = rows.first().ok_or_else(|| Failed::Here("an answer without a row".to_owned()))?;
        Ok(row.try_get(0)?)
    }

    /// Makes the proving write on a session.
    async fn proving_write(&self, cx: &Context, session: &Session) -> Result<(), Failed> {
        let limit = self.link.settings.timeout.0;
        match cx.clock.timeout(limit, session.client.batch_execute(PROVING_WRITE)).await {
            Ok(done) => done.map_err(Failed::from),
            Err(_) => Err(Failed::Silent(format!("no answer within {limit}"))),
        }
    }
}

/// For providers whose fences are not this one's.
#[cfg(feature = "aws")]
impl Postgres {
    /// A session with `region`'s server in the application's database, for who proves a fence that is not this
    /// provider's.
    pub(in crate::provider) async fn hold(&self, cx: &Context, region: RegionRole) -> Result<Held, ProviderError> {
        Ok(Held(self.link.app(cx, region, "muster proof").await?))
    }

    /// What becomes of a write on a session that is held.
    pub(in crate::provider) async fn write_on(&self, cx: &Context, held: &Held) -> WriteAttempt {
        match self.proving_write(cx, &held.0).await {
            Ok(()) => WriteAttempt::Acknowledged,
            Err(failed) => failed.attempt(),
        }
    }

    /// The one value that is the answer to a question, on a new session of the maintenance database.
    pub(in crate::provider) async fn value(
        &self,
        cx: &Context,
        region: RegionRole,
        question: &str,
    ) -> Result<Option<String>, ProviderError> {
        let session = self.link.maintenance(cx, region).await?;
        let limit = self.link.settings.timeout.0;
        let asked = cx.clock.timeout(limit, session.client.simple_query(question)).await;
        let rows = match asked {
            Ok(answer) => answer.map_err(Failed::from)?,
            Err(_) => return Err(ProviderError::Unreachable(format!("an answer within {limit}"))),
        };
        Ok(rows.iter().find_map(|row| match row {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }
}

#[async_trait]
impl Exclusive for Postgres {
    async fn claim(&self, cx: &Context, marker: &Marker, over: Option<&Marker>) -> Result<Claimed, ProviderError> {
        marks::claim(self, cx, marker, over).await
    }

    async fn release(&self, cx: &Context, marker: &Marker) -> Result<(), ProviderError> {
        Box::pin(marks::release(self, cx, marker)).await
    }
}

#[async_trait]
impl Database for Postgres {
    async fn observe(&self, cx: &Context) -> Result<DatabaseState, ProviderError> {
        Ok(Box::pin(look::both(self, cx)).await)
    }

    async fn fence(&self, cx: &Context, region: RegionRole) -> Result<FenceProof, ProviderError> {
        fence::set(self, cx, region).await
    }

    async fn unfence(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
        marks::guard(self, cx, region).await?;
        fence::take_away(self, cx, region).await
    }

    async fn newest_commit_age(&self, cx: &Context, region: RegionRole) -> Option<Span> {
        look::newest_commit_age(self, cx, region).await
    }

    async fn promote(&self, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
        promote::promote(self, cx, region).await
    }

    async fn replicate(&self, cx: &Context, from: RegionRole, to: RegionRole) -> Result<(), ProviderError> {
        replicate::replicate(self, cx, from, to).await
    }

    async fn write(&self, cx: &Context, region: RegionRole) -> WriteAttempt {
        let session = match self.link.app(cx, region, "muster proof").await {
            Ok(session) => session,
            Err(failed) => return failed.attempt(),
        };
        match self.proving_write(cx, &session).await {
            Ok(()) => WriteAttempt::Acknowledged,
            Err(failed) => failed.attempt(),
        }
    }

    async fn write_canary(&self, cx: &Context, region: RegionRole, row: CanaryRow) -> WriteAttempt {
        canary::write(self, cx, region, row).await
    }

    async fn canary_rows(&self, cx: &Context, region: RegionRole) -> Result<CanaryRows, ProviderError> {
        canary::rows(self, cx, region).await
    }

    async fn prepare_canary(&self, cx: &Context) -> Result<(), ProviderError> {
        Box::pin(canary::prepare(self, cx)).await
    }

    async fn remove_canary(&self, cx: &Context) -> Result<(), ProviderError> {
        Box::pin(canary::remove(self, cx)).await
    }

    async fn preserve(&self, cx: &Context, region: RegionRole) -> Result<Preserved, ProviderError> {
        preserve::preserve(self, cx, region).await
    }
}
