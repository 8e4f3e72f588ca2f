//! What is known of one canary: where it writes, which rows are under way, what was acknowledged.

use std::borrow::Cow;

use super::ledger::{Acknowledged, Ledger, Survey};
use crate::event::Event;
use crate::id::{ProbeId, RegionRole, ResourceId};
use crate::model::{Canary, CanaryCount, CanaryProgress, Leg};
use crate::resource::{CanaryRow, CanaryRows, WriteAttempt};
use crate::time::{Moment, Span};

/// The longest that a write may take before it counts as not answered.
const LIMIT_MAX: Span = Span::from_secs(2);
/// The shortest, however small the interval.
const LIMIT_MIN: Span = Span::from_millis(500);
/// The most writes to one side that are ever under way.
const AT_ONCE_MAX: u64 = 64;

/// One canary.
#[derive(Debug)]
pub(super) struct CanaryLane {
    pub(super) id: ProbeId,
    pub(super) of: ResourceId,
    pub(super) every: Span,
    limit: Span,
    /// What is told of a row that nobody answered within it.
    no_answer: String,
    /// Whether what it needs was made; before that it writes nothing.
    ready: bool,
    /// The side that takes writes.
    active: RegionRole,
    /// Whether a promotion was seen: from then on the other side must refuse.
    promoted: bool,
    next_row: u64,
    /// The number of the first row of this stretch: from one promotion to the next.
    stretch_from: u64,
    ledger: Ledger,
    sides: [Side; 2],
    at_once: u64,
    split_seen: bool,
    /// The side whose promotion is under way: it may begin to take writes at any moment.
    promoting: Option<RegionRole>,
    /// When that side first acknowledged a row: from then on the other one must refuse.
    handed_over: Option<Moment>,
    /// The last time in this stretch that nobody watched.
    unwatched: Option<(Moment, Moment)>,
    /// Whether any row, or its making ready, failed: then the first row that is taken may never come.
    troubled: bool,
}

/// One side's news since the last summary.
#[derive(Debug, Default)]
struct Side {
    under_way: u64,
    acknowledged: u64,
    failed: u64,
    first_acknowledged: Option<(u64, Moment)>,
    last_acknowledged: Option<(u64, Moment)>,
    last_failure: Option<Cow<'static, str>>,
    rows: Vec<(u64, u64)>,
    /// Known of a journal: since then it has acknowledged nothing.
    silent_since: Option<Moment>,
}

impl Side {
    fn acknowledged(&mut self, number: u64, at: Moment) {
        self.acknowledged += 1;
        self.first_acknowledged.get_or_insert((number, at));
        self.last_acknowledged = Some((number, at));
        let ranges = self.rows.len();
        match self.rows.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            // Answers out of order make more ranges than there are; so many that it matters there never are.
            _ if ranges < ROWS_MAX => self.rows.push((number, number)),
            _ => {}
        }
    }

    /// As [`Self::acknowledged`] of each.
    fn acknowledged_all(&mut self, rows: &Acknowledged) {
        self.acknowledged(rows.first, rows.at(rows.first));
        let last = rows.last();
        self.acknowledged += last - rows.first;
        self.last_acknowledged = Some((last, rows.at(last)));
        if let Some(range) = self.rows.last_mut().filter(|range| range.1 == rows.first) {
            range.1 = last;
        }
    }
}

/// So many ranges of acknowledged rows are told at once.
const ROWS_MAX: usize = 256;
/// So many acknowledged rows are recalled of one summary: far more than are ever summed up.
const ROWS_RECALLED_MAX: usize = 1 << 20;

/// Where the rows go from now on, as long as nobody waits for what becomes of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writes {
    pub(super) wanted: RegionRole,
    /// The side that must refuse them.
    pub(super) unwanted: Option<RegionRole>,
    pub(super) next_row: u64,
    /// After this long a row counts as not answered.
    pub(super) limit: Span,
    /// Whether a side is being promoted: then somebody waits for the first row that one takes.
    pub(super) promoting: bool,
}

/// Why rows were not taken.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refused<'a> {
    /// The side said so, in these words.
    In(&'a Cow<'static, str>),
    /// Nobody answered within the limit.
    Unanswered,
}

