//! A simulated run in memory: no folder, no file, no index. Beside its record it gives what only the simulation knows:
//! the true world before and after, and what users were really served.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::play::{Death, Keep, Play};
use super::simulation::Twin;
use super::{AppError, Loaded, simulation};
use crate::chance::Seed;
use crate::engine::Observer;
use crate::engine::watch::Pace;
use crate::event::{FORMAT, Origin, Started};
use crate::id::{RegionRole, ResourceId, RunId};
use crate::infrastructure::simulate::{Affliction, Faults};
use crate::journal::MemoryLog;
use crate::model::{Documents, ExitCode, Plan};
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
    /// The journal's lines; none if it was not kept.
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

/// A plan made ready: what its rehearsals have in common is worked out once. May be used by many threads at once; they
/// share nothing that changes.
#[derive(Clone, Debug)]
pub struct Prepared {
    plan: Arc<Plan>,
    documents: Arc<Documents>,
    twin: Arc<Twin>,
}

impl Prepared {
    /// Makes a plan ready to be rehearsed on its simulated twin, whatever it is bound to.
    ///
    /// # Errors
    /// [`AppError::Usage`] for a plan without a twin.
    pub fn new(loaded: &Loaded) -> Result<Self, AppError> {
        Ok(Self {
            plan: Arc::new(loaded.plan.clone()),
            documents: Arc::new(loaded.documents.clone()),
            twin: Arc::new(Twin::of(&loaded.plan).map_err(AppError::Usage)?),
        })
    }

    /// Rehearses it. Where no journal is kept, the record has no heads, and is the same but for them.
    ///
    /// # Errors
    /// As [`rehearse`].
    pub fn rehearse(
        &self,
        with: &Rehearsal,
        keep: Keep,
        observers: Vec<Box<dyn Observer>>,
    ) -> Result<Rehearsed, AppError> {
        self.rehearse_through(with, keep, &[], &[], observers)
    }

    /// Rehearses it on a twin with which something is wrong; as [`Self::rehearse`].
    ///
    /// # Errors
    /// As [`rehearse`].
    pub fn rehearse_afflicted(
        &self,
        with: &Rehearsal,
        keep: Keep,
        afflictions: &[Affliction],
    ) -> Result<Rehearsed, AppError> {
        self.rehearse_through(with, keep, afflictions, &[], Vec::new())
    }

    fn rehearse_through(
        &self,
        with: &Rehearsal,
        keep: Keep,
        afflictions: &[Affliction],
        deaths: &[Death],
        observers: Vec<Box<dyn Observer>>,
    ) -> Result<Rehearsed, AppError> {
        let plan = &self.plan;
        let faults = Faults::parse(with.faults.iter().map(String::as_str))
            .map_err(|error| AppError::Usage(error.to_string()))?;
        simulation::faults::points(plan, &faults).map_err(AppError::Usage)?;
        let run = RunId::make(with.start, &plan.name).map_err(|error| AppError::Usage(error.to_string()))?;
        let log = MemoryLog::new();
        let play = Play {
            id: run.clone(),
            started: self.started(with),
            seed: with.seed,
            start: with.start,
            pace: with.pace,
            faults,
            afflictions: afflictions.to_vec(),
            twin: Arc::clone(&self.twin),
            keep,
            log: log.clone(),
            end: None,
            observers,
        };
        let (ended, aftermath) = play.carry_out(deaths, Aftermath::of)?;
        let heads = match keep {
            Keep::Journal => Heads { finished: ended.verdict.map(|_| ended.head.clone()), last: ended.head },
            Keep::Nothing => Heads::default(),
        };
        let record = match ended.story {
            Some(story) => story.record(heads),
            None => {
                Record::from_events(run, ended.events, heads).map_err(|error| AppError::Defect(error.to_string()))?
            }
        };
        Ok(Rehearsed { record, journal: log.take(), exit: ended.exit, aftermath })
    }

    /// The first event of a rehearsal.
    fn started(&self, with: &Rehearsal) -> Started {
        let origin = Origin {
            muster: env!("CARGO_PKG_VERSION").to_owned(),
            faults: with.faults.clone(),
            next_due: super::windows::next_due(&self.plan, with.start),
            ..Origin::default()
        };
        Started {
            format: FORMAT,
            plan: Arc::clone(&self.plan),
            documents: Arc::clone(&self.documents),
            origin,
            seed: Some(with.seed),
            previous: None,
            proof: None,
            forecast: None,
            open_actions: Vec::new(),
        }
    }
}

/// Rehearses a plan on its simulated twin, whatever it is bound to, and keeps its journal. Who rehearses one plan often
/// is faster with [`Prepared`].
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
    Prepared::new(loaded)?.rehearse_through(with, Keep::Journal, afflictions, deaths, observers)
}
