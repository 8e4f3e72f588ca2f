//! What the tests of drills share: plans, rehearsals, and a way to run many at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use muster::action::StandInSecrets;
use muster::app::{self, Loaded, Rehearsal, Rehearsed, Request};
use muster::catalogue::Mode;
use muster::chance::Seed;
use muster::engine::watch::Pace;
use muster::engine::{Attended, Observer, Run, Signal, drive};
use muster::event::{Event, FORMAT, Origin, Started};
use muster::id::RunId;
use muster::infrastructure::simulate::Faults;
use muster::journal::{Journal, MemoryLog, Writer};
use muster::provider::simulated::Simulation;
use muster::record::{Entry, Heads, Record};
use muster::resource::Resources;
use muster::time::{Clock, run_virtual};

/// No rehearsal takes this long: one that does hangs.
const PATIENCE: Duration = Duration::from_secs(40);

/// The path of a file that is shipped.
pub(super) fn shipped(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks").join(path).display().to_string()
}

/// The quarterly playbook in `mode`; `vars` over its own.
pub(crate) fn quarterly(mode: Mode, vars: &[(&str, &str)]) -> Loaded {
    quarterly_on("infra/simulated.yaml", mode, vars)
}

/// The quarterly playbook on another infrastructure that is shipped.
pub(super) fn quarterly_on(infrastructure: &str, mode: Mode, vars: &[(&str, &str)]) -> Loaded {
    let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = Request {
        playbook: shipped("quarterly-failover.yaml"),
        infrastructure: Some(shipped(infrastructure)),
        mode: Some(mode),
        vars,
        ..Request::default()
    };
    app::load(&request).unwrap()
}

/// With this seed and these faults, looking ahead.
pub(crate) fn with(seed: u64, faults: &[String]) -> Rehearsal {
    Rehearsal {
        seed: Seed(seed),
        start: "2026-03-01T02:00:00Z".parse().unwrap(),
        faults: faults.to_vec(),
        pace: Pace::Ahead,
    }
}

pub(super) fn rehearse(loaded: &Loaded, with: &Rehearsal) -> Rehearsed {
    app::rehearse(loaded, with, Vec::new()).unwrap()
}

/// Does `each` for every case, on as many threads as there are processors, and gives the results in order. A panic is
/// a result; a case that never ends fails the test and is named.
pub(super) fn all<C, R>(cases: Vec<C>, each: impl Fn(&C) -> R + Send + Sync + 'static) -> Vec<Result<R, String>>
where
    C: std::fmt::Debug + Send + Sync + 'static,
    R: Send + 'static,
{
    let count = cases.len();
    let (cases, each, next) = (Arc::new(cases), Arc::new(each), Arc::new(AtomicUsize::new(0)));
    let (sender, receiver) = channel();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    for _ in 0..threads {
        let (cases, each, next, sender) = (Arc::clone(&cases), Arc::clone(&each), Arc::clone(&next), sender.clone());
        std::thread::spawn(move || {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let Some(case) = cases.get(n) else { return };
                let result = catch_unwind(AssertUnwindSafe(|| each(case))).map_err(|panic| {
                    let text = panic.downcast_ref::<String>().cloned();
                    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
                });
                if sender.send((n, result)).is_err() {
                    return;
                }
            }
        });
    }
    let mut results: Vec<Option<Result<R, String>>> = (0..count).map(|_| None).collect();
    for _ in 0..count {
        match receiver.recv_timeout(PATIENCE) {
            Ok((n, result)) => results[n] = Some(result),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                let begun = next.load(Ordering::Relaxed).min(count);
                let hanging: Vec<&C> = (0..begun).filter(|n| results[*n].is_none()).map(|n| &cases[n]).collect();
                panic!("these do not end: {hanging:?}");
            }
        }
    }
    results.into_iter().map(|result| result.unwrap()).collect()
}

/// A run in memory whose resources are `dress`ed first.
pub(super) fn dressed(loaded: &Loaded, seed: u64, dress: impl FnOnce(Resources) -> Resources) -> Record {
    play(loaded, seed, &[], dress, Interrupter::NEVER)
}

