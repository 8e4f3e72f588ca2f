//! `muster plan`.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::arguments::{OutputFormat, PlaybookArguments, Reports};
use super::output::Output;
use crate::app::{AppError, Runs, of_plan, survey};
use crate::catalogue::Mode;
use crate::diagnostic::render_json;
use crate::model::ExitCode;
use crate::plan::{Own, Reality, approval, by_hand, preview, render};

/// How a plan is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Drawing {
    /// A table
    #[default]
    #[value(alias = "table")]
    Text,
    /// One JSON document
    Json,
    /// Markdown, with each step and its undo as commands to be done by hand
    Markdown,
    /// Mermaid: bars in time
    Mermaid,
    /// Mermaid: the graph of the steps
    Graph,
}

/// Reads the state of everything and says what each step would change; changes nothing.
#[derive(Debug, Args)]
pub(super) struct PlanCommand {
    #[command(flatten)]
    playbook: PlaybookArguments,
    #[command(flatten)]
    reports: Reports,
    /// So many simulated drills of the plan show who is out for how long: at most 20; 0: none
    #[arg(long, default_value_t = 20, value_name = "N")]
    drills: u64,
    /// How it is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Drawing,
}

impl PlanCommand {
    /// What goes wrong is told in JSON to whoever asked for JSON.
    pub(super) fn form(&self) -> OutputFormat {
        if self.format == Drawing::Json { OutputFormat::Json } else { OutputFormat::Text }
    }

    pub(super) fn runs(&self) -> Runs {
        self.reports.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let loaded = self.playbook.load(Reality::AsBound, output)?;
        let seen = survey(&loaded.plan)?;
        let shown = preview(&loaded.plan, &seen.world, &seen.looks);
        let signed = || {
            let foreseen = of_plan(&loaded, self.drills);
            approval(&loaded.plan, &seen.world, &self.own(loaded.plan.mode, loaded.plan.simulated()), foreseen)
        };
        match self.format {
            Drawing::Text => output.result(&render::table(&shown, &signed(), output.style().width)),
            Drawing::Markdown => {
                output.result(&render::markdown(&shown, &signed(), &by_hand(&loaded.plan, &seen.world)));
            }
            Drawing::Mermaid => output.result(&render::gantt(&shown)),
            Drawing::Graph => output.result(&render::flowchart(&shown)),
            Drawing::Json => {
                let mut value = render::json(&shown, &signed(), &by_hand(&loaded.plan, &seen.world));
                let unseen = seen.unseen.iter().map(|(id, why)| json!({ "resource": id, "why": why }));
                value["unseen"] = unseen.collect();
                let missing = seen.missing.iter().map(|(place, action)| json!({ "permission": action, "in": place }));
                value["missing_permissions"] = missing.collect();
                value["problems"] = render_json(&loaded.warnings);
                output.json_result(&value);
            }
        }
        if !output.json() {
            for (id, why) in &seen.unseen {
                output.complain(&format!("{id} could not be seen: {why}"));
            }
            if !seen.missing.is_empty() {
                let lines = seen.missing.iter().map(|(place, action)| format!("\n  {action} in {place}"));
                let lines: String = lines.collect();
                output.complain(&format!(
                    "permissions that are missing, as far as this plan asked (`muster aws-policy` prints all that it needs):{lines}"
                ));
            }
        }
        let holds = shown.prechecks_hold && shown.would_fail.is_empty();
        Ok(if holds { ExitCode::Passed } else { ExitCode::Refused })
    }

    /// Where the run would keep its own things, and the command that runs the plan.
    fn own(&self, mode: Mode, simulated: bool) -> Own {
        let runs = self.reports.runs();
        let mut command = ["muster".to_owned(), "run".to_owned()].to_vec();
        command.extend(self.playbook.typed());
        // On anything real both are demanded; the mode is part of the digest.
        if !simulated || self.playbook.setting.mode.is_some() {
            command.extend(["--mode".to_owned(), mode.key().to_owned()]);
        }
        if !simulated {
            command.push("--execute".to_owned());
        }
        command.extend(self.reports.typed());
        Own { reports: runs.reports.display().to_string(), store: runs.store.display().to_string(), command }
    }
}
