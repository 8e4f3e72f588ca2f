//! Which playbooks and services were drilled, and with what result: a pure function of runs, whether they come from journals,
//! as in a quarter's bundle, or from an index.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{LegVerdict, Record};
use crate::id::RunId;
use crate::measure::{Judgement, Measure};
use crate::model::{Leg, Verdict};
use crate::time::Span;

/// A length against its objective.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Against {
    /// What was measured.
    pub measure: Measure,
    /// What was allowed.
    pub objective: Option<Span>,
    /// Whether it was kept.
    pub judgement: Judgement,
}

/// What of a run counts towards coverage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoveredRun {
    /// Which.
    pub run: RunId,
    /// Its playbook's name.
    pub playbook: String,
    /// For people.
    pub title: String,
    /// When it began.
    pub started: Timestamp,
    /// How it ended.
    pub verdict: Verdict,
    /// Whether all or part of it was simulated.
    pub simulated: bool,
    /// Recovery time of the failover.
    pub rta: Option<Against>,
    /// Data loss of the failover.
    pub rpa: Option<Against>,
    /// Its services by their titles, each with its recovery time in the failover.
    pub services: Vec<(String, Against)>,
}

impl CoveredRun {
    /// Of a record.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let header = &record.header;
        let failover = record.legs.iter().find(|leg| leg.leg == Leg::Failover && leg.verdict != LegVerdict::NotReached);
        let rta =
            failover.map(|leg| Against { measure: leg.rta.clone(), objective: leg.rto, judgement: leg.rto_judgement });
        let rpa =
            failover.map(|leg| Against { measure: leg.rpa.clone(), objective: leg.rpo, judgement: leg.rpo_judgement });
        let services = record.services.iter().filter(|_| failover.is_some()).filter_map(|service| {
            let own = service.legs.iter().find(|own| own.leg == Leg::Failover)?;
            let against = Against { measure: own.rta.clone(), objective: own.rto, judgement: own.judgement };
            Some((service.title.clone(), against))
        });
        Self {
            run: header.run.clone(),
            playbook: header.playbook.clone(),
            title: header.title.clone(),
            started: header.started_at,
            verdict: record.ended.verdict,
            simulated: header.simulated.is_stamped(),
            services: services.collect(),
            rta,
            rpa,
        }
    }
}

/// How far something is covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covered {
    /// The newest real drill passed.
    Passed,
    /// The newest real drill did not.
    Failed,
    /// There were rehearsals on a simulation alone.
    SimulatedOnly,
}

/// A playbook, or a service of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageRow {
    /// The playbook's name.
    pub playbook: String,
    /// The service's title; none for the playbook as a whole.
    pub service: Option<String>,
    /// How far.
    pub covered: Covered,
    /// Real drills that passed, for a service: those in which it kept its objective.
    pub passed: u32,
    /// Real drills that did not.
    pub failed: u32,
    /// Rehearsals.
    pub simulated: u32,
    /// The newest run that counts: a real one if there is one.
    pub newest: RunId,
    /// When that began.
    pub at: Timestamp,
    /// Its recovery time.
    pub rta: Option<Against>,
    /// Its data loss; of a playbook only.
    pub rpa: Option<Against>,
}

/// The rows: each playbook by name, its services after it.
#[must_use]
pub fn coverage(runs: &[CoveredRun]) -> Vec<CoverageRow> {
    let mut in_order: Vec<&CoveredRun> = runs.iter().collect();
    in_order.sort_by(|a, b| (a.started, &a.run).cmp(&(b.started, &b.run)));
    let mut rows: BTreeMap<(&str, Option<&str>), CoverageRow> = BTreeMap::new();
    for run in in_order {
        let passed = run.verdict == Verdict::Passed;
        take(&mut rows, run, None, passed, run.rta.as_ref(), run.rpa.as_ref());
        for (service, against) in &run.services {
            // A drill may have failed elsewhere: a service is covered where its own objective was kept.
            let kept = if against.objective.is_some() { against.judgement == Judgement::Met } else { passed };
            take(&mut rows, run, Some(service), kept, Some(against), None);
        }
    }
    rows.into_values().collect()
}

fn take<'a>(
    rows: &mut BTreeMap<(&'a str, Option<&'a str>), CoverageRow>,
    run: &'a CoveredRun,
    service: Option<&'a str>,
    good: bool,
    rta: Option<&Against>,
    rpa: Option<&Against>,
) {
    let key = (run.playbook.as_str(), service);
    let row = rows.entry(key).or_insert_with(|| CoverageRow {
        playbook: run.playbook.clone(),
        service: service.map(str::to_owned),
        covered: Covered::SimulatedOnly,
        passed: 0,
        failed: 0,
        simulated: 0,
        newest: run.run.clone(),
        at: run.started,
        rta: None,
        rpa: None,
    });
    if run.simulated {
        row.simulated += 1;
        // A rehearsal never stands in the place of a real drill, however new.
        if row.covered != Covered::SimulatedOnly {
            return;
        }
    } else {
        *(if good { &mut row.passed } else { &mut row.failed }) += 1;
        row.covered = if good { Covered::Passed } else { Covered::Failed };
    }
    (row.newest, row.at) = (run.run.clone(), run.started);
    (row.rta, row.rpa) = (rta.cloned(), rpa.cloned());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str, at: &str, verdict: Verdict, simulated: bool) -> CoveredRun {
        let against = |judgement| Against {
            measure: Measure::Between { lower: Span::from_secs(1), upper: Span::from_secs(2) },
            objective: Some(Span::from_secs(3)),
            judgement,
        };
        CoveredRun {
            run: RunId::new(id).unwrap(),
            playbook: "drill".to_owned(),
            title: "Drill".to_owned(),
            started: at.parse().unwrap(),
            verdict,
            simulated,
            rta: Some(against(Judgement::Met)),
            rpa: None,
            services: vec![("Web".to_owned(), against(Judgement::Met)), ("Git".to_owned(), against(Judgement::Missed))],
        }
    }

    #[test]
    fn a_rehearsal_never_stands_in_for_a_real_drill() {
        let real = run("one", "2026-10-01T00:00:00Z", Verdict::Failed, false);
        let later = run("two", "2026-11-01T00:00:00Z", Verdict::Passed, true);
        for runs in [vec![real.clone(), later.clone()], vec![later.clone(), real]] {
            let rows = coverage(&runs);
            assert_eq!((rows[0].covered, rows[0].newest.as_str()), (Covered::Failed, "one"));
            assert_eq!((rows[0].passed, rows[0].failed, rows[0].simulated), (0, 1, 1));
        }
        assert_eq!(coverage(&[later])[0].covered, Covered::SimulatedOnly);
    }

    #[test]
    fn a_service_is_judged_by_its_own_objective() {
        let rows = coverage(&[run("one", "2026-10-01T00:00:00Z", Verdict::Failed, false)]);
        let covered: Vec<_> = rows.iter().map(|row| (row.service.as_deref(), row.covered)).collect();
        assert_eq!(covered, [(None, Covered::Failed), (Some("Git"), Covered::Failed), (Some("Web"), Covered::Passed)]);
    }

    #[test]
    fn the_newest_real_drill_counts() {
        let rows = coverage(&[
            run("two", "2026-11-01T00:00:00Z", Verdict::Passed, false),
            run("one", "2026-10-01T00:00:00Z", Verdict::Failed, false),
        ]);
        assert_eq!((rows[0].covered, rows[0].passed, rows[0].failed), (Covered::Passed, 1, 1));
    }
}
