//! Tells a run something from another terminal, and sees what it does about it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::going::{Going, going};
use super::history::files;
use super::locks::Standing;
use super::machine::machine;
use super::{AppError, History, Runs, real};
use crate::catalogue::OnFailure;
use crate::engine::clean_command;
use crate::event::Event;
use crate::id::{RunId, StepId};
use crate::journal;
use crate::model::{Command, Commanded, Person};
use crate::resource::{Answer, AnsweredBy, Decision, Exhibit};
use crate::secret::MASK;
use crate::store::{Commands as _, SqliteLive, keep_evidence};
use crate::time::wall_now;

/// The name that stands for the only run that goes on.
const LAST: &str = "last";
/// How long the run's answer is waited for, in looks.
const LOOKS: u32 = 250;
/// From one look to the next.
const EVERY: Duration = Duration::from_millis(20);

/// What a run is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteCommand {
    /// Which; `None` or `last`: the only one that goes on.
    pub run: Option<String>,
    /// What. An answer to a gate gets its name from `name`.
    pub command: Command,
    /// Who says so, as stated.
    pub name: Option<String>,
    /// Files that go with an answer to a gate as evidence; a copy of each is kept in the run's folder.
    pub files: Vec<PathBuf>,
}

/// What the run did about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It took it, and leaves its course so; `None`: it ends at once, or does what the command says. An answer to a gate
    /// counts.
    Taken(Option<OnFailure>),
    /// Nothing follows from it, and why; an answer to a gate does not count.
    Ignored(String),
    /// It has not taken it yet: it is stopped, or very slow.
    NotYet,
}

/// What was told, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whom.
    pub run: RunId,
    /// What, and by whom.
    pub commanded: Commanded,
    /// What it did.
    pub effect: Effect,
}

/// Tells a run something and waits, for some seconds, until it has taken it.
///
/// # Errors
/// [`AppError::Usage`] if there is no such run, if several or none go on and none was named, or a file is no evidence;
/// [`AppError::Refused`] if it does not go on; [`AppError::Files`].
pub fn command(runs: &Runs, told: RemoteCommand) -> Result<Told, AppError> {
    let run = the_run(runs, told.run.as_deref())?;
    let here = machine();
    let by = Person { name: told.name.clone(), user: here.user, host: here.host };
    let folder = runs.reports.join(run.as_str());
    let command = with_files(signed(told.command, &by), &told.files, &folder)?;
    let path = journal::path_in(&folder);
    let commanded = without_secrets(Commanded { command, by }, &path);
    // From here on: an earlier command of the same words is another one.
    let from = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
    let store = SqliteLive::open(&runs.store).map_err(files)?;
    store.give(&run, &commanded, wall_now()).map_err(files)?;
    let effect = effect(&path, from, &commanded);
    Ok(Told { run, commanded, effect })
}

/// What a person typed, without the secrets of the run's plan: in the store it waits for the run.
fn without_secrets(commanded: Commanded, journal: &Path) -> Commanded {
    let started = File::open(journal).ok().and_then(|file| {
        let mut first = Vec::new();
        let bound = journal::MAX_LINE_BYTES as u64 + 1;
        std::io::Read::take(BufReader::new(file), bound).read_until(b'\n', &mut first).ok()?;
        serde_json::from_slice::<Line>(&first).ok()
    });
    match started.map(|line| line.event) {
        Some(Event::Started(started)) => clean_command(commanded, &real::redactor(&started.plan)),
        // A journal without its beginning is of no run that could take anything.
        _ => commanded,
    }
}

/// What is read of a line of the journal.
#[derive(serde::Deserialize)]
struct Line {
    event: Event,
}

/// An answer to a gate, with the name of who gives it.
fn signed(command: Command, by: &Person) -> Command {
    match command {
        Command::Vote { step, answer } => {
            let name = by.name.clone().unwrap_or_else(|| by.user.clone());
            let names = if answer.names.is_empty() { vec![name] } else { answer.names };
            Command::Vote { step, answer: Answer { names, ..answer } }
        }
        other => other,
    }
}

/// An answer with what is in these files as evidence; the copies are durable when it is given.
fn with_files(command: Command, files: &[PathBuf], folder: &Path) -> Result<Command, AppError> {
    let Command::Vote { step, mut answer } = command else { return Ok(command) };
    for file in files {
        let exhibit = keep_evidence(file, folder);
        answer.evidence.push(exhibit.map_err(|error| AppError::Usage(error.to_string()))?);
    }
    Ok(Command::Vote { step, answer })
}

/// An answer to a gate from another terminal, with evidence that is no file.
#[must_use]
pub fn vote(decision: Decision, because: Option<String>, evidence: Vec<Exhibit>) -> Answer {
    Answer { decision, names: Vec::new(), because, by: AnsweredBy::Command, people: Vec::new(), evidence }
}

/// The commands by which a run goes on that stands still, a line each.
#[must_use]
pub fn ways(run: &RunId, failed: Option<&StepId>) -> String {
    let retry = failed.map(|step| format!("  muster retry {run} {step}   try the step once more\n"));
    format!(
        "{}  muster continue {run}   go on all the same\n  muster undo {run}       take back what was done, or go \
         forward to safety\n  muster stop {run}       do nothing more",
        retry.unwrap_or_default()
    )
}

