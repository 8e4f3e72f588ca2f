//! `muster run`.

use std::io::IsTerminal;

use clap::Args;

use super::arguments::{Form, OutputFormat, PlaybookArguments, Reports};
use super::output::Output;
use super::progress::Progress;
use super::waiting::{Gates, Waiting};
use crate::app::{self, AppError, Attendance, Finished, LEASE, Loaded, RunRequest, Runs};
use crate::catalogue::Period;
use crate::chance::Seed;
use crate::engine::watch::Pace;
use crate::model::ExitCode;
use crate::report::{Format, Style, render};

/// Options of simulated runs.
#[derive(Clone, Debug, Args)]
pub(super) struct Simulated {
    /// What all chances of a simulation are drawn from
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// When a simulation starts, such as 2026-11-22T08:42:16Z; now, if it is not said
    #[arg(long, value_name = "TIME")]
    start: Option<jiff::Timestamp>,
    /// Makes a step or resource of a simulation go wrong: fails, hangs, slow, flaky, lies, fails-in-undo (what comes after
    /// it fails, and taking it back is refused), loses-its-region (the region is cut off when it begins to act)
    #[arg(long = "fault", value_name = "STEP-or-RESOURCE=KIND")]
    faults: Vec<String>,
}

/// When rehearsals start that leave no run, unless `--start` says otherwise: findings are the same at any hour.
const REHEARSAL_START: i64 = 1_767_261_600;

impl Simulated {
    /// What all chances are drawn from.
    pub(super) fn seed(&self) -> Seed {
        Seed(self.seed)
    }

    /// When a rehearsal starts: always at the same hour, unless it is said.
    pub(super) fn start(&self) -> jiff::Timestamp {
        self.start.or_else(|| jiff::Timestamp::from_second(REHEARSAL_START).ok()).unwrap_or_default()
    }

    /// What goes wrong.
    pub(super) fn faults(&self) -> &[String] {
        &self.faults
    }

    /// A run with these options; the others as for a run that nobody attends.
    pub(super) fn request(&self, loaded: Loaded, reports: &Reports) -> RunRequest {
        RunRequest {
            loaded,
            runs: reports.runs(),
            execute: false,
            approved: None,
            approved_by: None,
            mode_said: false,
            attendance: Attendance::Nobody,
            lead: None,
            participants: Vec::new(),
            seed: Seed(self.seed),
            start: self.start,
            faults: self.faults.clone(),
            pace: Pace::Ahead,
            observers: Vec::new(),
            break_glass: None,
            occurrence: None,
            hold: false,
            lease: LEASE,
            forecast_time: None,
            program: std::env::current_exe().ok(),
        }
    }
}

/// Runs the drill.
#[derive(Debug, Args)]
pub(super) struct RunCommand {
    #[command(flatten)]
    playbook: PlaybookArguments,
    #[command(flatten)]
    reports: Reports,
    #[command(flatten)]
    simulated: Simulated,
    #[command(flatten)]
    form: Form,
    /// Change real things; without it, a run on anything that is not simulated is refused
    #[arg(long)]
    execute: bool,
    /// Run only the plan with this digest, as `muster plan` printed it
    #[arg(long, value_name = "DIGEST")]
    approved: Option<String>,
    /// Who approved it; the report says so
    #[arg(long, value_name = "NAME", requires = "approved")]
    approved_by: Option<String>,
    /// Answer every gate with yes (not in production); the report says that nobody was asked
    #[arg(long)]
    yes: bool,
    /// Who leads the drill
    #[arg(long, value_name = "NAME")]
    lead: Option<String>,
    /// Who takes part; may be given several times
    #[arg(long = "participant", value_name = "NAME")]
    participants: Vec<String>,
    /// Pass over what stands in the way: a run that was left behind, a window; the report says so
    #[arg(long, requires = "because")]
    break_glass: bool,
    /// Why
    #[arg(long, value_name = "TEXT", requires = "break_glass")]
    because: Option<String>,
    /// The occurrence of the playbook's schedule that it is run for, as `muster schedule --format json` names it
    /// (2026-Q4): refused if a run was begun for that already
    #[arg(long, value_name = "NAME", value_parser = occurrence)]
    occurrence: Option<String>,
    /// Wait for a person's approval before the first change: somebody else's scheduler begins it, with nobody there
    #[arg(long)]
    hold: bool,
    /// How long a forecast may take that is made before a real run begins, so that its report can say where in it the truth
    /// fell; 0s for none [default: 2s, and no more than 0.5 % of how long the drill is expected to take]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    forecast_time: Option<Period>,
    /// How long the run's leases last without being renewed
    #[arg(long, value_name = "DURATION", hide = true, value_parser = duration)]
    lease: Option<Period>,
}

/// What `calendar` calls a time at which a drill is due, or a name of a scheduler's own.
fn occurrence(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.:+".contains(c);
    if (1..=64).contains(&text.len()) && text.chars().all(good) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no name of an occurrence; write for example 2026-Q4"))
    }
}

pub(super) fn duration(text: &str) -> Result<Period, String> {
    text.parse().map(Period).map_err(|error: crate::time::SpanError| error.to_string())
}

impl RunCommand {
    pub(super) fn runs(&self) -> Runs {
        self.reports.runs()
    }

    pub(super) fn form(&self) -> OutputFormat {
        self.form.format
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let loaded = self.playbook.load_for_a_drill(output)?;
        let attendance = match (self.yes, std::io::stdin().is_terminal()) {
            (true, _) => Attendance::Yes,
            (false, true) => Attendance::Terminal,
            (false, false) => Attendance::Nobody,
        };
        let request = RunRequest {
            execute: self.execute,
            approved: self.approved.clone(),
            approved_by: self.approved_by.clone(),
            mode_said: self.playbook.setting.mode.is_some(),
            attendance,
            lead: self.lead.clone(),
            participants: self.participants.clone(),
            break_glass: self.because.clone(),
            occurrence: self.occurrence.clone(),
            hold: self.hold,
            lease: self.lease.map_or(LEASE, |Period(lease)| lease),
            forecast_time: self.forecast_time.map(|Period(time)| time),
            ..self.simulated.request(loaded, &self.reports)
        };
        carry_out(request, output)
    }
}

/// Runs, shows the progress, prints the closing tables.
pub(super) fn carry_out(mut request: RunRequest, output: &Output) -> Result<ExitCode, AppError> {
    if let Some(progress) = Progress::new(&request.loaded.plan, output) {
        request.observers.push(Box::new(progress));
    }
    // Who sits at the run's own terminal is asked there.
    if !request.loaded.plan.simulated() && request.attendance != Attendance::Terminal {
        request.observers.push(Box::new(Waiting::new(
            request.loaded.plan.pause_limit,
            Gates::of(request.attendance),
            output,
        )));
    }
    let finished = app::run(request)?;
    Ok(show_end(&finished, output))
}

/// Prints what is to be said of a run that has ended, and gives its exit code.
pub(super) fn show_end(finished: &Finished, output: &Output) -> ExitCode {
    for notice in &finished.notices {
        output.say(notice);
    }
    if !output.json() {
        let style = Style { folder: Some(finished.folder.display().to_string()), ..output.style() };
        output.result(&render(&finished.record, Format::Text, &style));
    }
    finished.exit
}
