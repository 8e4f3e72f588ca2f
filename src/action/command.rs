//! `command`: a program, the program that tells whether it is done, and the program that takes it back.

use async_trait::async_trait;

use super::http::reveal;
use super::look::Pace;
use super::{ActError, Applied, Perform, Tools};
use crate::catalogue::{Achieved, Before, Command, CommandExpect, Describe, Evidence, Undo};
use crate::model::Happened;
use crate::resource::{CommandLine, Context, Finished, ProcessError};
use crate::time::Span;

/// The most that is kept of each output, in bytes.
const OUTPUT_LIMIT: usize = 64 * 1024;
/// The most of it that is evidence, in bytes.
const EVIDENCE_LIMIT: usize = 2 * 1024;
/// How long one look may take.
const OBSERVE_AT_MOST: Span = Span::from_secs(60);

/// The start of `text`, cut where a character ends.
fn start(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

fn evidence(tools: &Tools, seen: &Finished) -> Evidence {
    let mut evidence = Evidence::new();
    let code = seen.code.map_or_else(|| "none, ended by a signal".to_owned(), |code| code.to_string());
    evidence.insert("exit code".to_owned(), code);
    // Redacted whole, then cut: half a secret would not be found.
    let output = tools.secrets.redact(&seen.stdout);
    if !output.trim().is_empty() {
        evidence.insert("output".to_owned(), start(output.trim_end(), EVIDENCE_LIMIT).to_owned());
    }
    if seen.bytes > OUTPUT_LIMIT as u64 {
        let all = format!("{} bytes, of which the start is kept", seen.bytes);
        evidence.insert("output in all".to_owned(), all);
    }
    evidence
}

/// What is otherwise than expected, without secrets. They are taken out before the quotes in it are cut: half a secret
/// would not be found.
fn otherwise(tools: &Tools, expect: &CommandExpect, seen: &Finished) -> Option<String> {
    let what = expect.judge(seen)?;
    let redact = |text: &str| tools.secrets.redact(text);
    let clean = Finished { stdout: redact(&seen.stdout), stderr: redact(&seen.stderr), ..seen.clone() };
    Some(redact(&expect.judge(&clean).unwrap_or(what)))
}

impl Command {
    /// The command line of `argv`, with this step's environment and folder.
    fn line(&self, tools: &Tools, argv: &[String], timeout: Span) -> Result<CommandLine, ActError> {
        let mut env = Vec::with_capacity(self.env.len());
        for (name, value) in &self.env {
            env.push((name.clone(), reveal(tools, value)?));
        }
        Ok(CommandLine {
            argv: argv.to_vec(),
            env,
            folder: self.folder.clone(),
            timeout,
            output_limit: OUTPUT_LIMIT,
            input: None,
        })
    }

    /// What `observe` says.
    async fn observed(&self, tools: &Tools, cx: &Context) -> Achieved {
        if self.observe.is_empty() {
            return Achieved::No("nothing tells whether it is done".to_owned());
        }
        let program = self.observe.join(" ");
        let line = match self.line(tools, &self.observe, OBSERVE_AT_MOST.min(tools.timeout(cx, self))) {
            Ok(line) => line,
            Err(error) => return Achieved::Unknown(error.what),
        };
        match tools.resources.processes.run(cx, &line).await {
            Ok(Finished { code: Some(0), .. }) => Achieved::Yes,
            Ok(Finished { code: Some(1), .. }) => Achieved::No(format!("`{program}` says that it is not done")),
            Ok(seen) => {
                let said = otherwise(tools, &CommandExpect::default(), &seen).unwrap_or_default();
                Achieved::Unknown(tools.secrets.redact(&format!("`{program}` {said}")))
            }
            Err(error) => Achieved::Unknown(format!("`{program}`: {error}")),
        }
    }

    /// Whether it happened, by `observe`; `else_` if there is none.
    async fn happened(&self, tools: &Tools, cx: &Context, else_: Happened) -> Happened {
        // Asked to end, a look would be ended too: the engine looks again later.
        if self.observe.is_empty() || cx.cancel.is_cancelled() {
            return else_;
        }
        match self.observed(tools, cx).await {
            Achieved::Yes => Happened::Yes,
            Achieved::No(_) => Happened::No,
            Achieved::Unknown(_) => Happened::Unknown,
        }
    }

    /// The error of a program that ended otherwise than expected.
    async fn unexpected(&self, tools: &Tools, cx: &Context, seen: &Finished, what: &str) -> ActError {
        let by_itself = match seen.code {
            // It did its work, and said something else about it than was expected.
            Some(0) => Happened::Yes,
            // Its own word that it did not.
            Some(_) => Happened::No,
            None => Happened::Unknown,
        };
        let happened = self.happened(tools, cx, by_itself).await;
        let what = tools.secrets.redact(&format!("`{}` {what}", self.argv.join(" ")));
        ActError::new(what, happened).with(evidence(tools, seen))
    }
}

#[async_trait]
impl Perform for Command {
    async fn apply(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Applied, ActError> {
        let line = self.line(tools, &self.argv, tools.timeout(cx, self))?;
        match tools.resources.processes.run(cx, &line).await {
            Ok(seen) => match otherwise(tools, &self.expect, &seen) {
                None => Ok(Applied::showing(evidence(tools, &seen))),
                Some(what) => Err(self.unexpected(tools, cx, &seen, &what).await),
            },
            Err(error @ ProcessError::NotStarted { .. }) => Err(ActError::refused(error.to_string())),
            Err(error) => {
                let happened = self.happened(tools, cx, Happened::Unknown).await;
                Err(ActError::new(format!("`{}` {error}", self.argv.join(" ")), happened))
            }
        }
    }

    async fn achieved(&self, tools: &Tools, cx: &Context) -> Achieved {
        self.observed(tools, cx).await
    }

    async fn undo(&self, tools: &Tools, cx: &Context, _before: &Before) -> Result<Evidence, ActError> {
        if self.undo.is_empty() {
            let Undo::Irreversible(stays) = Describe::undo(self) else { return Ok(Evidence::new()) };
            return Err(ActError::refused(format!("it can't be taken back: {stays}")));
        }
        let program = self.undo.join(" ");
        let line = self.line(tools, &self.undo, tools.timeout(cx, self))?;
        let seen = tools.resources.processes.run(cx, &line).await.map_err(|error| {
            let what = format!("the undo `{program}`: {error}");
            if matches!(error, ProcessError::NotStarted { .. }) {
                ActError::refused(what)
            } else {
                ActError::in_doubt(what)
            }
        })?;
        let evidence = evidence(tools, &seen);
        if let Some(what) = otherwise(tools, &CommandExpect::default(), &seen) {
            let what = tools.secrets.redact(&format!("the undo `{program}` {what}"));
            return Err(ActError::refused(what).with(evidence));
        }
        let mut pace = Pace::quick();
        while !self.observe.is_empty() {
            let last = match self.observed(tools, cx).await {
                Achieved::No(_) => break,
                Achieved::Yes => format!("`{}` says that it is still done", self.observe.join(" ")),
                Achieved::Unknown(why) => why,
            };
            if let Err(stop) = pace.rest(cx).await {
                let what = format!("the undo `{program}` ended well, but {last} ({stop})");
                return Err(ActError::in_doubt(what).with(evidence));
            }
        }
        Ok(evidence)
    }
}
