//! `muster simulate`.

use std::io::{IsTerminal, Write as _};
use std::num::NonZero;
use std::path::PathBuf;

use clap::Args;

use super::arguments::{Form, ModeName, OutputFormat, PlaybookArguments, Reports};
use super::output::Output;
use super::run::{Simulated, carry_out};
use crate::app::rehearsing::explore::{Explore, Pairing};
use crate::app::rehearsing::{self, Keeping, Questions, forecast, many};
use crate::app::{AppError, Attendance, Loaded, RunRequest, Runs};
use crate::catalogue::{Mode, Period};
use crate::model::ExitCode;
use crate::plan::Reality;
use crate::rehearsal::forecast::{Enough, MOST_RUNS};
use crate::report;
use crate::time::Span;

/// How long an exploration takes where nothing is said.
const BUDGET: Span = Span::from_secs(20);

/// The share of runs that a forecast must show to pass, unless it is said.
const REQUIRE: f64 = 0.95;

/// What whoever waits for a gate to be answered wants to know.
const PEOPLE: &str = "\
People are simulated too: they approve, in the time that `simulate: { takes }` of the step gives.
Where a run pauses and asks how to go on, the answer is undo, after 60 s.

A forecast (--runs, --until) exits with 1 if the lower end of the interval of the share of runs that pass is below
--require: too few of them pass, or too few were played to show it. Its run n, from 0, has the seed --seed + n.";

/// Plays a playbook on the simulated twin of its infrastructure, in virtual time; nothing real is touched.
#[derive(Debug, Args)]
#[command(after_help = PEOPLE)]
pub(super) struct Simulate {
    #[command(flatten)]
    playbook: PlaybookArguments,
    #[command(flatten)]
    reports: Reports,
    #[command(flatten)]
    simulated: Simulated,
    #[command(flatten)]
    asked: Asked,
    #[command(flatten)]
    form: Form,
}

/// What many rehearsals are asked. Without any of it one drill is played, and leaves a run.
#[derive(Clone, Debug, Args)]
struct Asked {
    /// Try every fault on every step, resource and region, alone and in pairs, planned and unplanned (or in the mode of
    /// --mode): exit 1 if a run ends badly in a way that the playbook does not accept
    #[arg(long)]
    explore: bool,
    /// Play so many pairs of faults after the single ones: the same findings on every machine; 0 for none
    #[arg(long, value_name = "N", requires = "explore", conflicts_with = "budget")]
    pairs: Option<u64>,
    /// Explore for so long: all single faults, then pairs as long as there is time [default: 20s]
    #[arg(long, value_name = "DURATION", requires = "explore", value_parser = super::run::duration)]
    budget: Option<Period>,
    /// Put into the twin what each check is there to see, and tell which were never seen to fail; later runs of the
    /// playbook have the result in their reports
    #[arg(long)]
    prove: bool,
    /// Compare with the playbook and its infrastructure file at another git revision, such as HEAD or main
    #[arg(long, value_name = "REV")]
    diff: Option<String>,
    /// Forecast: play N drills, each with chances of its own, and say how long recovery takes and how sure that is
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_RUNS))]
    runs: Option<u64>,
    /// Forecast until the share that passes and the p95 of the recovery times are sure to plus or minus this, such as
    /// 1%; --runs is then the most [default: 100000]
    #[arg(long, value_name = "PERCENT", value_parser = width)]
    until: Option<f64>,
    /// The share of runs that a forecast must show to pass, or it exits with 1 [default: 95%]
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    require: Option<f64>,
    /// Play on so many threads [default: one for each processor]; the findings are the same on any number
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    /// Also write what was found to this folder, as rehearsal.html, .md, .json and rehearsal-junit.xml
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Asked {
    /// Whether anything was asked that one drill does not answer.
    fn anything(&self) -> bool {
        self.explore || self.prove || self.diff.is_some() || self.forecast().is_some()
    }

    /// What is asked of an exploration; `mode`: the one that was said.
    fn exploration(&self, mode: Option<ModeName>) -> Option<Explore> {
        let modes = mode.map_or_else(|| vec![Mode::Planned, Mode::Unplanned], |mode| vec![mode.into()]);
        let budget = self.budget.map_or(BUDGET, |Period(budget)| budget);
        let pairs = self.pairs.map_or(Pairing::Until(budget), Pairing::Count);
        self.explore.then_some(Explore { modes, pairs })
    }

    /// The forecast that is asked for.
    fn forecast(&self) -> Option<forecast::Wanted> {
        let enough = match (self.until, self.runs) {
            (Some(width), most) => Enough::Narrow { width, most: most.unwrap_or(MOST_RUNS) },
            (None, Some(runs)) => Enough::Runs(runs),
            (None, None) => return None,
        };
        Some(forecast::Wanted { enough, require: self.require.unwrap_or(REQUIRE) })
    }
}

