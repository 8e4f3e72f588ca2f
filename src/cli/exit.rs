//! Exit codes: the numbers stand in [`crate::model::ExitCode`], their meaning for people here.

use crate::model::ExitCode;

/// What `--help` says of them.
pub(super) const HELP: &str = "\
Exit codes:
   0  passed (validate, plan, verify: nothing is wrong)
   1  failed: a step or an objective failed, or a report could not be written; the world is home again
   2  usage, or invalid input; nothing was touched
   3  refused: no --execute, a run going on, a window, a precheck, …; nothing was changed
   4  aborted by a person or a guardrail; the world is home again
   5  needs a person: held in the secondary, or something is left that could not be taken back
  70  a defect in Muster";

/// The codes and what they mean, as [`HELP`] says it.
pub(super) fn codes() -> impl Iterator<Item = (String, String)> {
    let lines = HELP.lines().filter_map(|line| line.trim_start().split_once("  "));
    lines.map(|(code, meaning)| (code.to_owned(), meaning.trim().to_owned()))
}

/// The process's exit code.
pub(super) fn code(code: ExitCode) -> std::process::ExitCode {
    std::process::ExitCode::from(u8::from(code))
}

/// `--help` and `--version` are answers; everything else that clap says is a usage error.
pub(super) fn of_usage(error: &clap::Error) -> std::process::ExitCode {
    let _ = error.print();
    code(if error.use_stderr() { ExitCode::Usage } else { ExitCode::Passed })
}
