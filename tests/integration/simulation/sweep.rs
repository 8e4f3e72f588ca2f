//! The sweep: every step and every resource of the quarterly playbook, with every fault, in both modes. Whatever goes
//! wrong, a drill ends in a known verdict, and what it says of the world is so.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use muster::app::{AppError, Loaded, Rehearsed, rehearse};
use muster::catalogue::Mode;
use muster::id::RegionRole;
use muster::infrastructure::simulate::FaultKind;
use muster::model::{ExitCode, Place, Plan, Verdict};
use muster::provider::simulated::settled;
use muster::record::{HappeningKind, Record, StepState};
use muster::resource::{ResourceState, World, region_resource};
use muster::time::Span;

use super::scene::{all, quarterly, with};

/// A long soak shows nothing that a short one does not.
const VARS: [(&str, &str); 1] = [("soak", "3m")];

/// Each case is tried with these: faults that are `flaky` and durations that are drawn fall otherwise.
const SEEDS: [u64; 2] = [1, 2];

#[derive(Clone, Debug)]
struct Case {
    mode: Mode,
    seed: u64,
    target: String,
    kind: FaultKind,
}

impl Case {
    fn fault(&self) -> String {
        format!("{}={}", self.target, self.kind)
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} seed {}", self.mode, self.fault(), self.seed)
    }
}

/// How a case ended, and everything that is wrong with that.
struct End {
    line: String,
    wrong: Vec<String>,
}

fn cases(plan: &Plan, seed: u64) -> Vec<Case> {
    let steps = plan.steps.iter().filter(|step| step.applies && plan.phases[step.phase].applies);
    let resources = plan.resources.keys().cloned().chain(RegionRole::ALL.map(region_resource));
    let targets = steps.map(|step| step.id.to_string()).chain(resources.map(|id| id.to_string()));
    let each = |target: String| FaultKind::ALL.map(|kind| Case { mode: plan.mode, seed, target: target.clone(), kind });
    targets.flat_map(each).collect()
}

fn try_out(case: &Case, loaded: &Loaded) -> End {
    match rehearse(loaded, &with(case.seed, &[case.fault()]), Vec::new()) {
        Ok(rehearsed) => {
            let ended = &rehearsed.record.ended;
            let mut line = format!("{case}: {} {} exit {:?}", ended.verdict, ended.world, rehearsed.exit);
            for reason in ended.reasons.iter().take(2) {
                let _ = write!(line, "\n      because {reason}");
            }
            for left in &rehearsed.record.left {
                let _ = write!(line, "\n      left {left:?}");
            }
            for change in &rehearsed.record.changes {
                let _ = write!(line, "\n      changed {change:?}");
            }
            End { line, wrong: wrongs(case, &rehearsed) }
        }
        Err(error) => {
            let what = match error {
                AppError::Defect(what) => format!("a defect: {what}"),
                other => format!("it broke off: {other:?}"),
            };
            End { line: case.to_string(), wrong: vec![what] }
        }
    }
}

