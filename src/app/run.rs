//! One run from a plan to its reports.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::listen::Ear;
use super::locks::{self, Lock, Others, Wanted};
use super::play::{Keep, Play};
use super::reports::{Written, write_reports};
use super::simulation::Twin;
use super::{AppError, History, Loaded, Runs, real, simulation};
use crate::action::StandInSecrets;
use crate::chance::Seed;
use crate::engine::watch::Pace;
use crate::engine::{Attended, Ended, EngineError, Hears, Observer, Past, Run, Sight, Signal, Unfenced, drive};
use crate::event::{FORMAT, Origin, PreviousRun, Started};
use crate::id::RunId;
use crate::infrastructure::simulate::Faults;
use crate::journal::{self, Durability, Journal, MemoryLog, Writer};
use crate::model::ExitCode;
use crate::provider::network::Masked;
use crate::provider::process::MaskedProcesses;
use crate::provider::process::keeper::Keeper;
use crate::provider::simulated::Simulation;
use crate::record::{Heads, Record};
use crate::resource::Resources;
use crate::store::{Reality, RunFolder};
use crate::time::{Clock, Moment, Span, run_real_since, since_boot};

/// Who answers gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attendance {
    /// Nobody is asked: `--yes`.
    Yes,
    /// A person at the terminal.
    Terminal,
    /// Nobody is there.
    Nobody,
}

/// Makes what shows a run's progress, once its plan is known.
pub type Progress = Box<dyn Observer>;

/// What is to be run, and how.
pub struct RunRequest {
    /// The plan and its documents.
    pub loaded: Loaded,
    /// Where runs go.
    pub runs: Runs,
    /// Whether real things may be changed.
    pub execute: bool,
    /// Only this plan, if it is given.
    pub approved: Option<String>,
    /// Who approved it, as stated.
    pub approved_by: Option<String>,
    /// Whether the mode was said on the command line.
    pub mode_said: bool,
    /// Who answers gates.
    pub attendance: Attendance,
    /// Who leads, as stated.
    pub lead: Option<String>,
    /// Who takes part, as stated.
    pub participants: Vec<String>,
    /// The simulation's seed.
    pub seed: Seed,
    /// When it starts: the wall clock's start in a simulation. `None`: now.
    pub start: Option<Timestamp>,
    /// Faults, as they were given.
    pub faults: Vec<String>,
    /// How samples are taken in a simulation.
    pub pace: Pace,
    /// Who sees the run's events.
    pub observers: Vec<Progress>,
    /// Why what stands in the way is passed over, if it is.
    pub break_glass: Option<String>,
    /// The occurrence of the playbook's schedule that it is begun for: no other run is begun for that.
    pub occurrence: Option<String>,
    /// Whether it waits for a person before its first change: nobody is there where it was begun.
    pub hold: bool,
    /// How long the leases of a real run last without being renewed.
    pub lease: Span,
    /// How long the forecast of a real run may take before it begins; `None`: as fits how long it is expected to take.
    pub forecast_time: Option<Span>,
    /// Muster's own program, by which what it started is ended if it is killed. `None`: it runs on to its own end.
    pub program: Option<PathBuf>,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Its id.
    pub run: RunId,
    /// Its folder.
    pub folder: PathBuf,
    /// All that is known of it.
    pub record: Record,
    /// Its reports.
    pub reports: Vec<Written>,
    /// The program's exit code.
    pub exit: ExitCode,
    /// What is to be said beside it.
    pub notices: Vec<String>,
}

