//! Two sides of which one takes writes and the other follows: the model behind databases and storages.
//!
//! Pure: every question is answered for a moment that is given. A write is acknowledged by one side's log; it is on
//! the other side once the replication's horizon has passed it, stays behind for good when a side is promoted before
//! that, and is destroyed when a replica is built over it.

use crate::chance::{Distribution, Seed};
use crate::id::RegionRole;
use crate::resource::{CanaryRows, ReplicaRole};
use crate::time::{Moment, Span};

use super::lag::{Horizon, signed};
use super::row_log::{Paced, RowLog};

/// A stretch of one side's log, from `at` on.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    at: Moment,
    /// The position at its start, canary rows apart.
    position: u64,
    /// Whether users' writes arrive.
    taking: bool,
}

/// How a side follows the other.
#[derive(Clone, Copy, Debug)]
struct Follow {
    /// At least this much, as a commit time in nanoseconds, has been copied.
    floor_ns: i64,
    /// The horizon when the link was cut, while it is cut.
    frozen_ns: Option<i64>,
}

/// One side.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub(super) role: ReplicaRole,
    pub(super) fenced: bool,
    pub(super) timeline: u32,
    follow: Option<Follow>,
    stretches: Vec<Stretch>,
    /// Acknowledged canary rows by commit time.
    rows: RowLog,
    /// The commit time up to which the other side had this one's writes when it was promoted.
    diverged_ns: Option<i64>,
}

impl Side {
    pub(super) fn writable(&self) -> bool {
        self.role == ReplicaRole::Primary && !self.fenced
    }
}

/// Both sides.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    sides: [Side; 2],
    horizon: Horizon,
    /// How much the position grows with a second of users' writes.
    per_second: f64,
    /// How much it grows with one row.
    per_row: u64,
    /// Whether the canary's table is there.
    pub(super) canary: bool,
    /// What each promotion left behind: the promoted side, and the time from the newest write that it has to the last one
    /// that the other side acknowledged.
    losses: Vec<(RegionRole, Span)>,
    /// From then on a copy that is promoted lacks so much of the end of what it says that it has.
    pub(super) hollow: Option<(Moment, Span)>,
}

/// What one side looks like at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SideView {
    pub(super) role: ReplicaRole,
    pub(super) fenced: bool,
    pub(super) writable: bool,
    pub(super) timeline: u32,
    pub(super) replicates_from: Option<RegionRole>,
    pub(super) position: u64,
    pub(super) lag: Option<Span>,
}

/// The place of `role` in arrays of two.
pub(super) fn index(role: RegionRole) -> usize {
    match role {
        RegionRole::Primary => 0,
        RegionRole::Secondary => 1,
    }
}

impl Pair {
    /// The primary region's side takes writes, `rows_per_second` of `per_row` each, and the other follows it.
    pub(super) fn new(seed: Seed, subject: &str, lag: Distribution, rows_per_second: f64, per_row: u64) -> Self {
        // Some history, so that positions look like positions and those of before the run are not negative.
        let first = Stretch { at: Moment::ZERO, position: 1_000_000 * per_row, taking: true };
        let side = Side {
            role: ReplicaRole::Primary,
            fenced: false,
            timeline: 1,
            follow: None,
            stretches: vec![first],
            rows: RowLog::default(),
            diverged_ns: None,
        };
        let replica = Side {
            role: ReplicaRole::Replica,
            follow: Some(Follow { floor_ns: i64::MIN, frozen_ns: None }),
            stretches: Vec::new(),
            ..side.clone()
        };
        Self {
            sides: [side, replica],
            horizon: Horizon::new(seed, subject, lag),
            per_second: rows_per_second * per_row as f64,
            per_row,
            canary: false,
            losses: Vec::new(),
            hollow: None,
        }
    }