/// The run that is meant, which must go on.
fn the_run(runs: &Runs, named: Option<&str>) -> Result<RunId, AppError> {
    let (history, _) = History::open(runs)?;
    let all = going(runs);
    let goes_on = |going: &Going| matches!(going.standing, Standing::GoingOn | Standing::Silent);
    let named = match named {
        Some(name) if name != LAST => name,
        _ => {
            let all: Vec<&RunId> = all.iter().filter(|(_, going)| goes_on(going)).map(|(run, _)| run).collect();
            return match all[..] {
                [only] => Ok(only.clone()),
                [] => Err(AppError::Refused(format!(
                    "no run goes on in {}; `muster history` lists past runs",
                    runs.reports.display()
                ))),
                _ => {
                    let names: Vec<String> = all.iter().map(ToString::to_string).collect();
                    Err(AppError::Usage(format!("several runs go on; say which: {}", names.join(", "))))
                }
            };
        }
    };
    let unknown = || {
        AppError::Usage(format!("there is no run `{named}` in {}; `muster history` lists them", runs.reports.display()))
    };
    let run = RunId::new(named).map_err(|_| unknown())?;
    let row = history.get(&run)?.ok_or_else(unknown)?;
    if let Some(at) = row.finished_at {
        let verdict = row.verdict.unwrap_or_default();
        return Err(AppError::Refused(format!("the run {run} ended at {at}: {verdict}. `muster show {run}` shows it")));
    }
    match all.get(&run) {
        Some(going) if goes_on(going) => Ok(run),
        _ => Err(AppError::Refused(format!(
            "nobody carries the run {run} out any more: it was left behind. `muster resume {run}` takes it up again \
             (with --undo or --stop if it is not to go on)"
        ))),
    }
}

/// Reads the run's journal from a place on until it tells of the command.
fn effect(path: &Path, from: u64, commanded: &Commanded) -> Effect {
    let Ok(file) = File::open(path) else { return Effect::NotYet };
    let mut reader = BufReader::new(file);
    if reader.seek(SeekFrom::Start(from)).is_err() {
        return Effect::NotYet;
    }
    let (mut line, mut awaited) = (Vec::new(), Awaited { commanded, heard: false });
    for _ in 0..LOOKS {
        // What is there already, as far as it is whole.
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            if line.last() != Some(&b'\n') {
                break;
            }
            if let Some(effect) = awaited.told_in(&line) {
                return effect;
            }
            line.clear();
        }
        std::thread::sleep(EVERY);
    }
    Effect::NotYet
}

/// A command that the run was given, until its journal tells what became of it.
struct Awaited<'a> {
    commanded: &'a Commanded,
    /// Whether it has taken it: an answer to a gate is judged after that.
    heard: bool,
}

impl Awaited<'_> {
    /// What a line of the journal says of the command.
    fn told_in(&mut self, line: &[u8]) -> Option<Effect> {
        let begins = |kind: &[u8]| line.windows(kind.len()).any(|window| window == kind);
        if begins(ENDED) {
            let why =
                if self.heard { "the run ended before it was counted" } else { "the run ended before it took it" };
            return Some(Effect::Ignored(why.to_owned()));
        }
        // Most lines are something else: they need no reading.
        if !begins(if self.heard { VOTED } else { COMMANDED }) {
            return None;
        }
        match serde_json::from_slice::<Line>(line).ok()?.event {
            Event::Commanded { command, by, then, ignored } if !self.heard => {
                if !is_of(&Commanded { command, by }, self.commanded) {
                    return None;
                }
                // That the question stands is not yet that the answer counts.
                self.heard = ignored.is_none() && matches!(self.commanded.command, Command::Vote { .. });
                (!self.heard).then(|| ignored.map_or(Effect::Taken(then), Effect::Ignored))
            }
            Event::GateVoted { step, answer, refused } if self.is_this(&step, &answer) => {
                Some(refused.map_or(Effect::Taken(None), Effect::Ignored))
            }
            _ => None,
        }
    }

    /// Whether a vote that was judged is the one that was given: with the account of who gave it, which the run adds.
    fn is_this(&self, step: &StepId, told: &Answer) -> bool {
        let Command::Vote { step: of, answer } = &self.commanded.command else { return false };
        let account = told.people.first().is_none_or(|person| person.user == self.commanded.by.user);
        let given = Answer { by: told.by, people: told.people.clone(), ..answer.clone() };
        let of_it = |answer: &Answer| Commanded {
            command: Command::Vote { step: of.clone(), answer: answer.clone() },
            by: self.commanded.by.clone(),
        };
        step == of && account && told.by == AnsweredBy::Command && is_of(&of_it(told), &of_it(&given))
    }
}

/// Whether what the journal tells is what was given: the run may know more secrets, and have taken them out.
fn is_of(told: &Commanded, given: &Commanded) -> bool {
    fn alike(told: &Value, given: &Value) -> bool {
        match (told, given) {
            (Value::String(told), given) => told == given || told.contains(MASK),
            (Value::Array(told), Value::Array(given)) => {
                told.len() == given.len() && told.iter().zip(given).all(|(told, given)| alike(told, given))
            }
            (Value::Object(told), Value::Object(given)) => {
                // The digest of a text is another one when something was taken out of it.
                let masked = told.get("what").and_then(Value::as_str).is_some_and(|what| what.contains(MASK));
                masked
                    || told.len() == given.len()
                        && told.iter().all(|(key, told)| given.get(key).is_some_and(|given| alike(told, given)))
            }
            (told, given) => told == given,
        }
    }
    let value = |commanded| serde_json::to_value(commanded).unwrap_or_default();
    alike(&value(told), &value(given))
}

/// How the event of a command begins.
const COMMANDED: &[u8] = b"\"event\":{\"kind\":\"commanded\"";
/// That of an answer to a gate.
const VOTED: &[u8] = b"\"event\":{\"kind\":\"gate_voted\"";
/// And that of the run's end.
const ENDED: &[u8] = b"\"event\":{\"kind\":\"finished\"";
