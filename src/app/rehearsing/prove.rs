//! Proves the checks of a playbook, and keeps the proof for later runs.
//!
//! A proof is kept at `REPORTS/proofs/KEY.json`. KEY is over what the checks follow from: the texts of the playbook and
//! of those that it inlines, and the values of the variables. Any change of these makes it another playbook, whose checks
//! were not proven; another infrastructure file with the same values does not, nor does another version of Muster, both of
//! which stand in the proof.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::super::{AppError, Keep, Loaded, Prepared, Rehearsal, Rehearsed, write_whole};
use super::{Questions, many, modes};
use crate::catalogue::Mode;
use crate::engine::watch::Pace;
use crate::infrastructure::simulate::Affliction;
use crate::model::{Documents, Plan, Proof as Kept};
use crate::record::Record;
use crate::rehearsal::proof::{Baseline, Check, Colour, Outcome, Proof, Proven, Trial, checks, trials};

/// What the key is over, so that a later form can be told apart.
const KEY_FORMAT: &str = "muster-proof-1";
/// A kept proof is no longer than this, in bytes.
const KEPT_MAX: u64 = 4 << 20;

/// A mode with its rehearsal in which nothing is wrong.
struct Ground {
    loaded: Loaded,
    prepared: Prepared,
    record: Record,
}

/// What one check came to in one mode, and how many rehearsals that took.
struct Tried {
    proven: Proven,
    rehearsals: u64,
}

/// Proves every check in the first mode in which it can be.
pub(super) fn prove(questions: &Questions) -> Result<Proof, AppError> {
    let (mut grounds, mut left_out) = (Vec::new(), Vec::new());
    for mode in &questions.prove {
        let loaded = match modes::in_mode(&questions.loaded, *mode) {
            Ok(loaded) => loaded,
            Err(why) => {
                left_out.push((*mode, why));
                continue;
            }
        };
        let prepared = Prepared::new(&loaded)?;
        let record = play(questions, &prepared, &[], &[])?.record;
        grounds.push(Ground { loaded, prepared, record });
    }
    // Each check once, with the grounds that have it.
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut cases: Vec<Vec<(usize, Check)>> = Vec::new();
    for (ground, it) in grounds.iter().enumerate() {
        for check in checks(&it.loaded.plan) {
            let place = *names.entry(check.name.clone()).or_insert(cases.len());
            if place == cases.len() {
                cases.push(Vec::new());
            }
            cases[place].push((ground, check));
        }
    }
    let (mut proven, mut rehearsals, mut broken) = (Vec::new(), grounds.len() as u64, None);
    many::in_order(
        cases.len() as u64,
        questions.threads,
        |n| one(questions, &grounds, &cases[usize::try_from(n).unwrap_or(0)]),
        |_, tried| match tried {
            Ok(tried) => {
                rehearsals += tried.rehearsals;
                proven.push(tried.proven);
                ControlFlow::Continue(())
            }
            Err(error) => {
                broken = Some(error);
                ControlFlow::Break(())
            }
        },
    );
    if let Some(error) = broken {
        return Err(error);
    }
    let modes = grounds.iter().map(|ground| ground.loaded.plan.mode).collect();
    Ok(Proof { modes, left_out, rehearsals, checks: proven })
}

pub(super) fn play(
    questions: &Questions,
    prepared: &Prepared,
    afflictions: &[Affliction],
    faults: &[String],
) -> Result<Rehearsed, AppError> {
    let faults = questions.faults.iter().chain(faults).cloned().collect();
    let with = Rehearsal { seed: questions.seed, start: questions.start, faults, pace: Pace::Ahead };
    prepared.rehearse_afflicted(&with, Keep::Nothing, afflictions)
}

/// Tries one check in each mode that has it, until it is proven.
fn one(questions: &Questions, grounds: &[Ground], case: &[(usize, Check)]) -> Result<Tried, AppError> {
    let (mut rehearsals, mut first) = (0, None);
    for (ground, check) in case {
        let ground = &grounds[*ground];
        let mut count = 0;
        let tried = in_one_mode(questions, ground, check, &mut count)?;
        rehearsals += count;
        if matches!(tried.outcome, Outcome::Red { .. }) {
            return Ok(Tried { proven: tried, rehearsals });
        }
        first.get_or_insert(tried);
    }
    match first {
        Some(proven) => Ok(Tried { proven, rehearsals }),
        None => Err(AppError::Defect("a check without a mode was to be proven".to_owned())),
    }
}

