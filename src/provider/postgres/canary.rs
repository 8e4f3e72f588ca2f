//! Canaries: numbered rows in a table of their own, in the application's database, each committed by itself.
//!
//! The table is shared by all runs, each row carrying its run's name: what a run left that can be taken up again is not
//! another one's to remove. Whoever removes the last rows removes the table.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_postgres::Statement;

use super::link::{Failed, Session, literal};
use super::{Postgres, marks};
use crate::id::RegionRole;
use crate::resource::{Actor, CanaryRow, CanaryRows, Context, ProviderError, WriteAttempt};

const MAKE: &str = "CREATE SCHEMA IF NOT EXISTS muster_canary; CREATE TABLE IF NOT EXISTS muster_canary.rows \
     (run text NOT NULL, canary text NOT NULL, number int8 NOT NULL, sent timestamptz NOT NULL, \
      written timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (run, canary, number))";
const INSERT: &str =
    "INSERT INTO muster_canary.rows (run, canary, number, sent) VALUES ($1, $2, $3, $4::text::timestamptz)";
const TIDY: &str = "DO $$ BEGIN IF NOT EXISTS (SELECT FROM muster_canary.rows) THEN DROP SCHEMA muster_canary CASCADE; \
     END IF; END $$";
/// Stretches of numbers without a gap.
const RANGES: &str = "SELECT min(number), max(number) FROM (SELECT number, number - row_number() OVER (ORDER BY number) \
     AS stretch FROM muster_canary.rows WHERE run = $1 AND canary = $2) numbered GROUP BY stretch ORDER BY 1 LIMIT 100000";
/// The same, kept when the fence closed the table.
const KEPT: &str =
    "SELECT first, last FROM muster.rows_at_fence WHERE run = $1 AND canary = $2 ORDER BY first LIMIT 100000";
const MAKE_KEPT: &str = "CREATE SCHEMA IF NOT EXISTS muster; CREATE TABLE IF NOT EXISTS muster.rows_at_fence \
     (run text, canary text, first int8, last int8)";

/// A canary's session with one server, and what it says there again and again.
#[derive(Debug)]
struct Perch {
    session: Session,
    insert: Statement,
}

type Key = (String, RegionRole);

/// The canaries' sessions: each stays until it fails.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<BTreeMap<Key, Arc<Perch>>>);

impl Sessions {
    fn get(&self, key: &Key) -> Option<Arc<Perch>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(key).filter(|perch| !perch.session.client.is_closed()).cloned()
    }

    fn put(&self, key: &Key, perch: &Arc<Perch>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), Arc::clone(perch));
    }

    /// Forgets a session, unless another one has taken its place.
    fn forget(&self, key: &Key, perch: &Arc<Perch>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(key).is_some_and(|there| Arc::ptr_eq(there, perch)) {
            all.remove(key);
        }
    }
}

/// A row on its way: if nobody waits for it any more, the session that keeps it is not trusted with the next one.
struct OnItsWay<'a> {
    sessions: &'a Sessions,
    key: &'a Key,
    perch: &'a Arc<Perch>,
    answered: bool,
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.sessions.forget(self.key, self.perch);
        }
    }
}

fn name(cx: &Context) -> String {
    match &cx.actor {
        Actor::Probe(id) => id.to_string(),
        other => other.to_string(),
    }
}

async fn perch(it: &Postgres, cx: &Context, key: &Key) -> Result<Arc<Perch>, Failed> {
    if let Some(perch) = it.canaries.get(key) {
        return Ok(perch);
    }
    let session = it.link.app(cx, key.1, "muster canary").await?;
    // Acknowledged is to mean committed, whatever the server is set to.
    session.client.batch_execute("SET synchronous_commit = on; SET default_transaction_read_only = off").await?;
    let insert = session.client.prepare(INSERT).await?;
    let perch = Arc::new(Perch { session, insert });
    it.canaries.put(key, &perch);
    Ok(perch)
}

/// Writes a row.
pub(super) async fn write(it: &Postgres, cx: &Context, region: RegionRole, row: CanaryRow) -> WriteAttempt {
    let key = (name(cx), region);
    let sent = cx.clock.wall().to_string();
    let perch = match perch(it, cx, &key).await {
        Ok(perch) => perch,
        Err(failed) => return failed.attempt(),
    };
    let mut way = OnItsWay { sessions: &it.canaries, key: &key, perch: &perch, answered: false };
    let number = i64::try_from(row.number).unwrap_or(i64::MAX);
    let client = &perch.session.client;
    let done = client.execute(&perch.insert, &[&cx.run.as_str(), &key.0, &number, &sent]).await;
    match done.map_err(Failed::from) {
        Ok(_) => {
            way.answered = true;
            WriteAttempt::Acknowledged
        }
        Err(failed) => {
            // A standby that was promoted, a table that was made: the next row finds out on a new session.
            way.answered = false;
            failed.attempt()
        }
    }
}

