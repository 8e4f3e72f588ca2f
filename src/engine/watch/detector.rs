//! A service's state from its samples, one by one.

use crate::id::RegionRole;
use crate::model::Sample;
use crate::resource::HealthState;
use crate::time::Moment;

/// Follows one probe: how many samples in a row say what, and what that makes of it.
#[derive(Clone, Debug)]
pub(super) struct Detector {
    healthy_after: u32,
    unhealthy_after: u32,
    /// Only this region's answers end an outage.
    active: Option<RegionRole>,
    state: HealthState,
    since: Moment,
    good: Streak,
    bad: Streak,
    last_healthy: Option<Moment>,
    outage: Option<Moment>,
}

/// Samples in a row that say the same.
#[derive(Clone, Copy, Debug, Default)]
struct Streak {
    length: u32,
    /// When the first of them was sent.
    from: Moment,
}

impl Streak {
    fn grow(&mut self, sent: Moment) {
        if self.length == 0 {
            self.from = sent;
        }
        self.length = self.length.saturating_add(1);
    }
}

/// What a sample counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// As what it says.
    Fully,
    /// As neither healthy nor not: the witness fails too.
    AsUnknown,
}

impl Detector {
    pub(super) fn new(healthy_after: u32, unhealthy_after: u32) -> Self {
        Self {
            healthy_after: healthy_after.max(1),
            unhealthy_after: unhealthy_after.max(1),
            active: None,
            state: HealthState::Unknown,
            since: Moment::ZERO,
            good: Streak::default(),
            bad: Streak::default(),
            last_healthy: None,
            outage: None,
        }
    }

    /// From now on only answers of `region` end an outage.
    pub(super) fn activate(&mut self, region: RegionRole) {
        self.active = Some(region);
    }

    /// Takes the next sample in.
    pub(super) fn observe(&mut self, sample: &Sample, counts: Counts) {
        if sample.is_healthy() {
            self.bad = Streak::default();
            let elsewhere = self.active.is_some() && sample.region != self.active;
            if self.state == HealthState::Unhealthy && elsewhere {
                self.good = Streak::default();
                return;
            }
            self.good.grow(sample.sent);
            self.last_healthy = Some(sample.sent);
            if self.state != HealthState::Healthy && self.good.length >= self.healthy_after {
                (self.state, self.since, self.outage) = (HealthState::Healthy, self.good.from, None);
            }
        } else if counts == Counts::Fully {
            self.good = Streak::default();
            self.bad.grow(sample.sent);
            if self.state != HealthState::Unhealthy && self.bad.length >= self.unhealthy_after {
                (self.state, self.since) = (HealthState::Unhealthy, self.bad.from);
                self.outage = Some(self.last_healthy.unwrap_or(self.bad.from));
            }
        }
    }

    pub(super) fn state(&self) -> HealthState {
        self.state
    }

    /// When the first sample of the streak that made the state was sent.
    pub(super) fn since(&self) -> Moment {
        self.since
    }

    /// When the outage that is open began: the sending of the last healthy sample before it.
    pub(super) fn outage(&self) -> Option<Moment> {
        self.outage
    }

    /// Whether more samples like `sample` leave everything as it is.
    pub(super) fn is_settled(&self, sample: &Sample) -> bool {
        if sample.is_healthy() {
            self.state == HealthState::Healthy && self.bad.length == 0
        } else {
            self.state == HealthState::Unhealthy && self.good.length == 0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SampleResult;
    use crate::resource::Stages;
    use crate::time::Span;

    fn sample(secs: u64, says: char) -> Sample {
        let sent = Moment::ZERO + Span::from_secs(secs);
        let (result, region) = match says {
            'p' => (SampleResult::Healthy, Some(RegionRole::Primary)),
            's' => (SampleResult::Healthy, Some(RegionRole::Secondary)),
            _ => (SampleResult::Unhealthy("down".into()), None),
        };
        Sample {
            tick: secs,
            scheduled: sent,
            sent,
            answered: sent + Span::from_millis(5),
            result,
            address: None,
            region,
            stages: Stages::default(),
        }
    }

    /// The state after each sample, as a letter; `?` before a sample makes it count as unknown.
    fn states(detector: &mut Detector, samples: &str) -> String {
        let (mut counts, mut secs) = (Counts::Fully, 0);
        let mut told = String::new();
        for says in samples.chars() {
            if says == '?' {
                counts = Counts::AsUnknown;
                continue;
            }
            detector.observe(&sample(secs, says), std::mem::replace(&mut counts, Counts::Fully));
            secs += 1;
            told.push(match detector.state() {
                HealthState::Unknown => '-',
                HealthState::Healthy => 'h',
                HealthState::Unhealthy => 'u',
            });
        }
        told
    }

    #[test]
    fn a_state_takes_so_many_samples_in_a_row() {
        let mut detector = Detector::new(3, 2);
        assert_eq!(states(&mut detector, "pppxpxxppxppp"), "--hhhhuuuuuuh");
        assert_eq!(detector.since(), Moment::ZERO + Span::from_secs(10));
        assert_eq!(detector.outage(), None);
    }

    #[test]
    fn an_outage_begins_with_the_last_healthy_sample() {
        let mut detector = Detector::new(3, 2);
        assert_eq!(states(&mut detector, "ppppxx"), "--hhhu");
        assert_eq!(detector.outage(), Some(Moment::ZERO + Span::from_secs(3)));
    }

    #[test]
    fn only_the_active_region_ends_an_outage() {
        let mut detector = Detector::new(2, 2);
        assert_eq!(states(&mut detector, "ppxx"), "-hhu");
        detector.activate(RegionRole::Secondary);
        assert_eq!(states(&mut detector, "ppppspss"), "uuuuuuuh");
    }

    #[test]
    fn unknown_samples_count_for_nothing() {
        let mut detector = Detector::new(2, 2);
        assert_eq!(states(&mut detector, "pp?x?x?x"), "-hhhh");
        assert_eq!(detector.outage(), None);
    }
}
