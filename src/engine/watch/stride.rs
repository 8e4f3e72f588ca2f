//! Many ticks at a stride: where all that is watched stays as it is, samples and rows are foretold a stretch at a time.
//!
//! Between two things that happen in a run, a probe sees the same a thousand times over, and a canary writes one row
//! after another. [`super::ahead`] would enter each of them, foretell it and hand it in; here each line runs through its
//! ticks in a loop of its own, and one hand-in stands for all of them.
//!
//! What makes that the same: nothing happens in the world before `until`; each sample is healthy, from the same region
//! as the one before it, answered before the next is due, and so quiet; each row is taken by the side that is to take
//! it, or refused in the same words, or never answered. Quiet results commute, so the order between lines, which is all
//! that is given up, says nothing. Where one line's tick is anything else, the stride ends for all of them, and that
//! tick is carried out as any other. A line's first tick whose result would come later than the stride ends is left too.

use super::canary::{Taken, Writes};
use super::desk::Desk;
use super::shared::Shared;
use crate::id::RegionRole;
use crate::measure::Run;
use crate::probe::{Foreteller, Healthy};
use crate::resource::Stance;
use crate::time::{Moment, Span, Ticks};

/// A stride that covers less than this is not worth its beginning.
const SHORTEST: Span = Span::from_millis(1_500);

/// The next tick of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next {
    pub(super) at: Moment,
    pub(super) tick: u64,
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
    /// How long each sample takes; of a canary, each row that is taken.
    taken: Vec<Span>,
}

/// How a line goes on.
#[derive(Default)]
enum Manner {
    /// Nothing is known of it.
    #[default]
    Unsteady,
    Healthy(Healthy),
    Rows(Writes, [Option<Side>; 2]),
}

/// What one side makes of the rows that it is sent.
struct Side {
    region: RegionRole,
    stance: Stance,
    /// At most so long each row takes that is refused.
    longest: Span,
}

