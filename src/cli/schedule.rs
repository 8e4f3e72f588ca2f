//! `muster schedule`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::arguments::{Form, OutputFormat, Reports};
use super::output::Output;
use crate::app::{AppError, Runs, write_whole};
use crate::model::ExitCode;
use crate::report::{agenda, feed};
use crate::schedule::Survey;

/// Playbooks that are looked at, and when.
#[derive(Debug, Args)]
pub(super) struct Looked {
    /// Playbooks, or folders that have some, however deep [default: playbooks]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// As of this instant (RFC 3339) in place of now
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
}

/// Where playbooks lie, unless another place is said.
const PLAYBOOKS: &str = "playbooks";

impl Looked {
    /// Reads them together with past runs; says what is wrong with some.
    pub(super) fn survey(&self, runs: &Runs, output: &Output) -> Result<Survey, AppError> {
        let usual = [PathBuf::from(PLAYBOOKS)];
        let paths = if self.paths.is_empty() { &usual[..] } else { &self.paths };
        let survey = Survey::read(paths, runs, self.at.unwrap_or_else(crate::time::wall_now))?;
        for problem in &survey.problems {
            output.say(problem);
        }
        Ok(survey)
    }
}

/// Says when drills are due, when they ran last and what is overdue.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct ScheduleCommand {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    looked: Looked,
    #[command(flatten)]
    reports: Reports,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Writes the schedule as a calendar feed (iCalendar), which calendars subscribe to
    Ics(Ics),
}

#[derive(Debug, Args)]
struct Ics {
    #[command(flatten)]
    looked: Looked,
    #[command(flatten)]
    reports: Reports,
    /// Write it here in place of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl ScheduleCommand {
    pub(super) fn form(&self) -> OutputFormat {
        self.form.format
    }

    pub(super) fn runs(&self) -> Runs {
        match &self.what {
            Some(What::Ics(ics)) => ics.reports.runs(),
            None => self.reports.runs(),
        }
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        if let Some(What::Ics(ics)) = &self.what {
            let survey = ics.looked.survey(&self.runs(), output)?;
            let events = survey.feed();
            if events.is_empty() {
                output.say("no drill is due from a quarter ago to a year ahead: the calendar is empty. `schedule:` in a playbook says when its drill is due");
            }
            let feed = feed::feed(survey.at, &events);
            match &ics.out {
                None => output.result(&feed),
                Some(path) => write_whole(path, feed.as_bytes())?,
            }
            return Ok(ExitCode::Passed);
        }
        let survey = self.looked.survey(&self.runs(), output)?;
        let rows = survey.agenda();
        if output.json() {
            output.result(&agenda::json(survey.at, &rows));
        } else {
            output.result(&agenda::text(&rows, &output.style()));
        }
        Ok(ExitCode::Passed)
    }
}
