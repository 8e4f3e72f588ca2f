//! Many ticks at a stride: where all that is watched stays as it is, samples and rows are foretold a stretch at a time.
//!
//! Between two things that happen in a run, a probe sees the same a thousand times over, and a canary writes one row
//! after another. [`super::ahead`] would enter each of them, foretell it and hand it in; here each line runs through its
//! ticks in a loop of its own, and one hand-in stands for all of them.
//!
//! What makes that the same: nothing happens in the world before `until`; each sample says what the one before it said
//! and is answered before the next is due, and so is quiet; each row is taken by the side that is to take it, or refused
//! in the same words, or never answered. Quiet results commute, so the order between lines, which is all that is given
//! up, says nothing. Where one line's tick is anything else, the stride ends for all of them, and that tick is carried
//! out as any other. A line's first tick whose result would come later than the stride ends is left too.

use std::sync::Arc;

use super::canary::{Refused, Writes};
use super::desk::Desk;
use super::ledger::{Acknowledged, Answers};
use super::shared::Shared;
use crate::id::RegionRole;
use crate::measure::Run;
use crate::model::SampleResult;
use crate::probe::Alike;
use crate::resource::{ForetellRows, Stance};
use crate::time::{Moment, Span, Ticks};

/// A stride that covers less than this is not worth its beginning.
const SHORTEST: Span = Span::from_millis(600);

/// The next tick of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next {
    pub(super) at: Moment,
    pub(super) tick: u64,
}

/// A row that is under way, and of which it is known that nobody answers it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unanswered {
    pub(super) canary: usize,
    pub(super) region: RegionRole,
    /// When that will be known.
    pub(super) at: Moment,
}

/// What makes strides; kept for the memory that they have used.
#[derive(Default)]
pub(super) struct Strider {
    lines: Vec<Line>,
    /// The first tick that did not go with the others: before it no stride is tried again.
    after: Moment,
}

/// A line in a stride.
#[derive(Default)]
struct Line {
    manner: Manner,
    /// How long each sample takes.
    took: Vec<Span>,
}

/// How a line goes on.
#[derive(Default)]
enum Manner {
    /// Nothing is known of it.
    #[default]
    Unsteady,
    Samples(Arc<Alike>),
    Rows(Writes, Vec<Side>),
}

/// What one side makes of the rows that it is sent.
struct Side {
    region: RegionRole,
    stance: Stance,
    /// At most so long each row takes.
    longest: Span,
}

impl Strider {
    /// Whether a stride from `from` until `until` may be worth it.
    pub(super) fn may_go(&self, from: Moment, until: Moment) -> bool {
        from >= self.after && until >= from + SHORTEST
    }

    /// Takes all lines, whose next ticks are `next`, the first of them at `from`, as far as it goes before `until`. Of
    /// what is under way, only rows that are `unanswered` come to anything before that. Gives whether it went at all.
    pub(super) fn stride(
        &mut self,
        shared: &Shared,
        desk: &mut Desk,
        next: &mut [Next],
        (from, mut until): (Moment, Moment),
        unanswered: impl Iterator<Item = Unanswered>,
    ) -> bool {
        if desk.has_news() {
            return false;
        }
        self.lines.resize_with(next.len(), Line::default);
        for (place, (line, next)) in self.lines.iter_mut().zip(&*next).enumerate() {
            let steady_until = line.begin(shared, desk, place, next.at);
            until = until.min(steady_until);
            if steady_until <= next.at {
                self.after = self.after.max(next.at + Span(1));
            }
            if until < from + SHORTEST {
                return false;
            }
        }
        for row in unanswered {
            // Among others like it, it doesn't matter when it is handed in.
            if !self.lines[shared.probes.len() + row.canary].is_silent(row.region) {
                until = until.min(row.at);
            }
        }
        if until < from + SHORTEST {
            return false;
        }
        for (place, (line, next)) in self.lines.iter_mut().zip(&*next).enumerate() {
            until = until.min(line.foretell(shared, place, *next, until));
        }
        let mut went = false;
        for (place, (line, next)) in self.lines.iter_mut().zip(next).enumerate() {
            let ticks = line.hand_in(shared, desk, place, *next, until);
            next.tick += ticks;
            next.at = shared.ticks[place].at(next.tick);
            went |= ticks > 0;
        }
        went
    }
}

impl Line {
    /// Finds out how the line at `place` goes on from its next tick, at `from`; gives until when it does.
    fn begin(&mut self, shared: &Shared, desk: &mut Desk, place: usize, from: Moment) -> Moment {
        self.took.clear();
        let known = match place.checked_sub(shared.probes.len()) {
            None => samples(shared, desk, place, from),
            Some(canary) => rows(shared, desk, canary).map(|manner| (manner, Moment::MAX)),
        };
        let until;
        (self.manner, until) = known.unwrap_or((Manner::Unsteady, from));
        until
    }

    /// Whether nobody in `region` answers its rows.
    fn is_silent(&self, region: RegionRole) -> bool {
        match &self.manner {
            Manner::Rows(_, sides) => sides.iter().any(|side| side.region == region && side.stance == Stance::Silent),
            Manner::Samples(_) | Manner::Unsteady => false,
        }
    }

