//! A rehearsal in which Muster is killed, as often as one likes, and taken up again: its tasks end where they wait, its
//! journal ends after a whole record, and the simulated world goes on without it.

use std::io;

use super::rehearsal::{Aftermath, Rehearsal, Rehearsed, started};
use super::run::{assemble, broke_off, sight};
use super::{AppError, Loaded, journal_entries, simulation};
use crate::action::StandInSecrets;
use crate::engine::{Ended, Past, Run, drive};
use crate::event::{ResumeTo, Resumed};
use crate::id::{RunId, StepId};
use crate::infrastructure::simulate::Faults;
use crate::journal::{Journal, Log, MemoryLog, Writer, reader};
use crate::model::Person;
use crate::provider::simulated::Simulation;
use crate::record::{Heads, Record};
use crate::time::{Group, Span, run_virtual};

/// When Muster is killed, by the number of records that its journal then holds, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// As soon as so many are durable: what the last of them announces was not begun.
    After(u64),
    /// When the next one was about to be written: what it tells of has happened, and nobody knows.
    Before(u64),
}

/// One death, and how the run is taken up after it.
#[derive(Clone, Debug)]
pub struct Crash {
    /// When.
    pub kill: Kill,
    /// How long nobody takes it up.
    pub down: Span,
    /// What for.
    pub to: ResumeTo,
    /// Steps that a person did by hand meanwhile, and why.
    pub by_hand: Vec<(StepId, String)>,
}

/// Rehearses a plan with these crashes, one after another. One that lies behind the run's end does not happen.
///
/// # Errors
/// As [`super::rehearse`]; [`AppError::Files`] if the journal can't be taken up, which is a defect too.
pub fn rehearse_crashing(loaded: &Loaded, with: &Rehearsal, crashes: &[Crash]) -> Result<Rehearsed, AppError> {
    let plan = &loaded.plan;
    let faults =
        Faults::parse(with.faults.iter().map(String::as_str)).map_err(|error| AppError::Usage(error.to_string()))?;
    let id = RunId::make(with.start, &plan.name).map_err(|error| AppError::Usage(error.to_string()))?;
    let begun = started(loaded, with);
    let log = MemoryLog::new();
    let ran = run_virtual(with.start, |clock| {
        let (id, log) = (id.clone(), log.clone());
        async move {
            let setup = simulation::setup(plan, with.seed, clock.clone(), &faults).map_err(AppError::Usage)?;
            let points = setup.faults.clone();
            let simulation = Simulation::new(setup).map_err(|error| AppError::Usage(error.to_string()))?;
            let before = simulation.world();
            let mut past = None;
            for crash in crashes.iter().map(Some).chain([None]) {
                let (own, group) = clock.grouped();
                let kill = crash.map(|crash| crash.kill);
                let writer = writer(&id, &log, kill, group.clone())?;
                let (_keep, signals) = tokio::sync::mpsc::channel(1);
                let mut run: Run = assemble(
                    id.clone(),
                    begun.clone(),
                    simulation.resources(),
                    Journal::inline(writer),
                    own.clone(),
                    with.pace,
                    sight(with.seed, points.clone()),
                    signals,
                    Vec::new(),
                );
                run.secrets = std::sync::Arc::new(StandInSecrets);
                run.past = past.take();
                // A task of its own, so that it is killed with all the others.
                match own.spawn(drive(run)).await {
                    // The last thing that a run without anything under way sees is that its journal failed.
                    Ok(Err(_)) if group.killed() => {}
                    Ok(ended) => {
                        let ended = ended.map_err(broke_off)?;
                        return Ok((ended, Aftermath::of(&simulation, before, clock.now())));
                    }
                    Err(killed) if killed.is_panic() => {
                        return Err(AppError::Defect(format!("the engine panicked: {killed}")));
                    }
                    Err(_) => {}
                }
                let Some(crash) = crash else { break };
                clock.sleep(crash.down).await;
                past = Some(taken_up(&log, crash)?);
            }
            Err(AppError::Defect("the run was killed by nobody".to_owned()))
        }
    });
    let (ended, aftermath): (Ended, Aftermath) =
        ran.map_err(|stuck| AppError::Defect(format!("the simulation stands still: {stuck}")))??;
    let heads = Heads { finished: ended.verdict.map(|_| ended.head.clone()), last: ended.head };
    let record = Record::from_events(id, ended.events, heads).map_err(|error| AppError::Defect(error.to_string()))?;
    Ok(Rehearsed { record, journal: log.take(), exit: ended.exit, aftermath })
}

fn writer(id: &RunId, log: &MemoryLog, kill: Option<Kill>, group: Group) -> Result<Writer, AppError> {
    let lines = log.bytes();
    let log: Box<dyn Log> = match kill {
        Some(kill) => Box::new(KillingLog { log: log.clone(), kill, group }),
        None => Box::new(log.clone()),
    };
    if lines.is_empty() {
        return Ok(Writer::over(id.clone(), log));
    }
    Writer::after(&lines, log).map_err(|error| AppError::Files(error.to_string()))
}

fn taken_up(log: &MemoryLog, crash: &Crash) -> Result<Past, AppError> {
    let read = journal_entries(reader::read(log.bytes().as_slice()))?;
    let resumed = Resumed {
        to: crash.to,
        by: Person { name: None, user: "simulation".to_owned(), host: "simulation".to_owned() },
        muster: env!("CARGO_PKG_VERSION").to_owned(),
        boot: String::new(),
        since_boot: None,
        estimated: false,
        fencing: 1,
    };
    Ok(Past { entries: read.entries, resumed, by_hand: crash.by_hand.clone() })
}

/// A log that kills who writes it.
struct KillingLog {
    log: MemoryLog,
    kill: Kill,
    group: Group,
}

impl Log for KillingLog {
    fn append_batch(&mut self, first_seq: u64, lines: &[u8]) -> io::Result<()> {
        let many = lines.iter().filter(|byte| **byte == b'\n').count() as u64;
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
