//! What the subcommands have in common that tell a run something from another terminal.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::arguments::{Form, OutputFormat, Reports};
use super::completions;
use super::output::Output;
use crate::app::{AppError, Effect, RemoteCommand, Runs, Told, command, ways};
use crate::catalogue::OnFailure;
use crate::id::{RunId, StepId};
use crate::model::{Command, ExitCode};
use crate::resource::{Choice, Decision};

/// How whoever tells it is named, and where runs are.
#[derive(Debug, Args)]
struct Who {
    /// Who says so, as stated; the operating system's user and host are noted too
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    reports: Reports,
    #[command(flatten)]
    form: Form,
}

/// Which run is meant.
#[derive(Debug, Args)]
pub(super) struct Remote {
    /// The run's id; left out, or `last`: the only run that goes on
    #[arg(value_name = "RUN", add = completions::runs())]
    run: Option<String>,
    #[command(flatten)]
    who: Who,
}

/// Which step of which run is meant.
#[derive(Debug, Args)]
pub(super) struct RemoteStep {
    /// The run's id, or `last`, then the step; the step alone: of the only run that goes on
    #[arg(add = completions::runs(), value_names = ["RUN", "STEP"], num_args = 1..=2, required = true, value_parser = word)]
    named: Vec<String>,
    #[command(flatten)]
    who: Who,
}

fn word(text: &str) -> Result<String, String> {
    StepId::new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

impl Remote {
    pub(super) fn form(&self) -> OutputFormat {
        self.who.form.format
    }

    pub(super) fn runs(&self) -> Runs {
        self.who.reports.runs()
    }

    /// Tells it, and what came of it.
    pub(super) fn tell(&self, command: Command, output: &Output) -> Result<ExitCode, AppError> {
        self.who.tell(self.run.clone(), command, Vec::new(), output)
    }
}

impl RemoteStep {
    pub(super) fn form(&self) -> OutputFormat {
        self.who.form.format
    }

    pub(super) fn runs(&self) -> Runs {
        self.who.reports.runs()
    }

    /// The step.
    #[expect(clippy::expect_used, reason = "the parser has seen that there is one, and that it is one")]
    pub(super) fn step(&self) -> StepId {
        self.named.last().and_then(|name| StepId::new(name).ok()).expect("a step is named")
    }

    /// Tells it, with these files as evidence, and what came of it.
    pub(super) fn tell(&self, command: Command, files: Vec<PathBuf>, output: &Output) -> Result<ExitCode, AppError> {
        let run = (self.named.len() > 1).then(|| self.named[0].clone());
        self.who.tell(run, command, files, output)
    }
}

impl Who {
    fn tell(
        &self,
        run: Option<String>,
        what: Command,
        files: Vec<PathBuf>,
        output: &Output,
    ) -> Result<ExitCode, AppError> {
        let told = RemoteCommand { run, command: what, name: self.by.clone(), files };
        let told = command(&self.reports.runs(), told)?;
        let (exit, text) = said(&told);
        if output.json() {
            let (state, then, because) = match &told.effect {
                Effect::Taken(then) => ("taken", *then, None),
                Effect::Ignored(why) => ("ignored", None, Some(why)),
                Effect::NotYet => ("not yet taken", None, None),
            };
            output.json_result(&json!({
                "run": told.run, "command": told.commanded.command, "by": told.commanded.by,
                "effect": state, "then": then, "because": because, "text": text,
            }));
        } else if exit == ExitCode::Passed {
            output.result(&text);
        } else {
            output.complain(&text);
        }
        Ok(exit)
    }
}

/// What is said, and the exit code.
fn said(told: &Told) -> (ExitCode, String) {
    let Told { run, commanded, effect } = told;
    let command = &commanded.command;
    match effect {
        Effect::Taken(then) => (ExitCode::Passed, format!("{run}: {command}. {}", next(run, command, *then))),
        Effect::Ignored(why) if matches!(command, Command::Vote { .. }) => {
            (ExitCode::Refused, format!("refused: {run}: {command}: this answer does not count: {why}"))
        }
        Effect::Ignored(why) => (ExitCode::Refused, format!("refused: {run}: {command}: {why}. Nothing follows")),
        Effect::NotYet => (
            ExitCode::Failed,
            format!(
                "{run}: {command}. The run has not taken it yet: it is stopped, or its machine is very slow. It is \
                 taken when the run goes on; `muster show {run}` shows whether it was"
            ),
        ),
    }
}

/// What happens next.
fn next(run: &RunId, command: &Command, then: Option<OnFailure>) -> String {
    match command {
        Command::Abort { .. } if then.is_some() => format!(
            "Nothing new is begun; what was done is taken back, or traffic is held where it is healthy. A second \
             `muster abort {run}` stops it at once"
        ),
        Command::Abort { .. } => format!("It stops at once; `muster show {run}` says what is left"),
        Command::Pause { .. } => format!("Nothing new is begun; what is under way goes on. Then:\n{}", ways(run, None)),
        Command::Choose { choice: Choice::Retry, .. } => "The step is tried once more".to_owned(),
        Command::Choose { choice: Choice::GoOn, .. } => "It goes on".to_owned(),
        Command::Choose { choice: Choice::Undo, .. } => {
            "What was done is taken back, or traffic is held where it is healthy".to_owned()
        }
        Command::Choose { choice: Choice::Stop, .. } => {
            format!("It does nothing more; `muster show {run}` says what is left")
        }
        Command::Vote { answer, .. } => match answer.decision {
            Decision::Approved => "The approval counts; the step passes once enough have approved".to_owned(),
            Decision::Rejected => "The rejection counts; the step fails by it".to_owned(),
        },
    }
}
