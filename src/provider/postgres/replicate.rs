//! The old primary as a standby of the new one: rewound, or replaced by a fresh base backup where that can't be, and
//! never started before its data folder is marked as a standby's.

use super::host::{self, Program};
use super::link::Failed;
use super::way::{Own, Way};
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
    let mut before = None;
    if host::runs(it, cx, to).await? {
        // It may refuse sessions or be starting up; if it answers, what it says counts.
        if let Ok(there) = look::one(it, cx, to).await {
            marks::guard(it, cx, to).await?;
            let fenced = there.standby || there.marked;
            if !fenced {
                return Err(ProviderError::Refused(format!("the server in {to} takes writes: fence it first")));
            }
            before = Some(Own::of(it, cx, to).await?);
        }
    }
    let way = Way::of(it, cx, from, to, before.as_ref()).await?;
    let made = make_slot(it, cx, from, &way).await?;
    let built = match prepare_source(it, cx, from, &way).await {
        Ok(()) => Box::pin(build(it, cx, from, to, &way)).await,
        Err(error) => Err(error.into()),
    };
    match built {
        Ok(()) => finish(it, cx, from, to, &way).await,
        Err(broken) => Err(leave(it, cx, from, &way, made, broken).await),
    }
}

/// Why a standby was not built.
struct Broken {
    error: ProviderError,
    /// Whether its server was started, so that it may yet come to use its slot.
    started: bool,
}

impl From<ProviderError> for Broken {
    fn from(error: ProviderError) -> Self {
        Self { error, started: false }
    }
}

/// Stops the server, has it rewound or replaced, and sees that it follows.
async fn build(it: &Postgres, cx: &Context, from: RegionRole, to: RegionRole, way: &Way) -> Result<(), Broken> {
    let commands = &it.server(to).host_commands;
    it.forget(to);
    let source = source(it, from);
    stop(it, cx, to).await?;
    let stopped = |what: String| ProviderError::Halfway(format!("the server in {to} is stopped: {what}"));
    let halfway = |error: ProviderError| match error {
        ProviderError::Cancelled => ProviderError::Cancelled,
        ProviderError::Halfway(what) | ProviderError::Refused(what) => stopped(what),
        error => stopped(error.to_string()),
    };
    let started = |error: ProviderError| Broken { error, started: true };
    let rewound = if commands.rewind.is_empty() {
        Err("no `rewind` is given".to_owned())
    } else {
        // Nothing else is begun on the data folder while this one may still work on it.
        let rewind = Program { name: "rewind", argv: &commands.rewind };
        host::change(it, cx, to, rewind, &[("source", &source)]).await.map_err(halfway)?
    };
    let why = match rewound {
        Ok(()) => {
            start(it, cx, to).await.map_err(started)?;
            match follow(it, cx, from, to, way).await {
                Ok(()) => return Ok(()),
                Err(ProviderError::Halfway(why)) if !commands.basebackup.is_empty() => why,
                Err(error) => return Err(started(error)),
            }
        }
        Err(why) => why,
    };
    if commands.basebackup.is_empty() {
        return Err(stopped(why).into());
    }
    if cx.cancel.is_cancelled() {
        return Err(ProviderError::Cancelled.into());
    }
    tracing::warn!(database = %it.id, region = %to, %why, "rewinding does not do: a base backup is taken");
    it.forget(to);
    stop(it, cx, to).await?;
    let basebackup = Program { name: "basebackup", argv: &commands.basebackup };
    if let Err(then) = host::change(it, cx, to, basebackup, &[("source", &source)]).await.map_err(halfway)? {
        return Err(stopped(format!("{why}; then {then}")).into());
    }
    start(it, cx, to).await.map_err(started)?;
    follow(it, cx, from, to, way).await.map_err(started)
}

/// After a standby was not built: the source is given its own settings back, and a slot that was made for it and that
/// nobody will use goes, for it would keep log until the disk is full.
async fn leave(
    it: &Postgres,
    cx: &Context,
    from: RegionRole,
    way: &Way,
    made: Option<&str>,
    broken: Broken,
) -> ProviderError {
    if let Err(error) = tell_source(it, cx, from, &way.back).await {
        tracing::warn!(database = %it.id, region = %from, %error, "it was not told whom it would follow");
    }
    let Broken { error, started } = broken;
    let Some(slot) = made else { return error };
    if !started && drop_slot(it, cx, from, slot).await.is_ok_and(|dropped| dropped) {
        return error;
    }
    let left = format!(
        "the slot `{slot}`, made for it in {from}, keeps log there until the disk is full: unless this is tried again, \
         drop it (`SELECT pg_drop_replication_slot('{slot}')`)"
    );
    match error {
        ProviderError::Cancelled => {
            tracing::warn!(database = %it.id, "{left}");
            ProviderError::Cancelled
        }
        ProviderError::Halfway(what) => ProviderError::Halfway(format!("{what}; {left}")),
        error => ProviderError::Halfway(format!("{error}; {left}")),
    }
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

/// Makes the slot that the standby uses, if it is missing, so that the log that it needs stays; gives it if it was made.
async fn make_slot<'a>(
    it: &Postgres,
    cx: &Context,
    from: RegionRole,
    way: &'a Way,
) -> Result<Option<&'a str>, ProviderError> {
    let Some(slot) = way.slot.as_deref() else { return Ok(None) };
    let make = "SELECT pg_create_physical_replication_slot($1, true) WHERE NOT EXISTS (SELECT FROM pg_replication_slots \
                WHERE slot_name = $1)";
    Ok(match it.ask(cx, from, make, &[&slot]).await {
        Ok(rows) => (!rows.is_empty()).then_some(slot),
        Err(Failed::Silent(why)) => {
            return Err(ProviderError::Halfway(format!(
                "whether the slot `{slot}` was made in {from} is not known: {why}; it keeps log there until the disk is \
                 full: unless this is tried again, drop it"
            )));
        }
        Err(failed) => return Err(failed.into()),
    })
}

