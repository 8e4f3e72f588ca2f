//! A rehearsal in which nothing is wrong: where what is to be wrong may set in.

use crate::id::{ServiceId, StepId};
use crate::model::{Leg, Plan, ProbePlan, Service};
use crate::record::{Record, StepRecord};
use crate::time::{Moment, Span};

/// A plan, and its rehearsal with nothing wrong.
#[derive(Clone, Copy, Debug)]
pub struct Baseline<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What became of it.
    pub record: &'a Record,
}

/// So far apart from what is not meant: more than any look or answer of the twin takes.
pub(super) const MARGIN: Span = Span::from_secs(1);

/// For so long a probe must fail until that counts, at the most.
pub(super) fn noticed_after(probe: &ProbePlan) -> Span {
    probe.every * (u64::from(probe.unhealthy_after) + 1) + probe.timeout + MARGIN
}

/// `at`, so much earlier; never before the start.
pub(super) fn before(at: Moment, by: Span) -> Moment {
    Moment(at.0.saturating_sub(by.0))
}

impl<'a> Baseline<'a> {
    pub(super) fn step(self, id: &StepId) -> Option<&'a StepRecord> {
        self.record.steps.iter().find(|step| step.id == *id)
    }

    pub(super) fn service(self, id: &ServiceId) -> Option<&'a Service> {
        self.plan.services.iter().find(|service| service.id == *id)
    }

    /// When a step began and ended.
    pub(super) fn times(self, id: &StepId) -> Option<(Moment, Moment)> {
        let step = self.step(id)?;
        Some((step.started?, step.ended?))
    }

    /// The step that took longest: whatever goes wrong in the midst of it has time to be noticed.
    pub(super) fn longest(self) -> Option<(Moment, Moment)> {
        let all = self.record.steps.iter().filter_map(|step| Some((step.started?, step.ended?)));
        // The first of several.
        all.max_by_key(|(from, to)| (to.since(*from), std::cmp::Reverse(*from)))
    }

    /// The longest time in which a service was well: from when on, and for how long.
    pub(super) fn well(self, id: &ServiceId) -> Option<(Moment, Span)> {
        let service = self.record.services.iter().find(|service| service.id == *id)?;
        let mut from = Moment::ZERO;
        let mut best: Option<(Moment, Span)> = None;
        let ends = service.outages.iter().map(|it| (it.outage.start(), it.outage.end()));
        for (start, end) in ends.chain([(self.record.header.until, None)]) {
            let long = start.since(from);
            if best.is_none_or(|(_, longest)| long > longest) {
                best = Some((from, long));
            }
            match end {
                Some(end) => from = end,
                None => break,
            }
        }
        best
    }

    /// The first outage of a service in a leg: when its first sample failed, and when it was over.
    pub(super) fn outage(self, id: &ServiceId, leg: Leg) -> Option<(Moment, Moment)> {
        let service = self.record.services.iter().find(|service| service.id == *id)?;
        let outage = service.outages.iter().find(|it| it.leg == leg)?;
        Some((outage.outage.first_bad, outage.outage.end()?))
    }
}