/// The canary's rows on `region`'s side; behind a fence, as they were when it closed.
pub(super) async fn rows(it: &Postgres, cx: &Context, region: RegionRole) -> Result<CanaryRows, ProviderError> {
    let name = name(cx);
    let (session, question) = match it.link.app(cx, region, "muster canary").await {
        Ok(session) => (session, RANGES),
        Err(failed) if failed.is_rejected() => (it.link.maintenance(cx, region).await?, KEPT),
        Err(failed) => return Err(failed.into()),
    };
    let rows = session.client.query(question, &[&cx.run.as_str(), &name]).await.map_err(Failed::from)?;
    let number = |value: i64| u64::try_from(value).unwrap_or_default();
    let ranges = rows.iter().map(|row| (number(row.get(0)), number(row.get(1)))).collect();
    Ok(CanaryRows { ranges })
}

/// Keeps where it can be read behind the fence what this run's canaries wrote, told by `old`, a session from before it.
pub(super) async fn keep_rows(
    it: &Postgres,
    cx: &Context,
    admin: &Session,
    old: &Session,
) -> Result<(), ProviderError> {
    let limit = it.link.settings.timeout.0;
    let kept = async {
        let question = "SELECT canary, min(number), max(number) FROM (SELECT canary, number, number - row_number() \
             OVER (PARTITION BY canary ORDER BY number) AS stretch FROM muster_canary.rows WHERE run = $1) numbered \
             GROUP BY canary, stretch ORDER BY 1, 2 LIMIT 100000";
        let rows = match old.client.query(question, &[&cx.run.as_str()]).await.map_err(Failed::from) {
            Err(failed) if failed.is_missing() => return Ok(()),
            rows => rows?,
        };
        let standby = admin.client.query_one("SELECT pg_is_in_recovery()", &[]).await?;
        if rows.is_empty() || standby.get::<_, bool>(0) {
            return Ok(());
        }
        let run = literal(cx.run.as_str());
        let values: Vec<String> = rows
            .iter()
            .map(|row| {
                let (canary, first, last): (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
                format!("({run}, {}, {first}, {last})", literal(&canary))
            })
            .collect();
        let keep = format!(
            "SET synchronous_commit = local; BEGIN READ WRITE; {}; {MAKE_KEPT}; DELETE FROM muster.rows_at_fence WHERE \
             run = {run}; INSERT INTO muster.rows_at_fence VALUES {}; COMMIT",
            marks::LOCK,
            values.join(", ")
        );
        Ok::<(), Failed>(admin.client.batch_execute(&keep).await?)
    };
    match cx.clock.timeout(limit, kept).await {
        Ok(kept) => Ok(kept?),
        Err(_) => Err(ProviderError::Unreachable("the canaries' rows".to_owned())),
    }
}

/// Makes the table on whichever side takes writes.
pub(super) async fn prepare(it: &Postgres, cx: &Context) -> Result<(), ProviderError> {
    let mut why = Vec::new();
    for region in RegionRole::ALL {
        let made = async {
            let session = it.link.app(cx, region, "muster canary").await?;
            let make = format!("SET default_transaction_read_only = off; BEGIN; {}; {MAKE}; COMMIT", marks::LOCK);
            Ok::<(), Failed>(session.client.batch_execute(&make).await?)
        };
        match Box::pin(cx.clock.timeout(it.link.settings.timeout.0, made)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failed)) => why.push(format!("{region}: {failed}")),
            Err(_) => why.push(format!("{region}: no answer")),
        }
    }
    Err(ProviderError::Refused(format!("no server takes the canary's table ({})", why.join("; "))))
}

/// Removes this run's rows on every side that takes writes, and the table if nobody else's are in it.
pub(super) async fn remove(it: &Postgres, cx: &Context) -> Result<(), ProviderError> {
    it.canaries.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let (name, run) = (literal(&name(cx)), literal(cx.run.as_str()));
    let (mut removed, mut why) = (0, Vec::new());
    for region in RegionRole::ALL {
        let remove = async {
            let session = it.link.app(cx, region, "muster canary").await?;
            let one = format!(
                "SET default_transaction_read_only = off; BEGIN; {}; DELETE FROM muster_canary.rows WHERE run = {run} \
                 AND canary = {name}; {TIDY}; COMMIT",
                marks::LOCK
            );
            match session.client.batch_execute(&one).await.map_err(Failed::from) {
                Err(failed) if failed.is_missing() => {}
                done => done?,
            }
            let session = it.link.maintenance(cx, region).await?;
            let kept = format!(
                "BEGIN READ WRITE; {}; DO $$ BEGIN IF to_regclass('muster.rows_at_fence') IS NOT NULL THEN \
                 DELETE FROM muster.rows_at_fence WHERE run = {run}; IF NOT EXISTS (SELECT FROM muster.rows_at_fence) \
                 THEN DROP TABLE muster.rows_at_fence; END IF; END IF; END $$; {}; COMMIT",
                marks::LOCK,
                marks::tidy()
            );
            Ok::<(), Failed>(session.client.batch_execute(&kept).await?)
        };
        match Box::pin(cx.clock.timeout(it.link.settings.timeout.0, remove)).await {
            Ok(Ok(())) => removed += 1,
            Ok(Err(failed)) => why.push(format!("{region}: {failed}")),
            Err(_) => why.push(format!("{region}: no answer")),
        }
    }
    // The other side follows, is fenced or is gone: what is removed here goes there with the log.
    if removed > 0 { Ok(()) } else { Err(ProviderError::Refused(why.join("; "))) }
}
