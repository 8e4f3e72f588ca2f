//! Marks: a row for each resource in a small table of Muster's own, in the maintenance database, so that the fence leaves
//! it in reach. A standby can't be written to and shows its primary's row, as replication brings it; a side that is
//! promoted has it from there. So a mark is written on each side that takes Muster's writes, and read on both.

use tokio_postgres::types::ToSql;

use super::link::{Failed, Session, literal};
use super::{Postgres, link};
use crate::id::{RegionRole, RunId};
use crate::resource::{Claimed, Context, Marker, ProviderError};

const MAKE: &str = "CREATE SCHEMA IF NOT EXISTS muster; CREATE TABLE IF NOT EXISTS muster.marks \
     (resource text PRIMARY KEY, run text NOT NULL, fencing int8 NOT NULL, who text NOT NULL, since text NOT NULL)";
/// One maker, writer or remover of what is Muster's at a time.
pub(super) const LOCK: &str = "SELECT pg_advisory_xact_lock(7236850)";
/// Nothing is left behind once nobody has a mark.
const TIDY: &str = "DO $$ BEGIN IF to_regclass('muster.marks') IS NOT NULL THEN IF NOT EXISTS (SELECT FROM muster.marks) \
     THEN DROP TABLE muster.marks; END IF; END IF; IF to_regnamespace('muster') IS NOT NULL THEN IF NOT EXISTS (SELECT \
     FROM pg_class WHERE relnamespace = to_regnamespace('muster')) THEN DROP SCHEMA muster; END IF; END IF; END $$";

/// The mark of this resource that a server shows.
async fn shown(it: &Postgres, session: &Session) -> Result<Option<Marker>, Failed> {
    let question = "SELECT run, fencing, who, since FROM muster.marks WHERE resource = $1";
    let of: &[&(dyn ToSql + Sync)] = &[&it.id.as_str()];
    let row = match session.client.query_opt(question, of).await.map_err(Failed::from) {
        Ok(row) => row,
        Err(failed) if failed.is_missing() => None,
        Err(failed) => return Err(failed),
    };
    let Some(row) = row else { return Ok(None) };
    let (run, fencing, who, since): (String, i64, String, String) = (row.get(0), row.get(1), row.get(2), row.get(3));
    let broken = |what: String| Failed::Here(format!("the mark in muster.marks is damaged: {what}"));
    Ok(Some(Marker {
        run: RunId::new(&run).map_err(|error| broken(error.to_string()))?,
        fencing: u64::try_from(fencing).unwrap_or_default(),
        who,
        since: since.parse().map_err(|error: jiff::Error| broken(error.to_string()))?,
    }))
}

/// Refuses what is asked for on behalf of another run than the one that has the mark.
pub(super) async fn guard(it: &Postgres, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
    let session = it.looker(cx, region).await?;
    match cx.clock.timeout(it.link.settings.timeout.0, shown(it, &session)).await {
        Ok(Ok(Some(there))) if there.run != cx.run || there.fencing > cx.fencing => {
            Err(ProviderError::Refused(format!("{}: {there}, number {}", it.id, there.fencing)))
        }
        Ok(Ok(_)) => Ok(()),
        Ok(Err(Failed::Silent(why))) => {
            it.forget(region);
            Err(ProviderError::Unreachable(why))
        }
        Ok(Err(failed)) => Err(failed.into()),
        Err(_) => {
            it.forget(region);
            Err(ProviderError::Unreachable(format!("{}: the mark can't be read", it.id)))
        }
    }
}

async fn in_recovery(session: &Session) -> Result<bool, Failed> {
    Ok(session.client.query_one("SELECT pg_is_in_recovery()", &[]).await?.try_get(0)?)
}

