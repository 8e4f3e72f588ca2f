//! What a run is told it takes in its next round, however much it has to write: nothing here depends on a clock.

use std::io;
use std::sync::{Arc, Mutex};

use muster::app;
use muster::chance::Seed;
use muster::engine::{Observer, Signal, drive};
use muster::event::Event;
use muster::id::RunId;
use muster::infrastructure::simulate::Faults;
use muster::journal::{Journal, Log, Writer};
use muster::model::{Command, Commanded, Person};
use muster::provider::simulated::Simulation;
use muster::record::Entry;
use muster::time::run_virtual;

use super::scene::{prepared, written};

/// The commits of a journal, one after the other.
#[derive(Clone, Default)]
struct Commits(Arc<Mutex<Vec<String>>>);

impl Log for Commits {
    fn append_batch(&mut self, _first_seq: u64, lines: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().push(String::from_utf8(lines.to_vec()).unwrap());
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tells the run something after every so many events.
struct Teller {
    sender: tokio::sync::mpsc::Sender<Signal>,
    seen: u64,
    every: u64,
    /// After which event each was told.
    told: Arc<Mutex<Vec<u64>>>,
    /// One was told that the run has not taken yet.
    waits: bool,
}

impl Observer for Teller {
    fn event(&mut self, entry: &Entry) {
        self.seen += 1;
        self.waits &= !matches!(entry.event, Event::Commanded { .. });
        if self.seen.is_multiple_of(self.every) && !self.waits && !matches!(entry.event, Event::Finished { .. }) {
            let because = Some(entry.seq.to_string());
            let command = Command::Choose { choice: muster::resource::Choice::GoOn, step: None };
            let by = Person { name: because, ..Person::default() };
            if self.sender.try_send(Signal::Command(Commanded { command, by })).is_ok() {
                self.told.lock().unwrap().push(entry.seq);
                self.waits = true;
            }
        }
    }
}

/// How many commits there are from the one after which a command was given to the one that has it, for each command.
fn waits(phases: &str, every: u64) -> Vec<usize> {
    let loaded = written(phases, &[]);
    let start = "2026-03-01T02:00:00Z".parse().unwrap();
    let id = RunId::make(start, &loaded.plan.name).unwrap();
    let (commits, told) = (Commits::default(), Arc::new(Mutex::new(Vec::new())));
    let (own_commits, own_told) = (commits.clone(), Arc::clone(&told));
    run_virtual(start, |clock| async move {
        let setup = app::simulation::setup(&loaded.plan, Seed(1), clock.clone(), &Faults::default()).unwrap();
        let resources = Simulation::new(setup).unwrap().resources();
        let (sender, signals) = tokio::sync::mpsc::channel(1024);
        let mut run = prepared(&loaded, id.clone(), 1, resources, clock, signals);
        run.journal = Journal::inline(Writer::over(id, Box::new(own_commits)));
        run.observers = vec![Box::new(Teller { sender, seen: 0, every, told: own_told, waits: false })];
        drive(run).await.unwrap()
    })
    .unwrap();
    let commits = commits.0.lock().unwrap().clone();
    let holding = |text: &str| commits.iter().position(|commit| commit.contains(text));
    let told = told.lock().unwrap().clone();
    let wait = |seq: &u64| {
        let given = holding(&format!("{{\"seq\":{seq},"));
        // What was given in the very last round is heard by nobody.
        let taken = holding(&format!("\"name\":\"{seq}\""))?;
        Some(taken - given.unwrap())
    };
    told.iter().filter_map(wait).collect()
}

#[test]
fn a_command_is_in_the_next_commit_but_one_however_much_is_written() {
    use std::fmt::Write as _;
    let mut chain = "phases:\n  - name: failover\n    steps:\n".to_owned();
    let mut wide = chain.clone();
    for n in 0..2_000 {
        writeln!(chain, "      - {{ id: s{n}, command: {{ argv: [it] }} }}").unwrap();
        writeln!(wide, "      - {{ id: s{n}, command: {{ argv: [it] }}, needs: [] }}").unwrap();
    }
    for (what, phases, every) in [("a chain", &chain, 40), ("side by side", &wide, 40), ("a chain, often", &chain, 7)] {
        let waits = waits(phases, every);
        assert!(waits.len() > 20, "{what}: {} commands", waits.len());
        // The round that was being written when it came may be followed by what follows from it; then it is taken.
        assert!(waits.iter().all(|wait| *wait <= 2), "{what}: {waits:?}");
    }
}
