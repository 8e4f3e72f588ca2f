//! `muster plan`.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::arguments::{OutputFormat, PlaybookArguments, Reports};
use super::output::Output;
use crate::app::{AppError, Runs, survey};
use crate::diagnostic::render_json;
use crate::model::ExitCode;
use crate::plan::{Reality, preview, render};

/// How a plan is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Drawing {
    /// A table
    #[default]
    #[value(alias = "table")]
    Text,
    /// One JSON document
    Json,
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
        match self.format {
            Drawing::Text => output.result(&render::table(&shown, output.style().width)),
            Drawing::Mermaid => output.result(&render::gantt(&shown)),
            Drawing::Graph => output.result(&render::flowchart(&shown)),
            Drawing::Json => {
                let mut value = render::json(&shown);
                let unseen = seen.unseen.iter().map(|(id, why)| json!({ "resource": id, "why": why }));
                value["unseen"] = unseen.collect();
                value["problems"] = render_json(&loaded.warnings);
                output.json_result(&value);
            }
        }
        if !output.json() {
            for (id, why) in &seen.unseen {
                output.complain(&format!("{id} could not be seen: {why}"));
            }
        }
        let holds = shown.prechecks_hold && shown.would_fail.is_empty();
        Ok(if holds { ExitCode::Passed } else { ExitCode::Refused })
    }
}