impl Strider {
    /// Takes all lines, whose next ticks `next` are the first of which is at `from`, as far as it goes before `until`.
    /// Gives whether it went at all.
    pub(super) fn stride(
        &mut self,
        shared: &Shared,
        desk: &mut Desk,
        next: &mut [Next],
        (from, mut until): (Moment, Moment),
    ) -> bool {
        if from < self.after || until < from + SHORTEST || desk.has_news() {
            return false;
        }
        self.lines.resize_with(next.len(), Line::default);
        for (place, (line, next)) in self.lines.iter_mut().zip(&*next).enumerate() {
            let steady_until = line.begin(shared, desk, place, next.at);
            if steady_until <= next.at {
                self.after = self.after.max(next.at + Span(1));
            }
            until = until.min(steady_until);
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
        self.taken.clear();
        let known = match place.checked_sub(shared.probes.len()) {
            None => healthy(shared, desk, place, from),
            Some(canary) => rows(shared, desk, canary).map(|manner| (manner, Moment::MAX)),
        };
        let until;
        (self.manner, until) = known.unwrap_or((Manner::Unsteady, from));
        until
    }

    /// Foretells what its ticks before `until` come to. Gives `until`, or when the first tick is that goes otherwise.
    fn foretell(&mut self, shared: &Shared, place: usize, next: Next, until: Moment) -> Moment {
        let ticks = shared.ticks[place];
        match &mut self.manner {
            Manner::Unsteady => until,
            Manner::Healthy(healthy) => {
                let Some(foreteller) = &shared.sample_foretellers[place] else { return next.at };
                // The next sample must not begin before this one has ended.
                let longest = healthy.longest.min(Span(ticks.every.0.saturating_sub(1)));
                fill(&mut self.taken, ticks, next.tick, until, longest, |_, sent| foreteller.takes(sent))
            }
            Manner::Rows(writes, sides) => {
                let Some(foreteller) = shared.row_foreteller(place) else { return next.at };
                let mut odd = until;
                for side in sides.iter_mut().flatten() {
                    match side.stance {
                        // They must arrive, and be answered, in the order in which they are sent.
                        Stance::Takes => {
                            let longest = Span(ticks.every.min(writes.limit).0.saturating_sub(1));
                            let takes = |n, _| foreteller.takes(writes.next_row + n);
                            odd = odd.min(fill(&mut self.taken, ticks, next.tick, until, longest, takes));
                        }
                        Stance::Refuses(_) => {
                            let many = ticks_before(ticks, next, until);
                            side.longest = foreteller.longest(writes.next_row..writes.next_row + many);
                            if side.longest >= writes.limit {
                                odd = odd.min(next.at);
                            }
                        }
                        Stance::Silent => side.longest = writes.limit,
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
            Manner::Healthy(healthy) => {
                let taken = answered_before(&self.taken, ticks, next.tick, until);
                let (Some(foreteller), Some(last)) = (&shared.sample_foretellers[place], taken.len().checked_sub(1))
                else {
                    return 0;
                };
                let sample = |n: usize| {
                    let tick = next.tick + n as u64;
                    foreteller.healthy(healthy, tick, ticks.at(tick))
                };
                let run = Run { first: sample(0), last: sample(last), count: taken.len() as u64 };
                desk.end_all(place, &run, taken);
                run.count
            }
            Manner::Rows(writes, sides) => {
                let sides = || sides.iter().flatten();
                let many = sides().map(|side| match side.stance {
                    Stance::Takes => answered_before(&self.taken, ticks, next.tick, until).len() as u64,
                    Stance::Refuses(_) | Stance::Silent => {
                        ticks_before(ticks, next, until.saturating_sub(side.longest))
                    }
                });
                let many = many.min().unwrap_or(0);
                if many > 0 {
                    let canary = place - shared.probes.len();
                    for side in sides() {
                        self.end_rows(shared, desk, (canary, writes.next_row, many), side, (ticks, next));
                    }
                    desk.canary(canary).went_on(many);
                }
                many
            }
        }
    }

    /// `many` rows from `first` on have ended on one side.
    fn end_rows(
        &self,
        shared: &Shared,
        desk: &mut Desk,
        (canary, first, many): (usize, u64, u64),
        side: &Side,
        (ticks, next): (Ticks, Next),
    ) {
        let lane = desk.canary(canary);
        match &side.stance {
            Stance::Takes => {
                let sent = (next.tick..next.tick + many).map(|tick| ticks.at(tick));
                let rows = sent.zip(self.taken.iter().copied());
                if let Some(foreteller) = &shared.row_foretellers[canary] {
                    foreteller.write(side.region, first, &mut rows.clone());
                }
                lane.took_all(side.region, first, rows.map(|(sent, takes)| sent + takes));
            }
            Stance::Refuses(words) => lane.refused_all(side.region, many, Taken::Not(words)),
            Stance::Silent => lane.refused_all(side.region, many, Taken::Unanswered),
        }
    }
}

/// How long things take that begin at the ticks from `first` on, one after another, as long as each has ended before
/// `until`. Gives `until`, or when the first of them is that takes longer than `longest`.
fn fill(
    taken: &mut Vec<Span>,
    ticks: Ticks,
    first: u64,
    until: Moment,
    longest: Span,
    takes: impl Fn(u64, Moment) -> Span,
) -> Moment {
    for n in 0.. {
        let sent = ticks.at(first + n);
        if sent >= until {
            break;
        }
        let span = takes(n, sent);
        if span > longest {
            return sent;
        }
        if sent + span >= until {
            break;
        }
        taken.push(span);
    }
    until
}

/// Those that have ended before `until`.
fn answered_before(taken: &[Span], ticks: Ticks, first: u64, until: Moment) -> &[Span] {
    let late = taken.iter().rev().zip((0..taken.len() as u64).rev());
    let late = late.take_while(|(span, n)| ticks.at(first + n) + **span >= until).count();
    &taken[..taken.len() - late]
}

/// How many ticks there are from the next one on and before `until`.
fn ticks_before(ticks: Ticks, next: Next, until: Moment) -> u64 {
    if until <= next.at { 0 } else { ticks.after(Moment(until.0 - 1)).saturating_sub(next.tick) }
}

/// What the probe at `place` sees from `from` on, if it is as healthy as what it saw last.
fn healthy(shared: &Shared, desk: &mut Desk, place: usize, from: Moment) -> Option<(Manner, Moment)> {
    let region = desk.settled_on(place)?;
    let steady = shared.sample_foretellers[place].as_ref().and_then(|it: &Foreteller| it.steady(from))?;
    (steady.answer.region == region).then_some((Manner::Healthy(steady.answer), steady.until))
}

/// Where a canary's rows go and what is made of them there, if nobody waits for any of it.
fn rows(shared: &Shared, desk: &mut Desk, canary: usize) -> Option<Manner> {
    let writes = desk.canary(canary).writes()?;
    let foreteller = shared.row_foretellers[canary].as_ref()?;
    let side = |region| Side { region, stance: foreteller.stance(region), longest: Span::ZERO };
    let (wanted, unwanted) = (side(writes.wanted), writes.unwanted.map(side));
    // A row on the side that must refuse it is news.
    let quiet = unwanted.as_ref().is_none_or(|side| side.stance != Stance::Takes);
    quiet.then_some(Manner::Rows(writes, [Some(wanted), unwanted]))
}

/// Whether `region` never answers the rows of `canary`, so that it doesn't matter when that is handed in.
pub(super) fn is_silent(shared: &Shared, canary: usize, region: RegionRole) -> bool {
    let foreteller = shared.row_foretellers[canary].as_ref();
    foreteller.is_some_and(|it| it.stance(region) == Stance::Silent)
}
