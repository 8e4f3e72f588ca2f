//! How a run ended: verdict, place, exit code. Pure functions; the engine asks them once, at the end.

use super::{LegVerdict, PhaseState, Record, StepState};
use crate::catalogue::Mode;
use crate::id::{RegionRole, ResourceId};
use crate::measure::Judgement;
use crate::model::{Course, ExitCode, Leg, Place, UndoResult, Verdict};
use crate::resource::{ByRegion, ResourceKind, ResourceState, World};

/// What only the engine knows when a run ends.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// Where the run was going last.
    pub course: Course,
    /// Whether a person or a guardrail stopped it.
    pub aborted: bool,
    /// Whether it was stopped before the first change.
    pub refused: bool,
    /// Whether it was stopped short, with steps left that nobody will start.
    pub stopped: bool,
    /// Whether a defect of Muster itself showed.
    pub defect: bool,
    /// Whether something that a person did by hand is left, although the run was taken back.
    pub left_by_hand: bool,
    /// Everything as it is now.
    pub world: &'a World,
}

/// What a run comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Where the world was left.
    pub world: Place,
    /// The program's exit code.
    pub exit: ExitCode,
    /// Each leg's own verdict.
    pub legs: Vec<(Leg, LegVerdict)>,
    /// Why it is not `passed`, the weightiest first.
    pub reasons: Vec<String>,
}

/// Judges a run by all that its journal tells and by how it ended.
#[must_use]
pub fn judge(record: &Record, ending: &Ending<'_>) -> Judged {
    let reasons = reasons(record);
    let world = place(record, ending.world);
    let unfinished = ending.stopped || matches!(ending.course, Course::Stopping | Course::Paused);
    let verdict = if ending.refused {
        Verdict::Refused
    } else if split_brain(record) {
        Verdict::Failed
    } else if ending.aborted {
        Verdict::Aborted
    } else if unfinished && !record.steps.iter().any(|step| step.state.is_bad()) && !split_brain(record) {
        Verdict::Incomplete
    } else if reasons.is_empty() && matches!(ending.course, Course::Forward | Course::CleaningUp) && !unfinished {
        Verdict::Passed
    } else {
        Verdict::Failed
    };
    let legs = record.legs.iter().map(|leg| {
        let over = if leg.verdict == LegVerdict::Incomplete { LegVerdict::Failed } else { leg.verdict };
        (leg.leg, over)
    });
    Judged { verdict, world, exit: exit(record, ending, verdict, world), legs: legs.collect(), reasons }
}

/// By precedence 70, 3 for what never began, 5, 4, 1.
fn exit(record: &Record, ending: &Ending<'_>, verdict: Verdict, world: Place) -> ExitCode {
    if ending.defect {
        return ExitCode::Defect;
    }
    if verdict == Verdict::Refused {
        return ExitCode::Refused;
    }
    let settled = world == Place::Home || (verdict == Verdict::Passed && world == Place::Secondary && stays(record));
    let waiting = matches!(ending.course, Course::Holding | Course::Paused);
    if !settled || waiting || ending.left_by_hand || split_brain(record) || !undone(record) {
        return ExitCode::NeedsPerson;
    }
    match verdict {
        Verdict::Passed => ExitCode::Passed,
        Verdict::Aborted => ExitCode::Aborted,
        Verdict::Failed | Verdict::Refused | Verdict::Incomplete => ExitCode::Failed,
    }
}

/// Whether the run was to end in the secondary region: the real event, or a playbook without a way back.
fn stays(record: &Record) -> bool {
    record.header.mode == Mode::Emergency || !record.legs.iter().any(|leg| leg.leg == Leg::Return)
}

fn split_brain(record: &Record) -> bool {
    record.timeline.iter().any(|happening| happening.kind == super::HappeningKind::SplitBrain)
}

/// Whether nothing is left that was to be taken back, and no step is in doubt. A message that was sent, or may have
/// been, can't be taken back and needs nobody.
fn undone(record: &Record) -> bool {
    record.steps.iter().all(|step| match &step.undo {
        None => step.state != StepState::InDoubt || is_message(step),
        Some(undo) => match &undo.result {
            Some(UndoResult::Irreversible(_)) => is_message(step),
            Some(result) => !result.leaves_something(),
            None => false,
        },
    })
}

fn is_message(step: &super::StepRecord) -> bool {
    step.action == "notify"
}