/// One row on its way to one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) region: RegionRole,
    pub(super) row: CanaryRow,
    /// After this long it counts as not answered.
    pub(super) limit: Span,
    /// Whether this side was to take it when it was sent.
    wanted: bool,
}

fn side(region: RegionRole) -> usize {
    match region {
        RegionRole::Primary => 0,
        RegionRole::Secondary => 1,
    }
}

impl CanaryLane {
    pub(super) fn new(canary: &Canary) -> Self {
        let limit = Span(canary.every.0.saturating_mul(4)).clamp(LIMIT_MIN, LIMIT_MAX);
        Self {
            id: canary.id.clone(),
            of: canary.of.clone(),
            every: canary.every,
            limit,
            no_answer: format!("no answer within {}", limit.short()),
            ready: false,
            active: RegionRole::Primary,
            promoted: false,
            next_row: 0,
            stretch_from: 0,
            ledger: Ledger::default(),
            sides: [Side::default(), Side::default()],
            at_once: limit.0.div_ceil(canary.every.0.max(1)).saturating_add(1).min(AT_ONCE_MAX),
            split_seen: false,
            promoting: None,
            handed_over: None,
            unwatched: None,
            troubled: false,
        }
    }

    /// Whether its first row is on its way still: what is lost can't be told by a canary that has none.
    pub(super) fn awaits_its_first(&self) -> bool {
        self.ledger.last().is_none() && !self.promoted && self.unwatched.is_none() && !self.troubled
    }

    /// Takes up again what a journal tells of it. Between the first and the last of the rows that were acknowledged
    /// together, their acknowledgements lie evenly.
    pub(super) fn recall(&mut self, progress: &CanaryProgress) {
        let Some(last) = progress.last_acknowledged.filter(|_| progress.acknowledged > 0) else { return };
        self.next_row = self.next_row.max(last.0 + 1);
        // Whoever acknowledged rows has what the canary needs.
        self.ready = true;
        if progress.region != self.active {
            return;
        }
        let first = progress.first_acknowledged.unwrap_or(last);
        let step = last.1.since(first.1).0 / last.0.saturating_sub(first.0).max(1);
        let rows = progress.rows.iter().flat_map(|(from, to)| *from..=*to);
        // A journal that was made up may tell of more rows than there is time for.
        let rows = rows.take(usize::try_from(progress.acknowledged).unwrap_or(usize::MAX).min(ROWS_RECALLED_MAX));
        for row in rows.filter(|row| *row >= self.stretch_from) {
            let at = first.1 + Span(step.saturating_mul(row.saturating_sub(first.0)));
            self.ledger.acknowledged(row, if row == last.0 { last.1 } else { at.min(last.1) });
        }
    }

    /// From `at` on `region` acknowledges nothing any more: it was proven to refuse, or it is out of reach.
    pub(super) fn silenced(&mut self, region: RegionRole, at: Moment) {
        self.sides[side(region)].silent_since = Some(at);
    }

    /// From `from` on nobody watched; at `to` that is over. Rows that may have been sent meanwhile get no second use of
    /// their numbers.
    pub(super) fn unwatched(&mut self, from: Moment, to: Moment) {
        let acknowledged_until = self.sides[side(self.active)].silent_since.map_or(to, |silent| silent.min(to));
        if acknowledged_until > from {
            self.unwatched = Some((from, acknowledged_until));
        }
        let since = self.ledger.last().map_or(from, |(_, at)| at.min(from));
        self.next_row += to.since(since).0 / self.every.0.max(1) + AT_ONCE_MAX + 1;
    }

    /// It may write from now on, to `active`.
    pub(super) fn begin(&mut self, active: RegionRole) {
        self.ready = true;
        // What a promotion has decided is known better than by a look.
        if !self.promoted {
            self.active = active;
        }
    }

    /// It can't be made ready; why.
    pub(super) fn unable(&mut self, why: String) {
        self.troubled = true;
        let side = &mut self.sides[side(self.active)];
        side.failed += 1;
        side.last_failure = Some(why.into());
    }

    /// What is to be sent at a tick: one row, to the side that takes writes and, after a promotion, to the one that
    /// must refuse it. The same number goes to both: the rows of each side stay without gaps.
    pub(super) fn tick(&mut self, now: Moment) -> [Option<Attempt>; 2] {
        if !self.ready {
            return [None, None];
        }
        let row = CanaryRow { number: self.next_row, sent: now };
        let wanted = self.send(self.active, row, true);
        let unwanted = if self.promoted { self.send(self.active.other(), row, false) } else { None };
        if wanted.is_some() || unwanted.is_some() {
            self.next_row += 1;
        }
        [wanted, unwanted]
    }