/// Runs a plan.
///
/// # Errors
/// Everything before the first event is refused or invalid, with nothing touched; after that, only
/// [`AppError::BrokeOff`] and [`AppError::Defect`].
pub fn run(mut request: RunRequest) -> Result<Finished, AppError> {
    if request.hold && !request.loaded.plan.simulated() {
        let schedule = request.loaded.plan.schedule.as_ref();
        let patience = schedule.map_or(HOLD, |schedule| schedule.if_missed.within().max(HOLD_LEAST));
        crate::plan::hold(&mut request.loaded.plan, patience);
    }
    admit(&request)?;
    let faults =
        Faults::parse(request.faults.iter().map(String::as_str)).map_err(|error| AppError::Usage(error.to_string()))?;
    let plan = &request.loaded.plan;
    simulation::faults::points(plan, &faults).map_err(AppError::Usage)?;
    let simulated = plan.simulated();
    let start = request.start.unwrap_or_else(crate::time::wall_now);
    let closed = super::windows::closed(plan, start)?;
    if let Some(why) = closed.as_ref().filter(|_| !simulated && request.break_glass.is_none()) {
        return Err(AppError::Refused(format!(
            "{} is {why}. Nothing was touched. --break-glass --because TEXT passes over it, and the report says so",
            plan.name
        )));
    }
    // Before anything exists: whoever interrupts it leaves nothing behind.
    let forecast =
        (!simulated).then(|| super::foresee::of_run(&request.loaded, request.attendance, start, request.forecast_time));
    let start = request.start.unwrap_or_else(crate::time::wall_now);
    let runs = request.runs.clone();
    let reports = &runs.reports;
    std::fs::create_dir_all(reports).map_err(|error| {
        AppError::Files(format!("the reports folder {} can't be made: {error}. Nothing was touched", reports.display()))
    })?;
    // The index before the folder: a run that can't be noted leaves no folder behind.
    let (history, mut notices) = History::open(&request.runs).map_err(untouched)?;
    let folder =
        RunFolder::create(reports, start, &plan.name).map_err(|error| untouched(AppError::Files(error.to_string())))?;
    let claimed = claim(&request, &folder.run);
    claimed.map_err(untouched).inspect_err(|_| drop(std::fs::remove_dir(&folder.path)))?;
    tracing::info!(run = %folder.run, folder = %folder.path.display(), "the run has a folder");
    // A simulated run follows from its seed and start alone, so it knows nothing of the runs before it.
    let previous = if simulated { None } else { history.previous(&plan.name, Reality::Real, reports)? };
    let mut started = started(&request, simulated, previous);
    started.origin.next_due = super::windows::next_due(&started.plan, start);
    started.forecast = forecast;
    // Open actions are of the playbook, like its proof: a simulated run takes them along too, and names them.
    match super::actions::open(&history, reports, &request.loaded.plan.name) {
        Ok(open) => started.open_actions = open,
        Err(error) => notices.push(format!("corrective actions of earlier runs are not taken along: {error}")),
    }
    // Unlike the runs before it, the proof is an input of its playbook: a simulated run takes it in too.
    match super::rehearsing::kept_proof(&request.loaded, reports) {
        Ok(proof) => started.proof = proof,
        Err(notice) => notices.push(notice),
    }
    if let Some(why) = closed {
        if simulated {
            // A rehearsal in a blackout is a good one; what it stands for would be refused.
            notices.push(format!("a real run would be refused: it is {why}"));
        } else {
            started.origin.passed_over.push(why);
        }
    }
    let (signals, signalled) = tokio::sync::mpsc::channel(SIGNALS);
    let lock = if simulated {
        None
    } else {
        // Before the journal: a run that is refused leaves no folder behind.
        let lock = lock(&request, &history, &folder.run, &mut started, signals.clone());
        Some(lock.map_err(untouched).inspect_err(|_| {
            drop(std::fs::remove_dir(&folder.path));
            super::scheduled::unclaim(&request.runs, &folder.run);
        })?)
    };
    let durability = if simulated { Durability::AtEnd } else { Durability::EachCommit };
    let path = journal::path_in(&folder.path);
    let ended = (|| {
        let writer = Writer::create(&path, folder.run.clone(), durability)
            .map_err(|error| AppError::Files(error.to_string()))?;
        if simulated {
            let twin = Arc::new(Twin::of(&started.plan).map_err(AppError::Usage)?);
            let play = Play {
                id: folder.run.clone(),
                started,
                twin,
                keep: Keep::Journal,
                seed: request.seed,
                start,
                pace: request.pace,
                faults,
                afflictions: Vec::new(),
                log: MemoryLog::new(),
                end: Some(writer),
                observers: request.observers,
            };
            return Ok(play.carry_out(&[], |_, _, _| ())?.0);
        }
        history.started(&started, &folder.run, start)?;
        let journal = Journal::threaded(writer).map_err(|error| AppError::Files(error.to_string()))?;
        let _ear = Ear::open(&request.runs.store, &folder.run, signals.clone())?;
        let way = Way { signals, signalled, lock: lock.as_ref() };
        let RunRequest { attendance, program, observers, .. } = request;
        let (run, folder) = (folder.run.clone(), folder.path.clone());
        RealRun { run, folder, started, journal, attendance, program, observers, past: None }
            .carry_out(way, Moment::ZERO)
    })();
    match ended {
        Ok(ended) => conclude(folder.run, folder.path, ended, &history, lock, notices),
        Err(error) if has_begun(&path) => Err(to_be_resumed(&folder.run, error)),
        Err(error) => {
            // Without its first event it is no run: nothing is left that would have to be taken up.
            let _ = std::fs::remove_file(&path);
            let _ = std::fs::remove_dir(&folder.path);
            super::scheduled::unclaim(&runs, &folder.run);
            if let Some(lock) = lock {
                let _ = lock.release();
            }
            Err(untouched(error))
        }
    }
}

