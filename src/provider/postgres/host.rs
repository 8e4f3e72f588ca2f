//! Programs that are run where a server lives.

use super::Postgres;
use crate::id::RegionRole;
use crate::resource::{CommandLine, Context, Finished, ProcessError, ProviderError};

/// Of each output so much is kept, in bytes: the listing of a log is the longest.
const OUTPUT_MAX: usize = 32 << 20;
/// What `pg_ctl status` exits with where no server runs.
const NOT_RUNNING: i32 = 3;

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

/// Runs a program to its end, whatever its exit code.
pub(super) async fn run(
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
    it.processes.run(cx, &line).await.map_err(|error| match error {
        ProcessError::NotStarted { .. } => ProviderError::Refused(format!("`{}`: {error}", program.name)),
        ProcessError::TimedOut(_) => ProviderError::Unreachable(format!("`{}`: {error}", program.name)),
        ProcessError::Cancelled => ProviderError::Cancelled,
    })
}

/// Runs a program that must exit with 0.
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
    use super::filled;

    #[test]
    fn what_is_known_only_then_is_filled_in() {
        let argv = ["pg_rewind", "--source-server={source}", "{other}"].map(str::to_owned);
        assert_eq!(filled(&argv, &[("source", "host=a b")]), ["pg_rewind", "--source-server=host=a b", "{other}"]);
    }
}
