//! A rehearsal in which Muster is killed, as often as one likes, and taken up again: its tasks end where they wait, its
//! journal ends after a whole record, and the simulated world goes on without it.

use std::io;

use super::history::JournalRead;
use super::rehearsal::{Aftermath, Rehearsal, Rehearsed, started};
use super::run::{assemble, broke_off, sight};
use super::{AppError, Loaded, journal_entries, simulation};
use crate::chance::Seed;
use crate::engine::watch::Pace;
use crate::engine::{Ended, Observer, Past, Run, drive};
use crate::event::{Event, ResumeTo, Resumed, Started};
use crate::id::{RunId, StepId};
use crate::infrastructure::simulate::Faults;
use crate::journal::{Journal, Log, MemoryLog, Writer, reader};
use crate::model::Person;
use crate::provider::simulated::Simulation;
use crate::record::{Heads, Record};
use crate::time::{Group, Moment, Span, run_virtual};

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
    let faults =
        Faults::parse(with.faults.iter().map(String::as_str)).map_err(|error| AppError::Usage(error.to_string()))?;
    let id = RunId::make(with.start, &loaded.plan.name).map_err(|error| AppError::Usage(error.to_string()))?;
    let log = MemoryLog::new();
    let deaths = crashes.iter().zip(2..).map(|(crash, fencing)| Death {
        kill: crash.kill,
        back: Back::After(crash.down),
        resumed: resumed(crash.to, fencing),
        by_hand: crash.by_hand.clone(),
    });
    let play = Play {
        id: id.clone(),
        started: started(loaded, with),
        seed: with.seed,
        start: with.start,
        pace: with.pace,
        faults,
        log: log.clone(),
        end: None,
        observers: Vec::new(),
    };
    let (ended, aftermath) = play.carry_out(&deaths.collect::<Vec<_>>())?;
    let heads = Heads { finished: ended.verdict.map(|_| ended.head.clone()), last: ended.head };
    let record = Record::from_events(id, ended.events, heads).map_err(|error| AppError::Defect(error.to_string()))?;
    Ok(Rehearsed { record, journal: log.take(), exit: ended.exit, aftermath })
}

/// How a rehearsal says that it is taken up.
fn resumed(to: ResumeTo, fencing: u64) -> Resumed {
    Resumed {
        to,
        by: Person { name: None, user: "simulation".to_owned(), host: "simulation".to_owned() },
        muster: env!("CARGO_PKG_VERSION").to_owned(),
        boot: String::new(),
        since_boot: None,
        estimated: false,
        kept: None,
        fencing,
    }
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

/// A simulated run with its deaths.
pub(super) struct Play {
    pub(super) id: RunId,
    pub(super) started: Started,
    pub(super) seed: Seed,
    pub(super) start: jiff::Timestamp,
    pub(super) pace: Pace,
    pub(super) faults: Faults,
    /// What the journal is written to.
    pub(super) log: MemoryLog,
    /// What is written in its place after the last death, if not the same.
    pub(super) end: Option<Writer>,
    /// Who sees what happens after the last death.
    pub(super) observers: Vec<Box<dyn Observer>>,
}

impl Play {
    pub(super) fn carry_out(mut self, deaths: &[Death]) -> Result<(Ended, Aftermath), AppError> {
        let ran = run_virtual(self.start, |clock| async move {
            let plan = &self.started.plan;
            let setup = simulation::setup(plan, self.seed, clock.clone(), &self.faults).map_err(AppError::Usage)?;
            let points = setup.faults.clone();
            let simulation = Simulation::new(setup).map_err(|error| AppError::Usage(error.to_string()))?;
            let before = simulation.world();
            let mut past = None;
            for death in deaths.iter().map(Some).chain([None]) {
                let (own, group) = clock.grouped();
                let (writer, observers) = match (death, self.end.take()) {
                    (None, Some(end)) => (end, std::mem::take(&mut self.observers)),
                    (_, end) => {
                        self.end = end;
                        (self.writer(death.map(|death| death.kill), group.clone())?, Vec::new())
                    }
                };
                let (_keep, signals) = tokio::sync::mpsc::channel(1);
                let mut run: Run = assemble(
                    self.id.clone(),
                    self.started.clone(),
                    simulation.resources(),
                    Journal::inline(writer),
                    own.clone(),
                    self.pace,
                    sight(self.seed, points.clone()),
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
                        return Ok((ended, Aftermath::of(&simulation, before, clock.now())));
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
                let read = journal_entries(reader::read(self.log.bytes().as_slice()))?;
                if let Some(ended) = ended(&read) {
                    return Ok((ended, Aftermath::of(&simulation, before, clock.now())));
                }
                let entries = read.entries;
                past = Some(Past { entries, resumed: death.resumed.clone(), by_hand: death.by_hand.clone() });
            }
            Err(AppError::Defect("the run was killed by nobody".to_owned()))
        });
        ran.map_err(|stuck| AppError::Defect(format!("the simulation stands still: {stuck}")))?
    }

    fn writer(&self, kill: Option<Kill>, group: Group) -> Result<Writer, AppError> {
        let lines = self.log.bytes();
        let log: Box<dyn Log> = match kill {
            Some(kill) => Box::new(KillingLog { log: self.log.clone(), kill, group }),
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
    Some(Ended { events: read.entries.clone(), verdict: Some((*verdict, *world)), exit: *exit, head })
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