/// A run in memory that is interrupted after each event for which `when` says so.
pub(super) fn interrupted(loaded: &Loaded, seed: u64, faults: &[&str], when: fn(&Event) -> bool) -> Record {
    play(loaded, seed, faults, |resources| resources, when)
}

/// Sends a SIGINT after some events.
struct Interrupter(tokio::sync::mpsc::Sender<Signal>, fn(&Event) -> bool);

impl Interrupter {
    const NEVER: fn(&Event) -> bool = |_| false;
}

impl Observer for Interrupter {
    fn event(&mut self, entry: &Entry) {
        if self.1(&entry.event) {
            self.0.try_send(Signal::Interrupt).unwrap();
        }
    }
}

fn play(
    loaded: &Loaded,
    seed: u64,
    faults: &[&str],
    dress: impl FnOnce(Resources) -> Resources,
    when: fn(&Event) -> bool,
) -> Record {
    let faults = Faults::parse(faults.iter().copied()).unwrap();
    let start = "2026-03-01T02:00:00Z".parse().unwrap();
    let id = RunId::make(start, &loaded.plan.name).unwrap();
    let ended = run_virtual(start, |clock| async move {
        let setup = app::simulation::setup(&loaded.plan, Seed(seed), clock.clone(), &faults).unwrap();
        let resources = dress(Simulation::new(setup).unwrap().resources());
        let (sender, signals) = tokio::sync::mpsc::channel(8);
        let mut run = prepared(loaded, id, seed, resources, clock, signals);
        run.observers = vec![Box::new(Interrupter(sender, when))];
        drive(run).await.unwrap()
    });
    let ended = ended.unwrap();
    let id = RunId::make(start, &loaded.plan.name).unwrap();
    Record::from_events(id, ended.events, Heads { last: ended.head.clone(), finished: Some(ended.head) }).unwrap()
}

/// A run in memory on these resources, in a world that others may share.
pub(super) fn prepared(
    loaded: &Loaded,
    id: RunId,
    seed: u64,
    resources: Resources,
    clock: Clock,
    signals: tokio::sync::mpsc::Receiver<Signal>,
) -> Run {
    let started = Started {
        format: FORMAT,
        plan: Arc::new(loaded.plan.clone()),
        documents: Arc::new(loaded.documents.clone()),
        origin: Origin::default(),
        seed: Some(Seed(seed)),
        previous: None,
        proof: None,
        forecast: None,
        open_actions: Vec::new(),
    };
    Run {
        started,
        resources,
        secrets: Arc::new(StandInSecrets),
        journal: Journal::inline(Writer::over(id.clone(), Box::new(MemoryLog::new()))),
        id,
        clock,
        fencing: 1,
        fence: Arc::new(muster::engine::Unfenced),
        commands: muster::engine::Hears::Nothing,
        pace: Pace::Ahead,
        attended: Attended::No,
        observers: Vec::new(),
        signals,
        health: Arc::new(|health| health),
        past: None,
    }
}

/// A playbook whose phases are `phases`, on the shipped simulation, with files beside it.
pub(super) fn written(phases: &str, files: &[(&str, &str)]) -> Loaded {
    written_for(Mode::Planned, phases, files)
}

/// As [`written`], in another mode.
pub(super) fn written_for(mode: Mode, phases: &str, files: &[(&str, &str)]) -> Loaded {
    let folder = tempfile::TempDir::with_prefix("muster-").unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let playbook = folder.path().join("drill.yaml");
    let head = "muster: 1\nname: drill\ninfrastructure: infra.yaml\n";
    std::fs::write(&playbook, format!("{head}{phases}")).unwrap();
    let request = Request {
        playbook: playbook.display().to_string(),
        infrastructure: Some(shipped("infra/simulated.yaml")),
        mode: Some(mode),
        ..Request::default()
    };
    match app::load(&request) {
        Ok(loaded) => loaded,
        Err(app::AppError::Invalid { diagnostics, .. }) => panic!("{diagnostics:#?}"),
        Err(error) => panic!("{error}"),
    }
}
