//! Programs that a step runs.

use async_trait::async_trait;

use super::Context;
use crate::time::Span;

/// A program and what it is given; never a shell's string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Environment variables added to Muster's own.
    pub env: Vec<(String, String)>,
    /// The folder to run in; Muster's own if `None`.
    pub folder: Option<String>,
    /// After this long its whole process group is ended.
    pub timeout: Span,
    /// The most that is kept of each output, in bytes; the rest is read and counted only.
    pub output_limit: usize,
    /// What it finds on its standard input; `None`: nothing, at its end from the start.
    pub input: Option<String>,
}

/// A program that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The start of its standard output.
    pub stdout: String,
    /// The start of its standard error.
    pub stderr: String,
    /// How many bytes it wrote in all.
    pub bytes: u64,
}

/// Why a program gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started: nothing happened.
    #[error("`{program}` could not be started: {why}")]
    NotStarted {
        /// The program.
        program: String,
        /// The operating system's reason.
        why: String,
    },
    /// It ran out of time and its process group was ended: what it did is not known.
    #[error("did not end within {0}; its whole process group was ended")]
    TimedOut(Span),
    /// The run asked it to end: what it did is not known.
    #[error("was ended because the run was stopped")]
    Cancelled,
}

/// Runs programs.
#[async_trait]
pub trait Processes: Send + Sync {
    /// Runs `command` to its end; its whole process group ends with its timeout or cancellation.
    async fn run(&self, cx: &Context, command: &CommandLine) -> Result<Finished, ProcessError>;
}