    fn send(&mut self, region: RegionRole, row: CanaryRow, wanted: bool) -> Option<Attempt> {
        let side = &mut self.sides[side(region)];
        if side.under_way >= self.at_once {
            return None;
        }
        side.under_way += 1;
        Some(Attempt { region, row, limit: self.limit, wanted })
    }

    /// Where rows go from now on. `None` if it writes nothing yet, or if so many rows may be under way at once that one is
    /// left out.
    pub(super) fn writes(&self) -> Option<Writes> {
        let at_once = self.limit.0 / self.every.0.max(1) + 1;
        let steady = self.ready && at_once <= self.at_once;
        let unwanted = self.promoted.then(|| self.active.other());
        let (next_row, limit, promoting) = (self.next_row, self.limit, self.promoting.is_some());
        steady.then_some(Writes { wanted: self.active, unwanted, next_row, limit, promoting })
    }

    /// `many` rows were sent.
    pub(super) fn went_on(&mut self, many: u64) {
        self.next_row += many;
    }

    /// The side that takes writes has acknowledged rows, in order.
    pub(super) fn took_all(&mut self, region: RegionRole, rows: Acknowledged) {
        self.sides[side(region)].acknowledged_all(&rows);
        self.ledger.acknowledged_all(rows);
    }

    /// `many` rows in a row were not taken.
    pub(super) fn refused_all(&mut self, region: RegionRole, many: u64, why: Refused<'_>) {
        self.troubled = true;
        let side = &mut self.sides[side(region)];
        side.failed += many;
        let words = match why {
            Refused::In(words) => &**words,
            Refused::Unanswered => &*self.no_answer,
        };
        if side.last_failure.as_deref() != Some(words) {
            side.last_failure = Some(match why {
                Refused::In(words) => words.clone(),
                Refused::Unanswered => self.no_answer.clone().into(),
            });
        }
    }

    /// Whether this result changes nothing that anybody waits for.
    pub(super) fn is_quiet(&self, attempt: &Attempt, result: Option<&WriteAttempt>) -> bool {
        let news = if attempt.wanted { self.overlaps(attempt) } else { !self.may_take(attempt.region) };
        self.split_seen || result != Some(&WriteAttempt::Acknowledged) || !news
    }

    /// Whether `region` may take rows that were sent to it while the other side was the one to take them: it is being
    /// promoted, or it was since they were sent.
    fn may_take(&self, region: RegionRole) -> bool {
        self.promoting == Some(region) || self.active == region
    }

    /// Whether a row was sent to the old side after the side that is being promoted had taken one.
    fn overlaps(&self, attempt: &Attempt) -> bool {
        self.promoting.is_some_and(|to| to != attempt.region)
            && self.handed_over.is_some_and(|taken| attempt.row.sent > taken)
    }

    /// The promotion of `to` begins. Between the instant at which it takes effect and the one at which that is seen,
    /// rows that `to` takes are no split brain; rows that the other side still takes after them are.
    pub(super) fn promoting(&mut self, to: RegionRole) {
        (self.promoting, self.handed_over) = (Some(to), None);
    }