    /// What each promotion that lost something left behind.
    pub(super) fn losses(&self) -> impl Iterator<Item = (RegionRole, Span)> + '_ {
        self.losses.iter().copied()
    }

    pub(super) fn side(&self, role: RegionRole) -> &Side {
        &self.sides[index(role)]
    }

    fn side_mut(&mut self, role: RegionRole) -> &mut Side {
        &mut self.sides[index(role)]
    }

    /// The commit time up to which `role` has the other side's writes; `None` if it does not follow it.
    fn applied_ns(&mut self, role: RegionRole, now: Moment) -> Option<i64> {
        let follow = self.side(role).follow?;
        Some(match follow.frozen_ns {
            Some(frozen) => frozen,
            None => self.horizon.at(nanos(now)).max(follow.floor_ns),
        })
    }

    /// How far the log of `role`'s own writes went at `at_ns`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float's cast saturates")]
    fn position_at(&self, role: RegionRole, at_ns: i64) -> u64 {
        let side = self.side(role);
        let after = side.stretches.partition_point(|stretch| nanos(stretch.at) <= at_ns);
        let Some(stretch) = side.stretches.get(after.saturating_sub(1)) else { return 0 };
        let rows = side.rows.until(at_ns) * self.per_row;
        let position = stretch.position + rows;
        let distance = at_ns.saturating_sub(nanos(stretch.at));
        if !stretch.taking {
            return position;
        }
        let grown = (distance.unsigned_abs() as f64 * self.per_second / 1e9) as u64;
        if distance < 0 { position.saturating_sub(grown) } else { position + grown }
    }

    /// What `role` looks like.
    pub(super) fn view(&mut self, role: RegionRole, now: Moment) -> SideView {
        let other = role.other();
        let applied = self.applied_ns(role, now);
        let (position, lag) = match applied {
            None => (self.position_at(role, nanos(now)), None),
            Some(applied) => {
                let position = self.position_at(other, applied);
                let complete = !self.takes(other) && position == self.position_at(other, nanos(now));
                let behind = u64::try_from(nanos(now).saturating_sub(applied)).unwrap_or(0);
                (position, Some(if complete { Span::ZERO } else { Span(behind) }))
            }
        };
        let side = self.side(role);
        SideView {
            role: side.role,
            fenced: side.fenced,
            writable: side.writable(),
            timeline: side.timeline,
            replicates_from: side.follow.map(|_| other),
            position,
            lag,
        }
    }

    /// The age of the oldest write that `role` lacks; zero if it lacks none or follows nobody.
    pub(super) fn oldest_missing(&mut self, role: RegionRole, now: Moment) -> Span {
        let Some(applied) = self.applied_ns(role, now) else { return Span::ZERO };
        let other = role.other();
        if self.position_at(other, applied) == self.position_at(other, nanos(now)) {
            return Span::ZERO;
        }
        Span(u64::try_from(nanos(now).saturating_sub(applied)).unwrap_or(0))
    }

    fn takes(&self, role: RegionRole) -> bool {
        self.side(role).stretches.last().is_some_and(|stretch| stretch.taking)
    }

    /// Notes from `now` on whether users' writes arrive at `role`.
    fn take(&mut self, role: RegionRole, users_reach: bool, now: Moment) {
        let taking = self.side(role).writable() && users_reach;
        if self.side(role).role != ReplicaRole::Primary || self.takes(role) == taking {
            return;
        }
        let position = self.position_at(role, nanos(now)) - self.rows_until(role, now);
        self.side_mut(role).stretches.push(Stretch { at: now, position, taking });
    }

    /// The part of a position that is canary rows.
    fn rows_until(&self, role: RegionRole, now: Moment) -> u64 {
        self.side(role).rows.until(nanos(now)) * self.per_row
    }

    /// Refuses writes at `role` and returns the position at which they ended.
    pub(super) fn fence(&mut self, role: RegionRole, now: Moment) -> u64 {
        self.side_mut(role).fenced = true;
        self.take(role, false, now);
        self.view(role, now).position
    }

    /// Lets writes in again.
    pub(super) fn unfence(&mut self, role: RegionRole, users_reach: bool, now: Moment) {
        self.side_mut(role).fenced = false;
        self.take(role, users_reach, now);
    }

    /// Makes `role` a primary with what it has; it takes writes unless it is fenced. The other side is left as it is:
    /// if that is not fenced, both take writes.
    pub(super) fn promote(&mut self, role: RegionRole, users_reach: bool, now: Moment) {
        let other = role.other();
        if let Some(applied) = self.applied_ns(role, now) {
            let applied = self.hollowed(other, applied, now);
            let ended = match self.side(other).stretches.last() {
                Some(stretch) if !stretch.taking => nanos(stretch.at),
                _ => nanos(now),
            };
            let behind = Span(u64::try_from(ended.saturating_sub(applied)).unwrap_or(0));
            if behind > Span::ZERO && self.position_at(other, applied) < self.position_at(other, ended) {
                self.losses.push((role, behind));
            }
            let source = self.side(other);
            let until = source.rows.until(applied);
            let rows = source.rows.first(until);
            let timeline = source.timeline + 1;
            let position = self.position_at(other, applied) - until * self.per_row;
            self.side_mut(other).diverged_ns = Some(applied);
            let side = self.side_mut(role);
            side.rows = rows;
            side.timeline = timeline;
            side.stretches = vec![Stretch { at: now, position, taking: false }];
            side.follow = None;
            side.diverged_ns = Some(nanos(now));
        }
        self.side_mut(role).role = ReplicaRole::Primary;
        self.take(role, users_reach, now);
    }

    /// What of `applied` a copy of `source` really has when it is promoted.
    fn hollowed(&self, source: RegionRole, applied: i64, now: Moment) -> i64 {
        let Some((_, lacks)) = self.hollow.filter(|(from, _)| *from <= now) else { return applied };
        let last = self.side(source).stretches.last().filter(|stretch| !stretch.taking);
        last.map_or(applied, |ended| applied.min(nanos(ended.at))).saturating_sub(signed(lacks))
    }

    /// As [`Horizon::fix`].
    pub(super) fn fall_behind(&mut self, from: Moment, by: Span) {
        self.horizon.fix(nanos(from), signed(by));
    }

    /// Builds `to` anew from the other side, which must be a primary; what only `to` had is gone.
    pub(super) fn replicate(&mut self, to: RegionRole, linked: bool, now: Moment) {
        let floor_ns = self.horizon.at(nanos(now));
        let timeline = self.side(to.other()).timeline;
        self.side_mut(to.other()).diverged_ns = None;
        let side = self.side_mut(to);
        side.role = ReplicaRole::Replica;
        side.fenced = false;
        side.timeline = timeline;
        side.rows = RowLog::default();
        side.stretches = Vec::new();
        side.diverged_ns = None;
        side.follow = Some(Follow { floor_ns, frozen_ns: (!linked).then_some(floor_ns) });
    }

    /// Notes a change of who reaches whom.
    pub(super) fn reached(&mut self, users_reach: [bool; 2], linked: bool, now: Moment) {
        for role in BOTH {
            let applied = self.applied_ns(role, now);
            if let Some(follow) = &mut self.side_mut(role).follow {
                match (linked, follow.frozen_ns) {
                    (false, None) => follow.frozen_ns = applied,
                    (true, Some(frozen)) => *follow = Follow { floor_ns: frozen, frozen_ns: None },
                    _ => {}
                }
            }
            self.take(role, users_reach[index(role)], now);
        }
    }

    /// A canary's row arrives at `role`; `false` if it does not take writes. The same row at the same moment counts once.
    pub(super) fn write_row(&mut self, role: RegionRole, number: u64, now: Moment) -> bool {
        let side = self.side_mut(role);
        if side.writable() {
            side.rows.add(number, now);
        }
        side.writable()
    }

    /// `many` rows of a canary, numbered from `first` on, arrive at `role` one after another; it takes writes.
    pub(super) fn write_rows(&mut self, role: RegionRole, first: u64, many: u64, paced: Paced) {
        let side = self.side_mut(role);
        if side.writable() && many > 0 {
            side.rows.add_run(first, many, paced);
        }
    }

    /// The canary's rows that `role` has.
    pub(super) fn rows(&mut self, role: RegionRole, now: Moment) -> CanaryRows {
        let applied = self.applied_ns(role, now);
        let (of, until_ns) = match applied {
            Some(applied) => (role.other(), applied),
            None => (role, nanos(now)),
        };
        let rows = &self.side(of).rows;
        compact(rows.first(rows.until(until_ns)).numbers().collect())
    }

    /// Forgets the canary's rows; their part of the position stays.
    pub(super) fn drop_rows(&mut self) {
        self.canary = false;
        for side in &mut self.sides {
            let grown = side.rows.len() * self.per_row;
            side.rows.clear();
            for stretch in &mut side.stretches {
                stretch.position += grown;
            }
        }
    }

    /// How many rows or pushes `role` has that the other side lacks.
    pub(super) fn only_here(&mut self, role: RegionRole, now: Moment) -> u64 {
        let since_ns = match (self.applied_ns(role, now), self.applied_ns(role.other(), now)) {
            (Some(_), _) => return 0,
            (None, Some(applied)) => applied,
            (None, None) => self.side(role).diverged_ns.unwrap_or_else(|| nanos(now)),
        };
        let whole = self.position_at(role, nanos(now));
        (whole - self.position_at(role, since_ns).min(whole)).div_ceil(self.per_row.max(1))
    }
}

/// Both regions, the primary first.
pub(super) const BOTH: [RegionRole; 2] = [RegionRole::Primary, RegionRole::Secondary];

/// A moment as a number that may lie before another.
pub(super) fn nanos(at: Moment) -> i64 {
    signed(Span(at.0))
}

/// Ranges of numbers as ascending ones that don't touch.
fn compact(mut numbers: Vec<(u64, u64)>) -> CanaryRows {
    numbers.sort_unstable();
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for (first, last) in numbers {
        match ranges.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => ranges.push((first, last)),
        }
    }
    CanaryRows { ranges }
}

#[cfg(test)]
mod tests;
