//! `muster validate`.

use clap::Args;
use serde_json::json;

use super::arguments::{Form, OutputFormat, PlaybookSetting, Reports};
use super::completions;
use super::output::Output;
use crate::app::{AppError, Request, Runs, load};
use crate::catalogue::Mode;
use crate::diagnostic::render_json;
use crate::model::ExitCode;
use crate::plan::{Checked, Reality};

/// Says everything that can be known of playbooks without touching anything, in every mode or in that of --mode.
#[derive(Debug, Args)]
pub(super) struct Validate {
    /// The playbooks
    #[arg(required = true, value_name = "PLAYBOOK", add = completions::playbooks())]
    playbooks: Vec<String>,
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
        let mut exit = ExitCode::Passed;
        let mut documents = Vec::new();
        for playbook in &self.playbooks {
            let request = self.setting.request(playbook, Reality::AsBound);
            let checked = if request.mode.is_none() { Checked::InEveryMode } else { Checked::InItsMode };
            match load(&Request { checked, ..request }) {
                Ok(loaded) => {
                    output.warn_of(&loaded.warnings, &loaded.sources);
                    let plan = &loaded.plan;
                    let modes = if checked == Checked::InEveryMode { Mode::ALL.to_vec() } else { vec![plan.mode] };
                    documents.push(json!({
                        "playbook": playbook, "valid": true, "modes": modes, "digest": plan.digest,
                        "problems": render_json(&loaded.warnings),
                    }));
                    if !output.json() {
                        output.result(&format!(
                            "{playbook}: valid{}, {} and {} in {} mode, environment {}",
                            if checked == Checked::InEveryMode { " in every mode" } else { "" },
                            count(plan.phases.iter().filter(|phase| phase.applies).count(), "phase"),
                            count(plan.steps.iter().filter(|step| step.applies).count(), "step"),
                            plan.mode,
                            plan.environment
                        ));
                    }
                }
                Err(AppError::Invalid { diagnostics, sources }) => {
                    documents.push(json!({
                        "playbook": playbook, "valid": false, "problems": render_json(&diagnostics),
                    }));
                    if !output.json() {
                        output.fail(&AppError::Invalid { diagnostics, sources });
                    }
                    exit = ExitCode::Usage;
                }
                Err(error) if output.json() => {
                    documents.push(json!({ "playbook": playbook, "valid": false, "error": error.to_string() }));
                    exit = ExitCode::Usage;
                }
                Err(error) => exit = output.fail(&error),
            }
        }
        if output.json() {
            output.json_result(&json!(documents));
        }
        Ok(exit)
    }
}

fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
