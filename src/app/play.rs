//! Plays a run in a simulated world, from its first event or through any number of deaths to its end.
//!
//! The one way in which the app simulates: `muster run` and `simulate`, rehearsals in memory, rehearsals in which Muster is
//! killed, and simulated runs that are taken up. Muster dies as a killed process does: its tasks end where they wait, its
//! journal ends after a whole record, and the world goes on without it.

use std::io;
use std::sync::Arc;

use super::history::JournalRead;
use super::run::{assemble, broke_off, sight};
use super::simulation::Twin;
use super::{AppError, journal_entries};
use crate::chance::Seed;
use crate::engine::watch::Pace;
use crate::engine::{Ended, Observer, Past, drive};
use crate::event::{Event, Resumed, Started};
use crate::id::{RunId, StepId};
use crate::infrastructure::simulate::{Affliction, Faults};
use crate::journal::{Journal, Log, MemoryLog, Writer};
use crate::provider::simulated::Simulation;
use crate::resource::World;
use crate::time::{Group, Moment, Span, run_virtual};

/// When Muster is killed, by the number of records that its journal then holds, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// As soon as so many are durable: what the last of them announces was not begun.
    After(u64),
    /// When the next one was about to be written: what it tells of has happened, and nobody knows.
    Before(u64),
}

/// One death of a run.
pub(super) struct Death {
    pub(super) kill: Kill,
    pub(super) back: Back,
    pub(super) resumed: Resumed,
    pub(super) by_hand: Vec<(StepId, String)>,
}

/// When a run is taken up again.
#[derive(Clone, Copy)]
pub(super) enum Back {
    /// So long after its death.
    After(Span),
    /// At this instant of the run.
    At(Moment),
}

/// What is kept of a run beside what its events add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Its journal: every event as a line, chained by hashes.
    Journal,
    /// Nothing.
    Nothing,
}

/// A simulated run with its deaths.
pub(super) struct Play {
    pub(super) id: RunId,
    pub(super) started: Started,
    pub(super) seed: Seed,
    pub(super) start: jiff::Timestamp,
    pub(super) pace: Pace,
    pub(super) faults: Faults,
    /// The twin of its plan.
    pub(super) twin: Arc<Twin>,
    /// Whether a journal is kept; it must be, if it is to die on the way.
    pub(super) keep: Keep,
    /// What is wrong with the world itself.
    pub(super) afflictions: Vec<Affliction>,
    /// What the journal is written to.
    pub(super) log: MemoryLog,
    /// What is written in its place after the last death, if not the same.
    pub(super) end: Option<Writer>,
    /// Who sees what happens after the last death.
    pub(super) observers: Vec<Box<dyn Observer>>,
}