/// Everything that is not as it should be at the end of a run.
fn wrongs(case: &Case, it: &Rehearsed) -> Vec<String> {
    let mut wrong = Vec::new();
    let record = &it.record;
    let (verdict, world) = (record.ended.verdict, record.ended.world);
    let (before, after) = (comparable(&it.aftermath.before), comparable(&it.aftermath.after));
    let different: Vec<String> =
        after.iter().filter(|(id, state)| before.get(*id) != Some(state)).map(|(id, _)| id.clone()).collect();

    if record.ended.exit != Some(it.exit) {
        wrong.push(format!("the journal says exit {:?}, the program {:?}", record.ended.exit, it.exit));
    }
    if !fits(verdict, world, it.exit, record) {
        wrong.push(format!("exit {:?} does not fit {verdict} and {world}", it.exit));
    }
    wrong.extend(untold(record, &before, &after));
    let true_place = place(&it.aftermath.after);
    if world != true_place && world != Place::Unknown {
        wrong.push(format!("it says that the world is {world}, and it is {true_place}"));
    }
    if verdict == Verdict::Passed && !different.is_empty() {
        wrong.push(format!("it passed, and these are otherwise than before: {different:?}"));
    }
    if verdict == Verdict::Refused && !different.is_empty() {
        wrong.push(format!("it was refused before the first change, and these are otherwise: {different:?}"));
    }
    let shouted = record.timeline.iter().any(|happening| happening.kind == HappeningKind::SplitBrain);
    if !it.aftermath.two_writers.is_empty() && !shouted {
        wrong.push(format!("two sides took writes, and nobody was told: {:?}", it.aftermath.two_writers));
    }
    if it.aftermath.two_writers.is_empty() && shouted {
        wrong.push("it shouts that two sides took writes, and none did".to_owned());
    }
    if shouted && (it.exit != ExitCode::NeedsPerson || verdict == Verdict::Passed) {
        wrong.push(format!("two sides took writes, and it ended {verdict}, exit {:?}", it.exit));
    }
    let paused = it.aftermath.commands.iter().any(|(_, ran)| ran.last().is_some_and(|word| word == "pause"));
    let told = record.left.iter().any(|left| left.step.as_ref().is_some_and(|step| step.as_str() == "hold-automation"))
        || record.steps.iter().any(|step| step.id.as_str() == "resume" && step.state.is_bad());
    if paused && !told {
        wrong.push("the automatic failover is still paused, and nobody is told".to_owned());
    }
    if record.steps.iter().any(|step| step.state == StepState::Running) {
        wrong.push("a step still runs".to_owned());
    }
    if case.kind == FaultKind::Fails && verdict == Verdict::Passed && acted(record, &case.target) {
        wrong.push("it passed although a step failed".to_owned());
    }
    wrong
}

/// Every difference between the true worlds of which the report does not say which resource it is, on which side, and
/// what is there now; and every one that it tells and that is none.
fn untold(
    record: &Record,
    before: &BTreeMap<String, ResourceState>,
    after: &BTreeMap<String, ResourceState>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let seen = comparable(record.after.as_ref().unwrap_or(&World::new()));
    for (id, now) in after {
        let change = record.changes.iter().find(|change| change.resource.as_str() == id);
        let (was, is) = (sides(before.get(id)), sides(Some(now)));
        let differ: Vec<&String> = is.keys().filter(|side| was.get(*side) != is.get(*side)).collect();
        let Some(change) = change else {
            if !differ.is_empty() {
                wrong.push(format!("{id} is otherwise than before ({differ:?}), and nobody is told: {now:?}"));
            }
            continue;
        };
        let Some(told) = &change.after else { continue };
        let seen = sides(seen.get(id));
        for side in &differ {
            if !told.contains(side.as_str()) {
                wrong.push(format!("{id}: the change in {side} is not told: {told}"));
            }
            // A side that can't be seen is told to be so.
            if seen.get(*side).is_some_and(|seen| !seen.contains("unreachable")) && seen.get(*side) != is.get(*side) {
                wrong.push(format!("{id}: told of {side} is {:?}, true is {:?}", seen.get(*side), is.get(*side)));
            }
        }
        if differ.is_empty() && seen.values().all(|side| !side.contains("unreachable")) {
            wrong.push(format!("{id} is as it was, and said to be otherwise: {change:?}"));
        }
    }
    wrong
}

/// The state of each side of a resource; of one without sides the whole, by what it is called in a line for people.
fn sides(state: Option<&ResourceState>) -> BTreeMap<String, String> {
    let value = serde_json::to_value(state).unwrap();
    let inner = value.as_object().and_then(|kinds| kinds.values().next()).cloned().unwrap_or_default();
    match inner.get("regions").and_then(|regions| regions.as_object()) {
        Some(regions) => regions.iter().map(|(role, side)| (role.clone(), side.to_string())).collect(),
        None if value.is_null() => BTreeMap::new(),
        None => BTreeMap::from([(String::new(), value.to_string())]),
    }
}

/// Whether the step that a fault is on began.
fn acted(record: &Record, target: &str) -> bool {
    record.steps.iter().any(|step| step.id.as_str() == target && step.state.is_bad())
}

