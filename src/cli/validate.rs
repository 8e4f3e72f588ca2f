//! `muster validate`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use super::arguments::{Form, OutputFormat, PlaybookSetting, Reports};
use super::completions;
use super::output::{MOST_SHOWN, Output};
use crate::app::{AppError, Request, Runs, Validated, Verdict, validate};
use crate::catalogue::Mode;
use crate::diagnostic::{Silenced, render_json};
use crate::model::{ExitCode, Plan, SilencedWarning};
use crate::plan::{Checked, Reality};

/// Says everything that can be known of playbooks and infrastructure files without touching anything, in every mode or in
/// that of --mode.
#[derive(Debug, Args)]
pub(super) struct Validate {
    /// Playbooks and infrastructure files; folders with such files in them; patterns such as 'drills/*.yaml'; - for
    /// standard input
    #[arg(required = true, value_name = "PLAYBOOK", add = completions::playbooks())]
    playbooks: Vec<String>,
    /// Show all problems, and not only the first 50 of each file
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    setting: PlaybookSetting,
    #[command(flatten)]
    reports: Reports,
    #[command(flatten)]
    form: Form,
}

impl Validate {
    pub(super) fn form(&self) -> OutputFormat {
        self.form.format
    }

    pub(super) fn runs(&self) -> Runs {
        self.reports.runs()
    }

    #[expect(clippy::unnecessary_wraps, reason = "every subcommand runs in the same way")]
    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let request = self.setting.request("", Reality::AsBound);
        let checked = if request.mode.is_none() { Checked::InEveryMode } else { Checked::InItsMode };
        let mut documents = Vec::new();
        // What is wrong with an infrastructure file is told once, however many playbooks name it.
        let mut told = BTreeSet::new();
        let mut exit = ExitCode::Passed;
        for mut validated in validate(&self.playbooks, &Request { checked, ..request }) {
            if !validated.is_valid() {
                exit = ExitCode::Usage;
            }
            if output.json() {
                documents.push(as_json(&validated, checked));
                continue;
            }
            validated.diagnostics.retain(|found| {
                let place = found.place.as_ref().map(ToString::to_string);
                told.insert((found.code, place, found.message.clone()))
            });
            output.problems(&validated.diagnostics, &validated.sources, self.all);
            match &validated.verdict {
                Verdict::Unreadable(why) => output.complain(&format!("error: {why}")),
                Verdict::Playbook(Some(plan)) => output.result(&in_words(&validated, plan, checked, self.all)),
                Verdict::Infrastructure(Some((name, environment))) => output.result(&format!(
                    "{}: valid, infrastructure `{name}`, environment {environment}{}",
                    validated.path,
                    silenced(&validated.silenced, self.all)
                )),
                Verdict::Playbook(None) | Verdict::Infrastructure(None) => {}
            }
        }
        if output.json() {
            output.json_result(&json!(documents));
        }
        Ok(exit)
    }
}

fn in_words(validated: &Validated, plan: &Plan, checked: Checked, all: bool) -> String {
    format!(
        "{}: valid{}, {} and {} in {} mode, environment {}{}",
        validated.path,
        if checked == Checked::InEveryMode { " in every mode" } else { "" },
        count(plan.phases.iter().filter(|phase| phase.applies).count(), "phase"),
        count(plan.steps.iter().filter(|step| step.applies).count(), "step"),
        plan.mode,
        plan.environment,
        silenced(&validated.silenced, all)
    )
}

/// `, 2 warnings silenced`, and below it each with its place and reason; all of them, or as many as problems are shown.
fn silenced(found: &[Silenced], all: bool) -> String {
    if found.is_empty() {
        return String::new();
    }
    let most = if all { found.len() } else { MOST_SHOWN };
    let mut told = format!(", {} silenced", count(found.len(), "warning"));
    for one in found.iter().take(most) {
        let _ = write!(told, "\n  {}", clean(&SilencedWarning::from(one.clone()).told()));
    }
    if found.len() > most {
        let _ = write!(told, "\n  ... and {} more silenced", found.len() - most);
    }
    told
}

/// Without what could act on a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn as_json(validated: &Validated, checked: Checked) -> Value {
    let key = if matches!(validated.verdict, Verdict::Infrastructure(_)) { "infrastructure" } else { "playbook" };
    let mut document = json!({ key: validated.path, "valid": validated.is_valid() });
    match &validated.verdict {
        Verdict::Unreadable(why) => {
            document["error"] = json!(why);
            return document;
        }
        Verdict::Playbook(Some(plan)) => {
            let modes = if checked == Checked::InEveryMode { Mode::ALL.to_vec() } else { vec![plan.mode] };
            document["modes"] = json!(modes);
            document["digest"] = json!(plan.digest);
        }
        Verdict::Infrastructure(Some((name, environment))) => {
            document["name"] = json!(name);
            document["environment"] = json!(environment);
        }
        Verdict::Playbook(None) | Verdict::Infrastructure(None) => {}
    }
    document["problems"] = render_json(&validated.diagnostics);
    let silenced = validated.silenced.iter().map(|it| {
        let mut one = render_json(std::slice::from_ref(&it.diagnostic))[0].take();
        one["because"] = json!(it.because);
        one
    });
    document["silenced"] = silenced.collect();
    document
}

fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
