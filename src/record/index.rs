//! What the index of runs keeps of a record.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::service::ServiceRecord;
use super::{LegVerdict, Record, StepRecord};
use crate::id::RunId;
use crate::measure::{Judgement, Measure};
use crate::model::{Leg, Showing};
use crate::time::Span;

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
    /// What the tables of coverage need beside.
    pub detail: IndexDetail,
}

/// What the tables of coverage need of a run; kept as one text in the index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexDetail {
    /// The occurrence of its playbook's schedule that it was begun for, if that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurrence: Option<String>,
    /// Whether its playbook had a schedule.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub scheduled: bool,
    /// The time zone of that schedule: in which its quarters begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Whether a step of its failover leg promoted the other side or moved users there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub switched: bool,
    /// The verdict of its failover leg, if that began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failover: Option<LegVerdict>,
    /// The objective of the failover leg's recovery time, and how it was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rto: Option<(Span, Judgement)>,
    /// The longest outage in the failover leg that would have been missed, where none was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub none_seen: Option<Span>,
    /// The objective of its data loss, and how it was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpo: Option<(Span, Judgement)>,
    /// What users saw of each service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<IndexService>,
}

/// A service in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexService {
    /// Its name.
    pub id: String,
    /// For people.
    pub title: String,
    /// The recovery time in the failover leg, at least and at most, where an outage was seen and ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rta: Option<(Span, Span)>,
    /// The longest outage that would have been missed in any leg where none was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub none_seen: Option<Span>,
    /// Its objective there and how that was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rto: Option<(Span, Judgement)>,
    /// Whether any of its objectives, in either leg, was not shown to be met.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fell_short: bool,
    /// Its outages: seconds since 1970 at which they began, and how long they were at most; none where that is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outages: Vec<(i64, Option<Span>)>,
}

impl IndexRow {
    /// The day on which it began, where its schedule says what the time is; else in UTC. The quarter that it counts for is
    /// that of this day, in every table. `None`: its beginning can't be read.
    #[must_use]
    pub fn day(&self) -> Option<Date> {
        Some(day(self.started_at.parse().ok()?, self.detail.zone.as_deref()))
    }
}

impl Record {
    /// The same of a record.
    #[must_use]
    pub fn day(&self) -> Date {
        let zone = self.header.schedule.as_ref().map(|schedule| schedule.timezone.as_str());
        day(self.header.started_at, zone)
    }
}

/// The day that an instant is on in a zone. One that this machine does not know can't be in a checked playbook.
fn day(at: Timestamp, zone: Option<&str>) -> Date {
    zone.and_then(|zone| TimeZone::get(zone).ok()).unwrap_or(TimeZone::UTC).to_datetime(at).date()
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
        detail: IndexDetail {
            occurrence: header.origin.occurrence.clone(),
            scheduled: header.schedule.is_some(),
            zone: header.schedule.as_ref().map(|schedule| schedule.timezone.clone()),
            switched: record.steps.iter().any(switched),
            failover: leg.filter(|leg| leg.started.is_some()).map(|leg| leg.verdict),
            rto: leg.and_then(|leg| Some((leg.rto?, leg.rto_judgement))),
            none_seen: leg.and_then(|leg| none_seen(&leg.rta)),
            rpo: leg.and_then(|leg| Some((leg.rpo?, leg.rpo_judgement))),
            services: record.services.iter().map(|service| index_service(service, header.started_at)).collect(),
        },
    }
}

fn index_service(service: &ServiceRecord, started: jiff::Timestamp) -> IndexService {
    let failover = service.legs.iter().find(|leg| leg.leg == Leg::Failover);
    let began = |at: crate::time::Moment| {
        let after = i64::try_from(at.0 / 1_000_000_000).unwrap_or(i64::MAX);
        started.as_second().saturating_add(after)
    };
    IndexService {
        id: service.id.to_string(),
        title: service.title.clone(),
        rta: failover.and_then(|leg| match leg.rta {
            Measure::Between { lower, upper } => Some((lower, upper)),
            _ => None,
        }),
        none_seen: service.legs.iter().filter_map(|leg| none_seen(&leg.rta)).max(),
        rto: failover.and_then(|leg| Some((leg.rto?, leg.judgement))),
        fell_short: service.legs.iter().any(|leg| leg.judgement.fails()),
        outages: service.outages.iter().map(|it| (began(it.outage.start()), it.length.upper())).collect(),
    }
}

fn none_seen(measure: &Measure) -> Option<Span> {
    match measure {
        Measure::NoneSeen { resolution } => Some(*resolution),
        _ => None,
    }
}

fn switched(step: &StepRecord) -> bool {
    step.state.is_good() && step.bears_on.contains(&Showing::SwitchedOver)
}

fn nanos(measure: &Measure) -> Option<i64> {
    match measure {
        Measure::Between { upper: span, .. } | Measure::NoneLost { resolution: span } => i64::try_from(span.0).ok(),
        Measure::NoneSeen { .. } | Measure::MoreThan { .. } | Measure::NotMeasured { .. } => None,
    }
}
