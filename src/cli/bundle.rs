//! `muster bundle`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::arguments::{Form, OutputFormat, Reports};
use super::completions;
use super::output::Output;
use crate::app::{AppError, BundleOf, BundleRequest, Runs, bundle};
use crate::calendar::Quarter;
use crate::model::ExitCode;

/// Packs all evidence of a run, or of all runs of a quarter, into one tar: the same runs, the same bytes.
#[derive(Debug, Args)]
pub(super) struct BundleCommand {
    /// The run, by its id or the path of its folder
    #[arg(value_name = "RUN", add = completions::runs(), required_unless_present = "quarter", conflicts_with = "quarter")]
    run: Option<String>,
    /// All runs that began in this quarter (UTC), with a table of what they cover: 2026-Q4
    #[arg(long, value_name = "QUARTER")]
    quarter: Option<Quarter>,
    /// Sign its manifest with this ed25519 key in OpenSSH's form, so that ssh-keygen -Y verify checks it
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,
    /// The file to write [default: RUN.tar or muster-QUARTER.tar, here]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    reports: Reports,
    #[command(flatten)]
    form: Form,
}

impl BundleCommand {
    pub(super) fn form(&self) -> OutputFormat {
        self.form.format
    }

    pub(super) fn runs(&self) -> Runs {
        self.reports.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let of = match (&self.run, self.quarter) {
            (_, Some(quarter)) => BundleOf::Quarter(quarter),
            (Some(run), None) => BundleOf::Run(run.clone()),
            (None, None) => return Err(AppError::Usage("say which run, or --quarter".to_owned())),
        };
        let request = BundleRequest { runs: self.runs(), of, key: self.sign.clone(), out: self.out.clone() };
        let bundled = bundle(request)?;
        for notice in &bundled.notices {
            output.say(notice);
        }
        if output.json() {
            output.json_result(&json!({
                "bundle": bundled.path.display().to_string(), "sha256": bundled.sha256, "bytes": bundled.bytes,
                "runs": bundled.runs, "signed": bundled.signed,
            }));
        } else {
            let runs =
                if bundled.runs.len() == 1 { "1 run".to_owned() } else { format!("{} runs", bundled.runs.len()) };
            let signed = if bundled.signed { "signed" } else { "not signed" };
            output.result(&format!(
                "{}: {runs}, {} bytes, {signed}\nSHA-256  {}",
                bundled.path.display(),
                bundled.bytes,
                bundled.sha256
            ));
        }
        Ok(ExitCode::Passed)
    }
}
