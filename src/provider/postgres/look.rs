//! What a server is: its role, how far its log goes, whom it follows, how far behind, whether it is fenced.

use tokio_postgres::Row;

use super::link::Failed;
use super::{Postgres, conninfo, hba};
use crate::id::RegionRole;
use crate::infrastructure::real::postgres::Server;
use crate::resource::{Context, DatabaseInstance, DatabaseState, ReplicaRole, Seen};
use crate::time::{Moment, Span};

/// A standby that is behind by what was written between two looks is not behind: it is looked at again so long.
const LOOK_AGAIN_MAX: Span = Span::from_millis(200);
/// Between these looks.
const LOOK_AGAIN: Span = Span::from_millis(10);

/// All of it in one question. `$1`: the fence's first line, `$2`: the maintenance database.
const QUESTION: &str = "
SELECT pg_is_in_recovery() AS standby,
  (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END
    - '0/0'::pg_lsn)::int8 AS position,
  CASE WHEN pg_is_in_recovery()
    THEN GREATEST((SELECT timeline_id FROM pg_control_checkpoint()),
                  (SELECT min_recovery_end_timeline FROM pg_control_recovery()),
                  (SELECT received_tli FROM pg_stat_wal_receiver))
    ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int4 END AS timeline,
  (SELECT sender_host FROM pg_stat_wal_receiver) AS sender_host,
  (SELECT sender_port FROM pg_stat_wal_receiver) AS sender_port,
  (SELECT setting FROM pg_settings WHERE name = 'primary_conninfo') AS conninfo,
  (extract(epoch FROM clock_timestamp()) * 1000000)::int8 AS now_us,
  (extract(epoch FROM pg_last_xact_replay_timestamp()) * 1000000)::int8 AS newest_us,
  (SELECT (extract(epoch FROM max(replay_lag)) * 1000000)::int8 FROM pg_stat_replication) AS replay_lag_us,
  position(convert_to($1, 'UTF8') IN pg_read_binary_file(current_setting('hba_file'))) > 0 AS marked,
  (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'
    AND NOT (datname = $2 AND usename = current_user)) AS strangers";

/// What one server says of itself.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) standby: bool,
    pub(super) position: u64,
    pub(super) timeline: u32,
    sender: Option<(String, u16)>,
    now_us: i64,
    newest_us: Option<i64>,
    replay_lag_us: Option<i64>,
    /// Whether the fence stands in its `pg_hba.conf`.
    pub(super) marked: bool,
    /// Sessions that are none of Muster's looking.
    strangers: i64,
    /// When it was asked, by Muster's clock.
    at: Moment,
}

impl Look {
    fn of(row: &Row, at: Moment) -> Result<Self, tokio_postgres::Error> {
        let host: Option<String> = row.try_get("sender_host")?;
        let port: Option<i32> = row.try_get("sender_port")?;
        let conninfo: Option<String> = row.try_get("conninfo")?;
        let streaming = host.zip(port.and_then(|port| u16::try_from(port).ok()));
        let position: Option<i64> = row.try_get("position")?;
        let timeline: Option<i32> = row.try_get("timeline")?;
        Ok(Self {
            standby: row.try_get("standby")?,
            position: position.and_then(|it| u64::try_from(it).ok()).unwrap_or_default(),
            timeline: timeline.and_then(|it| u32::try_from(it).ok()).unwrap_or_default(),
            sender: streaming.or_else(|| conninfo.as_deref().and_then(sender)),
            now_us: row.try_get("now_us")?,
            newest_us: row.try_get("newest_us")?,
            replay_lag_us: row.try_get("replay_lag_us")?,
            marked: row.try_get("marked")?,
            strangers: row.try_get("strangers")?,
            at,
        })
    }

    fn follows(&self, server: &Server) -> bool {
        let (peer, peer_port) = server.for_peer();
        self.standby
            && self.sender.as_ref().is_some_and(|(host, port)| {
                (host == peer && *port == peer_port) || (*host == server.host && *port == server.port)
            })
    }
}

/// Host and port of a connection string.
pub(super) fn sender(conninfo: &str) -> Option<(String, u16)> {
    let port = conninfo::value(conninfo, "port").map_or(Some(5432), |port| port.parse().ok())?;
    Some((conninfo::value(conninfo, "host")?, port))
}

/// Looks at `region`'s server once.
pub(super) async fn one(it: &Postgres, cx: &Context, region: RegionRole) -> Result<Look, Failed> {
    let at = cx.clock.now();
    let maintenance = it.link.settings.maintenance.as_str();
    let asked = it.ask(cx, region, QUESTION, &[&hba::BEGIN, &maintenance]).await;
    let rows = match asked {
        // The end of a recovery can fall between two parts of the question.
        Err(Failed::Said { .. }) => it.ask(cx, region, QUESTION, &[&hba::BEGIN, &maintenance]).await?,
        asked => asked?,
    };
    let row = rows.first().ok_or_else(|| Failed::Here("an answer without a row".to_owned()))?;
    Ok(Look::of(row, at)?)
}

