//! Whether a report tells the truth about the world: everything that it says or does not say, held against the simulation.

use std::collections::BTreeMap;

use super::Truth;
use crate::catalogue::Act;
use crate::id::RegionRole;
use crate::measure::Judgement;
use crate::model::{ExitCode, Leg, Place, Plan, UndoResult, Verdict};
use crate::record::{HappeningKind, Record, StepState};
use crate::resource::{ResourceState, Seen, World, region_resource, settled};

/// Everything that a record says and that is not so, or is so and that it does not say. Empty: it tells the truth.
#[must_use]
pub fn untruths(plan: &Plan, record: &Record, exit: ExitCode, truth: &Truth) -> Vec<String> {
    let mut wrong = Vec::new();
    let (verdict, world) = (record.ended.verdict, record.ended.world);
    let (before, after) = (comparable(&truth.before), comparable(&truth.after));
    if record.ended.exit != Some(exit) {
        wrong.push(format!("the journal says exit {:?}, the program {exit:?}", record.ended.exit));
    }
    if !fits(verdict, world, exit, record) {
        wrong.push(format!("exit {exit:?} does not fit {verdict} and {world}"));
    }
    wrong.extend(untold(record, &before, &after));
    let true_place = place(&truth.after);
    if world != true_place && world != Place::Unknown {
        wrong.push(format!("it says that the world is {world}, and it is {true_place}"));
    }
    // A playbook without a way back passes in the secondary region, and differs there as it means to.
    let home = verdict == Verdict::Refused || (verdict == Verdict::Passed && world == Place::Home);
    if home {
        let different = changed(truth);
        if !different.is_empty() {
            wrong.push(format!("it ended {verdict}, and these are otherwise than before: {}", different.join(", ")));
        }
    }
    wrong.extend(writers(record, exit, truth));
    wrong.extend(commands(plan, record, truth));
    wrong.extend(losses(plan, record, truth));
    if record.steps.iter().any(|step| step.state == StepState::Running) {
        wrong.push("a step still runs".to_owned());
    }
    if verdict == Verdict::Passed
        && let Some(step) = record.steps.iter().find(|step| step.state.is_bad())
    {
        wrong.push(format!("it passed although step {} failed", step.id));
    }
    wrong
}

/// What is otherwise than before, but for what varies by itself and for regions that a fault took.
#[must_use]
pub fn changed(truth: &Truth) -> Vec<String> {
    let (before, after) = (comparable(&truth.before), comparable(&truth.after));
    let taken: Vec<String> = truth.lost.iter().map(|role| region_resource(*role).to_string()).collect();
    let differs = |(id, state): &(String, ResourceState)| before.get(id) != Some(state) && !taken.contains(id);
    after.into_iter().filter(differs).map(|(id, _)| id).collect()
}

fn writers(record: &Record, exit: ExitCode, truth: &Truth) -> Vec<String> {
    let mut wrong = Vec::new();
    let shouted = record.timeline.iter().any(|happening| happening.kind == HappeningKind::SplitBrain);
    let names: Vec<&str> = truth.two_writers.iter().map(crate::id::ResourceId::as_str).collect();
    if !names.is_empty() && !shouted {
        wrong.push(format!("two sides took writes, and nobody was told: {}", names.join(", ")));
    }
    if names.is_empty() && shouted {
        wrong.push("it shouts that two sides took writes, and none did".to_owned());
    }
    if shouted && (exit != ExitCode::NeedsPerson || record.ended.verdict == Verdict::Passed) {
        wrong.push(format!("two sides took writes, and it ended {}, exit {exit:?}", record.ended.verdict));
    }
    wrong
}

