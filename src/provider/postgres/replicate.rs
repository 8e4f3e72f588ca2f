//! The old primary as a standby of the new one: rewound, or replaced by a fresh base backup where that can't be, and
//! never started before its data folder is marked as a standby's.

use super::host::{self, Program};
use super::link::{Failed, literal};
use super::{Postgres, fence, look, marks};
use crate::id::RegionRole;
use crate::resource::{Context, ProviderError};
use crate::time::Span;

/// A standby that does not stream by then is not going to: the log that it needs is gone.
const STREAM_MAX: Span = Span::from_secs(20);
/// One that streams and gets no further for so long is stuck.
const STUCK: Span = Span::from_secs(60);
/// Between two looks.
const LOOK_AGAIN: Span = Span::from_millis(20);
/// How long a checkpoint may take.
const CHECKPOINT_MAX: Span = Span::from_secs(900);

/// Makes `to` follow `from`.
pub(super) async fn replicate(
    it: &Postgres,
    cx: &Context,
    from: RegionRole,
    to: RegionRole,
) -> Result<(), ProviderError> {
    if from == to {
        return Err(ProviderError::Refused(format!("{from} can't follow itself")));
    }
    marks::guard(it, cx, from).await?;
    let commands = &it.server(to).host_commands;
    for (name, argv) in [("stop", &commands.stop), ("start", &commands.start)] {
        Program { name, argv }.needed(it, to)?;
    }
    if commands.rewind.is_empty() {
        Program { name: "basebackup", argv: &commands.basebackup }.needed(it, to)?;
    }
    if look::one(it, cx, from).await?.standby {
        return Err(ProviderError::Refused(format!("{from} is a standby itself: nothing can be built from it")));
    }
    if host::runs(it, cx, to).await? {
        // It may refuse sessions or be starting up; if it answers, what it says counts.
        if let Ok(there) = look::one(it, cx, to).await {
            marks::guard(it, cx, to).await?;
            let fenced = there.standby || there.marked;
            if !fenced {
                return Err(ProviderError::Refused(format!("the server in {to} takes writes: fence it first")));
            }
        }
    }
    prepare_source(it, cx, from, to).await?;
    it.forget(to);
    let source = source(it, from);
    stop(it, cx, to).await?;
    let halfway = |what: String| ProviderError::Halfway(format!("the server in {to} is stopped: {what}"));
    let rewound = if commands.rewind.is_empty() {
        Err("no `rewind` is given".to_owned())
    } else {
        let rewind = Program { name: "rewind", argv: &commands.rewind };
        host::succeed(it, cx, rewind, &[("source", &source)]).await.map(drop).map_err(|error| error.to_string())
    };
    let why = match rewound {
        Ok(()) => {
            start(it, cx, to).await?;
            match follow(it, cx, from, to).await {
                Ok(()) => return finish(it, cx, from, to).await,
                Err(ProviderError::Cancelled) => return Err(ProviderError::Cancelled),
                Err(error) if commands.basebackup.is_empty() => return Err(error),
                Err(error) => error.to_string(),
            }
        }
        Err(why) => why,
    };
    if commands.basebackup.is_empty() {
        return Err(halfway(why));
    }
    if cx.cancel.is_cancelled() {
        return Err(ProviderError::Cancelled);
    }
    tracing::warn!(database = %it.id, region = %to, %why, "rewinding does not do: a base backup is taken");
    it.forget(to);
    stop(it, cx, to).await?;
    let basebackup = Program { name: "basebackup", argv: &commands.basebackup };
    host::succeed(it, cx, basebackup, &[("source", &source)])
        .await
        .map_err(|error| halfway(format!("{why}; then {error}")))?;
    start(it, cx, to).await?;
    follow(it, cx, from, to).await?;
    finish(it, cx, from, to).await
}

/// The connection string by which programs on the standby's host reach `from`.
fn source(it: &Postgres, from: RegionRole) -> String {
    let settings = &it.link.settings;
    let (host, port) = it.server(from).for_peer();
    let user = settings.replication.as_ref().map_or(&settings.user, |replication| &replication.user);
    let options = settings.replication.as_ref().map_or("", |replication| replication.options.as_str());
    let text = format!("host={host} port={port} user={user} dbname={} {options}", settings.maintenance);
    text.trim_end().to_owned()
}

/// A slot, so that the log that the standby needs stays; whom to follow, for `pg_rewind` and a base backup bring the
/// source's own settings along, and a standby that follows itself never takes a session to be told otherwise if it lacks
/// the end of the log; and a checkpoint, without which a source that was promoted a moment ago looks to `pg_rewind` as if it
/// never had been.
async fn prepare_source(it: &Postgres, cx: &Context, from: RegionRole, to: RegionRole) -> Result<(), ProviderError> {
    let session = it.link.maintenance(cx, from).await?;
    let prepared = async {
        if let Some(slot) = &it.server(to).slot {
            let make = "SELECT pg_create_physical_replication_slot($1, true) WHERE NOT EXISTS \
                        (SELECT FROM pg_replication_slots WHERE slot_name = $1)";
            session.client.query(make, &[slot]).await?;
        }
        for statement in conninfo(it, from, to) {
            session.client.batch_execute(&statement).await?;
        }
        session.client.batch_execute("CHECKPOINT").await
    };
    match cx.clock.timeout(CHECKPOINT_MAX, prepared).await {
        Ok(done) => done.map_err(|error| Failed::from(error).into()),
        Err(_) => Err(ProviderError::Refused(format!("no checkpoint in {from} within {}", CHECKPOINT_MAX.short()))),
    }
}