    /// What became of a row, known at `answered`; `None`: no answer within the limit. `Some` if it was acknowledged by
    /// the side that must refuse it.
    pub(super) fn end(&mut self, attempt: &Attempt, result: Option<WriteAttempt>, answered: Moment) -> Option<String> {
        let number = attempt.row.number;
        let side = &mut self.sides[side(attempt.region)];
        side.under_way = side.under_way.saturating_sub(1);
        self.troubled |= result != Some(WriteAttempt::Acknowledged);
        match result {
            Some(WriteAttempt::Acknowledged) => {
                side.acknowledged(number, answered);
                if !attempt.wanted && self.may_take(attempt.region) {
                    if self.promoting == Some(attempt.region) {
                        self.handed_over.get_or_insert(answered);
                    }
                    return None;
                }
                if attempt.wanted && self.overlaps(attempt) {
                    let first = !std::mem::replace(&mut self.split_seen, true);
                    let (id, region) = (&self.id, attempt.region);
                    let seen = || {
                        format!(
                            "canary {id} wrote row {number} in {region}, although {} took rows before",
                            region.other()
                        )
                    };
                    return first.then(seen);
                }
                if !attempt.wanted {
                    let first = !std::mem::replace(&mut self.split_seen, true);
                    let (id, region, active) = (&self.id, attempt.region, self.active);
                    let seen = || format!("canary {id} wrote row {number} in {region}, although {active} was promoted");
                    return first.then(seen);
                }
                // An answer from before a promotion that comes after it says nothing of either side.
                if attempt.region == self.active && number >= self.stretch_from {
                    self.ledger.acknowledged(number, answered);
                }
            }
            Some(WriteAttempt::Refused(words) | WriteAttempt::Unknown(words)) => {
                side.failed += 1;
                if side.last_failure.as_ref() != Some(&words) {
                    side.last_failure = Some(words);
                }
            }
            None => {
                side.failed += 1;
                if side.last_failure.as_deref() != Some(&*self.no_answer) {
                    side.last_failure = Some(self.no_answer.clone().into());
                }
            }
        }
        None
    }

    /// `to` takes writes from now on. Returns what is needed to count the rows that the other side acknowledged;
    /// `None` if `to` took them already.
    pub(super) fn promote(&mut self, to: RegionRole) -> Option<Stretch> {
        self.promoted = true;
        (self.promoting, self.handed_over) = (None, None);
        if to == self.active {
            return None;
        }
        let ledger = std::mem::take(&mut self.ledger);
        let seen_since = |(_, to): &(Moment, Moment)| ledger.last().is_some_and(|(_, at)| at > *to);
        let unwatched = self.unwatched.take().filter(|gap| !seen_since(gap));
        let stretch = Stretch { ledger, from: self.stretch_from, below: self.next_row, unwatched };
        self.sides[side(to)].silent_since = None;
        (self.active, self.stretch_from) = (to, self.next_row);
        Some(stretch)
    }

    /// Whether what it needs was made.
    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// What was not told yet.
    pub(super) fn sum_up(&mut self) -> impl Iterator<Item = CanaryProgress> + '_ {
        let id = &self.id;
        self.sides.iter_mut().zip(RegionRole::ALL).filter_map(move |(side, region)| {
            let news = side.acknowledged > 0 || side.failed > 0;
            news.then(|| CanaryProgress {
                canary: id.clone(),
                region,
                acknowledged: std::mem::take(&mut side.acknowledged),
                failed: std::mem::take(&mut side.failed),
                last_acknowledged: side.last_acknowledged,
                last_failure: side.last_failure.take().map(Cow::into_owned),
                first_acknowledged: side.first_acknowledged.take(),
                rows: std::mem::take(&mut side.rows),
            })
        })
    }
}

/// The rows that one side was sent while it was the one that takes writes.
#[derive(Debug)]
pub(super) struct Stretch {
    ledger: Ledger,
    from: u64,
    below: u64,
    unwatched: Option<(Moment, Moment)>,
}

impl Stretch {
    /// Whether rows may have been acknowledged that nobody knows of.
    pub(super) fn is_unwatched(&self) -> bool {
        self.unwatched.is_some()
    }

    /// If all rows that the old side has are on the new one, none was lost, whoever knew of it.
    pub(super) fn compare(&mut self, old: &CanaryRows, new: &CanaryRows) {
        let sent = |(first, last): &(u64, u64)| first.max(&self.from).to_owned()..=last.to_owned();
        if old.ranges.iter().flat_map(sent).all(|row| new.contains(row)) {
            self.unwatched = None;
        }
    }

    /// Compares with the rows that the promoted side has.
    pub(super) fn count(&self, lane: &CanaryLane, to: RegionRole, leg: Leg, there: &CanaryRows) -> Event {
        let Survey { acknowledged, last_acknowledged, prefix_end, lost, survived_unacknowledged } =
            self.ledger.survey(there, self.from, self.below);
        let (canary, every) = (lane.id.clone(), lane.every);
        let count = CanaryCount {
            canary,
            region: to,
            every,
            acknowledged,
            last_acknowledged,
            prefix_end,
            lost,
            survived_unacknowledged,
            unwatched: self.unwatched,
        };
        Event::CanaryCounted { leg, count }
    }
}
