//! What the index of runs keeps of a record.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::id::RunId;
use crate::measure::Measure;
use crate::model::Leg;

/// The part of the store's row that a journal tells; what the file system tells (length, time) is the store's. It
/// stands here, as plain values, because `record` may not know the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexRow {
    /// The run.
    pub run: RunId,
    /// The playbook's name.
    pub playbook: String,
    /// Its title.
    pub title: String,
    /// What it was run on.
    pub environment: String,
    /// How.
    pub mode: String,
    /// The wall clock at the start, RFC 3339.
    pub started_at: String,
    /// The wall clock at the end.
    pub finished_at: Option<String>,
    /// The verdict; `None` if the journal has no end.
    pub verdict: Option<String>,
    /// Where the world was left; `None` if the journal has no end.
    pub world: Option<String>,
    /// The exit code.
    pub exit_code: Option<u8>,
    /// The upper end of the failover leg's recovery time, in nanoseconds, where an outage was seen and ended.
    pub rta_ns: Option<i64>,
    /// The upper end of the failover leg's data loss, in nanoseconds; where none was lost, the shortest that
    /// would have been seen.
    pub rpa_ns: Option<i64>,
    /// The hash of the journal's last line.
    pub journal_head: String,
    /// Whether all or part of it was simulated.
    pub simulated: bool,
}

/// The row of a run.
#[must_use]
pub fn index_row(record: &Record) -> IndexRow {
    let header = &record.header;
    let ended = record.ended.exit.is_some();
    let leg = record.legs.iter().find(|leg| leg.leg == Leg::Failover);
    IndexRow {
        run: header.run.clone(),
        playbook: header.playbook.clone(),
        title: header.title.clone(),
        environment: header.environment.to_string(),
        mode: header.mode.to_string(),
        started_at: header.started_at.to_string(),
        finished_at: header.finished_at.map(|at| at.to_string()),
        verdict: ended.then(|| record.ended.verdict.to_string()),
        world: ended.then(|| record.ended.world.to_string()),
        exit_code: record.ended.exit.map(u8::from),
        rta_ns: leg.and_then(|leg| nanos(&leg.rta)),
        rpa_ns: leg.and_then(|leg| nanos(&leg.rpa)),
        journal_head: header.heads.last.clone(),
        simulated: header.simulated.is_stamped(),
    }
}

fn nanos(measure: &Measure) -> Option<i64> {
    match measure {
        Measure::Between { upper: span, .. } | Measure::NoneLost { resolution: span } => i64::try_from(span.0).ok(),
        Measure::NoneSeen { .. } | Measure::MoreThan { .. } | Measure::NotMeasured { .. } => None,
    }
}
