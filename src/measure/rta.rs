//! Recovery times: from the first loss to the last recovery.

use super::{Measure, Outage, Parts};
use crate::time::{Moment, Span};

/// From the first loss of `outages` to the last recovery, whichever services they are of: flapping counts. `None` if
/// there are none. Without a last recovery, or without a sample before the first loss, it is more than what was seen.
#[must_use]
pub fn recovery_time<'a>(outages: impl IntoIterator<Item = &'a Outage>) -> Option<Measure> {
    let outages: Vec<&Outage> = outages.into_iter().collect();
    let first_bad = outages.iter().map(|outage| outage.first_bad).min()?;
    let last_bad = outages.iter().map(|outage| outage.last_bad).max()?;
    let lower = last_bad.since(first_bad);
    let known = outages.iter().all(|outage| outage.last_healthy.is_some());
    let whole = recovery_bounds(outages.iter().copied()).filter(|_| known);
    Some(match whole {
        Some((start, end)) => Measure::Between { lower, upper: end.since(start) },
        None => Measure::MoreThan { lower },
    })
}

/// Start and end of the upper end of [`recovery_time`]; `None` without an outage, or if one did not end.
#[must_use]
pub fn recovery_bounds<'a>(outages: impl IntoIterator<Item = &'a Outage>) -> Option<(Moment, Moment)> {
    let mut bounds: Option<(Moment, Moment)> = None;
    for outage in outages {
        let (start, end) = (outage.start(), outage.end()?);
        bounds = Some(bounds.map_or((start, end), |(from, to)| (from.min(start), to.max(end))));
    }
    bounds
}

/// The longest outage that a probe may miss: one that holds fewer samples than `unhealthy_after`, and one in the
/// longest time that went by without a healthy sample.
#[must_use]
pub fn resolution(every: Span, unhealthy_after: u32, longest_gap: Span) -> Span {
    (every * u64::from(unhealthy_after.max(1))).max(longest_gap)
}

/// What went on during a leg, for the parts of its recovery time. Stretches may overlap and need no order.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    /// When the phase `detect` ended; `None` without one.
    pub detected: Option<Moment>,
    /// When steps were acting.
    pub acting: Vec<(Moment, Moment)>,
    /// When people were asked; empty if nobody was.
    pub asking: Vec<(Moment, Moment)>,
    /// From a switch of names until the service was asked in the new region; empty without a switch.
    pub propagating: Vec<(Moment, Moment)>,
}

/// Parts the time from `start` to `end`: each instant goes to the first part that applies.
#[must_use]
pub fn parts(start: Moment, end: Moment, activity: &Activity) -> Parts {
    let mut left = vec![(start, end)];
    let detected = activity.detected.filter(|until| *until > start);
    let detection = detected.map(|until| take(&mut left, &[(Moment::ZERO, until)]));
    let within = |all: &[(Moment, Moment)]| all.iter().any(|(from, to)| *from < end && *to > start);
    let execution = within(&activity.acting).then(|| take(&mut left, &activity.acting));
    let decision = within(&activity.asking).then(|| take(&mut left, &activity.asking));
    let propagation = (!activity.propagating.is_empty()).then(|| take(&mut left, &activity.propagating));
    let stabilisation = Some(left.iter().map(|(from, to)| to.since(*from)).sum());
    Parts { detection, execution, decision, propagation, stabilisation }
}

/// Takes what lies in `stretches` out of `left`, and says how much that was.
fn take(left: &mut Vec<(Moment, Moment)>, stretches: &[(Moment, Moment)]) -> Span {
    let mut sorted: Vec<(Moment, Moment)> = stretches.iter().copied().filter(|(from, to)| from < to).collect();
    sorted.sort_unstable();
    let mut taken = Span::ZERO;
    let mut rest = Vec::new();
    for (mut from, to) in left.drain(..) {
        for (start, end) in &sorted {
            let (start, end) = ((*start).clamp(from, to), (*end).clamp(from, to));
            if start < end {
                if from < start {
                    rest.push((from, start));
                }
                taken += end.since(start);
                from = end;
            }
        }
        if from < to {
            rest.push((from, to));
        }
    }
    *left = rest;
    taken
}
