//! `muster aws-policy`.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::arguments::PlaybookArguments;
use super::output::Output;
use crate::app::{AppError, Runs};
use crate::infrastructure::real::aws::policy::{For, needs};
use crate::model::ExitCode;
use crate::plan::Reality;

/// For whom a policy is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Whom {
    /// `muster plan`
    Plan,
    /// `muster run`
    Run,
}

/// Prints the least IAM policy that a playbook needs on AWS, for plan and run.
#[derive(Debug, Args)]
pub(super) struct AwsPolicy {
    #[command(flatten)]
    playbook: PlaybookArguments,
    /// Only for this
    #[arg(long = "for", value_enum, value_name = "WHAT")]
    whom: Option<Whom>,
}

impl AwsPolicy {
    #[expect(clippy::unused_self, reason = "every subcommand is asked alike")]
    pub(super) fn runs(&self) -> Runs {
        Runs::of(std::path::Path::new(super::arguments::REPORTS))
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let loaded = self.playbook.load(Reality::AsBound, output)?;
        let needs = needs(&loaded.plan).map_err(AppError::Usage)?;
        if needs.plan.is_empty() && needs.run.is_empty() {
            return Err(AppError::Usage("nothing in the infrastructure file is provided by `aws`".to_owned()));
        }
        let shown = match self.whom {
            Some(Whom::Plan) => json!(needs.documents(For::Plan)),
            Some(Whom::Run) => json!(needs.documents(For::Run)),
            None => json!({ "plan": needs.documents(For::Plan), "run": needs.documents(For::Run) }),
        };
        output.json_result(&shown);
        Ok(ExitCode::Passed)
    }
}
