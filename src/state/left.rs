//! What each side of a database or storage may hold that exists nowhere else, as far as the run's own events tell.
//!
//! A replication destroys what only its target has. Whether that was kept is known from the journal alone, so that a run
//! that was taken up again knows just what it knew before.

use std::collections::BTreeMap;

use crate::catalogue::{Act, Mode};
use crate::id::{RegionRole, ResourceId, StepId};
use crate::model::{Happened, Step};

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Did {
    /// It passed by its own doing.
    Passed,
    /// It found its work done.
    FoundDone,
    /// An attempt failed.
    Failed(Happened),
    /// A person said that they did it.
    ByHand,
}

/// What a side has of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Own {
    /// The other side had all of it when it took over.
    Nothing,
    /// Whatever it is, a copy of it was made.
    Kept,
    /// The other side took over by this step, which did not show that it had everything.
    Perhaps(StepId),
}

/// The sides that were left behind by a promotion in this run, and what is known of each.
#[derive(Clone, Debug, Default)]
pub struct LeftBehind {
    sides: BTreeMap<(ResourceId, RegionRole), Own>,
}

impl LeftBehind {
    /// Whether what `step` does changes anything here.
    pub(super) fn concerns(act: &Act) -> bool {
        matches!(act, Act::DatabasePromote(_) | Act::StoragePromote(_) | Act::DataPreserve(_))
    }

    /// Takes in what a step did.
    pub(super) fn take_in(&mut self, step: &Step, mode: Mode, did: Did) {
        match &step.act {
            Act::DatabasePromote(it) => self.promoted(step, (&it.database, it.to), it.drained(mode), did),
            Act::StoragePromote(it) => self.promoted(step, (&it.storage, it.to), it.drained(mode), did),
            // Only what was seen to be kept is: nobody can check what a person says that they did.
            Act::DataPreserve(it) if did == Did::Passed => {
                for of in &it.of.0 {
                    self.keep(of, it.region);
                }
            }
            _ => {}
        }
    }

    /// A copy was made of what `region` has of `of`.
    pub(crate) fn keep(&mut self, of: &ResourceId, region: RegionRole) {
        self.sides.insert((of.clone(), region), Own::Kept);
    }

    fn promoted(&mut self, step: &Step, (of, to): (&ResourceId, RegionRole), drained: bool, did: Did) {
        let left = (of.clone(), to.other());
        match did {
            Did::Failed(Happened::No) => {}
            // It is drained before it is promoted, so whatever shows that it was promoted shows that too.
            Did::Passed | Did::Failed(Happened::Yes) if drained => {
                self.sides.insert(left, Own::Nothing);
            }
            // Who took over before, and how, is known or it is not.
            Did::FoundDone => {
                self.sides.entry(left).or_insert_with(|| Own::Perhaps(step.id.clone()));
            }
            Did::Passed | Did::Failed(_) | Did::ByHand => {
                self.sides.insert(left, Own::Perhaps(step.id.clone()));
            }
        }
    }

    /// Why `region` may hold something of `of` that exists nowhere else and was not kept; `None` if it holds none.
    #[must_use]
    pub fn unkept(&self, of: &ResourceId, region: RegionRole) -> Option<String> {
        match self.sides.get(&(of.clone(), region)) {
            Some(Own::Nothing | Own::Kept) => None,
            Some(Own::Perhaps(step)) => Some(format!(
                "{} took over by step `{step}`, which did not show that it had everything",
                region.other()
            )),
            None => Some(format!("it was not in this run that {} took over", region.other())),
        }
    }
}