/// Whether the first event of a run is in its journal.
fn has_begun(journal: &Path) -> bool {
    use std::io::BufRead as _;
    let Ok(file) = std::fs::File::open(journal) else { return false };
    let mut first = Vec::new();
    std::io::BufReader::new(file).read_until(b'\n', &mut first).is_ok() && first.ends_with(b"\n")
}

/// What broke a run off that had begun, with what to do now.
pub(super) fn to_be_resumed(run: &RunId, error: AppError) -> AppError {
    match error {
        AppError::BrokeOff(why) => AppError::BrokeOff(format!(
            "{why}. Make room, or mend what is wrong with the disk, then take the run up again: muster resume {run} \
             (with --undo or --stop if it is not to go on)"
        )),
        other => other,
    }
}

/// What went wrong before the first event.
fn untouched(error: AppError) -> AppError {
    match error {
        AppError::Files(why) | AppError::BrokeOff(why) => AppError::Files(format!("{why}. Nothing was touched")),
        other => other,
    }
}

/// Writes the reports of a run that has ended, or was stopped, and notes it in the index.
pub(super) fn conclude(
    run: RunId,
    folder: PathBuf,
    ended: Ended,
    history: &History,
    lock: Option<Lock>,
    mut notices: Vec<String>,
) -> Result<Finished, AppError> {
    let mut exit = ended.exit;
    let heads = Heads { finished: ended.verdict.map(|_| ended.head.clone()), last: ended.head };
    let record = Record::from_events(run.clone(), ended.events, heads);
    let record = record.map_err(|error| AppError::Defect(error.to_string()))?;
    let (reports, missing) = write_reports(&record, &folder);
    if !missing.is_empty() {
        notices.extend(missing.iter().map(ToString::to_string));
        notices.push(format!(
            "the run has ended all the same, and its journal is whole: `muster report {run} --format FORMAT` draws what \
             is missing when there is room"
        ));
        // Whoever asks only whether it went well must not take a drill without its evidence for one.
        if exit == ExitCode::Passed {
            exit = ExitCode::Failed;
        }
    }
    if let Err(error) = history.finished(&record) {
        notices
            .push(format!("the index of runs was not brought up to date ({error}); it is made again when it is read"));
    }
    // The leases of a run that has not ended stay: it was left behind, and must be taken up again.
    if let Some(lock) = lock
        && record.ended.exit.is_some()
        && let Err(error) = lock.release()
    {
        notices.push(format!("the run's leases were not let go ({error}); they end with this process"));
    }
    Ok(Finished { run, folder, record, reports, exit, notices })
}

