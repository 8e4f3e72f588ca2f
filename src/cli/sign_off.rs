//! `muster sign-off`.

use clap::Args;

use super::arguments::OutputFormat;
use super::completions;
use super::output::Output;
use super::review::Reviewing;
use crate::app::{Addition, AppError, Runs};
use crate::model::ExitCode;

/// Signs a run off that has ended: who, in which role, when, over the head of its chain.
#[derive(Debug, Args)]
pub(super) struct SignOff {
    /// The run, by its id or the path of its folder
    #[arg(value_name = "RUN", add = completions::runs())]
    run: String,
    /// In which role: reviewer, head of operations, …
    #[arg(long = "as", value_name = "ROLE")]
    role: Option<String>,
    /// What there is to be said
    #[arg(long, value_name = "TEXT")]
    remark: Option<String>,
    #[command(flatten)]
    reviewing: Reviewing,
}

impl SignOff {
    pub(super) fn form(&self) -> OutputFormat {
        self.reviewing.form()
    }

    pub(super) fn runs(&self) -> Runs {
        self.reviewing.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        if self.reviewing.by.is_none() {
            return Err(AppError::Usage("say who signs it off: --by NAME".to_owned()));
        }
        let what = Addition::SignOff { role: self.role.clone(), remark: self.remark.clone() };
        self.reviewing.add(&self.run, what, output)
    }
}
