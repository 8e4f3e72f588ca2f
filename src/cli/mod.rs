//! The command line: one file a subcommand; results to standard output, progress and messages to standard error.
//!
//! A thin face of [`crate::app`]: it reads arguments, prints, and gives the exit code. A new subcommand is one file here
//! and one line in `Command` and in `dispatch`.

mod abort;
mod action;
mod approve;
mod arguments;
mod bundle;
mod aws_policy;
mod calibrate;
mod completions;
mod exit;
mod explain;
mod go_on;
mod history;
mod init;
mod lesson;
mod log;
mod man;
mod output;
mod pause;
mod plan;
mod probe;
mod progress;
mod reject;
mod remote;
mod report;
mod review;
mod retry;
mod resume;
mod run;
mod schedule;
mod serve;
mod schema;
mod show;
mod sign_off;
mod simulate;
mod status;
mod stop;
mod undo;
mod validate;
mod verify;
mod waiting;

use std::path::Path;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::CompleteEnv;

use crate::app::Runs;
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
    /// Writes a playbook and an infrastructure file to start from
    Init(init::InitCommand),
    /// Says everything that can be known of playbooks without touching anything
    Validate(validate::Validate),
    /// Explains codes of errors and warnings, each with an example that is wrong and the same mended
    Explain(explain::Explain),
    /// Prints what a playbook, an infrastructure file or a report may say: a JSON Schema, or the reference
    Schema(schema::Schema),
    /// Reads the state of everything and says what each step would change; changes nothing
    Plan(plan::PlanCommand),
    /// Tries a probe of a playbook by hand and tells all that was seen
    Probe(probe::ProbeCommand),
    /// Plays a playbook on the simulated twin of its infrastructure, in virtual time
    Simulate(simulate::Simulate),
    /// Runs the drill
    Run(run::RunCommand),
    /// Aborts a run: takes back what it did, or holds; the second time stops it at once
    Abort(abort::Abort),
    /// Lets a run begin nothing new and wait
    Pause(pause::Pause),
    /// Has a paused run try the failed step once more
    Retry(retry::Retry),
    /// Lets a paused run go on all the same
    #[command(name = "continue")]
    GoOn(go_on::GoOn),
    /// Has a paused run take back what it did, or go forward to safety
    Undo(undo::Undo),
    /// Has a paused run do nothing more
    Stop(stop::Stop),
    /// Approves a step that asks for it
    Approve(approve::Approve),
    /// Rejects a step that asks for approval
    Reject(reject::Reject),
    /// Takes up a run that was left behind
    Resume(resume::ResumeCommand),
    /// Prints the least IAM policy that a playbook needs on AWS, for plan and run
    AwsPolicy(aws_policy::AwsPolicy),
    /// Fits the twin to past real runs and says how good their forecasts were
    Calibrate(calibrate::CalibrateCommand),
    /// Says when drills are due, when they ran last and what is overdue
    Schedule(schedule::ScheduleCommand),
    /// Shows playbooks and services by quarter; exit code 1 if something is overdue
    Status(status::StatusCommand),
    /// Runs drills when they are due, tells people, and answers monitoring
    Serve(serve::ServeCommand),
    /// Lists past runs
    History(history::HistoryCommand),
    /// Shows a run
    Show(show::Show),
    /// Draws a report of a run anew from its journal
    Report(report::ReportCommand),
    /// Writes a lesson down with a run that has ended
    Lesson(lesson::Lesson),
    /// Opens, closes and lists corrective actions
    Action(action::Action),
    /// Signs a run off that has ended
    SignOff(sign_off::SignOff),
    /// Packs all evidence of a run, or of a quarter, into one file
    Bundle(bundle::BundleCommand),
    /// Checks a run's journal, or a bundle
    Verify(verify::Verify),
    /// Prints what a shell sources to complete the command line
    Completions(completions::CompletionsCommand),
    /// Prints or writes the manual pages
    Man(man::ManCommand),
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
            Self::Init(command) => command.form(),
            Self::Validate(command) => command.form(),
            Self::Plan(command) => command.form(),
            Self::Probe(command) => command.form(),
            Self::Simulate(command) => command.form(),
            Self::Run(command) => command.form(),
            Self::Abort(command) => command.form(),
            Self::Pause(command) => command.form(),
            Self::Retry(command) => command.form(),
            Self::GoOn(command) => command.form(),
            Self::Undo(command) => command.form(),
            Self::Stop(command) => command.form(),
            Self::Approve(command) => command.form(),
            Self::Reject(command) => command.form(),
            Self::Resume(command) => command.form(),
            Self::Calibrate(command) => command.form(),
            Self::Schedule(command) => command.form(),
            Self::Status(command) => command.form(),
            Self::Serve(command) => command.form(),
            Self::History(command) => command.form(),
            Self::Show(command) => command.form(),
            Self::Report(command) => command.form(),
            Self::Lesson(command) => command.form(),
            Self::Action(command) => command.form(),
            Self::SignOff(command) => command.form(),
            Self::Bundle(command) => command.form(),
            Self::Verify(command) => command.form(),
            Self::Explain(command) => command.form(),
            Self::Completions(_) | Self::Man(_) | Self::AwsPolicy(_) | Self::Schema(_) | Self::Keep { .. } => {
                arguments::OutputFormat::Text
            }
        }
    }

    /// Where it looks for runs; where it has no option for that, the usual place.
    fn runs(&self) -> Runs {
        match self {
            Self::Init(_)
            | Self::Completions(_)
            | Self::Man(_)
            | Self::Explain(_)
            | Self::Schema(_)
            | Self::Keep { .. } => Runs::of(Path::new(arguments::REPORTS)),
            Self::Validate(command) => command.runs(),
            Self::Plan(command) => command.runs(),
            Self::Probe(command) => command.runs(),
            Self::Simulate(command) => command.runs(),
            Self::Run(command) => command.runs(),
            Self::Resume(command) => command.runs(),
            Self::Abort(command) => command.runs(),
            Self::Pause(command) => command.runs(),
            Self::Retry(command) => command.runs(),
            Self::GoOn(command) => command.runs(),
            Self::Undo(command) => command.runs(),
            Self::Stop(command) => command.runs(),
            Self::Approve(command) => command.runs(),
            Self::Reject(command) => command.runs(),
            Self::Calibrate(command) => command.runs(),
            Self::Schedule(command) => command.runs(),
            Self::Status(command) => command.runs(),
            Self::Serve(command) => command.runs(),
            Self::History(command) => command.runs(),
            Self::Show(command) => command.runs(),
            Self::Report(command) => command.runs(),
            Self::Lesson(command) => command.runs(),
            Self::Action(command) => command.runs(),
            Self::SignOff(command) => command.runs(),
            Self::Bundle(command) => command.runs(),
            Self::Verify(command) => command.runs(),
            Self::AwsPolicy(command) => command.runs(),
        }
    }
}

