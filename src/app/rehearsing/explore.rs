//! Plays every fault: all single ones, then pairs, and has [`crate::rehearsal::exploration`] say what came of them.

use std::ops::ControlFlow;

use super::modes::in_mode;
use super::{Questions, many};
use crate::app::{Aftermath, AppError, Keep, Loaded, Prepared, Rehearsal, Rehearsed};
use crate::catalogue::{Mode, Probe};
use crate::engine::watch::Pace;
use crate::infrastructure::simulate::{Address, Faults};
use crate::model::{ExitCode, Plan, Service};
use crate::provider::simulated::{Endpoint, Served, settled};
use crate::rehearsal::exploration::cases::{Pairs, singles};
use crate::rehearsal::exploration::ends::end;
use crate::rehearsal::exploration::sift::sift;
use crate::rehearsal::exploration::{Case, End, Exploration, Tried, Truth};
use crate::time::{Span, since_boot};

/// So many of the bad ends that are found get a drawing: a playbook with more has other worries.
const DRAWN: usize = 20;
/// The most pairs, whatever the budget.
const PAIRS_MAX: u64 = 1_000_000;

/// What is asked of an exploration.
#[derive(Clone, Debug)]
pub struct Explore {
    /// In which modes.
    pub modes: Vec<Mode>,
    /// How many pairs of faults are played after the single ones.
    pub pairs: Pairing,
}

/// How many pairs are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// So many: the same everywhere.
    Count(u64),
    /// As many as there is time for, counted from the start of the exploration; single faults are always all played.
    Until(Span),
}

/// What cases are played on: the plans of all modes.
struct Ground<'a> {
    questions: &'a Questions,
    plans: Vec<(Loaded, Prepared)>,
}

/// Explores.
///
/// # Errors
/// As [`Prepared::rehearse`], for what is no finding: a plan that has no twin.
pub(super) fn explore(questions: &Questions, asked: &Explore) -> Result<Exploration, AppError> {
    let begun = since_boot();
    let mut ground = Ground { questions, plans: Vec::new() };
    let mut left_out = Vec::new();
    for mode in &asked.modes {
        match in_mode(&questions.loaded, *mode) {
            Ok(loaded) => {
                let prepared = Prepared::new(&loaded)?;
                ground.plans.push((loaded, prepared));
            }
            Err(why) => left_out.push((*mode, why)),
        }
    }
    let given = Faults::parse(questions.faults.iter().map(String::as_str))
        .map_err(|error| AppError::Usage(error.to_string()))?;
    let free = |case: &Case| given.iter().all(|fault| fault.target != case.faults[0].target);
    let cases: Vec<Case> =
        ground.plans.iter().flat_map(|(loaded, _)| singles(&loaded.plan)).filter(|case| free(case)).collect();
    let alone = ground.play(&cases, |_| ControlFlow::Continue(()))?;
    let mut pairs = Pairs::of(&cases, questions.seed);
    let together = match asked.pairs {
        Pairing::Count(count) => {
            let count = usize::try_from(count.min(PAIRS_MAX)).unwrap_or(usize::MAX);
            let cases: Vec<Case> = pairs.by_ref().take(count).collect();
            ground.play(&cases, |_| ControlFlow::Continue(()))?
        }
        Pairing::Until(budget) => ground.play_for(&mut pairs, || since_boot() - begun < budget)?,
    };
    let accepts = &questions.loaded.plan.accepts;
    let mut exploration = sift(accepts, alone, together, |case| command(questions, case));
    exploration.modes = ground.plans.iter().map(|(loaded, _)| loaded.plan.mode).collect();
    exploration.left_out = left_out;
    // Of a mode that was not explored nothing is known.
    exploration
        .idle
        .retain(|line| line.modes.as_ref().is_none_or(|modes| modes.iter().any(|it| asked.modes.contains(it))));
    for bad in exploration.bad.iter_mut().take(DRAWN) {
        bad.record = ground.rehearse(&bad.first.case).ok().map(|it| Box::new(it.record));
    }
    Ok(exploration)
}