/// Drops a slot that nobody uses; gives whether it was there and is gone.
async fn drop_slot(it: &Postgres, cx: &Context, region: RegionRole, slot: &str) -> Result<bool, Failed> {
    let drop =
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active";
    Ok(!it.ask(cx, region, drop, &[&slot]).await?.is_empty())
}

/// Whom to follow, for `pg_rewind` and a base backup bring the source's own settings along, and a standby that follows
/// itself never takes a session to be told otherwise if it lacks the end of the log; and a checkpoint, without which a
/// source that was promoted a moment ago looks to `pg_rewind` as if it never had been.
async fn prepare_source(it: &Postgres, cx: &Context, from: RegionRole, way: &Way) -> Result<(), ProviderError> {
    let session = it.link.maintenance(cx, from).await?;
    let prepared = async {
        for statement in &way.there {
            session.client.batch_execute(statement).await?;
        }
        session.client.batch_execute("CHECKPOINT").await
    };
    match cx.clock.timeout(CHECKPOINT_MAX, prepared).await {
        Ok(done) => done.map_err(|error| Failed::from(error).into()),
        Err(_) => Err(ProviderError::Refused(format!("no checkpoint in {from} within {}", CHECKPOINT_MAX.short()))),
    }
}

/// Tells the source whom it would follow if it ever became a standby.
async fn tell_source(it: &Postgres, cx: &Context, from: RegionRole, told: &[String]) -> Result<(), Failed> {
    if told.is_empty() {
        return Ok(());
    }
    let session = it.link.maintenance(cx, from).await?;
    let telling = async {
        for statement in told {
            session.client.batch_execute(statement).await?;
        }
        Ok::<(), Failed>(())
    };
    let limit = it.link.settings.timeout.0;
    match cx.clock.timeout(limit, telling).await {
        Ok(done) => done,
        Err(_) => Err(Failed::Silent(format!("no answer within {limit}"))),
    }
}

/// Runs a program that must succeed, for after a failure the server is not as it was.
async fn act(it: &Postgres, cx: &Context, region: RegionRole, program: Program<'_>) -> Result<(), ProviderError> {
    let halfway = |what: String| {
        ProviderError::Halfway(format!(
            "the server in {region}: {what}; see whether it runs, and as what, before this is tried again"
        ))
    };
    match host::change(it, cx, region, program, &[]).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(what)) | Err(ProviderError::Refused(what)) => Err(halfway(what)),
        Err(error) => Err(error),
    }
}

/// Stops a server that runs.
async fn stop(it: &Postgres, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
    if host::runs(it, cx, region).await? {
        act(it, cx, region, Program { name: "stop", argv: &it.server(region).host_commands.stop }).await?;
    }
    Ok(())
}

/// Starts a server that its data folder says is a standby's, and sees that it is one.
async fn start(it: &Postgres, cx: &Context, region: RegionRole) -> Result<(), ProviderError> {
    let commands = &it.server(region).host_commands;
    if !commands.standby.is_empty() {
        act(it, cx, region, Program { name: "standby", argv: &commands.standby }).await?;
    }
    // What rewound it may have started it as well.
    let runs = host::runs(it, cx, region).await.map_err(|error| match error {
        ProviderError::Refused(what) => ProviderError::Halfway(format!("the server in {region}: {what}")),
        other => other,
    });
    if !runs? {
        act(it, cx, region, Program { name: "start", argv: &commands.start }).await?;
    }
    let look = look::one(it, cx, region).await;
    if matches!(&look, Ok(look) if !look.standby) {
        let why = format!(
            "the server in {region} came up as one that takes writes: neither `standby` nor what rewound it marks its \
             data folder"
        );
        return Err(ProviderError::Halfway(match stop(it, cx, region).await {
            Ok(()) => format!("{why}; it was stopped at once"),
            Err(error) => format!("{why}, and it could not be stopped: {error}: stop it by hand, now"),
        }));
    }
    Ok(())
}

/// How far a standby is, and whether it streams.
const STATE: &str = "SELECT (coalesce(pg_last_wal_replay_lsn(), '0/0') - '0/0'::pg_lsn)::int8, EXISTS (SELECT FROM \
     pg_stat_wal_receiver WHERE status = 'streaming')";

/// Has the standby follow `from`, and waits until it streams and has all that `from` had.
async fn follow(it: &Postgres, cx: &Context, from: RegionRole, to: RegionRole, way: &Way) -> Result<(), ProviderError> {
    let halfway = |what: String| ProviderError::Halfway(format!("the server in {to} does not follow {from}: {what}"));
    let set = way.here(it, cx, to).await.map_err(|failed| halfway(failed.to_string()))?;
    for statement in set.iter().map(String::as_str).chain(["SELECT pg_reload_conf()"]) {
        it.ask(cx, to, statement, &[]).await.map_err(|failed| halfway(failed.to_string()))?;
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

/// Takes away what a standby does not need: the fence, and the slot that the other side used when this one was the
/// primary, which would keep its log for ever. The source is told whom it would follow if it ever became a standby.
async fn finish(it: &Postgres, cx: &Context, from: RegionRole, to: RegionRole, way: &Way) -> Result<(), ProviderError> {
    if look::one(it, cx, to).await?.marked {
        fence::take_away(it, cx, to).await?;
    }
    if let Some(slot) = &it.server(from).slot {
        drop_slot(it, cx, to, slot).await?;
    }
    Ok(tell_source(it, cx, from, &way.back).await?)
}
