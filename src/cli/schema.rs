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

/// Prints what a playbook or an infrastructure file may say, key by key: description, default, example
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
    #[expect(clippy::unnecessary_wraps, reason = "every subcommand runs in the same way")]
    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let of = match self.of {
            Of::Playbook => Document::Playbook,
            Of::Infrastructure => Document::Infrastructure,
        };
        match self.format {
            SchemaFormat::Json => output.json_result(&schema(of)),
            SchemaFormat::Markdown => output.result(&page(of)),
        }
        Ok(ExitCode::Passed)
    }
}
