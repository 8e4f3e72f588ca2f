//! What a simulated drill costs: the quarterly drill, planned and unplanned, from its plan to the end of its journal.
//!
//! `cargo run --release --example drill-rate [PLAYBOOK [SEEDS]]` runs the drill once for each seed, with its probes and
//! canaries at their real intervals, its journal hash-chained and in memory. Reading the playbook and writing reports
//! are left out. Prints medians of the wall times and of the processor's times, on one thread: where others work on the
//! same machine, the latter are what can be compared.
//!
//! Then it rehearses the drill as `muster simulate --runs` does, to its record and without a journal: on one thread, and
//! ten times as many seeds on each core. Prints drills a second of wall time and of the processor's time of one core,
//! and the most memory that the process ever had.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use muster::action::StandInSecrets;
use muster::app::{Keep, Loaded, Prepared, Rehearsal, Request, load, simulation};
use muster::catalogue::Mode;
use muster::chance::Seed;
use muster::engine::watch::Pace;
use muster::engine::{Attended, Ended, Run, drive};
use muster::event::{Event, FORMAT, Origin, Started};
use muster::id::RunId;
use muster::infrastructure::simulate::Faults;
use muster::journal::{Journal, MemoryLog, Writer};
use muster::model::Verdict;
use muster::plan::Reality;
use muster::provider::simulated::Simulation;
use muster::time::{Moment, run_virtual};
use rustix::time::{ClockId, clock_gettime};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let playbook = arguments.next().unwrap_or_else(|| "playbooks/quarterly-failover.yaml".to_owned());
    let seeds = arguments.next().map_or(Ok(200), |seeds| seeds.parse())?;
    for mode in [Mode::Planned, Mode::Unplanned] {
        let reality = Reality::Twin;
        let request = Request { playbook: playbook.clone(), mode: Some(mode), reality, ..Request::default() };
        let loaded = load(&request).map_err(|error| format!("{playbook}: {error}"))?;
        measure(mode, &loaded, seeds)?;
        let cores = std::thread::available_parallelism()?.get();
        for threads in [1, cores] {
            rehearse(mode, &loaded, seeds * 10, threads)?;
        }
    }
    Ok(())
}

/// Rehearses the drill once for each seed, on so many threads, and prints how many a second that were.
fn rehearse(mode: Mode, loaded: &Loaded, seeds: u64, threads: usize) -> Result<()> {
    let prepared = Prepared::new(loaded)?;
    let start: Timestamp = "2026-11-22T08:42:16Z".parse()?;
    let (next, passed) = (AtomicU64::new(0), AtomicU64::new(0));
    let began = [ClockId::Monotonic, ClockId::ProcessCPUTime].map(milliseconds);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return Ok(());
            }
            let with = Rehearsal { seed: Seed(seed), start, faults: Vec::new(), pace: Pace::Ahead };
            let drill = prepared.rehearse(&with, Keep::Nothing, Vec::new()).map_err(|error| error.to_string())?;
            passed.fetch_add(u64::from(drill.record.ended.verdict == Verdict::Passed), Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| Err("it panicked".to_owned())))
    })?;
    let [wall, processor] = [ClockId::Monotonic, ClockId::ProcessCPUTime].map(milliseconds);
    let a_second = |since: f64, now: f64| seeds as f64 * 1e3 / (now - since);
    writeln!(
        std::io::stdout(),
        "{mode}, rehearsed on {threads} thread(s): {:.0} drills a second, {:.0} a processor's second, {seeds} seeds, {} passed, \
         peak memory {:.0} MiB",
        a_second(began[0], wall),
        a_second(began[1], processor),
        passed.load(Ordering::Relaxed),
        peak_memory_mib(),
    )?;
    Ok(())
}

/// The most memory that this process ever had, in MiB; not a number where the system does not tell.
fn peak_memory_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}

