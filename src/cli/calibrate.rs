//! `muster calibrate`.

use std::path::PathBuf;

use clap::Args;

use super::arguments::{Form, OutputFormat, PlaybookSetting, Reports};
use super::completions;
use super::output::Output;
use super::run::duration;
use crate::app::{AppError, CalibrationRequest, FileState, Runs, Then, calibrate};
use crate::catalogue::Period;
use crate::model::ExitCode;
use crate::plan::Reality;
use crate::rehearsal::calibration::HALF_LIFE;
use crate::report::calibration;

/// Fits the twin to past real runs and says how good their forecasts were.
#[derive(Debug, Args)]
#[command(after_help = "\
Real runs on the same infrastructure file count, known by its name; runs that were simulated, and resources that were, do
not. The file lies beside the infrastructure file, FILE.calibration.yaml, where `plan`, `simulate` and `run` find it. What
was measured goes before what is stated under `simulate:`.")]
pub(super) struct CalibrateCommand {
    /// A playbook, for its infrastructure file and for what its steps were assumed to take
    #[arg(value_name = "PLAYBOOK", add = completions::playbooks())]
    playbook: Option<String>,
    #[command(flatten)]
    setting: PlaybookSetting,
    #[command(flatten)]
    reports: Reports,
    /// A run that is so much older than the newest weighs half as much [default: 180d]
    #[arg(long, value_name = "DURATION", value_parser = half_life)]
    half_life: Option<Period>,
    /// Write to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write nothing; exit 1 if the file is not as it would be written
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    form: Form,
}

fn half_life(text: &str) -> Result<Period, String> {
    let period = duration(text)?;
    if period.0.is_zero() { Err("write a duration above zero, such as 180d".to_owned()) } else { Ok(period) }
}

impl CalibrateCommand {
    pub(super) fn form(&self) -> OutputFormat {
        self.form.format
    }

    pub(super) fn runs(&self) -> Runs {
        self.reports.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let made = calibrate(&CalibrationRequest {
            playbook: self.playbook.as_ref().map(|playbook| self.setting.request(playbook, Reality::AsBound)),
            infrastructure: self.setting.infra.clone(),
            runs: self.reports.runs(),
            half_life: self.half_life.map_or(HALF_LIFE, |Period(half_life)| half_life),
            out: self.out.clone(),
            then: if self.check { Then::Compare } else { Then::Write },
        })?;
        for notice in &made.notices {
            output.complain(notice);
        }
        if output.json() {
            output.result(&calibration::json(&made.fitting));
        } else {
            output.result(&calibration::text(&made.fitting, &output.style()));
        }
        let path = made.path.display();
        match made.file {
            FileState::Written => output.say(&format!("wrote {path}")),
            FileState::Same => output.say(&format!("{path} is as it would be written")),
            FileState::Differs => output.complain(&format!("{path} is not as it would be written")),
            FileState::Nothing => output.complain("nothing was fitted, so nothing is written"),
        }
        Ok(if made.file == FileState::Differs { ExitCode::Failed } else { ExitCode::Passed })
    }
}
