//! Programs that an infrastructure file names, run where something lives: on this machine, or there through a prefix
//! such as `ssh HOST`.
//!
//! May rely on `resource`; must never start a program but through `Processes`, which end with the run.

mod mark;

use std::sync::Arc;

pub use mark::MarkFile;

use crate::resource::{CommandLine, Context, Finished, ProcessError, Processes, ProviderError};
use crate::time::Span;

/// What `ssh` exits with if it could not reach the host, or was cut off from it.
const SSH_FAILED: i32 = 255;

/// Runs programs for a provider.
#[derive(Clone)]
pub struct Host {
    processes: Arc<dyn Processes>,
}

impl Host {
    /// One that runs them by `processes`.
    #[must_use]
    pub fn new(processes: Arc<dyn Processes>) -> Self {
        Self { processes }
    }

    /// Runs a program to its end; at most `output_limit` bytes are kept of each output.
    ///
    /// # Errors
    /// If it gave no result: then [`ProviderError::Refused`] says that it did not start, [`ProviderError::Unreachable`]
    /// that it did not end in time or that `ssh` did not get through.
    pub async fn run(
        &self,
        cx: &Context,
        argv: &[String],
        timeout: Span,
        output_limit: usize,
    ) -> Result<Finished, ProviderError> {
        self.run_with(cx, argv, &[], timeout, output_limit).await
    }

    /// The same, with additions to its environment.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_with(
        &self,
        cx: &Context,
        argv: &[String],
        env: &[(String, String)],
        timeout: Span,
        output_limit: usize,
    ) -> Result<Finished, ProviderError> {
        let line =
            CommandLine { argv: argv.to_vec(), env: env.to_vec(), folder: None, timeout, output_limit, input: None };
        self.run_line(cx, &line).await
    }

    /// The same, with `input` on its standard input.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_fed(
        &self,
        cx: &Context,
        argv: &[String],
        input: String,
        timeout: Span,
        output_limit: usize,
    ) -> Result<Finished, ProviderError> {
        let (argv, input) = (argv.to_vec(), Some(input));
        let line = CommandLine { argv, env: Vec::new(), folder: None, timeout, output_limit, input };
        self.run_line(cx, &line).await
    }

    async fn run_line(&self, cx: &Context, line: &CommandLine) -> Result<Finished, ProviderError> {
        let argv = &line.argv;
        let finished = self.processes.run(cx, line).await.map_err(|error| match error {
            ProcessError::NotStarted { .. } => ProviderError::Refused(error.to_string()),
            ProcessError::TimedOut(_) => ProviderError::Unreachable(format!("`{}` {error}", short(argv))),
            ProcessError::Cancelled => ProviderError::Cancelled,
        })?;
        let by_ssh = argv.first().is_some_and(|program| program == "ssh" || program.ends_with("/ssh"));
        if by_ssh && finished.code == Some(SSH_FAILED) {
            return Err(ProviderError::Unreachable(format!("`{}`: {}", short(argv), last_line(&finished.stderr))));
        }
        Ok(finished)
    }
}

/// A command line as people are told of it: its start, on one line.
#[must_use]
pub fn short(argv: &[String]) -> String {
    const MOST: usize = 100;
    let line = argv.join(" ").replace('\n', " ");
    if line.chars().count() <= MOST { line } else { line.chars().take(MOST).chain(['…']).collect() }
}

/// How a program that failed said so: its exit code and its last words.
#[must_use]
pub fn failure(argv: &[String], finished: &Finished) -> String {
    let end = finished.code.map_or_else(|| "was ended by a signal".to_owned(), |code| format!("exited with {code}"));
    let said = last_line(if finished.stderr.trim().is_empty() { &finished.stdout } else { &finished.stderr });
    if said.is_empty() { format!("`{}` {end}", short(argv)) } else { format!("`{}` {end}: {said}", short(argv)) }
}

/// The last line that says something.
#[must_use]
pub fn last_line(text: &str) -> &str {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

/// A word as a shell reads it back, whatever is in it.
#[must_use]
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
