//! `muster schema`.

use clap::{Args, ValueEnum};

use super::output::Output;
use crate::app::AppError;
use crate::model::ExitCode;

/// What has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Of {
    /// What `muster report --format json` prints
    Report,
}

/// Prints the JSON Schema (2020-12) of something that Muster reads or writes.
#[derive(Debug, Args)]
pub(super) struct SchemaCommand {
    /// Of what: report
    #[arg(value_enum, value_name = "WHAT", hide_possible_values = true)]
    of: Of,
}

impl SchemaCommand {
    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let Of::Report = self.of;
        output.result(&crate::report::json_schema());
        Ok(ExitCode::Passed)
    }
}