/// What a run is refused for before it exists.
fn admit(request: &RunRequest) -> Result<(), AppError> {
    let plan = &request.loaded.plan;
    if let Some(approved) = &request.approved
        && *approved != plan.digest
    {
        return Err(AppError::Refused(format!(
            "the plan that was approved has the digest {approved}, this one has {}. Nothing was touched. \
             Look at `muster plan` and have it approved again",
            plan.digest
        )));
    }
    if plan.simulated() {
        return Ok(());
    }
    if !request.faults.is_empty() {
        return Err(AppError::Usage("faults are for simulations: use `muster simulate` with --fault".to_owned()));
    }
    if !request.execute {
        return Err(AppError::Refused(format!(
            "{} is real ({}), and --execute was not given. Nothing was touched. `muster plan` shows what would be \
             done; `muster simulate` rehearses it",
            plan.name, plan.environment
        )));
    }
    if !request.mode_said {
        return Err(AppError::Refused(
            "on a real infrastructure the mode is said: --mode planned, unplanned or emergency. Nothing was touched"
                .to_owned(),
        ));
    }
    super::admission::admit(plan, request.attendance)
}

fn started(request: &RunRequest, simulated: bool, previous: Option<PreviousRun>) -> Started {
    let machine = super::machine::machine();
    // Of a simulation nothing depends on where it is computed, so nothing of that stands in its journal.
    let (host, user, boot) = if simulated { Default::default() } else { (machine.host, machine.user, machine.boot) };
    Started {
        format: FORMAT,
        plan: Arc::new(request.loaded.plan.clone()),
        documents: Arc::new(request.loaded.documents.clone()),
        origin: Origin {
            muster: env!("CARGO_PKG_VERSION").to_owned(),
            host,
            user,
            boot,
            since_boot: None,
            kept: None,
            vantage: String::new(),
            lead: request.lead.clone(),
            participants: request.participants.clone(),
            approved: request.approved.clone(),
            approved_by: request.approved_by.clone(),
            yes: request.attendance == Attendance::Yes,
            faults: request.faults.clone(),
            break_glass: request.break_glass.clone(),
            occurrence: request.occurrence.clone(),
            ..Origin::default()
        },
        seed: simulated.then_some(request.seed),
        previous,
        proof: None,
        forecast: None,
        open_actions: Vec::new(),
    }
}

/// Takes the occurrence that a run is begun for, if one is said.
fn claim(request: &RunRequest, run: &RunId) -> Result<(), AppError> {
    let Some(occurrence) = &request.occurrence else { return Ok(()) };
    super::scheduled::claim(&request.runs, &request.loaded.plan.name, occurrence, run)
}

/// How long a run that nobody attends waits to be begun, where its playbook has no schedule that says more.
const HOLD: Span = Span::from_secs(86_400);
/// And at least, whatever its schedule says.
const HOLD_LEAST: Span = Span::from_secs(3600);

/// How many signals may wait to be taken.
pub(super) const SIGNALS: usize = 64;

/// Takes the leases of a real run, and notes them in its first event.
fn lock(
    request: &RunRequest,
    history: &History,
    run: &RunId,
    started: &mut Started,
    signals: tokio::sync::mpsc::Sender<Signal>,
) -> Result<Lock, AppError> {
    let (lock, over) = locks::take(Wanted {
        runs: &request.runs,
        history,
        here: &super::machine::machine(),
        run,
        claims: &locks::claims(&started.plan),
        ttl: request.lease,
        others: if request.break_glass.is_some() { Others::TakenOver } else { Others::Respected },
        signals,
    })?;
    started.origin.passed_over.extend(over);
    started.origin.leases = lock.shown();
    started.origin.fencing = Some(lock.fencing());
    Ok(lock)
}

/// How a real run is told things, and whether it may act.
pub(super) struct Way<'a> {
    pub(super) signals: tokio::sync::mpsc::Sender<Signal>,
    pub(super) signalled: tokio::sync::mpsc::Receiver<Signal>,
    pub(super) lock: Option<&'a Lock>,
}

/// Puts the faults of steps between them and what the probes know.
pub(super) fn sight(simulation: &Simulation) -> Sight {
    let simulation = simulation.clone();
    Arc::new(move |health| Arc::new(simulation.faulty_health(health)))
}

