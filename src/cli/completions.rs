//! `muster completions`, and what is completed: subcommands and options by what they are, playbooks and runs by what
//! is there.
//!
//! The script that a shell sources asks Muster itself at each Tab, with the variable `COMPLETE` set, so that it never
//! goes stale and knows today's runs.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use clap::{Args, ValueEnum};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter};
use clap_complete::env::Shells;

use super::arguments::REPORTS;
use super::output::Output;
use crate::app::AppError;
use crate::model::ExitCode;

/// The variable that tells Muster to complete.
pub(super) const VARIABLE: &str = "COMPLETE";
/// The most runs that are offered.
const MOST_RUNS: usize = 100;
/// The most entries of a folder that are looked at.
const MOST_ENTRIES: usize = 10_000;

/// A shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    /// Bash
    Bash,
    /// Zsh
    Zsh,
    /// Fish
    Fish,
    /// Powershell
    Powershell,
    /// Elvish
    Elvish,
}

impl Shell {
    fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
            Self::Elvish => "elvish",
        }
    }
}

/// Prints what a shell sources to complete Muster's command line.
#[derive(Debug, Args)]
#[command(after_help = "\
Put it where your shell reads it at its start:
  bash        echo 'source <(muster completions bash)' >> ~/.bashrc
  zsh         echo 'source <(muster completions zsh)' >> ~/.zshrc
  fish        muster completions fish > ~/.config/fish/completions/muster.fish
  powershell  muster completions powershell >> $PROFILE
  elvish      muster completions elvish >> ~/.config/elvish/rc.elv")]
pub(super) struct CompletionsCommand {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

impl CompletionsCommand {
    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let shells = Shells::builtins();
        let defect = |what: &str| AppError::Defect(format!("{what} for {}", self.shell.name()));
        let shell = shells.completer(self.shell.name()).ok_or_else(|| defect("no completions"))?;
        let mut script = Vec::new();
        shell
            .write_registration(VARIABLE, "muster", "muster", "muster", &mut script)
            .map_err(|error| defect(&error.to_string()))?;
        output.result(&String::from_utf8_lossy(&script));
        Ok(ExitCode::Passed)
    }
}

/// Completes the path of a playbook.
pub(super) fn playbooks() -> ArgValueCompleter {
    let is_yaml = |path: &Path| path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    ArgValueCompleter::new(PathCompleter::any().filter(move |path| path.is_dir() || is_yaml(path)))
}

/// Completes a run: those in the usual folder, the newest first, and `last`.
pub(super) fn runs() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_string_lossy();
        let there = fs::read_dir(REPORTS).into_iter().flatten().take(MOST_ENTRIES).filter_map(Result::ok);
        let runs = there.filter(|entry| entry.path().join("journal.jsonl").is_file());
        let mut names: Vec<String> = runs.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        // A run's id begins with its time.
        names.sort_unstable_by(|one, other| other.cmp(one));
        if !names.is_empty() {
            names.insert(0, "last".to_owned());
        }
        names.retain(|name| name.starts_with(typed.as_ref()));
        names.into_iter().take(MOST_RUNS).map(CompletionCandidate::new).collect()
    })
}
