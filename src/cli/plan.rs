//! `muster plan`.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::arguments::PlaybookArguments;
use super::output::Output;
use crate::app::{AppError, survey};
use crate::model::ExitCode;
use crate::plan::{Reality, preview, render};

/// How a plan is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Drawing {
    /// A table
    #[default]
    Table,
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
    /// How it is drawn
    #[arg(long = "as", value_enum, default_value_t, value_name = "DRAWING")]
    drawing: Drawing,
}

impl PlanCommand {
    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let loaded = self.playbook.load(Reality::AsBound, output)?;
        let seen = survey(&loaded.plan)?;
        let shown = preview(&loaded.plan, &seen.world);
        if output.json() {
            let mut value = render::json(&shown);
            let unseen = seen.unseen.iter().map(|(id, why)| json!({ "resource": id, "why": why }));
            value["unseen"] = unseen.collect();
            output.json_result(&value);
        } else {
            output.result(&match self.drawing {
                Drawing::Table => render::table(&shown, output.style().width),
                Drawing::Mermaid => render::gantt(&shown),
                Drawing::Graph => render::flowchart(&shown),
            });
            for (id, why) in &seen.unseen {
                output.complain(&format!("{id} could not be seen: {why}"));
            }
        }
        Ok(if shown.prechecks_hold { ExitCode::Passed } else { ExitCode::Refused })
    }
}
