//! The canary rows that one side took, in the order of their arrival. Pure.
//!
//! A canary that nothing disturbs writes one row after another for minutes. What is kept of such a run is its first row
//! and how the others follow: when one of them arrived is drawn again when it is asked for, as it was when it was sent.

use crate::chance::{Distribution, Draws};
use crate::time::{Moment, Span};

/// How the rows of a run follow one another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Paced {
    /// When the first one was sent.
    pub(super) sent: Moment,
    /// From sending one to sending the next. None takes twice as long to arrive.
    pub(super) every: Span,
    /// How long rows take, there and back.
    pub(super) takes: Distribution,
    /// Which row takes how long, by its number.
    pub(super) draws: Draws,
}

impl Paced {
    /// When row `number` arrives that was sent `n` after the first.
    fn arrives(&self, n: u64, number: u64) -> Moment {
        self.sent + self.every * n + Span(self.takes.draw_at(self.draws, number).0 / 2)
    }
}

/// When rows arrived.
#[derive(Clone, Copy, Debug)]
enum Arrival {
    /// A single row, then.
    At(Moment),
    /// Rows of a run: the first of these was sent so many after the run's first.
    Paced(Paced, u64),
}

/// Rows that follow one another in number and in arrival.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// How many rows lie before it in the log.
    index: u64,
    first: u64,
    many: u64,
    arrival: Arrival,
}

impl Run {
    /// When its `n`-th row arrived.
    fn arrived(&self, n: u64) -> Moment {
        match self.arrival {
            Arrival::At(moment) => moment,
            Arrival::Paced(paced, skipped) => paced.arrives(skipped + n, self.first + n),
        }
    }

    /// How many of its rows come before this one.
    fn before(&self, row: (Moment, u64)) -> u64 {
        let (mut from, mut to) = (0, self.many);
        while from < to {
            let middle = u64::midpoint(from, to);
            if (self.arrived(middle), self.first + middle) < row { from = middle + 1 } else { to = middle }
        }
        from
    }

    /// Its first `n` rows.
    fn head(self, n: u64) -> Self {
        Self { many: n, ..self }
    }

    /// Its rows without the first `n`.
    fn tail(self, n: u64) -> Self {
        let arrival = match self.arrival {
            Arrival::Paced(paced, skipped) => Arrival::Paced(paced, skipped + n),
            at @ Arrival::At(_) => at,
        };
        Self { index: self.index + n, first: self.first + n, many: self.many - n, arrival }
    }
}

/// Rows by arrival, then by number.
#[derive(Clone, Debug, Default)]
pub(super) struct RowLog(Vec<Run>);

impl RowLog {
    /// How many rows there are.
    pub(super) fn len(&self) -> u64 {
        self.0.last().map_or(0, |last| last.index + last.many)
    }

    /// A row arrives. The same row at the same moment counts once.
    pub(super) fn add(&mut self, number: u64, at: Moment) {
        let row = (at, number);
        let single = |index| Run { index, first: number, many: 1, arrival: Arrival::At(at) };
        // Nearly always it is the newest.
        if self.is_newest(row) {
            self.0.push(single(self.len()));
            return;
        }
        let place = self.0.partition_point(|run| (run.arrived(0), run.first) <= row);
        let before = place.checked_sub(1).map(|before| (before, self.0[before]));
        let after: Vec<Run> = self.0.drain(place..).collect();
        let mut rest = None;
        if let Some((place, run)) = before {
            let n = run.before(row);
            if n < run.many && (run.arrived(n), run.first + n) == row {
                self.0.extend(after);
                return;
            }
            if n < run.many {
                self.0[place] = run.head(n);
                rest = Some(run.tail(n));
            }
        }
        for run in std::iter::once(single(0)).chain(rest).chain(after) {
            self.0.push(Run { index: self.len(), ..run });
        }
    }

    /// `many` rows arrive one after another, numbered from `first` on.
    pub(super) fn add_run(&mut self, first: u64, many: u64, paced: Paced) {
        let run = Run { index: self.len(), first, many, arrival: Arrival::Paced(paced, 0) };
        if self.is_newest((run.arrived(0), first)) {
            self.0.push(run);
        } else {
            // One that was sent before is still on its way.
            (0..many).for_each(|n| self.add(first + n, run.arrived(n)));
        }
    }

    fn is_newest(&self, row: (Moment, u64)) -> bool {
        self.0.last().is_none_or(|last| (last.arrived(last.many - 1), last.first + last.many - 1) < row)
    }

    /// How many rows have arrived at `at`, in nanoseconds since the run's start; none before it.
    pub(super) fn until(&self, at_ns: i64) -> u64 {
        let Ok(at) = u64::try_from(at_ns).map(Moment) else { return 0 };
        let place = self.0.partition_point(|run| run.arrived(0) <= at);
        let Some(run) = place.checked_sub(1).map(|place| self.0[place]) else { return 0 };
        run.index + run.before((at, u64::MAX))
    }

    /// The first `many` rows.
    pub(super) fn first(&self, many: u64) -> Self {
        let runs = self.0.iter().take_while(|run| run.index < many);
        Self(runs.map(|run| run.head(run.many.min(many - run.index))).collect())
    }

    /// The numbers of the rows, as inclusive ranges in any order.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|run| (run.first, run.first + run.many - 1))
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chance::Seed;

    fn paced(sent: Moment, seed: u64) -> Paced {
        let takes = Distribution::from_quantiles((50.0, Span::from_millis(4)), (95.0, Span::from_millis(12))).unwrap();
        Paced { sent, every: Span::from_millis(200), takes, draws: Seed(seed).draws("canary", "main") }
    }

    proptest! {
        /// Whatever comes in which order: it is as if each row had been put in its place in a plain list.
        #[test]
        fn it_is_a_sorted_list_of_rows(
            seed: u64, parts in proptest::collection::vec((1_u64..40, 0_u64..5_000, any::<bool>()), 1..12), ask: u64,
        ) {
            let (mut log, mut plain) = (RowLog::default(), Vec::new());
            let (mut number, mut sent) = (0, Moment::ZERO);
            for (many, late_ms, together) in parts {
                let paced = paced(sent, seed);
                let arrives = |n| paced.arrives(n, number + n);
                if together {
                    log.add_run(number, many, paced);
                    plain.extend((0..many).map(|n| (arrives(n), number + n)));
                } else {
                    for n in 0..many {
                        let at = arrives(n) + Span::from_millis(late_ms);
                        log.add(number + n, at);
                        log.add(number + n, at);
                        plain.push((at, number + n));
                    }
                }
                (number, sent) = (number + many, sent + paced.every * many);
            }
            plain.sort_unstable();
            prop_assert_eq!(log.len(), plain.len() as u64);
            let end = plain.last().map_or(0, |last| last.0.0);
            for at in [ask % (end + 2), 0, end, end.saturating_sub(1)].into_iter().chain(plain.iter().map(|row| row.0.0)) {
                let before = plain.partition_point(|row| row.0.0 <= at);
                prop_assert_eq!(log.until(i64::try_from(at).unwrap()), before as u64);
                let mut numbers: Vec<u64> =
                    log.first(before as u64).numbers().flat_map(|(first, last)| first..=last).collect();
                numbers.sort_unstable();
                let mut expected: Vec<u64> = plain[..before].iter().map(|row| row.1).collect();
                expected.sort_unstable();
                prop_assert_eq!(numbers, expected);
            }
            prop_assert_eq!(log.until(-1), 0);
            log.clear();
            prop_assert_eq!(log.len(), 0);
        }
    }
}
