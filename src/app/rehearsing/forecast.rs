//! Plays the runs of a forecast, and once more those that show what would be if something were quicker.

use std::ops::ControlFlow;

use super::{Progress, Questions, many};
use crate::app::{AppError, Keep, Loaded, Prepared, Rehearsal};
use crate::chance::Seed;
use crate::diagnostic::Sources;
use crate::engine::watch::Pace;
use crate::model::Plan;
use crate::rehearsal::forecast::sensitivity::{self, Lever, What};
use crate::rehearsal::forecast::{Enough, Forecast, Layout, Outturn, Sensitivity, Stopped, Tally, seed_of, until};

/// What forecast is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// When it has enough runs.
    pub enough: Enough,
    /// The share of runs that must be shown to pass.
    pub require: f64,
}

/// After so many runs it is told how far it has come.
const TELL_EVERY: u64 = 50;

/// Plays a forecast.
///
/// # Errors
/// As [`Prepared::rehearse`]: the first run's that fails.
pub(super) fn forecast(questions: &Questions, wanted: Wanted) -> Result<Forecast, AppError> {
    let layout = Layout::of(&questions.loaded.plan);
    let mut tally = Tally::new(layout.clone(), questions.seed);
    let (mut failed, mut look, mut narrow) = (None, Enough::next_look(0), false);
    let most = wanted.enough.most();
    let prepared = Prepared::new(&questions.loaded)?;
    let play = |n: u64| play(questions, &prepared, &layout, tally_seed(questions, n));
    many::in_order(most, questions.threads, play, |n, outturn| {
        match outturn {
            Ok(outturn) => tally.add(&outturn),
            Err(error) => {
                failed = Some(error);
                return ControlFlow::Break(());
            }
        }
        tell(questions, "rehearsed", n + 1, most);
        if let Enough::Narrow { width, .. } = wanted.enough
            && tally.runs() == look
        {
            narrow = until::narrow(&tally, width);
            look = Enough::next_look(look);
        }
        if narrow { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let stopped = match wanted.enough {
        Enough::Runs(_) => Stopped::AsAsked,
        Enough::Narrow { width, .. } if narrow => Stopped::Narrow { until: width },
        Enough::Narrow { width, .. } => Stopped::TooMany { until: width },
    };
    let sensitivity = what_drives_it(questions, &tally)?;
    Ok(tally.forecast(stopped, wanted.require, sensitivity))
}

fn tally_seed(questions: &Questions, n: u64) -> Seed {
    seed_of(questions.seed, n)
}

/// One run; the one place here in which a plan is played.
fn play(questions: &Questions, prepared: &Prepared, layout: &Layout, seed: Seed) -> Result<Outturn, AppError> {
    let with = Rehearsal { seed, start: questions.start, faults: questions.faults.clone(), pace: Pace::Ahead };
    let rehearsed = prepared.rehearse(&with, Keep::Nothing, Vec::new())?;
    Ok(Outturn::of(&rehearsed.record, layout))
}

/// Plays the candidates.
fn what_drives_it(questions: &Questions, tally: &Tally) -> Result<Option<Sensitivity>, AppError> {
    let (candidates, not_played) = sensitivity::candidates(tally, &questions.loaded.plan);
    if candidates.is_empty() {
        return Ok(None);
    }
    let runs = tally.runs().min(sensitivity::RUNS);
    let changed: Vec<(What, Prepared)> = candidates
        .into_iter()
        .map(|what| {
            let plan = sensitivity::quicker(&questions.loaded.plan, &what);
            Ok((what, Prepared::new(&with_plan(&questions.loaded, plan))?))
        })
        .collect::<Result<_, AppError>>()?;
    let mut found: Vec<Vec<Vec<Option<u64>>>> = vec![Vec::new(); changed.len()];
    let mut failed = None;
    let count = runs * changed.len() as u64;
    let which = |n: u64| usize::try_from(n / runs).unwrap_or(usize::MAX);
    let play = |n: u64| play(questions, &changed[which(n)].1, tally.layout(), tally.seed(n % runs));
    many::in_order(count, questions.threads, play, |n, outturn| match outturn {
        Ok(outturn) => {
            found[which(n)].push(sensitivity::recovery(&outturn, tally));
            tell(questions, "asked what drives it", n + 1, count);
            ControlFlow::Continue(())
        }
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let levers = changed.into_iter().zip(&found).map(|((what, _), found)| sensitivity::lever(tally, what, found));
    let mut levers: Vec<Lever> = levers.collect();
    sensitivity::order(&mut levers);
    Ok(Some(Sensitivity { runs, levers, not_played }))
}

/// What was loaded, with another plan.
fn with_plan(loaded: &Loaded, plan: Plan) -> Loaded {
    let documents = loaded.documents.clone();
    Loaded { plan, documents, warnings: Vec::new(), sources: Sources::default() }
}

fn tell(questions: &Questions, what: &'static str, done: u64, of: u64) {
    if let Some(progress) = questions.progress
        && (done.is_multiple_of(TELL_EVERY) || done == of)
    {
        progress(Progress { what, done, of });
    }
}