/// Runs the drill once for each seed and prints what that took.
fn measure(mode: Mode, loaded: &Loaded, seeds: u64) -> Result<()> {
    let (mut taken, mut worked) = (Vec::new(), Vec::new());
    let (mut last, mut bytes) = (None, 0);
    for seed in 0..seeds {
        let log = MemoryLog::new();
        let began = [ClockId::Monotonic, ClockId::ThreadCPUTime].map(milliseconds);
        let ended = drill(loaded, Seed(seed), log.clone())?;
        taken.push(milliseconds(ClockId::Monotonic) - began[0]);
        worked.push(milliseconds(ClockId::ThreadCPUTime) - began[1]);
        bytes = log.bytes().len();
        last = Some(ended);
    }
    let ended = last.ok_or("no seeds, no drill")?;
    taken.sort_by(f64::total_cmp);
    worked.sort_by(f64::total_cmp);
    let at = |of: &[f64], percent: usize| of[(of.len() * percent).div_ceil(100).max(1) - 1];
    let (took, samples, rows) = extent(&ended);
    writeln!(
        std::io::stdout(),
        "{mode}, a drill: {:.2} ms (p95 {:.2} ms, processor {:.2} ms, {seeds} seeds); the last one: {:.0} minutes of virtual time, \
         {samples} samples, {rows} canary rows, {} records of {bytes} bytes, {}",
        at(&taken, 50),
        at(&taken, 95),
        at(&worked, 50),
        took.0 as f64 / 60e9,
        ended.events.len(),
        ended.verdict.map_or("no verdict".to_owned(), |(verdict, world)| format!("{verdict}, {world}")),
    )?;
    Ok(())
}

/// One drill in virtual time, from its first event to its last.
fn drill(loaded: &Loaded, seed: Seed, log: MemoryLog) -> Result<Ended> {
    let run = RunId::new("20261122-084216-drill-rate")?;
    let start: Timestamp = "2026-11-22T08:42:16Z".parse()?;
    let journal = Journal::inline(Writer::over(run.clone(), Box::new(log)));
    run_virtual(start, |clock| async move {
        let world = simulation::setup(&loaded.plan, seed, clock.clone(), &Faults::default())?;
        let resources = Simulation::new(world)?.resources();
        let (_keep, signals) = tokio::sync::mpsc::channel(1);
        let run = Run {
            id: run,
            started: started(loaded, seed, resources.network.vantage()),
            resources,
            secrets: Arc::new(StandInSecrets),
            journal,
            clock,
            fencing: 1,
            fence: std::sync::Arc::new(muster::engine::Unfenced),
            commands: muster::engine::Hears::Nothing,
            pace: Pace::Ahead,
            attended: Attended::No,
            observers: Vec::new(),
            signals,
            health: Arc::new(|health| health),
            past: None,
        };
        Ok(drive(run).await?)
    })?
}

fn started(loaded: &Loaded, seed: Seed, vantage: String) -> Started {
    Started {
        format: FORMAT,
        plan: Arc::new(loaded.plan.clone()),
        documents: Arc::new(loaded.documents.clone()),
        origin: Origin {
            muster: env!("CARGO_PKG_VERSION").to_owned(),
            host: String::new(),
            user: String::new(),
            boot: String::new(),
            since_boot: None,
            kept: None,
            vantage,
            lead: None,
            participants: Vec::new(),
            yes: true,
            faults: Vec::new(),
            ..Origin::default()
        },
        seed: Some(seed),
        previous: None,
        proof: None,
        forecast: None,
        open_actions: Vec::new(),
    }
}

/// How long a run took in its own time, and how many samples and canary rows its journal sums up.
fn extent(ended: &Ended) -> (Moment, u64, u64) {
    let (mut samples, mut rows) = (0, 0);
    for entry in &ended.events {
        match &entry.event {
            Event::Sampled { .. } => samples += 1,
            Event::SamplesSummed { probes, canaries } => {
                samples += probes.iter().map(|probe| probe.count).sum::<u64>();
                rows += canaries.iter().map(|canary| canary.acknowledged + canary.failed).sum::<u64>();
            }
            _ => {}
        }
    }
    (ended.events.last().map_or(Moment::ZERO, |last| last.elapsed), samples, rows)
}

fn milliseconds(clock: ClockId) -> f64 {
    let now = clock_gettime(clock);
    now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6
}