    /// Foretells what its ticks before `until` come to. Gives `until`, or when the first tick is that goes otherwise.
    fn foretell(&mut self, shared: &Shared, place: usize, next: Next, until: Moment) -> Moment {
        let ticks = shared.ticks[place];
        match &mut self.manner {
            Manner::Unsteady => until,
            Manner::Samples(alike) => {
                let Some(foreteller) = &shared.sample_foretellers[place] else { return next.at };
                // The next sample must not begin before this one has ended.
                let longest = alike.longest.min(shorter(ticks.every));
                for tick in next.tick.. {
                    let sent = ticks.at(tick);
                    if sent >= until {
                        break;
                    }
                    let took = foreteller.takes(sent);
                    if took > longest {
                        return sent;
                    }
                    if sent + took >= until {
                        break;
                    }
                    self.took.push(took);
                }
                until
            }
            Manner::Rows(writes, sides) => {
                let Some(foreteller) = shared.row_foreteller(place) else { return next.at };
                let rows = writes.next_row..writes.next_row + ticks_before(ticks, next, until);
                let mut odd = until;
                for side in sides {
                    // Rows that are taken must be so in the order in which they are sent.
                    let most = match side.stance {
                        Stance::Takes => shorter(ticks.every.min(writes.limit)),
                        Stance::Refuses(_) => shorter(writes.limit),
                        Stance::Silent => {
                            side.longest = writes.limit;
                            continue;
                        }
                    };
                    side.longest = foreteller.longest(rows.clone());
                    if side.longest > most {
                        let slow = rows.clone().find(|row| foreteller.takes(*row) > most).unwrap_or(rows.start);
                        side.longest = most;
                        odd = odd.min(ticks.at(next.tick + (slow - rows.start)));
                    }
                }
                odd
            }
        }
    }

    /// Hands in what is known before `until`; gives how many ticks that were.
    fn hand_in(&self, shared: &Shared, desk: &mut Desk, place: usize, next: Next, until: Moment) -> u64 {
        let ticks = shared.ticks[place];
        match &self.manner {
            Manner::Unsteady => 0,
            Manner::Samples(alike) => {
                let late = self.took.iter().rev().zip((0..self.took.len() as u64).rev());
                let late = late.take_while(|(took, n)| ticks.at(next.tick + n) + **took >= until).count();
                let took = &self.took[..self.took.len() - late];
                if let (Some(foreteller), Some(last)) = (&shared.sample_foretellers[place], took.len().checked_sub(1)) {
                    let sample = |tick| foreteller.sample(alike, tick, ticks.at(tick));
                    let (first, last) = (sample(next.tick), sample(next.tick + last as u64));
                    desk.end_all(place, &Run { first, last, count: took.len() as u64 }, took);
                }
                took.len() as u64
            }
            Manner::Rows(writes, sides) => {
                let (Some(foreteller), canary) = (shared.row_foreteller(place), place - shared.probes.len()) else {
                    return 0;
                };
                let many =
                    sides.iter().map(|side| side.ended_before(&**foreteller, writes.next_row, (ticks, next), until));
                let many = many.min().unwrap_or(0);
                if many > 0 {
                    let lane = desk.canary(canary);
                    for side in sides {
                        match &side.stance {
                            Stance::Takes => {
                                let (first, sent, every) = (writes.next_row, next.at, ticks.every);
                                foreteller.write(side.region, first, many, (sent, every));
                                let answers = Answers::Foretold { sent, every, by: Arc::clone(foreteller) };
                                lane.took_all(side.region, Acknowledged { first, many, answers });
                            }
                            Stance::Refuses(words) => lane.refused_all(side.region, many, Refused::In(words)),
                            Stance::Silent => lane.refused_all(side.region, many, Refused::Unanswered),
                        }
                    }
                    lane.went_on(many);
                }
                many
            }
        }
    }
}

impl Side {
    /// How many of the rows from `first` on, sent at the ticks from the next one on, have ended before `until`.
    fn ended_before(
        &self,
        foreteller: &dyn ForetellRows,
        first: u64,
        (ticks, next): (Ticks, Next),
        until: Moment,
    ) -> u64 {
        let sure = ticks_before(ticks, next, until.saturating_sub(self.longest));
        if self.stance == Stance::Silent {
            return sure;
        }
        let sent = ticks_before(ticks, next, until);
        let ended = |n: &u64| ticks.at(next.tick + n) + foreteller.takes(first + n) < until;
        (sure..sent).find(|n| !ended(n)).unwrap_or(sent)
    }
}

/// A little less than `span`.
fn shorter(span: Span) -> Span {
    Span(span.0.saturating_sub(1))
}

/// How many ticks there are from the next one on and before `until`.
fn ticks_before(ticks: Ticks, next: Next, until: Moment) -> u64 {
    if until <= next.at { 0 } else { ticks.after(Moment(until.0 - 1)).saturating_sub(next.tick) }
}

/// What the probe at `place` sees from `from` on, if that says what it saw last.
fn samples(shared: &Shared, desk: &mut Desk, place: usize, from: Moment) -> Option<(Manner, Moment)> {
    let last = desk.settled_on(place)?;
    let steady = shared.sample_foretellers[place].as_ref()?.steady(from)?;
    let alike = steady.answer;
    let same = alike.region == last.region && (alike.result == SampleResult::Healthy) == last.is_healthy();
    same.then_some((Manner::Samples(alike), steady.until))
}

/// Where a canary's rows go and what is made of them there, if nobody waits for any of it.
fn rows(shared: &Shared, desk: &mut Desk, canary: usize) -> Option<Manner> {
    let writes = desk.canary(canary).writes()?;
    let foreteller = shared.row_foretellers[canary].as_ref()?;
    let side = |region| Side { region, stance: foreteller.stance(region), longest: Span::ZERO };
    let (wanted, unwanted) = (side(writes.wanted), writes.unwanted.map(side));
    // A row on the side that must refuse it is news, and while a side is being promoted a row on either may be.
    let refused = |side: &Side| side.stance != Stance::Takes;
    let quiet = unwanted.as_ref().is_none_or(refused) && (!writes.promoting || refused(&wanted));
    quiet.then(|| Manner::Rows(writes, std::iter::once(wanted).chain(unwanted).collect()))
}