/// Reads the command line, does what it says, gives the exit code.
#[must_use]
pub fn main() -> std::process::ExitCode {
    // Where a shell completes, that is all that is done.
    CompleteEnv::with_factory(Arguments::command)
        .var(completions::VARIABLE)
        .bin("muster")
        .completer("muster")
        .complete();
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
    // What they print is read by a shell or a reader of manuals, who are told of no runs.
    if !matches!(
        command,
        Command::Keep { .. }
            | Command::Init(_)
            | Command::Completions(_)
            | Command::Man(_)
            | Command::Explain(_)
            | Command::Schema(_)
    ) {
        let taken_up = match &command {
            Command::Resume(command) => Some(command.taken_up()),
            _ => None,
        };
        waiting::name_left_behind(&command.runs(), taken_up, output);
    }
    let done = match command {
        Command::Init(command) => command.run(output),
        Command::Completions(command) => command.run(output),
        Command::Man(command) => command.run(Arguments::command(), output),
        Command::Validate(command) => command.run(output),
        Command::Explain(command) => command.run(output),
        Command::Schema(command) => command.run(output),
        Command::Plan(command) => command.run(output),
        Command::Probe(command) => command.run(output),
        Command::Simulate(command) => command.run(output),
        Command::Run(command) => command.run(output),
        Command::Abort(command) => command.run(output),
        Command::Pause(command) => command.run(output),
        Command::Retry(command) => command.run(output),
        Command::GoOn(command) => command.run(output),
        Command::Undo(command) => command.run(output),
        Command::Stop(command) => command.run(output),
        Command::Approve(command) => command.run(output),
        Command::Reject(command) => command.run(output),
        Command::Resume(command) => command.run(output),
        Command::Calibrate(command) => command.run(output),
        Command::Schedule(command) => command.run(output),
        Command::Status(command) => command.run(output),
        Command::Serve(command) => command.run(output),
        Command::History(command) => command.run(output),
        Command::Show(command) => command.run(output),
        Command::Report(command) => command.run(output),
        Command::Lesson(command) => command.run(output),
        Command::Action(command) => command.run(output),
        Command::SignOff(command) => command.run(output),
        Command::Bundle(command) => command.run(output),
        Command::Verify(command) => command.run(output),
        Command::AwsPolicy(command) => command.run(output),
        Command::Keep { mark } => {
            keeper::keep(&mark);
            Ok(ExitCode::Passed)
        }
    };
    done.unwrap_or_else(|error| output.fail(&error))
}
