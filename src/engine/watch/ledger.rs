//! Which rows a canary's side acknowledged, and what was left of them after a promotion. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::resource::{CanaryRows, ForetellRows};
use crate::time::{Moment, Span};

/// So many of the newest acknowledged rows are kept one by one: three and a half hours of five a second.
const KEPT_SINGLY: u64 = 1 << 16;
/// So many ranges of older rows are kept; beyond that the oldest are only counted.
const RANGES_MAX: usize = 1 << 12;

/// Rows `first` to `last`, all acknowledged, the first of them at `at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: u64,
    last: u64,
    at: Moment,
}

/// Rows numbered one after another that were acknowledged one after another.
#[derive(Clone, Debug)]
pub(super) struct Acknowledged {
    pub(super) first: u64,
    /// How many, at least 1.
    pub(super) many: u64,
    pub(super) answers: Answers,
}

/// When rows were answered.
#[derive(Clone, Debug)]
pub(super) enum Answers {
    /// A single row, then.
    At(Moment),
    /// Foretold ones, the first of which was sent at `sent`: how long each took is told again when it is asked for.
    Foretold { sent: Moment, every: Span, by: Arc<dyn ForetellRows> },
}

impl Acknowledged {
    fn one(number: u64, at: Moment) -> Self {
        Self { first: number, many: 1, answers: Answers::At(at) }
    }

    /// The number of the last one.
    pub(super) fn last(&self) -> u64 {
        self.first + self.many - 1
    }

    /// When row `number` was acknowledged.
    pub(super) fn at(&self, number: u64) -> Moment {
        match &self.answers {
            Answers::At(at) => *at,
            Answers::Foretold { sent, every, by } => *sent + *every * (number - self.first) + by.takes(number),
        }
    }

    /// Takes its first `many` rows off; some stay.
    fn skip(&mut self, many: u64) {
        if let Answers::Foretold { sent, every, .. } = &mut self.answers {
            *sent += *every * many;
        }
        (self.first, self.many) = (self.first + many, self.many - many);
    }
}

/// The rows that one side acknowledged while it was the one that takes writes.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    /// How many.
    count: u64,
    /// Older rows.
    older: VecDeque<Range>,
    /// The newest rows, ascending by number, with the moment of each acknowledgement.
    newest: VecDeque<Acknowledged>,
    /// How many those are.
    kept: u64,
    last: Option<(u64, Moment)>,
}

/// What a side has of the rows of a ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    pub(super) acknowledged: u64,
    pub(super) last_acknowledged: Option<(u64, Moment)>,
    pub(super) prefix_end: Option<(u64, Moment)>,
    pub(super) lost: u64,
    pub(super) survived_unacknowledged: u64,
}

impl Ledger {
    /// Notes that row `number` was acknowledged at `at`. Answers may come a little out of order.
    pub(super) fn acknowledged(&mut self, number: u64, at: Moment) {
        self.acknowledged_all(Acknowledged::one(number, at));
    }

    /// Notes that rows were acknowledged.
    pub(super) fn acknowledged_all(&mut self, rows: Acknowledged) {
        self.count += rows.many;
        self.kept += rows.many;
        let newest = (rows.last(), rows.at(rows.last()));
        if self.last.is_none_or(|(_, last)| newest.1 >= last) {
            self.last = Some(newest);
        }
        // Nearly always they are the newest.
        if self.newest.back().is_none_or(|last| last.last() < rows.first) {
            self.newest.push_back(rows);
        } else {
            let place = self.newest.partition_point(|other| other.first < rows.first);
            self.newest.insert(place, rows);
        }
        while self.kept > KEPT_SINGLY
            && let Some(mut rows) = self.newest.pop_front()
        {
            let many = rows.many.min(self.kept - KEPT_SINGLY);
            self.kept -= many;
            self.condense(rows.first, rows.first + many - 1, rows.at(rows.first));
            if many < rows.many {
                rows.skip(many);
                self.newest.push_front(rows);
            }
        }
    }

    /// The newest acknowledgement.
    pub(super) fn last(&self) -> Option<(u64, Moment)> {
        self.last
    }

    fn condense(&mut self, first: u64, last: u64, at: Moment) {
        match self.older.back_mut() {
            Some(range) if range.last + 1 == first => range.last = last,
            _ => self.older.push_back(Range { first, last, at }),
        }
        if self.older.len() > RANGES_MAX {
            self.older.pop_front();
        }
    }

