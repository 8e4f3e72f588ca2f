//! `muster serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::arguments::{OutputFormat, Reports};
use super::output::Output;
use crate::app::{AppError, Runs, read_document};
use crate::model::ExitCode;
use crate::server::config::{Config, ConfigError, Over};
use crate::server::{ServeRequest, Served, Until, serve};

/// Runs drills when they are due, tells people, and answers monitoring.
#[derive(Debug, Args)]
pub(super) struct ServeCommand {
    /// Playbooks, or folders that have some, in place of the configuration's
    #[arg(value_name = "PATH")]
    playbooks: Vec<PathBuf>,
    /// Who is told of what, and the like: see docs/serve.md
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// Where HTTP is listened on; other than loopback only with a token [default: 127.0.0.1:8465]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// A file with the token that those who ask must know
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Run what is due now, tell people, and end, with 1 if a drill did not pass or could not begin; nothing is listened on
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    reports: Reports,
}

impl ServeCommand {
    #[expect(clippy::unused_self, reason = "as every subcommand has it")]
    pub(super) fn form(&self) -> OutputFormat {
        OutputFormat::Text
    }

    pub(super) fn runs(&self) -> Runs {
        self.reports.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let over = Over { playbooks: self.playbooks.clone(), listen: self.listen, token: self.token_file.clone() };
        let bytes = match &self.config {
            None => None,
            Some(path) => Some((
                path.as_str(),
                read_document(path).map_err(|why| AppError::Usage(format!("{path} can't be read: {why}")))?,
            )),
        };
        let file = bytes.as_ref().map(|(path, bytes)| (*path, bytes.as_slice()));
        let config = Config::read(file, over).map_err(|error| match error {
            ConfigError::Invalid(diagnostics, sources) => AppError::Invalid { diagnostics, sources },
            ConfigError::Usage(why) => AppError::Usage(why),
        })?;
        let program =
            std::env::current_exe().map_err(|error| AppError::Defect(format!("Muster can't find itself: {error}")))?;
        let said = output.clone();
        let until = if self.once { Until::Done } else { Until::Told };
        let served = serve(ServeRequest {
            config,
            runs: self.reports.runs(),
            until,
            program,
            say: Box::new(move |text| said.complain(text)),
        })?;
        // A daemon that is told to end has done what it was there for, whatever its drills found.
        Ok(if self.once && served == Served::NotAllPassed { ExitCode::Failed } else { ExitCode::Passed })
    }
}