fn in_one_mode(questions: &Questions, ground: &Ground, check: &Check, count: &mut u64) -> Result<Proven, AppError> {
    let mode: Mode = ground.loaded.plan.mode;
    let proven = |put_in: Option<&Trial>, outcome: Outcome| Proven {
        name: check.name.clone(),
        mode,
        put_in: put_in.map(|trial| trial.put_in.clone()),
        outcome,
    };
    let never = |because: String| Outcome::Never { because };
    let baseline = Baseline { plan: &ground.loaded.plan, record: &ground.record };
    let trials = match trials(check, baseline) {
        Ok(trials) => trials,
        Err(why) => return Ok(proven(None, never(why))),
    };
    match check.sight.colour(&ground.record, &ground.record) {
        Colour::Green => {}
        Colour::Red(saw) => return Ok(proven(None, never(format!("it is red though nothing is wrong: {saw}")))),
        Colour::Unseen(why) => return Ok(proven(None, never(format!("nothing is wrong, and {why}")))),
    }
    let mut play = |trial: &Trial| {
        *count += 1;
        let faults: Vec<String> = trial.faults.iter().map(ToString::to_string).collect();
        play(questions, &ground.prepared, &trial.afflictions, &faults)
    };
    let mut last = None;
    for (n, trial) in trials.beyond.iter().enumerate() {
        let because = match check.sight.colour(&play(trial)?.record, &ground.record) {
            Colour::Red(saw) => {
                let Some(within) = trials.within(n) else {
                    return Ok(proven(Some(trial), Outcome::Red { saw, green_with: None }));
                };
                let green_with = match check.sight.colour(&play(within)?.record, &ground.record) {
                    Colour::Green => Some(within.put_in.clone()),
                    Colour::Red(_) => {
                        let what = format!("it goes red within its threshold too: {}", within.put_in);
                        return Ok(proven(Some(trial), never(what)));
                    }
                    Colour::Unseen(_) => None,
                };
                return Ok(proven(Some(trial), Outcome::Red { saw, green_with }));
            }
            Colour::Green => "it stays green".to_owned(),
            Colour::Unseen(why) => why,
        };
        last.get_or_insert((trial, because));
    }
    Ok(match last {
        Some((trial, because)) => proven(Some(trial), never(because)),
        None => proven(None, never("nothing could be put into the twin".to_owned())),
    })
}

#[derive(Serialize)]
struct Keyed<'a> {
    format: &'static str,
    playbook: &'a str,
    nested: Vec<&'a str>,
    variables: Vec<(&'a str, &'a str)>,
}

/// By what a proof is found: see the module.
fn key(plan: &Plan, documents: &Documents) -> String {
    let keyed = Keyed {
        format: KEY_FORMAT,
        playbook: &documents.playbook.text,
        nested: documents.nested.iter().map(|document| document.text.as_str()).collect(),
        variables: plan.variables.iter().map(|it| (it.name.as_str(), it.value.as_str())).collect(),
    };
    // Texts and pairs always serialise.
    let bytes = serde_json::to_vec(&keyed).unwrap_or_default();
    Sha256::digest(&bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn place(reports: &Path, loaded: &Loaded) -> PathBuf {
    reports.join("proofs").join(format!("{}.json", key(&loaded.plan, &loaded.documents)))
}

/// Whether a proof was kept for later runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// It was, in this file.
    Kept(PathBuf),
    /// It was not, for this reason.
    NotKept(String),
}

/// Keeps a proof for later runs of the same playbook. One that was made beside faults tells of another world than the one
/// that runs are made in, and one of a single mode takes the place of none that knows more modes: neither is kept.
///
/// # Errors
/// [`AppError::Files`].
pub fn keep_proof(questions: &Questions, proof: &Proof, reports: &Path) -> Result<Keeping, AppError> {
    if !questions.faults.is_empty() {
        return Ok(Keeping::NotKept("it was made beside --fault, which no run has".to_owned()));
    }
    let documents = &questions.loaded.documents;
    let kept = proof.kept(crate::time::wall_now(), questions.seed, &documents.infrastructure.path);
    let path = place(reports, &questions.loaded);
    // One that can't be read is worth nothing, and gives way.
    if let Ok(Some(older)) = kept_proof(&questions.loaded, reports)
        && let Some(more) = older.modes.iter().find(|mode| !kept.modes.contains(mode))
    {
        return Ok(Keeping::NotKept(format!("{} is of {more} drills too", path.display())));
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .map_err(|error| AppError::Files(format!("the folder {} can't be made: {error}", folder.display())))?;
    }
    // Data of texts and numbers always serialises.
    let text = serde_json::to_string_pretty(&kept).unwrap_or_default() + "\n";
    write_whole(&path, text.as_bytes())?;
    Ok(Keeping::Kept(path))
}

/// The proof of a playbook's checks that was kept, if there is one; else what is to be said about it.
pub(in crate::app) fn kept_proof(loaded: &Loaded, reports: &Path) -> Result<Option<Kept>, String> {
    let path = place(reports, loaded);
    let wrong = |why: String| format!("the proof of the checks {} is passed over: {why}", path.display());
    match fs::metadata(&path) {
        Err(_) => return Ok(None),
        Ok(found) if found.len() > KEPT_MAX => return Err(wrong("it is too long".to_owned())),
        Ok(_) => {}
    }
    let text = fs::read(&path).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_slice(&text).map(Some).map_err(|error| wrong(error.to_string()))
}
