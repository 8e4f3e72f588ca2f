//! Many rows of one canary at once, for the fast pace.
//!
//! Nobody but its canary knows of a row, unless it is acknowledged by a side that must refuse it. While that cannot be
//! (the canary is calm), rows need not take turns with all else that is watched: they follow after it, tick by tick, as
//! far as that has come.

use std::collections::VecDeque;

use super::desk::Desk;
use super::shared::{Done, Shared, Work, begin};
use crate::time::Moment;

/// Rows that are answered but not handed in yet, in the order of their answers.
#[derive(Default)]
pub(super) struct Burst {
    answered: VecDeque<Done>,
}

/// Whether no row of `canary` that is sent from now on can be news to anybody, as long as nothing changes in the world,
/// and none is under way.
pub(super) fn is_calm(shared: &Shared, desk: &mut Desk, canary: usize) -> bool {
    let lane = desk.canary(canary);
    match &shared.row_foretellers[canary] {
        Some(foreteller) => lane.is_calm(|region| foreteller.may_take(region)),
        None => false,
    }
}

impl Burst {
    /// Takes the ticks of `line`, a calm canary's, from `tick` on, up to `limit`. Gives the first tick that it did not
    /// take, and what was begun last and cannot be foretold, with the moment at which it was begun.
    pub(super) fn run(
        &mut self,
        shared: &Shared,
        desk: &mut Desk,
        (line, mut tick): (usize, u64),
        now: Moment,
        limit: Moment,
    ) -> (u64, Moment, [Option<Work>; 2]) {
        loop {
            let at = shared.ticks[line].at(tick);
            let due = at < limit || at <= now;
            self.hand_in(desk, if due { at } else { limit });
            if !due {
                return (tick, at, [None, None]);
            }
            tick += 1;
            let left = begin(shared, desk, line, tick - 1, at)
                .map(|work| work.and_then(|work| work.foretell(shared, limit).map(|done| self.insert(done)).err()));
            if left.iter().any(Option::is_some) {
                self.hand_in(desk, limit);
                return (tick, at, left);
            }
        }
    }

    fn insert(&mut self, done: Done) {
        let later = self.answered.iter().rev().take_while(|other| other.at() > done.at()).count();
        self.answered.insert(self.answered.len() - later, done);
    }

    /// Hands in what is answered before `until`; a tick goes before an answer of its instant.
    fn hand_in(&mut self, desk: &mut Desk, until: Moment) {
        while let Some(done) = self.answered.pop_front_if(|done| done.at() < until) {
            done.hand_in(desk);
        }
    }
}
