//! A run that was left behind is taken up again, from its journal alone.
//!
//! A real run observes what it left under way. A simulated one lost its world with its process: that is played again,
//! from the same seed to the same record, and then taken up like any other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::history::{Ends, JournalRead, Refusal};
use super::listen::Ear;
use super::locks::{self, LEASE, Wanted};
use super::play::{Back, Death, Keep, Kill, Play};
use super::run::{Finished, Progress, RealRun, SIGNALS, Way, conclude, folder_of, to_be_resumed};
use super::simulation::Twin;
use super::{AppError, Attendance, History, Runs};
use crate::chance::Seed;
use crate::engine::watch::Pace;
use crate::engine::{Ended, Past};
use crate::event::{Event, ResumeTo, Resumed, Started};
use crate::id::{RunId, StepId};
use crate::infrastructure::simulate::Faults;
use crate::journal::{self, Durability, Journal, JournalError, MemoryLog, Writer};
use crate::model::{Environment, Person, Plan};
use crate::provider::process::keeper;
use crate::record::Entry;
use crate::time::{Moment, Span, since_boot};

/// So often a journal that somebody locks is looked at again before it is said to be written by another process. A
/// program that Muster was just starting when it was killed holds the lock until it runs, for some milliseconds.
const LOOKS: u32 = 40;

/// From one look to the next.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(25);

/// How long after its last record a simulated run is taken up, in its own time.
const SIMULATED_DOWN: Span = Span::from_secs(10);

/// Makes who sees a run, of its plan.
pub type MakeObservers = Box<dyn FnOnce(&Plan) -> Vec<Progress>>;

/// What is to be taken up, and how.
pub struct ResumeRequest {
    /// Where runs are.
    pub runs: Runs,
    /// The run, by its id or its folder.
    pub run: String,
    /// What for.
    pub to: ResumeTo,
    /// Steps that a person did by hand, and why.
    pub by_hand: Vec<(String, String)>,
    /// Who says so, as stated.
    pub by: Option<String>,
    /// Who answers gates.
    pub attendance: Attendance,
    /// Muster's own program; see [`super::RunRequest::program`].
    pub program: Option<PathBuf>,
    /// Makes who sees what happens, once the plan is known.
    pub observers: MakeObservers,
}

/// Takes a run up again.
///
/// # Errors
/// [`AppError::Usage`] if there is no such run or it has ended, [`AppError::Files`] if its journal is damaged,
/// [`AppError::Refused`] if another process has it. Nothing is touched then.
pub fn resume(request: ResumeRequest) -> Result<Finished, AppError> {
    let folder = folder_of(&request.runs.reports, &request.run);
    let path = journal::path_in(&folder);
    if !path.is_file() {
        return Err(AppError::Usage(format!(
            "there is no run `{}` in {}; `muster history` lists them",
            request.run,
            request.runs.reports.display()
        )));
    }
    // Side by side, for users may be waiting. The index need not read this journal as well, which is about to grow.
    let own = folder.file_name().and_then(|name| name.to_str()).and_then(|name| RunId::new(name).ok());
    let (taken, history) = std::thread::scope(|both| {
        let history = both.spawn(|| History::open_but_for(&request.runs, own.as_ref()));
        (read(&path), history.join())
    });
    let (writer, cut, JournalRead { run, entries, heads, .. }) = taken?;
    if heads.finished.is_some() {
        return Err(AppError::Usage(format!("{run} has ended: `muster show {run}` says how. Nothing was touched")));
    }
    let Some(started) = entries.first().and_then(started_of) else {
        return Err(AppError::Files(format!("{}: it does not begin with the event `started`", path.display())));
    };
    started.plan.check().map_err(|why| AppError::Files(format!("{}: its plan was changed: {why}", path.display())))?;
    let by_hand = by_hand(&started.plan, &request.by_hand)?;
    let broke = |_| AppError::Defect("the index of runs could not be opened: it broke off".to_owned());
    let (history, mut notices) = history.map_err(broke)??;
    if cut > 0 {
        notices.push(format!("the journal's last record was cut in its writing ({cut} bytes); it was taken out"));
    }
    let observers = (request.observers)(&started.plan);
    let machine = super::machine::machine();
    let mut resumed = Resumed {
        to: request.to,
        by: Person { name: request.by, user: machine.user, host: machine.host },
        muster: env!("CARGO_PKG_VERSION").to_owned(),
        boot: machine.boot,
        since_boot: None,
        estimated: false,
        kept: None,
        fencing: 1,
    };
    let (signals, signalled) = tokio::sync::mpsc::channel(SIGNALS);
    let mut lock = None;
    let ended = if started.plan.simulated() {
        (resumed.boot, resumed.by.user, resumed.by.host) = Default::default();
        let before = entries.iter().filter(|entry| matches!(entry.event, Event::Resumed(_))).count() as u64;
        resumed.fencing = before + 2;
        again_in_simulation(&folder, &entries, (*started).clone(), writer, resumed, by_hand, observers)?
    } else {
        admit(&run, &started.plan, request.to)?;
        // What it was begun with it is taken up with; in the way can only be who passed over it meanwhile.
        let (taken, _) = locks::take(Wanted {
            store: &request.runs.store,
            history: &history,
            here: &super::machine::machine(),
            run: &run,
            claims: &locks::claims(&started.plan),
            ttl: LEASE,
            break_glass: false,
            signals: signals.clone(),
        })?;
        resumed.fencing = taken.fencing();
        lock = Some(taken);
        end_what_is_left(&entries);
        let now = now(&entries, &mut resumed);
        let past = Past { entries, resumed, by_hand };
        let journal = Journal::threaded(writer).map_err(|error| AppError::Files(error.to_string()))?;
        let _ear = Ear::open(&request.runs.store, &run, signals.clone())?;
        let way = Way { signals, signalled, lock: lock.as_ref() };
        let real = RealRun {
            run: run.clone(),
            folder: folder.clone(),
            started: (*started).clone(),
            journal,
            attendance: request.attendance,
            program: request.program,
            observers,
            past: Some(past),
        };
        real.carry_out(way, now).map_err(|error| to_be_resumed(&run, error))?
    };
    conclude(run, folder, ended, &history, lock, notices)
}

