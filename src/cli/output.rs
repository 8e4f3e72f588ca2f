//! The one place that prints.

use std::io::{IsTerminal, Write};

use serde_json::json;

use super::arguments::{ColorWhen, Common, OutputFormat};
use crate::app::AppError;
use crate::diagnostic::{Color, Diagnostic, Sources, render_json, render_text};
use crate::model::ExitCode;
use crate::report::{Paint, Style};

/// How many problems are shown; the rest is counted.
pub(super) const MOST_SHOWN: usize = 50;

/// Where results and messages go, and how they look.
#[derive(Clone, Debug)]
pub(super) struct Output {
    /// How results are printed.
    pub(super) format: OutputFormat,
    /// Whether progress is shown.
    pub(super) quiet: bool,
    results: Paint,
    messages: Paint,
}

impl Output {
    pub(super) fn new(common: &Common, format: OutputFormat) -> Self {
        let paint = |terminal: bool| match common.color {
            ColorWhen::Always => Paint::Coloured,
            ColorWhen::Auto if terminal && !no_color() => Paint::Coloured,
            ColorWhen::Auto | ColorWhen::Never => Paint::Plain,
        };
        Self {
            format,
            quiet: common.quiet,
            results: paint(std::io::stdout().is_terminal()),
            messages: paint(std::io::stderr().is_terminal()),
        }
    }

    /// Whether results are JSON.
    pub(super) fn json(&self) -> bool {
        self.format == OutputFormat::Json
    }

    /// How tables on standard output look.
    pub(super) fn style(&self) -> Style {
        Style { paint: self.results, width: width(), ..Style::default() }
    }

    /// Prints a result. Nobody reading any more is no error.
    #[expect(clippy::unused_self, reason = "whoever prints has an output in hand, and asks it for all")]
    pub(super) fn result(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        if !text.ends_with('\n') {
            let _ = out.write_all(b"\n");
        }
        let _ = out.flush();
    }

    /// Prints a result as JSON.
    pub(super) fn json_result(&self, value: &serde_json::Value) {
        self.result(&serde_json::to_string_pretty(value).unwrap_or_default());
    }

    /// Prints a message.
    pub(super) fn say(&self, text: &str) {
        if !self.quiet {
            self.complain(text);
        }
    }

    /// Prints a message that is never left out.
    #[expect(clippy::unused_self, reason = "whoever prints has an output in hand, and asks it for all")]
    pub(super) fn complain(&self, text: &str) {
        let mut err = std::io::stderr().lock();
        let _ = err.write_all(text.as_bytes());
        if !text.ends_with('\n') {
            let _ = err.write_all(b"\n");
        }
    }

    /// Prints a question, and no line's end after it.
    #[expect(clippy::unused_self, reason = "whoever prints has an output in hand, and asks it for all")]
    pub(super) fn ask(&self, question: &str) {
        let mut err = std::io::stderr().lock();
        let _ = err.write_all(question.as_bytes());
        let _ = err.flush();
    }

    /// Prints warnings.
    pub(super) fn warn_of(&self, warnings: &[Diagnostic], sources: &Sources) {
        if !warnings.is_empty() && !self.json() {
            self.complain(&render_text(warnings, sources, self.message_color(), MOST_SHOWN));
        }
    }

    /// Prints problems: the first of them, or all.
    pub(super) fn problems(&self, problems: &[Diagnostic], sources: &Sources, all: bool) {
        let most = if all { usize::MAX } else { MOST_SHOWN };
        if !problems.is_empty() {
            self.complain(&render_text(problems, sources, self.message_color(), most));
        }
    }

    fn message_color(&self) -> Color {
        match self.messages {
            Paint::Plain => Color::Never,
            Paint::Coloured => Color::Always,
        }
    }

    /// Prints an error and gives its exit code.
    pub(super) fn fail(&self, error: &AppError) -> ExitCode {
        let exit = u8::from(error.exit());
        match error {
            AppError::Invalid { diagnostics, .. } if self.json() => {
                self.json_result(
                    &json!({ "error": error.to_string(), "exit": exit, "problems": render_json(diagnostics) }),
                );
            }
            other if self.json() => self.json_result(&json!({ "error": other.to_string(), "exit": exit })),
            AppError::Invalid { diagnostics, sources } => {
                self.complain(&render_text(diagnostics, sources, self.message_color(), MOST_SHOWN));
            }
            AppError::Refused(why) => self.complain(&format!("refused: {why}")),
            other => self.complain(&format!("error: {other}")),
        }
        error.exit()
    }
}

/// <https://no-color.org>: set and not empty.
#[expect(clippy::disallowed_methods, reason = "the command line is where the environment is read")]
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// The columns of the terminal; 80 where there is none.
fn width() -> u16 {
    rustix::termios::tcgetwinsize(std::io::stdout()).map_or(80, |size| if size.ws_col == 0 { 80 } else { size.ws_col })
}
