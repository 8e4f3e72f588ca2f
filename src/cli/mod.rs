//! The command line: one file a subcommand; results to standard output, progress and messages to standard error.
//!
//! A thin face of [`crate::app`]: it reads arguments, prints, and gives the exit code. A new subcommand is one file here
//! and one line in `Command` and in `dispatch`.

mod arguments;
mod exit;
mod history;
mod log;
mod output;
mod plan;
mod progress;
mod report;
mod resume;
mod run;
mod show;
mod simulate;
mod validate;
mod verify;

use clap::{Parser, Subcommand};

use crate::model::ExitCode;
use crate::provider::process::keeper;
use output::Output;

/// Runs disaster-recovery drills: does your failover pass muster?
#[derive(Debug, Parser)]
#[command(name = "muster", version, about, after_help = exit::HELP, max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    common: arguments::Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Says everything that can be known of playbooks without touching anything
    Validate(validate::Validate),
    /// Reads the state of everything and says what each step would change; changes nothing
    Plan(plan::PlanCommand),
    /// Plays a playbook on the simulated twin of its infrastructure, in virtual time
    Simulate(simulate::Simulate),
    /// Runs the drill
    Run(run::RunCommand),
    /// Takes up a run that was left behind
    Resume(resume::ResumeCommand),
    /// Lists past runs
    History(history::HistoryCommand),
    /// Shows a run
    Show(show::Show),
    /// Draws a report of a run anew from its journal
    Report(report::ReportCommand),
    /// Checks a journal's chain
    Verify(verify::Verify),
    /// Ends the programs of a Muster that was killed; started by Muster alone
    #[command(name = keeper::SUBCOMMAND, hide = true)]
    Keep {
        /// What those programs carry
        mark: String,
    },
}

impl Command {
    /// Whether results, and what goes wrong, are told in JSON.
    fn form(&self) -> arguments::OutputFormat {
        match self {
            Self::Validate(command) => command.form(),
            Self::Plan(command) => command.form(),
            Self::Simulate(command) => command.form(),
            Self::Run(command) => command.form(),
            Self::Resume(command) => command.form(),
            Self::History(command) => command.form(),
            Self::Show(command) => command.form(),
            Self::Report(command) => command.form(),
            Self::Verify(command) => command.form(),
            Self::Keep { .. } => arguments::OutputFormat::Text,
        }
    }
}

/// Reads the command line, does what it says, gives the exit code.
#[must_use]
pub fn main() -> std::process::ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::of_usage(&error),
    };
    let command = arguments.command;
    let output = Output::new(&arguments.common, command.form());
    log::listen(&arguments.common);
    let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| dispatch(command, &output)));
    exit::code(code.unwrap_or_else(|_| {
        output.complain("a defect in Muster: it broke off. Please report what was printed above");
        ExitCode::Defect
    }))
}

fn dispatch(command: Command, output: &Output) -> ExitCode {
    let done = match command {
        Command::Validate(command) => command.run(output),
        Command::Plan(command) => command.run(output),
        Command::Simulate(command) => command.run(output),
        Command::Run(command) => command.run(output),
        Command::Resume(command) => command.run(output),
        Command::History(command) => command.run(output),
        Command::Show(command) => command.run(output),
        Command::Report(command) => command.run(output),
        Command::Verify(command) => command.run(output),
        Command::Keep { mark } => {
            keeper::keep(&mark);
            Ok(ExitCode::Passed)
        }
    };
    done.unwrap_or_else(|error| output.fail(&error))
}
