//! `muster explain`.

use clap::Args;
use serde_json::json;

use super::arguments::OutputFormat;
use super::output::Output;
use crate::app::AppError;
use crate::diagnostic::explain::{self, Explanation};
use crate::model::ExitCode;
use crate::yaml::nearest;

/// How explanations are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum ExplainFormat {
    /// For people
    #[default]
    Text,
    /// One JSON document
    Json,
    /// The page of the documentation
    Markdown,
}

/// Explains codes of errors and warnings: what each means, an example that is wrong, and the same mended; without a code, lists
/// them.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The codes, such as M022
    #[arg(value_name = "CODE")]
    codes: Vec<String>,
    /// Explain every code
    #[arg(long, conflicts_with = "codes")]
    all: bool,
    /// How explanations are printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: ExplainFormat,
}

impl Explain {
    pub(super) fn form(&self) -> OutputFormat {
        if self.format == ExplainFormat::Json { OutputFormat::Json } else { OutputFormat::Text }
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let meant = self.meant()?;
        match self.format {
            ExplainFormat::Json => output.json_result(&json!(meant.iter().map(Explanation::json).collect::<Vec<_>>())),
            ExplainFormat::Markdown => output.result(&explain::page(&meant)),
            ExplainFormat::Text if self.codes.is_empty() && !self.all => {
                let line = |it: &Explanation| format!("{}  {:7}  {}\n", it.code.code, it.severity(), it.code.title);
                output.result(&meant.iter().map(line).collect::<String>());
            }
            ExplainFormat::Text => {
                let texts: Vec<String> = meant.iter().map(Explanation::text).collect();
                output.result(&texts.join("\n"));
            }
        }
        Ok(ExitCode::Passed)
    }

    fn meant(&self) -> Result<Vec<Explanation>, AppError> {
        if self.codes.is_empty() {
            return Ok(explain::all());
        }
        self.codes
            .iter()
            .map(|code| {
                let wanted = code.trim_matches(['[', ']', ':']).to_uppercase();
                explain::find(&wanted).ok_or_else(|| {
                    let known = explain::all().into_iter().map(|it| it.code.code);
                    let meant = nearest(&wanted, known).map_or_else(String::new, |it| format!("; did you mean {it}?"));
                    let code: String = code.chars().take(40).collect();
                    AppError::Usage(format!("there is no code `{code}`{meant}; `muster explain` lists them"))
                })
            })
            .collect()
    }
}