/// Marks both sides, as far as they can be written to.
pub(super) async fn claim(
    it: &Postgres,
    cx: &Context,
    marker: &Marker,
    over: Option<&Marker>,
) -> Result<Claimed, ProviderError> {
    let limit = it.link.settings.timeout.0;
    let (mut written, mut silent) = (0, None);
    for region in RegionRole::ALL {
        let claimed = match it.link.maintenance(cx, region).await {
            Ok(session) => match cx.clock.timeout(limit, claim_on(it, &session, marker, over)).await {
                Ok(claimed) => claimed,
                Err(_) => Err(Failed::Silent(format!("no answer within {limit}"))),
            },
            Err(failed) => Err(failed),
        };
        match claimed {
            Ok((Some(taken), _)) => return Ok(Claimed::Taken(taken)),
            Ok((None, Side::Written)) => written += 1,
            Ok((None, Side::Standby)) => {}
            Err(Failed::Silent(why)) => silent = Some(format!("{region}: {why}")),
            Err(failed) => return Err(failed.into()),
        }
    }
    match (written, silent) {
        (1.., _) => Ok(Claimed::Ours),
        (_, Some(why)) => Err(ProviderError::Unsupported(format!(
            "a standby keeps no mark, and the side that could did not answer ({why})"
        ))),
        (_, None) => Err(ProviderError::Unsupported("both sides are standbys, which keep no mark".to_owned())),
    }
}

enum Side {
    Written,
    Standby,
}

async fn claim_on(
    it: &Postgres,
    session: &link::Session,
    marker: &Marker,
    over: Option<&Marker>,
) -> Result<(Option<Marker>, Side), Failed> {
    let ours = |there: &Marker| marker.continues(there) || over == Some(there);
    if in_recovery(session).await? {
        let taken = shown(it, session).await?.filter(|there| !ours(there));
        return Ok((taken, Side::Standby));
    }
    session.client.batch_execute(&format!("BEGIN READ WRITE; {LOCK}; {MAKE}")).await?;
    if let Some(there) = shown(it, session).await?.filter(|there| !ours(there)) {
        session.client.batch_execute("ROLLBACK").await?;
        return Ok((Some(there), Side::Written));
    }
    let fencing = i64::try_from(marker.fencing).unwrap_or(i64::MAX);
    session
        .client
        .execute(
            "INSERT INTO muster.marks VALUES ($1, $2, $3, $4, $5) ON CONFLICT (resource) DO UPDATE SET \
             run = excluded.run, fencing = excluded.fencing, who = excluded.who, since = excluded.since",
            &[&it.id.as_str(), &marker.run.as_str(), &fencing, &marker.who, &marker.since.to_string()],
        )
        .await?;
    session.client.batch_execute("COMMIT").await?;
    Ok((None, Side::Written))
}

/// Takes the mark away wherever it is this run's.
pub(super) async fn release(it: &Postgres, cx: &Context, marker: &Marker) -> Result<(), ProviderError> {
    let limit = it.link.settings.timeout.0;
    let mut left = None;
    for region in RegionRole::ALL {
        let released = async {
            let session = it.link.maintenance(cx, region).await?;
            if in_recovery(&session).await? || !shown(it, &session).await?.is_some_and(|there| marker.continues(&there))
            {
                return Ok(());
            }
            let delete = format!("DELETE FROM muster.marks WHERE resource = {}", literal(it.id.as_str()));
            session.client.batch_execute(&format!("BEGIN READ WRITE; {LOCK}; {delete}; {TIDY}; COMMIT")).await?;
            Ok::<(), Failed>(())
        };
        match Box::pin(cx.clock.timeout(limit, released)).await {
            Ok(Ok(())) => {}
            Ok(Err(failed)) => left = Some(format!("{region}: {failed}")),
            Err(_) => left = Some(format!("{region}: no answer within {limit}")),
        }
    }
    match left {
        None => Ok(()),
        Some(why) => Err(ProviderError::Unreachable(why)),
    }
}

/// Drops the schema if nothing is in it any more.
pub(super) fn tidy() -> &'static str {
    TIDY
}