/// Commands that are still in effect although the report says, or lets believe, that they were taken back.
fn commands(plan: &Plan, record: &Record, truth: &Truth) -> Vec<String> {
    let mut wrong = Vec::new();
    let observes = |n: usize, observe: &[String]| match &plan.steps[n].act {
        Act::Command(command) => command.observe == observe,
        _ => false,
    };
    for (observe, last) in &truth.commands {
        let all: Vec<usize> = (0..plan.steps.len()).filter(|n| observes(*n, observe)).collect();
        let acts =
            |n: &usize| matches!(&plan.steps[*n].act, Act::Command(it) if it.argv == *last && !it.undo.is_empty());
        let Some(&step) = all.iter().find(|n| acts(n)) else { continue };
        let (id, state) = (&plan.steps[step].id, &record.steps[step]);
        let left = record.left.iter().any(|left| left.step.as_ref() == Some(id));
        let ended_by = |n: &usize| *n != step && plan.steps[*n].applies;
        let other_failed = all.iter().filter(|n| ended_by(n)).any(|n| record.steps[*n].state.is_bad());
        let said_back = state.undo.as_ref().is_some_and(|undo| {
            undo.result
                .as_ref()
                .is_some_and(|result| !matches!(result, UndoResult::NothingToDo) && !result.leaves_something())
        });
        if !left && !other_failed && (said_back || all.iter().any(ended_by)) {
            wrong.push(format!("what `{id}` did is still so, and nobody is told"));
        }
    }
    wrong
}

/// Losses beyond an objective that the report says was met, though a canary watched.
fn losses(plan: &Plan, record: &Record, truth: &Truth) -> Vec<String> {
    let mut wrong = Vec::new();
    for (resource, to, lost) in &truth.losses {
        let Some(canary) = plan.canaries.iter().find(|canary| canary.of == *resource) else { continue };
        let leg = leg_to(*to);
        let told = record.legs.iter().find(|it| it.leg == leg);
        if let (Some(told), Some(objective)) = (told, plan.objectives.rpo_of(leg))
            && told.rpo_judgement == Judgement::Met
            && *lost > objective + canary.every
        {
            wrong.push(format!("{lost} of {resource} were lost in the {leg}, and it says that its RPO was met"));
        }
    }
    wrong
}

/// The leg in which a promotion of that region's side belongs.
pub(super) fn leg_to(region: RegionRole) -> Leg {
    match region {
        RegionRole::Primary => Leg::Return,
        RegionRole::Secondary => Leg::Failover,
    }
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
                wrong.push(format!("{id} is otherwise than before ({differ:?}), and nobody is told: {now}"));
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
            wrong.push(format!("{id} is as it was, and said to be otherwise: {told}"));
        }
    }
    wrong
}

/// The state of each side of a resource; of one without sides the whole, by what it is called in a line for people.
fn sides(state: Option<&ResourceState>) -> BTreeMap<String, String> {
    let value = serde_json::to_value(state).unwrap_or_default();
    let inner = value.as_object().and_then(|kinds| kinds.values().next()).cloned().unwrap_or_default();
    match inner.get("regions").and_then(|regions| regions.as_object()) {
        Some(regions) => regions.iter().map(|(role, side)| (role.clone(), side.to_string())).collect(),
        None if value.is_null() => BTreeMap::new(),
        None => BTreeMap::from([(String::new(), value.to_string())]),
    }
}

/// Whether an exit code fits verdict and world, as the meaning of the codes has it.
fn fits(verdict: Verdict, world: Place, exit: ExitCode, record: &Record) -> bool {
    let left = record.steps.iter().any(|step| step.state == StepState::InDoubt) || !record.left.is_empty();
    // A playbook without a way back, and the real event, end in the secondary region.
    let stays = !record.legs.iter().any(|leg| leg.leg == Leg::Return);
    match exit {
        ExitCode::Passed => {
            verdict == Verdict::Passed && (world == Place::Home || (stays && world == Place::Secondary))
        }
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
            for side in database.regions.values_mut().filter_map(Seen::known_mut) {
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
            ResourceState::Region(region) if !region.is_reachable() => return Place::Mixed,
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
