//! From instants to places on the drawing's axis.
//!
//! Linear, but for long quiet stretches (a soak of half an hour): where nothing happens and no service is out, the
//! axis is cut short and the cut is drawn as such. An outage is never cut.

use std::collections::BTreeSet;

use crate::time::{Moment, Span};

/// A gap of at least this part of the run may be cut.
const QUIET_PART: u64 = 6;
/// What a cut takes of the length of all that is not cut.
const CUT_SHARE: f64 = 0.07;
/// Between two labels of the axis, in pixels.
const TICK_MIN_PX: f64 = 64.0;
/// Steps of the axis that people can add up, in seconds.
const STEPS: [u64; 19] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 604_800];

/// A stretch of the axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) cut: bool,
}

impl Stretch {
    pub(super) fn length(&self) -> Span {
        Span(self.to - self.from)
    }
}

pub(super) struct Scale {
    stretches: Vec<Stretch>,
}

impl Scale {
    /// `instants`: when something happens. `outages`: what must not be cut.
    pub(super) fn new(
        until: Moment,
        instants: &BTreeSet<Moment>,
        outages: &[(Moment, Moment)],
        left: f64,
        right: f64,
    ) -> Self {
        let end = until.0.max(1);
        let mut stretches: Vec<Stretch> = Vec::new();
        let mut from = 0;
        for to in instants.iter().map(|at| at.0).filter(|at| *at < end).chain([end]) {
            if to <= from {
                continue;
            }
            let out = outages.iter().any(|(start, stop)| start.0 < to && stop.0 > from);
            let cut = !out && to - from > end / QUIET_PART;
            match stretches.last_mut() {
                Some(last) if !last.cut && !cut => last.to = to,
                _ => stretches.push(Stretch { from, to, left: 0.0, right: 0.0, cut }),
            }
            from = to;
        }
        place(&mut stretches, left, right);
        Self { stretches }
    }

    /// Where an instant is.
    pub(super) fn x(&self, at: Moment) -> f64 {
        let Some(last) = self.stretches.last() else { return 0.0 };
        let stretch = self.stretches.iter().find(|stretch| at.0 <= stretch.to).unwrap_or(last);
        let part = (at.0.min(stretch.to) - stretch.from) as f64 / (stretch.to - stretch.from).max(1) as f64;
        stretch.left + part * (stretch.right - stretch.left)
    }

    /// The stretches that are cut short.
    pub(super) fn cuts(&self) -> impl Iterator<Item = &Stretch> {
        self.stretches.iter().filter(|stretch| stretch.cut)
    }

    /// The instants that get a label, never inside a cut.
    pub(super) fn ticks(&self) -> Vec<Moment> {
        let whole = |cut: bool| self.stretches.iter().filter(move |stretch| stretch.cut == cut);
        let (mut pixels, mut nanos) = (0.0, 0_u64);
        let only_cut = whole(false).next().is_none();
        for stretch in whole(only_cut) {
            pixels += stretch.right - stretch.left;
            nanos += stretch.to - stretch.from;
        }
        let least = TICK_MIN_PX / pixels.max(1.0) * nanos as f64 / 1e9;
        // Longer than any drill, but a journal that was changed may say so: eight labels then.
        let longest = nanos / 8_000_000_000;
        let step = STEPS.into_iter().find(|step| *step as f64 >= least).unwrap_or(longest);
        let step = step.max(1).saturating_mul(1_000_000_000);
        let mut ticks: Vec<Moment> = Vec::new();
        for stretch in whole(only_cut) {
            let mut at = stretch.from.div_ceil(step).saturating_mul(step);
            while at <= stretch.to && ticks.len() < 64 {
                let far = ticks.last().is_none_or(|last| self.x(Moment(at)) - self.x(*last) >= TICK_MIN_PX * 0.8);
                if far {
                    ticks.push(Moment(at));
                }
                let Some(next) = at.checked_add(step) else { break };
                at = next;
            }
        }
        ticks
    }
}

/// Shares the width out: what is cut gets a fixed share, the rest its time's.
fn place(stretches: &mut [Stretch], left: f64, right: f64) {
    let kept: u64 = stretches.iter().filter(|stretch| !stretch.cut).map(|stretch| stretch.to - stretch.from).sum();
    let weight = |stretch: &Stretch| {
        let length = (stretch.to - stretch.from) as f64;
        if stretch.cut && kept > 0 { length.min(kept as f64 * CUT_SHARE) } else { length }
    };
    let total: f64 = stretches.iter().map(weight).sum();
    let mut x = left;
    for stretch in stretches {
        stretch.cut &= kept > 0;
        stretch.left = x;
        x += weight(stretch) / total.max(1.0) * (right - left);
        stretch.right = x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment(seconds * 1_000_000_000)
    }

    #[test]
    fn a_long_quiet_stretch_is_cut_but_no_outage() {
        let instants: BTreeSet<Moment> = (0..=10).chain(90..=100).map(at).collect();
        let scale = Scale::new(at(100), &instants, &[], 0.0, 1000.0);
        assert_eq!(scale.cuts().count(), 1);
        assert!(scale.x(at(10)) > 400.0 && scale.x(at(90)) < 600.0);
        assert!((scale.x(at(100)) - 1000.0).abs() < 0.01);
        let out = Scale::new(at(100), &instants, &[(at(20), at(30))], 0.0, 1000.0);
        assert_eq!(out.cuts().count(), 0);
        assert!((out.x(at(50)) - 500.0).abs() < 0.01);
    }

    #[test]
    fn the_longest_time_has_few_labels() {
        let scale = Scale::new(Moment(u64::MAX), &BTreeSet::new(), &[], 0.0, 1000.0);
        assert!(scale.ticks().len() < 64);
    }

    #[test]
    fn places_never_go_back_and_labels_keep_their_distance() {
        let instants: BTreeSet<Moment> = [3, 4, 9, 500, 1000, 90_000, 90_050].map(at).into();
        let scale = Scale::new(at(90_100), &instants, &[], 190.0, 976.0);
        let xs: Vec<f64> = (0..=901).map(|n| scale.x(at(n * 100))).collect();
        assert!(xs.is_sorted() && xs[0] >= 190.0 && xs[901] <= 976.01);
        let ticks = scale.ticks();
        assert!((2..64).contains(&ticks.len()), "{ticks:?}");
        assert!(ticks.windows(2).all(|pair| scale.x(pair[1]) - scale.x(pair[0]) > 50.0));
    }

    #[test]
    fn a_run_without_length_has_a_scale() {
        let scale = Scale::new(Moment::ZERO, &BTreeSet::new(), &[], 0.0, 10.0);
        assert!(scale.x(Moment::ZERO).is_finite() && scale.x(Moment::MAX) <= 10.0);
    }
}