async fn stop(it: &Postgres, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
    if host::runs(it, cx, region).await? {
        let stop = Program { name: "stop", argv: &it.server(region).host_commands.stop };
        host::succeed(it, cx, stop, &[]).await?;
    }
    Ok(())
}

/// Starts a server that its data folder says is a standby's, and sees that it is one.
async fn start(it: &Postgres, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
    let commands = &it.server(region).host_commands;
    let halfway = |error: ProviderError| match error {
        ProviderError::Refused(what) => ProviderError::Halfway(format!("the server in {region}: {what}")),
        other => other,
    };
    if !commands.standby.is_empty() {
        host::succeed(it, cx, Program { name: "standby", argv: &commands.standby }, &[]).await.map_err(halfway)?;
    }
    // What rewound it may have started it as well.
    if !host::runs(it, cx, region).await? {
        host::succeed(it, cx, Program { name: "start", argv: &commands.start }, &[]).await.map_err(halfway)?;
    }
    let look = look::one(it, cx, region).await;
    if matches!(&look, Ok(look) if !look.standby) {
        stop(it, cx, region).await?;
        return Err(ProviderError::Halfway(format!(
            "the server in {region} came up as one that takes writes and was stopped at once: neither `standby` nor \
             what rewound it marks its data folder"
        )));
    }
    Ok(())
}

/// How far a standby is, and whether it streams.
const STATE: &str = "SELECT (coalesce(pg_last_wal_replay_lsn(), '0/0') - '0/0'::pg_lsn)::int8, EXISTS (SELECT FROM \
     pg_stat_wal_receiver WHERE status = 'streaming')";

/// Has the standby follow `from`, and waits until it streams and has all that `from` had.
async fn follow(it: &Postgres, cx: &Context, from: RegionRole, to: RegionRole) -> Result<(), ProviderError> {
    let halfway = |what: String| ProviderError::Halfway(format!("the server in {to} does not follow {from}: {what}"));
    let session = it.link.maintenance(cx, to).await.map_err(|failed| halfway(failed.to_string()))?;
    let set = conninfo(it, from, to);
    for statement in set.iter().map(String::as_str).chain(["SELECT pg_reload_conf()"]) {
        session.client.batch_execute(statement).await.map_err(|error| halfway(Failed::from(error).to_string()))?;
    }
    let goal = look::one(it, cx, from).await?.position;
    let began = cx.clock.now();
    let (mut furthest, mut moved) = (0, began);
    loop {
        let state = it.ask(cx, to, STATE, &[]).await.map_err(|failed| halfway(failed.to_string()))?;
        let (replayed, streams) = state.first().map_or((0, false), |row| (row.get::<_, i64>(0), row.get(1)));
        let replayed = u64::try_from(replayed).unwrap_or_default();
        let now = cx.clock.now();
        if replayed > furthest {
            (furthest, moved) = (replayed, now);
        }
        if streams && replayed >= goal && seen_by_source(it, cx, from, goal).await? {
            return Ok(());
        }
        let patience = if streams { STUCK } else { STREAM_MAX };
        if now.since(moved) > patience {
            let how = if streams { "it streams, and gets no further" } else { "it does not stream" };
            return Err(halfway(format!("{how} than {replayed}, of {goal}")));
        }
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => return Err(ProviderError::Cancelled),
            () = cx.clock.sleep(LOOK_AGAIN) => {}
        }
    }
}

/// Whether the source sees a standby that streams from it and has replayed up to `goal`.
async fn seen_by_source(it: &Postgres, cx: &Context, from: RegionRole, goal: u64) -> Result<bool, ProviderError> {
    let question = "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE state = 'streaming' AND \
                    (replay_lsn - '0/0'::pg_lsn)::int8 >= $1)";
    let goal = i64::try_from(goal).unwrap_or(i64::MAX);
    Ok(it.ask_one(cx, from, question, &[&goal]).await?)
}

/// What tells a standby whom to follow; nothing if that is left to `rewind` and `basebackup`.
fn conninfo(it: &Postgres, from: RegionRole, to: RegionRole) -> Vec<String> {
    let mut set = Vec::new();
    if let Some(replication) = &it.link.settings.replication {
        let (host, port) = it.server(from).for_peer();
        let text = format!(
            "host={host} port={port} user={} application_name=muster_{to} {}",
            replication.user, replication.options
        );
        set.push(format!("ALTER SYSTEM SET primary_conninfo = {}", literal(text.trim_end())));
    }
    // Whatever the source's own settings, which came along, say.
    let slot = it.server(to).slot.as_deref().unwrap_or_default();
    set.push(format!("ALTER SYSTEM SET primary_slot_name = {}", literal(slot)));
    set
}

/// Takes away what a standby does not need: the fence, and the slot that the other side used when this one was the
/// primary, which would keep its log for ever. The source is told whom it would follow if it ever became a standby.
async fn finish(it: &Postgres, cx: &Context, from: RegionRole, to: RegionRole) -> Result<(), ProviderError> {
    if look::one(it, cx, to).await?.marked {
        fence::take_away(it, cx, to).await?;
    }
    if let Some(slot) = &it.server(from).slot {
        let drop =
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active";
        it.ask(cx, to, drop, &[slot]).await?;
    }
    let session = it.link.maintenance(cx, from).await?;
    for statement in conninfo(it, to, from) {
        session.client.batch_execute(&statement).await.map_err(Failed::from)?;
    }
    Ok(())
}