/// `95%` as a share.
fn percent(text: &str) -> Result<f64, String> {
    let wrong = || format!("`{text}` is no share: write a percentage between 0% and 100%, such as 1% or 99.5%");
    let number: f64 = text.strip_suffix('%').ok_or_else(wrong)?.trim().parse().map_err(|_| wrong())?;
    if (0.0..=100.0).contains(&number) { Ok(number / 100.0) } else { Err(wrong()) }
}

/// As [`percent`], and more than nothing.
fn width(text: &str) -> Result<f64, String> {
    let width = percent(text)?;
    if width > 0.0 {
        return Ok(width);
    }
    Err("no number of runs is sure to 0%: write a percentage above it, such as 1%".to_owned())
}

/// Shows at a terminal how far it has come.
fn told(progress: rehearsing::Progress) {
    let rehearsing::Progress { what, done, of } = progress;
    let mut err = std::io::stderr().lock();
    let end = if done == of { "\r\u{1b}[K" } else { "" };
    let _ = write!(err, "\r\u{1b}[K{what}: {done} of {of}{end}");
    let _ = err.flush();
}

impl Simulate {
    pub(super) fn form(&self) -> OutputFormat {
        self.form.format
    }

    pub(super) fn runs(&self) -> Runs {
        self.reports.runs()
    }

    pub(super) fn run(&self, output: &Output) -> Result<ExitCode, AppError> {
        let loaded = self.playbook.load(Reality::Twin, output)?;
        if self.asked.anything() {
            return self.answer(loaded, output);
        }
        if let Some(option) = self.asked.idle() {
            return Err(AppError::Usage(format!("{option} is for findings of many rehearsals; ask for some")));
        }
        let request = RunRequest {
            mode_said: true,
            execute: false,
            approved: None,
            attendance: Attendance::Nobody,
            lead: None,
            participants: Vec::new(),
            ..self.simulated.request(loaded, &self.reports)
        };
        carry_out(request, output)
    }

    fn answer(&self, loaded: Loaded, output: &Output) -> Result<ExitCode, AppError> {
        let modes = if self.asked.prove { self.modes(&loaded) } else { Vec::new() };
        let questions = Questions {
            loaded,
            path: self.playbook.playbook.clone(),
            seed: self.simulated.seed(),
            start: self.simulated.start(),
            faults: self.simulated.faults().to_vec(),
            explore: self.asked.exploration(self.playbook.setting.mode),
            threads: self.asked.threads.unwrap_or_else(many::all_cores),
            options: self.options(),
            prove: modes,
            infrastructure: self.playbook.setting.infra.clone(),
            diff: self.asked.diff.clone(),
            forecast: self.asked.forecast(),
            progress: (!output.quiet && std::io::stderr().is_terminal()).then_some(told as fn(rehearsing::Progress)),
        };
        let findings = rehearsing::answer(&questions);
        if !output.quiet && std::io::stderr().is_terminal() {
            let _ = write!(std::io::stderr().lock(), "\r\u{1b}[K");
        }
        let findings = findings?;
        if let Some(proof) = &findings.proof {
            output.say(&match rehearsing::keep_proof(&questions, proof, &self.reports.reports)? {
                Keeping::Kept(file) => format!("kept for later runs: {}", file.display()),
                Keeping::NotKept(why) => format!("this proof is not kept for later runs: {why}"),
            });
        }
        let form = if output.json() { report::rehearsal::Form::Json } else { report::rehearsal::Form::Text };
        output.result(&form.render(&findings, &output.style()));
        if let Some(folder) = &self.asked.out {
            for path in rehearsing::write_findings(&findings, folder)? {
                output.say(&format!("wrote {}", path.display()));
            }
        }
        Ok(findings.exit())
    }

    /// The modes that are rehearsed: the one that was said, or both kinds of drill, the playbook's own first.
    fn modes(&self, loaded: &Loaded) -> Vec<Mode> {
        let own = loaded.plan.mode;
        if self.playbook.setting.mode.is_some() || own == Mode::Emergency {
            return vec![own];
        }
        let others = [Mode::Planned, Mode::Unplanned].into_iter().filter(|mode| *mode != own);
        [own].into_iter().chain(others).collect()
    }

    /// The options that set the scene, as they would be typed again.
    fn options(&self) -> Vec<String> {
        let setting = &self.playbook.setting;
        let mut typed = Vec::new();
        let mut add = |option: &str, value: String| typed.extend([option.to_owned(), value]);
        setting.infra.iter().for_each(|file| add("--infra", file.clone()));
        setting.vars.iter().for_each(|(name, value)| add("--var", format!("{name}={value}")));
        self.simulated.faults().iter().for_each(|fault| add("--fault", fault.clone()));
        typed
    }
}

impl Asked {
    /// An option that means something only together with a question.
    fn idle(&self) -> Option<&'static str> {
        let idle = [
            ("--require", self.require.is_some()),
            ("--threads", self.threads.is_some()),
            ("--out", self.out.is_some()),
        ];
        idle.into_iter().find(|(_, said)| *said).map(|(option, _)| option)
    }
}