/// Semantics, section 5.
fn fits(verdict: Verdict, world: Place, exit: ExitCode, record: &Record) -> bool {
    let left = record.steps.iter().any(|step| step.state == StepState::InDoubt) || !record.left.is_empty();
    match exit {
        ExitCode::Passed => verdict == Verdict::Passed && world == Place::Home,
        ExitCode::Refused => verdict == Verdict::Refused,
        ExitCode::NeedsPerson => {
            verdict != Verdict::Passed && verdict != Verdict::Refused && (world != Place::Home || left)
        }
        ExitCode::Aborted => verdict == Verdict::Aborted && world == Place::Home,
        ExitCode::Failed => matches!(verdict, Verdict::Failed | Verdict::Incomplete) && world == Place::Home,
        ExitCode::Usage | ExitCode::Defect => false,
    }
}

/// The world without what varies by itself, and without the count of promotions.
fn comparable(world: &World) -> BTreeMap<String, ResourceState> {
    let mut all: BTreeMap<String, ResourceState> =
        settled(world).into_iter().map(|(id, state)| (id.to_string(), state)).collect();
    for state in all.values_mut() {
        if let ResourceState::Database(database) = state {
            for side in database.regions.values_mut().filter_map(muster::resource::Seen::known_mut) {
                side.timeline = 0;
            }
        }
    }
    all
}

/// Where the true world is: where the names lead and the writes go.
fn place(world: &World) -> Place {
    let mut seen = Vec::new();
    for state in world.values() {
        let writers: Vec<RegionRole> = match state {
            ResourceState::Dns(dns) => dns.serves.into_iter().collect(),
            ResourceState::Database(it) => it.writable().collect(),
            ResourceState::Storage(it) => it.writable().collect(),
            ResourceState::Region(region) if !region.isolated_from.is_empty() => return Place::Mixed,
            ResourceState::Region(_) | ResourceState::Compute(_) | ResourceState::Backup(_) => continue,
        };
        seen.push(match writers[..] {
            [RegionRole::Primary] => Place::Home,
            [RegionRole::Secondary] => Place::Secondary,
            _ => Place::Mixed,
        });
    }
    match seen.first() {
        Some(first) if seen.iter().all(|place| place == first) => *first,
        Some(_) => Place::Mixed,
        None => Place::Home,
    }
}

#[expect(clippy::print_stdout, reason = "the count of cases and how each ended is what a reader of the sweep wants")]
fn sweep(mode: Mode, at_least: usize) {
    let mut loaded = quarterly(mode, &VARS);
    for canary in &mut loaded.plan.canaries {
        // Nothing here depends on how exactly a loss is measured, and most of the time goes into rows.
        canary.every = canary.every.max(Span::from_secs(1));
    }
    let cases: Vec<Case> = SEEDS.into_iter().flat_map(|seed| cases(&loaded.plan, seed)).collect();
    let count = cases.len();
    assert!(count >= at_least * SEEDS.len(), "only {count} cases");
    let ends = all(cases.clone(), move |case| try_out(case, &loaded));
    let mut text = String::new();
    let mut wrong = 0;
    for (case, end) in cases.iter().zip(ends) {
        let end =
            end.unwrap_or_else(|panic| End { line: case.to_string(), wrong: vec![format!("it panicked: {panic}")] });
        let _ = writeln!(text, "{}", end.line);
        wrong += end.wrong.len();
        end.wrong.iter().for_each(|what| {
            let _ = writeln!(text, "  WRONG {what}");
        });
    }
    println!("{count} cases\n{text}");
    assert!(wrong == 0, "{wrong} things are wrong in {count} cases:\n{text}");
}

#[test]
fn whatever_goes_wrong_a_planned_drill_ends_in_a_known_verdict_and_tells_the_truth() {
    sweep(Mode::Planned, 210);
}

#[test]
fn whatever_goes_wrong_an_unplanned_drill_ends_in_a_known_verdict_and_tells_the_truth() {
    sweep(Mode::Unplanned, 230);
}
