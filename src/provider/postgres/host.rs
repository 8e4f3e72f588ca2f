//! Programs that are run where a server lives.

use std::path::Path;

use super::Postgres;
use crate::id::RegionRole;
use crate::resource::{CommandLine, Context, Finished, ProcessError, ProviderError};

/// Of each output so much is kept, in bytes: the listing of a log is the longest.
const OUTPUT_MAX: usize = 32 << 20;
/// What `pg_ctl status` exits with where no server runs.
const NOT_RUNNING: i32 = 3;
/// What `ssh` exits with if it did not get through or was cut off: what it was to run may run, or not.
const SSH_FAILED: i32 = 255;

/// What to run, as the infrastructure file names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Program<'a> {
    pub(super) name: &'static str,
    pub(super) argv: &'a [String],
}

impl Program<'_> {
    /// An error if the infrastructure file has none.
    pub(super) fn needed(self, it: &Postgres, region: RegionRole) -> Result<Self, ProviderError> {
        if self.argv.is_empty() {
            return Err(ProviderError::Unsupported(format!(
                "{} needs `host_commands: {{ {}: [...] }}` of its {region} region in the infrastructure file",
                it.id, self.name
            )));
        }
        Ok(self)
    }
}

/// `argv` with each `{key}` replaced by its value. A `{…}` that is nobody's key stays: it may be the program's own.
fn filled(argv: &[String], values: &[(&str, &str)]) -> Vec<String> {
    let fill = |word: &String| {
        values.iter().fold(word.clone(), |word, (key, value)| word.replace(&format!("{{{key}}}"), value))
    };
    argv.iter().map(fill).collect()
}

/// Whether a program runs others on another machine.
fn is_ssh(argv: &[String]) -> bool {
    argv.first().is_some_and(|program| Path::new(program).file_name().is_some_and(|name| name == "ssh"))
}

/// Runs a program to its end, whatever its exit code. [`ProviderError::Unreachable`] says that it did not end in time, or
/// that `ssh` was cut off from it: it may still run there.
async fn run(
    it: &Postgres,
    cx: &Context,
    program: Program<'_>,
    values: &[(&str, &str)],
) -> Result<Finished, ProviderError> {
    let line = CommandLine {
        argv: filled(program.argv, values),
        env: Vec::new(),
        folder: None,
        timeout: it.link.settings.command_timeout.0,
        output_limit: OUTPUT_MAX,
        input: None,
    };
    let finished = it.processes.run(cx, &line).await.map_err(|error| match error {
        ProcessError::NotStarted { .. } => ProviderError::Refused(format!("`{}`: {error}", program.name)),
        ProcessError::TimedOut(_) => ProviderError::Unreachable(format!("`{}`: {error}", program.name)),
        ProcessError::Cancelled => ProviderError::Cancelled,
    })?;
    if is_ssh(program.argv) && finished.code == Some(SSH_FAILED) {
        return Err(ProviderError::Unreachable(format!("`{}` by ssh {}", program.name, failure(&finished))));
    }
    Ok(finished)
}

/// Runs a program that only looks and must exit with 0.
pub(super) async fn succeed(
    it: &Postgres,
    cx: &Context,
    program: Program<'_>,
    values: &[(&str, &str)],
) -> Result<Finished, ProviderError> {
    let finished = run(it, cx, program, values).await?;
    if finished.code == Some(0) {
        return Ok(finished);
    }
    Err(ProviderError::Refused(format!("`{}` {}", program.name, failure(&finished))))
}

/// Runs a program that changes something where `region`'s server lives. Inside: how it failed, if it came to its own end
/// and failed.
///
/// # Errors
/// [`ProviderError::Halfway`] if whether it still runs is not known: nothing else may be begun there then;
/// [`ProviderError::Refused`] if it never started.
pub(super) async fn change(
    it: &Postgres,
    cx: &Context,
    region: RegionRole,
    program: Program<'_>,
    values: &[(&str, &str)],
) -> Result<Result<(), String>, ProviderError> {
    let name = program.name;
    let in_doubt = |why: String| {
        ProviderError::Halfway(format!(
            "{why}: whether `{name}` still runs where the server in {region} lives is not known; look for it among the \
             processes there, and end it before this is tried again"
        ))
    };
    match run(it, cx, program, values).await {
        Ok(finished) if finished.code == Some(0) => Ok(Ok(())),
        // Who was ended by a signal may have been the one that waited for it, here.
        Ok(finished) if finished.code.is_none() => Err(in_doubt(format!("`{name}` {}", failure(&finished)))),
        Ok(finished) => Ok(Err(format!("`{name}` {}", failure(&finished)))),
        Err(ProviderError::Unreachable(why)) => Err(in_doubt(why)),
        Err(error) => Err(error),
    }
}

/// `exited with 1: the last line of what it said`.
pub(super) fn failure(finished: &Finished) -> String {
    let how = finished.code.map_or_else(|| "was ended by a signal".to_owned(), |code| format!("exited with {code}"));
    let said = [&finished.stderr, &finished.stdout].into_iter().find_map(|text| text.trim().lines().last());
    match said {
        Some(last) => format!("{how}: {}", last.chars().take(300).collect::<String>()),
        None => how,
    }
}

/// Whether `region`'s server runs.
pub(super) async fn runs(it: &Postgres, cx: &Context, region: RegionRole) -> Result<bool, ProviderError> {
    let status = Program { name: "status", argv: &it.server(region).host_commands.status }.needed(it, region)?;
    let finished = run(it, cx, status, &[]).await?;
    match finished.code {
        Some(0) => Ok(true),
        Some(NOT_RUNNING) => Ok(false),
        _ => Err(ProviderError::Refused(format!("whether it runs can't be told: `status` {}", failure(&finished)))),
    }
}

#[cfg(test)]
mod tests {
    use super::{filled, is_ssh};

    #[test]
    fn who_runs_programs_elsewhere_is_told_by_its_name() {
        let argv = |program: &str| vec![program.to_owned(), "db1".to_owned()];
        assert!(is_ssh(&argv("ssh")) && is_ssh(&argv("/usr/bin/ssh")));
        assert!(!is_ssh(&argv("sh")) && !is_ssh(&argv("/opt/ssh/run")) && !is_ssh(&[]));
    }

    #[test]
    fn what_is_known_only_then_is_filled_in() {
        let argv = ["pg_rewind", "--source-server={source}", "{other}"].map(str::to_owned);
        assert_eq!(filled(&argv, &[("source", "host=a b")]), ["pg_rewind", "--source-server=host=a b", "{other}"]);
    }
}
