//! The fence: a block in `pg_hba.conf` that refuses every session but Muster's looking and replication, also after a
//! restart; the sessions that were there are ended; both are proven.

use std::collections::BTreeSet;

use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::ToSql;

use super::hba::{self, Rule};
use super::link::{Failed, Session, literal};
use super::{Postgres, canary, look, marks};
use crate::id::RegionRole;
use crate::resource::{Context, FenceProof, ProviderError};
use crate::time::Span;

/// How long the server may take to go by its changed file, and sessions to end.
const SETTLE_MAX: Span = Span::from_secs(10);
/// Between two looks at that.
const LOOK_AGAIN: Span = Span::from_millis(5);

/// The sessions that are to end. `$1`: the maintenance database, `$2`: one that stays for now.
const STRANGERS: &str = "SELECT pid, usename = current_user FROM pg_stat_activity WHERE backend_type = 'client backend' \
     AND NOT (datname = $1 AND usename = current_user) AND pid <> $2";

/// Sets the fence and proves it.
pub(super) async fn set(it: &Postgres, cx: &Context, region: RegionRole) -> Result<FenceProof, ProviderError> {
    marks::guard(it, cx, region).await?;
    let admin = it.link.maintenance(cx, region).await?;
    refuse_unstoppable(it, cx, region).await?;
    let old = match it.link.app(cx, region, "muster proof").await {
        Ok(session) => Some(session),
        // It is fenced already; what is missing of the proof is made up for below.
        Err(failed) if failed.is_rejected() => None,
        Err(failed) => return Err(failed.into()),
    };
    close(it, cx, region, &admin).await?;
    let new_session = match wait_for_rejection(it, cx, region).await {
        Ok(words) => words,
        Err(error) => {
            restore(it, cx, region, &admin).await.map_err(|error| changed(region, error))?;
            return Err(error);
        }
    };
    // Muster must still come in, or nobody could take the fence away from here.
    if let Err(failed) = it.link.maintenance(cx, region).await {
        restore(it, cx, region, &admin).await.map_err(|error| changed(region, error))?;
        return Err(ProviderError::Refused(format!("behind the fence Muster would be shut out itself: {failed}")));
    }
    let proven = Box::pin(prove(it, cx, region, &admin, old, new_session)).await;
    proven.map_err(|error| changed(region, error))
}

/// A server that is silent once its file was changed may or may not be fenced: more is in doubt than whether it was
/// reached.
fn changed(region: RegionRole, error: ProviderError) -> ProviderError {
    match error {
        ProviderError::Unreachable(why) => ProviderError::Halfway(format!(
            "{why}, after pg_hba.conf in {region} was changed: whether the fence holds is not known; look at that file, \
             and for sessions, before anything is promoted elsewhere"
        )),
        other => other,
    }
}

/// Waits for an answer for no longer than a look may take.
async fn answered<T>(
    it: &Postgres,
    cx: &Context,
    asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Failed> {
    let limit = it.link.settings.timeout.0;
    match cx.clock.timeout(limit, asked).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Failed::Silent(format!("no answer within {limit}"))),
    }
}

/// Ends who came in before the fence, and proves it. `old`: a session from before it; `new_session`: how one from after it
/// was refused.
async fn prove(
    it: &Postgres,
    cx: &Context,
    region: RegionRole,
    admin: &Session,
    old: Option<Session>,
    new_session: String,
) -> Result<FenceProof, ProviderError> {
    let mut ended = BTreeSet::new();
    let own = match &old {
        Some(old) => pid(it, cx, old).await?,
        None => 0,
    };
    let left = end_sessions(it, cx, admin, own, &mut ended).await?;
    if let Some(old) = &old {
        // Nobody else writes any more: what the canaries wrote here is told now, as it can't be read later.
        canary::keep_rows(it, cx, admin, old).await?;
    }
    let left = left + end_sessions(it, cx, admin, 0, &mut ended).await?;
    let old_session = match (old, left) {
        (_, 1..) => None,
        (None, _) => Some("the fence was there already, and no session from before it is left".to_owned()),
        (Some(old), _) => match it.proving_write(cx, &old).await {
            Ok(()) => None,
            Err(failed) => Some(format!("the session was ended: {failed}")),
        },
    };
    let position = end_of_log(it, cx, region, admin).await?;
    let sessions_ended = u32::try_from(ended.len()).unwrap_or(u32::MAX);
    Ok(FenceProof { position, old_session, new_session: Some(new_session), sessions_ended })
}