impl Ground<'_> {
    /// Plays pairs, some at a time, while there is time.
    fn play_for(&self, pairs: &mut Pairs<'_>, time: impl Fn() -> bool) -> Result<Vec<Tried>, AppError> {
        let some = 64 * self.questions.threads.get();
        let mut all = Vec::new();
        while time() && (all.len() as u64) < PAIRS_MAX {
            let cases: Vec<Case> = pairs.take(some).collect();
            if cases.is_empty() {
                break;
            }
            let wanted = all.len() + cases.len();
            all.extend(self.play(&cases, |_| if time() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })?);
            if all.len() < wanted {
                break;
            }
        }
        Ok(all)
    }

    /// Plays cases, in order, until `after` one says that it is enough.
    fn play(&self, cases: &[Case], after: impl Fn(&Tried) -> ControlFlow<()>) -> Result<Vec<Tried>, AppError> {
        let mut all = Vec::with_capacity(cases.len());
        let mut failed = None;
        let one = |n: u64| self.try_out(&cases[usize::try_from(n).unwrap_or(usize::MAX)]);
        many::in_order(cases.len() as u64, self.questions.threads, one, |_, tried| match tried {
            Ok(tried) => {
                let flow = after(&tried);
                all.push(tried);
                flow
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        });
        failed.map_or(Ok(all), Err)
    }

    fn plan(&self, mode: Mode) -> Result<&(Loaded, Prepared), AppError> {
        let found = self.plans.iter().find(|(loaded, _)| loaded.plan.mode == mode);
        found.ok_or_else(|| AppError::Defect(format!("there is no plan in {mode} mode")))
    }

    fn rehearse(&self, case: &Case) -> Result<Rehearsed, AppError> {
        let own = case.faults.iter().map(ToString::to_string);
        let faults = self.questions.faults.iter().cloned().chain(own).collect();
        let (seed, start) = (self.questions.seed, self.questions.start);
        let with = Rehearsal { seed, start, faults, pace: Pace::Ahead };
        // With the journal, whose head is told of each case.
        self.plan(case.mode)?.1.rehearse(&with, Keep::Journal, Vec::new())
    }

    fn try_out(&self, case: &Case) -> Result<Tried, AppError> {
        let plan = &self.plan(case.mode)?.0.plan;
        match self.rehearse(case) {
            Ok(it) => {
                let truth = truth(plan, &it.aftermath);
                let given = self.questions.faults.len();
                let met = it.aftermath.met.iter().filter(|place| **place >= given).count();
                let (end, why) = end(plan, &it.record, it.exit, &Truth { met, ..truth }, case.faults.len());
                let heads = &it.record.header.heads;
                let head = heads.finished.clone().unwrap_or_else(|| heads.last.clone());
                let (verdict, world) = (Some(it.record.ended.verdict), Some(it.record.ended.world));
                Ok(Tried { case: case.clone(), end, why, verdict, world, exit: it.exit, head })
            }
            Err(AppError::Defect(what)) => Ok(Tried {
                case: case.clone(),
                end: End::Defect,
                why: vec![what],
                verdict: None,
                world: None,
                exit: ExitCode::Defect,
                head: String::new(),
            }),
            Err(error) => Err(error),
        }
    }
}

/// What only the simulation knows, as data.
#[must_use]
pub fn truth(plan: &Plan, aftermath: &Aftermath) -> Truth {
    let mut two_writers: Vec<_> = aftermath.two_writers.iter().map(|(id, _)| id.clone()).collect();
    two_writers.dedup();
    let served = |service: &&Service| serves(&service.probe.probe, &aftermath.truth);
    Truth {
        before: settled(&aftermath.before),
        after: settled(&aftermath.after),
        two_writers,
        losses: aftermath.losses.clone(),
        users_out: plan.services.iter().filter(|service| !served(service)).map(|service| service.id.clone()).collect(),
        lost: aftermath.lost.clone(),
        commands: aftermath.commands.clone(),
        met: aftermath.met.len(),
    }
}

/// Whether what a probe asks is served at the end. Name servers are: what they say is not whether users are served.
fn serves(probe: &Probe, truth: &[crate::provider::simulated::Truth]) -> bool {
    if let Probe::Several(several) = probe {
        return several.probes.iter().filter(|probe| serves(probe, truth)).count() >= several.needed;
    }
    let Ok(Address { host, port, path }) = Address::of(probe) else { return true };
    let is_asked =
        |endpoint: &Endpoint| (&*endpoint.host, endpoint.port, &endpoint.path) == (host.as_str(), port, &path);
    matches!(probe, Probe::Dns(_))
        || truth
            .iter()
            .filter(|truth| is_asked(&truth.endpoint))
            .all(|truth| truth.segments.last().is_none_or(|(_, served)| *served != Served::No))
}

/// What is typed to see a case, as a shell takes it.
fn command(questions: &Questions, case: &Case) -> String {
    let mut words = vec!["muster".to_owned(), "simulate".to_owned(), questions.path.clone()];
    words.extend(questions.options.iter().cloned());
    words.extend(["--mode".to_owned(), case.mode.to_string()]);
    words.extend(["--seed".to_owned(), questions.seed.0.to_string()]);
    words.extend(["--start".to_owned(), questions.start.to_string()]);
    words.extend(case.faults.iter().flat_map(|fault| ["--fault".to_owned(), fault.to_string()]));
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_see_more_in_it() {
        assert_eq!(quoted("playbooks/a.yaml"), "playbooks/a.yaml");
        assert_eq!(quoted("my drills/it's.yaml"), "'my drills/it'\\''s.yaml'");
        assert_eq!(quoted("url=https://x/?a=1&b"), "'url=https://x/?a=1&b'");
    }
}