/// Why a run is not `passed`, the weightiest first; empty if nothing stands in the way.
#[must_use]
pub fn reasons(record: &Record) -> Vec<String> {
    let mut all = Vec::new();
    if split_brain(record) {
        all.push("Two sides took writes at once".to_owned());
    }
    let taken = record.timeline.iter().filter(|happening| happening.kind == super::HappeningKind::Taken);
    all.extend(taken.map(|happening| format!("Another run has {}", happening.text)));
    // What was cancelled was so because of what failed.
    let (cancelled, failed): (Vec<_>, Vec<_>) =
        record.steps.iter().filter(|step| step.state.is_bad()).partition(|step| step.state.was_cancelled());
    for step in failed.into_iter().chain(cancelled) {
        let why = step.failure.as_deref().unwrap_or("no reason given");
        let how = match step.state {
            StepState::ByHand => "was done by hand",
            StepState::InDoubt => "is in doubt",
            state if state.was_cancelled() => "was cancelled",
            _ => "failed",
        };
        all.push(format!("Step {} {how}: {why}", step.id));
    }
    // Of a run that was refused, nobody expected a measure.
    let refused = record.ended.verdict == Verdict::Refused;
    let expected = |leg: Leg| !refused || record.legs.iter().any(|it| it.leg == leg && it.started.is_some());
    for leg in record.legs.iter().filter(|leg| expected(leg.leg)) {
        objective(&mut all, &format!("RTO of the {}", leg.leg), leg.rto_judgement, leg.rto, &leg.rta);
        objective(&mut all, &format!("RPO of the {}", leg.leg), leg.rpo_judgement, leg.rpo, &leg.rpa);
    }
    all.extend(lost_too_much(record));
    for service in &record.services {
        for leg in service.legs.iter().filter(|leg| expected(leg.leg)) {
            let of_drill = record.legs.iter().find(|it| it.leg == leg.leg);
            // What the drill's own line says already is not said again for each service.
            if of_drill.is_some_and(|it| it.rto_judgement == leg.judgement && it.rto == leg.rto) {
                continue;
            }
            objective(
                &mut all,
                &format!("RTO of {} in the {}", service.title, leg.leg),
                leg.judgement,
                leg.rto,
                &leg.rta,
            );
        }
    }
    for step in record.steps.iter().filter(|step| step.state.is_good()) {
        if let Some(within) = step.within.filter(|within| within.judgement.fails()) {
            let took = within.counted.map_or_else(|| "an unknown time".to_owned(), |span| span.to_string());
            all.push(format!("Step {} took {took}; {} was its objective", step.id, within.within));
        }
    }
    let left = |step: &&super::StepRecord| matches!(step.state, StepState::NotReached | StepState::Running);
    let count = record.steps.iter().filter(left).count();
    if let Some(first) = record.steps.iter().find(left) {
        let (and, were) = if count > 1 { (format!(" and {} more", count - 1), "were") } else { (String::new(), "was") };
        all.push(format!("Step {}{and} {were} not carried out", first.id));
    } else if let Some(phase) = record.phases.iter().find(|phase| phase.state == PhaseState::Running) {
        all.push(format!("Phase {} was not ended", phase.id));
    }
    all
}

/// Why an unplanned drill lost more than its playbook accepts, or may have: such a promotion takes what is there, and
/// fails the drill whatever the objective says.
pub(crate) fn lost_too_much(record: &Record) -> Option<String> {
    let accepted = record.header.data_loss.as_ref().map(|loss| loss.accept_up_to)?;
    if record.header.mode != Mode::Unplanned {
        return None;
    }
    let leg = record.legs.iter().find(|leg| leg.leg == Leg::Failover && leg.started.is_some())?;
    match leg.rpa.judge(Some(accepted)) {
        Judgement::Missed => Some(format!("More data was lost than the playbook accepts ({accepted}): {}", leg.rpa)),
        Judgement::Undecided => {
            Some(format!("Whether more data was lost than the playbook accepts ({accepted}) was not seen: {}", leg.rpa))
        }
        Judgement::Met | Judgement::NotMeasured | Judgement::NoObjective => None,
    }
}

fn objective(
    all: &mut Vec<String>,
    what: &str,
    judgement: Judgement,
    objective: Option<crate::time::Span>,
    measure: &crate::measure::Measure,
) {
    if let Some(objective) = objective.filter(|_| judgement.fails()) {
        let what = format!("{what} ({objective})");
        all.push(match judgement {
            Judgement::NotMeasured => format!("{what}: {measure}"),
            _ => format!("{what} {judgement}: {measure}"),
        });
    }
}

/// Where `now` is, beside what was there before the run.
///
/// It is a region's if every name points to it, its databases and storages take writes, nothing of the other region
/// does, and no region is cut off. A drill whose plan has none of these is home: there was nowhere to go. For the
/// secondary the other side may be out of reach, for home it must be seen.
#[must_use]
pub fn place(record: &Record, now: &World) -> Place {
    let mut votes: Vec<Place> = Vec::new();
    let missing = |id: &ResourceId| !now.contains_key(id);
    let places = record.before.iter().filter(|(_, state)| places(state.kind()));
    if places.map(|(id, _)| id).chain(record.unseen.iter().map(|(id, _)| id)).any(missing) {
        votes.push(Place::Unknown);
    }
    for state in now.values() {
        match state {
            ResourceState::Dns(dns) => votes.push(dns.serves.map_or(Place::Mixed, of)),
            ResourceState::Database(it) => votes.push(of_writers(&it.regions, &it.writable().collect::<Vec<_>>())),
            ResourceState::Storage(it) => votes.push(of_writers(&it.regions, &it.writable().collect::<Vec<_>>())),
            ResourceState::Region(region) if !region.is_reachable() => votes.push(Place::Mixed),
            ResourceState::Region(_) | ResourceState::Compute(_) | ResourceState::Backup(_) => {}
        }
    }
    let agree = |one: Place, other: Place| match (one, other) {
        (Place::Unknown, _) | (_, Place::Unknown) => Place::Unknown,
        (one, other) if one == other => one,
        _ => Place::Mixed,
    };
    votes.into_iter().reduce(agree).unwrap_or(Place::Home)
}

fn places(kind: ResourceKind) -> bool {
    !matches!(kind, ResourceKind::Compute | ResourceKind::Backup)
}

fn of(region: RegionRole) -> Place {
    match region {
        RegionRole::Primary => Place::Home,
        RegionRole::Secondary => Place::Secondary,
    }
}

fn of_writers<T>(regions: &ByRegion<T>, writers: &[RegionRole]) -> Place {
    let seen = |role: RegionRole| regions.get(&role).is_none_or(|seen| seen.known().is_some());
    match writers {
        [RegionRole::Secondary] => Place::Secondary,
        [RegionRole::Primary] if seen(RegionRole::Secondary) => Place::Home,
        [] if seen(RegionRole::Primary) && seen(RegionRole::Secondary) => Place::Mixed,
        [] | [RegionRole::Primary] => Place::Unknown,
        _ => Place::Mixed,
    }
}
