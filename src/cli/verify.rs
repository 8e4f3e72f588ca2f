//! `muster verify`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::arguments::{Form, OutputFormat, Reports};
use super::completions;
use super::output::Output;
use crate::app::{
    AppError, Checked, Followed, Runs, Unheld, VerifiedBundle, is_bundle, read_signers, verify, verify_bundle,
};
use crate::model::ExitCode;

/// Checks the chain of a run's journal (every record is there, in order, and none was changed) and its files of evidence; or
/// all of a bundle: its manifest and signature too, and that its reports follow from its journals.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// A run's id, or the path of its folder, its journal or a bundle
    #[arg(value_name = "RUN-or-FILE", add = completions::runs())]
    run: String,
    /// Demand that a bundle is signed by one of these keys: a public key, or an `allowed_signers` file
    #[arg(long, value_name = "FILE")]
    signer: Option<PathBuf>,
    #[command(flatten)]
    reports: Reports,
    #[command(flatten)]
    form: Form,
}

impl Verify {
    pub(super) fn form(&self) -> OutputFormat {
        self.form.format
    }

    pub(super) fn runs(&self) -> Runs {
        self.reports.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let named = Path::new(&self.run);
        if is_bundle(named) {
            return self.bundle(named, output);
        }
        if self.signer.is_some() {
            return Err(AppError::Usage(format!("--signer is for bundles, and {} is none", self.run)));
        }
        let (path, checked) = verify(&self.reports.reports, &self.run)?;
        let (exit, text) = match &checked {
            Checked::Whole { lines, head, finished, added, evidence } => {
                let finished = finished
                    .as_ref()
                    .map_or_else(|| "the run has not ended".to_owned(), |head| format!("head at the run's end {head}"));
                let evidence = match evidence {
                    0 => String::new(),
                    1 => ", 1 file of evidence as it was given".to_owned(),
                    many => format!(", {many} files of evidence as they were given"),
                };
                let added = match added {
                    0 => String::new(),
                    1 => ", 1 record added after that".to_owned(),
                    many => format!(", {many} records added after that"),
                };
                let path = path.display();
                let whole = format!("{path}: whole, {lines} records, head {head}, {finished}{added}{evidence}");
                (ExitCode::Passed, whole)
            }
            Checked::Damaged(damage) => (ExitCode::Failed, format!("{}: damaged: {damage}", path.display())),
            Checked::Disagrees(what) => (ExitCode::Failed, format!("{}: {what}", path.display())),
        };
        if output.json() {
            output.json_result(&json!({
                "journal": path.display().to_string(), "whole": exit == ExitCode::Passed, "text": text,
            }));
        } else {
            output.result(&text);
        }
        Ok(exit)
    }

    fn bundle(&self, path: &Path, output: &Output) -> Result<ExitCode, AppError> {
        let signers = self.signer.as_deref().map(read_signers).transpose()?;
        let (exit, text, not_checked): (_, _, Vec<String>) = match verify_bundle(path, signers.as_ref())? {
            Ok(bundle) if unheld(&bundle).is_empty() => (ExitCode::Passed, whole(path, &bundle), Vec::new()),
            // Nobody is told that all is well on the word of files that could not be held against anything.
            Ok(bundle) => {
                let files = unheld(&bundle).iter().map(|it| it.file.clone()).collect();
                (ExitCode::Failed, whole(path, &bundle), files)
            }
            Err(why) => (ExitCode::Failed, format!("{}: does not hold: {why}", path.display()), Vec::new()),
        };
        if output.json() {
            output.json_result(&json!({
                "bundle": path.display().to_string(), "whole": exit == ExitCode::Passed, "not_checked": not_checked,
                "text": text,
            }));
        } else {
            output.result(&text);
        }
        Ok(exit)
    }
}

/// Files that could not be held against the journals and are named, at most.
const UNHELD_MAX: usize = 20;

/// The files of a bundle that could not be held against its journals.
fn unheld(bundle: &VerifiedBundle) -> &[Unheld] {
    match &bundle.followed {
        Followed::ByteForByte => &[],
        Followed::FigureByFigure { unheld, .. } => unheld,
    }
}

/// What is said of a bundle that holds.
fn whole(path: &Path, bundle: &VerifiedBundle) -> String {
    let followed = match &bundle.followed {
        Followed::ByteForByte => "drawn again from the journal, every report is the same, byte for byte".to_owned(),
        Followed::FigureByFigure { muster, unheld } if unheld.is_empty() => format!(
            "Muster {muster} drew the reports; every figure in them is what this Muster draws from the journal. Their other \
             words were not compared"
        ),
        Followed::FigureByFigure { muster, unheld } => {
            let mut text = format!(
                "Muster {muster} drew the reports; it can't be told of these whether they follow from the journal. Muster \
                 {muster} can tell"
            );
            for it in unheld.iter().take(UNHELD_MAX) {
                let _ = write!(text, "\n  not checked: {}: {}", it.file, it.why);
            }
            if unheld.len() > UNHELD_MAX {
                let _ = write!(text, "\n  not checked: {} more", unheld.len() - UNHELD_MAX);
            }
            text
        }
    };
    let judged = if unheld(bundle).is_empty() { "whole" } else { "not wholly checked" };
    let signed = bundle.signed.as_ref().map_or_else(
        || "not signed: who made it is not shown".to_owned(),
        |signed| format!("signed by the ed25519 key {}", signed.fingerprint),
    );
    let mut text = format!(
        "{}: {judged}, {} files as the manifest has them\nsignature  {signed}\nreports    {followed}\nSHA-256    {}",
        path.display(),
        bundle.files,
        bundle.sha256
    );
    for record in &bundle.records {
        let header = &record.header;
        let stamp = if header.simulated.is_stamped() { ", simulated: no evidence of a real failover" } else { "" };
        let ended = header.heads.finished.as_deref().unwrap_or("the run has no end");
        let _ = write!(
            text,
            "\n{}: {}{stamp}\n  head when the run finished  {ended}\n  head of the last line       {}",
            header.run, record.ended.verdict, header.heads.last
        );
    }
    text
}