/// Locks a journal and reads it; gives how many bytes of a cut record were taken out.
fn read(path: &Path) -> Result<(Writer, u64, JournalRead), AppError> {
    let ends = Ends::default();
    let take = || Writer::take_up(path, Durability::EachCommit, |placed| ends.decode(placed));
    let mut taken = take();
    for _ in 0..LOOKS {
        if !matches!(taken, Err(Refusal::Journal(JournalError::Locked { .. }))) {
            break;
        }
        std::thread::sleep(PAUSE);
        taken = take();
    }
    let (writer, whole) = taken.map_err(|error| refused(path, error))?;
    let cut = whole.cut.map_or(0, |(_, bytes)| bytes);
    Ok((writer, cut, JournalRead::of(whole, ends)))
}

fn refused(path: &Path, refusal: Refusal) -> AppError {
    let file = path.display();
    match refusal {
        Refusal::Journal(JournalError::Locked { .. }) => AppError::Refused(format!(
            "the run is going on: another process writes {file}. Nothing was touched; `muster abort` tells it to end"
        )),
        other => AppError::Files(format!("{file}: {other}. Nothing was touched")),
    }
}

fn started_of(entry: &Entry) -> Option<Box<Started>> {
    match &entry.event {
        Event::Started(started) => Some(started.clone()),
        _ => None,
    }
}

/// The steps that a person did by hand, as the plan has them.
fn by_hand(plan: &Plan, given: &[(String, String)]) -> Result<Vec<(StepId, String)>, AppError> {
    let known = |(step, because): &(String, String)| {
        let found = plan.steps.iter().find(|planned| planned.id.as_str() == step).ok_or_else(|| {
            AppError::Usage(format!(
                "the run's plan has no step `{step}`; `muster show` lists its steps. Nothing was touched"
            ))
        })?;
        if !found.applies {
            return Err(AppError::Usage(format!(
                "step `{step}` is no part of this run, which is {}: there is nothing to skip. Nothing was touched",
                plan.mode
            )));
        }
        Ok((found.id.clone(), because.clone()))
    };
    given.iter().map(known).collect()
}

/// What of a real run can't go on: resources that were simulated beside it are gone.
fn admit(run: &RunId, plan: &Plan, to: ResumeTo) -> Result<(), AppError> {
    let resources = plan.resources.iter().filter(|(_, binding)| binding.provider == "simulated");
    let regions = plan.regions.iter().filter(|(_, region)| region.provider == "simulated");
    let simulated: Vec<String> =
        resources.map(|(id, _)| id.to_string()).chain(regions.map(|(role, _)| format!("the region {role}"))).collect();
    if simulated.is_empty() || plan.environment == Environment::Simulated || to == ResumeTo::Stop {
        return Ok(());
    }
    let (are, it) = if simulated.len() == 1 { ("was", "it") } else { ("were", "them") };
    Err(AppError::Refused(format!(
        "{} {are} simulated beside real resources, and the state that the run had given {it} is gone with its process: \
         whether a step was done can't be seen there, so the run can neither go on nor be taken back. `muster resume \
         {run} --stop` ends it, changes nothing, and tells what it had done and what is left of it on the real \
         resources. Nothing was touched",
        simulated.join(", ")
    )))
}