/// Takes the fence away; nothing to do if there is none.
pub(super) async fn take_away(it: &Postgres, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
    let admin = it.link.maintenance(cx, region).await?;
    restore(it, cx, region, &admin).await?;
    let began = cx.clock.now();
    // The server takes note a moment later.
    while matches!(it.link.app(cx, region, "muster look").await, Err(failed) if failed.is_rejected()) {
        if cx.clock.now().since(began) > SETTLE_MAX {
            return Err(ProviderError::Refused(format!(
                "the fence is out of pg_hba.conf, and {} still refuses sessions",
                it.link.settings.dbname
            )));
        }
        if cx.cancel.is_cancelled() {
            return Err(ProviderError::Cancelled);
        }
        cx.clock.sleep(LOOK_AGAIN).await;
    }
    Ok(())
}

/// Writers that come in through no session are stopped by no fence; better said than found out.
async fn refuse_unstoppable(it: &Postgres, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
    let question = "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'logical replication%worker' OR \
                    backend_type LIKE 'pg_cron%'";
    let count: i64 = it.ask_one(cx, region, question, &[]).await?;
    if count == 0 {
        return Ok(());
    }
    Err(ProviderError::Refused(format!(
        "{count} workers of subscriptions or scheduled jobs write into this server without a session; no fence stops \
         them: disable them first"
    )))
}

async fn pid(it: &Postgres, cx: &Context, session: &Session) -> Result<i32, Failed> {
    Ok(answered(it, cx, session.client.query_one("SELECT pg_backend_pid()", &[])).await?.try_get(0)?)
}

/// Puts the block into the file, if it is not there, and has the server read it.
async fn close(it: &Postgres, cx: &Context, region: RegionRole, admin: &Session) -> Result<(), ProviderError> {
    let (path, file) = hba_file(it, cx, admin).await?;
    let halfway = |error: ProviderError| changed(region, error);
    if hba::unfenced(&file).is_none() {
        let rules = rules(it, cx, admin).await?;
        let settings = &it.link.settings;
        let fenced = hba::fenced(&file, &rules, &settings.user, &settings.maintenance);
        write(it, cx, admin, &path, &fenced).await.map_err(|failed| halfway(failed.into()))?;
        let wrong = "SELECT line_number, error FROM pg_hba_file_rules WHERE error IS NOT NULL";
        let wrong = answered(it, cx, admin.client.query(wrong, &[])).await.map_err(|failed| halfway(failed.into()))?;
        if let Some(row) = wrong.first() {
            let (line, why): (i32, String) = (row.get(0), row.get(1));
            write(it, cx, admin, &path, &file).await.map_err(|failed| halfway(failed.into()))?;
            return Err(ProviderError::Refused(format!("pg_hba.conf would not be understood, line {line}: {why}")));
        }
    }
    reload(it, cx, region, admin).await.map_err(halfway)
}

async fn restore(it: &Postgres, cx: &Context, region: RegionRole, admin: &Session) -> Result<(), ProviderError> {
    let (path, file) = hba_file(it, cx, admin).await?;
    if let Some(before) = hba::unfenced(&file) {
        write(it, cx, admin, &path, &before).await?;
    }
    reload(it, cx, region, admin).await
}

async fn reload(it: &Postgres, cx: &Context, region: RegionRole, admin: &Session) -> Result<(), ProviderError> {
    let row = answered(it, cx, admin.client.query_one("SELECT pg_reload_conf()", &[])).await?;
    if row.get::<_, bool>(0) {
        return Ok(());
    }
    Err(ProviderError::Refused(format!("the server in {region} could not be told to read its files again")))
}