impl Play {
    /// Plays it; `look` sees the world when the run is over, and how it was before.
    ///
    /// # Errors
    /// [`AppError::Usage`] if the plan has no world that it can be played in, [`AppError::Files`] if what is taken up is
    /// no whole journal, [`AppError::BrokeOff`] and [`AppError::Defect`] of the run itself.
    pub(super) fn carry_out<T>(
        mut self,
        deaths: &[Death],
        look: impl FnOnce(&Simulation, World, Moment) -> T,
    ) -> Result<(Ended, T), AppError> {
        let ran = run_virtual(self.start, |clock| async move {
            let plan = &self.started.plan;
            let mut setup = self.twin.setup(plan, self.seed, clock.clone(), &self.faults).map_err(AppError::Usage)?;
            setup.afflictions = std::mem::take(&mut self.afflictions);
            let simulation = Simulation::new(setup).map_err(|error| AppError::Usage(error.to_string()))?;
            let before = simulation.world();
            self.started.origin.vantage = simulation.resources().network.vantage();
            let mut past = None;
            for death in deaths.iter().map(Some).chain([None]) {
                let (own, group) = clock.grouped();
                let (journal, observers) = if let Some(death) = death {
                    (Journal::inline(self.writer(Some((death.kill, group.clone())))?), Vec::new())
                } else {
                    let journal = match (self.keep, self.end.take()) {
                        (Keep::Nothing, _) => Journal::unkept(self.id.clone()),
                        (Keep::Journal, Some(end)) => Journal::inline(end),
                        (Keep::Journal, None) => Journal::inline(self.writer(None)?),
                    };
                    (journal, std::mem::take(&mut self.observers))
                };
                let (_keep, signals) = tokio::sync::mpsc::channel(1);
                let mut run = assemble(
                    self.id.clone(),
                    self.started.clone(),
                    simulation.resources(),
                    journal,
                    own.clone(),
                    self.pace,
                    sight(&simulation),
                    signals,
                    observers,
                );
                run.past = past.take();
                run.fencing = run.past.as_ref().map_or(run.fencing, |past| past.resumed.fencing);
                // A task of its own, so that it is killed with all the others.
                match own.spawn(drive(run)).await {
                    // The last thing that a run without anything under way sees is that its journal failed.
                    Ok(Err(_)) if group.killed() => {}
                    Ok(ended) => {
                        let ended = ended.map_err(broke_off)?;
                        return Ok((ended, look(&simulation, before, clock.now())));
                    }
                    Err(broken) if broken.is_panic() => {
                        return Err(AppError::Defect(format!("the engine panicked: {broken}")));
                    }
                    Err(_) => {}
                }
                let Some(death) = death else { break };
                match death.back {
                    Back::After(down) => clock.sleep(down).await,
                    Back::At(moment) => clock.sleep_until(moment).await,
                }
                let read = journal_entries(self.log.bytes().as_slice())?;
                if let Some(ended) = ended(&read) {
                    return Ok((ended, look(&simulation, before, clock.now())));
                }
                let entries = read.entries;
                past = Some(Past { entries, resumed: death.resumed.clone(), by_hand: death.by_hand.clone() });
            }
            Err(AppError::Defect("the run was killed by nobody".to_owned()))
        });
        ran.map_err(|stuck| AppError::Defect(format!("the simulation stands still: {stuck}")))?
    }

    fn writer(&self, kill: Option<(Kill, Group)>) -> Result<Writer, AppError> {
        let lines = self.log.bytes();
        let log: Box<dyn Log> = match kill {
            Some((kill, group)) => Box::new(KillingLog { log: self.log.clone(), kill, group }),
            None => Box::new(self.log.clone()),
        };
        if lines.is_empty() {
            return Ok(Writer::over(self.id.clone(), log));
        }
        Writer::after(&lines, log).map_err(|error| AppError::Files(error.to_string()))
    }
}

/// How a run ended whose last record was durable before Muster was killed: there is nothing to take up.
fn ended(read: &JournalRead) -> Option<Ended> {
    let entry = read.entries.iter().rev().find(|entry| matches!(entry.event, Event::Finished { .. }))?;
    let Event::Finished { verdict, world, exit, .. } = &entry.event else { return None };
    let head = read.heads.finished.clone().unwrap_or_default();
    Some(Ended { events: read.entries.clone(), story: None, verdict: Some((*verdict, *world)), exit: *exit, head })
}

/// A log that kills who writes it.
struct KillingLog {
    log: MemoryLog,
    kill: Kill,
    group: Group,
}

impl Log for KillingLog {
    fn append_batch(&mut self, first_seq: u64, lines: &[u8]) -> io::Result<()> {
        let many = lines.split_inclusive(|byte| *byte == b'\n').count() as u64;
        let (dies, holds) = match self.kill {
            Kill::After(records) => (first_seq + many >= records, records),
            Kill::Before(records) => (first_seq + many > records, records),
        };
        if !dies {
            return self.log.append_batch(first_seq, lines);
        }
        let kept = usize::try_from(holds.saturating_sub(first_seq)).unwrap_or(usize::MAX);
        let whole: usize = lines.split_inclusive(|byte| *byte == b'\n').take(kept).map(<[u8]>::len).sum();
        self.log.append_batch(first_seq, &lines[..whole])?;
        self.group.kill();
        Err(io::Error::other("killed"))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.log.finish()
    }
}
