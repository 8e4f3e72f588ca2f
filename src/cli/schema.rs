//! `muster schema`.

use clap::{Args, ValueEnum};

use super::output::Output;
use crate::app::AppError;
use crate::model::ExitCode;
use crate::schema::{Document, page, schema};

/// What is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Of {
    /// Playbooks
    Playbook,
    /// Infrastructure files
    Infrastructure,
    /// What `muster report --format json` prints, and templates are filled with
    Report,
}

/// How it is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum SchemaFormat {
    /// A JSON Schema (2020-12), for editors and other programs
    #[default]
    Json,
    /// The reference for people
    Markdown,
}

/// Prints what a playbook, an infrastructure file or a report may say, key by key: description, default, example
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// What is described
    #[arg(value_name = "DOCUMENT")]
    of: Of,
    /// How it is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: SchemaFormat,
}

impl Schema {
    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let of = match self.of {
            Of::Playbook => Document::Playbook,
            Of::Infrastructure => Document::Infrastructure,
            Of::Report if self.format == SchemaFormat::Json => {
                output.result(&crate::report::json_schema());
                return Ok(ExitCode::Passed);
            }
            Of::Report => {
                let why = "the report is described by a JSON Schema alone; docs/reports.md tells of it";
                return Err(AppError::Usage(why.to_owned()));
            }
        };
        match self.format {
            SchemaFormat::Json => output.json_result(&schema(of)),
            SchemaFormat::Markdown => output.result(&page(of)),
        }
        Ok(ExitCode::Passed)
    }
}
