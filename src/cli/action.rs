//! `muster action`.

use clap::{Args, Subcommand};
use jiff::civil::Date;
use serde_json::json;

use super::arguments::{Form, OutputFormat, Reports};
use super::completions;
use super::output::Output;
use super::review::Reviewing;
use crate::app::{ActionLine, Addition, AppError, Runs, action_lines};
use crate::model::{ActionId, ExitCode};
use crate::report::actions::{self, ActionRow};

/// Corrective actions: what must be done because of a run, by whom, until when.
#[derive(Debug, Args)]
pub(super) struct Action {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Opens one; later runs of the playbook name it until it is closed
    Add {
        /// The run that it follows from, by its id or the path of its folder
        #[arg(value_name = "RUN", add = completions::runs())]
        run: String,
        /// What is to be done
        #[arg(value_name = "TEXT")]
        text: String,
        /// Who does it
        #[arg(long, value_name = "NAME")]
        owner: Option<String>,
        /// Until when: 2027-02-28
        #[arg(long, value_name = "DATE")]
        due: Option<Date>,
        #[command(flatten)]
        reviewing: Reviewing,
    },
    /// Closes one
    Close {
        /// Which, as `muster action list` names it: RUN:NUMBER
        #[arg(value_name = "ACTION")]
        action: ActionId,
        /// How it was dealt with
        #[arg(long, value_name = "TEXT")]
        how: Option<String>,
        #[command(flatten)]
        reviewing: Reviewing,
    },
    /// Lists those that are open
    List {
        /// Only those of this playbook's runs
        #[arg(long, value_name = "NAME")]
        playbook: Option<String>,
        /// Those that are closed too
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        reports: Reports,
        #[command(flatten)]
        form: Form,
    },
}

impl Action {
    pub(super) fn form(&self) -> OutputFormat {
        match &self.what {
            What::Add { reviewing, .. } | What::Close { reviewing, .. } => reviewing.form(),
            What::List { form, .. } => form.format,
        }
    }

    pub(super) fn runs(&self) -> Runs {
        match &self.what {
            What::Add { reviewing, .. } | What::Close { reviewing, .. } => reviewing.runs(),
            What::List { reports, .. } => reports.runs(),
        }
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        match &self.what {
            What::Add { run, text, owner, due, reviewing } => {
                let what = Addition::OpenAction { text: text.clone(), owner: owner.clone(), due: *due };
                reviewing.add(run, what, output)
            }
            What::Close { action, how, reviewing } => {
                let what = Addition::CloseAction { number: action.number, how: how.clone() };
                reviewing.add(action.run.as_str(), what, output)
            }
            What::List { playbook, all, reports, .. } => {
                let mut lines = action_lines(&reports.runs(), playbook.as_deref())?;
                lines.retain(|line| *all || line.closed.is_none());
                list(&lines, output);
                Ok(ExitCode::Passed)
            }
        }
    }
}

fn list(lines: &[ActionLine], output: &Output) {
    if output.json() {
        let rows: Vec<_> = lines
            .iter()
            .map(|line| {
                let ActionLine { action, playbook, simulated, closed } = line;
                json!({
                    "action": action.id.to_string(), "playbook": playbook, "simulated": simulated, "text": action.text,
                    "owner": action.owner, "due": action.due, "opened": action.opened,
                    "closed": closed.as_ref().map(|(at, _)| at), "how": closed.as_ref().map(|(_, how)| how),
                })
            })
            .collect();
        output.json_result(&json!({ "actions": rows }));
        return;
    }
    let rows = lines.iter().map(|line| {
        let action = &line.action;
        let closed = line.closed.as_ref().map_or_else(
            || "open".to_owned(),
            |(at, how)| {
                let how = if how.is_empty() { String::new() } else { format!(": {how}") };
                format!("closed {}{how}", at.strftime("%Y-%m-%d"))
            },
        );
        let due = action.due.map_or_else(|| "no date".to_owned(), |due| due.to_string());
        let owner = action.owner.clone().unwrap_or_else(|| "nobody".to_owned());
        ActionRow { action: action.id.to_string(), text: action.text.clone(), owner, due, state: closed }
    });
    output.result(&actions::text(&rows.collect::<Vec<_>>(), &output.style()));
}