/// Ends the programs that the dead Muster had started: what they have done must not change any more when it is looked at.
fn end_what_is_left(entries: &[Entry]) {
    for entry in entries {
        let kept = match &entry.event {
            Event::Started(started) => started.origin.kept.as_deref(),
            Event::Resumed(resumed) => resumed.kept.as_deref(),
            _ => None,
        };
        kept.into_iter().for_each(keeper::kill_marked);
    }
}

/// The run's own time now. In the same boot it is measured; across a reboot the wall clock tells it, as an estimate.
fn now(entries: &[Entry], resumed: &mut Resumed) -> Moment {
    let mut boots = entries.iter().rev().filter_map(|entry| match &entry.event {
        Event::Resumed(it) => Some((it.boot.as_str(), it.since_boot?, entry.elapsed)),
        Event::Started(it) => Some((it.origin.boot.as_str(), it.origin.since_boot?, Moment::ZERO)),
        _ => None,
    });
    let last = entries.last();
    let at_least = last.map_or(Moment::ZERO, |entry| entry.elapsed);
    let booted = since_boot();
    resumed.since_boot = Some(booted);
    if let Some((boot, then, elapsed)) = boots.next()
        && !boot.is_empty()
        && boot == resumed.boot
        && booted >= then
    {
        return (elapsed + (booted - then)).max(at_least);
    }
    resumed.estimated = true;
    let passed = last.map_or(0, |entry| nanos_between(entry.at, crate::time::wall_now()));
    at_least + Span(passed)
}

fn nanos_between(then: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.as_nanosecond() - then.as_nanosecond()).unwrap_or(0)
}

/// Plays a simulated run again up to its last record, and takes it up there.
fn again_in_simulation(
    folder: &Path,
    entries: &[Entry],
    started: Started,
    writer: Writer,
    resumed: Resumed,
    by_hand: Vec<(StepId, String)>,
    observers: Vec<Progress>,
) -> Result<Ended, AppError> {
    let path = journal::path_in(folder);
    let records = entries.len() as u64;
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return Err(AppError::Defect("a journal without a line was taken up".to_owned()));
    };
    let start = first.at;
    let mut deaths = Vec::new();
    for (n, entry) in entries.iter().enumerate() {
        if let Event::Resumed(resumed) = &entry.event {
            let by_hand = entries[n + 1..].iter().map_while(|entry| match &entry.event {
                Event::StepSkipped { step, because, by: Some(_) } => Some((step.clone(), because.clone())),
                _ => None,
            });
            let resumed = Resumed::clone(resumed);
            let (kill, back) = (Kill::After(n as u64), Back::At(entry.elapsed));
            deaths.push(Death { kill, back, resumed, by_hand: by_hand.collect() });
        }
    }
    let back = Back::At(last.elapsed + SIMULATED_DOWN);
    deaths.push(Death { kill: Kill::After(records), back, resumed, by_hand });
    let faults = Faults::parse(started.origin.faults.iter().map(String::as_str))
        .map_err(|error| AppError::Usage(error.to_string()))?;
    let log = MemoryLog::new();
    let play = Play {
        id: writer.run().clone(),
        twin: Arc::new(Twin::of(&started.plan).map_err(AppError::Usage)?),
        keep: Keep::Journal,
        seed: started.seed.unwrap_or(Seed(1)),
        start,
        pace: Pace::Ahead,
        faults,
        afflictions: Vec::new(),
        log: log.clone(),
        end: Some(writer),
        observers,
        started,
    };
    let before = std::fs::read(&path).map_err(|error| AppError::Files(format!("{}: {error}", path.display())))?;
    let ended = play.carry_out(&deaths, |_, _, _| ())?.0;
    if log.bytes() != before {
        return Err(AppError::Files(format!(
            "{}: this version of Muster plays the run otherwise than the one that wrote it; what was added to it does \
             not follow from what was there. Run it again: `muster simulate` with the same --seed and --start",
            path.display()
        )));
    }
    Ok(ended)
}