async fn hba_file(it: &Postgres, cx: &Context, admin: &Session) -> Result<(String, Vec<u8>), Failed> {
    let question = "SELECT current_setting('hba_file'), pg_read_binary_file(current_setting('hba_file'))";
    let row = answered(it, cx, admin.client.query_one(question, &[])).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// The rules of the file in their order. A rule for a group is Muster's if its role is in that group.
async fn rules(it: &Postgres, cx: &Context, admin: &Session) -> Result<Vec<Rule>, Failed> {
    let question = "
SELECT type, database, user_name, address, netmask, auth_method, coalesce(options, '{}') AS options,
  (SELECT bool_or(name = 'all' OR name = current_user::text OR (name LIKE '+%' AND EXISTS (
      SELECT FROM pg_roles r WHERE r.rolname = substr(name, 2) AND pg_has_role(current_user, r.oid, 'MEMBER'))))
    FROM unnest(user_name) name) AS for_muster
FROM pg_hba_file_rules WHERE error IS NULL ORDER BY line_number";
    let mut rules = Vec::new();
    for row in answered(it, cx, admin.client.query(question, &[])).await? {
        rules.push(Rule {
            kind: row.try_get(0)?,
            databases: row.try_get(1)?,
            users: row.try_get(2)?,
            address: row.try_get(3)?,
            netmask: row.try_get(4)?,
            method: row.try_get(5)?,
            options: row.try_get(6)?,
            for_muster: row.try_get::<_, Option<bool>>(7)?.unwrap_or(false),
        });
    }
    Ok(rules)
}

/// Replaces a file where the server lives, whole or not at all, with the owner and the rights it had.
async fn write(it: &Postgres, cx: &Context, admin: &Session, path: &str, content: &[u8]) -> Result<(), Failed> {
    let shell_path = format!("'{}'", path.replace('\'', "'\\''"));
    let program = format!(
        "set -e; f=$(readlink -f {shell_path}); cp -p \"$f\" \"$f.muster\"; base64 -d > \"$f.muster\"; \
         sync \"$f.muster\" || sync; mv -f \"$f.muster\" \"$f\""
    );
    let about: &[&(dyn ToSql + Sync)] = &[&content];
    let row = answered(it, cx, admin.client.query_one("SELECT encode($1::bytea, 'base64')", about)).await?;
    let encoded: String = row.try_get(0)?;
    let encoded: String = encoded.split_whitespace().collect();
    let copy = format!("COPY (SELECT {}) TO PROGRAM {}", literal(&encoded), literal(&program));
    answered(it, cx, admin.client.batch_execute(&copy)).await
}

/// Waits until a new session is refused by the rules; gives the server's words.
async fn wait_for_rejection(it: &Postgres, cx: &Context, region: RegionRole) -> Result<String, ProviderError> {
    let began = cx.clock.now();
    loop {
        match it.link.app(cx, region, "muster proof").await {
            Err(failed) if failed.is_rejected() => return Ok(failed.to_string()),
            Err(Failed::Silent(why)) => return Err(ProviderError::Unreachable(why)),
            Err(failed) => return Err(failed.into()),
            Ok(session) => drop(session),
        }
        if cx.clock.now().since(began) > SETTLE_MAX {
            return Err(ProviderError::Refused("the server does not go by its changed pg_hba.conf".to_owned()));
        }
        if cx.cancel.is_cancelled() {
            return Err(ProviderError::Cancelled);
        }
        cx.clock.sleep(LOOK_AGAIN).await;
    }
}

/// Ends all sessions but `stays` and waits until they are gone; gives how many are not.
async fn end_sessions(
    it: &Postgres,
    cx: &Context,
    admin: &Session,
    stays: i32,
    ended: &mut BTreeSet<i32>,
) -> Result<usize, ProviderError> {
    let began = cx.clock.now();
    let maintenance = it.link.settings.maintenance.as_str();
    let mut asked = BTreeSet::new();
    let mut denied = false;
    loop {
        let about: &[&(dyn ToSql + Sync)] = &[&maintenance, &stays];
        let rows = answered(it, cx, admin.client.query(STRANGERS, about)).await?;
        if rows.is_empty() || cx.clock.now().since(began) > SETTLE_MAX {
            return Ok(rows.len());
        }
        // Muster's own are not told: the canaries', and those of this very proof.
        let others = rows.iter().filter(|row| row.get::<_, Option<bool>>(1) != Some(true));
        ended.extend(others.map(|row| row.get::<_, i32>(0)));
        let pids = rows.iter().map(|row| row.get::<_, i32>(0));
        let new: Vec<i32> = pids.filter(|pid| asked.insert(*pid)).collect();
        for pid in new {
            let about: &[&(dyn ToSql + Sync)] = &[&pid];
            match answered(it, cx, admin.client.query("SELECT pg_terminate_backend($1)", about)).await {
                // Only a superuser ends a superuser's: waiting would not help.
                Err(Failed::Said { .. }) => denied = true,
                asked => drop(asked?),
            }
        }
        if denied {
            return Ok(rows.len());
        }
        if cx.cancel.is_cancelled() {
            return Err(ProviderError::Cancelled);
        }
        cx.clock.sleep(LOOK_AGAIN).await;
    }
}

/// Where the log ends, all of it on disk: also what was committed without waiting for that.
async fn end_of_log(it: &Postgres, cx: &Context, region: RegionRole, admin: &Session) -> Result<u64, ProviderError> {
    let standby = answered(it, cx, admin.client.query_one("SELECT pg_is_in_recovery()", &[])).await?;
    let standby: bool = standby.get(0);
    if !standby {
        let flush = "SET synchronous_commit = local; SELECT pg_logical_emit_message(true, 'muster', 'fenced')";
        let told: Vec<SimpleQueryMessage> = answered(it, cx, admin.client.simple_query(flush)).await?;
        drop(told);
    }
    Ok(look::one(it, cx, region).await?.position)
}
