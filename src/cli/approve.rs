//! `muster approve`.

use std::path::PathBuf;

use clap::Args;

use super::arguments::OutputFormat;
use super::output::Output;
use super::remote::RemoteStep;
use crate::app::{AppError, Runs, vote};
use crate::model::{Command, ExitCode};
use crate::resource::{Decision, Exhibit};

/// Approves a step that asks for it, or says that what is to be done by hand is done.
#[derive(Debug, Args)]
pub(super) struct Approve {
    #[command(flatten)]
    remote: RemoteStep,
    /// Why; it stands in the journal and the report
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
    /// Words as evidence
    #[arg(long, value_name = "TEXT", value_parser = text)]
    evidence_text: Vec<Exhibit>,
    /// A file as evidence, of at most 16 MiB; a copy is kept in the run's folder
    #[arg(long, value_name = "PATH")]
    evidence_file: Vec<PathBuf>,
    /// A web address as evidence; what is behind it is not read
    #[arg(long, value_name = "URL", value_parser = link)]
    evidence_link: Vec<Exhibit>,
}

/// The most pieces of evidence that one answer has.
const EVIDENCE_MAX: usize = 16;

fn text(text: &str) -> Result<Exhibit, String> {
    Exhibit::text(text)
}

fn link(address: &str) -> Result<Exhibit, String> {
    Exhibit::link(address)
}

impl Approve {
    pub(super) fn form(&self) -> OutputFormat {
        self.remote.form()
    }

    pub(super) fn runs(&self) -> Runs {
        self.remote.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let evidence: Vec<Exhibit> = self.evidence_text.iter().chain(&self.evidence_link).cloned().collect();
        if evidence.len() + self.evidence_file.len() > EVIDENCE_MAX {
            return Err(AppError::Usage(format!("an answer has at most {EVIDENCE_MAX} pieces of evidence")));
        }
        let answer = vote(Decision::Approved, self.because.clone(), evidence);
        let command = Command::Vote { step: self.remote.step(), answer };
        self.remote.tell(command, self.evidence_file.clone(), output)
    }
}