/// A run in the real world.
pub(super) struct RealRun {
    pub(super) run: RunId,
    pub(super) folder: PathBuf,
    pub(super) started: Started,
    pub(super) journal: Journal,
    pub(super) attendance: Attendance,
    /// See [`RunRequest::program`].
    pub(super) program: Option<PathBuf>,
    pub(super) observers: Vec<Progress>,
    /// What its journal tells, if it is taken up again.
    pub(super) past: Option<Past>,
}

impl RealRun {
    /// Carries it out, from `now` of its own time on.
    pub(super) fn carry_out(self, way: Way<'_>, now: Moment) -> Result<Ended, AppError> {
        let Self { run, folder, mut started, journal, attendance, program, observers, mut past } = self;
        let ran = run_real_since(now, |clock| async move {
            let keeper = program.map(Keeper::new);
            let kept = keeper.as_ref().map(|keeper| keeper.name().to_owned());
            let redactor = real::redactor(&started.plan);
            let mut resources = real::resources(&started.plan, &clock, keeper, &redactor)?;
            resources.people = real::people(attendance, &folder);
            listen(&clock, way.signals)?;
            let signals = way.signalled;
            if let Some(past) = &mut past {
                past.resumed.kept = kept;
            } else {
                started.origin.kept = kept;
                started.origin.vantage = resources.network.vantage();
                started.origin.since_boot = Some(since_boot());
            }
            let sight: Sight = Arc::new(|health| health);
            let mut run = assemble(run, started, resources, journal, clock, Pace::Plain, sight, signals, observers);
            run.resources.network = Arc::new(Masked::new(Arc::clone(&run.resources.network), redactor.clone()));
            run.resources.processes =
                Arc::new(MaskedProcesses::new(Arc::clone(&run.resources.processes), redactor.clone()));
            run.secrets = Arc::new(redactor);
            run.past = past;
            run.commands = Hears::Commands;
            if let Some(lock) = way.lock {
                run.fence = lock.fence();
                run.fencing = lock.fencing();
            }
            if attendance == Attendance::Terminal {
                run.attended = Attended::Yes;
            }
            drive(run).await.map_err(broke_off)
        });
        ran.map_err(|error| AppError::Defect(format!("no runtime could be started: {error}")))?
    }
}

#[expect(clippy::too_many_arguments, reason = "each is one part of a run, and both worlds give all of them")]
pub(super) fn assemble(
    id: RunId,
    started: Started,
    resources: Resources,
    journal: Journal,
    clock: Clock,
    pace: Pace,
    health: Sight,
    signals: tokio::sync::mpsc::Receiver<Signal>,
    observers: Vec<Progress>,
) -> Run {
    Run {
        id,
        started,
        resources,
        secrets: Arc::new(StandInSecrets),
        journal,
        clock,
        fencing: 1,
        fence: Arc::new(Unfenced),
        commands: Hears::Nothing,
        pace,
        attended: Attended::No,
        observers,
        signals,
        health,
        past: None,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
pub(super) fn broke_off(error: EngineError) -> AppError {
    match error {
        EngineError::Journal(_) => AppError::BrokeOff(error.to_string()),
        EngineError::Past { .. } => AppError::Files(error.to_string()),
        EngineError::Defect(_) => AppError::Defect(error.to_string()),
    }
}

/// Listens for SIGINT and SIGTERM.
fn listen(clock: &Clock, sender: tokio::sync::mpsc::Sender<Signal>) -> Result<(), AppError> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error: std::io::Error| AppError::Defect(format!("signals can't be listened for: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    // A closed terminal does not end a run: the signal is taken and nothing follows from it.
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    clock.spawn(async move {
        loop {
            let came = tokio::select! {
                biased;
                _ = terminate.recv() => Signal::Terminate,
                _ = interrupt.recv() => Signal::Interrupt,
                _ = hangup.recv() => continue,
            };
            if sender.send(came).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// The folder of a run, from its id or its path.
pub(super) fn folder_of(reports: &Path, run: &str) -> PathBuf {
    let named = reports.join(run);
    if !named.is_dir() && Path::new(run).exists() {
        let path = Path::new(run);
        return if path.is_dir() { path.to_owned() } else { path.parent().unwrap_or(Path::new(".")).to_owned() };
    }
    named
}
