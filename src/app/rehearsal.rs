//! A simulated run in memory: no folder, no file, no index. Beside its record it gives what only the simulation knows:
//! the true world before and after, and what users were really served.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::play::{Death, Play};
use super::{AppError, Loaded, simulation};
use crate::chance::Seed;
use crate::engine::Observer;
use crate::engine::watch::Pace;
use crate::event::{FORMAT, Origin, Started};
use crate::id::{RegionRole, ResourceId, RunId};
use crate::infrastructure::simulate::{Affliction, Faults};
use crate::journal::MemoryLog;
use crate::model::ExitCode;
use crate::provider::simulated::{Simulation, Truth};
use crate::record::{Heads, Record};
use crate::resource::{Marker, World};
use crate::time::{Moment, Span};

/// What a plan is rehearsed with. One plan may be rehearsed many times, on many threads at once.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// What all chances are drawn from.
    pub seed: Seed,
    /// The wall clock's start.
    pub start: Timestamp,
    /// Faults, as `--fault` takes them.
    pub faults: Vec<String>,
    /// How samples are taken.
    pub pace: Pace,
}

/// A rehearsal that has ended.
#[derive(Debug)]
pub struct Rehearsed {
    /// All that its journal tells.
    pub record: Record,
    /// The journal's lines.
    pub journal: Vec<u8>,
    /// The exit code that the program would give.
    pub exit: ExitCode,
    /// What is really so.
    pub aftermath: Aftermath,
}

/// What only the simulation knows of a run.
#[derive(Clone, Debug)]
pub struct Aftermath {
    /// When the run had ended.
    pub until: Moment,
    /// The true world when the run began.
    pub before: World,
    /// The true world when it had ended.
    pub after: World,
    /// What users were really served, for each endpoint.
    pub truth: Vec<Truth>,
    /// Resources of which two sides really took users' writes at once, and from when.
    pub two_writers: Vec<(ResourceId, Moment)>,
    /// Of the commands that steps observe, the last that took effect: by what observes them.
    pub commands: Vec<(Vec<String>, Vec<String>)>,
    /// How often what took effect on the simulated resources: by who did it, what it was and on what.
    pub effects: BTreeMap<String, u32>,
    /// Which run has marked what as its own.
    pub markers: BTreeMap<ResourceId, Marker>,
    /// The regions that a fault took.
    pub lost: Vec<RegionRole>,
    /// Which of the faults were met by any call, by their places.
    pub met: BTreeSet<usize>,
    /// What each promotion left behind: resource, promoted region, and the time that was lost.
    pub losses: Vec<(ResourceId, RegionRole, Span)>,
}

impl Aftermath {
    fn of(simulation: &Simulation, before: World, until: Moment) -> Self {
        Self {
            until,
            before,
            after: simulation.world(),
            truth: simulation.truth(until),
            two_writers: simulation.two_writers(),
            commands: simulation.commands(),
            effects: simulation.effects(),
            markers: simulation.markers(),
            lost: simulation.lost(),
            met: simulation.met(),
            losses: simulation.losses(),
        }
    }
}

/// Rehearses a plan on its simulated twin, whatever it is bound to.
///
/// # Errors
/// [`AppError::Usage`] for a plan without a twin and faults that don't fit it, [`AppError::Defect`] if the simulation
/// stands still or Muster itself failed.
pub fn rehearse(loaded: &Loaded, with: &Rehearsal, observers: Vec<Box<dyn Observer>>) -> Result<Rehearsed, AppError> {
    rehearse_through(loaded, with, &[], &[], observers)
}

/// Rehearses a plan on a twin with which something is wrong.
///
/// # Errors
/// As [`rehearse`].
pub fn rehearse_afflicted(
    loaded: &Loaded,
    with: &Rehearsal,
    afflictions: &[Affliction],
) -> Result<Rehearsed, AppError> {
    rehearse_through(loaded, with, afflictions, &[], Vec::new())
}

/// Rehearses a plan, through these deaths.
pub(super) fn rehearse_through(
    loaded: &Loaded,
    with: &Rehearsal,
    afflictions: &[Affliction],
    deaths: &[Death],
    observers: Vec<Box<dyn Observer>>,
) -> Result<Rehearsed, AppError> {
    let plan = &loaded.plan;
    let faults =
        Faults::parse(with.faults.iter().map(String::as_str)).map_err(|error| AppError::Usage(error.to_string()))?;
    simulation::faults::points(plan, &faults).map_err(AppError::Usage)?;
    let run = RunId::make(with.start, &plan.name).map_err(|error| AppError::Usage(error.to_string()))?;
    let log = MemoryLog::new();
    let play = Play {
        id: run.clone(),
        started: started(loaded, with),
        seed: with.seed,
        start: with.start,
        pace: with.pace,
        faults,
        afflictions: afflictions.to_vec(),
        log: log.clone(),
        end: None,
        observers,
    };
    let (ended, aftermath) = play.carry_out(deaths, Aftermath::of)?;
    let heads = Heads { finished: ended.verdict.map(|_| ended.head.clone()), last: ended.head };
    let record = Record::from_events(run, ended.events, heads).map_err(|error| AppError::Defect(error.to_string()))?;
    Ok(Rehearsed { record, journal: log.take(), exit: ended.exit, aftermath })
}

/// The first event of a rehearsal.
fn started(loaded: &Loaded, with: &Rehearsal) -> Started {
    let origin =
        Origin { muster: env!("CARGO_PKG_VERSION").to_owned(), faults: with.faults.clone(), ..Origin::default() };
    Started {
        format: FORMAT,
        plan: loaded.plan.clone(),
        documents: loaded.documents.clone(),
        origin,
        seed: Some(with.seed),
        previous: None,
        proof: None,
        forecast: None,
    }
}