/// Whether the fence of a server holds: it stands in its file, nobody from before is left, and the server goes by it, as
/// `newcomer` found who asked for a session. Who got no answer found nothing: a server that is stopped behind its fence,
/// to be rebuilt, takes no writes.
fn holds(look: &Look, newcomer: Result<(), Failed>) -> Result<bool, Failed> {
    match newcomer {
        Err(failed) if failed.is_rejected() => Ok(look.strangers == 0),
        Ok(()) | Err(Failed::Said { .. }) => Ok(false),
        Err(failed) => Err(failed),
    }
}

async fn instance(it: &Postgres, cx: &Context, region: RegionRole) -> Result<(Look, bool), Failed> {
    let look = one(it, cx, region).await?;
    let fenced = look.marked && holds(&look, it.link.app(cx, region, "muster look").await.map(drop))?;
    Ok((look, fenced))
}

/// Both servers, side by side.
pub(super) async fn both(it: &Postgres, cx: &Context) -> DatabaseState {
    let [primary, secondary] = RegionRole::ALL;
    let (first, second) = tokio::join!(instance(it, cx, primary), instance(it, cx, secondary));
    let mut looks = [first, second];
    let mut regions = std::collections::BTreeMap::new();
    for (n, region) in RegionRole::ALL.into_iter().enumerate() {
        let source = looks[1 - n].as_ref().ok().map(|(look, _)| look.clone());
        let seen = match &mut looks[n] {
            Ok((look, fenced)) => {
                let follows = look.follows(it.server(region.other()));
                let lag = match &source {
                    Some(source) if follows => lag(it, cx, region, look, source).await,
                    _ => None,
                };
                Seen::Is(DatabaseInstance {
                    role: if look.standby { ReplicaRole::Replica } else { ReplicaRole::Primary },
                    fenced: *fenced,
                    writable: !look.standby && !*fenced,
                    replicates_from: (follows && look.standby).then(|| region.other()),
                    position: look.position,
                    timeline: look.timeline,
                    lag,
                })
            }
            Err(failed) => Seen::Unreachable(failed.to_string()),
        };
        regions.insert(region, seen);
    }
    DatabaseState { regions }
}

/// How far a standby is behind `source`, whom it follows. One that has all that there was is not behind, however long
/// ago that was written.
async fn lag(it: &Postgres, cx: &Context, region: RegionRole, look: &mut Look, source: &Look) -> Option<Span> {
    let began = cx.clock.now();
    while look.position < source.position && cx.clock.now().since(began) < LOOK_AGAIN_MAX {
        cx.clock.sleep(LOOK_AGAIN).await;
        *look = one(it, cx, region).await.ok()?;
        if !look.standby {
            return None;
        }
        if look.position >= source.position {
            return Some(look.at.since(source.at));
        }
    }
    if look.position >= source.position {
        return Some(Span::ZERO);
    }
    // By the source's clock alone: when it committed what the standby replayed last.
    let micros = source.replay_lag_us.or_else(|| look.newest_us.map(|newest| source.now_us - newest))?;
    let lag = Span(u64::try_from(micros).unwrap_or_default().saturating_mul(1_000));
    Some(lag.max(cx.clock.now().since(source.at)))
}

/// How long ago what a standby replayed last was committed: by the clock of who committed it, and the standby's.
pub(super) async fn newest_commit_age(it: &Postgres, cx: &Context, region: RegionRole) -> Option<Span> {
    let question = "SELECT (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000000)::int8";
    let micros: Option<i64> = it.ask_one(cx, region, question, &[]).await.ok()?;
    Some(Span(u64::try_from(micros?).unwrap_or_default().saturating_mul(1_000)))
}

#[cfg(test)]
mod tests {
    use super::{Look, holds, sender};
    use crate::provider::postgres::link::Failed;
    use crate::time::Moment;

    #[test]
    fn a_server_that_stops_behind_its_fence_is_not_taken_for_one_that_takes_writes() {
        let look = |strangers| Look {
            standby: false,
            position: 1,
            timeline: 1,
            sender: None,
            now_us: 0,
            newest_us: None,
            replay_lag_us: None,
            marked: true,
            strangers,
            at: Moment::ZERO,
        };
        let said = |code: &str| Err(Failed::Said { code: code.to_owned(), words: String::new() });
        assert_eq!(holds(&look(0), said("28000")), Ok(true));
        assert_eq!(holds(&look(1), said("28000")), Ok(false), "a session from before goes on");
        assert_eq!(holds(&look(0), Ok(())), Ok(false), "it does not go by its file");
        assert_eq!(holds(&look(0), said("53300")), Ok(false), "it let one past its rules");
        let silent = Failed::Silent("FATAL: the database system is shutting down".to_owned());
        assert_eq!(holds(&look(0), Err(silent.clone())), Err(silent));
    }

    #[test]
    fn whom_a_standby_follows_is_read_from_its_settings() {
        let text = "user=rep passfile='/var/lib/pg pass' host=old host='10.0.0.1' port=5433 sslmode=prefer";
        assert_eq!(sender(text), Some(("10.0.0.1".to_owned(), 5433)));
        assert_eq!(sender("host=db1"), Some(("db1".to_owned(), 5432)));
        assert_eq!(sender("user=rep"), None);
    }
}