    /// Compares with what a side has. Only rows `from..below` are looked at: the others were not sent to this side.
    pub(super) fn survey(&self, there: &CanaryRows, from: u64, below: u64) -> Survey {
        let mut survey = Survey { acknowledged: self.count, last_acknowledged: self.last, ..Survey::default() };
        let mut unbroken = true;
        let mut survived = 0;
        for range in &self.older {
            let found = covered(there, range.first, range.last);
            survived += found;
            survey.lost += range.last - range.first + 1 - found;
            if unbroken
                && found > 0
                && let Some(end) = prefix(there, range.first, range.last)
            {
                // Where in the range each row was acknowledged is no longer known: its start is the safe side, for the
                // loss is then told longer than it was, never shorter.
                survey.prefix_end = Some((end, range.at));
            }
            unbroken = unbroken && found == range.last - range.first + 1;
        }
        for rows in &self.newest {
            let found = covered(there, rows.first, rows.last());
            survived += found;
            survey.lost += rows.many - found;
            if unbroken && let Some(end) = prefix(there, rows.first, rows.last()) {
                survey.prefix_end = Some((end, rows.at(end)));
            }
            unbroken = unbroken && found == rows.many;
        }
        let present = if below > from { covered(there, from, below - 1) } else { 0 };
        survey.survived_unacknowledged = present.saturating_sub(survived);
        survey
    }
}

/// How many of the rows `first` to `last` are there.
fn covered(there: &CanaryRows, first: u64, last: u64) -> u64 {
    let from = there.ranges.partition_point(|range| range.1 < first);
    let within = there.ranges[from..].iter().take_while(|range| range.0 <= last);
    within.map(|range| range.1.min(last) - range.0.max(first) + 1).sum()
}

/// The last row of those from `first` on that are there without a gap, at most `last`.
fn prefix(there: &CanaryRows, first: u64, last: u64) -> Option<u64> {
    let at = there.ranges.partition_point(|range| range.1 < first);
    let range = there.ranges.get(at).filter(|range| range.0 <= first)?;
    Some(range.1.min(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: u64) -> Moment {
        Moment::ZERO + Span::from_millis(200 * n + 3)
    }

    fn ledger(rows: impl IntoIterator<Item = u64>) -> Ledger {
        let mut ledger = Ledger::default();
        for number in rows {
            ledger.acknowledged(number, at(number));
        }
        ledger
    }

    fn rows(ranges: &[(u64, u64)]) -> CanaryRows {
        CanaryRows { ranges: ranges.to_vec() }
    }

    #[test]
    fn nothing_lost() {
        let survey = ledger(0..100).survey(&rows(&[(0, 99)]), 0, 105);
        assert_eq!(survey.prefix_end, Some((99, at(99))));
        assert_eq!((survey.acknowledged, survey.lost, survey.survived_unacknowledged), (100, 0, 0));
    }

    #[test]
    fn the_prefix_ends_at_the_first_acknowledged_row_that_is_missing() {
        // 40 to 44 were never acknowledged; that they are missing breaks no prefix.
        let acknowledged = ledger((0..40).chain(45..100));
        let survey = acknowledged.survey(&rows(&[(0, 39), (45, 79), (85, 89), (103, 104)]), 0, 105);
        assert_eq!(survey.prefix_end, Some((79, at(79))));
        assert_eq!((survey.acknowledged, survey.lost), (95, 15));
        assert_eq!(survey.last_acknowledged, Some((99, at(99))));
        assert_eq!(survey.survived_unacknowledged, 2);
    }

    #[test]
    fn the_first_row_lost_leaves_no_prefix() {
        let survey = ledger(0..10).survey(&rows(&[(1, 9)]), 0, 10);
        assert_eq!((survey.prefix_end, survey.lost), (None, 1));
    }

    #[test]
    fn rows_of_another_stretch_do_not_count() {
        let survey = ledger(50..60).survey(&rows(&[(0, 70)]), 50, 62);
        assert_eq!((survey.acknowledged, survey.lost, survey.survived_unacknowledged), (10, 0, 2));
    }

    #[test]
    fn answers_out_of_order_are_put_in_order() {
        let mut ledger = Ledger::default();
        for (number, answered) in [(0, 1), (2, 5), (1, 6)] {
            ledger.acknowledged(number, Moment(answered));
        }
        let survey = ledger.survey(&rows(&[(0, 1)]), 0, 3);
        assert_eq!(survey.last_acknowledged, Some((1, Moment(6))));
        assert_eq!((survey.prefix_end, survey.lost), (Some((1, Moment(6))), 1));
    }

    #[test]
    fn a_long_ledger_is_small_and_still_right() {
        let all = 3 * KEPT_SINGLY;
        let ledger = ledger(0..all);
        assert_eq!(ledger.older.len(), 1);
        assert_eq!(ledger.newest.len() as u64, KEPT_SINGLY);
        let survey = ledger.survey(&rows(&[(0, all - 11)]), 0, all);
        assert_eq!((survey.lost, survey.prefix_end), (10, Some((all - 11, at(all - 11)))));
        // In the part that was condensed the moment is told too early rather than too late.
        let survey = ledger.survey(&rows(&[(0, 999)]), 0, all);
        assert_eq!((survey.lost, survey.prefix_end), (all - 1_000, Some((999, at(0)))));
    }
}
